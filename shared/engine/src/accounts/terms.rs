//! The terms of a brand's account, and what a command needs from it.

use domain::{
    event::Event,
    number::{Amount, Currency, Rate},
    programme::{Brand, BrandPer, Funding, Way},
    refusal::Refusal,
    time::{DayNumber, Instant, Zone},
};

use crate::store::records::KeptOrder;
pub(crate) use crate::store::records::Points;

/// What an account counts by the calendar, each at the index of its figures.
pub(crate) const METERS: [(Way, BrandPer); 4] = [
    (Way::Issue, BrandPer::Day),
    (Way::Issue, BrandPer::Month),
    (Way::Redeem, BrandPer::Day),
    (Way::Redeem, BrandPer::Month),
];

/// The terms of a brand's account. Without any of these a brand has no account.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Terms {
    /// The limits of [`METERS`].
    pub(crate) caps: [Option<u64>; 4],
    /// Whether it issues from blocks alone.
    pub(crate) prepaid: bool,
    /// The most it may owe.
    pub(crate) credit: Option<Amount>,
}

impl Terms {
    /// Whether the brand's credit pays for that.
    pub(crate) fn takes_credit(&self, need: Need) -> bool {
        self.credit.is_some() && !self.prepaid && need.cost.0 > 0
    }

    pub(crate) fn of(brand: &Brand, currency: Currency) -> Terms {
        let credit = match brand.funding {
            Some(Funding::Postpaid { credit }) => credit.map(|credit| Amount::of(credit, currency)),
            _ => None,
        };
        Terms {
            caps: METERS.map(|(way, per)| brand.limit(per, way)),
            prepaid: brand.funding == Some(Funding::Prepaid),
            credit,
        }
    }

    /// Whether points in that direction are counted.
    pub(crate) fn counts(&self, of: Way) -> bool {
        let capped = METERS.iter().zip(self.caps).any(|((way, _), cap)| *way == of && cap.is_some());
        capped || (of == Way::Issue && (self.prepaid || self.credit.is_some()))
    }
}

/// The local day and month of a moment, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    pub(crate) day: DayNumber,
    pub(crate) month: i32,
}

impl Moment {
    pub(crate) fn of(zone: Zone, instant: Instant) -> Moment {
        let day = zone.day(instant);
        Moment { day: day.number(), month: day.month_number() }
    }

    /// The number of the window that the meter counts in.
    pub(crate) fn window(self, meter: usize) -> i32 {
        match METERS[meter].1 {
            BrandPer::Month => self.month,
            BrandPer::Day | BrandPer::MemberDay => self.day.0,
        }
    }
}

/// What a command takes from an account.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Need {
    /// Points issued.
    pub(crate) issue: u64,
    /// Points honoured.
    pub(crate) redeem: u64,
    /// What the issued points cost, if they do not come from blocks.
    pub(crate) cost: Amount,
}

impl Need {
    /// What an event takes, which is what limits count. An adjustment, such as an import, counts nowhere.
    pub(crate) fn of(event: &Event, price: Rate) -> Need {
        let points = event.movement.points().unsigned_abs();
        match event.kind.row().moves.counts_as() {
            Some(Way::Issue) => Need { issue: points, redeem: 0, cost: Amount::product(points, price) },
            Some(Way::Redeem) => Need { redeem: points, ..Need::default() },
            None => Need::default(),
        }
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Need::default()
    }

    /// What it takes of a meter.
    pub(crate) fn of_meter(self, meter: usize) -> u64 {
        match METERS[meter].0 {
            Way::Issue => self.issue,
            Way::Redeem => self.redeem,
        }
    }
}

/// What a refund gives back to an account.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Back {
    /// Points to blocks, last taken first.
    pub(crate) blocks: Points,
    /// What the other points had cost.
    pub(crate) cost: Amount,
}

