//! The table.

use std::sync::LazyLock;

use edge::Function;
use engine::store::kinds::Room::{
    self, Access, Accounts, Ledger, Offers, Partners, People, Programme, Webhooks,
};

use crate::{
    Use::{self, Adds, Changes, Walks},
    policy,
};

/// A function as it is deployed: a folder of `functions/`, a binary, a URL, a role and a log.
#[derive(Debug)]
pub struct Deployed {
    /// What it answers. The first has its own name, the folder's; the others are further names, under which
    /// the same binary answers at the same URL. Such a name may be that of another row, of whose paths this one
    /// then has a part.
    pub functions: &'static [&'static Function],
    /// What it does, in a sentence.
    pub does: &'static str,
    /// What it does to the data, beside what every function does. Its policy follows from this.
    pub uses: &'static [(Room, Use)],
    /// What an instance has.
    pub limits: Limits,
    /// How it runs by itself, if it does.
    pub run: Option<Run>,
    /// What it does that nobody calls it for, if it does: it has no URL then.
    pub reacts: Option<Reacts>,
}

/// What an instance has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Memory, in MB, and with it a share of a processor.
    pub memory_mb: u32,
    /// Seconds after which Lambda ends an event.
    pub timeout_s: u32,
}

/// What answering requests needs.
pub const REQUEST: Limits = Limits { memory_mb: 256, timeout_s: 15 };
/// What a scheduled run and a long call need: fifteen minutes is the maximum.
pub const RUN: Limits = Limits { memory_mb: 512, timeout_s: 900 };

/// How a function reacts to what is committed: the table's stream hands it over.
#[derive(Debug)]
pub struct Reacts {
    /// When it does what the stream has left over.
    pub schedule: Schedule,
    /// After how many minutes that a record waits in the stream the alarm goes off.
    pub late_minutes: u32,
}

/// How a function runs by itself.
#[derive(Debug)]
pub struct Run {
    /// When.
    pub schedules: &'static [Schedule],
    /// What a finished run came to, in the alarm's words: "No run … came to `comes_to`".
    pub comes_to: &'static str,
    /// After how many hours without a call the alarm goes off.
    pub absent_hours: Option<u32>,
}

/// A schedule.
#[derive(Debug)]
pub struct Schedule {
    /// Its resource's name.
    pub name: &'static str,
    /// What it is for.
    pub does: &'static str,
    /// When it comes, in the programme's time zone.
    pub when: When,
    /// Whether several runs share the members, each with its part.
    pub shared: bool,
}

/// When a schedule comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// An expression of EventBridge Scheduler.
    At(&'static str),
    /// The template's parameter of that name gives it.
    Parameter(&'static str),
}

impl Deployed {
    /// Its name, which is its folder's and its binary's.
    pub fn name(&self) -> &'static str {
        self.functions[0].name
    }

    /// Whether it answers requests to that path.
    pub fn answers(&self, path: &str) -> bool {
        self.functions.iter().any(|function| function.answers(path))
    }

    /// The actions on the table that its policy allows.
    pub fn actions(&self) -> Vec<&'static str> {
        policy::actions(self.uses)
    }
}

/// What each row has unless it says otherwise.
const ROW: Deployed =
    Deployed { functions: &[], does: "", uses: &[], limits: REQUEST, run: None, reacts: None };

/// What sending to webhooks needs: a receiver has 15 seconds, and what waits is worked off for most of a minute.
const SENDING: Limits = Limits { memory_mb: 256, timeout_s: 90 };

/// What a sweep does: it settles due members, and forgets requests and their answers after a month.
const SWEEPS: &[(Room, Use)] = &[(Ledger, Changes), (Access, Changes), (People, Changes)];

