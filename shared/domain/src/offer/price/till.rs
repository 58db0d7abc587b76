//! Steps 3 to 6: what each offer takes, one after the other.

use super::{
    answer::Reason,
    exact::{self, Part, Taking},
    judge, stack,
    table::{Entry, Ran, Step, Table},
};

/// What an offer did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Did {
    /// It gave units its price.
    Units { quantity: u64, amount: u64 },
    /// It took something of a base.
    Taken { base: u64, amount: u64, trimmed: bool },
    /// It gives pieces of an item or service.
    Pieces(u64),
}

/// What an entry took of a line, or of the delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TakenOf {
    pub(super) entry: usize,
    pub(super) line: Option<usize>,
    pub(super) amount: u64,
}

/// An entry that is used.
#[derive(Clone, Copy, Debug)]
struct Applied {
    entry: usize,
    uses: u64,
    amount: u64,
}

/// What is left to pay, while offers take their turns.
#[derive(Clone, Debug)]
pub(super) struct Till {
    /// What is left of each line; of one that is blocked nothing.
    pub(super) left: Vec<u64>,
    /// What is left of the delivery.
    pub(super) delivery: u64,
    /// What was taken of lines and of the delivery, as taken.
    pub(super) shares: Vec<TakenOf>,
    /// What steps 3 to 5 have taken.
    taken: u64,
    applied: Vec<Applied>,
}

/// A moment to which a till can be set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    shares: usize,
    applied: usize,
}

impl Till {
    /// After step 2.
    pub(super) fn open(table: &Table<'_>) -> Till {
        let applied = table.units.iter().filter_map(|(entry, did)| match did {
            Did::Units { quantity, amount } => {
                Some(Applied { entry: *entry, uses: *quantity, amount: *amount })
            }
            Did::Taken { .. } | Did::Pieces(_) => None,
        });
        Till {
            left: table.prices.clone(),
            delivery: table.draft.delivery.unwrap_or_default().0,
            shares: Vec::new(),
            taken: 0,
            applied: applied.collect(),
        }
    }

    /// What is left to pay.
    pub(super) fn total(&self) -> u64 {
        self.left.iter().sum::<u64>() + self.delivery
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { shares: self.shares.len(), applied: self.applied.len() }
    }

    /// Gives back what was taken since.
    pub(super) fn set_back(&mut self, mark: Mark) {
        for share in self.shares.drain(mark.shares..) {
            match share.line {
                Some(line) => {
                    self.left[line] += share.amount;
                    self.taken -= share.amount;
                }
                None => self.delivery += share.amount,
            }
        }
        self.applied.truncate(mark.applied);
    }

    /// What the order has taken of an entry's offer: uses, and money.
    fn taken_of(&self, table: &Table<'_>, entry: &Entry<'_>) -> (u64, u64) {
        let id = entry.offer().map(|offer| &offer.id);
        let own = self
            .applied
            .iter()
            .filter(|applied| table.entries[applied.entry].offer().map(|offer| &offer.id) == id);
        own.fold((0, 0), |(uses, amount), applied| (uses + applied.uses, amount + applied.amount))
    }
}

