//! What must be told at registering, and who may; asked only where somebody becomes a member.

use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, START, Shop, program};

fn with(registration: Value) -> Value {
    let mut program = program();
    program["attributes"] = json!([
        {"id": "job", "kind": "choices", "values": [{"id": "chef"}]},
        {"id": "note", "kind": "text", "staff": true},
    ]);
    program["registration"] = registration;
    program
}

fn external(value: &str) -> Value {
    json!({"kind": "external", "channel": "app", "value": value})
}

#[tokio::test]
async fn what_is_missing_is_told_all_at_once() {
    let required = json!({"required": ["phone", "email", "external.app", "name", "birthday", "gender", "region.city",
                                       "channel", "terms_version", "attribute.job"]});
    let shop = Shop::open(&with(required), START).await;
    let bare = json!({"brand": "acme", "identities": [{"kind": "external", "channel": "other", "value": "1"}],
                      "profile": {"region": {"province": "浙江"}, "attributes": {"job": []}}});
    let before = shop.snapshot().await;
    let reply = shop.refused("422 invalid_field", "POST", "/register", bare).await;
    let pointers = [
        "/identities",
        "/identities",
        "/identities",
        "/profile/name",
        "/profile/birthday",
        "/profile/gender",
        "/profile/region/city",
        "/channel",
        "/terms_version",
        "/profile/attributes/job",
    ];
    assert_eq!(reply.faults(), pointers.map(|pointer| format!("{pointer} required")));
    assert!(before == shop.snapshot().await, "a refusal wrote something");
    let full = json!({
        "brand": "acme", "channel": "web", "terms_version": "1",
        "identities": [{"kind": "phone", "value": "13800138000"}, {"kind": "email", "value": "li@example.cn"}, external("1")],
        "profile": {"name": "Li", "birthday": "1990-05-17", "gender": "male", "region": {"city": "杭州"},
                    "attributes": {"job": ["chef"]}},
    });
    let made = shop.ok("POST", "/register", full).await;
    // Who is known is asked nothing.
    let again = shop.ok("POST", "/register", json!({"brand": "acme", "identities": [external("1")]})).await;
    assert_eq!((&again["created"], &again["member"]["id"]), (&json!(false), &made["member"]["id"]));
}

/// What must be told is not emptied by a correction; what was missing before may stay so.
#[tokio::test]
async fn what_must_be_told_is_not_taken_away() {
    let shop = Shop::open(&with(json!({})), START).await;
    let mut full = json!({"brand": "acme", "identities": [external("1")],
                          "profile": {"name": "Li", "region": {"city": "杭州"}, "attributes": {"job": ["chef"]}}});
    let member =
        shop.ok("POST", "/register", full.clone()).await["member"]["id"].as_str().unwrap().to_owned();
    full["identities"] = json!([external("2")]);
    full["profile"] = json!({});
    let nameless = shop.ok("POST", "/register", full).await["member"]["id"].as_str().unwrap().to_owned();
    shop.ok("PUT", "/program", with(json!({"required": ["name", "region.city", "attribute.job"]}))).await;
    for (profile, want) in [
        (json!({"name": null}), &["/profile/name"][..]),
        (
            json!({"region": null, "attributes": {"job": null}}),
            &["/profile/region/city", "/profile/attributes/job"],
        ),
        (json!({"attributes": {"job": []}}), &["/profile/attributes/job"]),
        (json!({"name": "Lei", "region": {"province": "浙江"}}), &[]),
    ] {
        let path = format!("/members/{member}");
        let reply = shop.call("PATCH", &path, json!({"profile": profile})).await;
        let want: Vec<String> = want.iter().map(|pointer| format!("{pointer} required")).collect();
        assert_eq!(reply.faults(), want, "{profile}: {}", reply.body);
        let reply = shop.call("PATCH", &format!("/members/{nameless}"), json!({"profile": profile})).await;
        assert_eq!(reply.status, 200, "{profile}: {}", reply.body);
    }
}

