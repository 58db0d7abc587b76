//! An engine behind the real edge: a request's bytes in, the answer's bytes out.
//!
//! Every answer that passes through [`Shop::send`] is checked against the contract (see [`crate::wire`]): a
//! success against the route's published shape, a problem against RFC 9457 and the published codes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use domain::time::Instant;
use edge::{Api, Clock, Secrets};
use engine::{
    Request,
    id::CallerId,
    memory::MemoryStore,
    records::By,
    store::{Key, Record, Store},
};
use laurel_tests::partner::Partner;
use serde_json::{Value, json};

/// The admin's key in tests.
pub(crate) const ADMIN_KEY: &str = "tests-admin-key-0123456789abcdef";

/// The master key in tests.
pub(crate) const TESTS_MASTER_KEY: &str = "tests-master-key-0123456789abcdef";

/// When tests start, unless they say otherwise: a Monday morning in the programme's zone.
pub(crate) const START: &str = "2026-03-02T10:00:00+08:00";

/// A programme with a bit of everything; tests change what they are about.
pub(crate) fn program() -> Value {
    json!({
        "name": "Test Club", "time_zone": "Asia/Shanghai", "currency": "CNY", "default_region": "CN",
        "brands": [{"id": "acme", "name": "Acme"}, {"id": "bean", "rate": "0.5"}],
        "points": {
            "per_unit": "1", "expiry": {"mode": "year_end", "years": 1},
            "excluded_categories": ["gift_card"], "category_multipliers": {"tea": "2"},
        },
        "growth": {"per_unit": "1"},
        "tiers": [
            {"id": "basic", "growth": 0},
            {"id": "silver", "growth": 500, "validity": {"months": 12}, "retain": {"growth": 400},
             "on_lapse": {"mode": "deduct", "growth": 300}, "benefits": {"earn_multiplier": "1.2"}},
            {"id": "gold", "growth": 2000, "validity": {"months": 12}},
        ],
        "activities": [
            {"id": "check_in", "points": 5, "growth": 1, "per_day": 1, "streak": [{"days": 3, "points": 50}]},
            {"id": "bind", "points": 7, "once": true},
            {"id": "review", "points": 3, "per_month": 2},
        ],
        "badges": [
            {"id": "first_order", "when": {"fact": "orders.count", "op": ">=", "value": 1}},
            {"id": "founder"},
        ],
    })
}

/// The same with a partner, `moon`, which may do everything that a partner can.
pub(crate) fn coalition() -> Value {
    let mut program = program();
    let moon = json!({"id": "moon", "kind": "partner", "may": ["earn", "redeem", "reverse"],
                      "sees": ["tier", "balance"]});
    program["brands"].as_array_mut().unwrap().push(moon);
    program
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) bytes: Bytes,
    pub(crate) headers: http::HeaderMap,
}

impl Reply {
    /// The problem's code; empty on success.
    pub(crate) fn code(&self) -> &str {
        // What a friend comes with is a code too.
        if self.status < 400 { "" } else { self.body["code"].as_str().unwrap_or_default() }
    }

    /// Status and code in one word, for tables: `200`, `409 insufficient_points`.
    pub(crate) fn verdict(&self) -> String {
        format!("{} {}", self.status, self.code()).trim_end().to_owned()
    }

    /// A header's text; empty if missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether it repeats an earlier answer.
    pub(crate) fn replayed(&self) -> bool {
        self.header("idempotency-replayed") == "true"
    }

    /// The faults of a 422, as `pointer code`.
    pub(crate) fn faults(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        errors.iter().map(|error| format!("{} {}", text(&error["pointer"]), text(&error["code"]))).collect()
    }
}

/// The functions over a store, under a test clock.
pub(crate) struct Shop {
    pub(crate) api: Arc<Api>,
    counter: AtomicU64,
    /// Partners by their brands.
    pub(crate) partners: tokio::sync::Mutex<HashMap<String, Partner>>,
}

impl Shop {
    /// A shop with the usual programme, on a store in memory.
    pub(crate) async fn usual() -> Shop {
        Shop::open(&program(), START).await
    }

    /// A shop with that programme, on a store in memory, at that moment.
    pub(crate) async fn open(program: &Value, start: &str) -> Shop {
        Shop::over(Arc::new(MemoryStore::new()), program, start).await
    }

    /// The same over any store.
    pub(crate) async fn over(store: Arc<dyn Store>, program: &Value, start: &str) -> Shop {
        let now = Instant::parse(start).unwrap();
        Shop::living(store, program, Clock::test(now), now).await
    }

    /// The same by any clock, which shows that moment.
    pub(crate) async fn living(store: Arc<dyn Store>, program: &Value, clock: Clock, now: Instant) -> Shop {
        let secrets = Secrets::new(TESTS_MASTER_KEY.as_bytes());
        let api = Api::new(store, clock, secrets, server::FUNCTIONS.to_vec());
        api.engine.programme().refresh().await.unwrap();
        api.engine.access().ensure_first_admin(edge::key_hash(ADMIN_KEY), now).await.unwrap();
        let text = program.to_string();
        let document = domain::json::Json::parse(text.as_bytes()).unwrap();
        let request = Request::plain(By::Caller(CallerId::FirstAdmin), now);
        let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
        api.engine.programme().save(&request, &document, &text, None, tell).await.unwrap();
        api.refresh().await.unwrap();
        Shop { api: Arc::new(api), counter: AtomicU64::new(1), partners: Default::default() }
    }

