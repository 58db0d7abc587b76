//! What is accepted, and what is refused: changed on the way, or signed wrongly.

use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};

use super::*;

/// A request on its way, and its signature's contents. Changes before signing are the signer's own; after it,
/// somebody else's.
#[derive(Clone)]
struct Sent {
    method: String,
    path: String,
    query: Option<String>,
    lines: Vec<(String, String)>,
    body: Vec<u8>,
    covered: String,
    parameters: String,
    label: String,
    hmac: bool,
}

const NOW: i64 = 1_618_884_473_500;

impl Sent {
    fn good() -> Sent {
        let body = br#"{"hello": "world"}"#.to_vec();
        let digest = format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(&body)));
        let lines = [
            ("host", "example.com"),
            ("content-type", "application/json"),
            ("idempotency-key", "k-1"),
            ("content-digest", &digest),
        ];
        Sent {
            method: "POST".to_owned(),
            path: "/earn-points".to_owned(),
            query: None,
            lines: lines.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body,
            covered: r#""@method" "@path" "@query" "content-digest" "idempotency-key""#.to_owned(),
            parameters: r#";created=1618884473;keyid="pk_1";nonce="n-1";alg="ed25519""#.to_owned(),
            label: "sig1".to_owned(),
            hmac: false,
        }
    }

    fn line(&mut self, name: &str) -> &mut String {
        let line = self.lines.iter_mut().find(|(own, _)| own == name);
        &mut line.unwrap_or_else(|| panic!("{name} is not there")).1
    }

    fn add(&mut self, name: &str, value: &str) {
        self.lines.push((name.to_owned(), value.to_owned()));
    }

    fn remove(&mut self, name: &str) {
        self.line(name);
        self.lines.retain(|(own, _)| own != name);
    }

    /// The text that `Signature-Input` has for it.
    fn said(&self) -> String {
        format!("{}=({}){}", self.label, self.covered, self.parameters)
    }

    /// Signs it as it is, whether or not a verifier should accept it.
    fn sign(mut self) -> Sent {
        let said = self.said();
        let headers = self.headers();
        let members = dictionary(&said).unwrap();
        let mut base = String::new();
        if let Some(Member { value: Value::List(items), .. }) = members.first() {
            for (name, _) in items {
                let name = name.as_string().map(|name| name.as_str()).unwrap_or_default();
                let value = self.message(&headers).component(name).unwrap_or_default();
                base.push_str(&format!("\"{name}\": {value}\n"));
            }
        }
        base.push_str(&format!("\"@signature-params\": {}", said.split_once('=').unwrap().1));
        let signature = match self.hmac {
            false => {
                let seed: [u8; 32] = bytes(ED25519_SEED).try_into().unwrap();
                SigningKey::from_bytes(&seed).sign(base.as_bytes()).to_bytes().to_vec()
            }
            true => {
                let mac = Hmac::<Sha256>::new_from_slice(&bytes(SECRET)).unwrap();
                mac.chain_update(base.as_bytes()).finalize().into_bytes().to_vec()
            }
        };
        self.add("signature-input", &said);
        let signed = format!("{}=:{}:", self.label, BASE64_STANDARD.encode(signature));
        self.add("signature", &signed);
        self
    }

    fn headers(&self) -> HeaderMap {
        let lines = self.lines.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        headers(&lines.collect::<Vec<_>>())
    }

    fn message<'a>(&'a self, headers: &'a HeaderMap) -> Message<'a> {
        Message {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers,
            body: &self.body,
        }
    }

    fn verify(&self) -> Result<Verified, Refused> {
        let headers = self.headers();
        verify(&self.message(&headers), Instant(NOW), |keyid| match keyid {
            "pk_1" => Some(ed25519()),
            "pk_2" => Some(Key::Hmac(bytes(SECRET))),
            _ => None,
        })
    }
}

