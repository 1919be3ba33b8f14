//! Whether the gauges of PostgreSQL tell the truth: while servers fall, and about what is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod faults;
#[path = "../gauge/mod.rs"]
mod gauge;
mod odd;
#[path = "../servers/mod.rs"]
mod servers;
mod truth;

use std::time::Duration;

use cutover::databases::Settings;
use cutover::databases::postgres::{Postgres as Database, convention};
use cutover::plan::model::{DatabaseKind, LinkKind};
use gauge::Gauge;
use servers::postgres::Postgres;

/// A gauge between these two addresses.
fn gauge(kind: LinkKind, ends: [&str; 2]) -> Gauge {
    let slot = (kind == LinkKind::PostgresLogical).then_some("cutover");
    Gauge::new(DatabaseKind::Postgres, kind, slot, ends)
}

/// … between the shops of two servers.
fn gauge_of(kind: LinkKind, from: &Postgres, to: &Postgres) -> Gauge {
    gauge(kind, [&from.url("shop", "postgres"), &to.url("shop", "postgres")])
}

/// The shop's database, with a table of numbered rows by writer.
async fn furnish(server: &Postgres) {
    server.sql("postgres", "create database shop");
    server.sql("shop", "create table numbered (w int, n bigint, pad text, primary key (w, n))");
    let settings = Settings {
        name: "shop".to_owned(),
        address: server.url("shop", "postgres"),
        root: "/".into(),
        timeout: Duration::from_secs(10),
    };
    convention::install(&Database::new(&settings).unwrap()).await.unwrap();
}

/// Two servers and a subscription between them, its connection as given or straight to the source.
async fn subscribed(more: &str) -> (Postgres, Postgres) {
    let (source, target) = (Postgres::start(), Postgres::with("wal_receiver_timeout = 5s"));
    furnish(&source).await;
    furnish(&target).await;
    source.sql("shop", "create publication cutover for table numbered, cutover.marker");
    subscribe(&source, &target, "cutover", more);
    (source, target)
}

fn subscribe(source: &Postgres, target: &Postgres, name: &str, more: &str) {
    target.sql(
        "shop",
        &format!(
            "create subscription {name} connection 'host=127.0.0.1 port={} user=postgres dbname=shop' publication cutover {more}",
            source.port
        ),
    );
}

/// A source and its standby.
async fn standby() -> (Postgres, Postgres) {
    let source = Postgres::start();
    furnish(&source).await;
    let target = Postgres::standby_of(&source);
    (source, target)
}
