//! Steps and what takes them back: every try that is started ends in exactly one report.
//!
//! Owns what runs, and how it is stopped. A command lives in a shim of its own and outlives this process
//! ([`commands`]); everything else is done here, and where this process dies the world is asked afterwards how
//! it stands ([`Executor::resume`]). An end that cannot be known is said to be unknown, never guessed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::commands::Order;
use super::{Attempt, Happened, Setup, commands, controls, notices, sequences, sides};
use crate::clock::Now;
use crate::databases::Database;
use crate::engine::event::{Leg, Outcome, OutputRef};
use crate::engine::input::Report;
use crate::engine::reading::{Measure, Origin, Reading, Unmeasured};
use crate::engine::state::LoadAsked;
use crate::plan::model::{Carry, CommandLine, FenceTarget, NotifyBy, Step, StepKind, Undo};
use crate::plan::pins;
use crate::plan::secret::{Secret, Template};
use crate::plan::{EndpointId, ProbeId};
use crate::probes::endpoint::connect;
use crate::probes::look::reveal;
use crate::probes::scrub::Scrub;
use crate::probes::words::line;
use crate::probes::{self, Context};
use crate::process::step::Claim;

/// Statements of a step without a timeout may take this long.
const STATEMENT: Duration = Duration::from_secs(3600);

/// A line of detail is cut here.
const DETAIL: usize = 500;

/// Does what steps say.
pub(super) struct Executor {
    hand: Hand,
    running: Running,
    claims: Mutex<HashMap<Attempt, Claim>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What every job needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Hand {
    pub(super) setup: Arc<Setup>,
    pub(super) context: Arc<Context>,
    out: mpsc::Sender<Happened>,
    scrub: Arc<Mutex<Scrub>>,
}

impl Hand {
    /// For one job, with no secret revealed yet.
    fn fresh(&self) -> Hand {
        Hand { scrub: Arc::default(), ..self.clone() }
    }

    /// Whether the files that a command names are what they were when the run began. `Err` says which is not:
    /// what was checked and rehearsed is what runs.
    pub(super) async fn as_pinned(&self, command: &CommandLine) -> Result<(), String> {
        let (setup, argv) = (Arc::clone(&self.setup), command.argv.clone());
        let changed = move || pins::changed(&setup.plan.pins, &setup.root, &argv);
        match tokio::task::spawn_blocking(changed).await {
            Ok(None) => Ok(()),
            Ok(Some(what)) => Err(what),
            Err(why) => Err(format!("its files could not be looked at: {why}")),
        }
    }

    /// Follows a reference of the plan; the value is blotted out of whatever this job says.
    pub(super) fn reveal(&self, template: &Template) -> Result<Secret, String> {
        reveal(&mut self.scrub(), template, &self.setup.root)
    }

    /// The database of an endpoint. Connects to nothing yet.
    pub(super) fn database(&self, id: &EndpointId, timeout: Duration) -> Result<Arc<dyn Database>, String> {
        connect(&self.context, &mut self.scrub(), id, timeout)
    }

    /// What may be said of it.
    pub(super) fn clean(&self, text: String) -> String {
        line(&self.scrub().text(text), DETAIL)
    }

    fn scrub(&self) -> MutexGuard<'_, Scrub> {
        self.scrub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what was seen on the way.
    pub(super) async fn read(&self, probe: &ProbeId, began: Now, result: Result<Measure, Unmeasured>) {
        let took = self.setup.clock.now().boot.since(began.boot);
        let reading = Reading {
            probe: probe.clone(),
            at: began.wall,
            boot: began.boot,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            source: Origin::Measured,
            result,
        };
        self.pass_on(Happened::Reading(reading)).await;
    }

    /// Says what has happened. Nobody listening means that the engine is gone: the next one will ask.
    pub(super) async fn say(&self, report: Report) {
        self.pass_on(Happened::Report(report)).await;
    }

    async fn pass_on(&self, happened: Happened) {
        if self.out.send(happened).await.is_err() {
            tracing::warn!("something came to its end after the engine had gone");
        }
    }
}

/// What runs, and the bell that stops it.
#[derive(Clone, Debug, Default)]
struct Running(Arc<Mutex<HashMap<Attempt, Arc<Notify>>>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<Attempt, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a try has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    pub(super) output: Option<OutputRef>,
}

impl Ended {
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>) -> Ended {
        Ended { outcome, detail: detail.into(), output: None }
    }

    pub(super) fn done(detail: impl Into<String>) -> Ended {
        Ended::new(Outcome::Done, detail)
    }

