//! Every type of PostgreSQL.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cutover::compare::tables::Verdict;

use super::postgres_values::{EXTENSIONS, MORE, NEVER, OWN, VALUES};
use crate::common::{Pg, agree, compared, lines, run, table, text, written};
use cutover::databases::Value;

/// A type with values.
struct Type {
    /// What its tables are called by.
    name: String,
    /// As it stands behind a column's name.
    declared: String,
    values: Vec<String>,
}

/// Every base type, range, multirange, enum and domain of the server and its extensions, by its qualified name.
const CATALOGUE: &str = "
  select format('%I.%I', n.nspname, t.typname), t.typarray <> 0 from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.typtype in ('b', 'r', 'm', 'd', 'e') and not exists (select from pg_type e where e.typarray = t.oid)
    and n.nspname in ('pg_catalog', 'information_schema', 'public') order by 1";

async fn every_type(pg: &Pg) -> Vec<Type> {
    let mut types: Vec<Type> = Vec::new();
    let mut unknown = Vec::new();
    let found = pg.source.query(CATALOGUE, &[]).await.unwrap();
    let names: BTreeSet<String> = found.iter().map(|row| row.get(0)).collect();
    let in_arrays: BTreeSet<String> = found.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
    for name in &names {
        let bare = name.rsplit('.').next().unwrap().trim_matches('"');
        if NEVER.contains(&bare) {
            // Nobody can have a value of it: its own words must say so.
            let made = pg.source.batch_execute(&format!("select 'x'::{name}")).await.unwrap_err();
            let said = made.as_db_error().unwrap().message().to_lowercase();
            assert!(
                said.contains("cannot accept a value") || said.contains("not implemented"),
                "{name}: {said}"
            );
            continue;
        }
        match VALUES.iter().chain(EXTENSIONS).find(|(known, _)| *known == bare) {
            None => unknown.push(name.clone()),
            Some((_, values)) => types.push(Type {
                name: bare.to_owned(),
                declared: name.clone(),
                values: values.iter().map(|v| literal(v, name)).collect(),
            }),
        }
    }
    assert!(unknown.is_empty(), "types without values to compare: {unknown:?}");
    let known = VALUES.iter().chain(EXTENSIONS).filter(|(name, _)| !types.iter().any(|t| t.name == *name));
    assert_eq!(known.count(), 0, "values of types that are not there");
    // Each of them under a domain and under a domain of that one.
    let domains: Vec<Type> = types
        .iter()
        .map(|of| Type {
            name: format!("domain of {}", of.name),
            declared: format!("domains.{}", quoted(&of.name)),
            values: of.values.clone(),
        })
        .collect();
    // … and in arrays.
    let arrays: Vec<Type> = types
        .iter()
        .filter(|of| in_arrays.contains(&of.declared))
        .map(|of| {
            let (first, second) = (&of.values[0], &of.values[1]);
            let ty = &of.declared;
            let values = [
                format!("array[{first}]"),
                format!("array[{second}]"),
                format!("array[{first}, {second}]"),
                format!("array[{second}, {first}]"),
                format!("array[{first}, null]"),
                format!("array[null]::{ty}[]"),
                format!("'{{}}'::{ty}[]"),
                format!("array[array[{first}], array[{second}]]"),
                format!("('[2:2]={{' || array_to_string(array[{first}], ',') || '}}')"),
            ];
            // The last, of another lower bound, for one type alone: not every type's text can stand there bare.
            let some = if of.name == "int4" { 9 } else { 8 };
            Type {
                name: format!("array of {}", of.name),
                declared: format!("{ty}[]"),
                values: values[..some].iter().map(|v| format!("{v}::{ty}[]")).collect(),
            }
        })
        .collect();
    let mut sql = "create schema t; create schema domains;".to_owned();
    for of in &types {
        let _ = write!(
            sql,
            "create domain domains.below as {}; create domain domains.{} as domains.below; alter domain domains.below rename to {};",
            of.declared,
            quoted(&of.name),
            quoted(&format!("{} below", of.name))
        );
    }
    pg.both(&sql).await;
    for (declared, values) in MORE {
        types.push(Type {
            name: (*declared).to_owned(),
            declared: (*declared).to_owned(),
            values: values.iter().map(|v| literal(v, declared.split(" collate").next().unwrap())).collect(),
        });
    }
    types.into_iter().chain(domains).chain(arrays).collect()
}

