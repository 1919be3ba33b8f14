//! The made-up world as a queue of what is due, by virtual time. Pure: time comes in, happenings come out, and
//! the same effects at the same times give the same happenings.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Attempt, Happened, Known, first_look};
use crate::clock::{Boot, Now};
use crate::engine::effect::Effect;
use crate::engine::event::{Leg, Outcome};
use crate::engine::input::Report;
use crate::engine::reading::{FenceState, Origin, Reading};
use crate::plan::model::{Probe, Schedule, Step, StepKind, Undo};
use crate::plan::{EndpointId, Plan, ProbeId};

/// A step without an estimate takes this long.
const STEP: Duration = Duration::from_secs(2);
/// A look that was asked for and has no estimate takes this long.
const LOOK: Duration = Duration::from_millis(500);

/// The made-up world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Arc<Plan>,
    /// What is due, in order; the number keeps what is due at one moment in the order it was asked for.
    queue: BTreeMap<(Boot, u64), Due>,
    asked: u64,
    /// Sides that were fenced or opened, and where their log stood.
    pub(super) sides: HashMap<EndpointId, (FenceState, Option<String>)>,
    /// Controls that are enforced.
    pub(super) enforced: HashSet<ProbeId>,
    /// When each probe was looked at first.
    first: HashMap<ProbeId, Boot>,
    /// Looks that are under way, and whether another was asked for meanwhile.
    looking: HashMap<ProbeId, bool>,
    baselines: HashSet<ProbeId>,
    /// Monitors whose time has come.
    counting: HashSet<ProbeId>,
    over: bool,
}

#[derive(Debug)]
enum Due {
    /// The time of a probe has come.
    Scheduled(ProbeId, Duration),
    /// A look that was asked for ends.
    Looked(ProbeId, Now),
    /// A try ends.
    End(Attempt),
    /// Something that takes no time.
    At(Report),
}

