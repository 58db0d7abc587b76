//! What a command does to a member: events, or a refusal. The member must be settled to `now`.
//!
//! Nothing here reads a store: what a decision needs besides the member (the refunded order, older entries,
//! the person) is passed in, or requested by [`Stop::Wants`].

mod activity;
mod bring;
mod cancel;
mod earn;
mod follow;
mod grant;
mod late;
mod merge;
mod points;
mod referral;
mod refund;
mod revise;
mod staff;
mod unite;
mod uses;
mod worth;

use crate::{
    condition::Wants,
    event::{
        BadgeStep, EntryKind, Event, History, Movement, OfferUsed, Order, OrderNow, Share, TierStep,
        UseReversed,
    },
    evolve::evolve,
    id::{BadgeId, BrandId, RedemptionId, TierId},
    member::{LOTS_MAX, Member, Person, Status},
    number::Figure,
    programme::{Programme, Timeline},
    referral::EdgeStep,
    refusal::Refusal,
    shape::Fault,
    time::Instant,
};

pub use bring::{Before, Bring, BringBalance};
pub use earn::{EarnActivity, EarnLine, EarnOrder};
pub use grant::{Gift, IssueGrant, IssuedBefore, RevokeGrant, Revoking};
pub use merge::{Later, LetGo, MergeAway, MergeIn, Part, Since};
pub use points::Redeem;
pub use referral::{Bringing, Reward, Unreward};
pub use refund::{Ask, RefundLine};
pub use staff::{Adjust, IssueBadge, SetStatus, TakeBadge};
pub use worth::{Content, Rates, Worth};

/// How far ahead of now an event may lie, for clocks that differ.
pub const AHEAD_MILLIS_MAX: i64 = 5 * 60 * 1_000;

/// What a decision is made in.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Every version of the programme.
    pub programmes: &'a Timeline,
    /// The moment of the decision, not before the member's `as_of`.
    pub now: Instant,
    /// The person, if requested.
    pub person: Option<&'a Person>,
    /// Older entries, if requested.
    pub history: Option<&'a History>,
    /// Whether events may be any time ago (imports).
    pub any_age: bool,
    /// The edge to whoever has brought the member, where the command may matter to it.
    pub bringing: Option<Bringing<'a>>,
}

