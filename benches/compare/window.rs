//! What a window pays for: a clean pass while replication runs under load, ten thousand rows written since, and then the
//! verdict. A stray write at the target and a delete that replication has lost have to be in it.

use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cutover::clock::Timestamp;
use cutover::compare::tables::{Book, Ledger, Load, Outcome, Request, Sides, Verdict, compare_with};
use cutover::databases::{Ends, Settings, connect, link};

use crate::common::table::Table;
use crate::common::{cpu, median};
use crate::postgres::{DATABASE, Pair, url};
use crate::servers::{self, postgres::Postgres};

const WRITTEN: u32 = 10_000;
/// Of the row whose delete gets lost, and of the one that somebody else writes to.
const LOST: u32 = 2 * 777;
const STRAY: u32 = 2 * 4711;

pub fn run(turns: usize) {
    let [small, large] = [1_000_000, 5_000_000].map(|rows| size(rows, turns));
    let mut table = Table::new();
    for (rows, (full, window), gate) in [("1M", &small, None), ("5M", &large, Some(0.05))] {
        let whole = format!("whole pass of {rows}");
        table.ratio("wall of the window's verdict", "s", window.wall, (&whole, full.wall), gate);
        table.ratio("CPU of the servers", "s", window.server, (&whole, full.server), gate);
    }
    table.ratio("window's verdict at 5M", "s", large.1.wall, ("at 1M", small.1.wall), Some(1.5));
}

/// Seconds of a comparison.
struct Took {
    wall: f64,
    server: f64,
}

