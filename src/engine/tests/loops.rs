//! The closed loop over time: zero, fences, validations, alarms, clocks.

use std::time::Duration;

use super::driver::{
    Driver, START, at_switch_gate, bad, command, compared, cutover, fenced, good, good_seconds, lag, plan,
    probe, silent, step, tcp,
};
use crate::engine::effect::{Effect, effects};
use crate::engine::event::{AlarmId, Event, Outcome};
use crate::engine::input::{Input, Intent, Report};
use crate::engine::reading::{Facts, FenceState, Finding, Measure, Still, Verdict};
use crate::engine::readings::{Readings, Trend};
use crate::engine::rules::{countdown::clocks, forecast, forecast::Forecast, worth};
use crate::engine::state::Status;
use crate::plan::model::{
    CommandLine, Control, FreezeStep, Gate, Probe, ProbeKind, Schedule, Severity, Start, StepKind, WaitFor,
};

#[test]
fn zero_counts_from_the_proof_of_the_fence_and_for_the_whole_window() {
    let d = at_switch_gate();
    let held = d.events().find_map(|e| match e {
        Event::ZeroHeld { for_ms, marker, .. } if d.state.sides.contains_key("source") => {
            Some((*for_ms, marker.clone()))
        }
        _ => None,
    });
    let (for_ms, marker) = held.unwrap();
    assert!(for_ms >= 3000, "{for_ms}");
    assert!(marker.is_some());
}

#[test]
fn one_row_behind_undoes_zero_only_when_it_lasts_and_then_the_step_reopens() {
    let mut d = at_switch_gate();
    let now = d.clock.now().wall;
    d.pass(1);
    d.read("orders", lag(1, now));
    assert_eq!(d.status("caught-up"), Status::Done);
    d.pass(1);
    d.read("orders", lag(2, now));
    assert_eq!(d.status("caught-up"), Status::Proving);
}

#[test]
fn what_was_zero_before_a_gap_in_the_looking_counts_for_nothing_after_it() {
    let mut d = at_switch_gate();
    let zero = |d: &Driver| d.readings.track(&"orders".into()).map(|t| (t.zero_since, t.zero_samples));
    let max_age = d.plan.probe(&"orders".into()).unwrap().max_age;
    let before = zero(&d).unwrap();
    assert!(before.1 > 1);
    d.pass(max_age.as_secs());
    let now = d.clock.now().wall;
    d.read("orders", lag(0, now));
    assert_eq!(zero(&d).unwrap(), (before.0, before.1 + 1), "as long as it may be");
    d.pass(max_age.as_secs() + 1);
    let now = d.clock.now();
    d.read("orders", lag(0, now.wall));
    assert_eq!(zero(&d).unwrap(), (Some(now.boot), 1));
}

#[test]
fn a_zero_that_passes_over_something_ends_the_window_at_once_and_counts_for_nothing() {
    let mut d = at_switch_gate();
    assert_eq!(d.status("caught-up"), Status::Done);
    d.pass(1);
    let now = d.clock.now().wall;
    let skipped = lag(0, now).map(|zero| Measure {
        pass: false,
        text: "0 B behind, and a table does not travel".into(),
        ..zero
    });
    d.read("orders", skipped);
    let zero = |d: &Driver| d.readings.track(&"orders".into()).map(|t| (t.zero_since, t.zero_samples));
    assert_eq!(zero(&d).unwrap(), (None, 0));
    assert_eq!(d.status("caught-up"), Status::Proving);
    good_seconds(&mut d, 1);
    assert_eq!(d.status("caught-up"), Status::Proving, "the window begins anew");
    good_seconds(&mut d, 4);
    assert_eq!(d.status("caught-up"), Status::Done);
}

