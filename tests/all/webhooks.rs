//! The routes of webhooks: who has which, what is refused, and that secrets are shown once.

use std::sync::{Arc, Mutex};

use engine::{keys, memory::MemoryStore};
use serde_json::{Value, json};

use crate::{
    instances::Between,
    support::{START, Shop, coalition, program},
};

fn hook(url: &str) -> Value {
    json!({"url": url, "types": ["points.*"]})
}

#[tokio::test]
async fn what_a_webhook_may_not_be() {
    let shop = Shop::usual().await;
    let good = "https://hooks.example.com/laurel";
    for (body, want) in [
        (json!({"url": good, "types": []}), "/types list_length"),
        (json!({"url": good}), "/types required"),
        (json!({"types": ["*"]}), "/url required"),
        (
            json!({"url": good, "types": ["points.*", "point.*", "tier"]}),
            "/types/1 unknown_type /types/2 unknown_type",
        ),
        (
            json!({"url": "http://hooks.example.com/", "types": ["x"]}),
            "/url https_only /types/0 unknown_type",
        ),
        (json!({"url": "https://me:word@hooks.example.com/", "types": ["*"]}), "/url no_password"),
        (json!({"url": "https://169.254.169.254/", "types": ["*"]}), "/url address_refused"),
        (json!({"url": "https://2130706433/", "types": ["*"]}), "/url address_refused"),
        (json!({"url": "https://[::ffff:10.0.0.1]/", "types": ["*"]}), "/url address_refused"),
        (json!({"url": "hooks", "types": ["*"]}), "/url wrong_format"),
        (json!({"url": good, "types": ["*"], "secret": "whsec_own"}), "/secret unknown_field"),
    ] {
        let reply = shop.refused("422 invalid_field", "POST", "/webhooks", body.clone()).await;
        let faults = reply.faults().join(" ");
        // How a list that is too short is called is the shape's.
        assert!(
            faults == want || (want == "/types list_length" && faults.starts_with("/types ")),
            "{body}: {faults}"
        );
    }
    let unknown = json!({"url": good, "types": ["*"], "brand": "nobody"});
    shop.refused("404 brand_not_found", "POST", "/webhooks", unknown).await;
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_never_stored_open() {
    let shop = Shop::usual().await;
    let made = shop.ok("POST", "/webhooks", hook("https://hooks.example.com/laurel")).await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(id.starts_with("whk_") && secret.starts_with("whsec_") && secret.len() == 6 + 32, "{made}");
    assert_eq!((&made["status"], &made["brand"]), (&json!("enabled"), &Value::Null));
    let path = format!("/webhooks/{id}");
    let shown = shop.ok("GET", &path, Value::Null).await;
    let mut want = made.clone();
    want.as_object_mut().unwrap().remove("secret");
    assert_eq!(shown, want);
    assert_eq!(shop.ok("GET", "/webhooks", Value::Null).await["webhooks"], json!([want]));
    let raw = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &secret[6..]).unwrap();
    for (key, record) in shop.snapshot().await {
        let holds = |part: &[u8]| record.value.windows(part.len()).any(|own| own == part);
        assert!(!holds(&raw) && !holds(secret.as_bytes()), "{key:?}");
    }
    let patched = shop.ok("PATCH", &path, json!({"description": "till", "types": ["*"]})).await;
    assert_eq!((&patched["description"], &patched["types"]), (&json!("till"), &json!(["*"])));
    let bare = shop.ok("PATCH", &path, json!({"description": null})).await;
    assert_eq!(bare["description"], Value::Null);
    let fault = shop.refused("422 invalid_field", "PATCH", &path, json!({"url": "https://127.0.0.1/"})).await;
    assert_eq!(fault.faults(), ["/url address_refused"]);
    shop.ok("DELETE", &path, Value::Null).await;
    shop.refused("404 webhook_not_found", "GET", &path, Value::Null).await;
}

#[tokio::test]
async fn there_are_twenty_and_five_of_a_brand() {
    let shop = Shop::open(&coalition(), crate::support::START).await;
    let of =
        |brand: Option<&str>| json!({"url": "https://hooks.example.com/", "types": ["*"], "brand": brand});
    for brand in ["acme", "bean", "moon"] {
        for _ in 0..5 {
            shop.ok("POST", "/webhooks", of(Some(brand))).await;
        }
        shop.refused("422 limit_exceeded", "POST", "/webhooks", of(Some(brand))).await;
    }
    for _ in 0..5 {
        shop.ok("POST", "/webhooks", of(None)).await;
    }
    shop.refused("422 limit_exceeded", "POST", "/webhooks", of(None)).await;
}

