//! What an order costs now, with offers: composes what is known of it, and prices it. Nothing is written.

use std::sync::Arc;

use domain::{
    decide::{EarnLine, EarnOrder},
    id::OrderId,
    number::{Money, SignedMoney},
    offer::{
        Gives, Offer,
        price::{
            self, Answer, Coupon, Judged, Known, Line, Outcome, Rules, Told, Unpriced, concerns, falls_short,
        },
    },
    refusal::Refusal,
};

use crate::{
    access::requests::Request,
    ledger::would::WouldEarn,
    offers::{
        Offers,
        appraisal::{Appraisal, Appraiser, Grounds},
        coupons::{Finder, Found},
        customer::Customer,
        draft::DraftOrder,
        held::Holdings,
        promised::units_promised,
        quote::{Quote, Quoted},
        scene::{PricedOrder, Scene},
    },
    store::{error::Error, records::CouponName},
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
        let scene = Scene {
            draft,
            shelf: &shelf,
            holdings: &holdings,
            programme,
            now,
            at: now,
            quoted: None,
            past: None,
        };
        let priced = self.price(customer.as_mut(), &scene).await?;
        let PricedOrder { answer, names, .. } = priced;
        let available = customer.as_ref().filter(|customer| customer.tier().is_some());
        let earns = match available {
            Some(customer) => self.earns(customer, draft, &answer).await?,
            None => WouldEarn::default(),
        };
        let of = Quoted {
            at: now,
            programme: programme.version,
            member: customer.as_ref().map(|customer| customer.member.id),
            draft: draft.hash(),
        };
        let quote = Quote::of(of, &answer, &names);
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
        let Scene { draft, shelf, holdings, programme, now, at, quoted, past } = *scene;
        let finder = Finder { draft, shelf, holdings, past, now, at };
        let found = match quoted {
            Some(quote) => self.quoted_coupons(&finder, quote).await?,
            None => self.coupons(&finder).await?,
        };
        let (priced, rules) = (draft.priced(), Rules::of(programme));
        let autos = self.autos(scene, &priced, rules).await?;
        let (judged_autos, judged_coupons) = {
            let (customer, zone) = (customer.as_deref_mut(), programme.zone);
            let (need, is_promised) = (draft.need(), quoted.is_some());
            let grounds = Grounds { shelf, customer, holdings, zone, now, at, need, is_promised };
            self.appraised(grounds, &autos, &found).await?
        };
        let as_promised =
            |appraisal: &'_ Appraisal| quoted.and_then(|quote| units_promised(quote, appraisal.offer()));
        let judged: Vec<Judged<'_>> = judged_autos
            .iter()
            .map(|appraisal| match as_promised(appraisal) {
                Some(units) => appraisal.promised(units),
                None => appraisal.judged(),
            })
            .collect();
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
        let broken = match quoted {
            Some(_) => broken(&answer, &judged_autos),
            None => Vec::new(),
        };
        let places = found.iter().map(|found| found.place).collect();
        let printed = found.iter().map(|found| found.printed).collect();
        let offers = autos.iter().chain(found.iter().filter_map(|found| found.offer.as_ref()));
        let offers = offers.map(|offer| ((offer.id.clone(), offer.version), offer.clone())).collect();
        let names = found.into_iter().map(|found| found.name).collect();
        Ok(PricedOrder { answer, names, places, printed, offers, broken })
    }

    /// The offers that come by themselves to an order, and those that keep lines of it back.
    async fn autos(
        &self,
        scene: &Scene<'_>,
        priced: &price::Draft<'_>,
        rules: Rules<'_>,
    ) -> Result<Vec<Arc<Offer>>, Error> {
        let Scene { draft, shelf, holdings, quoted, past, .. } = *scene;
        if let Some(past) = past {
            let own = |offer: &Arc<Offer>| {
                let is_suspended = shelf.offer(&offer.id).is_none_or(|newest| newest.suspended);
                !is_suspended || holdings.had_of(&offer.id).is_some()
            };
            let concerned = past.offers().filter(|offer| concerns(offer, priced, rules));
            return Ok(concerned.filter(|offer| !offer.suspended && own(offer)).cloned().collect());
        }
        let concerned = shelf.autos(&draft.brand).iter().filter(|offer| concerns(offer, priced, rules));
        let Some(quote) = quoted else { return Ok(concerned.cloned().collect()) };
        let kept_back = concerned.filter(|offer| matches!(offer.gives, Gives::Access { .. }));
        let promised = self.quoted_autos(shelf, quote).await?;
        Ok(promised.into_iter().chain(kept_back.cloned()).collect())
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
        let holdings = grounds.holdings;
        let mut appraiser = Appraiser::of(self, grounds, &all).await?;
        let mut of_autos = Vec::with_capacity(autos.len());
        for offer in autos {
            of_autos.push(appraiser.appraise(offer, None).await?);
        }
        let mut of_coupons = Vec::with_capacity(found.len());
        for found in found {
            of_coupons.push(match &found.offer {
                Some(offer) => {
                    let grant = found.place.and_then(|place| holdings.grants[place].id);
                    Some(appraiser.appraise(offer, Some(grant)).await?)
                }
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

/// What was priced as promised and is not to be had now, or did not come to what was promised.
fn broken(answer: &Answer, judged: &[Appraisal]) -> Vec<Told> {
    let now = |told: &Told| {
        let (id, _) = told.offer.as_ref()?;
        let own = judged.iter().find(|own| own.offer().id == *id)?;
        match &told.outcome {
            Outcome::Not(_) => Some(told.clone()),
            outcome => {
                let reason = falls_short(&own.judged(), outcome)?;
                Some(Told { outcome: Outcome::Not(reason), ..told.clone() })
            }
        }
    };
    answer.offers.iter().filter_map(now).collect()
}

fn unpriced(why: Unpriced) -> Refusal {
    match why {
        Unpriced::TooManyChoices(choices) => Refusal::TooManyChoices { choices },
        Unpriced::TooMuch => Refusal::LimitExceeded { what: "figure" },
    }
}
