//! RFM: how recently, how often and for how much each member bought, as scores from 1 to 5 (RFM 分层).
//!
//! Hughes, *Strategic Database Marketing*, 1994; Bult and Wansbeek, "Optimal Selection for Direct Mail", *Marketing
//! Science* 14(4), 1995. A score is 1 + floor(5 × members strictly below ÷ n), so members with the same figure have the
//! same score, and a score that many share may leave the next one empty. The scores compare members of today with each
//! other; they foretell nothing.

/// The scores there are: 1 to this.
pub const SCORES: u8 = 5;

/// The figures that have a score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut<T> {
    /// The score.
    pub score: u8,
    /// The least figure met that has it.
    pub from: T,
    /// The largest figure met that has it.
    pub to: T,
}

/// The figures of each score that anybody has, ascending. Their order makes no difference.
pub fn cuts<T: Ord + Copy>(figures: &[T]) -> Vec<Cut<T>> {
    let mut sorted = figures.to_vec();
    sorted.sort();
    let mut cuts: Vec<Cut<T>> = Vec::new();
    let mut below = 0;
    for same in sorted.chunk_by(|one, other| one == other) {
        let score = score(below, sorted.len());
        match cuts.last_mut() {
            Some(cut) if cut.score == score => cut.to = same[0],
            _ => cuts.push(Cut { score, from: same[0], to: same[0] }),
        }
        below += same.len();
    }
    cuts
}

/// The score of a member whose figure so many of `all` members' lie strictly below.
fn score(below: usize, all: usize) -> u8 {
    // Below 5, as fewer than all lie below.
    let fifth = below as u128 * u128::from(SCORES) / (all.max(1) as u128);
    u8::try_from(fifth).map_or(SCORES, |fifth| SCORES.min(fifth + 1))
}

/// The score of a figure, by the cuts of a population; of one that lies between two cuts, as a later member's may, that
/// of the lower. `None` without cuts.
pub fn score_of<T: Ord>(cuts: &[Cut<T>], figure: &T) -> Option<u8> {
    let reached = cuts.iter().take_while(|cut| cut.from <= *figure).last();
    reached.or(cuts.first()).map(|cut| cut.score)
}

/// (F + M) ÷ 2, rounded up: how much a member buys, as one score.
pub const fn bought(frequency: u8, money: u8) -> u8 {
    frequency.midpoint(money.saturating_add(1))
}

/// A named class: a rectangle of R and (F + M) ÷ 2, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    /// Its id in a programme.
    pub id: &'static str,
    /// Its names, Chinese and English.
    pub names: [&'static str; 2],
    /// The scores of R.
    pub r: [u8; 2],
    /// The scores of F and M together: [`bought`].
    pub fm: [u8; 2],
}

/// The classes of a programme that names none.
pub const CLASSES: [Class; 8] = [
    Class { id: "champions", names: ["核心会员", "champions"], r: [4, 5], fm: [4, 5] },
    Class { id: "growing", names: ["成长会员", "growing"], r: [4, 5], fm: [2, 3] },
    Class { id: "fresh", names: ["新近会员", "fresh"], r: [4, 5], fm: [1, 1] },
    Class { id: "steady", names: ["稳定会员", "steady"], r: [3, 3], fm: [3, 5] },
    Class { id: "cooling", names: ["降温会员", "cooling"], r: [3, 3], fm: [1, 2] },
    Class { id: "cannot-lose", names: ["重点挽回", "cannot lose"], r: [1, 2], fm: [4, 5] },
    Class { id: "slipping", names: ["流失预警", "slipping"], r: [1, 2], fm: [2, 3] },
    Class { id: "gone", names: ["沉睡会员", "gone"], r: [1, 2], fm: [1, 1] },
];

/// The places, R and (F + M) ÷ 2, that not exactly one of the rectangles covers. Empty where the classes are a table.
pub fn uncovered(classes: impl Iterator<Item = ([u8; 2], [u8; 2])> + Clone) -> Vec<(u8, u8)> {
    let inside = |range: [u8; 2], score: u8| range[0] <= score && score <= range[1];
    let places = (1..=SCORES).flat_map(|r| (1..=SCORES).map(move |fm| (r, fm)));
    let covers = |r, fm| classes.clone().filter(|(rs, fms)| inside(*rs, r) && inside(*fms, fm)).count();
    places.filter(|&(r, fm)| covers(r, fm) != 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(figures: &[i64]) -> Vec<Option<u8>> {
        let cuts = cuts(figures);
        figures.iter().map(|figure| score_of(&cuts, figure)).collect()
    }

    #[test]
    fn a_score_counts_who_is_below() {
        for (figures, expected) in [
            (vec![10, 20, 30, 40, 50], vec![1, 2, 3, 4, 5]),
            (vec![7], vec![1]),
            (vec![7, 7, 7], vec![1, 1, 1]),
            // Half of all bought once: the second score is empty.
            (vec![1, 1, 1, 1, 1, 2, 3, 3, 4, 9], vec![1, 1, 1, 1, 1, 3, 4, 4, 5, 5]),
            (vec![-5, i64::MIN, i64::MAX], vec![2, 1, 4]),
            (vec![], vec![]),
        ] {
            let expected: Vec<Option<u8>> = expected.into_iter().map(Some).collect();
            assert_eq!(scores(&figures), expected, "{figures:?}");
        }
    }

    #[test]
    fn cuts_are_of_figures_met_and_do_not_depend_on_order() {
        let found = cuts(&[9, 1, 3, 1, 2, 1, 1, 4, 3, 1]);
        let expected = [(1, 1, 1), (3, 2, 2), (4, 3, 3), (5, 4, 9)];
        assert_eq!(found, expected.map(|(score, from, to)| Cut { score, from, to }));
        assert_eq!([0, 1, 5, 9, 10].map(|figure| score_of(&found, &figure)), [1, 1, 5, 5, 5].map(Some));
        assert_eq!(score_of::<i64>(&[], &3), None);
    }

    #[test]
    fn halves_are_rounded_up() {
        for (frequency, money, expected) in [(1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 3, 3), (1, 5, 3), (5, 5, 5)]
        {
            assert_eq!(bought(frequency, money), expected, "{frequency} {money}");
        }
    }

    #[test]
    fn the_classes_are_a_table() {
        assert_eq!(uncovered(CLASSES.iter().map(|class| (class.r, class.fm))), []);
        assert_eq!(uncovered([([1, 5], [1, 4]), ([5, 5], [4, 5])].into_iter()).len(), 5);
    }
}
