//! Shortens a failing history: removes the kinds of faults and the operations without which it still fails.

use crate::{
    faults::Fault,
    world::{Outcome, Settings, run},
};

/// The shortest history found that still fails, and its result.
pub fn shrink(mut settings: Settings) -> Outcome {
    let fails = |settings: &Settings| run(settings.clone()).violation.is_some();
    let whole = run(settings.clone());
    settings.operations = settings.operations.min(whole.failed_at);
    for fault in Fault::ALL {
        let mut fewer = settings.clone();
        fewer.without.push(fault);
        if fails(&fewer) {
            settings = fewer;
        }
    }
    let mut chunk = settings.operations.div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < settings.operations {
            let mut fewer = settings.clone();
            fewer.skipped.extend(at..(at + chunk).min(settings.operations));
            if fewer.skipped.len() > settings.skipped.len() && fails(&fewer) {
                settings = fewer;
            }
            at += chunk;
        }
        chunk /= 2;
    }
    settings.told = true;
    run(settings)
}
