//! Requests of callers that may not do what they ask, that pass something off as a repeat, or whose signature
//! is invalid: each with its expected status. They are sent without faults, because only the caller matters
//! here.

use std::sync::Arc;

use edge::Api;
use serde_json::{Value, json};

use crate::{
    instance::ask,
    op::{PARTNER, Sent},
    world::World,
};

/// The house's first brand in every simulated programme.
const HOUSE: &str = "acme";

/// Who asks.
#[derive(Clone, Copy)]
enum By<'a> {
    Admin,
    /// The holder of that key.
    Key(&'a str),
}

/// One seed's requests, and the instance that gets them.
struct Trespass<'a> {
    world: &'a World,
    api: &'a Arc<Api>,
    now: i64,
}

/// How a signed request is changed after it was signed, or signed wrongly.
#[derive(Clone, Copy, PartialEq)]
enum Tampered {
    No,
    /// It is sent again with the same nonce.
    Again,
    Body,
    /// An hour ago.
    Old,
    /// A key is added that the signature does not cover.
    Keyed,
}

/// Sends all of them. Returns the members that were registered meanwhile, which the model does not know.
pub(crate) fn check(world: &World, api: &Arc<Api>, now: i64) -> Result<Vec<String>, String> {
    let trespass = Trespass { world, api, now };
    let members = trespass.repeats()?;
    trespass.brands(&members[1])?;
    trespass.revoked(&members[1])?;
    trespass.signatures()?;
    Ok(members.to_vec())
}

