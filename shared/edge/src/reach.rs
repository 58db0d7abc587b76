//! Who may call a route, as data. Everything that a route does not allow is refused.

use domain::{json::Json, programme::May};

use crate::{Role, Spend};

/// Who may call a route.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The roles of keys that may, besides an admin's; `None`: no key may, not even an admin's.
    pub keys: Option<&'static [Role]>,
    /// What a partner's signature allows.
    pub partners: Partners,
    /// What a member's token allows.
    pub members: Members,
    /// Whether anybody may call, without a key; a key that is sent is not looked at.
    pub anybody: bool,
}

/// What a partner's signature allows on a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partners {
    /// Nothing.
    Refused,
    /// Calling, whatever the programme says of the brand.
    Any,
    /// Calling, if the programme says that the brand may issue points.
    MayEarn,
    /// Calling, if the programme says that the brand may honour points.
    MayRedeem,
    /// Calling, if the programme says that the brand may take back.
    MayReverse,
    /// Calling, if the programme says that the brand may use offers.
    MayUse,
}

/// What a member's token allows on a route.
#[derive(Clone, Copy, Debug)]
pub enum Members {
    /// Nothing.
    Refused,
    /// Asking about its own member.
    Own,
    /// Asking about its own member, while the body names another record of the person.
    Joining,
    /// The one redemption that the token names; the function reads from the body what it would spend.
    Spend(fn(&Json) -> Option<Spend>),
}

impl Access {
    /// An admin's key alone.
    pub const ADMIN: Access = Access::keys(&[]);

    /// Keys of these roles, and an admin's.
    ///
    /// # Panics
    /// At compile time, if a role is one that no key carries.
    pub const fn keys(roles: &'static [Role]) -> Access {
        let mut at = 0;
        while at < roles.len() {
            let on_a_key = !matches!(roles[at], Role::Partner | Role::Member);
            assert!(on_a_key, "no key carries this role: say it with and_partners or and_members");
            at += 1;
        }
        Access { keys: Some(roles), partners: Partners::Refused, members: Members::Refused, anybody: false }
    }

    /// Anybody: what it answers is no secret, and depends on nothing that a caller says.
    pub const fn anybody() -> Access {
        Access { anybody: true, ..Access::keys(&[]) }
    }

    /// Partners alone, not even an admin: the route means nothing without a partner's brand.
    pub const fn partners_alone(partners: Partners) -> Access {
        Access { keys: None, partners, members: Members::Refused, anybody: false }
    }

    /// These, and partners.
    #[must_use]
    pub const fn and_partners(self, partners: Partners) -> Access {
        Access { partners, ..self }
    }

    /// These, and members' tokens.
    #[must_use]
    pub const fn and_members(self, members: Members) -> Access {
        Access { members, ..self }
    }

    /// Whether a caller of that role may call at all.
    pub fn admits(&self, role: Role) -> bool {
        if self.anybody {
            return true;
        }
        match role {
            Role::Partner => self.partners != Partners::Refused,
            Role::Member => !matches!(self.members, Members::Refused),
            Role::Admin => self.keys.is_some(),
            Role::Operator | Role::Storefront | Role::Scheduler => {
                self.keys.is_some_and(|roles| roles.contains(&role))
            }
        }
    }

    /// Every role that may call, in words, for the documentation.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        if self.anybody {
            return vec!["anybody, without a key"];
        }
        // If no key may call, there are no roles of keys.
        let keys = self.keys.map(|roles| [&[Role::Admin], roles].concat()).unwrap_or_default();
        let others = [Role::Partner, Role::Member].into_iter().filter(|role| self.admits(*role));
        keys.into_iter().chain(others).map(Role::word).collect()
    }
}

impl Partners {
    /// Whether a partner may call, by what the programme says of its brand.
    pub(crate) fn may(self, may: May) -> bool {
        match self {
            Partners::Refused => false,
            Partners::Any => true,
            Partners::MayEarn => may.earn,
            Partners::MayRedeem => may.redeem,
            Partners::MayReverse => may.reverse,
            Partners::MayUse => may.use_offers,
        }
    }
}
