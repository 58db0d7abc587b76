//! What went wrong, in the form of RFC 9457. The only place where refusals become statuses.

use domain::{
    id::OrderLineId,
    json::Json,
    number::Quantity,
    refusal::{Refusal, Remaining},
    shape::{FAULTS_MAX, Fault},
};
use engine::{Error, NotSaved, ProgramError, store::StoreError};
use serde_json::{Map, Value, json};

use crate::{Code, Read, Repeat, Standing};

/// A problem: a stable code, words for people, and data beside them.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    /// Stable; callers branch on it. The status follows from it.
    pub code: Code,
    /// For people.
    pub detail: String,
    /// Data beside the code.
    pub data: Map<String, Value>,
    /// The `Allow` header of a 405.
    pub allow: Option<String>,
    /// What a 429 says about the limit.
    pub rate: Option<Standing>,
}

impl Problem {
    /// The problem in its code's own words, without data.
    pub fn of(code: Code) -> Problem {
        Problem::saying(code, code.words())
    }

    /// The problem in more exact words, without data.
    pub fn saying(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), data: Map::new(), allow: None, rate: None }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The same with data.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// Fields that are wrong, all of them.
    pub fn invalid_field(faults: &[Fault]) -> Problem {
        Problem::of(Code::InvalidField).with("errors", errors(faults))
    }

    /// One field that is wrong.
    pub fn field(pointer: &str, code: &'static str, detail: &str) -> Problem {
        Problem::invalid_field(&[Fault::new(pointer, code, detail)])
    }

    /// The body has more bytes than are taken here.
    pub fn body_too_large(bytes_max: usize) -> Problem {
        Problem::saying(Code::BodyTooLarge, format!("at most {bytes_max} bytes"))
    }

    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        self.code.repeat() == Repeat::Later
    }

    /// The body (RFC 9457), for the request of that id.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        let mut body = json!({
            "type": format!("urn:laurel:problem:{}", self.code.word()),
            "title": self.code.title(),
            "status": self.status(),
            "detail": self.detail,
            "instance": request_id,
            "code": self.code.word(),
        });
        if let Value::Object(fields) = &mut body {
            fields.extend(self.data.clone());
        }
        body.to_string().into_bytes()
    }
}

/// A sent value, read as that type.
///
/// # Errors
/// All that is wrong with its shape.
pub fn checked<T: Read>(sent: &Json) -> Result<T, Problem> {
    let faults = T::SHAPE.check(sent);
    match T::read(sent) {
        _ if !faults.is_empty() => Err(Problem::invalid_field(&faults)),
        Some(read) => Ok(read),
        None => Err(Problem::broken("a document has not the shape that it was checked against")),
    }
}

fn errors(faults: &[Fault]) -> Value {
    let one = |fault: &Fault| json!({"pointer": fault.pointer, "code": fault.code, "detail": fault.detail});
    Value::Array(faults.iter().take(FAULTS_MAX).map(one).collect())
}

