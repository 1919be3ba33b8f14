//! A cockpit's place at a run: what it reads (the feed), and what it may say (the control socket).
//!
//! Turns what `session` knows into what `panes` draws, and looks up what stands in no journal: the output of a
//! step, the last answer to a probe.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::cockpit::Wake;
use super::exit::{Exit, Failure};
use super::open;
use crate::clock::Clock;
use crate::engine::input::Intent;
use crate::engine::reading::Measure;
use crate::engine::state::Stage;
use crate::journal::Contact as Beats;
use crate::panes::{Contact, Feed, Output, Recorded, Source};
use crate::plan::Plan;
use crate::plan::model::{Link, ProbeKind};
use crate::probes;
use crate::process::step::output;
use crate::session::client::{Client, ConnectError, Hello};
use crate::session::feed::{Following, Snapshot};
use crate::session::launch;
use crate::session::protocol::Ask;
use crate::tasks;

/// So much of an output is shown.
const SHOWN: u64 = 64 * 1024;
/// A run that was just started, or whose operator was just lost, may need a moment to give the keys.
const KEYS_WITHIN: Duration = Duration::from_secs(5);
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A place at a run.
pub(super) struct Attached {
    /// The run's folder.
    pub run: PathBuf,
    /// The run's clock.
    pub clock: Clock,
    feed: Following,
    keys: Option<Client>,
    recorded: Vec<Arc<Recorded>>,
    stage: Option<Stage>,
}

impl Attached {
    /// Follows a run; with `keys` (name, account, whether they are taken from whoever has them) it may also say
    /// something.
    pub(super) fn to(
        run: PathBuf,
        keys: Option<(String, String, bool)>,
        wake: &SyncSender<Wake>,
    ) -> Result<Attached, Failure> {
        let keys = match keys {
            Some((name, account, take)) => Some(connect(&run, &Hello { name, account, take }, wake)?),
            None => None,
        };
        let news = wake.clone();
        let feed = Following::begin(run.clone(), move |told| {
            // A loop that is behind takes the newest when it comes to it.
            let _full = news.try_send(Wake::Feed(told.err().map(Failure::from)));
        })
        .map_err(|error| Failure::new(Exit::NotProved, format!("no thread to follow the run: {error}")))?;
        Ok(Attached { run, clock: Clock::system(), feed, keys, recorded: Vec::new(), stage: None })
    }

    /// What is new, in the form in which it is drawn.
    pub(super) fn take(&mut self) -> Option<Feed> {
        let seen = self.feed.take()?;
        self.clock = seen.clock.clone();
        self.stage = Some(seen.state.stage);
        let known = self.recorded.last().map_or(0, |r| r.seq);
        self.recorded.extend(seen.entries.iter().filter(|e| e.at.seq > known).map(|entry| {
            Arc::new(Recorded {
                seq: entry.at.seq,
                at: entry.at.wall,
                hash: entry.hash.to_string(),
                events: entry.events.clone(),
                unacknowledged: seen.head.as_ref().is_some_and(|head| entry.at.seq > head.seq),
            })
        }));
        let surplus = self.recorded.len().saturating_sub(seen.entries.len());
        self.recorded.drain(..surplus);
        Some(Feed {
            hash: self.recorded.last().map_or_else(String::new, |r| r.hash.clone()),
            records: seen.state.seq,
            contact: contact(&seen),
            plan: seen.plan,
            state: seen.state,
            readings: seen.readings,
            journal: Arc::new(self.recorded.clone()),
        })
    }

    /// Which way the run goes, once it is known.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// Asks the engine for something; gives the number of its answer.
    pub(super) fn intend(&self, intent: Intent) -> Result<u64, String> {
        self.client()?.intend(intent).map_err(|error| error.to_string())
    }

    /// Says something to the engine.
    pub(super) fn say(&self, ask: Ask) -> Result<(), String> {
        self.client()?.ask(ask).map_err(|error| error.to_string())
    }

    /// Looks at the run's files now.
    pub(super) fn nudge(&self) {
        self.feed.nudge();
    }

    /// The engine has closed the line.
    pub(super) fn drop_keys(&mut self) {
        self.keys = None;
    }

    fn client(&self) -> Result<&Client, String> {
        self.keys.as_ref().ok_or_else(|| "there is no line to the engine: nothing was asked for".to_owned())
    }
}

fn connect(run: &Path, hello: &Hello, wake: &SyncSender<Wake>) -> Result<Client, Failure> {
    let began = Instant::now();
    loop {
        let news = wake.clone();
        let connected = Client::connect(run, hello.clone(), move |told| {
            let _closed = news.send(Wake::Engine(told));
        });
        match connected {
            Ok(client) => return Ok(client),
            Err(ConnectError::Held { who, .. })
                if who == hello.name && !hello.take && began.elapsed() < KEYS_WITHIN =>
            {
                std::thread::sleep(TRY_AGAIN);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn contact(seen: &Snapshot) -> Contact {
    let gone = match seen.contact {
        Beats::NoContact(None) => Some("its last sign of life is from another boot".to_owned()),
        Beats::Fresh | Beats::Stale(_) | Beats::NoContact(Some(_)) => {
            (!seen.engine && !seen.state.is_over()).then(|| "its process has ended".to_owned())
        }
    };
    Contact { beat: seen.head.as_ref().map(|head| head.beat.real), gone, damaged: seen.damage.clone() }
}

/// Starts the engine of a run that is there.
pub(super) fn launch(run: &Path) -> Result<(), Failure> {
    launch::engine(&open::exe(), run)?;
    Ok(())
}

/// What stands in no journal: the output of a step, the last answer to a probe.
pub(super) fn look(run: &Path, source: &Source) -> Output {
    match source {
        Source::Step(step, attempt) => match output::tail(&tasks::step_folder(run, step, *attempt), SHOWN) {
            Ok((tail, bytes)) => {
                Output { asked: None, cut: bytes.saturating_sub(tail.len() as u64), tail, missing: None }
            }
            Err(error) => Output { missing: Some(error.to_string()), ..Output::default() },
        },
        Source::Probe(probe) => match std::fs::read(tasks::last_path(run, probe)) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let (asked, said) = text.split_once("\n\n").unwrap_or((&text, ""));
                Output { asked: Some(asked.to_owned()), tail: said.as_bytes().to_vec(), cut: 0, missing: None }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Output::default(),
            Err(error) => Output { missing: Some(error.to_string()), ..Output::default() },
        },
    }
}

/// Asks every system of a plan what it is, each on a thread of its own, and tells the loop as they answer.
pub(super) fn ask_identities(plan: &Arc<Plan>, file: &Path, wake: &SyncSender<Wake>) {
    let root = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    for probe in &plan.probes {
        let ProbeKind::Identity { endpoint } = &probe.kind else { continue };
        let links: Vec<Link> = Vec::new();
        let ctx = probes::Context::new(
            root.clone(),
            std::env::temp_dir(),
            plan.endpoints.clone(),
            links,
            Clock::system(),
        );
        let (probe, endpoint, wake) = (probe.clone(), endpoint.clone(), wake.clone());
        std::thread::spawn(move || {
            let said = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => match runtime.block_on(probes::measure(&ctx, &probe, None)).result {
                    Ok(Measure { pass: true, text, .. }) => Ok(text),
                    Ok(Measure { text, .. }) => Err(text),
                    Err(why) => Err(why.to_string()),
                },
                Err(error) => Err(format!("it cannot be asked: {error}")),
            };
            let _closed = wake.send(Wake::Identity(endpoint, said));
        });
    }
}
