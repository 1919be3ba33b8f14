//! When a phase is finished, and when everything is.

use crate::engine::State;
use crate::engine::event::{Ending, Event};
use crate::engine::state::{Stage, StepState};
use crate::plan::Plan;

/// Phases whose steps are all settled.
pub(crate) fn finished(plan: &Plan, state: &State) -> Vec<Event> {
    plan.phases
        .iter()
        .zip(&state.phases)
        .filter(|(phase, at)| {
            at.started.is_some()
                && at.finished.is_none()
                && (phase.first..phase.first + phase.count)
                    .all(|slot| state.at_slot(slot).is_some_and(StepState::is_settled))
        })
        .map(|(phase, _)| Event::PhaseFinished { phase: phase.id.clone() })
        .collect()
}

/// The run is over when every step of the checklist is settled and nothing holds it.
pub(crate) fn over(plan: &Plan, state: &State) -> Vec<Event> {
    let done = state.stage == Stage::Forward
        && state.hold.is_none()
        && state.running.is_empty()
        && state.first_open >= plan.steps.len();
    if done { vec![Event::RunFinished { ending: Ending::Done }] } else { Vec::new() }
}
