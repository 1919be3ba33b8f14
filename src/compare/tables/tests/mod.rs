//! The comparison on real files: every trap that a softer comparison falls into.

mod before;
mod flight;
mod reference;

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::databases::Value;
use crate::databases::sqlite::Sqlite;
use crate::databases::sqlite::convention::install;

const PATIENCE: Duration = Duration::from_secs(5);

struct Pair {
    dir: TempDir,
    source: Connection,
    target: Connection,
}

impl Pair {
    /// Two databases with the same script run in each, both with logs of changes that stay empty: no
    /// table is followed, so nothing can be in flight and one look is enough.
    fn new(script: &str) -> Pair {
        let pair = Pair::plain("");
        install(&pair.source, &[]).unwrap();
        install(&pair.target, &[]).unwrap();
        pair.on_source(script).on_target(script);
        pair
    }

    /// Without the convention: nobody knows what is in flight.
    fn plain(script: &str) -> Pair {
        let dir = TempDir::new().unwrap();
        let open = |name: &str| {
            let conn = Connection::open(dir.path().join(name)).unwrap();
            // Quick, because nothing of theirs has to last.
            conn.execute_batch("pragma journal_mode = wal; pragma synchronous = off").unwrap();
            conn.execute_batch(script).unwrap();
            conn
        };
        let (source, target) = (open("source"), open("target"));
        Pair { dir, source, target }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn on_source(&self, sql: &str) -> &Pair {
        self.source.execute_batch(sql).unwrap();
        self
    }

    fn on_target(&self, sql: &str) -> &Pair {
        self.target.execute_batch(sql).unwrap();
        self
    }

    fn sides(&self) -> Sides {
        Sides {
            source: Arc::new(Sqlite::new(self.path("source"), PATIENCE)),
            target: Arc::new(Sqlite::new(self.path("target"), PATIENCE)),
            link: None,
        }
    }

    async fn compare(&self) -> Outcome {
        self.compare_with(&Request::default()).await
    }

    async fn compare_with(&self, request: &Request) -> Outcome {
        compare(&self.sides(), request, &mut |_, _| ControlFlow::Continue(())).await
    }
}

/// `kind key [columns]` of every listed difference of the only table.
fn named(outcome: &Outcome) -> Vec<String> {
    let [table] = outcome.tables.as_slice() else { panic!("{outcome:?}") };
    table.differences.iter().map(line).collect()
}

fn line(difference: &Difference) -> String {
    let key: Vec<String> = difference.key.iter().map(|(_, value)| value.to_string()).collect();
    let key = key.join(", ");
    match &difference.kind {
        DifferenceKind::Missing => format!("missing {key}"),
        DifferenceKind::Extra => format!("extra {key}"),
        DifferenceKind::Changed { columns } => format!("changed {key} [{}]", columns.join(" ")),
    }
}

fn not_proved(outcome: &Outcome) -> String {
    match outcome.verdict() {
        Verdict::NotProved { why } => why,
        other => panic!("{other:?}: {outcome:?}"),
    }
}

#[tokio::test]
async fn the_same_rows_are_the_same_whatever_their_order_and_their_columns_order() {
    let pair = Pair::new("");
    pair.on_source(
        "create table t (id integer primary key, a, b); insert into t values (1, 'x', null), (2, 'y', 0.5)",
    );
    pair.on_target(
        "create table t (b, id integer primary key, a); insert into t values (0.5, 2, 'y'), (null, 1, 'x')",
    );
    let outcome = pair.compare().await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
    assert_eq!((outcome.tables[0].rows_source, outcome.tables[0].rows_target), (Some(2), Some(2)));
    assert_eq!(outcome.tables[0].equality, Equality::EveryRow);
    assert_eq!(outcome.looks, 1);
}

#[tokio::test]
async fn values_that_softer_hashes_cannot_tell_apart_are_told_apart() {
    let values = [
        "null",
        "''",
        "0",
        "0.0",
        "-0.0",
        "'0'",
        "x'30'",
        "x''",
        "'a'",
        "'a '",
        "' a'",
        "'A'",
        "1",
        "1.0",
        "'1'",
        "'1.0'",
        "'é'",
        "'e' || char(769)",
        "char(0)",
        "'2025-01-01 00:00:00.000001'",
        "'2025-01-01 00:00:00.000002'",
        "0.110106036",
        "0.110106044",
        "9007199254740993",
        "9007199254740992.0",
    ];
    let pair = Pair::new("create table t (id integer primary key, v)");
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            let id = i * values.len() + j;
            pair.on_source(&format!("insert into t values ({id}, {a})"));
            pair.on_target(&format!("insert into t values ({id}, {b})"));
        }
    }
    let outcome = pair.compare().await;
    let (all, same) = (values.len() * values.len(), values.len());
    assert_eq!(outcome.tables[0].changed, (all - same) as u64);
    assert_eq!(outcome.different(), outcome.tables[0].changed);
    let kept: Vec<bool> =
        (0..all).map(|id| !named(&outcome).contains(&format!("changed {id} [v]"))).collect();
    for (id, same) in kept.into_iter().enumerate() {
        let (a, b) = (values[id / values.len()], values[id % values.len()]);
        assert_eq!(same, a == b, "{a} and {b}");
    }
}

