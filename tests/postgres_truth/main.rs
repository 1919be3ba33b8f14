//! Whether the gauges of PostgreSQL tell the truth: while servers fall, and about what is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "../asked/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod asked;
mod faults;
#[path = "../gauge/mod.rs"]
mod gauge;
mod odd;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../trouble/subscription.rs"]
mod subscription;
#[path = "../trouble/mod.rs"]
mod trouble;
mod truth;

use cutover::plan::model::{DatabaseKind, LinkKind};
use gauge::Gauge;
use servers::postgres::Postgres;
use subscription::furnish;

/// A gauge between these two addresses.
fn gauge(kind: LinkKind, ends: [&str; 2]) -> Gauge {
    let slot = (kind == LinkKind::PostgresLogical).then_some("cutover");
    Gauge::new(DatabaseKind::Postgres, kind, slot, ends)
}

/// … between the shops of two servers.
fn gauge_of(kind: LinkKind, from: &Postgres, to: &Postgres) -> Gauge {
    gauge(kind, [&from.url("shop", "postgres"), &to.url("shop", "postgres")])
}

/// A source and its standby.
async fn standby() -> (Postgres, Postgres) {
    let source = Postgres::start();
    furnish(&source).await;
    let target = Postgres::standby_of(&source);
    (source, target)
}
