//! A keep-alive HTTP/1.1 client of just what a load needs: on a machine that the server shares with its
//! load, what the client spends the server has not.

use crate::Result;
use std::fmt::{Arguments, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// No answer may take longer; a server that hangs must not hang the benchmark.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server and the key it is asked with.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Asked by this Unix socket instead, if there is one.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) key: String,
}

/// One request, its memory used again for the next.
pub(crate) struct Request {
    common: String,
    head: String,
    body: String,
    idempotency_key: String,
}

impl Request {
    pub(crate) fn new(target: &Target) -> Self {
        let common = format!("Host: {}\r\nAuthorization: Bearer {}\r\n", target.address, target.key);
        Self { common, head: String::new(), body: String::new(), idempotency_key: String::new() }
    }

    pub(crate) fn get(&mut self, path: Arguments<'_>) {
        self.body.clear();
        self.head.clear();
        // Writing to a String cannot fail.
        let _ = write!(self.head, "GET {path} HTTP/1.1\r\n{}\r\n", self.common);
    }

    pub(crate) fn post(&mut self, path: &str, body: Arguments<'_>) {
        self.send("POST", path, body);
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: Arguments<'_>) {
        self.body.clear();
        let _ = self.body.write_fmt(body);
        self.head.clear();
        let _ = write!(
            self.head,
            "{method} {path} HTTP/1.1\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n{}\r\n",
            self.common,
            self.body.len(),
            self.idempotency_key
        );
        self.idempotency_key.clear();
    }

    /// For the next `post` only.
    pub(crate) fn idempotency_key(&mut self, key: Arguments<'_>) {
        let _ = write!(self.idempotency_key, "Idempotency-Key: {key}\r\n");
    }

    fn bytes(&mut self) -> &[u8] {
        self.head.push_str(&self.body);
        self.head.as_bytes()
    }
}

/// What came back.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One connection, one request at a time.
pub(crate) struct Connection {
    stream: Stream,
    input: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let stream = match &target.socket {
            Some(socket) => Stream::Unix(UnixStream::connect(socket).await?),
            None => {
                let stream = TcpStream::connect(target.address).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        Ok(Self { stream, input: Vec::with_capacity(16 * 1024) })
    }

    pub(crate) async fn send(&mut self, request: &mut Request) -> Result<Reply<'_>> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(request.bytes()).await?,
            Stream::Unix(stream) => stream.write_all(request.bytes()).await?,
        }
        self.input.clear();
        loop {
            let input = &mut self.input;
            let read = async {
                match &mut self.stream {
                    Stream::Tcp(stream) => stream.read_buf(input).await,
                    Stream::Unix(stream) => stream.read_buf(input).await,
                }
            };
            let read = tokio::time::timeout(PATIENCE, read).await;
            if read.map_err(|_| "no answer within 30 seconds")?? == 0 {
                return Err("the server closed the connection instead of answering".into());
            }
            if let Some(head) = Head::parse(&self.input)?
                && self.input.len() >= head.end + head.length
            {
                let body = &self.input[head.end..head.end + head.length];
                return Ok(Reply { status: head.status, body });
            }
        }
    }
}

struct Head {
    status: u16,
    end: usize,
    length: usize,
}

impl Head {
    /// None while the blank line has not arrived.
    fn parse(input: &[u8]) -> Result<Option<Self>> {
        let Some(blank) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = str::from_utf8(&input[..blank])?;
        let status = head.get(9..12).ok_or("not an HTTP answer")?.parse()?;
        let mut length = None;
        for line in head.split("\r\n").skip(1) {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        let length = match (length, status) {
            (Some(length), _) => length,
            (None, 204) => 0,
            (None, _) => return Err("an answer without Content-Length".into()),
        };
        Ok(Some(Self { status, end: blank + 4, length }))
    }
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nx: y\r\n\r\nhello";
        assert!(matches!(Head::parse(&text[..30]), Ok(None)));
        let head = Head::parse(text).ok().flatten().map(|head| (head.status, head.end, head.length));
        assert_eq!(head, Some((200, 44, 5)));
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
