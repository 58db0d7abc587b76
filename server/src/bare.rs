//! What the HTTP library answers by itself, to bytes that are no request: a bare status. Here it becomes a problem
//! document, as all other refusals are, on its way to the socket.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use edge::{Api, Code, Problem};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No bare answer is longer, in bytes.
const LENGTH_MAX: usize = 256;

/// A stream on which bare answers become problem documents.
pub(crate) struct Spoken<S> {
    stream: S,
    api: Arc<Api>,
    /// What is left to write of the document that replaces a bare answer.
    instead: Vec<u8>,
    written: usize,
}

impl<S> Spoken<S> {
    pub(crate) fn new(stream: S, api: Arc<Api>) -> Spoken<S> {
        Spoken { stream, api, instead: Vec::new(), written: 0 }
    }
}

/// Where in these bytes, whose last ones are the newest, a bare answer stands, and its status.
fn bare(bytes: &[u8]) -> Option<(usize, u16)> {
    let from = bytes.len().saturating_sub(LENGTH_MAX);
    let end = bytes.get(from..).filter(|end| end.ends_with(b"\r\n\r\n"))?;
    let at = end.windows(9).rposition(|part| part == b"HTTP/1.1 " || part == b"HTTP/1.0 ")?;
    let text = std::str::from_utf8(&end[at..]).ok()?;
    let (first, lines) = text.split_once("\r\n")?;
    let status = first.get(9..12)?.parse().ok().filter(|status| code(*status).is_some())?;
    // Whatever we answer ourselves has its request's id.
    let known =
        |line: &str| ["connection: close", "content-length: 0"].contains(&line) || line.starts_with("date: ");
    let is_bare = lines.split("\r\n").all(|line| line.is_empty() || known(line));
    (is_bare && lines.contains("content-length: 0")).then_some((from + at, status))
}

/// The code of a status that the library answers with.
fn code(status: u16) -> Option<Code> {
    match status {
        400 => Some(Code::MalformedRequest),
        414 => Some(Code::UriTooLong),
        431 => Some(Code::HeadTooLarge),
        _ => None,
    }
}

/// The bare answer with the problem's headers and body.
fn document(api: &Api, bare: &[u8], code: Code) -> Vec<u8> {
    let response = api.refuse(&Problem::of(code));
    let head = String::from_utf8_lossy(bare);
    let mut bytes: Vec<u8> = Vec::new();
    for line in head.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with("content-length")) {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    for (name, value) in response.headers() {
        bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", response.body().len()).as_bytes());
    bytes.extend_from_slice(response.body());
    bytes
}

impl<S: AsyncRead + Unpin> AsyncRead for Spoken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Spoken<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.instead.is_empty() {
            let Some((at, status)) = bare(bytes) else {
                return Pin::new(&mut this.stream).poll_write(context, bytes);
            };
            if at > 0 {
                // The answers before it go first.
                return Pin::new(&mut this.stream).poll_write(context, &bytes[..at]);
            }
            let code = code(status).unwrap_or(Code::MalformedRequest);
            this.instead = document(&this.api, bytes, code);
        }
        while this.written < this.instead.len() {
            let rest = &this.instead[this.written..];
            match ready!(Pin::new(&mut this.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => this.written += written,
            }
        }
        (this.instead, this.written) = (Vec::new(), 0);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        // A bare answer has no body, so it comes alone, or behind answers in the same bytes.
        match (filled.next(), filled.next()) {
            (Some(only), None) => self.poll_write(context, only),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_library_says_by_itself_is_bare() {
        let date = "date: Sun, 29 Nov 2026 00:00:00 GMT\r\n";
        let head = |status: &str, lines: &str| format!("HTTP/1.1 {status}\r\n{lines}{date}\r\n");
        let close = "connection: close\r\ncontent-length: 0\r\n";
        let own = "content-type: application/problem+json\r\nrequest-id: req_1\r\ncontent-length: 2\r\n";
        let rows = [
            (head("400 Bad Request", close), Some((0, 400))),
            (head("431 Request Header Fields Too Large", close), Some((0, 431))),
            (head("414 URI Too Long", close), Some((0, 414))),
            (head("204 No Content", close), None),
            (head("400 Bad Request", own), None),
            (head("400 Bad Request", &format!("{close}request-id: req_1\r\n")), None),
            (head("400 Bad Request", "connection: close\r\n"), None),
            (head("400 Bad Request", close).trim_end().to_owned(), None),
            (format!("{}{{}}", head("400 Bad Request", own)), None),
            (String::new(), None),
        ];
        for (bytes, want) in rows {
            assert_eq!(bare(bytes.as_bytes()), want, "{bytes:?}");
            let after = format!("{}{{}}{bytes}", head("200 OK", own));
            let want = want.map(|(_, status)| (after.len() - bytes.len(), status));
            assert_eq!(bare(after.as_bytes()), want, "{after:?}");
        }
    }
}
