//! What the tests of probes share: a folder, a context, a probe with ordinary limits.

use std::path::Path;
use std::time::Duration;

use cutover::engine::reading::{Facts, Finding, Measure, Unmeasured};
use cutover::plan::model::{DatabaseKind, Endpoint, Probe, ProbeKind};
use cutover::probes::{Baseline, Looked, measure};

use crate::asked;
pub(crate) use crate::asked::World;

impl World {
    pub(crate) fn new() -> World {
        World::with(Vec::new(), Vec::new())
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// One look with a timeout that nothing here should need.
    pub(crate) async fn look(&self, kind: ProbeKind) -> Looked {
        measure(&self.context, &probe(kind), None).await
    }

    pub(crate) async fn seen(&self, kind: ProbeKind) -> Measure {
        let looked = self.look(kind).await;
        looked.result.unwrap_or_else(|why| panic!("unmeasured: {why:?}\n{}", looked.raw))
    }

    pub(crate) async fn unmeasured(&self, kind: ProbeKind) -> Unmeasured {
        self.look(kind).await.result.expect_err("measured")
    }

    /// A look that takes a baseline, and that baseline.
    pub(crate) async fn baseline(&self, kind: ProbeKind) -> (Measure, Baseline) {
        let looked = self.look(kind).await;
        (looked.result.unwrap(), looked.baseline.expect("a first look takes a baseline"))
    }

    pub(crate) async fn against(&self, kind: ProbeKind, baseline: &Baseline) -> Looked {
        let looked = measure(&self.context, &probe(kind), Some(baseline)).await;
        assert!(looked.baseline.is_none(), "a baseline is taken once");
        looked
    }
}

pub(crate) fn probe(kind: ProbeKind) -> Probe {
    asked::probe(kind, Duration::from_secs(20))
}

pub(crate) fn sqlite(id: &str, path: &Path) -> Endpoint {
    asked::endpoint(id, DatabaseKind::Sqlite, path.to_str().unwrap())
}

pub(crate) fn findings(measure: &Measure) -> &[Finding] {
    match &measure.facts {
        Facts::Still(still) => &still.findings,
        other => panic!("not a monitor: {other:?}"),
    }
}

pub(crate) fn failed(why: &Unmeasured) -> &str {
    match why {
        Unmeasured::Failed(text) => text,
        other => panic!("not failed: {other:?}"),
    }
}
