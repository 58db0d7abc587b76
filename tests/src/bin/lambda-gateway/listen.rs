//! The one port: URLs of the functions, Lambda's own `Invoke`, and `/healthz`.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use edge::Clock;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    Error,
    clock::{Moment, TestClock, moved},
    function_url::{self, plain},
    instance::Outcome,
    pool::Pool,
    settings::Settings,
    stream,
};

/// The largest request: Lambda takes 6 MB.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// How long a function has for a request. The template gives less to functions that are not sweeps, but a
/// machine that runs tests may be busy.
const URL_LIMIT: Duration = Duration::from_secs(30);

/// How long it has when it is invoked, unless [`LIMIT_HEADER`] says otherwise.
const INVOKE_LIMIT: Duration = Duration::from_secs(900);

/// Header of an `Invoke`: another time limit, in milliseconds.
const LIMIT_HEADER: &str = "lambda-gateway-time-limit-ms";

/// How long requests have after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

struct Gateway {
    settings: Arc<Settings>,
    clock: Arc<TestClock>,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
}

/// Serves until SIGTERM or SIGINT, then finishes what is under way.
pub(crate) async fn serve(settings: Arc<Settings>) -> Result<(), Error> {
    let listener = TcpListener::bind(settings.address).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let clock = Arc::new(TestClock::new(settings.test_clock.as_deref()));
    println!("Lambda gateway on http://{}", listener.local_addr()?);
    let gateway = Arc::new(Gateway { settings, clock, pools: Mutex::default() });
    if let Some(manner) = gateway.settings.stream {
        let pool = gateway.pool("react").ok_or("there is no function react")?;
        tokio::spawn(stream::hand_over(gateway.settings.clone(), pool, manner));
    }
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                while connections.try_join_next().is_some() {}
                connections.spawn(connection(stream, gateway.clone(), stopped.clone()));
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    stop.send(true)?;
    let finished = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(STOP_PATIENCE, finished).await;
    Ok(())
}

async fn connection(stream: TcpStream, gateway: Arc<Gateway>, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.respond(request).await) }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        eprintln!("lambda-gateway: a connection ended: {error}");
    }
}

impl Gateway {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            let text = Bytes::from_static(br#"{"Message":"Request Entity Too Large"}"#);
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "application/json", text);
        };
        let body = body.to_bytes();
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        match (&head.method, &path[..]) {
            (&Method::GET, ["healthz"]) => {
                plain(StatusCode::OK, "application/json", Bytes::from_static(br#"{"status":"ok"}"#))
            }
            (&Method::POST, ["2015-03-31", "functions", function, "invocations"]) => {
                self.invoke(function, &head, body).await
            }
            // The second name of `settle`, as a distribution in front of the URLs would lead it.
            (_, ["settlements", ..]) => self.ask("settle", &head, &body).await,
            (_, ["activity"]) => self.ask("keys", &head, &body).await,
            (_, ["orders", ..]) => self.ask("earn-points", &head, &body).await,
            (_, ["card-keys"] | ["members", _, "card" | "card.svg", ..]) => {
                self.ask("scan", &head, &body).await
            }
            (_, [function, ..]) => self.ask(function, &head, &body).await,
            (_, []) => nothing_here(),
        }
    }

    /// A request by the function's URL.
    async fn ask(&self, function: &str, head: &Parts, body: &Bytes) -> Response<Full<Bytes>> {
        let Some(pool) = self.pool(function) else { return nothing_here() };
        let now = chrono::DateTime::from_timestamp_millis(Clock::Machine.now().0).unwrap_or_default();
        let event = function_url::event(head, body, now).to_string();
        let moves_to = head.headers.get("test-clock").and_then(|at| at.to_str().ok()).and_then(Moment::read);
        let has_moved = |answer: &Bytes| {
            let (status, code) = function_url::verdict(answer);
            moved(status, &code)
        };
        match pool.invoke(event.into(), URL_LIMIT, moves_to, has_moved).await {
            Ok(Outcome::Answer(answer)) => function_url::response(&answer),
            Ok(Outcome::Failure(failure)) => {
                eprintln!("lambda-gateway: {function} failed: {}", String::from_utf8_lossy(&failure));
                function_url::failed()
            }
            Err(error) => {
                eprintln!("lambda-gateway: {function}: {error}");
                function_url::failed()
            }
        }
    }

    /// An event for the function itself, from a sender with IAM's permission.
    async fn invoke(&self, function: &str, head: &Parts, body: Bytes) -> Response<Full<Bytes>> {
        let Some(pool) = self.pool(function) else { return nothing_here() };
        let limit = head.headers.get(LIMIT_HEADER).and_then(|limit| limit.to_str().ok()?.parse().ok());
        let limit = limit.map_or(INVOKE_LIMIT, Duration::from_millis);
        match pool.invoke(body, limit, None, |_| false).await {
            Ok(Outcome::Answer(answer)) => plain(StatusCode::OK, "application/json", answer),
            Ok(Outcome::Failure(failure)) => {
                let mut response = plain(StatusCode::OK, "application/json", failure);
                let unhandled = http::HeaderValue::from_static("Unhandled");
                response.headers_mut().insert("x-amz-function-error", unhandled);
                response
            }
            Err(error) => {
                eprintln!("lambda-gateway: {function}: {error}");
                function_url::failed()
            }
        }
    }

    fn pool(&self, function: &str) -> Option<Arc<Pool>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(function) {
            return Some(pool.clone());
        }
        self.settings.binary(function)?;
        let pool = Arc::new(Pool::new(function, self.settings.clone(), self.clock.clone()));
        pools.insert(function.to_owned(), pool.clone());
        Some(pool)
    }
}

fn nothing_here() -> Response<Full<Bytes>> {
    let problem = br#"{"status":404,"code":"not_found","title":"Not Found","detail":"nothing answers here"}"#;
    plain(StatusCode::NOT_FOUND, "application/problem+json", Bytes::from_static(problem))
}
