//! The requests of a random history: a file for each feature, and a row for each kind of request.

mod by_hand;
mod earning;
mod people;
mod redeeming;
mod refunds;
mod revising;

use super::generate::Writer;

/// Makes a request, and answers the member it is about.
type Asks = fn(&mut Writer) -> i64;

/// A request, and how many times in a hundred it comes.
const ROWS: [(i64, Asks); 13] = [
    (28, Writer::order),
    (9, Writer::revise),
    (12, Writer::activity),
    (2, Writer::take_back),
    (14, Writer::redeem),
    (16, Writer::refund),
    (6, Writer::cancel),
    (4, Writer::adjust),
    (2, Writer::badge),
    (1, Writer::take_badge),
    (4, Writer::sweep),
    (1, Writer::version),
    (1, Writer::somebody),
];

impl Writer {
    pub(crate) fn act(&mut self) {
        let asks = self.dice.row(&ROWS);
        let member = asks(self);
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
}
