//! What Lambda passes on: a request that came by the function's URL (payload format 2.0), or an event that a
//! sender with IAM's permission sent to the function itself.
//!
//! `requestContext`, which Lambda writes and no caller can, distinguishes the two: a request always has it,
//! whatever its body looks like, and an event that has it is never treated as a schedule's.
//!
//! A function has a URL of its own and answers there both at `/` and at `/<function>`. The rule: a path whose
//! first segment is the function's name is taken as it is; any other gets the function's name in front. That
//! is never ambiguous, because no route's first parameter, an id with its prefix, can be a function's name. A
//! function with further names answers at each of them. A signed request's path is always taken as it is:
//! what is signed must say which function is meant.

use std::mem;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edge::{Code, Problem, signature};
use http::{Request, Uri};
use lambda_http::{Body, aws_lambda_events::apigw::ApiGatewayV2httpRequest, request::LambdaRequest};
use serde_json::{Map, Value};

/// A classified event.
#[derive(Debug)]
pub enum Event {
    /// A request by the function's URL.
    Url(Request<Bytes>),
    /// An event for the function itself.
    Direct(Value),
}

/// Reads an event for the function of these names; the first is the function's own.
///
/// # Errors
/// It is neither, or a request with parts that no request can have.
pub fn read(names: &[&str], event: Value) -> Result<Event, Problem> {
    let Value::Object(fields) = event else { return Err(malformed("an event is an object")) };
    match fields.contains_key("requestContext") {
        false => Ok(Event::Direct(Value::Object(fields))),
        true => request(names, fields).map(Event::Url),
    }
}

fn request(names: &[&str], fields: Map<String, Value>) -> Result<Request<Bytes>, Problem> {
    let event = serde_json::from_value(Value::Object(fields));
    let mut event: ApiGatewayV2httpRequest = event.map_err(|_| malformed(NO_REQUEST))?;
    let uri = uri(names, &event)?;
    let headers = convertible(&mut event)?;
    let request = lambda_http::Request::from(LambdaRequest::ApiGatewayV2(event));
    let (mut head, body) = request.into_parts();
    head.uri = uri;
    head.headers.extend(headers);
    let body = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    Ok(Request::from_parts(head, body))
}

const NO_REQUEST: &str =
    "an event by a URL has a method, headers without control characters, and text as a body";

/// Takes out of the event what `lambda_http` must not convert, and gives back its headers.
///
/// `lambda_http` reads the path as a browser does: it follows `..`, and turns `\` into `/`. It ends the
/// process on a host, a scheme or a query that no URL can have, and on a body that claims to be base64 but is
/// not.
fn convertible(event: &mut ApiGatewayV2httpRequest) -> Result<http::HeaderMap, Problem> {
    let body = event.body.as_deref().filter(|_| event.is_base64_encoded).unwrap_or_default();
    if BASE64_STANDARD.decode(body).is_err() {
        return Err(malformed("the body is not base64, though the event says so"));
    }
    (event.raw_path, event.raw_query_string) = (None, None);
    (event.request_context.domain_name, event.request_context.stage) = (None, None);
    Ok(mem::take(&mut event.headers))
}

/// The target as it was sent: nothing in it is decoded.
fn uri(names: &[&str], event: &ApiGatewayV2httpRequest) -> Result<Uri, Problem> {
    let path = event.raw_path.as_deref().unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let own = path.split('/').next().is_some_and(|first| names.contains(&first));
    let mut target = String::from("/");
    if !own && !signature::is_claimed(&event.headers) {
        target.push_str(names.first().copied().unwrap_or_default());
        target.push('/');
    }
    target.push_str(path);
    let query = event.raw_query_string.as_deref().unwrap_or_default();
    if !query.is_empty() {
        target.push('?');
        target.push_str(query);
    }
    // No function has a name with spaces or similar characters.
    Uri::try_from(target).map_err(|_| Problem::of(Code::NotFound))
}

