//! Kills the engine of a run at a moment that was aimed at, and says what the remains prove of that moment.
//!
//! The aim is taken from what anybody can see: the journal's length and text, and the folders of tries. Whether
//! the kill hit is judged afterwards, by [`Body`]: a kill counts in a class only when record and folders show it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cutover::engine::state::Stage;
use cutover::process::step::Found;
use cutover::process::{Detached, detach};
use cutover::session::client::{Client, Hello};
use cutover::session::{launch, socket};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, pidfd_send_signal, waitpid,
};

use super::aim::{Class, Seeded};
use super::body::{Body, Try};
use crate::shop::{PATIENCE, exe};

/// Within so long of an append a kill counts as one at it.
const AT_APPEND: Duration = Duration::from_millis(5);
/// How often files are looked at by whoever waits for a moment in them.
const LOOK: Duration = Duration::from_micros(100);

/// A kill, and what is known of it.
#[derive(Debug)]
pub(super) struct Struck {
    pub(super) aimed: Class,
    /// It hit there.
    pub(super) hit: bool,
    /// The try whose shim was killed with the engine and left no outcome.
    pub(super) orphan: Option<(String, u32)>,
    /// What was found, for a person.
    pub(super) found: String,
}

impl Struck {
    pub(super) fn class(&self) -> Class {
        if self.hit { self.aimed } else { Class::Random }
    }
}

/// An engine to be killed.
pub(super) struct Prey<'a> {
    pub(super) run: &'a Path,
    pub(super) engine: &'a mut Detached,
    /// Somebody drives it by now: it has answered a hello.
    pub(super) seated: &'a AtomicBool,
    /// Nothing is to be killed any more.
    pub(super) over: &'a AtomicBool,
}

/// The end of a journal, as it grows.
struct Tail {
    file: File,
    at: u64,
}

impl Tail {
    fn open(run: &Path, at: u64) -> Tail {
        Tail { file: File::open(run.join("journal")).unwrap(), at }
    }

    fn length(&self) -> u64 {
        self.file.metadata().unwrap().len()
    }

    /// The events of the whole lines that are new.
    fn events(&mut self) -> Vec<serde_json::Value> {
        if self.length() <= self.at {
            return Vec::new();
        }
        let mut text = Vec::new();
        self.file.seek(SeekFrom::Start(self.at)).unwrap();
        self.file.read_to_end(&mut text).unwrap();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.at += whole as u64;
        let text = String::from_utf8_lossy(&text[..whole]).into_owned();
        let payloads =
            text.lines().filter_map(|line| line.split_once('{').map(|(_, rest)| format!("{{{rest}")));
        payloads
            .flat_map(|json| {
                let record: serde_json::Value = serde_json::from_str(&json).unwrap();
                record["events"].as_array().cloned().unwrap_or_default()
            })
            .collect()
    }
}

/// The length of a run's journal; 0 before there is one.
pub(super) fn length(run: &Path) -> u64 {
    run.join("journal").metadata().map_or(0, |facts| facts.len())
}

