//! What offers gave, and who bears it (rewards.md, 5; partners.md, "Settlement").
//!
//! ```text
//! taken, less what it had given before -> × the shares of the version that gave it -> one sum for each pair
//! ```
//!
//! A sum is of a pair: who bears it, and the brand where it was used. The shares of a version add to 1 and have six
//! digits, so in millionths of the minor unit nothing is ever rounded: what all bear is what was given, to the last digit,
//! and what comes back in parts is, once all has, what was given.

use std::collections::BTreeMap;

use super::Tally;
use crate::{
    event::{Event, OfferGiven, OfferTaken, UseStep},
    id::{BrandId, OfferId},
    number::Rate,
    offer::Funder,
};

/// A part of what offers gave, exactly. What one use gives is below 2^63 of the minor unit, so that a sum of 2^44 of the
/// largest uses still fits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Given {
    /// In millionths of the currency's minor unit; below zero if more came back than was given.
    pub millionths: i128,
}

/// What a version of an offer gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferMove<'a> {
    /// The offer.
    pub offer: &'a OfferId,
    /// The version that governs what was used, and says who bears it.
    pub version: u32,
    /// In the currency's minor unit; below zero what it had given and came back.
    pub amount: i128,
}

/// No such version of the offer is known: who bears it cannot be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfunded {
    /// The offer.
    pub offer: OfferId,
    /// The version asked for.
    pub version: u32,
}

/// What a telling of a use gives: all that it takes, less what had been given before and not come back, whose place it
/// takes. Of a return nothing is taken.
pub fn moves<'a>(
    taken: &'a [OfferTaken],
    back: &'a [OfferGiven],
) -> impl Iterator<Item = OfferMove<'a>> + Clone {
    let given = taken.iter().map(|own| (&own.offer, own.version, i128::from(own.amount.0)));
    let back = back.iter().map(|own| (&own.offer, own.version, -i128::from(own.amount.0)));
    given.chain(back).map(|(offer, version, amount)| OfferMove { offer, version, amount })
}

/// Where offers were used or came back by an entry, and what they gave by it; nothing of any other entry.
pub fn moved(event: &Event) -> Option<(&BrandId, Vec<OfferMove<'_>>)> {
    Some(match event.kind.use_step()? {
        UseStep::Used(used) => (&used.brand, moves(&used.taken, &used.back).collect()),
        UseStep::Reversed(back) => (&back.brand, moves(&[], &back.back).collect()),
    })
}

impl Tally {
    /// Counts what offers gave at a brand. `funding` says who bears a version of an offer.
    ///
    /// # Errors
    /// It knows no such version; nothing is counted then.
    pub fn give<'f>(
        &mut self,
        using: &BrandId,
        moves: impl Iterator<Item = OfferMove<'f>>,
        funding: impl Fn(&OfferId, u32) -> Option<&'f [(Funder, Rate)]>,
    ) -> Result<(), Unfunded> {
        let mut shares = Vec::new();
        for OfferMove { offer, version, amount } in moves {
            let unknown = || Unfunded { offer: offer.clone(), version };
            for (funder, share) in funding(offer, version).ok_or_else(unknown)? {
                // An amount is below 2^64 and a share at most a million millionths.
                let millionths = amount * i128::from(share.millionths());
                shares.push((funder, Given { millionths }));
            }
        }
        shares.into_iter().for_each(|(funder, given)| add(&mut self.offers, using, funder, given));
        Ok(())
    }

    /// Notes with each brand what it bears of what offers gave at others, so that its account has it too. Of what is
    /// counted later nothing is noted: it is done once, at the end.
    pub fn share(&mut self) {
        for (using, sums) in &self.offers {
            for (funder, given) in sums {
                match funder {
                    Funder::Brand(funder) if funder != using => add(&mut self.borne, funder, using, *given),
                    // It stands in its account already; and the programme has none.
                    Funder::Brand(_) | Funder::Programme => {}
                }
            }
        }
    }
}

/// Adds to a pair's sum; zero leaves no trace.
pub(super) fn add<K: Ord + Clone>(
    sums: &mut BTreeMap<BrandId, BTreeMap<K, Given>>,
    brand: &BrandId,
    other: &K,
    given: Given,
) {
    if given == Given::default() {
        return;
    }
    let own = sums.entry(brand.clone()).or_default();
    own.entry(other.clone()).or_default().millionths += given.millionths;
}
