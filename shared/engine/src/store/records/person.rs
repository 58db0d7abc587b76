//! The person behind a member.

use std::collections::BTreeMap;

use domain::{
    id::ReferralCode,
    member::{Changed, Identity, IdentityKind, Person},
};

use super::{
    Stored,
    layout::{Damaged, Layout as _, Reader, layout},
};

/// The person record is the person.
pub type PersonRecord = Person;

impl Stored for PersonRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<PersonRecord, Damaged> {
        match format {
            1 => First::read(from).map(Person::from),
            _ => Err(Damaged),
        }
    }
}

layout! {
    struct Person {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
        consents_since, changed,
    }
}
layout! { struct Changed { by, at } }

/// A person in the first format, which did not say who changed it, or since when somebody has agreed.
struct First {
    identities: Vec<Identity>,
    name: Option<String>,
    birthday: Option<String>,
    gender: Option<String>,
    region: BTreeMap<String, String>,
    brand: String,
    channel: Option<String>,
    referral_code: Option<ReferralCode>,
    terms_version: Option<String>,
    consents: BTreeMap<String, bool>,
}

layout! {
    struct First {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
    }
}

impl From<First> for Person {
    fn from(first: First) -> Person {
        Person {
            identities: first.identities,
            name: first.name,
            birthday: first.birthday,
            gender: first.gender,
            region: first.region,
            brand: first.brand,
            channel: first.channel,
            referral_code: first.referral_code,
            terms_version: first.terms_version,
            consents: first.consents,
            consents_since: BTreeMap::new(),
            changed: None,
        }
    }
}

layout! { struct Identity { kind, channel, value, verified } }
layout! { enum IdentityKind { 0 = Phone, 1 = Email, 2 = External } }
