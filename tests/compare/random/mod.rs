//! Random tables, most with a random change, against a reference that reads both sides whole and knows nothing of hashes.
//!
//! The seed is printed and can be given (`CUTOVER_SEED`); `CUTOVER_LONG` makes it ten thousand tables.

mod engines;
mod tables;
mod values;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cutover::compare::tables::{Sides, Verdict};
use cutover::databases::Value;

use crate::common::{agree, compared, lines, text, written};
use crate::dice::Dice;
use tables::{Shape, Table};
use values::Kind;

/// An engine with two sides.
trait Engine {
    fn kinds(&self) -> &'static [Kind];
    fn shapes(&self) -> &'static [Shape];
    /// Runs a script on one side, the target where that is said.
    async fn run(&mut self, on_target: bool, script: &str);
    /// Every row of a table, read whole.
    async fn rows(&mut self, on_target: bool, table: &Table) -> Vec<Vec<Value>>;
    fn create(&self, table: &Table) -> String;
    fn insert(&self, table: &Table, rows: &[Vec<values::Val>]) -> String;
    /// What takes every row of a table away.
    fn empty(&self, table: &Table) -> String {
        format!("delete from {};\n", table.written)
    }
    /// A table's name as the comparison says it.
    fn name(&self, table: &Table) -> String;
    fn sides(&self) -> Sides;
}

/// What was tried, and what came of it.
#[derive(Default)]
struct Tally {
    changed: usize,
    controls: usize,
    rows: usize,
    differences: usize,
    comparing: Duration,
}

/// So many tables lie in a database at a time.
const TOGETHER: usize = 200;

