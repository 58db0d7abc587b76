//! What remains of a member's orders beyond the money of each.

use num_bigint::BigUint;

use crate::number::Fraction;

/// The most sizes of parts that a member's orders leave; a further order leaves none.
pub const RESTS_MAX: usize = 40;

/// Parts of the minor unit that a member's orders leave, each beyond what remains of its order in whole ones. Equal
/// sizes are one: an order that goes takes with it exactly what it brought, and leaves no larger a sum.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rests(Vec<Rest>);

/// Parts of one size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rest {
    /// How many of them make a whole, from 2.
    pub of: u64,
    /// How many there are, from one of each order and less than a whole of it.
    pub parts: u128,
    /// How many orders leave any, from 1.
    pub orders: u64,
}

impl Rest {
    fn is_sound(&self) -> bool {
        let orders = u128::from(self.orders);
        // Below 2^128.
        self.orders > 0
            && self.parts >= orders
            && self.parts <= orders * u128::from(self.of.saturating_sub(1))
    }
}

impl Rests {
    /// These, by size, the smallest number of parts in a whole first; `None` if no orders leave such.
    pub fn of(rests: Vec<Rest>) -> Option<Rests> {
        let in_order = rests.is_sorted_by(|one, next| one.of < next.of);
        (in_order && rests.iter().all(Rest::is_sound)).then_some(Rests(rests))
    }

    /// All of them, by size.
    pub fn all(&self) -> &[Rest] {
        &self.0
    }

    /// Those of the other orders, if one may have left that.
    pub fn without(&self, rest: Fraction) -> Option<Rests> {
        if rest.is_none() {
            return Some(self.clone());
        }
        let known = self.0[self.place(rest).ok()?];
        let parts = known.parts.checked_sub(rest.above().into())?;
        let left = Rest { parts, orders: known.orders - 1, ..known };
        let mut others = self.clone();
        others.remove(rest);
        (left.is_sound() || (left.parts, left.orders) == (0, 0)).then_some(others)
    }

    /// That, or nothing where there is no room for it beside these.
    pub fn admitted(&self, rest: Fraction) -> Fraction {
        let room = self.0.len() < RESTS_MAX || self.place(rest).is_ok();
        if room { rest } else { Fraction::NONE }
    }

    /// Those of other orders beside these.
    pub(crate) fn add_all(&mut self, others: &Rests) {
        for other in &others.0 {
            match self.0.binary_search_by_key(&other.of, |own| own.of) {
                Ok(place) => {
                    let same = &mut self.0[place];
                    same.parts = same.parts.saturating_add(other.parts);
                    same.orders = same.orders.saturating_add(other.orders);
                }
                Err(place) => self.0.insert(place, *other),
            }
        }
    }

    /// Those of other orders no more among these.
    pub(crate) fn remove_all(&mut self, others: &Rests) {
        for other in &others.0 {
            if let Ok(place) = self.0.binary_search_by_key(&other.of, |own| own.of) {
                let same = &mut self.0[place];
                same.parts = same.parts.saturating_sub(other.parts);
                same.orders = same.orders.saturating_sub(other.orders);
            }
        }
        self.0.retain(Rest::is_sound);
    }

    /// What an order leaves.
    pub(crate) fn add(&mut self, rest: Fraction) {
        if rest.is_none() {
            return;
        }
        let parts = u128::from(rest.above());
        match self.place(rest) {
            Ok(place) => {
                let same = &mut self.0[place];
                same.parts = same.parts.saturating_add(parts);
                same.orders = same.orders.saturating_add(1);
            }
            Err(place) => self.0.insert(place, Rest { of: rest.below(), parts, orders: 1 }),
        }
    }

    /// What an order had left.
    pub(crate) fn remove(&mut self, rest: Fraction) {
        if let Ok(place) = self.place(rest) {
            let same = &mut self.0[place];
            same.parts = same.parts.saturating_sub(rest.above().into());
            same.orders -= 1;
            if same.orders == 0 {
                self.0.remove(place);
            }
        }
    }

    /// The whole minor units that all of them make together.
    pub fn wholes(&self) -> u64 {
        let (mut above, mut below) = (BigUint::ZERO, BigUint::from(1u8));
        for rest in &self.0 {
            above = above * rest.of + &below * rest.parts;
            below *= rest.of;
        }
        u64::try_from(above / below).unwrap_or(u64::MAX)
    }

