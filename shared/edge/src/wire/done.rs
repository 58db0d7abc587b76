//! Answers to commands on a member's ledger: each is made from the entry that the command wrote, so that it can be
//! given again for ever.

use domain::{
    event::{Moves, Order},
    id::{BadgeId, RedemptionId, ReferralId, TierId},
    number::signed,
    programme::Way,
};
use engine::records::{EntryRecord, Outcome};

use super::{
    Show,
    entry::{Balance, Entry, redemption_id},
};
use crate::{Answer, Id, List, OrNull, Ulid, answer, word_of};

/// An answer that follows from an entry and what was stored beside it.
pub trait OfEntry {
    /// The answer; `None` if the entry is of another kind.
    fn of(show: Show<'_>, entry: &EntryRecord, outcome: &Outcome) -> Option<Answer>;
}

word_of! {
    /// The state of a referral.
    pub struct ReferralWord: &["open", "review", "held", "done", "void"];
}

answer! {
    /// What a friend's first order came to.
    pub struct FriendsReferral {
        /// the referral
        id: Ulid<ReferralId>,
        /// what state the order brought it into
        state: ReferralWord,
        /// what the friend got, repaid debt included
        points: u64,
    }
}

answer! {
    /// An order or an activity has earned.
    pub struct Earned<'a> {
        /// the ledger entry
        entry: Entry<'a>,
        /// points granted; below 0: taken by an activity that takes, debt included
        granted: i64,
        /// points before limits; below 0: what the programme takes
        calculated: i64,
        /// the tier reached
        upgraded_to: OrNull<Id<&'a TierId>>,
        /// badges that followed
        badges_issued: List<Id<&'a BadgeId>, 0, 100>,
        /// of an order: the boosts that multiply any of it, in the programme's order; not told of one of before boosts
        boosts: Option<List<Id<&'a str>, 0, 100>>,
        /// of an order: what it came to where the member was brought by another; not told of one of before that
        referral: Option<OrNull<FriendsReferral>>,
        /// afterwards
        balance: Balance,
        /// afterwards
        tier: Id<&'a TierId>,
        /// afterwards
        growth: u64,
    }
}

answer! {
    /// Points were spent.
    pub struct Redeemed<'a> {
        /// the ledger entry; its lots say which lots paid
        entry: Entry<'a>,
        /// for cancelling it
        redemption_id: Ulid<RedemptionId>,
        /// afterwards
        balance: Balance,
        /// the member's tier
        tier: Id<&'a TierId>,
        /// the member's growth
        growth: u64,
    }
}

answer! {
    /// An order was refunded, or a redemption cancelled, in part or whole.
    pub struct Reversed<'a> {
        /// the ledger entry
        entry: Entry<'a>,
        /// points taken back, debt included; what was let go is not
        taken: Option<u64>,
        /// points given back, repaid debt included
        restored: Option<i64>,
        /// points of expired lots that did not come back
        lost: Option<u64>,
        /// the member's debt afterwards
        debt: u64,
        /// afterwards
        balance: Balance,
        /// the member's tier
        tier: Id<&'a TierId>,
        /// the member's growth
        growth: u64,
    }
}

answer! {
    /// Points or growth were moved by hand.
    pub struct Adjusted<'a> {
        /// the ledger entry
        entry: Entry<'a>,
        /// the tier reached
        upgraded_to: OrNull<Id<&'a TierId>>,
        /// badges that followed
        badges_issued: List<Id<&'a BadgeId>, 0, 100>,
        /// afterwards
        balance: Balance,
        /// afterwards
        tier: Id<&'a TierId>,
        /// afterwards
        growth: u64,
    }
}

fn upgraded(outcome: &Outcome) -> OrNull<Id<&TierId>> {
    OrNull(outcome.upgraded_to.as_ref().map(Id))
}

fn badges(outcome: &Outcome) -> List<Id<&BadgeId>, 0, 100> {
    outcome.badges_issued.iter().map(Id).collect()
}

