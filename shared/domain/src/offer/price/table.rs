//! An order laid out: which lines are sold, what each costs, and every offer and coupon with what it is about.

use super::{
    Coupon, Draft, Judged, Known, Opens,
    access::{self, Blocked},
    answer::{Reason, worth},
    exact::{self, Off, Part},
    judge,
    scope::{self, Scope},
    till::Did,
    units::{self, PricedLine, UnitOffer},
};
use crate::offer::{Discount, Gives, How, Offer};

/// When an offer takes its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Step 2.
    Units,
    /// Step 3.
    Items,
    /// Step 4.
    Order,
    /// Step 5, a discount.
    Coupon,
    /// Step 6.
    Delivery,
    /// An item or service: step 5, or 6 if its minimum waits.
    Pieces,
}

/// An offer or a coupon.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) judged: Option<&'a Judged<'a>>,
    /// The place of the coupon among those that are known.
    pub(super) coupon: Option<usize>,
    pub(super) step: Step,
    /// Whether its minimum waits until goods are priced.
    pub(super) is_late: bool,
    /// Why it cannot be used, whatever else applies.
    pub(super) reason: Option<Reason>,
    pub(super) scope: Scope,
    pub(super) off: Option<Off>,
    /// What it would take alone on the prices after step 2; of items and services their worth.
    pub(super) alone: u64,
}

impl<'a> Entry<'a> {
    pub(super) fn offer(&self) -> Option<&'a Offer> {
        self.judged.map(|judged| judged.offer)
    }
}

/// What became of each entry, and the coupons as they are told. Those of which nothing became were not chosen.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) outcomes: Vec<Option<Result<Did, Reason>>>,
    pub(super) coupons: Vec<usize>,
}

/// An order, laid out.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) draft: &'a Draft<'a>,
    pub(super) known: &'a Known<'a>,
    /// What keeps each line.
    pub(super) blocked: Vec<Option<Blocked<'a>>>,
    /// The `auto` offers by id.
    pub(super) autos: Vec<&'a Judged<'a>>,
    /// The lines with their unit prices.
    pub(super) priced: Vec<PricedLine>,
    /// Their prices.
    pub(super) prices: Vec<u64>,
    /// The most that steps 3 to 5 may take.
    pub(super) most: Option<u64>,
    /// First the `auto` discounts that fit, by id; then the coupons, as they are known.
    pub(super) entries: Vec<Entry<'a>>,
    /// What unit prices gave, of the first entries.
    pub(super) units: Vec<(usize, Did)>,
    is_open: Vec<bool>,
}

