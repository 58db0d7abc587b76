//! Settling (rule 2): a sweep that is late, is repeated, is cut off in the middle or never runs changes no
//! figure that anybody gets; only `recorded_at` shows when an entry was written down.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use engine::{
    memory::MemoryStore,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::{Driver, Plan, Verdict, chance, instant_text, masked, on_seeds, plan, run},
    support::Shop,
};

/// A store that stops writing after that many more commits; below zero it never stops.
struct Stopping {
    inner: MemoryStore,
    left: AtomicI64,
}

impl Stopping {
    fn new() -> Arc<Stopping> {
        Arc::new(Stopping { inner: MemoryStore::new(), left: AtomicI64::new(-1) })
    }

    fn stop_after(&self, commits: i64) {
        self.left.store(commits, Ordering::SeqCst);
    }
}

impl Store for Stopping {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.inner.get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.inner.scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        Box::pin(async move {
            match self.left.load(Ordering::SeqCst) {
                0 => Err(StoreError::Unavailable(Arc::new(std::io::Error::other("stopped on purpose")))),
                left => {
                    self.left.store(left - i64::from(left > 0), Ordering::SeqCst);
                    self.inner.commit(writes).await
                }
            }
        })
    }
}

/// How sweeps may run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sweeps {
    Never,
    AtRandomTimes,
    AsOfThePast,
    Repeated,
    CutOff,
}

/// A shop whose sweeps run in one of these ways, and its answers.
struct Life {
    driver: Driver,
    store: Arc<Stopping>,
    names: HashMap<String, String>,
    told: Vec<Value>,
}

impl Life {
    async fn start(program: &Value, start_ms: i64) -> Life {
        let store = Stopping::new();
        let shop = Shop::over(store.clone(), program, &instant_text(start_ms)).await;
        Life { driver: Driver::new(shop), store, names: HashMap::new(), told: Vec::new() }
    }

    async fn sweep(&self, body: &Value, roll: u64) -> u16 {
        let path = ["/expire-points", "/evaluate-tier"][usize::from(roll.is_multiple_of(2))];
        self.driver.send("POST", path, body, None).await.status
    }

    /// What anybody would read now. Reading writes nothing: it works on a store that cannot write.
    async fn read(&mut self) -> Result<Vec<Value>, String> {
        self.store.stop_after(0);
        let mut members: Vec<_> = self.driver.ids.iter().filter(|(name, _)| name.starts_with('m')).collect();
        members.sort();
        let mut seen = Vec::new();
        for (_, id) in members {
            let path = format!("/members/{id}");
            seen.push(self.driver.send("GET", &path, &Value::Null, None).await.body);
            seen.push(self.driver.ledger(&format!("{path}/ledger"), 40).await?.1);
        }
        self.store.stop_after(-1);
        Ok(seen.iter().map(|one| masked(one, &mut self.names)).collect())
    }

    /// Sweeps before the step at `now`, in that way; reads before and after are the same.
    async fn meddle(&mut self, sweeps: Sweeps, before_ms: i64, now_ms: i64, roll: u64) -> Verdict {
        let span = (now_ms - before_ms).unsigned_abs();
        let past = |roll: u64| now_ms - (roll % (span * 2 + 1)).cast_signed();
        if sweeps == Sweeps::AtRandomTimes {
            self.driver.clock(before_ms + (roll % (span + 1)).cast_signed());
        } else {
            self.driver.clock(now_ms);
        }
        let read = self.read().await?;
        match sweeps {
            Sweeps::Never => {}
            Sweeps::AtRandomTimes => _ = self.sweep(&json!({}), roll).await,
            Sweeps::AsOfThePast => {
                for roll in [roll, roll >> 7] {
                    self.sweep(&json!({"as_of": instant_text(past(roll))}), roll).await;
                }
            }
            Sweeps::Repeated => {
                let member = self.driver.ids.values().find(|id| id.starts_with("mbr_")).cloned();
                let one = member.map_or(json!({}), |id| json!({"member_id": id}));
                for body in [&one, &one, &json!({}), &json!({}), &one] {
                    self.sweep(body, roll).await;
                }
            }
            Sweeps::CutOff => {
                self.store.stop_after((roll % 3).cast_signed());
                self.sweep(&json!({}), roll).await;
                self.store.stop_after(-1);
            }
        }
        if self.read().await? != read {
            return Err(format!("{sweeps:?}: reading before and after a sweep differs"));
        }
        Ok(())
    }

