//! What all benches share: the table that they print, plans of any length, runs in folders of their own.
//!
//! A figure is the median of several runs, taken in turns with what it is held against, so that whatever else the
//! machine does meets both. A gate that is missed is printed as missed; nothing fails, since a busy machine is no
//! fault of the program.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each bench uses its part")]

pub mod cpu;
pub mod table;
pub mod terminal;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cutover::clock::Clock;
use cutover::engine::event::Mode;
use cutover::plan::{Environment, Loaded, Overrides, load};
use cutover::process::Detached;
use cutover::session::folder;
use cutover::session::launch;

/// Nothing here takes nearly so long; what does is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program.
pub fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cutover"))
}

/// Builds the floor.
pub fn floor(into: &Path) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/floor.c");
    let built = into.join("floor");
    let done = Command::new("cc").args(["-O2", "-o"]).arg(&built).arg(source).status();
    assert!(done.expect("a C compiler builds the floor: install cc").success(), "{source} does not build");
    built
}

/// The middle one.
pub fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    *of.get(of.len() / 2).expect("something was measured")
}

/// Takes each measure `times` times, in turns, and gives the median of each.
pub fn in_turns<const N: usize>(times: usize, mut measures: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut all: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..times {
        for (measure, into) in measures.iter_mut().zip(&mut all) {
            into.push(measure());
        }
    }
    all.map(median)
}

/// Milliseconds.
pub fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

/// A plan of so many steps, in phases of at most `wide`. Each step is what `step` says; within a phase they follow
/// one another, or all begin at once where `fan` is set.
pub fn plan(steps: usize, wide: usize, fan: bool, step: impl Fn(usize) -> String) -> String {
    let mut text = String::from(
        "[plan]\nname = \"Night\"\nstrategy = \"near-zero-downtime\"\nsource = \"dc1\"\ntarget = \"cloud\"\n\
         window = { opens = \"start\", length = \"8h\" }\n",
    );
    for n in 0..steps {
        if n % wide == 0 {
            let t0 = if n == 0 { "t0 = true\n" } else { "" };
            let number = n / wide + 1;
            write!(text, "[[phase]]\nid = \"phase-{number}\"\ntitle = \"Phase {number}\"\n{t0}").unwrap();
        }
        let begin = n - n % wide;
        let after = if !fan || begin == 0 && n == 0 {
            String::new()
        } else if begin == 0 {
            "after = []\n".to_owned()
        } else {
            format!("after = [\"s{begin}\"]\n")
        };
        write!(
            text,
            "[[phase.step]]\nid = \"s{}\"\ntitle = \"Step number {}\"\n{after}{}",
            n + 1,
            n + 1,
            step(n)
        )
        .unwrap();
    }
    text
}

/// A step that waits for a person, and after it a night of commands.
pub fn night(steps: usize) -> String {
    plan(steps, 50, false, |n| match n {
        0 => "manual = \"Say when\"\nestimate = \"5m\"\n".to_owned(),
        n => format!(
            "command = [\"/usr/local/bin/move-part\", \"--number\", \"{n}\", \"--to\", \"cloud\"]\n\
             timeout = \"10m\"\nestimate = \"2m\"\n"
        ),
    })
}

/// A plan in a file.
pub fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Reads a plan, which must be right.
pub fn read(plan: &Path) -> Loaded {
    load(plan, &Overrides::default(), &Environment::of_process())
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(cutover::plan::Style::default())))
}

/// Makes a live run of a plan, not begun.
pub fn run(dir: &Path, plan: &Path) -> PathBuf {
    let loaded = read(plan);
    let at = Clock::system().now().wall;
    folder::make(&dir.join("runs"), &loaded, &[], Mode::Live, at, ("maria", &account())).unwrap()
}

/// Whom the machine takes us for: whoever began a run gets its keys without asking.
pub fn account() -> String {
    let told = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// An engine that is stopped when the bench is done with it.
pub struct Engine(Detached);

impl Engine {
    pub fn start(run: &Path) -> Engine {
        Engine(launch::engine(exe(), run).unwrap())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _gone = self.0.terminate();
        let began = Instant::now();
        while matches!(self.0.ended(), Ok(None)) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
