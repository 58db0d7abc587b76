//! The third format of entries, as it was before there were grants of offers.
//!
//! A type of its own, as of the [first](super::first); a value that this format and the newest store in the same way has
//! one layout, beside the newest record. No entry of this format is a grant.

use domain::{event::Event, member::MemberId, time::Instant};

use super::{By, EntryRecord, KeptOrder, Outcome, layout::layout};
use crate::store::id::ContentHash;

/// See [`EntryRecord`].
pub(super) struct Entry {
    member: MemberId,
    seq: u64,
    previous: Option<Vec<u8>>,
    by: By,
    version: u32,
    recorded_at: Instant,
    event: Event,
    balance_after: i64,
    outcome: Option<Outcome>,
    content: Option<ContentHash>,
    order: Option<KeptOrder>,
    cancelled: u64,
    blocks: Vec<(u32, u64)>,
    charged: bool,
    via: Option<MemberId>,
}

layout! {
    struct Entry {
        member, seq, previous, by, version, recorded_at, event, balance_after, outcome, content, order, cancelled,
        blocks, charged, via,
    }
}

impl From<Entry> for EntryRecord {
    fn from(entry: Entry) -> EntryRecord {
        EntryRecord {
            member: entry.member,
            seq: entry.seq,
            previous: entry.previous,
            by: entry.by,
            version: entry.version,
            recorded_at: entry.recorded_at,
            event: entry.event,
            balance_after: entry.balance_after,
            outcome: entry.outcome,
            content: entry.content,
            order: entry.order,
            cancelled: entry.cancelled,
            blocks: entry.blocks,
            charged: entry.charged,
            via: entry.via,
            grant: None,
        }
    }
}
