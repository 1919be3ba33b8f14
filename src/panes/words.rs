//! Events as people read them: one line each, in the words of the plan.
//!
//! Owns the sentences of the journal. Refuses to know places and colours: `journal` draws them. What came
//! from outside is passed on as it is and made safe where it is drawn.

use std::borrow::Cow;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::Event;
use crate::engine::event::{Decision, Ending, HoldCause, Leg, LoadChange, Mode, Outcome, Way};
use crate::engine::reading::{FenceState, Verdict};
use crate::engine::readings::{Track, Trend};
use crate::engine::rules::called;
use crate::plan::Plan;
use crate::plan::model::{ProbeKind, Severity};
use crate::ui::format;

use super::scene::Scene;

/// What is said of a control that refuses what it should: beside its name it must be plain who refuses what.
pub(super) const LOCKED: &str = "locked";

/// How much a line calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Goes by.
    Quiet,
    /// Somebody did or decided something.
    Normal,
    /// Worth a look.
    Caution,
    /// Wants a look now.
    Warning,
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// What it is about: a step, a probe, the run.
    pub subject: Cow<'a, str>,
    /// What happened.
    pub what: Cow<'a, str>,
    /// What else belongs to it; empty where nothing does.
    pub detail: Cow<'a, str>,
    /// How much it calls.
    pub weight: Weight,
}

fn line<'a>(
    weight: Weight,
    subject: impl Into<Cow<'a, str>>,
    what: impl Into<Cow<'a, str>>,
    detail: impl Into<Cow<'a, str>>,
) -> Line<'a> {
    Line { subject: subject.into(), what: what.into(), detail: detail.into(), weight }
}

