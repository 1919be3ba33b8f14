//! The cockpit: what is open, and what it is fed. What keys do is in `press`, how it is drawn in `frame`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::clock::{Boot, Now, Timestamp};
use crate::engine::State;
use crate::engine::event::Mode as RunMode;
use crate::ui::actions::Context;
use crate::ui::glyphs::{Glyphs, UNICODE};
use crate::ui::keymap::Keymap;
use crate::ui::layout;
use crate::ui::mode::Mode;
use crate::ui::widgets::{Field, List};

use ratatui::layout::Rect;

use super::commands::Commands;
use super::detail::Detail;
use super::ending::Ended;
use super::feed::{Feed, Pulse};
use super::figures::Figures;
use super::freeze;
use super::gate::Desk;
use super::help::Help;
use super::prompt::Prompt;
use super::request::{Code, Extra, Output, Reply, Request, Source};
use super::standing::Call;
use super::start::Start;
use super::start_page::StartPage;
use super::view::Main;
use super::views::Page;

/// The clocks are drawn anew at most this often.
const TICK: Duration = Duration::from_millis(250);

/// Whose eyes these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Has the keys, under this name, as long as nobody takes the helm.
    Operator(String),
    /// Looks only.
    Watcher,
}

/// What lies over a page; the last one has the keys.
#[derive(Debug)]
pub(super) enum Over {
    Detail(Detail),
    Help(Help),
    Quit,
    Prompt(Prompt),
    Commands(Commands),
    Find(Field),
}

/// What people see and press.
#[derive(Debug)]
pub struct Cockpit {
    pub(super) seat: Seat,
    pub(super) keys: Keymap,
    pub(super) extras: Vec<Extra>,
    pub(super) themes: Vec<String>,
    pub(super) feed: Option<Feed>,
    pub(super) figures: Option<Figures>,
    pub(super) main: Main,
    pub(super) page: Page,
    pub(super) lists: HashMap<Page, List>,
    pub(super) over: Vec<Over>,
    pub(super) desk: Desk,
    pub(super) start: Option<Start>,
    pub(super) outputs: HashMap<Source, Output>,
    pub(super) ending: Ended,
    /// What was searched for last.
    pub(super) search: String,
    /// What the cockpit has to say, until the next key.
    pub(super) notice: Option<(Call, String)>,
    /// What is wrong with the line to the engine, until the next key or until it stands again.
    pub(super) line: Option<String>,
    pub(super) mouse: bool,
    /// The last look at the clock, and what it was drawn with.
    pub(super) now: Now,
    pub(super) glyphs: &'static Glyphs,
    pub(super) screen: (u16, u16),
    /// There is no line to the engine here, and there will be none: nobody takes the helm from this seat.
    pub(super) only_watches: bool,
    /// The end was shown by itself once.
    end_shown: bool,
    pub(super) dirty: bool,
}

/// A scene from a cockpit's own parts, which leaves the others free to be changed.
macro_rules! scene {
    ($cockpit:expr) => {
        match (&$cockpit.feed, &$cockpit.figures) {
            (Some(feed), Some(figures)) => Some(Scene {
                feed,
                plan: &feed.plan,
                state: &feed.state,
                readings: &feed.readings,
                journal: &feed.journal,
                figures,
                now: $cockpit.now,
                mode: mode_of(&$cockpit.seat, Some(&feed.state)),
                glyphs: $cockpit.glyphs,
                keys: &$cockpit.keys,
                drives: drives(&$cockpit.seat, &feed.state),
            }),
            _ => None,
        }
    };
}
pub(super) use scene;

/// How real what is shown is.
pub(super) fn mode_of(seat: &Seat, state: Option<&State>) -> Mode {
    match (seat, state.and_then(|state| state.run.as_ref()).map(|run| run.mode)) {
        (Seat::Watcher, _) => Mode::Watch,
        (Seat::Operator(_), Some(RunMode::Rehearsal { .. })) => Mode::Rehearsal,
        (Seat::Operator(_), Some(RunMode::Live) | None) => Mode::Live,
    }
}

