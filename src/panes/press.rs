//! What keys do, by where they are pressed. A key is looked up in the one table; what it asks for is done here,
//! or becomes a request. At a gate: `at_gate`; what needs the keys of the run: `drive`; moving about: `roam`.

use crate::ui::actions::{Action, Context};
use crate::ui::input::{Event, KeyPress};
use crate::ui::widgets::{Field, Move};
use crate::ui::{Mouse, MouseAction};

use super::cockpit::{Cockpit, Over, drives, mode_of, scene};
use super::commands::{Command, Commands};
use super::gate::Fault;
use super::help::Help;
use super::item::Item;
use super::prompt::Ask;
use super::request::Request;
use super::scene::Scene;
use super::views::Page;
use super::{document, update};

impl Cockpit {
    /// Something happened at the terminal.
    pub fn on_event(&mut self, event: &Event) -> Vec<Request> {
        self.touch();
        match event {
            Event::Key(press) => self.on_key(*press),
            Event::Paste(text) => {
                self.on_paste(text);
                Vec::new()
            }
            // Whoever was away has not seen what changed meanwhile.
            Event::Focus(false) | Event::Resumed => {
                self.desk.disarm();
                Vec::new()
            }
            Event::Mouse(Mouse { action, .. }) => {
                match action {
                    MouseAction::WheelUp => self.go(Move::Up),
                    MouseAction::WheelDown => self.go(Move::Down),
                    MouseAction::Press => {}
                }
                Vec::new()
            }
            Event::Focus(true)
            | Event::Resize { .. }
            | Event::Ready
            | Event::Background { .. }
            | Event::Lost(_) => Vec::new(),
        }
    }

    fn on_paste(&mut self, text: &str) {
        match self.over.last_mut() {
            Some(Over::Prompt(prompt)) => prompt.paste(text),
            Some(Over::Commands(commands)) => commands.paste(text),
            Some(Over::Find(field)) => field.paste(text),
            Some(Over::Detail(_) | Over::Help(_) | Over::Quit) => {}
            None if self.start.is_some() => {
                if let Some(start) = &mut self.start {
                    start.paste();
                }
            }
            None => self.fault(Fault::Pasted),
        }
    }

    /// Something that no hand types reached an open gate: nothing of it counts.
    pub(super) fn fault(&mut self, fault: Fault) {
        if !self.desk.is_up() {
            return;
        }
        if let Some(entry) = &mut self.desk.entry {
            entry.clear();
        }
        self.desk.notice = Some(fault.words().to_owned());
    }

    fn on_key(&mut self, press: KeyPress) -> Vec<Request> {
        let context = self.context();
        let action = self.keys.action(context, press.key);
        self.notice = None;
        match action {
            // These two, and what concerns the terminal, work everywhere and at any moment.
            Some(Action::NoGo) if !matches!(context, Context::Gate) => return self.no_go(),
            Some(Action::Hold) if press.key.text().is_none() => return self.hold(),
            Some(Action::Repaint) => return vec![Request::Repaint],
            Some(Action::Suspend) => return vec![Request::Suspend],
            Some(Action::Quit) => return self.quit(),
            _ => {}
        }
        match context {
            Context::Text => self.in_prompt(press, action),
            Context::Palette => self.in_palette(press, action),
            Context::Find => self.in_find(press, action),
            Context::Start => self.in_start(press, action),
            Context::GateField => self.in_field(press, action),
            Context::Gate => self.at_gate(press, action),
            Context::Quit => self.in_quit(action),
            Context::Help | Context::Detail => self.reading(action),
            Context::Main | Context::View | Context::Journal => {
                action.map_or_else(Vec::new, |action| self.act(action))
            }
        }
    }

    fn in_prompt(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        let Some(Over::Prompt(prompt)) = self.over.last_mut() else { return Vec::new() };
        match action {
            Some(Action::Submit) if press.burst => {
                prompt.paste("");
                Vec::new()
            }
            Some(Action::Submit) => match prompt.submit() {
                Some(request) => {
                    self.over.pop();
                    vec![request]
                }
                None => Vec::new(),
            },
            Some(Action::Back) => {
                self.over.pop();
                Vec::new()
            }
            _ => {
                prompt.press(press);
                Vec::new()
            }
        }
    }

