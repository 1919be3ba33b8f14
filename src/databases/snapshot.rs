//! One consistent look at a database, long enough to compare every row of it.
//!
//! Owns the questions that a comparison asks of an engine: counts, digests by bucket, hashes of single
//! rows, rows. Hashing is done inside the database, so that only what differs leaves it. Refuses to know
//! what is compared with what: see `compare`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::digest::{RowHash, SetDigest};
use super::trail::Seen;
use super::{Answer, Position, Table, Value};

/// Where a snapshot stands in the logs of changes; `None` where the engine cannot say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The end of its own log.
    pub position: Option<Position>,
    /// What it has applied of the log that it is fed from.
    pub applied: Option<Position>,
}

/// The columns of a table that are compared, in one order for both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The table's name.
    pub table: String,
    /// Columns whose values make up the row.
    pub columns: Vec<String>,
    /// Columns whose values say which row it is. All of them for a table without a key.
    pub key: Vec<String>,
    /// Columns that the two sides declare with different types. Engines that hash by type hash these by what their values
    /// are written as, so that a type that holds more makes no row differ.
    pub as_text: BTreeSet<String>,
    /// Columns whose values are cast to a type before anything is made of them, by the engine's name for it. None of a key.
    pub cast: BTreeMap<String, String>,
}

/// How rows are grouped under digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Buckets {
    /// By the whole-number key: bucket `key >> shift` (an arithmetic shift: negative keys are not folded
    /// onto positive ones) of the rows whose key lies in `keys`.
    Keys {
        /// The keys that are looked at: ranges that do not overlap.
        keys: Vec<RangeInclusive<i64>>,
        /// How many low bits of the key share a bucket.
        shift: u32,
    },
    /// By the hash of the key: bucket `hash mod 2^bits`.
    Hashes {
        /// At most 32.
        bits: u32,
    },
}

/// Which rows are looked at one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Those with a whole-number key in one of these ranges.
    Keys(Vec<RangeInclusive<i64>>),
    /// Those with one of these keys: the values of [`Selection::key`], as [`trail`](super::trail) tells them.
    Rows(Vec<Vec<Value>>),
    /// Those whose key's hash falls into one of these buckets of `2^bits`.
    Hashes {
        /// As in [`Buckets::Hashes`].
        bits: u32,
        /// The buckets.
        buckets: BTreeSet<i64>,
    },
}

impl Within {
    /// Every row of the table.
    pub fn everything() -> Within {
        Within::Hashes { bits: 0, buckets: BTreeSet::from([0]) }
    }

    /// Whether a row with this key can be among them. A key does not show in its hash.
    pub fn may_have(&self, key: RowHash) -> bool {
        match self {
            Within::Keys(_) | Within::Rows(_) => true,
            Within::Hashes { bits, buckets } => buckets.contains(&bucket_of(key, *bits)),
        }
    }
}

/// Which bucket of `2^bits` a key's hash falls into.
pub fn bucket_of(key: RowHash, bits: u32) -> i64 {
    let mask = (1_u128 << bits.min(32)) - 1;
    // At most 32 bits are left.
    i64::try_from(key.0 & mask).unwrap_or(0)
}

/// Which stretch of a table one question reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// All of it, one small range of its whole-number key after another (see [`Outline::in_order`]).
    InOrder,
    /// What lies in these blocks of its storage (see [`Outline::blocks`]); the last part has no end, so that nothing
    /// is left out.
    Blocks {
        /// The first block.
        from: u64,
        /// The first block of the next part.
        to: Option<u64>,
    },
    /// The rows with these keys (see [`Within::Rows`]).
    Rows(Vec<Vec<Value>>),
}

/// What a database knows of a table without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// About how many rows.
    pub rows: u64,
    /// A range of its whole-number key is read without the rest of the table, at no more cost than in the order of storage.
    pub by_key: bool,
    /// … and so are many small ranges of it, one after another.
    pub in_order: bool,
    /// How many blocks its storage has, where parts of it can be read by themselves.
    pub blocks: Option<u64>,
}

/// A row by its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashedRow {
    /// Of its key.
    pub key: RowHash,
    /// Of all compared columns.
    pub row: RowHash,
}

/// A row with its values, in the order of [`Selection::columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The hashes under which it was found.
    pub hashes: HashedRow,
    /// Its values.
    pub values: Vec<Value>,
}

/// One consistent look: whatever is written meanwhile, every answer is about the same moment.
///
/// Dropping the future of an answer stops the work in the database.
pub trait Snapshot: fmt::Debug + Send {
    /// The name of the hash: hashes of two snapshots may be compared only when this is the same.
    fn hashing(&self) -> &'static str;

    /// The hash of a row that is the same for all: hashes of two snapshots may be compared only when this is, too. Versions,
    /// settings and machines that write a value otherwise show in it. Without an answer of its own for an engine whose
    /// rows are hashed in this process.
    fn self_test(&mut self) -> Answer<'_, RowHash> {
        Box::pin(std::future::ready(Ok(RowHash(0))))
    }

    /// Where it stands.
    fn stamp(&mut self) -> Answer<'_, Stamp>;

    /// What of its log of changes is in it.
    fn seen(&mut self) -> Answer<'_, Seen>;

    /// The tables with people's data, and the names of those of ours that are left out.
    fn tables(&mut self) -> Answer<'_, Tables>;

    /// Another connection that sees the same moment, so that two questions can be answered at a time; `None` where the
    /// engine has no such thing.
    fn sibling(&mut self) -> Answer<'_, Option<Box<dyn Snapshot>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Ends it, and leaves what it had to the next one where an engine keeps that. One that is dropped ends too.
    fn end(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }

    /// How many rows a table has.
    fn count(&mut self, table: &str) -> Answer<'_, u64>;

    /// What is known of a table before it is read. Reads it only where there are no statistics.
    fn outline(&mut self, of: &Selection) -> Answer<'_, Outline>;

    /// The smallest and largest key of a table with [`Table::integer_key`]; `None` when it is empty.
    fn key_span(&mut self, of: &Selection) -> Answer<'_, Option<RangeInclusive<i64>>>;

    /// The digest of every bucket that has rows in a part of the table.
    fn digests(
        &mut self,
        of: &Selection,
        by: Buckets,
        part: &Part,
        meter: &Meter,
    ) -> Answer<'_, BTreeMap<i64, SetDigest>>;

    /// The hashes of single rows.
    fn hashes(&mut self, of: &Selection, within: &Within, meter: &Meter) -> Answer<'_, Vec<HashedRow>>;

    /// The rows with these keys.
    fn rows(&mut self, of: &Selection, within: &Within, keys: &BTreeSet<RowHash>) -> Answer<'_, Vec<Row>>;
}

/// The tables of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Those that can be compared.
    pub tables: Vec<Table>,
    /// Those that are not looked at, each with the reason: nothing is missed with them.
    pub left_out: Vec<(String, String)>,
    /// Those whose rows cannot be seen, or not all of them, each with the reason: nothing is proved of them.
    pub closed: Vec<(String, String)>,
    /// Why there may be more tables, which it is not shown.
    pub unseen: Option<String>,
}

/// Counts rows while they are read, for whoever shows how far the work is. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// That many more rows were read.
    pub fn add(&self, rows: u64) {
        self.0.fetch_add(rows, Ordering::Relaxed);
    }

    /// How many rows were read so far.
    pub fn rows(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
