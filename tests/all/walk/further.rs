//! What some routes alone need of a member: it is made only where a row asks for it.

use serde_json::{Value, json};

use super::{Walk, Who};

/// What it is called, and what is written in place of it where there is none.
pub(super) const FURTHER: &[(&str, &str)] = &[
    ("{double}", "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{merge}", "mrg_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{identity}", "idn_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{keyid}", "pk_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{key}", "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{webhook}", "whk_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{partner_webhook}", "whk_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{code}", "00000-00000-00000"),
    ("{referral}", "rfr_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{offer}", "nothing"),
    ("{offer_of_codes}", "nothing"),
    ("{offer_by_code}", "nothing"),
    ("{offer_to_issue}", "nothing"),
    ("{offer_to_claim}", "nothing"),
    ("{grant}", "grt_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{claimed}", "grt_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("{used}", "nothing"),
    ("{held}", "nothing"),
];

/// What a brand has few of: to make one, those of before go.
pub(crate) const FEW: [&str; 3] = ["{keyid}", "{webhook}", "{partner_webhook}"];

impl Walk {
    /// One of [`FURTHER`].
    pub(super) async fn further(&self, name: &str, who: Who, member: &str, n: &str) -> String {
        match name {
            "{double}" => self.double(n).await,
            "{merge}" => self.merge(member).await,
            "{identity}" => self.identity(member, n).await,
            "{keyid}" => self.keyid().await,
            "{key}" => self.shop.caller(&["storefront"], None).await.0,
            "{webhook}" => self.only_webhook(who).await,
            "{partner_webhook}" => self.only_webhook_of(Some("tea")).await,
            "{code}" => self.shop.code(member, "tea").await,
            "{referral}" => self.referral(member, n).await,
            "{offer}" => self.offer(n).await,
            "{offer_of_codes}" => self.offer_of_codes(n).await,
            "{offer_by_code}" => self.offer_by_code(n).await,
            "{offer_to_issue}" => self.offer_to_issue().await,
            "{offer_to_claim}" => self.offer_to_claim().await,
            "{grant}" => self.grant(member, n).await,
            "{claimed}" => self.claimed(member, n).await,
            "{used}" => self.used(member, &format!("u-{n}"), false).await,
            "{held}" => self.used(member, &format!("h-{n}"), true).await,
            _ => panic!("{name}: say how it is made"),
        }
    }

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
    async fn identity(&self, member: &str, n: &str) -> String {
        let further = json!({"identity": {"kind": "external", "channel": "further", "value": n}});
        let made = self.shop.ok("POST", &format!("/members/{member}/identities"), further).await;
        made["identity"]["id"].as_str().unwrap().to_owned()
    }

    /// Somebody of whom more is known than of the member.
    async fn double(&self, n: &str) -> String {
        let identity = json!({"kind": "external", "channel": "double", "value": n});
        let body = json!({"identities": [identity], "brand": "acme", "profile": {"gender": "female"}});
        self.shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
    }

    /// An offer of that name.
    async fn offer(&self, n: &str) -> String {
        let name = json!({"zh": "券", "en": "Coupon"});
        let gives = json!({"discount": {"percent": "5"}});
        let document = json!({"brand": "acme", "name": name, "how": "auto", "gives": gives});
        let saved = self.shop.ok("PUT", &format!("/offers/known-{n}"), document).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// An offer that hands out codes of others.
    async fn offer_of_codes(&self, n: &str) -> String {
        let document = json!({"brand": "acme", "name": {"zh": "票", "en": "Ticket"}, "how": "claim",
            "gives": {"item": {"sku": "film"}}, "stock": {"codes": true}});
        let saved = self.shop.ok("PUT", &format!("/offers/codes-{n}"), document).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// An offer that is had by codes, of which a batch of that name was printed.
    async fn offer_by_code(&self, n: &str) -> String {
        let document = json!({"brand": "acme", "name": {"zh": "券", "en": "Coupon"}, "how": "code",
            "gives": {"discount": {"percent": "5"}}});
        let path = format!("/offers/printed-{n}");
        let saved = self.shop.ok("PUT", &path, document).await;
        self.shop.call("POST", &format!("{path}/codes"), json!({"count": 1, "batch_id": "known"})).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// An offer that staff issue, and whose pieces and uses are counted.
    async fn offer_to_issue(&self) -> String {
        let many = json!({"total": 100_000});
        let document = json!({"brand": "acme", "name": {"zh": "礼", "en": "Gift"}, "how": "issue",
            "gives": {"item": {"sku": "tea"}}, "stock": many, "uses": many,
            "where": {"brands": ["acme", "tea", "mute"]}});
        let saved = self.shop.ok("PUT", "/offers/gift", document).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// An offer that is had for nothing.
    async fn offer_to_claim(&self) -> String {
        let document = json!({"brand": "acme", "name": {"zh": "茶", "en": "Tea"}, "how": "claim",
            "gives": {"item": {"sku": "tea"}}});
        let saved = self.shop.ok("PUT", "/offers/free", document).await;
        saved["id"].as_str().unwrap().to_owned()
    }

    /// What the member was issued under that name.
    async fn grant(&self, member: &str, name: &str) -> String {
        let offer = self.offer_to_issue().await;
        let body = json!({"member_id": member, "offer": offer, "issue_id": name, "reason": "r"});
        self.shop.ok("POST", "/grants", body).await["grant"]["id"].as_str().unwrap().to_owned()
    }

    /// What the member has claimed.
    async fn claimed(&self, member: &str, n: &str) -> String {
        let claimed = json!({"kind": "reward", "offer_id": self.offer_to_claim().await, "claim_id": n});
        let body = json!({"member_id": member, "brand": "acme", "for": claimed});
        self.shop.ok("POST", "/redeem", body).await["grant"]["id"].as_str().unwrap().to_owned()
    }

    /// The use of that name of a grant of the member, which is only held or final.
    async fn used(&self, member: &str, name: &str, hold: bool) -> String {
        let grant = self.grant(member, name).await;
        let body =
            json!({"member_id": member, "brand": "acme", "use_id": name, "grants": [grant], "hold": hold});
        self.shop.ok("POST", "/use", body).await;
        name.to_owned()
    }

    /// A friend that the member has brought, and that somebody is to look at: both came by the same device.
    async fn referral(&self, member: &str, n: &str) -> String {
        // The first look makes the code.
        let own = self.shop.ok("GET", &format!("/members/{member}/referral"), Value::Null).await;
        let order = |member: &str, order: &str, amount: &str| {
            json!({"member_id": member, "brand": "acme", "order_id": format!("{order}-{n}"), "amount": amount,
                "signals": {"device": n}})
        };
        self.shop.ok("POST", "/earn-points", order(member, "host", "1")).await;
        let identity = json!({"kind": "external", "channel": "friend", "value": n});
        let body = json!({"identities": [identity], "brand": "acme", "referral_code": own["code"]});
        let friend = self.shop.ok("POST", "/register", body).await;
        let friend = friend["member"]["id"].as_str().unwrap();
        let earned = self.shop.ok("POST", "/earn-points", order(friend, "friend", "60")).await;
        assert_eq!(earned["referral"]["state"], "review");
        earned["referral"]["id"].as_str().unwrap().to_owned()
    }

    /// The merge of somebody into the member.
    async fn merge(&self, member: &str) -> String {
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
        .replace("{partner_webhook}", "{id}")
        .replace("{offer}", "{id}")
        .replace("{offer_of_codes}", "{id}")
        .replace("{offer_by_code}", "{id}")
        .replace("/codes/known/", "/codes/{batch}/")
        .replace("/offers/{n}", "/offers/{id}")
        .replace("{referral}", "{id}")
        .replace("{grant}", "{id}")
        .replace("?state=review", "")
        .replace("?status=failed", "")
        .replace("?verified=true", "")
        .replace("/new/", "/{id}/")
        .replace("/partners/acme", "/partners/{id}")
        .replace("/partners/tea", "/partners/{id}");
    format!("{method} {path}")
}
