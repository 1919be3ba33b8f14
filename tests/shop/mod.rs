//! A real cutover without a screen: the demo's world, the engine as its own process, and a person who answers
//! over the control socket what a person would answer at the cockpit. What became of every order says the oracle.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unused_self,
    reason = "each test binary uses its part"
)]

#[path = "../oracle/mod.rs"]
pub mod oracle;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use oracle::Oracle;

use cutover::clock::{Clock, Timestamp};
use cutover::demo::{Dir, Direction, Hold, Side, hold, world};
use cutover::engine::event::{Decision, Ending, HoldCause, Mode};
use cutover::engine::input::{GateAnswer, Intent};
use cutover::engine::reading::{Facts, Verdict};
use cutover::engine::rules::gates::{Entry, entry};
use cutover::engine::state::{Stage, Status, StepState, UndoStatus};
use cutover::plan::model::{Severity, StepKind};
use cutover::plan::{Environment, Overrides, StepId, load};
use cutover::process::Detached;
use cutover::session::client::{Client, FromEngine, Hello};
use cutover::session::feed::{Following, Snapshot};
use cutover::session::folder;
use cutover::session::launch;
use cutover::session::protocol::{Answer, Ask};

/// How long a whole move may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How long after an engine's end its record is still looked for; less when nobody has the run's lock any more.
fn last_words(seen: Option<&Snapshot>) -> Duration {
    Duration::from_millis(if seen.is_some_and(|seen| !seen.engine) { 300 } else { 1000 })
}

/// The built program.
pub fn exe() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_cutover"))
}

/// A world, and a run in it.
pub struct Shop {
    home: tempfile::TempDir,
    world: Child,
    _hold: Hold,
    /// The run's folder.
    pub run: PathBuf,
}

impl Drop for Shop {
    fn drop(&mut self) {
        // SIGKILL; an error says that it is gone already.
        let _gone = self.world.kill();
        let _reaped = self.world.wait();
    }
}

impl Shop {
    /// Opens the shop and makes a live run of the demo's plan, not yet begun.
    pub fn open() -> Shop {
        Shop::open_with(|_, text| text)
    }

    /// … of a copy of the plan that is not quite the demo's: what `copy` makes of its text. It is told a folder
    /// for what else the copy needs.
    pub fn open_with(copy: impl FnOnce(&Path, String) -> String) -> Shop {
        let home =
            tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempdir().unwrap();
        let dir = home.path().join("world");
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        let held = hold(&dir).unwrap();
        let world = Command::new(exe())
            .args(["__world", "--fast", "--dir"])
            .arg(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut shop = Shop { home, world, _hold: held, run: PathBuf::new() };
        let began = Instant::now();
        let door = loop {
            if let Some(running) = world::find(&dir).unwrap() {
                break running.door;
            }
            assert!(shop.world.try_wait().unwrap().is_none(), "the world ended");
            assert!(began.elapsed() < PATIENCE, "the world does not come up");
            std::thread::sleep(Duration::from_millis(20));
        };
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans/demo.toml");
        let text = copy(shop.home.path(), std::fs::read_to_string(sample).unwrap());
        let plan = shop.home.path().join("plan.toml");
        std::fs::write(&plan, text).unwrap();
        shop.run = shop.make_run(&plan, door);
        shop
    }

    fn make_run(&self, plan: &Path, door: u16) -> PathBuf {
        let set = vec![
            ("cutover".to_owned(), exe().display().to_string()),
            ("world".to_owned(), self.dir().display().to_string()),
            ("door".to_owned(), format!("http://127.0.0.1:{door}")),
        ];
        let overrides = Overrides { set: set.clone(), ..Overrides::default() };
        let loaded = load(plan, &overrides, &Environment::of_process())
            .unwrap_or_else(|wrong| panic!("{}", wrong.summary()));
        let at = Clock::system().now().wall;
        folder::make(&self.home.path().join("runs"), &loaded, &set, Mode::Live, at, ("you", "test")).unwrap()
    }

    /// Where the world, the plan and the runs are.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The world's folder.
    pub fn dir(&self) -> PathBuf {
        self.home.path().join("world")
    }

    /// A side's database.
    pub fn database(&self, side: Side) -> PathBuf {
        Dir::new(self.dir()).database(side)
    }

    /// Starts the engine, or takes the run up again.
    pub fn engine(&self) -> Detached {
        launch::engine(&exe(), &self.run).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The judge of this world.
    pub fn oracle(&self) -> Oracle {
        Oracle::of(self.dir())
    }

    /// Tells the world to end, so that nothing moves any more.
    pub fn close(&mut self) {
        let told = Command::new(exe()).arg("__world-do").arg(self.dir()).arg("end").output().unwrap();
        assert!(told.status.success(), "{told:?}");
        self.world.wait().unwrap();
    }
}

/// Where a person turns back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnsBack {
    /// Never.
    Never,
    /// A NO-GO at this gate, then the way back.
    At(&'static str),
}

/// A person at the keys.
pub struct Person {
    turns_back: TurnsBack,
    said: HashSet<String>,
    /// What the engine refused, in order.
    pub refused: Vec<String>,
    /// The last record that the engine has told to stand, by number.
    pub accepted: u64,
    /// Sessions that were ended from the census.
    pub ended_sessions: Vec<String>,
}

enum Heard {
    Feed,
    Engine(FromEngine),
}

/// How a person's sitting ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Sat {
    /// The run is over.
    Over(Ending),
    /// The engine is gone.
    EngineGone,
}

impl Person {
    /// A person who goes on to the end, or turns back somewhere.
    pub fn new(turns_back: TurnsBack) -> Person {
        Person {
            turns_back,
            said: HashSet::new(),
            refused: Vec::new(),
            accepted: 0,
            ended_sessions: Vec::new(),
        }
    }

