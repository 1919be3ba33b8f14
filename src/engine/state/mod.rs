//! The state of a run: nothing but the fold of its events.
//!
//! Owns what is true so far. It knows no clock (times come with the events), cannot fail, and draws no
//! conclusions: those are `rules`. The fold itself stands in `apply`.

mod facts;
mod gates;
mod steps;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::event::{AlarmId, Ending, HoldCause, Leg, LoadChange, Mode, RunStarted, Way};
use super::reading::FenceState;
use crate::clock::{Boot, Now, Timestamp};
use crate::plan::model::StepKind;
use crate::plan::{EndpointId, Plan, ProbeId, StepId};

pub use facts::{Alarm, Outage, Recorded, Side, Zero};
pub use gates::{Decided, GateState, Sheet, Waiver};
pub use steps::{PhaseState, Status, StepState, UndoStatus};

/// The id under which the gate of the way back is asked.
pub const ROLLBACK_GATE: &str = "rollback";

/// When an event was recorded, and as which record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The record's number.
    pub seq: u64,
    /// Wall time.
    pub wall: Timestamp,
    /// Boot time, comparable only within one boot.
    pub boot: Boot,
}

/// What is true so far.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The last record that is in it; 0 before the first.
    pub seq: u64,
    /// When that was.
    pub last: Option<At>,
    /// How the run began.
    pub run: Option<RunStarted>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// Which way it goes.
    pub stage: Stage,
    /// Whose hands are on the keys.
    pub operator: Option<Operator>,
    /// When an engine took the run up, until somebody has the keys again.
    pub taken_up: Option<At>,
    /// Why nothing new starts, if so.
    pub hold: Option<Hold>,
    /// When the phase marked `t0` began.
    pub t0: Option<Timestamp>,
    /// How long the run was held since then.
    pub held_since_t0: Duration,
    /// By slot ([`Plan::steps`], then the rollback phase).
    pub steps: Vec<StepState>,
    /// Slots that are running or being proved.
    pub running: BTreeSet<usize>,
    /// Slots of sensed steps that are ticked and still watched.
    pub watched: BTreeSet<usize>,
    /// Slots that were ticked once and are not true now.
    pub reopened: BTreeSet<usize>,
    /// Slots in the order in which they finished.
    pub finished: Vec<usize>,
    /// Everything below this slot is settled.
    pub first_open: usize,
    /// By phase.
    pub phases: Vec<PhaseState>,
    /// By gate; [`ROLLBACK_GATE`] for the way back.
    pub gates: HashMap<StepId, GateState>,
    /// Alarms that are raised, or cleared and not yet acknowledged.
    pub alarms: BTreeMap<AlarmId, Alarm>,
    /// Sides whose fence somebody has changed or proved.
    pub sides: BTreeMap<EndpointId, Side>,
    /// The spans in which users had no writes.
    pub outages: Vec<Outage>,
    /// The last recorded verdict of each probe.
    pub verdicts: HashMap<ProbeId, Recorded>,
    /// When somebody last asked for a look of a probe, in boot time.
    pub looks: HashMap<ProbeId, Boot>,
    /// What comparisons may ask of their servers, where somebody has said so.
    pub loads: BTreeMap<ProbeId, LoadAsked>,
    /// Links that have been at zero for their whole window.
    pub zeros: HashMap<ProbeId, Zero>,
    /// Digests of baselines.
    pub baselines: HashMap<ProbeId, String>,
    /// When users were moved: the switch step was started.
    pub switched: Option<Timestamp>,
    /// The point of no return has been passed.
    pub no_return: Option<Timestamp>,
    /// The engine stopped for good.
    pub halted: Option<String>,
}

/// What a comparison may ask of its servers, as somebody has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadAsked {
    /// Nothing, until somebody lets it go on.
    pub held: bool,
    /// Connections a side; `None` where nobody has said anything else than the plan.
    pub connections: Option<u64>,
}

impl LoadAsked {
    /// Takes in what was said last.
    pub fn take(&mut self, change: LoadChange) {
        match change {
            LoadChange::Hold => self.held = true,
            LoadChange::GoOn => self.held = false,
            LoadChange::Connections(connections) => self.connections = Some(connections),
        }
    }
}

