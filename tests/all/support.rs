//! An engine in memory behind the real edge: a request's bytes in, the answer's bytes out.

use std::sync::Arc;

use bytes::Bytes;
use domain::time::Instant;
use edge::{Api, Clock, Secrets};
use engine::{Engine, Request, memory::MemoryStore, records::By, store::Store};
use serde_json::Value;

/// The admin's key in tests.
pub(crate) const ADMIN_KEY: &str = "tests-admin-key-0123456789abcdef";

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) bytes: Bytes,
    pub(crate) headers: http::HeaderMap,
}

/// The functions over a store, under a test clock.
pub(crate) struct Shop {
    pub(crate) api: Arc<Api>,
}

impl Shop {
    /// A shop with that programme, on a store in memory, at that moment.
    pub(crate) async fn open(program: &Value, start: &str) -> Shop {
        Shop::over(Arc::new(MemoryStore::new()), program, start).await
    }

    /// The same over any store.
    pub(crate) async fn over(store: Arc<dyn Store>, program: &Value, start: &str) -> Shop {
        let now = Instant::parse(start).unwrap();
        let secrets = Secrets::new(b"tests-master-key-0123456789abcdef");
        let api = Api::new(Engine::new(store), Clock::test(now), secrets, server::FUNCTIONS.to_vec());
        api.engine.refresh().await.unwrap();
        api.engine.ensure_first_admin([0; 16], edge::key_hash(ADMIN_KEY), now).await.unwrap();
        let text = program.to_string();
        let document = domain::json::Json::parse(text.as_bytes()).unwrap();
        let request = Request {
            by: By::Caller([0; 16]),
            now,
            key: None,
            content: [0; 16],
            dry_run: false,
            brand: None,
            any_age: false,
        };
        let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
        api.engine.save_program(&request, &document, &text, None, tell).await.unwrap();
        api.refresh().await.unwrap();
        Shop { api: Arc::new(api) }
    }

    /// Moves the clock.
    pub(crate) fn at(&self, instant: &str) {
        self.api.clock.forward(Instant::parse(instant).unwrap()).unwrap();
    }

    /// Sends bytes with headers, as anybody could.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body)).unwrap();
        let response = self.api.serve(request).await;
        let (head, bytes) = response.into_parts();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: head.status.as_u16(), body, bytes, headers: head.headers }
    }

    /// Calls as the admin; with a key where one is given.
    pub(crate) async fn call_with(&self, method: &str, path: &str, body: &Value, key: Option<&str>) -> Reply {
        let bearer = format!("Bearer {ADMIN_KEY}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, &headers, &body).await
    }

    /// Calls as the admin.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call_with(method, path, &body, None).await
    }

    /// Calls as the admin and wants success.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.call(method, path, body).await;
        assert!(reply.status < 300, "{method} {path}: {} {}", reply.status, reply.body);
        reply.body
    }

    /// Registers somebody with that external identity and returns the id.
    pub(crate) async fn member(&self, name: &str) -> String {
        let identity = serde_json::json!({"kind": "external", "channel": "tests", "value": name});
        let body = serde_json::json!({"identities": [identity], "brand": "acme"});
        self.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
    }
}
