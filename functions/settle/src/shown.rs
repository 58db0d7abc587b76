//! What a statement looks like.

use domain::{
    id::BrandId,
    number::Currency,
    offer::Funder,
    settlement::{Line, LineKind, SignedMoney},
    time::{Month, Zone},
};
use edge::{At, Decimal, Id, List, MonthText, OrNull, Problem, Text, answer, word_of, words};
use engine::{BrandAccount, Settlement, State};

use crate::csv::Table;

word_of! {
    /// What a line of a statement is about.
    pub(crate) struct LineWord: &["issued", "honoured", "expired", "block_bought", "offers"];
}

answer! {
    /// A line of a statement.
    pub(crate) struct StatementLine<'a> {
        /// what it is about
        line: LineWord<&'a str>,
        /// honoured: whose points they were
        issuer: OrNull<Id<&'a BrandId>>,
        /// offers: the brand that bears it; null of other lines, and where the programme does
        funder: OrNull<Id<&'a BrandId>>,
        /// offers: the brand where they were used; null of other lines
        using_brand: OrNull<Id<&'a BrandId>>,
        /// below 0 where more was taken back; block_bought, offers: null
        points: OrNull<i64>,
        /// points × price, or what offers gave × the share, before it is rounded
        exact: Decimal,
        /// rounded once, half to even, to the currency's minor unit
        amount: Decimal,
        /// its part of the balance: below 0 what the brand owes
        account: Decimal,
    }
}

answer! {
    /// A brand's account.
    pub(crate) struct StatementAccount<'a> {
        /// the brand
        brand: Id<&'a BrandId>,
        /// as it was known when the month was closed
        name: Text<100, &'a str>,
        /// lines that are not 0
        lines: List<StatementLine<'a>, 0, 1_000>,
        /// what the programme owes the brand; below 0 what the brand owes it
        balance: Decimal,
        /// when it was paid
        paid_at: OrNull<At>,
    }
}

answer! {
    /// The programme's side of a statement.
    pub(crate) struct ProgrammeSide {
        /// minus all accounts' balances, also of those on other pages; to a brand minus its own
        balance: Decimal,
    }
}

answer! {
    /// A month's statement.
    pub(crate) struct ShownStatement<'a> {
        /// the local month
        month: MonthText,
        /// of all amounts
        currency: Text<3, &'a str>,
        /// when it was closed
        closed_at: At<&'a str>,
        /// whether it has what offers gave: false of months that were closed before that was settled
        offers: bool,
        /// by brand
        accounts: List<StatementAccount<'a>, 0, 200>,
        /// the other side
        programme: ProgrammeSide,
        /// null at the end
        next_cursor: OrNull<Text<64, &'a str>>,
    }
}

words! {
    /// How far a month's close has come.
    pub(crate) enum ClosingState {
        /// It is under way.
        Closing = "closing",
        /// It is done.
        Closed = "closed",
    }
}

answer! {
    /// A month that is closed or being closed.
    pub(crate) struct ListedMonth {
        /// the local month
        month: MonthText,
        /// whether it is done
        state: ClosingState,
        /// when its closing was begun
        began_at: At,
        /// when it was closed
        closed_at: OrNull<At>,
    }
}

answer! {
    /// A page of months.
    pub(crate) struct Settlements {
        /// newest first
        pub(crate) settlements: List<ListedMonth, 0, 200>,
        /// null at the end
        pub(crate) next_cursor: OrNull<Text<64>>,
    }
}

answer! {
    /// An account that was paid.
    pub(crate) struct PaidAccount<'a> {
        /// the local month
        month: MonthText,
        /// the brand
        brand: Id<&'a BrandId>,
        /// what the programme owed the brand; below 0 what the brand owed it
        balance: Decimal,
        /// when it was said first
        paid_at: At,
    }
}

impl ListedMonth {
    pub(crate) fn of(settlement: &Settlement, zone: Zone) -> ListedMonth {
        let (state, closed_at) = match settlement.state {
            State::Closing => (ClosingState::Closing, None),
            State::Closed(at) => (ClosingState::Closed, Some(At(zone.show(at)))),
        };
        ListedMonth {
            month: MonthText(settlement.month.show()),
            state,
            began_at: At(zone.show(settlement.began_at)),
            closed_at: OrNull(closed_at),
        }
    }
}

impl PaidAccount<'_> {
    /// # Panics
    /// The account was not paid.
    #[expect(
        clippy::expect_used,
        reason = "an account that was paid says when: nothing else is to be answered"
    )]
    pub(crate) fn of(
        month: Month,
        account: &BrandAccount,
        (currency, zone): (Currency, Zone),
    ) -> PaidAccount<'_> {
        PaidAccount {
            month: MonthText(month.show()),
            brand: Id(&account.account.brand),
            balance: Decimal(account.account.balance().show(currency)),
            paid_at: At(zone.show(account.paid_at.expect("it was paid"))),
        }
    }
}

