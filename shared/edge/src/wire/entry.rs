//! A ledger entry and the answer to a command, field by field. Plain structs and not maps: they
//! are made for every order, and a map of nineteen names costs more than the order's decision.

use domain::{
    event::{BadgeStep, EntryKind, MergeStep, Redemption, Share, TierCause},
    id::{
        ActivityId, ActivityRef, BadgeId, BrandId, GrantId, MergeId, OfferId, OrderId, RedemptionId,
        RedemptionPart, TierId, UseId,
    },
    member::{Member, MemberId},
};
use engine::records::{EntryRecord, Outcome};

use super::{EntryGiven, EntryGrant, EntryId, EntryOffer, Show, by, entry_id};
use crate::{At, Id, List, MoneyText, OrNull, Text, Ulid, answer, word_of, words};

word_of! {
    /// What an entry is.
    pub struct KindWord: domain::event::WORDS;
}

answer! {
    /// What an entry did to the lots of one end and brand.
    pub struct EntryLot<'a> {
        /// null is never
        expires_at: OrNull<At>,
        /// who issued them
        brand: Id<&'a BrandId>,
        /// a plus enters the lot, a minus leaves it
        points: i64,
    }
}

answer! {
    /// What an entry took from a block, or gave back to it.
    pub struct EntryBlock {
        /// its number among the brand's blocks
        block: u32,
        /// how many of the points
        points: u64,
    }
}

words! {
    /// What may happen to a tier.
    pub enum TierWord {
        /// A higher one was reached.
        Raised = "raised",
        /// Its period ended and it was not kept.
        Lapsed = "lapsed",
        /// Its period ended and it was kept.
        Kept = "kept",
        /// A trial of a higher one began.
        TrialStarted = "trial_started",
    }
}

answer! {
    /// What happened to the tier.
    pub struct TierChange<'a> {
        /// what it was
        change: TierWord,
        /// the tier before; not of a trial
        from: Option<Id<&'a TierId>>,
        /// the tier afterwards; not of a trial
        to: Option<Id<&'a TierId>>,
        /// until when it holds, null is for ever; not of a trial
        valid_until: Option<OrNull<At>>,
        /// kept: whether it is the member's for life
        lifetime: Option<bool>,
        /// trial_started: the tier that is tried
        trial: Option<Id<&'a TierId>>,
        /// trial_started: until when
        until: Option<At>,
    }
}

