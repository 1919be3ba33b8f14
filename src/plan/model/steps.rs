//! What is done: the lines of the checklist and of the way back.

use std::time::Duration;

use super::{CommandLine, FenceTarget};
use crate::plan::ids::{EndpointId, PhaseId, ProbeId, StepId};
use crate::plan::secret::Template;

/// Something that keeps other people's changes out.
#[derive(Clone, Debug)]
pub struct Control {
    /// Unique among what is measured: its verify command is a probe of this id.
    pub id: ProbeId,
    /// Shuts.
    pub enforce: CommandLine,
    /// Opens again.
    pub lift: CommandLine,
    /// May take this long.
    pub timeout: Duration,
    /// So long after it was enforced it lifts itself, whatever anybody does here.
    pub expires: Option<Duration>,
}

/// A phase of the checklist.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Unique among phases.
    pub id: PhaseId,
    /// What people read.
    pub title: String,
    /// T-0 is when this phase starts.
    pub t0: bool,
    /// Its steps are `plan.steps[first..first + count]`.
    pub first: usize,
    /// How many steps it has.
    pub count: usize,
}

/// One line of the checklist.
#[derive(Clone, Debug)]
pub struct Step {
    /// Unique among steps and rollback steps.
    pub id: StepId,
    /// What people read.
    pub title: String,
    /// Its phase; `rollback` for the steps of the rollback phase.
    pub phase: PhaseId,
    /// Who answers for it, a role or a person.
    pub owner: Option<String>,
    /// Must have finished before: the step before it where the plan says nothing.
    pub after: Vec<StepId>,
    /// Whether it begins by itself.
    pub start: Start,
    /// How long it should take.
    pub estimate: Option<Duration>,
    /// After this it is stopped.
    pub timeout: Option<Duration>,
    /// How a failure is tried again without anybody asking.
    pub retries: Retries,
    /// May be run again when nobody knows whether it ran.
    pub idempotent: bool,
    /// May be skipped by the operator, with a reason.
    pub skippable: bool,
    /// What it does.
    pub kind: StepKind,
    /// What takes it back, before the switch.
    pub undo: Option<Undo>,
    /// A probe that proves it: an exit code is not proof.
    pub proof: Option<ProbeId>,
    /// A harmless trial of the same, measured until the step begins.
    pub preflight: Option<ProbeId>,
    /// A sensed step is watched until this step has finished.
    pub holds_until: Option<StepId>,
    /// Moves users from one side to the other.
    pub switch: bool,
    /// After this the way back is closed.
    pub point_of_no_return: bool,
}

/// Whether a step begins by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As soon as what it comes after has finished.
    Auto,
    /// When the operator presses the key.
    Key,
}

/// How a failure is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// So many times after the first.
    pub times: u32,
    /// The first wait; each next is twice the one before, at most ten minutes.
    pub backoff: Duration,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// A person does it and says so.
    Manual {
        /// The question to the person.
        ask: String,
    },
    /// A command is run, in a shim of its own.
    Command(CommandLine),
    /// Statements are run in one transaction.
    Sql {
        /// Where.
        endpoint: EndpointId,
        /// One or more statements.
        statement: String,
    },
    /// Waits until something measured is good.
    Wait(WaitFor),
    /// Asks for measurements and is done when all are good.
    Check(Vec<ProbeId>),
    /// A person decides.
    Gate(Gate),
    /// A side stops taking writes.
    Fence(FenceStep),
    /// A side takes writes again.
    Open {
        /// The side.
        endpoint: EndpointId,
    },
    /// Sequences of one side are moved on to where those of the other stand.
    Carry(Carry),
    /// Controls are enforced, or lifted.
    Freeze(FreezeStep),
    /// Somebody is told.
    Notify(Notify),
}

/// What a wait waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// Every link named is at zero for its whole `zero_for`, since the fence was proved.
    CaughtUp(Vec<ProbeId>),
    /// Every probe named is good for this long.
    Good {
        /// Which.
        probes: Vec<ProbeId>,
        /// Good for at least this long.
        lasting: Duration,
    },
}