impl Trespass<'_> {
    /// Sends a request, and compares the status with the expected one.
    fn must(
        &self,
        what: &str,
        want: u16,
        by: By<'_>,
        (method, path): (&str, &str),
        key: Option<&str>,
        body: &Value,
    ) -> Result<Value, String> {
        let mut headers = Vec::new();
        if let By::Key(key) = by {
            headers.push(("authorization".to_owned(), format!("Bearer {key}")));
        }
        if let Some(key) = key {
            headers.push(("idempotency-key".to_owned(), key.to_owned()));
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = ask(self.api, method, path, &text, &headers)?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match status == want {
            true => Ok(answer),
            false => {
                let code = &answer["code"];
                Err(format!("{what}: {method} {path} {text} is answered {status} {code}, not {want}"))
            }
        }
    }

    /// A new storefront: its id, and its key.
    fn storefront(&self, brand: Option<&str>) -> Result<(String, String), String> {
        let mut body = json!({"name": "trespasser", "roles": ["storefront"]});
        if let Some(brand) = brand {
            body["brand"] = brand.into();
        }
        let made = self.must("a key", 201, By::Admin, ("POST", "/keys"), None, &body)?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Ok((text("id"), text("key")))
    }

    fn person(brand: &str, value: &str) -> Value {
        json!({"identities": [{"kind": "external", "channel": "trespass", "value": value}], "brand": brand})
    }

    /// A key belongs to its caller, its function and its request. Returns two new members, of whom the second is active.
    fn repeats(&self) -> Result<[String; 2], String> {
        let ((_, one), (_, other)) = (self.storefront(Some(HOUSE))?, self.storefront(Some(HOUSE))?);
        let (one, other) = (By::Key(&one), By::Key(&other));
        let (register, earn) = (("POST", "/register"), ("POST", "/earn-points"));
        let first = Self::person(HOUSE, "first");
        let made = self.must("somebody new", 201, one, register, Some("k"), &first)?;
        let member = made["member"]["id"].as_str().unwrap_or_default();
        let what = "another caller's same key is another key";
        self.must(what, 200, other, register, Some("k"), &first)?;
        let order = json!({"member_id": member, "brand": HOUSE, "order_id": "trespass-1", "amount": "0"});
        self.must("the same key at another function", 200, one, earn, Some("k"), &order)?;
        let order = json!({"member_id": member, "brand": HOUSE, "order_id": "trespass-2", "amount": "0"});
        self.must("the same key for another order", 422, one, earn, Some("k"), &order)?;
        let second = Self::person(HOUSE, "second");
        let second = self.must("somebody else", 201, one, register, None, &second)?;
        let second = second["member"]["id"].as_str().unwrap_or_default();
        let suspended = json!({"status": "suspended", "reason": "trespass"});
        for (id, want) in [(member, 200), (second, 422)] {
            let path = format!("/members/{id}/status");
            self.must("a key for one member", want, By::Admin, ("POST", &path), Some("s"), &suspended)?;
        }
        Ok([member, second].map(str::to_owned))
    }

    /// A storefront acts for its own brand, or for the house's.
    fn brands(&self, member: &str) -> Result<(), String> {
        let ((_, bound), (_, house)) = (self.storefront(Some(HOUSE))?, self.storefront(None)?);
        // Some programmes have no other brand of the house.
        let brands = self.world.writer.document["brands"].as_array().map_or(&[][..], Vec::as_slice);
        let brands = brands.iter().filter_map(|brand| brand["id"].as_str());
        for brand in brands.filter(|brand| *brand != HOUSE) {
            let person = Self::person(brand, "third");
            self.must("another brand", 403, By::Key(&bound), ("POST", "/register"), None, &person)?;
        }
        let person = Self::person(PARTNER, "third");
        self.must("a partner's brand", 403, By::Key(&house), ("POST", "/register"), None, &person)?;
        let given = json!({"member_id": member, "brand": PARTNER, "points": 10, "reason": "trespass",
            "adjustment_id": "trespass"});
        self.must("points", 200, By::Admin, ("POST", "/adjust"), None, &given)?;
        let spent = json!({"member_id": member, "brand": PARTNER, "points": 1,
            "for": {"kind": "order", "order_id": "trespass"}});
        let redeemed = self.must("a redemption", 200, By::Admin, ("POST", "/redeem"), None, &spent)?;
        let cancelled = json!({"redemption_id": redeemed["redemption_id"]});
        let what = "another brand's redemption";
        self.must(what, 404, By::Key(&bound), ("POST", "/reverse"), None, &cancelled)?;
        Ok(())
    }

    /// A revoked key is no key.
    fn revoked(&self, member: &str) -> Result<(), String> {
        let (id, key) = self.storefront(Some(HOUSE))?;
        let path = format!("/members/{member}");
        let nothing = Value::Null;
        self.must("a live key", 200, By::Key(&key), ("GET", &path), None, &nothing)?;
        self.must("the end of a key", 200, By::Admin, ("DELETE", &format!("/keys/{id}")), None, &nothing)?;
        self.must("a revoked key", 401, By::Key(&key), ("GET", &path), None, &nothing)?;
        Ok(())
    }

    /// Signed requests about a member whom the partner does not know: refused for that, if the signature is
    /// valid.
    fn signatures(&self) -> Result<(), String> {
        for (nonce, tampered, want) in [
            ("trespass-1", Tampered::No, 404),
            ("trespass-1", Tampered::Again, 401),
            ("trespass-2", Tampered::Body, 401),
            ("trespass-3", Tampered::Old, 401),
            ("trespass-4", Tampered::Keyed, 401),
        ] {
            self.signed(nonce, tampered, want)?;
        }
        Ok(())
    }

    fn signed(&self, nonce: &str, tampered: Tampered, want: u16) -> Result<(), String> {
        let body = json!({"member_ref": "lnk_00000000000000000000000000", "brand": PARTNER,
            "order_id": "trespass", "amount": "1"});
        let sent = Sent { method: "POST", path: "/earn-points".to_owned(), body: body.to_string() };
        let signed_at = if tampered == Tampered::Old { self.now - 60 * 60 * 1_000 } else { self.now };
        let mut headers = self.world.sign(&sent, &[], signed_at, nonce);
        let mut body = sent.body.clone();
        match tampered {
            Tampered::Body => body = body.replace(r#""amount":"1""#, r#""amount":"2""#),
            Tampered::Keyed => headers.push(("idempotency-key".to_owned(), "added".to_owned())),
            Tampered::No | Tampered::Again | Tampered::Old => {}
        }
        let (status, answer) = ask(self.api, sent.method, &sent.path, &body, &headers)?;
        match status == want {
            true => Ok(()),
            false => {
                let answer = String::from_utf8_lossy(&answer);
                Err(format!("{answer} for a signed request, {nonce}, that must be answered {want}"))
            }
        }
    }
}
