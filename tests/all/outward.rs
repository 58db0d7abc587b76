//! What is sent to webhooks: which events, to whom, in whose view; and what follows when a receiver fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use server::Outward;

use crate::{
    coalition::{order_of, redemption_of},
    receiver::{Manner, Receiver, until},
    support::{Shop, coalition, program},
};

/// A shop that may send to this machine, and what sends.
pub(crate) async fn sending(program: &Value) -> (Shop, Outward) {
    let mut shop = Shop::open(program, crate::support::START).await;
    Arc::get_mut(&mut shop.api).expect("nobody else has it yet").local_webhooks = true;
    let outward = Outward::start(shop.api.clone()).await.expect("a store in memory has a feed");
    (shop, outward)
}

/// What was sent to a webhook, as far as it is listed.
pub(crate) async fn deliveries(shop: &Shop, hook: &str) -> Vec<Value> {
    let page = shop.ok("GET", &format!("/webhooks/{hook}/deliveries?limit=200"), Value::Null).await;
    page["deliveries"].as_array().unwrap().clone()
}

/// Waits until an attempt is so.
pub(crate) async fn attempt(shop: &Shop, hook: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let found = async || deliveries(shop, hook).await.into_iter().find(|own| is_so(own));
    until(what, async || found().await.is_some()).await;
    found().await.unwrap()
}

fn types(events: &[Value]) -> BTreeMap<String, usize> {
    let mut types = BTreeMap::new();
    for event in events {
        *types.entry(event["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    types
}

/// Does some of everything, and returns how many events of each type follow.
async fn a_bit_of_everything(shop: &Shop) -> BTreeMap<String, usize> {
    let member = shop.member("li@secret.example").await;
    shop.earn(&member, "A-1", "600").await;
    let again =
        json!({"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "590", "revision": 2});
    shop.ok("POST", "/earn-points", again).await;
    let spent = shop.redeem(&member, "A-2", 10).await;
    shop.ok("POST", "/reverse", json!({"redemption_id": spent["redemption_id"]})).await;
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "20.00"}}))
        .await;
    let adjust =
        json!({"member_id": member, "brand": "acme", "points": 3, "reason": "r", "adjustment_id": "d"});
    shop.ok("POST", "/adjust", adjust).await;
    let activity =
        json!({"member_id": member, "brand": "acme", "activity": "check_in", "activity_ref": "c-1"});
    shop.ok("POST", "/earn-points", activity).await;
    let back = json!({"brand": "acme", "activity": "check_in", "activity_ref": "c-1"});
    shop.ok("POST", "/reverse", back).await;
    shop.ok("POST", "/issue-badge", json!({"member_id": member, "badge": "founder"})).await;
    shop.ok("DELETE", &format!("/members/{member}/badges/founder?reason=r"), Value::Null).await;
    let person = json!({"profile": {"name": "Secret Name", "gender": "female"}, "consents": {"sms": true}});
    shop.ok("PATCH", &format!("/members/{member}"), person).await;
    shop.linked(&member, "moon").await;
    shop.ok("DELETE", &format!("/members/{member}/links/moon"), Value::Null).await;
    let mut next = coalition();
    next["name"] = "Another name".into();
    shop.ok("PUT", "/program", next).await;
    let name = json!({"zh": "券", "en": "Coupon"});
    let gives = json!({"discount": {"percent": "5"}});
    let offer = json!({"brand": "acme", "name": name, "how": "code", "word": "SPRING20", "gives": gives});
    for _ in 0..2 {
        shop.ok("PUT", "/offers/spring", offer.clone()).await;
    }
    let status = json!({"status": "suspended", "reason": "r"});
    shop.ok("POST", &format!("/members/{member}/status"), status).await;
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    let told = [
        ("member.registered", 1),
        ("points.earned", 1),
        // For the first order, and by hand.
        ("badge.issued", 2),
        ("badge.removed", 1),
        ("tier.changed", 1),
        ("order.revised", 1),
        ("points.redeemed", 1),
        ("redemption.cancelled", 1),
        ("points.reversed", 1),
        ("points.adjusted", 1),
        ("activity.done", 1),
        ("activity.reversed", 1),
        ("member.updated", 1),
        ("link.made", 1),
        ("link.ended", 1),
        ("program.saved", 1),
        // The same again is no version.
        ("offer.saved", 1),
        ("member.status_changed", 2),
        ("member.erased", 1),
        // What an erased member has left.
        ("points.expired", 1),
    ];
    told.map(|(word, count)| (word.to_owned(), count)).into()
}

/// Everything that happens is told once, each under an id of its own, signed, and with nothing of the person in it.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_happens_is_told_once_and_signed() {
    let (shop, outward) = sending(&coalition()).await;
    let receiver = Receiver::good();
    let (hook, secret) = receiver.hook(&shop, &["*"], None).await;
    let want = a_bit_of_everything(&shop).await;
    let test = shop.ok("POST", &format!("/webhooks/{hook}/test"), json!({})).await;
    let is_test = |event: &Value| event["type"] == "webhook.test";
    until("the test arrives", async || receiver.got().iter().any(|got| is_test(&got.event()))).await;
    let all = want.values().sum::<usize>() + 1;
    let events = receiver.events(all).await;
    let mut found = types(&events);
    assert_eq!(found.remove("webhook.test"), Some(1));
    assert_eq!(found, want);

    let ids: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all);
    let sent = events.iter().find(|event| is_test(event)).unwrap();
    assert_eq!(sent["id"], test["event_id"]);
    let day = &sent["recorded_at"].as_str().unwrap()[..10];
    assert_ne!(day, &crate::support::START[..10], "it goes by the machine's clock");
    for got in receiver.got() {
        assert!(got.is_signed_by(&secret), "{got:?}");
        assert_eq!((got.path.as_str(), got.header("content-type")), ("/hook", "application/json"));
        assert_eq!(got.header("webhook-id"), got.event()["id"]);
        let text = String::from_utf8(got.body).unwrap();
        for personal in ["secret", "Secret", "female"] {
            assert!(!text.contains(personal), "{text}");
        }
    }
    let updated = events.iter().find(|event| event["type"] == "member.updated").unwrap();
    assert_eq!(updated["data"]["fields"], json!(["profile.name", "profile.gender", "consents.sms"]));
    // Entries are as a ledger shows them.
    let data = |kind: &str| &events.iter().find(|event| event["type"] == kind).unwrap()["data"];
    assert_eq!(data("activity.done")["activity_ref"], "c-1");
    assert_eq!(data("redemption.cancelled")["lost"], 0);
    // Entries are numbered without gaps.
    let seqs: BTreeSet<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");

    until("all is noted", async || deliveries(&shop, &hook).await.len() == all).await;
    for own in deliveries(&shop, &hook).await {
        assert_eq!((&own["status"], &own["http"], &own["attempt"]), (&json!("ok"), &json!(204), &json!(1)));
        assert!(own["next_at"].is_null() && own["error"].is_null(), "{own}");
    }
    outward.stop().await;
}