fn malformed(detail: &str) -> Problem {
    Problem::saying(Code::MalformedJson, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path_of(function: &str, path: &str, query: &str) -> Option<String> {
        sent_to(function, path, query, json!({}))
    }

    fn sent_to(function: &str, path: &str, query: &str, headers: Value) -> Option<String> {
        let event = json!({
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {"http": {"method": "GET"}},
        });
        match read(&[function, "also"], event) {
            Ok(Event::Url(request)) => Some(request.uri().to_string()),
            other => {
                assert_eq!(other.unwrap_err().code, Code::NotFound);
                None
            }
        }
    }

    #[test]
    fn its_own_name_may_stand_in_front_or_not() {
        let table = [
            ("redeem", "/", "", Some("/redeem/")),
            ("redeem", "", "", Some("/redeem/")),
            ("redeem", "/redeem", "", Some("/redeem")),
            ("redeem", "/redeem/", "", Some("/redeem/")),
            ("redeem", "/redeemed", "", Some("/redeem/redeemed")),
            ("redeem", "/earn-points", "", Some("/redeem/earn-points")),
            ("redeem", "/also/2026-01", "", Some("/also/2026-01")),
            ("redeem", "/redeem/also", "", Some("/redeem/also")),
            ("members", "/mbr_1", "", Some("/members/mbr_1")),
            ("members", "/mbr_1/ledger", "limit=2&cursor=a", Some("/members/mbr_1/ledger?limit=2&cursor=a")),
            ("members", "/members/mbr_1/ledger", "", Some("/members/mbr_1/ledger")),
            ("members", "//mbr_1", "", Some("/members//mbr_1")),
            // As it was sent: the signature covers this text.
            ("members", "/mbr_1/../x", "", Some("/members/mbr_1/../x")),
            ("members", "/%2e%2E/mbr_1%2F", "", Some("/members/%2e%2E/mbr_1%2F")),
            ("members", "/mbr_1", "a=%20+b&&a=c%2C,&=", Some("/members/mbr_1?a=%20+b&&a=c%2C,&=")),
            ("members", "/mbr_1", "a=<b>", None),
            ("members", "/mbr_1", "a=b c", None),
            ("members", "/mbr_1", "\n", None),
            ("members", "/a b", "", None),
            ("members", "/\u{0}", "", None),
        ];
        for (function, path, query, want) in table {
            assert_eq!(path_of(function, path, query).as_deref(), want, "{path}");
        }
    }

    /// `lambda_http` would turn each of these into a URL, or panic.
    #[test]
    fn no_host_no_scheme_and_no_stage_is_part_of_what_is_asked() {
        let path = |headers: Value| sent_to("members", "/mbr_1", "", headers);
        for host in ["shop.example", "[", "", "a b", "shop.example:99999999", "u:p@h/x?y#z"] {
            assert_eq!(path(json!({ "host": host })).as_deref(), Some("/members/mbr_1"), "{host}");
            let scheme = json!({"host": "shop.example", "x-forwarded-proto": host});
            assert_eq!(path(scheme).as_deref(), Some("/members/mbr_1"), "{host}");
            let context = json!({"domainName": host, "stage": host, "http": {"method": "GET"}});
            let Ok(Event::Url(request)) =
                read(&["members"], json!({"rawPath": "/mbr_1", "requestContext": context}))
            else {
                panic!("{host}: not read as a request")
            };
            assert_eq!(request.uri(), "/members/mbr_1", "{host}");
        }
    }

    #[test]
    fn headers_are_all_there_and_cookies_are_one() {
        let event = json!({
            "headers": {"host": "shop.example", "x-two": ["1", "2"], "user-agent": "Kassé 7"},
            "cookies": ["a=1", "b=2"],
            "requestContext": {"http": {"method": "GET"}},
        });
        let Ok(Event::Url(request)) = read(&["members"], event) else { panic!("not read as a request") };
        let all = |name: &str| {
            let values = request.headers().get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(all("host"), ["shop.example"]);
        assert_eq!(all("x-two"), ["1", "2"]);
        assert_eq!(all("user-agent"), ["Kassé 7"]);
        assert_eq!(all("cookie"), ["a=1; b=2"]);
    }

    #[test]
    fn a_signed_path_is_taken_as_it_is() {
        for header in ["signature", "signature-input"] {
            let of = |path: &str| sent_to("redeem", path, "", json!({ header: "sig1=()" }));
            assert_eq!(of("/").as_deref(), Some("/"), "which answers nothing");
            assert_eq!(of("/redeem").as_deref(), Some("/redeem"));
            assert_eq!(of("/earn-points").as_deref(), Some("/earn-points"));
        }
    }
}
