//! Callers that hang up before their answer: what was begun is finished.

use std::{io::Write as _, net::TcpStream};

use serde_json::{Value, json};

use crate::{
    client::Client,
    crash::{Server, binary},
    support::{ADMIN_KEY, program},
};

/// How often each caller hangs up.
const TIMES: usize = 30;

/// Reads after which an unseen request was never begun; a begun one must be done by then.
const BEGUN: usize = 100;
const DONE: usize = 20_000;

struct Desk {
    _folder: tempfile::TempDir,
    server: Server,
    client: Client,
}

impl Desk {
    fn open() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
        let mut server = Server::spawn(&binary(), folder.path());
        server.ready();
        let client = Client::connect(server.address).unwrap();
        Desk { _folder: folder, server, client }
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let heard = self.client.call(method, path, body, None).unwrap();
        (heard.status, serde_json::from_slice(&heard.body).unwrap_or_default())
    }

    /// Sends a whole request and closes the connection without reading, about when it is worked on:
    /// after another one has been answered.
    fn hang_up(&mut self, method: &str, path: &str, body: &str) {
        let mut stream = TcpStream::connect(self.server.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: laurel\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        self.ask("GET", "/healthz", "");
    }

    /// Whether the final answer is right.
    fn comes(&mut self, questions: usize, mut right: impl FnMut(&mut Desk) -> bool) -> bool {
        (0..questions).any(|_| right(self))
    }
}

#[test]
fn a_revoked_key_is_revoked_though_nobody_waited_for_it() {
    let mut desk = Desk::open();
    let mut begun = 0;
    for _ in 0..TIMES {
        let made = json!({"name": "till", "roles": ["storefront"]}).to_string();
        let (_, made) = desk.ask("POST", "/keys", &made);
        let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        desk.hang_up("DELETE", &format!("/keys/{id}"), "");
        let is_stored = desk.comes(BEGUN, |desk| {
            let (_, listed) = desk.ask("GET", "/keys?limit=200", "");
            let own = listed["keys"].as_array().unwrap().iter().find(|own| own["id"] == id);
            own.is_some_and(|own| !own["revoked_at"].is_null())
        });
        begun += usize::from(is_stored);
        let mut till = Client::with_key(desk.server.address, key).unwrap();
        let opens = |till: &mut Client| till.call("GET", "/program", "", None).unwrap().status == 200;
        assert!(!is_stored || desk.comes(DONE, |_| !opens(&mut till)), "the key still opens");
    }
    assert!(begun > 0, "none was begun");
    desk.server.kill();
}

#[test]
fn a_programme_is_in_force_though_nobody_waited_for_it() {
    let mut desk = Desk::open();
    let mut document = program();
    for time in 0..TIMES {
        document["name"] = json!(format!("Club {time}"));
        desk.hang_up("PUT", "/program", &document.to_string());
        // Sent again it is the newest already, or it becomes it, or it comes in between.
        let mut version = 0;
        let saved = desk.comes(DONE, |desk| {
            let (status, saved) = desk.ask("PUT", "/program", &document.to_string());
            version = saved["version"].as_u64().unwrap_or(0);
            status == 200
        });
        assert!(saved, "it cannot be saved");
        let newest = desk.ask("GET", "/program", "").1["version"].as_u64();
        assert!(newest >= Some(version), "version {version} was saved, {newest:?} is in force");
    }
    desk.server.kill();
}
