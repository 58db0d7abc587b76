//! What can go wrong: what callers learn of it, and what each of DynamoDB's errors means for a request.

use std::{error::Error, fmt, sync::Arc};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use engine::store::StoreError;

/// Why a store cannot be reached or its table cannot be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// No region was given, and neither `AWS_REGION` nor `AWS_DEFAULT_REGION` is set.
    Region,
    /// `AWS_ACCESS_KEY_ID` or `AWS_SECRET_ACCESS_KEY` is not set.
    Credentials,
    /// The endpoint is not the address of a server: `http://` or `https://`, host and port.
    Endpoint(String),
    /// The root certificates cannot be used.
    Roots,
    /// There is no such table.
    TableMissing(String),
    /// The table is being made, changed or deleted.
    TableNotReady(String),
    /// The table has other keys than this store's.
    TableShape(String),
    /// DynamoDB did not answer, or refused.
    Failed(Cause),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Region => f.write_str("no region: set AWS_REGION"),
            ConnectError::Credentials => {
                f.write_str("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            }
            ConnectError::Endpoint(given) => write!(f, "not the address of a server: {given}"),
            ConnectError::Roots => f.write_str("the root certificates cannot be used"),
            ConnectError::TableMissing(table) => write!(f, "there is no table {table}"),
            ConnectError::TableNotReady(table) => write!(f, "the table {table} is not ready"),
            ConnectError::TableShape(table) => write!(f, "the table {table} is not one of Laurel's"),
            ConnectError::Failed(_) => f.write_str("DynamoDB cannot be asked about the table"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ConnectError::Failed(cause) => Some(cause),
            _ => None,
        }
    }
}

/// The cause of a `Busy`, `Unavailable` or `Unknown` of this store: what DynamoDB or the connection said.
/// Holds no record's key or value.
#[derive(Clone, Debug)]
pub struct Cause(pub(crate) Arc<str>);

impl Cause {
    pub(crate) fn new(what: impl Into<Arc<str>>) -> Cause {
        Cause(what.into())
    }

    /// The messages of the error and its causes, not their debug forms, which may quote records.
    fn chain(error: &(dyn Error + 'static)) -> Cause {
        let mut said = error.to_string();
        let mut next = error.source();
        while let Some(error) = next {
            said = format!("{said}: {error}");
            next = error.source();
        }
        Cause::new(said)
    }

    pub(crate) fn unavailable(self) -> StoreError {
        StoreError::Unavailable(Arc::new(self))
    }

    pub(crate) fn unknown(self) -> StoreError {
        StoreError::Unknown(Arc::new(self))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}

/// What an attempt that failed means.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// DynamoDB declined for now: nothing was done, the same request may succeed later.
    Declined(Cause),
    /// There was no connection: nothing was sent.
    NotSent(Cause),
    /// It may have been done.
    Unclear(Cause),
    /// Nothing was done, and the same would be refused again.
    Refused(Cause),
}

impl Failure {
    /// The error to return when there are no more tries, for a request that has certainly done nothing.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Failure::Declined(cause) => {
                tracing::warn!(%cause, "DynamoDB declines");
                StoreError::Busy
            }
            Failure::NotSent(cause) | Failure::Unclear(cause) | Failure::Refused(cause) => {
                cause.unavailable()
            }
        }
    }

    pub(crate) fn cause(self) -> Cause {
        match self {
            Failure::Declined(cause)
            | Failure::NotSent(cause)
            | Failure::Unclear(cause)
            | Failure::Refused(cause) => cause,
        }
    }
}

/// Codes of errors after which nothing was done and the same request may succeed later.
const DECLINED: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
    // The first sending of this request is still under way; the caller remembers that it was sent.
    "TransactionInProgressException",
    // Of a stream: too many readers of one shard.
    "LimitExceededException",
];

/// Reasons in a cancelled transaction that are worth another try.
const DECLINED_REASONS: &[&str] =
    &["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", "RequestLimitExceeded"];

/// What an error of any operation means.
pub(crate) fn classify<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let cause = || Cause::chain(error);
    match error {
        SdkError::ConstructionFailure(_) => Failure::Refused(cause()),
        SdkError::DispatchFailure(failed) if failed.is_user() => Failure::Refused(cause()),
        SdkError::DispatchFailure(failed) => {
            let never_made = failed.as_connector_error().is_some_and(|error| connecting(error));
            if never_made { Failure::NotSent(cause()) } else { Failure::Unclear(cause()) }
        }
        SdkError::ServiceError(refused) => {
            let (status, code) = (refused.raw().status().as_u16(), error.code().unwrap_or("no code"));
            // Not the error itself: it may quote records.
            let said = error.message().unwrap_or_default();
            let cause = Cause::new(format!("DynamoDB answers {status} {code}: {said}"));
            if DECLINED.contains(&code) || status == 429 {
                Failure::Declined(cause)
            } else if status >= 500 {
                Failure::Unclear(cause)
            } else {
                Failure::Refused(cause)
            }
        }
        // A time-out, an answer that cannot be read, and any future error.
        _ => Failure::Unclear(cause()),
    }
}

/// Whether the connection could not be made, so that nothing was sent.
fn connecting(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        next = error.source();
    }
    false
}

/// What a cancelled transaction means if no condition failed in it.
pub(crate) fn cancelled<'a>(codes: impl Iterator<Item = &'a str>) -> Failure {
    let codes: Vec<&str> = codes.filter(|code| *code != "None").collect();
    let cause = Cause::new(format!("DynamoDB cancels the transaction: {}", codes.join(", ")));
    if codes.iter().any(|code| DECLINED_REASONS.contains(code)) {
        Failure::Declined(cause)
    } else {
        Failure::Refused(cause)
    }
}
