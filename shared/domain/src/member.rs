//! A member as stored: the standing of points, growth and tier, and the person behind it.
//!
//! Plain data. What changes it is [`crate::evolve`]; what may change it is [`mod@crate::decide`].

mod reached;
mod rests;

use std::collections::BTreeMap;

pub use reached::{Locale, QUIET_HOURS_MAX, QuietHours};
pub use rests::{RESTS_MAX, Rest, Rests};

pub use crate::id::MemberId;
use crate::{
    attribute::Attribute,
    brought::Opening,
    id::{ActivityId, BadgeId, BrandId, MergeId, ReferralCode, TierId},
    number::{Money, signed},
    referral::{BroughtBy, Friends},
    time::{Day, DayNumber, Instant},
};

/// Whether a member takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Earns and redeems.
    Active,
    /// Earns and redeems nothing until active again.
    Suspended,
    /// Has left; its points have lapsed.
    Closed,
    /// The person is gone; the ledger stays.
    Erased,
    /// Another record of the same person has taken over all it had, and answers for it.
    Merged,
}

impl Status {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Suspended => "suspended",
            Status::Closed => "closed",
            Status::Erased => "erased",
            Status::Merged => "merged",
        }
    }
}

/// Points that share an expiry, an issuer and a hold (rules, 3). Equal lots are one lot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lot {
    /// When they expire; `None` is never.
    pub expires_at: Option<Instant>,
    /// The brand that issued them.
    pub brand: BrandId,
    /// Until when they cannot be spent; `None` once they can.
    pub held_until: Option<Instant>,
    /// How many, from 1.
    pub points: u64,
}

/// A member's place on the ladder of tiers (rules, 7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The tier.
    pub tier: TierId,
    /// Since when.
    pub since: Instant,
    /// When its period lapses; `None` is never.
    pub valid_until: Option<Instant>,
    /// How many times in a row it was kept.
    pub kept: u32,
    /// What its periods count from since a version of the programme has changed their length; before, they
    /// count from `since`.
    pub counted: Option<Periods>,
}

/// Periods of one length in a row: they all count from one date, so that none clamps the next one's day (31
/// January, 28 February, 31 March).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Periods {
    /// The local day (its number) from which they count.
    pub from: DayNumber,
    /// Months of each, from 1.
    pub months: u32,
    /// Which of them runs, from 1.
    pub number: u32,
}

/// A trial of a higher tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// The tier whose benefits it gives.
    pub tier: TierId,
    /// When it ends.
    pub until: Instant,
}

/// A badge that was issued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Badge {
    /// The badge's id.
    pub id: BadgeId,
    /// When.
    pub issued_at: Instant,
}

/// What an activity has counted for a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivityCount {
    /// The activity's id.
    pub id: ActivityId,
    /// Times per local day, of the last [`COUNTED_DAYS`] days.
    pub days: Vec<(DayNumber, u32)>,
    /// The last local day that counted for the streak.
    pub streak_day: DayNumber,
    /// Consecutive days up to that one.
    pub streak: u32,
}

/// How many days back counters reach; earlier days are recounted from the ledger.
pub const COUNTED_DAYS: i32 = 35;

/// The most lots a member may have.
pub const LOTS_MAX: usize = 1_000;

/// The most categories that a member's counters name; others are looked up in the ledger.
pub const CATEGORIES_MAX: usize = 40;

/// What a member has ordered.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OrderStats {
    /// Orders of which anything remains.
    pub count: u64,
    /// What remains of them, rounded down.
    pub amount: Money,
    /// What each leaves beyond its own whole minor units; whatever of that makes further ones is in `amount`.
    pub rests: Rests,
    /// When the earliest happened.
    pub first_at: Option<Instant>,
    /// When the latest happened.
    pub last_at: Option<Instant>,
    /// Categories of all orders' lines, at most [`CATEGORIES_MAX`].
    pub categories: Vec<String>,
    /// Whether there were more.
    pub more_categories: bool,
}

/// Whom a member was merged into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MergedInto {
    /// The other member, which may have been merged into a third one since.
    pub member: MemberId,
    /// The merge.
    pub merge: MergeId,
    /// When.
    pub at: Instant,
}

/// A member that was merged into this one, or into one that this one has absorbed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absorbed {
    /// It.
    pub member: MemberId,
    /// The merge that it was absorbed in.
    pub merge: MergeId,
    /// When.
    pub at: Instant,
}

/// The most members that one may have absorbed, with all that these had.
pub const ABSORBED_MAX: usize = 8;

