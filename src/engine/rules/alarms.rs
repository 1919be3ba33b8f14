//! Alarms: one a cause, raised after the same look was bad several times, acknowledged by name, cleared by
//! themselves when their cause is gone.

use std::time::Duration;

use super::expiry::expiry;
use super::{countdown, forecast, span, worth};
use crate::clock::Now;
use crate::engine::State;
use crate::engine::event::{AlarmId, Event};
use crate::engine::reading::{Facts, Verdict};
use crate::engine::readings::{BAD_IN_A_ROW, Readings, Track};
use crate::engine::refusal::Refusal;
use crate::engine::state::{Alarm, Status, UndoStatus, elapsed};
use crate::plan::Plan;
use crate::plan::model::{Probe, ProbeKind, Schedule, Severity};

/// Lag that grows for this long is an alarm before it reaches its limit.
const GROWING_FOR: Duration = Duration::from_secs(30);

/// An engine that takes a run up has whoever drives come back for so long: as long as one that lost them waits.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(3);

/// Alarms that are due, and alarms whose cause is gone.
pub(crate) fn raised(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    let wanted = wanted(plan, state, readings, now);
    let mut events = Vec::new();
    for (alarm, severity, text) in &wanted {
        let known = state.alarms.get(alarm).filter(|a| a.cleared.is_none());
        let another =
            |a: &Alarm| a.acknowledged.is_some() && a.text != *text && names_a_change(readings, alarm);
        if known.is_none_or(|a| *severity > a.severity || another(a)) {
            events.push(Event::AlarmRaised { alarm: alarm.clone(), severity: *severity, text: text.clone() });
        }
    }
    for (alarm, _) in state.alarms.iter().filter(|(_, a)| a.cleared.is_none()) {
        if !wanted.iter().any(|(id, _, _)| id == alarm) && is_clear(plan, state, readings, alarm, now) {
            events.push(Event::AlarmCleared { alarm: alarm.clone() });
        }
    }
    events
}

/// Somebody has seen an alarm, or all of them.
pub(crate) fn acknowledge(state: &State, alarm: Option<&AlarmId>, by: &str) -> Result<Vec<Event>, Refusal> {
    let open = |id: &AlarmId| state.alarms.get(id).is_some_and(|a| a.acknowledged.is_none());
    if let Some(id) = alarm
        && !open(id)
    {
        return Err(Refusal::NoSuchAlarm(id.clone()));
    }
    Ok(state
        .alarms
        .keys()
        .filter(|id| open(id) && alarm.is_none_or(|a| a == *id))
        .map(|id| Event::AlarmAcknowledged { alarm: id.clone(), by: by.to_owned() })
        .collect())
}

