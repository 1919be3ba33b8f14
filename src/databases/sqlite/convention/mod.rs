//! The convention: what servers have and SQLite lacks, as tables of our own inside the database.
//!
//! SQLite has no sessions, no fence and no log of changes, so they stand in tables named `cutover_*`:
//!
//! - `cutover_change`, filled by triggers: the log that a replicator reads ([`apply_batch`]);
//! - `cutover_written`, filled by triggers: every key that is written by whomever, a replicator too, for comparisons that
//!   look at what was written since;
//! - `cutover_session`: who is connected, entered by the client library that opens a connection
//!   ([`open_session`]);
//! - `cutover_state`: the fence, and how much of the other side's log is applied here;
//! - `cutover_marker`: rows of ours that travel through replication;
//! - `cutover_identity`: what tells this database from any other.
//!
//! **Fenced**: a session opened now comes up read-only; one from before goes on writing until it is
//! ended. **Sealed**: the database itself refuses every write to its replicated tables, whoever makes
//! it. A replicator and markers pass through both.
//!
//! Owns the tables and the triggers. Refuses to know who decides to fence: see `super::fence`.

mod replicate;
mod session;

use rusqlite::{Connection, OptionalExtension};

use super::connection::{BUSY, literal, name_of, quoted};
use crate::databases::problem::Explain as _;
use crate::databases::{Error, Table};

pub use super::connection::open;
pub use replicate::{Applied, applied, apply_batch, changes, lag, position};
pub(super) use replicate::{at, key_values, noted};
pub(super) use session::enter;
pub use session::{Session, SessionId, forget_sessions, open_session};

/// The triggers that log a table's changes. Without all three, changes of it do not travel.
pub(super) fn log_triggers_of(table: &str) -> impl Iterator<Item = String> {
    EVENTS.into_iter().map(move |event| format!("{PREFIX}log_{event}_{table}"))
}

/// The triggers that note every key of a table that is written. Without all three, nobody can tell what was.
pub(super) fn note_triggers_of(table: &str) -> impl Iterator<Item = String> {
    EVENTS.into_iter().map(move |event| format!("{PREFIX}note_{event}_{table}"))
}

const EVENTS: [&str; 3] = ["insert", "update", "delete"];

/// What the database says to a write while it is sealed.
pub const FENCED: &str = "cutover: this side is fenced";

/// What every table, index and trigger of ours begins with.
pub const PREFIX: &str = "cutover_";

/// The table of markers, the only one of ours that is replicated.
pub const MARKERS: &str = "cutover_marker";

/// Milliseconds since the Unix epoch, as SQL. The `sqlite3` of Debian 12 has no `unixepoch('subsec')`.
pub const NOW_MS: &str = "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)";

const TABLES: &str = "
create table if not exists cutover_identity (
  id integer primary key check (id = 1),
  system text not null);
create table if not exists cutover_state (
  id integer primary key check (id = 1),
  fence text not null default 'open' check (fence in ('open', 'fenced', 'sealed')),
  epoch integer not null default 0,      -- counts fences; a session remembers the one it was opened in
  since_ms integer not null default 0,   -- when the fence was last set or lifted
  fence_seq integer not null default 0,  -- last cutover_change.seq when the fence was set
  applying integer not null default 0,   -- 1 only inside a replicator's transaction: nobody else ever sees it
  applied integer not null default 0);   -- the last change of the other side that is applied here
create table if not exists cutover_change (
  seq integer primary key autoincrement,
  at_ms integer not null,
  tbl text not null,
  key text not null,                     -- JSON array of the primary key's values
  op text not null check (op in ('insert', 'update', 'delete')));
create table if not exists cutover_written (
  seq integer primary key autoincrement,
  tbl text not null,
  key text not null);
