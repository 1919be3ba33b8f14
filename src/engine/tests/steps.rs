//! Steps begin, end, fail, retry, are skipped and settled.

use super::driver::{Driver, bad, command, good, manual, plan, probe, tcp};
use crate::engine::effect::Effect;
use crate::engine::event::{Ending, Event, HoldCause, Leg, Outcome};
use crate::engine::input::{Input, Intent};
use crate::engine::refusal::Refusal;
use crate::engine::state::{Stage, Status};
use crate::plan::model::{ProbeKind, Schedule};

fn perform(step: &str, attempt: u32) -> Effect {
    Effect::Perform { step: step.into(), attempt, leg: Leg::Forward }
}

#[test]
fn steps_follow_each_other_and_the_run_ends() {
    let mut d = Driver::begin(plan(vec![command("a"), command("b")], vec![]));
    assert_eq!(d.effects, [perform("a", 1)]);
    d.end("a", Outcome::Done).unwrap();
    assert_eq!(d.effects.last(), Some(&perform("b", 1)));
    d.end("b", Outcome::Done).unwrap();
    assert_eq!(d.state.stage, Stage::Over(Ending::Done));
    assert_eq!(d.effects.last(), Some(&Effect::Finish));
}

#[test]
fn a_failed_step_stops_what_depends_on_it_and_nothing_else() {
    let mut other = command("other");
    other.after = vec!["a".into()];
    let mut d = Driver::begin(plan(vec![command("a"), command("b"), command("c"), other], vec![]));
    d.end("a", Outcome::Done).unwrap();
    d.end("b", Outcome::Failed { code: Some(1) }).unwrap();
    assert_eq!(d.status("c"), Status::Pending);
    assert_eq!(d.status("other"), Status::Running);
    assert_eq!(d.state.raised_alarms().len(), 1);
    d.intent(Intent::RetryStep { step: "b".into() }).unwrap();
    d.end("b", Outcome::Done).unwrap();
    assert_eq!(d.status("c"), Status::Running);
    assert!(d.state.raised_alarms().is_empty());
}

#[test]
fn a_failure_is_tried_again_with_growing_waits_and_then_no_more() {
    let mut a = command("a");
    a.retries.times = 2;
    let mut d = Driver::begin(plan(vec![a], vec![]));
    d.end("a", Outcome::Failed { code: Some(1) }).unwrap();
    assert!(matches!(d.status("a"), Status::RetryAt(_)));
    d.pass(1);
    assert_eq!(d.status("a"), Status::Running);
    d.end("a", Outcome::Failed { code: Some(1) }).unwrap();
    d.pass(1);
    assert!(matches!(d.status("a"), Status::RetryAt(_)), "the second wait is twice the first");
    d.pass(1);
    d.end("a", Outcome::Failed { code: Some(1) }).unwrap();
    assert_eq!(d.status("a"), Status::Failed);
    assert_eq!(d.at("a").attempts, 3);
}

#[test]
fn what_nobody_knows_the_end_of_is_never_tried_again_unasked() {
    let mut a = command("a");
    a.retries.times = 5;
    let mut d = Driver::begin(plan(vec![a, command("b")], vec![]));
    d.end("a", Outcome::Unknown).unwrap();
    d.pass(30);
    assert_eq!((d.status("a"), d.at("a").attempts), (Status::Unknown, 1));
    assert!(matches!(d.intent(Intent::RetryStep { step: "a".into() }), Err(Refusal::WrongStatus { .. })));
    d.intent(Intent::SettleStep { step: "a".into(), happened: true, reason: "seen in the log".into() })
        .unwrap();
    assert_eq!(d.status("a"), Status::Done);
    assert_eq!(d.status("b"), Status::Running);
}

#[test]
fn an_idempotent_step_runs_again_by_itself() {
    let mut a = command("a");
    a.idempotent = true;
    let mut d = Driver::begin(plan(vec![a], vec![]));
    d.end("a", Outcome::Unknown).unwrap();
    d.pass(2);
    assert_eq!((d.status("a"), d.at("a").attempts), (Status::Running, 2));
}

#[test]
fn a_late_report_is_refused() {
    let mut d = Driver::begin(plan(vec![command("a")], vec![]));
    d.end("a", Outcome::Failed { code: Some(1) }).unwrap();
    d.intent(Intent::RetryStep { step: "a".into() }).unwrap();
    let late = crate::engine::input::Report::Step {
        step: "a".into(),
        attempt: 1,
        leg: Leg::Forward,
        outcome: Outcome::Done,
        detail: String::new(),
        output: None,
    };
    assert_eq!(d.input(Input::Report(late)), Err(Refusal::StaleReport("a".into(), 1)));
    assert_eq!(d.status("a"), Status::Running);
}

#[test]
fn a_person_confirms_a_manual_step_and_it_is_their_word() {
    let mut d = Driver::begin(plan(vec![manual("a")], vec![]));
    assert_eq!(d.status("a"), Status::Running);
    assert!(d.effects.is_empty());
    d.intent(Intent::ConfirmStep { step: "a".into(), note: "called them".into() }).unwrap();
    assert_eq!(d.status("a"), Status::Done);
    assert_eq!(d.at("a").by.as_deref(), Some("maria"));
}

