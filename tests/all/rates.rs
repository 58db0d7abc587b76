//! Rate limits: what callers see, who is counted, and that a refusal touches nothing. `edge/src/rate.rs`
//! tests time itself, with the buckets.

use std::{sync::Arc, time::Duration};

use edge::{Policy, Rates};
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Shop};

/// A shop whose callers have that many requests an hour: fewer than one comes back during a test.
async fn limited(quota: u32) -> (Shop, String, String) {
    let mut shop = Shop::coalition().await;
    let (_, one) = shop.caller(&["storefront"], Some("acme")).await;
    let (_, two) = shop.caller(&["operator"], None).await;
    let policy = Policy { name: "caller", quota, window: Duration::from_secs(3_600) };
    Arc::get_mut(&mut shop.api).unwrap().rates = Some(Rates::new(policy));
    (shop, one, two)
}

#[tokio::test]
async fn a_caller_that_asks_too_often_is_told_when_to_come_again() {
    let (shop, one, two) = limited(4).await;
    let ask = async |key: &str| shop.call_as(key, "GET", "/program", &Value::Null, None).await;
    for left in [3, 2, 1, 0] {
        let reply = ask(&one).await;
        assert_eq!((reply.status, reply.header("ratelimit-policy")), (200, "\"caller\";q=4;w=3600"));
        let wait = 900 * (4 - left);
        // It is in whole seconds, rounded up, and a moment may have passed.
        let told = [wait, wait - 1].map(|seconds| format!("\"caller\";r={left};t={seconds}"));
        assert!(told.iter().any(|told| told == reply.header("ratelimit")), "{}", reply.header("ratelimit"));
    }
    let before = shop.snapshot().await;
    let refused = shop.call_as(&one, "POST", "/earn-points", &json!({}), None).await;
    assert_eq!(refused.verdict(), "429 too_many_requests", "before the body is looked at");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((890..=900).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit"), format!("\"caller\";r=0;t={wait}"));
    assert!(before == shop.snapshot().await);
    // Each caller has its own, and the admin none.
    assert_eq!(ask(&two).await.status, 200);
    for _ in 0..10 {
        let reply = ask(ADMIN_KEY).await;
        assert_eq!((reply.status, reply.header("ratelimit")), (200, ""));
    }
    let unknown = ask("nobody").await;
    assert_eq!((unknown.status, unknown.header("ratelimit")), (401, ""));
    assert_eq!(ask(&one).await.status, 429);
}

#[tokio::test]
async fn refusals_count_like_answers_and_tokens_for_their_member() {
    let (shop, one, _) = limited(4).await;
    let (member, other) = (shop.somebody().await, shop.somebody().await);
    let mut tokens = Vec::new();
    for member in [&member, &member, &other] {
        let path = format!("/members/{member}/tokens");
        let made = shop.call_as(&one, "POST", &path, &json!({"minutes": 5}), None).await;
        tokens.push(made.body["token"].as_str().unwrap().to_owned());
    }
    let refused = shop.call_as(&one, "PUT", "/program", &json!({}), None).await;
    assert_eq!((refused.status, refused.header("ratelimit").starts_with("\"caller\";r=0;")), (403, true));
    assert_eq!(shop.call_as(&one, "GET", "/program", &Value::Null, None).await.status, 429);
    let path = format!("/members/{member}");
    let read = async |token: &str| shop.call_as(token, "GET", &path, &Value::Null, None).await.status;
    for token in [0, 1, 0, 1] {
        assert_eq!(read(&tokens[token]).await, 200);
    }
    assert_eq!((read(&tokens[0]).await, read(&tokens[1]).await, read(&tokens[2]).await), (429, 429, 404));
}

#[tokio::test]
async fn a_partner_guesses_codes_only_so_often() {
    let (mut shop, ..) = limited(1_000).await;
    let policy = Policy { name: "link-code", quota: 4, window: Duration::from_secs(3_600) };
    Arc::get_mut(&mut shop.api).unwrap().guesses = Rates::new(policy);
    let member = shop.somebody().await;
    let guess = async |brand: &str, code: &str| shop.partner(brand, "/link", json!({"code": code})).await;
    // Codes that are right do not count.
    for _ in 0..10 {
        let code = shop.code(&member, "tea").await;
        assert_eq!(guess("tea", &code).await.status, 200);
    }
    let right = shop.code(&member, "tea").await;
    for _ in 0..4 {
        assert_eq!(guess("tea", "00000-00000-00000").await.verdict(), "404 link_code_not_found");
    }
    // The answer then no longer shows whether a code is right.
    for code in ["00000-00000-00000", &right] {
        let refused = guess("tea", code).await;
        assert_eq!(refused.verdict(), "429 too_many_requests");
        assert_eq!(refused.header("ratelimit-policy"), "\"link-code\";q=4;w=3600");
        assert_eq!(
            refused.header("ratelimit"),
            format!("\"link-code\";r=0;t={}", refused.header("retry-after"))
        );
    }
    let mute = shop.code(&member, "mute").await;
    assert_eq!(guess("mute", &mute).await.status, 200, "another partner's guesses are its own");
}
