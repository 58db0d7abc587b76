//! What an order costs now, with offers: composes what is known of it, and prices it. Nothing is written.

use std::{collections::HashMap, sync::Arc};

use domain::{
    decide::{EarnLine, EarnOrder},
    id::{OfferId, OrderId},
    number::{Money, SignedMoney},
    offer::{
        Gives, How, Offer,
        grant::Grant,
        price::{self, Answer, Choose, Coupon, Judged, Known, Line, Rules, State, Unpriced, concerns},
        printed::Printed,
    },
    programme::Programme,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    access::requests::Request,
    ledger::would::WouldEarn,
    offers::{
        Offers,
        appraisal::{Appraisal, Appraiser, Grounds},
        customer::Customer,
        draft::{DraftOrder, NamedGrant},
        held::Holdings,
        quote::{CouponName, OfferTag, Quote},
    },
    programme::shelf::Shelf,
    store::{error::Error, keys, records::PrintedCodeRecord},
};

/// The id of an order that is not placed: no shop can say it.
const UNPLACED: &str = "\0";

/// What an order costs now.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// What it costs, and why.
    pub answer: Answer,
    /// How each coupon is told, by its place among those that were known.
    pub names: Vec<CouponName>,
    /// What an order of the nets would be granted now.
    pub earns: WouldEarn,
    /// What is promised.
    pub quote: Quote,
}

/// A coupon, as it was found.
struct Found {
    name: CouponName,
    /// The version that governs it; `None` where nothing was found.
    offer: Option<Arc<Offer>>,
    is_code: bool,
    is_listed: bool,
    state: State,
    left: Option<u64>,
    ends: Option<Instant>,
    issued: u64,
    /// The place of the grant among those that are held; none of what was not used in its window before, and of a code.
    place: Option<usize>,
    /// The printed code that it is.
    printed: Option<Printed>,
}

/// Where an order is priced.
pub(crate) struct Scene<'a> {
    /// The order.
    pub(crate) draft: &'a DraftOrder,
    /// The newest versions.
    pub(crate) shelf: &'a Shelf,
    /// What the customer holds.
    pub(crate) holdings: &'a Holdings,
    /// The programme in force.
    pub(crate) programme: &'a Programme,
    /// Now, by which is judged what is left.
    pub(crate) now: Instant,
    /// The moment of pricing, by which is judged what is open and has begun.
    pub(crate) at: Instant,
    /// What was promised, whose offers and versions hold.
    pub(crate) quoted: Option<&'a Quote>,
}

/// An order that was priced, and by what.
pub(crate) struct PricedOrder {
    /// What it costs, and why.
    pub(crate) answer: Answer,
    /// How each coupon is told, by its place among those that were known.
    pub(crate) names: Vec<CouponName>,
    /// The place of each coupon's grant among those that are held, likewise.
    pub(crate) places: Vec<Option<usize>>,
    /// The printed code that each coupon is, likewise.
    pub(crate) printed: Vec<Option<Printed>>,
    /// The version of each offer that it was priced by.
    pub(crate) offers: HashMap<OfferId, Arc<Offer>>,
}

/// Where coupons are looked for.
struct Finder<'a> {
    draft: &'a DraftOrder,
    shelf: &'a Shelf,
    holdings: &'a Holdings,
    now: Instant,
    at: Instant,
}

/// What a draft names.
enum Named {
    /// A written grant, by its place in order of issue.
    Grant(usize),
    /// What an `auto` item or service gives, and the grant that it has become if it was used before.
    Virtual(Arc<Offer>, Option<usize>),
    /// Nothing.
    Nothing,
}

impl Found {
    fn of_nothing(name: CouponName, is_code: bool) -> Found {
        let state = State::Granted;
        Found {
            name,
            offer: None,
            is_code,
            is_listed: true,
            state,
            left: None,
            ends: None,
            issued: 0,
            place: None,
            printed: None,
        }
    }

    fn coupon<'f>(&self, appraisal: Option<&'f Appraisal>) -> Coupon<'f> {
        Coupon {
            judged: appraisal.map(Appraisal::judged),
            is_code: self.is_code,
            is_listed: self.is_listed,
            state: self.state,
            left: self.left,
            ends: self.ends,
            issued: self.issued,
        }
    }
}

