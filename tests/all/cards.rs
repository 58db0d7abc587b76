//! Members' cards: what their codes show and how long, what a till gets for them, and how a card ends.

use std::sync::Arc;

use edge::{Made, Secrets};
use engine::{
    Books,
    keys::kind,
    memory::MemoryStore,
    store::{Change, Expect, Store, Write},
};
use serde_json::{Value, json};

use crate::{
    coalition::{at_once, coalition, redemption_of},
    support::{ADMIN_KEY, Reply, START, Shop},
};

fn scan(token: &str) -> Value {
    json!({"token": token, "brand": "acme"})
}

fn spending(token: &str) -> Value {
    json!({"token": token, "brand": "acme", "spend": true})
}

async fn token(shop: &Shop, member: &str, query: &str) -> String {
    let card = shop.ok("GET", &format!("/members/{member}/card{query}"), Value::Null).await;
    card["token"].as_str().unwrap().to_owned()
}

/// What a scan is answered with: whose card it is, or the verdict.
async fn scanned(shop: &Shop, body: Value) -> String {
    let reply = shop.call("POST", "/scan", body).await;
    reply.body["member"]["id"].as_str().map_or_else(|| reply.verdict(), str::to_owned)
}

async fn scan_id(shop: &Shop, token: &str) -> String {
    shop.ok("POST", "/scan", spending(token)).await["scan_id"].as_str().unwrap().to_owned()
}

fn paying(scan_id: &str, order: &str) -> Value {
    json!({"scan_id": scan_id, "brand": "acme", "points": 10, "for": {"kind": "order", "order_id": order}})
}

#[tokio::test]
async fn a_card_through_its_life() {
    life(Arc::new(MemoryStore::new())).await;
}

/// The same over any store.
pub(crate) async fn life(store: Arc<dyn Store>) {
    let shop = Shop::over(store, &coalition(), START).await;
    let member = shop.somebody().await;
    let path = format!("/members/{member}/card");
    let card = shop.ok("GET", &path, Value::Null).await;
    let first = card["token"].as_str().unwrap().to_owned();
    let want = json!({"token": first, "expires_at": "2026-03-02T10:01:00+08:00", "refresh_at": "2026-03-02T10:00:30+08:00"});
    assert_eq!(card, want);
    assert!(first.starts_with("L1") && first.len() == 41, "{first}");
    let before = shop.snapshot().await;
    assert_eq!(token(&shop, &member, "").await, first, "within the step it stays");
    assert_eq!(scanned(&shop, scan(&first)).await, member);
    assert_eq!(scanned(&shop, scan(&first)).await, member, "reading may repeat");
    assert!(before == shop.snapshot().await, "neither looking nor reading writes");

    shop.at("2026-03-02T10:00:30+08:00");
    let second = token(&shop, &member, "").await;
    assert_ne!(second, first);
    assert_eq!(scanned(&shop, scan(&first)).await, member, "the step before is good");

    shop.earn(&member, "A-1", "100").await;
    let scan = scan_id(&shop, &second).await;
    shop.refused("409 card_token_used", "POST", "/scan", spending(&second)).await;
    assert_eq!(scanned(&shop, json!({"token": second, "brand": "acme"})).await, member, "it can be read");
    let paid = shop.ok("POST", "/redeem", paying(&scan, "R-1")).await;
    assert_eq!(paid["balance"]["available"], 90);
    let again = shop.call("POST", "/redeem", paying(&scan, "R-1")).await;
    assert!(again.replayed(), "{}", again.body);

    let replaced = shop.ok("POST", &format!("{path}/replace"), json!({})).await;
    let third = replaced["token"].as_str().unwrap();
    for (old, want) in [(first.as_str(), "404 card_token_invalid"), (&second, "404 card_token_invalid")] {
        assert_eq!(scanned(&shop, spending(old)).await, want, "the old card is dead at once");
    }
    assert_eq!(scanned(&shop, spending(third)).await, member);
    let held = |all: &[(engine::store::Key, _)], of| all.iter().filter(|(key, _)| key.kind() == of).count();
    let records: Vec<_> = shop.snapshot().await;
    assert_eq!((held(&records, kind::CARD), held(&records, kind::MEMBER_CARD)), (1, 1));

    shop.ok("DELETE", &format!("/members/{member}"), Value::Null).await;
    assert_eq!(scanned(&shop, spending(third)).await, "404 card_token_invalid");
    let records: Vec<_> = shop.snapshot().await;
    assert_eq!((held(&records, kind::CARD), held(&records, kind::MEMBER_CARD)), (0, 0));
    shop.refused("409 member_not_active", "GET", &path, Value::Null).await;
}

