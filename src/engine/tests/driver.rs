//! Runs the engine as its process does, without a disk: decide, apply, tick until it is silent.

use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::engine::decide;
use crate::engine::effect::{Effect, effects};
use crate::engine::event::{Decision, Event, Leg, Mode, Outcome, RunStarted};
use crate::engine::input::{GateAnswer, Input, Intent, Issued, Report};
use crate::engine::reading::{
    Facts, FenceFacts, FenceState, Finding, Lag, LagUnit, MarkerSeen, Measure, Origin, Reading, SessionSeen,
    Still, Unmeasured,
};
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::engine::rules::gates::{ARMS_AFTER_MS, may_issue};
use crate::engine::state::{At, State, Status, StepState};
use crate::plan::model::{
    CommandLine, Contacts, FenceStep, FenceTarget, Gate, Link, LinkKind, Phase, Pins, Plan, Probe, ProbeKind,
    Retries, Rollback, Schedule, Section, Severity, Start, Step, StepKind, Strategy, TablesProbe, Undo,
    WaitFor, Window,
};
use crate::plan::{ProbeId, StepId};

/// The epoch of every test's clock.
pub(super) const START: Timestamp = Timestamp(1_770_000_000_000);

pub(super) struct Driver {
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) readings: Readings,
    pub(super) clock: Clock,
    pub(super) records: Vec<(At, Vec<Event>)>,
    pub(super) effects: Vec<Effect>,
    issued: Option<Issued>,
}

impl Driver {
    /// A run that has begun and has an operator.
    pub(super) fn begin(plan: Plan) -> Driver {
        let mut driver = Driver {
            state: State::new(&plan),
            plan,
            readings: Readings::new(false),
            clock: Clock::manual(START),
            records: Vec::new(),
            effects: Vec::new(),
            issued: None,
        };
        driver
            .input(Input::Begin(Box::new(RunStarted {
                run: "L-test".into(),
                mode: Mode::Live,
                plan: "test".into(),
                pins: Pins::default(),
                operator: "maria".into(),
                account: "maria".into(),
                host: "here".into(),
                boot_id: "b".into(),
                version: "0".into(),
            })))
            .unwrap();
        driver
    }

    pub(super) fn input(&mut self, input: Input) -> Result<(), Refusal> {
        let now = self.clock.now();
        let events = decide(&self.plan, &self.state, &self.readings, input, now)?;
        self.take(events);
        for round in 0.. {
            assert!(round < 200, "the engine talks to itself without end");
            let events = decide(&self.plan, &self.state, &self.readings, Input::Tick, now).unwrap();
            if events.is_empty() {
                return Ok(());
            }
            self.take(events);
        }
        Ok(())
    }

    fn take(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let now = self.clock.now();
        let at = At { seq: self.records.len() as u64 + 1, wall: now.wall, boot: now.boot };
        for event in &events {
            self.state.apply(&self.plan, at, event);
            self.effects.extend(effects(&self.plan, &self.state, event));
        }
        self.records.push((at, events));
    }

    pub(super) fn tick(&mut self) {
        self.input(Input::Tick).unwrap();
    }