async fn try_out(engine: &mut impl Engine, share: usize, what: &str) {
    let (long, seed) = (std::env::var_os("CUTOVER_LONG").is_some(), std::env::var("CUTOVER_SEED").ok());
    let seed = seed.map_or(4_711, |seed| seed.parse().expect("a number"));
    let (changed, controls) = if long { (1_000 * share, 100 * share) } else { (50 * share, 5 * share) };
    eprintln!("{what}: {changed} tables with changes, {controls} without, seed {seed}");
    let (mut dice, mut tally, begun) = (Dice::new(seed), Tally::default(), Instant::now());
    let mut fates: Vec<bool> = (0..changed + controls).map(|i| i < changed).collect();
    dice.shuffle(&mut fates);
    for (batch, fates) in fates.chunks(TOGETHER).enumerate() {
        one_batch(
            engine,
            &mut dice,
            batch,
            fates,
            &mut tally,
            &format!("{what}, seed {seed}, batch {batch}"),
        )
        .await;
    }
    assert_eq!((tally.changed, tally.controls), (changed, controls));
    eprintln!(
        "{what}: {} tables changed, {} not, {} rows, {} differences, 0 misses, 0 false alarms, {:.1} s of comparing in {:.1} s",
        tally.changed,
        tally.controls,
        tally.rows,
        tally.differences,
        tally.comparing.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
}

async fn one_batch(
    engine: &mut impl Engine,
    dice: &mut Dice,
    batch: usize,
    fates: &[bool],
    tally: &mut Tally,
    what: &str,
) {
    let mut made = Vec::new();
    let (mut source, mut target) = (String::new(), String::new());
    for (at, is_changed) in fates.iter().enumerate() {
        let table = Table::random(dice, &format!("b{batch}_{at}"), engine.kinds(), engine.shapes());
        let rows = table.rows(dice, usize::from(*is_changed));
        let mut others = rows.clone();
        if *is_changed {
            for _ in 0..if dice.once_in(3) { dice.from(2, 9) } else { 1 } {
                table.change(dice, &mut others);
            }
        }
        // Of two rows that are one to the server's key the first stays.
        if *is_changed || !table.has_soft_key() {
            dice.shuffle(&mut others);
        }
        for (script, rows) in [(&mut source, &rows), (&mut target, &others)] {
            script.push_str(&engine.create(&table));
            script.push_str(&engine.insert(&table, rows));
        }
        tally.rows += rows.len();
        let heir = table.heir();
        made.push((table, Some(*is_changed)));
        // What becomes of it comes of what becomes of the other.
        made.extend(heir.map(|heir| (heir, None)));
    }
    engine.run(false, &source).await;
    engine.run(true, &target).await;

    let mut expected = BTreeMap::new();
    for (table, is_changed) in &made {
        let mut differences = reference(engine, table).await;
        if *is_changed == Some(true) && differences.is_empty() {
            // What the server made of both values is one: it loses all of them.
            engine.run(true, &engine.empty(table)).await;
            differences = reference(engine, table).await;
        }
        if let Some(is_changed) = is_changed {
            assert_eq!(
                differences.is_empty(),
                !is_changed,
                "{what}: {} is not what it was to be: {:?}\n{}",
                table.name,
                differences.get(..differences.len().min(3)),
                engine.create(table)
            );
            *(if *is_changed { &mut tally.changed } else { &mut tally.controls }) += 1;
        }
        expected.insert(engine.name(table), differences);
    }
    let begun = Instant::now();
    let outcome = compared(&engine.sides()).await;
    tally.comparing += begun.elapsed();
    assert_eq!(outcome.unfinished, None, "{what}");
    let mut all: Vec<String> = expected.values().flatten().cloned().collect();
    all.sort_unstable();
    tally.differences += all.len();
    agree(&lines(&outcome), &all, what);
    for table in &outcome.tables {
        let same = expected
            .get(&table.name)
            .unwrap_or_else(|| panic!("{what}: nobody made {}", table.name))
            .is_empty();
        let verdict = if same { Verdict::Same } else { Verdict::Different };
        assert_eq!(
            (table.verdict(), table.schema.as_slice()),
            (verdict, [].as_slice()),
            "{what}: {}",
            table.name
        );
    }
    assert_eq!(outcome.tables.len(), expected.len(), "{what}: every table is looked at");
    let drop: String =
        made.iter().filter(|(_, fate)| fate.is_some()).map(|(table, _)| table.drop()).collect();
    engine.run(false, &drop).await;
    engine.run(true, &drop).await;
}

/// Every difference of a table, by reading it whole: rows by key, or each as often as it is there.
async fn reference(engine: &mut impl Engine, table: &Table) -> Vec<String> {
    let name = engine.name(table);
    let by_key = |rows: Vec<Vec<Value>>| {
        let mut by_key: BTreeMap<Vec<Value>, Vec<Vec<Value>>> = BTreeMap::new();
        for row in rows {
            let key = table.key_columns().into_iter().map(|i| row[i].clone()).collect();
            by_key.entry(key).or_default().push(row);
        }
        by_key
    };
    let (source, mut target) =
        (by_key(engine.rows(false, table).await), by_key(engine.rows(true, table).await));
    let mut found = Vec::new();
    let mut note = |kind, key: &[Value], columns: &[String]| {
        found.push(written(&name, kind, &key.iter().map(text).collect::<Vec<_>>(), columns));
    };
    for (key, mut here) in source {
        let mut there = target.remove(&key).unwrap_or_default();
        here.retain(|row| match there.iter().position(|other| other == row) {
            Some(at) => {
                there.remove(at);
                false
            }
            None => true,
        });
        match (here.as_slice(), there.as_slice()) {
            ([a], [b]) if !table.key.is_empty() => {
                let columns = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y);
                note(
                    "changed",
                    &key,
                    &columns.map(|(i, _)| table.columns[i].name.clone()).collect::<Vec<_>>(),
                );
            }
            (missing, extra) => {
                for _ in missing {
                    note("missing", &key, &[]);
                }
                for _ in extra {
                    note("extra", &key, &[]);
                }
            }
        }
    }
    for (key, rows) in target {
        for _ in rows {
            note("extra", &key, &[]);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    try_out(&mut engines::Postgres::start().await, 6, "PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    try_out(&mut engines::MariaDb::start().await, 3, "MariaDB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    try_out(&mut engines::Sqlite::start(), 1, "SQLite").await;
}