/// How old a code may be when it is scanned, in seconds after it was made at a step's and a minute's beginning.
#[tokio::test]
async fn how_long_a_code_is_good() {
    const GOOD: &str = "";
    for (query, seconds, want) in [
        ("", 0, GOOD),
        ("", 59, GOOD),
        ("", 60, "404 card_token_invalid"),
        ("?offline=true", 0, GOOD),
        ("?offline=true", 299, GOOD),
        ("?offline=true", 300, "404 card_token_invalid"),
    ] {
        for spend in [false, true] {
            let shop = Shop::usual().await;
            let member = shop.somebody().await;
            let token = token(&shop, &member, query).await;
            shop.at(&format!("2026-03-02T10:{:02}:{:02}+08:00", seconds / 60, seconds % 60));
            let want = if want == GOOD { member.as_str() } else { want };
            let got = scanned(&shop, json!({"token": token, "brand": "acme", "spend": spend})).await;
            assert_eq!(got, want, "{query} after {seconds} s, spend {spend}");
        }
    }
}

/// One answer for whatever is wrong with a code.
#[tokio::test]
async fn a_wrong_code_tells_nothing() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let (online, offline) = (token(&shop, &member, "").await, token(&shop, &member, "?offline=true").await);
    shop.ok("POST", &format!("/members/{member}/card/replace"), json!({})).await;
    let stranger = Secrets::new(b"another-master-key-0123456789abcdef");
    let read = shop.api.secrets.card_token(&online).unwrap();
    let foreign = stranger.online_token(read.reference, read.made.at());
    let flipped = online.replacen(&online[40..], if online.ends_with('0') { "1" } else { "0" }, 1);
    let mut answers = Vec::new();
    for wrong in [online.as_str(), &offline, &foreign, &flipped, "L1", "L2", "x", "https://example.com/?q=1"]
    {
        for body in [scan(wrong), spending(wrong)] {
            let reply = shop.call("POST", "/scan", body).await;
            assert_eq!(reply.verdict(), "404 card_token_invalid", "{wrong}");
            answers.push((reply.body["detail"].clone(), reply.body["title"].clone()));
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

/// An offline code says what the programme and the member's tier are, and may be told late.
#[tokio::test]
async fn an_offline_code_is_told_late() {
    let mut program = crate::support::program();
    program["card"] = json!({"offline_points": 300});
    program["points"]["redeem_late_hours"] = json!(2);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    let card = shop.ok("GET", &format!("/members/{member}/card?offline=true"), Value::Null).await;
    let token = card["token"].as_str().unwrap();
    assert_eq!((token.len(), token.get(..2)), (128, Some("L2")));
    assert_eq!(
        (&card["expires_at"], &card["refresh_at"]),
        (&json!("2026-03-02T10:05:00+08:00"), &json!("2026-03-02T10:01:00+08:00"))
    );
    let read = shop.api.secrets.card_token(token).unwrap();
    let Made::Offline(said) = read.made else { panic!("{read:?}") };
    assert_eq!((said.tier, said.points_max), (0, 300));

    let late = |at: &str| json!({"token": token, "brand": "acme", "spend": true, "occurred_at": at});
    let at_the_till = "2026-03-02T10:04:59+08:00";
    shop.at("2026-03-02T11:30:00+08:00");
    for (occurred_at, want) in [
        ("2026-03-02T09:59:59+08:00", "404 card_token_invalid"),
        ("2026-03-02T10:05:00+08:00", "404 card_token_invalid"),
        ("2026-03-02T09:29:59+08:00", "422 occurred_too_long_ago"),
        ("2026-03-02T11:35:01+08:00", "422 occurred_in_future"),
    ] {
        assert_eq!(scanned(&shop, late(occurred_at)).await, want, "{occurred_at}");
    }
    assert_eq!(scanned(&shop, spending(token)).await, "404 card_token_invalid");
    let online = shop.card(&member).await;
    let told = shop
        .call("POST", "/scan", json!({"token": online, "brand": "acme", "occurred_at": at_the_till}))
        .await;
    assert_eq!(told.faults(), ["/occurred_at unknown_field"]);
    let scan = shop.ok("POST", "/scan", late(at_the_till)).await["scan_id"].as_str().unwrap().to_owned();
    shop.refused("409 card_token_used", "POST", "/scan", late("2026-03-02T10:03:00+08:00")).await;
    let mut paying = paying(&scan, "R-1");
    paying["occurred_at"] = json!(at_the_till);
    assert_eq!(shop.ok("POST", "/redeem", paying).await["entry"]["occurred_at"], at_the_till);
}

/// What was told once stays told, though it may be told later and later.
#[tokio::test]
async fn an_offline_code_is_good_once_however_late_it_may_be_told() {
    let mut program = crate::support::program();
    program["points"]["redeem_late_hours"] = json!(1);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    let mut made = Vec::new();
    for at in ["10:00", "10:01", "10:02"].map(|time| format!("2026-03-02T{time}:00+08:00")) {
        shop.at(&at);
        made.push((token(&shop, &member, "?offline=true").await, at));
    }
    let told = async |(token, at): &(String, String)| {
        let body = json!({"token": token, "brand": "acme", "spend": true, "occurred_at": at});
        scanned(&shop, body).await
    };
    assert_eq!(told(&made[1]).await, member);
    let at = "2026-03-02T13:00:00+08:00".to_owned();
    shop.at(&at);
    assert_eq!(told(&made[1]).await, "422 occurred_too_long_ago");
    // The card forgets the other one by this.
    made.push((token(&shop, &member, "?offline=true").await, at));
    assert_eq!(told(&made[3]).await, member);

    program["points"]["redeem_late_hours"] = json!(72);
    shop.ok("PUT", "/program", program).await;

    // One that nobody has spent with is good, unless it is older than what was forgotten.
    let used = "409 card_token_used";
    for (number, want) in [(0, used), (1, used), (2, &member), (2, used), (3, used)] {
        assert_eq!(told(&made[number]).await, want, "{number}");
    }
}

/// However often a card is spent with, it goes on, and its record stays small.
#[tokio::test]
async fn many_offline_codes_do_not_block_a_card() {
    let mut program = crate::support::program();
    program["points"]["redeem_late_hours"] = json!(1_000);
    let shop = Shop::open(&program, START).await;
    let member = shop.somebody().await;
    let size = async || {
        let records = shop.snapshot().await;
        let card = records.into_iter().find(|(key, _)| key.kind() == kind::MEMBER_CARD);
        card.unwrap().1.value.len()
    };
    let mut first = String::new();
    for number in 0..700 {
        shop.at(&format!("2026-03-02T{:02}:{:02}:00+08:00", 10 + number / 60, number % 60));
        let token = token(&shop, &member, "?offline=true").await;
        assert_eq!(scanned(&shop, spending(&token)).await, member, "{number}");
        if number == 0 {
            first = token;
        }
    }
    assert!(size().await < 12_000, "{} bytes", size().await);
    let early =
        json!({"token": first, "brand": "acme", "spend": true, "occurred_at": "2026-03-02T10:00:00+08:00"});
    assert_eq!(scanned(&shop, early).await, "409 card_token_used");
}

/// A scan pays at its brand for ten minutes; what it has paid is answered for ever.
#[tokio::test]
async fn a_scan_stands_for_its_member() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    shop.earn(&member, "A-1", "100").await;
    let scan = scan_id(&shop, &shop.card(&member).await).await;
    let with = |field: &str, value: Value| {
        let mut body = paying(&scan, "R-1");
        body[field] = value;
        body
    };
    for (field, value, want) in [
        ("member_id", json!(member), "422 invalid_field"),
        ("identity", json!({"kind": "phone", "value": "138 0013 8000"}), "422 invalid_field"),
        ("brand", json!("bean"), "404 card_token_invalid"),
        ("scan_id", json!("scn_AAAA"), "404 card_token_invalid"),
        ("scan_id", json!(format!("{scan}A")), "404 card_token_invalid"),
        ("points", json!(500), "409 insufficient_points"),
    ] {
        let reply = shop.call("POST", "/redeem", with(field, value.clone())).await;
        assert_eq!(reply.verdict(), want, "{field} {value}: {}", reply.body);
    }
    shop.at("2026-03-02T10:09:59+08:00");
    let first = shop.call("POST", "/redeem", paying(&scan, "R-1")).await;
    assert_eq!(first.status, 200, "{}", first.body);
    shop.at("2026-03-02T10:10:00+08:00");
    shop.refused("404 card_token_invalid", "POST", "/redeem", paying(&scan, "R-2")).await;
    let again = shop.call("POST", "/redeem", paying(&scan, "R-1")).await;
    assert!(again.replayed() && again.bytes == first.bytes, "{}", again.body);
    shop.refused("409 order_conflict", "POST", "/redeem", with("points", json!(11))).await;
}

/// Of several tills that spend with one code at once, one does.
#[tokio::test]
async fn a_code_is_used_up_once() {
    let shop = Arc::new(Shop::usual().await);
    let member = shop.somebody().await;
    let token = shop.card(&member).await;
    let replies: Vec<Reply> = at_once((0..8).map(|_| {
        let (shop, body) = (shop.clone(), spending(&token));
        async move { shop.call("POST", "/scan", body).await }
    }))
    .await;
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(409)), (1, 7));
    // The same request again gets the first answer, though the code is old by then.
    shop.at("2026-03-02T10:05:00+08:00");
    let body = spending(&shop.card(&member).await);
    let first = shop.call_with("POST", "/scan", &body, Some("till-7")).await;
    shop.at("2026-03-02T10:09:00+08:00");
    let again = shop.call_with("POST", "/scan", &body, Some("till-7")).await;
    assert!(again.replayed() && again.bytes == first.bytes, "{}", again.body);
}

