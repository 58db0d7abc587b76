//! The person behind a member.

use std::collections::BTreeMap;

use domain::{
    attribute::Attribute,
    id::ReferralCode,
    member::{Changed, ConsentWay, Consented, Identity, IdentityKind, Locale, Person, QuietHours},
    time::Instant,
};

use super::{
    Stored,
    layout::{Damaged, Layout as _, Reader, layout},
};

/// The person record is the person.
pub type PersonRecord = Person;

impl Stored for PersonRecord {
    const FORMAT: u8 = 6;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<PersonRecord, Damaged> {
        match format {
            1 => First::read(from).map(Person::from),
            2 => Second::read(from).map(Person::from),
            3 => Third::read(from).map(Person::from),
            4 => Fourth::read(from).map(Person::from),
            5 => Fifth::read(from).map(Person::from),
            _ => Err(Damaged),
        }
    }
}

layout! {
    struct Person {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
        consents_since, attributes, changed, birthday_since, locale, time_zone, quiet_hours,
    }
}
layout! { enum Locale { 0 = Zh, 1 = En } }
layout! { struct QuietHours { from, to, days } }
layout! {
    enum Attribute {
        0 = Choice(id), 1 = Choices(ids), 2 = Number(millionths), 3 = Date(day), 4 = Flag(flag), 5 = Text(text),
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
            birthday_since: None,
            birthday: first.birthday,
            gender: first.gender,
            locale: None,
            time_zone: None,
            quiet_hours: Vec::new(),
            region: first.region,
            brand: first.brand,
            channel: first.channel,
            referral_code: first.referral_code,
            terms_version: first.terms_version,
            consents: first.consents,
            consents_since: BTreeMap::new(),
            attributes: BTreeMap::new(),
            changed: None,
        }
    }
}

/// A person in the second format, which had no attributes.
struct Second {
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
    consents_since: BTreeMap<String, Instant>,
    changed: Option<Changed>,
}

layout! {
    struct Second {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
        consents_since, changed,
    }
}

impl From<Second> for Person {
    fn from(second: Second) -> Person {
        Person {
            identities: second.identities,
            name: second.name,
            birthday_since: entered(&second.birthday, &second.changed),
            birthday: second.birthday,
            gender: second.gender,
            locale: None,
            time_zone: None,
            quiet_hours: Vec::new(),
            region: second.region,
            brand: second.brand,
            channel: second.channel,
            referral_code: second.referral_code,
            terms_version: second.terms_version,
            consents: second.consents,
            consents_since: of_files(second.consents_since),
            attributes: BTreeMap::new(),
            changed: second.changed,
        }
    }
}

/// A person in the third format, which said since when of what a file had told alone.
struct Third {
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
    consents_since: BTreeMap<String, Instant>,
    attributes: BTreeMap<String, Attribute>,
    changed: Option<Changed>,
}

layout! {
    struct Third {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
        consents_since, attributes, changed,
    }
}

impl From<Third> for Person {
    fn from(third: Third) -> Person {
        Person {
            identities: third.identities,
            name: third.name,
            birthday_since: entered(&third.birthday, &third.changed),
            birthday: third.birthday,
            gender: third.gender,
            locale: None,
            time_zone: None,
            quiet_hours: Vec::new(),
            region: third.region,
            brand: third.brand,
            channel: third.channel,
            referral_code: third.referral_code,
            terms_version: third.terms_version,
            consents: third.consents,
            consents_since: of_files(third.consents_since),
            attributes: third.attributes,
            changed: third.changed,
        }
    }
}

/// A person in the fourth format, which did not say since when the birthday is known.
struct Fourth {
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
    consents_since: BTreeMap<String, Consented>,
    attributes: BTreeMap<String, Attribute>,
    changed: Option<Changed>,
}

layout! {
    struct Fourth {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
        consents_since, attributes, changed,
    }
}

impl From<Fourth> for Person {
    fn from(fourth: Fourth) -> Person {
        Person {
            identities: fourth.identities,
            name: fourth.name,
            birthday_since: entered(&fourth.birthday, &fourth.changed),
            birthday: fourth.birthday,
            gender: fourth.gender,
            locale: None,
            time_zone: None,
            quiet_hours: Vec::new(),
            region: fourth.region,
            brand: fourth.brand,
            channel: fourth.channel,
            referral_code: fourth.referral_code,
            terms_version: fourth.terms_version,
            consents: fourth.consents,
            consents_since: fourth.consents_since,
            attributes: fourth.attributes,
            changed: fourth.changed,
        }
    }
}

/// A person in the fifth format, which did not say how the person is reached.
struct Fifth {
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
    consents_since: BTreeMap<String, Consented>,
    attributes: BTreeMap<String, Attribute>,
    changed: Option<Changed>,
    birthday_since: Option<Instant>,
}

layout! {
    struct Fifth {
        identities, name, birthday, gender, region, brand, channel, referral_code, terms_version, consents,
        consents_since, attributes, changed, birthday_since,
    }
}

impl From<Fifth> for Person {
    fn from(fifth: Fifth) -> Person {
        Person {
            identities: fifth.identities,
            name: fifth.name,
            birthday_since: fifth.birthday_since,
            birthday: fifth.birthday,
            gender: fifth.gender,
            locale: None,
            time_zone: None,
            quiet_hours: Vec::new(),
            region: fifth.region,
            brand: fifth.brand,
            channel: fifth.channel,
            referral_code: fifth.referral_code,
            terms_version: fifth.terms_version,
            consents: fifth.consents,
            consents_since: fifth.consents_since,
            attributes: fifth.attributes,
            changed: fifth.changed,
        }
    }
}

/// The latest at which a birthday was entered, before that was kept: at the last change of anything.
fn entered(birthday: &Option<String>, changed: &Option<Changed>) -> Option<Instant> {
    birthday.as_ref()?;
    changed.as_ref().map(|changed| changed.at)
}

/// What files alone had said before it was kept how.
fn of_files(since: BTreeMap<String, Instant>) -> BTreeMap<String, Consented> {
    since.into_iter().map(|(channel, at)| (channel, Consented { at, how: ConsentWay::Import })).collect()
}

layout! { struct Consented { at, how } }
layout! { enum ConsentWay { 0 = Import, 1 = Registration, 2 = Correction } }
layout! { struct Identity { kind, channel, value, verified } }
layout! { enum IdentityKind { 0 = Phone, 1 = Email, 2 = External } }
