//! Steps and phases: how far each has come.

use std::time::Duration;

use super::{At, elapsed};
use crate::clock::{Boot, Now, Timestamp};
use crate::engine::event::{Outcome, OutputRef};

/// Where a step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Forward.
    pub status: Status,
    /// Back.
    pub undo: UndoStatus,
    /// Tries so far, over both legs.
    pub attempts: u32,
    /// When the last try began.
    pub started: Option<At>,
    /// Since when its proof is looked for, in boot time: earlier looks do not count.
    pub asked: Option<Boot>,
    /// When it was last proved, ended, skipped or settled.
    pub ended: Option<At>,
    /// What a person reads about its end; foreign text.
    pub detail: String,
    /// Its last output.
    pub output: Option<OutputRef>,
    /// Somebody's word, where a person said so.
    pub by: Option<String>,
    /// Why it is no longer true, where it was ticked before.
    pub reopened: Option<String>,
    /// It no longer has to be true.
    pub latched: bool,
    /// Somebody asked for it to be stopped.
    pub stopping: bool,
    /// Automatic tries that are used up.
    pub retried: u32,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    #[default]
    Pending,
    /// Something is set going, or a person is asked.
    Running,
    /// It waits until what must be true is measured to be true.
    Proving,
    /// Done.
    Done,
    /// It said that it could not.
    Failed,
    /// It failed and will be tried again at this moment of boot time.
    RetryAt(Boot),
    /// Nobody knows whether it happened.
    Unknown,
    /// Left out on purpose.
    Skipped,
}

/// How far the undo of a step has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndoStatus {
    /// Not begun.
    #[default]
    None,
    /// Under way, or a person is asked.
    Running,
    /// Taken back.
    Done,
    /// It failed: a person must look.
    Stuck,
    /// Nobody knows whether it happened.
    Unknown,
}

/// A phase's own times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseState {
    /// Its first step began.
    pub started: Option<Timestamp>,
    /// All its steps are settled.
    pub finished: Option<Timestamp>,
}

impl StepState {
    /// It waits until what must be true is measured to be true.
    pub fn is_proving(&self) -> bool {
        self.status == Status::Proving
    }

    /// What comes after it may begin.
    pub fn is_settled(&self) -> bool {
        matches!(self.status, Status::Done | Status::Skipped)
    }

    /// How long the last try has taken, or took.
    pub fn took(&self, now: Now) -> Option<Duration> {
        let started = self.started?;
        Some(match self.ended.filter(|e| e.seq >= started.seq && self.status != Status::Proving) {
            Some(ended) => ended.wall.since(started.wall),
            None => elapsed(started, now),
        })
    }
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Status {
        match outcome {
            Outcome::Done => Status::Done,
            Outcome::Failed { .. } | Outcome::NotStarted => Status::Failed,
            Outcome::TimedOut | Outcome::Stopped | Outcome::Unknown => Status::Unknown,
        }
    }
}