/// A partner reads the cards of members that it is linked with, and sees what it may.
#[tokio::test]
async fn a_partner_reads_cards_of_linked_members() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    let reference = shop.linked(&member, "tea").await;
    shop.partner_earn("tea", &reference, "T-1", "100").await;
    let token = shop.card(&member).await;
    let body = |spend: bool| json!({"token": token, "brand": "tea", "spend": spend});
    let read = shop.partner("tea", "/scan", body(false)).await;
    assert_eq!(read.status, 200, "{}", read.body);
    assert_eq!(read.body["member"]["member_ref"], reference);
    assert!(!read.body.to_string().contains(&member), "{}", read.body);
    let others = shop.partner("mute", "/scan", json!({"token": token, "brand": "mute", "spend": true})).await;
    assert_eq!(others.verdict(), "404 member_not_found", "and it uses nothing up");
    let scan = shop.partner("tea", "/scan", body(true)).await.body["scan_id"].as_str().unwrap().to_owned();
    let mut pays = redemption_of("tea", &reference, "T-2", 5);
    pays.as_object_mut().unwrap().remove("member_ref");
    pays["scan_id"] = json!(scan);
    // A scan that a partner made is that partner's, and one of the house is not.
    let by_house = shop.call("POST", "/redeem", pays.clone()).await;
    assert_eq!(by_house.verdict(), "404 card_token_invalid", "{}", by_house.body);
    let paid = shop.partner("tea", "/redeem", pays.clone()).await;
    assert_eq!(paid.status, 200, "{}", paid.body);
    shop.unlink(&member, "tea").await;
    pays["for"]["order_id"] = json!("T-3");
    let ended = shop.partner("tea", "/redeem", pays).await;
    assert_eq!(ended.verdict(), "404 member_not_found", "{}", ended.body);
}