    /// Lets time pass, a second at a time, with the engine looking each second.
    pub(super) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.tick();
        }
    }

    pub(super) fn intent(&mut self, intent: Intent) -> Result<(), Refusal> {
        self.intent_of("maria", intent)
    }

    pub(super) fn intent_of(&mut self, by: &str, intent: Intent) -> Result<(), Refusal> {
        let issued = self.issued.clone();
        self.input(Input::Intent { by: by.into(), intent, issued })
    }

    pub(super) fn end(&mut self, step: &str, outcome: Outcome) -> Result<(), Refusal> {
        self.end_leg(step, Leg::Forward, outcome)
    }

    pub(super) fn end_leg(&mut self, step: &str, leg: Leg, outcome: Outcome) -> Result<(), Refusal> {
        let attempt = self.at(step).attempts;
        self.input(Input::Report(Report::Step {
            step: step.into(),
            attempt,
            leg,
            outcome,
            detail: String::new(),
            output: None,
        }))
    }

    pub(super) fn fence(&mut self, endpoint: &str, state: FenceState) {
        let at = self.clock.now().wall;
        self.input(Input::Report(Report::Fence {
            endpoint: endpoint.into(),
            state,
            position: Some("c:100".into()),
            at,
        }))
        .unwrap();
    }

    pub(super) fn read(&mut self, probe: &str, result: Result<Measure, Unmeasured>) {
        let now = self.clock.now();
        self.readings.apply(
            &self.plan,
            Reading {
                probe: probe.into(),
                at: now.wall,
                boot: now.boot,
                took_ms: 1,
                source: Origin::Measured,
                result,
            },
        );
        self.tick();
    }

    pub(super) fn at(&self, step: &str) -> &StepState {
        self.state.step(&self.plan, &StepId::from(step)).unwrap()
    }

    pub(super) fn status(&self, step: &str) -> Status {
        self.at(step).status
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.records.iter().flat_map(|(_, events)| events)
    }

    /// The cockpit has shown the last row of the sheet that counts: a code is given out.
    pub(super) fn show(&mut self, gate: &str) -> Issued {
        let id = StepId::from(gate);
        let asked = &self.state.gates[&id];
        let sheet = asked.sheet.as_ref().unwrap();
        may_issue(&self.state, &id, asked.revision, sheet.number, &sheet.digest).unwrap();
        let issued = Issued {
            gate: id,
            revision: asked.revision,
            sheet: sheet.number,
            code: "7k3m".into(),
            armed_at: self.clock.now().real.plus(Duration::from_millis(ARMS_AFTER_MS)),
        };
        self.issued = Some(issued.clone());
        issued
    }

    /// What an honest person answers to what stands on the gate now.
    pub(super) fn honest(&self, gate: &str, decision: Decision) -> GateAnswer {
        let asked = &self.state.gates[&StepId::from(gate)];
        let sheet = asked.sheet.as_ref().unwrap();
        GateAnswer {
            gate: gate.into(),
            revision: asked.revision,
            sheet: sheet.number,
            digest: sheet.digest.clone(),
            decision,
            reason: if decision == Decision::NoGo { "not yet".into() } else { String::new() },
            code: "7k3m".into(),
            word: Some(self.plan.target.clone()),
            waived: None,
        }
    }

    /// Looks at a gate, waits until it arms, and says GO.
    pub(super) fn go(&mut self, gate: &str) -> Result<(), Refusal> {
        self.show(gate);
        self.clock.advance(Duration::from_millis(ARMS_AFTER_MS));
        let answer = self.honest(gate, Decision::Go);
        self.intent(Intent::DecideGate(answer))
    }
}

// --- plans -------------------------------------------------------------------------------------------

/// A plan of these steps in one phase, each after the one before.
pub(super) fn plan(steps: Vec<Step>, probes: Vec<Probe>) -> Plan {
    let mut steps = steps;
    for i in 1..steps.len() {
        if steps[i].after.is_empty() {
            steps[i].after = vec![steps[i - 1].id.clone()];
        }
    }
    let count = steps.len();
    let switch_at = steps.iter().position(|s| s.switch);
    for (i, step) in steps.iter_mut().enumerate() {
        if let StepKind::Gate(gate) = &mut step.kind {
            gate.guards_switch = switch_at == Some(i + 1);
        }
    }
    Plan {
        name: "test".into(),
        strategy: Strategy::NearZeroDowntime,
        source: "dc1".into(),
        target: "cloud".into(),
        window: Window::FromStart { length: Duration::from_secs(4 * 3600) },
        outage_budget: Some(Duration::from_secs(600)),
        impact: None,
        contacts: Contacts::default(),
        fallback: None,
        offset: 0,
        people: Vec::new(),
        endpoints: Vec::new(),
        probes,
        controls: Vec::new(),
        phases: vec![Phase { id: "p".into(), title: "P".into(), t0: true, first: 0, count }],
        steps,
        rollback: None,
        alarm_notify: None,
        pins: Pins { resolved: "plan".into(), ..Pins::default() },
        ..Plan::empty()
    }
    .indexed()
}

