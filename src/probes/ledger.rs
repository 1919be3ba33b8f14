//! What comparisons have proved, kept in the run folder between looks; and how far one is, for whoever watches.
//!
//! Owns the files and the load of each comparison. Refuses to know what a ledger says: see `compare`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, fs};

use serde::{Deserialize, Serialize};

use super::endpoint::connect;
use super::look::Context;
use super::scrub::Scrub;
use super::words::{count, counted, line, span};
use crate::clock::Timestamp;
use crate::compare::tables::{Ledger, Load, Progress, Stage};
use crate::files;
use crate::plan::ProbeId;
use crate::plan::model::{Probe, ProbeKind};

/// How often whoever watches is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// One server may take so long to let a trail go.
const LET_GO_WITHIN: Duration = Duration::from_secs(30);

/// The ledgers of a run.
#[derive(Debug)]
pub(crate) struct Ledgers {
    run: String,
    folder: PathBuf,
    loads: Mutex<HashMap<ProbeId, Arc<Load>>>,
}

impl Ledgers {
    pub(crate) fn new(run: String, folder: PathBuf) -> Ledgers {
        Ledgers { run, folder, loads: Mutex::default() }
    }

    /// What a comparison may ask for, for as long as the run lasts.
    pub(crate) fn load(&self, probe: &ProbeId, new: impl FnOnce() -> Load) -> Arc<Load> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(loads.entry(probe.clone()).or_insert_with(|| Arc::new(new())))
    }

    /// What its trails are called: no other run's, and no other comparison's of this one.
    pub(crate) fn trail(&self, probe: &ProbeId) -> String {
        format!("{}/{probe}", self.run)
    }

    /// The ledger as it was kept last. One that is damaged is none: everything is read again, which costs time and proves
    /// as much.
    pub(super) fn read(&self, probe: &ProbeId) -> Ledger {
        let path = path(&self.folder, probe, "json");
        let read = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|why| why.to_string()),
            Err(why) if why.kind() == ErrorKind::NotFound => return Ledger::default(),
            Err(why) => Err(why.to_string()),
        };
        read.unwrap_or_else(|why| {
            tracing::warn!(%probe, why, "the ledger {} cannot be read: everything is compared again", path.display());
            Ledger::default()
        })
    }

    /// Keeps a ledger durably.
    pub(super) fn keep(&self, probe: &ProbeId, ledger: &Ledger) -> Result<(), String> {
        let path = path(&self.folder, probe, "json");
        let text = serde_json::to_vec(ledger).map_err(|why| why.to_string())?;
        files::put(&path, &text, true).map_err(|why| format!("{} cannot be written: {why}", path.display()))
    }

    /// Whoever tells how far a comparison is.
    pub(super) fn teller<'a>(&'a self, probe: &'a ProbeId, now: Timestamp) -> Teller<'a> {
        Teller { ledgers: self, probe, since: now, told: None, reading: None }
    }
}

/// Whether a comparison has found that nothing tells what is written: then reading before the window saves nothing in it.
pub fn keeps_no_trail(ctx: &Context, probe: &Probe) -> bool {
    ctx.ledgers.as_ref().is_some_and(|ledgers| ledgers.read(&probe.id).without.is_some())
}

/// Lets go of the trails that a comparison has kept: a server keeps its log for each. What was proved by them does not hold
/// from here on. Whoever looks after a server reads in the log of the program where that failed.
pub async fn let_trails_go(ctx: &Context, probe: &Probe) {
    let (ProbeKind::Tables(tables), Some(ledgers)) = (&probe.kind, &ctx.ledgers) else { return };
    if !probe.reads_before() {
        return;
    }
    let mut scrub = Scrub::default();
    for side in [&tables.from, &tables.to] {
        let gone = match connect(ctx, &mut scrub, side, LET_GO_WITHIN) {
            Ok(database) => {
                database.let_trail_go(&ledgers.trail(&probe.id)).await.map_err(|why| why.to_string())
            }
            Err(why) => Err(why),
        };
        if let Err(why) = gone {
            let why = line(&scrub.text(why), 300);
            tracing::error!(%side, probe = %probe.id, why, "a trail could not be let go: the server keeps its log for it");
        }
    }
    if let Err(why) = ledgers.keep(&probe.id, &Ledger::default()) {
        tracing::warn!(probe = %probe.id, why, "the ledger stays as it was");
    }
}

/// Where it is told how far a comparison is, in a run's folder.
pub fn standing_path(run: &Path, probe: &ProbeId) -> PathBuf {
    path(run, probe, "now")
}

fn path(run: &Path, probe: &ProbeId, ending: &str) -> PathBuf {
    run.join("ledger").join(format!("{probe}.{ending}"))
}

