//! Uses of offers as they are shown, and what comes back of them.

use domain::{
    id::{GrantId, OfferId, OrderLineId},
    number::{Money, Quantity},
    offer::price::{Line, Told},
    time::Instant,
};
use engine::{
    CouponName, ReturnDone, UseDone,
    records::{EntryRecord, GrantThen, LineBack, UseReturn, UseState},
};
use serde_json::{Value, json};

use super::{
    Entry, LineDiscount, Priced, PricedLine, Show, UnitsAtPrice, priced::AppliedOffer, priced::PricedDelivery,
};
use crate::{Answer, Api, At, Call, Id, List, MoneyText, OrNull, Role, Text, Ulid, answer, words};

words! {
    /// What a use is.
    pub enum UseWord {
        /// It is set aside.
        Held = "held",
        /// It is used.
        Used = "used",
        /// All of it has come back.
        Returned = "returned",
        /// It was set aside, and let go.
        Released = "released",
    }
}

answer! {
    /// A grant that a use has taken of, or that came back.
    pub struct GrantAtUse<'a> {
        /// the grant
        id: OrNull<Ulid<GrantId>>,
        /// the offer
        offer: Id<&'a OfferId>,
        /// how often it can still be used; null without bounds
        left: OrNull<u32>,
        /// what it is
        state: Text<16>,
        /// before when it may be used, of what came back; null for ever
        valid_until: Option<OrNull<At>>,
    }
}

answer! {
    /// Offers were used, or set aside.
    pub struct OrderUsed<'a> {
        /// the lines, as sent
        lines: List<PricedLine<'a>, 0, 200>,
        /// what came to the order by itself, by id
        offers: List<AppliedOffer<'a>, 0, 2_000>,
        /// the coupons as listed
        coupons: List<AppliedOffer<'a>, 0, 32>,
        /// null where none was sent
        delivery: OrNull<PricedDelivery<'a>>,
        /// what is to be paid, the delivery included, before points
        total: MoneyText,
        /// what was taken off list amounts
        saved: MoneyText,
        /// whether it is used or only set aside
        state: UseWord,
        /// until when it is set aside
        until: OrNull<At>,
        /// the grants, as they were applied
        grants: List<GrantAtUse<'a>, 0, 2_000>,
        /// the ledger entry; null while it is set aside, and of a guest
        entry: OrNull<Entry<'a>>,
        /// the number of the telling, of a later one
        revision: Option<u32>,
        /// of a later telling: the grants that came back by it
        back: Option<List<GrantAtUse<'a>, 0, 2_000>>,
    }
}

answer! {
    /// A line of an order, as offers were used on it.
    pub struct UsedLine<'a> {
        /// its id within the order
        line_id: Id<&'a OrderLineId>,
        /// how much of it there was
        quantity: Quantity,
        /// how much of that has come back; left out of what has not
        returned: Option<Quantity>,
        /// at list price
        amount: MoneyText,
        /// with unit prices
        price: MoneyText,
        /// which offers made the price, as taken
        prices: List<UnitsAtPrice<'a>, 0, 2_000>,
        /// what was taken of the price, as taken
        discounts: List<LineDiscount<'a>, 0, 2_000>,
        /// what is to be paid for it
        net: MoneyText,
    }
}

answer! {
    /// What an order uses of offers, as it now stands.
    pub struct UseNow<'a> {
        /// `held`, `used` or `returned`
        state: UseWord,
        /// until when it is set aside
        until: OrNull<At>,
        /// the number of its newest telling
        revision: u32,
        /// what is to be paid by that, the delivery included, before points
        total: MoneyText,
        /// what was taken off list amounts by that
        saved: MoneyText,
        /// its lines by that, as they were told
        lines: List<UsedLine<'a>, 0, 200>,
        /// null where none was sent
        delivery: OrNull<PricedDelivery<'a>>,
        /// offers that came to it by themselves and took something, by id
        offers: List<AppliedOffer<'a>, 0, 2_000>,
        /// the coupons, as listed
        coupons: List<AppliedOffer<'a>, 0, 32>,
        /// the grants as that telling applied them; of what is returned as they came back
        grants: List<GrantAtUse<'a>, 0, 2_000>,
        /// its ledger entry; null while it is set aside, and of a guest
        entry: OrNull<Entry<'a>>,
    }
}

answer! {
    /// What an offer had taken of what comes back.
    pub struct DiscountBack<'a> {
        /// the offer
        offer: Id<&'a OfferId>,
        /// how much
        amount: MoneyText,
    }
}

