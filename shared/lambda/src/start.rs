//! Builds an instance: everything that can be made once is made here.

use std::sync::Arc;

use edge::{Api, Clock, Function, Policy, Rates, Secrets};
use engine::store::Store;
use store_dynamodb::{DynamoStore, Options};

use crate::{
    Instance, secret,
    settings::{MasterKey, Settings, checked_master_key},
};

/// The instance, without having touched the store.
pub(crate) async fn instance(
    function: &'static Function,
    others: &[&'static Function],
    settings: &Settings,
) -> Result<Instance, String> {
    let store = store(settings)?;
    let key = match &settings.master_key {
        MasterKey::Given(key) => key.clone(),
        MasterKey::Secret(id) => secret::read(id, |name| std::env::var(name).ok(), None).await?,
    };
    let secrets = Secrets::new(checked_master_key(&key).map_err(|error| error.to_string())?.as_bytes());
    let clock = settings.test_clock.map_or(Clock::Machine, Clock::test);
    let mut api = Api::new(store, clock, secrets, [&[function], others].concat());
    api.origins.clone_from(&settings.origins);
    api.local_webhooks = settings.local_webhooks;
    api.rates = Policy::requests(settings.rate_limit).map(Rates::new);
    Ok(Instance::new(function, api, &settings.table))
}

/// The table: a client for it, which sends nothing yet.
fn store(settings: &Settings) -> Result<Arc<dyn Store>, String> {
    let mut options = Options::new(&settings.table);
    options.endpoint.clone_from(&settings.endpoint);
    let store = DynamoStore::connect(options).map_err(|error| error.to_string())?;
    Ok(Arc::new(store))
}
