//! What happens to grants 持有: what a member is given of an offer, and what is taken back of it (rewards.md, 2).

use crate::{
    event::Cancelled,
    id::{BrandId, GrantId, MemberId, OfferId, OrderId},
    offer::How,
    time::Instant,
};

/// What a grant is known by: whose it was first, of which offer, in which window, and its number within that. Nobody can
/// have two under one name, so whoever counts names counts grants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GrantName {
    /// The member by way of whom it came, which may have been merged since.
    pub holder: MemberId,
    /// The offer's number.
    pub offer: u16,
    /// The window of its limit, 0 for ever; without a limit how many times [`Self::MOST`] came before. Below 2²⁴.
    pub window: u32,
    /// Its number within the window, from 1 to [`Self::MOST`]; 0 is what was taken there of an offer that is not issued.
    pub number: u8,
}

impl GrantName {
    /// The most grants of one offer in one window, those that were taken back among them.
    pub const MOST: u8 = u8::MAX;

    /// The id: what the name says, but for the part of the holder's id that tells when it registered. The edge shows it in
    /// another form, which tells nothing.
    pub fn id(self) -> GrantId {
        let mut id = [0; 16];
        id[..10].copy_from_slice(&self.holder.0[6..]);
        id[10..12].copy_from_slice(&self.offer.to_be_bytes());
        id[12..].copy_from_slice(&((self.window << 8) | u32::from(self.number)).to_be_bytes());
        GrantId(id)
    }

    /// The name that follows: the next number of the window or, where no limit has windows, of what comes after it. `None`
    /// where the window is full.
    #[must_use]
    pub fn next(self, has_windows: bool) -> Option<GrantName> {
        match self.number.checked_add(1) {
            Some(number) => Some(GrantName { number, ..self }),
            None if has_windows => None,
            None => Some(GrantName { window: self.window + 1, number: 1, ..self }),
        }
    }
}

/// A grant is issued: claimed, bought, or given by staff.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantIssued {
    /// What it is known by.
    pub name: GrantName,
    /// Where it was claimed or bought, which is the brand that honours its price; the offer's brand of what gives points,
    /// and of what staff issue without saying where.
    pub brand: BrandId,
    /// The offer.
    pub offer: OfferId,
    /// The version that governs it.
    pub version: u32,
    /// How it came.
    pub source: How,
    /// How many pieces; of limits, stock and price.
    pub pieces: u32,
    /// How often it may be used.
    pub quantity: u32,
    /// From when on it may be used.
    pub valid_from: Instant,
    /// Before when; `None` is for ever.
    pub valid_until: Option<Instant>,
    /// Whether it is used from birth: what gives points, or a code of somebody else's.
    pub is_used: bool,
    /// The caller's own name for the claim, purchase or issue.
    pub asked_as: Option<String>,
    /// Why, of what staff issue.
    pub reason: Option<String>,
    /// The order that it is a gift for, at `brand`.
    pub order_id: Option<OrderId>,
}

/// A grant is taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantRevoked {
    /// What it is known by.
    pub name: GrantName,
    /// The brand of its issue.
    pub brand: BrandId,
    /// The offer.
    pub offer: OfferId,
    /// Pieces that come back to stock and number: all of it, or none where something of it was used.
    pub pieces: u32,
    /// How often it could still be used.
    pub left: u32,
    /// When it would have ended.
    pub valid_until: Option<Instant>,
    /// Why, if staff say so.
    pub reason: Option<String>,
    /// What of its price comes back, where a purchase is taken back.
    pub price: Option<Cancelled>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_id() {
        let name = |window, number| GrantName { holder: MemberId([7; 16]), offer: 3, window, number };
        for (name, want) in [
            (name(0, 1), [0, 3, 0, 0, 0, 1]),
            (name(2_026, 200), [0, 3, 0, 7, 0xea, 200]),
            (name(740_000, 0), [0, 3, 0x0b, 0x4a, 0xa0, 0]),
        ] {
            assert_eq!(name.id().0[..10], [7; 10]);
            assert_eq!(name.id().0[10..], want);
        }
        for (name, limited, want) in [
            (name(0, 1), false, Some((0, 2))),
            (name(0, 255), false, Some((1, 1))),
            (name(5, 254), true, Some((5, 255))),
            (name(5, 255), true, None),
        ] {
            let next = name.next(limited).map(|next| (next.window, next.number));
            assert_eq!(next, want, "{name:?}");
        }
    }
}