/// The boosts that multiply any of an order.
fn boosts(order: &Order) -> Option<List<Id<&str>, 0, 100>> {
    let open = order.boosts.as_ref()?.iter();
    Some(open.filter(|open| open.applies).map(|open| Id(open.id.as_str())).collect())
}

/// What it came to where the member was brought by another.
fn referral(order: &Order, first: bool) -> Option<OrNull<FriendsReferral>> {
    order.boosts.as_ref()?;
    Some(OrNull(order.referral.filter(|_| first).map(|referral| FriendsReferral {
        id: Ulid(ReferralId(referral.friend.0)),
        state: ReferralWord(referral.state.word()),
        points: referral.points,
    })))
}

impl OfEntry for Earned<'_> {
    fn of(show: Show<'_>, entry: &EntryRecord, outcome: &Outcome) -> Option<Answer> {
        let row = entry.event.kind.row();
        // A revision tells what the whole order has earned as it stands; its entry is the change.
        let whole = row.revision.map(|revised| (revised.order.granted, revised.order.calculated));
        let earned = row.granted.map(|granted| (granted.points, granted.calculated));
        let (granted, calculated) = match whole.or(earned) {
            Some((granted, calculated)) => (signed(granted), signed(calculated)),
            None => (entry.event.movement.points(), -signed(row.moves.forfeited()?)),
        };
        let earned = Earned {
            entry: show.entry(entry),
            granted,
            calculated,
            upgraded_to: upgraded(outcome),
            badges_issued: badges(outcome),
            boosts: row.revision.map(|revised| &revised.order).or(row.order).and_then(boosts),
            referral: row.order.or(row.revision.map(|revised| &revised.order)).and_then(|order| {
                // It was the first telling that counted.
                referral(order, row.revision.is_none())
            }),
            balance: Balance::of(outcome),
            tier: Id(&outcome.tier),
            growth: outcome.growth,
        };
        Some(Answer::new(200, &earned))
    }
}

impl OfEntry for Redeemed<'_> {
    fn of(show: Show<'_>, entry: &EntryRecord, outcome: &Outcome) -> Option<Answer> {
        let row = entry.event.kind.row();
        let redeemed = Redeemed {
            entry: show.entry(entry),
            redemption_id: row
                .redemption
                .filter(|_| row.moves.counts_as() == Some(Way::Redeem))
                .map(redemption_id)?,
            balance: Balance::of(outcome),
            tier: Id(&outcome.tier),
            growth: outcome.growth,
        };
        Some(Answer::new(200, &redeemed))
    }
}

impl OfEntry for Reversed<'_> {
    fn of(show: Show<'_>, entry: &EntryRecord, outcome: &Outcome) -> Option<Answer> {
        let (taken, restored, lost) = match entry.event.kind.row().moves {
            Moves::TakenBack { taken } => (Some(taken), None, None),
            Moves::GivenBack(gone) => (None, Some(entry.event.movement.points()), Some(gone.lost)),
            Moves::Nothing
            | Moves::Issued
            | Moves::Honoured
            | Moves::Expired
            | Moves::Restored
            | Moves::ByHand { .. }
            | Moves::Forfeited { .. }
            | Moves::BetweenMembers => return None,
        };
        let reversed = Reversed {
            entry: show.entry(entry),
            taken,
            restored,
            lost,
            debt: outcome.debt,
            balance: Balance::of(outcome),
            tier: Id(&outcome.tier),
            growth: outcome.growth,
        };
        Some(Answer::new(200, &reversed))
    }
}

impl OfEntry for Adjusted<'_> {
    fn of(show: Show<'_>, entry: &EntryRecord, outcome: &Outcome) -> Option<Answer> {
        if !entry.event.kind.row().moves.is_by_hand() {
            return None;
        }
        let adjusted = Adjusted {
            entry: show.entry(entry),
            upgraded_to: upgraded(outcome),
            badges_issued: badges(outcome),
            balance: Balance::of(outcome),
            tier: Id(&outcome.tier),
            growth: outcome.growth,
        };
        Some(Answer::new(200, &adjusted))
    }
}
