//! `POST /issue-badge`: a badge is issued by hand, at most once per member.

use domain::{decide::IssueBadge, id::BadgeId, member::MemberId};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, Id, IdentitySent, Kind, Method, Notes, OrNull, Problem,
    Role, Route, Text, Ulid, answer, body, taking,
    wire::{Entry, Show},
};
use engine::Act;

body! {
    /// A badge is issued by hand.
    struct GiveBadge {
        /// the member, or `identity`
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// a badge of the programme
        badge: BadgeId,
        /// why; kept with the entry
        reason: Option<Text<500>>,
    }
}

answer! {
    /// What became of it.
    struct BadgeGiven<'a> {
        /// the member
        member_id: Ulid<MemberId>,
        /// the badge
        badge: Id<&'a BadgeId>,
        /// false: the member had it
        issued: bool,
        /// null if the member had it
        entry: OrNull<Entry<'a>>,
    }
}

/// The function.
pub static FUNCTION: Function = Function {
    name: "issue-badge",
    routes: &[Route {
        method: Method::Post,
        path: "",
        summary: "A badge is issued by hand",
        notes: Some(Notes::of_staff("badge.issued")),
        access: Access::keys(&[Role::Operator]),
        remembers: true,
        answers: &[(200, BadgeGiven::SHAPE), (201, BadgeGiven::SHAPE)],
        problems: &[Code::MemberNotFound, Code::BadgeNotFound, Code::MemberNotActive],
        ..taking!(GiveBadge => handle)
    }],
};

async fn handle(api: &Api, call: &Call, body: GiveBadge) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom(body.member_id, body.identity.as_ref(), None);
    let whom = form.finish(whom)?;
    let issue = IssueBadge { badge: body.badge.clone(), reason: body.reason.map(Into::into) };

    let request = call.request.about(body.badge.to_string());
    let done = api.engine.ledger().execute(&request, &Act::issue_badge(whom, issue)).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let answer = BadgeGiven {
        member_id: Ulid(done.member),
        badge: Id(&body.badge),
        issued: done.entry.is_some(),
        entry: OrNull(done.entry.as_ref().map(|entry| show.entry(entry))),
    };
    let status = if done.entry.is_some() { 201 } else { 200 };
    Ok(Answer::new(status, &answer).replayed(done.replayed))
}