/// The heart of a cutover: fence, caught up, same, gate, switch, open; and the way back.
pub(super) fn cutover() -> Plan {
    let mut switch = command("switch");
    switch.switch = true;
    let mut stop = step("stop", StepKind::Fence(fence_step("source")));
    stop.holds_until = Some("go".into());
    stop.undo = Some(Undo::Open { endpoint: "source".into() });
    let mut caught = step("caught-up", StepKind::Wait(WaitFor::CaughtUp(vec!["orders".into()])));
    caught.holds_until = Some("go".into());
    let mut same = step("same", StepKind::Check(vec!["rows".into()]));
    same.holds_until = Some("go".into());
    let steps = vec![
        step("begin", StepKind::Gate(Gate::default())),
        stop,
        caught,
        same,
        step("go", StepKind::Gate(Gate::default())),
        switch,
        step("open", StepKind::Open { endpoint: "target".into() }),
    ];
    let mut fence_target = step("fence-target", StepKind::Fence(fence_step("target")));
    fence_target.phase = "rollback".into();
    let mut open_source = step("open-source", StepKind::Open { endpoint: "source".into() });
    open_source.phase = "rollback".into();
    open_source.after = vec!["fence-target".into()];
    let mut plan =
        plan(steps, vec![link("orders"), fence_probe("source"), tables("rows"), fence_probe("target")]);
    plan.rollback =
        Some(Rollback { estimate: Duration::from_secs(60), steps: vec![fence_target, open_source] });
    plan.indexed()
}

pub(super) fn step(id: &str, kind: StepKind) -> Step {
    Step {
        id: id.into(),
        title: id.into(),
        phase: "p".into(),
        owner: None,
        after: Vec::new(),
        start: Start::Auto,
        estimate: Some(Duration::from_secs(10)),
        timeout: Some(Duration::from_secs(300)),
        retries: Retries { times: 0, backoff: Duration::from_secs(1) },
        idempotent: false,
        skippable: true,
        kind,
        undo: None,
        proof: None,
        preflight: None,
        holds_until: None,
        switch: false,
        point_of_no_return: false,
    }
}

pub(super) fn command(id: &str) -> Step {
    step(id, StepKind::Command(CommandLine { argv: vec!["true".into()], env: Vec::new() }))
}

pub(super) fn manual(id: &str) -> Step {
    step(id, StepKind::Manual { ask: "do it".into() })
}

fn fence_step(endpoint: &str) -> FenceStep {
    FenceStep { target: fence_target(endpoint), probe: format!("fence:{endpoint}").into() }
}

fn fence_target(endpoint: &str) -> FenceTarget {
    FenceTarget { endpoint: endpoint.into(), spare: Vec::new(), probe_write: None }
}

pub(super) fn probe(id: &str, kind: ProbeKind, schedule: Schedule) -> Probe {
    Probe {
        id: ProbeId::from(id),
        title: id.into(),
        section: Section::Environment,
        kind,
        max_age: if schedule == Schedule::OnDemand { Duration::MAX } else { Duration::from_secs(5) },
        schedule,
        timeout: Duration::from_secs(2),
        alarm: Some(Severity::Warning),
        since: None,
        until: None,
        from: None,
        estimate: None,
    }
}

pub(super) fn tcp(id: &str) -> Probe {
    probe(id, ProbeKind::Tcp { address: "localhost:1".into() }, every())
}

pub(super) fn link(id: &str) -> Probe {
    let link = Link {
        kind: LinkKind::Sqlite,
        name: None,
        from: "source".into(),
        to: "target".into(),
        marker: true,
        warn: 1000,
        zero_for: Duration::from_secs(3),
        except: Vec::new(),
        reverse: false,
    };
    probe(id, ProbeKind::Link(link), every())
}

fn fence_probe(endpoint: &str) -> Probe {
    let mut it = probe(&format!("fence:{endpoint}"), ProbeKind::Fence(fence_target(endpoint)), every());
    it.since = Some(if endpoint == "source" { "stop" } else { "fence-target" }.into());
    it
}

fn tables(id: &str) -> Probe {
    let kind = TablesProbe {
        from: "source".into(),
        to: "target".into(),
        include: Vec::new(),
        except: Vec::new(),
        without: Vec::new(),
        rename: std::collections::BTreeMap::new(),
        cast: std::collections::BTreeMap::new(),
        before: false,
        connections: None,
    };
    probe(id, ProbeKind::Tables(kind), Schedule::OnDemand)
}

fn every() -> Schedule {
    Schedule::Every(Duration::from_secs(1))
}

// --- readings, in the form in which a probe gives them ----------------------------------------------------------------------------------------

#[expect(clippy::unnecessary_wraps, reason = "as a probe gives it")]
pub(super) fn good() -> Result<Measure, Unmeasured> {
    Ok(Measure { pass: true, text: "fine".into(), facts: Facts::Plain })
}

