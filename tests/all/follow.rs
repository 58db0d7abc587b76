//! A second copy that follows a server: through kills of either, up to its taking over.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    cli::backup,
    client::{Client, Heard},
    crash::{Server, binary},
    desk::Desk,
    support::ADMIN_KEY,
};

/// `laurel follow`, killed when it is dropped.
struct Follower {
    process: Child,
    /// How far it says that it has come.
    said: Receiver<String>,
    /// Where it tells how it stands.
    address: SocketAddr,
}

impl Follower {
    fn start(desk: &Desk, server: &Server) -> Follower {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = Command::new(binary());
        command.current_dir(desk.path());
        command.args(["follow", "--data", "copy", "--from", &format!("http://{}", server.address)]);
        command.args(["--addr", &address.to_string()]);
        command.env("LAUREL_ADMIN_KEY", ADMIN_KEY).env("RUST_LOG", "off,server::follow=debug");
        let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut process = process.expect("laurel starts");
        let lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let told: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(position) = told["fields"]["position"].as_str().or(told["position"].as_str()) {
                    // Nobody may be waiting for it any more.
                    _ = say.send(position.to_owned());
                }
            }
        });
        Follower { process, said, address }
    }

    fn ask(&self, path: &str, key: &str) -> std::io::Result<Heard> {
        Client::with_key(self.address, key).and_then(|mut client| client.call("GET", path, "", None))
    }

    /// Waits until it says so of that figure.
    fn says(&self, metric: &str, so: impl Fn(u64) -> bool) {
        let begun = Instant::now();
        loop {
            let page = self.ask("/metrics", ADMIN_KEY).map(|heard| heard.body).unwrap_or_default();
            let page = String::from_utf8(page).expect("text");
            if figure(&page, metric).is_some_and(&so) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{metric}: {page}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the copy has what that server has committed by now.
    fn reaches(&self, server: &Server) {
        let backup = backup(server, ADMIN_KEY);
        let header = backup.lines().find(|line| line.starts_with('{')).expect("a first line");
        let header: Value = serde_json::from_str(header).expect("JSON");
        let wanted = header["position"].as_str().expect("a position");
        // Which feed it is of, and then in order.
        let feed = &wanted[..18];
        loop {
            let said = self.said.recv_timeout(Duration::from_secs(30)).expect("it says how far it is");
            if said.starts_with(feed) && *said >= *wanted {
                return;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.process.kill().expect("it ran");
        self.process.wait().expect("it ended");
    }
}

/// The figure of that name on a page of metrics.
fn figure(page: &str, metric: &str) -> Option<u64> {
    page.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
}

/// What the first server says, and the name of the one copy that it knows, if it knows one.
fn metrics(server: &Server) -> (String, Option<String>) {
    let mut client = Client::connect(server.address).expect("a connection");
    let page = client.call("GET", "/metrics", "", None).expect("an answer").body;
    let page = String::from_utf8(page).expect("text");
    let name = page.split_once("reader=\"copy-").and_then(|(_, rest)| rest.split_once('"'));
    let name = name.map(|(name, _)| name.to_owned());
    (page, name)
}

fn earn(client: &mut Client, number: u32) -> Heard {
    let identity = json!({"kind": "external", "channel": "follow", "value": "m"});
    let order = format!("A-{number}");
    let body =
        json!({"identity": identity, "brand": "acme", "order_id": order, "amount": "2.50"}).to_string();
    client.call("POST", "/earn-points", &body, None).expect("an answer")
}

fn register(server: &Server) -> Client {
    let mut client = Client::connect(server.address).expect("a connection");
    let identity = json!({"kind": "external", "channel": "follow", "value": "m"});
    let body = json!({"identities": [identity], "brand": "acme"}).to_string();
    assert!(client.call("POST", "/register", &body, None).expect("an answer").status < 300);
    client
}

fn spawned(desk: &Desk) -> Server {
    let mut server = Server::spawn(&binary(), desk.path());
    server.ready();
    server
}

/// Waits until a copy is whole.
fn whole(desk: &Desk) {
    let begun = Instant::now();
    while !desk.path().join("copy/tables.redb").exists() || desk.path().join("copy/anew").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "there is no copy");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Puts the copy in the server's place, with the keys that are taken along by hand.
fn take_over(desk: &Desk) {
    let data = desk.path().join("data");
    fs::copy(data.join("master-key"), desk.path().join("copy/master-key")).unwrap();
    fs::rename(&data, desk.path().join("lost")).unwrap();
    fs::rename(desk.path().join("copy"), &data).unwrap();
}

#[test]
fn a_copy_follows_through_kills_and_takes_over() {
    let desk = Desk::new();
    let mut server = spawned(&desk);
    let mut client = register(&server);
    let mut first: Vec<Heard> = (0..20).map(|number| earn(&mut client, number)).collect();
    let mut follower = Follower::start(&desk, &server);
    whole(&desk);
    for round in 0..6 {
        for _ in 0..40 {
            first.push(earn(&mut client, first.len() as u32));
        }
        match round % 3 {
            0 => {
                drop(follower);
                follower = Follower::start(&desk, &server);
            }
            1 => {
                server.kill();
                server = spawned(&desk);
                client = Client::connect(server.address).expect("a connection");
                // It listens elsewhere now.
                drop(follower);
                follower = Follower::start(&desk, &server);
            }
            _ => follower.reaches(&server),
        }
    }
    follower.reaches(&server);
    server.kill();
    drop(follower);
    take_over(&desk);
    desk.run("audit --data data", 0);
    let server = spawned(&desk);
    let mut client = Client::connect(server.address).expect("a connection");
    for (number, heard) in first.iter().enumerate() {
        let again = earn(&mut client, number as u32);
        assert!(again.replayed && again.body == heard.body, "order {number} is lost");
    }
    assert_eq!(earn(&mut client, 9_999).status, 200, "it goes on");
    // What has served follows nobody.
    let mut other = Command::new(binary());
    other.current_dir(desk.path()).args(["follow", "--data", "data", "--from", "http://127.0.0.1:1"]);
    server.kill();
    let ended = other.env("LAUREL_ADMIN_KEY", ADMIN_KEY).env("RUST_LOG", "off").output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}

/// A position of another server's feed is a gap, after which the copy begins anew. Until the new one is whole the old one
/// stays.
#[test]
fn after_a_gap_a_copy_begins_anew() {
    let desk = Desk::new();
    let server = spawned(&desk);
    earn(&mut register(&server), 1);
    let follower = Follower::start(&desk, &server);
    follower.reaches(&server);
    drop(follower);
    server.kill();
    fs::rename(desk.path().join("data"), desk.path().join("other")).unwrap();
    let server = spawned(&desk);
    let mut client = register(&server);
    let first: Vec<Heard> = (100..130).map(|number| earn(&mut client, number)).collect();
    let follower = Follower::start(&desk, &server);
    follower.reaches(&server);
    follower.says("laurel_copy_begun_anew_total", |times| times == 1);
    server.kill();
    drop(follower);
    take_over(&desk);
    desk.run("audit --data data", 0);
    let server = spawned(&desk);
    let mut client = Client::connect(server.address).expect("a connection");
    for (number, heard) in (100..).zip(&first) {
        let again = earn(&mut client, number);
        assert!(again.replayed && again.body == heard.body, "order {number} is lost");
    }
    assert!(!earn(&mut client, 1).replayed, "that one was the other server's");
}

/// The server and the copy both say how far the copy is; and only whoever has the key hears it.
#[test]
fn both_say_how_far_a_copy_is() {
    let desk = Desk::new();
    let server = spawned(&desk);
    let mut client = register(&server);
    let follower = Follower::start(&desk, &server);
    whole(&desk);
    for number in 0..20 {
        earn(&mut client, number);
    }
    follower.reaches(&server);
    follower.says("laurel_copy_behind_seconds", |seconds| seconds <= 5);
    follower.says("laurel_copy_commits_behind", |commits| commits == 0);
    follower.says("laurel_copy_changes_total", |changes| changes >= 20);
    follower.says("laurel_copy_begun_anew_total", |times| times == 0);
    follower.says("laurel_copy_server_reached", |reached| reached == 1);
    for (path, key, want) in [
        ("/healthz", "nobody", 200),
        ("/metrics", "nobody", 401),
        ("/metrics", ADMIN_KEY, 200),
        ("/backup", ADMIN_KEY, 404),
    ] {
        assert_eq!(follower.ask(path, key).expect("an answer").status, want, "{path}");
    }
    // Its last question counts, although its place in the store is older.
    let begun = Instant::now();
    loop {
        let (page, name) = metrics(&server);
        let name = name.expect("a copy follows");
        let of = |metric: &str| figure(&page, &format!("{metric}{{reader=\"copy-{name}\"}}"));
        let age = of("laurel_copy_question_age_seconds").expect("it has asked");
        if of("laurel_feed_reader_commits_behind").expect("it has a place") == 0 && age <= 5 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{page}");
        thread::sleep(Duration::from_millis(50));
    }
    server.kill();
    follower.says("laurel_copy_server_reached", |reached| reached == 0);
    follower.says("laurel_copy_behind_seconds", |seconds| seconds >= 6);
    assert_eq!(follower.ask("/healthz", "nobody").expect("an answer").status, 200, "it goes on later");
}

/// A copy that is given up is ended by its name, by an admin, and that is noted once.
#[test]
fn a_copy_that_is_given_up_is_ended() {
    let desk = Desk::new();
    let server = spawned(&desk);
    earn(&mut register(&server), 1);
    let follower = Follower::start(&desk, &server);
    follower.reaches(&server);
    drop(follower);
    let name = metrics(&server).1.expect("a copy followed");
    let call = |key: &str, method: &str, path: &str, body: &str| {
        let mut client = Client::with_key(server.address, key).expect("a connection");
        client.call(method, path, body, None).expect("an answer")
    };
    let made = call(ADMIN_KEY, "POST", "/keys", r#"{"name": "desk", "roles": ["operator"]}"#).json();
    let operator = made["key"].as_str().expect("a key").to_owned();
    let own = format!("/backup?name={name}");
    for (key, path, want) in [
        ("nobody", own.as_str(), 401),
        (&operator, &own, 403),
        (ADMIN_KEY, "/backup", 422),
        (ADMIN_KEY, "/backup?after=00", 422),
        (ADMIN_KEY, "/backup?name=web-hooks", 422),
        (ADMIN_KEY, "/backup?name=another", 204),
    ] {
        assert_eq!(call(key, "DELETE", path, "").status, want, "{path}");
        assert_eq!(metrics(&server).1.as_ref(), Some(&name), "after {path}");
    }
    for _ in 0..2 {
        assert_eq!(call(ADMIN_KEY, "DELETE", &own, "").status, 204);
        assert_eq!(metrics(&server).1, None);
    }
    let noted = call(ADMIN_KEY, "GET", "/activity?type=copy.ended", "").json();
    let noted: Vec<&Value> =
        noted["activity"].as_array().expect("a list").iter().map(|one| &one["on"]).collect();
    assert_eq!(noted, [&json!(format!("copy-{name}"))]);
}
