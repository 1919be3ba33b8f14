//! What the record knows of the world: alarms, sides, times without writes, verdicts.

use std::time::Duration;

use crate::clock::{Boot, Timestamp};
use crate::engine::reading::{FenceState, Verdict};
use crate::plan::model::Severity;

/// Something that asks, or asked, for an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// How loud.
    pub severity: Severity,
    /// What a person reads; foreign text.
    pub text: String,
    /// When it was first raised since it was last clear.
    pub raised: Timestamp,
    /// When its cause was gone.
    pub cleared: Option<Timestamp>,
    /// Who has seen it, and when.
    pub acknowledged: Option<(String, Timestamp)>,
    /// How often the same cause raised it.
    pub count: u32,
}

/// A side whose fence somebody has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// What it was set to.
    pub state: FenceState,
    /// Since when, by the clock of whoever set it.
    pub since: Timestamp,
    /// Where its log stood.
    pub position: Option<String>,
    /// When it was last proved, in boot time; `None` while it is not.
    pub proved: Option<Boot>,
}

/// A span in which users had no writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The first refused write.
    pub from: Timestamp,
    /// The first accepted one.
    pub to: Option<Timestamp>,
    /// How much of it the run waited for a person.
    pub human: Duration,
}

/// A recorded verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What it is worth.
    pub verdict: Verdict,
    /// What a person reads; foreign text.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// Digest of exactly what is wrong.
    pub finding: Option<String>,
}

/// A link that has been at zero for its whole window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zero {
    /// The position that was reached.
    pub position: String,
    /// When that was recorded.
    pub at: Timestamp,
    /// The marker that came through, and in how many milliseconds.
    pub marker: Option<(String, u64)>,
}

impl Alarm {
    /// Whether somebody has yet to answer it: while its cause is there, and a warning also after that, since gates
    /// wait for it.
    pub fn wants_answer(&self) -> bool {
        self.acknowledged.is_none() && (self.cleared.is_none() || self.severity == Severity::Warning)
    }

    /// Whether no gate that it counts at can be passed before it is answered: warnings do that, nothing else.
    pub fn shuts_gates(&self) -> bool {
        self.severity == Severity::Warning && self.acknowledged.is_none()
    }
}
