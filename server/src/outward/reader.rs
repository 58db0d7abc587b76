//! The reader of the feed: every event once to every receiver that keeps up, and its place.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant as Steady},
};

use bytes::Bytes;
use domain::event::EventType;
use edge::{Hears, wire};
use engine::{
    Error, Happening, Sent, What,
    id::WebhookId,
    keys::{self, kind},
    records::{WebhookRecord, WebhookStatus, WebhooksRecord, decode},
    store::{
        Change, Changes, Committed, Expect, Feed, Position, StoreError, Version, Write, feed::set_place,
    },
};
use futures_util::{
    StreamExt as _,
    future::{join_all, try_join_all},
    stream,
};

use super::{
    AT_ONCE, FAILED_PAUSE, Shared,
    attempt::{Results, Task},
};

/// The reader's name among those that have a place.
const READER: &str = "webhooks";

/// The note that says which webhooks hear what follows the place: a webhook hears what is committed after it.
const HEARD_NOTE: &str = "webhooks_heard";

/// Commits that are read at once.
const PAGE: usize = 512;

/// How long the others wait for a receiver before it is one that does not keep up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it lets commits gather before it reads on: under load it then reads many at once.
const BREATH: Duration = Duration::from_millis(20);

/// How often the place is stored when nobody hears anything.
const STORING: Duration = Duration::from_secs(3);

/// Where the reader is.
struct Reader {
    position: Position,
    /// The place as it is stored.
    stored: Position,
    read: Version,
    stored_at: Steady,
    /// The webhooks that hear what comes now.
    heard: BTreeSet<WebhookId>,
    /// Those that the note names.
    noted: BTreeSet<WebhookId>,
}

/// Reads until the server stops; after a failure from its place on.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.is_stopped() {
        if let Err(error) = read(&shared).await {
            tracing::warn!(%error, "the reader of webhooks pauses");
            shared.pause(FAILED_PAUSE).await;
        }
    }
}

/// Makes sure that the reader has a place: what is committed from then on is read, however late it starts.
pub(super) async fn has_begun(shared: &Shared) -> Result<(), Error> {
    match shared.api.engine.store().feed() {
        Some(feed) => begin(shared, feed).await.map(|_| ()),
        None => Ok(()),
    }
}

async fn read(shared: &Shared) -> Result<(), Error> {
    let store = shared.api.engine.store().clone();
    let Some(feed) = store.feed() else { return Ok(()) };
    let mut own = begin(shared, feed).await?;
    while !shared.is_stopped() {
        match feed.after(&own.position, PAGE).await? {
            Changes::Commits { commits, next } if commits.is_empty() => {
                // Only readers' places were stored, its own perhaps: storing it again would go on for ever.
                if own.position == own.stored {
                    own.stored.clone_from(&next);
                }
                own.position = next;
                wait(shared, feed, &mut own).await?;
            }
            Changes::Commits { commits, next } => {
                own.position = next;
                page(shared, &mut own, &commits).await?;
            }
            Changes::Gap { next } => {
                tracing::error!(
                    "webhooks missed events: their reader was too slow, or the store was restored"
                );
                own.position = next;
                // Webhooks that were made meanwhile hear what follows.
                own.heard = shared.api.engine.webhooks().all().await?.iter().map(|own| own.id).collect();
                own.store(shared, Vec::new()).await?;
            }
        }
    }
    own.store(shared, Vec::new()).await
}

/// Where it goes on; at the end of the feed, if it has never read.
async fn begin(shared: &Shared, feed: &dyn Feed) -> Result<Reader, Error> {
    let records = shared.api.engine.records();
    if let Some((position, read)) = records.place(READER).await? {
        let note = records.note(HEARD_NOTE).await?.unwrap_or_default();
        let ids = note.chunks_exact(16).filter_map(|id| id.try_into().ok().map(WebhookId));
        let heard: BTreeSet<WebhookId> = ids.collect();
        let (stored, noted) = (position.clone(), heard.clone());
        return Ok(Reader { position, stored, read, stored_at: Steady::now(), heard, noted });
    }
    let position = feed.end().await?;
    // Whoever is there by now hears what follows: a later one is met on the way.
    let heard: BTreeSet<WebhookId> =
        shared.api.engine.webhooks().all().await?.iter().map(|own| own.id).collect();
    let writes = vec![set_place(READER, &position, None), note(&heard)];
    let read = shared.api.engine.store().commit(writes).await?;
    let (stored, noted) = (position.clone(), heard.clone());
    Ok(Reader { position, stored, read, stored_at: Steady::now(), heard, noted })
}

