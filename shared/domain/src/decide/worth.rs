//! What an order is worth (rules, 4.1 to 4.3): a function of what it consists of and of the rates of its own time, and
//! of nothing else. Earning, refunds and revisions ask it alike.

use crate::{
    event::{Order, OrderBoost, OrderLine, OrderState},
    number::{Figure, Fraction, Money, Quantity, Rate, Term, Total},
    programme::{Boost, Brand, Given, Programme},
};

/// What an order consists of, or what remains of one.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// What counts of an order without lines.
    pub amount: Money,
    /// Its lines, if it has any.
    pub lines: &'a [OrderLine],
    /// How much of each line no longer counts; nothing where there is none.
    pub gone: &'a [Quantity],
}

/// The rates that an order earns at: those of its own time.
#[derive(Clone, Debug)]
pub struct Rates<'a> {
    /// The version of the programme that it earned under.
    pub programme: &'a Programme,
    /// Its brand, in that version.
    pub brand: &'a Brand,
    /// The multiplier of the tier in effect just before it was recorded.
    pub tier: Rate,
    /// The boosts that were open for it, in the programme's order.
    pub boosts: Vec<&'a Boost>,
}

impl<'a> Rates<'a> {
    /// The rates of an order that was recorded under that version.
    ///
    /// # Panics
    /// The version has no such brand: it was there when the order was made, and this is that version or the first
    /// with the brand.
    pub fn of(programme: &'a Programme, order: &Order) -> Rates<'a> {
        let brand = programme.brand(&order.brand);
        let brand =
            brand.unwrap_or_else(|| panic!("version {} has no brand {}", programme.version, order.brand));
        let open = order.boosts.iter().flatten();
        let boosts = open.filter_map(|open| programme.boosts.iter().find(|boost| boost.id == open.id));
        Rates { programme, brand, tier: programme.earn_multiplier(&order.tier), boosts: boosts.collect() }
    }

    /// The boosts that were open for an order, and which of them multiply any of it.
    pub fn boosts_of(&self, content: &Content<'_>) -> Vec<OrderBoost> {
        let earns = |line: &&OrderLine| self.programme.points.earns(line.category.as_deref());
        let largest: Vec<&Boost> = match content.lines.is_empty() {
            true => self.largest(None).into_iter().collect(),
            false => content.lines.iter().filter(earns).filter_map(|line| self.largest(Some(line))).collect(),
        };
        let applies = |boost: &Boost| largest.iter().any(|one| one.id == boost.id);
        let boosts = self.boosts.iter();
        boosts.map(|boost| OrderBoost { id: boost.id.clone(), applies: applies(boost) }).collect()
    }

    /// The largest that fits, of equal ones the first.
    fn largest(&self, line: Option<&OrderLine>) -> Option<&'a Boost> {
        let fitting = self.boosts.iter().rev().filter(|boost| boost.fits(line));
        fitting.max_by_key(|boost| boost.multiplier.millionths()).copied()
    }

    fn boost(&self, line: Option<&OrderLine>) -> Rate {
        self.largest(line).map_or(Rate::ONE, |boost| boost.multiplier)
    }
}

/// What an order with that content earns at these rates, before limits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Worth {
    /// Points.
    pub points: u64,
    /// Growth.
    pub growth: u64,
}

impl Worth {
    /// What that content is worth; `None` beyond every figure.
    pub fn of(content: &Content<'_>, rates: &Rates<'_>) -> Option<Worth> {
        let rules = &rates.programme.points;
        let eligible = content.eligible(rates.programme);
        let weighed = content.total(|line| {
            let category = line.and_then(|line| line.category.as_deref());
            rules.earns(category).then(|| (rules.multiplier(category), rates.boost(line)))
        });
        let points = match rules.minimum {
            Some(least) if !eligible.reaches(least) => 0,
            Some(_) | None => rates.points(&weighed)?,
        };
        Some(Worth { points, growth: rates.growth(&eligible)? })
    }
}

