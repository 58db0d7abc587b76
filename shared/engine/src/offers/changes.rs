//! What becomes of grants, windows and accounts by a use: changed together, and written in one commit.

use std::collections::BTreeMap;

use domain::{
    event::OfferTaken,
    id::{BrandId, GrantId, OfferId},
    member::{Member, MemberId},
    number::Money,
    offer::{
        grant::{Grant, HeldBy, State},
        printed::Printed,
    },
    refusal::Refusal,
    time::{DayNumber, Instant},
};

use crate::{
    accounts::offers::{OfferAccount, Took, UseChange, place_of},
    ledger::issued::{grant_of, is_window, issued_by},
    offers::{
        Offers,
        basis::{Basis, Contested},
        held::window_as_grant,
    },
    programme::shelf::Shelf,
    store::{
        Expect, Key, Version, Write,
        error::Error,
        keys,
        records::{EntryRecord, GrantThen, HeldRecord, PrintedCodeRecord, UseRecord, WindowRecord},
        write::{put, unchanged},
    },
};

/// The most records of grants, codes and accounts that one use takes from; as many may come back at once.
pub(super) const TAKEN_MAX: usize = 75;

/// The most accounts that file older days in one commit.
const FILING_MAX: usize = 8;

/// What a use changes, as it becomes.
#[derive(Default)]
pub(crate) struct Changes {
    /// What they were judged by: nothing where nothing was.
    basis: Basis,
    /// Where another was faster.
    contested: Contested,
    grants: BTreeMap<Key, (EntryRecord, Version)>,
    windows: BTreeMap<Key, (WindowRecord, Option<Version>)>,
    codes: BTreeMap<(OfferId, Printed), (PrintedCodeRecord, Option<Version>)>,
    /// How often printed codes are used more, or less where it is below 0.
    used: BTreeMap<OfferId, Vec<(Printed, i64)>>,
    /// By offer, and the place at which it is counted.
    accounts: BTreeMap<(OfferId, u8), Vec<UseChange>>,
    /// What comes back, by offer: to the place of the user's shard, or where else it is counted. Limits bound it if that is
    /// said.
    returned: BTreeMap<OfferId, (u8, bool, Vec<UseChange>)>,
}

/// For whom something is set aside or taken.
#[derive(Clone, Copy)]
pub(crate) struct For<'a> {
    pub(crate) brand: &'a BrandId,
    pub(crate) by: &'a HeldBy,
    /// The local day on which it was taken first.
    pub(crate) day: DayNumber,
    /// Its shard.
    pub(crate) place: u8,
    /// Where it is counted what is set aside.
    held_at: &'a [(OfferId, u8)],
}

impl<'a> For<'a> {
    /// Of a member, or a guest, on the local day on which it was taken first.
    pub(crate) fn new(
        brand: &'a BrandId,
        by: &'a HeldBy,
        member: Option<MemberId>,
        day: DayNumber,
    ) -> For<'a> {
        For { brand, by, day, place: place_of(member, &keys::offer_use(brand, by)), held_at: &[] }
    }

    /// Of a use that is known.
    pub(crate) fn of(record: &'a UseRecord) -> For<'a> {
        let own = For::new(&record.brand, &record.by, record.member, record.day);
        For { held_at: &record.held_at, ..own }
    }
}

/// How pieces are set aside or given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// They are set aside until then.
    Hold(Instant),
    /// What was set aside until then is let go.
    Release(Instant),
    /// They are taken.
    Take,
    /// They come back, and a grant that has ended is good until then.
    Return(Option<Instant>),
}

impl Changes {
    /// None yet, of what was judged by that.
    pub(crate) fn judged_by(basis: &Basis, contested: &Contested) -> Changes {
        Changes { basis: basis.clone(), contested: contested.clone(), ..Changes::default() }
    }

    /// That account was judged by.
    pub(crate) fn must_find(&mut self, account: &OfferAccount) {
        self.basis.note(&account.key(), account.version());
    }

