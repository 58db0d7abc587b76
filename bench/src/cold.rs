//! How long a function takes from the start of its process to its first question for an event, beside
//! a bare `lambda_http` hello and Node with the SDK: each spawned in turns under a runtime API that
//! only waits for that question.

use crate::{Result, machine, table};
use clap::Args;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// What every process begins with that Lambda starts.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "redeem"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("LAUREL_TABLE", "laurel"),
    ("LAUREL_MASTER_KEY", "0123456789abcdef0123456789abcdef"),
];

/// The question that ends a cold start.
const NEXT: &str = "GET /2018-06-01/runtime/invocation/next ";

/// A process that has not asked by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// The project's goals: at most so many tenths of the hello, Node at least so many tenths of ours.
const OVER_HELLO_MAX: u128 = 15;
const NODE_OVER_MIN: u128 = 250;

#[derive(Args)]
pub(crate) struct Options {
    /// The function under test
    #[arg(long, default_value = "bench/target/lambda/redeem/bootstrap")]
    function: PathBuf,
    /// The bare hello
    #[arg(long, default_value = "bench/target/lambda/hello/bootstrap")]
    hello: PathBuf,
    /// The same on a single thread; without it, it is left out
    #[arg(long)]
    lean: Option<PathBuf>,
    /// The bundle of bench/node; without it, Node is left out
    #[arg(long)]
    bundle: Option<PathBuf>,
    /// How often each is started
    #[arg(long, default_value_t = 30)]
    spawns: usize,
}

/// One of those that are started in turns.
struct Contender {
    name: &'static str,
    command: Vec<PathBuf>,
    took: Vec<Duration>,
}

impl Contender {
    fn new(name: &'static str, command: Vec<PathBuf>) -> Self {
        Self { name, command, took: Vec::new() }
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort();
        sorted
            .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.percentile(50)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut contenders = vec![
        Contender::new("laurel", vec![options.function.clone()]),
        Contender::new("hello", vec![options.hello.clone()]),
    ];
    if let Some(lean) = &options.lean {
        contenders.push(Contender::new("hello, one thread", vec![lean.clone()]));
    }
    if let Some(bundle) = &options.bundle {
        contenders.push(Contender::new("node", vec![PathBuf::from("node"), bundle.clone()]));
    }
    println!("{}", machine::describe());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = machine::processor_time();
    // The first start of each reads its file from the disk, which no second one does: not counted.
    for turn in 0..=options.spawns {
        for contender in &mut contenders {
            let took = runtime.block_on(start(&contender.command))?;
            if turn > 0 {
                contender.took.push(took);
            }
        }
    }
    print(&contenders, options.spawns);
    let after = machine::processor_time();
    let busy = 100 * (after.0 - before.0) / (after.1 - before.1).max(1);
    println!("all cores were busy {busy} % of the time, these processes included");
    Ok(())
}

/// Starts it and ends it when it has asked for its first event: how long that took.
async fn start(command: &[PathBuf]) -> Result<Duration> {
    let (program, arguments) = command.split_first().ok_or("nothing to start")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let mut process = Command::new(program);
    process.args(arguments).env_clear().envs(ENVIRONMENT.iter().copied());
    process.env("AWS_LAMBDA_RUNTIME_API", address).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = process.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let asked = timeout(PATIENCE, question(&listener)).await;
    let took = began.elapsed();
    let _ = child.kill();
    let status = child.wait()?;
    let failed = |why: &str| format!("{}: {why} ({status})", program.display());
    match asked {
        Err(_) => Err(failed("did not ask for an event").into()),
        Ok(Err(error)) => Err(failed(&error.to_string()).into()),
        Ok(Ok(())) => Ok(took),
    }
}

/// Waits until the question for the first event is there.
async fn question(listener: &TcpListener) -> Result<()> {
    let (mut stream, _) = listener.accept().await?;
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut text).await? == 0 {
            return Err("hung up".into());
        }
    }
    let text = String::from_utf8_lossy(&text);
    if text.starts_with(NEXT) { Ok(()) } else { Err(format!("asked for something else: {text}").into()) }
}

fn print(contenders: &[Contender], spawns: usize) {
    let show = |took: Duration| format!("{}.{:02} ms", took.as_millis(), took.as_micros() % 1000 / 10);
    let ours = contenders[0].median();
    let tenths = |over: Duration, under: Duration| over.as_nanos() * 10 / under.as_nanos().max(1);
    let rows: Vec<Vec<String>> = contenders
        .iter()
        .map(|contender| {
            let ratio = tenths(contender.median(), ours);
            let name = contender.name.to_owned();
            let ratio = format!("{}.{}", ratio / 10, ratio % 10);
            vec![
                name,
                show(contender.percentile(0)),
                show(contender.median()),
                show(contender.percentile(90)),
                ratio,
            ]
        })
        .collect();
    println!("process start to the first /invocation/next, {spawns} starts of each, in turns");
    table::print(&["", "least", "median", "p90", "over ours"], 1, &rows);
    let told = |met: bool| if met { "met" } else { "MISSED" };
    for contender in &contenders[1..] {
        let median = contender.median();
        let (over, under) = (tenths(ours, median), tenths(median, ours));
        match contender.name {
            "hello" => {
                let met = told(over <= OVER_HELLO_MAX);
                println!("ours over the hello, at most 1.5: {}.{} ({met})", over / 10, over % 10);
            }
            "node" => {
                let met = told(under >= NODE_OVER_MIN);
                println!("node over ours, at least 25: {}.{} ({met})", under / 10, under % 10);
            }
            name => println!("ours over the {name}: {}.{}", over / 10, over % 10),
        }
    }
}
