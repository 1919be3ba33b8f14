//! The terminal is left as it was found, whatever ends the program, and keys come with what is true
//! about them: checked with a real program in a real pseudo-terminal.
//!
//! The program is this test binary itself, started again ([`probe`]): it enters the terminal, shows
//! what it is told, and says what it has seen. The other half, [`session`], is the terminal it runs in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "terminal/probe.rs"]
mod probe;
#[path = "terminal/session.rs"]
mod session;

use rustix::process::Signal;
use session::{End, Session};

/// Modes that a program may leave on by mistake.
const NONE: [&str; 0] = [];

/// How often a thing is tried: often in the long tier.
fn rounds(normal: usize, long: usize) -> std::ops::RangeInclusive<usize> {
    1..=if std::env::var_os("CUTOVER_LONG").is_some() { long } else { normal }
}

fn entered(session: &mut Session) {
    session.wait_for("seen: nothing");
    for mode in ["alternate screen", "bracketed paste", "focus", "hidden cursor"] {
        assert!(session.modes().contains(&mode), "{mode} is on: {:?}", session.modes());
    }
    assert!(session.is_raw());
}

fn left_as_found(session: &Session) {
    assert_eq!(session.modes(), NONE);
    assert!(session.is_as_found(), "line discipline");
}

#[test]
fn quitting_leaves_the_terminal_as_it_was() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("q");
    assert_eq!(session.end(), End::Code(0));
    left_as_found(&session);
}

#[test]
fn a_signal_ends_it_by_that_signal_and_leaves_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut session = Session::start();
        entered(&mut session);
        session.signal(signal);
        assert_eq!(session.end(), End::Signal(signal.as_raw()), "{signal:?}");
        left_as_found(&session);
    }
}

#[test]
fn a_panic_is_reported_on_the_terminal_as_it_was() {
    for (key, words) in [("p", "panics while it draws"), ("P", "panics in another thread")] {
        let mut session = Session::start();
        entered(&mut session);
        session.send(key);
        assert_eq!(session.end(), End::Code(101), "{words}");
        left_as_found(&session);
        let left = session.position_of("\x1b[?1049l").expect("the screen is left");
        let told = session.position_of(words).expect("the panic is reported");
        assert!(left < told, "first left, then told");
    }
}

#[test]
fn ctrl_z_gives_the_shell_back_and_fg_the_screen() {
    let mut session = Session::shell();
    session.expect("$ ");
    session.run_probe();
    session.wait_for("seen: nothing");
    for round in rounds(3, 100) {
        session.send("\x1a");
        session.expect("the run goes on without this screen");
        session.expect("Stopped");
        session.expect("$ ");
        assert_eq!(session.modes(), NONE, "while stopped");
        session.send(format!("echo {round}$((1 + 1))\r"));
        session.expect(format!("\r\n{round}2\r\n"));
        session.send("fg\r");
        session.wait_for(format!("resumed: {round}"));
        assert!(session.modes().contains(&"alternate screen"));
        session.send("x");
        session.wait_for("seen: x");
        session.send("y");
        session.wait_for("seen: y");
    }
    session.send("q");
    session.expect("\x1b[?1049l");
    session.expect("$ ");
    assert_eq!(session.modes(), NONE);
}

#[test]
fn a_stop_from_outside_is_the_same_as_ctrl_z() {
    let mut session = Session::shell();
    session.expect("$ ");
    session.run_probe();
    let pid = session.wait_for_number("pid: ");
    session::signal_other(pid, Signal::TSTP);
    session.expect("Stopped");
    session.expect("$ ");
    assert_eq!(session.modes(), NONE);
    session.send("fg\r");
    session.wait_for("resumed: 1");
}

#[test]
fn in_the_background_it_leaves_the_shells_terminal_alone() {
    let mut session = Session::shell();
    session.expect("$ ");
    session.run_probe();
    session.wait_for("seen: nothing");
    session.send("\x1a");
    session.expect("Stopped");
    session.expect("$ ");
    session.send("bg; echo still $((40 + 2))\r");
    session.expect("still 42");
    assert_eq!(session.modes(), NONE, "continued behind the shell, it does not enter");
    session.send("kill %1; wait %1; echo code $?\r");
    session.expect("code 143");
    assert_eq!(session.modes(), NONE, "and ended there, it has nothing to leave");
}

