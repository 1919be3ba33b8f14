//! How rows stand in SQL: their hashes, their buckets, and which of them are meant.

use std::ops::RangeInclusive;

use super::forms::{Form, bucket, half, shifted};
use crate::databases::Value;
use crate::databases::snapshot::{Buckets, Part, Within};
use crate::databases::value::hex;

/// The SQL for the rows of a selection.
pub(super) struct Reader {
    pub(super) table: String,
    /// Database and name.
    pub(super) place: (String, String),
    pub(super) first_key: String,
    pub(super) key: Vec<String>,
    pub(super) key_hash: String,
    pub(super) row_hash: String,
    pub(super) forms: Vec<Form>,
}

impl Reader {
    pub(super) fn within(&self, within: &Within) -> String {
        match within {
            Within::Keys(ranges) => {
                let between = |r: &RangeInclusive<i64>| {
                    format!("{} between {} and {}", self.first_key, r.start(), r.end())
                };
                let all: Vec<String> = ranges.iter().map(between).collect();
                if all.is_empty() { "false".to_owned() } else { format!("({})", all.join(" or ")) }
            }
            Within::Rows(keys) => {
                let one = |key: &Vec<Value>| {
                    let each = self.key.iter().zip(key);
                    each.map(|(column, value)| format!("{column} <=> {}", written(value)))
                        .collect::<Vec<_>>()
                        .join(" and ")
                };
                match (self.key.as_slice(), keys.as_slice()) {
                    (_, []) => "false".to_owned(),
                    ([column], _) => {
                        let list: Vec<String> = keys.iter().flatten().map(written).collect();
                        format!("{column} in ({})", list.join(", "))
                    }
                    _ => keys.iter().map(|key| format!("({})", one(key))).collect::<Vec<_>>().join(" or "),
                }
            }
            Within::Hashes { bits: 0, .. } => "true".to_owned(),
            Within::Hashes { bits, buckets } => {
                let list: Vec<String> = buckets.iter().map(i64::to_string).collect();
                if list.is_empty() {
                    return "false".to_owned();
                }
                format!("{} in ({})", bucket(&self.key_hash, *bits), list.join(", "))
            }
        }
    }

    pub(super) fn digests(&self, by: &Buckets, part: &Part) -> String {
        let bucket = match by {
            Buckets::Keys { shift, .. } => shifted(&self.first_key, *shift),
            Buckets::Hashes { bits: 0 } => "0".to_owned(),
            Buckets::Hashes { bits } => bucket(&self.key_hash, *bits),
        };
        let within = match (by, part) {
            (_, Part::Rows(keys)) => self.within(&Within::Rows(keys.clone())),
            (Buckets::Keys { keys, .. }, _) => self.within(&Within::Keys(keys.clone())),
            (Buckets::Hashes { .. }, _) => "true".to_owned(),
        };
        // One half is enough where rows only have to add up to the same.
        format!(
            "select b, count(*), count(h), sum(h)
             from (select {bucket} as b, {half} as h from {table} where {within}) hashed group by b",
            half = half(&self.row_hash),
            table = self.table,
        )
    }
}

/// A table's database and its name there.
pub(super) fn place(table: &str, database: Option<&str>) -> (String, String) {
    match (database, table.split_once('.')) {
        (Some(database), _) => (database.to_owned(), table.to_owned()),
        (None, Some((database, table))) => (database.to_owned(), table.to_owned()),
        (None, None) => (String::new(), table.to_owned()),
    }
}

/// A value as SQL has it.
fn written(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(r) => format!("{r:e}"),
        // A literal's collation gives way to that of the column it is compared with.
        Value::Text(bytes) => format!("_utf8mb4 x'{}'", hex(bytes)),
        Value::Blob(bytes) => format!("x'{}'", hex(bytes)),
    }
}
