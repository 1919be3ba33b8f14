//! The engine process: `cutover __engine RUNDIR`. No terminal, a session of its own; whoever watches or has the
//! keys may come and go.
//!
//! Owns the run's lock and the loop: drain what has come, decide it, let the rules come to rest, one append and one
//! sync, then answers, then effects. Wakes four times a second while somebody has the keys, else once;
//! beats once a second. What is decided is `core`'s part, what people say `desk`'s, what is done `tasks`'.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::control::{Control, Message};
use super::core::{Core, Fatal, Stop};
use super::desk::Desk;
use super::feed::{FeedError, plan_of};
use super::folder::{self, RunError, Start};
use super::samples;
use super::socket::SocketError;
use crate::clock::{Clock, Now};
use crate::engine::State;
use crate::engine::effect::Effect;
use crate::engine::event::{Mode, RunStarted};
use crate::engine::input::Input;
use crate::journal::{Lock, LockError, RunFolder};
use crate::plan::Plan;
use crate::plan::model::Window;
use crate::process::signal::survive_file_size_limit;
use crate::tasks::{Attempt, Happened, Known, Performer, Setup};

/// So much may wait to be decided; then whoever sends waits.
const QUEUE: usize = 1024;
/// So much is decided in one round.
const BATCH: usize = 512;
/// How often time is looked at while something may follow from it …
const AWAKE: Duration = Duration::from_millis(250);
/// … in a rehearsal, where a virtual second should not be missed, at most this often …
const FASTEST: Duration = Duration::from_millis(20);
/// … and while nobody has the keys.
const ASLEEP: Duration = Duration::from_secs(1);
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// An engine of a rehearsal that nobody has had the keys of for so long goes: nothing real waits for it.
const ALONE: Duration = Duration::from_secs(15 * 60);
/// So long a run that is over waits for what is still on its way out, an announcement for one.
const SETTLE: Duration = Duration::from_secs(10);

/// Why an engine ended before its run did.
#[derive(Debug)]
pub enum EngineError {
    /// The run's folder is not as it must be.
    Run(RunError),
    /// Another process has the run, or its lock cannot be used.
    Lock(LockError),
    /// The run's copy of the plan cannot be used.
    Plan(FeedError),
    /// Secrets that the plan refers to are not there.
    Missing(Vec<String>),
    /// The control socket cannot be used.
    Socket(SocketError),
    /// The machine refused something that every engine needs.
    Machine(std::io::Error),
    /// The record cannot be gone on with.
    Fatal(Fatal),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Run(error) => error.fmt(f),
            EngineError::Lock(error) => error.fmt(f),
            EngineError::Plan(error) => error.fmt(f),
            EngineError::Missing(what) => {
                write!(f, "the plan refers to what is not there: {}", what.join("; "))
            }
            EngineError::Socket(error) => error.fmt(f),
            EngineError::Machine(error) => write!(f, "the engine cannot run on this machine now: {error}"),
            EngineError::Fatal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<Fatal> for EngineError {
    fn from(fatal: Fatal) -> EngineError {
        EngineError::Fatal(fatal)
    }
}

/// How an engine ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The run is over.
    Over,
    /// It was asked to go; the run can be resumed.
    Asked,
    /// It is a rehearsal, and nobody has had the keys for a long time; the run can be resumed.
    Alone,
}

/// Runs the engine of a run until the run is over. `exe` is this program, the shim of its steps.
pub async fn run(run: &Path, exe: PathBuf) -> Result<Ended, EngineError> {
    let start = folder::read_start(run).map_err(EngineError::Run)?;
    let folder = RunFolder::open(run).map_err(|error| EngineError::Run(error.into()))?;
    let lock = Lock::take(&folder, Clock::system().now()).map_err(EngineError::Lock)?;
    let (plan, missing) = plan_of(run, &start).map_err(EngineError::Plan)?;
    if start.mode == Mode::Live && !missing.is_empty() {
        return Err(EngineError::Missing(missing.iter().map(ToString::to_string).collect()));
    }
    survive_file_size_limit().map_err(EngineError::Machine)?;
    let started = started(&start).map_err(EngineError::Machine)?;
    let speed = match start.mode {
        Mode::Live => 1.0,
        Mode::Rehearsal { speed, .. } => speed,
    };
    let mut origin = Clock::system().now();
    let core = Core::open(folder, lock, plan, &started, &start.run, |plan, state| {
        if start.mode == Mode::Live {
            return Clock::system();
        }
        origin = rehearsal_origin(plan, state, origin);
        Clock::scaled_at(speed, origin)
    })?;
    let opened = Opened { core, start, speed, origin, exe };
    opened.serve().await
}

