//! A room in which a gate is open: everything between the terminal's bytes and the record, in one process and
//! under a clock that stands still until it is moved. Reader, keymap, cockpit, control desk, codes, engine, journal
//! and the feed are the program's own; the socket between them and the world behind the probes are not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cutover::clock::{Boot, Clock, Timestamp};
use cutover::engine::State;
use cutover::engine::effect::Effect;
use cutover::engine::event::{Decision, Event as Happened, Leg, Mode, Outcome};
use cutover::engine::input::{GateAnswer, Input, Intent, Report};
use cutover::engine::reading::{
    Compared, Facts, FenceFacts, FenceState, Lag, LagUnit, MarkerSeen, Measure, Origin, Reading, SessionSeen,
    Unmeasured, Verdict,
};
use cutover::journal::{Lock, RunFolder};
use cutover::panes::{Cockpit, Code, Contact, Feed as Fed, Reply, Request, Seat};
use cutover::plan::model::{ProbeKind, Schedule, StepKind};
use cutover::plan::{Environment, Loaded, Overrides, Plan, ProbeId, StepId, Style, load};
use cutover::session::control::Message;
use cutover::session::core::Core;
use cutover::session::desk::Desk;
use cutover::session::feed::{Feed, plan_of};
use cutover::session::folder;
use cutover::session::helm::ConnectionId;
use cutover::session::protocol::{Answer, Ask};
use cutover::session::samples;
use cutover::ui::canvas::{Canvas, Look};
use cutover::ui::colour::Depth;
use cutover::ui::glyphs::UNICODE;
use cutover::ui::input::Event;
use cutover::ui::keymap::Keymap;
use cutover::ui::reader::Reader;
use cutover::ui::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// The engine looks at the time this often, in milliseconds.
const WAKE: u64 = 250;
/// Probes look and the cockpit beats this often, in milliseconds.
const SECOND: u64 = 1_000;
/// So long, in seconds, anything that is waited for may take.
const PATIENCE: usize = 120;

/// Which gate is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An ordinary one: its code is typed.
    Plain,
    /// The one that moves users: the target's word and the code.
    Switch,
    /// The one of the way back.
    WayBack,
}

/// What a probe sees when it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    Good,
    Bad,
    /// It looks, and nothing is known then.
    Unknown,
    /// It does not look any more.
    Nothing,
}

/// The engine process without its process.
struct Engine {
    core: Core,
    desk: Desk,
    samples: samples::Writer,
}

pub struct Room {
    _folder: TempDir,
    run: PathBuf,
    pub clock: Clock,
    zero: (Instant, Boot),
    engine: Option<Engine>,
    connections: u64,
    line: ConnectionId,
    answers: mpsc::Receiver<Answer>,
    asked: u64,
    feed: Feed,
    /// News of the run does not reach the cockpit.
    pub blind: bool,
    /// Somebody looks at the screen.
    eyes: bool,
    /// The link is slow: there is no frame sooner than this after the one before.
    pub frames_apart: Duration,
    frame_at: Boot,
    pub cockpit: Cockpit,
    reader: Reader,
    /// Bytes that the kernel holds until somebody reads.
    unread: Vec<u8>,
    read_at: Boot,
    look: Look,
    frame: Buffer,
    world: BTreeMap<ProbeId, Sees>,
    fences: BTreeMap<String, FenceState>,
    /// Everything that the engine had performed.
    performed: Vec<(StepId, Leg)>,
    /// The code that was given out last.
    pub code: Option<String>,
    /// The person has left.
    pub left: bool,
}

impl Room {
    /// A room on a screen of this size, with a gate open on it whose code can be read.
    pub fn at(place: Place, size: (u16, u16)) -> Room {
        let mut room = Room::new(size);
        room.connect(false);
        room.wait_for("the first gate", |room| room.is_open("begin"));
        if place != Place::Plain {
            room.passes_the_first();
            room.wait_for("the gate of the switch", |room| room.is_open("go"));
        }
        if place == Place::WayBack {
            room.ask(Intent::AskRollback { reason: "orders are missing".into() });
            room.wait_for("the gate of the way back", |room| room.is_open("rollback"));
        }
        room.eyes = true;
        room.show();
        room
    }

