//! What a known person takes of what is told again: the same for a registration and for a row of a file.

use domain::{
    attribute::{BYTES_MAX, bytes_of},
    member::{CONSENTS_MAX, IDENTITIES_MAX, Identity, Person, Status},
    refusal::Refusal,
};

use crate::store::{
    Key,
    error::Error,
    keys,
    reading::{Claim, Holder},
};

/// What a known person has taken.
pub(super) struct Taken {
    /// Whether somebody vouches for an identity that the member has; else nothing is added.
    pub(super) vouched: bool,
    /// Claims to add.
    pub(super) claims: Vec<Key>,
}

/// Whether the member has left: it is found, and nothing is added.
pub(super) fn has_left(status: Status) -> bool {
    matches!(status, Status::Closed | Status::Erased)
}

/// Adds to the person what is new of what is told, if a shop vouches for an identity that the member has: new
/// identities, fields that are missing, and consents of which nothing was said. What the person has stays; `claiming`
/// is what claims each identity that is told.
///
/// # Errors
/// [`Refusal::LimitExceeded`]
pub(super) fn take(
    person: &mut Person,
    (told, claiming): (&Person, &[Claim]),
    holders: &[Option<Holder<'_>>],
    status: Status,
) -> Result<Taken, Error> {
    let mut known = told.identities.iter().zip(holders).filter(|(_, holder)| holder.is_some());
    let vouched = !has_left(status) && known.any(|(identity, _)| identity.verified);
    let mut claims = Vec::new();
    if !vouched {
        return Ok(Taken { vouched, claims });
    }
    let before = person.clone();
    for ((identity, holder), claim) in told.identities.iter().zip(holders).zip(claiming) {
        match holder {
            Some(holder) => verify(person, identity, &holder.form.value),
            None => {
                person.identities.push(identity.clone());
                claims.push(keys::identity(claim.own.hash));
            }
        }
    }
    within_identities(person)?;
    fill(person, told);
    if *person != before {
        person.changed.clone_from(&told.changed);
        if let Some(changed) = &told.changed {
            person.keep_birthday_since(&before, changed.at);
        }
    }
    within_consents(person)?;
    within_attributes(person)?;
    Ok(Taken { vouched, claims })
}

/// A person has at most so many identities.
///
/// # Errors
/// [`Refusal::LimitExceeded`]
pub(super) fn within_identities(person: &Person) -> Result<(), Error> {
    match person.identities.len() > IDENTITIES_MAX {
        true => Err(Refusal::LimitExceeded { what: "identities" }.into()),
        false => Ok(()),
    }
}

/// A person has at most so many channels of consent.
///
/// # Errors
/// [`Refusal::LimitExceeded`]
pub(super) fn within_consents(person: &Person) -> Result<(), Error> {
    match person.consents.len() > CONSENTS_MAX {
        true => Err(Refusal::LimitExceeded { what: "consents" }.into()),
        false => Ok(()),
    }
}

/// A person's attributes have at most so many bytes.
///
/// # Errors
/// [`Refusal::LimitExceeded`]
pub(super) fn within_attributes(person: &Person) -> Result<(), Error> {
    match bytes_of(&person.attributes) > BYTES_MAX {
        true => Err(Refusal::LimitExceeded { what: "attributes" }.into()),
        false => Ok(()),
    }
}

/// The place of an identity that the person has, stored as that value.
pub(super) fn place_of(person: &Person, told: &Identity, value: &str) -> Option<usize> {
    let mut own = person.identities.iter();
    own.position(|own| own.kind == told.kind && own.channel == told.channel && own.value == value)
}

/// Somebody vouches for an identity that the person already has, stored as that value.
pub(super) fn verify(person: &mut Person, told: &Identity, value: &str) {
    if let Some(place) = place_of(person, told, value) {
        person.identities[place].verified |= told.verified;
    }
}

/// Adds missing profile fields; existing ones stay.
pub(super) fn fill(person: &mut Person, told: &Person) {
    let missing = |own: &mut Option<String>, told: &Option<String>| {
        if own.is_none() {
            own.clone_from(told);
        }
    };
    missing(&mut person.name, &told.name);
    missing(&mut person.birthday, &told.birthday);
    missing(&mut person.gender, &told.gender);
    missing(&mut person.time_zone, &told.time_zone);
    missing(&mut person.channel, &told.channel);
    missing(&mut person.terms_version, &told.terms_version);
    person.locale = person.locale.or(told.locale);
    if person.quiet_hours.is_empty() {
        person.quiet_hours.clone_from(&told.quiet_hours);
    }
    // A region is one field: two places merged would make a third.
    if person.region.is_empty() {
        person.region.clone_from(&told.region);
    }
    for (id, value) in &told.attributes {
        person.attributes.entry(id.clone()).or_insert_with(|| value.clone());
    }
    for (channel, consent) in &told.consents {
        if !person.consents.contains_key(channel) {
            person.consents.insert(channel.clone(), *consent);
            let since = told.consents_since.get(channel);
            person.consents_since.extend(since.map(|since| (channel.clone(), *since)));
        }
    }
}
