//! What an account can give out, and how that moves between its records: the state machine, without a store.
//! Nothing here fails and nothing waits; sums that do not add up panic, before anything is written.
//!
//! An account is one pool and [`SHARDS`] shards. A shard holds allotments drawn from the pool, and a command
//! spends from one shard, so that no record is written by all. What the brand may still give out is the sum
//! of the pool's stock and the shards': a move loses nothing, so what has been used is the limit less that
//! sum. The pool knows which shards may hold anything. If none does, the pool's stock is all there is.

use domain::number::{Amount, signed};

pub(crate) use crate::store::records::{Pool, Shard, Stock, Window};

use crate::accounts::terms::{Back, Lack, METERS, Moment, Need, Points, Terms};

/// Shards of an account. A bit of [`Pool::out`] stands for each.
pub(crate) const SHARDS: u8 = 32;

/// A shard gets this part of what the pool holds, so that it comes back only after many commands and a full
/// set of shards leaves three quarters in the pool.
const PARTS: i64 = 4 * SHARDS as i64;

/// What happens to a command that its shard cannot pay for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The shard gets an allotment that pays for it: the new pool and the new shard.
    Draw(Pool, Shard),
    /// The pool pays: the new pool, and what it took from blocks.
    Direct(Pool, Points),
    /// Allotments must come back first, one shard after another: [`Pool::collect`].
    Gather,
    /// Everything is in the pool, and it is too little.
    Refused(Lack),
}

/// The terms now in force and those that an account was last brought to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) version: u32,
    pub(crate) terms: &'a Terms,
    pub(crate) former: &'a Terms,
}

impl Stock {
    /// What is left at that moment. What was left of an earlier day or month is void; an instance whose clock
    /// is behind counts in the later one.
    fn left(&self, meter: usize, moment: Moment) -> i64 {
        let window = self.windows[meter].filter(|window| window.number >= moment.window(meter));
        window.map_or(0, |window| window.left)
    }

    fn in_blocks(&self) -> u64 {
        self.blocks.iter().map(|(_, points)| points).sum()
    }

    /// What is left of the credit, and what months that are not closed have taken of it.
    fn of_credit(&self) -> i128 {
        self.credit.0 + self.open.iter().map(|(_, cost)| cost.0).sum::<i128>()
    }

    /// The first thing that is lacking for that, in order.
    pub(crate) fn lack(&self, terms: &Terms, moment: Moment, need: Need) -> Option<Lack> {
        for meter in 0..METERS.len() {
            let (wanted, left) = (need.of_meter(meter), self.left(meter, moment));
            if terms.caps[meter].is_some() && wanted > 0 && left < signed(wanted) {
                // Below 0 where the limit was lowered.
                return Some(Lack::Meter(meter, left.max(0).unsigned_abs()));
            }
        }
        if terms.prepaid && self.in_blocks() < need.issue {
            return Some(Lack::Blocks(self.in_blocks()));
        }
        let poor = terms.credit.is_some() && need.cost.0 > 0 && self.credit < need.cost;
        poor.then_some(Lack::Credit(self.credit.max(Amount(0))))
    }

    /// Takes an amount for which nothing is lacking; returns what came from which block.
    fn take(&mut self, terms: &Terms, moment: Moment, need: Need) -> Points {
        let lack = self.lack(terms, moment, need);
        assert!(lack.is_none(), "{need:?} is taken of what lacks {lack:?}");
        for (meter, window) in self.windows.iter_mut().enumerate() {
            if let Some(window) = window {
                window.left -= signed(need.of_meter(meter));
            }
        }
        if terms.prepaid {
            return take_points(&mut self.blocks, need.issue);
        }
        if terms.credit.is_some() {
            self.charge(moment.month, need.cost);
        }
        Vec::new()
    }

    fn charge(&mut self, month: i32, cost: Amount) {
        self.credit.0 -= cost.0;
        add_amount(&mut self.open, month, cost);
    }

    /// Takes back what a refund gives back.
    fn give(&mut self, terms: &Terms, moment: Moment, back: &Back) {
        add_points(&mut self.blocks, &back.blocks);
        if terms.credit.is_some() {
            self.charge(moment.month, Amount(-back.cost.0));
        }
    }

    /// Adds another stock. Allotments of another day or month are void.
    fn merge(&mut self, other: &Stock) {
        let held = (self.in_blocks() + other.in_blocks(), self.of_credit() + other.of_credit());
        for (own, theirs) in self.windows.iter_mut().zip(other.windows) {
            if let (Some(own), Some(theirs)) = (own, theirs)
                && own.number == theirs.number
            {
                own.left += theirs.left;
            }
        }
        add_points(&mut self.blocks, &other.blocks);
        self.credit.0 += other.credit.0;
        other.open.iter().for_each(|(month, cost)| add_amount(&mut self.open, *month, *cost));
        assert_eq!((self.in_blocks(), self.of_credit()), held, "nothing is lost on the way to the pool");
    }
}

