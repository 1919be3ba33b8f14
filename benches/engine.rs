//! What a step costs the machine beside the command itself, and how often the disk is waited for.
//!
//! A thousand times `/bin/true`, in phases of a hundred that begin at once: the engine as its own process, a bare
//! `posix_spawn` loop, make and ninja, in turns. All figures are processor time a step, so that neither a
//! busy machine nor a slow disk is in them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops where its ground gives way"
)]

mod common;

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use common::cpu::{self, Cpu};
use common::table::Table;
use common::{PATIENCE, account, exe, floor, median, plan, run, written};
use cutover::session::client::{Client, Hello};

const STEPS: u16 = 1_000;
/// So many of them begin at once.
const WIDE: usize = 100;
const TURNS: usize = 3;
/// What peers may run at once: as many as there are cores here.
const JOBS: &str = "-j2";

fn main() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let floor = floor(dir);
    let command = "command = [\"/bin/true\"]\ntimeout = \"1m\"\nestimate = \"1s\"\n";
    let fan = written(dir, "fan.toml", &plan(STEPS.into(), WIDE, true, |_| command.to_owned()));
    let makefile = written(dir, "Makefile", &makefile());
    let ninja = written(dir, "build.ninja", &build_ninja());
    println!("engine: {STEPS} times /bin/true, {WIDE} at once");

    let mut spawn = || cpu::of(Command::new(&floor).args(["spawn", &STEPS.to_string(), "/bin/true"]));
    let mut make = || cpu::of(quiet(Command::new("make").args(["-s", JOBS, "-f"]).arg(&makefile)));
    let mut ninja =
        || cpu::of(quiet(Command::new("ninja").args(["--quiet", JOBS, "-f"]).arg(&ninja)).current_dir(dir));
    let mut engine =
        || driven(dir, &fan, |run| quiet(Command::new(exe()).arg("__engine").arg(run)).spawn().unwrap());
    let mut all: [Vec<Cpu>; 4] = Default::default();
    for _ in 0..TURNS {
        for (measure, into) in [&mut spawn as &mut dyn FnMut() -> Cpu, &mut engine, &mut make, &mut ninja]
            .into_iter()
            .zip(&mut all)
        {
            into.push(measure());
        }
    }
    let [spawn, engine, make, ninja] = all.map(|all| Cpu {
        own: median(all.iter().map(|cpu| cpu.own).collect()) / f64::from(STEPS),
        children: median(all.iter().map(|cpu| cpu.children).collect()) / f64::from(STEPS),
    });
    let mut table = Table::new();
    let bare = ("posix_spawn", spawn.all());
    table.ratio("a step without its shim, CPU", "ms", engine.own + spawn.children, bare, Some(1.5));
    table.beside("  of that, the engine's own", "ms", engine.own);
    table.beside("  and /bin/true", "ms", spawn.children);
    table.ratio("  beside it, the shim", "ms", engine.children - spawn.children, bare, None);
    table.ratio("  all together", "ms", engine.all(), bare, None);
    table.ratio("make", "ms", make.all(), bare, None);
    table.ratio("ninja", "ms", ninja.all(), bare, None);
    match syncs(dir, &fan) {
        Some(syncs) => table.bound("fdatasync a step in fan-out, below", "", syncs, 1.0),
        None => table.missing("fdatasync a step in fan-out", "strace is not there"),
    }
}

/// A run from its beginning to its end, with somebody at the keys.
fn driven(dir: &Path, plan: &Path, start: impl FnOnce(&Path) -> Child) -> Cpu {
    let run = run(dir, plan);
    let engine = start(&run);
    let hello = || Hello { name: "maria".into(), account: account(), take: false };
    let began = Instant::now();
    let _keys = loop {
        match Client::connect(&run, hello(), |_| {}) {
            Ok(client) => break client,
            Err(why) => assert!(began.elapsed() < PATIENCE, "{why}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    cpu::until_end(engine)
}

/// How often the engine waits for the disk, by the kernel's word.
fn syncs(dir: &Path, plan: &Path) -> Option<f64> {
    Command::new("strace").arg("-V").stdout(Stdio::null()).status().ok()?;
    let log = dir.join("syncs");
    driven(dir, plan, |run| {
        let mut strace = Command::new("strace");
        // Its first thread alone, which is the one that writes: following threads that fork can stall them for good.
        strace.args(["-e", "trace=fsync,fdatasync", "-o"]).arg(&log);
        quiet(strace.arg(exe()).arg("__engine").arg(run)).spawn().unwrap()
    });
    let log = std::fs::read_to_string(log).unwrap();
    let calls = log.lines().filter(|line| line.contains("sync(")).count();
    Some(f64::from(u32::try_from(calls).unwrap()) / f64::from(STEPS))
}

fn quiet(command: &mut Command) -> &mut Command {
    let null = || File::options().write(true).open("/dev/null").unwrap();
    command.stdin(Stdio::null()).stdout(null()).stderr(null())
}

fn makefile() -> String {
    let mut text = "all:".to_owned();
    for n in 1..=STEPS {
        write!(text, " s{n}").unwrap();
    }
    for n in 1..=STEPS {
        write!(text, "\ns{n}:\n\t/bin/true").unwrap();
    }
    text + "\n"
}

fn build_ninja() -> String {
    let mut text = "rule true\n  command = /bin/true\n".to_owned();
    for n in 1..=STEPS {
        writeln!(text, "build s{n}: true").unwrap();
    }
    text
}
