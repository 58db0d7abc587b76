//! The socket: reads requests, within limits, and writes answers. Stops gracefully.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    backup::{self, BrokenOff},
    bare::Spoken,
    copies::Copies,
    metrics::{Metrics, metrics},
    patience::Patient,
};
use bytes::Bytes;
use edge::{Api, Code, Problem};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, channel::Channel};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use store_redb::RedbStore;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a client may take to send a request's head, and its body.
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// How long, and how many bytes, a client that was refused may go on sending before its connection is cut. Whoever
/// writes first and reads then would lose the answer with it.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 2 * 1024 * 1024;
/// How long requests in flight have after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// What is served besides the functions.
pub(crate) struct Extra {
    /// `GET /openapi.json`.
    pub(crate) openapi: Bytes,
    /// The embedded store, if it is one: what `GET /backup` copies.
    pub(crate) embedded: Option<Arc<RedbStore>>,
    /// `GET /metrics`.
    pub(crate) metrics: Metrics,
    /// The copies that follow.
    pub(crate) copies: Copies,
}

/// A complete body, or one that is still being read from the store.
pub(crate) type Body = Either<Full<Bytes>, Channel<Bytes, BrokenOff>>;

/// Where connections come from.
pub(crate) enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A file on this machine.
    Unix(UnixListener),
}

/// An accepted connection.
enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> std::io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok(Accepted::Tcp(stream))
            }
            Listener::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

/// Serves until `stop` changes, then finishes what is in flight.
pub(crate) async fn listen(
    listener: Listener,
    api: Arc<Api>,
    extra: Arc<Extra>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned();
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = async { (place.await, listener.accept().await) } => accepted,
        };
        let (Ok(place), Ok(accepted)) = accepted else {
            // Too many open files, or the like: wait a little instead of spinning.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (api, extra, stop) = (api.clone(), extra.clone(), stop.clone());
        connections.spawn(async move {
            match accepted {
                Accepted::Tcp(stream) => connection(stream, api, extra, stop).await,
                Accepted::Unix(stream) => connection(stream, api, extra, stop).await,
            }
            drop(place);
        });
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(STOP_PATIENCE, finished).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    api: Arc<Api>,
    extra: Arc<Extra>,
    mut stop: watch::Receiver<bool>,
) {
    let unread = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request| {
        let (api, extra, unread) = (api.clone(), extra.clone(), unread.clone());
        let responding = async move { Ok::<_, Infallible>(respond(&api, &extra, request, &unread).await) };
        Box::pin(responding) as Pin<Box<dyn Future<Output = _> + Send>>
    });
    let mut http = http1::Builder::new();
    // A caller that hangs up must not stop its request between two of its steps, so the server does not read
    // the socket while it answers a request.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(READ_PATIENCE).max_buf_size(64 * 1024);
    let stream = Spoken::new(Patient::new(stream), api.clone());
    let mut serving = http.serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = poll_fn(|context| serving.poll_without_shutdown(context)) => ended,
        _ = stop.changed() => {
            Pin::new(&mut serving).graceful_shutdown();
            poll_fn(|context| serving.poll_without_shutdown(context)).await
        }
    };
    let was_refused = ended.as_ref().is_err_and(hyper::Error::is_parse) || unread.load(Ordering::Relaxed);
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
    let mut stream = serving.into_parts().io.into_inner();
    if stream.shutdown().await.is_ok() && was_refused {
        linger(stream).await;
    }
}

/// Reads what the client still sends, and discards it, until it has closed or sent or waited too much.
async fn linger(mut stream: impl AsyncRead + Unpin) {
    let discarding = async {
        let (mut buffer, mut left) = (vec![0; 16 * 1024], LINGER_BYTES);
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(length);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LINGER, discarding).await;
}

