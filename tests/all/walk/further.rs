//! What some routes alone need of a member.

use serde_json::{Value, json};

use super::Walk;

impl Walk {
    /// A key of a partner without live keys.
    pub(crate) async fn keyid(&self) -> String {
        let (shop, path) = (&self.shop, "/partners/new/keys");
        for known in shop.ok("GET", path, Value::Null).await["keys"].as_array().unwrap() {
            let path = format!("{path}/{}", known["keyid"].as_str().unwrap());
            shop.ok("DELETE", &path, Value::Null).await;
        }
        let made = shop.ok("POST", path, json!({"alg": "hmac-sha256"})).await;
        made["keyid"].as_str().unwrap().to_owned()
    }

    /// The id of a further identity of the member.
    pub(super) async fn identity(&self, member: &str, n: &str) -> String {
        let further = json!({"identity": {"kind": "external", "channel": "further", "value": n}});
        let made = self.shop.ok("POST", &format!("/members/{member}/identities"), further).await;
        made["identity"]["id"].as_str().unwrap().to_owned()
    }

    /// Somebody of whom more is known than of the member.
    pub(super) async fn double(&self, n: &str) -> String {
        let identity = json!({"kind": "external", "channel": "double", "value": n});
        let body = json!({"identities": [identity], "brand": "acme", "profile": {"gender": "female"}});
        self.shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
    }

    /// An offer of that name.
    pub(super) async fn offer(&self, n: &str) -> String {
        let name = json!({"zh": "券", "en": "Coupon"});
        let gives = json!({"discount": {"percent": "5"}});
        let document = json!({"brand": "acme", "name": name, "how": "auto", "gives": gives});
        let saved = self.shop.ok("PUT", &format!("/offers/known-{n}"), document).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// An offer that hands out codes of others.
    pub(super) async fn offer_of_codes(&self, n: &str) -> String {
        let document = json!({"brand": "acme", "name": {"zh": "票", "en": "Ticket"}, "how": "claim",
            "gives": {"item": {"sku": "film"}}, "stock": {"codes": true}});
        let saved = self.shop.ok("PUT", &format!("/offers/codes-{n}"), document).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// An offer that is had by codes, of which a batch of that name was printed.
    pub(super) async fn offer_by_code(&self, n: &str) -> String {
        let document = json!({"brand": "acme", "name": {"zh": "券", "en": "Coupon"}, "how": "code",
            "gives": {"discount": {"percent": "5"}}});
        let path = format!("/offers/printed-{n}");
        let saved = self.shop.ok("PUT", &path, document).await;
        self.shop.call("POST", &format!("{path}/codes"), json!({"count": 1, "batch_id": "known"})).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// The merge of somebody into the member.
    pub(super) async fn merge(&self, member: &str) -> String {
        let body = json!({"member_id": self.shop.somebody().await, "reason": "r"});
        let merged = self.shop.ok("POST", &format!("/members/{member}/merge"), body).await;
        merged["merge_id"].as_str().unwrap().to_owned()
    }
}

/// The route that a row of the walk asks.
pub(super) fn route_of(method: &str, path: &str) -> String {
    let path = path
        .replace("{member}", "{id}")
        .replace("{key}", "{id}")
        .replace("/links/tea", "/links/{brand}")
        .replace("/{identity}?reason=r", "/{identity_id}")
        .replace("/badges/first_order?reason=r", "/badges/{badge}")
        .replace("{webhook}", "{id}")
        .replace("{offer}", "{id}")
        .replace("{offer_of_codes}", "{id}")
        .replace("{offer_by_code}", "{id}")
        .replace("/codes/known/", "/codes/{batch}/")
        .replace("/offers/{n}", "/offers/{id}")
        .replace("/rfr_00000000000000000000000000", "/{id}")
        .replace("/grt_00000000000000000000000000", "/{id}")
        .replace("?state=review", "")
        .replace("?status=failed", "")
        .replace("?verified=true", "")
        .replace("/new/", "/{id}/")
        .replace("/partners/acme", "/partners/{id}")
        .replace("/partners/tea", "/partners/{id}");
    format!("{method} {path}")
}
