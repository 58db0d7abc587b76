//! Drafts of orders, priced in a shop that has offers of every kind: whatever the draft is, the answer follows the
//! contract, adds up, and is what using it costs; and what was used comes back whole.

use std::{cell::RefCell, sync::Arc};

use edge::Api;
use serde_json::{Value, json};

use super::shop::{NOW, REQUESTS, check};
use crate::{
    home::Home,
    instance::{ask, found, instance, secrets},
    store::Weather,
};

struct Shop {
    api: Arc<Api>,
    member: String,
    /// What was issued to it.
    grants: Vec<String>,
    left: u32,
}

thread_local! {
    static SHOP: RefCell<Option<Shop>> = const { RefCell::new(None) };
}

/// An offer of each kind that a draft meets.
fn offers() -> Vec<(&'static str, Value)> {
    let all = json!({"group": "own", "with": "all"});
    let discount = |how: &str, discount: Value| json!({"how": how, "gives": {"discount": discount}});
    let mut offers = vec![
        ("price", discount("auto", json!({"unit_price": "19.90"}))),
        ("steps", discount("auto", json!({"steps": [{"from": "100.00", "off": "15.00"}]}))),
        ("third", discount("auto", json!({"percent": "100", "units": {"take": 1, "of": 3}}))),
        ("percent", discount("issue", json!({"percent": "12.5", "max": "20.00"}))),
        ("amount", discount("issue", json!({"amount": "7.77"}))),
        ("freight", discount("issue", json!({"delivery": {"percent": "50"}}))),
        ("word", discount("code", json!({"percent": "3"}))),
        ("cake", json!({"how": "issue", "gives": {"item": {"sku": "cake"}}, "settle": "18.00"})),
        ("lounge", json!({"how": "auto", "gives": {"service": {"quantity": 2, "per": "day"}}})),
        ("early", json!({"how": "auto", "gives": {"access": {"opens": {"everyone": "2100-01-01T00:00"}}}})),
    ];
    for (id, offer) in &mut offers {
        offer["brand"] = "acme".into();
        offer["name"] = json!({"zh": "券", "en": "Coupon"});
        if offer["gives"]["discount"].is_object() {
            offer["stack"] = all.clone();
            offer["stack"]["group"] = (*id).into();
        }
    }
    let items = |id: &str| offers.iter().position(|(own, _)| *own == id).expect("an offer");
    let (price, third, early, word) = (items("price"), items("third"), items("early"), items("word"));
    offers[price].1["items"] = json!({"skus": ["tea-1"]});
    offers[third].1["items"] = json!({"categories": ["tea"]});
    offers[early].1["items"] = json!({"skus": ["new"]});
    offers[word].1["word"] = "SPRING".into();
    offers
}

fn open() -> Shop {
    let document = json!({
        "name": "Club", "time_zone": "Asia/Shanghai", "currency": "CNY",
        "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "name": "Bean"}],
        "tiers": [{"id": "basic", "growth": 0}], "points": {"per_unit": "1", "pay": {"worth": "0.01", "max_percent": 50, "step": 100}},
        "growth": {"per_unit": "1"}, "offers": {"excluded_categories": ["gift_card"], "max_discount_percent": "60"},
    });
    let store = Home::Memory.open().expect("a store in memory");
    let weather = Arc::new(std::sync::Mutex::new(Weather::new()));
    let api = instance(&store, &weather, &secrets(), 12, NOW, 0);
    found(&api, &document.to_string()).expect("a programme without faults");
    let told = |method: &str, path: &str, body: &Value| -> Value {
        let (status, told) = ask(&api, method, path, &body.to_string(), &[]).expect("a request");
        assert!(status < 300, "{path} {body}: {status} {}", String::from_utf8_lossy(&told));
        serde_json::from_slice(&told).expect("an answer")
    };
    let person =
        json!({"identities": [{"kind": "external", "channel": "sim", "value": "p1"}], "brand": "acme"});
    let made = told("POST", "/register", &person);
    let member = made["member"]["id"].as_str().expect("a member").to_owned();
    let mut grants = Vec::new();
    for (id, offer) in offers() {
        told("PUT", &format!("/offers/{id}"), &offer);
        if offer["how"] == "issue" {
            let issue = json!({"member_id": member, "offer": id, "issue_id": "i", "reason": "r"});
            let issued = told("POST", "/grants", &issue);
            grants.push(issued["grant"]["id"].as_str().expect("a grant").to_owned());
        }
    }
    Shop { api, member, grants, left: REQUESTS }
}

