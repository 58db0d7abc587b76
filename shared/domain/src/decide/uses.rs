//! Offers are used, and uses come back (rewards.md, 5): what they come to was priced before.

use super::{Draft, Stop};
use crate::{
    event::{EntryKind, Movement, OfferUsed, UseReversed},
    refusal::Refusal,
};

impl Draft<'_> {
    pub(super) fn use_offers(&mut self, used: &OfferUsed) -> Result<(), Stop> {
        self.programme().brand(&used.brand).ok_or(Refusal::BrandNotFound)?;
        self.must_be_active()?;
        let kind = EntryKind::OfferUsed(Box::new(used.clone()));
        self.record(self.context.now, Movement::default(), None, kind);
        Ok(())
    }

    /// A use comes back whatever has become of the member.
    pub(super) fn reverse_use(&mut self, back: &UseReversed) -> Result<(), Stop> {
        let kind = EntryKind::UseReversed(Box::new(back.clone()));
        self.record(self.context.now, Movement::default(), None, kind);
        Ok(())
    }
}
