//! What the cockpit is fed: the run as it stands in the journal, what was measured, and whether anybody
//! vouches for it.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Boot, Now, Timestamp};
use crate::engine::State;
use crate::engine::event::Event;
use crate::engine::readings::Readings;
use crate::plan::Plan;

/// A heartbeat older than this: nobody vouches for what is shown.
pub const STALE_AFTER: Duration = Duration::from_secs(3);
/// A heartbeat older than this: the engine is gone, as far as anybody can tell.
pub const NO_CONTACT_AFTER: Duration = Duration::from_secs(10);

/// The run as it stands. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    /// What should happen.
    pub plan: Arc<Plan>,
    /// What has happened.
    pub state: Arc<State>,
    /// What was measured.
    pub readings: Arc<Readings>,
    /// The journal's end, oldest first.
    pub journal: Arc<Vec<Arc<Recorded>>>,
    /// How many records the journal has.
    pub records: u64,
    /// Hash of the last record, in hex.
    pub hash: String,
    /// Whether anybody vouches for it.
    pub contact: Contact,
}

/// A record of the journal.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its number.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Its hash, in hex.
    pub hash: String,
    /// What it says.
    pub events: Vec<Event>,
    /// It stands beyond what the engine has acknowledged, and the engine is gone.
    pub unacknowledged: bool,
}

/// Whether anybody vouches for what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The engine's last heartbeat, in real boot time; `None` before the first.
    pub beat: Option<Boot>,
    /// The engine is known to have ended, or another one has the run: in words.
    pub gone: Option<String>,
    /// The journal is damaged: in words, with what to do.
    pub damaged: Option<String>,
}

/// How good the contact to the engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It beats.
    Fresh,
    /// Nothing was heard for this long: more than three seconds.
    Stale(Duration),
    /// Nothing was heard for this long: more than ten seconds, or it is known to be gone.
    None(Duration),
}

impl Contact {
    /// How good the contact is now.
    pub fn pulse(&self, now: Now) -> Pulse {
        let age = self.beat.map_or(Duration::ZERO, |beat| now.real.since(beat));
        if self.gone.is_some() || age >= NO_CONTACT_AFTER {
            Pulse::None(age)
        } else if age >= STALE_AFTER {
            Pulse::Stale(age)
        } else {
            Pulse::Fresh
        }
    }
}