create table if not exists cutover_session (
  id integer primary key autoincrement,
  name text not null,
  application text not null,
  account text not null,
  opened_ms integer not null,
  epoch integer not null,
  last_write_ms integer,
  last_statement text,
  writes integer not null default 0,
  end_requested integer not null default 0,
  ended_ms integer);
create index if not exists cutover_session_open on cutover_session (id) where ended_ms is null;
create table if not exists cutover_marker (id text primary key not null, made_ms integer not null);
insert or ignore into cutover_identity (id, system) values (1, lower(hex(randomblob(16))));
insert or ignore into cutover_state (id) values (1);
";

/// Installs the convention for these tables, or mends it: what is there already keeps its contents.
///
/// Puts the database into WAL mode, so that readers and the writer do not wait for each other. Install
/// each side by itself, after copying: a copied `cutover_identity` makes two systems look like one.
///
/// # Errors
/// [`Error::Broken`] names a table that is missing or has no primary key; nothing is installed then.
pub fn install(conn: &Connection, tables: &[&str]) -> Result<(), Error> {
    let what = what_of(conn);
    let failed = |e: rusqlite::Error| e.explain(&what, "installing the convention", BUSY);
    let mut script = String::from("begin immediate;");
    script.push_str(TABLES);
    for table in tables {
        let key = key_of(conn, table).map_err(failed)?;
        match key {
            None => {
                let why = format!("table {table} does not exist");
                return Err(Error::broken(&what, why, "leave it out, or create it first"));
            }
            Some(key) if key.is_empty() => {
                let why = format!("table {table} has no primary key, so its changes cannot be followed");
                return Err(Error::broken(&what, why, "give it one, or leave it out"));
            }
            Some(key) => {
                script.push_str(&log_triggers(table, &key));
                script.push_str(&note_triggers(table, &key));
                script.push_str(&fence_triggers(table));
            }
        }
    }
    script.push_str(&log_triggers(MARKERS, &["id".to_owned()]));
    script.push_str("commit;");
    conn.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    conn.execute_batch(&script).map_err(|e| {
        let explained = failed(e);
        // A script that stopped in the middle leaves its transaction open; nothing of it may stay.
        if !conn.is_autocommit() && conn.execute_batch("rollback").is_err() {
            return Error::broken(&what, "a failed installation could not be undone", "close the connection");
        }
        explained
    })
}

/// Whether the convention is installed.
///
/// # Errors
/// As every question to a database: see [`Error`].
pub fn installed(conn: &Connection) -> Result<bool, Error> {
    conn.query_row("select 1 from sqlite_schema where name = 'cutover_state'", [], |_| Ok(()))
        .optional()
        .map(|found| found.is_some())
        .map_err(|e| e.explain(&what_of(conn), "looking for the convention", BUSY))
}

/// The tables whose changes the convention can follow, and those that have no primary key to follow them by.
///
/// # Errors
/// As every question to a database: see [`Error`].
pub fn followable(conn: &Connection) -> Result<(Vec<String>, Vec<String>), Error> {
    let tables =
        super::look::tables(conn).map_err(|e| e.explain(&what_of(conn), "listing the tables", BUSY))?;
    let (keyed, keyless): (Vec<Table>, Vec<Table>) =
        tables.tables.into_iter().partition(|t| !t.key.is_empty());
    let names = |tables: Vec<Table>| tables.into_iter().map(|t| t.name).collect();
    Ok((names(keyed), names(keyless)))
}

/// That the convention is installed.
///
/// # Errors
/// [`Error::Broken`] when it is not.
pub(super) fn required(conn: &Connection) -> Result<(), Error> {
    if installed(conn)? {
        return Ok(());
    }
    let file = conn.path().unwrap_or("FILE");
    let next = format!("`cutover convention {file}` installs one");
    Err(Error::broken(what_of(conn), "has no change log, so no fence and no sessions either", next))
}

