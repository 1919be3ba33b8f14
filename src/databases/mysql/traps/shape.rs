//! Shape: tables, columns, indexes and constraints that are others at the target.
//!
//! Rows are applied by the place of their columns, not by their names.
//!
//! Source: MariaDB's "Replication When the Primary and Replica Have Different Table Definitions", MySQL's "Replication with
//! Differing Table Definitions"; `information_schema.columns`, `.statistics`, `.referential_constraints`, `.table_constraints`.

use std::collections::{BTreeMap, BTreeSet};

use super::tables::KEEPS_ROWS;
use super::{BETWEEN, Pair, Right, Side, name};
use crate::databases::mysql::look::plain_type;
use crate::databases::{Error, Found};

/// The tables that keep rows.
async fn tables(side: Side<'_>) -> Result<BTreeSet<String>, Error> {
    let sql = format!(
        "select {} from information_schema.tables where {KEEPS_ROWS} and {}",
        side.shown("table_schema", "table_name"),
        side.scope("table_schema")
    );
    Ok(side.texts::<1>(&sql).await?.into_iter().map(|[table]| table).collect())
}

/// A column as it is on one side.
struct Column {
    table: String,
    name: String,
    place: String,
    kind: String,
    nullable: bool,
    /// `None` where it has none.
    default: Option<String>,
    counts: bool,
    generated: bool,
}

async fn columns_of(side: Side<'_>) -> Result<Vec<Column>, Error> {
    let sql = format!(
        "select {}, column_name, ordinal_position, column_type, is_nullable,
           if(column_default is null, '', concat('=', column_default)), extra, ifnull(generation_expression, '')
         from information_schema.columns where {} order by 1, ordinal_position",
        side.shown("table_schema", "table_name"),
        side.scope("table_schema")
    );
    let rows = side.texts::<8>(&sql).await?;
    Ok(rows
        .into_iter()
        .map(|[table, name, place, kind, nullable, default, extra, expression]| Column {
            table,
            name,
            place,
            kind: plain_type(&kind),
            nullable: nullable == "YES",
            // MariaDB writes the default of a column that may be null.
            default: default.strip_prefix('=').filter(|text| *text != "NULL").map(plain_default),
            counts: extra.contains("auto_increment"),
            generated: !expression.is_empty(),
        })
        .collect())
}

/// A text without its quotes, which MySQL does not write; a function as every version writes it.
fn plain_default(written: &str) -> String {
    match written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(text) => text.to_owned(),
        None if written.to_lowercase().starts_with("current_timestamp") => {
            written.to_lowercase().replace("()", "")
        }
        None => written.to_owned(),
    }
}

