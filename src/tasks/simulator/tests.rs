//! Whole plans, rehearsed by the real engine against the made-up world, under a clock that the test moves.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::world::World;
use crate::clock::{Clock, Timestamp};
use crate::engine::decide;
use crate::engine::effect::{Effect, effects};
use crate::engine::event::{Decision, Ending, Event, Grade, Leg, Mode, Outcome, RunStarted};
use crate::engine::input::{GateAnswer, Input, Intent, Issued, Report};
use crate::engine::reading::{Origin, Reading};
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::engine::rules::gates::may_issue;
use crate::engine::state::{At, ROLLBACK_GATE, State, Status};
use crate::plan::model::{Start, StepKind, Strategy};
use crate::plan::{Environment, Overrides, Plan, StepId, load, new};
use crate::tasks::{Attempt, Happened, Known};

const START: Timestamp = Timestamp(1_770_000_000_000);

struct Rehearsal {
    plan: Arc<Plan>,
    state: State,
    readings: Readings,
    clock: Clock,
    world: World,
    events: Vec<Event>,
    simulated: bool,
    /// What the last GO lacked.
    missing: Vec<String>,
}

impl Rehearsal {
    fn of(plan: Plan) -> Rehearsal {
        let plan = Arc::new(plan);
        let clock = Clock::manual(START);
        let mut it = Rehearsal {
            state: State::new(&plan),
            readings: Readings::new(true),
            world: World::new(&plan, &Known::default(), clock.now()),
            clock,
            events: Vec::new(),
            simulated: true,
            missing: Vec::new(),
            plan,
        };
        let run = RunStarted {
            run: "R-test".to_owned(),
            mode: Mode::Rehearsal { number: 1, speed: 60.0, grade: Grade::Simulated },
            plan: it.plan.name.clone(),
            pins: it.plan.pins.clone(),
            operator: "maria".to_owned(),
            account: "maria".to_owned(),
            host: "here".to_owned(),
            boot_id: "b".to_owned(),
            version: "0".to_owned(),
        };
        it.input(Input::Begin(Box::new(run))).unwrap();
        it
    }

    fn input(&mut self, input: Input) -> Result<(), Refusal> {
        let now = self.clock.now();
        let mut events = decide(&self.plan, &self.state, &self.readings, input, now)?;
        for _ in 0..500 {
            if events.is_empty() {
                return Ok(());
            }
            self.take(events);
            events = decide(&self.plan, &self.state, &self.readings, Input::Tick, now).unwrap();
        }
        panic!("the engine talks to itself without end");
    }

    fn take(&mut self, events: Vec<Event>) {
        let now = self.clock.now();
        let at = At { seq: self.events.len() as u64 + 1, wall: now.wall, boot: now.boot };
        let mut all = Vec::new();
        for event in &events {
            self.state.apply(&self.plan, at, event);
            all.extend(effects(&self.plan, &self.state, event));
        }
        self.world.start(&all, now);
        self.events.extend(events);
    }

    fn intent(&mut self, intent: Intent, issued: Option<Issued>) -> Result<(), Refusal> {
        // Whoever may order the way back may do everything else too.
        let by = self.plan.people.iter().find(|p| p.rollback).map_or("maria", |p| p.id.as_str()).to_owned();
        self.input(Input::Intent { by, intent, issued })
    }

    /// Until the run is over, with a person who says GO, confirms, and presses keys as soon as they may.
    fn run_out(&mut self) -> Ending {
        for _ in 0..20_000 {
            if let Some(Event::RunFinished { ending }) = self.events.last() {
                return *ending;
            }
            for happened in self.world.due(self.clock.now()) {
                match happened {
                    Happened::Reading(reading) => {
                        self.simulated &= reading.source == Origin::Simulated;
                        self.readings.apply(&self.plan, reading);
                    }
                    Happened::Course(_) => unreachable!("nothing is compared"),
                    // A report of something that was stopped meanwhile is refused as stale.
                    Happened::Report(report) => drop(self.input(Input::Report(report))),
                }
            }
            self.input(Input::Tick).unwrap();
            self.person();
            let now = self.clock.now().boot;
            let next = self.world.next().map_or(Duration::from_secs(1), |at| at.since(now));
            self.clock.advance(next.clamp(Duration::from_millis(1), Duration::from_secs(1)));
        }
        let stuck: Vec<String> = self.open().map(|(id, s)| format!("{id} {s:?}")).collect();
        panic!(
            "it came to no end: {stuck:?}, hold {:?}, missing {:?}, alarms {:?}",
            self.state.hold, self.missing, self.state.alarms
        );
    }

    fn open(&self) -> impl Iterator<Item = (&StepId, Status)> {
        (0..self.state.steps.len()).filter_map(|slot| {
            let status = self.state.at_slot(slot)?.status;
            let id = &self.plan.at_slot(slot)?.id;
            (!matches!(status, Status::Done | Status::Skipped)).then_some((id, status))
        })
    }

