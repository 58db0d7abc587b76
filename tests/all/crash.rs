//! `kill -9` under load, again and again: after a restart everything that the real binary acknowledged is
//! there, nothing is there twice, and an unanswered request is done wholly or not at all.
//!
//! `LAUREL_CRASH_CYCLES` says how often (6 unless given).

use std::{
    collections::{BTreeMap, HashSet},
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, Heard},
    histories::chance,
    support::ADMIN_KEY,
};

/// Clients at once.
const CLIENTS: usize = 6;
/// Members that they all work on.
const MEMBERS: usize = 10;
/// Cycles after which they work on others, so that no ledger grows with the number of cycles.
const GENERATION: usize = 100;

// --- The server ---

/// The binary that was built with these tests; built now, once, if it may be out of date.
pub(crate) fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["--bin", "laurel"]).join("laurel")).clone()
}

/// The prefix of the variables in which cargo describes the package to a test.
const TOLD: [&str; 3] = ["CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// Builds these where the tests were built, and returns the folder. Builds as for the whole workspace: then
/// dependencies are built as for the tests, and not again.
pub(crate) fn build(what: &[&str]) -> PathBuf {
    let own = env::current_exe().expect("a path");
    let profile = own.ancestors().nth(2).expect("target/<profile>/deps/<tests>");
    if let Some(cargo) = env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        // The variables that cargo sets for this package's tests: a build script that reads them, such as
        // ring's, would see a change, and much would be rebuilt, here and next time.
        let told = env::vars_os().map(|(name, _)| name);
        let told = told.filter(|name| TOLD.iter().any(|part| name.to_string_lossy().starts_with(part)));
        told.for_each(|name| _ = build.env_remove(name));
        build.args(["build", "--quiet", "--workspace", "--features", "laurel/dynamodb", "--target-dir"]);
        build.arg(profile.parent().expect("target")).args(what);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "{what:?} does not build");
    }
    profile.to_path_buf()
}

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The command that serves a folder on a free port.
    fn command(binary: &Path, folder: &Path) -> (Command, SocketAddr) {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = Command::new(binary);
        command.args(["serve", "--addr", &address.to_string(), "--data"]).arg(folder.join("data"));
        (command, address)
    }

    pub(crate) fn spawn(binary: &Path, folder: &Path) -> Server {
        Server::spawn_with(binary, folder, &[])
    }

    pub(crate) fn spawn_with(binary: &Path, folder: &Path, words: &[&str]) -> Server {
        let (mut command, address) = Server::command(binary, folder);
        command.args(words);
        command.arg("--program").arg(folder.join("program.json"));
        command.env("LAUREL_ADMIN_KEY", ADMIN_KEY).env("RUST_LOG", "off");
        Server::run(command, address)
    }

    fn run(mut command: Command, address: SocketAddr) -> Server {
        let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
        Server { child: child.expect("laurel starts"), address }
    }

    /// Waits until it serves; how long that took.
    pub(crate) fn ready(&mut self) -> Duration {
        let start = Instant::now();
        loop {
            let healthy =
                Client::connect(self.address).and_then(|mut client| client.call("GET", "/healthz", "", None));
            if healthy.is_ok_and(|heard| heard.status == 200) {
                return start.elapsed();
            }
            assert!(start.elapsed() < Duration::from_secs(30), "laurel does not come up");
            assert_eq!(self.child.try_wait().expect("a state"), None, "laurel ended by itself");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a test that failed it would live on; after `kill` it is gone.
        let _ = self.child.kill();
    }
}

// --- What was asked, and what was heard ---

/// A write that was sent, and its answer if one arrived.
#[derive(Clone, Debug)]
struct Deed {
    path: &'static str,
    body: Value,
    key: Option<String>,
    heard: Option<Heard>,
}

impl Deed {
    fn send(&self, client: &mut Client) -> std::io::Result<Heard> {
        client.call("POST", self.path, &self.body.to_string(), self.key.as_deref())
    }

    /// What it added to the member's points.
    fn points(&self) -> i64 {
        let heard = self.heard.as_ref().map_or(Value::Null, Heard::json);
        heard["entry"]["points"].as_i64().unwrap_or(0)
    }

    fn id(&self) -> &str {
        let names = [&self.body["refund_id"], &self.body["order_id"], &self.body["for"]["order_id"]];
        names.into_iter().find_map(Value::as_str).unwrap_or("nothing")
    }
}

/// A client's next request; `own` are the orders that it knows to be recorded.
fn next(name: &str, roll: u64, members: &[String], own: &[(usize, String)]) -> (usize, &'static str, Value) {
    let member = (roll / 1_000) as usize % members.len();
    let id = &members[member];
    let amount = format!("{}.50", 5 + roll / 7 % 90);
    match (roll % 20, own.get((roll / 50) as usize % own.len().max(1))) {
        (0..4, Some((member, order))) => {
            let body =
                json!({"brand": "acme", "order_id": order, "refund": {"amount": "0.50"}, "refund_id": name});
            (*member, "/reverse", body)
        }
        (4..9, _) => {
            let spent = json!({"kind": "order", "order_id": name});
            (member, "/redeem", json!({"member_id": id, "brand": "acme", "points": 1, "for": spent}))
        }
        _ => (
            member,
            "/earn-points",
            json!({"member_id": id, "brand": "acme", "order_id": name, "amount": amount}),
        ),
    }
}

