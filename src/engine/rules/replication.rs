//! Caught up: at zero for the whole window, with no gap in the looking, all of it after the fence was proved,
//! and with a marker of ours come through since.

use std::time::Duration;

use crate::clock::{Boot, Now};
use crate::engine::State;
use crate::engine::reading::{FenceState, MarkerSeen, Verdict};
use crate::engine::readings::Readings;
use crate::plan::model::{Link, Probe, ProbeKind};
use crate::plan::{EndpointId, Plan};

/// For how long a link has been caught up, or what is missing, in words.
pub fn caught_up(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    probe: &Probe,
    link: &Link,
    now: Now,
) -> Result<Duration, String> {
    let Some(track) = readings.track(&probe.id) else { return Err("not measured yet".to_owned()) };
    let lag = readings.lag(&probe.id).ok_or_else(|| "no reading".to_owned())?;
    if lag.behind > 0 {
        return Err(format!("{} behind", lag.behind));
    }
    let wanted = link.zero_for;
    let zero_since = track.zero_since.ok_or_else(|| "not at zero".to_owned())?;
    // Zero counts from the proof of the fence on: what was at zero while writes went on proves nothing.
    let side = state.sides.get(&link.from).filter(|side| side.state != FenceState::Open);
    let since = match side {
        Some(side) => match side.proved {
            Some(proved) if fence_holds(plan, readings, &link.from, now) => {
                zero_since.max(proved).max(last_write(plan, readings, &link.from))
            }
            Some(_) | None => return Err(format!("{} is fenced, and that is not proved now", link.from)),
        },
        None => zero_since,
    };
    let last = track.last.as_ref().map_or(since, |r| r.boot);
    let held = last.since(since);
    if held < wanted {
        return Err(format!("at zero for {} of {}", seconds(held), seconds(wanted)));
    }
    if track.zero_held(probe, now.boot).is_none() {
        return Err(format!("at zero for {}, and not looked at often enough", seconds(held)));
    }
    if link.marker {
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
) -> Result<(), String> {
    match marker {
        Some(MarkerSeen { took_ms: Some(_), sent, .. }) if fenced_since.is_none_or(|f| *sent >= f) => Ok(()),
        Some(MarkerSeen { id, took_ms: None, .. }) => Err(format!("marker {id} has not come through")),
        Some(_) | None => Err("no marker has come through since the fence".to_owned()),
    }
}

fn seconds(d: Duration) -> String {
    format!("{}.{}s", d.as_secs(), d.subsec_millis() / 100)
}
