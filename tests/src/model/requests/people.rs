//! Registering and reading members, and sweeps.

use crate::model::calendar::DAY;
use crate::model::generate::Writer;
use serde_json::json;

impl Writer {
    /// Somebody new, or known.
    pub(super) fn somebody(&mut self) -> i64 {
        let number = self.dice.between(1, self.members + 1);
        self.register(number)
    }

    pub(crate) fn register(&mut self, number: i64) -> i64 {
        let identity = json!({"kind": "external", "channel": "model", "value": format!("p{number}")});
        let brand = self.brand();
        self.post("/register", json!({"identities": [identity], "brand": brand}));
        self.members = self.members.max(number);
        number
    }

    pub(super) fn sweep(&mut self) -> i64 {
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
