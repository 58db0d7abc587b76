//! Runs one function on AWS Lambda: what arrives by its URL is an HTTP request like any other; what a
//! schedule sends runs under IAM's authority.
//!
//! Everything that can be made once is made before the first event: the client, the secrets, the function's
//! table of routes. The store itself is not touched until an event shows something that may be a key or a
//! signature, or comes from a schedule. This crate has no rules of the programme and no routes.

mod event;
mod fault;
mod handed;
mod instance;
mod lasting;
mod measure;
mod reply;
mod secret;
mod settings;
mod start;

use std::{process::ExitCode, sync::Arc};

use edge::Function;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

pub use event::{Event, read};
pub use fault::tell;
pub use handed::Reacts;
pub use instance::{Failure, Instance, Invocation};
pub use lasting::Lasting;
pub use measure::{METRICS, NAMESPACE, PER_PART};
pub use reply::Reply;
pub use settings::{ENVIRONMENT, Settings, SettingsError};

/// Runs the function until Lambda ends the process. A function's `main` does nothing else.
pub fn run(function: &'static Function) -> ExitCode {
    run_with(function, &[])
}

/// The same for a function that answers under further names, each as a function of its own. A
/// schedule runs the first.
pub fn run_with(function: &'static Function, others: &[&'static Function]) -> ExitCode {
    run_as(function, others, None)
}

/// The same for a function that answers no caller, but does what the table's stream and its schedule have it do.
pub fn run_reacting(function: &'static Function, reacts: Arc<dyn Reacts>) -> ExitCode {
    run_as(function, &[], Some(reacts))
}

fn run_as(
    function: &'static Function,
    others: &[&'static Function],
    reacts: Option<Arc<dyn Reacts>>,
) -> ExitCode {
    let ended = start(function, others, reacts);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function = function.name, error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

fn start(
    function: &'static Function,
    others: &[&'static Function],
    reacts: Option<Arc<dyn Reacts>>,
) -> Result<(), String> {
    let settings = Settings::of_environment().map_err(|error| error.to_string());
    tell(function.name, settings.as_ref().map_or("info", |settings| settings.log.as_str()));
    let settings = settings?;
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err("this is a Lambda function; `laurel serve` is for one machine".to_owned());
    }
    // One event at a time, so one thread is enough.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let make = async || {
            let instance = start::instance(function, others, &settings).await?;
            Ok(match &reacts {
                Some(reacts) => instance.reacting(reacts.clone()),
                None => instance,
            })
        };
        answer_events(&Lasting::new(make).await?).await
    })
}

/// Fetches one event after another from Lambda, and has an instance handle it, until Lambda ends the
/// process.
///
/// # Errors
/// Lambda cannot be reached, or does not answer with an event.
pub async fn answer_events<Make, Making>(lasting: &Lasting<Make>) -> Result<(), String>
where
    Make: Fn() -> Making,
    Making: Future<Output = Result<Instance, String>>,
{
    let handle = service_fn(move |event: LambdaEvent<Value>| async move {
        let invocation = Invocation::of(&event.context);
        lasting.instance().await.handle(event.payload, &invocation).await
    });
    lambda_runtime::run(handle).await.map_err(|error| error.to_string())
}
