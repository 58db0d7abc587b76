//! The audit of what a member holds of offers, and has used of them: every grant and every use is as the entries about it
//! left it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    event::{OfferTaken, UseMoves},
    id::{BrandId, GrantId, OfferId},
    member::MemberId,
    offer::grant::HeldBy,
};

use crate::{
    ledger::Ledger,
    store::{
        error::Error,
        keys,
        records::{EntryRecord, UseRecord, UseState},
    },
};

/// Pieces, uses and money, by offer and grant.
type Figures = BTreeMap<(OfferId, Option<GrantId>), [i128; 3]>;

/// Adds what a use takes, or takes it away.
fn add(sums: &mut Figures, taken: &[OfferTaken], sign: i128) {
    for own in taken {
        let sum = sums.entry((own.offer.clone(), own.grant)).or_default();
        let figures = [own.pieces.into(), own.uses.into(), own.amount.0.into()];
        sum.iter_mut().zip(figures).for_each(|(sum, figure): (_, i128)| *sum += sign * figure);
    }
}

/// So much was used of every grant as entries use and give back, and it was taken back if one says so. What comes back to a
/// grant that was taken back before is not given back.
pub(super) fn check_grants(own: MemberId, entries: &[&EntryRecord], differences: &mut Vec<String>) {
    let mut used: BTreeMap<GrantId, i128> = BTreeMap::new();
    let mut revoked: BTreeSet<GrantId> = BTreeSet::new();
    for entry in entries {
        let kind = &entry.event.kind;
        if let Some(taken_back) = kind.revoked() {
            revoked.insert(taken_back.name.id());
        }
        let Some(step) = kind.use_moves() else { continue };
        let mut moved = Figures::new();
        add(&mut moved, step.taken, 1);
        add(&mut moved, step.had, -1);
        for ((_, grant), [pieces, ..]) in moved {
            if let Some(id) = grant.filter(|id| pieces > 0 || !revoked.contains(id)) {
                *used.entry(id).or_default() += pieces;
            }
        }
    }
    for entry in entries.iter().filter(|entry| entry.member == own) {
        let Some(issued) = entry.event.kind.issued() else { continue };
        let (id, kept) = (issued.name.id(), entry.grant.as_deref());
        let (stored, told) =
            (kept.map_or(0, |kept| i128::from(kept.taken)), used.get(&id).copied().unwrap_or(0));
        let what = format!("entry {}, a grant of {}", entry.seq, issued.offer);
        if stored != told {
            differences.push(format!("{what}: {stored} are stored as used, {told} by the ledger"));
        }
        let (stored, told) = (kept.is_some_and(|kept| kept.revoked.is_some()), revoked.contains(&id));
        if stored != told {
            let word = |is_back: bool| if is_back { "taken back" } else { "not taken back" };
            let (stored, told) = (word(stored), word(told));
            differences.push(format!("{what}: it is stored as {stored}, and {told} by the ledger"));
        }
    }
}

/// A use as the entries about it left it.
struct Folded<'a> {
    brand: &'a BrandId,
    by: &'a HeldBy,
    is_own: bool,
    revision: u32,
    is_returned: bool,
    has: Figures,
}

impl<'a> Folded<'a> {
    fn of(step: &UseMoves<'a>) -> Folded<'a> {
        let (brand, by, has) = (step.brand, step.by, Figures::new());
        Folded { brand, by, is_own: false, revision: 0, is_returned: false, has }
    }

    fn follow(&mut self, step: &UseMoves<'_>) {
        add(&mut self.has, step.taken, 1);
        add(&mut self.has, step.had, -1);
        self.has.retain(|_, figures| *figures != [0; 3]);
        self.revision = step.revision.unwrap_or(self.revision);
        self.is_returned = step.is_whole;
    }

    fn differences(&self, stored: Option<&UseRecord>, differences: &mut Vec<String>) {
        let by = match self.by {
            HeldBy::Order(order) => format!("order {order}"),
            HeldBy::Use(used) => format!("use {used}"),
        };
        let what = format!("what {by} at {} uses of offers", self.brand);
        let Some(stored) = stored else {
            differences.push(format!("{what}: it is not stored"));
            return;
        };
        let mut has = Figures::new();
        add(&mut has, &stored.has, 1);
        has.retain(|_, figures| *figures != [0; 3]);
        let is_returned = stored.state == UseState::Returned;
        let is_held = matches!(stored.state, UseState::Held { .. });
        if (has, stored.revision, is_returned, is_held)
            != (self.has.clone(), self.revision, self.is_returned, false)
        {
            differences.push(format!("{what}: it is stored otherwise than the ledger tells"));
        }
    }
}

impl Ledger {
    /// Every use that the member's entries tell of is stored as these left it.
    pub(super) async fn check_uses(
        &self,
        own: MemberId,
        entries: &[&EntryRecord],
        differences: &mut Vec<String>,
    ) -> Result<(), Error> {
        let mut uses: BTreeMap<Vec<u8>, Folded<'_>> = BTreeMap::new();
        for entry in entries {
            let Some(step) = entry.event.kind.use_moves() else { continue };
            let key = keys::offer_use(step.brand, step.by).as_bytes().to_vec();
            let folded = uses.entry(key).or_insert_with(|| Folded::of(&step));
            folded.is_own |= entry.member == own;
            folded.follow(&step);
        }
        for folded in uses.into_values().filter(|folded| folded.is_own) {
            let stored = self.records.read::<UseRecord>(&keys::offer_use(folded.brand, folded.by)).await?;
            folded.differences(stored.as_ref().map(|(stored, _)| stored), differences);
        }
        Ok(())
    }
}
