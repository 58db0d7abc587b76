//! `GET /backup`: a consistent copy of everything, for an admin, while the server keeps serving; and with
//! `?after=POSITION` what was committed since, for a second copy that follows. `DELETE /backup` ends such a copy.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use edge::{Api, Caller, Code, Problem, wire};
use engine::{
    ByStaff, Request,
    id::RequestId,
    records::On,
    store::{Changes, Committed, Manner, Position, Store as _, StoreError},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full, channel::Channel};
use store_redb::RedbStore;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use crate::{
    copies::{Copies, reader},
    full,
    listen::Body,
};

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
    copies: &Copies,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Response<Body> {
    let refused = match admitted(api, store, headers).await {
        Err(problem) => problem,
        Ok((_, store)) => match asked(query) {
            Err(problem) => problem,
            Ok(asked) => match answer(store, copies, &asked).await {
                Ok(response) => return response,
                Err(StoreError::Busy) => Problem::of(Code::Busy),
                Err(error) => {
                    tracing::error!(%error, "a copy cannot be told what was committed");
                    Problem::of(Code::StoreUnavailable)
                }
            },
        },
    };
    api.refuse(&refused).map(Full::new).map(Either::Left)
}

/// The admin who asks, who is bound to no brand; and the store, which is no table.
async fn admitted<'a>(
    api: &Api,
    store: Option<&'a Arc<RedbStore>>,
    headers: &HeaderMap,
) -> Result<(Arc<Caller>, &'a Arc<RedbStore>), Problem> {
    let caller = api.authenticate(headers).await?;
    if !caller.may(&[]) || caller.brand.is_some() {
        return Err(Problem::forbidden());
    }
    let table = || Problem::saying(Code::NotFound, "a table is backed up by DynamoDB itself");
    Ok((caller, store.ok_or_else(table)?))
}

async fn answer(
    store: &Arc<RedbStore>,
    copies: &Copies,
    asked: &Asked,
) -> Result<Response<Body>, StoreError> {
    match asked {
        Asked { after: Some(position), reader } => {
            let text = following(store, copies, position, reader.as_deref()).await?;
            Ok(lines(Either::Left(Full::new(text.into()))))
        }
        Asked { after: None, reader } => {
            if let (Some(reader), Some(feed)) = (reader, store.feed()) {
                // Before the snapshot, so that all is kept that is not in it, however long it takes to read it.
                copies.begin(store, reader, &feed.end().await?).await?;
            }
            Ok(copy(store))
        }
    }
}

/// Ends the copy of that name: nothing is kept for it any longer. Answers the same if there is none.
pub(crate) async fn end(
    api: &Api,
    store: Option<&Arc<RedbStore>>,
    copies: &Copies,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Response<Body> {
    let ended = match admitted(api, store, headers).await {
        Err(problem) => Err(problem),
        Ok((caller, _)) => ended(api, copies, &caller, query).await,
    };
    let response = match ended {
        Ok(request) => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NO_CONTENT;
            let headers = response.headers_mut();
            if let Ok(id) = HeaderValue::from_str(&wire::id(request)) {
                headers.insert("request-id", id);
            }
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(problem) => api.refuse(&problem).map(Full::new),
    };
    response.map(Either::Left)
}

async fn ended(
    api: &Api,
    copies: &Copies,
    caller: &Caller,
    query: Option<&str>,
) -> Result<RequestId, Problem> {
    let Asked { after: None, reader: Some(reader) } = asked(query)? else { return Err(wrong(TO_END)) };
    let now = api.clock.now();
    let request: RequestId = api.new_id(now)?;
    let staff = ByStaff {
        at: now,
        name: caller.name.clone(),
        what: "copy.ended",
        on: On::Named(reader.clone()),
        about: None,
        reason: None,
        request,
        noted: None,
    };
    let asked = Request { staff: Some(staff), ..Request::plain(caller.by, now) };
    let there = api.engine.access().end_reader(&asked, &reader).await?;
    copies.forget(&reader);
    if there {
        tracing::info!("a copy was given up: nothing is kept for it any longer");
    }
    Ok(request)
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

/// What a copy asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// From where it goes on; if it begins, nothing.
    after: Option<Position>,
    /// The copy, if it says its name: what it has not taken is kept for it.
    reader: Option<String>,
}

/// How long a copy that has everything waits for more.
pub(crate) const WAIT: Duration = Duration::from_secs(2);

/// How many commits are told at once.
const COMMITS: usize = 1_000;

/// The longest name of a copy.
const NAME_BYTES_MAX: usize = 32;

/// What is to be asked.
const TO_BACK_UP: &str = "after=POSITION in hexadecimal digits, and name=NAME of up to 32 letters and digits; each may be left out";
const TO_END: &str = "name=NAME of the copy, up to 32 letters and digits";

fn wrong(right: &str) -> Problem {
    Problem::field("/query", "invalid_value", right)
}

fn asked(query: Option<&str>) -> Result<Asked, Problem> {
    let mut asked = Asked { after: None, reader: None };
    let is_name = |name: &str| {
        (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("after", hex)) if asked.after.is_none() => {
                let bytes = full::unhex(hex).ok_or_else(|| wrong(TO_BACK_UP))?;
                asked.after = Some(Position::new(bytes));
            }
            Some(("name", name)) if asked.reader.is_none() && is_name(name) => {
                asked.reader = Some(reader(name));
            }
            _ => return Err(wrong(TO_BACK_UP)),
        }
    }
    Ok(asked)
}

