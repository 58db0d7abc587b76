//! The contract as OpenAPI 3.1, generated from the routes and shapes that check requests.

use domain::{
    member::{IDENTITIES_MAX, MemberId},
    shape::{COUNT, FAULTS_MAX, Shape, optional, required},
};
use serde_json::{Map, Value, json};

use crate::{Code, Function, Kind, Role, Route, Ulid, wire::AppliedOffer};

/// A fault of a request or of a programme.
const FAULT: Shape = Shape::Named(
    "Fault",
    &Shape::Object(&[
        required("pointer", Shape::Pointer, "RFC 6901, into the body, or /query/… or /headers/…"),
        required("code", Shape::Text { max: 64 }, "a stable word for the kind of fault"),
        required("detail", Shape::Text { max: 2_000 }, "what would be right, for people"),
    ]),
);

/// How much of a line is left, which may be nothing.
const QUANTITY_LEFT: Shape = Shape::Either(&COUNT, &Shape::Quantity);

/// Units of a line that can still be refunded.
const REMAINING: Shape = Shape::Named(
    "RemainingLine",
    &Shape::Object(&[
        required("line_id", Shape::ShopId, "the line"),
        required("quantity", QUANTITY_LEFT, "how much of it"),
    ]),
);

/// A line that is not sold to this member yet.
const BLOCKED: Shape = Shape::Named(
    "BlockedOrderLine",
    &Shape::Object(&[
        required("line_id", Shape::ShopId, "the line"),
        required("offer", Shape::Id, "the offer that keeps it back"),
        required("opens_at", Shape::OrNull(&Shape::Instant), "when it opens to this member; null if not"),
    ]),
);

/// The limit of a brand that would be passed.
const PASSED: Shape = Shape::Named(
    "PassedLimit",
    &Shape::Object(&[
        required("per", Shape::OneOf(&["day", "month", "member_day"]), "what it counts over"),
        optional("issue", COUNT, "the most points it may issue"),
        optional("redeem", COUNT, "the most points it may honour"),
    ]),
);

/// What every problem contains, and the data that some add.
pub const PROBLEM: Shape = Shape::Named(
    "Problem",
    &Shape::Object(&[
        required("type", Shape::Text { max: 200 }, "a URI of the code"),
        required("title", Shape::Text { max: 200 }, "the code in words"),
        required("status", COUNT, "the HTTP status"),
        required("detail", Shape::Text { max: 2_000 }, "what to do, for people"),
        required("instance", Shape::Text { max: 200 }, "the request's id"),
        required("code", Shape::Text { max: 64 }, "stable; branch on it"),
        optional("errors", Shape::List { of: &FAULT, min: 0, max: FAULTS_MAX }, "every fault"),
        optional("available", COUNT, "insufficient_points: points that can be spent"),
        optional("debt", COUNT, "insufficient_points: points owed"),
        optional(
            "members",
            Shape::List { of: &Ulid::<MemberId>::SHAPE, min: 0, max: IDENTITIES_MAX },
            "identity_conflict: whose they are",
        ),
        optional(
            "remaining",
            Shape::Either(
                &Shape::List { of: &REMAINING, min: 0, max: 200 },
                &Shape::Either(&Shape::Money, &COUNT),
            ),
            "over_refund: what can still be refunded: units by line, an amount, or points",
        ),
        optional("currency", Shape::Text { max: 3 }, "currency_mismatch: the programme's currency"),
        optional("late_days", COUNT, "occurred_too_long_ago: how many days back it may be"),
        optional(
            "redeem_late_hours",
            COUNT,
            "occurred_too_long_ago: how many hours back a redemption may be",
        ),
        optional(
            "limit",
            Shape::Either(&PASSED, &Shape::Text { max: 200 }),
            "the limit that would be passed",
        ),
        optional(
            "left",
            Shape::Either(&COUNT, &Shape::Decimal),
            "what is left: points, or an amount of credit",
        ),
        optional(
            "member_status",
            Shape::OneOf(&["suspended", "closed", "erased", "merged"]),
            "why it is not active",
        ),
        optional("state", Shape::Text { max: 16 }, "of a referral: its state"),
        optional("merged_into", <Ulid<MemberId>>::SHAPE, "which member answers for it"),
        optional("from", Shape::Instant, "month_not_ended: when it can be closed"),
        optional("version", COUNT, "program_conflict, version_conflict of an offer: the newest"),
        optional(
            "by",
            Shape::OrNull(&Shape::Text { max: 64 }),
            "program_conflict, version_conflict: who changed it last",
        ),
        optional("at", Shape::OrNull(&Shape::Instant), "program_conflict, version_conflict: when that was"),
        optional("revision", COUNT, "order_conflict, order_refunded: the order's newest, 0 if there is none"),
        optional("points", COUNT, "price_changed: what it costs this member"),
        optional("choices", COUNT, "too_many_choices: how many"),
        optional(
            "opens_at",
            Shape::OrNull(&Shape::Instant),
            "offer_not_open: its next opening within 400 days",
        ),
        optional("next_at", Shape::OrNull(&Shape::Instant), "member_limit: when it has more again"),
        optional("reason", Shape::Text { max: 32 }, "grant_not_usable: its state, or `used`"),
        optional(
            "reasons",
            Shape::List { of: &AppliedOffer::SHAPE, min: 0, max: 2_100 },
            "grant_not_usable of a use: what would not apply, as in the answer",
        ),
        optional(
            "lines",
            Shape::List { of: &BLOCKED, min: 0, max: 1_000 },
            "line_blocked: those that are blocked",
        ),
    ]),
);

