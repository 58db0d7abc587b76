//! What an order has used is told anew 改单 (rewards.md, 5): priced by its own time, with what it has counted as left for it;
//! what it no longer needs comes back, and what it newly needs is taken.

use domain::{
    event::OfferTaken,
    member::MemberId,
    number::{Money, Quantity},
    offer::price::Answer,
    programme::Programme,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::Told,
    offers::{
        Offers,
        basis::Basis,
        changes::{Changes, For, Step},
        refusing::{must_be_active, refused},
        returning::good_until,
        scene::{PricedOrder, Scene},
        taking::{Takes, is_bounded, takes},
        using::{Attempt, Outcomes, UseDone},
    },
    programme::shelf::Shelf,
    store::{
        Key, Version,
        error::Error,
        keys,
        records::{Answer as Kept, UseRecord, UseState},
    },
};

/// Most tellings of an order.
const REVISIONS_MAX: u32 = 200;

impl UseRecord {
    /// The number of the last telling that is final; 0 while it is only set aside.
    pub(super) fn last_told(&self) -> u32 {
        match self.state {
            UseState::Held { .. } => 0,
            UseState::Used | UseState::Returned => self.revision,
        }
    }
}

impl Offers {
    /// The answer of a telling again.
    pub(super) async fn repeat(
        &self,
        attempt: &Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let Some((known, _)) = &attempt.known else { return Err(Refusal::UseNotFound.into()) };
        let number = attempt.ask.revision;
        let record = match number == known.revision {
            true => known.clone(),
            false => {
                let key = keys::offer_use_told(&known.brand, &known.by, number);
                let read = self.records.read::<UseRecord>(&key).await?;
                read.map(|(record, _)| record).ok_or_else(|| attempt.conflict())?
            }
        };
        if record.content != attempt.content || !self.asked_by(record.member, attempt).await? {
            return Err(attempt.conflict());
        }
        if known.state == UseState::Returned {
            return Err(Refusal::AlreadyCancelled.into());
        }
        let entry = match &record.entry {
            Some(key) => self.records.entry_at(&Key::new(key.clone())).await?,
            None => None,
        };
        let answer = tell(&UseDone { record, entry });
        self.programme.commit_told(attempt.request, Vec::new(), &answer).await?;
        Ok(Ok(Told { answer, replayed: true }))
    }

    /// Tells anew what an order is; `last` is the number of its last telling.
    pub(super) async fn revise(
        &self,
        mut attempt: Attempt<'_>,
        last: u32,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let (ask, now) = (attempt.ask, attempt.now());
        if last == 0 || ask.revision != last + 1 || !self.is_of_the_same(&attempt).await? {
            return Err(attempt.conflict());
        }
        if ask.revision > REVISIONS_MAX {
            return Err(Refusal::TooManyRefunds.into());
        }
        if let Some(customer) = &attempt.customer {
            must_be_active(customer)?;
        }
        let Some((old, version)) = attempt.known.take() else { return Err(Refusal::UseNotFound.into()) };
        let programmes = self.programme.timeline()?;
        let programme = programmes.version(old.programme).unwrap_or_else(|| programmes.at(old.known_at));
        let shelf = self.programme.offers().await?;
        let mut holdings = self.own_holdings(&attempt, &shelf).await?;
        holdings.give(old.has.clone(), old.day);
        let past = self.past(&shelf, &ask.draft, &old).await?;
        let scene = Scene {
            draft: &ask.draft,
            shelf: &shelf,
            holdings: &holdings,
            programme,
            now,
            at: old.priced_at,
            quoted: None,
            past: Some(&past),
        };
        let priced = self.price(attempt.customer.as_mut(), &scene).await?;
        if let Some(not_used) = refused(&priced) {
            attempt.known = Some((old, version));
            self.must_be_first(&attempt).await?;
            return Ok(Err(not_used));
        }
        let days = self.days(attempt.customer.as_mut(), &priced, programme).await?;
        let takes = takes(&priced, &scene, attempt.via, &days);
        self.retell(&attempt, (old, version), priced, takes, (&shelf, &holdings.basis), tell).await
    }

