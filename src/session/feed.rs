//! What cockpits and watchers read: the record up to what is acknowledged, and what was measured beside it.
//!
//! Owns a thread that follows a run's files and folds them into the same `State` and `Readings` that the engine
//! has; whoever draws takes the newest [`Snapshot`], and what came between is dropped. Writes nothing, so
//! a watcher costs the operator nothing. Knows no sockets.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::folder::{self, RunError};
use super::samples::{self, Sample};
use crate::clock::{Boot, Clock};
use crate::engine::State;
use crate::engine::event::Mode;
use crate::engine::readings::Readings;
use crate::engine::rules::span;
use crate::journal::record::{self, Entry};
use crate::journal::{Contact, Follower, Head, Lock, LockState, RunFolder, Verdict};
use crate::plan::secret::Missing;
use crate::plan::{Environment, Plan, ProbeId, load_copy};

/// How often the files are looked at: the reading of one short line.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many of the last records are kept for who scrolls back.
const TAIL: usize = 10_000;

/// A run at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The run's folder.
    pub run: PathBuf,
    /// The plan that it executes.
    pub plan: Arc<Plan>,
    /// What is true.
    pub state: Arc<State>,
    /// What was measured.
    pub readings: Arc<Readings>,
    /// The last records, oldest first.
    pub entries: Arc<Vec<Arc<Entry>>>,
    /// Records that an engine wrote and died before it told anybody: not in the state, and acknowledged only when
    /// another engine takes the run up.
    pub beyond: Arc<Vec<Arc<Entry>>>,
    /// How far the record is acknowledged; `None` before anything was read.
    pub head: Option<Head>,
    /// Whether the engine lives.
    pub contact: Contact,
    /// Whether a process holds the run's lock. A stopped one does, and does not beat.
    pub engine: bool,
    /// The run's clock: in a rehearsal it is not the wall's.
    pub clock: Clock,
    /// What is wrong with the record: what was read until then stands, nothing after it can be trusted.
    pub damage: Option<String>,
}

/// Why a run cannot be followed.
#[derive(Debug)]
pub enum FeedError {
    /// Its folder is none.
    Run(RunError),
    /// Its copy of the plan cannot be read any more.
    Plan {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Its record cannot even be begun.
    Journal(Verdict),
}

impl std::fmt::Display for FeedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FeedError::Run(error) => error.fmt(f),
            FeedError::Plan { path, why } => write!(
                f,
                "the run's copy of its plan, {}, cannot be used: {why}. Put it back as it was when the run began",
                path.display()
            ),
            FeedError::Journal(verdict) => verdict.fmt(f),
        }
    }
}

impl std::error::Error for FeedError {}

/// One reader of a run, looked at when somebody asks.
pub struct Feed {
    run: PathBuf,
    plan: Arc<Plan>,
    state: Arc<State>,
    readings: Arc<Readings>,
    entries: Arc<Vec<Arc<Entry>>>,
    beyond: Arc<Vec<Arc<Entry>>>,
    follower: Follower,
    samples: samples::Reader,
    /// The probes that counted, or were waited for, after the last record.
    wanted: HashSet<ProbeId>,
    rehearsal: bool,
    clock: Clock,
    last: Option<(Head, Contact, bool)>,
    damage: Option<String>,
}

impl Feed {
    /// Begins before the first record.
    pub fn open(run: &Path) -> Result<Feed, FeedError> {
        let start = folder::read_start(run).map_err(FeedError::Run)?;
        let (plan, _) = plan_of(run, &start)?;
        let follower = Follower::open(run).map_err(FeedError::Journal)?;
        Ok(Feed {
            run: run.to_owned(),
            state: Arc::new(State::new(&plan)),
            readings: Arc::new(Readings::new(start.mode != Mode::Live)),
            plan: Arc::new(plan),
            entries: Arc::default(),
            beyond: Arc::default(),
            follower,
            samples: samples::Reader::new(run),
            wanted: HashSet::new(),
            rehearsal: start.mode != Mode::Live,
            clock: Clock::system(),
            last: None,
            damage: None,
        })
    }

