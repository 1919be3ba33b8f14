//! The way back: whether it is free, lossless, costs rows or is closed, how long it takes, and the last moment
//! at which it is safe.

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::engine::State;
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::engine::state::{Status, UndoStatus};
use crate::plan::model::{ProbeKind, Step};
use crate::plan::{Plan, ProbeId};

/// What going back would mean now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// What it costs.
    pub cost: Cost,
    /// How many steps it takes.
    pub steps: usize,
    /// How long it takes, by the plan's estimates; `None` where the plan gives none.
    pub takes: Option<Duration>,
    /// The last moment at which it still ends within the window; `None` where nobody can say.
    pub last_safe: Option<Timestamp>,
}

/// What going back costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing has moved.
    Free,
    /// Users have moved, and a reverse link carries their rows back.
    Lossless {
        /// The link.
        link: ProbeId,
    },
    /// Users have moved, and rows that the target took are not (yet) on the source.
    Rows {
        /// How many units of the link are not carried back.
        behind: u64,
        /// The link.
        link: ProbeId,
    },
    /// Users have moved, and the plan carries nothing back: every row that the target took is lost.
    Everything {
        /// Since when it takes them.
        since: Timestamp,
    },
    /// Users have moved, and nobody knows what would be lost.
    Unknown {
        /// Why.
        because: String,
    },
    /// The point of no return is passed, or the plan has no way back.
    Closed {
        /// Why.
        because: String,
    },
}

/// What going back would mean now.
pub fn way_back(plan: &Plan, state: &State, readings: &Readings, now: Now) -> WayBack {
    let (steps, takes) = if state.switched.is_some() {
        (plan.rollback_steps().len(), plan.rollback.as_ref().map(|r| r.estimate))
    } else {
        let undo: Vec<&Step> = to_undo(plan, state).collect();
        let takes = undo.iter().map(|s| s.estimate).sum::<Option<Duration>>();
        (undo.len(), takes)
    };
    let cost = cost(plan, state, readings, now);
    let closed = matches!(cost, Cost::Closed { .. });
    let window_end = state.started.map(|s| plan.window.closes(s));
    WayBack {
        cost,
        steps,
        takes,
        last_safe: window_end.zip(takes).filter(|_| !closed).map(|(end, takes)| end.minus(takes)),
    }
}

/// The finished steps that an undo would take back, last finished first.
pub fn to_undo<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = &'a Step> {
    let mut slots: Vec<usize> = state.finished.clone();
    let finished: HashSet<usize> = slots.iter().copied().collect();
    // What was ticked once and reopened, or began and ended badly, has changed something too.
    for (slot, at) in state.steps.iter().enumerate().take(plan.steps.len()) {
        let began = !matches!(at.status, Status::Pending | Status::Skipped) && at.started.is_some();
        if began && !finished.contains(&slot) {
            slots.push(slot);
        }
    }
    slots.into_iter().rev().filter_map(move |slot| {
        let (step, at) = (plan.at_slot(slot)?, state.steps.get(slot)?);
        let wanted = slot < plan.steps.len() && step.undo.is_some() && at.status != Status::Skipped;
        (wanted && at.undo != UndoStatus::Done).then_some(step)
    })
}

fn cost(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Cost {
    if state.no_return.is_some() {
        return Cost::Closed { because: "the point of no return is passed".to_owned() };
    }
    let Some(switched) = state.switched else { return Cost::Free };
    if plan.rollback_steps().is_empty() {
        return Cost::Closed { because: "the plan has no rollback phase".to_owned() };
    }
    let Some(probe) = plan.probes.iter().find(|p| matches!(&p.kind, ProbeKind::Link(l) if l.reverse)) else {
        return Cost::Everything { since: switched };
    };
    match readings.verdict(probe, now.boot) {
        // The rollback phase drains a healthy link before anybody writes on the source again.
        Verdict::Pass => Cost::Lossless { link: probe.id.clone() },
        Verdict::Fail => match readings.lag(&probe.id) {
            Some(lag) => Cost::Rows { behind: lag.behind, link: probe.id.clone() },
            None => Cost::Unknown { because: format!("{} has no reading", probe.title) },
        },
        verdict @ (Verdict::Stale | Verdict::Unknown) => {
            Cost::Unknown { because: format!("{} is {}", probe.title, verdict.word()) }
        }
    }
}
