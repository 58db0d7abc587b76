//! People: how they register and are found, how their data is corrected, and how they leave.

use serde_json::{Value, json};

use crate::support::{START, Shop, program};

fn identity(kind: &str, value: &str) -> Value {
    json!({"kind": kind, "value": value})
}

fn external(channel: &str, value: &str) -> Value {
    json!({"kind": "external", "channel": channel, "value": value})
}

fn verified(mut identity: Value) -> Value {
    identity["verified"] = json!(true);
    identity
}

fn registration(identities: &[Value]) -> Value {
    json!({"brand": "acme", "identities": identities})
}

async fn set_status(shop: &Shop, member: &str, status: &str) -> Value {
    shop.ok("POST", &format!("/members/{member}/status"), json!({"status": status, "reason": "tests"})).await
}

fn id_of(registered: &Value) -> String {
    registered["member"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn identities_have_one_form() {
    let shop = Shop::usual().await;
    let rows = [
        (identity("phone", "138 0013 8000"), "+8613800138000"),
        (identity("phone", "+86 (139) 0013-8000"), "+8613900138000"),
        (identity("phone", "+1 415 555 2671"), "+14155552671"),
        (identity("phone", "+44 20 7946 0958"), "+442079460958"),
        (identity("email", " Li@Example.CN "), "li@example.cn"),
        (external("wechat", "openID-1 "), "openID-1 "),
        (external("wechat", "138 0013 8000"), "138 0013 8000"),
    ];
    for (sent, want) in rows {
        let made = shop.ok("POST", "/register", registration(std::slice::from_ref(&sent))).await;
        assert_eq!(made["member"]["identities"][0]["value"], want, "{sent}");
        for form in [&sent["value"], &json!(want)] {
            let mut asked = sent.clone();
            asked["value"] = form.clone();
            let found = shop.ok("POST", "/members/find", json!({"identity": asked})).await;
            assert_eq!(found["id"], made["member"]["id"], "{sent} as {form}");
        }
    }
    // Another kind or channel, or another letter of an external value, is somebody else.
    for other in
        [external("weibo", "openID-1 "), external("wechat", "openid-1 "), external("wechat", "openID-1")]
    {
        shop.refused("404 member_not_found", "POST", "/members/find", json!({"identity": other})).await;
    }
    let bad = ["12", "138 00", "138 0013 8000 5678", "phone", "+999 1234567", ""];
    for value in bad {
        shop.refused("422 invalid_field", "POST", "/register", registration(&[identity("phone", value)]))
            .await;
    }
    for value in ["no", "a@", "@b.cn", "a b@c.cn", "a@b@c"] {
        shop.refused("422 invalid_field", "POST", "/register", registration(&[identity("email", value)]))
            .await;
    }
    for identities in [
        vec![],
        vec![external("c", "1"), external("c", "1")],
        vec![identity("email", "A@b.cn"), identity("email", "a@B.cn")],
    ] {
        shop.refused("422 invalid_field", "POST", "/register", registration(&identities)).await;
    }
}

#[tokio::test]
async fn a_registration_is_answered_in_full() {
    let shop = Shop::usual().await;
    let profile = json!({"name": "李雷", "birthday": "1990-05-17", "gender": "male",
                         "region": {"country": "CN", "province": "浙江", "city": "杭州", "district": "西湖"}});
    let mut body = registration(&[identity("phone", "138 0013 8000")]);
    body["profile"] = profile.clone();
    body["channel"] = json!("store:0042");
    body["terms_version"] = json!("2026-01");
    body["consents"] = json!({"email": true, "sms": false});
    let reply = shop.call("POST", "/register", body).await;
    assert_eq!((reply.status, &reply.body["created"]), (201, &json!(true)));
    let member = &reply.body["member"];
    let want = json!({
        "id": member["id"], "status": "active", "registered_at": START,
        "identities": [{"id": member["identities"][0]["id"], "kind": "phone", "value": "+8613800138000",
                        "verified": false}],
        "profile": profile, "consents": {"email": true, "sms": false},
        "brand": "acme", "channel": "store:0042", "terms_version": "2026-01",
        "tier": {"id": "basic", "since": START, "valid_until": null, "lifetime": false, "trial": null,
                 "next": {"id": "silver", "growth_needed": 500}},
        "growth": 0, "period_growth": 0,
        "points": {"available": 0, "held": 0, "debt": 0, "lots": []},
        "badges": [], "tags": [], "lifecycle": "new",
        "stats": {"orders": 0, "amount": "0.00", "first_order_at": null, "last_order_at": null, "prior": null},
    });
    assert_eq!(member, &want);
    assert_eq!(&shop.show(member["id"].as_str().unwrap()).await, member);
}

/// Two members' identities in one registration: a conflict, which only staff see the members of.
#[tokio::test]
async fn a_conflict_names_the_members_to_staff_only() {
    let shop = Shop::usual().await;
    let one = id_of(&shop.ok("POST", "/register", registration(&[external("c", "1")])).await);
    let two = id_of(&shop.ok("POST", "/register", registration(&[external("c", "2")])).await);
    let mut members = [one, two];
    members.sort();
    let body = registration(&[external("c", "1"), external("c", "2"), external("c", "3")]);
    for (role, named) in [("admin", true), ("operator", true), ("storefront", false)] {
        let (_, key) = shop.caller(&[role], None).await;
        let reply = shop.call_as(&key, "POST", "/register", &body, None).await;
        assert_eq!(reply.verdict(), "409 identity_conflict");
        let want = if named { json!(members) } else { Value::Null };
        assert_eq!(reply.body["members"], want, "{role}");
    }
    shop.refused("404 member_not_found", "POST", "/members/find", json!({"identity": external("c", "3")}))
        .await;
}

/// New identities are added only if the shop vouches for the known one.
#[tokio::test]
async fn merging_needs_somebody_to_vouch() {
    let shop = Shop::usual().await;
    let mut first = registration(&[external("c", "1")]);
    first["profile"] = json!({"name": "Li"});
    let member = id_of(&shop.ok("POST", "/register", first).await);
    let again = |known: Value| {
        let mut body = registration(&[known, identity("email", "li@example.cn")]);
        body["profile"] = json!({"name": "Other", "gender": "male", "region": {"city": "杭州"}});
        body["consents"] = json!({"sms": true});
        body
    };
    let shown = async |body: Value| {
        let reply = shop.call("POST", "/register", body).await;
        assert_eq!(
            (reply.status, &reply.body["created"], id_of(&reply.body)),
            (200, &json!(false), member.clone())
        );
        assert_eq!(shop.show(&member).await, reply.body["member"]);
        reply.body["member"].clone()
    };
    let before = shop.snapshot().await;
    let unverified = shown(again(external("c", "1"))).await;
    assert_eq!(
        (&unverified["profile"], unverified["identities"].as_array().unwrap().len()),
        (&json!({"name": "Li"}), 1)
    );
    // Vouching for the new identity alone says nothing of the known one.
    let mut other = again(external("c", "1"));
    other["identities"][1]["verified"] = json!(true);
    shown(other).await;
    assert!(before == shop.snapshot().await, "an unverified registration has changed something");

    let merged = shown(again(verified(external("c", "1")))).await;
    assert_eq!(merged["profile"], json!({"name": "Li", "gender": "male", "region": {"city": "杭州"}}));
    assert_eq!(merged["consents"], json!({"sms": true}));
    assert_eq!(merged["identities"][0]["verified"], true);
    let found =
        shop.ok("POST", "/members/find", json!({"identity": identity("email", "LI@example.cn")})).await;
    assert_eq!(found["id"], member);
    let many: Vec<Value> = (0..19).map(|n| external("many", &n.to_string())).collect();
    let body = registration(&[vec![verified(external("c", "1"))], many].concat());
    shop.refused("422 limit_exceeded", "POST", "/register", body).await;
}

/// The shop vouches for exactly one identity, and for no other.
#[tokio::test]
async fn vouching_is_for_one_identity() {
    let told = [external("a", "x"), external("a", "y"), external("b", "y")];
    for at in 0..told.len() {
        let shop = Shop::usual().await;
        let member = id_of(&shop.ok("POST", "/register", registration(&told)).await);
        shop.ok("POST", "/register", registration(&[verified(told[at].clone())])).await;
        let shown = shop.show(&member).await;
        let shown: Vec<_> =
            shown["identities"].as_array().unwrap().iter().map(|one| &one["verified"]).collect();
        let want: Vec<_> = (0..told.len()).map(|other| json!(other == at)).collect();
        assert_eq!(shown, want.iter().collect::<Vec<_>>(), "{at}");
    }
}

#[tokio::test]
async fn a_person_has_at_most_20_identities_and_20_consents() {
    let shop = Shop::usual().await;
    let known = verified(external("c", "0"));
    let join = async |consents: &str, identity: usize| {
        let other = external("c", &identity.to_string());
        let mut body = registration(&[known.clone(), other]);
        body["consents"] = json!({consents: true});
        // With a key: its answer is kept with the person, once.
        shop.call_with("POST", "/register", &body, Some(&format!("{consents}-{identity}"))).await.verdict()
    };
    assert_eq!(join("c1", 1).await, "201");
    for number in 2..=19 {
        assert_eq!(join(&format!("c{number}"), number).await, "200", "{number}");
    }
    assert_eq!(join("c1", 20).await, "422 limit_exceeded", "a 21st identity");
    assert_eq!(join("c20", 19).await, "200");
    assert_eq!(join("c21", 19).await, "422 limit_exceeded", "a 21st consent");
    let found = shop.ok("POST", "/members/find", json!({"identity": external("c", "19")})).await;
    let size = |field: &str| {
        found[field].as_array().map_or_else(|| found[field].as_object().unwrap().len(), Vec::len)
    };
    assert_eq!((size("identities"), size("consents")), (20, 20));
}

/// Answers are stored with the person's data and deleted with it, however many there are.
#[tokio::test]
async fn erasing_takes_every_answer_that_was_kept() {
    for count in [49, 50, 51, 100, 101] {
        let shop = Shop::usual().await;
        let body = registration(&[external("c", "1")]);
        let mut member = String::new();
        for number in 0..count {
            let reply = shop.call_with("POST", "/register", &body, Some(&format!("k{number}"))).await;
            member = id_of(&reply.body);
        }
        let id = edge::wire::read_member_id(&member).unwrap();
        let kept = async || {
            let range = engine::keys::answers(id);
            shop.api.engine.store().scan(range, 1_000).await.unwrap().len()
        };
        assert_eq!(kept().await, count);
        shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
        assert_eq!(kept().await, 0, "of {count}");
        let found = json!({"identity": external("c", "1")});
        shop.refused("404 member_not_found", "POST", "/members/find", found).await;
    }
}

#[tokio::test]
async fn corrections() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let path = format!("/members/{member}");
    let region = json!({"country": "CN", "province": "浙江", "city": "杭州"});
    // What is sent, and what the profile is afterwards.
    let rows = [
        (
            json!({"name": "Li", "birthday": "1990-05-17", "region": region}),
            json!({"name": "Li", "birthday": "1990-05-17", "region": region}),
        ),
        (json!({"name": null}), json!({"birthday": "1990-05-17", "region": region})),
        (
            json!({"region": {"city": null, "district": "西湖"}}),
            json!({"birthday": "1990-05-17", "region": {"country": "CN", "province": "浙江", "district": "西湖"}}),
        ),
        (json!({"region": null, "gender": "female"}), json!({"birthday": "1990-05-17", "gender": "female"})),
        (json!({}), json!({"birthday": "1990-05-17", "gender": "female"})),
        (json!({"birthday": null, "gender": null}), json!({})),
    ];
    for (sent, want) in rows {
        let reply = shop.ok("PATCH", &path, json!({"profile": sent})).await;
        assert_eq!(reply["profile"], want, "{sent}");
        assert_eq!(shop.show(&member).await, reply);
    }
    let reply = shop.ok("PATCH", &path, json!({"consents": {"sms": true}})).await;
    assert_eq!(reply["consents"], json!({"sms": true}));
    let reply = shop
        .ok("PATCH", &path, json!({"consents": {"sms": false, "email": true}, "terms_version": "2"}))
        .await;
    assert_eq!(
        (&reply["consents"], &reply["terms_version"]),
        (&json!({"sms": false, "email": true}), &json!("2"))
    );
    for bad in [
        json!({"profile": {"birthday": "1899-12-31"}}),
        json!({"profile": {"birthday": "2026-03-03"}}),
        json!({"profile": {"birthday": "1990-02-30"}}),
        json!({"profile": {"name": ""}}),
        json!({"profile": {"name": "x".repeat(101)}}),
        json!({"profile": {"nick": "x"}}),
        json!({"consents": {"sms": "yes"}}),
        json!({"identities": []}),
        json!({"status": "active"}),
    ] {
        shop.refused("422 invalid_field", "PATCH", &path, bad).await;
    }
    let more = |from: u32| {
        (from..from + 18).map(|n| (format!("c{n}"), json!(true))).collect::<serde_json::Map<_, _>>()
    };
    shop.ok("PATCH", &path, json!({"consents": more(0)})).await;
    shop.refused("422 limit_exceeded", "PATCH", &path, json!({"consents": more(18)})).await;
}

/// No trace of the person is left in any record; the ledger stays.
#[tokio::test]
async fn erasing_takes_the_person_and_leaves_the_ledger() {
    let shop = Shop::usual().await;
    let secrets = [
        "13800138000",
        "li@example.cn",
        "openid-1",
        "李雷",
        "1990-05-17",
        "浙江",
        "西湖",
        "store:0042",
        "Han Meimei",
    ];
    let mut body = registration(&[
        identity("phone", "138 0013 8000"),
        identity("email", "li@example.cn"),
        external("wechat", "openid-1"),
    ]);
    body["profile"] =
        json!({"name": "李雷", "birthday": "1990-05-17", "region": {"province": "浙江", "district": "西湖"}});
    body["channel"] = json!("store:0042");
    let member = id_of(&shop.call_with("POST", "/register", &body, Some("k1")).await.body);
    let mut again = body.clone();
    again["identities"][0]["verified"] = json!(true);
    shop.call_with("POST", "/register", &again, Some("k2")).await;
    let by_phone = json!({"identity": identity("phone", "13800138000"), "brand": "acme", "order_id": "A-1", "amount": "100"});
    shop.call_with("POST", "/earn-points", &by_phone, Some("k3")).await;
    shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"name": "Han Meimei"}})).await;
    let ledger = shop.ledger(&member, 50).await;

    let path = format!("/members/{member}");
    let held = shop.snapshot().await;
    assert!(!leaks(&held, &secrets).is_empty(), "this test looks for the wrong thing");
    let erased = shop.ok("DELETE", &path, Value::Null).await;
    let want = json!({"status": "erased", "identities": [], "profile": {}, "consents": {}, "brand": null, "channel": null, "terms_version": null});
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(&erased[name], value, "{name}");
    }
    assert_eq!(shop.show(&member).await, erased);
    let after = shop.snapshot().await;
    assert_eq!(leaks(&after, &secrets), Vec::<String>::new());

    let kept = shop.ledger(&member, 50).await;
    assert_eq!(kept[kept.len() - ledger.len()..], ledger, "entries are never changed or removed");
    assert_eq!(erased["points"]["available"], 0);
    let told = json!({"member_id": member, "brand": "acme", "order_id": "A-2", "amount": "1"});
    shop.refused("409 member_not_active", "POST", "/earn-points", told).await;
    shop.refused("404 member_not_found", "PATCH", &path, json!({"profile": {"name": "x"}})).await;
    shop.refused(
        "409 member_not_active",
        "POST",
        &format!("{path}/status"),
        json!({"status": "active", "reason": "r"}),
    )
    .await;
    let mut next = by_phone.clone();
    next["order_id"] = json!("A-3");
    shop.refused("404 member_not_found", "POST", "/earn-points", next).await;
    assert_eq!(shop.ok("DELETE", &path, Value::Null).await, erased, "erasing again does no more");

    let anew = shop.call_with("POST", "/register", &body, None).await;
    assert_eq!(anew.status, 201, "the identities can be claimed again");
    assert_ne!(id_of(&anew.body), member);
    // The order stays known: it does not earn again.
    let mut again = by_phone;
    again["amount"] = json!("101");
    shop.refused("409 order_conflict", "POST", "/earn-points", again).await;
}

