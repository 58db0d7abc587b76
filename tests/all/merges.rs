//! Two records of one person 合并: joined, answered for by one, and parted again.

use serde_json::{Value, json};

use crate::support::{START, Shop, program};

/// The balance of a member, its debt taken off, and its growth.
pub(crate) fn worth(member: &Value) -> (i64, i64) {
    let points = &member["points"];
    let of = |name: &str| points[name].as_i64().unwrap();
    (of("available") + of("held") - of("debt"), member["growth"].as_i64().unwrap())
}

pub(crate) async fn merge(shop: &Shop, into: &str, from: &str) -> Value {
    let body = json!({"member_id": from, "reason": "one person"});
    shop.ok("POST", &format!("/members/{into}/merge"), body).await
}

pub(crate) async fn unmerge(shop: &Shop, member: &str, merge: &Value) -> Value {
    let body = json!({"merge_id": merge["merge_id"], "reason": "two persons"});
    shop.ok("POST", &format!("/members/{member}/unmerge"), body).await
}

/// Both records are audited, and all others.
pub(crate) async fn audited(shop: &Shop) {
    let ledger = shop.api.engine.ledger();
    let mut books = engine::Books::default();
    let mut from = None;
    loop {
        let (ids, next) = shop.api.engine.records().member_ids(from, 1_000).await.unwrap();
        for id in ids {
            let finding = ledger.audit_member(id).await.unwrap();
            assert_eq!(finding.differences, [""; 0], "{}", edge::wire::member_id(id));
            books.note(id, &finding);
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    let strays = ledger.strays(&books).await.unwrap();
    assert_eq!(strays, engine::Strays::default());
}

/// Points by end and brand, as `end brand points`.
fn lots(member: &Value) -> Vec<String> {
    let lots = member["points"]["lots"].as_array().unwrap();
    let text = |lot: &Value| {
        let end = lot["expires_at"].as_str().map_or("never", |end| &end[..10]);
        format!("{end} {} {}", lot["brand"].as_str().unwrap(), lot["points"])
    };
    lots.iter().map(text).collect()
}

/// A shop with two members: 100 points of one, 50 of the other.
async fn two() -> (Shop, String, String) {
    let shop = Shop::usual().await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&into, "T-1", "100").await;
    shop.earn(&from, "S-1", "50").await;
    (shop, into, from)
}

#[tokio::test]
async fn all_that_one_has_goes_to_the_other_and_it_answers_for_both() {
    let (shop, into, from) = two().await;
    let before = shop.snapshot().await;
    let dry = json!({"member_id": from, "reason": "r", "dry_run": true});
    let dry = shop.ok("POST", &format!("/members/{into}/merge"), dry).await;
    assert_eq!(worth(&dry["member"]), (150, 150));
    assert!(before == shop.snapshot().await, "a dry run wrote something");

    let merged = merge(&shop, &into, &from).await;
    assert_eq!(merged["member"]["id"], into.as_str());
    assert_eq!(
        (worth(&merged["member"]), lots(&merged["member"])),
        ((150, 150), vec!["2028-01-01 acme 150".to_owned()])
    );
    let entries = merged["entries"].as_array().unwrap();
    let moved: Vec<(&str, i64, i64)> = entries
        .iter()
        .map(|entry| {
            (
                entry["kind"].as_str().unwrap(),
                entry["points"].as_i64().unwrap(),
                entry["growth"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(moved, [("merge", -50, -50), ("merge", 50, 50)]);
    assert_eq!(merged["member"]["stats"]["orders"], 2);
    assert_eq!(merged["member"]["stats"]["amount"], "150.00");
    let absorbed = &merged["member"]["absorbed"];
    assert_eq!((&absorbed[0]["id"], &absorbed[0]["merge_id"]), (&json!(from), &merged["merge_id"]));
    // Told again: the same.
    let again = merge(&shop, &into, &from).await;
    assert_eq!((&again["merge_id"], &again["entries"]), (&merged["merge_id"], &merged["entries"]));

    // Whatever is asked of the other is answered of the one.
    assert_eq!(shop.show(&from).await, shop.show(&into).await);
    assert_eq!(shop.ledger(&from, 10).await, shop.ledger(&into, 10).await);
    let earned = shop.earn(&from, "S-2", "7").await;
    assert_eq!((&earned["balance"]["available"], &earned["entry"]["via"]), (&json!(157), &json!(from)));
    let earned = shop.earn(&into, "T-2", "1").await;
    assert_eq!((&earned["balance"]["available"], &earned["entry"]["via"]), (&json!(158), &json!(into)));
    // A refund of the other's old order lands on the one.
    let refund = json!({"brand": "acme", "order_id": "S-1", "refund": "all"});
    let back = shop.ok("POST", "/reverse", refund).await;
    assert_eq!((&back["taken"], &back["balance"]["available"]), (&json!(50), &json!(108)));
    assert_eq!(back["entry"]["via"], json!(from));
    let found = shop.ok("POST", "/orders/find", json!({"brand": "acme", "order_id": "S-1"})).await;
    assert_eq!((&found["member_id"], &found["remaining"]), (&json!(into), &json!("0.00")));
    audited(&shop).await;
}

#[tokio::test]
async fn the_ledger_lists_both_and_adds_up() {
    let (shop, into, from) = two().await;
    shop.redeem(&from, "S-9", 20).await;
    merge(&shop, &into, &from).await;
    shop.earn(&from, "S-2", "7").await;
    shop.earn(&into, "T-2", "3").await;
    let whole = shop.ledger(&into, 200).await;
    for limit in [1, 2, 3, 5] {
        assert_eq!(shop.ledger(&into, limit).await, whole, "in pages of {limit}");
    }
    let sum: i64 = whole.iter().map(|entry| entry["points"].as_i64().unwrap()).sum();
    assert_eq!(sum, worth(&shop.show(&into).await).0);
    let kinds: Vec<String> = whole
        .iter()
        .map(|entry| {
            let via = if entry["via"] == json!(from) { "S" } else { "T" };
            format!("{} {via}", entry["kind"].as_str().unwrap())
        })
        .collect();
    assert_eq!(&kinds[..4], ["earn T", "earn S", "merge T", "merge S"]);
    let export = shop.ok("GET", &format!("/members/{from}/export"), Value::Null).await;
    assert_eq!(export["entries"].as_array().unwrap().len(), whole.len());
}

#[tokio::test]
async fn debts_add_and_are_repaid_at_once() {
    for (into_owes, from_owes, want, debt) in
        [(30, 0, vec!["2028-01-01 acme 20"], 0), (0, 30, vec!["2028-01-01 acme 70"], 0), (0, 130, vec![], 30)]
    {
        let shop = Shop::usual().await;
        let (into, from) = (shop.somebody().await, shop.somebody().await);
        for (member, order, owes, has) in [(&into, "T", into_owes, "100"), (&from, "S", from_owes, "50")] {
            if owes == 0 {
                shop.earn(member, order, has).await;
                continue;
            }
            shop.earn(member, order, &owes.to_string()).await;
            shop.redeem(member, "R", owes).await;
            shop.ok("POST", "/reverse", json!({"brand": "acme", "order_id": order, "refund": "all"})).await;
        }
        let sum: i64 = worth(&shop.show(&into).await).0 + worth(&shop.show(&from).await).0;
        let merged = merge(&shop, &into, &from).await;
        assert_eq!(
            (worth(&merged["member"]).0, lots(&merged["member"])),
            (sum, want.iter().map(|lot| (*lot).to_owned()).collect())
        );
        assert_eq!(merged["member"]["points"]["debt"], debt);
        audited(&shop).await;
        let parted = unmerge(&shop, &into, &merged).await;
        let parts: Vec<i64> = parted["members"].as_array().unwrap().iter().map(|one| worth(one).0).collect();
        assert_eq!(parts.iter().sum::<i64>(), sum);
        audited(&shop).await;
    }
}

#[tokio::test]
async fn growth_adds_and_may_raise_and_what_was_refused_stays_refused() {
    let shop = Shop::usual().await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&into, "T", "300").await;
    shop.earn(&from, "S", "250").await;
    for (member, body) in [
        (&into, json!({"profile": {"name": "Li"}, "consents": {"email": true, "sms": true}})),
        (
            &from,
            json!({"profile": {"name": "Lee", "gender": "f"}, "consents": {"email": false, "wechat": true}}),
        ),
    ] {
        shop.ok("PATCH", &format!("/members/{member}"), body).await;
    }
    let body = json!({"member_id": from, "badge": "founder", "reason": "r"});
    shop.ok("POST", "/issue-badge", body).await;
    let merged = merge(&shop, &into, &from).await;
    let member = &merged["member"];
    assert_eq!(member["tier"]["id"], "silver");
    assert_eq!(member["consents"], json!({"email": false, "sms": true, "wechat": true}));
    assert_eq!((&member["profile"]["name"], &member["profile"]["gender"]), (&json!("Li"), &json!("f")));
    assert_eq!(member["badges"].as_array().unwrap().len(), 2);
    assert_eq!(member["identities"].as_array().unwrap().len(), 2);
    let parted = unmerge(&shop, &into, &merged).await;
    let own = &parted["members"][0];
    assert_eq!(
        (&own["id"], &own["tier"]["id"], &own["growth"]),
        (&json!(from), &json!("basic"), &json!(250))
    );
    assert_eq!((&own["profile"]["name"], &own["consents"]["email"]), (&json!("Lee"), &json!(false)));
    assert_eq!(own["badges"].as_array().unwrap().len(), 2);
    // Nobody is demoted.
    assert_eq!(
        (&parted["members"][1]["tier"]["id"], &parted["members"][1]["growth"]),
        (&json!("silver"), &json!(300))
    );
    audited(&shop).await;
}

#[tokio::test]
async fn what_cannot_be_joined_is_refused() {
    let (shop, into, from) = two().await;
    let other = shop.somebody().await;
    let at = |member: &str| format!("/members/{member}/merge");
    let body = |member: &str| json!({"member_id": member, "reason": "r"});
    let nobody = "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    shop.refused("422 invalid_field", "POST", &at(&into), body(&into)).await;
    shop.refused("404 member_not_found", "POST", &at(&into), body(nobody)).await;
    shop.refused("404 member_not_found", "POST", &at(nobody), body(&into)).await;
    let proofs = json!({"member_id": from, "reason": "r", "proofs": ["prf_1", "prf_2"]});
    shop.refused("409 proof_invalid", "POST", &at(&into), proofs).await;
    shop.ok("POST", &format!("/members/{from}/status"), json!({"status": "suspended", "reason": "r"})).await;
    shop.refused("409 member_not_active", "POST", &at(&into), body(&from)).await;
    shop.refused("409 member_not_active", "POST", &at(&from), body(&into)).await;
    shop.ok("POST", &format!("/members/{from}/status"), json!({"status": "active", "reason": "r"})).await;
    merge(&shop, &into, &from).await;
    let refused = shop.refused("409 member_merged", "POST", &at(&other), body(&from)).await;
    assert_eq!(refused.body["merged_into"], json!(into));
    shop.refused("422 invalid_field", "POST", &at(&from), body(&into)).await;
    // At most eight are absorbed, with all that these had.
    for _ in 0..7 {
        merge(&shop, &into, &shop.somebody().await).await;
    }
    shop.refused("422 limit_exceeded", "POST", &at(&into), body(&other)).await;
    shop.refused("422 limit_exceeded", "POST", &at(&other), body(&into)).await;
    audited(&shop).await;
}

#[tokio::test]
async fn a_chain_of_merges_leads_to_its_end() {
    let shop = Shop::usual().await;
    let mut members = Vec::new();
    for number in 0..6 {
        let member = shop.somebody().await;
        shop.earn(&member, &format!("O-{number}"), "10").await;
        members.push(member);
    }
    let mut merges = Vec::new();
    for pair in members.windows(2) {
        merges.push(merge(&shop, &pair[1], &pair[0]).await);
    }
    let last = members.last().unwrap();
    for member in &members {
        assert_eq!(shop.show(member).await["id"], json!(last));
        let earned = shop.earn(member, &format!("L-{member}"), "1").await;
        assert_eq!(earned["entry"]["via"], json!(member));
    }
    assert_eq!(worth(&shop.show(last).await), (66, 66));
    let whole = shop.ledger(last, 200).await;
    assert_eq!(whole.iter().map(|entry| entry["points"].as_i64().unwrap()).sum::<i64>(), 66);
    assert_eq!(shop.ledger(last, 3).await, whole);
    audited(&shop).await;
    // Only the last of a chain is undone at first.
    let body = json!({"merge_id": merges[0]["merge_id"], "reason": "r"});
    shop.refused("409 unmerge_refused", "POST", &format!("/members/{last}/unmerge"), body).await;
    for (number, merged) in merges.iter().enumerate().rev() {
        let parted = unmerge(&shop, &members[number + 1], merged).await;
        assert_eq!(worth(&parted["members"][1]), (11, 11));
        assert_eq!(worth(&parted["members"][0]), (11 * (number as i64 + 1), 11 * (number as i64 + 1)));
        audited(&shop).await;
    }
}

#[tokio::test]
async fn each_gets_what_came_by_way_of_it() {
    let (shop, into, from) = two().await;
    let merged = merge(&shop, &into, &from).await;
    shop.earn(&from, "S-2", "7").await;
    shop.earn(&into, "T-2", "3").await;
    // More than it brought is spent by way of it: it owes the rest.
    shop.redeem(&from, "S-R", 90).await;
    let parted = unmerge(&shop, &into, &merged).await;
    let (own, rest) = (&parted["members"][0], &parted["members"][1]);
    assert_eq!((worth(own), &own["points"]["debt"]), ((-33, 57), &json!(33)));
    assert_eq!((worth(rest), lots(rest)), ((103, 103), vec!["2028-01-01 acme 103".to_owned()]));
    assert_eq!((&own["stats"]["orders"], &own["stats"]["amount"]), (&json!(2), &json!("57.00")));
    assert_eq!((&rest["stats"]["orders"], &rest["stats"]["amount"]), (&json!(2), &json!("103.00")));
    assert_eq!(rest["absorbed"], Value::Null);
    let points: Vec<i64> =
        parted["entries"].as_array().unwrap().iter().map(|entry| entry["points"].as_i64().unwrap()).collect();
    assert_eq!(points, [-33, 33]);
    // Later reversals follow the way of what they reverse.
    for (order, member) in [("S-1", &from), ("S-2", &from), ("T-2", &into)] {
        let before = worth(&shop.show(member).await).0;
        let refund = json!({"brand": "acme", "order_id": order, "refund": "all"});
        let taken = shop.ok("POST", "/reverse", refund).await["taken"].as_i64().unwrap();
        assert_eq!(worth(&shop.show(member).await).0, before - taken, "{order}");
    }
    let redemption = shop.ledger(&into, 200).await;
    let redemption = redemption.iter().find(|entry| entry["kind"] == "redeem").unwrap();
    let before = worth(&shop.show(&from).await).0;
    shop.ok("POST", "/reverse", json!({"redemption_id": redemption["redemption_id"]})).await;
    assert_eq!(worth(&shop.show(&from).await).0, before + 90);
    audited(&shop).await;
    // Once, and it may be merged anew.
    let body = json!({"merge_id": merged["merge_id"], "reason": "r"});
    shop.refused("409 unmerge_refused", "POST", &format!("/members/{into}/unmerge"), body).await;
    merge(&shop, &from, &into).await;
    audited(&shop).await;
}

#[tokio::test]
async fn a_merge_is_undone_within_ninety_days_and_while_the_person_is_there() {
    let unknown = json!({"merge_id": "mrg_01ARZ3NDEKTSV4RRFFQ69G5FAV", "reason": "r"});
    for (now, want) in [
        ("2026-05-31T09:59:59+08:00", "200"),
        ("2026-05-31T10:00:00+08:00", "409 unmerge_refused"),
        ("erased", "409 unmerge_refused"),
    ] {
        let (shop, into, from) = two().await;
        let merged = merge(&shop, &into, &from).await;
        let path = format!("/members/{into}/unmerge");
        shop.refused("404 merge_not_found", "POST", &path, unknown.clone()).await;
        let other = shop.somebody().await;
        let body = json!({"merge_id": merged["merge_id"], "reason": "r"});
        shop.refused("404 merge_not_found", "POST", &format!("/members/{other}/unmerge"), body.clone()).await;
        match now {
            "erased" => _ = shop.ok("DELETE", &format!("/members/{from}"), Value::Null).await,
            now => shop.at(now),
        }
        assert_eq!(shop.call("POST", &path, body).await.verdict(), want, "{now}");
        audited(&shop).await;
    }
}

#[tokio::test]
async fn erasing_one_erases_the_person_of_both() {
    let (shop, into, from) = two().await;
    merge(&shop, &into, &from).await;
    shop.ok("DELETE", &format!("/members/{into}"), Value::Null).await;
    for member in [&into, &from] {
        let shown = shop.show(member).await;
        assert_eq!((&shown["status"], &shown["identities"]), (&json!("erased"), &json!([])));
    }
    let personal =
        shop.snapshot().await.into_iter().filter(|(key, _)| key.kind().row().is_some_and(|row| row.personal));
    assert_eq!(personal.count(), 0);
    audited(&shop).await;
}

/// A lot that ends takes along what one owes the other in it.
#[tokio::test]
async fn of_lots_that_have_ended_neither_gets_or_owes_any() {
    let mut program = program();
    program["points"]["expiry"] = json!({"mode": "days", "days": 10});
    let shop = Shop::open(&program, START).await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&into, "T-1", "100").await;
    shop.earn(&from, "S-1", "50").await;
    let merged = merge(&shop, &into, &from).await;
    shop.redeem(&from, "R-1", 90).await;
    shop.at("2026-03-20T10:00:00+08:00");
    shop.earn(&from, "S-2", "5").await;
    shop.earn(&into, "T-2", "8").await;
    let parted = unmerge(&shop, &into, &merged).await;
    assert_eq!((worth(&parted["members"][0]).0, worth(&parted["members"][1]).0), (5, 8));
    audited(&shop).await;
}

#[tokio::test]
async fn a_card_and_an_identity_of_the_other_lead_to_the_one() {
    let shop = Shop::usual().await;
    let (into, from) = (shop.member("one").await, shop.member("two").await);
    shop.earn(&into, "T-1", "100").await;
    let card = shop.card(&from).await;
    merge(&shop, &into, &from).await;
    let (_, storefront) = shop.caller(&["storefront"], None).await;
    let scan = json!({"token": card, "brand": "acme", "spend": true});
    let scanned = shop.call_as(&storefront, "POST", "/scan", &scan, None).await;
    assert_eq!((scanned.status, &scanned.body["member"]["id"]), (200, &json!(into)), "{}", scanned.body);
    let spent = json!({"scan_id": scanned.body["scan_id"], "brand": "acme", "points": 10,
                       "for": {"kind": "order", "order_id": "R-1"}});
    let spent = shop.call_as(&storefront, "POST", "/redeem", &spent, None).await;
    assert_eq!((spent.status, &spent.body["entry"]["via"]), (200, &json!(from)), "{}", spent.body);
    let found = json!({"identity": {"kind": "external", "channel": "tests", "value": "two"}});
    assert_eq!(shop.ok("POST", "/members/find", found.clone()).await["id"], json!(into));
    let mut order = found;
    order["brand"] = json!("acme");
    order["order_id"] = json!("I-1");
    order["amount"] = json!("5");
    assert_eq!(shop.ok("POST", "/earn-points", order).await["entry"]["via"], json!(from));
    let known = json!({"brand": "acme", "identities": [
        {"kind": "external", "channel": "tests", "value": "one"},
        {"kind": "external", "channel": "tests", "value": "two"}]});
    assert_eq!(shop.ok("POST", "/register", known).await["member"]["id"], json!(into));
    audited(&shop).await;
}

/// Limits count what both did, and streaks go on with the longer.
#[tokio::test]
async fn limits_stay_limits() {
    let shop = Shop::usual().await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    let done =
        |member: &str, activity: &str| json!({"member_id": member, "brand": "acme", "activity": activity});
    shop.ok("POST", "/earn-points", done(&into, "check_in")).await;
    shop.at("2026-03-03T10:00:00+08:00");
    for (member, activity) in [(&into, "check_in"), (&from, "review"), (&into, "review"), (&from, "bind")] {
        shop.ok("POST", "/earn-points", done(member, activity)).await;
    }
    merge(&shop, &into, &from).await;
    for activity in ["check_in", "review", "bind"] {
        shop.refused("409 activity_limit", "POST", "/earn-points", done(&from, activity)).await;
    }
    shop.at("2026-03-04T10:00:00+08:00");
    // The third day in a row.
    assert_eq!(shop.ok("POST", "/earn-points", done(&from, "check_in")).await["granted"], 55);
    audited(&shop).await;
}

/// A merge issues the badges that are due by what both have, and by who the person is from then on.
#[tokio::test]
async fn badges_are_issued_by_what_both_have() {
    let mut program = program();
    let when = |fact: &str, op: &str, value: Value| json!({"fact": fact, "op": op, "value": value});
    program["tags"] = json!([{"id": "vip", "name": {"zh": "贵宾", "en": "VIP"}}]);
    program["badges"] = json!([
        {"id": "often", "when": when("orders.count_90d", ">=", json!(2))},
        {"id": "tagged", "when": when("tags", "contains", json!("vip"))},
        {"id": "she", "when": when("gender", "=", json!("f"))},
        {"id": "spender", "when": when("orders.amount", ">=", json!("151.00"))},
    ]);
    let shop = Shop::open(&program, START).await;
    let (into, from) = (shop.somebody().await, shop.somebody().await);
    shop.earn(&into, "T-1", "100").await;
    shop.earn(&from, "S-1", "50").await;
    shop.ok("POST", &format!("/members/{from}/tags"), json!({"add": ["vip"], "reason": "r"})).await;
    shop.ok("PATCH", &format!("/members/{from}"), json!({"profile": {"gender": "f"}})).await;
    assert_eq!(shop.show(&into).await["badges"], json!([]));
    let merged = merge(&shop, &into, &from).await;
    let badges: Vec<&str> = merged["member"]["badges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|badge| badge["id"].as_str().unwrap())
        .collect();
    assert_eq!(badges, ["often", "tagged", "she"]);
    audited(&shop).await;
}
