//! The table's stream, as Lambda hands it to a function: in batches, again from the record on that the function names,
//! and a batch that fails in halves, until a record that fails by itself is given up.
//!
//! It speaks the Streams API as it is on the wire: what that tells of a record is what Lambda hands over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::sleep};

use crate::{Error, instance::Outcome, pool::Pool, settings::Settings};

/// Records of a batch, at most.
const BATCH: usize = 100;

/// How long to wait when there is nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a batch has.
const LIMIT: Duration = Duration::from_secs(90);

/// How often a record that fails by itself is handed over.
const TRIES: usize = 3;

/// How the stream is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// Each batch once.
    Once,
    /// Each batch a second time, in the other order.
    Twice,
}

/// Reads the stream of the settings' table for ever, and hands it to the pool's function.
pub(crate) async fn hand_over(settings: Arc<Settings>, pool: Arc<Pool>, manner: Manner) {
    let mut own = Reader { settings, pool, manner, iterators: BTreeMap::new(), done: BTreeSet::new() };
    loop {
        if let Err(error) = own.round().await {
            eprintln!("lambda-gateway: the stream: {error}");
            sleep(PAUSE * 10).await;
        }
    }
}

struct Reader {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    manner: Manner,
    /// Where each shard goes on.
    iterators: BTreeMap<String, String>,
    /// Shards that have ended.
    done: BTreeSet<String>,
}

impl Reader {
    async fn round(&mut self) -> Result<(), Error> {
        let table =
            self.ask("DynamoDB_20120810.DescribeTable", json!({"TableName": self.settings.table()})).await?;
        let arn = table["Table"]["LatestStreamArn"].as_str().ok_or("the table has no stream")?.to_owned();
        let told = self.ask("DynamoDBStreams_20120810.DescribeStream", json!({"StreamArn": arn})).await?;
        let shards = told["StreamDescription"]["Shards"].as_array().cloned().unwrap_or_default();
        let mut found = false;
        for shard in &shards {
            let id = shard["ShardId"].as_str().unwrap_or_default().to_owned();
            let parent = shard["ParentShardId"].as_str();
            let is_there = parent.is_some_and(|parent| shards.iter().any(|own| own["ShardId"] == parent));
            let waits = is_there && parent.is_some_and(|parent| !self.done.contains(parent));
            if waits || self.done.contains(&id) {
                continue;
            }
            found |= self.shard(&arn, &id).await?;
        }
        if !found {
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Hands over the next records of a shard. Whether there were any.
    async fn shard(&mut self, arn: &str, id: &str) -> Result<bool, Error> {
        let iterator = match self.iterators.get(id) {
            Some(iterator) => iterator.clone(),
            None => {
                let asked = json!({"StreamArn": arn, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON"});
                let told = self.ask("DynamoDBStreams_20120810.GetShardIterator", asked).await?;
                told["ShardIterator"].as_str().ok_or("no iterator")?.to_owned()
            }
        };
        let asked = json!({"ShardIterator": iterator, "Limit": BATCH});
        let told = self.ask("DynamoDBStreams_20120810.GetRecords", asked).await?;
        let records = told["Records"].as_array().cloned().unwrap_or_default();
        if !records.is_empty() {
            self.batch(records.clone()).await?;
            if self.manner == Manner::Twice {
                self.batch(records.iter().rev().cloned().collect()).await?;
            }
        }
        match told["NextShardIterator"].as_str() {
            Some(next) => _ = self.iterators.insert(id.to_owned(), next.to_owned()),
            None => _ = self.done.insert(id.to_owned()),
        }
        Ok(!records.is_empty())
    }

    /// Hands over a batch until all of it is dealt with or given up.
    async fn batch(&self, records: Vec<Value>) -> Result<(), Error> {
        let (mut waiting, mut failed) = (vec![records], 0);
        while let Some(batch) = waiting.pop() {
            let payload = json!({ "Records": batch }).to_string();
            let outcome = self.pool.invoke(payload.into(), LIMIT, None, |_| false).await?;
            let rest = match &outcome {
                Outcome::Answer(answer) => rest(&batch, answer),
                Outcome::Failure(_) => batch.clone(),
            };
            if rest.is_empty() {
                failed = 0;
                continue;
            }
            failed += 1;
            if rest.len() > 1 {
                let (first, last) = rest.split_at(rest.len() / 2);
                waiting.extend([last.to_vec(), first.to_vec()]);
            } else if failed < TRIES {
                waiting.push(rest);
            } else {
                eprintln!("lambda-gateway: a record of the stream is given up: {}", rest[0]);
                failed = 0;
            }
        }
        Ok(())
    }

    /// Sends a request as a client of AWS does; DynamoDB Local takes any signature.
    async fn ask(&self, target: &str, body: Value) -> Result<Value, Error> {
        let endpoint = self.settings.endpoint().ok_or("--endpoint is needed for the stream")?;
        let address = endpoint.strip_prefix("http://").ok_or("the endpoint is no http://")?;
        let stream = TcpStream::connect(address.trim_end_matches('/')).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::post("/")
            .header(header::HOST, address)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header(
                header::AUTHORIZATION,
                "AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-target, Signature=00",
            )
            .body(Full::new(Bytes::from(body.to_string())))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        match status.is_success() {
            true => Ok(serde_json::from_slice(&body)?),
            false => Err(format!("{target}: {status} {}", String::from_utf8_lossy(&body)).into()),
        }
    }
}

/// What of a batch is to be handed over again: from the first record on that the answer names.
fn rest(batch: &[Value], answer: &Bytes) -> Vec<Value> {
    let told: Value = serde_json::from_slice(answer).unwrap_or_default();
    let Some(failures) = told["batchItemFailures"].as_array() else { return batch.to_vec() };
    let named = |record: &Value| {
        failures.iter().any(|failure| failure["itemIdentifier"] == record["dynamodb"]["SequenceNumber"])
    };
    let first = batch.iter().position(named);
    first.map_or_else(Vec::new, |first| batch[first..].to_vec())
}
