//! Databases, every engine behind one trait.
//!
//! Owns what can be asked of a database in the night: who it is, where its log stands, who could still
//! write, whether a write is refused, what was written, what it is made of, what its rows digest to.
//! Refuses to know why anybody asks: probes and steps decide what an answer means.
//!
//! Every question is async and holds to its own time limit. An engine whose library blocks (SQLite) does
//! its work on tokio's blocking threads by itself; callers never wrap a call in `spawn_blocking`.
//! Dropping the future of an answer stops the work in the database.
//!
//! An engine is one module and one line of [`ENGINES`]; a kind of replication one line of
//! [`link::LINKS`]. Look next at `sqlite`, and at `compare` for what is made of [`Snapshot`].

mod backoff;
pub mod digest;
mod error;
mod fence;
mod hub;
mod line;
pub mod link;
pub mod mysql;
mod pem;
mod percent;
mod position;
pub mod postgres;
mod problem;
mod readiness;
pub mod redis;
mod schema;
pub mod snapshot;
pub mod sqlite;
pub mod trail;
pub mod value;

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;

pub use error::Error;
pub use fence::{
    Census, Change, Fence, FenceSpec, FenceState, Op, ProbeWrite, Seal, SessionId, SessionInfo, Writes,
};
pub use hub::Hub;
pub use link::{Ends, Link, link};
pub use position::{Lag, Position, Unit};
pub use readiness::{Asked, Found};
pub use schema::{Column, ObjectName, Redefined, Redefinition, Schema, SchemaChange, Table};
pub use snapshot::Snapshot;
pub use trail::Trail;
pub use value::Value;

/// What an engine is asked for: boxed, so that engines can stand behind one trait.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A database of any engine. Cheap to hold: connections are made when something is asked.
pub trait Database: Any + fmt::Debug + Send + Sync {
    /// How people know it: [`Settings::name`].
    fn name(&self) -> &str;

    /// The same database over the same connection, with another time limit for each question.
    fn within(&self, timeout: Duration) -> Arc<dyn Database>;

    /// Whether it answers, and how long that took.
    fn reachable(&self) -> Answer<'_, Duration>;

    /// Which system this is, and the one value of `row` (an SQL query), where the plan asks for one.
    fn identity(&self, row: Option<&str>) -> Answer<'_, Identity>;

    /// The end of its log of changes. Everything that was acknowledged before the call lies before it.
    fn position(&self) -> Answer<'_, Position>;

    /// How much it has applied of the log that it is fed from.
    fn applied(&self) -> Answer<'_, Position>;

    /// Writes a marker, which then travels through replication; returns the time that it carries.
    /// The same id again moves the one marker on. Works behind a fence, unless that one shuts out everybody:
    /// [`Error::Refused`] then, and [`Fence::Sealed`].
    fn write_marker(&self, id: &str) -> Answer<'_, Timestamp>;

    /// The time that a marker carries here, `None` when it has not arrived.
    fn find_marker(&self, id: &str) -> Answer<'_, Option<Timestamp>>;

    /// Who is connected.
    fn census(&self, spec: &FenceSpec) -> Answer<'_, Census>;

    /// Asks for a session's end. `false` when it is not there any more. That it *has* ended shows in the
    /// next census.
    fn end_session(&self, id: &SessionId) -> Answer<'_, bool>;

    /// Shuts new sessions out of writing. Where it stands already, it keeps its time and position.
    fn fence(&self, spec: &FenceSpec) -> Answer<'_, FenceState>;

    /// Seals a fenced database when no session from before the fence is left.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not fenced.
    fn seal_if_quiet(&self, spec: &FenceSpec) -> Answer<'_, Seal>;

    /// Lifts the fence: writes are taken again. Sessions that came up read-only stay so, or are ended where they would
    /// outlive it unseen, in a pooler.
    fn lift(&self) -> Answer<'_, FenceState>;

    /// The fence as it stands.
    fn fence_state(&self) -> Answer<'_, FenceState>;

    /// Tries a write as the application would, from a new session, and rolls it back. `side` is the system that it has
    /// to reach, where this is only a way to it.
    ///
    /// # Errors
    /// It could not be tried: nothing is proved either way.
    fn probe_write(&self, sql: &str, account: &str, side: Option<&Identity>) -> Answer<'_, ProbeWrite>;

    /// Sees to it that writes are noted from now on, so that [`Database::writes_since`] can name them. Changes nothing
    /// where they are noted already, or where the engine's log names them by itself.
    fn note_writes(&self) -> Answer<'_, ()>;

    /// What was written since a position, replication and markers left out.
    fn writes_since(&self, position: &Position) -> Answer<'_, Writes>;

    /// Whether its log names what was written. Where it does not, nobody asks, and its fence has to hold every session from the
    /// moment that it is set.
    fn names_writes(&self) -> bool {
        true
    }

    /// Every object with a digest of its definition.
    fn schema(&self) -> Answer<'_, Schema>;

