//! What the table's stream hands over: a batch of records, and the answer which of them to hand over again.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::time::Instant;
use edge::Api;
use engine::{
    Error,
    store::{Committed, Pending},
};
use serde_json::{Value, json};
use store_dynamodb::{Streamed, committed_at};

/// What a function does that no caller asks: with what its table's stream hands over, and at its time.
pub trait Reacts: Send + Sync {
    /// Deals with these commits, of which each has when it was made. They come at least once, and in no order but
    /// that of each record.
    fn changes<'a>(
        &'a self,
        api: &'a Api,
        commits: &'a [(Committed, Instant)],
    ) -> Pending<'a, Result<(), Error>>;

    /// Does what is due before `until`, and says how much that was.
    fn time<'a>(&'a self, api: &'a Api, until: std::time::Instant) -> Pending<'a, Result<u64, Error>>;
}

/// A record of a batch.
#[derive(Debug)]
pub(crate) struct Handed {
    /// By which the stream names it.
    sequence: String,
    /// The commit; `None` of what is no record of Laurel's.
    commit: Option<(Committed, Instant)>,
}

/// The records of an event that a stream sends; `None` of any other event.
pub(crate) fn read(event: &Value) -> Option<Vec<Handed>> {
    let records = event.get("Records")?.as_array()?;
    let from_stream =
        |record: &&Value| record.get("eventSource").is_some_and(|source| source == "aws:dynamodb");
    Some(records.iter().filter(from_stream).map(handed).collect())
}

fn handed(record: &Value) -> Handed {
    let sequence = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
    let commit = streamed(record).and_then(Streamed::committed);
    if commit.is_none() {
        tracing::warn!(sequence, "a record of the table's stream is not one of Laurel's, and is passed over");
    }
    let commit = commit.map(|commit| {
        let at = committed_at(commit.version);
        (commit, at)
    });
    Handed { sequence, commit }
}

/// The record as it stands in the event: binary values in base64, numbers as text.
fn streamed(record: &Value) -> Option<Streamed> {
    let told = record.get("dynamodb")?;
    let binary =
        |image: &Value, name: &str| BASE64_STANDARD.decode(image.get(name)?.get("B")?.as_str()?).ok();
    let number = |image: &Value, name: &str| Some(image.get(name)?.get("N")?.as_str()?.to_owned());
    let keys = told.get("Keys")?;
    let (partition, sort) = (binary(keys, "k")?, binary(keys, "s")?);
    let version = |image: &Value| number(image, "n").and_then(|digits| digits.parse().ok());
    let Some(image) = told.get("NewImage") else {
        let version = told.get("OldImage").and_then(version);
        return Some(Streamed { partition, sort, value: None, version, manner: None, is_new: false });
    };
    let manner = match image.get("w") {
        None => None,
        Some(_) => Some(number(image, "w")?),
    };
    let is_new = record.get("eventName").is_some_and(|name| name == "INSERT");
    let (value, version) = (Some(binary(image, "v")?), version(image));
    Some(Streamed { partition, sort, value, version, manner, is_new })
}

/// Has the commits dealt with, and answers which record to hand over again first, if one. The rest of the batch follows
/// it; what was done twice was done under the same ids.
pub(crate) async fn deal(reacts: &dyn Reacts, api: &Api, batch: Vec<Handed>) -> Value {
    let all: Vec<_> = batch.iter().filter_map(|handed| handed.commit.clone()).collect();
    let Err(error) = reacts.changes(api, &all).await else { return json!({"batchItemFailures": []}) };
    tracing::warn!(%error, records = batch.len(), "a batch of the stream cannot be dealt with");
    // One that never can is not to keep those before it back: each for itself, as far as it goes.
    for handed in &batch {
        let Some(commit) = &handed.commit else { continue };
        if let Err(error) = reacts.changes(api, std::slice::from_ref(commit)).await {
            tracing::warn!(%error, sequence = handed.sequence, "it is handed over again from this record on");
            return json!({"batchItemFailures": [{"itemIdentifier": handed.sequence}]});
        }
    }
    json!({"batchItemFailures": []})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        serde_json::from_str(include_str!("../../../events/react.json")).unwrap()
    }

    #[test]
    fn a_batch_is_read_as_the_stream_sends_it() {
        let batch = read(&sample()).unwrap();
        assert!(batch.iter().all(|handed| !handed.sequence.is_empty()));
        let (commit, at) = batch[0].commit.as_ref().unwrap();
        assert_eq!(commit.writes[0].key.kind(), engine::keys::kind::HAPPENED);
        assert!(commit.writes[0].is_new && commit.writes[0].value.is_some());
        assert!(*at > Instant::parse("2025-01-01T00:00:00Z").unwrap(), "{at:?}");
        let (gone, _) = batch[1].commit.as_ref().unwrap();
        assert_eq!((gone.writes[0].value.as_ref(), gone.writes[0].is_new), (None, false));
        assert!(read(&json!({"as_of": "2026-01-01T00:00:00Z"})).is_none());
    }

    #[test]
    fn what_is_not_laurels_is_passed_over() {
        for (pointer, value) in [
            ("/Records/0/dynamodb/Keys/k/B", json!("not base64!")),
            ("/Records/0/dynamodb/NewImage/v", json!({"S": "text"})),
            ("/Records/0/dynamodb/NewImage/n", json!({"N": "many"})),
            ("/Records/0/dynamodb/NewImage/w", json!({"N": "77"})),
            ("/Records/0/dynamodb/Keys", Value::Null),
        ] {
            let mut event = sample();
            let record = event.pointer_mut(pointer);
            match record {
                Some(place) => *place = value,
                None => event["Records"][0]["dynamodb"]["NewImage"]["w"] = value,
            }
            let batch = read(&event).unwrap();
            assert!(batch[0].commit.is_none() && batch[1].commit.is_some(), "{pointer}");
        }
    }
}
