//! Whole nights with PostgreSQL: `postgres-logical.toml`, `postgres-streaming.toml` and `planned-downtime.toml`, driven by keys in a real pty from its start page to
//! its end or back, while a client orders through a pooler. The oracle is not ours: the client's log against psql.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test relies on and does not find fails the test"
)]

mod client;
#[path = "../pty/mod.rs"]
mod pty;
#[path = "../servers/mod.rs"]
mod servers;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use client::{Log, Orders, Prober};
use cutover::databases::Settings;
use cutover::databases::postgres::{self, convention};
use pty::Terminal;
use servers::pgbouncer::Pooler;
use servers::postgres::Postgres;
use servers::wait;
use tempfile::TempDir;

const SCHEMA: &str = "
    create table customers (id bigint primary key, name text not null);
    create table orders (id uuid primary key, customer bigint not null, cents bigint not null,
      placed timestamptz not null default now());
    create table tickets (id bigserial primary key, of_order bigint not null);
    grant select, insert, update, delete on all tables in schema public to app;
    grant usage on all sequences in schema public to app";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans").join(name)
}

/// Two servers, a pooler, and what has to be there before the night.
struct World {
    source: Postgres,
    target: Postgres,
    pooler: Pooler,
    home: TempDir,
}

impl World {
    fn logical() -> World {
        let (source, target) = (Postgres::start(), Postgres::start());
        for server in [&source, &target] {
            server.sql("postgres", "create role app login; create role bystander login");
            server.sql("postgres", "create database shop");
            server.sql("shop", SCHEMA);
            install(server);
        }
        source
            .sql("shop", "insert into customers select g, 'customer ' || g from generate_series(1, 5000) g");
        let address =
            |server: &Postgres| format!("host=127.0.0.1 port={} dbname=shop user=postgres", server.port);
        source.file("shop", &sample("postgres-logical/source.sql"), &[]);
        target.file("shop", &sample("postgres-logical/target.sql"), &[("source", &address(&source))]);
        source.file("shop", &sample("postgres-logical/back.sql"), &[("target", &address(&target))]);
        wait("every table is copied", || {
            let left = target.sql("shop", "select count(*) from pg_subscription_rel where srsubstate <> 'r'");
            (left == "0").then_some(())
        });
        for server in [&source, &target] {
            server.past_the_default("shop", "grant insert on probe to bystander").unwrap();
        }
        let pooler = Pooler::start(source.port, target.port);
        World { source, target, pooler, home: TempDir::new().unwrap() }
    }

    fn planned() -> World {
        let (source, target) = (Postgres::start(), Postgres::start());
        for server in [&source, &target] {
            server.sql("postgres", "create role app login; create role bystander login");
            server.sql("postgres", "create database shop");
            install(server);
        }
        source.sql("shop", SCHEMA);
        source
            .sql("shop", "insert into customers select g, 'customer ' || g from generate_series(1, 5000) g");
        source.file("shop", &sample("planned-downtime/source.sql"), &[]);
        source.sql("shop", "grant insert on probe to bystander");
        target.file("shop", &sample("planned-downtime/target.sql"), &[]);
        let pooler = Pooler::start(source.port, target.port);
        World { source, target, pooler, home: TempDir::new().unwrap() }
    }

    fn streaming() -> World {
        let source = Postgres::with("cluster_name = 'dc1'");
        source.sql("postgres", "create role app login; create role bystander login");
        source.sql("postgres", "create database shop");
        source.sql("shop", SCHEMA);
        install(&source);
        source
            .sql("shop", "insert into customers select g, 'customer ' || g from generate_series(1, 5000) g");
        source.file("shop", &sample("postgres-streaming/source.sql"), &[]);
        source.sql("shop", "grant insert on probe to bystander");
        let target = Postgres::standby_with(
            &source,
            "cluster_name = 'cloud'\nhot_standby_feedback = on",
            Some("cloud"),
        );
        let pooler = Pooler::start(source.port, target.port);
        World { source, target, pooler, home: TempDir::new().unwrap() }
    }

    fn terminal(&self, plan: &str) -> Terminal {
        let side =
            |server: &Postgres| format!("host=127.0.0.1 port={} dbname=shop user=postgres", server.port);
        let plan = sample(plan);
        let sets = [
            format!("source={}", side(&self.source)),
            format!("target={}", side(&self.target)),
            format!("app={}", self.pooler.app()),
            format!("pooler={}", self.pooler.dir.path().display()),
        ];
        let follows = |server: &Postgres| format!("host=127.0.0.1 port={} user=postgres", server.port);
        let mut sets = sets.to_vec();
        if plan.ends_with("postgres-streaming.toml") {
            sets.push(format!("from_source={}", follows(&self.source)));
            sets.push(format!("from_target={}", follows(&self.target)));
            sets.push(format!("source_folder={}", self.source.data().display()));
            sets.push(format!("target_folder={}", self.target.data().display()));
        }
        let mut args = vec!["run", plan.to_str().unwrap(), "--as", "lead"];
        for set in &sets {
            args.extend(["--set", set]);
        }
        Terminal::start(self.home.path(), 120, 36, &args)
    }

    fn direct(server: &Postgres) -> String {
        format!("host=127.0.0.1 port={} dbname=shop user=bystander", server.port)
    }
}

