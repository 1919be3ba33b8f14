//! When a probe counts: between the steps that its plan names, and a fence while it is set.
//!
//! Refuses to know what it is worth then: see `worth`.

use crate::engine::State;
use crate::engine::reading::FenceState;
use crate::engine::state::StepState;
use crate::plan::model::{Probe, ProbeKind};
use crate::plan::{Plan, StepId};

/// Whether a probe counts now: the step that it counts since has finished, the one until which it counts has
/// not. A preflight counts until its step begins.
pub fn in_span(plan: &Plan, state: &State, probe: &Probe) -> bool {
    // What has been true once and is not any more still counts.
    let finished =
        |id: &StepId| state.step(plan, id).is_some_and(|at| at.is_settled() || at.reopened.is_some());
    if let ProbeKind::Fence(fence) = &probe.kind {
        // From the moment it is set until the side is opened again, proved or not.
        return state.sides.get(&fence.endpoint).is_some_and(|side| side.state != FenceState::Open);
    }
    probe.since.as_ref().is_none_or(finished) && !probe.until.as_ref().is_some_and(finished)
}

/// Whether a probe has to be looked at now: it counts, or a step waits for it. Everything else is left alone,
/// since every look costs somebody's database something.
pub fn is_wanted(plan: &Plan, state: &State, probe: &Probe) -> bool {
    in_span(plan, state, probe)
        || state
            .running
            .iter()
            .filter(|&&slot| state.at_slot(slot).is_some_and(StepState::is_proving))
            .filter_map(|&slot| plan.at_slot(slot))
            .any(|step| step.proofs().any(|id| *id == probe.id))
}
