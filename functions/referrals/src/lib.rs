//! `/referrals`: those that somebody is to look at, and what becomes of one. And `/members/{id}/referral`: the code that a
//! member's friends come with, and what has come of them.

mod member;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    event::ReferralState,
    id::{BrandId, OrderId, ReferralId},
    member::MemberId,
    referral::{Edge, EdgeStep},
    refusal::Refusal,
};
use edge::{
    Access, Answer, Api, At, Call, Code, Function, Id, Kind, List, Method, Notes, OrNull, Problem, Role,
    Route, Text, Ulid, answer, asking, body, taking,
    wire::{ReferralWord, Show, read_id},
    words,
};
use engine::Verdict;

words! {
    /// What becomes of a referral.
    enum Decision {
        /// Both are rewarded.
        Give = "give",
        /// Nothing comes of it.
        Void = "void",
    }
}

body! {
    /// Somebody has looked at a referral.
    struct DecideReferral {
        /// what becomes of it
        decision: Decision,
    }
}

answer! {
    /// What has become of a referral.
    struct ReferralDecided {
        /// the referral
        id: Ulid<ReferralId>,
        /// from now on
        state: ReferralWord,
    }
}

answer! {
    /// A member and a friend that it has brought.
    struct Referral<'a> {
        /// the referral
        id: Ulid<ReferralId>,
        /// who has brought the friend
        referrer: Ulid<MemberId>,
        /// the friend
        friend: Ulid<MemberId>,
        /// as of now
        state: ReferralWord,
        /// when the friend registered
        registered_at: At,
        /// before when the friend's first order counts
        until: At,
        /// the brand of the order that it is about, if it is about one
        brand: OrNull<Id<&'a BrandId>>,
        /// that order
        order_id: OrNull<Id<&'a OrderId>>,
        /// until when what was given is held
        held_until: OrNull<At>,
        /// what the friend got
        friend_points: OrNull<u64>,
        /// what the referrer got
        referrer_points: OrNull<u64>,
    }
}

answer! {
    /// A page of referrals.
    struct Referrals<'a> {
        /// in no order; a page may be short, or empty, before the end
        referrals: List<Referral<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<1_000>>,
    }
}

const STAFF: Access = Access::keys(&[Role::Operator]);

/// The function.
pub static FUNCTION: Function = Function {
    name: "referrals",
    routes: &[
        Route {
            method: Method::Get,
            path: "",
            summary: "Referrals, of one state or of all",
            access: STAFF,
            remembers: false,
            answers: &[(200, Referrals::SHAPE)],
            query: &["state", "limit", "cursor"],
            ..asking!(list)
        },
        Route {
            method: Method::Post,
            path: "/{id}",
            summary: "Says what becomes of a referral that is to be looked at, once",
            notes: Some(Notes::of_staff("referral.decided")),
            access: STAFF,
            remembers: true,
            answers: &[(200, ReferralDecided::SHAPE)],
            problems: &[
                Code::ReferralNotFound,
                Code::ReferralDecided,
                Code::MemberNotFound,
                Code::LimitExceeded,
            ],
            ..taking!(DecideReferral => decide)
        },
    ],
};

/// A member's own, below the paths of the function `members`.
pub static MEMBERS: Function = Function { name: "members", routes: &[member::SHOW] };

const STATES: [ReferralState; 5] = [
    ReferralState::Open,
    ReferralState::Review,
    ReferralState::Held,
    ReferralState::Done,
    ReferralState::Void,
];

/// A cursor is sealed under this name: it says a place in the store, and another place than one that was told would be
/// somebody else's record.
const CURSOR: &[u8] = b"cursor of referrals";

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let wrong = |name: &str, detail: &str| Problem::field(&format!("/query/{name}"), "wrong_format", detail);
    let state_of = |word: &str| STATES.into_iter().find(|state| state.word() == word);
    let state = call
        .query("state")
        .map(|word| state_of(word).ok_or_else(|| wrong("state", "one of open, review, held, done, void")));
    let from = call.query("cursor").map(|text| {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let place = sealed.and_then(|sealed| api.secrets.open(CURSOR, &sealed));
        place.ok_or_else(|| wrong("cursor", "a next_cursor of this list"))
    });
    let (limit, state, from) = (call.limit()?, state.transpose()?, from.transpose()?);

    let now = call.request.now;
    let (edges, next) = api.engine.ledger().referrals(state, from.map(Into::into), limit, now).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let referrals = edges.iter().map(|edge| shown(show, edge, edge.state(now))).collect();
    let sealed = next.and_then(|place| api.secrets.seal_record(CURSOR, &place));
    let next_cursor = OrNull(sealed.map(|sealed| Text(BASE64_URL_SAFE_NO_PAD.encode(sealed))));
    Ok(Answer::new(200, &Referrals { referrals, next_cursor }))
}

fn shown<'a>(show: Show<'_>, edge: &'a Edge, state: ReferralState) -> Referral<'a> {
    let at = |instant| At(show.zone().show(instant));
    let given = match &edge.step {
        EdgeStep::Given(given) => Some(given),
        EdgeStep::Waits | EdgeStep::Review { .. } | EdgeStep::Void => None,
    };
    Referral {
        id: Ulid(ReferralId(edge.friend.0)),
        referrer: Ulid(edge.referrer),
        friend: Ulid(edge.friend),
        state: ReferralWord(state.word()),
        registered_at: at(edge.since),
        until: at(edge.until),
        brand: OrNull(edge.order().map(|order| Id(&order.brand))),
        order_id: OrNull(edge.order().map(|order| Id(&order.order_id))),
        held_until: OrNull(given.map(|given| at(given.held_until))),
        friend_points: OrNull(given.map(|given| given.friend.points)),
        referrer_points: OrNull(given.map(|given| given.referrer.points)),
    }
}

async fn decide(api: &Api, call: &Call, body: DecideReferral) -> Result<Answer, Problem> {
    let id: Option<ReferralId> = call.path.first().and_then(|id| read_id(id));
    let id = id.ok_or(Refusal::ReferralNotFound)?;
    let verdict = match body.decision {
        Decision::Give => Verdict::Give,
        Decision::Void => Verdict::Void,
    };

    let tell = |state: ReferralState| {
        Answer::new(200, &ReferralDecided { id: Ulid(id), state: ReferralWord(state.word()) }).kept()
    };
    let told = api.engine.ledger().decide_referral(&call.request, MemberId(id.0), verdict, tell).await?;

    Ok(told.into())
}