    /// Drives the run until it is over or the engine is gone. `look` sees every snapshot first.
    pub fn drive(&mut self, shop: &Shop, mut look: impl FnMut(&Snapshot)) -> Sat {
        // What an engine was told that died before it answered has to be said again.
        self.said.clear();
        let (wake, woken) = sync_channel(1024);
        let from_engine = wake.clone();
        let hello = Hello { name: "you".into(), account: "test".into(), take: false };
        // Whoever sat there before may not have been given up yet.
        let began = Instant::now();
        let client = loop {
            let from_engine = from_engine.clone();
            let connected = Client::connect(&shop.run, hello.clone(), move |what| {
                let _over = from_engine.send(Heard::Engine(what));
            });
            match connected {
                Ok(client) => break client,
                Err(error) if began.elapsed() > Duration::from_secs(10) => panic!("{error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        };
        let feed = Following::begin(shop.run.clone(), move |told| {
            told.unwrap();
            let _full = wake.try_send(Heard::Feed);
        })
        .unwrap();
        let sitting = Sitting { client, pending: Mutex::new(HashMap::new()) };
        self.sit(shop, &sitting, &feed, &woken, &mut look)
    }

    fn sit(
        &mut self,
        shop: &Shop,
        sitting: &Sitting,
        feed: &Following,
        woken: &Receiver<Heard>,
        look: &mut impl FnMut(&Snapshot),
    ) -> Sat {
        let began = Instant::now();
        let mut due: Option<(Instant, GateAnswer)> = None;
        let mut last: Option<Snapshot> = None;
        let mut gone: Option<Instant> = None;
        loop {
            match woken.recv_timeout(Duration::from_millis(20)) {
                Ok(Heard::Engine(FromEngine::Answer(Answer::Code {
                    gate, sheet, code, arms_in_ms, ..
                }))) => {
                    if let Some((at, answer)) =
                        due.as_mut().filter(|(_, a)| a.gate == gate && a.sheet == sheet)
                    {
                        *at = Instant::now() + Duration::from_millis(arms_in_ms);
                        answer.code = code;
                    }
                }
                Ok(Heard::Engine(FromEngine::Answer(Answer::Refused { id, text }))) => {
                    if let Some(key) = sitting.pending.lock().unwrap().remove(&id) {
                        self.said.remove(&key);
                    }
                    self.refused.push(text);
                }
                Ok(Heard::Engine(FromEngine::Answer(Answer::Accepted { seq, .. }))) => {
                    self.accepted = self.accepted.max(seq);
                }
                Ok(Heard::Engine(FromEngine::Closed { .. })) => gone = Some(Instant::now()),
                Ok(Heard::Engine(FromEngine::Answer(_)) | Heard::Feed) | Err(_) => {}
            }
            feed.nudge();
            if let Some(seen) = feed.take() {
                look(&seen);
                if let Stage::Over(ending) = seen.state.stage {
                    return Sat::Over(ending);
                }
                last = Some(seen);
            } else if gone.is_some_and(|at| at.elapsed() > last_words(last.as_ref())) {
                return Sat::EngineGone;
            }
            if let Some(seen) = last.as_ref().filter(|_| gone.is_none()) {
                self.act(shop, sitting, seen, &mut due);
            }
            if let Some((_, answer)) = due.take_if(|(at, _)| *at <= Instant::now()) {
                let key = format!("go {} {} {}", answer.gate, answer.revision, answer.sheet);
                self.say(sitting, key, Intent::DecideGate(answer));
            }
            assert!(
                began.elapsed() < PATIENCE,
                "the move does not come to its end; refused: {:?}\n{}",
                self.refused,
                last.map_or_else(String::new, |seen| standing(&seen))
            );
        }
    }

    fn say(&mut self, sitting: &Sitting, key: String, intent: Intent) {
        if self.said.insert(key.clone())
            && let Ok(id) = sitting.client.intend(intent)
        {
            sitting.pending.lock().unwrap().insert(id, key);
        }
    }

    fn act(
        &mut self,
        shop: &Shop,
        sitting: &Sitting,
        seen: &Snapshot,
        due: &mut Option<(Instant, GateAnswer)>,
    ) {
        let (plan, state) = (&seen.plan, &seen.state);
        let seq = state.seq;
        let turned = matches!(self.turns_back, TurnsBack::At(_));
        if let Some(hold) = &state.hold {
            if hold.cause == HoldCause::NoGo && turned {
                self.say(
                    sitting,
                    "roll back".into(),
                    Intent::AskRollback { reason: "NO-GO, and back".into() },
                );
            } else if hold.cause != HoldCause::Stuck || self.settled(state) {
                self.say(sitting, format!("release {:?}", hold.since), Intent::Release);
            }
        }
        for (id, alarm) in &state.alarms {
            if alarm.severity == Severity::Warning && alarm.acknowledged.is_none() {
                let intent = Intent::AcknowledgeAlarm { alarm: Some(id.clone()) };
                self.say(sitting, format!("alarm {id:?} {}", alarm.count), intent);
            }
        }
        for probe in &plan.probes {
            let Some(Facts::Fence(fence)) = seen.readings.measure(&probe.id).map(|m| &m.facts) else {
                continue;
            };
            // A person believes the checklist: while the step is ticked nobody is ended.
            let fenced = plan.steps.iter().filter(|s| s.proofs().any(|id| *id == probe.id));
            if !fenced.filter_map(|s| state.step(plan, &s.id)).any(StepState::is_proving) {
                continue;
            }
            for session in fence.older.iter().filter(|s| fence.moved > 0 && s.last_write.is_some()) {
                self.ended_sessions.push(session.application.clone());
                let intent = Intent::EndSession {
                    endpoint: "source".into(),
                    session: session.id.clone(),
                    application: session.application.clone(),
                };
                self.say(sitting, format!("end {} {seq}", session.id), intent);
            }
        }
        for (slot, at) in state.steps.iter().enumerate() {
            let Some(step) = plan.at_slot(slot) else { continue };
            let key = format!("{} {} {:?}", step.id, at.attempts, at.status);
            if at.undo == UndoStatus::Unknown || at.status == Status::Unknown {
                let happened = truth(shop, step.id.as_str(), at.undo == UndoStatus::Unknown);
                let reason = "looked at the world".to_owned();
                let intent = Intent::SettleStep { step: step.id.clone(), happened, reason };
                self.say(sitting, format!("settle {key} {:?}", at.undo), intent);
            } else if at.undo == UndoStatus::Stuck || at.status == Status::Failed {
                self.say(sitting, format!("retry {key} {seq}"), Intent::RetryStep { step: step.id.clone() });
            } else if at.status == Status::Running && matches!(step.kind, StepKind::Manual { .. }) {
                let intent = Intent::ConfirmStep { step: step.id.clone(), note: "done".into() };
                self.say(sitting, key, intent);
            }
        }
        if let Some((id, gate)) = state.open_gate()
            && let Some(sheet) = &gate.sheet
        {
            self.at_gate(sitting, seen, id, gate.revision, sheet, due);
        }
    }

    fn settled(&self, state: &cutover::engine::State) -> bool {
        state.steps.iter().all(|at| {
            !matches!(at.undo, UndoStatus::Stuck | UndoStatus::Unknown) && at.status != Status::Unknown
        })
    }

    fn at_gate(
        &mut self,
        sitting: &Sitting,
        seen: &Snapshot,
        id: &StepId,
        revision: u32,
        sheet: &cutover::engine::state::Sheet,
        due: &mut Option<(Instant, GateAnswer)>,
    ) {
        let no_go = matches!(self.turns_back, TurnsBack::At(gate) if gate == id.as_str());
        let mut answer = GateAnswer {
            gate: id.clone(),
            revision,
            sheet: sheet.number,
            digest: sheet.digest.clone(),
            decision: if no_go { Decision::NoGo } else { Decision::Go },
            reason: if no_go { "turning back".into() } else { String::new() },
            code: String::new(),
            word: None,
            waived: None,
        };
        if no_go {
            return self.say(sitting, "no-go".into(), Intent::DecideGate(answer));
        }
        let good = sheet.lines.iter().all(|l| l.verdict == Verdict::Pass || l.waived.is_some());
        let waits = due.as_ref().is_some_and(|(_, d)| d.gate == *id && d.sheet == sheet.number);
        let said = self.said.contains(&format!("go {id} {revision} {}", sheet.number));
        if !good || waits || said || seen.state.hold.is_some() && id.as_str() != "rollback" {
            return;
        }
        if entry(&seen.plan, id) == Entry::WordAndCode {
            answer.word = Some(seen.plan.target.clone());
        }
        *due = Some((Instant::now() + Duration::from_secs(5), answer));
        let show =
            Ask::ShowGate { gate: id.clone(), revision, sheet: sheet.number, digest: sheet.digest.clone() };
        // An engine that is gone shows in the next round.
        let _gone = sitting.client.ask(show);
    }
}

struct Sitting {
    client: Client,
    pending: Mutex<HashMap<u64, String>>,
}

/// What a person finds who looks whether a step has happened.
fn truth(shop: &Shop, step: &str, undo: bool) -> bool {
    let status = cutover::demo::control::status(&shop.dir());
    let oracle = shop.oracle();
    let fence = |side| oracle.sqlite(side, "select fence from cutover_state").trim().to_owned();
    let locked = shop.dir().join("deploys-locked").exists();
    let both = |is: bool| status.as_ref().is_ok_and(|s| (s.replication.direction == Direction::Both) == is);
    let at = |side| status.as_ref().is_ok_and(|s| s.door.to == side);
    match (step, undo) {
        ("lock-deploys", undo) => locked != undo,
        ("unlock-deploys", _) => !locked,
        ("stop-writes", false) => fence(Side::Source) != "open",
        ("stop-writes", true) | ("open-source", _) => fence(Side::Source) == "open",
        ("backup", _) => backups(&shop.dir()) > 0,
        ("reverse", undo) => both(!undo),
        ("forward-again", _) => both(false),
        ("switch", _) => at(Side::Target),
        ("traffic-back", _) => at(Side::Source),
        ("open-target", _) => fence(Side::Target) == "open",
        ("fence-target", _) => fence(Side::Target) != "open",
        _ => false,
    }
}

fn backups(world: &Path) -> usize {
    let whole = |entry: &std::fs::DirEntry| entry.path().extension().is_some_and(|kind| kind == "db");
    std::fs::read_dir(world.join("backups")).map_or(0, |all| all.flatten().filter(whole).count())
}

/// A run in a few lines, for a test that fails.
pub fn standing(seen: &Snapshot) -> String {
    let mut text = format!("{:?}, held: {:?}\n", seen.state.stage, seen.state.hold);
    for (slot, at) in seen.state.steps.iter().enumerate() {
        let id = seen.plan.at_slot(slot).map_or("?", |s| s.id.as_str());
        writeln!(text, "  {id:16} {:?} {:?} {} {:?}", at.status, at.undo, at.detail, at.reopened).unwrap();
    }
    for (id, gate) in seen.state.gates.iter().filter(|(_, g)| g.open) {
        for line in gate.sheet.iter().flat_map(|s| &s.lines) {
            writeln!(text, "  {id} asks {} {:?}", line.id, line.verdict).unwrap();
        }
    }
    for probe in &seen.plan.probes {
        if let Some(track) = seen.readings.track(&probe.id) {
            let said = track.last.as_ref().map(|r| match &r.result {
                Ok(m) => m.text.clone(),
                Err(why) => why.to_string(),
            });
            writeln!(text, "  {:20} {said:?}", probe.id).unwrap();
        }
    }
    text
}

/// Waits until an engine has ended by itself.
pub fn until_ended(engine: &mut Detached) {
    let began = Instant::now();
    while engine.ended().unwrap().is_none() {
        assert!(began.elapsed() < PATIENCE, "the engine does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How long users had no writes, machine and human apart, as the run measured it.
pub fn outage(seen: &Snapshot) -> String {
    let all = &seen.state.outages;
    let total: Duration = all.iter().map(|o| o.to.unwrap_or(Timestamp(0)).since(o.from)).sum();
    let human: Duration = all.iter().map(|o| o.human).sum();
    format!(
        "without writes {:.1}s, of which {:.1}s a person and {:.1}s the machine",
        total.as_secs_f64(),
        human.as_secs_f64(),
        total.saturating_sub(human).as_secs_f64()
    )
}