answer! {
    /// What comes back of a line.
    pub struct ReturnedUseLine<'a> {
        /// the line
        line_id: Id<&'a OrderLineId>,
        /// how much of it
        quantity: Quantity,
        /// what had been to be paid for it
        net: MoneyText,
        /// what offers had taken off it
        discounts: List<DiscountBack<'a>, 0, 2_000>,
    }
}

answer! {
    /// What comes back of a delivery.
    pub struct ReturnedDelivery<'a> {
        /// what had been to be paid for it
        net: MoneyText,
        /// what offers had taken off it
        discounts: List<DiscountBack<'a>, 0, 2_000>,
    }
}

answer! {
    /// A use came back, in part or whole, or what was set aside is free again.
    pub struct UseReturned<'a> {
        /// what the use is now
        state: UseWord,
        /// what came back, line by line
        lines: List<ReturnedUseLine<'a>, 0, 200>,
        /// once nothing is left: what came back of the delivery, null where there was none
        delivery: Option<OrNull<ReturnedDelivery<'a>>>,
        /// the grants that came back
        grants: List<GrantAtUse<'a>, 0, 2_000>,
        /// the ledger entry; null of a guest's, and of what was only set aside
        entry: OrNull<Entry<'a>>,
    }
}

/// What came back, as everybody is told of it.
pub(super) type PartBack<'a> =
    (UseWord, List<ReturnedUseLine<'a>, 0, 200>, Option<OrNull<ReturnedDelivery<'a>>>);

impl UseWord {
    /// The word of a use as it was told, and until when it is set aside.
    pub(super) fn of(state: UseState) -> (UseWord, Option<Instant>) {
        match state {
            UseState::Held { until } => (UseWord::Held, Some(until)),
            UseState::Used | UseState::Returned => (UseWord::Used, None),
        }
    }
}

impl Api {
    /// The answer to a use.
    ///
    /// # Panics
    /// There is no programme: whoever has used something has one.
    pub fn used(&self, call: &Call, done: &UseDone) -> Answer {
        if call.caller.is(Role::Partner) {
            return self.used_by_partner(call, done);
        }
        let programmes =
            self.engine.programme().timeline().unwrap_or_else(|_| panic!("a use has a programme"));
        let show = Show { programme: programmes.newest(), secrets: &self.secrets };
        let names = self.shown_names(&done.record.names);
        let Priced { lines, offers, coupons, delivery, total, saved } =
            show.priced(&done.record.answer, &names);
        let (state, until) = UseWord::of(done.record.state);
        let grants = done.record.grants.iter().map(|grant| self.grant_then(show, grant, false));
        let is_later = done.record.revision > 1;
        let back = done.record.back.iter().map(|grant| self.grant_then(show, grant, true));
        let used = OrderUsed {
            lines,
            offers,
            coupons,
            delivery,
            total,
            saved,
            state,
            until: show.maybe(until),
            grants: grants.collect(),
            entry: OrNull(done.entry.as_ref().map(|entry| show.entry(entry))),
            revision: is_later.then_some(done.record.revision),
            back: is_later.then(|| back.collect()),
        };
        Answer::new(200, &used)
    }

    /// The answer to a return.
    ///
    /// # Panics
    /// There is no programme: whoever has used something has one.
    pub fn use_returned(&self, call: &Call, done: &ReturnDone) -> Answer {
        if call.caller.is(Role::Partner) {
            return self.use_returned_to_partner(call, done);
        }
        let programmes =
            self.engine.programme().timeline().unwrap_or_else(|_| panic!("a use has a programme"));
        let show = Show { programme: programmes.newest(), secrets: &self.secrets };
        let (part, entry) = match done {
            ReturnDone::Released => {
                let (lines, grants) = (List(Vec::new()), List(Vec::new()));
                let state = UseWord::Released;
                let released = UseReturned { state, lines, delivery: None, grants, entry: OrNull(None) };
                return Answer::new(200, &released);
            }
            ReturnDone::Returned { part, entry, linked: _ } => (part, entry),
        };
        let entry: Option<&EntryRecord> = entry.as_deref();
        let (state, lines, delivery) = show.part_back(part);
        let returned = UseReturned {
            state,
            lines,
            delivery,
            grants: part.grants.iter().map(|grant| self.grant_then(show, grant, true)).collect(),
            entry: OrNull(entry.map(|entry| show.entry(entry))),
        };
        Answer::new(200, &returned)
    }

