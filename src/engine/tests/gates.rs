//! Gates: what an honest GO needs, and every way in which one is refused.

use std::time::Duration;

use super::driver::{
    Driver, at_switch_gate, bad, command, compared, cutover, fenced, good, good_seconds, plan, probe, silent,
    step, stray, tcp, up_to_the_switch_gate,
};
use crate::engine::event::{AlarmId, Decision, Event, HoldCause, Outcome};
use crate::engine::input::Intent;
use crate::engine::reading::Verdict;
use crate::engine::refusal::Refusal;
use crate::engine::rules::evidence::{WINDOW, finding, lines};
use crate::engine::rules::gates::ARMS_AFTER_MS;
use crate::engine::rules::worth;
use crate::engine::state::Status;
use crate::plan::model::{Expect, Gate, Probe, ProbeKind, Schedule, StepKind, Window};
use crate::plan::{ProbeId, StepId};

fn one_gate() -> Driver {
    let gate = step("gate", StepKind::Gate(Gate::default()));
    let mut d = Driver::begin(plan(vec![gate, command("after")], vec![tcp("p")]));
    d.read("p", good());
    d
}

fn armed(d: &mut Driver, gate: &str) -> crate::engine::input::GateAnswer {
    d.show(gate);
    d.clock.advance(Duration::from_millis(ARMS_AFTER_MS));
    d.honest(gate, Decision::Go)
}

#[test]
fn an_honest_go_goes() {
    let mut d = one_gate();
    d.go("gate").unwrap();
    assert_eq!((d.status("gate"), d.status("after")), (Status::Done, Status::Running));
    let frozen = d.events().find_map(|e| match e {
        Event::GateDecided { frozen, .. } => Some(frozen.clone()),
        _ => None,
    });
    assert_eq!(frozen.unwrap()[0].text, "fine", "values are frozen into the decision");
}

#[test]
fn a_go_is_refused_before_the_gate_arms_by_real_time() {
    let mut d = one_gate();
    d.show("gate");
    d.clock.advance(Duration::from_millis(ARMS_AFTER_MS - 1));
    let answer = d.honest("gate", Decision::Go);
    assert_eq!(d.intent(Intent::DecideGate(answer)), Err(Refusal::TooEarly { wait_ms: 1 }));
}

#[test]
fn a_go_without_a_drawing_is_refused() {
    let mut d = one_gate();
    let answer = d.honest("gate", Decision::Go);
    d.clock.advance(Duration::from_secs(4));
    assert_eq!(d.intent(Intent::DecideGate(answer)), Err(Refusal::NoCode));
}

#[test]
fn a_wrong_code_is_refused() {
    let mut d = one_gate();
    let mut answer = armed(&mut d, "gate");
    answer.code = "7k3n".into();
    assert_eq!(d.intent(Intent::DecideGate(answer)), Err(Refusal::WrongCode));
}

#[test]
fn bad_old_and_missing_evidence_refuse_a_go() {
    for (case, result) in [bad(), silent()].into_iter().enumerate() {
        let mut d = one_gate();
        d.read("p", result);
        let answer = armed(&mut d, "gate");
        let no = d.intent(Intent::DecideGate(answer));
        assert!(matches!(no, Err(Refusal::EvidenceMissing(_))), "case {case}: {no:?}");
    }
    let mut d = one_gate();
    d.clock.advance(Duration::from_secs(6));
    d.tick();
    let answer = armed(&mut d, "gate");
    assert!(matches!(d.intent(Intent::DecideGate(answer)), Err(Refusal::EvidenceMissing(_))));
}

#[test]
fn evidence_that_worsens_voids_what_was_drawn_and_getting_well_does_not_bring_it_back() {
    let mut d = one_gate();
    let answer = armed(&mut d, "gate");
    d.read("p", bad());
    d.read("p", good());
    let no = d.intent(Intent::DecideGate(answer));
    assert!(matches!(no, Err(Refusal::SheetChanged { answered: 1, now: 2, .. })), "{no:?}");
    d.go("gate").unwrap();
}

#[test]
fn evidence_that_worsened_at_this_very_moment_counts_before_any_tick() {
    let mut d = one_gate();
    let answer = armed(&mut d, "gate");
    // Grows stale between the last tick and the key.
    d.clock.advance(Duration::from_secs(6));
    let no = d.intent(Intent::DecideGate(answer));
    assert!(matches!(no, Err(Refusal::SheetChanged { .. })), "{no:?}");
    assert_eq!(d.status("after"), Status::Pending);
}

