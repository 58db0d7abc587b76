//! Offers as they are kept: documents in versions, what a new version may not change, words, limits, who sees which,
//! and how other instances hear of a change.

use engine::{
    SavedOffer, SentOffer, keys,
    records::{OfferRecord, OfferVersionRecord, OffersRecord, encode},
    store::{Change, Expect, Key, Write},
};
use serde_json::{Value, json};

use crate::support::{START, Shop, coalition, program};

/// A coupon of that brand, with these fields beside.
pub(crate) fn coupon(brand: &str, beside: Value) -> Value {
    let mut document = json!({
        "brand": brand, "name": {"zh": "券", "en": "Coupon"}, "how": "claim",
        "gives": {"discount": {"amount": "5.00"}},
    });
    document.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    document
}

pub(crate) fn of_word(word: &str) -> Value {
    coupon("acme", json!({"how": "code", "word": word}))
}

/// An offer that is looked at, without what is left of it: of one without limits nothing is counted.
async fn looked_at(shop: &Shop, path: &str) -> Value {
    let mut shown = shop.ok("GET", path, Value::Null).await;
    let left = shown.as_object_mut().unwrap().remove("left");
    assert_eq!(left, Some(json!({"stock": null, "uses": null, "budget": null})), "{path}");
    shown
}

#[tokio::test]
async fn an_offer_comes_back_as_it_was_saved() {
    let shop = Shop::usual().await;
    let first = coupon("acme", json!({"valid": {"days": 30}}));
    let saved = shop.ok("PUT", "/offers/spring", first.clone()).await;
    let by = saved["saved_by"].as_str().unwrap().to_owned();
    assert!(by.starts_with("key_"), "{saved}");
    let told = |document: &Value, version: u32, at: &str| {
        let mut want = document.clone();
        let beside = json!({"id": "spring", "version": version, "saved_by": by, "saved_at": at});
        want.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        want
    };
    assert_eq!(saved, told(&first, 1, START));
    assert_eq!(looked_at(&shop, "/offers/spring").await, saved);
    shop.at("2026-03-02T10:00:01+08:00");
    // In another order, without a version, and with all that was shown: the same again is no new version.
    let turned: serde_json::Map<_, _> = first.as_object().unwrap().clone().into_iter().rev().collect();
    for again in [first.clone(), Value::Object(turned), saved.clone()] {
        assert_eq!(shop.ok("PUT", "/offers/spring", again).await, saved);
    }
    let mut second = coupon("acme", json!({"valid": {"days": 60}}));
    let want = told(&second, 2, "2026-03-02T10:00:01+08:00");
    assert_eq!(shop.ok("PUT", "/offers/spring", second.clone()).await, want);
    for (path, want) in [("", &want), ("?version=1", &saved), ("?version=2", &want)] {
        assert_eq!(looked_at(&shop, &format!("/offers/spring{path}")).await, *want, "{path}");
    }
    second["version"] = json!(1);
    for based_on in [json!(1), json!(0), json!(3), json!(4_294_967_298_u64)] {
        second["version"] = based_on;
        let reply = shop.refused("409 version_conflict", "PUT", "/offers/spring", second.clone()).await;
        let body = &reply.body;
        assert_eq!((&body["version"], &body["by"], &body["at"]), (&json!(2), &json!(by), &want["saved_at"]));
    }
    second["version"] = json!(2);
    assert_eq!(shop.ok("PUT", "/offers/spring", second).await, want);
    // 0 is based on nothing: it saves what is not there, and nothing else.
    let anew = coupon("acme", json!({"version": 0}));
    assert_eq!(shop.ok("PUT", "/offers/summer", anew.clone()).await["version"], 1);
    shop.refused("409 version_conflict", "PUT", "/offers/autumn", coupon("acme", json!({"version": 1})))
        .await;
    shop.refused("404 offer_not_found", "GET", "/offers/autumn", Value::Null).await;
}

