//! The fold: one event at a time. No wildcard arms, no clock, no failure.

use std::time::Duration;

use super::event::{AlarmId, Decision, Event, HoldCause, Leg, Outcome};
use super::reading::{FenceState, Verdict};
use super::state::{
    Alarm, At, Decided, GateState, Hold, Operator, Outage, ROLLBACK_GATE, Recorded, Sheet, Side, Stage,
    State, Status, StepState, UndoStatus, Waiver, Zero,
};
use crate::plan::model::{Step, StepKind};
use crate::plan::{EndpointId, Plan, ProbeId, StepId};

impl State {
    /// Takes an event in. `at` is when, and as which record, it was recorded.
    pub fn apply(&mut self, plan: &Plan, at: At, event: &Event) {
        self.pass_time(plan, at);
        self.seq = at.seq;
        self.last = Some(at);
        match event {
            Event::RunStarted(run) => {
                self.started = Some(at.wall);
                self.operator = Some(Operator {
                    name: run.operator.clone(),
                    account: run.account.clone(),
                    since: at.wall,
                });
                self.run = Some((**run).clone());
            }
            Event::EngineResumed { .. } => {
                self.operator = None;
                self.taken_up = Some(at);
                self.halted = None;
                self.verdicts.clear();
                self.zeros.clear();
                self.looks.clear();
                for side in self.sides.values_mut() {
                    side.proved = None;
                }
                // Nothing has been looked at since, and another boot counts from its own beginning.
                for step in &mut self.steps {
                    step.asked = None;
                }
            }
            Event::OperatorArrived { name, account, .. } => {
                self.operator =
                    Some(Operator { name: name.clone(), account: account.clone(), since: at.wall });
                self.taken_up = None;
            }
            Event::OperatorLost { .. } => self.operator = None,
            Event::PhaseStarted { phase } => {
                if let Some(i) = plan.phases.iter().position(|p| p.id == *phase) {
                    if let Some(state) = self.phases.get_mut(i) {
                        state.started = Some(at.wall);
                    }
                    if plan.phases.get(i).is_some_and(|p| p.t0) {
                        self.t0 = Some(at.wall);
                        self.held_since_t0 = Duration::ZERO;
                    }
                }
            }
            Event::PhaseFinished { phase } => {
                if let Some(i) = plan.phases.iter().position(|p| p.id == *phase)
                    && let Some(state) = self.phases.get_mut(i)
                {
                    state.finished = Some(at.wall);
                }
            }
            Event::StepStarted { step, attempt, leg, by } => {
                self.start(plan, at, step, *attempt, *leg, by.as_ref());
            }
            Event::StepEnded { step, attempt, leg, outcome, detail, output, by } => {
                if let Some(state) = self.step_mut(plan, step).filter(|s| s.attempts == *attempt) {
                    state.detail.clone_from(detail);
                    state.output.clone_from(output);
                    state.by.clone_from(by);
                    state.stopping = false;
                    state.ended = Some(at);
                    self.end(plan, at, step, *leg, *outcome);
                }
            }
            Event::StepProved { step, evidence } => {
                if let Some(state) = self.step_mut(plan, step) {
                    state.detail.clone_from(evidence);
                    state.ended = Some(at);
                    state.reopened = None;
                }
                self.settle(plan, step, Status::Done);
                if let Some(StepKind::Fence(fence)) = plan.step(step).map(|s| &s.kind)
                    && let Some(side) = self.sides.get_mut(&fence.target.endpoint)
                {
                    side.proved = Some(at.boot);
                }
            }
            Event::StepReopened { step, because } => self.reopen(plan, step, because),
            Event::StopAsked { step, .. } => {
                if let Some(state) = self.step_mut(plan, step) {
                    state.stopping = true;
                }
            }
            Event::MeasureAsked { probe, .. } => {
                self.looks.insert(probe.clone(), at.boot);
            }
            Event::LoadAsked { probe, change, .. } => {
                self.loads.entry(probe.clone()).or_default().take(*change);
            }
            Event::RetryPlanned { step, after_ms } => {
                let when = at.boot.plus(Duration::from_millis(*after_ms));
                if let Some(state) = self.step_mut(plan, step) {
                    state.status = Status::RetryAt(when);
                    state.retried += 1;
                }
            }
            Event::StepSkipped { step, by, reason } => {
                if let Some(state) = self.step_mut(plan, step) {
                    state.by = Some(by.clone());
                    state.detail.clone_from(reason);
                    state.ended = Some(at);
                    state.reopened = None;
                }
                self.settle(plan, step, Status::Skipped);
            }
            Event::StepSettled { step, leg, happened, by, reason } => {
                if let Some(state) = self.step_mut(plan, step) {
                    state.by = Some(by.clone());
                    state.detail.clone_from(reason);
                    state.ended = Some(at);
                }
                let outcome = if *happened { Outcome::Done } else { Outcome::Failed { code: None } };
                self.end(plan, at, step, *leg, outcome);
            }
            Event::BaselineTaken { probe, digest, .. } => {
                self.baselines.insert(probe.clone(), digest.clone());
            }
            Event::VerdictChanged { probe, verdict, text, finding } => {
                self.verdicts.insert(
                    probe.clone(),
                    Recorded {
                        verdict: *verdict,
                        text: text.clone(),
                        since: at.wall,
                        finding: finding.clone(),
                    },
                );
                if *verdict == Verdict::Pass {
                    self.prove_side_again(plan, at, probe);
                }
            }
            Event::ZeroHeld { link, position, marker, .. } => {
                self.zeros.insert(
                    link.clone(),
                    Zero { position: position.clone(), at: at.wall, marker: marker.clone() },
                );
            }
            Event::ZeroLost { link, .. } => {
                self.zeros.remove(link);
            }
            Event::FenceChanged { endpoint, state, position, at: when } => {
                let side = Side { state: *state, since: *when, position: position.clone(), proved: None };
                self.sides.insert(endpoint.clone(), side);
                self.count_outage(plan, endpoint, *state, *when);
            }
            Event::SessionEndAsked { .. }
            | Event::SessionEnded { .. }
            | Event::RollbackAsked { .. }
            | Event::Noted { .. } => {}
            Event::AlarmRaised { alarm, severity, text } => self.raise(at, alarm, *severity, text),
            Event::AlarmCleared { alarm } => {
                if let Some(it) = self.alarms.get_mut(alarm) {
                    it.cleared = Some(at.wall);
                }
            }
            Event::AlarmAcknowledged { alarm, by } => {
                if let Some(it) = self.alarms.get_mut(alarm) {
                    it.acknowledged = Some((by.clone(), at.wall));
                }
            }
            Event::GateOpened { gate, revision } => {
                let state = self.gates.entry(gate.clone()).or_default();
                *state = GateState {
                    revision: *revision,
                    open: true,
                    opened: Some(at.wall),
                    sheet: None,
                    decided: state.decided.take(),
                    waivers: Vec::new(),
                };
                if let Some(slot) = plan.slot(gate) {
                    self.running.insert(slot);
                    if let Some(step) = self.steps.get_mut(slot) {
                        step.status = Status::Running;
                        step.started.get_or_insert(at);
                    }
                }
            }
            Event::SheetDrawn { gate, sheet, digest, lines } => {
                if let Some(state) = self.gates.get_mut(gate) {
                    state.sheet = Some(Sheet {
                        number: *sheet,
                        digest: digest.clone(),
                        earlier: Vec::new(),
                        lines: lines.clone(),
                    });
                }
            }
            Event::SheetImproved { gate, digest, lines, .. } => {
                if let Some(sheet) = self.gates.get_mut(gate).and_then(|g| g.sheet.as_mut()) {
                    let before = std::mem::replace(&mut sheet.digest, digest.clone());
                    sheet.earlier.push(before);
                    sheet.lines.clone_from(lines);
                }
            }
            Event::Waived { gate, evidence, finding, by, reason } => {
                if let Some(state) = self.gates.get_mut(gate) {
                    state.waivers.retain(|w| w.evidence != *evidence);
                    state.waivers.push(Waiver {
                        evidence: evidence.clone(),
                        finding: finding.clone(),
                        by: by.clone(),
                        reason: reason.clone(),
                        at: at.wall,
                    });
                }
            }
            Event::GateDecided { gate, decision, by, reason, sheet, digest, .. } => {
                if let Some(state) = self.gates.get_mut(gate) {
                    state.open = false;
                    state.decided = Some(Decided {
                        decision: *decision,
                        by: by.clone(),
                        at: at.wall,
                        reason: reason.clone(),
                        sheet: (*sheet, digest.clone()),
                    });
                }
                self.gate_answered(plan, at, gate, *decision, by);
            }
            Event::Held { cause, by, reason } => {
                self.hold =
                    Some(Hold { cause: *cause, reason: reason.clone(), by: by.clone(), since: at.wall });
            }
            Event::Released { .. } => self.hold = None,
            Event::RollbackDropped { .. } => {
                if let Some(gate) = self.gates.get_mut(ROLLBACK_GATE) {
                    gate.open = false;
                }
            }
            Event::RollbackStarted { way, .. } => {
                self.stage = Stage::Back(*way);
                self.hold = None;
                for gate in self.gates.values_mut() {
                    gate.open = false;
                }
                self.leave_forward(plan);
            }
            Event::Aborted { .. } => {
                self.stage = Stage::Aborting;
                self.hold = None;
                self.leave_forward(plan);
                for gate in self.gates.values_mut() {
                    gate.open = false;
                }
            }
            Event::RunFinished { ending } => {
                self.stage = Stage::Over(*ending);
                self.hold = None;
                self.running.clear();
            }
            Event::Halted { cause } => self.halted = Some(cause.clone()),
        }
    }

