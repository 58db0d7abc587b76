//! The sums of a month: points, and their value at the prices of their time.

use std::collections::BTreeMap;

use super::{Given, Made};
use crate::{
    event::{Moves, Share, drawn_last},
    id::BrandId,
    number::{Currency, Money},
    offer::Funder,
    programme::{Brand, Timeline},
};

/// Points, and their value.
///
/// Points of one entry stay below 2^53 and a price below 10^12 millionths, so that a sum of
/// 2^34 of the largest entries still fits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sum {
    /// Points; below zero if more was taken back than given.
    pub points: i128,
    /// Σ points × price, in millionths of the currency's unit.
    pub millionths: i128,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.points += other.points;
        self.millionths += other.millionths;
    }

    fn is_nothing(&self) -> bool {
        *self == Sum::default()
    }

    fn of(points: i128, price: u64) -> Sum {
        Sum { points, millionths: points * i128::from(price) }
    }
}

/// The entry cannot be priced: the programme has no such version, or the version no such brand.
/// The versions at hand may be old; otherwise a record is damaged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unpriced {
    /// The version asked for.
    pub version: u32,
}

/// What has been counted of a month, or of a part of it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// By issuing brand.
    pub issued: BTreeMap<BrandId, Sum>,
    /// By honouring brand, then by issuing brand.
    pub honoured: BTreeMap<BrandId, BTreeMap<BrandId, Sum>>,
    /// By issuing brand; these have no value.
    pub expired: BTreeMap<BrandId, Sum>,
    /// Blocks bought, by brand; these have no points here.
    pub blocks: BTreeMap<BrandId, Sum>,
    /// What offers gave, by the brand where they were used, then by who bears it.
    pub offers: BTreeMap<BrandId, BTreeMap<Funder, Given>>,
    /// The same once more, by the brand that bears it, then by where they were used; without what a brand bears of its
    /// own. [`Tally::share`] makes it.
    pub borne: BTreeMap<BrandId, BTreeMap<BrandId, Given>>,
}

impl Tally {
    /// Counts an entry. `reversed` is what it takes back, if [`super::reversed`] says that it does.
    ///
    /// # Errors
    /// It cannot be priced; nothing is counted then.
    pub fn count(
        &mut self,
        programmes: &Timeline,
        made: Made<'_>,
        reversed: Option<Made<'_>>,
    ) -> Result<(), Unpriced> {
        let row = made.event.kind.row();
        match row.moves {
            Moves::Issued | Moves::ByHand { billed: true } => {
                // What a revision adds has the prices of its order's first entry.
                let priced_as = match row.reverses {
                    Some(_) => reversed.ok_or(Unpriced { version: made.version })?,
                    None => made,
                };
                self.issue(programmes, made, priced_as, i128::from(made.event.movement.points()))?;
            }
            Moves::TakenBack { taken: 0 } => {}
            Moves::TakenBack { taken } => {
                let order = reversed.ok_or(Unpriced { version: made.version })?;
                self.issue(programmes, made, order, -i128::from(taken))?;
            }
            Moves::Honoured => self.redeem(programmes, made, &made.event.movement.shares)?,
            // Exactly what the redemption took, whatever happened to it since.
            Moves::GivenBack(gone) => {
                let redemption = reversed.ok_or(Unpriced { version: made.version })?;
                let back = drawn_last(&redemption.event.movement.shares, gone.before, gone.points);
                self.redeem(programmes, redemption, &back)?;
            }
            // What comes back for a redemption told late is no longer expired.
            Moves::Expired | Moves::Restored => {
                for share in &made.event.movement.shares {
                    add(&mut self.expired, &share.brand, Sum::of(-i128::from(share.points), 0));
                }
            }
            // Between the programme and its brands nothing changes.
            Moves::Nothing
            | Moves::ByHand { billed: false }
            | Moves::Forfeited { .. }
            | Moves::BetweenMembers => {}
        }
        Ok(())
    }