/// Asks until the server is gone.
fn load(
    address: SocketAddr,
    name: &str,
    seed: u64,
    members: &[String],
    stop: &AtomicBool,
) -> Vec<(usize, Deed)> {
    let (mut deeds, mut own) = (Vec::new(), Vec::new());
    let Ok(mut client) = Client::connect(address) else { return deeds };
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("{name}-{number}");
        let roll = chance(seed, number, 5);
        let (member, path, body) = next(&name, roll >> 8, members, &own);
        let key = roll.is_multiple_of(2).then(|| format!("key-{name}"));
        let mut deed = Deed { path, body, key, heard: None };
        let heard = deed.send(&mut client);
        let gone = heard.is_err();
        match heard {
            Ok(heard) if heard.status == 200 => {
                if path == "/earn-points" {
                    own.push((member, name));
                }
                deed.heard = Some(heard);
            }
            // Nothing to spend: a refusal, nothing was written.
            Ok(heard) if heard.json()["code"] == "insufficient_points" => continue,
            Ok(heard) if heard.status == 503 => {}
            Ok(heard) => panic!("{path} {}: {} {}", deed.body, heard.status, heard.json()),
            Err(_) => {}
        }
        deeds.push((member, deed));
        if gone {
            break;
        }
    }
    deeds
}

/// Everything that the test knows.
#[derive(Default)]
struct Oracle {
    members: Vec<String>,
    deeds: Vec<Vec<Deed>>,
    ready: Vec<Duration>,
    /// Unanswered writes that turned out to be done, and not to be.
    found: usize,
    missing: usize,
}

impl Oracle {
    /// Every acknowledged request is there and has the same answer again; the others are repeated now.
    fn check(&mut self, address: SocketAddr, deeds: Vec<(usize, Deed)>) {
        let mut client = Client::connect(address).expect("a connection");
        let newest = self.newest();
        for (member, mut deed) in deeds {
            let again = deed.send(&mut client).expect("an answer");
            match &deed.heard {
                Some(first) => {
                    let same = again.status == 200 && again.body == first.body;
                    assert!(same, "lost: {} {}, now {}", deed.path, deed.body, again.json());
                    assert!(again.replayed, "done twice: {} {}", deed.path, deed.body);
                }
                None if again.status == 200 => {
                    self.found += usize::from(again.replayed);
                    self.missing += usize::from(!again.replayed);
                    deed.heard = Some(again);
                }
                None => {
                    assert_eq!(again.json()["code"], "insufficient_points", "{}", deed.body);
                    continue;
                }
            }
            self.deeds[newest.start + member].push(deed);
        }
        for member in newest {
            let id = &self.members[member];
            let seen = client.get(&format!("/members/{id}"));
            let whole = |field: &str| seen["points"][field].as_i64().unwrap_or(i64::MIN);
            let sum: i64 = self.deeds[member].iter().map(Deed::points).sum();
            let balance = whole("available") + whole("held") - whole("debt");
            assert_eq!(
                balance, sum,
                "the balance of member {member} is not the sum of what was acknowledged"
            );
            let orders = self.deeds[member].iter().filter(|deed| deed.path == "/earn-points").count();
            assert_eq!(seen["stats"]["orders"], json!(orders), "orders of member {member}");
        }
    }

    /// The current members.
    fn newest(&self) -> Range<usize> {
        self.members.len() - MEMBERS..self.members.len()
    }

    /// New members replace the current ones.
    fn begin_generation(&mut self, address: SocketAddr) {
        let mut client = Client::connect(address).expect("a connection");
        for number in self.members.len()..self.members.len() + MEMBERS {
            let identity = json!({"kind": "external", "channel": "crash", "value": format!("m{number}")});
            let body = json!({"identities": [identity], "brand": "acme"}).to_string();
            let heard = client.call("POST", "/register", &body, None).expect("an answer");
            self.members.push(heard.json()["member"]["id"].as_str().expect("registered").to_owned());
            self.deeds.push(Vec::new());
        }
    }