/// Problems that every route can answer with.
const COMMON: &[Code] = &[
    Code::SignatureInvalid,
    Code::Unauthenticated,
    Code::Forbidden,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::BodyTooLarge,
    Code::InvalidField,
    Code::TooManyRequests,
    Code::Internal,
    Code::Busy,
    Code::StoreUnavailable,
];

/// Problems of every route that takes a body.
const WITH_BODY: &[Code] = &[Code::MalformedJson, Code::UnsupportedMediaType];

/// The document for these functions.
pub fn document(functions: &[&Function]) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    PROBLEM.name_schemas(&mut schemas);
    // A problem may contain more one day.
    if let Some(Value::Object(problem)) = schemas.get_mut("Problem") {
        problem.shift_remove("additionalProperties");
    }
    for function in functions {
        for route in function.routes {
            let answers = route.answers.iter().map(|(_, shape)| shape);
            route.body.iter().chain(answers).for_each(|shape| shape.name_schemas(&mut schemas));
            let path = format!("/{}{}", function.name, route.path);
            let item = paths.entry(path).or_insert_with(|| json!({}));
            item[route.method.word().to_lowercase()] = operation(function, route);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Laurel",
            "summary": "A membership engine: points, growth, tiers and badges that add up",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:9000", "description": "the local server"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "a caller's key"},
                "signature": {"type": "apiKey", "in": "header", "name": "Signature",
                    "description": "a partner's signature of the request, with Signature-Input (RFC 9421) and Content-Digest (RFC 9530): see docs/PARTNERS.md"},
            },
            "schemas": schemas,
        },
    })
}

fn operation(function: &Function, route: &Route) -> Value {
    let mut responses = Map::new();
    for (status, shape) in route.answers {
        let mut response = json!({"description": "done"});
        if *status != 204 {
            response["content"] = json!({"application/json": {"schema": shape.schema()}});
        }
        // What is text and no JSON is an image, or a table.
        if matches!(shape, Shape::Text { .. }) {
            let media_type = if route.path.ends_with(".svg") { "image/svg+xml" } else { "text/csv" };
            response["content"] = json!({media_type: {"schema": {"type": "string"}}});
        }
        if route.query.contains(&"format") {
            response["content"]["text/csv"] = json!({"schema": {"type": "string"}});
        }
        responses.insert(status.to_string(), response);
    }
    let with_body = if route.body.is_some() { WITH_BODY } else { &[] };
    let mut problems: Vec<Code> = COMMON.iter().chain(with_body).chain(route.problems).copied().collect();
    if route.remembers {
        problems.push(Code::IdempotencyKeyReused);
    }
    problems.sort_unstable_by_key(|code| (code.status(), code.word()));
    problems.dedup();
    for told in problems.chunk_by(|one, other| one.status() == other.status()) {
        let codes: Vec<&str> = told.iter().map(|code| code.word()).collect();
        let content =
            json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        let response = json!({"description": codes.join(", "), "content": content});
        responses.insert(told[0].status().to_string(), response);
    }
    let mut operation = json!({
        "operationId": operation_id(function, route),
        "summary": route.summary,
        "description": format!("For: {}.", route.access.words().join(", ")),
        "tags": [function.name],
        "responses": responses,
    });
    if route.access.anybody {
        operation["security"] = json!([]);
    } else if route.access.admits(Role::Partner) {
        operation["security"] = json!([{"key": []}, {"signature": []}]);
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if !route.texts.is_empty() {
        let texts =
            route.texts.iter().map(|text| ((*text).to_owned(), json!({"schema": {"type": "string"}})));
        let content: Map<String, Value> = texts.collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    if let Some(body) = &route.body {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body.schema()}}});
    }
    operation
}

fn operation_id(function: &Function, route: &Route) -> String {
    let path = route.path.replace(['/', '{', '}', '.'], "-");
    let id = format!("{}-{}{}", route.method.word().to_lowercase(), function.name, path);
    id.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    for part in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        parameters.push(json!({"name": part, "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    for name in route.query {
        let schema = match *name {
            "limit" => json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
            "dry_run" | "verified" | "correct" | "strict" | "bill" | "tell" | "device" | "offline" => {
                json!({"type": "boolean", "default": false})
            }
            "format" => json!({"type": "string", "enum": ["json", "csv"], "default": "json"}),
            _ => json!({"type": "string"}),
        };
        parameters.push(json!({"name": name, "in": "query", "required": false, "schema": schema}));
    }
    if route.if_match {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 1_000});
        let description = "only on top of what the ETag of `GET` stands for; else 412 version_conflict";
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false, "schema": schema, "description": description,
        }));
    }
    if route.remembers {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        let description = "the same request under the same key gets the first answer again, byte for byte";
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false, "schema": schema, "description": description,
        }));
    }
    parameters
}
