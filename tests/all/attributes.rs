//! Attributes 自定义资料: what a programme declares of a person beside name and birthday.

use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Reply, START, Shop, program};

/// The usual programme with an attribute of each kind, and one of staff.
fn declared() -> Value {
    let named = |id: &str| json!({"id": id, "name": {"zh": "名称", "en": id}});
    let mut program = program();
    program["attributes"] = json!([
        {"id": "job", "name": {"zh": "职业", "en": "Occupation"}, "kind": "choice", "values": [named("chef"), named("nurse")]},
        {"id": "hobby", "kind": "choices", "values": [named("tea"), named("chess"), named("go")]},
        {"id": "children", "kind": "number"},
        {"id": "married_on", "kind": "date"},
        {"id": "dog", "kind": "flag"},
        {"id": "wish", "kind": "text"},
        {"id": "note", "kind": "text", "staff": true},
        {"id": "score", "kind": "number", "staff": true},
    ]);
    program
}

fn full() -> Value {
    json!({"job": "chef", "hobby": ["tea", "chess"], "children": "2", "married_on": "2010-10-10", "dog": false,
           "wish": "a quiet\ntable 静"})
}

async fn register_as(shop: &Shop, key: &str, attributes: &Value) -> Reply {
    let identity = json!({"kind": "external", "channel": "c", "value": shop.fresh().to_string()});
    let body = json!({"brand": "acme", "identities": [identity], "profile": {"attributes": attributes}});
    shop.call_as(key, "POST", "/register", &body, None).await
}

async fn registered(shop: &Shop, attributes: &Value) -> String {
    let made = register_as(shop, ADMIN_KEY, attributes).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["member"]["id"].as_str().unwrap().to_owned()
}

async fn patch_as(shop: &Shop, key: &str, member: &str, attributes: &Value) -> Reply {
    let body = json!({"profile": {"attributes": attributes}});
    shop.call_as(key, "PATCH", &format!("/members/{member}"), &body, None).await
}

async fn own(shop: &Shop, member: &str) -> Value {
    shop.show(member).await["profile"]["attributes"].clone()
}

#[tokio::test]
async fn attributes_are_set_changed_and_taken_away() {
    let shop = Shop::open(&declared(), START).await;
    let member = registered(&shop, &full()).await;
    assert_eq!(own(&shop, &member).await, full());
    for (sent, want) in [
        (json!({"job": "nurse", "children": "2.50"}), json!({"job": "nurse", "children": "2.5"})),
        (json!({"hobby": ["go", "tea"], "dog": true}), json!({"hobby": ["tea", "go"], "dog": true})),
        (json!({"hobby": [], "note": "rude\nonce"}), json!({"hobby": [], "note": "rude\nonce"})),
        (json!({"job": null, "wish": null}), json!({"job": null, "wish": null})),
    ] {
        let before = own(&shop, &member).await;
        let reply = patch_as(&shop, ADMIN_KEY, &member, &sent).await;
        assert_eq!(reply.status, 200, "{sent}: {}", reply.body);
        let mut expected = before;
        for (id, value) in want.as_object().unwrap() {
            match value {
                Value::Null => _ = expected.as_object_mut().unwrap().remove(id),
                value => expected[id] = value.clone(),
            }
        }
        assert_eq!(own(&shop, &member).await, expected, "{sent}");
    }
    // None is left out; and all at once.
    assert_eq!(patch_as(&shop, ADMIN_KEY, &member, &Value::Null).await.status, 200);
    assert_eq!(shop.show(&member).await["profile"], json!({}));
}

#[tokio::test]
async fn what_is_no_value_is_refused() {
    let shop = Shop::open(&declared(), START).await;
    let member = registered(&shop, &full()).await;
    let before = shop.snapshot().await;
    for (sent, want) in [
        (json!({"job": "king"}), "/profile/attributes/job unknown_value"),
        (json!({"hobby": ["tea", "war"]}), "/profile/attributes/hobby unknown_value"),
        (json!({"hobby": "tea"}), "/profile/attributes/hobby wrong_type"),
        (json!({"children": "two"}), "/profile/attributes/children wrong_format"),
        (json!({"children": 2}), "/profile/attributes/children wrong_type"),
        (json!({"married_on": "2010-13-01"}), "/profile/attributes/married_on wrong_format"),
        (json!({"dog": "yes"}), "/profile/attributes/dog wrong_type"),
        (json!({"wish": ""}), "/profile/attributes/wish out_of_range"),
        (json!({"nothing": "x"}), "/profile/attributes/nothing unknown_attribute"),
    ] {
        let reply = patch_as(&shop, ADMIN_KEY, &member, &sent).await;
        assert_eq!(
            (reply.verdict().as_str(), reply.faults()),
            ("422 invalid_field", vec![want.to_owned()]),
            "{sent}"
        );
        let reply = register_as(&shop, ADMIN_KEY, &sent).await;
        assert_eq!(
            (reply.verdict().as_str(), reply.faults()),
            ("422 invalid_field", vec![want.to_owned()]),
            "{sent}"
        );
    }
    let both = patch_as(&shop, ADMIN_KEY, &member, &json!({"job": "king", "children": "x"})).await;
    assert_eq!(both.faults().len(), 2, "{}", both.body);
    assert!(before == shop.snapshot().await, "a refusal wrote something");
}

