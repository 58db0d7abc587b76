//! Entries of a ledger.

use laurel_tests::model::{
    NEVER,
    member::{Entry, Lot},
};
use serde::Deserialize;

use super::{Verdict, same, same_instant};
use crate::instant;

/// The lots of an entry, as compared: by end and brand, with holds merged.
type Rows = Vec<(i64, String, i64)>;

#[derive(Deserialize)]
pub(super) struct GotEntry<'a> {
    pub(super) seq: u64,
    pub(super) kind: &'a str,
    pub(super) points: i64,
    pub(super) growth: i64,
    #[serde(borrow)]
    pub(super) lots: Vec<GotLot<'a>>,
    pub(super) brand: Option<&'a str>,
    pub(super) order_id: Option<&'a str>,
    pub(super) occurred_at: &'a str,
    pub(super) recorded_at: Option<&'a str>,
    pub(super) balance_after: i64,
    pub(super) program_version: u32,
}

#[derive(Deserialize)]
pub(super) struct GotLot<'a> {
    pub(super) expires_at: Option<&'a str>,
    pub(super) brand: &'a str,
    #[serde(default)]
    pub(super) held_until: Option<&'a str>,
    pub(super) points: i64,
}

/// An entry; `written` says whether it is written down (`None`: unknown).
pub(super) fn compare_entry(got: &GotEntry<'_>, want: &Entry, dry_run: Option<bool>) -> Verdict {
    same("entry/kind", got.kind, want.kind)?;
    same("entry/points", got.points, want.points)?;
    same("entry/growth", got.growth, want.growth)?;
    same("entry/balance_after", got.balance_after, want.balance_after)?;
    same("entry/program_version", got.program_version, want.version)?;
    if want.kind != "badge" && want.kind != "expire" && want.kind != "tier" {
        same("entry/brand", got.brand, want.brand.as_deref())?;
        same("entry/order_id", got.order_id, want.order_id.as_deref())?;
    }
    same_instant("entry/occurred_at", Some(got.occurred_at), want.occurred_at)?;
    if dry_run == Some(false) {
        same_instant("entry/recorded_at", got.recorded_at, want.recorded_at)?;
    }
    if got.lots.len() <= 1 && want.lots.len() == got.lots.len() {
        return match (got.lots.first(), want.lots.first()) {
            (Some(got), Some(want)) => compare_row(got, want),
            _ => Ok(()),
        };
    }
    let got = rows(got.lots.iter().map(|lot| {
        let end = lot.expires_at.and_then(instant::read).map_or(NEVER, |(at, _)| at);
        (end, lot.brand.to_owned(), lot.points)
    }));
    same(
        "entry/lots",
        got,
        rows(want.lots.iter().map(|lot| (lot.expires_at, lot.brand.to_string(), lot.points))),
    )
}

pub(super) fn compare_row(got: &GotLot<'_>, want: &Lot) -> Verdict {
    same_instant("lot/expires_at", got.expires_at, want.expires_at)?;
    same("lot/brand", got.brand, want.brand.as_str())?;
    same("lot/points", got.points, want.points)
}

fn rows(lots: impl Iterator<Item = (i64, String, i64)>) -> Rows {
    let mut rows: Rows = lots.collect();
    rows.sort();
    rows.dedup_by(|next, first| {
        let equal = (next.0, &next.1) == (first.0, &first.1);
        if equal {
            first.2 += next.2;
        }
        equal
    });
    rows
}
