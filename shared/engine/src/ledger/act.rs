//! Commands on a member's ledger: the member they are about, the name they are known by, and what they
//! change. Each command says so once, where it is made.

use domain::{
    decide::{Adjust, Ask, Command, EarnActivity, EarnOrder, IssueBadge, Redeem, SetStatus, TakeBadge},
    id::{
        ActivityId, ActivityRef, AdjustmentId, BadgeId, BrandId, GrantId, OrderId, RedemptionId,
        RedemptionPart, RefundId,
    },
    member::{Member, MemberId, Status},
    number::Figure,
    offer::How,
    programme::Way,
    refusal::Refusal,
    time::Instant,
};
use sha2::{Digest, Sha256};

use crate::{
    ledger::asking::{CommandOnGrant, GrantAsk, Revoke},
    store::{
        Key,
        id::{Reference, SignalHash},
        keys,
        reading::Claim,
        records::EntryRecord,
    },
};

/// Who a command is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    /// A member by id.
    Id(MemberId),
    /// A member by an identity.
    Identity(Claim),
    /// A member by the reference of the partner that asks.
    Linked(Reference),
    /// The member of a request that does not name one properly: nobody.
    Nobody,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Done {
    /// Whose ledger it was about.
    pub member: MemberId,
    /// The entry it is about, with what the answer adds; `None` if there was nothing to do.
    pub entry: Option<EntryRecord>,
    /// Whether it was done before and this repeats the first answer.
    pub replayed: bool,
}

/// A command on a member's ledger, as a function passes it on.
#[derive(Clone, Debug)]
pub struct Act {
    /// Whose ledger it is about.
    pub(super) about: About,
    /// The brand it is done at.
    pub(super) brand: Option<BrandId>,
    /// The name under which it is done at most once, for ever.
    pub(super) natural_key: Option<Key>,
    /// What it does to its brand's account, if that counts.
    pub(super) account: Counted,
    /// The state of a member that leaves nothing to do.
    idle: Idle,
    /// What the shop says of the member besides.
    signals: Vec<SignalHash>,
    deed: Deed,
}

/// Whose ledger a command is about.
#[derive(Clone, Debug)]
pub(super) enum About {
    /// The member's that it names.
    Member(Whom),
    /// The member of this record; the command changes the record too.
    Target {
        /// The record of an order or a redemption.
        key: Key,
        /// The refusal if it does not exist.
        missing: Refusal,
        /// Who must be the member, if the command names one.
        whom: Option<Whom>,
    },
}

/// What a command does to its brand's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counted {
    /// Nothing.
    Nowhere,
    /// Takes points in that direction from it.
    Taken(Way),
    /// May give back what its target took.
    GivenBack,
    /// Takes points from it, or gives back what its target took.
    Revised,
}

/// The state of a member that leaves nothing to do.
#[derive(Clone, Debug)]
enum Idle {
    Never,
    WithBadge(BadgeId),
    WithStatus(Status),
}

/// What is done.
#[derive(Clone, Debug)]
enum Deed {
    EarnOrder(EarnOrder),
    Revise(EarnOrder, u32),
    EarnActivity(EarnActivity),
    Redeem(Redeem),
    Refund(Ask),
    Cancel(RedemptionId, Option<Figure>),
    ReverseActivity,
    Adjust(Adjust),
    IssueBadge(IssueBadge),
    TakeBadge(TakeBadge),
    SetStatus(SetStatus),
    IssueGrant(GrantAsk),
    RevokeGrant(Revoke),
}

