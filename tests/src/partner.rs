//! A partner: it signs its requests as RFC 9421 and RFC 9530 say, and knows nothing of the verifier.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Headers as they are sent, with names in lower case.
pub type Headers = Vec<(String, String)>;

/// What a partner signs with.
#[derive(Clone, Debug)]
pub enum Secret {
    /// `ed25519`.
    Ed25519(SigningKey),
    /// `hmac-sha256`.
    Hmac(Vec<u8>),
}

/// A partner with one key.
#[derive(Clone, Debug)]
pub struct Partner {
    /// What Laurel calls the key.
    pub keyid: String,
    /// The key.
    pub secret: Secret,
}

/// What a signature contains besides the request; tests change the part they test.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The signature's label.
    pub label: String,
    /// The components, in their order.
    pub covered: Vec<String>,
    /// Seconds since 1970.
    pub created: i64,
    /// Said if it is there.
    pub expires: Option<i64>,
    /// The nonce.
    pub nonce: String,
    /// The algorithm; the key's unless a test says otherwise.
    pub alg: String,
}

static NONCES: AtomicU64 = AtomicU64::new(0);

/// The machine's time, in seconds since 1970.
pub fn now() -> i64 {
    #[allow(clippy::disallowed_methods)] // signatures live by the machine's clock
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().cast_signed()
}

impl Partner {
    /// A partner whose Ed25519 key follows from that number. It has no name yet; it registers with
    /// [`Partner::registration`].
    pub fn ed25519(number: u8) -> Partner {
        let key = SigningKey::from_bytes(&[number; 32]);
        Partner { keyid: String::new(), secret: Secret::Ed25519(key) }
    }

    /// A partner that will be given a secret.
    pub fn hmac() -> Partner {
        Partner { keyid: String::new(), secret: Secret::Hmac(Vec::new()) }
    }

    /// The body of `POST /partners/{id}/keys` for this key.
    pub fn registration(&self) -> Value {
        match &self.secret {
            Secret::Ed25519(key) => {
                let public = BASE64_STANDARD.encode(key.verifying_key().as_bytes());
                json!({"alg": "ed25519", "public_key": public})
            }
            Secret::Hmac(_) => json!({"alg": "hmac-sha256"}),
        }
    }

    /// The partner with the id from the answer to its registration.
    #[must_use]
    pub fn registered(&self, answer: &Value) -> Partner {
        let keyid = answer["keyid"].as_str().unwrap().to_owned();
        let secret = match answer["secret"].as_str() {
            Some(secret) => Secret::Hmac(BASE64_STANDARD.decode(secret).unwrap()),
            None => self.secret.clone(),
        };
        Partner { keyid, secret }
    }

    /// The name of its algorithm.
    pub fn alg(&self) -> &'static str {
        match self.secret {
            Secret::Ed25519(_) => "ed25519",
            Secret::Hmac(_) => "hmac-sha256",
        }
    }

    /// The contents of a good signature for a request with these headers: a new nonce, now, and everything
    /// that must be covered.
    pub fn claims(&self, headers: &[(&str, &str)], body: &[u8]) -> Claims {
        let mut covered = vec!["@method", "@path", "@query"];
        if !body.is_empty() {
            covered.push("content-digest");
        }
        if headers.iter().any(|(name, _)| *name == "idempotency-key") {
            covered.push("idempotency-key");
        }
        Claims {
            label: "sig1".to_owned(),
            covered: covered.into_iter().map(str::to_owned).collect(),
            created: now(),
            expires: None,
            nonce: format!("nonce-{}-{}", std::process::id(), NONCES.fetch_add(1, Ordering::Relaxed)),
            alg: self.alg().to_owned(),
        }
    }

    /// The headers with which a request is sent signed: those given, and those of its signature.
    /// `target` is the path with its query, if it has one.
    pub fn sign(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Headers {
        self.sign_with(method, target, headers, body, &self.claims(headers, body))
    }

    /// The same, with the contents that a test gives.
    pub fn sign_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        claims: &Claims,
    ) -> Headers {
        let mut sent: Headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-digest") {
            sent.push(("content-digest".to_owned(), digest(body)));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut base = String::new();
        for name in &claims.covered {
            let value = match name.as_str() {
                "@method" => method.to_owned(),
                "@path" => path.to_owned(),
                "@query" => format!("?{query}"),
                field => {
                    let values = sent.iter().filter(|(own, _)| own == field).map(|(_, value)| value.trim());
                    values.collect::<Vec<_>>().join(", ")
                }
            };
            base.push_str(&format!("\"{name}\": {value}\n"));
        }
        let params = claims.params(&self.keyid);
        base.push_str(&format!("\"@signature-params\": {params}"));
        let signature = BASE64_STANDARD.encode(self.raw(base.as_bytes()));
        sent.push(("signature-input".to_owned(), format!("{}={params}", claims.label)));
        sent.push(("signature".to_owned(), format!("{}=:{signature}:", claims.label)));
        sent
    }

    /// The signature over these bytes.
    pub fn raw(&self, base: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(base).to_bytes().to_vec(),
            Secret::Hmac(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.chain_update(base).finalize().into_bytes().to_vec()
            }
        }
    }
}

impl Claims {
    /// As in `Signature-Input`, without the label.
    fn params(&self, keyid: &str) -> String {
        let covered: Vec<String> = self.covered.iter().map(|name| format!("\"{name}\"")).collect();
        let expires = self.expires.map(|expires| format!(";expires={expires}")).unwrap_or_default();
        format!(
            "({});created={}{expires};keyid=\"{keyid}\";nonce=\"{}\";alg=\"{}\"",
            covered.join(" "),
            self.created,
            self.nonce,
            self.alg,
        )
    }
}

/// `Content-Digest` of that body.
pub fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(body)))
}
