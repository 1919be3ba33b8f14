//! A control that lifts itself: how long it holds by the plan's word.
//!
//! A freeze or a silence outside ends by itself after a time, whatever the run does. Until then its verify command is
//! what counts. After that, that it still refuses is somebody else's doing, or was seen by a command that does not ask
//! until when: no proof any more. A later step that enforces it again makes it count from there.

use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::engine::State;
use crate::engine::state::{At, UndoStatus, elapsed};
use crate::plan::Plan;
use crate::plan::model::{Probe, ProbeKind, StepKind};

/// It is told so long before, where a tenth of the time is less.
const BEFORE: Duration = Duration::from_secs(600);

/// When a control that stands lifts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The time of day.
    pub at: Timestamp,
    /// How long that is still; `None` when it is over.
    pub left: Option<Duration>,
    /// It is near, or over.
    pub is_near: bool,
}

/// When a control lifts itself; `None` where it does not, or nobody has enforced it.
pub fn expiry(plan: &Plan, state: &State, probe: &Probe, now: Now) -> Option<Expiry> {
    if !matches!(probe.kind, ProbeKind::Control(_)) {
        return None;
    }
    let span = plan.controls.iter().find(|control| control.id == probe.id)?.expires?;
    // From when its step began: outside it counts from a moment after that.
    let enforced: At = plan
        .steps
        .iter()
        .chain(plan.rollback_steps())
        .zip(&state.steps)
        .filter(|(step, at)| {
            let enforces =
                matches!(&step.kind, StepKind::Freeze(f) if f.enforce && f.controls.contains(&probe.id));
            enforces && at.is_settled() && at.undo != UndoStatus::Done
        })
        .filter_map(|(_, at)| at.started)
        .max_by_key(|at| at.seq)?;
    let left = span.checked_sub(elapsed(enforced, now)).filter(|left| !left.is_zero());
    let before = (span / 10).max(BEFORE).min(span / 2);
    Some(Expiry { at: enforced.wall.plus(span), left, is_near: left.is_none_or(|left| left <= before) })
}
