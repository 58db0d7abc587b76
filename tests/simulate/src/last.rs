//! The final checks of a seed, after the faults have stopped: everything due is written down, every member
//! and ledger is the model's, every answer comes back, and the audit finds nothing, unless a restore split a
//! commit.

use std::{collections::BTreeSet, sync::Arc};

use domain::{member::MemberId, time::Instant};
use edge::Api;
use engine::{
    Books, Engine,
    keys::{self, kind},
    store::{Change, Expect, Key, Record, Write},
};

use serde_json::Value;

use crate::{
    answer::{compare_member, compare_page},
    faults::{Fault, Kind},
    instance::{ask, at_once},
    keeping,
    op::Sent,
    store::lock,
    world::{World, mix_in},
};

/// Calls after which a sweep must be done.
const SWEEPS_MAX: usize = 100;

/// Everything that must hold once the faults have stopped.
pub(crate) fn check(world: &mut World) -> Result<(), String> {
    let api = world.any_instance();
    let now = world.newest_now.max(world.now);
    api.clock.simulate(Instant(now), world.elapsed);
    let known = world.model.versions();
    for member in 0..world.model.members() {
        let id = world.ids[member].clone();
        let (status, body) = ask(&api, "GET", &format!("/members/{id}"), "", &[])?;
        if status != 200 {
            return Err(format!("{id} is not shown: {status}"));
        }
        let shown = world.model.show(member, now, known);
        compare_member(&body, &world.ids[shown.id], &shown, world.model.program(known))
            .map_err(|wrong| format!("at last, {id}: {wrong}"))?;
        mix_in(&mut world.outcome.trace, &body);
        if world.model.is_joined(member) {
            let has = &shown.standing;
            add_up(&api, &id, has.available() + has.held() - has.debt, has.growth)?;
            continue;
        }
        // Ledgers are read page by page throughout; here some are read whole.
        if !(member as u64 + world.settings.seed).is_multiple_of(4) {
            continue;
        }
        let (status, body) = ask(&api, "GET", &format!("/members/{id}/ledger?limit=200"), "", &[])?;
        let (entries, written) = world.model.ledger(member, now, known);
        let page = compare_page(&body, 200, &entries, entries.len(), Some(written));
        page.map_err(|wrong| format!("at last, the ledger of {id} ({status}): {wrong}"))?;
    }
    keeping::check(world, &api, now)?;
    replay(world, &api, now, "last")?;
    crate::log::check(world, &api, now)?;
    crate::op::offers::check(world, &api)?;
    if world.settings.seed % 4 == 1 {
        let members = crate::trespass::check(world, &api, now)?;
        world.ids.extend(members);
    }
    sweep(&api)?;
    due_index(world, &api.engine)?;
    if world.settings.seed.is_multiple_of(4) {
        crate::settlement::check(world, &api)?;
    }
    audit(&api.engine, world)?;
    if world.settings.seed % 8 == 3 {
        let api = keeping::rekeyed(world, now)?;
        keeping::check(world, &api, now)?;
        replay(world, &api, now, "rekeyed")?;
    }
    split(world)
}

/// The entries of all records that a member has been joined of add up to what it has.
fn add_up(api: &Arc<Api>, id: &str, points: i64, growth: i64) -> Result<(), String> {
    let (mut sums, mut cursor) = ((0, 0), String::new());
    loop {
        let (status, body) = ask(api, "GET", &format!("/members/{id}/ledger?limit=50{cursor}"), "", &[])?;
        let page: Value = serde_json::from_slice(&body).map_err(|error| format!("{status}: {error}"))?;
        for entry in page["entries"].as_array().ok_or_else(|| format!("no ledger: {page}"))? {
            sums.0 += entry["points"].as_i64().unwrap_or(0);
            sums.1 += entry["growth"].as_i64().unwrap_or(0);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None if sums == (points, growth) => return Ok(()),
            None => {
                let has = (points, growth);
                return Err(format!("at last, the ledger of {id} adds up to {sums:?}, and it has {has:?}"));
            }
        }
    }
}

/// Answers of success come back byte for byte.
fn replay(world: &World, api: &Arc<Api>, now: i64, round: &str) -> Result<(), String> {
    for (place, (op, key, sent, bytes, status, at)) in world.done.iter().enumerate() {
        // An older version of the programme that is saved again is a new one.
        if now - at > 20 * laurel_tests::model::DAY || op.kind() == Kind::Program {
            continue;
        }
        let signed = op.is_signed();
        let headers = headers_of(world, sent, key.as_deref(), signed, now, &format!("{round}-{place}"));
        let (again, body) = ask(api, sent.method, &sent.path, &sent.body, &headers)?;
        // A redemption that was cancelled since is not done again; its key still has the first answer.
        let cancelled = again == 409 && key.is_none();
        if (again, &body) != (*status, bytes) && !cancelled {
            let (was, is) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&body));
            return Err(format!(
                "at last, {} {} is answered {again} {is} where it was {status} {was}",
                sent.path, sent.body
            ));
        }
    }
    Ok(())
}

