//! Signatures as Standard Webhooks has them: HMAC-SHA-256 over id, timestamp and body, one for each live secret.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::time::Instant;
use engine::records::WebhookRecord;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Secrets;

/// The length of a secret, in bytes.
pub const SECRET_BYTES: usize = 24;

/// What a secret begins with as it is shown.
pub const SECRET_PREFIX: &str = "whsec_";

/// A secret as it is shown, once.
pub fn shown_secret(secret: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(secret))
}

/// The secrets that sign at that moment of the machine's clock, the newest first. One that cannot be opened is left
/// out.
pub fn live_secrets(webhook: &WebhookRecord, secrets: &Secrets, world: Instant) -> Vec<Vec<u8>> {
    let live = webhook.secrets.iter().rev().filter(|secret| secret.until.is_none_or(|until| world < until));
    live.filter_map(|secret| secrets.open(&webhook.id.0, &secret.sealed)).collect()
}

/// The header `webhook-signature`.
pub fn signature(secrets: &[Vec<u8>], id: &str, seconds: i64, body: &[u8]) -> String {
    let one = |secret: &Vec<u8>| {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn a_signature_is_as_others_make_it() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(std::slice::from_ref(&secret), id, 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = signature(&[vec![1; 24], secret], id, 1_614_265_330, body);
        assert!(both.ends_with(&format!(" {signed}")) && both.starts_with("v1,"), "{both}");
    }
}