#[test]
fn behind_a_fence_that_takes_no_marker_the_position_proves_and_behind_others_it_does_not() {
    let mut d = at_switch_gate();
    for behind in 1..4 {
        d.pass(1);
        let now = d.clock.now().wall;
        d.read("orders", lag(behind, now));
    }
    assert_eq!(d.status("caught-up"), Status::Proving);
    let zeros = |d: &mut Driver, takes_no_marker: bool| {
        for _ in 0..6 {
            d.pass(1);
            // Its marker is older than the fence.
            let mut zero = lag(0, crate::clock::Timestamp(0)).unwrap();
            if let Facts::Lag(lag) = &mut zero.facts {
                lag.takes_no_marker = takes_no_marker;
            }
            d.read("orders", Ok(zero));
            d.read("fence:source", fenced(&[], 0));
        }
    };
    zeros(&mut d, false);
    assert_eq!(d.status("caught-up"), Status::Proving);
    zeros(&mut d, true);
    assert_eq!(d.status("caught-up"), Status::Done);
}

/// Seconds in which the link is at zero and the fence says this.
fn seconds(d: &mut Driver, count: u64, older: &[&str], moved: u64) {
    for _ in 0..count {
        d.pass(1);
        let now = d.clock.now().wall;
        d.read("orders", lag(0, now));
        d.read("fence:source", fenced(older, moved));
    }
}

#[test]
fn after_a_resume_behind_the_fence_zero_is_reached_anew() {
    let mut d = at_switch_gate();
    d.readings = Readings::new(false);
    d.input(Input::Resume { boot_id: "b2".into(), torn_bytes: 0 }).unwrap();
    assert_eq!(d.status("caught-up"), Status::Proving);
    let resumed = d.clock.now().boot;
    good_seconds(&mut d, 1);
    assert_eq!(d.status("stop"), Status::Done, "a fence that nobody has seen broken stays ticked");
    assert!(d.state.sides["source"].proved > Some(resumed), "{:?}", d.state.sides);
    assert_eq!(d.status("caught-up"), Status::Proving, "the window begins anew");
    good_seconds(&mut d, 4);
    assert_eq!(d.status("caught-up"), Status::Done);
}

#[test]
fn what_was_opened_again_while_the_step_that_goes_on_from_it_ran_is_let_go_when_that_has_finished() {
    let mut drained =
        super::driver::step("drained", StepKind::Wait(WaitFor::CaughtUp(vec!["orders".into()])));
    drained.holds_until = Some("turn".into());
    let mut p = super::driver::cutover();
    let (mut turn, mut later) = (command("turn"), command("later"));
    (turn.after, later.after) = (vec!["drained".into()], vec!["turn".into()]);
    p.steps = vec![drained, turn, later];
    p.phases[0].count = 3;
    let mut d = Driver::begin(p.indexed());
    for _ in 0..5 {
        d.pass(1);
        let now = d.clock.now().wall;
        d.read("orders", lag(0, now));
    }
    assert_eq!((d.status("drained"), d.status("turn")), (Status::Done, Status::Running));
    d.readings = Readings::new(false);
    d.input(Input::Resume { boot_id: "b2".into(), torn_bytes: 0 }).unwrap();
    assert_eq!(d.status("drained"), Status::Proving);
    d.input(Input::OperatorArrived { name: "maria".into(), account: "maria".into(), take: false }).unwrap();
    d.intent(Intent::Release).unwrap();
    // The link is turned round: it will never be at zero again.
    let now = d.clock.now().wall;
    d.read("orders", lag(9, now));
    d.end("turn", Outcome::Done).unwrap();
    assert_eq!(d.status("drained"), Status::Done);
    assert_eq!(d.at("drained").reopened, None);
    assert_eq!(d.status("later"), Status::Running);
    d.pass(3);
    d.read("orders", lag(9, now));
    assert_eq!(d.status("drained"), Status::Done, "nobody watches it any more");
}