    /// The records of accounts from which it takes.
    pub(crate) fn accounts_counted(&self) -> Vec<Key> {
        self.accounts.keys().map(|(offer, place)| keys::offer_account(offer, *place)).collect()
    }

    /// Where of the account of a bounded offer it is set aside or taken.
    pub(crate) fn place_of(&self, offer: &OfferId) -> u8 {
        self.basis.place_of(offer)
    }

    /// A window that nothing was taken in yet.
    pub(crate) fn open_window(&mut self, key: Key, record: WindowRecord) {
        self.windows.entry(key).or_insert((record, None));
    }

    /// Does that with what a use takes of an offer. `bounded` is whether limits bound it, or did when it was set aside: then
    /// what is set aside counts too.
    pub(crate) fn apply(&mut self, own: For<'_>, taken: &OfferTaken, bounded: bool, step: Step) {
        if let Some(code) = taken.grant.and_then(Printed::of_id) {
            self.of_code((&taken.offer, code), own, taken.pieces, step);
        } else if let Some(id) = taken.grant {
            let key = keys::grant_of(id);
            match is_window(&key) {
                true => self.in_window(&key, own, taken.pieces, step),
                false => self.of_grant(&key, own, taken.pieces, step),
            }
        }
        let took = Took { uses: taken.uses, amount: taken.amount, day: own.day };
        if taken.uses == 0 && taken.amount == Money(0) {
            return;
        }
        // What was set aside is let go, and taken, where it is counted.
        let held_at = own.held_at.iter().find(|(offer, _)| *offer == taken.offer).map(|(_, place)| *place);
        let judged_at = || if bounded { self.basis.place_of(&taken.offer) } else { own.place };
        let (place, change) = match step {
            Step::Hold(until) if bounded => (judged_at(), UseChange::Hold(took, until)),
            Step::Release(until) if held_at.is_some() => {
                (held_at.unwrap_or(keys::POOL), UseChange::Release(took, until))
            }
            Step::Hold(_) | Step::Release(_) => return,
            Step::Take => (held_at.unwrap_or_else(judged_at), UseChange::Take(took)),
            Step::Return(_) => {
                let returned = self.returned.entry(taken.offer.clone());
                let (_, _, all) = returned.or_insert_with(|| (own.place, bounded, Vec::new()));
                all.push(UseChange::Return(took));
                return;
            }
        };
        self.accounts.entry((taken.offer.clone(), place)).or_default().push(change);
    }

    fn of_grant(&mut self, key: &Key, own: For<'_>, pieces: u32, step: Step) {
        let Some((entry, _)) = self.grants.get_mut(key) else { return };
        let ends = issued_by(entry).and_then(|issued| issued.valid_until);
        let kept = entry.grant.get_or_insert_default();
        let is_own = |held: &HeldRecord| held.brand == *own.brand && held.by == *own.by;
        match step {
            Step::Hold(until) => {
                let (brand, by) = (own.brand.clone(), own.by.clone());
                kept.held = Some(HeldRecord { brand, by, until, pieces });
            }
            Step::Release(_) => kept.held = kept.held.take().filter(|held| !is_own(held)),
            Step::Take => kept.taken = kept.taken.saturating_add(pieces),
            // What was taken back for good is not given back.
            Step::Return(_) if kept.revoked.is_some() => {}
            Step::Return(until) => {
                kept.taken = kept.taken.saturating_sub(pieces);
                let ends = kept.ends.or(ends);
                if let (Some(ends), Some(until)) = (ends, until) {
                    kept.ends = Some(ends.max(until));
                }
            }
        }
    }

    fn of_code(&mut self, (offer, code): (&OfferId, Printed), own: For<'_>, pieces: u32, step: Step) {
        let (record, _) = self.codes.entry((offer.clone(), code)).or_default();
        let is_own = |held: &HeldRecord| held.brand == *own.brand && held.by == *own.by;
        let used = match step {
            Step::Hold(until) => {
                let (brand, by) = (own.brand.clone(), own.by.clone());
                record.held = Some(HeldRecord { brand, by, until, pieces });
                return;
            }
            Step::Release(_) => {
                record.held = record.held.take().filter(|held| !is_own(held));
                return;
            }
            Step::Take => {
                record.taken = record.taken.saturating_add(pieces);
                i64::from(pieces)
            }
            Step::Return(_) => {
                record.taken = record.taken.saturating_sub(pieces);
                -i64::from(pieces)
            }
        };
        self.used.entry(offer.clone()).or_default().push((code, used));
    }