/// What a partner was told of somebody is told again as long as the link stands.
#[tokio::test]
async fn a_partners_scan_is_repeated_while_the_link_stands() {
    let shop = Shop::coalition().await;
    let member = shop.somebody().await;
    shop.linked(&member, "tea").await;
    let tea = shop.partner_of("tea").await;
    let body = json!({"token": shop.card(&member).await, "brand": "tea", "spend": true});
    let scan = async || shop.call_signed(&tea, "POST", "/scan", &body, Some("till-1")).await;
    let first = scan().await;
    assert_eq!(first.status, 200, "{}", first.body);
    shop.at("2026-03-02T10:05:00+08:00");
    let again = scan().await;
    assert!(again.replayed() && again.bytes == first.bytes, "{}", again.body);
    shop.unlink(&member, "tea").await;
    assert_eq!(scan().await.verdict(), "404 member_not_found");
    // A new link has a new name: the old answer is still nobody's.
    shop.linked(&member, "tea").await;
    assert_eq!(scan().await.verdict(), "404 member_not_found");
}

/// The device's key is given once per card; with it an app makes codes by itself.
#[tokio::test]
async fn a_devices_key_is_given_once() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let path = format!("/members/{member}/card");
    let has_key = |card: &Value| card["device_key"].as_str().map(str::len) == Some(44);
    assert!(!has_key(&shop.ok("GET", &path, Value::Null).await), "nobody asked for it");
    assert!(has_key(&shop.ok("GET", &format!("{path}?device=true"), Value::Null).await));
    assert!(!has_key(&shop.ok("GET", &format!("{path}?device=true"), Value::Null).await), "once");
    let replace = format!("{path}/replace?device=true");
    let first = shop.call_with("POST", &replace, &json!({}), Some("new-phone")).await;
    assert!(has_key(&first.body), "{}", first.body);
    shop.at("2026-03-02T10:30:00+08:00");
    let again = shop.call_with("POST", &replace, &json!({}), Some("new-phone")).await;
    assert!(again.replayed() && again.bytes == first.bytes, "{}", again.body);
    assert!(!has_key(&shop.ok("GET", &format!("{path}?device=true"), Value::Null).await), "it was given");
    for query in ["device=1", "device=", "offline=yes"] {
        let refused = shop.call("GET", &format!("{path}?{query}"), Value::Null).await;
        assert_eq!(refused.verdict(), "422 invalid_field", "{query}");
    }
}

