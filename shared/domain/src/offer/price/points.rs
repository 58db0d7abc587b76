//! What points may pay of an order (rewards.md, 4, step 7). Nothing is taken here.

use super::{Known, PointsAsked, UsablePoints};
use crate::number::Money;

/// Of those that are asked and available as many, in whole steps, as are worth at most the allowed part of the total.
pub(super) fn usable(known: &Known<'_>, asked: PointsAsked, total: Money) -> UsablePoints {
    let Some(pay) = known.rules.pay else { return UsablePoints::default() };
    let most = match asked {
        PointsAsked::Most(points) => points.get().min(known.points_available),
        PointsAsked::Max => known.points_available,
    };
    // Of one point, in millionths of the minor unit: below 2^54, as a rate is below 2^40 and there are at most 4 digits.
    let worth = u128::from(pay.worth.millionths()) * 10u128.pow(known.rules.currency.digits);
    // In hundredths of millionths of the minor unit: the total is below 2^53.
    let allowed = u128::from(total.0) * u128::from(pay.max_percent) * 1_000_000;
    let affordable = allowed.checked_div(worth * 100).unwrap_or(0);
    let points = affordable.min(most.into());
    let points = points - points % u128::from(pay.step.max(1));
    let worth = points * worth / 1_000_000;
    // Not more than there are, and not worth more than the total.
    let small = |number: u128| u64::try_from(number).unwrap_or_else(|_| panic!("{number} is beyond 64 bits"));
    UsablePoints { usable: small(points), worth: Money(small(worth)) }
}
