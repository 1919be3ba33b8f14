//! What a gate is decided on: everything, unless the plan takes something out and says why.
//!
//! [`lines`] gathers it afresh; the sheet that a person decides on is drawn from it (`rules::gates`). A line's
//! digest covers what it is worth, what is asked of it and the position at which it holds; never values and
//! ages, which move by themselves. What a probe is worth by itself: `worth`; when it counts: `span`.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::countdown::clocks;
use super::replication;
use super::span::in_span;
use super::worth::of_probe;
use crate::clock::Now;
use crate::engine::State;
use crate::engine::event::{AlarmId, FrozenLine, SheetLine};
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::engine::state::{ROLLBACK_GATE, Status};
use crate::plan::model::{Gate, Probe, ProbeKind, Schedule, StepKind, WaitFor};
use crate::plan::{Plan, ProbeId, StepId};

/// The window, as it stands on a sheet.
pub const WINDOW: &str = "clock:window";

/// One thing that a gate rests on, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What it is about: a probe's id, `step:ID`, `alarm:…` or [`WINDOW`].
    pub id: String,
    /// What people read.
    pub title: String,
    /// What it is worth by itself.
    pub verdict: Verdict,
    /// What is asked of it.
    pub bound: String,
    /// The position at which it holds, where it has one.
    pub position: Option<String>,
    /// What was measured, in words; foreign text.
    pub text: String,
    /// How old that is.
    pub age: Option<Duration>,
    /// Digest of exactly what is wrong; `None` when nothing is.
    pub finding: Option<String>,
    /// The waiver that covers exactly this finding at this gate: who and why.
    pub waived: Option<(String, String)>,
}

impl Evidence {
    /// Good, or gone on in spite of.
    pub fn passes(&self) -> bool {
        self.verdict == Verdict::Pass || self.waived.is_some()
    }

    /// As it stands on the sheet.
    pub fn line(&self) -> SheetLine {
        SheetLine {
            id: self.id.clone(),
            verdict: self.verdict,
            bound: self.bound.clone(),
            position: self.position.clone(),
            waived: self.waived.as_ref().and(self.finding.clone()),
        }
    }

