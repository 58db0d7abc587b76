//! Durable earns and redeems, PostgreSQL and laurel in turn.

use crate::laurel::Server;
use crate::load::{Sample, Window};
use crate::postgres::Postgres;
use crate::traffic::{Earn, Fill, Members, Random, Redeem};
use crate::work::Folder;
use crate::{Result, Setup, disk, machine, table};
use clap::{Args, ValueEnum};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Measures one system alone
    #[arg(long, value_enum, default_value_t = Only::Both)]
    only: Only,
    /// The folder with PostgreSQL 15's initdb, pg_ctl, psql and pgbench
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
    /// Members in each system
    #[arg(long, default_value_t = 100_000)]
    members: u64,
    /// How long each system is measured in each round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How long it runs before that
    #[arg(long, default_value_t = 3)]
    warmup: u64,
    /// How often the systems take turns on each line
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Connections, a table line each
    #[arg(long, value_delimiter = ',', default_value = "1,16,64", value_parser = clap::value_parser!(u64).range(1..=64))]
    connections: Vec<u64>,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_value = "earn,redeem")]
    operations: Vec<Operation>,
    /// Sends an Idempotency-Key with every request, to both
    #[arg(long)]
    keys: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Only {
    Both,
    Postgres,
    Laurel,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Operation {
    Earn,
    Redeem,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Earn => "earn",
            Self::Redeem => "redeem",
        }
    }
}

/// One system's share of a line.
#[derive(Default)]
struct Figures {
    sample: Sample,
    rates: Vec<f64>,
    flushes: u64,
    flush_seconds: f64,
}

/// One operation at one number of connections.
struct Line {
    operation: Operation,
    connections: u64,
    fdatasync: f64,
    postgres: Option<Figures>,
    laurel: Option<Figures>,
}

struct Bench<'a> {
    options: &'a Options,
    runtime: tokio::runtime::Runtime,
    folder: &'a Path,
    postgres: Option<Postgres>,
    laurel: Option<(Server, Members)>,
    /// Processor time in the pauses: at work, and in all
    neighbours: Cell<(u64, u64)>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    println!("{}", machine::describe());
    let work = Folder::new(&options.setup.work, options.setup.keep)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut bench = Bench {
        options,
        runtime,
        folder: work.path(),
        postgres: None,
        laurel: None,
        neighbours: Cell::default(),
    };
    bench.start()?;
    let mut lines = Vec::new();
    for &operation in &options.operations {
        for &connections in &options.connections {
            lines.push(bench.line(operation, connections, lines.len() as u64)?);
        }
    }
    println!(
        "{} members, {} rounds of {} s after {} s of warm-up, natural keys{}, load average now {}\n",
        options.members,
        options.rounds,
        options.seconds,
        options.warmup,
        if options.keys { " and an Idempotency-Key" } else { "" },
        machine::load_average()
    );
    print_lines(&mut lines);
    print_goals(&mut lines);
    println!();
    bench.print_neighbours();
    Ok(())
}