/// A webhook hears what it asked for, what is committed after it was made, and nothing once it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_hears_what_it_asked_for_from_then_on() {
    let (shop, outward) = sending(&program()).await;
    let (some, all) = (Receiver::good(), Receiver::good());
    let member = shop.somebody().await;
    shop.earn(&member, "before", "1").await;
    let (hook, _) = some.hook(&shop, &["points.*", "tier.changed"], None).await;
    all.hook(&shop, &["*"], None).await;
    shop.earn(&member, "A-1", "600").await;
    // Earned, and the tier.
    let events = all.events(2).await;
    assert!(events.iter().all(|event| event["seq"].as_u64() > Some(1)), "{events:?}");
    assert_eq!(
        types(&some.events(2).await),
        [("points.earned".into(), 1), ("tier.changed".into(), 1)].into()
    );
    shop.ok("DELETE", &format!("/webhooks/{hook}"), Value::Null).await;
    shop.earn(&member, "A-2", "1").await;
    all.events(3).await;
    assert_eq!(some.got().len(), 2);
    outward.stop().await;
}

/// A partner hears of its own entries of linked members, and of its links: by its reference, and without numbers.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_hears_of_its_own_by_its_reference() {
    let (shop, outward) = sending(&coalition()).await;
    let (theirs, staff) = (Receiver::good(), Receiver::good());
    theirs.hook(&shop, &["*"], Some("moon")).await;
    staff.hook(&shop, &["link.*", "points.*"], None).await;
    let member = shop.somebody().await;
    shop.earn(&member, "own-1", "50").await;
    let reference = shop.linked(&member, "moon").await;
    shop.partner_ok("moon", "/earn-points", order_of("moon", &reference, "M-1", "10")).await;
    shop.partner_ok("moon", "/redeem", redemption_of("moon", &reference, "M-2", 1)).await;
    shop.earn(&member, "own-2", "50").await;
    shop.ok("DELETE", &format!("/members/{member}/links/moon"), Value::Null).await;
    // An order of the partner's that is taken back when the link has ended.
    shop.ok("POST", "/reverse", json!({"brand": "moon", "order_id": "M-1", "refund": "all"})).await;
    staff.events(7).await;
    let events = theirs.events(4).await;
    let told: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let told: BTreeSet<&str> = told.into_iter().collect();
    assert_eq!(told, ["link.made", "points.earned", "points.redeemed", "link.ended"].into());
    for event in &events {
        let names: BTreeSet<&String> = event.as_object().unwrap().keys().collect();
        let want = ["id", "type", "member_ref", "brand", "occurred_at", "recorded_at", "data"];
        assert_eq!(names, want.map(str::to_owned).iter().collect(), "{event}");
        assert_eq!(
            (event["member_ref"].as_str(), event["brand"].as_str()),
            (Some(&*reference), Some("moon"))
        );
        assert!(!event.to_string().contains(&member), "{event}");
        for hidden in ["seq", "balance_after", "growth", "lots", "by", "program_version"] {
            assert!(event["data"].get(hidden).is_none(), "{event}");
        }
    }
    assert_eq!(theirs.got().len(), 4);
    outward.stop().await;
}