impl Rates<'_> {
    /// One floor for the whole order, to whole points or to full blocks.
    fn points(&self, weighed: &Total) -> Option<u64> {
        let (brand, tier) = (self.brand.rate, self.tier);
        let points = match self.programme.points.given {
            Given::PerUnit(rate) => {
                weighed.floor_of(&[rate, brand, tier], Money::unit(self.programme.currency))?
            }
            Given::Block { amount, points } => {
                let blocks = weighed.floor_of(&[brand, tier], amount)?;
                Figure::of(u128::from(blocks.get()) * u128::from(points))?
            }
        };
        Some(points.get())
    }

    fn growth(&self, eligible: &Total) -> Option<u64> {
        if !eligible.is_above_zero() {
            return Some(0);
        }
        let rules = &self.programme.growth;
        let by_amount = eligible.floor_of(&[rules.per_unit], Money::unit(self.programme.currency))?;
        let reached = rules.steps.iter().rev().find(|(from, _)| eligible.reaches(*from));
        let step = reached.map_or(0, |(_, growth)| *growth);
        Figure::sum([by_amount.get(), rules.per_order, step]).map(Figure::get)
    }
}

impl<'a> Content<'a> {
    /// All of an order.
    pub fn whole(order: &'a Order) -> Content<'a> {
        Content { amount: order.amount, lines: &order.lines, gone: &[] }
    }

    /// What a state leaves of an order.
    pub fn left(order: &'a Order, state: &'a OrderState) -> Content<'a> {
        Content { amount: Money(order.amount.0 - state.amount.0), lines: &order.lines, gone: &state.units }
    }

    /// Each line, and how much of it remains.
    pub fn remaining(self) -> impl Iterator<Item = (&'a OrderLine, Quantity)> {
        let gone = self.gone.iter().copied().chain(std::iter::repeat(Quantity::NONE));
        self.lines.iter().zip(gone).map(|(line, gone)| (line, Quantity(line.quantity.0 - gone.0)))
    }

    /// What of it earns.
    pub fn eligible(&self, programme: &Programme) -> Total {
        let earns =
            |line: Option<&OrderLine>| programme.points.earns(line.and_then(|line| line.category.as_deref()));
        self.total(|line| earns(line).then_some((Rate::ONE, Rate::ONE)))
    }

    /// What remains of the lines with rates, each times its own; of an order without lines its amount times that of no
    /// line.
    fn total(&self, rates: impl Fn(Option<&OrderLine>) -> Option<(Rate, Rate)>) -> Total {
        if self.lines.is_empty() {
            let whole = |(rate, boost)| Term { amount: self.amount.into(), rate, boost, part: 1, of: 1 };
            return Total::of(&rates(None).map(whole).into_iter().collect::<Vec<_>>());
        }
        let terms = self.remaining().filter_map(|(line, remaining)| {
            let (part, of) = (remaining.0, line.quantity.0);
            rates(Some(line)).map(|(rate, boost)| Term { amount: line.amount, rate, boost, part, of })
        });
        Total::of(&terms.collect::<Vec<_>>())
    }

    /// What it comes to, rounded down to the minor unit once; at least 0. `None` beyond every figure, where discounts
    /// are gone that had been larger than that.
    pub fn money(&self) -> Option<Money> {
        self.exact_money().map(|(money, _)| money)
    }

    /// The same, and what it comes to beyond that; nothing where the lines' parts have no common denominator of 64
    /// bits.
    pub fn exact_money(&self) -> Option<(Money, Fraction)> {
        if self.lines.is_empty() {
            return Some((self.amount, Fraction::NONE));
        }
        let total = self.total(|_| Some((Rate::ONE, Rate::ONE)));
        let whole = Money(total.floor_of(&[], Money(1))?.get());
        let rest = if total.is_above_zero() { self.rest() } else { None };
        Some((whole, rest.unwrap_or_default()))
    }

    fn rest(&self) -> Option<Fraction> {
        self.remaining().try_fold(Fraction::NONE, |sum, (line, remaining)| {
            let of = i128::from(line.quantity.0);
            let above = line.amount.0 * i128::from(remaining.0);
            // Of a discount, what brings it up to a whole.
            let beyond = Fraction::beyond_wholes(above.rem_euclid(of).unsigned_abs(), of.unsigned_abs())?;
            sum.plus(beyond)
        })
    }

    /// The same of what is recorded of an order: all of it has been told or left within figures.
    ///
    /// # Panics
    /// It is beyond every figure.
    pub fn recorded_money(&self) -> Money {
        self.money().unwrap_or_else(|| panic!("what is recorded of an order is beyond every figure"))
    }
}