#[tokio::test]
async fn equal_counts_do_not_hide_100_missing_and_100_extra_rows() {
    let pair = Pair::new(
        "create table t (id integer primary key, v text);
         with recursive c(n) as (select 1 union all select n + 1 from c limit 20000)
         insert into t select n, 'row ' || n from c",
    );
    pair.on_source("delete from t where id % 200 = 7").on_target("delete from t where id % 200 = 8");
    let outcome = pair.compare().await;
    let table = &outcome.tables[0];
    assert_eq!(table.rows_source, table.rows_target);
    assert_eq!((table.missing, table.extra, table.changed), (100, 100, 0));
    assert_eq!(outcome.verdict(), Verdict::Different);
    let expected: Vec<String> = (0..100)
        .flat_map(|n| [format!("extra {}", n * 200 + 7), format!("missing {}", n * 200 + 8)])
        .collect();
    assert_eq!(named(&outcome), expected);
}

#[tokio::test]
async fn a_thousand_differences_in_a_large_table_are_all_named() {
    for key in ["integer primary key", "text primary key", "bigint primary key"] {
        let pair = Pair::new(&format!(
            "create table t (id {key}, a text, b real);
             with recursive c(n) as (select -15000 union all select n + 1 from c limit 30000)
             insert into t select n, 'row ' || n, n / 3.0 from c"
        ));
        pair.on_target(
            "update t set b = b + 1e-9 where id % 60 = 1; update t set a = a || ' ' where id % 60 = 2",
        );
        let outcome = pair.compare().await;
        let table = &outcome.tables[0];
        let expected: u64 = pair
            .target
            .query_row("select count(*) from t where abs(id % 60) in (1, 2) and id % 60 > 0", [], |r| {
                r.get(0)
            })
            .unwrap();
        assert_eq!((table.missing, table.extra, table.changed), (0, 0, expected), "{key}");
        assert_eq!(table.differences.len(), usize::try_from(expected.min(1_000)).unwrap());
        assert!(expected > 490, "{expected}");
    }
}

#[tokio::test]
async fn keys_at_both_ends_of_the_type_and_bunched_up_in_between() {
    let pair = Pair::new(
        "create table t (id integer primary key, v);
         insert into t values (-9223372036854775808, 1), (9223372036854775807, 1), (-1, 1), (0, 1);
         with recursive c(n) as (select 1 union all select n + 1 from c limit 12000)
         insert into t select 4611686018427387904 + n, n from c;
         with recursive c(n) as (select 1 union all select n + 1 from c limit 5000)
         insert into t select -n - 1, n from c",
    );
    pair.on_target(
        "update t set v = 2 where id in (-9223372036854775808, 9223372036854775807, -1, 0, -3000);
         update t set v = 'x' where id = 4611686018427387904 + 6000;
         delete from t where id = 4611686018427387904 + 1",
    );
    let outcome = pair.compare().await;
    assert_eq!(
        named(&outcome),
        [
            "changed -9223372036854775808 [v]",
            "changed -3000 [v]",
            "changed -1 [v]",
            "changed 0 [v]",
            "missing 4611686018427387905",
            "changed 4611686018427393904 [v]",
            "changed 9223372036854775807 [v]",
        ]
    );
}

