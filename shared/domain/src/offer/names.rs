//! What an offer names of its programme.

use super::{Funder, Gives, Offer, Quota};
use crate::id::{BrandId, TierId};

impl Offer {
    /// The brands: who issues it, where it may be used, and who bears it. Some may stand twice.
    pub fn brands_named(&self) -> impl Iterator<Item = &BrandId> {
        let funders = self.funding.iter().filter_map(|(funder, _)| match funder {
            Funder::Brand(brand) => Some(brand),
            Funder::Programme => None,
        });
        std::iter::once(&self.brand).chain(&self.brands).chain(funders)
    }

    /// The tiers: of its audience, and those for which it opens or has a number of its own. Some may stand twice.
    pub fn tiers_named(&self) -> Vec<&TierId> {
        let mut tiers = self.audience.as_ref().map_or_else(Vec::new, crate::condition::Condition::tiers);
        match &self.gives {
            Gives::Access { tiers: own, .. } => tiers.extend(own.iter().map(|(tier, _)| tier)),
            Gives::Service(service) => match &service.quota {
                Quota::ByTier { tiers: own, .. } => tiers.extend(own.iter().map(|(tier, _)| tier)),
                Quota::All(_) => {}
            },
            Gives::Discount(_) | Gives::Item { .. } | Gives::Points { .. } => {}
        }
        tiers
    }
}
