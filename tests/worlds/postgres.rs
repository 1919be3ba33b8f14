//! A shop on PostgreSQL that moves: two servers, a pooler, and a client that orders through it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover::databases::Settings;
use cutover::databases::postgres::{self, convention};
use tempfile::TempDir;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::pty::Terminal;
use crate::servers::pgbouncer::Pooler;
use crate::servers::postgres::Postgres;
use crate::servers::{wait, way};
use crate::users::{self, Line, Night, Refused};

/// How many customers there are unless somebody wants more.
pub(crate) const CUSTOMERS: u32 = 5_000;

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
pub(crate) struct World {
    pub(crate) source: Postgres,
    pub(crate) target: Postgres,
    pooler: Pooler,
    /// Where the target is reached.
    cloud: u16,
    home: TempDir,
}

impl World {
    /// … with this many customers, followed by a subscription.
    pub(crate) fn logical(customers: u32) -> World {
        World::apart(customers, Duration::ZERO)
    }

    /// … of which the target is so far away from everybody else.
    pub(crate) fn apart(customers: u32, away: Duration) -> World {
        // There is room for people who keep it busy.
        let roomy = "max_connections = 80\n";
        let (source, target) = (Postgres::with(roomy), Postgres::with(roomy));
        for server in [&source, &target] {
            server.sql("postgres", "create role app login; create role bystander login");
            server.sql("postgres", "create database shop");
            server.sql("shop", SCHEMA);
            install(server);
        }
        source.sql(
            "shop",
            &format!(
                "insert into customers select g, 'customer ' || g from generate_series(1, {customers}) g"
            ),
        );
        let (near, cloud) = (way::to(source.port, away), way::to(target.port, away));
        let address = |port: u16| format!("host=127.0.0.1 port={port} dbname=shop user=postgres");
        source.file("shop", &sample("postgres-logical/source.sql"), &[]);
        target.file("shop", &sample("postgres-logical/target.sql"), &[("source", &address(near))]);
        source.file("shop", &sample("postgres-logical/back.sql"), &[("target", &address(cloud))]);
        wait("every table is copied", || {
            let left = target.sql("shop", "select count(*) from pg_subscription_rel where srsubstate <> 'r'");
            (left == "0").then_some(())
        });
        for server in [&source, &target] {
            server.past_the_default("shop", "grant insert on probe to bystander").unwrap();
        }
        let pooler = Pooler::start(source.port, cloud);
        World { source, target, pooler, cloud, home: TempDir::new().unwrap() }
    }

    /// … which nothing follows.
    pub(crate) fn planned() -> World {
        let (source, target) = (Postgres::start(), Postgres::start());
        for server in [&source, &target] {
            server.sql("postgres", "create role app login; create role bystander login");
            server.sql("postgres", "create database shop");
            install(server);
        }
        source.sql("shop", SCHEMA);
        source.sql(
            "shop",
            &format!(
                "insert into customers select g, 'customer ' || g from generate_series(1, {CUSTOMERS}) g"
            ),
        );
        source.file("shop", &sample("planned-downtime/source.sql"), &[]);
        source.sql("shop", "grant insert on probe to bystander");
        target.file("shop", &sample("planned-downtime/target.sql"), &[]);
        let pooler = Pooler::start(source.port, target.port);
        World { cloud: target.port, source, target, pooler, home: TempDir::new().unwrap() }
    }

    /// … followed by a standby.
    pub(crate) fn streaming() -> World {
        let source = Postgres::with("cluster_name = 'dc1'");
        source.sql("postgres", "create role app login; create role bystander login");
        source.sql("postgres", "create database shop");
        source.sql("shop", SCHEMA);
        install(&source);
        source.sql(
            "shop",
            &format!(
                "insert into customers select g, 'customer ' || g from generate_series(1, {CUSTOMERS}) g"
            ),
        );
        source.file("shop", &sample("postgres-streaming/source.sql"), &[]);
        source.sql("shop", "grant insert on probe to bystander");
        let target = Postgres::standby_with(
            &source,
            "cluster_name = 'cloud'\nhot_standby_feedback = on",
            Some("cloud"),
        );
        let pooler = Pooler::start(source.port, target.port);
        World { cloud: target.port, source, target, pooler, home: TempDir::new().unwrap() }
    }

    /// The cockpit of a sample plan.
    pub(crate) fn terminal(&self, plan: &str) -> Terminal {
        self.cockpit(&sample(plan))
    }

    /// The cockpit of a plan.
    pub(crate) fn cockpit(&self, plan: &Path) -> Terminal {
        let side = |port: u16| format!("host=127.0.0.1 port={port} dbname=shop user=postgres");
        let sets = [
            format!("source={}", side(self.source.port)),
            format!("target={}", side(self.cloud)),
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

    /// Where the cockpit keeps its things.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// What users and bystanders do all night.
    pub(crate) fn night(&self) -> Night {
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
pub(crate) fn numbers(server: &Postgres) -> String {
    server.sql("shop", "select customer from orders")
}