/// The part of a member that commands read and change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Whether it takes part.
    pub status: Status,
    /// When it registered.
    pub registered_at: Instant,
    /// The moment up to which it has been settled; it never goes back.
    pub as_of: Instant,
    /// The newest version of the programme whose coming into force it has been settled over; 0 where only
    /// `as_of` tells.
    pub version: u32,
    /// The number of its last ledger entry; 0 before the first.
    pub seq: u64,
    /// Growth, never below zero.
    pub growth: u64,
    /// Growth recorded in the tier's period, net of refunds.
    pub period_growth: i64,
    /// The tier.
    pub standing: Standing,
    /// The highest tier it holds for life.
    pub lifetime: Option<TierId>,
    /// A running trial.
    pub trial: Option<Trial>,
    /// Tiers that were tried.
    pub tried: Vec<TierId>,
    /// Points, in spending order.
    pub lots: Vec<Lot>,
    /// Points owed. A member in debt has no lots.
    pub debt: u64,
    /// The local day (its number) of the last earn, activity or redemption; 0 before the first.
    pub active_on: DayNumber,
    /// The one instant of all points with `inactivity` expiry, as what was last recorded moved it; `None` if that
    /// moved none.
    pub ends_with: Option<Instant>,
    /// Badges, in order of issue.
    pub badges: Vec<Badge>,
    /// Badges that were taken back once: they are issued by hand alone.
    pub by_hand: Vec<BadgeId>,
    /// Tags.
    pub tags: Vec<String>,
    /// Points granted per local day of `occurred_at`, of the last [`COUNTED_DAYS`] days.
    pub granted: Vec<(DayNumber, u64)>,
    /// Activities done.
    pub activities: Vec<ActivityCount>,
    /// Orders.
    pub orders: OrderStats,
    /// What was said of its standing before Laurel.
    pub opening: Opening,
    /// Whom it was merged into, while it is. Beside points and growth, which the other has, it then keeps what it had.
    pub merged: Option<MergedInto>,
    /// Members that it has absorbed, those of each in a row; at most [`ABSORBED_MAX`].
    pub absorbed: Vec<Absorbed>,
    /// By whom it was brought, if by anybody. It was told at registration, and is in no entry.
    pub brought_by: Option<BroughtBy>,
    /// What the friends have come to that it has brought.
    pub friends: Friends,
}

impl Member {
    /// A member that has just registered.
    pub fn new(id: MemberId, registered_at: Instant, as_of: Instant, base_tier: &TierId) -> Member {
        Member {
            id,
            status: Status::Active,
            registered_at,
            as_of,
            version: 0,
            seq: 0,
            growth: 0,
            period_growth: 0,
            standing: Standing {
                tier: base_tier.clone(),
                since: registered_at,
                valid_until: None,
                kept: 0,
                counted: None,
            },
            lifetime: None,
            trial: None,
            tried: Vec::new(),
            lots: Vec::new(),
            debt: 0,
            active_on: DayNumber::NEVER,
            ends_with: None,
            badges: Vec::new(),
            by_hand: Vec::new(),
            tags: Vec::new(),
            granted: Vec::new(),
            activities: Vec::new(),
            orders: OrderStats::default(),
            opening: Opening::default(),
            merged: None,
            absorbed: Vec::new(),
            brought_by: None,
            friends: Friends::default(),
        }
    }

    /// Whether it has absorbed that member.
    pub fn has_absorbed(&self, id: MemberId) -> bool {
        self.absorbed.iter().any(|absorbed| absorbed.member == id)
    }

    /// Whether that id is its own, or of a record that it has absorbed.
    pub fn answers_for(&self, id: MemberId) -> bool {
        self.id == id || self.has_absorbed(id)
    }

    /// Points that can be spent at the moment the member is settled to.
    pub fn available(&self) -> u64 {
        self.lots.iter().filter(|lot| lot.held_until.is_none()).map(|lot| lot.points).sum()
    }

    /// Points that are still held.
    pub fn held(&self) -> u64 {
        self.lots.iter().filter(|lot| lot.held_until.is_some()).map(|lot| lot.points).sum()
    }

    /// The sum of all the member's ledger entries: available + held − debt.
    pub fn balance(&self) -> i64 {
        let points: u64 = self.lots.iter().map(|lot| lot.points).sum();
        signed(points) - signed(self.debt)
    }

    /// Whether the member has that badge.
    pub fn has_badge(&self, id: &BadgeId) -> bool {
        self.badges.iter().any(|badge| badge.id == *id)
    }

