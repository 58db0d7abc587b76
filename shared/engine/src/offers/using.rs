//! Offers are used 核销 (rewards.md, 5): what an order was priced at is taken in one commit, or set aside for it first.

use std::{collections::HashSet, sync::Arc};

use domain::{
    condition::Wants,
    decide::{AHEAD_MILLIS_MAX, Command, Context},
    event::{GrantName, OfferTaken, OfferUsed},
    id::MemberId,
    member::Status,
    offer::{
        Gives, How, Offer,
        grant::HeldBy,
        openings::OwnDays,
        price::{Answer, Line, Outcome, Told as ToldOf},
    },
    programme::Programme,
    refusal::Refusal,
    time::{Instant, MINUTE_MILLIS},
};
use sha2::{Digest as _, Sha256};

use crate::{
    access::requests::{Request, Told, remember},
    ledger::{
        act::Whom,
        execute::outcome,
        parts::{MemberPart, Parts, Primary},
    },
    offers::{
        Offers,
        changes::{Changes, For, Step},
        customer::Customer,
        draft::DraftOrder,
        evaluation::{PricedOrder, Scene},
        held::{HeldAs, Holdings, Took},
        promised::{must_be_of, tell_as_quoted},
        quote::Quote,
    },
    programme::shelf::Shelf,
    store::{
        Key, Version, Write,
        error::{Error, until_settled},
        keys,
        records::{
            Answer as Kept, CouponName, EntryRecord, Remembered, UseRecord, UseState, WindowRecord,
        },
        turns::{Turn, Turns},
        write::{put, unchanged},
    },
};

const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;

/// A use, as a caller asks for it.
#[derive(Clone, Debug)]
pub struct UseAsk {
    /// What is bought, and the coupons; of a use without an order no lines.
    pub draft: DraftOrder,
    /// The order, or the use without one.
    pub by: HeldBy,
    /// Whether everything is only set aside.
    pub hold: bool,
    /// Whether what was set aside and has ended is taken anew.
    pub retake: bool,
    /// What was promised.
    pub quote: Option<Quote>,
    /// When it happened, told late; now unless given.
    pub occurred_at: Option<Instant>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct UseDone {
    /// The use as it is now.
    pub record: UseRecord,
    /// Its entry; none while it is held, and of a guest.
    pub entry: Option<EntryRecord>,
}

/// Why offers are not used.
#[derive(Clone, Debug)]
pub enum NotUsed {
    /// These would not apply.
    Reasons {
        /// What they are.
        told: Vec<ToldOf>,
        /// How coupons are told.
        names: Vec<CouponName>,
    },
    /// These lines are not sold to the member yet.
    Blocked(Vec<Line>),
}

/// Done, or why not.
type Outcomes = Result<Told, NotUsed>;

impl UseAsk {
    /// The hash of what is asked, whatever says how: the same again is the same use.
    fn content(&self, member: Option<MemberId>) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.draft.hash(member));
        hash.update(self.draft.pieces.to_be_bytes());
        hash.update(self.occurred_at.map_or(0, |at| at.0).to_be_bytes());
        for named in &self.draft.grants {
            hash.update(named.sent.as_bytes());
            hash.update(b"\0");
        }
        hash.update(b"\0");
        for code in &self.draft.codes {
            hash.update(code.as_bytes());
            hash.update(b"\0");
        }
        hash.finalize().into()
    }
}

/// A use in the making.
struct Attempt<'a> {
    request: &'a Request,
    ask: &'a UseAsk,
    key: Key,
    content: [u8; 32],
    via: Option<MemberId>,
    customer: Option<Customer>,
    known: Option<(UseRecord, Version)>,
}

