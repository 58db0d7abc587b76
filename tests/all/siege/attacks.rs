//! The attacks, as data: whom each is for, how it twists a request, and what it must get.

use laurel_tests::model::Dice;
use serde_json::Value;

use super::{
    bodies::{self, index, is_id, replaced},
    signed,
    stage::{Ask, Cell, Point, Stage, Verdict, absent_code},
};
use crate::{walk::Who, wire::routes_at};

/// One kind of attack.
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// Whether it makes sense there, and what it gets is certain.
    pub(super) fits: fn(&Cell) -> bool,
    /// Twists the request; the verdict unless something is found before. `None`: it came out as a request
    /// that somebody could mean.
    pub(super) twist: Twist,
}

pub(super) type Twist = fn(&mut Dice, &Stage, &Cell, &mut Ask) -> Option<Verdict>;

const fn attack(name: &'static str, fits: fn(&Cell) -> bool, twist: Twist) -> Attack {
    Attack { name, fits, twist }
}

const ANY: fn(&Cell) -> bool = |_| true;
const WITH_BODY: fn(&Cell) -> bool = |cell| cell.route.body.is_some();
const SUCCEEDS: fn(&Cell) -> bool = Cell::succeeds;
const LISTS: fn(&Cell) -> bool = |cell| cell.succeeds() && cell.route.query.contains(&"cursor");
const LEDGER: fn(&Cell) -> bool = |cell| cell.succeeds() && cell.pattern == "/members/{member}/ledger";
const SIGNED: fn(&Cell) -> bool = Cell::is_signed;