    /// The tier whose benefits apply: a running trial's, else the real one.
    pub fn tier_in_effect(&self) -> &TierId {
        self.trial.as_ref().map_or(&self.standing.tier, |trial| &trial.tier)
    }

    /// What an activity has counted so far.
    pub fn activity(&self, id: &ActivityId) -> Option<&ActivityCount> {
        self.activities.iter().find(|activity| activity.id == *id)
    }

    /// The next instant at which time alone changes anything; `None` is never. Of one that was merged, time changes
    /// nothing until it stands for itself again.
    pub fn due_at(&self) -> Option<Instant> {
        if self.merged.is_some() {
            return None;
        }
        let lots = self.lots.iter().flat_map(|lot| [lot.expires_at, lot.held_until]);
        let tier = [self.standing.valid_until, self.trial.as_ref().map(|trial| trial.until)];
        lots.chain(tier).flatten().min()
    }
}

/// How a person is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// `phone`, `email` or `external`.
    pub kind: IdentityKind,
    /// The channel of an external identity; empty otherwise.
    pub channel: String,
    /// E.164, lower-cased address, or the channel's own value.
    pub value: String,
    /// Whether the shop vouched for it.
    pub verified: bool,
}

/// The kinds of identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IdentityKind {
    /// A telephone number.
    Phone,
    /// An email address.
    Email,
    /// An id of another system.
    External,
}

impl IdentityKind {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            IdentityKind::Phone => "phone",
            IdentityKind::Email => "email",
            IdentityKind::External => "external",
        }
    }
}

/// Most channels of consent of one member.
pub const CONSENTS_MAX: usize = 20;

/// The parts of a region, the widest first; `area` is 商圈, a quarter where people shop.
pub const REGION_PARTS: [&str; 5] = ["country", "province", "city", "district", "area"];

/// Most identities of one member.
pub const IDENTITIES_MAX: usize = 20;

/// When and how somebody agreed to something, or refused it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consented {
    /// When.
    pub at: Instant,
    /// How it was told.
    pub how: ConsentWay,
}

/// How a consent was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsentWay {
    /// By a file that said since when.
    Import,
    /// By a registration.
    Registration,
    /// By a correction of what is known of the person.
    Correction,
}

/// A change of what is known of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Who asked for it, in the words of answers.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// Who a member is. Stored apart from [`Member`]: commands rarely need it, and erasure deletes it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Person {
    /// How the person is known.
    pub identities: Vec<Identity>,
    /// Name as given.
    pub name: Option<String>,
    /// `YYYY-MM-DD`.
    pub birthday: Option<String>,
    /// When the birthday was entered or last changed; `None` where that was at registration. Of a person that was
    /// changed before this was kept, the last change of anything.
    pub birthday_since: Option<Instant>,
    /// As given.
    pub gender: Option<String>,
    /// In which language the person is written to; `None`: not said.
    pub locale: Option<Locale>,
    /// The IANA name of the zone whose clock is the person's; `None`: the programme's zone.
    pub time_zone: Option<String>,
    /// When the person is told nothing, as told, at most [`QUIET_HOURS_MAX`].
    pub quiet_hours: Vec<QuietHours>,
    /// By [`REGION_PARTS`], as given.
    pub region: BTreeMap<String, String>,
    /// The brand of registration; empty for a person who is gone.
    pub brand: String,
    /// The channel of registration.
    pub channel: Option<String>,
    /// The code that the person came with.
    pub referral_code: Option<ReferralCode>,
    /// The terms the person agreed to.
    pub terms_version: Option<String>,
    /// What the person agreed to, by channel.
    pub consents: BTreeMap<String, bool>,
    /// Since when and how, where it is known: not of what a file said without a date, or of before that was kept.
    pub consents_since: BTreeMap<String, Consented>,
    /// What the programme declares beside, by its ids; those of an attribute that is gone are kept.
    pub attributes: BTreeMap<String, Attribute>,
    /// The last change of what is known; `None` before one was recorded.
    pub changed: Option<Changed>,
}

impl Person {
    /// Keeps since when the birthday is known, where it is another than before.
    pub fn keep_birthday_since(&mut self, before: &Person, now: Instant) {
        if self.birthday != before.birthday {
            self.birthday_since = self.birthday.is_some().then_some(now);
        }
    }

    /// Whole years since the birthday on that day.
    pub fn age(&self, today: Day) -> Option<i64> {
        let born = Day::parse(self.birthday.as_deref()?)?;
        let had_birthday = today.month_day() >= born.month_day();
        Some(i64::from(today.year() - born.year()) - i64::from(!had_birthday))
    }
}