    /// What the passing of time since the last record adds up to. State changes only with records, so
    /// what was true after the last one was true all the while.
    fn pass_time(&mut self, plan: &Plan, at: At) {
        let Some(last) = self.last else { return };
        let passed = if at.boot >= last.boot { at.boot.since(last.boot) } else { at.wall.since(last.wall) };
        if self.t0.is_some() && self.hold.is_some() {
            self.held_since_t0 += passed;
        }
        if self.outage().is_some()
            && self.waits_for_person(plan)
            && let Some(outage) = self.outages.last_mut()
        {
            outage.human += passed;
        }
    }

    fn step_mut(&mut self, plan: &Plan, id: &StepId) -> Option<&mut StepState> {
        self.steps.get_mut(plan.slot(id)?)
    }

    fn start(&mut self, plan: &Plan, at: At, id: &StepId, attempt: u32, leg: Leg, by: Option<&String>) {
        let Some((slot, step)) = plan.slot(id).zip(plan.step(id)) else { return };
        let Some(state) = self.steps.get_mut(slot) else { return };
        state.attempts = attempt;
        state.started = Some(at);
        state.asked = Some(at.boot);
        state.ended = None;
        state.by = by.cloned();
        state.stopping = false;
        match leg {
            Leg::Forward => {
                state.status = match step.kind {
                    StepKind::Wait(_) | StepKind::Check(_) => Status::Proving,
                    StepKind::Manual { .. }
                    | StepKind::Command(_)
                    | StepKind::Sql { .. }
                    | StepKind::Gate(_)
                    | StepKind::Fence(_)
                    | StepKind::Open { .. }
                    | StepKind::Carry(_)
                    | StepKind::Freeze(_)
                    | StepKind::Notify(_) => Status::Running,
                };
                if step.switch {
                    self.switched.get_or_insert(at.wall);
                }
                if step.point_of_no_return {
                    self.no_return.get_or_insert(at.wall);
                }
            }
            Leg::Undo => state.undo = UndoStatus::Running,
        }
        self.running.insert(slot);
    }

