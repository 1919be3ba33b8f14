//! When to look: every probe on its schedule, those on demand when asked, one look of a probe at a time.
//!
//! Owns a task a probe, the baselines and the last outputs. A look that takes longer than its interval delays
//! its own next one and nothing else; what was missed is not made up for. Refuses to know what a reading
//! means.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::{Happened, Setup, first_look, folder};
use crate::clock::{Boot, Clock, Now};
use crate::engine::input::Report;
use crate::engine::reading::{Measure, Origin, Reading, Unmeasured};
use crate::plan::model::{Probe, ProbeKind, Schedule, Step, StepKind, WaitFor};
use crate::plan::{Plan, ProbeId};
use crate::probes::{self, Baseline, Context, Looked};

/// What a step waits for is looked at again after this, when nothing else says how often.
const AGAIN: Duration = Duration::from_secs(1);
/// … and for this long, when the step has no timeout.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was read before is looked at again this often, so that little is left for the window, and little of the servers'
/// logs has to be kept.
const BEFORE: Duration = Duration::from_secs(60);
/// So long after a step has asked, somebody may still ask for what was written since.
const TRAILS: Duration = Duration::from_secs(3600);

/// Looks at everything that the plan measures.
pub(super) struct Sampler {
    probes: HashMap<ProbeId, Arc<Bell>>,
    tasks: Vec<JoinHandle<()>>,
    context: Arc<Context>,
}

/// How a probe's task is spoken to.
#[derive(Debug, Default)]
struct Bell {
    /// Look now.
    look: Notify,
    /// The time of a monitor has come: the next look writes its baseline down, whatever was before.
    rebase: AtomicBool,
    /// Nobody needs it now: it is looked at only when asked for.
    idle: AtomicBool,
    /// Its last look told nothing.
    blind: AtomicBool,
    /// A step has asked for it, or its time has come.
    asked: AtomicBool,
    /// It is looked at on a schedule while its time is.
    scheduled: bool,
}

impl Sampler {
    /// Begins to look.
    pub(super) fn begin(setup: &Setup, context: &Arc<Context>, out: &mpsc::Sender<Happened>) -> Sampler {
        let waited = waited_for(&setup.plan);
        let bell = |probe: &Probe| {
            let bell = Bell { scheduled: probe.schedule != Schedule::OnDemand, ..Bell::default() };
            (probe.id.clone(), Arc::new(bell))
        };
        let bells = setup.plan.probes.iter().map(bell).collect();
        let mut sampler = Sampler { probes: bells, tasks: Vec::new(), context: Arc::clone(context) };
        for probe in &setup.plan.probes {
            // Until it is known who is needed: what is taken up again may be in the middle of turning replication.
            context.markers.allow(&probe.id, false);
            let Some(bell) = sampler.probes.get(&probe.id) else { continue };
            let asked = |step: &Step| {
                let its_time = probe.since.as_ref().is_some_and(|since| *since == step.id);
                setup.known.done.contains(&step.id) && (its_time || step.proofs().any(|id| *id == probe.id))
            };
            bell.asked.store(setup.plan.steps.iter().any(asked), Ordering::Release);
            let recorded = setup.known.baselines.get(&probe.id).cloned();
            let (baseline, damaged) =
                match folder::load_baseline(&setup.folder, &probe.id, recorded.as_deref()) {
                    Ok(baseline) => (baseline, None),
                    Err(why) => (None, Some(why)),
                };
            let watch = Watch {
                context: Arc::clone(context),
                clock: setup.clock.clone(),
                folder: setup.folder.clone(),
                out: out.clone(),
                bell: Arc::clone(bell),
                identities: sampler.identities(&setup.plan, probe),
                neighbours: sampler.neighbours(&setup.plan, probe),
                answered: None,
                patience: waited.get(&probe.id).copied(),
                counts: setup.known.counts(probe),
                unrecorded: baseline.is_some() && recorded.is_none(),
                last: None,
                probe: probe.clone(),
                baseline,
                damaged,
            };
            sampler.tasks.push(tokio::spawn(watch.keep_looking()));
        }
        sampler
    }

    /// The bells of what must tell who a probe's systems are.
    fn identities(&self, plan: &Plan, probe: &Probe) -> Vec<Arc<Bell>> {
        let asked = probe.asks();
        let of_asked = |other: &&Probe| {
            matches!(&other.kind, ProbeKind::Identity { endpoint } if asked.contains(&endpoint))
                && other.id != probe.id
        };
        plan.probes.iter().filter(of_asked).filter_map(|it| self.probes.get(&it.id)).cloned().collect()
    }

    /// The bells of what else asks one of a probe's systems on a schedule.
    fn neighbours(&self, plan: &Plan, probe: &Probe) -> Vec<Arc<Bell>> {
        let asked = probe.asks();
        let shares = |other: &&Probe| {
            other.schedule != Schedule::OnDemand
                && other.id != probe.id
                && other.asks().iter().any(|endpoint| asked.contains(endpoint))
        };
        plan.probes.iter().filter(shares).filter_map(|it| self.probes.get(&it.id)).cloned().collect()
    }

