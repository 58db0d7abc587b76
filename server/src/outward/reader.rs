//! The reader of the feed: every event once to every receiver that keeps up, and its place.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant as Steady},
};

use bytes::Bytes;
use domain::time::Instant;
use engine::{
    Error, Sent,
    id::WebhookId,
    keys::{self, kind},
    records::{WebhookRecord, WebhookStatus, WebhooksRecord, decode},
    store::{
        Change, Changes, Committed, Expect, Feed, Position, StoreError, Version, Write, feed::set_place,
    },
};
use futures_util::future::{join_all, try_join_all};
use outward::{Gathered, Share};

use super::{
    FAILED_PAUSE, Shared,
    sending::send,
    standby::{is_led, stand_by},
};

/// The reader's name among those that have a place.
pub(super) const READER: &str = "webhooks";

/// The note that says which webhooks hear what follows the place: a webhook hears what is committed after it.
const HEARD_NOTE: &str = "webhooks_heard";

/// Commits that are read at once.
const PAGE: usize = 512;

/// The same while others need the processors: the less is sent in one go, the shorter they wait.
const PAGE_BUSY: usize = 64;

/// How long it lets commits gather before it reads on: under load it then reads many at once.
const BREATH: Duration = Duration::from_millis(20);

/// How often the place is stored when nobody hears anything.
const STORING: Duration = Duration::from_secs(3);

/// By how much the clocks of two machines that share a table may differ, in milliseconds.
const CLOCKS_DIFFER: i64 = 5_000;

/// Where each request for commits is paid for, and there is no webhook: how often to look whether there is one, and
/// whether there still is, to go to the feed's end, and to store that place.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_BUSY: Duration = Duration::from_secs(10);
const TO_THE_END: Duration = Duration::from_secs(60);
const FROM_AFAR: Duration = Duration::from_secs(45 * 60);
const STORING_AT_REST: Duration = Duration::from_secs(10 * 60);

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
        match read(&shared).await {
            Ok(()) => {}
            Err(error) => match then(&error, shared.is_alone) {
                Then::ReadsAgain => {
                    shared.pause(BREATH).await;
                }
                Then::StandsBy => {
                    shared.leads.store(false, Ordering::Release);
                    stand_by(&shared).await;
                    shared.leads.store(true, Ordering::Release);
                }
                Then::Pauses => {
                    tracing::warn!(%error, "the reader of webhooks pauses");
                    shared.pause(FAILED_PAUSE).await;
                }
            },
        }
    }
}

/// What follows when reading has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// A lane was faster with something that the same commit was to change.
    ReadsAgain,
    /// Another server reads.
    StandsBy,
    /// The store has to recover.
    Pauses,
}

fn then(error: &Error, is_alone: bool) -> Then {
    match (is_led(error), is_alone) {
        (true, true) => Then::ReadsAgain,
        (true, false) => Then::StandsBy,
        (false, _) => Then::Pauses,
    }
}

/// Makes sure that the reader has a place: what is committed from then on is read, however late it starts.
pub(super) async fn has_begun(shared: &Shared) -> Result<(), Error> {
    match shared.api.engine.store().feed() {
        Some(feed) => begin(shared, feed).await.map(|_| ()),
        None => Ok(()),
    }
}

