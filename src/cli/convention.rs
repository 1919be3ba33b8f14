//! `cutover convention`: gives a SQLite file what a fence and replication need.
//!
//! Owns what is said about it. The tables and triggers themselves are `databases::sqlite::convention`'s.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::print;
use crate::databases::Error;
use crate::databases::sqlite::convention::{followable, install, installed, open};

/// Adds to a SQLite file the tables and triggers that a fence, replication and the monitor of writes need.
///
/// SQLite has no sessions, no fence and no log of changes. The tables (`cutover_*`) keep them, and triggers enter each
/// changed row and refuse writes behind a fence that is sealed. What is there stays; a second time mends what is
/// missing. It also turns write-ahead logging on.
///
/// Do it before the run, on each side by itself, after the target was copied: an identity that was copied makes two
/// files look like one. It is the only command that changes a database outside of a run. Ends with 2 when a table
/// cannot be followed, with 3 when the file cannot be reached; nothing is added then.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The SQLite file.
    file: PathBuf,
    /// A table whose changes are followed; may be given several times. Every table that has a primary key when left
    /// out.
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<String>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let failed = |error: Error| {
        let exit = match &error {
            Error::Broken { .. } => Exit::Usage,
            Error::NotReachable { .. }
            | Error::Refused { .. }
            | Error::TimedOut { .. }
            | Error::Cancelled { .. } => Exit::NotProved,
        };
        Failure::new(exit, error.to_string())
    };
    let file = args.file.display();
    let conn = open(&args.file).map_err(failed)?;
    let (keyed, keyless) = followable(&conn).map_err(failed)?;
    let (tables, keyless) = match args.tables.as_slice() {
        [] if keyed.is_empty() => {
            let what = format!("{file} has no table with a primary key, so there is nothing to follow");
            return Err(Failure::usage(format!("{what}: create its tables first")));
        }
        [] => (keyed, keyless),
        named => (named.to_vec(), Vec::new()),
    };
    let before = installed(&conn).map_err(failed)?;
    install(&conn, &tables.iter().map(String::as_str).collect::<Vec<_>>()).map_err(failed)?;
    let head = if before {
        format!("{file} had the convention already; its tables and triggers are as they should be")
    } else {
        format!(
            "{file} has the convention now: the tables cutover_change, _identity, _marker, _session and _state"
        )
    };
    let followed =
        tables.iter().map(|t| format!("  {t}: its changes are logged, and refused once a fence is sealed"));
    let left_out = keyless
        .iter()
        .map(|t| format!("  {t}: left out, it has no primary key; a fence does not hold its writes"));
    let said: Vec<String> = std::iter::once(head).chain(followed).chain(left_out).collect();
    print::out(&said.join("\n"))?;
    Ok(Exit::Done)
}