/// A storefront that is bound to a brand has its brand's, and knows of no other.
#[tokio::test]
async fn a_storefront_has_its_brands_webhooks() {
    let shop = Shop::usual().await;
    let (_, acme) = shop.caller(&["storefront"], Some("acme")).await;
    let (_, bean) = shop.caller(&["storefront"], Some("bean")).await;
    let (_, nobodys) = shop.caller(&["storefront"], None).await;
    let url = hook("https://hooks.example.com/");
    let made = shop.call_as(&acme, "POST", "/webhooks", &url, None).await;
    assert_eq!((made.status, &made.body["brand"]), (201, &json!("acme")), "{}", made.body);
    let path = format!("/webhooks/{}", made.body["id"].as_str().unwrap());
    let staffs = shop.ok("POST", "/webhooks", url.clone()).await;
    let staffs = format!("/webhooks/{}", staffs["id"].as_str().unwrap());
    for (key, path, want) in [
        (&acme, &path, "200"),
        (&bean, &path, "404 webhook_not_found"),
        (&acme, &staffs, "404 webhook_not_found"),
        (&nobodys, &path, "403 forbidden"),
    ] {
        assert_eq!(shop.call_as(key, "GET", path, &Value::Null, None).await.verdict(), want, "{path}");
    }
    assert_eq!(shop.call_as(&nobodys, "POST", "/webhooks", &url, None).await.verdict(), "403 forbidden");
    let other = json!({"url": "https://hooks.example.com/", "types": ["*"], "brand": "bean"});
    assert_eq!(shop.call_as(&acme, "POST", "/webhooks", &other, None).await.verdict(), "403 forbidden");
    let listed = shop.call_as(&bean, "GET", "/webhooks", &Value::Null, None).await;
    assert_eq!(listed.body["webhooks"], json!([]));
}

#[tokio::test]
async fn what_to_send_again_is_an_event_or_a_time() {
    let shop = Shop::usual().await;
    let made = shop.ok("POST", "/webhooks", hook("https://hooks.example.com/")).await;
    let path = format!("/webhooks/{}/redeliver", made["id"].as_str().unwrap());
    let at = "2026-01-01T00:00:00Z";
    for (body, want) in [
        (json!({}), vec!["/since required", "/until required"]),
        (json!({"since": at}), vec!["/until required"]),
        (json!({"event_id": "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "since": at}), vec!["/since unknown_field"]),
    ] {
        assert_eq!(shop.refused("422 invalid_field", "POST", &path, body).await.faults(), want);
    }
    let listed = format!("/webhooks/{}/deliveries", made["id"].as_str().unwrap());
    for (query, want) in
        [("status=bad", "/query/status wrong_format"), ("cursor=evt_1.1", "/query/cursor wrong_format")]
    {
        let reply = shop.refused("422 invalid_field", "GET", &format!("{listed}?{query}"), Value::Null).await;
        assert_eq!(reply.faults(), [want]);
    }
}

/// Two instances over one store, and what happens between the first one's steps.
async fn two() -> (Shop, Arc<Shop>, Arc<Between>) {
    let inner = Arc::new(MemoryStore::new());
    let second = Arc::new(Shop::over(inner.clone(), &program(), START).await);
    let between = Arc::new(Between::new(inner));
    (Shop::over(between.clone(), &program(), START).await, second, between)
}

/// A webhook for which the twin of its request took the last room is the twin's.
#[tokio::test]
async fn a_webhook_is_not_refused_by_its_twin() {
    let (first, second, between) = two().await;
    let body = json!({"url": "https://hooks.example.com/", "types": ["*"], "brand": "acme"});
    for _ in 0..4 {
        second.ok("POST", "/webhooks", body.clone()).await;
    }
    // The key of a remembered request follows from caller, function and key alone.
    let elsewhere = Shop::usual().await;
    elsewhere.call_with("POST", "/webhooks", &body, Some("k")).await;
    let all = elsewhere.snapshot().await;
    let requests = all.iter().filter(|(key, _)| key.kind() == keys::kind::REQUEST);
    let (request, _) = requests.last().expect("it is remembered");
    let (other, heard) = (second.clone(), Arc::new(Mutex::new(None)));
    let (told, twin) = (heard.clone(), body.clone());
    between.after_reading(request.clone(), async move {
        *told.lock().unwrap() = Some(other.call_with("POST", "/webhooks", &twin, Some("k")).await);
    });
    let mine = first.call_with("POST", "/webhooks", &body, Some("k")).await;
    let theirs = heard.lock().unwrap().take().expect("the twin has asked");
    assert_eq!((mine.status, theirs.status), (201, 201), "{} {}", mine.body, theirs.body);
    assert!(mine.bytes == theirs.bytes && mine.replayed());
}

/// Two rotations at the same moment are two secrets, and each answer tells its own.
#[tokio::test]
async fn two_rotations_at_once_are_two_secrets() {
    let (first, second, between) = two().await;
    let body = json!({"url": "https://hooks.example.com/", "types": ["*"]});
    let made = second.ok("POST", "/webhooks", body).await;
    let path = format!("/webhooks/{}/rotate", made["id"].as_str().unwrap());
    let (other, heard) = (second.clone(), Arc::new(Mutex::new(None)));
    let (told, same) = (heard.clone(), path.clone());
    between.after_reading(keys::webhooks(), async move {
        *told.lock().unwrap() = Some(other.ok("POST", &same, json!({})).await);
    });
    let mine = first.call_with("POST", &path, &json!({}), Some("m")).await;
    let theirs = heard.lock().unwrap().take().expect("the other has asked");
    let all = first.api.engine.webhooks().all().await.unwrap();
    let open = |sealed: &[u8]| first.api.secrets.open(&all[0].id.0, sealed).unwrap();
    let known: Vec<String> =
        all[0].secrets.iter().map(|own| edge::webhook::shown_secret(&open(&own.sealed))).collect();
    let told: Vec<&str> = [&made, &theirs, &mine.body].map(|body| body["secret"].as_str().unwrap()).into();
    assert_eq!(told, known);
    let again = first.call_with("POST", &path, &json!({}), Some("m")).await;
    assert_eq!(again.body["secret"], mine.body["secret"]);
}
