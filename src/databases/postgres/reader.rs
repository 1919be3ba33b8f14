//! How rows stand in SQL: their hashes, their buckets, and which of them are meant.
//!
//! A row's hash is PostgreSQL's own for records, twice with different seeds: 128 bits. It is by value where a type's
//! equality is exact enough to be relied on, and by the type's text form everywhere else ([`expression`]). The digest of
//! a bucket adds up one half, and half of the work.

use std::borrow::Cow;
use std::collections::HashMap;

use tokio_postgres::Row as Found;
use tokio_postgres::types::ToSql;

use super::connection::Problem;
use super::sql::{quoted, quoted_name};
use crate::databases::Value;
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{Buckets, HashedRow, Part, Selection, Within};

/// The two seeds. Any two do but nought, with which no value and the number 0.0 are the same.
const SEEDS: [i64; 2] = [1, 2];
/// Types that are hashed as they are. Their hash is the same on every server (hash partitions rest on that), and two
/// values that are equal to it are equal to people. The others have no hash, or one that takes different values for
/// equal: `interval '1 month'` and `'30 days'`.
const BY_VALUE: [&str; 22] = [
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "text",
    "character varying",
    "name",
    "bytea",
    "date",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "uuid",
    "inet",
    "cidr",
    "macaddr",
    "oid",
    "pg_lsn",
    "\"char\"",
];

/// A value of a query.
pub(super) enum Parameter {
    Many(Vec<i64>),
    Texts(Vec<Option<String>>),
}

pub(super) fn references(values: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| match value {
            Parameter::Many(many) => many as &(dyn ToSql + Sync),
            Parameter::Texts(texts) => texts as &(dyn ToSql + Sync),
        })
        .collect()
}

/// How the rows of a selection stand in SQL.
pub(super) struct Reader {
    pub(super) table: String,
    columns: Vec<String>,
    key: Vec<String>,
    /// The name of the first column of the key.
    first: String,
    /// The key's columns, each with its type.
    named: Vec<(String, String)>,
}

impl Reader {
    pub(super) fn new(of: &Selection, types: &HashMap<String, String>) -> Reader {
        let all = |names: &[String]| names.iter().map(|name| expression(name, types)).collect();
        Reader {
            table: quoted_name(&of.table),
            columns: all(&of.columns),
            key: all(&of.key),
            first: of.key.first().map(|name| quoted(name)).unwrap_or_default(),
            named: of
                .key
                .iter()
                .map(|name| (quoted(name), types.get(name).map_or("text", String::as_str).to_owned()))
                .collect(),
        }
    }

    /// Both halves of the row's hash.
    pub(super) fn row(&self) -> [String; 2] {
        SEEDS.map(|seed| hash(&self.columns, seed))
    }

    /// Both halves of the key's.
    pub(super) fn key(&self) -> [String; 2] {
        SEEDS.map(|seed| hash(&self.key, seed))
    }

    /// The bucket of a row, and which rows are looked at.
    pub(super) fn buckets(&self, by: &Buckets, part: &Part) -> (String, String) {
        let mut filter: Vec<String> = Vec::new();
        if let Part::Blocks { from, to } = part {
            // A range scan on tids, since PostgreSQL 14.
            filter.push(format!("ctid >= '({from},0)'::tid"));
            filter.extend(to.map(|to| format!("ctid < '({to},0)'::tid")));
        }
        let bucket = match by {
            Buckets::Keys { keys, shift } => {
                filter.push(format!("{} between {} and {}", self.first, keys.start(), keys.end()));
                format!("({}::bigint >> {shift})", self.first)
            }
            Buckets::Hashes { bits } => self.bucket(*bits),
        };
        let filter =
            if filter.is_empty() { String::new() } else { format!("where {}", filter.join(" and ")) };
        (bucket, filter)
    }

    fn bucket(&self, bits: u32) -> String {
        let [_, low] = self.key();
        format!("({low} & {})", (1_i64 << bits.min(32)) - 1)
    }