    /// Writes a telling in place of the one before, with what comes back and what is taken for it.
    async fn retell(
        &self,
        attempt: &Attempt<'_>,
        (old, version): (UseRecord, Version),
        priced: PricedOrder,
        (taken, windows): Takes,
        (shelf, basis): (&Shelf, &Basis),
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let moves = Moving::between(&old.has, &taken, &self.restoring(&old.has).await?);
        let mut changes = Changes::judged_by(basis, attempt.contested);
        self.read_taken(&mut changes, &old.has).await?;
        self.read_taken(&mut changes, &taken).await?;
        for (key, window) in windows {
            changes.open_window(key, window);
        }
        let (now, programmes) = (attempt.now(), self.programme.timeline()?);
        self.apply(&mut changes, &old, &moves, (shelf, programmes.at(now)), now);
        let member = attempt.customer.as_ref().map(|customer| &customer.member);
        let then = |taken: &[OfferTaken]| {
            member.map_or(Vec::new(), |member| changes.grants_then(shelf, member, taken, now))
        };
        let came_back: Vec<OfferTaken> = moves.back.iter().filter(|own| own.pieces > 0).cloned().collect();
        let (grants, back) = (then(&taken), then(&came_back));
        let given = self.still_given(&old).await?;
        let (ask, draft) = (attempt.ask, &attempt.ask.draft);
        let record = UseRecord {
            revision: ask.revision,
            content: attempt.content,
            state: UseState::Used,
            answer: Answer { points: None, ..priced.answer },
            names: priced.names,
            lines: draft.lines.iter().map(|line| (line.line_id.clone(), line.quantity)).collect(),
            taken,
            has: moves.has,
            had: moves.had,
            grants,
            back,
            entry: None,
            gone: vec![Quantity::NONE; draft.lines.len()],
            given_before: given,
            ..old.clone()
        };
        let told = UseRecord { returns: Vec::new(), ..old };
        self.write_use(attempt, (record, Some(version)), changes, Some(told), tell).await
    }

    /// Whether the member, and when it happened if that is said, are those of the first telling.
    async fn is_of_the_same(&self, attempt: &Attempt<'_>) -> Result<bool, Error> {
        let Some((old, _)) = &attempt.known else { return Ok(false) };
        if attempt.ask.occurred_at.is_some_and(|at| at != old.happened) {
            return Ok(false);
        }
        self.asked_by(old.member, attempt).await
    }

    /// Whether that member, by whatever id it went then, is the one who asks; nobody is nobody.
    pub(super) async fn asked_by(
        &self,
        member: Option<MemberId>,
        attempt: &Attempt<'_>,
    ) -> Result<bool, Error> {
        match (member, &attempt.customer) {
            (None, None) => Ok(true),
            (Some(own), Some(customer)) if own == customer.member.id => Ok(true),
            (Some(own), Some(customer)) => {
                let reached = self.records.reach(own).await?;
                Ok(reached.is_some_and(|reached| reached.record.member.id == customer.member.id))
            }
            (None, Some(_)) | (Some(_), None) => Ok(false),
        }
    }

    /// Gives back what is no longer needed, and takes what is newly needed, on the day of the first telling.
    fn apply(
        &self,
        changes: &mut Changes,
        old: &UseRecord,
        moves: &Moving,
        (shelf, programme): (&Shelf, &Programme),
        now: Instant,
    ) {
        let own = For::of(old);
        // By what it was judged by: another version may be there by now.
        let bounds = |taken: &OfferTaken| shelf.offer(&taken.offer).is_some_and(|offer| is_bounded(offer));
        for back in &moves.back {
            let until = good_until(changes, back, programme, now);
            changes.apply(own, back, bounds(back), Step::Return(until));
        }
        for more in &moves.more {
            changes.apply(own, more, bounds(more), Step::Take);
        }
    }
}

/// What moves when a use is told anew.
#[derive(Default, PartialEq, Debug)]
struct Moving {
    /// What comes back.
    back: Vec<OfferTaken>,
    /// What is newly taken.
    more: Vec<OfferTaken>,
    /// What the use has then.
    has: Vec<OfferTaken>,
    /// What of what it needs, or had to come back, it had.
    had: Vec<OfferTaken>,
}

