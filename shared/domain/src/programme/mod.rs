//! The programme: one versioned document that says how members earn, spend and rise.

mod boosts;
mod brand;
mod offers;
mod read;
mod referral;
mod registration;
mod shape;
mod sizes;
mod timeline;

use crate::{
    attribute::AttributeRule,
    condition::Condition,
    id::{ActivityId, BadgeId, BrandId, TierId},
    member::{Member, Periods, Standing},
    number::{Currency, Figure, Money, Rate},
    time::{Day, Instant, Zone},
};

pub use boosts::Boost;
pub use brand::{Brand, BrandKind, BrandLimit, BrandPer, Funding, May, Sees, Way};
pub use offers::{OfferRules, PayRules};
pub(crate) use read::check_names;
pub use read::{every_fault, read, read_new, unchangeable};
pub use referral::{ReferralRules, Reward};
pub use registration::{RegistrationRules, Required};
pub use shape::{PROGRAM, SHOWN};
pub(crate) use sizes::NODES_MAX;
pub use timeline::Timeline;

/// One version of a programme, read and checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Programme {
    /// Its number: 1, 2, 3 …
    pub version: u32,
    /// Since when it is in force.
    pub since: Instant,
    /// The programme's name.
    pub name: String,
    /// Its calendar.
    pub zone: Zone,
    /// Its money.
    pub currency: Currency,
    /// The country of telephone numbers without one (ISO 3166 alpha-2).
    pub default_region: String,
    /// How many days late an event may be sent.
    pub late_days: u32,
    /// Who issues and honours points.
    pub brands: Vec<Brand>,
    /// Points.
    pub points: PointsRules,
    /// What orders give in growth.
    pub growth: GrowthRules,
    /// The ladder, rising.
    pub tiers: Vec<Tier>,
    /// What members do besides buying.
    pub activities: Vec<Activity>,
    /// Badges.
    pub badges: Vec<BadgeRule>,
    /// Tags.
    pub tags: Vec<TagRule>,
    /// What is known of a person beside name and birthday.
    pub attributes: Vec<AttributeRule>,
    /// When a member counts as new, active, dormant or lost.
    pub lifecycle: Lifecycle,
    /// How many points a till without a network may let a member's card spend, at most; 0: none.
    pub offline_points: u32,
    /// What holds of every offer.
    pub offers: OfferRules,
    /// When orders earn more.
    pub boosts: Vec<Boost>,
    /// What bringing a friend gives; nothing without.
    pub referral: Option<ReferralRules>,
    /// What must be told at registering, and who may.
    pub registration: RegistrationRules,
    /// Whether a further identity of a member needs a proof, or a shop's word.
    pub identities_proved: bool,
    /// For how many days the activity log keeps what staff have changed.
    pub activity_days: u32,
}

/// How points are earned, held and lost.
#[derive(Clone, PartialEq, Debug)]
pub struct PointsRules {
    /// What an order's eligible amount gives, before limits.
    pub given: Given,
    /// The least eligible amount of an order that earns points; growth it earns in any case.
    pub minimum: Option<Money>,
    /// Days (of 24 hours) before points of an order can be spent.
    pub hold_days: u32,
    /// When points expire.
    pub expiry: Expiry,
    /// What happens to points that a refund cannot take.
    pub on_short: OnShort,
    /// Days for which points of an expired lot come back; 0 = they do not.
    pub restore_grace_days: u32,
    /// How many hours late a redemption may be told.
    pub redeem_late_hours: u32,
    /// Categories that earn nothing.
    pub excluded_categories: Vec<String>,
    /// Multipliers of categories.
    pub category_multipliers: Vec<(String, Rate)>,
    /// Most points per order, day, month.
    pub limits: Vec<Limit>,
    /// What points pay at a checkout; nothing without.
    pub pay: Option<PayRules>,
}

/// What an eligible amount gives in points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// So many per unit of currency.
    PerUnit(Rate),
    /// So many for every full block of money.
    Block {
        /// The block; not 0.
        amount: Money,
        /// What each gives.
        points: u64,
    },
}

