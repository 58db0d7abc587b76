//! Settlement 月结算: what the brands of a programme owe it for the points they issue, and are owed for
//! those they honour, month by month (partners.md, "Settlement").
//!
//! ```text
//! facts of a month -> Tally -> accounts, one for each brand, with the programme on the other side
//! ```
//!
//! Uses of offers move no points: what these give is counted beside, by [`Tally::give`].
//!
//! A [`Tally`] is a sum: it is the same in whatever order its facts come, and into however many parts they
//! are split. Nothing is rounded before a line of the statement.

mod offers;
mod statement;
mod tally;

use crate::{
    event::{Event, Moves},
    time::Instant,
};

pub use crate::{event::Reversed, number::SignedMoney};
pub use offers::{Given, OfferMove, Unfunded, moved, moves};
pub use statement::{Account, Exact, Line, LineKind, round_half_even};
pub use tally::{Sum, Tally, Unpriced};

/// A ledger entry as a settlement sees it.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The version of the programme under which it was made: its prices.
    pub version: u32,
    /// How many of its points came from blocks, which were paid for when they were bought, or went back to them.
    pub in_blocks: u64,
}

/// What the entry takes back or adds to, whose price it has. A refund that took no points takes back nothing
/// here.
pub fn reversed(event: &Event) -> Option<Reversed<'_>> {
    event.kind.row().reverses
}

/// The moment whose local month an entry belongs to.
///
/// An expiry belongs to the lot's own instant, whenever it is written down. Points that are recorded after
/// their end did not exist at that instant: they expire when they are recorded, so that a month that is
/// already closed does not change. Everything else belongs to the moment of its recording.
pub fn belongs_to(event: &Event, recorded_at: Instant) -> Instant {
    match event.kind.row().moves {
        Moves::Expired => event.at,
        Moves::Nothing
        | Moves::Issued
        | Moves::Honoured
        | Moves::Restored
        | Moves::TakenBack { .. }
        | Moves::GivenBack(_)
        | Moves::ByHand { .. }
        | Moves::Forfeited { .. }
        | Moves::BetweenMembers => recorded_at,
    }
}
