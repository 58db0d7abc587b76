//! Chance from a seed.

use serde_json::Value;

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Mixed once; otherwise the streams of two seeds would be one stream, shifted.
    pub fn new(seed: u64) -> Dice {
        Dice(Dice(seed).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.max(1) as u64) as i64
    }

    /// From the first through the last.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below(last - first + 1)
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, chance: i64) -> bool {
        self.below(100) < chance
    }

    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as i64) as usize]
    }

    /// One of the rows, each with its own frequency.
    pub fn row<T: Copy>(&mut self, rows: &[(i64, T)]) -> T {
        let mut left = self.below(rows.iter().map(|(often, _)| often).sum());
        let place = rows.iter().position(|(often, _)| {
            left -= often;
            left < 0
        });
        rows[place.unwrap_or(0)].1
    }

    pub(crate) fn one_of(&mut self, from: &[Value]) -> Option<Value> {
        let index = self.below(from.len() as i64) as usize;
        from.get(index).cloned()
    }
}
