//! Offers that are bought, and given back.

use domain::{
    event::{Cancelled, EntryKind, GrantIssued, GrantName, GrantRevoked},
    id::{BrandId, MemberId, OfferId},
    offer::How,
    time::Instant,
};

/// An offer is bought.
pub(super) fn bought_offer(brand: &BrandId) -> EntryKind {
    EntryKind::GrantIssued(Box::new(GrantIssued {
        name: grant_name(),
        brand: brand.clone(),
        offer: OfferId::of_checked("o"),
        version: 1,
        source: How::Buy,
        pieces: 1,
        quantity: 1,
        valid_from: Instant(0),
        valid_until: None,
        is_used: false,
        asked_as: None,
        reason: None,
        order_id: None,
    }))
}

/// What was paid for an offer is given back, in part or whole.
pub(super) fn given_back(brand: &BrandId, price: Cancelled) -> EntryKind {
    EntryKind::GrantRevoked(Box::new(GrantRevoked {
        name: grant_name(),
        brand: brand.clone(),
        offer: OfferId::of_checked("o"),
        pieces: 1,
        left: 1,
        valid_until: None,
        reason: None,
        price: Some(price),
    }))
}

fn grant_name() -> GrantName {
    GrantName { holder: MemberId([0; 16]), offer: 1, window: 0, number: 1 }
}
