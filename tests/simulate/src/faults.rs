//! The faults, how often each strikes under a seed, and how often each has struck which operation.

use laurel_tests::model::Dice;

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fault {
    /// A commit loses its race though nobody was quicker.
    LostRace,
    /// The store takes no more work.
    Throttled,
    /// The store cannot be reached.
    Unavailable,
    /// A commit times out before it is done.
    TimeoutBefore,
    /// A commit times out after it was done.
    TimeoutAfter,
    /// A request ends at an await: its future is dropped.
    Cut,
    /// An instance ends with all its requests, and another one begins over the same store.
    Crash,
    /// The same request is sent again while the first one is under way.
    Duplicate,
    /// The same request is sent again after it was answered.
    Late,
    /// Others continue while a request waits for the store.
    Reordered,
    /// The instance has not read the newest programme.
    OldProgram,
    /// The clock runs ahead between requests.
    ClockAhead,
    /// The clock runs back between requests.
    ClockBack,
    /// So much time passes within a request that its moment is too old for a write.
    Slow,
    /// A scheduled event never comes.
    EventDropped,
    /// A scheduled event comes twice.
    EventTwice,
    /// A scheduled event comes late: its `as_of` is an earlier moment.
    EventLate,
    /// The due index shows what it held some commits ago.
    StaleIndex,
    /// A restore brings back half of a commit.
    SplitRestore,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 19] = [
        Fault::LostRace,
        Fault::Throttled,
        Fault::Unavailable,
        Fault::TimeoutBefore,
        Fault::TimeoutAfter,
        Fault::Cut,
        Fault::Crash,
        Fault::Duplicate,
        Fault::Late,
        Fault::Reordered,
        Fault::OldProgram,
        Fault::ClockAhead,
        Fault::ClockBack,
        Fault::Slow,
        Fault::EventDropped,
        Fault::EventTwice,
        Fault::EventLate,
        Fault::StaleIndex,
        Fault::SplitRestore,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Fault::LostRace => "lost_race",
            Fault::Throttled => "throttled",
            Fault::Unavailable => "unavailable",
            Fault::TimeoutBefore => "timeout_before_commit",
            Fault::TimeoutAfter => "timeout_after_commit",
            Fault::Cut => "request_cut",
            Fault::Crash => "instance_crash",
            Fault::Duplicate => "duplicate_request",
            Fault::Late => "late_repeat",
            Fault::Reordered => "reordered",
            Fault::OldProgram => "old_programme",
            Fault::ClockAhead => "clock_ahead",
            Fault::ClockBack => "clock_back",
            Fault::Slow => "slow_request",
            Fault::EventDropped => "event_dropped",
            Fault::EventTwice => "event_twice",
            Fault::EventLate => "event_late",
            Fault::StaleIndex => "stale_index",
            Fault::SplitRestore => "split_restore",
        }
    }

    /// Whether it can strike a write operation; the others strike schedules, or the store as a whole.
    pub fn strikes_writes(self) -> bool {
        !matches!(
            self,
            Fault::EventDropped
                | Fault::EventTwice
                | Fault::EventLate
                | Fault::StaleIndex
                | Fault::SplitRestore
        )
    }
}

/// How often faults strike under a seed: times in 10,000 chances.
#[derive(Clone, Debug)]
pub struct Mix([u16; Fault::ALL.len()]);

impl Mix {
    /// No faults.
    pub fn calm() -> Mix {
        Mix([0; Fault::ALL.len()])
    }

    /// The mix of a seed: some kinds never strike, some strike often.
    pub fn draw(dice: &mut Dice) -> Mix {
        let mut mix = Mix::calm();
        for fault in Fault::ALL {
            let usual: i64 = match fault {
                Fault::Crash => 3,
                Fault::Cut => 40,
                Fault::Reordered => 1_500,
                Fault::Duplicate | Fault::Late => 150,
                Fault::OldProgram => 5_000,
                Fault::ClockAhead | Fault::ClockBack => 300,
                Fault::Slow => 60,
                Fault::EventDropped | Fault::EventTwice | Fault::EventLate | Fault::StaleIndex => 2_500,
                Fault::SplitRestore => 2_000,
                _ => 120,
            };
            let share = match dice.below(6) {
                0 | 1 => 0,
                2..5 => usual,
                _ => (usual * 4).min(7_000),
            };
            mix.0[fault as usize] = u16::try_from(share).unwrap_or(0);
        }
        mix
    }

