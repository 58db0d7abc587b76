//! What a read costs beside another: a member with tags that follow from rules, and a card's scan.

use crate::http::{Connection, Request};
use crate::laurel::{self, Server};
use crate::load::{Sample, Window};
use crate::traffic::{Fill, Find, Members, Random, Read, SCANNED, Scan};
use crate::work::Folder;
use crate::{Result, Setup, machine, table};
use clap::Args;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: Setup,
    /// Members of each server
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    members: u64,
    /// Orders of each member
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    orders: u64,
    /// How long each turn is measured; a card's code is good for half a minute at least
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=20))]
    seconds: u64,
    /// How often the two take turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

/// Rules as a shop has them: id, fact, operator and value. None asks for the entries of the past.
const RULES: [(&str, &str, &str, &str); 10] = [
    ("spender", "orders.amount", ">=", "\"500.00\""),
    ("regular", "orders.count", ">=", "3"),
    ("grown", "growth", ">=", "500"),
    ("busy", "period_growth", ">=", "100"),
    ("rich", "points.available", ">=", "1000"),
    ("ending", "points.expiring_30d", ">", "0"),
    ("new", "registered_at", "within_days", "30"),
    ("silver_up", "tier", ">=", "\"silver\""),
    ("awake", "lifecycle", "=", "\"active\""),
    ("first_store", "channel", "=", "\"store:0001\""),
];

/// One of a pair: all answers of its turns, and the median of each, in milliseconds.
#[derive(Default)]
struct Side {
    sample: Sample,
    medians: Vec<f64>,
}

