//! Readings that cross a line become facts: good, bad, unknown; at zero for the whole window, or not any more.

use super::{replication, span, worth};
use crate::clock::Now;
use crate::engine::State;
use crate::engine::event::Event;
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::plan::Plan;
use crate::plan::model::ProbeKind;

/// Probes that are worth something else than what the record says.
pub(crate) fn changed(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    plan.probes
        .iter()
        .filter(|probe| readings.track(&probe.id).is_some() && span::in_span(plan, state, probe))
        .filter_map(|probe| {
            let seen = worth::last_look(state, readings, probe, now.boot);
            let known = state.verdicts.get(&probe.id);
            let same = known.is_some_and(|k| k.verdict == seen.verdict && k.finding == seen.finding);
            (!same).then(|| Event::VerdictChanged {
                probe: probe.id.clone(),
                verdict: seen.verdict,
                text: clip(&seen.text),
                finding: seen.finding,
            })
        })
        .collect()
}

/// Links that are caught up now and were not, or the other way round.
pub(crate) fn zeros(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    let mut events = Vec::new();
    for probe in &plan.probes {
        let ProbeKind::Link(link) = &probe.kind else { continue };
        let Some(track) = readings.track(&probe.id) else { continue };
        let reached = replication::caught_up(plan, state, readings, probe, link, now);
        match (reached, state.zeros.contains_key(&probe.id)) {
            (Ok(held), false) => {
                let Some(lag) = readings.lag(&probe.id) else { continue };
                let marker = lag.marker.as_ref().and_then(|m| Some((m.id.clone(), m.took_ms?)));
                events.push(Event::ZeroHeld {
                    link: probe.id.clone(),
                    for_ms: u64::try_from(held.as_millis()).unwrap_or(u64::MAX),
                    samples: track.zero_samples,
                    position: lag.target.clone(),
                    marker,
                });
            }
            (Err(missing), true) if is_definite(readings, probe, now) => {
                let because = missing.to_string();
                events.push(Event::ZeroLost { link: probe.id.clone(), because });
            }
            (Ok(_), true) | (Err(_), _) => {}
        }
    }
    events
}

/// One odd look does not undo a fact: rows behind in several looks, or nothing known, does; and so does the
/// loss of the fence that it rested on, and a zero that passes over something.
fn is_definite(readings: &Readings, probe: &crate::plan::model::Probe, now: Now) -> bool {
    let Some(track) = readings.track(&probe.id) else { return true };
    let verdict = track.verdict(probe, now.boot);
    let behind = track.trend.iter().rev().take(2).filter(|(_, b)| *b != Some(0)).count();
    let passed_over = verdict == Verdict::Fail && readings.lag(&probe.id).is_some_and(|lag| lag.behind == 0);
    matches!(verdict, Verdict::Stale) || behind >= 2 || track.zero_since.is_some() || passed_over
}

fn clip(text: &str) -> String {
    text.chars().take(500).collect()
}