struct Opened {
    core: Core,
    start: Start,
    speed: f64,
    origin: Now,
    exe: PathBuf,
}

/// What an engine has while it runs.
struct Engine {
    core: Core,
    desk: Desk,
    control: Control,
    messages: mpsc::Receiver<Message>,
    performer: Performer,
    happened: mpsc::Receiver<Happened>,
    samples: samples::Writer,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    beat: Instant,
    manned: Instant,
    over: bool,
    /// The record after which it was last said which probes are wanted.
    wanted_at: u64,
}

impl Opened {
    /// What was decided at the opening is put on disk before anybody can connect or anything is set going.
    async fn serve(mut self) -> Result<Ended, EngineError> {
        let run = self.core.run().to_owned();
        let setup = Setup {
            plan: Arc::new(self.core.plan().clone()),
            run: self.start.run.to_string(),
            root: self.start.root.clone(),
            folder: run.clone(),
            exe: self.exe,
            clock: self.core.clock().clone(),
            // What runs already is taken up; what begins now is set going below.
            known: Known::of(self.core.plan(), self.core.state()),
        };
        let (performer, happened) = match self.start.mode {
            Mode::Live => Performer::real(setup),
            Mode::Rehearsal { .. } => Performer::simulated(setup),
        };
        self.core.settle()?;
        prepare(&performer, self.core.pending());
        let first = self.core.commit()?;
        let samples = samples::Engine { since: first.seq, speed: self.speed, origin: self.origin };
        let samples = samples::Writer::begin(&run, samples).map_err(EngineError::Machine)?;
        let (to_messages, messages) = mpsc::channel(QUEUE);
        let control = Control::serve(run, to_messages).map_err(EngineError::Socket)?;
        let on = |kind| signal(kind).map_err(EngineError::Machine);
        let mut engine = Engine {
            desk: Desk::new(self.core.clock().now().real),
            core: self.core,
            control,
            messages,
            performer,
            happened,
            samples,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
            beat: Instant::now() + BEAT_EVERY,
            manned: Instant::now(),
            over: false,
            wanted_at: 0,
        };
        tracing::info!(run = %self.start.run, seq = first.seq, "the engine runs");
        engine.act(&first.effects);
        match engine.rounds().await {
            Ok(ended) => {
                let why = match ended {
                    Ended::Over => "the run is over",
                    Ended::Alone => "nobody came back: resume the rehearsal to go on with it",
                    Ended::Asked => {
                        "the engine was asked to stop: what runs goes on, resume the run to go on with it"
                    }
                };
                engine.leave(ended, why).await;
                Ok(ended)
            }
            Err(fatal) => Err(engine.halt(fatal).await),
        }
    }
}

impl Engine {
    async fn rounds(&mut self) -> Result<Ended, Fatal> {
        loop {
            let wake = (Instant::now() + self.nap()).min(self.beat);
            tokio::select! {
                Some(message) = self.messages.recv() => self.desk.take(&mut self.core, message)?,
                Some(happened) = self.happened.recv() => self.take(happened)?,
                () = tokio::time::sleep_until(wake) => {}
                _ = self.hang_up.recv() => {}
                _ = self.terminate.recv() => return Ok(Ended::Asked),
                _ = self.interrupt.recv() => return Ok(Ended::Asked),
            }
            self.round()?;
            if self.over {
                return Ok(Ended::Over);
            }
            if self.core.state().operator.is_some() || self.core.state().is_live() {
                self.manned = Instant::now();
            } else if self.manned.elapsed() > ALONE {
                return Ok(Ended::Alone);
            }
        }
    }