/// An event in words. `offset` is the plan's, for the times in it.
pub fn of<'a>(plan: &'a Plan, event: &'a Event) -> Line<'a> {
    use Weight::{Caution, Normal, Quiet, Warning};
    match event {
        Event::RunStarted(run) => {
            let what = match run.mode {
                Mode::Live => format!("started, {}", drives(&run.operator)),
                Mode::Rehearsal { number, .. } => {
                    format!("rehearsal {number} started, {}", drives(&run.operator))
                }
            };
            line(Normal, "run", what, format!("{}, plan {}", run.run, short(&run.pins.resolved)))
        }
        Event::EngineResumed { torn_bytes: 0, .. } => {
            line(Caution, "engine", "taken up again", "everything is measured anew")
        }
        Event::EngineResumed { torn_bytes, .. } => {
            let torn = format::counted(*torn_bytes, "byte", "bytes");
            line(Caution, "engine", "taken up again", format!("{torn} of a torn tail put aside"))
        }
        Event::OperatorArrived { name, account, took_from: None } => {
            line(Normal, "operator", drives(name), account.as_str())
        }
        Event::OperatorArrived { name, account, took_from: Some(from) } => {
            line(Caution, "operator", format!("{name} took the helm from {from}"), account.as_str())
        }
        Event::OperatorLost { name } => line(Caution, "operator", format!("{name} is not connected"), ""),
        Event::PhaseStarted { phase } => {
            line(Quiet, phase.as_str(), "phase begins", title_of_phase(plan, phase))
        }
        Event::PhaseFinished { phase } => {
            line(Quiet, phase.as_str(), "phase done", title_of_phase(plan, phase))
        }

        Event::StepStarted { step, attempt, leg, by } => {
            let what = match (leg, attempt) {
                (Leg::Forward, 0 | 1) => Cow::from("started"),
                (Leg::Forward, n) => format!("started, try {n}").into(),
                (Leg::Undo, _) => "being taken back".into(),
            };
            line(Normal, step.as_str(), what, by.as_ref().map_or("", String::as_str))
        }
        Event::StepEnded { step, leg, outcome, detail, by, .. } => {
            let (weight, what) = ended(*leg, *outcome);
            let what = by.as_ref().map_or(Cow::from(what), |by| format!("{what}, says {by}").into());
            line(weight, step.as_str(), what, detail.as_str())
        }
        Event::StepProved { step, evidence } => line(Normal, step.as_str(), "proved", evidence.as_str()),
        Event::StepReopened { step, because } => {
            line(Warning, step.as_str(), "no longer true", because.as_str())
        }
        Event::StopAsked { step, by, .. } => {
            let who = by.as_ref().map_or("its time is over", String::as_str);
            line(Caution, step.as_str(), "being stopped", who)
        }
        Event::LoadAsked { probe, change, by } => {
            let what = match change {
                LoadChange::Hold => Cow::from("held: it asks nothing"),
                LoadChange::GoOn => "goes on".into(),
                LoadChange::Connections(n) => {
                    format!("goes on with {} a side", format::counted(*n, "connection", "connections")).into()
                }
            };
            line(Normal, probe.as_str(), what, by.as_str())
        }
        Event::MeasureAsked { probe, by } => line(Quiet, probe.as_str(), "looked at anew", by.as_str()),
        Event::RetryPlanned { step, after_ms } => {
            let after = format::span(Duration::from_millis(*after_ms));
            line(Caution, step.as_str(), format!("tried again in {after}"), "")
        }
        Event::StepSkipped { step, by, reason } => {
            line(Caution, step.as_str(), format!("skipped by {by}"), reason.as_str())
        }
        Event::StepSettled { step, leg, happened, by, reason } => {
            let what = match (leg, happened) {
                (Leg::Forward, true) => format!("it happened, says {by}"),
                (Leg::Forward, false) => format!("it did not happen, says {by}"),
                (Leg::Undo, true) => format!("taken back, says {by}"),
                (Leg::Undo, false) => format!("not taken back, says {by}"),
            };
            line(Caution, step.as_str(), what, reason.as_str())
        }

        Event::BaselineTaken { probe, digest, objects } => {
            let covers = format::counted(*objects, "object", "objects");
            line(Quiet, probe.as_str(), "baseline taken", format!("{covers}, {}", short(digest)))
        }
        Event::VerdictChanged { probe, verdict, text, .. } => {
            let weight = match verdict {
                Verdict::Pass => Quiet,
                Verdict::Fail | Verdict::Stale | Verdict::Unknown => Caution,
            };
            let locks = plan.probe(probe).is_some_and(|probe| matches!(probe.kind, ProbeKind::Control(_)));
            let text = if locks && *verdict == Verdict::Pass { LOCKED } else { text.as_str() };
            line(weight, probe.as_str(), verdict_in_words(*verdict), text)
        }
        Event::ZeroHeld { link, for_ms, position, marker, .. } => {
            let held = format::span(Duration::from_millis(*for_ms));
            let marker = marker.as_ref().map_or_else(String::new, |(id, ms)| {
                format!(", marker {id} in {}", format::span(Duration::from_millis(*ms)))
            });
            line(Normal, link.as_str(), format!("zero for {held}"), format!("at {position}{marker}"))
        }
        Event::ZeroLost { link, because } => line(Caution, link.as_str(), "not caught up", because.as_str()),
        Event::FenceChanged { endpoint, state, position, at } => {
            let what = match state {
                FenceState::Open => "takes writes",
                FenceState::Fenced => "fenced: new sessions are refused",
                FenceState::Sealed => "sealed: every write is refused",
            };
            let place = position.as_ref().map_or_else(String::new, |p| format!(" at {p}"));
            line(Normal, endpoint.as_str(), what, format!("since {}{place}", at.clock_time(plan.offset)))
        }
        Event::SessionEndAsked { endpoint, session, application, by } => {
            let what = format!("{by} ends {application}");
            line(Normal, endpoint.as_str(), what, format!("session {session}"))
        }
        Event::SessionEnded { endpoint, session, failed: None } => {
            line(Normal, endpoint.as_str(), format!("session {session} ended"), "")
        }
        Event::SessionEnded { endpoint, session, failed: Some(why) } => {
            line(Warning, endpoint.as_str(), format!("session {session} goes on"), why.as_str())
        }

        Event::AlarmRaised { severity, text, .. } => {
            let (weight, loud) = match severity {
                Severity::Advisory => (Normal, "advisory"),
                Severity::Caution => (Caution, "caution"),
                Severity::Warning => (Warning, "warning, wants an answer"),
            };
            line(weight, "alarm", text.as_str(), loud)
        }
        Event::AlarmCleared { alarm } => {
            line(Normal, "alarm", format!("over: {}", called::alarm(plan, alarm)), "its cause is gone")
        }
        Event::AlarmAcknowledged { alarm, by } => {
            line(Normal, "alarm", format!("answered by {by}"), called::alarm(plan, alarm))
        }

        Event::GateOpened { gate, revision: 0 | 1 } => line(Normal, gate.as_str(), "asks for a decision", ""),
        Event::GateOpened { gate, revision } => {
            line(Normal, gate.as_str(), "asks for a decision again", format!("asked {revision} times"))
        }
        Event::SheetDrawn { gate, sheet, digest, lines } => {
            line(Normal, gate.as_str(), format!("sheet {sheet}"), sheet_in_words(digest, lines))
        }
        Event::SheetImproved { gate, sheet, digest, lines } => {
            line(Quiet, gate.as_str(), format!("sheet {sheet}, better now"), sheet_in_words(digest, lines))
        }
        Event::Waived { gate, evidence, by, reason, .. } => {
            let what = called::evidence(plan, evidence);
            line(Caution, gate.as_str(), format!("{what} waived by {by}"), reason.as_str())
        }
        Event::GateDecided { gate, sheet, digest, decision: Decision::Go, by, frozen, .. } => {
            let waived = frozen.iter().filter(|f| f.line.waived.is_some()).count();
            let but = if waived > 0 { format!(", {waived} waived") } else { String::new() };
            let detail = format!("sheet {sheet}, {}{but}", grouped(digest));
            line(Normal, gate.as_str(), format!("GO by {by}"), detail)
        }
        Event::GateDecided { gate, decision: Decision::NoGo, by, reason, .. } => {
            line(Caution, gate.as_str(), format!("NO-GO by {by}"), reason.as_str())
        }

        Event::Held { cause, by, reason } => {
            let what = match (cause, by) {
                (
                    HoldCause::Asked | HoldCause::NoGo | HoldCause::HelmTaken | HoldCause::AbortAfterSwitch,
                    Some(by),
                ) => format!("held by {by}").into(),
                _ => Cow::from("held"),
            };
            line(Caution, "run", what, hold_in_words(*cause, reason))
        }
        Event::Released { by } => line(Normal, "run", format!("goes on, says {by}"), ""),
        Event::RollbackAsked { by, reason } => {
            line(Caution, "rollback", format!("asked for by {by}"), reason.as_str())
        }
        Event::RollbackDropped { by } => line(Normal, "rollback", format!("dropped by {by}"), ""),
        Event::RollbackStarted { way, by } => {
            let way = match way {
                Way::Undo => "what was done is taken back in reverse",
                Way::Phase => "by the plan's rollback phase",
            };
            line(Caution, "rollback", format!("ordered by {by}"), way)
        }
        Event::Aborted { by, reason } => line(Warning, "run", format!("aborted by {by}"), reason.as_str()),
        Event::RunFinished { ending } => line(Normal, "run", ending_in_words(*ending), ""),
        Event::Noted { by, text } => line(Normal, "note", text.as_str(), by.as_str()),
        Event::Halted { cause } => line(Warning, "engine", "halted", cause.as_str()),
    }
}

