//! The master key from Secrets Manager, read once when an instance starts.

use std::{fmt::Display, time::Duration};

use aws_sdk_secretsmanager::{
    Client, Config,
    config::{
        BehaviorVersion, Credentials, IdentityCache, Region, SharedHttpClient, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::DisplayErrorContext,
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

/// The same few certificates by which DynamoDB is trusted.
const ROOTS: &[u8] = include_bytes!("../../store-dynamodb/roots/amazon.pem");

/// The text of the secret with that ARN or name, with the credentials that Lambda puts into the environment;
/// from another address than the region's own, if one is given.
pub(crate) async fn read(
    id: &str,
    variable: impl Fn(&str) -> Option<String>,
    endpoint: Option<&str>,
) -> Result<String, String> {
    let needed = |name: &str| variable(name).ok_or_else(|| format!("{name} is not set"));
    let (key_id, key) = (needed("AWS_ACCESS_KEY_ID")?, needed("AWS_SECRET_ACCESS_KEY")?);
    let keys = Credentials::new(key_id, key, variable("AWS_SESSION_TOKEN"), None, "laurel");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .build();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(needed("AWS_REGION")?))
        .credentials_provider(keys)
        .identity_cache(IdentityCache::no_cache())
        .http_client(http_client()?)
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint.map(str::to_owned));
    let client = Client::from_conf(config.build());
    let failed = |error: &dyn Display| format!("the master key's secret cannot be read: {error}");
    let told = client.get_secret_value().secret_id(id).send().await;
    let told = told.map_err(|error| failed(&DisplayErrorContext(&error)))?;
    told.secret_string.ok_or_else(|| failed(&"it is not text"))
}

fn http_client() -> Result<SharedHttpClient, String> {
    let trust = TrustStore::empty().with_pem_certificate(ROOTS);
    let context = TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|error| format!("the certificates cannot be read: {error}"))?;
    let builder = aws_smithy_http_client::Builder::new();
    Ok(builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    use super::*;

    fn environment(name: &str) -> Option<String> {
        let set = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"];
        set.contains(&name).then(|| "local".to_owned())
    }

    /// A Secrets Manager that gives that answer to one request; returns the request.
    fn answering(status: &str, body: &str) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") {
                let mut part = [0; 4096];
                let read = stream.read(&mut part).unwrap();
                asked.extend_from_slice(&part[..read]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (address, asked)
    }

    #[tokio::test]
    async fn a_secrets_text_is_read() {
        let (address, asked) = answering("200 OK", r#"{"Name":"k","SecretString":"0123456789abcdef"}"#);
        let read = read("arn:of:k", environment, Some(&address)).await;
        assert_eq!(read.as_deref(), Ok("0123456789abcdef"));
        let asked = asked.join().unwrap();
        assert!(asked.contains("secretsmanager.GetSecretValue"), "{asked}");
        assert!(asked.contains(r#"{"SecretId":"arn:of:k"}"#), "{asked}");
        assert!(asked.contains("x-amz-security-token: local"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_wrong_is_said() {
        let body = r#"{"__type":"AccessDeniedException","message":"not yours"}"#;
        let (address, asked) = answering("400 Bad Request", body);
        let error = read("k", environment, Some(&address)).await.unwrap_err();
        assert!(error.contains("AccessDenied"), "{error}");
        asked.join().unwrap();
        let error = read("k", |_| None, None).await.unwrap_err();
        assert_eq!(error, "AWS_ACCESS_KEY_ID is not set");
    }
}
