//! Caught up: at zero for the whole window, with no gap in the looking, all of it after the fence was proved,
//! and with a marker of ours come through since.

use std::time::Duration;

use crate::clock::Now;
use crate::engine::State;
use crate::engine::reading::{FenceState, MarkerSeen};
use crate::engine::readings::Readings;
use crate::plan::model::{Link, Probe};

/// For how long a link has been caught up, or what is missing, in words.
pub fn caught_up(
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
            Some(proved) => zero_since.max(proved),
            None => return Err(format!("{} is fenced, and that is not proved now", link.from)),
        },
        None => zero_since,
    };
    let last = track.last.as_ref().map_or(since, |r| r.boot);
    let held = last.since(since);
    if held < wanted || track.zero_held(probe, now.boot).is_none() {
        return Err(format!("at zero for {} of {}", seconds(held), seconds(wanted)));
    }
    if link.marker {
        marker_came(lag.marker.as_ref(), side.map(|s| s.since))?;
    }
    Ok(held)
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
