//! What is stored of a month's settlement. The sums that are still being counted are [`Tally`]s: one of
//! everything but pairs of brands, and one for each brand that honoured points, so that none grows
//! beyond some tens of kilobytes with the 200 brands a programme may have.

use domain::{
    id::BrandId,
    settlement::{Account, Line, LineKind, SignedMoney, Sum, Tally},
    time::Instant,
};

use super::{By, Stored, layout::layout};

/// How far a month's settlement has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MonthRecord {
    /// What is being done.
    pub(crate) stage: Stage,
    /// When it was begun.
    pub(crate) began_at: Instant,
    /// The programme's side of the accounts so far.
    pub(crate) programme: SignedMoney,
}

/// The current step, and where to continue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Every member that is due by the month's end is settled.
    Settling,
    /// The blocks bought in the month are counted.
    Buying {
        /// The first key not yet looked at; `None` is the first of all.
        from: Option<Vec<u8>>,
    },
    /// The entries of the month are counted, member by member, each ledger from its newest entry back.
    Counting {
        /// Where the walk over members continues; `None` is its beginning.
        from: Option<Vec<u8>>,
        /// Whether the walk has finished.
        walked: bool,
        /// For each member reached so far, the next entry to look at.
        next: Vec<Vec<u8>>,
    },
    /// The counts become accounts, brand by brand.
    Booking {
        /// The last brand that has its account.
        after: Option<BrandId>,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AccountRecord {
    /// The account.
    pub(crate) account: Account,
    /// The brand's name when the month was closed.
    pub(crate) name: String,
}

/// That an account was paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PaidRecord {
    /// When.
    pub(crate) at: Instant,
    /// Who said so.
    pub(crate) by: By,
}

impl Stored for MonthRecord {}
impl Stored for Tally {}
impl Stored for AccountRecord {}
impl Stored for PaidRecord {}

layout! { struct MonthRecord { stage, began_at, programme } }
layout! {
    enum Stage {
        0 = Settling,
        1 = Buying { from },
        2 = Counting { from, walked, next },
        3 = Booking { after },
        4 = Closed { at, by },
    }
}
layout! { struct Tally { issued, honoured, expired, blocks } }
layout! { struct Sum { points, millionths } }
layout! { struct AccountRecord { account, name } }
layout! { struct Account { brand, lines } }
layout! { struct Line { kind, sum, amount } }
layout! { enum LineKind { 0 = Issued, 1 = Honoured(issuer), 2 = Expired, 3 = BlockBought } }
layout! { struct PaidRecord { at, by } }