    /// The ledgers of those members hold each request once, add up, and have no gap.
    fn check_ledgers(&self, address: SocketAddr, members: Range<usize>) {
        let mut client = Client::connect(address).expect("a connection");
        for member in members {
            let id = &self.members[member];
            let (mut cursor, mut entries) = (String::new(), Vec::new());
            loop {
                let page = client.get(&format!("/members/{id}/ledger?limit=200{cursor}"));
                entries.extend(page["entries"].as_array().expect("entries").iter().cloned());
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let mut sum = 0;
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            let mut seen = HashSet::new();
            for (index, entry) in entries.iter().rev().enumerate() {
                sum += entry["points"].as_i64().expect("points");
                assert_eq!(entry["seq"], json!(index + 1));
                assert_eq!(entry["balance_after"], json!(sum));
                *kinds.entry(entry["kind"].to_string()).or_default() += 1;
                assert!(seen.insert(entry["id"].to_string()), "twice: {entry}");
            }
            let ids: HashSet<&str> = self.deeds[member].iter().map(Deed::id).collect();
            assert_eq!(ids.len(), self.deeds[member].len());
            for (path, kind) in
                [("/earn-points", "earn"), ("/redeem", "redeem"), ("/reverse", "reverse_earn")]
            {
                let wanted = self.deeds[member].iter().filter(|deed| deed.path == path).count();
                let found = kinds.get(&json!(kind).to_string()).copied().unwrap_or(0);
                assert_eq!(found, wanted, "{kind} entries of member {member}");
            }
        }
    }

    /// Every request of all cycles gets its first answer once more.
    fn check_all_again(&self, address: SocketAddr) {
        thread::scope(|scope| {
            for some in self.deeds.chunks(self.deeds.len().div_ceil(CLIENTS)) {
                scope.spawn(move || {
                    let mut client = Client::connect(address).expect("a connection");
                    for deed in some.iter().flatten() {
                        let again = deed.send(&mut client).expect("an answer");
                        let first = deed.heard.as_ref().expect("heard by now");
                        assert!(again.replayed && again.body == first.body, "lost: {}", deed.body);
                    }
                });
            }
        });
    }

    fn report(&mut self, cycles: usize) {
        self.ready.sort();
        let at = |percent: usize| self.ready[(self.ready.len() - 1) * percent / 100].as_micros();
        let deeds: usize = self.deeds.iter().map(Vec::len).sum();
        println!(
            "{cycles} cycles of kill -9: {} acknowledged writes, lost 0, doubled 0; \
             {} unanswered: {} had been done, {} had not; ready again: p50 {} µs, p99 {} µs, worst {} µs",
            deeds - self.found - self.missing,
            self.found + self.missing,
            self.found,
            self.missing,
            at(50),
            at(99),
            at(100)
        );
    }
}

/// The clients' requests and answers, until the server was killed.
fn load_and_kill(server: Server, members: &[String], cycle: usize, roll: u64) -> Vec<(usize, Deed)> {
    let (address, stop) = (server.address, &AtomicBool::new(false));
    thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| {
            let name = format!("{cycle}-{client}");
            let seed = roll ^ client as u64;
            scope.spawn(move || load(address, &name, seed, members, stop))
        });
        let clients: Vec<_> = clients.collect();
        thread::sleep(Duration::from_millis(20 + roll % 130));
        server.kill();
        stop.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

/// Points for ever, one for each unit: a balance is the sum of what was answered.
fn plain_program() -> Value {
    json!({
        "name": "Crash Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}],
        "points": {"per_unit": "1", "expiry": {"mode": "never"}},
        "growth": {"per_unit": "0"},
        "tiers": [{"id": "basic", "growth": 0}],
    })
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_nothing_is_there_twice() {
    let cycles: usize = env::var("LAUREL_CRASH_CYCLES").map_or(6, |text| text.parse().expect("a number"));
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("program.json"), plain_program().to_string()).expect("written");
    let mut server = Server::spawn(&binary, folder.path());
    server.ready();
    let mut oracle = Oracle::default();
    for cycle in 0..cycles {
        if cycle.is_multiple_of(GENERATION) {
            oracle.begin_generation(server.address);
        }
        let roll = chance(2026, cycle, 9);
        let deeds = load_and_kill(server, &oracle.members[oracle.newest()], cycle, roll);
        // Sometimes it is killed again while it starts.
        if roll.is_multiple_of(5) {
            let starting = Server::spawn(&binary, folder.path());
            thread::sleep(Duration::from_millis(roll / 5 % 12));
            starting.kill();
        }
        server = Server::spawn(&binary, folder.path());
        oracle.ready.push(server.ready());
        oracle.check(server.address, deeds);
        if cycle.is_multiple_of(25) {
            oracle.check_ledgers(server.address, oracle.newest());
        }
    }
    oracle.check_ledgers(server.address, 0..oracle.members.len());
    oracle.check_all_again(server.address);
    server.kill();
    oracle.report(cycles);
}

#[test]
fn a_first_start_that_is_killed_leaves_nothing_half_made() {
    let binary = binary();
    for attempt in 0..8 {
        let folder = tempfile::tempdir().expect("a folder");
        let start = || {
            let (mut command, address) = Server::command(&binary, folder.path());
            command.env_remove("LAUREL_ADMIN_KEY").env_remove("LAUREL_MASTER_KEY").env("RUST_LOG", "off");
            Server::run(command, address)
        };
        let killed = start();
        thread::sleep(Duration::from_millis(chance(attempt, 0, 11) % 60));
        killed.kill();
        let mut server = start();
        server.ready();
        for file in ["admin-key", "master-key"] {
            let text = std::fs::read_to_string(folder.path().join("data").join(file)).expect("a key");
            assert_eq!(text.trim().len(), 64, "{file}");
        }
        server.kill();
    }
}
