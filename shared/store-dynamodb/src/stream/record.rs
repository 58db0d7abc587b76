//! A record of a stream as a commit of one write.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use bytes::Bytes;
use engine::{
    keys,
    store::{Changed, Committed, Manner, Version},
};

use crate::{
    item::{MANNER, PARTITION, SORT, VALUE, VERSION, manner},
    place::Place,
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
    let read = read(told, is_new);
    if read.is_none() {
        tracing::warn!("a record of the table's stream is not one of Laurel's, and is passed over");
    }
    read.filter(|(changed, _)| changed.key.kind() != keys::kind::PLACE).map(|(changed, manner)| Committed {
        version: changed.version,
        manner,
        writes: vec![changed],
    })
}

fn read(told: StreamRecord, is_new: bool) -> Option<(Changed, Manner)> {
    let mut keys = told.keys?;
    let key = Place { k: take(&mut keys, PARTITION)?, s: take(&mut keys, SORT)? }.key();
    let Some(mut image) = told.new_image else {
        // The old image is only asked which version was deleted.
        let version = told.old_image.as_ref().and_then(version).unwrap_or(Version(0));
        return Some((Changed { key, version, value: None, is_new: false }, Manner::Plain));
    };
    let version = version(&image)?;
    let manner = match image.get(MANNER) {
        None => Manner::Plain,
        Some(AttributeValue::N(digits)) => manner(digits)?,
        Some(_) => return None,
    };
    let value = Bytes::from(take(&mut image, VALUE)?);
    Some((Changed { key, version, value: Some(value), is_new }, manner))
}

fn version(image: &Image) -> Option<Version> {
    match image.get(VERSION) {
        Some(AttributeValue::N(digits)) => digits.parse().ok().map(Version),
        _ => None,
    }
}

fn take(image: &mut Image, name: &str) -> Option<Vec<u8>> {
    match image.remove(name) {
        Some(AttributeValue::B(bytes)) => Some(bytes.into_inner()),
        _ => None,
    }
}
