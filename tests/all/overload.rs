//! Ten times what the server can take, for a while, over many connections, beside deliberately slow clients:
//! it keeps doing what it can, and loses nothing that it has acknowledged, not even when it is killed in the
//! middle.
//!
//! By hand, since the capacity depends on the machine: `LAUREL_OVERLOAD=60 cargo test --release -p
//! laurel-tests --test all overload -- --nocapture` runs for that many seconds and prints one line of JSON.
//! `LAUREL_OVERLOAD_CONNECTIONS` says over how many connections (1,000 unless given). Every run of the tests
//! does it for a moment, over few connections.

use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    process::Command,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use crate::{
    client::Client,
    crash::{Server, binary},
    support::{ADMIN_KEY, program},
};

/// Members whose orders these are.
const MEMBERS: usize = 1_000;
/// Connections with which to measure how much the server can take.
const MEASURING: usize = 32;
/// How many times as much is then sent.
const TIMES: u64 = 10;
/// How long a client waits before it hangs up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is tried.
#[derive(Clone, Copy)]
struct Size {
    seconds: u64,
    connections: usize,
    /// Clients of each slow kind.
    slow: usize,
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    /// Orders that were acknowledged.
    acknowledged: Vec<String>,
    /// Milliseconds until then.
    waits: Vec<u64>,
    statuses: BTreeMap<u16, u64>,
    sent: u64,
    /// Not answered in time, or not at all.
    given_up: u64,
    /// Due before the previous one was answered.
    held_back: u64,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        self.acknowledged.extend(other.acknowledged);
        self.waits.extend(other.waits);
        other.statuses.into_iter().for_each(|(status, n)| *self.statuses.entry(status).or_default() += n);
        self.sent += other.sent;
        self.given_up += other.given_up;
        self.held_back += other.held_back;
    }

    /// That many of a hundred waits were shorter.
    fn percentile(&self, hundredths: usize) -> u64 {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        waits.get(waits.len() * hundredths / 100).or(waits.last()).copied().unwrap_or(0)
    }
}

fn bytes_of(order: &str, member: &str) -> Vec<u8> {
    let body = json!({"member_id": member, "brand": "acme", "order_id": order, "amount": "1"}).to_string();
    let length = body.len();
    format!(
        "POST /earn-points HTTP/1.1\r\nHost: laurel\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends it and waits for the whole answer; its status.
async fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8]) -> std::io::Result<u16> {
    stream.get_mut().write_all(request).await?;
    read_answer(stream).await
}

async fn read_answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<u16> {
    let broken = || std::io::Error::other("the answer broke off");
    let (mut status, mut length, mut line) = (None, 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(broken());
        }
        let told = line.trim_end().to_ascii_lowercase();
        match (status, told.strip_prefix("content-length: ")) {
            (None, _) => status = told.split(' ').nth(1).and_then(|code| code.parse().ok()),
            (_, Some(bytes)) => length = bytes.parse().map_err(|_| broken())?,
            _ if told.is_empty() => break,
            _ => {}
        }
    }
    stream.read_exact(&mut vec![0; length]).await?;
    status.ok_or_else(broken)
}

/// One connection that sends an order at each `every`, once the last is answered, until then and `beyond`,
/// when the server may be gone.
async fn client(
    address: SocketAddr,
    members: Arc<Vec<String>>,
    name: String,
    every: Duration,
    (until, beyond): (Instant, Duration),
) -> Seen {
    let (mut seen, mut stream) = (Seen::default(), None);
    let mut due = Instant::now();
    while Instant::now() < until + beyond {
        sleep_until(due).await;
        due += every;
        let now = Instant::now();
        if every > Duration::ZERO && due < now {
            let late = (now - due).as_nanos() / every.as_nanos();
            seen.held_back += u64::try_from(late).unwrap();
            due = now;
        }
        if stream.is_none() {
            let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
            stream = connected.ok().and_then(Result::ok).map(BufReader::new);
        }
        let Some(open) = &mut stream else {
            if Instant::now() >= until {
                break;
            }
            seen.given_up += 1;
            continue;
        };
        let order = format!("{name}-{}", seen.sent);
        let member = &members
            [usize::try_from(seen.sent).unwrap().wrapping_mul(7_919).wrapping_add(name.len()) % MEMBERS];
        seen.sent += 1;
        match timeout(PATIENCE, exchange(open, &bytes_of(&order, member))).await {
            Ok(Ok(status)) => {
                *seen.statuses.entry(status).or_default() += 1;
                if status == 200 {
                    seen.waits.push(u64::try_from(now.elapsed().as_millis()).unwrap());
                    seen.acknowledged.push(order);
                }
            }
            _ if Instant::now() >= until => break,
            _ => {
                seen.given_up += 1;
                stream = None;
            }
        }
    }
    seen
}

