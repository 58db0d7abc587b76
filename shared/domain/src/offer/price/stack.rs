//! Which offers combine.

use crate::offer::{Discount, Gives, Offer, With};

/// The group of unit prices.
const PRICE: &str = "price";

/// What an offer is about, as far as it is judged apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// What a unit costs.
    Units,
    /// Other discounts of goods.
    Goods,
    /// Delivery.
    Delivery,
    /// Items and services, which combine with all.
    Free,
}

fn about(offer: &Offer) -> About {
    match &offer.gives {
        Gives::Discount(Discount::UnitPrice(_)) => About::Units,
        Gives::Discount(Discount::Delivery(_)) => About::Delivery,
        Gives::Discount(Discount::Percent { .. } | Discount::Amount { .. } | Discount::Steps(_)) => {
            About::Goods
        }
        Gives::Item { .. } | Gives::Service(_) | Gives::Access { .. } | Gives::Points { .. } => About::Free,
    }
}

/// Whether two that may be used may be used together.
pub(super) fn combine(one: &Offer, other: &Offer) -> bool {
    match (about(one), about(other)) {
        (About::Free, _) | (_, About::Free) => true,
        // Goods and delivery are judged apart.
        (About::Delivery, About::Units | About::Goods) | (About::Units | About::Goods, About::Delivery) => {
            true
        }
        // Step 2 decides among them.
        (About::Units, About::Units) => true,
        // A unit price itself is of all units.
        (About::Units, About::Goods) | (About::Goods, About::Units)
            if one.items.not_priced || other.items.not_priced =>
        {
            true
        }
        (About::Units | About::Goods, About::Units | About::Goods) | (About::Delivery, About::Delivery) => {
            let same = group(one).is_some_and(|group_of_one| Some(group_of_one) == group(other));
            !same && names(one, other) && names(other, one)
        }
    }
}

/// Its group; a unit price is of the group of unit prices, whatever it says.
fn group(offer: &Offer) -> Option<&str> {
    if about(offer) == About::Units { Some(PRICE) } else { offer.stack.group.as_deref() }
}

/// Whether the one names the other.
fn names(one: &Offer, other: &Offer) -> bool {
    match &one.stack.with {
        With::All => true,
        With::Named(named) => {
            let group = group(other);
            named.iter().any(|name| Some(name.as_str()) == group || other.id == **name)
        }
    }
}