    fn in_window(&mut self, key: &Key, own: For<'_>, pieces: u32, step: Step) {
        let Some((record, _)) = self.windows.get_mut(key) else { return };
        match step {
            Step::Hold(until) => {
                let (brand, by) = (own.brand.clone(), own.by.clone());
                record.held.push(HeldRecord { brand, by, until, pieces });
            }
            Step::Release(_) => record.held.retain(|held| held.brand != *own.brand || held.by != *own.by),
            Step::Take => record.taken = record.taken.saturating_add(pieces),
            Step::Return(_) => record.taken = record.taken.saturating_sub(pieces),
        }
    }

    /// Whether what a use has set aside of that is still its own: others may take it once it has ended, by whatever clock.
    pub(crate) fn keeps(&self, own: For<'_>, taken: &OfferTaken) -> bool {
        let Some(id) = taken.grant else { return true };
        let is_own =
            |held: &HeldRecord| held.brand == *own.brand && held.by == *own.by && held.pieces >= taken.pieces;
        let key = keys::grant_of(id);
        match Printed::of_id(id) {
            Some(code) => {
                let code = self.codes.get(&(taken.offer.clone(), code));
                code.is_some_and(|(code, _)| code.held.as_ref().is_some_and(is_own))
            }
            None if is_window(&key) => {
                self.windows.get(&key).is_some_and(|(window, _)| window.held.iter().any(is_own))
            }
            None => {
                let kept = self.grants.get(&key).and_then(|(entry, _)| entry.grant.as_deref());
                kept.is_some_and(|kept| kept.held.as_ref().is_some_and(is_own))
            }
        }
    }

    /// Whether the grant was taken back.
    pub(crate) fn is_revoked(&self, id: GrantId) -> bool {
        let grant = self.grants.get(&keys::grant_of(id));
        grant.is_some_and(|(entry, _)| entry.grant.as_deref().is_some_and(|kept| kept.revoked.is_some()))
    }

    /// When a grant ends.
    pub(crate) fn ends(&self, id: GrantId) -> Option<Instant> {
        let (entry, _) = self.grants.get(&keys::grant_of(id))?;
        let kept = entry.grant.as_deref().and_then(|kept| kept.ends);
        kept.or(issued_by(entry).and_then(|issued| issued.valid_until))
    }

    /// The grants and windows of these, as they have become, each once.
    pub(crate) fn grants_then(
        &self,
        shelf: &Shelf,
        member: &Member,
        taken: &[OfferTaken],
        now: Instant,
    ) -> Vec<GrantThen> {
        let mut seen = Vec::new();
        let mut told = Vec::new();
        for id in taken.iter().filter_map(|taken| taken.grant) {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            told.extend(self.grant(shelf, member, id, now).map(|grant| then(&grant, now)));
        }
        told
    }

    fn grant(&self, shelf: &Shelf, member: &Member, id: GrantId, now: Instant) -> Option<Grant> {
        let key = keys::grant_of(id);
        if let Some((entry, _)) = self.grants.get(&key) {
            return Some(grant_of(issued_by(entry)?, entry, member));
        }
        let (record, _) = self.windows.get(&key)?;
        Some(window_as_grant(&key, record, shelf.offer(&record.offer)?, member, now))
    }
}

/// A grant as it is then.
fn then(grant: &Grant, now: Instant) -> GrantThen {
    let state: State<'_> = grant.state(now);
    GrantThen {
        id: grant.id,
        offer: grant.offer.clone(),
        left: grant.left,
        state: state.word().to_owned(),
        valid_until: grant.valid_until,
    }
}

