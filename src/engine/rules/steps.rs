//! Steps: what may begin, how it ends, and what a person may say about it.

use std::time::Duration;

use super::people;
use crate::clock::Now;
use crate::engine::State;
use crate::engine::event::{Event, Leg, Outcome, OutputRef};
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::engine::state::{Stage, Status, StepState, UndoStatus};
use crate::plan::model::{ProbeKind, Start, Step, StepKind, Undo};
use crate::plan::{Plan, StepId};

/// The longest wait between two automatic tries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);

/// Everything that begins by itself now: steps, retries, gates.
pub(crate) fn startable(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    if people::may_start(state).is_err() {
        return Vec::new();
    }
    let (from, to) = match state.stage {
        Stage::Forward => (state.first_open, plan.steps.len()),
        Stage::Back(crate::engine::event::Way::Phase) => (plan.steps.len(), state.steps.len()),
        Stage::Back(crate::engine::event::Way::Undo) | Stage::Aborting | Stage::Over(_) => return Vec::new(),
    };
    if state.gates.get(crate::engine::state::ROLLBACK_GATE).is_some_and(|g| g.open) {
        return Vec::new();
    }
    let mut events = Vec::new();
    for slot in from..to {
        let Some((step, at)) = plan.at_slot(slot).zip(state.at_slot(slot)) else { continue };
        let due = match at.status {
            Status::Pending => step.start == Start::Auto,
            Status::RetryAt(when) => now.boot >= when || when.since(now.boot) > LONGEST_BACKOFF,
            Status::Running => step.gate().is_some() && !state.gates.get(&step.id).is_some_and(|g| g.open),
            Status::Proving | Status::Done | Status::Failed | Status::Unknown | Status::Skipped => false,
        };
        if due && may_begin(plan, state, readings, step, slot, now).is_ok() {
            begin(plan, state, step, at, None, &mut events);
        }
    }
    events
}

/// Whether everything that has to come before a step has come; the refusal names what has not.
pub fn may_begin(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    step: &Step,
    slot: usize,
    now: Now,
) -> Result<(), Refusal> {
    if let Some(first) = step
        .after
        .iter()
        .find(|id| !state.step(plan, id).is_some_and(StepState::is_settled))
        .and_then(|id| plan.step(id))
    {
        return Err(Refusal::Before { step: step.id.clone(), waits_for: first.title.clone() });
    }
    if let Some(open) = state.reopened.iter().find(|&&r| r < slot).and_then(|&r| plan.at_slot(r)) {
        return Err(Refusal::Before { step: step.id.clone(), waits_for: open.title.clone() });
    }
    if step.has_effect()
        && let Some(probe) = plan.probes.iter().find(|p| {
            matches!(p.kind, ProbeKind::Identity { .. }) && readings.verdict(p, now.boot) != Verdict::Pass
        })
        && !plan.is_rollback_step(&step.id)
    {
        return Err(Refusal::IdentityNotProved(probe.title.clone()));
    }
    Ok(())
}

fn begin(plan: &Plan, state: &State, step: &Step, at: &StepState, by: Option<&str>, events: &mut Vec<Event>) {
    if let Some(i) = plan.phases.iter().position(|p| p.id == step.phase)
        && state.phases.get(i).is_some_and(|p| p.started.is_none())
        && !plan.is_rollback_step(&step.id)
        && !events.iter().any(|e| matches!(e, Event::PhaseStarted { phase } if *phase == step.phase))
    {
        events.push(Event::PhaseStarted { phase: step.phase.clone() });
    }
    if step.gate().is_some() {
        let revision = state.gates.get(&step.id).map_or(0, |g| g.revision) + 1;
        events.push(Event::GateOpened { gate: step.id.clone(), revision });
        return;
    }
    events.push(Event::StepStarted {
        step: step.id.clone(),
        attempt: at.attempts + 1,
        leg: Leg::Forward,
        by: by.map(str::to_owned),
    });
}

/// What was set going has ended.
#[expect(clippy::too_many_arguments, reason = "the fields of one report")]
pub(crate) fn ended(
    plan: &Plan,
    state: &State,
    step: StepId,
    attempt: u32,
    leg: Leg,
    outcome: Outcome,
    detail: String,
    output: Option<OutputRef>,
) -> Result<Vec<Event>, Refusal> {
    let (it, at) = find(plan, state, &step)?;
    // What a person does or decides has no report but a person's.
    let runs = match leg {
        Leg::Forward => at.status == Status::Running && it.has_effect(),
        Leg::Undo => at.undo == UndoStatus::Running && !matches!(it.undo, None | Some(Undo::Manual { .. })),
    };
    if at.attempts != attempt || !runs {
        return Err(Refusal::StaleReport(step, attempt));
    }
    let again = match outcome {
        Outcome::Failed { .. } | Outcome::NotStarted => at.retried < it.retries.times,
        // Nobody knows whether it happened: only what may happen twice is tried again unasked.
        Outcome::Unknown | Outcome::TimedOut => it.idempotent && at.retried < it.retries.times.max(1),
        Outcome::Done | Outcome::Stopped => false,
    };
    let forward = leg == Leg::Forward && matches!(state.stage, Stage::Forward | Stage::Back(_));
    let mut events =
        vec![Event::StepEnded { step: step.clone(), attempt, leg, outcome, detail, output, by: None }];
    if again && forward && !at.stopping {
        let wait = it.retries.backoff.saturating_mul(1 << at.retried.min(16)).min(LONGEST_BACKOFF);
        let after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        events.push(Event::RetryPlanned { step, after_ms });
    }
    Ok(events)
}