    fn in_palette(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        let Some(Over::Commands(commands)) = self.over.last_mut() else { return Vec::new() };
        match action {
            Some(Action::Submit) => {
                let chosen = commands.chosen();
                self.over.pop();
                match chosen {
                    Some(Command::Act(action)) => self.act(action),
                    Some(Command::Extra(id)) => vec![Request::Extra(id)],
                    Some(Command::Theme(name)) => vec![Request::Theme(name)],
                    None => Vec::new(),
                }
            }
            Some(Action::Up) => {
                commands.go(Move::Up);
                Vec::new()
            }
            Some(Action::Down) => {
                commands.go(Move::Down);
                Vec::new()
            }
            Some(Action::Back) => {
                self.over.pop();
                Vec::new()
            }
            _ => {
                commands.type_key(press.key);
                Vec::new()
            }
        }
    }

    fn in_find(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        let Some(Over::Find(field)) = self.over.last_mut() else { return Vec::new() };
        match action {
            Some(Action::Submit) => {
                self.search = field.text();
                self.over.pop();
                self.find(true);
            }
            Some(Action::Back) => {
                self.over.pop();
            }
            _ => {
                field.press(press.key);
            }
        }
        Vec::new()
    }

    fn in_start(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        let Some(start) = &mut self.start else { return Vec::new() };
        match action {
            Some(Action::Submit) if press.burst => start.paste(),
            Some(Action::Submit) => {
                if let Some(typed) = start.submit() {
                    return vec![Request::Start { typed }];
                }
            }
            Some(Action::Back) => return vec![Request::Quit { held: false }],
            _ => start.press(press),
        }
        Vec::new()
    }

    fn in_quit(&mut self, action: Option<Action>) -> Vec<Request> {
        match action {
            Some(Action::LeaveHeld) => vec![Request::Quit { held: true }],
            Some(Action::Abort) => {
                self.over.pop();
                self.act(Action::Abort)
            }
            Some(Action::Back) => {
                self.over.pop();
                Vec::new()
            }
            Some(Action::Help) => self.act(Action::Help),
            _ => Vec::new(),
        }
    }

    // At a gate.

    fn at_gate(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        let Some(action) = action else { return Vec::new() };
        if !self.desk.could_see(press.at) || press.burst {
            self.desk.notice = Some("keys that came before this could be read were dropped".to_owned());
            return Vec::new();
        }
        self.desk.notice = None;
        let Some(scene) = scene!(self) else { return Vec::new() };
        let evidence = &scene.figures.evidence;
        match action {
            Action::Go => {
                self.open_field();
                Vec::new()
            }
            Action::NoGo => self.no_go(),
            Action::Hold => self.hold(),
            Action::Waive => self.waive(),
            Action::Open => {
                if self.desk.unfold(&scene, evidence) {
                    return Vec::new();
                }
                let ids: Vec<String> =
                    self.desk.selected(&scene, evidence).into_iter().map(|e| e.id.clone()).collect();
                self.open(Item::Evidence(ids))
            }
            Action::Back => {
                self.desk.look_around(true);
                Vec::new()
            }
            Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Top | Action::Bottom => {
                if let Some(step) = movement(action) {
                    self.desk.go(&scene, evidence, step);
                }
                Vec::new()
            }
            Action::FocusNext | Action::FocusPrevious => Vec::new(),
            other => self.act(other),
        }
    }

    fn open_field(&mut self) {
        if !self.has_keys() {
            self.watching();
        } else if !gate::is_large_enough(self.screen) {
            let (width, height) = gate::GO_NEEDS;
            self.desk.notice = Some(format!(
                "a GO needs a screen of {width}x{height}: make it larger, or say NO-GO or HOLD"
            ));
        } else if !self.desk.has_code() {
            self.desk.notice =
                Some("look at all of the evidence first: the code comes with its last row".to_owned());
        } else {
            self.desk.entry = Some(gate::Entry::default());
        }
    }

    fn in_field(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        if !self.desk.could_see(press.at) {
            return Vec::new();
        }
        match action {
            Some(Action::Submit) if press.burst => {
                self.fault(Fault::Pasted);
                Vec::new()
            }
            Some(Action::Submit) => self.say_go(press),
            Some(Action::Back) => {
                self.desk.entry = None;
                self.desk.notice = None;
                Vec::new()
            }
            _ => {
                self.desk.notice = None;
                let pressed = self.desk.entry.as_mut().map_or(Ok(()), |entry| entry.press(press));
                if let Err(fault) = pressed {
                    self.fault(fault);
                }
                Vec::new()
            }
        }
    }

