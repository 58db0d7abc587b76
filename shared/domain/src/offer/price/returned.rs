//! What of an order's price is given back when units come back (rewards.md, 5): the shares are frozen when it is used,
//! and parts add up to the whole, whatever they are.

use crate::number::{Money, Quantity};

/// What a line came to when it was used, and how much of it had come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen {
    /// The line's quantity.
    pub quantity: Quantity,
    /// How much of it has come back before.
    pub gone: Quantity,
}

impl Frozen {
    /// How much of it remains.
    pub fn left(self) -> Quantity {
        Quantity(self.quantity.0.saturating_sub(self.gone.0))
    }

    /// What comes back of that figure of the line (its net, or what an offer took of it) when so much more of it comes
    /// back: the figure times what remains ÷ the quantity, rounded half up, before less after. `None` where less
    /// remains.
    pub fn back(self, figure: Money, coming: Quantity) -> Option<Money> {
        let before = self.left();
        let after = Quantity(before.0.checked_sub(coming.0)?);
        // What remains later is not more.
        Some(Money(self.of(figure, before) - self.of(figure, after)))
    }

    /// What that figure is of so much of the line.
    fn of(self, figure: Money, left: Quantity) -> u64 {
        let Some(all) = Some(u128::from(self.quantity.0)).filter(|all| *all > 0) else { return 0 };
        // Both are below 2^64.
        let above = u128::from(figure.0) * u128::from(left.0);
        let whole = above / all + u128::from(above % all >= all - above % all);
        // At most the figure, as no more is left than there was.
        u64::try_from(whole).unwrap_or_else(|_| panic!("{whole} is beyond 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tea at 69.99 for two: 34.99 and 35.00.
    #[test]
    fn parts_are_differences_of_what_remains() {
        for (figure, quantity, parts, want) in [
            (6_999, 2_000, &[1_000, 1_000][..], &[3_499, 3_500][..]),
            (844, 3_000, &[1_000, 2_000], &[281, 563]),
            (70, 3_000, &[1_000, 2_000], &[23, 47]),
            (458, 355, &[155, 200], &[200, 258]),
            (0, 1_000, &[1_000], &[0]),
            (5, 1_000, &[0, 1_000], &[0, 5]),
        ] {
            let mut gone = 0;
            for (part, want) in parts.iter().zip(want) {
                let line = Frozen { quantity: Quantity(quantity), gone: Quantity(gone) };
                assert_eq!(line.back(Money(figure), Quantity(*part)), Some(Money(*want)), "{figure} {part}");
                gone += part;
            }
            let line = Frozen { quantity: Quantity(quantity), gone: Quantity(gone) };
            assert_eq!(line.back(Money(figure), Quantity(1)), None, "nothing remains");
        }
    }
}
