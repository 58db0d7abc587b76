//! A badge may ask who the member is: what decides it is read with the person, for whoever was asked.

use serde_json::{Value, json};

use crate::{
    histories::run,
    support::{START, Shop},
};

/// Which of the badges an order brings to a member who registers with that.
#[track_caller]
fn check(badges: &[(&str, Value)], registered: &Value, want: &[&str]) {
    run(async {
        let badges: Vec<Value> = badges.iter().map(|(id, when)| json!({"id": id, "when": when})).collect();
        let program = json!({
            "name": "Facts", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
            "brands": [{"id": "acme"}, {"id": "bean"}], "points": {"per_unit": "1"}, "growth": {"per_unit": "1"},
            "tiers": [{"id": "basic", "growth": 0}], "badges": badges,
        });
        let shop = Shop::open(&program, START).await;
        let known = json!({"kind": "external", "channel": "wechat", "value": "1"});
        let mut body = json!({"brand": "bean", "identities": [known]});
        for (name, value) in registered.as_object().unwrap() {
            body[name] = value.clone();
        }
        let joined = shop.ok("POST", "/register", body).await;
        let member = joined["member"]["id"].as_str().unwrap().to_owned();
        shop.earn(&member, "A-1", "10").await;
        let shown = shop.show(&member).await["badges"].clone();
        let issued = shown.as_array().unwrap().iter().map(|badge| badge["id"].as_str().unwrap());
        assert_eq!(issued.collect::<Vec<_>>(), want, "{registered}");
    });
}

fn is(fact: &str, value: &Value) -> Value {
    json!({"fact": fact, "op": "=", "value": value})
}

#[test]
fn badges_may_ask_who_the_member_is() {
    let lately = json!({"fact": "orders.count_90d", "op": ">=", "value": 1});
    let badges = [
        ("she", is("gender", &json!("female"))),
        ("hangzhou", is("region.city", &json!("杭州"))),
        ("by_store", is("channel", &json!("store:1"))),
        ("of_bean", is("brand", &json!("bean"))),
        ("of_acme", is("brand", &json!("acme"))),
        ("writes", is("consent.email", &json!(true))),
        ("may_day", is("birthday.month_day", &json!("05-17"))),
        ("grown", json!({"fact": "age", "op": ">=", "value": 18})),
        // Both what was and who it is.
        ("she_lately", json!({"all": [is("gender", &json!("female")), lately]})),
    ];
    let full = json!({
        "profile": {"gender": "female", "birthday": "1990-05-17", "region": {"city": "杭州"}},
        "consents": {"email": true}, "channel": "store:1",
    });
    let all = ["she", "hangzhou", "by_store", "of_bean", "writes", "may_day", "grown", "she_lately"];
    check(&badges, &full, &all);
    check(&badges, &json!({}), &["of_bean"]);
    let child =
        json!({"profile": {"birthday": "2015-05-18", "gender": "male"}, "consents": {"email": false}});
    check(&badges, &child, &["of_bean"]);
}
