//! A run of five commands, and somebody who sees it through whatever engine it has.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cutover::clock::Clock;
use cutover::engine::event::Mode;
use cutover::engine::input::Intent;
use cutover::engine::state::Status;
use cutover::plan::{Environment, Overrides, load};
use cutover::session::client::{Client, FromEngine, Hello};
use cutover::session::feed::{Feed, Snapshot};
use cutover::session::folder;
use cutover::session::launch;
use cutover::session::protocol::Answer;

use super::counted::Counted;

/// What takes so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(2);

/// Five commands that count themselves: the second fails once, the fourth may run again.
fn plan(script: &Path) -> String {
    let step = |id: u32, argv: &str, more: &str| {
        format!(
            "[[phase.step]]\nid = \"s{id}\"\ntitle = \"Step {id}\"\nestimate = \"1s\"\ntimeout = \"30s\"\n{more}\
             command = [\"{}\", {argv}]\n",
            script.display()
        )
    };
    let head = "[plan]\nname = \"Small\"\nstrategy = \"near-zero-downtime\"\nsource = \"dc1\"\ntarget = \"cloud\"\n\
                window = { opens = \"start\", length = \"1h\" }\n[[phase]]\nid = \"one\"\ntitle = \"One\"\nt0 = true\n";
    let fails_once = "\"sh\", \"-c\", \"test -e failed || { touch failed; exit 3; }\"";
    [
        head.to_owned(),
        step(1, "\"true\"", ""),
        step(2, fails_once, ""),
        step(3, "\"true\"", ""),
        step(4, "\"true\"", "idempotent = true\n"),
        step(5, "\"true\"", ""),
    ]
    .concat()
}

/// A run in a folder of its own, not begun.
pub(super) struct Small {
    home: tempfile::TempDir,
    pub(super) run: PathBuf,
    /// The last record that an engine has told to stand, by number.
    pub(super) accepted: Arc<AtomicU64>,
    /// What engines have refused, in order.
    refused: Arc<Mutex<Vec<String>>>,
}

impl Small {
    pub(super) fn new() -> Small {
        let home = tempfile::tempdir().unwrap();
        Counted::place(home.path(), [0.02, 0.0]);
        let file = home.path().join("plan.toml");
        let text = plan(&Counted::script(home.path()));
        std::fs::write(&file, &text).unwrap();
        let loaded = load(&file, &Overrides::default(), &Environment::of_process())
            .unwrap_or_else(|wrong| panic!("{}", wrong.summary()));
        let at = Clock::system().now().wall;
        let run =
            folder::make(&home.path().join("runs"), &loaded, &[], Mode::Live, at, ("you", "test")).unwrap();
        Small { home, run, accepted: Arc::default(), refused: Arc::default() }
    }

    /// What the steps say of themselves.
    pub(super) fn counted(&self) -> Counted {
        Counted::of(self.home.path())
    }

    /// What the engines of the run said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.run.join(launch::LOG)).unwrap_or_default()
    }

    /// Does what a person would until the run is over, which is true, or until there is no engine any more.
    pub(super) fn drive(&self, mut gone: impl FnMut() -> bool) -> bool {
        let began = Instant::now();
        let mut client = None;
        let mut feed = None;
        let mut said = HashSet::new();
        loop {
            let last = gone();
            if client.is_none() {
                client = self.sit();
            }
            if feed.is_none() {
                feed = Feed::open(&self.run).ok();
            }
            if let Some(feed) = &mut feed {
                feed.poll();
                let seen = feed.snapshot();
                // An engine that is about to write its first record has no head yet.
                assert!(seen.damage.is_none() || seen.state.seq == 0, "{:?}", seen.damage);
                if seen.state.is_over() {
                    return true;
                }
                if let Some(client) = &client {
                    act(client, &seen, &mut said);
                }
            }
            if last {
                return false;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "the run does not come to its end; refused: {:?}, driven: {}\n{}\n{}",
                self.refused.lock().unwrap(),
                client.is_some(),
                feed.map_or_else(String::new, |feed| crate::shop::standing(&feed.snapshot())),
                self.log()
            );
            std::thread::sleep(LOOK);
        }
    }

    fn sit(&self) -> Option<Client> {
        let hello = Hello { name: "you".into(), account: "test".into(), take: false };
        let (accepted, refused) = (self.accepted.clone(), self.refused.clone());
        let told = move |what| match what {
            FromEngine::Answer(Answer::Accepted { seq, .. }) => {
                accepted.fetch_max(seq, Ordering::Relaxed);
            }
            FromEngine::Answer(Answer::Refused { text, .. }) => refused.lock().unwrap().push(text),
            FromEngine::Answer(_) | FromEngine::Closed { .. } => {}
        };
        Client::connect(&self.run, hello, told).ok()
    }
}

fn act(client: &Client, seen: &Snapshot, said: &mut HashSet<String>) {
    let mut say = |key: String, intent| {
        if said.insert(key) {
            // An engine that is gone shows in the next round.
            let _gone = client.intend(intent);
        }
    };
    if let Some(hold) = &seen.state.hold {
        say(format!("{hold:?} {}", seen.state.seq), Intent::Release);
    }
    for (slot, at) in seen.state.steps.iter().enumerate() {
        let step = seen.plan.at_slot(slot).unwrap();
        assert_ne!(at.status, Status::Unknown, "no shim was killed: {} {at:?}", step.id);
        if at.status == Status::Failed && seen.state.hold.is_none() {
            let key = format!("{} {} {}", step.id, at.attempts, seen.state.seq);
            say(key, Intent::RetryStep { step: step.id.clone() });
        }
    }
}
