//! Somebody before the cockpit: joins the terminal, the panes, the feed and the line to the engine.
//!
//! Owns the loop: whatever happens comes through one bounded channel, what it means is the cockpit's to say, and what
//! the cockpit wants is done here or on a thread beside, so that neither a disk nor an engine keeps a key
//! waiting. Draws only what changed, and nothing while the terminal is behind.

mod found;
mod line;
mod shown;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::exit::{Exit, Failure};
use super::{keys, who};
use crate::clock::{Clock, Timestamp};
use crate::engine::input::Intent;
use crate::engine::state::Stage;
use crate::panes::{Cockpit, Code, Extra, Output, Reply, Request, Seat, Source, StartPage};
use crate::plan::EndpointId;
use crate::process::Detached;
use crate::session::client::{Client, ConnectError, FromEngine};
use crate::session::feed::{FeedError, Following, Snapshot};
use crate::session::protocol::{Answer, Ask};
use crate::ui::canvas::Look;
use crate::ui::colour::Depth;
use crate::ui::config::{self, Settings};
use crate::ui::input::{Event, Lost};
use crate::ui::mode::Mode;
use crate::ui::terminal::{Drawn, Terminal, TerminalError};
use crate::ui::{glyphs, skeleton, theme};
use line::Line;
use shown::Shown;

/// How often the clocks are looked at.
const TICK: Duration = Duration::from_millis(250);
/// So much may happen before it is looked at; then whoever has more waits.
const QUEUE: usize = 1024;
/// So much is taken in before something is drawn.
const AT_ONCE: usize = 256;
/// Leaving waits so long for the engine to say that the run is held.
const HELD_WITHIN: Duration = Duration::from_secs(3);

/// What the shell shows while the program is stopped.
const PARTING: &str = "cutover: stopped. Without you the run is held in three seconds; `fg` comes back.";

/// Something that happened.
enum Woken {
    Terminal(Event),
    Feed(Option<FeedError>),
    Engine(u64, FromEngine),
    Connected(u64, Result<Client, ConnectError>),
    Begun(Result<Begun, Failure>),
    Identity(EndpointId, Result<String, String>),
    Found(Source, Output),
    Ending(Vec<(String, String)>),
    Said(String),
}

/// A run with an engine.
pub(super) struct Begun {
    /// Its folder.
    pub(super) run: PathBuf,
    /// The engine, where it is ours.
    pub(super) engine: Option<Detached>,
}

/// Makes a run, or brings its engine up. May take seconds; called on a thread of its own.
pub(super) type Begin = Arc<dyn Fn() -> Result<Begun, Failure> + Send + Sync>;

/// Asks a system what it is.
pub(super) type Identity = Box<dyn FnOnce() -> Result<String, String> + Send>;

/// What somebody sits down to.
pub(super) enum To {
    /// The page on which a live run begins, with what the systems say of themselves.
    Start(Box<StartPage>, Vec<(EndpointId, Identity)>, Begin),
    /// A run that begins, or goes on, at once.
    Drive(Begin),
    /// Somebody else's run.
    Watch(PathBuf),
}

/// What the demo adds.
pub(super) struct Extras {
    /// Actions for the palette.
    pub(super) list: Vec<Extra>,
    /// Does one of them, and says what it has done.
    pub(super) perform: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// What was measured, when the run is over.
    pub(super) ending: Box<dyn Fn() -> Vec<(String, String)> + Send + Sync>,
}

/// Who sits down to what.
pub(super) struct Sit {
    pub(super) name: String,
    pub(super) mode: Mode,
    /// What stands on the first line until more is known.
    pub(super) title: String,
    pub(super) to: To,
    pub(super) extras: Option<Extras>,
}

/// How it was left.
pub(super) struct Left {
    /// The run's folder, if one was reached.
    pub(super) run: Option<PathBuf>,
    pub(super) exit: Exit,
}

