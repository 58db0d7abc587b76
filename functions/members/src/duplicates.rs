//! Members who may be one person: pairs whose persons share something, a bounded part of a walk at a time.

use std::collections::BTreeMap;

use domain::{
    member::{MemberId, Person, Status},
    refusal::Refusal,
};
use edge::{
    Answer, Api, At, Call, Kind, List, Method, OrNull, Problem, Route, Text,
    alike::{self, Shared},
    answer, asking,
    wire::{Member, Show},
};
use engine::{Double, DoublesPlace, Error, MemberView, Pair, id::AlikeHash};

use crate::STAFF;

answer! {
    /// Two members who may be one person.
    struct Duplicate<'a> {
        /// the two, as of now
        members: List<Member<'a>, 2, 2>,
        /// what they share
        reason: Shared,
    }
}

answer! {
    /// A part of the walk over members who may be one person.
    struct Duplicates<'a> {
        /// pairs; there may be none before the end
        duplicates: List<Duplicate<'a>, 0, 50>,
        /// the moment of this part
        as_of: At,
        /// null at the end
        next_cursor: OrNull<Text<96>>,
    }
}

/// `GET /members/duplicates`.
pub(crate) const LIST: Route = Route {
    method: Method::Get,
    path: "/duplicates",
    summary: "Pairs of members who may be one person, a part at a time",
    access: STAFF,
    remembers: false,
    answers: &[(200, Duplicates::SHAPE)],
    query: &["cursor"],
    ..asking!(list)
};

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let from = call.query("cursor").map(|text| read_cursor(text).ok_or_else(wrong)).transpose()?;

    let page = api.engine.people().doubles(from).await?;
    let views = views(api, call, &page.pairs).await?;
    let persons = persons(api, call, &page.pairs, &views).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let shown = |pair: &Pair| {
        let [Some(one), Some(other)] = pair.members.map(|id| views.get(&id)) else { return None };
        let [Some(own), Some(others)] = pair.records.map(|id| persons.get(&id)) else { return None };
        let reason = reason(api, pair.shared, [own, others])?;
        let members = [one, other].map(|view| show.member(view, api.viewer(call)));
        Some(Duplicate { members: List(members.into()), reason })
    };
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let answer = Duplicates {
        duplicates: page.pairs.iter().filter_map(shown).collect(),
        as_of: At(zone.show(call.request.now)),
        next_cursor: OrNull(page.next.map(|place| Text(cursor(place)))),
    };
    Ok(Answer::new(200, &answer))
}

/// Who the records of the pairs say that somebody is: those of the members, and of others that lead to them.
async fn persons(
    api: &Api,
    call: &Call,
    pairs: &[Pair],
    views: &BTreeMap<MemberId, MemberView>,
) -> Result<BTreeMap<MemberId, Person>, Problem> {
    let own = views.iter().map(|(id, view)| (*id, view.person.clone()));
    let mut persons: BTreeMap<MemberId, Person> = own.collect();
    for id in pairs.iter().flat_map(|pair| pair.records) {
        if persons.contains_key(&id) {
            continue;
        }
        match api.engine.people().member_itself(id, call.request.now).await {
            Ok(view) => _ = persons.insert(id, view.person),
            Err(Error::Refused(Refusal::MemberNotFound)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(persons)
}

/// The members of the pairs that can still be joined: who has left cannot.
async fn views(api: &Api, call: &Call, pairs: &[Pair]) -> Result<BTreeMap<MemberId, MemberView>, Problem> {
    let mut views = BTreeMap::new();
    for id in pairs.iter().flat_map(|pair| pair.members) {
        if views.contains_key(&id) {
            continue;
        }
        match api.engine.people().member(id, call.request.now).await {
            Ok(view) if view.member.id == id && takes_part(&view) => _ = views.insert(id, view),
            Ok(_) | Err(Error::Refused(Refusal::MemberNotFound)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(views)
}

fn takes_part(view: &MemberView) -> bool {
    matches!(view.member.status, Status::Active | Status::Suspended)
}

/// What the two share that has that hash; one may have changed since it was found.
fn reason(api: &Api, hash: AlikeHash, both: [&Person; 2]) -> Option<Shared> {
    let own = |person: &Person| alike::shared(&api.secrets, person);
    let [one, other] = both.map(own);
    one.into_iter().find(|had| had.1 == hash && other.contains(had)).map(|(what, _)| what)
}

fn cursor(place: DoublesPlace) -> String {
    let Double { shared, members: [one, other] } = place.0;
    [shared.0, one.0, other.0].concat().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_cursor(text: &str) -> Option<DoublesPlace> {
    let number = |part: &str| {
        let is_ours = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u128::from_str_radix(part, 16).ok().filter(|_| is_ours).map(u128::to_be_bytes)
    };
    let (shared, rest) = text.split_at_checked(32).filter(|_| text.len() == 96)?;
    let (one, other) = rest.split_at_checked(32)?;
    let (one, other) = (MemberId(number(one)?), MemberId(number(other)?));
    Some(DoublesPlace(Double { shared: AlikeHash(number(shared)?), members: [one, other] }))
}
