//! When points become revenue (积分递延收入, IFRS 15).
//!
//! IFRS 15, B40 (a right to buy more is a performance obligation), B44 to B47 (breakage), illustrative example 52
//! (IE267 to IE270). What customers paid is allocated to the goods and to the points by what each would cost apart, and
//! the points' share is released as they are redeemed, in proportion to all that are expected to be redeemed: the
//! expectation as it is now, so a change of it is made up for at once.
//!
//! Everything here is whole: minor units of money, and points. Each figure is rounded half to even.

use crate::decimal::divided;

/// What was paid, in two parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allocated {
    /// For the goods, minor units: revenue at once.
    pub goods: i64,
    /// For the points, minor units: deferred.
    pub points: i64,
}

/// Allocates `sales` by relative price between the goods, which cost that alone, and points that are `worth` so much by
/// themselves: points × price × the part expected to be redeemed. All in minor units.
///
/// `None` unless both are 0 or more, and not both 0.
pub fn allocate(sales: i64, worth: i64) -> Option<Allocated> {
    if sales < 0 || worth < 0 {
        return None;
    }
    let (sales, worth) = (i128::from(sales), i128::from(worth));
    let points = divided(sales * worth, sales + worth)?;
    Some(Allocated { goods: i64::try_from(sales - points).ok()?, points: i64::try_from(points).ok()? })
}

/// Where redemption stands at the end of a period, from the beginning on, points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Redeemed so far.
    pub redeemed: u64,
    /// Expected to be redeemed in all, as it is estimated now.
    pub expected: u64,
}

/// What has been released.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// In each period, minor units. Below 0 where more is expected than before and little was redeemed.
    pub released: Vec<i64>,
    /// What is still deferred, minor units.
    pub left: i64,
}

/// Releases what was allocated to the points: in each period allocated × redeemed ÷ expected, less what was released
/// before. What is redeemed beyond the expectation releases no more than all.
///
/// `None` if `allocated` is below 0, or where nothing is expected.
pub fn release(allocated: i64, periods: &[Progress]) -> Option<Release> {
    if allocated < 0 {
        return None;
    }
    let mut before = 0;
    let mut released = Vec::with_capacity(periods.len());
    for period in periods {
        let redeemed = i128::from(period.redeemed.min(period.expected));
        let until = divided(i128::from(allocated).checked_mul(redeemed)?, i128::from(period.expected))?;
        let until = i64::try_from(until).ok()?;
        released.push(until - before);
        before = until;
    }
    Some(Release { released, left: allocated - before })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(redeemed: u64, expected: u64) -> Progress {
        Progress { redeemed, expected }
    }

    #[test]
    fn both_parts_are_the_whole() {
        for (sales, worth, points) in
            [(100_000, 9_500, 8_676), (5, 0, 0), (0, 5, 0), (1, 1, 0), (3, 3, 2), (10, 1, 1)]
        {
            let expected = Allocated { goods: sales - points, points };
            assert_eq!(allocate(sales, worth), Some(expected), "{sales} {worth}");
        }
        assert_eq!(allocate(i64::MAX, i64::MAX).map(|both| both.goods + both.points), Some(i64::MAX));
        assert_eq!([allocate(0, 0), allocate(-1, 5), allocate(5, -1)], [None; 3]);
    }

    #[test]
    fn all_is_released_in_the_end_and_never_more() {
        for (periods, released, left) in [
            (vec![], vec![], 1_000),
            (vec![progress(0, 10)], vec![0], 1_000),
            (vec![progress(3, 10), progress(10, 10)], vec![300, 700], 0),
            (vec![progress(5, 10), progress(5, 20)], vec![500, -250], 750),
            (vec![progress(12, 10)], vec![1_000], 0),
            (vec![progress(1, 3), progress(2, 3), progress(3, 3)], vec![333, 334, 333], 0),
            (vec![progress(u64::MAX, u64::MAX)], vec![1_000], 0),
        ] {
            assert_eq!(release(1_000, &periods), Some(Release { released, left }), "{periods:?}");
        }
        assert_eq!([release(1_000, &[progress(0, 0)]), release(-1, &[])], [None, None]);
    }
}
