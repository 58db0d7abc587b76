//! A record as an item of the table. Attribute names are one letter, because they count in an item's size:
//! `k` and `s` the key's [`Place`], `v` the value, `n` the version; and, which few have, `t` the end for DynamoDB's
//! time to live, and `w` the manner of the commit that wrote it, if that was not the plain one.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use bytes::Bytes;
use engine::store::{Instant, Key, Manner, Record, Version};

use crate::{error::Cause, place::Place};

/// The attributes of an item, or of its primary key, by name.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The partition key's name.
pub(crate) const PARTITION: &str = "k";
/// The sort key's name.
pub(crate) const SORT: &str = "s";
/// The value's name.
pub(crate) const VALUE: &str = "v";
/// The version's name.
pub(crate) const VERSION: &str = "n";
/// The name of the second, since 1970, after which DynamoDB may remove the item.
pub(crate) const END: &str = "t";

/// The name of the number of the commit's manner, for readers of the stream.
pub(crate) const MANNER: &str = "w";

/// The number of a manner; the plain one has none.
fn manner_number(manner: Manner) -> Option<&'static str> {
    match manner {
        Manner::Plain => None,
        Manner::Quiet => Some("1"),
        Manner::Anew => Some("2"),
    }
}

/// The manner of that number; `None` if it is of a newer Laurel.
pub(crate) fn manner(number: &str) -> Option<Manner> {
    [Manner::Quiet, Manner::Anew].into_iter().find(|manner| manner_number(*manner) == Some(number))
}

/// Bytes as an attribute.
pub(crate) fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// A version as an attribute.
pub(crate) fn number(version: Version) -> AttributeValue {
    AttributeValue::N(version.0.to_string())
}

/// The primary key of a record.
pub(crate) fn primary(key: &Key) -> Attributes {
    let place = Place::of(key);
    HashMap::from([(PARTITION.to_owned(), binary(place.k)), (SORT.to_owned(), binary(place.s))])
}

/// A whole record.
pub(crate) fn whole(key: &Key, value: &Bytes, version: Version, manner: Manner) -> Attributes {
    let mut item = primary(key);
    item.insert(VALUE.to_owned(), binary(value.to_vec()));
    item.insert(VERSION.to_owned(), number(version));
    if let Some(number) = manner_number(manner) {
        item.insert(MANNER.to_owned(), AttributeValue::N(number.to_owned()));
    }
    item
}

/// An end as an attribute: a whole second after it.
pub(crate) fn end(until: Instant) -> AttributeValue {
    AttributeValue::N(until.0.div_euclid(1_000).saturating_add(1).to_string())
}

/// The key that an item's primary key stands for.
pub(crate) fn key(item: &mut Attributes) -> Result<Key, Cause> {
    let place = Place { k: take_binary(item, PARTITION)?, s: take_binary(item, SORT)? };
    Ok(place.key())
}

/// What an item holds, without its key.
pub(crate) fn record(item: &mut Attributes) -> Result<Record, Cause> {
    let version = version(item).ok_or_else(|| Cause::new("an item of the table has no version"))?;
    Ok(Record { value: take_binary(item, VALUE)?.into(), version })
}

/// The version of an item, if it has one.
pub(crate) fn version(item: &Attributes) -> Option<Version> {
    match item.get(VERSION) {
        Some(AttributeValue::N(digits)) => digits.parse().ok().map(Version),
        _ => None,
    }
}

fn take_binary(item: &mut Attributes, name: &str) -> Result<Vec<u8>, Cause> {
    match item.remove(name) {
        Some(AttributeValue::B(bytes)) => Ok(bytes.into_inner()),
        _ => Err(Cause::new(format!("an item of the table has no bytes in {name}"))),
    }
}