/// Who has the keys.
pub(super) fn drives(name: &str) -> String {
    // The demo's people are called `you`.
    if name == "you" { "you drive".to_owned() } else { format!("{name} drives") }
}

/// Why nobody can say when it is over.
pub(super) fn unknown_because(scene: &Scene<'_>, because: &str) -> String {
    if because.contains(": ") {
        return format!("{} is not proved", whose(because));
    }
    let Some(link) = scene.plan.probes.iter().find(|probe| probe.title == because) else {
        // The step calls by itself, in a line that has room for its title.
        let mut telling = scene.figures.telling.iter().filter_map(|&slot| scene.plan.at_slot(slot));
        let rest = telling.find_map(|step| because.strip_prefix(step.title.as_str()));
        return rest.map_or_else(|| because.to_owned(), |rest| format!("a step{rest}"));
    };
    let fresh = matches!(scene.readings.verdict(link, scene.now.boot), Verdict::Pass | Verdict::Fail);
    let trend = scene.readings.track(&link.id).map(Track::trend);
    match trend.filter(|_| fresh) {
        None => format!("{because} is not measured"),
        Some(Trend::Growing(_)) => format!("{because} grows"),
        Some(Trend::Steady) => format!("{because} stands"),
        Some(Trend::Unclear | Trend::Zero | Trend::Draining(_)) => because.to_owned(),
    }
}

