//! What an `Idempotency-Key` is compared with: method, path, query and body, on routes made for it; and keys
//! remembered in an older format, compared as they were then.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use edge::{
    Access, Answer, Api, Call, Clock, Function, Kind as _, Method, Problem, Route, Secrets, Sweep, asking,
};
use engine::{
    Engine, Error, Request, RequestKey,
    id::{AskedHash, CallerId, ContentHash, RequestHash},
    memory::MemoryStore,
    records::By,
    store::{Change, Expect, Key, Write},
};
use serde_json::Value;

use crate::support::{ADMIN_KEY, START, Shop, program};

edge::answer! {
    /// How often this did anything.
    struct Tried {
        /// so many times
        times: u64,
    }
}

static TIMES: AtomicU64 = AtomicU64::new(0);

/// Does something once for a key, and answers which time it was.
async fn attempt(api: &Api, call: &Call) -> Result<Answer, Problem> {
    if let Some(answer) = api.engine.access().remembered(&call.request).await? {
        return Ok(Answer::from(answer).replayed(true));
    }
    let answer = Answer::new(200, &Tried { times: TIMES.fetch_add(1, Ordering::Relaxed) });
    Ok(api.engine.access().remember_answer(&call.request, answer.kept()).await?.into())
}

const fn route(method: Method, path: &'static str) -> Route {
    Route {
        method,
        path,
        summary: "Tries",
        access: Access::ADMIN,
        body: Some(Sweep::SHAPE),
        remembers: true,
        answers: &[(200, Tried::SHAPE)],
        query: &["from", "to"],
        ..asking!(attempt)
    }
}

static PROBE: Function = Function {
    name: "probe",
    routes: &[
        route(Method::Post, ""),
        route(Method::Put, ""),
        route(Method::Post, "/{id}"),
        route(Method::Post, "/{id}/again"),
        route(Method::Post, "/again/{id}"),
    ],
};

async fn probing() -> Api {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &program(), START).await;
    let (clock, secrets) =
        (Clock::test(shop.api.clock.now()), Secrets::new(b"tests-master-key-0123456789abcdef"));
    let api = Api::new(store, clock, secrets, vec![&PROBE]);
    api.refresh().await.unwrap();
    api
}

/// The answer under the key `k`: which time it was, and whether it repeats the first answer; or a code.
async fn ask(api: &Api, (method, target, body): Asked) -> Result<(Value, bool), String> {
    let request = http::Request::builder().method(method).uri(target);
    let request =
        request.header("authorization", format!("Bearer {ADMIN_KEY}")).header("idempotency-key", "k");
    let (head, said) =
        api.serve(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()).await.into_parts();
    let said: Value = serde_json::from_slice(&said).unwrap();
    match head.status.as_u16() {
        200 => Ok((said["times"].clone(), head.headers.contains_key("idempotency-replayed"))),
        status => Err(format!("{status} {}", said["code"].as_str().unwrap())),
    }
}

/// Method, path with its query, body.
type Asked = (&'static str, &'static str, &'static str);

const WHOLE: Asked = ("POST", "/probe?from=1&to=2", r#"{"part":1,"parts":2}"#);
const PART: Asked = ("POST", "/probe/one", "{}");

/// First, then again in other words.
#[rustfmt::skip]
const SAME: [(&str, Asked, Asked); 5] = [
    ("the function's own path", WHOLE, ("POST", "/probe/?from=1&to=2", r#"{"part":1,"parts":2}"#)),
    ("a slash behind the path", PART, ("POST", "/probe/one/", "{}")),
    ("no query, and an empty one", PART, ("POST", "/probe/one?", "{}")),
    ("the body's order and space", WHOLE, ("POST", "/probe?from=1&to=2", r#" { "parts" : 2, "part" : 1 } "#)),
    ("nothing, and an empty body", PART, ("POST", "/probe/one", "")),
];

/// First, and what is another request.
#[rustfmt::skip]
const OTHER: [(&str, Asked, Asked); 9] = [
    ("the method", WHOLE, ("PUT", "/probe?from=1&to=2", r#"{"part":1,"parts":2}"#)),
    ("a part of the path", PART, ("POST", "/probe/two", "{}")),
    ("a path with the same parts", PART, ("POST", "/probe/one/again", "{}")),
    ("the place of a part", ("POST", "/probe/one/again", "{}"), ("POST", "/probe/again/one", "{}")),
    ("a value of the query", WHOLE, ("POST", "/probe?from=1&to=3", r#"{"part":1,"parts":2}"#)),
    ("a name of the query", PART, ("POST", "/probe/one?from=1", "{}")),
    ("no query", WHOLE, ("POST", "/probe", r#"{"part":1,"parts":2}"#)),
    ("the query's order", WHOLE, ("POST", "/probe?to=2&from=1", r#"{"part":1,"parts":2}"#)),
    ("a value of the body", WHOLE, ("POST", "/probe?from=1&to=2", r#"{"part":0,"parts":2}"#)),
];

#[tokio::test]
async fn a_key_stands_for_method_path_query_and_body() {
    for (what, first, again) in SAME {
        let api = probing().await;
        let (times, replayed) = ask(&api, first).await.unwrap_or_else(|code| panic!("{what}: {code}"));
        assert!(!replayed, "{what}");
        assert_eq!(ask(&api, again).await, Ok((times, true)), "{what}");
    }
    for (what, first, other) in OTHER {
        let api = probing().await;
        let (times, _) = ask(&api, first).await.unwrap_or_else(|code| panic!("{what}: {code}"));
        let reused = Err("422 idempotency_key_reused".to_owned());
        assert_eq!(ask(&api, other).await, reused, "{what}");
        assert_eq!(ask(&api, first).await, Ok((times, true)), "{what}: the first one again");
    }
}

/// Format 1 knew the content alone: the path's parts and the body.
#[tokio::test]
async fn an_older_key_is_held_against_what_it_was_held_against() {
    // Format, content, moment, the answer as a whole: 201 with `{}`.
    let old = [&[1][..], &[9; 16], &[0, 1, 0xc9, 1, 2], b"{}"].concat();
    let rows = [
        ("as it was", [9; 16], [10; 16], Some(201)),
        ("whatever else was asked", [9; 16], [11; 16], Some(201)),
        ("other content", [8; 16], [10; 16], None),
    ];
    for (what, content, asked, want) in rows {
        let engine = Engine::new(Arc::new(MemoryStore::new()));
        let hash = RequestHash([7; 16]);
        let write = |key: Key, bytes: Vec<u8>| Write {
            key,
            expect: Expect::Absent,
            change: Change::Put(bytes.into()),
        };
        engine.store().commit(vec![write(engine::keys::request(hash), old.clone())]).await.unwrap();
        let request = Request {
            key: Some(RequestKey { hash, asked: AskedHash(asked) }),
            content: ContentHash(content),
            ..Request::plain(By::Caller(CallerId::FirstAdmin), domain::time::Instant(0))
        };
        match (engine.access().remembered(&request).await, want) {
            (Ok(Some(answer)), Some(status)) => {
                assert_eq!((answer.status, &answer.body[..]), (status, &b"{}"[..]), "{what}")
            }
            (Err(Error::KeyReused), None) => {}
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}
