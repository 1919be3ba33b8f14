//! Comparing the tables of two databases, every row of them.
//!
//! In this order, so that what is cheap is known first: which tables and columns there are
//! (`pairing`), how many rows, digests by bucket inside each database, the hashes of single rows in
//! the buckets that differ (`locate`), and the differing rows themselves, compared value by value
//! (`naming`). A row that differs while replication runs is looked at again before it counts
//! (`settle`).
//!
//! Reads one consistent snapshot of each side and writes nothing. Never says *same* of what it did not
//! look at: no table, a lost connection, a row still in flight are *not proved*, with the reason.

mod locate;
mod naming;
mod outcome;
mod pairing;
mod settle;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::databases::snapshot::{Meter, Stamp};
use crate::databases::{Database, Error, Link, Snapshot};

use self::settle::OpenTable;
pub(crate) use pairing::matches;

pub use outcome::{
    Difference, DifferenceKind, DifferenceRecord, Equality, Outcome, OutcomeRecord, SchemaDifference,
    TableOutcome, TableRecord, Verdict,
};

/// How often whoever watches is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct Sides {
    /// What is right by definition; after the switch, what used to be the target.
    pub source: Arc<dyn Database>,
    /// What has to be the same.
    pub target: Arc<dyn Database>,
    /// How changes get from one to the other, while they do. With it, a row counts as different only
    /// when the target has applied everything that the source had at the look before; without it, a row
    /// that replication is late to carry can be taken for different.
    pub link: Option<Arc<dyn Link>>,
}

/// Which tables, and how much patience.
#[derive(Clone, Debug)]
pub struct Request {
    /// Patterns of table names (`*` and `?`); empty means every table.
    pub include: Vec<String>,
    /// Patterns of tables that are left out.
    pub except: Vec<String>,
    /// How many differing rows are listed with their values, for each table. All are counted.
    pub listed: usize,
    /// How long rows that are in flight are looked at again until they count as not proved.
    pub patience: Duration,
}

impl Default for Request {
    fn default() -> Request {
        Request { include: Vec::new(), except: Vec::new(), listed: 1_000, patience: Duration::from_secs(10) }
    }
}

/// What it is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Connecting, and comparing what the databases are made of.
    #[default]
    Schema,
    /// Counting rows.
    Counting,
    /// Digesting every row inside the databases.
    Digesting,
    /// Looking at rows again that differ and may be in flight.
    LookingAgain,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub stage: Stage,
    /// The table that it is at.
    pub table: Option<String>,
    /// Tables that are done.
    pub tables_done: usize,
    /// Tables that there are, `None` until they have been listed.
    pub tables: Option<usize>,
    /// Rows digested so far, of both sides together.
    pub rows: u64,
    /// Rows that there are on both sides, `None` until they have been counted.
    pub rows_expected: Option<u64>,
    /// Rows that were found to differ and may still be in flight.
    pub suspects: u64,
}

/// Compares; always comes to an outcome, whatever goes wrong on the way.
///
/// `tell` is called about ten times a second. When it breaks, or the future is dropped, the work in the
/// databases stops; what was proved until then stands in the outcome.
pub async fn compare(
    sides: &Sides,
    request: &Request,
    tell: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
) -> Outcome {
    let begun = Instant::now();
    let board = Board::default();
    let stopped = {
        let mut work = std::pin::pin!(run(sides, request, &board));
        loop {
            tokio::select! {
                done = &mut work => break done.err().map(|e| e.to_string()),
                () = tokio::time::sleep(TELL_EVERY) => if tell(&board.progress()).is_break() {
                    break Some("it was stopped before it was done".to_owned());
                },
            }
        }
    };
    let mut outcome = board.outcome();
    outcome.unfinished = stopped;
    outcome.took = begun.elapsed();
    outcome
}

/// What is known so far, kept where it survives when the work is stopped in the middle.
#[derive(Debug, Default)]
struct Board {
    meter: Meter,
    known: Mutex<(Progress, Outcome)>,
}

impl Board {
    fn update<T>(&self, change: impl FnOnce(&mut Progress, &mut Outcome) -> T) -> T {
        // Nothing can panic while it is held, and a half-made change would be one number at most.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (progress, outcome) = &mut *known;
        change(progress, outcome)
    }

    fn progress(&self) -> Progress {
        let rows = self.meter.rows();
        self.update(|progress, _| Progress { rows, ..progress.clone() })
    }

    fn outcome(&self) -> Outcome {
        self.update(|_, outcome| std::mem::take(outcome))
    }
}

