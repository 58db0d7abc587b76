//! One instance of a function: its process, and the events it gets.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use edge::Clock;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    Error,
    clock::Moment,
    runtime_api::{Event, RuntimeApi, Told},
    settings::Settings,
};

/// How often to check whether a process that owes an answer has ended.
const LOOK: Duration = Duration::from_millis(50);

/// An instance.
pub(crate) struct Instance {
    process: Child,
    api: RuntimeApi,
    /// What its clock shows, if it is a test's.
    pub(crate) clock: Option<Moment>,
}

/// What came of an event.
pub(crate) enum Outcome {
    /// The function's answer.
    Answer(Bytes),
    /// It failed: what the function, or Lambda for it, says.
    Failure(Bytes),
}

impl Outcome {
    fn ended(kind: &str, message: &str) -> Outcome {
        let told = serde_json::json!({ "errorType": kind, "errorMessage": message });
        Outcome::Failure(told.to_string().into())
    }
}

impl Instance {
    /// Starts one.
    pub(crate) async fn start(
        settings: &Settings,
        function: &str,
        clock: Option<Moment>,
    ) -> Result<Instance, Error> {
        let binary = settings.binary(function).ok_or_else(|| format!("there is no function {function}"))?;
        let api = RuntimeApi::open(function).await?;
        let process = Command::new(&binary)
            .env_clear()
            .envs(settings.environment(function))
            .envs(clock.iter().map(|clock| ("LAUREL_TEST_CLOCK", &clock.text)))
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        Ok(Instance { process, api, clock })
    }

    /// Passes it an event and waits up to that long; then kills it, as Lambda does. Returns the outcome, and
    /// whether the instance lives.
    pub(crate) async fn invoke(&mut self, payload: Bytes, limit: Duration) -> (Outcome, bool) {
        let (tell, mut told) = oneshot::channel();
        let until = Instant::now() + limit;
        let limit_ms = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let deadline_ms = Clock::Machine.now().0.saturating_add(limit_ms);
        let id = invocation_id();
        if !self.api.hand_over(Event { id, payload, deadline_ms, tell }).await {
            return (Outcome::ended("Runtime.ExitError", "the Runtime API is closed"), false);
        }
        loop {
            match timeout(LOOK, &mut told).await {
                Ok(Ok(Told::Answer(answer))) => return (Outcome::Answer(answer), true),
                Ok(Ok(Told::Failure(failure))) => return (Outcome::Failure(failure), true),
                Ok(Err(_)) => sleep(LOOK).await,
                Err(_) => {}
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return (Outcome::ended("Runtime.ExitError", &format!("the process ended: {status}")), false);
            }
            if Instant::now() >= until {
                return (Outcome::ended("Sandbox.Timedout", "the task timed out"), false);
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An id that looks like Lambda's.
fn invocation_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{:08x}-0000-4000-8000-{:012x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