    pub(super) fn failed(detail: impl Into<String>) -> Ended {
        Ended::new(Outcome::Failed { code: None }, detail)
    }

    pub(super) fn unknown(detail: impl Into<String>) -> Ended {
        Ended::new(Outcome::Unknown, detail)
    }
}

/// What a leg of a step asks to have done.
enum Job<'a> {
    Command(&'a CommandLine, Option<&'a str>),
    Sql(&'a EndpointId, &'a str),
    Fence(&'a FenceTarget),
    Open(&'a EndpointId),
    Carry(&'a Carry),
    Controls(&'a [ProbeId], bool),
    Webhook(&'a Template, &'a str),
}

impl<'a> Job<'a> {
    /// `None` where there is nothing that a machine could do.
    fn of(step: &'a Step, leg: Leg) -> Option<Job<'a>> {
        match leg {
            Leg::Forward => match &step.kind {
                StepKind::Command(command) => Some(Job::Command(command, None)),
                StepKind::Sql { endpoint, statement } => Some(Job::Sql(endpoint, statement)),
                StepKind::Fence(fence) => Some(Job::Fence(&fence.target)),
                StepKind::Open { endpoint } => Some(Job::Open(endpoint)),
                StepKind::Carry(carry) => Some(Job::Carry(carry)),
                StepKind::Freeze(freeze) => Some(Job::Controls(&freeze.controls, freeze.enforce)),
                StepKind::Notify(notify) => Some(match &notify.by {
                    NotifyBy::Command(command) => Job::Command(command, Some(&notify.text)),
                    NotifyBy::Webhook(url) => Job::Webhook(url, &notify.text),
                }),
                StepKind::Manual { .. } | StepKind::Wait(_) | StepKind::Check(_) | StepKind::Gate(_) => None,
            },
            Leg::Undo => match step.undo.as_ref()? {
                Undo::Command(command) => Some(Job::Command(command, None)),
                Undo::Sql { endpoint, statement } => Some(Job::Sql(endpoint, statement)),
                Undo::Open { endpoint } => Some(Job::Open(endpoint)),
                Undo::Lift { controls } => Some(Job::Controls(controls, false)),
                Undo::Manual { .. } => None,
            },
        }
    }
}

impl Executor {
    pub(super) fn new(setup: Arc<Setup>, context: Arc<Context>, out: mpsc::Sender<Happened>) -> Executor {
        Executor {
            hand: Hand { setup, context, out, scrub: Arc::default() },
            running: Running::default(),
            claims: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Takes the lock of a try before its intent is recorded, where it will be a command's: so that a crash in
    /// between is known for what it is. What goes wrong here is said when the try is performed.
    pub(super) fn prepare(&self, attempt: &Attempt) {
        let step = self.hand.setup.plan.step(&attempt.step);
        if let Some(Job::Command(..)) = step.and_then(|step| Job::of(step, attempt.leg))
            && let Ok(claim) = commands::claim(&self.hand.setup.folder, attempt)
        {
            self.claims().insert(attempt.clone(), claim);
        }
    }

    /// Does what a step says, or what takes it back.
    pub(super) fn perform(&self, attempt: Attempt) {
        self.run(attempt, false);
    }

    /// Finds out what became of a try that an earlier engine had set going, and sees it to its end.
    pub(super) fn resume(&self, attempt: Attempt) {
        self.run(attempt, true);
    }

    /// Stops a try. One that is not running has ended, or is about to say so.
    pub(super) fn stop(&self, attempt: &Attempt) {
        if let Some(bell) = self.running.lock().get(attempt) {
            bell.notify_one();
        }
    }

    /// Ends a session of the census.
    pub(super) fn end_session(&self, endpoint: EndpointId, session: String) {
        let hand = self.hand.fresh();
        self.spawn(async move {
            let failed =
                sides::end_session(&hand, &endpoint, &session).await.err().map(|why| hand.clean(why));
            sides::look(&hand, &endpoint).await;
            hand.say(Report::Session { endpoint, session, failed }).await;
        });
    }

    /// Tells people of an alarm, beside the screen.
    pub(super) fn tell(&self, text: String) {
        let hand = self.hand.fresh();
        self.spawn(async move { notices::alarm(&hand, &text).await });
    }

    /// Has a comparison go on otherwise, from its next question on.
    pub(super) fn load(&self, probe: &ProbeId, load: LoadAsked) {
        probes::set_load(&self.hand.context, probe, load);
    }

    /// Sees to it that no server keeps its log for a comparison of this run any longer.
    pub(super) fn let_trails_go(&self) {
        let hand = self.hand.fresh();
        self.spawn(async move {
            for probe in &hand.setup.plan.probes {
                probes::let_trails_go(&hand.context, probe).await;
            }
        });
    }

    /// Waits until nothing runs any more.
    pub(super) async fn settled(self) {
        let mut tasks = self.tasks.into_inner().unwrap_or_else(PoisonError::into_inner);
        while tasks.join_next().await.is_some() {}
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<Attempt, Claim>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, job: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(job);
    }

    fn run(&self, attempt: Attempt, again: bool) {
        let bell = Arc::new(Notify::new());
        if let Some(earlier) = self.running.lock().insert(attempt.clone(), Arc::clone(&bell)) {
            // Twice the same try would be two runs of one: the first goes on, and is the one to be stopped.
            tracing::error!(step = %attempt.step, number = attempt.number, "this try runs already");
            self.running.lock().insert(attempt, earlier);
            return;
        }
        let claim = self.claims().remove(&attempt);
        let (hand, running) = (self.hand.fresh(), self.running.clone());
        self.spawn(async move {
            // A step may turn replication round, and no row of ours is to be on its way then.
            hand.context.markers.at_rest(&hand.setup.clock).await;
            let Ended { outcome, detail, output } = see_through(&hand, &attempt, claim, &bell, again).await;
            running.lock().remove(&attempt);
            let Attempt { step, number, leg } = attempt;
            let detail = hand.clean(detail);
            hand.say(Report::Step { step, attempt: number, leg, outcome, detail, output }).await;
        });
    }
}

async fn see_through(
    hand: &Hand,
    attempt: &Attempt,
    claim: Option<Claim>,
    bell: &Notify,
    again: bool,
) -> Ended {
    let plan = Arc::clone(&hand.setup.plan);
    let Some(step) = plan.step(&attempt.step) else {
        return Ended::new(Outcome::NotStarted, format!("the plan has no step {}", attempt.step));
    };
    let job = match Job::of(step, attempt.leg) {
        Some(Job::Command(command, text)) => {
            let order = Order { command, text, timeout: step.timeout };
            return if again {
                commands::resume(hand, attempt, bell).await
            } else {
                commands::start(hand, attempt, claim, &order, bell).await
            };
        }
        Some(job) => job,
        None => {
            return Ended::new(Outcome::NotStarted, "there is nothing in this step that a machine could do");
        }
    };
    let late = async {
        match step.timeout {
            Some(timeout) => tokio::time::sleep(hand.setup.clock.real(timeout)).await,
            None => std::future::pending().await,
        }
    };
    let work = async { if again { settle(hand, &job).await } else { work(hand, &job, step).await } };
    tokio::select! {
        ended = work => ended,
        () = late => Ended::new(Outcome::TimedOut, "not done in time; what it has changed nobody knows"),
        () = bell.notified() => Ended::new(Outcome::Stopped, "stopped; what it has changed nobody knows"),
    }
}

async fn work(hand: &Hand, job: &Job<'_>, step: &Step) -> Ended {
    match job {
        Job::Sql(endpoint, statement) => {
            sides::statement(hand, endpoint, statement, step.timeout.unwrap_or(STATEMENT)).await
        }
        Job::Fence(target) => sides::fence(hand, target).await,
        Job::Open(endpoint) => sides::open(hand, endpoint).await,
        Job::Carry(carry) => sequences::carry(hand, carry).await,
        Job::Controls(controls, true) => controls::enforce(hand, controls).await,
        Job::Controls(controls, false) => controls::lift(hand, controls).await,
        Job::Webhook(url, text) => notices::webhook(hand, url, text).await,
        // Commands went their own way.
        Job::Command(..) => Ended::new(Outcome::NotStarted, "not a command"),
    }
}

/// What became of work that died with the process that did it: the world is asked where it can tell.
async fn settle(hand: &Hand, job: &Job<'_>) -> Ended {
    match job {
        Job::Fence(target) => sides::is_fenced(hand, &target.endpoint).await,
        Job::Open(endpoint) => sides::is_open(hand, endpoint).await,
        Job::Carry(carry) => sequences::is_carried(hand, carry).await,
        Job::Controls(controls, enforced) => controls::stand(hand, controls, *enforced).await,
        Job::Sql(..) => Ended::unknown("the engine was gone while it ran; look at the rows, then settle it"),
        Job::Webhook(..) => Ended::unknown("the engine was gone while it was sent; ask whether it came"),
        Job::Command(..) => Ended::unknown("not a command"),
    }
}