    /// Takes in what is new. True when a snapshot would show something else than before.
    pub fn poll(&mut self) -> bool {
        let mut changed = self.follow_record();
        changed |= self.follow_samples();
        changed
    }

    /// The run as it was at the last look.
    pub fn snapshot(&self) -> Snapshot {
        let (head, contact, engine) = match &self.last {
            Some((head, contact, engine)) => (Some(head.clone()), *contact, *engine),
            None => (None, Contact::NoContact(None), false),
        };
        Snapshot {
            run: self.run.clone(),
            plan: self.plan.clone(),
            state: self.state.clone(),
            readings: self.readings.clone(),
            entries: self.entries.clone(),
            beyond: self.beyond.clone(),
            head,
            contact,
            engine,
            clock: self.clock.clone(),
            damage: self.damage.clone(),
        }
    }

    fn follow_record(&mut self) -> bool {
        if self.damage.is_some() {
            return false;
        }
        let real = Clock::system().now();
        let mut new: Vec<Arc<Entry>> = Vec::new();
        let mut failed = None;
        let run = &self.run;
        let looked = self.follower.poll(real, |raw| {
            if failed.is_none() {
                match record::decode(run, &raw) {
                    Ok(entry) => new.push(Arc::new(entry)),
                    Err(error) => failed = Some(error.to_string()),
                }
            }
        });
        let came = !new.is_empty();
        if came {
            for entry in &new {
                let state = Arc::make_mut(&mut self.state);
                for event in &entry.events {
                    state.apply(&self.plan, entry.at, event);
                }
                if !self.readings.is_empty() {
                    self.begin_to_count(entry.at.boot);
                }
            }
            if self.readings.is_empty() {
                self.wanted = self.wanted();
            }
            let entries = Arc::make_mut(&mut self.entries);
            entries.extend(new);
            if entries.len() > TAIL + TAIL / 10 {
                entries.drain(..entries.len() - TAIL);
            }
        }
        let engine = RunFolder::look(&self.run)
            .and_then(|folder| Lock::state(&folder))
            .is_ok_and(|state| state != LockState::Free);
        if engine {
            self.beyond = Arc::default();
        } else if self.last.as_ref().is_none_or(|(_, _, was)| *was) {
            self.look_beyond();
        }
        let changed = match looked {
            Ok(look) => {
                let now = (look.head, look.contact, engine);
                let changed = self.last.as_ref() != Some(&now);
                self.last = Some(now);
                changed
            }
            Err(verdict) => {
                failed = Some(verdict.to_string());
                false
            }
        };
        self.damage = failed;
        came || changed || self.damage.is_some()
    }

    /// As the engine does, forgets what was measured of a probe before it began to count: until it is looked at
    /// again, nobody knows. What has stopped counting stays to be read.
    fn begin_to_count(&mut self, at: Boot) {
        let wanted = self.wanted();
        let before = |id: &ProbeId| {
            self.readings.track(id).and_then(|track| track.last.as_ref()).is_some_and(|last| last.boot < at)
        };
        let begun: Vec<&ProbeId> = wanted.difference(&self.wanted).filter(|id| before(id)).collect();
        if !begun.is_empty() {
            let readings = Arc::make_mut(&mut self.readings);
            for id in begun {
                readings.forget(id);
            }
        }
        self.wanted = wanted;
    }

    fn wanted(&self) -> HashSet<ProbeId> {
        let wanted = self.plan.probes.iter().filter(|probe| span::is_wanted(&self.plan, &self.state, probe));
        wanted.map(|probe| probe.id.clone()).collect()
    }

    /// What stands behind the head when no engine is alive any more.
    fn look_beyond(&mut self) {
        let mut found = Vec::new();
        let read = self.follower.unacknowledged(|raw| {
            // What cannot be understood here is judged by whoever takes the run up.
            found.extend(record::decode(&self.run, &raw).ok().map(Arc::new));
        });
        if let Err(error) = read {
            tracing::warn!(%error, "what stands behind the head cannot be read");
        }
        self.beyond = Arc::new(found);
    }

