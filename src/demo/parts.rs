//! How the parts of the world start, rest and end together.
//!
//! No part may be missing without anybody noticing: when one ends unasked, the whole world does.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::WorldError;

/// How long a thread sleeps before it looks again whether it has to end.
const BLINK: Duration = Duration::from_millis(20);

/// Why the world ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// By a command, by a signal, or because nobody holds it any more: which, in words.
    Asked(String),
    /// A part of it gave up.
    PartEnded(&'static str),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Asked(by) => f.write_str(by),
            Cause::PartEnded(part) => write!(f, "the {part} ended unasked"),
        }
    }
}

/// The end of the world, in two steps: first it is asked for, and the client stops sending; when every
/// order in flight is answered, the parts are told.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    asked: Arc<watch::Sender<Option<Cause>>>,
    told: Arc<watch::Sender<bool>>,
}

impl Stop {
    pub(super) fn new() -> Stop {
        Stop { asked: Arc::new(watch::Sender::new(None)), told: Arc::new(watch::Sender::new(false)) }
    }

    /// Asks for the end; the first cause stands.
    pub(super) fn ask(&self, cause: Cause) {
        self.asked.send_if_modified(|stands| {
            let first = stands.is_none();
            if first {
                *stands = Some(cause);
            }
            first
        });
    }

    /// Whether the end was asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.borrow().is_some()
    }

    /// Waits until the end is asked for.
    pub(super) async fn asked(&self) -> Cause {
        let mut asked = self.asked.subscribe();
        match asked.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or(Cause::PartEnded("world")),
            Err(_) => Cause::PartEnded("world"),
        }
    }

    /// Tells the parts to end.
    pub(super) fn tell(&self) {
        self.told.send_replace(true);
    }

    /// Whether the parts are to end.
    pub(super) fn is_told(&self) -> bool {
        *self.told.borrow()
    }

    /// Waits until the parts are to end.
    pub(super) async fn told(&self) {
        let mut told = self.told.subscribe();
        // An error would say that nobody can tell any more, which comes to the same.
        let _told_or_gone = told.wait_for(|told| *told).await;
    }

    /// Sleeps on a thread, and wakes early when the parts are to end or `wake` says so.
    pub(super) fn rest(&self, span: Duration, wake: impl Fn() -> bool) {
        let began = Instant::now();
        while !self.is_told() && !wake() {
            let left = span.saturating_sub(began.elapsed());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(BLINK));
        }
    }

    /// Asks for the end when dropped: what a part holds for as long as it works.
    pub(super) fn guard(&self, part: &'static str) -> Guard {
        Guard { stop: self.clone(), part }
    }
}

/// See [`Stop::guard`].
#[derive(Debug)]
pub(super) struct Guard {
    stop: Stop,
    part: &'static str,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop.ask(Cause::PartEnded(self.part));
    }
}

/// A part that runs on a thread of its own.
#[derive(Debug)]
pub(super) struct Part(&'static str, JoinHandle<()>);

impl Part {
    pub(super) fn start(
        name: &'static str,
        stop: &Stop,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<Part, WorldError> {
        let guard = stop.guard(name);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _guard = guard;
                work();
            })
            .map_err(WorldError::file("start a thread for the", name))?;
        Ok(Part(name, thread))
    }

    /// Waits for its end, which somebody must have told it to come to.
    pub(super) fn join(self) -> Result<(), WorldError> {
        self.1.join().map_err(|_| WorldError::PartEnded(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_unasked_ends_the_world_and_is_named() {
        let stop = Stop::new();
        let part = Part::start("price job", &stop, || {}).unwrap();
        assert_eq!(stop.asked().await, Cause::PartEnded("price job"));
        part.join().unwrap();
    }

    #[tokio::test]
    async fn the_first_cause_stands() {
        let stop = Stop::new();
        stop.ask(Cause::Asked("a person".to_owned()));
        drop(stop.guard("client"));
        assert_eq!(stop.asked().await, Cause::Asked("a person".to_owned()));
    }

    #[test]
    fn a_part_at_rest_wakes_when_it_is_told_to_end() {
        let stop = Stop::new();
        let rester = stop.clone();
        let part = Part::start("rester", &stop, move || {
            rester.rest(Duration::from_secs(3600), || false);
        })
        .unwrap();
        stop.tell();
        part.join().unwrap();
    }
}
