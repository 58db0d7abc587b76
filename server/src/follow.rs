//! `laurel follow`: keeps a second copy of another server's data, a few seconds behind it at most.
//!
//! The copy is a data folder of its own. It begins with a backup, made beside what the folder holds and put in its place
//! when it is whole, and goes on with what was committed since: what one answer tells becomes one commit, together
//! with how far the copy has come. So the folder always holds a whole earlier state of the other one.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    net::ToSocketAddrs as _,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use engine::{
    keys,
    store::{Key, Manner, Position, Store as _, StoreError},
};
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use store_redb::{Options, RedbStore};
use tokio::{
    net::TcpStream,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    backup::WAIT,
    cli::Follow,
    copy::{self, Standing},
    full,
    start::{StartError, failed},
};

/// How long connecting may take, and how long the other server may be silent.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before the next attempt when the other server cannot be reached.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// How long commits gather there before the copy asks on: each question and each of its own commits costs the same,
/// however much it brings.
const BREATH: Duration = Duration::from_millis(100);

/// Changes in one answer from which on there is probably more already.
const MANY_CHANGES: usize = 2_000;

/// How often it is said how far the copy is.
const BETWEEN_WORDS: Duration = Duration::from_secs(60);

/// How often it is noted how far the copy is, while there is nothing to copy.
const BETWEEN_NOTES: Duration = Duration::from_secs(10);

/// Records of a backup in one commit, and their bytes.
const COMMIT_RECORDS: usize = 1_000;
const COMMIT_BYTES: usize = 1024 * 1024;

/// What a copy is called, and how far it has come.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Following {
    name: String,
    position: Position,
}

impl Following {
    fn read(note: &[u8]) -> Option<Following> {
        let note: Value = serde_json::from_slice(note).ok()?;
        let position = Position::new(full::unhex(note["position"].as_str()?)?);
        Some(Following { name: note["name"].as_str()?.to_owned(), position })
    }

    fn write(&self) -> Bytes {
        json!({"name": self.name, "position": full::hex(self.position.as_bytes())}).to_string().into()
    }
}

/// Why a step did not go through.
#[derive(Debug)]
enum Trouble {
    /// The other server cannot be reached or breaks off: the same goes through later.
    Passing(String),
    /// Going on needs somebody.
    Final(StartError),
}

fn passing(what: &str, error: &dyn std::error::Error) -> Trouble {
    Trouble::Passing(failed(what, error).0)
}

/// Where the other server is, and the key to it.
struct Other {
    host: String,
    port: u16,
    key: String,
    /// How the copy of it stands.
    standing: Standing,
}

impl Other {
    fn of(from: &str, key: String) -> Result<Other, StartError> {
        let wrong = || {
            let detail = format!(
                "{from} is no address of a server, such as http://10.0.0.2:9000; what goes over other people's networks goes through a tunnel"
            );
            StartError(detail)
        };
        let uri: Uri = from.parse().map_err(|_| wrong())?;
        let is_plain =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let host = uri.host().filter(|_| is_plain).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Other { host, port: uri.port_u16().unwrap_or(80), key, standing: Standing::default() })
    }

    /// Asks for that, and gives the body of the answer.
    async fn get(&self, target: &str) -> Result<Incoming, Trouble> {
        let unreachable = |error: std::io::Error| passing("the server cannot be reached", &error);
        let connecting = async {
            let mut addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
            let address = addresses.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
            TcpStream::connect(address).await
        };
        let slow = |_| Trouble::Passing("the server cannot be reached in time".to_owned());
        let stream = timeout(CONNECT_PATIENCE, connecting).await.map_err(slow)?.map_err(unreachable)?;
        let broken = |error: hyper::Error| passing("the server breaks off", &error);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let request = Request::get(target)
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Empty::<Bytes>::new())
            .map_err(|error| passing("no request", &error))?;
        let silent = |_| Trouble::Passing("the server does not answer".to_owned());
        let answer =
            timeout(PATIENCE, sender.send_request(request)).await.map_err(silent)?.map_err(broken)?;
        match answer.status() {
            StatusCode::OK => {
                self.standing.reaches(true);
                Ok(answer.into_body())
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Trouble::Passing(format!("the server answers {status}")))
            }
            status => {
                let detail = format!(
                    "the server answers {status}: LAUREL_ADMIN_KEY must be one of its admins' keys, and its data a folder"
                );
                Err(Trouble::Final(StartError(detail)))
            }
        }
    }
}

/// The lines of an answer, as they come.
struct Lines {
    body: Incoming,
    waiting: Vec<u8>,
}

impl Lines {
    fn of(body: Incoming) -> Lines {
        Lines { body, waiting: Vec::new() }
    }

    /// The next whole line; `None` at the end.
    async fn next(&mut self) -> Result<Option<String>, Trouble> {
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.waiting.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            let silent = |_| Trouble::Passing("the server does not go on".to_owned());
            let frame = timeout(PATIENCE, self.body.frame()).await.map_err(silent)?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(passing("the server breaks off", &error)),
                Some(Ok(frame)) => {
                    self.waiting.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]))
                }
            }
        }
    }
}