/// A go/no-go gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What is true after a GO, in a sentence.
    pub after: Option<String>,
    /// Evidence taken out, each with its reason.
    pub leave_out: Vec<(ProbeId, String)>,
    /// Opens the way to a traffic switch: derived from the steps between this gate and the next.
    pub guards_switch: bool,
    /// Opens the way past a point of no return: derived likewise.
    pub guards_no_return: bool,
}

/// A fence set by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceStep {
    /// Its side and proof.
    pub target: FenceTarget,
    /// The probe that watches it: `fence:ENDPOINT`.
    pub probe: ProbeId,
}

/// Sequences carried over by a step: replication does not carry them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carry {
    /// Whose are held to be right.
    pub from: EndpointId,
    /// Whose are moved.
    pub to: EndpointId,
    /// So many values further: numbers that were handed out and not used yet.
    pub margin: u64,
}

/// Controls enforced or lifted by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeStep {
    /// `true` enforces, `false` lifts.
    pub enforce: bool,
    /// Which.
    pub controls: Vec<ProbeId>,
}

/// Somebody is told, with `text`.
#[derive(Clone, Debug)]
pub struct Notify {
    /// How.
    pub by: NotifyBy,
    /// What: given to a command in `CUTOVER_TEXT` and to a webhook as `{"text": …}`.
    pub text: String,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum NotifyBy {
    /// A command.
    Command(CommandLine),
    /// A JSON POST.
    Webhook(Template),
}

/// What takes a step back.
#[derive(Clone, Debug)]
pub enum Undo {
    /// A command.
    Command(CommandLine),
    /// Statements in one transaction.
    Sql {
        /// Where.
        endpoint: EndpointId,
        /// One or more statements.
        statement: String,
    },
    /// A person does it and says so.
    Manual {
        /// The question to the person.
        ask: String,
    },
    /// Built in: the side that was fenced takes writes again.
    Open {
        /// The side.
        endpoint: EndpointId,
    },
    /// Built in: the controls that were enforced are lifted.
    Lift {
        /// Which.
        controls: Vec<ProbeId>,
    },
}

/// The way back after the switch.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// How long it should take.
    pub estimate: Duration,
    /// Its steps, in order; the source opens last.
    pub steps: Vec<Step>,
}

impl Step {
    /// A sensed step is ticked and unticked by what is measured.
    pub fn is_sensed(&self) -> bool {
        matches!(self.kind, StepKind::Wait(_) | StepKind::Check(_) | StepKind::Fence(_))
    }

    /// The gate of a gate step.
    pub fn gate(&self) -> Option<&Gate> {
        match &self.kind {
            StepKind::Gate(gate) => Some(gate),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => None,
        }
    }

    /// The side whose writes it stops or opens, and whether it opens them.
    pub fn fences(&self) -> Option<(&EndpointId, bool)> {
        match &self.kind {
            StepKind::Fence(fence) => Some((&fence.target.endpoint, false)),
            StepKind::Open { endpoint } => Some((endpoint, true)),
            StepKind::Carry(_)
            | StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Gate(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => None,
        }
    }

    /// What has to be measured good before it counts as done.
    pub fn proofs(&self) -> impl Iterator<Item = &ProbeId> {
        let own: &[ProbeId] = match &self.kind {
            StepKind::Check(probes)
            | StepKind::Wait(WaitFor::Good { probes, .. } | WaitFor::CaughtUp(probes)) => probes,
            StepKind::Fence(fence) => std::slice::from_ref(&fence.probe),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Gate(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => &[],
        };
        own.iter().chain(&self.proof)
    }

    /// Whether starting it changes something in the world.
    pub fn has_effect(&self) -> bool {
        match self.kind {
            StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => true,
            StepKind::Manual { .. } | StepKind::Wait(_) | StepKind::Check(_) | StepKind::Gate(_) => false,
        }
    }
}
