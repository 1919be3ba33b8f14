//! A night on paper: a plan, and a run of it that the real engine decides, event by event, over a world that a
//! test sets as it likes. Nothing is poked into the state: what screens and reports are tested on can happen.

#![allow(dead_code, unreachable_pub, reason = "each test uses its own part of the night")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

pub mod hands;
pub mod screen;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cutover::clock::{Boot, Now, Timestamp};
use cutover::engine::course::{Course, Doing, Proved, Standing, TableSeen, TablesSeen, What};
use cutover::engine::decide;
use cutover::engine::effect::{Effect, effects};
use cutover::engine::event::{Decision, Grade, Leg, Mode, Outcome, RunStarted};
use cutover::engine::input::{GateAnswer, Input, Intent, Issued, Report};
use cutover::engine::reading::{
    Compared, DifferenceSeen, Facts, FenceFacts, FenceState, Finding, Lag, LagUnit, MarkerSeen, Measure,
    Origin, Reading, SessionSeen, Still, Unmeasured,
};
use cutover::engine::readings::Readings;
use cutover::engine::refusal::Refusal;
use cutover::engine::rules::evidence;
use cutover::engine::state::{At, Status};
use cutover::engine::{Event, State};
use cutover::panes::{Contact, Feed, Recorded};
use cutover::plan::model::{ProbeKind, Schedule, StepKind};
use cutover::plan::{self, EndpointId, Plan, ProbeId, StepId};

/// The code that every gate of the night is given.
pub const CODE: &str = "7k3m";

/// What a probe will see when it looks.
#[derive(Clone, Debug)]
pub enum World {
    /// A link: so many rows behind, and how that changes each second.
    Behind { rows: i64, each_second: i64 },
    /// Something with a text, and whether it is as it must be.
    Says { pass: bool, text: String, facts: Facts },
    /// Nothing: the look fails.
    Fails(Unmeasured),
}

/// A plan and a run of it.
pub struct Night {
    pub plan: Arc<Plan>,
    pub state: State,
    pub readings: Readings,
    pub journal: Vec<Arc<Recorded>>,
    pub now: Now,
    pub world: BTreeMap<String, World>,
    pub operator: String,
    mode: Mode,
    markers: u64,
    /// What was asked of the world and has no answer yet.
    pub asked: Vec<Effect>,
}

/// Reads a plan from beside this file.
pub fn plan(name: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/night").join(name);
    match plan::load(&path, &plan::Overrides::default(), &plan::Environment::of_process()) {
        Ok(loaded) => loaded.plan,
        Err(wrong) => panic!("{name}: {:#?}", wrong.list),
    }
}

/// A wall time of the night, at its offset: `at("00:43:11")` is on 6 December, evening hours on the 5th.
pub fn at(time: &str) -> Timestamp {
    let (day, time) = if time.starts_with('2') { (5, time) } else { (6, time) };
    let text = format!("2026-12-{day:02}T{time}+01:00");
    Timestamp(chrono::DateTime::parse_from_rfc3339(&text).expect("a time").timestamp_millis())
}

fn good(text: &str) -> World {
    World::Says { pass: true, text: text.to_owned(), facts: Facts::Plain }
}

fn still(objects: u64) -> Facts {
    Facts::Still(Still { baseline: "9c1f4ab2d07e".into(), objects, findings: Vec::new() })
}

/// A comparison that found everything the same.
pub fn same(rows: u64) -> World {
    World::Says {
        pass: true,
        text: format!("128 of 128 tables the same, {} rows", cutover::ui::format::count(rows)),
        facts: Facts::Compared(Compared {
            trees: false,
            tables: 128,
            same: 128,
            rows,
            differences: 0,
            named: Vec::new(),
            equality: "every row, by value".into(),
            positions: ("3/9F21C040".into(), "3/9F21C040".into()),
            in_flight: false,
            before: None,
        }),
    }
}

/// What a fence shows while it is open.
pub fn open(endpoint: &str) -> World {
    World::Says {
        pass: false,
        text: format!("{endpoint} takes writes"),
        facts: Facts::Fence(FenceFacts {
            state: FenceState::Open,
            position: None,
            refused: None,
            older: Vec::new(),
            moved: 0,
            moved_named: Vec::new(),
        }),
    }
}

