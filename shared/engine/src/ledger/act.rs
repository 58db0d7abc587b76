//! What is asked of a member's ledger: whom it is about, what it is known by, and what it changes.

use domain::{
    decide::{Adjust, Ask, EarnActivity, EarnOrder, IssueBadge, Redeem, SetStatus},
    id::RedemptionId,
    member::Member,
    programme::Way,
    refusal::Refusal,
};
use sha2::{Digest, Sha256};

use crate::{
    engine::Whom,
    store::{Key, keys},
};

/// A command on a member's ledger, as a function hands it over.
#[derive(Clone, Debug)]
pub enum Act {
    /// An order earns.
    EarnOrder(Whom, EarnOrder),
    /// An activity earns.
    EarnActivity(Whom, EarnActivity),
    /// Points are spent on an order.
    Redeem(Whom, Redeem),
    /// An order is refunded.
    Refund {
        /// The order's brand.
        brand: String,
        /// The order.
        order_id: String,
        /// The refund's own name, if it has one.
        refund_id: Option<String>,
        /// What is asked back.
        ask: Ask,
    },
    /// A redemption is cancelled.
    Cancel {
        /// Its id.
        redemption: RedemptionId,
    },
    /// An operator moves points or growth.
    Adjust(Whom, String, Adjust),
    /// A badge is issued by hand.
    IssueBadge(Whom, IssueBadge),
    /// A member is suspended, made active again or closed.
    SetStatus(Whom, SetStatus),
}

/// The id of the redemption of an order: it follows from the order, so that no index is needed.
pub fn redemption_id(brand: &str, order_id: &str) -> RedemptionId {
    let mut hash = Sha256::new();
    for part in ["redemption", "\0", brand, "\0", order_id] {
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    RedemptionId(id)
}

impl Act {
    /// Whom it names; `None` if that follows from what it changes.
    pub(crate) fn whom(&self) -> Option<Whom> {
        match self {
            Act::EarnOrder(whom, _)
            | Act::EarnActivity(whom, _)
            | Act::Redeem(whom, _)
            | Act::Adjust(whom, ..)
            | Act::IssueBadge(whom, _)
            | Act::SetStatus(whom, _) => Some(*whom),
            Act::Refund { .. } | Act::Cancel { .. } => None,
        }
    }

    /// The brand it is done at.
    pub(crate) fn brand(&self) -> Option<&str> {
        match self {
            Act::EarnOrder(_, order) => Some(&order.brand),
            Act::EarnActivity(_, activity) => Some(&activity.brand),
            Act::Redeem(_, redeem) => Some(&redeem.brand),
            Act::Refund { brand, .. } => Some(brand),
            Act::Adjust(_, _, adjust) => Some(&adjust.brand),
            Act::Cancel { .. } | Act::IssueBadge(..) | Act::SetStatus(..) => None,
        }
    }

    /// The name under which it is done at most once, for ever.
    pub(crate) fn natural_key(&self) -> Option<Key> {
        match self {
            Act::EarnOrder(_, order) => Some(keys::order(&order.brand, &order.order_id)),
            Act::EarnActivity(_, done) => done
                .reference
                .as_ref()
                .map(|reference| keys::activity(&done.brand, &done.activity, reference)),
            Act::Redeem(_, redeem) => Some(keys::redemption(redemption_id(&redeem.brand, &redeem.order_id))),
            Act::Refund { brand, order_id, refund_id, .. } => {
                refund_id.as_ref().map(|refund_id| keys::refund(brand, order_id, refund_id))
            }
            Act::Adjust(_, id, _) => Some(keys::adjustment(id)),
            Act::Cancel { .. } | Act::IssueBadge(..) | Act::SetStatus(..) => None,
        }
    }

    /// The record of the order or redemption it changes.
    pub(crate) fn target_key(&self) -> Option<Key> {
        match self {
            Act::Refund { brand, order_id, .. } => Some(keys::order(brand, order_id)),
            Act::Cancel { redemption } => Some(keys::redemption(*redemption)),
            _ => None,
        }
    }

    /// What is said where that is not there.
    pub(crate) fn target_missing(&self) -> Refusal {
        match self {
            Act::Cancel { .. } => Refusal::RedemptionNotFound,
            _ => Refusal::OrderNotFound,
        }
    }

    /// The brand whose account it takes points from, if that counts them, and which way they go.
    pub(crate) fn spends(&self) -> Option<(&str, Way)> {
        match self {
            Act::EarnOrder(_, order) => Some((&order.brand, Way::Issue)),
            Act::EarnActivity(_, activity) => Some((&activity.brand, Way::Issue)),
            Act::Redeem(_, redeem) => Some((&redeem.brand, Way::Redeem)),
            _ => None,
        }
    }

    /// Whether there is nothing left to do for the member as it is.
    pub(crate) fn is_done(&self, member: &Member) -> bool {
        match self {
            Act::IssueBadge(_, issue) => member.has_badge(&issue.badge),
            Act::SetStatus(_, set) => member.status == set.status,
            _ => false,
        }
    }
}
