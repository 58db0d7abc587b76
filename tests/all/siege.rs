//! The siege: every route × every caller × every attack, each with the status and the code it must
//! get. Requests go in as bytes and answers come out as bytes, in this process, from one seed. No
//! request that is refused may change anything that is stored, and none may get a 5xx.
//!
//! `LAUREL_HOSTILE=1000000 cargo test --release -p laurel-tests --test all a_long_siege -- --nocapture` sends
//! that many, from the seed in `LAUREL_HOSTILE_SEED` (1 unless given), and prints one line of JSON.

mod attacks;
mod bodies;
mod heads;
mod signed;
mod stage;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
};

use engine::store::{Key, Record};
use laurel_tests::model::Dice;
use serde_json::{Value, json};

use self::{
    attacks::{ATTACKS, Attack},
    stage::{Ask, Cell, Point, Stage, Verdict},
};
use crate::{support::Reply, walk::ROUTES, wire};

/// Requests between two looks at all that is stored.
const LOOK_EVERY: u64 = 500;

/// The most violations that are listed for each kind of attack; all are counted.
const TOLD_MAX: usize = 3;

/// Where the expected answers stand.
const WHERE_TOLD: &str = "statuses stand in ROUTES of tests/all/walk.rs; the code for something that does not exist in \
    `absent_code` of tests/all/siege/stage.rs, `member_not_found` unless the route's function is named there";

/// What came of it.
#[derive(Default)]
struct Tally {
    requests: u64,
    by_status: BTreeMap<u16, u64>,
    by_attack: BTreeMap<&'static str, u64>,
    /// Cells that were attacked.
    cells: BTreeSet<usize>,
    violations: u64,
    told: BTreeMap<&'static str, Vec<String>>,
    trace: DefaultHasher,
}

impl Tally {
    fn violation(&mut self, kind: &'static str, what: String) {
        self.violations += 1;
        let told = self.told.entry(kind).or_default();
        if told.len() < TOLD_MAX {
            told.push(what);
        }
    }

    fn line(&self) -> Value {
        let Tally { requests, by_status, by_attack, violations, .. } = self;
        let by_status: BTreeMap<String, u64> =
            by_status.iter().map(|(status, n)| (status.to_string(), *n)).collect();
        json!({"requests": requests, "by_status": by_status, "by_attack": by_attack, "violations": violations})
    }
}

struct Siege {
    stage: Stage,
    dice: Dice,
    tally: Tally,
    stored: Vec<(Key, Record)>,
    /// The number of requests at the last check.
    looked: u64,
}

impl Siege {
    async fn open(seed: u64) -> Siege {
        let stage = Stage::open(seed).await;
        let stored = stage.walk.shop.snapshot().await;
        Siege { stage, dice: Dice::new(seed), tally: Tally::default(), stored, looked: 0 }
    }

    /// Goes through all cells and attacks until that many requests were sent; at least once.
    async fn lay(&mut self, requests: u64) {
        let before = self.stage.digest().await;
        while self.tally.requests == 0 || self.tally.requests < requests {
            for at in 0..self.stage.cells.len() {
                for number in 0..ATTACKS.len() {
                    self.try_it(at, number).await;
                }
            }
        }
        self.look().await;
        if self.stage.digest().await != before {
            self.tally.violation("books", "they have changed".to_owned());
        }
    }

    async fn try_it(&mut self, at: usize, number: usize) {
        let (cell, attack) = (&self.stage.cells[at], &ATTACKS[number]);
        if !(attack.fits)(cell) {
            return;
        }
        let mut ask = Ask::of(cell);
        let Some(verdict) = (attack.twist)(&mut self.dice, &self.stage, cell, &mut ask) else { return };
        self.stage.seal(&mut ask);
        let Some(want) = expected(cell, verdict) else {
            panic!(
                "{} against {} {} as {:?}: it is not certain what it gets",
                attack.name, cell.method, cell.path, cell.who
            )
        };
        let (wants, shown) =
            (if ask.twice { vec![cell.plain, want] } else { vec![want] }, shown(cell, attack, &ask));
        for want in wants {
            let Some(request) = ask.request() else { panic!("{shown}: it cannot be sent") };
            let got = answered(&self.stage, request).await;
            self.judge(at, number, want, got, &shown);
        }
        if self.tally.requests >= self.looked + LOOK_EVERY {
            self.look().await;
        }
    }

    fn judge(&mut self, at: usize, number: usize, want: Verdict, got: Result<Reply, String>, shown: &str) {
        let name = ATTACKS[number].name;
        let tally = &mut self.tally;
        tally.requests += 1;
        *tally.by_attack.entry(name).or_default() += 1;
        tally.cells.insert(at);
        match got {
            Ok(reply) => {
                *tally.by_status.entry(reply.status).or_default() += 1;
                (at, number, reply.status, reply.code()).hash(&mut tally.trace);
                if reply.verdict() != want.told() {
                    tally.violation(name, format!("{shown}: {} wanted, got {}", want.told(), reply.body));
                }
            }
            Err(what) => tally.violation(name, format!("{shown}: {what}")),
        }
    }

