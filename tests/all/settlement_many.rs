//! The close of a month of more brands than are counted or booked at once.

use std::{collections::BTreeMap, sync::Arc};

use engine::memory::MemoryStore;
use serde_json::{Value, json};

use crate::{
    histories::run,
    settlement::{close, lines, statement},
    settlement_close::{CLOSABLE, NOVEMBER, program},
    support::Shop,
};

/// More brands than are booked at once, with more blocks than are read at once; what each of them owes and is owed
/// is the same, one brand further.
#[test]
fn a_month_of_many_brands_is_closed_whole() {
    const BRANDS: usize = 100;
    run(async {
        let name = |number: usize| format!("b{:02}", number % BRANDS);
        let mut program = program();
        program["points"]["expiry"] = json!({"mode": "days", "days": 20});
        program["brands"] = (0..BRANDS)
            .map(|number| {
                let funding = json!({"mode": "prepaid"});
                json!({"id": name(number), "issue_price": "0.01", "honour_price": "0.01", "funding": funding})
            })
            .collect();
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program, "2026-10-20T09:00:00+08:00").await;
        let buy = async |brand: usize, reference: &str| {
            let body = json!({"points": 10, "price": "1.00", "reference": reference});
            shop.ok("POST", &format!("/partners/{}/blocks", name(brand)), body).await;
        };
        for number in 0..BRANDS {
            buy(number, "october").await;
        }
        shop.at(NOVEMBER);
        for number in 0..BRANDS {
            buy(number, "november-1").await;
            buy(number, "november-2").await;
            let identity = json!({"kind": "external", "channel": "tests", "value": name(number)});
            let told = json!({"identities": [identity], "brand": name(number)});
            let member = shop.ok("POST", "/register", told).await["member"]["id"].clone();
            let order =
                json!({"member_id": member, "brand": name(number), "order_id": "A-1", "amount": "10"});
            shop.ok("POST", "/earn-points", order).await;
            let spent_on = json!({"kind": "order", "order_id": "R-1"});
            let redeem =
                json!({"member_id": member, "brand": name(number + 1), "points": 4, "for": spent_on});
            shop.ok("POST", "/redeem", redeem).await;
        }
        shop.at(CLOSABLE);
        let (mut members, mut expired) = (0, 0);
        loop {
            let answer = shop.ok("POST", "/settle", json!({"month": "2026-11"})).await;
            members += answer["members"].as_u64().unwrap();
            expired += answer["points_expired"].as_u64().unwrap();
            if answer["done"] == true {
                break;
            }
        }
        assert_eq!((members, expired), (100, 600));
        let mut brands: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut line in lines(&statement(&shop, "2026-11").await) {
            let brand = line[0].take();
            let number: usize = brand.as_str().unwrap()[1..].parse().unwrap();
            if let Some(issuer) = line[2].as_str() {
                assert_eq!(issuer, name(number + BRANDS - 1));
                line[2] = json!("the one before");
            }
            brands.entry(brand.as_str().unwrap().to_owned()).or_default().push(line);
        }
        assert_eq!(brands.len(), BRANDS);
        let first = brands["b00"].clone();
        assert!(brands.values().all(|lines| *lines == first), "{brands:?}");
        let told: Vec<String> = first
            .iter()
            .map(|line| format!("{} {} {}", line[1], line[3], line[5]).replace('"', ""))
            .collect();
        assert_eq!(told, ["issued 10 0.00", "honoured 4 0.04", "expired 6 0.00", "block_bought null 2.00"]);
    });
}

/// Brands that did nothing but honour what one of them had issued.
#[test]
fn a_month_in_which_many_honour_is_closed_whole() {
    run(async {
        let mut program = program();
        let brand = |number: usize| json!({"id": format!("b{number:02}"), "honour_price": "0.01"});
        program["brands"] = (0..45).map(brand).collect();
        let shop = Shop::over(Arc::new(MemoryStore::new()), &program, NOVEMBER).await;
        let identity = json!({"kind": "external", "channel": "tests", "value": "somebody"});
        let told = json!({"identities": [identity], "brand": "b00"});
        let member = shop.ok("POST", "/register", told).await["member"]["id"].clone();
        let order = json!({"member_id": member, "brand": "b00", "order_id": "A-1", "amount": "100"});
        shop.ok("POST", "/earn-points", order).await;
        for number in 1..45 {
            let spent_on = json!({"kind": "order", "order_id": "R-1"});
            let redeem =
                json!({"member_id": member, "brand": format!("b{number:02}"), "points": 1, "for": spent_on});
            shop.ok("POST", "/redeem", redeem).await;
        }
        shop.at(CLOSABLE);
        close(&shop, "2026-11").await;
        let honoured = lines(&statement(&shop, "2026-11").await);
        let honoured: Vec<String> = honoured
            .iter()
            .filter(|line| line[1] == "honoured")
            .map(|line| line[0].as_str().unwrap().to_owned())
            .collect();
        let want: Vec<String> = (1..45).map(|number| format!("b{number:02}")).collect();
        assert_eq!(honoured, want);
    });
}
