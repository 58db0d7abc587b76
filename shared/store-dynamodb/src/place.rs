//! A record's place in the table: the partition, and the place in it, that follow from its key.
//!
//! A partition carries 1,000 write units a second and no more, so what the engine writes often and never
//! reads in order has a partition for every record. What it does read in order is spread by the first bytes
//! of the key, and a range of it is one query for each partition that it touches. The engine's table of kinds
//! says how each kind is spread; all records of an unlisted kind share a partition.
//!
//! | spread | partition `k` | place `s` |
//! |---|---|---|
//! | `Each` | the whole key | one byte, 0 |
//! | `Together` | the kind | the rest |
//! | `ByByte` | the kind and a byte | the rest |
//! | `By10` | the kind and 10 bytes | the rest |
//! | `By16` | the kind and 16 bytes | the rest |
//!
//! A key that is too short for its kind's partition is a partition of its own. DynamoDB takes no
//! empty `s`, so the rest is written with one more 0 in front if it is empty or starts with a 0:
//! nothing, `00` and `00 07` become `00`, `00 00` and `00 00 07`, and `01` stays. That keeps the
//! order and can be undone, so `(k, s)` names exactly one key.

use engine::store::{EXTENDED, Key, Kind, Range, kinds::Spread};

/// The longest `s`, in bytes, that DynamoDB takes.
const SORT_BYTES_MAX: usize = 1_024;

/// How many bytes of a key say which partition a record of that kind lies in; `None` is all.
fn prefix(kind: Kind) -> Option<usize> {
    kind.row().map_or(Spread::Together, |row| row.spread).prefix(kind)
}

/// A record's primary key in the table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// The partition key.
    pub(crate) k: Vec<u8>,
    /// The sort key.
    pub(crate) s: Vec<u8>,
}

impl Place {
    pub(crate) fn of(key: &Key) -> Place {
        let bytes = key.as_bytes();
        let length = prefix(key.kind()).map_or(bytes.len(), |length| length.min(bytes.len()));
        let (k, rest) = bytes.split_at(length);
        Place { k: k.to_vec(), s: sortable(rest) }
    }

    /// The key that stands there.
    pub(crate) fn key(&self) -> Key {
        let rest = if self.s.first() == Some(&0) { &self.s[1..] } else { &self.s };
        Key::new([&self.k, rest].concat())
    }

    /// How many bytes both take.
    pub(crate) fn bytes(&self) -> usize {
        self.k.len() + self.s.len()
    }
}

/// The rest of a key as a sort key: never empty, in the same order.
fn sortable(rest: &[u8]) -> Vec<u8> {
    match rest.first() {
        None | Some(0) => [&[0], rest].concat(),
        Some(_) => rest.to_vec(),
    }
}

/// One partition's part of a range. It may hold a little more than the range does; its reader checks the
/// keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The partition key.
    pub(crate) k: Vec<u8>,
    /// The first sort key, inclusive.
    pub(crate) from: Vec<u8>,
    /// The last one, inclusive; `None` up to the partition's end.
    pub(crate) to: Option<Vec<u8>>,
}

/// The range touches records of a kind that this store does not keep in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotInOrder(pub(crate) Kind);

/// The partitions that a range can touch, in order.
pub(crate) fn parts(range: &Range) -> Result<Vec<Part>, NotInOrder> {
    let mut found = Vec::new();
    if range.from >= range.to {
        return Ok(found);
    }
    for (of, all) in kinds(range) {
        let (from, to) = (range.from.clone().max(all.from.clone()), range.to.clone().min(all.to));
        if from >= to {
            continue;
        }
        let own = of.as_bytes();
        match prefix(of) {
            Some(length) if length == own.len() => found.extend(part(own.to_vec(), &from, &to)),
            Some(length) if length == own.len() + 1 => {
                if from == all.from {
                    found.push(Part { k: own.to_vec(), from: vec![0], to: None });
                }
                let next = from.as_bytes().get(own.len()).copied().unwrap_or(0);
                let parts = (next..=0xff).filter_map(|next| part([own, &[next]].concat(), &from, &to));
                found.extend(parts);
            }
            Some(length) if from.as_bytes().get(..length) == to.as_bytes().get(..length) => {
                let k = from.as_bytes().get(..length).ok_or(NotInOrder(of))?;
                found.extend(part(k.to_vec(), &from, &to));
            }
            Some(_) | None => return Err(NotInOrder(of)),
        }
    }
    Ok(found)
}