#[test]
fn evidence_that_improves_leaves_the_code_alone() {
    let gate = step("gate", StepKind::Gate(Gate::default()));
    let mut d = Driver::begin(plan(vec![gate, command("after")], vec![tcp("p"), tcp("q")]));
    d.read("p", good());
    d.read("q", bad());
    let answer = armed(&mut d, "gate");
    d.read("p", good());
    d.read("q", good());
    d.intent(Intent::DecideGate(answer)).unwrap();
}

#[test]
fn a_waiver_covers_one_finding_at_one_gate() {
    let mut d = one_gate();
    d.read("p", bad());
    let id = StepId::from("gate");
    let now = d.clock.now();
    let sheet = lines(&d.plan, &d.state, &d.readings, &id, now);
    let finding = sheet[0].finding.clone().unwrap();
    let waive = |finding: String, reason: &str| Intent::Waive {
        gate: id.clone(),
        evidence: "p".into(),
        finding,
        reason: reason.into(),
    };
    assert_eq!(d.intent(waive(finding.clone(), "")), Err(Refusal::ReasonMissing));
    assert!(matches!(d.intent(waive("0000".into(), "known")), Err(Refusal::NothingToWaive(_))));
    d.intent(waive(finding, "known, CHG-1")).unwrap();
    let answer = armed(&mut d, "gate");
    // It turns into another finding: silence is not what was waived.
    d.read("p", silent());
    assert!(matches!(d.intent(Intent::DecideGate(answer)), Err(Refusal::SheetChanged { .. })));
    d.read("p", bad());
    let no = d.go("gate");
    assert!(matches!(no, Err(Refusal::EvidenceMissing(_))), "its alarm is not answered: {no:?}");
    d.intent(Intent::AcknowledgeAlarm { alarm: None }).unwrap();
    d.go("gate").unwrap();
}

#[test]
fn a_no_go_wants_a_reason_holds_and_the_gate_asks_again() {
    let mut d = one_gate();
    let mut no = d.honest("gate", Decision::NoGo);
    no.reason = String::new();
    assert_eq!(d.intent(Intent::DecideGate(no)), Err(Refusal::ReasonMissing));
    let no = d.honest("gate", Decision::NoGo);
    d.intent(Intent::DecideGate(no)).unwrap();
    assert_eq!(d.state.hold.as_ref().map(|h| h.cause), Some(HoldCause::NoGo));
    assert!(!d.state.gates[&StepId::from("gate")].open);
    d.pass(4);
    d.read("p", good());
    d.intent(Intent::Release).unwrap();
    assert_eq!(d.state.gates[&StepId::from("gate")].revision, 2);
    d.go("gate").unwrap();
}

#[test]
fn a_held_run_says_no_go_but_never_go() {
    let mut d = one_gate();
    let answer = armed(&mut d, "gate");
    d.intent(Intent::Hold { reason: String::new() }).unwrap();
    assert!(matches!(d.intent(Intent::DecideGate(answer)), Err(Refusal::Held(_))));
}

#[test]
fn a_switch_wants_the_targets_word() {
    let mut d = at_switch_gate();
    let mut answer = armed(&mut d, "go");
    answer.word = Some("dc1".into());
    assert_eq!(d.intent(Intent::DecideGate(answer.clone())), Err(Refusal::WrongWord));
    answer.word = None;
    assert_eq!(d.intent(Intent::DecideGate(answer.clone())), Err(Refusal::WrongWord));
    answer.word = Some("cloud".into());
    d.intent(Intent::DecideGate(answer)).unwrap();
    assert_eq!(d.status("switch"), Status::Running);
}

#[test]
fn the_number_of_waivers_is_typed_at_a_switch() {
    let mut d = at_switch_gate();
    d.read("rows", compared(2));
    assert!(d.at("same").reopened.is_some());
    let id = StepId::from("go");
    let now = d.clock.now();
    let sheet = lines(&d.plan, &d.state, &d.readings, &id, now);
    for line in sheet.iter().filter(|l| !l.passes()) {
        let finding = line.finding.clone().unwrap();
        let evidence = line.id.clone();
        let reason = "two test rows".to_owned();
        // An alarm is answered, not waived; the rest is waived one by one.
        if evidence.starts_with("alarm:") {
            continue;
        }
        d.intent(Intent::Waive { gate: id.clone(), evidence, finding, reason }).unwrap();
    }
    d.intent(Intent::AcknowledgeAlarm { alarm: None }).unwrap();
    let mut answer = armed(&mut d, "go");
    let no = d.intent(Intent::DecideGate(answer.clone()));
    let Err(Refusal::WrongWaiverCount { are }) = no else { panic!("{no:?}") };
    answer.waived = Some(are);
    d.intent(Intent::DecideGate(answer)).unwrap();
}

