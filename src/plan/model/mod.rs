//! What should happen, after everything has been read, resolved and checked.
//!
//! This is the plan that the engine, the tasks and the panes know: every reference resolves, every default
//! is filled in, everything that is measured is a [`Probe`] whatever part of the file it came from. It knows
//! no TOML and no spans (`build` does), and nothing of what has happened (`engine::state` does). Systems,
//! links, probes and steps have files of their own.

mod endpoints;
mod http;
mod kinds;
mod links;
mod probes;
mod steps;
mod still;
mod traps;

use std::collections::HashMap;
use std::time::Duration;

use super::ids::{EndpointId, PersonId, ProbeId, StepId};
use crate::clock::Timestamp;

pub use endpoints::{DatabaseKind, DatabaseSettings, Endpoint, Identity, IdentityRow};
pub use http::{Body, HttpProbe, HttpRequest, Json, Keep, Status};
pub use links::{Link, LinkKind};
pub use probes::{
    CommandLine, CommandProbe, DnsProbe, Expect, FenceTarget, FilesProbe, Probe, ProbeKind, ProbeWrite,
    Schedule, Section, Severity, SshHost, TablesProbe, TlsProbe, TreesProbe,
};
pub use steps::{
    Carry, Control, FenceStep, FreezeStep, Gate, Notify, NotifyBy, Phase, Retries, Rollback, Start, Step,
    StepKind, Undo, WaitFor,
};
pub use still::{RowsProbe, TerraformProbe, VersionProbe};
pub use traps::{ReadyProbe, Trap};

/// A whole plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What people call it.
    pub name: String,
    /// How writes are treated while data moves.
    pub strategy: Strategy,
    /// The word for where users are now, as typed at gates: `[a-z0-9-]{3,16}`.
    pub source: String,
    /// The word for where users are sent, as typed at gates: `[a-z0-9-]{3,16}`.
    pub target: String,
    /// When it may happen.
    pub window: Window,
    /// How long users may be without writes.
    pub outage_budget: Option<Duration>,
    /// What users will notice, in a sentence.
    pub impact: Option<String>,
    /// What a night needs on one key.
    pub contacts: Contacts,
    /// What remains possible after the end, in a sentence.
    pub fallback: Option<String>,
    /// Seconds east of UTC in which the plan's times are shown.
    pub offset: i32,
    /// The roster.
    pub people: Vec<Person>,
    /// The systems.
    pub endpoints: Vec<Endpoint>,
    /// Everything that is measured, in the order of the panes.
    pub probes: Vec<Probe>,
    /// What keeps other people's changes out.
    pub controls: Vec<Control>,
    /// The phases in order; each holds a range of `steps`.
    pub phases: Vec<Phase>,
    /// All steps of all phases in plan order.
    pub steps: Vec<Step>,
    /// The way back after the switch.
    pub rollback: Option<Rollback>,
    /// Where alarms are told, beside the screen.
    pub alarm_notify: Option<Notify>,
    /// What this very plan is, by hash.
    pub pins: Pins,
    pub(crate) index: Index,
}

/// Positions by id, kept with the plan since ten thousand steps are looked up at every frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    steps: HashMap<StepId, usize>,
    rollback: HashMap<StepId, usize>,
    probes: HashMap<ProbeId, usize>,
}

/// How writes are treated while data moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Replication carries changes; users lose writes for minutes.
    NearZeroDowntime,
    /// Writes stop, everything is copied, then users come back.
    PlannedDowntime,
}

/// When the cutover may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From one wall time to another.
    Fixed {
        /// First moment.
        opens: Timestamp,
        /// Last moment.
        closes: Timestamp,
    },
    /// Opens when the run starts.
    FromStart {
        /// How long it is open.
        length: Duration,
    },
}

/// What a night needs on one key.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// The change ticket.
    pub change: Option<String>,
    /// The bridge everybody is on.
    pub bridge: Option<String>,
    /// The chat everybody reads.
    pub chat: Option<String>,
    /// How often stakeholders are promised word.
    pub update_every: Option<Duration>,
}

/// Somebody of the roster.
#[derive(Clone, Debug)]
pub struct Person {
    /// As named in the plan.
    pub id: PersonId,
    /// What they answer for; steps name owners by role or id.
    pub role: String,
    /// How they are reached.
    pub contact: Option<String>,
    /// Who stands in.
    pub backup: Option<PersonId>,
    /// May order the way back alone.
    pub rollback: bool,
}

