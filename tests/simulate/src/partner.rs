//! The partner brand of every simulated programme: its key, its links with members, its signatures.

use std::sync::Arc;

use domain::time::Instant;
use edge::Api;
use laurel_tests::{model::Dice, partner::Partner};
use serde_json::{Value, json};

use crate::{
    instance::{ask, instance},
    op::{PARTNER, Sent},
    store::lock,
    world::World,
};

impl World {
    /// Links a member with the partner, if allowed; returns whether it is linked.
    pub(crate) fn link(&mut self, member: usize) -> Result<bool, String> {
        if self.links.contains_key(&member) {
            return Ok(true);
        }
        if self.model.member(member).standing.status != "active" {
            return Ok(false);
        }
        // No fault strikes meanwhile: the link is not an operation. It needs an instance of its own, because
        // a request may wait in the member's queue on the others.
        let api = match &self.linking {
            Some(api) => api.clone(),
            None => {
                let seed = !self.settings.seed;
                let api = instance(&self.store, &self.weather, &self.secrets, seed, self.now, self.elapsed);
                self.linking.insert(api).clone()
            }
        };
        self.nonces += 1;
        api.clock.simulate(Instant(self.now), self.elapsed);
        let path = format!("/members/{}/link-code", self.ids[member]);
        let (status, body) = ask(&api, "POST", &path, &json!({"brand": PARTNER}).to_string(), &[])?;
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == 409 {
            return Ok(false);
        }
        let body = json!({"code": asked["code"]}).to_string();
        let sent = Sent { method: "POST", path: "/link".to_owned(), body };
        let headers = sign(&self.partner, &sent, &[], self.now, &format!("link-{}", self.nonces));
        let (status, body) = ask(&api, "POST", "/link", &sent.body, &headers)?;
        let linked: Value = serde_json::from_slice(&body).unwrap_or_default();
        lock(&self.weather).committed.clear();
        let reference = linked["member_ref"].as_str();
        let reference = reference.ok_or_else(|| format!("no link: {asked}, {status} {linked}"))?;
        self.links.insert(member, reference.to_owned());
        Ok(true)
    }

    /// The headers of a request that the partner signs.
    pub(crate) fn sign(
        &self,
        sent: &Sent,
        headers: &[(&str, &str)],
        now: i64,
        nonce: &str,
    ) -> Vec<(String, String)> {
        sign(&self.partner, sent, headers, now, nonce)
    }
}

/// A partner beside the house's brands.
pub(crate) fn add_partner(document: &mut Value, dice: &mut Dice) {
    let moon = json!({
        "id": PARTNER, "name": "Moon", "kind": "partner", "rate": dice.pick(&["1", "0.5", "2"]),
        "may": ["earn", "redeem", "reverse"], "sees": ["tier", "balance"],
        "late_days": dice.between(20, 60), "issue_price": "0.0125", "honour_price": "0.0080",
    });
    if let Some(brands) = document["brands"].as_array_mut() {
        brands.push(moon);
    }
}

/// The partner gets its key.
pub(crate) fn sign_up(api: &Arc<Api>, dice: &mut Dice) -> Result<Partner, String> {
    // Checking an Ed25519 signature takes longer than everything else: some seeds are enough.
    let partner = if dice.below(10) == 0 { Partner::ed25519(7) } else { Partner::hmac() };
    let body = partner.registration().to_string();
    let (status, made) = ask(api, "POST", &format!("/partners/{PARTNER}/keys"), &body, &[])?;
    let made: Value = serde_json::from_slice(&made).map_err(|error| format!("{status}: {error}"))?;
    if status == 201 { Ok(partner.registered(&made)) } else { Err(format!("no key: {made}")) }
}

pub(crate) fn sign(
    partner: &Partner,
    sent: &Sent,
    headers: &[(&str, &str)],
    now: i64,
    nonce: &str,
) -> Vec<(String, String)> {
    let mut claims = partner.claims(headers, sent.body.as_bytes());
    claims.created = now.div_euclid(1_000);
    nonce.clone_into(&mut claims.nonce);
    partner.sign_with(sent.method, &sent.path, headers, sent.body.as_bytes(), &claims)
}
