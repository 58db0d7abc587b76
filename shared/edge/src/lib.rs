//! HTTP in and out. The same code answers on one machine and in a Lambda function: a request's
//! bytes in, the answer's bytes out.
//!
//! Here alone are a clock, chance, statuses and callers' keys. No rule of the programme is here.

mod access;
mod answer;
mod api;
mod caller;
mod chance;
mod clock;
mod code;
mod form;
mod fresh;
mod identity;
pub mod openapi;
mod partner;
mod problem;
mod rate;
mod reach;
mod route;
mod schedule;
mod secrets;
mod serve;
pub mod signature;
mod sweep;
mod token;
pub mod wire;

pub use answer::Answer;
pub use api::{Api, key_hash};
pub use caller::{Caller, Role};
pub use chance::Chance;
pub use clock::{Clock, ClockError};
pub use code::{Code, Data, Repeat, Written};
pub use form::Form;
pub use identity::{CORRECTION, IDENTITY, MemberForm, REGISTRATION, claims, normalize, person};
pub use partner::partner_id;
pub use problem::Problem;
pub use rate::{Policy, RATE_LIMIT, Rates, Standing};
pub use reach::{Access, Members, Partners};
pub use route::{Call, Function, Handler, Method, Responding, Route};
pub use secrets::{Secrets, is_master_key, random};
pub use serve::{BODY_BYTES_MAX, may_be_known};
pub use sweep::{SWEEP_ANSWER, SWEEP_REQUEST, sweep};
pub use token::{Grant, Spend, TOKEN_MINUTES_MAX};
