//! Drives a server with a number of connections and keeps how long each answer took.

use crate::Result;
use crate::http::{Connection, Reply, Request, Target};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What one connection sends, and what it makes of the answers.
pub(crate) trait Traffic: Send + 'static {
    /// Writes the next request; false when there is none.
    fn next(&mut self, request: &mut Request) -> bool;

    /// Takes a successful answer.
    fn answered(&mut self, _body: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// A warm-up that is not counted, and the time that is.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
}

impl Window {
    /// Until the traffic itself ends, all of it counted.
    pub(crate) const WHOLE: Self = Self { warmup: Duration::ZERO, measured: Duration::from_secs(1 << 30) };
}

/// The answers of a window.
#[derive(Default, Clone)]
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    /// Of answers that did what was asked, in microseconds
    pub(crate) latencies: Vec<u32>,
    /// Redemptions refused for lack of points
    pub(crate) refused: u64,
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// The latency that this share of the answers stayed within, in milliseconds.
    pub(crate) fn percentile(&mut self, percent: usize) -> f64 {
        if self.latencies.is_empty() {
            return f64::NAN;
        }
        let rank = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        let (_, value, _) = self.latencies.select_nth_unstable(rank);
        f64::from(*value) / 1000.0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.latencies.extend(other.latencies);
        self.refused += other.refused;
    }
}

/// Runs one connection for each of `traffic`, and gives the traffic back with what was measured. The
/// first answer that is neither a success nor a refusal for lack of points ends everything.
pub(crate) async fn drive<T: Traffic>(
    target: &Target,
    traffic: Vec<T>,
    window: Window,
) -> Result<(Vec<T>, Sample)> {
    let mut connections = Vec::with_capacity(traffic.len());
    for each in traffic {
        connections.push((Connection::open(target).await?, each));
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (connection, traffic) in connections {
        tasks.spawn(one(connection, Request::new(target), traffic, start, window));
    }
    let mut all = (Vec::new(), Sample::default());
    while let Some(done) = tasks.join_next().await {
        let (traffic, sample) = done??;
        all.0.push(traffic);
        all.1.add(sample);
    }
    all.1.seconds = start.elapsed().saturating_sub(window.warmup).min(window.measured).as_secs_f64();
    Ok(all)
}

async fn one<T: Traffic>(
    mut connection: Connection,
    mut request: Request,
    mut traffic: T,
    start: Instant,
    window: Window,
) -> Result<(T, Sample)> {
    let counted = start + window.warmup;
    let end = counted + window.measured;
    let mut sample = Sample::default();
    let mut sent = Instant::now();
    while sent < end && traffic.next(&mut request) {
        let reply = connection.send(&mut request).await?;
        let now = Instant::now();
        match reply.status {
            200..300 => {
                traffic.answered(reply.body)?;
                if now >= counted && now < end {
                    sample.latencies.push(u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX));
                }
            }
            409 if insufficient(&reply) => sample.refused += 1,
            status => {
                let text: String = String::from_utf8_lossy(reply.body).chars().take(1000).collect();
                return Err(format!("the server answered {status}: {text}").into());
            }
        }
        sent = now;
    }
    Ok((traffic, sample))
}

fn insufficient(reply: &Reply<'_>) -> bool {
    let code = b"\"insufficient_points\"";
    reply.body.windows(code.len()).any(|bytes| bytes == code)
}

#[cfg(test)]
mod tests {
    use super::Sample;

    #[test]
    fn percentiles_are_ranks() {
        let mut sample = Sample { seconds: 1.0, latencies: (1..=1000).rev().collect(), refused: 0 };
        assert_eq!(sample.percentile(50), 0.501);
        assert_eq!(sample.percentile(99), 0.991);
        assert!(Sample::default().percentile(50).is_nan());
    }
}
