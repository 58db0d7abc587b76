//! A merge, or its undoing, meets something else that is done to one of the two records, over two instances: one came
//! before the other, whichever it was. Nothing is lost or doubled, and who comes too late is told why.
//!
//! `LAUREL_RACES` says how many rounds race on each store (2 unless given).

use std::{
    collections::BTreeMap,
    env,
    sync::{Arc, Mutex},
};

use engine::{keys, memory::MemoryStore, store::Store};
use serde_json::{Value, json};
use store_dynamodb::local::Local;
use store_redb::{Options, RedbStore};

use crate::{
    histories::run,
    instances::Between,
    merges::{audited, merge, worth},
    support::{Reply, START, Shop, program},
};

/// Two instances over one store, and three members: `into` has 100 points, `from` 40 of its order of 50, `third` 30.
struct Stage {
    shops: [Arc<Shop>; 2],
    names: [String; 3],
    into: String,
    from: String,
    third: String,
    /// Of 10 points of `from`.
    redemption: Value,
    /// Of `from` into `into`, where it is there from the beginning.
    merged: Value,
}

/// Points and growth of all three in the beginning, however they are joined.
const BEFORE: (i64, i64) = (170, 180);

/// A request: method, path, body.
type Call = (&'static str, String, Value);

impl Stage {
    async fn set(shops: [Arc<Shop>; 2], round: &str, merged: bool) -> Stage {
        let shop = &shops[1];
        let names = ["into", "from", "third"].map(|name| format!("{name}-{round}"));
        let mut ids = Vec::new();
        for (name, amount) in names.iter().zip(["100", "50", "30"]) {
            let member = shop.member(name).await;
            shop.earn(&member, &format!("{name}-1"), amount).await;
            ids.push(member);
        }
        let [into, from, third] = <[String; 3]>::try_from(ids).unwrap();
        let spent = shop.redeem(&from, &format!("{round}-R"), 10).await;
        let merged = if merged { merge(shop, &into, &from).await } else { Value::Null };
        let redemption = spent["redemption_id"].clone();
        Stage { shops, names, into, from, third, redemption, merged }
    }

    fn order(&self, number: usize) -> String {
        format!("{}-1", self.names[number])
    }

    fn merge(&self, into: &str, from: &str) -> Call {
        ("POST", format!("/members/{into}/merge"), json!({"member_id": from, "reason": "one person"}))
    }

    fn unmerge(&self) -> Call {
        let body = json!({"merge_id": self.merged["merge_id"], "reason": "two persons"});
        ("POST", format!("/members/{}/unmerge", self.into), body)
    }

    fn another_unmerge(&self) -> Call {
        let (method, path, mut body) = self.unmerge();
        body["reason"] = json!("one and another");
        (method, path, body)
    }

    fn earn(&self, member: &str) -> Call {
        let body =
            json!({"member_id": member, "brand": "acme", "order_id": self.order(1) + "b", "amount": "7"});
        ("POST", "/earn-points".to_owned(), body)
    }

    fn redeem(&self, points: u64) -> Call {
        let spent_on = json!({"kind": "order", "order_id": self.order(1) + "r"});
        let body = json!({"member_id": self.from, "brand": "acme", "points": points, "for": spent_on});
        ("POST", "/redeem".to_owned(), body)
    }

    fn refund(&self) -> Call {
        ("POST", "/reverse".to_owned(), json!({"brand": "acme", "order_id": self.order(1), "refund": "all"}))
    }

    fn cancel(&self) -> Call {
        ("POST", "/reverse".to_owned(), json!({"redemption_id": self.redemption}))
    }

    fn erase(&self, member: &str) -> Call {
        ("DELETE", format!("/members/{member}"), Value::Null)
    }

    fn correct(&self, member: &str) -> Call {
        ("PATCH", format!("/members/{member}"), json!({"profile": {"name": "Li"}}))
    }

    fn suspend(&self, member: &str) -> Call {
        let body = json!({"status": "suspended", "reason": "r"});
        ("POST", format!("/members/{member}/status"), body)
    }

    /// Sends it by one of the instances until it has an answer, under that key.
    async fn send(&self, instance: usize, (method, path, body): &Call, key: &str) -> Reply {
        send(&self.shops[instance], (method, path, body), key).await
    }

    /// What all have together: points less debts, growth, and points by end and brand.
    async fn together(&self) -> (i64, i64, BTreeMap<String, i64>) {
        let mut seen: Vec<Value> = Vec::new();
        let (mut points, mut growth, mut lots) = (0, 0, BTreeMap::new());
        for member in [&self.into, &self.from, &self.third] {
            let shown = self.shops[0].show(member).await;
            if seen.contains(&shown["id"]) {
                continue;
            }
            let (own, grown) = worth(&shown);
            (points, growth) = (points + own, growth + grown);
            add(&mut lots, &shown["points"]["lots"]);
            // Debt is of no lot: it is what the lots of this shop, which all end alike, lack.
            *lots.entry("2028-01-01 acme".to_owned()).or_default() -=
                shown["points"]["debt"].as_i64().unwrap();
            seen.push(shown["id"].clone());
        }
        lots.retain(|_, points| *points != 0);
        (points, growth, lots)
    }
}

async fn send(shop: &Shop, (method, path, body): (&str, &str, &Value), key: &str) -> Reply {
    let key = Some(key).filter(|_| method == "POST");
    for _ in 0..1_000 {
        let reply = shop.call_with(method, path, body, key).await;
        if reply.status != 503 {
            return reply;
        }
    }
    panic!("{method} {path} {body} never came to an end");
}

fn add(lots: &mut BTreeMap<String, i64>, rows: &Value) {
    for row in rows.as_array().unwrap() {
        let end = row["expires_at"].as_str().map_or("never", |end| &end[..10]);
        let lot = format!("{end} {}", row["brand"].as_str().unwrap());
        *lots.entry(lot).or_default() += row["points"].as_i64().unwrap();
    }
}

/// What meets the merge, or its undoing.
struct Rival {
    name: &'static str,
    asks: fn(&Stage) -> Call,
    /// Where the rival came first: its verdict, and that of the merge after it.
    first: [&'static str; 2],
    /// Its verdict where the merge came first.
    last: &'static str,
}

const MERGED: &str = "409 member_merged";
const INACTIVE: &str = "409 member_not_active";

fn of_a_merge() -> Vec<Rival> {
    let row = |name, asks, first, last| Rival { name, asks, first, last };
    let both = ["200", "200"];
    vec![
        row("earn of one", |stage| stage.earn(&stage.from), both, "200"),
        row("earn of the other", |stage| stage.earn(&stage.into), both, "200"),
        row("refund", Stage::refund, both, "200"),
        row("redeem", |stage| stage.redeem(40), both, "200"),
        row("redeem more", |stage| stage.redeem(90), ["409 insufficient_points", "200"], "200"),
        row("cancel", Stage::cancel, both, "200"),
        row("correct one", |stage| stage.correct(&stage.from), both, "200"),
        row("the same merge", |stage| stage.merge(&stage.into, &stage.from), both, "200"),
        row("into a third", |stage| stage.merge(&stage.third, &stage.from), ["200", MERGED], MERGED),
        row(
            "the other way",
            |stage| stage.merge(&stage.from, &stage.into),
            ["200", "422 invalid_field"],
            "422 invalid_field",
        ),
        row("a third comes in", |stage| stage.merge(&stage.from, &stage.third), both, "200"),
        row("and goes on", |stage| stage.merge(&stage.third, &stage.into), both, "200"),
        row("erase one", |stage| stage.erase(&stage.from), ["200", INACTIVE], "200"),
        row("erase the other", |stage| stage.erase(&stage.into), ["200", INACTIVE], "200"),
        row("suspend one", |stage| stage.suspend(&stage.from), ["200", INACTIVE], "200"),
        row("suspend the other", |stage| stage.suspend(&stage.into), ["200", INACTIVE], "200"),
    ]
}

fn of_an_unmerge() -> Vec<Rival> {
    let row = |name, asks, first, last| Rival { name, asks, first, last };
    let (both, refused) = (["200", "200"], ["200", "409 unmerge_refused"]);
    vec![
        row("earn of one", |stage| stage.earn(&stage.from), both, "200"),
        row("earn of the other", |stage| stage.earn(&stage.into), both, "200"),
        row("refund", Stage::refund, both, "200"),
        row("redeem", |stage| stage.redeem(40), both, "200"),
        row("redeem more", |stage| stage.redeem(90), both, "409 insufficient_points"),
        row("cancel", Stage::cancel, both, "200"),
        row("another unmerge", Stage::another_unmerge, refused, "409 unmerge_refused"),
        row("a third comes in", |stage| stage.merge(&stage.from, &stage.third), both, "200"),
        row("it goes on", |stage| stage.merge(&stage.third, &stage.into), refused, "200"),
        row("erase one", |stage| stage.erase(&stage.from), refused, "200"),
        row("erase the other", |stage| stage.erase(&stage.into), refused, "200"),
        row("suspend the other", |stage| stage.suspend(&stage.into), both, "200"),
    ]
}

/// What every order of the two must leave; `replies` are the rival's and the merge's.
async fn judge(stage: &Stage, what: &str, calls: [&Call; 2], replies: &[Reply; 2]) {
    let mut want = BEFORE;
    let mut lots = BTreeMap::from([("2028-01-01 acme".to_owned(), BEFORE.0)]);
    for reply in replies.iter().filter(|reply| reply.status == 200) {
        // Those of merges come in pairs.
        let entry = &reply.body["entry"];
        if entry["points"].is_i64() {
            want.0 += entry["points"].as_i64().unwrap();
            want.1 += entry["growth"].as_i64().unwrap();
            *lots.entry("2028-01-01 acme".to_owned()).or_default() += entry["points"].as_i64().unwrap();
        }
    }
    lots.retain(|_, points| *points != 0);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        explained(stage, what, reply).await;
    }
    let erased = calls[0].0 == "DELETE" && replies[0].status == 200;
    let ends = erased || stage.shops[0].show(&stage.into).await["status"] == "erased";
    if !ends {
        let together = stage.together().await;
        assert_eq!((together.0, together.1), want, "{what}");
        assert_eq!(together.2, lots, "{what}");
        for (place, (call, reply)) in calls.iter().zip(replies).enumerate() {
            if reply.status == 200 && call.0 == "POST" {
                let again = stage.send(1 - place, call, &format!("{what}-{place}")).await;
                assert!(again.bytes == reply.bytes && again.replayed(), "{what}: {} {}", call.1, again.body);
            }
        }
    } else {
        let shown = stage.shops[0].show(calls[0].1.rsplit('/').next().unwrap()).await;
        assert_eq!((&shown["status"], &shown["identities"]), (&json!("erased"), &json!([])), "{what}");
    }
    // What was corrected is known of whoever answers for it.
    if calls[0].0 == "PATCH" {
        assert_eq!(replies[0].body["profile"]["name"], "Li", "{what}");
        assert_eq!(stage.shops[0].show(&stage.from).await["profile"]["name"], "Li", "{what}");
    }
    // Whoever is not erased is found, and nobody else.
    for (name, member) in stage.names.iter().zip([&stage.into, &stage.from, &stage.third]) {
        let shown = stage.shops[0].show(member).await;
        let body = json!({"identity": {"kind": "external", "channel": "tests", "value": name}});
        let found = stage.shops[1].call("POST", "/members/find", body).await;
        match shown["status"] == "erased" {
            true => assert_eq!(found.verdict(), "404 member_not_found", "{what}: {name}"),
            false => assert_eq!(found.body["id"], shown["id"], "{what}: {name}"),
        }
    }
}

/// A refusal says what is so by now.
async fn explained(stage: &Stage, what: &str, reply: &Reply) {
    let body = &reply.body;
    match reply.code() {
        "member_merged" => {
            let leads_to = stage.shops[0].show(&stage.from).await["id"].clone();
            assert_eq!(body["merged_into"], leads_to, "{what}");
        }
        "member_not_active" => {
            let told = body["member_status"].as_str().unwrap();
            assert!(["erased", "suspended"].contains(&told), "{what}: {body}");
        }
        "insufficient_points" => assert_eq!(body["available"], 40, "{what}: {body}"),
        "invalid_field" => assert_eq!(reply.faults(), ["/member_id same_member"], "{what}"),
        "unmerge_refused" => assert!(body["detail"].is_string(), "{what}: {body}"),
        other => panic!("{what}: {other}"),
    }
}

/// Each rival comes between the merge's reading and its commit, and the merge between the rival's.
async fn one_between_the_other(rivals: Vec<Rival>, merged: bool) {
    for rival in rivals {
        for rival_first in [true, false] {
            let what =
                format!("{}-{}", rival.name, if rival_first { "first" } else { "last" }).replace(' ', "-");
            let inner = Arc::new(MemoryStore::new());
            let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
            let between = Arc::new(Between::new(inner));
            let one = Arc::new(Shop::over(between.clone(), &program(), START).await);
            let stage = Stage::set([one, other.clone()], &what, merged).await;
            let own = if merged { stage.unmerge() } else { stage.merge(&stage.into, &stage.from) };
            let calls = [(rival.asks)(&stage), own];
            let keys = [format!("{what}-0"), format!("{what}-1")];
            let (inside, outside) = if rival_first { (0, 1) } else { (1, 0) };
            let told = Arc::new(Mutex::new(None));
            let (heard, call, key) = (told.clone(), calls[inside].clone(), keys[inside].clone());
            between.before(async move {
                let reply = send(&other, (call.0, &call.1, &call.2), &key).await;
                *heard.lock().unwrap() = Some(reply);
            });
            let outer = stage.send(0, &calls[outside], &keys[outside]).await;
            let heard = told.lock().unwrap().take();
            // Whoever is refused commits nothing, and nothing came between: then it was first.
            let was_first = heard.is_none() != rival_first;
            let inner = match heard {
                Some(reply) => reply,
                None => stage.send(1, &calls[inside], &keys[inside]).await,
            };
            let replies = if rival_first { [inner, outer] } else { [outer, inner] };
            let got = [replies[0].verdict(), replies[1].verdict()];
            let want = if was_first { rival.first } else { [rival.last, "200"] };
            assert_eq!(got, want, "{what}: {} {}", replies[0].body, replies[1].body);
            judge(&stage, &what, [&calls[0], &calls[1]], &replies).await;
            audited(&stage.shops[0]).await;
        }
    }
}

#[test]
fn a_merge_and_what_comes_between() {
    run(one_between_the_other(of_a_merge(), false));
}

#[test]
fn an_unmerge_and_what_comes_between() {
    run(one_between_the_other(of_an_unmerge(), true));
}

/// Who was merged is read, then the merge is undone, and only then is it read where that leads to: to somebody who has
/// nothing to do with it any more.
#[test]
fn an_unmerge_while_somebody_is_on_the_way() {
    run(async {
        let named =
            ["earn of one", "refund", "redeem", "cancel", "correct one", "a third comes in", "erase one"];
        let rivals = of_an_unmerge().into_iter().filter(|rival| named.contains(&rival.name));
        let asks = |stage: &Stage| ("GET", format!("/members/{}", stage.from), Value::Null);
        let reading = Rival { name: "reading", asks, first: ["200", "200"], last: "200" };
        for rival in rivals.chain([reading]) {
            let what = format!("{}-on-the-way", rival.name).replace(' ', "-");
            let inner = Arc::new(MemoryStore::new());
            let other = Arc::new(Shop::over(inner.clone(), &program(), START).await);
            let between = Arc::new(Between::new(inner));
            let one = Arc::new(Shop::over(between.clone(), &program(), START).await);
            let stage = Stage::set([one, other.clone()], &what, true).await;
            let calls = [(rival.asks)(&stage), stage.unmerge()];
            let sent_as = [format!("{what}-0"), format!("{what}-1")];
            let told = Arc::new(Mutex::new(None));
            let (heard, call, key) = (told.clone(), calls[1].clone(), sent_as[1].clone());
            let from = edge::wire::read_member_id(&stage.from).unwrap();
            between.after_reading(keys::member(from), async move {
                *heard.lock().unwrap() = Some(send(&other, (call.0, &call.1, &call.2), &key).await);
            });
            let reply = stage.send(0, &calls[0], &sent_as[0]).await;
            let undone = told.lock().unwrap().take().expect("the record is read");
            assert_eq!([reply.verdict(), undone.verdict()], [rival.last, "200"], "{what}: {}", reply.body);
            if rival.name == "reading" {
                assert_eq!(reply.body["id"], stage.from.as_str(), "{what}");
            }
            judge(&stage, &what, [&calls[0], &calls[1]], &[reply, undone]).await;
            audited(&stage.shops[0]).await;
        }
    });
}

/// Both at once: it is as if one had come before the other.
async fn race(store: Arc<dyn Store>) {
    let rounds = env::var("LAUREL_RACES").map_or(2, |rounds| rounds.parse().unwrap());
    let shops = [
        Arc::new(Shop::over(store.clone(), &program(), START).await),
        Arc::new(Shop::over(store, &program(), START).await),
    ];
    for round in 0..rounds {
        for (merged, rivals) in [(false, of_a_merge()), (true, of_an_unmerge())] {
            for rival in rivals {
                let what = format!("{}-{round}-{merged}", rival.name).replace(' ', "-");
                let stage = Arc::new(Stage::set(shops.clone(), &what, merged).await);
                let own = if merged { stage.unmerge() } else { stage.merge(&stage.into, &stage.from) };
                let calls = [(rival.asks)(&stage), own];
                let start = Arc::new(tokio::sync::Barrier::new(2));
                let both = [0, 1].map(|place| {
                    let (stage, start, call) = (stage.clone(), start.clone(), calls[place].clone());
                    let key = format!("{what}-{place}");
                    tokio::spawn(async move {
                        start.wait().await;
                        stage.send(place, &call, &key).await
                    })
                });
                let mut replies = Vec::new();
                for reply in both {
                    replies.push(reply.await.unwrap());
                }
                let replies = <[Reply; 2]>::try_from(replies).ok().unwrap();
                let got = [replies[0].verdict(), replies[1].verdict()];
                let right = got == rival.first || got == [rival.last, "200"];
                assert!(right, "{what}: {got:?} {} {}", replies[0].body, replies[1].body);
                judge(&stage, &what, [&calls[0], &calls[1]], &replies).await;
            }
        }
        audited(&shops[0]).await;
    }
}

/// Merges in every direction at once, with earns of each: in the end somebody has everything, or each its own.
async fn storm(store: Arc<dyn Store>) {
    let shops = [
        Arc::new(Shop::over(store.clone(), &program(), START).await),
        Arc::new(Shop::over(store, &program(), START).await),
    ];
    for round in 0..3 {
        let stage = Arc::new(Stage::set(shops.clone(), &format!("storm-{round}"), false).await);
        let all = [stage.into.clone(), stage.from.clone(), stage.third.clone()];
        let mut calls = Vec::new();
        for (place, one) in all.iter().enumerate() {
            for other in all.iter().filter(|other| *other != one) {
                calls.push(stage.merge(one, other));
            }
            for number in 0..2 {
                let order_id = format!("storm-{round}-{place}-{number}");
                let body = json!({"member_id": one, "brand": "acme", "order_id": order_id, "amount": "7"});
                calls.push(("POST", "/earn-points".to_owned(), body));
            }
        }
        let start = Arc::new(tokio::sync::Barrier::new(calls.len()));
        let sent = calls.iter().cloned().enumerate().map(|(place, call)| {
            let (stage, start) = (stage.clone(), start.clone());
            let key = format!("storm-key-{round}-{place}");
            tokio::spawn(async move {
                start.wait().await;
                (stage.send(place % 2, &call, &key).await, call)
            })
        });
        let (mut merges, mut earned) = (0, 0);
        for call in sent.collect::<Vec<_>>() {
            let (reply, call) = call.await.unwrap();
            match (call.1.as_str(), reply.verdict().as_str()) {
                ("/earn-points", "200") => earned += reply.body["granted"].as_i64().unwrap(),
                (_, "200") if reply.body["merge_id"].is_string() => merges += 1,
                (_, "409 member_merged" | "422 invalid_field") => {}
                other => panic!("{other:?} {}", reply.body),
            }
        }
        assert!(merges >= 2, "{merges} merges");
        let (points, growth, _) = stage.together().await;
        assert_eq!((earned, points, growth), (42, 212, 222), "round {round}");
        for member in &all {
            assert_eq!(shops[0].show(member).await["id"], shops[1].show(&all[0]).await["id"]);
        }
        audited(&shops[0]).await;
    }
}

async fn at_once(store: Arc<dyn Store>) {
    race(store.clone()).await;
    storm(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn merges_race() {
    let folder = tempfile::tempdir().unwrap();
    at_once(Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn merges_race_on_a_table() {
    let Some(local) = Local::shared() else { return };
    at_once(Arc::new(local.store().await.expect("a table"))).await;
}