/// A change that must be refused, and why.
type Row = (&'static str, Refused, fn(&mut Sent));

/// A change that leaves a request good.
type Harmless = (&'static str, fn(&mut Sent));

/// The same as [`Row`], of what it is made from.
type RowOf<'a> = (&'static str, Refused, &'a dyn Fn(&mut Sent));

#[test]
fn good_requests_are_good() {
    let rows: [Harmless; 16] = [
        ("as it is", |_| ()),
        ("by hmac", |sent| {
            sent.parameters = sent.parameters.replace("pk_1", "pk_2").replace("ed25519", "hmac-sha256");
            sent.hmac = true;
        }),
        ("parameters in another order", |sent| {
            sent.parameters = r#";alg="ed25519";nonce="n-1";keyid="pk_1";created=1618884473"#.to_owned();
        }),
        ("components in another order", |sent| {
            sent.covered = r#""idempotency-key" "content-digest" "@query" "@path" "@method""#.to_owned();
        }),
        ("with more covered", |sent| {
            sent.covered +=
                r#" "@authority" "@scheme" "@target-uri" "@request-target" "content-type" "host""#;
        }),
        ("with a query", |sent| sent.query = Some("limit=2&cursor=A_b-c".to_owned())),
        ("with an empty query", |sent| sent.query = Some(String::new())),
        ("with a slash at the end", |sent| sent.path = "/earn-points/".to_owned()),
        ("without a body", |sent| {
            sent.body.clear();
            sent.remove("content-digest");
            sent.covered = r#""@method" "@path" "@query" "idempotency-key""#.to_owned();
        }),
        ("without an idempotency key", |sent| {
            sent.remove("idempotency-key");
            sent.covered = r#""@method" "@path" "@query" "content-digest""#.to_owned();
        }),
        ("that expires later", |sent| sent.parameters += ";expires=1618884474"),
        ("with a tag", |sent| sent.parameters += ";tag=\"laurel\""),
        ("just in time", |sent| sent.parameters = sent.parameters.replace("84473", "84174")),
        ("a little early", |sent| sent.parameters = sent.parameters.replace("84473", "84773")),
        ("with the longest nonce", |sent| sent.parameters = sent.parameters.replace("n-1", &"n".repeat(128))),
        ("with a nonce of anything", |sent| sent.parameters = sent.parameters.replace("n-1", r#"a\"b\\c ~"#)),
    ];
    for (name, change) in rows {
        let mut sent = Sent::good();
        change(&mut sent);
        let verified = sent.sign().verify();
        assert!(verified.is_ok(), "{name}: {verified:?}");
    }
    let told = Sent::good().sign().verify();
    let want =
        Verified { keyid: "pk_1".to_owned(), nonce: "n-1".to_owned(), created: Instant(1_618_884_473_000) };
    assert_eq!(told, Ok(want));
}

/// Somebody on the way changes what was signed.
#[test]
fn what_is_changed_after_signing_is_refused() {
    let rows: [Row; 30] = [
        ("another method", Refused::Signature, |sent| sent.method = "PUT".to_owned()),
        ("another function", Refused::Signature, |sent| sent.path = "/redeem".to_owned()),
        ("a slash more", Refused::Signature, |sent| sent.path += "/"),
        ("a query", Refused::Signature, |sent| sent.query = Some("a=1".to_owned())),
        ("another body", Refused::Body, |sent| sent.body[0] = b' '),
        ("no body", Refused::Body, |sent| sent.body.clear()),
        ("another digest", Refused::Signature, |sent| sent.line("content-digest").insert_str(9, "AA")),
        ("a second digest", Refused::Signature, |sent| sent.add("content-digest", "sha-256=:AAAA:")),
        ("no digest", Refused::Component, |sent| sent.remove("content-digest")),
        ("another idempotency key", Refused::Signature, |sent| *sent.line("idempotency-key") += "2"),
        ("no idempotency key", Refused::Component, |sent| sent.remove("idempotency-key")),
        ("a second idempotency key", Refused::Signature, |sent| sent.add("idempotency-key", "k-2")),
        ("another creation", Refused::Signature, |sent| sent.restate(|said| said.replace("4473", "4474"))),
        ("another nonce", Refused::Signature, |sent| sent.restate(|said| said.replace("n-1", "n-2"))),
        ("another algorithm", Refused::Algorithm, |sent| {
            sent.restate(|said| said.replace("ed25519", "hmac-sha256"));
        }),
        ("another key", Refused::Algorithm, |sent| sent.restate(|said| said.replace("pk_1", "pk_2"))),
        ("a key and its algorithm", Refused::Signature, |sent| {
            sent.restate(|said| said.replace("pk_1", "pk_2").replace("ed25519", "hmac-sha256"));
        }),
        ("nobody's key", Refused::Key, |sent| sent.restate(|said| said.replace("pk_1", "pk_3"))),
        ("another label", Refused::Malformed, |sent| sent.restate(|said| said.replace("sig1", "sig2"))),
        ("an expiry", Refused::Signature, |sent| *sent.input() += ";expires=1618884999"),
        ("a component less", Refused::Covered, |sent| {
            sent.restate(|said| said.replace(r#" "idempotency-key""#, ""));
        }),
        ("a component more", Refused::Signature, |sent| {
            sent.restate(|said| said.replace(r#""@query""#, r#""@query" "host""#));
        }),
        ("components in another order", Refused::Signature, |sent| {
            sent.restate(|said| said.replace(r#""@method" "@path""#, r#""@path" "@method""#));
        }),
        ("another signature", Refused::Signature, |sent| {
            let first = sent.line("signature").remove(6);
            sent.line("signature").insert(6, if first == 'A' { 'B' } else { 'A' });
        }),
        ("half a signature", Refused::Signature, |sent| *sent.line("signature") = "sig1=:AAAA:".to_owned()),
        ("no signature", Refused::Malformed, |sent| sent.remove("signature")),
        ("nothing said of it", Refused::Malformed, |sent| sent.remove("signature-input")),
        ("another content type that was covered", Refused::Signature, |sent| {
            *sent.line("content-type") = "text/json".to_owned();
        }),
        ("another host that was covered", Refused::Signature, |sent| {
            *sent.line("host") = "example.net".to_owned();
        }),
        ("another scheme that was covered", Refused::Signature, |sent| {
            sent.add("x-forwarded-proto", "https")
        }),
    ];
    for (name, why, change) in rows {
        let mut sent = Sent::good();
        if name.ends_with("covered") {
            sent.covered += r#" "content-type" "@authority" "@scheme""#;
        }
        let mut sent = sent.sign();
        change(&mut sent);
        assert_eq!(sent.verify(), Err(why), "{name}");
    }
}

/// The key's holder signs something unacceptable.
#[test]
fn what_is_signed_wrongly_is_refused() {
    let rows: [Row; 46] = [
        ("without the method", Refused::Covered, |sent| sent.covers_not("@method")),
        ("without the path", Refused::Covered, |sent| sent.covers_not("@path")),
        ("without the query", Refused::Covered, |sent| sent.covers_not("@query")),
        ("without the digest", Refused::Covered, |sent| sent.covers_not("content-digest")),
        ("without the idempotency key", Refused::Covered, |sent| sent.covers_not("idempotency-key")),
        ("nothing at all", Refused::Covered, |sent| sent.covered.clear()),
        ("its target for path and query", Refused::Covered, |sent| {
            sent.covered =
                r#""@method" "@target-uri" "@request-target" "content-digest" "idempotency-key""#.to_owned();
        }),
        ("a path of another spelling", Refused::Spelling, |sent| sent.path = "/earn%2Dpoints".to_owned()),
        ("a path with a space", Refused::Spelling, |sent| sent.path = "/earn-points/%20".to_owned()),
        ("a path with two slashes", Refused::Spelling, |sent| sent.path = "//earn-points".to_owned()),
        ("a path with a dot", Refused::Spelling, |sent| sent.path = "/./earn-points".to_owned()),
        ("a path with two dots", Refused::Spelling, |sent| sent.path = "/x/../earn-points".to_owned()),
        ("a path that ends in dots", Refused::Spelling, |sent| sent.path = "/earn-points/..".to_owned()),
        ("a path with a backslash", Refused::Spelling, |sent| sent.path = "/earn-points\\x".to_owned()),
        ("a path that is not ASCII", Refused::Spelling, |sent| sent.path = "/积分".to_owned()),
        ("a query of another spelling", Refused::Spelling, |sent| sent.query = Some("a=%41".to_owned())),
        ("a flag: sf", Refused::Flags, |sent| sent.flag(";sf")),
        ("a flag: bs", Refused::Flags, |sent| sent.flag(";bs")),
        ("a flag: key", Refused::Flags, |sent| sent.flag(";key=\"sha-256\"")),
        ("a flag: req", Refused::Flags, |sent| sent.flag(";req")),
        ("a flag: tr", Refused::Flags, |sent| sent.flag(";tr")),
        ("a flag of its own", Refused::Flags, |sent| sent.flag(";mine=1")),
        ("a parameter of the query", Refused::Flags, |sent| sent.covered += r#" "@query-param";name="a""#),
        ("a component twice", Refused::Twice, |sent| sent.covered += r#" "@path""#),
        ("a component that is not there", Refused::Component, |sent| sent.covered += r#" "etag""#),
        ("a component nobody knows", Refused::Component, |sent| sent.covered += r#" "@status""#),
        ("a name in capitals", Refused::Component, |sent| sent.covered += r#" "Host""#),
        ("a name with escapes", Refused::Malformed, |sent| sent.covered += r#" "a\"b""#),
        ("a token for a name", Refused::Malformed, |sent| sent.covered += " host"),
        ("no creation", Refused::Missing, |sent| sent.says_not(";created=1618884473")),
        ("no key", Refused::Missing, |sent| sent.says_not(";keyid=\"pk_1\"")),
        ("no nonce", Refused::Missing, |sent| sent.says_not(";nonce=\"n-1\"")),
        ("no algorithm", Refused::Missing, |sent| sent.says_not(";alg=\"ed25519\"")),
        ("an empty nonce", Refused::Parameter, |sent| sent.says("n-1", "")),
        ("a long nonce", Refused::Parameter, |sent| sent.says("n-1", &"n".repeat(129))),
        ("a nonce that is no text", Refused::Parameter, |sent| sent.says("\"n-1\"", "n-1")),
        ("a creation that is no number", Refused::Parameter, |sent| {
            sent.says("=1618884473", "=\"1618884473\"")
        }),
        ("a creation with a point", Refused::Parameter, |sent| sent.says("=1618884473", "=1618884473.5")),
        ("a parameter nobody knows", Refused::Parameter, |sent| sent.parameters += ";mine=1"),
        ("a parameter twice", Refused::Twice, |sent| sent.parameters += ";nonce=\"n-1\""),
        ("too old", Refused::Time, |sent| sent.says("84473", "84173")),
        ("too early", Refused::Time, |sent| sent.says("84473", "84774")),
        ("before 1970", Refused::Time, |sent| sent.says("=1618884473", "=-999999999999999")),
        ("expired", Refused::Time, |sent| sent.parameters += ";expires=1618884473"),
        ("expired before it was made", Refused::Time, |sent| {
            sent.says("84473", "84700");
            sent.parameters += ";expires=1618884600";
        }),
        ("another algorithm", Refused::Algorithm, |sent| sent.says("ed25519", "rsa-pss-sha512")),
    ];
    for (name, why, change) in rows {
        let mut sent = Sent::good();
        change(&mut sent);
        assert_eq!(sent.sign().verify(), Err(why), "{name}");
    }
}

/// More than one signature, or labels twice, whichever of them would hold.
#[test]
fn a_second_signature_is_refused() {
    let other = Sent { label: "sig2".to_owned(), ..Sent::good() }.sign();
    let (said, signed) =
        (other.clone().line("signature-input").clone(), other.clone().line("signature").clone());
    let rows: [RowOf<'_>; 9] = [
        ("beside it", Refused::Twice, &|sent| {
            *sent.input() += &format!(", {said}");
            *sent.line("signature") += &format!(", {signed}");
        }),
        ("on lines of its own", Refused::Twice, &|sent| {
            sent.add("signature-input", &said);
            sent.add("signature", &signed);
        }),
        ("said only", Refused::Twice, &|sent| *sent.input() += &format!(", {said}")),
        ("signed only", Refused::Twice, &|sent| *sent.line("signature") += &format!(", {signed}")),
        ("the label said twice", Refused::Twice, &|sent| {
            let said = sent.said();
            *sent.input() += &format!(", {said}");
        }),
        ("the label signed twice", Refused::Twice, &|sent| {
            let signed = sent.line("signature").clone();
            *sent.line("signature") += &format!(", {signed}");
        }),
        ("a list for a signature", Refused::Malformed, &|sent| {
            *sent.line("signature") = "sig1=(:AAAA:)".to_owned();
        }),
        ("an item for a list", Refused::Malformed, &|sent| *sent.input() = "sig1=1".to_owned()),
        ("a parameter of the signature", Refused::Malformed, &|sent| *sent.line("signature") += ";x=1"),
    ];
    for (name, why, change) in rows {
        let mut sent = Sent::good().sign();
        change(&mut sent);
        assert_eq!(sent.verify(), Err(why), "{name}");
    }
}

/// Fields of a wrong form.
#[test]
fn rubbish_is_refused() {
    let rubbish = [
        "",
        ",",
        "sig1",
        "sig1=",
        "sig1=(",
        "sig1=()",
        "sig1=:!:",
        "=",
        "sig1=(\"@method\")é",
        "SIG=()",
        "联盟",
    ];
    for text in rubbish {
        for name in ["signature", "signature-input"] {
            let mut sent = Sent::good().sign();
            *sent.line(name) = text.to_owned();
            assert!(sent.verify().is_err(), "{name}: {text:?}");
        }
    }
    let mut wide = Sent::good();
    for number in 0..COVERED_MAX {
        wide.add(&format!("x-{number}"), "1");
        wide.covered += &format!(" \"x-{number}\"");
    }
    assert_eq!(wide.sign().verify(), Err(Refused::Malformed));
}

impl Sent {
    fn input(&mut self) -> &mut String {
        self.line("signature-input")
    }

    fn restate(&mut self, change: impl Fn(&str) -> String) {
        let said = self.said();
        assert_ne!(change(&said), said);
        *self.input() = change(&said);
    }

    fn covers_not(&mut self, name: &str) {
        self.covered = self.covered.replace(&format!("\"{name}\""), "").trim().replace("  ", " ");
    }

    fn says_not(&mut self, parameter: &str) {
        self.says(parameter, "");
    }

    fn says(&mut self, from: &str, to: &str) {
        assert!(self.parameters.contains(from), "{from}");
        self.parameters = self.parameters.replace(from, to);
    }

    fn flag(&mut self, flag: &str) {
        self.covered = self.covered.replace("\"content-digest\"", &format!("\"content-digest\"{flag}"));
    }
}