    /// Looks at a probe now. A look that is under way does not count: another follows it.
    pub(super) fn ask(&self, probe: &ProbeId) {
        if let Some(bell) = self.probes.get(probe) {
            bell.asked.store(true, Ordering::Release);
            bell.look.notify_one();
        }
    }

    /// Says which probes somebody needs now. One that was not needed and is, is looked at at once; one that is not needed any more
    /// ends its look, and writes nothing more.
    pub(super) fn want(&self, wanted: impl Fn(&ProbeId) -> bool) {
        for (id, bell) in &self.probes {
            let idle = !wanted(id);
            self.context.markers.allow(id, !idle);
            if bell.scheduled && !idle {
                bell.asked.store(true, Ordering::Release);
            }
            if bell.idle.swap(idle, Ordering::AcqRel) && !idle {
                bell.look.notify_one();
            }
        }
    }

    /// What a monitor holds still is written down now: changes until here were wanted.
    pub(super) fn rebase(&self, probe: &ProbeId) {
        if let Some(bell) = self.probes.get(probe) {
            bell.rebase.store(true, Ordering::Release);
            bell.look.notify_one();
        }
    }
}

impl Drop for Sampler {
    /// A look that is given up is cancelled: its command is killed, its connection closed.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Probes on demand that a step waits for, and for how long it does: one look may come too early.
fn waited_for(plan: &Plan) -> HashMap<ProbeId, Duration> {
    let mut all = HashMap::new();
    for step in plan.steps.iter().chain(plan.rollback_steps()) {
        let waits: HashSet<&ProbeId> = match &step.kind {
            StepKind::Wait(WaitFor::Good { probes, .. }) => probes.iter().chain(&step.proof).collect(),
            StepKind::Wait(WaitFor::CaughtUp(_))
            | StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Check(_)
            | StepKind::Gate(_)
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => step.proof.iter().collect(),
        };
        let patience = step.timeout.unwrap_or(PATIENCE);
        for id in waits {
            let longest = all.entry(id.clone()).or_insert(patience);
            *longest = patience.max(*longest);
        }
    }
    all.retain(|id, _| plan.probe(id).is_some_and(|p| p.schedule == Schedule::OnDemand));
    all
}

/// One probe's task.
struct Watch {
    context: Arc<Context>,
    clock: Clock,
    folder: PathBuf,
    out: mpsc::Sender<Happened>,
    bell: Arc<Bell>,
    /// Who its systems are is looked at anew when one of them is gone, or is back: it may be another then.
    identities: Vec<Arc<Bell>>,
    /// What could not look at one of its systems looks again when it could: nobody is to wait a minute for it at a gate.
    neighbours: Vec<Arc<Bell>>,
    /// Whether its systems answered at the last look.
    answered: Option<bool>,
    probe: Probe,
    /// How long it is looked at again after an ask, while it is not good.
    patience: Option<Duration>,
    baseline: Option<Baseline>,
    /// The step since which it counts has finished.
    counts: bool,
    /// Why there is no telling what has changed.
    damaged: Option<String>,
    /// The baseline was kept, and the engine died before it was on record.
    unrecorded: bool,
    /// What stands in the file of last outputs.
    last: Option<Looked>,
}

impl Watch {
    async fn keep_looking(mut self) {
        let mut next = match self.probe.schedule {
            Schedule::Every(every) => Some(self.clock.now().boot.plus(first_look(&self.probe.id, every))),
            Schedule::OnDemand => {
                self.reads_before().then(|| self.clock.now().boot.plus(first_look(&self.probe.id, BEFORE)))
            }
        };
        // Until when an ask is followed up.
        let mut asked: Option<Boot> = None;
        // Nobody is likely to ask any more.
        let mut parting = false;
        loop {
            let kept = self.probe.reads_before();
            let due = next.filter(|_| asked.is_some() || kept || !self.is_idle());
            // What is not needed now may be needed before its time comes: then its bell rings.
            let wait = due.map(|at| self.clock.real(at.since(self.clock.now().boot)));
            tokio::select! {
                () = self.bell.look.notified() => {
                    asked = self.patience.map(|patience| self.clock.now().boot.plus(patience));
                }
                // Nobody may need it any more by then.
                () = sleep(wait) => if asked.is_none() && self.is_idle() && !self.reads_before() {
                    if std::mem::take(&mut parting) {
                        probes::let_trails_go(&self.context, &self.probe).await;
                        next = None;
                    } else if kept {
                        parting = true;
                        next = Some(self.clock.now().boot.plus(TRAILS));
                    }
                    continue;
                },
            }
            parting = false;
            let began = self.clock.now();
            let Ok(good) = self.look(began).await else { return };
            let now = self.clock.now().boot;
            asked = asked.filter(|&until| !good && now < until);
            next = match self.probe.schedule {
                Schedule::Every(every) if !self.is_idle() || !kept => Some(began.boot.plus(every)),
                Schedule::OnDemand if asked.is_some() => Some(now.plus(AGAIN)),
                _ if self.reads_before() => {
                    // Without a trail each look would read everything again.
                    (!probes::keeps_no_trail(&self.context, &self.probe)).then(|| now.plus(BEFORE))
                }
                // Its log is not kept for ever for somebody who may ask once more.
                _ if kept => {
                    parting = true;
                    Some(now.plus(TRAILS))
                }
                Schedule::Every(_) | Schedule::OnDemand => None,
            };
        }
    }