/// Attributes of staff are set and seen by staff alone.
#[tokio::test]
async fn attributes_of_staff_are_for_staff() {
    let shop = Shop::open(&declared(), START).await;
    let (_, till) = shop.caller(&["storefront"], None).await;
    let (_, operator) = shop.caller(&["operator"], None).await;
    assert_eq!(register_as(&shop, &till, &json!({"note": "x"})).await.verdict(), "403 forbidden");
    let made = register_as(&shop, &till, &json!({"job": "chef"})).await;
    assert_eq!((made.status, &made.body["member"]["profile"]["attributes"]), (201, &json!({"job": "chef"})));
    let member = made.body["member"]["id"].as_str().unwrap().to_owned();
    let path = format!("/members/{member}");
    let token = shop.ok("POST", &format!("{path}/tokens"), json!({"minutes": 5})).await;
    let token = token["token"].as_str().unwrap().to_owned();
    assert_eq!(patch_as(&shop, &operator, &member, &json!({"note": "rude", "score": "3"})).await.status, 200);
    // The member changes its own, and neither sees nor takes away what is of staff.
    for (sent, want) in [
        (json!({"dog": true}), "200"),
        (json!({"note": "nice"}), "403 forbidden"),
        (json!({"note": null}), "403 forbidden"),
        (Value::Null, "200"),
    ] {
        assert_eq!(patch_as(&shop, &token, &member, &sent).await.verdict(), want, "{sent}");
    }
    let staff = json!({"note": "rude", "score": "3"});
    for (key, want) in
        [(ADMIN_KEY, &staff), (&operator, &staff), (&till, &Value::Null), (&token, &Value::Null)]
    {
        let shown = shop.call_as(key, "GET", &path, &Value::Null, None).await;
        assert_eq!(&shown.body["profile"]["attributes"], want);
    }
    assert_eq!(patch_as(&shop, &till, &member, &json!({"dog": true})).await.verdict(), "403 forbidden");
}

#[tokio::test]
async fn a_correction_of_attributes_goes_on_top_of_what_was_read() {
    let shop = Shop::open(&declared(), START).await;
    let member = registered(&shop, &json!({"job": "chef"})).await;
    let path = format!("/members/{member}");
    let tag = shop.call("GET", &path, Value::Null).await.header("etag").to_owned();
    assert_eq!(patch_as(&shop, ADMIN_KEY, &member, &json!({"job": "nurse"})).await.status, 200);
    let bearer = format!("Bearer {ADMIN_KEY}");
    let headers = [("authorization", bearer.as_str()), ("if-match", tag.as_str())];
    let body = json!({"profile": {"attributes": {"dog": true}}}).to_string();
    let stale = shop.send("PATCH", &path, &headers, body.as_bytes()).await;
    assert_eq!(stale.verdict(), "412 version_conflict");
}

/// Told again, what is missing is added and what is there stays; a member's attributes have 32 KiB together.
#[tokio::test]
async fn attributes_are_added_and_bounded() {
    let shop = Shop::open(&declared(), START).await;
    let known = json!({"kind": "external", "channel": "c", "value": "1", "verified": true});
    let register = async |attributes: Value| {
        let body = json!({"brand": "acme", "identities": [known], "profile": {"attributes": attributes}});
        shop.ok("POST", "/register", body).await["member"]["profile"]["attributes"].clone()
    };
    assert_eq!(register(json!({"job": "chef"})).await, json!({"job": "chef"}));
    assert_eq!(register(json!({"job": "nurse", "dog": true})).await, json!({"job": "chef", "dog": true}));
    let mut program = declared();
    let long = "字".repeat(2_000);
    let ids: Vec<String> = (0..6).map(|number| format!("t{number}")).collect();
    program["attributes"] = json!(ids.iter().map(|id| json!({"id": id, "kind": "text"})).collect::<Vec<_>>());
    let shop = Shop::open(&program, START).await;
    let told = |count: usize| {
        json!(ids[..count].iter().map(|id| (id.clone(), json!(long))).collect::<serde_json::Map<_, _>>())
    };
    // Five of 6,000 bytes each fit, six do not.
    let member = registered(&shop, &told(5)).await;
    let reply = patch_as(&shop, ADMIN_KEY, &member, &told(6)).await;
    assert_eq!(
        (reply.verdict().as_str(), &reply.body["limit"]),
        ("422 limit_exceeded", &json!("attributes"))
    );
    assert_eq!(register_as(&shop, ADMIN_KEY, &told(6)).await.verdict(), "422 limit_exceeded");
}