    /// A room before its first gate, with nobody in it yet.
    fn new((width, height): (u16, u16)) -> Room {
        let folder = memory();
        let (run, plan) = begun(&folder.path().join("runs"));
        let clock = Clock::manual(START);
        let (engine, first) = engine(&run, &clock);
        let (_, answers) = mpsc::channel(1);
        let now = clock.now().real;
        let mut room = Room {
            _folder: folder,
            feed: Feed::open(&run).unwrap(),
            run,
            clock,
            zero: (Instant::now(), now),
            engine: Some(engine),
            connections: 0,
            line: ConnectionId(0),
            answers,
            asked: 0,
            blind: false,
            eyes: false,
            frames_apart: Duration::ZERO,
            frame_at: now,
            cockpit: Cockpit::new(Seat::Operator("maria".into()), Keymap::default()),
            reader: Reader::default(),
            unread: Vec::new(),
            read_at: now,
            look: Look {
                theme: Theme::built_in("dark", Depth::True),
                glyphs: &UNICODE,
                mode: cutover::ui::mode::Mode::Live,
                old: false,
            },
            frame: Buffer::empty(Rect::new(0, 0, width, height)),
            world: plan.probes.iter().map(|probe| (probe.id.clone(), Sees::Good)).collect(),
            fences: BTreeMap::new(),
            performed: Vec::new(),
            code: None,
            left: false,
        };
        room.obey(first);
        room.round();
        room
    }

    // --- the engine ------------------------------------------------------------------------------------------

    /// Another engine takes the run up, as after a crash; nobody is connected to it yet.
    pub fn restart(&mut self) {
        self.engine = None;
        let (engine, first) = engine(&self.run, &self.clock);
        self.engine = Some(engine);
        self.obey(first);
        self.round();
    }

    /// Somebody connects with the keys, under the operator's name.
    pub fn connect(&mut self, take: bool) {
        let (to, answers) = mpsc::channel(64);
        self.connections += 1;
        self.line = ConnectionId(self.connections);
        self.answers = answers;
        self.take(Message::Opened(self.line, to));
        self.say(Ask::Hello { name: "maria".into(), account: "ops".into(), take });
    }

    /// Somebody else takes the keys.
    pub fn lose_helm(&mut self) {
        let (to, _unread) = mpsc::channel(64);
        self.connections += 1;
        let other = ConnectionId(self.connections);
        self.take(Message::Opened(other, to));
        self.take(Message::Said(other, Ask::Hello { name: "jun".into(), account: "ops".into(), take: true }));
        self.round();
    }

    /// Somebody has said GO at the first gate, at another time and another screen.
    fn passes_the_first(&mut self) {
        let (gate, asked) = self.state().open_gate().map(|(id, gate)| (id.clone(), gate.clone())).unwrap();
        let sheet = asked.sheet.unwrap();
        self.say(Ask::ShowGate { gate, revision: asked.revision, sheet: sheet.number, digest: sheet.digest });
        self.pass(ms(1_500));
        let code = self.code.clone().unwrap();
        self.ask_go(&code);
        assert_eq!(self.gos(), ["begin"]);
    }

    /// Whether this gate asks, with everything on its sheet good.
    fn is_open(&self, gate: &str) -> bool {
        let open = self.state().open_gate().filter(|(id, _)| id.as_str() == gate);
        let sheet = open.and_then(|(_, asked)| asked.sheet.as_ref());
        sheet.is_some_and(|sheet| sheet.lines.iter().all(|line| line.verdict == Verdict::Pass))
    }

    fn core(&mut self) -> &mut Core {
        &mut self.engine.as_mut().unwrap().core
    }

    /// What is true, as the engine has it.
    pub fn state(&self) -> &State {
        self.engine.as_ref().unwrap().core.state()
    }

    fn take(&mut self, message: Message) {
        if let Some(Engine { core, desk, .. }) = &mut self.engine {
            desk.take(core, message).unwrap();
        }
    }

