//! Hostile bytes on the real server's socket: what is not HTTP is refused before routing, the server does not
//! wait for what is too long, and it keeps serving.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::{
    client::Client,
    crash::{Server, binary},
    support::{ADMIN_KEY, program},
};

/// The answer: a problem with that code, or a bare status if it was not HTTP.
const BARE: &str = "";

/// The request's line, its further lines, its body; the status and the code it gets. `{key}` is the admin's
/// key, `{long}` a text longer than the limit, `{many}` more headers than the limit.
const ROWS: &[(&str, &str, &str, u16, &str)] = &[
    ("\u{16}\u{3}\u{1}", "", "", 400, BARE),
    ("GET /program", "", "", 400, BARE),
    ("GET /mem\0bers HTTP/1.1", "", "", 400, BARE),
    ("GET /mem bers HTTP/1.1", "", "", 400, BARE),
    ("GET /program HTTP/9.9", "", "", 400, BARE),
    ("GET /{long} HTTP/1.1", "", "", 431, BARE),
    ("GET /program HTTP/1.1", "bad name: x\r\n", "", 400, BARE),
    ("GET /program HTTP/1.1", "x: y\r\n folded\r\n", "", 400, BARE),
    ("GET /program HTTP/1.1", "x: {long}\r\n", "", 431, BARE),
    ("GET /program HTTP/1.1", "{many}", "", 431, BARE),
    ("POST /redeem HTTP/1.1", "Content-Length: 2\r\nContent-Length: 3\r\n", "{}", 400, BARE),
    ("POST /redeem HTTP/1.1", "Content-Length: -1\r\n", "", 400, BARE),
    ("POST /redeem HTTP/1.1", "Content-Length: 99999999999999999999\r\n", "", 400, BARE),
    ("POST /redeem HTTP/1.1", "Transfer-Encoding: gzip\r\n", "", 400, BARE),
    ("POST /redeem HTTP/1.1", "Transfer-Encoding: chunked\r\n", "ZZ\r\n", 400, "malformed_json"),
    (
        "POST /redeem HTTP/1.1",
        "Transfer-Encoding: chunked\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
        400,
        "malformed_json",
    ),
    // It ends before its declared length.
    ("POST /redeem HTTP/1.1", "Content-Length: 100\r\n", "{}", 400, "malformed_json"),
    // Nothing of these bodies arrives: the server does not wait for them.
    ("POST /redeem HTTP/1.1", "Content-Length: 262145\r\n", "", 413, "body_too_large"),
    ("PUT /program HTTP/1.1", "Content-Length: 1048577\r\n", "", 413, "body_too_large"),
    (
        "POST /redeem HTTP/1.1",
        "Expect: 100-continue\r\nContent-Length: 1000000000\r\n",
        "",
        413,
        "body_too_large",
    ),
    ("POST /redeem HTTP/1.1", "Transfer-Encoding: chunked\r\n", "50000\r\n{long}", 413, "body_too_large"),
    ("GET http://elsewhere/keys HTTP/1.1", "", "", 401, "unauthenticated"),
    ("CONNECT elsewhere:443 HTTP/1.1", "{key}", "", 404, "not_found"),
    ("OPTIONS * HTTP/1.1", "{key}", "", 404, "not_found"),
    ("PUT /healthz HTTP/1.1", "{key}", "", 404, "not_found"),
    ("GET /backup HTTP/1.1", "", "", 401, "unauthenticated"),
];

/// The server's whole answer to these bytes, until it closes.
fn said(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may have closed before all was written.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut part) {
        said.extend_from_slice(&part[..length]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn bytes_that_nobody_means_well() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
    let mut server = Server::spawn(&binary(), folder.path());
    server.ready();
    let key = format!("Authorization: Bearer {ADMIN_KEY}\r\n");
    let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = "x".repeat(300_000);
    for (line, lines, body, status, code) in ROWS {
        let sent = format!("{line}\r\nHost: laurel\r\nConnection: close\r\n{lines}\r\n{body}");
        let sent = sent.replace("{key}", &key).replace("{many}", &many).replace("{long}", &long);
        let said = said(server.address, sent.as_bytes());
        let told = said.split(' ').nth(1).and_then(|told| told.parse::<u16>().ok());
        assert_eq!(told, Some(*status), "{line} {lines:?}: {said:?}");
        let (_, body) = said.split_once("\r\n\r\n").unwrap();
        let problem: Value = serde_json::from_str(body).unwrap_or_default();
        assert_eq!(problem["code"].as_str().unwrap_or(BARE), *code, "{line} {lines:?}: {said:?}");
        assert_eq!(body.is_empty(), *code == BARE, "{line} {lines:?}: {said:?}");
    }
    let healthy = Client::connect(server.address).unwrap().call("GET", "/healthz", "", None).unwrap();
    assert_eq!(healthy.status, 200);
    server.kill();
}
