//! Runs generated histories through the real edge: what the property tests share.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use domain::time::Instant;
use edge::wire::read_member_id;
use laurel_tests::model::{
    Model, canonical, difference,
    generate::{History, Step, fill, fill_text, history},
};
use serde_json::{Value, json};

use crate::support::{Reply, Shop};

/// What can be wrong, in words.
pub(crate) type Verdict = Result<(), String>;

/// A step, and how it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Its place in the whole history.
    pub(crate) number: usize,
    pub(crate) step: Step,
    /// The model's name for the member or redemption that the step makes.
    makes: Option<String>,
    /// Its `Idempotency-Key`.
    pub(crate) key: Option<String>,
    /// Whether it is sent again with the same key.
    twice: bool,
    /// The size of a ledger's pages.
    limit: u64,
}

/// A history, and how it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) program: Value,
    pub(crate) start_ms: i64,
    pub(crate) steps: Vec<Planned>,
}

/// Randomness that follows from a seed and a place alone, so that it stays the same when steps are left out.
pub(crate) fn chance(seed: u64, place: usize, salt: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (place as u64) << 20 ^ salt;
    for _ in 0..3 {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    }
    mixed ^ (mixed >> 31)
}

/// The plan of a seed.
pub(crate) fn plan(seed: u64, length: usize) -> Plan {
    let History { program, start_ms, steps } = history(seed, length);
    let mut model = Model::new(&program);
    let steps = steps.into_iter().enumerate().map(|(number, step)| {
        let (_, answer) = ask(&mut model, &step, None);
        let roll = chance(seed, number, 1);
        let (key, twice) = (!roll.is_multiple_of(3), roll.is_multiple_of(2));
        let key = (step.method == "POST" && key).then(|| format!("key-{number}"));
        Planned { number, step, makes: made(&answer), key, twice, limit: 1 + roll % 40 }
    });
    let steps = steps.collect();
    Plan { program, start_ms, steps }
}

/// The model's answer to a step.
fn ask(model: &mut Model, step: &Step, makes: Option<&String>) -> (u16, Value) {
    let plain = |name: &str| name.to_owned();
    let mut body = step.body.as_ref().map(|body| fill(body, &plain));
    if let (Some(body), Some(name)) = (&mut body, makes) {
        body["$id"] = json!(name);
    }
    model.call(step.method, &fill_text(&step.path, &plain), body.as_ref(), step.now_ms)
}

/// The id of the member or redemption in an answer.
fn made(answer: &Value) -> Option<String> {
    let id = answer.pointer("/member/id").or(answer.get("redemption_id"));
    id.and_then(Value::as_str).map(str::to_owned)
}

/// An instant as text.
pub(crate) fn instant_text(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).expect("in range").to_rfc3339()
}

/// A shop that lives through a history, and the ids it gave.
pub(crate) struct Driver {
    pub(crate) shop: Shop,
    /// The model's name for a member or redemption, mapped to the shop's id.
    pub(crate) ids: HashMap<String, String>,
    /// How often a 503 is answered by sending the same again.
    pub(crate) patience: usize,
}

impl Driver {
    pub(crate) fn new(shop: Shop) -> Driver {
        Driver { shop, ids: HashMap::new(), patience: 0 }
    }

    fn real(&self, name: &str) -> String {
        let unknown = || {
            let prefix = if name.starts_with('r') { "rdm_" } else { "mbr_" };
            format!("{prefix}{}", "0".repeat(26))
        };
        self.ids.get(name).cloned().unwrap_or_else(unknown)
    }

    pub(crate) fn clock(&self, ms: i64) {
        self.shop.api.clock.forward(Instant(ms)).expect("time never runs backwards");
    }

