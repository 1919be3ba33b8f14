//! What stopped a piece of work on a connection, before it is said of whom and of what.

use std::time::Duration;

use super::Error;

/// An error of an engine's library.
pub(super) trait Explain {
    /// What it means when `what` was asked for something, `doing` which it came, within a limit.
    fn explain(&self, what: &str, doing: &str, limit: Duration) -> Error;
}

/// What stopped a piece of work.
#[derive(Debug)]
pub(super) enum Problem<E> {
    /// What the server, the line or the file said, in the words of the engine's library.
    Server(E),
    /// One that says all already.
    Said(Error),
    /// What is wrong with what answered, and what to do next.
    Broken(String, String),
    /// Refused by us, with a code of ours.
    Refused(&'static str, String),
}

impl<E: Explain> Problem<E> {
    /// What answers is not what it has to be, and what to do about it.
    pub(super) fn broken(why: impl Into<String>, next: impl Into<String>) -> Problem<E> {
        Problem::Broken(why.into(), next.into())
    }

    /// What is told.
    pub(super) fn explained(self, what: &str, doing: &str, limit: Duration) -> Error {
        match self {
            Problem::Server(why) => why.explain(what, doing, limit),
            Problem::Said(why) => why,
            Problem::Broken(why, next) => Error::broken(what, why, next),
            Problem::Refused(code, message) => Error::Refused {
                what: what.to_owned(),
                doing: doing.to_owned(),
                code: code.to_owned(),
                message,
            },
        }
    }
}

impl<E: Explain> From<E> for Problem<E> {
    fn from(why: E) -> Problem<E> {
        Problem::Server(why)
    }
}

impl<E> From<Error> for Problem<E> {
    fn from(why: Error) -> Problem<E> {
        Problem::Said(why)
    }
}
