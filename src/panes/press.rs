//! What keys do, by where they are pressed. A key is looked up in the one table; what it asks for is done here,
//! or becomes a request. At a gate: `at_gate`; what needs the keys of the run: `drive`; moving about: `roam`.

use crate::ui::actions::{Action, Context};
use crate::ui::input::{Event, KeyPress};
use crate::ui::key::Key;
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
        // News that came since the last frame has thrown the figures away; a key is answered from what is true.
        self.look_at(self.now);
        match event {
            Event::Key(press) => self.on_key(*press),
            // What is not seen is not meant.
            Event::Paste(_) | Event::Mouse(_) if self.is_too_small() => Vec::new(),
            Event::Paste(text) => {
                self.on_paste(text);
                Vec::new()
            }
            // Whoever was away has not seen what changed meanwhile.
            Event::Focus(false) | Event::Resumed => {
                self.desk.disarm();
                Vec::new()
            }
            Event::Mouse(Mouse { action, x, y }) => {
                match action {
                    MouseAction::WheelUp => self.go(Move::Up),
                    MouseAction::WheelDown => self.go(Move::Down),
                    MouseAction::Press => self.point(*x, *y),
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
        if self.is_too_small() && !works_unseen(action, press.key) {
            return Vec::new();
        }
        (self.notice, self.line) = (None, None);
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
                self.look_back(press.key);
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
                    Some(Command::Not(why)) => {
                        self.tell(&why);
                        Vec::new()
                    }
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
            Some(Action::Back) if start.clear() => {}
            Some(Action::Back) => return vec![Request::Quit { held: false }],
            Some(Action::Help) => self.over.push(Over::Help(Help::new(Context::Start))),
            Some(Action::PageUp) => start.go(Move::PageUp),
            Some(Action::PageDown) => start.go(Move::PageDown),
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
        // Before a run there is nothing else to be asked for.
        if self.start.is_some() {
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
                    self.why_unusable(&scene, action)
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
            Action::TakeHelm if self.only_watches => {
                self.refuse(action);
                Vec::new()
            }
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
}

/// Whether a key works on a screen that shows nothing: it says so itself of NO-GO and HOLD; one can always leave.
fn works_unseen(action: Option<Action>, key: Key) -> bool {
    let named = matches!(action, Some(Action::NoGo | Action::Hold)) && key.text().is_none();
    named || matches!(action, Some(Action::Quit)) || (key.ctrl && action.is_some())
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