#[test]
fn a_validation_is_stale_once_anybody_has_written_and_nothing_is_proved_on_what_is_not_true() {
    let mut d = at_switch_gate();
    d.pass(1);
    d.read("fence:source", fenced(&[], 3));
    assert!(d.at("same").reopened.is_some(), "{:?}", d.at("same"));
    assert_eq!(d.status("same"), Status::Proving);
    // What was written has to arrive first.
    assert_eq!(d.status("caught-up"), Status::Proving);
    d.pass(1);
    d.read("rows", compared(0));
    assert_eq!(d.status("same"), Status::Proving);
    seconds(&mut d, 5, &[], 3);
    assert_eq!(d.status("caught-up"), Status::Done);
    d.read("rows", compared(0));
    assert_eq!(d.status("same"), Status::Done);
}

#[test]
fn zero_is_not_reached_while_the_last_look_at_the_fence_was_bad() {
    let mut d = Driver::begin(cutover());
    d.read("orders", lag(0, START));
    d.go("begin").unwrap();
    d.fence("source", FenceState::Fenced);
    d.end("stop", Outcome::Done).unwrap();
    d.pass(1);
    d.read("fence:source", fenced(&[], 0));
    assert_eq!(d.status("stop"), Status::Done);
    d.read("fence:source", fenced(&["s1"], 40));
    assert_eq!(d.status("stop"), Status::Done, "one odd look reopens nothing");
    for _ in 0..20 {
        d.pass(1);
        let now = d.clock.now().wall;
        d.read("orders", lag(0, now));
    }
    assert_eq!(d.status("caught-up"), Status::Proving);
    seconds(&mut d, 3, &["s1"], 60);
    assert_eq!((d.status("stop"), d.status("caught-up")), (Status::Proving, Status::Proving));
    seconds(&mut d, 6, &[], 60);
    assert_eq!((d.status("stop"), d.status("caught-up")), (Status::Done, Status::Done));
}

#[test]
fn rows_that_were_read_while_somebody_wrote_behind_the_fence_prove_nothing() {
    let mut d = at_switch_gate();
    let mut moment = compared(0);
    if let Ok(Measure { facts: Facts::Compared(it), .. }) = &mut moment {
        it.in_flight = true;
    }
    d.read("rows", moment);
    assert_eq!(d.status("same"), Status::Proving);
    d.pass(1);
    d.read("rows", compared(0));
    assert_eq!(d.status("same"), Status::Done);
}

#[test]
fn a_comparison_that_was_true_once_ticks_again_by_itself_when_it_is() {
    let mut d = at_switch_gate();
    for _ in 0..5 {
        seconds(&mut d, 1, &[], 0);
        d.read("rows", compared(1));
        assert_eq!(d.status("same"), Status::Proving, "{:?}", d.at("same"));
    }
    seconds(&mut d, 1, &[], 0);
    d.read("rows", compared(0));
    assert_eq!(d.status("same"), Status::Done);
}

#[test]
fn an_alarm_needs_three_bad_looks_clears_by_itself_and_is_one_a_cause() {
    let mut d = Driver::begin(plan(vec![command("a")], vec![tcp("p")]));
    let id = AlarmId::Probe("p".into());
    d.read("p", bad());
    d.pass(1);
    d.read("p", silent());
    assert!(!d.state.alarms.contains_key(&id));
    d.pass(1);
    d.read("p", bad());
    assert!(d.state.alarms[&id].cleared.is_none());
    d.intent(Intent::AcknowledgeAlarm { alarm: Some(id.clone()) }).unwrap();
    d.pass(1);
    d.read("p", good());
    assert!(d.state.alarms[&id].cleared.is_some());
    for _ in 0..3 {
        d.pass(1);
        d.read("p", bad());
    }
    assert_eq!(d.state.alarms[&id].acknowledged, None, "raised anew, it asks again");
}