    /// Sends a request; again, the same, while the store does not answer.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value, key: Option<&str>) -> Reply {
        let mut reply = self.shop.call_with(method, path, body, key).await;
        for _ in 0..self.patience {
            if reply.status != 503 {
                break;
            }
            reply = self.shop.call_with(method, path, body, key).await;
        }
        reply
    }

    /// Sends a step; a ledger is read page by page, a sweep is called until it is done.
    pub(crate) async fn step(&mut self, planned: &Planned) -> Result<(u16, Value), String> {
        let step = &planned.step;
        self.clock(step.now_ms);
        let real = |name: &str| self.real(name);
        let path = fill_text(&step.path, &real);
        if path.ends_with("/ledger") {
            return self.ledger(&path, planned.limit).await;
        }
        let body = step.body.as_ref().map_or(Value::Null, |body| fill(body, &real));
        let key = planned.key.as_deref();
        let mut reply = self.send(step.method, &path, &body, key).await;
        while reply.body["done"] == false {
            reply = self.send(step.method, &path, &body, key).await;
        }
        if planned.twice && key.is_some() {
            self.must_repeat(&path, &body, key, &reply).await?;
        }
        if let (Some(name), Some(id)) = (&planned.makes, made(&reply.body)) {
            self.ids.entry(name.clone()).or_insert(id);
        }
        Ok((reply.status, reply.body))
    }

    /// An answered write comes back byte for byte; a refusal is the same again.
    async fn must_repeat(&self, path: &str, body: &Value, key: Option<&str>, first: &Reply) -> Verdict {
        let again = self.send("POST", path, body, key).await;
        let same = if first.status < 300 {
            again.status == first.status && again.bytes == first.bytes
        } else {
            again.status == first.status && again.body["code"] == first.body["code"]
        };
        if same {
            return Ok(());
        }
        Err(format!(
            "sent again with its key: {} {} where it was {} {}",
            again.status, again.body, first.status, first.body
        ))
    }

    /// A whole ledger, newest first, page by page.
    pub(crate) async fn ledger(&self, path: &str, limit: u64) -> Result<(u16, Value), String> {
        let mut entries: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = format!("{path}?limit={limit}{cursor}");
            let reply = self.send("GET", &page, &Value::Null, None).await;
            if reply.status != 200 {
                return Ok((reply.status, reply.body));
            }
            let found = reply.body["entries"].as_array().ok_or("a ledger without entries")?;
            if found.len() as u64 > limit {
                return Err(format!("{} entries on a page of {limit}", found.len()));
            }
            entries.extend(found.iter().cloned());
            match reply.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            if entry["seq"] != json!(entries.len() - index) {
                return Err(format!("{path}: entry {} is numbered {}", entries.len() - index, entry["seq"]));
            }
        }
        Ok((200, json!({"entries": entries})))
    }

    /// Rule 11 for every member, from its ledger over HTTP; and the audit.
    pub(crate) async fn audit(&self, program: &Value) -> Verdict {
        let inactivity = program["points"]["expiry"]["mode"] == "inactivity";
        for (name, id) in self.ids.iter().filter(|(name, _)| name.starts_with('m')) {
            let shown = self.send("GET", &format!("/members/{id}"), &Value::Null, None).await.body;
            let (_, ledger) = self.ledger(&format!("/members/{id}/ledger"), 200).await?;
            let entries = ledger["entries"].as_array().ok_or("a ledger without entries")?;
            sums(&shown, entries, inactivity).map_err(|what| format!("{name}: {what}"))?;
            let member = read_member_id(id).ok_or("an id that is none")?;
            let found =
                self.shop.api.engine.ledger().audit_member(member).await.map_err(|e| e.to_string())?;
            if !found.differences.is_empty() {
                return Err(format!("{name}: the audit found {:?}", found.differences));
            }
        }
        Ok(())
    }
}