#[tokio::test]
async fn what_is_asked_of_offers_that_are_not_there() {
    let shop = Shop::usual().await;
    shop.ok("PUT", "/offers/spring", coupon("acme", json!({}))).await;
    for (path, want) in [
        ("/offers/other", "404 offer_not_found"),
        ("/offers/spring?version=0", "404 offer_not_found"),
        ("/offers/spring?version=2", "404 offer_not_found"),
        ("/offers/spring?version=99999999999999999999", "404 offer_not_found"),
        ("/offers/sp%20ring", "404 offer_not_found"),
        ("/offers/spring?version=", "422 invalid_field"),
        ("/offers/spring?version=-1", "422 invalid_field"),
        ("/offers/spring?version=one", "422 invalid_field"),
        ("/offers/spring?from=2026-01-01", "422 invalid_field"),
        ("/offers?cursor=a/b", "422 invalid_field"),
        ("/offers?limit=0", "422 invalid_field"),
    ] {
        shop.refused(want, "GET", path, Value::Null).await;
    }
}

/// Every fault at once, each where it is; and nothing is saved.
#[tokio::test]
async fn an_offer_with_faults_is_refused_with_all_of_them() {
    let shop = Shop::usual().await;
    let before = shop.snapshot().await;
    for (path, body, want) in [
        ("x", json!({}), &["/brand required", "/name required", "/gives required", "/how required"][..]),
        ("x", coupon("nobody", json!({})), &["/brand unknown_brand"]),
        ("x", coupon("nobody", json!({"id": "y"})), &["/id wrong_value", "/brand unknown_brand"]),
        ("x", coupon("acme", json!({"id": 1})), &["/id wrong_value"]),
        ("x", coupon("acme", json!({"rest": {}})), &["/rest unknown_field"]),
        ("x", coupon("acme", json!({"version": "1"})), &["/version wrong_type"]),
        ("x", json!([]), &[" wrong_type"]),
        ("a~b", coupon("acme", json!({})), &["/id wrong_format"]),
    ] {
        let reply = shop.refused("422 invalid_offer", "PUT", &format!("/offers/{path}"), body.clone()).await;
        let faults = reply.faults();
        for fault in want {
            assert!(faults.iter().any(|own| own == fault), "{body}: {fault} is not among {faults:?}");
        }
    }
    assert!(before == shop.snapshot().await);
}

/// What a version may not change, beside what it may.
#[tokio::test]
async fn some_of_an_offer_never_changes() {
    let shop = Shop::usual().await;
    let service = |quantity: u32, per: &str| {
        let gives = json!({"service": {"quantity": quantity, "per": per}});
        coupon("acme", json!({"how": "auto", "gives": gives}))
    };
    let limited = |n: u32, per: &str| coupon("acme", json!({"per_member": {"n": n, "per": per}}));
    let points = coupon("acme", json!({"gives": {"points": {"points": 1}}}));
    shop.ok("PUT", "/offers/worded", of_word("TAKEN")).await;
    for (old, new, want) in [
        (coupon("acme", json!({})), coupon("acme", json!({"how": "issue"})), &["/how unchangeable"][..]),
        (coupon("acme", json!({})), points, &["/gives unchangeable"]),
        // What is wrong otherwise is told with it.
        (
            limited(1, "week"),
            coupon("nobody", json!({"how": "code", "word": "TAKEN", "per_member": {"n": 0, "per": "month"}})),
            &[
                "/how unchangeable",
                "/per_member/per unchangeable",
                "/word taken",
                "/brand unknown_brand",
                "/per_member/n out_of_range",
            ],
        ),
        (service(1, "month"), service(1, "week"), &["/gives/service/per unchangeable"]),
        (limited(1, "week"), limited(1, "month"), &["/per_member/per unchangeable"]),
        (service(1, "month"), service(2, "month"), &[]),
        (limited(1, "week"), limited(2, "week"), &[]),
        (coupon("acme", json!({})), coupon("bean", json!({})), &[]),
        (coupon("acme", json!({})), coupon("acme", json!({"gives": {"discount": {"percent": "1"}}})), &[]),
    ] {
        let path = format!("/offers/o{}", shop.fresh());
        shop.ok("PUT", &path, old).await;
        let reply = shop.call("PUT", &path, new.clone()).await;
        let verdict = if want.is_empty() { "200 " } else { "422 invalid_offer" };
        assert_eq!(reply.verdict().trim(), verdict.trim(), "{new}: {}", reply.body);
        if !want.is_empty() {
            let (mut faults, mut want) = (reply.faults(), want.to_vec());
            faults.sort_unstable();
            want.sort_unstable();
            assert_eq!(faults, want, "{new}");
        }
    }
}

