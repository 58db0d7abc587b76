//! How a copy that follows stands, and who may know: `GET /metrics` and `GET /healthz` of `laurel follow`.

use std::{
    convert::Infallible,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use edge::{Code, Problem, key_hash};
use engine::id::KeyHash;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text},
    metrics::{counter::ConstCounter, gauge::ConstGauge, info::Info},
    registry::{Registry, Unit},
};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::{metrics::shown, patience::Patient};

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 32;

/// How long one question may take.
const QUESTION_PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before the port is tried again.
const BETWEEN_BINDS: Duration = Duration::from_secs(5);

/// How a copy stands.
#[derive(Clone, Default, Debug)]
pub(crate) struct Standing(Arc<Mutex<State>>);

#[derive(Clone, Copy, Default, Debug)]
struct State {
    /// When it asked for what it had all of in the end.
    had_all: Option<Instant>,
    /// Commits that were there when it asked last and that it does not have.
    behind: u64,
    changes: u64,
    begun_anew: u64,
    is_reached: bool,
}

impl Standing {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many changes are durable in the copy; with them it has what was there at that moment, but for so many commits.
    pub(crate) fn took(&self, changes: usize, at: Instant, behind: u64) {
        let mut state = self.lock();
        state.changes += changes as u64;
        state.behind = behind;
        if behind == 0 {
            state.had_all = Some(at);
        }
    }

    /// It begins anew, because something is not there any more.
    pub(crate) fn begins_anew(&self) {
        self.lock().begun_anew += 1;
    }

    /// Whether the other server answers as it should.
    pub(crate) fn reaches(&self, is_reached: bool) {
        self.lock().is_reached = is_reached;
    }

    /// All of it, as OpenMetrics text.
    fn page(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("laurel");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The build that runs", version);
        registry.register_collector(Box::new(self.clone()));
        let mut page = String::new();
        text::encode(&mut page, &registry)?;
        Ok(page)
    }
}

impl Collector for Standing {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let State { had_all, behind: commits, changes, begun_anew, is_reached } = *self.lock();
        if let Some(had_all) = had_all {
            let says = "How long ago the copy last had everything that was there; absent before it first had";
            let behind = ConstGauge::new(had_all.elapsed().as_secs());
            let of = to.encode_descriptor("copy_behind", says, Some(&Unit::Seconds), behind.metric_type())?;
            behind.encode(of)?;
            let says = "Commits that the copy did not have when it last asked; absent before it first had everything";
            let behind = ConstGauge::new(commits);
            behind.encode(to.encode_descriptor(
                "copy_commits_behind",
                says,
                None,
                behind.metric_type(),
            )?)?;
        }
        for (name, help, count) in [
            ("copy_changes", "Changes of records that were copied, besides those of backups", changes),
            ("copy_begun_anew", "How often the copy began anew, because something was missing", begun_anew),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(to.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let reached = ConstGauge::new(u64::from(is_reached));
        let says = "1, or 0 while the other server does not answer as it should";
        reached.encode(to.encode_descriptor("copy_server_reached", says, None, reached.metric_type())?)
    }
}

/// Tells whoever has that key how the copy stands, for as long as it follows. A port that is taken is tried again: the
/// copy is worth more than what is told of it.
pub(crate) async fn tell(address: SocketAddr, key: String, standing: Standing) {
    let key = key_hash(&key);
    let listener = bound(address).await;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (place, accepted) = (places.clone().acquire_owned().await, listener.accept().await);
        let (Ok(place), Ok((stream, _))) = (place, accepted) else {
            // Too many open files, or the like: wait a little instead of spinning.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let standing = standing.clone();
        tokio::spawn(async move {
            let service = service_fn(|asked: Request<Incoming>| {
                let answer =
                    answer(asked.method().as_str(), asked.uri().path(), asked.headers(), key, &standing);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(QUESTION_PATIENCE).keep_alive(false);
            let serving = http.serve_connection(TokioIo::new(Patient::new(stream)), service);
            // Who asks may hang up.
            let _ = timeout(QUESTION_PATIENCE, serving).await;
            drop(place);
        });
    }
}

async fn bound(address: SocketAddr) -> TcpListener {
    let mut is_said = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                // With port 0 the machine has chosen one.
                let address = listener.local_addr().unwrap_or(address);
                tracing::info!(%address, "tells how the copy stands");
                return listener;
            }
            Err(error) if !is_said => {
                tracing::warn!(%address, %error, "cannot tell how the copy stands; it is tried again, and the copy follows");
                is_said = true;
            }
            Err(_) => {}
        }
        sleep(BETWEEN_BINDS).await;
    }
}