/// What fails is told, and sent again under the same id; and who fails delays nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_delays_nobody() {
    let (shop, outward) = sending(&program()).await;
    let elsewhere = Receiver::good();
    let to_elsewhere: &'static str =
        Box::leak(format!("Location: http://{}/\r\n", elsewhere.address).into_boxed_str());
    let (good, bad, hangs, leads) = (
        Receiver::good(),
        Receiver::start(Manner::Answer(500, "", "no room\u{7}")),
        Receiver::start(Manner::Hang),
        Receiver::start(Manner::Answer(307, to_elsewhere, "")),
    );
    let mut hooks = Vec::new();
    for receiver in [&good, &bad, &hangs, &leads] {
        hooks.push(receiver.hook(&shop, &["points.earned"], None).await.0);
    }
    let member = shop.somebody().await;
    for number in 0..50 {
        shop.earn(&member, &format!("A-{number}"), "1").await;
    }
    assert_eq!(types(&good.events(50).await), [("points.earned".into(), 50)].into());
    let failed = attempt(&shop, &hooks[1], "it has failed", |own| own["status"] == "failed").await;
    assert_eq!((&failed["http"], &failed["error"]), (&json!(500), &json!("status")));
    assert_eq!(failed["body"], "no room ");
    assert!(!failed["next_at"].is_null());
    let led = attempt(&shop, &hooks[3], "it leads away", |own| own["status"] == "failed").await;
    assert_eq!((&led["http"], &led["error"]), (&json!(307), &json!("redirect")));
    assert!(elsewhere.got().is_empty(), "no redirect is followed");
    attempt(&shop, &hooks[2], "it waits", |own| own["status"] == "pending").await;

    // Sent again, it is the same event under the same id.
    bad.answers(Manner::Answer(200, "", "ok"));
    let event = failed["event_id"].clone();
    let path = format!("/webhooks/{}/redeliver", hooks[1]);
    assert_eq!(shop.ok("POST", &path, json!({"event_id": event})).await, json!({"events": 1}));
    let again = attempt(&shop, &hooks[1], "it has arrived", |own| own["status"] == "ok").await;
    assert_eq!((&again["event_id"], &again["attempt"]), (&event, &json!(2)));
    let same: Vec<_> =
        bad.got().into_iter().filter(|got| got.header("webhook-id") == event).map(|got| got.body).collect();
    assert!(same.len() == 2 && same[0] == same[1], "the same event");
    // And all others that failed.
    let time = json!({"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"});
    assert_eq!(shop.ok("POST", &path, time.clone()).await, json!({"events": 49}));
    let ok = async || {
        let all = deliveries(&shop, &hooks[1]).await;
        all.iter().filter(|own| own["status"] == "ok").count() == 50
    };
    until("all have arrived", ok).await;
    assert_eq!(shop.ok("POST", &path, time).await, json!({"events": 0}));
    shop.refused("404 event_not_found", "POST", &path, json!({"event_id": "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV"}))
        .await;
    outward.stop().await;
}

