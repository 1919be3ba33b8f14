//! The state of a run: nothing but the fold of its events.
//!
//! Owns what is true so far. It knows no clock (times come with the events), cannot fail, and draws no
//! conclusions: those are `rules`. The fold itself stands in `apply`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::event::{
    AlarmId, Decision, Ending, HoldCause, Leg, Mode, Outcome, OutputRef, RunStarted, SheetLine, Way,
};
use super::reading::{FenceState, Verdict};
use crate::clock::{Boot, Now, Timestamp};
use crate::plan::model::{Severity, StepKind};
use crate::plan::{EndpointId, Plan, ProbeId, StepId};

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

/// Where a step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// Forward.
    pub status: Status,
    /// Back.
    pub undo: UndoStatus,
    /// Tries so far, over both legs.
    pub attempts: u32,
    /// When the last try began.
    pub started: Option<At>,
    /// Since when its proof is looked for, in boot time: earlier looks do not count.
    pub asked: Option<Boot>,
    /// When it was last proved, ended, skipped or settled.
    pub ended: Option<At>,
    /// What a person reads about its end; foreign text.
    pub detail: String,
    /// Its last output.
    pub output: Option<OutputRef>,
    /// Somebody's word, where a person said so.
    pub by: Option<String>,
    /// Why it is no longer true, where it was ticked before.
    pub reopened: Option<String>,
    /// It no longer has to be true.
    pub latched: bool,
    /// Somebody asked for it to be stopped.
    pub stopping: bool,
    /// Automatic tries that are used up.
    pub retried: u32,
}

/// How far a step has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    #[default]
    Pending,
    /// Something is set going, or a person is asked.
    Running,
    /// It waits until what must be true is measured to be true.
    Proving,
    /// Done.
    Done,
    /// It said that it could not.
    Failed,
    /// It failed and will be tried again at this moment of boot time.
    RetryAt(Boot),
    /// Nobody knows whether it happened.
    Unknown,
    /// Left out on purpose.
    Skipped,
}

/// How far the undo of a step has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndoStatus {
    /// Not begun.
    #[default]
    None,
    /// Under way, or a person is asked.
    Running,
    /// Taken back.
    Done,
    /// It failed: a person must look.
    Stuck,
    /// Nobody knows whether it happened.
    Unknown,
}

/// A phase's own times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseState {
    /// Its first step began.
    pub started: Option<Timestamp>,
    /// All its steps are settled.
    pub finished: Option<Timestamp>,
}

/// A gate that has been asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateState {
    /// Counts the times it was asked.
    pub revision: u32,
    /// An answer is wanted now.
    pub open: bool,
    /// Since when.
    pub opened: Option<Timestamp>,
    /// What the answer rests on.
    pub sheet: Option<Sheet>,
    /// The last answer.
    pub decided: Option<Decided>,
    /// Findings that somebody goes on in spite of.
    pub waivers: Vec<Waiver>,
}

/// A numbered evidence sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its number within the revision.
    pub number: u32,
    /// Its digest now.
    pub digest: String,
    /// Digests under which it was shown before it got better.
    pub earlier: Vec<String>,
    /// Its lines.
    pub lines: Vec<SheetLine>,
}

/// An answer at a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, for a NO-GO.
    pub reason: String,
    /// On which sheet, with which digest.
    pub sheet: (u32, String),
}

/// A finding that somebody goes on in spite of, at one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Which evidence.
    pub evidence: String,
    /// Digest of exactly what is wrong.
    pub finding: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

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

impl StepState {
    /// It waits until what must be true is measured to be true.
    pub fn is_proving(&self) -> bool {
        self.status == Status::Proving
    }

    /// What comes after it may begin.
    pub fn is_settled(&self) -> bool {
        matches!(self.status, Status::Done | Status::Skipped)
    }

    /// How long the last try has taken, or took.
    pub fn took(&self, now: Now) -> Option<Duration> {
        let started = self.started?;
        Some(match self.ended.filter(|e| e.seq >= started.seq && self.status != Status::Proving) {
            Some(ended) => ended.wall.since(started.wall),
            None => elapsed(started, now),
        })
    }
}

/// Time from a recorded moment until now: by boot time, or by wall time when the machine has been restarted.
pub fn elapsed(from: At, now: Now) -> Duration {
    if now.boot >= from.boot { now.boot.since(from.boot) } else { now.wall.since(from.wall) }
}

impl From<Outcome> for Status {
    fn from(outcome: Outcome) -> Status {
        match outcome {
            Outcome::Done => Status::Done,
            Outcome::Failed { .. } | Outcome::NotStarted => Status::Failed,
            Outcome::TimedOut | Outcome::Stopped | Outcome::Unknown => Status::Unknown,
        }
    }
}