fn leaks(records: &[(engine::store::Key, engine::store::Record)], secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (key, record) in records {
        for secret in secrets {
            let within = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            if within(key.as_bytes()) || within(&record.value) {
                found.push(format!("{secret} in {key:?}"));
            }
        }
    }
    found
}

#[tokio::test]
async fn who_is_not_active_earns_and_redeems_nothing() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    shop.redeem(&member, "R-1", 10).await;
    let order = json!({"member_id": member, "brand": "acme", "order_id": "A-2", "amount": "1"});
    let visit = json!({"member_id": member, "brand": "acme", "activity": "check_in"});
    let redeem = json!({"member_id": member, "brand": "acme", "points": 1, "for": {"kind": "order", "order_id": "R-2"}});
    let badge = json!({"member_id": member, "badge": "founder"});
    let asked =
        [("/earn-points", &order), ("/earn-points", &visit), ("/redeem", &redeem), ("/issue-badge", &badge)];
    let done = set_status(&shop, &member, "suspended").await;
    assert_eq!(
        (&done["entry"]["kind"], &done["entry"]["status"], &done["entry"]["reason"]),
        (&json!("adjust"), &json!("suspended"), &json!("tests"))
    );
    for (path, body) in asked {
        let reply = shop.refused("409 member_not_active", "POST", path, body.clone()).await;
        assert_eq!(reply.body["member_status"], "suspended");
    }
    assert_eq!(shop.show(&member).await["points"]["available"], 90, "a suspended member keeps its points");
    // Refunds work whatever the member's status.
    shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": "A-1", "refund": {"amount": "5"}})).await;
    set_status(&shop, &member, "active").await;
    shop.ok("POST", "/earn-points", order.clone()).await;

    let closed = set_status(&shop, &member, "closed").await;
    assert_eq!(closed["balance"]["available"], 0, "closing lets points lapse at once");
    let ledger = shop.ledger(&member, 50).await;
    assert_eq!((&ledger[0]["kind"], &ledger[0]["points"]), (&json!("expire"), &json!(-86)));
    for (path, body) in asked {
        // The order is known: its answer is repeated, as always.
        if body != &order {
            let reply = shop.refused("409 member_not_active", "POST", path, body.clone()).await;
            assert_eq!(reply.body["member_status"], "closed");
        }
    }
    for status in ["active", "suspended"] {
        let body = json!({"status": status, "reason": "back"});
        shop.refused("409 member_not_active", "POST", &format!("/members/{member}/status"), body).await;
    }
    let adjust =
        json!({"member_id": member, "brand": "acme", "points": 5, "reason": "r", "adjustment_id": "d-1"});
    shop.refused("409 member_not_active", "POST", "/adjust", adjust).await;
}

/// A programme of another region reads the same digits differently.
#[tokio::test]
async fn phones_are_of_the_programmes_region() {
    let mut program = program();
    program["default_region"] = json!("US");
    let shop = Shop::open(&program, START).await;
    let made = shop.ok("POST", "/register", registration(&[identity("phone", "(415) 555-2671")])).await;
    assert_eq!(made["member"]["identities"][0]["value"], "+14155552671");
    shop.refused(
        "422 invalid_field",
        "POST",
        "/register",
        registration(&[identity("phone", "0138 0013 8000")]),
    )
    .await;
}