/// Sits down, and comes back when somebody leaves. The terminal is as it was then.
pub(super) fn sit(sit: Sit) -> Result<Left, Failure> {
    let (wake, woken) = sync_channel(QUEUE);
    let from_terminal = wake.clone();
    let terminal = Terminal::enter(PARTING, move |event| from_terminal.send(Woken::Terminal(event)).is_ok())
        .map_err(|error| Failure::new(no_terminal(&error), error.to_string()))?;
    let (settings, wrong) = keys::settings();
    let depth = Depth::detect(|name| std::env::var(name).ok());
    let glyphs = glyphs::choose(settings.ascii, |name| std::env::var(name).ok());
    let chosen = settings.theme.clone().unwrap_or_else(|| "dark".to_owned());
    let look = Look { theme: theme::Theme::built_in("dark", depth), glyphs, mode: sit.mode, old: false };
    let watching = matches!(sit.to, To::Watch(_));
    let seat = if watching { Seat::Watcher } else { Seat::Operator(sit.name.clone()) };
    let mut cockpit = Cockpit::new(seat, settings.keymap.clone());
    let folder = config_home().map(|home| theme::user_folder(&home));
    let extras = sit.extras.map(Arc::new);
    let list = extras.as_ref().map(|e| e.list.clone()).unwrap_or_default();
    cockpit.set_commands(list, theme::names(folder.as_deref()));
    let mut sitting = Sitting {
        terminal,
        cockpit,
        look,
        depth,
        folder,
        settings,
        extras,
        name: sit.name,
        watching,
        wake,
        clock: Clock::system(),
        begin: None,
        page: None,
        run: None,
        engine: None,
        following: None,
        line: None,
        shown: Shown::default(),
        seen: None,
        ending_asked: false,
        held: None,
        left: None,
    };
    sitting.set_theme(&chosen);
    for wrong in wrong {
        sitting.cockpit.say(wrong);
    }
    sitting.first_frame(&sit.title)?;
    sitting.open(sit.to)?;
    sitting.follow(&woken)
}

fn no_terminal(error: &TerminalError) -> Exit {
    match error {
        TerminalError::None(_) => Exit::Usage,
        TerminalError::Lost(_) | TerminalError::Io(_) => Exit::NotProved,
    }
}

fn config_home() -> Option<PathBuf> {
    config::home(|name| std::env::var_os(name).map(PathBuf::from))
}

struct Sitting {
    terminal: Terminal,
    cockpit: Cockpit,
    look: Look,
    depth: Depth,
    folder: Option<PathBuf>,
    settings: Settings,
    extras: Option<Arc<Extras>>,
    name: String,
    watching: bool,
    wake: SyncSender<Woken>,
    clock: Clock,
    begin: Option<Begin>,
    page: Option<StartPage>,
    run: Option<PathBuf>,
    engine: Option<Detached>,
    following: Option<Following>,
    line: Option<Line>,
    shown: Shown,
    seen: Option<Snapshot>,
    ending_asked: bool,
    /// The hold that was asked for on leaving, and until when its answer is waited for.
    held: Option<(u64, Instant)>,
    left: Option<Exit>,
}

impl Sitting {
    /// Something is on the screen before any file has been read.
    fn first_frame(&mut self, title: &str) -> Result<(), Failure> {
        self.terminal
            .draw(&self.look, |canvas| skeleton::draw(canvas, title, "reading the run"))
            .map(drop)
            .map_err(|error| Failure::new(Exit::NotProved, error.to_string()))
    }

    fn open(&mut self, to: To) -> Result<(), Failure> {
        match to {
            To::Start(page, identities, begin) => {
                self.begin = Some(begin);
                self.cockpit.on_start((*page).clone());
                self.page = Some(*page);
                for (endpoint, ask) in identities {
                    self.aside(move || Woken::Identity(endpoint, ask()));
                }
                Ok(())
            }
            To::Drive(begin) => {
                self.begin = Some(begin);
                self.begin();
                Ok(())
            }
            To::Watch(run) => self.watch(run),
        }
    }

