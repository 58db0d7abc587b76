//! What the feed's readers cost: earns with nobody listening, with three webhooks, and with a second copy, in turn.

use crate::laurel::Server;
use crate::load::{Sample, Window};
use crate::receiver::Receiver;
use crate::traffic::{Earn, Members, Random};
use crate::work::Folder;
use crate::{Result, Setup, machine, table};
use clap::Args;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Members of each server
    #[arg(long, default_value_t = 30_000)]
    members: u64,
    /// How long each is measured in each round
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How long it runs before that
    #[arg(long, default_value_t = 2)]
    warmup: u64,
    /// How often they take turns on each line
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Connections, a table line each
    #[arg(long, value_delimiter = ',', default_value = "16,64", value_parser = clap::value_parser!(u64).range(1..=64))]
    connections: Vec<u64>,
    /// What the three webhooks hear
    #[arg(long, default_value = "*")]
    types: String,
}

/// A server with those who listen to it.
struct Contender {
    name: &'static str,
    server: Server,
    members: Members,
    follower: Option<Child>,
    /// Its rates of a line, one a round
    rates: Vec<f64>,
    /// The server's processor time in that line, and the earns that it went for
    spent_ms: u64,
    earns: u64,
}

impl Contender {
    fn processes(&self) -> Vec<u32> {
        self.follower.iter().map(Child::id).chain([self.server.process()]).collect()
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        if let Some(follower) = &mut self.follower {
            // It may have ended already, which is as good.
            let _ = follower.kill();
            let _ = follower.wait();
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    println!("{}", machine::describe());
    let work = Folder::new(&options.setup.work, options.setup.keep)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let receivers = [Receiver::start(true)?, Receiver::start(true)?, Receiver::start(false)?];
    let mut contenders = Vec::new();
    for name in ["nobody", "webhooks", "copy"] {
        let server = Server::start_with(&options.setup, work.path(), name, &["--allow-local-webhooks"])?;
        let members = runtime.block_on(server.register(options.members))?;
        let follower = match name {
            "webhooks" => {
                receivers.iter().try_for_each(|receiver| {
                    runtime.block_on(server.webhook(receiver.address, &options.types))
                })?;
                None
            }
            "copy" => Some(server.follow(&work.path().join("second"))?),
            _ => None,
        };
        // What it does after its start is not to be measured.
        sleep(Duration::from_secs(2));
        let contender =
            Contender { name, server, members, follower, rates: Vec::new(), spent_ms: 0, earns: 0 };
        machine::signal("-STOP", &contender.processes())?;
        contenders.push(contender);
    }
    let mut rows = Vec::new();
    for (number, &connections) in options.connections.iter().enumerate() {
        for round in 0..options.rounds {
            let run = 1 + number as u64 * options.rounds + round;
            for turn in 0..contenders.len() {
                let at = (turn + round as usize) % contenders.len();
                turn_of(&runtime, &mut contenders[at], run, connections, options)?;
            }
        }
        rows.extend(lines(&mut contenders, connections));
    }
    println!(
        "{} members, {} rounds of {} s after {} s of warm-up; the webhooks hear {:?}, and one receiver of three never answers\n",
        options.members, options.rounds, options.seconds, options.warmup, options.types
    );
    table::print(
        &["listening", "connections", "earns/s", "of nobody's (rounds)", "server's processor, µs an earn"],
        1,
        &rows,
    );
    println!("\ndelivered while earning: {} and {}", receivers[0].received(), receivers[1].received());
    drained(&contenders[1], &receivers)
}

fn turn_of(
    runtime: &tokio::runtime::Runtime,
    contender: &mut Contender,
    run: u64,
    connections: u64,
    options: &Options,
) -> Result<()> {
    machine::flush()?;
    machine::signal("-CONT", &contender.processes())?;
    sleep(Duration::from_millis(300));
    let random = Random::connections(&contender.members, run, connections, false);
    let window = |seconds| Window { warmup: Duration::ZERO, measured: Duration::from_secs(seconds) };
    let traffic: Vec<Earn> = random.map(Earn).collect();
    let (traffic, _) = runtime.block_on(contender.server.drive(traffic, window(options.warmup)))?;
    let before = machine::spent_ms(contender.server.process())?;
    let sample: Sample = runtime.block_on(contender.server.drive(traffic, window(options.seconds)))?.1;
    contender.spent_ms += machine::spent_ms(contender.server.process())? - before;
    contender.earns += sample.latencies.len() as u64;
    machine::signal("-STOP", &contender.processes())?;
    eprintln!("  {} at {connections}: {:.0} a second", contender.name, sample.per_second());
    contender.rates.push(sample.per_second());
    Ok(())
}

/// A line of the table for each; takes the rates.
fn lines(contenders: &mut [Contender], connections: u64) -> Vec<Vec<String>> {
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
    let nobody = contenders[0].rates.clone();
    let line = |contender: &mut Contender| {
        let rates = std::mem::take(&mut contender.rates);
        let rounds = rates.iter().zip(&nobody).map(|(a, b)| a / b);
        let (low, high) = rounds.fold((f64::INFINITY, 0.0), |(low, high), x| (x.min(low), x.max(high)));
        vec![
            contender.name.to_owned(),
            connections.to_string(),
            format!("{:.0}", mean(&rates)),
            format!("{:.3} ({low:.3}-{high:.3})", mean(&rates) / mean(&nobody)),
            format!(
                "{:.1}",
                std::mem::take(&mut contender.spent_ms) as f64 * 1000.0
                    / std::mem::take(&mut contender.earns) as f64
            ),
        ]
    };
    contenders.iter_mut().map(line).collect()
}

/// How fast the server tells what it is behind with, once nobody earns: the best second of fifteen.
fn drained(webhooks: &Contender, receivers: &[Receiver; 3]) -> Result<()> {
    machine::signal("-CONT", &webhooks.processes())?;
    let received = || receivers[0].received() + receivers[1].received();
    let (start, first) = (Instant::now(), received());
    let (mut before, mut best) = (first, 0);
    while start.elapsed() < Duration::from_secs(15) {
        sleep(Duration::from_secs(1));
        let now = received();
        best = best.max(now - before);
        before = now;
    }
    println!(
        "delivered to two receivers once nobody earned: {} in 15 s, {best} in the best second",
        before - first
    );
    Ok(())
}
