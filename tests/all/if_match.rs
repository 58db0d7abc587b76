//! `If-Match`: a correction goes only on top of what the `ETag` that was read stands for; and what registering
//! again adds.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    failing::{Failing, Trouble},
    histories::run,
    support::{ADMIN_KEY, Reply, START, Shop, program},
};

async fn tag(shop: &Shop, member: &str) -> String {
    let shown = shop.call("GET", &format!("/members/{member}"), Value::Null).await;
    shown.header("etag").to_owned()
}

async fn correct(shop: &Shop, key: &str, member: &str, tag: &str, body: &Value) -> Reply {
    let (bearer, body) = (format!("Bearer {key}"), body.to_string());
    let headers = [("authorization", bearer.as_str()), ("if-match", tag)];
    shop.send("PATCH", &format!("/members/{member}"), &headers, body.as_bytes()).await
}

fn named(name: &str) -> Value {
    json!({"profile": {"name": name}})
}

#[test]
fn a_correction_goes_on_top_of_what_was_read() {
    run(async {
        let shop = Shop::usual().await;
        let member = shop.somebody().await;
        let (operator, key) = shop.caller(&["operator"], None).await;
        let first = tag(&shop, &member).await;
        assert!(first.len() > 2 && first.starts_with('"') && first.ends_with('"'), "{first}");
        // What is no part of it does not change it.
        shop.earn(&member, "A-1", "600").await;
        assert_eq!(tag(&shop, &member).await, first);
        shop.at("2026-03-02T11:00:00+08:00");
        let corrected = correct(&shop, &key, &member, &first, &named("Li")).await;
        let second = tag(&shop, &member).await;
        assert_eq!((corrected.status, corrected.header("etag")), (200, second.as_str()));
        assert_ne!(second, first);
        shop.at("2026-03-02T12:00:00+08:00");
        let stale = correct(&shop, ADMIN_KEY, &member, &first, &named("Lei")).await;
        assert_eq!(stale.verdict(), "412 version_conflict");
        let (by, at) = (json!(operator), json!("2026-03-02T11:00:00+08:00"));
        assert_eq!((&stale.body["by"], &stale.body["at"]), (&by, &at), "{}", stale.body);
        assert_eq!(shop.show(&member).await["profile"]["name"], "Li");
        for (sent, want) in [
            (second.clone(), "200"),
            ("*".to_owned(), "200"),
            (format!("{first}, {second}"), "200"),
            (format!("W/{second}"), "412 version_conflict"),
            ("\"\"".to_owned(), "412 version_conflict"),
            (String::new(), "412 version_conflict"),
        ] {
            let reply = correct(&shop, ADMIN_KEY, &member, &sent, &named("Li")).await;
            assert_eq!(reply.verdict(), want, "{sent}");
        }
        // The same again changed nothing, so the operator's is the last change; and without If-Match all goes.
        let stale = correct(&shop, ADMIN_KEY, &member, &first, &named("Lei")).await;
        assert_eq!(stale.body["by"], json!(operator));
        shop.ok("PATCH", &format!("/members/{member}"), json!({"consents": {"sms": true}})).await;
        assert_ne!(tag(&shop, &member).await, second);
    });
}

/// The answer of the store is lost, and the correction is there: it is not refused because of itself.
#[test]
fn a_correction_that_was_done_after_a_doubt_is_done() {
    run(async {
        for trouble in [Trouble::DoneButUnknown, Trouble::LostAndUnknown] {
            let store = Arc::new(Failing::new());
            let shop = Shop::over(store.clone(), &program(), START).await;
            let member = shop.somebody().await;
            let first = tag(&shop, &member).await;
            store.fails_with(trouble);
            let corrected = correct(&shop, ADMIN_KEY, &member, &first, &named("Lei")).await;
            assert_eq!(
                (corrected.status, &corrected.body["profile"]["name"]),
                (200, &json!("Lei")),
                "{trouble:?}"
            );
            // The same once more is on top of what is gone.
            let again = correct(&shop, ADMIN_KEY, &member, &first, &named("Han")).await;
            assert_eq!(again.verdict(), "412 version_conflict");
        }
    });
}

/// A consent enters only where nothing was said of its channel, and only if the shop vouches; to a member who has
/// left nothing is added.
#[test]
fn registering_again_adds_what_nobody_said() {
    run(async {
        let shop = Shop::usual().await;
        let register = async |verified: bool, consents: Value| {
            let known = json!({"kind": "external", "channel": "c", "value": "1", "verified": verified});
            let body = json!({"brand": "acme", "identities": [known], "consents": consents});
            shop.ok("POST", "/register", body).await["member"].clone()
        };
        let member = register(true, json!({"email": false})).await["id"].as_str().unwrap().to_owned();
        let consents = async || shop.show(&member).await["consents"].clone();
        register(false, json!({"email": true, "sms": true})).await;
        assert_eq!(consents().await, json!({"email": false}));
        register(true, json!({"email": true, "sms": true})).await;
        assert_eq!(consents().await, json!({"email": false, "sms": true}));
        let closed = json!({"status": "closed", "reason": "r"});
        shop.ok("POST", &format!("/members/{member}/status"), closed).await;
        let before = shop.snapshot().await;
        assert_eq!(register(true, json!({"push": true})).await["status"], "closed");
        assert!(before == shop.snapshot().await, "something was written");
    });
}

/// Its birthday was possible when it was first asked, under a clock that was ahead.
#[test]
fn a_birthday_is_judged_after_the_key() {
    run(async {
        let shop = Shop::usual().await;
        let body = |birthday: &str| {
            json!({"brand": "acme", "identities": [{"kind": "external", "channel": "c", "value": "1"}],
                "profile": {"birthday": birthday}})
        };
        let born = body(&START[..10]);
        let first = shop.call_with("POST", "/register", &born, Some("k")).await;
        assert_eq!(first.status, 201, "{}", first.body);
        let behind =
            Shop::found(shop.api.engine.store().clone(), MASTER_KEY, "2026-03-01T10:00:00+08:00").await;
        let again = behind.call_with("POST", "/register", &born, Some("k")).await;
        assert_eq!((again.status, &again.bytes, again.replayed()), (201, &first.bytes, true));
        let other = behind.call_with("POST", "/register", &born, Some("other")).await;
        assert_eq!(other.verdict(), "422 invalid_field");
    });
}

const MASTER_KEY: &str = "tests-master-key-0123456789abcdef";
