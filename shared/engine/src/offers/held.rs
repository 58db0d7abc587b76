//! What members hold of offers, and what is left of what all of them share.

use std::{collections::HashMap, sync::Arc};

use domain::{
    decide::IssuedBefore,
    event::OfferTaken,
    id::{BrandId, GrantId, OfferId},
    member::{Member, Status},
    number::Money,
    offer::{
        How, Offer,
        grant::{Grant, HeldBy},
        printed::Printed,
    },
    time::{DayNumber, Instant},
};

pub(crate) use crate::accounts::offers::{Left, OwnHold, Took};
use crate::{
    accounts::offer_places::Asks,
    ledger::issued::{family, grant_of, is_window, issued_before, issued_by},
    offers::{
        Offers,
        basis::{Basis, Contested},
        draft::OrderNeed,
    },
    programme::shelf::Shelf,
    store::{
        Key, StoreError,
        error::Error,
        keys,
        records::{EntryRecord, HeldRecord, WindowRecord, decode},
    },
};

/// What a member has of offers, with all records it has absorbed: grants in order of issue, and what was taken in
/// windows.
#[derive(Default)]
pub(crate) struct Holdings {
    /// Grants that were issued, and what has been taken of `auto` offers.
    pub(crate) grants: Vec<Grant>,
    /// What each record is, by the place of its grant.
    pub(crate) records: Vec<HeldAs>,
    /// What was taken in windows, of offers that are had by codes too.
    pub(crate) windows: Vec<TakenWindow>,
    /// What the use that is told anew has, which counts as left for it, and the day on which it was taken.
    pub(crate) had: Option<(Vec<OfferTaken>, DayNumber)>,
    /// What that holds of offers' accounts, which is its own to take.
    pub(crate) own_takes: Vec<OwnHold>,
    /// Who takes of them; nobody where it is only asked what an order costs.
    pub(crate) taker: Option<Taker>,
    /// The order or use whose own holds keep nothing from it.
    pub(crate) own: Option<(BrandId, HeldBy)>,
    /// What is judged by all this, and must still be so when it is written.
    pub(crate) basis: Basis,
    now: Option<Instant>,
}

/// Who takes of offers' accounts.
pub(crate) struct Taker {
    /// At which shard.
    pub(crate) place: u8,
    /// Where another was faster.
    pub(crate) contested: Contested,
}

/// What a use that is told anew has of an offer.
#[derive(Clone, Copy, Default)]
pub(crate) struct Had {
    /// Of its `uses`.
    pub(crate) uses: u64,
    /// Of its budget.
    pub(crate) amount: Money,
    /// Of what the member has in its window.
    pub(crate) pieces: u64,
}

/// The record behind a grant.
pub(crate) enum HeldAs {
    /// An entry, which issued it.
    Issued(Box<EntryRecord>),
    /// A window.
    Window,
}

/// What was taken in a window of an offer that is not issued.
pub(crate) struct TakenWindow {
    pub(crate) key: Key,
    /// The window's number.
    pub(crate) window: u32,
    pub(crate) record: WindowRecord,
}

impl Holdings {
    /// Pieces of an `auto` or `code` offer taken in that window.
    pub(crate) fn taken(&self, offer: &OfferId, window: u32) -> u64 {
        self.of_window(offer, window).map(|taken| u64::from(taken.record.taken)).sum()
    }

    /// What of its own counts as left for a use that is told anew: its grants are as if it had not used them, and nobody asks
    /// again whether they may be used.
    pub(crate) fn give(&mut self, had: Vec<OfferTaken>, day: DayNumber) {
        for taken in had.iter().filter(|taken| taken.pieces > 0 && taken.grant.is_some()) {
            for grant in self.grants.iter_mut().filter(|grant| grant.id == taken.grant) {
                grant.left = grant.left.map(|left| left.saturating_add(taken.pieces));
                grant.revoked = false;
                grant.held = None;
                grant.given_until = None;
            }
        }
        self.had = Some((had, day));
    }

