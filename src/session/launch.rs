//! Beginning a run and bringing up its engine: the part of whoever starts one.
//!
//! Owns the order: the folder with its copy of the plan first, then the engine, which is a process of its own and
//! outlives whoever started it. Knows what an engine that did not come up said last.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::socket;
use crate::journal::{FolderError, Holder, Lock, LockState, RunFolder};
use crate::process::{DetachError, Detached, detach};

/// The log of a run's engine.
pub const LOG: &str = "engine.log";
/// What an engine that cannot go on prints before its reason, on a line of its own.
pub const REASON: &str = "cutover: ";
/// How often it is looked whether the engine is up.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// An engine that is not up by then is not coming: replaying a million records takes seconds.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// Why there is no engine.
#[derive(Debug)]
pub enum LaunchError {
    /// One is alive already.
    Held(Option<Holder>),
    /// The run's folder cannot be used.
    Folder(FolderError),
    /// The process could not be started.
    Detach(DetachError),
    /// It ended before it was up.
    Ended {
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// What it said last.
        said: String,
        /// Its log.
        log: PathBuf,
    },
    /// It lives and cannot be reached.
    NotUp {
        /// Its log.
        log: PathBuf,
    },
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaunchError::Held(Some(holder)) => write!(
                f,
                "an engine runs it already: process {}, since {}",
                holder.pid,
                holder.since.rfc3339()
            ),
            LaunchError::Held(None) => f.write_str("an engine runs it already"),
            LaunchError::Folder(error) => error.fmt(f),
            LaunchError::Detach(error) => write!(f, "the engine could not be started: {error}"),
            LaunchError::Ended { said, .. } if !said.is_empty() => f.write_str(said),
            LaunchError::Ended { log, .. } => {
                write!(f, "the engine ended without a word; its log is {}", log.display())
            }
            LaunchError::NotUp { log } => write!(
                f,
                "the engine was started and cannot be reached within {} seconds; its log is {}",
                UP_WITHIN.as_secs(),
                log.display()
            ),
        }
    }
}

impl std::error::Error for LaunchError {}

/// Starts the engine of a run and waits until it can be spoken to. `exe` is this program.
pub fn engine(exe: &Path, run: &Path) -> Result<Detached, LaunchError> {
    let folder = RunFolder::open(run).map_err(LaunchError::Folder)?;
    if let LockState::Held(holder) = Lock::settled(&folder).map_err(LaunchError::Folder)? {
        return Err(LaunchError::Held(holder));
    }
    let log = run.join(LOG);
    let before = log.metadata().map_or(0, |m| m.len());
    let words = [Path::new("__engine"), run];
    let mut engine = detach(exe, words, Some(&log)).map_err(LaunchError::Detach)?;
    let deadline = Instant::now() + UP_WITHIN;
    loop {
        // It cannot have been another one's socket: nobody had the lock when ours was started.
        if socket::connect(run).is_ok() {
            return Ok(engine);
        }
        if let Ok(Some(status)) = engine.ended() {
            let said = last_words(&log, before);
            return Err(LaunchError::Ended { code: status.code(), said, log });
        }
        if Instant::now() > deadline {
            return Err(LaunchError::NotUp { log });
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn last_words(log: &Path, from: u64) -> String {
    let mut text = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.take(64 * 1024).read_to_end(&mut text)
    });
    if let Err(error) = read {
        return format!("its log cannot be read: {error}");
    }
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find_map(|line| line.strip_prefix(REASON)).unwrap_or_default().to_owned()
}
