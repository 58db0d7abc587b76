//! A caller of a real server: plain HTTP over a kept connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::support::ADMIN_KEY;

/// A connection that is kept.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    bearer: String,
}

/// An answer that arrived whole.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    /// An admin's connection.
    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Client> {
        Client::with_key(address, ADMIN_KEY)
    }

    pub(crate) fn with_key(address: SocketAddr, key: &str) -> std::io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client { stream: BufReader::new(stream), bearer: key.to_owned() })
    }

    /// One that waits as long as it takes.
    pub(crate) fn patient(address: SocketAddr) -> std::io::Result<Client> {
        let client = Client::connect(address)?;
        client.stream.get_ref().set_read_timeout(None)?;
        Ok(client)
    }

    /// An error means that the outcome is unknown.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        key: Option<&str>,
    ) -> std::io::Result<Heard> {
        let key: Vec<_> = key.iter().map(|key| ("Idempotency-Key", *key)).collect();
        self.call_with(method, path, body, &key)
    }

    /// The same with headers of one's own.
    pub(crate) fn call_with(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<Heard> {
        let (length, bearer) = (body.len(), &self.bearer);
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: laurel\r\nAuthorization: Bearer {bearer}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let broken = || std::io::Error::other("the answer broke off");
        let (mut status, mut replayed, mut length) = (None, false, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken());
            }
            let line = line.trim_end().to_ascii_lowercase();
            match (status, line.split_once(": ")) {
                (None, _) => status = line.split(' ').nth(1).and_then(|code| code.parse().ok()),
                (_, Some(("content-length", bytes))) => length = bytes.parse().map_err(|_| broken())?,
                (_, Some(("idempotency-replayed", said))) => replayed = said == "true",
                (_, None) if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Heard { status: status.ok_or_else(broken)?, replayed, body })
    }

    pub(crate) fn get(&mut self, path: &str) -> Value {
        let heard = self.call("GET", path, "", None).expect("an answer");
        assert_eq!(heard.status, 200, "{path}");
        heard.json()
    }
}