    /// What an order uses of offers, as it now stands.
    pub fn use_now<'a>(&self, show: Show<'_>, done: &'a UseDone) -> UseNow<'a> {
        let record = &done.record;
        let names = self.shown_names(&record.names);
        let Priced { offers, coupons, delivery, total, saved, .. } = show.priced(&record.answer, &names);
        let (state, until) = match record.state {
            UseState::Held { until } => (UseWord::Held, Some(until)),
            UseState::Used => (UseWord::Used, None),
            UseState::Returned => (UseWord::Returned, None),
        };
        let back = record.returns.last().filter(|_| record.state == UseState::Returned);
        let grants = match back {
            Some(part) => part.grants.iter().map(|grant| self.grant_then(show, grant, true)).collect(),
            None => record.grants.iter().map(|grant| self.grant_then(show, grant, false)).collect(),
        };
        let quantities = record.lines.iter().zip(&record.gone);
        let lines =
            record.answer.lines.iter().zip(quantities).filter_map(|(line, ((_, all), gone))| match line {
                Line::Priced(own) => Some(show.used_line(own, (*all, *gone), &names)),
                // An order with such a line is not used.
                Line::Blocked { .. } => None,
            });
        UseNow {
            state,
            until: show.maybe(until),
            revision: record.revision,
            total,
            saved,
            lines: lines.collect(),
            delivery,
            offers: List(offers.0.into_iter().filter(AppliedOffer::applies).collect()),
            coupons,
            grants,
            entry: OrNull(done.entry.as_ref().map(|entry| show.entry(entry))),
        }
    }

    fn grant_then<'a>(&self, show: Show<'_>, grant: &'a GrantThen, with_end: bool) -> GrantAtUse<'a> {
        GrantAtUse {
            id: OrNull(grant.id.map(|id| Ulid(self.secrets.shown_grant(id)))),
            offer: Id(&grant.offer),
            left: OrNull(grant.left),
            state: Text(grant.state.clone()),
            valid_until: with_end.then(|| show.maybe(grant.valid_until)),
        }
    }
}

impl Show<'_> {
    /// What of these would not apply, for a problem.
    pub fn reasons(&self, told: &[Told], names: &[CouponName]) -> Value {
        let reasons: Vec<AppliedOffer<'_>> = told.iter().map(|told| self.applied(told, names)).collect();
        serde_json::to_value(reasons).unwrap_or(Value::Null)
    }

    /// Lines that are not sold to the member yet, for a problem.
    pub fn blocked(&self, lines: &[Line]) -> Value {
        let blocked = lines.iter().filter_map(|line| match line {
            Line::Blocked { line_id, offer, opens_at } => Some(json!({
                "line_id": line_id.as_str(),
                "offer": offer.as_str(),
                "opens_at": opens_at.map(|at| self.zone().show(at)),
            })),
            Line::Priced(_) => None,
        });
        Value::Array(blocked.collect())
    }

    /// What the use is now that a part of it has come back, the part's lines, and once nothing is left the delivery.
    pub(super) fn part_back<'a>(&self, part: &'a UseReturn) -> PartBack<'a> {
        let delivery = part.is_whole.then(|| {
            OrNull(part.delivery.as_ref().map(|(net, discounts)| ReturnedDelivery {
                net: self.price(*net),
                discounts: self.back(discounts),
            }))
        });
        let state = if part.is_whole { UseWord::Returned } else { UseWord::Used };
        (state, part.lines.iter().map(|line| self.line_back(line)).collect(), delivery)
    }

    fn used_line<'a>(
        &self,
        line: &'a domain::offer::price::Priced,
        (quantity, gone): (Quantity, Quantity),
        names: &[CouponName],
    ) -> UsedLine<'a> {
        let prices = line.prices.iter();
        UsedLine {
            line_id: Id(&line.line_id),
            quantity,
            returned: Some(gone).filter(|gone| *gone > Quantity::NONE),
            amount: self.price(line.amount),
            price: self.price(line.price),
            prices: prices.map(UnitsAtPrice::of).collect(),
            discounts: self.taken(&line.discounts, names),
            net: self.price(line.net),
        }
    }

    fn line_back<'a>(&self, line: &'a LineBack) -> ReturnedUseLine<'a> {
        ReturnedUseLine {
            line_id: Id(&line.line_id),
            quantity: line.quantity,
            net: self.price(line.net),
            discounts: self.back(&line.discounts),
        }
    }

    fn back<'a>(&self, discounts: &'a [(OfferId, Money)]) -> List<DiscountBack<'a>, 0, 2_000> {
        let back = |(offer, amount): &'a (OfferId, Money)| DiscountBack {
            offer: Id(offer),
            amount: self.price(*amount),
        };
        discounts.iter().map(back).collect()
    }
}
