//! Members, as they are shown.

use laurel_tests::model::{NEVER, Program, Shown};
use serde::Deserialize;

use super::{
    Verdict,
    entry::{GotEntry, GotLot, compare_row},
    read, same, same_instant,
};

#[derive(Deserialize)]
struct GotMember<'a> {
    id: &'a str,
    status: &'a str,
    registered_at: &'a str,
    #[serde(borrow)]
    tier: GotTier<'a>,
    growth: i64,
    period_growth: i64,
    points: GotPoints<'a>,
    badges: Vec<GotBadge<'a>>,
    #[serde(borrow)]
    tags: Vec<&'a str>,
    lifecycle: &'a str,
    stats: GotStats<'a>,
}

#[derive(Deserialize)]
struct GotTier<'a> {
    id: &'a str,
    since: &'a str,
    valid_until: Option<&'a str>,
    lifetime: bool,
    #[serde(borrow)]
    trial: Option<GotTrial<'a>>,
    next: Option<GotNext<'a>>,
}

#[derive(Deserialize)]
struct GotTrial<'a> {
    id: &'a str,
    until: &'a str,
}

#[derive(Deserialize)]
struct GotNext<'a> {
    id: &'a str,
    growth_needed: i64,
}

#[derive(Deserialize)]
struct GotPoints<'a> {
    available: i64,
    held: i64,
    debt: i64,
    #[serde(borrow)]
    lots: Vec<GotLot<'a>>,
}

#[derive(Deserialize)]
struct GotBadge<'a> {
    id: &'a str,
    issued_at: &'a str,
}

#[derive(Deserialize)]
struct GotStats<'a> {
    orders: i64,
    amount: &'a str,
    first_order_at: Option<&'a str>,
    last_order_at: Option<&'a str>,
}

/// A member.
pub(crate) fn compare_member(body: &[u8], id: &str, shown: &Shown, program: &Program) -> Verdict {
    compare_shown(&read::<GotMember>(body)?, id, shown, program)
}

fn compare_shown(got: &GotMember<'_>, id: &str, shown: &Shown, program: &Program) -> Verdict {
    let want = &shown.standing;
    let tier = |tier: usize| program.tiers[tier].id.as_str();
    same("id", got.id, id)?;
    same("status", got.status, want.status)?;
    same_instant("registered_at", Some(got.registered_at), want.registered_at)?;
    same("growth", got.growth, want.growth)?;
    same("period_growth", got.period_growth, want.period_growth)?;
    same("tier", got.tier.id, tier(want.tier))?;
    same_instant("tier/since", Some(got.tier.since), want.since)?;
    same_instant("tier/valid_until", got.tier.valid_until, want.valid_until)?;
    same("tier/lifetime", got.tier.lifetime, want.lifetime == Some(want.tier))?;
    same("tier/trial", got.tier.trial.as_ref().map(|own| own.id), want.trial.map(|(own, _)| tier(own)))?;
    if let (Some(got), Some((_, until))) = (&got.tier.trial, want.trial) {
        same_instant("tier/trial/until", Some(got.until), until)?;
    }
    let next = got.tier.next.as_ref().map(|next| (next.id, next.growth_needed));
    same("tier/next", next, shown.next.map(|(next, needed)| (tier(next), needed)))?;
    let points = &got.points;
    same("available", points.available, want.available())?;
    same("held", points.held, want.held())?;
    same("debt", points.debt, want.debt)?;
    same("lots", points.lots.len(), want.lots.len())?;
    for (got, want) in points.lots.iter().zip(&want.lots) {
        compare_row(got, want)?;
        same_instant("lot/held_until", got.held_until, want.held_until.unwrap_or(NEVER))?;
    }
    compare_rest(got, shown, program)
}

fn compare_rest(got: &GotMember<'_>, shown: &Shown, program: &Program) -> Verdict {
    let want = &shown.standing;
    same("badges", got.badges.len(), want.badges.len())?;
    for badge in &got.badges {
        let own = want.badges.iter().find(|(id, _)| id == badge.id);
        let (_, issued) = own.ok_or_else(|| format!("a badge {} that the model does not know", badge.id))?;
        same_instant("badge/issued_at", Some(badge.issued_at), *issued)?;
    }
    same("tags", got.tags.join(" "), shown.tags.join(" "))?;
    same("stats/orders", got.stats.orders, want.orders.count)?;
    same("stats/amount", got.stats.amount, &program.show_money(want.orders.units(program)))?;
    same_instant("stats/first_order_at", got.stats.first_order_at, want.orders.first_at.unwrap_or(NEVER))?;
    same_instant("stats/last_order_at", got.stats.last_order_at, want.orders.last_at.unwrap_or(NEVER))?;
    match shown.lifecycle {
        Some(lifecycle) => same("lifecycle", got.lifecycle, lifecycle),
        None => Ok(()),
    }
}

/// A registration: whether a member was created, and the member if the model knows it.
pub(crate) fn compare_registered(
    body: &[u8],
    id: &str,
    shown: Option<&Shown>,
    program: &Program,
) -> Result<bool, String> {
    #[derive(Deserialize)]
    struct Got<'a> {
        #[serde(borrow)]
        member: GotMember<'a>,
        created: bool,
    }
    let got: Got = read(body)?;
    same("member/id", got.member.id, id)?;
    if let Some(shown) = shown {
        compare_shown(&got.member, id, shown, program)?;
    }
    Ok(got.created)
}

/// The answer to a merge: the member that answers for both, and the two entries, of which the second brings that.
pub(crate) fn compare_merged(
    body: &[u8],
    id: &str,
    shown: &Shown,
    (points, growth): (i64, i64),
    program: &Program,
) -> Verdict {
    #[derive(Deserialize)]
    struct Got<'a> {
        #[serde(borrow)]
        member: GotMember<'a>,
        #[serde(borrow)]
        entries: Vec<GotEntry<'a>>,
    }
    let got: Got = read(body)?;
    compare_shown(&got.member, id, shown, program)?;
    let moved: Vec<_> = got.entries.iter().map(|entry| (entry.kind, entry.points, entry.growth)).collect();
    same("entries", moved, vec![("merge", -points, -growth), ("merge", points, growth)])
}