/// What a fence shows once nobody gets through.
pub fn sealed(text: &str) -> World {
    World::Says {
        pass: true,
        text: text.to_owned(),
        facts: Facts::Fence(FenceFacts {
            state: FenceState::Sealed,
            position: Some("3/9F21C040".into()),
            refused: Some("25006".into()),
            older: Vec::new(),
            moved: 0,
            moved_named: Vec::new(),
        }),
    }
}

impl Night {
    /// A live run of the night's plan that nobody has started.
    pub fn live() -> Night {
        Night::of(plan("orders.toml"), Mode::Live)
    }

    /// Its fourth rehearsal.
    pub fn rehearsed() -> Night {
        Night::of(plan("orders.toml"), Mode::Rehearsal { number: 4, speed: 60.0, grade: Grade::Simulated })
    }

    /// A run of any plan, with everything that is measured as it should be.
    pub fn of(plan: Plan, mode: Mode) -> Night {
        let plan = Arc::new(plan);
        let world = plan
            .probes
            .iter()
            .map(|probe| {
                let sees = match &probe.kind {
                    ProbeKind::Link(_) => World::Behind { rows: 60, each_second: 0 },
                    ProbeKind::Fence(fence) => open(fence.endpoint.as_str()),
                    ProbeKind::Tables(_) => same(18_204_412),
                    ProbeKind::Schema { .. } => {
                        World::Says { pass: true, text: "unchanged, 412 objects".into(), facts: still(412) }
                    }
                    ProbeKind::Tree { .. } => {
                        World::Says { pass: true, text: "unchanged, 1 204 files".into(), facts: still(1_204) }
                    }
                    ProbeKind::Writes { .. } => {
                        World::Says { pass: true, text: "only replication writes".into(), facts: still(0) }
                    }
                    ProbeKind::Control(_) => good("locked"),
                    ProbeKind::Identity { .. } => World::Says {
                        pass: true,
                        text: "is what it should be".into(),
                        facts: Facts::Identity { system: "7301948812345678901".into(), row: None },
                    },
                    ProbeKind::Files(_) => good("of 21:30, restore tested"),
                    ProbeKind::Http(_) => good("200 in 41ms"),
                    ProbeKind::Tls(_) => good("good for 61 days"),
                    ProbeKind::Marker { .. } => good("marker came back in 0.4s"),
                    _ => good("well"),
                };
                (probe.id.to_string(), sees)
            })
            .collect();
        let wall = at("00:20:00");
        let boot = Boot(86_400_000);
        Night {
            state: State::new(&plan),
            readings: Readings::new(mode != Mode::Live),
            plan,
            journal: Vec::new(),
            now: Now { wall, boot, real: boot },
            world,
            operator: "maria".into(),
            mode,
            markers: 117,
            asked: Vec::new(),
        }
    }

    /// Starts it.
    pub fn begin(&mut self) -> &mut Self {
        let run = RunStarted {
            run: if self.mode == Mode::Live {
                "L-20261205T2320Z-orders-7k3m"
            } else {
                "R-20261205T2320Z-orders-4q2p"
            }
            .into(),
            mode: self.mode,
            plan: self.plan.name.clone(),
            pins: self.plan.pins.clone(),
            operator: self.operator.clone(),
            account: "maria@lead-1".into(),
            host: "lead-1".into(),
            boot_id: "5f0c".into(),
            version: "0.1.0".into(),
        };
        self.put(Input::Begin(Box::new(run))).expect("a run begins once");
        self.pass(3)
    }

    /// Gives the engine an input, records what follows and lets it draw its conclusions.
    pub fn put(&mut self, input: Input) -> Result<(), Refusal> {
        let events = decide(&self.plan, &self.state, &self.readings, input, self.now)?;
        self.record(events);
        self.settle();
        Ok(())
    }

    /// Somebody at the keys wants something.
    pub fn wants(&mut self, intent: Intent) -> Result<(), Refusal> {
        let by = self.operator.clone();
        self.put(Input::Intent { by, intent, issued: None })
    }