impl Finder<'_> {
    fn grants(&self) -> &[Grant] {
        &self.holdings.grants
    }

    /// What that names: a grant by its id, or by its offer's; or what an `auto` offer gives.
    fn named(&self, named: &NamedGrant) -> Named {
        let by_id = named.id.and_then(|id| self.grants().iter().position(|grant| grant.id == Some(id)));
        if let Some(place) = by_id {
            return Named::Grant(place);
        }
        let Some(id) = named.offer() else { return Named::Nothing };
        match self.shelf.offer(&id) {
            Some(newest) if newest.how == How::Auto => {
                let is_virtual = matches!(newest.gives, Gives::Item { .. } | Gives::Service(_));
                let own = |grant: &Grant| {
                    grant.offer == id && grant.valid_until.is_none_or(|until| until > self.at)
                };
                match is_virtual {
                    true => Named::Virtual(newest.clone(), self.grants().iter().rposition(own)),
                    false => Named::Nothing,
                }
            }
            _ => {
                let listed: Vec<_> = self.draft.grants.iter().filter_map(|named| named.id).collect();
                let is_listed = |grant: &Grant| grant.id.is_some_and(|id| listed.contains(&id));
                let found = price::stands_for(&id, self.grants(), is_listed, self.now, self.at);
                let place =
                    found.and_then(|found| self.grants().iter().position(|grant| std::ptr::eq(grant, found)));
                place.map_or(Named::Nothing, Named::Grant)
            }
        }
    }

    /// The member's other grants of discounts that may be used: the best are chosen among them too.
    fn others(&self, named: &[Named]) -> Vec<usize> {
        let is_named =
            |place: usize| named.iter().any(|own| matches!(own, Named::Grant(own) if *own == place));
        let usable = |(place, grant): &(usize, &Grant)| {
            let newest = self.shelf.offer(&grant.offer);
            newest.is_some_and(|newest| matches!(newest.gives, Gives::Discount(_)) && newest.how != How::Auto)
                && State::of(grant, self.now, self.at) == State::Granted
                && !is_named(*place)
        };
        self.grants().iter().enumerate().filter(usable).map(|(place, _)| place).collect()
    }

    /// A written grant as a coupon. One of an `auto` offer is governed by the newest version, and its window counts.
    fn grant(&self, place: usize, offer: Arc<Offer>, is_listed: bool) -> Found {
        let grant = &self.grants()[place];
        let is_auto = offer.how == How::Auto;
        let state = match State::of(grant, self.now, self.at) {
            State::Held { .. } if is_auto => State::Granted,
            state => state,
        };
        Found {
            name: CouponName::Grant(grant.id),
            offer: Some(offer),
            is_code: false,
            is_listed,
            state,
            left: grant.left.map(u64::from).filter(|_| !is_auto),
            ends: grant.valid_until,
            issued: place as u64,
            place: Some(place),
            printed: None,
        }
    }

    fn code(&self, typed: &str) -> Found {
        let found = self.shelf.of_word(typed).filter(|offer| offer.how == How::Code);
        let nothing = Found::of_nothing(CouponName::Code(typed.to_owned()), true);
        Found { offer: found.cloned(), ..nothing }
    }
}

impl Offers {
    /// What the order costs now.
    ///
    /// # Errors
    /// [`Refusal::MemberNotFound`]; [`Refusal::TooManyChoices`]; the order is beyond every figure; a record is
    /// unreadable, or the store failed.
    pub async fn evaluate(&self, request: &Request, draft: &DraftOrder) -> Result<Evaluated, Error> {
        let shelf = self.programme.offers().await?;
        let mut customer = match &draft.whom {
            Some(whom) => Some(self.customer(request, whom).await?),
            None => None,
        };
        let programmes = self.programme.timeline()?;
        let now = customer.as_ref().map_or(request.now, |customer| customer.now);
        let programme = programmes.at(now);
        let holdings = match &customer {
            Some(customer) => self.holdings(&shelf, &customer.member, now).await?,
            None => Holdings::default(),
        };
        let scene =
            Scene { draft, shelf: &shelf, holdings: &holdings, programme, now, at: now, quoted: None };
        let priced = self.price(customer.as_mut(), &scene).await?;
        let PricedOrder { answer, names, .. } = priced;
        let available = customer.as_ref().filter(|customer| customer.tier().is_some());
        let earns = match available {
            Some(customer) => self.earns(customer, draft, &answer).await?,
            None => WouldEarn::default(),
        };
        let hash = draft.hash(customer.as_ref().map(|customer| customer.member.id));
        let quote = Quote::of((now, programme.version, hash), &answer, &names);
        Ok(Evaluated { answer, names, earns, quote })
    }