fn cut_off() -> Trouble {
    Trouble::Passing("an answer was cut off".to_owned())
}

/// Commits to the copy, however long its tables take.
async fn put(
    store: &RedbStore,
    changes: Vec<(Key, Option<Bytes>)>,
    manner: Manner,
) -> Result<(), StartError> {
    loop {
        match store.copy(changes.clone(), manner).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Busy) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => return Err(failed("the copy cannot be written", &error)),
        }
    }
}

/// Follows until SIGTERM or SIGINT.
pub(crate) async fn follow(asked: &Follow) -> Result<ExitCode, StartError> {
    let key = std::env::var("LAUREL_ADMIN_KEY").ok().filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| {
        StartError("LAUREL_ADMIN_KEY must be an admin's key of the other server".to_owned())
    })?;
    let other = Other::of(&asked.from, key)?;
    tokio::spawn(copy::tell(asked.addr, other.key.clone(), other.standing.clone()));
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed("no signals", &error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed("no signals", &error))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = run(&other, &asked.data) => return ended,
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn run(other: &Other, data: &Path) -> Result<ExitCode, StartError> {
    // The other server knows it by this name, also after it has begun anew.
    let mut name = name();
    if let Some((store, following)) = open(data).await? {
        name.clone_from(&following.name);
        keep_up(other, &store, following).await?;
    }
    loop {
        retried(other, || begin(other, data, &name)).await?;
        let made = open(data).await?;
        let (store, following) = made.ok_or_else(|| StartError("the copy is gone".to_owned()))?;
        keep_up(other, &store, following).await?;
    }
}

/// Does it again until it goes through.
async fn retried<T, F: Future<Output = Result<T, Trouble>>>(
    other: &Other,
    mut step: impl FnMut() -> F,
) -> Result<T, StartError> {
    loop {
        match step().await {
            Ok(done) => return Ok(done),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing(what)) => {
                tracing::warn!(what, "the copy waits");
                other.standing.reaches(false);
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        }
    }
}

/// The copy in the folder, if there is one; refuses a folder that is something else.
async fn open(data: &Path) -> Result<Option<(Arc<RedbStore>, Following)>, StartError> {
    if !RedbStore::is_in(data) {
        return Ok(None);
    }
    let store = RedbStore::open(data, Options::default());
    let store = store.map_err(|error| failed(&format!("cannot open {}", data.display()), &error))?;
    let note = store.get(&[keys::note(keys::FOLLOWING_NOTE)]).await;
    let note = note.map_err(|error| failed("cannot read the copy", &error))?.pop().flatten();
    let following = note.and_then(|note| Following::read(&note.value));
    let no_copy = || {
        let detail = format!("{} is no copy that follows, or it has served since", data.display());
        StartError(detail)
    };
    Ok(Some((Arc::new(store), following.ok_or_else(no_copy)?)))
}

/// Makes a copy from a backup, and puts it in the folder's place.
async fn begin(other: &Other, data: &Path, name: &str) -> Result<(), Trouble> {
    let anew = RedbStore::anew(data);
    let file = |error: std::io::Error| Trouble::Final(failed("the copy cannot be written", &error));
    if anew.exists() {
        // A copy that was not finished.
        fs::remove_dir_all(&anew).map_err(file)?;
    }
    fs::create_dir_all(data).map_err(file)?;
    let opened = |error| Trouble::Final(failed("the copy cannot be made", &error));
    let store = RedbStore::open(&anew, Options::default()).map_err(opened)?;
    // What is committed while this is read is kept for that name.
    let mut lines = Lines::of(other.get(&format!("/backup?name={name}")).await?);
    let header = lines.next().await?.and_then(|line| full::read_header(&line)).ok_or_else(cut_off)?;
    let old = "the other server is older than this one: it does not say from where to go on";
    let position = header.ok_or_else(|| Trouble::Final(StartError(old.to_owned())))?;
    let following = Following { name: name.to_owned(), position };
    let (mut changes, mut bytes, mut records) = (Vec::new(), 0, 0_u64);
    let whole = loop {
        let line = lines.next().await?.ok_or_else(cut_off)?;
        let Some((key, value)) = full::record(&line) else {
            let last: Value = serde_json::from_str(&line).unwrap_or_default();
            break last["records"].as_u64() == Some(records);
        };
        records += 1;
        bytes += key.len() + value.len();
        changes.push((Key::new(key), Some(Bytes::from(value))));
        if changes.len() == COMMIT_RECORDS || bytes >= COMMIT_BYTES {
            put(&store, std::mem::take(&mut changes), Manner::Quiet).await.map_err(Trouble::Final)?;
            bytes = 0;
        }
    };
    if !whole {
        return Err(cut_off());
    }
    changes.push((keys::note(keys::FOLLOWING_NOTE), Some(following.write())));
    put(&store, changes, Manner::Quiet).await.map_err(Trouble::Final)?;
    store.close();
    RedbStore::replace(data).map_err(opened)?;
    tracing::info!(records, "the copy is whole");
    Ok(())
}