    fn say(&mut self, ask: Ask) {
        self.take(Message::Said(self.line, ask));
        self.round();
    }

    /// Asks the engine for something, past the cockpit.
    pub fn ask(&mut self, intent: Intent) {
        self.asked += 1;
        self.say(Ask::Intent { id: self.asked, intent });
    }

    /// Says GO past the cockpit, with everything as it must be.
    pub fn ask_go(&mut self, code: &str) {
        let (gate, asked) = self.state().open_gate().map(|(id, gate)| (id.clone(), gate.clone())).unwrap();
        let sheet = asked.sheet.unwrap();
        self.ask(Intent::DecideGate(GateAnswer {
            gate,
            revision: asked.revision,
            sheet: sheet.number,
            digest: sheet.digest,
            decision: Decision::Go,
            reason: String::new(),
            code: code.into(),
            word: Some("cloud".into()),
            waived: None,
        }));
    }

    /// A round of the engine, and what comes of it.
    fn round(&mut self) {
        while let Some(Engine { core, desk, samples }) = &mut self.engine {
            desk.look(core).unwrap();
            core.settle().unwrap();
            let committed = core.commit().unwrap();
            desk.deliver();
            samples.flush().unwrap();
            if committed.effects.is_empty() {
                break;
            }
            self.obey(committed.effects);
        }
        self.hear();
        self.follow();
    }

    // --- the world --------------------------------------------------------------------------------------------

    /// From now on a probe sees this.
    pub fn sees(&mut self, probe: &str, sees: Sees) {
        *self.world.get_mut(probe).unwrap() = sees;
    }

    /// A probe looks right now, and the engine has not thought about it yet.
    pub fn looks(&mut self, probe: &str) {
        let plan = self.core().plan().clone();
        let probe = plan.probes.iter().find(|p| p.id.as_str() == probe).unwrap();
        let now = self.clock.now();
        let result = match self.world[&probe.id] {
            Sees::Nothing => return,
            Sees::Unknown => Err(Unmeasured::TimedOut(1_000)),
            Sees::Good | Sees::Bad => Ok(self.measure(&probe.kind, self.world[&probe.id], now.wall)),
        };
        let id = probe.id.clone();
        let reading =
            Reading { probe: id, at: now.wall, boot: now.boot, took_ms: 3, source: Origin::Measured, result };
        let Some(Engine { core, samples, .. }) = &mut self.engine else { return };
        samples.put(&reading, now.real);
        core.measured(reading);
    }

    fn measure(&self, kind: &ProbeKind, sees: Sees, wall: Timestamp) -> Measure {
        let pass = sees == Sees::Good;
        let (text, facts) = match kind {
            ProbeKind::Link(_) => {
                let behind = if pass { 0 } else { 5_000 };
                let marker = Some(MarkerSeen { id: "m1".into(), sent: wall, took_ms: Some(40) });
                let target = format!("c:{}", 10_000 - behind);
                let (unit, source) = (LagUnit::Changes, "c:10000".to_owned());
                (
                    "counted",
                    Facts::Lag(Lag {
                        behind,
                        unit,
                        source,
                        target,
                        marker,
                        stopped: None,
                        late_ms: None,
                        takes_no_marker: false,
                    }),
                )
            }
            ProbeKind::Fence(fence) => return self.fence(fence.endpoint.as_str(), pass, wall),
            ProbeKind::Tables(_) => {
                let differences = if pass { 0 } else { 3 };
                let compared = Compared {
                    trees: false,
                    tables: 3,
                    same: if pass { 3 } else { 2 },
                    rows: 1_000,
                    differences,
                    named: Vec::new(),
                    equality: "values".into(),
                    positions: ("c:10000".into(), "c:10000".into()),
                    in_flight: false,
                    before: None,
                };
                ("compared", Facts::Compared(compared))
            }
            _ => ("looked", Facts::Plain),
        };
        Measure { pass, text: text.into(), facts }
    }

