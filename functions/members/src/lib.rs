//! `/members`: reading a member and its ledger, finding one by identity; correcting, suspending,
//! closing and erasing; how it is known; its tags; taking a badge back; linking it with partners; tokens for its own page.

mod answers;
mod badges;
mod duplicates;
mod export;
mod filter;
mod identities;
mod links;
mod tags;
mod tokens;

use domain::{
    decide::SetStatus,
    id::TierId,
    member::{MemberId, Status},
    refusal::Refusal,
};
use edge::{
    Access, Answer, Api, Call, Code, Correction, Form, Function, Id, IdentitySent, Kind, List, Members,
    Method, Notes, OrNull, Problem, Role, Route, Text, Ulid, answer, asking, body, changed, taking,
    wire::{Balance, Entry, Member, Show, Tasks, read_id},
    words,
};
use engine::{Act, Error, Whom};

words! {
    /// What a member is made.
    enum NewStatus {
        /// It neither earns nor redeems.
        Suspended = "suspended",
        /// It takes part.
        Active = "active",
        /// It has left.
        Closed = "closed",
    }
}

body! {
    /// A member's status is set.
    struct SetMemberStatus {
        /// closing lets points lapse at once; a member, and a storefront, may close alone
        status: NewStatus,
        /// why; kept with the entry. A member who leaves need not say
        reason: Option<Text<500>>,
        /// of the member's will to leave, where a storefront asks
        proof: Option<Text<64>>,
    }
}

body! {
    /// A member is looked for.
    struct FindMember {
        /// how the person is known
        identity: IdentitySent,
    }
}

answer! {
    /// A page of a member's ledger.
    struct Ledger<'a> {
        /// newest first
        entries: List<Entry<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<12_000>>,
    }
}

answer! {
    /// A member's status was set.
    struct MemberStatusSet<'a> {
        /// null if nothing changed
        entry: OrNull<Entry<'a>>,
        /// afterwards
        balance: Option<Balance>,
        /// the member's tier
        tier: Option<Id<&'a TierId>>,
        /// the member's growth
        growth: Option<u64>,
        /// the member
        member_id: Ulid<MemberId>,
        /// from now on
        status: NewStatus,
    }
}

const STAFF: Access = Access::keys(&[Role::Operator]);
const SHOP: Access = Access::keys(&[Role::Storefront, Role::Operator]);
const STAFF_AND_OWN: Access = STAFF.and_members(Members::Own);
const SHOP_AND_OWN: Access = SHOP.and_members(Members::Own);
/// Why somebody left who did not say.
const LEFT: &str = "left at own wish";

const UNKNOWN: &[Code] = &[Code::MemberNotFound];

/// The function.
pub static FUNCTION: Function = Function {
    name: "members",
    routes: &[
        // Before the one of a member, whose path it has too.
        duplicates::LIST,
        Route {
            method: Method::Get,
            path: "/{id}",
            summary: "A member as of now",
            access: SHOP_AND_OWN,
            remembers: false,
            answers: &[(200, Member::SHAPE)],
            problems: UNKNOWN,
            ..asking!(get)
        },
        Route {
            method: Method::Post,
            path: "/find",
            summary: "The member an identity belongs to",
            access: SHOP,
            remembers: false,
            answers: &[(200, Member::SHAPE)],
            problems: UNKNOWN,
            ..taking!(FindMember => find)
        },
        Route {
            method: Method::Get,
            path: "/{id}/ledger",
            summary: "A member's ledger, newest first; of one kind, or recorded from since on and before until",
            access: SHOP_AND_OWN,
            remembers: false,
            answers: &[(200, Ledger::SHAPE)],
            problems: UNKNOWN,
            query: &["limit", "cursor", "kind", "since", "until"],
            ..asking!(ledger)
        },
        Route {
            method: Method::Get,
            path: "/{id}/activities",
            summary: "A member's task list: what earns, and from when on",
            access: SHOP_AND_OWN,
            remembers: false,
            answers: &[(200, Tasks::SHAPE)],
            problems: UNKNOWN,
            ..asking!(activities)
        },
        Route {
            method: Method::Patch,
            path: "/{id}",
            summary: "Corrects a member's profile and consents",
            notes: Some(Notes::of_staff("member.updated")),
            access: STAFF.and_members(Members::Own),
            remembers: false,
            answers: &[(200, Member::SHAPE)],
            problems: &[Code::MemberNotFound, Code::LimitExceeded, Code::VersionConflict],
            if_match: true,
            ..taking!(Correction => correct)
        },
        Route {
            method: Method::Post,
            path: "/{id}/status",
            summary: "Suspends, reactivates or closes a member",
            notes: Some(Notes::of_staff("member.status_changed")),
            access: SHOP.and_members(Members::Own),
            remembers: true,
            answers: &[(200, MemberStatusSet::SHAPE)],
            problems: &[Code::MemberNotFound, Code::MemberNotActive, Code::ProofRequired, Code::ProofInvalid],
            ..taking!(SetMemberStatus => set_status)
        },
        Route {
            method: Method::Delete,
            path: "/{id}",
            summary: "Erases the person; the ledger stays under the bare id",
            notes: Some(Notes::of_staff("member.erased")),
            access: STAFF,
            remembers: false,
            answers: &[(200, Member::SHAPE)],
            problems: UNKNOWN,
            ..asking!(erase)
        },
        export::ROUTE,
        badges::TAKE,
        identities::ADD,
        identities::REMOVE,
        tags::CHANGE,
        links::ASK,
        links::LIST,
        links::END,
        tokens::CREATE,
    ],
};

