//! The command line and the environment, and setting up the table.

use std::{
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Error, stream::Manner};

/// A master key if none is given.
const MASTER_KEY: &str = "lambda-gateway-master-key-0123456789abcdef";

/// Instances of a function at once, unless given.
const INSTANCES_MAX: usize = 3;

/// This gateway's settings.
pub(crate) struct Settings {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Instances of a function at once, at most.
    pub(crate) instances_max: usize,
    /// Whether they take turns even when they are not busy.
    pub(crate) in_turns: bool,
    /// How the table's stream is handed over, if it is.
    pub(crate) stream: Option<Manner>,
    /// Where the test's clock starts, as it was written.
    pub(crate) test_clock: Option<String>,
    table: String,
    endpoint: Option<String>,
    master_key: String,
    functions: PathBuf,
    laurel: PathBuf,
    /// The words for `laurel`, without the address.
    words: Vec<String>,
}

impl Settings {
    pub(crate) fn read() -> Result<Settings, Error> {
        let mut words: Vec<String> = env::args().skip(1).collect();
        if words.first().map(String::as_str) != Some("serve") {
            return Err("the one command is `serve`; its flags are those of `laurel serve`".into());
        }
        let address = take(&mut words, "--addr").unwrap_or_else(|| "127.0.0.1:9000".to_owned());
        let flag = |name: &str| take(&mut words.clone(), name);
        let own = env::current_exe()?;
        let beside = own.parent().ok_or("this program has no folder")?;
        let number = variable("LAMBDA_GATEWAY_INSTANCES").map(|number| number.parse()).transpose()?;
        Ok(Settings {
            address: address.parse()?,
            instances_max: number.unwrap_or(INSTANCES_MAX).max(1),
            in_turns: variable("LAMBDA_GATEWAY_IN_TURNS").is_some_and(|word| word == "1"),
            stream: variable("LAMBDA_GATEWAY_STREAM").map(|word| match word.as_str() {
                "twice" => Manner::Twice,
                _ => Manner::Once,
            }),
            test_clock: flag("--test-clock"),
            table: flag("--table").ok_or("--table is needed: functions share nothing but a table")?,
            endpoint: flag("--endpoint"),
            master_key: variable("LAUREL_MASTER_KEY").unwrap_or_else(|| MASTER_KEY.to_owned()),
            functions: variable("LAMBDA_GATEWAY_FUNCTIONS").map_or(beside.to_owned(), PathBuf::from),
            laurel: beside.join("laurel"),
            words,
        })
    }

    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Where DynamoDB answers, if not at AWS.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Runs `laurel serve` over the table until it serves: that writes the programme, the first admin's key,
    /// and which master key the data is under.
    pub(crate) fn set_up_table(&self) -> Result<(), Error> {
        let failed = |why: &str| format!("{} {}: {why}", self.laurel.display(), self.words.join(" "));
        let mut laurel = Command::new(&self.laurel)
            .args(&self.words)
            .args(["--addr", "127.0.0.1:0"])
            .env("LAUREL_MASTER_KEY", &self.master_key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error.to_string()))?;
        let said = BufReader::new(laurel.stdout.take().ok_or("no standard output")?);
        let serves = said.lines().map_while(Result::ok).any(|line| line.starts_with("Laurel serves "));
        // Everything it wrote is durable by then.
        let _ = laurel.kill();
        laurel.wait()?;
        if serves { Ok(()) } else { Err(failed("it did not start serving").into()) }
    }

    /// The binary of that function, if there is one.
    pub(crate) fn binary(&self, function: &str) -> Option<PathBuf> {
        let plain = |letter: u8| letter.is_ascii_lowercase() || letter == b'-';
        if function.is_empty() || !function.bytes().all(plain) || function == "lambda-gateway" {
            return None;
        }
        let within = |name: &Path| Some(self.functions.join(name)).filter(|path| path.is_file());
        let packed = within(&Path::new(function).join("bootstrap"));
        packed.or_else(|| within(Path::new(function)).filter(|_| function != "laurel"))
    }

    /// The environment of a function's process, besides its Runtime API's address. It inherits nothing from
    /// this process.
    pub(crate) fn environment(&self, function: &str) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_REGION", "local".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_SESSION_TOKEN", "local".to_owned()),
            ("LAUREL_TABLE", self.table.clone()),
            ("LAUREL_MASTER_KEY", self.master_key.clone()),
            ("LAUREL_LOG", variable("LAUREL_LOG").unwrap_or_else(|| "warn".to_owned())),
        ];
        if self.stream.is_some() {
            // Receivers are of this machine.
            environment.push(("LAUREL_LOCAL_WEBHOOKS", "1".to_owned()));
        }
        environment.extend(self.endpoint.iter().map(|endpoint| ("LAUREL_ENDPOINT", endpoint.clone())));
        environment
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Takes a flag and its value out of the arguments.
fn take(words: &mut Vec<String>, flag: &str) -> Option<String> {
    let at = words.iter().position(|word| word == flag || word.starts_with(&format!("{flag}=")))?;
    let word = words.remove(at);
    match word.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => (at < words.len()).then(|| words.remove(at)),
    }
}