/// Whether whoever sits here has the keys: until somebody else has them.
pub(super) fn drives(seat: &Seat, state: &State) -> bool {
    match (seat, &state.operator) {
        (Seat::Operator(name), Some(operator)) => operator.name == *name,
        (Seat::Operator(_), None) => true,
        (Seat::Watcher, _) => false,
    }
}

impl Cockpit {
    /// A cockpit that has not been fed yet.
    pub fn new(seat: Seat, keys: Keymap) -> Cockpit {
        Cockpit {
            seat,
            keys,
            extras: Vec::new(),
            themes: Vec::new(),
            feed: None,
            figures: None,
            main: Main::default(),
            page: Page::default(),
            lists: HashMap::new(),
            over: Vec::new(),
            desk: Desk::default(),
            start: None,
            outputs: HashMap::new(),
            ending: Ended::default(),
            search: String::new(),
            notice: None,
            line: None,
            mouse: false,
            now: Now { wall: Timestamp(0), boot: Boot(0), real: Boot(0) },
            glyphs: &UNICODE,
            screen: (0, 0),
            only_watches: false,
            end_shown: false,
            dirty: true,
        }
    }

    /// What the palette offers beside the keymap's own actions.
    pub fn set_commands(&mut self, extras: Vec<Extra>, themes: Vec<String>) {
        (self.extras, self.themes) = (extras, themes);
    }

    /// From here the run is watched, and never driven.
    pub fn only_watches(&mut self) {
        self.only_watches = true;
    }

    /// Another seat: the helm was taken, or given up; whoever has it has a line to the engine.
    pub fn set_seat(&mut self, seat: Seat) {
        if matches!(seat, Seat::Operator(_)) {
            self.line = None;
        }
        self.seat = seat;
        self.desk.disarm();
        self.dirty = true;
    }

    /// Opens the page on which a run begins, or brings it up to date.
    pub fn on_start(&mut self, page: StartPage) {
        match &mut self.start {
            Some(start) => start.page = page,
            None => self.start = Some(Start::new(page)),
        }
        self.dirty = true;
    }

    /// The run has gone on.
    pub fn on_feed(&mut self, feed: Feed) {
        self.start = None;
        if self.desk.follow(&feed.plan, &feed.state) {
            // What lies over the checklist would hide the gate; a line that is being typed stays.
            self.over.retain(|over| matches!(over, Over::Prompt(_)));
            self.page = Page::Main;
        }
        if feed.state.is_over() && !self.end_shown {
            self.end_shown = true;
            self.page = Page::Ending;
            // The engine has left because it is over, and the page says so.
            self.line = None;
        }
        // What was said while nobody vouched for the run is said no more once somebody does.
        let was_gone = self.feed.as_ref().is_some_and(|old| old.contact.gone.is_some());
        if was_gone && feed.contact.gone.is_none() {
            (self.notice, self.line) = (None, None);
        }
        // Whoever ended a session looks at the census, where nothing tells why it is still there.
        let known = self.feed.as_ref().map(|old| old.journal.last().map_or(0, |record| record.seq));
        if let Some(text) = known.and_then(|seq| freeze::goes_on(&feed.journal, seq)) {
            self.notice = Some((Call::Caution, text));
        }
        self.feed = Some(feed);
        self.figures = None;
        self.dirty = true;
    }

    /// The engine has answered an intent.
    pub fn on_reply(&mut self, reply: Reply) {
        self.dirty = true;
        let Reply::Refused(why) = reply else { return };
        if let Some(start) = &mut self.start {
            start.on_refused();
        }
        if self.desk.is_up() {
            self.desk.on_refused(why);
        } else {
            self.notice = Some((Call::Caution, format!("refused: {why}")));
        }
    }

    /// The engine has given out a code for the gate that is shown.
    pub fn on_code(&mut self, code: Code) {
        self.desk.on_code(code);
        self.dirty = true;
    }

