//! `GET /backup`: a consistent copy of everything, for an admin, while the server keeps serving; and with
//! `?after=POSITION` what was committed since, for a second copy that follows.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use edge::{Api, Code, Problem};
use engine::store::{Changes, Committed, Manner, Position, Store as _, StoreError, feed};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{Either, Full, channel::Channel};
use store_redb::RedbStore;
use tokio::runtime::Handle;

use crate::{full, listen::Body};

/// Pages that wait for a slow reader.
const PAGES_WAITING: usize = 4;

/// The copy broke off: what was sent so far is not a backup (its last line is missing).
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the copy broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// The copy, as it is read.
pub(crate) async fn backup(
    api: &Api,
    store: Option<&Arc<RedbStore>>,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Response<Body> {
    let refused = match (api.authenticate(headers).await, store) {
        (Err(problem), _) => problem,
        (Ok(caller), _) if !caller.may(&[]) || caller.brand.is_some() => Problem::forbidden(),
        (Ok(_), None) => Problem::saying(Code::NotFound, "a table is backed up by DynamoDB itself"),
        (Ok(_), Some(store)) => match asked(query) {
            Ok(None) => return copy(store),
            Ok(Some(after)) => match following(store, &after).await {
                Ok(text) => return lines(Either::Left(Full::new(text.into()))),
                Err(error) => {
                    tracing::error!(%error, "a copy cannot be told what was committed");
                    Problem::of(Code::StoreUnavailable)
                }
            },
            Err(problem) => problem,
        },
    };
    api.refuse(&refused).map(Full::new).map(Either::Left)
}

fn copy(store: &RedbStore) -> Response<Body> {
    let (sender, body) = Channel::new(PAGES_WAITING);
    let snapshot = store.snapshot();
    // Reading the disk would hold up requests that share this thread.
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut sender = sender;
        let mut send = |text: String| handle.block_on(sender.send_data(Bytes::from(text))).is_ok();
        let mut going = send(full::header(Some(snapshot.position())));
        let mut pages = full::Pages::of(snapshot);
        while going {
            match handle.block_on(pages.next()) {
                Ok(Some(page)) => going = send(page),
                Ok(None) => {
                    send(full::footer(pages.records));
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the backup broke off");
                    sender.abort(BrokenOff);
                    return;
                }
            }
        }
    });
    lines(Either::Right(body))
}

fn lines(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    response
}

/// From where a copy goes on.
struct After {
    position: Position,
    /// The copy's name: what it has not taken is kept for it.
    name: Option<String>,
}

/// How long a copy that has everything waits for more.
const WAIT: Duration = Duration::from_secs(2);

/// How many commits are told at once.
const COMMITS: usize = 1_000;

/// The longest name of a copy.
const NAME_BYTES_MAX: usize = 32;

fn asked(query: Option<&str>) -> Result<Option<After>, Problem> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    let (mut position, mut name) = (None, None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("after", hex)) => position = full::unhex(hex).map(Position::new),
            Some(("name", own)) => name = Some(own),
            _ => position = None,
        }
    }
    let is_name = |name: &str| {
        (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match position {
        Some(position) if name.is_none_or(is_name) => {
            Ok(Some(After { position, name: name.map(|name| format!("copy-{name}")) }))
        }
        _ => Err(Problem::field(
            "/query",
            "invalid_value",
            "after=POSITION in hexadecimal digits, and name=NAME of up to 32 letters and digits",
        )),
    }
}

/// What was committed after that position, as lines: those of a backup, without a value where a record was deleted; the
/// last one says from where to go on, or that there is a gap. The lines before it belong together.
async fn following(store: &Arc<RedbStore>, after: &After) -> Result<String, StoreError> {
    let Some(feed) = store.feed() else { return Ok(gap()) };
    if let Some(name) = &after.name {
        keep(store, name, &after.position).await?;
    }
    let mut found = feed.after(&after.position, COMMITS).await?;
    if matches!(&found, Changes::Commits { commits, .. } if commits.is_empty()) {
        // What it waited for may have been a reader's place alone; the copy asks again.
        let _ = tokio::time::timeout(WAIT, feed.more(&after.position)).await;
        found = feed.after(&after.position, COMMITS).await?;
    }
    Ok(match found {
        Changes::Gap { .. } => gap(),
        Changes::Commits { commits, next } => {
            let mut text = String::new();
            for changed in commits.iter().flat_map(|commit| &commit.writes) {
                full::push_line(&mut text, &changed.key, changed.value.as_deref());
            }
            text.push_str(&position(&next, &commits));
            text
        }
    })
}

fn gap() -> String {
    format!("{}\n", serde_json::json!({"gap": true}))
}

/// The last line. The copy's readers are told nothing if nobody was told here.
fn position(next: &Position, commits: &[Committed]) -> String {
    let is_plain = commits.iter().any(|commit| commit.manner == Manner::Plain);
    format!("{}\n", serde_json::json!({"position": full::hex(next.as_bytes()), "quiet": !is_plain}))
}

/// How far a copy may be ahead of its place here: moving it is a commit.
const PLACE_AGE: Duration = Duration::from_secs(5);

/// Has the store keep what follows that position.
async fn keep(store: &Arc<RedbStore>, name: &str, position: &Position) -> Result<(), StoreError> {
    static MOVED: std::sync::Mutex<Option<(String, std::time::Instant)>> = std::sync::Mutex::new(None);
    {
        let mut moved = MOVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if moved.as_ref().is_some_and(|(own, at)| own == name && at.elapsed() < PLACE_AGE) {
            return Ok(());
        }
        *moved = Some((name.to_owned(), std::time::Instant::now()));
    }
    let place = feed::set_place(name, position, None);
    store
        .commit(vec![engine::store::Write { expect: engine::store::Expect::Anything, ..place }])
        .await
        .map(drop)
}
