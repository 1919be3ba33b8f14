//! What has been proved of each table, how long ago, and what is to be looked at again.
//!
//! The invariant that all rests on: outside of what stands in [`Entry::open`], every row of a table in its [`Entry::done`] part
//! was the same on both sides at some moment after the trails' marks. The trails tell every row that was written since, on
//! either side; so a table that was read once is proved again by looking at those rows and the open ones, however large it is.
//! A ledger is taken up again after a crash: what is done stays done, since the marks move only when it is kept.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::outcome::Remarks;
use crate::clock::Timestamp;
use crate::databases::snapshot::Within;
use crate::databases::trail::Mark;

/// What has been proved of the tables of two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// How far each side's trail was read; `None` before there is one.
    pub marks: Option<Marks>,
    /// Why there is none: then a table is read whole each time.
    pub without: Option<String>,
    /// What was remarked on the definitions when a table was read whole last.
    #[serde(default)]
    pub remarks: Remarks,
    /// By the table's name at the source.
    pub tables: BTreeMap<String, Entry>,
}

/// How far the two trails were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The source's.
    pub source: Mark,
    /// The target's.
    pub target: Mark,
    /// By what they are kept, for people.
    pub how: String,
}

/// What has been proved of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Digest of what was compared: both sides' columns, types and key. With another one nothing of this holds.
    pub shape: String,
    /// The ranges of keys that were read, while a table is read by them.
    pub done: Vec<RangeInclusive<i64>>,
    /// The whole table was read.
    pub complete: bool,
    /// Rows that differed when they were last looked at.
    pub open: Vec<Within>,
    /// So many rows differed that they were not followed one by one: it has to be read again.
    pub too_many: Option<u64>,
    /// How many rows either side had when they were read.
    pub rows: (u64, u64),
    /// When the last of it was read.
    pub at: Timestamp,
    /// How many rows were looked at again since.
    pub again: u64,
}

impl Entry {
    /// Nothing is proved yet.
    pub(super) fn new(shape: &str, at: Timestamp) -> Entry {
        Entry {
            shape: shape.to_owned(),
            done: Vec::new(),
            complete: false,
            open: Vec::new(),
            too_many: None,
            rows: (0, 0),
            at,
            again: 0,
        }
    }

    /// Enters a range that was read. Ranges that touch become one.
    pub(super) fn read(&mut self, keys: RangeInclusive<i64>) {
        self.done.push(keys);
        self.done.sort_unstable_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<i64>> = Vec::new();
        for range in self.done.drain(..) {
            match merged.last_mut() {
                Some(last) if last.end().checked_add(1).is_none_or(|next| next >= *range.start()) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => merged.push(range),
            }
        }
        self.done = merged;
    }
}

/// Where a ledger is kept between two comparisons, and while one runs.
pub struct Book<'a> {
    /// What the trails are called: nobody else's may be called the same.
    pub name: &'a str,
    /// What is proved until now.
    pub ledger: Ledger,
    /// Keeps it durably: after that, the trails may be moved on to its marks. Whoever keeps the book does so when the verdict
    /// is told; until then a server keeps its log, and tells it again.
    pub keep: &'a (dyn Fn(&Ledger) -> Result<(), String> + Send + Sync),
    /// The time, for people.
    pub now: &'a (dyn Fn() -> Timestamp + Send + Sync),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut entry = Entry::new("s", Timestamp(0));
        for range in [1..=10, 21..=30, 11..=15, 40..=50] {
            entry.read(range);
        }
        assert_eq!(entry.done, [1..=15, 21..=30, 40..=50]);
        entry.read(16..=45);
        assert_eq!(entry.done, [1..=50]);
        entry.read(i64::MIN..=i64::MAX);
        assert_eq!(entry.done, [i64::MIN..=i64::MAX]);
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_kept() {
        use crate::databases::Value;
        let mut entry = Entry::new("s", Timestamp(7));
        entry.open = vec![
            Within::Keys(vec![-5..=9]),
            Within::Hashes { bits: 3, buckets: [1, 7].into() },
            Within::Rows(vec![vec![
                Value::Null,
                Value::Integer(-1),
                Value::Real(-0.0),
                Value::text("é"),
                Value::Text(vec![0xff]),
                Value::Blob(vec![0, 255]),
            ]]),
        ];
        let ledger = Ledger {
            marks: Some(Marks { source: Mark("a".into()), target: Mark("b".into()), how: "c".into() }),
            without: None,
            remarks: Remarks::default(),
            tables: BTreeMap::from([("t".to_owned(), entry)]),
        };
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    }
}
