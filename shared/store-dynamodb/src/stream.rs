//! The feed of a table: its stream, read shard by shard.
//!
//! DynamoDB splits a table's stream into shards, closes each after some hours, and goes on in others that name the
//! closed one as their parent. All changes of one record are in one shard or its descendants, so a shard is read only
//! once its parent has been. The writes of one commit may be in different shards: here each is shown for itself.
//!
//! Reading costs no write unit; a request of the stream is paid for whether it finds anything or not.

mod place;
mod record;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use aws_sdk_dynamodbstreams::{
    Client,
    error::SdkError,
    operation::{get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError},
    types::ShardIteratorType,
};
use engine::store::{Changes, Committed, Feed, Instant as At, Pending, Position, StoreError, Version};
use futures_util::future::join_all;

use self::place::{Places, Progress, Shard};
use crate::{
    error::{Cause, classify},
    reading::retried,
    tries::Pace,
    version::now_millis,
};

/// How long the list of shards is taken for true.
const SHARDS_AGE: Duration = Duration::from_secs(10);

/// How long an iterator is used; DynamoDB forgets it after 15 minutes.
const ITERATOR_AGE: Duration = Duration::from_secs(10 * 60);

/// How many shards are read at once.
const SHARDS_AT_ONCE: usize = 16;

/// After so many reads in vain the pause between two doubles, and how often it does.
const IN_VAIN: u32 = 10;
const LONGER_MAX: u32 = 2;

/// The most records that DynamoDB gives in one answer.
const RECORDS_MAX: usize = 1_000;

/// The stream of a table.
pub(crate) struct Stream {
    pub(crate) client: Client,
    /// By which it is asked for.
    pub(crate) arn: String,
    /// By which it is told from an earlier or a later stream of a table of the same name.
    pub(crate) label: String,
    pub(crate) pace: Pace,
    /// How long [`Feed::more`] waits.
    pub(crate) pause: Duration,
    pub(crate) memory: Mutex<Memory>,
}

/// What is remembered between two calls; losing it costs requests.
#[derive(Default)]
pub(crate) struct Memory {
    shards: Option<(Instant, Arc<[Shard]>)>,
    /// Where a shard goes on after that progress.
    iterators: HashMap<(Arc<str>, Progress), (Instant, String)>,
    /// Which of the shards that can be read is first.
    turn: usize,
    /// How many reads have found nothing since the last that found something.
    in_vain: u32,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.label)
    }
}

/// Why a shard could not be read on.
enum Lost {
    /// What followed is not there any more.
    Trimmed,
    Failed(StoreError),
}

/// What one request of a shard found.
struct Part {
    commits: Vec<Committed>,
    progress: Progress,
}

impl Stream {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Everything in it can be lost.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All shards, in the order in which DynamoDB tells them.
    async fn shards(&self, age_max: Duration) -> Result<Arc<[Shard]>, StoreError> {
        if let Some((looked, shards)) = &self.memory().shards
            && looked.elapsed() < age_max
        {
            return Ok(shards.clone());
        }
        let looked = Instant::now();
        let (mut shards, mut start) = (Vec::new(), None);
        loop {
            let request = self.client.describe_stream().stream_arn(&self.arn);
            let request = request.set_exclusive_start_shard_id(start.take());
            let answer = retried(self.pace, || {
                let sent = request.clone().send();
                async { sent.await.map_err(|error| classify(&error)) }
            });
            let Some(told) = answer.await?.stream_description else { break };
            shards.extend(told.shards.unwrap_or_default().into_iter().filter_map(Shard::of));
            start = told.last_evaluated_shard_id;
            if start.is_none() {
                break;
            }
        }
        let shards: Arc<[Shard]> = shards.into();
        self.memory().shards = Some((looked, shards.clone()));
        Ok(shards)
    }

    /// The places at the end of every shard.
    async fn end_now(&self) -> Result<Places, StoreError> {
        let shards = self.shards(Duration::ZERO).await?;
        let now = now_millis();
        let mut places = Places::new(&self.label);
        for shard in &*shards {
            let progress = if shard.is_closed { Progress::Done } else { Progress::Since(now) };
            if progress != Progress::Done {
                // Taken now: what is committed from here on follows it.
                let asked = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(&*shard.id);
                let asked = asked.shard_iterator_type(ShardIteratorType::Latest);
                let answer = retried(self.pace, || {
                    let sent = asked.clone().send();
                    async { sent.await.map_err(|error| classify(&error)) }
                });
                if let Some(iterator) = answer.await?.shard_iterator {
                    self.remember(&shard.id, &progress, iterator);
                }
            }
            places.set(shard.id.clone(), progress);
        }
        Ok(places)
    }