async fn read(shared: &Arc<Shared>) -> Result<(), Error> {
    let store = shared.api.engine.store().clone();
    let Some(feed) = store.feed() else { return Ok(()) };
    let mut own = begin(shared, feed).await?;
    let is_paid_for = feed.committed_at(Version(0)).is_some();
    let mut looked = None;
    while !shared.is_stopped() {
        if is_paid_for && looked.is_none_or(|at: Steady| at.elapsed() > LOOK_BUSY) {
            rest(shared, feed, &mut own).await?;
            looked = Some(Steady::now());
        }
        let limit = if shared.pacer.makes_way() { PAGE_BUSY } else { PAGE };
        match feed.after(&own.position, limit).await? {
            Changes::Commits { commits, next } if commits.is_empty() => {
                // Only readers' places were stored, its own perhaps: storing it again would go on for ever.
                if own.position == own.stored {
                    own.stored.clone_from(&next);
                }
                own.position = next;
                shared.pacer.has_told_all();
                wait(shared, feed, &mut own).await?;
            }
            Changes::Commits { commits, next } => {
                own.position = next;
                page(shared, feed, &mut own, &commits).await?;
                shared.make_way().await;
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

/// Why nothing has to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rests {
    /// There is no webhook.
    Nobody,
    /// A function sends to them.
    Function,
}

async fn may_rest(shared: &Shared) -> Result<Option<Rests>, Error> {
    let webhooks = shared.api.engine.webhooks();
    let has_function = webhooks.has_function(shared.api.clock.world()).await?;
    shared.leads.store(!has_function, Ordering::Release);
    if has_function {
        return Ok(Some(Rests::Function));
    }
    Ok(webhooks.all().await?.is_empty().then_some(Rests::Nobody))
}

/// Rests while there is no webhook, or a function sends to them: nothing is read, and the place follows the feed's end.
/// Behind a function it follows from afar: that it is gone shows later, and what it has not told then follows.
async fn rest(shared: &Shared, feed: &dyn Feed, own: &mut Reader) -> Result<(), Error> {
    let mut ends: VecDeque<(Steady, Position)> = VecDeque::new();
    let mut rested = false;
    while let Some(why) = may_rest(shared).await? {
        rested = true;
        if ends.back().is_none_or(|(at, _)| at.elapsed() > TO_THE_END) {
            let end = feed.end().await?;
            // A webhook that was made meanwhile hears what was committed before that end.
            if may_rest(shared).await? != Some(why) {
                continue;
            }
            ends.push_back((Steady::now(), end));
            while ends.get(1).is_some_and(|(at, _)| why == Rests::Nobody || at.elapsed() > FROM_AFAR) {
                ends.pop_front();
            }
            own.position.clone_from(&ends[0].1);
        }
        if own.stored_at.elapsed() > STORING_AT_REST {
            own.store(shared, Vec::new()).await?;
        }
        if !shared.pause(LOOK).await {
            return Ok(());
        }
    }
    if rested {
        shared.changed.notify_one();
    }
    Ok(())
}

/// Where it goes on; at the end of the feed, if it has never read.
async fn begin(shared: &Shared, feed: &dyn Feed) -> Result<Reader, Error> {
    let records = shared.api.engine.records();
    // Before anything is tried: since when each receiver fails.
    for webhook in shared.api.engine.webhooks().all().await? {
        let since = shared.api.engine.webhooks().failing_since(webhook.id).await?;
        *shared.lane(webhook.id).failing() = since;
    }
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

/// Sends what happened in these commits, and moves the place on in the commit that says what came of it.
async fn page(
    shared: &Arc<Shared>,
    feed: &dyn Feed,
    own: &mut Reader,
    commits: &[Committed],
) -> Result<(), Error> {
    let shares = shares(shared, feed, own, commits).await?;
    if shares.is_empty() {
        return match own.stored_at.elapsed() > STORING {
            true => own.store(shared, Vec::new()).await,
            false => Ok(()),
        };
    }
    let deadline = tokio::time::Instant::now() + shared.patience();
    let mut sending = Vec::with_capacity(shares.len());
    for share in shares {
        sending.push(send(shared, share, deadline));
    }
    let (mut sent, mut notes, mut off, mut under_way) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (results, sending) in join_all(sending).await {
        let id = sending.webhook();
        let (note, why) = results.judge(id, &mut shared.lane(id).failing(), shared.api.clock.world());
        notes.extend(note);
        off.extend(why.map(|why| (id, why)));
        sent.extend(results.sent);
        under_way.push(sending);
    }
    // A note for each webhook, the place, and who hears.
    let mut parts: Vec<Vec<Write>> =
        Sent::parts(&sent, under_way.len() + 2).into_iter().map(|(_, writes)| writes).collect();
    let mut last = parts.pop().unwrap_or_default();
    last.extend(notes);
    let mut committing = Vec::with_capacity(parts.len());
    for writes in parts {
        committing.push(committed(shared, writes));
    }
    try_join_all(committing).await?;
    own.store(shared, last).await?;
    for sending in under_way {
        let lane = shared.lane(sending.webhook());
        if lane.is_behind() {
            lane.takes(sending);
        }
    }
    for (id, why) in off {
        shared.switch_off(id, why).await;
    }
    Ok(())
}

/// Who is to hear what of these commits.
async fn shares(
    shared: &Shared,
    feed: &dyn Feed,
    own: &mut Reader,
    commits: &[Committed],
) -> Result<Vec<Share>, Error> {
    let known = shared.api.engine.webhooks().all().await?;
    let mut gathered = Gathered::new(&shared.api, &shared.sender.counts, known);
    for commit in commits {
        notice(shared, own, commit);
        match feed.committed_at(commit.version) {
            // In order: who hears is who was there before.
            None => gathered.take(commit, |webhook| own.heard.contains(&webhook.id)).await?,
            Some(at) => gathered.take(commit, |webhook| hears_from(webhook) <= at).await?,
        }
    }
    Ok(gathered.shares())
}

/// From when on a webhook hears what is committed, where commits come in no order.
fn hears_from(webhook: &WebhookRecord) -> Instant {
    webhook.created_at.plus_millis(-CLOCKS_DIFFER)
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
            for webhook in webhooks.iter().filter(|own| own.status != WebhookStatus::Enabled) {
                // When it is switched on again it has not failed, whoever switched it off.
                shared.lane(webhook.id).failing().take();
            }
            shared.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder is open in one process: who loses a race there has lost it to himself.
    #[test]
    fn a_lost_race_is_another_server_over_a_table_alone() {
        let lost = || Error::Store(StoreError::LostRace);
        let failed = || Error::Store(StoreError::Busy);
        for (error, is_alone, want) in [
            (lost(), true, Then::ReadsAgain),
            (lost(), false, Then::StandsBy),
            (failed(), true, Then::Pauses),
            (failed(), false, Then::Pauses),
        ] {
            assert_eq!(then(&error, is_alone), want, "{error:?}, alone: {is_alone}");
        }
    }
}