/// What this copy is called at the other server.
fn name() -> String {
    // A name that is taken costs a gap and nothing else.
    full::hex(&RandomState::new().hash_one(0).to_be_bytes())
}

/// Takes what is committed there, until something is missing.
async fn keep_up(other: &Other, store: &RedbStore, mut following: Following) -> Result<(), StartError> {
    tracing::info!(name = following.name, "following");
    let (mut said, mut noted) = (Instant::now(), Instant::now());
    loop {
        let target =
            format!("/backup?after={}&name={}", full::hex(following.position.as_bytes()), following.name);
        let asked = &following;
        let Some(Taken { next, changes }) = retried(other, || step(other, &target, store, asked)).await?
        else {
            tracing::warn!("what follows is not there any more: the copy begins anew");
            other.standing.begins_anew();
            return Ok(());
        };
        if (1..MANY_CHANGES).contains(&changes) {
            tokio::time::sleep(BREATH).await;
        }
        if said.elapsed() > BETWEEN_WORDS {
            tracing::info!(position = full::hex(next.as_bytes()), "the copy has what was committed there");
            said = Instant::now();
        }
        if next != following.position && noted.elapsed() > BETWEEN_NOTES {
            let next = Following { position: next.clone(), ..following.clone() };
            let note = vec![(keys::note(keys::FOLLOWING_NOTE), Some(next.write()))];
            put(store, note, Manner::Quiet).await?;
            noted = Instant::now();
        }
        following.position = next;
        tracing::debug!(position = full::hex(following.position.as_bytes()), "copied");
    }
}

/// What an answer brought.
struct Taken {
    /// From where to go on.
    next: Position,
    changes: usize,
}

/// One answer, durable in the copy; `None` if something is missing.
async fn step(
    other: &Other,
    target: &str,
    store: &RedbStore,
    following: &Following,
) -> Result<Option<Taken>, Trouble> {
    let asked_at = Instant::now();
    let mut lines = Lines::of(other.get(target).await?);
    let mut changes: Vec<(Key, Option<Bytes>)> = Vec::new();
    loop {
        let line = lines.next().await?.ok_or_else(cut_off)?;
        let told: Value = serde_json::from_str(&line).map_err(|_| cut_off())?;
        if let Some(key) = told["k"].as_str() {
            let key = Key::new(full::unhex(key).ok_or_else(cut_off)?);
            let value =
                told["v"].as_str().map(|value| full::unhex(value).map(Bytes::from).ok_or_else(cut_off));
            changes.push((key, value.transpose()?));
            continue;
        }
        if told["gap"] == true {
            return Ok(None);
        }
        let position = told["position"].as_str().and_then(full::unhex).ok_or_else(cut_off)?;
        let next = Following { position: Position::new(position), ..following.clone() };
        let behind = told["behind"].as_u64().unwrap_or(0);
        if changes.is_empty() {
            // Nothing to copy; asking again from before costs nothing. There was nothing as long as the other server waited.
            other.standing.took(0, Instant::now().min(asked_at + WAIT), behind);
            return Ok(Some(Taken { next: next.position, changes: 0 }));
        }
        let count = changes.len();
        let manner = if told["quiet"] == true { Manner::Quiet } else { Manner::Plain };
        changes.push((keys::note(keys::FOLLOWING_NOTE), Some(next.write())));
        put(store, newest(changes), manner).await.map_err(Trouble::Final)?;
        other.standing.took(count, asked_at, behind);
        return Ok(Some(Taken { next: next.position, changes: count }));
    }
}

/// The last change of each key.
fn newest(changes: Vec<(Key, Option<Bytes>)>) -> Vec<(Key, Option<Bytes>)> {
    changes.into_iter().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_address() {
        let of = |from: &str| Other::of(from, String::new()).map(|other| (other.host, other.port)).ok();
        for (from, want) in [
            ("http://10.0.0.2:9000", Some(("10.0.0.2", 9_000))),
            ("http://shop.example/", Some(("shop.example", 80))),
            ("http://[::1]:9000", Some(("::1", 9_000))),
            ("https://shop.example", None),
            ("http://shop.example/backup", None),
            ("shop.example:9000", None),
            ("", None),
        ] {
            assert_eq!(of(from), want.map(|(host, port)| (host.to_owned(), port)), "{from}");
        }
    }

    #[test]
    fn the_note_of_a_copy_is_read_as_it_was_written() {
        let following = Following { name: "ab12".to_owned(), position: Position::new(vec![0, 1, 0xff]) };
        assert_eq!(Following::read(&following.write()), Some(following));
        for note in ["", "{}", "{\"name\":\"a\",\"position\":\"0\"}", "{\"position\":\"00\"}"] {
            assert_eq!(Following::read(note.as_bytes()), None, "{note}");
        }
    }
}
