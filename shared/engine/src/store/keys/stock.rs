//! Names of the records of codes of others, which offers hand out.

use domain::id::{BatchId, OfferId};

use super::{key, kind};
use crate::store::Key;

/// What such a record holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StockPart {
    /// How many codes came, and how many were handed out.
    Pool,
    /// Some of the codes.
    Codes,
    /// That a batch was put in.
    Batch,
}

/// How many codes of an offer came, and how many were handed out.
pub fn stock(id: &OfferId) -> Key {
    key(kind::STOCK, &[id.as_bytes(), b"\0\0"])
}

/// Some of the codes of an offer: the records of so many each are numbered from 0.
pub fn stock_codes(id: &OfferId, place: u32) -> Key {
    key(kind::STOCK, &[id.as_bytes(), b"\0\x01", &place.to_be_bytes()])
}

/// That a batch was put in.
pub fn stock_batch(id: &OfferId, batch: &BatchId) -> Key {
    key(kind::STOCK, &[id.as_bytes(), b"\0\x02", batch.as_bytes()])
}

/// The offer of such a key, and what stands under it.
pub fn read_stock(key: &Key) -> Option<(OfferId, StockPart)> {
    let rest = key.as_bytes().get(2..).filter(|_| key.kind() == kind::STOCK)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (id, rest) = rest.split_at(end);
    let part = match rest {
        [0, 0] => StockPart::Pool,
        [0, 1, _, _, _, _] => StockPart::Codes,
        [0, 2, _, ..] => StockPart::Batch,
        _ => return None,
    };
    std::str::from_utf8(id).ok().map(|id| (OfferId::of_checked(id), part))
}
