//! What can go wrong with a database, in the four ways that a person has to tell apart.
//!
//! Owns the wording: what happened, to what, and what to do next. Refuses to know any engine's own
//! error type; each engine maps its errors here (`sqlite::connection` does for SQLite).

use std::fmt;
use std::time::Duration;

/// Why a question to a database has no answer. Never mistaken for an answer: no variant carries a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing answers at that address, so nothing is known about what is there.
    NotReachable {
        /// The database, as people name it.
        what: String,
        /// What the system said.
        why: String,
    },
    /// It answered, and said no.
    Refused {
        /// The database.
        what: String,
        /// What was asked of it.
        doing: String,
        /// The engine's own code: a SQLSTATE, an error number, `SQLITE_READONLY`.
        code: String,
        /// The engine's own words.
        message: String,
    },
    /// It did not answer in the time that it was given. Work in progress was interrupted.
    TimedOut {
        /// The database.
        what: String,
        /// What was asked of it.
        doing: String,
        /// How long was waited.
        after: Duration,
    },
    /// What answers is not what it has to be: a damaged file, a missing table, a reply that makes no sense.
    Broken {
        /// The database.
        what: String,
        /// What is wrong with it.
        why: String,
        /// What a person can do about it.
        next: String,
    },
    /// The caller no longer wants the answer.
    Cancelled {
        /// The database.
        what: String,
        /// What was being done.
        doing: String,
    },
}

impl Error {
    /// A [`Error::Broken`], with what to do next.
    pub fn broken(what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Error {
        Error::Broken { what: what.into(), why: why.into(), next: next.into() }
    }

    /// The engine's own code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Refused { code, .. } => Some(code),
            Error::NotReachable { .. }
            | Error::TimedOut { .. }
            | Error::Broken { .. }
            | Error::Cancelled { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotReachable { what, why } => {
                write!(f, "{what} is not reachable: {why}; check the address, and that it is up")
            }
            Error::Refused { what, doing, code, message } => {
                write!(f, "{what} refused {doing}: {message} ({code})")
            }
            Error::TimedOut { what, doing, after } => write!(
                f,
                "{what} gave no answer to {doing} in {:.1} s; look for locks and load there, or allow more time",
                after.as_secs_f64()
            ),
            Error::Broken { what, why, next } => write!(f, "{what}: {why}; {next}"),
            Error::Cancelled { what, doing } => write!(f, "{doing} on {what} was cancelled"),
        }
    }
}

impl std::error::Error for Error {}
