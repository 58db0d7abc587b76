//! Webhooks: where one may point to, how a request to it is signed, and what follows from an attempt. Everything here
//! is a function of its arguments: whoever sends, a server or a function, asks it.

mod after;
mod sign;
mod target;

pub use after::{Came, DAYS_WITHOUT_SUCCESS, Next, failing_too_long, next, retry_after};
pub use sign::{SECRET_BYTES, SECRET_PREFIX, live_secrets, shown_secret, signature};
pub use target::{is_public, target};