/// One that is gone is kept and shown no more, and comes back; an id's kind stays for ever.
#[tokio::test]
async fn an_attribute_that_is_gone_is_kept() {
    let shop = Shop::open(&declared(), START).await;
    let member = registered(&shop, &full()).await;
    let mut without = declared();
    without["attributes"] = json!([{"id": "dog", "kind": "flag"}]);
    shop.ok("PUT", "/program", without.clone()).await;
    assert_eq!(own(&shop, &member).await, json!({"dog": false}));
    let reply = patch_as(&shop, ADMIN_KEY, &member, &json!({"job": "nurse"})).await;
    assert_eq!(reply.faults(), ["/profile/attributes/job unknown_attribute"]);
    for (attribute, want) in [
        (json!({"id": "job", "kind": "text"}), "/attributes/0/kind unchangeable"),
        (
            json!({"id": "hobby", "kind": "choice", "values": [{"id": "tea"}]}),
            "/attributes/0/kind unchangeable",
        ),
    ] {
        let mut changed = without.clone();
        changed["attributes"] = json!([attribute]);
        let reply = shop.call("PUT", "/program", changed).await;
        assert_eq!(
            (reply.verdict().as_str(), reply.faults()),
            ("422 invalid_program", vec![want.to_owned()])
        );
    }
    shop.ok("PUT", "/program", declared()).await;
    assert_eq!(own(&shop, &member).await, full());
}

#[tokio::test]
async fn attributes_are_facts() {
    let fact = |id: &str, op: &str, value: Value| json!({"fact": format!("attribute.{id}"), "op": op, "value": value});
    let rows = [
        (fact("job", "=", json!("chef")), true),
        (fact("job", "in", json!(["nurse", "chef"])), true),
        (fact("job", "!=", json!("chef")), false),
        (fact("hobby", "contains", json!("chess")), true),
        (fact("hobby", "contains", json!("go")), false),
        (fact("children", ">=", json!(2)), true),
        (fact("children", "<", json!("1.5")), false),
        (fact("children", "between", json!(["1.999999", 2])), true),
        (fact("married_on", "<", json!("2010-10-11")), true),
        (fact("married_on", "before_days", json!(365)), true),
        (fact("married_on", "within_days", json!(365)), false),
        (fact("dog", "=", json!(false)), true),
        (fact("dog", "!=", json!(false)), false),
        (fact("score", "=", json!(1)), false),
        (fact("score", "!=", json!(1)), true),
    ];
    let mut program = declared();
    let tags = rows.iter().enumerate().map(|(row, (when, _))| json!({"id": format!("r{row}"), "when": when}));
    program["tags"] = json!(tags.collect::<Vec<_>>());
    program["badges"] = json!([{"id": "chefs", "when": rows[0].0}]);
    let shop = Shop::open(&program, START).await;
    let member = registered(&shop, &full()).await;
    let want = rows.iter().enumerate().filter(|(_, (_, holds))| *holds).map(|(row, _)| format!("r{row}"));
    assert_eq!(shop.show(&member).await["tags"], json!(want.collect::<Vec<_>>()));
    shop.earn(&member, "A-1", "1").await;
    assert_eq!(shop.show(&member).await["badges"][0]["id"], "chefs");
    // Of one that is gone everybody lacks the fact.
    program["attributes"].as_array_mut().unwrap().remove(0);
    shop.ok("PUT", "/program", program.clone()).await;
    let tags = shop.show(&member).await["tags"].clone();
    let has = |id: &str| tags.as_array().unwrap().contains(&json!(id));
    assert_eq!((has("r0"), has("r1"), has("r2"), has("r3")), (false, false, true, true), "{tags}");
}

