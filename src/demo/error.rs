//! What can go wrong with the world, said so that the reader knows what to do next.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::databases;

/// Why something that was asked of the world was not done.
#[derive(Debug)]
pub enum WorldError {
    /// A file or socket did not do what was wanted.
    File {
        /// What was being done, as in "could not …".
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// A database did not do what was wanted.
    Database {
        /// What was being done, as in "could not …".
        doing: &'static str,
        /// With which database.
        path: PathBuf,
        /// SQLite's answer.
        cause: rusqlite::Error,
    },
    /// A database said no in its own words.
    Side(databases::Error),
    /// The folder holds something else than a demo's world.
    NotAWorld {
        /// The folder.
        dir: PathBuf,
        /// What is there instead.
        why: String,
    },
    /// Another world runs on this folder.
    Held {
        /// The folder.
        dir: PathBuf,
        /// The other's process id, if it wrote one.
        pid: Option<u32>,
    },
    /// A port of the world is taken by another program.
    PortTaken {
        /// Which part of the world listens there.
        what: &'static str,
        /// The port on 127.0.0.1.
        port: u16,
    },
    /// Nobody answers: the world is not running.
    NotRunning {
        /// The folder.
        dir: PathBuf,
    },
    /// The world understood and said no.
    Refused(String),
    /// The command line was wrong.
    Usage(String),
    /// A part of the world ended although nobody asked for it.
    PartEnded(&'static str),
}

impl WorldError {
    pub(super) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> WorldError {
        let path = path.into();
        move |cause| WorldError::File { doing, path, cause }
    }

    pub(super) fn database(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(rusqlite::Error) -> WorldError {
        let path = path.into();
        move |cause| WorldError::Database { doing, path, cause }
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorldError::File { doing, path, cause } => {
                write!(f, "could not {doing} {}: {cause}", path.display())
            }
            WorldError::Database { doing, path, cause } => {
                write!(f, "could not {doing} {}: {cause}", path.display())
            }
            WorldError::Side(e) => e.fmt(f),
            WorldError::NotAWorld { dir, why } => {
                write!(
                    f,
                    "{} is not a demo's folder: {why}; name an empty folder or a new one",
                    dir.display()
                )
            }
            WorldError::Held { dir, pid } => {
                write!(f, "a world already runs on {}", dir.display())?;
                match pid {
                    Some(pid) => write!(f, " (process {pid})"),
                    None => Ok(()),
                }
            }
            WorldError::PortTaken { what, port } => write!(
                f,
                "port {port} on 127.0.0.1, which the {what} had before, is taken by another program; \
                 end that program, or start the demo on a new folder"
            ),
            WorldError::NotRunning { dir } => write!(
                f,
                "no world runs on {}; start it with: cutover demo --dir {}",
                dir.display(),
                dir.display()
            ),
            WorldError::Refused(why) | WorldError::Usage(why) => f.write_str(why),
            WorldError::PartEnded(part) => {
                write!(
                    f,
                    "the {part} ended unasked, so the world ended too; its folder is whole, start it again"
                )
            }
        }
    }
}

impl std::error::Error for WorldError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WorldError::File { cause, .. } => Some(cause),
            WorldError::Database { cause, .. } => Some(cause),
            WorldError::Side(e) => Some(e),
            WorldError::NotAWorld { .. }
            | WorldError::Held { .. }
            | WorldError::PortTaken { .. }
            | WorldError::NotRunning { .. }
            | WorldError::Refused(_)
            | WorldError::Usage(_)
            | WorldError::PartEnded(_) => None,
        }
    }
}

impl From<databases::Error> for WorldError {
    fn from(e: databases::Error) -> WorldError {
        WorldError::Side(e)
    }
}
