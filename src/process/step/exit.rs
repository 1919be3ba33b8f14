//! The file `exit`: how a step's command ended.
//!
//! Its place on the disk is taken before the command starts, so that a disk that filled up meanwhile
//! cannot lose the outcome; its name appears when it is whole.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{EXIT, StepError, private, read};
use crate::clock::Now;
use crate::process::signal;

const PENDING: &str = "exit.new";
/// Room that is taken ahead: an exit is far shorter, and JSON may end in spaces.
const ROOM: [u8; 4096] = [b' '; 4096];
/// A reason longer than this, in characters, is cut.
const LONGEST_REASON: usize = 500;

/// How a step's command ended, and what it printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// How.
    pub outcome: Outcome,
    /// How many bytes it printed.
    pub bytes: u64,
    /// How many of them are not in `output`.
    pub cut: u64,
    /// The SHA-256 of all that it printed, in hex; empty when it was never started.
    pub sha256: String,
    /// Why `output` holds less than it should, if it does: the disk was full.
    pub output_error: Option<String>,
    /// Something that it started goes on: an advisory.
    pub left_children: bool,
    /// The boot in which it ran.
    pub boot_id: String,
    /// When it was started.
    pub began: Now,
    /// When it had ended.
    pub ended: Now,
}

/// How a step's command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With this code.
    Code(i32),
    /// By a signal that did not come from us.
    Signal(i32),
    /// Its time was up, and it was ended: how far it came is not known.
    TimedOut,
    /// It was asked to end: how far it came is not known.
    Stopped,
    /// It was never started, for this reason: nothing of it has run.
    NotStarted(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Code(code) => write!(f, "ended with code {code}"),
            Outcome::Signal(number) => write!(f, "was ended by {}", signal::name(*number)),
            Outcome::TimedOut => f.write_str("took too long and was ended"),
            Outcome::Stopped => f.write_str("was stopped"),
            Outcome::NotStarted(reason) => f.write_str(reason),
        }
    }
}

impl Exit {
    /// The exit of an attempt; `None` while there is none. What is no exit counts as none.
    pub(super) fn read(dir: &Path) -> Result<Option<Exit>, StepError> {
        let bytes = read(&dir.join(EXIT))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// The place that is kept for an exit.
pub(super) struct Pending {
    file: File,
    dir: PathBuf,
}

impl Pending {
    pub(super) fn keep(dir: &Path) -> Result<Pending, StepError> {
        let path = dir.join(PENDING);
        let file = private(&path)?;
        file.write_all_at(&ROOM, 0).map_err(StepError::io("write", &path))?;
        Ok(Pending { file, dir: dir.to_owned() })
    }

    /// Writes the exit and gives it its name.
    pub(super) fn settle(self, mut exit: Exit) -> Result<(), StepError> {
        let path = self.dir.join(PENDING);
        if let Outcome::NotStarted(reason) = &mut exit.outcome {
            *reason = reason.chars().take(LONGEST_REASON).collect();
        }
        let json = serde_json::to_vec(&exit).map_err(|error| StepError::io("write", &path)(error.into()))?;
        self.file.write_all_at(&json, 0).map_err(StepError::io("write", &path))?;
        fs::rename(&path, self.dir.join(EXIT)).map_err(StepError::io("rename", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Timestamp};

    fn exit(outcome: Outcome) -> Exit {
        let now = Clock::manual(Timestamp(1_764_975_791_000)).now();
        Exit {
            outcome,
            bytes: 3,
            cut: 0,
            sha256: "00".repeat(32),
            output_error: None,
            left_children: false,
            boot_id: "boot".to_owned(),
            began: now,
            ended: now,
        }
    }

    #[test]
    fn an_exit_is_there_whole_or_not_at_all() {
        let tmp = tempfile::tempdir().unwrap();
        for outcome in [
            Outcome::Code(3),
            Outcome::Signal(9),
            Outcome::TimedOut,
            Outcome::Stopped,
            Outcome::NotStarted("\u{1f9e8}\"\n".repeat(2_000)),
        ] {
            let pending = Pending::keep(tmp.path()).unwrap();
            assert_eq!(Exit::read(tmp.path()).unwrap(), None);
            pending.settle(exit(outcome.clone())).unwrap();
            let read = Exit::read(tmp.path()).unwrap().unwrap();
            match (read.outcome, outcome) {
                (Outcome::NotStarted(read), Outcome::NotStarted(reason)) => {
                    assert!(reason.starts_with(&read) && !read.is_empty());
                }
                (read, outcome) => assert_eq!(read, outcome),
            }
            fs::remove_file(tmp.path().join(EXIT)).unwrap();
        }
    }

    #[test]
    fn an_empty_or_half_written_exit_counts_as_none() {
        let tmp = tempfile::tempdir().unwrap();
        let whole = serde_json::to_vec(&exit(Outcome::Code(0))).unwrap();
        for cut in 0..whole.len() {
            fs::write(tmp.path().join(EXIT), &whole[..cut]).unwrap();
            assert_eq!(Exit::read(tmp.path()).unwrap(), None, "cut at {cut}");
        }
    }
}