impl Bench<'_> {
    fn start(&mut self) -> Result<()> {
        let options = self.options;
        if options.only != Only::Laurel {
            eprintln!("PostgreSQL: making {} members", options.members);
            let folder = self.folder.join("postgres");
            let postgres =
                Postgres::start(options.postgres_bin.as_deref(), &folder, options.members, options.keys)?;
            println!("{}", postgres.version()?);
            self.postgres = Some(postgres);
        }
        if options.only != Only::Postgres {
            eprintln!("laurel: making {} members", options.members);
            let server = Server::start(&options.setup, self.folder, "laurel")?;
            let members = self.runtime.block_on(seed(&server, options.members))?;
            self.laurel = Some((server, members));
        }
        Ok(())
    }

    /// All rounds of one line; the systems take turns at going first.
    fn line(&mut self, operation: Operation, connections: u64, number: u64) -> Result<Line> {
        let mut line = Line { operation, connections, fdatasync: 0.0, postgres: None, laurel: None };
        line.postgres = self.postgres.as_ref().map(|_| Figures::default());
        line.laurel = self.laurel.as_ref().map(|_| Figures::default());
        for round in 0..self.options.rounds {
            let run = 1 + number * self.options.rounds + round;
            let fdatasync = disk::fdatasync_per_second(self.folder, Duration::from_secs(1))?;
            line.fdatasync = line.fdatasync.max(fdatasync);
            for turn in 0..2 {
                if (turn + round) % 2 == 0 {
                    self.wake(Only::Postgres)?;
                    self.turn(&mut line.postgres, || self.measure_postgres(operation, connections, run))?;
                } else {
                    self.wake(Only::Laurel)?;
                    self.turn(&mut line.laurel, || self.measure_laurel(operation, connections, run))?;
                }
            }
        }
        Ok(line)
    }

    /// Lets that system run and stops the other's processes, once what it wrote has left the machine's
    /// memory: neither one's housekeeping falls into the other's turn.
    fn wake(&self, system: Only) -> Result<()> {
        let (Some(postgres), Some((laurel, _))) = (&self.postgres, &self.laurel) else {
            return Ok(());
        };
        // The connections of the turn before are still ending.
        sleep(Duration::from_millis(300));
        let (postgres, laurel) = (postgres.processes()?, vec![laurel.process()]);
        let (awake, asleep) = match system {
            Only::Laurel => (laurel, postgres),
            _ => (postgres, laurel),
        };
        machine::signal("-STOP", &asleep)?;
        machine::flush()?;
        machine::signal("-CONT", &awake)
    }

    /// One system's turn, with the flushes that the device did meanwhile.
    fn turn(&self, figures: &mut Option<Figures>, measure: impl FnOnce() -> Result<Sample>) -> Result<()> {
        let Some(figures) = figures else {
            return Ok(());
        };
        self.pause();
        let (start, before) = (Instant::now(), disk::flushes(self.folder));
        let sample = measure()?;
        if let (Some(before), Some(after)) = (before, disk::flushes(self.folder)) {
            figures.flushes += after - before;
            figures.flush_seconds += start.elapsed().as_secs_f64();
        }
        figures.rates.push(sample.per_second());
        figures.sample.add(sample);
        Ok(())
    }

    /// The other one's unfinished writes finish first; then any load comes from a neighbour.
    fn pause(&self) {
        sleep(Duration::from_millis(300));
        let (busy, all) = machine::processor_time();
        sleep(Duration::from_millis(500));
        let (busy_after, all_after) = machine::processor_time();
        self.neighbours
            .set((self.neighbours.get().0 + busy_after - busy, self.neighbours.get().1 + all_after - all));
    }

    /// The share of the machine that was busy while neither system was asked anything.
    fn print_neighbours(&self) {
        let (busy, all) = self.neighbours.get();
        let percent = 100 * busy / all.max(1);
        let verdict = if percent > 5 { ": NOT IDLE, do not believe the figures" } else { "" };
        println!("busy in the pauses between the turns: {percent} % of the machine{verdict}");
    }

    fn window(&self) -> Window {
        let (warmup, measured) =
            (Duration::from_secs(self.options.warmup), Duration::from_secs(self.options.seconds));
        Window { warmup, measured }
    }

    fn measure_postgres(&self, operation: Operation, connections: u64, run: u64) -> Result<Sample> {
        let postgres = self.postgres.as_ref().ok_or("PostgreSQL is not running")?;
        let sample = postgres.measure(operation, run, connections, self.window())?;
        tell("PostgreSQL", operation, connections, &sample);
        Ok(sample)
    }

    fn measure_laurel(&self, operation: Operation, connections: u64, run: u64) -> Result<Sample> {
        let (server, members) = self.laurel.as_ref().ok_or("laurel is not running")?;
        let random = Random::connections(members, run, connections, self.options.keys);
        let window = self.window();
        let sample = match operation {
            Operation::Earn => self.runtime.block_on(server.drive(random.map(Earn).collect(), window))?.1,
            Operation::Redeem => self.runtime.block_on(server.drive(random.map(Redeem).collect(), window))?.1,
        };
        if sample.refused as usize * 1000 > sample.latencies.len() {
            return Err(format!(
                "{} redemptions were refused: the members ran out of points",
                sample.refused
            )
            .into());
        }
        tell("laurel", operation, connections, &sample);
        Ok(sample)
    }
}

/// Members with two lots each, as PostgreSQL's seed makes them.
async fn seed(server: &Server, count: u64) -> Result<Members> {
    let members = server.register(count).await?;
    for (name, days_ago) in [("seed-1", 365), ("seed-2", 0)] {
        let fill = |next| Fill {
            next,
            members: Arc::clone(&members),
            orders_each: 1,
            name,
            keyed: false,
            fixed: Some(("3000.00", machine::rfc3339(days_ago))),
        };
        server.fill(fill).await?;
    }
    Ok(members)
}

