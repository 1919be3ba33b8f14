//! The loop, and what everything that wakes it means.

use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use super::line::Line;
use super::screen::Screen;
use super::shown::Shown;
use super::{Act, Begin, Launched, Make, Measured, Opening, Wake, identities};
use crate::cli::exit::{Exit, Failure};
use crate::cli::who;
use crate::clock::{Clock, Now};
use crate::engine::state::Stage;
use crate::panes::{Cockpit, Reply, Request, Seat, StartPage};
use crate::process::Detached;
use crate::session::feed::{Following, Snapshot};
use crate::ui::input::{Event, Lost};
use crate::ui::terminal::{Drawn, TerminalError};

/// How long a frame waits for more to happen: a burst of news is one frame.
const GATHER: Duration = Duration::from_millis(4);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(250);

/// What the shell is told where there is no run.
const NOTHING_STARTED: &str = "nothing was started";
const NOT_UP: &str = "left before the run was up: `cutover runs` shows how it stands";

/// A cockpit and everything that it is joined to.
pub(super) struct Host {
    pub(super) screen: Screen,
    pub(super) cockpit: Cockpit,
    /// Whose eyes, as they sat down; the keys may have been lost since.
    pub(super) seat: Seat,
    page: Option<Box<StartPage>>,
    make: Option<Make>,
    pub(super) run: Option<PathBuf>,
    engine: Option<Detached>,
    pub(super) following: Option<Following>,
    pub(super) line: Option<Line>,
    shown: Shown,
    pub(super) seen: Option<Snapshot>,
    pub(super) act: Option<Act>,
    measured: Option<Measured>,
    /// The hold that was asked for on leaving: its answer is waited for until then.
    pub(super) leaving: Option<(u64, Instant)>,
    pub(super) left: Option<Exit>,
    /// A run is being made, or its engine brought up.
    begun: bool,
}

impl Host {
    pub(super) fn open(screen: Screen, opening: Opening) -> Result<Host, Failure> {
        let mut cockpit = Cockpit::new(opening.seat.clone(), screen.settings.keymap.clone());
        cockpit.set_commands(opening.extras, crate::ui::theme::names(screen.themes.as_deref()));
        if matches!(opening.begin, Begin::Watch(_)) {
            cockpit.only_watches();
        }
        if let Some(wrong) = screen.wrong.first() {
            cockpit.say(wrong.clone());
        }
        let mut host = Host {
            screen,
            cockpit,
            seat: opening.seat,
            page: None,
            make: None,
            run: None,
            engine: None,
            following: None,
            line: None,
            shown: Shown::default(),
            seen: None,
            act: opening.act,
            measured: opening.measured,
            leaving: None,
            left: None,
            begun: false,
        };
        match opening.begin {
            Begin::Start(page, make) => {
                host.cockpit.on_start((*page).clone());
                for endpoint in page.plan.endpoints.iter().map(|e| e.id.clone()) {
                    let (plan, file) = (page.plan.clone(), PathBuf::from(&page.path));
                    host.aside(move || {
                        let said = identities::ask(&plan, &file, &endpoint);
                        Wake::Identity(endpoint, said)
                    });
                }
                host.page = Some(page);
                host.make = Some(make);
            }
            Begin::Drive(make) => {
                host.make = Some(make);
                host.launch();
            }
            Begin::Watch(run) => host.watch(run)?,
        }
        Ok(host)
    }