    /// Plays the history without its own sweeps.
    async fn live(&mut self, plan: &Plan, seed: u64, sweeps: Sweeps) -> Verdict {
        let mut before_ms = plan.start_ms;
        for planned in &plan.steps {
            let (now_ms, path) = (planned.step.now_ms, planned.step.path.as_str());
            if path == "/expire-points" || path == "/evaluate-tier" {
                continue;
            }
            let roll = chance(seed, planned.number, sweeps as u64 + 40);
            if sweeps != Sweeps::Never && roll % 100 < 30 {
                self.meddle(sweeps, before_ms, now_ms, roll / 100).await?;
            }
            before_ms = now_ms;
            let (status, answer) = self.driver.step(planned).await?;
            let answer = masked(&answer, &mut self.names);
            self.told.push(json!({"step": planned.number, "status": status, "answer": answer}));
        }
        self.driver.audit(&plan.program).await
    }
}

#[test]
fn sweeps_change_no_answer() {
    on_seeds(8, |seed| {
        let plan = plan(seed, 130);
        run(async {
            let mut never = Life::start(&plan.program, plan.start_ms).await;
            never.live(&plan, seed, Sweeps::Never).await?;
            for sweeps in [Sweeps::AtRandomTimes, Sweeps::AsOfThePast, Sweeps::Repeated, Sweeps::CutOff] {
                let mut life = Life::start(&plan.program, plan.start_ms).await;
                life.live(&plan, seed, sweeps).await.map_err(|what| format!("{sweeps:?}: {what}"))?;
                for (with, without) in life.told.iter().zip(&never.told) {
                    if unnamed(with) != unnamed(without) {
                        return Err(format!("{sweeps:?}: with\n  {with}\nwithout\n  {without}"));
                    }
                }
            }
            Ok(())
        })
    });
}

/// Without the names that [`masked`] gave: two lives read at different times.
fn unnamed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("id ") => json!("id"),
        Value::Array(all) => all.iter().map(unnamed).collect(),
        Value::Object(all) => all.iter().map(|(field, one)| (field.clone(), unnamed(one))).collect(),
        other => other.clone(),
    }
}

// --- A member that nobody has looked at for long ---

const DAY: i64 = 86_400_000;

/// 2020-01-01 in the programme's zone.
const START: i64 = 1_577_808_000_000;

/// A member that earned on 120 days, each with its own end, and was then left alone for years: its
/// settling takes several steps.
async fn long_untouched() -> Life {
    let program = json!({
        "name": "Long", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}],
        "points": {"per_unit": "1", "hold_days": 7, "expiry": {"mode": "months", "months": 12}},
        "growth": {"per_unit": "1"},
        "tiers": [
            {"id": "basic", "growth": 0},
            {"id": "silver", "growth": 500, "validity": {"months": 1}, "retain": {"growth": 200},
             "on_lapse": {"mode": "deduct", "growth": 100}},
            {"id": "gold", "growth": 9000, "trial": {"at_percent": 50, "days": 30}},
        ],
    });
    let mut life = Life::start(&program, START).await;
    let id = life.driver.shop.member("long").await;
    for day in 0..120 {
        life.driver.clock(START + day * DAY);
        let order = format!("o{day}");
        let body = json!({"member_id": id, "brand": "acme", "order_id": order, "amount": "50"});
        life.driver.shop.ok("POST", "/earn-points", body).await;
    }
    life.driver.ids.insert("m1".to_owned(), id);
    life.driver.clock(START + 3_000 * DAY);
    life
}

/// The ways to catch up with the years since.
#[derive(Clone, Copy, Debug)]
enum CatchUp {
    NotAtAll,
    SweepOfAll,
    SweepOfOne,
    MonthByMonth,
    CutOffAgainAndAgain,
    ByARefusal,
}