/// A word is one offer's, however it is typed, until that offer is suspended or takes another.
#[tokio::test]
async fn a_word_is_of_one_offer_that_is_not_suspended() {
    let shop = Shop::usual().await;
    let taken = async |id: &str, document: Value| {
        let reply = shop.refused("422 invalid_offer", "PUT", &format!("/offers/{id}"), document).await;
        assert_eq!(reply.faults(), ["/word taken"]);
    };
    let has = async |typed: &str| {
        let shelf = shop.api.engine.programme().offers().await.unwrap();
        shelf.of_word(typed).map(|offer| (offer.id.to_string(), offer.version))
    };
    let suspended = |word: &str| coupon("acme", json!({"how": "code", "word": word, "suspended": true}));
    shop.ok("PUT", "/offers/a", of_word("HELLO")).await;
    assert_eq!(has(" he-110 ").await, Some(("a".to_owned(), 1)));
    for same in ["HELLO", "hello", "HELL0", "HE1L0"] {
        taken("b", of_word(same)).await;
    }
    // Suspended offers may have it too, and none of them is found by it.
    shop.ok("PUT", "/offers/b", suspended("hello")).await;
    shop.ok("PUT", "/offers/a", of_word("hell0")).await;
    shop.ok("PUT", "/offers/a", suspended("HELLO")).await;
    assert_eq!(has("HELLO").await, None);
    shop.ok("PUT", "/offers/b", of_word("HELLO")).await;
    assert_eq!(has("HELLO").await, Some(("b".to_owned(), 2)));
    taken("a", of_word("HELLO")).await;
    shop.ok("PUT", "/offers/b", of_word("OTHER")).await;
    shop.ok("PUT", "/offers/a", of_word("HELLO")).await;
    assert_eq!(has("0ther").await, Some(("b".to_owned(), 3)));
    assert_eq!(shop.api.engine.programme().audit_offers().await.unwrap(), []);
}

#[tokio::test]
async fn offers_are_listed_by_id_and_continued() {
    let shop = Shop::usual().await;
    let ids = ["B", "a", "a.1", "a:1", "b"];
    for id in ids.iter().rev() {
        shop.ok("PUT", &format!("/offers/{id}"), coupon("acme", json!({}))).await;
    }
    shop.ok("PUT", "/offers/a", coupon("acme", json!({"valid": {"days": 1}}))).await;
    for limit in [1, 2, 4, 5, 200] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = shop.ok("GET", &format!("/offers?limit={limit}{cursor}"), Value::Null).await;
            let offers = page["offers"].as_array().unwrap();
            assert!(offers.len() <= limit);
            seen.extend(offers.iter().map(|own| (own["id"].clone(), own["version"].clone())));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let want: Vec<_> = ids.iter().map(|id| (json!(id), json!(1 + u32::from(*id == "a")))).collect();
        assert_eq!(seen, want, "{limit} at a time");
    }
    let shown = looked_at(&shop, "/offers/a").await;
    assert_eq!(shop.ok("GET", "/offers?limit=2", Value::Null).await["offers"][1], shown);
}