    /// Prices an order.
    ///
    /// # Errors
    /// [`Refusal::TooManyChoices`]; the order is beyond every figure; a record is unreadable, or the store failed.
    pub(crate) async fn price(
        &self,
        mut customer: Option<&mut Customer>,
        scene: &Scene<'_>,
    ) -> Result<PricedOrder, Error> {
        let Scene { draft, shelf, holdings, programme, now, at, quoted } = *scene;
        let finder = Finder { draft, shelf, holdings, now, at };
        let found = self.coupons(&finder).await?;
        let (priced, rules) = (draft.priced(), Rules::of(programme));
        let autos: Vec<Arc<Offer>> = match quoted {
            Some(quote) => self.quoted_autos(shelf, quote).await?,
            None => {
                let autos = shelf.autos(&draft.brand).iter();
                autos.filter(|offer| concerns(offer, &priced, rules)).cloned().collect()
            }
        };
        let (judged_autos, judged_coupons) = {
            let (customer, zone) = (customer.as_deref_mut(), programme.zone);
            let grounds = Grounds { shelf, customer, holdings, zone, now, at };
            self.appraised(grounds, &autos, &found).await?
        };
        let judged: Vec<Judged<'_>> = judged_autos.iter().map(Appraisal::judged).collect();
        let coupons: Vec<Coupon<'_>> = found
            .iter()
            .zip(&judged_coupons)
            .map(|(found, appraisal)| found.coupon(appraisal.as_ref()))
            .collect();
        let tier = customer.as_deref().and_then(Customer::tier);
        let available = customer.as_deref().filter(|_| tier.is_some());
        let known = Known {
            at,
            tier,
            points_available: available.map_or(0, |customer| customer.member.available()),
            rules,
            autos: &judged,
            coupons: &coupons,
        };
        let answer = price::evaluate(&priced, &known).map_err(|why| Error::from(unpriced(why)))?;
        let places = found.iter().map(|found| found.place).collect();
        let printed = found.iter().map(|found| found.printed).collect();
        let offers = autos.iter().chain(found.iter().filter_map(|found| found.offer.as_ref()));
        let offers = offers.map(|offer| (offer.id.clone(), offer.clone())).collect();
        let names = found.into_iter().map(|found| found.name).collect();
        Ok(PricedOrder { answer, names, places, printed, offers })
    }

    /// The offers that came by themselves to an order that was quoted, in the versions of then.
    async fn quoted_autos(&self, shelf: &Shelf, quote: &Quote) -> Result<Vec<Arc<Offer>>, Error> {
        let mut places = Vec::new();
        for quoted in quote.autos.iter().filter(|quoted| quoted.refused.is_none()) {
            let own = shelf.all().find(|offer| OfferTag::of(&offer.id) == quoted.offer);
            places.extend(own.map(|own| (own.id.clone(), quoted.version)));
        }
        let versions = self.programme.versions_of_offers(&places).await?;
        Ok(places.iter().filter_map(|place| versions.get(place).cloned()).collect())
    }

    /// The coupons that a draft lists, grants before codes; to choose the best, then the member's others.
    async fn coupons(&self, finder: &Finder<'_>) -> Result<Vec<Found>, Error> {
        let draft = finder.draft;
        let mut named: Vec<Named> = draft.grants.iter().map(|named| finder.named(named)).collect();
        let listed = named.len();
        if draft.choose == Choose::Best {
            let others = finder.others(&named);
            named.extend(others.into_iter().map(Named::Grant));
        }
        let governs = |place: usize| {
            let grant = &finder.grants()[place];
            let newest = finder.shelf.offer(&grant.offer).filter(|newest| newest.how == How::Auto);
            let version = newest.map_or(grant.version, |newest| newest.version);
            (grant.offer.clone(), version)
        };
        let grants = named.iter().filter_map(|named| match named {
            Named::Grant(place) => Some(governs(*place)),
            Named::Virtual(..) | Named::Nothing => None,
        });
        let versions = self.programme.versions_of_offers(&grants.collect::<Vec<_>>()).await?;
        let grant = |place: usize, is_listed: bool| {
            let offer = versions.get(&governs(place)).cloned();
            offer.map(|offer| finder.grant(place, offer, is_listed))
        };
        let mut found = Vec::with_capacity(named.len() + draft.codes.len());
        for (sent, named) in draft.grants.iter().zip(&named) {
            let nothing = |name| Found::of_nothing(name, false);
            found.push(
                match named {
                    Named::Grant(place) => grant(*place, true),
                    Named::Virtual(offer, written) => {
                        let id = written.and_then(|place| finder.grants()[place].id);
                        Some(Found { offer: Some(offer.clone()), ..nothing(CouponName::Grant(id)) })
                    }
                    Named::Nothing => None,
                }
                .unwrap_or_else(|| nothing(CouponName::Sent(sent.sent.clone()))),
            );
        }
        for typed in &draft.codes {
            let code = finder.code(typed);
            found.push(match draft.printed.get(typed) {
                Some(printed) => self.printed(finder, *printed, code).await?,
                None => code,
            });
        }
        found.extend(named[listed..].iter().filter_map(|named| match named {
            Named::Grant(place) => grant(*place, false),
            Named::Virtual(..) | Named::Nothing => None,
        }));
        Ok(found)
    }

