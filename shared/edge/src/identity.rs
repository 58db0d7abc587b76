//! Identities and people as callers send them: numbers become E.164, addresses lower-case, other
//! systems' ids stay as they are.

use domain::{
    json::Json,
    member::{CONSENTS_MAX, IDENTITIES_MAX, Identity, IdentityKind, Person},
    shape::{Fault, Field, Shape, optional, required},
    time::Day,
};
use engine::id::IdentityHash;
use phonenumber::{Mode, country};

use crate::{Api, Problem};

const TEXT: Shape = Shape::Text { max: 100 };

/// An identity, where a request names a member by one.
pub const IDENTITY: Shape = Shape::Object(&[
    required("kind", Shape::OneOf(&["phone", "email", "external"]), "what it is"),
    optional("channel", Shape::Text { max: 64 }, "the other system, of an external identity"),
    required("value", Shape::Text { max: 256 }, "the number, address or id"),
    optional("verified", Shape::Bool, "whether the shop vouches for it"),
]);

const REGION: Shape = Shape::Object(&[
    optional("country", TEXT, "国家"),
    optional("province", TEXT, "省"),
    optional("city", TEXT, "市"),
    optional("district", TEXT, "区"),
]);

pub(crate) const PROFILE: Shape = Shape::Object(&[
    optional("name", TEXT, "as the person gives it"),
    optional("birthday", Shape::Day, "YYYY-MM-DD"),
    optional("gender", Shape::Text { max: 32 }, "as the person gives it"),
    optional("region", REGION, "where the person lives"),
]);

const CONSENTS: Shape = Shape::Map { of: &Shape::Bool, max: CONSENTS_MAX };

/// How every request that is about a member names it.
pub struct MemberForm;

impl MemberForm {
    /// By id.
    pub const ID: Field = optional("member_id", Shape::Ulid { prefix: "mbr_" }, "the member, or `identity`");
    /// By identity.
    pub const IDENTITY: Field = optional("identity", IDENTITY, "in place of `member_id`");
    /// By a partner's reference.
    pub const REFERENCE: Field = optional(
        "member_ref",
        Shape::Ulid { prefix: "lnk_" },
        "what a partner names the member by, and nobody else",
    );
}

/// The shape of a registration.
pub const REGISTRATION: Shape = Shape::Object(&[
    required(
        "identities",
        Shape::List { of: &IDENTITY, min: 1, max: IDENTITIES_MAX },
        "how the person is known",
    ),
    optional("profile", PROFILE, "who the person is"),
    required("brand", Shape::Id, "where the person registers"),
    optional("channel", Shape::Text { max: 64 }, "for example store:0042"),
    optional("referral_code", Shape::Id, "kept; rewards for referrals are not computed yet"),
    optional("terms_version", Shape::Text { max: 64 }, "what the person agreed to"),
    optional("consents", CONSENTS, "by channel"),
]);

/// The shape of a correction.
pub const CORRECTION: Shape = Shape::Object(&[
    optional("profile", PROFILE, "fields to correct; null removes one"),
    optional("consents", CONSENTS, "consents to change"),
    optional("terms_version", Shape::Text { max: 64 }, "what the person agreed to"),
]);

/// The identity in its one form.
///
/// # Errors
/// It is not a number, an address, or lacks its channel.
pub fn normalize(api: &Api, json: &Json, pointer: &str) -> Result<Identity, Fault> {
    let value = json.text_of("value").unwrap_or_default();
    let channel = json.text_of("channel").unwrap_or_default();
    let wrong =
        |part: &str, detail: &str| Err(Fault::new(format!("{pointer}/{part}"), "wrong_format", detail));
    let (kind, value) = match json.text_of("kind") {
        Some("phone") => match phone(api, value) {
            Some(number) => (IdentityKind::Phone, number),
            None => {
                return wrong("value", "a telephone number, with its country or of the programme's region");
            }
        },
        Some("email") => {
            let address = value.trim().to_lowercase();
            if !email_address::EmailAddress::is_valid(&address) {
                return wrong("value", "an email address");
            }
            (IdentityKind::Email, address)
        }
        _ if channel.is_empty() => return wrong("channel", "an external identity needs its channel"),
        _ => (IdentityKind::External, value.to_owned()),
    };
    if kind != IdentityKind::External && !channel.is_empty() {
        return wrong("channel", "only an external identity has a channel");
    }
    let verified = json.get("verified").and_then(Json::bool).unwrap_or(false);
    Ok(Identity { kind, channel: channel.to_owned(), value, verified })
}