    fn end(&mut self, plan: &Plan, at: At, id: &StepId, leg: Leg, outcome: Outcome) {
        let Some((slot, step)) = plan.slot(id).zip(plan.step(id)) else { return };
        match leg {
            Leg::Forward => {
                let must_prove = step.proof.is_some() || matches!(step.kind, StepKind::Fence(_));
                match Status::from(outcome) {
                    Status::Done if must_prove => {
                        if let Some(state) = self.steps.get_mut(slot) {
                            state.status = Status::Proving;
                            state.asked = Some(at.boot);
                        }
                        self.running.insert(slot);
                    }
                    status @ (Status::Done
                    | Status::Pending
                    | Status::Running
                    | Status::Proving
                    | Status::Failed
                    | Status::RetryAt(_)
                    | Status::Unknown
                    | Status::Skipped) => self.settle(plan, id, status),
                }
                // A command that was stopped by an undo or abort keeps its record; whether the switch
                // happened is settled by its outcome, and only "never launched" says that it did not.
                if step.switch && outcome == Outcome::NotStarted && self.switched == self.started_at(slot) {
                    self.switched = None;
                }
            }
            Leg::Undo => {
                if let Some(state) = self.steps.get_mut(slot) {
                    state.undo = match outcome {
                        Outcome::Done => UndoStatus::Done,
                        Outcome::Failed { .. } | Outcome::NotStarted => UndoStatus::Stuck,
                        Outcome::TimedOut | Outcome::Stopped | Outcome::Unknown => UndoStatus::Unknown,
                    };
                    state.ended = Some(at);
                }
                self.running.remove(&slot);
            }
        }
    }

