//! Golden bytes: the stored form of each record, in `tests/golden/`, a file for each record and a line for
//! each sample in each format that could say it. Stored bytes are read for ever, so a line never changes and is
//! never removed; for a new sample, or an old one in a new format, a test prints the line to add.

mod samples;

use std::collections::BTreeMap;

use proptest::{collection, prelude::*};

use super::{MemberRecord, Stored, decode, encode, encode_member};
use crate::store::Key;

/// Values of a record with their names; each stands for a variant, an option or an extreme.
type Samples<T> = Vec<(String, T)>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// The lines of a record's file, in their order.
fn lines(text: &str) -> Vec<(String, Vec<u8>)> {
    let lines = text.lines().map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line}")));
    lines.map(|(name, bytes)| (name.to_owned(), unhex(bytes))).collect()
}

/// What to do if stored bytes mean something else.
const ADVICE: &str =
    "a record changes by a new format and never in place: see docs/decisions/0010-bytes-that-last.md";

/// Every line is read as its sample, and the sample is written as its line.
fn check<T: Stored + PartialEq + std::fmt::Debug>(record: &str, text: &str, samples: &Samples<T>) {
    let key = Key::new(record.as_bytes().to_vec());
    let mut known: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, golden) in lines(text) {
        known.entry(name).or_default().push(golden);
    }
    let mut new = String::new();
    for (name, sample) in samples {
        let (written, stored) = (encode(sample), known.remove(name).unwrap_or_default());
        for golden in &stored {
            let read = decode::<T>(&key, golden);
            assert_eq!(
                read.as_ref(),
                Ok(sample),
                "{record}, {name}: what has been stored is read as another; {ADVICE}"
            );
        }
        match stored.iter().find(|golden| golden.first() == Some(&T::FORMAT)) {
            Some(golden) => assert_eq!(
                hex(&written),
                hex(golden),
                "{record}, {name}: other bytes than have been stored; {ADVICE}"
            ),
            None => new.push_str(&format!("{name} {}\n", hex(&written))),
        }
    }
    let samples = "samples of shared/engine/src/store/records/golden/samples.rs";
    assert!(
        known.is_empty(),
        "{record}: of {:?} there are golden bytes, and none of the {samples}",
        known.keys()
    );
    assert_eq!(new, "", "add to shared/engine/tests/golden/{record}.txt:\n{new}");
}

/// Nearly right or damaged bytes: if they can be read at all, they would be written as the same bytes. So no
/// two forms mean the same, and no part of a record is ignored.
fn check_damaged<T: Stored>(text: &str, _: &Samples<T>, draws: &[(usize, usize, u8, u8)]) {
    let (key, lines) = (Key::new(&b"damaged"[..]), lines(text));
    for (line, at, how, byte) in draws {
        let mut bytes = lines[line % lines.len()].1.clone();
        let at = 1 + at % bytes.len();
        match how % 4 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, *byte),
            2 if at < bytes.len() => _ = bytes.remove(at),
            _ if at < bytes.len() => bytes[at] = *byte,
            _ => bytes.push(*byte),
        }
        if bytes.first() == Some(&T::FORMAT)
            && let Ok(read) = decode::<T>(&key, &bytes)
        {
            assert_eq!(hex(&encode(&read)), hex(&bytes));
        }
    }
}

/// A member is written without copying it, in the same bytes.
#[test]
fn a_member_is_written_as_its_record() {
    for (name, record) in samples::member() {
        let written = encode_member(&record.member, &record.last);
        // Whoever changes stands for itself, or leads to whom it was just merged into.
        assert_eq!(written, encode(&MemberRecord { leads_to: None, ..record }), "{name}");
    }
}

macro_rules! golden {
    ($($record:ident)*) => {
        $(
            #[test]
            fn $record() {
                check(stringify!($record), texts::$record, &samples::$record());
            }
        )*

        proptest! {
            #[test]
            fn what_is_read_is_written_so(draws in collection::vec(any::<(usize, usize, u8, u8)>(), 1..64)) {
                $(check_damaged(texts::$record, &samples::$record(), &draws);)*
            }
        }

        /// The files.
        #[expect(non_upper_case_globals, reason = "called as their records")]
        mod texts {
            $(pub(super) const $record: &str = include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/golden/",
                stringify!($record),
                ".txt"
            ));)*
        }
    };
}

golden! {
    member person entry block request answer program program_part program_head caller partner nonce claim
    link_code asked_code reference link card member_card account_shard account_pool
    settlement_month settlement_sums settlement_account settlement_paid progress happened webhooks delivery retry
    place staff_change parted offer offer_version offers word window offer_account used edge friend_code member_code signals
    stock_pool stock_codes stock_batch printed printed_code printed_used offer_days
}
