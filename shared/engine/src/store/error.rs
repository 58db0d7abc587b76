//! Why the engine did not do what was asked.

use std::{fmt, sync::Arc};

use domain::{
    member::{Changed, MemberId},
    refusal::Refusal,
    time::{Instant, Zone},
};

use crate::store::{
    StoreError,
    records::{By, Unreadable},
};

/// Why the engine did not do what was asked. Nothing was written unless the store itself does not
/// know ([`StoreError::Unknown`]).
#[derive(Clone, Debug)]
pub enum Error {
    /// The rules refuse.
    Refused(Refusal),
    /// The caller may not do this, or not for that brand.
    Forbidden,
    /// Identities of one registration belong to different members.
    IdentityConflict {
        /// The members.
        members: Vec<MemberId>,
    },
    /// The key was used for another request.
    KeyReused,
    /// The answer that the key stands for held personal data and was erased with the person.
    AnswerErased,
    /// The programme in the request is based on a version that is not the newest.
    ProgramChanged {
        /// The newest.
        version: u32,
        /// Who saved it, since when it is in force, and the calendar to show that in; `None` where there is none.
        saved: Option<(By, Instant, Zone)>,
    },
    /// The person has changed since the caller read it.
    PersonChanged {
        /// The last change and the programme's calendar to show it in, if known.
        last: Option<Changed>,
        /// The programme's calendar.
        zone: Zone,
    },
    /// The place to continue from is not in this ledger.
    ForeignPlace,
    /// No programme has been saved yet.
    NoProgram,
    /// Others were faster, again and again.
    Contended,
    /// The store failed.
    Store(StoreError),
    /// A stored record cannot be read.
    Unreadable(Unreadable),
}

impl Error {
    /// The same, if an earlier step of the request was written: it must not be reported as an error that
    /// wrote nothing.
    pub(crate) fn half_done(self) -> Error {
        match self {
            Error::Contended | Error::Store(StoreError::Busy | StoreError::LostRace) => {
                Error::Store(StoreError::Unknown(Arc::new(self)))
            }
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Refused(_) => "refused by the programme's rules",
            Error::Forbidden => "not for this caller",
            Error::IdentityConflict { .. } => "the identities belong to different members",
            Error::KeyReused => "the idempotency key was used for another request",
            Error::AnswerErased => "the answer was erased with the person",
            Error::ProgramChanged { .. } => "the programme has changed meanwhile",
            Error::PersonChanged { .. } => "the person has changed meanwhile",
            Error::ForeignPlace => "the place is not of this ledger",
            Error::NoProgram => "there is no programme yet",
            Error::Contended => "too many lost races",
            Error::Store(_) => "the store failed",
            Error::Unreadable(_) => "a stored record cannot be read",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Store(error) => Some(error),
            Error::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Store(error)
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Error {
        Error::Unreadable(error)
    }
}

/// How often a command is decided again when others were faster.
pub(crate) const ATTEMPTS_MAX: usize = 100;

/// What is known of the attempts at one request: once the outcome of one is unknown, a later failure of the
/// store must not be reported as an error that wrote nothing.
#[derive(Default, Debug)]
pub(crate) struct Doubt(Option<StoreError>);

impl Doubt {
    /// The result of an attempt; `None` if it should be tried again.
    pub(crate) fn settles<T>(&mut self, attempt: Result<T, Error>) -> Option<Result<T, Error>> {
        match attempt {
            Err(Error::Store(StoreError::LostRace)) => None,
            Err(Error::Store(unknown @ StoreError::Unknown(_))) => {
                self.0 = Some(unknown);
                None
            }
            Err(Error::Store(error)) => Some(Err(Error::Store(self.0.take().unwrap_or(error)))),
            settled => Some(settled),
        }
    }

    /// The error after the last attempt.
    pub(crate) fn gives_up(self) -> Error {
        self.0.map_or(Error::Contended, Error::Store)
    }
}

/// Makes one attempt after another, and passes each the number of earlier ones, until one is settled: an
/// attempt that lost a race, or whose outcome is unknown, is tried again. So an attempt must check for itself
/// whether an earlier one succeeded.
///
/// # Errors
/// The result of an attempt, or the last error when there were too many.
pub(crate) async fn until_settled<T, F>(mut attempt: impl FnMut(usize) -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut doubt = Doubt::default();
    for before in 0..ATTEMPTS_MAX {
        if let Some(settled) = doubt.settles(attempt(before).await) {
            return settled;
        }
    }
    Err(doubt.gives_up())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::store::{BeyondLimit, Key};

    #[test]
    fn an_error_says_what_it_is_and_where_it_comes_from() {
        let unreadable = Unreadable { key: Key::new(b"k\n".to_vec()) };
        let beyond = StoreError::Unavailable(Arc::new(BeyondLimit("too much")));
        for (error, want) in [
            (Error::Contended, &["too many lost races"][..]),
            (Error::NoProgram, &["there is no programme yet"]),
            (Error::Store(StoreError::Busy), &["the store failed", "the store takes no more work right now"]),
            (Error::Store(beyond), &["the store failed", "the store is unavailable", "too much"]),
            (
                Error::Unreadable(unreadable),
                &["a stored record cannot be read", "the record Key(k\\n) cannot be read"],
            ),
        ] {
            let mut says = vec![error.to_string()];
            let mut source = error.source();
            while let Some(error) = source {
                says.push(error.to_string());
                source = error.source();
            }
            assert_eq!(says, want);
        }
    }
}
