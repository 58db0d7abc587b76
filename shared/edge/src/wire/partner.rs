//! What a partner sees: separate structs, so that a field that somebody adds to an entry or an answer does
//! not reach partners by accident.

use domain::{
    event::Moves,
    id::{BrandId, OrderId, RedemptionId, TierId},
    programme::Sees,
};
use engine::{MemberView, id::Reference, records::EntryRecord};

use super::{
    EntryId, Show,
    entry::{Balance, KindWord, redemption_id},
    entry_id,
};
use crate::{At, Id, OrNull, Ulid, answer};

answer! {
    /// A ledger entry as a partner is told of it.
    pub struct PartnerEntry<'a> {
        /// the entry
        id: Ulid<EntryId>,
        /// what it was
        kind: KindWord,
        /// what the member's points changed by
        points: i64,
        /// where it happened
        brand: OrNull<Id<&'a BrandId>>,
        /// the order it is about
        order_id: OrNull<Id<&'a OrderId>>,
        /// the redemption it is about
        redemption_id: OrNull<Ulid<RedemptionId>>,
        /// when it happened
        occurred_at: At,
        /// when it was written down
        recorded_at: At,
    }
}

answer! {
    /// The answer to a partner's command.
    pub struct PartnerDone<'a> {
        /// the ledger entry, as far as a partner is told
        entry: PartnerEntry<'a>,
        /// points granted
        granted: Option<u64>,
        /// for cancelling it
        redemption_id: Option<Ulid<RedemptionId>>,
        /// points taken back, debt included
        taken: Option<u64>,
        /// points given back, repaid debt included
        restored: Option<i64>,
        /// points owed after a refund or a cancelled redemption; where the brand sees the balance
        debt: Option<u64>,
        /// afterwards; of a linked member, where the brand sees it
        balance: Option<Balance>,
        /// afterwards; of a linked member, where the brand sees it
        tier: Option<Id<&'a TierId>>,
    }
}

answer! {
    /// A member as a partner sees it that is linked with it.
    pub struct PartnerMember<'a> {
        /// what the partner names the member by
        member_ref: Ulid<Reference>,
        /// what it can spend; where the brand sees it
        balance: Option<Balance>,
        /// its tier; where the brand sees it
        tier: Option<Id<&'a TierId>>,
    }
}

impl Show<'_> {
    /// A member, as far as a partner that is linked with it sees it.
    pub fn member_for_partner<'a>(
        &self,
        view: &'a MemberView,
        reference: Reference,
        sees: Sees,
    ) -> PartnerMember<'a> {
        PartnerMember {
            member_ref: Ulid(reference),
            balance: sees.balance.then(|| Balance::now(&view.member)),
            tier: sees.tier.then_some(Id(&view.member.standing.tier)),
        }
    }

    /// The answer to a partner's command, with what it sees of the member.
    pub(crate) fn done_for_partner<'a>(&self, entry: &'a EntryRecord, sees: Sees) -> PartnerDone<'a> {
        let row = entry.event.kind.row();
        assert!(row.for_partners, "a partner asked for what it is never told of: {}", row.word);
        let outcome = entry.outcome.as_ref();
        let mut told = PartnerDone {
            entry: self.partner_entry(entry),
            granted: None,
            redemption_id: None,
            taken: None,
            restored: None,
            debt: None,
            balance: outcome.filter(|_| sees.balance).map(Balance::of),
            tier: outcome.filter(|_| sees.tier).map(|outcome| Id(&outcome.tier)),
        };
        if let Some(revised) = row.revision {
            told.granted = Some(revised.order.granted);
            return told;
        }
        let debt = outcome.filter(|_| sees.balance).map(|outcome| outcome.debt);
        match row.moves {
            Moves::Issued => told.granted = row.granted.map(|granted| granted.points),
            Moves::Honoured => told.redemption_id = row.redemption.map(redemption_id),
            Moves::TakenBack { taken } => (told.taken, told.debt) = (Some(taken), debt),
            Moves::GivenBack(_) => {
                (told.restored, told.debt) = (Some(entry.event.movement.points()), debt);
            }
            Moves::Nothing
            | Moves::Expired
            | Moves::Restored
            | Moves::Forfeited { .. }
            | Moves::ByHand { .. }
            | Moves::BetweenMembers => {}
        }
        told
    }

    pub(super) fn partner_entry<'a>(&self, entry: &'a EntryRecord) -> PartnerEntry<'a> {
        let row = entry.event.kind.row();
        PartnerEntry {
            id: entry_id(entry),
            kind: KindWord(row.word),
            points: entry.event.movement.points(),
            brand: OrNull(row.brand.map(Id)),
            order_id: OrNull(row.order_id.map(Id)),
            redemption_id: OrNull(row.redemption.map(redemption_id)),
            occurred_at: self.instant(entry.event.occurred_at),
            recorded_at: self.instant(entry.recorded_at),
        }
    }
}