/// The kinds that a range can touch, in the order of their keys, each with its keys.
fn kinds(range: &Range) -> impl Iterator<Item = (Kind, Range)> {
    let first = |key: &Key| key.as_bytes().first().copied().unwrap_or(0);
    (first(&range.from)..=first(&range.to)).flat_map(|byte| {
        let one = Kind::one(byte);
        let mut all = one.range();
        let mut extended = None;
        if byte == EXTENDED {
            // Alone it is a key of its own.
            all.to = Kind::extended(0).range().from;
            extended = Some((0..=0xff).map(Kind::extended).map(|kind| (kind, kind.range())));
        }
        std::iter::once((one, all)).chain(extended.into_iter().flatten())
    })
}

/// The partition's part of the range, if there can be any.
fn part(k: Vec<u8>, from: &Key, to: &Key) -> Option<Part> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let lower = match from.strip_prefix(&k[..]) {
        Some(rest) => sortable(rest),
        None if from < &k[..] => vec![0],
        None => return None,
    };
    let upper = match to.strip_prefix(&k[..]) {
        Some([]) => return None,
        Some(rest) => Some(bounded(sortable(rest))),
        None if to > &k[..] => None,
        None => return None,
    };
    Some(Part { k, from: bounded(lower), to: upper })
}

/// No sort key is longer, so shortening a bound only admits a key that is checked anyway.
fn bounded(mut bound: Vec<u8>) -> Vec<u8> {
    bound.truncate(SORT_BYTES_MAX);
    bound
}

#[cfg(test)]
mod tests {
    use engine::{
        id::{
            BlockRef, BrandId, CallerId, FriendCode, GrantId, LinkCodeHash, OfferId, OrderId, RedemptionId,
            RedemptionPart, Reference, RequestHash,
        },
        keys::{self, kind},
    };

    use super::*;

    fn key(bytes: &[u8]) -> Key {
        Key::new(bytes.to_vec())
    }

    #[test]
    fn a_place_names_exactly_one_key() {
        let longest = [7; Key::BYTES_MAX];
        let rests: [&[u8]; 9] =
            [&[], &[0], &[0, 0], &[0, 7], &[1], &[1, 0], &[0xff], &[0; 16], &longest[1..]];
        for of in 0..=0xff {
            let mut places = Vec::new();
            for rest in rests {
                let key = Key::new([&[of], rest].concat());
                let place = Place::of(&key);
                assert_eq!(place.key(), key);
                assert!(!place.k.is_empty() && place.k.len() <= 2_048, "{place:?}");
                assert!(!place.s.is_empty() && place.s.len() <= SORT_BYTES_MAX, "{place:?}");
                places.push(place);
            }
            places.sort();
            places.dedup();
            assert_eq!(places.len(), rests.len(), "kind {of}");
        }
    }

    const ID: [u8; 16] = [9; 16];

    #[test]
    fn the_table_of_partitions() {
        let cases: [(Key, usize); 21] = [
            (key(&[&b"d\x05"[..], &[0x80; 8], &ID].concat()), 2),
            (keys::request(RequestHash([3; 16])), 2),
            (key(&[&b"w"[..], &ID, &ID].concat()), 17),
            (keys::paid_part(RedemptionId(ID), &RedemptionPart::of_checked("1")), 18),
            (keys::caller(CallerId::of([5; 16])), 1),
            (keys::used("brand", "b"), 1),
            (keys::block(&BrandId::of_checked("b"), &BlockRef::of_checked("1")), 1),
            (keys::account(&BrandId::of_checked("b"), 7), 4),
            (key(&[&b"m"[..], &ID].concat()), 17),
            (keys::order(&BrandId::of_checked("b"), &OrderId::of_checked("1")), 4),
            (keys::link_code(LinkCodeHash([5; 16])), 17),
            (keys::reference(&BrandId::of_checked("b"), Reference([5; 16])), 19),
            (key(&[&b"j"[..], &ID, b"\x01b\0\xff\xff\xff\xfe"].concat()), 17),
            (key(&[&b"zf"[..], &ID, &[5; 16]].concat()), 18),
            (key(&[&b"zn"[..], &ID, &[5; 16]].concat()), 18),
            (keys::friend_code(FriendCode([5; 7])), 9),
            (keys::grant_of(GrantId(ID)), 12),
            (keys::stock_codes(&OfferId::of_checked("film"), 7), 12),
            (key(b"!unknown"), 1),
            (key(b"z~unknown"), 2),
            (key(b"z"), 1),
        ];
        for (key, length) in cases {
            assert_eq!(Place::of(&key).k, key.as_bytes()[..length], "{key:?}");
        }
    }

