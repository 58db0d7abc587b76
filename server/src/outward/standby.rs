//! Several servers on one table: one of them reads the feed, and stores its place as it goes. Another one that has read
//! on from the same place loses the race for it, and from then on only looks whether the place moves.

use std::{sync::Arc, time::Duration};

use engine::{
    Error,
    store::{Changes, StoreError, Version},
};

use super::{Shared, reader::READER};

/// How often it looks. The reader stores a place that has moved every few seconds.
const LOOK: Duration = Duration::from_secs(15);

/// Whether another instance was faster.
pub(super) fn is_led(error: &Error) -> bool {
    matches!(error, Error::Store(StoreError::LostRace))
}

/// Waits until nobody reads the feed any more although there is something to read.
pub(super) async fn stand_by(shared: &Arc<Shared>) {
    tracing::info!("another server sends to webhooks; this one stands by");
    let mut seen = None;
    while shared.pause(LOOK).await {
        match is_left(shared, &mut seen).await {
            Ok(true) => {
                tracing::warn!("nobody sends to webhooks any more; this server does");
                return;
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "it cannot be seen who sends to webhooks"),
        }
    }
}

async fn is_left(shared: &Shared, seen: &mut Option<Version>) -> Result<bool, Error> {
    let store = shared.api.engine.store().clone();
    let Some(feed) = store.feed() else { return Ok(false) };
    let Some((position, version)) = shared.api.engine.records().place(READER).await? else { return Ok(true) };
    if seen.replace(version) != Some(version) {
        return Ok(false);
    }
    Ok(match feed.after(&position, 1).await? {
        Changes::Commits { commits, .. } => !commits.is_empty(),
        Changes::Gap { .. } => true,
    })
}
