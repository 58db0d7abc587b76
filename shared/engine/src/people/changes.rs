//! What is told outward of a person that changes: which fields, and never what they hold.

use domain::{
    event::EventType,
    member::{Identity, MemberId, Person},
};
use sha2::{Digest as _, Sha256};

use crate::{
    access::requests::Request,
    store::{Expect, Version, Write, keys, records::HappenedRecord, write::put},
};

/// The writes that tell what became of a person, in the commit that changes it: it was read in that version.
pub(super) fn told_outward(
    request: &Request,
    member: MemberId,
    before: &Person,
    after: &Person,
    version: Version,
) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut tell = |kind: EventType, about: Vec<(String, String)>, fields: Vec<String>| {
        let what = kind.word().to_owned();
        let (by, at) = (request.by, request.now);
        let noted = HappenedRecord { what, at, by, member: Some(member), brand: None, about, fields };
        let key = keys::happened(at, tie(b"person changed\0", member, version, writes.len()));
        writes.push(put(key, Expect::Absent, &noted));
    };
    for identity in &after.identities {
        if !has(before, identity) {
            tell(EventType::IdentityAdded, named(identity), Vec::new());
        }
    }
    for identity in &before.identities {
        if !has(after, identity) {
            tell(EventType::IdentityRemoved, named(identity), Vec::new());
        }
    }
    let fields = changed(before, after);
    if !fields.is_empty() {
        tell(EventType::MemberUpdated, Vec::new(), fields);
    }
    writes
}

fn has(person: &Person, told: &Identity) -> bool {
    let same =
        |own: &Identity| own.kind == told.kind && own.channel == told.channel && own.value == told.value;
    person.identities.iter().any(same)
}

fn named(identity: &Identity) -> Vec<(String, String)> {
    let mut about = vec![("kind".to_owned(), identity.kind.word().to_owned())];
    if !identity.channel.is_empty() {
        about.push(("channel".to_owned(), identity.channel.clone()));
    }
    about
}

/// The names of the fields that differ.
fn changed(before: &Person, after: &Person) -> Vec<String> {
    let profile = [
        ("name", before.name != after.name),
        ("birthday", before.birthday != after.birthday),
        ("gender", before.gender != after.gender),
        ("locale", before.locale != after.locale),
        ("time_zone", before.time_zone != after.time_zone),
        ("quiet_hours", before.quiet_hours != after.quiet_hours),
        ("region", before.region != after.region),
    ];
    let profile = profile.into_iter().filter(|(_, differs)| *differs);
    let mut fields: Vec<String> = profile.map(|(name, _)| format!("profile.{name}")).collect();
    let attributes = before.attributes.keys().chain(after.attributes.keys());
    let mut attributes: Vec<&String> = attributes.collect();
    attributes.sort();
    attributes.dedup();
    attributes.retain(|id| before.attributes.get(*id) != after.attributes.get(*id));
    fields.extend(attributes.iter().map(|id| format!("profile.attributes.{id}")));
    if before.terms_version != after.terms_version {
        fields.push("terms_version".to_owned());
    }
    let channels = before.consents.keys().chain(after.consents.keys());
    let mut consents: Vec<&String> = channels.collect();
    consents.sort();
    consents.dedup();
    let differs = |channel: &&&String| before.consents.get(**channel) != after.consents.get(**channel);
    fields.extend(consents.iter().filter(differs).map(|channel| format!("consents.{channel}")));
    fields
}

/// What tells this from others of the same moment.
pub(super) fn tie(what: &[u8], member: MemberId, version: Version, number: usize) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in [what, &member.0, &version.0.to_be_bytes(), &(number as u64).to_be_bytes()] {
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut tie = [0; 16];
    tie.copy_from_slice(&digest[..16]);
    tie
}
