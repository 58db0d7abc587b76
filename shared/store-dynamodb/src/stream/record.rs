//! A record of a stream as a commit of one write.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use engine::{keys, store::Committed};

use crate::{
    Streamed,
    item::{MANNER, PARTITION, SORT, VALUE, VERSION},
};

/// By how much the time of a record may be rounded down.
const ROUNDED_MILLIS: i64 = 60_000;

type Image = HashMap<String, AttributeValue>;

/// The write that a record tells of, if it is one to show, and not from before that moment.
pub(super) fn committed(record: Record, since: i64) -> Option<Committed> {
    let is_new = record.event_name == Some(OperationType::Insert);
    let told = record.dynamodb?;
    let begun = since.saturating_sub(ROUNDED_MILLIS);
    if told.approximate_creation_date_time.is_some_and(|at| at.secs().saturating_mul(1_000) < begun) {
        return None;
    }
    let read = read(told, is_new).and_then(Streamed::committed);
    if read.is_none() {
        tracing::warn!("a record of the table's stream is not one of Laurel's, and is passed over");
    }
    read.filter(|commit| commit.writes.iter().all(|write| write.key.kind() != keys::kind::PLACE))
}

fn read(told: StreamRecord, is_new: bool) -> Option<Streamed> {
    let mut keys = told.keys?;
    let (partition, sort) = (take(&mut keys, PARTITION)?, take(&mut keys, SORT)?);
    let Some(mut image) = told.new_image else {
        // The old image is only asked which version was deleted.
        let version = told.old_image.as_ref().and_then(version);
        return Some(Streamed { partition, sort, value: None, version, manner: None, is_new: false });
    };
    let manner = match image.remove(MANNER) {
        None => None,
        Some(AttributeValue::N(digits)) => Some(digits),
        Some(_) => return None,
    };
    let version = version(&image);
    Some(Streamed { partition, sort, value: Some(take(&mut image, VALUE)?), version, manner, is_new })
}

fn version(image: &Image) -> Option<u64> {
    match image.get(VERSION) {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        _ => None,
    }
}

fn take(image: &mut Image, name: &str) -> Option<Vec<u8>> {
    match image.remove(name) {
        Some(AttributeValue::B(bytes)) => Some(bytes.into_inner()),
        _ => None,
    }
}
