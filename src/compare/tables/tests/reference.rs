//! Random tables against a reference that reads both sides whole and knows nothing of digests.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::*;

/// Tables with every kind of key, each with three columns.
const TABLES: &[(&str, &[usize])] = &[
    ("create table t (k integer primary key, a, b text)", &[0]),
    ("create table t (k text primary key, a, b text)", &[0]),
    ("create table t (k primary key, a, b text) without rowid", &[0]),
    ("create table t (k int, a text, b, primary key (a, k))", &[1, 0]),
    ("create table t (k blob, a, b real, primary key (a, k)) without rowid", &[1, 0]),
    ("create table t (k, a, b)", &[0, 1, 2]),
];

fn value() -> impl Strategy<Value = Sql> {
    prop_oneof![
        Just(Sql::Null),
        (-3_i64..4).prop_map(Sql::Integer),
        any::<i64>().prop_map(Sql::Integer),
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(0.1)].prop_map(Sql::Real),
        "[ a,|'0]{0,3}".prop_map(Sql::Text),
        proptest::collection::vec(0_u8..3, 0..3).prop_map(Sql::Blob),
    ]
}

/// What becomes of a row of the source at the target.
#[derive(Clone, Debug)]
enum Fate {
    Kept,
    Lost,
    Changed(Sql),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![6 => Just(Fate::Kept), 1 => Just(Fate::Lost), 2 => value().prop_map(Fate::Changed)]
}

type Rows = Vec<[Sql; 3]>;

fn fill(conn: &Connection, rows: &Rows) {
    let mut insert = conn.prepare("insert or ignore into t values (?1, ?2, ?3)").unwrap();
    for row in rows {
        // What the table refuses (a text in a whole-number key, NULL without a rowid) is not in it.
        let _refused = insert.execute(params_from_iter(row)).is_err();
    }
}

/// By key, the sorted rows.
fn whole(conn: &Connection, key: &[usize]) -> BTreeMap<Vec<Value>, Vec<Vec<Value>>> {
    let mut rows: BTreeMap<Vec<Value>, Vec<Vec<Value>>> = BTreeMap::new();
    let mut statement = conn.prepare("select k, a, b from t").unwrap();
    let mut found = statement.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        let values: Vec<Value> = (0..3)
            .map(|i| match row.get::<_, Sql>(i).unwrap() {
                Sql::Null => Value::Null,
                Sql::Integer(n) => Value::Integer(n),
                Sql::Real(r) => Value::Real(r),
                Sql::Text(t) => Value::Text(t.into_bytes()),
                Sql::Blob(b) => Value::Blob(b),
            })
            .collect();
        rows.entry(key.iter().map(|i| values[*i].clone()).collect()).or_default().push(values);
    }
    for same_key in rows.values_mut() {
        same_key.sort();
    }
    rows
}

/// Counts of missing, extra and changed rows, by brute force.
fn expected(pair: &Pair, key: &[usize]) -> (u64, u64, u64) {
    let (source, target) = (whole(&pair.source, key), whole(&pair.target, key));
    let (mut missing, mut extra, mut changed) = (0, 0, 0);
    let nothing = Vec::new();
    for key in source.keys().chain(target.keys().filter(|k| !source.contains_key(*k))) {
        let mut left = source.get(key).unwrap_or(&nothing).clone();
        let mut right = target.get(key).unwrap_or(&nothing).clone();
        left.retain(|row| match right.iter().position(|other| other == row) {
            Some(at) => {
                right.remove(at);
                false
            }
            None => true,
        });
        let both = left.len().min(right.len());
        changed += both as u64;
        missing += (left.len() - both) as u64;
        extra += (right.len() - both) as u64;
    }
    (missing, extra, changed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_reference_that_reads_everything(
        table in 0..TABLES.len(),
        rows in proptest::collection::vec(([value(), value(), value()], fate()), 0..60),
        more in proptest::collection::vec([value(), value(), value()], 0..5),
    ) {
        let (ddl, key) = TABLES[table];
        let pair = Pair::new(ddl);
        fill(&pair.source, &rows.iter().map(|(row, _)| row.clone()).collect());
        let at_target = rows.iter().filter_map(|(row, fate)| match fate {
            Fate::Kept => Some(row.clone()),
            Fate::Lost => None,
            Fate::Changed(b) => Some([row[0].clone(), row[1].clone(), b.clone()]),
        });
        // In another order: `or ignore` keeps the first of two rows of a key, so more of them differ.
        fill(&pair.target, &at_target.chain(more).rev_rows());
        let (missing, extra, changed) = expected(&pair, key);

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(pair.compare());
        prop_assert_eq!(outcome.verdict() == Verdict::Same, missing + extra + changed == 0);
        let found = &outcome.tables[0];
        prop_assert_eq!((found.missing, found.extra, found.changed), (missing, extra, changed));
        prop_assert_eq!(found.differences.len() as u64, missing + extra + changed);
        for difference in &found.differences {
            check_against(&pair, key, difference);
        }
    }
}

trait RevRows {
    fn rev_rows(self) -> Rows;
}

impl<I: Iterator<Item = [Sql; 3]>> RevRows for I {
    fn rev_rows(self) -> Rows {
        let mut rows: Rows = self.collect();
        rows.reverse();
        rows
    }
}

/// A named difference is what the tables hold.
fn check_against(pair: &Pair, key: &[usize], difference: &Difference) {
    let rows = |conn: &Connection| {
        let key_values: Vec<Value> = difference.key.iter().map(|(_, v)| v.clone()).collect();
        // Keys are named in the table's order of columns.
        let mut in_order = key.to_vec();
        in_order.sort_unstable();
        whole(conn, &in_order).remove(&key_values).unwrap_or_default()
    };
    let values = |row: &[(String, Value)]| row.iter().map(|(_, v)| v.clone()).collect::<Vec<Value>>();
    let (source, target) = (rows(&pair.source), rows(&pair.target));
    match (&difference.kind, &difference.source, &difference.target) {
        (DifferenceKind::Missing, Some(row), None) => assert!(source.contains(&values(row))),
        (DifferenceKind::Extra, None, Some(row)) => assert!(target.contains(&values(row))),
        (DifferenceKind::Changed { columns }, Some(a), Some(b)) => {
            assert!(source.contains(&values(a)) && target.contains(&values(b)));
            for ((name, x), (_, y)) in a.iter().zip(b) {
                assert_eq!(x != y, columns.contains(name));
            }
        }
        _ => panic!("{difference:?}"),
    }
}
