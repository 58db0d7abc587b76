//! The shop that is walked through, and what fills the names in braces.

use serde_json::{Value, json};

use super::{
    WHO, Who,
    further::{FEW, FURTHER},
};
use crate::{
    coalition::{coalition, order_of, redemption_of},
    support::{ADMIN_KEY, Reply, START, Shop},
};

/// The month that is closed: the one before the walk, in which something was earned.
const CLOSED: &str = "2026-02";

/// A moment in that month.
pub(crate) const BEFORE: &str = "2026-02-02T10:00:00+08:00";

pub(crate) struct Walk {
    pub(crate) shop: Shop,
    /// Keys that last, by caller.
    keys: Vec<(Who, String)>,
}

/// The values for names in braces: things that exist, and things that do not.
pub(crate) type Filling = Vec<(&'static str, String, String)>;

impl Walk {
    pub(super) async fn open() -> Walk {
        Walk::of(Shop::open(&coalition(), BEFORE).await).await
    }

    /// The same in a shop with the coalition's programme, which stands at [`BEFORE`].
    pub(crate) async fn of(shop: Shop) -> Walk {
        let known = shop.somebody().await;
        shop.earn(&known, "known", "10").await;
        shop.at(START);
        shop.ok("POST", "/settle", json!({"month": CLOSED})).await;
        let mut keys = vec![(Who::Admin, ADMIN_KEY.to_owned())];
        for (who, role, brand) in [
            (Who::Revoked, "admin", None),
            (Who::Operator, "operator", None),
            (Who::Storefront, "storefront", None),
            (Who::OfAcme, "storefront", Some("acme")),
            (Who::OfBean, "storefront", Some("bean")),
            (Who::Scheduler, "scheduler", None),
        ] {
            let (id, key) = shop.caller(&[role], brand).await;
            if who == Who::Revoked {
                shop.ok("DELETE", &format!("/keys/{id}"), Value::Null).await;
            }
            keys.push((who, key));
        }
        for partner in WHO.into_iter().filter_map(Who::partner) {
            shop.partner_of(partner).await;
        }
        Walk { shop, keys }
    }

    pub(crate) fn key(&self, who: Who) -> &str {
        &self.keys.iter().find(|(own, _)| *own == who).unwrap().1
    }

    /// A member with a past, as that caller knows it, and what else the row asks for: its path and body. If that is
    /// empty, everything is there but [`FEW`].
    pub(crate) async fn filling(&self, who: Who, n: &str, asked: &str) -> (Filling, String) {
        let shop = &self.shop;
        let identity = json!({"kind": "external", "channel": "walk", "value": n});
        let body = json!({"identities": [identity], "brand": "acme"});
        let member = shop.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned();
        let reference = shop.linked(&member, "tea").await;
        let (order, spent) = (format!("o-{n}"), format!("s-{n}"));
        let redeemed = match who.partner() {
            None => {
                shop.earn(&member, &order, "10").await;
                shop.redeem(&member, &spent, 1).await
            }
            Some(_) => {
                shop.partner_ok("tea", "/earn-points", order_of("tea", &reference, &order, "10")).await;
                shop.partner_ok("tea", "/redeem", redemption_of("tea", &reference, &spent, 1)).await
            }
        };
        let named = |field: &str, value: &str| format!("\"{field}\":\"{value}\"");
        let (whom, no_one) = match who.partner() {
            None => (named("member_id", &member), named("member_id", "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV")),
            Some(_) => {
                (named("member_ref", &reference), named("member_ref", "lnk_01ARZ3NDEKTSV4RRFFQ69G5FAV"))
            }
        };
        let brand = who.partner().unwrap_or("acme").to_owned();
        let (program, redemption) = (coalition().to_string(), redeemed["redemption_id"].as_str().unwrap());
        let mut filling = vec![
            ("{n}", n.to_owned(), format!("not-{n}")),
            ("{member}", member.clone(), "mbr_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
            ("{who}", whom, no_one),
            ("{brand}", brand.clone(), brand),
            ("{order}", order, "nothing".to_owned()),
            ("{redemption}", redemption.to_owned(), "rdm_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
            ("{program}", program.clone(), program),
            ("{month}", CLOSED.to_owned(), "2019-01".to_owned()),
        ];
        let all = asked.is_empty();
        for (name, absent) in FURTHER {
            let is_asked = asked.contains(name) || (all && !FEW.contains(name));
            // Of a partner's keys, which are few, those of the row before go.
            let real = match is_asked || (*name == "{keyid}" && asked.starts_with("/partners/new/keys")) {
                true => Box::pin(self.further(name, who, &member, n)).await,
                false => String::new(),
            };
            filling.push((*name, real, (*absent).to_owned()));
        }
        // What is replaced is there before. Absent is to a partner the card of somebody whom it is not linked with.
        if all || asked.contains("{card}") || asked.contains("/card/replace") {
            let others = shop.card(&shop.somebody().await).await;
            filling.push(("{card}", shop.card(&member).await, others));
        }
        (filling, member)
    }

    /// The token that such a caller shows, if it shows one: of that member, or of another.
    pub(crate) async fn shown_by(&self, who: Who, member: &str, n: &str) -> String {
        match who {
            Who::Own => self.token(member, n).await,
            Who::Other => self.token(&self.shop.somebody().await, n).await,
            _ => String::new(),
        }
    }

    /// A token of that member for the redemption of that number.
    pub(crate) async fn token(&self, member: &str, n: &str) -> String {
        let body = json!({"minutes": 5, "redeem": {"order_id": n, "points_max": 1}});
        let path = format!("/members/{member}/tokens");
        let made = self.shop.call_as(self.key(Who::OfAcme), "POST", &path, &body, None).await;
        made.body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn ask(&self, who: Who, token: &str, method: &str, path: &str, body: &str) -> Reply {
        let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
        match (who, who.partner()) {
            (Who::Nobody, _) => {
                let body = if body.is_null() { String::new() } else { body.to_string() };
                self.shop.send(method, path, &[], body.as_bytes()).await
            }
            (_, Some(brand)) => self.shop.call_partner(brand, method, path, &body, None).await,
            (Who::Own | Who::Other, _) => self.shop.call_as(token, method, path, &body, None).await,
            _ => self.shop.call_as(self.key(who), method, path, &body, None).await,
        }
    }
}

pub(crate) fn filled(text: &str, filling: &Filling, there: bool) -> String {
    filling.iter().fold(text.to_owned(), |text, (name, real, absent)| {
        text.replace(name, if there { real } else { absent })
    })
}
