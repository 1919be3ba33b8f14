//! The shape of tables: columns, indexes and constraints that differ between the sides.
//!
//! Indexes and constraints are compared by what they do, not by their names. What has no table at the target is left to
//! the columns, which say so.
//!
//! Source: PostgreSQL's documentation, "Logical Replication", "Restrictions"; `pg_attribute`, `pg_index`, `pg_constraint`.

use std::collections::BTreeSet;

use super::{Given, Pair, Side, by_name, in_sql, travels};
use crate::databases::postgres::sql::EVERY_TABLE;
use crate::databases::{Error, Found};

/// The tables of a side.
pub(super) async fn tables(side: Side<'_>) -> Result<BTreeSet<String>, Error> {
    let sql = format!("select format('%s.%s', n.nspname, c.relname) from {EVERY_TABLE}");
    Ok(side.texts(&sql, &[]).await?.into_iter().map(|[name]| name).collect())
}

pub(super) async fn columns(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = format!(
        "select format('%s.%s.%s', n.nspname, c.relname, a.attname), format('%s.%s', n.nspname, c.relname), a.attname::text,
           format_type(a.atttypid, a.atttypmod), (a.attgenerated <> '')::text,
           (a.atthasdef or a.attidentity <> '')::text, a.attnotnull::text
         from pg_attribute a, {EVERY_TABLE} and a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    );
    // What is not published is another trap, whatever its columns are.
    let leaving = format!(
        "{sql} and exists (select from pg_publication_tables p where p.pubname = any($1)
           and p.schemaname = n.nspname and p.tablename = c.relname) order by 1"
    );
    let publications = travels::publications(pair).await?;
    let given: &[&dyn Given] = &[&publications];
    let (here, there) =
        tokio::try_join!(pair.from.texts::<7>(&leaving, given), pair.to.texts::<7>(&sql, &[]))?;
    let tables_there: BTreeSet<String> = there.iter().map(|[_, table, ..]| table.clone()).collect();
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    let mut missing = BTreeSet::new();
    for [name, table, column, kind, generated, default, _] in &here {
        if !pair.travels(table) {
            continue;
        }
        if !tables_there.contains(table) {
            if missing.insert(table) {
                found.push(Found::new(
                    format!("table {table}"),
                    format!("does not exist at {target}: its rows cannot arrive"),
                    format!(
                        "make it there (pg_dump --schema-only -t '{table}'), then refresh the subscription"
                    ),
                ));
            }
            continue;
        }
        let alter = format!("alter table {}", in_sql(table));
        let mut say =
            |harm: String, mend: String| found.push(Found::new(format!("column {name}"), harm, mend));
        let Some([_, _, _, kind_there, generated_there, default_there, _]) = there.get(name) else {
            say(
                format!("does not exist at {target}: no row of the table can be applied"),
                format!("{alter} add column {} {kind} there", in_sql(column)),
            );
            continue;
        };
        if kind != kind_there {
            say(
                format!("is {kind} at {source} and {kind_there} at {target}: values may not fit"),
                format!("{alter} alter column {} type {kind} there", in_sql(column)),
            );
        } else if generated != generated_there {
            let at = if generated == "true" { source } else { target };
            say(
                format!("is generated at {at} only: generated values do not travel"),
                "make it as it is on the other side".to_owned(),
            );
        } else if default == "true" && default_there == "false" {
            say(
                format!("has a default at {source} and none at {target}: new rows there lack it"),
                format!("set its default there: {alter} alter column {} set default …", in_sql(column)),
            );
        }
    }
    let names: BTreeSet<&String> = here.iter().map(|[name, ..]| name).collect();
    let tables: BTreeSet<&String> = here.iter().map(|[_, table, ..]| table).collect();
    for [name, table, column, _, generated, default, needed] in there.values() {
        let own = tables.contains(table) && !names.contains(name) && pair.travels(table);
        if own && generated == "false" && default == "false" && needed == "true" {
            found.push(Found::new(
                format!("column {name}"),
                format!("is at {target} only and must not be null: no row of the table can be applied"),
                format!("alter table {} alter column {} drop not null there", in_sql(table), in_sql(column)),
            ));
        }
    }
    Ok(found)
}

/// What an index is, without its name.
const INDEXES: &str = "
select format('%s.%s', n.nspname, c.relname), format('%s.%s', n.nspname, t.relname),
  replace(pg_get_indexdef(i.indexrelid), ' INDEX ' || quote_ident(c.relname) || ' ON ', ' INDEX ON '),
  pg_get_indexdef(i.indexrelid), i.indisvalid::text, i.indisprimary::text
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
where t.relkind in ('r', 'p', 'm') and t.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)' order by 1";

/// A primary key that is missing is looked for with the keys.
pub(super) async fn indexes(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<6>(INDEXES, &[]).await?;
    let tables = tables(pair.to).await?;
    let mut found = Vec::new();
    for (side, rows) in [(pair.from, &here), (pair.to, &there)] {
        for [name, _, _, _, valid, _] in rows {
            if valid == "false" {
                found.push(Found::new(
                    format!("index {name} at {}", side.name()),
                    "is invalid: no query uses it, and what it should keep unique may not be",
                    format!("reindex index concurrently {} there, or drop it", in_sql(name)),
                ));
            }
        }
    }
    let arrived: BTreeSet<(&String, &String)> =
        there.iter().map(|[_, table, what, ..]| (table, what)).collect();
    for [name, table, what, definition, valid, primary] in &here {
        let wanted = valid == "true" && primary == "false" && tables.contains(table) && pair.travels(table);
        if wanted && !arrived.contains(&(table, what)) {
            found.push(Found::new(
                format!("index {name}"),
                format!("has none like it at {}: queries that need it are slow there", pair.to.name()),
                format!("run it there: {definition}"),
            ));
        }
    }
    Ok(found)
}

/// Foreign keys, checks and exclusions; keys are looked for with the indexes.
const CONSTRAINTS: &str = "
select format('%s on %s.%s', k.conname, n.nspname, t.relname), format('%s.%s', n.nspname, t.relname), k.conname::text,
  regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''), k.convalidated::text
from pg_constraint k join pg_class t on t.oid = k.conrelid join pg_namespace n on n.oid = t.relnamespace
where k.contype in ('f', 'c', 'x') and k.conparentid = 0
  and n.nspname not in ('pg_catalog', 'information_schema', 'cutover') and n.nspname !~ '^pg_(toast|temp)' order by 1";

pub(super) async fn constraints(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<5>(CONSTRAINTS, &[]).await?;
    let tables = tables(pair.to).await?;
    let target = pair.to.name();
    let mut found = Vec::new();
    for [name, table, own, _, valid] in &there {
        if valid == "false" && pair.travels(table) {
            found.push(Found::new(
                format!("constraint {name}"),
                format!("is not validated at {target}: rows may break it"),
                format!("alter table {} validate constraint {} there", in_sql(table), in_sql(own)),
            ));
        }
    }
    let arrived: BTreeSet<(&String, &String)> =
        there.iter().map(|[_, table, _, what, _]| (table, what)).collect();
    for [name, table, own, what, _] in &here {
        if tables.contains(table) && pair.travels(table) && !arrived.contains(&(table, what)) {
            found.push(Found::new(
                format!("constraint {name}"),
                format!("does not exist at {target}: nothing keeps it from the switch on"),
                format!("alter table {} add constraint {} {what} there", in_sql(table), in_sql(own)),
            ));
        }
    }
    Ok(found)
}
