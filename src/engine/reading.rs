//! What was measured: a reading has no default value.
//!
//! A [`Reading`] is one look of one probe: either a [`Measure`] or the reason why there is none. Nothing here
//! can stand for "zero" or "fine" without somebody having measured it. How readings add up over time is
//! `readings`; what they mean for a step or a gate is `rules`.

use serde::{Deserialize, Serialize};

use crate::clock::{Boot, Timestamp};
use crate::plan::ProbeId;

/// One look of one probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which probe.
    pub probe: ProbeId,
    /// When the look began, wall time.
    pub at: Timestamp,
    /// When the look began, boot time; ages are counted from it.
    pub boot: Boot,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether it is of the real world.
    pub source: Origin,
    /// What was seen, or why nothing was.
    pub result: Result<Measure, Unmeasured>,
}

/// Whether a reading is of the real world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Something was really asked.
    Measured,
    /// A rehearsal made it up; no evidence in a live run.
    Simulated,
}

/// Why there is no measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why", content = "text")]
pub enum Unmeasured {
    /// It took longer than its timeout, in milliseconds.
    TimedOut(u64),
    /// Nobody answered.
    NotReachable(String),
    /// An answer came and could not be understood, or the look itself failed.
    Failed(String),
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Whether it is as it must be. For a link: whether it is healthy, not whether it is at zero.
    pub pass: bool,
    /// What a person reads, one line. May hold foreign text: show it through `SafeText`.
    pub text: String,
    /// The figures behind it.
    pub facts: Facts,
}

/// The figures behind a measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Facts {
    /// Nothing beyond the text.
    Plain,
    /// One number that was looked at.
    Number {
        /// The number.
        value: f64,
    },
    /// A replication link.
    Lag(Lag),
    /// A fence and who can still write.
    Fence(FenceFacts),
    /// A comparison of tables.
    Compared(Compared),
    /// Something that must stand still, against its baseline.
    Still(Still),
    /// What a system says it is.
    Identity {
        /// Its identifier.
        system: String,
        /// What its row says.
        row: Option<String>,
    },
    /// A trap of readiness.
    Traps {
        /// In what it was found.
        found: Vec<TrapSeen>,
    },
}

/// Something that trips up a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrapSeen {
    /// Which object.
    pub object: String,
    /// What is wrong with it, and what that does.
    pub harm: String,
    /// What to do about it.
    pub mend: String,
}

/// How far one side of a link is behind the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// So many units are not yet applied.
    pub behind: u64,
    /// What is counted.
    pub unit: LagUnit,
    /// Where the source stands.
    pub source: String,
    /// What the target has applied.
    pub target: String,
    /// The last marker that came through, where the link has markers.
    pub marker: Option<MarkerSeen>,
    /// Why nothing flows, where the server says so: waiting mends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The server's own figure of how late the last arrival was, in milliseconds; decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<u64>,
    /// The source's fence refuses everybody, our markers too: from then on the position alone proves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_no_marker: bool,
}

/// What lag is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LagUnit {
    /// Rows of a change log.
    Changes,
    /// Bytes of a log.
    Bytes,
    /// Transactions.
    Transactions,
}

/// A row of ours that travelled a link end to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkerSeen {
    /// The marker.
    pub id: String,
    /// When it was written on the one side.
    pub sent: Timestamp,
    /// How long it took to be seen on the other, in milliseconds; `None` while it is under way.
    pub took_ms: Option<u64>,
}

/// A fence and who can still write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceFacts {
    /// What the side says of itself.
    pub state: FenceState,
    /// Where the side's log stood when the fence was set; `None` while it is open.
    pub position: Option<String>,
    /// The code with which a write of a new session was refused; `None` when it was not refused or not tried.
    pub refused: Option<String>,
    /// Sessions older than the fence that are still there.
    pub older: Vec<SessionSeen>,
    /// Rows that were written, not by replication, since the last session that had to go was gone.
    pub moved: u64,
    /// The first few of them, for people: `orders 81f2 update`.
    pub moved_named: Vec<String>,
}

/// What a side says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceState {
    /// It takes writes.
    Open,
    /// New sessions are refused; older ones may still write.
    Fenced,
    /// Everybody is refused by the database itself.
    Sealed,
}

/// A session of the census.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSeen {
    /// The server's own id for it.
    pub id: String,
    /// Which application.
    pub application: String,
    /// Which account.
    pub account: String,
    /// From which host, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Why the fence does not hold it, where that is not only its age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<String>,
    /// Since when it is connected.
    pub since: Timestamp,
    /// When it last wrote, where the server knows.
    pub last_write: Option<Timestamp>,
    /// What it ran last, where the server tells.
    pub statement: Option<String>,
    /// The plan spares it, and because of what.
    pub spared: Option<String>,
}

/// A comparison of tables, or of trees of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// It is one of trees: entries stand in the place of tables, files in that of rows, folders in that of a table's
    /// name.
    #[serde(default)]
    pub trees: bool,
    /// Tables looked at.
    pub tables: u64,
    /// … of which so many are the same.
    pub same: u64,
    /// Rows on the side that is held to be right.
    pub rows: u64,
    /// Rows that differ in any way.
    pub differences: u64,
    /// The first of them: table, key, kind. No values: those stay on the screen.
    pub named: Vec<DifferenceSeen>,
    /// What kind of equality was proved.
    pub equality: String,
    /// Where the logs of both sides stood while they were read: (from, to).
    pub positions: (String, String),
    /// Rows written on either side while they were read, so that differences may be in flight.
    pub in_flight: bool,
    /// What it builds on, where the tables were read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<ReadBefore>>,
}

/// A comparison that reads only what was written since the tables were read whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBefore {
    /// When the last of them was read whole.
    pub at: Timestamp,
    /// How many tables were: the others were read whole now.
    pub tables: u64,
    /// How many rows were looked at again since, on either side.
    pub again: u64,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceSeen {
    /// Which table.
    pub table: String,
    /// Which row.
    pub key: String,
    /// `changed`, `missing` or `extra`, seen from the side that is held to be right.
    pub kind: String,
    /// Columns that differ, for `changed`.
    pub columns: Vec<String>,
}

/// Something that must stand still, against its baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Still {
    /// Digest of the baseline.
    pub baseline: String,
    /// How many objects it covers.
    pub objects: u64,
    /// What is different now; empty when nothing is.
    pub findings: Vec<Finding>,
}

/// An unauthorized change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which object: a table, a file, a ref, a row.
    pub what: String,
    /// What happened to it, in a word or two.
    pub change: String,
    /// When, where the system knows.
    pub when: Option<Timestamp>,
    /// Who, where the system knows.
    pub who: Option<String>,
}

/// How much a reading is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Measured, fresh, and as it must be.
    Pass,
    /// Measured, and not as it must be.
    Fail,
    /// Was measured, too long ago.
    Stale,
    /// Never measured, or the last look failed.
    Unknown,
}

impl Verdict {
    /// The word for it, as on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "good",
            Verdict::Fail => "failed",
            Verdict::Stale => "stale",
            Verdict::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Unmeasured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unmeasured::TimedOut(ms) => write!(f, "no answer within {}.{}s", ms / 1000, ms % 1000 / 100),
            Unmeasured::NotReachable(why) => write!(f, "not reachable: {why}"),
            Unmeasured::Failed(why) => f.write_str(why),
        }
    }
}
