//! Events as Lambda passes them on, against the real engine over a store in memory.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lambda_events::{
    eventbridge::EventBridgeEvent,
    lambda_function_urls::{LambdaFunctionUrlRequest, LambdaFunctionUrlResponse},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::time::Instant;
use edge::{Access, Answer, Api, Clock, Function, Kind, Method, Role, Route, Secrets, Sweep};
use engine::{
    Engine, Request,
    id::CallerId,
    memory::MemoryStore,
    records::By,
    store::{Key, Pending, Range, Record, Store, StoreError, Version, Write},
};
use lambda::{Event, Failure, Instance, Invocation, Reply};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde_json::{Value, json};

const MASTER_KEY: &[u8] = b"tests-master-key-0123456789abcdef";
const ADMIN_KEY: &str = "tests-admin-key-0123456789abcdef";
const NOW: &str = "2026-03-02T10:00:00+08:00";
const PROGRAM: &str = include_str!("../../../server/src/default-program.json");

/// A store in memory that counts its calls.
#[derive(Default)]
struct Counted {
    inner: MemoryStore,
    asked: AtomicU64,
}

impl Counted {
    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn count(&self) -> &MemoryStore {
        self.asked.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

impl Store for Counted {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Pending<'a, Result<Vec<Option<Record>>, StoreError>> {
        self.count().get(keys)
    }

    fn scan(&self, range: Range, limit: usize) -> Pending<'_, Result<Vec<(Key, Record)>, StoreError>> {
        self.count().scan(range, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> Pending<'_, Result<Version, StoreError>> {
        self.count().commit(writes)
    }
}

/// A store as `laurel` sets one up.
async fn set_up() -> Arc<Counted> {
    let store = Arc::new(Counted::default());
    let engine = Engine::new(store.clone());
    let now = Instant::parse(NOW).unwrap();
    let fingerprint = Secrets::new(MASTER_KEY).fingerprint().to_vec();
    engine.records().set_note("master_key", fingerprint.into()).await.unwrap();
    engine.programme().refresh().await.unwrap();
    engine.access().ensure_first_admin(edge::key_hash(ADMIN_KEY), now).await.unwrap();
    let by = By::Caller(CallerId::FirstAdmin);
    let request = Request::plain(by, now);
    let document = domain::json::Json::parse(PROGRAM.as_bytes()).unwrap();
    let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
    engine.programme().save(&request, &document, PROGRAM, None, tell).await.unwrap();
    store.asked.store(0, Ordering::SeqCst);
    store
}

fn instance_at(function: &'static Function, store: Arc<Counted>, master_key: &[u8], now: &str) -> Instance {
    let clock = Clock::test(Instant::parse(now).unwrap());
    let mut api = Api::new(store, clock, Secrets::new(master_key), vec![function]);
    api.origins = vec!["https://shop.example".to_owned()];
    Instance::new(function, api, "tests")
}

fn instance(function: &'static Function, store: Arc<Counted>) -> Instance {
    instance_at(function, store, MASTER_KEY, NOW)
}

fn invocation(seconds: u64) -> Invocation {
    Invocation { id: "8f6c".to_owned(), left: Duration::from_secs(seconds) }
}

/// A request by URL, with the admin's key.
fn by_url(method: &str, path: &str, body: &Value) -> Value {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": format!("Bearer {ADMIN_KEY}"), "content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}

/// The reply to an event by URL. Whatever it is, Lambda can read it.
async fn answer(instance: &Instance, event: Value) -> (ApiGatewayV2httpResponse, Value) {
    let reply = instance.handle(event, &invocation(30)).await.unwrap();
    let written: LambdaFunctionUrlResponse =
        serde_json::from_value(serde_json::to_value(&reply).unwrap()).unwrap();
    let Reply::Url(reply) = reply else { panic!("a request was not answered as one") };
    assert_eq!((written.status_code, &written.headers), (reply.status_code, &reply.headers));
    let body = serde_json::from_str(&written.body.unwrap()).unwrap_or(Value::Null);
    (reply, body)
}

fn header<'a>(reply: &'a ApiGatewayV2httpResponse, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

async fn direct(instance: &Instance, event: Value, seconds: u64) -> Result<Value, Failure> {
    match instance.handle(event, &invocation(seconds)).await? {
        Reply::Direct(told) => Ok(told),
        Reply::Url(reply) => panic!("a schedule's event was answered as a request: {reply:?}"),
    }
}

/// The sample events: file name and content.
fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn sample_requests_are_what_aws_says_they_are() {
    let mut seen = 0;
    for (file, sample) in samples() {
        let function = file.split('.').next().unwrap();
        let parsed: Result<LambdaFunctionUrlRequest, _> = serde_json::from_value(sample.clone());
        if sample.get("requestContext").is_none() {
            assert!(parsed.is_err(), "{file}");
            continue;
        }
        seen += 1;
        let aws = parsed.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(aws.version.as_deref(), Some("2.0"), "{file}");
        let read = lambda::read(&[function], sample).unwrap_or_else(|problem| panic!("{file}: {problem:?}"));
        let Event::Url(request) = read else { panic!("{file}: not read as a request") };

        assert_eq!(Some(request.method().as_str()), aws.request_context.http.method.as_deref(), "{file}");
        let path = aws.raw_path.unwrap();
        let rest = path.strip_prefix(&format!("/{function}")).unwrap_or(&path);
        let rest = if rest.is_empty() {
            request.uri().path().strip_prefix(&format!("/{function}")).unwrap()
        } else {
            rest
        };
        assert_eq!(request.uri().path(), format!("/{function}{rest}"), "{file}");
        let query = aws.raw_query_string.filter(|query| !query.is_empty());
        assert_eq!(request.uri().query(), query.as_deref(), "{file}");
        assert_eq!(*request.headers(), aws.headers, "{file}");
        let body = aws.body.unwrap_or_default();
        let body =
            if aws.is_base64_encoded { BASE64_STANDARD.decode(body).unwrap() } else { body.into_bytes() };
        assert_eq!(request.body().as_ref(), body, "{file}");
    }
    assert!(seen >= 11, "only {seen} samples: this test looks in the wrong place");
}

#[tokio::test]
async fn sample_schedules_run() {
    let mut seen = 0;
    // Neither a request, nor a batch of the table's stream, which has no time of its own.
    let at_its_time = |sample: &Value| sample.get("requestContext").or(sample.get("Records")).is_none();
    for (file, sample) in samples().into_iter().filter(|(_, sample)| at_its_time(sample)) {
        seen += 1;
        // Its time is one to AWS's types, in an event that a schedule without an input sends.
        let time = sample.get("as_of").or(sample.get("time")).unwrap_or(&Value::Null);
        let event: EventBridgeEvent = serde_json::from_value(envelope(time)).unwrap();
        assert!(event.time.is_some(), "{file} has no logical time");
        let instance = instance(&expire_points::FUNCTION, set_up().await);
        let told = direct(&instance, sample, 60).await.unwrap_or_else(|error| panic!("{file}: {error:?}"));
        assert_eq!((&told["done"], &told["members"]), (&json!(true), &json!(0)), "{file}");
    }
    assert!(seen >= 2, "only {seen} samples: this test looks in the wrong place");
}

/// What a schedule sends that was given no input of its own.
fn envelope(time: &Value) -> Value {
    json!({
        "version": "0", "id": "e1", "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": "1", "time": time, "region": "eu-central-1", "resources": [], "detail": "{}",
    })
}

#[tokio::test]
async fn a_schedule_without_an_input_has_a_time_too() {
    let event = envelope(&json!("2026-01-01T00:00:00Z"));
    let _: EventBridgeEvent = serde_json::from_value(event.clone()).unwrap();
    let instance = instance(&expire_points::FUNCTION, set_up().await);
    assert_eq!(direct(&instance, event, 60).await.unwrap()["as_of"], "2026-01-01T08:00:00+08:00");
}

const LI: &str =
    r#"{"identities":[{"kind":"email","value":"li@example.cn"}],"profile":{"name":"李雷"},"brand":"acme"}"#;

#[tokio::test]
async fn a_body_may_come_as_base64() {
    let store = set_up().await;
    let instance = instance(&register::FUNCTION, store);
    let mut event = by_url("POST", "/", &Value::Null);
    event["body"] = BASE64_STANDARD.encode(LI).into();
    event["isBase64Encoded"] = true.into();
    let (reply, body) = answer(&instance, event).await;
    assert_eq!((reply.status_code, &body["created"]), (201, &json!(true)), "{body}");
    let li: Value = serde_json::from_str(LI).unwrap();
    let (reply, body) = answer(&instance, by_url("POST", "/register", &li)).await;
    assert_eq!((reply.status_code, &body["created"]), (200, &json!(false)));
}

#[tokio::test]
async fn a_function_answers_at_the_root_and_at_its_name() {
    let store = set_up().await;
    let li: Value = serde_json::from_str(LI).unwrap();
    let (_, body) = answer(&instance(&register::FUNCTION, store.clone()), by_url("POST", "/", &li)).await;
    let id = body["member"]["id"].as_str().unwrap().to_owned();
    let members = instance(&members::FUNCTION, store);
    for path in [format!("/{id}"), format!("/{id}/"), format!("/members/{id}")] {
        let mut event = by_url("GET", &path, &Value::Null);
        event["body"] = Value::Null;
        let (reply, body) = answer(&members, event).await;
        assert_eq!((reply.status_code, &body["id"]), (200, &json!(id)), "{path}");
    }
    for (method, path, status) in [
        ("GET", format!("/register/{id}"), 404),
        ("GET", "/members/members".to_owned(), 404),
        ("PUT", format!("/{id}"), 405),
    ] {
        let mut event = by_url(method, &path, &Value::Null);
        event["body"] = Value::Null;
        let (reply, _) = answer(&members, event).await;
        assert_eq!(reply.status_code, status, "{path}");
    }
}

#[tokio::test]
async fn without_a_key_the_store_is_not_touched() {
    let store = set_up().await;
    let instance = instance(&register::FUNCTION, store.clone());
    let li: Value = serde_json::from_str(LI).unwrap();
    let mut event = by_url("POST", "/", &li);
    event["headers"] = json!({"content-type": "application/json"});
    let (reply, body) = answer(&instance, event.clone()).await;
    assert_eq!((reply.status_code, &body["code"]), (401, &json!("unauthenticated")));
    assert!(header(&reply, "request-id").is_some_and(|id| id.starts_with("req_")));
    // Nor for something that cannot be a key, or that is refused for showing two credentials at once.
    for (header, value) in [
        ("authorization", "Basic bGk6cGFzc3dvcmQ="),
        ("authorization", "Bearer"),
        ("authorization", "Bearer  "),
        ("authorization", "Bearer é"),
        ("authorization", "lk_unknown"),
        ("authorization", ""),
    ] {
        event["headers"] = json!({"content-type": "application/json", header: value});
        let (reply, body) = answer(&instance, event.clone()).await;
        assert_eq!((reply.status_code, &body["code"]), (401, &json!("unauthenticated")), "{value}");
    }
    event["rawPath"] = "/register".into();
    let key = format!("Bearer {ADMIN_KEY}");
    event["headers"] =
        json!({"authorization": key, "signature": "sig1=:AAAA:", "signature-input": "sig1=()"});
    let (reply, body) = answer(&instance, event.clone()).await;
    assert_eq!((reply.status_code, &body["code"]), (401, &json!("signature_invalid")));
    event["headers"] = json!({"origin": "https://shop.example"});
    event["requestContext"]["http"]["method"] = "OPTIONS".into();
    let (reply, _) = answer(&instance, event).await;
    assert_eq!(reply.status_code, 204);
    assert_eq!(header(&reply, "access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(store.asked(), 0);

    // Something with the form of a key may be one: a new instance must read the list of callers to know.
    let mut event = by_url("POST", "/", &li);
    event["headers"]["authorization"] = "Bearer lk_unknown".into();
    assert_eq!(answer(&instance, event).await.0.status_code, 401);
    assert!(store.asked() > 0);
}

/// What arrives by URL is a request, whatever it looks like; nothing else is ever treated as one.
#[tokio::test]
async fn nobody_passes_for_the_scheduler() {
    let store = set_up().await;
    let expire = instance(&expire_points::FUNCTION, store.clone());
    let as_of = json!({"as_of": "2026-01-01T00:00:00Z"});
    let mut event = by_url("POST", "/", &as_of);
    event["headers"] = json!({});
    assert_eq!(answer(&expire, event.clone()).await.0.status_code, 401);
    event["as_of"] = as_of["as_of"].clone();
    event["source"] = "aws.scheduler".into();
    for context in [json!(null), json!({}), json!("url"), json!({"http": {}}), json!([]), json!(0)] {
        event["requestContext"] = context;
        assert_eq!(answer(&expire, event.clone()).await.0.status_code, 400);
    }
    assert_eq!(store.asked(), 0);
    assert_eq!(answer(&expire, by_url("POST", "/", &as_of)).await.0.status_code, 200);

    store.asked.store(0, Ordering::SeqCst);
    let register = instance(&register::FUNCTION, store.clone());
    assert_eq!(direct(&register, as_of, 60).await.unwrap_err().code, "forbidden");
    let li: Value = serde_json::from_str(LI).unwrap();
    assert_eq!(direct(&register, li, 60).await.unwrap_err().code, "forbidden");
    assert_eq!(store.asked(), 0);
}

#[tokio::test]
async fn a_schedules_clock_may_be_ahead() {
    let store = set_up().await;
    let instance = instance(&expire_points::FUNCTION, store);
    for as_of in ["2026-03-02T10:00:01+08:00", "2031-01-01T00:00:00Z", "2026-03-02T02:00:00.000Z"] {
        let told = direct(&instance, json!({"as_of": as_of}), 60).await.unwrap();
        assert_eq!((&told["as_of"], &told["done"]), (&json!(NOW), &json!(true)), "{as_of}");
    }
    let told = direct(&instance, json!({}), 60).await.unwrap();
    assert_eq!(told["as_of"], NOW);
}

#[tokio::test]
async fn odd_events_are_refused() {
    let store = set_up().await;
    let instance = instance(&expire_points::FUNCTION, store);
    for event in [Value::Null, json!([]), json!("x"), json!(1)] {
        assert_eq!(answer(&instance, event).await.0.status_code, 400);
    }
    for event in
        [json!({"as_of": 5}), json!({"as_of": "soon"}), json!({"detail": {}}), json!({"shard": -1, "x": 1})]
    {
        assert_eq!(direct(&instance, event.clone(), 60).await.unwrap_err().code, "invalid_field", "{event}");
    }
    let whole = by_url("POST", "/", &json!({}));
    let odd = |pointer: &str, value: Value| {
        let mut event = whole.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let table = [
        (odd("/requestContext/http/method", json!("G ET")), 400),
        (odd("/requestContext/http/method", json!(7)), 400),
        (odd("/requestContext/http/method", json!(null)), 400),
        (odd("/headers", json!({"x y": "1"})), 400),
        (odd("/headers", json!({"x": [1]})), 400),
        (odd("/headers", json!({"authorization": [format!("Bearer {ADMIN_KEY}")]})), 200),
        (odd("/headers", json!({"authorization": [format!("Bearer {ADMIN_KEY}"), "Bearer x"]})), 401),
        (odd("/headers", json!({"x": "a\nb"})), 400),
        (odd("/headers", json!({"authorization": "Bearer é"})), 401),
        (
            odd("/headers", json!({"authorization": format!("Bearer {ADMIN_KEY}"), "user-agent": "Kassé 7"})),
            200,
        ),
        (odd("/headers", json!(null)), 401),
        (odd("/headers", json!("none")), 400),
        (odd("/body", json!({})), 400),
        (odd("/body", json!("{")), 400),
        (odd("/isBase64Encoded", json!(true)), 400),
        (odd("/body", json!(null)), 200),
        (odd("/rawPath", json!("/\u{0}")), 404),
        (odd("/rawPath", json!("/x".repeat(6_000))), 413),
        (odd("/rawPath", json!(null)), 200),
        (odd("/rawQueryString", json!("a=b")), 422),
    ];
    for (event, status) in table {
        let (reply, body) = answer(&instance, event.clone()).await;
        assert_eq!(
            reply.status_code,
            status,
            "{body} of {}",
            event.to_string().chars().take(300).collect::<String>()
        );
    }
}

#[tokio::test]
async fn a_store_that_is_not_ours_is_not_served() {
    let store = set_up().await;
    let engine = Engine::new(store.clone());
    let li: Value = serde_json::from_str(LI).unwrap();
    let foreign =
        instance_at(&register::FUNCTION, store.clone(), b"another-master-key-0123456789abcdef", NOW);
    let own = instance(&register::FUNCTION, store.clone());
    engine.records().set_note("importing", "x".into()).await.unwrap();
    for instance in [&foreign, &own] {
        let (reply, body) = answer(instance, by_url("POST", "/", &li)).await;
        assert_eq!((reply.status_code, &body["code"]), (503, &json!("store_unavailable")));
    }
    // A signature is no way around it.
    let mut signed = by_url("POST", "/register", &li);
    signed["headers"] = json!({"signature": "sig1=:AAAA:", "signature-input": "sig1=()"});
    assert_eq!(answer(&own, signed.clone()).await.0.status_code, 503);
    let good = instance(&register::FUNCTION, set_up().await);
    let (reply, body) = answer(&good, signed.clone()).await;
    assert_eq!((reply.status_code, &body["code"]), (401, &json!("signature_invalid")));
    signed["rawPath"] = json!("/");
    assert_eq!(answer(&good, signed).await.0.status_code, 404, "the function must be named");
    let expire = instance(&expire_points::FUNCTION, store.clone());
    assert_eq!(direct(&expire, json!({}), 60).await.unwrap_err().code, "store_unavailable");
    let bare = instance(&register::FUNCTION, Arc::new(Counted::default()));
    assert_eq!(answer(&bare, by_url("POST", "/", &li)).await.0.status_code, 503);
}

/// The schedule's run closes the month before its logical time; by its URL the function answers at
/// both of its names.
#[tokio::test]
async fn the_month_before_is_settled_and_shown() {
    let clock = Clock::test(Instant::parse(NOW).unwrap());
    let functions = vec![&settle::FUNCTION, &settle::SETTLEMENTS];
    let api = Api::new(set_up().await, clock, Secrets::new(MASTER_KEY), functions);
    let settle = Instance::new(&settle::FUNCTION, api, "tests");
    let told = direct(&settle, json!({"as_of": "2026-03-01T06:00:00+08:00"}), 60).await.unwrap();
    assert_eq!((&told["month"], &told["done"]), (&json!("2026-02"), &json!(true)));
    assert_eq!(direct(&settle, json!({"month": "2026-03"}), 60).await.unwrap_err().code, "month_not_ended");
    for path in ["/settlements/2026-02", "/settlements/2026-02/"] {
        let mut event = by_url("GET", path, &Value::Null);
        event["body"] = Value::Null;
        let (reply, body) = answer(&settle, event).await;
        assert_eq!((reply.status_code, &body["month"]), (200, &json!("2026-02")), "{path}");
    }
    for (path, replayed) in [("/", None), ("/settle", Some("true")), ("/settle/", Some("true"))] {
        let mut event = by_url("POST", path, &json!({"month": "2026-02"}));
        event["headers"]["idempotency-key"] = json!("february");
        let (reply, body) = answer(&settle, event).await;
        let again = header(&reply, "idempotency-replayed");
        assert_eq!((reply.status_code, &body["done"], again), (200, &json!(true), replayed), "{path}");
    }
}

static STEPS: AtomicU64 = AtomicU64::new(0);

edge::answer! {
    /// What a step did.
    struct Step {
        /// members settled
        members: u64,
        /// points expired
        points_expired: u64,
        /// false: call again
        done: bool,
    }
}

const SLOW_ROUTE: Route = Route {
    method: Method::Post,
    path: "",
    summary: "Comes to its end with every third step",
    access: Access::keys(&[Role::Scheduler]),
    body: Some(Sweep::SHAPE),
    answers: &[(200, Step::SHAPE)],
    handler: |_, call| {
        Box::pin(async move {
            assert_eq!((call.request.by, call.request.key), (By::Schedule, None));
            let done = STEPS.fetch_add(1, Ordering::SeqCst) % 3 == 2;
            Ok(Answer::new(200, &Step { members: 2, points_expired: 5, done }))
        })
    },
    ..Route::BARE
};

static SLOW: Function = Function { name: "slow", routes: &[SLOW_ROUTE] };

/// With time left it runs to the end; without, it takes one step and says that more is due.
#[tokio::test]
async fn a_run_is_bounded_and_an_unfinished_one_fails() {
    let slow = instance(&SLOW, set_up().await);
    let told = direct(&slow, json!({}), 60).await.unwrap();
    assert_eq!(told, json!({"members": 6, "points_expired": 15, "done": true}));
    for code in ["sweep_unfinished", "sweep_unfinished"] {
        assert_eq!(direct(&slow, json!({}), 5).await.unwrap_err().code, code);
    }
    // The next run continues where they stopped.
    assert_eq!(
        direct(&slow, json!({}), 5).await.unwrap(),
        json!({"members": 2, "points_expired": 5, "done": true})
    );
}
