//! The closed loop: what a probe can sense ticks itself, and reopens when it stops being true, as long as it
//! has to hold.

use std::collections::HashSet;
use std::time::Duration;

use super::{called, replication, validation, worth};
use crate::clock::{Boot, Now};
use crate::engine::State;
use crate::engine::event::{Event, Leg, Outcome};
use crate::engine::reading::Verdict;
use crate::engine::readings::{BAD_IN_A_ROW, Readings};
use crate::engine::state::{Stage, Status, StepState, elapsed};
use crate::plan::model::{ProbeKind, Schedule, Step, StepKind, WaitFor};
use crate::plan::{Plan, ProbeId, StepId};

/// How long after a look that was not good the next one is asked for.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Where a step that waits to be proved stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// What must be true is: with what was measured.
    Holds(String),
    /// Not yet: with what is missing.
    NotYet(String),
    /// It was measured, and it is not so.
    Fails(String),
}

/// Steps whose proof has come, failed, or not come in time.
pub(crate) fn proved(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    let mut events = Vec::new();
    for &slot in &state.running {
        let Some((step, at)) = plan.at_slot(slot).zip(state.at_slot(slot)) else { continue };
        if at.status != Status::Proving || state.stage == Stage::Aborting {
            continue;
        }
        let end = |outcome, detail: String| Event::StepEnded {
            step: step.id.clone(),
            attempt: at.attempts,
            leg: Leg::Forward,
            outcome,
            detail,
            output: at.output.clone(),
            by: None,
        };
        match proof(plan, state, readings, step, at, now) {
            Proof::Holds(evidence) => {
                events.push(Event::StepProved { step: step.id.clone(), evidence });
            }
            // What was true once ticks again by itself when it is.
            Proof::Fails(why) if at.reopened.is_none() => {
                events.push(end(Outcome::Failed { code: None }, why));
            }
            Proof::Fails(why) | Proof::NotYet(why) => {
                let late = step.timeout.zip(at.started).is_some_and(|(t, s)| elapsed(s, now) > t);
                if late && at.reopened.is_none() {
                    events.push(end(Outcome::Failed { code: None }, format!("not proved in time: {why}")));
                } else {
                    events.extend(look_again(plan, state, readings, step, now));
                }
            }
        }
    }
    events.extend(settled_by_proof(plan, state, readings, now));
    events
}

/// What nobody measures by itself and was not good is looked at again after a moment.
fn look_again<'a>(
    plan: &'a Plan,
    state: &'a State,
    readings: &'a Readings,
    step: &'a Step,
    now: Now,
) -> impl Iterator<Item = Event> + 'a {
    step.proofs().filter_map(move |id| {
        let probe = plan.probe(id).filter(|p| p.schedule == Schedule::OnDemand)?;
        let last = readings.track(id)?.last.as_ref()?;
        let answered = state.looks.get(id).is_none_or(|asked| last.boot >= *asked);
        let due = now.boot.since(last.boot) >= LOOK_AGAIN + Duration::from_millis(last.took_ms);
        let bad = worth::of_probe(plan, state, readings, probe, now).verdict != Verdict::Pass;
        (answered && due && bad).then(|| Event::MeasureAsked { probe: id.clone(), by: "engine".to_owned() })
    })
}

/// What a step in proof waits for, or shows: the panes say the same.
pub fn proof(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    step: &Step,
    at: &StepState,
    now: Now,
) -> Proof {
    if let Some(before) = not_true_before(plan, state, step) {
        return Proof::NotYet(format!("{} is not true now", before.title));
    }
    match &step.kind {
        StepKind::Wait(WaitFor::CaughtUp(links)) => caught_up(plan, state, readings, links, now),
        StepKind::Wait(WaitFor::Good { probes, lasting }) => {
            for id in probes {
                if let Some(missing) = not_good(plan, state, readings, id, at.asked, now) {
                    return Proof::NotYet(missing);
                }
                let since = readings.track(id).and_then(|t| t.good_since);
                let held = since.map_or(Duration::ZERO, |s| now.boot.since(s));
                if held < *lasting {
                    return Proof::NotYet(format!(
                        "{} good for {}s of {}s",
                        called::probe(plan, id),
                        held.as_secs(),
                        lasting.as_secs()
                    ));
                }
            }
            Proof::Holds(texts(readings, probes))
        }
        StepKind::Check(probes) => checked(plan, state, readings, probes, at.asked),
        StepKind::Fence(fence) => by_probe(plan, state, readings, &fence.probe, at.asked, now),
        StepKind::Manual { .. }
        | StepKind::Command(_)
        | StepKind::Sql { .. }
        | StepKind::Gate(_)
        | StepKind::Open { .. }
        | StepKind::Carry(_)
        | StepKind::Freeze(_)
        | StepKind::Notify(_) => match &step.proof {
            Some(probe) => by_probe(plan, state, readings, probe, at.asked, now),
            None => Proof::Holds(at.detail.clone()),
        },
    }
}