    fn settle(&mut self) {
        for _ in 0..1_000 {
            let events = decide(&self.plan, &self.state, &self.readings, Input::Tick, self.now)
                .expect("a tick is never refused");
            if events.is_empty() {
                return;
            }
            self.record(events);
        }
        panic!("the engine does not come to rest");
    }

    fn record(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let seq = self.state.seq + 1;
        let at = At { seq, wall: self.now.wall, boot: self.now.boot };
        for event in &events {
            self.state.apply(&self.plan, at, event);
            self.asked.extend(effects(&self.plan, &self.state, event));
        }
        let hash = format!("{:016x}", seq.wrapping_mul(0x9f3a_c1d4_7e55_0b21));
        self.journal.push(Arc::new(Recorded { seq, at: at.wall, hash, events, unacknowledged: false }));
    }

    /// Lets seconds pass: probes look when it is their time, and when they are asked.
    pub fn pass(&mut self, seconds: u64) -> &mut Self {
        self.pass_by(seconds, 1)
    }

    /// Lets time pass in which nothing happens: probes look only now and then.
    pub fn doze(&mut self, time: &str) -> &mut Self {
        let left = at(time).since(self.now.wall).as_secs();
        self.pass_by(left / 30, 30).pass(left % 30)
    }

    fn pass_by(&mut self, steps: u64, seconds: u64) -> &mut Self {
        for _ in 0..steps {
            let second = Duration::from_secs(seconds);
            let speed = match self.mode {
                Mode::Live => 1.0,
                Mode::Rehearsal { speed, .. } => speed,
            };
            self.now = Now {
                wall: self.now.wall.plus(second),
                boot: self.now.boot.plus(second),
                real: self.now.real.plus(second.div_f64(speed)),
            };
            self.look_around();
            self.settle();
        }
        self
    }

    /// Lets time pass until a wall time.
    pub fn until(&mut self, time: &str) -> &mut Self {
        let left = at(time).since(self.now.wall);
        self.pass(left.as_secs())
    }

    fn look_around(&mut self) {
        let plan = Arc::clone(&self.plan);
        let asked: Vec<ProbeId> = self
            .asked
            .extract_if(.., |effect| matches!(effect, Effect::Measure { .. }))
            .filter_map(|effect| match effect {
                Effect::Measure { probe } => Some(probe),
                _ => None,
            })
            .collect();
        for probe in &plan.probes {
            if let Some(World::Behind { rows, each_second }) = self.world.get_mut(probe.id.as_str()) {
                *rows = (*rows + *each_second).max(0);
            }
            let due = match probe.schedule {
                Schedule::Every(every) => {
                    let every = u64::try_from(every.as_millis()).unwrap();
                    let last = self.readings.track(&probe.id).and_then(|t| t.last.as_ref()).map(|r| r.boot);
                    last.is_none_or(|last| self.now.boot.0 - last.0 >= every)
                }
                Schedule::OnDemand => false,
            };
            if asked.contains(&probe.id) || due {
                self.look(&probe.id);
            }
        }
    }

    /// Has a probe look now.
    pub fn look(&mut self, probe: &ProbeId) {
        let Some(world) = self.world.get(probe.as_str()).cloned() else { return };
        let result = match world {
            World::Fails(why) => Err(why),
            World::Says { pass, text, facts } => Ok(Measure { pass, text, facts }),
            World::Behind { rows, .. } => Ok(self.lag(probe, rows.cast_unsigned())),
        };
        self.readings.apply(
            &self.plan,
            Reading {
                probe: probe.clone(),
                at: self.now.wall,
                boot: self.now.boot,
                took_ms: 40,
                source: Origin::Measured,
                result,
            },
        );
    }

    fn lag(&mut self, probe: &ProbeId, behind: u64) -> Measure {
        let warn = match self.plan.probe(probe).map(|p| &p.kind) {
            Some(ProbeKind::Link(link)) => link.warn,
            _ => u64::MAX,
        };
        self.markers += 1;
        let marker = MarkerSeen { id: format!("m{}", self.markers), sent: self.now.wall, took_ms: Some(400) };
        Measure {
            pass: behind <= warn,
            text: format!("{behind} rows behind"),
            facts: Facts::Lag(Lag {
                stopped: None,
                late_ms: None,
                takes_no_marker: false,
                behind,
                unit: LagUnit::Changes,
                source: "3/9F21C040".into(),
                target: "3/9F21C040".into(),
                marker: Some(marker),
            }),
        }
    }

