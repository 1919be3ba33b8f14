//! The vocabulary of stopping writes: the fence, who could still write, and what was written.
//!
//! Owns the words that every engine answers in. Refuses to know how an engine stops anybody: see
//! `sqlite::fence`.

use serde::{Deserialize, Serialize};

use super::Position;
use crate::clock::Timestamp;

/// What a fence shuts out, as a plan says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FenceSpec {
    /// Sessions that are left alone, by their name or their account: a replicator, a monitor.
    pub spare: Vec<String>,
}

/// How far writes are stopped on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fence {
    /// Writes are taken.
    Open,
    /// New sessions cannot write; older ones can until they are ended.
    Fenced,
    /// No session from before is left, and the database itself refuses every write but replication's.
    Sealed,
}

/// The fence of one side, as the database has it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceState {
    /// Open, fenced or sealed.
    pub fence: Fence,
    /// When it was last set or lifted; `None` when it never was.
    pub since: Option<Timestamp>,
    /// The end of the log when it was set; `None` while it is open. What follows was written behind it.
    pub at: Option<Position>,
}

/// What came of trying to seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Nobody from before is left; from now on the database refuses by itself.
    Sealed(FenceState),
    /// These are still there. Spared ones are among them: the database cannot be shut to all and open to one.
    NotYet(Vec<SessionInfo>),
}

/// Names a session in its database's own way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub String);

/// One open session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// What [`super::Database::end_session`] takes.
    pub id: SessionId,
    /// What it calls itself.
    pub name: String,
    /// The program.
    pub application: String,
    /// The account that it signed in with.
    pub account: String,
    /// The host that it came from, where the engine knows.
    pub client: Option<String>,
    /// Why the fence does not hold it, where that is not only its age.
    pub passes: Option<String>,
    /// When it was opened.
    pub since: Timestamp,
    /// When it last wrote, where the engine knows; `None` when it did not.
    pub last_write: Option<Timestamp>,
    /// What it last did, in a few words without values.
    pub last_statement: Option<String>,
    /// How many times it wrote.
    pub writes: u64,
    /// Opened before the fence that stands now: it can still write.
    pub older: bool,
    /// The plan leaves it alone.
    pub spared: bool,
    /// Its end was requested, and has not come yet.
    pub ending: bool,
}

/// Who is connected, and who of them could still write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The fence at the moment of the census.
    pub state: FenceState,
    /// Every open session, the oldest first.
    pub sessions: Vec<SessionInfo>,
}

impl Census {
    /// The sessions that the fence has not reached and is to reach.
    pub fn writers(&self) -> impl Iterator<Item = &SessionInfo> {
        self.sessions.iter().filter(|s| s.older && !s.spared)
    }
}

/// What came of a write that was tried in the application's own way and rolled back.
///
/// That it could not be tried at all is an error of the call, and proves nothing about a fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeWrite {
    /// It would have been written. Nothing is: it was rolled back.
    Succeeded,
    /// The way led to another system than the one that was meant, so nothing was tried.
    Elsewhere,
    /// It was refused.
    Refused {
        /// The engine's own code.
        code: String,
        /// The engine's own words.
        message: String,
        /// The fence refused it; otherwise it was something else (a missing grant, a constraint), which
        /// proves nothing about the fence.
        by_fence: bool,
    },
}

/// What was done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// It was added.
    Insert,
    /// It was changed.
    Update,
    /// It was taken away.
    Delete,
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its table.
    pub table: String,
    /// Its primary key, as the log has it (SQLite: a JSON array). A value: it stays out of the record.
    pub key: String,
    /// What was done to it.
    pub op: Op,
    /// When.
    pub at: Timestamp,
    /// Where in the log.
    pub position: Position,
    /// Who did it, where the engine knows: the account, the program, the host.
    pub by: Option<String>,
}

/// What was written since a position by anybody but replication and markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writes {
    /// How many changes, all of them.
    pub total: u64,
    /// How many in each table that has any.
    pub tables: Vec<(String, u64)>,
    /// The first of them, at most [`Writes::LISTED`].
    pub first: Vec<Change>,
    /// When the last one was made.
    pub last_at: Option<Timestamp>,
    /// The end of the log at the moment of looking: where to look from the next time.
    pub until: Position,
}

impl Writes {
    /// How many changes are listed one by one.
    pub const LISTED: u32 = 100;
}