fn ended(leg: Leg, outcome: Outcome) -> (Weight, &'static str) {
    match (leg, outcome) {
        (Leg::Forward, Outcome::Done) => (Weight::Normal, "done"),
        (Leg::Undo, Outcome::Done) => (Weight::Normal, "taken back"),
        (Leg::Forward, Outcome::Failed { .. }) => (Weight::Warning, "failed"),
        (Leg::Undo, Outcome::Failed { .. }) => (Weight::Warning, "could not be taken back"),
        (_, Outcome::NotStarted) => (Weight::Warning, "never started"),
        (_, Outcome::TimedOut) => (Weight::Warning, "took too long and was stopped"),
        (_, Outcome::Stopped) => (Weight::Warning, "was stopped"),
        (_, Outcome::Unknown) => (Weight::Warning, "nobody knows how it ended"),
    }
}

fn sheet_in_words(digest: &str, lines: &[crate::engine::event::SheetLine]) -> String {
    let hold = lines.iter().filter(|l| l.verdict == Verdict::Pass || l.waived.is_some()).count();
    format!("{}, {hold} of {} hold", grouped(digest), lines.len())
}

fn verdict_in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "well",
        Verdict::Fail => "not well",
        Verdict::Stale => "stale",
        Verdict::Unknown => "unknown",
    }
}

fn title_of_phase<'a>(plan: &'a Plan, id: &crate::plan::PhaseId) -> &'a str {
    plan.phases.iter().find(|p| p.id == *id).map_or("", |p| &p.title)
}

/// Why nothing new starts.
pub(super) fn hold_in_words(cause: HoldCause, reason: &str) -> Cow<'_, str> {
    let word = match cause {
        HoldCause::Asked if reason.is_empty() => "",
        HoldCause::NoGo if reason.is_empty() => "NO-GO",
        HoldCause::AbortAfterSwitch => return "an abort after the switch is a hold".into(),
        HoldCause::Asked
        | HoldCause::NoGo
        | HoldCause::NoOperator
        | HoldCause::Resumed
        | HoldCause::HelmTaken
        | HoldCause::Stuck => reason,
    };
    word.into()
}

/// How the run ended.
pub(super) fn ending_in_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::RolledBack => "rolled back",
        Ending::Aborted => "aborted",
    }
}

/// Whose fault something is: what stands before the first colon; the rest stands where it belongs.
pub(super) fn whose(because: &str) -> &str {
    because.split(':').next().unwrap_or(because)
}

/// The first characters of a hash: enough to tell two apart by eye.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
}

/// The first eight characters of a digest, in two groups that can be read aloud.
pub(super) fn grouped(digest: &str) -> String {
    let (first, rest): (String, String) =
        (digest.chars().take(4).collect(), digest.chars().skip(4).take(4).collect());
    if rest.is_empty() { first } else { format!("{first} {rest}") }
}

/// A wall time with its offset named: `00:43:11 +01:00`.
pub(super) fn zoned(at: Timestamp, offset: i32) -> (String, String) {
    (at.clock_time(offset), offset_name(offset))
}

/// An offset from UTC, given in seconds: `+01:00`, `UTC`.
pub(super) fn offset_name(offset: i32) -> String {
    if offset == 0 {
        return "UTC".to_owned();
    }
    let minutes = offset.unsigned_abs() / 60;
    format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}
