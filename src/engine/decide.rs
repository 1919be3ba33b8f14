//! The one door: an input, what is true, what was measured and the time go in; events or a refusal come out.
//!
//! Each kind of input is answered by one rule. A [`Input::Tick`] asks the rules that follow from the passing of
//! time, in an order in which facts come before conclusions, and answers with the first that has something to
//! say: whoever drives the engine ticks until it is silent, so every rule sees what the one before it decided.

use super::event::{Event, HoldCause};
use super::input::{Input, Intent, Issued, Report};
use super::readings::Readings;
use super::refusal::Refusal;
use super::rules::{alarms, back, freeze, gates, people, phases, sensed, steps, verdicts};
use super::state::State;
use crate::clock::Now;
use crate::plan::Plan;
use crate::plan::model::ProbeKind;

/// What follows from an input: events that have happened by it, or why it is refused.
pub fn decide(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    input: Input,
    now: Now,
) -> Result<Vec<Event>, Refusal> {
    match input {
        Input::Begin(run) => match state.run {
            None => Ok(vec![Event::RunStarted(run)]),
            Some(_) => Err(Refusal::NotForward),
        },
        Input::Resume { boot_id, torn_bytes } => Ok(people::resumed(state, boot_id, torn_bytes)),
        Input::OperatorArrived { name, account, take } => people::arrived(state, name, account, take),
        Input::OperatorLost => Ok(people::lost(state)),
        Input::Intent { by, intent, issued } => {
            if state.run.is_none() || state.is_over() {
                return Err(Refusal::NotRunning);
            }
            intended(plan, state, readings, &by, intent, issued.as_ref(), now)
        }
        Input::Report(report) => reported(plan, state, report),
        Input::Tick => Ok(tick(plan, state, readings, now)),
    }
}

fn intended(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    by: &str,
    intent: Intent,
    issued: Option<&Issued>,
    now: Now,
) -> Result<Vec<Event>, Refusal> {
    match intent {
        Intent::StartStep { step } => steps::start_by_key(plan, state, readings, &step, by, now),
        Intent::ConfirmStep { step, note } => steps::confirm(plan, state, &step, by, &note),
        Intent::FailStep { step, reason } => steps::fail(plan, state, &step, by, &reason),
        Intent::RetryStep { step } => steps::retry(plan, state, &step, by),
        Intent::SkipStep { step, reason } => steps::skip(plan, state, &step, by, &reason),
        Intent::SettleStep { step, happened, reason } => {
            steps::settle(plan, state, &step, happened, by, &reason)
        }
        Intent::StopStep { step } => steps::stop(plan, state, &step, by),
        Intent::Hold { reason } => Ok(people::hold(state, HoldCause::Asked, Some(by), &reason)),
        Intent::Release => people::release(state, by),
        Intent::DecideGate(answer) => gates::answer(plan, state, readings, &answer, by, issued, now),
        Intent::Waive { gate, evidence, finding, reason } => {
            gates::waive(plan, state, readings, &gate, &evidence, &finding, by, &reason, now)
        }
        Intent::AcknowledgeAlarm { alarm } => alarms::acknowledge(state, alarm.as_ref(), by),
        Intent::EndSession { endpoint, session, application } => {
            freeze::end_session(plan, readings, endpoint, session, application, by)
        }
        Intent::Measure { probe } => match plan.probe(&probe) {
            Some(_) => Ok(vec![Event::MeasureAsked { probe, by: by.to_owned() }]),
            None => Err(Refusal::NoSuchProbe(probe)),
        },
        Intent::Load { probe, change } => match plan.probe(&probe).map(|probe| &probe.kind) {
            Some(ProbeKind::Tables(_)) => {
                Ok(vec![Event::LoadAsked { probe, change: change.within_bounds(), by: by.to_owned() }])
            }
            Some(_) => Err(Refusal::NoComparison(probe)),
            None => Err(Refusal::NoSuchProbe(probe)),
        },
        Intent::AskRollback { reason } => back::ask(plan, state, by, &reason),
        Intent::DropRollback => back::drop_it(state, by),
        Intent::Abort { reason } => back::abort(plan, state, by, &reason),
        Intent::Note { text } => Ok(vec![Event::Noted { by: by.to_owned(), text }]),
    }
}

fn reported(plan: &Plan, state: &State, report: Report) -> Result<Vec<Event>, Refusal> {
    match report {
        Report::Step { step, attempt, leg, outcome, detail, output } => {
            steps::ended(plan, state, step, attempt, leg, outcome, detail, output)
        }
        Report::Fence { endpoint, state: side, position, at } => {
            Ok(vec![Event::FenceChanged { endpoint, state: side, position, at }])
        }
        Report::Session { endpoint, session, failed } => {
            Ok(vec![Event::SessionEnded { endpoint, session, failed }])
        }
        Report::Baseline { probe, digest, objects } => {
            Ok(vec![Event::BaselineTaken { probe, digest, objects }])
        }
    }
}

fn tick(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    if state.run.is_none() || state.is_over() || state.halted.is_some() {
        return Vec::new();
    }
    let rules: [&dyn Fn() -> Vec<Event>; 10] = [
        &|| verdicts::changed(plan, state, readings, now),
        &|| verdicts::zeros(plan, state, readings, now),
        &|| sensed::reopened(plan, state, readings, now),
        &|| sensed::proved(plan, state, readings, now),
        &|| alarms::raised(plan, state, readings, now),
        &|| gates::sheets(plan, state, readings, now),
        &|| steps::startable(plan, state, readings, now),
        &|| phases::finished(plan, state),
        &|| back::next(plan, state),
        &|| phases::over(plan, state),
    ];
    rules.iter().map(|rule| rule()).find(|events| !events.is_empty()).unwrap_or_default()
}