fn note(heard: &BTreeSet<WebhookId>) -> Write {
    let ids: Vec<u8> = heard.iter().flat_map(|id| id.0).collect();
    Write { key: keys::note(HEARD_NOTE), expect: Expect::Anything, change: Change::Put(Bytes::from(ids)) }
}

/// Waits for more, and stores a place that has moved on.
async fn wait(shared: &Shared, feed: &dyn Feed, own: &mut Reader) -> Result<(), Error> {
    let left = match own.has_moved() {
        true => STORING.saturating_sub(own.stored_at.elapsed()),
        false => Duration::MAX,
    };
    tokio::select! {
        () = feed.more(&own.position) => {
            shared.pause(BREATH).await;
            return Ok(());
        }
        () = tokio::time::sleep(left) => {}
        () = shared.stop() => {}
    }
    own.store(shared, Vec::new()).await
}

impl Reader {
    fn has_moved(&self) -> bool {
        self.position != self.stored || self.heard != self.noted
    }

    /// The writes that move the place on.
    fn moves(&self) -> Vec<Write> {
        let mut writes = vec![set_place(READER, &self.position, Some(self.read))];
        if self.heard != self.noted {
            writes.push(note(&self.heard));
        }
        writes
    }

    /// Stores the place, with these.
    async fn store(&mut self, shared: &Shared, mut writes: Vec<Write>) -> Result<(), Error> {
        if writes.is_empty() && !self.has_moved() {
            return Ok(());
        }
        writes.extend(self.moves());
        self.read = committed(shared, writes).await?;
        self.stored = self.position.clone();
        self.noted = self.heard.clone();
        self.stored_at = Steady::now();
        Ok(())
    }
}

/// Commits, as soon as the store takes it.
async fn committed(shared: &Shared, writes: Vec<Write>) -> Result<Version, Error> {
    loop {
        match shared.api.engine.store().commit(writes.clone()).await {
            Err(StoreError::Busy) if shared.pause(Duration::from_millis(100)).await => {}
            done => return Ok(done?),
        }
    }
}

/// What a webhook is to be sent of a page.
struct Share {
    webhook: Arc<WebhookRecord>,
    tasks: Vec<Task>,
}

