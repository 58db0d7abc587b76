//! Offers are used 核销 (rewards.md, 5): what an order was priced at is taken in one commit, or set aside for it first.

use std::collections::HashSet;

use domain::{
    condition::Wants,
    decide::{Command, Context},
    event::{EventType, OfferTaken, OfferUsed},
    id::MemberId,
    offer::{grant::HeldBy, openings::OwnDays, price::Answer, printed::Printed},
    programme::Programme,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::{Request, Told, remember},
    accounts::offers::place_of,
    ledger::{
        act::Whom,
        execute::outcome,
        parts::{MemberPart, Parts, Primary},
    },
    offers::{
        Offers,
        asking::UseAsk,
        basis::Contested,
        changes::{Changes, For, Step, TAKEN_MAX},
        customer::Customer,
        held::{Holdings, OwnHold, Taker, Took},
        noted::noted,
        promised::{must_be_of, of_another, tell_as_quoted},
        refusing::{NotUsed, must_be_active, priced_at, refused},
        scene::{PricedOrder, Scene},
        taking::{hold_until, is_bounded, takes},
    },
    programme::shelf::Shelf,
    store::{
        Expect, Key, StoreError, Version, WRITES_MAX, Write,
        error::{Error, until_settled},
        keys,
        reading::Loaded,
        records::{Answer as Kept, EntryRecord, Remembered, UseRecord, UseState},
        turns::{Turn, Turns},
        write::{put, unchanged},
    },
};

/// What was done.
#[derive(Clone, Debug)]
pub struct UseDone {
    /// The use as it is now.
    pub record: UseRecord,
    /// Its entry; none while it is held, and of a guest.
    pub entry: Option<EntryRecord>,
}

/// Done, or why not.
pub(super) type Outcomes = Result<Told, NotUsed>;

/// A use in the making.
pub(super) struct Attempt<'a> {
    pub(super) request: &'a Request,
    pub(super) ask: &'a UseAsk,
    pub(super) key: Key,
    pub(super) content: [u8; 32],
    pub(super) via: Option<MemberId>,
    pub(super) customer: Option<Customer>,
    pub(super) known: Option<(UseRecord, Version)>,
    pub(super) contested: &'a Contested,
}

impl Attempt<'_> {
    /// That it was told otherwise; of an order, with the number of its last telling.
    pub(super) fn conflict(&self) -> Error {
        let revision = match &self.ask.by {
            HeldBy::Order(_) => Some(self.known.as_ref().map_or(0, |(known, _)| known.last_told())),
            HeldBy::Use(_) => None,
        };
        Refusal::OrderConflict { revision }.into()
    }

    pub(super) fn now(&self) -> Instant {
        self.customer.as_ref().map_or(self.request.now, |customer| customer.now)
    }
}

impl Offers {
    /// Uses offers for an order or without one, once; or sets everything aside for it. `tell` makes the answer.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`], [`Refusal::MemberNotActive`], [`Refusal::OrderConflict`],
    /// [`Refusal::AlreadyCancelled`], [`Refusal::HoldExpired`], [`Refusal::QuoteExpired`]; see [`Error`].
    pub async fn use_offers(
        &self,
        request: &Request,
        ask: &UseAsk,
        tell: impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let contested = Contested::default();
        until_settled(|_| async {
            let request = self.access.renewed(request);
            match self.attempt_to_use(&request, ask, &contested, &tell).await {
                // Its twin may have been answered before what now refuses this one.
                Err(refused) => self.access.or_remembered(&request, Err(refused)).await.map(Ok),
                done => done,
            }
        })
        .await
    }

    async fn attempt_to_use(
        &self,
        request: &Request,
        ask: &UseAsk,
        contested: &Contested,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        if let Some(answer) = self.access.remembered(request).await? {
            return Ok(Ok(Told { answer, replayed: true }));
        }
        let mut turns = self.ledger.queues.begin();
        let via = match &ask.draft.whom {
            Some(whom) => Some(self.turn_of(request, whom, &mut turns).await?),
            None => None,
        };
        let accounts = contested.accounts();
        turns.take(&accounts.iter().map(Turn::Pool).collect::<Vec<_>>()).await;
        let customer = match via {
            Some(via) => Some(self.customer(request, &Whom::Id(via)).await?),
            None => None,
        };
        let key = keys::offer_use(&ask.draft.brand, &ask.by);
        let content = ask.content();
        let known = self.records.read::<UseRecord>(&key).await?;
        let attempt = Attempt { request, ask, key, content, via, customer, known, contested };
        self.use_or_repeat(attempt, tell).await
    }