    fn place(&self, rest: Fraction) -> Result<usize, usize> {
        self.0.binary_search_by_key(&rest.below(), |known| known.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(above: u64, below: u64) -> Fraction {
        Fraction::of(above, below).unwrap()
    }

    fn rests(of: &[(u64, u64)]) -> Rests {
        let mut rests = Rests::default();
        of.iter().for_each(|&(above, below)| rests.add(fraction(above, below)));
        rests
    }

    #[test]
    fn parts_make_wholes() {
        let most = (u64::MAX - 1, u64::MAX);
        for (of, want) in [
            (&[][..], 0),
            (&[(2, 3)], 0),
            (&[(1, 3), (2, 3)], 1),
            (&[(1, 3), (1, 3), (1, 3)], 1),
            (&[(1, 2), (1, 3), (1, 7)], 0),
            (&[(1, 2), (1, 3), (1, 6)], 1),
            (&[(1, 2), (1, 3), (1, 7), (1, 42)], 1),
            (&[(1, 2), (1, 3), (1, 7), (1, 43)], 0),
            (&[most, most, most], 2),
        ] {
            assert_eq!(rests(of).wholes(), want, "{of:?}");
        }
    }

    /// Whatever the order in which they come and go, nothing is left, and there are never more sizes than orders have.
    #[test]
    fn what_comes_goes() {
        let all = [(1, 3), (2, 3), (1, 2), (5, 7), (2, 7), (0, 1), (1, u64::MAX), (u64::MAX - 1, u64::MAX)];
        for turn in 0..all.len() {
            for step in [1, 3, 5, 7] {
                let mut rests = rests(&all);
                for place in 0..all.len() {
                    let (above, below) = all[(turn + place * step) % all.len()];
                    assert!(rests.all().len() <= 4);
                    assert_eq!(Rests::of(rests.all().to_vec()), Some(rests.clone()));
                    let others = rests.without(fraction(above, below));
                    rests.remove(fraction(above, below));
                    assert_eq!(others, Some(rests.clone()));
                }
                assert_eq!(rests, Rests::default(), "{turn} {step}");
            }
        }
    }

    #[test]
    fn a_size_too_many_finds_no_room() {
        let most: Vec<(u64, u64)> = (2..).take(RESTS_MAX).map(|below| (1, below)).collect();
        let (full, none) = (rests(&most), Fraction::NONE);
        let (known, other) = (fraction(2, 3), fraction(1, 100));
        assert_eq!((full.admitted(known), full.admitted(other), full.admitted(none)), (known, none, none));
        let without = |rests: &Rests| rests.without(fraction(1, 7)).unwrap();
        assert_eq!(without(&full).admitted(other), other);
        let mut twice = full.clone();
        twice.add(fraction(2, 7));
        assert_eq!(without(&twice).admitted(other), none);
    }

    #[test]
    fn only_what_was_left_is_taken_away() {
        let (none, fifth) = (Fraction::NONE, |above| fraction(above, 5));
        for (of, rest, may) in [
            (&[][..], none, true),
            (&[], fifth(1), false),
            (&[(2, 5)], none, true),
            (&[(2, 5)], fifth(2), true),
            (&[(2, 5)], fifth(1), false),
            (&[(2, 5)], fifth(3), false),
            (&[(2, 5)], fraction(2, 7), false),
            (&[(1, 5), (2, 5)], fifth(1), true),
            (&[(1, 5), (2, 5)], fifth(3), false),
            (&[(4, 5), (4, 5)], fifth(3), false),
        ] {
            assert_eq!(rests(of).without(rest).is_some(), may, "{of:?} {rest:?}");
        }
    }

    #[test]
    fn only_what_orders_can_leave_is_read() {
        let rest = |of, parts, orders| Rest { of, parts, orders };
        for (of, sound) in [
            (vec![], true),
            (vec![rest(2, 1, 1), rest(3, 4, 2)], true),
            (vec![rest(3, 4, 2), rest(2, 1, 1)], false),
            (vec![rest(3, 1, 1), rest(3, 1, 1)], false),
            (vec![rest(3, 5, 2)], false),
            (vec![rest(3, 1, 2)], false),
            (vec![rest(3, 0, 0)], false),
            (vec![rest(1, 1, 1)], false),
            (vec![rest(0, 1, 1)], false),
            (vec![rest(u64::MAX, u128::from(u64::MAX) * u128::from(u64::MAX - 1), u64::MAX)], true),
        ] {
            assert_eq!(Rests::of(of.clone()).is_some(), sound, "{of:?}");
        }
    }
}
