//! Replication over the log of changes: one batch, one transaction on the target.
//!
//! The log names keys, not values: a batch carries the *current* rows of the keys that it names, so a
//! row that changed ten times travels once, and applying a batch again does no harm.

use std::collections::BTreeMap;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};
use serde_json::Value as Json;

use super::what_of;
use crate::databases::problem::Explain as _;
use crate::databases::sqlite::connection::{BUSY, quoted};
use crate::databases::{Error, Position};

/// What one batch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Entries of the log that it covers; zero when the target has everything.
    pub changes: u64,
    /// How much of the source's log the target has applied now.
    pub position: Position,
}

/// A position as it stands in plans and records.
pub(in crate::databases::sqlite) fn at(seq: u64) -> Position {
    Position(format!("c:{seq}"))
}

/// The number in a position of ours.
///
/// # Errors
/// [`Error::Broken`] when it is not one.
pub fn changes(position: &Position) -> Result<u64, Error> {
    position.0.strip_prefix("c:").and_then(|n| n.parse().ok()).ok_or_else(|| {
        Error::broken("sqlite", format!("{position} is not a position in its log"), "it looks like c:1842")
    })
}

/// The end of this side's log.
///
/// # Errors
/// As every question to a database: see [`Error`].
pub fn position(conn: &Connection) -> Result<Position, Error> {
    number(conn, "select coalesce(max(seq), 0) from cutover_change", "reading the end of the log").map(at)
}

/// The end of what is noted as written, by whomever.
///
/// # Errors
/// As every question to a database: see [`Error`]; [`Error::Broken`] when nothing is noted.
pub(in crate::databases::sqlite) fn noted(conn: &Connection) -> Result<Position, Error> {
    let doing = "reading the end of the notes";
    if number(conn, "select count(*) from sqlite_schema where name = 'cutover_written'", doing)? == 0 {
        let next = format!("`cutover convention {}` mends it", conn.path().unwrap_or("FILE"));
        return Err(Error::broken(
            what_of(conn),
            "has an older convention, which notes no replicator's writes",
            next,
        ));
    }
    number(conn, "select coalesce(max(seq), 0) from cutover_written", doing).map(at)
}

/// How much of the other side's log is applied here.
///
/// # Errors
/// As every question to a database: see [`Error`].
pub fn applied(conn: &Connection) -> Result<Position, Error> {
    number(conn, "select applied from cutover_state", "reading what is applied").map(at)
}

/// How many changes of `from` are not applied at `to`.
///
/// # Errors
/// [`Error::Broken`] when `to` claims more than `from` has: they are not the two ends of one link.
pub fn lag(from: &Connection, to: &Connection) -> Result<u64, Error> {
    // The target first: what happens between the two looks may only make the lag look larger.
    let done = changes(&applied(to)?)?;
    let end = changes(&position(from)?)?;
    end.checked_sub(done).ok_or_else(|| {
        let why = format!("it has applied change {done}, but the source's log ends at {end}");
        Error::broken(what_of(to), why, "check that these two are the ends of one link")
    })
}

/// Carries at most `limit` entries of the log from one side to the other, in one transaction.
///
/// Foreign keys are not enforced on `to` while a batch is applied, as in any server's replication: rows
/// arrive in the order of the log's keys, not of their references. Goes through a fence and a seal.
///
/// # Errors
/// As SQLite says; nothing of the batch is applied then, and the next call begins with it again.
pub fn apply_batch(from: &mut Connection, to: &mut Connection, limit: u32) -> Result<Applied, Error> {
    let (source, target) = (what_of(from), what_of(to));
    let reading = |e: rusqlite::Error| e.explain(&source, "reading the log of changes", BUSY);
    let writing = |e: rusqlite::Error| e.explain(&target, "applying changes", BUSY);

    let done = changes(&applied(to)?)?;
    let snapshot = from.transaction().map_err(reading)?;
    let batch = read_batch(&snapshot, done, limit).map_err(reading)?;
    let Some(last) = batch.last else {
        return Ok(Applied { changes: 0, position: at(done) });
    };

    // No effect inside a transaction, so before it.
    to.pragma_update(None, "foreign_keys", false).map_err(writing)?;
    let tx = to.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
    let begun = tx
        .execute("update cutover_state set applying = 1 where applied = ?1", [sql_integer(done)])
        .map_err(writing)?;
    if begun == 0 {
        let why = "another replicator applied changes meanwhile";
        return Err(Error::broken(target, why, "stop one of the two"));
    }
    for (table, keys) in &batch.tables {
        carry(&snapshot, &tx, table, keys).map_err(|e| match e {
            Failure::Source(e) => reading(e),
            Failure::Target(e) => writing(e),
            Failure::Key(key) => Error::broken(
                source.clone(),
                format!("the log has a key of {table} that cannot be read: {key}"),
                "look for a hand that wrote to cutover_change",
            ),
        })?;
    }
    tx.execute("update cutover_state set applying = 0, applied = ?1", [sql_integer(last)])
        .map_err(writing)?;
    tx.commit().map_err(writing)?;
    Ok(Applied { changes: batch.entries, position: at(last) })
}

