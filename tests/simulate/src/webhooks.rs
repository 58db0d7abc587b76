//! What is sent to webhooks, held against what the rules promise: a shop in memory whose clock is moved, `react`, to which
//! the shop's feed is handed over, and receivers in this process. Every run is the same.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::time::Instant;
use edge::{Api, Chance, Clock, webhook::signature};
use engine::{
    memory::MemoryStore,
    store::{Changes, Committed, Key, Manner, Position, Range, Store},
};
use infra::FUNCTIONS;
use laurel_tests::partner::Partner;
use react::React;
use serde_json::{Value, json};

use crate::{
    instance::{ask, at_once, found, secrets},
    op::Sent,
    partner::sign,
};

const START: i64 = 1_767_225_600_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Whether something that is promised holds in a shop; if not, what does not, in words.
type Promise = fn(&mut Shop) -> Result<(), String>;

/// What is promised of what is sent, each in a shop of its own.
const PROMISES: [Promise; 8] = [sealed, once, partners, again, patiently, rotated, off, judged_when_sent];

/// Holds all of them; how many.
///
/// # Errors
/// What does not hold, in words.
pub fn webhooks_hold() -> Result<usize, String> {
    for promise in PROMISES {
        promise(&mut Shop::open()?)?;
    }
    Ok(PROMISES.len())
}

fn told(error: impl ToString) -> String {
    error.to_string()
}

fn must(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// An event is sent once, whole and signed, however often it is handed over; what is to be kept quiet is not.
fn once(shop: &mut Shop) -> Result<(), String> {
    let receiver = Receiver::start()?;
    let hook = shop.hook(&receiver, "points.*", None)?;
    let member = shop.member()?;
    shop.earn(&member, "A-1")?;
    let commits = shop.pass(SECOND)?;
    let body = json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "1.00"}});
    shop.ok("POST", "/reverse", &body)?;
    shop.hand_over(&commits)?;
    shop.pass(SECOND)?;
    let got = receiver.got();
    let types: Vec<String> = got.iter().map(|got| got.event["type"].to_string()).collect();
    must(types == ["\"points.earned\"", "\"points.reversed\""], || {
        format!("an order and a refund were told as {types:?}")
    })?;
    for got in &got {
        must(got.signatures == [hook.signs(got)], || {
            format!("{got:?} is not signed once, by the webhook's secret")
        })?;
        must(got.event["id"] == got.id.as_str(), || format!("{got:?} has another id than its event"))?;
    }
    shop.earn(&member, "A-2")?;
    let quiet: Vec<Committed> =
        shop.read()?.into_iter().map(|commit| Committed { manner: Manner::Quiet, ..commit }).collect();
    shop.hand_over(&quiet)?;
    must(receiver.got().len() == got.len(), || "what was to be kept quiet was told".to_owned())
}

/// A secret is nowhere in the store as it is.
fn sealed(shop: &mut Shop) -> Result<(), String> {
    let hook = shop.hook(&Receiver::start()?, "*", None)?;
    let all = Range { from: Key::new(vec![0]), to: Key::new(vec![0xff; 2]) };
    let all = at_once(shop.store.scan(all, usize::MAX)).map_err(told)?;
    let open = all
        .iter()
        .find(|(_, record)| record.value.windows(hook.secret.len()).any(|part| part == hook.secret));
    must(open.is_none(), || format!("a webhook's secret is stored as it is: {:?}", open.map(|(key, _)| key)))
}

/// A partner hears of its links, and nothing of what its members do elsewhere.
fn partners(shop: &mut Shop) -> Result<(), String> {
    let theirs = Receiver::start()?;
    shop.hook(&theirs, "*", Some("moon"))?;
    let member = shop.member()?;
    let code = shop.ok("POST", &format!("/members/{member}/link-code"), &json!({"brand": "moon"}))?;
    let sent =
        Sent { method: "POST", path: "/link".to_owned(), body: json!({"code": code["code"]}).to_string() };
    let headers = sign(&shop.partner, &sent, &[], shop.now, "link");
    ask(&shop.api, "POST", "/link", &sent.body, &headers)?;
    shop.earn(&member, "A-1")?;
    shop.pass(SECOND)?;
    let types: Vec<String> = theirs.got().iter().map(|got| got.event["type"].to_string()).collect();
    must(types == ["\"link.made\""], || format!("a partner of whom a member is one hears {types:?}"))
}