impl Problem {
    /// The problem for a refusal.
    pub fn of_refusal(refusal: &Refusal) -> Problem {
        match refusal {
            Refusal::InvalidField(faults) => Problem::invalid_field(faults),
            Refusal::MemberNotFound => Problem::of(Code::MemberNotFound),
            Refusal::OrderNotFound => Problem::of(Code::OrderNotFound),
            Refusal::RedemptionNotFound => Problem::of(Code::RedemptionNotFound),
            Refusal::LinkCodeNotFound => Problem::of(Code::LinkCodeNotFound),
            Refusal::CardTokenInvalid => Problem::of(Code::CardTokenInvalid),
            Refusal::CardTokenUsed => Problem::of(Code::CardTokenUsed),
            Refusal::LinkNotFound => Problem::of(Code::LinkNotFound),
            Refusal::BrandNotFound => Problem::of(Code::BrandNotFound),
            Refusal::BadgeNotFound => Problem::of(Code::BadgeNotFound),
            Refusal::ActivityNotFound => Problem::of(Code::ActivityNotFound),
            Refusal::SettlementNotFound => Problem::of(Code::SettlementNotFound),
            Refusal::TagNotFound { tag } => {
                Problem::saying(Code::TagNotFound, format!("the programme has no tag {tag}"))
            }
            Refusal::TagHasRule { tag } => Problem::saying(
                Code::TagHasRule,
                format!("{tag} follows from its rule in the programme; only tags without `when` are set by hand"),
            ),
            Refusal::TooManyChoices { choices } => {
                let detail = format!(
                    "the best are chosen among {} coupons at most, and {choices} could be used: name some, and choose them as listed",
                    domain::offer::price::CHOICES_MAX
                );
                Problem::saying(Code::TooManyChoices, detail).with("choices", *choices)
            }
            Refusal::IdentityNotFound => Problem::of(Code::IdentityNotFound),
            Refusal::LastIdentity => Problem::saying(
                Code::LastIdentity,
                "it is the only one, and without any the member's points would be out of reach: add another first".to_owned(),
            ),
            Refusal::NotAdmitted => Problem::of(Code::NotAdmitted),
            Refusal::ProofRequired => Problem::saying(
                Code::ProofRequired,
                "say \"verified\": true, if you vouch for it, or send a `proof` of it; a member's token needs the proof".to_owned(),
            ),
            Refusal::Forbidden => Problem::of(Code::Forbidden),
            Refusal::ActivityLimit => Problem::saying(
                Code::ActivityLimit,
                "it was done as often as it may be in its day, month or for ever; GET /members/{id}/activities says when it is open again".to_owned(),
            ),
            Refusal::OrderConflict { revision: None } => Problem::of(Code::OrderConflict),
            Refusal::OrderConflict { revision: Some(revision) } => {
                let detail = match revision {
                    0 => "nothing of that order is final that could be revised: its first telling is revision 1, and what is set aside is made final by the same content".to_owned(),
                    last => format!(
                        "the order stands at revision {last}: what it consists of now is told as revision {}, with its member and occurred_at as they were; nothing has changed",
                        last + 1
                    ),
                };
                Problem::saying(Code::OrderConflict, detail).with("revision", *revision)
            }
            Refusal::OrderRefunded { revision } => {
                let detail = format!(
                    "refunds have left nothing of the order; if it stands again, tell it as revision {}",
                    revision + 1
                );
                Problem::saying(Code::OrderRefunded, detail).with("revision", *revision)
            }
            Refusal::AlreadyCancelled => Problem::of(Code::AlreadyCancelled),
            Refusal::TooManyRefunds => Problem::saying(
                Code::TooManyRefunds,
                "an order is refunded, and told anew, 200 times at most; an operator adjusts by hand what comes after".to_owned(),
            ),
            Refusal::OccurredInFuture => Problem::of(Code::OccurredInFuture),
            Refusal::BlockConflict => Problem::of(Code::BlockConflict),
            Refusal::MemberNotActive { status } => {
                Problem::saying(Code::MemberNotActive, format!("the member is {status}"))
                    .with("member_status", *status)
            }
            Refusal::MemberMerged { into } => {
                let into = crate::wire::member_id(*into);
                let detail = "the record was merged into another member: ask for that one, or undo the merge first";
                Problem::saying(Code::MemberMerged, detail.to_owned()).with("merged_into", into)
            }
            Refusal::MergeNotFound => Problem::saying(
                Code::MergeNotFound,
                "the member has absorbed nobody in a merge of that id; `absorbed` of GET /members/{id} has those of now".to_owned(),
            ),
            Refusal::ReferralNotFound => Problem::of(Code::ReferralNotFound),
            Refusal::ReferralDecided { state } => {
                Problem::saying(Code::ReferralDecided, format!("the referral is {state}")).with("state", *state)
            }
            Refusal::UnmergeRefused { why } => Problem::saying(Code::UnmergeRefused, (*why).to_owned()),
            Refusal::InsufficientPoints { available, debt } => {
                Problem::saying(Code::InsufficientPoints, format!("{available} points can be spent"))
                    .with("available", *available)
                    .with("debt", *debt)
            }
            Refusal::OverRefund { remaining } => {
                let detail = "more is asked back than remains: ask for `remaining` at most, or for \"all\"".to_owned();
                Problem::saying(Code::OverRefund, detail).with("remaining", remaining_value(remaining))
            }
            Refusal::OccurredTooLongAgo { late_days } => {
                let detail = format!("occurred_at is more than {late_days} days back");
                Problem::saying(Code::OccurredTooLongAgo, detail).with("late_days", *late_days)
            }
            Refusal::RedeemedTooLongAgo { hours } => {
                let detail = format!("occurred_at is more than {hours} hours back");
                Problem::saying(Code::OccurredTooLongAgo, detail).with("redeem_late_hours", *hours)
            }
            Refusal::BrandLimit { per, way, total, left } => {
                let (per, way) = (per.word(), way.word());
                let detail = format!("the brand's {way} limit per {per} leaves {left} points");
                Problem::saying(Code::BrandLimit, detail)
                    .with("limit", json!({"per": per, way: total}))
                    .with("left", *left)
            }
            Refusal::BlockExhausted { left } => {
                Problem::saying(Code::BlockExhausted, format!("the brand's blocks hold {left} points"))
                    .with("left", *left)
            }
            Refusal::CreditExhausted { left, currency } => {
                let left = left.show(*currency);
                Problem::saying(Code::CreditExhausted, format!("the brand's credit leaves {left}"))
                    .with("left", left)
            }
            Refusal::OfferNotFound => Problem::of(Code::OfferNotFound),
            Refusal::GrantNotFound => Problem::of(Code::GrantNotFound),
            Refusal::NotEligible => Problem::of(Code::NotEligible),
            Refusal::MemberLimit { next_at, zone } => {
                Problem::of(Code::MemberLimit).with("next_at", next_at.map(|at| zone.show(at)))
            }
            Refusal::OfferNotOpen { opens_at, zone } => {
                Problem::of(Code::OfferNotOpen).with("opens_at", opens_at.map(|at| zone.show(at)))
            }
            Refusal::SoldOut => Problem::of(Code::SoldOut),
            Refusal::PriceChanged { points } => {
                Problem::saying(Code::PriceChanged, format!("it costs {points} points")).with("points", *points)
            }
            Refusal::UseNotFound => Problem::of(Code::UseNotFound),
            Refusal::HoldExpired => Problem::of(Code::HoldExpired),
            Refusal::QuoteExpired => Problem::of(Code::QuoteExpired),
            Refusal::IdConflict => Problem::of(Code::IdConflict),
            Refusal::GrantNotUsable { reason } => {
                Problem::saying(Code::GrantNotUsable, format!("the grant is {reason}")).with("reason", *reason)
            }
            Refusal::MonthNotEnded { from, zone } => {
                Problem::of(Code::MonthNotEnded).with("from", zone.show(*from))
            }
            Refusal::LimitExceeded { what } => {
                Problem::saying(Code::LimitExceeded, format!("a limit would be passed: {what}"))
                    .with("limit", *what)
            }
        }
    }

