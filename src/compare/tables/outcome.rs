//! What a comparison proved, for a screen (with values) and for the record (without).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::databases::snapshot::Stamp;
use crate::databases::{Found, Value};

/// What may be said about two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every row that was to be compared is the same.
    Same,
    /// At least one difference is certain.
    Different,
    /// Neither was proved.
    NotProved {
        /// Why not.
        why: String,
    },
}

/// What kind of equality was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Equality {
    /// Every row by its primary key.
    EveryRow,
    /// There is no primary key: the same rows, each as often.
    Multiset,
    /// The rows were not compared.
    NotCompared {
        /// Why not.
        why: String,
    },
}

impl fmt::Display for Equality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Equality::EveryRow => f.write_str("every row, by its primary key"),
            Equality::Multiset => f.write_str("the same rows, each as often (no primary key)"),
            Equality::NotCompared { why } => write!(f, "rows not compared: {why}"),
        }
    }
}

/// A difference in what a table is, rather than in what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaDifference {
    /// The target does not have the table.
    TableMissing,
    /// Only the target has the table.
    TableExtra,
    /// The target's table lacks a column.
    ColumnMissing(String),
    /// Only the target's table has the column.
    ColumnExtra(String),
    /// The column is declared with different types.
    Type {
        /// The column.
        column: String,
        /// The source's type.
        source: String,
        /// The target's type.
        target: String,
    },
    /// The primary keys are different columns.
    Key {
        /// The source's, in order.
        source: Vec<String>,
        /// The target's, in order.
        target: Vec<String>,
    },
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |columns: &[String]| match columns {
            [] => "none".to_owned(),
            _ => columns.join(", "),
        };
        match self {
            SchemaDifference::TableMissing => f.write_str("the table is missing at the target"),
            SchemaDifference::TableExtra => f.write_str("only the target has the table"),
            SchemaDifference::ColumnMissing(c) => write!(f, "column {c} is missing at the target"),
            SchemaDifference::ColumnExtra(c) => write!(f, "only the target has column {c}"),
            SchemaDifference::Type { column, source, target } => {
                write!(f, "column {column} is {source:?} at the source and {target:?} at the target")
            }
            SchemaDifference::Key { source, target } => {
                write!(
                    f,
                    "the primary key is ({}) at the source and ({}) at the target",
                    key(source),
                    key(target)
                )
            }
        }
    }
}

/// How a row differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Only the source has it.
    Missing,
    /// Only the target has it.
    Extra,
    /// Both have it, with different values in these columns.
    Changed {
        /// Their names.
        columns: Vec<String>,
    },
}

/// One row that differs, with its values: for a screen, not for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How it differs.
    pub kind: DifferenceKind,
    /// The columns that say which row it is, with their values; all of them in a table without a key.
    pub key: Vec<(String, Value)>,
    /// The source's row, column by column.
    pub source: Option<Vec<(String, Value)>>,
    /// The target's row, column by column.
    pub target: Option<Vec<(String, Value)>>,
}

/// What a comparison proved about one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOutcome {
    /// Its name.
    pub name: String,
    /// Rows at the source, `None` when they were not counted.
    pub rows_source: Option<u64>,
    /// Rows at the target, `None` when they were not counted.
    pub rows_target: Option<u64>,
    /// What kind of equality was looked for.
    pub equality: Equality,
    /// What was to be otherwise at the target: columns left out, other names.
    pub aside: Vec<String>,
    /// Differences of the table itself, found before any row was read.
    pub schema: Vec<SchemaDifference>,
    /// Rows that only the source has.
    pub missing: u64,
    /// Rows that only the target has.
    pub extra: u64,
    /// Rows that both have with different values.
    pub changed: u64,
    /// Rows that differed when they were looked at, and may only have been on their way.
    pub in_flight: u64,
    /// The first of the rows that differ, by key; the three counts count all of them.
    pub differences: Vec<Difference>,
    /// Rows of both sides that were read, of about how many.
    pub read: (u64, u64),
    /// Every row was read, now or before; then what was written since was looked at again.
    pub looked_at: bool,
    /// It was read whole before, and only what was written since was looked at now.
    pub again: Option<Again>,
    /// How long that took.
    pub took: Duration,
}

