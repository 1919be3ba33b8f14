//! The pause after a connection could not be made, so that a server that is away is not asked all the time.

use std::time::{Duration, Instant};

use super::Error;

/// The first pause; each next is twice the one before.
const FIRST: Duration = Duration::from_millis(250);
/// The longest.
const LAST: Duration = Duration::from_secs(5);

/// The last try, where it came to nothing.
#[derive(Debug, Default)]
pub(super) struct Backoff(Option<Failed>);

#[derive(Debug)]
struct Failed {
    at: Instant,
    pause: Duration,
    why: Error,
}

impl Backoff {
    /// Why nobody tries now: how it went a moment ago.
    pub(super) fn refuses(&self) -> Option<Error> {
        self.0.as_ref().filter(|failed| failed.at.elapsed() < failed.pause).map(|failed| failed.why.clone())
    }

    /// Notes how a try went, and hands that on.
    pub(super) fn tried<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.0 = match &outcome {
            Ok(_) => None,
            Err(why) => {
                let pause = self.0.as_ref().map_or(FIRST, |failed| (failed.pause * 2).min(LAST));
                Some(Failed { at: Instant::now(), pause, why: why.clone() })
            }
        };
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_nobody_tries_for_a_while_and_success_ends_that() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.refuses(), None);
        let why = Error::NotReachable { what: "source".to_owned(), why: "refused".to_owned() };
        assert_eq!(backoff.tried::<()>(Err(why.clone())), Err(why.clone()));
        assert_eq!(backoff.refuses(), Some(why));
        assert_eq!(backoff.tried(Ok(1)), Ok(1));
        assert_eq!(backoff.refuses(), None);
    }
}
