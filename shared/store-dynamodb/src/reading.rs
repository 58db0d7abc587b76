//! Reads: records by key, ranges in order, and the walk over everything. All strongly consistent.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use bytes::Bytes;
use engine::store::{Key, Kind, Page, Range, Record, StoreError};
use futures_util::future::try_join_all;

use crate::{
    error::{Cause, Failure, classify},
    item::{self, Attributes},
    place::{self, NotInOrder, Part},
    store::DynamoStore,
    tries::{Pace, Tries},
};

/// How many keys DynamoDB takes in one batch.
const BATCH_KEYS_MAX: usize = 100;

/// How many partitions a scan reads at once if the previous ones were nearly empty.
const PARTS_AT_ONCE_MAX: usize = 32;

/// A page of one kind looks at this many items at least: most may be of other kinds.
const LOOKED_AT_MIN: usize = 1_000;

/// Sends a read until it is answered or there are no more tries.
pub(crate) async fn retried<T, F: Future<Output = Result<T, Failure>>>(
    pace: Pace,
    mut send: impl FnMut() -> F,
) -> Result<T, StoreError> {
    let mut tries = Tries::start(pace);
    loop {
        let failure = match send().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let hopeless = matches!(failure, Failure::Refused(_));
        if hopeless || !tries.again().await {
            return Err(failure.into_error());
        }
    }
}

