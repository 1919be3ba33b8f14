//! The async task layer: whatever the engine asks of the world, and whatever comes back.
//!
//! A [`Performer`] is either real or a rehearsal's simulator; the engine's process starts effects with it and
//! reads what has [`Happened`], and cannot tell which it drives. Every attempt that is started ends in exactly
//! one report, every look in one reading. Nothing here decides anything.
//!
//! - [`sampler`]: looks, on schedule and when asked; baselines and last outputs in the run folder
//! - [`executor`]: steps, their undo, sessions, alarms
//! - [`simulator`]: the same, made up

mod commands;
mod controls;
mod executor;
mod folder;
mod notices;
mod sampler;
mod sequences;
mod sides;
mod simulator;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use self::executor::Executor;
use self::sampler::Sampler;
use self::simulator::Simulator;
use crate::clock::{Clock, Timestamp};
use crate::databases::Position;
use crate::engine::State;
use crate::engine::course::Course;
use crate::engine::effect::Effect;
use crate::engine::event::Leg;
use crate::engine::input::Report;
use crate::engine::reading::{FenceState, Reading};
use crate::engine::state::{LoadAsked, Status, UndoStatus};
use crate::plan::model::{Link, Probe, ProbeKind};
use crate::plan::{EndpointId, Plan, ProbeId, StepId};
use crate::probes::Context;

pub use self::commands::step_folder;
pub use self::folder::last_path;

/// What comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A look.
    Reading(Reading),
    /// How a comparison stands.
    Course(Course),
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
    /// When the run began; `None` while that is not on record.
    pub began: Option<Timestamp>,
    /// Tries that were set going and have no end on record.
    pub running: Vec<Attempt>,
    /// Digests of baselines.
    pub baselines: HashMap<ProbeId, String>,
    /// Sides whose fence somebody has changed, and what they are.
    pub sides: HashMap<EndpointId, (FenceState, Option<String>)>,
    /// What comparisons may ask of their servers, where somebody has said so.
    pub loads: BTreeMap<ProbeId, LoadAsked>,
    /// Steps that are done and not taken back, in no order.
    pub done: Vec<StepId>,
    /// Steps that were left out on purpose.
    pub skipped: Vec<StepId>,
}

impl Known {
    /// What a state says.
    pub fn of(plan: &Plan, state: &State) -> Known {
        let steps = |wanted: Status| -> Vec<StepId> {
            let steps = state.steps.iter().enumerate();
            let slots = steps.filter(|(_, s)| s.status == wanted && s.undo != UndoStatus::Done);
            slots.filter_map(|(slot, _)| plan.at_slot(slot)).map(|step| step.id.clone()).collect()
        };
        Known {
            began: state.started,
            running: state.running(plan).map(|(step, number, leg)| Attempt { step, number, leg }).collect(),
            baselines: state.baselines.clone(),
            sides: state
                .sides
                .iter()
                .map(|(id, side)| (id.clone(), (side.state, side.position.clone())))
                .collect(),
            loads: state.loads.clone(),
            done: steps(Status::Done),
            skipped: steps(Status::Skipped),
        }
    }