    fn person(&mut self) {
        let plan = Arc::clone(&self.plan);
        for (slot, step) in plan.steps.iter().chain(plan.rollback_steps()).enumerate() {
            let status = self.state.at_slot(slot).unwrap().status;
            match (&step.kind, status) {
                (StepKind::Manual { .. }, Status::Running) => {
                    let _ =
                        self.intent(Intent::ConfirmStep { step: step.id.clone(), note: String::new() }, None);
                }
                (_, Status::Pending) if step.start == Start::Key => {
                    let _ = self.intent(Intent::StartStep { step: step.id.clone() }, None);
                }
                _ => {}
            }
        }
        let open: Option<StepId> = self.state.open_gate().map(|(id, _)| id.clone());
        if let Some(gate) = open {
            self.go(&gate);
        }
    }

    fn go(&mut self, gate: &StepId) {
        let asked = &self.state.gates[gate];
        let Some(sheet) = &asked.sheet else { return };
        may_issue(&self.state, gate, asked.revision, sheet.number, &sheet.digest).unwrap();
        let armed_at = self.clock.now().real;
        let code = "7k3m".to_owned();
        let issued = Issued {
            gate: gate.clone(),
            revision: asked.revision,
            sheet: sheet.number,
            code: code.clone(),
            armed_at,
        };
        let answer = GateAnswer {
            gate: gate.clone(),
            revision: asked.revision,
            sheet: sheet.number,
            digest: sheet.digest.clone(),
            decision: Decision::Go,
            reason: String::new(),
            code,
            word: Some(self.plan.target.clone()),
            waived: None,
        };
        match self.intent(Intent::DecideGate(answer), Some(issued)) {
            Ok(()) | Err(Refusal::SheetChanged { .. }) => {}
            Err(Refusal::EvidenceMissing(missing)) => self.missing = missing,
            Err(other) => panic!("{gate}: {other:?}"),
        }
    }
}

fn sample(path: &Path) -> Plan {
    let environment = Environment::with(["SOURCE_PASSWORD", "TARGET_PASSWORD"]);
    load(path, &Overrides::default(), &environment)
        .unwrap_or_else(|why| panic!("{}: {why:?}", path.display()))
        .plan
}

fn sample_plans() -> Vec<Plan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans");
    let mut plans: Vec<Plan> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| sample(&path))
        .collect();
    for strategy in [Strategy::NearZeroDowntime, Strategy::PlannedDowntime] {
        let dir = tempfile::tempdir().unwrap();
        plans.push(sample(&new::write(&dir.path().join("new"), strategy).unwrap()));
    }
    plans
}

#[test]
fn every_sample_plan_rehearses_to_its_end() {
    for plan in sample_plans() {
        let name = plan.name.clone();
        let mut rehearsal = Rehearsal::of(plan);
        assert_eq!(rehearsal.run_out(), Ending::Done, "{name}");
        assert!(rehearsal.simulated, "{name}: a reading that was not made up");
        let undone: Vec<_> =
            rehearsal.open().filter(|(id, _)| !rehearsal.plan.is_rollback_step(id)).collect();
        assert!(undone.is_empty(), "{name}: {undone:?}");
        assert_eq!(rehearsal.state.hold, None, "{name}");
    }
}

