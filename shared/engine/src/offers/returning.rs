//! Uses of offers come back (rewards.md, 5): what is told of each part are differences of rounded shares, so that parts add
//! up to the whole; and once nothing is left, what the use has taken comes back too.

use domain::{
    decide::Command,
    event::{EventType, OfferTaken, UseReversed},
    id::{BrandId, OfferId, OrderLineId, RefundId},
    number::{Money, Quantity},
    offer::{
        Restore,
        grant::HeldBy,
        price::{Line, Priced, Share, returned::Frozen},
    },
    programme::Programme,
    refusal::{Refusal, Remaining},
    shape::Fault,
    time::{DayNumber, Instant},
};
use sha2::{Digest as _, Sha256};

use crate::{
    access::requests::{Request, Told, remember},
    ledger::act::Whom,
    offers::{
        Offers,
        changes::{Changes, For, Step},
        customer::Customer,
        given::{self, Figures, Given},
        noted::noted,
        taking::is_bounded,
    },
    store::{
        Expect, Key, StoreError, Version,
        error::{ATTEMPTS_MAX, Doubt, Error},
        keys,
        records::{Answer as Kept, EntryRecord, LineBack, Remembered, UseRecord, UseReturn, UseState},
        turns::Turn,
        write::{delete_read, put},
    },
};

/// A use that comes back, as a caller asks for it.
#[derive(Clone, Debug)]
pub struct ReturnAsk {
    /// Where it was used.
    pub brand: BrandId,
    /// The order, or the use without one.
    pub by: HeldBy,
    /// So much of these lines; all that remains without.
    pub lines: Option<Vec<(OrderLineId, Quantity)>>,
    /// The shop's name of the part.
    pub refund_id: Option<RefundId>,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum ReturnDone {
    /// What was only set aside is free again.
    Released,
    /// A part, or all of it.
    Returned {
        /// What came back.
        part: Box<UseReturn>,
        /// Its entry; none of a guest's.
        entry: Option<Box<EntryRecord>>,
        /// Whether the partner that asks was linked with the member then; of any other caller nothing.
        linked: bool,
    },
}

impl ReturnAsk {
    fn content(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match &self.lines {
            None => hash.update(b"all"),
            Some(lines) => {
                for (line, quantity) in lines {
                    hash.update(line.as_bytes());
                    hash.update(b"\0");
                    hash.update(quantity.0.to_be_bytes());
                }
            }
        }
        hash.finalize().into()
    }
}

impl Offers {
    /// A use comes back, in part or whole; what was only set aside is let go. `tell` makes the answer.
    ///
    /// # Errors
    /// [`Refusal::UseNotFound`], [`Refusal::AlreadyCancelled`], [`Refusal::OverRefund`], [`Refusal::OrderConflict`]; see
    /// [`Error`].
    pub async fn return_use(
        &self,
        request: &Request,
        ask: &ReturnAsk,
        tell: impl Fn(&ReturnDone) -> Kept,
    ) -> Result<Told, Error> {
        // A part that nothing names, told again after an unknown outcome, would be another part.
        let recognisable = request.key.is_some() || ask.refund_id.is_some();
        let mut doubt = Doubt::default();
        for _ in 0..ATTEMPTS_MAX {
            let request = self.access.renewed(request);
            let done = self.attempt_to_return(&request, ask, &tell).await;
            match self.access.or_remembered(&request, done).await {
                unknown @ Err(Error::Store(StoreError::Unknown(_))) if !recognisable => return unknown,
                done => {
                    if let Some(settled) = doubt.settles(done) {
                        return settled;
                    }
                }
            }
        }
        Err(doubt.gives_up())
    }

