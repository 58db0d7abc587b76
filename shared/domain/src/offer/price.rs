//! What an order costs with offers 算价 (rewards.md, 4): a pure function of the draft of an order, of offers, and of
//! what the member has of them.
//!
//! ```text
//! evaluate(draft, known) -> answer | too many choices
//! ```
//!
//! What needs a store or a calendar is judged outside and handed in as a [`Judged`]: whether the audience fits, whether
//! the offer is open, how many are left. What remains is arithmetic, in the order of the steps: which lines are not
//! sold to this member (`access`), what each unit costs (`units`), which offers may be used at all (`judge`), what
//! each takes (`till`) and which of them combine (`stack`), which coupons are best (`best`). Everything is exact;
//! each offer is rounded once, and shared over the lines by largest remainder (`exact`). What of it is given back when
//! units come back is [`returned`].
//!
//! **What a caller does once for each version of the offers:** lists, for each brand, the newest versions of the `auto`
//! discounts and `access` offers that may be used there, without the suspended ones. Of such a list [`concerns`] says
//! cheaply which touch a draft; only of those the audience, the member's number and what is left need to be looked up.

mod access;
mod answer;
mod best;
mod exact;
mod judge;
mod named;
mod points;
pub mod returned;
mod scope;
mod stack;
mod table;
mod till;
mod units;

use super::Offer;
use crate::{
    id::{BrandId, OrderLineId, TierId},
    number::{Currency, Figure, Money, Quantity},
    programme::{OfferRules, PayRules, Programme},
    time::Instant,
};

pub use answer::{Answer, By, Delivery, Line, Outcome, Priced, Reason, Share, Told, UnitsAt, UsablePoints};
pub use judge::{concerns, falls_short};
pub use named::stands_for;
pub use units::savings;

/// Most coupons of discounts among which the best are chosen.
pub const CHOICES_MAX: usize = 12;

/// Most coupons that are chosen together.
pub const CHOSEN_MAX: usize = 10;

/// An order that is not placed yet.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Where it is placed.
    pub brand: &'a BrandId,
    /// The channel that it is placed through, if the shop says so.
    pub channel: Option<&'a str>,
    /// What is bought; nothing, of a use without an order.
    pub lines: &'a [DraftLine],
    /// What its delivery costs, if it has one.
    pub delivery: Option<Money>,
    /// How many pieces of each item or service are used; 1 with an order.
    pub pieces: u64,
    /// Whether coupons apply as they are listed, or the best of them.
    pub choose: Choose,
    /// How many points the member would pay with, if it asks.
    pub points: Option<PointsAsked>,
}

/// A line of an order at list price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DraftLine {
    /// The shop's id of it, which differs within the order.
    pub line_id: OrderLineId,
    /// The article.
    pub sku: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// How much of it. Above 0.
    pub quantity: Quantity,
    /// All of it at list price. With the other lines and the delivery at most [`Figure::MAX`].
    pub amount: Money,
}

/// Which coupons apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choose {
    /// Those that are listed, in their order.
    Listed,
    /// Of discounts those that save most together, listed or not.
    Best,
}

/// How many points a member would pay with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointsAsked {
    /// At most so many.
    Most(Figure),
    /// As many as it may.
    Max,
}

/// What is known besides the draft.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The moment by which goods are open to a tier: when the order happened.
    pub at: Instant,
    /// The tier in effect of an active member, a trial's too. A guest has none, nor has a member that is not active.
    pub tier: Option<&'a TierId>,
    /// The points that the member can spend; 0 for a guest.
    pub points_available: u64,
    /// What the programme says.
    pub rules: Rules<'a>,
    /// The newest versions of the `auto` discounts and `access` offers, in whatever order; those that
    /// [concern](concerns) the draft are enough. Each at most once.
    pub autos: &'a [Judged<'a>],
    /// The coupons: those that the draft lists, grants before codes, each as listed. To choose the best, then the
    /// member's other grants of discounts, with [`Coupon::is_listed`] unset.
    pub coupons: &'a [Coupon<'a>],
}