/// A step that this one follows, at any distance, and that was true and is not: nothing is proved on top of it.
///
/// On the way back a step may make untrue what had to hold until it has finished, as one does that turns a drained
/// link round. After a resume in its middle that has not been measured and never can be: its own proof does not
/// wait for it.
fn not_true_before<'p>(plan: &'p Plan, state: &State, step: &Step) -> Option<&'p Step> {
    if state.reopened.is_empty() {
        return None;
    }
    let mut seen: HashSet<&StepId> = HashSet::new();
    let mut open: Vec<&StepId> = step.after.iter().collect();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let goes_on_from =
            |before: &Step| plan.is_rollback_step(&step.id) && before.holds_until.as_ref() == Some(&step.id);
        let untrue = plan.slot(id).filter(|slot| state.reopened.contains(slot));
        if let Some(before) =
            untrue.and_then(|slot| plan.at_slot(slot)).filter(|before| !goes_on_from(before))
        {
            return Some(before);
        }
        open.extend(plan.step(id).into_iter().flat_map(|step| &step.after));
    }
    None
}

/// Steps that were ticked, have to hold, and do not any more.
pub(crate) fn reopened(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    state
        .watched
        .iter()
        .filter_map(|&slot| {
            let step = plan.at_slot(slot)?;
            let because = broken(plan, state, readings, step, now)?;
            Some(Event::StepReopened { step: step.id.clone(), because })
        })
        .collect()
}

fn broken(plan: &Plan, state: &State, readings: &Readings, step: &Step, now: Now) -> Option<String> {
    match &step.kind {
        StepKind::Wait(WaitFor::CaughtUp(links)) => {
            let lost = links.iter().find(|id| !state.zeros.contains_key(*id))?;
            match caught_up(plan, state, readings, std::slice::from_ref(lost), now) {
                Proof::NotYet(why) | Proof::Fails(why) => Some(why),
                Proof::Holds(_) => None,
            }
        }
        StepKind::Wait(WaitFor::Good { probes, .. }) => {
            probes.iter().find_map(|id| bad_for_good(plan, state, readings, id, now))
        }
        StepKind::Check(probes) => probes.iter().find_map(|id| match readings.track(id) {
            // After a resume it has to be looked at again before it counts.
            None => Some(format!("{} has to be looked at again", plan.probe(id)?.title)),
            Some(_) => bad_for_good(plan, state, readings, id, now),
        }),
        StepKind::Fence(fence) => bad_for_good(plan, state, readings, &fence.probe, now),
        StepKind::Manual { .. }
        | StepKind::Command(_)
        | StepKind::Sql { .. }
        | StepKind::Gate(_)
        | StepKind::Open { .. }
        | StepKind::Carry(_)
        | StepKind::Freeze(_)
        | StepKind::Notify(_) => None,
    }
}

/// Bad for several looks in a row, or too old to count: never on one odd look.
fn bad_for_good(plan: &Plan, state: &State, readings: &Readings, id: &ProbeId, now: Now) -> Option<String> {
    let probe = plan.probe(id)?;
    let track = readings.track(id)?;
    let seen = worth::of_probe(plan, state, readings, probe, now);
    let definite = match seen.verdict {
        Verdict::Pass => false,
        Verdict::Stale => true,
        Verdict::Fail | Verdict::Unknown => {
            track.bad_in_a_row >= BAD_IN_A_ROW || probe.schedule == Schedule::OnDemand
        }
    };
    definite.then(|| worth::against(probe, &seen))
}

