//! Answers' bytes, read and compared with the model's, field by field.

use laurel_tests::model::{
    NEVER, Program, Shown,
    command::{Done, Refused, Told},
    member::{Entry, Lot},
};
use serde::Deserialize;

use crate::instant;

/// What is wrong, in words.
pub(crate) type Verdict = Result<(), String>;

/// The lots of an entry, as compared: by end and brand, holds put together.
type Rows = Vec<(i64, String, i64)>;

#[derive(Deserialize)]
struct GotDone<'a> {
    #[serde(borrow)]
    entry: Option<GotEntry<'a>>,
    granted: Option<i64>,
    calculated: Option<i64>,
    upgraded_to: Option<&'a str>,
    #[serde(default)]
    badges_issued: Vec<&'a str>,
    taken: Option<i64>,
    restored: Option<i64>,
    debt: Option<i64>,
    balance: Option<GotBalance>,
    tier: Option<&'a str>,
    growth: Option<i64>,
}

#[derive(Deserialize)]
struct GotBalance {
    available: i64,
    held: i64,
    debt: i64,
}

#[derive(Deserialize)]
struct GotEntry<'a> {
    seq: u64,
    kind: &'a str,
    points: i64,
    growth: i64,
    #[serde(borrow)]
    lots: Vec<GotLot<'a>>,
    brand: Option<&'a str>,
    order_id: Option<&'a str>,
    occurred_at: &'a str,
    recorded_at: Option<&'a str>,
    balance_after: i64,
    program_version: u32,
}

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

#[derive(Deserialize)]
struct GotLot<'a> {
    expires_at: Option<&'a str>,
    brand: &'a str,
    #[serde(default)]
    held_until: Option<&'a str>,
    points: i64,
}

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
    lifecycle: &'a str,
    stats: GotStats<'a>,
}

#[derive(Deserialize)]
struct GotTier<'a> {
    id: &'a str,
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

#[derive(Deserialize)]
struct GotProblem<'a> {
    code: &'a str,
    available: Option<i64>,
    debt: Option<i64>,
    #[serde(default)]
    remaining: serde_json::Value,
}

#[derive(Deserialize)]
struct GotPage<'a> {
    #[serde(borrow)]
    entries: Vec<GotEntry<'a>>,
    next_cursor: Option<&'a str>,
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, want: T) -> Verdict {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:?}, where the model says {want:?}")) }
}

fn same_instant(what: &str, got: Option<&str>, want: i64) -> Verdict {
    let got = match got {
        None => NEVER,
        Some(text) => instant::read(text).ok_or_else(|| format!("{what}: {text} is no instant"))?.0,
    };
    if got == want { Ok(()) } else { Err(format!("{what}: {got}, where the model says {want}")) }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    let text = |_| String::from_utf8_lossy(body).into_owned();
    serde_json::from_slice(body).map_err(|error| format!("{error}: {}", text(())))
}

/// The answer to a command.
pub(crate) fn compare_told(
    status: u16,
    body: &[u8],
    told: &Told,
    program: &Program,
    dry_run: bool,
) -> Verdict {
    if status != told.status() {
        let body = String::from_utf8_lossy(body);
        return Err(format!("answered {status} {body}, where the model says {told:?}"));
    }
    match told {
        Told::Refused(refused) => compare_refused(body, refused),
        Told::Done(done) => compare_done(body, done, program, dry_run),
    }
}

fn compare_refused(body: &[u8], refused: &Refused) -> Verdict {
    let got: GotProblem = read(body)?;
    same("code", got.code, refused.code)?;
    if let Some((available, debt)) = refused.balance {
        same("available", got.available, Some(available))?;
        same("debt", got.debt, Some(debt))?;
    }
    match &refused.remaining {
        Some(remaining) => same("remaining", got.remaining.as_str(), Some(remaining)),
        None => Ok(()),
    }
}

