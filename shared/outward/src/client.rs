//! The client that events are sent with. It follows no redirect, keeps connections, and connects to addresses alone
//! that it has looked up and judged itself: a name that points elsewhere at the second look is refused.

use std::{
    error::Error,
    fmt,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use domain::time::Instant;
use edge::webhook::{Came, is_public, retry_after, target};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client as Pooled,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tower_service::Service;

/// How long a receiver may take to answer, with all that comes before.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Connections to a receiver that are kept.
const IDLE_MAX: usize = crate::AT_ONCE;

/// Bytes of an answer's body that are kept, and those that are read so that the connection can be used again.
const KEPT_BYTES: usize = 256;
const READ_BYTES: usize = 16 * 1024;

/// A request, ready to be sent.
pub(crate) struct Message {
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) seconds: i64,
    pub(crate) signature: String,
    pub(crate) body: Bytes,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    http: Option<Pooled<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>>,
    local: bool,
}

impl Client {
    /// A client that connects to this machine and by plain HTTP only if that is said.
    pub(crate) fn new(local: bool) -> Client {
        let mut connector = HttpConnector::new_with_resolver(Resolver { local });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(PATIENCE));
        let builder = HttpsConnectorBuilder::new().with_native_roots();
        let http = match builder {
            Ok(builder) => {
                let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
                let mut pooled = Pooled::builder(TokioExecutor::new());
                pooled.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(IDLE_MAX);
                Some(pooled.build(connector))
            }
            Err(error) => {
                tracing::error!(%error, "no webhook can be sent: the machine's certificates cannot be read");
                None
            }
        };
        Client { http, local }
    }

    /// Sends it, once; `now` is the machine's clock.
    pub(crate) async fn send(&self, message: Message, now: Instant) -> Came {
        match tokio::time::timeout(PATIENCE, self.try_to_send(message, now)).await {
            Ok(came) => came,
            Err(_) => Came::nothing("timeout"),
        }
    }

    async fn try_to_send(&self, message: Message, now: Instant) -> Came {
        let Some(http) = &self.http else { return Came::nothing("tls") };
        // What was allowed when the webhook was made may not be any more; an address in the URL is not looked up.
        let url = match target(&message.url, self.local) {
            Ok(url) => url,
            Err(("address_refused", _)) => return Came::nothing("address_refused"),
            Err(_) => return Came::nothing("url"),
        };
        let request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("Laurel/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.seconds)
            .header("webhook-signature", message.signature)
            .body(Full::new(message.body));
        let Ok(request) = request else { return Came::nothing("url") };
        match http.request(request).await {
            Ok(response) => answered(response, now).await,
            Err(error) => Came::nothing(reason(&error)),
        }
    }
}

async fn answered(response: Response<Incoming>, now: Instant) -> Came {
    let (head, mut body) = response.into_parts();
    let asked = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|value| retry_after(value, now));
    let (mut begins, mut read) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { break };
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        begins.extend_from_slice(&data[..data.len().min(KEPT_BYTES - begins.len())]);
        if read > READ_BYTES {
            break;
        }
    }
    Came::answered(head.status.as_u16(), asked, beginning(&begins))
}

/// What was kept of a body, as text that can be stored and shown: as long as it is at most in bytes.
fn beginning(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.chars().map(|one| if one.is_control() { ' ' } else { one });
    let mut kept = String::new();
    for one in text {
        if kept.len() + one.len_utf8() > KEPT_BYTES {
            break;
        }
        kept.push(one);
    }
    kept
}

/// Why no answer came, as a word.
fn reason(error: &hyper_util::client::legacy::Error) -> &'static str {
    let mut source = error.source();
    while let Some(own) = source {
        if let Some(unresolved) = own.downcast_ref::<Unresolved>() {
            return match unresolved {
                Unresolved::Refused => "address_refused",
                Unresolved::Unknown(_) => "dns",
            };
        }
        let io = own.downcast_ref::<std::io::Error>();
        // A fault of the handshake.
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData) {
            return "tls";
        }
        source = own.source();
    }
    if error.is_connect() { "connect" } else { "answer" }
}

/// Looks names up, and judges every address.
#[derive(Clone)]
struct Resolver {
    local: bool,
}

/// Why a name leads nowhere.
#[derive(Debug)]
enum Unresolved {
    /// It is not known.
    Unknown(std::io::Error),
    /// To an address that nothing is sent to.
    Refused,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unresolved::Unknown(_) => "the name is not known",
            Unresolved::Refused => "the name leads to an address that nothing is sent to",
        })
    }
}

impl Error for Unresolved {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Unresolved::Unknown(error) => Some(error),
            Unresolved::Refused => None,
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let local = self.local;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(Unresolved::Unknown)?;
            judged(found.collect(), local).map(Vec::into_iter)
        })
    }
}

/// The addresses, if every one of them may be connected to: a name with one that may not is not to be trusted.
fn judged(found: Vec<SocketAddr>, local: bool) -> Result<Vec<SocketAddr>, Unresolved> {
    let good = !found.is_empty() && found.iter().all(|address| local || is_public(address.ip()));
    if good { Ok(found) } else { Err(Unresolved::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_is_refused_refuses_the_name() {
        let public: SocketAddr = "93.184.216.34:0".parse().unwrap();
        let own: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:0".parse().unwrap();
        for (found, local, good) in [
            (vec![public], false, true),
            (vec![public, own], false, false),
            (vec![own, public], false, false),
            (vec![mapped], false, false),
            (vec![public, own], true, true),
            (vec![], false, false),
            (vec![], true, false),
        ] {
            assert_eq!(judged(found.clone(), local).is_ok(), good, "{found:?}");
        }
    }

    #[test]
    fn what_is_kept_of_a_body_is_short_text() {
        assert_eq!(beginning(b"ok\n\0"), "ok  ");
        assert_eq!(beginning("单".repeat(100).as_bytes()), "单".repeat(85));
        assert_eq!(beginning(&[0xff; 300]).len(), 255);
    }

    /// Whatever a name pointed to before: the address is judged when it is connected to.
    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_when_it_is_connected_to() {
        let send = async |local: bool, url: &str| {
            let message = Message {
                url: url.to_owned(),
                id: "evt_1".to_owned(),
                seconds: 1,
                signature: "v1,".to_owned(),
                body: Bytes::from_static(b"{}"),
            };
            Client::new(local).send(message, Instant(0)).await.error
        };
        // The name that every machine gives itself; `target` refuses `localhost` before.
        let mut resolver = Resolver { local: false };
        let name: Name = "localhost".parse().unwrap();
        assert!(matches!(resolver.call(name).await, Err(Unresolved::Refused)));
        assert_eq!(send(false, "https://127.0.0.1:9/").await, Some("address_refused"));
        assert_eq!(send(false, "https://name.invalid/").await, Some("dns"));
        assert_eq!(send(true, "http://127.0.0.1:9/").await, Some("connect"));
    }
}
