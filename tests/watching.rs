//! Who watches sees what the operator sees, and the truth when cockpit or engine is gone: two screens in two real
//! ptys, side by side through the demo.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unused_self,
    reason = "what a test relies on and does not find fails the test"
)]

#[path = "demo/hand.rs"]
mod hand;
mod oracle;
mod pty;

use std::time::{Duration, Instant};

use hand::Demo;
use pty::Terminal;

/// How long two screens may take to be the same.
const PATIENCE: Duration = Duration::from_secs(20);

/// What both must show alike: everything but clocks, ages, whose eyes they are and what only a driver can press.
fn shown(screen: &str) -> Vec<String> {
    let own = |line: &&str| {
        // What a driver is asked to type, and the watcher told instead; the notice of the driver's own keys.
        !["g then ", "the decision is at their keys", "keys that came before", " demo: "]
            .iter()
            .any(|w| line.contains(w))
    };
    let lines: Vec<&str> = screen.lines().collect();
    let body = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
    body.iter().copied().filter(own).map(masked).filter(|line| !line.is_empty()).collect()
}

/// Without what moves by itself (times of day, spans), the keys that a driver is offered, and the frame, which says
/// whose eyes they are.
fn masked(line: &str) -> String {
    let moves = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let rest: String = word.chars().filter(|c| !c.is_ascii_digit()).collect();
        digits > 0 && ["s", ":", "::", "m", "ms", "h", "hm", ".s", "s…", "…"].contains(&rest.as_str())
    };
    let own = ["a", "answer", "W", "A", "T", "C", "H", "WATCH"];
    let frame = |c: char| "┃╎━╌┏┓┗┛┌┐└┘│".contains(c);
    line.replace(frame, " ")
        .split_whitespace()
        .filter(|word| !moves(word) && !own.contains(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn seq(screen: &str) -> Option<String> {
    let last = screen.lines().last()?;
    last.split_whitespace().find(|word| word.starts_with('#')).map(str::to_owned)
}

struct Two {
    demo: Demo,
    watcher: Terminal,
}

impl Two {
    fn start() -> Two {
        let mut demo = Demo::start();
        demo.prepare();
        let watcher = Terminal::start(demo.home(), 120, 36, &["watch"]);
        Two { demo, watcher }
    }

    /// Waits until both show the same at the same record.
    fn are_the_same(&mut self, at: &str) {
        let began = Instant::now();
        loop {
            self.demo.terminal.pump(Duration::from_millis(40));
            self.watcher.pump(Duration::from_millis(40));
            let (ours, theirs) = (self.demo.terminal.screen(), self.watcher.screen());
            let (a, b) = (shown(&ours), shown(&theirs));
            if seq(&ours).is_some() && seq(&ours) == seq(&theirs) && a == b {
                assert!(a.len() > 10, "hardly anything was compared: {a:?}");
                println!("{at}: {} lines the same at {}", a.len(), seq(&ours).unwrap());
                return;
            }
            if began.elapsed() > PATIENCE {
                let differ: Vec<_> = a.iter().zip(&b).filter(|(a, b)| a != b).collect();
                panic!("{at}: they differ: {differ:#?}\n{ours}\n{theirs}");
            }
        }
    }
}

#[test]
fn a_watcher_sees_what_the_operator_sees() {
    let mut two = Two::start();
    two.watcher.shows("WATCH");
    two.are_the_same("at the first gate");
    two.demo.go();
    two.demo.terminal.shows("price-job");
    two.demo.end_the_price_job();
    two.are_the_same("at the switch");
    two.demo.go();
    two.demo.terminal.shows("GO / NO-GO   Announce success");
    two.are_the_same("before it is announced");
    two.demo.go();
    two.demo.terminal.shows("orders missing");
    two.watcher.shows("done");
    two.watcher.text("q");
    assert_eq!(two.watcher.exit(), 0);
    two.demo.ends(0);
}

/// How long a screen takes to show something, from now.
fn takes(terminal: &mut Terminal, text: &str) -> Duration {
    let began = Instant::now();
    terminal.shows(text);
    began.elapsed()
}

#[test]
fn an_engine_that_is_stopped_goes_stale_and_then_out_of_contact_on_both_screens() {
    let mut two = Two::start();
    two.are_the_same("before");
    let pid = pty::engine(two.demo.home());
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let began = Instant::now();
    for (text, least, most) in [("STALE", 2, 6), ("NO CONTACT", 9, 14)] {
        takes(&mut two.watcher, text);
        takes(&mut two.demo.terminal, text);
        let took = began.elapsed().as_secs();
        assert!((least..=most).contains(&took), "{text} after {took} s");
    }
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    two.watcher.gone("NO CONTACT");
    two.demo.terminal.gone("NO CONTACT");
}

#[test]
fn an_engine_that_is_killed_is_said_to_be_gone_and_one_key_takes_the_run_up_again() {
    let mut two = Two::start();
    two.are_the_same("before");
    let pid = pty::engine(two.demo.home());
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(takes(&mut two.watcher, "NO CONTACT") < Duration::from_secs(12));
    two.demo.terminal.shows("NO CONTACT");
    two.demo.terminal.pump(Duration::from_secs(2));
    two.demo.terminal.text("R");
    two.demo.terminal.gone("NO CONTACT");
    two.watcher.gone("NO CONTACT");
    two.demo.terminal.shows("HELD");
    two.watcher.shows("HELD");
}

#[test]
fn a_cockpit_that_is_killed_leaves_the_run_held_and_the_watcher_told() {
    let mut two = Two::start();
    two.are_the_same("before");
    let pid = rustix::process::Pid::from_raw(two.demo.terminal.pid()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(takes(&mut two.watcher, "HELD") < Duration::from_secs(10));
    two.watcher.shows("nobody drives");
}