/// A whole pass, and the window's verdict after it.
fn size(rows: u32, turns: usize) -> (Took, Took) {
    let pair = Pair::replicated(rows);
    pair.target.sql(
        DATABASE,
        &format!(
            "create function lose() returns trigger language plpgsql as $$ begin return null; end $$;
             create trigger lose before delete on items for each row when (old.id = {LOST}) execute function lose();
             alter table items enable replica trigger lose"
        ),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sides = sides(&pair);
    let compare = |ledger: &mut Ledger| runtime.block_on(once(&pair, &sides, ledger));

    let mut whole: Vec<Took> = Vec::new();
    for _ in 0..turns {
        let mut ledger = Ledger::default();
        let (outcome, took) = compare(&mut ledger);
        assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
        for side in [&sides.source, &sides.target] {
            runtime.block_on(side.let_trail_go("bench")).unwrap();
        }
        whole.push(took);
    }

    // The clean pass under load: what is on its way then is settled by the next one.
    let mut ledger = Ledger::default();
    let load = Traffic::begin(&pair.source, rows);
    let (under, _) = compare(&mut ledger);
    assert_ne!(under.verdict(), Verdict::Different, "{under:?}");
    load.end();
    settled(&pair);
    let (clean, _) = compare(&mut ledger);
    assert_eq!((clean.verdict(), clean.rows_read), (Verdict::Same, 0), "{clean:?}");

    let mut window: Vec<Took> = Vec::new();
    for turn in 0..turns {
        let first = turn * 3 + 1;
        pair.source.sql(
            DATABASE,
            &format!(
                "update items set number = number + 1 where id in
                   (select 2 * ({first} + (n::bigint * {step}) % {rows}) from generate_series(1, {WRITTEN}) n)",
                step = rows / WRITTEN
            ),
        );
        if turn + 1 == turns {
            pair.source.sql(DATABASE, &format!("delete from items where id = {LOST}"));
            pair.target.sql(DATABASE, &format!("update items set note = 'stray' where id = {STRAY}"));
        }
        settled(&pair);
        let (outcome, took) = compare(&mut ledger);
        assert_eq!(outcome.rows_read, 0);
        let again =
            outcome.tables.iter().filter_map(|table| table.again).map(|again| again.rows).sum::<u64>();
        assert!(again >= u64::from(WRITTEN), "{again} rows looked at again");
        if turn + 1 == turns {
            let keys: Vec<String> =
                outcome.tables[0].differences.iter().map(|it| it.key[0].1.to_string()).collect();
            assert_eq!(
                keys,
                [format!("'{LOST}'"), format!("'{STRAY}'")],
                "the lost delete and the stray write"
            );
        } else {
            assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
        }
        window.push(took);
    }
    (middle(&whole), middle(&window))
}

fn middle(all: &[Took]) -> Took {
    let of = |figure: fn(&Took) -> f64| median(all.iter().map(figure).collect());
    Took { wall: of(|took| took.wall), server: of(|took| took.server) }
}

fn sides(pair: &Pair) -> Sides {
    let end = |name: &str, port| {
        let settings = Settings {
            name: name.to_owned(),
            address: url(port, DATABASE),
            root: "/".into(),
            timeout: Duration::from_secs(60),
        };
        connect("postgres", &settings).unwrap()
    };
    let (source, target) = (end("source", pair.source.port), end("target", pair.target.port));
    let ends = Ends { from: source.clone(), to: target.clone(), name: Some("bench".to_owned()) };
    Sides { link: Some(link("postgres_logical", ends).unwrap()), source, target }
}

async fn once(pair: &Pair, sides: &Sides, ledger: &mut Ledger) -> (Outcome, Took) {
    let server = || pair.ends().iter().map(|end| cpu::of_server(end.pid)).sum::<f64>() / 1000.0;
    let kept = Mutex::new(ledger.clone());
    let keep = |ledger: &Ledger| {
        *kept.lock().unwrap() = ledger.clone();
        Ok(())
    };
    let now = || Timestamp(0);
    let (before, began) = (server(), Instant::now());
    let mut book = Book { name: "bench", ledger: ledger.clone(), keep: &keep, now: &now };
    let request = Request { patience: Duration::from_secs(20), ..Request::default() };
    let outcome = compare_with(sides, &request, &Load::default(), Some(&mut book), &mut |_, _| {
        ControlFlow::Continue(())
    })
    .await;
    let wall = began.elapsed().as_secs_f64();
    *ledger = kept.into_inner().unwrap();
    assert_eq!((&outcome.unfinished, &outcome.without), (&None, &None), "{outcome:?}");
    // As the cockpit does when it has the verdict: no wall, and processor time.
    let marks = ledger.marks.as_ref().unwrap();
    for (side, mark) in [(&sides.source, &marks.source), (&sides.target, &marks.target)] {
        side.trail("bench", Some(mark)).await.unwrap().confirm(mark).await.unwrap();
    }
    // The sessions' own time is known when they are gone.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let took = Took { wall, server: server() - before };
    (outcome, took)
}

/// Waits until the target has everything.
fn settled(pair: &Pair) {
    let end = pair.source.sql(DATABASE, "select pg_current_wal_flush_lsn()");
    servers::wait("the target has everything", || {
        let there =
            format!("select coalesce(bool_and(replay_lsn >= '{end}'), false) from pg_stat_replication");
        (pair.source.sql(DATABASE, &there) == "t").then_some(())
    });
}

/// As `pgbench` loads: one statement after another, each a transaction.
struct Traffic<'a> {
    client: Child,
    on: &'a Postgres,
}

/// What its session is called.
const TRAFFIC: &str = "traffic";

impl Traffic<'_> {
    fn begin(on: &Postgres, rows: u32) -> Traffic<'_> {
        let sql = format!(
            "do $$ declare k bigint; begin loop
               k := 2 * (1 + floor(random() * {rows})::bigint);
               update items set number = number + 1 where id = k;
               commit; perform pg_sleep(0.002);
             end loop; end $$"
        );
        let client = Command::new("psql")
            .args(["-XAtq", "-d", &url(on.port, DATABASE), "-c", &sql])
            .env("PGAPPNAME", TRAFFIC)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Traffic { client, on }
    }

    /// The server would go on without its client.
    fn end(mut self) {
        let sessions = format!("from pg_stat_activity where application_name = '{TRAFFIC}'");
        self.on.sql(DATABASE, &format!("select pg_terminate_backend(pid) {sessions}"));
        self.client.wait().unwrap();
        servers::wait("the load has ended", || {
            (self.on.sql(DATABASE, &format!("select count(*) {sessions}")) == "0").then_some(())
        });
    }
}