/// The primary key's columns in order; empty when there is none, `None` when there is no such table.
fn key_of(conn: &Connection, table: &str) -> rusqlite::Result<Option<Vec<String>>> {
    let sql = "select name, pk from pragma_table_info(?1) order by pk";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([table])?;
    let (mut exists, mut key) = (false, Vec::new());
    while let Some(row) = rows.next()? {
        exists = true;
        if row.get::<_, i64>(1)? > 0 {
            key.push(row.get(0)?);
        }
    }
    Ok(exists.then_some(key))
}

/// The triggers that enter each changed row of a table into the log.
fn log_triggers(table: &str, key: &[String]) -> String {
    let (old, new) = (key_json("old", key), key_json("new", key));
    let (on, tbl) = (quoted(table), literal(table));
    let entry = format!("insert into cutover_change (at_ms, tbl, key, op) select {NOW_MS}, {tbl}");
    let guard = "when (select applying = 0 from cutover_state)";
    let trigger = |event: &str, body: &str| {
        let name = quoted(&format!("{PREFIX}log_{event}_{table}"));
        format!(
            "drop trigger if exists {name};
             create trigger {name} after {event} on {on} {guard} begin {body} end;"
        )
    };
    let moved = format!("{old} is not {new}");
    [
        trigger("insert", &format!("{entry}, {new}, 'insert';")),
        trigger(
            "update",
            &format!(
                "{entry}, {old}, 'delete' where {moved};
                 {entry}, {new}, case when {moved} then 'insert' else 'update' end;"
            ),
        ),
        trigger("delete", &format!("{entry}, {old}, 'delete';")),
    ]
    .concat()
}

/// The triggers that note each key that is written: those before and after a row is moved.
fn note_triggers(table: &str, key: &[String]) -> String {
    let (old, new) = (key_json("old", key), key_json("new", key));
    let (on, tbl) = (quoted(table), literal(table));
    let note = |key: &str| format!("insert into cutover_written (tbl, key) select {tbl}, {key}");
    let bodies = [
        format!("{};", note(&new)),
        format!("{}; {} where {old} is not {new};", note(&old), note(&new)),
        format!("{};", note(&old)),
    ];
    let triggers = note_triggers_of(table)
        .zip(EVENTS)
        .zip(bodies)
        .map(|((name, event), body)| {
            let name = quoted(&name);
            format!(
                "drop trigger if exists {name}; create trigger {name} after {event} on {on} begin {body} end;"
            )
        })
        .collect::<Vec<String>>();
    triggers.concat()
}

/// The triggers by which a sealed database refuses every write that is not a replicator's.
fn fence_triggers(table: &str) -> String {
    let on = quoted(table);
    EVENTS
        .map(|event| {
            let name = quoted(&format!("{PREFIX}fence_{event}_{table}"));
            format!(
                "drop trigger if exists {name};
                 create trigger {name} before {event} on {on}
                 when (select fence = 'sealed' and applying = 0 from cutover_state)
                 begin select raise(abort, {}); end;",
                literal(FENCED)
            )
        })
        .concat()
}

/// A key as JSON. Blobs and reals, which JSON cannot hold exactly, become `{"hex":…}` and `{"real":…}`.
fn key_json(row: &str, key: &[String]) -> String {
    let values: Vec<String> = key
        .iter()
        .map(|column| {
            let v = format!("{row}.{}", quoted(column));
            format!(
                "case typeof({v}) when 'blob' then '{{\"hex\":\"' || hex({v}) || '\"}}' \
                 when 'real' then '{{\"real\":\"' || printf('%!.17g', {v}) || '\"}}' \
                 else json_quote({v}) end"
            )
        })
        .collect();
    format!("'[' || {} || ']'", values.join(" || ',' || "))
}

/// The name by which people know what a connection is open on.
fn what_of(conn: &Connection) -> String {
    name_of(std::path::Path::new(conn.path().filter(|p| !p.is_empty()).unwrap_or("in memory")))
}

#[cfg(test)]
mod tests;
