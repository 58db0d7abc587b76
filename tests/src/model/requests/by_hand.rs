//! What staff do: points and badges by hand, and new versions of the programme.

use crate::model::calendar::NEVER;
use crate::model::generate::Writer;
use crate::model::programs::change_tiers;
use serde_json::json;

impl Writer {
    pub(super) fn adjust(&mut self) -> i64 {
        let member = self.member();
        let mut body = json!({
            "member_id": format!("{{{{m{member}}}}}"),
            "brand": self.brand(),
            "points": self.dice.between(-200, 300),
            "growth": if self.dice.percent(50) { 0 } else { self.dice.between(-300, 600) },
            "reason": "model",
            "adjustment_id": self.name("j"),
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

    /// A new version of the programme, unless chance leaves it as it is.
    pub(super) fn version(&mut self) -> i64 {
        let before = self.program.clone();
        change_tiers(&mut self.program, &mut self.dice);
        if self.program != before {
            self.step("PUT", "/program", Some(self.program.clone()));
        }
        self.member()
    }

    pub(super) fn badge(&mut self) -> i64 {
        let member = self.member();
        let badge = self.dice.pick(&["founder", "many", "grown"]);
        let id = format!("{{{{m{member}}}}}");
        self.post("/issue-badge", json!({"member_id": id, "badge": badge, "reason": "model"}));
        member
    }

    pub(super) fn take_badge(&mut self) -> i64 {
        let member = self.member();
        let badge = self.dice.pick(&["founder", "many", "grown", "first_order", "keen"]);
        self.step("DELETE", &format!("/members/{{{{m{member}}}}}/badges/{badge}?reason=model"), None);
        member
    }
}