    pub(super) fn within(&self, within: &Within) -> (String, Vec<Parameter>) {
        match within {
            Within::Keys(ranges) => {
                let any: Vec<String> = ranges
                    .iter()
                    .map(|r| format!("{} between {} and {}", self.first, r.start(), r.end()))
                    .collect();
                (
                    format!("where ({})", if any.is_empty() { "false".to_owned() } else { any.join(" or ") }),
                    Vec::new(),
                )
            }
            Within::Rows(keys) => {
                let column = |at: usize| {
                    let text = |key: &Vec<Value>| key.get(at).and_then(Value::plain).map(Cow::into_owned);
                    Parameter::Texts(keys.iter().map(text).collect())
                };
                let all = 1..=self.named.len();
                let list =
                    |one: &dyn Fn(usize) -> String| all.clone().map(one).collect::<Vec<_>>().join(", ");
                let own: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
                let cast = |i: usize| {
                    format!("k{i}::{}", self.named.get(i - 1).map_or("text", |(_, of)| of.as_str()))
                };
                (
                    format!(
                        "where ({}) in (select {} from unnest({}) wanted({}))",
                        own.join(", "),
                        list(&cast),
                        list(&|i| format!("${i}::text[]")),
                        list(&|i| format!("k{i}")),
                    ),
                    (0..self.named.len()).map(column).collect(),
                )
            }
            Within::Hashes { bits: 0, .. } => (String::new(), Vec::new()),
            Within::Hashes { bits, buckets } => (
                format!("where {} = any($1)", self.bucket(*bits)),
                vec![Parameter::Many(buckets.iter().copied().collect())],
            ),
        }
    }
}

fn hash(columns: &[String], seed: i64) -> String {
    format!("hash_record_extended(row({}), {seed})", columns.join(", "))
}

/// A column as it is hashed.
fn expression(name: &str, types: &HashMap<String, String>) -> String {
    let column = quoted(name);
    let by_value = types.get(name).is_some_and(|of| {
        // `character varying(20)` is text like any other.
        let bare = of.split('(').next().unwrap_or(of).trim_end();
        BY_VALUE.contains(&of.as_str()) || (bare == "character varying" && !of.ends_with("[]"))
    });
    if by_value { column } else { format!("{column}::text") }
}

pub(super) fn hashed(row: &Found) -> Result<HashedRow, Problem> {
    let both = |at: usize| Ok::<_, Problem>(whole(row.try_get(at)?, row.try_get(at + 1)?));
    Ok(HashedRow { key: both(0)?, row: both(2)? })
}

/// A hash of its halves. Each is 64 bits that the server reads as a signed number.
fn whole(high: i64, low: i64) -> RowHash {
    RowHash((u128::from(high.cast_unsigned()) << 64) | u128::from(low.cast_unsigned()))
}

pub(super) fn halves(hash: RowHash) -> (i64, i64) {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default().cast_signed();
    (half(hash.0 >> 64), half(hash.0))
}

/// A bucket's digest of what the server has added up: sums of whole numbers are exact there.
pub(super) fn digest(row: &Found) -> Result<SetDigest, Problem> {
    let (rows, sum, xor): (i64, String, i64) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let sum = sum.parse::<i128>().map_err(|why| {
        Problem::broken(
            format!("a sum of hashes is no number: {why}"),
            "this is a fault of cutover's: report it",
        )
    })?;
    Ok(SetDigest::of(rows.unsigned_abs(), sum.cast_unsigned(), u128::from(xor.cast_unsigned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_made_of_its_halves_and_taken_apart_again() {
        for (high, low) in [(0, 0), (-1, 1), (i64::MIN, -1), (7, i64::MAX)] {
            assert_eq!(halves(whole(high, low)), (high, low));
        }
        assert_eq!(whole(-1, 0).0, u128::from(u64::MAX) << 64);
    }

    #[test]
    fn what_has_no_exact_hash_is_hashed_by_its_text() {
        let types = [
            ("a", "integer"),
            ("b", "interval"),
            ("c", "character varying(9)"),
            ("d", "text[]"),
            ("e", "character varying(9)[]"),
        ]
        .map(|(name, of)| (name.to_owned(), of.to_owned()));
        let types = HashMap::from(types);
        let all: Vec<String> = ["a", "b", "c", "d", "e", "f"].iter().map(|c| expression(c, &types)).collect();
        assert_eq!(all, ["\"a\"", "\"b\"::text", "\"c\"", "\"d\"::text", "\"e\"::text", "\"f\"::text"]);
    }
}