#[test]
fn another_change_asks_again_after_the_first_was_answered_and_the_same_one_does_not() {
    let still = |rows: &[&str]| {
        let found =
            |row: &&str| Finding { what: (*row).to_owned(), change: "written".into(), when: None, who: None };
        let findings: Vec<Finding> = rows.iter().map(found).collect();
        Ok(Measure {
            pass: rows.is_empty(),
            text: format!("{} rows written: {}", rows.len(), rows.join(", ")),
            facts: Facts::Still(Still { baseline: "b".into(), objects: 3, findings }),
        })
    };
    let mut d = Driver::begin(plan(vec![command("a")], vec![tcp("stray")]));
    let id = AlarmId::Probe("stray".into());
    d.read("stray", still(&["orders 1"]));
    d.intent(Intent::AcknowledgeAlarm { alarm: Some(id.clone()) }).unwrap();
    d.pass(1);
    d.read("stray", still(&["orders 1"]));
    assert_eq!(d.state.alarms[&id].acknowledged.as_ref().map(|_| ()), Some(()));
    d.pass(1);
    d.read("stray", still(&["orders 1", "orders 2"]));
    assert_eq!(d.state.alarms[&id].acknowledged, None);
    assert!(d.state.alarms[&id].text.contains("orders 2"));
    let raised = d.state.alarms[&id].count;
    d.pass(1);
    d.read("stray", still(&["orders 1", "orders 2", "orders 3"]));
    assert_eq!(d.state.alarms[&id].count, raised, "asked already: one alarm, not one a look");
}

#[test]
fn the_forecast_waits_for_a_backlog_to_drain_however_large_it_is() {
    let wait = super::driver::step("w", StepKind::Wait(WaitFor::CaughtUp(vec!["orders".into()])));
    let mut p = super::driver::cutover();
    p.steps = vec![wait];
    p.phases[0].count = 1;
    let mut d = Driver::begin(p.indexed());
    for second in 0..10_u64 {
        d.pass(1);
        let now = d.clock.now().wall;
        // A quarter of a percent a second: ten minutes are still to come.
        d.read("orders", lag(1_200_000 - second * 3_000 + second % 2 * 40, now));
    }
    let now = d.clock.now();
    let Forecast::Finish { at, .. } = forecast::forecast(&d.plan, &d.state, &d.readings, now) else {
        panic!("it converges")
    };
    let left = at.since(now.wall).as_secs();
    assert!((350..450).contains(&left), "{left}s");
}

#[test]
fn how_long_a_backlog_drains_is_no_more_certain_than_the_looks_at_it() {
    let left = |behind: &[u64]| {
        let mut d = Driver::begin(super::driver::cutover());
        for &behind in behind {
            d.pass(1);
            let now = d.clock.now().wall;
            d.read("orders", lag(behind, now));
        }
        let Trend::Draining(left) = d.readings.track(&"orders".into()).unwrap().trend() else {
            panic!("it drains")
        };
        (left.soonest.as_secs(), left.likely.as_secs(), left.latest.map(|latest| latest.as_secs()))
    };
    assert_eq!(left(&[1_000, 900, 800, 700, 600]), (6, 6, Some(6)));
    let (soonest, likely, latest) = left(&[1_000, 850, 830, 690, 600]);
    assert!(
        soonest < likely && latest.is_some_and(|latest| likely < latest),
        "{soonest} {likely} {latest:?}"
    );
    // So few looks that it may as well stand.
    let (soonest, likely, latest) = left(&[1_000, 700, 700, 400]);
    assert!(soonest < likely && latest.is_none(), "{soonest} {likely} {latest:?}");
}

#[test]
fn silence_turns_a_reading_stale_and_never_leaves_it_good() {
    let mut d = Driver::begin(plan(vec![command("a")], vec![tcp("p")]));
    d.read("p", good());
    d.pass(6);
    assert_eq!(d.state.verdicts["p"].verdict, Verdict::Stale);
}