    fn say_go(&mut self, press: KeyPress) -> Vec<Request> {
        let Some(scene) = scene!(self) else { return Vec::new() };
        match self.desk.answer(&scene, press) {
            Ok(answer) => vec![Request::Intent(Intent::DecideGate(answer))],
            Err(why) => {
                self.desk.notice = Some(why);
                Vec::new()
            }
        }
    }

    fn no_go(&mut self) -> Vec<Request> {
        if !self.has_keys() {
            self.watching();
            return Vec::new();
        }
        match self.desk.no_go() {
            Some(answer) => {
                self.desk.entry = None;
                self.ask(Ask::NoGo(Box::new(answer)));
            }
            None => self.tell("no gate is open: F9 holds, and :rollback asks for the way back"),
        }
        Vec::new()
    }

    fn waive(&mut self) -> Vec<Request> {
        if !self.has_keys() {
            self.watching();
            return Vec::new();
        }
        let Some(scene) = scene!(self) else { return Vec::new() };
        let wrong = |e: &&Evidence| !e.passes() && e.finding.is_some();
        let evidence = &scene.figures.evidence;
        let selected = self.desk.selected(&scene, evidence).into_iter().find(wrong);
        let only = || {
            let mut all = evidence.iter().filter(wrong);
            all.next().filter(|_| all.next().is_none())
        };
        let found = selected.or_else(only);
        let (Some(line), Some(gate)) = (found, self.desk.gate().cloned()) else {
            let none = evidence.iter().all(Evidence::passes);
            let why =
                if none { "there is nothing to waive" } else { "choose which finding, with the arrows" };
            self.desk.notice = Some(why.to_owned());
            return Vec::new();
        };
        let ask = Ask::Waive {
            gate,
            evidence: line.id.clone(),
            finding: line.finding.clone().unwrap_or_default(),
            title: line.title.clone(),
        };
        self.ask(ask);
        Vec::new()
    }

    // Over a page.

    fn reading(&mut self, action: Option<Action>) -> Vec<Request> {
        let Some(action) = action else { return Vec::new() };
        if action == Action::Back {
            self.over.pop();
            return Vec::new();
        }
        if let Some(step) = movement(action) {
            self.go(step);
            return Vec::new();
        }
        match (action, self.over.last()) {
            (Action::Copy, Some(Over::Detail(detail))) => {
                let Some(scene) = scene!(self) else { return Vec::new() };
                let text = document::of(&scene, &detail.item, &self.outputs).text();
                self.tell("the detail is on the clipboard");
                vec![Request::Copy(text)]
            }
            (Action::Left | Action::Right, _) => Vec::new(),
            _ => self.act(action),
        }
    }

    pub(super) fn act(&mut self, action: Action) -> Vec<Request> {
        if let Some(page) = Page::of(action) {
            return self.turn_to(page);
        }
        if let Some(step) = movement(action) {
            self.go(step);
            return Vec::new();
        }
        match action {
            Action::Open => match self.selected() {
                Some(Item::Step(id)) if self.desk.gate() == Some(&id) => {
                    self.desk.look_around(false);
                    self.page = Page::Main;
                    Vec::new()
                }
                Some(item) => self.open(item),
                None => Vec::new(),
            },
            Action::Back => {
                self.turn_to(Page::Main);
                self.main.follow();
                Vec::new()
            }
            Action::Gate => {
                if self.desk.gate().is_some() {
                    self.turn_to(Page::Main);
                    self.over.clear();
                    self.desk.look_around(false);
                } else {
                    self.tell("no gate is open");
                }
                Vec::new()
            }
            Action::Command => {
                let Some(scene) = scene!(self) else { return Vec::new() };
                let commands = Commands::new(&self.keys, &self.extras, &self.themes, |action| {
                    self.is_usable(&scene, action)
                });
                self.over.push(Over::Commands(commands));
                Vec::new()
            }
            Action::Find => {
                self.over.push(Over::Find(Field::default()));
                Vec::new()
            }
            Action::FindNext | Action::FindPrevious => {
                self.find(action == Action::FindNext);
                Vec::new()
            }
            Action::Help => {
                let context = self.context();
                self.over.push(Over::Help(Help::new(context)));
                Vec::new()
            }
            Action::Quit => self.quit(),
            Action::Copy => {
                let Some(scene) = scene!(self) else { return Vec::new() };
                let text = update::text(&scene);
                self.tell("a status update is on the clipboard");
                vec![Request::Copy(text)]
            }
            Action::Mouse => {
                self.mouse = !self.mouse;
                self.tell(if self.mouse {
                    "the mouse scrolls; shift selects text"
                } else {
                    "the mouse selects text"
                });
                vec![Request::Mouse(self.mouse)]
            }
            Action::FocusNext | Action::FocusPrevious | Action::Left | Action::Right => {
                if self.page == Page::Main
                    && let Some(scene) = scene!(self)
                {
                    self.main.turn(&scene, action);
                }
                Vec::new()
            }
            Action::Repaint => vec![Request::Repaint],
            Action::Suspend => vec![Request::Suspend],
            Action::Resume => self.resume(),
            Action::TakeHelm => {
                let name = self.feed.as_ref().and_then(|f| f.state.operator.as_ref()).map(|o| o.name.clone());
                match name.filter(|_| !self.has_keys()) {
                    Some(name) => self.ask(Ask::TakeHelm(name)),
                    None if self.has_keys() => self.tell("you have the helm"),
                    None => return vec![Request::TakeHelm],
                }
                Vec::new()
            }
            Action::Hold => self.hold(),
            Action::NoGo => self.no_go(),
            _ if !self.has_keys() => {
                self.watching();
                Vec::new()
            }
            _ => self.drive(action),
        }
    }

