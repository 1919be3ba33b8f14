//! What a comparison proved, for a screen (with values) and for the record (without).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::databases::snapshot::Stamp;
use crate::databases::value::hex;
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
    /// How many rows differ for certain.
    pub fn different(&self) -> u64 {
        self.missing + self.extra + self.changed
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

    /// The form for the record: digests in place of values.
    pub fn for_record(&self) -> OutcomeRecord {
        OutcomeRecord {
            verdict: self.verdict(),
            source: self.source.clone(),
            target: self.target.clone(),
            hashing: self.hashing.to_owned(),
            tables: self.tables.iter().map(TableRecord::of).collect(),
            left_out: self.left_out.clone(),
            looks: self.looks,
            unfinished: self.unfinished.clone(),
            took_ms: millis(self.took),
        }
    }
}

/// An [`Outcome`] without values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    /// See [`Outcome::verdict`].
    pub verdict: Verdict,
    /// See [`Outcome::source`].
    pub source: Stamp,
    /// See [`Outcome::target`].
    pub target: Stamp,
    /// See [`Outcome::hashing`].
    pub hashing: String,
    /// See [`Outcome::tables`].
    pub tables: Vec<TableRecord>,
    /// See [`Outcome::left_out`].
    pub left_out: Vec<(String, String)>,
    /// See [`Outcome::looks`].
    pub looks: u32,
    /// See [`Outcome::unfinished`].
    pub unfinished: Option<String>,
    /// Milliseconds.
    pub took_ms: u64,
}

/// A [`TableOutcome`] without values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// The table.
    pub name: String,
    /// See [`TableOutcome::verdict`].
    pub verdict: Verdict,
    /// Rows at the source.
    pub rows_source: Option<u64>,
    /// Rows at the target.
    pub rows_target: Option<u64>,
    /// What kind of equality was looked for, in words.
    pub equality: String,
    /// Differences of the table itself, in words.
    pub schema: Vec<String>,
    /// Rows that only the source has.
    pub missing: u64,
    /// Rows that only the target has.
    pub extra: u64,
    /// Rows that both have with different values.
    pub changed: u64,
    /// Rows that may only have been on their way.
    pub in_flight: u64,
    /// The first of the rows that differ.
    pub differences: Vec<DifferenceRecord>,
    /// See [`TableOutcome::again`].
    pub again: Option<Again>,
    /// Milliseconds.
    pub took_ms: u64,
}

impl TableRecord {
    fn of(table: &TableOutcome) -> TableRecord {
        TableRecord {
            name: table.name.clone(),
            verdict: table.verdict(),
            rows_source: table.rows_source,
            rows_target: table.rows_target,
            equality: table.equality.to_string(),
            schema: table.schema.iter().map(ToString::to_string).collect(),
            missing: table.missing,
            extra: table.extra,
            changed: table.changed,
            in_flight: table.in_flight,
            differences: table.differences.iter().map(Difference::for_record).collect(),
            again: table.again,
            took_ms: millis(table.took),
        }
    }
}

/// A [`Difference`] without values: enough to recognize the row when somebody has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceRecord {
    /// `missing`, `extra` or `changed`.
    pub kind: String,
    /// The columns that differ in a changed row.
    pub columns: Vec<String>,
    /// SHA-256 of the key's values.
    pub key: String,
    /// SHA-256 of the source's row.
    pub source: Option<String>,
    /// SHA-256 of the target's row.
    pub target: Option<String>,
}

impl Difference {
    /// The form for the record.
    pub fn for_record(&self) -> DifferenceRecord {
        let (kind, columns) = match &self.kind {
            DifferenceKind::Missing => ("missing", Vec::new()),
            DifferenceKind::Extra => ("extra", Vec::new()),
            DifferenceKind::Changed { columns } => ("changed", columns.clone()),
        };
        DifferenceRecord {
            kind: kind.to_owned(),
            columns,
            key: digest(&self.key),
            source: self.source.as_deref().map(digest),
            target: self.target.as_deref().map(digest),
        }
    }
}

fn digest(values: &[(String, Value)]) -> String {
    let mut bytes = Vec::new();
    for (_, value) in values {
        value.encode(&mut bytes);
    }
    hex(&Sha256::digest(&bytes))
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