answer! {
    /// A ledger entry.
    pub struct Entry<'a> {
        /// the entry
        id: Ulid<EntryId>,
        /// its number in the member's ledger, from 1
        seq: u64,
        /// what it was
        kind: KindWord,
        /// change of available + held − debt
        points: i64,
        /// change of growth
        growth: i64,
        /// lots that changed
        lots: List<EntryLot<'a>, 0, 2_000>,
        /// where it happened
        brand: OrNull<Id<&'a BrandId>>,
        /// the order it is about
        order_id: OrNull<Id<&'a OrderId>>,
        /// the redemption it is about
        redemption_id: OrNull<Ulid<RedemptionId>>,
        /// which of the order's redemptions it made, if that has a name of its own
        part: Option<Id<&'a RedemptionPart>>,
        /// in a ledger, of a redemption that was cancelled: points that did not come back
        lost: Option<u64>,
        /// who asked: a key's id, the member's own, time, import or schedule
        by: Text<64>,
        /// when it happened or fell due
        occurred_at: At,
        /// when it was written down; null: due and not yet written
        recorded_at: OrNull<At>,
        /// the sum of all entries' points up to this one
        balance_after: i64,
        /// the programme's version it was made under
        program_version: u32,
        /// what happened to the tier
        tier: Option<TierChange<'a>>,
        /// the badge
        badge: Option<Id<&'a BadgeId>>,
        /// true: the badge was taken back
        taken_back: Option<bool>,
        /// the grant that was issued or taken back
        grant_id: Option<Ulid<GrantId>>,
        /// the offer, of a grant
        offer: Option<Id<&'a OfferId>>,
        /// grant, revoke: what was given of it, or taken back
        grant: Option<EntryGrant>,
        /// use, reverse_use: what the shop calls the use; null of an order's
        use_id: Option<OrNull<Id<&'a UseId>>>,
        /// use: the number of the telling
        revision: Option<u32>,
        /// use: what is to be paid, the delivery included, before points
        total: Option<MoneyText>,
        /// use: what was taken off list amounts
        saved: Option<MoneyText>,
        /// use: what it takes of offers as it now stands; reverse_use: what comes back of grants, uses and budgets
        offers: Option<List<EntryOffer<'a>, 0, 2_000>>,
        /// use, of a later telling: what of that it had taken before
        had: Option<List<EntryOffer<'a>, 0, 2_000>>,
        /// use of a later telling, reverse_use: what offers had given, line by line, for what comes back or is told anew
        returned: Option<List<EntryGiven<'a>, 0, 2_000>>,
        /// the activity that was done or taken back
        activity: Option<Id<&'a ActivityId>>,
        /// true: an activity that takes, which no settlement counts
        forfeits: Option<bool>,
        /// its natural key, if it has one: of one that was taken back, and in a ledger of one that was done
        activity_ref: Option<Id<&'a ActivityRef>>,
        /// why, where somebody did it by hand
        reason: Option<Text<500, &'a str>>,
        /// true: an adjustment that is settled as if it had been earned or refunded
        bill: Option<bool>,
        /// blocks of the brand that the points came from, or went back to; none if they are billed by the month
        blocks: Option<List<EntryBlock, 0, 10_000>>,
        /// the member's new status
        status: Option<Text<16, &'static str>>,
        /// of a member that has absorbed another record of the same person: by way of which of them it came, which is whose id, identity, card, link or order was used; what time does came by way of none
        via: Option<Ulid<MemberId>>,
        /// merge: which one
        merge_id: Option<Ulid<MergeId>>,
        /// merge: the other record
        merged_with: Option<Ulid<MemberId>>,
        /// true: the merge was undone
        undone: Option<bool>,
    }
}

/// Details that only one kind of entry has, or few.
#[derive(Default)]
struct Details<'a> {
    tier: Option<TierChange<'a>>,
    reason: Option<&'a str>,
    status: Option<&'static str>,
    part: Option<&'a RedemptionPart>,
    offer: Option<&'a OfferId>,
    taken_back: Option<(&'a ActivityId, &'a ActivityRef)>,
}

answer! {
    /// A member's points.
    pub struct Balance {
        /// points that can be spent
        available: u64,
        /// points that cannot be spent yet
        held: u64,
        /// points owed
        debt: u64,
    }
}

impl Balance {
    /// The balance that a command left.
    pub fn of(outcome: &Outcome) -> Balance {
        let Outcome { available, held, debt, .. } = *outcome;
        Balance { available, held, debt }
    }

    /// The balance that a member has.
    pub(super) fn now(member: &Member) -> Balance {
        Balance { available: member.available(), held: member.held(), debt: member.debt }
    }
}

impl<'a> Entry<'a> {
    /// The same, shown as having come by way of that one.
    pub(super) fn by_way_of(mut self, via: Option<MemberId>) -> Entry<'a> {
        self.via = via.map(Ulid);
        self
    }
}

