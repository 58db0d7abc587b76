//! What time alone has done: expired lots and lapsed tiers, in order of their instants (rules, 2).
//!
//! Holds and trials end at instants that were written down when they began; they need no event and
//! are brought up to date by [`Member::mature`]. At one instant holds end first, then lots expire,
//! then a trial ends, then the tier's period lapses, then a version of the programme that comes into force
//! raises the tier.

use crate::{
    event::{EntryKind, Event, Movement, Share, TierCause},
    evolve::evolve,
    member::Member,
    number::signed,
    programme::{OnLapse, Programme, Tier, Timeline},
    time::Instant,
};

/// The most events of one settling; what remains is settled in a further step.
pub const EVENTS_MAX: usize = 40;

/// Brings the member up to `now` and returns what was recorded on the way. [`Member::due_at`] says whether
/// anything is still due (after [`EVENTS_MAX`] events).
///
/// A `now` before the moment to which the member is settled changes nothing, but for a version of the
/// programme that was not known then.
pub fn settle(programmes: &Timeline, member: &mut Member, now: Instant) -> Vec<Event> {
    if member.merged.is_some() {
        return Vec::new();
    }
    if member.version == 0 {
        // Recorded before versions raised anybody: those up to that moment are past.
        member.version = programmes.at(member.as_of).version;
    }
    let mut events = Vec::new();
    while events.len() < EVENTS_MAX {
        let lots = member.lots.iter().filter_map(|lot| lot.expires_at);
        let due = lots.chain(member.standing.valid_until).min().filter(|due| *due <= now);
        if let Some(raised) = raise_by_versions(programmes, member, due, now) {
            events.push(raised);
            continue;
        }
        let Some(due) = due else {
            member.mature(now.max(member.as_of));
            break;
        };
        member.mature(due);
        let expired = expire_at(programmes, member, due);
        for event in expired.into_iter().chain(lapse_at(programmes, member, due)) {
            events.push(event);
        }
    }
    events
}

/// The next version of the programme that asks for less growth than the member has for a higher tier raises it
/// at the moment from which it is in force (rules, 2); what else falls due at that moment goes first. Looks at
/// each version once.
fn raise_by_versions(
    programmes: &Timeline,
    member: &mut Member,
    due: Option<Instant>,
    now: Instant,
) -> Option<Event> {
    for programme in programmes.after(member.version) {
        let since = programme.since;
        if due.is_some_and(|due| due <= since) || since > now {
            return None;
        }
        member.version = programme.version;
        let higher = programme.tiers.iter().skip(programme.place_of(&member.standing.tier) + 1);
        let Some(to) = higher.rev().find(|tier| tier.growth <= member.growth) else { continue };
        member.mature(since);
        let kind = tier_changed(programme, member, to, TierCause::Version(programme.version), since);
        let event = event(programme, member, since, Movement::default(), kind);
        evolve(member, &event);
        return Some(event);
    }
    None
}

/// The member gets that tier, with a period from that moment.
pub(crate) fn tier_changed(
    programme: &Programme,
    member: &Member,
    to: &Tier,
    why: TierCause,
    since: Instant,
) -> EntryKind {
    let for_life = member.lifetime.as_ref() == Some(&to.id);
    let trial = member.trial.as_ref();
    EntryKind::TierChanged {
        from: member.standing.tier.clone(),
        to: to.id.clone(),
        why,
        valid_until: if for_life { None } else { programme.period_end(to, since) },
        ends_trial: trial.is_some_and(|trial| programme.rank(&trial.tier) <= programme.rank(&to.id)),
    }
}

fn event(programme: &Programme, member: &Member, due: Instant, movement: Movement, kind: EntryKind) -> Event {
    // A lot that had expired before its order was recorded expires when it is recorded; the member never goes
    // back in time.
    let at = due.max(member.as_of);
    let today = programme.zone.day(at).number();
    Event { occurred_at: due, at, today, movement, moves_expiry_to: None, kind }
}

