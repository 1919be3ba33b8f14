//! The process that people look at: it joins the terminal, what is drawn, and the line to the engine.
//!
//! Owns one loop: take in everything that has happened (keys, the run's feed, the engine's answers), then draw once
//! if something changed. What is shown and what a key means is `panes`' part, the terminal `ui`'s, the engine's
//! files and socket `session`'s (`seat` holds both). Nothing here waits for the engine or a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::exit::{Exit, Failure};
use super::seat::{self, Attached};
use crate::clock::{Clock, Now};
use crate::engine::input::Intent;
use crate::engine::state::Stage;
use crate::panes::{Cockpit, Code, Extra, Reply, Request, Seat, StartPage};
use crate::plan::EndpointId;
use crate::session::client::FromEngine;
use crate::session::protocol::{Answer, Ask};
use crate::ui::canvas::Look;
use crate::ui::colour::Depth;
use crate::ui::config::{self, Settings};
use crate::ui::input::{Event, Lost};
use crate::ui::mode::Mode;
use crate::ui::terminal::{Drawn, Terminal};
use crate::ui::theme::{self, Theme};
use crate::ui::{glyphs, skeleton};

/// How long a frame waits for more to happen: a burst of news is one frame.
const GATHER: Duration = Duration::from_millis(4);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(250);
/// The line that the shell shows while the cockpit is stopped.
const PARTING: &str = "cutover: the cockpit is stopped; the run is held until `fg`";

/// What wakes the loop.
pub(super) enum Wake {
    /// Something happened at the terminal.
    Terminal(Event),
    /// The run has something new, or cannot be followed.
    Feed(Option<Failure>),
    /// The engine said something.
    Engine(FromEngine),
    /// A system said what it is.
    Identity(EndpointId, Result<String, String>),
    /// The run was made and its engine is up, or not.
    Launched(Result<PathBuf, Failure>),
    /// An action that was added to the palette has an end.
    Told(Result<String, String>),
    /// What the last screen shows beside the run's own figures.
    Ending(Vec<(String, String)>),
}

/// An action that the palette has beside its own: told its id, it says what it did.
pub(super) type Act = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;
/// What the last screen shows beside the run's own figures.
pub(super) type Measured = Arc<dyn Fn() -> Vec<(String, String)> + Send + Sync>;
/// Makes the run and starts its engine; called once, on a thread of its own.
pub(super) type Make = Box<dyn FnOnce() -> Result<PathBuf, Failure> + Send>;

/// What the cockpit opens on.
pub(super) enum Begin {
    /// The page on which a live run is started.
    Start(Box<StartPage>, Make),
    /// A run that is there.
    Run(PathBuf),
}

/// A cockpit that is to be opened.
pub(super) struct Opening {
    /// Whose eyes, and whether they have the keys.
    pub seat: Seat,
    /// Who that is for the machine.
    pub account: String,
    /// On what.
    pub begin: Begin,
    /// Actions beside its own, and what does them.
    pub extras: Vec<Extra>,
    /// … by their ids.
    pub act: Option<Act>,
    /// What the last screen shows beside the run's own figures.
    pub measured: Option<Measured>,
}

/// A terminal that shows the cockpit's bones while the rest is read.
pub(super) struct Screen {
    terminal: Terminal,
    settings: Settings,
    depth: Depth,
    themes: Option<PathBuf>,
    look: Look,
    wake: SyncSender<Wake>,
    woken: Receiver<Wake>,
}

