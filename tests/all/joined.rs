//! What a member has of the records that were joined in it: figures, tags, consents, doubles; and who may join them.

use std::sync::Arc;

use engine::{keys, memory::MemoryStore};
use serde_json::{Value, json};

use crate::{
    coalition::coalition,
    family::{PHONES, two, unmerge},
    imports,
    instances::Between,
    merges::{audited, merge},
    support::{START, Shop},
};

/// A third record that shares something with one that was merged is a double of the member.
#[tokio::test]
async fn a_double_of_a_merged_record_is_found() {
    let shop = Shop::usual().await;
    let register = async |name: &str, email: &str, profile: Value| {
        let identities =
            json!([{"kind": "external", "channel": "c", "value": name}, {"kind": "email", "value": email}]);
        let body = json!({"identities": identities, "brand": "acme", "profile": profile});
        shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
    };
    let li = json!({"name": "Li Lei", "birthday": "1990-05-17"});
    let into = register("t", "t@a.example", li.clone()).await;
    let from = register("s", "s@a.example", li.clone()).await;
    let third = register("x", "s+more@a.example", json!({})).await;
    let fourth = register("y", "y@a.example", li).await;
    let pairs = async || {
        let page = shop.ok("GET", "/members/duplicates", Value::Null).await;
        let name = |id: &Value| {
            let names = [("T", &into), ("S", &from), ("X", &third), ("Y", &fourth)];
            names.into_iter().find(|(_, own)| *id == json!(own)).unwrap().0
        };
        let mut pairs: Vec<String> = page["duplicates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| {
                let mut both = [0, 1].map(|at| name(&pair["members"][at]["id"]));
                both.sort_unstable();
                format!("{} {}", both.join(""), pair["reason"].as_str().unwrap())
            })
            .collect();
        pairs.sort();
        pairs
    };
    let apart = ["ST name_birthday", "SX email", "SY name_birthday", "TY name_birthday"];
    assert_eq!(pairs().await, apart);
    let merged = merge(&shop, &into, &from).await;
    // With the fourth both records share the same: it is one pair.
    assert_eq!(pairs().await, ["TX email", "TY name_birthday"]);
    unmerge(&shop, &into, &merged).await;
    assert_eq!(pairs().await, apart);
    merge(&shop, &into, &from).await;
    merge(&shop, &third, &into).await;
    assert_eq!(pairs().await, ["XY name_birthday"]);
}

/// Since when and how somebody agreed is kept, whoever told it.
#[tokio::test]
async fn a_consent_is_kept_with_when_and_how() {
    let shop = Shop::usual().await;
    let identity = json!([{"kind": "phone", "value": PHONES[0], "verified": true}]);
    let register = |consents: Value| json!({"identities": identity, "brand": "acme", "consents": consents});
    let (later, last) = ("2026-03-03T10:00:00+08:00", "2026-03-04T10:00:00+08:00");
    let made =
        shop.ok("POST", "/register", register(json!({"sms": true, "email": false, "app": true}))).await;
    let member = made["member"]["id"].as_str().unwrap();
    shop.at(later);
    // Again as it is, another way, and new.
    let body = json!({"consents": {"sms": true, "email": true, "wechat": false}});
    shop.ok("PATCH", &format!("/members/{member}"), body).await;
    shop.at(last);
    // A registration of somebody known adds what is new.
    shop.ok("POST", "/register", register(json!({"post": true, "app": false}))).await;
    let told = shop.ok("GET", &format!("/members/{member}/export"), Value::Null).await;
    let consent = |channel: &str, given: bool, at: &str, how: &str| json!({"channel": channel, "given": given, "at": at, "how": how});
    let want = [
        consent("app", true, START, "registration"),
        consent("email", true, later, "correction"),
        consent("post", true, last, "registration"),
        consent("sms", true, START, "registration"),
        consent("wechat", false, later, "correction"),
    ];
    assert_eq!(told["consents"], json!(want));
    // What either refused stays refused, since it was.
    let other = shop.somebody().await;
    shop.ok("PATCH", &format!("/members/{other}"), json!({"consents": {"sms": false, "app": true}})).await;
    shop.at("2026-03-05T10:00:00+08:00");
    merge(&shop, member, &other).await;
    let told = shop.ok("GET", &format!("/members/{member}/export"), Value::Null).await;
    assert_eq!(told["consents"][3], consent("sms", false, last, "correction"));
    assert_eq!(told["consents"][0], want[0]);
}

