//! Which tables a look is at.
//!
//! Whoever has no right to a table is not shown it, nor a column of it, without a word: what may be read is asked of the
//! grants, and where they do not reach, nothing is proved.
//!
//! Source: `information_schema.tables`, `.engines`; `show grants`.

use std::collections::HashSet;

use super::connection::Problem;
use super::grants;
use super::look::{self, scope, shown};
use super::session::Session;
use super::sql::quoted;
use crate::databases::snapshot::Tables;

/// Engines whose tables are doors to rows that are kept elsewhere, or keep none.
const ELSEWHERE: [&str; 6] =
    ["BLACKHOLE", "CONNECT", "FEDERATED", "MRG_MyISAM", "PERFORMANCE_SCHEMA", "SPIDER"];

pub(super) async fn read(session: &mut Session, database: Option<&str>) -> Result<Tables, Problem> {
    let own = grants::ours(session).await?;
    let account = &own.account;
    let mut found = Tables::default();
    let all = database.map_or_else(|| "*.*".to_owned(), grants::whole);
    if !own.grants.covers("SELECT", &all) {
        found.unseen =
            Some(format!("{account} is shown only tables that it has rights to: grant it SELECT on {all}"));
    }
    let sql = format!(
        "select t.table_schema as d, t.table_name as t, t.table_type as ty, t.engine as e, e.transactions as tx
         from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
         where {} order by 1, 2",
        scope("t.table_schema", database)
    );
    let mut open = HashSet::new();
    for row in session.rows(&sql).await? {
        let (of, table, engine) = (row.text("d"), row.text("t"), row.text("e"));
        let name = shown(&of, &table, database);
        let mut leave = |name: String, why: &str| found.left_out.push((name, why.to_owned()));
        match row.text("ty").as_str() {
            "VIEW" => leave(name, "a view has no rows of its own"),
            "SEQUENCE" => leave(name, "a sequence has a number and no rows"),
            "BASE TABLE" | "SYSTEM VERSIONED" if ELSEWHERE.contains(&engine.as_str()) => {
                leave(name, "its engine keeps no rows of its own");
            }
            kind @ ("BASE TABLE" | "SYSTEM VERSIONED") => {
                let place = format!("{}.{}", quoted(&of), quoted(&table));
                if !own.grants.covers("SELECT", &place) {
                    let why = format!("{account} may not read all of it: grant it SELECT on {place}");
                    found.closed.push((name, why));
                } else if row.text("tx") != "YES" {
                    let engine = if engine.is_empty() { "that cannot be told".to_owned() } else { engine };
                    let why = format!(
                        "its engine, {engine}, has no transactions and so no consistent look: make it InnoDB, or leave it out"
                    );
                    found.closed.push((name, why));
                } else {
                    if kind == "SYSTEM VERSIONED" {
                        leave(format!("{name} (earlier versions)"), "only rows as they are now are compared");
                    }
                    open.insert(name);
                }
            }
            kind => found.closed.push((name, format!("what a {kind} is cannot be told"))),
        }
    }
    found.tables = look::tables(session, database).await?;
    found.tables.retain(|table| open.contains(&table.name));
    Ok(found)
}