    fn follow_samples(&mut self) -> bool {
        let mut changed = false;
        let (plan, readings, clock) = (&self.plan, &mut self.readings, &mut self.clock);
        let rehearsal = self.rehearsal;
        let polled = self.samples.poll(|sample| {
            changed = true;
            match sample {
                Sample::Engine(engine) => {
                    *readings = Arc::new(Readings::new(rehearsal));
                    *clock = clock_of(engine, rehearsal);
                }
                Sample::Reading(reading) => Arc::make_mut(readings).apply(plan, reading),
                Sample::Course(course) => Arc::make_mut(readings).follow(course),
            }
        });
        if let Err(error) = polled {
            tracing::warn!(%error, "what was measured cannot be read");
        }
        changed
    }
}

/// The clock of an engine as it says itself; a live run's is the machine's.
pub fn clock_of(engine: samples::Engine, rehearsal: bool) -> Clock {
    if rehearsal { Clock::scaled_at(engine.speed, engine.origin) } else { Clock::system() }
}

/// In a rehearsal a reading is fresh for at least so much real time, however fast the run's own time goes: what a
/// busy machine is late by must not look like a probe that is silent.
const FRESH_AT_LEAST: Duration = Duration::from_secs(1);

/// The plan that a run executes, as its record pins it.
///
/// Beside it, the references in it that lead nowhere for this process: only an engine follows them.
pub fn plan_of(run: &Path, start: &folder::Start) -> Result<(Plan, Vec<Missing>), FeedError> {
    let path = folder::resolved_path(run);
    match load_copy(&path, &start.root, &Environment::of_process()) {
        Ok(loaded) if loaded.plan.pins.resolved == start.pins.resolved => {
            let mut plan = loaded.plan;
            plan.pins = start.pins.clone();
            if let Mode::Rehearsal { speed, .. } = start.mode {
                for probe in &mut plan.probes {
                    probe.max_age = probe.max_age.max(FRESH_AT_LEAST.mul_f64(speed));
                }
            }
            Ok((plan, loaded.missing))
        }
        Ok(_) => Err(FeedError::Plan { path, why: "it was changed since the run began".to_owned() }),
        Err(wrong) => Err(FeedError::Plan { path, why: wrong.summary() }),
    }
}

/// A thread that follows a run and keeps its newest snapshot.
pub struct Following {
    newest: Arc<Mutex<Option<Snapshot>>>,
    nudge: SyncSender<()>,
    stop: Arc<AtomicBool>,
}

impl Following {
    /// Begins to follow. `wake` is called from that thread when there is something new, and once with the error
    /// when the run cannot be followed at all; it must not wait.
    pub fn begin(
        run: PathBuf,
        wake: impl Fn(Result<(), FeedError>) + Send + 'static,
    ) -> std::io::Result<Following> {
        let newest = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let (nudge, nudged) = sync_channel(1);
        let (cell, stopped) = (newest.clone(), stop.clone());
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || follow(&run, &cell, &nudged, &stopped, &wake))?;
        Ok(Following { newest, nudge, stop })
    }

    /// The newest snapshot, once.
    pub fn take(&self) -> Option<Snapshot> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Looks at the files now: something has just been accepted.
    pub fn nudge(&self) {
        // A nudge that waits already does it.
        let _waiting = self.nudge.try_send(());
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.nudge();
    }
}

fn follow(
    run: &Path,
    cell: &Mutex<Option<Snapshot>>,
    nudged: &Receiver<()>,
    stop: &AtomicBool,
    wake: &impl Fn(Result<(), FeedError>),
) {
    let mut feed = match Feed::open(run) {
        Ok(feed) => feed,
        Err(error) => return wake(Err(error)),
    };
    while !stop.load(Ordering::Relaxed) {
        if feed.poll() {
            *cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed.snapshot());
            wake(Ok(()));
        }
        match nudged.recv_timeout(LOOK_EVERY) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
