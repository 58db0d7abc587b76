//! Keys of the settlement of a month, and its parts.

use domain::{id::BrandId, time::Month};

use super::{key, kind};
use crate::store::{Key, Range};

/// Which part of a month's settlement a record holds; the second byte of its key.
mod part {
    pub(super) const MONTH: u8 = 0;
    pub(super) const SUMS: u8 = 1;
    pub(super) const HONOURED: u8 = 2;
    pub(super) const ACCOUNT: u8 = 3;
    pub(super) const PAID: u8 = 4;
    pub(super) const OFFERS: u8 = 5;
}

/// What a record of a month's settlement is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettlementPart {
    /// How far the month has come.
    Month,
    /// What has been counted of it.
    Counted,
    /// A brand's account.
    Account,
    /// That one was paid.
    Paid,
}

/// What a key of a settlement's record names.
pub fn read_settlement_part(key: &Key) -> Option<SettlementPart> {
    Some(match *key.as_bytes().get(1).filter(|_| key.kind() == kind::SETTLEMENT)? {
        part::MONTH => SettlementPart::Month,
        part::SUMS | part::HONOURED | part::OFFERS => SettlementPart::Counted,
        part::ACCOUNT => SettlementPart::Account,
        part::PAID => SettlementPart::Paid,
        _ => return None,
    })
}

fn settlement_part(part: u8, month: Month, brand: &str) -> Key {
    key(kind::SETTLEMENT, &[&[part], &month.number().to_be_bytes(), brand.as_bytes()])
}

/// All of a month's records of that part.
fn settlement_parts(part: u8, month: Month) -> Range {
    Range { from: settlement_part(part, month, ""), to: settlement_part(part, month.next(), "") }
}

/// How far a month's settlement has come. These sort from the newest month to the oldest.
pub fn settlement(month: Month) -> Key {
    let number = u32::MAX - month.number();
    key(kind::SETTLEMENT, &[&[part::MONTH], &number.to_be_bytes()])
}

/// The month of such a key; `None` of any other.
pub fn read_settlement(key: &Key) -> Option<Month> {
    let (part, number) = key.as_bytes().get(1..).filter(|_| key.kind() == kind::SETTLEMENT)?.split_first()?;
    let number: [u8; 4] = number.try_into().ok().filter(|_| *part == part::MONTH)?;
    Some(Month::from_number(u32::MAX - u32::from_be_bytes(number)))
}

/// The settlements of all months before that one, from the newest; of all months without one.
pub fn settlements(before: Option<Month>) -> Range {
    let first = key(kind::SETTLEMENT, &[&[part::MONTH]]);
    let from = before.map_or(first, |month| settlement(month).successor());
    Range { from, to: key(kind::SETTLEMENT, &[&[part::MONTH + 1]]) }
}

/// What has been counted of a month that is not by pairs of brands.
pub fn settlement_sums(month: Month) -> Key {
    settlement_part(part::SUMS, month, "")
}

/// What has been counted of a month of the pairs of brands of which that one has lines: it honoured points, or offers were
/// used there, or it bears them.
pub fn settlement_honoured(month: Month, brand: &BrandId) -> Key {
    settlement_part(part::HONOURED, month, brand.as_str())
}

/// What has been counted of a month for every brand that has lines of pairs.
pub fn settlements_honoured(month: Month) -> Range {
    settlement_parts(part::HONOURED, month)
}

/// A part of what offers gave in a month, while it is counted; there are few.
pub fn settlement_offers(month: Month, part: u8) -> Key {
    key(kind::SETTLEMENT, &[&[part::OFFERS], &month.number().to_be_bytes(), &[part]])
}

/// All parts of what offers gave in a month.
pub fn settlements_offers(month: Month) -> Range {
    settlement_parts(part::OFFERS, month)
}

/// A brand's account of a closed month.
pub fn settlement_account(month: Month, brand: &BrandId) -> Key {
    settlement_part(part::ACCOUNT, month, brand.as_str())
}

/// The accounts of a closed month, from the brand after that one on.
pub fn settlement_accounts(month: Month, after: Option<&BrandId>) -> Range {
    let all = settlement_parts(part::ACCOUNT, month);
    let from = after.map_or(all.from, |brand| settlement_account(month, brand).successor());
    Range { from, to: all.to }
}

/// That a brand's account of a month was paid.
pub fn settlement_paid(month: Month, brand: &BrandId) -> Key {
    settlement_part(part::PAID, month, brand.as_str())
}