    /// Nothing that was sent may have left anything behind.
    async fn look(&mut self) {
        self.looked = self.tally.requests;
        let now = self.stage.walk.shop.snapshot().await;
        if now != self.stored {
            let before = format!("something was written before request {}", self.tally.requests);
            self.tally.violation("stored", before);
            self.stored = now;
        }
    }
}

/// What is found first; `None` where two things are found at one point.
fn expected(cell: &Cell, twisted: Verdict) -> Option<Verdict> {
    let plain = cell.plain;
    match (plain.point, twisted.point) {
        // The twisted credentials replace the plain ones, so their verdict counts.
        (Point::Caller, Point::Caller) => Some(twisted),
        (one, other) if one == other => (plain == twisted).then_some(plain),
        (one, other) => Some(if one < other { plain } else { twisted }),
    }
}

/// The answer, held against the contract; or what is wrong with it.
async fn answered(stage: &Stage, request: http::Request<bytes::Bytes>) -> Result<Reply, String> {
    let api = stage.walk.shop.api.clone();
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let serving = tokio::spawn({
        let api = api.clone();
        async move { api.serve(request).await }
    });
    let (head, bytes) = serving.await.map_err(|error| format!("it panicked: {error}"))?.into_parts();
    // What is no JSON has its kind held against the contract as well.
    let kind = head.headers.get("content-type").map_or(&b""[..], http::HeaderValue::as_bytes);
    let is_other = kind == b"image/svg+xml" || kind.starts_with(b"text/csv;");
    let body = match is_other {
        true => Value::Null,
        false => serde_json::from_slice(&bytes).map_err(|error| format!("no JSON: {error}: {bytes:?}"))?,
    };
    let reply = Reply { status: head.status.as_u16(), body, bytes, headers: head.headers };
    let checked = catch_unwind(AssertUnwindSafe(|| wire::check(&api, &method, &path, &reply)));
    match checked {
        Ok(()) => Ok(reply),
        Err(why) => {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            Err(format!("not as the contract says: {why}: {}", reply.body))
        }
    }
}

fn shown(cell: &Cell, attack: &Attack, ask: &Ask) -> String {
    let short = |text: &str| text.chars().take(200).collect::<String>();
    let body = String::from_utf8_lossy(&ask.body);
    format!("{} as {:?}: {} {} {}", attack.name, cell.who, ask.method, short(&ask.path), short(&body))
}

#[tokio::test]
async fn every_route_and_caller_stands_every_attack() {
    let mut siege = Siege::open(1).await;
    siege.lay(0).await;
    let tally = &siege.tally;
    assert_eq!(tally.violations, 0, "{:#?}", tally.told);
    println!("{}", tally.line());
    let unused: Vec<&str> =
        ATTACKS.iter().map(|attack| attack.name).filter(|name| !tally.by_attack.contains_key(name)).collect();
    assert!(
        unused.is_empty(),
        "{unused:?} fit no route: take them out of ATTACKS, or mend what they ask for"
    );
    let spared = siege.stage.cells.iter().enumerate().find(|(index, _)| !tally.cells.contains(index));
    if let Some((_, cell)) = spared {
        panic!("{} {} by {:?}: no attack fits it; add one to ATTACKS", cell.method, cell.path, cell.who);
    }
}

#[tokio::test]
async fn the_same_seed_is_the_same_siege() {
    let mut traces = Vec::new();
    for seed in [7, 7, 8] {
        let mut siege = Siege::open(seed).await;
        siege.lay(0).await;
        assert_eq!(siege.tally.violations, 0, "seed {seed}: {:#?}", siege.tally.told);
        traces.push(siege.tally.trace.finish());
    }
    assert!(traces[0] == traces[1] && traces[0] != traces[2], "{traces:?}");
}

/// By hand, as many as requested.
#[tokio::test]
async fn a_long_siege() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let Some(requests) = number("LAUREL_HOSTILE") else { return };
    let mut siege = Siege::open(number("LAUREL_HOSTILE_SEED").unwrap_or(1)).await;
    siege.lay(requests).await;
    println!("{}", siege.tally.line());
    assert_eq!(siege.tally.violations, 0, "{:#?}\n{WHERE_TOLD}", siege.tally.told);
}

/// Each request is right before it is twisted: otherwise it would be refused for something else.
#[tokio::test]
async fn untwisted_every_request_gets_what_the_walk_says() {
    for (row, (_, path, body, _)) in ROUTES.iter().enumerate() {
        let stage = Stage::with(1, &format!("{path} {body}")).await;
        for cell in stage.cells.iter().filter(|cell| cell.row == row) {
            let mut ask = Ask::of(cell);
            stage.seal(&mut ask);
            let reply = answered(&stage, ask.request().unwrap()).await.unwrap();
            // An answer may hold a code of its own.
            let told = if cell.succeeds() { reply.status.to_string() } else { reply.verdict() };
            assert_eq!(
                told,
                cell.plain.told(),
                "{:?}: {} {}: {WHERE_TOLD}",
                cell.who,
                cell.method,
                cell.path
            );
        }
    }
}
