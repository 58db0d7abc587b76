//! How much of the processors' time may go into sending while requests need it.
//!
//! A thread's priority is not enough: one that is woken for each answer of a receiver is served soon even at nice 19,
//! and takes a third of the orders. So it counts what it takes. While the process's other threads use more than a
//! quarter of the processors' time, it takes one part in a hundred and rests in between, and once they do not, all that
//! it wants. For [`HELD_MAX`] at most: from then on it goes on as fast as it can until it has told everything, so that
//! a load that never ends makes webhooks late, but no later and later because of this.
//!
//! It only rests between two pieces of work, when no attempt waits for it.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The part of all processors' time, one in so many, from which on the process's other threads need them.
const BUSY_PART: u32 = 4;

/// The part of all processors' time that is taken all the same, one in so many.
const OWN_PART: u32 = 100;

/// Over how long it is looked who uses the processors, and the longest rest before it is looked again.
const WINDOW: Duration = Duration::from_millis(100);

/// How long it makes way in all before it has told everything.
const HELD_MAX: Duration = Duration::from_secs(120);

/// What was used by a moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Used {
    /// The moment, by a clock that never runs backwards.
    pub at: Duration,
    /// The processors' time that the process has used.
    pub process: Duration,
    /// That of this thread in it.
    pub own: Duration,
}

impl Used {
    fn since(self, before: Used) -> Used {
        Used {
            at: self.at.saturating_sub(before.at),
            process: self.process.saturating_sub(before.process),
            own: self.own.saturating_sub(before.own),
        }
    }

    /// Whether others need so many processors. What is written of deliveries others do too: half as much again as
    /// this thread is not theirs.
    fn is_busy(self, processors: u32) -> bool {
        let others = self.process.saturating_sub(self.own);
        others > self.at * processors / BUSY_PART + self.own / 2
    }
}

/// What it has come to.
#[derive(Default)]
struct Pace {
    /// When it was looked who uses the processors, and when last at all.
    looked: Used,
    last: Used,
    /// Whether others needed them then.
    is_busy: bool,
    /// What was taken beyond its part.
    debt: Duration,
    /// For how long it has made way since it last had told everything.
    held: Duration,
}

impl Pace {
    fn makes_way(&self) -> bool {
        self.is_busy && self.held < HELD_MAX
    }

    /// How long to rest after having used that; then it is to be asked again.
    fn rest(&mut self, now: Used, processors: u32) -> Duration {
        let passed = now.since(self.last);
        self.last = now;
        self.debt = (self.debt + passed.own).saturating_sub(passed.at * processors / OWN_PART);
        let window = now.since(self.looked);
        if window.at >= WINDOW {
            self.looked = now;
            self.is_busy = window.is_busy(processors);
            if self.makes_way() && !self.debt.is_zero() {
                self.held += window.at;
            }
        }
        if !self.makes_way() {
            self.debt = Duration::ZERO;
        }
        (self.debt * OWN_PART / processors).min(WINDOW)
    }
}

/// Says what was used by now; asked on the thread that sends.
type Meter = Box<dyn Fn() -> Used + Send + Sync>;

/// Says when to rest.
#[derive(Default)]
pub struct Pacer {
    meter: Option<(Meter, u32)>,
    pace: Mutex<Pace>,
}

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacer").field("rests", &self.meter.is_some()).finish_non_exhaustive()
    }
}

impl Pacer {
    /// Never rests.
    pub fn never() -> Pacer {
        Pacer::default()
    }

    /// Rests by what that meter says of a machine with so many processors, which is one at least.
    pub fn by(meter: impl Fn() -> Used + Send + Sync + 'static, processors: u32) -> Pacer {
        let pace = Pace { looked: meter(), last: meter(), ..Pace::default() };
        Pacer { meter: Some((Box::new(meter), processors.max(1))), pace: Mutex::new(pace) }
    }

    /// Rests by what this thread and this process use. All that is paced must run on this thread. Where a thread's
    /// time is not known, on other systems than Linux, it never rests.
    pub(crate) fn of_this_thread() -> Pacer {
        #[cfg(target_os = "linux")]
        {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            Pacer::by(machine::meter(), u32::try_from(processors).unwrap_or(u32::MAX))
        }
        #[cfg(not(target_os = "linux"))]
        Pacer::never()
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to rest now, if at all; then it is to be asked again.
    pub(super) fn rest(&self) -> Option<Duration> {
        let (meter, processors) = self.meter.as_ref()?;
        let rest = self.pace().rest(meter(), *processors);
        (!rest.is_zero()).then_some(rest)
    }

    /// Whether it makes way for others: then pieces of work are to be small, and receivers that answer at once may seem
    /// slow.
    pub(super) fn makes_way(&self) -> bool {
        self.pace().makes_way()
    }

    /// Everything is told by now.
    pub(super) fn has_told_all(&self) {
        self.pace().held = Duration::ZERO;
    }
}

#[cfg(target_os = "linux")]
mod machine {
    use std::time::{Duration, Instant};