    /// Sets what a probe will see.
    pub fn sees(&mut self, probe: &str, world: World) -> &mut Self {
        assert!(self.world.insert(probe.to_owned(), world).is_some(), "the plan measures no {probe}");
        self
    }

    /// A monitor will see a change.
    pub fn breach(&mut self, probe: &str, what: &str, change: &str) -> &mut Self {
        let when = Some(self.now.wall.minus(Duration::from_secs(20)));
        let finding = Finding { what: what.into(), change: change.into(), when, who: None };
        let text = format!("{what} {change} {}", self.now.wall.hour_minute(self.plan.offset));
        let facts =
            Facts::Still(Still { baseline: "9c1f4ab2d07e".into(), objects: 1_204, findings: vec![finding] });
        self.sees(probe, World::Says { pass: false, text, facts })
    }

    /// A fence that holds for new sessions, and an old one that writes on.
    pub fn old_session(&mut self, fence: &str, application: &str, moved: u64) -> &mut Self {
        let session = SessionSeen {
            client: Some("10.4.2.17".to_owned()),
            passes: None,
            id: "4211".into(),
            application: application.into(),
            account: "batch".into(),
            since: at("21:04:12"),
            last_write: Some(self.now.wall),
            statement: Some("update products set price = …".into()),
            spared: Some("writes prices at 03:00 only".into()),
        };
        let text =
            format!("{application} writes on, {moved} rows moved (session 4211; fenced, probe refused)");
        let facts = Facts::Fence(FenceFacts {
            state: FenceState::Fenced,
            position: Some("3/9F21C040".into()),
            refused: Some("25006".into()),
            older: vec![session],
            moved,
            moved_named: vec!["products 118 update".into()],
        });
        self.sees(fence, World::Says { pass: false, text, facts })
    }

    /// A write on a side that nobody but replication may write to; it stays found.
    pub fn stray_write(&mut self, monitor: &str) -> &mut Self {
        let finding = Finding { what: "orders 118".into(), change: "update".into(), when: None, who: None };
        let facts =
            Facts::Still(Still { baseline: "9c1f4ab2d07e".into(), objects: 0, findings: vec![finding] });
        let text = "orders 118 update, not by replication".into();
        self.sees(monitor, World::Says { pass: false, text, facts })
    }

    /// What was set going for a step ends well.
    pub fn done(&mut self, step: &str, detail: &str) -> &mut Self {
        self.ends(step, Outcome::Done, detail)
    }

    /// What was set going for a step ends.
    pub fn ends(&mut self, step: &str, outcome: Outcome, detail: &str) -> &mut Self {
        let step = StepId::from(step);
        let at = self.state.step(&self.plan, &step).expect("a step of the plan");
        let leg = if at.status == Status::Running { Leg::Forward } else { Leg::Undo };
        let attempt = at.attempts;
        let kind = self.plan.step(&step).map(|s| s.kind.clone());
        let fenced = match (kind, outcome) {
            (Some(StepKind::Fence(fence)), Outcome::Done) => {
                Some((fence.target.endpoint, FenceState::Sealed))
            }
            (Some(StepKind::Open { endpoint }), Outcome::Done) => Some((endpoint, FenceState::Open)),
            _ => None,
        };
        if let Some((endpoint, state)) = fenced {
            self.fences(&endpoint, state);
        }
        self.asked.retain(|e| !matches!(e, Effect::Perform { step: s, .. } if *s == step));
        let report = Report::Step { step, attempt, leg, outcome, detail: detail.into(), output: None };
        self.put(Input::Report(report)).expect("a report of what runs");
        self
    }

    fn fences(&mut self, endpoint: &EndpointId, state: FenceState) {
        let position = Some("3/9F21C040".to_owned());
        let report = Report::Fence { endpoint: endpoint.clone(), state, position, at: self.now.wall };
        self.put(Input::Report(report)).expect("a side changes");
    }