    /// Does something that may take its time, and tells of it.
    fn aside(&self, what: impl FnOnce() -> Woken + Send + 'static) {
        let wake = self.wake.clone();
        let run = move || {
            // Whoever sat here has left; then nobody wants to know.
            let _left = wake.send(what());
        };
        if let Err(error) = thread::Builder::new().name("aside".to_owned()).spawn(run) {
            tracing::warn!(%error, "no thread");
        }
    }

    fn begin(&mut self) {
        if let Some(begin) = self.begin.clone() {
            self.aside(move || Woken::Begun(begin()));
        }
    }

    fn watch(&mut self, run: PathBuf) -> Result<(), Failure> {
        let wake = self.wake.clone();
        let following = Following::begin(run.clone(), move |told| {
            // A full queue wakes as well, and the newest snapshot waits until it is taken.
            let _full = wake.try_send(Woken::Feed(told.err()));
        });
        self.following = Some(following.map_err(|error| {
            Failure::new(Exit::NotProved, format!("no thread to follow the run: {error}"))
        })?);
        self.run = Some(run);
        Ok(())
    }

    fn follow(mut self, woken: &Receiver<Woken>) -> Result<Left, Failure> {
        loop {
            let mut next = match woken.recv_timeout(TICK) {
                Ok(woken) => Some(woken),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            };
            for _ in 0..AT_ONCE {
                let Some(what) = next else { break };
                self.take(what)?;
                next = woken.try_recv().ok();
            }
            self.tend();
            self.draw()?;
            if let Some(exit) = self.left {
                return Ok(Left { run: self.run, exit });
            }
        }
    }

    fn take(&mut self, what: Woken) -> Result<(), Failure> {
        match what {
            Woken::Terminal(event) => self.at_terminal(&event)?,
            Woken::Feed(Some(error)) => return Err(error.into()),
            Woken::Feed(None) => {
                if let Some(seen) = self.following.as_ref().and_then(Following::take) {
                    self.fed(seen);
                }
            }
            Woken::Engine(generation, what) => {
                if self.line.as_mut().is_some_and(|line| line.heard(generation, &what)) {
                    self.heard(what);
                }
            }
            Woken::Connected(generation, told) => {
                let told = self.line.as_mut().and_then(|line| line.connected(generation, told));
                match told {
                    Some(Ok(())) => self.cockpit.set_seat(Seat::Operator(self.name.clone())),
                    Some(Err(error)) => self.not_connected(&error),
                    None => {}
                }
            }
            Woken::Begun(Ok(Begun { run, engine })) => {
                self.engine = engine.or(self.engine.take());
                if self.following.is_none() {
                    self.watch(run.clone())?;
                }
                let (name, wake) = (self.name.clone(), self.wake.clone());
                match &mut self.line {
                    Some(line) => line.connect(false),
                    None => self.line = Some(Line::open(run, name, who::account(), wake)),
                }
            }
            Woken::Begun(Err(failure)) if self.page.is_none() && self.seen.is_none() => return Err(failure),
            Woken::Begun(Err(failure)) => self.cockpit.on_reply(Reply::Refused(failure.message)),
            Woken::Identity(endpoint, says) => {
                if let Some(page) = &mut self.page {
                    for (_, said) in page.endpoints.iter_mut().filter(|(id, _)| *id == endpoint) {
                        *said = Some(says.clone());
                    }
                    if self.seen.is_none() {
                        self.cockpit.on_start(page.clone());
                    }
                }
            }
            Woken::Found(source, output) => self.cockpit.on_output(source, output),
            Woken::Ending(lines) => self.cockpit.on_ending(lines),
            Woken::Said(text) => self.cockpit.say(text),
        }
        Ok(())
    }

