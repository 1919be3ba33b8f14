//! The same in a real pty: the built program, its engine and its socket, a gate, and a file that a probe looks for.

use std::path::PathBuf;
use std::time::Duration;

use cutover::engine::State;
use cutover::engine::event::{Decision, Event};
use cutover::session::feed::Feed;
use tempfile::TempDir;

use crate::dice::Dice;
use crate::pty::{PATIENCE, Terminal};
use crate::room::ms;

const PLAN: &str = r#"
[plan]
name     = "Night"
strategy = "near-zero-downtime"
source   = "dc1"
target   = "cloud"
window   = { opens = "start", length = "1h" }

[[probe]]
id      = "backup"
every   = "1s"
timeout = "1s"
command = ["test", "-e", "good"]

[[phase]]
id    = "one"
title = "One"
t0    = true

[[phase.step]]
id    = "go"
title = "Go"
gate  = { after = "It has moved." }

[[phase.step]]
id      = "moved"
title   = "Moved"
command = ["touch", "moved"]
timeout = "1m"
"#;

/// A terminal with a gate open on it, and the run behind it.
struct Night {
    home: TempDir,
    terminal: Terminal,
    run: PathBuf,
}

impl Night {
    /// The gate is open and armed. `ahead` is typed while the run begins.
    fn at_the_gate(ahead: &str) -> (Night, String) {
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("plan.toml"), PLAN).unwrap();
        std::fs::write(home.path().join("good"), "").unwrap();
        let mut terminal = Terminal::start(home.path(), 100, 30, &["run", "plan.toml", "--as", "maria"]);
        terminal.shows("Type cloud to start");
        let runs = home.path().join("state/cutover/runs");
        let begun = || {
            let mut found = std::fs::read_dir(&runs).ok()?.filter_map(Result::ok).map(|entry| entry.path());
            found.find(|path| path.join("journal").exists())
        };
        // A machine that is very busy reads several keys at once, which is a paste: then the word is typed again.
        let run = loop {
            terminal.text("cloud");
            terminal.enter();
            terminal.bytes(ahead.as_bytes());
            let refused = |screen: &str| {
                ["not the target's word", "a paste starts nothing"].iter().any(|said| screen.contains(said))
            };
            let answer = terminal.until("the run has a folder, or the word is refused", |screen| {
                begun().map(Some).or_else(|| refused(screen).then_some(None))
            });
            if let Some(run) = answer {
                break run;
            }
        };
        let mut night = Night { home, terminal, run };
        night.terminal.shows("GO / NO-GO   Go");
        let answer = night.terminal.answer();
        (night, answer)
    }

    /// The run as it stands in its files.
    fn record(&self) -> (Vec<Event>, State) {
        let mut feed = Feed::open(&self.run).unwrap();
        feed.poll();
        let seen = feed.snapshot();
        assert_eq!(seen.damage, None);
        let events = seen.entries.iter().flat_map(|entry| entry.events.clone()).collect();
        (events, (*seen.state).clone())
    }

    fn gos(&self) -> usize {
        let go = |event: &&Event| matches!(event, Event::GateDecided { decision: Decision::Go, .. });
        self.record().0.iter().filter(go).count()
    }

    fn has_moved(&self) -> bool {
        self.home.path().join("moved").exists()
    }

    /// Waits until everything that was typed has had its effect: what is typed last has.
    fn settle(&mut self) {
        let began = std::time::Instant::now();
        loop {
            let state = self.record().1;
            if state.hold.is_some() || state.is_over() {
                return;
            }
            self.terminal.bytes(b"\x1b[20~");
            self.terminal.pump(ms(250));
            assert!(began.elapsed() < PATIENCE, "no HOLD:\n{}", self.terminal.screen());
        }
    }

    fn key(&mut self, byte: u8, then: Duration) {
        self.terminal.bytes(&[byte]);
        self.terminal.pump(then);
    }

    fn types(&mut self, dice: &mut Dice, text: &str) {
        for byte in text.bytes() {
            let pause = dice.span(70, 160);
            self.key(byte, pause);
        }
    }

    fn spoil(&self) {
        std::fs::remove_file(self.home.path().join("good")).unwrap();
    }
}

