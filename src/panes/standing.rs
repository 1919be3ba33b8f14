//! What a probe's last look means for the eye: well, wrong and how loud, not due yet.
//!
//! Owns the one translation from what was measured to what calls. Refuses to decide: verdicts and findings
//! are the engine's, and so is what a gate makes of them.

use std::time::Duration;

use crate::clock::{Boot, Now};
use crate::engine::State;
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::engine::rules::evidence::Evidence;
use crate::engine::rules::{span, worth};
use crate::engine::state::{Status, StepState, UndoStatus};
use crate::plan::model::{Probe, ProbeKind, Schedule, Severity, Step, StepKind, WaitFor};
use crate::plan::{Plan, ProbeId, StepId};
use crate::ui::format;
use crate::ui::glyphs::Glyphs;
use crate::ui::theme::Role;

use super::row::{Words, words};
use super::words::LOCKED;

/// How much something calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    /// Not at all: it is as it should be, or not due.
    None,
    /// Worth knowing.
    Advisory,
    /// Look here soon.
    Caution,
    /// Act now.
    Warning,
}

/// What a probe's last look means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Measured, fresh, as it must be.
    Well,
    /// Not asked for yet, or never looked at.
    NotYet,
    /// It was good when it was asked for, and what rested on it is done.
    Past,
    /// It says nothing now: its span has not begun, or is over.
    Out,
    /// Wrong, and somebody goes on in spite of exactly that.
    Waived,
    /// Measured, and not as it must be.
    Wrong(Call),
    /// Too old, or the look failed.
    Unknown,
    /// The run is over and nobody looks any more: what was seen last stands, and is of that moment.
    Over,
}

/// A probe as the screen shows it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) probe: &'a Probe,
    pub(crate) evidence: &'a Evidence,
    pub(crate) standing: Standing,
}

/// The same, kept between frames: `probe` is its place in the plan.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) probe: usize,
    pub(crate) evidence: Evidence,
    pub(crate) standing: Standing,
}

impl Seen<'_> {
    /// What its name and its words are drawn in.
    pub(crate) fn role(&self) -> Role {
        match self.standing {
            Standing::Past | Standing::Out | Standing::Over => Role::Dim,
            standing => standing.call().role(Role::Normal),
        }
    }
}

impl Seen<'_> {
    /// Whether it stays wrong whatever anybody does, so that only a waiver goes on.
    pub(crate) fn needs_waiver(&self) -> bool {
        never_mends(self.probe, self.evidence)
    }

    /// How old the look is, or that it is too old.
    pub(crate) fn age(&self) -> Words<'static> {
        match self.evidence.verdict {
            _ if self.standing == Standing::Out => Words::none(),
            Verdict::Stale if self.standing == Standing::Unknown => words(Role::Caution, "stale"),
            _ => self.evidence.age.map_or_else(Words::none, |age| words(Role::Dim, format::age(age))),
        }
    }
}

impl Standing {
    /// How much it calls.
    pub(crate) fn call(self) -> Call {
        match self {
            Standing::Well | Standing::NotYet | Standing::Past | Standing::Out | Standing::Over => Call::None,
            Standing::Waived | Standing::Unknown => Call::Caution,
            Standing::Wrong(call) => call,
        }
    }

    /// The sign in the first column, where there is one.
    pub(crate) fn sign(self, glyphs: &Glyphs) -> Option<&'static str> {
        match self {
            Standing::Well | Standing::Past | Standing::Out | Standing::NotYet | Standing::Over => None,
            Standing::Waived => Some(glyphs.waived),
            Standing::Wrong(_) => Some(glyphs.alarm),
            Standing::Unknown => Some(glyphs.unknown),
        }
    }
}

impl Call {
    /// What it is drawn in, given what it would be drawn in if it did not call.
    pub(crate) fn role(self, else_in: Role) -> Role {
        match self {
            Call::None => else_in,
            Call::Advisory => Role::Advisory,
            Call::Caution => Role::Caution,
            Call::Warning => Role::Warning,
        }
    }
}

impl From<Severity> for Call {
    fn from(severity: Severity) -> Call {
        match severity {
            Severity::Advisory => Call::Advisory,
            Severity::Caution => Call::Caution,
            Severity::Warning => Call::Warning,
        }
    }
}