impl Shard {
    /// The shard after it has paid, and what came from which block; `None` if it cannot.
    pub(crate) fn pay(&self, terms: &Terms, moment: Moment, need: Need) -> Option<(Shard, Points)> {
        if self.version == 0 {
            return None;
        }
        if self.stock.lack(terms, moment, need).is_some() {
            return None;
        }
        let mut after = self.clone();
        let blocks = after.stock.take(terms, moment, need);
        Some((after, blocks))
    }

    /// The shard after it gets points back; `None` if it holds nothing and must stay empty, because the pool
    /// does not look for anything there.
    pub(crate) fn returned(&self, terms: &Terms, moment: Moment, back: &Back) -> Option<Shard> {
        let mut after = self.clone();
        after.stock.give(terms, moment, back);
        (self.version != 0).then_some(after)
    }
}

impl Pool {
    /// What happens to a command that shard number `index` cannot pay for.
    pub(crate) fn step(
        &self,
        rules: Rules<'_>,
        moment: Moment,
        need: Need,
        index: u8,
        shard: &Shard,
    ) -> Step {
        let Some(mut pool) = self.ready(rules, moment) else {
            return Step::Gather;
        };
        if pool.can_draw(rules.terms, need) {
            let shard = pool.draw(rules.terms, index, shard);
            return Step::Draw(pool, shard);
        }
        match pool.stock.lack(rules.terms, moment, need) {
            None => {
                let blocks = pool.stock.take(rules.terms, moment, need);
                Step::Direct(pool, blocks)
            }
            Some(_) if pool.out != 0 => Step::Gather,
            Some(lack) => Step::Refused(lack),
        }
    }

    /// The pool after it gets points back; `None` if allotments must come back first.
    pub(crate) fn returned(&self, rules: Rules<'_>, moment: Moment, back: &Back) -> Option<Pool> {
        let mut pool = self.clone();
        if rules.terms != rules.former {
            pool = self.ready(rules, moment)?;
        }
        pool.stock.give(rules.terms, moment, back);
        Some(pool)
    }

    /// The pool under the terms in force and at that moment; `None` if allotments must come back
    /// first.
    pub(crate) fn ready(&self, rules: Rules<'_>, moment: Moment) -> Option<Pool> {
        if self.gathering || (rules.terms != rules.former && self.out != 0) {
            return None;
        }
        let mut pool = self.clone();
        if rules.terms != rules.former {
            pool.rebase(rules.former, rules.terms);
        }
        pool.version = pool.version.max(rules.version);
        pool.roll(rules.terms, moment);
        Some(pool)
    }

    /// Advances to the moment's day and month, each of which starts with the whole limit.
    fn roll(&mut self, terms: &Terms, moment: Moment) {
        for (meter, window) in self.stock.windows.iter_mut().enumerate() {
            let number = moment.window(meter);
            let own = window.filter(|own| own.number >= number);
            *window = terms.caps[meter].map(|cap| own.unwrap_or(Window { number, left: signed(cap) }));
        }
    }

    /// Changes to other terms: what has been used stays used.
    fn rebase(&mut self, former: &Terms, terms: &Terms) {
        for (meter, window) in self.stock.windows.iter_mut().enumerate() {
            *window = match (former.caps[meter], terms.caps[meter], *window) {
                (Some(old), Some(new), Some(window)) => {
                    Some(Window { left: window.left + signed(new) - signed(old), ..window })
                }
                _ => None,
            };
        }
        let owed = self.stock.open.iter().chain(&self.closed).map(|(_, cost)| cost.0).sum::<i128>();
        self.stock.credit = Amount(terms.credit.map_or(0, |credit| credit.0 - owed));
    }

    /// Whether a shard's part of what there is pays for what is needed.
    fn can_draw(&self, terms: &Terms, need: Need) -> bool {
        let metered = |meter: usize| match self.stock.windows[meter] {
            Some(window) => (window.left / PARTS).max(0) >= signed(need.of_meter(meter)),
            None => true,
        };
        let credit = (self.stock.credit.0 / i128::from(PARTS)).max(0);
        (0..METERS.len()).all(metered)
            && (!terms.prepaid || self.stock.in_blocks() / PARTS.unsigned_abs() >= need.issue)
            && (terms.credit.is_none() || credit >= need.cost.0)
    }

