//! Hostile bodies, headers and paths: each gets its 4xx, changes nothing, and leaves the shop serving.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Shop};

/// Headers that anybody could send.
type Headers<'a> = Vec<(&'a str, &'a [u8])>;

async fn prepared() -> (Shop, String) {
    let shop = Shop::usual().await;
    let member = shop.member("one").await;
    shop.earn(&member, "A-1", "100").await;
    (shop, member)
}

/// The verdict is as wanted, nothing has changed, and the shop still serves.
async fn check(shop: &Shop, member: &str, request: http::Request<Bytes>, want: &str) {
    let before = shop.snapshot().await;
    let asked = format!("{} {}", request.method(), request.uri()).chars().take(200).collect::<String>();
    let shown: String = String::from_utf8_lossy(request.body()).chars().take(200).collect();
    let reply = shop.send_request(request).await;
    assert_eq!(reply.verdict(), want, "{asked} {shown}: {}", reply.body);
    assert!(before == shop.snapshot().await, "{asked} {shown}: something was written");
    assert_eq!(shop.show(member).await["points"]["available"], 100);
}

fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &[u8])],
    body: impl Into<Bytes>,
) -> http::Request<Bytes> {
    let mut request = http::Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "authorization") {
        request = request.header("authorization", format!("Bearer {ADMIN_KEY}"));
    }
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
    }
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn bodies() {
    let (shop, member) = prepared().await;
    let good = json!({"member_id": member, "brand": "acme", "order_id": "B-1", "amount": "9.99"}).to_string();
    let swapped = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to).into_bytes()
    };
    let deep = |open: &str, close: &str, times: usize| {
        [open.repeat(times), close.repeat(times)].concat().into_bytes()
    };
    let wide: String = (0..20_000).map(|n| format!("\"f{n}\":1,")).collect();
    let (malformed, invalid, large) = ("400 malformed_json", "422 invalid_field", "413 body_too_large");
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (good.as_bytes()[..good.len() - 1].to_vec(), malformed),
        (good.as_bytes()[..good.len() / 2].to_vec(), malformed),
        ([good.as_bytes(), b"}"].concat(), malformed),
        ([good.as_bytes(), good.as_bytes()].concat(), malformed),
        ([b"\xef\xbb\xbf", good.as_bytes()].concat(), malformed),
        (swapped("\"brand\":\"acme\"", "\"brand\":\"acme\",\"brand\":\"acme\""), malformed),
        (swapped("\"brand\":\"acme\"", "\"brand\":\"acme\",\"\\u0062rand\":\"bean\""), malformed),
        (swapped("acme", "ac\u{0}me"), malformed),
        (swapped("acme", "ac\nme"), malformed),
        (swapped("\"9.99\"", "NaN"), malformed),
        (swapped("\"9.99\"", "01"), malformed),
        (swapped("\"9.99\"", "1e999"), malformed),
        (swapped("B-1", "\\ud800"), malformed),
        (b"\xff\xfe{}".to_vec(), malformed),
        (b"{\"brand\":\"\xc3\x28\"}".to_vec(), malformed),
        (b"'{}'".to_vec(), malformed),
        (b"{} // comment".to_vec(), malformed),
        (vec![0; 100], malformed),
        (vec![b' '; 200 * 1024], malformed),
        (deep("[", "]", 100_000), malformed),
        (deep("{\"a\":", "}", 40_000), malformed),
        (deep("[", "", 100_000), malformed),
        (vec![b' '; 400 * 1024], large),
        (deep("[", "]", 200_000), large),
        (b"null".to_vec(), invalid),
        (b"[]".to_vec(), invalid),
        (b"\"all\"".to_vec(), invalid),
        (b"1e30".to_vec(), invalid),
        (b"{}".to_vec(), invalid),
        (Vec::new(), invalid),
        (format!("{{{wide}\"x\":1}}").into_bytes(), invalid),
        (swapped("\"9.99\"", "9.99"), invalid),
        (swapped("\"9.99\"", "1e30"), invalid),
        (swapped("\"9.99\"", "1.0"), invalid),
        (swapped("\"9.99\"", "-1"), invalid),
        (swapped("\"9.99\"", "\"-1\""), invalid),
        (swapped("\"9.99\"", "\"1e3\""), invalid),
        (swapped("\"9.99\"", "\"９.９９\""), invalid),
        (swapped("\"9.99\"", "\"٩.٩٩\""), invalid),
        (swapped("\"9.99\"", "\"9,99\""), invalid),
        (swapped("\"9.99\"", "\"9.999\""), invalid),
        (swapped("\"9.99\"", "\" 9.99\""), invalid),
        (swapped("\"9.99\"", "\"\""), invalid),
        (swapped("\"9.99\"", "\"10000000000000\""), invalid),
        (swapped("\"9.99\"", "{\"$gt\":0}"), invalid),
        (swapped("\"brand\"", "\"Brand\""), invalid),
        (swapped("acme", "../acme"), invalid),
        (swapped("acme", "ac\\u0000me"), invalid),
        (swapped("B-1", " ../../etc/passwd"), invalid),
        (swapped("B-1", "B\\u0000 1"), invalid),
        (swapped("B-1", "订单\\n"), invalid),
        (swapped("B-1", &"x".repeat(65)), invalid),
        (swapped("B-1", "' OR 1=1 --\\t"), invalid),
        (swapped(&member, "mbr_../../../x"), invalid),
        (swapped(&member, &member.to_lowercase()), invalid),
        (swapped(&member, "mbr_81ARZ3NDEKTSV4RRFFQ69G5FAV"), invalid),
        (swapped("{", "{\"__proto__\":{},"), invalid),
        (swapped("{", "{\"occurred_at\":\"2026-02-30T00:00:00Z\","), invalid),
        (swapped("{", "{\"occurred_at\":\"2026-03-02 10:00:00\","), invalid),
        (swapped("{", "{\"occurred_at\":\"99999-01-01T00:00:00Z\","), invalid),
        (swapped("{", "{\"occurred_at\":1767225600,"), invalid),
        (swapped("{", "{\"dry_run\":\"yes\","), invalid),
        (swapped("{", "{\"identity\":{\"kind\":\"email\",\"value\":\"a@b.cn\"},"), invalid),
    ];
    for (body, want) in rows {
        check(&shop, &member, request("POST", "/earn-points", &[], body), want).await;
    }
}