/// The key of a step that waits for one.
pub(crate) fn start_by_key(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    step: &StepId,
    by: &str,
    now: Now,
) -> Result<Vec<Event>, Refusal> {
    forward(state, plan, step)?;
    people::may_start(state)?;
    let (it, at) = find(plan, state, step)?;
    if at.status != Status::Pending || it.gate().is_some() {
        return Err(wrong(it, at, "a step that has not begun"));
    }
    may_begin(plan, state, readings, it, plan.slot(step).unwrap_or(usize::MAX), now)?;
    let mut events = Vec::new();
    begin(plan, state, it, at, Some(by), &mut events);
    Ok(events)
}

/// A person says that a manual step, or a manual undo, is done.
pub(crate) fn confirm(
    plan: &Plan,
    state: &State,
    step: &StepId,
    by: &str,
    note: &str,
) -> Result<Vec<Event>, Refusal> {
    let leg = asked_leg(plan, state, step)?;
    Ok(vec![said(state, plan, step, leg, by, Outcome::Done, note)])
}

/// A person says that a manual step could not be done.
pub(crate) fn fail(
    plan: &Plan,
    state: &State,
    step: &StepId,
    by: &str,
    reason: &str,
) -> Result<Vec<Event>, Refusal> {
    wanted(reason)?;
    let leg = asked_leg(plan, state, step)?;
    Ok(vec![said(state, plan, step, leg, by, Outcome::Failed { code: None }, reason)])
}

fn said(
    state: &State,
    plan: &Plan,
    step: &StepId,
    leg: Leg,
    by: &str,
    outcome: Outcome,
    detail: &str,
) -> Event {
    Event::StepEnded {
        step: step.clone(),
        attempt: state.step(plan, step).map_or(0, |s| s.attempts),
        leg,
        outcome,
        detail: detail.to_owned(),
        output: None,
        by: Some(by.to_owned()),
    }
}

fn asked_leg(plan: &Plan, state: &State, step: &StepId) -> Result<Leg, Refusal> {
    let (it, at) = find(plan, state, step)?;
    if at.undo == UndoStatus::Running && matches!(it.undo, Some(Undo::Manual { .. })) {
        return Ok(Leg::Undo);
    }
    if at.status == Status::Running && matches!(it.kind, StepKind::Manual { .. }) {
        return Ok(Leg::Forward);
    }
    Err(wrong(it, at, "a manual step that waits for a person"))
}

/// A failed step, or a stuck undo, is tried again.
pub(crate) fn retry(plan: &Plan, state: &State, step: &StepId, by: &str) -> Result<Vec<Event>, Refusal> {
    let (it, at) = find(plan, state, step)?;
    let again = |leg| {
        vec![Event::StepStarted {
            step: step.clone(),
            attempt: at.attempts + 1,
            leg,
            by: Some(by.to_owned()),
        }]
    };
    if at.undo == UndoStatus::Stuck {
        return Ok(again(Leg::Undo));
    }
    forward(state, plan, step)?;
    people::may_start(state)?;
    match at.status {
        Status::Failed | Status::RetryAt(_) => Ok(again(Leg::Forward)),
        Status::Unknown if it.idempotent => Ok(again(Leg::Forward)),
        Status::Unknown => {
            Err(wrong(it, at, "a step that failed for sure: settle first whether it happened"))
        }
        Status::Pending | Status::Running | Status::Proving | Status::Done | Status::Skipped => {
            Err(wrong(it, at, "a failed step"))
        }
    }
}

