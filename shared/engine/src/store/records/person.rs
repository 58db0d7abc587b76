//! The person behind a member.

use domain::member::{Identity, IdentityKind, Person};

use super::{Stored, layout::layout};

/// The person record is the person.
pub type PersonRecord = Person;

impl Stored for PersonRecord {}

layout! {
    struct Person {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
    }
}
layout! { struct Identity { kind, channel, value, verified } }
layout! { enum IdentityKind { 0 = Phone, 1 = Email, 2 = External } }