#[tokio::test]
async fn a_separator_inside_a_text_key_does_not_join_two_columns() {
    let script = "create table t (a text, b text, v, primary key (a, b)) without rowid";
    let pair = Pair::new(script);
    pair.on_source("insert into t values ('x,y', 'z', 1), ('p', '', 1), ('|', '||', 1)");
    pair.on_target("insert into t values ('x', 'y,z', 1), ('', 'p', 1), ('||', '|', 1)");
    let outcome = pair.compare().await;
    assert_eq!(
        named(&outcome),
        [
            "extra '', 'p'",
            "missing 'p', ''",
            "extra 'x', 'y,z'",
            "missing 'x,y', 'z'",
            "missing '|', '||'",
            "extra '||', '|'",
        ]
    );
}

#[tokio::test]
async fn keys_that_a_collation_takes_for_equal_are_two_keys() {
    let pair = Pair::new("create table t (id text collate nocase primary key, v)");
    pair.on_source("insert into t values ('A', 1)").on_target("insert into t values ('a', 1)");
    assert_eq!(named(&pair.compare().await), ["missing 'A'", "extra 'a'"]);
}

#[tokio::test]
async fn a_table_without_a_key_is_compared_as_a_multiset_and_says_so() {
    let pair = Pair::new("create table t (a, b); insert into t values (1, 'x'), (1, 'x'), (2, null)");
    assert_eq!(pair.compare().await.verdict(), Verdict::Same);
    // Twice two rows: equal count, equal exclusive-or of hashes.
    pair.on_target("delete from t where a = 1; insert into t values (3, 'y'), (3, 'y')");
    let outcome = pair.compare().await;
    let table = &outcome.tables[0];
    assert_eq!(table.equality, Equality::Multiset);
    assert!(table.equality.to_string().contains("no primary key"));
    assert_eq!((table.missing, table.extra, table.changed), (2, 2, 0));
    assert_eq!(named(&outcome), ["missing 1, 'x'", "missing 1, 'x'", "extra 3, 'y'", "extra 3, 'y'"]);
}

#[tokio::test]
async fn what_is_cast_is_compared_as_that_type() {
    let pair = Pair::new("create table t (id integer primary key, price)");
    pair.on_source("insert into t values (1, '007'), (2, '8'), (3, null)");
    pair.on_target("insert into t values (1, 7), (2, 9), (3, null)");
    let cast = BTreeMap::from([("t.price".to_owned(), "integer".to_owned())]);
    let outcome = pair.compare_with(&Request { cast, ..Request::default() }).await;
    assert_eq!(named(&outcome), ["changed 2 [price]"]);
    assert_eq!(outcome.tables[0].aside, ["price as integer"]);
    assert_eq!(named(&pair.compare().await).len(), 2);
}

#[tokio::test]
async fn a_key_of_nulls_is_no_key_and_its_rows_are_still_told_apart() {
    let pair = Pair::new("create table t (id text primary key, v)");
    pair.on_source("insert into t values (null, 1), (null, 2), (null, 2), ('a', 1)");
    pair.on_target("insert into t values (null, 2), (null, 3), (null, 1), ('a', 1)");
    let outcome = pair.compare().await;
    assert_eq!(named(&outcome), ["changed NULL [v]"]);
    assert_eq!(outcome.tables[0].differences[0].source.as_ref().unwrap()[1].1, Value::Integer(2));
}

