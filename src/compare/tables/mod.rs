//! Comparing the tables of two databases, every row of them.
//!
//! In this order, so that what is cheap is known first: which tables and columns there are (`pairing`), how many rows they
//! have about, digests by bucket inside each database, piece by piece (`pass`), the hashes of single rows in the buckets that
//! differ (`locate`), and the differing rows themselves, compared value by value (`naming`). A row that differs while
//! replication runs is looked at again before it counts (`settle`). With a [`Book`] what was proved before is not read again:
//! only what was written since (`rounds`).
//!
//! Reads consistent snapshots of each side and writes nothing. Never says *same* of what it did not look at: no table, a lost
//! connection, a row still in flight are *not proved*, with the reason.

mod again;
mod ledger;
mod load;
mod locate;
mod look;
mod names;
mod naming;
mod outcome;
mod pairing;
mod pass;
mod record;
mod rounds;
mod settle;
mod spans;
mod work;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::databases::snapshot::Meter;
use crate::databases::{Database, Link};

pub(crate) use pairing::matches;

pub use ledger::{Book, Entry, Ledger, Marks};
pub use load::Load;
pub use outcome::{
    Again, Difference, DifferenceKind, Equality, Outcome, Remarks, SchemaDifference, TableOutcome, Verdict,
};
pub use record::{DifferenceRecord, OutcomeRecord, TableRecord};

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
    /// Patterns of columns that are left out, `TABLE.COLUMN` by the source's names.
    pub without: Vec<String>,
    /// Tables, and columns as `TABLE.COLUMN`, that the target calls otherwise: by the source's names, the target's.
    pub rename: BTreeMap<String, String>,
    /// Columns, `TABLE.COLUMN` by the source's names, that both sides cast to a type before they are compared.
    pub cast: BTreeMap<String, String>,
    /// Also say where the target's sequences stand behind: not where a step will carry them over.
    pub sequences: bool,
    /// How many differing rows are listed with their values, for each table. All are counted.
    pub listed: usize,
    /// How long rows that are in flight are looked at again until they count as not proved.
    pub patience: Duration,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            include: Vec::new(),
            except: Vec::new(),
            without: Vec::new(),
            rename: BTreeMap::new(),
            cast: BTreeMap::new(),
            sequences: false,
            listed: 1_000,
            patience: Duration::from_secs(10),
        }
    }
}

/// What it is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Connecting, and comparing what the databases are made of.
    #[default]
    Schema,
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
    /// About how many rows are to be digested on both sides, `None` while nobody knows; true of tables that are done.
    pub rows_expected: Option<u64>,
    /// Rows that were found to differ and may still be in flight.
    pub suspects: u64,
    /// Why it waits, if it does.
    pub waits: Option<String>,
}

/// Whoever is told how far a comparison is, with what is known of each table by then. Work stands still meanwhile.
pub type Tell<'a> = dyn FnMut(&Progress, &[TableOutcome]) -> ControlFlow<()> + Send + 'a;

/// Compares once, with the usual load and nothing to go by; see [`compare_with`].
pub async fn compare(sides: &Sides, request: &Request, tell: &mut Tell<'_>) -> Outcome {
    compare_with(sides, request, &Load::default(), None, tell).await
}

/// Compares; always comes to an outcome, whatever goes wrong on the way.
///
/// `tell` is called about ten times a second. When it breaks, or the future is dropped, the work in the
/// databases stops; what was proved until then stands in the outcome, and in the book if there is one.
pub async fn compare_with(
    sides: &Sides,
    request: &Request,
    load: &Load,
    book: Option<&mut Book<'_>>,
    tell: &mut Tell<'_>,
) -> Outcome {
    let begun = Instant::now();
    let board = Board::default();
    let stopped = {
        let mut work = std::pin::pin!(rounds::run(sides, request, load, &board, book));
        loop {
            tokio::select! {
                done = &mut work => break done.err().map(|e| e.to_string()),
                () = tokio::time::sleep(TELL_EVERY) => if board.tell(load, tell).is_break() {
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

    fn tell(&self, load: &Load, tell: &mut Tell<'_>) -> ControlFlow<()> {
        let (rows, waits) = (self.meter.rows(), load.waits());
        self.update(|progress, outcome| {
            (progress.rows, progress.waits) = (rows, waits);
            tell(progress, &outcome.tables)
        })
    }

    fn outcome(&self) -> Outcome {
        let rows_read = self.meter.rows();
        self.update(|_, outcome| Outcome { rows_read, ..std::mem::take(outcome) })
    }
}

#[cfg(test)]
mod tests;