#[tokio::test]
async fn numbers_of_points() {
    let (shop, member) = prepared().await;
    for points in [
        "0",
        "-1",
        "1.0",
        "1e0",
        "9007199254740992",
        "18446744073709551616",
        "1e400",
        "\"1\"",
        "null",
        "[1]",
        "true",
    ] {
        let body = format!(
            r#"{{"member_id":"{member}","brand":"acme","points":{points},"for":{{"kind":"order","order_id":"B"}}}}"#
        );
        let want = if points == "1e400" { "400 malformed_json" } else { "422 invalid_field" };
        check(&shop, &member, request("POST", "/redeem", &[], body), want).await;
    }
}

#[tokio::test]
async fn headers() {
    let (shop, member) = prepared().await;
    let body = json!({"member_id": member, "badge": "founder"}).to_string();
    let admin = format!("Bearer {ADMIN_KEY}");
    let (long, longest) = ("k".repeat(256), "x".repeat(1 << 20));
    let (nobody, media, invalid) = ("401 unauthenticated", "415 unsupported_media_type", "422 invalid_field");
    let rows: Vec<(Headers<'_>, &str)> = vec![
        (vec![("authorization", admin.as_bytes()), ("authorization", admin.as_bytes())], nobody),
        (vec![("authorization", b"Bearer wrong"), ("authorization", admin.as_bytes())], nobody),
        (vec![("authorization", ADMIN_KEY.as_bytes())], nobody),
        (vec![("authorization", b"Basic dGVzdHM6dGVzdHM=")], nobody),
        (vec![("authorization", b"Bearer")], nobody),
        (vec![("authorization", b"Bearer ")], nobody),
        (vec![("authorization", b"")], nobody),
        (vec![("authorization", b"Bearer \xff\xfe")], nobody),
        (vec![("authorization", longest.as_bytes())], nobody),
        (vec![("content-type", b"text/plain")], media),
        (vec![("content-type", b"application/x-www-form-urlencoded")], media),
        (vec![("content-type", b"application/jsonx")], media),
        (vec![("content-type", b"")], media),
        (vec![("content-type", b"\xff")], media),
        (vec![("idempotency-key", b"")], invalid),
        (vec![("idempotency-key", long.as_bytes())], invalid),
        (vec![("idempotency-key", b"a b")], invalid),
        (vec![("idempotency-key", "订单".as_bytes())], invalid),
        (vec![("idempotency-key", b"a"), ("idempotency-key", b"b")], invalid),
        (vec![("test-clock", b"yesterday")], "422 test_clock_refused"),
        (vec![("test-clock", b"2020-01-01T00:00:00Z")], "422 test_clock_refused"),
    ];
    for (headers, want) in rows {
        check(&shop, &member, request("POST", "/issue-badge", &headers, body.clone()), want).await;
    }
}