    async fn attempt_to_return(
        &self,
        request: &Request,
        ask: &ReturnAsk,
        tell: &impl Fn(&ReturnDone) -> Kept,
    ) -> Result<Told, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Told { answer, replayed: true });
        }
        let key = keys::offer_use(&ask.brand, &ask.by);
        let read = self.records.read::<UseRecord>(&key).await?;
        let (record, version) = read.ok_or(Refusal::UseNotFound)?;
        let mut turns = self.ledger.queues.begin();
        if let Some(member) = record.member {
            turns.take(&[Turn::Member(member)]).await;
        }
        let customer = match record.member {
            Some(member) => Some(self.customer(request, &Whom::Id(member)).await?),
            None => None,
        };
        if let UseState::Held { until } = record.state {
            return self.release(request, (key, record, version), customer.as_ref(), until, tell).await;
        }
        if let Some(told) = self.returned_before(request, ask, &record, tell).await? {
            return Ok(told);
        }
        if record.state == UseState::Returned {
            return Err(Refusal::AlreadyCancelled.into());
        }
        self.give_back(request, ask, (key, record, version), customer.as_ref(), tell).await
    }

    /// What was set aside is free at once, and the use as if it had never been.
    async fn release(
        &self,
        request: &Request,
        (key, record, version): (Key, UseRecord, Version),
        customer: Option<&Customer>,
        until: Instant,
        tell: &impl Fn(&ReturnDone) -> Kept,
    ) -> Result<Told, Error> {
        let now = customer.map_or(request.now, |customer| customer.now);
        let mut changes = Changes::default();
        self.read_taken(&mut changes, &record.taken).await?;
        let own = For::of(&record);
        for taken in &record.taken {
            changes.apply(own, taken, false, Step::Release(until));
        }
        let today = self.programme.timeline()?.at(now).zone.day(now).number();
        let mut writes = self.writes(changes, now, today).await?;
        writes.push(delete_read(key, version));
        // What has ended by itself is not let go once more.
        if let Some(customer) = customer.filter(|_| now < until) {
            let whose = (customer.member.id, now);
            let note = noted(request, whose, &record, EventType::GrantReleased, &writes);
            writes.extend(note);
        }
        let answer = tell(&ReturnDone::Released);
        if !request.dry_run {
            writes.extend(remember(request, Remembered::Whole(answer.clone())));
            self.programme.commit(writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    /// The answer again, if the part was told before under its name.
    async fn returned_before(
        &self,
        request: &Request,
        ask: &ReturnAsk,
        record: &UseRecord,
        tell: &impl Fn(&ReturnDone) -> Kept,
    ) -> Result<Option<Told>, Error> {
        let Some(name) = &ask.refund_id else { return Ok(None) };
        let known = record.returns.iter().find(|part| part.refund_id.as_ref() == Some(name));
        let Some(known) = known else { return Ok(None) };
        if known.content != ask.content() {
            return Err(Refusal::OrderConflict { revision: None }.into());
        }
        let entry = match &known.entry {
            Some(key) => self.records.entry_at(&Key::new(key.clone())).await?,
            None => None,
        };
        let linked = self.was_linked(request, entry.as_ref()).await?;
        let (part, entry) = (Box::new(known.clone()), entry.map(Box::new));
        let answer = tell(&ReturnDone::Returned { part, entry, linked });
        self.programme.commit_told(request, Vec::new(), &answer).await?;
        Ok(Some(Told { answer, replayed: true }))
    }

    async fn give_back(
        &self,
        request: &Request,
        ask: &ReturnAsk,
        (key, mut record, version): (Key, UseRecord, Version),
        customer: Option<&Customer>,
        tell: &impl Fn(&ReturnDone) -> Kept,
    ) -> Result<Told, Error> {
        const RETURNS_MAX: usize = 200;
        if record.returns.len() >= RETURNS_MAX {
            return Err(Refusal::TooManyRefunds.into());
        }
        let now = customer.map_or(request.now, |customer| customer.now);
        let programmes = self.programme.timeline()?;
        let programme = programmes.at(now);
        let today = programme.zone.day(now).number();
        let figures = self.figures(&record).await?;
        let (lines, mut given) = lines_back(&mut record, ask, &figures)?;
        let is_whole = record.gone.iter().zip(&record.lines).all(|(gone, (_, all))| gone == all);
        let delivery = record.answer.delivery.as_ref().filter(|_| is_whole).map(|delivery| {
            let discounts = by_offer(&delivery.discounts);
            (delivery.net, discounts)
        });
        let mut changes = Changes::default();
        let (mut restored, mut grants) = (Vec::new(), Vec::new());
        if is_whole {
            restored = self.restoring(&record.taken).await?;
            self.read_taken(&mut changes, &restored).await?;
            let own = For::of(&record);
            for taken in &restored {
                let until = good_until(&changes, taken, programme, now);
                changes.apply(own, taken, self.bounds(taken).await?, Step::Return(until));
            }
            let shelf = self.programme.offers().await?;
            grants = customer
                .map_or(Vec::new(), |customer| changes.grants_then(&shelf, &customer.member, &restored, now));
            let rest = given::of_delivery(&record).into_iter().chain(given::of_pieces(&record));
            rest.for_each(|own| given::add(&mut given, own));
            record.has.retain(|own| !restored.contains(own));
            record.state = UseState::Returned;
        }
        let mut writes = self.writes(changes, now, today).await?;
        let back = UseReversed {
            brand: record.brand.clone(),
            by: record.by.clone(),
            refund_id: ask.refund_id.clone(),
            is_whole,
            back: given,
            restored,
        };
        let entry = match customer {
            Some(customer) => {
                let command = Command::ReverseUse(&back);
                let (entry, more) = self.entered(request, customer, record.member, &command).await?;
                writes.extend(more);
                Some(entry)
            }
            None => None,
        };
        let part = UseReturn {
            lines,
            delivery,
            is_whole,
            recorded: today,
            restored: back.restored,
            given: back.back,
            grants,
            ..part_of(ask, entry.as_ref())
        };
        record.returns.push(part.clone());
        writes.push(put(key, Expect::Version(version), &record));
        let linked = self.is_linked(request, customer, record.member).await?;
        let (part, entry) = (Box::new(part), entry.map(Box::new));
        let answer = tell(&ReturnDone::Returned { part, entry, linked });
        if !request.dry_run {
            self.must_fit(request, customer, writes.len()).await?;
            writes.extend(remember(request, Remembered::Whole(answer.clone())));
            self.programme.commit_timely(request, writes).await?;
        }
        Ok(Told { answer, replayed: false })
    }

    /// Whether limits bound what the use took.
    pub(super) async fn bounds(&self, taken: &OfferTaken) -> Result<bool, Error> {
        let shelf = self.programme.offers().await?;
        Ok(shelf.offer(&taken.offer).is_some_and(|offer| is_bounded(offer)))
    }

    /// What offers had given by a use, as far as it has not come back.
    pub(super) async fn still_given(&self, record: &UseRecord) -> Result<Given, Error> {
        if record.state == UseState::Returned {
            return Ok(Given::new());
        }
        let (brand, by) = (record.brand.clone(), record.by.clone());
        let all = ReturnAsk { brand, by, lines: None, refund_id: None };
        let (_, mut given) = lines_back(&mut record.clone(), &all, &self.figures(record).await?)?;
        let rest = given::of_delivery(record).into_iter().chain(given::of_pieces(record));
        rest.for_each(|own| given::add(&mut given, own));
        Ok(given)
    }

    /// What of that comes back once it is no longer needed.
    pub(super) async fn restoring(&self, taken: &[OfferTaken]) -> Result<Vec<OfferTaken>, Error> {
        let places: Vec<_> = taken.iter().map(|taken| (taken.offer.clone(), taken.version)).collect();
        let versions = self.programme.versions_of_offers(&places).await?;
        let restores = |taken: &&OfferTaken| {
            let offer = versions.get(&(taken.offer.clone(), taken.version));
            offer.is_some_and(|offer| offer.restore != Restore::Never)
        };
        Ok(taken.iter().filter(restores).cloned().collect())
    }
}

/// What of which lines comes back; the record then says that it has. And what had been given for it, by offer, of what the
/// lines were given.
fn lines_back(
    record: &mut UseRecord,
    ask: &ReturnAsk,
    figures: &Figures,
) -> Result<(Vec<LineBack>, Given), Refusal> {
    let left = |record: &UseRecord, place: usize| {
        Quantity(record.lines[place].1.0.saturating_sub(record.gone[place].0))
    };
    let coming: Vec<(usize, Quantity)> = match &ask.lines {
        None => (0..record.lines.len()).map(|place| (place, left(record, place))).collect(),
        Some(lines) => {
            let mut coming = Vec::with_capacity(lines.len());
            for (index, (line, quantity)) in lines.iter().enumerate() {
                let place = record.lines.iter().position(|(own, _)| own == line).ok_or_else(|| {
                    let pointer = format!("/use/lines/{index}/line_id");
                    let detail = format!("the use has no line {line}");
                    Refusal::InvalidField(vec![Fault::new(pointer, "unknown_line", detail)])
                })?;
                coming.push((place, *quantity));
            }
            coming
        }
    };
    let (mut lines, mut given) = (Vec::new(), Vec::new());
    for (place, quantity) in coming.into_iter().filter(|(_, quantity)| quantity.0 > 0) {
        if quantity > left(record, place) {
            let remaining =
                (0..record.lines.len()).map(|own| (record.lines[own].0.clone(), left(record, own)));
            return Err(Refusal::OverRefund { remaining: Remaining::Lines(remaining.collect()) });
        }
        let frozen = Frozen { quantity: record.lines[place].1, gone: record.gone[place] };
        let Some(Line::Priced(priced)) = record.answer.lines.get(place) else { continue };
        let back = line_back(priced, frozen, quantity);
        record.gone[place] = Quantity(record.gone[place].0.saturating_add(quantity.0));
        figures.back(place, frozen, quantity).into_iter().for_each(|own| given::add(&mut given, own));
        lines.push(back);
    }
    Ok((lines, given))
}

fn line_back(priced: &Priced, frozen: Frozen, quantity: Quantity) -> LineBack {
    // It was checked that so much remains.
    let back = |figure| frozen.back(figure, quantity).unwrap_or_default();
    let discounts = by_offer(&priced.discounts).into_iter().map(|(offer, all)| (offer, back(all)));
    LineBack {
        line_id: priced.line_id.clone(),
        quantity,
        net: back(priced.net),
        discounts: discounts.collect(),
    }
}

/// Shares in their order, those of one offer together.
fn by_offer(shares: &[Share]) -> Vec<(OfferId, Money)> {
    let mut sums: Vec<(OfferId, Money)> = Vec::new();
    for share in shares {
        match sums.iter_mut().find(|(offer, _)| *offer == share.by.offer) {
            Some((_, sum)) => sum.0 = sum.0.saturating_add(share.amount.0),
            None => sums.push((share.by.offer.clone(), share.amount)),
        }
    }
    sums
}

/// Until when a grant that has ended is good once more; nothing of what is virtual, and of what has not ended.
pub(super) fn good_until(
    changes: &Changes,
    taken: &OfferTaken,
    programme: &Programme,
    now: Instant,
) -> Option<Instant> {
    let ends = changes.ends(taken.grant.filter(|_| taken.pieces > 0)?)?;
    let (zone, days) = (programme.zone, programme.points.restore_grace_days);
    let is_over = ends <= now && days > 0;
    is_over.then(|| zone.midnight(zone.day(now).plus_days(days)))
}

/// What a part is known by; nothing of what came back yet.
fn part_of(ask: &ReturnAsk, entry: Option<&EntryRecord>) -> UseReturn {
    let key = |entry: &EntryRecord| keys::entry(entry.member, entry.seq).as_bytes().to_vec();
    UseReturn {
        refund_id: ask.refund_id.clone(),
        content: ask.content(),
        lines: Vec::new(),
        delivery: None,
        is_whole: false,
        recorded: DayNumber::NEVER,
        restored: Vec::new(),
        grants: Vec::new(),
        entry: entry.map(key),
        given: Vec::new(),
    }
}
