//! A place in a database's log of changes, and how far one log is behind another.
//!
//! Refuses to know how an engine writes its positions: to everybody else a position is a text that is
//! equal to itself. Whether one is behind another only the engine's [`Link`](super::Link) can say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a log of changes, as its engine writes it: an LSN, a GTID set, `c:1842`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a lag is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Changed rows that the target has not applied.
    Changes,
    /// Bytes of log that the target has not applied.
    Bytes,
    /// Transactions that the target has not applied.
    Transactions,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Changes => "changes",
            Unit::Bytes => "bytes",
            Unit::Transactions => "transactions",
        })
    }
}

/// How far the target of a link is behind its source, by log position and never by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// How much is not applied yet, in `unit`. Errs upwards: the target is read before the source.
    pub behind: u64,
    /// What `behind` counts.
    pub unit: Unit,
    /// The end of the source's log.
    pub source: Position,
    /// What the target has applied of it.
    pub target: Position,
    /// Why nothing flows, where the engine says so itself; then nothing gets better by waiting.
    pub stopped: Option<String>,
    /// The engine's own figure of how long ago the last change was made that has arrived, in milliseconds. Beside the
    /// position it may help somebody guess; it decides nothing.
    pub late_ms: Option<u64>,
}
