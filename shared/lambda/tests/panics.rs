//! What happens to an instance that panics.

// A test that cannot continue fails where it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    env,
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    sync::Arc,
};

use domain::time::Instant;
use edge::{Access, Api, Clock, Function, Method, Role, Route, Secrets};
use engine::{Engine, Request, id::CallerId, memory::MemoryStore, records::By};
use lambda::{Instance, Lasting};
use serde_json::{Value, json};

const MASTER_KEY: &[u8] = b"tests-master-key-0123456789abcdef";
const ADMIN_KEY: &str = "tests-admin-key-0123456789abcdef";
const NOW: &str = "2026-03-02T10:00:00+08:00";
const PROGRAM: &str = include_str!("../../../server/src/default-program.json");
const SIGABRT: i32 = 6;

const BROKEN_ROUTE: Route = Route {
    method: Method::Post,
    path: "",
    summary: "Panics over somebody",
    access: Access::keys(&[Role::Scheduler]),
    handler: |_, call| {
        Box::pin(async move { panic!("li@example.cn has too few points at {:?}", call.request.now) })
    },
    ..Route::BARE
};

static BROKEN: Function = Function { name: "broken", routes: &[BROKEN_ROUTE] };

/// This program is the test, and where Lambda's address is set the instance that the test is about: an abort ends a
/// whole process.
fn main() {
    match env::var_os("AWS_LAMBDA_RUNTIME_API") {
        Some(_) => instance(),
        None => {
            a_panic_is_one_line_and_the_end("by a schedule", &json!({}));
            let by_url = json!({
                "version": "2.0",
                "rawPath": "/broken",
                "rawQueryString": "",
                "headers": {"authorization": format!("Bearer {ADMIN_KEY}")},
                "requestContext": {"http": {"method": "POST", "path": "/broken"}},
                "isBase64Encoded": false,
            });
            a_panic_is_one_line_and_the_end("by a URL", &by_url);
        }
    }
}

/// An instance of the function above, as `lambda::run` makes one.
fn instance() {
    lambda::tell(BROKEN.name, "info");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(MemoryStore::default());
        let engine = Engine::new(store.clone());
        let now = Instant::parse(NOW).unwrap();
        let secrets = Secrets::new(MASTER_KEY);
        engine.records().set_note("master_key", secrets.fingerprint().to_vec().into()).await.unwrap();
        engine.programme().refresh().await.unwrap();
        engine.access().ensure_first_admin(edge::key_hash(ADMIN_KEY), now).await.unwrap();
        let document = domain::json::Json::parse(PROGRAM.as_bytes()).unwrap();
        let tell = |_| engine::records::Answer { status: 200, body: Vec::new() };
        let request = Request::plain(By::Caller(CallerId::FirstAdmin), now);
        engine.programme().save(&request, &document, PROGRAM, None, tell).await.unwrap();
        let make = async || {
            let api = Api::new(store.clone(), Clock::test(now), secrets.clone(), vec![&BROKEN]);
            Ok(Instance::new(&BROKEN, api, "tests"))
        };
        lambda::answer_events(&Lasting::new(make).await.unwrap()).await.unwrap();
    });
}

/// It writes one line, which says where and holds no personal data, and ends: without an answer, so that
/// Lambda counts an error, and before another event reaches the broken state.
fn a_panic_is_one_line_and_the_end(sent: &str, event: &Value) {
    let lambda = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut instance = Command::new(env::current_exe().unwrap())
        .env("AWS_LAMBDA_RUNTIME_API", lambda.local_addr().unwrap().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "broken")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let (mut stream, _) = lambda.accept().unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        asked.extend(byte);
    }
    assert!(asked.starts_with(b"GET /2018-06-01/runtime/invocation/next "));
    let event = event.to_string();
    let event = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 lambda-runtime-aws-request-id: 8f6c\r\nlambda-runtime-deadline-ms: 4000000000000\r\n\
                 lambda-runtime-trace-id: Root=1-0-0;Sampled=0\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:1:function:broken\r\n\r\n{event}",
        event.len(),
    );
    stream.write_all(event.as_bytes()).unwrap();

    let mut answer = [0; 64];
    // A connection that is cut off has not been answered either.
    let answered = stream.read(&mut answer).unwrap_or(0);
    if answered > 0 {
        instance.kill().unwrap();
        panic!("it answered: {}", String::from_utf8_lossy(&answer[..answered]));
    }
    let ended = instance.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.signal(), Some(SIGABRT), "{told}");
    lambda.set_nonblocking(true).unwrap();
    assert_eq!(lambda.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "it asked for more");

    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let [line] = &lines[..] else { panic!("not one line: {told}") };
    let fields = &line["fields"];
    assert_eq!((&line["level"], &fields["function"]), (&"ERROR".into(), &"broken".into()), "{told}");
    assert!(fields["place"].as_str().unwrap().contains("tests/panics.rs:"), "{told}");
    assert!(!told.contains("li@") && !told.contains("points"), "{told}");
    println!("a panic is one line and the end, {sent}: ok");
}