/// How far a comparison is: for people, and for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when it is under way.
    pub since: Timestamp,
    /// `reading`, `looking again` or `connecting`.
    pub doing: String,
    /// The table that it is at.
    pub table: Option<String>,
    /// Tables that are done, of how many.
    pub tables: Option<(usize, usize)>,
    /// Rows that were read, of both sides.
    pub rows: u64,
    /// About how many there are to read.
    pub of: Option<u64>,
    /// Rows a second.
    pub rate: Option<u64>,
    /// Rows that differ and may be on their way.
    pub suspects: u64,
    /// Why it waits.
    pub waits: Option<String>,
}

impl Standing {
    /// How long it takes from here, at the rate of now.
    pub fn left(&self) -> Option<Duration> {
        let rate = self.rate.filter(|&rate| rate > 0)?;
        Some(Duration::from_secs(self.of?.saturating_sub(self.rows) / rate))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table.as_deref().map_or_else(String::new, |table| format!(" {table}"));
        let mut parts = vec![format!("{}{table}", self.doing)];
        parts.extend(
            self.tables.map(|(done, all)| format!("{done} of {} done", counted(all as u64, "table"))),
        );
        parts.extend(self.of.filter(|&of| of > 0).map(|of| format!("{} %", self.rows.min(of) * 100 / of)));
        parts.extend(self.rate.map(|rate| format!("{} rows/s", count(rate))));
        parts.extend(self.left().map(|left| format!("about {} left", span(left))));
        if self.suspects > 0 {
            parts.push(format!("{} may be on their way", counted(self.suspects, "row")));
        }
        parts.extend(self.waits.iter().map(|why| format!("waits: {why}")));
        write!(f, "under way: {}", parts.join(", "))
    }
}

/// Tells how far a comparison is, until it is dropped.
pub(super) struct Teller<'a> {
    ledgers: &'a Ledgers,
    probe: &'a ProbeId,
    since: Timestamp,
    told: Option<Instant>,
    /// When rows were first read, and how many had been by then.
    reading: Option<(Instant, u64)>,
}

impl Teller<'_> {
    pub(super) fn tell(&mut self, progress: &Progress) {
        if progress.stage == Stage::Digesting && self.reading.is_none() {
            self.reading = Some((Instant::now(), progress.rows));
        }
        if self.told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let rate = self.reading.and_then(|(at, before)| {
            let ms = u64::try_from(at.elapsed().as_millis()).ok().filter(|&ms| ms > 0)?;
            Some(progress.rows.saturating_sub(before).saturating_mul(1_000) / ms)
        });
        let standing = Standing {
            since: self.since,
            doing: match progress.stage {
                Stage::Schema => "connecting",
                Stage::Digesting => "reading",
                Stage::LookingAgain => "looking again",
            }
            .to_owned(),
            table: progress.table.clone(),
            tables: progress.tables.map(|all| (progress.tables_done, all)),
            rows: progress.rows,
            of: progress.rows_expected,
            rate: rate.filter(|&rate| rate > 0),
            suspects: progress.suspects,
            waits: progress.waits.clone(),
        };
        let put = serde_json::to_vec(&standing)
            .map_err(std::io::Error::from)
            .and_then(|text| files::put(&standing_path(&self.ledgers.folder, self.probe), &text, false));
        if let Err(why) = put {
            tracing::warn!(probe = %self.probe, %why, "how far it is could not be told");
        }
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        let path = standing_path(&self.ledgers.folder, self.probe);
        if let Err(why) = fs::remove_file(&path)
            && why.kind() != ErrorKind::NotFound
        {
            tracing::warn!(probe = %self.probe, %why, "how far it was stays told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_is_damaged_is_none() {
        let run = tempfile::tempdir().unwrap();
        let ledgers = Ledgers::new("L-1".to_owned(), run.path().to_owned());
        let id = ProbeId::from("rows");
        assert_eq!(ledgers.read(&id), Ledger::default());
        let ledger = Ledger { without: Some("no log".to_owned()), ..Ledger::default() };
        ledgers.keep(&id, &ledger).unwrap();
        assert_eq!(ledgers.read(&id), ledger);
        fs::write(path(run.path(), &id, "json"), "{").unwrap();
        assert_eq!(ledgers.read(&id), Ledger::default());
        assert_eq!(ledgers.trail(&id), "L-1/rows");
    }

    #[test]
    fn how_far_it_is_stands_in_the_folder_while_it_runs_and_no_longer() {
        let run = tempfile::tempdir().unwrap();
        let ledgers = Ledgers::new("L-1".to_owned(), run.path().to_owned());
        let id = ProbeId::from("rows");
        let at = standing_path(run.path(), &id);
        let mut teller = ledgers.teller(&id, Timestamp(5));
        let progress =
            Progress { rows: 10, rows_expected: Some(100), tables: Some(2), ..Progress::default() };
        teller.tell(&progress);
        let told: Standing = serde_json::from_slice(&fs::read(&at).unwrap()).unwrap();
        assert_eq!((told.rows, told.of, told.tables, told.left()), (10, Some(100), Some((0, 2)), None));
        let later = Standing { rate: Some(9), ..told };
        assert_eq!(later.left(), Some(Duration::from_secs(10)));
        drop(teller);
        assert!(!at.exists());
    }
}