fn tell(system: &str, operation: Operation, connections: u64, sample: &Sample) {
    let sample = &mut sample.clone();
    eprintln!(
        "  {} at {connections}: {system} {:.0} a second, p50 {:.2} ms, p99 {:.2} ms",
        operation.name(),
        sample.per_second(),
        sample.percentile(50),
        sample.percentile(99)
    );
    if sample.refused > 0 {
        eprintln!("    {} refused for lack of points", sample.refused);
    }
}

/// laurel over PostgreSQL: over all rounds, and the lowest and highest of the rounds.
fn ratio(line: &Line) -> Option<(f64, f64, f64)> {
    let (postgres, laurel) = (line.postgres.as_ref()?, line.laurel.as_ref()?);
    let rounds = laurel.rates.iter().zip(&postgres.rates).map(|(a, b)| a / b);
    let (low, high) = rounds.fold((f64::INFINITY, 0.0), |(low, high), x| (x.min(low), x.max(high)));
    Some((laurel.sample.per_second() / postgres.sample.per_second(), low, high))
}

fn print_lines(lines: &mut [Line]) {
    let mut rows = Vec::new();
    for line in lines {
        let ratio =
            ratio(line).map_or("-".into(), |(all, low, high)| format!("{all:.2} ({low:.2}-{high:.2})"));
        let systems =
            [("PostgreSQL", &mut line.postgres, "1".to_owned()), ("laurel", &mut line.laurel, ratio)];
        for (system, figures, ratio) in systems {
            if let Some(figures) = figures {
                let head = [system.to_owned(), line.operation.name().into(), line.connections.to_string()];
                rows.push([head.to_vec(), figures.cells(ratio, line.fdatasync)].concat());
            }
        }
    }
    let headers = [
        "system",
        "operation",
        "connections",
        "per second",
        "p50 ms",
        "p99 ms",
        "ratio (rounds)",
        "fdatasync/s",
        "x limit",
        "flushes/s",
        "of limit",
    ];
    table::print(&headers, 2, &rows);
    println!(
        "\nfdatasync/s: small durable writes one after the other, the best of those before each round: the machine's limit.\n\
         x limit: operations per second over it. flushes/s: what the device did meanwhile; of limit: their share of it."
    );
}

impl Figures {
    fn cells(&mut self, ratio: String, fdatasync: f64) -> Vec<String> {
        let rate = self.sample.per_second();
        let flushes = (self.flush_seconds > 0.0).then(|| self.flushes as f64 / self.flush_seconds);
        vec![
            format!("{rate:.0}"),
            format!("{:.2}", self.sample.percentile(50)),
            format!("{:.2}", self.sample.percentile(99)),
            ratio,
            format!("{fdatasync:.0}"),
            format!("{:.2}", rate / fdatasync),
            flushes.map_or("-".into(), |flushes| format!("{flushes:.0}")),
            flushes.map_or("-".into(), |flushes| format!("{:.0} %", 100.0 * flushes / fdatasync)),
        ]
    }
}

/// What the project promises of these figures.
fn print_goals(lines: &mut [Line]) {
    let mut rows = Vec::new();
    for line in lines.iter_mut().filter(|line| line.connections == 16 || line.connections == 64) {
        let what = format!("{} at {}", line.operation.name(), line.connections);
        if let Some((ratio, ..)) = ratio(line) {
            let verdict = if ratio >= 4.0 {
                "met, and the aim of 4"
            } else if ratio >= 2.5 {
                "met"
            } else {
                "missed"
            };
            rows.push(vec![
                what.clone(),
                "at least 2.5 x PostgreSQL".into(),
                format!("{ratio:.2}"),
                verdict.into(),
            ]);
        }
        if let (64, Some(laurel)) = (line.connections, &mut line.laurel) {
            let p99 = laurel.sample.percentile(99);
            let verdict = if p99 <= 15.0 { "met" } else { "missed" };
            rows.push(vec![what, "p99 at most 15 ms".into(), format!("{p99:.2}"), verdict.into()]);
        }
    }
    if !rows.is_empty() {
        println!();
        table::print(&["goal", "", "measured", ""], 4, &rows);
    }
}
