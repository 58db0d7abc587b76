//! RFC 9421, appendix B and its examples, and RFC 9530's, byte for byte.

use super::*;

/// The base that a request has under what `Signature-Input` says, and whether the key signed it.
fn held(message: &Message<'_>, said: &str, signed: &str, key: &Key) -> (String, bool) {
    let (label, covered, parameters) = input(said).unwrap();
    let base = base::base(message, &covered, &parameters).unwrap();
    let signature = signature(signed, label).unwrap();
    let holds = key.signed(base.as_bytes(), &signature);
    (base, holds)
}

/// RFC 9421, B.2: the request of all its examples.
fn example() -> (HeaderMap, &'static [u8]) {
    let digest =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    let lines = [
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Digest", digest),
        ("Content-Length", "18"),
    ];
    (headers(&lines), br#"{"hello": "world"}"#)
}

/// RFC 9421, B.2.5 and B.2.6: bases and signatures, byte for byte.
#[test]
fn the_requests_of_the_standard() {
    let (headers, body) = example();
    let message =
        Message { method: "POST", path: "/foo", query: Some("param=Value&Pet=dog"), headers: &headers, body };
    let hmac =
        r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let (base, holds) = held(
        &message,
        hmac,
        "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
        &Key::Hmac(bytes(SECRET)),
    );
    let want = concat!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n",
        "\"@authority\": example.com\n",
        "\"content-type\": application/json\n",
        "\"@signature-params\": (\"date\" \"@authority\" \"content-type\")",
        ";created=1618884473;keyid=\"test-shared-secret\"",
    );
    assert_eq!((base.as_str(), holds), (want, true));

    let said = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let signed =
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
    let (base, holds) = held(&message, said, signed, &ed25519());
    let want = concat!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n",
        "\"@method\": POST\n",
        "\"@path\": /foo\n",
        "\"@authority\": example.com\n",
        "\"content-type\": application/json\n",
        "\"content-length\": 18\n",
        "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")",
        ";created=1618884473;keyid=\"test-key-ed25519\"",
    );
    assert_eq!((base.as_str(), holds), (want, true));
    // One bit of the signature, the key, or the base.
    assert!(!held(&message, said, &signed.replace("wqcA", "wqcB"), &ed25519()).1);
    assert!(!held(&message, said, signed, &Key::Hmac(bytes(SECRET))).1);
    assert!(!held(&Message { method: "PUT", ..message }, said, signed, &ed25519()).1);
    // The order of the parameters is the signer's, and part of what is signed (B.2.1 has another).
    let turned = said.replace(
        ";created=1618884473;keyid=\"test-key-ed25519\"",
        ";keyid=\"test-key-ed25519\";created=1618884473",
    );
    assert!(!held(&message, &turned, signed, &ed25519()).1);
    // Space that the canonical spelling lacks was not signed.
    assert!(
        held(&message, &said.replace("\"date\" \"@method\"", "  \"date\"   \"@method\""), signed, &ed25519())
            .1
    );
}

/// RFC 9421, B.4: what a message may go through on its way, and what it may not.
/// Header lines of a request.
type Lines<'a> = &'a [(&'static str, &'static str)];

