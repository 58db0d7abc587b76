//! Grants 持有 as they are shown, and answers to what is done about them.

use domain::{
    id::{GrantId, OfferId, OrderId, TierId, UseId},
    member::MemberId,
    offer::{
        How,
        grant::{Grant, HeldBy, State},
    },
    time::Instant,
};
use engine::{
    grants,
    records::{EntryRecord, Outcome},
};

use super::{
    Show,
    entry::{Balance, Entry},
};
use crate::{Answer, At, Id, OrNull, Secrets, Text, Ulid, answer, words};

words! {
    /// What a grant is now.
    pub enum GrantState {
        /// It was taken back.
        Revoked = "revoked",
        /// Nothing of it is left.
        Used = "used",
        /// It is being passed on.
        Given = "given",
        /// An order or a use has set it aside.
        Held = "held",
        /// It has ended.
        Expired = "expired",
        /// It can be used, now or from `valid_from` on.
        Granted = "granted",
    }
}

words! {
    /// How a grant came.
    pub enum GrantSource {
        /// Who is eligible has it.
        Auto = "auto",
        /// It was claimed.
        Claim = "claim",
        /// It was bought for points.
        Buy = "buy",
        /// Staff or a campaign issued it.
        Issue = "issue",
        /// By a code.
        Code = "code",
    }
}

impl From<How> for GrantSource {
    fn from(how: How) -> GrantSource {
        match how {
            How::Auto => GrantSource::Auto,
            How::Claim => GrantSource::Claim,
            How::Buy => GrantSource::Buy,
            How::Issue => GrantSource::Issue,
            How::Code => GrantSource::Code,
        }
    }
}

answer! {
    /// What a member has of an offer.
    pub struct GrantShown<'a> {
        /// null of what is had without being issued, until it is first held or used
        id: OrNull<Ulid<GrantId>>,
        /// the offer
        offer: Id<&'a OfferId>,
        /// the version that governs it
        version: u32,
        /// whose it is
        member_id: Ulid<MemberId>,
        /// how often it may be used in all; null without bounds
        quantity: OrNull<u32>,
        /// how often still; null without bounds
        left: OrNull<u32>,
        /// from when on; null of what is had for ever without being issued
        valid_from: OrNull<At>,
        /// before when; null for ever
        valid_until: OrNull<At>,
        /// what it is now
        state: GrantState,
        /// by which order it is held
        order_id: Option<Id<&'a OrderId>>,
        /// by which use it is held
        use_id: Option<Id<&'a UseId>>,
        /// until when it is held, or being passed on
        until: Option<At>,
        /// how it came
        source: GrantSource,
        /// null of what is had without being issued, until it is first held or used
        issued_at: OrNull<At>,
        /// the code of somebody else's that it has handed out
        code: Option<Text<256>>,
    }
}

answer! {
    /// An offer was claimed or bought.
    pub struct Granted<'a> {
        /// what the member has, as it was issued
        grant: GrantShown<'a>,
        /// the ledger entry
        entry: Entry<'a>,
        /// afterwards
        balance: Balance,
        /// the member's tier
        tier: Id<&'a TierId>,
        /// the member's growth
        growth: u64,
    }
}

answer! {
    /// Staff have issued an offer.
    pub struct GrantIssued<'a> {
        /// what the member has, as it was issued
        grant: GrantShown<'a>,
        /// the ledger entry
        entry: Entry<'a>,
    }
}

answer! {
    /// Staff have taken a grant back.
    pub struct GrantRevoked<'a> {
        /// as it was when it was taken back
        grant: GrantShown<'a>,
    }
}

