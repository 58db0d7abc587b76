//! `GET /backup`: a consistent copy of everything, for an admin, while the server keeps serving.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use edge::{Api, Code, Problem};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{Either, Full, channel::Channel};
use store_redb::RedbStore;
use tokio::runtime::Handle;

use crate::{full, listen::Body};

/// Pages that wait for a slow reader.
const PAGES_WAITING: usize = 4;

/// The copy broke off: what was sent so far is not a backup (its last line is missing).
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the copy broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// The copy, as it is read.
pub(crate) async fn backup(api: &Api, store: Option<&Arc<RedbStore>>, headers: &HeaderMap) -> Response<Body> {
    let refused = match (api.authenticate(headers).await, store) {
        (Err(problem), _) => problem,
        (Ok(caller), _) if !caller.may(&[]) || caller.brand.is_some() => Problem::forbidden(),
        (Ok(_), None) => Problem::saying(Code::NotFound, "a table is backed up by DynamoDB itself"),
        (Ok(_), Some(store)) => return copy(store),
    };
    api.refuse(&refused).map(Full::new).map(Either::Left)
}

fn copy(store: &RedbStore) -> Response<Body> {
    let (sender, body) = Channel::new(PAGES_WAITING);
    let snapshot = store.snapshot();
    // Reading the disk would hold up requests that share this thread.
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut sender = sender;
        let mut send = |text: String| handle.block_on(sender.send_data(Bytes::from(text))).is_ok();
        let mut pages = full::Pages::of(snapshot);
        let mut going = send(full::header());
        while going {
            match handle.block_on(pages.next()) {
                Ok(Some(page)) => going = send(page),
                Ok(None) => {
                    send(full::footer(pages.records));
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the backup broke off");
                    sender.abort(BrokenOff);
                    return;
                }
            }
        }
    });
    let mut response = Response::new(Either::Right(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    response
}