async fn clients(
    server: SocketAddr,
    members: &Arc<Vec<String>>,
    name: &str,
    size: (usize, u64),
    rate: Option<u64>,
) -> Seen {
    let (connections, seconds) = size;
    let every = rate.map_or(Duration::ZERO, |rate| {
        Duration::from_micros(u64::try_from(connections).unwrap() * 1_000_000 / rate.max(1))
    });
    let until = Instant::now() + Duration::from_secs(seconds);
    // A measurement needs an answer to everything.
    let beyond = if rate.is_some() { Duration::from_secs(1) } else { Duration::ZERO };
    let mut all = JoinSet::new();
    for number in 0..connections {
        let name = format!("{name}-{number}");
        all.spawn(client(server, members.clone(), name, every, (until, beyond)));
    }
    let mut seen = Seen::default();
    while let Some(one) = all.join_next().await {
        seen.add(one.unwrap());
    }
    seen
}

/// What a slow client sends at once, what it sends byte by byte, and the answers it may get.
const SLOW: [(&str, &str, &[u16]); 3] = [
    ("head", "", &[408]),
    ("body", "POST /earn-points HTTP/1.1\r\nHost: laurel\r\nContent-Length: 100000\r\n\r\n", &[408]),
    ("oversized", "POST /earn-points HTTP/1.1\r\nHost: laurel\r\nContent-Length: 99999999\r\n\r\n", &[413]),
];

/// Sends a byte a second, again and again, until then; returns its answers. A refused client also comes back
/// after a second: otherwise the server's work for the others would depend on how fast these can connect.
async fn slow(address: SocketAddr, kind: usize, until: Instant) -> BTreeMap<String, u64> {
    let (name, head, may) = SLOW[kind];
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let mut again = interval(Duration::from_secs(1));
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        if Instant::now() >= until {
            break;
        }
        let Ok(stream) = TcpStream::connect(address).await else { continue };
        let (mut reader, mut writer) = stream.into_split();
        let _ = writer.write_all(head.as_bytes()).await;
        let dripping = async {
            let mut tick = interval(Duration::from_secs(1));
            loop {
                tick.tick().await;
                if writer.write_all(if head.is_empty() { b"G" } else { b" " }).await.is_err() {
                    return;
                }
            }
        };
        let mut answer = Vec::new();
        let ended = tokio::select! {
            () = dripping => "closed",
            _ = reader.read_to_end(&mut answer) => "closed",
            () = sleep_until(until) => "still open",
        };
        let status =
            String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        assert!(status.is_none_or(|status| may.contains(&status)), "{name}: {status:?}");
        let what = status.map_or(ended.to_owned(), |status| status.to_string());
        *told.entry(format!("{name} {what}")).or_default() += 1;
    }
    told
}

/// Slow clients of each kind, all at once.
async fn drip(address: SocketAddr, size: Size) -> BTreeMap<String, u64> {
    let until = Instant::now() + Duration::from_secs(size.seconds);
    let mut clients = JoinSet::new();
    for number in 0..size.slow * SLOW.len() {
        clients.spawn(slow(address, number % SLOW.len(), until));
    }
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(one) = clients.join_next().await {
        one.unwrap().into_iter().for_each(|(what, n)| *told.entry(what).or_default() += n);
    }
    told
}

