//! The way back and giving up, tested like the way forward.

use std::time::Duration;

use super::driver::{
    Driver, at_switch_gate, command, fenced, good, good_seconds, link, plan, silent, step, tcp,
};
use crate::engine::effect::Effect;
use crate::engine::event::{Ending, HoldCause, Leg, Outcome};
use crate::engine::input::{Input, Intent};
use crate::engine::reading::FenceState;
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::engine::rules::countdown::clocks;
use crate::engine::rules::wayback::{Cost, way_back};
use crate::engine::state::{Stage, Status, UndoStatus};
use crate::plan::model::{CommandLine, ProbeKind, StepKind, Undo, WaitFor};

fn undoable(id: &str) -> crate::plan::model::Step {
    let mut it = command(id);
    it.undo = Some(Undo::Command(CommandLine { argv: vec!["false".into()], env: Vec::new() }));
    it
}

fn ask(d: &mut Driver) {
    d.intent(Intent::AskRollback { reason: "it is late".into() }).unwrap();
}

fn undo_of(d: &Driver) -> Option<&str> {
    d.effects.iter().rev().find_map(|e| match e {
        Effect::Perform { step, leg: Leg::Undo, .. } => Some(step.as_str()),
        _ => None,
    })
}

#[test]
fn undo_goes_in_reverse_order_of_finishing_one_at_a_time() {
    let mut c = undoable("c");
    c.after = vec!["a".into()];
    let mut d = Driver::begin(plan(vec![undoable("a"), undoable("b"), c, command("d")], vec![]));
    d.end("a", Outcome::Done).unwrap();
    d.end("c", Outcome::Done).unwrap();
    d.end("b", Outcome::Done).unwrap();
    ask(&mut d);
    assert_eq!(undo_of(&d), None, "nothing is undone before its gate says GO");
    d.go("rollback").unwrap();
    // The step that ran was stopped first.
    d.end("d", Outcome::Stopped).unwrap();
    let settle = Intent::SettleStep { step: "d".into(), happened: false, reason: "looked".into() };
    d.intent(settle).unwrap();
    for expected in ["b", "c", "a"] {
        assert_eq!(undo_of(&d), Some(expected));
        d.end_leg(expected, Leg::Undo, Outcome::Done).unwrap();
    }
    assert_eq!(d.state.stage, Stage::Over(Ending::RolledBack));
}

#[test]
fn a_failed_undo_is_stuck_and_holds() {
    let mut d = Driver::begin(plan(vec![undoable("a"), undoable("b"), command("c")], vec![]));
    d.end("a", Outcome::Done).unwrap();
    d.end("b", Outcome::Done).unwrap();
    d.intent(Intent::Hold { reason: "looking".into() }).unwrap();
    d.end("c", Outcome::Failed { code: Some(1) }).unwrap();
    d.intent(Intent::Release).unwrap();
    ask(&mut d);
    d.go("rollback").unwrap();
    d.end_leg("b", Leg::Undo, Outcome::Failed { code: Some(2) }).unwrap();
    assert_eq!(d.at("b").undo, UndoStatus::Stuck);
    assert_eq!(d.state.hold.as_ref().map(|h| h.cause), Some(HoldCause::Stuck));
    assert_eq!(d.at("a").undo, UndoStatus::None);
    d.intent(Intent::Release).unwrap();
    assert!(d.state.hold.is_some(), "released without a mend, it holds again");
    d.intent(Intent::RetryStep { step: "b".into() }).unwrap();
    d.end_leg("b", Leg::Undo, Outcome::Done).unwrap();
    d.intent(Intent::Release).unwrap();
    d.end_leg("a", Leg::Undo, Outcome::Done).unwrap();
    assert_eq!(d.state.stage, Stage::Over(Ending::RolledBack));
}