    fn started_at(&self, slot: usize) -> Option<crate::clock::Timestamp> {
        self.steps.get(slot)?.started.map(|at| at.wall)
    }

    fn settle(&mut self, plan: &Plan, id: &StepId, status: Status) {
        let Some((slot, step)) = plan.slot(id).zip(plan.step(id)) else { return };
        if let Some(state) = self.steps.get_mut(slot) {
            state.status = status;
        }
        self.running.remove(&slot);
        self.reopened.remove(&slot);
        match status {
            Status::Done | Status::Skipped => {
                self.finished.retain(|&s| s != slot);
                self.finished.push(slot);
                if step.is_sensed()
                    && status == Status::Done
                    && self.steps.get(slot).is_some_and(|s| !s.latched)
                {
                    self.watched.insert(slot);
                }
                self.latch(plan, id);
            }
            Status::Pending
            | Status::Running
            | Status::Proving
            | Status::Failed
            | Status::RetryAt(_)
            | Status::Unknown => {}
        }
        while self.steps.get(self.first_open).is_some_and(StepState::is_settled) {
            self.first_open += 1;
        }
    }

    /// The checklist is left: nobody is asked and nothing is waited for any more. What has an effect under
    /// way keeps its place until it has ended.
    fn leave_forward(&mut self, plan: &Plan) {
        for slot in std::mem::take(&mut self.running) {
            let Some((step, at)) = plan.at_slot(slot).zip(self.steps.get_mut(slot)) else { continue };
            match at.status {
                Status::Running if step.has_effect() => {
                    self.running.insert(slot);
                }
                Status::Running => at.status = Status::Pending,
                Status::Proving if !step.has_effect() => at.status = Status::Pending,
                Status::Pending
                | Status::Proving
                | Status::Done
                | Status::Failed
                | Status::RetryAt(_)
                | Status::Unknown
                | Status::Skipped => {}
            }
        }
        self.reopened.clear();
        self.watched.clear();
    }

    /// What had to hold until this step has finished, need not hold any more.
    fn latch(&mut self, plan: &Plan, finished: &StepId) {
        let over: Vec<usize> = self
            .watched
            .iter()
            .chain(&self.reopened)
            .copied()
            .filter(|&slot| plan.at_slot(slot).is_some_and(|s| s.holds_until.as_ref() == Some(finished)))
            .collect();
        for slot in over {
            self.watched.remove(&slot);
            if let Some(state) = self.steps.get_mut(slot) {
                state.latched = true;
            }
            // A step that ran already when this one was opened again has gone on from it all the same. Left open it
            // would wait for what may never be true again, and everything after it with it.
            if self.reopened.contains(&slot)
                && let Some(step) = plan.at_slot(slot)
            {
                if let Some(state) = self.steps.get_mut(slot) {
                    state.reopened = None;
                }
                self.settle(plan, &step.id, Status::Done);
            }
        }
    }

