//! The replicator: carries one side's changes to the other, a batch at a time, and is behind as
//! replicators are.
//!
//! It carries forward, or both ways, or not at all; which, outlives the process (`replication.json`). What
//! it carries is not logged where it arrives, so both ways make no circle. Leaving a way is a plan's
//! business: it asks nobody whether everything has arrived, and says what has not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::parts::{Part, Stop};
use super::store::{Lease, Store};
use super::{Dir, WorldError, files};
use crate::databases::sqlite::convention;

/// How long it waits before it tries to reach a side again.
const AGAIN: Duration = Duration::from_millis(200);

/// Which ways changes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From source to target.
    Forward,
    /// From source to target, and from target to source: a write that the source still takes arrives too.
    Both,
}

/// One way of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forward,
    Back,
}

impl Direction {
    fn ways(self) -> &'static [Way] {
        match self {
            Direction::Forward => &[Way::Forward],
            Direction::Both => &[Way::Forward, Way::Back],
        }
    }
}

/// What the replicator is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationStatus {
    /// Which ways it carries, or would.
    pub direction: Direction,
    /// Whether it carries at all.
    pub running: bool,
    /// Entries of the logs that the receiving sides have not applied; `None` when it cannot be told.
    pub behind: Option<u64>,
    /// Why it does not get on, in words.
    pub trouble: Option<String>,
}

/// How much is carried at a time, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) every: Duration,
    pub(super) batch: u32,
}

/// What it has been told to do, as it stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Task {
    direction: Direction,
    running: bool,
}

/// The replicator, as the rest of the world sees it.
#[derive(Clone)]
pub(super) struct Replicator(Arc<Shared>);

struct Shared {
    dir: Dir,
    source: Arc<Store>,
    target: Arc<Store>,
    /// Held while a batch is carried: who changes it knows that the last batch is over.
    task: Mutex<Task>,
    trouble: Mutex<Option<String>>,
}

struct Link {
    from: Connection,
    to: Connection,
    way: Way,
    lease: [Lease; 2],
}

impl Link {
    /// Whether one of the sides is to be let go.
    fn ended(&self) -> bool {
        self.lease.iter().any(Lease::ended)
    }

    /// Whether everything has arrived.
    fn carried(&self) -> bool {
        convention::lag(&self.from, &self.to) == Ok(0)
    }
}

impl Replicator {
    pub(super) fn start(
        dir: &Dir,
        source: Arc<Store>,
        target: Arc<Store>,
        stop: &Stop,
        pace: Pace,
    ) -> Result<(Replicator, Part), WorldError> {
        let task = match files::read(&dir.replication())? {
            None => Task { direction: Direction::Forward, running: true },
            Some(text) => serde_json::from_str(&text).map_err(|e| WorldError::NotAWorld {
                dir: dir.path().to_owned(),
                why: format!("{} cannot be read: {e}", dir.replication().display()),
            })?,
        };
        let shared =
            Shared { dir: dir.clone(), source, target, task: Mutex::new(task), trouble: Mutex::default() };
        let replicator = Replicator(Arc::new(shared));
        let part = Part::start("replicator", stop, {
            let (replicator, stop) = (replicator.clone(), stop.clone());
            move || replicator.run(&stop, pace)
        })?;
        Ok((replicator, part))
    }

    /// Stops after the batch that is on its way.
    pub(super) fn stop(&self) -> Result<(), WorldError> {
        self.change(|task| Task { running: false, ..task }).map(drop)
    }

    /// Goes on in the direction it had.
    pub(super) fn go_on(&self) -> Result<(), WorldError> {
        self.change(|task| Task { running: true, ..task }).map(drop)
    }

    /// Carries in this direction from now on. Returns how much had not been carried of a way that was
    /// left, `None` when none was left or it cannot be told.
    pub(super) fn turn(&self, direction: Direction) -> Result<Option<u64>, WorldError> {
        let before = self.change(|_| Task { direction, running: true })?;
        let mut left = before.direction.ways().iter().filter(|way| !direction.ways().contains(way));
        Ok(left.next().and_then(|&way| self.0.behind(way)))
    }

    pub(super) fn status(&self) -> ReplicationStatus {
        let Task { direction, running } = *self.0.task();
        let trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let behind = direction.ways().iter().map(|&way| self.0.behind(way)).sum();
        ReplicationStatus { direction, running, behind, trouble }
    }

    /// Carries what is left when nobody writes any more, so that both sides are left the same. Gives up after
    /// `patience`: a side that is away keeps nobody waiting.
    pub(super) fn carry_the_rest(&self, patience: Duration, batch: u32) {
        let began = Instant::now();
        let mut links = Vec::new();
        while began.elapsed() < patience {
            if let Err(e) = self.step(&mut links, batch) {
                return tracing::warn!("replicator: the rest is not carried: {e}");
            }
            if links.iter().all(Link::carried) {
                return;
            }
        }
    }

    fn change(&self, change: impl FnOnce(Task) -> Task) -> Result<Task, WorldError> {
        let mut task = self.0.task();
        let before = *task;
        let next = change(before);
        files::replace(&self.0.dir.replication(), serde_json::json!(next).to_string().as_bytes())?;
        *task = next;
        Ok(before)
    }

    fn run(&self, stop: &Stop, pace: Pace) {
        let mut links = Vec::new();
        while !stop.is_told() {
            let rest = match self.step(&mut links, pace.batch) {
                Ok(()) => pace.every,
                Err(e) => {
                    links.clear();
                    self.note(Some(e.to_string()));
                    AGAIN
                }
            };
            stop.rest(rest, || links.iter().any(Link::ended));
        }
    }

    /// Carries one batch each way, if there is anything to do.
    fn step(&self, links: &mut Vec<Link>, batch: u32) -> Result<(), WorldError> {
        if links.iter().any(Link::ended) {
            links.clear();
        }
        let task = self.0.task();
        if !task.running {
            links.clear();
            self.note(None);
            return Ok(());
        }
        let ways = task.direction.ways();
        links.retain(|link| ways.contains(&link.way));
        for &way in ways {
            if !links.iter().any(|link| link.way == way) {
                links.push(self.0.link(way)?);
            }
        }
        for link in links {
            convention::apply_batch(&mut link.from, &mut link.to, batch)?;
        }
        drop(task);
        self.note(None);
        Ok(())
    }

    fn note(&self, trouble: Option<String>) {
        let mut stands = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_some() && *stands != trouble {
            tracing::warn!("replicator: {}", trouble.as_deref().unwrap_or_default());
        }
        *stands = trouble;
    }
}

impl Shared {
    fn task(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self, way: Way) -> Result<Link, WorldError> {
        let (from, to) = match way {
            Way::Forward => (&self.source, &self.target),
            Way::Back => (&self.target, &self.source),
        };
        let (from_lease, from) = open(from)?;
        let (to_lease, to) = open(to)?;
        Ok(Link { from, to, way, lease: [from_lease, to_lease] })
    }

    fn behind(&self, way: Way) -> Option<u64> {
        let link = self.link(way).ok()?;
        convention::lag(&link.from, &link.to).ok()
    }
}

fn open(store: &Store) -> Result<(Lease, Connection), WorldError> {
    let lease =
        store.lease().ok_or_else(|| WorldError::Refused(format!("the {} is not reachable", store.side())))?;
    let path = store.path();
    let db = convention::open(&path)?;
    db.pragma_update(None, "synchronous", "normal")
        .map_err(WorldError::database("set up the connection to", path))?;
    Ok((lease, db))
}
