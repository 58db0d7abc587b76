//! The task list of a member.

use domain::{
    id::ActivityId,
    tasks::{self, tasks},
};
use engine::MemberView;

use super::Show;
use crate::{At, Id, List, OrNull, answer};

answer! {
    /// The number of days at which a streak pays next.
    pub struct NextBonus {
        /// consecutive local days
        days: u32,
        /// the bonus when they are reached
        points: u64,
    }
}

answer! {
    /// How far a streak is.
    pub struct TaskStreak {
        /// consecutive local days so far; 0 once one was missed
        days: u32,
        /// null after the last
        next: OrNull<NextBonus>,
    }
}

answer! {
    /// An activity that gives, as it stands for the member.
    pub struct Task<'a> {
        /// which
        activity: Id<&'a ActivityId>,
        /// points each time
        points: u64,
        /// growth each time
        growth: u64,
        /// whether it could be told now
        open: bool,
        /// from when on it can be told again; null while it can, and where it never can
        next_at: OrNull<At>,
        /// times on the local day
        today: u32,
        /// times in the local month
        month: u32,
        /// null where it has none
        streak: OrNull<TaskStreak>,
    }
}

answer! {
    /// A member's task list.
    pub struct Tasks<'a> {
        /// in the programme's order
        activities: List<Task<'a>, 0, 100>,
        /// always null: there is one page
        next_cursor: OrNull<At>,
    }
}

impl<'p> Show<'p> {
    /// The task list of a member.
    pub fn tasks(&self, view: &MemberView) -> Tasks<'p> {
        let tasks = tasks(self.programme, &view.member, view.now);
        let activities = tasks.into_iter().map(|task| self.task(&task)).collect();
        Tasks { activities, next_cursor: OrNull(None) }
    }

    fn task(&self, task: &tasks::Task<'p>) -> Task<'p> {
        let next = |(days, points): (u32, u64)| NextBonus { days, points };
        let streak =
            |streak: tasks::Streak| TaskStreak { days: streak.days, next: OrNull(streak.next.map(next)) };
        Task {
            activity: Id(task.activity),
            points: task.points,
            growth: task.growth,
            open: task.open,
            next_at: self.maybe(task.next_at),
            today: task.today,
            month: task.month,
            streak: OrNull(task.streak.map(streak)),
        }
    }
}
