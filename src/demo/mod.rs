//! The world that `cutover demo` moves: a small shop on two SQLite databases, alive while it moves.
//!
//! ```text
//! client ─► front door ─┬► order application ─► source.db ─┐
//!                       └► order application ─► target.db ◄┴─ replicator (forward, or back)
//!                             price job ─► source.db, on a connection of its own
//! ```
//!
//! One process, `cutover __world`, child of neither engine nor cockpit. Everything it knows stands in
//! one folder ([`Dir`]), so it can be killed at any instant and started again on the same folder.
//!
//! Owns the shop, its traffic and the levers on it ([`actions`]). Refuses to know plans, runs, gates
//! and screens: for them this is a system like any other. What a SQLite database does to be fenced is
//! `databases::sqlite::convention`. Next: [`world`] for the process, [`summary`] for what it proved.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub mod actions;
mod backup;
mod client;
mod client_log;
pub mod commands;
pub mod control;
mod door;
mod error;
mod files;
mod folder;
mod orders;
mod parts;
mod price_job;
mod replicator;
mod shop;
mod status;
mod store;
pub mod summary;
mod tables;
mod wire;
pub mod world;

pub use backup::{Backup, backup};
pub use client::ClientStatus;
pub use door::{Counted, DoorStatus};
pub use error::WorldError;
pub use files::{Hold, hold};
pub use price_job::{PriceJobStatus, SESSION as PRICE_JOB};
pub use replicator::{Direction, ReplicationStatus};
pub use status::Status;

/// One of the two systems: where the shop is, or where it moves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Where the shop runs at the start.
    Source,
    /// Where it moves to.
    Target,
}

impl Side {
    /// Both, source first.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Target];

    /// The name that files, logs and commands use.
    pub fn name(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Target => "target",
        }
    }

    /// What the side says it is in its `environment` row: how a plan proves that it reached the right one.
    pub fn environment(self) -> &'static str {
        match self {
            Side::Source => "demo-dc1",
            Side::Target => "demo-cloud",
        }
    }

    /// The side with this name.
    pub fn parse(name: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| side.name() == name)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The world's folder, and what stands where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir(PathBuf);

impl Dir {
    /// The folder at `path`; nothing is read or made.
    pub fn new(path: impl Into<PathBuf>) -> Dir {
        Dir(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A side's database.
    pub fn database(&self, side: Side) -> PathBuf {
        self.0.join(format!("{side}.db"))
    }

    /// Where a side's database lies while it is taken away.
    fn away(&self) -> PathBuf {
        self.0.join("away")
    }

    /// Ports and process id of the world: [`world::Running`] as JSON.
    pub fn world_json(&self) -> PathBuf {
        self.0.join("world.json")
    }

    /// The password that the shop's `/login` wants, by itself: for a plan's `${file:…}`.
    pub fn password(&self) -> PathBuf {
        self.0.join("password")
    }

    /// What the client sent and what it was told: one line an order. See [`summary`].
    pub fn client_log(&self) -> PathBuf {
        self.0.join("client.log")
    }

    /// Locked by whoever wants the world to stay; see [`hold`].
    pub fn hold(&self) -> PathBuf {
        self.0.join("hold")
    }

    fn lock(&self) -> PathBuf {
        self.0.join("world.lock")
    }

    fn control(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    fn door(&self) -> PathBuf {
        self.0.join("door.json")
    }

    fn replication(&self) -> PathBuf {
        self.0.join("replication.json")
    }

    fn backups(&self) -> PathBuf {
        self.0.join("backup")
    }
}
