//! The computed cost compared with DynamoDB Local's, where that is right: for single items.

use std::{collections::HashMap, sync::Arc, time::Instant};

use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, ReturnConsumedCapacity},
};
use engine::{
    id::{BrandId, OrderId},
    keys,
    memory::MemoryStore,
    store::{Change, Expect, Key, Store, Version, Write},
};
use store_dynamodb::{
    Call, Metered,
    cost::{self, Cost},
    local::Local,
};

use crate::{delete, key, put};

fn of_bytes(key: &Key, bytes: usize) -> Write {
    Write { key: key.clone(), expect: Expect::Anything, change: Change::Put(vec![7; bytes].into()) }
}

/// Units that DynamoDB gives as a fraction, as a whole number.
fn whole(units: Option<aws_sdk_dynamodb::types::ConsumedCapacity>) -> u64 {
    let units = units.and_then(|used| used.capacity_units).unwrap();
    format!("{units:.0}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_items_cost_what_dynamodb_says() {
    let Some(local) = Local::shared() else { return };
    let named = [
        key([&b"m"[..], &[9; 16]].concat()),
        keys::order(&BrandId::of_checked("brand"), &OrderId::of_checked("order-1")),
        keys::request(engine::id::RequestHash([1; 16])),
        keys::used("a", "b"),
    ];
    for key in named {
        let empty = cost::item_bytes(&key, 0);
        let edges = [1_024, 2_048, 4_096, 8_192, 40_960].map(|edge| edge - empty as usize);
        for bytes in edges.iter().flat_map(|edge| [edge - 1, *edge, edge + 1]).chain([0, 100]) {
            let store = local.store().await.unwrap();
            let (client, table) = store.table();
            store.commit(vec![of_bytes(&key, bytes)]).await.unwrap();
            let mut item = client.scan().table_name(table).send().await.unwrap().items.unwrap().remove(0);
            // As many digits as a version can have.
            item.insert("n".to_owned(), AttributeValue::N("1234567890123456789".to_owned()));
            let total = ReturnConsumedCapacity::Total;
            let request = client.put_item().table_name(table).set_item(Some(item.clone()));
            let answer = request.return_consumed_capacity(total.clone()).send().await.unwrap();
            let size = cost::item_bytes(&key, bytes);
            assert_eq!(whole(answer.consumed_capacity), cost::write_units(size), "{key:?}: writing {size}");
            let primary: HashMap<_, _> = ["k", "s"].map(|name| (name.to_owned(), item[name].clone())).into();
            let request =
                client.get_item().table_name(table).consistent_read(true).set_key(Some(primary.clone()));
            let answer = request.return_consumed_capacity(total.clone()).send().await.unwrap();
            assert_eq!(whole(answer.consumed_capacity), cost::read_units(size), "{key:?}: reading {size}");
            let request = client.delete_item().table_name(table).set_key(Some(primary));
            let answer = request.return_consumed_capacity(total).send().await.unwrap();
            assert_eq!(whole(answer.consumed_capacity), cost::write_units(size), "{key:?}: deleting {size}");
        }
    }
}

#[tokio::test]
async fn nothing_there_costs_one_unit() {
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.unwrap();
    let (client, table) = store.table();
    let byte = |byte: u8| AttributeValue::B(Blob::new([byte]));
    let request =
        client.get_item().table_name(table).consistent_read(true).key("k", byte(1)).key("s", byte(0));
    let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    assert_eq!(whole(answer.consumed_capacity), cost::read_units(0));
    let request = client.delete_item().table_name(table).key("k", byte(1)).key("s", byte(0));
    let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    assert_eq!(whole(answer.consumed_capacity), cost::write_units(0));
}

fn summary(calls: &[Call]) -> Vec<(&'static str, u64, u64, u64, u64)> {
    let line = |call: &Call| {
        let name = match call {
            Call::Get(_) => "get",
            Call::Scan(_) => "scan",
            Call::Walk(_) => "walk",
            Call::Commit(_) => "commit",
        };
        let Cost { items, write_units, read_units, round_trips, .. } = call.cost();
        (name, items, write_units, read_units, round_trips)
    };
    calls.iter().map(line).collect()
}

/// By the documented rules, over a store that costs nothing: items, write units, read units, trips.
#[tokio::test]
async fn calls_are_metered() {
    let store = Metered::new(Arc::new(MemoryStore::new()));
    let kilobyte = |name: &str, more: usize| {
        let key = key(name);
        let bytes = 1_024 - cost::item_bytes(&key, 0) as usize + more;
        of_bytes(&key, bytes)
    };
    let commits = [
        ("a new one", vec![put("m1", Expect::Absent, "1")], ("commit", 1, 2, 0, 1)),
        ("two", vec![put("m2", Expect::Absent, "1"), put("m3", Expect::Absent, "1")], ("commit", 2, 4, 0, 1)),
        ("a full kilobyte", vec![kilobyte("m1", 0)], ("commit", 1, 2, 0, 1)),
        ("a byte more", vec![kilobyte("m1", 1)], ("commit", 1, 4, 0, 1)),
        ("small where it was large", vec![put("m1", Expect::Anything, "1")], ("commit", 1, 4, 0, 1)),
        ("small again", vec![put("m1", Expect::Anything, "1")], ("commit", 1, 2, 0, 1)),
        (
            "large, and another",
            vec![kilobyte("m1", 1), put("m2", Expect::Anything, "1")],
            ("commit", 2, 6, 0, 1),
        ),
        ("a large delete", vec![delete("m1", Expect::Anything)], ("commit", 1, 2, 0, 1)),
        ("a delete of nothing", vec![delete("m1", Expect::Anything)], ("commit", 1, 1, 0, 1)),
        ("a lost race", vec![put("m2", Expect::Version(Version(0)), "1")], ("commit", 1, 1, 0, 1)),
    ];
    for (name, writes, expected) in commits {
        let _ = store.commit(writes).await;
        assert_eq!(summary(&store.take()), [expected], "{name}");
    }
    // A put with an end goes alone, whatever it expects.
    let far = engine::store::Instant(4_000_000_000_000);
    let ending =
        [(put("n1", Expect::Absent, "1"), 1), (put("n1", Expect::Absent, "1"), 1), (kilobyte("n2", 0), 2)];
    for (write, units) in ending {
        let _ = store.commit_until(write, far).await;
        assert_eq!(summary(&store.take()), [("commit", 1, units, 0, 1)]);
    }
    let check = |name| Write { key: key(name), expect: Expect::Absent, change: Change::Nothing };
    store.commit(vec![check("m9")]).await.unwrap();
    store.commit(vec![check("m9"), put("m8", Expect::Absent, "1")]).await.unwrap();
    store.commit(vec![]).await.unwrap();
    store.get(&[key("m2"), key("m3"), key("m2"), key("m7")]).await.unwrap();
    store.get(&[key("m2")]).await.unwrap();
    store.get(&[]).await.unwrap();
    store.scan(keys::all(keys::kind::CALLER), 10).await.unwrap();
    let expected = [
        ("commit", 1, 0, 1, 1),
        ("commit", 2, 4, 0, 1),
        ("get", 3, 0, 3, 1),
        ("get", 1, 0, 1, 1),
        ("scan", 0, 0, 1, 1),
    ];
    assert_eq!(summary(&store.take()), expected);
    let dearest = Cost { write_units: 4, read_units: 1, ..Cost::default() };
    assert_eq!(dearest.nanodollars(), 4 * 625 + 125);
}

/// Printed, not checked: how fast DynamoDB Local is here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_many_transactions_a_second() {
    const EACH: u32 = 50;
    let Some(local) = Local::shared() else { return };
    let store = local.store().await.unwrap();
    for writers in [1_u32, 8] {
        let begun = Instant::now();
        let tasks = (0..writers).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for at in 0..EACH {
                    let (member, entry) = (format!("m{writer}"), format!("o{writers}-{writer}-{at}"));
                    let writes = vec![put(member, Expect::Anything, at), put(entry, Expect::Absent, at)];
                    store.commit(writes).await.unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let millis = begun.elapsed().as_millis().max(1);
        let a_second = u128::from(writers * EACH) * 1_000 / millis;
        println!("{writers} at once: {a_second} transactions of two records a second");
    }
}