    /// A shop over a store that others have written under that master key, unchanged, at that moment.
    pub(crate) async fn found(store: Arc<dyn Store>, master_key: &str, now: &str) -> Shop {
        let now = Instant::parse(now).unwrap();
        let secrets = Secrets::new(master_key.as_bytes());
        let api = Api::new(store, Clock::test(now), secrets, server::FUNCTIONS.to_vec());
        let note = async |name| api.engine.records().note(name).await.unwrap();
        if let Some(known) = note(engine::keys::MASTER_KEY_NOTE).await {
            api.secrets.settle(&known, note(engine::keys::RING_NOTE).await.as_deref()).unwrap();
        }
        api.refresh().await.unwrap();
        Shop { api: Arc::new(api), counter: AtomicU64::new(1), partners: Default::default() }
    }

    /// Moves the clock.
    pub(crate) fn at(&self, instant: &str) {
        self.api.clock.forward(Instant::parse(instant).unwrap()).unwrap();
    }

    /// A number that has not been used in this shop.
    pub(crate) fn fresh(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// Every record of the store except nonces: a signature is used up whatever its request's outcome.
    pub(crate) async fn snapshot(&self) -> Vec<(Key, Record)> {
        let (mut records, mut from) = (Vec::new(), None);
        loop {
            let page = self.api.engine.store().walk(None, from, 1_000).await.unwrap();
            records.extend(page.records);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        records.retain(|(key, _)| key.kind() != engine::keys::kind::NONCE);
        records.sort_by(|(one, _), (other, _)| one.cmp(other));
        records
    }

    /// Sends bytes with headers, as anybody could.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send_request(request.body(Bytes::copy_from_slice(body)).unwrap()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send_request(&self, request: http::Request<Bytes>) -> Reply {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let response = self.api.serve(request).await;
        let (head, bytes) = response.into_parts();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let reply = Reply { status: head.status.as_u16(), body, bytes, headers: head.headers };
        crate::wire::check(&self.api, &method, &path, &reply);
        reply
    }

    /// Calls with that caller's key, and an idempotency key where one is given.
    pub(crate) async fn call_as(
        &self,
        caller: &str,
        method: &str,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Reply {
        let bearer = format!("Bearer {caller}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, &headers, &body).await
    }

    /// Calls as the admin; with a key where one is given.
    pub(crate) async fn call_with(&self, method: &str, path: &str, body: &Value, key: Option<&str>) -> Reply {
        self.call_as(ADMIN_KEY, method, path, body, key).await
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

    /// Calls as the admin and wants that status and code.
    pub(crate) async fn refused(&self, want: &str, method: &str, path: &str, body: Value) -> Reply {
        let reply = self.call(method, path, body.clone()).await;
        assert_eq!(reply.verdict(), want, "{method} {path} {body}: {}", reply.body);
        reply
    }

    /// Registers somebody with that external identity and returns the id.
    pub(crate) async fn member(&self, name: &str) -> String {
        let identity = json!({"kind": "external", "channel": "tests", "value": name});
        let body = json!({"identities": [identity], "brand": "acme"});
        self.ok("POST", "/register", body).await["member"]["id"].as_str().unwrap().to_owned()
    }

    /// Registers somebody new.
    pub(crate) async fn somebody(&self) -> String {
        self.member(&format!("somebody-{}", self.fresh())).await
    }

    /// What the member's card shows now.
    pub(crate) async fn card(&self, member: &str) -> String {
        let card = self.ok("GET", &format!("/members/{member}/card"), Value::Null).await;
        card["token"].as_str().unwrap().to_owned()
    }

    /// An order of that amount earns.
    pub(crate) async fn earn(&self, member: &str, order: &str, amount: &str) -> Value {
        let body = json!({"member_id": member, "brand": "acme", "order_id": order, "amount": amount});
        self.ok("POST", "/earn-points", body).await
    }

    /// Points are spent on an order.
    pub(crate) async fn redeem(&self, member: &str, order: &str, points: u64) -> Value {
        let spent_on = json!({"kind": "order", "order_id": order});
        let body = json!({"member_id": member, "brand": "acme", "points": points, "for": spent_on});
        self.ok("POST", "/redeem", body).await
    }

    /// The member as of now.
    pub(crate) async fn show(&self, member: &str) -> Value {
        self.ok("GET", &format!("/members/{member}"), Value::Null).await
    }

    /// The member's whole ledger, newest first, read in pages of that size.
    pub(crate) async fn ledger(&self, member: &str, limit: usize) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut path = format!("/members/{member}/ledger?limit={limit}");
        loop {
            let page = self.ok("GET", &path, Value::Null).await;
            let found = page["entries"].as_array().unwrap();
            assert!(found.len() <= limit, "a page of {} with limit {limit}", found.len());
            entries.extend(found.iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return entries };
            assert_eq!(found.len(), limit, "a page that is not the last is full");
            path = format!("/members/{member}/ledger?limit={limit}&cursor={cursor}");
        }
    }

    /// Registers a key of the partner's and returns the partner with the key's name.
    pub(crate) async fn register_key(&self, brand: &str, partner: &Partner) -> Partner {
        let made = self.ok("POST", &format!("/partners/{brand}/keys"), partner.registration()).await;
        partner.registered(&made)
    }

    /// Calls as that partner, signed.
    pub(crate) async fn call_signed(
        &self,
        partner: &Partner,
        method: &str,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Reply {
        let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let signed = partner.sign(method, path, &headers, &body);
        let signed: Vec<(&str, &str)> =
            signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.send(method, path, &signed, &body).await
    }

    /// A new caller: its id and its key.
    pub(crate) async fn caller(&self, roles: &[&str], brand: Option<&str>) -> (String, String) {
        let body = json!({"name": format!("caller {}", self.fresh()), "roles": roles, "brand": brand});
        let made = self.ok("POST", "/keys", body).await;
        (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }
}