    /// Waits for the turn of the member that is named.
    async fn turn_of(
        &self,
        request: &Request,
        whom: &Whom,
        turns: &mut Turns<'_>,
    ) -> Result<MemberId, Error> {
        let via = self.ledger.member_of(request, whom).await?.ok_or(Refusal::MemberNotFound)?;
        turns.take(&[Turn::Member(via)]).await;
        Ok(via)
    }

    async fn use_or_repeat(
        &self,
        attempt: Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let (ask, now) = (attempt.ask, attempt.now());
        let (last, state) = match &attempt.known {
            Some((known, _)) => (known.last_told(), Some(known.state)),
            None => (0, None),
        };
        if ask.revision > last.max(1) {
            return self.revise(attempt, last, tell).await;
        }
        let is_same = match &attempt.known {
            Some((known, _)) => {
                known.content == attempt.content && self.asked_by(known.member, &attempt).await?
            }
            None => false,
        };
        match state {
            None => {}
            Some(UseState::Held { until }) if until <= now && !ask.retake => {
                return Err(Refusal::HoldExpired.into());
            }
            Some(UseState::Held { until }) if until <= now => {}
            Some(UseState::Held { .. }) if !is_same => return Err(attempt.conflict()),
            Some(UseState::Held { .. }) if !ask.hold => return self.confirm(attempt, tell).await,
            Some(_) => return self.repeat(&attempt, tell).await,
        }
        self.take(attempt, tell).await
    }

    /// Prices the order and takes what it uses, or sets that aside.
    async fn take(
        &self,
        mut attempt: Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let (ask, now) = (attempt.ask, attempt.now());
        if let Some(customer) = &attempt.customer {
            must_be_active(customer)?;
        }
        let programmes = self.programme.timeline()?;
        let programme = programmes.at(now);
        let at = priced_at(programme, ask, now)?;
        let shelf = self.programme.offers().await?;
        let holdings = self.own_holdings(&attempt, &shelf).await?;
        let draft = &ask.draft;
        let quoted = ask.quote.as_ref();
        if let Some(quote) = quoted {
            if !self.asked_by(quote.member, &attempt).await? {
                return Err(of_another().into());
            }
            must_be_of(quote, draft.hash(), now)?;
        }
        // What an order costs was said under the programme of then.
        let of_pricing = quoted.and_then(|quote| programmes.version(quote.programme)).unwrap_or(programme);
        let scene = Scene {
            draft,
            shelf: &shelf,
            holdings: &holdings,
            programme: of_pricing,
            now,
            at,
            quoted,
            past: None,
        };
        let mut priced = self.price(attempt.customer.as_mut(), &scene).await?;
        if let Some(not_used) = refused(&priced) {
            self.must_be_first(&attempt).await?;
            return Ok(Err(not_used));
        }
        if let Some(quote) = quoted {
            tell_as_quoted(&mut priced, quote, &shelf);
        }
        let days = self.days(attempt.customer.as_mut(), &priced, programme).await?;
        let (taken, windows) = takes(&priced, &scene, attempt.via, &days);
        let today = programme.zone.day(now).number();
        let until = ask.hold.then(|| hold_until(programme, &priced, now));
        must_be_few(&taken)?;
        let mut changes = Changes::judged_by(&holdings.basis, attempt.contested);
        let old = attempt.known.take();
        if let Some((old, _)) = &old {
            self.read_taken(&mut changes, &old.taken).await?;
        }
        self.read_taken(&mut changes, &taken).await?;
        for (key, window) in windows {
            changes.open_window(key, window);
        }
        let bounds = |taken: &OfferTaken| shelf.offer(&taken.offer).is_some_and(|offer| is_bounded(offer));
        if let Some((old, _)) = &old
            && let UseState::Held { until } = old.state
        {
            for taken in &old.taken {
                changes.apply(For::of(old), taken, bounds(taken), Step::Release(until));
            }
        }
        let own = For::new(&draft.brand, &ask.by, attempt.via, today);
        for taken in &taken {
            let step = until.map_or(Step::Take, Step::Hold);
            changes.apply(own, taken, bounds(taken), step);
        }
        let held_of = taken.iter().filter(|taken| until.is_some() && bounds(taken));
        let held_at = held_of.map(|taken| (taken.offer.clone(), changes.place_of(&taken.offer))).collect();
        let member = attempt.customer.as_ref().map(|customer| &customer.member);
        let grants = member.map(|member| changes.grants_then(&shelf, member, &taken, now));
        let record = UseRecord {
            brand: draft.brand.clone(),
            by: ask.by.clone(),
            member: attempt.via,
            revision: 1,
            content: attempt.content,
            happened: ask.occurred_at.unwrap_or(at),
            known_at: quoted.map_or(now, |quote| quote.at),
            programme: of_pricing.version,
            state: until.map_or(UseState::Used, |until| UseState::Held { until }),
            priced_at: at,
            day: today,
            recorded: today,
            answer: Answer { points: None, ..priced.answer },
            names: priced.names,
            lines: draft.lines.iter().map(|line| (line.line_id.clone(), line.quantity)).collect(),
            has: taken.clone(),
            taken,
            had: Vec::new(),
            held_at,
            grants: grants.unwrap_or_default(),
            back: Vec::new(),
            entry: None,
            gone: vec![domain::number::Quantity::NONE; draft.lines.len()],
            returns: Vec::new(),
            given_before: Vec::new(),
        };
        let version = old.map(|(_, version)| version);
        self.write_use(&attempt, (record, version), changes, None, tell).await
    }