    /// One round: everything that has come, in one append.
    fn round(&mut self) -> Result<(), Fatal> {
        for _ in 0..BATCH {
            let Ok(happened) = self.happened.try_recv() else { break };
            self.take(happened)?;
        }
        for _ in 0..BATCH {
            let Ok(message) = self.messages.try_recv() else { break };
            self.desk.take(&mut self.core, message)?;
        }
        self.desk.look(&mut self.core)?;
        self.core.settle()?;
        prepare(&self.performer, self.core.pending());
        let committed = self.core.commit()?;
        self.desk.deliver();
        self.act(&committed.effects);
        if let Err(error) = self.samples.flush() {
            // Watchers see readings grow old, which is what has happened for them.
            tracing::warn!(%error, "what was measured could not be written down");
        }
        if Instant::now() >= self.beat {
            self.core.beat()?;
            self.beat = Instant::now() + BEAT_EVERY;
        }
        Ok(())
    }

    fn take(&mut self, happened: Happened) -> Result<(), Fatal> {
        match happened {
            Happened::Reading(reading) => {
                self.samples.put(&reading, self.core.clock().now().real);
                self.core.measured(reading);
                Ok(())
            }
            Happened::Course(course) => {
                self.samples.follow(course);
                Ok(())
            }
            Happened::Report(report) => match self.core.decide(Input::Report(report)) {
                Ok(_) => Ok(()),
                Err(Stop::Refused(refusal)) => {
                    tracing::warn!(%refusal, "a report");
                    Ok(())
                }
                Err(Stop::Fatal(fatal)) => Err(fatal),
            },
        }
    }

    fn act(&mut self, effects: &[Effect]) {
        self.over |= effects.contains(&Effect::Finish);
        if self.core.state().seq != self.wanted_at {
            self.wanted_at = self.core.state().seq;
            let wanted = self.core.wanted();
            self.performer.want(|id| wanted.contains(id));
        }
        // In this order: a step begins when those whom it has made needless have ended.
        self.performer.start(effects);
    }

    fn nap(&self) -> Duration {
        if self.core.state().operator.is_none() {
            return ASLEEP;
        }
        self.core.clock().real(Duration::from_secs(1)).clamp(FASTEST, AWAKE)
    }

    async fn leave(mut self, ended: Ended, why: &str) {
        tracing::info!(why, "the engine goes");
        if ended == Ended::Over && tokio::time::timeout(SETTLE, self.performer.settled()).await.is_err() {
            tracing::warn!("something that was set going has not ended; it is left to itself");
        }
        let last = if ended == Ended::Over { self.core.finish() } else { self.core.beat() };
        if let Err(error) = last {
            tracing::warn!(%error, "the last beat");
        }
        self.desk.farewell(why);
        drop(self.messages);
        self.control.close().await;
    }

    async fn halt(mut self, fatal: Fatal) -> EngineError {
        let cause = fatal.to_string();
        tracing::error!(%cause, "the engine halts");
        if let Err(error) = self.core.halt(&cause) {
            tracing::error!(%error, "the halt is not on record");
        }
        self.desk.farewell(&cause);
        drop(self.messages);
        self.control.close().await;
        EngineError::Fatal(fatal)
    }
}

/// Takes the lock of every try whose intent is about to be recorded, so that a crash right after the record is
/// known to have started nothing.
fn prepare(performer: &Performer, effects: &[Effect]) {
    for effect in effects {
        if let Effect::Perform { step, attempt, leg } = effect {
            performer.prepare(&Attempt { step: step.clone(), number: *attempt, leg: *leg });
        }
    }
}

fn started(start: &Start) -> std::io::Result<RunStarted> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(start.begun(host, crate::clock::boot_id()?))
}

/// When a rehearsal begins by its own clock: where its last record stands; a new one now, or when the plan's
/// window opens if that is not now.
fn rehearsal_origin(plan: &Plan, state: &State, real: Now) -> Now {
    if let Some(last) = state.last {
        return Now { wall: last.wall, boot: last.boot.max(real.boot), ..real };
    }
    match plan.window {
        Window::Fixed { opens, closes } if real.wall < opens || real.wall >= closes => {
            Now { wall: opens, ..real }
        }
        Window::Fixed { .. } | Window::FromStart { .. } => real,
    }
}
