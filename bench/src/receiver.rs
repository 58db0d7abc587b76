//! Receivers of webhooks: they answer at once, or never.

use crate::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A receiver on a thread of its own; it lives as long as the process.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<AtomicU64>,
}

impl Receiver {
    /// One that answers 204 to each request, or reads it and stays silent.
    pub(crate) fn start(answers: bool) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let received = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&received);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || runtime.block_on(listen(listener, answers, counted)));
        Ok(Self { address, received })
    }

    /// How many requests it has read.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

async fn listen(listener: std::net::TcpListener, answers: bool, received: Arc<AtomicU64>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        // A connection that breaks is the sender's to open again.
        tokio::spawn(async move { serve(stream, answers, &received).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, answers: bool, received: &AtomicU64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = request(&input) {
            input.drain(..length);
            received.fetch_add(1, Ordering::Relaxed);
            if answers {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            }
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// The length of the request that stands first, once it is whole.
fn request(input: &[u8]) -> Option<usize> {
    let end = input.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = str::from_utf8(&input[..end]).ok()?;
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = end + length.unwrap_or(0);
    (input.len() >= whole).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::request;

    #[test]
    fn a_request_is_counted_once_it_is_whole() {
        let text = b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloPOST";
        assert_eq!(request(&text[..40]), None);
        assert_eq!(request(text), Some(text.len() - 4));
    }
}
