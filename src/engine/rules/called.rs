//! What people call the things that events, sheets and refusals name by their ids.
//!
//! An id binds and a title is read: whatever a person is told of a step or a probe goes through here.

use super::evidence::WINDOW;
use crate::engine::event::AlarmId;
use crate::engine::state::ROLLBACK_GATE;
use crate::plan::{Plan, ProbeId, StepId};

/// A step, or the gate of the way back.
pub fn step<'a>(plan: &'a Plan, id: &'a StepId) -> &'a str {
    match plan.step(id) {
        Some(step) => &step.title,
        None if id.as_str() == ROLLBACK_GATE => "Roll back",
        None => id.as_str(),
    }
}

/// A probe.
pub fn probe<'a>(plan: &'a Plan, id: &'a ProbeId) -> &'a str {
    plan.probe(id).map_or(id.as_str(), |probe| &probe.title)
}

/// What an alarm is about.
pub fn alarm<'a>(plan: &'a Plan, id: &'a AlarmId) -> &'a str {
    match id {
        AlarmId::Probe(id) => probe(plan, id),
        AlarmId::Step(id) => step(plan, id),
        AlarmId::OutageBudget => "outage budget",
        AlarmId::Window => "window",
        AlarmId::NoOperator => "no operator",
    }
}

/// A line of a sheet: a probe, a step or an alarm that is on it.
pub fn evidence(plan: &Plan, id: &str) -> String {
    if let Some(about) = id.strip_prefix("alarm:") {
        let about = match about.strip_prefix("step:") {
            Some(id) => step(plan, &id.into()).to_owned(),
            None => probe(plan, &about.into()).replace('-', " "),
        };
        return format!("the alarm of {about}");
    }
    match id.strip_prefix("step:") {
        Some(id) => step(plan, &id.into()).to_owned(),
        None if id == WINDOW => "the window".to_owned(),
        None => probe(plan, &id.into()).to_owned(),
    }
}