impl<'a> Context<'a> {
    /// The version in force.
    pub fn programme(&self) -> &'a Programme {
        self.programmes.at(self.now)
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Command<'a> {
    /// An order earns.
    EarnOrder(&'a EarnOrder),
    /// An activity earns.
    EarnActivity(&'a EarnActivity),
    /// Points are spent on an order.
    Redeem(&'a Redeem),
    /// An order is told anew.
    Revise {
        /// The order as it was first told.
        first: &'a Order,
        /// When it happened.
        happened: Instant,
        /// What has become of it.
        now: &'a OrderNow,
        /// What it consists of from now on.
        told: &'a EarnOrder,
        /// The number of that telling.
        revision: u32,
    },
    /// An order is refunded.
    Refund {
        /// The order as it was first told.
        first: &'a Order,
        /// What has become of it.
        now: &'a OrderNow,
        /// What is asked back.
        ask: &'a Ask,
    },
    /// A redemption is cancelled, in part or whole.
    CancelRedemption {
        /// Its id.
        redemption: RedemptionId,
        /// The event that spent the points.
        redeemed: &'a Event,
        /// Points of it that were cancelled before.
        cancelled: u64,
        /// How many of what remains; all of it unless given.
        points: Option<Figure>,
    },
    /// What an activity gave is taken back.
    ReverseActivity {
        /// The event of the activity.
        done: &'a Event,
        /// The version of the programme it was recorded under.
        version: u32,
    },
    /// An operator moves points or growth.
    Adjust(&'a Adjust),
    /// An offer is claimed, bought, or issued by staff.
    IssueGrant(&'a IssueGrant<'a>),
    /// A grant is taken back.
    RevokeGrant(&'a RevokeGrant<'a>),
    /// Offers are used, as they were priced.
    UseOffers(&'a OfferUsed),
    /// A use of offers comes back, in part or whole.
    ReverseUse(&'a UseReversed),
    /// What was before Laurel is brought along, or corrected.
    Bring(&'a Bring),
    /// A badge is issued by hand.
    IssueBadge(&'a IssueBadge),
    /// A badge is taken back by hand.
    TakeBadge(&'a TakeBadge),
    /// A member is suspended, made active again, closed or erased.
    SetStatus(&'a SetStatus),
    /// A friend, or who has brought it, is rewarded.
    Reward(&'a Reward),
    /// That is taken back.
    Unreward(&'a Unreward<'a>),
    /// Another record of the same person comes in, as it is settled to now.
    MergeIn(&'a MergeIn<'a>),
    /// All that there is goes to another record of the same person.
    MergeAway(&'a MergeAway),
    /// A record that had been merged in takes its part.
    LetGo(&'a LetGo<'a>),
    /// A record that had been merged stands for itself again.
    Part(&'a Part<'a>),
}

/// What was decided.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// How many of them had to happen before what the command asked for, which is the next.
    pub before: usize,
    /// The member afterwards.
    pub member: Member,
    /// The refunded or revised order afterwards.
    pub order: Option<OrderNow>,
    /// What has come of the edge to whoever has brought the member, if that is another from now on. What that one gets
    /// or gives back is decided next.
    pub edge: Option<EdgeStep>,
}

impl Decision {
    /// What the command asked for.
    pub fn asked(&self) -> Option<&Event> {
        self.events.get(self.before)
    }

    /// The tier that the command raised the member to.
    pub fn upgraded_to(&self) -> Option<&TierId> {
        self.events.iter().rev().find_map(|event| match event.kind.row().tier {
            Some(TierStep::Changed { from: _, to, by_version: _ }) => Some(to),
            Some(TierStep::Kept | TierStep::TrialStarted) | None => None,
        })
    }

    /// Badges that followed from the command.
    pub fn badges_issued(&self) -> impl Iterator<Item = &BadgeId> {
        self.events.iter().filter_map(|event| match event.kind.row().badge {
            Some(BadgeStep::Issued(badge)) => Some(badge),
            Some(BadgeStep::Taken(_)) | None => None,
        })
    }
}

/// Why there is no decision.
#[derive(Clone, PartialEq, Debug)]
pub enum Stop {
    /// The rules refuse.
    Refused(Refusal),
    /// More must be looked up first; ask again with it.
    Wants(Wants),
    /// The member and the order do not belong together: they were read at different moments, or one is damaged.
    Torn,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<Wants> for Stop {
    fn from(wants: Wants) -> Stop {
        Stop::Wants(wants)
    }
}

/// Decides the command for a member that is settled to `now`.
///
/// # Errors
/// A refusal, what else must be looked up, or that what was looked up does not belong together.
pub fn decide(context: &Context<'_>, member: &Member, command: &Command<'_>) -> Result<Decision, Stop> {
    let mut draft = Draft::new(*context, member.clone());
    let mut order_after = None;
    match command {
        Command::EarnOrder(order) => draft.earn_order(order)?,
        Command::EarnActivity(activity) => draft.earn_activity(activity)?,
        Command::Redeem(redeem) => draft.redeem(redeem)?,
        Command::Revise { first, happened, now, told, revision } => {
            order_after = Some(draft.revise(first, *happened, now, told, *revision)?);
        }
        Command::Refund { first, now, ask } => order_after = Some(draft.refund(first, now, ask)?),
        Command::CancelRedemption { redemption, redeemed, cancelled, points } => {
            draft.cancel_redemption(*redemption, redeemed, *cancelled, *points)?
        }
        Command::ReverseActivity { done, version } => draft.reverse_activity(done, *version)?,
        Command::Adjust(adjust) => draft.adjust(adjust)?,
        Command::IssueGrant(issue) => draft.issue_grant(issue)?,
        Command::RevokeGrant(revoke) => draft.revoke_grant(revoke)?,
        Command::UseOffers(used) => draft.use_offers(used)?,
        Command::ReverseUse(back) => draft.reverse_use(back)?,
        Command::Bring(bring) => draft.bring(bring)?,
        Command::IssueBadge(issue) => draft.issue_badge(issue)?,
        Command::TakeBadge(take) => draft.take_badge(take)?,
        Command::SetStatus(set) => draft.set_status(set)?,
        Command::Reward(reward) => draft.reward(reward)?,
        Command::Unreward(unreward) => draft.unreward(unreward)?,
        Command::MergeIn(merge) => draft.merge_in(merge)?,
        Command::MergeAway(merge) => draft.merge_away(merge)?,
        Command::LetGo(parting) => draft.let_go(parting)?,
        Command::Part(parting) => draft.part(parting)?,
    }
    draft.follow(member)?;
    draft.check_limits()?;
    let moved: i64 = draft.events.iter().map(|event| event.movement.points()).sum();
    let (before, after) = (member.balance(), draft.member.balance());
    assert!(before + moved == after, "a balance of {before} and {moved} points that move come to {after}");
    let Draft { events, before, member, edge, .. } = draft;
    Ok(Decision { events, before, member, order: order_after, edge })
}

/// A decision in the making: the member as it would be, and what led there.
struct Draft<'a> {
    context: Context<'a>,
    member: Member,
    events: Vec<Event>,
    /// How many of them had to happen before what is asked.
    before: usize,
    /// What has come of the edge to whoever has brought the member.
    edge: Option<EdgeStep>,
}

impl<'a> Draft<'a> {
    fn new(context: Context<'a>, member: Member) -> Draft<'a> {
        Draft { context, member, events: Vec::new(), before: 0, edge: None }
    }

    fn programme(&self) -> &'a Programme {
        self.context.programme()
    }

    fn record(
        &mut self,
        occurred_at: Instant,
        mut movement: Movement,
        moves_expiry_to: Option<Instant>,
        kind: EntryKind,
    ) {
        let at = self.context.now.max(self.member.as_of);
        unite::unite(&self.member, &mut movement, moves_expiry_to, at);
        let today = self.programme().zone.day(at).number();
        let event = Event { occurred_at, at, today, movement, moves_expiry_to, kind };
        evolve(&mut self.member, &event);
        self.events.push(event);
    }

    fn must_be_active(&self) -> Result<(), Refusal> {
        match self.member.status {
            Status::Active => Ok(()),
            status => Err(Refusal::MemberNotActive { status: status.word() }),
        }
    }

    /// Clocks differ, so an event may lie a little ahead.
    fn must_have_happened(&self, told: Instant) -> Result<(), Refusal> {
        let now = self.context.now;
        if told > now.plus_millis(AHEAD_MILLIS_MAX) {
            return Err(Refusal::OccurredInFuture);
        }
        Ok(())
    }

    /// When the event happened, if it may still be recorded.
    fn occurred_at(&self, brand: &BrandId, told: Option<Instant>) -> Result<Instant, Refusal> {
        let now = self.context.now;
        let brand = self.programme().brand(brand).ok_or(Refusal::BrandNotFound)?;
        let Some(told) = told else { return Ok(now) };
        self.must_have_happened(told)?;
        let programme_days = self.programme().late_days;
        let late_days = brand.late_days.map_or(programme_days, |days| days.min(programme_days));
        if told.plus_days(late_days) < now && !self.context.any_age {
            return Err(Refusal::OccurredTooLongAgo { late_days });
        }
        Ok(told)
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let member = &self.member;
        if member.lots.len() > LOTS_MAX {
            return Err(Refusal::LimitExceeded { what: "lots" });
        }
        let points = Figure::sum(member.lots.iter().map(|lot| lot.points));
        let period = member.period_growth.unsigned_abs();
        let figures = [member.debt, member.growth, member.orders.amount.0, period].map(Figure::of);
        if points.is_none() || figures.contains(&None) {
            return Err(Refusal::LimitExceeded { what: "figure" });
        }
        Ok(())
    }
}

/// The points that move must be what the rules say.
fn must_move(movement: &Movement, points: i64, what: &str) {
    assert!(movement.points() == points, "{what} {points} points and {} move", movement.points());
}

fn share(expires_at: Option<Instant>, brand: &BrandId, held_until: Option<Instant>, points: i64) -> Share {
    Share { expires_at, brand: brand.clone(), held_until, points }
}

fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal::InvalidField(vec![Fault::new(pointer, code, detail)])
}