impl Side {
    fn add(&mut self, mut sample: Sample) {
        self.medians.push(sample.percentile(50));
        self.sample.add(sample);
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    println!("{}", machine::describe());
    let work = Folder::new(&options.setup.work, options.setup.keep)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows =
        vec![runtime.block_on(tags(options, work.path()))?, runtime.block_on(scan(options, work.path()))?];
    println!(
        "{} members with {} orders each, {} rounds of {} s, one connection, load average now {}\n",
        options.members,
        options.orders,
        options.rounds,
        options.seconds,
        machine::load_average()
    );
    table::print(&["read", "p50", "beside", "p50", "ratio (rounds)", "goal", ""], 1, &rows);
    Ok(())
}

fn window(options: &Options) -> Window {
    Window { warmup: Duration::from_secs(1), measured: Duration::from_secs(options.seconds) }
}

async fn filled(server: &Server, options: &Options) -> Result<Members> {
    let members = server.register(options.members).await?;
    let fill = |next| Fill {
        next,
        members: Arc::clone(&members),
        orders_each: options.orders,
        name: "fill",
        keyed: false,
        fixed: None,
    };
    server.fill(fill).await?;
    Ok(members)
}

/// Two servers in turn, which differ in ten tags; the one whose turn it is not stands still.
async fn tags(options: &Options, work: &Path) -> Result<Vec<String>> {
    let tagged = work.join("tagged-program.json");
    std::fs::write(&tagged, with_tags(&laurel::program(&options.setup)?)?)?;
    let with = Setup { program: Some(tagged), ..options.setup.clone() };
    let mut servers = Vec::new();
    for (name, setup) in [("plain", &options.setup), ("tagged", &with)] {
        eprintln!("{name}");
        let server = Server::start(setup, work, name)?;
        let members = filled(&server, options).await?;
        machine::signal("-STOP", &[server.process()])?;
        servers.push((server, members));
    }
    let mut sides = [Side::default(), Side::default()];
    for round in 0..options.rounds {
        for turn in 0..2 {
            let at = ((turn + round) % 2) as usize;
            let (server, members) = &servers[at];
            machine::flush()?;
            machine::signal("-CONT", &[server.process()])?;
            let read = |random| Read { random, count: u64::MAX };
            let traffic = Random::connections(members, 1 + 2 * round + turn, 1, false).map(read).collect();
            let (_, sample) = server.drive(traffic, window(options)).await?;
            machine::signal("-STOP", &[server.process()])?;
            sides[at].add(sample);
        }
    }
    for (server, _) in &servers {
        machine::signal("-CONT", &[server.process()])?;
    }
    Ok(row(["GET /members/{id}", "with ten rule tags"], sides, 1.2))
}

/// One server in turn: members are found by their numbers, and scanned by their cards.
async fn scan(options: &Options, work: &Path) -> Result<Vec<String>> {
    eprintln!("cards");
    let server = Server::start(&options.setup, work, "cards")?;
    let members = filled(&server, options).await?;
    let mut sides = [Side::default(), Side::default()];
    for round in 0..options.rounds {
        for turn in 0..2 {
            let random = Random::connections(&members, 1 + 2 * round + turn, 1, false);
            let at = ((turn + round) % 2) as usize;
            let sample = match at {
                0 => server.drive(random.map(Find).collect(), window(options)).await?.1,
                _ => {
                    let tokens = codes(&server, &members).await?;
                    let scan = |random| Scan { random, tokens: Arc::clone(&tokens) };
                    server.drive(random.map(scan).collect(), window(options)).await?.1
                }
            };
            sides[at].add(sample);
        }
    }
    Ok(row(["POST /members/find", "POST /scan"], sides, 1.1))
}

/// What the cards of some members show now.
async fn codes(server: &Server, members: &Members) -> Result<Arc<[Box<str>]>> {
    let mut connection = Connection::open(&server.target).await?;
    let mut request = Request::new(&server.target);
    let mut codes: Vec<Box<str>> = Vec::new();
    for member in members.iter().take(SCANNED) {
        request.get(format_args!("/members/{member}/card"));
        let reply = connection.send(&mut request).await?;
        let card: serde_json::Value = serde_json::from_slice(reply.body)?;
        codes.push(card["token"].as_str().ok_or_else(|| format!("no card in {card}"))?.into());
    }
    Ok(codes.into())
}

/// The programme with ten tags that follow from rules.
fn with_tags(programme: &str) -> Result<String> {
    let mut programme: serde_json::Value = serde_json::from_str(programme)?;
    let mut tags = Vec::new();
    for (id, fact, op, value) in RULES {
        let value: serde_json::Value = serde_json::from_str(value)?;
        tags.push(serde_json::json!({"id": id, "when": {"fact": fact, "op": op, "value": value}}));
    }
    programme["tags"] = tags.into();
    Ok(programme.to_string())
}

/// What was read, and beside it the other; their ratio over all, and of the lowest and the highest round.
fn row([one, other]: [&str; 2], [mut first, mut second]: [Side; 2], most: f64) -> Vec<String> {
    let (low, high) = (first.sample.percentile(50), second.sample.percentile(50));
    let ratio = high / low;
    vec![
        one.to_owned(),
        format!("{low:.3} ms"),
        other.to_owned(),
        format!("{high:.3} ms"),
        bracket(ratio, &second.medians, &first.medians),
        format!("at most {most}"),
        if ratio <= most { "met" } else { "missed" }.to_owned(),
    ]
}

fn bracket(all: f64, tops: &[f64], bottoms: &[f64]) -> String {
    let rounds = tops.iter().zip(bottoms).map(|(top, bottom)| top / bottom);
    let (low, high) =
        rounds.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), x| (low.min(x), high.max(x)));
    format!("{all:.2} ({low:.2}-{high:.2})")
}

#[cfg(test)]
mod tests {
    use super::{bracket, with_tags};

    #[test]
    fn ratios_are_of_rounds() {
        assert_eq!(bracket(1.0, &[1.0, 3.0], &[2.0, 2.0]), "1.00 (0.50-1.50)");
    }

    #[test]
    fn the_programme_gets_ten_tags() {
        let text = with_tags(include_str!("../program.json")).unwrap_or_default();
        let programme: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(programme["tags"].as_array().map(Vec::len), Some(10));
    }
}