/// Every order in the members' ledgers.
fn orders(client: &mut Client, members: &[String]) -> HashSet<String> {
    let mut found = HashSet::new();
    for member in members {
        let mut cursor = String::new();
        loop {
            let page = client.get(&format!("/members/{member}/ledger?limit=200{cursor}"));
            let entries = page["entries"].as_array().unwrap();
            found.extend(entries.iter().filter_map(|entry| Some(entry["order_id"].as_str()?.to_owned())));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    found
}

fn registered(address: SocketAddr) -> Arc<Vec<String>> {
    let mut client = Client::connect(address).unwrap();
    let members = (0..MEMBERS).map(|number| {
        let identity = json!({"kind": "external", "channel": "o", "value": number.to_string()});
        let body = json!({"identities": [identity], "brand": "acme"}).to_string();
        let made = client.call("POST", "/register", &body, None).unwrap().json();
        made["member"]["id"].as_str().unwrap().to_owned()
    });
    Arc::new(members.collect())
}

/// Overloads a server, kills it, and checks that everything acknowledged is there; returns the figures.
async fn overload(size: Size) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
    let mut server = Server::spawn(&binary(), folder.path());
    server.ready();
    let address = server.address;
    let members = tokio::task::spawn_blocking(move || registered(address)).await.unwrap();

    let measured = (size.seconds / 6).max(1);
    let before = clients(address, &members, "m", (MEASURING, measured), None).await;
    let capacity = u64::try_from(before.acknowledged.len()).unwrap() / measured;

    let rate = capacity * TIMES;
    let dripping = tokio::spawn(drip(address, size));
    let killed = async {
        sleep_until(Instant::now() + Duration::from_secs(size.seconds)).await;
        server.kill();
    };
    let load = clients(address, &members, "o", (size.connections, size.seconds), Some(rate));
    let (seen, ()) = tokio::join!(load, killed);
    let told = dripping.await.unwrap();

    let audit =
        Command::new(binary()).args(["audit", "--data"]).arg(folder.path().join("data")).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    let mut server = Server::spawn(&binary(), folder.path());
    server.ready();
    let address = server.address;
    let there = tokio::task::spawn_blocking(move || orders(&mut Client::connect(address).unwrap(), &members));
    let there = there.await.unwrap();
    server.kill();
    let acknowledged = before.acknowledged.iter().chain(&seen.acknowledged);
    let lost: Vec<&String> = acknowledged.filter(|order| !there.contains(*order)).collect();
    assert!(lost.is_empty(), "{} acknowledged orders are gone, {:?} …", lost.len(), lost[0]);
    let wrong: Vec<_> = seen.statuses.keys().filter(|status| !matches!(status, 200 | 503)).collect();
    assert!(wrong.is_empty(), "{:?}", seen.statuses);
    assert!(!seen.acknowledged.is_empty(), "nothing was done");
    json!({
        "seconds": size.seconds, "connections": size.connections, "capacity": capacity,
        "capacity_p99_ms": before.percentile(99), "offered": rate,
        "goodput": u64::try_from(seen.acknowledged.len()).unwrap() / size.seconds, "sent": seen.sent,
        "held_back": seen.held_back, "acknowledged": seen.acknowledged.len(), "given_up": seen.given_up,
        "statuses": seen.statuses.iter().map(|(status, n)| (status.to_string(), *n)).collect::<BTreeMap<_, _>>(),
        "p50_ms": seen.percentile(50), "p99_ms": seen.percentile(99), "slow": told, "lost": lost.len(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overload_loses_nothing_that_was_acknowledged() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let size = match number("LAUREL_OVERLOAD") {
        None => Size { seconds: 2, connections: 64, slow: 4 },
        Some(seconds) => {
            let connections = number("LAUREL_OVERLOAD_CONNECTIONS").unwrap_or(1_000);
            Size { seconds, connections: usize::try_from(connections).unwrap(), slow: 100 }
        }
    };
    println!("{}", overload(size).await);
}
