//! How rows stand in SQL: their hashes, their buckets, and which of them are meant.
//!
//! A row's hash is PostgreSQL's own for records, twice with different seeds: 128 bits. It is by value where a type's
//! hash is exact, and by the bytes or the text of it everywhere else (`forms`). The digest of a bucket adds up one half, and
//! half of the work.

use std::borrow::Cow;

use tokio_postgres::Row as Found;
use tokio_postgres::types::ToSql;

use super::connection::Problem;
use super::forms::Form;
use super::listing::Listing;
use super::sql::quoted;
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{Buckets, HashedRow, Part, Selection, Within};
use crate::databases::{Error, Value};

/// The two seeds. Any two do but nought, with which no value and the number 0.0 are the same.
const SEEDS: [i64; 2] = [1, 2];
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
    pub(super) columns: Vec<Form>,
    key: Vec<Form>,
    /// The name of the first column of the key.
    pub(super) first: String,
    /// The key's columns, each with its type.
    named: Vec<(String, String)>,
}

impl Reader {
    /// `what` names the server in what goes wrong.
    pub(super) fn new(what: &str, of: &Selection, listing: &Listing) -> Result<Reader, Error> {
        let named = |name: &String| Ok((quoted(name), listing.declared(what, &of.table, name)?));
        Ok(Reader {
            table: listing.from(what, &of.table)?.to_owned(),
            columns: listing.forms(what, of, &of.columns)?,
            key: listing.forms(what, of, &of.key)?,
            first: of.key.first().map(|name| quoted(name)).unwrap_or_default(),
            named: of.key.iter().map(named).collect::<Result<_, Error>>()?,
        })
    }

    /// Both halves of the row's hash.
    pub(super) fn row(&self) -> [String; 2] {
        both_halves(&self.columns)
    }

    /// Both halves of the key's.
    pub(super) fn key(&self) -> [String; 2] {
        both_halves(&self.key)
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

/// Both halves of a hash over columns.
pub(super) fn both_halves(columns: &[Form]) -> [String; 2] {
    let hashed: Vec<&str> = columns.iter().map(|form| form.hashed.as_str()).collect();
    SEEDS.map(|seed| format!("hash_record_extended(row({}), {seed})", hashed.join(", ")))
}

pub(super) fn hashed(row: &Found) -> Result<HashedRow, Problem> {
    let both = |at: usize| Ok::<_, Problem>(whole(row.try_get(at)?, row.try_get(at + 1)?));
    Ok(HashedRow { key: both(0)?, row: both(2)? })
}

/// A hash of its halves. Each is 64 bits that the server reads as a signed number.
pub(super) fn whole(high: i64, low: i64) -> RowHash {
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
}