#[test]
fn the_users_clock_runs_through_holds_and_the_t_count_does_not() {
    let mut d = at_switch_gate();
    let before = clocks(&d.plan, &d.state, d.clock.now());
    d.intent(Intent::Hold { reason: "lunch".into() }).unwrap();
    good_seconds(&mut d, 20);
    let after = clocks(&d.plan, &d.state, d.clock.now());
    assert_eq!(after.outage.unwrap().as_secs(), before.outage.unwrap().as_secs() + 20);
    assert_eq!(after.t_plus.unwrap().as_secs(), before.t_plus.unwrap().as_secs());
}

#[test]
fn time_at_a_gate_is_a_persons_time() {
    let mut d = at_switch_gate();
    let before = d.state.outage().unwrap().human;
    good_seconds(&mut d, 10);
    d.go("go").unwrap();
    let human = d.state.outage().unwrap().human.checked_sub(before).unwrap();
    assert!(human.as_millis() >= 10_000, "{human:?}");
}

#[test]
fn the_forecast_is_unknown_while_lag_grows() {
    let wait = super::driver::step("w", StepKind::Wait(WaitFor::CaughtUp(vec!["orders".into()])));
    let mut p = super::driver::cutover();
    p.steps = vec![wait];
    p.phases[0].count = 1;
    let mut d = Driver::begin(p.indexed());
    for behind in [10u64, 40, 90, 160, 250, 360] {
        d.pass(1);
        let now = d.clock.now().wall;
        d.read("orders", lag(behind, now));
    }
    let f = forecast::forecast(&d.plan, &d.state, &d.readings, d.clock.now());
    assert_eq!(f, Forecast::Unknown { because: "orders".into() });
    for behind in [300u64, 240, 180, 120, 60, 30, 12, 6, 5, 4, 3, 2, 1, 0, 0, 0] {
        d.pass(1);
        let now = d.clock.now().wall;
        d.read("orders", lag(behind, now));
    }
    let f = forecast::forecast(&d.plan, &d.state, &d.readings, d.clock.now());
    assert!(matches!(f, Forecast::Finish { .. }), "{f:?}");
}

#[test]
fn a_proof_that_nobody_measures_by_itself_is_asked_for_and_asked_for_again() {
    let marker = super::driver::probe(
        "m",
        ProbeKind::Marker { from: "source".into(), to: "target".into() },
        Schedule::OnDemand,
    );
    let wait = WaitFor::Good { probes: vec!["m".into()], lasting: std::time::Duration::ZERO };
    let mut d = Driver::begin(plan(vec![super::driver::step("w", StepKind::Wait(wait))], vec![marker]));
    let asked = |d: &Driver| d.effects.iter().filter(|e| matches!(e, Effect::Measure { .. })).count();
    assert_eq!(asked(&d), 1);
    d.pass(30);
    assert_eq!(asked(&d), 1, "one look at a time");
    d.read("m", silent());
    d.pass(1);
    assert_eq!(asked(&d), 1, "not at once");
    d.pass(3);
    assert_eq!(asked(&d), 2);
    d.read("m", good());
    assert_eq!(d.status("w"), Status::Done);
}

#[test]
fn a_monitor_writes_down_what_it_holds_still_when_its_step_has_finished_and_only_once() {
    let monitor = |since: &str| Probe {
        since: Some(since.into()),
        ..probe(
            "schema",
            ProbeKind::Schema { endpoint: "source".into() },
            Schedule::Every(Duration::from_secs(5)),
        )
    };
    let taken = |d: &Driver| d.effects.iter().filter(|e| matches!(e, Effect::TakeBaseline { .. })).count();
    let mut d = Driver::begin(plan(vec![command("freeze"), command("later")], vec![monitor("freeze")]));
    d.tick();
    assert_eq!(taken(&d), 0);
    d.end("freeze", Outcome::Done).unwrap();
    assert_eq!(
        d.effects.iter().filter(|e| **e == Effect::TakeBaseline { probe: "schema".into() }).count(),
        1
    );
    let report = Report::Baseline { probe: "schema".into(), digest: "d".into(), objects: 3 };
    d.input(Input::Report(report)).unwrap();
    // Ticked once more, as a step that was reopened is: what has changed meanwhile stays a change.
    let again = Event::StepProved { step: "freeze".into(), evidence: String::new() };
    assert!(effects(&d.plan, &d.state, &again).iter().all(|e| !matches!(e, Effect::TakeBaseline { .. })));
    assert_eq!(taken(&d), 1);
}

