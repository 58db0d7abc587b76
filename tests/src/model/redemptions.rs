//! Redeeming (rule 5), its cancellation (rule 6) and adjusting by hand.

use super::member::Lot;
use super::program::text;
use super::{Answer, Model, calendar, invalid, refuse};
use serde_json::{Value, json};

/// Points spent for an order.
#[derive(Clone, Debug)]
pub(crate) struct Redemption {
    member: String,
    body: Value,
    answer: Answer,
    /// What came out of which lot (minus).
    lots: Vec<Lot>,
    cancelled: bool,
}

impl Model {
    pub(crate) fn redeem(&mut self, body: &Value, id: Option<String>, now: i64) -> Answer {
        let brand = text(&body["brand"]);
        if !self.program.brands.contains_key(&brand) {
            return refuse(404, "brand_not_found", json!({}));
        }
        let key = (brand, text(&body["for"]["order_id"]));
        if let Some(known) = self.redeemed_orders.get(&key) {
            let known = &self.redemptions[known];
            return if known.cancelled {
                refuse(409, "already_cancelled", json!({}))
            } else if known.body == *body {
                known.answer.clone()
            } else {
                refuse(409, "order_conflict", json!({}))
            };
        }
        let Some(points) = body["points"].as_i64().filter(|&points| points >= 1) else {
            return invalid("/points");
        };
        let Some(mut member) = self.settled(&text(&body["member_id"]), now) else {
            return refuse(404, "member_not_found", json!({}));
        };
        let available = member.available();
        if points > available {
            let data = json!({"available": available, "debt": member.debt});
            return refuse(409, "insufficient_points", data);
        }
        // Free lots come first and are enough.
        let (lots, _) = member.take(None, points);
        let entry = member.record("redeem", -points, 0, lots.clone());
        if self.program.by_inactivity() {
            member.move_inactivity(self.program.expires_at(now, now));
        }
        let id = id.unwrap_or_else(|| format!("r{}", self.redemptions.len() + 1));
        let growth = member.growth;
        let (member, _, _) = self.finish(member, growth, now);
        let mut answer = self.standing(&member);
        answer["redemption_id"] = json!(id);
        answer["entry"] = entry.show(&self.program);
        let redemption = Redemption {
            member: member.id,
            body: body.clone(),
            answer: (200, answer.clone()),
            lots,
            cancelled: false,
        };
        self.redeemed_orders.insert(key, id.clone());
        self.redemptions.insert(id, redemption);
        (200, answer)
    }

    pub(crate) fn cancel(&mut self, id: &str, now: i64) -> Answer {
        let Some(redemption) = self.redemptions.get(id).cloned() else {
            return refuse(404, "redemption_not_found", json!({}));
        };
        if redemption.cancelled {
            return refuse(409, "already_cancelled", json!({}));
        }
        let mut member = self.settled(&redemption.member, now).expect("its member");
        let program = &self.program;
        let grace = match program.grace_days {
            0 => None,
            days => Some(program.calendar.midnight_after_days(now, days)),
        };
        let mut coming: Vec<Lot> = Vec::new();
        for lot in redemption.lots {
            let end = if program.by_inactivity() {
                member.inactive_at.expect("a redemption sets it")
            } else {
                lot.expires_at
            };
            if let Some(expires_at) = Some(end).filter(|&end| end > now).or(grace) {
                coming.push(Lot { expires_at, points: -lot.points, ..lot });
            }
        }
        let restored: i64 = coming.iter().map(|lot| lot.points).sum();
        let lots = member.put(coming);
        if let (true, Some(lot)) = (program.by_inactivity(), lots.first()) {
            member.inactive_at = Some(lot.expires_at);
        }
        let entry = member.record("reverse_redeem", restored, 0, lots);
        self.redemptions.get_mut(id).expect("known").cancelled = true;
        let growth = member.growth;
        let (member, _, _) = self.finish(member, growth, now);
        let mut answer = self.standing(&member);
        answer["entry"] = entry.show(&self.program);
        answer["restored"] = json!(restored);
        answer["debt"] = json!(member.debt);
        (200, answer)
    }

    pub(crate) fn adjust(&mut self, body: &Value, now: i64) -> Answer {
        let brand = text(&body["brand"]);
        if !self.program.brands.contains_key(&brand) {
            return refuse(404, "brand_not_found", json!({}));
        }
        let reference = format!("adjustment {}", body["adjustment_id"]);
        if let Some((_, answer)) = self.answers.get(&reference) {
            return answer.clone();
        }
        let Some(mut member) = self.settled(&text(&body["member_id"]), now) else {
            return refuse(404, "member_not_found", json!({}));
        };
        let points = body["points"].as_i64().unwrap_or(0);
        let growth = body["growth"].as_i64().unwrap_or(0);
        let (moved, lots) = if points < 0 {
            let (taken, lots) = self.take(&mut member, None, -points);
            (-taken, lots)
        } else {
            let given = body["expires_at"].as_str().and_then(calendar::instant);
            let expires_at = match (self.program.by_inactivity(), given) {
                (true, _) => {
                    let running = member.inactive_at.filter(|&end| end > now);
                    running.unwrap_or_else(|| self.program.expires_at(now, now))
                }
                (false, Some(given)) => given,
                _ => self.program.expires_at(now, now),
            };
            let lots = member.put(vec![Lot { expires_at, brand, held_until: None, points }]);
            if let (true, Some(lot)) = (self.program.by_inactivity(), lots.first()) {
                member.inactive_at = Some(lot.expires_at);
            }
            (points, lots)
        };
        let before = member.growth;
        let change = member.change_growth(growth);
        let entry = member.record("adjust", moved, change, lots);
        let (member, _, _) = self.finish(member, before, now);
        let mut answer = self.standing(&member);
        answer["entry"] = entry.show(&self.program);
        self.remember(reference, body, (200, answer))
    }
}
