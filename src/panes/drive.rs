//! What whoever has the keys can ask of a run. Which of it means anything here and now: `usable`.

use crate::clock::Boot;
use crate::engine::event::AlarmId;
use crate::engine::input::Intent;
use crate::engine::state::{Status, StepState, UndoStatus};
use crate::plan::StepId;
use crate::plan::model::Step;
use crate::ui::actions::{Action, Context};

use super::alarms;
use super::cockpit::{Cockpit, Over, Seat, drives, mode_of, scene};
use super::compared;
use super::detail::Detail;
use super::feed::Pulse;
use super::item::Item;
use super::prompt::{Ask, Prompt};
use super::request::{Request, Source};
use super::scene::Scene;
use super::standing::Call;
use super::usable::Wants;
use super::views::Page;
use super::{document, freeze};

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
                None => self.refuse(action),
            },
            Action::Retry => match self.step_for(&scene, Wants::Retry) {
                Some((step, _)) => return vec![Request::Intent(Intent::RetryStep { step: step.id.clone() })],
                None => self.refuse(action),
            },
            Action::Answer => {
                let meant = alarms::meant(&scene, self.main.chosen());
                let answer =
                    |id: &AlarmId| Request::Intent(Intent::AcknowledgeAlarm { alarm: Some(id.clone()) });
                let requests = meant.iter().map(|(id, _)| answer(id)).collect();
                match (self.main.chosen(), meant.first()) {
                    (_, None) => self.refuse(action),
                    // The one under the cursor wants no answer: whoever presses on works the others off.
                    (Some(Item::Alarm(chosen)), Some((id, alarm))) if chosen != *id => {
                        self.tell(&format!("that one wants no answer; answered instead: {}", alarm.text));
                    }
                    _ => {}
                }
                return requests;
            }
            Action::AnswerAll => return vec![Request::Intent(Intent::AcknowledgeAlarm { alarm: None })],
            Action::Rollback => self.ask(Ask::Rollback),
            Action::Abort => self.ask(Ask::Abort),
            Action::Note => self.ask(Ask::Note),
            Action::Settle => match self.step_for(&scene, Wants::Settle) {
                Some((step, at)) => {
                    let undo = at.undo == UndoStatus::Unknown;
                    let ask = Ask::Settle { step: step.id.clone(), undo, happened: None };
                    self.ask(ask);
                }
                None => self.refuse(action),
            },
            Action::Skip | Action::Fail | Action::Stop => {
                let (wants, ask): (Wants, fn(StepId) -> Ask) = match action {
                    Action::Skip => (Wants::Skip, Ask::Skip),
                    Action::Fail => (Wants::Fail, Ask::Fail),
                    _ => (Wants::Stop, Ask::Stop),
                };
                match self.step_for(&scene, wants) {
                    Some((step, _)) => self.ask(ask(step.id.clone())),
                    None => self.refuse(action),
                }
            }
            Action::Measure => match self.selected() {
                Some(Item::Probe(probe) | Item::Alarm(AlarmId::Probe(probe))) => {
                    return vec![Request::Intent(Intent::Measure { probe })];
                }
                _ => self.refuse(action),
            },
            Action::HoldComparison | Action::CompareFaster | Action::CompareSlower => {
                match compared::change(&scene, self.selected().as_ref(), action) {
                    Some((probe, change)) => return vec![Request::Intent(Intent::Load { probe, change })],
                    None => self.refuse(action),
                }
            }
            Action::EndSession => match self.session(&scene) {
                Some(ask) => self.ask(ask),
                None => self.refuse(action),
            },
            _ => {}
        }
        Vec::new()
    }

    /// Says why an action means nothing here and now.
    pub(super) fn refuse(&mut self, action: Action) {
        let Some(scene) = scene!(self) else { return };
        let why = self.why_not(&scene, action);
        self.tell(&why);
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.over.push(Over::Prompt(Prompt::new(ask)));
    }

    pub(super) fn tell(&mut self, text: &str) {
        self.notice = Some((Call::Advisory, text.to_owned()));
    }

    pub(super) fn watching(&mut self) {
        let who = self.who_has_the_keys();
        self.tell(&who);
    }

    /// Why whoever watches changes nothing.
    pub(super) fn who_has_the_keys(&self) -> String {
        let operator = self.feed.as_ref().and_then(|feed| feed.state.operator.as_ref());
        let who = operator.map_or("nobody", |operator| operator.name.as_str());
        format!("you are watching: {who} has the keys")
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
        let gone = matches!(feed.contact.pulse(self.now), Pulse::None(_)) && !feed.state.is_over();
        if gone && matches!(self.seat, Seat::Operator(_)) {
            return vec![Request::Resume];
        }
        if !self.has_keys() {
            self.watching();
        } else if feed.state.hold.is_some() && !feed.state.is_over() {
            return vec![Request::Intent(Intent::Release)];
        } else {
            self.refuse(Action::Resume);
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
        // Whoever goes elsewhere looks around; coming back, the gate is read anew.
        if page != Page::Main && self.desk.is_up() {
            self.desk.look_around(true);
        }
        self.page = page;
        self.over.retain(|over| matches!(over, Over::Prompt(_)));
        Vec::new()
    }

    /// Opens a detail, and asks for what stands in no journal.
    pub(super) fn open(&mut self, item: Item) -> Vec<Request> {
        let Some(scene) = scene!(self) else { return Vec::new() };
        let source = document::source(&scene, &item);
        let of = source.as_ref().and_then(|source| last_look(&scene, source));
        self.over.push(Over::Detail(Detail::new(item, of)));
        source.into_iter().map(Request::Look).collect()
    }

    /// Asks anew for the answer of what is open, where there has been another look since: what stands below is not
    /// older than what stands above.
    pub(super) fn looks_again(&mut self) -> Option<Request> {
        let scene = scene!(self)?;
        let Some(Over::Detail(detail)) = self.over.last_mut() else { return None };
        let source = document::source(&scene, &detail.item)?;
        let last = last_look(&scene, &source)?;
        (detail.of.replace(last) != Some(last)).then_some(Request::Look(source))
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
    pub(super) fn step_for<'a>(&self, scene: &Scene<'a>, wants: Wants) -> Option<(&'a Step, &'a StepState)> {
        let fits = |slot: usize| {
            let found = scene.plan.at_slot(slot).zip(scene.state.at_slot(slot))?;
            wants.fits(scene, slot, found.0, found.1).then_some(found)
        };
        if let Some(Item::Step(id)) = self.main.chosen() {
            let chosen = scene.plan.slot(id).and_then(fits);
            let only = || {
                let mut all = scene.figures.telling.iter().copied().filter_map(fits);
                all.next().filter(|_| all.next().is_none())
            };
            // What has failed is meant wherever the cursor stands, where it is the only one.
            return if wants == Wants::Retry { chosen.or_else(only) } else { chosen };
        }
        // Nothing that is done for good is meant by nobody's choice.
        if wants == Wants::Skip {
            return None;
        }
        let ready = (scene.state.first_open..scene.state.steps.len()).take(64);
        scene.figures.telling.iter().copied().chain(ready).find_map(fits)
    }

    /// The session that is selected, or the only one there is.
    pub(super) fn session(&self, scene: &Scene<'_>) -> Option<Ask> {
        let sessions = freeze::sessions(scene);
        let (endpoint, session) = match (self.selected(), sessions.as_slice()) {
            (Some(Item::Session(endpoint, id)), all) => {
                all.iter().find(|(e, s)| **e == endpoint && s.id == id)?
            }
            (_, [only]) => only,
            (_, _) => return None,
        };
        Some(Ask::EndSession {
            endpoint: (*endpoint).clone(),
            session: session.id.clone(),
            application: session.application.clone(),
        })
    }
}

/// When a probe was looked at last.
fn last_look(scene: &Scene<'_>, source: &Source) -> Option<Boot> {
    let Source::Probe(probe) = source else { return None };
    Some(scene.readings.track(probe)?.last.as_ref()?.boot)
}
