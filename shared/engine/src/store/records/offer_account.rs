//! What has been issued, used and spent of an offer: what limits ask for, and what was taken by day.

use domain::{
    number::{Money, SignedMoney},
    time::DayNumber,
};

use super::{Stored, layout::layout};

/// What has been issued, used and spent of an offer, less what came back; what is held is counted apart.
///
/// A figure is below 0 where more came back here than was counted here.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OfferAccountRecord {
    /// Pieces issued.
    pub issued: i64,
    /// What `uses` count.
    pub used: i64,
    /// What `budget` counts.
    pub spent: SignedMoney,
    /// The same by local day of recording, for as long as a limit of a day may ask, rising.
    pub days: Vec<OfferDay>,
    /// The day from which on these are whole: a later write has dropped those before.
    pub since: Option<DayNumber>,
    /// What is held, by the minute in which it ends and the day on which it was taken.
    pub holds: Vec<OfferHold>,
    /// What was taken by day, of the newest days, rising; older ones are filed.
    pub taken: Vec<TakenDay>,
    /// The first and the last day that is filed.
    pub filed: Option<(DayNumber, DayNumber)>,
    /// In the pool: the shards that have an allotment, a bit for each.
    pub out: u32,
    /// In the pool: all allotments come back, and none is given until they have.
    pub is_gathering: bool,
    /// In a shard: up to what it may count of what limits bound. Without it nothing bounded is taken there.
    pub allotted: Option<Allotment>,
}

/// Up to what a shard of an offer's account may count, held things included: its part of what the limits leave. Of what the
/// version does not limit, the greatest figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allotment {
    /// The version of the offer whose limits these are parts of.
    pub version: u32,
    /// Pieces issued.
    pub issued: i64,
    /// What `uses` count.
    pub used: i64,
    /// What `budget` counts.
    pub spent: SignedMoney,
    /// The day of the next two (its number): of any other nothing is allotted.
    pub day: DayNumber,
    /// Pieces issued on that day.
    pub issued_of_day: i64,
    /// What `uses` count on that day.
    pub used_of_day: i64,
}

/// What a local day counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferDay {
    /// The day (its number).
    pub day: DayNumber,
    /// Pieces issued.
    pub issued: i64,
    /// What `uses` count.
    pub used: i64,
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

/// What was taken of an offer on a local day: what was recorded on it, whenever that was taken which came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakenDay {
    /// The day (its number).
    pub day: DayNumber,
    /// Pieces issued, those that were taken back too.
    pub issued: u64,
    /// What `uses` count, what came back too.
    pub used: u64,
    /// What of that came back, of this or an earlier day's.
    pub returned: u64,
    /// What `budget` counts, less what came back.
    pub amount: SignedMoney,
}

/// Older days of an account, filed: those of one sheet of days.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OfferDaysRecord {
    /// Rising.
    pub days: Vec<TakenDay>,
}

impl Stored for OfferAccountRecord {}
impl Stored for OfferDaysRecord {}

layout! { struct OfferAccountRecord { issued, used, spent, days, since, holds, taken, filed, out, is_gathering, allotted } }
layout! { struct Allotment { version, issued, used, spent, day, issued_of_day, used_of_day } }
layout! { struct OfferDay { day, issued, used } }
layout! { struct OfferHold { minute, day, uses, amount } }
layout! { struct TakenDay { day, issued, used, returned, amount } }
layout! { struct OfferDaysRecord { days } }