    /// The problem for an error of the engine. A store's message goes only to the log.
    pub fn of_error(error: &Error) -> Problem {
        match error {
            Error::Refused(refusal) => Problem::of_refusal(refusal),
            Error::Forbidden => Problem::forbidden(),
            Error::IdentityConflict { members } => {
                let ids: Vec<String> = members.iter().map(|id| crate::wire::member_id(*id)).collect();
                Problem::of(Code::IdentityConflict).with("members", ids)
            }
            Error::KeyReused => Problem::of(Code::IdempotencyKeyReused),
            Error::AnswerErased => {
                Problem::saying(Code::MemberNotFound, "the member was erased, and the answer with it")
            }
            Error::ProgramChanged { version, saved } => {
                let problem = Problem::of(Code::ProgramConflict).with("version", *version);
                match saved {
                    Some((by, at, zone)) => {
                        problem.with("by", crate::wire::by(*by)).with("at", zone.show(*at))
                    }
                    None => problem,
                }
            }
            Error::PersonChanged { last, zone } => {
                let problem = Problem::of(Code::VersionConflict);
                match last {
                    Some(last) => problem.with("by", last.by.as_str()).with("at", zone.show(last.at)),
                    None => problem.with("by", Value::Null).with("at", Value::Null),
                }
            }
            Error::ForeignPlace => {
                Problem::field("/query/cursor", "wrong_format", "a next_cursor of this ledger")
            }
            Error::NoProgram => Problem::of(Code::NoProgram),
            Error::Contended | Error::Store(StoreError::Busy | StoreError::LostRace) => {
                Problem::of(Code::Busy)
            }
            Error::Store(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {
                Problem::of(Code::StoreUnavailable)
            }
            Error::Unreadable(_) => Problem::of(Code::Internal),
        }
    }

    /// An invariant is broken: the request ends, and the log says which one.
    pub fn broken(what: &'static str) -> Problem {
        tracing::error!(what, "an invariant is broken");
        Problem::of(Code::Internal)
    }

    /// The caller may not.
    pub fn forbidden() -> Problem {
        Problem::of(Code::Forbidden)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let problem = Problem::of_error(&error);
        if problem.status() >= 500 {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let deeper = std::error::Error::source(&error).and_then(std::error::Error::source);
            let deeper = deeper.map(ToString::to_string).unwrap_or_default();
            tracing::error!(code = problem.code.word(), %error, source, deeper, "request failed");
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
        Problem::saying(Code::Busy, "try again")
    }
}

impl From<NotSaved> for Problem {
    fn from(error: NotSaved) -> Problem {
        match error {
            NotSaved::Invalid(faults) => Problem::of(Code::InvalidOffer).with("errors", errors(&faults)),
            NotSaved::Changed { version, saved } => {
                let problem = Problem::of(Code::OfferConflict).with("version", version);
                let (by, at) = saved.map_or((Value::Null, Value::Null), |(by, at, zone)| {
                    (crate::wire::by(by).into(), zone.show(at).into())
                });
                problem.with("by", by).with("at", at)
            }
        }
    }
}

impl From<ProgramError> for Problem {
    fn from(error: ProgramError) -> Problem {
        match error {
            ProgramError::Invalid(faults) => {
                Problem::of(Code::InvalidProgram).with("errors", errors(&faults))
            }
            ProgramError::Other(error) => error.into(),
        }
    }
}

fn remaining_value(remaining: &Remaining) -> Value {
    match remaining {
        Remaining::Amount(amount, currency) => Value::String(amount.show(*currency)),
        Remaining::Lines(lines) => {
            let line = |(id, quantity): &(OrderLineId, Quantity)| json!({"line_id": id.as_str(), "quantity": quantity});
            Value::Array(lines.iter().map(line).collect())
        }
        Remaining::Points(points) => Value::from(*points),
    }
}
