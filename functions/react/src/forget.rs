//! What was sent long ago goes, a page of each webhook at a time: nothing else removes it from a table that functions
//! alone write.

use domain::time::Instant;
use edge::Api;
use engine::{
    DELIVERIES_DAYS, Error,
    id::{EventId, WebhookId},
    keys,
    store::{Change, Expect, Write},
};

/// Deliveries that are removed at once.
const PAGE: usize = 90;

/// How often, in minutes of the machine's clock.
const EVERY_MINUTES: i64 = 10;

const MINUTE_MILLIS: i64 = 60_000;

/// Whether it is time to.
pub(super) fn is_time(world: Instant) -> bool {
    world.0.div_euclid(MINUTE_MILLIS).rem_euclid(EVERY_MINUTES) == 0
}

/// Removes a page of what was sent to that webhook and is older than deliveries are kept. How many.
pub(super) async fn forget(api: &Api, webhook: WebhookId) -> Result<usize, Error> {
    let world = api.clock.world();
    let kept = i64::from(DELIVERIES_DAYS) * 24 * 60 * MINUTE_MILLIS;
    // The newest event comes first, and an event's id begins with its moment.
    let mut last = [0; 16];
    last[..6].copy_from_slice(&(world.0 - kept).max(0).to_be_bytes()[2..]);
    let page = api.engine.webhooks().deliveries(webhook, Some((EventId(last), 0)), PAGE).await?;
    let is_old = |record: &engine::records::DeliveryRecord| {
        world.0 - record.at.0 >= kept && record.next_at.is_none_or(|at| at <= world)
    };
    let writes: Vec<Write> = page
        .iter()
        .filter(|own| is_old(&own.record))
        .map(|own| Write {
            key: keys::delivery(webhook, own.event, own.attempt),
            expect: Expect::Anything,
            change: Change::Delete,
        })
        .collect();
    let count = writes.len();
    if count > 0 {
        api.engine.store().commit(writes).await?;
    }
    Ok(count)
}
