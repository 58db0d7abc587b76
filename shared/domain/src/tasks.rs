//! The task list (contract, `/members/{id}/activities`): what a member can do to earn, and from when on.

use crate::{
    id::ActivityId,
    member::{Member, Status},
    programme::{Activity, Programme},
    time::{Day, Instant},
};

/// An activity that gives, as it stands for a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task<'a> {
    /// Which.
    pub activity: &'a ActivityId,
    /// Points each time.
    pub points: u64,
    /// Growth each time.
    pub growth: u64,
    /// Whether it could be told now.
    pub open: bool,
    /// From when on it can be told again; `None` while it can, and where it never can.
    pub next_at: Option<Instant>,
    /// How often it was done on the local day.
    pub today: u32,
    /// How often it was done in the local month.
    pub month: u32,
    /// The streak, if it has any.
    pub streak: Option<Streak>,
}

/// How far a streak is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streak {
    /// Consecutive days so far; 0 once a day was missed.
    pub days: u32,
    /// The next number of days that pays, and its bonus; `None` after the last.
    pub next: Option<(u32, u64)>,
}

/// What that programme's activities are for a member that is settled to that moment; those that take are no
/// tasks.
pub fn tasks<'a>(programme: &'a Programme, member: &Member, now: Instant) -> Vec<Task<'a>> {
    let today = programme.zone.day(now);
    let giving = programme.activities.iter().filter(|rules| !rules.takes);
    giving.map(|rules| task(programme, rules, member, today)).collect()
}

fn task<'a>(programme: &Programme, rules: &'a Activity, member: &Member, today: Day) -> Task<'a> {
    let known = member.activity(&rules.id);
    let days = known.map_or(&[][..], |count| &count.days);
    let (first, next_month) = (today.first_of_month(), today.first_of_month().plus_months(1));
    let month = first.number()..next_month.number();
    let times = |is: &dyn Fn(crate::time::DayNumber) -> bool| {
        days.iter().filter(|(day, _)| is(*day)).map(|(_, times)| times).sum::<u32>()
    };
    let on_today = times(&|day| day == today.number());
    let in_month = times(&|day| month.contains(&day));
    let full = |most: Option<u32>, times: u32| most.is_some_and(|most| times >= most);
    let again = if rules.once && known.is_some() {
        None
    } else if full(rules.per_month, in_month) {
        Some(next_month)
    } else if full(rules.per_day, on_today) {
        Some(programme.zone.next_day(today))
    } else {
        Some(today)
    };
    let active = member.status == Status::Active;
    Task {
        activity: &rules.id,
        points: rules.points,
        growth: rules.growth,
        open: active && again == Some(today),
        next_at: again.filter(|day| active && *day != today).map(|day| programme.zone.midnight(day)),
        today: on_today,
        month: in_month,
        streak: (!rules.streak.is_empty()).then(|| streak(programme, rules, member, today)),
    }
}

fn streak(programme: &Programme, rules: &Activity, member: &Member, today: Day) -> Streak {
    let days = member.activity(&rules.id).map_or(0, |count| {
        let runs = count.streak > 0
            && (count.streak_day >= today.number()
                || programme.zone.next_day(Day::from_number(count.streak_day)) == today);
        if runs { count.streak } else { 0 }
    });
    let ahead = rules.streak.iter().filter(|(at, _)| *at > days);
    Streak { days, next: ahead.min_by_key(|(at, _)| *at).copied() }
}
