//! Looking at an SQLite database without changing it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use super::Problem;
use super::connection::{name_of, quoted};
use super::convention::{self, MARKERS, PREFIX};
use crate::clock::Timestamp;
use crate::databases::snapshot::Tables;
use crate::databases::value::Ref;
use crate::databases::{
    Change, Column, Error, Identity, Op, Position, Rows, Schema, Sequence, Table, Value, Writes,
};

/// The cheapest question that reads the file: opening alone would not notice that it is no database.
pub(super) fn first_question(conn: &mut Connection) -> Result<(), Problem> {
    Ok(conn.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?)
}

/// A database without the convention has no identifier but its place.
pub(super) fn identity(conn: &mut Connection, path: &Path, row: Option<&str>) -> Result<Identity, Problem> {
    let what = name_of(path);
    let meta = std::fs::metadata(path)
        .map_err(|e| Error::NotReachable { what: what.clone(), why: e.to_string() })?;
    let place = format!("{}:{}", meta.dev(), meta.ino());
    let system = if convention::installed(conn)? {
        conn.query_row("select system from cutover_identity", [], |row| row.get(0))?
    } else {
        first_question(conn)?;
        place.clone()
    };
    let version = format!("SQLite {}", rusqlite::version());
    let row = match row {
        None => None,
        Some(sql) => Some(query(conn, sql)?.single().cloned().ok_or_else(|| {
            let why = "the query for its identity gave other than one row of one column";
            Error::broken(what, why, "make it select exactly one value")
        })?),
    };
    Ok(Identity { system, place: Some(place), version, row })
}

pub(super) fn marker(conn: &mut Connection, id: &str) -> Result<Option<Timestamp>, Problem> {
    let sql = format!("select made_ms from {MARKERS} where id = ?1");
    Ok(conn.query_row(&sql, [id], |row| row.get(0).map(Timestamp)).optional()?)
}

pub(super) fn writes_since(conn: &mut Connection, position: &Position) -> Result<Writes, Problem> {
    let after = convention::changes(position)?;
    let tx = conn.transaction()?;
    let until = convention::position(&tx)?;
    if convention::changes(&until)? < after {
        let why = format!("its log ends at {until}, before {position}");
        let next = "it is another database than the one that this position is of, or its log was cut";
        return Err(Error::broken(name_of(Path::new(tx.path().unwrap_or_default())), why, next).into());
    }
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let others = format!("from cutover_change where seq > ?1 and tbl <> '{MARKERS}'");

    let mut counted = tx.prepare(&format!("select tbl, count(*) {others} group by tbl order by tbl"))?;
    let tables: Vec<(String, u64)> =
        counted.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let last_at: Option<i64> =
        tx.query_row(&format!("select max(at_ms) {others}"), [after], |row| row.get(0))?;
    let sql = format!("select tbl, key, op, at_ms, seq {others} order by seq limit {}", Writes::LISTED);
    let mut listed = tx.prepare(&sql)?;
    let first = listed.query_map([after], |row| {
        let op = match row.get_ref(2)?.as_str()? {
            "insert" => Op::Insert,
            "update" => Op::Update,
            // The column's check leaves nothing else.
            _ => Op::Delete,
        };
        Ok(Change {
            table: row.get(0)?,
            key: row.get(1)?,
            op,
            at: Timestamp(row.get(3)?),
            position: convention::at(row.get(4)?),
            by: None,
        })
    })?;
    Ok(Writes {
        total: tables.iter().map(|(_, n)| n).sum(),
        tables,
        first: first.collect::<Result<_, _>>()?,
        last_at: last_at.map(Timestamp),
        until,
    })
}

/// Everything that is defined, our own triggers too: one that is gone leaves the log blind.
pub(super) fn schema(conn: &mut Connection) -> Result<Schema, Problem> {
    let sql = "select type, name, tbl_name, coalesce(sql, '') from sqlite_schema where name not like 'sqlite\\_%' escape '\\'";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut schema = Schema::default();
    while let Some(row) = rows.next()? {
        let (on, sql): (String, String) = (row.get(2)?, row.get(3)?);
        schema.define(row.get(0)?, row.get(1)?, &format!("{on}\n{sql}"));
    }
    Ok(schema)
}