    fn remember(&self, shard: &Arc<str>, progress: &Progress, iterator: String) {
        let mut memory = self.memory();
        memory.iterators.retain(|_, (made, _)| made.elapsed() < ITERATOR_AGE);
        memory.iterators.insert((shard.clone(), progress.clone()), (Instant::now(), iterator));
    }

    fn forget(&self, shard: &Arc<str>, progress: &Progress) {
        self.memory().iterators.remove(&(shard.clone(), progress.clone()));
    }

    fn remembered(&self, shard: &Arc<str>, progress: &Progress) -> Option<String> {
        let memory = self.memory();
        let (made, iterator) = memory.iterators.get(&(shard.clone(), progress.clone()))?;
        (made.elapsed() < ITERATOR_AGE).then(|| iterator.clone())
    }

    /// Where that shard goes on after that progress.
    async fn iterator(&self, shard: &Arc<str>, progress: &Progress) -> Result<String, Lost> {
        if let Some(iterator) = self.remembered(shard, progress) {
            return Ok(iterator);
        }
        let asked = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(&**shard);
        let asked = match progress {
            Progress::After(sequence) => {
                asked.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(&**sequence)
            }
            Progress::Start | Progress::Since(_) | Progress::Done => {
                asked.shard_iterator_type(ShardIteratorType::TrimHorizon)
            }
        };
        let trimmed = AtomicBool::new(false);
        let answer = retried(self.pace, || {
            let (sent, trimmed) = (asked.clone().send(), &trimmed);
            async move {
                let note =
                    |error: &SdkError<GetShardIteratorError>| trimmed.store(gone(error), Ordering::Relaxed);
                sent.await.inspect_err(note).map_err(|error| classify(&error))
            }
        });
        match answer.await {
            Ok(answer) => match answer.shard_iterator {
                Some(iterator) => Ok(iterator),
                None => Err(Lost::Failed(Cause::new("a shard without an iterator").unavailable())),
            },
            Err(_) if trimmed.load(Ordering::Relaxed) => Err(Lost::Trimmed),
            Err(error) => Err(Lost::Failed(error)),
        }
    }

    /// The next records of a shard.
    async fn part(&self, shard: &Arc<str>, progress: &Progress, limit: usize) -> Result<Part, Lost> {
        let mut again = true;
        let answer = loop {
            let iterator = self.iterator(shard, progress).await?;
            let limit = i32::try_from(limit.clamp(1, RECORDS_MAX)).unwrap_or(1);
            let asked = self.client.get_records().shard_iterator(iterator).limit(limit);
            let (trimmed, expired) = (AtomicBool::new(false), AtomicBool::new(false));
            let answer = retried(self.pace, || {
                let (sent, trimmed, expired) = (asked.clone().send(), &trimmed, &expired);
                async move {
                    let note = |error: &SdkError<GetRecordsError>| {
                        let is =
                            |what: fn(&GetRecordsError) -> bool| error.as_service_error().is_some_and(what);
                        trimmed
                            .store(is(GetRecordsError::is_trimmed_data_access_exception), Ordering::Relaxed);
                        expired.store(is(GetRecordsError::is_expired_iterator_exception), Ordering::Relaxed);
                    };
                    sent.await.inspect_err(note).map_err(|error| classify(&error))
                }
            });
            match answer.await {
                Ok(answer) => break answer,
                // Of a shard that a reader has just begun with nothing that it needs can have been removed: only the
                // iterator that was taken at its end is refused.
                Err(_) if trimmed.load(Ordering::Relaxed) && again && is_young(progress) => {
                    self.forget(shard, progress);
                    again = false;
                }
                Err(_) if trimmed.load(Ordering::Relaxed) => {
                    self.forget(shard, progress);
                    return Err(Lost::Trimmed);
                }
                Err(_) if expired.load(Ordering::Relaxed) && again => {
                    self.forget(shard, progress);
                    again = false;
                }
                Err(error) => return Err(Lost::Failed(error)),
            }
        };
        let records = answer.records.unwrap_or_default();
        let since = if let Progress::Since(millis) = progress { *millis } else { i64::MIN };
        let last = records.iter().rev().find_map(|record| record.dynamodb.as_ref()?.sequence_number.clone());
        let commits = records.into_iter().filter_map(|record| record::committed(record, since)).collect();
        let seen = last.map_or_else(|| progress.clone(), |last| Progress::After(last.into()));
        let progress = match answer.next_shard_iterator {
            Some(next) => {
                self.remember(shard, &seen, next);
                seen
            }
            // It is closed, and this was all of it.
            None => Progress::Done,
        };
        Ok(Part { commits, progress })
    }

