//! How long a record of a hundred thousand entries takes to be written, judged, opened and replayed.
//!
//! The entries are beginnings and ends of steps, as a run writes them. Opening is what an engine does that takes a
//! run up; the watcher's part is what a cockpit does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops where its ground gives way"
)]

mod common;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use common::table::Table;
use common::{cpu, median, ms, night, run, written};
use cutover::clock::{Clock, boot_id};
use cutover::engine::event::{Event, Leg, Outcome};
use cutover::journal::{Expected, Lock, RunFolder, Writer, record, verify};
use cutover::plan::{Plan, StepId};
use cutover::session::core::Core;
use cutover::session::feed::{Feed, plan_of};
use cutover::session::folder::{Start, read_start};
use sha2::{Digest as _, Sha256};

const RECORDS: u64 = 100_000;
/// So many are appended with one sync, as in a wide fan-out.
const BATCH: usize = 64;
const STEPS: usize = 1_000;
const TURNS: usize = 5;

fn main() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let run = run(dir, &written(dir, "plan.toml", &night(STEPS)));
    let start = read_start(&run).unwrap();
    let (plan, _) = plan_of(&run, &start).unwrap();
    begin(&run, &plan, &start);
    println!("journal: {RECORDS} records");
    let mut table = Table::new();
    let wrote = Instant::now();
    fill(&run);
    table.beside("write, 64 records a sync", "ms", ms(wrote.elapsed()));

    let mut all: [Vec<(f64, f64)>; 4] = Default::default();
    for _ in 0..TURNS {
        let [bare, judged, opened, watched] = &mut all;
        bare.push(timed(|| {
            black_box(Sha256::digest(std::fs::read(run.join("journal")).unwrap()));
        }));
        judged.push(timed(|| assert_eq!(verify(&run, &Expected::default()).seq, RECORDS)));
        let plan = plan.clone();
        opened.push(timed(|| assert_eq!(core(&run, plan, &start).state().seq, RECORDS + 1)));
        watched.push(timed(|| {
            let mut feed = Feed::open(&run).unwrap();
            feed.poll();
            assert_eq!(feed.snapshot().state.seq, RECORDS);
        }));
    }
    let [bare, judged, opened, watched] = all.map(|all| {
        let (wall, cpu): (Vec<f64>, Vec<f64>) = all.into_iter().unzip();
        (median(wall), median(cpu))
    });
    table.bound("open, verify and replay", "ms", opened.0, 1000.0);
    table.ratio("  its CPU", "ms", opened.1, ("SHA-256 alone", bare.1), None);
    table.bound("the same for a watcher, reading the plan included", "ms", watched.0, 1000.0);
    table.ratio("  its CPU", "ms", watched.1, ("SHA-256 alone", bare.1), None);
    table.ratio("verify alone, CPU", "ms", judged.1, ("SHA-256 alone", bare.1), None);
}

/// Milliseconds by the wall and of this process's CPU.
fn timed(what: impl FnOnce()) -> (f64, f64) {
    let (wall, cpu) = (Instant::now(), cpu::ours());
    what();
    (ms(wall.elapsed()), ms(cpu::ours()) - ms(cpu))
}

/// What an engine does that begins a run, or takes one up.
fn core(run: &Path, plan: Plan, start: &Start) -> Core {
    let folder = RunFolder::open(run).unwrap();
    let lock = Lock::take(&folder, Clock::system().now()).unwrap();
    let started = start.begun("here".into(), boot_id().unwrap());
    Core::open(folder, lock, plan, &started, &start.run, |_, _| Clock::system()).unwrap()
}

fn begin(run: &Path, plan: &Plan, start: &Start) {
    let mut core = core(run, plan.clone(), start);
    core.commit().unwrap();
}

/// Writes the other records: tries of one step after another.
fn fill(run: &Path) {
    let now = Clock::system().now();
    let folder = RunFolder::open(run).unwrap();
    let lock = Lock::take(&folder, now).unwrap();
    let (mut writer, _) = Writer::resume(folder, lock, &Expected::default(), now, |_| {}).unwrap();
    let mut batch = Vec::with_capacity(BATCH);
    for seq in writer.next_seq()..=RECORDS {
        batch.push(record::encode(run, seq, now, &[event(seq)]).unwrap());
        if batch.len() == BATCH || seq == RECORDS {
            writer.append_batch(&batch, now).unwrap();
            batch.clear();
        }
    }
}

fn event(seq: u64) -> Event {
    let number = seq / 2 % STEPS as u64 + 1;
    let step = StepId::from(format!("s{number}").as_str());
    let attempt = u32::try_from(seq / 2 / STEPS as u64).unwrap() + 1;
    if seq.is_multiple_of(2) {
        return Event::StepStarted { step, attempt, leg: Leg::Forward, by: None };
    }
    let (outcome, detail) =
        (Outcome::Failed { code: Some(1) }, "exit 1: the far end does not answer".to_owned());
    Event::StepEnded { step, attempt, leg: Leg::Forward, outcome, detail, output: None, by: None }
}
