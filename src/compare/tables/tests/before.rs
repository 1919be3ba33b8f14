//! A pass before the window, and then only what was written since.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::clock::Timestamp;
use crate::compare::tables::{Book, Ledger};
use crate::databases::sqlite::convention::{apply_batch, open};

/// Both sides with the same orders, every change noted, and what the source has noted carried to the target.
fn pair() -> Pair {
    let pair = Pair::plain(
        "create table orders (id integer primary key, v);
         create table lines (order_id integer, n text, v, primary key (order_id, n)) without rowid;
         with recursive c(n) as (select 1 union all select n + 1 from c limit 5000) insert into orders select n, 'v' || n from c;
         insert into lines select id, 'a', id from orders;",
    );
    for side in [&pair.source, &pair.target] {
        install(side, &["orders", "lines"]).unwrap();
    }
    pair
}

fn carry(pair: &Pair) {
    let (mut from, mut to) = (open(&pair.path("source")).unwrap(), open(&pair.path("target")).unwrap());
    while apply_batch(&mut from, &mut to, 1_000).unwrap().changes > 0 {}
}

/// One comparison with a ledger, which it leaves as it was kept last; and how many rows it read whole.
async fn with(pair: &Pair, ledger: &mut Ledger) -> (Outcome, u64) {
    let kept = Mutex::new(ledger.clone());
    let outcome = {
        let keep = |ledger: &Ledger| {
            // As it comes back from a file.
            let text = serde_json::to_string(ledger).map_err(|why| why.to_string())?;
            *kept.lock().unwrap() = serde_json::from_str(&text).map_err(|why| why.to_string())?;
            Ok(())
        };
        let now = || Timestamp(1_000);
        let mut book = Book { name: "test", ledger: ledger.clone(), keep: &keep, now: &now };
        let sides = pair.sides();
        compare_with(&sides, &Request::default(), &Load::default(), Some(&mut book), &mut |_, _| {
            ControlFlow::Continue(())
        })
        .await
    };
    *ledger = kept.into_inner().unwrap();
    let rows = outcome.rows_read;
    (outcome, rows)
}

fn again(outcome: &Outcome, table: &str) -> Option<u64> {
    let table = outcome.tables.iter().find(|t| t.name == table).unwrap();
    table.again.map(|again| again.rows)
}

#[tokio::test]
async fn what_was_read_before_is_not_read_again() {
    let pair = pair();
    let mut ledger = Ledger::default();
    let (outcome, _) = with(&pair, &mut ledger).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
    assert_eq!(again(&outcome, "orders"), None);
    assert!(ledger.tables.values().all(|entry| entry.complete && entry.open.is_empty()));

    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0));
    assert_eq!(again(&outcome, "orders"), Some(0));

    pair.on_source("update orders set v = 'x' where id <= 20; delete from lines where order_id = 7");
    carry(&pair);
    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0), "{outcome:?}");
    assert_eq!((again(&outcome, "orders"), again(&outcome, "lines")), (Some(20), Some(1)));
    let orders = outcome.tables.iter().find(|t| t.name == "orders").unwrap();
    assert_eq!(orders.again.unwrap().read_at, Timestamp(1_000));
}

#[tokio::test]
async fn a_stray_write_and_a_lost_delete_are_found_after_the_pass() {
    let pair = pair();
    let mut ledger = Ledger::default();
    with(&pair, &mut ledger).await;
    pair.on_target("update orders set v = 'stray' where id = 4711; insert into lines values (9999, 'b', 1)");
    // The source's log says so, and nothing carries it.
    pair.on_source("delete from orders where id = 17");
    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!(rows, 0);
    let named: Vec<String> = outcome.tables.iter().flat_map(|t| t.differences.iter().map(line)).collect();
    assert_eq!(named, ["extra 9999, 'b'", "extra 17", "changed 4711 [v]"]);
    assert_eq!(outcome.verdict(), Verdict::Different);
    // They stay until they are mended, also when nothing is written any more.
    let (outcome, _) = with(&pair, &mut ledger).await;
    assert_eq!(outcome.different(), 3, "{outcome:?}");
    pair.on_target("update orders set v = 'v4711' where id = 4711; delete from lines where order_id = 9999");
    carry(&pair);
    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0), "{outcome:?}");
}

#[tokio::test]
async fn a_pass_that_was_stopped_in_the_middle_goes_on_where_it_was() {
    let pair = Pair::plain(
        "create table big (id integer primary key, v);
         with recursive c(n) as (select 1 union all select n + 1 from c limit 7000) insert into big select n, n from c;",
    );
    for side in [&pair.source, &pair.target] {
        install(side, &["big"]).unwrap();
    }
    pair.on_target("update big set v = -1 where id = 5");
    let mut ledger = Ledger::default();
    let kept = Mutex::new(Ledger::default());
    let told = AtomicUsize::new(0);
    let keep = |ledger: &Ledger| {
        // The pieces are three; the disk is full when more than the first is to be kept.
        if !ledger.tables.is_empty() && told.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err("no space left on device".to_owned());
        }
        *kept.lock().unwrap() = ledger.clone();
        Ok(())
    };
    let now = || Timestamp(1);
    let mut book = Book { name: "test", ledger: ledger.clone(), keep: &keep, now: &now };
    let load = Load::new(1).by(2_500);
    let outcome = compare_with(&pair.sides(), &Request::default(), &load, Some(&mut book), &mut |_, _| {
        std::thread::sleep(Duration::from_millis(5));
        ControlFlow::Continue(())
    })
    .await;
    assert!(outcome.unfinished.as_deref().is_some_and(|why| why.contains("no space left")), "{outcome:?}");
    ledger = kept.lock().unwrap().clone();
    let done: Vec<_> = ledger.tables["big"].done.clone();
    assert_eq!(done, [1..=2_500]);
    // What is written meanwhile to a row that was read is looked at all the same.
    pair.on_target("update big set v = -2 where id = 7");
    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!(rows, 2 * 4_500);
    assert_eq!(outcome.tables[0].rows_source, Some(7_000));
    assert_eq!(named(&outcome), ["changed 5 [v]", "changed 7 [v]"]);
}

