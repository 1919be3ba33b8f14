//! What means anything here and now, and why the rest does not: only what does stands in the last line, and the
//! palette says of the rest why it does not.

use crate::engine::reading::Verdict;
use crate::engine::rules::{people, steps};
use crate::engine::state::{Stage, Status, StepState, UndoStatus};
use crate::plan::model::{Start, Step, StepKind, Undo};
use crate::ui::actions::Action;

use super::cockpit::{Cockpit, Over, Seat, drives, mode_of, scene};
use super::compared;
use super::feed::Pulse;
use super::scene::Scene;
use super::views::Page;
use super::{alarms, freeze, gate};

impl Cockpit {
    /// Whether an action means anything here and now: only such stand in the last line and in the palette.
    pub(super) fn is_usable(&self, scene: &Scene<'_>, action: Action) -> bool {
        let held = scene.state.hold.is_some();
        let over = scene.state.is_over();
        let lost = matches!(scene.feed.contact.pulse(scene.now), Pulse::None(_));
        let has = |wants| self.step_for(scene, wants).is_some();
        if lost && NEED_ENGINE.contains(&action) {
            return false;
        }
        match action {
            Action::Open => self.selected().is_some() || self.desk.is_up(),
            Action::Resume if lost => !over && matches!(self.seat, Seat::Operator(_)),
            Action::TakeHelm => !scene.drives && !over && !self.only_watches,
            Action::Gate => self.desk.gate().is_some(),
            Action::ViewEnding => over,
            Action::Confirm => scene.drives && !over && has(Wants::Confirm),
            Action::Retry => scene.drives && !over && has(Wants::Retry),
            Action::Settle => scene.drives && !over && has(Wants::Settle),
            Action::Fail => scene.drives && !over && has(Wants::Fail),
            Action::Stop => scene.drives && !over && has(Wants::Stop),
            Action::Skip => scene.drives && !over && has(Wants::Skip),
            Action::Answer | Action::AnswerAll => {
                scene.drives && !over && !alarms::meant(scene, None).is_empty()
            }
            Action::Hold => scene.drives && !over && !held,
            Action::Resume => scene.drives && !over && held,
            Action::Rollback => scene.drives && scene.state.stage == Stage::Forward,
            Action::Abort => {
                scene.drives && scene.state.stage == Stage::Forward && scene.state.switched.is_none()
            }
            Action::NoGo => scene.drives && self.desk.gate().is_some(),
            Action::Go => scene.drives && self.can_read_the_gate(),
            Action::Waive => {
                scene.drives
                    && self.can_read_the_gate()
                    && scene.figures.evidence.iter().any(|e| !e.passes() && e.verdict != Verdict::Pass)
            }
            Action::EndSession => scene.drives && !over && self.session(scene).is_some(),
            Action::HoldComparison | Action::CompareFaster | Action::CompareSlower => {
                scene.drives && !over && compared::change(scene, self.selected().as_ref(), action).is_some()
            }
            Action::Measure | Action::Note => scene.drives && !over,
            _ => true,
        }
    }

    /// Whether the screen is large enough for what the open gate rests on.
    pub(super) fn can_read_the_gate(&self) -> bool {
        self.desk.gate().is_some_and(|gate| gate::is_large_enough(gate, self.screen))
    }

    /// Whether an action stands in the last line: leaving does where nothing else is left to do, ending a session
    /// where the sessions are.
    pub(super) fn is_offered(&self, scene: &Scene<'_>, action: Action) -> bool {
        let in_place = match action {
            Action::Quit => scene.state.is_over() || !scene.drives,
            Action::EndSession => self.page == Page::Freeze,
            // At a gate, while it is what is missing there.
            Action::Answer => {
                scene.figures.evidence.iter().any(|e| e.id.starts_with("alarm:") && !e.passes())
            }
            _ => true,
        };
        in_place && self.is_usable(scene, action)
    }

    /// Why an action means nothing here and now; `None` when it does.
    pub(super) fn why_unusable(&self, scene: &Scene<'_>, action: Action) -> Option<String> {
        (!self.is_usable(scene, action)).then(|| self.why_not(scene, action))
    }

    /// What the open palette says of each action is weighed again: it may stay open while the run goes on.
    pub(super) fn weigh_commands(&mut self) {
        let open = self.over.pop_if(|over| matches!(over, Over::Commands(_)));
        let Some(Over::Commands(mut commands)) = open else { return };
        if let Some(scene) = scene!(self) {
            commands.weigh(|action| self.why_unusable(&scene, action));
        }
        self.over.push(Over::Commands(commands));
    }

