//! A programme's members, offers and uses in memory: as much of an engine as the worked cases of prices need.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    condition::Subject,
    decide::{self, Command, Context, EarnOrder},
    event::OrderLine,
    evolve,
    id::{BrandId, OfferId, OrderId, OrderLineId},
    json::Json,
    member::{Member, MemberId, Person},
    number::{Money, Quantity, SignedMoney},
    offer::{
        self, Gives, How, Offer, Quota, Times,
        openings::{Birthday, OwnDays},
        price::{self, Coupon, DraftLine, Judged, Opens, State, Window},
    },
    programme::{self, Programme, Timeline},
    settle::settle,
    time::{Day, Instant},
};
use serde_json::Value;

pub(crate) struct World {
    pub(crate) programmes: Timeline,
    pub(crate) programme: Arc<Programme>,
    pub(crate) offers: BTreeMap<String, Vec<Offer>>,
    pub(crate) members: BTreeMap<String, Customer>,
    pub(crate) grants: Vec<Held>,
    pub(crate) uses: BTreeMap<String, Use>,
    pub(crate) now: Instant,
}

pub(crate) struct Customer {
    pub(crate) member: Member,
    pub(crate) person: Person,
    pub(crate) days: OwnDays,
    pub(crate) is_active: bool,
}

/// A grant.
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) member: String,
    pub(crate) offer: String,
    pub(crate) version: usize,
    pub(crate) left: u64,
    pub(crate) from: Instant,
    pub(crate) until: Option<Instant>,
    pub(crate) revoked: bool,
}

/// A use, and what came back of it.
pub(crate) struct Use {
    pub(crate) member: String,
    pub(crate) day: Day,
    pub(crate) lines: Vec<(price::Priced, Quantity, Quantity)>,
    pub(crate) delivery: Option<price::Delivery>,
    pub(crate) taken: Vec<Taken>,
    pub(crate) refunds: Vec<String>,
}

pub(crate) struct Taken {
    pub(crate) offer: String,
    pub(crate) window: u32,
    pub(crate) uses: u64,
    pub(crate) amount: u64,
    pub(crate) grant: Option<usize>,
}

impl World {
    pub(crate) fn new(document: &Value, start: Instant) -> World {
        let mut document = document.clone();
        let own = document.as_object_mut().unwrap();
        own.remove("referral");
        document["points"].as_object_mut().unwrap().remove("boosts");
        let programme = programme::read(&Json::parse(document.to_string().as_bytes()).unwrap(), 1, start);
        let programme = Arc::new(programme.unwrap());
        World {
            programmes: Timeline::new(vec![programme.clone()]).unwrap(),
            programme,
            offers: BTreeMap::new(),
            members: BTreeMap::new(),
            grants: Vec::new(),
            uses: BTreeMap::new(),
            now: start,
        }
    }

    pub(crate) fn register(&mut self, name: &str, body: &Value) {
        let tier = &self.programme.tiers[0].id;
        let member = Member::new(MemberId([7; 16]), self.now, self.now, tier);
        let today = self.programme.zone.day(self.now);
        let born =
            body["birthday"].as_str().or_else(|| body["profile"]["birthday"].as_str()).and_then(Day::parse);
        let birthday = born.map(|born| Birthday { born, known: today.number() });
        let days = OwnDays { birthday, registered: Some(today) };
        let customer = Customer { member, person: Person::default(), days, is_active: true };
        self.members.insert(name.to_owned(), customer);
    }

    /// An order earns, as it does.
    pub(crate) fn earn(&mut self, body: &Value) -> Option<()> {
        let (now, currency) = (self.now, self.programme.currency);
        let money = |value: &Value| value.as_str().and_then(|text| Money::parse(text, currency));
        let lines = body["lines"].as_array().into_iter().flatten().map(|line| OrderLine {
            line_id: OrderLineId::of_checked(line["line_id"].as_str().unwrap()),
            sku: line["sku"].as_str().map(str::to_owned),
            category: line["category"].as_str().map(str::to_owned),
            quantity: quantity(&line["quantity"]),
            amount: SignedMoney::from(money(&line["amount"]).unwrap()),
        });
        let told = EarnOrder {
            brand: BrandId::of_checked(body["brand"].as_str()?),
            order_id: OrderId::of_checked(body["order_id"].as_str()?),
            channel: None,
            amount: money(&body["amount"]),
            lines: lines.collect(),
            occurred_at: None,
        };
        let customer = self.members.get_mut(body["member_id"].as_str()?)?;
        settle(&self.programmes, &mut customer.member, now);
        let context = Context {
            programmes: &self.programmes,
            now,
            person: Some(&customer.person),
            history: None,
            any_age: true,
            bringing: None,
        };
        let decision = decide::decide(&context, &customer.member, &Command::EarnOrder(&told)).ok()?;
        decision.events.iter().for_each(|event| evolve(&mut customer.member, event));
        Some(())
    }

