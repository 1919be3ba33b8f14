//! What is defined around the rows: indexes and foreign keys, compared by what they do.
//!
//! Source: SQLite's documentation, `pragma_index_list`, `pragma_index_xinfo`, `pragma_foreign_key_list`.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::Problem;
use crate::databases::{Asked, Found};

/// Indexes that are not a primary key's: table, name, what they do, how they were made (empty for a constraint's).
const INDEXES: &str = r#"
select m.name, i.name,
  case i."unique" when 1 then 'unique ' else '' end || '(' ||
    (select group_concat(coalesce(x.name, 'an expression') || case x."desc" when 1 then ' desc' else '' end
       || case x.coll when 'BINARY' then '' else ' collate ' || x.coll end, ', ')
     from pragma_index_xinfo(i.name) x where x."key" = 1) || ')' ||
    -- An expression and a condition stand in its own words only.
    case when i.partial = 1 or exists (select 1 from pragma_index_xinfo(i.name) x where x."key" = 1 and x.cid = -2)
      then ' ' || substr(s.sql, instr(s.sql, '(')) else '' end,
  coalesce(s.sql, '')
from sqlite_schema m, pragma_index_list(m.name) i left join sqlite_schema s on s.type = 'index' and s.name = i.name
where m.type = 'table' and i.origin <> 'pk' and m.name not like 'sqlite\_%' escape '\'
  and m.name not like 'cutover\_%' escape '\' order by 1, 2"#;

/// Foreign keys: table, columns, what they do.
const KEYS: &str = r#"
select m.name, group_concat(f."from", ', '),
  '(' || group_concat(f."from", ', ') || ') references ' || f."table" || ' ('
    || coalesce(group_concat(f."to", ', '), 'its key') || ') on update ' || f.on_update || ' on delete ' || f.on_delete, ''
from sqlite_schema m, pragma_foreign_key_list(m.name) f
where m.type = 'table' and m.name not like 'cutover\_%' escape '\' group by m.name, f.id order by 1, 2"#;

/// What one side has.
#[derive(Debug)]
pub(super) struct Definitions {
    tables: BTreeSet<String>,
    indexes: Vec<[String; 4]>,
    keys: Vec<[String; 4]>,
}

pub(super) fn read(conn: &mut Connection) -> Result<Definitions, Problem> {
    let tx = conn.transaction()?;
    let rows = |sql: &str| -> rusqlite::Result<Vec<[String; 4]>> {
        let mut statement = tx.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
        rows.collect()
    };
    let mut tables = tx.prepare("select name from sqlite_schema where type = 'table'")?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Definitions { tables, indexes: rows(INDEXES)?, keys: rows(KEYS)? })
}

/// What the target lacks.
pub(super) fn remarks(here: &Definitions, there: &Definitions, target: &str, asked: &Asked) -> Vec<Found> {
    let missing = |own: &[[String; 4]], theirs: &[[String; 4]]| -> Vec<[String; 4]> {
        let does = |[table, _, does, _]: &[String; 4]| (table.clone(), does.clone());
        let arrived: BTreeSet<_> = theirs.iter().map(does).collect();
        let travels = |row: &&[String; 4]| {
            let [table, ..] = row;
            there.tables.contains(table) && !asked.except.contains(table) && !arrived.contains(&does(row))
        };
        own.iter().filter(travels).cloned().collect()
    };
    let indexes = missing(&here.indexes, &there.indexes).into_iter().map(|[table, name, does, made]| {
        let harm = if does.starts_with("unique") {
            format!("has none like it at {target}: what it refuses is taken there")
        } else {
            format!("has none like it at {target}: what was fast by it is slow there")
        };
        let (object, mend) = if made.is_empty() {
            (format!("constraint {does} of {table}"), format!("make {table} there as it is at the source"))
        } else {
            (format!("index {name} on {table}"), format!("run it there: {made}"))
        };
        Found::new(object, harm, mend)
    });
    let keys = missing(&here.keys, &there.keys).into_iter().map(|[table, columns, does, _]| {
        Found::new(
            format!("foreign key of {table} ({columns})"),
            format!("does not exist at {target}: nothing keeps it from the switch on"),
            format!("make {table} there with foreign key {does}"),
        )
    });
    indexes.chain(keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_target_lacks_is_named_and_another_name_is_no_difference() {
        let read_of = |sql: &str| {
            let mut conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(sql).unwrap();
            read(&mut conn).unwrap()
        };
        let here = read_of(
            "create table p (id integer primary key, code text unique);
             create table c (id integer primary key, p integer references p (id) on delete cascade, n text, at int);
             create index by_n on c (n collate nocase, at desc);
             create unique index one on c (at) where n is not null;
             create index lower on c (lower(n));
             create table away (x int); create index gone on away (x);",
        );
        let there = read_of(
            "create table p (id integer primary key, code text);
             create table c (id integer primary key, p integer references p (id), n text, at int);
             create index other_name on c (n collate nocase, at desc);
             create unique index one on c (at) where n is null;
             create index lower on c (lower(n));",
        );
        let asked = Asked::default();
        let named = |found: Vec<Found>| found.into_iter().map(|it| it.object).collect::<Vec<_>>();
        assert_eq!(
            named(remarks(&here, &there, "cloud", &asked)),
            ["index one on c", "constraint unique (code) of p", "foreign key of c (p)"]
        );
        assert!(remarks(&here, &here, "cloud", &asked).is_empty());
        let without_c = Asked { except: vec!["c".to_owned()], ..Asked::default() };
        assert_eq!(named(remarks(&here, &there, "cloud", &without_c)), ["constraint unique (code) of p"]);
    }
}