/// Which way a run goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Down the checklist.
    #[default]
    Forward,
    /// Back.
    Back(Way),
    /// Given up; what was frozen is being lifted.
    Aborting,
    /// Over.
    Over(Ending),
}

/// Whose hands are on the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// As they say.
    pub name: String,
    /// As the machine says.
    pub account: String,
    /// Since when.
    pub since: Timestamp,
}

/// Why nothing new starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub cause: HoldCause,
    /// In words.
    pub reason: String,
    /// Who, where somebody did.
    pub by: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

impl State {
    /// An empty state with room for a plan's steps.
    pub fn new(plan: &Plan) -> State {
        State {
            steps: vec![StepState::default(); plan.steps.len() + plan.rollback_steps().len()],
            phases: vec![PhaseState::default(); plan.phases.len()],
            ..State::default()
        }
    }

    /// Where a step stands.
    pub fn step(&self, plan: &Plan, id: &StepId) -> Option<&StepState> {
        self.steps.get(plan.slot(id)?)
    }

    /// Where the step of a slot stands.
    pub fn at_slot(&self, slot: usize) -> Option<&StepState> {
        self.steps.get(slot)
    }

    /// Everything that is set going and has no end yet.
    pub fn running<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (StepId, u32, Leg)> + 'a {
        self.running.iter().filter_map(move |&slot| {
            let (step, at) = (plan.at_slot(slot)?, self.steps.get(slot)?);
            let leg = if at.undo == UndoStatus::Running { Leg::Undo } else { Leg::Forward };
            (at.status == Status::Running || leg == Leg::Undo).then(|| (step.id.clone(), at.attempts, leg))
        })
    }

    /// Whether it is a live run; a run that has not begun is none.
    pub fn is_live(&self) -> bool {
        self.run.as_ref().is_some_and(|r| matches!(r.mode, Mode::Live))
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    /// The gate that waits for an answer; the way back's before any other.
    pub fn open_gate(&self) -> Option<(&StepId, &GateState)> {
        self.gates.iter().filter(|(_, g)| g.open).min_by_key(|(id, _)| id.as_str() != ROLLBACK_GATE)
    }

    /// The span without writes that runs now.
    pub fn outage(&self) -> Option<&Outage> {
        self.outages.last().filter(|o| o.to.is_none())
    }

    /// Whether a side is known to take writes: as the plan says it begins, until somebody changes it.
    pub fn takes_writes(&self, plan: &Plan, endpoint: &EndpointId) -> bool {
        self.sides
            .get(endpoint)
            .map_or_else(|| plan.begins_open(endpoint), |side| side.state == FenceState::Open)
    }

    /// Alarms whose cause is still there, loudest first, then oldest first.
    pub fn raised_alarms(&self) -> Vec<(&AlarmId, &Alarm)> {
        let mut raised: Vec<_> = self.alarms.iter().filter(|(_, a)| a.cleared.is_none()).collect();
        raised.sort_by_key(|(_, a)| (std::cmp::Reverse(a.severity), a.raised));
        raised
    }

    /// Whether the run waits for a person and for nothing else.
    pub fn waits_for_person(&self, plan: &Plan) -> bool {
        !self.is_over()
            && self.running.iter().all(|&slot| {
                let Some((step, at)) = plan.at_slot(slot).zip(self.steps.get(slot)) else { return true };
                let asked = match at.undo {
                    UndoStatus::Running => {
                        matches!(step.undo, Some(crate::plan::model::Undo::Manual { .. }))
                    }
                    UndoStatus::None | UndoStatus::Done | UndoStatus::Stuck | UndoStatus::Unknown => {
                        matches!(step.kind, StepKind::Manual { .. } | StepKind::Gate(_))
                    }
                };
                asked || at.reopened.is_some()
            })
    }
}

/// Time from a recorded moment until now: by boot time, or by wall time when the machine has been restarted.
pub fn elapsed(from: At, now: Now) -> Duration {
    if now.boot >= from.boot { now.boot.since(from.boot) } else { now.wall.since(from.wall) }
}
