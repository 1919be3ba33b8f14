//! What has happened, as it stands in the journal. Past tense; a fact is never taken back, only followed.
//!
//! This is a table: every event is one variant with the data that somebody needs later. `state` folds them,
//! `effect` says what they set going, `panes` and `report` read them. Their serialized form is the journal's:
//! a variant or a field may be added, never renamed.

use serde::{Deserialize, Serialize};

use super::reading::{FenceState, Verdict};
use crate::clock::Timestamp;
use crate::plan::model::{Pins, Severity, TablesProbe};
use crate::plan::{EndpointId, PhaseId, ProbeId, StepId};

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// A run began.
    RunStarted(Box<RunStarted>),
    /// An engine took the run up again; everything measured before is unknown now.
    EngineResumed {
        /// The boot it runs in.
        boot_id: String,
        /// Bytes of a torn tail that were put aside.
        torn_bytes: u64,
    },
    /// Somebody has their hands on the keys.
    OperatorArrived {
        /// As they say.
        name: String,
        /// As the machine says.
        account: String,
        /// Whose helm was taken, where it was.
        took_from: Option<String>,
    },
    /// Nobody has.
    OperatorLost {
        /// Who it was.
        name: String,
    },

    /// A phase's first step began.
    PhaseStarted {
        /// Which.
        phase: PhaseId,
    },
    /// All steps of a phase are settled.
    PhaseFinished {
        /// Which.
        phase: PhaseId,
    },

    /// The intent to do something; its effect starts after this record is on disk.
    StepStarted {
        /// Which step.
        step: StepId,
        /// Which try, from 1; counted over both legs.
        attempt: u32,
        /// Forward or back.
        leg: Leg,
        /// Who pressed the key, where somebody did.
        by: Option<String>,
    },
    /// What was set going has ended.
    StepEnded {
        /// Which step.
        step: StepId,
        /// Which try.
        attempt: u32,
        /// Forward or back.
        leg: Leg,
        /// How.
        outcome: Outcome,
        /// What a person reads; foreign text.
        detail: String,
        /// Its output, by hash and size in bytes.
        output: Option<OutputRef>,
        /// Somebody's word, where a person said so.
        by: Option<String>,
    },
    /// What must be true after a step was measured to be true: it is ticked.
    StepProved {
        /// Which step.
        step: StepId,
        /// What was measured.
        evidence: String,
    },
    /// What was ticked is no longer true.
    StepReopened {
        /// Which step.
        step: StepId,
        /// Why.
        because: String,
    },
    /// A running step is being stopped.
    StopAsked {
        /// Which step.
        step: StepId,
        /// Which try.
        attempt: u32,
        /// Forward or back.
        leg: Leg,
        /// Who, where somebody did; `None` when its time was over.
        by: Option<String>,
    },
    /// Somebody wants something measured now.
    MeasureAsked {
        /// Which probe.
        probe: ProbeId,
        /// Who.
        by: String,
    },
    /// Somebody wants a comparison to ask more of its servers, less, or nothing for a while.
    LoadAsked {
        /// Which comparison.
        probe: ProbeId,
        /// What.
        change: LoadChange,
        /// Who.
        by: String,
    },
    /// A failed step will be tried again.
    RetryPlanned {
        /// Which step.
        step: StepId,
        /// Not before this much more of boot time, in milliseconds.
        after_ms: u64,
    },
    /// A step will not be done.
    StepSkipped {
        /// Which step.
        step: StepId,
        /// Who says so.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody settled what nobody knew.
    StepSettled {
        /// Which step.
        step: StepId,
        /// Forward or back.
        leg: Leg,
        /// `true`: it happened. `false`: it did not.
        happened: bool,
        /// Who says so.
        by: String,
        /// How they know.
        reason: String,
    },

    /// What a monitor holds still was written down.
    BaselineTaken {
        /// Which monitor.
        probe: ProbeId,
        /// Digest of the baseline's file.
        digest: String,
        /// How many objects it covers.
        objects: u64,
    },
    /// A reading crossed a line: it is good, bad or unknown now and was not before.
    VerdictChanged {
        /// Which probe.
        probe: ProbeId,
        /// Now.
        verdict: Verdict,
        /// What a person reads; foreign text.
        text: String,
        /// Digest of exactly what is wrong, so that a waiver covers this and nothing else.
        finding: Option<String>,
    },
    /// A link has been at zero for its whole window.
    ZeroHeld {
        /// Which link.
        link: ProbeId,
        /// For this long, in milliseconds.
        for_ms: u64,
        /// So many samples in it.
        samples: u32,
        /// The position that was reached.
        position: String,
        /// The marker that came through, and in how many milliseconds.
        marker: Option<(String, u64)>,
    },
    /// A link is no longer at zero, or nobody knows.
    ZeroLost {
        /// Which link.
        link: ProbeId,
        /// Why.
        because: String,
    },
    /// A side stopped or began taking writes, as it was asked to.
    FenceChanged {
        /// Which side.
        endpoint: EndpointId,
        /// What it is now.
        state: FenceState,
        /// Where its log stood.
        position: Option<String>,
        /// When it took effect, by the clock of whoever set it.
        at: Timestamp,
    },
    /// Somebody ends a session of the census.
    SessionEndAsked {
        /// On which side.
        endpoint: EndpointId,
        /// Which.
        session: String,
        /// What it is called.
        application: String,
        /// Who says so.
        by: String,
    },
    /// A session of the census has ended, or not.
    SessionEnded {
        /// On which side.
        endpoint: EndpointId,
        /// Which.
        session: String,
        /// `None` when it ended, else why not.
        failed: Option<String>,
    },

    /// Something asks for an action.
    AlarmRaised {
        /// What raises it; one alarm a cause.
        alarm: AlarmId,
        /// How loud.
        severity: Severity,
        /// What a person reads; foreign text.
        text: String,
    },
    /// Its cause is gone.
    AlarmCleared {
        /// Which.
        alarm: AlarmId,
    },
    /// Somebody has seen it.
    AlarmAcknowledged {
        /// Which.
        alarm: AlarmId,
        /// Who.
        by: String,
    },

    /// A decision is asked for.
    GateOpened {
        /// Which gate; `rollback` for the way back.
        gate: StepId,
        /// Counts the times it was asked, from 1.
        revision: u32,
    },
    /// There is a new sheet: what was seen before is void.
    SheetDrawn {
        /// Which gate.
        gate: StepId,
        /// Its number, from 1 in every revision.
        sheet: u32,
        /// Its digest.
        digest: String,
        /// What it rests on.
        lines: Vec<SheetLine>,
    },
    /// The sheet got better: what was seen before still counts.
    SheetImproved {
        /// Which gate.
        gate: StepId,
        /// Its number, unchanged.
        sheet: u32,
        /// Its digest now.
        digest: String,
        /// What it rests on now.
        lines: Vec<SheetLine>,
    },
    /// Somebody goes on in spite of one exact finding.
    Waived {
        /// At which gate.
        gate: StepId,
        /// Which evidence.
        evidence: String,
        /// Digest of exactly what is wrong.
        finding: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody decided.
    GateDecided {
        /// Which gate.
        gate: StepId,
        /// On which asking.
        revision: u32,
        /// On which sheet.
        sheet: u32,
        /// … with which digest.
        digest: String,
        /// What.
        decision: Decision,
        /// Who.
        by: String,
        /// Why, for a NO-GO.
        reason: String,
        /// The sheet with its values and ages at that moment.
        frozen: Vec<FrozenLine>,
    },

    /// Nothing new starts.
    Held {
        /// Why.
        cause: HoldCause,
        /// Who, where somebody did.
        by: Option<String>,
        /// In words.
        reason: String,
    },
    /// It goes on.
    Released {
        /// Who.
        by: String,
    },
    /// The way back was asked for; its gate opens.
    RollbackAsked {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The way back was thought better of before its gate said GO.
    RollbackDropped {
        /// Who.
        by: String,
    },
    /// The way back began.
    RollbackStarted {
        /// Which way.
        way: Way,
        /// Who ordered it.
        by: String,
    },
    /// The run is given up before the switch.
    Aborted {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The run is over.
    RunFinished {
        /// How.
        ending: Ending,
    },
    /// Somebody wrote something down.
    Noted {
        /// Who.
        by: String,
        /// What; foreign text.
        text: String,
    },
    /// The engine cannot go on: the last record on this disk.
    Halted {
        /// Why.
        cause: String,
    },
}

/// How a run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run's id.
    pub run: String,
    /// Live or not.
    pub mode: Mode,
    /// The plan's name.
    pub plan: String,
    /// What this very plan is.
    pub pins: Pins,
    /// Who drives, as they say.
    pub operator: String,
    /// … and as the machine says.
    pub account: String,
    /// On which host the engine runs.
    pub host: String,
    /// The boot it runs in.
    pub boot_id: String,
    /// Version of the program.
    pub version: String,
}

/// Live or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode")]
pub enum Mode {
    /// Everything is real.
    Live,
    /// Nothing is changed.
    Rehearsal {
        /// Which rehearsal of this plan, from 1.
        number: u32,
        /// Virtual seconds in a real one.
        speed: f64,
        /// What it can teach.
        grade: Grade,
    },
}

/// What a rehearsal can teach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Effects and probes are made up.
    Simulated,
}

/// How a comparison is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "to", content = "of")]
pub enum LoadChange {
    /// It asks nothing until somebody lets it.
    Hold,
    /// It goes on.
    GoOn,
    /// With so many connections a side.
    Connections(u64),
}

impl LoadChange {
    /// The same, with no fewer connections than one and no more than a server has room for.
    #[must_use]
    pub fn within_bounds(self) -> LoadChange {
        match self {
            LoadChange::Connections(n) => LoadChange::Connections(n.clamp(1, TablesProbe::MOST_CONNECTIONS)),
            LoadChange::Hold | LoadChange::GoOn => self,
        }
    }
}

/// Forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// What the step does.
    Forward,
    /// What takes it back.
    Undo,
}

