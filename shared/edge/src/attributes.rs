//! Attributes 自定义资料 as callers send and see them; the programme says what their values are.

use domain::{
    attribute::{ATTRIBUTES_MAX, Attribute, SENT},
    json::Json,
    member::Person,
    programme::Programme,
    shape::{Fault, Shape},
};
use serde::{Serialize, Serializer};

use crate::{Change, Code, Kind, Named, Problem, Read};

/// A value of an attribute, as sent; null takes it away.
#[derive(Clone, PartialEq, Debug)]
pub struct AttributeSent(pub Json);

impl Kind for AttributeSent {
    const SHAPE: Shape = Shape::OrNull(&SENT);
}

impl Read for AttributeSent {
    fn read(json: &Json) -> Option<Self> {
        Some(AttributeSent(json.clone()))
    }
}

/// Attributes, as sent: by the programme's ids.
pub type AttributesSent = Named<AttributeSent, ATTRIBUTES_MAX>;

/// A value of an attribute, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttributeShown<'a>(pub &'a Attribute);

impl Kind for AttributeShown<'_> {
    const SHAPE: Shape = SENT;
}

impl Serialize for AttributeShown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.shown().serialize(serializer)
    }
}

/// What is told of a person's attributes: the id of each that changes, and what it is from now on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AttributesTold(Vec<(String, Option<Attribute>)>);

impl AttributesTold {
    /// What was sent. Attributes of staff are told by staff alone.
    ///
    /// # Errors
    /// 403, if others tell one of staff; `faults` gets whatever is no value.
    pub(crate) fn read(
        programme: &Programme,
        sent: Change<AttributesSent>,
        staff: bool,
        faults: &mut Vec<Fault>,
    ) -> Result<AttributesTold, Problem> {
        let sent = match sent {
            Change::Keep => return Ok(AttributesTold::default()),
            // All that the caller may take away.
            Change::Remove => {
                let own = programme.attributes.iter().filter(|rule| staff || !rule.staff);
                return Ok(AttributesTold(own.map(|rule| (rule.id.clone(), None)).collect()));
            }
            Change::To(sent) => sent,
        };
        let mut told = Vec::new();
        for (id, AttributeSent(value)) in sent.0 {
            let pointer = || format!("/profile/attributes/{}", id.replace('~', "~0").replace('/', "~1"));
            match programme.attribute(&id) {
                None => {
                    let ids: Vec<&str> = programme.attributes.iter().map(|rule| rule.id.as_str()).collect();
                    let detail = format!("no such attribute; the programme has {}", ids.join(", "));
                    faults.push(Fault::new(pointer(), "unknown_attribute", detail));
                }
                Some(rule) if rule.staff && !staff => {
                    let detail = format!("the attribute {id} is set by staff alone");
                    return Err(Problem::saying(Code::Forbidden, detail));
                }
                Some(_) if value == Json::Null => told.push((id.to_string(), None)),
                Some(rule) => match rule.read(&value) {
                    Ok(value) => told.push((id.to_string(), Some(value))),
                    Err(wrong) => faults.push(Fault::new(pointer(), wrong.code, wrong.detail)),
                },
            }
        }
        Ok(AttributesTold(told))
    }

    /// Changes the person so.
    pub(crate) fn apply(&self, person: &mut Person) {
        for (id, value) in &self.0 {
            match value {
                Some(value) => _ = person.attributes.insert(id.clone(), value.clone()),
                None => _ = person.attributes.remove(id),
            }
        }
    }
}

/// A person's attributes as they are shown, in the programme's order: those that it has, and of staff to staff
/// alone.
pub(crate) fn shown<'a>(
    programme: &Programme,
    person: &'a Person,
    staff: bool,
) -> Vec<(&'a str, AttributeShown<'a>)> {
    let seen = programme.attributes.iter().filter(|rule| staff || !rule.staff);
    let own = seen.filter_map(|rule| {
        let (id, value) = person.attributes.get_key_value(&rule.id)?;
        (value.kind() == rule.kind.word()).then_some((id.as_str(), AttributeShown(value)))
    });
    own.collect()
}
