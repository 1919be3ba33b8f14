//! Tables: what tells a row from another, and the engine that keeps them.
//!
//! Source: MariaDB's and MySQL's documentation on row-based logging (rows are found by the primary key, then by a unique key
//! without nulls, then by reading the whole table); `information_schema.tables`, `.statistics`, `.engines`.

use std::collections::{BTreeMap, BTreeSet};

use super::{BETWEEN, Pair, Right, Side, by_name, listed};
use crate::databases::{Error, Found};

/// The table type of everything that keeps rows.
pub(super) const KEEPS_ROWS: &str = "table_type in ('BASE TABLE', 'SYSTEM VERSIONED')";

/// The key of each table that has one: the primary key, or else the first unique one without nulls.
async fn keyed(side: Side<'_>) -> Result<BTreeMap<String, String>, Error> {
    let sql = format!(
        "select {}, index_name, group_concat(column_name order by seq_in_index separator '{BETWEEN}'),
           max(nullable = 'YES' or column_name is null)
         from information_schema.statistics where non_unique = 0 and {}
         group by table_schema, table_name, index_name order by 1, index_name <> 'PRIMARY', 2",
        side.shown("table_schema", "table_name"),
        side.scope("table_schema")
    );
    let mut keys = BTreeMap::new();
    for [table, _, columns, nullable] in side.texts::<4>(&sql).await? {
        if nullable == "0" {
            keys.entry(table).or_insert(columns);
        }
    }
    Ok(keys)
}

/// Every table with its engine.
async fn engined(side: Side<'_>) -> Result<Vec<[String; 2]>, Error> {
    let sql = format!(
        "select {}, engine from information_schema.tables where {KEEPS_ROWS} and {} order by 1",
        side.shown("table_schema", "table_name"),
        side.scope("table_schema")
    );
    side.texts(&sql).await
}

pub(super) async fn keys(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (tables, there) = tokio::try_join!(engined(pair.from), engined(pair.to))?;
    let (keys, keys_there) = tokio::try_join!(keyed(pair.from), keyed(pair.to))?;
    let arrived: BTreeSet<String> = there.into_iter().map(|[table, _]| table).collect();
    let (source, target) = pair.names();
    let mut found = Vec::new();
    for [table, _] in tables.iter().filter(|[table, _]| pair.travels(table)) {
        let mut say =
            |harm: String, mend: String| found.push(Found::new(format!("table {table}"), harm, mend));
        let Some(key) = keys.get(table) else {
            say(
                format!("has no primary key at {source}: {target} reads all of it for each row that changed"),
                format!("alter table {} add primary key (…), on both sides", pair.from.in_sql(table)),
            );
            continue;
        };
        // A table that is not there is another trap.
        match keys_there.get(table) {
            None if arrived.contains(table) => say(
                format!("has a key at {source} and none at {target}: each change reads all of it there"),
                format!(
                    "alter table {} add primary key ({}) at {target}",
                    pair.to.in_sql(table),
                    listed(key)
                ),
            ),
            Some(other) if other != key => say(
                format!("has the key ({}) at {source} and ({}) at {target}", listed(key), listed(other)),
                "give it the same primary key on both sides".to_owned(),
            ),
            _ => {}
        }
    }
    Ok(found)
}

pub(super) async fn engines(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (here, there) = tokio::try_join!(engined(pair.from), engined(pair.to))?;
    let sql =
        |_: Side<'_>| "select engine from information_schema.engines where transactions = 'YES'".to_owned();
    let (safe, safe_there) = pair.both::<1>(sql).await?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let theirs = by_name(there.clone());
    for (side, tables, safe) in [(pair.from, &here, &safe), (pair.to, &there, &safe_there)] {
        let at = side.name();
        for [table, engine] in tables.iter().filter(|[table, _]| pair.travels(table)) {
            // A table without an engine is broken: its files are not what its definition says.
            if engine.is_empty() {
                found.push(Found::new(
                    format!("table {table} at {at}"),
                    "has no engine: it cannot be opened",
                    format!("check table {}, and the server's log", side.in_sql(table)),
                ));
            } else if !safe.iter().any(|[known]| known.eq_ignore_ascii_case(engine)) {
                found.push(Found::new(
                    format!("table {table} at {at}"),
                    format!("is {engine}, without transactions: a rollback or a crash leaves it half done"),
                    format!("alter table {} engine = InnoDB at {at}", side.in_sql(table)),
                ));
            }
        }
    }
    for [table, engine] in here.iter().filter(|[table, _]| pair.travels(table)) {
        let Some([_, other]) = theirs.get(table) else { continue };
        let told = found.iter().any(|f| f.object.starts_with(&format!("table {table} at ")));
        if !other.eq_ignore_ascii_case(engine) && !told {
            found.push(Found::new(
                format!("table {table}"),
                format!(
                    "is {engine} at {source} and {other} at {target}: it locks and limits otherwise there"
                ),
                format!("alter table {} engine = {engine} at {target}", pair.to.in_sql(table)),
            ));
        }
    }
    Ok(found)
}
