//! The kinds of record: one table says of each how its keys begin, which room writes it, how a store spreads
//! it, whether it is personal, who removes it, and what is stored under its keys.
//!
//! Stores, the erasure, `laurel compact` and the tests read it here. The records themselves are in
//! [`super::records`], a file for each; the keys in [`super::keys`].

use bytes::Bytes;
use domain::settlement::Tally;

use super::{
    Key,
    key::Kind,
    keys::{self, kind},
    records::{
        AccountRecord, Answer, BlockRecord, CallerRecord, CardRecord, ClaimRecord, DeliveryRecord,
        EdgeRecord, EntryRecord, FriendCodeRecord, HappenedRecord, LinkCodeRecord, LinkRecord,
        MemberCardRecord, MemberCodeRecord, MemberRecord, MonthRecord, NonceRecord, OfferAccountRecord,
        OfferDaysRecord, OfferRecord, OfferVersionRecord, OffersRecord, PaidRecord, PartedRecord,
        PartnerRecord, PersonRecord, PlaceRecord, Pool, PrintedCodeRecord, PrintedRecord, PrintedUsedRecord,
        ProgramPart, ProgramRecord, Progress, ReferenceRecord, RequestRecord, RetryRecord, Shard,
        SignalsRecord, StaffChangeRecord, StockBatchRecord, StockCodesRecord, StockRecord, Stored,
        Unreadable, UseRecord, WebhooksRecord, WindowRecord, WordRecord, decode, encode,
    },
};

impl Kind {
    /// Its row in the table; `None` if it comes from a newer Laurel.
    pub fn row(self) -> Option<&'static Row> {
        KINDS.iter().find(|row| row.kind == self)
    }
}

/// How a store that keeps its records in partitions spreads a kind over them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spread {
    /// Each record for itself: it is written often, and read by its key alone.
    Each,
    /// All in one partition, in order: there are few, and they are read together.
    Together,
    /// By the byte after the kind: read in order, written often.
    ByByte,
    /// By the 10 bytes that follow the kind, random ones of a member's id: what belongs to it is in order.
    By10,
    /// By the 16 bytes that follow the kind, those of a member or of an order: what belongs to it is in order.
    By16,
}

impl Spread {
    /// How many bytes of its key say which partition a record of that kind lies in; `None` is all.
    pub fn prefix(self, kind: Kind) -> Option<usize> {
        let own = kind.as_bytes().len();
        match self {
            Spread::Each => None,
            Spread::Together => Some(own),
            Spread::ByByte => Some(own + 1),
            Spread::By10 => Some(own + 10),
            Spread::By16 => Some(own + 16),
        }
    }
}

/// The rooms of the engine that write records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the rooms' names")]
pub enum Room {
    Access,
    Accounts,
    Ledger,
    Offers,
    Partners,
    People,
    Programme,
    Webhooks,
}

/// Whether records of that kind say who somebody is: the edge seals them before a store sees them. It is asked of each
/// record that is read or written.
pub fn is_sealed(kind: Kind) -> bool {
    kind == kind::PERSON || kind == kind::ANSWER
}

/// Kinds that are sealed.
pub fn sealed() -> impl Iterator<Item = Kind> {
    KINDS.iter().map(|row| row.kind).filter(|kind| is_sealed(*kind))
}

/// How a record goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goes {
    /// With the person, when it is erased.
    Erased,
    /// With what it names: a link that ends, a code that is asked for after it has expired, a place that moves on.
    Followed,
    /// When its time is over: a sweep or the store removes it.
    Timed,
}

/// What is stored under a key, by its type.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The record's name.
    pub record: &'static str,
    /// The format it is written in.
    pub format: u8,
    anew: fn(&Key, &[u8]) -> Result<Bytes, Unreadable>,
}

impl Form {
    /// That of a record.
    pub const fn of<T: Stored>(record: &'static str) -> Form {
        fn anew<T: Stored>(key: &Key, bytes: &[u8]) -> Result<Bytes, Unreadable> {
            decode::<T>(key, bytes).map(|record| encode(&record))
        }
        Form { record, format: T::FORMAT, anew: anew::<T> }
    }

    /// Reads a record and writes it in the newest format: the same bytes, if it is in that.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn anew(&self, key: &Key, bytes: &[u8]) -> Result<Bytes, Unreadable> {
        (self.anew)(key, bytes)
    }
}

/// A kind of record.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// How its keys begin.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// Who writes it.
    pub room: Room,
    /// How it is spread.
    pub spread: Spread,
    /// Whether it holds personal data, or leads to a person: erasing the person deletes it.
    pub personal: bool,
    /// How its records are removed; empty means never.
    pub goes: &'static [Goes],
    /// What is stored under its keys; `None` means bytes without a format, or nothing.
    pub form: fn(&Key) -> Option<Form>,
}

