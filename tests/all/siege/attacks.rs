//! The attacks, as data: whom each is for, how it twists a request, and what it must get.

use laurel_tests::model::Dice;
use serde_json::Value;

use super::{
    bodies::{self, index, is_id, replaced},
    heads, signed,
    stage::{Ask, Cell, Point, Stage, Verdict, absent_code},
};
use crate::walk::Who;

/// One kind of attack.
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// Whether it makes sense there, and its verdict is certain.
    pub(super) fits: fn(&Cell) -> bool,
    /// Twists the request; returns the verdict unless another fault comes first. `None`: the result is a
    /// request that somebody could mean.
    pub(super) twist: Twist,
}

pub(super) type Twist = fn(&mut Dice, &Stage, &Cell, &mut Ask) -> Option<Verdict>;

const fn attack(name: &'static str, fits: fn(&Cell) -> bool, twist: Twist) -> Attack {
    Attack { name, fits, twist }
}

const ANY: fn(&Cell) -> bool = |_| true;
/// Who asks matters there.
const KEYED: fn(&Cell) -> bool = |cell| !cell.route.access.anybody;
const WITH_BODY: fn(&Cell) -> bool = |cell| cell.route.body.is_some();
const SUCCEEDS: fn(&Cell) -> bool = Cell::succeeds;
const LISTS: fn(&Cell) -> bool = |cell| cell.succeeds() && cell.route.query.contains(&"cursor");
const LEDGER: fn(&Cell) -> bool = |cell| cell.succeeds() && cell.pattern == "/members/{member}/ledger";
const SIGNED: fn(&Cell) -> bool = |cell| KEYED(cell) && cell.is_signed();

pub(super) const ATTACKS: &[Attack] = &[
    attack("another_role", |cell| cell.plain.point == Point::Admit, |_, _, cell, _| Some(cell.plain)),
    attack("another_brand", |cell| cell.plain.point == Point::Late, |_, _, cell, _| Some(cell.plain)),
    attack("no_key", KEYED, |_, _, _, ask| {
        ask.sealed = true;
        nobody()
    }),
    attack("wrong_key", KEYED, heads::wrong_key),
    attack("revoked_key", KEYED, |_, _, _, ask| {
        ask.who = Who::Revoked;
        nobody()
    }),
    attack("key_elsewhere", KEYED, heads::key_elsewhere),
    attack("two_keys", |cell| KEYED(cell) && cell.who != Who::Nobody && !cell.is_signed(), heads::two_keys),
    attack("forged_token", KEYED, heads::forged_token),
    attack("wrong_method", ANY, heads::wrong_method),
    attack("path_tricks", ANY, heads::path_tricks),
    attack("path_too_long", ANY, heads::path_too_long),
    attack("twisted_id", |cell| cell.succeeds() && TWISTABLE.contains(&cell.pattern), heads::twisted_id),
    attack("test_clock", ANY, heads::test_clock),
    attack("unknown_parameter", ANY, heads::unknown_parameter),
    attack("limit", LISTS, heads::limit),
    attack("cursor_forged", LISTS, |dice, _, _, ask| {
        // If a list continues after an id, any id is a place in it: these are not ids.
        let junk = dice.pick(&["~", "1.~", "", "~.~", "!1.6d", "(1)", "'--"]);
        ask.path.push_str(&format!("?cursor={junk}"));
        late(422, "invalid_field")
    }),
    attack("cursor_truncated", LEDGER, heads::cursor_truncated),
    attack("cursor_of_another", LEDGER, |_, stage, _, ask| {
        ask.path.push_str(&format!("?cursor={}", stage.foreign_cursor));
        late(422, "invalid_field")
    }),
    attack(
        "body_not_taken",
        |cell| cell.route.body.is_none() && cell.route.texts.is_empty(),
        |dice, _, _, ask| {
            ask.body = dice.pick(&["{}", "null", " ", "{\"brand\":\"acme\"}", "\0"]).as_bytes().to_vec();
            invalid()
        },
    ),
    attack("content_type", WITH_BODY, heads::content_type),
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
        ask.body = bodies::oversized(dice, cell.route.body_bytes_max, &cell.body);
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
        |cell| WITH_BODY(cell) && !is_document(cell),
        |dice, _, cell, ask| {
            // No id may end so: neither one of a programme nor one of a shop, which is any text in normal form.
            let ends = ["\\u0000", "\\n", "\\u007f", " ", "\u{a0}", "\u{3000}", "e\u{301}"];
            let end = dice.pick(&ends);
            let put = |value: &Value| format!("\"{}{end}\"", value.as_str().unwrap_or_default());
            ask.body = replaced(dice, &cell.body, is_id, put)?;
            invalid()
        },
    ),
    attack(
        "long_ids",
        |cell| WITH_BODY(cell) && !is_document(cell),
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
    attack("idempotency_key", SUCCEEDS, heads::idempotency_key),
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
        |cell| cell.succeeds() && earns(cell) && !cell.body.contains("\"revision\""),
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
        // An order that is told anew says when it happened as it did at first.
        |cell| cell.succeeds() && earns(cell) && !cell.body.contains("revision"),
        |_, _, cell, ask| {
            ask.body = swapped(cell, "{", "{\"occurred_at\":\"2099-01-01T00:00:00Z\",");
            late(422, "occurred_in_future")
        },
    ),
    attack("header_flood", |cell| !cell.succeeds() || cell.method == "GET", heads::header_flood),
    attack("signature_expired", SIGNED, signed::expired),
    attack(
        "signature_replayed",
        |cell| KEYED(cell) && (!cell.succeeds() || cell.method == "GET"),
        signed::replayed,
    ),
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

pub(super) fn nobody() -> Option<Verdict> {
    Some(Verdict::at(Point::Caller, 401, "unauthenticated"))
}

pub(super) fn late(status: u16, code: &'static str) -> Option<Verdict> {
    Some(Verdict::at(Point::Late, status, code))
}

fn malformed() -> Option<Verdict> {
    Some(Verdict::at(Point::Body, 400, "malformed_json"))
}

fn invalid() -> Option<Verdict> {
    Some(Verdict::at(Point::Body, 422, "invalid_field"))
}

/// A body that is JSON, but not what the route takes.
fn shape(cell: &Cell) -> Option<Verdict> {
    let code = match cell.pattern {
        "/program" => "invalid_program",
        "/offers/{n}" => "invalid_offer",
        _ => "invalid_field",
    };
    Some(Verdict::at(Point::Body, 422, code))
}

/// Whose body is a document with faults of its own.
fn is_document(cell: &Cell) -> bool {
    matches!(cell.pattern, "/program" | "/offers/{n}")
}

fn earns(cell: &Cell) -> bool {
    cell.pattern == "/earn-points"
}

fn spends(cell: &Cell) -> bool {
    cell.succeeds() && cell.pattern == "/redeem" && cell.body.contains("\"points\"")
}

fn names_something(cell: &Cell) -> bool {
    let things = [
        "{member}",
        "{who}",
        "{order}",
        "{redemption}",
        "{keyid}",
        "{key}",
        "{code}",
        "{month}",
        "{webhook}",
        "{partner_webhook}",
        "{offer}",
        "{offer_of_codes}",
        "{offer_by_code}",
        "{offer_to_issue}",
        "{offer_to_claim}",
        "{grant}",
        "{claimed}",
        "{used}",
        "{held}",
        "{referral}",
    ];
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
    // What says that already is not wrong.
    replaced(dice, &cell.body, |_, _| true, |_| token).filter(|body| body != cell.body.as_bytes())
}
