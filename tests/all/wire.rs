//! What holds for every answer. [`check`] is called for each request of each test.

use std::sync::OnceLock;

use domain::json::Json;
use edge::{Api, Route};

use crate::support::Reply;

/// Members of every problem (RFC 9457, and our stable code).
const PROBLEM_MEMBERS: [&str; 6] = ["type", "title", "status", "detail", "instance", "code"];

/// What answers say only since 0.1.0: one that was kept by then says it not.
const SINCE_0_1_0: [&str; 1] = ["/member/stats/prior"];

/// Checks an answer against the contract.
pub(crate) fn check(api: &Api, method: &str, path: &str, reply: &Reply) {
    let asked = format!("{method} {path}");
    let request_id = reply.header("request-id");
    assert!(domain::shape::is_ulid(request_id, "req_"), "{asked}: Request-Id {request_id:?}");
    assert_eq!(reply.header("cache-control"), "no-store", "{asked}");
    let routes = routes_at(api, path);
    let route = routes.iter().find(|route| route.method.word() == method);
    if reply.status < 300 {
        if reply.status != 204 {
            check_success(&asked, route.copied(), reply);
        }
    } else {
        check_problem(&asked, request_id, &routes, reply);
        if let Some(route) = route {
            check_published(api, &asked, path, route, reply);
        }
    }
}

/// The routes that this path means: only the literal ones, if there is one.
pub(crate) fn routes_at(api: &Api, path: &str) -> Vec<&'static Route> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').skip(1).collect();
    let Some((name, rest)) = parts.split_first() else { return Vec::new() };
    let functions = api.functions.iter().filter(|function| function.name == *name);
    let fits = |route: &&Route| {
        let wanted: Vec<&str> = route.path.split('/').skip(1).collect();
        let mut pairs = wanted.iter().zip(rest);
        wanted.len() == rest.len()
            && pairs.all(|(wanted, got)| wanted == got || (wanted.starts_with('{') && !got.is_empty()))
    };
    let mut fitting: Vec<&Route> =
        functions.flat_map(|function| function.routes.iter().filter(fits)).collect();
    let literal = |route: &Route| !route.path.contains('{');
    if fitting.iter().any(|route| literal(route)) {
        fitting.retain(|route| literal(route));
    }
    fitting
}

/// A success has the shape that its route publishes for this status, and only whole numbers.
fn check_success(asked: &str, route: Option<&Route>, reply: &Reply) {
    let route = route.unwrap_or_else(|| panic!("{asked}: success without a route"));
    let shape = route.answers.iter().find(|(status, _)| *status == reply.status);
    let (_, shape) = shape.unwrap_or_else(|| panic!("{asked}: {} is not published", reply.status));
    let may_be_a_table = route.query.contains(&"format") || route.path.ends_with("/codes");
    if may_be_a_table && reply.header("content-type").starts_with("text/csv;") {
        assert!(std::str::from_utf8(&reply.bytes).is_ok_and(|text| text.ends_with("\r\n")), "{asked}");
        return;
    }
    if route.path.ends_with(".svg") {
        assert_eq!(reply.header("content-type"), "image/svg+xml", "{asked}");
        return;
    }
    assert_eq!(reply.header("content-type"), "application/json", "{asked}");
    let answer = Json::parse(&reply.bytes).unwrap_or_else(|error| panic!("{asked}: {error}"));
    let mut faults = shape.check(&answer);
    if reply.replayed() {
        let since = |pointer: &str| {
            let identity = pointer.strip_prefix("/member/identities/").and_then(|rest| rest.split_once('/'));
            SINCE_0_1_0.contains(&pointer) || identity.is_some_and(|(_, field)| field == "id")
        };
        faults.retain(|fault| fault.code != "required" || !since(&fault.pointer));
    }
    assert!(faults.is_empty(), "{asked}: {faults:?} in {}", reply.body);
    assert!(all_whole(&answer), "{asked}: a number with a fraction in {}", reply.body);
}

fn all_whole(json: &Json) -> bool {
    match json {
        Json::NotWhole => false,
        Json::List(elements) => elements.iter().all(all_whole),
        Json::Object(fields) => fields.iter().all(|(_, value)| all_whole(value)),
        _ => true,
    }
}

fn check_problem(asked: &str, request_id: &str, routes: &[&Route], reply: &Reply) {
    let (body, code) = (&reply.body, reply.code());
    let asked = format!("{asked}: {body}");
    assert_eq!(reply.header("content-type"), "application/problem+json", "{asked}");
    for name in PROBLEM_MEMBERS {
        assert!(!body[name].is_null(), "{asked}: no {name}");
    }
    assert_eq!(body["status"], reply.status, "{asked}");
    assert_eq!(body["type"], format!("urn:laurel:problem:{code}"), "{asked}");
    assert_eq!(body["instance"], request_id, "{asked}: the instance is the request's id");
    let words = |name: &str| body[name].as_str().is_some_and(|text| !text.is_empty());
    assert!(words("title") && words("detail") && words("code"), "{asked}");
    let bearer = if reply.status == 401 { "Bearer" } else { "" };
    assert_eq!(reply.header("www-authenticate"), bearer, "{asked}");
    let retry = reply.header("retry-after").parse::<u32>().is_ok();
    assert_eq!(retry, matches!(reply.status, 429 | 503), "{asked}: Retry-After");
    let allowed: Vec<&str> = routes.iter().map(|route| route.method.word()).collect();
    let allowed = if reply.status == 405 { allowed.join(", ") } else { String::new() };
    assert_eq!(reply.header("allow"), allowed, "{asked}");
    assert!(reply.header("idempotency-replayed").is_empty(), "{asked}: a refusal is never remembered");
    let faults = edge::openapi::PROBLEM.check(&Json::parse(&reply.bytes).unwrap());
    assert!(faults.is_empty(), "{asked}: {faults:?}");
}

/// A problem's code is in the published description of its route.
fn check_published(api: &Api, asked: &str, path: &str, route: &Route, reply: &Reply) {
    let name = path.split('/').nth(1).unwrap_or_default();
    static DOCUMENT: OnceLock<serde_json::Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| edge::openapi::document(&api.functions));
    let method = route.method.word().to_lowercase();
    let operation = &document["paths"][format!("/{name}{}", route.path)][method];
    let codes = operation["responses"][reply.status.to_string()]["description"].as_str().unwrap_or_default();
    let published = codes.split(", ").any(|code| code == reply.code());
    // The clock belongs to the sandbox alone, and to no route.
    let known = published || reply.code() == "test_clock_refused";
    assert!(known, "{asked}: {} {} is not published", reply.status, reply.code());
}
