//! The records of one person, once they are joined: what each id shows, keeps and loses, and what goes with whom.

use engine::{
    keys,
    store::{Change, Expect, Write},
};
use serde_json::{Value, json};

use crate::{
    coalition::{coalition, redemption_of},
    merges::{audited, merge},
    support::{ADMIN_KEY, Reply, START, Shop},
};

/// Somebody with that name, telephone number and external identity.
async fn person(shop: &Shop, name: &str, phone: &str) -> String {
    let identities = json!([{"kind": "phone", "value": phone, "verified": true},
                            {"kind": "external", "channel": "tests", "value": name}]);
    let body = json!({"identities": identities, "brand": "acme", "profile": {"name": name}});
    shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
}

pub(crate) const PHONES: [&str; 3] = ["13800138001", "13800138002", "13800138003"];

/// A member, and another record that goes into it.
pub(crate) async fn two(shop: &Shop) -> (String, String) {
    (person(shop, "Tang", PHONES[0]).await, person(shop, "Sun", PHONES[1]).await)
}

pub(crate) async fn unmerge(shop: &Shop, member: &str, merged: &Value) -> Value {
    let body = json!({"merge_id": merged["merge_id"], "reason": "two persons"});
    shop.ok("POST", &format!("/members/{member}/unmerge"), body).await
}

async fn keyed(shop: &Shop, path: &str, body: &Value, key: &str) -> Reply {
    shop.call_with("POST", path, body, Some(key)).await
}

