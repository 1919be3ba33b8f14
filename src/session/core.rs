//! The heart of the engine process: decide, write down, then act; in this order and in one place.
//!
//! Owns the plan, the state, the readings and the journal's writer. Everything is decided by
//! [`engine::decide`], held back in a batch, and leaves only through [`Core::commit`], which appends the batch
//! with one write and one sync: what is decided within a batch stands on what was decided before it in the same
//! batch, and nobody outside sees any of it until it is on disk. If that fails, nothing of it ever was.
//!
//! Knows no sockets, no tasks and no waiting: that is `engine` beside it.
//!
//! [`engine::decide`]: crate::engine::decide

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::clock::{Clock, Now};
use crate::engine::effect::{Effect, effects};
use crate::engine::event::{Event, Mode, RunStarted};
use crate::engine::input::Input;
use crate::engine::reading::Reading;
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::engine::rules::span;
use crate::engine::state::At;
use crate::engine::{State, decide};
use crate::journal::record::{self, RecordError};
use crate::journal::{AppendError, Expected, Lock, Mended, Record, RunFolder, RunId, StartError, Writer};
use crate::plan::{Plan, ProbeId};

/// More events than this from one look at the clock can only be rules that contradict each other.
const MOST_AT_ONCE: usize = 100_000;

/// The engine's plan, state, readings and journal.
pub struct Core {
    plan: Plan,
    state: State,
    readings: Readings,
    clock: Clock,
    run: PathBuf,
    writer: Writer,
    records: Vec<Vec<u8>>,
    effects: Vec<Effect>,
}

/// Why the engine cannot go on. Nothing that was decided since the last commit has happened.
#[derive(Debug)]
pub enum Fatal {
    /// The journal could not be opened.
    Start(StartError),
    /// The journal could not be appended to.
    Append(AppendError),
    /// A record could not be written or understood.
    Record(RecordError),
    /// The journal's first record is not that of a run of this plan.
    NotThisPlan(String),
    /// The run is over.
    Over,
    /// The rules never came to rest: a fault of this program.
    Restless(Box<Event>),
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fatal::Start(error) => error.fmt(f),
            Fatal::Append(error) => error.fmt(f),
            Fatal::Record(error) => error.fmt(f),
            Fatal::NotThisPlan(why) => write!(
                f,
                "the run's copy of the plan is not the one that its record pins: {why}. Put the copy back as it was"
            ),
            Fatal::Over => f.write_str("the run is over: watch it, or begin another"),
            Fatal::Restless(event) => write!(
                f,
                "the rules did not come to rest within {MOST_AT_ONCE} events; the last was {event:?}. This is a fault of the program: hold the run and report it"
            ),
        }
    }
}

impl std::error::Error for Fatal {}

/// Why an input had no effect.
#[derive(Debug)]
pub enum Stop {
    /// It was refused; the engine goes on.
    Refused(Refusal),
    /// The engine cannot go on.
    Fatal(Fatal),
}

impl From<Fatal> for Stop {
    fn from(fatal: Fatal) -> Stop {
        Stop::Fatal(fatal)
    }
}

/// What a commit has made real.
#[derive(Debug, Default)]
pub struct Committed {
    /// The last record.
    pub seq: u64,
    /// What is to be set going now.
    pub effects: Vec<Effect>,
}