impl Back {
    /// What a refund gives back of an order that took `drawn` from blocks and whose other points
    /// cost `price` each. `before` and `after` are the points taken back of the order so far.
    pub(crate) fn of(drawn: &[(u32, u64)], before: u64, after: u64, price: Option<Rate>) -> Back {
        assert!(before <= after, "{after} points are taken back of an order, after {before} were");
        let (mut passed, mut rest) = (before, after - before);
        let mut blocks = Vec::new();
        for (number, points) in drawn.iter().rev() {
            // What earlier refunds took of it, or all of it.
            let left = points.saturating_sub(passed);
            passed = passed.saturating_sub(*points);
            let returned = left.min(rest);
            if returned > 0 {
                blocks.push((*number, returned));
                rest -= returned;
            }
        }
        // Without a price they cost nothing.
        Back { blocks, cost: price.map_or(Amount(0), |price| Amount::product(rest, price)) }
    }

    /// What an order gives back of which that many points are taken, each of which had cost `price` if the
    /// brand's credit was charged for it. Points issued before there was a credit give none back.
    pub(crate) fn of_order(order: &KeptOrder, taken: u64, price: Option<Rate>) -> Back {
        let mut back = Back::of(&order.drawn, 0, taken, None);
        let returned: u64 = back.blocks.iter().map(|(_, points)| points).sum();
        assert!(returned <= taken, "{returned} of {taken} points go back to blocks");
        let charged = (taken - returned).min(order.credited);
        back.cost = price.map_or(Amount(0), |price| Amount::product(charged, price));
        back
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Back::default()
    }
}

/// What an account lacks for a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lack {
    /// Points of that meter, of which so many are left.
    Meter(usize, u64),
    /// Points of blocks, of which so many are left.
    Blocks(u64),
    /// Credit, of which so much is left.
    Credit(Amount),
}

impl Lack {
    pub(crate) fn refusal(self, terms: &Terms, currency: Currency) -> Refusal {
        match self {
            Lack::Meter(meter, left) => {
                let (way, per) = METERS[meter];
                let total = terms.caps[meter];
                let total = total.unwrap_or_else(|| panic!("meter {meter} lacks points of no limit"));
                Refusal::BrandLimit { per, way, total, left }
            }
            Lack::Blocks(left) => Refusal::BlockExhausted { left },
            Lack::Credit(left) => Refusal::CreditExhausted { left, currency },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However an order's points come back, each block gets back what was drawn from it, once, the last
    /// first.
    #[test]
    fn what_comes_back_goes_where_it_came_from() {
        let price = Rate::parse("0.5");
        let back = |drawn: &[(u32, u64)], before, after| {
            let back = Back::of(drawn, before, after, price);
            (back.blocks, back.cost.0)
        };
        let drawn = [(3, 10), (4, 5)];
        assert_eq!(back(&drawn, 0, 15), (vec![(4, 5), (3, 10)], 0));
        assert_eq!(back(&drawn, 0, 3), (vec![(4, 3)], 0));
        assert_eq!(back(&drawn, 3, 8), (vec![(4, 2), (3, 3)], 0));
        assert_eq!(back(&drawn, 8, 8), (vec![], 0));
        assert_eq!(back(&[], 2, 5), (vec![], 1_500_000));
        // An order of which only a part was drawn from blocks: that part comes back first.
        assert_eq!(back(&[(1, 2)], 1, 5), (vec![(1, 1)], 1_500_000));
        for total in 0..=15 {
            let mut sums = std::collections::BTreeMap::new();
            let mut at = 0;
            for step in [1, 4, 0, 2, 15] {
                let next = total.min(at + step);
                for (number, points) in Back::of(&drawn, at, next, price).blocks {
                    *sums.entry(number).or_insert(0) += points;
                }
                at = next;
            }
            assert_eq!(sums.values().sum::<u64>(), total);
            assert_eq!(sums.get(&4).copied().unwrap_or(0), total.min(5), "{total}");
        }
    }
}
