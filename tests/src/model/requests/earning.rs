//! Orders and activities.

use crate::model::calendar::DAY;
use crate::model::generate::Writer;
use serde_json::{Value, json};

impl Writer {
    pub(super) fn order(&mut self) -> i64 {
        let member = self.member();
        if self.dice.percent(6) {
            // An order that earned before: sent again, or with other content.
            if let Some(mut again) = self.dice.one_of(&self.orders) {
                if self.dice.percent(40) {
                    again["occurred_at"] = self.calendar.show(self.now - DAY);
                }
                self.post("/earn-points", again);
            }
            return member;
        }
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "order_id": self.name("o"),
        });
        if self.dice.percent(20) {
            body["channel"] = json!(self.dice.pick(&["web", "store:0042", "店/1"]));
        }
        if self.dice.percent(10) {
            let own = self.currency();
            body["currency"] = json!(if self.dice.percent(5) { "XAU" } else { &own });
        }
        if self.dice.percent(50) {
            let (lines, sum) = self.lines();
            body["lines"] = lines;
            if self.dice.percent(30) {
                let wrong = i64::from(self.dice.percent(5));
                body["amount"] = json!(self.money(sum + wrong));
            }
        } else {
            let units = self.amount();
            body["amount"] = json!(self.money(units));
        }
        self.date_it(&mut body);
        if self.dice.percent(1) {
            // With only one fault: no rule says which of two is reported first.
            body = json!({"brand": body["brand"], "order_id": body["order_id"], "amount": "1",
                "member_id": "mbr_00000000000000000000000000"});
        }
        if self.dice.percent(3) {
            body["dry_run"] = json!(true);
            self.post("/earn-points", body);
        } else if self.post("/earn-points", body.clone()).0 == 200 {
            self.orders.push(body);
        }
        member
    }

    pub(super) fn activity(&mut self) -> i64 {
        let member = self.member();
        if self.dice.percent(4) {
            if let Some(again) = self.dice.one_of(&self.activities) {
                self.post("/earn-points", again);
            }
            return member;
        }
        let activities = ["check_in", "check_in", "share", "share", "review", "bind", "refused"];
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "activity": self.dice.pick(&activities),
        });
        if self.dice.percent(20) {
            body["activity_ref"] = json!(self.name("a"));
        }
        if self.dice.percent(50) {
            self.date_it(&mut body);
        }
        let (status, _) = self.post("/earn-points", body.clone());
        if status == 200 && body["activity_ref"].is_string() {
            self.activities.push(body);
        }
        member
    }

    pub(super) fn take_back(&mut self) -> i64 {
        if let Some(done) = self.dice.one_of(&self.activities) {
            let mut body = json!({"brand": done["brand"], "activity": done["activity"],
                "activity_ref": done["activity_ref"]});
            if self.dice.percent(5) {
                body["activity_ref"] = json!("never-done");
            }
            self.post("/reverse", body);
        }
        self.member()
    }

    /// Days on end of the same two activities by one member.
    pub(crate) fn run_of_days(&mut self) {
        let (member, brand) = (self.member(), self.brand());
        for _ in 0..self.dice.between(3, 12) {
            for activity in ["check_in", "share", "share"] {
                if self.dice.percent(90) {
                    let id = format!("{{{{m{member}}}}}");
                    let body = json!({"member_id": id, "brand": brand, "activity": activity});
                    self.post("/earn-points", body);
                }
            }
            self.now += DAY;
        }
    }

    pub(super) fn amount(&mut self) -> i64 {
        match self.dice.below(10) {
            0 => 0,
            1..4 => self.dice.between(1, 3_000),
            4..8 => self.dice.between(3_000, 60_000),
            _ => self.dice.between(60_000, 250_000),
        }
    }

    pub(super) fn lines(&mut self) -> (Value, i64) {
        let (mut lines, mut sum): (_, i64) = (Vec::new(), 0);
        for line in 0..self.dice.between(1, 4) {
            let units = match self.dice.below(100) {
                // A discount; seldom one of more than there is.
                0..15 if sum > 0 => -self.dice.between(1, sum),
                15 => -self.amount(),
                _ => self.amount(),
            };
            sum += units;
            let mut one = json!({
                "line_id": format!("{line}"),
                "sku": format!("s{line}"),
                "quantity": self.quantity(),
                "amount": self.money(units),
            });
            if self.dice.percent(85) {
                let category = self.dice.pick(&["tea", "book", "misc", "gift_card"]);
                one["category"] = json!(category);
            }
            lines.push(one);
        }
        (json!(lines), sum)
    }

    /// Pieces, or a weight.
    fn quantity(&mut self) -> Value {
        match self.dice.below(4) {
            0 => json!(self.dice.pick(&["0.350", "1.5", "0.001", "2.25", "0.5"])),
            _ => json!(self.dice.between(1, 6)),
        }
    }

    /// Often now; late by days to years; at the very limits of what is accepted.
    fn date_it(&mut self, body: &mut Value) {
        let minute = 60 * 1000;
        let at = match self.dice.below(100) {
            0..74 => return,
            74..84 => self.now - self.dice.below(5 * DAY),
            84..92 => self.now - self.dice.below(1_090 * DAY),
            92..95 => self.calendar.midnight_after_days(self.now, 0) + self.dice.between(-1, 0),
            95 => self.now - 1_100 * DAY,
            96 => self.now - 1_100 * DAY - 1,
            97 => self.now + 5 * minute + 1,
            98 => self.now + 5 * minute,
            _ => self.now + self.dice.below(5 * minute),
        };
        body["occurred_at"] = self.calendar.show(at);
    }
}
