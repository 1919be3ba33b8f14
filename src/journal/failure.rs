//! What can go wrong when a journal is opened for appending, appended to, or closed for good.
//!
//! Knows no files. See `writer` for when each comes up.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::chain::PayloadError;
use super::folder::FolderError;
use super::verify::Verdict;

/// A run does not start with less free space than this, in bytes.
pub(super) const LEAST_FREE: u64 = 64 * 1024 * 1024;

/// Why a journal cannot be opened for appending.
#[derive(Debug)]
pub enum StartError {
    /// A file or the folder is not as it must be.
    Folder(FolderError),
    /// The disk is too full to start a night on.
    Space {
        /// The run's folder.
        path: PathBuf,
        /// Bytes free there.
        free: u64,
    },
    /// The journal is damaged, of a newer format or another run's; it can be read, not appended to.
    Damaged(Verdict),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Folder(error) => error.fmt(f),
            StartError::Space { path, free } => write!(
                f,
                "{} has {} MiB free, a run needs at least {}: make room, or give another folder",
                path.display(),
                free / (1024 * 1024),
                LEAST_FREE / (1024 * 1024)
            ),
            StartError::Damaged(verdict) => write!(f, "the journal cannot be continued. {verdict}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Folder(error) => Some(error),
            StartError::Space { .. } | StartError::Damaged(_) => None,
        }
    }
}

impl From<FolderError> for StartError {
    fn from(error: FolderError) -> StartError {
        StartError::Folder(error)
    }
}

/// What first went wrong with a journal: nothing is appended to it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `write`, `sync` …
    pub(super) doing: &'static str,
    pub(super) reason: String,
    /// No room, found before anything was synced: the reserve can take a last record.
    pub(super) full: bool,
}

impl Failure {
    pub(super) fn io(doing: &'static str, error: &io::Error) -> Failure {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        Failure { doing, reason: error.to_string(), full }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {} the journal: {}", self.doing, self.reason)
    }
}

/// Why records were not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// One of them cannot be a record. Nothing was written; the writer goes on.
    Payload(PayloadError),
    /// The file failed. Whether the records are on disk is open; nobody was told of them.
    Failed(Failure),
    /// The file had failed before; nothing was tried.
    Refused(Failure),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Payload(error) => error.fmt(f),
            AppendError::Failed(failure) => {
                write!(f, "{failure}; the run halts: mend the cause, then resume it")
            }
            AppendError::Refused(failure) => {
                write!(f, "the run is halted, since it {failure}: mend the cause, then resume it")
            }
        }
    }
}

impl std::error::Error for AppendError {}

/// Why the last record of a halted run could not be written.
#[derive(Debug)]
pub enum HaltError {
    /// The journal failed in a way that forbids touching it again.
    Sealed(Failure),
    /// Room was made, and the append failed all the same.
    Append(AppendError),
    /// Room could not be made.
    Folder(FolderError),
}

impl fmt::Display for HaltError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HaltError::Sealed(failure) => write!(f, "{failure}; not even the halt is on record"),
            HaltError::Append(error) => error.fmt(f),
            HaltError::Folder(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HaltError {}