/// The response; and whether something of the request was left unread, in which case it is the connection's last.
async fn respond(
    api: &Arc<Api>,
    extra: &Extra,
    request: Request<Incoming>,
    unread: &AtomicBool,
) -> Response<Body> {
    unread.store(!request.body().is_end_stream(), Ordering::Relaxed);
    let (store, copies) = (extra.embedded.as_ref(), &extra.copies);
    let mut response = match (request.method().as_str(), request.uri().path()) {
        ("GET", "/backup") => {
            backup::backup(api, store, copies, request.headers(), request.uri().query()).await
        }
        ("DELETE", "/backup") => {
            backup::end(api, store, copies, request.headers(), request.uri().query()).await
        }
        _ => answer(api, extra, request, unread).await.map(Either::Left),
    };
    if unread.load(Ordering::Relaxed) {
        let close = http::HeaderValue::from_static("close");
        response.headers_mut().insert(http::header::CONNECTION, close);
    }
    response
}

async fn answer(
    api: &Arc<Api>,
    extra: &Extra,
    request: Request<Incoming>,
    unread: &AtomicBool,
) -> Response<Full<Bytes>> {
    let local = match (request.method().as_str(), request.uri().path()) {
        ("GET", "/healthz") => return health(api, extra).await,
        ("GET", "/openapi.json") => Some(json_response(extra.openapi.clone())),
        ("GET", "/metrics") => return metrics(api, extra, request.headers()).await,
        _ => None,
    };
    if let Some(response) = local {
        return response;
    }
    let path = request.uri().path().to_owned();
    let mut took = None;
    let in_flight = extra.metrics.begin();
    let response = functions(api, extra, request, unread, &mut took).await;
    drop(in_flight);
    extra.metrics.answered(api, &path, &response, took);
    response
}

/// The answer of a function; and how long it took once the request was read.
async fn functions(
    api: &Arc<Api>,
    extra: &Extra,
    request: Request<Incoming>,
    unread: &AtomicBool,
    took: &mut Option<Duration>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let bytes_max = api.body_bytes_max(&head.method, head.uri.path());
    let too_large = || api.refuse(&Problem::body_too_large(bytes_max)).map(Full::new);
    // A body that is declared too long is neither awaited nor requested (`Expect: 100-continue`).
    if body.size_hint().lower() > bytes_max as u64 {
        return too_large();
    }
    let body = match timeout(READ_PATIENCE, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => return too_large(),
        Ok(Err(_)) => {
            return api.refuse(&Problem::saying(Code::MalformedJson, "the body broke off")).map(Full::new);
        }
        Err(_) => {
            return api.refuse(&Problem::of(Code::RequestTimeout)).map(Full::new);
        }
    };
    unread.store(false, Ordering::Relaxed);
    let (began, swept) = (api.clock.steady(), sweeping(api, head.uri.path()));
    let response = api.serve(Request::from_parts(head, body)).await;
    *took = Some(api.clock.steady().saturating_duration_since(began));
    if let Some(function) = swept.filter(|_| response.status() == StatusCode::OK && is_done(response.body()))
    {
        extra.metrics.swept(function, api.clock.now());
    }
    response.map(Full::new)
}

/// The function of that path, if it is one that a schedule runs.
fn sweeping(api: &Api, path: &str) -> Option<&'static str> {
    let function = api.functions.iter().find(|function| path.strip_prefix('/') == Some(function.name))?;
    function.scheduled().map(|_| function.name)
}

/// Whether a sweep's answer says that nothing is left.
fn is_done(answer: &Bytes) -> bool {
    let said: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    said["done"] == true
}

/// 503 once the store has failed for good, so that a supervisor can restart the server.
async fn health(api: &Api, extra: &Extra) -> Response<Full<Bytes>> {
    let takes_commits = extra.embedded.as_ref().is_none_or(|store| store.takes_commits());
    match api.freshen().await {
        Ok(()) if takes_commits => json_response(Bytes::from_static(b"{\"status\":\"ok\"}")),
        Ok(()) => {
            let detail = "the journal could not be made durable; the server must be started again";
            api.refuse(&Problem::saying(Code::StoreUnavailable, detail)).map(Full::new)
        }
        Err(problem) => api.refuse(&problem).map(Full::new),
    }
}

fn json_response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::OK;
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