/// What a command is, where it is about a grant.
#[derive(Clone, Copy, Debug)]
pub(super) enum OfGrant<'a> {
    /// It issues one.
    Issue(&'a GrantAsk),
    /// It takes one back.
    Revoke(&'a Revoke),
}

/// The id of a redemption of an order: it follows from the order and the part, so that no index is needed. No
/// id contains a zero byte, so no two of them hash the same bytes.
pub fn redemption_id(brand: &BrandId, order_id: &OrderId, part: Option<&RedemptionPart>) -> RedemptionId {
    let mut hash = Sha256::new();
    for text in ["redemption", "\0", brand.as_str(), "\0", order_id.as_str()] {
        hash.update(text.as_bytes());
    }
    if let Some(part) = part {
        hash.update(b"\0");
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    RedemptionId(id)
}

impl Act {
    /// A command that changes nothing but the member: no brand, no name, no account.
    fn on(whom: Whom, deed: Deed) -> Act {
        let (about, account, idle) = (About::Member(whom), Counted::Nowhere, Idle::Never);
        Act { about, brand: None, natural_key: None, account, idle, signals: Vec::new(), deed }
    }

    /// An order earns, once.
    pub fn earn_order(whom: Whom, order: EarnOrder) -> Act {
        Act {
            brand: Some(order.brand.clone()),
            natural_key: Some(keys::order(&order.brand, &order.order_id)),
            account: Counted::Taken(Way::Issue),
            ..Act::on(whom, Deed::EarnOrder(order))
        }
    }

    /// An order is told anew under that number, from 2, once.
    pub fn revise(whom: Whom, order: EarnOrder, revision: u32) -> Act {
        let (brand, order_id) = (&order.brand, &order.order_id);
        Act {
            about: About::Target {
                key: keys::order(brand, order_id),
                missing: Refusal::OrderConflict { revision: Some(0) },
                whom: Some(whom),
            },
            natural_key: Some(keys::revision(brand, order_id, revision)),
            brand: Some(order.brand.clone()),
            account: Counted::Revised,
            idle: Idle::Never,
            signals: Vec::new(),
            deed: Deed::Revise(order, revision),
        }
    }

    /// An activity earns; once, if it has a reference.
    pub fn earn_activity(whom: Whom, done: EarnActivity) -> Act {
        let named = |reference: &ActivityRef| keys::activity(&done.brand, &done.activity, reference);
        Act {
            brand: Some(done.brand.clone()),
            natural_key: done.reference.as_ref().map(named),
            account: Counted::Taken(Way::Issue),
            ..Act::on(whom, Deed::EarnActivity(done))
        }
    }

    /// Points are spent on an order, once for each of its parts.
    pub fn redeem(whom: Whom, redeem: Redeem) -> Act {
        let id = redemption_id(&redeem.brand, &redeem.order_id, redeem.part.as_ref());
        Act {
            brand: Some(redeem.brand.clone()),
            natural_key: Some(keys::redemption(id)),
            account: Counted::Taken(Way::Redeem),
            ..Act::on(whom, Deed::Redeem(redeem))
        }
    }

    /// A brand's order is refunded; once, if the refund has a name of its own.
    pub fn refund(brand: BrandId, order_id: &OrderId, refund_id: Option<&RefundId>, ask: Ask) -> Act {
        Act {
            about: About::Target {
                key: keys::order(&brand, order_id),
                missing: Refusal::OrderNotFound,
                whom: None,
            },
            natural_key: refund_id.map(|refund_id| keys::refund(&brand, order_id, refund_id)),
            brand: Some(brand),
            account: Counted::GivenBack,
            idle: Idle::Never,
            signals: Vec::new(),
            deed: Deed::Refund(ask),
        }
    }

    /// A redemption is cancelled: so many of its points, or all that remain; once, if that has a name of its
    /// own.
    pub fn cancel(redemption: RedemptionId, points: Option<Figure>, refund_id: Option<&RefundId>) -> Act {
        Act {
            about: About::Target {
                key: keys::redemption(redemption),
                missing: Refusal::RedemptionNotFound,
                whom: None,
            },
            brand: None,
            natural_key: refund_id.map(|refund_id| keys::cancellation(redemption, refund_id)),
            account: Counted::Nowhere,
            idle: Idle::Never,
            signals: Vec::new(),
            deed: Deed::Cancel(redemption, points),
        }
    }

    /// What a brand's activity gave is taken back, once.
    pub fn reverse_activity(brand: BrandId, activity: &ActivityId, reference: &ActivityRef) -> Act {
        Act {
            about: About::Target {
                key: keys::activity(&brand, activity, reference),
                missing: Refusal::ActivityNotFound,
                whom: None,
            },
            natural_key: Some(keys::activity_reversed(&brand, activity, reference)),
            brand: Some(brand),
            account: Counted::GivenBack,
            idle: Idle::Never,
            signals: Vec::new(),
            deed: Deed::ReverseActivity,
        }
    }

    /// What a caller is told of something that it does not reach.
    pub(super) fn missing(&self) -> Option<&Refusal> {
        match &self.about {
            About::Member(_) => None,
            About::Target { key: _, missing, whom: _ } => Some(missing),
        }
    }

    /// An operator moves points or growth, once for each id.
    pub fn adjust(whom: Whom, id: &AdjustmentId, adjust: Adjust) -> Act {
        Act {
            brand: Some(adjust.brand.clone()),
            natural_key: Some(keys::adjustment(id)),
            ..Act::on(whom, Deed::Adjust(adjust))
        }
    }

    /// A badge is issued by hand, unless the member has it.
    pub fn issue_badge(whom: Whom, issue: IssueBadge) -> Act {
        Act { idle: Idle::WithBadge(issue.badge.clone()), ..Act::on(whom, Deed::IssueBadge(issue)) }
    }

    /// A badge that the member has is taken back by hand.
    pub fn take_badge(whom: Whom, take: TakeBadge) -> Act {
        Act::on(whom, Deed::TakeBadge(take))
    }

    /// A member is suspended, made active again, closed or erased, unless it already is.
    pub fn set_status(whom: Whom, set: SetStatus) -> Act {
        Act { idle: Idle::WithStatus(set.status), ..Act::on(whom, Deed::SetStatus(set)) }
    }

    /// An offer is claimed, bought, or issued by staff; once, if the caller has a name for it.
    pub fn issue_grant(whom: Whom, ask: GrantAsk) -> Act {
        let is_paid = ask.offer.how == How::Buy && !ask.by_staff;
        Act {
            brand: Some(ask.brand.clone()),
            account: if is_paid { Counted::Taken(Way::Redeem) } else { Counted::Nowhere },
            ..Act::on(whom, Deed::IssueGrant(ask))
        }
    }

    /// A grant is taken back, once.
    pub fn revoke_grant(grant: GrantId, revoke: Revoke) -> Act {
        Act {
            about: About::Target { key: keys::grant_of(grant), missing: Refusal::GrantNotFound, whom: None },
            ..Act::on(Whom::Nobody, Deed::RevokeGrant(revoke))
        }
    }

    /// What it does about a grant, if it is about one.
    pub(super) fn of_grant(&self) -> Option<OfGrant<'_>> {
        match &self.deed {
            Deed::IssueGrant(ask) => Some(OfGrant::Issue(ask)),
            Deed::RevokeGrant(revoke) => Some(OfGrant::Revoke(revoke)),
            _ => None,
        }
    }

    /// The same, with what the shop says of the member besides.
    #[must_use]
    pub fn saying(self, signals: Vec<SignalHash>) -> Act {
        Act { signals, ..self }
    }

    /// What the shop says of the member besides.
    pub(super) fn signals(&self) -> &[SignalHash] {
        &self.signals
    }

    /// When the order happened that it tells for the first time, if it tells one.
    pub(super) fn happened(&self, now: Instant) -> Option<Instant> {
        match &self.deed {
            Deed::EarnOrder(order) => Some(order.occurred_at.unwrap_or(now)),
            _ => None,
        }
    }

    /// The name that only the caller gives, under which it is done once: a repeat is recognised where the member's grants
    /// are read.
    pub(super) fn is_named_within(&self) -> bool {
        matches!(&self.deed, Deed::IssueGrant(ask) if ask.asked_as.is_some())
            || matches!(&self.deed, Deed::RevokeGrant(_))
    }

    /// Whether there is nothing left to do for the member as it is.
    pub(super) fn is_done(&self, member: &Member) -> bool {
        match &self.idle {
            Idle::Never => false,
            Idle::WithBadge(badge) => member.has_badge(badge),
            Idle::WithStatus(status) => member.status == *status,
        }
    }

    /// The order that it tells anew, whose record says whether a repeat is answered.
    pub(super) fn revised(&self) -> Option<&Key> {
        match (&self.deed, &self.about) {
            (Deed::Revise(..), About::Target { key, .. }) => Some(key),
            _ => None,
        }
    }

    /// The command for the rules; `target` is the entry that it changes, if it changes one.
    ///
    /// # Errors
    /// The refusal if the target has another kind.
    pub(super) fn command<'a>(
        &'a self,
        target: Option<&'a EntryRecord>,
        of_grant: Option<&'a CommandOnGrant<'a>>,
    ) -> Result<Command<'a>, Refusal> {
        Ok(match &self.deed {
            Deed::IssueGrant(_) | Deed::RevokeGrant(_) => match of_grant.ok_or(Refusal::GrantNotFound)? {
                CommandOnGrant::Issue(issue) => Command::IssueGrant(issue),
                CommandOnGrant::Revoke(revoke) => Command::RevokeGrant(revoke),
            },
            Deed::EarnOrder(order) => Command::EarnOrder(order),
            Deed::EarnActivity(activity) => Command::EarnActivity(activity),
            Deed::Redeem(redeem) => Command::Redeem(redeem),
            Deed::Adjust(adjust) => Command::Adjust(adjust),
            Deed::IssueBadge(issue) => Command::IssueBadge(issue),
            Deed::TakeBadge(take) => Command::TakeBadge(take),
            Deed::SetStatus(set) => Command::SetStatus(set),
            Deed::Refund(ask) => {
                let entry = target.ok_or(Refusal::OrderNotFound)?;
                let (first, now) = entry.as_order().ok_or(Refusal::OrderNotFound)?;
                Command::Refund { first, now, ask }
            }
            Deed::Revise(told, revision) => {
                let entry = target.ok_or(Refusal::OrderNotFound)?;
                let (first, now) = entry.as_order().ok_or(Refusal::OrderNotFound)?;
                let happened = entry.event.occurred_at;
                Command::Revise { first, happened, now, told, revision: *revision }
            }
            Deed::ReverseActivity => {
                let entry = target.ok_or(Refusal::ActivityNotFound)?;
                Command::ReverseActivity { done: &entry.event, version: entry.version }
            }
            Deed::Cancel(redemption, points) => {
                let entry = target.ok_or(Refusal::RedemptionNotFound)?;
                Command::CancelRedemption {
                    redemption: *redemption,
                    redeemed: &entry.event,
                    cancelled: entry.cancelled,
                    points: *points,
                }
            }
        })
    }
}
