//! What went wrong, as RFC 9457 tells it. The only place where refusals become statuses.

use domain::{
    refusal::{Refusal, Remaining},
    shape::Fault,
};
use engine::{Error, ProgramError, store::StoreError};
use serde_json::{Map, Value, json};

use crate::Standing;

/// A problem: a status, a stable code, words for people, and data beside them.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable; callers branch on it.
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// Data beside the code.
    pub data: Map<String, Value>,
    /// The `Allow` header of a 405.
    pub allow: Option<String>,
    /// What a 429 tells of the limit.
    pub rate: Option<Standing>,
}

impl Problem {
    /// A problem without data.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), data: Map::new(), allow: None, rate: None }
    }

    /// The same with data.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// Fields that are wrong, all of them.
    pub fn invalid_field(faults: &[Fault]) -> Problem {
        Problem::new(422, "invalid_field", "fields of the request are wrong; see errors")
            .with("errors", errors(faults))
    }

    /// One field that is wrong.
    pub fn field(pointer: &str, code: &'static str, detail: &str) -> Problem {
        Problem::invalid_field(&[Fault::new(pointer, code, detail)])
    }

    /// Whether the same request may go through later.
    pub fn is_passing(&self) -> bool {
        matches!(self.status, 429 | 503)
    }

    /// The body (RFC 9457), for the request of that id.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        let mut body = json!({
            "type": format!("urn:laurel:problem:{}", self.code),
            "title": self.code.replace('_', " "),
            "status": self.status,
            "detail": self.detail,
            "instance": request_id,
            "code": self.code,
        });
        if let Value::Object(fields) = &mut body {
            fields.extend(self.data.clone());
        }
        body.to_string().into_bytes()
    }
}

fn errors(faults: &[Fault]) -> Value {
    let one = |fault: &Fault| json!({"pointer": fault.pointer, "code": fault.code, "detail": fault.detail});
    Value::Array(faults.iter().map(one).collect())
}

impl Problem {
    /// The problem that a refusal is.
    pub fn of_refusal(refusal: &Refusal) -> Problem {
        let not_found = |code, what: &str| Problem::new(404, code, format!("no such {what}"));
        match refusal {
            Refusal::InvalidField(faults) => Problem::invalid_field(faults),
            Refusal::MemberNotFound => not_found("member_not_found", "member"),
            Refusal::OrderNotFound => not_found("order_not_found", "order at this brand"),
            Refusal::RedemptionNotFound => not_found("redemption_not_found", "redemption"),
            Refusal::LinkCodeNotFound => {
                Problem::new(404, "link_code_not_found", "no such code, or it can no longer be used")
            }
            Refusal::LinkNotFound => not_found("link_not_found", "link of this member"),
            Refusal::BrandNotFound => not_found("brand_not_found", "brand in the programme"),
            Refusal::BadgeNotFound => not_found("badge_not_found", "badge in the programme"),
            Refusal::ActivityNotFound => not_found("activity_not_found", "activity in the programme"),
            Refusal::MemberNotActive { status } => {
                Problem::new(409, "member_not_active", format!("the member is {status}"))
                    .with("member_status", *status)
            }
            Refusal::InsufficientPoints { available, debt } => {
                let detail = format!("{available} points can be spent");
                Problem::new(409, "insufficient_points", detail)
                    .with("available", *available)
                    .with("debt", *debt)
            }
            Refusal::ActivityLimit => {
                Problem::new(409, "activity_limit", "the activity was done as often as it may be")
            }
            Refusal::OrderConflict => Problem::new(
                409,
                "order_conflict",
                "it was recorded before with other content; nothing has changed",
            ),
            Refusal::AlreadyCancelled => {
                Problem::new(409, "already_cancelled", "the redemption was cancelled")
            }
            Refusal::OverRefund { remaining } => {
                let remaining = remaining_value(remaining);
                Problem::new(409, "over_refund", "more is asked back than remains")
                    .with("remaining", remaining)
            }
            Refusal::TooManyRefunds => {
                Problem::new(409, "too_many_refunds", "the order has been refunded 200 times")
            }
            Refusal::OccurredInFuture => {
                Problem::new(422, "occurred_in_future", "occurred_at is more than 5 minutes ahead")
            }
            Refusal::OccurredTooLongAgo { late_days } => {
                let detail = format!("occurred_at is more than {late_days} days back");
                Problem::new(422, "occurred_too_long_ago", detail).with("late_days", *late_days)
            }
            Refusal::BrandLimit { per, way, total, left } => {
                let (per, way) = (per.word(), way.word());
                let detail = format!("the brand's {way} limit per {per} leaves {left} points");
                Problem::new(409, "brand_limit", detail)
                    .with("limit", json!({"per": per, way: total}))
                    .with("left", *left)
            }
            Refusal::BlockExhausted { left } => {
                Problem::new(409, "block_exhausted", format!("the brand's blocks hold {left} points"))
                    .with("left", *left)
            }
            Refusal::CreditExhausted { left, currency } => {
                let left = left.show(*currency);
                Problem::new(409, "credit_exhausted", format!("the brand's credit leaves {left}"))
                    .with("left", left)
            }
            Refusal::BlockConflict => Problem::new(
                409,
                "block_conflict",
                "a block was bought under that reference with other content; nothing has changed",
            ),
            Refusal::MonthNotEnded { from, zone } => {
                let detail = "a month can be settled from 15 minutes after its end on";
                Problem::new(409, "month_not_ended", detail).with("from", zone.show(*from))
            }
            Refusal::SettlementNotFound => not_found("settlement_not_found", "closed settlement"),
            Refusal::LimitExceeded { what } => {
                Problem::new(422, "limit_exceeded", format!("a limit would be passed: {what}"))
                    .with("limit", *what)
            }
        }
    }