/// Sends what happened in these commits, and moves the place on in the commit that says what came of it.
async fn page(shared: &Shared, own: &mut Reader, commits: &[Committed]) -> Result<(), Error> {
    let shares = shares(shared, own, commits).await?;
    if shares.is_empty() {
        return match own.stored_at.elapsed() > STORING {
            true => own.store(shared, Vec::new()).await,
            false => Ok(()),
        };
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut sending = Vec::with_capacity(shares.len());
    for share in &shares {
        sending.push(send(shared, share, deadline));
    }
    let results = join_all(sending).await;
    let (mut sent, mut notes, mut off) = (Vec::new(), Vec::new(), Vec::new());
    for (share, results) in shares.iter().zip(results) {
        let id = share.webhook.id;
        let (note, why) = results.judge(id, &shared.lane(id), shared.api.clock.world());
        notes.extend(note);
        off.extend(why.map(|why| (id, why)));
        sent.extend(results.sent);
    }
    // A note for each webhook, the place, and who hears.
    let mut parts = Sent::commits(&sent, shares.len() + 2);
    let mut last = parts.pop().unwrap_or_default();
    last.extend(notes);
    let mut committing = Vec::with_capacity(parts.len());
    for writes in parts {
        committing.push(committed(shared, writes));
    }
    try_join_all(committing).await?;
    own.store(shared, last).await?;
    for share in &shares {
        let lane = shared.lane(share.webhook.id);
        if lane.is_behind() {
            lane.wake();
        }
    }
    for (id, why) in off {
        shared.switch_off(id, why).await;
    }
    Ok(())
}

/// Tries what is to be sent to one webhook; what is not over by then waits.
async fn send(shared: &Shared, share: &Share, deadline: tokio::time::Instant) -> Results {
    let (lane, webhook) = (shared.lane(share.webhook.id), &share.webhook);
    let results = Mutex::new(Results::default());
    let is_on = webhook.status == WebhookStatus::Enabled;
    if !lane.is_behind() || !is_on {
        // By number: a closure over borrowed tasks would not be general enough for the compiler.
        let trying = stream::iter(0..share.tasks.len())
            .for_each_concurrent(AT_ONCE, |at| shared.attempt(webhook, &share.tasks[at], &results));
        tokio::select! {
            ended = tokio::time::timeout_at(deadline, trying) => {
                if ended.is_err() {
                    lane.falls_behind();
                }
            }
            () = shared.stop() => {}
        }
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    if results.sent.len() < share.tasks.len() {
        let tried: BTreeSet<_> = results.sent.iter().map(|sent| sent.event).collect();
        let now = shared.api.clock.world();
        let rest = share.tasks.iter().filter(|task| !tried.contains(&task.event));
        results.sent.extend(rest.map(|task| task.waits(webhook.id, now)));
    }
    results
}

/// Who is to hear what of these commits.
async fn shares(shared: &Shared, own: &mut Reader, commits: &[Committed]) -> Result<Vec<Share>, Error> {
    let known: Vec<Arc<WebhookRecord>> =
        shared.api.engine.webhooks().all().await?.into_iter().map(Arc::new).collect();
    let mut shares: Vec<Share> =
        known.into_iter().map(|webhook| Share { webhook, tasks: Vec::new() }).collect();
    for commit in commits {
        notice(shared, own, commit);
        if own.heard.is_empty() {
            continue;
        }
        let all = match Happening::all_of(commit) {
            Ok(all) => all,
            Err(error) => {
                // Of a newer build, or damaged: nothing would go on if this did not.
                tracing::error!(%error, "nobody can be told of a record that cannot be read");
                continue;
            }
        };
        for happening in all {
            tell(shared, own, &happening, &mut shares).await?;
        }
    }
    shares.retain(|share| !share.tasks.is_empty());
    Ok(shares)
}

/// Webhooks that come and go, and what waits for one.
fn notice(shared: &Shared, own: &mut Reader, commit: &Committed) {
    for write in &commit.writes {
        if write.key.kind() == kind::RETRY
            && write.value.is_some()
            && let Some((webhook, ..)) = keys::read_retry(&write.key)
        {
            shared.lane(webhook).wake();
        }
        if write.key == keys::webhooks()
            && let Some(value) = &write.value
            && let Ok(WebhooksRecord { webhooks }) = decode(&write.key, value)
        {
            own.heard = webhooks.iter().map(|own| own.id).collect();
            shared.changed.notify_one();
        }
    }
}

/// Adds an event to what those are sent that hear of it.
async fn tell(
    shared: &Shared,
    own: &Reader,
    happening: &Happening,
    shares: &mut [Share],
) -> Result<(), Error> {
    // Most hear the same.
    let mut texts: HashMap<Hears, Option<Bytes>> = HashMap::new();
    for share in shares.iter_mut() {
        let webhook = &share.webhook;
        if !own.heard.contains(&webhook.id) || !wants(webhook, happening) {
            continue;
        }
        let hears = shared.api.hears(happening, webhook.brand.as_ref()).await?;
        let text = match texts.get(&hears) {
            Some(text) => text.clone(),
            None => {
                let text = shared.api.event_text(happening, hears)?.map(Bytes::from);
                texts.insert(hears, text.clone());
                text
            }
        };
        if let Some(body) = text {
            tracing::debug!(webhook = wire::id(webhook.id), event = wire::id(happening.id), "told");
            share.tasks.push(Task::first(happening, body));
        }
    }
    Ok(())
}

/// Whether a webhook asked for events of that type. A test is its own alone, and that it was switched off is not told
/// to itself.
fn wants(webhook: &WebhookRecord, happening: &Happening) -> bool {
    let about = match &happening.what {
        What::Noted(noted) => noted.webhook(),
        What::Entry(_)
        | What::Registered { .. }
        | What::Linked { .. }
        | What::Programme { .. }
        | What::Settled { .. } => None,
    };
    match happening.kind {
        EventType::WebhookTest => about == Some(webhook.id),
        EventType::WebhookDisabled if about == Some(webhook.id) => false,
        kind => webhook.types.iter().any(|pattern| kind.is_in(pattern)),
    }
}