#[test]
fn what_nobody_knows_blocks_rolled_back() {
    let mut d = Driver::begin(plan(vec![undoable("a"), command("b")], vec![]));
    d.end("a", Outcome::Unknown).unwrap();
    ask(&mut d);
    d.go("rollback").unwrap();
    assert!(d.state.hold.is_some());
    assert!(!d.state.is_over());
    let settle = Intent::SettleStep { step: "a".into(), happened: true, reason: "seen".into() };
    d.intent(settle).unwrap();
    d.intent(Intent::Release).unwrap();
    assert_eq!(undo_of(&d), Some("a"));
    d.end_leg("a", Leg::Undo, Outcome::Done).unwrap();
    assert_eq!(d.state.stage, Stage::Over(Ending::RolledBack));
}

#[test]
fn before_the_switch_the_way_back_is_free_and_opens_the_source() {
    let mut d = at_switch_gate();
    assert_eq!(way_back(&d.plan, &d.state, &d.readings, d.clock.now()).cost, Cost::Free);
    ask(&mut d);
    d.go("rollback").unwrap();
    assert_eq!(undo_of(&d), Some("stop"));
    d.fence("source", FenceState::Open);
    d.end_leg("stop", Leg::Undo, Outcome::Done).unwrap();
    assert_eq!(d.state.stage, Stage::Over(Ending::RolledBack));
    assert!(d.state.outages[0].to.is_some(), "users have writes again");
}

#[test]
fn after_the_switch_the_rollback_phase_runs_and_the_source_opens_last() {
    let mut d = at_switch_gate();
    d.go("go").unwrap();
    d.end("switch", Outcome::Done).unwrap();
    d.fence("target", FenceState::Open);
    d.end("open", Outcome::Done).unwrap();
    // The run would be over: the way back has to be asked for before the last step ends.
    assert!(d.state.is_over());

    let mut d = at_switch_gate();
    d.go("go").unwrap();
    d.end("switch", Outcome::Done).unwrap();
    ask(&mut d);
    d.go("rollback").unwrap();
    d.end("open", Outcome::Stopped).unwrap();
    assert_eq!(d.status("fence-target"), Status::Running);
    assert_eq!(d.status("open-source"), Status::Pending);
    d.fence("target", FenceState::Sealed);
    d.end("fence-target", Outcome::Done).unwrap();
    assert_eq!(d.status("open-source"), Status::Pending, "the fence of the target is not proved yet");
    d.pass(1);
    d.read("fence:target", fenced(&[], 0));
    assert_eq!(d.status("open-source"), Status::Running);
    d.fence("source", FenceState::Open);
    d.end("open-source", Outcome::Done).unwrap();
    assert!(!d.state.is_over(), "nobody knows whether the target was opened");
    let settle = Intent::SettleStep { step: "open".into(), happened: false, reason: "fenced".into() };
    d.intent(settle).unwrap();
    d.intent(Intent::Release).unwrap();
    assert_eq!(d.state.stage, Stage::Over(Ending::RolledBack));
}

#[test]
fn without_a_reverse_link_going_back_costs_every_row_since_the_switch() {
    let mut d = at_switch_gate();
    let cost = |d: &Driver| way_back(&d.plan, &d.state, &d.readings, d.clock.now()).cost;
    assert_eq!(cost(&d), Cost::Free);
    d.go("go").unwrap();
    d.end("switch", Outcome::Done).unwrap();
    let since = d.state.switched.unwrap();
    d.pass(60);
    assert_eq!(cost(&d), Cost::Everything { since });
}

#[test]
fn a_link_that_is_down_keeps_nobody_from_turning_back() {
    let mut d = at_switch_gate();
    let mut back = link("back");
    back.since = Some("switch".into());
    if let ProbeKind::Link(link) = &mut back.kind {
        link.reverse = true;
    }
    d.plan.probes.push(back);
    d.plan = d.plan.clone().indexed();
    d.go("go").unwrap();
    d.end("switch", Outcome::Done).unwrap();
    ask(&mut d);
    d.read("back", silent());
    let cost = way_back(&d.plan, &d.state, &d.readings, d.clock.now()).cost;
    assert!(matches!(cost, Cost::Unknown { .. }), "it is told: {cost:?}");
    d.go("rollback").unwrap();
}

