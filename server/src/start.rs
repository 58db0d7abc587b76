//! Opens a data folder or a table and puts the engine together over it.

use std::{fmt, path::Path, sync::Arc};

use domain::{json::Json, time::Instant};
use edge::{Api, Clock, Policy, Rates, Secrets};
use engine::{
    Engine, ProgramError, Request,
    id::CallerId,
    keys,
    records::By,
    store::{Change, Expect, Store, Write, memory::MemoryStore},
};
use store_redb::{Options, RedbStore};

use crate::{
    FUNCTIONS,
    cli::{Data, Serve},
    home::{self, AdminKey},
    table::{self, Pace},
};

/// The programme of a folder that has none and is given none.
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

/// A data folder or a table, opened.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// The same, if it is a folder: it can be copied while it is written to.
    pub(crate) embedded: Option<Arc<RedbStore>>,
    pub(crate) secrets: Secrets,
    pub(crate) admin_key: AdminKey,
}

/// Opens an existing data folder, or a table.
pub(crate) async fn open_existing(data: &Data) -> Result<Opened, StartError> {
    if data.table.is_none() {
        must_exist(&data.data)?;
    }
    open(data).await
}

/// The same, for the store alone.
pub(crate) async fn open_existing_store(data: &Data) -> Result<Found, StartError> {
    if data.table.is_none() {
        must_exist(&data.data)?;
    }
    open_store(data, Pace::Patient).await
}

/// Refuses a data folder that does not exist.
pub(crate) fn must_exist(folder: &Path) -> Result<(), StartError> {
    match folder.is_dir() {
        true => Ok(()),
        false => Err(StartError(format!("there is no data folder {}", folder.display()))),
    }
}

/// Opens (or makes) the data folder, or opens the table, for work that nobody waits for.
pub(crate) async fn open(data: &Data) -> Result<Opened, StartError> {
    open_paced(data, Pace::Patient).await
}

/// A store; and the same, if it is a folder's.
type Found = (Arc<dyn Store>, Option<Arc<RedbStore>>);

async fn open_store(data: &Data, pace: Pace) -> Result<Found, StartError> {
    let folder: &Path = &data.data;
    match &data.table {
        Some(table) => Ok((table::open(table, data, pace).await?, None)),
        None => {
            let store = RedbStore::open(folder, Options::default());
            let store =
                store.map_err(|error| failed(&format!("cannot open {}", folder.display()), &error))?;
            let store = Arc::new(store);
            Ok((store.clone(), Some(store)))
        }
    }
}

async fn open_paced(data: &Data, pace: Pace) -> Result<Opened, StartError> {
    let folder: &Path = &data.data;
    let (store, embedded) = open_store(data, pace).await?;
    let unreadable = |error| failed("cannot read the master key", &error);
    let secrets = match home::secrets_if_any(&[folder]).map_err(unreadable)? {
        Some(secrets) => secrets,
        // A new key opens nothing of data that are there.
        None if master_key_note(&Engine::new(store.clone())).await?.is_some() => {
            let detail = "the master key is missing that the data was written under: put the file master-key into the data folder, or the key into LAUREL_MASTER_KEY";
            return Err(StartError(detail.to_owned()));
        }
        None => home::secrets(folder).map_err(unreadable)?,
    };
    let admin_key = home::admin_key(folder).map_err(|error| failed("cannot read the admin key", &error))?;
    Ok(Opened { store, embedded, secrets, admin_key })
}

/// Whether data are opened that are in the middle of a rekeying.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rekeying {
    /// Half of the identities would be found, and the others would register anew.
    Refused,
    /// To finish it.
    Finished,
}

/// The functions over an opened folder whose master key is the right one.
pub(crate) async fn api(opened: &Opened, clock: Clock, rekeying: Rekeying) -> Result<Api, StartError> {
    let api = Api::new(opened.store.clone(), clock, opened.secrets.clone(), FUNCTIONS.to_vec());
    check_notes(&api.engine, &opened.secrets, rekeying).await?;
    Ok(api)
}

/// The functions over an opened folder, with the programme and the first admin in place.
pub(crate) async fn assemble(
    opened: &Opened,
    program: Option<&Path>,
    test_clock: Option<Instant>,
) -> Result<Api, StartError> {
    let clock = test_clock.map_or(Clock::Machine, Clock::test);
    let now = clock.now();
    let api = api(opened, clock, Rekeying::Refused).await?;
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    if opened.embedded.is_none() {
        api.share_store();
    }
    api.engine.programme().refresh().await.map_err(unreadable)?;
    let key = match &opened.admin_key {
        AdminKey::Given(key) | AdminKey::File(key, _) => key,
    };
    api.engine.access().ensure_first_admin(edge::key_hash(key), now).await.map_err(unreadable)?;
    let given = match program {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            Some(text.map_err(|error| failed(&format!("cannot read {}", file.display()), &error))?)
        }
        None if api.engine.programme().timeline().is_err() => Some(DEFAULT_PROGRAM.to_owned()),
        None => None,
    };
    if let Some(text) = given {
        save_program(&api, &text, now).await?;
    }
    api.refresh().await.map_err(unreadable)?;
    Ok(api)
}

