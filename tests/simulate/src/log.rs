//! The activity log beside the model: a commit notes what its operation changes by staff, and nothing else; and what is
//! noted is told, the newest first, until it is old.

use std::{collections::BTreeMap, sync::Arc};

use domain::{member::MemberId, time::Instant};
use edge::{Api, wire};
use engine::{
    id::CallerId,
    keys::{self, kind},
    records::{By, On, StaffChangeRecord, decode},
    store::Store,
};
use laurel_tests::model::{DAY, command::Command};
use serde_json::Value;

use crate::{
    instance::{ask, at_once},
    judge::is_merge,
    op::{Op, Way},
    store::Committed,
    world::World,
};

/// Pages after which the log must have come to its end.
const PAGES_MAX: usize = 10_000;

/// Whether a change is on what a request names.
type Fits<'a> = &'a dyn Fn(&On) -> bool;

/// What is noted by a request, as its answer names it.
pub(crate) type Noted = BTreeMap<String, (i64, String)>;

/// What was noted before anything was drawn.
pub(crate) fn before(store: &Arc<dyn Store>) -> Result<Noted, String> {
    let all = at_once(store.scan(keys::all(kind::STAFF_CHANGE), usize::MAX));
    let mut noted = Noted::new();
    for (key, record) in all.map_err(|error| error.to_string())? {
        let change: StaffChangeRecord = decode(&key, &record.value).map_err(|error| error.to_string())?;
        noted.extend(change.request.map(|request| (wire::id(request), (change.at.0, change.what))));
    }
    Ok(noted)
}

/// What staff change by a command, as the log has it.
fn word(command: &Command) -> Option<&'static str> {
    match command {
        Command::Adjust(_) => Some("points.adjusted"),
        Command::Badge(_) => Some("badge.issued"),
        Command::Take(_) => Some("badge.removed"),
        Command::Status(_) => Some("member.status_changed"),
        Command::Tag(_) => Some("member.tagged"),
        Command::Order(_)
        | Command::Revise(_)
        | Command::Activity(_)
        | Command::Redeem(_)
        | Command::Refund(_)
        | Command::Cancel(_)
        | Command::TakeBack(_) => None,
    }
}

/// What staff change of a person, as the log has it.
fn of_person(op: &Op) -> Option<&'static str> {
    match op {
        Op::AddIdentity(_) => Some("identity.added"),
        Op::RemoveIdentity(_) => Some("identity.removed"),
        Op::Correct(_) => Some("member.updated"),
        _ => None,
    }
}

impl World {
    /// A commit notes what its operation changes, if it changes something.
    pub(crate) fn must_note(&mut self, index: usize, told: &Committed) -> Result<(), String> {
        let place = self.attempt_at(index).client;
        let member = told.members.first().map(|(id, _)| *id);
        // On whom the request names, which may be a record that was merged.
        let reached = |id: &MemberId| self.places.get(id).map(|place| self.model.reach(*place));
        let whose = |on: &On| matches!((on, member), (On::Member(on), Some(member)) if reached(on) == reached(&member));
        let either = |on: &On| {
            told.members.iter().any(|(id, _)| matches!(on, On::Member(on) if reached(on) == reached(id)))
        };
        let nothing = |on: &On| *on == On::Nothing;
        let saved = told.offer.as_ref().and_then(|(key, _)| keys::read_offer_version(key));
        let of_offer = |on: &On| matches!((on, &saved), (On::Named(on), Some((id, _))) if *id == **on);
        let want: Option<(&str, Fits<'_>)> = match self.clients[place].as_ref().map(|client| &client.op) {
            Some(Op::Command(sent))
                if sent.way == Way::Plain && member.is_some() && self.is_main(told)? =>
            {
                word(&sent.command).map(|word| (word, &whose as Fits<'_>))
            }
            Some(Op::Merge(_)) if is_merge(told)? => Some(("member.merged", &either as Fits<'_>)),
            Some(Op::Offer(_)) if told.offer.is_some() => Some(("offer.saved", &of_offer as Fits<'_>)),
            Some(Op::Program(_)) if told.program.is_some() => Some(("program.saved", &nothing as Fits<'_>)),
            _ => None,
        };
        let mut noted = Vec::new();
        for (key, value) in &told.noted {
            let change: StaffChangeRecord = decode(key, value).map_err(|error| error.to_string())?;
            noted.push(change);
        }
        let of_person = self.clients[place].as_ref().and_then(|client| of_person(&client.op));
        let by_first = |change: &StaffChangeRecord| change.by == By::Caller(CallerId::FirstAdmin);
        let right = match (want, noted.as_slice()) {
            (None, []) => true,
            // The simulator does not follow whether a person has changed: who has, is noted in that commit at most once.
            (None, [change]) if of_person == Some(change.what.as_str()) => {
                matches!(change.on, On::Member(_)) && by_first(change)
            }
            (Some((word, fits)), [change]) => change.what == word && fits(&change.on) && by_first(change),
            _ => false,
        };
        if !right {
            let want = want.map(|(word, _)| word);
            return Err(format!("a commit notes {noted:?}, where it changes {want:?} of {member:?}"));
        }
        for change in noted {
            let request = change.request.ok_or("a change that no request has made")?;
            self.noted.insert(wire::id(request), (change.at.0, change.what));
        }
        Ok(())
    }

    /// Whether a page of the log is right: each was noted, the newest first, on what was asked.
    pub(crate) fn compare_log(&self, body: &[u8], of: Option<usize>) -> Result<Vec<String>, String> {
        let page: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        // What was done to a member by the id of any of its records.
        let is_of = |place: usize, on: &Value| {
            let reached = self.model.reach(place);
            let mut places =
                self.ids.iter().enumerate().filter(|(other, _)| self.model.reach(*other) == reached);
            places.any(|(_, id)| *on == **id)
        };
        let (mut last, mut shown) = (i64::MAX, Vec::new());
        for change in page["activity"].as_array().ok_or("no log")? {
            let request = change["request_id"].as_str().unwrap_or_default();
            let known = self.noted.get(request).ok_or_else(|| format!("{change}: nobody did that"))?;
            let at = change["at"].as_str().and_then(Instant::parse).map(|at| at.0);
            let same = at == Some(known.0) && change["type"] == *known.1;
            if !same || known.0 > last || of.is_some_and(|of| !is_of(of, &change["on"])) {
                return Err(format!("{change}: {known:?}, after {last}"));
            }
            last = known.0;
            shown.push(request.to_owned());
        }
        Ok(shown)
    }
}

/// At last, the whole log has each change once, but for what may be forgotten.
pub(crate) fn check(world: &World, api: &Arc<Api>, now: i64) -> Result<(), String> {
    let (mut cursor, mut shown) = (String::new(), Vec::new());
    for _ in 0..PAGES_MAX {
        let (status, body) = ask(api, "GET", &format!("/activity?limit=7{cursor}"), "", &[])?;
        if status != 200 {
            return Err(format!("at last, the activity log is answered {status}"));
        }
        shown.extend(world.compare_log(&body, None).map_err(|wrong| format!("at last, the log: {wrong}"))?);
        let page: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut once = shown.clone();
    once.sort();
    once.dedup();
    if once.len() != shown.len() {
        return Err("at last, the log has a change twice".to_owned());
    }
    let kept = now - world.log_days * DAY;
    match world.noted.iter().find(|(request, (at, _))| *at > kept && once.binary_search(request).is_err()) {
        Some((request, noted)) => Err(format!("at last, the log lacks {request}: {noted:?}")),
        None => Ok(()),
    }
}