fn headers_of(
    world: &World,
    sent: &Sent,
    key: Option<&str>,
    signed: bool,
    now: i64,
    nonce: &str,
) -> Vec<(String, String)> {
    let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
    match signed {
        true => world.sign(sent, &headers, now, nonce),
        false => headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

/// Everything due is written down, and nothing is left.
fn sweep(api: &Arc<Api>) -> Result<(), String> {
    for _ in 0..SWEEPS_MAX {
        let (status, body) = ask(api, "POST", "/expire-points", "{}", &[])?;
        if status != 200 {
            return Err(format!("at last, the sweep is answered {status}"));
        }
        if crate::answer::swept(&body)? {
            let (_, body) = ask(api, "POST", "/evaluate-tier", "{}", &[])?;
            let text = String::from_utf8_lossy(&body);
            let idle = text.contains(r#""members":0,"#);
            return if idle { Ok(()) } else { Err(format!("a sweep that was done left more: {text}")) };
        }
    }
    Err("the sweep never comes to an end".to_owned())
}

/// The due index holds exactly the place of every member who has one: every sweep would read an old place
/// that is left, for ever.
fn due_index(world: &World, engine: &Engine) -> Result<(), String> {
    at_once(async {
        let mut places = BTreeSet::new();
        for id in &world.ids {
            let id = edge::wire::read_member_id(id).ok_or("an id that is none")?;
            let record = engine.records().member(id).await.map_err(|error| error.to_string())?;
            let due = record.and_then(|record| record.member.due_at());
            places.extend(due.map(|at| keys::due(at, id)));
        }
        let range = keys::all(kind::DUE);
        let found = world.store.scan(range, usize::MAX).await.map_err(|error| error.to_string())?;
        let found: BTreeSet<Key> = found.into_iter().map(|(key, _)| key).collect();
        match found.symmetric_difference(&places).next() {
            Some(key) => Err(format!("the due index and the members differ in {:?}", keys::read_due(key))),
            None => Ok(()),
        }
    })
}

/// Every member's audit, and the books of the whole store.
fn findings(engine: &Engine, world: &World) -> Result<Vec<String>, String> {
    at_once(async {
        let (mut books, mut wrong) = (Books::default(), Vec::new());
        for id in &world.ids {
            let id: MemberId = edge::wire::read_member_id(id).ok_or("an id that is none")?;
            match engine.ledger().audit_member(id).await {
                Ok(found) => {
                    books.note(id, &found);
                    wrong.extend(found.differences);
                }
                Err(error) => wrong.push(error.to_string()),
            }
        }
        let strays = engine.ledger().strays(&books).await.map_err(|error| error.to_string())?;
        wrong.extend(strays.members.into_values().flatten());
        for (offer, texts) in strays.offers {
            wrong.extend(texts.into_iter().map(|text| format!("offer {offer}: {text}")));
        }
        for (brand, texts) in strays.brands {
            let excused = |text: &String| {
                world.overtaken.as_ref().is_some_and(|days| days.excuses(brand.as_str(), text))
            };
            wrong.extend(texts.into_iter().filter(|text| !excused(text)));
        }
        Ok(wrong)
    })
}

fn audit(engine: &Engine, world: &World) -> Result<(), String> {
    let wrong = findings(engine, world)?;
    let offers = at_once(engine.programme().audit_offers()).map_err(|error| error.to_string())?;
    if !offers.is_empty() {
        return Err(format!("the audit finds {offers:?}"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("the audit finds {wrong:?}")) }
}

/// A restore brings back one record of the last commit that wrote down a member: the audit must find it.
fn split(world: &mut World) -> Result<(), String> {
    let is_of_ledger = |key: &Key| {
        matches!(key.kind(), kind::MEMBER | kind::PAID_PART)
            || key.kind().row().is_some_and(|row| row.is_entry(key))
    };
    let last = std::mem::take(&mut lock(&world.weather).last);
    let mut changed = Vec::new();
    for (key, before) in last {
        let now = at_once(world.store.get(std::slice::from_ref(&key))).map_err(|error| error.to_string())?;
        let now = now.into_iter().next().flatten();
        changed.push((key, before, now));
    }
    let commit =
        changed.iter().find(|(key, ..)| key.kind() == kind::MEMBER).and_then(|(_, _, now)| now.clone());
    let Some(commit) = commit else { return Ok(()) };
    let whole = |now: &Option<Record>| now.as_ref().is_some_and(|now| now.version == commit.version);
    changed.retain(|(key, _, now)| is_of_ledger(key) && whole(now));
    let several = changed.len() > 1;
    // A record with the same content as before is the same, restored or not.
    changed.retain(|(_, before, now)| {
        let value = |record: &Option<Record>| record.as_ref().map(|record| record.value.clone());
        value(before) != value(now)
    });
    if !several || changed.is_empty() {
        return Ok(());
    }
    let dice = world.chance();
    let place = dice.below(changed.len() as i64) as usize;
    let (key, before, _) = changed.swap_remove(place);
    let change = before.map_or(Change::Delete, |before| Change::Put(before.value));
    let restored = world.store.clone();
    let write = Write { key: key.clone(), expect: Expect::Anything, change };
    at_once(restored.commit(vec![write])).map_err(|error| error.to_string())?;
    lock(&world.weather).struck.count(Fault::SplitRestore, Kind::Read);
    let engine = Engine::new(restored);
    at_once(engine.programme().refresh()).map_err(|error| error.to_string())?;
    match findings(&engine, world)?.is_empty() {
        true => Err(format!("a restore that split a commit at {key:?} is not found")),
        false => Ok(()),
    }
}
