//! Refunds.

use crate::model::generate::Writer;
use crate::model::number::Exact;
use crate::model::program::{list, text};
use serde_json::{Value, json};

impl Writer {
    pub(super) fn refund(&mut self) -> i64 {
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
                if parts.is_empty() || self.dice.percent(40) {
                    let quantity = self.part_of(&line["quantity"]);
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
            body["refund_id"] = json!(self.name("f"));
        }
        if self.dice.percent(3) {
            body["dry_run"] = json!(true);
            self.post("/reverse", body);
        } else if self.post("/reverse", body.clone()).0 == 200 && body["refund_id"].is_string() {
            self.refunds.push(body);
        }
        member
    }

    /// Some of a quantity: pieces of pieces, and of a weight any part.
    fn part_of(&mut self, whole: &Value) -> Value {
        match whole.as_i64() {
            Some(pieces) if self.dice.percent(85) => json!(self.dice.between(1, pieces)),
            Some(_) => json!(self.dice.pick(&["0.5", "1.0", "0.333"])),
            None => {
                let thousandths = Exact::decimal(&text(whole))
                    .map_or(1_000, |whole| whole.times(&Exact::whole(1_000)).floor());
                let part = self.dice.between(1, thousandths);
                json!(format!("{}.{:03}", part / 1_000, part % 1_000))
            }
        }
    }

    /// An order refunded two hundred times, and once more.
    pub(crate) fn many_refunds(&mut self) {
        let (brand, order) = (self.brand(), self.name("o"));
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
}