/// A page of long offers ends before it is too long for an answer.
#[tokio::test]
async fn a_page_of_long_offers_is_shorter() {
    let shop = Shop::usual().await;
    let skus: Vec<String> = (0..1_000).map(|n| format!("{n:060}")).collect();
    let long = coupon("acme", json!({"items": {"skus": skus}}));
    for n in 0..70 {
        shop.ok("PUT", &format!("/offers/o{n:02}"), long.clone()).await;
    }
    let (mut counts, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.ok("GET", &format!("/offers?limit=200{cursor}"), Value::Null).await;
        counts.push(page["offers"].as_array().unwrap().len());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(counts.len() == 3 && (30..50).contains(&counts[0]), "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), 70);
    // One byte more than it may have.
    let bytes = |document: &Value| document.to_string().len();
    let mut most = long;
    let sku = most["items"]["skus"].as_array_mut().unwrap();
    sku.extend((1_000..1_030).map(|n| json!(format!("{n:060}"))));
    let spare = 64 * 1024 - bytes(&most);
    most["text"] = json!({"zh": "", "en": ""});
    let spare = spare - (bytes(&most) - (64 * 1024 - spare));
    most["text"]["en"] = json!("x".repeat(spare));
    assert_eq!(bytes(&most), 64 * 1024);
    shop.ok("PUT", "/offers/most", most.clone()).await;
    most["text"]["en"] = json!("x".repeat(spare + 1));
    let reply = shop.refused("422 invalid_offer", "PUT", "/offers/more", most).await;
    assert_eq!(reply.faults(), [" too_long"]);
}

/// A key that is bound to a brand saves that brand's offers, and sees no others; a storefront those too that may be used
/// at its brand.
#[tokio::test]
async fn a_bound_key_saves_its_brands_offers() {
    let shop = Shop::usual().await;
    let (_, of_bean) = shop.caller(&["operator"], Some("bean")).await;
    let (_, storefront) = shop.caller(&["storefront"], Some("bean")).await;
    shop.ok("PUT", "/offers/tea", coupon("acme", json!({}))).await;
    let more = json!({"valid": {"days": 1}});
    for (key, id, body, want) in [
        (&of_bean, "cake", coupon("bean", json!({})), "200"),
        (&of_bean, "cake", coupon("acme", json!({})), "403 forbidden"),
        (&of_bean, "other", coupon("acme", json!({})), "403 forbidden"),
        // The offer is another brand's, whatever the document says.
        (&of_bean, "tea", coupon("bean", json!({})), "403 forbidden"),
        (&of_bean, "tea", coupon("acme", json!({})), "403 forbidden"),
        (&of_bean, "other", json!({"brand": "bean"}), "422 invalid_offer"),
        (&storefront, "cake", coupon("bean", more.clone()), "403 forbidden"),
    ] {
        let reply = shop.call_as(key, "PUT", &format!("/offers/{id}"), &body, None).await;
        assert_eq!(reply.verdict().trim(), want, "{id} {body}: {}", reply.body);
    }
    shop.ok("PUT", "/offers/both", coupon("acme", json!({"where": {"brands": ["acme", "bean"]}}))).await;
    for (key, want) in [(&of_bean, &["cake"][..]), (&storefront, &["both", "cake"])] {
        for limit in [1, 200] {
            let list =
                shop.call_as(key, "GET", &format!("/offers?limit={limit}"), &Value::Null, None).await.body;
            let ids: Vec<_> =
                list["offers"].as_array().unwrap().iter().map(|own| own["id"].clone()).collect();
            assert_eq!(ids, want[..want.len().min(limit)]);
            assert_eq!(list["next_cursor"].is_null(), want.len() <= limit, "{list}");
        }
        for id in ["both", "cake", "tea"] {
            let shown = shop.call_as(key, "GET", &format!("/offers/{id}"), &Value::Null, None).await;
            let verdict = if want.contains(&id) { "200" } else { "404 offer_not_found" };
            assert_eq!(shown.verdict(), verdict, "{id}");
        }
    }
}

/// What an offer names stays in the programme.
#[tokio::test]
async fn a_brand_or_tier_that_an_offer_names_is_not_removed() {
    let shop = Shop::usual().await;
    let audience = json!({"fact": "tier", "op": "in", "value": ["gold"]});
    shop.ok("PUT", "/offers/cake", coupon("bean", json!({"audience": audience}))).await;
    for (list, id, pointer) in [("brands", "bean", "/brands in_use"), ("tiers", "gold", "/tiers in_use")] {
        let mut without = program();
        without[list].as_array_mut().unwrap().retain(|own| own["id"] != id);
        let reply = shop.refused("422 invalid_program", "PUT", "/program", without).await;
        assert!(reply.faults().contains(&pointer.to_owned()), "{}", reply.body);
    }
}

/// A brand that has left the programme, as it could before it was marked, takes none of its offers with it. A new version
/// must name one that is there, but for one that only switches it off or on.
#[tokio::test]
async fn an_offer_of_a_brand_that_has_left_is_still_shown() {
    let shop = Shop::usual().await;
    let document = coupon("bean", json!({"audience": {"fact": "tier", "op": "in", "value": ["gold"]}}));
    let saved = shop.ok("PUT", "/offers/cake", document.clone()).await;
    let forgotten =
        Write { key: keys::used("brand", "bean"), expect: Expect::Anything, change: Change::Delete };
    shop.api.engine.store().commit(vec![forgotten]).await.unwrap();
    let mut without = program();
    without["brands"].as_array_mut().unwrap().retain(|brand| brand["id"] != "bean");
    shop.ok("PUT", "/program", without).await;
    assert_eq!(looked_at(&shop, "/offers/cake").await, saved);
    assert_eq!(shop.ok("GET", "/offers", Value::Null).await["offers"], json!([saved]));
    let shelf = shop.api.engine.programme().offers().await.unwrap();
    assert_eq!(shelf.all().count(), 1);
    assert_eq!(shop.ok("PUT", "/offers/cake", document.clone()).await, saved, "the same again");
    let with = |field: &str, value: Value| {
        let mut changed = document.clone();
        changed[field] = value;
        changed
    };
    for wrong in [with("text", json!({"zh": "a", "en": "b"})), with("suspended", json!("yes"))] {
        let reply = shop.refused("422 invalid_offer", "PUT", "/offers/cake", wrong).await;
        assert!(reply.faults().contains(&"/brand unknown_brand".to_owned()), "{}", reply.body);
    }
    for (version, suspended) in [(2, true), (3, false)] {
        let switched = with("suspended", json!(suspended));
        assert_eq!(shop.ok("PUT", "/offers/cake", switched).await["version"], version);
        let shelf = shop.api.engine.programme().offers().await.unwrap();
        assert_eq!(shelf.offer(&id("cake")).unwrap().suspended, suspended);
    }
    assert_eq!(shop.ok("PUT", "/offers/cake", with("brand", json!("acme"))).await["version"], 4);
    assert_eq!(shop.api.engine.programme().audit_offers().await.unwrap(), []);
}

/// Writes over a record, whatever it held.
async fn put(shop: &Shop, key: Key, value: impl Into<bytes::Bytes>) {
    let write = Write { key, expect: Expect::Anything, change: Change::Put(value.into()) };
    shop.api.engine.store().commit(vec![write]).await.unwrap();
}

pub(crate) fn id(text: &str) -> domain::id::OfferId {
    text.parse().unwrap()
}

/// 2,000 offers, of 10,000 versions each: as if so many had been saved.
#[tokio::test]
async fn offers_and_versions_are_bounded() {
    let shop = Shop::usual().await;
    let (a, next) = (coupon("acme", json!({})), coupon("acme", json!({"valid": {"days": 1}})));
    shop.ok("PUT", "/offers/a", a.clone()).await;
    let newest = shop.api.engine.programme().offer(&id("a"), None).await.unwrap().unwrap();
    let SavedOffer { at, by, brand, document, .. } = newest;
    put(&shop, keys::offers(), encode(&OffersRecord { offers: 1_999, saves: 1_999 })).await;
    for version in [9_999, 10_000] {
        let record = OfferVersionRecord { at, by, brand: brand.clone(), document: document.clone() };
        put(&shop, keys::offer(&id("a")), encode(&OfferRecord { version, word: None, number: 1 })).await;
        put(&shop, keys::offer_version(&id("a"), version), encode(&record)).await;
        let reply = shop.call("PUT", "/offers/a", next.clone()).await;
        match version {
            9_999 => assert_eq!(reply.body["version"], 10_000),
            _ => assert_eq!(
                (reply.verdict().as_str(), &reply.body["limit"]),
                ("422 limit_exceeded", &json!("versions"))
            ),
        }
    }
    assert_eq!(shop.ok("PUT", "/offers/b", a.clone()).await["version"], 1);
    let reply = shop.refused("422 limit_exceeded", "PUT", "/offers/c", a.clone()).await;
    assert_eq!(reply.body["limit"], "offers");
    assert_eq!(shop.ok("PUT", "/offers/b", next).await["version"], 2, "one that is there may go on");
}

/// What the audit names, and nothing else.
#[tokio::test]
async fn the_audit_names_what_is_wrong_with_offers() {
    let junk = || b"\xff".to_vec();
    let word = |offer: Option<&str>| encode(&engine::records::WordRecord { offer: offer.map(id) });
    for (key, value, want) in [
        (
            keys::offer(&id("b")),
            junk(),
            "offer b: its record cannot be read|word 0THER: names the offer b, which has it not",
        ),
        (keys::offer_version(&id("a"), 1), junk(), "offer a: version 1 cannot be read"),
        (
            keys::offer(&id("a")),
            encode(&OfferRecord { version: 3, word: Some("HE110".into()), number: 1 }).to_vec(),
            "offer a: version 3 is missing",
        ),
        (keys::word("HE110"), word(None).to_vec(), "offer a: its word HE110 does not name it"),
        (
            keys::word("HE110"),
            word(Some("b")).to_vec(),
            "word HE110: names the offer b, which has it not|offer a: its word HE110 does not name it",
        ),
        (
            keys::word("ST0LEN"),
            word(Some("gone")).to_vec(),
            "word ST0LEN: names the offer gone, which has it not",
        ),
        (
            keys::word("HE110"),
            junk(),
            "word HE110: its record cannot be read|offer a: its word HE110 does not name it",
        ),
        (
            keys::offers(),
            encode(&OffersRecord { offers: 3, saves: 9 }).to_vec(),
            "offers: there are 2, and the record of all says 3",
        ),
        (keys::offers(), junk(), "offers: the record of all offers cannot be read"),
    ] {
        let shop = Shop::usual().await;
        for (id, document) in [("a", of_word("FIRST")), ("a", of_word("HELLO")), ("b", of_word("OTHER"))] {
            shop.ok("PUT", &format!("/offers/{id}"), document).await;
        }
        let programme = shop.api.engine.programme();
        assert_eq!(programme.audit_offers().await.unwrap(), []);
        put(&shop, key.clone(), value).await;
        let found = programme.audit_offers().await.unwrap();
        let found: Vec<String> = found.into_iter().map(|(about, what)| format!("{about}: {what}")).collect();
        assert_eq!(found.join("|"), want, "{key:?}");
    }
}

/// A trial, beside which nothing is stored, sees offers and what it saves itself.
#[tokio::test]
async fn a_trial_saves_no_offer() {
    let shop = Shop::open(&coalition(), START).await;
    shop.ok("PUT", "/offers/a", coupon("acme", json!({}))).await;
    let before = shop.snapshot().await;
    let trial = shop.api.engine.trials().engine();
    assert_eq!(trial.programme().offers().await.unwrap().all().count(), 1);
    let text = coupon("acme", json!({})).to_string();
    let document = domain::json::Json::parse(text.as_bytes()).unwrap();
    let request =
        engine::Request::plain(engine::records::By::Time, domain::time::Instant::parse(START).unwrap());
    let sent = SentOffer { id: &id("b"), document: &document, text: &text, based_on: None, wrong: &[] };
    trial.programme().save_offer(&request, sent).await.unwrap().unwrap();
    assert_eq!(trial.programme().offers().await.unwrap().all().count(), 2);
    assert_eq!(shop.api.engine.programme().offers().await.unwrap().all().count(), 1);
    assert!(before == shop.snapshot().await);
}

/// What the reader knows and nothing obeys is no field of a programme yet.
#[tokio::test]
async fn what_nothing_obeys_yet_is_refused() {
    let shop = Shop::usual().await;
    for (pointer, value) in
        [("/referral/friend/offer", json!("cake")), ("/referral/referrer/0/offer", json!("cake"))]
    {
        let mut document = program();
        document["referral"] = json!({"after_days": 14, "min_amount": "50.00", "window_days": 180, "friend": {"points": 1},
            "referrer": [{"from": 1, "points": 1}], "per_month": 20, "brand": "acme"});
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let reply = shop.refused("422 invalid_program", "PUT", "/program", document).await;
        assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["code"], "not_yet", "{}", reply.body);
    }
}