/// A draft; `{}` stands for the member, and `{0}` to `{3}` for what was issued to it.
pub(super) fn draft(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    SHOP.with_borrow_mut(|shop| {
        let shop = match shop {
            Some(shop) if shop.left > 0 => shop,
            over => over.insert(open()),
        };
        shop.left -= 1;
        let mut text = text.replace("{}", &shop.member);
        for (place, grant) in shop.grants.iter().enumerate() {
            text = text.replace(&format!("{{{place}}}"), grant);
        }
        let (status, told) = ask(&shop.api, "POST", "/evaluate-order", &text, &[]).expect("a request");
        check(status, &told, "/evaluate-order");
        if status != 200 {
            return;
        }
        let told: Value = serde_json::from_slice(&told).expect("an answer");
        adds_up(&told);
        let mut order: Value = serde_json::from_str(&text).expect("what was read is JSON");
        order["order_id"] = format!("o{}", shop.left).into();
        for field in ["choose", "points"] {
            order.as_object_mut().expect("an object").remove(field);
        }
        use_it(shop, &order, &told);
    });
}

/// Money in its smallest units.
fn units(money: &Value) -> i64 {
    let text = money.as_str().unwrap_or_else(|| panic!("{money} is no money"));
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("{text} is no money"))
}

fn each<'a>(list: &'a Value, of: &'a str) -> impl Iterator<Item = &'a Value> {
    list[of].as_array().into_iter().flatten()
}

/// What was taken of lines and the delivery is what offers say that they took; no line is below 0; and the total is what is
/// left.
fn adds_up(told: &Value) {
    let (mut total, mut listed, mut shares) = (0, 0, 0);
    for line in each(told, "lines").filter(|line| line["blocked"].is_null()) {
        let [amount, price, net] = ["amount", "price", "net"].map(|figure| units(&line[figure]));
        let taken: i64 = each(line, "discounts").map(|own| units(&own["amount"])).sum();
        assert!(0 <= net && net <= price && price <= amount && price - taken == net, "{line}");
        (total, listed, shares) = (total + net, listed + amount, shares + taken);
    }
    let delivery = &told["delivery"];
    if !delivery.is_null() {
        let [amount, net] = ["amount", "net"].map(|figure| units(&delivery[figure]));
        let taken: i64 = each(delivery, "discounts").map(|own| units(&own["amount"])).sum();
        assert!(0 <= net && amount - taken == net, "{delivery}");
        (total, listed, shares) = (total + net, listed + amount, shares + taken);
    }
    assert_eq!((units(&told["total"]), units(&told["saved"])), (total, listed - total), "{told}");
    // At a unit price there is no base: it makes the price.
    let applied = each(told, "offers").chain(each(told, "coupons")).filter(|own| !own["base"].is_null());
    let taken: i64 = applied.map(|own| units(&own["amount"])).sum();
    assert_eq!(taken, shares, "{told}");
}

/// Where everything applies, using it costs as much; and what was used comes back, in two parts that add up.
fn use_it(shop: &Shop, order: &Value, priced: &Value) {
    let (status, told) = ask(&shop.api, "POST", "/use", &order.to_string(), &[]).expect("a request");
    check(status, &told, "/use");
    let all = each(priced, "coupons").all(|coupon| coupon["applied"] == true)
        && each(priced, "lines").all(|line| line["blocked"].is_null());
    let chosen =
        order["grants"].as_array().map_or(0, Vec::len) + order["codes"].as_array().map_or(0, Vec::len);
    if status != 200 {
        let same = each(priced, "coupons").count() == chosen;
        assert!(
            !(all && same),
            "{order} is priced as {priced} and refused: {}",
            String::from_utf8_lossy(&told)
        );
        return;
    }
    let told: Value = serde_json::from_slice(&told).expect("an answer");
    adds_up(&told);
    if each(priced, "coupons").count() == chosen {
        assert_eq!(told["total"], priced["total"], "{order}");
    }
    let back = |what: Value| -> Value {
        let body = json!({"brand": order["brand"], "order_id": order["order_id"], "use": what});
        let (status, told) = ask(&shop.api, "POST", "/reverse", &body.to_string(), &[]).expect("a request");
        assert_eq!(status, 200, "{body}: {}", String::from_utf8_lossy(&told));
        serde_json::from_slice(&told).expect("an answer")
    };
    let first = &order["lines"][0];
    let part = back(json!({"lines": [{"line_id": first["line_id"], "quantity": first["quantity"]}]}));
    let mut nets: i64 = each(&part, "lines").map(|line| units(&line["net"])).sum();
    let mut last = part;
    if last["state"] == "used" {
        last = back("all".into());
        nets += each(&last, "lines").map(|line| units(&line["net"])).sum::<i64>();
    }
    let delivery = if last["delivery"].is_null() { 0 } else { units(&last["delivery"]["net"]) };
    assert_eq!(
        (last["state"].as_str(), nets + delivery),
        (Some("returned"), units(&told["total"])),
        "{told}"
    );
}
