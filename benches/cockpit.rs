//! What people feel: how soon something is on the screen, how soon a key is answered, what an idle screen costs.
//!
//! Everything is measured in a real pty from outside, against the floor in the same pty: a C program that writes one
//! cell a key.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops where its ground gives way"
)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::table::Table;
use common::terminal::Terminal;
use common::{Engine, cpu, exe, floor, in_turns, median, ms, night, read, run, written};

/// The end of a frame that the terminal shows at once.
const FRAME_END: &[u8] = b"\x1b[?2026l";
const DOWN: &[u8] = b"\x1b[B";
const UP: &[u8] = b"\x1b[A";
const HOME: &[u8] = b"\x1b[H";
/// A step of every plan here that stands on the first screen.
const SHOWN: &str = "Step number 3";
/// How long the idle screen is watched.
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let floor = floor(dir);
    let [small, large, largest] = [100, 5_000, 10_000].map(|n| written(dir, &format!("{n}.toml"), &night(n)));
    println!("cockpit: in a pty of 120x40");
    let mut table = Table::new();
    first_screen(&mut table, dir, &floor, &large);
    let (small, large, largest) = (run(dir, &small), run(dir, &large), run(dir, &largest));
    keys(&mut table, dir, &floor, &small, &largest);
    quiet(&mut table, dir, &large);
}

/// From the start of the program to the bones on the screen, and to the plan.
fn first_screen(table: &mut Table, dir: &Path, floor: &Path, plan: &Path) {
    let path = plan.to_str().unwrap();
    let mut parsed = Vec::new();
    let mut cockpit = |args: &[&str]| {
        let mut terminal = Terminal::start(dir, exe(), args);
        let bones = terminal.until_bytes(FRAME_END);
        assert!(terminal.screen().contains("Replication"), "no bones:\n{}", terminal.screen());
        let whole = terminal.until_text("to start.");
        parsed.push(ms(whole) - ms(bones));
        ms(bones)
    };
    let [least, ours, missing] = in_turns(
        15,
        [
            &mut || ms(Terminal::start(dir, floor, &[]).until_bytes(b"\x1b[1;1H0")),
            &mut || cockpit(&["run", path, "--as", "maria"]),
            &mut || ms(Terminal::start(dir, exe(), &["keys"]).until_bytes(b"quit")),
        ],
    );
    table.ratio("skeleton frame, 5,000 steps", "ms", ours, ("floor", least), Some(10.0));
    table.beside("  of that, the program's start without a screen (`cutover keys`)", "ms", missing);
    table.beside("  from there to the plan on the screen", "ms", median(parsed));
    let load = (0..5).map(|_| {
        let before = cpu::ours();
        drop(read(plan));
        ms(cpu::ours()) - ms(before)
    });
    table.beside("  parsing and checking alone, CPU", "ms", median(load.collect()));
}

/// From a key to the first byte of what it changes.
fn keys(table: &mut Table, dir: &Path, floor: &Path, small: &Path, large: &Path) {
    let engines = [small, large].map(Engine::start);
    let mut least = Terminal::start(dir, floor, &[]);
    least.until_bytes(b"\x1b[1;1H0");
    let [mut few, mut many] = [small, large].map(|run| operator(dir, run));
    let mut turn = 0_u64;
    let mut press = |terminal: &mut Terminal| {
        turn += 1;
        // Not in step with the clock on the screen.
        terminal.listen(Duration::from_millis(20 + turn * 7 % 23));
        let key = if (turn / 30).is_multiple_of(2) { DOWN } else { UP };
        terminal.press(key).map_or(f64::NAN, ms)
    };
    let mut all: [Vec<f64>; 3] = Default::default();
    for _ in 0..90 {
        for (terminal, into) in [&mut least, &mut few, &mut many].into_iter().zip(&mut all) {
            let took = press(terminal);
            // A key at the end of the list changes nothing.
            if took.is_finite() {
                into.push(took);
            }
        }
    }
    let [least, few, many] = all.map(median);
    table.ratio("key to first byte, 10,000 steps", "ms", many, ("floor", least), Some(8.0));
    table.ratio("key to first byte, 10,000 steps", "ms", many, ("100 steps", few), Some(1.2));
    drop(engines);
}

/// What a screen costs on which nothing happens.
fn quiet(table: &mut Table, dir: &Path, run: &Path) {
    let engine = Engine::start(run);
    let mut terminal = operator(dir, run);
    terminal.listen(Duration::from_secs(2));
    assert!(!terminal.screen().contains("HELD"), "it does not idle:\n{}", terminal.screen());
    let before = cpu::so_far(terminal.pid()).own;
    let idle = bytes(terminal.listen(IDLE)) / IDLE.as_secs_f64();
    let busy = (cpu::so_far(terminal.pid()).own - before) / ms(IDLE) * 100.0;
    table.bound("bytes a second of an idle screen with a clock", "B/s", idle, 40.0);
    table.beside("  its CPU", "%", busy);
    terminal.send(HOME);
    terminal.listen(Duration::from_secs(1));
    // A clock may move in between, now and then; a frame that writes what is there already would do so every time.
    let unchanged = (0..15).map(|_| {
        terminal.listen(Duration::from_millis(130));
        terminal.send(HOME);
        bytes(terminal.listen(Duration::from_millis(50)))
    });
    table.bound("bytes of a key that changes nothing", "B", median(unchanged.collect()), 0.0);
    table.bound(
        "peak memory of the cockpit, 5,000 steps",
        "MiB",
        cpu::kib(terminal.pid(), "VmHWM").unwrap() / 1024.0,
        12.0,
    );
    drop(engine);
}

/// Whoever drives a run, their cockpit with the plan on it.
fn operator(dir: &Path, run: &Path) -> Terminal {
    let args = ["run", "--resume", run.to_str().unwrap(), "--as", "maria"];
    let mut terminal = Terminal::start(dir, exe(), &args);
    terminal.until_text(SHOWN);
    terminal
}

fn bytes(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
