//! Whatever a person is told of a step or a probe has its title.

use super::driver;
use crate::engine::event::AlarmId;
use crate::engine::refusal::Refusal;
use crate::engine::rules::called::{evidence, step};
use crate::engine::state::ROLLBACK_GATE;
use crate::plan::Plan;

fn plan() -> Plan {
    let mut same = driver::manual("same");
    same.title = "Every row is the same".to_owned();
    let mut probe = driver::tcp("rows");
    probe.title = "rows, now".to_owned();
    driver::plan(vec![same], vec![probe])
}

#[test]
fn whatever_stands_on_a_sheet_has_a_name_that_people_read() {
    let plan = plan();
    for (id, called) in [
        ("rows", "rows, now"),
        ("step:same", "Every row is the same"),
        ("alarm:rows", "the alarm of rows, now"),
        ("alarm:step:same", "the alarm of Every row is the same"),
        ("alarm:outage-budget", "the alarm of outage budget"),
        ("clock:window", "the window"),
        ("gone", "gone"),
    ] {
        assert_eq!(evidence(&plan, id), called);
    }
    assert_eq!(step(&plan, &ROLLBACK_GATE.into()), "Roll back");
}

#[test]
fn a_refusal_names_titles() {
    let plan = plan();
    let refusals = [
        Refusal::WrongStatus { step: "same".into(), is: "done", wants: "a failed step" },
        Refusal::Before { step: "same".into(), waits_for: "it".into() },
        Refusal::NotSkippable("same".into(), "no"),
        Refusal::GateNotOpen("same".into()),
        Refusal::NoSuchAlarm(AlarmId::Step("same".into())),
        Refusal::NothingToWaive("step:same".into()),
    ];
    for refusal in refusals {
        assert!(refusal.said(&plan).contains("Every row is the same"), "{refusal}");
    }
    assert_eq!(Refusal::NotHeld.said(&plan), "the run is not held");
}
