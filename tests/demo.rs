//! `cutover demo`, driven with keys alone in a real pty: to its end, and back. The oracle is not ours: the client's
//! log against the `sqlite3` command.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unused_self,
    reason = "what a test relies on and does not find fails the test"
)]

mod pty;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pty::Terminal;
use tempfile::TempDir;

struct Demo {
    home: TempDir,
    terminal: Terminal,
}

impl Demo {
    fn start() -> Demo {
        let home = TempDir::new().unwrap();
        let dir = home.path().join("shop");
        let terminal =
            Terminal::start(home.path(), 120, 36, &["demo", "--fast", "--dir", dir.to_str().unwrap()]);
        Demo { home, terminal }
    }

    fn shop(&self) -> PathBuf {
        self.home.path().join("shop")
    }

    /// The start page, and everything up to the first gate.
    fn prepare(&mut self) {
        let t = &mut self.terminal;
        t.shows("Type cloud to start");
        t.shows("is demo-dc1");
        t.text("cloud");
        t.enter();
        t.shows("Tell the customers");
        t.text("c");
        t.shows("A note?");
        t.enter();
        t.shows("GO / NO-GO   Stop writes");
    }

    /// Says GO: what stands on the gate, once it is armed.
    fn go(&mut self) {
        let answer = self.terminal.answer();
        // The gate arms a moment after it was drawn; a person needs longer to read it.
        self.terminal.pump(Duration::from_millis(1700));
        self.terminal.text("g");
        self.terminal.text(&answer);
        self.terminal.enter();
    }

    /// NO-GO, and then the way back.
    fn turn_back(&mut self) {
        let t = &mut self.terminal;
        // A key that came before the gate could be read would be dropped.
        t.pump(Duration::from_millis(1500));
        t.text("n");
        t.shows("enter done");
        t.text("we turn back");
        t.enter();
        t.shows("held");
        self.roll_back();
    }

    fn roll_back(&mut self) {
        let t = &mut self.terminal;
        t.text(":");
        t.text("roll");
        t.shows("rollback");
        t.enter();
        t.pump(Duration::from_millis(300));
        t.text("we turn back");
        t.enter();
        t.until("the way back's gate asks", |s| s.contains("g then").then_some(()));
        self.go();
    }

    /// The price job writes behind the fence: it is found, ended from the census, and everything ticks again.
    fn end_the_price_job(&mut self) {
        let t = &mut self.terminal;
        t.shows("price-job");
        t.text("4");
        t.shows("Sessions older than the fence");
        t.text("G");
        t.text("x");
        t.shows("to end its session");
        t.text("price-job");
        t.enter();
        t.until("the session is gone", |s| (!s.contains("Sessions older")).then_some(()));
        t.text("1");
        t.shows("GO / NO-GO   Send users to the cloud");
        // The breach raised alarms: they want an answer before anybody goes on.
        for _ in 0..20 {
            t.pump(Duration::from_millis(700));
            if !t.screen().contains("not answered") {
                return;
            }
            t.text("a");
        }
    }

    /// Ends the shop, so that nothing moves any more.
    fn ends(&mut self, exit: u32) {
        self.terminal.pump(Duration::from_secs(1));
        println!("{}", self.terminal.screen());
        self.terminal.text("q");
        assert_eq!(self.terminal.exit(), exit);
    }

    fn accepted(&self) -> Vec<String> {
        std::fs::read_to_string(self.shop().join("client.log"))
            .unwrap()
            .lines()
            .map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .filter(|words| words.last().is_some_and(|status| status == "201"))
            .map(|words| words[3].clone())
            .collect()
    }

    fn every_order_stands_once_on(&self, side: &str) {
        let counts: HashMap<String, String> =
            sqlite(&self.shop().join(format!("{side}.db")), "select id, count(*) from orders group by id")
                .lines()
                .filter_map(|line| line.split_once('|'))
                .map(|(id, n)| (id.to_owned(), n.to_owned()))
                .collect();
        let accepted = self.accepted();
        assert!(accepted.len() > 100, "{} orders only", accepted.len());
        for id in accepted {
            assert_eq!(counts.get(&id).map(String::as_str), Some("1"), "{id} on the {side}");
        }
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
    }
}

fn sqlite(db: &Path, sql: &str) -> String {
    let out = Command::new("sqlite3").args(["-cmd", ".timeout 10000"]).arg(db).arg(sql).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn keys_alone_bring_the_demo_to_its_end() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.go();
    demo.terminal.shows("GO / NO-GO   Announce success");
    demo.go();
    demo.terminal.shows("orders missing");
    demo.ends(0);
    demo.every_order_stands_once_on("target");
}

#[test]
fn turned_back_before_the_switch_nothing_has_moved() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.turn_back();
    demo.terminal.shows("orders missing");
    demo.ends(1);
    demo.every_order_stands_once_on("source");
}

#[test]
fn turned_back_after_the_switch_every_order_comes_back() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.go();
    demo.terminal.shows("GO / NO-GO   Announce success");
    demo.turn_back();
    demo.terminal.shows("orders missing");
    demo.ends(1);
    demo.every_order_stands_once_on("source");
}