/// What the programme says.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Its money.
    pub currency: Currency,
    /// What holds of every offer.
    pub offers: &'a OfferRules,
    /// How points pay. Without it none does.
    pub pay: Option<PayRules>,
}

impl<'a> Rules<'a> {
    /// Those of a programme.
    pub fn of(programme: &'a Programme) -> Rules<'a> {
        Rules { currency: programme.currency, offers: &programme.offers, pay: programme.points.pay }
    }
}

/// An offer, with what was judged outside of this order. What a use that is revised has taken counts as left.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The version that governs: of `auto` and `code` the newest, else the one that the grant was issued under.
    pub offer: &'a Offer,
    /// Whether the member is of its audience. It is asked of `auto` and `code` alone; of what was issued it holds. A
    /// guest need not be judged.
    pub fits: bool,
    /// How many the member has left; without one, without bounds. Of `auto` and `code` alone. Outside of every occasion
    /// there is no window, and the offer is not open.
    pub member: Option<Window>,
    /// Until when another order of the member holds what it has in this window, of `auto` and `code` alone.
    pub held: Option<Instant>,
    /// Whether it may be used now.
    pub opens: Opens,
    /// How many uses of it are left, in all and today; `None` without bounds.
    pub uses: Option<u64>,
    /// How much it may take yet; `None` without bounds.
    pub budget: Option<Money>,
}

/// How many of an offer a member has left in the window of its limit or service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// So many.
    pub left: u64,
    /// When the next window begins, if one does.
    pub next_at: Option<Instant>,
}

/// Whether an offer may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    /// It may.
    Now,
    /// It may not. When it opens next, if soon enough to be told; of a suspended one never.
    At(Option<Instant>),
}

/// A grant or a code, as it was found.
#[derive(Clone, Copy, Debug)]
pub struct Coupon<'a> {
    /// Its offer; `None` where no such grant or code is there.
    pub judged: Option<Judged<'a>>,
    /// Whether it is a code; else a grant, written or virtual.
    pub is_code: bool,
    /// Whether the draft lists it.
    pub is_listed: bool,
    /// Its state at the moment.
    pub state: State,
    /// How many pieces of it are left, where it counts them itself: a written grant's. Of what is virtual the window
    /// counts.
    pub left: Option<u64>,
    /// When it ends. A code has no end.
    pub ends: Option<Instant>,
    /// A number that rises in order of issue.
    pub issued: u64,
}

/// Whether a grant or code may be used, as far as it says so itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It was taken away.
    Revoked,
    /// Nothing of it is left.
    Used,
    /// It is being passed on until then.
    Given {
        /// Then it is the giver's again.
        until: Instant,
    },
    /// Another order holds it until then.
    Held {
        /// Then it is free again.
        until: Instant,
    },
    /// It has ended.
    Expired,
    /// It begins then.
    NotYet {
        /// When.
        valid_from: Instant,
    },
    /// It may be used.
    Granted,
}

/// An order that cannot be priced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unpriced {
    /// The best are to be chosen among more than [`CHOICES_MAX`]: so many.
    TooManyChoices(usize),
    /// The lines and the delivery come to more than [`Figure::MAX`].
    TooMuch,
}

/// What the order costs.
///
/// # Errors
/// There are too many coupons to choose among, or the order is beyond every figure.
pub fn evaluate(draft: &Draft<'_>, known: &Known<'_>) -> Result<Answer, Unpriced> {
    let amounts = draft.lines.iter().map(|line| line.amount).chain(draft.delivery);
    Figure::sum(amounts.map(|amount| amount.0)).ok_or(Unpriced::TooMuch)?;
    let table = table::Table::lay(draft, known);
    let mut till = till::Till::open(&table);
    let ran = match draft.choose {
        Choose::Listed => table.run(&mut till, &table.listed()),
        Choose::Best => best::run(&table, &mut till)?,
    };
    Ok(answer::answer(&table, &till, &ran))
}
