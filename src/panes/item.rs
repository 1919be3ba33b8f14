//! What can be selected and opened.
//!
//! An item is named by what it is, never by where it stands: rows move while a person looks at them.

use crate::engine::event::AlarmId;
use crate::plan::{EndpointId, PersonId, ProbeId, StepId};

/// Something on the screen that has a detail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A step of the checklist or of the rollback phase.
    Step(StepId),
    /// Something measured.
    Probe(ProbeId),
    /// An alarm.
    Alarm(AlarmId),
    /// A line of the journal: the record's number, and which event of it.
    Record(u64, usize),
    /// A session of the census.
    Session(EndpointId, String),
    /// A table of a comparison, by its name at the source.
    Table(ProbeId, String),
    /// A row that differs: of which validation, and the how manieth.
    Difference(ProbeId, usize),
    /// A line of the evidence sheet that is open, or several well ones folded into one.
    Evidence(Vec<String>),
    /// Somebody of the roster.
    Person(PersonId),
    /// The way back.
    WayBack,
}