/// What orders give in growth (rules, 4.3).
#[derive(Clone, PartialEq, Debug)]
pub struct GrowthRules {
    /// Growth per unit of currency.
    pub per_unit: Rate,
    /// Growth of every order whose eligible amount is above 0.
    pub per_order: u64,
    /// Further growth of an order that reaches an amount: that of the highest it reaches. They rise in both.
    pub steps: Vec<(Money, u64)>,
}

impl PointsRules {
    /// Whether the category earns.
    pub fn earns(&self, category: Option<&str>) -> bool {
        category.is_none_or(|category| !self.excluded_categories.iter().any(|excluded| excluded == category))
    }

    /// The category's multiplier.
    pub fn multiplier(&self, category: Option<&str>) -> Rate {
        let found =
            category.and_then(|category| self.category_multipliers.iter().find(|(id, _)| id == category));
        found.map_or(Rate::ONE, |(_, rate)| *rate)
    }
}

/// When points expire (rules, 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// At the end of the local year that many years after the event's.
    YearEnd {
        /// 0 is the end of the same year.
        years: u32,
    },
    /// That many months after the event, perhaps rounded up.
    Months {
        /// From 1.
        months: u32,
        /// 0 is not rounded; 1, 3, 12 to the start of a month, quarter, year.
        round: u32,
    },
    /// That many days after the event.
    Days {
        /// From 1.
        days: u32,
    },
    /// That many months after the member's last earn, activity or redemption.
    Inactivity {
        /// From 1.
        months: u32,
    },
    /// Never.
    Never,
}

/// What happens to points that a refund should take but that are missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnShort {
    /// They are owed.
    Debt,
    /// They are let go.
    Forgive,
}

/// A limit on points granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What it counts over.
    pub per: Per,
    /// The most points.
    pub points: u64,
}

/// What a limit counts over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    /// Each order or activity alone.
    Order,
    /// The local day of `occurred_at`.
    Day,
    /// The local month of `occurred_at`.
    Month,
}

/// A step of the ladder.
#[derive(Clone, PartialEq, Debug)]
pub struct Tier {
    /// Its id.
    pub id: TierId,
    /// The growth that reaches it.
    pub growth: u64,
    /// Another way to reach it.
    pub or: Option<Condition>,
    /// Months a period lasts; `None` is for ever.
    pub validity_months: Option<u32>,
    /// The period's growth that keeps it; `None` means that it is never kept.
    pub retain_growth: Option<u64>,
    /// What happens if it is not kept.
    pub on_lapse: OnLapse,
    /// The multiplier of an order's points.
    pub earn_multiplier: Rate,
    /// The multiplier of a reward's price.
    pub redeem_rate: Rate,
    /// Its trial.
    pub trial: Option<TrialRule>,
    /// How many times in a row it is kept before it has no end.
    pub lifetime_periods: Option<u32>,
}

/// What happens at the end of a period that does not keep the tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnLapse {
    /// Growth becomes 0.
    Reset,
    /// Growth is lowered by this much.
    Deduct(u64),
    /// Growth becomes at most one short of this tier.
    Step,
}

/// A trial of a tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrialRule {
    /// The share of the tier's threshold at which it starts, in percent.
    pub at_percent: u32,
    /// How many times 24 hours it runs.
    pub days: u32,
}

impl Tier {
    /// The growth at which the tier's trial starts: the share of its threshold, rounded up.
    pub fn trial_growth(&self) -> Option<u64> {
        let percent = u128::from(self.trial?.at_percent);
        // Less than the whole of it.
        u64::try_from((u128::from(self.growth) * percent).div_ceil(100)).ok()
    }
}

/// Something that members do besides buying.
#[derive(Clone, PartialEq, Debug)]
pub struct Activity {
    /// Its id.
    pub id: ActivityId,
    /// Points each time.
    pub points: u64,
    /// Growth each time.
    pub growth: u64,
    /// Whether it takes these (a refused parcel); else it gives them.
    pub takes: bool,
    /// Most times a local day.
    pub per_day: Option<u32>,
    /// Most times a local month.
    pub per_month: Option<u32>,
    /// Once for ever.
    pub once: bool,
    /// Bonus points when this many consecutive days are reached.
    pub streak: Vec<(u32, u64)>,
}