/// Stored data without the master key tell no reference, and no token.
#[tokio::test]
async fn stored_data_tell_no_reference() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    let card = shop
        .call_with("POST", &format!("/members/{member}/card/replace?device=true"), &json!({}), Some("k"))
        .await;
    let token = card.body["token"].as_str().unwrap();
    shop.call_with("POST", "/scan", &spending(token), Some("s")).await;
    let bits = token[2..18].bytes().fold(0_u128, |bits, letter| {
        let digit = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter().position(|own| *own == letter).unwrap();
        bits << 5 | digit as u128
    });
    let reference = &bits.to_be_bytes()[6..];
    let secrets = [
        reference,
        token.as_bytes(),
        &token.as_bytes()[2..18],
        card.body["device_key"].as_str().unwrap().as_bytes(),
    ];
    for (key, record) in shop.snapshot().await {
        for secret in secrets {
            let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
            assert!(!holds(key.as_bytes()) && !holds(&record.value), "{key:?}");
        }
    }
}

/// A member that does not take part has no new card, and spends with none; a till sees whose the old one is.
#[tokio::test]
async fn who_does_not_take_part_spends_nothing() {
    for status in ["suspended", "closed"] {
        let shop = Shop::usual().await;
        let (member, other) = (shop.somebody().await, shop.somebody().await);
        let token = shop.card(&member).await;
        for who in [&member, &other] {
            let body = json!({"status": status, "reason": "tests"});
            shop.ok("POST", &format!("/members/{who}/status"), body).await;
        }
        let read = shop.ok("POST", "/scan", scan(&token)).await;
        assert_eq!((&read["member"]["id"], &read["member"]["status"]), (&json!(member), &json!(status)));
        shop.refused("409 member_not_active", "POST", "/scan", spending(&token)).await;
        for who in [&member, &other] {
            shop.refused("409 member_not_active", "GET", &format!("/members/{who}/card"), Value::Null).await;
            let replace = format!("/members/{who}/card/replace");
            shop.refused("409 member_not_active", "POST", &replace, json!({})).await;
        }
    }
}