    fn at_terminal(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Lost(Lost::HungUp) => {
                self.left = Some(Exit::LeftHeld);
                return Ok(());
            }
            Event::Lost(Lost::Panicked) => {
                return Err(Failure::new(
                    Exit::NotProved,
                    "the cockpit has failed; its report was named above",
                ));
            }
            Event::Background { light } if self.settings.theme.is_none() => {
                self.set_theme(if *light { "light" } else { "dark" });
            }
            _ => {}
        }
        for request in self.cockpit.on_event(event) {
            self.request(request)?;
        }
        Ok(())
    }

    /// The run has gone on.
    fn fed(&mut self, seen: Snapshot) {
        self.clock = seen.clock.clone();
        self.cockpit.on_feed(self.shown.feed(&seen));
        if seen.state.is_over() && !self.ending_asked {
            self.ending_asked = true;
            if let Some(extras) = self.extras.clone() {
                self.aside(move || Woken::Ending((extras.ending)()));
            }
        }
        self.seen = Some(seen);
    }

    /// The engine has said something.
    fn heard(&mut self, what: FromEngine) {
        match what {
            FromEngine::Answer(Answer::Accepted { id, .. }) => {
                self.cockpit.on_reply(Reply::Accepted);
                self.answered(id);
            }
            FromEngine::Answer(Answer::Refused { id, text }) => {
                self.cockpit.on_reply(Reply::Refused(text));
                self.answered(id);
            }
            FromEngine::Answer(Answer::Code { gate, revision, sheet, code, arms_in_ms }) => {
                self.cockpit.on_code(Code {
                    gate,
                    revision,
                    sheet,
                    text: code,
                    at: Instant::now(),
                    arms_in: Duration::from_millis(arms_in_ms),
                });
            }
            FromEngine::Answer(Answer::Welcome { .. } | Answer::RefusedHello { .. } | Answer::Bye { .. }) => {
            }
            FromEngine::Closed { why, taken } => {
                if taken {
                    self.cockpit.set_seat(Seat::Watcher);
                }
                if let Some(why) = why.filter(|_| !self.is_over()) {
                    self.cockpit.say(why);
                }
            }
        }
        if let Some(following) = &self.following {
            following.nudge();
        }
    }

    /// What was asked on leaving has been answered: whoever leaves need not wait any longer.
    fn answered(&mut self, id: u64) {
        if self.held.is_some_and(|(held, _)| held == id) {
            self.left = Some(self.exit());
        }
    }

    fn not_connected(&mut self, error: &ConnectError) {
        match error {
            ConnectError::Held { who, since } => {
                self.cockpit.set_seat(Seat::Watcher);
                let since = self.local(*since);
                self.cockpit.say(format!(
                    "{who} has had the keys since {since}: you watch, unless you take the helm (:)"
                ));
            }
            ConnectError::Socket(_) | ConnectError::Refused(_) | ConnectError::Io(_) => {
                if !self.is_over() {
                    self.cockpit.say(error.to_string());
                }
            }
        }
    }

    fn local(&self, at: Timestamp) -> String {
        let offset = self.seen.as_ref().map_or(0, |seen| seen.plan.offset);
        at.hour_minute(offset)
    }

    fn is_over(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.state.is_over())
    }

    /// What has to be seen to whether anything happened or not.
    fn tend(&mut self) {
        // A child that has ended and is not asked stays in the process list.
        if let Some(engine) = &mut self.engine
            && matches!(engine.ended(), Ok(Some(_)))
        {
            self.engine = None;
        }
        let alive = self.seen.as_ref().is_none_or(|seen| seen.engine) && !self.is_over();
        if let Some(line) = &mut self.line {
            line.tend(alive);
        }
        if self.held.is_some_and(|(_, until)| until <= Instant::now()) {
            self.left = Some(self.exit());
        }
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let now = self.clock.now();
        if !self.cockpit.dirty(now) || (self.seen.is_none() && self.page.is_none()) {
            return Ok(());
        }
        self.look.old = self.cockpit.is_old(now);
        if self.seen.is_some() || self.page.is_some() {
            self.look.mode = if self.watching { Mode::Watch } else { self.cockpit.mode() };
        }
        let cockpit = &mut self.cockpit;
        let drawn = self.terminal.draw(&self.look, |canvas| cockpit.draw(canvas, now));
        match drawn {
            Ok(Drawn::Bytes(_)) => {}
            Ok(Drawn::Behind | Drawn::Away) | Err(TerminalError::Lost(Lost::HungUp)) => return Ok(()),
            Err(error) => return Err(Failure::new(Exit::NotProved, error.to_string())),
        }
        for request in self.cockpit.shown(Instant::now()) {
            if matches!(request, Request::ShowGate { .. }) {
                // What was typed before the gate stood there was not meant for it.
                let _lost = self.terminal.input().flush_typed_ahead();
            }
            self.request(request)?;
        }
        Ok(())
    }

    /// Does what the cockpit cannot do itself.
    fn request(&mut self, request: Request) -> Result<(), Failure> {
        match request {
            Request::Intent(intent) => {
                self.intend(intent);
            }
            Request::ShowGate { gate, revision, sheet, digest } => {
                if let Some(client) = self.line.as_ref().and_then(Line::client)
                    && let Err(error) = client.ask(Ask::ShowGate { gate, revision, sheet, digest })
                {
                    self.cockpit.say(error.to_string());
                }
            }
            Request::Start { .. } | Request::Resume => self.begin(),
            Request::TakeHelm => match &mut self.line {
                Some(line) => line.connect(true),
                None => self.cockpit.say("this is for watching: `cutover run --resume RUN` takes part"),
            },
            Request::Quit { held } => self.quit(held),
            Request::Copy(text) => match self.terminal.copy(&text) {
                Ok(Ok(())) => self.cockpit.say("copied, where the terminal allows it"),
                Ok(Err(too_large)) => self.cockpit.say(too_large.to_string()),
                Err(error) => return Err(Failure::new(Exit::NotProved, error.to_string())),
            },
            Request::Suspend => match self.terminal.suspend() {
                Ok(true) => {}
                Ok(false) => self.cockpit.say("there is no shell to come back from"),
                Err(error) => self.cockpit.say(error.to_string()),
            },
            Request::Repaint => self.terminal.repaint(),
            Request::Mouse(on) => {
                if let Err(error) = self.terminal.set_mouse(on) {
                    self.cockpit.say(error.to_string());
                }
            }
            Request::Look(source) => {
                if let Some(run) = self.run.clone() {
                    self.aside(move || {
                        let output = found::find(&run, &source);
                        Woken::Found(source, output)
                    });
                }
            }
            Request::Theme(name) => self.set_theme(&name),
            Request::Extra(id) => {
                if let Some(extras) = self.extras.clone() {
                    self.aside(move || Woken::Said((extras.perform)(&id)));
                }
            }
        }
        Ok(())
    }

    fn intend(&mut self, intent: Intent) -> Option<u64> {
        let Some(client) = self.line.as_ref().and_then(Line::client) else {
            self.cockpit.on_reply(Reply::Refused("there is no line to the engine just now".to_owned()));
            return None;
        };
        match client.intend(intent) {
            Ok(id) => Some(id),
            Err(error) => {
                self.cockpit.on_reply(Reply::Refused(error.to_string()));
                None
            }
        }
    }

    fn quit(&mut self, held: bool) {
        let asks = held && !self.is_over() && self.line.as_ref().is_some_and(|line| line.client().is_some());
        if asks && let Some(id) = self.intend(Intent::Hold { reason: String::new() }) {
            self.held = Some((id, Instant::now() + HELD_WITHIN));
        } else {
            self.left = Some(self.exit());
        }
    }

    fn exit(&self) -> Exit {
        match self.seen.as_ref().map(|seen| seen.state.stage) {
            _ if self.watching => Exit::Done,
            Some(Stage::Over(ending)) => ending.into(),
            // Nothing has begun, so nothing is left.
            None => Exit::Done,
            Some(Stage::Forward | Stage::Back(_) | Stage::Aborting) => Exit::LeftHeld,
        }
    }

    fn set_theme(&mut self, name: &str) {
        match theme::Theme::load(name, self.folder.as_deref(), self.depth) {
            Ok(theme) => {
                self.look.theme = theme;
                self.terminal.repaint();
            }
            Err(error) => self.cockpit.say(error.to_string()),
        }
    }
}