impl Drop for Night {
    /// The engine has no terminal, and would wait for somebody to come back.
    fn drop(&mut self) {
        if let Ok(lock) = std::fs::read_to_string(self.run.join("lock"))
            && let Some(pid) = lock.split(' ').next().and_then(|pid| pid.parse().ok())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
            && std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*self.run.to_string_lossy()))
        {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// How many: each takes some seconds of real time.
fn seeds() -> Vec<u64> {
    crate::seeds(3, 25)
}

fn tried(kind: &str, how: fn(&mut Dice) -> Night) {
    let (mut gos, mut effects) = (0, 0);
    let seeds = seeds();
    for seed in &seeds {
        let mut night = how(&mut Dice::new(*seed));
        night.settle();
        gos += night.gos();
        effects += usize::from(night.has_moved());
        assert_eq!((gos, effects), (0, 0), "{kind}, seed {seed}:\n{}", night.terminal.screen());
    }
    eprintln!("gates in a pty: {kind}: {} tries, {gos} GO, {effects} effects", seeds.len());
}

#[test]
fn honest_entries_say_go() {
    let seeds = seeds();
    for seed in &seeds {
        let dice = &mut Dice::new(*seed);
        let (mut night, answer) = Night::at_the_gate("");
        night.types(dice, &format!("g{answer}\r"));
        let home = night.home.path().to_owned();
        night.terminal.until("it has moved", |_| home.join("moved").exists().then_some(()));
        assert_eq!(night.gos(), 1, "seed {seed}");
    }
    eprintln!("gates in a pty: honest entries: {0} tries, {0} GO, {0} effects", seeds.len());
}

#[test]
fn keys_from_before_the_gate_was_drawn_say_nothing() {
    tried("keys before the gate", |dice| {
        let ahead = dice.pick(&["", "g", "gabcd\r", "g\r\r\r"]);
        let (mut night, answer) = Night::at_the_gate(ahead);
        // The window loses the keyboard: the gate is drawn anew, and what stood on it is typed on.
        let all = format!("g{answer}\r");
        match dice.below(3) {
            0 => night.terminal.bytes(format!("\x1b[O\x1b[I{all}").as_bytes()),
            1 => {
                night.terminal.bytes(b"\x1b[O\x1b[I");
                for byte in all.bytes() {
                    let pause = dice.span(10, 35);
                    night.key(byte, pause);
                }
            }
            _ => {
                let (first, rest) = all.split_at(dice.from(1, all.len() - 1));
                night.types(dice, first);
                night.terminal.bytes(b"\x1b[O\x1b[I");
                night.types(dice, rest);
            }
        }
        night
    });
}

#[test]
fn a_held_key_says_nothing() {
    tried("held keys", |dice| {
        let (mut night, answer) = Night::at_the_gate("");
        let all = format!("g{answer}\r");
        let which = dice.below(answer.len() + 1);
        for (at, byte) in all.bytes().enumerate() {
            // The letter that is held, or all of them.
            if which == answer.len() || at == which + 1 {
                for again in 0..dice.from(3, 20) {
                    night.key(byte, ms(if again == 0 { 250 } else { 33 }));
                }
            } else {
                night.key(byte, ms(120));
            }
        }
        night
    });
}

#[test]
fn a_paste_of_the_right_entry_says_nothing() {
    tried("pastes", |dice| {
        let (mut night, answer) = Night::at_the_gate("");
        let in_field = dice.once_in(2);
        if in_field {
            night.types(dice, "g");
        }
        let all = if in_field { format!("{answer}\r") } else { format!("g{answer}\r") };
        match dice.below(3) {
            0 => night.terminal.bytes(format!("\x1b[200~{all}\x1b[201~").as_bytes()),
            1 => night.terminal.bytes(format!("\x1b[200~x\x1b[201~{all}").as_bytes()),
            _ => night.terminal.bytes(all.as_bytes()),
        }
        night.terminal.pump(ms(300));
        night.types(dice, "\r");
        night
    });
}

#[test]
fn random_keys_say_nothing() {
    tried("random keys", |dice| {
        let (mut night, answer) = Night::at_the_gate("");
        // One letter of the code is never typed: chance alone must not say GO. What leaves the program is not, either.
        let never = answer.as_bytes()[dice.below(4)];
        let keys: Vec<u8> = answer.bytes().chain(*b"gg\r\r\x1b\x7f1a").filter(|key| *key != never).collect();
        for _ in 0..40 {
            match dice.below(6) {
                0 => night.terminal.bytes(dice.pick(&[
                    b"\x1b[A".as_slice(),
                    b"\x1b[B",
                    b"\x1b[O\x1b[I",
                    b"\x1b[6~",
                ])),
                _ => night.terminal.bytes(&[dice.pick(&keys)]),
            }
            let pause = dice.span(0, 150);
            night.terminal.pump(pause);
        }
        night
    });
}

#[test]
fn evidence_that_worsens_while_somebody_types_voids_what_they_type() {
    tried("evidence that worsens", |dice| {
        let (mut night, answer) = Night::at_the_gate("");
        let all = format!("g{answer}");
        let (first, rest) = all.split_at(dice.below(all.len() + 1));
        night.types(dice, first);
        night.spoil();
        let began = std::time::Instant::now();
        while night.record().1.gates["go"].sheet.as_ref().is_none_or(|sheet| sheet.number == 1) {
            night.terminal.pump(ms(20));
            assert!(began.elapsed() < PATIENCE, "nothing worsens:\n{}", night.terminal.screen());
        }
        night.types(dice, rest);
        night.types(dice, "\r");
        // It gets well again, and what was typed stays void.
        std::fs::write(night.home.path().join("good"), "").unwrap();
        night.terminal.pump(ms(3_000));
        if !night.terminal.screen().contains(&answer) {
            night.types(dice, &format!("g{answer}\r"));
        }
        night
    });
}