#[expect(clippy::unnecessary_wraps, reason = "as a probe gives it")]
pub(super) fn bad() -> Result<Measure, Unmeasured> {
    Ok(Measure { pass: false, text: "refused".into(), facts: Facts::Plain })
}

pub(super) fn silent() -> Result<Measure, Unmeasured> {
    Err(Unmeasured::TimedOut(2000))
}

#[expect(clippy::unnecessary_wraps, reason = "as a probe gives it")]
pub(super) fn lag(behind: u64, marker_sent: Timestamp) -> Result<Measure, Unmeasured> {
    let marker = Some(MarkerSeen { id: "m1".into(), sent: marker_sent, took_ms: Some(40) });
    let facts = Facts::Lag(Lag {
        stopped: None,
        late_ms: None,
        takes_no_marker: false,
        behind,
        unit: LagUnit::Changes,
        source: "c:100".into(),
        target: format!("c:{}", 100u64.saturating_sub(behind)),
        marker,
    });
    Ok(Measure { pass: behind <= 1000, text: format!("{behind} changes"), facts })
}

#[expect(clippy::unnecessary_wraps, reason = "as a probe gives it")]
pub(super) fn fenced(older: &[&str], moved: u64) -> Result<Measure, Unmeasured> {
    let older: Vec<SessionSeen> = older
        .iter()
        .map(|id| SessionSeen {
            id: (*id).into(),
            client: None,
            passes: None,
            application: "price-job".into(),
            account: "prices".into(),
            since: START,
            last_write: None,
            statement: None,
            spared: None,
        })
        .collect();
    let facts = FenceFacts {
        state: if older.is_empty() { FenceState::Sealed } else { FenceState::Fenced },
        position: Some("c:100".into()),
        refused: Some("SQLITE_READONLY".into()),
        moved,
        moved_named: Vec::new(),
        older,
    };
    let pass = facts.older.is_empty();
    Ok(Measure { pass, text: "fenced".into(), facts: Facts::Fence(facts) })
}

#[expect(clippy::unnecessary_wraps, reason = "as a probe gives it")]
pub(super) fn stray(rows: u64) -> Result<Measure, Unmeasured> {
    let found = |n| Finding { what: format!("orders {n}"), change: "written".into(), when: None, who: None };
    let findings: Vec<Finding> = (0..rows).map(found).collect();
    Ok(Measure {
        pass: rows == 0,
        text: format!("{rows} rows written"),
        facts: Facts::Still(Still { baseline: "b".into(), objects: 3, findings }),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "as a probe gives it")]
pub(super) fn compared(differences: u64) -> Result<Measure, Unmeasured> {
    let facts = Facts::Compared(crate::engine::reading::Compared {
        trees: false,
        tables: 3,
        same: if differences == 0 { 3 } else { 2 },
        rows: 1000,
        differences,
        named: Vec::new(),
        equality: "values".into(),
        positions: ("c:100".into(), "c:100".into()),
        in_flight: false,
        before: None,
    });
    Ok(Measure { pass: differences == 0, text: format!("{differences} differ"), facts })
}

/// Runs [`cutover`] up to its second gate with everything good.
pub(super) fn at_switch_gate() -> Driver {
    up_to_the_switch_gate(cutover())
}

/// The same with a plan made from it.
pub(super) fn up_to_the_switch_gate(plan: Plan) -> Driver {
    let mut d = Driver::begin(plan);
    d.read("orders", lag(0, START));
    d.go("begin").unwrap();
    d.fence("source", FenceState::Fenced);
    d.end("stop", Outcome::Done).unwrap();
    d.pass(1);
    d.read("fence:source", fenced(&[], 0));
    good_seconds(&mut d, 5);
    d.read("rows", compared(0));
    assert_eq!(d.status("same"), Status::Done, "{:?}", d.records.last());
    assert!(d.state.gates[&StepId::from("go")].open);
    d
}

/// Lets time pass with every scheduled probe good.
pub(super) fn good_seconds(d: &mut Driver, seconds: u64) {
    for _ in 0..seconds {
        d.clock.advance(Duration::from_secs(1));
        let now = d.clock.now().wall;
        d.read("orders", lag(0, now));
        d.read("fence:source", fenced(&[], 0));
    }
}