    /// A printed code as a coupon; where there is no such code, or it was taken back, it stays what was found.
    async fn printed(&self, finder: &Finder<'_>, code: Printed, found: Found) -> Result<Found, Error> {
        let offer = finder.shelf.of_number(code.offer).filter(|offer| offer.how == How::Code);
        let Some(offer) = offer else { return Ok(found) };
        let Some(quantity) = self.quantity_of(&offer.id, code).await? else { return Ok(found) };
        let read = self.records.read::<PrintedCodeRecord>(&keys::printed_code(&offer.id, code)).await?;
        let record = read.map(|(record, _)| record).unwrap_or_default();
        let own = finder.holdings.own.as_ref();
        let held = record.held.filter(|held| {
            finder.now < held.until && own.is_none_or(|(brand, by)| (brand, by) != (&held.brand, &held.by))
        });
        let left = u64::from(quantity.saturating_sub(record.taken));
        let state = match held {
            _ if left == 0 => State::Used,
            Some(held) => State::Held { until: held.until },
            None => State::Granted,
        };
        let (offer, printed) = (Some(offer.clone()), Some(code));
        Ok(Found { offer, state, left: Some(left), printed, ..found })
    }

    /// How often a printed code may be used in all; `None` if there is no such code, or it was taken back.
    async fn quantity_of(&self, offer: &OfferId, code: Printed) -> Result<Option<u32>, Error> {
        let batches = self.accounts.printed(offer).await?;
        let batch = usize::try_from(code.batch).ok().and_then(|place| batches.get(place));
        let batch = batch.filter(|batch| code.index < batch.count && batch.revoked.is_none());
        Ok(batch.map(|batch| batch.quantity))
    }

    /// What is to be known of the offers that come by themselves, and of the coupons.
    async fn appraised(
        &self,
        grounds: Grounds<'_>,
        autos: &[Arc<Offer>],
        found: &[Found],
    ) -> Result<(Vec<Appraisal>, Vec<Option<Appraisal>>), Error> {
        let coupons = found.iter().filter_map(|found| found.offer.clone());
        let all: Vec<Arc<Offer>> = autos.iter().cloned().chain(coupons).collect();
        let mut appraiser = Appraiser::of(self, grounds, &all).await?;
        let mut of_autos = Vec::with_capacity(autos.len());
        for offer in autos {
            of_autos.push(appraiser.appraise(offer).await?);
        }
        let mut of_coupons = Vec::with_capacity(found.len());
        for found in found {
            of_coupons.push(match &found.offer {
                Some(offer) => Some(appraiser.appraise(offer).await?),
                None => None,
            });
        }
        Ok((of_autos, of_coupons))
    }

    /// What an order of the nets would be granted now.
    async fn earns(
        &self,
        customer: &Customer,
        draft: &DraftOrder,
        answer: &Answer,
    ) -> Result<WouldEarn, Error> {
        let nets = answer.lines.iter().zip(&draft.lines).filter_map(|(line, sent)| match line {
            Line::Priced(priced) => Some((priced.net, sent)),
            Line::Blocked { .. } => None,
        });
        let lines = nets.map(|(net, line)| EarnLine {
            line_id: line.line_id.clone(),
            sku: line.sku.clone(),
            category: line.category.clone(),
            quantity: line.quantity,
            amount: SignedMoney::from(net),
        });
        let lines: Vec<EarnLine> = lines.collect();
        let order = EarnOrder {
            brand: draft.brand.clone(),
            order_id: OrderId::of_checked(UNPLACED),
            channel: draft.channel.clone(),
            amount: lines.is_empty().then_some(Money(0)),
            lines,
            occurred_at: None,
        };
        let settled = (&customer.member, &customer.timely[..], customer.person());
        self.ledger.would_earn(&customer.loaded, settled, &order, customer.now).await
    }
}

fn unpriced(why: Unpriced) -> Refusal {
    match why {
        Unpriced::TooManyChoices(choices) => Refusal::TooManyChoices { choices },
        Unpriced::TooMuch => Refusal::LimitExceeded { what: "figure" },
    }
}
