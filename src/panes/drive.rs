//! What whoever has the keys can ask of a run, and which of it means anything here and now.

use crate::engine::event::AlarmId;
use crate::engine::input::Intent;
use crate::engine::reading::Verdict;
use crate::engine::rules::{people, steps};
use crate::engine::state::{Stage, Status, StepState, UndoStatus};
use crate::plan::StepId;
use crate::plan::model::{Start, Step, StepKind, Undo};
use crate::ui::actions::{Action, Context};

use super::alarms::wants_answer;
use super::cockpit::{Cockpit, Over, Seat, drives, mode_of, scene};
use super::detail::Detail;
use super::feed::Pulse;
use super::item::Item;
use super::prompt::{Ask, Prompt};
use super::request::Request;
use super::scene::Scene;
use super::standing::Call;
use super::views::Page;
use super::{document, freeze, gate};

impl Cockpit {
    /// What only whoever has the keys can ask for.
    pub(super) fn drive(&mut self, action: Action) -> Vec<Request> {
        let Some(scene) = scene!(self) else { return Vec::new() };
        match action {
            Action::Confirm => match self.step_for(&scene, Wants::Confirm) {
                Some((step, at)) if at.status == Status::Pending => {
                    return vec![Request::Intent(Intent::StartStep { step: step.id.clone() })];
                }
                Some((step, _)) => {
                    let ask = Ask::Confirm(step.id.clone());
                    self.ask(ask);
                }
                None => self.tell("nothing waits for a confirmation"),
            },
            Action::Retry => match self.step_for(&scene, Wants::Retry) {
                Some((step, _)) => return vec![Request::Intent(Intent::RetryStep { step: step.id.clone() })],
                None => self.tell("nothing has failed"),
            },
            Action::Answer => match self.alarm(&scene) {
                Some(alarm) => {
                    return vec![Request::Intent(Intent::AcknowledgeAlarm { alarm: Some(alarm) })];
                }
                None => self.tell("no alarm wants an answer"),
            },
            Action::AnswerAll => return vec![Request::Intent(Intent::AcknowledgeAlarm { alarm: None })],
            Action::Rollback => self.ask(Ask::Rollback),
            Action::Abort => self.ask(Ask::Abort),
            Action::Note => self.ask(Ask::Note),
            Action::Skip => self.ask_about(
                scene_step(self.step_for(&scene, Wants::Skip)),
                Ask::Skip,
                "select the step that is to be skipped",
            ),
            Action::Fail => self.ask_about(
                scene_step(self.step_for(&scene, Wants::Fail)),
                Ask::Fail,
                "no manual step waits",
            ),
            Action::Stop => self.ask_about(
                scene_step(self.step_for(&scene, Wants::Stop)),
                Ask::Stop,
                "nothing runs that could be stopped",
            ),
            Action::Settle => {
                let step = scene_step(self.step_for(&scene, Wants::Settle));
                self.ask_about(
                    step,
                    |step| Ask::Settle { step, happened: None },
                    "there is no step that nobody knows the end of",
                );
            }
            Action::Measure => match self.selected() {
                Some(Item::Probe(probe) | Item::Alarm(AlarmId::Probe(probe))) => {
                    return vec![Request::Intent(Intent::Measure { probe })];
                }
                _ => self.tell("select what is to be looked at"),
            },
            Action::EndSession => match self.session(&scene) {
                Some(ask) => self.ask(ask),
                None => self.tell("select a session in the census: 4, then the arrows"),
            },
            _ => {}
        }
        Vec::new()
    }