impl DynamoStore {
    async fn read<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        send: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        retried(self.pace, send).await
    }

    pub(crate) async fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        let mut seen = HashSet::new();
        // DynamoDB refuses duplicate keys, and keys that no item can have.
        let asked = keys.iter().filter(|key| (1..=Key::BYTES_MAX).contains(&key.as_bytes().len()));
        let asked: Vec<&Key> = asked.filter(|key| seen.insert(*key)).collect();
        let mut found = HashMap::new();
        if let [key] = asked[..] {
            found.extend(self.get_one(key).await?.map(|record| (key.clone(), record)));
        } else {
            for chunk in asked.chunks(BATCH_KEYS_MAX) {
                self.get_batch(chunk, &mut found).await?;
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn get_one(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let request = self.client.get_item().table_name(&*self.table).consistent_read(true);
        let request = request.set_key(Some(item::primary(key)));
        let answer = self
            .read(|| {
                let sent = request.clone().send();
                async { sent.await.map_err(|error| classify(&error)) }
            })
            .await?;
        let record = answer.item.map(|mut item| item::record(&mut item)).transpose();
        record.map_err(Cause::unavailable)
    }

    async fn get_batch(&self, keys: &[&Key], found: &mut HashMap<Key, Record>) -> Result<(), StoreError> {
        let mut waiting: Vec<Attributes> = keys.iter().map(|key| item::primary(key)).collect();
        let mut tries = Tries::start(self.pace);
        loop {
            let asked = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(waiting.clone()));
            let asked = asked.build().map_err(|error| Cause::new(error.to_string()).unavailable())?;
            let request = self.client.batch_get_item().request_items(&*self.table, asked);
            let failure = match request.send().await {
                Ok(answer) => {
                    for mut item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                        let key = item::key(&mut item).map_err(Cause::unavailable)?;
                        found.insert(key, item::record(&mut item).map_err(Cause::unavailable)?);
                    }
                    let left = answer.unprocessed_keys.unwrap_or_default().remove(&*self.table);
                    let left = left.map(|left| left.keys).unwrap_or_default();
                    if left.is_empty() {
                        return Ok(());
                    }
                    // An answer holds 16 MB; what it leaves out for that reason is no throttling.
                    if left.len() < waiting.len() {
                        waiting = left;
                        continue;
                    }
                    Failure::Declined(Cause::new("DynamoDB answers none of the keys of a batch"))
                }
                Err(error) => classify(&error),
            };
            let hopeless = matches!(failure, Failure::Refused(_));
            if hopeless || !tries.again().await {
                return Err(failure.into_error());
            }
        }
    }

    pub(crate) async fn scan_range(
        &self,
        range: &Range,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let parts = place::parts(range).map_err(|NotInOrder(kind)| {
            Cause::new(format!("records of kind {kind:?} are not kept in order: walk them")).unavailable()
        })?;
        let mut found: Vec<(Key, Record)> = Vec::new();
        let (mut left, mut at_once) = (&parts[..], 1);
        while !left.is_empty() && found.len() < limit {
            // One after the other as long as partitions are full; if they are nearly empty, as in a young
            // shop, more and more at once, at most as many again as were read.
            let (now, later) = left.split_at(left.len().min(at_once));
            let room = limit - found.len();
            let read = try_join_all(now.iter().map(|part| self.scan_part(part, range, room))).await?;
            found.extend(read.into_iter().flatten());
            (left, at_once) = (later, (at_once * 2).min(PARTS_AT_ONCE_MAX));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Up to so many records of the range in one partition.
    async fn scan_part(
        &self,
        part: &Part,
        range: &Range,
        room: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let within = match part.to {
            Some(_) => "k = :k AND s BETWEEN :from AND :to",
            None => "k = :k AND s >= :from",
        };
        let request = self.client.query().table_name(&*self.table).consistent_read(true);
        let request = request
            .key_condition_expression(within)
            .expression_attribute_values(":k", item::binary(&*part.k))
            .expression_attribute_values(":from", item::binary(&*part.from));
        let request = match &part.to {
            Some(to) => request.expression_attribute_values(":to", item::binary(&**to)),
            None => request,
        };
        let mut found = Vec::new();
        let mut start = None;
        loop {
            // One more than asked for: the last one may be the range's end, which is not in it.
            let page_max = i32::try_from(room - found.len()).unwrap_or(i32::MAX).saturating_add(1);
            let request = request.clone().limit(page_max).set_exclusive_start_key(start);
            let answer = self
                .read(|| {
                    let sent = request.clone().send();
                    async { sent.await.map_err(|error| classify(&error)) }
                })
                .await?;
            let records = entries(answer.items.unwrap_or_default())?;
            found.extend(records.into_iter().filter(|(key, _)| range.from <= *key && *key < range.to));
            found.truncate(room);
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() == room {
                return Ok(found);
            }
        }
    }

    pub(crate) async fn walk_page(
        &self,
        kind: Option<Kind>,
        from: Option<Bytes>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let request = self.client.scan().table_name(&*self.table).consistent_read(true);
        let (request, looked_at) = match kind {
            Some(kind) => {
                let request = request
                    .filter_expression("begins_with(k, :kind)")
                    .expression_attribute_values(":kind", item::binary(kind.as_bytes()));
                (request, limit.max(LOOKED_AT_MIN))
            }
            None => (request, limit.max(1)),
        };
        // Every place belongs to one key, so the last key looked at says where to continue.
        let start = from.map(|from| item::primary(&Key::new(from)));
        let request = request.limit(i32::try_from(looked_at).unwrap_or(i32::MAX));
        let request = request.set_exclusive_start_key(start);
        let answer = self
            .read(|| {
                let sent = request.clone().send();
                async { sent.await.map_err(|error| classify(&error)) }
            })
            .await?;
        let next = answer.last_evaluated_key.map(|mut last| item::key(&mut last)).transpose();
        let next = next.map_err(Cause::unavailable)?;
        let next = next.map(|key| Bytes::copy_from_slice(key.as_bytes()));
        Ok(Page { records: entries(answer.items.unwrap_or_default())?, next })
    }
}

fn entries(items: Vec<Attributes>) -> Result<Vec<(Key, Record)>, StoreError> {
    let read = items.into_iter().map(|mut item| Ok((item::key(&mut item)?, item::record(&mut item)?)));
    read.collect::<Result<_, Cause>>().map_err(Cause::unavailable)
}
