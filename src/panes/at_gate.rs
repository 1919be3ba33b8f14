//! What keys do at a gate that is open.

use crate::engine::input::Intent;
use crate::engine::rules::evidence::Evidence;
use crate::ui::actions::{Action, Context};
use crate::ui::input::KeyPress;
use crate::ui::key::Key;

use super::cockpit::{Cockpit, drives, mode_of, scene};
use super::gate::{self, Fault};
use super::item::Item;
use super::press::movement;
use super::prompt::Ask;
use super::request::Request;
use super::scene::Scene;
use super::usable::is_for_the_driver;
use super::views::Page;

/// What changes nothing but what is on the screen.
const LOOKS: [Action; 9] = [
    Action::Help,
    Action::Open,
    Action::Back,
    Action::Up,
    Action::Down,
    Action::PageUp,
    Action::PageDown,
    Action::Top,
    Action::Bottom,
];

impl Cockpit {
    pub(super) fn at_gate(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
        let Some(action) = action else { return Vec::new() };
        if !self.has_keys() && is_for_the_driver(action) {
            self.watching();
            return Vec::new();
        }
        if self.desk.goes_on_unseen(press, LOOKS.contains(&action)) {
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
                // What was opened is folded first, as everywhere.
                if !self.desk.fold(&scene, evidence) {
                    self.desk.look_around(true);
                }
                Vec::new()
            }
            // The gate stands on the cockpit. Where a GO cannot be said, the digits of one lead nowhere.
            other if Page::of(other).is_some_and(|page| page == Page::Main || !self.can_read_the_gate()) => {
                let back = self.keys.key_for(Context::Gate, Action::Back);
                self.desk.notice = back.map(|key| format!("{key} looks around; the gate stays open"));
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

    /// Whoever looks around and presses what says GO at the gate is told how to come back to it.
    pub(super) fn look_back(&mut self, key: Key) {
        let at_gate = self.keys.action(Context::Gate, key);
        if at_gate == Some(Action::Go) && self.desk.gate().is_some() && self.has_keys() {
            let back = self.keys.key_for(Context::Main, Action::Gate);
            let back = back.map_or_else(String::new, |key| format!(": {key} goes back to it"));
            self.tell(&format!("the gate is open, and GO is said there only{back}"));
        }
    }

    fn open_field(&mut self) {
        if !self.has_keys() {
            self.watching();
        } else if !self.can_read_the_gate() {
            let (width, height) = gate::GO_NEEDS;
            self.desk.notice = Some(format!(
                "a GO needs a screen of {width}x{height}: make it larger, or say NO-GO or HOLD"
            ));
        } else if self.is_out_of_contact() {
            self.desk.notice = None;
        } else if self.desk.may_type() {
            self.desk.entry = Some(gate::Entry::default());
            if !self.desk.is_ready() {
                self.desk.notice = Some(gate::NOT_READY.to_owned());
            }
        } else {
            self.desk.notice =
                Some("look at all of the evidence first: the code comes with its last row".to_owned());
        }
    }

    /// Whether the engine cannot hear a GO: the gate says so itself, and what to do.
    fn is_out_of_contact(&self) -> bool {
        scene!(self).is_some_and(|scene| gate::no_contact(&scene).is_some())
    }

    pub(super) fn in_field(&mut self, press: KeyPress, action: Option<Action>) -> Vec<Request> {
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
                    // The entry has cleared itself, and still knows which key is being held.
                    self.desk.notice = Some(fault.words().to_owned());
                }
                Vec::new()
            }
        }
    }

    fn say_go(&mut self, press: KeyPress) -> Vec<Request> {
        if self.is_out_of_contact() {
            return Vec::new();
        }
        let Some(scene) = scene!(self) else { return Vec::new() };
        match self.desk.answer(&scene, press) {
            Ok(answer) => vec![Request::Intent(Intent::DecideGate(answer))],
            Err(why) => {
                self.desk.notice = Some(why);
                Vec::new()
            }
        }
    }

    pub(super) fn no_go(&mut self) -> Vec<Request> {
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
        // A waiver is of one finding: of a row with several the person chooses.
        let mut selected = self.desk.selected(&scene, evidence).into_iter().filter(wrong);
        let selected = selected.next().filter(|_| selected.next().is_none());
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
}
