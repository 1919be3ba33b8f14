//! `cutover convention`: gives a database what a fence and replication need.
//!
//! Owns what is said about it. The tables and triggers themselves are those of `databases::sqlite::convention` and
//! `databases::postgres::convention`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exit::{Exit, Failure};
use super::print;
use crate::databases::sqlite::convention::{followable, install, installed, open};
use crate::databases::{Error, Settings, postgres};

/// A server may take this long to answer.
const WITHIN: Duration = Duration::from_secs(30);

/// Adds to a database what a fence, markers and the monitor of writes need.
///
/// To a SQLite file: tables (`cutover_*`) that keep sessions, the fence and a log of changes, which SQLite has not, and
/// triggers that enter each changed row and refuse writes behind a fence that is sealed. It also turns write-ahead
/// logging on. To a PostgreSQL database: a schema `cutover` with a table for markers, one for the fence, and one for rows
/// that somebody writes where nobody should; triggers come only with a fence or a monitor, and go with them. What is
/// there stays; a second time mends what is missing.
///
/// Do it before the run, on each side by itself, after the target was copied; publish the table cutover.marker with the
/// others. It is the only command that changes a database outside of a run. Ends with 2 when something cannot be
/// followed, with 3 when the database cannot be reached; nothing is added then.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The SQLite file, or the address of a PostgreSQL database as libpq reads it. Passwords belong into ~/.pgpass:
    /// everybody on this host can see what stands here.
    database: String,
    /// A table of a SQLite file whose changes are followed; may be given several times. Every table that has a primary
    /// key when left out.
    #[arg(long = "table", value_name = "NAME")]
    tables: Vec<String>,
    /// Prints what would be run on a PostgreSQL database, and runs nothing.
    #[arg(long, conflicts_with = "tables")]
    print: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    if postgres::is_address(&args.database) {
        return of_postgres(args);
    }
    if args.print {
        return Err(Failure::usage(
            "--print is for the address of a PostgreSQL database: leave it out for a file",
        ));
    }
    of_sqlite(args)
}

fn failed(error: &Error) -> Failure {
    let exit = match error {
        Error::Broken { .. } => Exit::Usage,
        Error::NotReachable { .. }
        | Error::Refused { .. }
        | Error::TimedOut { .. }
        | Error::Cancelled { .. } => Exit::NotProved,
    };
    Failure::new(exit, error.to_string())
}

fn of_postgres(args: &Args) -> Result<Exit, Failure> {
    if !args.tables.is_empty() {
        return Err(Failure::usage("--table is for SQLite files: PostgreSQL follows tables by itself"));
    }
    if args.print {
        print::out(postgres::convention::script().trim_end())?;
        return Ok(Exit::Done);
    }
    let settings = Settings {
        name: "the database".to_owned(),
        address: args.database.clone(),
        root: PathBuf::new(),
        timeout: WITHIN,
    };
    let database = postgres::Postgres::new(&settings).map_err(|why| failed(&why))?;
    let place = database.place().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::NotProved, format!("nothing can be asked: {error}")))?;
    let noted = runtime.block_on(postgres::convention::install(&database)).map_err(|why| failed(&why))?;
    let definitions = if noted {
        "Who changes a definition is noted from now on"
    } else {
        "Who changes a definition is not noted: run this as a superuser to have event triggers that do"
    };
    print::out(&format!(
        "{place} has the schema cutover now; publish its table cutover.marker with the others, and give the account \
         of the plan what it needs there. {definitions}. `drop schema cutover cascade` takes it away again"
    ))?;
    Ok(Exit::Done)
}

fn of_sqlite(args: &Args) -> Result<Exit, Failure> {
    let file = &args.database;
    let conn = open(Path::new(file)).map_err(|why| failed(&why))?;
    let (keyed, keyless) = followable(&conn).map_err(|why| failed(&why))?;
    let (tables, keyless) = match args.tables.as_slice() {
        [] if keyed.is_empty() => {
            let what = format!("{file} has no table with a primary key, so there is nothing to follow");
            return Err(Failure::usage(format!("{what}: create its tables first")));
        }
        [] => (keyed, keyless),
        named => (named.to_vec(), Vec::new()),
    };
    let before = installed(&conn).map_err(|why| failed(&why))?;
    let names = tables.iter().map(String::as_str).collect::<Vec<_>>();
    install(&conn, &names).map_err(|why| failed(&why))?;
    let head = if before {
        format!("{file} had the convention already; its tables and triggers are as they should be")
    } else {
        format!(
            "{file} has the convention now: the tables cutover_change, _identity, _marker, _session, _state and _written"
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
