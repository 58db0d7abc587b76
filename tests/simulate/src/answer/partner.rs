//! What a partner is told, and nothing more.

use laurel_tests::model::{
    Program,
    command::{Refused, Told},
};
use serde::Deserialize;

use super::{
    Verdict, read, same, same_instant,
    told::{GotBalance, compare_refused},
};

/// What a partner is told, and nothing more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GotPartner<'a> {
    #[serde(borrow)]
    entry: GotPartnerEntry<'a>,
    granted: Option<i64>,
    #[serde(rename = "redemption_id")]
    _redemption_id: Option<&'a str>,
    taken: Option<i64>,
    restored: Option<i64>,
    debt: Option<i64>,
    balance: Option<GotBalance>,
    tier: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GotPartnerEntry<'a> {
    #[serde(rename = "id")]
    _id: &'a str,
    kind: &'a str,
    points: i64,
    brand: Option<&'a str>,
    order_id: Option<&'a str>,
    #[serde(rename = "redemption_id")]
    _redemption_id: Option<&'a str>,
    occurred_at: &'a str,
    recorded_at: Option<&'a str>,
}

/// The answer to a partner's command. It sees its part of the member whenever it names one, and of a member
/// whose order or redemption it reverses if that member is linked.
pub(crate) fn compare_partner(
    status: u16,
    body: &[u8],
    told: &Told,
    program: &Program,
    names: bool,
) -> Verdict {
    let done = match told {
        Told::Done(done) if status == done.status => done,
        Told::Refused(refused) if status == refused.status => {
            // It sees the balance, and nothing else of the member.
            let refused = Refused { remaining: None, ..refused.clone() };
            return compare_refused(body, &refused);
        }
        _ => {
            let body = String::from_utf8_lossy(body);
            return Err(format!("a partner is answered {status} {body}, where the model says {told:?}"));
        }
    };
    let got: GotPartner = read(body)?;
    let want = done.entry.as_ref().ok_or("a partner is told of nothing")?;
    same("entry/kind", got.entry.kind, want.kind)?;
    same("entry/points", got.entry.points, want.points)?;
    same("entry/brand", got.entry.brand, want.brand.as_deref())?;
    same("entry/order_id", got.entry.order_id, want.order_id.as_deref())?;
    same_instant("entry/occurred_at", Some(got.entry.occurred_at), want.occurred_at)?;
    same_instant("entry/recorded_at", got.entry.recorded_at, want.recorded_at)?;
    same("granted", got.granted, done.earned.map(|(granted, _)| granted))?;
    same("taken", got.taken, done.taken)?;
    same("restored", got.restored, done.restored)?;
    if names || got.balance.is_some() || got.tier.is_some() {
        let balance = got.balance.map(|balance| (balance.available, balance.held, balance.debt));
        same("balance", balance, Some(done.balance))?;
        same("tier", got.tier, Some(program.tiers[done.tier].id.as_str()))?;
        let reverses = done.taken.is_some() || done.restored.is_some();
        same("debt", got.debt, Some(done.balance.2).filter(|_| reverses))?;
    } else {
        same("debt", got.debt, None)?;
    }
    Ok(())
}