/// A page of a month's statement.
pub(crate) struct Statement {
    month: Month,
    closed_at: String,
    offers: bool,
    currency: Currency,
    zone: Zone,
    accounts: Vec<BrandAccount>,
    /// The programme's side of everything that the caller may see.
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
        let (month, offers) = (settlement.month, settlement.offers);
        Statement { month, closed_at, offers, currency, zone, accounts, programme, more }
    }

    pub(crate) fn shown(&self) -> Result<ShownStatement<'_>, Problem> {
        let next = self.accounts.last().filter(|_| self.more).map(|last| Text(last.account.brand.as_str()));
        let code = std::str::from_utf8(&self.currency.code);
        Ok(ShownStatement {
            month: MonthText(self.month.show()),
            currency: Text(code.map_err(|_| Problem::broken("a currency's code is no text"))?),
            closed_at: At(&self.closed_at),
            offers: self.offers,
            accounts: self.accounts.iter().map(|account| self.account(account)).collect(),
            programme: ProgrammeSide { balance: Decimal(self.programme.show(self.currency)) },
            next_cursor: OrNull(next),
        })
    }

    fn account<'a>(&self, own: &'a BrandAccount) -> StatementAccount<'a> {
        StatementAccount {
            brand: Id(&own.account.brand),
            name: Text(&own.name),
            lines: own.account.lines.iter().map(|line| self.line(&own.account.brand, line)).collect(),
            balance: Decimal(own.account.balance().show(self.currency)),
            paid_at: OrNull(own.paid_at.map(|at| At(self.zone.show(at)))),
        }
    }

    fn line<'a>(&self, brand: &'a BrandId, line: &'a Line) -> StatementLine<'a> {
        let (funder, using) = pair(brand, line);
        StatementLine {
            line: LineWord(line.kind.word()),
            issuer: OrNull(issuer(line).map(Id)),
            funder: OrNull(funder.map(Id)),
            using_brand: OrNull(using.map(Id)),
            points: OrNull(points(line)),
            exact: Decimal(line.exact(self.currency)),
            amount: Decimal(line.amount.show(self.currency)),
            account: Decimal(line.due().show(self.currency)),
        }
    }

    /// The same as a table: a row for each line and, at the end, one for the programme's side, so that the
    /// last column adds up to zero.
    pub(crate) fn table(&self) -> String {
        let names = [
            "month",
            "brand",
            "name",
            "line",
            "issuer",
            "funder",
            "using_brand",
            "points",
            "exact",
            "amount",
            "account",
        ];
        let mut table = Table::new(&names);
        let month = self.month.show();
        for own in &self.accounts {
            for line in &own.account.lines {
                table.text(&month);
                table.text(own.account.brand.as_str());
                table.text(&own.name);
                table.text(line.kind.word());
                let (funder, using) = pair(&own.account.brand, line);
                for named in [issuer(line), funder, using] {
                    table.text(named.map_or("", BrandId::as_str));
                }
                table.figure(&points(line).map_or(String::new(), |points| points.to_string()));
                table.figure(&line.exact(self.currency));
                table.figure(&line.amount.show(self.currency));
                table.figure(&line.due().show(self.currency));
                table.end_row();
            }
        }
        if !self.more {
            for text in [month.as_str(), "", "", "programme", "", "", ""] {
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

fn issuer(line: &Line) -> Option<&BrandId> {
    match &line.kind {
        LineKind::Honoured(issuer) => Some(issuer),
        _ => None,
    }
}

/// Who bears what offers gave, if a brand does, and where they were used; nothing of any other line.
fn pair<'a>(brand: &'a BrandId, line: &'a Line) -> (Option<&'a BrandId>, Option<&'a BrandId>) {
    match &line.kind {
        LineKind::OffersOwn => (Some(brand), Some(brand)),
        LineKind::OffersUsed(Funder::Brand(funder)) => (Some(funder), Some(brand)),
        LineKind::OffersUsed(Funder::Programme) => (None, Some(brand)),
        LineKind::OffersBorne(using) => (Some(brand), Some(using)),
        LineKind::Issued | LineKind::Honoured(_) | LineKind::Expired | LineKind::BlockBought => (None, None),
    }
}

/// A line's points; none of what is about money alone.
fn points(line: &Line) -> Option<i64> {
    // The close ensures that it is a figure.
    let figure =
        |points| i64::try_from(points).unwrap_or_else(|_| panic!("{points} are beyond every figure"));
    line.points().map(figure)
}