    async fn read(&self, position: &Position, limit: usize) -> Result<Changes, StoreError> {
        let Some(mut places) = Places::read(&self.label, position) else {
            return Ok(Changes::Gap { next: self.end_now().await?.position() });
        };
        let shards = self.shards(SHARDS_AGE).await?;
        let gap = || Changes::Gap { next: Places::oldest(&self.label, &shards).position() };
        if !places.follow(&shards) {
            return Ok(gap());
        }
        let readable = places.readable(&shards);
        let turn = {
            let mut memory = self.memory();
            memory.turn = memory.turn.wrapping_add(1);
            memory.turn % readable.len().max(1)
        };
        let (later, first) = readable.split_at(turn);
        let in_turn: Vec<_> = first.iter().chain(later).collect();
        let mut commits = Vec::new();
        for shards in in_turn.chunks(SHARDS_AT_ONCE.min(limit).max(1)) {
            if commits.len() + shards.len() > limit {
                break;
            }
            let each = (limit - commits.len()) / shards.len();
            let parts =
                join_all(shards.iter().map(|(shard, progress)| self.part(shard, progress, each))).await;
            for ((shard, _), part) in shards.iter().zip(parts) {
                match part {
                    Ok(Part { commits: more, progress }) => {
                        if progress == Progress::Done {
                            // Its descendants may be new.
                            self.memory().shards = None;
                        }
                        commits.extend(more);
                        places.set(shard.clone(), progress);
                    }
                    Err(Lost::Trimmed) if commits.is_empty() => return Ok(gap()),
                    Err(Lost::Failed(error)) if commits.is_empty() => return Err(error),
                    // Told with the next call, when what was found is dealt with.
                    Err(_) => return Ok(Changes::Commits { commits, next: places.position() }),
                }
            }
        }
        let mut memory = self.memory();
        memory.in_vain = if commits.is_empty() { memory.in_vain.saturating_add(1) } else { 0 };
        drop(memory);
        Ok(Changes::Commits { commits, next: places.position() })
    }
}

/// How long a record is certainly there.
const KEPT_MILLIS: i64 = 23 * 60 * 60 * 1_000;

/// Whether nothing that follows that progress can be too old to be there.
fn is_young(progress: &Progress) -> bool {
    match progress {
        Progress::Since(millis) => now_millis() - millis < KEPT_MILLIS,
        Progress::Start | Progress::After(_) | Progress::Done => false,
    }
}

/// Whether what was asked for has been removed from the stream.
fn gone(error: &SdkError<GetShardIteratorError>) -> bool {
    let told = error.as_service_error();
    told.is_some_and(|told| told.is_trimmed_data_access_exception() || told.is_resource_not_found_exception())
}

impl Feed for Stream {
    fn end(&self) -> Pending<'_, Result<Position, StoreError>> {
        Box::pin(async move { Ok(self.end_now().await?.position()) })
    }

    fn after<'a>(&'a self, position: &'a Position, limit: usize) -> Pending<'a, Result<Changes, StoreError>> {
        Box::pin(self.read(position, limit))
    }

    fn committed_at(&self, version: Version) -> Option<At> {
        Some(crate::committed_at(version))
    }

    fn more<'a>(&'a self, _: &'a Position) -> Pending<'a, ()> {
        // Each request is paid for: who finds nothing again and again asks less often.
        let in_vain = self.memory().in_vain;
        let pause = self.pause * (1 << (in_vain / IN_VAIN).min(LONGER_MAX));
        Box::pin(tokio::time::sleep(pause))
    }
}