    /// A person says that a step is done.
    pub fn confirm(&mut self, step: &str) -> &mut Self {
        self.wants(Intent::ConfirmStep { step: step.into(), note: String::new() }).expect("it is asked");
        self
    }

    /// Somebody says GO, as the gate wants it said.
    pub fn go(&mut self, gate: &str) -> &mut Self {
        let gate = StepId::from(gate);
        let asked = self.state.gates.get(&gate).expect("the gate is open").clone();
        let sheet = asked.sheet.expect("it has a sheet");
        let waived = u32::try_from(sheet.lines.iter().filter(|line| line.waived.is_some()).count()).unwrap();
        let answer = GateAnswer {
            gate: gate.clone(),
            revision: asked.revision,
            sheet: sheet.number,
            digest: sheet.digest,
            decision: Decision::Go,
            reason: String::new(),
            code: CODE.into(),
            word: Some(self.plan.target.clone()),
            waived: (waived > 0).then_some(waived),
        };
        let issued = Issued {
            gate,
            revision: asked.revision,
            sheet: sheet.number,
            code: CODE.into(),
            armed_at: self.now.real,
        };
        let by = self.operator.clone();
        self.put(Input::Intent { by, intent: Intent::DecideGate(answer), issued: Some(issued) })
            .expect("the gate says GO");
        self
    }

    /// The engine says nothing for a while: clocks go on, nothing else does.
    pub fn silence(&mut self, time: Duration) {
        let Now { wall, boot, real } = self.now;
        self.now = Now { wall: wall.plus(time), boot: boot.plus(time), real: real.plus(time) };
    }

    /// What the cockpit is fed now, by an engine that lives.
    pub fn feed(&self) -> Feed {
        Feed {
            plan: Arc::clone(&self.plan),
            state: Arc::new(self.state.clone()),
            readings: Arc::new(self.readings.clone()),
            journal: Arc::new(self.journal.clone()),
            records: self.state.seq,
            hash: self.journal.last().map_or_else(String::new, |record| record.hash.clone()),
            contact: Contact { beat: Some(self.now.real), gone: None, damaged: None },
        }
    }
}

/// The night at 00:43:11, all well: writes are fenced, one link drains.
pub fn quiet(mut night: Night) -> Night {
    night.begin();
    night.doze("00:21:00").confirm("roll-call").pass(2).doze("00:22:30");
    night.done("lock", "pipelines locked").pass(3);
    night.doze("00:38:25").until("00:38:30").go("go-stop").pass(2);
    night.doze("00:39:40").confirm("tell").pass(3);
    night.until("00:40:07").sees("fence:source", sealed("fenced, 12 sessions ended, probe refused"));
    night.done("stop-writes", "12 sessions ended").pass(3);
    night.sees("orders", World::Behind { rows: 0, each_second: 0 });
    night.sees("audit", World::Behind { rows: 0, each_second: 0 });
    night.sees("billing", World::Behind { rows: 4_620, each_second: -23 });
    night.until("00:43:11");
    night
}

/// The night at 00:47:02: everything stands, and the gate that moves users is open.
pub fn at_the_gate(night: Night) -> Night {
    let mut night = quiet(night);
    night.sees("billing", World::Behind { rows: 0, each_second: 0 });
    night.until("00:46:00");
    night.done("sequences", "3 sequences, margin 1000").pass(1);
    night.done("reverse", "").pass(3);
    night.until("00:47:02");
    night
}

/// The same night, with everything wrong that can be at once.
pub fn wrong(night: Night) -> Night {
    let mut night = quiet(night);
    night.sees("audit", World::Behind { rows: 60, each_second: 240 });
    night.breach("app-files", "srv/app/config.toml", "changed");
    night.sees("backup", World::Fails(Unmeasured::TimedOut(5_000)));
    night.sees("front-door", World::Fails(Unmeasured::NotReachable("connection refused".into())));
    night.old_session("fence:source", "price-job", 118);
    night.pass(60);
    night
}

/// The night to its end: users are on the other side.
pub fn over(night: Night) -> Night {
    let mut night = at_the_gate(night);
    night.go("go").pass(1);
    night.done("switch", "").pass(7);
    night.sees("fence:source", sealed("fenced"));
    night.done("open-target", "").pass(3);
    night.pass(5);
    night.done("drained", "nobody is left").pass(1);
    night.wants(Intent::StartStep { step: "reconcile".into() }).expect("it waits for its key");
    night.doze("00:55:00").confirm("reconcile").pass(3);
    night.go("go-announce").pass(1);
    night.done("announce", "told").pass(2);
    night
}

