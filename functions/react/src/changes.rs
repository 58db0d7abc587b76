//! What the stream hands over.

use domain::time::Instant;
use edge::Api;
use engine::{Error, records::WebhookStatus, store::Committed};
use futures_util::future::join_all;
use outward::{Gathered, Results, Share};

use crate::React;

/// By how much the clocks of two instances may differ, in milliseconds: a webhook hears what is committed from its making
/// on.
const CLOCKS_DIFFER: i64 = 5_000;

pub(super) async fn send(react: &React, api: &Api, commits: &[(Committed, Instant)]) -> Result<(), Error> {
    let webhooks = api.engine.webhooks().all().await?;
    if webhooks.is_empty() {
        return Ok(());
    }
    let mut gathered = Gathered::new(api, &react.sender(api).counts, webhooks);
    for (commit, at) in commits {
        let at = at.plus_millis(CLOCKS_DIFFER);
        gathered.take(commit, |webhook| webhook.created_at <= at).await?;
    }
    let shares = gathered.shares();
    let sending = shares.into_iter().map(|share| send_one(react, api, share));
    join_all(sending).await.into_iter().collect()
}

/// Sends to one webhook, beside all others, and writes what came of it.
async fn send_one(react: &React, api: &Api, mut share: Share) -> Result<(), Error> {
    let webhooks = api.engine.webhooks();
    let webhook = share.webhook.clone();
    // What was handed over before was tried, or waits.
    let numbers: Vec<_> = share.tasks.iter().flat_map(|task| [(task.event, 1), (task.event, 0)]).collect();
    let known = webhooks.attempted(webhook.id, &numbers).await?;
    let mut is_new = known.chunks_exact(2).map(|known| !known[0] && !known[1]);
    share.tasks.retain(|_| is_new.next().unwrap_or(true));
    if share.tasks.is_empty() {
        return Ok(());
    }
    let mut failing = webhooks.failing_since(webhook.id).await?;
    let is_on = webhook.status == WebhookStatus::Enabled;
    let results = if is_on && (failing.is_some() || react.is_slow(api, webhook.id)) {
        let now = api.clock.world();
        Results::waiting(share.tasks.iter().map(|task| task.waits(webhook.id, now)).collect())
    } else {
        react.try_all(api, &webhook, &share.tasks).await
    };
    react.write(api, webhook.id, &results, &mut failing).await
}
