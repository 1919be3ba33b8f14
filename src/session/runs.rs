//! Which runs there are, how they stand, and which of them somebody means.
//!
//! Owns where runs are kept and what their records say in short, without their plans. A run stands as its record
//! says and as its lock says: whether an engine is alive is asked of the lock, never of a process list.

use std::fmt;
use std::path::{Path, PathBuf};

use super::folder;
use crate::clock::Timestamp;
use crate::engine::event::{Ending, Event, Grade, HoldCause, Mode, RunStarted};
use crate::journal::record;
use crate::journal::{Expected, Lock, LockState, RunFolder, Verdict, replay};
use crate::plan::StepId;
use crate::plan::model::Pins;

/// How a run stands, in short.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its folder.
    pub path: PathBuf,
    /// Its id: the name of the folder.
    pub id: String,
    /// What its record is found to be.
    pub verdict: Verdict,
    /// How it began; `None` when it never did.
    pub started: Option<RunStarted>,
    /// When it was begun, on the wall: a rehearsal's own clock may show another day.
    pub at: Option<Timestamp>,
    /// When its last record was written.
    pub last: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Why nothing new starts in it.
    pub hold: Option<(HoldCause, String)>,
    /// Who has the keys, and since when.
    pub operator: Option<(String, Timestamp)>,
    /// Why its engine stopped for good.
    pub halted: Option<String>,
    /// Whether an engine is alive.
    pub engine: bool,
}

/// A run in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Running,
    /// An engine is alive and nothing new starts.
    Held,
    /// It is not over, and no engine is alive.
    Interrupted,
    /// It is over.
    Over(Ending),
    /// Its record is damaged.
    Damaged,
}

impl Standing {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Held => "held",
            Standing::Interrupted => "interrupted",
            Standing::Over(Ending::Done) => "done",
            Standing::Over(Ending::RolledBack) => "rolled back",
            Standing::Over(Ending::Aborted) => "aborted",
            Standing::Damaged => "damaged",
        }
    }
}

/// Which run is meant could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichRun {
    /// Where runs are kept cannot be told.
    NoPlace,
    /// No run has such a name.
    Unknown {
        /// What was asked for.
        asked: String,
        /// Where it was looked for.
        place: PathBuf,
    },
    /// More than one begins so.
    Ambiguous {
        /// What was asked for; empty when nothing was.
        asked: String,
        /// The runs that it may be.
        may_be: Vec<String>,
    },
    /// Nothing was asked for and nothing is open.
    NoneOpen {
        /// Where it was looked.
        place: PathBuf,
    },
}

impl fmt::Display for WhichRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhichRun::NoPlace => f.write_str(
                "nobody knows where runs are kept: set HOME or XDG_STATE_HOME, or give the run's folder",
            ),
            WhichRun::Unknown { asked, place } => write!(
                f,
                "there is no run {asked} in {}: `cutover runs` lists those that there are",
                place.display()
            ),
            WhichRun::Ambiguous { asked, may_be } if asked.is_empty() => {
                write!(f, "more than one run is open: say which of {}", may_be.join(", "))
            }
            WhichRun::Ambiguous { asked, may_be } => {
                write!(f, "{asked} may be any of {}: give more of its name", may_be.join(", "))
            }
            WhichRun::NoneOpen { place } => {
                write!(f, "no run is open in {}: say which one is meant", place.display())
            }
        }
    }
}

impl std::error::Error for WhichRun {}

/// When a plan was rehearsed last, and what is different since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Which run that was.
    pub run: String,
    /// Its number.
    pub number: u32,
    /// What it can teach.
    pub grade: Grade,
    /// When it began.
    pub at: Timestamp,
    /// How it ended; `None` when it did not.
    pub ending: Option<Ending>,
    /// Steps that are new or other than they were then, in plan order.
    pub changed: Vec<StepId>,
    /// Steps that are gone since.
    pub gone: Vec<StepId>,
    /// Nothing at all is different.
    pub same: bool,
}