    use rustix::time::{ClockId, clock_gettime};

    use super::Used;

    /// What this process and the thread that asks have used.
    pub(super) fn meter() -> impl Fn() -> Used + Send + Sync {
        let began = Instant::now();
        // No clock of these is negative.
        let used = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        move || Used {
            at: began.elapsed(),
            own: used(ClockId::ThreadCPUTime),
            process: used(ClockId::ProcessCPUTime),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESSORS: u32 = 2;

    /// A step: what passes, what others and what this thread use meanwhile, in milliseconds, and the rest that follows.
    type Step = (u64, u64, u64, u64);

    fn check(what: &str, steps: &[Step]) {
        let (mut pace, mut now) = (Pace::default(), Used::default());
        for (number, &(passes, others, own, rest)) in steps.iter().enumerate() {
            now.at += Duration::from_millis(passes);
            now.own += Duration::from_millis(own);
            now.process += Duration::from_millis(own + others);
            let found = pace.rest(now, PROCESSORS);
            assert_eq!(found, Duration::from_millis(rest), "{what}: step {number} of {steps:?}");
        }
    }

    #[test]
    fn it_rests_while_others_need_the_processors() {
        check("nobody else does anything", &[(100, 0, 100, 0), (100, 0, 100, 0), (5, 0, 5, 0)]);
        check("others use a quarter", &[(100, 50, 0, 0), (100, 50, 50, 0)]);
        check("others use more: one part in a hundred is free", &[(100, 60, 2, 0), (100, 60, 2, 0)]);
        check("what is more is slept off, a window at a time", &[(100, 80, 4, 100), (100, 80, 0, 0)]);
        check("a part of a window", &[(100, 80, 3, 50), (50, 40, 0, 0)]);
        check(
            "until all of it is",
            &[(100, 80, 6, 100), (100, 80, 0, 100), (100, 80, 0, 0), (100, 80, 3, 50)],
        );
        check(
            "it is looked over a window, not over an instant",
            &[(100, 80, 2, 0), (1, 0, 1, 49), (1, 2, 0, 48)],
        );
        check("what it did before it had to does not count", &[(100, 0, 100, 0), (100, 80, 3, 50)]);
        check(
            "once they do not, it is free at once",
            &[(100, 80, 10, 100), (100, 10, 0, 0), (100, 10, 90, 0)],
        );
        check("what is written of its own work is not theirs", &[(100, 90, 90, 0), (100, 96, 90, 100)]);
        check("a process that was stopped owes nothing", &[(100, 80, 50, 100), (20_000, 5, 0, 0)]);
    }

    /// How much of a second goes into sending when there is always something to send.
    fn taken(pace: &mut Pace, now: &mut Used, seconds: u64) -> Duration {
        let (end, before) = (now.at + Duration::from_secs(seconds), now.own);
        while now.at < end {
            let mut pass = |time: Duration, own: Duration| {
                now.at += time;
                now.own += own;
                now.process += own + time * PROCESSORS * 4 / 10;
                pace.rest(*now, PROCESSORS)
            };
            // A page; then rests until it may go on.
            let mut rest = pass(Duration::from_millis(8), Duration::from_millis(4));
            while !rest.is_zero() {
                rest = pass(rest, Duration::ZERO);
            }
        }
        now.own - before
    }

    #[test]
    fn at_full_load_it_takes_its_part_and_no_less_and_not_for_ever() {
        let (mut pace, mut now) = (Pace::default(), Used::default());
        taken(&mut pace, &mut now, 1);
        let part = taken(&mut pace, &mut now, 60);
        // One part in a hundred of two processors is 20 ms in each second.
        assert!((1_180..=1_220).contains(&part.as_millis()), "{part:?}");
        assert!(pace.makes_way());
        taken(&mut pace, &mut now, 60);
        let free = taken(&mut pace, &mut now, 60);
        assert!(
            !pace.makes_way() && free.as_secs() >= 28,
            "half of a processor is all that it asks for: {free:?}"
        );
        pace.held = Duration::ZERO;
        assert!(taken(&mut pace, &mut now, 10).as_millis() <= 400, "all was told: it makes way again");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_machine_says_what_was_used() {
        let meter = machine::meter();
        let before = meter();
        let mut sum = 0_u64;
        while meter().since(before).own < Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        let used = meter().since(before);
        // The three clocks are read one after the other.
        assert!(used.process >= Duration::from_millis(1) && used.at >= Duration::from_millis(1), "{used:?}");
    }
}
