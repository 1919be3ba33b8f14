//! Whole nights with PostgreSQL: `postgres-logical.toml`, `postgres-streaming.toml` and `planned-downtime.toml`, driven by
//! keys in a real pty from the start page to the end or back, while a client orders through a pooler. The oracle is not
//! ours: the client's log against psql.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test relies on and does not find fails the test"
)]

#[path = "../pty/mod.rs"]
mod pty;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../users/mod.rs"]
mod users;
#[path = "../worlds/postgres.rs"]
mod world;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::Value;
use servers::postgres::Postgres;
use servers::wait;
use users::{starts, there_and_back, to_the_end, until_the_switch};
use world::{CUSTOMERS, World, numbers};

/// How far away the target may be: a question and its answer take twice as long.
const FAR: Duration = Duration::from_millis(40);

/// Both sides hold the same rows, and the final one gives no number twice.
fn both_the_same(world: &World, last: &Postgres) {
    for table in ["customers", "orders", "tickets"] {
        let sql = format!("select count(*), sum(hashtextextended(t::text, 0)) from {table} t");
        let (source, target) = (world.source.sql("shop", &sql), world.target.sql("shop", &sql));
        assert_eq!(source, target, "{table}");
    }
    let next =
        last.past_the_default("shop", "select nextval('tickets_id_seq') > (select max(id) from tickets)");
    assert_eq!(next.unwrap(), "t", "the sequence is ahead");
}

/// To the end by a plan of replication; `refuses` is what the source says to a write then.
fn to_its_end(world: &World, plan: &str, refuses: &str) {
    let night = world.night();
    let mut t = world.terminal(plan);
    until_the_switch(&mut t);
    to_the_end(&mut t, &night);
    night.ends(|| numbers(&world.target), 2);
    both_the_same(world, &world.target);
    let direct = world.source.past_the_default("shop", "insert into probe values (9)").unwrap_err();
    assert!(direct.contains(refuses), "{direct}");
}

/// There and back by a plan of replication; the target follows again in the end.
fn and_back_after_the_switch(world: &World, plan: &str) {
    let night = world.night();
    let mut t = world.terminal(plan);
    until_the_switch(&mut t);
    there_and_back(&mut t, &night);
    night.ends(|| numbers(&world.source), 3);
    wait("the way forward has caught up", || {
        let count = |server: &Postgres| server.sql("shop", "select count(*) from tickets");
        (count(&world.source) == count(&world.target)).then_some(())
    });
    both_the_same(world, &world.source);
}

#[test]
fn logical_to_its_end() {
    to_its_end(&World::logical(CUSTOMERS), "postgres-logical.toml", "this side is fenced");
}

#[test]
fn logical_and_back_from_far_away() {
    and_back_after_the_switch(&World::apart(CUSTOMERS, FAR), "postgres-logical.toml");
}

#[test]
fn logical_and_back_after_the_switch() {
    and_back_after_the_switch(&World::logical(CUSTOMERS), "postgres-logical.toml");
}

#[test]
fn streaming_to_its_end() {
    to_its_end(&World::streaming(), "postgres-streaming.toml", "read-only");
}

#[test]
fn streaming_and_back_after_the_switch() {
    and_back_after_the_switch(&World::streaming(), "postgres-streaming.toml");
}

#[test]
fn planned_downtime_to_its_end() {
    let world = World::planned();
    let night = world.night();
    let mut t = world.terminal("planned-downtime.toml");
    starts(&mut t);
    t.shows("GO / NO-GO   Close the shop");
    t.answers_alarms();
    t.go();
    t.shows("GO / NO-GO   Open on the cloud");
    t.answers_alarms();
    to_the_end(&mut t, &night);
    night.ends(|| numbers(&world.target), 2);
}

/// What the comparison `rows` has proved, as its run's folder says.
fn ledger(world: &World) -> Option<Value> {
    let run = std::fs::read_dir(world.home().join("state/cutover/runs")).ok()?.next()?.ok()?;
    serde_json::from_slice(&std::fs::read(run.path().join("ledger/rows.json")).ok()?).ok()
}

