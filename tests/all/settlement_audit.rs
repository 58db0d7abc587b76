//! `laurel audit --settlement` against the close, over random histories: both agree on every month, and the
//! audit sees entries that are dropped, doubled or moved a millisecond across a month's end behind its back.

use std::{fs, path::Path};

use domain::{
    id::{BrandId, OrderId},
    time::{Instant, Month, Zone},
};
use engine::{
    keys,
    records::{EntryRecord, decode, encode},
    store::{Change, Expect, Key, Store, Write},
};
use serde_json::{Value, json};

use crate::{
    histories::{Verdict, chance, instant_text, on_seeds, run},
    settlement::{Folder, close, coalition, laurel, with_prices},
    support::Shop,
};

const BRANDS: [&str; 3] = ["acme", "bean", "cafe"];
const STEPS: usize = 240;
const MEMBERS: usize = 6;
const FILES: [&str; 6] =
    ["members.jsonl", "programs.jsonl", "blocks.jsonl", "offers.jsonl", "guests.jsonl", "settlements.jsonl"];

/// Randomness that follows from a seed.
pub(crate) struct Dice {
    pub(crate) seed: u64,
    pub(crate) rolls: usize,
}

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.rolls += 1;
        chance(self.seed, self.rolls, 1_000) % below
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
}

fn prices(dice: &mut Dice) -> Value {
    let all = ["0.0100", "0.005", "0.0125", "1.000001", "0", "0.333333", "0.0075"];
    let mut prices = json!({});
    for brand in BRANDS {
        prices[brand] = json!({"issue_price": dice.one(&all), "honour_price": dice.one(&all)});
    }
    prices
}

fn program(dice: &mut Dice) -> Value {
    let mut program = with_prices(coalition(), &prices(dice));
    program["time_zone"] = dice.one(&["Asia/Shanghai", "America/New_York", "America/Havana"]).into();
    program["currency"] = dice.one(&["CNY", "JPY", "KWD"]).into();
    program["brands"][1]["rate"] = dice.one(&["0.5", "1.5"]).into();
    let expiries = [
        json!({"mode": "year_end", "years": 0}),
        json!({"mode": "months", "months": 1, "round": "month"}),
        json!({"mode": "days", "days": 30}),
        json!({"mode": "inactivity", "months": 1}),
        json!({"mode": "never"}),
    ];
    program["points"]["expiry"] = expiries[usize::try_from(dice.roll(5)).unwrap()].clone();
    program["points"]["hold_days"] = dice.one(&[0, 0, 3]).into();
    program["points"]["on_short"] = dice.one(&["debt", "forgive"]).into();
    program["points"]["restore_grace_days"] = dice.one(&[0, 30]).into();
    program
}

/// A history of some months, and the closed months in it.
struct Life {
    dice: Dice,
    shop: Shop,
    program: Value,
    zone: Zone,
    members: Vec<String>,
    orders: Vec<Value>,
    redemptions: Vec<String>,
    activities: Vec<Value>,
    closed: Vec<Month>,
}

impl Life {
    fn now(&self) -> Instant {
        self.shop.api.clock.now()
    }

    /// Often some hours later; sometimes the last millisecond of the month, or the next one's first.
    fn pass(&mut self) {
        let end = self.zone.start_of(self.zone.month(self.now()).next());
        let later = match self.dice.roll(9) {
            0 => end.plus_millis(-1),
            1 if end.0 - self.now().0 < 3 * 86_400_000 => end,
            2 => self.now(),
            _ => self.now().plus_millis(self.dice.roll(30 * 3_600_000).cast_signed()),
        };
        if later >= self.now() {
            self.shop.at(&instant_text(later.0));
        }
    }

    async fn ask(&mut self, path: &str, body: Value) -> Value {
        let reply = self.shop.call("POST", path, body.clone()).await;
        assert!(reply.status < 500, "{path} {body}: {}", reply.body);
        if reply.status == 200 { reply.body } else { Value::Null }
    }

