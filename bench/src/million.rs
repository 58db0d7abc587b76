//! The engine at the size it is made for: memory, disk, restart, reads.

use crate::http::{Connection, Request};
use crate::laurel::Server;
use crate::load::{Sample, Traffic, Window};
use crate::traffic::{Earn, Fill, Members, Random, Read};
use crate::work::Folder;
use crate::{Result, Setup, disk, machine, table};
use clap::Args;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MEGABYTE: f64 = 1_000_000.0;
/// Members whose ledgers are asked how many entries they hold.
const ASKED: u64 = 500;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Members
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    members: u64,
    /// Orders of each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    entries: u64,
    /// Members of the second disk figure, with an Idempotency-Key on every order
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    keyed_members: u64,
    /// Members of the server whose reads are the measure of the big one's
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    few_members: u64,
    /// Reads in each of three turns
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    reads: u64,
    /// How often it is killed and started again
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    kills: u64,
}

/// What is printed: a figure, what it was, what it may be at most.
type Row = Vec<String>;

pub(crate) fn run(options: &Options) -> Result<()> {
    println!("{}", machine::describe());
    let work = Folder::new(&options.setup.work, options.setup.keep)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = runtime.block_on(measure(options, work.path()))?;
    rows.extend(runtime.block_on(measure_keyed(options, work.path()))?);
    println!(
        "{} members with {} orders each, load average now {}\n",
        options.members,
        options.entries,
        machine::load_average()
    );
    table::print(&["figure", "measured", "at most"], 1, &rows);
    Ok(())
}

async fn measure(options: &Options, work: &Path) -> Result<Vec<Row>> {
    eprintln!("few members");
    let few = Server::start(&options.setup, work, "few")?;
    let few_members = filled(&few, options.few_members, options.entries, false).await?;
    eprintln!("many members");
    let mut many = Server::start(&options.setup, work, "many")?;
    let members = filled(&many, options.members, options.entries, false).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut rows = memory(&many, "after the orders", "300 MB")?;

    let (low, high) = reads(options, (&few, &few_members), (&many, &members)).await?;
    rows.push(row(format!("read p50 at {} members", options.few_members), format!("{low:.3} ms"), ""));
    rows.push(row(format!("read p50 at {} members", options.members), format!("{high:.3} ms"), ""));
    rows.push(row("their ratio", format!("{:.2}", high / low), "2"));
    drop(few);

    let entries = entries_each(&many, &members).await?;
    let more = Arc::new(AtomicU64::new(0));
    rows.extend(kills(options, &mut many, &members, &more).await?);
    rows.extend(memory(&many, "after the last start", "")?);
    many.stop()?;
    let content = Content::new(options.members, options.entries, entries, more.load(Ordering::Relaxed));
    rows.extend(disk_rows(&mut many, &content, "by natural key", "450 B")?);
    Ok(rows)
}

async fn measure_keyed(options: &Options, work: &Path) -> Result<Vec<Row>> {
    eprintln!("an Idempotency-Key on every order");
    let mut keyed = Server::start(&options.setup, work, "keyed")?;
    let members = filled(&keyed, options.keyed_members, options.entries, true).await?;
    let entries = entries_each(&keyed, &members).await?;
    keyed.stop()?;
    let what = format!("with a header's key, {} members", options.keyed_members);
    let content = Content::new(options.keyed_members, options.entries, entries, 0);
    disk_rows(&mut keyed, &content, &what, "")
}

async fn filled(server: &Server, count: u64, orders_each: u64, keyed: bool) -> Result<Members> {
    let members = server.register(count).await?;
    let fill =
        |next| Fill { next, members: Arc::clone(&members), orders_each, name: "fill", keyed, fixed: None };
    server.fill(fill).await?;
    Ok(members)
}

fn memory(server: &Server, when: &str, most: &str) -> Result<Vec<Row>> {
    let megabytes =
        |figure| server.memory_kb(figure).map(|kb| format!("{:.0} MB", kb as f64 * 1024.0 / MEGABYTE));
    Ok(vec![
        row(format!("resident memory {when}"), megabytes("VmRSS")?, most),
        row(format!("of it not file pages {when}"), megabytes("RssAnon")?, ""),
        row(format!("its peak {when}"), megabytes("VmHWM")?, ""),
    ])
}

