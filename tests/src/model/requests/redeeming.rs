//! Redemptions, and what cancels them.

use crate::model::calendar::DAY;
use crate::model::generate::Writer;
use crate::model::program::text;
use serde_json::json;

impl Writer {
    pub(super) fn redeem(&mut self) -> i64 {
        let member = self.member();
        if self.dice.percent(10) {
            if let Some(mut again) = self.dice.one_of(&self.redeems) {
                if self.dice.percent(20) {
                    again["points"] = json!(again["points"].as_i64().unwrap_or(0) + 1);
                }
                self.post("/redeem", again);
            }
            return member;
        }
        let seen = self.peek(member);
        let available = seen["points"]["available"].as_i64().unwrap_or(0);
        let points = match self.dice.below(10) {
            0 => 1,
            1 => available + 1,
            2..4 => available.max(1),
            _ => self.dice.between(1, available.max(2) - 1),
        };
        // Sometimes for an order that earned: another natural key of the same name.
        let order = match self.dice.one_of(&self.orders) {
            Some(order) if self.dice.percent(20) => order["order_id"].clone(),
            _ => json!(self.name("r")),
        };
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "points": points,
            "for": {"kind": "order", "order_id": order},
        });
        // An order may be paid with points more than once.
        if self.dice.percent(20) {
            if let (Some(other), true) = (self.dice.one_of(&self.redeems), self.dice.percent(60)) {
                body["for"]["order_id"] = other["for"]["order_id"].clone();
                body["brand"] = other["brand"].clone();
            }
            body["for"]["part"] = json!(format!("p{}", self.fresh()));
        }
        // Told late: since what has just ended could be spent, or somewhat before or after.
        if self.dice.percent(25) {
            let back = match self.dice.below(4) {
                0 => self.dice.between(-6, 6) * 60 * 1000,
                1 => self.dice.below(2 * 60 * 60 * 1000),
                2 => self.dice.below(40 * DAY),
                _ => self.dice.below(4 * DAY),
            };
            body["occurred_at"] = json!(self.calendar.show(self.now - back));
        }
        if self.dice.percent(3) {
            body["dry_run"] = json!(true);
            self.post("/redeem", body);
            return member;
        }
        let (status, answer) = self.post("/redeem", body.clone());
        if status == 200 {
            self.redeems.push(body);
            self.redemptions.push(answer["redemption_id"].clone());
        }
        member
    }

    pub(super) fn cancel(&mut self) -> i64 {
        if self.dice.percent(10)
            && let Some(again) = self.dice.one_of(&self.cancels)
        {
            self.post("/reverse", again);
        } else if let Some(id) = self.dice.one_of(&self.redemptions) {
            let mut body = json!({"redemption_id": format!("{{{{{}}}}}", text(&id))});
            if self.dice.percent(60) {
                body["points"] = json!(self.dice.between(1, 40));
            }
            if self.dice.percent(40) {
                body["refund_id"] = json!(format!("c{}", self.fresh()));
                self.cancels.push(body.clone());
            }
            self.post("/reverse", body);
        }
        self.member()
    }
}
