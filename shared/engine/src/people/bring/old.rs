//! What a member's ledger has of balances under no name of the shop's: those that 0.1.0 recorded, and lots that
//! this build wrote into a file of its own.

use std::collections::HashSet;

use domain::{
    decide::Before,
    id::{BalanceId, BrandId},
    member::{Lot, Member},
    number::signed,
    time::Instant,
};

use super::{Coming, ComingBalance, Named};
use crate::store::records::{By, EntryRecord};

/// The reason of the entries that 0.1.0 made of balances.
const UNNAMED_REASON: &str = "opening balance";

/// How the names begin that `laurel export --csv` gives to lots.
const LOT: &str = "lot:";

/// The name that `laurel export --csv` gives to a debt.
pub const DEBT_NAME: &str = "lot:debt";

/// The name that `laurel export --csv` gives to a lot, of one member and brand.
pub fn lot_name(lot: &Lot) -> String {
    let end = lot.expires_at.map_or_else(|| "never".to_owned(), |at| at.0.to_string());
    let hold = lot.held_until.map_or_else(String::new, |at| format!(":{}", at.0));
    format!("{LOT}{end}{hold}")
}

/// A balance of 0.1.0, which had no name.
pub(super) struct Unnamed {
    pub(super) seq: u64,
    brand: BrandId,
    points: i64,
    pub(super) growth: i64,
    /// Its end, if its entry shows it: points that repaid a debt are in no lot.
    expires_at: Option<Option<Instant>>,
    pub(super) bill: bool,
    /// Whether a named balance stands in its place.
    replaced: bool,
}

impl Unnamed {
    fn of(entry: &EntryRecord) -> Option<Unnamed> {
        if entry.by != By::Import {
            return None;
        }
        let (brand, reason, bill) = entry.event.kind.adjusted()?;
        let movement = &entry.event.movement;
        let lot = movement.shares.iter().find(|share| share.points > 0);
        (reason == UNNAMED_REASON).then(|| Unnamed {
            seq: entry.seq,
            brand: brand.clone(),
            points: movement.points(),
            growth: movement.growth,
            expires_at: lot.map(|lot| lot.expires_at),
            bill,
            replaced: false,
        })
    }

    pub(super) fn before(&self) -> Before {
        Before { points: self.points, expires_at: self.expires_at, held_until: None }
    }
}

/// What a ledger says, as far as a row needs it.
#[derive(Default)]
pub(super) struct Old {
    /// Balances of 0.1.0, the replaced ones too: their growth is still the member's.
    pub(super) balances: Vec<Unnamed>,
    named: HashSet<(BrandId, BalanceId)>,
    /// Whether points moved otherwise than by a file of this build's own.
    has_own_points: bool,
}

impl Old {
    pub(super) fn of(entries: &[EntryRecord]) -> Old {
        let mut old = Old { balances: entries.iter().filter_map(Unnamed::of).collect(), ..Old::default() };
        for entry in entries {
            let brought = entry.event.kind.row().brought;
            let balance = brought.and_then(|brought| Some((&brought.brand, brought.balance.as_ref()?)));
            let is_lot = balance.is_some_and(|(_, balance)| balance.id.as_str().starts_with(LOT));
            let movement = &entry.event.movement;
            old.has_own_points |= !is_lot && (!movement.shares.is_empty() || movement.debt != 0);
            if let Some((brand, balance)) = balance {
                old.named.insert((brand.clone(), balance.id.clone()));
                let replaced = old.balances.iter_mut().find(|own| Some(own.seq) == balance.instead_of);
                replaced.into_iter().for_each(|own| own.replaced = true);
            }
        }
        old
    }

    /// The balance of 0.1.0 that the row means.
    ///
    /// All rows of the file have their say, so that each old balance is at most one row's: first those with its end,
    /// then a row without an end for one that no other row's end means, last what is left for what is left.
    pub(super) fn meant_by(&self, coming: &Coming, told: &ComingBalance) -> Option<&Unnamed> {
        let mut left: Vec<&Unnamed> = self.balances.iter().collect();
        left.retain(|old| old.brand == coming.brand && old.points != 0 && !old.replaced);
        if left.is_empty() {
            return None;
        }
        let is_own = |named: &&Named| {
            named.brand == coming.brand && !self.named.contains(&(named.brand.clone(), named.id.clone()))
        };
        // A second row of one name is told.
        let mut seen = HashSet::new();
        let mut rows: Vec<&Named> =
            coming.all.iter().filter(is_own).filter(|row| seen.insert(&row.id)).collect();
        let is_said = |old: &Unnamed| {
            let mut all = coming.all.iter().filter(|named| named.brand == coming.brand);
            old.expires_at.is_some_and(|end| all.any(|named| named.expires_at == Some(end)))
        };
        type Means<'a> = &'a dyn Fn(&Named, &Unnamed) -> bool;
        let has_end =
            |row: &Named, old: &Unnamed| old.expires_at.is_some() && row.expires_at == old.expires_at;
        let says_none = |row: &Named, old: &Unnamed| row.expires_at.is_none() && !is_said(old);
        let shows_none = |_: &Named, old: &Unnamed| old.expires_at.is_none();
        let may_be = |_: &Named, old: &Unnamed| !is_said(old);
        let ways: [(Means<'_>, bool); 7] = [
            (&has_end, true),
            (&shows_none, true),
            (&has_end, false),
            (&says_none, true),
            (&says_none, false),
            (&may_be, true),
            (&may_be, false),
        ];
        for (means, same_points) in ways {
            let mut open = Vec::new();
            for row in rows {
                let is_it = |old: &&Unnamed| means(row, old) && (!same_points || old.points == row.points);
                match left.iter().position(is_it) {
                    Some(place) if row.id == told.id => return Some(left[place]),
                    Some(place) => _ = left.remove(place),
                    None => open.push(row),
                }
            }
            rows = open;
        }
        None
    }

    /// What a row that this build has written of a lot, or of a debt, finds of it; `None` if the row is no such one,
    /// or brings it to a member that has no points yet.
    pub(super) fn lot_meant_by(
        &self,
        coming: &Coming,
        told: &ComingBalance,
        member: &Member,
        is_said: bool,
    ) -> Option<Before> {
        let name = told.id.as_str();
        if !name.starts_with(LOT) {
            return None;
        }
        if name == DEBT_NAME && member.debt > 0 {
            return Some(Before { points: -signed(member.debt), expires_at: None, held_until: None });
        }
        let mut lots = member.lots.iter().filter(|lot| lot.brand == coming.brand);
        let before = match lots.find(|lot| lot_name(lot) == name) {
            Some(lot) => Before {
                points: signed(lot.points),
                expires_at: Some(lot.expires_at),
                held_until: lot.held_until,
            },
            // It is spent, or ended.
            None => Before { points: 0, expires_at: None, held_until: None },
        };
        (before.points != 0 || is_said || self.has_own_points).then_some(before)
    }
}
