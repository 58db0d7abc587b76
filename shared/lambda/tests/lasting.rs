//! An instance that Lambda keeps while the data are rekeyed, or the secret is mended.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::time::Instant;
use edge::{Api, Clock, Function, Secrets, rekey};
use engine::{Engine, Request, id::CallerId, keys, memory::MemoryStore, records::By};
use lambda::{Instance, Invocation, Lasting, Reply};
use serde_json::{Value, json};

const FIRST: &str = "tests-master-key-0123456789abcdef";
const SECOND: &str = "another-master-key-0123456789abcdef";
const ADMIN_KEY: &str = "tests-admin-key-0123456789abcdef";
const NOW: &str = "2026-03-02T10:00:00+08:00";
const PROGRAM: &str = include_str!("../../../server/src/default-program.json");

/// A store as `laurel` sets one up.
async fn set_up() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let engine = Engine::new(store.clone());
    let now = Instant::parse(NOW).unwrap();
    let fingerprint = Secrets::new(FIRST.as_bytes()).fingerprint().to_vec();
    engine.records().set_note(keys::MASTER_KEY_NOTE, fingerprint.into()).await.unwrap();
    engine.programme().refresh().await.unwrap();
    engine.access().ensure_first_admin(edge::key_hash(ADMIN_KEY), now).await.unwrap();
    let request = Request::plain(By::Caller(CallerId::FirstAdmin), now);
    let document = domain::json::Json::parse(PROGRAM.as_bytes()).unwrap();
    let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
    engine.programme().save(&request, &document, PROGRAM, None, tell).await.unwrap();
    store
}

fn api(store: Arc<MemoryStore>, lines: &str, function: &'static Function) -> Api {
    let clock = Clock::test(Instant::parse(NOW).unwrap());
    Api::new(store, clock, Secrets::new(lines.as_bytes()), vec![function])
}

/// What the instance of the moment answers.
async fn answer(instance: Arc<Instance>, path: &str, body: &Value) -> (i64, Value) {
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "",
        "headers": {"authorization": format!("Bearer {ADMIN_KEY}"), "content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": body.to_string(), "isBase64Encoded": false,
    });
    let invocation = Invocation { id: "8f6c".to_owned(), left: Duration::from_secs(30) };
    let Ok(Reply::Url(reply)) = instance.handle(event, &invocation).await else { panic!("no reply") };
    let reply = serde_json::to_value(Reply::Url(reply)).unwrap();
    let body = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap_or(Value::Null);
    (reply["statusCode"].as_i64().unwrap(), body)
}

#[tokio::test]
async fn the_next_one_serves_what_was_rekeyed_meanwhile() {
    let store = set_up().await;
    // What the secret holds, which an instance reads once.
    let secret = Mutex::new(format!("{FIRST}\n{SECOND}"));
    let read = async |function| {
        let lines = secret.lock().unwrap().clone();
        Ok(Instance::new(function, api(store.clone(), &lines, function), "tests"))
    };
    let register = Lasting::new(|| read(&register::FUNCTION)).await.unwrap();
    let find = Lasting::new(|| read(&members::FUNCTION)).await.unwrap();
    let identity = json!({"kind": "phone", "value": "13800138000"});
    let person = json!({"identities": [identity], "brand": "acme"});
    let (status, made) = answer(register.instance().await, "/", &person).await;
    assert_eq!(status, 201, "{made}");
    let found = async || answer(find.instance().await, "/find", &json!({"identity": identity})).await;
    let first = found().await;
    assert_eq!((first.0, &first.1["id"]), (200, &made["member"]["id"]), "{}", first.1);

    let other = api(store.clone(), &format!("{FIRST}\n{SECOND}"), &members::FUNCTION);
    let note = other.engine.records().note(keys::MASTER_KEY_NOTE).await.unwrap();
    other.secrets.settle(&note.unwrap(), None).unwrap();
    rekey::rekey(&other, &*store, |_| ()).await.unwrap();
    SECOND.clone_into(&mut secret.lock().unwrap());

    let slept = found().await;
    assert_eq!((slept.0, &slept.1["code"]), (503, &json!("store_unavailable")), "it finds nobody any more");
    assert_eq!(found().await, first, "and the next one does");
    // Nor does the one that registers take somebody for new, and its next one knows whom it has.
    assert_eq!(answer(register.instance().await, "/", &person).await.0, 503);
    let (status, known) = answer(register.instance().await, "/", &person).await;
    assert_eq!((status, &known["member"]["id"]), (200, &made["member"]["id"]), "{known}");
}

#[tokio::test]
async fn the_next_one_reads_a_secret_that_was_mended() {
    let store = set_up().await;
    let secret = Mutex::new(SECOND);
    let read = async || {
        let lines = *secret.lock().unwrap();
        Ok(Instance::new(&members::FUNCTION, api(store.clone(), lines, &members::FUNCTION), "tests"))
    };
    let lasting = Lasting::new(read).await.unwrap();
    let body = json!({"identity": {"kind": "phone", "value": "13800138000"}});
    assert_eq!(answer(lasting.instance().await, "/find", &body).await.0, 503);
    *secret.lock().unwrap() = FIRST;
    let (status, told) = answer(lasting.instance().await, "/find", &body).await;
    assert_eq!((status, &told["code"]), (404, &json!("member_not_found")));
}