    /// What was looked up has been found.
    pub fn on_output(&mut self, source: Source, output: Output) {
        self.outputs.insert(source, output);
        self.dirty = true;
    }

    /// What the caller knows of how it ended, beside what the record says.
    pub fn on_ending(&mut self, lines: Vec<(String, String)>) {
        self.ending.extra = lines;
        self.dirty = true;
    }

    /// Something that the person should read, until the next key.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some((Call::Advisory, text.into()));
        self.dirty = true;
    }

    /// What is wrong with the line to the engine. It is said no more once the line stands again.
    pub fn say_of_line(&mut self, text: impl Into<String>) {
        self.line = Some(text.into());
        self.dirty = true;
    }

    /// How real what is shown is.
    pub fn mode(&self) -> Mode {
        mode_of(&self.seat, self.feed.as_ref().map(|feed| &*feed.state))
    }

    /// Whether what is shown is vouched for by nobody any more.
    pub fn is_old(&self, now: Now) -> bool {
        self.feed.as_ref().is_some_and(|feed| {
            feed.contact.damaged.is_some()
                || (feed.contact.pulse(now) != Pulse::Fresh && !feed.state.is_over())
        })
    }

    /// Whether a frame would show something else than the last: something has happened, or the second is over.
    pub fn dirty(&self, now: Now) -> bool {
        // A rehearsal's seconds are short: what they change can wait until an eye can follow it.
        let ticked = now.wall.0.div_euclid(1000) != self.now.wall.0.div_euclid(1000);
        self.dirty || (ticked && now.real.since(self.now.real) >= TICK)
    }

    /// A frame is on the screen since `at`: what it showed may be asked for now.
    pub fn shown(&mut self, at: Instant) -> Vec<Request> {
        let mut requests: Vec<Request> = self.desk.shown(at).into_iter().collect();
        if requests.iter().any(|r| matches!(r, Request::ShowGate { .. })) && !self.has_keys() {
            requests.clear();
        }
        requests.extend(self.looks_again());
        requests
    }

    /// Whether something lies over the whole page.
    pub(super) fn is_covered(&self) -> bool {
        let whole = |over: &Over| match over {
            Over::Detail(_) | Over::Help(_) | Over::Quit | Over::Commands(_) => true,
            Over::Prompt(_) | Over::Find(_) => false,
        };
        self.over.iter().any(whole)
    }

    /// Whether the screen shows nothing but that it is too small; before the first frame nobody knows.
    pub(super) fn is_too_small(&self) -> bool {
        let (width, height) = self.screen;
        self.screen != (0, 0) && layout::regions(Rect::new(0, 0, width, height)).is_none()
    }

    /// Whether the gate that is open is on the screen.
    pub(super) fn shows_gate(&self) -> bool {
        self.desk.is_up() && self.page == Page::Main && !self.is_covered()
    }

    /// Whether whoever sits here may ask the engine for something.
    pub(super) fn has_keys(&self) -> bool {
        self.feed.as_ref().is_some_and(|feed| drives(&self.seat, &feed.state))
    }

    /// Something has changed that the next frame shows.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Where keys are pressed.
    pub fn context(&self) -> Context {
        match self.over.last() {
            Some(Over::Prompt(_)) => return Context::Text,
            Some(Over::Commands(_)) => return Context::Palette,
            Some(Over::Find(_)) => return Context::Find,
            Some(Over::Detail(_)) => return Context::Detail,
            Some(Over::Help(_)) => return Context::Help,
            Some(Over::Quit) => return Context::Quit,
            None => {}
        }
        if self.start.is_some() {
            return Context::Start;
        }
        match self.page {
            Page::Main if self.desk.is_up() && self.desk.entry.is_some() => Context::GateField,
            Page::Main if self.desk.is_up() => Context::Gate,
            Page::Main => Context::Main,
            Page::Journal => Context::Journal,
            _ => Context::View,
        }
    }
}