#[tokio::test]
async fn differences_of_the_schema_are_named_before_any_row_is_read() {
    let pair = Pair::new("");
    pair.on_source(
        "create table gone (id integer primary key); insert into gone values (1);
         create table t (id integer primary key, a TEXT, b varchar(10), c);
         create table k (x, y, primary key (x, y));
         create table ty (id integer primary key, price INTEGER); insert into ty values (1, 5);
         create table same (id integer primary key)",
    );
    pair.on_target(
        "create table t (id integer primary key, a text, b VARCHAR ( 10 ), d); insert into t values (1,2,3,4);
         create table k (x, y, primary key (y, x));
         create table ty (id integer primary key, price TEXT); insert into ty values (1, 5);
         create table stray (id integer primary key);
         create table same (id integer primary key)",
    );
    let outcome = pair.compare().await;
    let said: Vec<String> = outcome
        .tables
        .iter()
        .flat_map(|t| t.schema.iter().map(move |s| format!("{}: {s}", t.name)))
        .collect();
    assert_eq!(
        said,
        [
            "gone: the table is missing at the target",
            "k: the primary key is (x, y) at the source and (y, x) at the target",
            "stray: only the target has the table",
            "t: column c is missing at the target",
            "t: column d is missing at the source"
                .replace("column d is missing at the source", "only the target has column d")
                .as_str(),
            "ty: column price is \"INTEGER\" at the source and \"TEXT\" at the target",
        ]
    );
    assert_eq!(outcome.verdict(), Verdict::Different);
    let by_name = |name: &str| outcome.tables.iter().find(|t| t.name == name).unwrap();
    assert!(matches!(by_name("t").equality, Equality::NotCompared { .. }));
    assert_eq!((by_name("gone").rows_source, by_name("gone").rows_target), (Some(1), None));
    assert_eq!(by_name("ty").changed, 1, "5 and '5' are two values, and the rows were compared");
    assert_eq!(by_name("same").verdict(), Verdict::Same);
}

#[tokio::test]
async fn tables_of_ours_and_those_not_asked_for_are_left_out_and_listed() {
    let pair = Pair::new(
        "create table orders (id text primary key not null); create table audit (id integer primary key);
         create virtual table search using fts5(body)",
    );
    pair.on_target("insert into cutover_marker values ('m', 1); insert into audit values (1)");
    let request = Request { except: vec!["aud*".to_owned()], ..Request::default() };
    let outcome = pair.compare_with(&request).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
    assert_eq!(outcome.tables.len(), 1);
    let left_out: Vec<String> = outcome.left_out.iter().map(|(n, why)| format!("{n}: {why}")).collect();
    for expected in [
        "audit: not asked for",
        "cutover_state: cutover's own",
        "search: a virtual table has no rows of its own",
    ] {
        assert!(left_out.iter().any(|l| l == expected), "{expected} in {left_out:?}");
    }
}

#[tokio::test]
async fn nothing_compared_is_never_the_same() {
    let pair = Pair::new("");
    assert_eq!(not_proved(&pair.compare().await), "there is no table to compare");
    pair.on_source("create table t (a)").on_target("create table t (a)");
    for request in [
        Request { include: vec!["ordres".to_owned()], ..Request::default() },
        Request { except: vec!["ordres".to_owned()], ..Request::default() },
    ] {
        assert!(not_proved(&pair.compare_with(&request).await).contains("\"ordres\" matches no table"));
    }
    let request = Request { except: vec!["*".to_owned()], ..Request::default() };
    assert_eq!(not_proved(&pair.compare_with(&request).await), "there is no table to compare");
    assert_eq!(pair.compare().await.verdict(), Verdict::Same, "an empty table is a table");
}

#[tokio::test]
async fn a_database_is_not_compared_with_itself() {
    let pair = Pair::new("create table t (a)");
    let mut sides = pair.sides();
    std::os::unix::fs::symlink(pair.path("source"), pair.path("alias")).unwrap();
    sides.target = Arc::new(Sqlite::new(pair.path("alias"), PATIENCE));
    let outcome = compare(&sides, &Request::default(), &mut |_, _| ControlFlow::Continue(())).await;
    assert!(not_proved(&outcome).contains("one and the same database"));
}