fn install(server: &Postgres) {
    let settings = Settings {
        name: "shop".to_owned(),
        address: server.url("shop", "postgres"),
        root: "/".into(),
        timeout: Duration::from_secs(10),
    };
    let database = postgres::Postgres::new(&settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(convention::install(&database)).unwrap();
}

/// What users and bystanders did all night.
struct Night {
    orders: Orders,
    on_source: Prober,
    on_target: Prober,
}

impl Night {
    fn begin(world: &World) -> Night {
        Night {
            orders: Orders::begin(&world.pooler.app()),
            on_source: Prober::begin(&World::direct(&world.source)),
            on_target: Prober::begin(&World::direct(&world.target)),
        }
    }

    /// Lets users order for a while.
    fn goes_on(&self) {
        let now = self.orders.count();
        wait("users order", || (self.orders.count() > now + 50).then_some(()));
    }

    /// Ends it, and holds what was seen against what is there.
    fn ends(self, final_side: &Postgres, turns: usize) -> Log {
        let log = self.orders.end();
        let (source, target) = (self.on_source.end(), self.on_target.end());
        let rows = final_side.sql("shop", "select customer from orders");
        let (missing, twice) = client::missing_and_twice(&log, &rows);
        assert_eq!((missing.as_slice(), twice), ([].as_slice(), 0), "orders missing, and twice");
        assert!(log.wrong.is_empty(), "{:?}", log.wrong);
        assert!(log.acknowledged.len() > 100, "{} orders were acknowledged", log.acknowledged.len());
        // No two spans of different sides touch: never did both take writes.
        let mut all: Vec<(Instant, Instant, &str)> = source
            .iter()
            .map(|&(from, to)| (from, to, "source"))
            .chain(target.iter().map(|&(from, to)| (from, to, "target")))
            .collect();
        all.sort();
        let mut seen = vec![all[0].2];
        for pair in all.windows(2) {
            if pair[0].2 != pair[1].2 {
                assert!(pair[0].1 < pair[1].0, "both sides took writes at the same time");
                seen.push(pair[1].2);
            }
        }
        assert_eq!(seen.len(), turns, "{seen:?}");
        println!(
            "{} orders acknowledged, none missing, none twice; the client was without writes for {:.1} s",
            log.acknowledged.len(),
            log.outage().as_secs_f64()
        );
        log
    }
}

/// The start page, until the run has begun.
fn starts(t: &mut Terminal) {
    t.shows("Type cloud to start");
    t.shows("is dc1");
    t.shows("is cloud");
    t.shows("takes the probe write");
    t.until_typed("cloud", "a paste starts nothing");
}

/// From the start page to the gate that moves users.
fn until_the_switch(t: &mut Terminal) {
    starts(t);
    t.shows("GO / NO-GO   Stop writes");
    t.answers_alarms();
    t.go();
    t.shows("GO / NO-GO   Send users to the cloud");
    t.answers_alarms();
}

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

fn leaves(t: &mut Terminal, exit: u32) {
    t.pump(Duration::from_secs(1));
    println!("{}", t.screen());
    t.text("q");
    assert_eq!(t.exit(), exit);
}

#[test]
fn logical_to_its_end() {
    let world = World::logical();
    let night = Night::begin(&world);
    let mut t = world.terminal("postgres-logical.toml");
    until_the_switch(&mut t);
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.answers_alarms();
    t.go();
    t.shows("Planned and actual");
    leaves(&mut t, 0);
    night.ends(&world.target, 2);
    both_the_same(&world, &world.target);
    let direct = world.source.past_the_default("shop", "insert into probe values (9)").unwrap_err();
    assert!(direct.contains("this side is fenced"), "{direct}");
}

#[test]
fn planned_downtime_to_its_end() {
    let world = World::planned();
    let night = Night::begin(&world);
    let mut t = world.terminal("planned-downtime.toml");
    starts(&mut t);
    t.shows("GO / NO-GO   Close the shop");
    t.answers_alarms();
    t.go();
    t.shows("GO / NO-GO   Open on the cloud");
    t.answers_alarms();
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.answers_alarms();
    t.go();
    t.shows("Planned and actual");
    leaves(&mut t, 0);
    night.ends(&world.target, 2);
}

#[test]
fn streaming_to_its_end() {
    let world = World::streaming();
    let night = Night::begin(&world);
    let mut t = world.terminal("postgres-streaming.toml");
    until_the_switch(&mut t);
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.answers_alarms();
    t.go();
    t.shows("Planned and actual");
    leaves(&mut t, 0);
    night.ends(&world.target, 2);
    both_the_same(&world, &world.target);
    let direct = world.source.past_the_default("shop", "insert into probe values (9)").unwrap_err();
    assert!(direct.contains("read-only"), "{direct}");
}

#[test]
fn streaming_and_back_after_the_switch() {
    let world = World::streaming();
    let night = Night::begin(&world);
    let mut t = world.terminal("postgres-streaming.toml");
    until_the_switch(&mut t);
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.turn_back();
    t.shows("Planned and actual");
    night.goes_on();
    leaves(&mut t, 1);
    night.ends(&world.source, 3);
    wait("the new server has caught up", || {
        let count =
            |server: &Postgres| server.try_sql("shop", "select count(*) from tickets").unwrap_or_default();
        (count(&world.source) == count(&world.target)).then_some(())
    });
    both_the_same(&world, &world.source);
}

#[test]
fn logical_and_back_after_the_switch() {
    let world = World::logical();
    let night = Night::begin(&world);
    let mut t = world.terminal("postgres-logical.toml");
    until_the_switch(&mut t);
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.turn_back();
    t.shows("Planned and actual");
    night.goes_on();
    leaves(&mut t, 1);
    night.ends(&world.source, 3);
    wait("the way forward has caught up", || {
        let count = |server: &Postgres| server.sql("shop", "select count(*) from tickets");
        (count(&world.source) == count(&world.target)).then_some(())
    });
    both_the_same(&world, &world.source);
}
