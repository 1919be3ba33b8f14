//! How rows stand in SQL: their hashes, their buckets, and which of them are meant.
//!
//! A row's hash is made of its values' (`forms`), each with a seed of its own, so that two columns that swap their values
//! differ; twice, with other seeds: 128 bits. The digest of a bucket adds up one half, which is half of the work.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use tokio_postgres::Row as Found;
use tokio_postgres::types::ToSql;

use super::connection::Problem;
use super::forms::Form;
use super::listing::Listing;
use super::sql::quoted;
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{Buckets, HashedRow, Part, Selection, Within};
use crate::databases::{Error, Value};

/// How many hashes of a row stand in one pair of brackets.
const SIDE_BY_SIDE: usize = 40;

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
    /// The key's columns, each with the type that a text is cast to.
    named: Vec<(String, String)>,
}

impl Reader {
    /// `what` names the server in what goes wrong.
    pub(super) fn new(what: &str, of: &Selection, listing: &Listing) -> Result<Reader, Error> {
        Ok(Reader {
            table: listing.from(what, &of.table)?.to_owned(),
            columns: listing.forms(what, of, &of.columns)?,
            key: listing.forms(what, of, &of.key)?,
            first: of.key.first().map(|name| quoted(name)).unwrap_or_default(),
            named: of
                .key
                .iter()
                .map(|name| listing.named(what, &of.table, name))
                .collect::<Result<_, Error>>()?,
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

    /// The question for the digest of every bucket that has rows.
    ///
    /// One half of the hash is enough where rows only have to add up to the same.
    pub(super) fn digests(&self, by: &Buckets, part: &Part) -> Rows {
        let [_, hash] = self.row();
        let digest = |hash: &str| format!("count(*) as rows, sum({hash})::text as sum");
        if let (Buckets::Keys { keys, shift }, Part::InOrder) = (by, part)
            && let [range] = keys.as_slice()
        {
            return self.in_order(range, *shift, &digest(&hash));
        }
        let mut rows = match (by, part) {
            (_, Part::Rows(keys)) => self.named(keys),
            (Buckets::Keys { keys, .. }, _) => self.ranges(keys),
            (Buckets::Hashes { .. }, _) => self.all(),
        };
        if let Part::Blocks { from, to } = part {
            // A range scan on tids, since PostgreSQL 14.
            rows.and(&format!("ctid >= '({from},0)'::tid"));
            if let Some(to) = to {
                rows.and(&format!("ctid < '({to},0)'::tid"));
            }
        }
        let bucket = match by {
            Buckets::Keys { shift, .. } => format!("({}::bigint >> {shift})", self.first),
            Buckets::Hashes { bits: 0 } => {
                let one =
                    format!("select 0::bigint as bucket, {} {} having count(*) > 0", digest(&hash), rows.sql);
                return Rows { sql: one, ..rows };
            }
            Buckets::Hashes { bits } => self.bucket(*bits),
        };
        // Without the offset the server would reckon with as many buckets as rows, and sort the whole rows on disk.
        let sql = format!(
            "select bucket, {} from (select {bucket} as bucket, {hash} as hash {} offset 0) h group by bucket",
            digest("hash"),
            rows.sql
        );
        Rows { sql, ..rows }
    }

    /// … where rows lie in the order of the key: the index finds one bucket after another, which costs the server less than
    /// finding for every row the bucket that it belongs to.
    fn in_order(&self, keys: &RangeInclusive<i64>, shift: u32, digest: &str) -> Rows {
        let (table, first, beside) = (&self.table, &self.first, self.beside());
        let (from, to) = (keys.start(), keys.end());
        let sql = format!(
            "select {beside}.bucket, d.rows, d.sum
             from generate_series('{}'::bigint, '{}'::bigint) {beside}(bucket), lateral
               (select {digest} from {table}
                where {first} between greatest({beside}.bucket << {shift}, '{from}'::bigint)
                                  and least({beside}.bucket << {shift} | {}, '{to}'::bigint)) d
             where d.rows > 0",
            from >> shift,
            to >> shift,
            !(-1_i64 << shift)
        );
        Rows { sql, filtered: false, values: Vec::new() }
    }

    fn bucket(&self, bits: u32) -> String {
        let [_, low] = self.key();
        format!("({low} & {})", (1_i64 << bits.min(32)) - 1)
    }

    /// Where the rows that are meant come from.
    pub(super) fn within(&self, within: &Within) -> Rows {
        match within {
            Within::Keys(ranges) => self.ranges(ranges),
            Within::Rows(keys) => self.named(keys),
            Within::Hashes { bits: 0, .. } => self.all(),
            Within::Hashes { bits, buckets } => {
                let values = Parameter::Many(buckets.iter().copied().collect());
                self.all().with(vec![values], &format!("{} = any($1)", self.bucket(*bits)))
            }
        }
    }

    fn all(&self) -> Rows {
        Rows { sql: format!("from {}", self.table), filtered: false, values: Vec::new() }
    }

    /// Rows whose key lies in one of these ranges. Several are looked up in the index one by one, which the offset sees to: as
    /// conditions they would be tried on every row in turn, as a join the server reckons that reading all rows is cheaper.
    fn ranges(&self, ranges: &[RangeInclusive<i64>]) -> Rows {
        let first = &self.first;
        match ranges {
            [] => self.all().with(Vec::new(), "false"),
            [range] => {
                let between = format!("{first} between {} and {}", range.start(), range.end());
                self.all().with(Vec::new(), &between)
            }
            _ => {
                let ends = [RangeInclusive::start, RangeInclusive::end]
                    .map(|end| Parameter::Many(ranges.iter().map(|range| *end(range)).collect()));
                let beside = self.beside();
                let sql = format!(
                    "from unnest($1::int8[], $2::int8[]) {beside}(cutover_low, cutover_high), lateral
                     (select * from {} where {first} between {beside}.cutover_low and {beside}.cutover_high offset 0) rows",
                    self.table
                );
                Rows { sql, filtered: false, values: ends.into() }
            }
        }
    }

    /// What stands beside the table in a question, by a name that is not the table's: within, its own name comes first.
    fn beside(&self) -> String {
        let mut name = "beside".to_owned();
        while self.table.contains(&name) {
            name.push('_');
        }
        name
    }

    /// Rows with these keys.
    fn named(&self, keys: &[Vec<Value>]) -> Rows {
        let column = |at: usize| {
            let text = |key: &Vec<Value>| key.get(at).and_then(Value::plain).map(Cow::into_owned);
            Parameter::Texts(keys.iter().map(text).collect())
        };
        let own: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        let filter = match self.named.as_slice() {
            // The index takes them in their order. As a question within the question they are not weighed one by one before.
            [(name, of)] => format!("{name} = any((select $1::text[]::{of}[])::{of}[])"),
            all => {
                let list =
                    |one: &dyn Fn(usize) -> String| (1..=all.len()).map(one).collect::<Vec<_>>().join(", ");
                let cast =
                    |i: usize| format!("k{i}::{}", all.get(i - 1).map_or("text", |(_, of)| of.as_str()));
                format!(
                    "({}) in (select {} from unnest({}) wanted({}))",
                    own.join(", "),
                    list(&cast),
                    list(&|i| format!("${i}::text[]")),
                    list(&|i| format!("k{i}")),
                )
            }
        };
        self.all().with((0..self.named.len()).map(column).collect(), &filter)
    }
}

/// Rows as a query names them: the part of it from `from` on.
pub(super) struct Rows {
    pub(super) sql: String,
    filtered: bool,
    pub(super) values: Vec<Parameter>,
}

impl Rows {
    /// Only those of which this holds too.
    pub(super) fn and(&mut self, holds: &str) {
        self.sql.push_str(if self.filtered { " and " } else { " where " });
        self.sql.push_str(holds);
        self.filtered = true;
    }

    fn with(mut self, values: Vec<Parameter>, holds: &str) -> Rows {
        self.values = values;
        self.and(holds);
        self
    }
}

/// Both halves of a hash over columns.
pub(super) fn both_halves(columns: &[Form]) -> [String; 2] {
    // Neither has a seed of the other.
    [0, 2].map(|from| mixed(columns, from))
}

/// A hash of 64 bits over columns.
///
/// What the values' hashes come to under exclusive or is the seed of the last hash, into which all of its bits go: two rows that
/// have each other's values would add up to the same without it.
fn mixed(columns: &[Form], from: u64) -> String {
    let one = |(at, form): (u64, &Form)| {
        let at = 4 * at + from;
        format!("coalesce({}, {})", form.hashed(seed(at + 1)), seed(at + 2))
    };
    let all: Vec<String> = (0..).zip(columns).map(one).collect();
    // In brackets, since a server goes only so deep into one expression. A table may have no columns.
    let some = all.chunks(SIDE_BY_SIDE).map(|some| format!("({})", some.join(" # ")));
    let all = if all.is_empty() { "0".to_owned() } else { some.collect::<Vec<_>>().join(" # ") };
    format!("hashint4extended(0, {all})")
}

/// Numbers above zero that have nothing to do with each other: those of few bits would cancel each other out, as in two columns
/// with nothing in them. Source: `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn seed(n: u64) -> i64 {
    let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 1).cast_signed()
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
    let (rows, sum): (i64, String) = (row.try_get(1)?, row.try_get(2)?);
    let sum = sum.parse::<i128>().map_err(|why| {
        Problem::broken(
            format!("a sum of hashes is no number: {why}"),
            "this is a fault of cutover's: report it",
        )
    })?;
    Ok(SetDigest::of(rows.unsigned_abs(), sum.cast_unsigned(), 0))
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