    pub(crate) fn put(&mut self, id: &str, body: &Value) {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("version");
        let versions = self.offers.entry(id.to_owned()).or_default();
        let version = u32::try_from(versions.len()).unwrap() + 1;
        let json = Json::parse(body.to_string().as_bytes()).unwrap();
        let offer = offer::read(&json, &OfferId::of_checked(id), version, &self.programme).unwrap();
        let is_new =
            versions.last().is_none_or(|last| *last != Offer { version: last.version, ..offer.clone() });
        if is_new {
            versions.push(offer);
        }
    }

    pub(crate) fn issue(&mut self, id: String, member: &str, offer: &str, key: &str, quantity: u64) {
        let known = |held: &Held| (&*held.member, &*held.offer, &*held.key) == (member, offer, key);
        if self.grants.iter().any(known) {
            return;
        }
        let versions = &self.offers[offer];
        let (version, newest) = (versions.len() - 1, versions.last().unwrap());
        let each = match &newest.gives {
            Gives::Service(service) => most(&service.quota, None).unwrap(),
            _ => 1,
        };
        let is_used = newest.hands_out_codes || matches!(newest.gives, Gives::Points { .. });
        let zone = self.programme.zone;
        self.grants.push(Held {
            id,
            key: key.to_owned(),
            member: member.to_owned(),
            offer: offer.to_owned(),
            version,
            left: if is_used { 0 } else { quantity * each },
            from: newest.valid.begin(zone, self.now),
            until: newest.valid.end(zone, self.now),
            revoked: false,
        });
    }

    /// The member whose order it is; a guest without one, and where it is not active.
    pub(crate) fn customer(&self, body: &Value) -> Option<(&str, Member, &Customer)> {
        let (name, customer) = self.members.get_key_value(body["member_id"].as_str()?)?;
        let mut member = customer.member.clone();
        settle(&self.programmes, &mut member, self.now);
        customer.is_active.then_some((name.as_str(), member, customer))
    }

    fn taken(&self, offer: &str) -> impl Iterator<Item = (&Use, &Taken)> {
        let uses = self.uses.values();
        uses.flat_map(|own| own.taken.iter().map(move |taken| (own, taken)))
            .filter(move |(_, taken)| taken.offer == offer)
    }

    pub(crate) fn window(&self, offer: &Offer, customer: Option<&Customer>) -> u32 {
        let days = customer.map(|customer| customer.days).unwrap_or_default();
        offer.span(self.programme.zone, &days, self.now).number
    }