    /// Why an action that [`Cockpit::is_usable`] refuses means nothing here and now.
    pub(super) fn why_not(&self, scene: &Scene<'_>, action: Action) -> String {
        let any = |wants: Wants| {
            scene.plan.steps.iter().chain(scene.plan.rollback_steps()).enumerate().any(|(slot, step)| {
                scene.state.at_slot(slot).is_some_and(|at| wants.fits(scene, slot, step, at))
            })
        };
        let own = match action {
            Action::TakeHelm if scene.drives => Some("you have the helm"),
            Action::TakeHelm if self.only_watches => {
                Some("this cockpit only watches: `cutover run --resume RUN` takes part")
            }
            Action::Gate => Some("no gate is open"),
            Action::ViewEnding => Some("the run is not over yet"),
            _ => None,
        };
        if let Some(own) = own {
            return own.to_owned();
        }
        if scene.state.is_over() {
            return "the run is over".to_owned();
        }
        if matches!(scene.feed.contact.pulse(scene.now), Pulse::None(_)) {
            return "no engine listens".to_owned();
        }
        if !scene.drives {
            return self.who_has_the_keys();
        }
        let why = match action {
            Action::Confirm => "nothing waits for a confirmation",
            Action::Retry if any(Wants::Retry) => "select the failed step",
            Action::Retry => "nothing has failed",
            Action::Settle => "there is no step that nobody knows the end of",
            Action::Fail => "no manual step waits",
            Action::Stop => "nothing runs that could be stopped",
            Action::Skip if any(Wants::Skip) => "select the step that is to be skipped",
            Action::Skip => "no step that is left may be skipped: the plan says which may (skippable)",
            Action::Answer | Action::AnswerAll => "no alarm wants an answer",
            Action::Hold => "it is held already",
            Action::Resume => "it is not held",
            Action::Rollback => "the run is on its way back",
            Action::Abort if scene.state.switched.is_some() => {
                "users have been moved: only the way back ends it"
            }
            Action::Abort => "the run does not go forward any more",
            Action::NoGo => "no gate is open",
            Action::EndSession if freeze::sessions(scene).is_empty() => "no session is older than a fence",
            Action::EndSession => "select a session in the census: 4, then the arrows",
            Action::HoldComparison => "no comparison is under way, or select the one that is meant",
            Action::CompareFaster => "no comparison is under way, or it has as many connections as it may",
            Action::CompareSlower => "no comparison is under way, or it has one connection a side",
            Action::Measure => "select what is to be looked at",
            _ => "it means nothing here and now",
        };
        why.to_owned()
    }
}

/// What means nothing while no engine listens.
const NEED_ENGINE: [Action; 21] = [
    Action::Confirm,
    Action::Retry,
    Action::Answer,
    Action::AnswerAll,
    Action::Hold,
    Action::Go,
    Action::NoGo,
    Action::Waive,
    Action::Rollback,
    Action::Skip,
    Action::Abort,
    Action::Note,
    Action::Settle,
    Action::Fail,
    Action::Stop,
    Action::Measure,
    Action::HoldComparison,
    Action::CompareFaster,
    Action::CompareSlower,
    Action::EndSession,
    Action::TakeHelm,
];

/// Whether an action is for whoever drives, at any moment: whoever watches is told so, and the help leaves it out.
pub(super) fn is_for_the_driver(action: Action) -> bool {
    action == Action::Resume || (action != Action::TakeHelm && NEED_ENGINE.contains(&action))
}

/// What an action wants of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Confirm,
    Retry,
    Settle,
    Fail,
    Stop,
    Skip,
}

impl Wants {
    pub(super) fn fits(self, scene: &Scene<'_>, slot: usize, step: &Step, at: &StepState) -> bool {
        let manual = matches!(step.kind, StepKind::Manual { .. });
        let manual_undo = matches!(step.undo, Some(Undo::Manual { .. }));
        let asked =
            (at.status == Status::Running && manual) || (at.undo == UndoStatus::Running && manual_undo);
        match self {
            Wants::Confirm => {
                let startable = at.status == Status::Pending
                    && step.start == Start::Key
                    && people::may_start(scene.state).is_ok()
                    && steps::may_begin(scene.plan, scene.state, scene.readings, step, slot, scene.now)
                        .is_ok();
                asked || startable
            }
            Wants::Fail => asked,
            Wants::Retry => {
                at.undo == UndoStatus::Stuck || matches!(at.status, Status::Failed | Status::RetryAt(_))
            }
            Wants::Settle => {
                at.status == Status::Unknown || matches!(at.undo, UndoStatus::Unknown | UndoStatus::Stuck)
            }
            Wants::Stop => {
                let runs = matches!(at.status, Status::Running | Status::Proving)
                    && !manual
                    && step.gate().is_none();
                runs || at.undo == UndoStatus::Running
            }
            Wants::Skip => step.skippable && !matches!(at.status, Status::Done | Status::Skipped),
        }
    }
}