    fn had(&self) -> &[OfferTaken] {
        self.had.as_ref().map_or(&[], |(had, _)| had.as_slice())
    }

    /// What a use that is told anew has of that offer, if it has anything.
    pub(crate) fn had_of(&self, offer: &OfferId) -> Option<Had> {
        let own = self.had().iter().filter(|taken| taken.offer == *offer);
        own.fold(None, |sum: Option<Had>, taken| {
            let sum = sum.unwrap_or_default();
            let in_window =
                taken.grant.is_some_and(|id| Printed::of_id(id).is_none() && is_window(&keys::grant_of(id)));
            Some(Had {
                uses: sum.uses.saturating_add(taken.uses),
                amount: Money(sum.amount.0.saturating_add(taken.amount.0)),
                pieces: sum.pieces.saturating_add(if in_window { taken.pieces.into() } else { 0 }),
            })
        })
    }

    /// Of how many pieces of that a use that is told anew has taken.
    pub(crate) fn pieces_had(&self, grant: GrantId) -> u64 {
        let own = self.had().iter().filter(|taken| taken.grant == Some(grant));
        own.map(|taken| u64::from(taken.pieces)).sum()
    }

    /// Whether a use that is told anew has taken of that grant.
    pub(crate) fn has_taken_of(&self, grant: Option<GrantId>) -> bool {
        grant.is_some() && self.had().iter().any(|taken| taken.grant == grant && taken.pieces > 0)
    }

    /// Until when another order or use than this one holds what the member has of an `auto` or `code` offer in that window.
    pub(crate) fn held_until(&self, offer: &OfferId, window: u32) -> Option<Instant> {
        let held = self.of_window(offer, window).flat_map(|taken| &taken.record.held);
        let by_others = held.filter(|held| self.now.is_none_or(|now| now < held.until));
        by_others.map(|held| held.until).max()
    }

    /// What was taken of that offer in that window.
    pub(crate) fn of_window(&self, offer: &OfferId, window: u32) -> impl Iterator<Item = &TakenWindow> {
        self.windows.iter().filter(move |taken| taken.record.offer == *offer && taken.window == window)
    }

    /// What was issued of an offer.
    pub(crate) fn issued(&self, offer: &OfferId) -> impl Iterator<Item = IssuedBefore> {
        self.records.iter().filter_map(move |held| match held {
            HeldAs::Issued(entry) => {
                issued_by(entry).filter(|issued| issued.offer == *offer).and_then(|_| issued_before(entry))
            }
            HeldAs::Window => None,
        })
    }
}

/// What was taken of an offer in a window, as a grant: of the quantity that the newest version gives a member of the tier in
/// effect.
pub(crate) fn window_as_grant(
    key: &Key,
    record: &WindowRecord,
    newest: &Offer,
    member: &Member,
    now: Instant,
) -> Grant {
    let most = newest.most(member.tier_in_effect());
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let held = record.held.iter().find(|held| now < held.until);
    Grant {
        id: keys::grant_id(key),
        offer: record.offer.clone(),
        version: newest.version,
        member: member.id,
        quantity: most.map(small),
        left: most.map(|most| small(most.saturating_sub(record.taken.into()))),
        // The window for ever has no begin.
        valid_from: record.begin.unwrap_or(Instant::MIN),
        valid_until: record.end,
        revoked: matches!(member.status, Status::Closed | Status::Erased),
        given_until: None,
        held: held.map(|held| held.shown()),
        source: newest.how,
        issued_at: Some(record.since),
        code: None,
    }
}