fn named(call: &Call) -> Result<MemberId, Problem> {
    let id = call.path.first().and_then(|id| read_id(id));
    id.ok_or_else(|| Refusal::MemberNotFound.into())
}

async fn shown(api: &Api, id: MemberId, call: &Call) -> Result<Answer, Problem> {
    let view = api.engine.people().member(id, call.request.now).await?;
    let programmes = api.engine.programme().timeline()?;
    let etag = api.tag_of(&view.person);
    let member =
        Show { programme: programmes.newest(), secrets: &api.secrets }.member(&view, api.viewer(call));
    Ok(Answer::new(200, &member).tagged(etag))
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    shown(api, named(call)?, call).await
}

async fn find(api: &Api, call: &Call, body: FindMember) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom(None, Some(&body.identity), None);
    let whom = form.finish(whom)?;

    let found = match whom {
        Whom::Identity(claim) => api.engine.records().claimed_by(&claim).await?,
        Whom::Id(id) => Some(id),
        // Not in this route's shape.
        Whom::Linked(_) | Whom::Nobody => None,
    };

    shown(api, found.ok_or(Refusal::MemberNotFound)?, call).await
}

async fn ledger(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (id, limit) = (named(call)?, call.limit()?);
    let from = answers::read_cursor(call.query("cursor"))?;
    let filter = filter::read(call)?;

    let ledger = api.engine.ledger();
    let (entries, next) = ledger.entries_like(&filter, id, from, limit, call.request.now).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let entries = entries.iter().map(|entry| show.listed(entry)).collect();
    let next_cursor = OrNull(next.map(|place| Text(answers::cursor(&place))));
    Ok(Answer::new(200, &Ledger { entries, next_cursor }))
}

async fn activities(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;

    let view = api.engine.people().member(id, call.request.now).await?;

    let programmes = api.engine.programme().timeline()?;
    Ok(Answer::new(200, &Show { programme: programmes.newest(), secrets: &api.secrets }.tasks(&view)))
}

async fn correct(api: &Api, call: &Call, body: Correction) -> Result<Answer, Problem> {
    let id = named(call)?;
    let programmes = api.engine.programme().timeline()?;
    let told = api.corrections(body, call.caller.is_staff())?;
    let mut trial = domain::member::Person::default();
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    api.corrected(&mut trial, &told, (zone, call.request.now))
        .map_err(|faults| Problem::invalid_field(&faults))?;

    let change = |person: &mut domain::member::Person| {
        let before = person.clone();
        // It was tried above.
        _ = api.corrected(person, &told, (zone, call.request.now));
        let own = Some(changed(call));
        // After a doubt it may be there already, under a tag of its own.
        let is_there = *person == before && person.changed == own;
        if !is_there && !call.goes_on(&api.tag_of(&before)) {
            return Err(Error::PersonChanged { last: before.changed, zone });
        }
        let emptied = programmes.newest().registration.emptied(&before, person);
        if !emptied.is_empty() {
            return Err(Refusal::InvalidField(emptied).into());
        }
        if *person != before {
            person.changed = own;
        }
        Ok(())
    };
    api.engine.people().correct(&call.request, id, change).await?;

    shown(api, id, call).await
}

/// Whether the caller may set that status: staff may set each, and a member leaves, by a token that says so or by a
/// proof that a storefront has.
fn may_set(call: &Call, body: &SetMemberStatus) -> Result<(), Problem> {
    let leaves = body.status == NewStatus::Closed;
    let refused = |detail: &str| Err(Problem::saying(Code::Forbidden, detail));
    match &call.caller.grant {
        Some(grant) if !(leaves && grant.leave) => {
            return refused("a member's token closes its own member, if it was made with \"leave\": true");
        }
        None if !call.caller.is_staff() && !leaves => {
            return refused("a storefront closes members, and changes them no other way");
        }
        None if !call.caller.is_staff() && body.proof.is_none() => {
            return Err(Problem::saying(Code::ProofRequired, "a `proof` that the member wants to leave"));
        }
        _ => {}
    }
    if body.proof.is_some() {
        return Err(Problem::of(Code::ProofInvalid));
    }
    match body.reason.is_some() || call.caller.grant.is_some() {
        true => Ok(()),
        false => Err(Problem::field("/reason", "required", "why, in up to 500 characters")),
    }
}

async fn set_status(api: &Api, call: &Call, body: SetMemberStatus) -> Result<Answer, Problem> {
    may_set(call, &body)?;
    let id = named(call)?;
    let status = match body.status {
        NewStatus::Suspended => Status::Suspended,
        NewStatus::Active => Status::Active,
        NewStatus::Closed => Status::Closed,
    };
    let reason = body.reason.map_or_else(|| LEFT.to_owned(), String::from);
    let set = SetStatus { status, reason };

    let done = api.engine.ledger().execute(&call.request, &Act::set_status(Whom::Id(id), set)).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let outcome = done.entry.as_ref().and_then(|entry| entry.outcome.as_ref());
    let answer = MemberStatusSet {
        entry: OrNull(done.entry.as_ref().map(|entry| show.entry(entry))),
        balance: outcome.map(Balance::of),
        tier: outcome.map(|outcome| Id(&outcome.tier)),
        growth: outcome.map(|outcome| outcome.growth),
        member_id: Ulid(done.member),
        status: body.status,
    };
    Ok(Answer::new(200, &answer).replayed(done.replayed))
}

async fn erase(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(call)?;

    api.engine.people().erase(&call.request, id, |person| edge::stored_claims(api, person)).await?;

    shown(api, id, call).await
}
