//! Signed requests, as they arrive: which are accepted, once; and which get nothing but 401.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use domain::time::Instant;
use engine::memory::MemoryStore;
use laurel_tests::partner::{Claims, Headers, Partner, digest};
use serde_json::{Value, json};
use store_dynamodb::{DynamoStore, local::Local};

use crate::{
    failing::{Failing, Trouble},
    histories::run,
    support::{ADMIN_KEY, Reply, START, Shop, coalition},
};

const REFUSED: &str = "401 signature_invalid";

/// A partner's request without a member behind it: past the signature it gets another 4xx.
fn order() -> Value {
    json!({"member_id": "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "brand": "moon", "order_id": "A-1", "amount": "10"})
}

/// Whether the signature was accepted, whatever the function then answered.
fn taken(reply: &Reply) -> bool {
    reply.status != 401 && reply.status < 500
}

async fn shop() -> Shop {
    Shop::open(&coalition(), START).await
}

/// A request on its way.
#[derive(Clone)]
struct Sent {
    method: String,
    target: String,
    headers: Headers,
    body: Vec<u8>,
}

impl Sent {
    fn earn(partner: &Partner) -> Sent {
        Sent::claiming(partner, |_| ())
    }

    /// An earn whose signature has the given contents.
    fn claiming(partner: &Partner, change: impl Fn(&mut Claims)) -> Sent {
        let (method, target, body) = ("POST", "/earn-points", order().to_string().into_bytes());
        let own =
            [("content-type", "application/json"), ("idempotency-key", "k-1"), ("host", "laurel.example")];
        let mut claims = partner.claims(&own, &body);
        change(&mut claims);
        let headers = partner.sign_with(method, target, &own, &body, &claims);
        Sent { method: method.to_owned(), target: target.to_owned(), headers, body }
    }

    fn header(&mut self, name: &str) -> &mut String {
        &mut self.headers.iter_mut().find(|(own, _)| own == name).unwrap().1
    }

    fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn swap(&mut self, name: &str, from: &str, to: &str) {
        let header = self.header(name);
        assert!(header.contains(from), "{name}: {header}");
        *header = header.replace(from, to);
    }

    async fn to(&self, shop: &Shop) -> Reply {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(self.target.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        shop.send_request(request.body(Bytes::from(self.body.clone())).unwrap()).await
    }
}

/// Both algorithms, a body or none, an idempotency key or none, a query or none.
#[tokio::test]
async fn a_partner_is_known_by_its_signature() {
    let shop = shop().await;
    for kind in [Partner::ed25519(1), Partner::hmac()] {
        let partner = shop.register_key("moon", &kind).await;
        for key in [None, Some("k-1")] {
            let reply = shop.call_signed(&partner, "POST", "/earn-points", &order(), key).await;
            assert!(taken(&reply), "{}: {}", partner.alg(), reply.body);
        }
        // Known, and not allowed to.
        for path in ["/keys", "/keys?limit=2", "/partners/moon/keys"] {
            let reply = shop.call_signed(&partner, "GET", path, &Value::Null, None).await;
            assert_eq!(reply.verdict(), "403 forbidden", "{} {path}", partner.alg());
        }
    }
}

/// Somebody changes a good request on its way, or its sender builds it wrongly.
#[tokio::test]
async fn every_tampering_is_refused_in_the_same_words() {
    let shop = shop().await;
    let partner = shop.register_key("moon", &Partner::ed25519(1)).await;
    let other = shop.register_key("moon", &Partner::ed25519(2)).await;
    let stranger = Partner { keyid: "pk_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..partner.clone() };
    type Change<'a> = &'a dyn Fn(&mut Sent);
    let second = Sent::earn(&partner);
    let changes: [(&str, Change<'_>); 24] = [
        ("method", &|sent| sent.method = "PUT".to_owned()),
        ("path", &|sent| sent.target = "/redeem".to_owned()),
        ("path's end", &|sent| sent.target = "/earn-points/".to_owned()),
        ("path's spelling", &|sent| sent.target = "/earn-points/%2e".to_owned()),
        ("query", &|sent| sent.target = "/earn-points?limit=1".to_owned()),
        ("body", &|sent| sent.body = sent.body.to_ascii_uppercase()),
        ("no body", &|sent| sent.body.clear()),
        ("body and digest", &|sent| {
            sent.body = sent.body.to_ascii_uppercase();
            *sent.header("content-digest") = digest(&sent.body.clone());
        }),
        ("digest", &|sent| *sent.header("content-digest") = digest(b"other")),
        ("no digest", &|sent| sent.headers.retain(|(name, _)| name != "content-digest")),
        ("idempotency key", &|sent| *sent.header("idempotency-key") = "k-2".to_owned()),
        ("no idempotency key", &|sent| sent.headers.retain(|(name, _)| name != "idempotency-key")),
        ("created", &|sent| sent.swap("signature-input", ";created=", ";created=1")),
        ("nonce", &|sent| sent.swap("signature-input", "nonce-", "nonce_")),
        ("algorithm", &|sent| sent.swap("signature-input", "ed25519", "hmac-sha256")),
        ("key", &|sent| sent.swap("signature-input", &partner.keyid, &other.keyid)),
        ("nobody's key", &|sent| sent.swap("signature-input", &partner.keyid, &stranger.keyid)),
        ("label", &|sent| sent.swap("signature-input", "sig1=", "sig2=")),
        ("no signature", &|sent| sent.headers.retain(|(name, _)| name != "signature")),
        ("no input", &|sent| sent.headers.retain(|(name, _)| name != "signature-input")),
        ("a second signature", &|sent| {
            let mut second = second.clone();
            sent.add("signature-input", &second.header("signature-input").replace("sig1", "sig2"));
            sent.add("signature", &second.header("signature").replace("sig1", "sig2"));
        }),
        ("the same label again", &|sent| {
            let mut second = second.clone();
            sent.add("signature-input", second.header("signature-input"));
            sent.add("signature", second.header("signature"));
        }),
        ("a parameter again", &|sent| {
            let again = format!("{};alg=\"ed25519\"", sent.header("signature-input"));
            *sent.header("signature-input") = again;
        }),
        ("a key beside it", &|sent| sent.add("authorization", &format!("Bearer {ADMIN_KEY}"))),
    ];
    type Claim = (&'static str, fn(&mut Claims));
    let claims: [Claim; 10] = [
        ("without the method", |claims| claims.covered.retain(|name| name != "@method")),
        ("without the path", |claims| claims.covered.retain(|name| name != "@path")),
        ("without the query", |claims| claims.covered.retain(|name| name != "@query")),
        ("without the digest", |claims| claims.covered.retain(|name| name != "content-digest")),
        ("without the idempotency key", |claims| claims.covered.retain(|name| name != "idempotency-key")),
        ("too old", |claims| claims.created -= 301),
        ("too early", |claims| claims.created += 302),
        ("expired", |claims| claims.expires = Some(claims.created - 1)),
        ("another algorithm", |claims| claims.alg = "hmac-sha256".to_owned()),
        ("a long nonce", |claims| claims.nonce = "n".repeat(129)),
    ];
    let mut rows: Vec<(&str, Sent)> = Vec::new();
    for (name, change) in changes {
        let mut sent = Sent::earn(&partner);
        change(&mut sent);
        rows.push((name, sent));
    }
    rows.extend(claims.map(|(name, change)| (name, Sent::claiming(&partner, change))));
    rows.push(("signed by another", Sent::earn(&Partner { keyid: other.keyid.clone(), ..partner.clone() })));
    rows.push(("signed by a stranger", Sent::earn(&stranger)));

    let before = shop.snapshot().await;
    let mut words = BTreeSet::new();
    for (name, sent) in rows {
        let mut reply = sent.to(&shop).await;
        // Another method or path may not be ours, which is found before the caller.
        let want = match name {
            "method" => "405 method_not_allowed",
            "path's spelling" => "404 not_found",
            _ => REFUSED,
        };
        assert_eq!(reply.verdict(), want, "{name}: {}", reply.body);
        if want == REFUSED {
            reply.body["instance"] = Value::Null;
            words.insert(reply.body.to_string());
        }
    }
    assert_eq!(words.len(), 1, "why is nobody's business: {words:?}");
    assert!(before == shop.snapshot().await, "something was written");
    assert!(taken(&second.to(&shop).await), "none of it used up anything");
}

/// A request is accepted once, whatever its answer, by whichever instance.
#[test]
fn a_nonce_is_good_for_one_request() {
    run(async {
        let store = Arc::new(MemoryStore::new());
        let one = Arc::new(Shop::over(store.clone(), &coalition(), START).await);
        let partner = one.register_key("moon", &Partner::ed25519(1)).await;
        let two = Shop::over(store, &coalition(), START).await;
        let other = one.register_key("moon", &Partner::ed25519(2)).await;
        two.api.refresh().await.unwrap();

        let sent = Sent::earn(&partner);
        assert!(taken(&sent.to(&one).await));
        assert_eq!(sent.to(&one).await.verdict(), REFUSED);
        assert_eq!(sent.to(&two).await.verdict(), REFUSED, "another instance");
        // The same nonce, signed again; and under another key.
        let nonce = Sent::claiming(&partner, |claims| claims.nonce = "once".to_owned());
        assert!(taken(&nonce.to(&two).await));
        let again = Sent::claiming(&partner, |claims| {
            claims.nonce = "once".to_owned();
            claims.created -= 7;
        });
        assert_eq!(again.to(&one).await.verdict(), REFUSED);
        assert!(taken(&Sent::claiming(&other, |claims| claims.nonce = "once".to_owned()).to(&one).await));

        let raced = Sent::earn(&partner);
        let racers = (0..32).map(|_| {
            let (shop, sent) = (one.clone(), raced.clone());
            tokio::spawn(async move { taken(&sent.to(&shop).await) })
        });
        let racers: Vec<_> = racers.collect();
        let mut winners = 0;
        for racer in racers {
            winners += u32::from(racer.await.unwrap());
        }
        assert_eq!(winners, 1);
    });
}

/// The same over a DynamoDB table, where a nonce's put is sent outside a transaction.
#[test]
fn a_nonce_is_good_for_one_request_over_a_table() {
    let Some(local) = Local::shared() else { return };
    run(async {
        let options = local.options();
        let store = DynamoStore::connect(options.clone()).unwrap();
        store.create_table().await.unwrap();
        let one = Arc::new(Shop::over(Arc::new(store), &coalition(), START).await);
        let partner = one.register_key("moon", &Partner::ed25519(1)).await;
        let store = DynamoStore::connect(options).unwrap();
        let two = Arc::new(Shop::over(Arc::new(store), &coalition(), START).await);
        for _ in 0..5 {
            let raced = Sent::earn(&partner);
            let racers = (0..16).map(|number| {
                let (shop, sent) = (if number % 2 == 0 { one.clone() } else { two.clone() }, raced.clone());
                tokio::spawn(async move { taken(&sent.to(&shop).await) })
            });
            let racers: Vec<_> = racers.collect();
            let mut winners = 0;
            for racer in racers {
                winners += u32::from(racer.await.unwrap());
            }
            assert_eq!(winners, 1);
            assert_eq!(raced.to(&two).await.verdict(), REFUSED);
        }
    });
}

/// Time alone decides whether a nonce still counts, not what the store has removed.
#[tokio::test]
async fn nonces_are_judged_by_time() {
    let shop = shop().await;
    let engine = &shop.api.engine;
    let at = |seconds: i64| Instant(1_800_000_000_000 + seconds * 1_000);
    let used = async |hash: u8, now: i64, until: i64| {
        engine.access().use_nonce(engine::id::NonceHash([hash; 16]), at(now), at(until)).await.unwrap()
    };
    assert!(used(1, 0, 300).await && used(2, 0, 300).await);
    assert!(!used(1, 0, 300).await && !used(1, 299, 599).await && !used(1, 300, 600).await);
    assert!(used(1, 301, 601).await, "its time is over, though it is still there");
    assert!(!used(1, 601, 900).await);
    // The sweep removes what ended an hour ago, and nothing else.
    let kept = async || {
        let store = engine.store();
        store.walk(Some(engine::keys::kind::NONCE), None, 100).await.unwrap().records.len()
    };
    for (now, left) in [(0, 2), (300, 2), (3_900, 2), (3_901, 1), (4_201, 1), (4_202, 0), (9_999, 0)] {
        engine.access().forget_nonces(at(now)).await.unwrap();
        assert_eq!(kept().await, left, "{now}");
    }
}

/// A sweep under a test's clock, however far ahead, leaves nonces of the world's last minutes alone.
#[tokio::test]
async fn a_test_clock_forgets_no_nonce() {
    let shop = shop().await;
    let partner = shop.register_key("moon", &Partner::ed25519(1)).await;
    let sent = Sent::earn(&partner);
    assert!(taken(&sent.to(&shop).await), "signed in the world's time, far from the shop's");
    shop.at("2099-01-01T00:00:00Z");
    shop.ok("POST", "/expire-points", json!({})).await;
    assert_eq!(sent.to(&shop).await.verdict(), REFUSED);
    assert!(taken(&Sent::earn(&partner).to(&shop).await));
    let mut ahead = Sent::earn(&partner);
    ahead.add("test-clock", "2099-01-02T00:00:00Z");
    assert_eq!(ahead.to(&shop).await.verdict(), "403 forbidden", "the clock is an admin's");
}

/// A signature that cannot be noted as used is refused.
#[test]
fn without_a_store_there_is_no_signature() {
    run(async {
        let store = Arc::new(Failing::new());
        let shop = Shop::over(store.clone(), &coalition(), START).await;
        let partner = shop.register_key("moon", &Partner::ed25519(1)).await;
        for trouble in [
            Trouble::Busy,
            Trouble::Unavailable,
            Trouble::LostAndUnknown,
            Trouble::DoneButUnknown,
            Trouble::AlwaysLate,
        ] {
            store.fails_with(trouble);
            let reply = Sent::earn(&partner).to(&shop).await;
            assert_eq!(reply.status, 503, "{}", reply.body);
            assert_eq!(reply.header("retry-after"), "1");
            store.works();
            assert!(taken(&Sent::earn(&partner).to(&shop).await), "signed afresh it goes through");
        }
    });
}

/// A revoked key is dead, at once here and after a refresh elsewhere; so is a key of a brand that is no
/// longer a partner.
#[tokio::test]
async fn a_key_is_dead_when_it_is_revoked() {
    let store = Arc::new(MemoryStore::new());
    let one = Shop::over(store.clone(), &coalition(), START).await;
    let partner = one.register_key("moon", &Partner::ed25519(1)).await;
    let two = Shop::over(store, &coalition(), START).await;
    assert!(taken(&Sent::earn(&partner).to(&one).await) && taken(&Sent::earn(&partner).to(&two).await));
    let path = format!("/partners/moon/keys/{}", partner.keyid);
    let revoked = one.ok("DELETE", &path, Value::Null).await;
    assert_eq!(revoked["revoked_at"], json!(START), "{revoked}");
    assert_eq!(Sent::earn(&partner).to(&one).await.verdict(), REFUSED);
    two.api.refresh().await.unwrap();
    assert_eq!(Sent::earn(&partner).to(&two).await.verdict(), REFUSED);
    one.at("2026-03-03T10:00:00+08:00");
    assert_eq!(one.ok("DELETE", &path, Value::Null).await, revoked, "again changes nothing");

    let partner = one.register_key("moon", &Partner::ed25519(2)).await;
    assert!(taken(&Sent::earn(&partner).to(&one).await));
    let mut program = coalition();
    program["brands"][2]["kind"] = json!("own");
    one.ok("PUT", "/program", program).await;
    assert_eq!(Sent::earn(&partner).to(&one).await.verdict(), REFUSED);
    one.ok("PUT", "/program", coalition()).await;
    assert!(taken(&Sent::earn(&partner).to(&one).await), "a partner again, with the keys it had");
}

/// A partner does what the programme lets its brand do, and for its brand.
#[tokio::test]
async fn a_partner_does_what_it_may() {
    let mut program = coalition();
    program["brands"][2]["may"] = json!(["redeem"]);
    let shop = Shop::open(&program, START).await;
    let partner = shop.register_key("moon", &Partner::ed25519(1)).await;
    let ask = async |path: &str, body: Value| shop.call_signed(&partner, "POST", path, &body, None).await;
    let redeem = json!({"member_id": "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "brand": "acme", "points": 1,
                        "for": {"kind": "order", "order_id": "A-1"}});
    assert_eq!(ask("/redeem", redeem).await.verdict(), "403 forbidden", "another brand's");
    assert_eq!(ask("/earn-points", order()).await.verdict(), "403 forbidden");
    let reverse = json!({"brand": "moon", "order_id": "A-1", "refund": "all"});
    assert_eq!(ask("/reverse", reverse).await.verdict(), "403 forbidden");
}