/// What this very plan is. SHA-256 in hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pins {
    /// Of the file as it stands.
    pub base: String,
    /// Of the plan after overlays and `--set`, secrets left as references.
    pub resolved: String,
    /// Of each step by itself: which have changed since a rehearsal.
    pub steps: Vec<(StepId, String)>,
    /// Of every script that the plan names: path and hash.
    pub scripts: Vec<(String, String)>,
}

impl Plan {
    /// A plan with nothing in it, to be filled in.
    #[cfg(test)]
    pub(crate) fn empty() -> Plan {
        Plan {
            name: String::new(),
            strategy: Strategy::NearZeroDowntime,
            source: String::new(),
            target: String::new(),
            window: Window::FromStart { length: Duration::ZERO },
            outage_budget: None,
            impact: None,
            contacts: Contacts::default(),
            fallback: None,
            offset: 0,
            people: Vec::new(),
            endpoints: Vec::new(),
            probes: Vec::new(),
            controls: Vec::new(),
            phases: Vec::new(),
            steps: Vec::new(),
            rollback: None,
            alarm_notify: None,
            pins: Pins::default(),
            index: Index::default(),
        }
    }

    /// Fills the look-up tables; `parse` calls it once everything is in its place.
    #[must_use]
    pub fn indexed(mut self) -> Plan {
        self.index = Index {
            steps: self.steps.iter().enumerate().map(|(i, s)| (s.id.clone(), i)).collect(),
            rollback: self.rollback_steps().iter().enumerate().map(|(i, s)| (s.id.clone(), i)).collect(),
            probes: self.probes.iter().enumerate().map(|(i, p)| (p.id.clone(), i)).collect(),
        };
        self
    }

    /// A step of the checklist or of the rollback phase.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.position(id).map_or_else(
            || self.index.rollback.get(id).and_then(|&i| self.rollback_steps().get(i)),
            |i| self.steps.get(i),
        )
    }

    /// Where a step stands in the checklist; `None` for the rollback phase.
    pub fn position(&self, id: &StepId) -> Option<usize> {
        self.index.steps.get(id).copied()
    }

    /// A step's place in the engine's table: the checklist, then the rollback phase.
    pub fn slot(&self, id: &StepId) -> Option<usize> {
        self.position(id).or_else(|| self.index.rollback.get(id).map(|i| self.steps.len() + i))
    }

    /// The step of a slot.
    pub fn at_slot(&self, slot: usize) -> Option<&Step> {
        self.steps.get(slot).or_else(|| self.rollback_steps().get(slot.checked_sub(self.steps.len())?))
    }

    /// The sides whose writes the plan stops or opens.
    pub fn fenced_sides(&self) -> impl Iterator<Item = &EndpointId> {
        let mut seen = Vec::new();
        self.steps
            .iter()
            .chain(self.rollback_steps())
            .filter_map(Step::fences)
            .filter(move |(id, _)| {
                let new = !seen.contains(id);
                seen.push(*id);
                new
            })
            .map(|(id, _)| id)
    }

    /// Whether a side takes writes when the run begins: the first step that touches it stops them.
    pub fn begins_open(&self, endpoint: &EndpointId) -> bool {
        self.steps
            .iter()
            .filter_map(Step::fences)
            .find(|(id, _)| *id == endpoint)
            .is_some_and(|(_, opens)| !opens)
    }

    /// Whether a step is of the rollback phase.
    pub fn is_rollback_step(&self, id: &StepId) -> bool {
        self.index.rollback.contains_key(id)
    }

    /// The steps of the rollback phase, none where the plan has no such phase.
    pub fn rollback_steps(&self) -> &[Step] {
        self.rollback.as_ref().map_or(&[], |r| &r.steps)
    }

    /// Something measured.
    pub fn probe(&self, id: &ProbeId) -> Option<&Probe> {
        self.index.probes.get(id).and_then(|&i| self.probes.get(i))
    }

    /// Where a probe stands in `probes`.
    pub fn probe_position(&self, id: &ProbeId) -> Option<usize> {
        self.index.probes.get(id).copied()
    }

    /// A system of the plan.
    pub fn endpoint(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.id == *id)
    }

    /// The steps of a phase.
    pub fn phase_steps(&self, phase: &Phase) -> &[Step] {
        self.steps.get(phase.first..phase.first + phase.count).unwrap_or(&[])
    }

    /// The first step of the checklist that moves users.
    pub fn switch_step(&self) -> Option<&Step> {
        self.steps.iter().find(|s| s.switch)
    }
}

impl Window {
    /// When it closes, given when the run started.
    pub fn closes(&self, started: Timestamp) -> Timestamp {
        match *self {
            Window::Fixed { closes, .. } => closes,
            Window::FromStart { length } => started.plus(length),
        }
    }
}
