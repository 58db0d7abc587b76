//! Everything that is held about a person, as one JSON document: for the person, who may ask what a shop knows, and
//! for staff who hand it over. What is long is told in parts of about 4 MiB.

use domain::{member::MemberId, time::Instant};
use edge::{
    Answer, Api, Call, Kind, List, Method, OrNull, Problem, Route, Text, answer, asking,
    wire::{Entry, GivenConsent, Identity, Kept, KnownOrder, Member, Show, Viewer},
};
use engine::{Filter, LedgerEntry, Link, MemberView, Place, records::MemberCardRecord};
use serde::Serialize;

use crate::{STAFF_AND_OWN, UNKNOWN, answers, links, named};

/// How many bytes of entries, orders and links a part holds, at most; one entry alone may be longer.
const PART_BYTES_MAX: usize = 4 << 20;

/// Entries that are read at once.
const ENTRIES_AT_ONCE: usize = 100;

/// Links that are read at once, and the most that a part holds: they are few.
const LINKS_AT_ONCE: usize = 200;

/// The most entries in a part: the shortest one has some 300 bytes.
const ENTRIES_MAX: usize = 20_000;

answer! {
    /// What is not held yet: always empty.
    struct Nothing {}
}

answer! {
    /// A record of the person that was merged into the member: what it holds itself.
    struct AbsorbedRecord<'a> {
        /// as it is; its points are the member's
        member: Member<'a>,
        /// what the person agreed to by way of it
        consents: List<GivenConsent<'a>, 0, 20>,
        /// what is held beside
        kept: Kept<'a>,
    }
}

answer! {
    /// Everything that is held about a person, or a part of it.
    struct Exported<'a> {
        /// the member as of now; in the first part alone
        member: Option<Member<'a>>,
        /// how the person is known; in the first part alone
        identities: Option<List<Identity<'a>, 0, 180>>,
        /// what the person agreed to; in the first part alone
        consents: Option<List<GivenConsent<'a>, 0, 20>>,
        /// what is held beside; in the first part alone
        kept: Option<Kept<'a>>,
        /// other records of the person that were merged into the member; in the first part alone, left out without any
        absorbed: Option<List<AbsorbedRecord<'a>, 1, 8>>,
        /// the ledger, newest first
        entries: List<Entry<'a>, 0, ENTRIES_MAX>,
        /// the orders that these entries earned for, as they now stand
        orders: List<KnownOrder<'a>, 0, ENTRIES_MAX>,
        /// what was granted
        grants: List<Nothing, 0, 0>,
        /// what was sent
        messages: List<Nothing, 0, 0>,
        /// the partners that the member is or was linked with
        links: List<links::ShownLink<'a>, 0, LINKS_AT_ONCE>,
        /// campaigns
        enrolments: List<Nothing, 0, 0>,
        /// null at the end
        next_cursor: OrNull<Text<12_100>>,
    }
}

/// `GET /members/{id}/export`.
pub(crate) const ROUTE: Route = Route {
    method: Method::Get,
    path: "/{id}/export",
    summary: "Everything that is held about the person",
    access: STAFF_AND_OWN,
    remembers: false,
    answers: &[(200, Exported::SHAPE)],
    problems: UNKNOWN,
    query: &["cursor"],
    ..asking!(export)
};

/// Where the next part begins.
#[derive(Clone, PartialEq, Eq, Debug)]
enum From {
    /// In the ledger; `None` at its newest entry.
    Ledger(Option<Place>),
    /// After the ledger: behind that link.
    Links(Option<links::Place>),
}

impl From {
    fn read(text: Option<&str>) -> Result<From, Problem> {
        let Some(text) = text else { return Ok(From::Ledger(None)) };
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this export");
        match text.split_once('-').ok_or_else(wrong)? {
            ("e", place) => Ok(From::Ledger(answers::read_cursor(Some(place)).map_err(|_| wrong())?)),
            ("l", "") => Ok(From::Links(None)),
            ("l", place) => Ok(From::Links(Some(links::Place::read(place).ok_or_else(wrong)?))),
            _ => Err(wrong()),
        }
    }

    fn text(&self) -> String {
        match self {
            From::Ledger(place) => format!("e-{}", place.as_ref().map(answers::cursor).unwrap_or_default()),
            From::Links(place) => {
                format!("l-{}", place.as_ref().map(ToString::to_string).unwrap_or_default())
            }
        }
    }
}