/// A step is left out, with a reason.
pub(crate) fn skip(
    plan: &Plan,
    state: &State,
    step: &StepId,
    by: &str,
    reason: &str,
) -> Result<Vec<Event>, Refusal> {
    wanted(reason)?;
    forward(state, plan, step)?;
    let (it, at) = find(plan, state, step)?;
    let no = |why| Err(Refusal::NotSkippable(step.clone(), why));
    match &it.kind {
        StepKind::Gate(_) => return no("a gate is answered, never left out"),
        StepKind::Wait(_) | StepKind::Check(_) => {
            return no("it is a proof: go on in spite of it at a gate, with a waiver");
        }
        StepKind::Fence(_) | StepKind::Open { .. } | StepKind::Carry(_) => {
            return no("what comes after it rests on it");
        }
        StepKind::Manual { .. }
        | StepKind::Command(_)
        | StepKind::Sql { .. }
        | StepKind::Freeze(_)
        | StepKind::Notify(_) => {}
    }
    if it.switch || it.point_of_no_return {
        return no("it moves users");
    }
    if !it.skippable {
        return no("the plan does not let it be skipped");
    }
    match at.status {
        Status::Pending | Status::Failed | Status::RetryAt(_) => {}
        Status::Running if matches!(it.kind, StepKind::Manual { .. }) => {}
        Status::Running | Status::Proving | Status::Unknown | Status::Done | Status::Skipped => {
            return Err(wrong(it, at, "a step that has not begun, or that failed"));
        }
    }
    Ok(vec![Event::StepSkipped { step: step.clone(), by: by.to_owned(), reason: reason.to_owned() }])
}

/// A person settles what nobody knew.
pub(crate) fn settle(
    plan: &Plan,
    state: &State,
    step: &StepId,
    happened: bool,
    by: &str,
    reason: &str,
) -> Result<Vec<Event>, Refusal> {
    wanted(reason)?;
    let (it, at) = find(plan, state, step)?;
    let leg = match (at.status, at.undo) {
        (_, UndoStatus::Unknown | UndoStatus::Stuck) => Leg::Undo,
        (Status::Unknown, _) => Leg::Forward,
        _ => return Err(wrong(it, at, "a step that nobody knows the end of")),
    };
    Ok(vec![Event::StepSettled {
        step: step.clone(),
        leg,
        happened,
        by: by.to_owned(),
        reason: reason.to_owned(),
    }])
}

/// A running step is stopped.
pub(crate) fn stop(plan: &Plan, state: &State, step: &StepId, by: &str) -> Result<Vec<Event>, Refusal> {
    let (it, at) = find(plan, state, step)?;
    let leg = match (at.undo, at.status) {
        (UndoStatus::Running, _) => Leg::Undo,
        (_, Status::Running) if it.gate().is_none() && !matches!(it.kind, StepKind::Manual { .. }) => {
            Leg::Forward
        }
        (_, Status::Proving) => {
            let detail = format!("given up by {by}");
            return Ok(vec![said(
                state,
                plan,
                step,
                Leg::Forward,
                by,
                Outcome::Failed { code: None },
                &detail,
            )]);
        }
        _ => return Err(wrong(it, at, "a running step")),
    };
    Ok(vec![Event::StopAsked { step: step.clone(), attempt: at.attempts, leg, by: Some(by.to_owned()) }])
}

/// A reason that says something.
pub(crate) fn wanted(reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() { Err(Refusal::ReasonMissing) } else { Ok(()) }
}

/// The checklist is not worked on any more once the way back has begun; the rollback phase only then.
fn forward(state: &State, plan: &Plan, step: &StepId) -> Result<(), Refusal> {
    match state.stage {
        Stage::Forward if !plan.is_rollback_step(step) => Ok(()),
        Stage::Back(_) if plan.is_rollback_step(step) => Ok(()),
        Stage::Forward | Stage::Back(_) | Stage::Aborting => Err(Refusal::NotForward),
        Stage::Over(_) => Err(Refusal::NotRunning),
    }
}

fn find<'a>(plan: &'a Plan, state: &'a State, step: &StepId) -> Result<(&'a Step, &'a StepState), Refusal> {
    plan.step(step).zip(state.step(plan, step)).ok_or_else(|| Refusal::NoSuchStep(step.clone()))
}

fn wrong(step: &Step, at: &StepState, wants: &'static str) -> Refusal {
    Refusal::WrongStatus { step: step.id.clone(), is: word(at), wants }
}

/// A step's status in a word.
pub fn word(at: &StepState) -> &'static str {
    match (at.undo, at.status) {
        (UndoStatus::Running, _) => "being undone",
        (UndoStatus::Done, _) => "undone",
        (UndoStatus::Stuck, _) => "stuck",
        (UndoStatus::Unknown, _) => "unknown whether undone",
        (UndoStatus::None, Status::Pending) => "not begun",
        (UndoStatus::None, Status::Running) => "running",
        (UndoStatus::None, Status::Proving) if at.reopened.is_some() => "no longer true",
        (UndoStatus::None, Status::Proving) => "waiting for its proof",
        (UndoStatus::None, Status::Done) => "done",
        (UndoStatus::None, Status::Failed) => "failed",
        (UndoStatus::None, Status::RetryAt(_)) => "to be tried again",
        (UndoStatus::None, Status::Unknown) => "unknown",
        (UndoStatus::None, Status::Skipped) => "skipped",
    }
}
