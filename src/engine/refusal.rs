//! Every no of the engine, with the data behind it. Each says what was refused and what to do instead.

use std::fmt;

use super::event::AlarmId;
use super::rules::called;
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

impl Refusal {
    /// The refusal as a person reads it: steps and probes by their titles.
    pub fn said(&self, plan: &Plan) -> String {
        match self {
            Refusal::WrongStatus { step, is, wants } => {
                format!("{} is {is}; this wants {wants}", called::step(plan, step))
            }
            Refusal::Before { step, waits_for } => {
                format!("{} waits for {waits_for}", called::step(plan, step))
            }
            Refusal::NotSkippable(id, why) => {
                format!("{} may not be skipped: {why}", called::step(plan, id))
            }
            Refusal::GateNotOpen(id) => {
                format!("nobody asks for a decision at {} now", called::step(plan, id))
            }
            Refusal::NoSuchAlarm(id) => {
                format!("no alarm of {} wants an answer any more", called::alarm(plan, id))
            }
            Refusal::NothingToWaive(id) => {
                let what = called::evidence(plan, id);
                format!("{what} has no such finding now: look at the sheet again")
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotRunning => f.write_str("the run is over: nothing can be changed any more"),
            Refusal::NotForward => f.write_str("the run is on its way back: only the way back goes on"),
            Refusal::NoSuchStep(id) => write!(f, "the plan has no step {id}"),
            Refusal::NoSuchProbe(id) => write!(f, "the plan has no probe {id}"),
            Refusal::NoSuchAlarm(id) => {
                write!(f, "{} wants no answer", super::rules::evidence::alarm_name(id))
            }
            Refusal::StaleReport(id, attempt) => {
                write!(f, "a late report of try {attempt} of {id}: left out")
            }
            Refusal::Held(why) if why.is_empty() => f.write_str("the run is held: let it go on first"),
            Refusal::Held(why) => write!(f, "the run is held ({why}): let it go on first"),
            Refusal::HelmTaken { name, .. } => {
                write!(f, "{name} has the keys: take the helm, or watch")
            }
            Refusal::WrongStatus { step, is, wants } => write!(f, "{step} is {is}; this wants {wants}"),
            Refusal::Before { step, waits_for } => write!(f, "{step} waits for {waits_for}"),
            Refusal::IdentityNotProved(which) => {
                write!(f, "{which} has not proved what it is: nothing is changed until it has")
            }
            Refusal::NotSkippable(id, why) => write!(f, "{id} may not be skipped: {why}"),
            Refusal::ReasonMissing => f.write_str("a reason is wanted: it goes on the record"),
            Refusal::GateNotOpen(id) => write!(f, "nobody asks for a decision at {id} now"),
            Refusal::SheetChanged { answered, now, what } => {
                write!(f, "sheet {answered} is void, {now} counts: {what}")
            }
            Refusal::EvidenceMissing(what) => write!(f, "not yet: {}", what.join(", ")),
            Refusal::NoCode => f.write_str("no code was given out for this sheet: look at it again"),
            Refusal::WrongCode => f.write_str("that is not the code on the gate"),
            Refusal::TooEarly { wait_ms } => {
                write!(f, "too early: the gate arms in {}.{}s", wait_ms / 1000, wait_ms % 1000 / 100)
            }
            Refusal::WrongWord => f.write_str("that is not the target's word"),
            Refusal::WrongWaiverCount { are } => write!(f, "{are} waived: type that number"),
            Refusal::NothingToWaive(what) => {
                write!(f, "{what} has no such finding now: look at the sheet again")
            }
            Refusal::NoSuchSession(endpoint, session) => {
                write!(f, "{endpoint} has no session {session} any more")
            }
            Refusal::NoWayBack(why) => write!(f, "there is no way back: {why}"),
            Refusal::NotAuthorized(who) => {
                write!(f, "the way back may be ordered by {}: ask one of them", who.join(", "))
            }
            Refusal::NotHeld => f.write_str("the run is not held"),
            Refusal::RollbackNotAsked => f.write_str("the way back was not asked for"),
        }
    }
}

impl std::error::Error for Refusal {}
