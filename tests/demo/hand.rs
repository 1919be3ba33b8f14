//! The hand that drives `cutover demo`: what is pressed, and what has to stand on the screen before.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use cutover::demo::Side;
use tempfile::TempDir;

use crate::oracle::Oracle;
use crate::pty::Terminal;

/// The demo in a terminal, and a person before it.
pub(crate) struct Demo {
    home: TempDir,
    pub(crate) terminal: Terminal,
    /// The shop's own process, where it was not `demo` that opened it.
    world: Option<Child>,
}

impl Demo {
    pub(crate) fn start() -> Demo {
        let home = TempDir::new().unwrap();
        let dir = home.path().join("shop");
        let terminal =
            Terminal::start(home.path(), 120, 36, &["demo", "--fast", "--dir", dir.to_str().unwrap()]);
        Demo { home, terminal, world: None }
    }

    /// Before a shop, below `home`, that somebody else has opened, and a run that somebody else has begun.
    pub(crate) fn of(home: TempDir, terminal: Terminal, world: Child) -> Demo {
        Demo { home, terminal, world: Some(world) }
    }

    /// What the program takes for the home folder.
    pub(crate) fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    fn shop(&self) -> PathBuf {
        self.home.path().join("shop")
    }

    /// The start page, and everything up to the first gate.
    pub(crate) fn prepare(&mut self) {
        let t = &mut self.terminal;
        t.shows("Type cloud to start");
        t.shows("is demo-dc1");
        // A machine that is very busy reads several keys at once, and takes them for a paste.
        t.until_typed("cloud");
        t.shows("Tell the customers");
        t.text("c");
        t.shows("A note?");
        t.enter();
        t.shows("GO / NO-GO   Stop writes");
    }

    /// Says GO.
    pub(crate) fn go(&mut self) {
        self.terminal.go();
    }

    /// Answers every alarm that wants an answer, until everything at the gate holds.
    pub(crate) fn answers_alarms(&mut self) {
        self.terminal.answers_alarms();
    }

    /// NO-GO, and then the way back.
    pub(crate) fn turn_back(&mut self) {
        self.terminal.turn_back();
    }

    /// The price job writes behind the fence: it is found, ended from the census, and everything ticks again.
    pub(crate) fn end_the_price_job(&mut self) {
        let t = &mut self.terminal;
        t.shows("price-job");
        t.text("4");
        t.shows("Sessions older than the fence");
        t.text("G");
        t.text("x");
        t.shows("to end its session");
        t.until_typed("price-job");
        t.until("the session is gone", |s| (!s.contains("Sessions older")).then_some(()));
        t.text("1");
        t.shows("GO / NO-GO   Send users to the cloud");
        // The breach raised alarms: they want an answer before anybody goes on.
        self.answers_alarms();
    }

    /// The run is over, and the shop is closed: every order stands once on this side, the sides took orders in these
    /// turns, and both hold the same.
    pub(crate) fn is_over_on(&mut self, side: Side, turns: &[&str], exit: u32) {
        self.terminal.shows("orders missing");
        self.ends(exit);
        self.oracle().every_order_stands_once(side);
        assert_eq!(self.oracle().turns(), turns);
        self.oracle().both_the_same();
    }

    /// Ends the shop, so that nothing moves any more.
    pub(crate) fn ends(&mut self, exit: u32) {
        self.terminal.pump(Duration::from_secs(1));
        println!("{}", self.terminal.screen());
        self.terminal.text("q");
        assert_eq!(self.terminal.exit(), exit);
    }

    /// Where the front door sends users.
    pub(crate) fn users_are_on(&self) -> Side {
        cutover::demo::control::status(&self.shop()).unwrap().door.to
    }

    /// The judge of this shop.
    pub(crate) fn oracle(&self) -> Oracle {
        Oracle::of(self.shop())
    }

    /// Does something to the shop, from the palette.
    pub(crate) fn does(&mut self, words: &str, title: &str) {
        self.terminal.opens_the_palette();
        let t = &mut self.terminal;
        t.text(words);
        t.shows(title);
        t.enter();
        t.shows(&format!("demo: {title}: "));
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A demo that failed leaves an engine and a shop behind.
        let _ended = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .arg("__world-do")
            .arg(self.shop())
            .arg("end")
            .output();
        if let Some(mut world) = self.world.take() {
            let _killed = world.kill();
            let _waited = world.wait();
        }
    }
}