/// Who is no staff proves that both are the same person's.
#[tokio::test]
async fn a_merge_by_others_than_staff_needs_proofs() {
    let shop = Shop::coalition().await;
    let (into, from) = two(&shop).await;
    let (_, till) = shop.caller(&["storefront"], None).await;
    let mut own = Vec::new();
    for member in [&into, &from] {
        let made = shop.ok("POST", &format!("/members/{member}/tokens"), json!({"minutes": 5})).await;
        own.push(made["token"].as_str().unwrap().to_owned());
    }
    let path = format!("/members/{into}/merge");
    let before = shop.snapshot().await;
    for (key, without, with) in [
        (&till, "422 proof_required", "409 proof_invalid"),
        (&own[0], "422 proof_required", "409 proof_invalid"),
        (&own[1], "404 member_not_found", "404 member_not_found"),
    ] {
        let mut body = json!({"member_id": from, "reason": "r"});
        assert_eq!(shop.call_as(key, "POST", &path, &body, None).await.verdict(), without);
        body["proofs"] = json!(["prf_1", "prf_2"]);
        assert_eq!(shop.call_as(key, "POST", &path, &body, None).await.verdict(), with);
    }
    assert!(before == shop.snapshot().await, "a refusal wrote something");
}

/// Orders before Laurel add, as all figures do.
#[tokio::test]
async fn orders_before_laurel_add() {
    for (own, others, want) in [
        (Some((3, "30.50")), Some((4, "10.25")), json!({"orders": 7, "amount": "40.75"})),
        (None, Some((4, "10.25")), json!({"orders": 4, "amount": "10.25"})),
        (Some((3, "30.50")), None, json!({"orders": 3, "amount": "30.50"})),
        (None, None, Value::Null),
    ] {
        let shop = Shop::usual().await;
        let (into, from) = two(&shop).await;
        for (phone, said) in [(PHONES[0], own), (PHONES[1], others)] {
            let Some((orders, amount)) = said else { continue };
            let rows = format!("phone,brand,prior_orders,prior_amount\n{phone},acme,{orders},{amount}\n");
            let sent = imports::send(&shop, "", "text/csv", rows.as_bytes()).await;
            assert_eq!((sent.status, &sent.body["told"]), (200, &json!([])), "{}", sent.body);
        }
        let merged = merge(&shop, &into, &from).await;
        assert_eq!(merged["member"]["stats"]["prior"], want);
        assert_eq!(shop.show(&from).await["stats"]["prior"], want);
        // Whoever brings back what an export says changes nothing.
        if let (Some(orders), Some(amount)) = (want["orders"].as_u64(), want["amount"].as_str()) {
            let rows =
                format!("phone,brand,prior_orders,prior_amount\n{},acme,{orders},{amount}\n", PHONES[0]);
            for query in ["", "?correct=true"] {
                let sent = imports::send(&shop, query, "text/csv", rows.as_bytes()).await;
                assert_eq!((sent.status, &sent.body["told"]), (200, &json!([])), "{}", sent.body);
                assert_eq!(shop.show(&into).await["stats"]["prior"], want);
            }
        }
        let parted = unmerge(&shop, &into, &merged).await;
        let part = |said: Option<(u64, &str)>| {
            said.map_or(Value::Null, |(orders, amount)| json!({"orders": orders, "amount": amount}))
        };
        let [back, left] = [0, 1].map(|at| parted["members"][at]["stats"]["prior"].clone());
        assert_eq!((back, left), (part(others), part(own)));
    }
}

