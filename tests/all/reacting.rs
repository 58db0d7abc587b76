//! `react`, down from the table's stream: what DynamoDB Local's stream tells goes through the gateway to the function's own
//! binary, in batches, each of them twice and the second time in the other order. Without DynamoDB Local it is skipped.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use engine::{
    keys,
    store::{Change, Expect, Store as _, Write},
};
use serde_json::{Value, json};
use store_dynamodb::{DynamoStore, Options, local::Local};

use crate::{
    histories::run,
    lambda::Gateway,
    receiver::{Manner, Receiver},
};

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A record of Laurel's that no build can read, and an item that is none of Laurel's.
fn poison(gateway: &Gateway, local: &Local) {
    let mut options = Options::new(gateway.table.as_str());
    options.endpoint = Some(local.endpoint());
    options.attempt_timeout = Duration::from_secs(20);
    run(async {
        let store = DynamoStore::connect(options).unwrap();
        let key = keys::happened(domain::time::Instant(1_767_225_600_000), [7; 16]);
        let change = Change::Put(Bytes::from_static(b"\xff\xff"));
        store.commit(vec![Write { key, expect: Expect::Anything, change }]).await.unwrap();
        let (client, table) = store.table();
        let bytes = |text: &str| aws_sdk_dynamodb::types::AttributeValue::B(text.as_bytes().to_vec().into());
        let put = client.put_item().table_name(table).item("k", bytes("o")).item("s", bytes("x"));
        put.send().await.unwrap();
    });
}

#[test]
fn the_stream_feeds_react_twice_in_any_order_and_with_poison() {
    let Some(local) = Local::shared() else { return };
    let gateway = Gateway::streaming(local, "twice");
    let (good, bad) = (Receiver::good(), Receiver::start(Manner::Answer(500, "", "")));
    let hook = |receiver: &Receiver| {
        let url = format!("http://{}/hook", receiver.address);
        let made = gateway.ok("POST", "/webhooks", &json!({"url": url, "types": ["points.earned"]}));
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    };
    let ((_, secret), (other, _)) = (hook(&good), hook(&bad));
    let member = gateway.member("somebody");
    let earn = |number: u32| {
        let body =
            json!({"member_id": member, "brand": "acme", "order_id": format!("A-{number}"), "amount": "1"});
        gateway.ok("POST", "/earn-points", &body);
    };
    (0..10).for_each(earn);
    poison(&gateway, local);
    (10..20).for_each(earn);

    until("all have arrived", || good.got().len() >= 20);
    // What comes while a receiver fails waits for its time, so that nobody waits for it.
    let noted = |status: &str| {
        let path = format!("/webhooks/{other}/deliveries?limit=200{status}");
        gateway.ok("GET", &path, &Value::Null)["deliveries"].as_array().unwrap().len()
    };
    until("all were tried, or wait", || noted("") == 20);
    let tried = bad.got().len();
    assert!(tried >= 1);
    let orders: BTreeSet<String> =
        good.got().iter().map(|got| got.event()["data"]["order_id"].as_str().unwrap().to_owned()).collect();
    let ids: BTreeSet<String> = good.got().iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert_eq!((orders.len(), ids.len()), (20, 20));
    assert!(good.got().iter().all(|got| got.is_signed_by(&secret)));

    // What failed waits in the table, and comes again when its minute does.
    bad.answers(Manner::Answer(204, "", ""));
    until("what failed comes again", || {
        let told =
            gateway.invoke("react", &json!({"as_of": "2026-03-02T02:01:00Z"}), Duration::from_secs(20));
        assert_eq!(told["done"], true, "{told}");
        noted("&status=ok") == 20
    });
    // The stream has told everything by now, and that twice.
    assert_eq!(good.got().len(), 20, "each came once");
    assert_eq!(bad.got().len(), tried + 20, "each came once when its receiver was there");
}