pub(super) const ATTACKS: &[Attack] = &[
    attack("another_role", |cell| cell.plain.point == Point::Admit, |_, _, cell, _| Some(cell.plain)),
    attack("another_brand", |cell| cell.plain.point == Point::Late, |_, _, cell, _| Some(cell.plain)),
    attack("no_key", ANY, |_, _, _, ask| {
        ask.sealed = true;
        nobody()
    }),
    attack("wrong_key", ANY, wrong_key),
    attack("revoked_key", ANY, |_, _, _, ask| {
        ask.who = Who::Revoked;
        nobody()
    }),
    attack("key_elsewhere", ANY, key_elsewhere),
    attack("two_keys", |cell| cell.who != Who::Nobody && !cell.is_signed(), two_keys),
    attack("forged_token", ANY, forged_token),
    attack("wrong_method", ANY, wrong_method),
    attack("path_tricks", ANY, path_tricks),
    attack("path_too_long", ANY, path_too_long),
    attack("twisted_id", |cell| cell.succeeds() && TWISTABLE.contains(&cell.pattern), twisted_id),
    attack("test_clock", ANY, test_clock),
    attack("unknown_parameter", ANY, unknown_parameter),
    attack("limit", LISTS, limit),
    attack("cursor_forged", LISTS, |dice, _, _, ask| {
        let junk = dice.pick(&["~", "1.~", "", "~.~", "0.", "!1.6d", "(1)", "'--"]);
        ask.path.push_str(&format!("?cursor={junk}"));
        late(422, "invalid_field")
    }),
    attack("cursor_truncated", LEDGER, cursor_truncated),
    attack("cursor_of_another", LEDGER, |_, stage, _, ask| {
        ask.path.push_str(&format!("?cursor={}", stage.foreign_cursor));
        late(422, "invalid_field")
    }),
    attack(
        "body_not_taken",
        |cell| cell.route.body.is_none(),
        |dice, _, _, ask| {
            ask.body = dice.pick(&["{}", "null", " ", "{\"brand\":\"acme\"}", "\0"]).as_bytes().to_vec();
            invalid()
        },
    ),
    attack("content_type", WITH_BODY, content_type),
    attack("truncated_body", WITH_BODY, |dice, _, cell, ask| {
        ask.body = bodies::truncated(dice, &cell.body);
        malformed()
    }),
    attack("malformed_json", WITH_BODY, |dice, _, cell, ask| {
        ask.body = bodies::malformed(dice, &cell.body);
        malformed()
    }),
    attack("duplicate_names", WITH_BODY, |dice, _, cell, ask| {
        ask.body = bodies::duplicated(dice, &cell.body);
        malformed()
    }),
    attack("deep_json", WITH_BODY, |dice, _, cell, ask| {
        ask.body = bodies::deep(dice, &cell.body);
        malformed()
    }),
    attack("oversized_body", WITH_BODY, |dice, _, cell, ask| {
        ask.body = bodies::oversized(dice, &cell.body);
        Some(Verdict::at(Point::Body, 413, "body_too_large"))
    }),
    attack("not_an_object", WITH_BODY, |dice, _, cell, ask| {
        ask.body = dice.pick(&["[]", "null", "\"all\"", "1e30", "0", "true", "[{}]"]).as_bytes().to_vec();
        shape(cell)
    }),
    attack("unknown_field", WITH_BODY, |dice, _, cell, ask| {
        ask.body = bodies::unknown_field(dice, &cell.body);
        shape(cell)
    }),
    attack("beyond_2_53", WITH_BODY, |dice, _, cell, ask| {
        let big = [
            "9007199254740992",
            "-9007199254740993",
            "9223372036854775808",
            "18446744073709551616",
            "123456789012345678901234567890",
        ];
        ask.body = replaced_by(dice, cell, &big)?;
        shape(cell)
    }),
    attack("float_for_whole", WITH_BODY, |dice, _, cell, ask| {
        ask.body = replaced_by(dice, cell, &["1.0", "1.5", "-0.1", "1e2", "0.1e1", "1E0"])?;
        shape(cell)
    }),
    attack("wrong_type", WITH_BODY, |dice, _, cell, ask| {
        ask.body = replaced_by(dice, cell, &["true", "[]", "{\"$gt\":0}", "[\"a\"]", "{\"a\":{}}"])?;
        shape(cell)
    }),
    attack(
        "unicode_in_ids",
        |cell| WITH_BODY(cell) && cell.pattern != "/program",
        |dice, _, cell, ask| {
            let ends = [
                "订",
                "é",
                "\u{202e}",
                "\\u0000",
                "/../x",
                "\u{a0}",
                "Ａ",
                "🦀",
                " ",
                "%00",
                "\\ud83e\\udd80",
            ];
            let end = dice.pick(&ends);
            let put = |value: &Value| format!("\"{}{end}\"", value.as_str().unwrap_or_default());
            ask.body = replaced(dice, &cell.body, is_id, put)?;
            invalid()
        },
    ),
    attack(
        "long_ids",
        |cell| WITH_BODY(cell) && cell.pattern != "/program",
        |dice, _, cell, ask| {
            let long = "x".repeat(65 + index(dice, 1_000));
            ask.body = replaced(dice, &cell.body, is_id, |_| format!("\"{long}\""))?;
            invalid()
        },
    ),
    attack("amounts", SUCCEEDS, |dice, _, cell, ask| {
        let amounts = [
            "10000000000000",
            "99999999999999.99",
            "9.999",
            "1.",
            "",
            ".",
            " 9",
            "9,9",
            "1e3",
            "-1",
            "٩",
            "９",
        ];
        let amount = dice.pick(&amounts);
        let is_money = |name: &str, _: &Value| matches!(name, "amount" | "price");
        ask.body = replaced(dice, &cell.body, is_money, |_| format!("\"{amount}\""))?;
        late(422, "invalid_field")
    }),
    attack("idempotency_key", SUCCEEDS, idempotency_key),
    attack(
        "idempotency_key_reused",
        |cell| cell.who == Who::Storefront && earns(cell),
        |_, stage, _, ask| {
            ask.header("idempotency-key", stage.used_key);
            late(422, "idempotency_key_reused")
        },
    ),
    attack(
        "unknown_id",
        |cell| cell.succeeds() && names_something(cell),
        |_, stage, cell, ask| {
            let (path, body) = cell.absent(stage);
            (ask.path, ask.body) = (path, body.into_bytes());
            late(404, absent_code(cell.pattern, &cell.body))
        },
    ),
    attack(
        "order_conflict",
        |cell| cell.succeeds() && earns(cell),
        |_, stage, cell, ask| {
            let order = format!("\"order_id\":\"{}\"", cell.known(stage, "{order}"));
            ask.body = swapped(cell, &format!("\"order_id\":\"{}\"", cell.known(stage, "{n}")), &order);
            late(409, "order_conflict")
        },
    ),
    attack(
        "points_that_are_not_there",
        |cell| spends(cell) && cell.who != Who::Own,
        |_, _, cell, ask| {
            ask.body = swapped(cell, "\"points\":1,", "\"points\":9007199254740991,");
            late(409, "insufficient_points")
        },
    ),
    attack(
        "beyond_the_token",
        |cell| spends(cell) && cell.who == Who::Own,
        |dice, _, cell, ask| {
            ask.body = match dice.percent(50) {
                true => swapped(cell, "\"points\":1,", "\"points\":2,"),
                false => swapped(cell, "\"order_id\":\"", "\"order_id\":\"x"),
            };
            late(403, "forbidden")
        },
    ),
    attack(
        "more_than_was_paid",
        |cell| cell.succeeds() && cell.body.contains("\"refund\""),
        |_, _, cell, ask| {
            ask.body = swapped(cell, "\"all\"", "{\"amount\":\"9999\"}");
            late(409, "over_refund")
        },
    ),
    attack(
        "from_the_future",
        |cell| cell.succeeds() && earns(cell),
        |_, _, cell, ask| {
            ask.body = swapped(cell, "{", "{\"occurred_at\":\"2099-01-01T00:00:00Z\",");
            late(422, "occurred_in_future")
        },
    ),
    attack("header_flood", |cell| !cell.succeeds() || cell.method == "GET", header_flood),
    attack("signature_expired", SIGNED, signed::expired),
    attack("signature_replayed", |cell| !cell.succeeds() || cell.method == "GET", signed::replayed),
    attack("signature_body_changed", |cell| SIGNED(cell) && WITH_BODY(cell), signed::body_changed),
    attack("signature_request_changed", SIGNED, signed::request_changed),
    attack("signature_covers_too_little", SIGNED, signed::covers_too_little),
    attack("signature_unknown_key", SIGNED, signed::unknown_key),
    attack("signature_foreign_key", SIGNED, signed::foreign_key),
    attack("signature_wrong_alg", SIGNED, signed::wrong_alg),
    attack("signature_garbled", SIGNED, signed::garbled),
    attack("signature_twice", SIGNED, signed::twice),
];