fn caught_up(plan: &Plan, state: &State, readings: &Readings, links: &[ProbeId], now: Now) -> Proof {
    let mut all = Vec::new();
    for id in links {
        let Some(probe) = plan.probe(id) else { continue };
        let ProbeKind::Link(link) = &probe.kind else { continue };
        match replication::caught_up(plan, state, readings, probe, link, now) {
            Err(missing) => return Proof::NotYet(format!("{}: {missing}", probe.title)),
            Ok(held) => {
                let lag = readings.lag(id);
                let position = lag.map_or("?", |l| l.target.as_str());
                let marker = lag
                    .and_then(|l| l.marker.as_ref())
                    .and_then(|m| Some(format!(", marker {} in {}ms", m.id, m.took_ms?)))
                    .unwrap_or_default();
                all.push(format!("{} zero for {}s at {position}{marker}", probe.title, held.as_secs()));
            }
        }
    }
    Proof::Holds(all.join("; "))
}

fn checked(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    probes: &[ProbeId],
    asked: Option<Boot>,
) -> Proof {
    let mut waits = None;
    for id in probes {
        let Some(probe) = plan.probe(id) else { continue };
        let Some(last) = readings.track(id).and_then(|t| t.last.as_ref()).filter(|r| Some(r.boot) >= asked)
        else {
            waits.get_or_insert_with(|| format!("{} is being looked at", probe.title));
            continue;
        };
        match &last.result {
            Err(why) => return Proof::Fails(format!("{} could not be proved: {why}", probe.title)),
            Ok(m) if !m.pass => return Proof::Fails(format!("{}: {}", probe.title, m.text)),
            Ok(_) => {}
        }
        if let Err(why) = validation::still_holds(plan, state, readings, probe) {
            waits.get_or_insert(why);
        }
    }
    waits.map_or_else(|| Proof::Holds(texts(readings, probes)), Proof::NotYet)
}

fn by_probe(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    id: &ProbeId,
    asked: Option<Boot>,
    now: Now,
) -> Proof {
    match not_good(plan, state, readings, id, asked, now) {
        Some(missing) => Proof::NotYet(missing),
        None => Proof::Holds(texts(readings, std::slice::from_ref(id))),
    }
}

fn not_good(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    id: &ProbeId,
    asked: Option<Boot>,
    now: Now,
) -> Option<String> {
    let probe = plan.probe(id)?;
    let looked = readings.track(id).and_then(|t| t.last.as_ref()).is_some_and(|r| Some(r.boot) >= asked);
    if !looked {
        return Some(format!("{} is being looked at", probe.title));
    }
    let seen = worth::of_probe(plan, state, readings, probe, now);
    (seen.verdict != Verdict::Pass).then(|| worth::against(probe, &seen))
}

/// A step that nobody knows the end of is settled by its probe where that says that it has happened.
fn settled_by_proof(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    plan.steps
        .iter()
        .chain(plan.rollback_steps())
        .enumerate()
        .filter(|(slot, _)| state.at_slot(*slot).is_some_and(|s| s.status == Status::Unknown))
        .filter_map(|(slot, step)| {
            let probe = match &step.kind {
                StepKind::Fence(fence) => Some(&fence.probe),
                _ => step.proof.as_ref(),
            }?;
            let ended = state.at_slot(slot).and_then(|s| s.ended).map(|at| at.boot);
            not_good(plan, state, readings, probe, ended, now).is_none().then(|| Event::StepSettled {
                step: step.id.clone(),
                leg: Leg::Forward,
                happened: true,
                by: format!("probe {}", called::probe(plan, probe)),
                reason: texts(readings, std::slice::from_ref(probe)),
            })
        })
        .collect()
}

fn texts(readings: &Readings, probes: &[ProbeId]) -> String {
    let all: Vec<&str> = probes.iter().filter_map(|id| Some(readings.measure(id)?.text.as_str())).collect();
    all.join("; ").chars().take(500).collect()
}
