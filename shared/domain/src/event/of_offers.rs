//! The rows of the kinds of entry that are about offers.

use super::uses::order_of;
use super::{EventType, GrantIssued, GrantRevoked, Moves, OfferUsed, Once, Reversed, UseReversed, row::Row};
use crate::offer::How;

/// Of a grant that is issued, or whose gift is given at once.
pub(super) fn issued_row(issued: &GrantIssued) -> Row<'_> {
    Row {
        word: "grant",
        brand: Some(&issued.brand),
        order_id: issued.order_id.as_ref(),
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: None,
        brought: None,
        moves: match (issued.source, issued.is_used) {
            (How::Buy, _) => Moves::Honoured,
            // What gives points does so as if its brand had, outside of limits, blocks and credit.
            (_, true) => Moves::ByHand { billed: true },
            (_, false) => Moves::Nothing,
        },
        granted: None,
        reverses: None,
        once: Some(Once::Grant(issued.name)),
        is_activity: issued.source == How::Buy,
        for_partners: true,
        told: EventType::GrantIssued,
    }
}

/// Of a grant that is taken back.
pub(super) fn revoked_row(revoked: &GrantRevoked) -> Row<'_> {
    Row {
        word: "revoke",
        brand: Some(&revoked.brand),
        order_id: None,
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: None,
        brought: None,
        moves: revoked.price.map_or(Moves::Nothing, Moves::GivenBack),
        granted: None,
        reverses: revoked.price.map(|_| Reversed::Grant(revoked.name)),
        once: Some(Once::GrantRevoked(revoked.name)),
        is_activity: false,
        for_partners: true,
        told: EventType::GrantRevoked,
    }
}

/// Of offers that an order uses: the till gives, so no points move.
pub(super) fn use_row(used: &OfferUsed) -> Row<'_> {
    Row {
        word: "use",
        brand: Some(&used.brand),
        order_id: order_of(&used.by),
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: None,
        brought: None,
        moves: Moves::Nothing,
        granted: None,
        reverses: None,
        once: None,
        is_activity: false,
        for_partners: true,
        told: EventType::GrantUsed,
    }
}

/// Of a use that comes back.
pub(super) fn use_reversed_row(back: &UseReversed) -> Row<'_> {
    Row {
        word: "reverse_use",
        brand: Some(&back.brand),
        order_id: order_of(&back.by),
        redemption: None,
        order: None,
        activity: None,
        refund: None,
        revision: None,
        badge: None,
        tier: None,
        brought: None,
        moves: Moves::Nothing,
        granted: None,
        reverses: None,
        once: None,
        is_activity: false,
        for_partners: true,
        told: EventType::GrantReturned,
    }
}