    /// Who is told that something is used up, and has used it up itself by the same request, is told what that was told:
    /// another instance may have answered it since this attempt began.
    ///
    /// # Errors
    /// [`StoreError::LostRace`] if so.
    pub(super) async fn must_be_first(&self, attempt: &Attempt<'_>) -> Result<(), Error> {
        let now = self.records.read::<UseRecord>(&attempt.key).await?.map(|(_, version)| version);
        let then = attempt.known.as_ref().map(|(_, version)| *version);
        if now == then { Ok(()) } else { Err(StoreError::LostRace.into()) }
    }

    /// Writes a use, with its entry where it is final and a member's; and the telling before, to be told again when it is.
    pub(super) async fn write_use(
        &self,
        attempt: &Attempt<'_>,
        (mut record, version): (UseRecord, Option<Version>),
        changes: Changes,
        before: Option<UseRecord>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let (request, now) = (attempt.request, attempt.now());
        let today = self.programme.timeline()?.at(now).zone.day(now).number();
        record.recorded = today;
        let counted = changes.accounts_counted();
        let mut writes = self.writes(changes, now, today).await?;
        if let (Some(customer), UseState::Held { .. }) = (&attempt.customer, record.state) {
            writes.extend(one_of_several(customer));
        }
        let mut entry = None;
        if let (Some(customer), UseState::Used) = (&attempt.customer, record.state) {
            let used = OfferUsed {
                brand: record.brand.clone(),
                by: record.by.clone(),
                revision: record.revision,
                total: record.answer.total,
                saved: record.answer.saved,
                taken: record.taken.clone(),
                had: record.had.clone(),
                back: record.given_before.clone(),
            };
            let (own, written) =
                self.entered(request, customer, record.member, &Command::UseOffers(&used)).await?;
            record.entry = Some(keys::entry(own.member, own.seq).as_bytes().to_vec());
            entry = Some(own);
            writes.extend(written);
        }
        writes.push(put(attempt.key.clone(), unchanged(version), &record));
        if let Some(told) = before {
            let key = keys::offer_use_told(&told.brand, &told.by, told.revision);
            writes.push(put(key, unchanged(None), &told));
        }
        if let (Some(customer), UseState::Held { .. }) = (&attempt.customer, record.state) {
            let whose = (customer.member.id, now);
            let note = noted(request, whose, &record, EventType::GrantHeld, &writes);
            writes.extend(note);
        }
        let answer = tell(&UseDone { record, entry });
        if !request.dry_run {
            self.must_fit(request, attempt.customer.as_ref(), writes.len()).await?;
            request.note(&mut writes);
            writes.extend(remember(request, Remembered::Whole(answer.clone())));
            let done = self.programme.commit_timely(request, writes).await;
            if let Err(Error::Store(StoreError::LostRace)) = &done {
                counted.into_iter().for_each(|key| attempt.contested.note(key));
            }
            done?;
        }
        Ok(Ok(Told { answer, replayed: false }))
    }

    /// A commit has room for it; what time has done to the member is written first, if that makes it too long.
    ///
    /// # Errors
    /// [`StoreError::LostRace`] where that was written, for another attempt; [`Refusal::LimitExceeded`] where it is too long
    /// without.
    pub(super) async fn must_fit(
        &self,
        request: &Request,
        customer: Option<&Customer>,
        writes: usize,
    ) -> Result<(), Error> {
        // Two more may follow, and the note of what staff do.
        if writes + 3 <= WRITES_MAX {
            return Ok(());
        }
        match customer {
            Some(customer) => {
                let (timely, now) = (customer.timely.len(), customer.now);
                self.ledger.settle_first(request, &customer.loaded, timely, now).await?;
                Ok(())
            }
            None => Err(Refusal::LimitExceeded { what: "entries" }.into()),
        }
    }