impl<'a> Table<'a> {
    pub(super) fn lay(draft: &'a Draft<'a>, known: &'a Known<'a>) -> Table<'a> {
        let blocked = access::blocked(draft, known);
        let is_open = blocked.iter().map(Option::is_none).collect();
        let mut autos: Vec<&Judged<'_>> = known.autos.iter().collect();
        autos.sort_by_key(|judged| &judged.offer.id);
        let mut table = Table {
            draft,
            known,
            blocked,
            autos,
            priced: Vec::new(),
            prices: Vec::new(),
            most: None,
            entries: Vec::new(),
            units: Vec::new(),
            is_open,
        };
        let fitting = table.fitting();
        let (units, others): (Vec<_>, Vec<_>) =
            fitting.into_iter().partition(|(auto, _)| table.autos[*auto].offer.unit_price().is_some());
        let mut entries = table.price_units(units);
        let sum: u64 = table.prices.iter().sum();
        table.most = known.rules.offers.max_discount_percent.map(|percent| {
            exact::taking(&Off::Percent(percent.millionths(), None), &[Part::whole(0)], &[sum]).amount
        });
        entries.extend(others.into_iter().filter_map(|(auto, matching)| table.auto(auto, &matching)));
        entries.sort_by_key(|(auto, ..)| *auto);
        for (index, (_, entry, did)) in entries.into_iter().enumerate() {
            table.entries.push(entry);
            table.units.extend(did.map(|did| (index, did)));
        }
        for (index, coupon) in known.coupons.iter().enumerate() {
            let entry = table.coupon(index, coupon);
            table.entries.push(entry);
        }
        table
    }

    /// The coupons that are listed, in their order.
    pub(super) fn listed(&self) -> Vec<usize> {
        self.coupons().filter(|entry| self.coupon_of(*entry).is_some_and(|coupon| coupon.is_listed)).collect()
    }

    /// The entries of `auto` discounts.
    pub(super) fn autos(&self) -> impl Iterator<Item = usize> + '_ {
        0..self.entries.len() - self.known.coupons.len()
    }

    /// The entries of coupons.
    pub(super) fn coupons(&self) -> impl Iterator<Item = usize> + '_ {
        self.entries.len() - self.known.coupons.len()..self.entries.len()
    }

    pub(super) fn coupon_of(&self, entry: usize) -> Option<&'a Coupon<'a>> {
        self.entries[entry].coupon.map(|coupon| &self.known.coupons[coupon])
    }

    /// How many pieces an offer takes of what counts pieces.
    pub(super) fn wanted(&self, step: Step) -> u64 {
        if step == Step::Pieces { self.draft.pieces } else { 1 }
    }

    /// The `auto` discounts whose audience, opening, place and lines fit, with the lines.
    fn fitting(&self) -> Vec<(usize, Vec<usize>)> {
        let fits = |judged: &Judged<'_>| {
            judged.offer.how == How::Auto
                && matches!(judged.offer.gives, Gives::Discount(_))
                && judge::is_here(judged.offer, self.draft)
                && judged.opens == Opens::Now
                && judge::is_eligible(judged, self.known)
        };
        let fitting = self.autos.iter().enumerate().filter(|(_, judged)| fits(judged));
        let fitting = fitting.map(|(auto, judged)| (auto, self.matching(judged.offer)));
        fitting.filter(|(_, matching)| !matching.is_empty()).collect()
    }

    fn matching(&self, offer: &Offer) -> Vec<usize> {
        judge::matching(offer, self.draft.lines, &self.is_open, self.known.rules)
    }

    /// Step 2: gives the lines their prices.
    fn price_units(&mut self, units: Vec<(usize, Vec<usize>)>) -> Vec<(usize, Entry<'a>, Option<Did>)> {
        let (mut usable, mut reasons) = (Vec::new(), Vec::new());
        for (auto, lines) in units {
            let offer = self.unit_offer(auto, lines);
            match self.refuses_units(&offer) {
                Some(reason) => reasons.push((auto, reason)),
                None => usable.push(offer),
            }
        }
        // A tie goes to the one without `uses`, then by id.
        let has_uses = |offer: &UnitOffer| {
            let uses = self.autos[offer.auto].offer.uses;
            uses.total.is_some() || uses.per_day.is_some()
        };
        usable.sort_by_key(|offer| (offer.price, has_uses(offer), offer.auto));
        let allotted = loop {
            let offers: Vec<&UnitOffer> = usable.iter().collect();
            let allotted = units::allot(self.draft.lines, &self.is_open, &offers);
            // Beside others one may have other units than alone, and an odd minor unit more: it never takes more than
            // it has.
            let over = usable
                .iter()
                .zip(&allotted.given)
                .enumerate()
                .filter(|(_, (offer, given))| offer.budget.is_some_and(|budget| budget < given.1));
            let Some(first) = over.min_by_key(|(_, (offer, _))| offer.auto).map(|(place, _)| place) else {
                break allotted;
            };
            reasons.push((usable.remove(first).auto, Reason::BudgetExhausted));
        };
        let given: Vec<_> = usable.iter().map(|offer| offer.auto).zip(allotted.given).collect();
        self.prices = allotted.lines.iter().map(|line| line.price).collect();
        self.priced = allotted.lines;
        let gave = given.into_iter().map(|(auto, (quantity, amount))| match quantity {
            0 => (auto, self.units_entry(auto, Some(Reason::NoEffect)), None),
            _ => (auto, self.units_entry(auto, None), Some(Did::Units { quantity, amount })),
        });
        let refused =
            reasons.into_iter().map(|(auto, reason)| (auto, self.units_entry(auto, Some(reason)), None));
        gave.chain(refused).collect()
    }

    fn unit_offer(&self, auto: usize, lines: Vec<usize>) -> UnitOffer {
        let judged = self.autos[auto];
        let left = [judged.member.map(|window| window.left), judged.uses].into_iter().flatten().min();
        let price = judged.offer.unit_price().map_or(0, |price| price.0);
        UnitOffer { auto, price, lines, left, budget: judged.budget.map(|budget| budget.0) }
    }

    /// Why units cannot have an offer's price; tested on list amounts.
    fn refuses_units(&self, offer: &UnitOffer) -> Option<Reason> {
        let judged = self.autos[offer.auto];
        let lines = || offer.lines.iter().map(|line| &self.draft.lines[*line]);
        let amount = lines().map(|line| line.amount.0).sum();
        let quantity = lines().map(|line| u128::from(line.quantity.0)).sum();
        judge::member_limit(judged, 0, 1)
            .or_else(|| judge::below_minimum(judged.offer, amount, quantity))
            .or_else(|| {
                let alone = || units::allot(self.draft.lines, &self.is_open, &[offer]).given[0].1;
                judge::runs_short(judged, (0, 0), 1, offer.budget.map_or(0, |_| alone()))
            })
    }

    fn units_entry(&self, auto: usize, reason: Option<Reason>) -> Entry<'a> {
        let judged = Some(self.autos[auto]);
        let (step, scope) = (Step::Units, Scope::default());
        Entry { judged, coupon: None, step, is_late: false, reason, scope, off: None, alone: 0 }
    }

    /// The entry of an `auto` discount that matches these lines; `None` where no unit of them matches.
    fn auto(&self, auto: usize, matching: &[usize]) -> Option<(usize, Entry<'a>, Option<Did>)> {
        let judged = self.autos[auto];
        let step = match &judged.offer.gives {
            Gives::Discount(Discount::Delivery(_)) => Step::Delivery,
            Gives::Discount(Discount::Steps(_)) => Step::Order,
            _ => Step::Items,
        };
        let mut entry = self.entry(judged, step, matching);
        if entry.scope.matched.is_empty() {
            return None;
        }
        entry.reason = judge::member_limit(judged, 0, 1).or_else(|| self.of_lines(&entry));
        Some((auto, entry, None))
    }

    fn coupon(&self, index: usize, coupon: &'a Coupon<'a>) -> Entry<'a> {
        let Some(judged) = &coupon.judged else {
            let reason = if coupon.is_code { Reason::CodeNotUsable } else { Reason::GrantNotFound };
            let (step, scope) = (Step::Pieces, Scope::default());
            let (coupon, reason) = (Some(index), Some(reason));
            return Entry { judged: None, coupon, step, is_late: false, reason, scope, off: None, alone: 0 };
        };
        let step = match &judged.offer.gives {
            Gives::Discount(Discount::Delivery(_)) => Step::Delivery,
            Gives::Discount(_) => Step::Coupon,
            _ => Step::Pieces,
        };
        let before = judge::before_lines(judged, coupon, self.draft, self.known, self.wanted(step));
        let matching = if before.is_none() { self.matching(judged.offer) } else { Vec::new() };
        let mut entry = self.entry(judged, step, &matching);
        entry.coupon = Some(index);
        entry.reason = before.or_else(|| {
            let asks_lines = step != Step::Pieces || judged.offer.items.are_given;
            let matches_none = asks_lines && entry.scope.matched.is_empty();
            if matches_none || !judge::is_here(judged.offer, self.draft) {
                return Some(Reason::NotMatching);
            }
            self.of_lines(&entry)
        });
        entry
    }

    /// An offer with what it is about, and what it would take of that alone.
    fn entry(&self, judged: &'a Judged<'a>, step: Step, matching: &[usize]) -> Entry<'a> {
        let offer = judged.offer;
        let scope = Scope::of(offer, self.draft.lines, &self.priced, matching);
        let tested = exact::sum(&scope.matched, &self.prices);
        let off = match &offer.gives {
            Gives::Discount(Discount::Delivery(of)) => Some(scope::off_delivery(*of)),
            _ => scope.off(offer, tested),
        };
        let alone = match (&off, step) {
            (Some(off), Step::Delivery) => {
                let delivery = self.draft.delivery.unwrap_or_default().0;
                exact::taking(off, &[Part::whole(0)], &[delivery]).amount
            }
            (Some(off), _) => {
                let amount = exact::taking(off, scope.base(), &self.prices).amount;
                self.most.map_or(amount, |most| amount.min(most))
            }
            (None, Step::Pieces) => worth(offer, self.draft.pieces).0,
            (None, _) => 0,
        };
        let is_late = offer.items.minimum_on_net;
        Entry { judged: Some(judged), coupon: None, step, is_late, reason: None, scope, off, alone }
    }

    /// Why what matches does not suffice; what waits for the nets is tested then.
    fn of_lines(&self, entry: &Entry<'_>) -> Option<Reason> {
        let judged = entry.judged.filter(|_| !entry.is_late)?;
        let tested = exact::sum(&entry.scope.matched, &self.prices);
        let below = judge::below_minimum(judged.offer, tested, entry.scope.quantity);
        below.or_else(|| judge::runs_short(judged, (0, 0), self.wanted(entry.step), entry.alone))
    }
}