/// `sql:…` is SQL as it stands, all else a text.
fn literal(value: &str, of: &str) -> String {
    match value.strip_prefix("sql:") {
        Some(sql) => format!("({sql})::{of}"),
        None => format!("'{}'::{of}", value.replace('\'', "''")),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table of the tests'.
fn placed(table: &str) -> String {
    format!("t.{}", quoted(table))
}

async fn prepared() -> Pg {
    let pg = Pg::start().await;
    // Numbers of objects in one are not those in the other.
    run(&pg.target, "create table pushes_numbers_on (a int); drop table pushes_numbers_on").await;
    pg.both(OWN).await;
    pg
}

#[tokio::test(flavor = "multi_thread")]
async fn each_two_values_of_every_type_are_told_apart() {
    let pg = prepared().await;
    let types = every_type(&pg).await;
    let mut expected = Vec::new();
    for of in &types {
        let (held, crossed) = (placed(&format!("{}, held", of.name)), placed(&of.name));
        let values: Vec<String> = of.values.iter().map(|v| format!("({v})")).collect();
        let n = values.len() + 1;
        let make = format!(
            "create table {held} (i int primary key, v {0});
             insert into {held} select row_number() over () - 1, v from (values {1}, (null)) as all_of_them (v);
             create table {crossed} (id int primary key, v {0})",
            of.declared,
            values.join(", ")
        );
        // Every two of them, on either side.
        for (side, value) in [(&pg.source, "a"), (&pg.target, "b")] {
            let cross =
                format!("insert into {crossed} select a.i * {n} + b.i, {value}.v from {held} a, {held} b");
            run(side, &format!("{make}; {cross}")).await;
        }
        let texts: BTreeSet<String> = pg
            .source
            .query(&format!("select format('%s|%s', v is null, v) from {held}"), &[])
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(texts.len(), n, "the test names a value of {} twice: {texts:?}", of.name);
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            let key = [text(&Value::text(&(i * n + j).to_string()))];
            expected.push(written(&format!("t.{}", of.name), "changed", &key, &["v".to_owned()]));
        }
    }
    expected.sort_unstable();
    let outcome = compared(&pg.sides()).await;
    assert_eq!(outcome.unfinished, None);
    agree(&lines(&outcome), &expected, "every type");
    for of in &types {
        let held = table(&outcome, &format!("t.{}, held", of.name));
        assert_eq!((held.verdict(), held.rows_source), (Verdict::Same, Some(of.values.len() as u64 + 1)));
    }
    eprintln!("{} types, {} changes, {:?}", types.len(), expected.len(), outcome.took);
}

/// Keys of every type that can be one, alone and behind a whole number; where two values are one key, as `1.0` and `1.00`
/// are, each side has another of them.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_are_told_apart() {
    let pg = prepared().await;
    let (mut keyed, mut expected) = (0, Vec::new());
    for of in every_type(&pg).await {
        let name = placed(&of.name);
        let make = format!(
            "create table {name} (k {0} primary key, v int); create table {1} (n int, k {0}, v int, primary key (k, n))",
            of.declared,
            placed(&format!("{} and more", of.name))
        );
        if let Err(why) = pg.source.batch_execute(&make).await {
            let said = why.as_db_error().unwrap();
            assert!(
                said.message().contains("has no default operator class"),
                "{}: {}",
                of.name,
                said.message()
            );
            continue;
        }
        run(&pg.target, &make).await;
        keyed += 1;
        for (side, values) in
            [(&pg.source, of.values.clone()), (&pg.target, of.values.iter().rev().cloned().collect())]
        {
            let [_, some @ ..] = values.as_slice() else { panic!("{} has no values", of.name) };
            for (at, value) in some.iter().enumerate() {
                for (table, row) in [
                    (name.clone(), format!("{value}, 1")),
                    (placed(&format!("{} and more", of.name)), format!("{at} % 2, {value}, 1")),
                ] {
                    let sql = format!("insert into {table} values ({row}) on conflict do nothing");
                    if let Err(why) = side.batch_execute(&sql).await {
                        let said = why.as_db_error().unwrap().message();
                        // Too long for an index; an array of what has no order.
                        let known = ["index row", "could not identify a comparison function"];
                        assert!(known.iter().any(|k| said.starts_with(k)), "{sql}: {said}");
                    }
                }
            }
        }
        // As the comparison writes them: objects with their schemas, addresses with their masks.
        pg.both("set search_path = pg_catalog").await;
        let shown = |c: &str| {
            if of.name.contains("inet") { format!("{c}::text") } else { format!("format('%s', {c})") }
        };
        for (table, key) in [(of.name.clone(), "k"), (format!("{} and more", of.name), "n, k")] {
            let name = placed(&table);
            let keys = async |side: &tokio_postgres::Client| -> BTreeSet<Vec<String>> {
                let columns: Vec<String> = key.split(", ").map(shown).collect();
                let sql = format!("select array[{}] from {name}", columns.join(", "));
                side.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
            };
            let (source, target) = (keys(&pg.source).await, keys(&pg.target).await);
            let key = |key: &Vec<String>| {
                key.iter()
                    .map(|k| {
                        text(&Value::text(if of.name.contains("bool") && k.len() == 1 { long(k) } else { k }))
                    })
                    .collect::<Vec<_>>()
            };
            for missing in source.difference(&target) {
                expected.push(written(&format!("t.{table}"), "missing", &key(missing), &[]));
            }
            for extra in target.difference(&source) {
                expected.push(written(&format!("t.{table}"), "extra", &key(extra), &[]));
            }
            // One of those that both have has another value.
            if let Some(changed) = source.intersection(&target).next() {
                let last = changed.last().unwrap().replace('\'', "''");
                run(&pg.target, &format!("update {name} set v = 2 where {} = '{last}'", shown("k"))).await;
                for both in source.intersection(&target).filter(|k| k.last() == changed.last()) {
                    expected.push(written(&format!("t.{table}"), "changed", &key(both), &["v".to_owned()]));
                }
            }
        }
        pg.both("reset search_path").await;
    }
    expected.sort_unstable();
    let outcome = compared(&pg.sides()).await;
    assert_eq!(outcome.unfinished, None);
    agree(&lines(&outcome), &expected, "keys");
    assert!(keyed > 150, "{keyed} types can be keys");
    eprintln!("{keyed} types as keys, {} differences, {:?}", expected.len(), outcome.took);
}

/// A truth value as its cast to text writes it.
fn long(short: &str) -> &str {
    match short {
        "t" => "true",
        "f" => "false",
        other => other,
    }
}