const ENTRY: Form = Form::of::<EntryRecord>("EntryRecord");

const fn row(
    kind: Kind,
    name: &'static str,
    room: Room,
    spread: Spread,
    form: fn(&Key) -> Option<Form>,
) -> Row {
    Row { kind, name, room, spread, personal: false, goes: &[], form }
}

impl Row {
    /// Whether its record of that key is a ledger entry.
    pub fn is_entry(&self, key: &Key) -> bool {
        (self.form)(key).is_some_and(|form| form.record == ENTRY.record)
    }

    const fn goes(self, goes: &'static [Goes]) -> Row {
        Row { goes, ..self }
    }

    const fn personal(self, goes: &'static [Goes]) -> Row {
        Row { personal: true, goes, ..self }
    }
}

/// Every kind of record. None ever changes its meaning, and the bytes of an abandoned one stay reserved.
pub const KINDS: &[Row] = {
    use Goes::{Erased, Followed, Timed};
    use Room::{Access, Accounts, Ledger, Offers, Partners, People, Programme, Webhooks};
    use Spread::{By10, By16, ByByte, Each, Together};
    &[
        row(kind::MEMBER, "member", Ledger, Each, |_| Some(Form::of::<MemberRecord>("MemberRecord"))),
        row(kind::PERSON, "person", People, Each, |_| Some(Form::of::<PersonRecord>("PersonRecord")))
            .personal(&[Erased]),
        row(kind::ENTRY, "entry", Ledger, Each, |_| Some(ENTRY)),
        row(kind::ORDER, "order", Ledger, Each, |_| Some(ENTRY)),
        row(kind::REDEMPTION, "redemption", Ledger, Each, |_| Some(ENTRY)),
        row(kind::PAID_PART, "paid part", Ledger, By16, |_| None),
        row(kind::REFUND, "refund", Ledger, Each, |_| Some(ENTRY)),
        row(kind::REVISION, "revision", Ledger, Each, |_| Some(ENTRY)),
        row(kind::ADJUSTMENT, "adjustment", Ledger, Each, |_| Some(ENTRY)),
        row(kind::ACTIVITY, "activity", Ledger, Each, |_| Some(ENTRY)),
        row(kind::MERGE, "merge", Ledger, Each, |_| Some(ENTRY)),
        row(kind::DUE, "due", Ledger, ByByte, |_| None).goes(&[Followed]),
        row(kind::USED, "used", Ledger, Together, |_| None),
        row(kind::IDENTITY, "identity", People, Each, |_| Some(Form::of::<ClaimRecord>("ClaimRecord")))
            .personal(&[Erased]),
        row(kind::ALIKE, "alike", People, ByByte, |_| None).personal(&[Erased, Followed]),
        row(kind::CARD, "card", People, Each, |_| Some(Form::of::<CardRecord>("CardRecord")))
            .personal(&[Erased, Followed]),
        row(kind::MEMBER_CARD, "member card", People, Each, |_| {
            Some(Form::of::<MemberCardRecord>("MemberCardRecord"))
        })
        .personal(&[Erased]),
        row(kind::EDGE, "edge", Ledger, By16, |_| Some(Form::of::<EdgeRecord>("EdgeRecord"))),
        row(kind::FRIEND_CODE, "friend code", People, Each, |_| {
            Some(Form::of::<FriendCodeRecord>("FriendCodeRecord"))
        }),
        row(kind::MEMBER_CODE, "member code", People, Each, |_| {
            Some(Form::of::<MemberCodeRecord>("MemberCodeRecord"))
        }),
        row(kind::SIGNALS, "signals", Ledger, Each, |_| Some(Form::of::<SignalsRecord>("SignalsRecord")))
            .personal(&[Erased]),
        row(kind::SIGNAL, "signal", Ledger, By16, |_| None).personal(&[Erased, Followed]),
        row(kind::REQUEST, "request", Access, ByByte, |_| Some(Form::of::<RequestRecord>("RequestRecord")))
            .goes(&[Timed]),
        row(kind::ANSWER, "answer", People, By16, |key| {
            Some(match keys::is_parted(key) {
                true => Form::of::<PartedRecord>("PartedRecord"),
                false => Form::of::<Answer>("Answer"),
            })
        })
        .personal(&[Erased, Timed]),
        row(kind::CALLER, "caller", Access, Together, |_| Some(Form::of::<CallerRecord>("CallerRecord"))),
        row(kind::NONCE, "nonce", Access, Each, |_| Some(Form::of::<NonceRecord>("NonceRecord")))
            .goes(&[Timed]),
        // Whoever changes something notes it: it belongs to no room alone.
        row(kind::STAFF_CHANGE, "change by staff", Access, Together, |_| {
            Some(Form::of::<StaffChangeRecord>("StaffChangeRecord"))
        })
        .goes(&[Timed]),
        row(kind::PLACE, "place", Access, Together, |_| Some(Form::of::<PlaceRecord>("PlaceRecord"))),
        row(kind::NOTE, "note", Access, Each, |key| {
            (*key == keys::note(keys::LOOKED_THROUGH_NOTE)).then(|| Form::of::<Progress>("Progress"))
        }),
        row(kind::PROGRAM, "programme", Programme, Each, |key| {
            Some(match keys::is_program_part(key) {
                true => Form::of::<ProgramPart>("ProgramPart"),
                false => Form::of::<ProgramRecord>("ProgramRecord"),
            })
        }),
        row(kind::PROGRAM_HEAD, "programme head", Programme, Each, |_| Some(Form::of::<u32>("u32"))),
        row(kind::OFFER, "offer", Programme, Together, |_| Some(Form::of::<OfferRecord>("OfferRecord"))),
        row(kind::OFFER_VERSION, "version of an offer", Programme, Each, |_| {
            Some(Form::of::<OfferVersionRecord>("OfferVersionRecord"))
        }),
        row(kind::WORD, "word of an offer", Programme, Each, |_| Some(Form::of::<WordRecord>("WordRecord"))),
        row(kind::OFFERS, "offers", Programme, Each, |_| Some(Form::of::<OffersRecord>("OffersRecord"))),
        row(kind::GRANT, "grant", Ledger, By10, |key| {
            Some(match keys::read_grant(key) {
                Some((.., 0)) => Form::of::<WindowRecord>("WindowRecord"),
                _ => ENTRY,
            })
        }),
        row(kind::USE, "use", Offers, Each, |_| Some(Form::of::<UseRecord>("UseRecord"))).goes(&[Followed]),
        row(kind::OFFER_ACCOUNT, "account of an offer", Accounts, Each, |key| {
            Some(match keys::read_offer_days(key) {
                Some(_) => Form::of::<OfferDaysRecord>("OfferDaysRecord"),
                None => Form::of::<OfferAccountRecord>("OfferAccountRecord"),
            })
        }),
        row(kind::STOCK, "codes of an offer", Accounts, Each, |key| {
            Some(match keys::read_stock(key)?.1 {
                keys::StockPart::Pool => Form::of::<StockRecord>("StockRecord"),
                keys::StockPart::Codes => Form::of::<StockCodesRecord>("StockCodesRecord"),
                keys::StockPart::Batch => Form::of::<StockBatchRecord>("StockBatchRecord"),
                keys::StockPart::Printed => Form::of::<PrintedRecord>("PrintedRecord"),
                keys::StockPart::PrintedCode => Form::of::<PrintedCodeRecord>("PrintedCodeRecord"),
                keys::StockPart::PrintedUsed => Form::of::<PrintedUsedRecord>("PrintedUsedRecord"),
            })
        }),
        row(kind::PARTNER, "partner", Partners, Together, |_| {
            Some(Form::of::<PartnerRecord>("PartnerRecord"))
        }),
        row(kind::BLOCK, "block", Accounts, Together, |_| Some(Form::of::<BlockRecord>("BlockRecord"))),
        row(kind::ACCOUNT, "account", Accounts, Each, |key| {
            Some(match keys::read_account(key)? {
                (_, keys::POOL) => Form::of::<Pool>("Pool"),
                _ => Form::of::<Shard>("Shard"),
            })
        }),
        // Whoever changes something says so: it belongs to no room alone.
        row(kind::HAPPENED, "happened", Access, Together, |_| {
            Some(Form::of::<HappenedRecord>("HappenedRecord"))
        })
        .goes(&[Timed]),
        row(kind::WEBHOOK, "webhook", Webhooks, Together, |key| {
            Some(match *key == keys::webhooks() {
                true => Form::of::<WebhooksRecord>("WebhooksRecord"),
                false => Form::of::<domain::time::Instant>("Instant"),
            })
        })
        .goes(&[Followed]),
        row(kind::DELIVERY, "delivery", Webhooks, By16, |_| {
            Some(Form::of::<DeliveryRecord>("DeliveryRecord"))
        })
        .goes(&[Timed]),
        row(kind::RETRY, "retry", Webhooks, By16, |_| Some(Form::of::<RetryRecord>("RetryRecord")))
            .goes(&[Followed]),
        row(kind::SETTLEMENT, "settlement", Partners, Together, |key| {
            Some(match keys::read_settlement_part(key)? {
                keys::SettlementPart::Month => Form::of::<MonthRecord>("MonthRecord"),
                keys::SettlementPart::Counted => Form::of::<Tally>("Tally"),
                keys::SettlementPart::Account => Form::of::<AccountRecord>("AccountRecord"),
                keys::SettlementPart::Paid => Form::of::<PaidRecord>("PaidRecord"),
            })
        })
        .goes(&[Followed]),
        row(kind::LINK_CODE, "link code", Partners, Each, |_| {
            Some(Form::of::<LinkCodeRecord>("LinkCodeRecord"))
        })
        .personal(&[Erased, Followed]),
        row(kind::REFERENCE, "reference", Partners, Each, |_| {
            Some(Form::of::<ReferenceRecord>("ReferenceRecord"))
        })
        .personal(&[Erased, Followed]),
        row(kind::MEMBER_LINK, "member link", Partners, By16, |key| {
            Some(match keys::read_asked_code(key) {
                Some(_) => Form::of::<domain::time::Instant>("Instant"),
                None => Form::of::<LinkRecord>("LinkRecord"),
            })
        })
        .personal(&[Erased, Followed]),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::{EXTENDED, Range};

    #[test]
    fn no_byte_stands_twice() {
        let kinds: BTreeSet<Kind> = KINDS.iter().map(|row| row.kind).collect();
        let names: BTreeSet<&str> = KINDS.iter().map(|row| row.name).collect();
        assert_eq!((kinds.len(), names.len()), (KINDS.len(), KINDS.len()));
        assert!(!kinds.contains(&Kind::one(EXTENDED)), "it begins kinds of two bytes");
        for (row, kind) in KINDS.iter().zip(KINDS.iter().map(|row| row.kind)) {
            assert_eq!(Kind::of(kind.as_bytes()), kind);
            assert_eq!(kind.row().map(|row| row.name), Some(row.name));
        }
    }

    /// How many bytes of a key name its partition: tables that are there are laid out so.
    #[test]
    fn a_partition_is_named_by_so_many_bytes() {
        for (spread, one, extended) in [
            (Spread::Each, None, None),
            (Spread::Together, Some(1), Some(2)),
            (Spread::ByByte, Some(2), Some(3)),
            (Spread::By10, Some(11), Some(12)),
            (Spread::By16, Some(17), Some(18)),
        ] {
            assert_eq!(spread.prefix(kind::MEMBER), one, "{spread:?}");
            assert_eq!(spread.prefix(kind::REVISION), extended, "{spread:?}");
        }
    }

    #[test]
    fn a_kind_is_shown_as_its_keys_begin() {
        assert_eq!(format!("{:?} {:?}", kind::MEMBER, kind::REVISION), "'m' 'zr'");
    }

    #[test]
    fn what_is_personal_is_erased() {
        for row in KINDS {
            assert_eq!(row.personal, row.goes.contains(&Goes::Erased), "{}", row.name);
        }
    }

    /// A record that says who somebody is goes with the person; of the other personal ones each only leads to it.
    #[test]
    fn what_is_sealed_is_personal() {
        let sealed: Vec<&str> = KINDS.iter().filter(|row| is_sealed(row.kind)).map(|row| row.name).collect();
        assert_eq!(sealed, ["person", "answer"]);
        assert!(KINDS.iter().filter(|row| is_sealed(row.kind)).all(|row| row.personal));
        assert_eq!(super::sealed().count(), 2);
    }

    #[test]
    fn a_kind_is_all_keys_that_begin_so() {
        for (kind, inside, outside) in [
            (Kind::one(b'm'), [&b"m"[..], b"m\xff\xff"], [&b"l\xff"[..], b"n"]),
            (Kind::extended(b'a'), [b"za", b"za\xff"], [b"z", b"zb"]),
            (Kind::extended(0xff), [b"z\xff", b"z\xff\xff"], [b"z\xfe\xff", b"{"]),
            (Kind::one(0xff), [b"\xff", b"\xff\xff\0"], [b"\xfe\xff", b"\0"]),
        ] {
            let Range { from, to } = kind.range();
            let within = |key: &[u8]| (&from..&to).contains(&&Key::new(key.to_vec()));
            assert!(inside.iter().all(|key| within(key) && Kind::of(key) == kind), "{kind:?}");
            assert!(!outside.iter().any(|key| within(key) || Kind::of(key) == kind), "{kind:?}");
        }
        assert_eq!(Kind::of(b""), Kind::one(0));
        assert_ne!(Kind::of(b"z"), Kind::extended(0), "the byte alone is no kind of two");
    }
}
