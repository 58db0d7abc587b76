//! What Lambda is handed back.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Response;
use serde::Serialize;
use serde_json::{Map, Value};

/// What Lambda is handed back.
#[derive(Serialize, Debug)]
#[serde(untagged)]
pub enum Reply {
    /// To a request by the function's URL.
    Url(UrlReply),
    /// To a schedule: what was done. Nobody reads it but a person who invokes it by hand.
    Direct(Value),
}

/// The answer to a request by a function's URL (payload format 2.0).
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct UrlReply {
    /// HTTP status.
    pub status_code: u16,
    /// Headers; no name stands twice in our answers.
    pub headers: Map<String, Value>,
    /// The body, as text where it is text.
    pub body: String,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
}

impl UrlReply {
    /// The response as Lambda wants it.
    pub fn new(response: Response<Bytes>) -> UrlReply {
        let (head, body) = response.into_parts();
        let mut headers = Map::new();
        for (name, value) in &head.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.into());
            }
        }
        let text = String::from_utf8(body.into());
        let is_base64_encoded = text.is_err();
        let body = text.unwrap_or_else(|error| BASE64_STANDARD.encode(error.as_bytes()));
        UrlReply { status_code: head.status.as_u16(), headers, body, is_base64_encoded }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut response = Response::new(Bytes::from_static("{\"name\":\"李雷\"}".as_bytes()));
        response.headers_mut().insert("allow", http::HeaderValue::from_static("POST"));
        let reply = serde_json::to_value(Reply::Url(UrlReply::new(response))).unwrap();
        let want = serde_json::json!({
            "statusCode": 200,
            "headers": {"allow": "POST"},
            "body": "{\"name\":\"李雷\"}",
            "isBase64Encoded": false,
        });
        assert_eq!(reply, want);
    }

    #[test]
    fn bytes_become_base64() {
        let reply = UrlReply::new(Response::new(Bytes::from_static(&[0xff, 0xfe])));
        assert_eq!((reply.body.as_str(), reply.is_base64_encoded), ("//4=", true));
    }
}