/// A badge, and when it is issued by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct BadgeRule {
    /// Its id.
    pub id: BadgeId,
    /// The condition; without one it is issued by hand.
    pub when: Option<Condition>,
}

/// A tag, and when a member has it by itself.
#[derive(Clone, PartialEq, Debug)]
pub struct TagRule {
    /// Its id.
    pub id: String,
    /// The condition; without one it is set by hand.
    pub when: Option<Condition>,
}

/// The bounds of 生命周期 (rules, 10), in days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifecycle {
    /// Below: new.
    pub new_days: u32,
    /// Below, since the last order: active.
    pub active_days: u32,
    /// Below: dormant; after that, lost.
    pub lost_days: u32,
}

impl Lifecycle {
    /// The member's lifecycle. Days are local dates; bounds are exclusive.
    pub fn of(&self, member: &Member, zone: Zone, now: Instant) -> &'static str {
        let days_back = |at: Instant| zone.day(now).number().since(zone.day(at).number());
        let within = |at: Instant, days: u32| days_back(at) < i64::from(days);
        match (member.orders.first_at, member.orders.last_at) {
            (Some(first), _) if within(first, self.new_days) => "new",
            (_, Some(last)) if within(last, self.active_days) => "active",
            (_, Some(last)) if within(last, self.lost_days) => "dormant",
            (_, Some(_)) => "lost",
            _ if within(member.registered_at, self.new_days) => "new",
            _ => "dormant",
        }
    }
}

impl Programme {
    /// The brand of that id.
    pub fn brand(&self, id: &BrandId) -> Option<&Brand> {
        self.brands.iter().find(|brand| brand.id == *id)
    }