/// What failed, and a redirect is a failure, comes again under the same id, and at its time.
fn again(shop: &mut Shop) -> Result<(), String> {
    let receiver = Receiver::start()?;
    shop.hook(&receiver, "points.earned", None)?;
    receiver.answers("302 Found", "Location: http://127.0.0.1:9/\r\nContent-Length: 0\r\n");
    let member = shop.member()?;
    shop.earn(&member, "A-1")?;
    shop.pass(SECOND)?;
    shop.pass(2 * SECOND)?;
    must(receiver.got().len() == 1, || "it came again before its five seconds".to_owned())?;
    receiver.answers("204 No Content", "");
    shop.pass(6 * SECOND)?;
    shop.pass(HOUR)?;
    let ids: Vec<String> = receiver.got().into_iter().map(|got| got.id).collect();
    must(ids.len() == 2, || {
        format!("what was answered with a redirect, and then taken, was sent {} times", ids.len())
    })?;
    must(ids[0] == ids[1], || format!("it came again under another id: {ids:?}"))
}

/// A receiver that asks to be left alone is.
fn patiently(shop: &mut Shop) -> Result<(), String> {
    let receiver = Receiver::start()?;
    shop.hook(&receiver, "points.earned", None)?;
    receiver.answers("503 Busy", "Retry-After: 3600\r\nContent-Length: 0\r\n");
    let member = shop.member()?;
    shop.earn(&member, "A-1")?;
    shop.pass(SECOND)?;
    shop.pass(30 * MINUTE)?;
    must(receiver.got().len() == 1, || "a receiver that asked for an hour got half of it".to_owned())?;
    shop.pass(31 * MINUTE)?;
    must(receiver.got().len() == 2, || "what was to come after an hour did not".to_owned())
}

/// Two secrets sign for a day after a rotation, and then the newer one.
fn rotated(shop: &mut Shop) -> Result<(), String> {
    let receiver = Receiver::start()?;
    let old = shop.hook(&receiver, "points.earned", None)?;
    let member = shop.member()?;
    shop.pass(MINUTE)?;
    let answer = shop.ok("POST", &format!("/webhooks/{}/rotate", old.id), &json!({}))?;
    let new = Hook::of(&answer)?;
    let mut signed = |order: &str, after: i64| -> Result<(Vec<String>, Got), String> {
        shop.pass(after)?;
        shop.earn(&member, order)?;
        shop.pass(SECOND)?;
        let got = receiver.got().pop().ok_or("nothing was sent")?;
        Ok((got.signatures.clone(), got))
    };
    let (signatures, got) = signed("A-1", HOUR)?;
    must(signatures == [new.signs(&got), old.signs(&got)], || {
        "an hour after a rotation not both secrets sign".to_owned()
    })?;
    let (signatures, got) = signed("A-2", 24 * HOUR)?;
    must(signatures == [new.signs(&got)], || "a day after a rotation the secret before signs".to_owned())
}

/// A receiver that is gone is switched off, and is sent nothing from then on.
fn off(shop: &mut Shop) -> Result<(), String> {
    let receiver = Receiver::start()?;
    let hook = shop.hook(&receiver, "points.earned", None)?;
    receiver.answers("410 Gone", "Content-Length: 0\r\n");
    let member = shop.member()?;
    shop.earn(&member, "A-1")?;
    shop.pass(SECOND)?;
    let own = shop.ok("GET", &format!("/webhooks/{}", hook.id), &Value::Null)?;
    must(own["status"] == "disabled", || {
        format!("a receiver answered 410, and its webhook is {}", own["status"])
    })?;
    shop.earn(&member, "A-2")?;
    shop.pass(SECOND)?;
    shop.pass(HOUR)?;
    must(receiver.got().len() == 1, || "a webhook that is off was sent something".to_owned())?;
    let listed = shop.ok("GET", &format!("/webhooks/{}/deliveries", hook.id), &Value::Null)?;
    let newest = &listed["deliveries"][0];
    must(newest["error"] == "disabled", || format!("what came while it was off is told as {newest}"))
}