    /// Until somebody leaves; gives the run's folder, else why there is none, and how the program ends.
    pub(super) fn run(mut self) -> Result<(Result<PathBuf, &'static str>, Exit), Failure> {
        // What is there already waits for no event.
        self.draw()?;
        loop {
            match self.screen.woken.recv_timeout(TICK) {
                Ok(first) => {
                    let until = Instant::now() + GATHER;
                    let mut next = Some(first);
                    while let Some(wake) = next {
                        self.take(wake)?;
                        // Time first: what has been received is taken, or it would be lost.
                        next = (Instant::now() < until).then(|| self.screen.woken.try_recv().ok()).flatten();
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.tend();
            self.draw()?;
            if let Some(exit) = self.left {
                let none = if self.begun { NOT_UP } else { NOTHING_STARTED };
                return Ok((self.run.ok_or(none), exit));
            }
        }
    }

    /// Does something that may take its time on a thread of its own, and tells of its end.
    pub(super) fn aside(&mut self, what: impl FnOnce() -> Wake + Send + 'static) {
        let wake = self.screen.wake.clone();
        let run = move || {
            // Whoever sat here has left; then nobody wants to know.
            let _left = wake.send(what());
        };
        if let Err(error) = thread::Builder::new().name("aside".to_owned()).spawn(run) {
            self.cockpit.say(format!("this machine gives no more threads: {error}"));
        }
    }

    /// Makes the run, or brings its engine up.
    pub(super) fn launch(&mut self) {
        if let Some(make) = self.make.clone() {
            self.begun = true;
            self.aside(move || Wake::Launched(make()));
        }
    }

    fn watch(&mut self, run: PathBuf) -> Result<(), Failure> {
        let wake = self.screen.wake.clone();
        let following = Following::begin(run.clone(), move |told| {
            // A full queue wakes as well, and the newest snapshot waits until it is taken.
            let _full = wake.try_send(Wake::Feed(told.err()));
        });
        let no_thread =
            |error| Failure::new(Exit::NotProved, format!("no thread to follow the run: {error}"));
        self.following = Some(following.map_err(no_thread)?);
        self.run = Some(run);
        Ok(())
    }

    fn take(&mut self, wake: Wake) -> Result<(), Failure> {
        match wake {
            Wake::Terminal(event) => self.at_terminal(&event)?,
            Wake::Feed(Some(error)) => return Err(error.into()),
            Wake::Feed(None) => {
                if let Some(seen) = self.following.as_ref().and_then(Following::take) {
                    self.fed(seen);
                }
            }
            Wake::Connected(generation, told) => {
                let told = self.line.as_mut().and_then(|line| line.connected(generation, told));
                match told {
                    Some(Ok(())) => self.cockpit.set_seat(self.seat.clone()),
                    Some(Err(error)) => self.not_connected(&error),
                    None => {}
                }
            }
            Wake::Engine(generation, told) => {
                if self.line.as_mut().is_some_and(|line| line.heard(generation, &told)) {
                    self.heard(told);
                }
            }
            Wake::Identity(endpoint, said) => {
                if let Some(page) = &mut self.page {
                    for slot in page.endpoints.iter_mut().filter(|(id, _)| *id == endpoint) {
                        slot.1 = Some(said.clone());
                    }
                    if self.seen.is_none() {
                        self.cockpit.on_start((**page).clone());
                    }
                }
            }
            Wake::Launched(Ok(launched)) => self.launched(launched)?,
            // Nobody has seen anything yet: the shell is the place to say it.
            Wake::Launched(Err(failure)) if self.page.is_none() && self.seen.is_none() => {
                return Err(failure);
            }
            Wake::Launched(Err(failure)) => {
                self.begun = false;
                self.cockpit.on_reply(Reply::Refused(failure.message));
            }
            Wake::Found(source, output) => self.cockpit.on_output(source, output),
            Wake::Told(told) => self.told(told),
            Wake::Ending(lines) => self.cockpit.on_ending(lines),
        }
        Ok(())
    }

    fn at_terminal(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            // The link fell. The engine holds the run by itself once it hears nothing more.
            Event::Lost(Lost::HungUp) => {
                self.left = Some(self.exit());
                return Ok(());
            }
            Event::Lost(Lost::Panicked) => {
                return Err(Failure::new(
                    Exit::NotProved,
                    "a part of the cockpit has failed, as was said above",
                ));
            }
            Event::Background { light } if self.screen.settings.theme.is_none() => {
                let told = self.screen.set_theme(if *light { "light" } else { "dark" });
                if let Err(error) = told {
                    self.cockpit.say(error);
                }
            }
            _ => {}
        }
        for request in self.cockpit.on_event(event) {
            self.do_it(request)?;
        }
        Ok(())
    }

    fn launched(&mut self, Launched { run, engine }: Launched) -> Result<(), Failure> {
        self.engine = engine.or(self.engine.take());
        if self.following.is_none() {
            self.watch(run.clone())?;
        }
        match (&mut self.line, &self.seat) {
            (Some(line), _) => line.connect(false),
            (None, Seat::Operator(name)) => {
                let wake = self.screen.wake.clone();
                self.line = Some(Line::open(run.clone(), name.clone(), who::account(), wake));
            }
            (None, Seat::Watcher) => {}
        }
        self.make = Some(crate::cli::open::raise(run));
        Ok(())
    }

    /// The run has gone on.
    fn fed(&mut self, seen: Snapshot) {
        self.cockpit.on_feed(self.shown.feed(&seen));
        if seen.state.is_over()
            && let Some(measured) = self.measured.take()
        {
            self.aside(move || Wake::Ending(measured()));
        }
        // What the run began from is kept no longer than it is shown: it holds a whole plan.
        self.page = None;
        self.seen = Some(seen);
    }

    pub(super) fn is_over(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.state.is_over())
    }

    /// What has to be seen to whether anything happened or not.
    fn tend(&mut self) {
        // A child that has ended and is never asked stays in the process list.
        self.engine.take_if(|engine| matches!(engine.ended(), Ok(Some(_))));
        let alive = self.seen.as_ref().is_none_or(|seen| seen.engine) && !self.is_over();
        if let Some(line) = &mut self.line {
            line.tend(alive);
        }
        if self.leaving.is_some_and(|(_, until)| until <= Instant::now()) {
            self.left = Some(self.exit());
        }
    }

    fn now(&self) -> Now {
        self.seen.as_ref().map_or_else(|| Clock::system().now(), |seen| seen.clock.now())
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let now = self.now();
        // Until there is something to show, the bones stay.
        if !self.cockpit.dirty(now) || (self.seen.is_none() && self.page.is_none()) {
            return Ok(());
        }
        self.screen.look.mode = self.cockpit.mode();
        self.screen.look.old = self.cockpit.is_old(now);
        let cockpit = &mut self.cockpit;
        let drawn = self.screen.terminal.draw(&self.screen.look, |canvas| cockpit.draw(canvas, now));
        match drawn {
            Ok(Drawn::Bytes(_)) => {}
            // A hang-up comes as an event too.
            Ok(Drawn::Behind | Drawn::Away) | Err(TerminalError::Lost(Lost::HungUp)) => return Ok(()),
            Err(error) => return Err(Failure::new(Exit::NotProved, error.to_string())),
        }
        for request in self.cockpit.shown(Instant::now()) {
            if matches!(request, Request::ShowGate { .. }) {
                // What was typed before the gate stood there was not meant for it.
                let _lost = self.screen.terminal.input().flush_typed_ahead();
            }
            self.do_it(request)?;
        }
        Ok(())
    }

    /// How the program ends if somebody leaves now.
    pub(super) fn exit(&self) -> Exit {
        match (self.seen.as_ref().map(|seen| seen.state.stage), &self.seat) {
            (Some(Stage::Over(ending)), Seat::Operator(_)) => ending.into(),
            // Who only watched leaves nothing behind, nor does who never began.
            (_, Seat::Watcher) => Exit::Done,
            // … unless it could not have begun.
            (None, Seat::Operator(_)) => match self.page.as_ref().and_then(|page| page.in_the_way()) {
                Some(_) => Exit::NotProved,
                None => Exit::Done,
            },
            (Some(Stage::Forward | Stage::Back(_) | Stage::Aborting), Seat::Operator(_)) => Exit::LeftHeld,
        }
    }
}
