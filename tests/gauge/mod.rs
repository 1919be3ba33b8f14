//! What the trials of gauges have in common, whatever the engine: a gauge as a plan has it, on a pair of servers; that
//! no zero is false; that what is wrong is named.
//!
//! `CUTOVER_LONG=1` makes a quarter of an hour of each minute; `CUTOVER_SEED=n` disturbs in the order of an earlier run.

pub(crate) mod faults;
pub(crate) mod truth;

use std::time::Duration;

use cutover::engine::reading::{Facts, Lag, Measure, Unmeasured};
use cutover::plan::model::{DatabaseKind, LinkKind, Probe, ProbeKind};
use cutover::probes::measure;

use crate::asked::{World, link, probe};

/// How long one look may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);

/// A gauge as a plan has it, on a pair of servers.
pub(crate) struct Gauge {
    world: World,
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
        let link = link(kind, name);
        let world = World::between(database, [from, to], vec![link.clone()]);
        Gauge { world, probe: probe(ProbeKind::Link(link), LIMIT) }
    }

    pub(crate) async fn look(&self) -> Result<Measure, Unmeasured> {
        measure(&self.world.context, &self.probe, None).await.result
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

/// How far apart the ends of a long link are.
pub(crate) const FAR: Duration = Duration::from_millis(80);

/// Of a link whose source nobody writes to. What a look itself sends on its way is not behind at the next, whether that comes
/// in its time or at once. What the servers send by themselves may be, once.
pub(crate) async fn a_quiet_link_is_at_zero(gauge: &Gauge) {
    let came =
        |measure: &Measure| lag(measure).marker.as_ref().is_some_and(|marker| marker.took_ms.is_some());
    let began = std::time::Instant::now();
    while !gauge.look().await.as_ref().is_ok_and(came) {
        assert!(began.elapsed() < Duration::from_secs(10), "no marker comes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut behind = Vec::new();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..2 {
            behind.push(lag(&gauge.look().await.unwrap()).behind);
        }
    }
    assert!(behind.iter().filter(|behind| **behind > 0).count() <= 1, "{behind:?}");
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
