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

use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover::databases::Settings;
use cutover::databases::postgres::{self, convention};
use pty::Terminal;
use servers::pgbouncer::Pooler;
use servers::postgres::Postgres;
use servers::wait;
use tempfile::TempDir;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use users::{Line, Night, Refused, starts, there_and_back, to_the_end, until_the_switch};

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

    fn night(&self) -> Night {
        let direct =
            |server: &Postgres| format!("host=127.0.0.1 port={} dbname=shop user=bystander", server.port);
        Night::begin::<Client>(&self.pooler.app(), [&direct(&self.source), &direct(&self.target)])
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
    users::runtime().block_on(convention::install(&database)).unwrap();
}

impl Line for Client {
    async fn connect(address: &str) -> Option<Client> {
        let connecting = tokio_postgres::connect(address, NoTls);
        let (client, connection) =
            tokio::time::timeout(Duration::from_secs(3), connecting).await.ok()?.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    async fn run(&mut self, sql: &str) -> Result<(), Refused> {
        self.batch_execute(sql).await.map_err(|why| Refused {
            twice: why.code() == Some(&SqlState::UNIQUE_VIOLATION),
            why: why.to_string(),
        })
    }

    fn order(id: u64) -> String {
        format!(
            "begin; insert into orders (id, customer, cents) values (md5('{id}')::uuid, {id}, {});
             insert into tickets (of_order) values ({id}); commit",
            id % 997
        )
    }
}

/// The numbers of the orders on a side, a line each.
fn numbers(server: &Postgres) -> String {
    server.sql("shop", "select customer from orders")
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
    to_its_end(&World::logical(), "postgres-logical.toml", "this side is fenced");
}

#[test]
fn logical_and_back_after_the_switch() {
    and_back_after_the_switch(&World::logical(), "postgres-logical.toml");
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
