//! An order as it now stands.

use laurel_tests::model::{OrderNow, Program};
use serde::Deserialize;

use super::{Verdict, read, same};

#[derive(Deserialize)]
struct Got<'a> {
    member_id: &'a str,
    revision: i64,
    points: i64,
    growth: i64,
    remaining: &'a str,
    refunds: Vec<Entry<'a>>,
    redemptions: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    kind: &'a str,
    points: i64,
}

/// Compares an order with the model's.
pub(crate) fn compare_order(body: &[u8], id: &str, want: &OrderNow, program: &Program) -> Verdict {
    let got: Got<'_> = read(body)?;
    same("member_id", got.member_id, id)?;
    same("revision", got.revision, want.revision)?;
    same("points", got.points, want.points)?;
    same("growth", got.growth, want.growth)?;
    same("remaining", got.remaining, &program.show_money(want.remaining))?;
    same("refunds", got.refunds.len(), want.refunds)?;
    let kinds = got.refunds.iter().map(|entry| ("reverse_earn", entry));
    let kinds = kinds.chain(got.redemptions.iter().map(|entry| ("redeem", entry)));
    for (kind, entry) in kinds {
        same("kind", entry.kind, kind)?;
    }
    let mut points: Vec<i64> = got.redemptions.iter().map(|entry| -entry.points).collect();
    points.sort_unstable();
    same("redemptions", points, want.paid.clone())
}