/// The tables with people's data: not SQLite's own, not ours, not those that stand for something else.
pub(super) fn tables(conn: &Connection) -> rusqlite::Result<Tables> {
    let sql = "select name, type, wr from pragma_table_list where schema = 'main' order by name";
    let mut statement = conn.prepare(sql)?;
    let listed: Vec<(String, String, bool)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut found = Tables::default();
    for (name, kind, without_rowid) in listed {
        if name.starts_with("sqlite_") {
            continue;
        }
        let mut leave = |name, why: &str| found.left_out.push((name, why.to_owned()));
        match kind.as_str() {
            _ if name.starts_with(PREFIX) => leave(name, "cutover's own"),
            "table" => found.tables.push(table(conn, name, without_rowid)?),
            "virtual" => leave(name, "a virtual table has no rows of its own"),
            "shadow" => leave(name, "the inside of a virtual table"),
            "view" => leave(name, "a view has no rows of its own"),
            kind => found.closed.push((name, format!("what a {kind} is cannot be told"))),
        }
    }
    Ok(found)
}

fn table(conn: &Connection, name: String, without_rowid: bool) -> rusqlite::Result<Table> {
    let sql = "select name, type, pk from pragma_table_xinfo(?1) where hidden <> 1 order by cid";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([&name])?;
    let (mut columns, mut key) = (Vec::new(), Vec::<(i64, String)>::new());
    while let Some(row) = rows.next()? {
        let column = Column { name: row.get(0)?, type_name: row.get(1)? };
        let place: i64 = row.get(2)?;
        if place > 0 {
            key.push((place, column.name.clone()));
        }
        columns.push(column);
    }
    key.sort_unstable();
    let key: Vec<String> = key.into_iter().map(|(_, name)| name).collect();
    // Only an alias of the rowid is held to whole numbers, and only an alias has no index of its own.
    let declared_integer =
        |c: &Column| key == [c.name.clone()] && c.type_name.eq_ignore_ascii_case("integer");
    let integer_key = !without_rowid
        && columns.iter().any(declared_integer)
        && !conn
            .prepare_cached("select 1 from pragma_index_list(?1) where origin = 'pk'")?
            .exists([&name])?;
    Ok(Table { name, columns, key, integer_key, made: String::new() })
}

/// The last key of each table that never gives one twice (`autoincrement`). Of other tables SQLite looks at the rows.
pub(super) fn sequences(conn: &mut Connection) -> Result<Vec<Sequence>, Problem> {
    let there = "select 1 from sqlite_schema where name = 'sqlite_sequence'";
    if !conn.prepare(there)?.exists([])? {
        return Ok(Vec::new());
    }
    let sql = format!("select name, seq from sqlite_sequence where name not like '{PREFIX}%' order by name");
    let mut statement = conn.prepare(&sql)?;
    let all = statement
        .query_map([], |row| Ok(Sequence { name: row.get(0)?, last: Some(row.get(1)?), step: 1 }))?
        .collect::<Result<_, _>>()?;
    Ok(all)
}

pub(super) fn count(conn: &Connection, table: &str) -> rusqlite::Result<u64> {
    conn.query_row(&format!("select count(*) from {}", quoted(table)), [], |row| row.get(0))
}

pub(super) fn query(conn: &mut Connection, sql: &str) -> Result<Rows, Problem> {
    conn.pragma_update(None, "query_only", true)?;
    conn.authorizer(Some(only_looking))?;
    let answer = run_query(conn, sql);
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    answer
}

fn run_query(conn: &Connection, sql: &str) -> Result<Rows, Problem> {
    let mut statement = conn.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut answer = Rows { columns, rows: Vec::new(), more: false };
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if answer.rows.len() == Rows::MOST {
            answer.more = true;
            break;
        }
        let values = (0..width).map(|i| row.get_ref(i).map(value)).collect::<Result<_, _>>()?;
        answer.rows.push(values);
    }
    Ok(answer)
}

/// Pragmas that only look.
const LOOKING: &[&str] = &[
    "application_id",
    "compile_options",
    "data_version",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "page_count",
    "page_size",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

fn only_looking(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Pragma { pragma_name, pragma_value } => {
            // These two are settings when they are given a value.
            let sets = pragma_value.is_some() && matches!(pragma_name, "application_id" | "user_version");
            if LOOKING.contains(&pragma_name) && !sets { Authorization::Allow } else { Authorization::Deny }
        }
        _ => Authorization::Deny,
    }
}

pub(super) fn borrowed(value: ValueRef<'_>) -> Ref<'_> {
    match value {
        ValueRef::Null => Ref::Null,
        ValueRef::Integer(n) => Ref::Integer(n),
        ValueRef::Real(r) => Ref::Real(r),
        ValueRef::Text(bytes) => Ref::Text(bytes),
        ValueRef::Blob(bytes) => Ref::Blob(bytes),
    }
}

pub(super) fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Integer(n),
        ValueRef::Real(r) => Value::Real(r),
        ValueRef::Text(bytes) => Value::Text(bytes.to_vec()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
