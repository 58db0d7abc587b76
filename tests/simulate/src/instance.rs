//! An instance: the real edge and engine over the faulty store, with its own clock and randomness.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use domain::{json::Json, time::Instant};
use edge::{Api, Chance, Clock, Function, Secrets};
use engine::{Request, id::CallerId, records::By, store::Store};
use infra::FUNCTIONS;

use crate::store::{Weather, Weathered};

/// The admin's key.
pub(crate) const ADMIN_KEY: &str = "simulated-admin-key";

/// The same as a header.
pub(crate) const BEARER: &str = "Bearer simulated-admin-key";

/// A function that a schedule runs.
pub(crate) fn scheduled(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name).copied()
}

/// The master key of every simulated instance.
pub(crate) const MASTER_KEY: &str = "simulated-master-key-0123456789abcdef";

/// Secrets of every simulated instance.
pub(crate) fn secrets() -> Secrets {
    Secrets::new(MASTER_KEY.as_bytes())
}

/// An instance over that store. It knows nothing before it refreshes.
pub(crate) fn instance(
    store: &Arc<dyn Store>,
    weather: &Arc<Mutex<Weather>>,
    secrets: &Secrets,
    seed: u64,
    now: i64,
    elapsed: u64,
) -> Arc<Api> {
    let store = Arc::new(Weathered::new(store.clone(), weather.clone()));
    let clock = Clock::simulated(Instant(now));
    clock.simulate(Instant(now), elapsed);
    let mut api = Api::new(store, clock, secrets.clone(), FUNCTIONS.to_vec());
    api.chance = Chance::seeded(seed);
    api.rates = None;
    api.share_store();
    Arc::new(api)
}

/// Saves the first version of the programme and lets the admin in.
///
/// # Errors
/// The programme has faults, in words.
pub(crate) fn found(api: &Api, document: &str) -> Result<(), String> {
    let now = api.clock.now();
    let json = Json::parse(document.as_bytes()).map_err(|error| error.to_string())?;
    let request = Request::plain(By::Caller(CallerId::FirstAdmin), now);
    let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
    at_once(async {
        api.engine.programme().refresh().await.map_err(|error| error.to_string())?;
        let hash = edge::key_hash(ADMIN_KEY);
        api.engine.access().ensure_first_admin(hash, now).await.map_err(|error| error.to_string())?;
        let saved = api.engine.programme().save(&request, &json, document, None, tell).await;
        saved.map_err(|error| format!("{error:?} in {document}"))?;
        api.refresh().await.map_err(|error| error.to_string())
    })
}

/// Sends a request as the admin, without faults.
///
/// # Errors
/// The request has an invalid form.
pub(crate) fn ask(
    api: &Arc<Api>,
    method: &str,
    path: &str,
    body: &str,
    headers: &[(String, String)],
) -> Result<(u16, Bytes), String> {
    let mut request = http::Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| name == "signature" || name == "authorization") {
        request = request.header("authorization", format!("Bearer {ADMIN_KEY}"));
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(body.to_owned())).map_err(|error| error.to_string())?;
    let response = at_once(api.serve(request));
    Ok((response.status().as_u16(), response.into_body()))
}

/// Runs a future that waits for nothing.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// Polls a future as far as it gets without waiting; abandons it if it waits for others.
pub(crate) fn soon(future: impl Future<Output = impl Sized>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if future.as_mut().poll(&mut context).is_ready() {
            return;
        }
    }
}
