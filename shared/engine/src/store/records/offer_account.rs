//! What has been issued, used and spent of an offer.

use domain::{number::Money, time::DayNumber};

use super::{Stored, layout::layout};

/// What has been issued, used and spent of an offer, less what came back; what is held is counted apart.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OfferAccountRecord {
    /// Pieces issued; below 0 where more came back here than were counted here.
    pub issued: i64,
    /// What `uses` count.
    pub used: u64,
    /// What `budget` counts.
    pub spent: Money,
    /// The same by local day of recording, for as long as a limit of a day may ask, rising.
    pub days: Vec<OfferDay>,
    /// What is held, by the minute in which it ends and the day on which it was taken.
    pub holds: Vec<OfferHold>,
}

/// What a local day counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferDay {
    /// The day (its number).
    pub day: DayNumber,
    /// Pieces issued; below 0 likewise.
    pub issued: i64,
    /// What `uses` count.
    pub used: u64,
}

/// What is held and ends in one minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferHold {
    /// The minute in which it ends, counted as instants are.
    pub minute: i64,
    /// The day on which it was taken (its number).
    pub day: DayNumber,
    /// What `uses` count.
    pub uses: u64,
    /// What `budget` counts.
    pub amount: Money,
}

impl Stored for OfferAccountRecord {}

layout! { struct OfferAccountRecord { issued, used, spent, days, holds } }
layout! { struct OfferDay { day, issued, used } }
layout! { struct OfferHold { minute, day, uses, amount } }