/// The invariants between a member and its ledger (rule 11).
fn sums(shown: &Value, entries: &[Value], inactivity: bool) -> Verdict {
    let whole = |value: &Value| value.as_i64().unwrap_or(i64::MIN / 1_000_000);
    let points = &shown["points"];
    let balance = whole(&points["available"]) + whole(&points["held"]) - whole(&points["debt"]);
    let mut lots: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut add = |lot: &Value, sign: i64| {
        let end = if inactivity { "the one".to_owned() } else { lot["expires_at"].to_string() };
        *lots.entry((end, lot["brand"].to_string())).or_default() += sign * whole(&lot["points"]);
    };
    points["lots"].as_array().into_iter().flatten().for_each(|lot| add(lot, -1));
    let (mut sum, mut growth) = (0, 0);
    for entry in entries.iter().rev() {
        sum += whole(&entry["points"]);
        growth += whole(&entry["growth"]);
        entry["lots"].as_array().into_iter().flatten().for_each(|lot| add(lot, 1));
        if entry["balance_after"] != json!(sum) {
            return Err(format!("the sum so far is {sum}, not as in {entry}"));
        }
    }
    if sum != balance || json!(growth) != shown["growth"] {
        return Err(format!("the ledger comes to {sum} points and {growth} growth, shown: {shown}"));
    }
    match lots.iter().find(|(_, left)| **left != 0) {
        Some((lot, left)) => Err(format!("lot {lot:?} has {left} more in the ledger than shown: {shown}")),
        None => Ok(()),
    }
}

/// Model and engine side by side.
pub(crate) struct Pair {
    pub(crate) driver: Driver,
    model: Model,
}

impl Pair {
    pub(crate) fn new(plan: &Plan, shop: Shop) -> Pair {
        Pair { driver: Driver::new(shop), model: Model::new(&plan.program) }
    }

    /// Both take the step; they must answer the same.
    pub(crate) async fn step(&mut self, planned: &Planned) -> Verdict {
        let (status, wanted) = ask(&mut self.model, &planned.step, planned.makes.as_ref());
        let (got, answer) = self.driver.step(planned).await?;
        if status != got {
            return Err(format!("status {got}, wanted {status}\n  wanted {wanted}\n  got    {answer}"));
        }
        match difference(&canonical(&wanted), &canonical(&answer)) {
            None => Ok(()),
            Some(place) => Err(format!("{place}\n  wanted {wanted}\n  got    {answer}")),
        }
    }
}

/// Runs the test on seeds, on all cores, and reports those that fail. `LAUREL_SEEDS` says how many
/// (`500`) or which (`17..18`).
pub(crate) fn on_seeds(default: u64, test: impl Fn(u64) -> Verdict + Sync) {
    let asked = std::env::var("LAUREL_SEEDS").unwrap_or_else(|_| default.to_string());
    let (first, end) = asked.split_once("..").unwrap_or(("0", &asked));
    let (first, end): (u64, u64) = (first.parse().expect("a seed"), end.parse().expect("a seed"));
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= end || failed.lock().expect("no panic").len() >= 5 {
                        break;
                    }
                    if let Err(what) = test(seed) {
                        failed.lock().expect("no panic").push(format!("seed {seed}: {what}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic");
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n\n"));
}

/// Runs the future to its end on this thread.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// The answer without what differs between two shops that live through the same: ids are numbered
/// in the order in which they come up, and moments of recording are left out.
pub(crate) fn masked(value: &Value, names: &mut HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => {
            let known = ["mbr_", "ent_", "idn_"].iter().any(|prefix| text.starts_with(prefix));
            let count = names.len();
            let mut name = || names.entry(text.clone()).or_insert_with(|| format!("id {count}")).clone();
            if known { Value::String(name()) } else { value.clone() }
        }
        Value::Array(all) => all.iter().map(|one| masked(one, names)).collect(),
        Value::Object(all) => {
            let shown =
                all.iter().filter(|(field, _)| !["instance", "recorded_at"].contains(&field.as_str()));
            Value::Object(shown.map(|(field, one)| (field.clone(), masked(one, names))).collect())
        }
        other => other.clone(),
    }
}