/// The functions for a dry run. A folder that is not there is not made: what would land is tried in memory. Where
/// there is one, a programme that would be saved is refused.
pub(crate) async fn assemble_dry(
    data: &Data,
    program: Option<&Path>,
    test_clock: Option<Instant>,
) -> Result<Api, StartError> {
    if data.table.is_none() && !data.data.exists() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let key = "nothing is kept of a dry run in memory".to_owned();
        let secrets = Secrets::new(key.as_bytes());
        let opened = Opened { store, embedded: None, secrets, admin_key: AdminKey::Given(key) };
        return assemble(&opened, program, test_clock).await;
    }
    let opened = open(data).await?;
    let api = assemble(&opened, None, test_clock).await?;
    if let Some(file) = program {
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| failed(&format!("cannot read {}", file.display()), &error))?;
        let told: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| failed("the programme is not JSON", &error))?;
        let (_, own) = api
            .engine
            .programme()
            .document()
            .await
            .map_err(|error| failed("cannot read the store", &error))?;
        if serde_json::from_str(&own).ok() != Some(told) {
            let detail =
                "a dry run saves nothing, and this programme differs from the newest version: save it first";
            return Err(StartError(detail.to_owned()));
        }
    }
    Ok(api)
}

/// Refuses to record anything in a month that is settled: a settlement never changes. A machine's own clock
/// never does that; a replayed history or a test's clock can be anywhere.
pub(crate) async fn must_not_be_settled(api: &Api, at: Instant) -> Result<(), StartError> {
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    let settled = api.engine.partners().settled_until().await.map_err(unreadable)?;
    let Some(until) = settled.filter(|until| at < *until) else { return Ok(()) };
    let (_, zone) = api.engine.programme().currency_and_zone().map_err(unreadable)?;
    let (at, until) = (zone.show(at), zone.show(until));
    Err(StartError(format!("months up to {until} are settled: nothing can be recorded at {at} any more")))
}

/// A copy that somebody writes to does not follow any more.
pub(crate) async fn end_following(opened: &Opened) -> Result<(), StartError> {
    let engine = Engine::new(opened.store.clone());
    let note = engine.records().note(keys::FOLLOWING_NOTE).await;
    if note.map_err(|error| failed("cannot read the store", &error))?.is_none() {
        return Ok(());
    }
    let gone =
        Write { key: keys::note(keys::FOLLOWING_NOTE), expect: Expect::Anything, change: Change::Delete };
    opened.store.commit(vec![gone]).await.map_err(|error| failed("cannot write to the store", &error))?;
    tracing::info!("this copy has followed another server; from now on it goes on by itself");
    Ok(())
}

/// Under another master key every identity would seem new and people would register twice; in half
/// an import they would be missing. Neither is served.
async fn check_notes(engine: &Engine, secrets: &Secrets, rekeying: Rekeying) -> Result<(), StartError> {
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    if engine.records().note(keys::IMPORTING_NOTE).await.map_err(unreadable)?.is_some() {
        let detail = "the import into it was cut off; remove it and import again";
        return Err(StartError(detail.to_owned()));
    }
    let is_rekeying = engine.records().note(keys::REKEYING_NOTE).await.map_err(unreadable)?.is_some();
    if is_rekeying && rekeying == Rekeying::Refused {
        let detail = "its rekeying was cut off; run laurel rekey again";
        return Err(StartError(detail.to_owned()));
    }
    if check_master_key(engine, secrets).await? {
        return Ok(());
    }
    let own = secrets.fingerprint().to_vec();
    engine.records().set_note(keys::MASTER_KEY_NOTE, own.into()).await.map_err(unreadable)
}

/// What the data say of the master key that they were written under.
async fn master_key_note(engine: &Engine) -> Result<Option<bytes::Bytes>, StartError> {
    let unreadable = |error: engine::Error| failed("cannot read the store", &error);
    engine.records().note(keys::MASTER_KEY_NOTE).await.map_err(unreadable)
}

/// Refuses another master key than the one that the data was written under, and takes up what the data say of it.
/// Whether there are any data.
pub(crate) async fn check_master_key(engine: &Engine, secrets: &Secrets) -> Result<bool, StartError> {
    let Some(known) = master_key_note(engine).await? else { return Ok(false) };
    let ring = engine.records().note(keys::RING_NOTE).await;
    let ring = ring.map_err(|error| failed("cannot read the store", &error))?;
    secrets.settle(&known, ring.as_deref()).map_err(|other| StartError(other.to_string()))?;
    Ok(true)
}

async fn save_program(api: &Api, text: &str, now: Instant) -> Result<(), StartError> {
    let document =
        Json::parse(text.as_bytes()).map_err(|error| failed("the programme is not JSON", &error))?;
    let normal: serde_json::Value =
        serde_json::from_str(text).map_err(|error| failed("the programme is not JSON", &error))?;
    let request = Request::plain(By::Caller(CallerId::FirstAdmin), now);
    let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
    match api.engine.programme().save(&request, &document, &normal.to_string(), None, tell).await {
        Ok(_) => {
            let read = domain::programme::read(&document, 1, now);
            for warning in read.iter().flat_map(domain::programme::Programme::warnings) {
                eprintln!("the programme: {} {}: {}", warning.pointer, warning.code, warning.detail);
            }
            Ok(())
        }
        Err(ProgramError::Invalid(faults)) => {
            let lines =
                faults.iter().map(|fault| format!("\n  {} {}: {}", fault.pointer, fault.code, fault.detail));
            Err(StartError(format!("the programme has faults:{}", lines.collect::<String>())))
        }
        Err(ProgramError::Other(error)) => Err(failed("cannot save the programme", &error)),
    }
}

/// Everything `laurel serve` needs.
pub(crate) async fn serving(serve: &Serve) -> Result<(Api, Opened), StartError> {
    let opened = open_paced(&serve.data, Pace::Answering).await?;
    end_following(&opened).await?;
    let mut api = assemble(&opened, serve.program.as_deref(), serve.test_clock).await?;
    must_not_be_settled(&api, api.clock.now()).await?;
    api.origins.clone_from(&serve.cors_origins);
    api.rates = Policy::requests(serve.rate_limit).map(Rates::new);
    api.local_webhooks = serve.allow_local_webhooks;
    Ok((api, opened))
}