/// The gate that moves users, with evidence that is wrong in every way, and one finding waived.
pub fn at_a_bad_gate(night: Night) -> Night {
    let mut night = at_the_gate(night);
    night.breach("app-files", "srv/app/config.toml", "changed");
    night.sees("backup", World::Fails(Unmeasured::TimedOut(5_000)));
    night.sees("front-door", World::Fails(Unmeasured::NotReachable("connection refused".into())));
    night.pass(20);
    let waived = evidence::lines(&night.plan, &night.state, &night.readings, &"go".into(), night.now)
        .into_iter()
        .find(|line| line.id == "app-files")
        .expect("a breach is evidence");
    let waive = Intent::Waive {
        gate: "go".into(),
        evidence: waived.id,
        finding: waived.finding.expect("it is wrong"),
        reason: "log level only".into(),
    };
    night.wants(waive).expect("it can be waived");
    night.pass(1);
    night
}

/// The night on which a comparison finds rows that differ.
pub fn different(night: Night) -> Night {
    let mut night = quiet(night);
    let row = |key: &str, kind: &str, columns: &[&str]| DifferenceSeen {
        table: "orders".into(),
        key: key.into(),
        kind: kind.into(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
    };
    let World::Says { facts: Facts::Compared(compared), .. } = same(18_204_412) else { unreachable!() };
    let named = vec![
        row("81f2", "changed", &["price", "currency"]),
        row("81f3", "missing", &[]),
        row("90aa", "extra", &[]),
    ];
    let facts = Facts::Compared(Compared { same: 127, differences: 12, named, ..compared });
    let text = "127 of 128 tables the same, 12 rows of orders differ".into();
    night.sees("rows", World::Says { pass: false, text, facts });
    night.sees("billing", World::Behind { rows: 0, each_second: 0 });
    night.until("00:44:00");
    night
}

/// A table of a comparison, as it is told.
pub fn table(table: &str, proved: Proved, rows: u64, read: u64) -> TableSeen {
    let counted = (proved != Proved::ToCome && proved != Proved::Reading).then_some(rows);
    TableSeen {
        table: table.into(),
        proved,
        rows: (counted, counted),
        read: (2 * read, 2 * rows),
        whole: None,
        again: 0,
        equality: "every row, by its primary key".into(),
    }
}

/// The evening on which the tables are read before the window, with one that goes on not being the same.
pub fn reading(night: Night) -> Night {
    let mut night = quiet(night);
    let order = Proved::Different("2 missing, 1 changed".into());
    let flies = Proved::Not("12 rows differed and may still have been in flight".into());
    let worst = vec![
        TableSeen { rows: (Some(1_000), Some(998)), ..table("order_items", order, 1_000, 1_000) },
        TableSeen {
            whole: Some(at("00:10:00")),
            again: 12,
            ..table("sessions_of_customers_with_a_long_name", flies, 40_211, 40_211)
        },
        table("orders", Proved::Reading, 18_204_412, 8_200_000),
        table("prices", Proved::ToCome, 300, 0),
        TableSeen {
            whole: Some(at("00:10:00")),
            again: 1_574,
            ..table("audit", Proved::Same, 9_114_077, 9_114_077)
        },
        table("customers", Proved::Same, 711_004, 711_004),
    ];
    let tables = TablesSeen { at: night.now.wall, of: 128, same: 124, worst };
    let now = Standing {
        since: night.now.wall,
        doing: Doing::Reading,
        table: Some("orders".into()),
        what: What::Rows,
        tables: Some((126, 128)),
        rows: 36_000_000,
        of: Some(56_000_000),
        rate: Some(1_410_000),
        connections: 2,
        suspects: 12,
        held: false,
        waits: None,
    };
    night.pass(8);
    let told = night.now.boot;
    night.readings.follow(Course { probe: "rows".into(), told, now: Some(now), tables: Some(tables) });
    night
}
