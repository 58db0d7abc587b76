//! What Lambda is handed back.

use bytes::Bytes;
use http::Response;
use lambda_http::{Body, aws_lambda_events::apigw::ApiGatewayV2httpResponse};
use serde::Serialize;
use serde_json::Value;

/// What Lambda is handed back.
#[derive(Serialize, Debug)]
#[serde(untagged)]
pub enum Reply {
    /// To a request by the function's URL (payload format 2.0). A text body stays text; any other is base64.
    Url(ApiGatewayV2httpResponse),
    /// To a schedule: what was done. Only a person who invokes the function by hand reads it.
    Direct(Value),
}

impl Reply {
    /// The response in Lambda's form.
    ///
    /// `lambda_http`'s own conversion would go by `Content-Type`, and strip a byte-order mark from a text.
    pub(crate) fn to_url(response: Response<Bytes>) -> Reply {
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.into());
        let mut reply = ApiGatewayV2httpResponse::default();
        reply.status_code = head.status.as_u16().into();
        reply.headers = head.headers;
        reply.is_base64_encoded = text.is_err();
        reply.body = Some(match text {
            Ok(text) => Body::Text(text),
            Err(bytes) => Body::Binary(bytes.into_bytes()),
        });
        Reply::Url(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: Response<Bytes>) -> Value {
        serde_json::to_value(Reply::to_url(response)).unwrap()
    }

    #[test]
    fn text_stays_text() {
        let mut response = Response::new(Bytes::from_static("{\"name\":\"李雷\"}".as_bytes()));
        response.headers_mut().insert("allow", http::HeaderValue::from_static("POST"));
        let want = serde_json::json!({
            "statusCode": 200,
            "headers": {"allow": "POST"},
            "multiValueHeaders": {},
            "body": "{\"name\":\"李雷\"}",
            "isBase64Encoded": false,
            "cookies": [],
        });
        assert_eq!(written(response), want);
    }

    #[test]
    fn bytes_become_base64() {
        let reply = written(Response::new(Bytes::from_static(&[0xff, 0xfe])));
        assert_eq!((&reply["body"], &reply["isBase64Encoded"]), (&"//4=".into(), &true.into()));
    }

    #[test]
    fn nothing_is_taken_off() {
        let mut response = Response::new(Bytes::from_static("\u{feff}a,b\n".as_bytes()));
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/csv"));
        assert_eq!(written(response)["body"], "\u{feff}a,b\n");
        assert_eq!(written(Response::new(Bytes::new()))["body"], "");
    }
}
