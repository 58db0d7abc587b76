//! `laurel serve`.

use std::{process::ExitCode, sync::Arc};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    FUNCTIONS,
    cli::Serve,
    home::AdminKey,
    listen::{Extra, listen},
    start::{StartError, failed, serving},
};

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(serve: &Serve) -> Result<ExitCode, StartError> {
    let (api, opened) = serving(serve).await?;
    let listener = TcpListener::bind(serve.addr).await;
    let listener = listener.map_err(|error| failed(&format!("cannot listen on {}", serve.addr), &error))?;
    let address = listener.local_addr().map_err(|error| failed("no address", &error))?;
    greet(serve, &address.to_string(), &opened.admin_key);
    let document = edge::openapi::document(FUNCTIONS);
    let extra = Extra { openapi: document.to_string().into(), embedded: opened.embedded.clone() };
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed("no signals", &error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed("no signals", &error))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let _ = stop.send(true);
    });
    tracing::info!(%address, "serving");
    listen(listener, Arc::new(api), Arc::new(extra), stopped)
        .await
        .map_err(|error| failed("cannot serve", &error))?;
    drop(opened);
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn greet(serve: &Serve, address: &str, admin_key: &AdminKey) {
    println!("Laurel serves http://{address} from {}", serve.data);
    for function in FUNCTIONS {
        println!("  http://{address}/{}", function.name);
    }
    println!("  http://{address}/openapi.json  what each takes and answers");
    let key = match admin_key {
        AdminKey::Given(_) => {
            println!("The admin key is the one in LAUREL_ADMIN_KEY.");
            "$LAUREL_ADMIN_KEY".to_owned()
        }
        AdminKey::File(_, file) => {
            println!("The admin key is in {} (mode 0600).", file.display());
            format!("$(cat {})", file.display())
        }
    };
    println!("A first request:");
    println!("  curl -s http://{address}/register -H \"Authorization: Bearer {key}\" \\");
    println!("    -H 'Content-Type: application/json' \\");
    println!(
        "    -d '{{\"identities\":[{{\"kind\":\"email\",\"value\":\"li@example.cn\"}}],\"brand\":\"acme\"}}'"
    );
}