    /// Fills the shard up to its part of what there is, if it does not hold more already.
    fn draw(&mut self, terms: &Terms, index: u8, shard: &Shard) -> Shard {
        let mut shard = shard.clone();
        if shard.version == 0 {
            shard = Shard::default();
        }
        let held = |pool: &Pool, shard: &Shard| {
            let (pool, shard) = (&pool.stock, &shard.stock);
            (pool.in_blocks() + shard.in_blocks(), pool.of_credit() + shard.of_credit())
        };
        let before = held(self, &shard);
        for (own, held) in self.stock.windows.iter_mut().zip(&mut shard.stock.windows) {
            let Some(own) = own else {
                *held = None;
                continue;
            };
            // What was allotted of an earlier day or month is over.
            let empty = Window { number: own.number, left: 0 };
            let window = held.insert(held.filter(|held| held.number == own.number).unwrap_or(empty));
            let added = (own.left / PARTS - window.left).max(0);
            own.left -= added;
            window.left += added;
        }
        if terms.prepaid {
            let part = self.stock.in_blocks() / PARTS.unsigned_abs();
            let added = part.saturating_sub(shard.stock.in_blocks()); // it may hold more than its part
            add_points(&mut shard.stock.blocks, &take_points(&mut self.stock.blocks, added));
        }
        if terms.credit.is_some() {
            let part = self.stock.credit.0 / i128::from(PARTS);
            let added = (part - shard.stock.credit.0).max(0);
            self.stock.credit.0 -= added;
            shard.stock.credit.0 += added;
        }
        shard.stock.open.drain(..).for_each(|(month, cost)| add_amount(&mut self.stock.open, month, cost));
        assert_eq!(held(self, &shard), before, "nothing is lost on the way to a shard");
        shard.version = self.version;
        self.out |= 1 << index;
        shard
    }

    /// Takes in everything that shard number `index` holds, which empties the shard. The last one ends the
    /// gathering.
    pub(crate) fn collect(&mut self, index: u8, shard: &Shard) {
        assert!(self.out & (1 << index) != 0, "shard {index} holds nothing of the pool's");
        self.stock.merge(&shard.stock);
        self.out &= !(1 << index);
        self.gathering = self.out != 0;
    }

    /// Shards that may hold something.
    pub(crate) fn holders(&self) -> impl Iterator<Item = u8> + use<> {
        let out = self.out;
        (0..SHARDS).filter(move |index| out & (1 << index) != 0)
    }

    /// Adds a block that was bought; returns its number.
    pub(crate) fn add_block(&mut self, points: u64) -> u32 {
        self.bought += 1;
        add_points(&mut self.stock.blocks, &[(self.bought, points)]);
        self.bought
    }

    /// Replaces a month's open credit with its balance when the month is closed. A month is closed once.
    pub(crate) fn close(&mut self, month: i32, balance: Amount) {
        if self.closed.iter().any(|(closed, _)| *closed == month) {
            return;
        }
        let counted = self.counted();
        let place = self.stock.open.iter().position(|(open, _)| *open == month);
        // A month may have issued nothing.
        let open = place.map_or(Amount(0), |place| self.stock.open.remove(place).1);
        self.stock.credit.0 += open.0 - balance.0;
        self.closed.push((month, balance));
        assert_eq!(self.counted(), counted, "a balance takes the place of what was open");
    }

    /// Gives back the credit that a closed month's balance took, once.
    pub(crate) fn settle(&mut self, month: i32) {
        let counted = self.counted();
        if let Some((_, balance)) = self.closed.iter_mut().find(|(closed, _)| *closed == month) {
            self.stock.credit.0 += balance.0;
            *balance = Amount(0);
        }
        assert_eq!(self.counted(), counted, "what is paid comes back");
    }

    /// All that the pool says of the credit: what is left of it, what is open and what closed months owe.
    fn counted(&self) -> i128 {
        self.stock.of_credit() + self.closed.iter().map(|(_, balance)| balance.0).sum::<i128>()
    }
}

/// Takes that many points, oldest block first.
///
/// # Panics
/// There are not enough.
fn take_points(blocks: &mut Points, points: u64) -> Points {
    let mut rest = points;
    let mut taken = Vec::new();
    for (number, left) in blocks.iter_mut() {
        let part = rest.min(*left);
        if part > 0 {
            taken.push((*number, part));
            *left -= part;
            rest -= part;
        }
    }
    assert!(rest == 0, "blocks hold {rest} points less than the {points} that are taken");
    blocks.retain(|(_, left)| *left > 0);
    taken
}

fn add_points(blocks: &mut Points, added: &[(u32, u64)]) {
    for (number, points) in added {
        match blocks.binary_search_by_key(number, |(number, _)| *number) {
            Ok(place) => blocks[place].1 += points,
            Err(place) => blocks.insert(place, (*number, *points)),
        }
    }
}

/// Adds to the amount of a month. An amount of zero is not kept.
pub(crate) fn add_amount(amounts: &mut Vec<(i32, Amount)>, month: i32, added: Amount) {
    match amounts.iter_mut().find(|(own, _)| *own == month) {
        Some((_, amount)) => amount.0 += added.0,
        None => amounts.push((month, added)),
    }
    amounts.retain(|(_, amount)| *amount != Amount(0));
}

#[cfg(test)]
mod tests;
