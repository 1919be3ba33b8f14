//! What the world is asked to do, as data. Effects follow from events, so nothing is set going that is not
//! on disk first; whoever performs them (`tasks`) finds the details in the plan.

use super::event::{AlarmId, Event, Leg};
use super::state::{LoadAsked, State};
use crate::plan::model::{Step, StepKind, Undo};
use crate::plan::{EndpointId, Plan, ProbeId, StepId};

/// What the world is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Do what a step says (its command, its statements, its fence …), or what takes it back.
    Perform {
        /// Which step.
        step: StepId,
        /// Which try.
        attempt: u32,
        /// Forward or back.
        leg: Leg,
    },
    /// Stop it: TERM, then KILL.
    Stop {
        /// Which step.
        step: StepId,
        /// Which try.
        attempt: u32,
        /// Forward or back.
        leg: Leg,
    },
    /// Measure something now rather than when its time comes.
    Measure {
        /// Which probe.
        probe: ProbeId,
    },
    /// Have a comparison go on otherwise.
    Load {
        /// Which.
        probe: ProbeId,
        /// With what it may ask of its servers from here on.
        load: LoadAsked,
    },
    /// Write down what a monitor holds still: from here on a change is a breach.
    TakeBaseline {
        /// Which monitor.
        probe: ProbeId,
    },
    /// End a session of the census.
    EndSession {
        /// On which side.
        endpoint: EndpointId,
        /// Which.
        session: String,
    },
    /// Tell people beside the screen.
    TellAlarm {
        /// Which alarm.
        alarm: AlarmId,
        /// What it says.
        text: String,
    },
    /// The run is over: finish what is open and go.
    Finish,
}

/// What an event sets going. `state` is the state after it.
pub fn effects(plan: &Plan, state: &State, event: &Event) -> Vec<Effect> {
    let mut all = direct(plan, state, event);
    all.extend(baselines(plan, state, event));
    all
}

/// Monitors that count since a step hold still what is there when it has finished. What has been written down
/// once stays: a step that is ticked again does not make good what has changed meanwhile.
fn baselines<'a>(plan: &'a Plan, state: &'a State, event: &'a Event) -> impl Iterator<Item = Effect> + 'a {
    let settled = match event {
        Event::StepEnded { step, .. }
        | Event::StepProved { step, .. }
        | Event::StepSettled { step, .. }
        | Event::StepSkipped { step, .. } => state.step(plan, step).filter(|s| s.is_settled()).map(|_| step),
        _ => None,
    };
    plan.probes
        .iter()
        .filter(move |p| settled.is_some() && p.since.as_ref() == settled)
        .filter(|p| p.kind.holds_still() && !state.baselines.contains_key(&p.id))
        .map(|p| Effect::TakeBaseline { probe: p.id.clone() })
}

fn direct(plan: &Plan, state: &State, event: &Event) -> Vec<Effect> {
    match event {
        Event::StepStarted { step, attempt, leg, .. } => started(plan, step, *attempt, *leg),
        Event::StepReopened { step, .. } => plan.step(step).map(looked_for).unwrap_or_default(),
        Event::StepEnded { step, leg: Leg::Forward, .. } => plan
            .step(step)
            .filter(|_| state.step(plan, step).is_some_and(super::state::StepState::is_proving))
            .map(looked_for)
            .unwrap_or_default(),
        Event::SessionEndAsked { endpoint, session, .. } => {
            vec![Effect::EndSession { endpoint: endpoint.clone(), session: session.clone() }]
        }
        Event::AlarmRaised { alarm, text, .. } if plan.alarm_notify.is_some() => {
            vec![Effect::TellAlarm { alarm: alarm.clone(), text: text.clone() }]
        }
        Event::RunFinished { .. } => vec![Effect::Finish],
        // Looks that were asked for died with the engine that asked.
        Event::EngineResumed { .. } => state
            .running
            .iter()
            .filter(|&&slot| state.at_slot(slot).is_some_and(super::state::StepState::is_proving))
            .filter_map(|&slot| plan.at_slot(slot))
            .flat_map(looked_for)
            .collect(),
        Event::RunStarted(_)
        | Event::OperatorArrived { .. }
        | Event::OperatorLost { .. }
        | Event::PhaseStarted { .. }
        | Event::PhaseFinished { .. }
        | Event::StepEnded { leg: Leg::Undo, .. }
        | Event::StepProved { .. }
        | Event::RetryPlanned { .. }
        | Event::StepSkipped { .. }
        | Event::StepSettled { .. }
        | Event::BaselineTaken { .. }
        | Event::VerdictChanged { .. }
        | Event::ZeroHeld { .. }
        | Event::ZeroLost { .. }
        | Event::FenceChanged { .. }
        | Event::SessionEnded { .. }
        | Event::AlarmRaised { .. }
        | Event::AlarmCleared { .. }
        | Event::AlarmAcknowledged { .. }
        | Event::GateOpened { .. }
        | Event::SheetDrawn { .. }
        | Event::SheetImproved { .. }
        | Event::Waived { .. }
        | Event::GateDecided { .. }
        | Event::Held { .. }
        | Event::Released { .. }
        | Event::RollbackAsked { .. }
        | Event::RollbackDropped { .. }
        | Event::RollbackStarted { .. }
        | Event::Aborted { .. }
        | Event::Noted { .. }
        | Event::Halted { .. } => Vec::new(),
        Event::StopAsked { step, attempt, leg, .. } => {
            vec![Effect::Stop { step: step.clone(), attempt: *attempt, leg: *leg }]
        }
        Event::MeasureAsked { probe, .. } => vec![Effect::Measure { probe: probe.clone() }],
        Event::LoadAsked { probe, .. } => {
            let load = state.loads.get(probe).copied().unwrap_or_default();
            vec![Effect::Load { probe: probe.clone(), load }]
        }
    }
}

fn started(plan: &Plan, step: &StepId, attempt: u32, leg: Leg) -> Vec<Effect> {
    let perform = || vec![Effect::Perform { step: step.clone(), attempt, leg }];
    let Some(it) = plan.step(step) else { return Vec::new() };
    match leg {
        Leg::Forward => match &it.kind {
            StepKind::Manual { .. } | StepKind::Gate(_) => Vec::new(),
            StepKind::Wait(_) | StepKind::Check(_) => looked_for(it),
            StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => perform(),
        },
        Leg::Undo => match &it.undo {
            None | Some(Undo::Manual { .. }) => Vec::new(),
            Some(Undo::Command(_) | Undo::Sql { .. } | Undo::Open { .. } | Undo::Lift { .. }) => perform(),
        },
    }
}

/// What a step in proof rests on, measured now rather than when its time comes: users may be waiting.
fn looked_for(step: &Step) -> Vec<Effect> {
    step.proofs().map(|probe| Effect::Measure { probe: probe.clone() }).collect()
}
