//! A badge is taken back by hand.

use domain::{decide::TakeBadge, id::BadgeId, refusal::Refusal};
use edge::{
    Answer, Api, Call, Code, Id, Kind, Method, Notes, Problem, Route, Ulid, answer, asking,
    wire::{Entry, Show},
};
use engine::{Act, Whom};

use crate::{STAFF, named};

/// The longest reason, in characters, as where a badge is issued.
const REASON_MAX: usize = 500;

answer! {
    /// A badge was taken back.
    struct BadgeTaken<'a> {
        /// the member
        member_id: Ulid<domain::member::MemberId>,
        /// the badge
        badge: Id<&'a BadgeId>,
        /// the ledger entry
        entry: Entry<'a>,
    }
}

/// `DELETE /members/{id}/badges/{badge}`.
pub(crate) const TAKE: Route = Route {
    method: Method::Delete,
    path: "/{id}/badges/{badge}",
    summary: "Takes a badge back; after that it is issued by hand only",
    notes: Some(Notes::of_staff("badge.removed")),
    access: STAFF,
    remembers: false,
    answers: &[(200, BadgeTaken::SHAPE)],
    problems: &[Code::MemberNotFound, Code::BadgeNotFound],
    query: &["reason"],
    ..asking!(take)
};

async fn take(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let member = named(call)?;
    let badge = call.path.get(1).and_then(|badge| badge.parse::<BadgeId>().ok());
    let badge = badge.ok_or(Refusal::BadgeNotFound)?;
    let taken = TakeBadge { badge: badge.clone(), reason: call.words("reason", REASON_MAX)? };

    let act = Act::take_badge(Whom::Id(member), taken);
    let done = api.engine.ledger().execute(&call.request, &act).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let entry = done.entry.as_ref().map(|entry| show.entry(entry));
    let entry = entry.ok_or_else(|| Problem::broken("a badge was taken without an entry"))?;
    Ok(Answer::new(200, &BadgeTaken { member_id: Ulid(member), badge: Id(&badge), entry }))
}
