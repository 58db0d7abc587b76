//! `GET /metrics`: what the server has done and how it stands, for an admin, as OpenMetrics text.
//!
//! Counters begin at 0 when the server starts. What the embedded store counts is asked of it when the page is; a
//! table's figures are CloudWatch's.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use domain::time::Instant;
use edge::{Api, Code, Problem, wire};
use engine::{
    id::WebhookId,
    keys,
    store::{Store as _, feed::read_place},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use outward::Counts;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};
use store_redb::{RedbStore, Stats};

use crate::{copies::Copies, listen::Extra};

/// The upper bounds of durations that are counted together, in seconds: an earn takes a millisecond or two, a sweep
/// may take minutes.
const SECONDS: [f64; 13] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

/// The most readers of the feed that are shown.
const READERS_MAX: usize = 100;

/// The most waiting events that are counted of one webhook: more than that is too many anyway, and a page must be quick.
const WAITING_MAX: usize = 10_000;

/// What a request counts as that names no function.
const NO_FUNCTION: &str = "none";

/// The label of a function.
type OfFunction = [(&'static str, &'static str); 1];

/// The labels of a function and a status.
type Answered = (OfFunction, [(&'static str, u16); 1]);

/// The label of a reader of the feed.
type OfReader = [(&'static str, String); 1];

/// The label of a webhook.
type OfWebhook = [(&'static str, String); 1];

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<OfFunction, Histogram>,
    in_flight: Gauge,
    swept_at: Family<OfFunction, Gauge>,
    embedded: Option<Arc<RedbStore>>,
    /// How many commits each reader of the feed has not seen yet.
    behind: Family<OfReader, Gauge>,
    /// How long ago each copy has asked.
    asked: Family<OfReader, Gauge>,
    /// How many events wait for each webhook.
    waiting: Family<OfWebhook, Gauge>,
    sends: Arc<OnceLock<Arc<Counts>>>,
}

/// A request that is being answered; over when it is dropped.
pub(crate) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Nothing is counted yet. The store and its folder, if it is an embedded one.
    pub(crate) fn new(store: Option<(Arc<RedbStore>, PathBuf)>) -> Metrics {
        let mut registry = Registry::with_prefix("laurel");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The build that runs", version);
        let requests = Family::default();
        registry.register("requests", "Requests answered, by function and status", requests.clone());
        let durations = Family::<OfFunction, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register_with_unit(
            "request_duration",
            "How long a request took from its last byte to its answer, by function",
            Unit::Seconds,
            durations.clone(),
        );
        let in_flight = Gauge::default();
        registry.register("requests_in_flight", "Requests that are being answered", in_flight.clone());
        let swept_at = Family::default();
        registry.register_with_unit(
            "sweep_finished_timestamp",
            "When a sweep last came to the end of what was due, by function; absent before the first",
            Unit::Seconds,
            swept_at.clone(),
        );
        let embedded = store.as_ref().map(|(store, _)| store.clone());
        let (behind, asked, waiting) = (Family::default(), Family::default(), Family::default());
        if let Some((store, folder)) = store {
            let says = "Commits that a reader of the feed has not noted as seen, by its name";
            registry.register("feed_reader_commits_behind", says, behind.clone());
            let says =
                "How long ago a copy asked for more, by its reader's name; absent before the first question";
            registry.register_with_unit("copy_question_age", says, Unit::Seconds, asked.clone());
            let says = "Events that wait to be sent to a webhook, by its id: at most 10000 are counted";
            registry.register("webhook_events_waiting", says, waiting.clone());
            registry.register_collector(Box::new(Embedded { store, folder }));
        }
        let sends: Arc<OnceLock<Arc<Counts>>> = Arc::default();
        registry.register_collector(Box::new(Sends(sends.clone())));
        Metrics {
            registry,
            requests,
            durations,
            in_flight,
            swept_at,
            embedded,
            behind,
            asked,
            waiting,
            sends,
        }
    }

    /// What is sent to webhooks is counted there.
    pub(crate) fn sends(&self, counts: Arc<Counts>) {
        let _ = self.sends.set(counts); // a server begins to send once
    }

    /// Looks how far the readers of the feed have come: webhooks, and copies that follow. A copy holds what is before its
    /// last question, which is newer than its place. What cannot be read now is absent.
    async fn look_at_readers(&self, copies: &Copies) {
        self.behind.clear();
        self.asked.clear();
        let Some(store) = &self.embedded else { return };
        let places = store.scan(keys::all(keys::kind::PLACE), READERS_MAX).await.unwrap_or_default();
        for (key, record) in places {
            let name = String::from_utf8_lossy(&key.as_bytes()[key.kind().as_bytes().len()..]).into_owned();
            let (asked, reader) = (copies.asked(&name), [("reader", name)]);
            if let Some(asked) = &asked {
                self.asked.get_or_create(&reader).set(signed(asked.age.as_secs()));
            }
            let position = asked.map(|asked| asked.position).or_else(|| read_place(&record));
            if let Some(behind) = position.and_then(|position| store.follow(&position)) {
                self.behind.get_or_create(&reader).set(signed(behind));
            }
        }
    }

    /// Looks how much waits for each webhook. What cannot be read now is absent.
    async fn look_at_webhooks(&self, ids: impl IntoIterator<Item = WebhookId>) {
        self.waiting.clear();
        let Some(store) = &self.embedded else { return };
        for id in ids {
            let waiting = store.scan(keys::retries(id), WAITING_MAX).await;
            if let Ok(waiting) = waiting {
                let webhook = [("webhook", wire::id(id))];
                self.waiting.get_or_create(&webhook).set(signed(waiting.len() as u64));
            }
        }
    }

    /// A request begins to be answered.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// A request to that path was answered; how long that took, if it was read.
    pub(crate) fn answered(
        &self,
        api: &Api,
        path: &str,
        answer: &Response<Full<Bytes>>,
        took: Option<Duration>,
    ) {
        let function = [("function", api.function_name(path).unwrap_or(NO_FUNCTION))];
        let status = answer.status();
        self.requests.get_or_create(&(function, [("status", status.as_u16())])).inc();
        if let Some(took) = took {
            self.durations.get_or_create(&function).observe(took.as_secs_f64());
        }
    }

    /// A sweep of that function came to its end at that moment.
    pub(crate) fn swept(&self, function: &'static str, at: Instant) {
        self.swept_at.get_or_create(&[("function", function)]).set(at.0.div_euclid(1_000));
    }

    /// All of it, as OpenMetrics text.
    ///
    /// # Errors
    /// Never: it is written to memory.
    pub(crate) fn page(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// The page, for an admin that is bound to no brand.
pub(crate) async fn metrics(api: &Api, extra: &Extra, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let Extra { metrics, copies, .. } = extra;
    let refused = match api.authenticate(headers).await {
        Err(problem) => problem,
        Ok(caller) if !caller.may(&[]) || caller.brand.is_some() => Problem::forbidden(),
        Ok(_) => {
            metrics.look_at_readers(copies).await;
            let webhooks = api.engine.webhooks().all().await.unwrap_or_default();
            metrics.look_at_webhooks(webhooks.into_iter().map(|webhook| webhook.id)).await;
            match metrics.page() {
                Ok(page) => return shown(page),
                Err(fmt::Error) => Problem::of(Code::Internal),
            }
        }
    };
    api.refuse(&refused).map(Full::new)
}

pub(crate) fn shown(page: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(page)));
    *response.status_mut() = StatusCode::OK;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What is sent to webhooks.
#[derive(Debug)]
struct Sends(Arc<OnceLock<Arc<Counts>>>);

impl Collector for Sends {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(counts) = self.0.get() else { return Ok(()) };
        for (name, help, count) in [
            ("webhook_deliveries", "Attempts that a receiver answered with 2xx", counts.delivered()),
            ("webhook_failures", "Attempts that failed", counts.failed()),
            ("webhook_unreadable_records", "Records that nobody can be told of", counts.unreadable()),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(to.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}

/// The embedded store.
struct Embedded {
    store: Arc<RedbStore>,
    folder: PathBuf,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedded({})", self.folder.display())
    }
}

impl Collector for Embedded {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Stats { commits, batches, switches, waiting, active_records, frozen_records, .. } =
            self.store.stats();
        for (name, help, count) in [
            ("store_commits", "Commits made durable", commits),
            ("store_syncs", "Durable writes of the journal for these commits", batches),
            ("store_journal_switches", "How often the journal's files changed places", switches),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(to.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let takes = usize::from(self.store.takes_commits());
        for (name, help, figure) in [
            ("store_commits_waiting", "Commits that wait to be made durable", waiting),
            ("store_records_active", "Records that only the journal's file in use holds", active_records),
            ("store_records_frozen", "Records on their way from the journal into the tables", frozen_records),
            ("store_takes_commits", "1, or 0 once a sync has failed and only a restart helps", takes),
        ] {
            let gauge = ConstGauge::new(signed(figure as u64));
            gauge.encode(to.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let (name, help) = ("store_file", "Sizes of the data folder's files");
        let mut files = to.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
        for (file, bytes) in sizes(&self.folder) {
            ConstGauge::new(signed(bytes)).encode(files.encode_family(&[("file", file)])?)?;
        }
        if let Some(bytes) = free_space(&self.folder) {
            let (name, help) = ("store_disk_free", "What is free on the disk of the data folder");
            let gauge = ConstGauge::new(signed(bytes));
            gauge.encode(to.encode_descriptor(name, help, Some(&Unit::Bytes), gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// How many bytes this process may still write to the disk of that folder; `None` where the system does not say.
#[cfg(target_os = "linux")]
fn free_space(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(target_os = "linux"))]
fn free_space(_: &Path) -> Option<u64> {
    None
}

fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

/// The files of a folder, by name, with how long they are; none that cannot be looked at.
fn sizes(folder: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((entry.file_name().to_string_lossy().into_owned(), about.len()))
    });
    let mut files: Vec<(String, u64)> = files.collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use engine::id::EventId;

    use super::*;

    #[tokio::test]
    async fn readers_and_what_is_sent_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(RedbStore::open(folder.path(), store_redb::Options::default()).unwrap());
        let end = store.feed().unwrap().end().await.unwrap();
        store.commit(vec![engine::store::feed::set_place("webhooks", &end, None)]).await.unwrap();
        let copies = Copies::default();
        copies.begin(&store, "copy-x", &end).await.unwrap();
        let note = |name: &str| engine::store::Write {
            key: keys::note(name),
            expect: engine::store::Expect::Anything,
            change: engine::store::Change::Put(Bytes::new()),
        };
        for name in ["a", "b"] {
            store.commit(vec![note(name)]).await.unwrap();
        }
        let (slow, quick) = (WebhookId([7; 16]), WebhookId([8; 16]));
        let waits = |event: u8| engine::store::Write {
            key: keys::retry(slow, Instant(0), EventId([event; 16])),
            ..note("")
        };
        store.commit((0..3).map(waits).collect()).await.unwrap();
        let now = store.feed().unwrap().end().await.unwrap();
        copies.ask(&store, "copy-x", &now).await.unwrap();
        copies.age(Duration::from_secs(7));
        let metrics = Metrics::new(Some((store, folder.path().to_owned())));
        assert!(!metrics.page().unwrap().contains("webhook_deliveries"));
        metrics.sends(Arc::default());
        metrics.look_at_readers(&copies).await;
        metrics.look_at_webhooks([slow, quick]).await;
        let page = metrics.page().unwrap();
        for line in [
            "laurel_feed_reader_commits_behind{reader=\"webhooks\"} 5",
            "laurel_feed_reader_commits_behind{reader=\"copy-x\"} 0",
            "laurel_copy_question_age_seconds{reader=\"copy-x\"} 7",
            "laurel_webhook_deliveries_total 0",
            "laurel_webhook_failures_total 0",
            "laurel_webhook_unreadable_records_total 0",
        ] {
            assert!(page.lines().any(|own| own == line), "{line} is not in\n{page}");
        }
        for (webhook, waiting) in [(slow, 3), (quick, 0)] {
            let line =
                format!("laurel_webhook_events_waiting{{webhook=\"{}\"}} {waiting}", wire::id(webhook));
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
        #[cfg(target_os = "linux")]
        {
            let free = page.lines().find_map(|line| line.strip_prefix("laurel_store_disk_free_bytes "));
            assert!(free.unwrap().parse::<u64>().unwrap() > 0, "{page}");
        }
    }

    #[test]
    fn a_sweep_is_told_in_whole_seconds() {
        let metrics = Metrics::new(None);
        metrics.swept("expire-points", Instant(1_772_416_800_999));
        let in_flight = metrics.begin();
        let page = metrics.page().unwrap();
        for line in [
            "laurel_sweep_finished_timestamp_seconds{function=\"expire-points\"} 1772416800",
            "laurel_requests_in_flight 1",
            "# EOF",
        ] {
            assert!(page.lines().any(|own| own == line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("laurel_store"), "{page}");
        drop(in_flight);
        assert!(metrics.page().unwrap().contains("laurel_requests_in_flight 0\n"));
    }
}
