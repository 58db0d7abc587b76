//! Tags 标签: set by hand, or derived from a rule whenever a member is looked at.

use serde_json::{Value, json};

use crate::support::{Reply, START, Shop, program};

fn fact(name: &str, op: &str, value: Value) -> Value {
    json!({"fact": name, "op": op, "value": value})
}

/// The usual programme with tags by hand, and one for each of these rules, `a`, `b` ….
fn with_rules(rules: &[Value]) -> Value {
    let mut program = program();
    let hand = ["vip", "tea"].map(|id| json!({"id": id, "name": {"zh": "标签", "en": id}}));
    let rules = rules.iter().zip('a'..='z').map(|(when, id)| json!({"id": id.to_string(), "when": when}));
    program["tags"] = json!(hand.into_iter().chain(rules).collect::<Vec<_>>());
    program
}

async fn change(shop: &Shop, member: &str, body: Value) -> Reply {
    shop.call("POST", &format!("/members/{member}/tags"), body).await
}

async fn tags(shop: &Shop, member: &str) -> Value {
    shop.show(member).await["tags"].clone()
}

#[tokio::test]
async fn tags_are_set_by_hand_and_taken_away() {
    let shop = Shop::open(&with_rules(&[fact("growth", ">=", json!(0))]), START).await;
    let member = shop.somebody().await;
    for (body, want) in [
        (json!({"add": ["tea"], "reason": "likes it"}), json!(["tea", "a"])),
        // In the programme's order, each once.
        (json!({"add": ["vip", "tea", "vip"]}), json!(["vip", "tea", "a"])),
        (json!({"add": ["tea"], "remove": ["vip"]}), json!(["tea", "a"])),
        (json!({"remove": ["vip"]}), json!(["tea", "a"])),
        (json!({}), json!(["tea", "a"])),
    ] {
        let reply = change(&shop, &member, body.clone()).await;
        assert_eq!((reply.status, &reply.body), (200, &json!({"tags": want})), "{body}");
        assert_eq!(tags(&shop, &member).await, want, "{body}");
    }
    let before = shop.snapshot().await;
    // What is so already is no change; and all of it or nothing.
    change(&shop, &member, json!({"add": ["tea"], "remove": ["vip"]})).await;
    for (body, want) in [
        (json!({"add": ["vip", "nobody"]}), "404 tag_not_found"),
        (json!({"remove": ["nobody"]}), "404 tag_not_found"),
        (json!({"add": ["vip", "a"]}), "422 tag_has_rule"),
        (json!({"add": ["vip"], "remove": ["a"]}), "422 tag_has_rule"),
        (json!({"add": ["vip"], "remove": ["vip"]}), "422 invalid_field"),
        (json!({"add": "vip"}), "422 invalid_field"),
    ] {
        assert_eq!(change(&shop, &member, body.clone()).await.verdict(), want, "{body}");
    }
    assert!(before == shop.snapshot().await, "a refusal wrote something");
    assert!(shop.ledger(&member, 10).await.is_empty(), "a tag has no entry");
    let absent = change(&shop, "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV", json!({"add": ["vip"]})).await;
    assert_eq!(absent.verdict(), "404 member_not_found");
}

#[tokio::test]
async fn who_has_left_gets_no_tags() {
    let shop = Shop::open(&with_rules(&[fact("growth", ">=", json!(0))]), START).await;
    let member = shop.somebody().await;
    change(&shop, &member, json!({"add": ["vip"]})).await;
    for (status, want, shown) in [
        ("suspended", "200", json!(["vip", "tea", "a"])),
        ("closed", "409 member_not_active", json!(["vip", "tea", "a"])),
    ] {
        let body = json!({"status": status, "reason": "r"});
        shop.ok("POST", &format!("/members/{member}/status"), body).await;
        assert_eq!(change(&shop, &member, json!({"add": ["tea"]})).await.verdict(), want, "{status}");
        assert_eq!(tags(&shop, &member).await, shown, "{status}");
    }
    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    assert_eq!(tags(&shop, &member).await, json!([]));
}

#[tokio::test]
async fn a_member_has_at_most_50_by_hand() {
    let mut program = program();
    let many: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
    let document = |tags: &[String]| tags.iter().map(|id| json!({"id": id})).collect::<Vec<_>>();
    program["tags"] = json!(document(&many));
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    assert_eq!(change(&shop, &member, json!({"add": many[..50]})).await.status, 200);
    let reply = change(&shop, &member, json!({"add": [many[50]]})).await;
    assert_eq!((reply.verdict().as_str(), &reply.body["limit"]), ("422 limit_exceeded", &json!("tags")));
    assert_eq!(change(&shop, &member, json!({"add": [many[50]], "remove": [many[0]]})).await.status, 200);
    // Those that are gone from the programme are shown no more, and take nobody's place.
    program["tags"] = json!(document(&many[20..]));
    shop.ok("PUT", "/program", program.clone()).await;
    assert_eq!(tags(&shop, &member).await.as_array().unwrap().len(), 31);
    assert_eq!(change(&shop, &member, json!({"add": many[51..]})).await.status, 200);
    assert_eq!(tags(&shop, &member).await.as_array().unwrap().len(), 40);
}

