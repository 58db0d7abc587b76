//! A member as time alone makes it, without anything being written.

use domain::{
    event::Event,
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
    member.standing.valid_until = programme.period_end(base, registered_at);
    member
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