fn compare_done(body: &[u8], done: &Done, program: &Program, dry_run: bool) -> Verdict {
    let got: GotDone = read(body)?;
    let by_hand = done.entry.as_ref().is_none_or(|entry| entry.kind == "badge");
    match (&got.entry, &done.entry) {
        (Some(got), Some(want)) => compare_entry(got, want, Some(dry_run))?,
        (None, None) => {}
        (got, want) => return Err(format!("entry there: {}, model: {want:?}", got.is_some())),
    }
    if by_hand {
        return Ok(());
    }
    let tier = |tier: usize| program.tiers[tier].id.as_str();
    let (available, held, debt) = done.balance;
    let balance = got.balance.map(|balance| (balance.available, balance.held, balance.debt));
    same("balance", balance, Some((available, held, debt)))?;
    same("tier", got.tier, Some(tier(done.tier)))?;
    same("growth", got.growth, Some(done.growth))?;
    same("granted", got.granted, done.earned.map(|(granted, _)| granted))?;
    same("calculated", got.calculated, done.earned.map(|(_, calculated)| calculated))?;
    same("taken", got.taken, done.taken)?;
    same("restored", got.restored, done.restored)?;
    if done.taken.is_some() || done.restored.is_some() {
        same("debt", got.debt, Some(debt))?;
    }
    if done.earned.is_some() {
        same("upgraded_to", got.upgraded_to, done.upgraded.map(tier))?;
        // In which order one entry issues several is nobody's rule.
        let mut badges = got.badges_issued;
        badges.sort_unstable();
        let mut wanted: Vec<&str> = done.badges.iter().map(smol_str::SmolStr::as_str).collect();
        wanted.sort_unstable();
        same("badges_issued", badges, wanted)?;
    }
    Ok(())
}

/// The answer to a partner's command. What it sees of the member it is told whenever it names one, and
/// of a member whose order or redemption it reverses if that is linked.
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

/// An entry; `written` is whether it is (None: either may be).
fn compare_entry(got: &GotEntry<'_>, want: &Entry, dry_run: Option<bool>) -> Verdict {
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

fn compare_row(got: &GotLot<'_>, want: &Lot) -> Verdict {
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
    same("stats/orders", got.stats.orders, want.orders.count)?;
    same("stats/amount", got.stats.amount, &program.show_money(want.orders.units))?;
    same_instant("stats/first_order_at", got.stats.first_order_at, want.orders.first_at.unwrap_or(NEVER))?;
    same_instant("stats/last_order_at", got.stats.last_order_at, want.orders.last_at.unwrap_or(NEVER))?;
    match shown.lifecycle {
        Some(lifecycle) => same("lifecycle", got.lifecycle, lifecycle),
        None => Ok(()),
    }
}

/// A page of a ledger, `all` of whose moving entries from `below` downwards are to come, of which so many
/// are `written`. Answers the next page's cursor, with what is below it.
pub(crate) fn compare_page(
    body: &[u8],
    limit: usize,
    all: &[std::rc::Rc<Entry>],
    below: usize,
    written: Option<usize>,
) -> Result<Option<(String, usize)>, String> {
    let page: GotPage = read(body)?;
    if page.entries.len() > limit || (page.next_cursor.is_some() && page.entries.len() < limit) {
        return Err(format!("{} entries on a page of {limit}", page.entries.len()));
    }
    let mut left = below;
    let mut seq = page.entries.first().map(|entry| entry.seq);
    for entry in &page.entries {
        same("entry/seq", Some(entry.seq), seq)?;
        seq = seq.and_then(|seq| seq.checked_sub(1));
        if entry.points == 0 && entry.growth == 0 && entry.lots.is_empty() {
            // That is no moving entry: what it says of tiers and badges is shown with the member.
            continue;
        }
        left = left.checked_sub(1).ok_or("an entry that the model does not know")?;
        compare_entry(entry, &all[left], None)?;
        match written {
            Some(written) if left < written => {
                same_instant("entry/recorded_at", entry.recorded_at, all[left].recorded_at)?;
            }
            Some(_) => same("entry/recorded_at", entry.recorded_at, None)?,
            None => {}
        }
    }
    match page.next_cursor {
        Some(next) => Ok(Some((next.to_owned(), left))),
        None if left == 0 => Ok(None),
        None => Err(format!("the ledger ends where {left} entries are missing")),
    }
}

/// A registration: whether somebody was created, and the member where the model knows it.
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

/// What a sweep says: whether it is done.
pub(crate) fn swept(body: &[u8]) -> Result<bool, String> {
    #[derive(Deserialize)]
    struct Got {
        done: bool,
    }
    read::<Got>(body).map(|got| got.done)
}

/// The code of a problem.
pub(crate) fn code(body: &[u8]) -> String {
    read::<GotProblem>(body).map_or(String::new(), |got| got.code.to_owned())
}