/// One that is gone is shown no more, one that comes back is, and one that gets a rule follows it.
#[tokio::test]
async fn a_tag_is_what_the_newest_programme_says() {
    let program = with_rules(&[]);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    change(&shop, &member, json!({"add": ["vip", "tea"]})).await;
    let mut next = program.clone();
    for (document, want) in [
        (json!([{"id": "tea"}]), json!(["tea"])),
        (json!([{"id": "tea", "when": fact("growth", ">", json!(0))}, {"id": "vip"}]), json!(["vip"])),
        (program["tags"].clone(), json!(["vip", "tea"])),
    ] {
        next["tags"] = document.clone();
        shop.ok("PUT", "/program", next.clone()).await;
        assert_eq!(tags(&shop, &member).await, want, "{document}");
    }
}

#[tokio::test]
async fn a_rule_is_true_the_moment_its_condition_is() {
    let rules = [
        fact("orders.count", ">=", json!(1)),
        fact("gender", "=", json!("female")),
        fact("tags", "contains", json!("vip")),
        fact("orders.count_90d", ">=", json!(1)),
        json!({"all": [{"not": fact("tags", "contains", json!("vip"))}, fact("consent.sms", "=", json!(true))]}),
        fact("registered_at", "before_days", json!(1)),
        fact("points.available", ">=", json!(1)),
    ];
    let shop = Shop::open(&with_rules(&rules), START).await;
    let body = json!({"brand": "acme", "identities": [{"kind": "external", "channel": "c", "value": "1"}],
                      "profile": {"gender": "female"}, "consents": {"sms": true}});
    let made = shop.ok("POST", "/register", body.clone()).await;
    assert_eq!(made["member"]["tags"], json!(["b", "e"]));
    let member = made["member"]["id"].as_str().unwrap().to_owned();
    change(&shop, &member, json!({"add": ["vip"]})).await;
    assert_eq!(tags(&shop, &member).await, json!(["vip", "b", "c"]));
    shop.earn(&member, "A-1", "10").await;
    assert_eq!(tags(&shop, &member).await, json!(["vip", "a", "b", "c", "d", "g"]));
    shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"gender": null}})).await;
    assert_eq!(tags(&shop, &member).await, json!(["vip", "a", "c", "d", "g"]));
    // Nothing of it is stored: time alone changes it.
    let before = shop.snapshot().await;
    shop.at("2026-05-30T00:00:00+08:00");
    assert_eq!(tags(&shop, &member).await, json!(["vip", "a", "c", "d", "f", "g"]));
    shop.at("2026-05-31T00:00:00+08:00");
    assert_eq!(tags(&shop, &member).await, json!(["vip", "a", "c", "f", "g"]));
    shop.at("2028-01-01T00:00:00+08:00");
    assert_eq!(tags(&shop, &member).await, json!(["vip", "a", "c", "f"]));
    let found = json!({"identity": body["identities"][0]});
    assert_eq!(shop.ok("POST", "/members/find", found).await["tags"], json!(["vip", "a", "c", "f"]));
    assert!(before == shop.snapshot().await, "looking at a member wrote something");
    // A refund takes what the rule asks for.
    let refund = json!({"brand": "acme", "order_id": "A-1", "refund": "all"});
    shop.ok("POST", "/reverse", refund).await;
    assert_eq!(tags(&shop, &member).await, json!(["vip", "c", "f"]));
}

/// Badges and tiers may ask for both kinds.
#[tokio::test]
async fn the_fact_tags_sees_both_kinds() {
    let mut program = with_rules(&[fact("orders.count", ">=", json!(2))]);
    program["badges"] = json!([
        {"id": "by_rule", "when": fact("tags", "contains", json!("a"))},
        {"id": "by_hand", "when": fact("tags", "contains", json!("vip"))},
        {"id": "of_none", "when": fact("tags", "contains", json!("gone"))},
    ]);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    let badges = async || {
        let shown = shop.show(&member).await["badges"].clone();
        shown.as_array().unwrap().iter().map(|badge| badge["id"].clone()).collect::<Vec<_>>()
    };
    shop.earn(&member, "A-1", "10").await;
    assert_eq!(badges().await, Vec::<Value>::new());
    change(&shop, &member, json!({"add": ["vip"]})).await;
    assert_eq!(badges().await, Vec::<Value>::new(), "a badge is issued with an entry");
    shop.earn(&member, "A-2", "10").await;
    assert_eq!(badges().await, ["by_rule", "by_hand"]);
}

#[tokio::test]
async fn what_a_programme_may_say_of_tags() {
    let of_a =
        |when: Value| json!([{"id": "a", "when": fact("growth", ">", json!(1))}, {"id": "b", "when": when}]);
    let four = vec![fact("growth", ">", json!(1)); 4];
    let many = json!({"any": vec![json!({"all": four}); 50]});
    for (tags, want) in [
        (of_a(fact("tags", "contains", json!("a"))), "/tags/1/when fact_depends_on_tag"),
        (
            of_a(json!({"not": {"any": [fact("tags", "contains", json!("b"))]}})),
            "/tags/1/when fact_depends_on_tag",
        ),
        (of_a(fact("tags", "contains", json!("hand"))), ""),
        (of_a(fact("badges", "contains", json!("nobody"))), "/tags/1/when unknown_badge"),
        (of_a(fact("tags", "=", json!("a"))), "/tags/1/when/op wrong_op"),
        (of_a(many), "/tags/1/when too_many_nodes"),
        (json!([{"id": "a"}, {"id": "a", "when": fact("growth", ">", json!(1))}]), "/tags/1/id duplicate"),
    ] {
        let mut document = program();
        document["tags"] = tags.clone();
        let shop = Shop::usual().await;
        let reply = shop.call("PUT", "/program", document).await;
        let want: Vec<&str> = if want.is_empty() { Vec::new() } else { vec![want] };
        assert_eq!(reply.faults(), want, "{tags}: {}", reply.body);
    }
}
