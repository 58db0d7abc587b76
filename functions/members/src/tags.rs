//! Tags are set by hand, and taken away.

use domain::shape::Fault;
use edge::{Answer, Api, Call, Code, Kind, List, Method, Notes, Problem, Route, Text, answer, body, taking};
use engine::{MemberView, TagChange};

use crate::{STAFF, named};

body! {
    /// Tags are set by hand.
    struct ChangeTags {
        /// tags that the member has from now on
        add: Option<List<Text<64>, 0, 200>>,
        /// tags that the member has no more
        remove: Option<List<Text<64>, 0, 200>>,
        /// why
        reason: Option<Text<500>>,
    }
}

answer! {
    /// The tags that a member has.
    struct MemberTags<'a> {
        /// those by hand and those of a rule, in the programme's order
        tags: List<Text<64, &'a str>, 0, 200>,
    }
}

/// `POST /members/{id}/tags`.
pub(crate) const CHANGE: Route = Route {
    method: Method::Post,
    path: "/{id}/tags",
    summary: "Sets tags by hand and takes them away, all or nothing",
    notes: Some(Notes::of_staff("member.tagged")),
    access: STAFF,
    remembers: true,
    answers: &[(200, MemberTags::SHAPE)],
    problems: &[
        Code::MemberNotFound,
        Code::TagNotFound,
        Code::MemberNotActive,
        Code::TagHasRule,
        Code::LimitExceeded,
    ],
    ..taking!(ChangeTags => change)
};

async fn change(api: &Api, call: &Call, body: ChangeTags) -> Result<Answer, Problem> {
    let member = named(call)?;
    let ids = |sent: Option<List<Text<64>, 0, 200>>| -> Vec<String> {
        sent.map_or_else(Vec::new, |sent| sent.0.into_iter().map(String::from).collect())
    };
    let change = TagChange { member, add: ids(body.add), remove: ids(body.remove) };
    let both = change.remove.iter().enumerate().filter(|(_, tag)| change.add.contains(tag));
    let fault = |(index, tag): (usize, &String)| {
        Fault::new(format!("/remove/{index}"), "duplicate", format!("{tag} is in add too: in one of them"))
    };
    let faults: Vec<Fault> = both.map(fault).collect();
    if !faults.is_empty() {
        return Err(Problem::invalid_field(&faults));
    }

    let tell = |view: &MemberView| {
        let tags = view.tags.iter().map(|tag| Text(tag.as_str())).collect();
        Answer::new(200, &MemberTags { tags }).kept()
    };
    let told = api.engine.people().change_tags(&call.request, &change, tell).await?;

    Ok(told.into())
}
