//! Orders told anew.

use crate::model::calendar::DAY;
use crate::model::generate::Writer;
use crate::model::program::text;
use serde_json::json;
use smol_str::SmolStr;

impl Writer {
    /// The next telling of an order; sometimes one that was told before, that is not the next, or whose moment is
    /// another.
    pub(super) fn revise(&mut self) -> i64 {
        let known = if self.dice.percent(15) { self.tellings.clone() } else { self.orders.clone() };
        let Some(mut body) = self.dice.one_of(&known) else { return self.member() };
        let member = text(&body["member_id"]);
        let member = member.trim_matches(['{', '}', 'm']).parse().unwrap_or(1);
        let key = (SmolStr::new(text(&body["brand"])), SmolStr::new(text(&body["order_id"])));
        let last = self.model.revision(&key).map_or(0, |(revision, _)| revision);
        match self.dice.below(100) {
            // As it was told before, perhaps with other content.
            0..12 => {}
            12..90 => self.content(&mut body, last + 1),
            90..95 => self.content(&mut body, last),
            95..98 => self.content(&mut body, last + 2),
            _ => {
                self.content(&mut body, last + 1);
                body["occurred_at"] = self.calendar.show(self.now - DAY);
            }
        }
        if self.dice.percent(50)
            && let Some(fields) = body.as_object_mut()
        {
            fields.remove("occurred_at");
        }
        if self.dice.percent(3) {
            body["dry_run"] = json!(true);
            self.post("/earn-points", body);
        } else if self.post("/earn-points", body.clone()).0 == 200 {
            let order_id = &body["order_id"];
            let place = self.orders.iter().position(|order| order["order_id"] == *order_id);
            // Refunds aim at what it consists of now.
            let newest = place.filter(|_| body["revision"] == json!(last + 1));
            if let Some(place) = newest {
                let before = std::mem::replace(&mut self.orders[place], body);
                self.tellings.push(before);
            }
        }
        member
    }

    /// What an order consists of now: often less or more of the same, or nothing, sometimes something else.
    fn content(&mut self, body: &mut serde_json::Value, revision: i64) {
        body["revision"] = json!(revision);
        let Some(fields) = body.as_object_mut() else { return };
        fields.remove("amount");
        fields.remove("lines");
        if self.dice.percent(40) {
            let (lines, _) = self.lines();
            body["lines"] = lines;
        } else {
            let units = if self.dice.percent(8) { 0 } else { self.amount() };
            body["amount"] = json!(self.money(units));
        }
    }
}