async fn export(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;
    let from = From::read(call.query("cursor"))?;
    let is_first = call.query("cursor").is_none();

    let view = api.engine.people().member(id, call.request.now).await?;
    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let mut part = Part { api, id, now: call.request.now, entries: Vec::new(), links: Vec::new() };
    let next = part.fill(&show, from).await?;

    let first = if is_first { Some(Held::of(api, view.clone()).await?) } else { None };
    let others = if is_first { others(api, call, &view).await? } else { Vec::new() };

    // What staff noted is the person's to know.
    let viewer = Viewer { staff: true, ..api.viewer(call) };
    let member = is_first.then(|| show.member(&view, viewer));
    let absorbed = others.iter().map(|held| AbsorbedRecord {
        member: show.member(&held.view, viewer),
        consents: show.consents(&held.view.person),
        kept: held.kept(&show),
    });
    let answer = Exported {
        member,
        identities: is_first.then(|| show.identities(&view, viewer)),
        consents: is_first.then(|| show.consents(&view.person)),
        kept: first.as_ref().map(|held| held.kept(&show)),
        absorbed: (!others.is_empty()).then(|| absorbed.collect()),
        entries: part.entries.iter().map(|entry| show.listed(entry)).collect(),
        orders: part.entries.iter().filter_map(|entry| show.known_order(&entry.entry)).collect(),
        grants: none(),
        messages: none(),
        links: part.links.iter().map(|link| links::shown(show.zone(), link)).collect(),
        enrolments: none(),
        next_cursor: OrNull(next.map(|from| Text(from.text()))),
    };
    Ok(Answer::new(200, &answer))
}

/// What is held of one record of a person.
struct Held {
    view: MemberView,
    card: Option<MemberCardRecord>,
    /// When link codes were asked for.
    asked: Vec<Instant>,
}

impl Held {
    async fn of(api: &Api, view: MemberView) -> Result<Held, Problem> {
        let card = api.engine.people().held_card(view.member.id).await?;
        let asked = api.engine.partners().asked_codes(view.member.id).await?;
        Ok(Held { view, card, asked })
    }

    fn kept<'a>(&'a self, show: &Show<'a>) -> Kept<'a> {
        show.kept(&self.view.member, &self.view.person, self.card.as_ref(), &self.asked)
    }
}

/// The records of the person that the member has absorbed, each as it is.
async fn others(api: &Api, call: &Call, view: &MemberView) -> Result<Vec<Held>, Problem> {
    let mut others = Vec::new();
    for absorbed in &view.member.absorbed {
        let own = api.engine.people().member_itself(absorbed.member, call.request.now).await?;
        others.push(Held::of(api, own).await?);
    }
    Ok(others)
}

/// A part in the making.
struct Part<'a> {
    api: &'a Api,
    id: MemberId,
    now: Instant,
    entries: Vec<LedgerEntry>,
    links: Vec<Link>,
}

impl Part<'_> {
    /// Takes what has room; and where the next part begins, if there is one.
    async fn fill(&mut self, show: &Show<'_>, from: From) -> Result<Option<From>, Problem> {
        let place = match from {
            From::Ledger(place) => match self.ledger(show, place).await? {
                Some(next) => return Ok(Some(From::Ledger(Some(next)))),
                None => None,
            },
            From::Links(place) => place,
        };
        let after = place.as_ref().map(links::Place::parts);
        let partners = self.api.engine.partners();
        self.links = partners.links(self.id, after, LINKS_AT_ONCE + 1).await?;
        let more = self.links.len() > LINKS_AT_ONCE;
        self.links.truncate(LINKS_AT_ONCE);
        let last = self.links.last().filter(|_| more);
        Ok(last.map(|last| From::Links(Some(links::Place::of(last)))))
    }

    /// Takes the entries that have room; and where the ledger goes on.
    async fn ledger(&mut self, show: &Show<'_>, mut from: Option<Place>) -> Result<Option<Place>, Problem> {
        let mut bytes = 0;
        loop {
            let (mut found, mut next) = self.read(from.clone(), ENTRIES_AT_ONCE).await?;
            let mut fitting = 0;
            for entry in &found {
                let size = size(&show.listed(entry))
                    + show.known_order(&entry.entry).map_or(0, |order| size(&order));
                let is_first = self.entries.is_empty() && fitting == 0;
                if bytes + size > PART_BYTES_MAX && !is_first {
                    break;
                }
                bytes += size;
                fitting += 1;
            }
            let is_full = fitting < found.len();
            if is_full && fitting == 0 {
                return Ok(from);
            }
            if is_full {
                // The same once more, up to what has room: where the rest begins is said by the ledger alone.
                (found, next) = self.read(from, fitting).await?;
            }
            self.entries.append(&mut found);
            from = next;
            if is_full || from.is_none() || self.entries.len() + ENTRIES_AT_ONCE > ENTRIES_MAX {
                return Ok(from);
            }
        }
    }

    async fn read(
        &self,
        from: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<LedgerEntry>, Option<Place>), Problem> {
        let ledger = self.api.engine.ledger();
        Ok(ledger.entries_like(&Filter::default(), self.id, from, limit, self.now).await?)
    }
}

/// What is not held yet.
fn none() -> List<Nothing, 0, 0> {
    List(Vec::new())
}

/// How many bytes something has in an answer, with a comma.
fn size(shown: &impl Serialize) -> usize {
    // What cannot be written is not in the answer either.
    serde_json::to_vec(shown).map_or(0, |bytes| bytes.len() + 1)
}
