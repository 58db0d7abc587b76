//! What Lambda hands over: a request that came by the function's URL (payload format 2.0), or an
//! event that somebody whom IAM allows sent to the function itself.
//!
//! The two are told apart by `requestContext`, which Lambda writes and no caller can: a request
//! always has it, whatever its body looks like, and an event that has it is never taken for a
//! schedule's.
//!
//! A function has a URL of its own and answers there at `/` and at `/<function>` alike. The rule: a
//! path whose first segment is the function's name is taken as it is; before any other the
//! function's name is put. That is never ambiguous, because no route's first parameter, an id
//! with its prefix, can be a function's name. A function with further names answers at each of them.
//! A signed request's path is always taken as it is: what is signed must say which function is meant.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edge::{Code, Problem, signature};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::{Map, Value};

/// An event, told apart.
#[derive(Debug)]
pub enum Event {
    /// A request by the function's URL.
    Url(Request<Bytes>),
    /// An event for the function itself.
    Direct(Value),
}

/// Reads an event for the function of these names, the first of which is its own.
///
/// # Errors
/// It is neither, or a request with parts that no request has.
pub fn read(names: &[&str], event: Value) -> Result<Event, Problem> {
    let Value::Object(mut fields) = event else { return Err(malformed("an event is an object")) };
    match fields.remove("requestContext") {
        None => Ok(Event::Direct(Value::Object(fields))),
        Some(context) => request(names, &context, &mut fields).map(Event::Url),
    }
}

fn request(
    names: &[&str],
    context: &Value,
    fields: &mut Map<String, Value>,
) -> Result<Request<Bytes>, Problem> {
    let method = context.get("http").and_then(|http| http.get("method")).and_then(Value::as_str);
    let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let mut request = Request::new(body(fields)?);
    *request.method_mut() = method.ok_or_else(|| malformed("an event by a URL has a method"))?;
    *request.headers_mut() = headers(fields.get("headers"))?;
    *request.uri_mut() = uri(names, fields, signature::is_claimed(request.headers()))?;
    Ok(request)
}

fn uri(names: &[&str], fields: &Map<String, Value>, signed: bool) -> Result<Uri, Problem> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let path = text("rawPath");
    let path = path.strip_prefix('/').unwrap_or(path);
    let own = path.split('/').next().is_some_and(|first| names.contains(&first));
    let mut target = String::from("/");
    if !own && !signed {
        target.push_str(names.first().copied().unwrap_or_default());
        target.push('/');
    }
    target.push_str(path);
    let query = text("rawQueryString");
    if !query.is_empty() {
        target.push('?');
        target.push_str(query);
    }
    // Nothing here has a name with spaces or the like in it.
    Uri::try_from(target).map_err(|_| Problem::of(Code::NotFound))
}

fn headers(fields: Option<&Value>) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.and_then(Value::as_object).into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok();
        // As the server takes it from the wire: whatever is no control character, in ASCII or not. A
        // header that is read insists on more where it is read.
        let value = value.as_str().and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        let (Some(name), Some(value)) = (name, value) else {
            return Err(malformed("a header has a name, and a value without control characters"));
        };
        headers.append(name, value);
    }
    Ok(headers)
}

fn body(fields: &mut Map<String, Value>) -> Result<Bytes, Problem> {
    let text = match fields.remove("body") {
        None | Some(Value::Null) => return Ok(Bytes::new()),
        Some(Value::String(text)) => text,
        Some(_) => return Err(malformed("a body is text")),
    };
    match fields.get("isBase64Encoded").and_then(Value::as_bool) {
        Some(true) => {
            let bytes = BASE64_STANDARD.decode(text.as_bytes());
            bytes.map(Bytes::from).map_err(|_| malformed("the body is not base64, though the event says so"))
        }
        _ => Ok(Bytes::from(text)),
    }
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
            ("members", "/a b", "", None),
            ("members", "/\u{0}", "", None),
        ];
        for (function, path, query, want) in table {
            assert_eq!(path_of(function, path, query).as_deref(), want, "{path}");
        }
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