/// All pages of a member's links, by when each was made.
async fn links(shop: &Shop, member: &str, limit: usize, first: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), first.to_owned());
    loop {
        let page =
            shop.ok("GET", &format!("/members/{member}/links?limit={limit}{cursor}"), Value::Null).await;
        let links = page["links"].as_array().unwrap();
        let line = |link: &Value| {
            format!("{} {}", link["brand"].as_str().unwrap(), link["linked_at"].as_str().unwrap())
        };
        all.extend(links.iter().map(line));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

/// In whichever order the two are merged: one of them has the lower id, and others lie between.
#[tokio::test]
async fn links_are_listed_in_pages_whichever_record_is_asked() {
    for reversed in [false, true] {
        let shop = Shop::coalition().await;
        let mut members = Vec::new();
        for minute in 0..3 {
            shop.at(&format!("2026-03-02T10:{minute:02}:00+08:00"));
            members.push(shop.somebody().await);
        }
        let mut made = Vec::new();
        for (minute, member) in members.iter().enumerate() {
            for (second, brand) in [(10, "mute"), (20, "tea"), (30, "tea")] {
                let at = format!("2026-03-02T11:{minute:02}:{second}+08:00");
                shop.at(&at);
                shop.linked(member, brand).await;
                if minute != 1 {
                    made.push(format!("{brand} {at}"));
                }
            }
        }
        if reversed {
            members.reverse();
        }
        let (from, into) = (&members[0], &members[2]);
        merge(&shop, into, from).await;
        made.sort();
        for member in [from, into] {
            let whole = links(&shop, member, 200, "").await;
            let mut sorted = whole.clone();
            sorted.sort();
            assert_eq!(sorted, made);
            for limit in [1, 2, 3, 5] {
                assert_eq!(links(&shop, member, limit, "").await, whole, "in pages of {limit}");
            }
            // Behind its own last one stands nothing but the other record's of the same number.
            let rest = links(&shop, member, 200, "&cursor=1.tea").await;
            assert!(rest.len() <= 1 && rest.iter().all(|link| made.contains(link)), "{rest:?}");
            let path = format!("/members/{member}/export?cursor=l-1.tea");
            let told = shop.ok("GET", &path, Value::Null).await;
            assert_eq!(told["links"].as_array().unwrap().len(), rest.len());
        }
    }
}

/// What was answered while two records were one shows both, and goes with either, whoever goes.
#[tokio::test]
async fn an_answer_that_shows_two_goes_with_each() {
    // Who asks what, and who is erased once they are parted.
    for (path, erased) in [
        ("merge", "S"),
        ("merge", "T"),
        ("unmerge", "S"),
        ("unmerge", "T"),
        ("T/identities", "S"),
        ("register", "S"),
        ("register", "T"),
        ("scan T", "S"),
        ("scan S", "T"),
        ("scan S", "S"),
    ] {
        let what = format!("{path}, {erased} is erased");
        let shop = Shop::coalition().await;
        let (into, from) = two(&shop).await;
        let cards = (shop.card(&into).await, shop.card(&from).await);
        let joining = json!({"member_id": from, "reason": "r"});
        let joined = keyed(&shop, &format!("/members/{into}/merge"), &joining, "joined").await;
        assert_eq!(joined.status, 200, "{}", joined.body);
        let parting = json!({"merge_id": joined.body["merge_id"], "reason": "r"});
        let known = json!({"brand": "acme", "identities": [{"kind": "phone", "value": PHONES[0]}]});
        let more = json!({"identity": {"kind": "external", "channel": "more", "value": "1"}});
        let scan = |token: &String| json!({"token": token, "brand": "acme", "spend": true});
        let (asked, body) = match path {
            "merge" => (format!("/members/{into}/merge"), joining),
            "unmerge" => (format!("/members/{into}/unmerge"), parting.clone()),
            "T/identities" => (format!("/members/{into}/identities"), more),
            "register" => ("/register".to_owned(), known),
            "scan T" => ("/scan".to_owned(), scan(&cards.0)),
            "scan S" => ("/scan".to_owned(), scan(&cards.1)),
            other => panic!("{other}"),
        };
        let key = if path == "merge" { "joined" } else { "k" };
        let (_, till) = shop.caller(&["storefront"], None).await;
        let caller = if path.starts_with("scan") { till.as_str() } else { ADMIN_KEY };
        let first = shop.call_as(caller, "POST", &asked, &body, Some(key)).await;
        assert!(first.status < 300, "{what}: {}", first.body);
        for phone in &PHONES[..2] {
            assert!(first.body.to_string().contains(phone), "{what} shows both");
        }
        if path != "unmerge" {
            shop.ok("POST", &format!("/members/{into}/unmerge"), parting).await;
        }
        let again = shop.call_as(caller, "POST", &asked, &body, Some(key)).await;
        assert_eq!(
            (again.status, again.replayed(), &again.body),
            (first.status, true, &first.body),
            "{what}"
        );

        let gone = if erased == "S" { &from } else { &into };
        shop.ok("DELETE", &format!("/members/{gone}"), Value::Null).await;
        let again = shop.call_as(caller, "POST", &asked, &body, Some(key)).await;
        assert_eq!(again.verdict(), "404 member_not_found", "{what}: {}", again.body);

        let left = if erased == "S" { &into } else { &from };
        shop.ok("DELETE", &format!("/members/{left}"), Value::Null).await;
        let all = shop.snapshot().await;
        let personal = all.iter().filter(|(key, _)| key.kind().row().is_some_and(|row| row.personal));
        assert_eq!(personal.count(), 0, "{what}");
        audited(&shop).await;
    }
}

/// And only what was answered between: what shows one alone stays with it.
#[tokio::test]
async fn an_answer_that_shows_one_stays_with_it() {
    let shop = Shop::coalition().await;
    let (into, from) = two(&shop).await;
    let (add, remove) = (json!({"add": ["vip"], "reason": "r"}), json!({"remove": ["vip"], "reason": "r"}));
    let path = format!("/members/{into}/tags");
    keyed(&shop, &path, &add, "before").await;
    shop.at("2026-03-02T11:00:00+08:00");
    let merged = merge(&shop, &into, &from).await;
    keyed(&shop, &path, &remove, "between").await;
    shop.at("2026-03-02T12:00:00+08:00");
    unmerge(&shop, &into, &merged).await;
    shop.at("2026-03-02T13:00:00+08:00");
    keyed(&shop, &path, &add, "after").await;
    shop.ok("DELETE", &format!("/members/{from}"), Value::Null).await;
    for (key, body, want) in
        [("before", &add, "200"), ("between", &remove, "404 member_not_found"), ("after", &add, "200")]
    {
        assert_eq!(keyed(&shop, &path, body, key).await.verdict(), want, "{key}");
    }
}

/// Over a chain: who was in one that was in a third. And where an earlier build has parted them, without records of it.
#[tokio::test]
async fn an_answer_that_shows_three_goes_with_each() {
    for (erased, without_records) in
        [0, 1, 2].into_iter().flat_map(|erased| [(erased, false), (erased, true)])
    {
        let shop = Shop::coalition().await;
        let mut members = Vec::new();
        for (number, phone) in PHONES.iter().enumerate() {
            members.push(person(&shop, &format!("N{number}"), phone).await);
        }
        let one = merge(&shop, &members[1], &members[0]).await;
        let two = merge(&shop, &members[2], &members[1]).await;
        let (path, body) = (
            format!("/members/{}/identities", members[2]),
            json!({"identity": {"kind": "external", "channel": "more", "value": "1"}}),
        );
        let first = keyed(&shop, &path, &body, "k").await;
        assert!(PHONES.iter().all(|phone| first.body.to_string().contains(phone)), "{}", first.body);
        unmerge(&shop, &members[2], &two).await;
        unmerge(&shop, &members[1], &one).await;
        assert_eq!(keyed(&shop, &path, &body, "k").await.body, first.body);
        let records = shop.snapshot().await.into_iter().map(|(key, _)| key).filter(keys::is_parted);
        let forget = |key| Write { key, expect: Expect::Anything, change: Change::Delete };
        let forgotten: Vec<Write> = records.filter(|_| without_records).map(forget).collect();
        if without_records {
            assert_eq!(forgotten.len(), 2);
            shop.api.engine.store().commit(forgotten).await.unwrap();
        }
        shop.ok("DELETE", &format!("/members/{}", members[erased]), Value::Null).await;
        assert_eq!(keyed(&shop, &path, &body, "k").await.verdict(), "404 member_not_found", "{erased}");
    }
}

#[tokio::test]
async fn ending_a_link_ends_it_for_the_person() {
    for by_old_id in [false, true] {
        let shop = Shop::coalition().await;
        let (into, from) = (shop.somebody().await, shop.somebody().await);
        let references = [shop.linked(&into, "tea").await, shop.linked(&from, "tea").await];
        merge(&shop, &into, &from).await;
        for (number, reference) in references.iter().enumerate() {
            let earned = shop.partner_earn("tea", reference, &format!("O-{number}"), "100").await;
            assert_eq!(earned.status, 200, "{}", earned.body);
        }
        shop.unlink(if by_old_id { &from } else { &into }, "tea").await;
        for reference in &references {
            let earned = shop.partner_earn("tea", reference, "O-9", "100").await;
            assert_eq!(earned.verdict(), "404 member_not_found");
        }
        let shown = shop.ok("GET", &format!("/members/{into}/links"), Value::Null).await;
        assert!(shown["links"].as_array().unwrap().iter().all(|link| !link["ended_at"].is_null()), "{shown}");
        // Its own orders it can still take back.
        let back = json!({"brand": "tea", "order_id": "O-1", "refund": "all"});
        assert_eq!(shop.partner_ok("tea", "/reverse", back).await["taken"], 100);
        // Once more ended it is as it was.
        let before = shop.snapshot().await;
        shop.unlink(&into, "tea").await;
        assert!(before == shop.snapshot().await);
    }
}

#[tokio::test]
async fn linking_again_makes_one_new_reference() {
    let shop = Shop::coalition().await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    let references = [shop.linked(&into, "tea").await, shop.linked(&from, "tea").await];
    merge(&shop, &into, &from).await;
    let new = shop.linked(&from, "tea").await;
    for (reference, want) in [(&references[0], 404), (&references[1], 404), (&new, 200)] {
        assert_eq!(shop.partner_earn("tea", reference, "O-1", "100").await.status, want);
    }
}

/// A record's link that ended while it was part of another is over for what its own ledger gets after that, however long
/// the other's is.
#[tokio::test]
async fn a_link_that_ended_with_another_is_over_once_they_are_parted() {
    for ended_by_linking in [false, true] {
        let shop = Shop::coalition().await;
        let (into, from) = (shop.somebody().await, shop.somebody().await);
        let reference = shop.linked(&from, "tea").await;
        assert_eq!(shop.partner_earn("tea", &reference, "O-1", "100").await.status, 200);
        for order in 0..9 {
            shop.earn(&into, &format!("T-{order}"), "100").await;
        }
        let merged = merge(&shop, &into, &from).await;
        match ended_by_linking {
            true => _ = shop.linked(&into, "tea").await,
            false => _ = shop.unlink(&into, "tea").await,
        }
        unmerge(&shop, &into, &merged).await;
        let back = json!({"brand": "tea", "order_id": "O-1", "refund": "all"});
        let back = shop.partner_ok("tea", "/reverse", back).await;
        assert_eq!((&back["taken"], &back["balance"]), (&json!(100), &Value::Null), "{back}");
    }
}

/// A partner that is linked with both scans the card of one: it names the one by its own reference.
#[tokio::test]
async fn a_partner_scans_the_record_whose_card_it_is() {
    let shop = Shop::coalition().await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    let references = [shop.linked(&into, "tea").await, shop.linked(&from, "tea").await];
    shop.earn(&into, "T-1", "100").await;
    let cards = [shop.card(&into).await, shop.card(&from).await];
    merge(&shop, &into, &from).await;
    for (number, member) in [&into, &from].into_iter().enumerate() {
        let scan = json!({"token": cards[number], "brand": "tea", "spend": true});
        let scanned = shop.partner_ok("tea", "/scan", scan).await;
        assert_eq!(scanned["member"]["member_ref"], json!(references[number]));
        let mut spent = redemption_of("tea", "", &format!("R-{number}"), 10);
        spent.as_object_mut().unwrap().remove("member_ref");
        spent["scan_id"] = scanned["scan_id"].clone();
        shop.partner_ok("tea", "/redeem", spent).await;
        let entries = shop.ledger(&into, 200).await;
        let redeemed = entries.iter().find(|entry| entry["kind"] == "redeem").unwrap();
        assert_eq!(redeemed["via"], json!(member));
    }
    // Where the other's link alone stands it is that.
    let shop = Shop::coalition().await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    let reference = shop.linked(&into, "tea").await;
    let card = shop.card(&from).await;
    merge(&shop, &into, &from).await;
    let scanned = shop.partner_ok("tea", "/scan", json!({"token": card, "brand": "tea"})).await;
    assert_eq!(scanned["member"]["member_ref"], json!(reference));
}

#[tokio::test]
async fn all_that_is_held_of_each_record_is_told() {
    let mut program = coalition();
    let attribute = |id: &str| json!({"id": id, "name": {"zh": id, "en": id}, "kind": "text"});
    program["attributes"] = json!([attribute("note"), attribute("gone")]);
    let shop = Shop::open(&program, START).await;
    let (into, from) = two(&shop).await;
    for (member, note) in [(&into, "of T"), (&from, "of S")] {
        let body = json!({"profile": {"birthday": if note == "of T" { "1990-01-01" } else { "1991-02-02" },
                                      "attributes": {"note": note, "gone": note}},
                          "consents": {"sms": note == "of T"}});
        shop.ok("PATCH", &format!("/members/{member}"), body).await;
        shop.card(member).await;
        shop.code(member, "tea").await;
    }
    program["attributes"] = json!([attribute("note")]);
    shop.ok("PUT", "/program", program).await;
    let itself = shop.ok("GET", &format!("/members/{from}/export"), Value::Null).await;
    assert_eq!(itself.get("absorbed"), None);
    merge(&shop, &into, &from).await;

    let told = shop.ok("GET", &format!("/members/{into}/export"), Value::Null).await;
    assert_eq!(shop.ok("GET", &format!("/members/{from}/export"), Value::Null).await, told);
    let absorbed = told["absorbed"].as_array().unwrap();
    assert_eq!((absorbed.len(), &absorbed[0]["member"]["id"]), (1, &json!(from)));
    assert_eq!(absorbed[0]["member"]["profile"], itself["member"]["profile"]);
    assert_eq!(absorbed[0]["consents"], itself["consents"]);
    assert_eq!(absorbed[0]["kept"], itself["kept"]);
    for (kept, note) in [(&told["kept"], "of T"), (&absorbed[0]["kept"], "of S")] {
        assert_eq!(kept["attributes"], json!({"gone": note}));
        assert_eq!((kept["card"].is_null(), kept["link_codes"].as_array().unwrap().len()), (false, 1));
    }
    let later = shop.ok("GET", &format!("/members/{into}/export?cursor=l-"), Value::Null).await;
    assert_eq!(later.get("absorbed"), None);
}

/// The phone is lost: whichever record is asked, no card that led to these points does so any more.
#[tokio::test]
async fn a_lost_card_is_dead_with_those_of_other_records() {
    for (asked, erased) in [("T", false), ("S", false), ("T", true)] {
        let shop = Shop::coalition().await;
        let (into, from) = two(&shop).await;
        let cards = [shop.card(&into).await, shop.card(&from).await];
        let merged = merge(&shop, &into, &from).await;
        let asked = if asked == "T" { &into } else { &from };
        let new = shop.ok("POST", &format!("/members/{asked}/card/replace"), json!({})).await;
        let scan = |token: &str| json!({"token": token, "brand": "acme"});
        for card in &cards {
            shop.refused("404 card_token_invalid", "POST", "/scan", scan(card)).await;
        }
        let scanned = shop.ok("POST", "/scan", scan(new["token"].as_str().unwrap())).await;
        assert_eq!(scanned["member"]["id"], json!(into));
        // The other record's app has a new one at its next look.
        for member in [&into, &from] {
            shop.ok("POST", "/scan", scan(&shop.card(member).await)).await;
        }
        if erased {
            unmerge(&shop, &into, &merged).await;
            shop.ok("DELETE", &format!("/members/{into}"), Value::Null).await;
            shop.ok("POST", "/scan", scan(&shop.card(&from).await)).await;
        }
        audited(&shop).await;
    }
}

/// A token is good for its person under each id, as long as they are one.
#[tokio::test]
async fn a_token_is_its_persons() {
    let shop = Shop::coalition().await;
    let (into, from) = two(&shop).await;
    let stranger = shop.somebody().await;
    let mut tokens = Vec::new();
    for member in [&into, &from] {
        let made = shop.ok("POST", &format!("/members/{member}/tokens"), json!({"minutes": 5})).await;
        tokens.push((member, made["token"].as_str().unwrap().to_owned()));
    }
    let check = async |are_one: bool| {
        for (own, token) in &tokens {
            for (member, want) in
                [(&into, are_one || *own == &into), (&from, are_one || *own == &from), (&stranger, false)]
            {
                let verdict = if want { "200" } else { "404 member_not_found" };
                for path in ["", "/ledger", "/card", "/links", "/export"] {
                    let path = format!("/members/{member}{path}");
                    let shown = shop.call_as(token, "GET", &path, &Value::Null, None).await;
                    assert_eq!(shown.verdict(), verdict, "{path}");
                }
                let name = json!({"profile": {"gender": "f"}});
                let path = format!("/members/{member}");
                assert_eq!(shop.call_as(token, "PATCH", &path, &name, None).await.verdict(), verdict);
            }
        }
    };
    check(false).await;
    let merged = merge(&shop, &into, &from).await;
    check(true).await;
    unmerge(&shop, &into, &merged).await;
    check(false).await;
}

/// What a token does came by way of its own id, whichever id was named.
#[tokio::test]
async fn what_a_token_does_came_by_way_of_its_own_id() {
    for by_other in [false, true] {
        let shop = Shop::usual().await;
        let (into, from) = two(&shop).await;
        merge(&shop, &into, &from).await;
        let (own, named) = if by_other { (&into, &from) } else { (&from, &into) };
        let asked = json!({"minutes": 5, "leave": true});
        let made = shop.ok("POST", &format!("/members/{own}/tokens"), asked).await;
        let (path, body) = (format!("/members/{named}/status"), json!({"status": "closed"}));
        let left = shop.call_as(made["token"].as_str().unwrap(), "POST", &path, &body, None).await;
        assert_eq!(left.status, 200, "{}", left.body);
        assert_eq!(shop.ledger(&into, 10).await[0]["via"], json!(own));
    }
}

/// A token that spends names the member by either id.
#[tokio::test]
async fn a_spending_token_is_its_persons() {
    let shop = Shop::usual().await;
    let (into, from) = two(&shop).await;
    shop.earn(&into, "T-1", "100").await;
    merge(&shop, &into, &from).await;
    for (number, (owner, named, want)) in
        [(&from, &into, 200), (&into, &from, 200), (&from, &shop.somebody().await, 404)]
            .into_iter()
            .enumerate()
    {
        let order = format!("R-{number}");
        let spend = json!({"minutes": 5, "redeem": {"order_id": order, "points_max": 10, "brand": "acme"}});
        let made = shop.ok("POST", &format!("/members/{owner}/tokens"), spend).await;
        let body = json!({"member_id": named, "brand": "acme", "points": 10, "for": {"kind": "order", "order_id": order}});
        let token = made["token"].as_str().unwrap();
        let spent = shop.call_as(token, "POST", "/redeem", &body, None).await;
        assert_eq!(spent.status, want, "{}", spent.body);
    }
}

/// What is asked by an old id is done to the member, and stands in its log, as what was done before does.
#[tokio::test]
async fn the_activity_log_of_a_member_is_that_of_all_its_records() {
    let shop = Shop::coalition().await;
    let (into, from) = two(&shop).await;
    let name = async |member: &str, name: &str| {
        shop.ok("PATCH", &format!("/members/{member}"), json!({"profile": {"name": name}})).await;
    };
    name(&from, "before").await;
    let merged = merge(&shop, &into, &from).await;
    name(&from, "by S").await;
    name(&into, "by T").await;
    let log = async |on: &str| {
        let page = shop.ok("GET", &format!("/activity?on={on}"), Value::Null).await;
        let line = |noted: &Value| {
            let on = if noted["on"] == json!(into) { "T" } else { "S" };
            format!("{} {on}", noted["type"].as_str().unwrap())
        };
        let mut lines: Vec<String> = page["activity"].as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    };
    let all = ["member.merged T", "member.updated S", "member.updated S", "member.updated T"];
    assert_eq!(
        (log(&into).await, log(&from).await),
        (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
    );
    unmerge(&shop, &into, &merged).await;
    assert_eq!(log(&from).await, ["member.updated S", "member.updated S"]);
    assert_eq!(log(&into).await, ["member.merged T", "member.unmerged T", "member.updated T"]);
    assert_eq!(log(&shop.somebody().await).await, [""; 0]);
}