    /// The tier of that id.
    pub fn tier(&self, id: &TierId) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id == *id)
    }

    /// The tier's place on the ladder, from 0.
    pub fn rank(&self, id: &TierId) -> Option<usize> {
        self.tiers.iter().position(|tier| tier.id == *id)
    }

    /// Whether it has the tiers that the member has.
    ///
    /// A tier that no stored member ever had may be removed, and a lapse that fell due before that may still
    /// lead to it. So a member's tier may be missing from the newest version: the member then has no tier's
    /// benefits, and rises and lapses as from the first.
    pub fn knows(&self, member: &Member) -> bool {
        let trial = member.trial.as_ref().map(|trial| &trial.tier);
        trial.into_iter().chain([&member.standing.tier]).all(|tier| self.rank(tier).is_some())
    }

    /// The rules of a member's tier; the first one's if there is no such tier (see [`Programme::knows`]).
    pub fn rules_of(&self, tier: &TierId) -> &Tier {
        self.tier(tier).unwrap_or(self.base_tier())
    }

    /// The place of a member's tier on the ladder, from 0; the first one's if there is no such tier (see
    /// [`Programme::knows`]).
    pub fn place_of(&self, tier: &TierId) -> usize {
        self.rank(tier).unwrap_or(0)
    }

    /// What so many pieces of a reward cost a member with that tier in effect: ⌈points × pieces × `redeem_rate`⌉ (rules, 5).
    /// `None` beyond every figure.
    pub fn reward_price(&self, tier: &TierId, points: Figure, pieces: u32) -> Option<Figure> {
        let all = points.get().checked_mul(pieces.into())?;
        self.tier(tier).map_or(Rate::ONE, |tier| tier.redeem_rate).ceil_of(all)
    }

    /// The first tier, which everybody has.
    pub fn base_tier(&self) -> &Tier {
        &self.tiers[0] // a programme without tiers is refused when it is read
    }

    /// The activity of that id.
    pub fn activity(&self, id: &ActivityId) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.id == *id)
    }

    /// The badge of that id.
    pub fn badge(&self, id: &BadgeId) -> Option<&BadgeRule> {
        self.badges.iter().find(|badge| badge.id == *id)
    }

    /// The tag of that id.
    pub fn tag(&self, id: &str) -> Option<&TagRule> {
        self.tags.iter().find(|tag| tag.id == *id)
    }

    /// The attribute of that id.
    pub fn attribute(&self, id: &str) -> Option<&AttributeRule> {
        self.attributes.iter().find(|attribute| attribute.id == *id)
    }

    /// Its conditions, each with a pointer to its place.
    pub(crate) fn conditions(&self) -> Vec<(String, &Condition)> {
        let tiers = self.tiers.iter().map(|tier| tier.or.as_ref()).enumerate();
        let badges = self.badges.iter().map(|badge| badge.when.as_ref()).enumerate();
        let tags = self.tags.iter().map(|tag| tag.when.as_ref()).enumerate();
        let mut conditions: Vec<(String, &Condition)> = Vec::new();
        let there = |(index, condition): (usize, Option<_>)| Some((index, condition?));
        conditions.extend(tiers.filter_map(there).map(|(index, or)| (format!("/tiers/{index}/or"), or)));
        conditions
            .extend(badges.filter_map(there).map(|(index, when)| (format!("/badges/{index}/when"), when)));
        let eligible = self.registration.eligible.as_ref();
        conditions.extend(eligible.map(|eligible| ("/registration/eligible".to_owned(), eligible)));
        conditions.extend(tags.filter_map(there).map(|(index, when)| (format!("/tags/{index}/when"), when)));
        let boosts = self.boosts.iter().map(|boost| boost.audience.as_ref()).enumerate();
        conditions.extend(
            boosts.filter_map(there).map(|(index, own)| (format!("/points/boosts/{index}/audience"), own)),
        );
        conditions
    }

    /// Whether it has a tag of that id which is set by hand.
    pub fn has_hand_tag(&self, id: &str) -> bool {
        self.tag(id).is_some_and(|tag| tag.when.is_none())
    }

    /// The multiplier of an order's points in that tier.
    pub fn earn_multiplier(&self, tier: &TierId) -> Rate {
        // A missing tier has none: see `knows`.
        self.tier(tier).map_or(Rate::ONE, |tier| tier.earn_multiplier)
    }

    /// The end of the tier's first period from that moment; `None` is never.
    pub fn period_end(&self, tier: &Tier, start: Instant) -> Option<Instant> {
        tier.validity_months.map(|months| self.months_after(self.zone.day(start), months))
    }

    /// The end of the next period of a tier that is kept at the end of one, and what it is counted from, if not
    /// from the date since which the tier is held. All count from one date, unless a version has changed their
    /// months: then they count from that end on.
    pub fn next_period(
        &self,
        tier: &Tier,
        standing: &Standing,
        end: Instant,
    ) -> Option<(Instant, Option<Periods>)> {
        let (months, ended) = (tier.validity_months?, self.zone.day(end));
        let (since, number) = (self.zone.day(standing.since), standing.kept + 1);
        let from_since = Periods { from: since.number(), months, number };
        // The months since then, for they are not recorded.
        let apart = i64::from(ended.month_number()) - i64::from(since.month_number());
        let so_far = match standing.counted {
            None if apart == i64::from(months) * i64::from(number) => from_since,
            Some(counted) if counted.months == months => counted,
            _ => Periods { from: ended.number(), months, number: 0 },
        };
        let next = Periods { number: so_far.number + 1, ..so_far };
        let end = self.months_after(Day::from_number(next.from), months * next.number);
        Some((end, Some(next).filter(|_| so_far != from_since)))
    }

    fn months_after(&self, day: Day, months: u32) -> Instant {
        self.zone.midnight(day.plus_months(months))
    }
}

impl Expiry {
    /// When points of an event on that local date expire; `None` is never. With `inactivity` it
    /// is the instant that an event recorded that day moves all points to.
    pub fn day_after(self, day: Day) -> Option<Day> {
        match self {
            Expiry::YearEnd { years } => {
                Some(Day::new_year(day.year() + 1 + years.cast_signed())) // at most 100
            }
            Expiry::Months { months, round } => {
                let end = day.plus_months(months);
                Some(if round == 0 { end } else { end.round_up(round) })
            }
            Expiry::Days { days } => Some(day.plus_days(days)),
            Expiry::Inactivity { months } => Some(day.plus_months(months)),
            Expiry::Never => None,
        }
    }
}