answer! {
    /// A claim or a purchase was taken back.
    pub struct GrantTakenBack<'a> {
        /// as it was when it was taken back
        grant: GrantShown<'a>,
        /// the ledger entry
        entry: Entry<'a>,
        /// points given back, repaid debt included
        restored: i64,
        /// points of expired lots that did not come back
        lost: u64,
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

impl Show<'_> {
    /// A grant as it is at that moment.
    pub fn grant<'a>(&self, secrets: &Secrets, grant: &'a Grant, at: Instant) -> GrantShown<'a> {
        let state = grant.state(at);
        let held = match state {
            State::Held(held) => Some(held),
            State::Revoked | State::Used | State::Given { .. } | State::Expired | State::Granted => None,
        };
        let (order_id, use_id) = match held.map(|held| &held.by) {
            Some(HeldBy::Order(order)) => (Some(Id(order)), None),
            Some(HeldBy::Use(used)) => (None, Some(Id(used))),
            None => (None, None),
        };
        let given = match state {
            State::Given { until } => Some(until),
            _ => None,
        };
        let word = match state {
            State::Revoked => GrantState::Revoked,
            State::Used => GrantState::Used,
            State::Given { .. } => GrantState::Given,
            State::Held(_) => GrantState::Held,
            State::Expired => GrantState::Expired,
            State::Granted => GrantState::Granted,
        };
        GrantShown {
            id: OrNull(grant.id.map(|id| Ulid(secrets.shown_grant(id)))),
            offer: Id(&grant.offer),
            version: grant.version,
            member_id: Ulid(grant.member),
            quantity: OrNull(grant.quantity),
            left: OrNull(grant.left),
            valid_from: self.maybe(Some(grant.valid_from).filter(|from| *from > Instant::MIN)),
            valid_until: self.maybe(grant.valid_until),
            state: word,
            order_id,
            use_id,
            until: held.map(|held| held.until).or(given).map(|until| self.instant(until)),
            source: grant.source.into(),
            issued_at: self.maybe(grant.issued_at),
            code: grant.code.as_deref().and_then(|sealed| secrets.open_code(&grant.offer, sealed)).map(Text),
        }
    }

    /// The answer to a claim or a purchase; `None` if the entry is of another kind.
    pub fn granted(&self, secrets: &Secrets, entry: &EntryRecord, outcome: &Outcome) -> Option<Answer> {
        let grant = grants::as_issued(entry)?;
        let granted = Granted {
            grant: self.grant(secrets, &grant, entry.event.at),
            entry: self.entry(entry),
            balance: Balance::of(outcome),
            tier: Id(&outcome.tier),
            growth: outcome.growth,
        };
        Some(Answer::new(200, &granted))
    }

    /// The answer to an issue by staff; `None` if the entry is of another kind.
    pub fn issued(&self, secrets: &Secrets, entry: &EntryRecord) -> Option<Answer> {
        let grant = grants::as_issued(entry)?;
        let issued =
            GrantIssued { grant: self.grant(secrets, &grant, entry.event.at), entry: self.entry(entry) };
        Some(Answer::new(201, &issued))
    }

    /// The answer to a revocation by staff: by the entry that issued the grant, and the one that took it back.
    pub fn revoked(&self, secrets: &Secrets, issued: &EntryRecord, entry: &EntryRecord) -> Option<Answer> {
        let grant = grants::as_revoked(issued, entry)?;
        Some(Answer::new(200, &GrantRevoked { grant: self.grant(secrets, &grant, entry.event.at) }))
    }

    /// The answer to a claim or purchase that was taken back, likewise.
    pub fn taken_back(
        &self,
        secrets: &Secrets,
        issued: &EntryRecord,
        entry: &EntryRecord,
        outcome: &Outcome,
    ) -> Option<Answer> {
        let grant = grants::as_revoked(issued, entry)?;
        let lost = entry.event.kind.revoked()?.price.map_or(0, |gone| gone.lost);
        let taken_back = GrantTakenBack {
            grant: self.grant(secrets, &grant, entry.event.at),
            entry: self.entry(entry),
            restored: entry.event.movement.points(),
            lost,
            debt: outcome.debt,
            balance: Balance::of(outcome),
            tier: Id(&outcome.tier),
            growth: outcome.growth,
        };
        Some(Answer::new(200, &taken_back))
    }
}
