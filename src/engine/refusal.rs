//! Every no of the engine, with the data behind it. Each says what was refused and what to do instead.

use std::fmt;

use super::event::AlarmId;
use super::rules::called;
use super::rules::evidence::alarm_name;
use crate::clock::Timestamp;
use crate::plan::{EndpointId, Plan, ProbeId, StepId};

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The run has not begun, or is over.
    NotRunning,
    /// The run is not going forward any more.
    NotForward,
    /// The plan has no such step.
    NoSuchStep(StepId),
    /// The plan has no such probe.
    NoSuchProbe(ProbeId),
    /// It compares no tables.
    NoComparison(ProbeId),
    /// There is no such alarm.
    NoSuchAlarm(AlarmId),
    /// A report of an attempt that is not the one that runs.
    StaleReport(StepId, u32),
    /// Nothing new starts while the run is held.
    Held(String),
    /// Somebody else has the keys.
    HelmTaken {
        /// Who.
        name: String,
        /// Since when.
        since: Timestamp,
    },
    /// The step is not in a state in which that can be done.
    WrongStatus {
        /// Which.
        step: StepId,
        /// What it is.
        is: &'static str,
        /// What would have to be.
        wants: &'static str,
    },
    /// What comes before it is not finished.
    Before {
        /// Which step.
        step: StepId,
        /// What is not finished.
        waits_for: String,
    },
    /// A system has not proved what it is.
    IdentityNotProved(String),
    /// The step may not be left out.
    NotSkippable(StepId, &'static str),
    /// A reason is wanted and none was given.
    ReasonMissing,
    /// Nobody asks for this decision now.
    GateNotOpen(StepId),
    /// What the person saw is not what is true now.
    SheetChanged {
        /// The sheet that was answered.
        answered: u32,
        /// The sheet that counts.
        now: u32,
        /// What changed, in words.
        what: String,
    },
    /// Evidence is missing, bad or old.
    EvidenceMissing(Vec<String>),
    /// No code was given out for this sheet to this person, or it is void.
    NoCode,
    /// The code is not the one that stands on the gate.
    WrongCode,
    /// The code is not armed yet.
    TooEarly {
        /// So many milliseconds more.
        wait_ms: u64,
    },
    /// The target's word was not typed as it is.
    WrongWord,
    /// The number of waivers was not typed as it is.
    WrongWaiverCount {
        /// How many there are.
        are: u32,
    },
    /// That evidence is not on the sheet, is fine, or is about something else by now.
    NothingToWaive(String),
    /// No such session is known.
    NoSuchSession(EndpointId, String),
    /// There is no way back any more.
    NoWayBack(String),
    /// Only some people may order the way back.
    NotAuthorized(Vec<String>),
    /// The run is not held.
    NotHeld,
    /// The way back was not asked for.
    RollbackNotAsked,
}

/// What a refusal names by its id.
enum Named<'a> {
    Step(&'a StepId),
    Alarm(&'a AlarmId),
    Evidence(&'a str),
}

impl Refusal {
    /// The refusal as a person reads it: steps and probes by their titles.
    pub fn said(&self, plan: &Plan) -> String {
        self.words(|named| match named {
            Named::Step(id) => called::step(plan, id).to_owned(),
            Named::Alarm(id) => called::alarm(plan, id).to_owned(),
            Named::Evidence(id) => called::evidence(plan, id),
        })
    }

    fn words(&self, called: impl Fn(Named<'_>) -> String) -> String {
        match self {
            Refusal::NotRunning => "the run is over: nothing can be changed any more".to_owned(),
            Refusal::NotForward => "the run is on its way back: only the way back goes on".to_owned(),
            Refusal::NoSuchStep(id) => format!("the plan has no step {id}"),
            Refusal::NoSuchProbe(id) => format!("the plan has no probe {id}"),
            Refusal::NoComparison(id) => format!("{id} compares no tables: there is nothing to hold"),
            Refusal::NoSuchAlarm(id) => {
                format!("no alarm of {} wants an answer any more", called(Named::Alarm(id)))
            }
            Refusal::StaleReport(id, attempt) => {
                format!("a late report of try {attempt} of {id}: left out")
            }
            Refusal::Held(why) if why.is_empty() => "the run is held: let it go on first".to_owned(),
            Refusal::Held(why) => format!("the run is held ({why}): let it go on first"),
            Refusal::HelmTaken { name, .. } => {
                format!("{name} has the keys: take the helm, or watch")
            }
            Refusal::WrongStatus { step, is, wants } => {
                format!("{} is {is}; this wants {wants}", called(Named::Step(step)))
            }
            Refusal::Before { step, waits_for } => {
                format!("{} waits for {waits_for}", called(Named::Step(step)))
            }
            Refusal::IdentityNotProved(which) => {
                format!("{which} has not proved what it is: nothing is changed until it has")
            }
            Refusal::NotSkippable(id, why) => {
                format!("{} may not be skipped: {why}", called(Named::Step(id)))
            }
            Refusal::ReasonMissing => "a reason is wanted: it goes on the record".to_owned(),
            Refusal::GateNotOpen(id) => {
                format!("nobody asks for a decision at {} now", called(Named::Step(id)))
            }
            Refusal::SheetChanged { answered, now, what } => {
                format!("sheet {answered} is void, {now} counts: {what}")
            }
            Refusal::EvidenceMissing(what) => format!("not yet: {}", what.join(", ")),
            Refusal::NoCode => "no code was given out for this sheet: look at it again".to_owned(),
            Refusal::WrongCode => "that is not the code on the gate".to_owned(),
            Refusal::TooEarly { wait_ms } => {
                format!("too early: the gate arms in {}.{}s", wait_ms / 1000, wait_ms % 1000 / 100)
            }
            Refusal::WrongWord => "that is not the target's word".to_owned(),
            Refusal::WrongWaiverCount { are } => format!("{are} waived: type that number"),
            Refusal::NothingToWaive(what) => {
                format!("{} has no such finding now: look at the sheet again", called(Named::Evidence(what)))
            }
            Refusal::NoSuchSession(endpoint, session) => {
                format!("{endpoint} has no session {session} any more")
            }
            Refusal::NoWayBack(why) => format!("there is no way back: {why}"),
            Refusal::NotAuthorized(who) => {
                format!("the way back may be ordered by {}: ask one of them", who.join(", "))
            }
            Refusal::NotHeld => "the run is not held".to_owned(),
            Refusal::RollbackNotAsked => "the way back was not asked for".to_owned(),
        }
    }
}

/// With ids: for whoever has no plan at hand.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(|named| match named {
            Named::Step(id) => id.to_string(),
            Named::Alarm(id) => alarm_name(id),
            Named::Evidence(id) => id.to_owned(),
        }))
    }
}

impl std::error::Error for Refusal {}
