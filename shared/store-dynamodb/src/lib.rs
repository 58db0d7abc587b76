//! The engine's port over one table of DynamoDB.
//!
//! [`DynamoStore`] fills `engine::store::Store`; nothing else of Laurel names the AWS SDK.
//!
//! - A record's place in the table follows from its key: `place`.
//! - A commit is one conditional write or one transaction (`request`), sent until its outcome is known
//!   (`commit`), with one layer of retries (`tries`). An attempt that times out may have been applied; the
//!   same request is sent again, and if its conditions then fail, the version found shows whether this commit
//!   or another was first. Each commit has a version of its own.
//! - An outcome that cannot be found out is `StoreError::Unknown`, never done or lost.
//! - The feed is the table's stream (`stream`, with the feature of that name).
//! - [`cost`] computes what a call costs from what it touches.

#![forbid(unsafe_code)]

mod commit;
pub mod cost;
mod error;
#[cfg(feature = "local")]
pub mod faults;
mod item;
#[cfg(feature = "local")]
pub mod local;
mod metered;
mod place;
mod reading;
mod request;
mod store;
#[cfg(feature = "stream")]
mod stream;
mod streamed;
mod tries;
mod version;

pub use error::{Cause, ConnectError};
pub use metered::{Call, Metered};
pub use store::{AccessKeys, DynamoStore, Options};
pub use streamed::{Streamed, committed_at};
pub use tries::Pace;