#[test]
fn skipping_wants_a_reason_and_a_plan_that_allows_it() {
    let mut b = command("b");
    b.skippable = false;
    let mut d = Driver::begin(plan(vec![manual("a"), b], vec![]));
    let skip = |step: &str, reason: &str| Intent::SkipStep { step: step.into(), reason: reason.into() };
    assert_eq!(d.intent(skip("a", " ")), Err(Refusal::ReasonMissing));
    d.intent(skip("a", "nobody is there")).unwrap();
    assert_eq!(d.status("a"), Status::Skipped);
    assert!(matches!(d.intent(skip("b", "why not")), Err(Refusal::NotSkippable(..))));
}

#[test]
fn nothing_new_starts_while_held_and_what_runs_finishes() {
    let mut d = Driver::begin(plan(vec![command("a"), command("b")], vec![]));
    d.intent(Intent::Hold { reason: "a question".into() }).unwrap();
    d.end("a", Outcome::Done).unwrap();
    d.pass(5);
    assert_eq!(d.status("b"), Status::Pending);
    d.intent(Intent::Release).unwrap();
    assert_eq!(d.status("b"), Status::Running);
}

#[test]
fn without_an_operator_the_run_is_held() {
    let mut d = Driver::begin(plan(vec![command("a"), command("b")], vec![]));
    d.input(Input::OperatorLost).unwrap();
    d.end("a", Outcome::Done).unwrap();
    assert_eq!(d.state.hold.as_ref().map(|h| h.cause), Some(HoldCause::NoOperator));
    d.input(Input::OperatorArrived { name: "jun".into(), account: "jun".into(), take: false }).unwrap();
    assert_eq!(d.status("b"), Status::Pending, "somebody is there, and has not said to go on");
    d.intent_of("jun", Intent::Release).unwrap();
    assert_eq!(d.status("b"), Status::Running);
}

#[test]
fn the_helm_is_taken_only_by_saying_so_and_that_holds_the_run() {
    let mut d = Driver::begin(plan(vec![command("a"), command("b")], vec![]));
    let arrive = |take| Input::OperatorArrived { name: "jun".into(), account: "jun".into(), take };
    assert!(matches!(d.input(arrive(false)), Err(Refusal::HelmTaken { .. })));
    d.input(arrive(true)).unwrap();
    assert_eq!(d.state.operator.as_ref().map(|o| o.name.as_str()), Some("jun"));
    assert_eq!(d.state.hold.as_ref().map(|h| h.cause), Some(HoldCause::HelmTaken));
}

#[test]
fn no_effect_starts_before_every_system_has_proved_what_it_is() {
    let id = probe("identity:source", ProbeKind::Identity { endpoint: "source".into() }, Schedule::OnDemand);
    let mut d = Driver::begin(plan(vec![command("a")], vec![id]));
    d.pass(3);
    assert!(d.effects.is_empty());
    d.read("identity:source", bad());
    assert!(d.effects.is_empty());
    d.read("identity:source", good());
    assert_eq!(d.effects, [perform("a", 1)]);
}

#[test]
fn an_exit_code_is_not_proof() {
    let mut a = command("a");
    a.proof = Some("p".into());
    let mut d = Driver::begin(plan(vec![a, command("b")], vec![tcp("p")]));
    d.read("p", good());
    d.pass(1);
    d.end("a", Outcome::Done).unwrap();
    assert_eq!(d.status("a"), Status::Proving, "what was seen before it ended proves nothing");
    d.pass(1);
    d.read("p", bad());
    assert_eq!(d.status("a"), Status::Proving);
    d.pass(1);
    d.read("p", good());
    assert_eq!((d.status("a"), d.status("b")), (Status::Done, Status::Running));
}

#[test]
fn a_proof_that_does_not_come_in_time_is_a_failure() {
    let mut a = command("a");
    a.proof = Some("p".into());
    let mut d = Driver::begin(plan(vec![a], vec![tcp("p")]));
    d.end("a", Outcome::Done).unwrap();
    d.pass(302);
    assert_eq!(d.status("a"), Status::Failed);
    assert!(d.at("a").detail.starts_with("not proved in time"), "{}", d.at("a").detail);
}

#[test]
fn an_unknown_step_is_settled_by_its_own_probe() {
    let mut a = command("a");
    a.proof = Some("p".into());
    let mut d = Driver::begin(plan(vec![a], vec![tcp("p")]));
    d.end("a", Outcome::Unknown).unwrap();
    d.pass(1);
    d.read("p", good());
    assert_eq!(d.status("a"), Status::Done);
    assert!(d.events().any(|e| matches!(e, Event::StepSettled { by, .. } if by == "probe p")));
}

#[test]
fn a_resumed_run_opens_in_hold_with_everything_unknown() {
    let mut d = Driver::begin(plan(vec![command("a")], vec![tcp("p")]));
    d.read("p", good());
    d.readings = crate::engine::readings::Readings::new(false);
    d.input(Input::Resume { boot_id: "b2".into(), torn_bytes: 0 }).unwrap();
    assert_eq!(d.state.hold.as_ref().map(|h| h.cause), Some(HoldCause::Resumed));
    assert!(d.state.verdicts.is_empty());
}

#[test]
fn nothing_is_taken_once_the_run_is_over() {
    let mut d = Driver::begin(plan(vec![command("a")], vec![]));
    d.end("a", Outcome::Done).unwrap();
    assert_eq!(d.intent(Intent::Note { text: "x".into() }), Err(Refusal::NotRunning));
}