async fn catch_up(life: &mut Life, how: CatchUp) -> Verdict {
    let id = life.driver.ids["m1"].clone();
    match how {
        CatchUp::NotAtAll => {}
        CatchUp::SweepOfAll => {
            let mut calls = 1;
            while life.driver.send("POST", "/expire-points", &json!({}), None).await.body["done"] == false {
                calls += 1;
            }
            if calls < 4 {
                return Err(format!("so much in {calls} calls is not bounded work"));
            }
        }
        CatchUp::SweepOfOne => _ = life.sweep(&json!({"member_id": id}), 0).await,
        CatchUp::MonthByMonth => {
            for month in 0..100 {
                let as_of = instant_text(START + month * 30 * DAY);
                life.sweep(&json!({"as_of": as_of}), month.unsigned_abs()).await;
            }
        }
        CatchUp::CutOffAgainAndAgain => {
            for _ in 0..3 {
                life.store.stop_after(1);
                life.sweep(&json!({"member_id": id}), 1).await;
                life.store.stop_after(-1);
            }
        }
        CatchUp::ByARefusal => {
            let spent = json!({"kind": "order", "order_id": "r1"});
            let body = json!({"member_id": id, "brand": "acme", "points": 1, "for": spent});
            let refused = life.driver.send("POST", "/redeem", &body, None).await;
            if refused.body["code"] != "insufficient_points" || refused.body["available"] != 0 {
                return Err(format!("spent what had expired: {}", refused.body));
            }
        }
    }
    Ok(())
}

#[test]
fn a_member_untouched_for_years_is_settled_the_same_in_any_number_of_steps() {
    let all = [
        CatchUp::NotAtAll,
        CatchUp::SweepOfAll,
        CatchUp::SweepOfOne,
        CatchUp::MonthByMonth,
        CatchUp::CutOffAgainAndAgain,
        CatchUp::ByARefusal,
    ];
    run(async {
        let mut first: Option<Vec<Value>> = None;
        for how in all {
            let mut life = long_untouched().await;
            let before = life.read().await.unwrap();
            catch_up(&mut life, how).await.unwrap();
            assert_eq!(life.read().await.unwrap(), before, "{how:?}: reading before and after differs");
            let id = life.driver.ids["m1"].clone();
            let body = json!({"member_id": id, "brand": "acme", "order_id": "last", "amount": "7"});
            let answer = life.driver.shop.ok("POST", "/earn-points", body).await;
            let mut seen = life.read().await.unwrap();
            seen.push(masked(&answer, &mut life.names));
            life.driver.audit(&json!({})).await.unwrap();
            match &first {
                None => first = Some(seen),
                Some(first) => assert_eq!(&seen, first, "{how:?}"),
            }
        }
        let seen = first.unwrap();
        assert_eq!(seen[0]["points"]["available"], 0);
        assert_eq!(seen[0]["points"]["held"], 7);
        assert_eq!(seen[0]["growth"], 407);
        let entries = seen[1]["entries"].as_array().unwrap();
        let count = |kind| entries.iter().filter(|entry| entry["kind"] == kind).count();
        // The points of 28 and 29 February 2020 end together on 28 February 2021.
        assert_eq!((count("earn"), count("expire")), (121, 119));
        let instants: Vec<_> = entries.iter().map(|entry| entry["occurred_at"].as_str().unwrap()).collect();
        assert!(instants.is_sorted_by(|later, earlier| later >= earlier), "in order of their instants");
    });
}

#[test]
fn what_is_due_and_not_written_down_has_no_time_of_recording() {
    run(async {
        let mut life = long_untouched().await;
        let path = format!("/members/{}/ledger", life.driver.ids["m1"]);
        let recorded = async |life: &Life| {
            let ledger = life.driver.ledger(&path, 50).await.unwrap().1;
            let entries = ledger["entries"].as_array().unwrap().clone();
            let due = entries.iter().filter(|entry| entry["by"] == "time");
            due.map(|entry| entry["recorded_at"].clone()).collect::<Vec<_>>()
        };
        let before = recorded(&life).await;
        let unwritten = before.iter().filter(|at| at.is_null()).count();
        catch_up(&mut life, CatchUp::SweepOfAll).await.unwrap();
        let after = recorded(&life).await;
        assert!(unwritten > 120, "{unwritten}");
        assert_eq!(after.len(), before.len());
        for (before, after) in before.iter().zip(&after) {
            let now = json!("2028-03-19T00:00:00+08:00");
            assert_eq!(after, if before.is_null() { &now } else { before });
        }
    });
}
