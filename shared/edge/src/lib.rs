//! HTTP in and out. The same code answers on one machine and in a Lambda function: a request's
//! bytes in, the answer's bytes out.
//!
//! Only this crate has a clock, randomness, statuses and callers' keys. It has no rules of the programme.

mod access;
pub mod alike;
mod answer;
mod api;
mod attributes;
mod caller;
mod card;
mod chance;
mod clock;
mod code;
mod document;
mod form;
mod fresh;
mod hears;
mod identity;
mod kinds;
mod notes;
pub mod openapi;
mod panics;
mod partner;
mod problem;
mod quote;
mod rate;
mod reach;
mod reached;
pub mod rekey;
mod route;
mod said;
mod schedule;
pub mod sealed;
mod secrets;
mod serve;
mod signals;
pub mod signature;
mod sweep;
mod token;
pub mod webhook;
pub mod wire;

pub use answer::{Answer, KeptAnswer};
pub use api::{Api, CodeSender, key_hash};
pub use attributes::{AttributeSent, AttributeShown, AttributesSent, AttributesTold};
pub use caller::{Caller, Role};
pub use card::{
    CARD_STEP_MILLIS, CardReference, CardToken, Made, OFFLINE_MILLIS, Offline, SCAN_MILLIS, Scanned,
};
pub use chance::Chance;
pub use clock::{Clock, ClockError};
pub use code::{Code, Data, Repeat, Written};
pub use document::{Taken, Told, made};
pub use form::Form;
pub use hears::Hears;
pub use identity::{
    Correction, Corrections, IdentitySent, IdentityTold, IdentityWord, ProfileSent, RegionSent, Registration,
    Unread, changed, changed_by, email, identity_told, person, phone, stored_claim, stored_claims,
};
pub use kinds::{
    AllOr, At, Cell, Change, ClockText, DayText, Decimal, Id, Kind, List, MoneyText, MonthText, Named,
    OfferDocument, OrNull, Positive, ProgrammeDocument, Read, Text, Ulid, Whole,
};
pub use notes::Notes;
pub use panics::note_panics;
pub use partner::partner_id;
pub use problem::{Problem, checked};
pub use quote::QUOTE_CHARS_MAX;
pub use rate::{Policy, RATE_LIMIT, Rates, Standing};
pub use reach::{Access, Members, Partners};
pub use reached::{LocaleWord, QuietHoursSent, QuietHoursShown, QuietSent, Weekday};
pub use route::{Call, Function, Handler, Method, Responding, Route};
pub use secrets::{OtherKey, Secrets, is_master_key, random};
pub use serve::{BODY_BYTES_MAX, may_be_known};
pub use signals::SignalsSent;
pub use sweep::{Sweep, SweptSoFar, sweep};
pub use token::{Grant, Spend, TOKEN_MINUTES_MAX};
