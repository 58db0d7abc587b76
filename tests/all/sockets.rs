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

/// The request's line, its further lines, its body; the status and the code it gets. `{key}` is the admin's
/// key, `{long}` a text longer than the limit, `{many}` more headers than the limit.
const ROWS: &[(&str, &str, &str, u16, &str)] = &[
    ("\u{16}\u{3}\u{1}", "", "", 400, "malformed_request"),
    ("GET /program", "", "", 400, "malformed_request"),
    ("GET /mem\0bers HTTP/1.1", "", "", 400, "malformed_request"),
    ("GET /mem bers HTTP/1.1", "", "", 400, "malformed_request"),
    ("GET /program HTTP/9.9", "", "", 400, "malformed_request"),
    ("GET /{long} HTTP/1.1", "", "", 431, "head_too_large"),
    ("GET /program HTTP/1.1", "bad name: x\r\n", "", 400, "malformed_request"),
    ("GET /program HTTP/1.1", "x: y\r\n folded\r\n", "", 400, "malformed_request"),
    ("GET /program HTTP/1.1", "x: {long}\r\n", "", 431, "head_too_large"),
    ("GET /program HTTP/1.1", "{many}", "", 431, "head_too_large"),
    ("POST /redeem HTTP/1.1", "Content-Length: 2\r\nContent-Length: 3\r\n", "{}", 400, "malformed_request"),
    ("POST /redeem HTTP/1.1", "Content-Length: -1\r\n", "", 400, "malformed_request"),
    ("POST /redeem HTTP/1.1", "Content-Length: 99999999999999999999\r\n", "", 400, "malformed_request"),
    ("POST /redeem HTTP/1.1", "Transfer-Encoding: gzip\r\n", "", 400, "malformed_request"),
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
    ("GET /backup?name=a%20b HTTP/1.1", "{key}", "", 422, "invalid_field"),
    ("DELETE /backup HTTP/1.1", "", "", 401, "unauthenticated"),
    ("DELETE /backup HTTP/1.1", "{key}", "", 422, "invalid_field"),
    ("PUT /backup HTTP/1.1", "{key}", "", 404, "not_found"),
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
        assert_eq!(problem["code"].as_str().unwrap_or_default(), *code, "{line} {lines:?}: {said:?}");
        let length = format!("content-length: {}\r\n", body.len());
        assert!(said.contains(&length) && said.contains("request-id: req_"), "{line} {lines:?}: {said:?}");
    }
    let healthy = Client::connect(server.address).unwrap().call("GET", "/healthz", "", None).unwrap();
    assert_eq!(healthy.status, 200);
    server.kill();
}

/// Writes everything and only then reads, as many clients do.
fn written_first(address: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head.as_bytes())?;
    for part in body.chunks(16 * 1024) {
        stream.write_all(part)?;
        // Slower than the server refuses it.
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn whoever_reads_only_after_writing_gets_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program.json"), program().to_string()).unwrap();
    let mut server = Server::spawn(&binary(), folder.path());
    server.ready();
    let (long, key) = (vec![b' '; 400 * 1024], format!("Authorization: Bearer {ADMIN_KEY}\r\n"));
    let length = |bytes: usize| format!("Content-Length: {bytes}\r\n");
    let chunk = [format!("{:x}\r\n", long.len()).as_bytes(), &long, b"\r\n0\r\n\r\n"].concat();
    let rows = [
        ("POST /earn-points", length(long.len()), &long, "body_too_large"),
        ("POST /earn-points", "Transfer-Encoding: chunked\r\n".to_owned(), &chunk, "body_too_large"),
        ("POST /earn-points", "bad name: x\r\n".to_owned(), &long, "malformed_request"),
        ("POST /earn-points", format!("x: {}\r\n", "y".repeat(300_000)), &long, "head_too_large"),
        ("GET /healthz", length(long.len()), &long, "ok"),
        // Not too long, and read: the connection may go on.
        (
            "POST /earn-points",
            format!("{}Connection: close\r\n", length(2)),
            &b"{}".to_vec(),
            "invalid_field",
        ),
    ];
    for (line, lines, body, want) in rows {
        let head =
            format!("{line} HTTP/1.1\r\nHost: laurel\r\nContent-Type: application/json\r\n{key}{lines}\r\n");
        let said = written_first(server.address, &head, body)
            .unwrap_or_else(|error| panic!("{line} {want}: {error}"));
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{line} {want}: {said:?}"));
        let told: Value = serde_json::from_str(body).unwrap();
        let word = told["code"].as_str().or(told["status"].as_str());
        assert_eq!(word, Some(want), "{line}: {said}");
        assert!(head.to_ascii_lowercase().contains("connection: close"), "{line} {want}: {head}");
    }
    server.kill();
}