/// What was committed after that position, as lines: those of a backup, without a value where a record was deleted; the
/// last one says from where to go on, or that there is a gap. The lines before it belong together.
async fn following(
    store: &RedbStore,
    copies: &Copies,
    after: &Position,
    reader: Option<&str>,
) -> Result<String, StoreError> {
    let Some(feed) = store.feed() else { return Ok(gap()) };
    // A position of another feed is a gap at once.
    if let Some(reader) = reader.filter(|_| store.follow(after).is_some()) {
        copies.ask(store, reader, after).await?;
    }
    let there = feed.end().await?;
    let (until, mut from) = (Instant::now() + WAIT, after.clone());
    loop {
        match feed.after(&from, COMMITS).await? {
            Changes::Gap { .. } => return Ok(gap()),
            Changes::Commits { commits, next } if commits.is_empty() => {
                // Whatever is there by now are readers' places: whoever waited from before them would be woken by its
                // own one, and by those of other copies, for ever.
                from = next;
                if timeout_at(until, feed.more(&from)).await.is_err() {
                    return Ok(position(&from, &commits, 0));
                }
            }
            Changes::Commits { commits, next } => {
                if let Some(reader) = reader {
                    copies.tell(reader);
                }
                let mut text = String::new();
                for changed in commits.iter().flat_map(|commit| &commit.writes) {
                    full::push_line(&mut text, &changed.key, changed.value.as_deref());
                }
                // None can be left that was there, if this store does not know these positions.
                let behind = store.between(&next, &there).unwrap_or(0);
                text.push_str(&position(&next, &commits, behind));
                return Ok(text);
            }
        }
    }
}

fn gap() -> String {
    format!("{}\n", serde_json::json!({"gap": true}))
}

/// The last line; `behind` is how many of the commits that were there when they were asked for are left. The copy's
/// readers are told nothing if nobody was told here.
fn position(next: &Position, commits: &[Committed], behind: u64) -> String {
    let is_plain = commits.iter().any(|commit| commit.manner == Manner::Plain);
    let next = full::hex(next.as_bytes());
    format!("{}\n", serde_json::json!({"position": next, "quiet": !is_plain, "behind": behind}))
}

#[cfg(test)]
mod tests {
    use engine::{
        keys,
        store::{Change, Expect, Write, feed::read_place},
    };
    use serde_json::Value;
    use store_redb::Options;

    use super::*;

    /// A store whose journal is used again soon.
    fn store() -> (tempfile::TempDir, Arc<RedbStore>) {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::default();
        options.segment_bytes = 16 * 1024;
        let store = Arc::new(RedbStore::open(folder.path(), options).unwrap());
        (folder, store)
    }

    async fn commit(store: &RedbStore, name: &str, bytes: usize) {
        let change = Change::Put(Bytes::from(vec![7; bytes]));
        let write = Write { key: keys::note(name), expect: Expect::Anything, change };
        while store.commit(vec![write.clone()]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await; // the tables catch up
        }
    }

