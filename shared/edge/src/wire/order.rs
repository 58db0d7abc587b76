//! An order as it now stands.

use domain::{
    decide::Content,
    event::{Order, OrderLine, OrderState},
    id::{BrandId, OrderChannel, OrderId, OrderLineId},
    member::MemberId,
    number::{Money, Quantity, SignedMoney},
};
use engine::{FoundOrder, records::EntryRecord};

use super::{Show, entry::Entry, used::UseNow};
use crate::{At, Decimal, Id, List, MoneyText, OrNull, Text, Ulid, answer};

answer! {
    /// What remains of a line.
    pub struct LineNow<'a> {
        /// its id within the order
        line_id: Id<&'a OrderLineId>,
        /// the article
        sku: Option<Text<64, &'a str>>,
        /// the category
        category: Option<Text<64, &'a str>>,
        /// how much remains
        quantity: Quantity,
        /// what it comes to: its exact share, rounded down; below 0 for a discount
        amount: Decimal,
    }
}

answer! {
    /// An order as its newest telling and its refunds have left it.
    pub struct OrderNow<'a> {
        /// where it was placed
        brand: Id<&'a BrandId>,
        /// the brand's id of it
        order_id: Id<&'a OrderId>,
        /// where it was placed, if that was said
        channel: Option<Id<&'a OrderChannel>>,
        /// when it happened
        occurred_at: At,
        /// what its newest telling came to, whatever was refunded since
        amount: MoneyText,
        /// lines of which anything remains, if it has lines
        lines: Option<List<LineNow<'a>, 0, 200>>,
    }
}

answer! {
    /// An order, and what is known of it.
    pub struct OrderFound<'a> {
        /// as it now stands
        order: OrderNow<'a>,
        /// whose it is
        member_id: Ulid<MemberId>,
        /// the entry of its first telling
        entry: Entry<'a>,
        /// the number of its newest telling
        revision: u32,
        /// the entries of its refunds, oldest first
        refunds: List<Entry<'a>, 0, 200>,
        /// what remains of its money
        remaining: MoneyText,
        /// points that it has earned as it stands
        points: u64,
        /// growth that it has earned as it stands
        growth: u64,
        /// the entries of points that were spent on it, oldest first
        redemptions: List<Entry<'a>, 0, 200>,
        /// what it uses of offers; null: nothing
        r#use: OrNull<UseNow<'a>>,
    }
}

answer! {
    /// An order of a member, as it now stands.
    pub struct KnownOrder<'a> {
        /// as it now stands
        order: OrderNow<'a>,
        /// the number of its newest telling
        revision: u32,
        /// what remains of its money
        remaining: MoneyText,
        /// points that it has earned as it stands
        points: u64,
        /// growth that it has earned as it stands
        growth: u64,
    }
}

impl Show<'_> {
    /// The order whose first telling this entry is, if it is one.
    pub fn known_order<'a>(&self, entry: &'a EntryRecord) -> Option<KnownOrder<'a>> {
        let (first, now) = entry.as_order()?;
        let order = now.order(first);
        Some(KnownOrder {
            order: self.order_now(entry, order, &now.state),
            revision: now.revision,
            remaining: self.money(Content::left(order, &now.state).recorded_money()),
            points: now.state.points,
            growth: now.state.growth,
        })
    }

    fn order_now<'a>(&self, first: &EntryRecord, order: &'a Order, state: &'a OrderState) -> OrderNow<'a> {
        OrderNow {
            brand: Id(&order.brand),
            order_id: Id(&order.order_id),
            channel: order.channel.as_ref().map(Id),
            occurred_at: self.instant(first.event.occurred_at),
            amount: self.money(order.amount),
            lines: (!order.lines.is_empty()).then(|| self.lines_left(order, state)),
        }
    }

    /// An order that was found, and what it uses of offers.
    pub fn order<'a>(&self, found: &'a FoundOrder, used: Option<UseNow<'a>>) -> OrderFound<'a> {
        let (first, kept) = found.parts();
        let (order, state) = (kept.now.order(first), &kept.now.state);
        OrderFound {
            order: self.order_now(&found.entry, order, state),
            member_id: Ulid(found.member),
            entry: self.entry(&found.entry),
            revision: kept.now.revision,
            refunds: found.refunds.iter().map(|refund| self.entry(refund)).collect(),
            remaining: self.money(Content::left(order, state).recorded_money()),
            points: state.points,
            growth: state.growth,
            redemptions: found.redemptions.iter().map(|redeemed| self.entry(redeemed)).collect(),
            r#use: OrNull(used),
        }
    }

    fn money(&self, money: Money) -> MoneyText {
        MoneyText(money.show(self.programme.currency))
    }

    fn lines_left<'a>(&self, order: &'a Order, state: &'a OrderState) -> List<LineNow<'a>, 0, 200> {
        let lines = Content::left(order, state).remaining().filter(|(_, left)| *left > Quantity::NONE);
        let shown = lines.map(|(line, left)| LineNow {
            line_id: Id(&line.line_id),
            sku: line.sku.as_deref().map(Text),
            category: line.category.as_deref().map(Text),
            quantity: left,
            amount: Decimal(share(line, left).show(self.programme.currency)),
        });
        shown.collect()
    }
}

/// What so much of a line comes to, rounded down once.
fn share(line: &OrderLine, left: Quantity) -> SignedMoney {
    // An amount is below 10^18 and a quantity below 2^63.
    SignedMoney((line.amount.0 * i128::from(left.0)).div_euclid(i128::from(line.quantity.0)))
}
