//! Who walks.

use edge::Role;

/// The callers, in the order of the columns below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Who {
    Nobody,
    /// A key that was revoked.
    Revoked,
    Admin,
    Operator,
    /// A storefront that is bound to no brand.
    Storefront,
    /// The storefront of the brand in question.
    OfAcme,
    /// The storefront of another of the house's brands.
    OfBean,
    Scheduler,
    /// The partner that the member is linked with.
    Linked,
    /// A partner that the member is not linked with, which knows what the other partner knows.
    NotLinked,
    /// A partner that may nothing.
    MayNothing,
    /// A token of the member, for the redemption in question.
    Own,
    /// The same token of another member.
    Other,
}

pub(crate) const WHO: [Who; 13] = [
    Who::Nobody,
    Who::Revoked,
    Who::Admin,
    Who::Operator,
    Who::Storefront,
    Who::OfAcme,
    Who::OfBean,
    Who::Scheduler,
    Who::Linked,
    Who::NotLinked,
    Who::MayNothing,
    Who::Own,
    Who::Other,
];

impl Who {
    /// Its role, if it has valid credentials.
    pub(crate) fn role(self) -> Option<Role> {
        Some(match self {
            Who::Nobody | Who::Revoked => return None,
            Who::Admin => Role::Admin,
            Who::Operator => Role::Operator,
            Who::Storefront | Who::OfAcme | Who::OfBean => Role::Storefront,
            Who::Scheduler => Role::Scheduler,
            Who::Linked | Who::NotLinked | Who::MayNothing => Role::Partner,
            Who::Own | Who::Other => Role::Member,
        })
    }

    /// The calling partner, if the caller is one.
    pub(crate) fn partner(self) -> Option<&'static str> {
        match self {
            Who::Linked => Some("tea"),
            Who::NotLinked => Some("mute"),
            Who::MayNothing => Some("idle"),
            _ => None,
        }
    }
}