const TWISTABLE: [&str; 6] = [
    "/members/{member}",
    "/members/{member}/ledger",
    "/members/{member}/links",
    "/members/{member}/status",
    "/keys/{key}/rotate",
    "/keys/{key}",
];

fn nobody() -> Option<Verdict> {
    Some(Verdict::at(Point::Caller, 401, "unauthenticated"))
}

fn late(status: u16, code: &'static str) -> Option<Verdict> {
    Some(Verdict::at(Point::Late, status, code))
}

fn malformed() -> Option<Verdict> {
    Some(Verdict::at(Point::Body, 400, "malformed_json"))
}

fn invalid() -> Option<Verdict> {
    Some(Verdict::at(Point::Body, 422, "invalid_field"))
}

/// A body that is JSON, but not what is asked for.
fn shape(cell: &Cell) -> Option<Verdict> {
    let code = if cell.pattern == "/program" { "invalid_program" } else { "invalid_field" };
    Some(Verdict::at(Point::Body, 422, code))
}

fn earns(cell: &Cell) -> bool {
    cell.pattern == "/earn-points"
}

fn spends(cell: &Cell) -> bool {
    cell.succeeds() && cell.pattern == "/redeem"
}

fn names_something(cell: &Cell) -> bool {
    let things = ["{member}", "{who}", "{order}", "{redemption}", "{keyid}", "{key}", "{code}", "{month}"];
    let asked = cell.asked();
    things.iter().any(|thing| cell.pattern.contains(thing) || asked.contains(thing))
        || cell.pattern.ends_with("/find")
}

fn swapped(cell: &Cell, from: &str, to: &str) -> Vec<u8> {
    assert!(cell.body.contains(from), "{from} is not in {}", cell.body);
    cell.body.replacen(from, to, 1).into_bytes()
}