#[test]
fn a_writer_behind_the_fence_closes_the_gate_until_it_is_gone() {
    let mut d = at_switch_gate();
    for _ in 0..3 {
        d.pass(1);
        d.read("fence:source", fenced(&["9"], 4));
    }
    assert_eq!(d.status("stop"), Status::Proving);
    assert!(d.at("caught-up").reopened.is_some(), "what rested on the fence is not true either");
    assert!(d.at("same").reopened.is_some());
    d.show("go");
    d.clock.advance(Duration::from_millis(ARMS_AFTER_MS));
    let answer = d.honest("go", Decision::Go);
    assert!(d.intent(Intent::DecideGate(answer)).is_err());
    d.intent(Intent::EndSession {
        endpoint: "source".into(),
        session: "9".into(),
        application: "price-job".into(),
    })
    .unwrap();
    d.pass(1);
    good_seconds(&mut d, 6);
    assert_eq!((d.status("stop"), d.status("caught-up")), (Status::Done, Status::Done));
    assert_eq!(d.status("same"), Status::Proving, "rows have moved: they are compared again");
    d.read("rows", compared(0));
    d.intent(Intent::AcknowledgeAlarm { alarm: None }).unwrap();
    d.go("go").unwrap();
}

/// As in a plan that compares again and again, and watches the target for stray writes.
fn compares_by_itself(otherwise: impl Fn(&mut Probe)) -> Driver {
    let mut p = cutover();
    let rows = ProbeId::from("rows");
    for probe in p.probes.iter_mut().filter(|probe| probe.id == rows) {
        probe.schedule = Schedule::Every(Duration::from_secs(5));
        probe.max_age = Duration::from_secs(10);
        probe.since = Some("begin".into());
        otherwise(probe);
    }
    let quiet = ProbeKind::Writes { endpoint: "target".into() };
    let mut quiet = probe("quiet", quiet, Schedule::Every(Duration::from_secs(1)));
    quiet.since = Some("begin".into());
    p.probes.push(quiet);
    let mut d = up_to_the_switch_gate(p.indexed());
    d.read("quiet", stray(0));
    d
}

#[test]
fn what_was_compared_by_itself_is_stale_at_the_gate_once_somebody_has_written() {
    let mut d = compares_by_itself(|_| {});
    d.pass(1);
    d.read("quiet", stray(1));
    let id = StepId::from("go");
    let now = d.clock.now();
    let sheet = lines(&d.plan, &d.state, &d.readings, &id, now);
    let rows = sheet.iter().find(|line| line.id == "rows").unwrap();
    assert_eq!(rows.verdict, Verdict::Stale);
    assert_eq!(rows.text, "target was written to since it was compared");
    let shared = worth::of_probe(&d.plan, &d.state, &d.readings, d.plan.probe(&"rows".into()).unwrap(), now);
    assert_eq!((rows.verdict, &rows.text), (shared.verdict, &shared.text));
    d.show("go");
    d.clock.advance(Duration::from_millis(ARMS_AFTER_MS));
    let answer = d.honest("go", Decision::Go);
    let no = d.intent(Intent::DecideGate(answer));
    let Err(Refusal::EvidenceMissing(missing)) = no else { panic!("{no:?}") };
    let why = "rows is stale (target was written to since it was compared)";
    assert!(missing.iter().any(|m| m == why), "{missing:?}");
    // The next look is of what is there now.
    d.read("rows", compared(1));
    let now = d.clock.now();
    let sheet = lines(&d.plan, &d.state, &d.readings, &id, now);
    let rows = sheet.iter().find(|line| line.id == "rows").unwrap();
    assert_eq!(rows.verdict, Verdict::Fail);
}

#[test]
fn a_query_that_is_the_same_on_both_sides_holds_no_longer_than_their_rows() {
    let mut d = compares_by_itself(|probe| {
        let query = "select sum(qty) from orders".to_owned();
        let same_on = Some("target".into());
        probe.kind = ProbeKind::Sql { endpoint: "source".into(), query, expect: Expect::default(), same_on };
    });
    let rows = |d: &Driver| {
        let probe = d.plan.probe(&"rows".into()).unwrap();
        worth::of_probe(&d.plan, &d.state, &d.readings, probe, d.clock.now())
    };
    d.read("rows", good());
    assert_eq!(rows(&d).verdict, Verdict::Pass);
    d.pass(1);
    d.read("quiet", stray(1));
    assert_eq!(rows(&d).text, "target was written to since it was compared");
    assert_eq!(rows(&d).verdict, Verdict::Stale);
}

