//! Referral 推荐 (rules, 8): what the worked cases do not fix.

use std::sync::Arc;

use engine::memory::MemoryStore;
use serde_json::{Value, json};
use store_dynamodb::Metered;

use crate::{histories::run, support::Shop};

const NOW: &str = "2026-11-02T10:00:00+08:00";

fn programme() -> Value {
    json!({
        "name": "Friends", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme", "issue_price": "0.01"}, {"id": "bean", "name": "Bean"}],
        "points": {"per_unit": "1", "expiry": {"mode": "year_end"}, "excluded_categories": ["card"]},
        "growth": {"per_unit": "1"},
        "tiers": [{"id": "basic", "growth": 0},
                  {"id": "host", "growth": 9000, "or": {"fact": "referrals.count", "op": ">=", "value": 1}}],
        "badges": [{"id": "host", "when": {"fact": "referrals.count", "op": ">=", "value": 1}}],
        "referral": {"after_days": 14, "min_amount": "50.00", "window_days": 30, "friend": {"points": 100},
            "referrer": [{"from": 1, "points": 10}, {"from": 2, "points": 20}], "per_month": 20, "brand": "acme",
            "url": "https://club.example/r/"},
    })
}

/// A shop and somebody who brings friends.
struct Club {
    shop: Shop,
    host: String,
    code: String,
}

impl Club {
    async fn open() -> Club {
        Club::of(&programme()).await
    }

    async fn of(programme: &Value) -> Club {
        let shop = Shop::open(programme, NOW).await;
        let host = shop.member("host").await;
        let own = shop.ok("GET", &format!("/members/{host}/referral"), Value::Null).await;
        let code = own["code"].as_str().unwrap().to_owned();
        Club { shop, host, code }
    }

    async fn friend(&self, name: &str, signals: Value) -> String {
        let body = json!({"identities": [{"kind": "external", "channel": "tests", "value": name}], "brand": "acme",
            "referral_code": self.code, "signals": signals});
        let made = self.shop.ok("POST", "/register", body).await;
        made["member"]["id"].as_str().unwrap().to_owned()
    }