#[tokio::test]
async fn what_a_programme_may_say_of_attributes() {
    let choice = |values: Value| json!([{"id": "a", "kind": "choice", "values": values}]);
    let when = |fact: &str, op: &str, value: Value| json!({"fact": fact, "op": op, "value": value});
    let never = json!(null);
    for (attributes, condition, want) in [
        (json!([{"id": "a", "kind": "flag"}]), never.clone(), ""),
        (json!([{"id": "a", "kind": "colour"}]), never.clone(), "/attributes/0/kind wrong_format"),
        (json!([{"id": "a", "kind": "choice"}]), never.clone(), "/attributes/0/values required"),
        (
            json!([{"id": "a", "kind": "flag", "values": [{"id": "b"}]}]),
            never.clone(),
            "/attributes/0/values unknown_field",
        ),
        (choice(json!([{"id": "b"}, {"id": "b"}])), never.clone(), "/attributes/0/values/1/id duplicate"),
        (
            json!([{"id": "a", "kind": "flag"}, {"id": "a", "kind": "flag"}]),
            never,
            "/attributes/1/id duplicate",
        ),
        (choice(json!([{"id": "b"}])), when("attribute.a", "=", json!("b")), ""),
        (
            choice(json!([{"id": "b"}])),
            when("attribute.a", "=", json!("c")),
            "/badges/0/when/value wrong_type",
        ),
        (choice(json!([{"id": "b"}])), when("attribute.a", "<", json!("b")), "/badges/0/when/op wrong_op"),
        (
            json!([{"id": "a", "kind": "text"}]),
            when("attribute.a", "=", json!("b")),
            "/badges/0/when/op wrong_op",
        ),
        (
            json!([{"id": "a", "kind": "number"}]),
            when("attribute.a", "=", json!("1.1234567")),
            "/badges/0/when/value wrong_type",
        ),
        (
            json!([{"id": "a", "kind": "date"}]),
            when("attribute.a", "=", json!("soon")),
            "/badges/0/when/value wrong_type",
        ),
        // Nobody has ever heard of it.
        (json!([]), when("attribute.b", "=", json!("c")), "/badges/0/when unknown_fact"),
        (json!([]), when("attribute.", "=", json!("c")), "/badges/0/when/fact unknown_fact"),
    ] {
        let mut document = program();
        document["attributes"] = attributes.clone();
        document["badges"] = json!([{"id": "b", "when": condition}]);
        let shop = Shop::usual().await;
        let reply = shop.call("PUT", "/program", document).await;
        let want: Vec<&str> = if want.is_empty() { Vec::new() } else { vec![want] };
        assert_eq!(reply.faults(), want, "{attributes} {condition}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_file_brings_attributes() {
    let shop = Shop::open(&declared(), START).await;
    let import = async |csv: &str, query: &str| {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
        let reply = shop.send("POST", &format!("/import{query}"), &headers, csv.as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let told = reply.body["told"].as_array().unwrap().iter();
        told.map(|told| {
            format!(
                "{} {} {}",
                told["column"].as_str().unwrap(),
                told["landed"].as_str().unwrap(),
                told["code"].as_str().unwrap()
            )
        })
        .collect::<Vec<_>>()
    };
    let header = "phone,brand,attribute.job,attribute.hobby,attribute.children,attribute.married_on,attribute.dog,attribute.wish,attribute.note\n";
    let row = "13800138000,acme,chef,tea;chess,2.0,2010/10/10,否,\"a quiet\ntable 静\",rude\n";
    assert_eq!(import(&format!("{header}{row}"), "").await, Vec::<String>::new());
    let find = json!({"identity": {"kind": "phone", "value": "13800138000"}});
    let member = shop.ok("POST", "/members/find", find).await;
    let mut want = full();
    want["note"] = json!("rude");
    assert_eq!(member["profile"]["attributes"], want);
    // What is no value is left out, or refuses the row; and what the member has otherwise is told.
    let wrong = format!("{header}13800138001,acme,king,war,x,soon,perhaps,w,n\n");
    let columns = ["job", "hobby", "children", "married_on", "dog"];
    let told = |landed: &str, codes: [&str; 5]| {
        columns
            .iter()
            .zip(codes)
            .map(|(id, code)| format!("attribute.{id} {landed} {code}"))
            .collect::<Vec<_>>()
    };
    let codes = ["unknown_value", "unknown_value", "invalid_field", "invalid_field", "invalid_field"];
    assert_eq!(import(&wrong, "?strict=true").await, told("no", codes));
    assert_eq!(import(&wrong, "").await, told("yes", codes));
    assert_eq!(
        import("phone,brand,attribute.job\n13800138000,acme,nurse\n", "?verified=true").await,
        ["attribute.job yes not_added"]
    );
    assert_eq!(
        import("phone,brand,attribute.shoe\n13800138000,acme,44\n", "").await,
        ["attribute.shoe yes unknown_attribute"]
    );
}