#[test]
fn what_is_asked_for_once_grows_old_only_where_the_plan_says_when() {
    for (max_age, verdict) in [(Duration::MAX, Verdict::Pass), (Duration::from_secs(60), Verdict::Stale)] {
        let mut tried = probe("tried", ProbeKind::Tcp { address: "localhost:1".into() }, Schedule::OnDemand);
        tried.max_age = max_age;
        let gate = step("gate", StepKind::Gate(Gate::default()));
        let mut d = Driver::begin(plan(vec![gate], vec![tried]));
        d.read("tried", good());
        d.pass(61);
        let probe = d.plan.probe(&"tried".into()).unwrap();
        let line = worth::of_probe(&d.plan, &d.state, &d.readings, probe, d.clock.now());
        assert_eq!(line.verdict, verdict, "{max_age:?}");
        assert_eq!(worth::too_old(probe, &line).is_some(), verdict == Verdict::Stale);
    }
}

#[test]
fn a_step_that_its_own_probe_keeps_open_needs_no_waiver_beside_the_probes() {
    let mut d = at_switch_gate();
    let sheet = |d: &Driver| {
        let all = lines(&d.plan, &d.state, &d.readings, &"go".into(), d.clock.now());
        all.into_iter().filter(|line| !line.passes()).map(|line| (line.id, line.finding)).collect::<Vec<_>>()
    };
    for _ in 0..4 {
        good_seconds(&mut d, 1);
        d.read("rows", compared(7));
    }
    assert_eq!(d.status("same"), Status::Proving, "it is not true any more");
    d.intent(Intent::AcknowledgeAlarm { alarm: None }).unwrap();
    let [(id, Some(found))] = &sheet(&d)[..] else { panic!("{:?}", sheet(&d)) };
    assert_eq!(id, "rows");
    let (evidence, finding) = (id.clone(), found.clone());
    let waive = Intent::Waive { gate: "go".into(), evidence, finding, reason: "known".into() };
    d.intent(waive).unwrap();
    assert_eq!(sheet(&d), []);
    d.show("go");
    d.clock.advance(Duration::from_millis(ARMS_AFTER_MS));
    let mut answer = d.honest("go", Decision::Go);
    answer.waived = Some(1);
    d.intent(Intent::DecideGate(answer)).unwrap();
    assert_eq!(d.status("switch"), Status::Running);
}

#[test]
fn after_the_window_a_gate_wants_to_know_why_somebody_goes_on() {
    let mut d = at_switch_gate();
    good_seconds(&mut d, 1);
    // It closes at this moment.
    let length = d.clock.now().wall.since(d.state.started.unwrap());
    d.plan.window = Window::FromStart { length };
    d.tick();
    d.intent(Intent::AcknowledgeAlarm { alarm: Some(AlarmId::Window) }).unwrap();
    let Err(Refusal::EvidenceMissing(missing)) = d.go("go") else { panic!("it passed") };
    assert_eq!(missing, ["window is over"]);
    d.intent(Intent::Waive {
        gate: "go".into(),
        evidence: WINDOW.into(),
        finding: finding(WINDOW, "over"),
        reason: "the change is extended".into(),
    })
    .unwrap();
    assert_eq!(d.go("go"), Err(Refusal::WrongWaiverCount { are: 1 }), "users are moved: it is counted, too");
    let mut answer = d.honest("go", Decision::Go);
    answer.waived = Some(1);
    d.intent(Intent::DecideGate(answer)).unwrap();
}

#[test]
fn a_session_that_nobody_has_seen_cannot_be_ended() {
    let mut d = at_switch_gate();
    let end = Intent::EndSession { endpoint: "source".into(), session: "9".into(), application: "x".into() };
    assert!(matches!(d.intent(end), Err(Refusal::NoSuchSession(..))));
}

#[test]
fn nothing_but_a_person_passes_a_gate() {
    let mut d = one_gate();
    for _ in 0..3600 {
        d.clock.advance(Duration::from_secs(1));
        d.read("p", good());
    }
    assert_eq!(d.status("gate"), Status::Running);
    assert_eq!(d.end("gate", Outcome::Done), Err(Refusal::StaleReport("gate".into(), 0)));
    assert!(d.intent(Intent::ConfirmStep { step: "gate".into(), note: "go".into() }).is_err());
    assert!(d.intent(Intent::SkipStep { step: "gate".into(), reason: "go".into() }).is_err());
    let settle = Intent::SettleStep { step: "gate".into(), happened: true, reason: "go".into() };
    assert!(d.intent(settle).is_err());
    assert!(d.effects.is_empty());
}
