//! Attacks on everything in a request but its body: the caller, the target, the headers.

use laurel_tests::model::Dice;

use super::{
    attacks::{late, nobody},
    bodies::index,
    stage::{Ask, Cell, Point, Stage, Verdict, absent_code},
};
use crate::{walk::Who, wire::routes_at};

pub(super) fn wrong_key(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
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
pub(super) fn key_elsewhere(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
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

pub(super) fn two_keys(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
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

pub(super) fn forged_token(dice: &mut Dice, stage: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let (own, other) = (stage.token(Who::Own), stage.token(Who::Other));
    let (content, seal) = own.split_once('.')?;
    let (_, other_seal) = other.split_once('.')?;
    // The last bits of a base64 text may be unused.
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

pub(super) fn wrong_method(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
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

pub(super) fn path_tricks(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    for _ in 0..10 {
        let (path, query) = cell.path.split_at(cell.path.find('?').unwrap_or(cell.path.len()));
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
        ask.path.push_str(query);
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

pub(super) fn path_too_long(dice: &mut Dice, _: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let long = "x".repeat(8 * 1024 + index(dice, 40_000));
    let mark = dice.pick(&["/", "?", "?limit=", "?cursor=", "?x&"]);
    ask.path.push_str(&format!("{mark}{long}"));
    Some(Verdict::at(Point::Route, 413, "body_too_large"))
}

/// Another spelling of an id is not an id.
pub(super) fn twisted_id(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
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

pub(super) fn test_clock(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let times = ["yesterday", "2020-01-01T00:00:00Z", "", "0", "2026-02-30T00:00:00Z", "2026-03-02T10:00:00"];
    ask.header("test-clock", dice.pick(&times));
    Some(match cell.who {
        Who::Admin => Verdict::at(Point::Clock, 422, "test_clock_refused"),
        _ => Verdict::at(Point::Clock, 403, "forbidden"),
    })
}

pub(super) fn unknown_parameter(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
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
    let parameter = dice.pick(&parameters);
    if parameter.split_once('=').is_some_and(|(name, _)| cell.route.query.contains(&name)) {
        return None;
    }
    let mark = if ask.path.contains('?') { '&' } else { '?' };
    ask.path.push_str(&format!("{mark}{parameter}"));
    Some(Verdict::at(Point::Query, 422, "invalid_field"))
}

pub(super) fn limit(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let mut limits =
        vec!["0", "201", "-1", "+5", "1e2", "99999999999999999999", "0x10", "", "1.0", "9007199254740993"];
    if !cell.is_signed() {
        // Who signs may not write these at all.
        limits.extend(["%31", "5%00", "١"]);
    }
    ask.path.push_str(&format!("?limit={}", limits[index(dice, limits.len())]));
    late(422, "invalid_field")
}

pub(super) fn cursor_truncated(
    dice: &mut Dice,
    stage: &Stage,
    cell: &Cell,
    ask: &mut Ask,
) -> Option<Verdict> {
    let (_, own) = stage.own_cursors.iter().find(|(who, _)| *who == cell.who)?;
    let at = index(dice, own.len());
    ask.path.push_str(&format!("?cursor={}", &own[..at]));
    late(422, "invalid_field")
}

pub(super) fn content_type(dice: &mut Dice, _: &Stage, _: &Cell, ask: &mut Ask) -> Option<Verdict> {
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

pub(super) fn idempotency_key(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let long = "k".repeat(256 + index(dice, 10_000));
    // A signer covers the header with its value, and a signature cannot hold such values.
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
pub(super) fn header_flood(dice: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    match dice.below(3) {
        0 => (0..300).for_each(|number| ask.header(&format!("x-flood-{number}"), "x")),
        1 => (0..300).for_each(|_| ask.header("x-forwarded-for", "127.0.0.1")),
        _ => ask.header("x-flood", "x".repeat(100_000)),
    }
    let spoofed = ["x-original-url", "x-rewrite-url", "x-http-method-override", "x-forwarded-host"];
    ask.header(dice.pick(&spoofed), "/keys");
    Some(cell.plain)
}