impl Screen {
    /// Enters the terminal and shows the bones, before any plan or journal is read.
    pub(super) fn enter(mode: Mode, title: &str, ascii: bool) -> Result<Screen, Failure> {
        let var = |name: &str| std::env::var(name).ok();
        let home = config::home(|name| std::env::var_os(name).map(PathBuf::from));
        let (wake, woken) = sync_channel(1024);
        let from_terminal = wake.clone();
        let mut terminal = Terminal::enter(PARTING, move |event| from_terminal.send(Wake::Terminal(event)).is_ok())
            .map_err(|error| Failure::usage(error.to_string()))?;
        let depth = Depth::detect(var);
        let mut look = Look {
            theme: Theme::built_in("dark", depth),
            glyphs: glyphs::choose(ascii, var),
            mode,
            old: false,
        };
        let bones = |canvas: &mut crate::ui::canvas::Canvas<'_>| skeleton::draw(canvas, title, "");
        terminal.draw(&look, bones).map_err(|error| Failure::usage(error.to_string()))?;
        let (settings, wrong) = home.as_deref().map(Settings::load).unwrap_or_default();
        if let Some(first) = wrong.first() {
            drop(terminal);
            return Err(Failure::usage(first.to_string()));
        }
        let themes = home.map(|home| theme::user_folder(&home));
        if settings.ascii {
            look.glyphs = glyphs::choose(true, var);
        }
        let mut screen = Screen { terminal, settings, depth, themes, look, wake, woken };
        if let Some(name) = screen.settings.theme.clone() {
            screen.set_theme(&name).map_err(Failure::usage)?;
        }
        if screen.settings.mouse {
            screen.terminal.set_mouse(true).map_err(|error| Failure::usage(error.to_string()))?;
        }
        Ok(screen)
    }

    fn set_theme(&mut self, name: &str) -> Result<(), String> {
        self.look.theme =
            Theme::load(name, self.themes.as_deref(), self.depth).map_err(|error| error.to_string())?;
        self.terminal.repaint();
        Ok(())
    }

    /// Shows the cockpit until somebody leaves it or the run's end has been seen.
    pub(super) fn show(self, opening: Opening) -> Result<Exit, Failure> {
        let mut cockpit = Cockpit::new(opening.seat.clone(), self.settings.keymap.clone());
        cockpit.set_commands(opening.extras, theme::names(self.themes.as_deref()));
        let (page, make, run) = match opening.begin {
            Begin::Start(page, make) => (Some(page), Some(make), None),
            Begin::Run(run) => (None, None, Some(run)),
        };
        if let Some(page) = &page {
            seat::ask_identities(&page.plan, Path::new(&page.path), &self.wake);
            cockpit.on_start((**page).clone());
        }
        let mut host = Host {
            screen: self,
            cockpit,
            seat: opening.seat,
            account: opening.account,
            page,
            make,
            attached: None,
            act: opening.act,
            measured: opening.measured,
            leaving: None,
        };
        if let Some(run) = run {
            host.attach(run, false)?;
        }
        host.run()
    }
}

struct Host {
    screen: Screen,
    cockpit: Cockpit,
    seat: Seat,
    account: String,
    page: Option<Box<StartPage>>,
    make: Option<Make>,
    attached: Option<Attached>,
    act: Option<Act>,
    measured: Option<Measured>,
    /// The hold that was asked for on leaving: its answer is waited for until then.
    leaving: Option<(u64, Instant)>,
}