/// How many of the customers' keys are behind it; `None` before it has begun, and once all are.
fn keys_read(ledger: &Value) -> Option<i64> {
    let table = &ledger["tables"]["public.customers"];
    let done = table["done"].as_array().filter(|_| table["complete"] == false)?;
    let keys = |range: &Value| range["end"].as_i64().unwrap() - range["start"].as_i64().unwrap() + 1;
    Some(done.iter().map(keys).sum())
}

#[test]
fn a_pass_whose_engine_and_server_are_killed_goes_on_where_it_was() {
    let mut world = World::logical(4_000_000);
    let mut t = world.terminal("postgres-logical.toml");
    starts(&mut t);
    let in_the_middle = |world: &World, than: i64| {
        wait("the pass is in the middle", || {
            ledger(world).and_then(|it| keys_read(&it)).filter(|n| *n > than)
        })
    };
    let at_the_engine = in_the_middle(&world, 0);
    kill_process(pty::engine(world.home()), Signal::KILL).unwrap();
    t.shows("NO CONTACT");
    t.pump(Duration::from_secs(2));
    t.text("R");
    t.gone("NO CONTACT");
    // More than before it was killed, and less than everything: it began where the other one ended.
    let at_the_server = in_the_middle(&world, at_the_engine);
    world.target.kill();
    t.shows("? rows, before");
    println!("{}", t.screen());
    world.target.up();
    let mut read = at_the_server;
    // A look that failed is tried again a minute later.
    let began = Instant::now();
    let done = loop {
        assert!(began.elapsed() < Duration::from_secs(180), "{read} keys are read, and no more");
        t.pump(Duration::from_millis(20));
        let Some(now) = ledger(&world) else { continue };
        let Some(keys) = keys_read(&now) else { break now };
        assert!(keys >= read, "{keys} keys after {read}");
        read = keys;
    };
    assert_eq!(done["tables"]["public.customers"]["complete"], true, "{done}");
    println!(
        "{at_the_engine} keys when the engine was killed, {at_the_server} when the server was, {read} at last"
    );
    assert!(read > at_the_server);
}

/// Statements of other people that are at work until they are let go.
struct Others(Vec<Child>);

impl Others {
    fn at_work(server: &Postgres, number: usize) -> Others {
        let address = format!("host=127.0.0.1 port={} dbname=shop user=postgres", server.port);
        let one = || {
            let mut psql = Command::new("psql");
            psql.args(["-XAtqd", &address, "-c", "select pg_sleep(600)"]).stdout(Stdio::null());
            psql.spawn().unwrap()
        };
        Others((0..number).map(|_| one()).collect())
    }

    fn let_go(self, server: &Postgres) {
        let ended =
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like '%pg_sleep(600)'
            and pid <> pg_backend_pid()";
        server.sql("shop", ended);
        for mut psql in self.0 {
            psql.wait().unwrap();
        }
    }
}

#[test]
fn what_is_proved_in_part_opens_no_gate() {
    let world = World::logical(CUSTOMERS);
    let night = world.night();
    let mut t = world.terminal("postgres-logical.toml");
    until_the_switch(&mut t);
    // All of it holds. Then a table of the target is written anew, of which no log tells; and while the server has more to do
    // than a comparison may add to, it is not read again.
    let others = Others::at_work(&world.target, 36);
    world.target.sql("shop", "vacuum full customers");
    t.text("5");
    t.shows("waits: target is busy");
    t.shows("3 of 4 tables done");
    t.shows("public.customers              reading, 0 %");
    t.text("b");
    t.shows("Not yet: rows, now is stale");
    t.shows("no longer true                    rows, now: no look for too long");
    t.go_is_refused("GO / NO-GO   Send users", "cloud abcd");
    // When they are gone the gate opens by itself.
    others.let_go(&world.target);
    t.answers_alarms();
    to_the_end(&mut t, &night);
    night.ends(|| numbers(&world.target), 2);
    both_the_same(&world, &world.target);
}