fn wanted(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<(AlarmId, Severity, String)> {
    let mut all: Vec<(AlarmId, Severity, String)> = plan
        .probes
        .iter()
        .filter(|p| span::in_span(plan, state, p))
        .filter_map(|p| of_probe(state, readings, p, now).or_else(|| lapsing(plan, state, p, now)))
        .collect();
    for (slot, at) in state.steps.iter().enumerate() {
        let Some(step) = plan.at_slot(slot) else { continue };
        let what = match (at.status, at.undo) {
            (_, UndoStatus::Stuck) => "its undo failed",
            (_, UndoStatus::Unknown) => "nobody knows whether its undo happened",
            (Status::Failed, UndoStatus::None) => "failed",
            (Status::Unknown, UndoStatus::None) => "nobody knows whether it happened",
            (Status::Proving, UndoStatus::None) if at.reopened.is_some() => "no longer true",
            _ => continue,
        };
        all.push((AlarmId::Step(step.id.clone()), Severity::Warning, format!("{}: {what}", step.title)));
    }
    let clocks = countdown::clocks(plan, state, now);
    if let (Some(outage), Some(budget)) = (clocks.outage, clocks.budget) {
        if outage > budget {
            let text = "users have been without writes for longer than the budget".to_owned();
            all.push((AlarmId::OutageBudget, Severity::Warning, text));
        } else if forecast::outage_left(plan, state, readings, now).is_some_and(|left| outage + left > budget)
        {
            let text = "the estimates say that the outage budget will not do".to_owned();
            all.push((AlarmId::OutageBudget, Severity::Caution, text));
        }
    }
    if clocks.window_left == Some(Duration::ZERO) {
        all.push((AlarmId::Window, Severity::Warning, "the window is over".to_owned()));
    }
    let gone =
        state.operator.is_none() && state.taken_up.is_none_or(|at| elapsed(at, now) >= COMES_BACK_WITHIN);
    if state.outage().is_some() && gone {
        let text = "nobody has the keys while users are without writes".to_owned();
        all.push((AlarmId::NoOperator, Severity::Warning, text));
    }
    all
}

fn of_probe(
    state: &State,
    readings: &Readings,
    probe: &Probe,
    now: Now,
) -> Option<(AlarmId, Severity, String)> {
    let severity = probe.alarm?;
    let track = readings.track(&probe.id)?;
    if let ProbeKind::Fence(fence) = &probe.kind {
        // What was seen before the fence was set says nothing about it.
        let set = state.sides.get(&fence.endpoint).map(|side| side.since);
        track.last.as_ref().filter(|last| set.is_none_or(|set| last.at > set))?;
    }
    let seen = worth::last_look(state, readings, probe, now.boot);
    let text = match seen.verdict {
        Verdict::Pass => {
            track.growing_since().filter(|since| now.boot.since(*since) >= GROWING_FOR)?;
            format!("{} lag growing for {}s", probe.title, now.boot.since(track.growing_since()?).as_secs())
        }
        Verdict::Fail if track.bad_in_a_row < looks(probe, track) => return None,
        Verdict::Unknown if track.bad_in_a_row < BAD_IN_A_ROW => return None,
        Verdict::Fail | Verdict::Unknown | Verdict::Stale => worth::against(probe, &seen),
    };
    Some((AlarmId::Probe(probe.id.clone()), severity, text.chars().take(300).collect()))
}

/// A control that lifts itself soon, or should have: a caution first, then as loud as if it did not refuse.
fn lapsing(plan: &Plan, state: &State, probe: &Probe, now: Now) -> Option<(AlarmId, Severity, String)> {
    let severity = probe.alarm?;
    let expiry = expiry(plan, state, probe, now).filter(|expiry| expiry.is_near)?;
    let (severity, lifts) = match expiry.left {
        Some(_) => (severity.min(Severity::Caution), "lifts itself"),
        None => (severity, "was to lift itself"),
    };
    let text = format!("{}: {lifts} at {}", probe.title, expiry.at.hour_minute(plan.offset));
    Some((AlarmId::Probe(probe.id.clone()), severity, text))
}

/// Whether what an alarm is about is a change by name: whoever answered for one has not answered for the next.
fn names_a_change(readings: &Readings, alarm: &AlarmId) -> bool {
    let AlarmId::Probe(id) = alarm else { return false };
    readings.measure(id).is_some_and(|m| !m.pass && matches!(m.facts, Facts::Still(_)))
}

/// What names a change is definite at the first look; what is a figure is not.
fn looks(probe: &Probe, track: &Track) -> u32 {
    let definite =
        track.last.as_ref().is_some_and(|r| matches!(&r.result, Ok(m) if matches!(m.facts, Facts::Still(_))));
    if definite || probe.schedule == Schedule::OnDemand { 1 } else { BAD_IN_A_ROW }
}

/// A probe's alarm clears when the probe is good, not when it merely was bad less often.
fn is_clear(plan: &Plan, state: &State, readings: &Readings, alarm: &AlarmId, now: Now) -> bool {
    let AlarmId::Probe(id) = alarm else { return true };
    plan.probe(id)
        .is_none_or(|p| !span::in_span(plan, state, p) || readings.verdict(p, now.boot) == Verdict::Pass)
}
