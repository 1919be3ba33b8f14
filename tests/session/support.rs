//! A run in a folder of its own, and somebody who drives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use cutover::clock::Clock;
use cutover::engine::event::{Decision, Event, Mode};
use cutover::engine::input::{GateAnswer, Intent};
use cutover::plan::{Environment, Overrides, load};
use cutover::process::Detached;
use cutover::session::client::{Client, ConnectError, FromEngine, Hello};
use cutover::session::feed::{Feed, Snapshot};
use cutover::session::folder;
use cutover::session::launch;
use cutover::session::protocol::{Answer, Ask};

/// Nothing here takes nearly so long; what does is broken.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cutover"))
}

/// A run and where it lives.
pub(super) struct Run {
    pub(super) tmp: tempfile::TempDir,
    pub(super) path: PathBuf,
}

impl Run {
    /// A live run of a plan whose steps are given, not begun.
    pub(super) fn live(steps: &str) -> Run {
        Run::below(tempfile::tempdir().unwrap(), steps)
    }

    pub(super) fn of(mode: Mode, steps: &str) -> Run {
        Run::begun(tempfile::tempdir().unwrap(), mode, steps)
    }

    pub(super) fn below(tmp: tempfile::TempDir, steps: &str) -> Run {
        Run::begun(tmp, Mode::Live, steps)
    }

    fn begun(tmp: tempfile::TempDir, mode: Mode, steps: &str) -> Run {
        let plan = tmp.path().join("plan.toml");
        let head = "[plan]\nname = \"Night\"\nstrategy = \"near-zero-downtime\"\nsource = \"dc1\"\ntarget = \"cloud\"\n\
             window = { opens = \"start\", length = \"1h\" }\n[[phase]]\nid = \"one\"\ntitle = \"One\"\nt0 = true\n";
        std::fs::write(&plan, format!("{head}{steps}")).unwrap();
        let loaded = load(&plan, &Overrides::default(), &Environment::of_process())
            .unwrap_or_else(|wrong| panic!("{}", wrong.render(cutover::plan::Style::default())));
        let at = Clock::system().now().wall;
        let path = folder::make(&tmp.path().join("runs"), &loaded, &[], mode, at, ("maria", "ops")).unwrap();
        Run { tmp, path }
    }

    pub(super) fn engine(&self) -> Detached {
        launch::engine(exe(), &self.path).unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.path.join(launch::LOG)).unwrap_or_default()
    }

    /// Somebody with the keys. Their own name may stand in the way until the engine has seen that they had gone.
    pub(super) fn drive(&self, name: &str) -> Driver {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.connect(name, false) {
                Ok(driver) => return driver,
                Err(ConnectError::Held { who, .. }) if who == name && Instant::now() < deadline => {}
                Err(error) => panic!("{error}\n{}", self.log()),
            }
        }
    }

    pub(super) fn connect(&self, name: &str, take: bool) -> Result<Driver, ConnectError> {
        let (told, heard) = sync_channel(1024);
        let hello = Hello { name: name.into(), account: "ops".into(), take };
        let client = Client::connect(&self.path, hello, move |what| {
            let _ended = told.send(what);
        })?;
        Ok(Driver { client, heard, answers: BTreeMap::new() })
    }

    /// How the run stands by its files alone.
    pub(super) fn look(&self) -> Snapshot {
        let mut feed = Feed::open(&self.path).unwrap();
        feed.poll();
        let seen = feed.snapshot();
        assert_eq!(seen.damage, None);
        seen
    }

    /// Waits until the run stands so.
    pub(super) fn until(&self, what: &str, mut so: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        let mut feed = Feed::open(&self.path).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            feed.poll();
            let seen = feed.snapshot();
            assert_eq!(seen.damage, None);
            if so(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "not {what}: {:#?}\n{}", seen.state, self.log());
            std::thread::yield_now();
        }
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.look().entries.iter().flat_map(|entry| entry.events.clone()).collect()
    }

    /// Everything that stands in the run's files, for looking for what must not.
    pub(super) fn bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    all.push((path.clone(), std::fs::read(path).unwrap()));
                }
            }
        }
        all
    }
}

impl Drop for Run {
    /// An engine that a test leaves behind would hold its folder for ever.
    fn drop(&mut self) {
        if let Ok(lock) = std::fs::read_to_string(self.path.join("lock"))
            && let Some(pid) = lock.split(' ').next().and_then(|pid| pid.parse().ok())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
            && std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*self.path.to_string_lossy()))
        {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

pub(super) fn kill(engine: &mut Detached) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    wait(engine);
}

pub(super) fn wait(engine: &mut Detached) -> std::process::ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = engine.ended().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the engine does not end");
        std::thread::yield_now();
    }
}

/// Somebody with the keys.
pub(super) struct Driver {
    client: Client,
    heard: Receiver<FromEngine>,
    answers: BTreeMap<u64, Result<u64, String>>,
}

impl Driver {
    pub(super) fn ask(&mut self, intent: Intent) -> Result<u64, String> {
        let id = self.client.intend(intent).unwrap();
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            match self.heard.recv_timeout(PATIENCE).unwrap() {
                FromEngine::Answer(Answer::Accepted { id, seq }) => {
                    self.answers.insert(id, Ok(seq));
                }
                FromEngine::Answer(Answer::Refused { id, text }) => {
                    self.answers.insert(id, Err(text));
                }
                FromEngine::Answer(other) => panic!("{other:?}"),
                FromEngine::Closed { why, .. } => return Err(format!("closed: {why:?}")),
            }
        }
    }

    /// What the engine says when it ends the connection.
    pub(super) fn parted(&self) -> Option<String> {
        loop {
            if let FromEngine::Closed { why, .. } = self.heard.recv_timeout(PATIENCE).unwrap() {
                return why;
            }
        }
    }

    /// The code for the sheet that counts now, and the moment before which it cannot be valid.
    pub(super) fn code(&mut self, run: &Run, gate: &str) -> (GateAnswer, String, Instant) {
        let seen = run
            .until("asked", |seen| seen.state.gates.get(gate).is_some_and(|g| g.open && g.sheet.is_some()));
        let asked = &seen.state.gates[gate];
        let sheet = asked.sheet.as_ref().unwrap();
        let (revision, number, digest) = (asked.revision, sheet.number, sheet.digest.clone());
        let asked_at = Instant::now();
        let show = Ask::ShowGate { gate: gate.into(), revision, sheet: number, digest: digest.clone() };
        self.client.ask(show).unwrap();
        match self.heard.recv_timeout(PATIENCE).unwrap() {
            FromEngine::Answer(Answer::Code { code, arms_in_ms, .. }) => {
                let answer = GateAnswer {
                    gate: gate.into(),
                    revision,
                    sheet: number,
                    digest,
                    decision: Decision::Go,
                    reason: String::new(),
                    code: code.clone(),
                    word: None,
                    waived: None,
                };
                (answer, code, asked_at + Duration::from_millis(arms_in_ms))
            }
            other => panic!("{other:?}"),
        }
    }

    /// GO, as soon as the code is valid.
    pub(super) fn go(&mut self, run: &Run, gate: &str) -> String {
        let (answer, code, armed) = self.code(run, gate);
        let seq = loop {
            match self.ask(Intent::DecideGate(answer.clone())) {
                Ok(seq) => break seq,
                Err(text) => assert!(text.contains("too early"), "{text}"),
            }
        };
        assert!(Instant::now() >= armed, "record {seq} came before the code was valid");
        code
    }
}