fn replaced_by(dice: &mut Dice, cell: &Cell, tokens: &[&'static str]) -> Option<Vec<u8>> {
    let token = dice.pick(tokens).to_owned();
    replaced(dice, &cell.body, |_, _| true, |_| token)
}

fn wrong_key(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let good = stage.walk.key(Who::Admin);
    let at = index(dice, good.len());
    let wrong = match dice.below(6) {
        0 => good[..at].to_owned(),
        1 => format!("{good}{at}"),
        2 => format!("{}\u{7e}{}", &good[..at], &good[at + 1..]),
        3 => good.to_uppercase(),
        4 => "k".repeat(1 + index(dice, 100_000)),
        _ => format!("{good},{good}"),
    };
    let scheme = dice.pick(&["Bearer ", "bearer ", "Bearer  ", "BEARER "]);
    ask.header("authorization", format!("{scheme}{wrong}"));
    ask.sealed = true;
    nobody()
}

/// The right key where nobody looks for one.
fn key_elsewhere(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let good = stage.walk.key(Who::Admin);
    match dice.below(6) {
        0 => ask.path.push_str(&format!("?access_token={good}")),
        1 => ask.header("x-api-key", good),
        2 => ask.header("cookie", format!("authorization=Bearer {good}")),
        3 => ask.header("proxy-authorization", format!("Bearer {good}")),
        4 => ask.header("authorization", good),
        _ => ask.header("authorization", format!("Basic {good}")),
    }
    ask.sealed = true;
    nobody()
}

fn two_keys(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let other = dice.pick(&["Bearer x", "Bearer", "Basic eA==", ""]);
    if dice.percent(50) {
        ask.header("authorization", other);
        stage.seal(ask);
    } else {
        stage.seal(ask);
        ask.header("authorization", other);
        ask.sealed = true;
    }
    nobody()
}

fn forged_token(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let (own, other) = (stage.token(Who::Own), stage.token(Who::Other));
    let (content, seal) = own.split_once('.')?;
    let (_, other_seal) = other.split_once('.')?;
    // The last of a text in base64 may say nothing.
    let at = 3 + index(dice, own.len() - 4);
    let letter = if own.as_bytes()[at] == b'A' { "B" } else { "A" };
    let forged = match dice.below(6) {
        0 => format!("{content}.{other_seal}"),
        1 => format!("{}{letter}{}", &own[..at], &own[at + 1..]),
        2 => format!("{content}."),
        3 => format!(".{seal}"),
        4 => format!("{own}.{seal}"),
        _ => stage.expired_token.clone(),
    };
    ask.header("authorization", format!("Bearer {forged}"));
    ask.sealed = true;
    nobody()
}

fn wrong_method(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let methods = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post",
        "G%T",
    ];
    let served = routes_at(&stage.walk.shop.api, &cell.path);
    let free: Vec<&str> = methods
        .into_iter()
        .filter(|method| served.iter().all(|route| route.method.word() != *method))
        .collect();
    ask.method = free[index(dice, free.len())].to_owned();
    Some(Verdict::at(Point::Route, 405, "method_not_allowed"))
}

fn path_tricks(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    for _ in 0..10 {
        let path = &cell.path;
        let at = index(dice, path.len());
        let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        let slash = slashes[index(dice, slashes.len())];
        let put = dice.pick(&[
            "/",
            "/.",
            "/..",
            "/%2e%2e",
            "/%2e",
            "/x/..",
            "/%00",
            "/;a=b",
            "/%2f",
            "/%252e%252e",
        ]);
        ask.path = match dice.below(6) {
            0 | 1 => format!("{}{put}{}", &path[..slash], &path[slash..]),
            2 => {
                format!("{}%{:02x}{}", &path[..at.max(1)], path.as_bytes()[at.max(1)], &path[at.max(1) + 1..])
            }
            3 => format!("{path}{}", dice.pick(&["//", "/../keys", "/x", "/%00", "/.", "/..;/keys"])),
            4 => format!("{}%00{}", &path[..at.max(1)], &path[at.max(1)..]),
            _ => format!("{}{}", &path[..=slash], path[slash + 1..].to_uppercase()),
        };
        let served = routes_at(&stage.walk.shop.api, &ask.path);
        if ask.request().is_none() || served.iter().any(|route| route.method.word() == cell.method) {
            continue;
        }
        return Some(match served.is_empty() {
            true => Verdict::at(Point::Route, 404, "not_found"),
            false => Verdict::at(Point::Route, 405, "method_not_allowed"),
        });
    }
    None
}

fn path_too_long(dice: &mut Dice, _: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let long = "x".repeat(8 * 1024 + index(dice, 40_000));
    let mark = dice.pick(&["/", "?", "?limit=", "?cursor=", "?x&"]);
    ask.path.push_str(&format!("{mark}{long}"));
    Some(Verdict::at(Point::Route, 413, "body_too_large"))
}

