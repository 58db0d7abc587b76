//! What a member has of offers, beside the entries of its grants.

use domain::{
    id::{BrandId, OfferId},
    member::MemberId,
    offer::grant::{Held, HeldBy},
    time::Instant,
};

use super::{Stored, layout::layout};

/// What has become of a grant since it was issued.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KeptGrant {
    /// How often it was used, less what came back.
    pub taken: u32,
    /// The key of the entry that took it back.
    pub revoked: Option<Vec<u8>>,
    /// That it is offered to somebody else, until then.
    pub given_until: Option<Instant>,
    /// By what it is set aside, and until when.
    pub held: Option<HeldRecord>,
    /// When it ends, if a reversal has put that off.
    pub ends: Option<Instant>,
    /// The code of somebody else's that it has handed out, sealed.
    pub code: Option<Vec<u8>>,
}

/// That something is set aside for an order or a use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldRecord {
    /// The brand.
    pub brand: BrandId,
    /// The order or the use.
    pub by: HeldBy,
    /// Until when.
    pub until: Instant,
    /// How many pieces.
    pub pieces: u32,
}

impl HeldRecord {
    /// As it is shown.
    pub fn shown(&self) -> Held {
        Held { brand: self.brand.clone(), by: self.by.clone(), until: self.until }
    }
}

/// What a member has taken, in one window, of an offer that is not issued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowRecord {
    /// By way of whom it was taken first.
    pub holder: MemberId,
    /// The offer.
    pub offer: OfferId,
    /// When it was taken or held first.
    pub since: Instant,
    /// The window's first moment, if it has one, as it was then.
    pub begin: Option<Instant>,
    /// The moment after it, if it has one, as it was then.
    pub end: Option<Instant>,
    /// How often it was used, less what came back.
    pub taken: u32,
    /// What is set aside.
    pub held: Vec<HeldRecord>,
}

impl Stored for WindowRecord {}

layout! { struct KeptGrant { taken, revoked, given_until, held, ends, code } }
layout! { struct HeldRecord { brand, by, until, pieces } }
layout! { enum HeldBy { 0 = Order(id), 1 = Use(id) } }
layout! { struct WindowRecord { holder, offer, since, begin, end, taken, held } }