/// What the last look of every probe means, in the plan's order.
pub(crate) fn all(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Kept> {
    if let Some(end) = state.last.filter(|_| state.is_over()) {
        return at_the_end(plan, state, readings, end.boot);
    }
    plan.probes
        .iter()
        .enumerate()
        .map(|(at, probe)| {
            let mut evidence = worth::of_probe(plan, state, readings, probe, now);
            let standing = standing(plan, state, readings, probe, &evidence);
            if standing == Standing::Past {
                // It is told as it was when it was asked for, whoever has written since.
                evidence = worth::last_look(state, readings, probe, now.boot);
                // After a restart nobody has looked at it again, and nobody will: what the record says of it stands.
                if readings.track(&probe.id).is_none()
                    && let Some(recorded) = on_record(plan, state, probe)
                {
                    evidence.text.clone_from(&recorded.detail);
                }
            }
            // What is read before its time is read less often, and what it found holds until it is read again.
            if span::is_wanted(plan, state, probe) || standing == Standing::Out {
                never_its_last_value(probe, &mut evidence);
            }
            in_words(probe, &mut evidence);
            Kept { probe: at, evidence, standing }
        })
        .collect()
}

/// After the end nothing grows old: every probe as it stood at that moment.
fn at_the_end(plan: &Plan, state: &State, readings: &Readings, end: Boot) -> Vec<Kept> {
    let kept = plan.probes.iter().enumerate().map(|(at, probe)| {
        let mut evidence = worth::last_look(state, readings, probe, end);
        in_words(probe, &mut evidence);
        let standing = match standing(plan, state, readings, probe, &evidence) {
            Standing::Well | Standing::Waived | Standing::Wrong(_) | Standing::Unknown => Standing::Over,
            standing => standing,
        };
        Kept { probe: at, evidence, standing }
    });
    kept.collect()
}

/// A look in the words of the screen.
pub(crate) fn in_words(probe: &Probe, evidence: &mut Evidence) {
    if matches!(probe.kind, ProbeKind::Control(_)) && evidence.verdict == Verdict::Pass {
        // Until when stays.
        let until = evidence.text.find(',').and_then(|at| evidence.text.get(at..)).unwrap_or_default();
        evidence.text = format!("{LOCKED}{until}");
    }
}

/// What has grown old says that it has, and not what it said when it was young. What is stale because its ground has
/// moved says that in its own words.
pub(crate) fn never_its_last_value(probe: &Probe, evidence: &mut Evidence) {
    if let Some(age) = worth::too_old(probe, evidence) {
        evidence.text = format!("no look for {}", format::span(Duration::from_secs(age.as_secs())));
    }
}

/// A stray write has happened: no later look can find that it has not.
pub(crate) fn never_mends(probe: &Probe, evidence: &Evidence) -> bool {
    matches!(probe.kind, ProbeKind::Writes { .. }) && evidence.verdict == Verdict::Fail
}

fn standing(plan: &Plan, state: &State, readings: &Readings, probe: &Probe, seen: &Evidence) -> Standing {
    // While a fence is being set it counts for nobody yet, and is what everybody looks at.
    if is_being_set(plan, state, probe) {
        return match seen.verdict {
            Verdict::Pass => Standing::Well,
            Verdict::Fail => Standing::Wrong(Call::Caution),
            Verdict::Stale | Verdict::Unknown => Standing::NotYet,
        };
    }
    // What a step waits for is looked at, whatever span it has otherwise.
    let looked_at = readings.track(&probe.id).is_some();
    let was_good = readings.measure(&probe.id).is_some_and(|said| said.pass);
    if !span::is_wanted(plan, state, probe) {
        let found = is_found_early(plan, state, readings, probe);
        return if found { Standing::Wrong(Call::Caution) } else { Standing::Out };
    }
    if (was_good || !looked_at) && is_past(plan, state, probe) {
        return Standing::Past;
    }
    // What a sensed step rests on is looked at again after a restart; what proved any other is not.
    if !looked_at && proved(plan, state, probe) {
        return Standing::Past;
    }
    if !looked_at || !is_due(plan, state, probe) {
        return Standing::NotYet;
    }
    match seen.verdict {
        Verdict::Pass => Standing::Well,
        _ if is_waived(state, seen) => Standing::Waived,
        Verdict::Fail => Standing::Wrong(probe.alarm.map_or(Call::Caution, Call::from)),
        Verdict::Stale | Verdict::Unknown => Standing::Unknown,
    }
}

/// A comparison that reads before its time, so that there is time to mend what it finds, has found something.
fn is_found_early(plan: &Plan, state: &State, readings: &Readings, probe: &Probe) -> bool {
    let ended = |id: &StepId| state.step(plan, id).is_some_and(StepState::is_settled);
    let over = probe.until.as_ref().is_some_and(ended) || is_past(plan, state, probe);
    let differs = readings.measure(&probe.id).is_some_and(|said| !said.pass);
    probe.reads_before() && !over && differs
}

/// The fence has been set, and what proves it is waited for.
fn is_being_set(plan: &Plan, state: &State, probe: &Probe) -> bool {
    state.running.iter().filter_map(|&slot| plan.at_slot(slot).zip(state.at_slot(slot))).any(|(step, at)| {
        let proves = matches!(&step.kind, StepKind::Fence(fence) if fence.probe == probe.id);
        proves && at.status == Status::Proving && at.reopened.is_none()
    })
}

/// A fence or a control that nobody has set yet is open, and should be.
fn is_due(plan: &Plan, state: &State, probe: &Probe) -> bool {
    let begun = |sets: &dyn Fn(&StepKind) -> bool| {
        plan.steps.iter().chain(plan.rollback_steps()).zip(&state.steps).any(|(step, at)| {
            let begun = !matches!(at.status, Status::Pending | Status::Skipped);
            begun && at.undo != UndoStatus::Done && sets(&step.kind)
        })
    };
    match &probe.kind {
        ProbeKind::Fence(_) => begun(&|kind| matches!(kind, StepKind::Fence(f) if f.probe == probe.id)),
        ProbeKind::Control(_) => {
            begun(&|kind| matches!(kind, StepKind::Freeze(f) if f.enforce && f.controls.contains(&probe.id)))
        }
        _ => true,
    }
}

/// Every step that asked for it has been relied on to the end.
fn is_past(plan: &Plan, state: &State, probe: &Probe) -> bool {
    let asks = |step: &Step| matches!(&step.kind, StepKind::Check(ids) if ids.contains(&probe.id));
    let mut asked = steps_with(plan, state, asks).peekable();
    probe.schedule == Schedule::OnDemand && asked.peek().is_some() && asked.all(|at| at.latched)
}

/// A step that is not watched any further was proved by it.
fn proved(plan: &Plan, state: &State, probe: &Probe) -> bool {
    let by_it = |step: &Step| step.proof.as_ref() == Some(&probe.id) && !step.is_sensed();
    let mut steps = steps_with(plan, state, by_it);
    probe.schedule == Schedule::OnDemand && steps.any(|at| at.status == Status::Done)
}

/// What the record says of a probe that is measured when asked for and has not been since the engine began: the last
/// step that was done by its word.
pub(crate) fn on_record<'a>(plan: &'a Plan, state: &'a State, probe: &'a Probe) -> Option<&'a StepState> {
    let rests = |step: &Step| step.proofs().any(|id| *id == probe.id);
    steps_with(plan, state, rests).filter(|at| at.status == Status::Done).last()
}

/// Where the steps of a kind stand, the way back's too.
fn steps_with<'a>(
    plan: &'a Plan,
    state: &'a State,
    with: impl Fn(&Step) -> bool + 'a,
) -> impl Iterator<Item = &'a StepState> {
    let all = plan.steps.iter().chain(plan.rollback_steps()).zip(&state.steps);
    all.filter(move |(step, _)| with(step)).map(|(_, at)| at)
}

fn is_waived(state: &State, evidence: &Evidence) -> bool {
    let Some(finding) = &evidence.finding else { return false };
    let mut waivers = state.gates.values().flat_map(|gate| &gate.waivers);
    waivers.any(|w| w.evidence == evidence.id && w.finding == *finding)
}

/// Whether a link is waited for by a step that runs.
pub(crate) fn is_waited_for(plan: &Plan, state: &State, link: &ProbeId) -> bool {
    state
        .running
        .iter()
        .filter_map(|&slot| plan.at_slot(slot))
        .any(|step| matches!(&step.kind, StepKind::Wait(WaitFor::CaughtUp(links)) if links.contains(link)))
}