impl Core {
    /// Opens a run: begins its journal, or goes on with the one that another engine left. What that leads to
    /// is decided, and on disk with the next commit.
    ///
    /// `clock` makes the run's clock from what was recorded, so that a rehearsal goes on where it was.
    pub fn open(
        folder: RunFolder,
        lock: Lock,
        plan: Plan,
        started: &RunStarted,
        id: &RunId,
        clock: impl FnOnce(&Plan, &State) -> Clock,
    ) -> Result<Core, Fatal> {
        let run = folder.path().to_owned();
        let real = Clock::system().now();
        let mut state = State::new(&plan);
        let (writer, mended) = if run.join("journal").exists() {
            replay(&run, &plan, &mut state, |each| {
                let expected = Expected { run: Some(id.clone()), ..Expected::default() };
                Writer::resume(folder, lock, &expected, real, each)
            })?
        } else {
            (Writer::create(folder, lock, id, real).map_err(Fatal::Start)?, None)
        };
        let input = match &state.run {
            // An engine that died before its first record was on disk has begun nothing.
            None => Input::Begin(Box::new(started.clone())),
            Some(before) if before.pins.resolved != plan.pins.resolved => {
                let (is, was) = (&plan.pins.resolved, &before.pins.resolved);
                return Err(Fatal::NotThisPlan(format!("it has {is}, the record says {was}")));
            }
            Some(_) if state.is_over() => return Err(Fatal::Over),
            Some(_) => {
                Input::Resume { boot_id: started.boot_id.clone(), torn_bytes: mended.map_or(0, |m| m.bytes) }
            }
        };
        let readings = Readings::new(started.mode != Mode::Live);
        let clock = clock(&plan, &state);
        let (records, effects) = (Vec::new(), Vec::new());
        let mut core = Core { plan, state, readings, clock, run, writer, records, effects };
        match core.decide(input) {
            Ok(_) => Ok(core),
            Err(Stop::Fatal(fatal)) => Err(fatal),
            Err(Stop::Refused(refusal)) => Err(Fatal::NotThisPlan(refusal.to_string())),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is true, what has been decided since the last commit included.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The run's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The run's folder.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Which probes count now or are waited for. What was measured of the others is forgotten.
    pub fn wanted(&mut self) -> HashSet<ProbeId> {
        let (wanted, others): (Vec<_>, Vec<_>) =
            self.plan.probes.iter().partition(|probe| span::is_wanted(&self.plan, &self.state, probe));
        for probe in others {
            self.readings.forget(&probe.id);
        }
        wanted.into_iter().map(|probe| probe.id.clone()).collect()
    }

    /// Takes a reading in. What follows from it is decided by the next [`Core::settle`].
    pub fn measured(&mut self, reading: Reading) {
        self.readings.apply(&self.plan, reading);
    }

    /// Decides an input. What it leads to is one record, gone into the batch; its number is given back.
    pub fn decide(&mut self, input: Input) -> Result<u64, Stop> {
        let now = self.clock.now();
        let events = decide(&self.plan, &self.state, &self.readings, input, now).map_err(Stop::Refused)?;
        let at = self.next(now);
        self.apply(at, &events);
        self.write_down(at, now, &events)?;
        Ok(self.state.seq)
    }

    /// Decides what follows from time and readings until nothing more does; all of it is one record.
    pub fn settle(&mut self) -> Result<(), Fatal> {
        let now = self.clock.now();
        let at = self.next(now);
        let mut all = Vec::new();
        // A tick is never refused: nobody asked.
        while let Ok(events) = decide(&self.plan, &self.state, &self.readings, Input::Tick, now) {
            if events.is_empty() {
                break;
            }
            self.apply(at, &events);
            all.extend(events);
            if let Some(last) = all.last().filter(|_| all.len() > MOST_AT_ONCE) {
                return Err(Fatal::Restless(Box::new(last.clone())));
            }
        }
        self.write_down(at, now, &all)
    }

    /// What the next commit will set going.
    pub fn pending(&self) -> &[Effect] {
        &self.effects
    }

    /// Puts everything that was decided on disk with one write and one sync, and hands out what it sets going.
    pub fn commit(&mut self) -> Result<Committed, Fatal> {
        if !self.records.is_empty() {
            self.writer.append_batch(&self.records, self.clock.now()).map_err(Fatal::Append)?;
            self.records.clear();
        }
        Ok(Committed { seq: self.writer.next_seq() - 1, effects: std::mem::take(&mut self.effects) })
    }

    /// Shows that the engine lives.
    pub fn beat(&mut self) -> Result<(), Fatal> {
        self.writer.beat(self.clock.now()).map_err(Fatal::Append)
    }

    /// Closes the record of a run that is over.
    pub fn finish(self) -> Result<(), Fatal> {
        self.writer.finish(self.clock.now()).map_err(Fatal::Append)
    }

    /// Writes the last record of a run that cannot go on, where the disk still lets us.
    pub fn halt(self, cause: &str) -> Result<(), String> {
        let (now, seq) = (self.clock.now(), self.writer.next_seq());
        let halted = [Event::Halted { cause: cause.to_owned() }];
        let payload = record::encode(&self.run, seq, now, &halted).map_err(|e| e.to_string())?;
        self.writer.halt(&payload, now).map(drop).map_err(|e| e.to_string())
    }

    fn next(&self, now: Now) -> At {
        At { seq: self.writer.next_seq() + self.records.len() as u64, wall: now.wall, boot: now.boot }
    }

    fn apply(&mut self, at: At, events: &[Event]) {
        for event in events {
            self.state.apply(&self.plan, at, event);
            self.effects.extend(effects(&self.plan, &self.state, event));
        }
    }

    fn write_down(&mut self, at: At, now: Now, events: &[Event]) -> Result<(), Fatal> {
        if !events.is_empty() {
            self.records.push(record::encode(&self.run, at.seq, now, events).map_err(Fatal::Record)?);
        }
        Ok(())
    }
}

/// Opens a journal and folds its records into `state` on the way.
fn replay(
    run: &Path,
    plan: &Plan,
    state: &mut State,
    open: impl FnOnce(&mut dyn FnMut(Record<'_>)) -> Result<(Writer, Option<Mended>), StartError>,
) -> Result<(Writer, Option<Mended>), Fatal> {
    let mut failed = None;
    let opened = open(&mut |raw| {
        if failed.is_none() {
            match record::decode(run, &raw) {
                Ok(entry) => {
                    for event in &entry.events {
                        state.apply(plan, entry.at, event);
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
    });
    match failed {
        Some(error) => Err(Fatal::Record(error)),
        None => opened.map_err(Fatal::Start),
    }
}
