//! A member as time alone makes it, without anything being written.

use domain::{
    event::{Event, TierStep},
    member::{Member, MemberId},
    programme::{Programme, Timeline},
    settle,
    time::Instant,
};

/// A member that registers under that programme: the first tier, whose period may end.
pub(crate) fn newborn(programmes: &Timeline, id: MemberId, registered_at: Instant) -> Member {
    let programme: &Programme = programmes.at(registered_at);
    let base = programme.base_tier();
    let mut member = Member::new(id, registered_at, registered_at, &base.id);
    member.version = programme.version;
    member.standing.valid_until = programme.period_end(base, registered_at);
    member
}

/// The version of the programme that an entry of time's is made under: the one that raised the member, else the
/// one in force just before what it tells fell due.
pub(crate) fn version_of(programmes: &Timeline, event: &Event) -> u32 {
    match event.kind.row().tier {
        Some(TierStep::Changed { by_version: Some(version), .. }) => version,
        _ if event.occurred_at == event.at => programmes.before(event.at).version,
        // What had fallen due before the moment that the member was settled to, and was not known then.
        _ => programmes.at(event.at).version,
    }
}

/// Brings a copy of the member up to `now` without writing, in as many steps as it takes.
pub(crate) fn settled(programmes: &Timeline, member: &Member, now: Instant) -> (Member, Vec<Event>) {
    let mut member = member.clone();
    let mut events = Vec::new();
    loop {
        let step = settle(programmes, &mut member, now);
        let done = step.len() < domain::settle::EVENTS_MAX;
        events.extend(step);
        if done {
            return (member, events);
        }
    }
}