    async fn order(&self, friend: &str, order: &str, fields: Value) -> Value {
        let mut body = json!({"member_id": friend, "brand": "acme", "order_id": order, "amount": "60.00"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.shop.ok("POST", "/earn-points", body).await
    }

    async fn refund(&self, order: &str) {
        let body = json!({"brand": "acme", "order_id": order, "refund": "all"});
        self.shop.ok("POST", "/reverse", body).await;
    }

    async fn own(&self) -> Value {
        self.shop.ok("GET", &format!("/members/{}/referral", self.host), Value::Null).await
    }

    /// How many friends are open, to be looked at, held, done, void; and the referrer's held points.
    async fn stand(&self) -> ([u64; 5], u64) {
        let own = self.own().await;
        let states =
            ["open", "review", "held", "done", "void"].map(|state| own["friends"][state].as_u64().unwrap());
        assert_eq!(own["count"], states[3]);
        let host = self.shop.show(&self.host).await;
        (states, host["points"]["held"].as_u64().unwrap())
    }

    /// Both ledgers add up to what is stored.
    async fn must_add_up(&self, friends: &[&str]) {
        for id in friends.iter().copied().chain([self.host.as_str()]) {
            let id = edge::wire::read_member_id(id).unwrap();
            let finding = self.shop.api.engine.ledger().audit_member(id).await.unwrap();
            assert_eq!(finding.differences, [""; 0]);
        }
    }
}

#[test]
fn a_code_is_made_once_and_read_as_people_type_it() {
    run(async {
        let club = Club::open().await;
        let own = club.own().await;
        assert_eq!((own["code"].as_str().unwrap(), club.code.len()), (club.code.as_str(), 9));
        assert_eq!(own["link"], format!("https://club.example/r/{}", club.code));
        assert!(own["qr"].as_str().unwrap().contains("<svg"));
        let typed = club.code.to_lowercase().replace('-', " ");
        let body = |name: &str, code: &str| {
            json!({"identities": [{"kind": "external", "channel": "tests", "value": name}], "brand": "acme",
                   "referral_code": code})
        };
        club.shop.ok("POST", "/register", body("typed", &typed)).await;
        assert_eq!(club.stand().await, ([1, 0, 0, 0, 0], 0));
        for wrong in ["AAAA-AAAA", "friend-7", "0000-0000"] {
            club.shop.refused("422 invalid_field", "POST", "/register", body("wrong", wrong)).await;
        }
        // A member is brought once: whoever is one already was not.
        let again = club.shop.call("POST", "/register", body("typed", &club.code)).await;
        assert_eq!((again.status, club.stand().await.0), (200, [1, 0, 0, 0, 0]));
    });
}

/// Orders of one friend: what is told, and the state that it brings the referral into.
#[test]
fn the_first_order_that_counts_rewards_both() {
    let line = |category: &str, amount: &str| json!({"line_id": category, "category": category, "quantity": 1, "amount": amount});
    let lines = |lines: Value| json!({"amount": null, "lines": lines});
    for (name, order, state) in [
        ("too little", json!({"amount": "49.99"}), Value::Null),
        ("enough", json!({"amount": "50.00"}), json!("held")),
        ("what earns nothing", lines(json!([line("card", "90.00"), line("tea", "49.00")])), Value::Null),
        ("lines", lines(json!([line("card", "90.00"), line("tea", "50.00")])), json!("held")),
        ("before registering", json!({"occurred_at": "2026-11-02T09:59:59+08:00"}), Value::Null),
        ("another brand", json!({"brand": "bean"}), json!("held")),
    ] {
        run(async {
            let club = Club::open().await;
            let friend = club.friend("f", json!({})).await;
            club.shop.at("2026-11-03T10:00:00+08:00");
            let told = club.order(&friend, "F1", order).await;
            assert_eq!(told["referral"]["state"], state, "{name}");
            let held = if state.is_null() { ([1, 0, 0, 0, 0], 0) } else { ([0, 0, 1, 0, 0], 10) };
            assert_eq!(club.stand().await, held, "{name}");
            club.must_add_up(&[&friend]).await;
        });
    }
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    run(async {
        let club = Club::open().await;
        let friend = club.friend("f", json!({})).await;
        let before = club.shop.snapshot().await;
        let told = club.order(&friend, "F1", json!({"dry_run": true, "signals": {"device": "d"}})).await;
        assert_eq!(told["referral"]["points"], 100);
        assert!(before == club.shop.snapshot().await);
    });
}

/// What falls before its time is open again, and a later order counts; the ladder is that of then.
#[test]
fn nothing_is_left_of_an_order() {
    run(async {
        let club = Club::open().await;
        let (f, g) = (club.friend("f", json!({})).await, club.friend("g", json!({})).await);
        club.order(&f, "F1", json!({})).await;
        club.order(&g, "G1", json!({})).await;
        assert_eq!(club.stand().await, ([0, 0, 2, 0, 0], 30));
        let nothing = json!({"lines": [{"line_id": "1", "quantity": 1, "amount": "0.00"}], "amount": null, "revision": 2});
        club.order(&f, "F1", nothing).await;
        assert_eq!(club.stand().await, ([1, 0, 1, 0, 0], 20), "a revision leaves nothing");
        let again = club.order(&f, "F2", json!({})).await;
        assert_eq!(
            (&again["referral"]["state"], club.stand().await),
            (&json!("held"), ([0, 0, 2, 0, 0], 40))
        );
        club.refund("G1").await;
        assert_eq!(club.stand().await, ([1, 0, 1, 0, 0], 20));
        // Of an order that came to nothing for anybody nothing falls.
        club.order(&f, "F3", json!({})).await;
        club.refund("F3").await;
        assert_eq!(club.stand().await, ([1, 0, 1, 0, 0], 20));
        club.must_add_up(&[&f, &g]).await;
        club.shop.at("2026-11-16T10:00:00+08:00");
        club.refund("F2").await;
        assert_eq!(club.stand().await, ([1, 0, 0, 1, 0], 0), "it has stood");
        club.must_add_up(&[&f, &g]).await;
    });
}

/// The fact counts what is done, with the next entry; a tier asks for it too.
#[test]
fn conditions_count_what_is_done() {
    run(async {
        let club = Club::open().await;
        let friend = club.friend("f", json!({})).await;
        club.order(&friend, "F1", json!({})).await;
        let earn = async |order: &str| club.order(&club.host, order, json!({"amount": "1.00"})).await;
        assert_eq!(earn("H1").await["badges_issued"], json!([]));
        club.shop.at("2026-11-16T10:00:00+08:00");
        let earned = earn("H2").await;
        assert_eq!((&earned["badges_issued"], &earned["upgraded_to"]), (&json!(["host"]), &json!("host")));
    });
}

/// Whoever is not active gets nothing, and it counts all the same.
#[test]
fn a_referrer_who_is_suspended_gets_nothing() {
    run(async {
        let club = Club::open().await;
        let (f, g) = (club.friend("f", json!({})).await, club.friend("g", json!({})).await);
        let status = |status: &str| json!({"status": status, "reason": "a case"});
        let path = format!("/members/{}/status", club.host);
        club.shop.ok("POST", &path, status("suspended")).await;
        assert_eq!(club.order(&f, "F1", json!({})).await["referral"]["points"], 100);
        club.shop.ok("POST", &path, status("active")).await;
        assert_eq!(club.stand().await, ([1, 0, 1, 0, 0], 0));
        club.order(&g, "G1", json!({})).await;
        assert_eq!(club.stand().await, ([0, 0, 2, 0, 0], 20), "the second step");
        club.must_add_up(&[&f, &g]).await;
    });
}

/// Signals of the friend, as they were told when and of whom; whether somebody is to look at it.
#[test]
fn signals_that_are_equal_are_looked_at() {
    for (name, host, other, at_first, at_order, review) in [
        ("none", json!({}), json!({}), json!({}), json!({}), false),
        ("the referrer's", json!({"device": "d"}), json!({}), json!({"device": "d"}), json!({}), true),
        (
            "the referrer's, with the order",
            json!({"payer": "p"}),
            json!({}),
            json!({}),
            json!({"payer": "p"}),
            true,
        ),
        ("of another kind", json!({"payer": "d"}), json!({}), json!({"device": "d"}), json!({}), false),
        ("another friend's", json!({}), json!({"address": "a"}), json!({}), json!({"address": "a"}), true),
    ] {
        run(async {
            let club = Club::open().await;
            club.order(&club.host, "H1", json!({"signals": host})).await;
            club.friend("other", other).await;
            let friend = club.friend("f", at_first).await;
            let told = club.order(&friend, "F1", json!({"signals": at_order})).await;
            let want = if review { "review" } else { "held" };
            assert_eq!(told["referral"]["state"], want, "{name}");
        });
    }
}

/// What is equal to a stranger's is nobody's business.
#[test]
fn signals_of_strangers_do_not_matter() {
    run(async {
        let club = Club::open().await;
        let stranger = club.shop.member("stranger").await;
        club.order(&stranger, "S1", json!({"signals": {"device": "d"}})).await;
        let friend = club.friend("f", json!({"device": "d"})).await;
        assert_eq!(club.order(&friend, "F1", json!({})).await["referral"]["state"], "held");
    });
}

#[test]
fn what_is_looked_at_is_decided_once() {
    run(async {
        let club = Club::open().await;
        club.order(&club.host, "H1", json!({"signals": {"device": "d"}})).await;
        let mut ids = Vec::new();
        for name in ["f", "g", "h"] {
            let friend = club.friend(name, json!({"device": "d"})).await;
            let told = club.order(&friend, &format!("order-{name}"), json!({})).await;
            ids.push((told["referral"]["id"].as_str().unwrap().to_owned(), friend));
        }
        assert_eq!(club.stand().await, ([0, 3, 0, 0, 0], 0));
        let decide = async |id: &str, decision: &str, key: &str| {
            let body = json!({"decision": decision});
            club.shop.call_with("POST", &format!("/referrals/{id}"), &body, Some(key)).await
        };
        let first = decide(&ids[0].0, "give", "k-1").await;
        assert_eq!((first.status, &first.body["state"]), (200, &json!("held")), "{}", first.body);
        let again = decide(&ids[0].0, "give", "k-1").await;
        assert!(again.replayed() && again.bytes == first.bytes);
        let late = decide(&ids[0].0, "give", "k-2").await;
        assert_eq!((late.verdict().as_str(), &late.body["state"]), ("409 referral_decided", &json!("held")));
        assert_eq!(decide(&ids[1].0, "void", "k-3").await.body["state"], "void");
        assert_eq!(club.stand().await, ([0, 1, 1, 0, 1], 10));
        let listed = club.shop.ok("GET", "/referrals?state=review", Value::Null).await;
        let shown: Vec<&Value> =
            listed["referrals"].as_array().unwrap().iter().map(|one| &one["friend"]).collect();
        assert_eq!(shown, [&json!(ids[2].1)]);
        // Nothing is left of the order that was to be looked at, and then of one that was given by word.
        club.refund("order-h").await;
        club.refund("order-f").await;
        assert_eq!(club.stand().await, ([2, 0, 0, 0, 1], 0));
        club.must_add_up(&[&ids[0].1, &ids[1].1, &ids[2].1]).await;
        let unknown = decide("rfr_00000000000000000000000000", "give", "k-4").await;
        assert_eq!(unknown.verdict(), "404 referral_not_found");
    });
}

/// A cursor is one that was told: a place that somebody made up would be another record's.
#[test]
fn only_a_cursor_that_was_told_is_one() {
    run(async {
        let club = Club::open().await;
        for made_up in ["", "AA", "Zw", "bQ", "not base64!"] {
            let path = format!("/referrals?cursor={}", made_up.replace(' ', "%20"));
            let reply = club.shop.call("GET", &path, Value::Null).await;
            assert_eq!(reply.faults(), ["/query/cursor wrong_format"], "{made_up}: {}", reply.body);
        }
        let (mut told, mut shown, mut pages) = (String::new(), 0, 0);
        for number in 0..70 {
            club.friend(&format!("f{number}"), json!({})).await;
        }
        loop {
            let page = club.shop.ok("GET", &format!("/referrals{told}"), Value::Null).await;
            shown += page["referrals"].as_array().unwrap().len();
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            told = format!("?cursor={next}");
        }
        assert!(shown == 70 && pages == 2, "{shown} on {pages} pages");
    });
}

/// Two who turn out to be one person have not brought each other.
#[test]
fn a_merge_of_both_makes_it_void() {
    run(async {
        let club = Club::open().await;
        let (f, g) = (club.friend("f", json!({})).await, club.friend("g", json!({})).await);
        let body = json!({"member_id": f, "reason": "the same"});
        club.shop.ok("POST", &format!("/members/{}/merge", club.host), body).await;
        assert_eq!(club.stand().await, ([1, 0, 0, 0, 1], 0));
        let body = json!({"member_id": club.host, "reason": "the same"});
        club.shop.ok("POST", &format!("/members/{g}/merge"), body).await;
        assert_eq!(club.stand().await.0, [0, 0, 0, 0, 2]);
        assert_eq!(club.order(&g, "G1", json!({})).await["referral"], Value::Null);
        club.must_add_up(&[&f, &g]).await;
    });
}

/// What both have of it is taken back, unless it has stood.
#[test]
fn what_a_merge_of_both_takes_back() {
    for (at, points, states) in
        [(NOW, [60, 0], [0, 0, 0, 0, 1]), ("2026-11-16T10:00:00+08:00", [170, 0], [0, 0, 0, 1, 0])]
    {
        run(async {
            let club = Club::open().await;
            let friend = club.friend("f", json!({})).await;
            club.order(&friend, "F1", json!({})).await;
            club.shop.at(at);
            let body = json!({"member_id": friend, "reason": "the same"});
            club.shop.ok("POST", &format!("/members/{}/merge", club.host), body).await;
            assert_eq!(club.stand().await.0, states, "{at}");
            let host = club.shop.show(&club.host).await;
            assert_eq!(
                [&host["points"]["available"], &host["points"]["held"]],
                points.map(|points| json!(points)).each_ref(),
                "{at}"
            );
            club.must_add_up(&[&friend]).await;
        });
    }
}

/// On DynamoDB: a friend's first order, and what others pay for there being referral.
#[test]
fn what_it_costs() {
    run(async {
        let meter = Arc::new(Metered::new(Arc::new(MemoryStore::new())));
        let shop = Shop::over(meter.clone(), &programme(), NOW).await;
        let host = shop.member("host").await;
        let own = shop.ok("GET", &format!("/members/{host}/referral"), Value::Null).await;
        let code = own["code"].as_str().unwrap().to_owned();
        let club = Club { shop, host, code };
        let mut most = 0;
        for number in 0..3 {
            let friend = club.friend(&format!("f{number}"), json!({})).await;
            let stranger = club.shop.member(&format!("s{number}")).await;
            let order = |member: &str, number: u64| json!({"member_id": member, "brand": "acme", "order_id": format!("{member}-{number}"), "amount": "60.00"});
            let first = async |member: &str, number: u64| {
                meter.take();
                let key = format!("{member} {number}").replace(' ', "-");
                let reply =
                    club.shop.call_with("POST", "/earn-points", &order(member, number), Some(&key)).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
                meter.take_cost()
            };
            most = most.max(first(&friend, 1).await.write_units);
            let (again, others) = (first(&friend, 2).await, first(&stranger, 1).await);
            assert_eq!(
                (again.write_units, others.write_units),
                (6, 8),
                "the second moves no place in the due index"
            );
            assert_eq!((again.read_units, others.read_units), (2, 1), "the friend's reads the edge");
        }
        assert!(most <= 18, "{most} write units");
    });
}