    fn ask_about(&mut self, step: Option<StepId>, ask: impl Fn(StepId) -> Ask, none: &str) {
        match step {
            Some(step) => self.ask(ask(step)),
            None => self.tell(none),
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.over.push(Over::Prompt(Prompt::new(ask)));
    }

    pub(super) fn tell(&mut self, text: &str) {
        self.notice = Some((Call::Advisory, text.to_owned()));
    }

    pub(super) fn watching(&mut self) {
        let who = self.feed.as_ref().and_then(|f| f.state.operator.as_ref()).map(|o| o.name.clone());
        self.tell(&match who {
            Some(who) => format!("you are watching: {who} has the keys"),
            None => "you are watching: nobody has the keys".to_owned(),
        });
    }

    pub(super) fn hold(&mut self) -> Vec<Request> {
        if !self.has_keys() {
            self.watching();
            return Vec::new();
        }
        if self.feed.as_ref().is_some_and(|feed| feed.state.hold.is_some()) {
            let key = self.keys.key_for(Context::Main, Action::Resume);
            let on = key.map_or_else(String::new, |key| format!(": {key} goes on"));
            self.tell(&format!("it is held already{on}"));
            return Vec::new();
        }
        self.desk.entry = None;
        vec![Request::Intent(Intent::Hold { reason: String::new() })]
    }

    pub(super) fn resume(&mut self) -> Vec<Request> {
        let Some(feed) = &self.feed else { return Vec::new() };
        if matches!(feed.contact.pulse(self.now), Pulse::None(_)) && matches!(self.seat, Seat::Operator(_)) {
            return vec![Request::Resume];
        }
        if !self.has_keys() {
            self.watching();
        } else if feed.state.hold.is_some() {
            return vec![Request::Intent(Intent::Release)];
        } else {
            self.tell("it is not held");
        }
        Vec::new()
    }

    pub(super) fn quit(&mut self) -> Vec<Request> {
        let asks = self.has_keys() && self.feed.as_ref().is_some_and(|feed| !feed.state.is_over());
        let gone = self.feed.as_ref().is_some_and(|f| matches!(f.contact.pulse(self.now), Pulse::None(_)));
        if !asks || gone {
            return vec![Request::Quit { held: false }];
        }
        if !matches!(self.over.last(), Some(Over::Quit)) {
            self.over.push(Over::Quit);
        }
        Vec::new()
    }

    pub(super) fn turn_to(&mut self, page: Page) -> Vec<Request> {
        self.page = page;
        self.over.retain(|over| matches!(over, Over::Prompt(_)));
        Vec::new()
    }

    /// Opens a detail, and asks for what stands in no journal.
    pub(super) fn open(&mut self, item: Item) -> Vec<Request> {
        let Some(scene) = scene!(self) else { return Vec::new() };
        let source = document::source(&scene, &item);
        self.over.push(Over::Detail(Detail::new(item)));
        source.into_iter().map(Request::Look).collect()
    }

    /// What is selected on the page that is open.
    pub(super) fn selected(&self) -> Option<Item> {
        let scene = scene!(self)?;
        match self.page {
            Page::Main => self.main.selected(&scene),
            page => {
                let content = super::views::content(scene, page);
                content.item(self.lists.get(&page)?.selected(content.len)?)
            }
        }
    }

    /// The step that an action means: the selected one, else the first that it fits.
    fn step_for<'a>(&self, scene: &Scene<'a>, wants: Wants) -> Option<(&'a Step, &'a StepState)> {
        let fits = |slot: usize| {
            let found = scene.plan.at_slot(slot).zip(scene.state.at_slot(slot))?;
            wants.fits(scene, slot, found.0, found.1).then_some(found)
        };
        if let Some(Item::Step(id)) = self.main.chosen() {
            return scene.plan.slot(id).and_then(fits);
        }
        // Nothing that is done for good is meant by nobody's choice.
        if wants == Wants::Skip {
            return None;
        }
        let ready = (scene.state.first_open..scene.state.steps.len()).take(64);
        scene.figures.telling.iter().copied().chain(ready).find_map(fits)
    }

    fn alarm(&self, scene: &Scene<'_>) -> Option<AlarmId> {
        if let Some(Item::Alarm(id)) = self.main.chosen() {
            return Some(id.clone());
        }
        scene
            .state
            .raised_alarms()
            .into_iter()
            .find(|(_, alarm)| wants_answer(alarm))
            .map(|(id, _)| id.clone())
    }

    fn session(&self, scene: &Scene<'_>) -> Option<Ask> {
        let Some(Item::Session(endpoint, id)) = self.selected() else { return None };
        let (_, session) =
            freeze::sessions(scene).into_iter().find(|(e, s)| **e == endpoint && s.id == id)?;
        Some(Ask::EndSession { endpoint, session: id, application: session.application.clone() })
    }

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
            Action::Resume if lost => matches!(self.seat, Seat::Operator(_)),
            Action::TakeHelm => !scene.drives && !over,
            Action::Gate => self.desk.gate().is_some(),
            Action::ViewEnding => over,
            Action::Confirm => scene.drives && !over && has(Wants::Confirm),
            Action::Retry => scene.drives && !over && has(Wants::Retry),
            Action::Settle => scene.drives && !over && has(Wants::Settle),
            Action::Fail => scene.drives && !over && has(Wants::Fail),
            Action::Stop => scene.drives && !over && has(Wants::Stop),
            Action::Skip => scene.drives && !over && has(Wants::Skip),
            Action::Answer | Action::AnswerAll => scene.drives && self.alarm(scene).is_some(),
            Action::Hold => scene.drives && !over && !held,
            Action::Resume => scene.drives && !over && held,
            Action::Rollback => scene.drives && scene.state.stage == Stage::Forward,
            Action::Abort => {
                scene.drives && scene.state.stage == Stage::Forward && scene.state.switched.is_none()
            }
            Action::NoGo => scene.drives && self.desk.gate().is_some(),
            Action::Go => scene.drives && gate::is_large_enough(self.screen),
            Action::Waive => {
                scene.drives
                    && gate::is_large_enough(self.screen)
                    && scene.figures.evidence.iter().any(|e| !e.passes() && e.verdict != Verdict::Pass)
            }
            Action::EndSession => {
                scene.drives && self.page == Page::Freeze && !freeze::sessions(scene).is_empty()
            }
            Action::Measure | Action::Note => scene.drives && !over,
            _ => true,
        }
    }
}

/// What means nothing while no engine listens.
const NEED_ENGINE: [Action; 18] = [
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
    Action::EndSession,
    Action::TakeHelm,
];

/// What an action wants of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Confirm,
    Retry,
    Settle,
    Fail,
    Stop,
    Skip,
}

impl Wants {
    fn fits(self, scene: &Scene<'_>, slot: usize, step: &Step, at: &StepState) -> bool {
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

fn scene_step(found: Option<(&Step, &StepState)>) -> Option<StepId> {
    found.map(|(step, _)| step.id.clone())
}
