//! What is stored of a month's settlement. The sums that are still being counted are [`Tally`]s: one of
//! everything but pairs of brands, and one for each brand that honoured points, so that none grows
//! beyond some tens of kilobytes with the 200 brands a programme may have.
//!
//! [`Tally`]: domain::settlement::Tally

use domain::{
    settlement::{Account, SignedMoney},
    time::Instant,
};
use serde::{Deserialize, Serialize};

use crate::store::records::By;

/// How far a month's settlement has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct MonthRecord {
    /// What is being done.
    pub(super) stage: Stage,
    /// When it was begun.
    pub(super) began_at: Instant,
    /// The programme's side of the accounts so far.
    pub(super) programme: SignedMoney,
}

/// What is being done, and where to go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Every member that is due by the month's end is settled.
    Settling,
    /// The blocks bought in the month are counted.
    Buying {
        /// The first key not yet looked at; `None` is the first of all.
        from: Option<Vec<u8>>,
    },
    /// The entries of the month are counted, member by member, each ledger from its newest entry back.
    Counting {
        /// Where the walk over members goes on; `None` is its beginning.
        from: Option<Vec<u8>>,
        /// Whether the walk has come to its end.
        walked: bool,
        /// Of each member that has been come to, the next entry to look at.
        next: Vec<Vec<u8>>,
    },
    /// What was counted becomes accounts, brand by brand.
    Booking {
        /// The last brand that has its account.
        after: Option<String>,
    },
    /// It never changes any more.
    Closed {
        /// Since when.
        at: Instant,
        /// Who closed it.
        by: By,
    },
}

/// A brand's account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct AccountRecord {
    /// The account.
    pub(super) account: Account,
    /// The brand's name when the month was closed.
    pub(super) name: String,
}

/// That an account was paid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PaidRecord {
    /// When.
    pub(super) at: Instant,
    /// Who said so.
    pub(super) by: By,
}
