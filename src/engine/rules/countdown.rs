//! The clocks of a cutover: the T-count, which stops in holds; the clock that users feel, which never does;
//! and the window.

use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::engine::State;
use crate::plan::Plan;

/// What the clocks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Time since T-0, holds left out; `None` before.
    pub t_plus: Option<Duration>,
    /// How long users have been without writes in all, while they are; `None` while they write. A second span does
    /// not give the budget back.
    pub outage: Option<Duration>,
    /// How long they may be.
    pub budget: Option<Duration>,
    /// The window's last moment.
    pub closes: Option<Timestamp>,
    /// What is left of the window; zero when it is over.
    pub window_left: Option<Duration>,
}

/// Reads the clocks.
pub fn clocks(plan: &Plan, state: &State, now: Now) -> Clocks {
    let closes = state.started.map(|started| plan.window.closes(started));
    let held_now = match (&state.hold, state.t0) {
        (Some(hold), Some(t0)) => {
            // What was counted up to the last record, and the rest since.
            let since = state.last.map_or(hold.since, |last| last.wall).max(t0);
            now.wall.since(since)
        }
        (Some(_) | None, _) => Duration::ZERO,
    };
    let end = if state.is_over() { state.last.map_or(now.wall, |last| last.wall) } else { now.wall };
    Clocks {
        t_plus: state.t0.map(|t0| end.since(t0).saturating_sub(state.held_since_t0 + held_now)),
        outage: state
            .outage()
            .map(|_| state.outages.iter().map(|o| o.to.unwrap_or(now.wall).since(o.from)).sum::<Duration>()),
        budget: plan.outage_budget,
        closes,
        window_left: closes.map(|c| c.since(now.wall)),
    }
}