#[test]
fn a_second_time_without_writes_does_not_give_the_budget_back() {
    let mut d = at_switch_gate();
    let outage = |d: &Driver| clocks(&d.plan, &d.state, d.clock.now()).outage;
    let first = outage(&d).unwrap();
    assert!(first > Duration::ZERO);
    d.fence("target", FenceState::Open);
    assert_eq!(outage(&d), None);
    d.pass(100);
    d.fence("target", FenceState::Fenced);
    d.pass(2);
    assert_eq!(outage(&d), Some(first + Duration::from_secs(2)));
}

#[test]
fn after_a_resume_the_step_that_turns_a_drained_link_round_is_proved_and_lets_the_wait_go() {
    let mut d = at_switch_gate();
    let mut changed = d.plan.clone();
    changed.probes.push(tcp("turned"));
    let mut drained = step("drained", StepKind::Wait(WaitFor::CaughtUp(vec!["orders".into()])));
    drained.holds_until = Some("turn".into());
    let mut turn = command("turn");
    (turn.after, turn.proof) = (vec!["drained".into()], Some("turned".into()));
    for it in [&mut drained, &mut turn] {
        it.phase = "rollback".into();
    }
    changed.rollback.as_mut().unwrap().steps = vec![drained, turn];
    d.plan = changed.indexed();
    d.read("turned", good());
    d.go("go").unwrap();
    d.end("switch", Outcome::Done).unwrap();
    ask(&mut d);
    d.go("rollback").unwrap();
    d.end("open", Outcome::Failed { code: None }).unwrap();
    good_seconds(&mut d, 4);
    assert_eq!((d.status("drained"), d.status("turn")), (Status::Done, Status::Running));

    d.readings = Readings::new(false);
    d.input(Input::Resume { boot_id: "b2".into(), torn_bytes: 0 }).unwrap();
    assert_eq!(d.status("drained"), Status::Proving);
    d.input(Input::OperatorArrived { name: "maria".into(), account: "maria".into(), take: false }).unwrap();
    d.intent(Intent::Release).unwrap();
    d.end("turn", Outcome::Done).unwrap();
    d.pass(1);
    d.read("turned", good());
    assert_eq!((d.status("turn"), d.status("drained")), (Status::Done, Status::Done));
}

#[test]
fn abort_lifts_the_freeze_before_the_switch_and_holds_after_it() {
    let mut d = at_switch_gate();
    d.intent(Intent::Abort { reason: "no".into() }).unwrap();
    assert_eq!(undo_of(&d), Some("stop"));
    d.fence("source", FenceState::Open);
    d.end_leg("stop", Leg::Undo, Outcome::Done).unwrap();
    assert_eq!(d.state.stage, Stage::Over(Ending::Aborted));

    let mut d = at_switch_gate();
    d.go("go").unwrap();
    d.intent(Intent::Abort { reason: "no".into() }).unwrap();
    assert_eq!(d.state.hold.as_ref().map(|h| h.cause), Some(HoldCause::AbortAfterSwitch));
    assert_eq!(d.state.stage, Stage::Forward);
}

#[test]
fn only_those_whom_the_plan_names_order_the_way_back() {
    let mut p = super::driver::cutover();
    p.people = vec![crate::plan::model::Person {
        id: "jun".into(),
        role: "dba".into(),
        contact: None,
        backup: None,
        rollback: true,
    }];
    let mut d = Driver::begin(p);
    ask(&mut d);
    assert_eq!(d.go("rollback"), Err(Refusal::NotAuthorized(vec!["jun".into()])));
}

#[test]
fn the_way_back_can_be_thought_better_of() {
    let mut d = at_switch_gate();
    ask(&mut d);
    d.intent(Intent::DropRollback).unwrap();
    assert_eq!(d.state.stage, Stage::Forward);
    d.go("go").unwrap();
}

#[test]
fn there_is_no_way_back_past_the_point_of_no_return() {
    let mut last = command("last");
    last.point_of_no_return = true;
    let mut d = Driver::begin(plan(vec![last], vec![]));
    let no = d.intent(Intent::AskRollback { reason: "please".into() });
    assert!(matches!(no, Err(Refusal::NoWayBack(_))));
    assert!(matches!(way_back(&d.plan, &d.state, &d.readings, d.clock.now()).cost, Cost::Closed { .. }));
}
