//! A coalition: two brands of the house, and partners: one sees everything, one sees nothing, one may do
//! nothing.

use std::sync::Arc;

use laurel_tests::partner::Partner;
use serde_json::{Value, json};

use crate::support::{Reply, Shop, program};

/// The usual programme with partners.
pub(crate) fn coalition() -> Value {
    let partner = |id: &str, may: &[&str], sees: &[&str]| json!({"id": id, "kind": "partner", "may": may, "sees": sees});
    let all = ["earn", "redeem", "reverse", "use"];
    let mut program = program();
    let brands = program["brands"].as_array_mut().unwrap();
    brands.push(partner("tea", &all, &["tier", "balance"]));
    brands.push(partner("mute", &all, &[]));
    brands.push(partner("idle", &[], &["tier", "balance"]));
    brands.push(partner("new", &all, &[]));
    program["tags"] = json!([{"id": "vip"}]);
    program["referral"] = json!({"after_days": 14, "min_amount": "50.00", "window_days": 180, "friend": {"points": 100},
        "referrer": [{"from": 1, "points": 100}], "per_month": 20, "brand": "acme"});
    program
}

impl Shop {
    /// A shop with the coalition's programme.
    pub(crate) async fn coalition() -> Shop {
        Shop::open(&coalition(), crate::support::START).await
    }

    /// Calls as that partner.
    pub(crate) async fn call_partner(
        &self,
        brand: &str,
        method: &str,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Reply {
        let partner = self.partner_of(brand).await;
        self.call_signed(&partner, method, path, body, key).await
    }

    /// The partner of that brand. Its key is registered at the first call.
    pub(crate) async fn partner_of(&self, brand: &str) -> Partner {
        let mut partners = self.partners.lock().await;
        if let Some(known) = partners.get(brand) {
            return known.clone();
        }
        let number = brand.bytes().fold(0, u8::wrapping_add);
        let partner = self.register_key(brand, &Partner::ed25519(number)).await;
        partners.insert(brand.to_owned(), partner.clone());
        partner
    }

    /// Posts as that partner.
    pub(crate) async fn partner(&self, brand: &str, path: &str, body: Value) -> Reply {
        self.call_partner(brand, "POST", path, &body, None).await
    }

    /// Posts as that partner and wants success.
    pub(crate) async fn partner_ok(&self, brand: &str, path: &str, body: Value) -> Value {
        let reply = self.partner(brand, path, body.clone()).await;
        assert_eq!(reply.status, 200, "{brand}: {path} {body}: {}", reply.body);
        reply.body
    }

    /// A code that links the member with that brand.
    pub(crate) async fn code(&self, member: &str, brand: &str) -> String {
        let made = self.ok("POST", &format!("/members/{member}/link-code"), json!({"brand": brand})).await;
        made["code"].as_str().unwrap().to_owned()
    }

    /// Links the member with that brand; the brand's reference.
    pub(crate) async fn linked(&self, member: &str, brand: &str) -> String {
        let code = self.code(member, brand).await;
        let linked = self.partner_ok(brand, "/link", json!({"code": code})).await;
        linked["member_ref"].as_str().unwrap().to_owned()
    }

    /// Ends the member's link with that brand.
    pub(crate) async fn unlink(&self, member: &str, brand: &str) -> Value {
        self.ok("DELETE", &format!("/members/{member}/links/{brand}"), Value::Null).await
    }

    /// The brand's order of that amount earns for its reference.
    pub(crate) async fn partner_earn(
        &self,
        brand: &str,
        reference: &str,
        order: &str,
        amount: &str,
    ) -> Reply {
        self.partner(brand, "/earn-points", order_of(brand, reference, order, amount)).await
    }
}

/// A partner's order.
pub(crate) fn order_of(brand: &str, reference: &str, order: &str, amount: &str) -> Value {
    json!({"member_ref": reference, "brand": brand, "order_id": order, "amount": amount})
}

/// A partner's redemption.
pub(crate) fn redemption_of(brand: &str, reference: &str, order: &str, points: u64) -> Value {
    let spent_on = json!({"kind": "order", "order_id": order});
    json!({"member_ref": reference, "brand": brand, "points": points, "for": spent_on})
}

/// A refusal's body without what differs each time: the request's id.
pub(crate) fn told(reply: &Reply) -> Value {
    let mut body = reply.body.clone();
    body.as_object_mut().unwrap().remove("instance");
    body
}

/// Does all of these at once.
pub(crate) async fn at_once<T: Send + 'static>(
    jobs: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let jobs: Vec<_> = jobs.into_iter().collect();
    let start = Arc::new(tokio::sync::Barrier::new(jobs.len()));
    let jobs = jobs.into_iter().map(|job| {
        let start = start.clone();
        tokio::spawn(async move {
            start.wait().await;
            job.await
        })
    });
    let mut done = Vec::new();
    for job in jobs.collect::<Vec<_>>() {
        done.push(job.await.unwrap());
    }
    done
}
