//! Names of the records of codes: those of others, which offers hand out, and printed ones.

use domain::{
    id::{BatchId, OfferId},
    offer::printed::Printed,
};

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
    /// The batches of printed codes.
    Printed,
    /// A printed code.
    PrintedCode,
    /// How often printed codes were used.
    PrintedUsed,
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

/// The batches of an offer's printed codes.
pub fn printed(id: &OfferId) -> Key {
    key(kind::STOCK, &[id.as_bytes(), b"\0\x03"])
}

/// What has become of a printed code of the offer.
pub fn printed_code(id: &OfferId, code: Printed) -> Key {
    key(kind::STOCK, &[id.as_bytes(), b"\0\x04", &code.batch.to_be_bytes(), &code.index.to_be_bytes()])
}

/// The batch and the number within it of a printed code of such a key.
pub fn read_printed_code(key: &Key) -> Option<(u32, u32)> {
    let (_, StockPart::PrintedCode) = read_stock(key)? else { return None };
    let (rest, index) = key.as_bytes().split_last_chunk()?;
    let (_, batch) = rest.split_last_chunk()?;
    Some((u32::from_be_bytes(*batch), u32::from_be_bytes(*index)))
}

/// A part of how often the offer's printed codes were used.
pub fn printed_used(id: &OfferId, part: u8) -> Key {
    key(kind::STOCK, &[id.as_bytes(), b"\0\x05", &[part]])
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
        [0, 3] => StockPart::Printed,
        [0, 4, _, _, _, _, _, _, _, _] => StockPart::PrintedCode,
        [0, 5, _] => StockPart::PrintedUsed,
        _ => return None,
    };
    std::str::from_utf8(id).ok().map(|id| (OfferId::of_checked(id), part))
}