#[tokio::test]
async fn paths_and_queries() {
    let (shop, member) = prepared().await;
    let other = shop.member("two").await;
    shop.earn(&other, "C-1", "10").await;
    shop.earn(&other, "C-2", "10").await;
    let page = shop.ok("GET", &format!("/members/{other}/ledger?limit=1"), Value::Null).await;
    let foreign = page["next_cursor"].as_str().unwrap();
    let member_key: String = format!("6d{}", &hex_of(&member));
    let ledger = format!("/members/{member}/ledger");
    let (nothing, nobody, invalid) = ("404 not_found", "404 member_not_found", "422 invalid_field");
    let rows: Vec<(String, &str)> = vec![
        ("/".into(), nothing),
        ("//members".into(), nothing),
        ("/members".into(), nothing),
        ("/members/".into(), nothing),
        (format!("//members/{member}"), nothing),
        (format!("/members//{member}"), nothing),
        (format!("/Members/{member}"), nothing),
        (format!("/members/{member}/ledger/x"), nothing),
        (format!("/members/{member}/../keys"), nothing),
        ("/members/../keys".into(), nothing),
        ("/%6dembers/x".into(), nothing),
        ("/members/..".into(), nobody),
        ("/members/%2e%2e%2fkeys".into(), nobody),
        (format!("/members/{}", member.replace('_', "%5F")), nobody),
        (format!("/members/{}", member.to_lowercase()), nobody),
        (format!("/members/{member}%00"), nobody),
        (format!("/members/{member}'"), nobody),
        (format!("/members/{}", "x".repeat(4_000)), nobody),
        (format!("/members/{}", "x".repeat(9_000)), "413 body_too_large"),
        (format!("{ledger}?limit=0"), invalid),
        (format!("{ledger}?limit=201"), invalid),
        (format!("{ledger}?limit=-1"), invalid),
        (format!("{ledger}?limit=+5"), invalid),
        (format!("{ledger}?limit=1e2"), invalid),
        (format!("{ledger}?limit=5&limit=6"), invalid),
        (format!("{ledger}?limit=99999999999999999999"), invalid),
        (format!("{ledger}?order=asc"), invalid),
        (format!("{ledger}?cursor="), invalid),
        (format!("{ledger}?cursor=."), invalid),
        (format!("{ledger}?cursor=1"), invalid),
        (format!("{ledger}?cursor=0."), invalid),
        (format!("{ledger}?cursor=1.zz"), invalid),
        (format!("{ledger}?cursor=1.abc"), invalid),
        (format!("{ledger}?cursor=1.+1"), invalid),
        (format!("{ledger}?cursor=%31."), invalid),
        (format!("{ledger}?cursor={}", "f".repeat(8_000)), invalid),
        (format!("{ledger}?cursor={foreign}"), invalid),
        // The key of a record that is not an entry, and of one that does not exist.
        (format!("{ledger}?cursor=1.{member_key}"), invalid),
        (format!("{ledger}?cursor=1.7a7a7a"), invalid),
    ];
    for (path, want) in rows {
        check(&shop, &member, request("GET", &path, &[], ""), want).await;
    }
    // Not the member of the id `find`.
    for method in ["GET", "PATCH", "DELETE"] {
        let find = request(method, "/members/find", &[], "");
        check(&shop, &member, find, "405 method_not_allowed").await;
    }
    let with_body = request("GET", &format!("/members/{member}"), &[], "{}");
    check(&shop, &member, with_body, invalid).await;
}

/// A member's id as the bytes of its keys are shown.
fn hex_of(member: &str) -> String {
    let id = edge::wire::read_member_id(member).unwrap();
    id.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