/// A receiver that is gone is switched off, which others are told; what comes meanwhile can be sent later.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_switched_off() {
    let (shop, outward) = sending(&program()).await;
    let (gone, other) = (Receiver::start(Manner::Answer(410, "", "")), Receiver::good());
    let (hook, _) = gone.hook(&shop, &["points.earned", "webhook.*"], None).await;
    other.hook(&shop, &["webhook.*"], None).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1").await;
    let told = other.events(1).await;
    assert_eq!(
        (&told[0]["type"], &told[0]["data"]["webhook_id"]),
        (&json!("webhook.disabled"), &json!(hook))
    );
    assert_eq!(told[0]["data"]["reason"], "gone");
    let own = shop.ok("GET", &format!("/webhooks/{hook}"), Value::Null).await;
    assert_eq!((&own["status"], &own["disabled_because"]), (&json!("disabled"), &json!("gone")));

    gone.answers(Manner::Answer(204, "", ""));
    shop.earn(&member, "A-2", "1").await;
    let off = attempt(&shop, &hook, "it is off", |own| own["error"] == "disabled").await;
    assert_eq!((&off["status"], gone.got().len()), (&json!("failed"), 1));
    shop.ok("POST", &format!("/webhooks/{hook}/enable"), json!({})).await;
    let path = format!("/webhooks/{hook}/redeliver");
    shop.ok("POST", &path, json!({"event_id": off["event_id"]})).await;
    attempt(&shop, &hook, "it has arrived", |own| own["status"] == "ok").await;
    assert_eq!(gone.got().len(), 2);
    outward.stop().await;
}

/// A secret that was replaced signs for a day more.
#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_sign_for_a_day() {
    let (shop, outward) = sending(&program()).await;
    let receiver = Receiver::good();
    let (hook, old) = receiver.hook(&shop, &["points.earned"], None).await;
    let new = shop.ok("POST", &format!("/webhooks/{hook}/rotate"), json!({})).await;
    let new = new["secret"].as_str().unwrap();
    assert_ne!(old, new);
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1").await;
    receiver.events(1).await;
    let got = &receiver.got()[0];
    assert!(got.is_signed_by(&old) && got.is_signed_by(new), "{got:?}");
    assert_eq!(got.header("webhook-signature").split(' ').count(), 2);
    outward.stop().await;
}

/// What an import lands is told only if it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_quiet_unless_it_is_asked_to_tell() {
    let (shop, outward) = sending(&program()).await;
    let receiver = Receiver::good();
    receiver.hook(&shop, &["*"], None).await;
    let row = |n: u32| json!({"external.import": format!("i-{n}"), "brand": "acme", "points": 5}).to_string();
    let import = async |query: &str, n: u32| {
        let headers = [
            ("authorization", format!("Bearer {}", crate::support::ADMIN_KEY)),
            ("content-type", "application/x-ndjson".to_owned()),
        ];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = shop.send("POST", &format!("/import{query}"), &headers, row(n).as_bytes()).await;
        assert_eq!((reply.status, &reply.body["created"]), (200, &json!(1)), "{}", reply.body);
    };
    import("", 1).await;
    import("?tell=true", 2).await;
    let events = receiver.events(2).await;
    assert_eq!(types(&events), [("member.registered".into(), 1), ("points.adjusted".into(), 1)].into());
    let members: BTreeSet<&str> = events.iter().map(|event| event["member_id"].as_str().unwrap()).collect();
    assert_eq!(members.len(), 1);
    outward.stop().await;
}

/// What was not sent when the server stopped is sent by the next, and what was sent is not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_server_goes_on_where_the_last_one_was() {
    let (shop, outward) = sending(&program()).await;
    let receiver = Receiver::good();
    receiver.hook(&shop, &["points.earned"], None).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "1").await;
    receiver.events(1).await;
    outward.stop().await;
    shop.earn(&member, "A-2", "1").await;
    assert_eq!(receiver.got().len(), 1);
    let outward = Outward::start(shop.api.clone()).await.unwrap();
    let events = receiver.events(2).await;
    assert_eq!([&events[0]["data"]["order_id"], &events[1]["data"]["order_id"]], ["A-1", "A-2"]);
    outward.stop().await;
    assert_eq!(receiver.got().len(), 2);
}

/// A tier that is reached while it is tried is two events: the tier, and the end of its trial.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_its_tier_ends_is_told() {
    let mut program = program();
    program["tiers"][1]["trial"] = json!({"at_percent": 80, "days": 30});
    let (shop, outward) = sending(&program).await;
    let receiver = Receiver::good();
    receiver.hook(&shop, &["trial.*", "tier.*"], None).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "450").await;
    shop.earn(&member, "A-2", "100").await;
    let events = receiver.events(3).await;
    let want = [("trial.started", 1), ("tier.changed", 1), ("trial.ended", 1)];
    assert_eq!(types(&events), want.map(|(word, count)| (word.to_owned(), count)).into());
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap();
    let (changed, ended) = (of("tier.changed"), of("trial.ended"));
    assert_eq!((&changed["seq"], &changed["data"]), (&ended["seq"], &ended["data"]), "one entry says both");
    assert_ne!(changed["id"], ended["id"]);
    outward.stop().await;
}