impl Moving {
    /// What moves so that a use that has that has what it needs; of the rest what is `returnable` comes back.
    fn between(has: &[OfferTaken], needed: &[OfferTaken], returnable: &[OfferTaken]) -> Moving {
        let (mut moves, mut rest) = (Moving::default(), has.to_vec());
        for need in needed {
            let own = rest.iter().position(|own| (&own.offer, own.grant) == (&need.offer, need.grant));
            let own = own.map_or_else(|| nothing_of(need), |place| rest.remove(place));
            moves.pair(&own, need, returnable.contains(&own));
        }
        for own in rest {
            moves.pair(&own, &nothing_of(&own), returnable.contains(&own));
        }
        moves
    }

    fn pair(&mut self, own: &OfferTaken, need: &OfferTaken, comes_back: bool) {
        let something = |taken: OfferTaken| Some(taken).filter(|taken| *taken != nothing_of(taken));
        self.more.extend(something(each(need, own, u64::saturating_sub)));
        let (has, had) = match comes_back {
            true => {
                self.back.extend(something(each(own, need, u64::saturating_sub)));
                (need.clone(), own.clone())
            }
            false => (each(own, need, u64::max), each(own, need, u64::min)),
        };
        self.has.extend(something(has));
        self.had.extend(something(had));
    }
}

fn nothing_of(taken: &OfferTaken) -> OfferTaken {
    OfferTaken { pieces: 0, uses: 0, amount: Money(0), ..taken.clone() }
}

/// Every figure of both.
fn each(one: &OfferTaken, other: &OfferTaken, with: fn(u64, u64) -> u64) -> OfferTaken {
    let pieces = with(one.pieces.into(), other.pieces.into());
    OfferTaken {
        // No more than one of them has.
        pieces: u32::try_from(pieces).unwrap_or(u32::MAX),
        uses: with(one.uses, other.uses),
        amount: Money(with(one.amount.0, other.amount.0)),
        ..one.clone()
    }
}

#[cfg(test)]
mod tests {
    use domain::id::OfferId;

    use super::*;

    fn taken(offer: &str, uses: u64, amount: u64) -> OfferTaken {
        let pieces = u32::try_from(uses).unwrap();
        OfferTaken {
            offer: OfferId::of_checked(offer),
            version: 1,
            grant: None,
            pieces,
            uses,
            amount: Money(amount),
        }
    }

    /// What is given back and taken is the difference; what never comes back stays the use's and is used again.
    #[test]
    fn what_moves_is_the_difference() {
        let a = |uses, amount| taken("a", uses, amount);
        let none = Vec::new;
        for (has, needed, never, back, more, then) in [
            (none(), vec![a(1, 5)], false, none(), vec![a(1, 5)], vec![a(1, 5)]),
            (vec![a(1, 5)], vec![a(1, 5)], false, none(), none(), vec![a(1, 5)]),
            (vec![a(2, 10)], vec![a(3, 12)], false, none(), vec![a(1, 2)], vec![a(3, 12)]),
            (vec![a(2, 10)], vec![a(1, 12)], false, vec![a(1, 0)], vec![a(0, 2)], vec![a(1, 12)]),
            (vec![a(2, 10)], none(), false, vec![a(2, 10)], none(), none()),
            (vec![a(2, 10)], none(), true, none(), none(), vec![a(2, 10)]),
            (vec![a(2, 10)], vec![a(1, 12)], true, none(), vec![a(0, 2)], vec![a(2, 12)]),
            (
                vec![taken("b", 1, 1)],
                vec![a(1, 5)],
                false,
                vec![taken("b", 1, 1)],
                vec![a(1, 5)],
                vec![a(1, 5)],
            ),
        ] {
            let returnable = if never { none() } else { has.clone() };
            let moves = Moving::between(&has, &needed, &returnable);
            assert_eq!((&moves.back, &moves.more, &moves.has), (&back, &more, &then), "{has:?} {needed:?}");
            let sum = |all: &[OfferTaken]| all.iter().map(|own| own.amount.0).sum::<u64>();
            // What an entry tells moves what is counted as it moved.
            assert_eq!(sum(&needed) + sum(&back), sum(&moves.had) + sum(&more), "{has:?} {needed:?}");
        }
    }
}