    /// Whether it is looked at only when somebody asks.
    fn is_idle(&self) -> bool {
        !self.bell.scheduled || self.bell.idle.load(Ordering::Acquire)
    }

    /// Whether tables are read because a step will ask for them, and none has yet.
    fn reads_before(&self) -> bool {
        self.probe.reads_before() && !self.bell.asked.load(Ordering::Acquire)
    }

    /// One look, said to whoever listens; `Err` when nobody does.
    async fn look(&mut self, began: Now) -> Result<bool, Gone> {
        if self.bell.rebase.swap(false, Ordering::AcqRel) {
            self.baseline = None;
            self.damaged = None;
            self.counts = true;
        }
        let (started, unasked) = (Instant::now(), self.reads_before());
        let (began, result) = match &self.damaged {
            Some(why) => (began, Err(Unmeasured::Failed(why.clone()))),
            None => self.measure().await?,
        };
        let good = matches!(&result, Ok(measure) if measure.pass);
        let answered = !matches!(&result, Err(Unmeasured::NotReachable(_) | Unmeasured::TimedOut(_)));
        if self.answered.replace(answered).unwrap_or(true) != answered {
            self.identities.iter().for_each(|bell| bell.look.notify_one());
        }
        let blind = result.is_err();
        if self.bell.blind.swap(blind, Ordering::AcqRel) && !blind {
            let waits =
                |bell: &&Arc<Bell>| bell.blind.load(Ordering::Acquire) && !bell.idle.load(Ordering::Acquire);
            self.neighbours.iter().filter(waits).for_each(|bell| bell.look.notify_one());
        }
        if unasked && blind {
            // Rows on their way, a side that is down: others say so, and nobody waits for this.
            return Ok(false);
        }
        let reading = Reading {
            probe: self.probe.id.clone(),
            at: began.wall,
            boot: began.boot,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            source: Origin::Measured,
            result,
        };
        self.say(Happened::Reading(reading)).await?;
        // Who did not answer is not asked for more: the next look would wait for it.
        if !blind {
            probes::move_trails_on(&self.context, &self.probe).await;
        }
        Ok(good)
    }

    async fn measure(&mut self) -> Result<(Now, Result<Measure, Unmeasured>), Gone> {
        let mut looked = probes::measure(&self.context, &self.probe, self.baseline.as_ref()).await;
        // Before its time a monitor only notes what is there.
        if let Some(baseline) = looked.baseline.take().filter(|_| self.counts) {
            // A baseline that is not on disk is none: the next look takes another.
            if let Err(why) = self.aside(baseline.clone(), folder::keep_baseline).await {
                return Ok((looked.began, Err(Unmeasured::Failed(why))));
            }
            self.baseline = Some(baseline);
            self.unrecorded = true;
        }
        if self.unrecorded
            && let Some(baseline) = &self.baseline
        {
            let (digest, objects) = (baseline.digest(), baseline.objects.len() as u64);
            self.say(Happened::Report(Report::Baseline { probe: self.probe.id.clone(), digest, objects }))
                .await?;
            self.unrecorded = false;
        }
        let (began, result) = (looked.began, looked.result.clone());
        if self.last.as_ref().is_none_or(|last| (&last.raw, &last.query) != (&looked.raw, &looked.query)) {
            let keep = |run: &std::path::Path, id: &ProbeId, looked: &Looked| {
                folder::keep_last(run, id, looked).map_err(|why| why.to_string())
            };
            match self.aside(looked.clone(), keep).await {
                Ok(()) => self.last = Some(looked),
                Err(why) => tracing::warn!(probe = %self.probe.id, why, "the last output could not be kept"),
            }
        }
        Ok((began, result))
    }

    /// Files are written away from the async threads.
    async fn aside<T: Send + 'static>(
        &self,
        it: T,
        keep: impl FnOnce(&std::path::Path, &ProbeId, &T) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let (run, id) = (self.folder.clone(), self.probe.id.clone());
        match tokio::task::spawn_blocking(move || keep(&run, &id, &it)).await {
            Ok(result) => result,
            Err(why) => Err(why.to_string()),
        }
    }

    async fn say(&self, happened: Happened) -> Result<(), Gone> {
        self.out.send(happened).await.map_err(|_| Gone)
    }
}

/// Nobody listens any more.
struct Gone;

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