/// Another spelling of an id is no id.
fn twisted_id(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let id = cell.path.split('/').nth(2)?;
    let at = index(dice, id.len());
    let twisted = match dice.below(8) {
        0 => id.to_lowercase(),
        1 => format!("{}%{:02x}{}", &id[..at], id.as_bytes()[at], &id[at + 1..]),
        2 => format!("{id}%00"),
        3 => format!("{}U{}", &id[..6], &id[7..]),
        4 => dice.pick(&[".", "..", "%2e%2e%2fkeys", "*", "0", "null", "订单", "'", "@"]).to_owned(),
        5 => id[..at.max(1)].to_owned(),
        6 => id.repeat(100),
        _ => id.replacen('_', "%5F", 1),
    };
    ask.path = cell.path.replacen(id, &twisted, 1);
    late(404, absent_code(cell.pattern, "")).map(|verdict| match cell.pattern.starts_with("/keys") {
        true => Verdict { code: "key_not_found", ..verdict },
        false => verdict,
    })
}

fn test_clock(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let times = ["yesterday", "2020-01-01T00:00:00Z", "", "0", "2026-02-30T00:00:00Z", "2026-03-02T10:00:00"];
    ask.header("test-clock", dice.pick(&times));
    Some(match cell.who {
        Who::Admin => Verdict::at(Point::Clock, 422, "test_clock_refused"),
        _ => Verdict::at(Point::Clock, 403, "forbidden"),
    })
}

fn unknown_parameter(dice: &mut Dice, _: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let parameters = [
        "zz=1",
        "Limit=1",
        "limit[]=1",
        "dry_run=true",
        "brand=acme",
        "=1",
        "_method=DELETE",
        "cursor2",
        "limit=1&limit=2",
    ];
    ask.path.push_str(&format!("?{}", dice.pick(&parameters)));
    Some(Verdict::at(Point::Query, 422, "invalid_field"))
}

fn limit(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let mut limits =
        vec!["0", "201", "-1", "+5", "1e2", "99999999999999999999", "0x10", "", "1.0", "9007199254740993"];
    if !cell.is_signed() {
        // Who signs may not write these at all.
        limits.extend(["%31", "5%00", "١"]);
    }
    ask.path.push_str(&format!("?limit={}", limits[index(dice, limits.len())]));
    late(422, "invalid_field")
}

fn cursor_truncated(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let (_, own) = stage.own_cursors.iter().find(|(who, _)| *who == cell.who)?;
    let at = index(dice, own.len());
    ask.path.push_str(&format!("?cursor={}", &own[..at]));
    late(422, "invalid_field")
}

fn content_type(dice: &mut Dice, _: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let kinds: [&[u8]; 8] = [
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"application/jsonx",
        b"application/json, text/html",
        b"",
        b"\xff",
        b"application/xml; application/json",
    ];
    ask.header("content-type", dice.pick(&kinds.map(|kind| kind)));
    Some(Verdict::at(Point::Body, 415, "unsupported_media_type"))
}

fn idempotency_key(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let long = "k".repeat(256 + index(dice, 10_000));
    // Who signs covers the header with its value, and a signature says nothing of such values.
    match if cell.is_signed() { 0 } else { dice.below(5) } {
        0 => ask.header("idempotency-key", long),
        1 => ask.header("idempotency-key", "a b"),
        2 => ask.header("idempotency-key", "订单"),
        3 => ask.header("idempotency-key", ""),
        _ => (0..2).for_each(|_| ask.header("idempotency-key", "k")),
    }
    late(422, "invalid_field")
}

/// Many headers, or long ones, that mean nothing: the answer is the same.
fn header_flood(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    match dice.below(3) {
        0 => (0..300).for_each(|number| ask.header(&format!("x-flood-{number}"), "x")),
        1 => (0..300).for_each(|_| ask.header("x-forwarded-for", "127.0.0.1")),
        _ => ask.header("x-flood", "x".repeat(100_000)),
    }
    let spoofed = ["x-original-url", "x-rewrite-url", "x-http-method-override", "x-forwarded-host"];
    ask.header(dice.pick(&spoofed), "/keys");
    Some(cell.plain)
}
