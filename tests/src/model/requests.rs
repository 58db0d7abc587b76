//! The requests of a random history, one function for each kind; each answers the member it is about.

use super::calendar::{DAY, NEVER};
use super::generate::Writer;
use super::program::{list, text};
use serde_json::{Value, json};

impl Writer {
    pub(crate) fn act(&mut self) {
        let member = match self.dice.below(100) {
            0..34 => self.order(),
            34..52 => self.activity(),
            52..66 => self.redeem(),
            66..82 => self.refund(),
            82..88 => self.cancel(),
            88..92 => self.adjust(),
            92..94 => self.badge(),
            94..98 => self.sweep(),
            _ => {
                let number = self.dice.between(1, self.members + 1);
                self.register(number)
            }
        };
        if self.dice.percent(70) {
            self.step("GET", &format!("/members/{{{{m{member}}}}}"), None);
        }
        if self.dice.percent(6) {
            self.step("GET", &format!("/members/{{{{m{member}}}}}/ledger"), None);
        }
    }

    pub(crate) fn look_at_all(&mut self) {
        for member in 1..=self.members {
            self.step("GET", &format!("/members/{{{{m{member}}}}}"), None);
            self.step("GET", &format!("/members/{{{{m{member}}}}}/ledger"), None);
        }
    }

    pub(crate) fn register(&mut self, number: i64) -> i64 {
        let identity = json!({"kind": "external", "channel": "model", "value": format!("p{number}")});
        let brand = self.brand();
        self.post("/register", json!({"identities": [identity], "brand": brand}));
        self.members = self.members.max(number);
        number
    }

    fn order(&mut self) -> i64 {
        let member = self.member();
        if self.dice.percent(6) {
            // One that earned before: sent again, or with something else in it.
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
            "order_id": format!("o{}", self.fresh()),
        });
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
            // With one fault alone: which of two is told first is nobody's rule.
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

    fn amount(&mut self) -> i64 {
        match self.dice.below(10) {
            0 => 0,
            1..4 => self.dice.between(1, 3_000),
            4..8 => self.dice.between(3_000, 60_000),
            _ => self.dice.between(60_000, 250_000),
        }
    }

    fn lines(&mut self) -> (Value, i64) {
        let (mut lines, mut sum) = (Vec::new(), 0);
        for line in 0..self.dice.between(1, 4) {
            let units = self.amount();
            sum += units;
            let mut one = json!({
                "line_id": format!("{line}"),
                "sku": format!("s{line}"),
                "quantity": self.dice.between(1, 6),
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

    /// Often now; late by days to years; at the very ends of what is accepted.
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

    fn activity(&mut self) -> i64 {
        let member = self.member();
        if self.dice.percent(4) {
            if let Some(again) = self.dice.one_of(&self.activities) {
                self.post("/earn-points", again);
            }
            return member;
        }
        let activities = ["check_in", "check_in", "share", "share", "review", "bind"];
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "activity": self.dice.pick(&activities),
        });
        if self.dice.percent(20) {
            body["activity_ref"] = json!(format!("a{}", self.fresh()));
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

    fn redeem(&mut self) -> i64 {
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
            _ => json!(format!("r{}", self.fresh())),
        };
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "points": points,
            "for": {"kind": "order", "order_id": order},
        });
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

    fn cancel(&mut self) -> i64 {
        if let Some(id) = self.dice.one_of(&self.redemptions) {
            let id = format!("{{{{{}}}}}", text(&id));
            self.post("/reverse", json!({"redemption_id": id}));
        }
        self.member()
    }

    fn refund(&mut self) -> i64 {
        let again = self.dice.percent(5);
        if let (true, Some(again)) = (again, self.dice.one_of(&self.refunds)) {
            self.post("/reverse", again);
            return self.member();
        }
        let Some(order) = self.dice.one_of(&self.orders) else {
            return self.member();
        };
        let member = text(&order["member_id"]);
        let member = member.trim_matches(['{', '}', 'm']).parse().unwrap_or(1);
        let other_way = self.dice.percent(3);
        let refund = if self.dice.percent(25) {
            json!("all")
        } else if order["lines"].is_array() != other_way {
            let mut parts = Vec::new();
            for line in list(&order["lines"]) {
                let most = line["quantity"].as_i64().unwrap_or(1);
                if parts.is_empty() || self.dice.percent(40) {
                    let quantity = self.dice.between(1, most);
                    parts.push(json!({"line_id": line["line_id"], "quantity": quantity}));
                }
            }
            if parts.is_empty() {
                parts.push(json!({"line_id": "0", "quantity": 1}));
            }
            json!({"lines": parts})
        } else {
            let whole = text(&order["amount"]).replace('.', "").parse().unwrap_or(100);
            let part = self.dice.between(1, 4);
            let units = self.dice.between(1, whole / part + 1);
            json!({"amount": self.money(units)})
        };
        let mut body = json!({
            "brand": order["brand"], "order_id": order["order_id"], "refund": refund,
        });
        if self.dice.percent(2) {
            body["order_id"] = json!("never-seen");
        }
        if self.dice.percent(80) {
            body["refund_id"] = json!(format!("f{}", self.fresh()));
        }
        if self.dice.percent(3) {
            body["dry_run"] = json!(true);
            self.post("/reverse", body);
        } else if self.post("/reverse", body.clone()).0 == 200 && body["refund_id"].is_string() {
            self.refunds.push(body);
        }
        member
    }

    /// An order refunded two hundred times, and once more.
    pub(crate) fn many_refunds(&mut self) {
        let (brand, order) = (self.brand(), format!("o{}", self.fresh()));
        let (amount, unit) = (self.money(30_000), self.money(100));
        let body = json!({"member_id": "{{m1}}", "brand": brand, "order_id": order, "amount": amount});
        self.post("/earn-points", body);
        for number in 0..=200 {
            self.post(
                "/reverse",
                json!({"brand": brand, "order_id": order, "refund": {"amount": unit},
                    "refund_id": format!("many-{number}")}),
            );
        }
    }

    fn adjust(&mut self) -> i64 {
        let member = self.member();
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "points": self.dice.between(-200, 300),
            "growth": if self.dice.percent(50) { 0 } else { self.dice.between(-300, 600) },
            "reason": "model",
            "adjustment_id": format!("j{}", self.fresh()),
        });
        if body["points"] == 0 && body["growth"] == 0 {
            body["points"] = json!(1);
        }
        if self.dice.percent(20) && body["points"].as_i64() > Some(0) {
            let days = self.dice.between(1, 90) as u64;
            let end = self.calendar.midnight_after_days(self.now, days);
            let mode = &self.program["points"]["expiry"]["mode"];
            if mode != "inactivity" && end != NEVER {
                body["expires_at"] = self.calendar.show(end);
            }
        }
        self.post("/adjust", body);
        member
    }

    fn badge(&mut self) -> i64 {
        let member = self.member();
        let badge = self.dice.pick(&["founder", "many", "grown"]);
        let id = format!("{{{{m{member}}}}}");
        self.post("/issue-badge", json!({"member_id": id, "badge": badge, "reason": "model"}));
        member
    }

    fn sweep(&mut self) -> i64 {
        let member = self.member();
        let path = self.dice.pick(&["/expire-points", "/evaluate-tier"]);
        let body = match self.dice.below(3) {
            0 => json!({}),
            1 => json!({"as_of": self.calendar.show(self.now - self.dice.below(60 * DAY))}),
            _ => json!({"member_id": format!("{{{{m{member}}}}}")}),
        };
        self.post(path, body);
        member
    }
}
