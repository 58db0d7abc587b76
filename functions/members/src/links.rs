//! A member's links with partner brands: requesting a code, seeing the links, ending one.

use std::fmt;

use domain::{id::BrandId, member::MemberId, refusal::Refusal, time::Zone};
use edge::{
    Answer, Api, At, Call, Code, Id, KeptAnswer, Kind, List, Method, Notes, OrNull, Problem, Route, Text,
    answer, asking, body, taking, wire,
};
use engine::{LINK_CODE_MILLIS, Link, LinkAsk, LinkPlace};
use serde_json::Value;

use crate::{SHOP_AND_OWN, UNKNOWN, named};

body! {
    /// A member asks for a link code.
    struct AskLinkCode {
        /// the partner brand
        brand: BrandId,
    }
}

answer! {
    /// A link code.
    struct LinkCode {
        /// what the member gives the partner; good once
        code: Text<40>,
        /// 10 minutes later
        expires_at: At,
    }
}

answer! {
    /// A consent.
    struct Consent {
        /// who asked for the link: a key's id, or the member's own
        by: Text<64>,
        /// when
        at: At,
    }
}

answer! {
    /// A link with a partner.
    pub(crate) struct ShownLink<'a> {
        /// the partner brand
        brand: Id<&'a BrandId>,
        /// what the member agreed to it by
        consent: Consent,
        /// since when the brand could act on the member
        linked_at: At,
        /// null: it stands
        ended_at: OrNull<At>,
        /// who ended it
        ended_by: OrNull<Text<64>>,
    }
}

answer! {
    /// A page of links.
    struct Links<'a> {
        /// by brand, the newest of each first; ended ones too
        links: List<ShownLink<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<120>>,
    }
}

/// A place in a member's links: behind that one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    number: u32,
    brand: BrandId,
    /// The record that it is a link of, if the member has absorbed that.
    of: Option<MemberId>,
}

impl Place {
    pub(crate) fn of(link: &Link) -> Place {
        Place { number: link.number, brand: link.brand.clone(), of: link.of }
    }

    /// The place of that text, if it is one.
    pub(crate) fn read(text: &str) -> Option<Place> {
        let (number, rest) = text.split_once('.')?;
        let (brand, of) = match rest.split_once('~') {
            Some((brand, of)) => (brand, Some(wire::read_member_id(of)?)),
            None => (rest, None),
        };
        Some(Place { number: number.parse().ok()?, brand: brand.parse().ok()?, of })
    }

    /// As the engine takes it.
    pub(crate) fn parts(&self) -> LinkPlace<'_> {
        (&self.brand, self.number, self.of)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { number, brand, of } = self;
        write!(f, "{number}.{brand}")?;
        of.map_or(Ok(()), |of| write!(f, "~{}", wire::member_id(of)))
    }
}

/// `POST /members/{id}/link-code`.
pub(crate) const ASK: Route = Route {
    method: Method::Post,
    path: "/{id}/link-code",
    summary: "A code with which a partner can link the member, once, within 10 minutes",
    access: SHOP_AND_OWN,
    remembers: true,
    answers: &[(201, LinkCode::SHAPE)],
    problems: &[Code::MemberNotFound, Code::BrandNotFound, Code::MemberNotActive, Code::LimitExceeded],
    ..taking!(AskLinkCode => ask)
};

/// `GET /members/{id}/links`.
pub(crate) const LIST: Route = Route {
    method: Method::Get,
    path: "/{id}/links",
    summary: "The partners a member is or was linked with, and the consent to it",
    access: SHOP_AND_OWN,
    remembers: false,
    answers: &[(200, Links::SHAPE)],
    problems: UNKNOWN,
    query: &["limit", "cursor"],
    ..asking!(list)
};

/// `DELETE /members/{id}/links/{brand}`.
pub(crate) const END: Route = Route {
    method: Method::Delete,
    path: "/{id}/links/{brand}",
    summary: "Ends the member's link with a partner",
    notes: Some(Notes::of_staff("link.ended")),
    access: SHOP_AND_OWN,
    remembers: false,
    answers: &[(200, ShownLink::SHAPE)],
    problems: &[Code::MemberNotFound, Code::LinkNotFound],
    ..asking!(end)
};

async fn ask(api: &Api, call: &Call, body: AskLinkCode) -> Result<Answer, Problem> {
    let member = named(call)?;
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    // The answer is remembered with the code's number instead of the code, which follows from the number.
    let number = wire::CodeNumber(api.chance.bytes()?);
    let code = api.secrets.link_code_hash_of(number);
    let expires_at = At(zone.show(call.request.now.plus_millis(LINK_CODE_MILLIS)));
    let answer = Answer::new(201, &LinkCode { code: Text(wire::id(number)), expires_at });

    let ask = LinkAsk { member, brand: body.brand, code };
    let told = api.engine.partners().ask_link(&call.request, &ask, answer.kept()).await?;

    let kept = KeptAnswer::of(&told.answer.body)?;
    let number = kept.get("code").and_then(Value::as_str).and_then(wire::read_id);
    let number = number.ok_or_else(|| Problem::broken("a kept answer names no link code"))?;
    Ok(kept.with("code", api.secrets.link_code(number)).answer(201).replayed(told.replayed))
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, limit) = (named(call)?, call.limit()?);
    let after = call.query("cursor").map(|text| {
        let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
        Place::read(text).ok_or_else(wrong)
    });
    let after = after.transpose()?;
    let after = after.as_ref().map(Place::parts);

    let mut links = api.engine.partners().links(id, after, limit + 1).await?;

    let more = links.len() > limit;
    links.truncate(limit);
    let last = links.last().filter(|_| more);
    let next = last.map(|last| Place::of(last).to_string());
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let links = links.iter().map(|link| shown(zone, link)).collect();
    Ok(Answer::new(200, &Links { links, next_cursor: OrNull(next.map(Text)) }))
}

async fn end(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;
    let brand: Option<BrandId> = call.path.get(1).and_then(|brand| brand.parse().ok());
    let brand = brand.ok_or(Refusal::LinkNotFound)?;

    let link = api.engine.partners().unlink(&call.request, id, &brand).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    Ok(Answer::new(200, &shown(zone, &link)))
}

/// A link as everybody sees it. Only the partner knows its reference.
pub(crate) fn shown(zone: Zone, link: &Link) -> ShownLink<'_> {
    let record = &link.record;
    ShownLink {
        brand: Id(&link.brand),
        consent: Consent { by: Text(wire::by(record.asked_by)), at: At(zone.show(record.asked_at)) },
        linked_at: At(zone.show(record.linked_at)),
        ended_at: OrNull(record.end.as_ref().map(|end| At(zone.show(end.at)))),
        ended_by: OrNull(record.end.as_ref().map(|end| Text(wire::by(end.by)))),
    }
}