/// How what was set going has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum Outcome {
    /// It did what it should.
    Done,
    /// It said it could not.
    Failed {
        /// A command's exit code, where it had one.
        code: Option<i32>,
    },
    /// It was never launched: nothing has happened.
    NotStarted,
    /// It took too long and was stopped; what it changed nobody knows.
    TimedOut,
    /// It was stopped on purpose; what it changed nobody knows.
    Stopped,
    /// Nobody knows whether it ended well.
    Unknown,
}

/// A step's output, by what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// SHA-256 of all of it, in hex.
    pub sha256: String,
    /// All of it, in bytes.
    pub bytes: u64,
}

/// What raises an alarm: the same cause is the same alarm.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "of", content = "id")]
pub enum AlarmId {
    /// A probe that is bad or unknown.
    Probe(ProbeId),
    /// A step that failed, is unknown, or reopened.
    Step(StepId),
    /// Writes have been refused for longer than the budget, or will be.
    OutageBudget,
    /// The window is over or will not do.
    Window,
    /// Nobody has their hands on the keys while writes are stopped.
    NoOperator,
}

/// One line of an evidence sheet: what the digest is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetLine {
    /// What it is about: a probe's id, `step:ID` or `alarm:…`.
    pub id: String,
    /// What it is worth, waived or not.
    pub verdict: Verdict,
    /// What is asked of it.
    pub bound: String,
    /// The position at which it holds, where it has one.
    pub position: Option<String>,
    /// The finding that is waived, where one is.
    pub waived: Option<String>,
}

/// One line of a sheet as it stood when a decision was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenLine {
    /// The line.
    pub line: SheetLine,
    /// What a person read.
    pub text: String,
    /// How old it was, in milliseconds.
    pub age_ms: Option<u64>,
}

/// What was decided at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// On.
    Go,
    /// Not now: the run holds.
    NoGo,
}

/// Why nothing new starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldCause {
    /// Somebody pressed the key.
    Asked,
    /// A gate said NO-GO.
    NoGo,
    /// Nobody has their hands on the keys.
    NoOperator,
    /// An engine took the run up again.
    Resumed,
    /// Somebody took the helm.
    HelmTaken,
    /// An undo failed.
    Stuck,
    /// An abort was asked for after the switch.
    AbortAfterSwitch,
}

/// Which way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Nothing has moved: finished steps are undone in reverse.
    Undo,
    /// Users have moved: the plan's own rollback phase.
    Phase,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything is done.
    Done,
    /// Back where it was.
    RolledBack,
    /// Given up.
    Aborted,
}
