//! What entries say of offers: enough for whoever folds them to know what each member has, what each offer has given, and
//! who bears it.

use domain::{
    event::{EntryKind, GrantIssued, GrantRevoked, OfferGiven, OfferTaken, OfferUsed, UseReversed, UseStep},
    id::{GrantId, OfferId, UseId},
    offer::{grant::HeldBy, printed::Printed},
};

use super::{GrantSource, Show};
use crate::{At, Id, List, MoneyText, OrNull, Ulid, answer};

answer! {
    /// What a use takes of an offer, or what of that comes back.
    pub struct EntryOffer<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// the version that governs
        version: u32,
        /// the grant, or what the member has in its window; null where nothing is counted by member, and of a printed code
        grant_id: OrNull<Ulid<GrantId>>,
        /// how many pieces of that
        pieces: u32,
        /// how many of the offer's `uses`
        uses: u64,
        /// how much of its budget: what was taken off, or what an item or service is worth between brands
        amount: MoneyText,
    }
}

answer! {
    /// What an offer had given for what comes back.
    pub struct EntryGiven<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// the version that governs
        version: u32,
        /// how much
        amount: MoneyText,
    }
}

answer! {
    /// What a member is given of an offer, or what is taken back of it.
    pub struct EntryGrant {
        /// of an issue: the version that governs
        version: Option<u32>,
        /// of an issue: how it came
        source: Option<GrantSource>,
        /// pieces of limits and stock; taken back: those that come back there
        pieces: u32,
        /// of an issue: how often it may be used
        quantity: Option<u32>,
        /// how often it can still be used; taken back: could have been
        left: u32,
        /// of an issue: from when on
        valid_from: Option<At>,
        /// before when; null for ever
        valid_until: OrNull<At>,
    }
}

/// What an entry says of a use of offers, or of what comes back of one; nothing of any other.
#[derive(Default)]
pub(super) struct EntryUse<'a> {
    pub(super) use_id: Option<OrNull<Id<&'a UseId>>>,
    pub(super) revision: Option<u32>,
    pub(super) total: Option<MoneyText>,
    pub(super) saved: Option<MoneyText>,
    pub(super) offers: Option<List<EntryOffer<'a>, 0, 2_000>>,
    pub(super) had: Option<List<EntryOffer<'a>, 0, 2_000>>,
    pub(super) returned: Option<List<EntryGiven<'a>, 0, 2_000>>,
}

impl Show<'_> {
    /// What an entry says of a use; nothing of any other entry.
    pub(super) fn entry_use<'a>(&self, kind: &'a EntryKind) -> EntryUse<'a> {
        match kind.use_step() {
            Some(UseStep::Used(used)) => self.taken_by(used),
            Some(UseStep::Reversed(back)) => self.given_back(back),
            None => EntryUse::default(),
        }
    }

    /// What an entry says of a grant, if it is about one.
    pub(super) fn entry_grant(&self, kind: &EntryKind) -> Option<EntryGrant> {
        kind.issued().map(|own| self.issue(own)).or_else(|| kind.revoked().map(|own| self.revocation(own)))
    }

    fn taken_by<'a>(&self, used: &'a OfferUsed) -> EntryUse<'a> {
        let is_later = used.revision > 1;
        EntryUse {
            use_id: Some(OrNull(use_of(&used.by))),
            revision: Some(used.revision),
            total: Some(self.price(used.total)),
            saved: Some(self.price(used.saved)),
            offers: Some(self.offers_taken(&used.taken)),
            had: is_later.then(|| self.offers_taken(&used.had)),
            returned: is_later.then(|| self.offers_given(&used.back)),
        }
    }

    fn given_back<'a>(&self, back: &'a UseReversed) -> EntryUse<'a> {
        EntryUse {
            use_id: Some(OrNull(use_of(&back.by))),
            offers: Some(self.offers_taken(&back.restored)),
            returned: Some(self.offers_given(&back.back)),
            ..EntryUse::default()
        }
    }

    fn offers_taken<'a>(&self, taken: &'a [OfferTaken]) -> List<EntryOffer<'a>, 0, 2_000> {
        let shown = |own: &'a OfferTaken| EntryOffer {
            offer: Id(&own.offer),
            version: own.version,
            // A printed code opens what it is for: it is nobody's to read from a ledger.
            grant_id: OrNull(
                own.grant
                    .filter(|id| Printed::of_id(*id).is_none())
                    .map(|id| Ulid(self.secrets.shown_grant(id))),
            ),
            pieces: own.pieces,
            uses: own.uses,
            amount: self.price(own.amount),
        };
        taken.iter().map(shown).collect()
    }

    fn offers_given<'a>(&self, given: &'a [OfferGiven]) -> List<EntryGiven<'a>, 0, 2_000> {
        let shown = |own: &'a OfferGiven| EntryGiven {
            offer: Id(&own.offer),
            version: own.version,
            amount: self.price(own.amount),
        };
        given.iter().map(shown).collect()
    }

    fn issue(&self, issued: &GrantIssued) -> EntryGrant {
        EntryGrant {
            version: Some(issued.version),
            source: Some(issued.source.into()),
            pieces: issued.pieces,
            quantity: Some(issued.quantity),
            left: if issued.is_used { 0 } else { issued.quantity },
            valid_from: Some(self.instant(issued.valid_from)),
            valid_until: self.maybe(issued.valid_until),
        }
    }

    fn revocation(&self, revoked: &GrantRevoked) -> EntryGrant {
        EntryGrant {
            version: None,
            source: None,
            pieces: revoked.pieces,
            quantity: None,
            left: revoked.left,
            valid_from: None,
            valid_until: self.maybe(revoked.valid_until),
        }
    }
}

fn use_of(by: &HeldBy) -> Option<Id<&UseId>> {
    match by {
        HeldBy::Order(_) => None,
        HeldBy::Use(used) => Some(Id(used)),
    }
}
