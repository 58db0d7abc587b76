//! Events as webhooks get them. Partners have a struct of their own, so that a field that somebody adds does not reach
//! them by accident. No event holds personal data: who needs the name asks for the member.

use domain::{event::EventType, id::BrandId, member::MemberId};
use engine::{
    Happening, SetAside, What,
    id::{EventId, Reference, WebhookId},
    records::LinkRecord,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Entry, PartnerEntry, Show, by, id};
use crate::{At, Id, OrNull, Ulid, hears::is_staffs};

/// An event as staff and the house's brands get it.
#[derive(Serialize)]
pub struct Event<'a> {
    id: Ulid<EventId>,
    r#type: &'static str,
    member_id: OrNull<Ulid<MemberId>>,
    brand: OrNull<Id<&'a BrandId>>,
    seq: Option<u64>,
    occurred_at: At,
    recorded_at: At,
    data: EventData<Entry<'a>>,
}

/// An event as a partner gets it.
#[derive(Serialize)]
pub struct PartnerEvent<'a> {
    id: Ulid<EventId>,
    r#type: &'static str,
    /// Null of a test.
    member_ref: OrNull<Ulid<Reference>>,
    brand: OrNull<Id<&'a BrandId>>,
    occurred_at: At,
    recorded_at: At,
    data: EventData<PartnerEntry<'a>>,
}

/// What an event is about: the entry, or ids, names of fields and figures.
#[derive(Serialize)]
#[serde(untagged)]
enum EventData<E> {
    Entry(Box<E>),
    Facts(Map<String, Value>),
}

impl Show<'_> {
    /// An event as the house's brands get it and, with what staff alone see of a person, as staff do.
    pub(crate) fn event<'a>(&self, happening: &'a Happening, is_staff: bool) -> Event<'a> {
        let what = &happening.what;
        let recorded_at = what.recorded_at();
        let (seq, occurred_at, data) = match what {
            What::Entry(entry) => {
                // All of it: who hears of it has no answer to compare it with.
                let shown = self.in_full(entry, true);
                (Some(entry.seq), entry.event.occurred_at, EventData::Entry(Box::new(shown)))
            }
            _ => (None, recorded_at, EventData::Facts(self.facts(happening, is_staff))),
        };
        Event {
            id: Ulid(happening.id),
            r#type: happening.kind.word(),
            member_id: OrNull(what.member().map(Ulid)),
            brand: OrNull(what.brand().map(Id)),
            seq,
            occurred_at: self.instant(occurred_at),
            recorded_at: self.instant(recorded_at),
            data,
        }
    }

    /// An event as the partner gets it that knows the member by that reference: of its own entries, of its links, and
    /// the tests of its webhooks.
    pub(crate) fn partner_event<'a>(
        &self,
        happening: &'a Happening,
        reference: Option<Reference>,
    ) -> PartnerEvent<'a> {
        let what = &happening.what;
        let recorded_at = what.recorded_at();
        let (occurred_at, data) = match what {
            What::Entry(entry) => {
                (entry.event.occurred_at, EventData::Entry(Box::new(self.partner_entry(entry))))
            }
            What::Linked { link, .. } => (recorded_at, EventData::Facts(self.link(link))),
            What::Noted(noted) if noted.webhook().is_some() => {
                let mut facts = Map::new();
                facts.extend(
                    noted.webhook().map(|own| ("webhook_id".to_owned(), id::<WebhookId>(own).into())),
                );
                (recorded_at, EventData::Facts(facts))
            }
            What::Registered { .. }
            | What::Programme { .. }
            | What::Offer { .. }
            | What::Settled { .. }
            | What::Noted(_) => {
                panic!("a partner is never told of {}", happening.kind.word())
            }
        };
        PartnerEvent {
            id: Ulid(happening.id),
            r#type: happening.kind.word(),
            member_ref: OrNull(reference.map(Ulid)),
            brand: OrNull(what.brand().map(Id)),
            occurred_at: self.instant(occurred_at),
            recorded_at: self.instant(recorded_at),
            data,
        }
    }

    fn link(&self, link: &LinkRecord) -> Map<String, Value> {
        let mut facts = Map::new();
        let mut add = |name: &str, at| facts.insert(name.to_owned(), Value::String(self.instant(at).0));
        add("linked_at", link.linked_at);
        if let Some(end) = &link.end {
            add("ended_at", end.at);
        }
        facts
    }

    /// What of a member's was set aside, and until when; or let go.
    fn set_aside(&self, told: Option<&SetAside<'_>>) -> Map<String, Value> {
        let mut facts = Map::new();
        let Some(told) = told else { return facts };
        let (name, by) = told.by;
        facts.insert(name.to_owned(), by.into());
        if let Some(until) = told.until {
            facts.insert("until".to_owned(), Value::String(self.instant(until).0));
        }
        let grants: Vec<String> =
            told.grants.iter().map(|grant| id(self.secrets.shown_grant(*grant))).collect();
        facts.insert("grants".to_owned(), grants.into());
        facts.insert("offers".to_owned(), told.offers.clone().into());
        facts
    }

    /// What is told of something that has no entry.
    fn facts(&self, happening: &Happening, is_staff: bool) -> Map<String, Value> {
        let mut facts = Map::new();
        let mut add = |name: &str, value: Value| _ = facts.insert(name.to_owned(), value);
        match &happening.what {
            What::Entry(_) => {}
            What::Registered { at, .. } => add("registered_at", Value::String(self.instant(*at).0)),
            What::Linked { link, .. } => {
                let whose = link.end.as_ref().map_or(link.asked_by, |end| end.by);
                self.link(link).into_iter().for_each(|(name, value)| add(&name, value));
                add("by", by(whose).into());
            }
            What::Programme { version, by: whose, .. } => {
                add("version", (*version).into());
                add("by", by(*whose).into());
            }
            What::Offer { offer, version, by: whose, .. } => {
                add("offer", offer.as_str().into());
                add("version", (*version).into());
                add("by", by(*whose).into());
            }
            What::Settled { month, by: whose, .. } => {
                add("month", month.show().into());
                add("by", by(*whose).into());
            }
            What::Noted(noted) => {
                if let Some(webhook) = noted.webhook() {
                    add("webhook_id", id::<WebhookId>(webhook).into());
                }
                let set_aside = noted.set_aside();
                self.set_aside(set_aside.as_ref()).into_iter().for_each(|(name, value)| add(&name, value));
                let others = noted.about.iter().filter(|(name, _)| name != "webhook" && set_aside.is_none());
                for (name, value) in others {
                    // No id of a tag has a comma.
                    let tags = || value.split(',').filter(|tag| !tag.is_empty()).collect::<Vec<_>>();
                    match happening.kind {
                        EventType::TagsChanged => add(name, tags().into()),
                        _ => add(name, value.as_str().into()),
                    }
                }
                let is_seen = |field: &&String| is_staff || !is_staffs(field, self.programme);
                let fields: Vec<&str> = noted.fields.iter().filter(is_seen).map(String::as_str).collect();
                if !fields.is_empty() {
                    add("fields", fields.into());
                }
                add("by", by(noted.by).into());
            }
        }
        facts
    }
}
