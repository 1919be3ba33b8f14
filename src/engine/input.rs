//! What reaches the engine: intents of people, reports of what was set going, and the passing of time.
//!
//! Readings do not come this way: they go into `Readings`, and the next [`Input::Tick`] draws the conclusions.

use serde::{Deserialize, Serialize};

use super::event::{Decision, Leg, LoadChange, Outcome, OutputRef, RunStarted};
use super::reading::FenceState;
use crate::clock::{Boot, Timestamp};
use crate::plan::{EndpointId, ProbeId, StepId};

/// What reaches the engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// A new run.
    Begin(Box<RunStarted>),
    /// An engine took the run up again.
    Resume {
        /// The boot it runs in.
        boot_id: String,
        /// Bytes of a torn tail that were put aside.
        torn_bytes: u64,
    },
    /// Somebody connected with the keys.
    OperatorArrived {
        /// As they say.
        name: String,
        /// As the machine says.
        account: String,
        /// They typed that they take it from whoever has it.
        take: bool,
    },
    /// The one with the keys has not been heard of for three seconds.
    OperatorLost,
    /// Somebody wants something.
    Intent {
        /// Who, as they said when they arrived.
        by: String,
        /// What.
        intent: Intent,
        /// For a decision at a gate: what the engine issued to this very person for this very drawing.
        issued: Option<Issued>,
    },
    /// Something that was set going has an end.
    Report(Report),
    /// Time has passed, or readings have come.
    Tick,
}

/// What somebody wants. Travels from the cockpit to the engine over the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Intent {
    /// Begin a step that waits for its key.
    StartStep {
        /// Which.
        step: StepId,
    },
    /// A manual step (or a manual undo) is done.
    ConfirmStep {
        /// Which.
        step: StepId,
        /// What was done, in their words; may be empty.
        note: String,
    },
    /// A manual step could not be done.
    FailStep {
        /// Which.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// Try a failed step (or a stuck undo) again.
    RetryStep {
        /// Which.
        step: StepId,
    },
    /// Leave a step out.
    SkipStep {
        /// Which.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// Say what became of a step that nobody knows the end of.
    SettleStep {
        /// Which.
        step: StepId,
        /// `true`: it happened.
        happened: bool,
        /// How they know.
        reason: String,
    },
    /// Stop a running step.
    StopStep {
        /// Which.
        step: StepId,
    },
    /// Nothing new may start.
    Hold {
        /// Why; may be empty.
        reason: String,
    },
    /// Go on. A gate that said NO-GO asks again.
    Release,
    /// GO or NO-GO.
    DecideGate(GateAnswer),
    /// Go on at this gate in spite of one exact finding.
    Waive {
        /// Which gate.
        gate: StepId,
        /// Which evidence.
        evidence: String,
        /// Digest of exactly what is wrong, as the person saw it.
        finding: String,
        /// Why.
        reason: String,
    },
    /// Seen.
    AcknowledgeAlarm {
        /// Which; all where `None`.
        alarm: Option<super::event::AlarmId>,
    },
    /// End a session of the census.
    EndSession {
        /// On which side.
        endpoint: EndpointId,
        /// Which.
        session: String,
        /// What it is called.
        application: String,
    },
    /// Measure something now.
    Measure {
        /// Which probe.
        probe: ProbeId,
    },
    /// Have a comparison ask more of its servers, less, or nothing for a while.
    Load {
        /// Which comparison.
        probe: ProbeId,
        /// What.
        change: LoadChange,
    },
    /// Ask for the way back.
    AskRollback {
        /// Why.
        reason: String,
    },
    /// Think better of it.
    DropRollback,
    /// Give the run up.
    Abort {
        /// Why.
        reason: String,
    },
    /// Write something down.
    Note {
        /// What.
        text: String,
    },
}

/// An answer at a gate, with everything that binds it to what the person saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswer {
    /// Which gate.
    pub gate: StepId,
    /// On which asking.
    pub revision: u32,
    /// The sheet that was on the screen.
    pub sheet: u32,
    /// … and its digest.
    pub digest: String,
    /// GO or NO-GO.
    pub decision: Decision,
    /// For a NO-GO: why.
    pub reason: String,
    /// For a GO: the code that stood on the gate.
    pub code: String,
    /// For a GO past a switch or a point of no return: the target's word as typed.
    pub word: Option<String>,
    /// For the same, where something is waived: how many, as typed.
    pub waived: Option<u32>,
}

/// A code that the engine gave out for one drawing of one sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// For which gate.
    pub gate: StepId,
    /// For which asking.
    pub revision: u32,
    /// For which sheet.
    pub sheet: u32,
    /// Four characters; in no journal and on no watcher's screen.
    pub code: String,
    /// Not valid before this moment of real time.
    pub armed_at: Boot,
}

/// Something that was set going has an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A step, or its undo.
    Step {
        /// Which.
        step: StepId,
        /// Which try.
        attempt: u32,
        /// Forward or back.
        leg: Leg,
        /// How it ended.
        outcome: Outcome,
        /// What a person reads; foreign text.
        detail: String,
        /// Its output.
        output: Option<OutputRef>,
    },
    /// A side changed as it was asked to.
    Fence {
        /// Which side.
        endpoint: EndpointId,
        /// What it is now.
        state: FenceState,
        /// Where its log stood.
        position: Option<String>,
        /// When it took effect.
        at: Timestamp,
    },
    /// A session has ended, or could not be ended.
    Session {
        /// On which side.
        endpoint: EndpointId,
        /// Which.
        session: String,
        /// Why not, where it did not.
        failed: Option<String>,
    },
    /// A monitor wrote its baseline down.
    Baseline {
        /// Which.
        probe: ProbeId,
        /// Digest of the baseline's file.
        digest: String,
        /// How many objects it covers.
        objects: u64,
    },
}
