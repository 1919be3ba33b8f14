//! Whether the gauges of PostgreSQL tell the truth: while servers fall, and about what is wrong.
//!
//! `CUTOVER_LONG=1` makes a quarter of an hour of each minute; `CUTOVER_SEED=n` disturbs in the order of an earlier run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod faults;
mod odd;
#[path = "../servers/mod.rs"]
mod servers;
mod truth;

use std::time::Duration;

use cutover::clock::Clock;
use cutover::databases::Settings;
use cutover::databases::postgres::{Postgres as Database, convention};
use cutover::engine::reading::{Facts, Lag, Measure, Unmeasured};
use cutover::plan::model::{
    DatabaseKind, DatabaseSettings, Endpoint, Link, LinkKind, Probe, ProbeKind, Schedule, Section,
};
use cutover::plan::secret::Template;
use cutover::probes::{Context, measure};
use servers::postgres::Postgres;

/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(3);

/// A gauge as a plan has it, on a pair of servers.
struct Gauge {
    _dir: tempfile::TempDir,
    context: Context,
    probe: Probe,
}

impl Gauge {
    /// Between these two addresses.
    fn new(kind: LinkKind, from: &str, to: &str) -> Gauge {
        let endpoint = |id: &str, address: &str| Endpoint {
            id: id.into(),
            database: DatabaseSettings { kind: DatabaseKind::Postgres, address: Template::plain(address) },
            identity: None,
            way: false,
        };
        let link = Link {
            kind,
            name: (kind == LinkKind::PostgresLogical).then(|| "cutover".to_owned()),
            from: "source".into(),
            to: "target".into(),
            marker: true,
            warn: 1 << 30,
            zero_for: Duration::from_secs(1),
            except: Vec::new(),
            reverse: false,
        };
        let dir = tempfile::tempdir().unwrap();
        let endpoints = vec![endpoint("source", from), endpoint("target", to)];
        let scratch = dir.path().join("scratch");
        let context =
            Context::new(dir.path().to_owned(), scratch, endpoints, vec![link.clone()], Clock::system());
        let probe = Probe {
            id: "it".into(),
            title: "it".to_owned(),
            section: Section::Environment,
            kind: ProbeKind::Link(link),
            schedule: Schedule::OnDemand,
            timeout: LIMIT,
            max_age: Duration::from_secs(60),
            alarm: None,
            since: None,
            until: None,
            from: None,
            estimate: None,
        };
        Gauge { _dir: dir, context, probe }
    }

    /// Between the shops of two servers.
    fn of(kind: LinkKind, from: &Postgres, to: &Postgres) -> Gauge {
        Gauge::new(kind, &from.url("shop", "postgres"), &to.url("shop", "postgres"))
    }

    async fn look(&self) -> Result<Measure, Unmeasured> {
        measure(&self.context, &self.probe, None).await.result
    }

    /// Looks until it is good.
    async fn passes(&self, when: &str) {
        let began = std::time::Instant::now();
        loop {
            let seen = self.look().await;
            if seen.as_ref().is_ok_and(|measure| measure.pass && lag(measure).behind == 0) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{when}: {}", said(&seen));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn lag(measure: &Measure) -> &Lag {
    let Facts::Lag(lag) = &measure.facts else { panic!("not a link: {measure:?}") };
    lag
}

/// What a person reads.
fn said(seen: &Result<Measure, Unmeasured>) -> String {
    match seen {
        Ok(measure) => format!("{}{}", if measure.pass { "good: " } else { "" }, measure.text),
        Err(why) => why.to_string(),
    }
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
