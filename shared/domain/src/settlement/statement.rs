//! A month's statement: the tally in money, line by line.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Given, Sum, Tally};
use crate::{
    id::BrandId,
    number::{Currency, SignedMoney},
    offer::Funder,
};

/// What a line is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LineKind {
    /// Points the brand issued, less what it took back: it owes the programme.
    Issued,
    /// Points of that issuer which the brand honoured, less what was cancelled: the programme owes it.
    Honoured(BrandId),
    /// Points of the brand that expired: shown, and not settled.
    Expired,
    /// Blocks of points the brand bought: it owes the programme.
    BlockBought,
    /// What offers gave at the brand that it bears itself: shown, and not settled.
    OffersOwn,
    /// What offers gave at the brand that another bears: the brand is owed it.
    OffersUsed(Funder),
    /// What offers gave at that brand which this one bears: it owes it.
    OffersBorne(BrandId),
}

impl LineKind {
    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            LineKind::Issued => "issued",
            LineKind::Honoured(_) => "honoured",
            LineKind::Expired => "expired",
            LineKind::BlockBought => "block_bought",
            LineKind::OffersOwn | LineKind::OffersUsed(_) | LineKind::OffersBorne(_) => "offers",
        }
    }
}

/// What a line adds up to, before it is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exact {
    /// Points and their value.
    Points(Sum),
    /// What offers gave. Both accounts of a pair have the same.
    Given(Given),
}

impl Exact {
    fn is_nothing(self) -> bool {
        self == Exact::Points(Sum::default()) || self == Exact::Given(Given::default())
    }
}

/// A line of a brand's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What it is about.
    pub kind: LineKind,
    /// What it adds up to.
    pub exact: Exact,
    /// Its value, rounded once, half to even.
    pub amount: SignedMoney,
}

impl Line {
    fn new(kind: LineKind, exact: Exact, currency: Currency) -> Line {
        let amount = match exact {
            Exact::Points(sum) => round_half_even(sum.millionths, 10i128.pow(6 - currency.digits)), // at most 4
            Exact::Given(given) => round_half_even(given.millionths, 1_000_000),
        };
        Line { kind, exact, amount: SignedMoney(amount) }
    }

    /// The line's part of its brand's balance: what the programme owes it; below zero, what it owes.
    pub fn due(&self) -> SignedMoney {
        match self.kind {
            LineKind::Issued | LineKind::BlockBought | LineKind::OffersBorne(_) => {
                SignedMoney(-self.amount.0)
            }
            LineKind::Honoured(_) | LineKind::OffersUsed(_) => self.amount,
            LineKind::Expired | LineKind::OffersOwn => SignedMoney(0),
        }
    }

    /// Its points; none of what is about money alone.
    pub fn points(&self) -> Option<i128> {
        match (&self.kind, self.exact) {
            (LineKind::BlockBought, _) | (_, Exact::Given(_)) => None,
            (_, Exact::Points(sum)) => Some(sum.points),
        }
    }

    /// Its value before rounding, in units of the currency: with six digits after the point, and of what offers gave with
    /// six beyond the minor unit.
    pub fn exact(&self, currency: Currency) -> String {
        match self.exact {
            Exact::Points(sum) => decimal(sum.millionths, 6),
            Exact::Given(given) => decimal(given.millionths, 6 + currency.digits),
        }
    }
}

/// A month's account between one brand and the programme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The brand.
    pub brand: BrandId,
    /// Its lines; one whose points and whose value are both 0 is left out.
    pub lines: Vec<Line>,
}

impl Account {
    /// The brand's account of that tally, which holds all that was counted for the brand and is shared.
    pub fn of(tally: &Tally, brand: &BrandId, currency: Currency) -> Account {
        // A brand for which nothing was counted has no sum, and its line is left out.
        let sum = |sums: &BTreeMap<BrandId, Sum>| Exact::Points(sums.get(brand).copied().unwrap_or_default());
        let mut sums = vec![(LineKind::Issued, sum(&tally.issued))];
        let honoured = tally.honoured.get(brand).into_iter().flatten();
        sums.extend(honoured.map(|(issuer, sum)| (LineKind::Honoured(issuer.clone()), Exact::Points(*sum))));
        sums.push((LineKind::Expired, sum(&tally.expired)));
        sums.push((LineKind::BlockBought, sum(&tally.blocks)));
        let used = tally.offers.get(brand).into_iter().flatten();
        sums.extend(used.map(|(funder, given)| (offers_used(brand, funder), Exact::Given(*given))));
        let borne = tally.borne.get(brand).into_iter().flatten();
        sums.extend(borne.map(|(using, given)| (LineKind::OffersBorne(using.clone()), Exact::Given(*given))));
        let lines = sums.into_iter().filter(|(_, exact)| !exact.is_nothing());
        let lines = lines.map(|(kind, exact)| Line::new(kind, exact, currency)).collect();
        Account { brand: brand.clone(), lines }
    }