/// The median read of each server, in milliseconds, taken in turns from one connection.
async fn reads(options: &Options, few: (&Server, &Members), many: (&Server, &Members)) -> Result<(f64, f64)> {
    let mut samples = [Sample::default(), Sample::default()];
    // The first turn warms both and is not counted.
    for turn in 0..4 {
        for (sample, (server, members)) in samples.iter_mut().zip([few, many]) {
            let read = |random| Read { random, count: options.reads };
            let traffic = Random::connections(members, turn, 1, false).map(read).collect();
            let (_, measured) = server.drive(traffic, Window::WHOLE).await?;
            if turn > 0 {
                sample.add(measured);
            }
        }
    }
    let [mut few, mut many] = samples;
    Ok((few.percentile(50), many.percentile(50)))
}

/// Entries in a member's ledger on average: the orders, and what tiers and badges added.
async fn entries_each(server: &Server, members: &Members) -> Result<f64> {
    let mut connection = Connection::open(&server.target).await?;
    let mut request = Request::new(&server.target);
    let count = ASKED.min(members.len() as u64);
    let mut entries = 0;
    for i in 0..count {
        let member = &members[(i * members.len() as u64 / count) as usize];
        let mut cursor = String::new();
        loop {
            request.get(format_args!("/members/{member}/ledger?limit=200{cursor}"));
            let reply = connection.send(&mut request).await?;
            let page: serde_json::Value = serde_json::from_slice(reply.body)?;
            let list = page.as_object().and_then(|page| page.values().find_map(|value| value.as_array()));
            entries += list.ok_or_else(|| format!("no ledger in {}: {page}", reply.status))?.len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    Ok(entries as f64 / count as f64)
}

/// Orders that were answered, counted even when the connection is cut later.
struct Counted(Earn, Arc<AtomicU64>);

impl Traffic for Counted {
    fn next(&mut self, request: &mut Request) -> bool {
        self.0.next(request)
    }

    fn answered(&mut self, _body: &[u8]) -> Result<()> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Kills the server under load, again and again, and times it until it serves.
async fn kills(
    options: &Options,
    server: &mut Server,
    members: &Members,
    answered: &Arc<AtomicU64>,
) -> Result<Vec<Row>> {
    let mut times = Vec::new();
    for kill in 0..options.kills {
        let traffic: Vec<_> = Random::connections(members, 1000 + kill, 16, false)
            .map(|random| Counted(Earn(random), Arc::clone(answered)))
            .collect();
        let target = server.target.clone();
        let load =
            tokio::spawn(async move { crate::load::drive(&target, traffic, Window::WHOLE).await.map(drop) });
        tokio::time::sleep(Duration::from_millis(700)).await;
        if load.is_finished() {
            load.await??;
        } else {
            server.kill()?;
            // It ends with the connections.
            let _ = load.await;
        }
        times.push(server.restart()?.as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    Ok(vec![
        row("ready after kill -9 under load, median", format!("{median:.0} ms"), "100 ms"),
        row("the longest", format!("{most:.0} ms"), ""),
    ])
}

/// What a store holds, to divide its bytes by.
struct Content {
    orders: f64,
    entries: f64,
    entries_each: f64,
}

impl Content {
    fn new(members: u64, orders_each: u64, entries_each: f64, more_orders: u64) -> Self {
        let (members, more) = (members as f64, more_orders as f64);
        Self {
            orders: members * orders_each as f64 + more,
            entries: members * entries_each + more,
            entries_each,
        }
    }
}

/// Bytes on the disk of a stopped server, before and after `laurel compact`, and that it still starts.
fn disk_rows(server: &mut Server, content: &Content, what: &str, most: &str) -> Result<Vec<Row>> {
    let before = disk::bytes(&server.data)? as f64;
    server.compact()?;
    let after = disk::bytes(&server.data)? as f64;
    let ready = server.restart()?.as_secs_f64() * 1000.0;
    server.stop()?;
    let megabytes = |bytes| format!("{:.0} MB", bytes / MEGABYTE);
    let each = |count| format!("{:.0} B", after / count);
    let line = |figure: &str, measured, most| row(format!("{figure}, {what}"), measured, most);
    Ok(vec![
        line("disk before compaction", megabytes(before), ""),
        line("disk after it", megabytes(after), ""),
        line("ready after compaction", format!("{ready:.0} ms"), ""),
        line("ledger entries of a member", format!("{:.2}", content.entries_each), ""),
        line("disk of an order, members included", each(content.orders), most),
        line("disk of a ledger entry, likewise", each(content.entries), ""),
    ])
}

fn row(what: impl Into<String>, measured: String, most: &str) -> Row {
    vec![what.into(), measured, most.to_owned()]
}