#[tokio::test]
async fn a_table_that_is_not_what_it_was_is_read_again() {
    let pair = pair();
    let mut ledger = Ledger::default();
    with(&pair, &mut ledger).await;
    for side in [&pair.source, &pair.target] {
        side.execute_batch("alter table orders add column w default 1").unwrap();
        install(side, &["orders", "lines"]).unwrap();
    }
    pair.on_target("update orders set w = 2 where id = 3");
    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!(rows, 10_000, "orders of both sides, and no lines");
    let orders = outcome.tables.iter().find(|t| t.name == "orders").unwrap();
    assert_eq!(orders.differences.iter().map(line).collect::<Vec<_>>(), ["changed 3 [w]"]);
    // Altered on one side only: said before a row is read.
    pair.on_source("alter table lines add column w");
    let (outcome, _) = with(&pair, &mut ledger).await;
    let lines = outcome.tables.iter().find(|t| t.name == "lines").unwrap();
    assert_eq!(lines.schema.len(), 1, "{lines:?}");
}

#[tokio::test]
async fn who_says_that_he_is_replication_is_noted_too() {
    let pair = super::before::pair();
    let mut ledger = Ledger::default();
    with(&pair, &mut ledger).await;
    pair.on_target(
        "begin; update cutover_state set applying = 1; update orders set v = 'forged' where id = 7;
         update cutover_state set applying = 0; commit",
    );
    let (outcome, rows) = with(&pair, &mut ledger).await;
    assert_eq!(rows, 0, "nothing is read whole");
    let orders = outcome.tables.iter().find(|t| t.name == "orders").unwrap();
    assert_eq!(orders.differences.iter().map(line).collect::<Vec<_>>(), ["changed 7 [v]"]);
}

#[tokio::test]
async fn what_is_written_while_a_look_begins_is_told_to_the_next_one_too() {
    let pair = super::before::pair();
    let side = pair.sides().source;
    let mut trail = side.trail("test", None).await.unwrap();
    let mut told = Vec::new();
    for look in 0..3 {
        let mut snapshot = side.snapshot().await.unwrap();
        snapshot.stamp().await.unwrap();
        if look == 0 {
            pair.on_source("update orders set v = 'late' where id = 7");
        }
        let seen = snapshot.seen().await.unwrap();
        let stretch = trail.read(&seen).await.unwrap();
        trail.confirm(&stretch.until).await.unwrap();
        told.push(stretch.tables.contains_key("orders"));
    }
    assert_eq!(told, [true, true, false], "not seen, seen, known");
}

#[tokio::test]
async fn a_row_that_another_one_replaces_is_found() {
    let pair = super::before::pair();
    let mut ledger = Ledger::default();
    for side in [Pair::on_source, Pair::on_target] {
        side(&pair, "create unique index once on orders (v)");
    }
    with(&pair, &mut ledger).await;
    // No trigger fires for the row that goes.
    pair.on_target("insert or replace into orders select 1000000, v from orders where id = 5");
    let (outcome, _) = with(&pair, &mut ledger).await;
    let orders = outcome.tables.iter().find(|t| t.name == "orders").unwrap();
    assert_eq!(orders.differences.iter().map(line).collect::<Vec<_>>(), ["missing 5", "extra 1000000"]);
}

#[tokio::test]
async fn where_nothing_notes_what_is_written_everything_is_read_again_and_why_is_said() {
    let pair = Pair::plain("create table t (id integer primary key, v); insert into t values (1, 1), (2, 2)");
    let mut ledger = Ledger::default();
    for _ in 0..2 {
        let (outcome, _) = with(&pair, &mut ledger).await;
        assert!(outcome.without.as_deref().is_some_and(|why| why.contains("no change log")), "{outcome:?}");
        assert_eq!(outcome.tables[0].again, None);
    }
    // A log that ends before the place that was read last is another database's: nothing of the ledger holds.
    let pair = super::before::pair();
    with(&pair, &mut ledger).await;
    pair.on_target("update orders set v = 'unseen' where id = 9; delete from cutover_written");
    pair.on_target("update sqlite_sequence set seq = 0 where name = 'cutover_written'");
    ledger.marks.as_mut().unwrap().target = crate::databases::trail::Mark("c:99".to_owned());
    let (outcome, _) = with(&pair, &mut ledger).await;
    assert_eq!(again(&outcome, "orders"), None);
    assert_eq!(outcome.different(), 1, "{outcome:?}");
}
