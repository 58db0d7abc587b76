//! A second copy that follows a server: through kills of either, up to its taking over.

use std::{
    fs,
    io::{BufRead as _, BufReader},
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
}

impl Follower {
    fn start(desk: &Desk, server: &Server) -> Follower {
        let mut command = Command::new(binary());
        command.current_dir(desk.path());
        command.args(["follow", "--data", "copy", "--from", &format!("http://{}", server.address)]);
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
        Follower { process, said }
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
