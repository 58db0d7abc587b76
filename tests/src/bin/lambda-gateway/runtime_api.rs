//! The Runtime API, as one instance sees it: it asks for its next event, and reports the outcome. See
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};

/// What every path begins with.
const PREFIX: &str = "/2018-06-01/runtime/";

/// The largest answer: Lambda takes 6 MB.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;

/// An event for the instance.
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: String,
    /// What is handed over.
    pub(crate) payload: Bytes,
    /// When the instance will be ended, in milliseconds since 1970.
    pub(crate) deadline_ms: i64,
    /// Where to report the outcome.
    pub(crate) tell: oneshot::Sender<Told>,
}

/// The outcome that an instance reported for an event.
pub(crate) enum Told {
    /// Its answer.
    Answer(Bytes),
    /// That it failed, and how.
    Failure(Bytes),
}

/// One instance's Runtime API, which listens until this is dropped.
pub(crate) struct RuntimeApi {
    /// Where.
    pub(crate) address: SocketAddr,
    events: mpsc::Sender<Event>,
    listening: JoinHandle<()>,
}

struct Shared {
    function_arn: HeaderValue,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    under_way: Mutex<Option<(String, oneshot::Sender<Told>)>>,
}

impl RuntimeApi {
    /// Listens for an instance of that function, on a port of its own.
    pub(crate) async fn open(function: &str) -> Result<RuntimeApi, crate::Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel(1);
        let function_arn = format!("arn:aws:lambda:local:000000000000:function:{function}");
        let shared = Arc::new(Shared {
            function_arn: HeaderValue::try_from(function_arn)?,
            waiting: tokio::sync::Mutex::new(waiting),
            under_way: Mutex::new(None),
        });
        Ok(RuntimeApi { address, events, listening: tokio::spawn(listen(listener, shared)) })
    }

    /// Passes the instance an event when it asks for the next; `false` if it never will.
    pub(crate) async fn hand_over(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(shared.respond(request).await) }
            });
            // An instance that ends hangs up.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Shared {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let asked = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        if (&head.method, asked) == (&Method::GET, "invocation/next") {
            return self.next().await;
        }
        let Ok(body) = Limited::new(body, ANSWER_BYTES_MAX).collect().await else {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let body = body.to_bytes();
        match asked.split('/').collect::<Vec<_>>()[..] {
            ["invocation", id, "response"] => self.told(id, Told::Answer(body)),
            ["invocation", id, "error"] => self.told(id, Told::Failure(body)),
            ["init", "error"] => {
                eprintln!("lambda-gateway: an instance cannot start: {}", String::from_utf8_lossy(&body));
                empty(StatusCode::ACCEPTED)
            }
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    /// The next event, as soon as there is one.
    async fn next(&self) -> Response<Full<Bytes>> {
        let Some(event) = self.waiting.lock().await.recv().await else { return empty(StatusCode::GONE) };
        let mut headers = HeaderMap::new();
        let id = HeaderValue::try_from(&event.id);
        headers.extend(id.map(|id| (http::HeaderName::from_static("lambda-runtime-aws-request-id"), id)));
        headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(event.deadline_ms));
        headers.insert("lambda-runtime-invoked-function-arn", self.function_arn.clone());
        headers.insert("lambda-runtime-trace-id", HeaderValue::from_static("Root=1-0-0;Sampled=0"));
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = Some((event.id, event.tell));
        let mut response = Response::new(Full::new(event.payload));
        *response.headers_mut() = headers;
        response
    }

    fn told(&self, id: &str, what: Told) -> Response<Full<Bytes>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.take_if(|(own, _)| own == id) {
            // The waiting side may have given up.
            Some((_, tell)) => {
                let _ = tell.send(what);
                empty(StatusCode::ACCEPTED)
            }
            None => empty(StatusCode::BAD_REQUEST),
        }
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
