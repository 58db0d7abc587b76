//! What a statement looks like.

use domain::{
    number::Currency,
    settlement::{Line, LineKind, SignedMoney},
    shape::{Shape, required},
    time::{Month, Zone},
};
use engine::{BrandAccount, Settlement, State};
use serde_json::{Value, json};

use crate::csv::Table;

const FIGURE: Shape = Shape::Whole { min: -((1 << 53) - 1), max: (1 << 53) - 1 };

/// A decimal string that may be below nought.
const AMOUNT: Shape = Shape::Text { max: 40 };

const LINE: Shape = Shape::Object(&[
    required("line", Shape::OneOf(&["issued", "honoured", "expired", "block_bought"]), "what it is about"),
    required("issuer", Shape::OrNull(&Shape::Id), "honoured: whose points they were"),
    required("points", Shape::OrNull(&FIGURE), "below 0 where more was taken back; block_bought: null"),
    required("exact", AMOUNT, "points × price, before it is rounded"),
    required("amount", AMOUNT, "rounded once, half to even, to the currency's minor unit"),
    required("account", AMOUNT, "its part of the balance: below 0 what the brand owes"),
]);

const ACCOUNT: Shape = Shape::Object(&[
    required("brand", Shape::Id, "the brand"),
    required("name", Shape::Text { max: 100 }, "as it was known when the month was closed"),
    required("lines", Shape::List { of: &LINE, min: 0, max: 1_000 }, "lines that are not 0"),
    required("balance", AMOUNT, "what the programme owes the brand; below 0 what the brand owes it"),
    required("paid_at", Shape::OrNull(&Shape::Instant), "when it was paid"),
]);

/// The shape of a statement.
pub(crate) const STATEMENT: Shape = Shape::Object(&[
    required("month", Shape::Month, "the local month"),
    required("currency", Shape::Text { max: 3 }, "of all amounts"),
    required("closed_at", Shape::Instant, "when it was closed"),
    required("accounts", Shape::List { of: &ACCOUNT, min: 0, max: 200 }, "by brand"),
    required(
        "programme",
        Shape::Object(&[required(
            "balance",
            AMOUNT,
            "minus all accounts' balances, also of those on other pages; to a brand minus its own",
        )]),
        "the other side",
    ),
    required("next_cursor", Shape::OrNull(&Shape::Text { max: 64 }), "null at the end"),
]);

const MONTH: Shape = Shape::Object(&[
    required("month", Shape::Month, "the local month"),
    required("state", Shape::OneOf(&["closing", "closed"]), "whether it is done"),
    required("began_at", Shape::Instant, "when its closing was begun"),
    required("closed_at", Shape::OrNull(&Shape::Instant), "when it was closed"),
]);

/// The shape of the list of months.
pub(crate) const LIST: Shape = Shape::Object(&[
    required("settlements", Shape::List { of: &MONTH, min: 0, max: 200 }, "newest first"),
    required("next_cursor", Shape::OrNull(&Shape::Text { max: 64 }), "null at the end"),
]);

/// The shape of the answer that an account was paid.
pub(crate) const PAID: Shape = Shape::Object(&[
    required("month", Shape::Month, "the local month"),
    required("brand", Shape::Id, "the brand"),
    required("balance", AMOUNT, "what the programme owed the brand; below 0 what the brand owed it"),
    required("paid_at", Shape::Instant, "when it was said first"),
]);

/// The answer that an account was paid.
pub(crate) fn paid(month: Month, account: &BrandAccount, (currency, zone): (Currency, Zone)) -> Value {
    json!({
        "month": month.show(),
        "brand": account.account.brand,
        "balance": account.account.balance().show(currency),
        "paid_at": account.paid_at.map(|at| zone.show(at)),
    })
}

/// A page of a month's statement.
pub(crate) struct Statement {
    month: Month,
    closed_at: String,
    currency: Currency,
    zone: Zone,
    accounts: Vec<BrandAccount>,
    /// The programme's side of all that whoever asks may see.
    programme: SignedMoney,
    more: bool,
}

impl Statement {
    pub(crate) fn of(
        settlement: &Settlement,
        accounts: Vec<BrandAccount>,
        more: bool,
        own: bool,
        (currency, zone): (Currency, Zone),
    ) -> Statement {
        let owed: i128 = accounts.iter().map(|account| account.account.balance().0).sum();
        let closed_at = match settlement.state {
            State::Closed(at) => zone.show(at),
            State::Closing => String::new(), // nothing is shown of it
        };
        let programme = if own { SignedMoney(-owed) } else { settlement.programme };
        Statement { month: settlement.month, closed_at, currency, zone, accounts, programme, more }
    }

    pub(crate) fn json(&self) -> Value {
        let next = self.accounts.last().filter(|_| self.more).map(|last| &last.account.brand);
        json!({
            "month": self.month.show(),
            "currency": String::from_utf8_lossy(&self.currency.code),
            "closed_at": self.closed_at,
            "accounts": self.accounts.iter().map(|account| self.account(account)).collect::<Vec<_>>(),
            "programme": {"balance": self.programme.show(self.currency)},
            "next_cursor": next,
        })
    }

    fn account(&self, own: &BrandAccount) -> Value {
        json!({
            "brand": own.account.brand,
            "name": own.name,
            "lines": own.account.lines.iter().map(|line| self.line(line)).collect::<Vec<_>>(),
            "balance": own.account.balance().show(self.currency),
            "paid_at": own.paid_at.map(|at| self.zone.show(at)),
        })
    }

    fn line(&self, line: &Line) -> Value {
        json!({
            "line": line.kind.word(),
            "issuer": issuer(line),
            "points": points(line),
            "exact": line.exact(),
            "amount": line.amount.show(self.currency),
            "account": line.due().show(self.currency),
        })
    }

    /// The same as a table: a row for each line and, at the end, one for the programme's side, so that
    /// the last column adds up to nought.
    pub(crate) fn table(&self) -> String {
        let names = ["month", "brand", "name", "line", "issuer", "points", "exact", "amount", "account"];
        let mut table = Table::new(&names);
        let month = self.month.show();
        for own in &self.accounts {
            for line in &own.account.lines {
                table.text(&month);
                table.text(&own.account.brand);
                table.text(&own.name);
                table.text(line.kind.word());
                table.text(issuer(line).unwrap_or_default());
                table.figure(&points(line).map_or(String::new(), |points| points.to_string()));
                table.figure(&line.exact());
                table.figure(&line.amount.show(self.currency));
                table.figure(&line.due().show(self.currency));
                table.end_row();
            }
        }
        if !self.more {
            for text in [month.as_str(), "", "", "programme", ""] {
                table.text(text);
            }
            for figure in ["", "", "", &self.programme.show(self.currency)] {
                table.figure(figure);
            }
            table.end_row();
        }
        table.finish()
    }
}

fn issuer(line: &Line) -> Option<&str> {
    match &line.kind {
        LineKind::Honoured(issuer) => Some(issuer),
        _ => None,
    }
}

/// A line's points; a block's are not told here: its price is what counts.
fn points(line: &Line) -> Option<i64> {
    match line.kind {
        LineKind::BlockBought => None,
        // A figure, below 2^53: the close makes sure of it.
        _ => i64::try_from(line.sum.points).ok(),
    }
}
