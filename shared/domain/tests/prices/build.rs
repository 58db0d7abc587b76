//! Offers, coupons and orders, as short as they can be written.

use std::sync::OnceLock;

use domain::{
    id::{BrandId, OfferId, OrderLineId, TierId},
    json::Json,
    number::{Currency, Money, Quantity},
    offer::{
        self, Gives, Offer,
        price::{
            Answer, Choose, Coupon, Draft, DraftLine, Judged, Known, Line, Opens, Outcome, PointsAsked,
            Rules, State, Told, Unpriced, evaluate,
        },
    },
    programme::{self, OfferRules, PayRules, Programme},
    time::Instant,
};
use serde_json::{Value, json};

fn programme() -> &'static Programme {
    static PROGRAMME: OnceLock<Programme> = OnceLock::new();
    PROGRAMME.get_or_init(|| {
        let document = r#"{"name": "Club", "time_zone": "UTC", "currency": "CNY", "default_region": "CN",
            "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "name": "Bean"}], "growth": {"per_unit": "1"},
            "points": {"per_unit": "1", "expiry": {"mode": "never"}},
            "tiers": [{"id": "basic", "growth": 0}, {"id": "gold", "growth": 100}]}"#;
        programme::read(&Json::parse(document.as_bytes()).unwrap(), 1, Instant(0)).unwrap()
    })
}

/// The offer of that document, which gives `gives` and is `how`; brand and name are its id's.
pub(crate) fn offer(id: &str, how: &str, gives: Value, beside: Value) -> Offer {
    let mut document = json!({"brand": "acme", "name": {"zh": id, "en": id}, "how": how, "gives": gives});
    let own = document.as_object_mut().unwrap();
    beside.as_object().into_iter().flatten().for_each(|(name, value)| {
        own.insert(name.clone(), value.clone());
    });
    let json = Json::parse(document.to_string().as_bytes()).unwrap();
    offer::read(&json, &OfferId::of_checked(id), 1, programme())
        .unwrap_or_else(|faults| panic!("{id}: {faults:?}"))
}

/// As found: open to the member, with nothing taken yet.
pub(crate) fn judged(offer: &Offer) -> Judged<'_> {
    let member = offer.per_member.map(|own| offer::price::Window { left: own.n.into(), next_at: None });
    let uses = [offer.uses.total, offer.uses.per_day].into_iter().flatten().map(|most| most.get()).min();
    Judged { offer, fits: true, member, held: None, opens: Opens::Now, uses, budget: offer.budget }
}

/// A grant, or a code, of that offer, listed.
pub(crate) fn coupon(offer: &Offer) -> Coupon<'_> {
    Coupon {
        judged: Some(judged(offer)),
        is_code: offer.how == offer::How::Code,
        is_listed: true,
        state: State::Granted,
        left: None,
        ends: None,
        issued: 0,
    }
}

/// A line: its id and article, category, quantity and amount.
pub(crate) fn line(sku: &str, category: &str, quantity: &str, amount: &str) -> DraftLine {
    DraftLine {
        line_id: OrderLineId::of_checked(sku),
        sku: Some(sku.to_owned()),
        category: Some(category.to_owned()).filter(|category| !category.is_empty()),
        quantity: Quantity::parse(quantity).unwrap(),
        amount: money(amount),
    }
}

pub(crate) fn cny() -> Currency {
    Currency::of("CNY").unwrap()
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text, cny()).unwrap()
}

/// An order, and what is known of it.
#[derive(Clone)]
pub(crate) struct Case<'a> {
    pub(crate) lines: Vec<DraftLine>,
    pub(crate) delivery: Option<Money>,
    pub(crate) autos: Vec<Judged<'a>>,
    pub(crate) coupons: Vec<Coupon<'a>>,
    pub(crate) offers: OfferRules,
    pub(crate) pay: Option<PayRules>,
    pub(crate) choose: Choose,
    pub(crate) tier: Option<TierId>,
    pub(crate) points: Option<(PointsAsked, u64)>,
    pub(crate) at: Instant,
    pub(crate) pieces: u64,
}

impl<'a> Case<'a> {
    pub(crate) fn new(lines: &[DraftLine], autos: &'a [Offer], coupons: &'a [Offer]) -> Case<'a> {
        Case {
            lines: lines.to_vec(),
            delivery: None,
            autos: autos.iter().map(judged).collect(),
            coupons: coupons.iter().map(coupon).collect(),
            offers: OfferRules::default(),
            pay: None,
            choose: Choose::Listed,
            tier: Some(TierId::of_checked("basic")),
            points: None,
            at: Instant(1_000_000),
            pieces: 1,
        }
    }

    pub(crate) fn price(&self) -> Result<Answer, Unpriced> {
        let brand = BrandId::of_checked("acme");
        let draft = Draft {
            brand: &brand,
            channel: None,
            lines: &self.lines,
            delivery: self.delivery,
            pieces: self.pieces,
            choose: self.choose,
            points: self.points.map(|(asked, _)| asked),
        };
        let known = Known {
            at: self.at,
            tier: self.tier.as_ref(),
            points_available: self.points.map_or(0, |(_, available)| available),
            rules: Rules { currency: cny(), offers: &self.offers, pay: self.pay },
            autos: &self.autos,
            coupons: &self.coupons,
        };
        evaluate(&draft, &known)
    }

    pub(crate) fn answer(&self) -> Answer {
        self.price().unwrap()
    }

    pub(crate) fn offer_of(&self, told: &Told) -> &'a Offer {
        let judged = match told.coupon {
            Some(coupon) => self.coupons[coupon].judged.unwrap(),
            None => *self
                .autos
                .iter()
                .find(|own| Some(&own.offer.id) == told.offer.as_ref().map(|own| &own.0))
                .unwrap(),
        };
        judged.offer
    }
}

/// Whether the offer is a discount of goods after unit prices.
pub(crate) fn is_of_goods(offer: &Offer) -> bool {
    use domain::offer::Discount;
    matches!(
        offer.gives,
        Gives::Discount(Discount::Percent { .. } | Discount::Amount { .. } | Discount::Steps(_))
    )
}

/// An answer in a line: of each line price and net, of each offer and coupon what became of it.
pub(crate) fn told(answer: &Answer) -> String {
    let show = |money: Money| money.show(cny());
    let line = |line: &Line| match line {
        Line::Blocked { offer, opens_at, .. } => format!("blocked:{offer}@{:?}", opens_at.map(|at| at.0)),
        Line::Priced(priced) => format!("{}-{}", show(priced.price), show(priced.net)),
    };
    let outcome = |told: &Told| {
        let id = told.offer.as_ref().map_or("?", |(id, _)| id.as_str());
        match &told.outcome {
            Outcome::Units { quantity, amount } => format!("{id}={quantity}x{}", show(*amount)),
            Outcome::Taken { base, amount, trimmed } => {
                format!("{id}={}/{}{}", show(*amount), show(*base), if *trimmed { "!" } else { "" })
            }
            Outcome::Pieces { quantity } => format!("{id}={quantity}"),
            Outcome::Not(reason) => format!("{id}:{}", reason.word()),
        }
    };
    let list = |words: Vec<String>| words.join(" ");
    let mut parts = vec![list(answer.lines.iter().map(line).collect())];
    parts.push(list(answer.offers.iter().chain(&answer.coupons).map(outcome).collect()));
    parts.extend(answer.delivery.as_ref().map(|delivery| format!("delivery {}", show(delivery.net))));
    parts.push(format!("{} saved {}", show(answer.total), show(answer.saved)));
    parts.join("; ")
}
