//! A panic ends its request and nothing else.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    failing::{Failing, Trouble},
    support::{START, Shop, program},
};

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

/// It is answered with a 500 like any other problem, logged once with the request's id and without what was
/// sent, and the member's turn goes to who comes next.
#[tokio::test]
async fn a_panic_ends_its_request_and_nothing_else() {
    edge::note_panics();
    let store = Arc::new(Failing::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let member = shop.somebody().await;
    let order = json!({"member_id": member, "brand": "acme", "order_id": "secret-order", "amount": "10"});
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let logging = tracing::subscriber::set_default(subscriber);

    store.fails_with(Trouble::PanicsOnce);
    let reply = shop.call_with("POST", "/earn-points", &order, Some("key")).await;
    assert_eq!(reply.verdict(), "500 internal");
    let request_id = reply.header("request-id").to_owned();
    let told = reply.body.to_string();
    assert!(!told.contains("invariant") && !told.contains("failing.rs"), "the inside is told: {told}");

    drop(logging);
    let text = log.text();
    assert_eq!(text.lines().filter(|line| line.contains("ERROR")).count(), 1, "{text}");
    assert!(text.contains(&request_id) && text.contains("failing.rs:"), "which and where: {text}");
    assert!(!text.contains("secret-order") && !text.contains(&member), "what was sent is logged: {text}");

    let reply = shop.call_with("POST", "/earn-points", &order, Some("key")).await;
    assert_eq!((reply.status, reply.replayed()), (200, false), "the same goes through: {}", reply.body);
}
