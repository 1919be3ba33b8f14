//! What a made-up look sees: good after its estimate, lag that falls in a straight line to zero, fences and
//! controls as the steps have left them.

use std::time::Duration;

use super::world::World;
use crate::clock::Now;
use crate::engine::reading::{
    Compared, Facts, FenceFacts, FenceState, Lag, LagUnit, MarkerSeen, Measure, Still,
};
use crate::plan::ProbeId;
use crate::plan::model::{FenceTarget, Link, Probe, ProbeKind, StepKind};

/// A link without an estimate is at zero after this.
const DRAIN: Duration = Duration::from_secs(20);
/// A made-up marker takes this long.
const MARKER: Duration = Duration::from_millis(400);

impl World {
    /// What a look sees, given for how long the probe has been looked at.
    pub(super) fn measured(&self, probe: &Probe, now: Now, looked_for: Duration) -> Measure {
        match &probe.kind {
            ProbeKind::Fence(target) => return self.fence(target),
            ProbeKind::Link(link) => return lag(link, probe, now, looked_for),
            ProbeKind::Control(_) => return self.control(&probe.id),
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Sql { .. }
            | ProbeKind::Files(_)
            | ProbeKind::Schema { .. }
            | ProbeKind::Writes { .. }
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_)
            | ProbeKind::Version(_)
            | ProbeKind::Rows(_)
            | ProbeKind::Terraform(_)
            | ProbeKind::Identity { .. }
            | ProbeKind::Marker { .. }
            | ProbeKind::Tables(_)
            | ProbeKind::Trees(_)
            | ProbeKind::Ready(_) => {}
        }
        if !World::is_good(probe, looked_for) {
            return Measure { pass: false, text: "not yet".to_owned(), facts: Facts::Plain };
        }
        let (text, facts) = match &probe.kind {
            ProbeKind::Schema { .. }
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_)
            | ProbeKind::Version(_)
            | ProbeKind::Rows(_)
            | ProbeKind::Terraform(_)
            | ProbeKind::Writes { .. } => {
                let baseline = World::baseline(&probe.id);
                ("unchanged", Facts::Still(Still { baseline, objects: 0, findings: Vec::new() }))
            }
            ProbeKind::Identity { endpoint } => {
                let asked = self.plan.endpoint(endpoint).and_then(|e| e.identity.as_ref());
                let system = asked.and_then(|i| i.system.clone()).unwrap_or_else(|| "simulated".to_owned());
                let row = asked.and_then(|i| i.row.as_ref()).map(|row| row.is.clone());
                ("is what it should be", Facts::Identity { system, row })
            }
            ProbeKind::Tables(_) => ("every row the same", Facts::Compared(compared(false))),
            ProbeKind::Trees(_) => ("every file the same", Facts::Compared(compared(true))),
            ProbeKind::Ready(it) => (it.trap.none(), Facts::Plain),
            ProbeKind::Marker { .. } => ("came through in 0.4s", Facts::Plain),
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Sql { .. }
            | ProbeKind::Files(_)
            | ProbeKind::Link(_)
            | ProbeKind::Control(_)
            | ProbeKind::Fence(_) => ("as expected", Facts::Plain),
        };
        Measure { pass: true, text: text.to_owned(), facts }
    }

    /// The digest of a baseline that nobody took.
    pub(super) fn baseline(probe: &ProbeId) -> String {
        crate::probes::baseline::sha256(format!("simulated baseline of {probe}").as_bytes())
    }

    fn fence(&self, target: &FenceTarget) -> Measure {
        let (state, position) = match self.sides.get(&target.endpoint) {
            None | Some((FenceState::Open, _)) => (FenceState::Open, None),
            // In this world nobody is left from before.
            Some((FenceState::Fenced | FenceState::Sealed, position)) => {
                (FenceState::Sealed, position.clone())
            }
        };
        let shut = state != FenceState::Open;
        let facts = FenceFacts {
            state,
            position,
            refused: (shut && target.probe_write.is_some()).then(|| "simulated".to_owned()),
            older: Vec::new(),
            moved: 0,
            moved_named: Vec::new(),
        };
        let text = if shut { "sealed, probe refused" } else { "takes writes" };
        Measure { pass: shut, text: text.to_owned(), facts: Facts::Fence(facts) }
    }

    /// As the steps have left it; one that no step enforces is there from the start.
    fn control(&self, id: &ProbeId) -> Measure {
        let stepped =
            self.plan.steps.iter().any(
                |step| matches!(&step.kind, StepKind::Freeze(f) if f.enforce && f.controls.contains(id)),
            );
        let pass = !stepped || self.enforced.contains(id);
        let text = if pass { "refuses" } else { "does not refuse" };
        Measure { pass, text: text.to_owned(), facts: Facts::Plain }
    }
}

fn lag(link: &Link, probe: &Probe, now: Now, looked_for: Duration) -> Measure {
    let drain = probe.estimate.unwrap_or(DRAIN);
    let left = drain.saturating_sub(looked_for).as_millis();
    // Half of what the plan puts up with: a rehearsal begins without an alarm.
    let behind = u128::from(link.warn / 2) * left / drain.as_millis().max(1);
    let behind = u64::try_from(behind).unwrap_or(link.warn / 2);
    let end = link.warn / 2;
    let marker = link.marker.then(|| MarkerSeen {
        id: now.boot.0.to_string(),
        sent: now.wall.minus(MARKER),
        took_ms: Some(u64::try_from(MARKER.as_millis()).unwrap_or(0)),
    });
    let facts = Lag {
        stopped: None,
        late_ms: None,
        takes_no_marker: false,
        behind,
        unit: LagUnit::Changes,
        source: format!("s:{end}"),
        target: format!("s:{}", end.saturating_sub(behind)),
        marker,
    };
    Measure { pass: true, text: format!("{behind} behind"), facts: Facts::Lag(facts) }
}

/// Nothing was compared, so no figure is made up.
fn compared(trees: bool) -> Compared {
    Compared {
        trees,
        tables: 0,
        same: 0,
        rows: 0,
        differences: 0,
        named: Vec::new(),
        equality: "simulated".to_owned(),
        positions: ("simulated".to_owned(), "simulated".to_owned()),
        in_flight: false,
        before: None,
    }
}