impl Table<'_> {
    /// Steps 3 to 6 with these coupons, in this order.
    pub(super) fn run(&self, till: &mut Till, coupons: &[usize]) -> Ran {
        let mut ran = Ran { outcomes: vec![None; self.entries.len()], coupons: coupons.to_vec() };
        for (entry, did) in &self.units {
            ran.outcomes[*entry] = Some(Ok(*did));
        }
        for auto in self.autos() {
            let outcome = &mut ran.outcomes[auto];
            *outcome = self.entries[auto].reason.clone().map(Err).or_else(|| outcome.take());
        }
        self.take_autos_of_goods(till, Some(&mut ran));
        for step_six in [false, true] {
            if step_six {
                self.take_autos_of_delivery(till, Some(&mut ran));
            }
            for coupon in coupons {
                if self.is_of_step_six(*coupon) == step_six {
                    ran.outcomes[*coupon] = Some(self.apply(till, *coupon));
                }
            }
        }
        ran
    }

    /// Whether a coupon takes its turn after the delivery's own.
    pub(super) fn is_of_step_six(&self, coupon: usize) -> bool {
        let entry = &self.entries[coupon];
        entry.step == Step::Delivery || entry.is_late
    }

    /// Steps 3 and 4.
    pub(super) fn take_autos_of_goods(&self, till: &mut Till, ran: Option<&mut Ran>) {
        let of_goods = |entry: usize| matches!(self.entries[entry].step, Step::Items | Step::Order);
        let usable = self.autos().filter(|entry| of_goods(*entry) && self.entries[*entry].reason.is_none());
        let mut staying = self.stay(till, usable.collect(), ran);
        // Each step by id, as the entries are.
        staying.0.sort_by_key(|entry| (self.entries[*entry].step == Step::Order, *entry));
        self.take(till, staying);
    }

    /// Step 6, before its coupons.
    pub(super) fn take_autos_of_delivery(&self, till: &mut Till, mut ran: Option<&mut Ran>) {
        let of_delivery = |entry: usize| self.entries[entry].step == Step::Delivery;
        let mut usable = Vec::new();
        for entry in self.autos().filter(|entry| of_delivery(*entry)) {
            match self.refuses(till, &self.entries[entry]) {
                None => usable.push(entry),
                Some(reason) => {
                    if let Some(ran) = ran.as_deref_mut() {
                        ran.outcomes[entry] = Some(Err(reason));
                    }
                }
            }
        }
        let mut staying = self.stay(till, usable, ran);
        staying.0.sort_unstable();
        self.take(till, staying);
    }

    fn take(&self, till: &mut Till, (staying, mut ran): (Vec<usize>, Option<&mut Ran>)) {
        for entry in staying {
            let outcome = self.effect(till, entry);
            if let Some(ran) = ran.as_deref_mut() {
                ran.outcomes[entry] = Some(outcome);
            }
        }
    }

    /// Of `auto` offers that do not combine the one stays that saves most alone, of equal ones the first by id. One that
    /// would take nothing keeps no other away.
    fn stay<'r>(
        &self,
        till: &Till,
        mut usable: Vec<usize>,
        mut ran: Option<&'r mut Ran>,
    ) -> (Vec<usize>, Option<&'r mut Ran>) {
        usable.sort_by_key(|entry| (std::cmp::Reverse(self.entries[*entry].alone), *entry));
        let mut staying: Vec<usize> = Vec::new();
        for entry in usable {
            let before = till.applied.iter().map(|applied| applied.entry).chain(staying.iter().copied());
            let outcome = match self.excluded(entry, before) {
                Some(reason) => reason,
                None if self.entries[entry].alone == 0 => Reason::NoEffect,
                None => {
                    staying.push(entry);
                    continue;
                }
            };
            if let Some(ran) = ran.as_deref_mut() {
                ran.outcomes[entry] = Some(Err(outcome));
            }
        }
        (staying, ran)
    }

    /// Whether an entry does not combine with one of these: of those, with the smallest id.
    fn excluded(&self, entry: usize, others: impl Iterator<Item = usize>) -> Option<Reason> {
        let own = self.entries[entry].offer()?;
        let others = others.filter_map(|other| self.entries[other].offer());
        let others = others.filter(|other| !stack::combine(own, other));
        others.map(|other| &other.id).min().map(|by| Reason::ExcludedBy { by: by.clone() })
    }

    /// Why it cannot be used with what was taken until now, but for what it does not combine with.
    fn refuses(&self, till: &Till, entry: &Entry<'_>) -> Option<Reason> {
        if entry.reason.is_some() {
            return entry.reason.clone();
        }
        let judged = entry.judged?;
        let (taken, wanted) = (till.taken_of(self, entry), self.wanted(entry.step));
        let limit = judge::member_limit(judged, taken.0, wanted);
        let below = || {
            let tested = entry.is_late.then(|| exact::sum(&entry.scope.matched, &till.left))?;
            judge::below_minimum(judged.offer, tested, entry.scope.quantity)
        };
        limit.or_else(below).or_else(|| judge::runs_short(judged, taken, wanted, entry.alone))
    }

    /// Uses a coupon, if it may be used and combines with what applies.
    pub(super) fn apply(&self, till: &mut Till, coupon: usize) -> Result<Did, Reason> {
        let applied = till.applied.iter().map(|applied| applied.entry);
        let refused = self.refuses(till, &self.entries[coupon]).or_else(|| self.excluded(coupon, applied));
        refused.map_or_else(|| self.effect(till, coupon), Err)
    }

    /// Takes what an entry takes.
    fn effect(&self, till: &mut Till, index: usize) -> Result<Did, Reason> {
        let entry = &self.entries[index];
        let uses = self.wanted(entry.step);
        let (did, amount) = match (entry.step, &entry.off) {
            (Step::Pieces, _) => (Did::Pieces(uses), entry.alone),
            (_, None) => return Err(Reason::NoEffect),
            (Step::Delivery, Some(off)) => {
                let Taking { base, amount } = exact::taking(off, &[Part::whole(0)], &[till.delivery]);
                till.delivery -= amount;
                till.shares.extend((amount > 0).then_some(TakenOf { entry: index, line: None, amount }));
                (Did::Taken { base, amount, trimmed: false }, amount)
            }
            (_, Some(off)) => {
                let Taking { base, amount: wanted } = exact::taking(off, entry.scope.base(), &till.left);
                let amount = self.most.map_or(wanted, |most| wanted.min(most.saturating_sub(till.taken)));
                self.share(till, index, amount);
                (Did::Taken { base, amount, trimmed: amount < wanted }, amount)
            }
        };
        if matches!(did, Did::Taken { amount: 0, .. }) {
            return Err(Reason::NoEffect);
        }
        till.applied.push(Applied { entry: index, uses, amount });
        Ok(did)
    }

    /// Takes an amount of the lines, in proportion to what is left of what the offer is about.
    fn share(&self, till: &mut Till, index: usize, amount: u64) {
        if amount == 0 {
            return;
        }
        let parts = self.entries[index].scope.base();
        let shares = exact::shares(amount, parts, &till.left);
        for (part, share) in parts.iter().zip(shares) {
            if share > 0 {
                // A share is at most its part, rounded up, and what is left is whole.
                till.left[part.line] -= share;
                till.shares.push(TakenOf { entry: index, line: Some(part.line), amount: share });
            }
        }
        till.taken += amount;
    }
}
