//! What a function's URL does: a request becomes an event of payload format 2.0, and what the
//! function answers becomes a response. See
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use serde_json::{Map, Value, json};

/// The URL's own host name.
const HOST: &str = "gateway.lambda-url.local.on.aws";

/// The event for a request.
pub(crate) fn event(head: &Parts, body: &Bytes, now: chrono::DateTime<chrono::Utc>) -> Value {
    let path = head.uri.path();
    let headers = joined(&head.headers);
    let agent = headers.get("user-agent").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "gateway",
            "domainName": HOST,
            "domainPrefix": "gateway",
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": agent,
            },
            "requestId": "6f1c2b3a-4d5e-4f60-8a7b-9c0d1e2f3a4b",
            "routeKey": "$default",
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "isBase64Encoded": false,
    });
    event["headers"] = Value::Object(headers);
    if !body.is_empty() {
        let text = std::str::from_utf8(body).ok().filter(|_| is_text(&head.headers));
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned).into();
    }
    event
}

/// The headers as a URL passes them on: a duplicate name has its values joined.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let mut joined = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        joined.insert(name.as_str().to_owned(), values.collect::<Vec<_>>().join(",").into());
    }
    joined.insert("host".to_owned(), HOST.into());
    for (name, value) in
        [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-port", "443"), ("x-forwarded-proto", "https")]
    {
        joined.insert(name.to_owned(), value.into());
    }
    joined
}

/// Whether a body is passed on as text, by its own type.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/") || ["json", "xml", "javascript"].iter().any(|word| kind.ends_with(word))
}

/// The response for an answer; without a status it is the body of a 200, as at AWS.
pub(crate) fn response(answer: &Bytes) -> Response<Full<Bytes>> {
    let told: Value = serde_json::from_slice(answer).unwrap_or_default();
    let Some(status) = told["statusCode"].as_u64() else {
        return plain(StatusCode::OK, "application/json", answer.clone());
    };
    let Some(body) = body(&told) else { return failed() };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default();
    for (name, value) in told["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str()).ok();
        let value = value.as_str().and_then(|value| HeaderValue::try_from(value).ok());
        let (Some(name), Some(value)) = (name, value) else { return failed() };
        response.headers_mut().insert(name, value);
    }
    response
}

fn body(told: &Value) -> Option<Bytes> {
    let text = told["body"].as_str().unwrap_or_default();
    match told["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(text).ok().map(Bytes::from),
        _ => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// An answer's status, and the code of its problem.
pub(crate) fn verdict(answer: &Bytes) -> (u16, String) {
    let told: Value = serde_json::from_slice(answer).unwrap_or_default();
    let status = told["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
    let body: Value = body(&told).and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// What a caller gets when the function failed.
pub(crate) fn failed() -> Response<Full<Bytes>> {
    plain(
        StatusCode::BAD_GATEWAY,
        "application/json",
        Bytes::from_static(br#"{"Message":"Internal Server Error"}"#),
    )
}

pub(crate) fn plain(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