/// What a member has after a merge, of what each of the two had.
#[tokio::test]
async fn what_is_joined_and_how() {
    let mut program = coalition();
    let attribute = |id: &str| json!({"id": id, "name": {"zh": id, "en": id}, "kind": "text"});
    program["attributes"] = json!([attribute("note"), attribute("more")]);
    program["tags"] = json!([{"id": "one"}, {"id": "two"}, {"id": "both"}]);
    program["points"]["expiry"] = json!({"mode": "inactivity", "months": 6});
    program["tiers"][2]["trial"] = json!({"at_percent": 40, "days": 60});
    let shop = Shop::open(&program, START).await;
    let (into, from) = two(&shop).await;
    let does = async |member: &str, path: &str, body: Value| {
        shop.ok("POST", &format!("/members/{member}{path}"), body).await;
    };
    let badge = |member: &str| json!({"member_id": member, "badge": "founder", "reason": "r"});
    shop.ok("POST", "/issue-badge", badge(&from)).await;
    shop.earn(&from, "S-1", "900").await;
    does(&into, "/tags", json!({"add": ["one", "both"], "reason": "r"})).await;
    does(&from, "/tags", json!({"add": ["two", "both"], "reason": "r"})).await;
    for (member, attributes) in [(&into, json!({"note": "T"})), (&from, json!({"note": "S", "more": "S"}))] {
        shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"attributes": attributes}})).await;
    }
    shop.at("2026-04-02T10:00:00+08:00");
    shop.ok("POST", "/issue-badge", badge(&into)).await;
    shop.earn(&into, "T-1", "50").await;
    let others = shop.show(&from).await;
    let own = shop.show(&into).await;

    let merged = merge(&shop, &into, &from).await;

    let member = &merged["member"];
    assert_eq!(member["tags"], json!(["one", "two", "both"]));
    assert_eq!(member["profile"]["attributes"], json!({"note": "T", "more": "S"}));
    let issued = |member: &Value, id: &str| {
        let badges = member["badges"].as_array().unwrap();
        badges.iter().find(|badge| badge["id"] == id).unwrap()["issued_at"].clone()
    };
    for id in ["founder", "first_order"] {
        assert_eq!(issued(member, id), issued(&others, id), "the earlier date of {id}");
    }
    // The tier is the other's, with its own end; so is the trial that runs.
    assert_eq!((&others["tier"]["id"], &own["tier"]["id"]), (&json!("silver"), &json!("basic")));
    for part in ["id", "since", "valid_until", "trial"] {
        assert_eq!(member["tier"][part], others["tier"][part], "{part}");
    }
    assert!(!member["tier"]["trial"].is_null(), "{others}");
    // All points end with the later activity.
    let ends: Vec<&Value> =
        member["points"]["lots"].as_array().unwrap().iter().map(|lot| &lot["expires_at"]).collect();
    assert_eq!(ends, [&own["points"]["lots"][0]["expires_at"]]);
    // What was the other's comes back to it.
    let parted = unmerge(&shop, &into, &merged).await;
    let back = &parted["members"][0];
    assert_eq!(back["tags"], json!(["two", "both"]));
    assert_eq!(back["identities"], others["identities"]);
    assert_eq!(back["profile"], others["profile"]);
    assert_eq!(back["badges"], others["badges"]);
    assert_eq!(back["tier"]["valid_until"], others["tier"]["valid_until"]);
    let kept = &parted["members"][1];
    assert_eq!(kept["tags"], member["tags"]);
    for part in ["id", "since", "valid_until", "trial"] {
        assert_eq!(kept["tier"][part], member["tier"][part], "{part}");
    }
    assert_eq!(kept["identities"], own["identities"]);
    audited(&shop).await;
}

/// More tags by hand than a member may have are not joined.
#[tokio::test]
async fn at_most_fifty_tags_are_joined() {
    let mut program = coalition();
    let name = |number: usize| format!("t{number:02}");
    program["tags"] = (0..60).map(|number| json!({"id": name(number)})).collect();
    let shop = Shop::open(&program, START).await;
    for (first, want) in [(10, "200"), (11, "422 limit_exceeded")] {
        let (into, from) = (shop.somebody().await, shop.somebody().await);
        for (member, range) in [(&into, 0..40), (&from, first..first + 40)] {
            let add: Vec<String> = range.map(name).collect();
            shop.ok("POST", &format!("/members/{member}/tags"), json!({"add": add, "reason": "r"})).await;
        }
        let body = json!({"member_id": from, "reason": "r"});
        let merged = shop.call("POST", &format!("/members/{into}/merge"), body).await;
        assert_eq!(merged.verdict(), want, "{}", merged.body);
    }
}

