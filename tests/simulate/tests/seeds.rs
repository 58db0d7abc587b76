//! A few thousand operations in every run of the tests; long runs are by hand.

use simulate::{Fault, Settings, Struck, run, webhooks_hold};

fn settings(seed: u64) -> Settings {
    Settings { seed, operations: 400, ..Settings::default() }
}

#[test]
fn every_answer_is_the_models_whatever_goes_wrong() {
    let mut struck = Struck::default();
    for seed in 1..=24 {
        let outcome = run(settings(seed));
        assert_eq!(outcome.violation, None, "seed {seed}");
        struck.add(&outcome.struck);
    }
    for fault in [
        Fault::LostRace,
        Fault::TimeoutAfter,
        Fault::Cut,
        Fault::Crash,
        Fault::Duplicate,
        Fault::SplitRestore,
    ] {
        assert!(struck.of(fault) > 0, "{} never struck", fault.name());
    }
}

/// Seeds that once failed, by our fault or the simulator's, each with how many operations it took. As drawing
/// changes, they become other histories: each fault of the engine also has a test of its own.
#[test]
fn what_was_found_is_mended() {
    let found = [
        // A sweep's commit with members that were settled by different versions of the programme.
        (50_000_122, 1000),
        // A version that was saved again at the same time as the next one, under a clock that had been set
        // back.
        (100_000_854, 400),
        // A version whose save was reported after the next one had been saved.
        (114_001_502, 400),
        // A sweep that was repeated where the clock was behind its `as_of`.
        (110_003_534, 200),
        // A restore of a record that a refund of nothing had written unchanged.
        (119_002_118, 1000),
        // A day's limit that counted requests of the day before.
        (101_003_518, 1000),
    ];
    for (seed, operations) in found {
        let outcome = run(Settings { seed, operations, ..Settings::default() });
        assert_eq!(outcome.violation, None, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 77] {
        let (one, two) = (run(settings(seed)), run(settings(seed)));
        assert_eq!((one.trace, one.operations), (two.trace, two.operations), "seed {seed}");
        assert_ne!(one.trace, run(settings(seed + 1)).trace);
    }
}

#[test]
fn what_webhooks_are_promised_holds() {
    assert!(webhooks_hold().unwrap() >= 8);
}
