//! What the trials of gauges have in common, whatever the engine: a gauge as a plan has it, on a pair of servers; that
//! no zero is false; that what is wrong is named.
//!
//! `CUTOVER_LONG=1` makes a quarter of an hour of each minute; `CUTOVER_SEED=n` disturbs in the order of an earlier run.

pub(crate) mod faults;
pub(crate) mod truth;

use std::time::Duration;

use cutover::clock::Clock;
use cutover::engine::reading::{Facts, Lag, Measure, Unmeasured};
use cutover::plan::model::{
    DatabaseKind, DatabaseSettings, Endpoint, Link, LinkKind, Probe, ProbeKind, Schedule, Section,
};
use cutover::plan::secret::Template;
use cutover::probes::{Context, measure};

/// How long one look may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);

/// A gauge as a plan has it, on a pair of servers.
pub(crate) struct Gauge {
    _dir: tempfile::TempDir,
    context: Context,
    pub(crate) probe: Probe,
}

impl Gauge {
    /// Between these two addresses of one engine; `name` is the stream's, where there may be several.
    pub(crate) fn new(
        database: DatabaseKind,
        kind: LinkKind,
        name: Option<&str>,
        [from, to]: [&str; 2],
    ) -> Gauge {
        let endpoint = |id: &str, address: &str| Endpoint {
            id: id.into(),
            database: DatabaseSettings { kind: database, address: Template::plain(address) },
            identity: None,
            way: false,
        };
        let link = Link {
            kind,
            name: name.map(str::to_owned),
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

    pub(crate) async fn look(&self) -> Result<Measure, Unmeasured> {
        measure(&self.context, &self.probe, None).await.result
    }

    /// Looks until it is good.
    pub(crate) async fn passes(&self, when: &str) {
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

pub(crate) fn lag(measure: &Measure) -> &Lag {
    let Facts::Lag(lag) = &measure.facts else { panic!("not a link: {measure:?}") };
    lag
}

/// What a person reads.
pub(crate) fn said(seen: &Result<Measure, Unmeasured>) -> String {
    match seen {
        Ok(measure) => format!("{}{}", if measure.pass { "good: " } else { "" }, measure.text),
        Err(why) => why.to_string(),
    }
}