pub(super) async fn columns(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (own, arrived) = tokio::try_join!(tables(pair.from), tables(pair.to))?;
    let (here, there) = tokio::try_join!(columns_of(pair.from), columns_of(pair.to))?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    for table in own.difference(&arrived).filter(|table| pair.travels(table)) {
        found.push(Found::new(
            format!("table {table}"),
            format!("does not exist at {target}: its first change stops the link"),
            format!("make it there as show create table {} has it, with its rows", pair.from.in_sql(table)),
        ));
    }
    let key = |column: &Column| (column.table.clone(), column.name.clone());
    let theirs: BTreeMap<(String, String), &Column> = there.iter().map(|one| (key(one), one)).collect();
    let mine: BTreeSet<(String, String)> = here.iter().map(key).collect();
    let ours = |table: &String| own.contains(table) && arrived.contains(table) && pair.travels(table);
    // One that is missing moves all that follow it.
    let mut moved: BTreeSet<&String> = BTreeSet::new();
    for column in here.iter().filter(|column| ours(&column.table)) {
        let at = pair.to.in_sql(&column.table);
        let own = name(&column.name);
        let mut say = |harm: String, mend: String| {
            found.push(Found::new(format!("column {}.{}", column.table, column.name), harm, mend));
        };
        let Some(other) = theirs.get(&key(column)) else {
            moved.insert(&column.table);
            say(
                format!("does not exist at {target}: its values are lost, or the link stops"),
                format!("alter table {at} add column {own} {} …, at its place, there", column.kind),
            );
            continue;
        };
        if column.kind != other.kind {
            say(
                format!(
                    "is {} at {source} and {} at {target}: values are cut, or the link stops",
                    column.kind, other.kind
                ),
                format!("alter table {at} modify {own} {} … there", column.kind),
            );
        } else if column.generated != other.generated {
            let side = if column.generated { source } else { target };
            say(format!("is generated at {side} only"), "make it as it is on the other side".to_owned());
        } else if column.counts != other.counts {
            let side = if column.counts { source } else { target };
            say(
                format!("has auto_increment at {side} only: rows get their numbers otherwise"),
                format!("alter table {at} modify {own} {} … there, as at {source}", column.kind),
            );
        } else if column.nullable && !other.nullable {
            say(
                format!(
                    "may be null at {source} and not at {target}: such a row stops the link, or becomes another"
                ),
                format!("alter table {at} modify {own} {} null … there", column.kind),
            );
        } else if column.default != other.default && !column.generated {
            let text = |default: &Option<String>| default.clone().unwrap_or_else(|| "none".to_owned());
            say(
                format!(
                    "has another default at {target}: {} at {source}, {} there",
                    text(&column.default),
                    text(&other.default)
                ),
                format!("alter table {at} alter {own} set default … there, as at {source}"),
            );
        } else if column.place != other.place && moved.insert(&column.table) {
            say(
                format!(
                    "is number {} at {source} and {} at {target}: rows are applied by place, into another column",
                    column.place, other.place
                ),
                format!("alter table {at} modify {own} {} … after …, there", column.kind),
            );
        }
    }
    for column in there.iter().filter(|one| ours(&one.table) && !mine.contains(&key(one))) {
        if !column.nullable && column.default.is_none() && !column.generated && !column.counts {
            found.push(Found::new(
                format!("column {}.{}", column.table, column.name),
                format!("is at {target} only and must not be null: rows from {source} have nothing for it"),
                format!(
                    "alter table {} alter {} set default …, or drop it, there",
                    pair.to.in_sql(&column.table),
                    name(&column.name)
                ),
            ));
        }
    }
    Ok(found)
}

pub(super) async fn indexes(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (here, there) = pair
        .both::<5>(|side| {
            format!(
                "select {}, index_name, index_type, min(non_unique),
                   group_concat(concat(ifnull(column_name, 'expression'), ifnull(concat('(', sub_part, ')'), ''))
                     order by seq_in_index separator '{BETWEEN}')
                 from information_schema.statistics where index_name <> 'PRIMARY' and {}
                 group by table_schema, table_name, index_name, index_type order by 1, 2",
                side.shown("table_schema", "table_name"),
                side.scope("table_schema")
            )
        })
        .await?;
    let arrived = tables(pair.to).await?;
    // By what it does, not by its name.
    let does = |[table, _, kind, loose, columns]: &[String; 5]| {
        (table.clone(), kind.clone(), loose.clone(), columns.clone())
    };
    let theirs: BTreeSet<_> = there.iter().map(does).collect();
    let target = pair.to.name();
    let mut found = Vec::new();
    for index in &here {
        let [table, own, kind, loose, columns] = index;
        if !pair.travels(table) || !arrived.contains(table) || theirs.contains(&does(index)) {
            continue;
        }
        let word = match (kind.as_str(), loose.as_str()) {
            ("FULLTEXT", _) => "fulltext index",
            ("SPATIAL", _) => "spatial index",
            (_, "0") => "unique index",
            _ => "index",
        };
        let harm = if loose == "0" {
            format!("has none like it at {target}: what it refuses is taken there")
        } else {
            format!("has none like it at {target}: what was fast by it is slow there")
        };
        let columns: Vec<String> = columns
            .split(BETWEEN)
            .map(|column| match column.split_once('(') {
                Some((column, part)) => format!("{}({part}", name(column)),
                None => name(column),
            })
            .collect();
        found.push(Found::new(
            format!("index {own} on {table}"),
            harm,
            format!(
                "create {word} {} on {} ({}) there",
                name(own),
                pair.to.in_sql(table),
                columns.join(", ")
            ),
        ));
    }
    Ok(found)
}

