//! What waits: events that failed, that a receiver could not keep up with, or that somebody has sent again.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use edge::{Api, wire};
use engine::{Error, id::WebhookId};
use futures_util::future::join_all;
use outward::{Due, due};

use crate::{React, forget};

pub(super) async fn send(react: &React, api: &Api, until: Instant) -> Result<u64, Error> {
    // A server over the same table leaves it to this function.
    api.engine.webhooks().note_function(api.clock.world()).await?;
    let webhooks = api.engine.webhooks().all().await?;
    let lanes = webhooks.iter().map(|webhook| async {
        let done = lane(react, api, webhook.id, until).await;
        // One that fails keeps no other back.
        done.inspect_err(
            |error| tracing::warn!(webhook = wire::id(webhook.id), %error, "a webhook's lane ends"),
        )
    });
    let done: Result<Vec<u64>, Error> = join_all(lanes).await.into_iter().collect();
    if forget::is_time(api.clock.world()) {
        for webhook in &webhooks {
            forget::forget(api, webhook.id).await?;
        }
    }
    Ok(done?.into_iter().sum())
}

/// Works off what waits for one webhook, a batch after the other.
async fn lane(react: &React, api: &Api, id: WebhookId, until: Instant) -> Result<u64, Error> {
    let webhooks = api.engine.webhooks();
    let (mut failing, mut count) = (webhooks.failing_since(id).await?, 0);
    loop {
        let Some(webhook) = webhooks.all().await?.into_iter().find(|own| own.id == id) else { break };
        let now = api.clock.world();
        let counts = &react.sender(api).counts;
        let Due { tasks, next } = due(api, counts, &webhook, now, &BTreeSet::new()).await?;
        if tasks.is_empty() {
            let Some(next) = next else { break };
            let wait = Duration::from_millis((next.0 - now.0).max(0).unsigned_abs());
            if api.clock.steady() + wait >= until {
                break;
            }
            tokio::time::sleep(wait).await;
            continue;
        }
        count += tasks.len() as u64;
        let results = react.try_all(api, &webhook, &tasks).await;
        react.write(api, id, &results, &mut failing).await?;
        if api.clock.steady() >= until {
            break;
        }
    }
    Ok(count)
}