#[test]
fn the_transformations_of_the_standard() {
    const SAID: &str =
        r#"transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#;
    const SIGNED: &str = "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:";
    let date = ("Date", "Fri, 15 Jul 2022 14:24:55 GMT");
    let query = "name1=Value1&Name2=value2";
    let (json, any) = (("Accept", "application/json"), ("Accept", "*/*"));
    let host = ("Host", "example.org");
    let rows: [(&str, &str, Lines<'_>, bool); 6] = [
        ("GET", query, &[host, date, json, any], true),
        (
            "GET",
            "name1=Value1&Name2=value2&param=added",
            &[host, date, json, any, ("Accept-Language", "en-US,en;q=0.5")],
            true,
        ),
        (
            "GET",
            query,
            &[host, ("Referer", "https://developer.example.org/demo"), ("Accept", "application/json, */*")],
            true,
        ),
        ("GET", query, &[json, any, date, host], true),
        ("POST", query, &[("Host", "example.com"), date, json, any], false),
        ("GET", query, &[host, date, any, json], false),
    ];
    for (method, query, lines, want) in rows {
        let headers = headers(lines);
        let message = Message { method, path: "/demo", query: Some(query), headers: &headers, body: b"" };
        assert_eq!(held(&message, SAID, SIGNED, &ed25519()).1, want, "{method} {query} {lines:?}");
    }
}

/// RFC 9421, 2.1 and 2.2: what components are.
#[test]
fn the_components_of_the_standard() {
    let lines = [
        ("Host", "www.example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("X-OWS-Header", "   Leading and trailing whitespace.   "),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "   must-revalidate"),
        ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
        ("X-Empty-Header", ""),
        ("X-Forwarded-Proto", "https"),
        ("X-Chinese", "联盟"),
    ];
    let headers = headers(&lines);
    let of = |query: Option<&str>, name: &str| {
        Message { method: "POST", path: "/path", query, headers: &headers, body: b"" }.component(name)
    };
    let table = [
        ("@method", Some("POST")),
        ("@target-uri", Some("https://www.example.com/path?param=value")),
        ("@authority", Some("www.example.com")),
        ("@scheme", Some("https")),
        ("@request-target", Some("/path?param=value")),
        ("@path", Some("/path")),
        ("@query", Some("?param=value")),
        ("date", Some("Tue, 20 Apr 2021 02:07:56 GMT")),
        ("x-ows-header", Some("Leading and trailing whitespace.")),
        ("cache-control", Some("max-age=60, must-revalidate")),
        ("example-dict", Some("a=1,    b=2;x=1;y=2,   c=(a   b   c)")),
        ("x-empty-header", Some("")),
        ("x-chinese", None),
        ("Date", None),
        ("etag", None),
        ("@query-param", None),
        ("@status", None),
        ("@signature-params", None),
        ("", None),
    ];
    for (name, want) in table {
        assert_eq!(of(Some("param=value"), name).as_deref(), want, "{name}");
    }
    assert_eq!(of(None, "@query").as_deref(), Some("?"));
    assert_eq!(of(Some(""), "@query").as_deref(), Some("?"));
    assert_eq!(of(None, "@target-uri").as_deref(), Some("https://www.example.com/path"));
    let hosts = [
        ("https", "EXAMPLE.com:443", "example.com"),
        ("http", "example.com:80", "example.com"),
        ("https", "example.com:80", "example.com:80"),
        ("http", "127.0.0.1:9000", "127.0.0.1:9000"),
    ];
    for (scheme, host, want) in hosts {
        let headers = self::headers(&[("host", host), ("x-forwarded-proto", scheme)]);
        let message = Message { method: "GET", path: "/", query: None, headers: &headers, body: b"" };
        assert_eq!(message.component("@authority").as_deref(), Some(want));
    }
}

/// RFC 9530, B.1, B.2, B.3 and B.7: digests of what was sent.
#[test]
fn the_digests_of_the_standard() {
    let table: [(&[u8], &str, bool); 15] = [
        (b"{\"hello\": \"world\"}\n", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", true),
        (b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", true),
        (b"\"world\"}\n", "sha-256=:jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ=:", true),
        (b"{\"title\": \"New Title\"}\n", "sha-256=:mEkdbO7Srd9LIOegftO0aBX+VPTVz7/CSHes2Z27gc4=:", true),
        (
            b"{\"title\": \"New Title\"}\n",
            "sha-512=:AAAA:, sha-256=:mEkdbO7Srd9LIOegftO0aBX+VPTVz7/CSHes2Z27gc4=:",
            true,
        ),
        (b"{\"hello\": \"world\"}", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", false),
        (b"", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", false),
        (b"", "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", false),
        (b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS:", false),
        (b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:;x", false),
        (b"", "sha-256=:AAAA:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", false),
        (b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:, sha-256=:AAAA:", false),
        (b"", "sha-512=:AAAA:", false),
        (b"", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", false),
        (b"", "", false),
    ];
    for (body, digest, want) in table {
        let headers = headers(&[("content-digest", digest)]);
        let message = Message { method: "POST", path: "/", query: None, headers: &headers, body };
        assert_eq!(digest_holds(&message), want, "{digest} of {body:?}");
    }
}

/// Keys with which anybody could sign anything, or that are not points of the curve.
#[test]
fn weak_public_keys_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    assert!(Key::ed25519(&one).is_none() && Key::ed25519(&[0; 32]).is_none());
    assert!(Key::ed25519(&[2; 31]).is_none() && Key::ed25519(&[]).is_none());
    let off_the_curve = (0..=255_u8).filter(|first| {
        let mut bytes = [7; 32];
        bytes[0] = *first;
        Key::ed25519(&bytes).is_none()
    });
    assert!(off_the_curve.count() > 64);
    assert!(Key::ed25519(&bytes(ED25519_PUBLIC)).is_some());
    assert_eq!(format!("{:?}", Key::Hmac(bytes(SECRET))), "Key(hmac-sha256)");
}