impl Offers {
    /// What the member holds then.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub(crate) async fn holdings(
        &self,
        shelf: &Shelf,
        member: &Member,
        now: Instant,
    ) -> Result<Holdings, Error> {
        self.holdings_but(shelf, member, now, None).await
    }

    /// The same, without what that order or use has set aside.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn holdings_but(
        &self,
        shelf: &Shelf,
        member: &Member,
        now: Instant,
        own: Option<(BrandId, HeldBy)>,
    ) -> Result<Holdings, Error> {
        let is_own = |held: &HeldRecord| {
            own.as_ref().is_some_and(|(brand, by)| (brand, by) == (&held.brand, &held.by))
        };
        let mut holdings = Holdings { now: Some(now), ..Holdings::default() };
        let mut all: Vec<(Grant, u64, HeldAs)> = Vec::new();
        for holder in family(member) {
            holdings.basis.reads_all_of(holder);
            for (key, record) in self.records.scan_all(keys::grants(holder)).await? {
                holdings.basis.note(&key, Some(record.version));
                let Some((_, window, number)) = keys::read_grant(&key) else { continue };
                if number == 0 {
                    let mut taken: WindowRecord = decode(&key, &record.value)?;
                    taken.held.retain(|held| !is_own(held));
                    if taken.holder == holder {
                        holdings.windows.push(TakenWindow { key, window, record: taken });
                    }
                    continue;
                }
                let mut entry: EntryRecord = decode(&key, &record.value)?;
                if let Some(kept) = entry.grant.as_deref_mut() {
                    kept.held = kept.held.take().filter(|held| !is_own(held));
                }
                let Some(issued) = issued_by(&entry).filter(|issued| issued.name.holder == holder) else {
                    continue;
                };
                let grant = grant_of(issued, &entry, member);
                all.push((grant, entry.seq, HeldAs::Issued(Box::new(entry))));
            }
        }
        for taken in &holdings.windows {
            let newest = shelf.offer(&taken.record.offer).filter(|newest| newest.how == How::Auto);
            if let Some(newest) = newest {
                let grant = window_as_grant(&taken.key, &taken.record, newest, member, now);
                all.push((grant, u64::MAX, HeldAs::Window));
            }
        }
        all.sort_by_key(|(grant, seq, _)| (grant.issued_at, *seq));
        for (grant, _, held) in all {
            holdings.grants.push(grant);
            holdings.records.push(held);
        }
        Ok(holdings)
    }

    /// What is left of these offers' newest versions for an order that needs so much at most; of one without bounds nothing is
    /// told.
    ///
    /// # Errors
    /// A lost race at an account; the store failed, or a record is unreadable.
    pub(crate) async fn left(
        &self,
        holdings: &Holdings,
        offers: &[Arc<Offer>],
        need: OrderNeed,
        now: Instant,
    ) -> Result<HashMap<OfferId, Left>, Error> {
        // What a use that is told anew takes counts on the day on which it was taken first.
        let today = match &holdings.had {
            Some((_, day)) => *day,
            None => self.programme.timeline()?.newest().zone.day(now).number(),
        };
        let taker = holdings.taker.as_ref();
        let asks =
            Asks { place: taker.map_or(0, |taker| taker.place), at: (now, today), takes: taker.is_some() };
        let mut left = HashMap::new();
        for offer in offers {
            let need = need.of(offer);
            let account = self.accounts.offer_account(offer, need, asks, None).await;
            if let (Err(Error::Store(StoreError::LostRace)), Some(taker)) = (&account, taker) {
                taker.contested.note(keys::offer_account(&offer.id, keys::POOL));
            }
            let account = account?;
            holdings.basis.takes_at(&offer.id, account.place());
            holdings.basis.note(&account.key(), account.version());
            let own: Vec<OwnHold> =
                holdings.own_takes.iter().filter(|own| own.offer == offer.id).cloned().collect();
            let (of_offer, relied_on) = account.left_without(&own, offer, asks.at);
            relied_on.iter().for_each(|(key, version)| holdings.basis.note(key, *version));
            left.insert(offer.id.clone(), of_offer);
        }
        Ok(left)
    }
}