fn answer(
    method: &str,
    path: &str,
    headers: &HeaderMap,
    key: KeyHash,
    standing: &Standing,
) -> Response<Full<Bytes>> {
    match (method, path) {
        // It ends by itself when it cannot go on.
        ("GET", "/healthz") => json(StatusCode::OK, "application/json", b"{\"status\":\"ok\"}".to_vec()),
        ("GET", "/metrics") if bearer(headers).is_none_or(|sent| key_hash(sent) != key) => {
            let mut response = refused(&Problem::of(Code::Unauthenticated));
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        ("GET", "/metrics") => match standing.page() {
            Ok(page) => shown(page),
            Err(fmt::Error) => refused(&Problem::of(Code::Internal)),
        },
        _ => refused(&Problem::saying(Code::NotFound, "a copy answers GET /healthz and GET /metrics alone")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn refused(problem: &Problem) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Nothing is kept of these questions, so they have no ids.
    json(status, "application/problem+json", problem.body("req_"))
}

fn json(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_how_it_stands() {
        let standing = Standing::default();
        assert!(!standing.page().unwrap().contains("laurel_copy_behind"), "nobody knows yet");
        let asked = Instant::now().checked_sub(Duration::from_millis(7_900)).unwrap();
        standing.reaches(true);
        standing.took(0, asked, 0);
        standing.took(5, Instant::now(), 3);
        standing.begins_anew();
        let page = standing.page().unwrap();
        for line in [
            "laurel_copy_behind_seconds 7",
            "laurel_copy_commits_behind 3",
            "laurel_copy_changes_total 5",
            "laurel_copy_begun_anew_total 1",
            "laurel_copy_server_reached 1",
            "# EOF",
        ] {
            assert!(page.lines().any(|own| own == line), "{line} is not in\n{page}");
        }
        standing.reaches(false);
        assert!(standing.page().unwrap().contains("laurel_copy_server_reached 0\n"));
    }

    #[test]
    fn whoever_has_the_key_may_know() {
        let (key, standing) = (key_hash("the-admin-key-0123"), Standing::default());
        for (method, path, sent, want) in [
            ("GET", "/healthz", "", 200),
            ("GET", "/metrics", "", 401),
            ("GET", "/metrics", "Bearer another-key-456789", 401),
            ("GET", "/metrics", "the-admin-key-0123", 401),
            ("GET", "/metrics", "Basic the-admin-key-0123", 401),
            ("GET", "/metrics", "Bearer the-admin-key-0123", 200),
            ("GET", "/metrics", "bearer the-admin-key-0123", 200),
            ("POST", "/metrics", "Bearer the-admin-key-0123", 404),
            ("GET", "/backup", "Bearer the-admin-key-0123", 404),
        ] {
            let mut headers = HeaderMap::new();
            if !sent.is_empty() {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(sent));
            }
            let answer = answer(method, path, &headers, key, &standing);
            assert_eq!(answer.status().as_u16(), want, "{method} {path} {sent}");
        }
    }

    /// A port that another process has does not end the copy; it is told there when the other one is gone.
    #[tokio::test(start_paused = true)]
    async fn a_taken_port_is_tried_again() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let mut binding = Box::pin(bound(address));
        assert!(timeout(3 * BETWEEN_BINDS, &mut binding).await.is_err(), "it is taken");
        drop(taken);
        assert_eq!(binding.await.local_addr().unwrap(), address);
    }
}