impl Offers {
    /// Reads what a use takes or has taken, to be changed: as it was judged by, if anything was.
    ///
    /// # Errors
    /// [`StoreError::LostRace`] if somebody has changed it since; a record is unreadable, or the store failed.
    pub(crate) async fn read_taken(&self, changes: &mut Changes, taken: &[OfferTaken]) -> Result<(), Error> {
        let basis = changes.basis.clone();
        for (offer, id) in taken.iter().filter_map(|taken| Some((&taken.offer, taken.grant?))) {
            let key = keys::grant_of(id);
            if let Some(code) = Printed::of_id(id) {
                let key = keys::printed_code(offer, code);
                let read = self.records.read::<PrintedCodeRecord>(&key).await?;
                basis.must_still_be(&key, read.as_ref().map(|(_, version)| *version))?;
                let read = read.map(|(record, version)| (record, Some(version)));
                changes.codes.entry((offer.clone(), code)).or_insert(read.unwrap_or_default());
            } else if is_window(&key) {
                let read = self.records.read::<WindowRecord>(&key).await?;
                basis.must_still_be(&key, read.as_ref().map(|(_, version)| *version))?;
                if let Some((record, version)) = read {
                    changes.windows.entry(key).or_insert((record, Some(version)));
                }
            } else if let Some((entry, version)) = self.records.read::<EntryRecord>(&key).await? {
                basis.must_still_be(&key, Some(version))?;
                changes.grants.entry(key).or_insert((entry, version));
            }
        }
        Ok(())
    }

    /// All that is written, with the accounts that count it: these too as they were judged by.
    ///
    /// # Errors
    /// [`StoreError::LostRace`](crate::store::StoreError::LostRace) if somebody has changed one since;
    /// [`Refusal::LimitExceeded`]: more than fits one commit. What fitted when it was used fits when it comes back.
    pub(crate) async fn writes(
        &self,
        changes: Changes,
        now: Instant,
        today: DayNumber,
    ) -> Result<Vec<Write>, Error> {
        let mut writes = Vec::new();
        // What was set aside and has ended is nobody's any more: whoever comes back for it by a later clock finds that out,
        // and orders that were given up fill no record.
        let has_ended = |held: &HeldRecord| held.until <= now;
        for (key, (mut entry, version)) in changes.grants {
            if let Some(kept) = entry.grant.as_deref_mut() {
                kept.held = kept.held.take().filter(|held| !has_ended(held));
            }
            writes.push(put(key, Expect::Version(version), &entry));
        }
        for (key, (mut record, version)) in changes.windows {
            record.held.retain(|held| !has_ended(held));
            writes.push(put(key, unchanged(version), &record));
        }
        for ((offer, code), (mut record, version)) in changes.codes {
            record.held = record.held.take().filter(|held| !has_ended(held));
            writes.push(put(keys::printed_code(&offer, code), unchanged(version), &record));
        }
        for (offer, used) in changes.used {
            writes.extend(self.accounts.count_printed(&offer, &used).await?);
        }
        let mut accounts = changes.accounts;
        for (offer, (place, is_limited, back)) in changes.returned {
            // One record is written once: where more of the offer is taken, this comes back to.
            let taken_at = accounts.keys().find(|(own, _)| *own == offer).map(|(_, place)| *place);
            let place = match taken_at {
                Some(place) => place,
                None => self.accounts.account_to_return(&offer, place, is_limited).await?.place(),
            };
            accounts.entry((offer, place)).or_default().extend(back);
        }
        if writes.len() + accounts.len() > TAKEN_MAX {
            return Err(Refusal::LimitExceeded { what: "offers" }.into());
        }
        let mut filing = FILING_MAX;
        for ((offer, place), of_account) in accounts {
            let account = self.accounts.offer_account_at(&offer, place).await?;
            if let Err(lost) = changes.basis.must_still_be(&account.key(), account.version()) {
                changes.contested.note(account.key());
                return Err(lost.into());
            }
            // Whoever is not filed now is with a later use.
            let account = if filing > 0 { account } else { account.unfiled() };
            filing -= usize::from(account.files());
            writes.extend(account.changed(&of_account, now, today));
        }
        Ok(writes)
    }
}
