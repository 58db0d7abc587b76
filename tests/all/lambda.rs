//! The functions' own Lambda binaries, from a request by URL or a schedule's event down to DynamoDB Local:
//! `lambda-gateway` replaces Lambda. Other tests check what a function answers; these check that instances
//! which share only a table do everything once.
//!
//! `LAUREL_SWEEP_MEMBERS` says how many members the sweep that is cut off has (300 unless given). Without
//! DynamoDB Local these are skipped and say so.

use std::{
    collections::HashSet,
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use store_dynamodb::local::Local;
use tempfile::TempDir;

use crate::{
    client::{Client, Heard},
    crash::{binary, build},
    histories::chance,
    support::{ADMIN_KEY, START, program},
};

const MASTER_KEY: &str = "tests-master-key-0123456789abcdef";

/// Builds the functions for tests, once.
fn functions() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let names = infra::DEPLOYED.iter().flat_map(|row| ["--bin", row.name()]);
        build(&[names.collect(), vec!["--features", "test-clock"]].concat())
    })
}

/// A gateway over a table, and the folder it was started in.
pub(crate) struct Gateway {
    process: Child,
    address: SocketAddr,
    pub(crate) table: String,
    endpoint: String,
    folder: TempDir,
}

impl Gateway {
    /// Over a new table with the usual programme; requests go to three instances of each function in
    /// turns.
    fn usual(local: &Local) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
        let words = ["--create-table", "--program", "program.json", "--test-clock", START];
        Gateway::start(local, folder, &new_table(), &words)
    }

    /// The same, which also hands the table's stream to `react`, in that manner.
    pub(crate) fn streaming(local: &Local, manner: &str) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
        let words = ["--create-table", "--program", "program.json", "--test-clock", START];
        Gateway::start_as(local, folder, &new_table(), &words, Some(manner))
    }

    fn start(local: &Local, folder: TempDir, table: &str, words: &[&str]) -> Gateway {
        Gateway::start_as(local, folder, table, words, None)
    }

    fn start_as(
        local: &Local,
        folder: TempDir,
        table: &str,
        words: &[&str],
        stream: Option<&str>,
    ) -> Gateway {
        let (functions, _) = (functions(), binary());
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-gateway"));
        command.current_dir(folder.path()).args(["serve", "--addr", &address.to_string()]);
        command.args(["--table", table, "--endpoint", &local.endpoint()]).args(words);
        command.env("LAUREL_ADMIN_KEY", ADMIN_KEY).env("LAUREL_MASTER_KEY", MASTER_KEY);
        command.env("LAMBDA_GATEWAY_FUNCTIONS", functions).env("LAMBDA_GATEWAY_IN_TURNS", "1");
        command.env("RUST_LOG", "off").env("LAUREL_LOG", "off");
        command.envs(stream.map(|manner| ("LAMBDA_GATEWAY_STREAM", manner)));
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        let (table, endpoint) = (table.to_owned(), local.endpoint());
        let mut gateway = Gateway { process, address, table, endpoint, folder };
        gateway.ready();
        gateway
    }

    fn ready(&mut self) {
        let start = Instant::now();
        loop {
            let healthy =
                Client::connect(self.address).and_then(|mut client| client.call("GET", "/healthz", "", None));
            if healthy.is_ok_and(|heard| heard.status == 200) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the gateway does not come up");
            assert_eq!(self.process.try_wait().unwrap(), None, "the gateway ended by itself");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    fn call(&self, method: &str, path: &str, body: &Value, key: Option<&str>) -> Heard {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.client().call(method, path, &body, key).unwrap()
    }

    pub(crate) fn ok(&self, method: &str, path: &str, body: &Value) -> Value {
        let heard = self.call(method, path, body, None);
        assert!(heard.status < 300, "{method} {path}: {} {}", heard.status, heard.json());
        heard.json()
    }

    /// Moves the clock, whichever instance hears of it.
    fn at(&self, instant: &str) {
        let heard = self.client().call_with("GET", "/program", "", &[("Test-Clock", instant)]).unwrap();
        assert_eq!(heard.status, 200, "{}", heard.json());
    }

    pub(crate) fn member(&self, name: &str) -> String {
        let identity = json!({"kind": "external", "channel": "tests", "value": name});
        let body = json!({"identities": [identity], "brand": "acme"});
        self.ok("POST", "/register", &body)["member"]["id"].as_str().unwrap().to_owned()
    }

    fn available(&self, member: &str) -> Value {
        self.ok("GET", &format!("/members/{member}"), &Value::Null)["points"]["available"].clone()
    }

    /// Invokes the function, as a schedule does, for at most that long.
    pub(crate) fn invoke(&self, function: &str, event: &Value, limit: Duration) -> Value {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let limit = limit.as_millis().to_string();
        let headers = [("Lambda-Gateway-Time-Limit-Ms", limit.as_str())];
        let mut client = Client::patient(self.address).unwrap();
        let heard = client.call_with("POST", &path, &event.to_string(), &headers).unwrap();
        assert_eq!(heard.status, 200, "{}", heard.json());
        heard.json()
    }

    /// Runs `laurel` here, on the table; what it said if it went well.
    fn laurel(&self, words: &[&str]) -> String {
        let table = ["--table", &self.table, "--endpoint", &self.endpoint];
        laurel(self.folder.path(), &[words, &table].concat())
    }
}

impl Drop for Gateway {
    /// Stops it as an operator does; what it started must end with it.
    fn drop(&mut self) {
        let stopped = Command::new("kill").arg(self.process.id().to_string()).status();
        let ended = self.process.wait();
        if !thread::panicking() {
            assert!(stopped.unwrap().success() && ended.unwrap().success(), "it did not stop as it should");
        }
    }
}

/// A name that no other table has.
fn new_table() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("lambda-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn laurel(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(words).env("RUST_LOG", "off");
    let output = command.env("LAUREL_ADMIN_KEY", ADMIN_KEY).env("LAUREL_MASTER_KEY", MASTER_KEY).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "laurel {}\n{said}", words.join(" "));
    said
}