impl Show<'_> {
    /// A ledger entry with what answers do not say. Of what 0.1.0 could record too they are derived from entries for ever,
    /// and never said by which name an activity was told, or what of a cancelled redemption did not come back; what is told
    /// of grants and uses says itself what became of them.
    pub(super) fn in_full<'a>(&self, entry: &'a EntryRecord, written: bool) -> Entry<'a> {
        let mut shown = self.shown_entry(entry, written);
        let row = entry.event.kind.row();
        let named = row.activity.and_then(|done| done.reference);
        shown.activity_ref = shown.activity_ref.or(named.map(Id));
        shown.lost = row.moves.given_back().map(|gone| gone.lost);
        shown.grant = self.entry_grant(&entry.event.kind);
        let used = self.entry_use(&entry.event.kind);
        shown.use_id = used.use_id;
        shown.revision = used.revision;
        (shown.total, shown.saved) = (used.total, used.saved);
        (shown.offers, shown.had, shown.returned) = (used.offers, used.had, used.returned);
        shown
    }

    /// A ledger entry; one that is due and not yet `written` has no time of recording.
    pub(super) fn shown_entry<'a>(&self, entry: &'a EntryRecord, written: bool) -> Entry<'a> {
        let event = &entry.event;
        let row = event.kind.row();
        let details = self.details(&event.kind);
        let taken_back = details.taken_back.map(|(activity, _)| activity);
        let activity = row.activity.map(|done| done.activity).or(taken_back);
        let merge = event.kind.merge();
        let issued = event.kind.issued().map(|issued| issued.name);
        let grant = issued.or_else(|| event.kind.revoked().map(|revoked| revoked.name));
        let parts = merge.map(MergeStep::parts);
        let undone = merge.is_some_and(|step| match step {
            MergeStep::From(..) | MergeStep::Parted(..) => true,
            MergeStep::In(..) | MergeStep::Away(..) => false,
        });
        let blocks = entry.blocks.iter();
        let blocks = blocks.map(|(block, points)| EntryBlock { block: *block, points: *points });
        Entry {
            id: entry_id(entry),
            seq: entry.seq,
            kind: KindWord(row.word),
            points: event.movement.points(),
            growth: event.movement.growth,
            lots: self.shares(&event.movement.shares),
            brand: OrNull(row.brand.map(Id)),
            order_id: OrNull(row.order_id.map(Id)),
            redemption_id: OrNull(row.redemption.map(redemption_id)),
            part: details.part.map(Id),
            lost: None,
            by: Text(by(entry.by)),
            occurred_at: self.instant(event.occurred_at),
            recorded_at: OrNull(written.then(|| self.instant(entry.recorded_at))),
            balance_after: entry.balance_after,
            program_version: entry.version,
            tier: details.tier,
            badge: row.badge.map(|(BadgeStep::Issued(badge) | BadgeStep::Taken(badge))| Id(badge)),
            taken_back: matches!(row.badge, Some(BadgeStep::Taken(_))).then_some(true),
            grant_id: grant.map(|name| Ulid(self.secrets.shown_grant(name.id()))),
            offer: details.offer.map(Id),
            grant: None,
            use_id: None,
            revision: None,
            total: None,
            saved: None,
            offers: None,
            had: None,
            returned: None,
            activity: activity.map(Id),
            forfeits: row.moves.forfeited().map(|_| true),
            activity_ref: details.taken_back.map(|(_, reference)| Id(reference)),
            reason: details.reason.or(parts.map(|(_, _, reason)| reason)).map(Text),
            bill: row.moves.is_billed().then_some(true),
            blocks: (!entry.blocks.is_empty()).then(|| blocks.collect()),
            status: details.status.map(Text),
            via: entry.via.map(Ulid),
            merge_id: parts.map(|(merge, ..)| Ulid(merge)),
            merged_with: parts.map(|(_, other, _)| Ulid(other)),
            undone: undone.then_some(true),
        }
    }

    /// Holds are not distinguished: shares of one expiry and brand are merged.
    fn shares<'a>(&self, shares: &'a [Share]) -> List<EntryLot<'a>, 0, 2_000> {
        let mut lots: Vec<(&'a Share, i64)> = Vec::new();
        for share in shares {
            let same = |lot: &&mut (&'a Share, i64)| {
                lot.0.expires_at == share.expires_at && lot.0.brand == share.brand
            };
            match lots.iter_mut().find(same) {
                Some((_, points)) => *points += share.points,
                None => lots.push((share, share.points)),
            }
        }
        let shown = |(share, points): (&'a Share, i64)| EntryLot {
            expires_at: self.maybe(share.expires_at),
            brand: Id(&share.brand),
            points,
        };
        lots.into_iter().map(shown).collect()
    }

    /// The details that only one kind of entry has, for each kind.
    fn details<'a>(&self, kind: &'a EntryKind) -> Details<'a> {
        let tier = |tier: TierChange<'a>| Details { tier: Some(tier), ..Details::default() };
        let change = |change, from: &'a TierId, to: &'a TierId, valid_until| TierChange {
            change,
            from: Some(Id(from)),
            to: Some(Id(to)),
            valid_until: Some(self.maybe(valid_until)),
            lifetime: None,
            trial: None,
            until: None,
        };
        match kind {
            EntryKind::TierChanged { from, to, valid_until, why, .. } => {
                let word = match why {
                    TierCause::Raised | TierCause::Version(_) => TierWord::Raised,
                    TierCause::Lapsed => TierWord::Lapsed,
                };
                tier(change(word, from, to, *valid_until))
            }
            EntryKind::TierKept { tier: own, valid_until, lifetime, .. } => tier(TierChange {
                lifetime: Some(*lifetime),
                ..change(TierWord::Kept, own, own, *valid_until)
            }),
            EntryKind::TrialStarted { tier: trial, until } => tier(TierChange {
                change: TierWord::TrialStarted,
                from: None,
                to: None,
                valid_until: None,
                lifetime: None,
                trial: Some(Id(trial)),
                until: Some(self.instant(*until)),
            }),
            EntryKind::ActivityReversed(back) => {
                Details { taken_back: Some((&back.activity, &back.reference)), ..Details::default() }
            }
            EntryKind::BadgeIssued { reason, .. } | EntryKind::BadgeTaken { reason, .. } => {
                Details { reason: reason.as_deref(), ..Details::default() }
            }
            EntryKind::Adjusted { reason, .. } => Details { reason: Some(reason), ..Details::default() },
            EntryKind::Brought(brought) => Details { reason: Some(&brought.reason), ..Details::default() },
            EntryKind::StatusChanged { status, reason } => {
                Details { reason: Some(reason), status: Some(status.word()), ..Details::default() }
            }
            EntryKind::OrderEarned(_)
            | EntryKind::ActivityEarned(_)
            | EntryKind::PointsExpired
            | EntryKind::PointsRestored
            | EntryKind::ActivityTook(_)
            | EntryKind::OrderRevised(_)
            | EntryKind::RedemptionCancelled(_)
            | EntryKind::OrderRefunded(_)
            | EntryKind::MergedIn(_)
            | EntryKind::MergedAway(_)
            | EntryKind::PartedFrom(_)
            | EntryKind::Parted(_)
            | EntryKind::ReferralGiven(_)
            | EntryKind::ReferralTaken(_) => Details::default(),
            EntryKind::GrantIssued(issued) => {
                Details { reason: issued.reason.as_deref(), offer: Some(&issued.offer), ..Details::default() }
            }
            // What is told of a use says all of it; see `Show::in_full`.
            EntryKind::OfferUsed(_) | EntryKind::UseReversed(_) => Details::default(),
            EntryKind::GrantRevoked(revoked) => Details {
                reason: revoked.reason.as_deref(),
                offer: Some(&revoked.offer),
                ..Details::default()
            },
            EntryKind::PointsRedeemed { part, .. } => Details { part: part.as_ref(), ..Details::default() },
        }
    }
}

pub(super) fn redemption_id(redemption: Redemption<'_>) -> Ulid<RedemptionId> {
    match redemption {
        Redemption::Made { brand, order_id, part } => Ulid(engine::redemption_id(brand, order_id, part)),
        Redemption::Cancelled(redemption) => Ulid(redemption),
    }
}