    async fn step(&mut self, number: usize) {
        let member = self.members[usize::try_from(self.dice.roll(MEMBERS as u64)).unwrap()].clone();
        let brand = self.dice.one(&BRANDS);
        let points = self.dice.roll(90) + 1;
        match self.dice.roll(14) {
            12 | 13 if !self.orders.is_empty() => {
                let at = usize::try_from(self.dice.roll(self.orders.len() as u64)).unwrap();
                let order = &mut self.orders[at];
                order["revision"] = json!(order["revision"].as_u64().unwrap() + 1);
                order["amount"] = json!((points - 1).to_string());
                let body = order.clone();
                if self.ask("/earn-points", body).await.is_null() {
                    // It never earned, or was refused.
                    self.orders.remove(at);
                }
            }
            0..=4 => {
                let order = format!("o-{number}");
                let mut body = json!({"member_id": member, "brand": brand, "order_id": order, "amount": points.to_string()});
                if self.dice.roll(6) == 0 {
                    let late = self.now().plus_millis(-(self.dice.roll(100) * 86_400_000).cast_signed());
                    body["occurred_at"] = self.zone.show(late).into();
                }
                self.ask("/earn-points", body.clone()).await;
                body["revision"] = json!(1);
                self.orders.push(body);
            }
            5 | 6 => {
                let spent_on = json!({"kind": "order", "order_id": format!("r-{number}")});
                let mut body =
                    json!({"member_id": member, "brand": brand, "points": points, "for": spent_on});
                if self.dice.roll(3) == 0 {
                    let late = self.now().plus_millis(-(self.dice.roll(3 * 86_400_000)).cast_signed());
                    body["occurred_at"] = self.zone.show(late).into();
                }
                let told = self.ask("/redeem", body).await;
                self.redemptions.extend(told["redemption_id"].as_str().map(str::to_owned));
            }
            7 | 8 if !self.orders.is_empty() => {
                let at = self.dice.roll(self.orders.len() as u64);
                let order = &self.orders[usize::try_from(at).unwrap()];
                let (brand, order) = (order["brand"].clone(), order["order_id"].clone());
                let refund = if self.dice.roll(2) == 0 { json!("all") } else { json!({"amount": "7"}) };
                self.ask("/reverse", json!({"brand": brand, "order_id": order, "refund": refund})).await;
            }
            9 if !self.redemptions.is_empty() => {
                let at = self.dice.roll(self.redemptions.len() as u64);
                let id = self.redemptions[usize::try_from(at).unwrap()].clone();
                let mut body = json!({ "redemption_id": id });
                if self.dice.roll(2) == 0 {
                    body["points"] = (self.dice.roll(30) + 1).into();
                }
                self.ask("/reverse", body).await;
            }
            10 => {
                let points = points.cast_signed() * self.dice.one(&[1, -1]);
                let bill = self.dice.one(&[true, false]);
                let body = json!({"member_id": member, "brand": brand, "points": points, "reason": "r",
                                  "adjustment_id": format!("a-{number}"), "bill": bill});
                self.ask("/adjust", body).await;
            }
            _ if self.dice.roll(3) == 0 => {
                self.program = with_prices(self.program.clone(), &prices(&mut self.dice));
                self.shop.ok("PUT", "/program", self.program.clone()).await;
            }
            _ => {
                let activity = self.dice.one(&["check_in", "check_in", "refused"]);
                let name = format!("v-{number}");
                let body =
                    json!({"member_id": member, "brand": brand, "activity": activity, "activity_ref": name});
                self.ask("/earn-points", body).await;
                self.activities.push(json!({"brand": brand, "activity": activity, "activity_ref": name}));
                if self.dice.roll(2) == 0 {
                    let at = self.dice.roll(self.activities.len() as u64);
                    self.ask("/reverse", self.activities[usize::try_from(at).unwrap()].clone()).await;
                }
            }
        }
    }

    /// Closes some ended months; at the `last` step all of them.
    async fn settle(&mut self, last: bool) {
        let first = self.closed.last().map_or(Month::parse("2026-09").unwrap(), |month| month.next());
        let ended = self.zone.month(self.now().plus_millis(-15 * 60 * 1_000)).previous();
        if first <= ended && (last || self.dice.roll(8) == 0) {
            close(&self.shop, &first.show()).await;
            self.closed.push(first);
        }
    }
}

async fn live(folder: &Folder, seed: u64) -> Life {
    let mut dice = Dice { seed, rolls: 0 };
    let program = program(&mut dice);
    let zone = Zone::of(program["time_zone"].as_str().unwrap()).unwrap();
    let shop = folder.open(&program, "2026-09-20T12:00:00Z").await;
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(shop.member(&format!("m{number}")).await);
    }
    let (orders, redemptions, closed) = (Vec::new(), Vec::new(), Vec::new());
    let mut life =
        Life { dice, shop, program, zone, members, orders, redemptions, activities: Vec::new(), closed };
    for number in 0..STEPS {
        life.pass();
        life.step(number).await;
        life.settle(false).await;
    }
    let end = life.zone.start_of(life.zone.month(life.now()).next()).plus_millis(15 * 60 * 1_000);
    life.shop.at(&instant_text(end.0));
    for _ in 0..12 {
        life.settle(true).await;
    }
    life
}

