//! How long a validation holds: while the fence under which it read is unbroken and nobody has written since.

use crate::clock::Boot;
use crate::engine::State;
use crate::engine::reading::{Facts, FenceState};
use crate::engine::readings::Readings;
use crate::engine::rules::span::in_span;
use crate::plan::model::{Probe, ProbeKind, TablesProbe};
use crate::plan::{EndpointId, Plan};

/// Whether what a validation found is still worth something, or why not.
///
/// A comparison of two sides holds while the side that it read from is fenced, proved to be so, and was so
/// before the comparison began; a comparison under live writes is a snapshot of a moment and holds for none.
pub fn still_holds(plan: &Plan, state: &State, readings: &Readings, probe: &Probe) -> Result<(), String> {
    let Some((from, to)) = compared(&probe.kind) else { return Ok(()) };
    let Some(read) = readings.track(&probe.id).and_then(|t| t.last.as_ref()) else {
        return Err("not compared yet".to_owned());
    };
    if let Ok(measure) = &read.result
        && let Facts::Compared(compared) = &measure.facts
        && compared.in_flight
    {
        // A moment while writes go on is what was asked for; behind a fence it is no proof.
        let fenced = state.sides.get(from).is_some_and(|side| side.state != FenceState::Open);
        return if fenced { Err(format!("{from} was written to while it was compared")) } else { Ok(()) };
    }
    for side_id in [from, to] {
        let Some(side) = state.sides.get(side_id) else { continue };
        if side.state == FenceState::Open {
            if side_id == from {
                return Err(format!("{side_id} took writes since it was compared"));
            }
            continue;
        }
        if side.since > read.at {
            return Err(format!("compared before {side_id} was fenced"));
        }
    }
    // A write that was seen after the comparison began may have come after its row was read.
    let began = Boot(read.boot.0.saturating_sub(read.took_ms));
    for watch in &plan.probes {
        let side = match &watch.kind {
            ProbeKind::Fence(fence) => &fence.endpoint,
            ProbeKind::Writes { endpoint } => endpoint,
            _ => continue,
        };
        let written = readings.track(&watch.id).and_then(|t| t.changed_at).is_some_and(|at| at >= began);
        if (side == from || side == to) && in_span(plan, state, watch) && written {
            return Err(format!("{side} was written to since it was compared"));
        }
    }
    Ok(())
}

/// The two sides that are compared.
fn compared(kind: &ProbeKind) -> Option<(&EndpointId, &EndpointId)> {
    match kind {
        ProbeKind::Tables(TablesProbe { from, to, .. })
        | ProbeKind::Sql { endpoint: from, same_on: Some(to), .. } => Some((from, to)),
        _ => None,
    }
}