    /// Which definitions were changed since a position, and by whom, where the engine notes that. Without a position only
    /// where to look from.
    fn redefined(&self, _since: Option<&Position>) -> Answer<'_, Redefined> {
        Box::pin(std::future::ready(Ok(Redefined::default())))
    }

    /// The tables with people's data.
    fn tables(&self) -> Answer<'_, Vec<Table>>;

    /// What is otherwise in the definitions around the tables of another database of its kind, the target: indexes,
    /// constraints, sequences, collations. Not what tables and columns there are, which whoever compares them asks anyway.
    fn remarks<'a>(&'a self, _target: &'a Arc<dyn Database>, _asked: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// How many rows a table has.
    fn count(&self, table: &str) -> Answer<'_, u64>;

    /// How many statements are at work on the server, ours and the replication's left out; `None` where nobody can say.
    fn running(&self) -> Answer<'_, Option<u64>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Runs one query that can change nothing, whatever its text says.
    fn query(&self, sql: &str) -> Answer<'_, Rows>;

    /// Runs statements that may write, all in one transaction, under the fence like everybody else's.
    ///
    /// # Errors
    /// Unless the engine says otherwise, [`Error::TimedOut`] and [`Error::NotReachable`] leave open
    /// whether it was done.
    fn statement(&self, sql: &str) -> Answer<'_, Done>;

    /// Where each sequence stands: what hands out the numbers of new rows, and is not replicated with them.
    fn sequences(&self) -> Answer<'_, Vec<Sequence>>;

    /// Moves its own sequences on, so that each stands at least `margin` values beyond the one of the same name here. None
    /// is moved back. Works behind a fence. Returns how many were moved.
    ///
    /// # Errors
    /// [`Error::Broken`] names one that it does not have; none is moved then.
    fn move_on<'a>(&'a self, beyond: &'a [Sequence], margin: u64) -> Answer<'a, u64>;

    /// Begins one consistent look.
    fn snapshot(&self) -> Answer<'_, Box<dyn Snapshot>>;

    /// Takes up the trail of this name where it stood at `since`, or begins one here and now.
    ///
    /// # Errors
    /// Also [`Error::Broken`] where no trail can be kept, and what that would take; and when the one that stood at `since`
    /// is broken: then nobody knows what was written after it.
    fn trail<'a>(&'a self, _name: &'a str, _since: Option<&'a trail::Mark>) -> Answer<'a, Box<dyn Trail>> {
        let why = "nothing tells which rows are written to it";
        let none = Error::broken(self.name(), why, "let the window pay for a whole comparison");
        Box::pin(std::future::ready(Err(none)))
    }

    /// Lets a trail go: the server keeps nothing for it any longer. Nothing happens where there is none.
    fn let_trail_go<'a>(&'a self, _name: &'a str) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What tells one system from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The engine's own identifier of the system. Copies of a system share it.
    pub system: String,
    /// Where it physically is, if the engine can say (SQLite: device and inode). Copies do not share it.
    pub place: Option<String>,
    /// The engine's version.
    pub version: String,
    /// The value of the row that the plan asks for.
    pub row: Option<Value>,
}

impl Identity {
    /// Whether both are one and the same system, so that one cannot be the other's target.
    pub fn same_system(&self, other: &Identity) -> bool {
        match (&self.place, &other.place) {
            (Some(here), Some(there)) => here == there,
            _ => self.system == other.system,
        }
    }
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, at most [`Rows::MOST`].
    pub rows: Vec<Vec<Value>>,
    /// There are more rows than these.
    pub more: bool,
}

impl Rows {
    /// How many rows an answer has at most.
    pub const MOST: usize = 1_000;

    /// The one value of an answer that is one row of one column.
    pub fn single(&self) -> Option<&Value> {
        match self.rows.as_slice() {
            [row] => match row.as_slice() {
                [value] => Some(value),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What hands out the numbers of new rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its name; with its schema where the engine has schemas.
    pub name: String,
    /// The last number that it gave, `None` where it has given none.
    pub last: Option<i64>,
    /// How far it is from one number to the next; negative where it counts down.
    pub step: i64,
}

impl Sequence {
    /// Whether it gives no number that `other` has given.
    pub fn is_beyond(&self, other: &Sequence) -> bool {
        match (self.last, other.last) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(given)) if other.step < 0 => own <= given,
            (Some(own), Some(given)) => own >= given,
        }
    }
}

/// What statements did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Rows that were added, changed or taken away, triggers' work included.
    pub rows: u64,
}

/// How to reach a database. Not printable: an address may hold a password.
#[derive(Clone)]
pub struct Settings {
    /// How its people call it, such as the plan's name for it; errors say this first.
    pub name: String,
    /// A path for SQLite, a URL for a server.
    pub address: String,
    /// Where relative paths in the address start: the plan's folder.
    pub root: PathBuf,
    /// How long any one question may take.
    pub timeout: Duration,
}

/// An engine, as a plan names it.
pub struct Engine {
    /// The plan's key.
    pub kind: &'static str,
    /// Makes a database of it. Connects to nothing yet.
    pub connect: fn(&Settings) -> Result<Arc<dyn Database>, Error>,
}

/// Every engine: one line each.
pub const ENGINES: &[Engine] = &[sqlite::ENGINE, postgres::ENGINE, mysql::ENGINE, redis::ENGINE];

/// A database of a kind. Connects to nothing yet: that it is reachable is a question of its own.
///
/// # Errors
/// [`Error::Broken`] names the kinds there are when this is none of them, or the settings make no sense.
pub fn connect(kind: &str, settings: &Settings) -> Result<Arc<dyn Database>, Error> {
    let Some(engine) = ENGINES.iter().find(|e| e.kind == kind) else {
        let known: Vec<&str> = ENGINES.iter().map(|e| e.kind).collect();
        let next = format!("use one of: {}", known.join(", "));
        return Err(Error::broken(kind, "there is no such kind of database", next));
    };
    (engine.connect)(settings)
}
