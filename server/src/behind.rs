//! A thread for what nobody waits for: it gets the time that requests leave.
//!
//! Telling webhooks of an order takes the machine three times as long as taking the order, so whoever does both in turn
//! takes a third of the orders. The kernel is asked to prefer all other threads by far, on Linux (nice 19); but who is
//! woken for each answer is served soon all the same, so the thread also makes way by itself while the others need the
//! processors (see [`Pacer`]). What is told late is told all the same, because the feed is kept, and a lock that this
//! thread holds while it waits is soon free: the others wait for it too then, and leave it the processor.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use edge::Api;
use outward::Counts;
use tokio::{runtime, sync::oneshot};

use crate::outward::{Outward, Pacer};

/// What sends events, on its own thread.
pub(crate) struct Behind {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Behind {
    /// Starts it, and counts what it does there; what is committed after it has returned is told. `None` if the store has no feed.
    ///
    /// # Errors
    ///
    /// The machine gives no thread.
    pub(crate) async fn start(api: Arc<Api>, counts: Arc<Counts>) -> io::Result<Option<Behind>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let ((stop, stopped), (begun, beginning)) = (oneshot::channel(), oneshot::channel());
        let work = move || {
            make_way();
            runtime.block_on(async {
                let outward = Outward::start_counting(api, true, Pacer::of_this_thread(), counts).await;
                // Who asked waits for this, or has gone: then `stopped` says so.
                let _ = begun.send(outward.is_some());
                if let Some(outward) = outward {
                    let _ = stopped.await;
                    outward.stop().await;
                }
            });
        };
        let thread = thread::Builder::new().name("webhooks".to_owned()).spawn(work)?;
        let has_feed = beginning.await.unwrap_or(false);
        Ok(has_feed.then_some(Behind { stop, thread }))
    }

    /// Stops as [`Outward::stop`] does.
    pub(crate) async fn stop(self) {
        let Behind { stop, thread } = self;
        let _ = stop.send(());
        let joined = tokio::task::spawn_blocking(|| thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the thread of the webhooks has failed");
        }
    }
}

/// Lets the kernel prefer all other threads. Elsewhere than on Linux a priority is that of the whole process.
fn make_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::warn!(%error, "webhooks take their time from requests");
    }
}