impl Host {
    fn run(&mut self) -> Result<Exit, Failure> {
        loop {
            match self.screen.woken.recv_timeout(TICK) {
                Ok(first) => {
                    let until = Instant::now() + GATHER;
                    let mut next = Some(first);
                    while let Some(wake) = next {
                        if let Some(exit) = self.take(wake)? {
                            return Ok(exit);
                        }
                        // A key is shown at once; news may gather for a moment.
                        next = self.screen.woken.try_recv().ok();
                        if Instant::now() > until {
                            break;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.exit()),
            }
            if self.leaving.is_some_and(|(_, until)| Instant::now() > until) {
                return Ok(self.exit());
            }
            if let Some(exit) = self.draw()? {
                return Ok(exit);
            }
        }
    }

    fn now(&self) -> Now {
        self.attached.as_ref().map_or_else(|| Clock::system().now(), |a| a.clock.now())
    }

    fn draw(&mut self) -> Result<Option<Exit>, Failure> {
        let now = self.now();
        if !self.cockpit.dirty(now) {
            return Ok(None);
        }
        self.screen.look.mode = self.cockpit.mode();
        self.screen.look.old = self.cockpit.is_old(now);
        let cockpit = &mut self.cockpit;
        let drawn = self.screen.terminal.draw(&self.screen.look, |canvas| cockpit.draw(canvas, now));
        match drawn {
            Ok(Drawn::Bytes(_)) => {
                for request in self.cockpit.shown(Instant::now()) {
                    if let Some(exit) = self.do_it(request)? {
                        return Ok(Some(exit));
                    }
                }
                Ok(None)
            }
            Ok(Drawn::Behind | Drawn::Away) => Ok(None),
            Err(error) => Err(Failure::new(Exit::LeftHeld, error.to_string())),
        }
    }

    fn take(&mut self, wake: Wake) -> Result<Option<Exit>, Failure> {
        match wake {
            Wake::Terminal(Event::Lost(Lost::HungUp)) => {
                // The link fell. The engine holds the run by itself once it hears nothing more.
                return Ok(Some(self.exit()));
            }
            Wake::Terminal(Event::Background { light }) if self.screen.settings.theme.is_none() => {
                let name = if light { "light" } else { "dark" };
                if let Err(error) = self.screen.set_theme(name) {
                    self.cockpit.say(error);
                }
            }
            Wake::Terminal(event) => {
                for request in self.cockpit.on_event(&event) {
                    if let Some(exit) = self.do_it(request)? {
                        return Ok(Some(exit));
                    }
                }
            }
            Wake::Feed(Some(failure)) => return Err(failure),
            Wake::Feed(None) => self.fed(),
            Wake::Engine(told) => return Ok(self.heard(told)),
            Wake::Identity(endpoint, said) => {
                if let Some(page) = &mut self.page {
                    if let Some(slot) = page.endpoints.iter_mut().find(|(id, _)| *id == endpoint) {
                        slot.1 = Some(said);
                    }
                    if self.make.is_some() {
                        self.cockpit.on_start((**page).clone());
                    }
                }
            }
            Wake::Launched(Ok(run)) => self.attach(run, false)?,
            Wake::Launched(Err(failure)) => return Err(failure),
            Wake::Told(Ok(text)) => {
                if let Some(attached) = &self.attached {
                    // It goes on the record: whoever reads it later must know that this was no accident.
                    let _unheard = attached.intend(Intent::Note { text: text.clone() });
                }
                self.cockpit.say(text);
            }
            Wake::Told(Err(text)) => self.cockpit.say(text),
            Wake::Ending(lines) => self.cockpit.on_ending(lines),
        }
        Ok(None)
    }

    fn attach(&mut self, run: PathBuf, take: bool) -> Result<(), Failure> {
        let keys = match &self.seat {
            Seat::Operator(name) => Some((name.clone(), self.account.clone(), take)),
            Seat::Watcher => None,
        };
        self.attached = Some(Attached::to(run, keys, &self.screen.wake)?);
        self.page = None;
        Ok(())
    }

    fn fed(&mut self) {
        let Some(attached) = &mut self.attached else { return };
        let Some(feed) = attached.take() else { return };
        let over = feed.state.is_over();
        self.cockpit.on_feed(feed);
        if over && let Some(measured) = self.measured.take() {
            let wake = self.screen.wake.clone();
            std::thread::spawn(move || {
                let _closed = wake.send(Wake::Ending(measured()));
            });
        }
    }

    fn heard(&mut self, told: FromEngine) -> Option<Exit> {
        match told {
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
            FromEngine::Answer(Answer::Accepted { id, .. }) => {
                if self.leaving.is_some_and(|(asked, _)| asked == id) {
                    return Some(self.exit());
                }
                self.cockpit.on_reply(Reply::Accepted);
                if let Some(attached) = &self.attached {
                    attached.nudge();
                }
            }
            FromEngine::Answer(Answer::Refused { id, text }) => {
                if self.leaving.is_some_and(|(asked, _)| asked == id) {
                    return Some(self.exit());
                }
                self.cockpit.on_reply(Reply::Refused(text));
            }
            FromEngine::Answer(Answer::Bye { why }) | FromEngine::Closed { why: Some(why) } => {
                self.lost_keys();
                self.cockpit.say(why);
            }
            FromEngine::Closed { why: None } => self.lost_keys(),
            FromEngine::Answer(Answer::Welcome { .. } | Answer::RefusedHello { .. }) => {}
        }
        None
    }

    fn lost_keys(&mut self) {
        if let Some(attached) = &mut self.attached {
            attached.drop_keys();
        }
    }

    fn do_it(&mut self, request: Request) -> Result<Option<Exit>, Failure> {
        match request {
            Request::Intent(intent) => {
                if let Err(why) = self.ask(|attached| attached.intend(intent)) {
                    self.cockpit.on_reply(Reply::Refused(why));
                }
            }
            Request::ShowGate { gate, revision, sheet, digest } => {
                let ask = Ask::ShowGate { gate, revision, sheet, digest };
                if let Err(why) = self.ask(|attached| attached.say(ask)) {
                    self.cockpit.say(why);
                }
            }
            Request::Start { .. } => self.make_run(),
            Request::TakeHelm => {
                if let Some(run) = self.attached.as_ref().map(|a| a.run.clone()) {
                    self.cockpit.set_seat(self.seat.clone());
                    self.attach(run, true)?;
                }
            }
            Request::Resume => self.resume(),
            Request::Quit { held } => return Ok(self.quit(held)),
            Request::Copy(text) => match self.screen.terminal.copy(&text) {
                Ok(Ok(())) => self.cockpit.say("copied, where the terminal allows it"),
                Ok(Err(error)) => self.cockpit.say(error.to_string()),
                Err(error) => return Err(Failure::new(Exit::LeftHeld, error.to_string())),
            },
            Request::Suspend => match self.screen.terminal.suspend() {
                Ok(true) => {}
                Ok(false) => self.cockpit.say("there is no shell to go back to"),
                Err(error) => self.cockpit.say(error.to_string()),
            },
            Request::Repaint => self.screen.terminal.repaint(),
            Request::Mouse(on) => {
                if let Err(error) = self.screen.terminal.set_mouse(on) {
                    self.cockpit.say(error.to_string());
                }
            }
            Request::Theme(name) => {
                if let Err(error) = self.screen.set_theme(&name) {
                    self.cockpit.say(error);
                }
            }
            Request::Look(source) => {
                if let Some(attached) = &self.attached {
                    let output = seat::look(&attached.run, &source);
                    self.cockpit.on_output(source, output);
                }
            }
            Request::Extra(id) => {
                if let Some(act) = self.act.clone() {
                    let wake = self.screen.wake.clone();
                    std::thread::spawn(move || {
                        let _closed = wake.send(Wake::Told(act(&id)));
                    });
                }
            }
        }
        Ok(None)
    }

    fn ask<T>(&self, ask: impl FnOnce(&Attached) -> Result<T, String>) -> Result<T, String> {
        self.attached.as_ref().map_or_else(|| Err("the run is not there yet".to_owned()), ask)
    }

    fn make_run(&mut self) {
        let Some(make) = self.make.take() else { return };
        let wake = self.screen.wake.clone();
        std::thread::spawn(move || {
            let _closed = wake.send(Wake::Launched(make()));
        });
    }

    /// The engine is gone: it is started again, and the run opens in hold.
    fn resume(&mut self) {
        let Some(run) = self.attached.as_ref().map(|a| a.run.clone()) else { return };
        self.cockpit.say("the engine is being started again");
        let wake = self.screen.wake.clone();
        std::thread::spawn(move || {
            let launched = seat::launch(&run).map(|()| run);
            let _closed = wake.send(Wake::Launched(launched));
        });
    }

    fn quit(&mut self, held: bool) -> Option<Exit> {
        if held
            && let Some(attached) = &self.attached
            && let Ok(id) = attached.intend(Intent::Hold { reason: "the operator left".to_owned() })
        {
            self.leaving = Some((id, Instant::now() + Duration::from_secs(3)));
            return None;
        }
        Some(self.exit())
    }

    fn exit(&self) -> Exit {
        let stage = self.attached.as_ref().and_then(Attached::stage);
        match (stage, &self.seat) {
            (Some(Stage::Over(ending)), _) => ending.into(),
            (_, Seat::Watcher) | (None, Seat::Operator(_)) => Exit::Done,
            (Some(Stage::Forward | Stage::Back(_) | Stage::Aborting), Seat::Operator(_)) => Exit::LeftHeld,
        }
    }
}
