//! The feed over a real stream: across restarts, and what a table's stream does to a commit.

use std::collections::BTreeMap;

use engine::store::{Change, Changed, Changes, Expect, Feed, Key, Manner, Position, Store, Version, Write};
use store_dynamodb::{DynamoStore, Options, local::Local};

use crate::{delete, put};

/// The store as another process opens it.
async fn opened(options: &Options) -> DynamoStore {
    DynamoStore::connect(options.clone()).unwrap().with_feed().await.unwrap()
}

/// What follows the position, when there is so much of it, with the manner of each write.
async fn read(feed: &dyn Feed, from: &Position, writes: usize) -> (Vec<(Changed, Manner)>, Position) {
    let (mut found, mut position, mut quiet) = (Vec::new(), from.clone(), 0);
    // A while after the last one nothing comes any more.
    while found.len() < writes || quiet < 5 {
        let Changes::Commits { commits, next } = feed.after(&position, 7).await.unwrap() else {
            panic!("a gap, after {} writes", found.len());
        };
        quiet = if commits.is_empty() { quiet + 1 } else { 0 };
        assert!(quiet < 400, "only {} of {writes} writes come", found.len());
        for commit in commits {
            found.extend(commit.writes.into_iter().map(|write| (write, commit.manner)));
        }
        position = Position::new(next.as_bytes().to_vec());
        if quiet > 0 {
            feed.more(&position).await;
        }
    }
    (found, position)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_goes_on_after_a_restart() {
    let Some(local) = Local::shared() else { return };
    let options = local.options();
    let store = DynamoStore::connect(options.clone()).unwrap();
    store.create_table().await.unwrap();
    let store = opened(&options).await;
    let start = store.feed().unwrap().end().await.unwrap();
    let name = |at: usize| format!("m{at:02}");
    let many: Vec<Write> = (0..20).map(|at| put(name(at), Expect::Absent, at)).collect();
    let version = store.commit(many).await.unwrap();
    // Another process knows nothing but the position.
    let other = opened(&options).await;
    let (found, next) = read(other.feed().unwrap(), &start, 20).await;
    let keys: BTreeMap<&Key, &Changed> = found.iter().map(|(changed, _)| (&changed.key, changed)).collect();
    assert_eq!((found.len(), keys.len()), (20, 20), "each write of a commit comes for itself, once");
    assert!(found.iter().all(|(changed, _)| changed.version == version && changed.is_new));
    // And so does a third, from where the second was.
    let quiet = vec![put("m00", Expect::Version(version), "quiet")];
    let quiet = other.commit_as(quiet, Manner::Quiet).await.unwrap();
    other
        .commit(vec![delete("m00", Expect::Version(quiet)), put("m99", Expect::Anything, "1")])
        .await
        .unwrap();
    let third = opened(&options).await;
    let (found, _) = read(third.feed().unwrap(), &next, 3).await;
    let told = |name: &str| -> Vec<(Option<String>, Version, Manner)> {
        let own = found.iter().filter(|(changed, _)| changed.key == crate::key(name));
        let text = |value: &bytes::Bytes| String::from_utf8_lossy(value).into_owned();
        own.map(|(changed, manner)| (changed.value.as_ref().map(text), changed.version, *manner)).collect()
    };
    let wanted = [(Some("quiet".to_owned()), quiet, Manner::Quiet), (None, quiet, Manner::Plain)];
    assert_eq!(told("m00"), wanted, "a deletion has the version that was deleted");
    assert_eq!((found.len(), told("m99").len()), (3, 1));
}

/// What no Laurel wrote into the table does not stop a reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strange_item_is_passed_over() {
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.unwrap().with_feed().await.unwrap();
    let start = store.feed().unwrap().end().await.unwrap();
    let strange =
        Write { key: crate::key("m-strange"), expect: Expect::Absent, change: Change::Put("1".into()) };
    store.commit(vec![strange]).await.unwrap();
    let (client, table) = store.table();
    let mut item = client.scan().table_name(table).send().await.unwrap().items.unwrap().remove(0);
    item.remove("n");
    client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    store.commit(vec![put("m-after", Expect::Absent, "1")]).await.unwrap();
    let (found, _) = read(store.feed().unwrap(), &start, 2).await;
    let keys: Vec<&Key> = found.iter().map(|(changed, _)| &changed.key).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
}

/// A table from before there was a feed gets a stream, and without one there is no feed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_a_stream_gets_one() {
    let Some(local) = Local::shared() else { return };
    let options = local.options();
    let store = DynamoStore::connect(options.clone()).unwrap();
    store.create_table().await.unwrap();
    let (client, table) = store.table();
    let off = aws_sdk_dynamodb::types::StreamSpecification::builder().stream_enabled(false).build().unwrap();
    client.update_table().table_name(table).stream_specification(off).send().await.unwrap();
    assert!(opened(&options).await.feed().is_none());
    store.create_table().await.unwrap();
    let store = opened(&options).await;
    let start = store.feed().unwrap().end().await.unwrap();
    store.commit(vec![put("m1", Expect::Absent, "1")]).await.unwrap();
    assert_eq!(read(store.feed().unwrap(), &start, 1).await.0.len(), 1);
}