/// The keys that a stretch of the log names, each once, by table.
struct Batch {
    tables: BTreeMap<String, Vec<String>>,
    entries: u64,
    last: Option<u64>,
}

fn read_batch(snapshot: &Transaction<'_>, after: u64, limit: u32) -> rusqlite::Result<Batch> {
    let mut batch = Batch { tables: BTreeMap::new(), entries: 0, last: None };
    let sql = "select seq, tbl, key from cutover_change where seq > ?1 order by seq limit ?2";
    let mut statement = snapshot.prepare_cached(sql)?;
    let mut rows = statement.query([sql_integer(after), i64::from(limit)])?;
    while let Some(row) = rows.next()? {
        batch.entries += 1;
        batch.last = Some(row.get(0)?);
        batch.tables.entry(row.get(1)?).or_default().push(row.get(2)?);
    }
    for keys in batch.tables.values_mut() {
        keys.sort_unstable();
        keys.dedup();
    }
    Ok(batch)
}

enum Failure {
    Source(rusqlite::Error),
    Target(rusqlite::Error),
    Key(String),
}

/// Makes the target's rows of these keys what the source's are now.
///
/// First every one of the keys goes, then what the source has is put in: so two rows of one batch may
/// exchange a unique value. `or replace` covers the same across two batches: the row that loses its
/// place is named further on in the log, and comes back with its own change.
fn carry(
    snapshot: &Transaction<'_>,
    tx: &Transaction<'_>,
    table: &str,
    keys: &[String],
) -> Result<(), Failure> {
    let (columns, key_columns) = columns_of(snapshot, table).map_err(Failure::Source)?;
    let names: Vec<String> = columns.iter().map(|c| quoted(c)).collect();
    let (names, places) = (names.join(", "), vec!["?"; columns.len()].join(", "));
    // `is`, not `=`: outside integer keys SQLite allows NULL in a primary key.
    let matches: Vec<String> = key_columns.iter().map(|c| format!("{} is ?", quoted(c))).collect();
    let (on, matches) = (quoted(table), matches.join(" and "));
    let mut delete =
        tx.prepare_cached(&format!("delete from {on} where {matches}")).map_err(Failure::Target)?;
    let mut select = snapshot
        .prepare_cached(&format!("select {names} from {on} where {matches}"))
        .map_err(Failure::Source)?;
    let mut insert = tx
        .prepare_cached(&format!("insert or replace into {on} ({names}) values ({places})"))
        .map_err(Failure::Target)?;

    let mut current: Vec<Vec<Sql>> = Vec::new();
    for text in keys {
        let key = key_values(text)
            .filter(|values| values.len() == key_columns.len())
            .ok_or_else(|| Failure::Key(text.clone()))?;
        delete.execute(params_from_iter(&key)).map_err(Failure::Target)?;
        let mut rows = select.query(params_from_iter(&key)).map_err(Failure::Source)?;
        while let Some(row) = rows.next().map_err(Failure::Source)? {
            let values: rusqlite::Result<Vec<Sql>> = (0..columns.len()).map(|i| row.get(i)).collect();
            current.push(values.map_err(Failure::Source)?);
        }
    }
    for row in &current {
        insert.execute(params_from_iter(row)).map_err(Failure::Target)?;
    }
    Ok(())
}

/// The columns that are stored (a generated one cannot be written), and those of the key in order.
fn columns_of(conn: &Connection, table: &str) -> rusqlite::Result<(Vec<String>, Vec<String>)> {
    let sql = "select name, pk from pragma_table_xinfo(?1) where hidden = 0 order by cid";
    let mut statement = conn.prepare_cached(sql)?;
    let all: Vec<(String, i64)> = statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut key: Vec<(i64, String)> =
        all.iter().filter(|(_, pk)| *pk > 0).map(|(name, pk)| (*pk, name.clone())).collect();
    key.sort_unstable();
    Ok((all.into_iter().map(|(name, _)| name).collect(), key.into_iter().map(|(_, name)| name).collect()))
}

/// The values of a key in the log; `None` when it is not one of ours.
pub(in crate::databases::sqlite) fn key_values(text: &str) -> Option<Vec<Sql>> {
    let Json::Array(values) = serde_json::from_str(text).ok()? else {
        return None;
    };
    values
        .into_iter()
        .map(|value| match value {
            Json::Null => Some(Sql::Null),
            Json::Number(n) => n.as_i64().map(Sql::Integer),
            Json::String(s) => Some(Sql::Text(s)),
            Json::Object(o) => match (o.get("hex"), o.get("real")) {
                (Some(Json::String(hex)), None) => bytes_of(hex).map(Sql::Blob),
                (None, Some(Json::String(real))) => real.parse().ok().map(Sql::Real),
                _ => None,
            },
            Json::Bool(_) | Json::Array(_) => None,
        })
        .collect()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}

fn number(conn: &Connection, sql: &str, doing: &str) -> Result<u64, Error> {
    conn.query_row(sql, [], |row| row.get(0)).map_err(|e| e.explain(&what_of(conn), doing, BUSY))
}

/// A log's numbers start at one and grow by one: they never come near the end of either type.
fn sql_integer(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