    /// The problem that an error of the engine is. What a store says goes to the log alone.
    pub fn of_error(error: &Error) -> Problem {
        match error {
            Error::Refused(refusal) => Problem::of_refusal(refusal),
            Error::Forbidden => Problem::forbidden(),
            Error::IdentityConflict { members } => {
                let ids: Vec<String> = members.iter().map(|id| crate::wire::member_id(*id)).collect();
                let detail = "the identities belong to different members";
                Problem::new(409, "identity_conflict", detail).with("members", ids)
            }
            Error::KeyReused => Problem::new(
                422,
                "idempotency_key_reused",
                "the Idempotency-Key was used for another request",
            ),
            Error::AnswerErased => {
                Problem::new(404, "member_not_found", "the member was erased, and the answer with it")
            }
            Error::ProgramChanged { version } => {
                Problem::new(409, "program_conflict", "the programme has changed meanwhile")
                    .with("version", *version)
            }
            Error::ForeignPlace => {
                Problem::field("/query/cursor", "wrong_format", "a next_cursor of this ledger")
            }
            Error::NoProgram => {
                Problem::new(503, "no_program", "no programme has been saved yet; PUT /program")
            }
            Error::Contended | Error::Store(StoreError::Busy | StoreError::LostRace) => {
                Problem::new(503, "busy", "too much at once; nothing was written, try again")
            }
            Error::Store(StoreError::Unavailable(_) | StoreError::Unknown(_)) => Problem::new(
                503,
                "store_unavailable",
                "the store does not answer; try again with the same key",
            ),
            Error::Unreadable(_) => Problem::new(500, "internal", "something is wrong on our side"),
        }
    }

    /// The caller may not.
    pub fn forbidden() -> Problem {
        Problem::new(403, "forbidden", "the key does not allow this")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let problem = Problem::of_error(&error);
        if problem.status >= 500 {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let deeper = std::error::Error::source(&error).and_then(std::error::Error::source);
            let deeper = deeper.map(ToString::to_string).unwrap_or_default();
            tracing::error!(code = problem.code, %error, source, deeper, "request failed");
        }
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem::of_refusal(&refusal)
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Problem {
        tracing::error!(%error, "no source of chance");
        Problem::new(503, "busy", "try again")
    }
}

impl From<ProgramError> for Problem {
    fn from(error: ProgramError) -> Problem {
        match error {
            ProgramError::Invalid(faults) => {
                Problem::new(422, "invalid_program", "the programme has faults; see errors")
                    .with("errors", errors(&faults))
            }
            ProgramError::Other(error) => error.into(),
        }
    }
}

fn remaining_value(remaining: &Remaining) -> Value {
    match remaining {
        Remaining::Amount(amount, currency) => Value::String(amount.show(*currency)),
        Remaining::Lines(lines) => {
            let line = |(id, quantity): &(String, u64)| json!({"line_id": id, "quantity": quantity});
            Value::Array(lines.iter().map(line).collect())
        }
    }
}