#[test]
fn the_same_plan_rehearses_the_same_way() {
    let plan = || sample(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans/demo.toml"));
    let (mut one, mut other) = (Rehearsal::of(plan()), Rehearsal::of(plan()));
    one.run_out();
    other.run_out();
    assert!(one.events == other.events);
}

#[test]
fn the_way_back_rehearses_too() {
    let mut rehearsal =
        Rehearsal::of(sample(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans/demo.toml")));
    for _ in 0..200_000 {
        let switched = rehearsal
            .state
            .step(&rehearsal.plan, &StepId::from("open-target"))
            .is_some_and(|at| at.status == Status::Done);
        if switched && !rehearsal.state.gates.contains_key(&StepId::from(ROLLBACK_GATE)) {
            let ask = Intent::AskRollback { reason: "it is only a rehearsal".to_owned() };
            if rehearsal.intent(ask, None).is_ok() {
                break;
            }
        }
        for happened in rehearsal.world.due(rehearsal.clock.now()) {
            match happened {
                Happened::Reading(reading) => rehearsal.readings.apply(&rehearsal.plan, reading),
                Happened::Course(_) => unreachable!("nothing is compared"),
                Happened::Report(report) => drop(rehearsal.input(Input::Report(report))),
            }
        }
        rehearsal.input(Input::Tick).unwrap();
        if !switched {
            rehearsal.person();
        }
        rehearsal.clock.advance(Duration::from_millis(200));
    }
    assert_eq!(rehearsal.run_out(), Ending::RolledBack);
}

fn world(toml: &str) -> (World, Clock) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    std::fs::write(&path, toml).unwrap();
    let clock = Clock::manual(START);
    (World::new(&Arc::new(sample(&path)), &Known::default(), clock.now()), clock)
}

fn readings(all: &[Happened], probe: &str) -> Vec<Reading> {
    all.iter()
        .filter_map(|h| match h {
            Happened::Reading(reading) if reading.probe.as_str() == probe => Some(reading.clone()),
            Happened::Reading(_) | Happened::Course(_) | Happened::Report(_) => None,
        })
        .collect()
}

const PLAN: &str = r#"
[plan]
name = "small"
strategy = "planned-downtime"
source = "here"
target = "there"
window = { opens = "start", length = "1h" }

[people.you]
role = "lead"
contact = "here"

[[probe]]
id = "up"
tcp = "127.0.0.1:1"
every = "10s"
estimate = "25s"

[[validation]]
id = "asked"
command = ["true"]
estimate = "3s"

[[phase]]
id = "only"
title = "Only"

[[phase.step]]
id = "long"
title = "Long"
command = ["true"]
estimate = "30s"
timeout = "40s"
"#;

#[test]
fn a_probe_turns_good_after_its_estimate_and_misses_no_beat_twice() {
    let (mut world, clock) = world(PLAN);
    let mut seen = Vec::new();
    for _ in 0..60 {
        clock.advance(Duration::from_secs(1));
        seen.extend(readings(&world.due(clock.now()), "up"));
    }
    let good: Vec<bool> = seen.iter().map(|r| r.result.as_ref().unwrap().pass).collect();
    assert_eq!(good, [false, false, false, true, true, true]);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(readings(&world.due(clock.now()), "up").len(), 1, "what was missed is not made up for");
}

#[test]
fn a_look_that_is_asked_for_takes_its_estimate_and_says_when_it_began() {
    let (mut world, clock) = world(PLAN);
    let asked = clock.now();
    world.start(
        &[Effect::Measure { probe: "asked".into() }, Effect::Measure { probe: "asked".into() }],
        asked,
    );
    clock.advance(Duration::from_millis(2_999));
    assert!(readings(&world.due(clock.now()), "asked").is_empty());
    clock.advance(Duration::from_millis(1));
    let first = readings(&world.due(clock.now()), "asked");
    assert_eq!((first[0].boot, first[0].took_ms), (asked.boot, 3_000));
    // The second ask came while the first look was under way: it has a look of its own.
    clock.advance(Duration::from_secs(3));
    assert_eq!(readings(&world.due(clock.now()), "asked")[0].boot, asked.boot.plus(Duration::from_secs(3)));
}

#[test]
fn every_try_ends_in_one_report_stopped_or_not() {
    let (mut world, clock) = world(PLAN);
    let perform = |attempt| Effect::Perform { step: "long".into(), attempt, leg: Leg::Forward };
    let stop = |attempt| Effect::Stop { step: "long".into(), attempt, leg: Leg::Forward };
    let ends = |world: &mut World| {
        clock.advance(Duration::from_secs(60));
        let all = world.due(clock.now());
        let end = |h: &Happened| match h {
            Happened::Report(Report::Step { attempt, outcome, .. }) => Some((*attempt, *outcome)),
            Happened::Report(_) | Happened::Course(_) | Happened::Reading(_) => None,
        };
        all.iter().filter_map(end).collect::<Vec<_>>()
    };
    world.start(&[perform(1)], Clock::manual(START).now());
    assert_eq!(ends(&mut world), [(1, Outcome::Done)]);
    assert!(ends(&mut world).is_empty());
    world.start(&[perform(2), stop(2), stop(2)], Clock::manual(START).now());
    assert_eq!(ends(&mut world), [(2, Outcome::Stopped)]);
    assert!(ends(&mut world).is_empty());
    world.start(&[perform(3), Effect::Finish], Clock::manual(START).now());
    assert!(ends(&mut world).is_empty() && world.is_over());
}

#[test]
fn what_ran_when_the_engine_died_ends_after_all() {
    let (world, clock) = world(PLAN);
    let running = vec![Attempt { step: "long".into(), number: 4, leg: Leg::Forward }];
    let known = Known { running, ..Known::default() };
    let mut resumed = World::new(&world.plan, &known, clock.now());
    clock.advance(Duration::from_secs(30));
    let ends: BTreeSet<u32> = resumed
        .due(clock.now())
        .iter()
        .filter_map(|h| match h {
            Happened::Report(Report::Step { attempt, .. }) => Some(*attempt),
            Happened::Report(_) | Happened::Course(_) | Happened::Reading(_) => None,
        })
        .collect();
    assert_eq!(ends, [4].into());
}
