//! The checks that look for the bug: the simulator, then what is sent to webhooks, then power cuts and failing calls
//! under the embedded store. None of them knows which bug is planted.

use std::{
    any::Any,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
};

use simulate::{Settings, run, webhooks_hold};

/// Operations of one seed of the simulator.
const OPERATIONS: usize = 400;

/// Seeds with which the simulator begins: the first few find most bugs.
const FIRST_SEEDS: RangeInclusive<u64> = 1..=20;

/// Disks that lose power repeatedly.
const DISKS: u64 = 40;

/// Seeds for rare events: dates that a zone skips, points that were held when they ended, races of three. The rarest needs a
/// thousand, half a minute; three times as many find it after a change of what is generated too.
const MORE_SEEDS: RangeInclusive<u64> = 21..=3_000;

/// What was found.
pub(crate) struct Caught {
    /// By which of the checks.
    pub(crate) by: &'static str,
    /// How much it took, in words.
    pub(crate) after: String,
    /// The finding's first line.
    pub(crate) finding: String,
}

/// Looks until it finds something, or has tried everything.
pub(crate) fn catch() -> Option<Caught> {
    // A finding is reported once, not by the panic hook too.
    std::panic::set_hook(Box::new(|_| {}));
    let mut operations = 0;
    let first = simulator(FIRST_SEEDS, &mut operations);
    let found = first.or_else(webhooks).or_else(power_cuts).or_else(failing_calls);
    found.or_else(|| simulator(MORE_SEEDS, &mut operations))
}

fn simulator(seeds: RangeInclusive<u64>, operations: &mut u64) -> Option<Caught> {
    for seed in seeds {
        let settings = Settings { seed, operations: OPERATIONS, ..Settings::default() };
        let finding = match catch_unwind(|| run(settings)) {
            Ok(outcome) => {
                *operations += outcome.operations;
                outcome.violation
            }
            Err(panic) => Some(told(panic)),
        };
        if let Some(finding) = finding {
            return Some(caught("the simulator", format!("{operations} operations"), &finding));
        }
    }
    None
}

fn webhooks() -> Option<Caught> {
    let finding = match catch_unwind(webhooks_hold) {
        Ok(held) => held.err()?,
        Err(panic) => told(panic),
    };
    Some(caught("the webhooks", "eight shops".to_owned(), &finding))
}

fn power_cuts() -> Option<Caught> {
    (0..DISKS).find_map(|seed| {
        let panic = catch_unwind(|| store_redb::simulation::power_cuts(seed)).err()?;
        Some(caught("power cuts", format!("{} disks", seed + 1), &told(panic)))
    })
}

fn failing_calls() -> Option<Caught> {
    let calls = catch_unwind(|| store_redb::simulation::failing_call(None)).unwrap_or(0);
    (1..=calls).find_map(|call| {
        let fails = AssertUnwindSafe(|| store_redb::simulation::failing_call(Some(call)));
        let panic = catch_unwind(fails).err()?;
        Some(caught("a failing call", format!("{call} places"), &told(panic)))
    })
}

fn caught(by: &'static str, after: String, finding: &str) -> Caught {
    let line = finding.lines().next().unwrap_or_default();
    // It begins with the request, and ends with what is wrong with the answer.
    let letters: Vec<char> = line.chars().collect();
    let finding = match letters.len() {
        0..=180 => line.to_owned(),
        length => letters[..60].iter().chain(&[' ', '…', ' ']).chain(&letters[length - 117..]).collect(),
    };
    Caught { by, after, finding }
}

/// What a panic says.
fn told(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}