#[test]
fn started_in_the_background_it_waits_for_the_foreground() {
    let mut session = Session::shell();
    session.expect("$ ");
    session.run_probe_with(" &");
    session.expect("\r\n");
    session.send("wait -n; jobs\r");
    session.expect("Stopped");
    assert_eq!(session.modes(), NONE);
    session.send("fg\r");
    session.wait_for("seen: nothing");
    session.send("q");
    session.expect("\x1b[?1049l");
    assert_eq!(session.modes(), NONE);
}

#[test]
fn without_a_shell_to_come_back_from_nothing_stops() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("\x1a");
    session.wait_for("no shell");
    session.signal(Signal::TSTP);
    session.send("x");
    session.wait_for("seen: x");
}

#[test]
fn a_hang_up_ends_it_even_when_the_signal_is_ignored() {
    for ignored in rounds(1, 500).flat_map(|_| [false, true]) {
        let mut session = if ignored { Session::nohup() } else { Session::start() };
        session.wait_for("seen: nothing");
        session.hang_up();
        let end = session.end();
        let by_poll = end == End::Code(probe::HUNG_UP);
        assert!(by_poll || !ignored && end == End::Signal(Signal::HUP.as_raw()), "{end:?}");
    }
}

#[test]
fn a_terminal_that_takes_nothing_cannot_keep_it() {
    let mut session = Session::start();
    entered(&mut session);
    session.stall();
    session.signal(Signal::TERM);
    assert_eq!(session.end_unread(), End::Signal(Signal::TERM.as_raw()));
    session.read_the_rest();
    left_as_found(&session);
}

#[test]
fn a_terminal_that_hangs_up_while_it_takes_nothing_ends_it() {
    let mut session = Session::nohup();
    session.wait_for("seen: nothing");
    session.stall();
    session.hang_up();
    assert_eq!(session.end(), End::Code(probe::HUNG_UP));
}

#[test]
fn keys_typed_ahead_are_dropped_and_later_ones_are_not() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("w");
    session.wait_for("seen: w");
    // The program stands still: some of these are read and wait in its queue, some are not.
    session.send("abc");
    session.send("\r");
    session.let_go();
    session.wait_for("flushed");
    session.send("n");
    session.wait_for("seen: n");
    assert!(session.screen().contains("keys: 2"), "w and n: {}", session.screen());
}

#[test]
fn a_paste_is_known_with_and_without_brackets() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("\x1b[200~yes\r\x1b[201~");
    session.wait_for("seen: paste of 4");
    session.send("7k3m\r");
    session.wait_for("seen: enter (burst)");
    assert!(session.screen().contains("keys: 5"));
}

#[test]
fn held_keys_are_known_where_the_terminal_tells() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("\x1b[?0u");
    session.wait_until("the protocol is switched on", |s| s.modes().contains(&"keyboard protocol"));
    session.send("\x1b[106;1:2u");
    session.wait_for("seen: j (held)");
    session.send("q");
    assert_eq!(session.end(), End::Code(0));
    left_as_found(&session);
}

#[test]
fn a_new_size_is_drawn_at_once() {
    let mut session = Session::start();
    entered(&mut session);
    session.wait_for("size: 80x24");
    session.resize(100, 30);
    session.wait_for("size: 100x30");
}

#[test]
fn nothing_changed_is_nothing_written() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("s");
    session.wait_for("again: 0 bytes");
}

#[test]
fn nothing_foreign_is_obeyed() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("h");
    session.wait_for("␛]52;c;aGk=␇");
    session.wait_for("<U+202E>");
    session.wait_for("<9B>31m");
    session.send("q");
    assert_eq!(session.end(), End::Code(0));
    let strange = session::not_ours(session.written());
    assert_eq!(strange, [""; 0]);
}

#[test]
fn what_is_foreign_is_told_from_what_is_ours() {
    let written = b"\x1b[?1049h\x1b[1;31mfine\x1b[m\x1b]52;c;x\x07\x1b[8q\x1b[?9h\ttab";
    assert_eq!(session::not_ours(written), ["]52;c;x\x07", "8q", "?9h", "'\\t'"]);
}

#[test]
fn text_is_handed_to_the_terminals_clipboard() {
    let mut session = Session::start();
    entered(&mut session);
    session.send("c");
    session.wait_until("it is copied", |s| s.position_of("\x1b]52;c;c3RhdHVz\x07").is_some());
}