/// Everything that is deployed, in the order in which a newcomer meets it.
pub const DEPLOYED: &[Deployed] = &[
    Deployed {
        functions: &[&register::FUNCTION],
        does: "Somebody becomes a member. Nothing is ever removed by it.",
        uses: &[(People, Adds), (Ledger, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&import::FUNCTION],
        does: "Members from a file, with their balances and their standing before Laurel.",
        uses: &[(People, Adds), (Ledger, Changes)],
        limits: RUN,
        ..ROW
    },
    Deployed {
        functions: &[&members::FUNCTION],
        does: "Reads members; corrects, closes, links and erases them.",
        uses: &[(People, Changes), (Partners, Changes), (Ledger, Changes)],
        ..ROW
    },
    Deployed {
        functions: &[&scan::FUNCTION, &scan::MEMBERS, &scan::CARD_KEYS],
        does: "Members' cards are shown, replaced, and read by a till.",
        uses: &[(People, Changes)],
        ..ROW
    },
    Deployed {
        functions: &[&referrals::FUNCTION, &referrals::MEMBERS],
        does: "A member's code that friends come with is shown; referrals are listed and decided.",
        uses: &[(People, Adds), (Ledger, Changes), (Ledger, Walks)],
        ..ROW
    },
    Deployed {
        functions: &[&earn_points::FUNCTION, &earn_points::ORDERS],
        does: "An order or an activity earns; an order is revised, or found.",
        uses: &[(Ledger, Changes), (Accounts, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&evaluate_order::FUNCTION, &evaluate_order::USE],
        does: "What an order costs with offers, which writes nothing; and its use of them.",
        uses: &[(Ledger, Changes), (Accounts, Adds), (Offers, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&redeem::FUNCTION],
        does: "Points are spent on an order.",
        uses: &[(Ledger, Changes), (Accounts, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&grants::FUNCTION, &grants::MEMBERS],
        does: "Staff issue offers to members, and take back what a member has; what a member has and could have.",
        uses: &[(Ledger, Changes), (Accounts, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&reverse::FUNCTION],
        does: "An order is refunded, a redemption cancelled, a use or a grant given back.",
        uses: &[(Ledger, Changes), (Accounts, Adds), (Offers, Changes)],
        ..ROW
    },
    Deployed {
        functions: &[&adjust::FUNCTION, &adjust::MEMBERS],
        does: "An operator moves points or growth by hand, or joins two records of one person.",
        uses: &[(Ledger, Changes), (People, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&issue_badge::FUNCTION],
        does: "A badge is issued by hand.",
        uses: &[(Ledger, Changes)],
        ..ROW
    },
    Deployed {
        functions: &[&evaluate_tier::FUNCTION],
        does: "The same for tiers whose period has ended.",
        uses: SWEEPS,
        limits: RUN,
        run: Some(Run {
            // One run, which finds what the others have left.
            schedules: &[Schedule {
                name: "Tiers",
                does: "Tiers whose period has ended",
                when: When::At("cron(0 5 * * ? *)"),
                shared: false,
            }],
            comes_to: "the end of what is due",
            absent_hours: Some(30),
        }),
        ..ROW
    },
    Deployed {
        functions: &[&expire_points::FUNCTION],
        does: "Writes down what is due, on schedule or when asked.",
        uses: SWEEPS,
        limits: RUN,
        run: Some(Run {
            schedules: &[
                Schedule {
                    name: "YearEnd",
                    does: "Points that end with the year",
                    when: When::At("cron(0 0 1 1 ? *)"),
                    shared: true,
                },
                Schedule {
                    name: "Due",
                    does: "Whatever is due, and what the year's end has left over",
                    when: When::Parameter("DueSchedule"),
                    shared: true,
                },
            ],
            comes_to: "the end of what is due",
            absent_hours: Some(30),
        }),
        ..ROW
    },
    Deployed {
        functions: &[&settle::FUNCTION, &settle::SETTLEMENTS],
        does: "Closes months and shows what they came to.",
        // It first settles the members due by the month's end.
        uses: &[
            (Ledger, Changes),
            (Ledger, Walks),
            (Offers, Walks),
            (Partners, Changes),
            (Accounts, Adds),
            (Access, Changes),
        ],
        limits: RUN,
        run: Some(Run {
            schedules: &[Schedule {
                name: "MonthEnd",
                does: "The month before is settled; on two more days, in case that it could not be",
                when: When::At("cron(0 6 1-3 * ? *)"),
                shared: false,
            }],
            comes_to: "the end of the month",
            absent_hours: None,
        }),
        ..ROW
    },
    Deployed {
        functions: &[&partners::FUNCTION],
        does: "Partner brands, the keys they sign with, what they buy and use. Nothing is ever removed by it.",
        uses: &[(Partners, Adds), (Accounts, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&program::FUNCTION],
        does: "The programme's versions. They are added to and never removed.",
        uses: &[(Programme, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&offers::FUNCTION],
        does: "What brands give their members beyond points, in versions that are never removed; codes of others that offers hand out.",
        uses: &[(Programme, Adds), (Accounts, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&keys::FUNCTION, &keys::ACTIVITY],
        does: "Callers and their keys, and what staff have changed. A revoked caller stays on record.",
        uses: &[(Access, Adds)],
        ..ROW
    },
    Deployed {
        functions: &[&webhooks::FUNCTION],
        does: "Where events are sent, and what came of it.",
        uses: &[(Webhooks, Changes)],
        ..ROW
    },
    Deployed {
        functions: &[&react::FUNCTION],
        does: "Sends to webhooks what the table's stream hands over, and each minute what waits.",
        uses: &[(Webhooks, Changes)],
        limits: SENDING,
        reacts: Some(Reacts {
            schedule: Schedule {
                name: "Waiting",
                does: "What waits for webhooks",
                when: When::At("cron(* * * * ? *)"),
                shared: false,
            },
            late_minutes: 10,
        }),
        ..ROW
    },
    Deployed {
        functions: &[&link::FUNCTION],
        does: "A partner is linked with a member.",
        uses: &[(Partners, Changes)],
        ..ROW
    },
];

/// Every function that can be called, under each of its names, in the table's order.
pub static FUNCTIONS: LazyLock<Vec<&Function>> = LazyLock::new(|| {
    let functions = DEPLOYED.iter().flat_map(|row| row.functions).copied();
    functions.filter(|function| !function.routes.is_empty()).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    /// The template has these texts bare: what YAML takes for more than text would break it.
    #[test]
    fn what_is_said_is_plain_text_in_yaml() {
        for row in DEPLOYED {
            let schedules = row.run.iter().flat_map(|run| run.schedules.iter().map(|one| one.does));
            for says in [row.does].into_iter().chain(row.run.iter().map(|run| run.comes_to)).chain(schedules)
            {
                let begins = says.chars().next().is_some_and(char::is_alphabetic);
                assert!(
                    begins && !says.contains(": ") && !says.contains(" #") && !says.ends_with(':'),
                    "{says}"
                );
            }
        }
    }
}