/// A constraint with all that it does: table, name, kind, what it refers to or checks.
async fn constraints_of(side: Side<'_>) -> Result<Vec<[String; 4]>, Error> {
    let hello = side.hello().await?;
    let table = side.shown("r.constraint_schema", "r.table_name");
    let keys = format!(
        "select {table}, r.constraint_name, 'foreign key', concat_ws(' ',
           group_concat(k.column_name order by k.ordinal_position), r.referenced_table_name,
           group_concat(k.referenced_column_name order by k.ordinal_position),
           replace(r.update_rule, 'NO ACTION', 'RESTRICT'), replace(r.delete_rule, 'NO ACTION', 'RESTRICT'))
         from information_schema.referential_constraints r join information_schema.key_column_usage k
           on k.constraint_schema = r.constraint_schema and k.table_name = r.table_name
             and k.constraint_name = r.constraint_name
         where {} group by r.constraint_schema, r.table_name, r.constraint_name, r.referenced_table_name,
           r.update_rule, r.delete_rule",
        side.scope("r.constraint_schema")
    );
    let scope = side.scope("r.constraint_schema");
    let checks = if hello.mariadb {
        format!(
            " union all select {table}, r.constraint_name, 'check', r.check_clause
              from information_schema.check_constraints r where {scope}"
        )
    } else if hello.version >= (8, 0, 16) {
        format!(
            " union all select {table}, r.constraint_name, 'check', c.check_clause
              from information_schema.table_constraints r join information_schema.check_constraints c
                on c.constraint_schema = r.constraint_schema and c.constraint_name = r.constraint_name
              where r.constraint_type = 'CHECK' and {scope}"
        )
    } else {
        String::new()
    };
    side.texts(&format!("{keys}{checks}")).await
}

pub(super) async fn constraints(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (here, there) = tokio::try_join!(constraints_of(pair.from), constraints_of(pair.to))?;
    let arrived = tables(pair.to).await?;
    let theirs: BTreeMap<(&String, &String), &[String; 4]> = there
        .iter()
        .map(|one| {
            let [table, name, ..] = one;
            ((table, name), one)
        })
        .collect();
    let target = pair.to.name();
    let mut found = Vec::new();
    for [table, own, kind, does] in &here {
        if !pair.travels(table) || !arrived.contains(table) {
            continue;
        }
        let object = format!("{kind} {own} on {table}");
        let mend = format!("make it there as show create table {} has it", pair.from.in_sql(table));
        match theirs.get(&(table, own)) {
            // Names that the server gave may differ.
            None if there.iter().any(|[at, _, other, it]| at == table && other == kind && it == does) => {}
            None => found.push(Found::new(
                object,
                format!("does not exist at {target}: what it refuses is taken there"),
                mend,
            )),
            Some([_, _, _, other]) if other != does => found.push(Found::new(
                object,
                format!("is another at {target}: {does} becomes {other}"),
                mend,
            )),
            Some(_) => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_one_however_it_is_written() {
        assert_eq!(plain_default("'New'"), plain_default("New"));
        assert_ne!(plain_default("'New'"), plain_default("'new'"));
        assert_eq!(plain_default("current_timestamp()"), plain_default("CURRENT_TIMESTAMP"));
        assert_eq!(plain_default("current_timestamp(6)"), "current_timestamp(6)");
    }
}
