//! Which rows were written since a moment, so that they alone are compared again.
//!
//! Owns the questions that a ledger of comparisons asks of an engine. A trail names rows by their keys and says too much
//! rather than too little: what it cannot tell row by row is *all of the table*. Refuses to know what is done about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Answer, Value};

/// How far a trail was read, as its engine writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(pub String);

/// What of the log of changes a snapshot has seen, as its engine's trail reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen(pub String);

/// What was written to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Rows with these keys, before or after: the values of the primary key's columns, in its order, NULL never among them.
    Rows(BTreeSet<Vec<Value>>),
    /// It cannot be told row by row.
    All {
        /// Why not.
        why: String,
    },
}

/// So many keys of a table are told one by one; more are *all of it*.
pub const MOST: usize = 500_000;

/// A stretch of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// By table; its name as in [`Table::name`](super::Table::name).
    pub tables: BTreeMap<String, Written>,
    /// Everything before it stands in this stretch or an earlier one, and the snapshot has seen it: what was committed between
    /// a snapshot and the question is told now, and once more by the next.
    pub until: Mark,
    /// There is more, committed before the question, than this stretch has.
    pub more: bool,
}

impl Stretch {
    /// Nothing up to a mark.
    pub fn empty(until: Mark) -> Stretch {
        Stretch { tables: BTreeMap::new(), until, more: false }
    }

    /// Takes another stretch's tables in.
    pub fn merge(&mut self, tables: BTreeMap<String, Written>) {
        for (table, written) in tables {
            match written {
                Written::Rows(keys) => keys.into_iter().for_each(|key| self.row(&table, key)),
                Written::All { why } => self.all(&table, why),
            }
        }
    }

    /// Enters a row.
    pub fn row(&mut self, table: &str, key: Vec<Value>) {
        // Nearly every row is of a table that is there already.
        if !self.tables.contains_key(table) {
            self.tables.insert(table.to_owned(), Written::Rows(BTreeSet::new()));
        }
        if let Some(Written::Rows(rows)) = self.tables.get_mut(table) {
            rows.insert(key);
            if rows.len() > MOST {
                self.all(table, format!("more than {MOST} of its rows were written"));
            }
        }
    }

    /// Enters a whole table.
    pub fn all(&mut self, table: &str, why: impl Into<String>) {
        let known = self.tables.entry(table.to_owned()).or_insert_with(|| Written::Rows(BTreeSet::new()));
        if matches!(known, Written::Rows(_)) {
            *known = Written::All { why: why.into() };
        }
    }
}

/// A trail that is kept for us until it is let go.
pub trait Trail: fmt::Debug + Send {
    /// By what it is kept, for people: `a logical slot`.
    fn how(&self) -> &str;

    /// Where reading goes on. What was written before a snapshot that is begun later than this, and is not in it, comes.
    fn mark(&self) -> Mark;

    /// What was written since the mark: all that was committed before the question, unless the stretch says that there
    /// is more. Asked again without [`Trail::confirm`], it says the same again and what has come since. `seen` is what the
    /// snapshot has seen with which these rows are looked at.
    fn read(&mut self, seen: &Seen) -> Answer<'_, Stretch>;

    /// What stands before the mark need not be kept any longer.
    fn confirm(&mut self, until: &Mark) -> Answer<'_, ()>;
}