    /// As it stands in the decision.
    pub fn frozen(&self) -> FrozenLine {
        FrozenLine {
            line: self.line(),
            text: self.text.clone(),
            age_ms: self.age.map(|a| u64::try_from(a.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Everything that a gate rests on now, worst first, then in the order of the panes.
pub fn lines(plan: &Plan, state: &State, readings: &Readings, gate: &StepId, now: Now) -> Vec<Evidence> {
    let mut all = if gate.as_str() == ROLLBACK_GATE {
        way_back_lines(plan, state, readings, now)
    } else {
        gate_lines(plan, state, readings, gate, now)
    };
    for line in &mut all {
        line.waived = waiver(state, gate, line);
    }
    all.sort_by_key(|line| match (line.passes(), line.verdict) {
        (false, Verdict::Fail) => 0,
        (false, Verdict::Unknown) => 1,
        (false, Verdict::Stale | Verdict::Pass) => 2,
        (true, Verdict::Fail | Verdict::Unknown | Verdict::Stale) => 3,
        (true, Verdict::Pass) => 4,
    });
    all
}

/// The digest of a sheet: over the plan, the gate's asking, and each line's id, verdict, bound, position and
/// waiver. SHA-256, 16 hex digits.
pub fn digest(plan: &Plan, gate: &StepId, revision: u32, lines: &[SheetLine]) -> String {
    let mut hash = Sha256::new();
    let mut put = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    put(&plan.pins.resolved);
    put(gate.as_str());
    put(&revision.to_string());
    let mut sorted: Vec<&SheetLine> = lines.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    for line in sorted {
        put(&line.id);
        put(line.verdict.word());
        put(&line.bound);
        put(line.position.as_deref().unwrap_or("-"));
        put(line.waived.as_deref().unwrap_or("-"));
    }
    hex(&hash.finalize(), 8)
}

/// Digest of exactly what is wrong, for a waiver to name.
pub fn finding(id: &str, what: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((id.len() as u64).to_be_bytes());
    hash.update(id.as_bytes());
    hash.update(what.as_bytes());
    hex(&hash.finalize(), 8)
}

fn hex(bytes: &[u8], count: usize) -> String {
    bytes.iter().take(count).fold(String::new(), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
        text
    })
}

fn waiver(state: &State, gate: &StepId, line: &Evidence) -> Option<(String, String)> {
    let finding = line.finding.as_ref()?;
    let gate = state.gates.get(gate)?;
    let waiver = gate.waivers.iter().find(|w| w.evidence == line.id && w.finding == *finding)?;
    Some((waiver.by.clone(), waiver.reason.clone()))
}

/// The way back is easier than GO: it asks only that we know where we are. What it costs is told beside the sheet
/// (`wayback`) and asks for nothing: a link that is down, or that comes and goes, must not keep anybody from turning
/// back.
fn way_back_lines(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Evidence> {
    plan.probes
        .iter()
        .filter(|p| matches!(p.kind, ProbeKind::Identity { .. }))
        .map(|p| of_probe(plan, state, readings, p, now))
        .collect()
}

fn gate_lines(plan: &Plan, state: &State, readings: &Readings, gate: &StepId, now: Now) -> Vec<Evidence> {
    let Some((at, asked)) =
        plan.position(gate).and_then(|i| Some((i, plan.steps.get(i).and_then(|s| s.gate())?)))
    else {
        return Vec::new();
    };
    let scope = Scope { plan, state, readings, now, gate_at: at };
    let mut all: Vec<Evidence> = plan
        .probes
        .iter()
        .filter(|p| !left_out(asked, &p.id) && scope.counts(p))
        .map(|p| scope.probe(p))
        .collect();
    let steps = scope.steps(&all);
    all.extend(steps);
    all.extend(scope.window());
    all.extend(scope.alarms(asked));
    all
}

fn left_out(gate: &Gate, probe: &ProbeId) -> bool {
    gate.leave_out.iter().any(|(id, _)| id == probe)
}

struct Scope<'a> {
    plan: &'a Plan,
    state: &'a State,
    readings: &'a Readings,
    now: Now,
    gate_at: usize,
}

impl Scope<'_> {
    /// Whether a probe says anything about this gate: within its span, and for what is measured on demand,
    /// asked for by a step before the gate.
    fn counts(&self, probe: &Probe) -> bool {
        if !in_span(self.plan, self.state, probe) {
            return false;
        }
        match &probe.kind {
            ProbeKind::Fence(_) => {
                self.step_before(|kind| matches!(kind, StepKind::Fence(f) if f.probe == probe.id))
            }
            ProbeKind::Control(_) => self.step_before(
                |kind| matches!(kind, StepKind::Freeze(f) if f.enforce && f.controls.contains(&probe.id)),
            ),
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Sql { .. }
            | ProbeKind::Files(_)
            | ProbeKind::Link(_)
            | ProbeKind::Schema { .. }
            | ProbeKind::Writes { .. }
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_)
            | ProbeKind::Version(_)
            | ProbeKind::Rows(_)
            | ProbeKind::Terraform(_)
            | ProbeKind::Identity { .. }
            | ProbeKind::Marker { .. }
            | ProbeKind::Tables(_)
            | ProbeKind::Trees(_)
            | ProbeKind::Ready(_) => match probe.schedule {
                Schedule::Every(_) => true,
                Schedule::OnDemand => {
                    self.step_before(|kind| matches!(kind, StepKind::Check(ids) if ids.contains(&probe.id)))
                }
            },
        }
    }

    fn steps_before(&self) -> impl Iterator<Item = (usize, &crate::plan::model::Step)> {
        self.plan.steps.iter().enumerate().take(self.gate_at)
    }

    fn step_before(&self, test: impl Fn(&StepKind) -> bool) -> bool {
        self.steps_before().any(|(slot, step)| {
            test(&step.kind)
                && self.state.at_slot(slot).is_some_and(|s| !s.latched && s.status != Status::Skipped)
        })
    }

    fn probe(&self, probe: &Probe) -> Evidence {
        let mut line = of_probe(self.plan, self.state, self.readings, probe, self.now);
        if matches!(probe.kind, ProbeKind::Link(_))
            && self.step_before(
                |kind| matches!(kind, StepKind::Wait(WaitFor::CaughtUp(links)) if links.contains(&probe.id)),
            )
        {
            caught_up(self.plan, self.state, self.readings, probe, self.now, &mut line);
        }
        line
    }

    /// Steps before the gate that are not what they should be: skipped, or ticked once and not true now. One that only
    /// its own probe keeps open is not said twice: the probe stands on the sheet, and a waiver for it is one for both.
    fn steps(&self, probes: &[Evidence]) -> Vec<Evidence> {
        let bad = |id: &ProbeId| probes.iter().any(|e| e.id == id.as_str() && e.verdict != Verdict::Pass);
        self.steps_before()
            .filter_map(|(slot, step)| {
                let at = self.state.at_slot(slot)?;
                let what = match at.status {
                    Status::Proving if step.proofs().any(bad) => return None,
                    Status::Skipped => format!("skipped: {}", at.detail),
                    Status::Done => return None,
                    Status::Proving if at.reopened.is_some() => {
                        format!("no longer true: {}", at.reopened.as_deref().unwrap_or("?"))
                    }
                    Status::Pending | Status::Running | Status::Proving | Status::RetryAt(_) => {
                        "not finished".to_owned()
                    }
                    Status::Failed => format!("failed: {}", at.detail),
                    Status::Unknown => "nobody knows whether it happened".to_owned(),
                };
                let id = format!("step:{}", step.id);
                Some(Evidence {
                    title: step.title.clone(),
                    verdict: Verdict::Fail,
                    bound: "done".to_owned(),
                    position: None,
                    finding: Some(finding(&id, &what)),
                    text: what,
                    age: None,
                    waived: None,
                    id,
                })
            })
            .collect()
    }

    /// The window, once it is over: whoever goes on after it says why.
    fn window(&self) -> Option<Evidence> {
        let over = clocks(self.plan, self.state, self.now).window_left == Some(Duration::ZERO);
        over.then(|| Evidence {
            id: WINDOW.to_owned(),
            title: "window".to_owned(),
            verdict: Verdict::Fail,
            bound: "open".to_owned(),
            position: None,
            text: "over".to_owned(),
            age: None,
            finding: Some(finding(WINDOW, "over")),
            waived: None,
        })
    }

    /// Warnings that nobody has answered, where what they are about is not on the sheet already.
    fn alarms(&self, gate: &Gate) -> Vec<Evidence> {
        self.state
            .alarms
            .iter()
            .filter(|(_, alarm)| alarm.shuts_gates())
            .filter(|(id, _)| match id {
                AlarmId::Probe(probe) => !left_out(gate, probe),
                AlarmId::Step(_) | AlarmId::OutageBudget | AlarmId::NoOperator => true,
                AlarmId::Window => false,
            })
            .map(|(id, alarm)| {
                let name = alarm_name(id);
                Evidence {
                    title: "alarm".to_owned(),
                    verdict: Verdict::Fail,
                    bound: "answered".to_owned(),
                    position: None,
                    text: format!("not answered: {}", alarm.text),
                    age: None,
                    finding: Some(finding(&name, "not answered")),
                    waived: None,
                    id: name,
                }
            })
            .collect()
    }
}

/// A stable name for an alarm, as it stands on a sheet.
pub fn alarm_name(id: &AlarmId) -> String {
    match id {
        AlarmId::Probe(probe) => format!("alarm:{probe}"),
        AlarmId::Step(step) => format!("alarm:step:{step}"),
        AlarmId::OutageBudget => "alarm:outage-budget".to_owned(),
        AlarmId::Window => "alarm:window".to_owned(),
        AlarmId::NoOperator => "alarm:no-operator".to_owned(),
    }
}

/// A link that a step before this gate waited for must still be at zero, at the position that was reached.
fn caught_up(plan: &Plan, state: &State, readings: &Readings, probe: &Probe, now: Now, line: &mut Evidence) {
    let ProbeKind::Link(wanted) = &probe.kind else { return };
    line.bound = format!("zero for {}s since the fence", wanted.zero_for.as_secs());
    line.position = state.zeros.get(&probe.id).map(|z| z.position.clone());
    if line.verdict == Verdict::Pass
        && let Err(why) = replication::caught_up(plan, state, readings, probe, wanted, now)
    {
        line.verdict = Verdict::Fail;
        line.finding = Some(finding(&line.id, "not caught up"));
        line.text = why.to_string();
    }
}
