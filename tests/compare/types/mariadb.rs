//! Every type of MariaDB.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cutover::compare::tables::{DifferenceKind, Outcome, Verdict};
use cutover::databases::Value;

use super::mariadb_values::VALUES;
use crate::common::{Maria, agree, compared, lines, table, text, written};

/// What its sessions need for values of long ago, and of no time at all.
const FREE: &str = "set time_zone = '+00:00', sql_mode = ''";

/// Types by what they are declared as behind a column's name, with values in SQL. Every word for a type that the server's
/// own help names, every plugin of a type and every kind of geometry is one of them, or the test fails.
fn every_type(maria: &Maria) -> Vec<(&'static str, Vec<&'static str>)> {
    let server = &maria.source;
    let words = server.run(
        "select t.name from mysql.help_topic t join mysql.help_category c using (help_category_id) where c.name = 'Data Types'
         union select plugin_name from information_schema.plugins where plugin_type = 'DATA TYPE'
         union select t.name from mysql.help_topic t join mysql.help_category c using (help_category_id)
               where c.name = 'Geographic Features' and t.name regexp binary '^[A-Z]*(POINT|STRING|POLYGON|COLLECTION)$'
         union select 'GEOMETRY'",
    );
    let mut types = BTreeSet::new();
    for word in words.lines() {
        let word = word.split(" Data Type").next().unwrap();
        for more in ["", "(3)", "('a')"] {
            let probe = format!("create or replace table t.probe (c {word}{more})");
            if server.run_as(crate::mariadb::ADMIN, &probe).is_ok() {
                let sql = "select data_type from information_schema.columns where table_schema = 't' and table_name = 'probe'";
                types.insert(server.run(sql));
                break;
            }
        }
    }
    server.run("drop table if exists t.probe");
    assert!(types.len() > 35, "{types:?}");
    for (i, (declared, _)) in VALUES.iter().enumerate() {
        server.run(&format!("create table t.p{i} (c {declared})"));
    }
    let known =
        server.run("select distinct data_type from information_schema.columns where table_schema = 't'");
    let known: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    for i in 0..VALUES.len() {
        server.run(&format!("drop table t.p{i}"));
    }
    let unknown: Vec<&String> = types.difference(&known).collect();
    assert!(unknown.is_empty(), "types without values to compare: {unknown:?}");
    VALUES.iter().map(|(declared, values)| (*declared, values.to_vec())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_two_values_of_every_type_are_told_apart() {
    let maria = Maria::start();
    let types = every_type(&maria);
    let (mut source, mut target) = (FREE.to_owned(), FREE.to_owned());
    let mut expected = Vec::new();
    for (at, (declared, values)) in types.iter().enumerate() {
        let n = values.len() + 1;
        let all: Vec<String> =
            values.iter().chain([&"null"]).enumerate().map(|(i, v)| format!("({i}, {v})")).collect();
        for (sql, value) in [(&mut source, "a"), (&mut target, "b")] {
            let _ = write!(
                sql,
                ";\ncreate table held{at} (i int primary key, v {declared} null default null);
                 insert into held{at} (i, v) values {};
                 create table crossed{at} (id int primary key, v {declared} null default null);
                 insert into crossed{at} (id, v) select a.i * {n} + b.i, {value}.v from held{at} a, held{at} b",
                all.join(", ")
            );
        }
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            let key = [text(&Value::Integer(i64::try_from(i * n + j).unwrap()))];
            expected.push(written(&format!("crossed{at}"), "changed", &key, &["v".to_owned()]));
        }
    }
    Maria::on(&maria.source, &source);
    Maria::on(&maria.target, &target);
    expected.sort_unstable();
    let outcome = compared(&maria.sides()).await;
    assert_eq!(outcome.unfinished, None);
    let names: Vec<String> =
        types.iter().enumerate().map(|(at, (declared, _))| format!("{at}: {declared}")).collect();
    agree(&lines(&outcome), &expected, &format!("every type, {}", names.join("; ")));
    for (at, (declared, values)) in types.iter().enumerate() {
        let held = table(&outcome, &format!("held{at}"));
        assert_eq!(
            (held.verdict(), held.rows_source),
            (Verdict::Same, Some(values.len() as u64 + 1)),
            "{declared}"
        );
    }
    eprintln!("{} types, {} changes, {:?}", types.len(), expected.len(), outcome.took);
}

/// Keys of every type that can be one; where the server takes two values for one key, each side has another of them.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_are_told_apart() {
    let maria = Maria::start();
    let types = every_type(&maria);
    let mut expected = Vec::new();
    let mut keyed = 0;
    for (at, (declared, values)) in types.iter().enumerate() {
        let create =
            format!("create table t.k{at} (k {declared} not null primary key, n int not null, w int)");
        if maria.source.run_as(crate::mariadb::ADMIN, &create).is_err() {
            // A blob has no key without a length, and a shape none.
            assert!(
                ["text", "blob", "json", "geometry", "point", "polygon", "linestring", "collection"]
                    .iter()
                    .any(|w| declared.contains(w)),
                "{declared}"
            );
            continue;
        }
        keyed += 1;
        maria.target.run(&create);
        let row = |(n, value): &(usize, &&str)| format!("insert ignore into k{at} values ({value}, {n}, 1)");
        let mut rows: Vec<(usize, &&str)> = values.iter().enumerate().skip(1).collect();
        let source: Vec<String> = rows.iter().map(row).collect();
        rows = values.iter().enumerate().rev().skip(1).collect();
        let target: Vec<String> = rows.iter().map(row).collect();
        Maria::on(&maria.source, &format!("{FREE}; {}", source.join("; ")));
        Maria::on(&maria.target, &format!("{FREE}; {}", target.join("; ")));
        let numbers = |server: &crate::mariadb::MariaDb| -> BTreeSet<String> {
            server.run(&format!("select n from t.k{at}")).lines().map(str::to_owned).collect()
        };
        let (source, target) = (numbers(&maria.source), numbers(&maria.target));
        expected.extend(source.difference(&target).map(|n| format!("k{at} missing {n}")));
        expected.extend(target.difference(&source).map(|n| format!("k{at} extra {n}")));
        if let Some(n) = source.intersection(&target).next() {
            maria.target.run(&format!("update t.k{at} set w = 2 where n = {n}"));
            expected.push(format!("k{at} changed {n}"));
        }
    }
    expected.sort_unstable();
    let outcome = compared(&maria.sides()).await;
    assert_eq!(outcome.unfinished, None);
    let names: Vec<String> =
        types.iter().enumerate().map(|(at, (declared, _))| format!("{at}: {declared}")).collect();
    agree(&by_number(&outcome), &expected, &format!("keys, {}", names.join("; ")));
    assert!(keyed > 40, "{keyed} types can be keys");
    eprintln!("{keyed} types as keys, {} differences, {:?}", expected.len(), outcome.took);
}

/// Every row that differs by the number that it carries.
fn by_number(outcome: &Outcome) -> Vec<String> {
    let mut all = Vec::new();
    for table in &outcome.tables {
        for difference in &table.differences {
            let kind = match &difference.kind {
                DifferenceKind::Missing => "missing",
                DifferenceKind::Extra => "extra",
                DifferenceKind::Changed { columns } => {
                    assert_eq!(columns, &["w"]);
                    "changed"
                }
            };
            let row = difference.source.as_ref().or(difference.target.as_ref()).unwrap();
            let number = &row.iter().find(|(name, _)| name == "n").unwrap().1;
            all.push(format!("{} {kind} {number}", table.name));
        }
    }
    all.sort_unstable();
    all
}
