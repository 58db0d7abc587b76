//! `laurel serve`.

use std::{collections::BTreeSet, os::unix::fs::FileTypeExt, path::Path, process::ExitCode, sync::Arc};

use edge::Api;
use outward::Counts;
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    FUNCTIONS,
    behind::Behind,
    cli::Serve,
    copies::Copies,
    home::AdminKey,
    listen::{Extra, Listener, listen},
    metrics::Metrics,
    outward::{Outward, Pacer},
    start::{StartError, failed, serving},
};

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(serve: &Serve) -> Result<ExitCode, StartError> {
    let (api, opened) = serving(serve).await?;
    let listener = TcpListener::bind(serve.addr).await;
    let listener = listener.map_err(|error| failed(&format!("cannot listen on {}", serve.addr), &error))?;
    let address = listener.local_addr().map_err(|error| failed("no address", &error))?;
    greet(serve, &address.to_string(), &opened.admin_key);
    let document = edge::openapi::document(&FUNCTIONS);
    let socket = serve.socket.as_deref().map(unix_socket).transpose()?;
    let embedded = opened.embedded.clone();
    let metrics = Metrics::new(embedded.clone().map(|store| (store, serve.data.data.clone())));
    let openapi = document.to_string().into();
    let extra = Extra { openapi, embedded, metrics, copies: Copies::default() };
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
    let (api, extra) = (Arc::new(api), Arc::new(extra));
    let counts = Arc::default();
    extra.metrics.sends(Arc::clone(&counts));
    let outward = Sending::start(&api, opened.embedded.is_some(), counts).await?;
    let also = async {
        if let Some(socket) = socket {
            listen(Listener::Unix(socket), api.clone(), extra.clone(), stopped.clone()).await;
        }
    };
    tokio::join!(listen(Listener::Tcp(listener), api.clone(), extra.clone(), stopped.clone()), also);
    outward.stop().await;
    if let Some(path) = &serve.socket {
        let _ = std::fs::remove_file(path); // the next start takes away what is left
    }
    drop(opened);
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// What sends events: beside a folder's requests, which take all the processors that there are; among a table's, which
/// wait for the network, over connections that they share.
enum Sending {
    Behind(Behind),
    Among(Outward),
    /// The store has no feed.
    Nothing,
}

impl Sending {
    async fn start(api: &Arc<Api>, is_folder: bool, counts: Arc<Counts>) -> Result<Sending, StartError> {
        if !is_folder {
            let among = Outward::start_counting(api.clone(), false, Pacer::never(), counts).await;
            return Ok(among.map_or(Sending::Nothing, Sending::Among));
        }
        let behind = Behind::start(api.clone(), counts).await;
        let behind = behind.map_err(|error| failed("no thread for the webhooks", &error))?;
        Ok(behind.map_or(Sending::Nothing, Sending::Behind))
    }

    async fn stop(self) {
        match self {
            Sending::Behind(behind) => behind.stop().await,
            Sending::Among(outward) => outward.stop().await,
            Sending::Nothing => {}
        }
    }
}

/// Listens on the file. Removes a socket that a killed server left behind, but not one that somebody listens
/// on, nor a file that is no socket.
fn unix_socket(path: &Path) -> Result<UnixListener, StartError> {
    let is_left_over = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && std::os::unix::net::UnixStream::connect(path).is_err();
    if is_left_over {
        let _ = std::fs::remove_file(path); // if that fails, so does listening, and says why
    }
    UnixListener::bind(path).map_err(|error| failed(&format!("cannot listen on {}", path.display()), &error))
}

fn greet(serve: &Serve, address: &str, admin_key: &AdminKey) {
    println!("Laurel serves http://{address} from {}", serve.data);
    let (mut names, mut known) = (FUNCTIONS.iter().map(|function| function.name), BTreeSet::new());
    while let Some(name) = names.by_ref().find(|name| known.insert(*name)) {
        println!("  http://{address}/{name}");
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
