//! A part of a brand's account.

use domain::number::Amount;

use super::{Stored, layout::layout};

/// Points by the number of their block, ascending where they can be spent.
pub(crate) type Points = Vec<(u32, u64)>;

/// What may still be given out of a limit in one day or month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    /// The number of the day or month.
    pub(crate) number: i32,
    /// Points left. Below zero if a new version of the programme lowered the limit below what had been used.
    pub(crate) left: i64,
}

/// What can be given out, and what has been issued on credit.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Stock {
    /// By meter; `None` if there is no limit.
    pub(crate) windows: [Option<Window>; 4],
    /// Blocks that still hold points, oldest first.
    pub(crate) blocks: Points,
    /// Credit left.
    pub(crate) credit: Amount,
    /// What has been issued on credit, by month, and is in no closed month yet.
    pub(crate) open: Vec<(i32, Amount)>,
}

/// A shard of an account.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Shard {
    /// The version of the programme it was filled under; 0 is none, and it holds nothing.
    pub(crate) version: u32,
    pub(crate) stock: Stock,
}

/// What is not allotted, and the account as a whole.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Pool {
    /// The version of the programme it was filled under; 0 before the first.
    pub(crate) version: u32,
    pub(crate) stock: Stock,
    /// Shards that may hold something, a bit for each.
    pub(crate) out: u32,
    /// Whether allotments are coming back, and none is drawn.
    pub(crate) gathering: bool,
    /// Blocks bought so far.
    pub(crate) bought: u32,
    /// Balances of closed months; zero once paid.
    pub(crate) closed: Vec<(i32, Amount)>,
}

impl Stored for Shard {}
impl Stored for Pool {}

layout! { struct Shard { version, stock } }
layout! { struct Pool { version, stock, out, gathering, bought, closed } }
layout! { struct Stock { windows, blocks, credit, open } }
layout! { struct Window { number, left } }
