//! Caught up: at zero for the whole window, with no gap in the looking, all of it after the fence was proved,
//! and with a marker of ours come through since, where its source takes one behind the fence.

use std::fmt;
use std::time::Duration;

use crate::clock::{Boot, Now};
use crate::engine::State;
use crate::engine::reading::{FenceState, MarkerSeen, Verdict};
use crate::engine::readings::Readings;
use crate::plan::model::{Link, Probe, ProbeKind};
use crate::plan::{EndpointId, Plan};

/// What is missing before a link is caught up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nobody has looked yet, or the last look found nothing out.
    Reading,
    /// Changes or bytes that have not arrived.
    Behind(u64),
    /// The last look was at zero, and not good.
    Zero,
    /// Its source is fenced, and that is not proved now: zero proves nothing meanwhile.
    Fence(EndpointId),
    /// Zero has to last.
    Time {
        /// For how long it has.
        held: Duration,
        /// For how long it must.
        wanted: Duration,
    },
    /// Zero has lasted, with too few looks at it or with a gap.
    Looks(Duration),
    /// A marker has not come through since the fence: this one, or none at all.
    Marker(Option<String>),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Reading => f.write_str("no reading"),
            Missing::Behind(behind) => write!(f, "{behind} behind"),
            Missing::Zero => f.write_str("not at zero"),
            Missing::Fence(side) => write!(f, "{side} is fenced, and that is not proved now"),
            Missing::Time { held, wanted } => {
                write!(f, "at zero for {} of {}", seconds(*held), seconds(*wanted))
            }
            Missing::Looks(held) => {
                write!(f, "at zero for {}, and not looked at often enough", seconds(*held))
            }
            Missing::Marker(Some(id)) => write!(f, "marker {id} has not come through"),
            Missing::Marker(None) => f.write_str("no marker has come through since the fence"),
        }
    }
}

/// For how long a link has been caught up, or what is missing.
pub fn caught_up(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    probe: &Probe,
    link: &Link,
    now: Now,
) -> Result<Duration, Missing> {
    let track = readings.track(&probe.id).ok_or(Missing::Reading)?;
    let lag = readings.lag(&probe.id).ok_or(Missing::Reading)?;
    if lag.behind > 0 {
        return Err(Missing::Behind(lag.behind));
    }
    let wanted = link.zero_for;
    let zero_since = track.zero_since.ok_or(Missing::Zero)?;
    // Zero counts from the proof of the fence on: what was at zero while writes went on proves nothing.
    let side = state.sides.get(&link.from).filter(|side| side.state != FenceState::Open);
    let since = match side {
        Some(side) => match side.proved {
            Some(proved) if fence_holds(plan, readings, &link.from, now) => {
                zero_since.max(proved).max(last_write(plan, readings, &link.from))
            }
            Some(_) | None => return Err(Missing::Fence(link.from.clone())),
        },
        None => zero_since,
    };
    let last = track.last.as_ref().map_or(since, |r| r.boot);
    let held = last.since(since);
    if held < wanted {
        return Err(Missing::Time { held, wanted });
    }
    if track.zero_held(probe, now.boot).is_none() {
        return Err(Missing::Looks(held));
    }
    if link.marker && !lag.takes_no_marker {
        marker_came(lag.marker.as_ref(), side.map(|s| s.since))?;
    }
    Ok(held)
}

fn fences<'a>(plan: &'a Plan, side: &EndpointId) -> impl Iterator<Item = &'a Probe> {
    plan.probes.iter().filter(move |p| matches!(&p.kind, ProbeKind::Fence(fence) if fence.endpoint == *side))
}

/// Whether the last look at a side's fence was good: a step is reopened only after several bad ones, and zero must
/// not be reached meanwhile.
fn fence_holds(plan: &Plan, readings: &Readings, side: &EndpointId, now: Now) -> bool {
    fences(plan, side).all(|probe| readings.verdict(probe, now.boot) == Verdict::Pass)
}

/// When a write behind a side's fence was last seen.
fn last_write(plan: &Plan, readings: &Readings, side: &EndpointId) -> Boot {
    fences(plan, side).filter_map(|p| readings.track(&p.id)?.changed_at).max().unwrap_or(Boot(0))
}

fn marker_came(
    marker: Option<&MarkerSeen>,
    fenced_since: Option<crate::clock::Timestamp>,
) -> Result<(), Missing> {
    match marker {
        Some(MarkerSeen { took_ms: Some(_), sent, .. }) if fenced_since.is_none_or(|f| *sent >= f) => Ok(()),
        Some(MarkerSeen { id, took_ms: None, .. }) => Err(Missing::Marker(Some(id.clone()))),
        Some(_) | None => Err(Missing::Marker(None)),
    }
}

fn seconds(d: Duration) -> String {
    format!("{}.{}s", d.as_secs(), d.subsec_millis() / 100)
}