    /// Counts a block that was bought.
    pub fn buy(&mut self, brand: &BrandId, price: Money, currency: Currency) {
        let millionths = i128::from(price.0) * 10i128.pow(6 - currency.digits);
        add(&mut self.blocks, brand, Sum { points: 0, millionths });
    }

    /// Counts points of an entry at the price of another. Points of blocks were paid for with them: all of an
    /// order whose first entry drew from blocks, else those that its own entry draws or gives back.
    fn issue(
        &mut self,
        programmes: &Timeline,
        made: Made<'_>,
        priced_as: Made<'_>,
        points: i128,
    ) -> Result<(), Unpriced> {
        let brand = brand_of(made)?;
        let price = priced(programmes, priced_as.version, brand_of(priced_as)?)?.issue_price.millionths();
        let paid =
            if priced_as.in_blocks > 0 { points } else { points.signum() * i128::from(made.in_blocks) };
        add(&mut self.issued, brand, Sum { points, ..Sum::of(points - paid, price) });
        Ok(())
    }

    /// Counts a redemption's lots, or a purchase's, for the brand that honoured it: what left them was honoured, and what comes
    /// back no longer is.
    fn redeem(&mut self, programmes: &Timeline, made: Made<'_>, shares: &[Share]) -> Result<(), Unpriced> {
        let brand = brand_of(made)?;
        let price = priced(programmes, made.version, brand)?.honour_price.millionths();
        let honoured = self.honoured.entry(brand.clone()).or_default();
        for share in shares {
            add(honoured, &share.brand, Sum::of(-i128::from(share.points), price));
        }
        Ok(())
    }

    /// Adds another part of the same month.
    pub fn merge(&mut self, other: &Tally) {
        add_all(&mut self.issued, &other.issued);
        add_all(&mut self.expired, &other.expired);
        add_all(&mut self.blocks, &other.blocks);
        for (honouring, sums) in &other.honoured {
            add_all(self.honoured.entry(honouring.clone()).or_default(), sums);
        }
        for (using, sums) in &other.offers {
            sums.iter()
                .for_each(|(funder, given)| super::offers::add(&mut self.offers, using, funder, *given));
        }
        for (funder, sums) in &other.borne {
            sums.iter().for_each(|(using, given)| super::offers::add(&mut self.borne, funder, using, *given));
        }
    }

    /// Every brand that anything was counted for, in order.
    pub fn brands(&self) -> Vec<&BrandId> {
        let maps = [&self.issued, &self.expired, &self.blocks];
        let mut brands: Vec<&BrandId> =
            maps.iter().flat_map(|map| map.keys()).chain(self.honoured.keys()).collect();
        brands.extend(self.offers.keys().chain(self.borne.keys()));
        brands.sort_unstable();
        brands.dedup();
        brands
    }
}

/// The brand that the entry is settled with.
fn brand_of(made: Made<'_>) -> Result<&BrandId, Unpriced> {
    made.event.kind.row().brand.ok_or(Unpriced { version: made.version })
}

fn priced<'a>(programmes: &'a Timeline, version: u32, brand: &BrandId) -> Result<&'a Brand, Unpriced> {
    let programme = programmes.version(version).ok_or(Unpriced { version })?;
    programme.brand(brand).ok_or(Unpriced { version })
}

/// Adds to the brand's sum; zero leaves no trace.
fn add(sums: &mut BTreeMap<BrandId, Sum>, brand: &BrandId, sum: Sum) {
    if sum.is_nothing() {
        return;
    }
    match sums.get_mut(brand) {
        Some(known) => known.add(sum),
        None => _ = sums.insert(brand.clone(), sum),
    }
}

fn add_all(sums: &mut BTreeMap<BrandId, Sum>, others: &BTreeMap<BrandId, Sum>) {
    others.iter().for_each(|(brand, sum)| add(sums, brand, *sum));
}
