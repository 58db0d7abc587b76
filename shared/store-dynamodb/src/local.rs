//! The real DynamoDB Local for tests: Amazon's own, in memory, on a port of its own.
//!
//! `scripts/dynamodb-local` fetches it; if it is missing, [`Local::shared`] says so and the tests that need
//! it are skipped.

use std::{
    env,
    io::{self, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    error::ConnectError,
    store::{AccessKeys, DynamoStore, Options},
    version::random,
};

/// The variable that names its folder.
pub const FOLDER_VARIABLE: &str = "LAUREL_DYNAMODB_LOCAL";

/// How long it may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends Java when its input ends, so that it does not outlive the process that started it, however that
/// process ends.
const KEEPER: &str = r#"java "$@" </dev/null >/dev/null & java=$!; cat >/dev/null; kill $java"#;

/// A DynamoDB Local that runs until this is dropped.
#[derive(Debug)]
pub struct Local {
    keeper: Child,
    port: u16,
    tables: AtomicU64,
}

impl Local {
    /// The folder with `DynamoDBLocal.jar`, if there is one: in the folder of
    /// [`FOLDER_VARIABLE`], or in `dynamodb-local` beside the folder of the build.
    pub fn folder() -> Option<PathBuf> {
        let named = env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
        let built = env::current_exe().ok()?;
        let beside = built.ancestors().map(|folder| folder.join("dynamodb-local"));
        let within = |folder: &Path| {
            let package = folder.join("node_modules/amplify-dynamodb-simulator/emulator");
            [folder.to_owned(), folder.join("emulator"), package]
                .into_iter()
                .find(|folder| folder.join("DynamoDBLocal.jar").is_file())
        };
        named.into_iter().chain(beside).find_map(|folder| within(&folder))
    }

    /// The one that all tests of this process share; `None`, and a line that says so, where
    /// DynamoDB Local is not installed.
    pub fn shared() -> Option<&'static Local> {
        static SHARED: OnceLock<Option<Local>> = OnceLock::new();
        let started = SHARED.get_or_init(|| match Local::folder() {
            Some(folder) => Local::start(&folder).map_err(|error| eprintln!("DynamoDB Local: {error}")).ok(),
            None => None,
        });
        if started.is_none() {
            // Not with a macro: a test that passes would keep the line to itself.
            let told = writeln!(io::stderr(), "left out: no DynamoDB Local here; see scripts/dynamodb-local");
            drop(told);
        }
        started.as_ref()
    }

    /// Starts one and waits until it can be reached.
    ///
    /// # Errors
    /// There is no Java, or it does not start.
    pub fn start(folder: &Path) -> io::Result<Local> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "dynamodb-local"])
            .args(["-Xmx768m", "-XX:+UseSerialGC", "-Djava.library.path=./DynamoDBLocal_lib"])
            .args(["-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb", "-disableTelemetry", "-port"])
            .arg(port.to_string())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > PATIENCE {
                drop(keeper.stdin.take());
                keeper.wait()?;
                return Err(io::Error::other("it does not start"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Local { keeper, port, tables: AtomicU64::new(0) })
    }

    /// Where it is reached.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Options for a table that nobody else has. Waits between attempts are negligible.
    pub fn options(&self) -> Options {
        let number = self.tables.fetch_add(1, Ordering::Relaxed);
        let mut options = Options::new(format!("laurel-{number}-{:08x}", random() >> 32));
        options.endpoint = Some(self.endpoint());
        options.region = Some("local".to_owned());
        options.keys = Some(AccessKeys::made_up());
        // DynamoDB Local is not fast, and the machine may be busy.
        options.attempt_timeout = Duration::from_secs(20);
        options.pace.budget = Duration::from_secs(60);
        options.pace.wait_first = Duration::from_micros(100);
        options.pace.wait_max = Duration::from_millis(1);
        options.stream_pause = Duration::from_millis(50);
        options
    }

    /// A store over a new table.
    ///
    /// # Errors
    /// The table cannot be made.
    pub async fn store(&self) -> Result<DynamoStore, ConnectError> {
        let store = DynamoStore::connect(self.options())?;
        store.create_table().await?;
        Ok(store)
    }
}

impl DynamoStore {
    /// The SDK's client and the table's name, for what a test asks of the table itself.
    pub fn table(&self) -> (&aws_sdk_dynamodb::Client, &str) {
        (&self.client, &self.table)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln!("DynamoDB Local: {error}");
        }
    }
}