/// The image is the code's: version 3 of the usual one's length, 29 modules and a quiet zone of 4 on each side.
#[tokio::test]
async fn a_card_is_shown_as_an_image() {
    let shop = Shop::usual().await;
    let member = shop.somebody().await;
    for (query, modules) in [("", 29 + 8), ("?offline=true", 41 + 8)] {
        let reply = shop.call("GET", &format!("/members/{member}/card.svg{query}"), Value::Null).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "image/svg+xml"));
        let text = std::str::from_utf8(&reply.bytes).unwrap();
        assert!(text.contains("<svg") && text.len() < 128 * 1024, "{text}");
        let width = text.split("width=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let width: usize = width.parse().unwrap();
        assert_eq!(width % modules, 0, "{width} pixels are no {modules} modules");
    }
}

/// Half a card, as a piecemeal restore may leave it, is told by the audit.
#[tokio::test]
async fn half_a_card_is_a_stray() {
    for lost in [kind::CARD, kind::MEMBER_CARD] {
        let shop = Shop::usual().await;
        let member = shop.somebody().await;
        shop.card(&member).await;
        let engine = &shop.api.engine;
        let mut books = Books::default();
        let id = edge::wire::read_member_id(&member).unwrap();
        books.note(id, &engine.ledger().audit_member(id).await.unwrap());
        assert_eq!(engine.ledger().strays(&books).await.unwrap().members.len(), 0);
        let records = shop.snapshot().await;
        let (key, _) = records.into_iter().find(|(key, _)| key.kind() == lost).unwrap();
        let gone = Write { key, expect: Expect::Anything, change: Change::Delete };
        engine.store().commit(vec![gone]).await.unwrap();
        let found = engine.ledger().strays(&books).await.unwrap().members;
        let text = found.values().flatten().next().unwrap();
        assert!(text.starts_with("cards: "), "{found:?}");
    }
}

/// The public keys are a JWK set, for anybody, whatever key is sent.
#[tokio::test]
async fn anybody_gets_the_public_keys() {
    let shop = Shop::usual().await;
    let own = format!("Bearer {ADMIN_KEY}");
    let mut all = Vec::new();
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", own.as_str())]] {
        let reply = shop.send("GET", "/card-keys", headers, b"").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        all.push(reply.body);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    let keys = all[0]["keys"].as_array().unwrap();
    let member = shop.somebody().await;
    let offline = token(&shop, &member, "?offline=true").await;
    assert_eq!((keys.len(), offline.len()), (2, 128));
    for key in keys {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["use"]),
            (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
        );
        assert_eq!(key["x"].as_str().map(str::len), Some(43));
    }
}
