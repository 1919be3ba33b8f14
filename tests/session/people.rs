//! Whose hands are on the keys, and what stands on a gate.

use std::os::unix::fs::PermissionsExt;

use cutover::engine::event::{Event, HoldCause};
use cutover::engine::input::Intent;
use cutover::session::client::ConnectError;
use cutover::session::socket;

use super::support::{Run, wait};

const GATE: &str = "[[phase.step]]\nid = \"go\"\ntitle = \"Go\"\ngate = { after = \"on\" }\n\
     [[phase.step]]\nid = \"told\"\ntitle = \"Told\"\nmanual = \"Tell them\"\nestimate = \"1s\"\n";

#[test]
fn a_second_operator_learns_who_drives_and_takes_the_helm_only_on_purpose() {
    let run = Run::live(GATE);
    let _engine = run.engine();
    let maria = run.drive("maria");
    for name in ["jun", "maria"] {
        let Err(ConnectError::Held { who, .. }) = run.connect(name, false).map(drop) else {
            panic!("{name}")
        };
        assert_eq!(who, "maria");
    }
    let mut jun = run.connect("jun", true).unwrap();
    assert_eq!(maria.parted().as_deref(), Some("jun took the helm"));
    let seen = run.until("held", |seen| seen.state.hold.is_some());
    assert_eq!(seen.state.operator.as_ref().unwrap().name, "jun");
    assert_eq!(seen.state.hold.as_ref().unwrap().cause, HoldCause::HelmTaken);
    jun.ask(Intent::Release).unwrap();
}

#[test]
fn a_run_whose_operator_is_gone_is_held_and_goes_on_when_one_is_back() {
    let run = Run::live(GATE);
    let _engine = run.engine();
    drop(run.drive("maria"));
    let seen = run.until("held", |seen| seen.state.hold.is_some());
    assert_eq!(seen.state.hold.as_ref().unwrap().cause, HoldCause::NoOperator);
    assert_eq!(seen.state.operator, None);
    let mut jun = run.drive("jun");
    assert!(run.look().state.hold.is_some(), "being there is not going on");
    jun.ask(Intent::Release).unwrap();
    assert!(run.look().state.hold.is_none());
}

#[test]
fn whoever_is_back_within_three_seconds_was_never_gone() {
    let run = Run::live(GATE);
    let _engine = run.engine();
    for _ in 0..5 {
        drop(run.drive("maria"));
    }
    let mut maria = run.drive("maria");
    maria.ask(Intent::Note { text: "still here".into() }).unwrap();
    let gone = |e: &Event| matches!(e, Event::OperatorLost { .. } | Event::Held { .. });
    assert!(!run.events().iter().any(gone));
}

#[test]
fn a_gate_wants_the_code_that_was_given_for_it_and_not_too_early() {
    let run = Run::live(GATE);
    let mut engine = run.engine();
    let mut maria = run.drive("maria");
    let (mut answer, code, _) = maria.code(&run, "go");
    let refused = maria.ask(Intent::DecideGate(answer.clone())).unwrap_err();
    assert!(refused.contains("too early"), "{refused}");
    answer.code = "aaaa".into();
    assert!(maria.ask(Intent::DecideGate(answer.clone())).is_err());

    // The same person at another terminal has to look again.
    let mut again = run.connect("maria", true).unwrap();
    answer.code = code;
    let refused = again.ask(Intent::DecideGate(answer)).unwrap_err();
    assert!(refused.contains("code") || refused.contains("held"), "{refused}");
    again.ask(Intent::Release).unwrap();

    let given = again.go(&run, "go");
    again.ask(Intent::ConfirmStep { step: "told".into(), note: String::new() }).unwrap();
    assert!(wait(&mut engine).success());
    for (path, bytes) in run.bytes() {
        let found = bytes.windows(given.len()).any(|window| window == given.as_bytes());
        let random = path.ends_with("start.json") || path.ends_with("reserve");
        assert!(!found || random, "{given} stands in {}", path.display());
    }
}

#[test]
fn only_this_account_reaches_the_engine() {
    let run = Run::live(GATE);
    let _engine = run.engine();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket::path(&run.path)), 0o600);
    assert_eq!(mode(&run.path), 0o700);
    for (path, _) in run.bytes() {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}