impl Prey<'_> {
    fn gone(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Waits until something is so; `None` when the run is over before.
    fn until<T>(&self, so: impl FnMut() -> Option<T>) -> Option<T> {
        self.within(PATIENCE, so)
    }

    /// … or when it has taken so long.
    fn within<T>(&self, span: Duration, mut so: impl FnMut() -> Option<T>) -> Option<T> {
        let began = Instant::now();
        while !self.gone() && began.elapsed() < span {
            if let Some(it) = so() {
                return Some(it);
            }
            std::thread::sleep(LOOK);
        }
        None
    }

    fn live(&self, span: Duration) -> Option<()> {
        let until = Instant::now() + span;
        self.until(|| (Instant::now() >= until).then_some(()))
    }

    /// Waits for somebody to sit down, then for the moment, and kills. `None` when the run was over before.
    pub(super) fn strike(self, aimed: Class, rng: &mut Seeded) -> Option<Struck> {
        let run = self.run.to_owned();
        let tail = Tail::open(&run, length(&run));
        self.until(|| self.seated.load(Ordering::Relaxed).then_some(()))?;
        let hit = match aimed {
            Class::Append => return self.at_append(&tail, rng),
            Class::Between => {
                if !self.at_start_of_command(tail, rng) {
                    return self.at_next_append(rng);
                }
                true
            }
            Class::Running | Class::Both => return self.at_step(aimed, tail, rng),
            Class::Random => {
                self.live(Duration::from_millis(rng.below(2_500)))?;
                true
            }
            Class::Rollback => {
                self.wait_for_way_back(tail)?;
                self.live(Duration::from_millis(rng.below(600)))?;
                true
            }
            Class::Resume => panic!("an engine that somebody drives has resumed"),
        };
        kill(self.engine, &run)?;
        let body = Body::examine(&run, Vec::new());
        let under_way = body.under_way();
        let (hit, found) = match aimed {
            Class::Between => {
                let stillborn = under_way.iter().find(|it| {
                    it.folder.as_ref().is_some_and(|folder| {
                        folder.join("lock").exists() && !folder.join("started").exists()
                    }) && it.found() == Some(Found::NeverLaunched)
                });
                (stillborn.is_some(), format!("{stillborn:?}"))
            }
            Class::Rollback => (matches!(body.state.stage, Stage::Back(_)), format!("{under_way:?}")),
            _ => (hit, format!("{under_way:?}")),
        };
        let behind = body.verdict.seq - body.verdict.acknowledged.unwrap_or(0);
        let found = format!("{:?}, {behind} records not acknowledged, {found}", body.state.stage);
        Some(Struck { aimed, hit, orphan: None, found })
    }

    fn wait_for_way_back(&self, mut tail: Tail) -> Option<()> {
        tail.events();
        if matches!(Body::examine(self.run, Vec::new()).state.stage, Stage::Back(_)) {
            return Some(());
        }
        self.until(|| tail.events().iter().any(|event| event["event"] == "rollback-started").then_some(()))
    }

    /// How long to wait for a step that begins: longer than what a wait of the plan has to hold, or it never would.
    fn patience(rng: &mut Seeded) -> Duration {
        Duration::from_millis(7_000 + rng.below(5_000))
    }

    /// Where no step begins: the life is not wasted.
    fn at_next_append(self, rng: &mut Seeded) -> Option<Struck> {
        if self.gone() {
            return None;
        }
        let tail = Tail::open(self.run, length(self.run));
        self.at_append(&tail, rng)
    }

    /// Right after the journal has grown: certain, since it had not grown at the look before.
    fn at_append(self, tail: &Tail, rng: &mut Seeded) -> Option<Struck> {
        self.live(Duration::from_millis(rng.below(1_000)))?;
        let mut skip = rng.below(4);
        let mut length = tail.length();
        let mut before = Instant::now();
        self.until(|| {
            let now = tail.length();
            // Seen too late to be sure of it: the next one.
            let certain = before.elapsed() < AT_APPEND / 2;
            if now > length && skip == 0 && certain {
                return Some(());
            }
            if now > length {
                (length, skip) = (now, skip.saturating_sub(1));
            }
            before = Instant::now();
            None
        })?;
        spin(Duration::from_micros(rng.below(1_500)));
        let run = self.run.to_owned();
        let killed = kill(self.engine, &run)?;
        let span = killed - before;
        let body = Body::examine(&run, Vec::new());
        let behind = body.verdict.seq - body.verdict.acknowledged.unwrap_or(0);
        let found = format!("{span:?} after an append, {behind} records not acknowledged");
        Some(Struck { aimed: Class::Append, hit: span < AT_APPEND, orphan: None, found })
    }

    /// Waits until the start of a command has been written; from then on it is synced, acknowledged and spawned.
    fn at_start_of_command(&self, mut tail: Tail, rng: &mut Seeded) -> bool {
        let commands = self.commands();
        tail.events();
        let met = self.within(Prey::patience(rng), || {
            let events = tail.events();
            let starts = |event: &serde_json::Value| {
                event["event"] == "step-started" && commands.iter().any(|id| event["step"] == **id)
            };
            events.iter().any(starts).then_some(())
        });
        spin(Duration::from_micros(rng.below(1_000)));
        met.is_some()
    }

    /// While a step runs; with its shim if that is asked for.
    fn at_step(self, aimed: Class, mut tail: Tail, rng: &mut Seeded) -> Option<Struck> {
        let run = self.run.to_owned();
        let wanted = |it: &Try| match it.found() {
            Some(found) => {
                found == Found::Running && it.folder.as_ref().is_some_and(|f| f.join("started").exists())
            }
            // Done in the engine itself: nothing of it is there to be met but the record.
            None => aimed == Class::Running,
        };
        // In this order, so that a start in between is met twice rather than never.
        tail.events();
        let before = Body::examine(&run, Vec::new());
        let mut waits: Vec<Try> = before.under_way();
        let met = self.within(Prey::patience(rng), || {
            for event in tail.events() {
                if event["event"] == "step-started" {
                    let leg = serde_json::from_value(event["leg"].clone()).unwrap();
                    let number = u32::try_from(event["attempt"].as_u64().unwrap()).unwrap();
                    let step = event["step"].as_str().unwrap().into();
                    waits.extend(before.attempt(&step, number, leg));
                }
            }
            waits.iter().find(|it| wanted(it)).cloned()
        });
        let Some(met) = met else { return self.at_next_append(rng) };
        let most = if met.folder.is_some() { 350_000 } else { 10_000 };
        self.live(Duration::from_micros(rng.below(most)))?;
        let shim = met.folder.as_ref().filter(|_| aimed == Class::Both).and_then(|folder| Shim::of(folder));
        kill(self.engine, &run)?;
        let died = shim.is_some_and(Shim::kill);
        let body = Body::examine(&run, Vec::new());
        let under_way = body.under_way().contains(&met);
        let exit = met.folder.as_ref().is_some_and(|folder| folder.join("exit").exists());
        let hit = under_way && !exit && if aimed == Class::Both { died } else { met.runs() };
        let orphan = (died && !exit).then(|| (met.step.as_str().to_owned(), met.number));
        let found = format!("{met:?}, on record as running: {under_way}, exit: {exit}, shim killed: {died}");
        Some(Struck { aimed, hit, orphan, found })
    }

    /// The steps with a command, forward or back.
    fn commands(&self) -> Vec<String> {
        use cutover::engine::event::Leg;
        let body = Body::examine(self.run, Vec::new());
        let is_command = |id| {
            [Leg::Forward, Leg::Undo]
                .iter()
                .any(|leg| body.attempt(id, 1, *leg).is_some_and(|it| it.folder.is_some()))
        };
        let plan = &body.plan;
        let slots = (0..body.state.steps.len()).filter_map(|slot| plan.at_slot(slot));
        slots.filter(|step| is_command(&step.id)).map(|step| step.id.as_str().to_owned()).collect()
    }
}

