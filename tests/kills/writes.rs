//! The engine of a small plan, killed at every write it makes, one write a try, until it gets through.
//!
//! The kill comes from `strace`, which ends an engine's main thread (all of its record, and the folders of tries,
//! are written by it) as it enters the call. That the engine died of it is asserted each time.

use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use cutover::session::launch;

use super::body::Body;
use super::checks::record_is_true;
use super::nights::long;
use super::small::Small;
use super::watch::Watcher;
use crate::shop::exe;

/// Everything by which the engine changes something outside itself, each with how often it is met at least.
const CALLS: [(&str, u32); 12] = [
    ("write", 20),
    ("pwrite64", 10),
    ("fdatasync", 5),
    ("fsync", 3),
    ("openat", 20),
    ("mkdir", 5),
    ("renameat", 2),
    ("fallocate", 2),
    ("flock", 5),
    ("bind", 1),
    ("ftruncate", 1),
    ("unlinkat", 1),
];
/// So many at a time.
const HANDS: usize = 2;

/// Whose engine is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The first.
    First,
    /// The one that takes the run up after the first was killed.
    Second,
}

#[test]
fn killed_at_any_write_a_small_plan_loses_nothing_and_does_nothing_twice() {
    let every = if long() { 1 } else { 10 };
    let of = |whose: Whose| CALLS.iter().map(move |(call, least)| (whose, *call, *least));
    let mut work: Vec<(Whose, &str, u32)> = of(Whose::First).collect();
    if long() {
        work.extend(of(Whose::Second));
    }
    let work = Mutex::new(work.into_iter());
    let total = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..HANDS {
            scope.spawn(|| {
                loop {
                    let Some((whose, call, least)) = work.lock().unwrap().next() else { break };
                    let kills = killed_at_every(whose, call, every);
                    println!("{whose:?} engine, {call}: killed {kills} times");
                    let least = if whose == Whose::Second { 0 } else { least.div_ceil(every) };
                    assert!(kills >= least, "{whose:?} engine, {call}: killed {kills} times only");
                    *total.lock().unwrap() += kills;
                }
            });
        }
    });
    println!("{} kills at writes", total.lock().unwrap());
}

/// Says at which call it was when a try fails.
struct Tried<'a>(Whose, &'a str, u32);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:?} engine, killed at {} {}", self.0, self.1, self.2);
        }
    }
}

/// How often the engine was killed until it got through.
fn killed_at_every(whose: Whose, call: &str, every: u32) -> u32 {
    let mut kills = 0;
    for when in (1..).step_by(usize::try_from(every).unwrap()) {
        let _tried = Tried(whose, call, when);
        let small = Small::new();
        let watcher = Watcher::begin(&small.run);
        if whose == Whose::Second {
            begin_and_die(&small);
        }
        let killed = killed_at(&small, call, when);
        if killed {
            kills += 1;
            if small.run.join("journal").exists() {
                let body = Body::examine(&small.run, watcher.seen());
                assert!(body.verdict.acknowledged >= Some(small.accepted.load(Ordering::Relaxed)));
            }
            see_through(&small);
        }
        record_is_true(&small.run, &watcher.end(), &small.counted(), &HashSet::new());
        if !killed {
            break;
        }
    }
    kills
}

/// An engine that is killed while its second step runs.
fn begin_and_die(small: &Small) {
    let mut engine = launch::engine(&exe(), &small.run).unwrap_or_else(|error| panic!("{error}"));
    let ran = || small.counted().told().contains_key(&("s2".to_owned(), 1));
    assert!(!small.drive(ran), "over before its second step");
    assert!(super::reaper::kill(&mut engine, &small.run).is_some());
}

/// Runs an engine that is killed as it enters a call for the so-manieth time: false when it came to the end of the
/// run before that.
fn killed_at(small: &Small, call: &str, when: u32) -> bool {
    let log = std::fs::File::options().append(true).create(true).open(small.run.join(launch::LOG)).unwrap();
    let mut engine = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"])
        .arg(format!("inject={call}:signal=KILL:when={when}"))
        .arg(exe())
        .arg("__engine")
        .arg(&small.run)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut ended = None;
    let over = small.drive(|| {
        ended = engine.try_wait().unwrap();
        ended.is_some()
    });
    let status = ended.unwrap_or_else(|| engine.wait().unwrap());
    // `strace` ends as what it follows did: a shell says 137.
    assert!(
        status.signal() == Some(9) || over && status.success(),
        "{call} {when}: {status:?}\n{}",
        small.log()
    );
    status.signal() == Some(9)
}

/// Takes the run up, if there is anything left to take up, and sees it to its end.
fn see_through(small: &Small) {
    match launch::engine(&exe(), &small.run) {
        Ok(mut engine) => {
            assert!(small.drive(|| engine.ended().unwrap().is_some()), "{}", small.log());
            crate::shop::until_ended(&mut engine);
        }
        Err(error) => assert!(error.to_string().contains("the run is over"), "{error}\n{}", small.log()),
    }
}
