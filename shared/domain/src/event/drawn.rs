//! What a redemption drew, and the part of it that a cancellation is about.

use super::Share;

/// The points that an event drew from lots, in all.
pub fn points_drawn(shares: &[Share]) -> u64 {
    // A damaged record may hold anything; a saturated sum differs from what is stored.
    shares.iter().fold(0, |sum: u64, share| sum.saturating_add(share.points.min(0).unsigned_abs()))
}

/// The last so many of the points that were drawn, after the last `before` of them: what leaves each lot is
/// turned round, the lot that was drawn last first. Less than asked where less was drawn.
pub fn drawn_last(shares: &[Share], before: u64, points: u64) -> Vec<Share> {
    let (mut passed, mut rest) = (before, points);
    let mut back = Vec::new();
    for share in shares.iter().rev() {
        let drawn = share.points.min(0).unsigned_abs();
        let left = drawn.saturating_sub(passed);
        passed = passed.saturating_sub(drawn);
        let returned = left.min(rest);
        if returned > 0 {
            back.push(Share { points: crate::number::signed(returned), ..share.clone() });
            rest -= returned;
        }
    }
    back
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::BrandId, time::Instant};

    fn drawn(points: &[i64]) -> Vec<Share> {
        let share = |(end, points): (i64, i64)| Share {
            expires_at: Some(Instant(end)),
            brand: BrandId::of_checked("acme"),
            held_until: None,
            points: -points,
        };
        (1..).zip(points.iter().copied()).map(share).collect()
    }

    /// By the lot's number: the first is drawn first.
    fn back(points: &[i64], before: u64, asked: u64) -> Vec<(i64, i64)> {
        let back = drawn_last(&drawn(points), before, asked);
        back.into_iter().map(|share| (share.expires_at.unwrap().0, share.points)).collect()
    }

    #[test]
    fn what_was_drawn_last_comes_back_first() {
        let lots = [50, 70];
        assert_eq!(back(&lots, 0, 80), [(2, 70), (1, 10)]);
        assert_eq!(back(&lots, 80, 40), [(1, 40)]);
        assert_eq!(back(&lots, 0, 120), [(2, 70), (1, 50)]);
        assert_eq!(back(&lots, 10, 60), [(2, 60)]);
        assert_eq!(back(&lots, 70, 1), [(1, 1)]);
        assert_eq!(back(&lots, 120, 1), []);
        assert_eq!(back(&lots, 0, 0), []);
        assert_eq!(back(&lots, 100, 100), [(1, 20)], "less where less was drawn");
        assert_eq!(points_drawn(&drawn(&lots)), 120);
        assert_eq!(points_drawn(&drawn(&[5, -7])), 5, "what enters a lot is not drawn");
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        for steps in [&[1, 118, 1][..], &[60, 60], &[120], &[49, 2, 69]] {
            let (mut before, mut sums) = (0, [0, 0]);
            for step in steps {
                for (lot, points) in back(&[50, 70], before, *step) {
                    sums[usize::try_from(lot).unwrap() - 1] += points;
                }
                before += step;
            }
            assert_eq!(sums, [50, 70], "{steps:?}");
        }
    }
}
