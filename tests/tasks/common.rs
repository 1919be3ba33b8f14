//! What the tests of tasks share: a plan from a text, a run folder, and a performer to talk to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cutover::clock::Clock;
use cutover::engine::effect::Effect;
use cutover::engine::event::{Leg, Outcome};
use cutover::engine::input::Report;
use cutover::engine::reading::Reading;
use cutover::plan::{Environment, Overrides, Plan, load};
use cutover::tasks::{Attempt, Happened, Known, Performer, Setup};
use tokio::sync::mpsc::Receiver;

/// Nothing here takes longer, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const HEAD: &str = r#"
[plan]
name = "test"
strategy = "planned-downtime"
source = "here"
target = "there"
window = { opens = "start", length = "1h" }

[people.you]
role = "lead"
contact = "here"

[[phase]]
id = "only"
title = "Only"
"#;

/// A run folder and a plan folder, which outlive performers as they do engines.
pub(crate) struct Folder {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) plan: Arc<Plan>,
}

pub(crate) struct Run {
    pub(crate) performer: Performer,
    pub(crate) happened: Receiver<Happened>,
}

/// How a try ended: outcome, detail, and how many bytes it printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) attempt: u32,
    pub(crate) leg: Leg,
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
    pub(crate) bytes: Option<u64>,
}

impl Folder {
    /// A plan of these tables, beside what every plan has. `$DIR` is its folder.
    pub(crate) fn with(tables: &str) -> Folder {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.toml");
        let text = format!("{HEAD}{tables}").replace("$DIR", dir.path().to_str().unwrap());
        std::fs::write(&path, text).unwrap();
        let loaded = load(&path, &Overrides::default(), &Environment::of_process());
        let plan = loaded.unwrap_or_else(|why| panic!("{why:#?}")).plan;
        std::fs::create_dir(dir.path().join("run")).unwrap();
        Folder { dir, plan: Arc::new(plan) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.path("run")
    }

    /// A performer as of a new run.
    pub(crate) fn begin(&self) -> Run {
        self.resume(Known::default())
    }

    /// A performer as of an engine that takes the run up again.
    pub(crate) fn resume(&self, known: Known) -> Run {
        let (performer, happened) = Performer::real(Setup {
            plan: Arc::clone(&self.plan),
            run: "L-test".to_owned(),
            root: self.dir.path().to_owned(),
            folder: self.run(),
            exe: PathBuf::from(env!("CARGO_BIN_EXE_cutover")),
            clock: Clock::system(),
            known,
        });
        Run { performer, happened }
    }

    /// A performer that finds this try running.
    pub(crate) fn resume_running(&self, step: &str) -> Run {
        self.resume(Known { running: vec![attempt(step, 1, Leg::Forward)], ..Known::default() })
    }
}

impl Run {
    pub(crate) fn perform(&self, step: &str) {
        self.performer.start(&[perform(step, 1, Leg::Forward)]);
    }

    /// The next thing that happens.
    pub(crate) async fn next(&mut self) -> Happened {
        tokio::time::timeout(PATIENCE, self.happened.recv())
            .await
            .expect("nothing happens")
            .expect("it is over")
    }

    /// The next report of any kind.
    pub(crate) async fn report(&mut self) -> Report {
        loop {
            if let Happened::Report(report) = self.next().await {
                return report;
            }
        }
    }

    /// The next end of a try.
    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Report::Step { attempt, leg, outcome, detail, output, .. } = self.report().await {
                return End { attempt, leg, outcome, detail, bytes: output.map(|o| o.bytes) };
            }
        }
    }

    /// The next reading of a probe.
    pub(crate) async fn reading(&mut self, probe: &str) -> Reading {
        loop {
            match self.next().await {
                Happened::Reading(reading) if reading.probe.as_str() == probe => return reading,
                Happened::Reading(_) | Happened::Course(_) | Happened::Report(_) => {}
            }
        }
    }
}

pub(crate) fn perform(step: &str, attempt: u32, leg: Leg) -> Effect {
    Effect::Perform { step: step.into(), attempt, leg }
}

pub(crate) fn attempt(step: &str, number: u32, leg: Leg) -> Attempt {
    Attempt { step: step.into(), number, leg }
}

/// Waits until a file has something in it, and gives that.
pub(crate) async fn appears(path: &Path) -> String {
    eventually(&format!("{} appears", path.display()), || {
        std::fs::read_to_string(path).ok().filter(|text| !text.is_empty())
    })
    .await
}

/// Waits until something is so.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let waited = async {
        loop {
            if let Some(it) = look() {
                return it;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
