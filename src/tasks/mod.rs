//! The async task layer: whatever the engine asks of the world, and whatever comes back.
//!
//! A [`Performer`] is either real or a rehearsal's simulator; the engine's process starts effects with it and
//! reads what has [`Happened`], and cannot tell which it drives. Every attempt that is started ends in exactly
//! one report, every look in one reading. Nothing here decides anything.
//!
//! - [`sampler`]: looks, on schedule and when asked; baselines and last outputs in the run folder
//! - [`executor`]: steps, their undo, sessions, alarms
//! - [`simulator`]: the same, made up

mod simulator;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Boot, Clock};
use crate::engine::State;
use crate::engine::event::Leg;
use crate::engine::input::Report;
use crate::engine::reading::{FenceState, Reading};
use crate::engine::state::{Status, UndoStatus};
use crate::plan::{EndpointId, Plan, ProbeId, StepId};

/// What comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A look.
    Reading(Reading),
    /// An end of something that was set going.
    Report(Report),
}

/// A try of a step or of its undo.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    /// Which step.
    pub step: StepId,
    /// Which try.
    pub number: u32,
    /// Forward or back.
    pub leg: Leg,
}

/// What the record already says when a performer begins; nothing in a new run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Tries that were set going and have no end on record.
    pub running: Vec<Attempt>,
    /// Digests of baselines.
    pub baselines: HashMap<ProbeId, String>,
    /// Sides whose fence somebody has changed, and what they are.
    pub sides: HashMap<EndpointId, (FenceState, Option<String>)>,
    /// Steps that are done and not taken back, in no order.
    pub done: Vec<StepId>,
}

impl Known {
    /// What a state says.
    pub fn of(plan: &Plan, state: &State) -> Known {
        let done = state.steps.iter().enumerate().filter(|(_, s)| s.status == Status::Done && s.undo != UndoStatus::Done);
        Known {
            running: state
                .running(plan)
                .map(|(step, number, leg)| Attempt { step, number, leg })
                .collect(),
            baselines: state.baselines.clone(),
            sides: state.sides.iter().map(|(id, side)| (id.clone(), (side.state, side.position.clone()))).collect(),
            done: done.filter_map(|(slot, _)| plan.at_slot(slot)).map(|step| step.id.clone()).collect(),
        }
    }
}

/// What a performer is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What should happen.
    pub plan: Arc<Plan>,
    /// The run's id, which commands are told.
    pub run: String,
    /// Where relative paths of the plan are looked for, and where commands run.
    pub root: PathBuf,
    /// The run folder.
    pub folder: PathBuf,
    /// This very program, which is the step shim too.
    pub exe: PathBuf,
    /// The time.
    pub clock: Clock,
    /// What the record already says.
    pub known: Known,
}

/// How long after the start a probe is looked at first: spread by its name, so that a plan full of probes
/// does not ask everybody everything at once.
fn first_look(probe: &ProbeId, every: std::time::Duration) -> std::time::Duration {
    let spread = every.min(std::time::Duration::from_secs(1));
    let hash = probe.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    spread.mul_f64(f64::from(u16::try_from(hash >> 48).unwrap_or(0)) / f64::from(u16::MAX))
}
