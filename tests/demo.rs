//! `cutover demo`, driven with keys alone in a real pty: to its end, and back. The oracle is not ours: the client's
//! log against the `sqlite3` command.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test relies on and does not find fails the test"
)]

mod pty;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

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

    /// Says GO at an ordinary gate.
    fn go(&mut self) {
        let code = self.terminal.code();
        // The gate arms a moment after it was drawn; a person needs longer to read it.
        self.terminal.pump(std::time::Duration::from_millis(1700));
        self.terminal.text("g");
        self.terminal.text(&code);
        self.terminal.enter();
    }

    /// The price job writes behind the fence: it is found, ended from the census, and everything ticks again.
    fn end_the_price_job(&mut self) {
        let t = &mut self.terminal;
        t.shows("nightly price job");
        t.text("4");
        t.shows("Sessions older than the fence");
        t.text("G");
        t.text("x");
        t.pump(std::time::Duration::from_millis(800));
        println!("{}", t.screen());
        t.text("nightly price job");
        t.enter();
        t.pump(std::time::Duration::from_millis(800));
        println!("{}", t.screen());
        t.text("1");
        t.text("a");
        t.shows("GO / NO-GO   Send users to the cloud");
        println!("{}", t.screen());
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
    println!("{}", demo.terminal.screen());
}
