//! Comparing while rows are written and replicated.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::databases::sqlite::convention::{apply_batch, lag, open, open_session};
use crate::databases::{Ends, link};

const SCHEMA: &str = "create table orders (id integer primary key, v integer not null);
    with recursive c(n) as (select 1 union all select n + 1 from c limit 3000) insert into orders select n, 0 from c";

fn linked(pair: &Pair) -> Sides {
    let sides = pair.sides();
    let link = link("sqlite", Ends::new(Arc::clone(&sides.source), Arc::clone(&sides.target))).unwrap();
    Sides { link: Some(link), ..sides }
}

/// Writers and a replicator, going until they are told to end.
struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<u64>>,
}

/// Writes to the rows that `row_of` picks by the number of the write.
fn writer(path: PathBuf, stop: &Arc<AtomicBool>, row_of: fn(i64) -> i64) -> thread::JoinHandle<u64> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut session = open_session(&path, "writer", "test", "app").unwrap();
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) {
            written += 1;
            let row = row_of(written);
            session
                .write("write", |tx| {
                    tx.execute("update orders set v = v + 1 where id = ?1", [row])?;
                    tx.execute("insert or replace into orders values (?1, ?2)", [3_000 + row, written])
                })
                .unwrap();
            thread::sleep(Duration::from_millis(2));
        }
        session.close().unwrap();
        u64::try_from(written).unwrap()
    })
}

impl Traffic {
    /// A writer at the source that takes one row after another, never the last hundred, and a replicator
    /// that stays ten changes behind until the end.
    fn begin(pair: &Pair) -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let (source, target) = (pair.path("source"), pair.path("target"));
        let writer = writer(source.clone(), &stop, |n| n % 2_900 + 1);
        let replicator = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let (mut from, mut to) = (open(&source).unwrap(), open(&target).unwrap());
                let mut carried = 0;
                loop {
                    // Read before the batch: what was written before the stop is still carried.
                    let last = stop.load(Ordering::Relaxed);
                    let kept_back = if last { 0 } else { 10 };
                    let wanted = lag(&from, &to).unwrap().saturating_sub(kept_back);
                    carried +=
                        apply_batch(&mut from, &mut to, u32::try_from(wanted).unwrap()).unwrap().changes;
                    if last && wanted == 0 {
                        return carried;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            })
        };
        Traffic { stop, threads: vec![writer, replicator] }
    }

    /// Waits until replication carries, so that there is something in flight from now on.
    fn flows(&self, pair: &Pair) {
        let applied =
            || pair.target.query_row("select applied from cutover_state", [], |row| row.get::<_, u64>(0));
        while applied().unwrap() == 0 {
            assert!(self.threads.iter().all(|t| !t.is_finished()), "writer or replicator failed");
            thread::yield_now();
        }
    }

    fn end(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|t| t.join().unwrap()).collect()
    }
}

fn pair() -> Pair {
    let pair = Pair::new(SCHEMA);
    install(&pair.source, &["orders"]).unwrap();
    install(&pair.target, &["orders"]).unwrap();
    pair
}

#[tokio::test]
async fn rows_in_flight_are_no_differences() {
    let pair = pair();
    let traffic = Traffic::begin(&pair);
    traffic.flows(&pair);
    let outcome = compare(&linked(&pair), &Request::default(), &mut |_, _| ControlFlow::Continue(())).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", outcome.for_record());
    assert!(outcome.looks > 1, "nothing was in flight: the test proves nothing");
    assert!(traffic.end().into_iter().all(|n| n > 0));
}

#[tokio::test]
async fn a_row_that_replication_did_not_write_is_found_among_rows_in_flight() {
    let pair = pair();
    pair.on_target("update orders set v = -1 where id = 2990; delete from orders where id = 2991");
    let traffic = Traffic::begin(&pair);
    traffic.flows(&pair);
    let outcome = compare(&linked(&pair), &Request::default(), &mut |_, _| ControlFlow::Continue(())).await;
    traffic.end();
    assert_eq!(named(&outcome), ["changed 2990 [v]", "missing 2991"], "{:?}", outcome.for_record());
    assert_eq!(outcome.verdict(), Verdict::Different);
    assert_eq!(outcome.tables[0].in_flight, 0);
}

#[tokio::test]
async fn a_row_that_never_stands_still_is_not_proved() {
    let pair = pair();
    let mut traffic = Traffic::begin(&pair);
    traffic.threads.push(writer(pair.path("target"), &traffic.stop, |_| 2_990));
    traffic.flows(&pair);
    let request = Request { patience: Duration::from_secs(2), ..Request::default() };
    let outcome = compare(&linked(&pair), &request, &mut |_, _| ControlFlow::Continue(())).await;
    traffic.end();
    assert!(not_proved(&outcome).contains("in flight"), "{:?}", outcome.for_record());
    assert!(outcome.looks > 1, "the link was reached, and the row had moved on");
    assert_eq!(outcome.tables[0].in_flight, 2, "row 2990 and the one that is put in with it");
    let after = compare(&linked(&pair), &Request::default(), &mut |_, _| ControlFlow::Continue(())).await;
    assert_eq!(named(&after), ["changed 2990 [v]", "extra 5990"], "{:?}", after.for_record());
}

#[tokio::test]
async fn rows_behind_a_replicator_that_stands_are_not_proved() {
    let pair = pair();
    pair.on_source("update orders set v = 1 where id < 100");
    let request = Request { patience: Duration::from_millis(600), ..Request::default() };
    let outcome = compare(&linked(&pair), &request, &mut |_, _| ControlFlow::Continue(())).await;
    assert_eq!(outcome.tables[0].in_flight, 99);
    assert!(not_proved(&outcome).contains("99 rows differed"), "{:?}", outcome.for_record());
}

#[tokio::test]
async fn without_a_link_what_stood_still_over_two_looks_is_different() {
    let pair = Pair::plain(SCHEMA);
    pair.on_target("update orders set v = 5 where id = 9");
    let outcome = pair.compare().await;
    assert_eq!(named(&outcome), ["changed 9 [v]"]);
    assert_eq!(outcome.looks, 2);
    let nothing_known = &outcome.source;
    assert_eq!((&nothing_known.position, &nothing_known.applied), (&None, &None));
}

#[tokio::test]
async fn changes_on_their_way_back_are_in_flight_too() {
    let pair = pair();
    pair.on_target("update orders set v = 3 where id = 5");
    let back = Sides {
        source: Arc::new(Sqlite::new(pair.path("target"), PATIENCE)),
        target: Arc::new(Sqlite::new(pair.path("source"), PATIENCE)),
        link: None,
    };
    let back = Sides {
        link: Some(link("sqlite", Ends::new(Arc::clone(&back.source), Arc::clone(&back.target))).unwrap()),
        ..back
    };
    let request = Request { patience: Duration::from_millis(300), ..Request::default() };
    let outcome = compare(&back, &request, &mut |_, _| ControlFlow::Continue(())).await;
    assert_eq!(outcome.tables[0].in_flight, 1, "{:?}", outcome.for_record());
    let (mut from, mut to) = (open(&pair.path("target")).unwrap(), open(&pair.path("source")).unwrap());
    apply_batch(&mut from, &mut to, 10).unwrap();
    let outcome = compare(&back, &Request::default(), &mut |_, _| ControlFlow::Continue(())).await;
    assert_eq!(outcome.verdict(), Verdict::Same);
}