/// Where a webhook points to is judged when something is sent too: it may have been allowed before.
fn judged_when_sent(shop: &mut Shop) -> Result<(), String> {
    let receiver = Receiver::start()?;
    let hook = shop.hook(&receiver, "points.earned", None)?;
    shop.api = api(&shop.store, false)?;
    shop.react = React::default();
    let member = shop.member()?;
    shop.earn(&member, "A-1")?;
    shop.pass(SECOND)?;
    must(receiver.got().is_empty(), || "something was sent to this machine".to_owned())?;
    let listed = shop.ok("GET", &format!("/webhooks/{}/deliveries", hook.id), &Value::Null)?;
    must(listed["deliveries"][0]["status"] == "failed", || format!("it did not fail: {listed}"))
}

/// A shop.
struct Shop {
    store: Arc<dyn Store>,
    api: Arc<Api>,
    react: React,
    runtime: tokio::runtime::Runtime,
    partner: Partner,
    position: Position,
    now: i64,
}

/// A webhook, as it was made.
struct Hook {
    id: String,
    secret: Vec<u8>,
}

impl Hook {
    fn of(answer: &Value) -> Result<Hook, String> {
        let text = |name: &str| answer[name].as_str().ok_or_else(|| format!("no {name}: {answer}"));
        let secret = text("secret")?.strip_prefix("whsec_").unwrap_or_default();
        Ok(Hook { id: text("id")?.to_owned(), secret: BASE64_STANDARD.decode(secret).map_err(told)? })
    }

    fn signs(&self, got: &Got) -> String {
        signature(std::slice::from_ref(&self.secret), &got.id, got.seconds, &got.body)
    }
}

fn api(store: &Arc<dyn Store>, local: bool) -> Result<Arc<Api>, String> {
    let mut api = Api::new(store.clone(), Clock::simulated(Instant(START)), secrets(), FUNCTIONS.to_vec());
    api.chance = Chance::seeded(1);
    api.rates = None;
    api.local_webhooks = local;
    at_once(api.refresh()).map_err(|error| format!("{error:?}"))?;
    Ok(Arc::new(api))
}

impl Shop {
    fn open() -> Result<Shop, String> {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let programme = json!({
            "name": "Told", "time_zone": "Asia/Shanghai", "currency": "CNY",
            "brands": [
                {"id": "acme", "name": "Acme"},
                {"id": "moon", "name": "Moon", "kind": "partner", "may": ["earn"], "sees": ["balance"]},
            ],
            "points": {"per_unit": "1", "expiry": {"mode": "year_end", "years": 1}},
            "growth": {"per_unit": "1"},
            "tiers": [{"id": "basic", "growth": 0}],
        });
        let first = Api::new(store.clone(), Clock::simulated(Instant(START)), secrets(), FUNCTIONS.to_vec());
        found(&first, &programme.to_string())?;
        let api = api(&store, true)?;
        let partner = Partner::hmac();
        let (_, made) = ask(&api, "POST", "/partners/moon/keys", &partner.registration().to_string(), &[])?;
        let partner = partner.registered(&serde_json::from_slice(&made).map_err(told)?);
        let feed = store.feed().ok_or("a store in memory has a feed")?;
        let position = at_once(feed.end()).map_err(told)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
        Ok(Shop { store, api, react: React::default(), runtime, partner, position, now: START })
    }

    fn ok(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = ask(&self.api, method, path, &body, &[])?;
        let answer: Value = serde_json::from_slice(&answer).map_err(told)?;
        if (200..300).contains(&status) { Ok(answer) } else { Err(format!("{method} {path}: {answer}")) }
    }