    fn last(text: &str) -> Value {
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    fn from(line: &Value) -> Position {
        Position::new(full::unhex(line["position"].as_str().unwrap()).unwrap())
    }

    #[test]
    fn what_is_asked_is_read_strictly() {
        let position = || Some(Position::new(vec![0xab]));
        for (query, want) in [
            ("", Some((None, None))),
            ("after=ab", Some((position(), None))),
            ("name=A1", Some((None, Some("copy-A1")))),
            ("after=ab&name=A1", Some((position(), Some("copy-A1")))),
            ("after=a", None),
            ("after=", Some((Some(Position::new(Vec::new())), None))),
            ("name=", None),
            ("name=a-b", None),
            ("name=012345678901234567890123456789012", None),
            ("name=a&name=b", None),
            ("after", None),
            ("before=ab", None),
        ] {
            let asked = asked(Some(query)).ok().map(|asked| (asked.after, asked.reader));
            assert_eq!(asked, want.map(|(after, reader)| (after, reader.map(str::to_owned))), "{query}");
        }
    }

    /// What is committed while a copy reads its backup is kept for it, however much it is.
    #[tokio::test]
    async fn nothing_is_gone_when_the_backup_was_slow() {
        let (_folder, store) = store();
        let copies = Copies::default();
        for (name, is_kept) in [(Some("copy-a"), true), (None, false)] {
            let asked = Asked { after: None, reader: name.map(str::to_owned) };
            let position = store.snapshot().position().clone();
            drop(answer(&store, &copies, &asked).await.unwrap());
            // Three of them fill a segment of the journal.
            for number in 0..60 {
                commit(&store, &number.to_string(), 5_000).await;
            }
            let text = following(&store, &copies, &position, name).await.unwrap();
            assert_eq!(last(&text)["gap"] == true, !is_kept, "{:?}", last(&text));
            if is_kept {
                let place = store.get(&[keys::place("copy-a")]).await.unwrap().pop().flatten().unwrap();
                let follow = store.follow(&read_place(&place).unwrap()).unwrap();
                assert!(follow >= 60, "{follow} commits follow the place");
                store.commit(vec![engine::store::feed::end_place("copy-a")]).await.unwrap();
                copies.forget("copy-a");
            }
        }
    }

    /// Copies that have everything cost nothing but their questions: their places do not wake one another.
    #[tokio::test]
    async fn copies_at_rest_do_not_wake_one_another() {
        let (_folder, store) = store();
        let copies = Arc::new(Copies::default());
        commit(&store, "a", 10).await;
        let follow = async |reader: &'static str| {
            let mut position = store.snapshot().position().clone();
            let mut questions = 0;
            while questions < 3 {
                let text = following(&store, &copies, &position, Some(reader)).await.unwrap();
                let line = last(&text);
                assert_eq!((text.lines().count(), &line["behind"]), (1, &Value::from(0)), "{text}");
                position = from(&line);
                questions += 1;
            }
        };
        let (begun, before) = (std::time::Instant::now(), store.stats().commits);
        tokio::join!(follow("copy-one"), follow("copy-two"), follow("copy-three"));
        assert_eq!(store.stats().commits - before, 3, "each has set its place once");
        assert!(begun.elapsed() >= 3 * WAIT, "each question has waited");
    }

    /// The last line says what is left of that which was there when the copy asked.
    #[tokio::test]
    async fn a_copy_is_told_whether_it_has_everything() {
        let (_folder, store) = store();
        let copies = Copies::default();
        let mut position = store.snapshot().position().clone();
        copies.begin(&store, "copy-a", &position).await.unwrap();
        for number in 0..COMMITS + 5 {
            commit(&store, &number.to_string(), 10).await;
        }
        for want in [5, 0] {
            let text = following(&store, &copies, &position, Some("copy-a")).await.unwrap();
            assert_eq!(last(&text)["behind"], want, "{}", last(&text));
            position = from(&last(&text));
        }
        assert_ne!(copies.asked("copy-a").unwrap().position, position, "it has not asked past it");
        // A position of another store's feed sets no place.
        let other = Position::new(vec![1, 2, 3]);
        let text = following(&store, &copies, &other, Some("copy-b")).await.unwrap();
        assert_eq!(last(&text)["gap"], true);
        assert_eq!(store.get(&[keys::place("copy-b")]).await.unwrap(), [None]);
    }
}