/// Where runs are kept: below `XDG_STATE_HOME`, else below `HOME`.
pub fn place(var: impl Fn(&str) -> Option<String>) -> Result<PathBuf, WhichRun> {
    let absolute = |name: &str| var(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .map(|state| state.join("cutover/runs"))
        .ok_or(WhichRun::NoPlace)
}

/// All runs below a place, newest first.
pub fn list(place: &Path) -> std::io::Result<Vec<Summary>> {
    let mut all: Vec<Summary> = names(place)?.iter().map(|name| summary(&place.join(name))).collect();
    all.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    Ok(all)
}

fn names(place: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = match std::fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().join("start.json").exists()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// How a run stands, in short. Damage is part of the answer.
pub fn summary(path: &Path) -> Summary {
    let mut it = Summary {
        path: path.to_owned(),
        id: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        verdict: Verdict {
            class: crate::journal::Class::Whole,
            seq: 0,
            offset: 0,
            proved: 0,
            acknowledged: None,
            run: None,
        },
        started: None,
        at: folder::read_start(path).ok().map(|start| start.at),
        last: None,
        ending: None,
        hold: None,
        operator: None,
        halted: None,
        engine: RunFolder::look(path)
            .and_then(|folder| Lock::state(&folder))
            .is_ok_and(|state| state != LockState::Free),
    };
    it.verdict = replay(path, &Expected::default(), |raw| {
        // What this version does not know changes nothing that is told here; `watch` says so in full.
        if let Ok(entry) = record::decode(path, &raw) {
            for event in &entry.events {
                it.take(entry.at.wall, event);
            }
        }
    });
    it
}

impl Summary {
    fn take(&mut self, at: Timestamp, event: &Event) {
        self.last = Some(at);
        #[expect(clippy::wildcard_enum_match_arm, reason = "a summary tells only of these")]
        match event {
            Event::RunStarted(started) => {
                self.operator = Some((started.operator.clone(), at));
                self.started = Some((**started).clone());
                self.at.get_or_insert(at);
            }
            Event::EngineResumed { .. } => {
                self.halted = None;
                self.operator = None;
            }
            Event::OperatorArrived { name, .. } => self.operator = Some((name.clone(), at)),
            Event::OperatorLost { .. } => self.operator = None,
            Event::Held { cause, reason, .. } => self.hold = Some((*cause, reason.clone())),
            Event::Released { .. } | Event::Aborted { .. } | Event::RollbackStarted { .. } => {
                self.hold = None;
            }
            Event::RunFinished { ending } => self.ending = Some(*ending),
            Event::Halted { cause } => self.halted = Some(cause.clone()),
            _ => {}
        }
    }

    /// The run in a word.
    pub fn standing(&self) -> Standing {
        match (&self.ending, self.engine) {
            _ if self.verdict.is_damaged() => Standing::Damaged,
            (Some(ending), _) => Standing::Over(*ending),
            (None, false) => Standing::Interrupted,
            (None, true) if self.hold.is_some() => Standing::Held,
            (None, true) => Standing::Running,
        }
    }

    /// Whether it waits to be gone on with.
    pub fn is_open(&self) -> bool {
        matches!(self.standing(), Standing::Running | Standing::Held | Standing::Interrupted)
    }
}

/// The folder of the run that somebody means: a path, an id, the beginning of one, or the only one that is open.
pub fn resolve(place: &Path, asked: Option<&str>) -> Result<PathBuf, WhichRun> {
    let Some(asked) = asked else {
        let mut open: Vec<Summary> =
            list(place).unwrap_or_default().into_iter().filter(Summary::is_open).collect();
        return match (open.pop(), open.is_empty()) {
            (Some(only), true) => Ok(only.path),
            (None, _) => Err(WhichRun::NoneOpen { place: place.to_owned() }),
            (Some(last), false) => Err(WhichRun::Ambiguous {
                asked: String::new(),
                may_be: open.iter().chain([&last]).map(|s| s.id.clone()).collect(),
            }),
        };
    };
    if asked.contains('/') || asked == "." || asked == ".." {
        let path = PathBuf::from(asked);
        return match path.canonicalize() {
            Ok(path) if path.is_dir() => Ok(path),
            Ok(_) | Err(_) => Err(WhichRun::Unknown { asked: asked.to_owned(), place: path }),
        };
    }
    let names = names(place).unwrap_or_default();
    let begin: Vec<&String> = names.iter().filter(|name| name.starts_with(asked)).collect();
    match begin.as_slice() {
        _ if names.iter().any(|name| name == asked) => Ok(place.join(asked)),
        [only] => Ok(place.join(only)),
        [] => Err(WhichRun::Unknown { asked: asked.to_owned(), place: place.to_owned() }),
        several => Err(WhichRun::Ambiguous {
            asked: asked.to_owned(),
            may_be: several.iter().map(|name| (*name).clone()).collect(),
        }),
    }
}

/// The number of the next rehearsal of a plan of this name, and how the last one that came to an end compares.
pub fn rehearsals(place: &Path, plan: &str, pins: &Pins) -> std::io::Result<(u32, Option<Rehearsed>)> {
    let mut next = 1;
    let mut last = None;
    for run in list(place)? {
        let Some((started, at)) = run.started.as_ref().zip(run.at) else { continue };
        let Mode::Rehearsal { number, grade, .. } = started.mode else { continue };
        if started.plan != plan {
            continue;
        }
        next = next.max(number + 1);
        // The list begins with the newest.
        if last.is_none() && run.ending.is_some() {
            last = Some(compare(&run, started, (number, grade), at, pins));
        }
    }
    Ok((next, last))
}

fn compare(run: &Summary, then: &RunStarted, which: (u32, Grade), at: Timestamp, now: &Pins) -> Rehearsed {
    let before: std::collections::HashMap<&StepId, &String> =
        then.pins.steps.iter().map(|(id, hash)| (id, hash)).collect();
    let changed =
        now.steps.iter().filter(|(id, hash)| before.get(id) != Some(&hash)).map(|(id, _)| id.clone());
    let here: std::collections::HashSet<&StepId> = now.steps.iter().map(|(id, _)| id).collect();
    let gone = then.pins.steps.iter().filter(|(id, _)| !here.contains(id)).map(|(id, _)| id.clone());
    Rehearsed {
        run: run.id.clone(),
        number: which.0,
        grade: which.1,
        at,
        ending: run.ending,
        changed: changed.collect(),
        gone: gone.collect(),
        same: then.pins.resolved == now.resolved && then.pins.scripts == now.scripts,
    }
}
