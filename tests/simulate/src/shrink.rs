//! Makes a history that fails shorter: without the kinds of faults, and without the operations, that it fails
//! without.

use crate::{
    faults::Fault,
    world::{Outcome, Settings, run},
};

/// The shortest history that was found to fail still, and what it came to.
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
