//! What a member has of offers, and what it could have: below the paths of the function `members`.

use domain::{
    id::{MemberId, OfferId},
    refusal::Refusal,
};
use edge::{
    Access, Answer, Api, At, Call, Code, Function, Id, Kind, List, Members, Method, OrNull, Problem, Role,
    Route, Text, answer, asking,
    wire::{GrantShown, GrantSource, Show, read_id},
    words,
};
use engine::{Closed, OpenTo, in_state};

/// A member's offers, below the paths of the function `members`.
pub static MEMBERS: Function = Function { name: "members", routes: &[GRANTS, OFFERS] };

/// The words of states.
const STATES: [&str; 6] = ["revoked", "used", "given", "held", "expired", "granted"];

const SHOP_AND_OWN: Access = Access::keys(&[Role::Storefront, Role::Operator]).and_members(Members::Own);

answer! {
    /// A page of what a member has of offers.
    struct Grants<'a> {
        /// by offer, then in order of issue; what is had without being issued among them
        grants: List<GrantShown<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

words! {
    /// Why an offer cannot be had or used.
    enum WhyNot {
        /// The member is not active.
        MemberNotActive = "member_not_active",
        /// It is for others.
        NotEligible = "not_eligible",
        /// The member has as many as it may have.
        MemberLimit = "member_limit",
        /// It is not open.
        OfferNotOpen = "offer_not_open",
        /// None is left.
        SoldOut = "sold_out",
        /// Its budget is spent.
        BudgetExhausted = "budget_exhausted",
    }
}

answer! {
    /// An offer, as it is open to a member or not.
    struct MemberOffer<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// its newest version
        version: u32,
        /// how it is had
        how: GrantSource,
        /// whether it could be had, or used, now
        open: bool,
        /// what a piece costs this member, of what is bought
        points: Option<u64>,
        /// why not
        reason: Option<WhyNot>,
        /// of a limit: when the next window begins, or null
        next_at: Option<OrNull<At>>,
        /// of what is not open: when it opens next, or null
        opens_at: Option<OrNull<At>>,
    }
}

answer! {
    /// A page of the offers that are open to a member, or not.
    struct MemberOffers<'a> {
        /// by id: of `auto`, `claim` and `buy`, but for what opens to buy earlier, and for what is suspended
        offers: List<MemberOffer<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

const GRANTS: Route = Route {
    method: Method::Get,
    path: "/{id}/grants",
    summary: "What a member has of offers; in one state",
    access: SHOP_AND_OWN,
    answers: &[(200, Grants::SHAPE)],
    problems: &[Code::MemberNotFound],
    query: &["limit", "cursor", "state"],
    ..asking!(grants)
};

const OFFERS: Route = Route {
    method: Method::Get,
    path: "/{id}/offers",
    summary: "What a member could have of offers, and why not",
    access: SHOP_AND_OWN,
    answers: &[(200, MemberOffers::SHAPE)],
    problems: &[Code::MemberNotFound],
    query: &["limit", "cursor"],
    ..asking!(offers)
};

fn named(call: &Call) -> Result<MemberId, Problem> {
    let id = call.path.first().and_then(|id| read_id(id));
    id.ok_or_else(|| Refusal::MemberNotFound.into())
}

async fn grants(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let from: usize = call.query("cursor").map_or(Ok(0), |cursor| cursor.parse().map_err(|_| wrong()))?;
    let state = call.query("state");
    if state.is_some_and(|state| !STATES.contains(&state)) {
        return Err(Problem::field("/query/state", "wrong_value", &STATES.join(", ")));
    }
    let id = named(call)?;

    let engine::GrantsOf { grants, now } = api.engine.offers().grants_of(&call.request, id).await?;

    let grants = in_state(grants, state, now);
    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let page = grants.iter().skip(from).take(limit);
    let shown = page.map(|grant| show.grant(&api.secrets, grant, now)).collect();
    let next = (grants.len() > from.saturating_add(limit)).then(|| Text((from + limit).to_string()));
    Ok(Answer::new(200, &Grants { grants: shown, next_cursor: OrNull(next) }))
}

async fn offers(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this list");
    let after =
        call.query("cursor").map(|cursor| cursor.parse::<OfferId>().map_err(|_| wrong())).transpose()?;
    let id = named(call)?;

    let (open, more) = api.engine.offers().open_to(&call.request, id, after.as_ref(), limit).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let at = |at: Option<domain::time::Instant>| OrNull(at.map(|at| At(zone.show(at))));
    let shown = |open: &'_ OpenTo| -> (Option<WhyNot>, Option<OrNull<At>>, Option<OrNull<At>>) {
        match open.closed {
            None => (None, None, None),
            Some(Closed::MemberNotActive) => (Some(WhyNot::MemberNotActive), None, None),
            Some(Closed::NotEligible) => (Some(WhyNot::NotEligible), None, None),
            Some(Closed::MemberLimit { next_at }) => (Some(WhyNot::MemberLimit), Some(at(next_at)), None),
            Some(Closed::NotOpen { opens_at }) => (Some(WhyNot::OfferNotOpen), None, Some(at(opens_at))),
            Some(Closed::SoldOut) => (Some(WhyNot::SoldOut), None, None),
            Some(Closed::BudgetExhausted) => (Some(WhyNot::BudgetExhausted), None, None),
        }
    };
    let listed = open.iter().map(|open| {
        let (reason, next_at, opens_at) = shown(open);
        MemberOffer {
            offer: Id(&open.offer.id),
            version: open.offer.version,
            how: open.offer.how.into(),
            open: reason.is_none(),
            points: open.points.map(|points| points.get()),
            reason,
            next_at,
            opens_at,
        }
    });
    let next = open.last().filter(|_| more).map(|last| Text(last.offer.id.to_string()));
    Ok(Answer::new(200, &MemberOffers { offers: listed.collect(), next_cursor: OrNull(next) }))
}
