//! What comparing two trees costs beside other tools: 100,000 small files and three of 700 MB a side, warm.
//!
//! `diff -rq` is the floor: it opens and reads every file once on each side and nothing else. Peers that only
//! make digests are run over both sides. All figures are processor time and wall time of whole processes, in turns;
//! before each of them everything is read once, since some tell the system to forget what they have read.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops where its ground gives way"
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use common::table::Table;
use common::{cpu, exe, median, ms};

const SMALL: u64 = 100_000;
const LARGE: u64 = 3;
const LARGE_BYTES: u64 = 700 << 20;
const TURNS: usize = 5;

/// A tool: how it is asked for its version, and the shell's words that compare or digest `a` and `b`.
const PEERS: [(&str, &str, &str); 5] = [
    ("rsync", "rsync --version", "rsync -rcn --itemize-changes a/ b/"),
    ("b3sum", "b3sum --version", "find a b -type f -print0 | xargs -0 b3sum"),
    ("md5sum", "md5sum --version", "find a b -type f -print0 | xargs -0 md5sum"),
    ("sha256sum", "sha256sum --version", "find a b -type f -print0 | xargs -0 sha256sum"),
    ("rclone", "rclone --version", "rclone check --quiet a b"),
];

/// Brings both trees into the system's memory.
const WARM: &str = "find a b -type f -print0 | xargs -0 cat";

fn main() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    make(&dir.join("a"));
    // With times and modes: our comparison looks at them too.
    shell(dir, "cp -a a b");
    println!("trees: {SMALL} small files and {LARGE} of {} MB a side", LARGE_BYTES >> 20);

    let ours = format!("{} compare a b", exe().display());
    let floor = "diff -rq a b";
    let mut commands = vec![("ours", ours.as_str()), ("diff -rq", floor)];
    let mut missing = Vec::new();
    for (name, version, command) in PEERS {
        match first_line(version) {
            Some(version) => {
                println!("{name}: {version}");
                commands.push((name, command));
            }
            None => missing.push(name),
        }
    }
    println!("diff: {}", first_line("diff --version").expect("diff is part of every system"));
    let mut taken: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); commands.len()];
    for _ in 0..TURNS {
        for ((_, command), (cpus, walls)) in commands.iter().zip(&mut taken) {
            shell(dir, WARM);
            let began = Instant::now();
            let used =
                cpu::of(Command::new("sh").args(["-c", command]).current_dir(dir).stdout(Stdio::null()));
            walls.push(ms(began.elapsed()));
            cpus.push(used.all());
        }
    }
    let taken: Vec<(f64, f64)> =
        taken.into_iter().map(|(cpus, walls)| (median(cpus), median(walls))).collect();
    let mut table = Table::new();
    let (ours, floor) = (taken[0], taken[1]);
    table.ratio("compare, CPU", "ms", ours.0, ("diff -rq", floor.0), Some(1.3));
    table.ratio("compare, wall", "ms", ours.1, ("diff -rq", floor.1), None);
    for ((name, _), peer) in commands.iter().zip(&taken).skip(2) {
        let gate = (*name == "rclone").then_some(1.0 / 6.0);
        table.ratio("compare, CPU", "ms", ours.0, (name, peer.0), gate);
        table.ratio("  wall", "ms", ours.1, (name, peer.1), None);
    }
    for name in missing {
        table.missing(name, "not installed");
    }
}

fn shell(dir: &Path, command: &str) {
    let done =
        Command::new("sh").args(["-c", command]).current_dir(dir).stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "`{command}` ended with {done}");
}

fn first_line(command: &str) -> Option<String> {
    let done = Command::new("sh").args(["-c", command]).output().ok().filter(|done| done.status.success())?;
    String::from_utf8_lossy(&done.stdout).lines().next().map(str::to_owned)
}

/// Files of 200 to 4,000 bytes, a hundred to a folder, and the large ones; none of it compresses well.
fn make(top: &Path) {
    let mut random = Random(1);
    for n in 0..SMALL {
        let folder = top.join(format!("{:03}/{}", n / 1_000, n / 100 % 10));
        if n % 100 == 0 {
            fs::create_dir_all(&folder).unwrap();
        }
        let size = 200 + random.next() % 3_800;
        fs::write(folder.join(format!("file-{n:06}.dat")), random.bytes(size)).unwrap();
    }
    for n in 0..LARGE {
        let mut file = fs::File::create(top.join(format!("large-{n}"))).unwrap();
        for _ in 0..LARGE_BYTES >> 20 {
            file.write_all(&random.bytes(1 << 20)).unwrap();
        }
    }
}

/// Numbers that look like chance and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, size: u64) -> Vec<u8> {
        (0..size.div_ceil(8))
            .flat_map(|_| self.next().to_le_bytes())
            .take(usize::try_from(size).unwrap())
            .collect()
    }
}