    /// What the programme owes the brand; below zero, what the brand owes. The programme's side is minus
    /// this, so that all accounts add up to zero.
    pub fn balance(&self) -> SignedMoney {
        SignedMoney(self.lines.iter().map(|line| line.due().0).sum())
    }
}

/// What a line is about that says what offers gave at the brand and that one bears.
fn offers_used(brand: &BrandId, funder: &Funder) -> LineKind {
    match funder {
        Funder::Brand(funder) if funder == brand => LineKind::OffersOwn,
        Funder::Brand(_) | Funder::Programme => LineKind::OffersUsed(funder.clone()),
    }
}

/// `value / divisor`, rounded to the nearest whole number, a half to the even one.
pub fn round_half_even(value: i128, divisor: i128) -> i128 {
    let (below, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    match (2 * rest).cmp(&divisor) {
        Ordering::Less => below,
        Ordering::Greater => below + 1,
        Ordering::Equal => below + below.rem_euclid(2),
    }
}

/// A number of units of the last digit, as a decimal string.
fn decimal(value: i128, digits: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (unit, value) = (10u128.pow(digits), value.unsigned_abs());
    match digits {
        0 => format!("{sign}{value}"),
        digits => format!("{sign}{}.{:0width$}", value / unit, value % unit, width = digits as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour_on_both_sides_of_nought() {
        let table = [
            (0, 0),
            (4_999, 0),
            (5_000, 0),
            (5_001, 1),
            (9_999, 1),
            (10_000, 1),
            (14_999, 1),
            (15_000, 2),
            (25_000, 2),
            (25_001, 3),
            (35_000, 4),
            (-4_999, 0),
            (-5_000, 0),
            (-5_001, -1),
            (-14_999, -1),
            (-15_000, -2),
            (-15_001, -2),
            (-25_000, -2),
            (-25_001, -3),
            (-35_000, -4),
        ];
        for (value, want) in table {
            assert_eq!(round_half_even(value, 10_000), want, "{value}");
        }
        // The currency's digits: JPY, a currency with a tenth of a cent, and one with 4 digits.
        for (digits, want) in [(0, 2), (2, 250), (3, 2_500), (4, 25_000)] {
            let currency = Currency::unnamed(digits);
            let exact = Exact::Points(Sum { points: 1, millionths: 2_500_000 });
            let line = Line::new(LineKind::Issued, exact, currency);
            assert_eq!(line.amount, SignedMoney(want), "{digits}");
        }
    }

    #[test]
    fn amounts_show_with_their_sign_and_all_their_digits() {
        let currency = Currency::unnamed;
        for (value, digits, want) in [
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (-1_230, 2, "-12.30"),
            (1_230, 3, "1.230"),
            (-7, 0, "-7"),
            (i128::from(u64::MAX) * 100, 2, "18446744073709551615.00"),
        ] {
            assert_eq!(SignedMoney(value).show(currency(digits)), want);
        }
    }

    #[test]
    fn a_line_of_nothing_is_left_out_and_one_that_only_nets_to_no_points_is_not() {
        let cny = Currency::of("CNY").unwrap();
        let mut tally = Tally::default();
        let sum = |points, millionths| Sum { points, millionths };
        tally.issued.insert("a".parse().unwrap(), sum(0, 1_005_000));
        tally.expired.insert("a".parse().unwrap(), sum(7, 0));
        tally.blocks.insert("a".parse().unwrap(), sum(0, 10_000_000));
        tally.honoured.entry("a".parse().unwrap()).or_default().insert("b".parse().unwrap(), sum(0, 0));
        tally
            .honoured
            .entry("a".parse().unwrap())
            .or_default()
            .insert("c".parse().unwrap(), sum(-3, -15_000));
        let account = Account::of(&tally, &crate::id::BrandId::of_checked("a"), cny);
        let shown: Vec<_> = account
            .lines
            .iter()
            .map(|line| (line.kind.word(), line.amount.show(cny), line.due().show(cny), line.exact(cny)))
            .collect();
        let text = |text: &str| text.to_owned();
        let want = [
            ("issued", text("1.00"), text("-1.00"), text("1.005000")),
            ("honoured", text("-0.02"), text("-0.02"), text("-0.015000")),
            ("expired", text("0.00"), text("0.00"), text("0.000000")),
            ("block_bought", text("10.00"), text("-10.00"), text("10.000000")),
        ];
        assert_eq!(shown, want);
        assert_eq!(account.balance().show(cny), "-11.02");
        assert_eq!(Account::of(&tally, &crate::id::BrandId::of_checked("nobody"), cny).lines, []);
    }
}