/// Whatever is asked by the old id is asked of the member.
#[tokio::test]
async fn the_old_id_stands_for_the_member() {
    let shop = Shop::coalition().await;
    let (into, from) = two(&shop).await;
    shop.earn(&into, "T-1", "100").await;
    let reference = shop.linked(&from, "tea").await;
    merge(&shop, &into, &from).await;
    let more = json!({"identity": {"kind": "external", "channel": "more", "value": "1", "verified": true}});
    for (method, path, body) in [
        ("PATCH", "", json!({"profile": {"gender": "f"}, "consents": {"sms": true}})),
        ("POST", "/tags", json!({"add": ["vip"], "reason": "r"})),
        ("POST", "/identities", more),
        ("POST", "/link-code", json!({"brand": "mute"})),
        ("POST", "/tokens", json!({"minutes": 5})),
    ] {
        let reply = shop.call(method, &format!("/members/{from}{path}"), body).await;
        assert!(reply.status < 300, "{path}: {}", reply.body);
        for shown in [&reply.body, &reply.body["member"]].into_iter().filter(|shown| shown["id"].is_string())
        {
            assert_eq!(shown["id"], json!(into), "{path}");
        }
        assert_eq!(shop.show(&from).await, shop.show(&into).await, "{path}");
    }
    let shown = shop.show(&into).await;
    assert_eq!((&shown["profile"]["gender"], &shown["consents"]["sms"]), (&json!("f"), &json!(true)));
    assert_eq!(shown["tags"], json!(["vip"]));
    assert_eq!(shown["identities"].as_array().unwrap().len(), 5);
    for list in ["/activities", "/links", "/ledger"] {
        let [old, new] = [&from, &into].map(|id| format!("/members/{id}{list}"));
        let shown = shop.ok("GET", &old, Value::Null).await;
        assert_eq!(shown, shop.ok("GET", &new, Value::Null).await, "{list}");
    }
    // A code that was asked for by the old id links the member; a reference of before still means it.
    shop.linked(&from, "mute").await;
    let earned = shop.partner_earn("tea", &reference, "O-1", "10").await;
    assert_eq!((earned.status, &earned.body["balance"]["available"]), (200, &json!(110)), "{}", earned.body);
    let links = shop.ok("GET", &format!("/members/{into}/links"), Value::Null).await;
    assert_eq!(links["links"].as_array().unwrap().len(), 2);
    // Closed by the old id, both are.
    let body = json!({"status": "closed", "reason": "r"});
    shop.ok("POST", &format!("/members/{from}/status"), body).await;
    assert_eq!(
        (&shop.show(&into).await["status"], &shop.show(&from).await["status"]),
        (&json!("closed"), &json!("closed"))
    );
    audited(&shop).await;
}

/// A partner that is linked with the member alone scans the other record's card while they are parted: what it is shown
/// under its reference is of whom that means.
#[tokio::test]
async fn a_partner_is_shown_whom_its_reference_means_while_two_are_parted() {
    for spend in [false, true] {
        let inner = Arc::new(MemoryStore::new());
        let other = Arc::new(Shop::over(inner.clone(), &coalition(), START).await);
        let between = Arc::new(Between::new(inner));
        let shop = Shop::over(between.clone(), &coalition(), START).await;
        let (into, from) = two(&shop).await;
        let reference = shop.linked(&into, "tea").await;
        shop.earn(&into, "T-1", "100").await;
        let card = shop.card(&from).await;
        let merged = merge(&shop, &into, &from).await;
        let id = edge::wire::read_member_id(&into).unwrap();
        let member = into.clone();
        between.after_reading(keys::member(id), async move { _ = unmerge(&other, &member, &merged).await });
        let scan = json!({"token": card, "brand": "tea", "spend": spend});
        let scanned = shop.partner("tea", "/scan", scan).await;
        // It was so as it was read, and nothing is committed of it any more.
        if spend {
            assert_eq!(scanned.verdict(), "404 member_not_found", "{}", scanned.body);
        } else {
            let member = &scanned.body["member"];
            assert_eq!(
                (&member["member_ref"], &member["balance"]["available"]),
                (&json!(reference), &json!(100))
            );
        }
    }
}
