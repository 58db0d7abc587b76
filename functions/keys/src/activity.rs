//! `/activity`: the activity log, which says what staff have changed.

use domain::time::{Instant, Zone};
use edge::{
    Access, Answer, Api, At, Call, Function, Kind, List, Method, OrNull, Problem, Role, Route, Text, Ulid,
    answer, asking,
    wire::{self, RequestId},
};
use engine::{
    ActivityFilter, ActivityPlace,
    id::CallerId,
    records::{By, On, StaffChangeRecord},
};

/// The longest text of `?on=` and `?type=`, in characters.
const TEXT_MAX: usize = 200;

answer! {
    /// A change by staff.
    struct StaffChange<'a> {
        /// when
        at: At,
        /// who did it: a key's id; time: nobody, such as a webhook that was switched off
        by: Text<64>,
        /// the key's name then
        name: OrNull<Text<100, &'a str>>,
        /// what was done
        r#type: Text<64, &'a str>,
        /// what it was done to: a member, a key, a brand, a webhook, a month
        on: OrNull<Text<200>>,
        /// which part of that: a badge, a partner's key, a version
        about: OrNull<Text<200, &'a str>>,
        /// why, where it was said
        reason: OrNull<Text<500, &'a str>>,
        /// the request, as its answer's Request-Id names it
        request_id: OrNull<Ulid<RequestId>>,
    }
}

answer! {
    /// A page of the activity log.
    struct StaffChanges<'a> {
        /// newest first; a page may be short
        activity: List<StaffChange<'a>, 0, 200>,
        /// null at the end
        next_cursor: OrNull<Text<64>>,
    }
}

/// The activity log.
pub static ACTIVITY: Function = Function {
    name: "activity",
    routes: &[Route {
        method: Method::Get,
        path: "",
        summary: "What staff have changed, newest first; an operator sees its own changes alone",
        access: Access::keys(&[Role::Operator]),
        answers: &[(200, StaffChanges::SHAPE)],
        query: &["by", "on", "type", "request_id", "limit", "cursor"],
        ..asking!(list)
    }],
};

async fn list(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let (mut filter, limit, after) = (filter(call)?, call.limit()?, cursor(call)?);
    if let [On::Member(member)] = filter.on[..] {
        // What was asked by the id of another record of the person was done to the same member.
        let records = api.engine.people().records_of(member).await?;
        filter.on.extend(records.into_iter().filter(|id| *id != member).map(On::Member));
    }
    let (_, zone) = api.engine.programme().currency_and_zone()?;
    // An operator sees its own, and so does an admin that is bound to a brand: the log is of all brands.
    if !call.caller.is(Role::Admin) || call.caller.brand.is_some() {
        if filter.by.is_some_and(|by| by != call.caller.by) {
            return Ok(page(zone, &[], None));
        }
        filter.by = Some(call.caller.by);
    }

    let (changes, next) = api.engine.access().activity(&filter, after, limit).await?;

    Ok(page(zone, &changes, next))
}

fn page(zone: Zone, changes: &[StaffChangeRecord], next: Option<ActivityPlace>) -> Answer {
    let activity = changes.iter().map(|change| shown(zone, change)).collect();
    let next_cursor = next.map(|(at, tie)| Text(format!("{}.{}", at.0, wire::id(RequestId(tie)))));
    Answer::new(200, &StaffChanges { activity, next_cursor: OrNull(next_cursor) })
}

fn shown(zone: Zone, change: &StaffChangeRecord) -> StaffChange<'_> {
    let on = match &change.on {
        On::Nothing => None,
        On::Member(member) => Some(wire::member_id(*member)),
        On::Named(text) => Some(text.clone()),
    };
    StaffChange {
        at: At(zone.show(change.at)),
        by: Text(wire::by(change.by)),
        name: OrNull(Some(change.name.as_str()).filter(|name| !name.is_empty()).map(Text)),
        r#type: Text(&change.what),
        on: OrNull(on.map(Text)),
        about: OrNull(change.about.as_deref().map(Text)),
        reason: OrNull(change.reason.as_deref().map(Text)),
        request_id: OrNull(change.request.map(Ulid)),
    }
}

fn wrong(name: &str, detail: &str) -> Problem {
    Problem::field(&format!("/query/{name}"), "wrong_format", detail)
}

/// What the query asks for.
fn filter(call: &Call) -> Result<ActivityFilter, Problem> {
    let by = call.query("by").map(|text| match text {
        "time" => Ok(By::Time),
        text => {
            let caller = wire::read_id::<CallerId>(text).map(By::Caller);
            caller.ok_or_else(|| wrong("by", "a key's id: key_ and 26 characters; or time"))
        }
    });
    let request = call.query("request_id").map(|text| {
        wire::read_id(text).ok_or_else(|| wrong("request_id", "a request's id: req_ and 26 characters"))
    });
    let on = call.words("on", TEXT_MAX)?;
    let on = on.map(|text| wire::read_member_id(&text).map_or_else(|| On::Named(text), On::Member));
    Ok(ActivityFilter {
        by: by.transpose()?,
        on: on.into_iter().collect(),
        what: call.words("type", TEXT_MAX)?,
        request: request.transpose()?,
    })
}

/// Where the page before ended.
fn cursor(call: &Call) -> Result<Option<ActivityPlace>, Problem> {
    let Some(text) = call.query("cursor") else { return Ok(None) };
    let place = text.split_once('.').and_then(|(at, tie)| {
        let at = at.parse::<i64>().ok().filter(|number| number.to_string() == at)?;
        let RequestId(tie) = wire::read_id(tie)?;
        Some((Instant(at), tie))
    });
    place.map(Some).ok_or_else(|| wrong("cursor", "a next_cursor of this list"))
}