    fn fence(&self, endpoint: &str, pass: bool, wall: Timestamp) -> Measure {
        let state = self.fences.get(endpoint).copied().unwrap_or(FenceState::Open);
        let shut = state != FenceState::Open;
        let intruder = SessionSeen {
            client: None,
            passes: None,
            id: "4211".into(),
            application: "price-job".into(),
            account: "prices".into(),
            since: wall,
            last_write: Some(wall),
            statement: None,
            spared: None,
        };
        let facts = FenceFacts {
            state: if shut && pass { state } else { FenceState::Fenced },
            position: shut.then(|| "c:10000".into()),
            refused: shut.then(|| "SQLITE_READONLY".into()),
            older: if pass { Vec::new() } else { vec![intruder] },
            moved: if pass { 0 } else { 3 },
            moved_named: Vec::new(),
        };
        Measure { pass: shut && pass, text: "looked".into(), facts: Facts::Fence(facts) }
    }

    /// The world does what it is asked.
    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Perform { step, attempt, leg } => {
                    self.performed.push((step.clone(), leg));
                    self.perform(step, attempt, leg);
                }
                Effect::Measure { probe } => self.looks(probe.as_str()),
                Effect::Stop { .. }
                | Effect::TakeBaseline { .. }
                | Effect::Load { .. }
                | Effect::EndSession { .. }
                | Effect::TellAlarm { .. }
                | Effect::Finish => {}
            }
        }
    }

    fn perform(&mut self, step: StepId, attempt: u32, leg: Leg) {
        let at = self.clock.now().wall;
        let kind = self.core().plan().step(&step).map(|step| step.kind.clone());
        let side = match (kind, leg) {
            (Some(StepKind::Fence(fence)), Leg::Forward) => Some((fence.target.endpoint, FenceState::Sealed)),
            (Some(StepKind::Fence(fence)), _) => Some((fence.target.endpoint, FenceState::Open)),
            (Some(StepKind::Open { endpoint }), _) => Some((endpoint, FenceState::Open)),
            _ => None,
        };
        if let Some((endpoint, state)) = side {
            self.fences.insert(endpoint.to_string(), state);
            let position = Some("c:10000".into());
            let report = Report::Fence { endpoint, state, position, at };
            self.core().decide(Input::Report(report)).unwrap();
        }
        let done =
            Report::Step { step, attempt, leg, outcome: Outcome::Done, detail: String::new(), output: None };
        self.core().decide(Input::Report(done)).unwrap();
    }

    /// What happens each second by itself.
    fn second(&mut self) {
        if self.engine.is_none() {
            return;
        }
        let wanted: BTreeSet<ProbeId> = self.core().wanted().into_iter().collect();
        let every = |plan: &Plan| -> Vec<ProbeId> {
            let due = plan.probes.iter().filter(|p| matches!(p.schedule, Schedule::Every(_)));
            due.map(|p| p.id.clone()).collect()
        };
        for probe in every(self.core().plan()) {
            if wanted.contains(&probe) {
                self.looks(probe.as_str());
            }
        }
        self.core().beat().unwrap();
        self.take(Message::Said(self.line, Ask::Beat));
    }

    // --- the cockpit -------------------------------------------------------------------------------------------

    fn hear(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            match answer {
                Answer::Accepted { .. } => self.cockpit.on_reply(Reply::Accepted),
                Answer::Refused { text, .. } => self.cockpit.on_reply(Reply::Refused(text)),
                Answer::Code { gate, revision, sheet, code, arms_in_ms } => {
                    self.code = Some(code.clone());
                    let (at, arms_in) = (self.instant(), Duration::from_millis(arms_in_ms));
                    self.cockpit.on_code(Code { gate, revision, sheet, text: code, at, arms_in });
                }
                Answer::Welcome { .. } => self.cockpit.set_seat(Seat::Operator("maria".into())),
                Answer::RefusedHello { .. } => panic!("maria is not let in"),
                Answer::Bye { taken, .. } => {
                    if taken {
                        self.cockpit.set_seat(Seat::Watcher);
                    }
                }
            }
        }
    }

    fn follow(&mut self) {
        if self.blind || !self.feed.poll() {
            return;
        }
        let seen = self.feed.snapshot();
        assert_eq!(seen.damage, None);
        self.cockpit.on_feed(Fed {
            records: seen.state.seq,
            plan: seen.plan,
            state: seen.state,
            readings: seen.readings,
            journal: Arc::default(),
            hash: String::new(),
            contact: Contact {
                beat: Some(self.clock.now().real),
                gone: self.engine.is_none().then(|| "no engine runs it".into()),
                damaged: None,
            },
        });
    }

    /// Has a frame on the screen if it is time for one.
    fn frame(&mut self) {
        let due = self.frame_at.plus(self.frames_apart) <= self.clock.now().real;
        if self.eyes && due {
            self.show();
        }
    }

    /// Has what there is on the screen, where it would show something else than before.
    pub fn show(&mut self) {
        // What a frame asks for comes back and is shown in its turn.
        while self.cockpit.dirty(self.clock.now()) {
            let now = self.clock.now();
            self.look.mode = self.cockpit.mode();
            self.look.old = self.cockpit.is_old(now);
            self.frame.reset();
            self.cockpit.draw(&mut Canvas::new(&mut self.frame, &self.look), now);
            self.frame_at = now.real;
            for request in self.cockpit.shown(self.instant()) {
                if matches!(request, Request::ShowGate { .. }) {
                    // As the program does: what was typed before the gate stood there was not meant for it.
                    self.unread.clear();
                    self.reader.clear();
                }
                self.meet(request);
            }
        }
    }

    fn meet(&mut self, request: Request) {
        match request {
            Request::Intent(_) | Request::ShowGate { .. } if self.engine.is_none() => {
                self.cockpit.on_reply(Reply::Refused("there is no line to the engine".into()));
            }
            Request::Intent(intent) => self.ask(intent),
            Request::ShowGate { gate, revision, sheet, digest } => {
                self.say(Ask::ShowGate { gate, revision, sheet, digest });
            }
            Request::Quit { held } => {
                if held {
                    self.ask(Intent::Hold { reason: "the operator left".into() });
                }
                self.left = true;
            }
            Request::Suspend => self.happens(&[Event::Resumed]),
            Request::TakeHelm => self.connect(true),
            Request::Start { .. }
            | Request::Resume
            | Request::Copy(_)
            | Request::Repaint
            | Request::Mouse(_)
            | Request::Look(_)
            | Request::Theme(_)
            | Request::Extra(_) => {}
        }
    }

    /// Something happens at the terminal.
    pub fn happens(&mut self, events: &[Event]) {
        for event in events {
            for request in self.cockpit.on_event(event) {
                self.meet(request);
            }
        }
        self.frame();
    }

    /// The window has another size.
    pub fn resize(&mut self, (width, height): (u16, u16)) {
        self.frame.resize(Rect::new(0, 0, width, height));
        self.happens(&[Event::Resize { width, height }]);
    }

    /// What stands on the screen.
    pub fn reads(&self) -> String {
        let area = *self.frame.area();
        let rows = (0..area.height).map(|y| {
            let row = (0..area.width).filter_map(|x| self.frame.cell((x, y))).map(Cell::symbol);
            row.collect::<String>().trim_end().to_owned() + "\n"
        });
        rows.collect()
    }

    /// What has to be typed, as it stands on the gate.
    pub fn answer(&mut self) -> Option<String> {
        self.show();
        let reads = self.reads();
        let words: Vec<&str> = reads.split_whitespace().collect();
        let at = words.windows(2).position(|w| w == ["g", "then"])?;
        let rest = words.get(at + 2..)?;
        // A word, a number and a code at most.
        let end = rest.iter().take(4).position(|word| ["to", "arms"].contains(word))?;
        Some(rest.get(..end)?.join(" "))
    }

    // --- time and keys -----------------------------------------------------------------------------------------

    /// Now, as keys are stamped with it.
    pub fn instant(&self) -> Instant {
        self.zero.0 + self.clock.now().real.since(self.zero.1)
    }

    /// Time passes for everybody.
    pub fn pass(&mut self, time: Duration) {
        let end = self.clock.now().real.plus(time);
        loop {
            let now = self.clock.now().real;
            let given_up = self.reader.patience().map(|patience| self.read_at.plus(patience).max(now));
            let next = Boot((now.0 / WAKE + 1) * WAKE).min(end).min(given_up.unwrap_or(end));
            self.clock.advance(next.since(now));
            if given_up == Some(next) {
                let events = self.reader.give_up(self.instant());
                self.happens(&events);
            }
            if next.0.is_multiple_of(SECOND) && next > now {
                self.second();
            }
            if next.0.is_multiple_of(WAKE) && next > now {
                self.round();
            }
            self.frame();
            if next >= end {
                return;
            }
        }
    }

    /// Waits until something is so, in steps of a quarter of a second.
    pub fn wait_for(&mut self, what: &str, mut so: impl FnMut(&mut Room) -> bool) {
        for _ in 0..PATIENCE * 4 {
            if so(self) {
                return;
            }
            self.pass(ms(WAKE));
        }
        panic!("waited for {what} in vain:\n{}", self.reads());
    }

    /// Bytes reach the kernel.
    pub fn write(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The cockpit's reader takes what the kernel has.
    pub fn read(&mut self) {
        let bytes = std::mem::take(&mut self.unread);
        self.read_at = self.clock.now().real;
        let events = self.reader.feed(&bytes, self.instant());
        self.happens(&events);
    }

    /// Bytes come, and are read at once.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.write(bytes);
        self.read();
    }

    // --- what came of it ----------------------------------------------------------------------------------------

    /// The gates at which GO was said, as the record on disk has it.
    pub fn gos(&mut self) -> Vec<String> {
        let decided = self.record().into_iter().filter_map(|event| match event {
            Happened::GateDecided { gate, decision: Decision::Go, .. } => Some(gate.to_string()),
            _ => None,
        });
        decided.collect()
    }

    /// What was set going that only a GO sets going. Giving the run up takes writes off their fence by itself.
    pub fn effects(&mut self) -> Vec<(StepId, Leg)> {
        let aborted = self.record().iter().any(|event| matches!(event, Happened::Aborted { .. }));
        self.performed.iter().filter(|(_, leg)| *leg == Leg::Forward || !aborted).cloned().collect()
    }

    fn record(&mut self) -> Vec<Happened> {
        self.feed.poll();
        let seen = self.feed.snapshot();
        assert_eq!(seen.damage, None);
        seen.entries.iter().flat_map(|entry| entry.events.clone()).collect()
    }
}

/// Milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The epoch of every room's clock.
const START: Timestamp = Timestamp(1_770_000_000_000);

/// A folder in memory where there is one: thousands of records are synced.
fn memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// The folder of a run that nobody has taken up, and its plan.
fn begun(runs: &Path) -> (PathBuf, Plan) {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gates/plan.toml");
        let loaded = load(&path, &Overrides::default(), &Environment::of_process());
        loaded.unwrap_or_else(|wrong| panic!("{}", wrong.render(Style::default())))
    });
    let run = folder::make(runs, loaded, &[], Mode::Live, START, ("maria", "ops")).unwrap();
    (run, loaded.plan.clone())
}

/// An engine that takes a run up as its process does, and what it sets going first.
fn engine(run: &Path, clock: &Clock) -> (Engine, Vec<Effect>) {
    let start = folder::read_start(run).unwrap();
    let folder = RunFolder::open(run).unwrap();
    let lock = Lock::take(&folder, clock.now()).unwrap();
    let plan = plan_of(run, &start).unwrap().0;
    let started = start.begun("here".into(), "boot".into());
    let mut core = Core::open(folder, lock, plan, &started, &start.run, |_, _| clock.clone()).unwrap();
    core.settle().unwrap();
    let first = core.commit().unwrap();
    let origin = clock.now();
    let begun = samples::Engine { since: first.seq, speed: 1.0, origin };
    let samples = samples::Writer::begin(run, begun).unwrap();
    (Engine { core, desk: Desk::new(origin.real), samples }, first.effects)
}
