//! What is stored under the keys: a file for each record, and the same bytes in every store.
//!
//! A record begins with its format, one byte. A record is written in its newest format and read in every
//! earlier one: to change one, raise [`Stored::FORMAT`], keep the former struct with its layout beside it,
//! and convert it in [`Stored::upgrade`]. Golden bytes (`tests/golden`) and whole folders (`tests/data`)
//! guard what has been stored.

mod account;
mod block;
mod caller;
mod card;
mod claim;
mod entry;
mod first;
mod grant;
mod happened;
pub mod layout;
mod link;
mod link_code;
mod member;
mod nonce;
mod offer;
mod offer_account;
mod order;
mod parted;
mod partner;
mod person;
mod place;
mod printed;
mod program;
mod progress;
mod reference;
mod referral;
mod request;
mod second;
mod settlement;
mod staff_change;
mod stock;
mod third;
mod used;
mod values;
mod webhook;

use bytes::Bytes;

use self::layout::{Damaged, Layout, Reader};
use crate::store::Key;

pub(crate) use self::{
    account::{Points, Pool, Shard, Stock, Window},
    member::encode_member,
    order::Changed,
    progress::Progress,
    settlement::{AccountRecord, MonthRecord, PaidRecord, Stage},
};
pub use self::{
    block::BlockRecord,
    caller::CallerRecord,
    card::{CardRecord, CardUse, MemberCardRecord},
    claim::ClaimRecord,
    entry::{EntryRecord, Outcome},
    grant::{HeldRecord, KeptGrant, WindowRecord},
    happened::HappenedRecord,
    link::{LinkEnd, LinkRecord},
    link_code::LinkCodeRecord,
    member::MemberRecord,
    nonce::NonceRecord,
    offer::{OfferRecord, OfferVersionRecord, OffersRecord, WordRecord},
    offer_account::{Allotment, OfferAccountRecord, OfferDay, OfferDaysRecord, OfferHold, TakenDay},
    order::KeptOrder,
    parted::PartedRecord,
    partner::{KeyRecord, PartnerKeyRecord, PartnerRecord},
    person::PersonRecord,
    place::PlaceRecord,
    printed::{PrintedBatch, PrintedCodeRecord, PrintedRecord, PrintedUsedRecord},
    program::{ProgramPart, ProgramRecord},
    reference::ReferenceRecord,
    referral::{EdgeRecord, FriendCodeRecord, MemberCodeRecord, SIGNALS_MAX, SignalsRecord},
    request::{Answer, Held, Remembered, RequestRecord},
    staff_change::{On, StaffChangeRecord},
    stock::{StockBatchRecord, StockCodesRecord, StockRecord},
    used::{CouponName, GrantThen, LineBack, UseRecord, UseReturn, UseState},
    values::By,
    webhook::{
        DeliveryRecord, DeliveryState, RetryRecord, WebhookRecord, WebhookSecret, WebhookStatus,
        WebhooksRecord,
    },
};

/// Room for most records, in bytes.
const ROOM: usize = 128;

/// What is stored under a key.
pub trait Stored: Layout {
    /// The format that it is written in.
    const FORMAT: u8 = 1;

    /// Reads it as it was written in an older format.
    ///
    /// # Errors
    /// The format is unknown, or the bytes are damaged.
    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let _ = (format, from);
        Err(Damaged)
    }
}

/// A stored record that cannot be read: the data is of a newer Laurel, or damaged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// Which record.
    pub key: Key,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the record {:?} cannot be read", self.key)
    }
}

impl std::error::Error for Unreadable {}

/// The bytes of a record.
pub fn encode<T: Stored>(record: &T) -> Bytes {
    framed::<T>(|out| record.write(out))
}

/// The format, and what follows it.
fn framed<T: Stored>(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::with_capacity(ROOM);
    out.push(T::FORMAT);
    write(&mut out);
    Bytes::from(out)
}

/// The record of these bytes, in any known format.
///
/// # Errors
/// They are of a newer format, or damaged.
pub fn decode<T: Stored>(key: &Key, bytes: &[u8]) -> Result<T, Unreadable> {
    read(bytes).map_err(|Damaged| Unreadable { key: key.clone() })
}

fn read<T: Stored>(bytes: &[u8]) -> Result<T, Damaged> {
    let (format, rest) = bytes.split_first().ok_or(Damaged)?;
    let mut from = Reader::new(rest);
    let record = match *format {
        newest if newest == T::FORMAT => T::read(&mut from)?,
        older if older < T::FORMAT => T::upgrade(older, &mut from)?,
        _ => return Err(Damaged),
    };
    from.end()?;
    Ok(record)
}

#[cfg(test)]
mod golden;
