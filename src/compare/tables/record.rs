//! What a comparison proved, for the record: digests in place of values.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::outcome::{Again, Difference, DifferenceKind, Outcome, TableOutcome, Verdict};
use crate::databases::Value;
use crate::databases::snapshot::Stamp;
use crate::databases::value::hex;

impl Outcome {
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
            equality: table.proves(),
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
