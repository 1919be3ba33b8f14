//! SQLite: a file, asked from tokio's blocking threads.
//!
//! Every question opens the file anew (about 0.2 ms): one that was renamed or deleted is then *not
//! reachable* at once, where a kept connection would go on answering from the old inode. A time limit
//! interrupts the statement that runs; so does dropping the future.
//!
//! What servers have and SQLite lacks is in [`convention`].

mod census;
mod connection;
pub mod convention;
mod definitions;
mod look;
mod replication;
mod snapshot;
mod trail;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use self::connection::{name_of, open};
use super::link;
use super::trail::Mark;
use super::{
    Answer, Asked, Census, Database, Done, Engine, Error, FenceSpec, FenceState, Found, Identity, Position,
    ProbeWrite, Rows, Schema, Seal, Sequence, SessionId, Settings, Snapshot, Table, Trail, Writes,
};
use crate::clock::Timestamp;
use crate::databases::problem;

pub(super) use replication::LINK;

/// SQLite's line in the table of engines.
pub(super) const ENGINE: Engine = Engine {
    kind: "sqlite",
    connect: |settings: &Settings| {
        let Settings { name, address, root, timeout } = settings.clone();
        Ok(Arc::new(Sqlite { name, path: root.join(address), timeout }))
    },
};

/// How long a question may outlive its time limit before it is given up: a file system that hangs
/// cannot be interrupted.
const GRACE: Duration = Duration::from_millis(500);

/// How many of SQLite's instructions pass between two looks at the time limit: well below a millisecond.
const INSTRUCTIONS: i32 = 1_000;

/// An SQLite database by its path.
#[derive(Clone, Debug)]
pub struct Sqlite {
    path: PathBuf,
    name: String,
    timeout: Duration,
}

impl Sqlite {
    /// The database in this file, each question with a time limit. Opens nothing yet.
    pub fn new(path: impl AsRef<Path>, timeout: Duration) -> Sqlite {
        let path = path.as_ref().to_owned();
        Sqlite { name: name_of(&path), path, timeout }
    }

    /// Opens the file; whoever knows it by another name is told which file that was.
    fn open(&self) -> Result<Connection, Error> {
        open(&self.path).map_err(|error| match error {
            Error::NotReachable { what, why } if what != self.name => {
                let why = format!("{why}, {}", self.path.display());
                Error::NotReachable { what: self.name.clone(), why }
            }
            other => other,
        })
    }

    /// Does blocking work on a fresh connection.
    fn ask<T, W>(&self, doing: &'static str, work: W) -> Answer<'static, T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        let here = self.clone();
        Box::pin(async move {
            let (name, timeout) = (here.name.clone(), here.timeout);
            let stop = Stop::default();
            let dropped = stop.when_dropped();
            let deadline = Instant::now() + timeout;
            let work = tokio::task::spawn_blocking(move || {
                let mut conn = here.open()?;
                let outcome = limit(&mut conn, &stop, Some(deadline), here.timeout)
                    .map_err(Problem::from)
                    .and_then(|()| work(&mut conn));
                outcome.map_err(|problem| problem.explained(&here.name, doing, here.timeout))
            });
            let answer = tokio::time::timeout(timeout + GRACE, work).await;
            drop(dropped);
            match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(panicked)) => Err(Error::broken(name, panicked.to_string(), REPORT)),
                Err(_) => Err(Error::TimedOut { what: name, doing: doing.to_owned(), after: timeout }),
            }
        })
    }

    /// As [`Sqlite::ask`], of a database that has the convention.
    fn ask_convention<T, W>(&self, doing: &'static str, work: W) -> Answer<'static, T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        self.ask(doing, |conn| {
            convention::required(conn)?;
            work(conn)
        })
    }
}

const REPORT: &str = "this is a fault of cutover's: report it";

impl Database for Sqlite {
    fn name(&self) -> &str {
        &self.name
    }

    fn within(&self, timeout: Duration) -> Arc<dyn Database> {
        Arc::new(Sqlite { timeout, ..self.clone() })
    }