impl World {
    /// The world as the record leaves it: what ran goes on from here.
    pub(super) fn new(plan: &Arc<Plan>, known: &Known, now: Now) -> World {
        let enforced = known
            .done
            .iter()
            .filter_map(|id| plan.step(id))
            .filter_map(|step| match &step.kind {
                StepKind::Freeze(freeze) if freeze.enforce => Some(freeze.controls.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        let mut world = World {
            queue: BTreeMap::new(),
            asked: 0,
            sides: known.sides.clone(),
            enforced,
            first: HashMap::new(),
            looking: HashMap::new(),
            baselines: known.baselines.keys().cloned().collect(),
            counting: plan.probes.iter().filter(|p| known.counts(p)).map(|p| p.id.clone()).collect(),
            over: false,
            plan: Arc::clone(plan),
        };
        for probe in &plan.probes {
            if let Schedule::Every(every) = probe.schedule {
                world.put(
                    now.boot.plus(first_look(&probe.id, every)),
                    Due::Scheduled(probe.id.clone(), every),
                );
            }
        }
        for attempt in &known.running {
            world.perform(attempt.clone(), now);
        }
        world
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Boot> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// Whether the run is over.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Sets effects going.
    pub(super) fn start(&mut self, effects: &[Effect], now: Now) {
        for effect in effects {
            match effect {
                Effect::Perform { step, attempt, leg } => {
                    self.perform(Attempt { step: step.clone(), number: *attempt, leg: *leg }, now);
                }
                Effect::Stop { step, attempt, leg } => {
                    self.stop(&Attempt { step: step.clone(), number: *attempt, leg: *leg }, now);
                }
                Effect::Measure { probe } => self.measure(probe, now),
                Effect::TakeBaseline { probe } => {
                    self.counting.insert(probe.clone());
                    self.measure(probe, now);
                }
                Effect::EndSession { endpoint, session } => {
                    let (endpoint, session) = (endpoint.clone(), session.clone());
                    self.put(now.boot, Due::At(Report::Session { endpoint, session, failed: None }));
                }
                // Nobody is told of what did not happen, and no server is spared.
                Effect::TellAlarm { .. } | Effect::Load { .. } => {}
                Effect::Finish => {
                    self.queue.clear();
                    self.over = true;
                }
            }
        }
    }

    /// Everything that is due by now, in order.
    pub(super) fn due(&mut self, now: Now) -> Vec<Happened> {
        let mut all = Vec::new();
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= now.boot) {
            match entry.remove() {
                Due::Scheduled(probe, every) => {
                    all.extend(self.look(&probe, now, now));
                    // Missed looks are not made up for: the newest is the one that counts.
                    self.put(now.boot.plus(every), Due::Scheduled(probe, every));
                }
                Due::Looked(probe, began) => {
                    all.extend(self.look(&probe, began, now));
                    if self.looking.remove(&probe) == Some(true) {
                        self.measure(&probe, now);
                    }
                }
                Due::End(attempt) => all.extend(self.end(attempt, now)),
                Due::At(report) => all.push(Happened::Report(report)),
            }
        }
        all
    }

    fn put(&mut self, at: Boot, due: Due) {
        if !self.over {
            self.asked += 1;
            self.queue.insert((at, self.asked), due);
        }
    }

    fn counts(&self, probe: &Probe) -> bool {
        self.counting.contains(&probe.id)
    }

    fn perform(&mut self, attempt: Attempt, now: Now) {
        let takes = self.plan.step(&attempt.step).map_or(STEP, |step| {
            let estimate = step.estimate.unwrap_or(STEP);
            // A plan whose estimate exceeds its timeout is to be rehearsed, not stopped.
            step.timeout.map_or(estimate, |t| estimate.min(t / 2))
        });
        self.put(now.boot.plus(takes), Due::End(attempt));
    }

    fn stop(&mut self, attempt: &Attempt, now: Now) {
        let is_it = |due: &Due| matches!(due, Due::End(it) if it == attempt);
        let Some(key) = self.queue.iter().find(|(_, due)| is_it(due)).map(|(key, _)| *key) else { return };
        self.queue.remove(&key);
        let report = step_report(attempt.clone(), Outcome::Stopped, "stopped");
        self.put(now.boot, Due::At(report));
    }

    fn measure(&mut self, probe: &ProbeId, now: Now) {
        let Some(it) = self.plan.probe(probe) else { return };
        let takes = match it.schedule {
            Schedule::Every(_) => Duration::ZERO,
            Schedule::OnDemand => it.estimate.unwrap_or(LOOK),
        };
        if let Some(again) = self.looking.get_mut(probe) {
            *again = true;
            return;
        }
        self.looking.insert(probe.clone(), false);
        self.put(now.boot.plus(takes), Due::Looked(probe.clone(), now));
    }

    fn look(&mut self, id: &ProbeId, began: Now, now: Now) -> Vec<Happened> {
        let plan = Arc::clone(&self.plan);
        let Some(probe) = plan.probe(id) else { return Vec::new() };
        let first = *self.first.entry(id.clone()).or_insert(began.boot);
        let measure = self.measured(probe, now, now.boot.since(first));
        let reading = Reading {
            probe: id.clone(),
            at: began.wall,
            boot: began.boot,
            took_ms: u64::try_from(now.boot.since(began.boot).as_millis()).unwrap_or(u64::MAX),
            source: Origin::Simulated,
            result: Ok(measure),
        };
        let mut all = vec![Happened::Reading(reading)];
        if probe.kind.holds_still() && self.counts(probe) && self.baselines.insert(id.clone()) {
            let report = Report::Baseline { probe: id.clone(), digest: Self::baseline(id), objects: 0 };
            all.insert(0, Happened::Report(report));
        }
        all
    }

    /// A try has done what it should.
    fn end(&mut self, attempt: Attempt, now: Now) -> Vec<Happened> {
        let plan = Arc::clone(&self.plan);
        let mut all = Vec::new();
        match plan.step(&attempt.step).map_or(Changes::Nothing, |step| effect_of(step, attempt.leg)) {
            Changes::Nothing => {}
            Changes::Side(endpoint, state) => {
                let position = (state != FenceState::Open).then(|| format!("s:{}", now.boot.0 / 1000));
                self.sides.insert(endpoint.clone(), (state, position.clone()));
                let endpoint = endpoint.clone();
                all.push(Happened::Report(Report::Fence { endpoint, state, position, at: now.wall }));
            }
            Changes::Controls(controls, shut) => {
                self.enforced.retain(|id| !controls.contains(id));
                if shut {
                    self.enforced.extend(controls.iter().cloned());
                }
                // As really: each is verified before the step says that it is done.
                all.extend(controls.iter().flat_map(|id| self.look(id, now, now)));
            }
        }
        all.push(Happened::Report(step_report(attempt, Outcome::Done, "simulated")));
        all
    }
}

/// What a step, or its undo, changes in the made-up world.
enum Changes<'a> {
    Nothing,
    Side(&'a EndpointId, FenceState),
    Controls(&'a [ProbeId], bool),
}

fn effect_of(step: &Step, leg: Leg) -> Changes<'_> {
    match leg {
        Leg::Forward => match &step.kind {
            StepKind::Fence(fence) => Changes::Side(&fence.target.endpoint, FenceState::Fenced),
            StepKind::Open { endpoint } => Changes::Side(endpoint, FenceState::Open),
            StepKind::Freeze(freeze) => Changes::Controls(&freeze.controls, freeze.enforce),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Carry(_)
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Gate(_)
            | StepKind::Notify(_) => Changes::Nothing,
        },
        Leg::Undo => match &step.undo {
            Some(Undo::Open { endpoint }) => Changes::Side(endpoint, FenceState::Open),
            Some(Undo::Lift { controls }) => Changes::Controls(controls, false),
            Some(Undo::Command(_) | Undo::Sql { .. } | Undo::Manual { .. }) | None => Changes::Nothing,
        },
    }
}

fn step_report(attempt: Attempt, outcome: Outcome, detail: &str) -> Report {
    let Attempt { step, number, leg } = attempt;
    Report::Step { step, attempt: number, leg, outcome, detail: detail.to_owned(), output: None }
}

impl World {
    /// Whether a probe is good by now: after its estimate, counted from its first look. What is asked for
    /// takes its estimate and is good then.
    pub(super) fn is_good(probe: &Probe, looked_for: Duration) -> bool {
        match probe.schedule {
            Schedule::Every(_) => looked_for >= probe.estimate.unwrap_or_default(),
            Schedule::OnDemand => true,
        }
    }
}
