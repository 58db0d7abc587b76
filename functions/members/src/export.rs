//! Everything that is held about a person, as one JSON document: for the person, who may ask what a shop knows, and
//! for staff who hand it over. What is long is told in parts of about 4 MiB.

use domain::{member::MemberId, offer::grant::Grant, time::Instant};
use edge::{
    Answer, Api, Call, Kind, List, Method, OrNull, Problem, Route, Text, answer, asking,
    wire::{Entry, GivenConsent, GrantShown, Identity, Kept, KnownOrder, Member, Show, Viewer},
};
use engine::{
    Filter, GrantsOf, HeldReferral, LedgerEntry, Link, MemberView, Place, records::MemberCardRecord,
};
use serde::Serialize;

use crate::{STAFF_AND_OWN, UNKNOWN, answers, links, named};

/// How many bytes of entries, orders, links and grants a part holds, at most; one entry alone may be longer.
const PART_BYTES_MAX: usize = 4 << 20;

/// Entries that are read at once.
const ENTRIES_AT_ONCE: usize = 100;

/// Links that are read at once, and the most that a part holds: they are few.
const LINKS_AT_ONCE: usize = 200;

/// The most entries in a part: the shortest one has some 300 bytes.
const ENTRIES_MAX: usize = 20_000;

/// The most grants in a part: the shortest one has some 250 bytes.
const GRANTS_MAX: usize = 20_000;

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
        /// what the member has of offers, in whatever state: by offer, what was issued before what is had without that
        grants: List<GrantShown<'a>, 0, GRANTS_MAX>,
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
    /// After the links: behind so many grants.
    Grants(usize),
}

impl From {
    fn read(text: Option<&str>) -> Result<From, Problem> {
        let Some(text) = text else { return Ok(From::Ledger(None)) };
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this export");
        match text.split_once('-').ok_or_else(wrong)? {
            ("e", place) => Ok(From::Ledger(answers::read_cursor(Some(place)).map_err(|_| wrong())?)),
            ("l", "") => Ok(From::Links(None)),
            ("l", place) => Ok(From::Links(Some(links::Place::read(place).ok_or_else(wrong)?))),
            ("g", count) => Ok(From::Grants(count.parse().map_err(|_| wrong())?)),
            _ => Err(wrong()),
        }
    }

    fn text(&self) -> String {
        match self {
            From::Ledger(place) => format!("e-{}", place.as_ref().map(answers::cursor).unwrap_or_default()),
            From::Links(place) => {
                format!("l-{}", place.as_ref().map(ToString::to_string).unwrap_or_default())
            }
            From::Grants(count) => format!("g-{count}"),
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
    let mut part = Part::of(api, call, id);
    let next = part.fill(&show, from).await?;

    let first = if is_first { Some(Held::of(api, view.clone(), part.now()).await?) } else { None };
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
        grants: part.grants.iter().map(|grant| show.grant(&api.secrets, grant, part.granted_at)).collect(),
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
    referral: HeldReferral,
}

impl Held {
    async fn of(api: &Api, view: MemberView, now: Instant) -> Result<Held, Problem> {
        let card = api.engine.people().held_card(view.member.id).await?;
        let asked = api.engine.partners().asked_codes(view.member.id).await?;
        let referral = api.engine.people().held_referral(&view.member, now).await?;
        Ok(Held { view, card, asked, referral })
    }

    fn kept<'a>(&'a self, show: &Show<'a>) -> Kept<'a> {
        let beside = (self.card.as_ref(), &self.asked[..]);
        show.kept(&self.view.member, &self.view.person, beside, &self.referral)
    }
}

/// The records of the person that the member has absorbed, each as it is.
async fn others(api: &Api, call: &Call, view: &MemberView) -> Result<Vec<Held>, Problem> {
    let mut others = Vec::new();
    for absorbed in &view.member.absorbed {
        let own = api.engine.people().member_itself(absorbed.member, call.request.now).await?;
        others.push(Held::of(api, own, call.request.now).await?);
    }
    Ok(others)
}

/// A part in the making.
struct Part<'a> {
    api: &'a Api,
    call: &'a Call,
    id: MemberId,
    /// Of entries and grants.
    bytes: usize,
    entries: Vec<LedgerEntry>,
    links: Vec<Link>,
    grants: Vec<Grant>,
    /// The moment that grants are shown at.
    granted_at: Instant,
}

impl<'a> Part<'a> {
    fn of(api: &'a Api, call: &'a Call, id: MemberId) -> Part<'a> {
        let (entries, links, grants) = (Vec::new(), Vec::new(), Vec::new());
        Part { api, call, id, bytes: 0, entries, links, grants, granted_at: call.request.now }
    }

    fn now(&self) -> Instant {
        self.call.request.now
    }

    /// Takes what has room; and where the next part begins, if there is one.
    async fn fill(&mut self, show: &Show<'_>, from: From) -> Result<Option<From>, Problem> {
        let place = match from {
            From::Ledger(place) => match self.ledger(show, place).await? {
                Some(next) => return Ok(Some(From::Ledger(Some(next)))),
                None => None,
            },
            From::Links(place) => place,
            From::Grants(count) => return self.grants(show, count).await,
        };
        let after = place.as_ref().map(links::Place::parts);
        let partners = self.api.engine.partners();
        self.links = partners.links(self.id, after, LINKS_AT_ONCE + 1).await?;
        let more = self.links.len() > LINKS_AT_ONCE;
        self.links.truncate(LINKS_AT_ONCE);
        match self.links.last().filter(|_| more) {
            Some(last) => Ok(Some(From::Links(Some(links::Place::of(last))))),
            None => self.grants(show, 0).await,
        }
    }

    /// Takes the grants behind so many that have room; and where they go on. What was issued stays in its place for ever,
    /// so it comes before what time alone gives and takes.
    async fn grants(&mut self, show: &Show<'_>, from: usize) -> Result<Option<From>, Problem> {
        let GrantsOf { mut grants, now } =
            self.api.engine.offers().grants_of(&self.call.request, self.id).await?;
        grants.sort_by_key(|grant| grant.id.is_none());
        self.granted_at = now;
        let count = grants.len();
        for grant in grants.into_iter().skip(from) {
            self.bytes += size(&show.grant(&self.api.secrets, &grant, now));
            let is_first = self.entries.is_empty() && self.grants.is_empty();
            if !is_first && (self.bytes > PART_BYTES_MAX || self.grants.len() >= GRANTS_MAX) {
                break;
            }
            self.grants.push(grant);
        }
        let next = from.saturating_add(self.grants.len());
        Ok((next < count).then_some(From::Grants(next)))
    }

    /// Takes the entries that have room; and where the ledger goes on.
    async fn ledger(&mut self, show: &Show<'_>, mut from: Option<Place>) -> Result<Option<Place>, Problem> {
        loop {
            let (mut found, mut next) = self.read(from.clone(), ENTRIES_AT_ONCE).await?;
            let mut fitting = 0;
            for entry in &found {
                let size = size(&show.listed(entry))
                    + show.known_order(&entry.entry).map_or(0, |order| size(&order));
                let is_first = self.entries.is_empty() && fitting == 0;
                if self.bytes + size > PART_BYTES_MAX && !is_first {
                    break;
                }
                self.bytes += size;
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
        Ok(ledger.entries_like(&Filter::default(), self.id, from, limit, self.now()).await?)
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