fn code(heard: &Heard) -> String {
    heard.json()["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_one_instance_did_every_other_knows() {
    let Some(local) = Local::shared() else { return };
    let gateway = Gateway::usual(local);
    let member = gateway.member("somebody");
    let spent_on = |id: &str| json!({"kind": "order", "order_id": id});
    let order = |id: &str| json!({"member_id": member, "brand": "acme", "order_id": id, "amount": "100"});
    let redeem = |id: &str| json!({"member_id": member, "brand": "acme", "points": 30, "for": spent_on(id)});
    let refund =
        |id: &str| json!({"brand": "acme", "order_id": "A-0", "refund": {"amount": "7"}, "refund_id": id});
    let adjust = |id: &str| json!({"member_id": member, "brand": "acme", "points": 5, "reason": "r", "adjustment_id": id});
    let person = |id: &str| json!({"brand": "acme", "identities": [{"kind": "email", "value": format!("{id}@example.com")}]});
    let caller = |id: &str| json!({"name": id, "roles": ["storefront"], "brand": "acme"});
    gateway.ok("POST", "/earn-points", &order("A-0"));
    type Row<'a> = (&'a str, &'a dyn Fn(&str) -> Value);
    let rows: [Row<'_>; 6] = [
        ("/earn-points", &order),
        ("/redeem", &redeem),
        ("/reverse", &refund),
        ("/adjust", &adjust),
        ("/register", &person),
        ("/keys", &caller),
    ];
    for (path, body) in rows {
        let key = format!("key-of{}", path.replace('/', "-"));
        let first = gateway.call("POST", path, &body("one"), Some(&key));
        assert!(first.status < 300 && !first.replayed, "{path}: {} {}", first.status, first.json());
        for _ in 0..3 {
            let again = gateway.call("POST", path, &body("one"), Some(&key));
            assert_eq!(again, Heard { replayed: true, ..first.clone() }, "{path}");
        }
        let other = gateway.call("POST", path, &body("two"), Some(&key));
        assert_eq!((other.status, code(&other).as_str()), (422, "idempotency_key_reused"), "{path}");
    }
    assert_eq!(gateway.available(&member), json!(100 + 100 - 30 - 7 + 5));

    // A new caller's key opens at once, wherever it is shown, and a revoked one nowhere.
    let made = gateway.ok("POST", "/keys", &caller("till"));
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let show = || {
        let mut client = Client::with_key(gateway.address, key).unwrap();
        client.call("GET", &format!("/members/{member}"), "", None).unwrap().status
    };
    assert_eq!([show(), show(), show()], [200; 3]);
    gateway.ok("DELETE", &format!("/keys/{id}"), &Value::Null);
    assert_eq!([show(), show(), show()], [401; 3]);
    gateway.laurel(&["audit"]);
}

/// Sends all at once, each over a connection of its own.
fn all_at_once(gateway: &Gateway, path: &str, bodies: &[Value]) -> Vec<Heard> {
    thread::scope(|scope| {
        let ask = |body| scope.spawn(move || gateway.call("POST", path, body, None));
        let asked: Vec<_> = bodies.iter().map(ask).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

#[test]
fn instances_at_once_do_it_once() {
    let Some(local) = Local::shared() else { return };
    let gateway = Gateway::usual(local);
    let member = gateway.member("somebody");
    let order = json!({"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "100"});
    let heard = all_at_once(&gateway, "/earn-points", &vec![order; 9]);
    let bodies: HashSet<&[u8]> = heard.iter().map(|heard| &heard.body[..]).collect();
    assert_eq!((heard[0].status, bodies.len()), (200, 1), "one answer");
    assert_eq!(heard.iter().filter(|heard| !heard.replayed).count(), 1, "done once");

    let redemption = |number: u32| {
        let spent_on = json!({"kind": "order", "order_id": format!("B-{number}")});
        json!({"member_id": member, "brand": "acme", "points": 30, "for": spent_on})
    };
    let heard = all_at_once(&gateway, "/redeem", &(0..9).map(redemption).collect::<Vec<_>>());
    let verdicts = |status: u16| heard.iter().filter(|heard| heard.status == status).count();
    assert_eq!((verdicts(200), verdicts(409)), (3, 6), "{heard:?}");
    assert_eq!(gateway.available(&member), json!(10));

    let identity = json!({"kind": "email", "value": "li@example.com"});
    let person = json!({"brand": "acme", "identities": [identity]});
    let heard = all_at_once(&gateway, "/register", &vec![person; 9]);
    let ids: HashSet<String> = heard.iter().map(|heard| heard.json()["member"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "one member");
    assert_eq!(heard.iter().filter(|heard| heard.status == 201).count(), 1, "registered once");
    gateway.laurel(&["audit"]);
}

#[test]
fn what_comes_by_url_is_a_request_and_what_is_invoked_is_an_event() {
    let Some(local) = Local::shared() else { return };
    let gateway = Gateway::usual(local);
    let schedule = include_str!("../../events/expire-points.schedule.json");
    let event: Value = serde_json::from_str(schedule).unwrap();
    let mut stranger = Client::with_key(gateway.address, "nobody-knows-this-key-0123456789").unwrap();
    let mut ask = |method: &str, path: &str, body: &str| {
        let heard = stranger.call(method, path, body, None).unwrap();
        (heard.status, code(&heard))
    };
    let unknown = (401, "unauthenticated".to_owned());
    assert_eq!(
        ask("POST", "/expire-points", schedule),
        unknown,
        "a schedule's event by URL is no schedule's"
    );
    assert_eq!(ask("GET", "/members/mbr_1", ""), unknown);
    assert_eq!(ask("POST", "/no-such-function", "{}"), (404, "not_found".to_owned()));
    let broken = gateway.client().call("POST", "/register", "{", None).unwrap();
    assert_eq!((broken.status, code(&broken).as_str()), (400, "malformed_json"));

    let day = Duration::from_secs(60);
    let refused = gateway.invoke("redeem", &event, day);
    assert_eq!(refused["errorType"], "forbidden", "{refused}");
    for function in ["expire-points", "evaluate-tier"] {
        let told = gateway.invoke(function, &event, day);
        assert_eq!((&told["done"], &told["members"]), (&json!(true), &json!(0)), "{told}");
    }

    // Time passes; what a schedule's run writes down, another function's instance shows.
    let member = gateway.member("somebody");
    let order = json!({"member_id": member, "brand": "acme", "order_id": "A-1", "amount": "100"});
    gateway.ok("POST", "/earn-points", &order);
    gateway.at("2028-01-01T00:10:00+08:00");
    let event = json!({"as_of": "2027-12-31T16:00:00Z", "part": 0, "parts": 1});
    let told = gateway.invoke("expire-points", &event, day);
    assert_eq!((&told["done"], &told["points_expired"]), (&json!(true), &json!(100)), "{told}");
    let again = gateway.invoke("expire-points", &event, day);
    assert_eq!((&again["done"], &again["members"]), (&json!(true), &json!(0)), "{again}");
    let ledger = gateway.ok("GET", &format!("/members/{member}/ledger"), &Value::Null);
    let newest = &ledger["entries"][0];
    assert_eq!(
        (&newest["kind"], &newest["points"], &newest["by"]),
        (&json!("expire"), &json!(-100), &json!("time"))
    );
    gateway.laurel(&["audit"]);
}

// --- A sweep that is cut off ---

/// How a sweep went that was cut off again and again.
#[derive(Default)]
struct Cuts {
    killed: u64,
    unfinished: u64,
    refused: u64,
    done: u64,
}

/// A shop of so many members on whom points expire at the year's end, in a table.
fn shop_at_a_years_end(local: &Local, members: u64) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
    let mut rows = "channel,external_id,brand,registered_at,points,expires_at,growth\n".to_owned();
    for number in 0..members {
        let (points, growth) = (10 + number % 90, 300 * (number % 3));
        rows += &format!(
            "pos,c-{number},acme,2025-03-01T00:00:00+08:00,{points},2027-01-01T00:00:00+08:00,{growth}\n"
        );
    }
    fs::write(folder.path().join("members.csv"), rows).unwrap();
    let began = ["--program", "program.json", "--test-clock", START];
    laurel(folder.path(), &[&["import", "members.csv", "--data", "data"][..], &began].concat());
    laurel(folder.path(), &["export", "--full", "--data", "data", "--out", "moving"]);
    let (table, endpoint) = (new_table(), local.endpoint());
    let into = ["--data", "keys", "--table", &table, "--endpoint", &endpoint, "--create-table"];
    laurel(folder.path(), &[&["import", "--full", "moving/full.jsonl"][..], &into].concat());
    Gateway::start(local, folder, &table, &["--test-clock", "2027-01-01T00:10:00+08:00"])
}

/// Runs one part until it finishes, each run cut off at random: killed at its time limit, as Lambda kills, or
/// out of time at the end of a step.
fn sweep_in_pieces(gateway: &Gateway, part: u64, parts: u64, longest_ms: u64) -> Cuts {
    let event = json!({"as_of": "2027-01-01T00:00:00+08:00", "part": part, "parts": parts});
    let mut cuts = Cuts::default();
    for run in 0..100_000 {
        let roll = chance(part, run, 3);
        // Every fourth may do a step; it has no time left for another.
        let limit = if run % 4 == 3 { 9_000 } else { 40 + roll % longest_ms };
        let told = gateway.invoke("expire-points", &event, Duration::from_millis(limit));
        match told["errorType"].as_str() {
            None => {
                assert_eq!(told["done"], true, "{told}");
                cuts.done += 1;
                return cuts;
            }
            Some("Sandbox.Timedout") => cuts.killed += 1,
            Some("sweep_unfinished") => cuts.unfinished += 1,
            // A run that met what a killed one had left under way.
            Some("busy" | "store_unavailable") => cuts.refused += 1,
            Some(_) => panic!("{told}"),
        }
    }
    panic!("part {part} does not come to an end");
}

#[test]
fn a_sweep_that_is_killed_again_and_again_settles_everybody_once() {
    let Some(local) = Local::shared() else { return };
    let members = env::var("LAUREL_SWEEP_MEMBERS").map_or(300, |members| members.parse().unwrap());
    let began = Instant::now();
    let gateway = shop_at_a_years_end(local, members);
    let (moved, began) = (began.elapsed(), Instant::now());
    let (parts, longest_ms) = (2, (members / 2).clamp(200, 4_000));
    let cuts: Vec<Cuts> = thread::scope(|scope| {
        let gateway = &gateway;
        let sweep = |part| scope.spawn(move || sweep_in_pieces(gateway, part, parts, longest_ms));
        let sweeps: Vec<_> = (0..parts).map(sweep).collect();
        sweeps.into_iter().map(|sweep| sweep.join().unwrap()).collect()
    });
    let (swept, began) = (began.elapsed(), Instant::now());
    let sum = |count: fn(&Cuts) -> u64| cuts.iter().map(count).sum::<u64>();
    let (killed, unfinished) = (sum(|cuts| cuts.killed), sum(|cuts| cuts.unfinished));
    assert!(killed > 0, "no run was killed");
    let said = gateway.laurel(&["audit"]);
    println!(
        "{members} members due, moved into the table in {} s; swept in {} s, {} a second, in {parts} parts: \
         {killed} runs killed, {unfinished} out of time, {} refused, {} came to the end; audited in {} s:\n{said}",
        moved.as_secs(),
        swept.as_secs(),
        u128::from(members) * 1_000 / swept.as_millis().max(1),
        sum(|cuts| cuts.refused),
        sum(|cuts| cuts.done),
        began.elapsed().as_secs(),
    );
    // Every member once, with every point.
    let points: u64 = (0..members).map(|number| 10 + number % 90).sum();
    let line = said.lines().find(|line| line.trim_start().starts_with("expire")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["expire", &members.to_string(), "entries", &format!("-{points}"), "points"]);
    let left = gateway.invoke(
        "expire-points",
        &json!({"as_of": "2027-01-01T00:00:00+08:00"}),
        Duration::from_secs(60),
    );
    assert_eq!((&left["done"], &left["members"]), (&json!(true), &json!(0)), "{left}");
}
