//! What has to be true of a run that was killed often and has come to its end.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use cutover::engine::event::{Event, Leg, Outcome};
use cutover::journal::{Class, KeptHead};
use cutover::plan::model::StepKind;

use super::body::Body;
use super::counted::{CONTROL, Counted, Told};
use crate::shop::exe;

/// A try, as the record tells it.
struct Attempt {
    leg: Leg,
    by: Option<String>,
    ended: Option<Outcome>,
    /// Somebody settled that it had not happened, or that it had.
    settled: Option<bool>,
    /// A policy planned another try after it.
    planned: bool,
}

/// Everything that is asked of the record. `orphans`: tries whose shim was killed before they had an outcome.
pub(super) fn record_is_true(
    run: &Path,
    seen: &[KeptHead],
    counted: &Counted,
    orphans: &HashSet<(String, u32)>,
) {
    let highest = seen.iter().map(|head| head.seq).max().unwrap_or(0);
    let body = Body::examine(run, seen.to_vec());
    assert!(body.state.is_over(), "{:?}", body.state.stage);
    stands(run, &body, seen);
    assert!(body.verdict.acknowledged >= Some(highest));
    let told = counted.told();
    started_once(&body, &told);
    outcomes_are_true(&body, &told, orphans);
}

/// Both verifiers find it whole, and everything that was ever shown stands in it.
fn stands(run: &Path, body: &Body, seen: &[KeptHead]) {
    assert_eq!(body.verdict.class, Class::Whole, "{}", body.verdict);
    for head in seen {
        let stands = body.records.iter().any(|(seq, hash, _)| (*seq, *hash) == (head.seq, head.hash));
        assert!(stands, "record {} was shown and is not on record", head.seq);
    }
    let verify = Command::new(exe()).arg("verify").arg(run).output().unwrap();
    assert!(verify.status.success(), "{verify:?}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_journal.py");
    let mut second =
        Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut case = run.display().to_string();
    for head in seen.iter().rev().take(3) {
        case = format!("{case} {}:{}", head.seq, head.hash);
    }
    writeln!(second.stdin.take().unwrap(), "{case}").unwrap();
    let said = String::from_utf8(second.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said.trim_end(), format!("whole {} {}", body.verdict.seq, body.verdict.offset));
}

fn attempts(body: &Body) -> BTreeMap<(String, u32), Attempt> {
    let mut all: BTreeMap<(String, u32), Attempt> = BTreeMap::new();
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for event in body.events() {
        match event {
            Event::StepStarted { step, attempt, leg, by } => {
                let it = Attempt { leg: *leg, by: by.clone(), ended: None, settled: None, planned: false };
                let before = all.insert((step.as_str().to_owned(), *attempt), it);
                assert!(before.is_none(), "try {attempt} of {step} was begun twice");
                last.insert(step.as_str().to_owned(), *attempt);
            }
            Event::StepEnded { step, attempt, outcome, .. } => {
                let it = all.get_mut(&(step.as_str().to_owned(), *attempt)).unwrap();
                assert!(it.ended.is_none(), "try {attempt} of {step} ended twice");
                it.ended = Some(*outcome);
            }
            Event::StepSettled { step, happened, .. } => {
                let key = (step.as_str().to_owned(), last[step.as_str()]);
                all.get_mut(&key).unwrap().settled = Some(*happened);
            }
            Event::RetryPlanned { step, .. } => {
                let key = (step.as_str().to_owned(), last[step.as_str()]);
                all.get_mut(&key).unwrap().planned = true;
            }
            _ => {}
        }
    }
    all
}

/// By the steps' own count no try began twice; and none was followed by another one before it was certain that it
/// had not done its work, or without somebody's word or a policy on record.
fn started_once(body: &Body, told: &BTreeMap<(String, u32), Told>) {
    let attempts = attempts(body);
    for ((step, number), told) in told.iter().filter(|((step, _), _)| step != CONTROL) {
        assert!(told.begun <= 1, "try {number} of {step} ran {} times", told.begun);
        assert!(attempts.contains_key(&(step.clone(), *number)), "try {number} of {step} is not on record");
    }
    for ((step, number), it) in &attempts {
        let Some(before) = attempts.get(&(step.clone(), number.wrapping_sub(1))) else { continue };
        if before.leg != it.leg {
            continue;
        }
        assert!(it.by.is_some() || before.planned, "nobody asked for try {number} of {step}");
        let idempotent = body.plan.step(&step.as_str().into()).is_some_and(|step| step.idempotent);
        let not_done = match (before.ended, before.settled) {
            (_, Some(happened)) => !happened,
            (Some(Outcome::Failed { .. } | Outcome::NotStarted), None) => true,
            _ => idempotent,
        };
        assert!(
            not_done,
            "try {number} of {step} followed one that may have done its work: {:?}",
            before.ended
        );
    }
    let controls = body.plan.steps.iter().filter(|step| matches!(step.kind, StepKind::Freeze(_)));
    let asked: usize =
        controls.map(|step| attempts.keys().filter(|(id, _)| id == step.id.as_str()).count()).sum();
    let began = told.get(&(CONTROL.to_owned(), 0)).map_or(0, |told| told.begun);
    assert!(began <= asked, "controls were changed {began} times, and {asked} tries of that are on record");
}

/// What a command said at its end is what the record says; where its shim was killed the record says that nobody
/// knows; what never began is on record as never begun.
fn outcomes_are_true(body: &Body, told: &BTreeMap<(String, u32), Told>, orphans: &HashSet<(String, u32)>) {
    for ((step, number), it) in attempts(body) {
        let Some(tried) = body.attempt(&step.as_str().into(), number, it.leg) else { continue };
        let outcome = it.ended.unwrap_or_else(|| panic!("try {number} of {step} has no end on record"));
        if tried.folder.is_none() {
            continue;
        }
        let key = (step.clone(), number);
        let said = told.get(&key).cloned().unwrap_or_default();
        let expected = match said.ended.as_slice() {
            _ if orphans.contains(&key) => Outcome::Unknown,
            [0] => Outcome::Done,
            [code] => Outcome::Failed { code: Some(*code) },
            _ => {
                assert_eq!(said.begun, 0, "try {number} of {step} began and did not end: {said:?}");
                Outcome::NotStarted
            }
        };
        assert_eq!(outcome, expected, "try {number} of {step}, which said {said:?}");
    }
}