    #[test]
    fn a_range_is_the_queries_that_it_needs() {
        let answers = Range {
            from: key(&[&b"w"[..], &ID, &[0; 16]].concat()),
            to: key(&[&b"w"[..], &ID, &[0xff; 17]].concat()),
        };
        let links = |from: &[u8], to: &[u8]| {
            let of = |end: &[u8]| key(&[&b"j"[..], &ID, end].concat());
            Range { from: of(from), to: of(to) }
        };
        let cases: [(&str, Range, Result<usize, NotInOrder>); 15] = [
            ("one shard that is due", Range { from: key(b"d\x03"), to: key(b"d\x03\x80\x01") }, Ok(1)),
            ("all that is due", keys::all(kind::DUE), Ok(257)),
            ("the last requests", Range { from: key(b"q\xf0"), to: key(b"r") }, Ok(16)),
            ("a member's answers", answers, Ok(1)),
            ("a member's links with a brand", links(b"\x01b\0", b"\x01b\x01"), Ok(1)),
            ("all of a member's links and codes", links(b"\0", b"\x02"), Ok(1)),
            ("an order's payments", keys::paid_parts(RedemptionId(ID)), Ok(1)),
            ("everybody's answers", keys::all(kind::ANSWER), Err(NotInOrder(kind::ANSWER))),
            ("callers", keys::all(kind::CALLER), Ok(1)),
            ("a brand's blocks", keys::blocks(&BrandId::of_checked("b")), Ok(1)),
            ("members", keys::all(kind::MEMBER), Err(NotInOrder(kind::MEMBER))),
            ("two kinds nobody knows", Range { from: key(b"B"), to: key(b"C1") }, Ok(2)),
            ("a kind of two bytes that nobody knows", Kind::extended(b'A').range(), Ok(1)),
            (
                "all kinds of two bytes",
                Range { from: key(b"z"), to: key(b"{") },
                Err(NotInOrder(kind::OFFER_ACCOUNT)),
            ),
            ("a turned range", Range { from: key(b"c"), to: key(b"a") }, Ok(0)),
        ];
        for (name, range, expected) in cases {
            assert_eq!(parts(&range).map(|parts| parts.len()), expected, "{name}");
        }
    }

    /// Against the plain definition, over all short keys and ranges of a small alphabet.
    #[test]
    fn parts_hold_all_that_is_in_the_range_in_order() {
        let letters = [0, 1, b'd', b'q', 0xff];
        let mut keys: Vec<Key> = Vec::new();
        for first in [b'd', b'k', EXTENDED, 0, 0xff] {
            keys.push(key(&[first]));
            for second in letters {
                keys.push(key(&[first, second]));
                keys.extend(letters.map(|third| key(&[first, second, third])));
            }
        }
        keys.sort();
        for from in &keys {
            for to in &keys {
                let range = Range { from: from.clone(), to: to.clone() };
                let Ok(parts) = parts(&range) else { continue };
                let mut seen = Vec::new();
                for part in parts {
                    let within = |place: &Place| {
                        place.k == part.k
                            && place.s >= part.from
                            && part.to.as_ref().is_none_or(|to| place.s <= *to)
                    };
                    let there = keys.iter().filter(|key| within(&Place::of(key)));
                    seen.extend(there.filter(|key| range.from <= **key && **key < range.to).cloned());
                }
                let expected: Vec<Key> =
                    keys.iter().filter(|key| *key >= from && *key < to).cloned().collect();
                assert_eq!(seen, expected, "{range:?}");
            }
        }
    }
}