    /// The same without that kind.
    #[must_use]
    pub fn without(mut self, fault: Fault) -> Mix {
        self.0[fault as usize] = 0;
        self
    }

    /// Whether it can strike.
    pub fn has(&self, fault: Fault) -> bool {
        self.0[fault as usize] > 0
    }

    /// Whether it strikes.
    pub fn strikes(&self, fault: Fault, dice: &mut Dice) -> bool {
        let often = self.0[fault as usize];
        often > 0 && dice.below(10_000) < i64::from(often)
    }
}

/// The write operations whose faults are counted one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// `POST /register`.
    Register,
    /// `POST /earn-points`, an order.
    Order,
    /// `POST /earn-points`, a later telling of an order.
    Revise,
    /// `POST /earn-points`, an activity.
    Activity,
    /// `POST /redeem`.
    Redeem,
    /// `POST /reverse`, a refund.
    Refund,
    /// `POST /reverse`, a redemption.
    Cancel,
    /// `POST /adjust`.
    Adjust,
    /// `POST /issue-badge`.
    Badge,
    /// `POST /members/{id}/status`.
    Status,
    /// `POST /expire-points`, `POST /evaluate-tier`.
    Sweep,
    /// `PUT /program`, `PUT /offers/{id}`.
    Program,
    /// Identities of a member, and `PATCH /members/{id}`.
    Person,
    /// `POST /members/{id}/merge`.
    Merge,
    /// The first `GET` of a member's card, and `POST /scan` to spend.
    Card,
    /// Anything that writes nothing.
    Read,
}

impl Kind {
    /// All that write.
    pub const WRITES: [(Kind, &'static str); 15] = [
        (Kind::Register, "register"),
        (Kind::Order, "earn order"),
        (Kind::Revise, "revise order"),
        (Kind::Activity, "earn activity"),
        (Kind::Redeem, "redeem"),
        (Kind::Refund, "refund"),
        (Kind::Cancel, "cancel"),
        (Kind::Adjust, "adjust"),
        (Kind::Badge, "issue badge"),
        (Kind::Status, "set status"),
        (Kind::Sweep, "sweep"),
        (Kind::Program, "put program"),
        (Kind::Person, "person"),
        (Kind::Merge, "merge"),
        (Kind::Card, "card"),
    ];
}

/// How often each fault struck each kind of operation.
#[derive(Clone, Default, Debug)]
pub struct Struck {
    counts: [[u64; 16]; Fault::ALL.len()],
}

impl Struck {
    /// Counts one.
    pub fn count(&mut self, fault: Fault, kind: Kind) {
        self.counts[fault as usize][kind as usize] += 1;
    }

    /// Adds what another run counted.
    pub fn add(&mut self, other: &Struck) {
        for (own, more) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *own += more;
        }
    }

    /// How often a fault struck at all.
    pub fn of(&self, fault: Fault) -> u64 {
        self.counts[fault as usize].iter().sum()
    }

    /// How often a fault struck that kind of operation.
    pub fn at(&self, fault: Fault, kind: Kind) -> u64 {
        self.counts[fault as usize][kind as usize]
    }

    /// Fault kind × write operation, as text; and how many cells of it are empty.
    pub fn table(&self) -> (String, usize) {
        let mut text = format!("{:<24}", "");
        for (_, name) in Kind::WRITES {
            text += &format!("{name:>15}");
        }
        text.push('\n');
        let mut empty = 0;
        for fault in Fault::ALL.into_iter().filter(|fault| fault.strikes_writes()) {
            text += &format!("{:<24}", fault.name());
            for (kind, _) in Kind::WRITES {
                let count = self.at(fault, kind);
                empty += usize::from(count == 0);
                text += &format!("{count:>15}");
            }
            text.push('\n');
        }
        (text, empty)
    }
}