    fn reachable(&self) -> Answer<'_, Duration> {
        let before = Instant::now();
        let answer = self.ask("a first question", look::first_question);
        Box::pin(async move { answer.await.map(|()| before.elapsed()) })
    }

    fn identity(&self, row: Option<&str>) -> Answer<'_, Identity> {
        let (path, row) = (self.path.clone(), row.map(str::to_owned));
        self.ask("reading its identity", move |conn| look::identity(conn, &path, row.as_deref()))
    }

    fn position(&self) -> Answer<'_, Position> {
        self.ask_convention("reading the end of the log", |conn| Ok(convention::position(conn)?))
    }

    fn applied(&self) -> Answer<'_, Position> {
        self.ask_convention("reading what is applied", |conn| Ok(convention::applied(conn)?))
    }

    fn write_marker(&self, id: &str) -> Answer<'_, Timestamp> {
        let id = id.to_owned();
        self.ask_convention("writing a marker", move |conn| write::marker(conn, &id))
    }

    fn find_marker(&self, id: &str) -> Answer<'_, Option<Timestamp>> {
        let id = id.to_owned();
        self.ask_convention("looking for a marker", move |conn| look::marker(conn, &id))
    }

    fn census(&self, spec: &FenceSpec) -> Answer<'_, Census> {
        let spec = spec.clone();
        self.ask_convention("the census of sessions", move |conn| census::take(conn, &spec))
    }

    fn end_session(&self, id: &SessionId) -> Answer<'_, bool> {
        let id = id.clone();
        self.ask_convention("ending a session", move |conn| census::end(conn, &id))
    }

    fn fence(&self, _: &FenceSpec) -> Answer<'_, FenceState> {
        self.ask_convention("setting the fence", census::fence)
    }

    fn seal_if_quiet(&self, spec: &FenceSpec) -> Answer<'_, Seal> {
        let spec = spec.clone();
        self.ask_convention("sealing", move |conn| census::seal_if_quiet(conn, &spec))
    }

    fn lift(&self) -> Answer<'_, FenceState> {
        self.ask_convention("lifting the fence", census::lift)
    }

    fn fence_state(&self) -> Answer<'_, FenceState> {
        self.ask_convention("reading the fence", |conn| Ok(census::state(conn)?))
    }

    fn probe_write(&self, sql: &str, account: &str, _: Option<&Identity>) -> Answer<'_, ProbeWrite> {
        let (sql, account) = (sql.to_owned(), account.to_owned());
        let (name, timeout) = (self.name.clone(), self.timeout);
        self.ask_convention(write::PROBE, move |conn| write::probe(conn, &name, timeout, &sql, &account))
    }

    /// The convention's triggers note everything.
    fn note_writes(&self) -> Answer<'_, ()> {
        self.ask_convention("looking for the log", |_| Ok(()))
    }

    fn writes_since(&self, position: &Position) -> Answer<'_, Writes> {
        let position = position.clone();
        self.ask_convention("reading what was written", move |conn| look::writes_since(conn, &position))
    }

    fn schema(&self) -> Answer<'_, Schema> {
        self.ask("reading the schema", look::schema)
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        self.ask("listing the tables", |conn| Ok(look::tables(conn)?.tables))
    }

    fn remarks<'a>(&'a self, target: &'a Arc<dyn Database>, asked: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(async move {
            let Some(target) = link::alike::<Self>(target) else { return Ok(Vec::new()) };
            let doing = "reading indexes and keys";
            let (here, there) =
                tokio::try_join!(self.ask(doing, definitions::read), target.ask(doing, definitions::read))?;
            Ok(definitions::remarks(&here, &there, target.name(), asked))
        })
    }

    fn count(&self, table: &str) -> Answer<'_, u64> {
        let table = table.to_owned();
        self.ask("counting rows", move |conn| Ok(look::count(conn, &table)?))
    }

    fn query(&self, sql: &str) -> Answer<'_, Rows> {
        let sql = sql.to_owned();
        self.ask("a query", move |conn| look::query(conn, &sql))
    }

    fn statement(&self, sql: &str) -> Answer<'_, Done> {
        let (name, sql) = (self.name.clone(), sql.to_owned());
        self.ask("a statement", move |conn| write::statement(conn, &name, &sql))
    }

    fn sequences(&self) -> Answer<'_, Vec<Sequence>> {
        self.ask("reading where sequences stand", look::sequences)
    }

    fn move_on<'a>(&'a self, beyond: &'a [Sequence], margin: u64) -> Answer<'a, u64> {
        let (name, beyond) = (self.name.clone(), beyond.to_vec());
        self.ask("moving sequences on", move |conn| write::move_on(conn, &name, &beyond, margin))
    }

    fn snapshot(&self) -> Answer<'_, Box<dyn Snapshot>> {
        snapshot::begin(self)
    }

    fn trail<'a>(&'a self, _: &'a str, since: Option<&'a Mark>) -> Answer<'a, Box<dyn Trail>> {
        trail::take_up(self, since)
    }
}

/// What stopped a piece of work.
type Problem = problem::Problem<rusqlite::Error>;

/// Tells work on a blocking thread that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Requests the stop when it goes out of scope, which a dropped future's variables do.
    fn when_dropped(&self) -> StopWhenDropped {
        StopWhenDropped(Some(self.clone()))
    }
}

struct StopWhenDropped(Option<Stop>);

impl StopWhenDropped {
    /// The answer is there: nothing is to be stopped any more.
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Holds a connection to a time limit and to a stop. `patience` is how long it waits for a lock.
fn limit(
    conn: &mut Connection,
    stop: &Stop,
    deadline: Option<Instant>,
    patience: Duration,
) -> rusqlite::Result<()> {
    conn.busy_timeout(patience)?;
    let stop = stop.clone();
    let expired = move || stop.requested() || deadline.is_some_and(|d| Instant::now() >= d);
    conn.progress_handler(INSTRUCTIONS, Some(expired))
}

#[cfg(test)]
mod tests;