/// Starts an engine that is to take a run up, and kills it before it has answered a hello.
pub(super) fn strike_resume(run: &Path, rng: &mut Seeded) -> Struck {
    let from = length(run);
    let log = run.join(launch::LOG);
    let mut engine = detach(&exe(), [Path::new("__engine"), run], Some(&log)).unwrap();
    let holds = format!("{} ", engine.id());
    let began = Instant::now();
    let mut wait = |so: &mut dyn FnMut() -> bool| {
        while !so() {
            let ended = engine.ended().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", std::fs::read_to_string(&log).unwrap_or_default());
            assert!(began.elapsed() < PATIENCE, "the engine does not come up");
            std::thread::sleep(LOOK);
        }
    };
    wait(&mut || std::fs::read_to_string(run.join("lock")).is_ok_and(|who| who.starts_with(&holds)));
    let (when, answered) = match rng.below(3) {
        0 => {
            std::thread::sleep(Duration::from_micros(rng.below(40_000)));
            ("after the lock", false)
        }
        1 => {
            wait(&mut || length(run) > from);
            spin(Duration::from_micros(rng.below(3_000)));
            ("at its first record", false)
        }
        _ => {
            wait(&mut || socket::connect(run).is_ok());
            let place = run.to_owned();
            let hello = Hello { name: "you".into(), account: "test".into(), take: false };
            let asked = std::thread::spawn(move || Client::connect(&place, hello, |_| {}).is_ok());
            spin(Duration::from_micros(rng.below(3_000)));
            assert!(kill(&mut engine, run).is_some());
            ("at its first hello", asked.join().unwrap())
        }
    };
    if engine.ended().unwrap().is_none() {
        assert!(kill(&mut engine, run).is_some());
    }
    let body = Body::examine(run, Vec::new());
    let of_it = body.records.iter().filter(|(_, _, events)| {
        events.iter().any(|e| matches!(e, cutover::engine::event::Event::EngineResumed { .. }))
    });
    let found = format!("{when}, its record written: {}", length(run) > from && of_it.count() > 0);
    Struck { aimed: Class::Resume, hit: !answered, orphan: None, found }
}

/// Kills an engine, proves that it was one and that it died of it, and says when. `None`: it had ended by itself.
pub(super) fn kill(engine: &mut Detached, run: &Path) -> Option<Instant> {
    if engine.ended().unwrap().is_some() {
        return None;
    }
    let pid = Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap();
    // Ours and not reaped yet, so the number is its own.
    kill_process(pid, Signal::KILL).unwrap();
    let at = Instant::now();
    let status = loop {
        if let Some(status) = engine.ended().unwrap() {
            break status;
        }
        assert!(at.elapsed() < PATIENCE, "a killed engine lives");
        std::thread::yield_now();
    };
    // It may have been about to end by itself, with the run.
    (status.signal() == Some(9)).then_some(at).or_else(|| {
        assert!(status.success(), "{status:?} in {}", run.display());
        None
    })
}

/// The shim of a try, pinned before it is looked at.
struct Shim {
    pid: Pid,
    pinned: OwnedFd,
}

impl Shim {
    /// `None`: it has ended meanwhile.
    fn of(folder: &Path) -> Option<Shim> {
        let started: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("started")).unwrap()).ok()?;
        let pid = Pid::from_raw(i32::try_from(started["shim"].as_u64().unwrap()).unwrap()).unwrap();
        let pinned = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.is_empty() {
            return None;
        }
        let whole: PathBuf = folder.canonicalize().unwrap();
        assert!(line.contains("__step") && line.contains(&*whole.to_string_lossy()), "not the shim: {line}");
        Some(Shim { pid, pinned })
    }

    /// True when it died of it. Its engine is dead, so it is our child by now: we take in orphans.
    fn kill(self) -> bool {
        // An error says that it had ended.
        let _gone = pidfd_send_signal(&self.pinned, Signal::KILL);
        let began = Instant::now();
        loop {
            match waitpid(Some(self.pid), WaitOptions::NOHANG) {
                Ok(Some((_, status))) => return status.terminating_signal() == Some(9),
                // Not ours yet, or not dead yet.
                Ok(None) | Err(rustix::io::Errno::CHILD) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(began.elapsed() < PATIENCE, "a killed shim lives");
            std::thread::yield_now();
        }
    }
}

fn spin(span: Duration) {
    let until = Instant::now() + span;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}
