//! How a run stands now: in one line for a chat, or as a document for a program.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Now;
use crate::counts;
use crate::engine::State;
use crate::engine::event::{Ending, Mode};
use crate::engine::readings::Readings;
use crate::engine::rules::countdown::clocks;
use crate::engine::rules::evidence::alarm_name;
use crate::engine::rules::forecast::{Forecast, forecast};
use crate::engine::rules::steps;
use crate::engine::rules::wayback::{Cost, way_back};
use crate::engine::state::{Stage, Status, StepState};
use crate::plan::Plan;
use crate::plan::model::Phase;

/// What a status is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its id.
    pub id: &'a str,
    /// The plan that it executes.
    pub plan: &'a Plan,
    /// What is true.
    pub state: &'a State,
    /// What was measured.
    pub readings: &'a Readings,
    /// The time by the run's own clock.
    pub now: Now,
    /// Whether an engine is alive.
    pub engine: bool,
}

impl Run<'_> {
    /// `running`, `held`, `interrupted`, `done`, `rolled back` or `aborted`.
    pub fn standing(&self) -> &'static str {
        match (self.state.stage, self.engine, &self.state.hold) {
            (Stage::Over(Ending::Done), _, _) => "done",
            (Stage::Over(Ending::RolledBack), _, _) => "rolled back",
            (Stage::Over(Ending::Aborted), _, _) => "aborted",
            (_, false, _) => "interrupted",
            (_, true, Some(_)) => "held",
            (_, true, None) => "running",
        }
    }

    fn phase(&self) -> Option<(usize, &Phase)> {
        let begun = self.state.phases.iter().rposition(|phase| phase.started.is_some())?;
        Some((begun, self.plan.phases.get(begun)?))
    }

    fn settled(&self, phase: &Phase) -> usize {
        let slots = phase.first..phase.first + phase.count;
        slots.filter(|slot| self.state.at_slot(*slot).is_some_and(StepState::is_settled)).count()
    }

    /// One line: what stands where, what it waits for, and what is wrong. Holds foreign text.
    pub fn line(&self) -> String {
        let mode = match self.state.run.as_ref().map(|run| run.mode) {
            Some(Mode::Live) => "LIVE".to_owned(),
            Some(Mode::Rehearsal { number, .. }) => format!("REHEARSAL {number}"),
            None => "NOT BEGUN".to_owned(),
        };
        let mut parts = vec![format!("{mode} {}: {}", self.plan.name, self.standing())];
        if !self.state.is_over() {
            if let Some(hold) = &self.state.hold {
                parts.push(hold.reason.clone());
            }
            if let Some((_, phase)) = self.phase() {
                let steps = counts::of_counted(self.settled(phase), phase.count, "step", "steps");
                parts.push(format!("{}, {steps}", phase.title));
            }
            parts.extend(
                self.state.open_gate().map(|(gate, _)| format!("{} asks for a decision", self.title(gate))),
            );
            let clocks = clocks(self.plan, self.state, self.now);
            if let Some(outage) = clocks.outage {
                let of = clocks.budget.map_or_else(String::new, |b| format!(" of {}", minutes(b)));
                parts.push(format!("read-only {}{of}", minutes(outage)));
            }
            let raised = self.state.raised_alarms();
            match raised.as_slice() {
                [] => {}
                [(_, only)] => parts.push(only.text.clone()),
                [(_, loudest), rest @ ..] => {
                    let others = counts::counted(rest.len() as u64, "more alarm", "more alarms");
                    parts.push(format!("{} and {others}", loudest.text));
                }
            }
            let operator = self.state.operator.as_ref();
            parts.push(operator.map_or("nobody has the keys".to_owned(), |o| format!("{} drives", o.name)));
        }
        parts.push(format!("#{}", self.state.seq));
        parts.join("; ")
    }

    fn title(&self, gate: &crate::plan::StepId) -> String {
        self.plan.step(gate).map_or_else(|| "the way back".to_owned(), |step| step.title.clone())
    }

    /// Everything that a program may want to know. Keys are added, never renamed; times are milliseconds since
    /// 1970, spans milliseconds, both by the run's own clock.
    pub fn document(&self) -> Value {
        let clocks = clocks(self.plan, self.state, self.now);
        let back = way_back(self.plan, self.state, self.readings, self.now);
        let run = self.state.run.as_ref();
        let rehearsal = run.and_then(|run| match run.mode {
            Mode::Rehearsal { number, .. } => Some(number),
            Mode::Live => None,
        });
        json!({
            "run": self.id,
            "plan": self.plan.name,
            "mode": run.map(|_| if rehearsal.is_some() { "rehearsal" } else { "live" }),
            "rehearsal": rehearsal,
            "standing": self.standing(),
            "record": self.state.seq,
            "now_ms": self.now.wall,
            "started_ms": self.state.started,
            "operator": self.state.operator.as_ref().map(|o| &o.name),
            "hold": self.state.hold.as_ref().map(|hold| json!({
                "reason": hold.reason, "by": hold.by, "since_ms": hold.since,
            })),
            "halted": self.state.halted,
            "phase": self.phase().map(|(_, phase)| json!({
                "id": phase.id, "title": phase.title, "settled": self.settled(phase), "steps": phase.count,
            })),
            "gate": self.state.open_gate().map(|(id, gate)| json!({
                "id": id,
                "title": self.title(id),
                "revision": gate.revision,
                "sheet": gate.sheet.as_ref().map(|sheet| sheet.number),
                "good": gate.sheet.as_ref().map(|sheet| sheet.lines.iter().filter(|line| line.verdict == crate::engine::reading::Verdict::Pass || line.waived.is_some()).count()),
                "of": gate.sheet.as_ref().map(|sheet| sheet.lines.len()),
            })),
            "steps": self.steps(),
            "alarms": self.state.raised_alarms().iter().map(|(id, alarm)| json!({
                "id": alarm_name(id),
                "severity": alarm.severity,
                "text": alarm.text,
                "raised_ms": alarm.raised,
                "answered_by": alarm.acknowledged.as_ref().map(|(by, _)| by),
            })).collect::<Vec<_>>(),
            "read_only_ms": clocks.outage.map(millis),
            "read_only_budget_ms": clocks.budget.map(millis),
            "window_left_ms": clocks.window_left.map(millis),
            "finish": match forecast(self.plan, self.state, self.readings, self.now) {
                Forecast::Finish { at, .. } => json!({ "at_ms": at }),
                Forecast::Unknown { because } => json!({ "unknown": because }),
                Forecast::Over => Value::Null,
            },
            "way_back": {
                "costs": match &back.cost {
                    Cost::Free => "free",
                    Cost::Lossless { .. } => "lossless",
                    Cost::Rows { .. } => "rows",
                    Cost::Everything { .. } => "everything",
                    Cost::Unknown { .. } => "unknown",
                    Cost::Closed { .. } => "closed",
                },
                "because": match &back.cost {
                    Cost::Unknown { because } | Cost::Closed { because } => Some(because),
                    Cost::Free | Cost::Lossless { .. } | Cost::Rows { .. } | Cost::Everything { .. } => None,
                },
                "takes_ms": back.takes.map(millis),
                "last_safe_ms": back.last_safe,
            },
        })
    }

    fn steps(&self) -> Vec<Value> {
        let all = self.state.steps.iter().enumerate();
        all.filter_map(|(slot, at)| {
            let step = self.plan.at_slot(slot)?;
            // The way back has its steps only once it is taken.
            let untouched = at.status == Status::Pending && self.plan.is_rollback_step(&step.id);
            (!untouched).then(|| {
                json!({
                    "id": step.id,
                    "phase": step.phase,
                    "title": step.title,
                    "status": steps::word(at),
                    "attempts": at.attempts,
                    "detail": at.detail,
                })
            })
        })
        .collect()
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn minutes(span: Duration) -> String {
    let seconds = span.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