/// One look at both sides.
struct Look {
    source: Box<dyn Snapshot>,
    target: Box<dyn Snapshot>,
    source_stamp: Stamp,
    target_stamp: Stamp,
}

impl Look {
    async fn begin(sides: &Sides) -> Result<Look, Error> {
        // The target first: what replication carries meanwhile then looks missing and is looked at
        // again; the other way round the source would seem to lack rows that it never lacked.
        let mut target = sides.target.snapshot().await?;
        let mut source = sides.source.snapshot().await?;
        let (source_stamp, target_stamp) = tokio::try_join!(source.stamp(), target.stamp())?;
        Ok(Look { source, target, source_stamp, target_stamp })
    }

    /// Each side had applied all that the other had: what differs in this look differs.
    fn at_rest(&self) -> bool {
        let (source, target) = (&self.source_stamp, &self.target_stamp);
        source.position.is_some()
            && source.position == target.applied
            && target.position.is_some()
            && target.position == source.applied
    }
}

async fn run(sides: &Sides, request: &Request, board: &Board) -> Result<(), Error> {
    let (source, target) = tokio::try_join!(sides.source.identity(None), sides.target.identity(None))?;
    if source.same_system(&target) {
        let why = format!("{} is one and the same database", sides.source.name());
        return Err(Error::broken(sides.target.name(), why, "a comparison with itself proves nothing"));
    }
    let mut look = Look::begin(sides).await?;
    let hashing = look.source.hashing();
    if hashing != look.target.hashing() {
        let why = format!("its hashes ({}) cannot be compared with {hashing}", look.target.hashing());
        return Err(Error::broken(sides.target.name(), why, "compare databases of one kind"));
    }
    let (on_source, on_target) = tokio::try_join!(look.source.tables(), look.target.tables())?;
    let paired = pairing::pair(&on_source, &on_target, request)?;
    board.update(|progress, outcome| {
        progress.tables = Some(paired.pairs.len());
        progress.stage = Stage::Counting;
        outcome.source = look.source_stamp.clone();
        outcome.target = look.target_stamp.clone();
        outcome.hashing = hashing;
        outcome.left_out = paired.left_out;
        outcome.looks = 1;
        outcome.tables = paired.pairs.iter().map(pairing::Pair::outcome).collect();
    });

    count(&mut look, &paired.pairs, board).await?;
    let mut open = Vec::new();
    for (at, pair) in paired.pairs.iter().enumerate() {
        let begun = Instant::now();
        board.update(|progress, _| {
            progress.stage = Stage::Digesting;
            progress.table = Some(pair.name.clone());
        });
        let Some(selection) = &pair.selection else {
            board.update(|progress, _| progress.tables_done += 1);
            continue;
        };
        let rows = board.update(|_, outcome| outcome.tables.get(at).map_or(0, TableOutcome::most_rows));
        let found = locate::locate(&mut look, selection, pair.integer_key, rows, &board.meter).await?;
        board.update(|progress, outcome| {
            progress.tables_done += 1;
            progress.suspects += found.total.rows();
            if let Some(table) = outcome.tables.get_mut(at) {
                table.looked_at = true;
                table.in_flight = found.total.rows();
                table.took = begun.elapsed();
            }
        });
        if found.total.rows() > 0 {
            open.push(OpenTable { at, selection: selection.clone(), keyed: pair.keyed, found });
        }
    }
    settle::settle(sides, request, look, open, board).await
}

async fn count(look: &mut Look, pairs: &[pairing::Pair], board: &Board) -> Result<(), Error> {
    let mut expected = 0;
    for (at, pair) in pairs.iter().enumerate() {
        board.update(|progress, _| progress.table = Some(pair.name.clone()));
        let Look { source, target, .. } = look;
        let (of_source, of_target) = tokio::try_join!(
            async {
                if !pair.on_source {
                    return Ok(None);
                }
                source.count(&pair.name).await.map(Some)
            },
            async {
                if !pair.on_target {
                    return Ok(None);
                }
                target.count(&pair.name).await.map(Some)
            },
        )?;
        if pair.selection.is_some() {
            expected += of_source.unwrap_or(0) + of_target.unwrap_or(0);
        }
        board.update(|_, outcome| {
            if let Some(table) = outcome.tables.get_mut(at) {
                table.rows_source = of_source;
                table.rows_target = of_target;
            }
        });
    }
    board.update(|progress, _| progress.rows_expected = Some(expected));
    Ok(())
}

#[cfg(test)]
mod tests;