#[tokio::test]
async fn what_cannot_be_read_is_not_proved_and_says_why() {
    let pair = Pair::new("create table t (a)");
    let mut sides = pair.sides();
    let mut expect = async |target: &str, why: &str| {
        sides.target = Arc::new(Sqlite::new(pair.path(target), Duration::from_millis(100)));
        let outcome = compare(&sides, &Request::default(), &mut |_, _| ControlFlow::Continue(())).await;
        let said = not_proved(&outcome);
        assert!(said.contains(why), "{target}: {said}");
    };
    expect("nowhere", "is not reachable").await;
    std::fs::write(pair.path("letter"), "no database at all, ".repeat(500)).unwrap();
    expect("letter", "not an SQLite database").await;
    let locked = Connection::open(pair.path("locked")).unwrap();
    locked.execute_batch("create table t (a); begin exclusive; insert into t values (1)").unwrap();
    expect("locked", "gave no answer").await;
    assert!(!pair.path("nowhere").exists());
}

#[tokio::test]
async fn a_damaged_page_is_not_proved() {
    let pair = Pair::new(
        "pragma journal_mode = delete; create table t (id integer primary key, v);
         with recursive c(n) as (select 1 union all select n + 1 from c limit 2000)
         insert into t select n, hex(zeroblob(50)) from c",
    );
    let mut bytes = std::fs::read(pair.path("target")).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    std::fs::write(pair.path("target"), bytes).unwrap();
    assert!(not_proved(&pair.compare().await).contains("damaged"));
}

#[tokio::test]
async fn what_stops_in_the_middle_keeps_what_it_proved() {
    // Three gigabytes to digest that stand on no disk.
    let pair = Pair::new(
        "create table a (id integer primary key); insert into a values (1);
         create table z (id integer primary key, v generated always as (zeroblob(1000000)));
         with recursive c(n) as (select 1 union all select n + 1 from c limit 3000) insert into z select n from c",
    );
    let mut told = Vec::new();
    let outcome =
        compare(&pair.sides(), &Request::default(), &mut |progress: &Progress, _: &[TableOutcome]| {
            told.push(progress.clone());
            match progress.table.as_deref() {
                Some("z") if progress.stage == Stage::Digesting => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
        .await;
    let last = told.last().expect("it was told how far it is");
    assert_eq!((last.tables_done, last.tables, last.rows_expected), (1, Some(2), Some(6_002)));
    assert_eq!(not_proved(&outcome), "it was stopped before it was done");
    assert_eq!(outcome.tables[0].verdict(), Verdict::Same);
    assert!(matches!(outcome.tables[1].verdict(), Verdict::NotProved { .. }));
}

#[tokio::test]
async fn the_list_is_capped_and_the_counts_are_not() {
    let pair = Pair::new("create table t (id integer primary key)");
    pair.on_source(
        "with recursive c(n) as (select 1 union all select n + 1 from c limit 5000) insert into t select n from c",
    );
    let outcome = pair.compare_with(&Request { listed: 10, ..Request::default() }).await;
    assert_eq!((outcome.tables[0].missing, outcome.tables[0].differences.len()), (5_000, 10));
    assert_eq!(outcome.looks, 1, "both logs at rest: nothing can be in flight");
}

#[tokio::test]
async fn the_record_holds_no_value() {
    let pair = Pair::new("create table t (id text primary key not null, v)");
    pair.on_source("insert into t values ('secret-key', 'secret-a'), ('gone', 'secret-b')");
    pair.on_target("insert into t values ('secret-key', 'secret-c')");
    let outcome = pair.compare().await;
    assert_eq!(named(&outcome), ["missing 'gone'", "changed 'secret-key' [v]"]);
    let record = outcome.for_record();
    let json = serde_json::to_string(&record).unwrap();
    assert!(!json.contains("secret") && !json.contains("gone"), "{json}");
    assert_eq!(serde_json::from_str::<OutcomeRecord>(&json).unwrap(), record);
    let rows = &record.tables[0].differences;
    assert_eq!((rows[0].kind.as_str(), &rows[0].target), ("missing", &None));
    assert_ne!(rows[1].source, rows[1].target);
    assert_eq!(rows[1].columns, ["v"]);
    assert!(record.source.position.is_some() && record.target.applied.is_some());
}