#[test]
fn whoever_drives_may_come_back_to_an_engine_that_took_the_run_up_before_anybody_is_alarmed() {
    let mut d = at_switch_gate();
    let alone = |d: &Driver| d.state.alarms.get(&AlarmId::NoOperator).is_some_and(|a| a.cleared.is_none());
    d.input(Input::Resume { boot_id: "b2".into(), torn_bytes: 0 }).unwrap();
    assert!(d.state.outage().is_some(), "users are without writes");
    d.pass(2);
    assert!(!alone(&d));
    d.input(Input::OperatorArrived { name: "maria".into(), account: "maria".into(), take: false }).unwrap();
    d.pass(10);
    assert!(!alone(&d));
    d.input(Input::Resume { boot_id: "b3".into(), torn_bytes: 0 }).unwrap();
    d.pass(3);
    assert!(alone(&d));
}

#[test]
fn a_control_that_lifts_itself_is_told_before_and_proves_nothing_after_until_it_is_enforced_again() {
    let freeze =
        |id: &str| step(id, StepKind::Freeze(FreezeStep { controls: vec!["ci".into()], enforce: true }));
    let line = || CommandLine { argv: vec!["true".into()], env: Vec::new() };
    let control = Probe {
        since: Some("freeze".into()),
        alarm: Some(Severity::Warning),
        ..probe("ci", ProbeKind::Control(line()), Schedule::Every(Duration::from_secs(60)))
    };
    let mut later = freeze("renew");
    later.start = Start::Key;
    let steps = vec![freeze("freeze"), later, step("go", StepKind::Gate(Gate::default()))];
    let mut plan = plan(steps, vec![control]);
    plan.controls = vec![Control {
        id: "ci".into(),
        enforce: line(),
        lift: line(),
        timeout: Duration::from_secs(30),
        expires: Some(Duration::from_secs(3600)),
    }];
    let mut d = Driver::begin(plan);
    let worth = |d: &mut Driver| {
        d.read("ci", good());
        let seen = worth::of_probe(&d.plan, &d.state, &d.readings, &d.plan.probes[0], d.clock.now());
        (seen.verdict, seen.text.rsplit(", ").next().unwrap().to_owned())
    };
    let alarm = |d: &Driver| {
        d.state.alarms.get(&AlarmId::Probe("ci".into())).filter(|a| a.cleared.is_none()).map(|a| a.severity)
    };
    d.pass(120);
    d.end("freeze", Outcome::Done).unwrap();
    // It counts from when the step began: 02:40 and an hour.
    assert_eq!(worth(&mut d), (Verdict::Pass, "until 03:40".to_owned()));
    d.clock.advance(Duration::from_secs(3600 - 120 - 601));
    assert_eq!((worth(&mut d).0, alarm(&d)), (Verdict::Pass, None));
    d.clock.advance(Duration::from_secs(2));
    assert_eq!((worth(&mut d).0, alarm(&d)), (Verdict::Pass, Some(Severity::Caution)));
    d.clock.advance(Duration::from_secs(599));
    assert_eq!(worth(&mut d), (Verdict::Stale, "was to lift itself at 03:40: enforce it again".to_owned()));
    assert_eq!(alarm(&d), Some(Severity::Warning));

    d.intent(Intent::StartStep { step: "renew".into() }).unwrap();
    d.end("renew", Outcome::Done).unwrap();
    assert_eq!((worth(&mut d).0, alarm(&d)), (Verdict::Pass, None));
}