fn phone(api: &Api, text: &str) -> Option<String> {
    let programmes = api.engine.programme().timeline().ok()?;
    let region: country::Id = programmes.newest().default_region.parse().ok()?;
    let number = phonenumber::parse(Some(region), text).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(Mode::E164).to_string())
}

/// The keyed hash that claims an identity.
pub(crate) fn claim(api: &Api, identity: &Identity) -> IdentityHash {
    api.secrets.identity_hash(identity.kind.word(), &identity.channel, &identity.value)
}

/// The claims of a person's identities.
pub fn claims(api: &Api, person: &Person) -> Vec<IdentityHash> {
    person.identities.iter().map(|identity| claim(api, identity)).collect()
}

/// The person of a registration.
///
/// # Errors
/// All that is wrong with it.
pub fn person(api: &Api, body: &Json) -> Result<Person, Problem> {
    let mut faults = Vec::new();
    let mut identities: Vec<Identity> = Vec::new();
    for (index, json) in body.get("identities").map_or(&[][..], Json::list).iter().enumerate() {
        let pointer = format!("/identities/{index}");
        match normalize(api, json, &pointer) {
            Ok(one) => {
                let same = |own: &Identity| {
                    (own.kind, &own.channel, &own.value) == (one.kind, &one.channel, &one.value)
                };
                if identities.iter().any(same) {
                    faults.push(Fault::new(pointer, "duplicate", "this identity stands twice"));
                } else {
                    identities.push(one);
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    let mut person = Person {
        identities,
        brand: body.text_of("brand").unwrap_or_default().to_owned(),
        ..Person::default()
    };
    let text = |name: &str| body.text_of(name).map(str::to_owned);
    (person.channel, person.referral_code, person.terms_version) =
        (text("channel"), text("referral_code"), text("terms_version"));
    if let Some(profile) = body.get("profile") {
        correct_profile(&mut person, profile);
    }
    correct_consents(&mut person, body);
    faults.extend(birthday_fault(api, &person));
    if faults.is_empty() { Ok(person) } else { Err(Problem::invalid_field(&faults)) }
}

/// A birthday lies between 1900 and today.
pub(crate) fn birthday_fault(api: &Api, person: &Person) -> Option<Fault> {
    let day = Day::parse(person.birthday.as_deref()?)?;
    let (_, zone) = api.engine.programme().currency_and_zone().ok()?;
    let good = day >= Day::new_year(1900) && day <= zone.day(api.clock.now());
    (!good).then(|| Fault::new("/profile/birthday", "out_of_range", "from 1900 to today"))
}

impl Api {
    /// Corrects a person as the body of a `PATCH` says.
    ///
    /// # Errors
    /// The birthday is impossible.
    pub fn corrected(&self, person: &mut Person, body: &Json) -> Result<(), Fault> {
        if let Some(profile) = body.get("profile") {
            correct_profile(person, profile);
        }
        if let Some(terms) = body.text_of("terms_version") {
            person.terms_version = Some(terms.to_owned());
        }
        correct_consents(person, body);
        birthday_fault(self, person).map_or(Ok(()), Err)
    }
}

fn correct_profile(person: &mut Person, profile: &Json) {
    for (name, value) in profile.fields() {
        let text = value.text().map(str::to_owned);
        match name.as_str() {
            "name" => person.name = text,
            "birthday" => person.birthday = text,
            "gender" => person.gender = text,
            "region" if *value == Json::Null => person.region.clear(),
            "region" => {
                for (part, place) in value.fields() {
                    match place.text() {
                        Some(place) => _ = person.region.insert(part.to_string(), place.to_owned()),
                        None => _ = person.region.remove(part.as_str()),
                    }
                }
            }
            _ => {}
        }
    }
}

fn correct_consents(person: &mut Person, body: &Json) {
    for (channel, consent) in body.get("consents").map_or(&[][..], Json::fields) {
        if let Some(consent) = consent.bool() {
            person.consents.insert(channel.to_string(), consent);
        }
    }
}