/// Lots that expire at `due` leave together: one entry.
fn expire_at(programmes: &Timeline, member: &mut Member, due: Instant) -> Option<Event> {
    let expiring = member.lots.iter().filter(|lot| lot.expires_at == Some(due));
    let shares: Vec<Share> = expiring
        .map(|lot| Share {
            expires_at: lot.expires_at,
            brand: lot.brand.clone(),
            held_until: lot.held_until,
            points: -signed(lot.points),
        })
        .collect();
    if shares.is_empty() {
        return None;
    }
    let movement = Movement { shares, ..Movement::default() };
    let event = event(programmes.before(due), member, due, movement, EntryKind::PointsExpired);
    evolve(member, &event);
    Some(event)
}

/// The tier's period ends: kept, or re-rated after its lapse mode (rules, 7).
fn lapse_at(programmes: &Timeline, member: &mut Member, due: Instant) -> Option<Event> {
    if member.standing.valid_until != Some(due) {
        return None;
    }
    let programme = programmes.before(due);
    let (movement, kind) = lapse(programme, member, due, true);
    let event = event(programme, member, due, movement, kind);
    evolve(member, &event);
    Some(event)
}

/// What the standing comes to by `now` where no lapse takes growth: of a record whose growth was in another's keeping,
/// which has borne what lapses took.
pub(crate) fn settle_standing(programmes: &Timeline, member: &mut Member, now: Instant) {
    member.lots.clear();
    loop {
        let due = member.standing.valid_until.filter(|due| *due <= now);
        if raise_by_versions(programmes, member, due, now).is_some() {
            continue;
        }
        let Some(due) = due else { return member.mature(now.max(member.as_of)) };
        member.mature(due);
        let programme = programmes.before(due);
        let (_, kind) = lapse(programme, member, due, false);
        let event = event(programme, member, due, Movement::default(), kind);
        evolve(member, &event);
    }
}

fn lapse(programme: &Programme, member: &Member, due: Instant, takes: bool) -> (Movement, EntryKind) {
    let own = &member.standing.tier;
    let rules = programme.rules_of(own);
    // A tier that a newer version made endless is kept: a new version demotes nobody.
    let endless = rules.validity_months.is_none();
    let retained = rules.retain_growth.is_some_and(|growth| member.period_growth >= signed(growth));
    if endless || retained {
        let kept = member.standing.kept + 1;
        let lifetime = rules.lifetime_periods.is_some_and(|periods| kept >= periods);
        let next = if lifetime { None } else { programme.next_period(rules, &member.standing, due) };
        let (valid_until, counted) = next.map_or((None, None), |(end, counted)| (Some(end), counted));
        return (
            Movement::default(),
            EntryKind::TierKept { tier: own.clone(), valid_until, counted, lifetime },
        );
    }
    let growth = match rules.on_lapse {
        _ if !takes => member.growth,
        OnLapse::Reset => 0,
        // Growth never falls below zero, whatever is deducted.
        OnLapse::Deduct(by) => member.growth.saturating_sub(by),
        // Below the first tier, which begins at zero, there is nothing to step down to.
        OnLapse::Step => member.growth.min(rules.growth.saturating_sub(1)),
    };
    let to = rerated(programme, member, growth);
    assert!(growth <= member.growth, "a lapse raises growth from {} to {growth}", member.growth);
    let lowered = signed(member.growth - growth);
    let movement = Movement { growth: -lowered, ..Movement::default() };
    (movement, tier_changed(programme, member, to, TierCause::Lapsed, due))
}

/// The highest tier that the growth reaches, or the other condition, or that is held for life. The other
/// conditions of tiers test facts that never fall; those that need more than the member itself took effect
/// when they came true.
fn rerated<'a>(programme: &'a Programme, member: &Member, growth: u64) -> &'a Tier {
    let subject = crate::condition::Subject {
        member,
        person: None,
        history: None,
        recent: &[],
        programme,
        now: member.as_of,
    };
    let reached = |tier: &&Tier| {
        let other = tier.or.as_ref().is_some_and(|or| or.holds(&subject) == Ok(true));
        tier.growth <= growth || other || member.lifetime.as_ref() == Some(&tier.id)
    };
    // Everybody has the first tier.
    programme.tiers.iter().rev().find(reached).unwrap_or(programme.base_tier())
}