    /// A fence whose step stayed ticked over a resume is proved by the first good look after it: the step will not
    /// be ticked again, and nothing could ever be caught up behind a side that is not proved.
    fn prove_side_again(&mut self, plan: &Plan, at: At, probe: &ProbeId) {
        let ticked = |step: &Step| self.step(plan, &step.id).is_some_and(|s| s.status == Status::Done);
        let target = plan.steps.iter().chain(plan.rollback_steps()).find_map(|step| match &step.kind {
            StepKind::Fence(fence) if fence.probe == *probe && ticked(step) => Some(&fence.target.endpoint),
            _ => None,
        });
        if let Some(side) = target.and_then(|endpoint| self.sides.get_mut(endpoint)) {
            side.proved.get_or_insert(at.boot);
        }
    }

    fn reopen(&mut self, plan: &Plan, id: &StepId, because: &str) {
        let Some((slot, step)) = plan.slot(id).zip(plan.step(id)) else { return };
        if let Some(state) = self.steps.get_mut(slot) {
            state.status = Status::Proving;
            state.reopened = Some(because.to_owned());
            state.asked = self.last.map(|at| at.boot);
        }
        self.first_open = self.first_open.min(slot);
        self.finished.retain(|&s| s != slot);
        self.watched.remove(&slot);
        self.reopened.insert(slot);
        self.running.insert(slot);
        if let StepKind::Fence(fence) = &step.kind
            && let Some(side) = self.sides.get_mut(&fence.target.endpoint)
        {
            side.proved = None;
        }
    }

    /// Users have no writes from the moment at which no side takes them until one does.
    fn count_outage(
        &mut self,
        plan: &Plan,
        endpoint: &EndpointId,
        state: FenceState,
        when: crate::clock::Timestamp,
    ) {
        let open = state == FenceState::Open;
        let other_open = plan.fenced_sides().any(|e| e != endpoint && self.takes_writes(plan, e));
        match self.outages.last_mut().filter(|o| o.to.is_none()) {
            Some(running) if open => running.to = Some(when),
            None if !open && !other_open => {
                self.outages.push(Outage { from: when, to: None, human: Duration::ZERO });
            }
            Some(_) | None => {}
        }
    }

    fn raise(&mut self, at: At, id: &AlarmId, severity: crate::plan::model::Severity, text: &str) {
        let alarm = self.alarms.entry(id.clone()).or_insert_with(|| Alarm {
            severity,
            text: text.to_owned(),
            raised: at.wall,
            cleared: None,
            acknowledged: None,
            count: 0,
        });
        // Raised anew after it was clear, louder than what was acknowledged, or of another change: it asks again.
        if alarm.cleared.take().is_some() || severity > alarm.severity || alarm.acknowledged.is_some() {
            alarm.raised = at.wall;
            alarm.acknowledged = None;
        }
        alarm.severity = severity;
        text.clone_into(&mut alarm.text);
        alarm.count += 1;
    }

    fn gate_answered(&mut self, plan: &Plan, at: At, gate: &StepId, decision: Decision, by: &str) {
        match decision {
            Decision::Go => {
                if let Some(state) = self.step_mut(plan, gate) {
                    state.by = Some(by.to_owned());
                    state.ended = Some(at);
                    self.settle(plan, gate, Status::Done);
                }
            }
            Decision::NoGo => {
                if let Some(slot) = plan.slot(gate) {
                    self.running.remove(&slot);
                }
            }
        }
    }
}

impl Recorded {
    /// Whether it stands for something measured and good.
    pub fn is_good(&self) -> bool {
        self.verdict == Verdict::Pass
    }
}

impl Hold {
    /// Whether a NO-GO put it there: released, the gate asks again.
    pub fn is_no_go(&self) -> bool {
        self.cause == HoldCause::NoGo
    }
}
