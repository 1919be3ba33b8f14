//! When it will be over: what is left of the estimates, along the longest chain of steps; *unknown* while
//! something does not converge.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::engine::State;
use crate::engine::reading::Verdict;
use crate::engine::readings::{Readings, Track, Trend};
use crate::engine::state::{Stage, Status, UndoStatus, elapsed};
use crate::plan::model::{ProbeKind, Step, StepKind, WaitFor};
use crate::plan::{Plan, ProbeId, StepId};

/// When it will be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// About then, if everything takes what it should and no person hesitates.
    Finish {
        /// When.
        at: Timestamp,
        /// The step that everything else waits for, first of the longest chain.
        through: Option<StepId>,
    },
    /// Nobody can say.
    Unknown {
        /// Because of what.
        because: String,
    },
    /// It is over.
    Over,
}

/// When it will be over.
pub fn forecast(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Forecast {
    let steps: &[Step] = match state.stage {
        Stage::Over(_) => return Forecast::Over,
        Stage::Forward => &plan.steps,
        Stage::Back(crate::engine::event::Way::Phase) => plan.rollback_steps(),
        Stage::Back(crate::engine::event::Way::Undo) | Stage::Aborting => {
            return undo_forecast(plan, state, now);
        }
    };
    let base = if state.stage == Stage::Forward { 0 } else { plan.steps.len() };
    let mut left: HashMap<&str, (Duration, Option<&StepId>)> = HashMap::new();
    let mut longest: (Duration, Option<&StepId>) = (Duration::ZERO, None);
    for (offset, step) in steps.iter().enumerate().skip(state.first_open.saturating_sub(base)) {
        let slot = base + offset;
        let own = match remaining(plan, state, readings, step, slot, now) {
            Ok(own) => own,
            Err(because) => return Forecast::Unknown { because },
        };
        let before = step
            .after
            .iter()
            .filter_map(|id| left.get(id.as_str()).copied())
            .max_by_key(|(d, _)| *d)
            .unwrap_or((Duration::ZERO, None));
        let chain = (before.0 + own, before.1.or((own > Duration::ZERO).then_some(&step.id)));
        if chain.0 > longest.0 {
            longest = chain;
        }
        left.insert(step.id.as_str(), chain);
    }
    Forecast::Finish { at: now.wall.plus(longest.0), through: longest.1.cloned() }
}

/// Time from now until users have writes again, by the estimates of what is left up to the step that opens a
/// side; `None` where no outage runs or nobody can say.
pub fn outage_left(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Option<Duration> {
    state.outage()?;
    if state.stage != Stage::Forward {
        return plan.rollback.as_ref().map(|r| r.estimate);
    }
    let opens = plan.steps.iter().position(|s| matches!(s.kind, StepKind::Open { .. }))?;
    plan.steps
        .iter()
        .enumerate()
        .take(opens + 1)
        .skip(state.first_open)
        .map(|(slot, step)| remaining(plan, state, readings, step, slot, now).ok())
        .sum()
}

fn remaining(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    step: &Step,
    slot: usize,
    now: Now,
) -> Result<Duration, String> {
    let Some(at) = state.at_slot(slot) else { return Ok(Duration::ZERO) };
    let estimate = step.estimate.unwrap_or(Duration::ZERO);
    match at.status {
        Status::Done | Status::Skipped => Ok(Duration::ZERO),
        Status::Failed => Err(format!("{} failed", step.title)),
        Status::Unknown => Err(format!("{} is unknown", step.title)),
        Status::Pending | Status::RetryAt(_) => {
            for link in links(step) {
                let (Some(probe), Some(track)) = (plan.probe(link), readings.track(link)) else { continue };
                let dark = matches!(track.verdict(probe, now.boot), Verdict::Unknown | Verdict::Stale);
                if dark || matches!(track.trend(), Trend::Growing(_)) {
                    return Err(probe.title.clone());
                }
            }
            Ok(estimate.max(draining(readings, links(step))))
        }
        Status::Running | Status::Proving => {
            converges(plan, readings, links(step), now)?;
            if let Some(because) = &at.reopened {
                return Err(because.clone());
            }
            let spent = at.started.map_or(Duration::ZERO, |s| elapsed(s, now));
            Ok(estimate.saturating_sub(spent).max(draining(readings, links(step))))
        }
    }
}

/// The links that a step waits for.
fn links(step: &Step) -> &[ProbeId] {
    match &step.kind {
        StepKind::Wait(WaitFor::CaughtUp(links)) => links,
        _ => &[],
    }
}

/// How long the slowest of these links takes to zero at its pace: no estimate of the plan knows what is behind tonight.
fn draining(readings: &Readings, links: &[ProbeId]) -> Duration {
    let left = |id| match readings.track(id).map(Track::trend) {
        Some(Trend::Draining(left)) => left.likely,
        Some(Trend::Unclear | Trend::Zero | Trend::Steady | Trend::Growing(_)) | None => Duration::ZERO,
    };
    links.iter().map(left).max().unwrap_or_default()
}

fn converges(plan: &Plan, readings: &Readings, links: &[ProbeId], now: Now) -> Result<(), String> {
    for id in links {
        let Some(probe) = plan.probe(id).filter(|p| matches!(p.kind, ProbeKind::Link(_))) else { continue };
        match readings.verdict(probe, now.boot) {
            Verdict::Unknown | Verdict::Stale => return Err(probe.title.clone()),
            Verdict::Pass | Verdict::Fail => {}
        }
        match readings.track(id).map(Track::trend) {
            Some(Trend::Growing(_) | Trend::Steady) => return Err(probe.title.clone()),
            Some(Trend::Unclear | Trend::Zero | Trend::Draining(_)) | None => {}
        }
    }
    Ok(())
}

fn undo_forecast(plan: &Plan, state: &State, now: Now) -> Forecast {
    let mut left = Duration::ZERO;
    for step in super::wayback::to_undo(plan, state) {
        let Some(at) = state.step(plan, &step.id) else { continue };
        if matches!(at.undo, UndoStatus::Stuck | UndoStatus::Unknown) {
            return Forecast::Unknown { because: format!("the undo of {}", step.title) };
        }
        left += step.estimate.unwrap_or(Duration::ZERO);
    }
    Forecast::Finish { at: now.wall.plus(left), through: None }
}