    /// What only whoever has the keys can ask for.
    fn drive(&mut self, action: Action) -> Vec<Request> {
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
                &scene_step(self.step_for(&scene, Wants::Skip)),
                Ask::Skip,
                "select the step that is to be skipped",
            ),
            Action::Fail => self.ask_about(
                &scene_step(self.step_for(&scene, Wants::Fail)),
                Ask::Fail,
                "no manual step waits",
            ),
            Action::Stop => self.ask_about(
                &scene_step(self.step_for(&scene, Wants::Stop)),
                Ask::Stop,
                "nothing runs that could be stopped",
            ),
            Action::Settle => {
                let step = scene_step(self.step_for(&scene, Wants::Settle));
                self.ask_about(
                    &step,
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

    fn ask_about(&mut self, step: &Option<StepId>, ask: impl Fn(StepId) -> Ask, none: &str) {
        match step {
            Some(step) => self.ask(ask(step.clone())),
            None => self.tell(none),
        }
    }

    fn ask(&mut self, ask: Ask) {
        self.over.push(Over::Prompt(Prompt::new(ask)));
    }

    fn tell(&mut self, text: &str) {
        self.notice = Some((Call::Advisory, text.to_owned()));
    }

    fn watching(&mut self) {
        let who = self.feed.as_ref().and_then(|f| f.state.operator.as_ref()).map(|o| o.name.clone());
        self.tell(&match who {
            Some(who) => format!("you are watching: {who} has the keys"),
            None => "you are watching: nobody has the keys".to_owned(),
        });
    }

    fn hold(&mut self) -> Vec<Request> {
        if !self.has_keys() {
            self.watching();
            return Vec::new();
        }
        if self.feed.as_ref().is_some_and(|feed| feed.state.hold.is_some()) {
            self.tell("it is held already: R goes on");
            return Vec::new();
        }
        self.desk.entry = None;
        vec![Request::Intent(Intent::Hold { reason: String::new() })]
    }

    fn resume(&mut self) -> Vec<Request> {
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

    fn quit(&mut self) -> Vec<Request> {
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

    fn turn_to(&mut self, page: Page) -> Vec<Request> {
        self.page = page;
        self.over.retain(|over| matches!(over, Over::Prompt(_)));
        Vec::new()
    }

    /// Opens a detail, and asks for what stands in no journal.
    fn open(&mut self, item: Item) -> Vec<Request> {
        let Some(scene) = scene!(self) else { return Vec::new() };
        let source = document::source(&scene, &item);
        self.over.push(Over::Detail(Detail::new(item)));
        source.into_iter().map(Request::Look).collect()
    }

    // What is meant.

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
        match action {
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

/// The step of a cursor that an action is.
pub(super) fn movement(action: Action) -> Option<Move> {
    Some(match action {
        Action::Up => Move::Up,
        Action::Down => Move::Down,
        Action::PageUp => Move::PageUp,
        Action::PageDown => Move::PageDown,
        Action::Top => Move::Top,
        Action::Bottom => Move::Bottom,
        _ => return None,
    })
}