impl Attempt<'_> {
    fn own<'a>(&'a self, record: &'a UseRecord) -> For<'a> {
        For { brand: &record.brand, by: &record.by, day: record.day }
    }

    fn now(&self) -> Instant {
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
        until_settled(|_| async {
            let request = self.access.renewed(request);
            self.attempt_to_use(&request, ask, &tell).await
        })
        .await
    }

    async fn attempt_to_use(
        &self,
        request: &Request,
        ask: &UseAsk,
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
        let customer = match via {
            Some(via) => Some(self.customer(request, &Whom::Id(via)).await?),
            None => None,
        };
        let key = keys::offer_use(&ask.draft.brand, &ask.by);
        let content = ask.content(customer.as_ref().map(|customer| customer.member.id));
        let known = self.records.read::<UseRecord>(&key).await?;
        let attempt = Attempt { request, ask, key, content, via, customer, known };
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
        let is_same = attempt.known.as_ref().is_some_and(|(known, _)| known.content == attempt.content);
        let state = attempt.known.as_ref().map(|(known, _)| known.state);
        match state {
            None => {}
            Some(UseState::Returned) if is_same => return Err(Refusal::AlreadyCancelled.into()),
            Some(UseState::Held { until }) if until <= now => {
                if !ask.retake {
                    return Err(Refusal::HoldExpired.into());
                }
            }
            Some(_) if !is_same => return Err(Refusal::OrderConflict { revision: None }.into()),
            Some(UseState::Held { .. }) if !ask.hold => return self.confirm(attempt, tell).await,
            Some(_) => return self.repeat(&attempt, tell).await,
        }
        self.take(attempt, tell).await
    }

    /// The answer again.
    async fn repeat(
        &self,
        attempt: &Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let Some((record, _)) = &attempt.known else { return Err(Refusal::UseNotFound.into()) };
        let entry = match &record.entry {
            Some(key) => self.records.entry_at(&Key::new(key.clone())).await?,
            None => None,
        };
        let answer = tell(&UseDone { record: record.clone(), entry });
        self.programme.commit_told(attempt.request, Vec::new(), &answer).await?;
        Ok(Ok(Told { answer, replayed: true }))
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
            let member = attempt.customer.as_ref().map(|customer| customer.member.id);
            must_be_of(quote, draft.hash(member), now)?;
        }
        // What an order costs was said under the programme of then.
        let of_pricing = quoted.and_then(|quote| programmes.version(quote.programme)).unwrap_or(programme);
        let scene =
            Scene { draft, shelf: &shelf, holdings: &holdings, programme: of_pricing, now, at, quoted };
        let mut priced = self.price(attempt.customer.as_mut(), &scene).await?;
        if let Some(not_used) = refused(&priced) {
            return Ok(Err(not_used));
        }
        if let Some(quote) = quoted {
            tell_as_quoted(&mut priced, quote, &shelf);
        }
        let days = self.days(attempt.customer.as_mut(), &priced, programme).await?;
        let (taken, windows) = takes(&priced, &scene, attempt.via, &days);
        let today = programme.zone.day(now).number();
        let until = ask.hold.then(|| hold_until(programme, &priced, now));
        let mut changes = Changes::default();
        let old = attempt.known.take();
        if let Some((old, _)) = &old {
            self.read_taken(&mut changes, &old.taken).await?;
        }
        self.read_taken(&mut changes, &taken).await?;
        for (key, window) in windows {
            changes.open_window(key, window);
        }
        let counts = |taken: &OfferTaken| shelf.offer(&taken.offer).is_some_and(|offer| is_counted(offer));
        if let Some((old, _)) = &old
            && let UseState::Held { until } = old.state
        {
            for taken in &old.taken {
                changes.apply(attempt.own(old), taken, counts(taken), Step::Release(until));
            }
        }
        let own = For { brand: &draft.brand, by: &ask.by, day: today };
        for taken in &taken {
            let step = until.map_or(Step::Take, Step::Hold);
            changes.apply(own, taken, counts(taken), step);
        }
        let member = attempt.customer.as_ref().map(|customer| &customer.member);
        let grants = member.map(|member| changes.grants_then(&shelf, member, &taken, now));
        let record = UseRecord {
            brand: draft.brand.clone(),
            by: ask.by.clone(),
            member: attempt.via,
            content: attempt.content,
            state: until.map_or(UseState::Used, |until| UseState::Held { until }),
            priced_at: at,
            day: today,
            answer: Answer { points: None, ..priced.answer },
            names: priced.names,
            lines: draft.lines.iter().map(|line| (line.line_id.clone(), line.quantity)).collect(),
            taken,
            grants: grants.unwrap_or_default(),
            entry: None,
            gone: vec![domain::number::Quantity::NONE; draft.lines.len()],
            returns: Vec::new(),
        };
        let version = old.map(|(_, version)| version);
        self.write_use(&attempt, record, version, changes, tell).await
    }

    /// Makes final what was set aside, at its prices.
    async fn confirm(
        &self,
        mut attempt: Attempt<'_>,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let Some((held, version)) = attempt.known.take() else { return Err(Refusal::UseNotFound.into()) };
        let now = attempt.now();
        if let Some(customer) = &attempt.customer {
            must_be_active(customer)?;
        }
        let shelf = self.programme.offers().await?;
        let mut changes = Changes::default();
        self.read_taken(&mut changes, &held.taken).await?;
        let revoked: HashSet<_> = held
            .taken
            .iter()
            .filter_map(|taken| taken.grant)
            .filter(|id| changes.is_revoked(*id))
            .collect();
        if !revoked.is_empty() {
            return Ok(Err(NotUsed::revoked(&held, &revoked)));
        }
        if let UseState::Held { until } = held.state {
            for taken in &held.taken {
                let counts = shelf.offer(&taken.offer).is_some_and(|offer| is_counted(offer));
                changes.apply(attempt.own(&held), taken, counts, Step::Release(until));
                changes.apply(attempt.own(&held), taken, counts, Step::Take);
            }
        }
        let member = attempt.customer.as_ref().map(|customer| &customer.member);
        let grants = member.map(|member| changes.grants_then(&shelf, member, &held.taken, now));
        let record = UseRecord { state: UseState::Used, grants: grants.unwrap_or_default(), ..held };
        self.write_use(&attempt, record, Some(version), changes, tell).await
    }

    /// Writes a use, with its entry where it is final and a member's.
    async fn write_use(
        &self,
        attempt: &Attempt<'_>,
        mut record: UseRecord,
        version: Option<Version>,
        changes: Changes,
        tell: &impl Fn(&UseDone) -> Kept,
    ) -> Result<Outcomes, Error> {
        let (request, now) = (attempt.request, attempt.now());
        let today = self.programme.timeline()?.at(now).zone.day(now).number();
        let mut writes = self.writes(changes, now, today).await?;
        let mut entry = None;
        if let (Some(customer), UseState::Used) = (&attempt.customer, record.state) {
            let used = OfferUsed {
                brand: record.brand.clone(),
                by: record.by.clone(),
                revision: 1,
                total: record.answer.total,
                saved: record.answer.saved,
                taken: record.taken.clone(),
            };
            let (own, written) =
                self.entered(request, customer, record.member, &Command::UseOffers(&used)).await?;
            record.entry = Some(keys::entry(own.member, own.seq).as_bytes().to_vec());
            entry = Some(own);
            writes.extend(written);
        }
        writes.push(put(attempt.key.clone(), unchanged(version), &record));
        let answer = tell(&UseDone { record, entry });
        if !request.dry_run {
            request.note(&mut writes);
            writes.extend(remember(request, Remembered::Whole(answer.clone())));
            self.programme.commit_timely(request, writes).await?;
        }
        Ok(Ok(Told { answer, replayed: false }))
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
    async fn own_holdings(&self, attempt: &Attempt<'_>, shelf: &Shelf) -> Result<Holdings, Error> {
        let ask = attempt.ask;
        let mut holdings = match &attempt.customer {
            Some(customer) => {
                let own = Some((ask.draft.brand.clone(), ask.by.clone()));
                self.holdings_but(shelf, &customer.member, attempt.now(), own).await?
            }
            None => Holdings::default(),
        };
        if let Some((known, _)) = &attempt.known
            && let UseState::Held { until } = known.state
        {
            let own = known.taken.iter().map(|taken| {
                let took = Took { uses: taken.uses, amount: taken.amount, day: known.day };
                (taken.offer.clone(), took, until)
            });
            holdings.own_takes = own.collect();
        }
        Ok(holdings)
    }

    /// The member's own days, if an offer that applied asks for them.
    async fn days(
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

impl NotUsed {
    /// Those of what was set aside that were taken back meanwhile.
    fn revoked(held: &UseRecord, revoked: &HashSet<domain::id::GrantId>) -> NotUsed {
        let is_revoked = |told: &&ToldOf| {
            let name = told.coupon.and_then(|place| held.names.get(place));
            matches!(name, Some(CouponName::Grant(Some(id))) if revoked.contains(id))
        };
        let why = |told: &ToldOf| ToldOf {
            outcome: Outcome::Not(domain::offer::price::Reason::Revoked),
            ..told.clone()
        };
        let told = held.answer.coupons.iter().filter(is_revoked).map(why).collect();
        NotUsed::Reasons { told, names: held.names.clone() }
    }
}

fn must_be_active(customer: &Customer) -> Result<(), Refusal> {
    match customer.member.status {
        Status::Active => Ok(()),
        status => Err(Refusal::MemberNotActive { status: status.word() }),
    }
}

/// The moment of pricing: that of the quote, or when it happened.
fn priced_at(programme: &Programme, ask: &UseAsk, now: Instant) -> Result<Instant, Refusal> {
    if let Some(quote) = &ask.quote {
        return Ok(quote.at);
    }
    let Some(told) = ask.occurred_at else { return Ok(now) };
    if told > now.plus_millis(AHEAD_MILLIS_MAX) {
        return Err(Refusal::OccurredInFuture);
    }
    let hours = programme.points.redeem_late_hours;
    if told.plus_millis(i64::from(hours) * HOUR_MILLIS) < now {
        return Err(Refusal::RedeemedTooLongAgo { hours });
    }
    Ok(told)
}

/// Why the order is not used as it was priced: a line is blocked, or a coupon would not apply, or something that a quote
/// promised.
fn refused(priced: &PricedOrder) -> Option<NotUsed> {
    let blocked = |line: &&Line| matches!(line, Line::Blocked { .. });
    let lines: Vec<Line> = priced.answer.lines.iter().filter(blocked).cloned().collect();
    if !lines.is_empty() {
        return Some(NotUsed::Blocked(lines));
    }
    let not = |told: &&ToldOf| matches!(told.outcome, Outcome::Not(_));
    let coupons = priced.answer.coupons.iter().filter(not);
    let told: Vec<ToldOf> = priced.broken.iter().chain(coupons).cloned().collect();
    (!told.is_empty()).then(|| NotUsed::Reasons { told, names: priced.names.clone() })
}

/// Whether an offer's account counts what uses take.
fn is_counted(offer: &Offer) -> bool {
    offer.uses.total.is_some() || offer.uses.per_day.is_some() || offer.budget.is_some()
}

/// Whether what a member takes of it is counted in windows.
fn has_windows(offer: &Offer) -> bool {
    match offer.how {
        How::Auto => {
            let is_service = matches!(&offer.gives, Gives::Service(service) if service.per.is_some());
            offer.per_member.is_some() || is_service
        }
        How::Code => offer.per_member.is_some(),
        How::Claim | How::Buy | How::Issue => false,
    }
}

/// What the use takes of each offer that applied, and the windows that nothing was taken in yet.
fn takes(
    priced: &PricedOrder,
    scene: &Scene<'_>,
    via: Option<MemberId>,
    days: &OwnDays,
) -> (Vec<OfferTaken>, Vec<(Key, WindowRecord)>) {
    let (mut taken, mut windows) = (Vec::new(), Vec::new());
    for told in priced.answer.offers.iter().chain(&priced.answer.coupons) {
        let Some((id, version)) = &told.offer else { continue };
        let Some(offer) = priced.offers.get(id) else { continue };
        let (uses, amount) = told.outcome.takes(offer);
        if uses == 0 {
            continue;
        }
        let place = told.coupon.and_then(|coupon| priced.places.get(coupon).copied().flatten());
        let issued = place.filter(|place| {
            matches!(scene.holdings.records.get(*place), Some(HeldAs::Issued(..)))
        });
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (grant, pieces) = match issued {
            Some(place) => (scene.holdings.grants[place].id, small(uses)),
            None => match via.filter(|_| has_windows(offer)) {
                Some(via) => (window_of(offer, scene, via, days, &mut windows), small(uses)),
                None => (None, 0),
            },
        };
        let (offer, version) = (id.clone(), *version);
        taken.push(OfferTaken { offer, version, grant, pieces, uses, amount });
    }
    (taken, windows)
}

/// The window that the moment of pricing is in: what was taken there before, or a new one.
fn window_of(
    offer: &Arc<Offer>,
    scene: &Scene<'_>,
    via: MemberId,
    days: &OwnDays,
    windows: &mut Vec<(Key, WindowRecord)>,
) -> Option<domain::id::GrantId> {
    let span = offer.span(scene.programme.zone, days, scene.at);
    if let Some(known) = scene.holdings.of_window(&offer.id, span.number).next() {
        return keys::grant_id(&known.key);
    }
    let number = scene.shelf.number(&offer.id)?;
    let name = GrantName { holder: via, offer: number, window: span.number, number: 0 };
    let record = WindowRecord {
        holder: via,
        offer: offer.id.clone(),
        since: scene.now,
        begin: span.begin,
        end: span.end,
        taken: 0,
        held: Vec::new(),
    };
    windows.push((keys::grant(name), record));
    Some(name.id())
}

/// Until when a hold lasts: the least that its offers say, or the programme, up to the next full minute.
fn hold_until(programme: &Programme, priced: &PricedOrder, now: Instant) -> Instant {
    let applied = priced.answer.offers.iter().chain(&priced.answer.coupons).filter_map(|told| {
        let applies = !matches!(told.outcome, Outcome::Not(_));
        told.offer.as_ref().filter(|_| applies)
    });
    let own = applied.filter_map(|(id, _)| priced.offers.get(id)?.hold_minutes).min();
    let minutes = own.unwrap_or(programme.offers.hold_minutes);
    let end = now.plus_millis(i64::from(minutes) * MINUTE_MILLIS);
    let into = end.0.rem_euclid(MINUTE_MILLIS);
    if into == 0 { end } else { end.plus_millis(MINUTE_MILLIS - into) }
}
