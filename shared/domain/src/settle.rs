//! What time alone has done: expired lots and lapsed tiers, in order of their instants (rules, 2).
//!
//! Holds and trials end at instants that were written down when they began; they need no event and
//! are brought up to date by [`Member::mature`]. At one instant holds end first, then lots expire,
//! then a trial ends, then the tier's period lapses.

use crate::{
    event::{EntryKind, Event, Movement, Share, TierCause},
    evolve::evolve,
    member::Member,
    number::signed,
    programme::{OnLapse, Programme, Timeline},
    time::Instant,
};

/// The most events of one settling; what remains is settled in a further step.
pub const EVENTS_MAX: usize = 40;

/// Brings the member up to `now` and returns what was recorded on the way. [`Member::due_at`] says whether
/// anything is still due (after [`EVENTS_MAX`] events).
///
/// A `now` before the moment to which the member is settled changes nothing.
pub fn settle(programmes: &Timeline, member: &mut Member, now: Instant) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < EVENTS_MAX {
        let lots = member.lots.iter().filter_map(|lot| lot.expires_at);
        let due = lots.chain(member.standing.valid_until).min().filter(|due| *due <= now);
        let Some(due) = due else {
            member.mature(now.max(member.as_of));
            break;
        };
        let programme = programmes.at(due);
        member.mature(due);
        let expired = expire_at(programme, member, due);
        for event in expired.into_iter().chain(lapse_at(programmes, member, due)) {
            events.push(event);
        }
    }
    events
}

fn event(programme: &Programme, member: &Member, due: Instant, movement: Movement, kind: EntryKind) -> Event {
    // A lot that had expired before its order was recorded expires when it is recorded; the member never goes
    // back in time.
    let at = due.max(member.as_of);
    let today = programme.zone.day(at).number();
    Event { occurred_at: due, at, today, movement, moves_expiry_to: None, kind }
}

/// Lots that expire at `due` leave together: one entry.
fn expire_at(programme: &Programme, member: &mut Member, due: Instant) -> Option<Event> {
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
    let event = event(programme, member, due, movement, EntryKind::PointsExpired);
    evolve(member, &event);
    Some(event)
}

/// The tier's period ends: kept, or re-rated after its lapse mode (rules, 7).
fn lapse_at(programmes: &Timeline, member: &mut Member, due: Instant) -> Option<Event> {
    if member.standing.valid_until != Some(due) {
        return None;
    }
    let programme = programmes.at(due);
    let (movement, kind) = lapse(programme, member, due);
    let event = event(programme, member, due, movement, kind);
    evolve(member, &event);
    Some(event)
}

fn lapse(programme: &Programme, member: &Member, due: Instant) -> (Movement, EntryKind) {
    let own = &member.standing.tier;
    let rules = programme.rules_of(own);
    // A tier that a newer version made endless is kept: a new version demotes nobody.
    let endless = rules.validity_months.is_none();
    let retained = rules.retain_growth.is_some_and(|growth| member.period_growth >= signed(growth));
    if endless || retained {
        let kept = member.standing.kept + 1;
        let lifetime = rules.lifetime_periods.is_some_and(|periods| kept >= periods);
        let valid_until = if lifetime { None } else { programme.period_end(rules, due) };
        return (Movement::default(), EntryKind::TierKept { tier: own.clone(), valid_until, lifetime });
    }
    let growth = match rules.on_lapse {
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
    let for_life = member.lifetime.as_ref() == Some(&to.id);
    let ends_trial =
        member.trial.as_ref().is_some_and(|trial| programme.rank(&trial.tier) <= programme.rank(&to.id));
    let kind = EntryKind::TierChanged {
        from: own.clone(),
        to: to.id.clone(),
        why: TierCause::Lapsed,
        valid_until: if for_life { None } else { programme.period_end(to, due) },
        ends_trial,
    };
    (movement, kind)
}

/// The highest tier that the growth reaches, or the other condition, or that is held for life. The other
/// conditions of tiers test facts that never fall; those that need more than the member itself took effect
/// when they came true.
fn rerated<'a>(programme: &'a Programme, member: &Member, growth: u64) -> &'a crate::programme::Tier {
    let subject = crate::condition::Subject {
        member,
        person: None,
        history: None,
        recent: &[],
        programme,
        now: member.as_of,
    };
    let reached = |tier: &&crate::programme::Tier| {
        let other = tier.or.as_ref().is_some_and(|or| or.holds(&subject) == Ok(true));
        tier.growth <= growth || other || member.lifetime.as_ref() == Some(&tier.id)
    };
    // Everybody has the first tier.
    programme.tiers.iter().rev().find(reached).unwrap_or(programme.base_tier())
}