    fn member(&self) -> Result<String, String> {
        let body = json!({"identities": [{"kind": "email", "value": "li@example.cn"}], "brand": "acme"});
        let made = self.ok("POST", "/register", &body)?;
        Ok(made["member"]["id"].as_str().ok_or("no member")?.to_owned())
    }

    fn earn(&self, member: &str, order: &str) -> Result<(), String> {
        let body = json!({"member_id": member, "brand": "acme", "order_id": order, "amount": "10.00"});
        self.ok("POST", "/earn-points", &body).map(drop)
    }

    fn hook(&self, receiver: &Receiver, types: &str, brand: Option<&str>) -> Result<Hook, String> {
        let url = format!("http://{}/hook", receiver.address);
        Hook::of(&self.ok("POST", "/webhooks", &json!({"url": url, "types": [types], "brand": brand}))?)
    }

    /// What was committed since it was read last.
    fn read(&mut self) -> Result<Vec<Committed>, String> {
        let feed = self.store.feed().ok_or("a store in memory has a feed")?;
        match at_once(feed.after(&self.position, 10_000)).map_err(told)? {
            Changes::Commits { commits, next } => {
                self.position = next;
                Ok(commits)
            }
            Changes::Gap { .. } => Err("a gap".to_owned()),
        }
    }

    /// Hands that over, and has what waits worked off.
    fn hand_over(&self, commits: &[Committed]) -> Result<(), String> {
        let commits: Vec<(Committed, Instant)> =
            commits.iter().map(|commit| (commit.clone(), Instant(self.now))).collect();
        self.runtime.block_on(async {
            self.react.changes(&self.api, &commits).await.map_err(|error| format!("{error:?}"))?;
            let until = self.api.clock.steady();
            self.react.waiting(&self.api, until).await.map(drop).map_err(|error| format!("{error:?}"))
        })
    }

    /// Lets that many milliseconds pass; then what was committed is handed over. What that was.
    fn pass(&mut self, millis: i64) -> Result<Vec<Committed>, String> {
        self.now += millis;
        self.api.clock.simulate(Instant(self.now), (self.now - START).unsigned_abs());
        let commits = self.read()?;
        self.hand_over(&commits)?;
        Ok(commits)
    }
}

/// A request that a receiver got.
#[derive(Clone, Debug)]
struct Got {
    id: String,
    seconds: i64,
    signatures: Vec<String>,
    body: Vec<u8>,
    event: Value,
}

/// A receiver on a port of this machine.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    /// The status and further headers of its answers.
    answer: Arc<Mutex<(&'static str, &'static str)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    fn start() -> Result<Receiver, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(told)?;
        let address = listener.local_addr().map_err(told)?;
        let own =
            Receiver { address, got: Arc::default(), answer: Arc::new(Mutex::new(("204 No Content", ""))) };
        let receiving = own.clone();
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiving = receiving.clone();
                thread::spawn(move || receiving.serve(stream));
            }
        });
        Ok(own)
    }

    fn answers(&self, status: &'static str, headers: &'static str) {
        *lock(&self.answer) = (status, headers);
    }

    fn got(&self) -> Vec<Got> {
        lock(&self.got).clone()
    }

    /// Answers until the connection ends.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut line, mut headers) = (String::new(), Vec::new());
            stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).ok()?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.push((name.to_lowercase(), value.to_owned()));
            }
            let header =
                |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
            let mut body = vec![0; header("content-length")?.parse().ok()?];
            stream.read_exact(&mut body).ok()?;
            lock(&self.got).push(Got {
                id: header("webhook-id")?,
                seconds: header("webhook-timestamp")?.parse().ok()?,
                signatures: header("webhook-signature")?.split(' ').map(str::to_owned).collect(),
                event: serde_json::from_slice(&body).ok()?,
                body,
            });
            let (status, more) = *lock(&self.answer);
            let answer = format!("HTTP/1.1 {status}\r\n{more}\r\n");
            stream.get_mut().write_all(answer.as_bytes()).ok()?;
        }
    }
}
