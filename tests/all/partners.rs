//! Partners' keys through their life: two at a time, shown once, sealed, and the same answer to a repeat.

use domain::id::BrandId;
use std::{collections::BTreeSet, sync::Arc};

use engine::{memory::MemoryStore, records::KeyRecord};
use laurel_tests::partner::{Partner, Secret};
use serde_json::{Value, json};
use store_dynamodb::Metered;

use crate::{
    histories::run,
    support::{START, Shop, coalition},
};

const KEYS: &str = "/partners/moon/keys";

async fn shop() -> Shop {
    Shop::open(&coalition(), START).await
}

fn order() -> Value {
    json!({"member_id": "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "brand": "moon", "order_id": "A-1", "amount": "10"})
}

/// Whether the partner's signature is accepted.
async fn signs(shop: &Shop, partner: &Partner) -> bool {
    shop.call_signed(partner, "POST", "/earn-points", &order(), None).await.status != 401
}

#[tokio::test]
async fn two_keys_take_each_others_place() {
    let shop = shop().await;
    let hmac = json!({"alg": "hmac-sha256"});
    let first = shop.ok("POST", KEYS, hmac.clone()).await;
    let second = shop.register_key("moon", &Partner::ed25519(1)).await;
    let first = Partner::hmac().registered(&first);
    assert!(matches!(&first.secret, Secret::Hmac(secret) if secret.len() == 32));
    assert!(signs(&shop, &first).await && signs(&shop, &second).await);
    shop.refused("409 too_many_keys", "POST", KEYS, hmac.clone()).await;
    shop.ok("DELETE", &format!("{KEYS}/{}", first.keyid), Value::Null).await;
    assert!(!signs(&shop, &first).await && signs(&shop, &second).await);
    let third = Partner::hmac().registered(&shop.ok("POST", KEYS, hmac.clone()).await);
    assert!(signs(&shop, &third).await && signs(&shop, &second).await);
    shop.refused("409 too_many_keys", "POST", KEYS, hmac).await;

    let listed = shop.ok("GET", KEYS, Value::Null).await;
    let of = |name: &str| -> Vec<Value> {
        listed["keys"].as_array().unwrap().iter().map(|key| key[name].clone()).collect()
    };
    assert_eq!(of("keyid"), [&first, &second, &third].map(|key| json!(key.keyid)));
    assert_eq!(of("revoked_at"), [json!(START), Value::Null, Value::Null]);
    assert_eq!(of("alg"), ["hmac-sha256", "ed25519", "hmac-sha256"]);
    assert_eq!(of("public_key")[1], second.registration()["public_key"]);
    assert_eq!(of("secret"), [Value::Null, Value::Null, Value::Null], "shown once");
    let page = shop.ok("GET", &format!("{KEYS}?limit=2"), Value::Null).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = shop.ok("GET", &format!("{KEYS}?limit=2&cursor={cursor}"), Value::Null).await;
    assert_eq!((&rest["keys"][0]["keyid"], &rest["next_cursor"]), (&json!(third.keyid), &Value::Null));
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let shop = shop().await;
    let public = |key: Value| json!({"alg": "ed25519", "public_key": key});
    let good = Partner::ed25519(1).registration()["public_key"].as_str().unwrap().to_owned();
    let rows = [
        (json!({}), "/alg required"),
        (json!({"alg": "rsa-pss-sha512"}), "/alg wrong_format"),
        (json!({"alg": "ed25519"}), "/public_key required"),
        (json!({"alg": "hmac-sha256", "public_key": good}), "/public_key unknown_field"),
        (public(json!("")), "/public_key out_of_range"),
        (public(json!(good[..40])), "/public_key wrong_format"),
        (public(json!(format!("{good}AAAA"))), "/public_key wrong_format"),
        (public(json!(good.replace('=', ""))), "/public_key wrong_format"),
        (public(json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")), "/public_key wrong_format"),
        (public(json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")), "/public_key wrong_format"),
        (public(json!(1)), "/public_key wrong_type"),
        (json!({"alg": "hmac-sha256", "secret": "mine"}), "/secret unknown_field"),
    ];
    for (body, want) in rows {
        let reply = shop.refused("422 invalid_field", "POST", KEYS, body.clone()).await;
        let faults: BTreeSet<String> = reply.faults().into_iter().collect();
        assert!(faults.contains(want), "{body}: {faults:?}");
    }
    let hmac = json!({"alg": "hmac-sha256"});
    for brand in ["acme", "nope"] {
        let path = format!("/partners/{brand}/keys");
        shop.refused("404 brand_not_found", "POST", &path, hmac.clone()).await;
        shop.refused("404 brand_not_found", "GET", &path, Value::Null).await;
    }
    for key in ["pk_01ARZ3NDEKTSV4RRFFQ69G5FAV", "key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x"] {
        shop.refused("404 key_not_found", "DELETE", &format!("{KEYS}/{key}"), Value::Null).await;
    }
    let (_, bound) = shop.caller(&["admin"], Some("acme")).await;
    let reply = shop.call_as(&bound, "POST", KEYS, &hmac, None).await;
    assert_eq!(reply.verdict(), "403 forbidden", "an admin of another brand");
}

/// A repeat under the same key gets the first answer, byte for byte; the secret is nowhere in the store.
#[tokio::test]
async fn a_secret_is_shown_to_a_repeat_and_stored_nowhere() {
    let shop = shop().await;
    let hmac = json!({"alg": "hmac-sha256"});
    let first = shop.call_with("POST", KEYS, &hmac, Some("once")).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let secret = first.body["secret"].as_str().unwrap();
    let partner = Partner::hmac().registered(&first.body);
    let Secret::Hmac(raw) = &partner.secret else { panic!("no secret: {}", first.body) };
    let holds = |record: &[u8], part: &[u8]| record.windows(part.len()).any(|window| window == part);
    for (key, record) in shop.snapshot().await {
        assert!(!holds(&record.value, raw) && !holds(&record.value, secret.as_bytes()), "{key:?}");
    }
    shop.register_key("moon", &Partner::ed25519(1)).await;
    let again = shop.call_with("POST", KEYS, &hmac, Some("once")).await;
    assert_eq!((again.bytes.clone(), again.replayed()), (first.bytes.clone(), true));
    // Even if the key has been revoked since; that does not revive it.
    shop.ok("DELETE", &format!("{KEYS}/{}", partner.keyid), Value::Null).await;
    let again = shop.call_with("POST", KEYS, &hmac, Some("once")).await;
    assert_eq!((again.bytes.clone(), again.replayed()), (first.bytes, true));
    assert!(!signs(&shop, &partner).await);
    let other = Partner::ed25519(2).registration();
    let reused = shop.call_with("POST", KEYS, &other, Some("once")).await;
    assert_eq!(reused.verdict(), "422 idempotency_key_reused");
}

/// However many requests come at once, to however many instances: two keys are live, and equal requests count
/// once.
#[test]
fn two_are_live_under_races() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let mut shops = Vec::new();
        for _ in 0..2 {
            shops.push(Arc::new(Shop::over(store.clone(), &coalition(), START).await));
        }
        for round in 0..5 {
            let asked = (0..12).map(|number| {
                let shop = shops[number % 2].clone();
                let once = (number < 6).then(|| format!("round-{round}"));
                tokio::spawn(async move {
                    let hmac = json!({"alg": "hmac-sha256"});
                    shop.call_with("POST", KEYS, &hmac, once.as_deref()).await
                })
            });
            let asked: Vec<_> = asked.collect();
            let mut made = BTreeSet::new();
            for reply in asked {
                let reply = reply.await.unwrap();
                let verdict = reply.verdict();
                assert!(verdict == "201" || verdict == "409 too_many_keys", "{verdict}");
                made.extend((verdict == "201").then(|| reply.body["keyid"].as_str().unwrap().to_owned()));
            }
            let listed = shops[0].ok("GET", &format!("{KEYS}?limit=200"), Value::Null).await;
            let live = listed["keys"].as_array().unwrap().iter().filter(|key| key["revoked_at"].is_null());
            let live: BTreeSet<String> = live.map(|key| key["keyid"].as_str().unwrap().to_owned()).collect();
            assert_eq!((live.len(), &live), (2, &made), "what was answered is what there is");
            for keyid in live {
                shops[1].ok("DELETE", &format!("{KEYS}/{keyid}"), Value::Null).await;
            }
        }
    });
}

/// Revoked keys are kept as long as a repeat may need them, and then make room.
#[tokio::test]
async fn revoked_keys_go_in_time() {
    let shop = shop().await;
    for _ in 0..3 {
        let made = shop.ok("POST", KEYS, json!({"alg": "hmac-sha256"})).await;
        let path = format!("{KEYS}/{}", made["keyid"].as_str().unwrap());
        shop.ok("DELETE", &path, Value::Null).await;
    }
    let kept =
        async || shop.api.engine.partners().partner_keys(&BrandId::of_checked("moon")).await.unwrap().len();
    for (at, left) in [("2026-04-02T09:59:59+08:00", 4), ("2026-04-02T10:00:00+08:00", 2)] {
        shop.at(at);
        shop.register_key("moon", &Partner::ed25519(1)).await;
        assert_eq!(kept().await, left, "{at}");
    }
}

/// A newer line of the master key seals new secrets; secrets sealed by an older one still open, and are
/// resealed on demand.
#[tokio::test]
async fn the_master_key_is_rotated_under_partners() {
    const FIRST: &str = "tests-master-key-0123456789abcdef";
    let store = Arc::new(MemoryStore::new());
    let old = Shop::over(store.clone(), &coalition(), START).await;
    let partner = old.register_key("moon", &Partner::hmac()).await;
    let mut new = Shop::over(store.clone(), &coalition(), START).await;
    let api = Arc::get_mut(&mut new.api).unwrap();
    api.secrets = edge::Secrets::new(format!("{FIRST}\nanother-master-key-0123456789abcdef").as_bytes());
    new.api.refresh().await.unwrap();
    assert!(signs(&new, &partner).await, "sealed under the first line");

    let newest = async || {
        let keys = new.api.engine.partners().partner_keys(&BrandId::of_checked("moon")).await.unwrap();
        let is_newest = |key: &KeyRecord| match key {
            KeyRecord::HmacSha256(sealed) => new.api.secrets.is_newest(sealed),
            KeyRecord::Ed25519(_) => false,
        };
        keys.iter().map(|key| is_newest(&key.key)).collect::<Vec<_>>()
    };
    new.register_key("moon", &Partner::hmac()).await;
    assert_eq!(newest().await, [false, true]);
    assert_eq!(new.api.reseal().await.unwrap(), (1, 0));
    assert_eq!((newest().await, new.api.reseal().await.unwrap()), (vec![true, true], (0, 0)));
    new.api.refresh().await.unwrap();
    assert!(signs(&new, &partner).await, "the secret is the same");
    // An instance with only the first line can no longer open it, and that does not bring it down.
    old.api.refresh().await.unwrap();
    assert!(!signs(&old, &partner).await);
    assert_eq!(old.api.reseal().await.unwrap(), (0, 2));
}

/// What a signature costs on DynamoDB: one write unit, for the nonce.
#[tokio::test]
async fn a_signature_costs_one_write_unit() {
    let meter = Arc::new(Metered::new(Arc::new(MemoryStore::new())));
    let shop = Shop::over(meter.clone(), &coalition(), START).await;
    let partner = shop.register_key("moon", &Partner::ed25519(1)).await;
    meter.take();
    let reply = shop.call_signed(&partner, "GET", "/keys", &Value::Null, None).await;
    assert_eq!(reply.verdict(), "403 forbidden");
    let cost = meter.take_cost();
    assert_eq!((cost.write_units, cost.read_units, cost.round_trips), (1, 0, 1), "{cost:?}");
}
