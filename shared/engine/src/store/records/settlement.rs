//! What is stored of a month's settlement. The sums that are still being counted are [`Tally`]s: one of
//! everything but pairs of brands, one for each brand of the pairs of which it has lines, and some over which what offers
//! gave is spread while it is counted, so that none grows beyond some tens of kilobytes with the 200 brands a programme
//! may have.

use std::collections::BTreeMap;

use domain::{
    id::BrandId,
    offer::Funder,
    settlement::{Account, Exact, Given, Line, LineKind, SignedMoney, Sum, Tally},
    time::Instant,
};

use super::{
    By, Stored,
    layout::{Damaged, Layout, Reader, layout},
};

/// How far a month's settlement has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MonthRecord {
    /// What is being done.
    pub(crate) stage: Stage,
    /// When it was begun.
    pub(crate) began_at: Instant,
    /// The programme's side of the accounts so far.
    pub(crate) programme: SignedMoney,
    /// Whether it counts what offers gave. Months that a build before that had counted, or had begun to, do not.
    pub(crate) offers: bool,
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
    /// The uses of guests are counted, who have no ledger.
    CountingGuests {
        /// Where the walk over uses continues; `None` is its beginning.
        from: Option<Vec<u8>>,
    },
    /// What offers gave is noted with the brands of each pair.
    Sharing,
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

/// A month as it was before offers were settled.
struct MonthWithoutOffers {
    stage: Stage,
    began_at: Instant,
    programme: SignedMoney,
}

/// Sums as they were before offers were settled.
struct TallyWithoutOffers {
    issued: BTreeMap<BrandId, Sum>,
    honoured: BTreeMap<BrandId, BTreeMap<BrandId, Sum>>,
    expired: BTreeMap<BrandId, Sum>,
    blocks: BTreeMap<BrandId, Sum>,
}

/// A brand's account as it was when all lines were of points.
struct AccountOfPoints {
    brand: BrandId,
    lines: Vec<LineOfPoints>,
    name: String,
}

struct LineOfPoints {
    kind: LineKind,
    sum: Sum,
    amount: SignedMoney,
}

impl Stored for MonthRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<MonthRecord, Damaged> {
        if format != 1 {
            return Err(Damaged);
        }
        let MonthWithoutOffers { stage, began_at, programme } = MonthWithoutOffers::read(from)?;
        // A month has what all its uses gave, or nothing of it.
        let offers = match stage {
            Stage::Settling | Stage::Buying { .. } => true,
            Stage::Counting { .. } | Stage::Booking { .. } | Stage::Closed { .. } => false,
            // There were none.
            Stage::CountingGuests { .. } | Stage::Sharing => return Err(Damaged),
        };
        Ok(MonthRecord { stage, began_at, programme, offers })
    }
}

impl Stored for Tally {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<Tally, Damaged> {
        if format != 1 {
            return Err(Damaged);
        }
        let TallyWithoutOffers { issued, honoured, expired, blocks } = TallyWithoutOffers::read(from)?;
        Ok(Tally { issued, honoured, expired, blocks, ..Tally::default() })
    }
}

impl Stored for AccountRecord {
    const FORMAT: u8 = 2;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<AccountRecord, Damaged> {
        if format != 1 {
            return Err(Damaged);
        }
        let AccountOfPoints { brand, lines, name } = AccountOfPoints::read(from)?;
        let of_points = |LineOfPoints { kind, sum, amount }| Line { kind, exact: Exact::Points(sum), amount };
        let lines = lines.into_iter().map(of_points).collect();
        Ok(AccountRecord { account: Account { brand, lines }, name })
    }
}

impl Stored for PaidRecord {}

layout! { struct MonthRecord { stage, began_at, programme, offers } }
layout! { struct MonthWithoutOffers { stage, began_at, programme } }
layout! {
    enum Stage {
        0 = Settling,
        1 = Buying { from },
        2 = Counting { from, walked, next },
        3 = Booking { after },
        4 = Closed { at, by },
        5 = CountingGuests { from },
        6 = Sharing,
    }
}
layout! { struct Tally { issued, honoured, expired, blocks, offers, borne } }
layout! { struct TallyWithoutOffers { issued, honoured, expired, blocks } }
layout! { struct Sum { points, millionths } }
layout! { struct Given { millionths } }
layout! { enum Funder { 0 = Brand(brand), 1 = Programme } }
layout! { struct AccountRecord { account, name } }
layout! { struct Account { brand, lines } }
layout! { struct AccountOfPoints { brand, lines, name } }
layout! { struct Line { kind, exact, amount } }
layout! { struct LineOfPoints { kind, sum, amount } }
layout! { enum Exact { 0 = Points(sum), 1 = Given(given) } }
layout! {
    enum LineKind {
        0 = Issued, 1 = Honoured(issuer), 2 = Expired, 3 = BlockBought,
        4 = OffersOwn, 5 = OffersUsed(funder), 6 = OffersBorne(using),
    }
}
layout! { struct PaidRecord { at, by } }
