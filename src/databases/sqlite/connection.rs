//! Opening an SQLite file, and saying in the words of [`Error`] what went wrong with one.
//!
//! Never creates a file: a missing one is *not reachable*, never an empty database. Refuses to know
//! about fences and sessions: see `convention`.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};

use crate::databases::Error;
use crate::databases::problem::Explain;

/// How long a statement waits for another connection's lock, unless its caller says otherwise.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The name by which people know the file.
pub(super) fn name_of(path: &Path) -> String {
    format!("sqlite {}", path.display())
}

/// Opens an existing database for reading and writing.
///
/// # Errors
/// [`Error::NotReachable`] when there is no such file or it may not be opened. That it *is* a database
/// shows only when it is first read.
pub fn open(path: &Path) -> Result<Connection, Error> {
    let what = name_of(path);
    let unreachable = |why: String| Error::NotReachable { what: what.clone(), why };
    // SQLite says "unable to open database file" for everything; the system knows better. Asked without
    // opening: closing any descriptor of the file would drop every lock that this process has on it.
    rustix::fs::access(path, rustix::fs::Access::READ_OK)
        .map_err(|e| unreachable(std::io::Error::from(e).to_string()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| unreachable(e.to_string()))?;
    conn.busy_timeout(BUSY).map_err(|e| unreachable(e.to_string()))?;
    Ok(conn)
}

impl Explain for rusqlite::Error {
    fn explain(&self, what: &str, doing: &str, limit: Duration) -> Error {
        let rusqlite::Error::SqliteFailure(code, message) = self else {
            return Error::broken(
                what,
                format!("{doing} failed: {self}"),
                "check the statement and the schema",
            );
        };
        let words = message.clone().unwrap_or_else(|| code.to_string());
        match code.code {
            ffi::ErrorCode::CannotOpen => Error::NotReachable { what: what.to_owned(), why: words },
            ffi::ErrorCode::DatabaseBusy
            | ffi::ErrorCode::DatabaseLocked
            | ffi::ErrorCode::OperationInterrupted => {
                Error::TimedOut { what: what.to_owned(), doing: doing.to_owned(), after: limit }
            }
            ffi::ErrorCode::NotADatabase => {
                Error::broken(what, "the file is not an SQLite database", "check the path in the plan")
            }
            ffi::ErrorCode::DatabaseCorrupt => Error::broken(
                what,
                format!("the file is damaged ({words})"),
                "run `pragma integrity_check` and restore it from a backup",
            ),
            ffi::ErrorCode::SystemIoFailure | ffi::ErrorCode::DiskFull => Error::broken(
                what,
                format!("{doing} failed on the file system ({words})"),
                "check the disk's room and health",
            ),
            _ => Error::Refused {
                what: what.to_owned(),
                doing: doing.to_owned(),
                code: code_name(code.extended_code),
                message: words,
            },
        }
    }
}

/// SQLite's own name of a result code, as far as a plan may want to expect it; else its number.
fn code_name(extended: i32) -> String {
    match extended {
        ffi::SQLITE_CONSTRAINT_TRIGGER => "SQLITE_CONSTRAINT_TRIGGER".to_owned(),
        ffi::SQLITE_CONSTRAINT_UNIQUE => "SQLITE_CONSTRAINT_UNIQUE".to_owned(),
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY => "SQLITE_CONSTRAINT_PRIMARYKEY".to_owned(),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "SQLITE_CONSTRAINT_FOREIGNKEY".to_owned(),
        ffi::SQLITE_CONSTRAINT_NOTNULL => "SQLITE_CONSTRAINT_NOTNULL".to_owned(),
        ffi::SQLITE_CONSTRAINT_CHECK => "SQLITE_CONSTRAINT_CHECK".to_owned(),
        other => match other & 0xff {
            ffi::SQLITE_ERROR => "SQLITE_ERROR".to_owned(),
            ffi::SQLITE_READONLY => "SQLITE_READONLY".to_owned(),
            ffi::SQLITE_AUTH => "SQLITE_AUTH".to_owned(),
            ffi::SQLITE_PERM => "SQLITE_PERM".to_owned(),
            ffi::SQLITE_CONSTRAINT => "SQLITE_CONSTRAINT".to_owned(),
            ffi::SQLITE_SCHEMA => "SQLITE_SCHEMA".to_owned(),
            _ => format!("SQLITE {other}"),
        },
    }
}

/// A name as it stands in SQL, whatever characters it has.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as it stands in SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
