//! What must be told at registering, and who may (contract, `/register`). It is asked only where somebody becomes a
//! member.

use super::{Programme, read::list};
use crate::{
    condition::{Condition, Reader, Subject},
    event::History,
    json::Json,
    member::{IdentityKind, Member, Person, REGION_PARTS},
    shape::{Fault, Shape, optional},
    time::Instant,
};

/// What must be told, and who may register.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct RegistrationRules {
    /// What must be told.
    pub required: Vec<Required>,
    /// Who may; everybody without one.
    pub eligible: Option<Condition>,
}

/// Something that must be told of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Required {
    /// An identity of that kind, and of an external one its channel.
    Identity(IdentityKind, String),
    /// The name.
    Name,
    /// The birthday.
    Birthday,
    /// The gender.
    Gender,
    /// That part of the region.
    Region(&'static str),
    /// Where the person registers.
    Channel,
    /// The terms that the person agreed to.
    TermsVersion,
    /// An attribute.
    Attribute(String),
}

impl Required {
    /// What that word requires.
    fn of(word: &str) -> Option<Required> {
        let dotted = word.split_once('.').filter(|(_, rest)| !rest.is_empty());
        Some(match (word, dotted) {
            ("phone", _) => Required::Identity(IdentityKind::Phone, String::new()),
            ("email", _) => Required::Identity(IdentityKind::Email, String::new()),
            ("name", _) => Required::Name,
            ("birthday", _) => Required::Birthday,
            ("gender", _) => Required::Gender,
            ("channel", _) => Required::Channel,
            ("terms_version", _) => Required::TermsVersion,
            (_, Some(("external", channel))) => {
                Required::Identity(IdentityKind::External, channel.to_owned())
            }
            (_, Some(("region", part))) => {
                Required::Region(REGION_PARTS.into_iter().find(|own| *own == part)?)
            }
            (_, Some(("attribute", id))) => Required::Attribute(id.to_owned()),
            _ => return None,
        })
    }

    /// Where it stands in a registration.
    pub fn pointer(&self) -> String {
        match self {
            Required::Identity(..) => "/identities".to_owned(),
            Required::Name => "/profile/name".to_owned(),
            Required::Birthday => "/profile/birthday".to_owned(),
            Required::Gender => "/profile/gender".to_owned(),
            Required::Region(part) => format!("/profile/region/{part}"),
            Required::Channel => "/channel".to_owned(),
            Required::TermsVersion => "/terms_version".to_owned(),
            Required::Attribute(id) => format!("/profile/attributes/{id}"),
        }
    }

    /// The column of a file in which it stands.
    pub fn column(&self) -> String {
        match self {
            Required::Identity(IdentityKind::External, channel) => format!("external.{channel}"),
            Required::Identity(kind, _) => kind.word().to_owned(),
            Required::Name => "name".to_owned(),
            Required::Birthday => "birthday".to_owned(),
            Required::Gender => "gender".to_owned(),
            Required::Region(part) => (*part).to_owned(),
            Required::Channel => "registered_channel".to_owned(),
            Required::TermsVersion => "terms_version".to_owned(),
            Required::Attribute(id) => format!("attribute.{id}"),
        }
    }

    fn is_told(&self, person: &Person) -> bool {
        match self {
            Required::Identity(kind, channel) => {
                person.identities.iter().any(|own| own.kind == *kind && own.channel == *channel)
            }
            Required::Name => person.name.is_some(),
            Required::Birthday => person.birthday.is_some(),
            Required::Gender => person.gender.is_some(),
            Required::Region(part) => person.region.contains_key(*part),
            Required::Channel => person.channel.is_some(),
            Required::TermsVersion => person.terms_version.is_some(),
            Required::Attribute(id) => person.attributes.get(id).is_some_and(|own| !own.is_empty()),
        }
    }

    /// That it is missing of a registration, or of a correction.
    pub fn fault(&self) -> Fault {
        Fault::new(self.pointer(), "required", self.detail())
    }

    /// That it is missing, in words.
    pub fn detail(&self) -> String {
        let what = match self {
            Required::Identity(IdentityKind::External, channel) => {
                format!("an external identity of {channel}")
            }
            Required::Identity(kind, _) => format!("an identity of the kind {}", kind.word()),
            _ => self.column(),
        };
        format!("the programme asks for it of everybody who registers: {what}")
    }
}

impl RegistrationRules {
    /// What of a person is missing.
    pub fn missing(&self, person: &Person) -> Vec<&Required> {
        self.required.iter().filter(|required| !required.is_told(person)).collect()
    }

    /// The faults of a correction: what it takes away and must be there.
    pub fn emptied(&self, before: &Person, after: &Person) -> Vec<Fault> {
        let had: Vec<&Required> = self.missing(before);
        let mut missing = self.missing(after);
        missing.retain(|one| !had.contains(one));
        missing.into_iter().map(Required::fault).collect()
    }
}

impl Programme {
    /// Whether somebody who registers now may.
    pub fn admits(&self, newborn: &Member, person: &Person, now: Instant) -> bool {
        let history = History { since: Instant::MIN, events: Vec::new() };
        let subject = Subject {
            member: newborn,
            person: Some(person),
            history: Some(&history),
            recent: &[],
            programme: self,
            now,
        };
        // It asks for nothing but the person, who is here.
        self.registration.eligible.as_ref().is_none_or(|eligible| eligible.holds(&subject) == Ok(true))
    }
}

pub(super) const REGISTRATION: Shape = Shape::Object(&[
    optional(
        "required",
        Shape::List { of: &Shape::Text { max: 80 }, min: 0, max: 100 },
        "phone, email, external.<channel>, name, birthday, gender, region.<part>, channel, terms_version, attribute.<id>",
    ),
    optional("eligible", Shape::Condition, "who may: on age, gender, region, channel and attributes"),
]);

pub(super) fn registration(json: &Json, reader: &mut Reader<'_>) -> RegistrationRules {
    let at = "/registration/eligible";
    let eligible = json.get("eligible").and_then(|eligible| reader.read(eligible, at));
    if eligible.as_ref().is_some_and(|eligible| !eligible.asks_the_person()) {
        let detail =
            "somebody who registers has age, gender, region, channel and attributes, and no other facts";
        reader.faults.push(Fault::new(at, "not_of_a_newcomer", detail));
    }
    let attributes = reader.attributes;
    let mut required = Vec::new();
    for (index, word) in
        list(json, "required", |word, _| word.text().unwrap_or_default().to_owned()).iter().enumerate()
    {
        let mut fault = |code, detail: String| {
            reader.faults.push(Fault::new(format!("/registration/required/{index}"), code, detail));
        };
        match Required::of(word) {
            None => fault(
                "wrong_format",
                "phone, email, external.<channel>, name, birthday, gender, region.country, region.province, region.city, \
                 region.district, region.area, channel, terms_version or attribute.<id>"
                    .to_owned(),
            ),
            Some(own) if required.contains(&own) => fault("duplicate", format!("{word} stands twice")),
            Some(Required::Attribute(id)) => match attributes.iter().find(|rule| rule.id == id) {
                None => fault("unknown_attribute", format!("no attribute {id}")),
                Some(rule) if rule.staff => {
                    fault("of_staff", format!("{id} is set by staff alone, and nobody who registers tells it"));
                }
                Some(_) => required.push(Required::Attribute(id)),
            },
            Some(own) => required.push(own),
        }
    }
    RegistrationRules { required, eligible }
}
