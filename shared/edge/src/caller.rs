//! Callers: who may do what.

use domain::id::BrandId;
use engine::{
    id::CallerId,
    records::{By, CallerRecord},
};

use crate::Grant;

/// What a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Everything.
    Admin,
    /// Members, adjustments, badges, the programme; not keys.
    Operator,
    /// Registers, earns, redeems, reverses and reads, for its brand.
    Storefront,
    /// Sweeps.
    Scheduler,
    /// Another brand's system: what its brand may do, on members linked to it. Signs its requests;
    /// no key carries this role.
    Partner,
    /// One member, by a short-lived token. No key carries this role.
    Member,
}

impl Role {
    /// Every role that a key may carry.
    pub const ALL: [(&'static str, Role); 4] = [
        ("admin", Role::Admin),
        ("operator", Role::Operator),
        ("storefront", Role::Storefront),
        ("scheduler", Role::Scheduler),
    ];

    /// The role of that word.
    pub fn of(word: &str) -> Option<Role> {
        Role::ALL.iter().find(|(own, _)| *own == word).map(|(_, role)| *role)
    }

    /// The role's word.
    pub fn word(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Operator => "operator",
            Role::Storefront => "storefront",
            Role::Scheduler => "scheduler",
            Role::Partner => "partner",
            Role::Member => "member",
        }
    }
}

/// A caller that has shown its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The name under which its changes are recorded. What a member's token does, the member does.
    pub by: By,
    /// Its name, for people; empty if it has none.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// The one brand it acts for, if bound to one.
    pub brand: Option<BrandId>,
    /// What its token grants, if it is a member's.
    pub grant: Option<Grant>,
}

impl Caller {
    /// The caller of that record.
    pub fn of(id: CallerId, record: &CallerRecord) -> Caller {
        let roles = record.roles.iter().filter_map(|word| Role::of(word)).collect();
        let name = record.name.clone();
        Caller { by: By::Caller(id), name, roles, brand: record.brand.clone(), grant: None }
    }

    /// The caller of a route that anybody may call: nothing is recorded under its name.
    pub(crate) fn nobody() -> Caller {
        Caller { by: By::Time, name: String::new(), roles: Vec::new(), brand: None, grant: None }
    }

    /// What distinguishes its idempotency keys from others'; `None` for callers that send none.
    pub(crate) fn bytes(&self) -> [u8; 16] {
        match self.by {
            By::Caller(id) => id.bytes(),
            By::Member(id) => id.0,
            By::Time | By::Import | By::Schedule => [0; 16],
        }
    }

    /// Whether it has that role, by name.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether it has one of these roles; an admin has every one.
    pub fn may(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|own| *own == Role::Admin || roles.contains(own))
    }
}