    /// Whether a monitor holds still from the start: the step since which it counts has finished.
    fn counts(&self, probe: &Probe) -> bool {
        let finished = |step: &StepId| self.done.contains(step) || self.skipped.contains(step);
        probe.since.as_ref().is_none_or(finished) || self.baselines.contains_key(&probe.id)
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

/// So many happenings may wait for the engine before whoever has more waits too.
const WAITING: usize = 1024;

/// Whoever does what the engine asks: the real one, or a rehearsal's. Dropping it stops all looking and
/// whatever is done inside this process; commands go on in their shims.
pub struct Performer(Inner);

enum Inner {
    Real { sampler: Mutex<Option<Sampler>>, executor: Executor },
    Simulated(Simulator),
}

impl Performer {
    /// Touches the world. Begins to look at once, and sees to their end the tries that the record knows of.
    pub fn real(setup: Setup) -> (Performer, mpsc::Receiver<Happened>) {
        let (out, happened) = mpsc::channel(WAITING);
        let setup = Arc::new(setup);
        let context = Context::new(
            setup.root.clone(),
            setup.folder.join("scratch"),
            setup.plan.endpoints.clone(),
            links(&setup.plan),
            setup.clock.clone(),
        )
        .of_run(&setup.run, &setup.folder, setup.known.loads.clone(), tell(&out));
        let context = Arc::new(context);
        for (endpoint, (state, position)) in &setup.known.sides {
            if let (FenceState::Fenced | FenceState::Sealed, Some(position)) = (state, position) {
                context.moved.set(endpoint, None, Position(position.clone()));
            }
        }
        let sampler = Sampler::begin(&setup, &context, &out);
        let executor = Executor::new(Arc::clone(&setup), context, out);
        for attempt in &setup.known.running {
            executor.resume(attempt.clone());
        }
        (Performer(Inner::Real { sampler: Mutex::new(Some(sampler)), executor }), happened)
    }

    /// Touches nothing.
    pub fn simulated(setup: Setup) -> (Performer, mpsc::Receiver<Happened>) {
        let (out, happened) = mpsc::channel(WAITING);
        (Performer(Inner::Simulated(Simulator::begin(setup, out))), happened)
    }

    /// Makes ready for a try whose intent is about to be recorded; call it before that, so that a crash between
    /// the record and the start is known to have started nothing. May block for a moment.
    pub fn prepare(&self, attempt: &Attempt) {
        match &self.0 {
            Inner::Simulated(_) => {}
            Inner::Real { executor, .. } => executor.prepare(attempt),
        }
    }

    /// Sets effects going, in their order, and returns at once.
    pub fn start(&self, effects: &[Effect]) {
        match &self.0 {
            Inner::Simulated(simulator) => simulator.start(effects),
            Inner::Real { sampler, executor } => {
                for effect in effects {
                    started(sampler, executor, effect);
                }
            }
        }
    }

    /// Says which probes count now, or are waited for; the others are left alone, since every look costs
    /// somebody's database something.
    pub fn want(&self, wanted: impl Fn(&ProbeId) -> bool) {
        match &self.0 {
            Inner::Simulated(_) => {}
            Inner::Real { sampler, .. } => {
                if let Some(sampler) = lock(sampler).as_ref() {
                    sampler.want(wanted);
                }
            }
        }
    }

    /// Stops looking, and waits until everything that was set going has said its end.
    pub async fn settled(self) {
        match self.0 {
            Inner::Simulated(simulator) => drop(simulator),
            Inner::Real { sampler, executor } => {
                drop(sampler);
                executor.settled().await;
            }
        }
    }
}

fn links(plan: &Plan) -> Vec<Link> {
    let link = |probe: &Probe| match &probe.kind {
        ProbeKind::Link(link) => Some(link.clone()),
        _ => None,
    };
    plan.probes.iter().filter_map(link).collect()
}

fn started(sampler: &Mutex<Option<Sampler>>, executor: &Executor, effect: &Effect) {
    let attempt = |step: &StepId, number: u32, leg: Leg| Attempt { step: step.clone(), number, leg };
    match effect {
        Effect::Perform { step, attempt: number, leg } => executor.perform(attempt(step, *number, *leg)),
        Effect::Stop { step, attempt: number, leg } => executor.stop(&attempt(step, *number, *leg)),
        Effect::Measure { probe } => {
            if let Some(sampler) = lock(sampler).as_ref() {
                sampler.ask(probe);
            }
        }
        Effect::Load { probe, load } => executor.load(probe, *load),
        Effect::TakeBaseline { probe } => {
            if let Some(sampler) = lock(sampler).as_ref() {
                sampler.rebase(probe);
            }
        }
        Effect::EndSession { endpoint, session } => executor.end_session(endpoint.clone(), session.clone()),
        Effect::TellAlarm { alarm: _, text } => executor.tell(text.clone()),
        Effect::Finish => {
            drop(lock(sampler).take());
            executor.let_trails_go();
        }
    }
}

fn lock(sampler: &Mutex<Option<Sampler>>) -> MutexGuard<'_, Option<Sampler>> {
    sampler.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Passes on how comparisons stand. Where too much is waiting, or nobody listens any more, that is left out.
fn tell(out: &mpsc::Sender<Happened>) -> impl Fn(Course) + Send + Sync + 'static {
    let out = out.downgrade();
    move |course| {
        let Some(out) = out.upgrade() else { return };
        if let Err(TrySendError::Full(_)) = out.try_send(Happened::Course(course)) {
            tracing::warn!("too much is waiting: how a comparison stands is not told");
        }
    }
}