    /// The entry of a command that moves no points, and what it writes of the member.
    pub(super) async fn entered(
        &self,
        request: &Request,
        customer: &Customer,
        via: Option<MemberId>,
        command: &Command<'_>,
    ) -> Result<(EntryRecord, Vec<Write>), Error> {
        let now = customer.now;
        let programmes = self.programme.timeline_of(&customer.loaded.record.member).await?;
        let context = Context {
            programmes: &programmes,
            now,
            person: customer.person(),
            history: None,
            any_age: false,
            bringing: None,
        };
        let settled = (&customer.member, &customer.timely[..]);
        let decision = self.ledger.decided(context, &customer.loaded, None, settled, command).await?;
        let timely = customer.timely.len();
        let primary = Primary {
            index: timely + decision.before,
            key: None,
            content: request.content,
            outcome: outcome(&decision),
            blocks: Vec::new(),
            charged: false,
            code: None,
        };
        let part = MemberPart {
            before: Some(&customer.loaded),
            brand: None,
            after: &decision.member,
            events: customer.timely.iter().chain(&decision.events).cloned().collect(),
            timely,
            primary: Some(primary),
            via,
        };
        let mut parts = Parts::new(&self.programme, &programmes, request.by, now);
        let entry = parts.member(part).ok_or(Refusal::UseNotFound)?;
        Ok((entry, parts.into_writes()))
    }

    /// What the customer holds, without what this order has set aside itself.
    pub(super) async fn own_holdings(&self, attempt: &Attempt<'_>, shelf: &Shelf) -> Result<Holdings, Error> {
        let ask = attempt.ask;
        let mut holdings = match &attempt.customer {
            Some(customer) => {
                let own = Some((ask.draft.brand.clone(), ask.by.clone()));
                self.holdings_but(shelf, &customer.member, attempt.now(), own).await?
            }
            None => Holdings::default(),
        };
        holdings.own = Some((ask.draft.brand.clone(), ask.by.clone()));
        let place = place_of(attempt.via, &attempt.key);
        let contested = attempt.contested.clone();
        holdings.taker = (!attempt.request.dry_run).then_some(Taker { place, contested });
        if let Some((known, _)) = &attempt.known
            && let UseState::Held { until } = known.state
        {
            let own = known.taken.iter().filter_map(|taken| {
                let (offer, place) = known.held_at.iter().find(|(offer, _)| *offer == taken.offer)?;
                let took = Took { uses: taken.uses, amount: taken.amount, day: known.day };
                Some(OwnHold { offer: offer.clone(), place: *place, took, until })
            });
            holdings.own_takes = own.collect();
        }
        Ok(holdings)
    }

    /// The member's own days, if an offer that applied asks for them.
    pub(super) async fn days(
        &self,
        customer: Option<&mut Customer>,
        priced: &PricedOrder,
        programme: &Programme,
    ) -> Result<OwnDays, Error> {
        let Some(customer) = customer else { return Ok(OwnDays::default()) };
        if priced.offers.values().any(|offer| offer.when.anniversary.is_some()) {
            self.learn(customer, Wants::PERSON).await?;
        }
        Ok(customer.own_days(programme.zone))
    }
}

/// What orders of one member set aside by way of several of its records, which each have places of their own for it, is set
/// aside in turn: the member's record is written as it was read. Whoever has absorbed nobody has one place alone.
fn one_of_several(customer: &Customer) -> Option<Write> {
    let Loaded { record, version } = &customer.loaded;
    let member = &record.member;
    (!member.absorbed.is_empty()).then(|| put(keys::member(member.id), Expect::Version(*version), record))
}

/// What is set aside can be taken in one commit: each grant, window and code, and the account of each offer.
fn must_be_few(taken: &[OfferTaken]) -> Result<(), Refusal> {
    let grants: HashSet<_> = taken.iter().filter_map(|taken| taken.grant).collect();
    let codes = grants.iter().filter(|id| Printed::of_id(**id).is_some()).count();
    let accounts: HashSet<_> = taken.iter().map(|taken| &taken.offer).collect();
    match grants.len() + codes + accounts.len() <= TAKEN_MAX {
        true => Ok(()),
        false => Err(Refusal::LimitExceeded { what: "offers" }),
    }
}