    /// An offer, as it is judged outside of the order.
    pub(crate) fn judge<'a>(
        &'a self,
        offer: &'a Offer,
        who: Option<&(&str, Member, &Customer)>,
    ) -> Judged<'a> {
        let (id, zone, now) = (offer.id.as_str(), self.programme.zone, self.now);
        let newest = self.offers[id].last().unwrap();
        let days = who.map(|who| who.2.days).unwrap_or_default();
        let tier = who.map(|who| who.1.tier_in_effect().clone());
        let fits = who.is_some_and(|(_, member, customer)| {
            let mut member = member.clone();
            member.standing.tier = member.tier_in_effect().clone();
            let person = Some(&customer.person);
            let subject = Subject {
                member: &member,
                person,
                history: None,
                recent: &[],
                programme: &self.programme,
                now,
            };
            let has_quota = match &offer.gives {
                Gives::Service(service) if offer.how == How::Auto => {
                    most(&service.quota, tier.as_ref()) != Some(0)
                }
                _ => true,
            };
            has_quota && offer.audience.as_ref().is_none_or(|audience| audience.holds(&subject).unwrap())
        });
        let asks_when = matches!(offer.how, How::Auto | How::Code | How::Issue);
        let opens = match () {
            () if newest.suspended => Opens::At(None),
            () if !asks_when || offer.when.is_open(zone, &days, now) => Opens::Now,
            () => Opens::At(offer.when.opens_at(zone, &days, now)),
        };
        let limit = match (&offer.gives, offer.per_member) {
            (Gives::Service(service), _) => most(&service.quota, tier.as_ref()),
            (_, limit) => limit.map(|limit| limit.n.into()),
        };
        let span = offer.span(zone, &days, now);
        let own = |(used, taken): &(&Use, &Taken)| {
            taken.window == span.number && who.is_some_and(|who| who.0 == used.member)
        };
        // Outside of every occasion there is no window.
        let limit = limit.filter(|_| offer.window() != offer::Window::Occasion || span.begin.is_some());
        let member = limit.map(|limit| {
            let taken: u64 = self.taken(id).filter(own).map(|(_, taken)| taken.uses).sum();
            Window { left: limit.saturating_sub(taken), next_at: span.next_at }
        });
        let today = zone.day(now);
        let all: u64 = self.taken(id).map(|(_, taken)| taken.uses).sum();
        let of_today: u64 =
            self.taken(id).filter(|(own, _)| own.day == today).map(|(_, taken)| taken.uses).sum();
        let total = newest.uses.total.map(|total| total.get().saturating_sub(all));
        let per_day = newest.uses.per_day.map(|most| most.get().saturating_sub(of_today));
        let spent: u64 = self.taken(id).map(|(_, taken)| taken.amount).sum();
        let budget = newest.budget.map(|budget| Money(budget.0.saturating_sub(spent)));
        Judged {
            offer,
            fits,
            member,
            held: None,
            opens,
            uses: [total, per_day].into_iter().flatten().min(),
            budget,
        }
    }

    /// A grant as a coupon, and its place.
    pub(crate) fn held<'a>(
        &'a self,
        place: usize,
        is_listed: bool,
        who: Option<&(&str, Member, &Customer)>,
    ) -> Coupon<'a> {
        let held = &self.grants[place];
        let state = match () {
            () if held.revoked => State::Revoked,
            () if held.left == 0 => State::Used,
            () if held.until.is_some_and(|until| until <= self.now) => State::Expired,
            () if held.from > self.now => State::NotYet { valid_from: held.from },
            () => State::Granted,
        };
        Coupon {
            judged: Some(self.judge(&self.offers[&held.offer][held.version], who)),
            is_code: false,
            is_listed,
            state,
            left: Some(held.left),
            ends: held.until,
            issued: u64::try_from(place).unwrap(),
        }
    }

    /// The member's grant that an offer's id stands for.
    pub(crate) fn stands_for(&self, offer: &str, member: &str, listed: &[String]) -> Option<usize> {
        let usable = self.grants.iter().enumerate().filter(|(_, held)| {
            held.offer == offer
                && held.member == member
                && !held.revoked
                && held.left > 0
                && held.from <= self.now
                && held.until.is_none_or(|until| until > self.now)
                && !listed.contains(&held.id)
        });
        usable.min_by_key(|(place, held)| (held.until.is_none(), held.until, *place)).map(|(place, _)| place)
    }

    pub(crate) fn lines(&self, body: &Value) -> Vec<DraftLine> {
        let lines = body["lines"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        lines
            .map(|line| DraftLine {
                line_id: OrderLineId::of_checked(line["line_id"].as_str().unwrap()),
                sku: text(&line["sku"]),
                category: text(&line["category"]),
                quantity: quantity(&line["quantity"]),
                amount: Money::parse(line["amount"].as_str().unwrap(), self.programme.currency).unwrap(),
            })
            .collect()
    }
}

/// How often a service may be had in its window; `None` as often as one likes.
fn most(quota: &Quota, tier: Option<&domain::id::TierId>) -> Option<u64> {
    let times = match quota {
        Quota::All(times) => *times,
        Quota::ByTier { tiers, everyone } => {
            let own = tiers.iter().find(|(id, _)| Some(id) == tier).map(|(_, times)| *times);
            own.or(*everyone).unwrap_or(Times::Most(0))
        }
    };
    match times {
        Times::Most(most) => Some(most.into()),
        Times::Unlimited => None,
    }
}

/// A number or a text, as a text.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(plain).collect()
}

pub(crate) fn quantity(value: &Value) -> Quantity {
    Quantity::parse(&plain(value)).unwrap_or(Quantity(1_000))
}
