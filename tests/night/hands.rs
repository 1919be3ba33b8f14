//! Somebody at the keys: presses reach a cockpit with the time at which a hand would make them, and what the
//! cockpit asks for goes to the real engine of a night, codes included.

use std::time::{Duration, Instant};

use cutover::engine::input::{Input, Intent, Issued};
use cutover::engine::rules::gates;
use cutover::panes::{Cockpit, Code, Reply, Request, Seat};
use cutover::ui::canvas::Look;
use cutover::ui::input::{Event, KeyPress};
use cutover::ui::keymap::Keymap;
use ratatui::buffer::Buffer;

use super::screen::{drawn, look, text};
use super::{CODE, Night};

/// How long a hand takes from key to key.
const STROKE: Duration = Duration::from_millis(90);

/// A person, a cockpit and a night.
pub struct Hands {
    pub night: Night,
    pub cockpit: Cockpit,
    pub size: (u16, u16),
    /// The clock that keys are stamped with.
    pub at: Instant,
    /// What the cockpit asked for that no engine answers.
    pub asked: Vec<Request>,
    issued: Option<Issued>,
}

impl Hands {
    /// Somebody who drives a night from a screen of this size, and has looked at it for a second.
    pub fn on(night: Night, size: (u16, u16)) -> Hands {
        let cockpit = Cockpit::new(Seat::Operator(night.operator.clone()), Keymap::default());
        let mut hands = Hands { night, cockpit, size, at: Instant::now(), asked: Vec::new(), issued: None };
        hands.feed();
        hands.wait(Duration::from_millis(1_600));
        hands
    }

    /// Feeds the cockpit and has the frame on the screen.
    pub fn feed(&mut self) {
        self.cockpit.on_feed(self.night.feed());
        self.show();
    }

    /// Has what there is on the screen; the engine gives the code that is asked for.
    pub fn show(&mut self) -> Buffer {
        let look = Look { old: self.cockpit.is_old(self.night.now), ..look("dark", self.cockpit.mode()) };
        let (width, height) = self.size;
        let buffer = drawn(width, height, &look, |canvas| self.cockpit.draw(canvas, self.night.now));
        for request in self.cockpit.shown(self.at) {
            self.meet(request);
        }
        buffer
    }

    /// The same screen in several themes.
    pub fn in_themes<'t>(&mut self, themes: &[&'t str]) -> Vec<(&'t str, Buffer)> {
        self.show();
        let (width, height) = self.size;
        let old = self.cockpit.is_old(self.night.now);
        let mut draw = |theme: &'t str| {
            let look = Look { old, ..look(theme, self.cockpit.mode()) };
            (theme, drawn(width, height, &look, |canvas| self.cockpit.draw(canvas, self.night.now)))
        };
        themes.iter().map(|theme| draw(theme)).collect()
    }

    /// What stands on the screen.
    pub fn reads(&mut self) -> String {
        self.show();
        text(&self.show())
    }

    /// Nobody presses anything for a while.
    pub fn wait(&mut self, time: Duration) {
        self.at += time;
        self.night.now.real = self.night.now.real.plus(time);
        self.show();
    }

    /// Presses a key as a hand does.
    pub fn press(&mut self, key: &str) {
        self.wait(STROKE);
        self.key(key, false, false);
    }

    /// A key as the terminal reports it, right now.
    pub fn key(&mut self, key: &str, repeat: bool, burst: bool) {
        let key = key.parse().expect("a key");
        self.event(&Event::Key(KeyPress { key, at: self.at, repeat, burst }));
    }

    /// Types a text, key by key.
    pub fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.press(if c == ' ' { "space".to_owned() } else { c.to_string() }.as_str());
        }
    }

    /// Something happens at the terminal.
    pub fn event(&mut self, event: &Event) {
        for request in self.cockpit.on_event(event) {
            self.meet(request);
        }
        self.show();
    }

    fn meet(&mut self, request: Request) {
        match request {
            Request::Intent(intent) => self.intend(intent),
            Request::ShowGate { gate, revision, sheet, digest } => {
                gates::may_issue(&self.night.state, &gate, revision, sheet, &digest)
                    .expect("it is what is asked");
                let arms_in = Duration::from_millis(gates::ARMS_AFTER_MS);
                let armed_at = self.night.now.real.plus(arms_in);
                let code = CODE.to_owned();
                self.issued =
                    Some(Issued { gate: gate.clone(), revision, sheet, code: code.clone(), armed_at });
                self.cockpit.on_code(Code { gate, revision, sheet, text: code, at: self.at, arms_in });
            }
            other => self.asked.push(other),
        }
    }

    fn intend(&mut self, intent: Intent) {
        let by = self.night.operator.clone();
        let issued = self.issued.clone();
        let reply = match self.night.put(Input::Intent { by, intent, issued }) {
            Ok(()) => Reply::Accepted,
            Err(refusal) => Reply::Refused(refusal.said(&self.night.plan)),
        };
        self.cockpit.on_reply(reply);
        self.cockpit.on_feed(self.night.feed());
    }
}
