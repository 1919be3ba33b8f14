//! The way back, and giving up. Before the switch finished steps are undone in reverse order of finishing, one at
//! a time; after it the plan's rollback phase runs, in which the source opens last. Never automatic.

use super::{people, steps, wayback};
use crate::engine::State;
use crate::engine::event::{Ending, Event, HoldCause, Leg, Way};
use crate::engine::refusal::Refusal;
use crate::engine::state::{ROLLBACK_GATE, Stage, Status, StepState, UndoStatus};
use crate::plan::model::{Step, StepKind, Undo};
use crate::plan::{Plan, StepId};

/// Somebody asks for the way back: its own gate opens.
pub(crate) fn ask(plan: &Plan, state: &State, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    steps::wanted(reason)?;
    match state.stage {
        Stage::Forward => {}
        Stage::Back(_) | Stage::Aborting | Stage::Over(_) => return Err(Refusal::NotForward),
    }
    if state.no_return.is_some() {
        return Err(Refusal::NoWayBack("the point of no return is passed".to_owned()));
    }
    if state.switched.is_some() && plan.rollback_steps().is_empty() {
        return Err(Refusal::NoWayBack("users have moved, and the plan has no rollback phase".to_owned()));
    }
    let gate = StepId::from(ROLLBACK_GATE);
    let revision = state.gates.get(&gate).map_or(0, |g| g.revision) + 1;
    Ok(vec![
        Event::RollbackAsked { by: by.to_owned(), reason: reason.to_owned() },
        Event::GateOpened { gate, revision },
    ])
}

/// Somebody thinks better of it.
pub(crate) fn drop_it(state: &State, by: &str) -> Result<Vec<Event>, Refusal> {
    if state.gates.get(ROLLBACK_GATE).is_some_and(|g| g.open) {
        Ok(vec![Event::RollbackDropped { by: by.to_owned() }])
    } else {
        Err(Refusal::RollbackNotAsked)
    }
}

/// Whether somebody may order the way back: one of those whom the plan names, where it names any.
pub(crate) fn authorized(plan: &Plan, by: &str) -> Result<(), Refusal> {
    let named: Vec<String> = plan.people.iter().filter(|p| p.rollback).map(|p| p.id.to_string()).collect();
    if named.is_empty() || named.iter().any(|n| n.eq_ignore_ascii_case(by)) {
        Ok(())
    } else {
        Err(Refusal::NotAuthorized(named))
    }
}

/// The way back begins: what runs is stopped first.
pub(crate) fn started(plan: &Plan, state: &State, by: &str) -> Vec<Event> {
    let way = if state.switched.is_some() { Way::Phase } else { Way::Undo };
    let mut events = stop_running(plan, state, by);
    events.push(Event::RollbackStarted { way, by: by.to_owned() });
    events
}

/// The run is given up: what was frozen and fenced is lifted, nothing else is undone.
pub(crate) fn abort(plan: &Plan, state: &State, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    steps::wanted(reason)?;
    if state.stage != Stage::Forward {
        return Err(Refusal::NotForward);
    }
    if state.switched.is_some() {
        let why = format!("abort asked for after the switch: {reason}. Roll back, or go on");
        return Ok(people::hold(state, HoldCause::AbortAfterSwitch, Some(by), &why));
    }
    let mut events = stop_running(plan, state, by);
    events.push(Event::Aborted { by: by.to_owned(), reason: reason.to_owned() });
    Ok(events)
}

fn stop_running(plan: &Plan, state: &State, by: &str) -> Vec<Event> {
    state
        .running(plan)
        .filter(|(id, _, _)| {
            plan.step(id).is_some_and(|s| !matches!(s.kind, StepKind::Gate(_) | StepKind::Manual { .. }))
        })
        .map(|(step, attempt, leg)| Event::StopAsked { step, attempt, leg, by: Some(by.to_owned()) })
        .collect()
}

/// The next thing on the way back, when nothing runs any more.
pub(crate) fn next(plan: &Plan, state: &State) -> Vec<Event> {
    let (ending, wanted): (Ending, fn(&Step) -> bool) = match state.stage {
        Stage::Forward | Stage::Over(_) => return Vec::new(),
        Stage::Back(Way::Undo) => (Ending::RolledBack, |_| true),
        Stage::Back(Way::Phase) => {
            let all = plan.steps.len()..state.steps.len();
            if !all.into_iter().all(|slot| state.at_slot(slot).is_some_and(StepState::is_settled)) {
                return Vec::new();
            }
            // The rollback phase moved traffic and opened the source; other people's changes come last.
            (Ending::RolledBack, |step| matches!(step.undo, Some(Undo::Lift { .. })))
        }
        Stage::Aborting => {
            (Ending::Aborted, |step| matches!(step.undo, Some(Undo::Lift { .. } | Undo::Open { .. })))
        }
    };
    if people::may_start(state).is_err() || is_busy(plan, state) {
        return Vec::new();
    }
    if let Some((slot, at)) = state
        .steps
        .iter()
        .enumerate()
        .find(|(_, at)| matches!(at.undo, UndoStatus::Stuck | UndoStatus::Unknown))
    {
        let name = plan.at_slot(slot).map_or("a step", |s| s.title.as_str());
        let what = if at.undo == UndoStatus::Stuck { "is stuck" } else { "is unknown" };
        let reason = format!("the undo of {name} {what}: try it again, or settle it");
        return people::hold(state, HoldCause::Stuck, None, &reason);
    }
    let next = wayback::to_undo(plan, state)
        .filter(|step| wanted(step))
        .find(|step| state.step(plan, &step.id).is_some_and(|at| at.status != Status::Unknown));
    if let Some(step) = next {
        let attempt = state.step(plan, &step.id).map_or(0, |s| s.attempts) + 1;
        return vec![Event::StepStarted { step: step.id.clone(), attempt, leg: Leg::Undo, by: None }];
    }
    let unknown: Vec<&str> = plan
        .steps
        .iter()
        .zip(&state.steps)
        .filter(|(_, at)| at.status == Status::Unknown && at.undo != UndoStatus::Done)
        .map(|(step, _)| step.title.as_str())
        .collect();
    if unknown.is_empty() {
        return vec![Event::RunFinished { ending }];
    }
    let reason = format!("nobody knows whether these happened: {}. Settle them", unknown.join(", "));
    people::hold(state, HoldCause::Stuck, None, &reason)
}

fn is_busy(plan: &Plan, state: &State) -> bool {
    state.running(plan).any(|(id, _, leg)| leg == Leg::Undo || plan.step(&id).is_some_and(Step::has_effect))
}