#[tokio::test]
async fn who_may_register() {
    let fact = |name: &str, op: &str, value: Value| json!({"fact": name, "op": op, "value": value});
    let adults_or_chefs = json!({"all": [
        {"any": [fact("age", ">=", json!(18)), fact("attribute.job", "contains", json!("chef"))]},
        fact("region.city", "!=", json!("上海")), fact("channel", "in", json!(["web", "app"])),
        {"not": fact("gender", "=", json!("secret"))},
    ]});
    let shop = Shop::open(&with(json!({"eligible": adults_or_chefs})), START).await;
    for (row, (channel, profile, want)) in [
        ("web", json!({"birthday": "2008-03-02"}), "201"),
        // Tomorrow.
        ("web", json!({"birthday": "2008-03-03"}), "409 not_admitted"),
        ("web", json!({}), "409 not_admitted"),
        ("web", json!({"attributes": {"job": ["chef"]}}), "201"),
        ("store:1", json!({"birthday": "1990-01-01"}), "409 not_admitted"),
        ("app", json!({"birthday": "1990-01-01", "region": {"city": "上海"}}), "409 not_admitted"),
        ("app", json!({"birthday": "1990-01-01", "gender": "secret"}), "409 not_admitted"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"brand": "acme", "channel": channel, "profile": profile,
                          "identities": [external(&row.to_string())]});
        assert_eq!(shop.call("POST", "/register", body.clone()).await.verdict(), want, "{body}");
    }
    // Who is a member stays one, whatever is told.
    let known = json!({"brand": "acme", "channel": "store:1", "identities": [external("0")]});
    assert_eq!(shop.call("POST", "/register", known).await.status, 200);
}

#[tokio::test]
async fn what_a_programme_may_ask() {
    let fact = |name: &str, op: &str, value: Value| json!({"fact": name, "op": op, "value": value});
    let eligible = |condition: Value| json!({"eligible": condition});
    let at = "/registration";
    for (registration, want) in [
        (json!({"required": ["name", "region.district", "external.wechat", "attribute.job"]}), String::new()),
        (json!({"required": ["nickname"]}), format!("{at}/required/0 wrong_format")),
        (json!({"required": ["name", "region.area51"]}), format!("{at}/required/1 wrong_format")),
        (json!({"required": ["external."]}), format!("{at}/required/0 wrong_format")),
        (json!({"required": ["name", "name"]}), format!("{at}/required/1 duplicate")),
        (json!({"required": ["attribute.none"]}), format!("{at}/required/0 unknown_attribute")),
        (json!({"required": ["attribute.note"]}), format!("{at}/required/0 of_staff")),
        (eligible(fact("age", ">=", json!(18))), String::new()),
        (eligible(fact("growth", ">=", json!(1))), format!("{at}/eligible not_of_a_newcomer")),
        (
            eligible(json!({"any": [fact("age", ">=", json!(18)), fact("tags", "contains", json!("vip"))]})),
            format!("{at}/eligible not_of_a_newcomer"),
        ),
        (eligible(fact("age", "=", json!("old"))), format!("{at}/eligible/value wrong_type")),
        (eligible(fact("attribute.none", "=", json!("x"))), format!("{at}/eligible unknown_fact")),
        (json!({"asked": []}), format!("{at}/asked unknown_field")),
    ] {
        let shop = Shop::usual().await;
        let reply = shop.call("PUT", "/program", with(registration.clone())).await;
        let want: Vec<String> = if want.is_empty() { Vec::new() } else { vec![want] };
        assert_eq!(reply.faults(), want, "{registration}: {}", reply.body);
    }
}

/// A file tells it, and its row lands but with `strict`.
#[tokio::test]
async fn a_file_tells_what_is_missing() {
    let eligible = json!({"fact": "gender", "op": "=", "value": "female"});
    let asked = json!({"required": ["phone", "name", "channel"], "eligible": eligible});
    let shop = Shop::open(&with(asked), START).await;
    let import = async |csv: &str, query: &str| {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
        let reply = shop.send("POST", &format!("/import{query}"), &headers, csv.as_bytes()).await;
        let told = reply.body["told"].as_array().unwrap().iter();
        let told = told.map(|told| {
            let text = |name: &str| told[name].as_str().unwrap();
            format!("{} {} {}", text("column"), text("landed"), text("code"))
        });
        (reply.body["created"].clone(), told.collect::<Vec<_>>())
    };
    let csv = "phone,brand,name,gender,points\n13800138000,acme,,女,5\n13800138001,acme,Li,男,5\n";
    let strict = import(csv, "?strict=true").await;
    let told = [
        "name no invalid_field",
        "registered_channel no invalid_field",
        "registered_channel no invalid_field",
    ];
    assert_eq!(strict, (json!(0), told.map(str::to_owned).to_vec()));
    let told = [
        "name yes invalid_field",
        "registered_channel yes invalid_field",
        "registered_channel yes invalid_field",
        " yes not_admitted",
    ];
    assert_eq!(import(csv, "").await, (json!(2), told.map(str::to_owned).to_vec()));
    // Told again they are known, and nothing is asked.
    assert_eq!(import(csv, "").await.0, json!(0));
    let csv = "phone,brand,name,registered_channel,gender\n13800138002,acme,Li,web,男\n";
    assert_eq!(import(csv, "?strict=true").await, (json!(0), vec![" no not_admitted".to_owned()]));
}
