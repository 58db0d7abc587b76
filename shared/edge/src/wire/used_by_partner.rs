//! Uses of offers as partners are told of them: structs of their own, as for entries.

use domain::{
    id::{GrantId, OfferId},
    programme::Sees,
};
use engine::{
    ReturnDone, UseDone,
    records::{EntryRecord, GrantThen},
};

use super::{
    PartnerEntry, Priced, PricedLine, Show,
    priced::{AppliedOffer, PricedDelivery},
    used::{ReturnedDelivery, ReturnedUseLine, UseWord},
};
use crate::{Answer, Api, At, Call, Id, List, MoneyText, OrNull, Text, Ulid, answer};

answer! {
    /// A grant that a use has taken of, or that came back, as a partner is told of it.
    pub struct GrantAtPartner<'a> {
        /// the grant
        id: OrNull<Ulid<GrantId>>,
        /// the offer
        offer: Id<&'a OfferId>,
        /// how often it can still be used, null without bounds; where the brand sees the balance
        left: Option<OrNull<u32>>,
        /// what it is
        state: Text<16>,
        /// before when it may be used, of what came back; null for ever
        valid_until: Option<OrNull<At>>,
    }
}

answer! {
    /// Offers were used, or set aside, by a partner.
    pub struct OrderUsedByPartner<'a> {
        /// the lines, as sent
        lines: List<PricedLine<'a>, 0, 200>,
        /// what came to the order by itself, by id
        offers: List<AppliedOffer<'a>, 0, 2_000>,
        /// the coupons as listed
        coupons: List<AppliedOffer<'a>, 0, 32>,
        /// null where none was sent
        delivery: OrNull<PricedDelivery<'a>>,
        /// what is to be paid, the delivery included, before points
        total: MoneyText,
        /// what was taken off list amounts
        saved: MoneyText,
        /// whether it is used or only set aside
        state: UseWord,
        /// until when it is set aside
        until: OrNull<At>,
        /// the grants, as they were applied
        grants: List<GrantAtPartner<'a>, 0, 2_000>,
        /// the ledger entry, as far as a partner is told; null while it is set aside, and of a guest
        entry: OrNull<PartnerEntry<'a>>,
        /// the number of the telling, of a later one
        revision: Option<u32>,
        /// of a later telling: the grants that came back by it
        back: Option<List<GrantAtPartner<'a>, 0, 2_000>>,
    }
}

answer! {
    /// A use of a partner's came back, in part or whole, or what was set aside is free again.
    pub struct UseReturnedToPartner<'a> {
        /// what the use is now
        state: UseWord,
        /// what came back, line by line
        lines: List<ReturnedUseLine<'a>, 0, 200>,
        /// once nothing is left: what came back of the delivery, null where there was none
        delivery: Option<OrNull<ReturnedDelivery<'a>>>,
        /// the grants that came back; not told of a member that is not linked
        grants: Option<List<GrantAtPartner<'a>, 0, 2_000>>,
        /// the ledger entry, as far as a partner is told; null of a guest's, and of what was only set aside
        entry: OrNull<PartnerEntry<'a>>,
    }
}

impl Api {
    /// The answer to a partner's use: whom it names is linked with it.
    ///
    /// # Panics
    /// There is no programme: whoever has used something has one.
    pub(super) fn used_by_partner(&self, call: &Call, done: &UseDone) -> Answer {
        let programmes =
            self.engine.programme().timeline().unwrap_or_else(|_| panic!("a use has a programme"));
        let show = Show { programme: programmes.newest(), secrets: &self.secrets };
        let record = &done.record;
        let names = self.shown_names(&record.names);
        let Priced { lines, offers, coupons, delivery, total, saved } = show.priced(&record.answer, &names);
        let (state, until) = UseWord::of(record.state);
        let sees = self.partner_sees(call, done.entry.as_ref().map_or(record.programme, |own| own.version));
        let is_later = record.revision > 1;
        let back = record.back.iter().map(|grant| self.grant_at_partner(show, grant, sees, true));
        let used = OrderUsedByPartner {
            lines,
            offers,
            coupons,
            delivery,
            total,
            saved,
            state,
            until: show.maybe(until),
            grants: record.grants.iter().map(|own| self.grant_at_partner(show, own, sees, false)).collect(),
            entry: OrNull(done.entry.as_ref().map(|entry| show.partner_entry(entry))),
            revision: is_later.then_some(record.revision),
            back: is_later.then(|| back.collect()),
        };
        Answer::new(200, &used)
    }

    /// The answer to a return of a partner's use.
    ///
    /// # Panics
    /// There is no programme: whoever has used something has one.
    pub(super) fn use_returned_to_partner(&self, call: &Call, done: &ReturnDone) -> Answer {
        let programmes =
            self.engine.programme().timeline().unwrap_or_else(|_| panic!("a use has a programme"));
        let show = Show { programme: programmes.newest(), secrets: &self.secrets };
        let (part, entry, linked) = match done {
            ReturnDone::Released => {
                let (state, lines, grants) = (UseWord::Released, List(Vec::new()), Some(List(Vec::new())));
                let released =
                    UseReturnedToPartner { state, lines, delivery: None, grants, entry: OrNull(None) };
                return Answer::new(200, &released);
            }
            ReturnDone::Returned { part, entry, linked } => (part, entry, *linked),
        };
        let entry: Option<&EntryRecord> = entry.as_deref();
        let sees = entry.map_or(Sees::default(), |entry| self.partner_sees(call, entry.version));
        let (state, lines, delivery) = show.part_back(part);
        // A guest has no link, and nothing that came back to it.
        let told = linked || entry.is_none();
        let grants = part.grants.iter().map(|grant| self.grant_at_partner(show, grant, sees, true));
        let returned = UseReturnedToPartner {
            state,
            lines,
            delivery,
            grants: told.then(|| grants.collect()),
            entry: OrNull(entry.map(|entry| show.partner_entry(entry))),
        };
        Answer::new(200, &returned)
    }

    /// What the partner that asks sees under that version of the programme.
    fn partner_sees(&self, call: &Call, version: u32) -> Sees {
        let brand = call.caller.brand.as_ref();
        brand.and_then(|brand| self.sees_under(brand, version).ok()).unwrap_or_default()
    }

    fn grant_at_partner<'a>(
        &self,
        show: Show<'_>,
        grant: &'a GrantThen,
        sees: Sees,
        with_end: bool,
    ) -> GrantAtPartner<'a> {
        GrantAtPartner {
            id: OrNull(grant.id.map(|id| Ulid(self.secrets.shown_grant(id)))),
            offer: Id(&grant.offer),
            left: sees.balance.then_some(OrNull(grant.left)),
            state: Text(grant.state.clone()),
            valid_until: with_end.then(|| show.maybe(grant.valid_until)),
        }
    }
}