/// What stands for a table that was read whole before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// When the last of it was read.
    pub read_at: Timestamp,
    /// How many rows were looked at again since then, all in all.
    pub rows: u64,
}

impl TableOutcome {
    /// Of a table of which nothing has been read.
    pub fn new(name: &str, equality: Equality) -> TableOutcome {
        TableOutcome {
            name: name.to_owned(),
            rows_source: None,
            rows_target: None,
            equality,
            aside: Vec::new(),
            schema: Vec::new(),
            missing: 0,
            extra: 0,
            changed: 0,
            in_flight: 0,
            differences: Vec::new(),
            read: (0, 0),
            looked_at: false,
            again: None,
            took: Duration::ZERO,
        }
    }

    /// How many rows differ for certain.
    pub fn different(&self) -> u64 {
        self.missing + self.extra + self.changed
    }

    /// What kind of equality was looked for, and what was left aside, in words.
    pub fn proves(&self) -> String {
        let equality = std::iter::once(self.equality.to_string());
        equality.chain(self.aside.iter().cloned()).collect::<Vec<_>>().join("; ")
    }

    /// What may be said about the table.
    pub fn verdict(&self) -> Verdict {
        let not_proved = |why: String| Verdict::NotProved { why };
        if !self.schema.is_empty() || self.different() > 0 {
            Verdict::Different
        } else if let Equality::NotCompared { why } = &self.equality {
            not_proved(why.clone())
        } else if !self.looked_at {
            not_proved("its rows were not compared".to_owned())
        } else if self.in_flight > 0 {
            let rows = crate::counts::counted(self.in_flight, "row", "rows");
            not_proved(format!("{rows} differed and may still have been in flight"))
        } else {
            Verdict::Same
        }
    }
}

/// What is remarked on two sides' definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    /// What the target lacks, or has otherwise.
    pub found: Vec<Found>,
    /// Why they could not be compared.
    pub unknown: Option<String>,
}

/// What a comparison proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Where the source's log stood: what was read is what it held there.
    pub source: Stamp,
    /// Where the target's log stood.
    pub target: Stamp,
    /// What the digests are made of; empty when it did not come to any.
    pub hashing: &'static str,
    /// Every table that was to be compared.
    pub tables: Vec<TableOutcome>,
    /// Tables that were not, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// What is otherwise in the definitions around the tables (indexes, constraints, sequences, collations), or why that is
    /// not known. The verdict is on rows: it does not rest on these.
    pub remarks: Remarks,
    /// How many rows were digested, of both sides together; those of tables that were read before are not.
    pub rows_read: u64,
    /// Why nothing tells what was written since tables were read, where that was asked for.
    pub without: Option<String>,
    /// How many times rows were looked at: one, and one more each time some were in flight.
    pub looks: u32,
    /// Why it ended before it was done.
    pub unfinished: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// What may be said about the two sides. One certain difference is enough for *different*; *same*
    /// takes every table.
    pub fn verdict(&self) -> Verdict {
        let verdicts: Vec<(&str, Verdict)> =
            self.tables.iter().map(|t| (t.name.as_str(), t.verdict())).collect();
        if verdicts.iter().any(|(_, v)| *v == Verdict::Different) {
            return Verdict::Different;
        }
        if let Some(why) = &self.unfinished {
            return Verdict::NotProved { why: why.clone() };
        }
        for (name, verdict) in verdicts {
            if let Verdict::NotProved { why } = verdict {
                return Verdict::NotProved { why: format!("table {name}: {why}") };
            }
        }
        if self.tables.is_empty() {
            return Verdict::NotProved { why: "there is no table to compare".to_owned() };
        }
        Verdict::Same
    }

    /// How many rows differ for certain.
    pub fn different(&self) -> u64 {
        self.tables.iter().map(TableOutcome::different).sum()
    }
}
