//! Opens a data folder and puts the engine together over it.

use std::{fmt, path::Path, sync::Arc};

use domain::{json::Json, time::Instant};
use edge::{Api, Clock, Secrets};
use engine::{Engine, ProgramError, Request, records::By, store::Store};
use store_redb::{Options, RedbStore};

use crate::{
    FUNCTIONS,
    cli::{Data, Serve},
    home::{self, AdminKey, FIRST_ADMIN},
};

/// The programme of a folder that was given none.
const DEFAULT_PROGRAM: &str = include_str!("default-program.json");

/// Why a command cannot start, in words for people.
#[derive(Debug)]
pub struct StartError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

pub(crate) fn failed(what: &str, error: &dyn std::error::Error) -> StartError {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    StartError(text)
}

/// A data folder, opened.
pub(crate) struct Opened {
    pub(crate) store: Arc<RedbStore>,
    pub(crate) secrets: Secrets,
    pub(crate) admin_key: AdminKey,
}

/// Opens (or makes) the data folder.
pub(crate) fn open(data: &Data) -> Result<Opened, StartError> {
    let folder: &Path = &data.data;
    let store = RedbStore::open(folder, Options::default());
    let store = store.map_err(|error| failed(&format!("cannot open {}", folder.display()), &error))?;
    let secrets = home::secrets(folder).map_err(|error| failed("cannot read the master key", &error))?;
    let admin_key = home::admin_key(folder).map_err(|error| failed("cannot read the admin key", &error))?;
    Ok(Opened { store: Arc::new(store), secrets, admin_key })
}

/// The functions over an opened folder, with the programme and the first admin in place.
pub(crate) async fn assemble(
    opened: &Opened,
    program: Option<&Path>,
    test_clock: Option<Instant>,
) -> Result<Api, StartError> {
    let clock = test_clock.map_or(Clock::Machine, Clock::test);
    let now = clock.now();
    let store: Arc<dyn Store> = opened.store.clone();
    let api = Api::new(Engine::new(store), clock, opened.secrets.clone(), FUNCTIONS.to_vec());
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    api.engine.refresh().await.map_err(unreadable)?;
    let key = match &opened.admin_key {
        AdminKey::Given(key) | AdminKey::File(key, _) => key,
    };
    api.engine.ensure_first_admin(FIRST_ADMIN, edge::key_hash(key), now).await.map_err(unreadable)?;
    let given = match program {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            Some(text.map_err(|error| failed(&format!("cannot read {}", file.display()), &error))?)
        }
        None if api.engine.programmes().is_err() => Some(DEFAULT_PROGRAM.to_owned()),
        None => None,
    };
    if let Some(text) = given {
        save_program(&api, &text, now).await?;
    }
    api.refresh().await.map_err(unreadable)?;
    Ok(api)
}

async fn save_program(api: &Api, text: &str, now: Instant) -> Result<(), StartError> {
    let document =
        Json::parse(text.as_bytes()).map_err(|error| failed("the programme is not JSON", &error))?;
    let normal: serde_json::Value =
        serde_json::from_str(text).map_err(|error| failed("the programme is not JSON", &error))?;
    let request = request(By::Caller(FIRST_ADMIN), now);
    let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
    match api.engine.save_program(&request, &document, &normal.to_string(), None, tell).await {
        Ok(_) => Ok(()),
        Err(ProgramError::Invalid(faults)) => {
            let lines =
                faults.iter().map(|fault| format!("\n  {} {}: {}", fault.pointer, fault.code, fault.detail));
            Err(StartError(format!("the programme has faults:{}", lines.collect::<String>())))
        }
        Err(ProgramError::Other(error)) => Err(failed("cannot save the programme", &error)),
    }
}

/// A request of the command line's own.
pub(crate) fn request(by: By, now: Instant) -> Request {
    Request { by, now, key: None, content: [0; 16], dry_run: false, brand: None, any_age: false }
}

/// Everything `laurel serve` needs.
pub(crate) async fn serving(serve: &Serve) -> Result<(Api, Opened), StartError> {
    let opened = open(&serve.data)?;
    let mut api = assemble(&opened, serve.program.as_deref(), serve.test_clock).await?;
    api.origins.clone_from(&serve.cors_origins);
    Ok((api, opened))
}
