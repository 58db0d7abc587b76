//! Grants that are taken back: by staff, and again; or whole by whoever claimed them, after which there is nothing for staff
//! to take.

use serde_json::json;

use crate::{offers::coupon, support::Shop};

#[tokio::test]
async fn staff_take_back_what_is_there_and_nobody_else_took() {
    let shop = Shop::usual().await;
    shop.ok("PUT", "/offers/gift", coupon("acme", json!({}))).await;
    let member = shop.somebody().await;
    for (first, want) in [("staff", "200"), ("member", "409 grant_not_usable")] {
        let of = json!({"kind": "reward", "offer_id": "gift", "quantity": 1, "claim_id": first});
        let claimed =
            shop.ok("POST", "/redeem", json!({"member_id": member, "brand": "acme", "for": of})).await;
        let id = claimed["grant"]["id"].as_str().unwrap().to_owned();
        let (path, reason) = (format!("/grants/{id}/revoke"), json!({"reason": "r"}));
        let taken = match first {
            "staff" => shop.ok("POST", &path, reason.clone()).await,
            _ => shop.ok("POST", "/reverse", json!({"grant_id": id})).await,
        };
        assert_eq!(taken["grant"]["state"], "revoked", "{first}");
        let again = shop.call("POST", &path, reason).await;
        assert_eq!(again.verdict(), want, "{first}: {}", again.body);
        match first {
            "staff" => assert_eq!(again.body, taken),
            _ => assert_eq!(again.body["reason"], "revoked"),
        }
        shop.refused("409 already_cancelled", "POST", "/reverse", json!({"grant_id": id})).await;
    }
}