/// The exported entries, changed somehow, beside the other exported files.
fn plant(folder: &Path, entries: &[Value], members: Option<&[Value]>) {
    let planted = folder.join("planted");
    fs::create_dir_all(&planted).unwrap();
    for name in FILES {
        fs::copy(folder.join("out").join(name), planted.join(name)).unwrap();
    }
    let text = |lines: &[Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    fs::write(planted.join("ledger.jsonl"), text(entries)).unwrap();
    if let Some(members) = members {
        fs::write(planted.join("members.jsonl"), text(members)).unwrap();
    }
}

fn lines_of(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("out").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The instant that decides the month of an entry that a line counts; `None` if none does.
fn decides(entry: &Value) -> Option<&'static str> {
    let points = entry["points"] != 0;
    match entry["kind"].as_str().unwrap() {
        "expire" if entry["by"] == "time" => Some("occurred_at"),
        // What an activity takes is in no line.
        "activity" if entry["forfeits"] == true => None,
        "earn" | "activity" | "reverse_earn" | "revise" | "redeem" | "expire" if points => {
            Some("recorded_at")
        }
        "reverse_redeem" => Some("recorded_at"),
        "adjust" if points && entry["bill"] == true => Some("recorded_at"),
        _ => None,
    }
}

fn must_be_seen(folder: &Path, month: Month, what: &str) -> Verdict {
    let (code, said) = laurel(folder, &format!("audit --settlement {} --exported planted", month.show()));
    let named =
        said.contains("mbr_") || said.contains("by the entries") || said.contains("in the settlement");
    if code == 1 && named { Ok(()) } else { Err(format!("{}: {what} was not seen: {said}", month.show())) }
}

/// What was planted in a seed's history, and what the audit saw.
#[derive(Default)]
struct Seen {
    moved: usize,
    fitted: usize,
}

fn plants(folder: &Path, life: &mut Life, seen: &mut Seen) -> Verdict {
    let entries = lines_of(folder, "ledger.jsonl");
    for _ in 0..3 {
        let month = life.closed[usize::try_from(life.dice.roll(life.closed.len() as u64)).unwrap()];
        let at = usize::try_from(life.dice.roll(entries.len() as u64)).unwrap();
        let mut fewer = entries.clone();
        let gone = fewer.remove(at);
        plant(folder, &fewer, None);
        must_be_seen(folder, month, &format!("dropped {gone}"))?;
        let mut more = entries.clone();
        more.insert(at, gone.clone());
        plant(folder, &more, None);
        must_be_seen(folder, month, &format!("doubled {gone}"))?;
        let mut more = entries.clone();
        more.push(gone.clone());
        plant(folder, &more, None);
        must_be_seen(folder, month, &format!("doubled at the end {gone}"))?;
    }
    for (at, entry) in entries.iter().enumerate() {
        let Some(field) = decides(entry) else { continue };
        let instant = Instant::parse(entry[field].as_str().unwrap()).unwrap();
        let month = life.zone.month(instant);
        if !life.closed.contains(&month) {
            continue;
        }
        for millis in [1, -1] {
            let other = life.zone.month(instant.plus_millis(millis));
            if other == month {
                continue;
            }
            let mut moved = entries.clone();
            moved[at][field] = life.zone.show(instant.plus_millis(millis)).into();
            plant(folder, &moved, None);
            must_be_seen(folder, month, &format!("moved {entry}"))?;
            if life.closed.contains(&other) {
                must_be_seen(folder, other, &format!("moved {entry}"))?;
            }
            seen.moved += 1;
        }
        if seen.fitted < 4 && chance(life.dice.seed, at, 5).is_multiple_of(7) {
            dropped_to_fit(folder, &entries, at);
            must_be_seen(folder, month, &format!("dropped and made to fit {entry}"))?;
            seen.fitted += 1;
        }
    }
    Ok(())
}

/// Drops an entry and makes numbers, balances and the member fit: only the sums can show it.
fn dropped_to_fit(folder: &Path, entries: &[Value], at: usize) {
    let gone = &entries[at];
    let (member, seq, points) = (&gone["member_id"], &gone["seq"], gone["points"].as_i64().unwrap());
    let less = |value: &Value, by: i64| json!(value.as_i64().unwrap() - by);
    let mut fewer = entries.to_vec();
    fewer.remove(at);
    for entry in &mut fewer {
        if entry["member_id"] == *member && entry["seq"].as_u64() > seq.as_u64() {
            entry["seq"] = less(&entry["seq"], 1);
            entry["balance_after"] = less(&entry["balance_after"], points);
        }
    }
    let mut members = lines_of(folder, "members.jsonl");
    for own in members.iter_mut().filter(|own| own["id"] == *member) {
        own["entries"] = less(&own["entries"], 1);
        own["points"]["available"] = less(&own["points"]["available"], points);
    }
    plant(folder, &fewer, Some(&members));
}

#[test]
fn both_agree_on_random_histories_and_what_is_planted_is_seen() {
    let totals = std::sync::Mutex::new((0, 0, 0));
    on_seeds(8, |seed| {
        let folder = Folder::new();
        let mut life = run(live(&folder, seed));
        let now = instant_text(life.now().0);
        if life.closed.len() < 4 {
            return Err(format!("only {:?} were closed", life.closed));
        }
        // The binary opens the folder now.
        life.shop = run(Shop::usual());
        let folder_path = folder.dir.path();
        let (code, said) = laurel(folder_path, &format!("export --data data --out out --test-clock {now}"));
        if code != 0 {
            return Err(said);
        }
        let mut lines = 0;
        for month in &life.closed {
            let (code, said) = folder.laurel(&format!("audit --settlement {} --exported out", month.show()));
            if code != 0 {
                return Err(format!("{}: {said}", month.show()));
            }
            lines += said.matches("lines: none").count();
        }
        if lines > 2 {
            return Err(format!("{lines} months without a line prove little"));
        }
        let (code, said) =
            folder.laurel(&format!("audit --settlement {} --data data", life.closed[1].show()));
        if code != 0 {
            return Err(said);
        }
        let mut seen = Seen::default();
        plants(folder_path, &mut life, &mut seen)?;
        let mut totals = totals.lock().unwrap();
        *totals = (totals.0 + 1, totals.1 + seen.moved, totals.2 + seen.fitted);
        Ok(())
    });
    let (seeds, moved, fitted) = *totals.lock().unwrap();
    println!(
        "{seeds} histories, {moved} entries moved across a month's end, {fitted} dropped and made to fit"
    );
    assert!(moved >= seeds && fitted >= seeds, "{moved} and {fitted} in {seeds} histories");
}

/// The same behind the store's back: an entry's record that is gone, or says another millisecond.
#[test]
fn damage_in_the_store_is_seen() {
    let build = |folder: &Folder| {
        run(async {
            let shop = folder.open(&coalition(), "2026-11-30T23:59:59.999+08:00").await;
            let id = shop.member("one").await;
            shop.earn(&id, "A-1", "40").await;
            shop.earn(&id, "A-2", "7").await;
            shop.at("2026-12-01T00:15:00+08:00");
            shop.earn(&id, "A-3", "5").await;
            close(&shop, "2026-11").await;
        });
    };
    let damage = |folder: &Folder, key: &Key, change: &dyn Fn(&mut EntryRecord) -> bool| {
        run(async {
            let store = folder.store();
            let found = store.get(std::slice::from_ref(key)).await.unwrap()[0].clone().unwrap();
            let mut entry: EntryRecord = decode(key, &found.value).unwrap();
            let change = if change(&mut entry) { Change::Put(encode(&entry)) } else { Change::Delete };
            let write = Write { key: key.clone(), expect: Expect::Anything, change };
            store.commit(vec![write]).await.unwrap();
        });
    };
    type Damage = (&'static str, &'static str, i32, fn(&mut EntryRecord) -> bool);
    let damages: [Damage; 5] = [
        ("nothing", "A-1", 0, |_| true),
        ("gone, the newest but one", "A-2", 1, |_| false),
        ("gone, the first", "A-1", 1, |_| false),
        ("a millisecond later", "A-1", 1, |entry| {
            entry.recorded_at = entry.recorded_at.plus_millis(1);
            true
        }),
        ("a point more, with its balance", "A-1", 1, |entry| {
            entry.event.movement.shares[0].points += 1;
            entry.balance_after += 1;
            true
        }),
    ];
    for (what, order, want, change) in damages {
        let folder = Folder::new();
        build(&folder);
        damage(&folder, &keys::order(&BrandId::of_checked("acme"), &OrderId::of_checked(order)), &change);
        let (code, said) = folder.laurel("audit --settlement 2026-11 --data data");
        assert_eq!(code, want, "{what}: {said}");
    }
}
