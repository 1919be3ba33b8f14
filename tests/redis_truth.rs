//! Whether the gauge of Redis tells the truth while servers fall: a zero is false when a key whose `SET` was acknowledged
//! before the look is not at the replica.
//!
//! `CUTOVER_LONG=1` disturbs for five minutes; `CUTOVER_SEED=n` in the order of an earlier run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

#[path = "servers/redis.rs"]
mod server;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use cutover::databases::{Ends, Lag, link};
use rustix::process::Signal;
use server::Redis;

const WRITERS: usize = 2;
/// Kinds of disturbances.
const KINDS: usize = 11;

/// Numbers that come again with their seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One connection that speaks as a terminal would.
struct Line(BufReader<TcpStream>);

impl Line {
    fn to(port: u16) -> std::io::Result<Line> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.set_nodelay(true)?;
        Ok(Line(BufReader::new(stream)))
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut said = String::new();
        match self.0.read_line(&mut said)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(said.trim().to_owned()),
        }
    }

    fn ask(&mut self, command: &str) -> std::io::Result<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.line()
    }
}

/// Writes numbered keys, each after the one before was acknowledged; rests now and then, so that there is something to be
/// at zero with.
fn write(writer: usize, port: u16, acknowledged: &AtomicU64, end: &AtomicBool, mut dice: Dice) {
    let (mut n, mut line) = (1, None);
    while !end.load(Ordering::Relaxed) {
        let Some(open) = line.as_mut() else {
            line = Line::to(port).ok();
            sleep(Duration::from_millis(10));
            continue;
        };
        match open.ask(&format!("SET w{writer}:{n} {n}")) {
            // What was acknowledged lately is looked for first: what came before it was acknowledged, too.
            Ok(said) if said == "+OK" => {
                acknowledged.store(n, Ordering::SeqCst);
                n += 1;
            }
            // Refused for now.
            Ok(_) => sleep(Duration::from_millis(10)),
            Err(_) => line = None,
        }
        if dice.below(150) == 0 {
            sleep(Duration::from_millis(50 + dice.below(400)));
        }
    }
}

/// One look at keys of the target and at how it stands, all of one moment. `None` where there is no answer.
fn there(port: u16, keys: &[String]) -> Option<(bool, String)> {
    let mut line = Line::to(port).ok()?;
    (line.ask("MULTI").ok()? == "+OK").then_some(())?;
    line.ask(&format!("EXISTS {}", keys.join(" "))).ok()?;
    line.ask("INFO").ok()?;
    (line.ask("EXEC").ok()? == "*2").then_some(())?;
    let all = line.line().ok()? == format!(":{}", keys.len());
    let length: usize = line.line().ok()?.strip_prefix('$')?.parse().ok()?;
    let mut info = String::new();
    while info.len() < length {
        line.0.read_line(&mut info).ok().filter(|&n| n > 0)?;
    }
    Some((all, info))
}

fn field<'a>(info: &'a str, name: &str) -> &'a str {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default()
}

/// Whether a target that does not have what was told of it may have lost it since: a copy of everything has begun, it is
/// another process, or a copy came to nothing and it has gone back.
fn begun_anew(info: &str, run: &str, lag: &Lag) -> bool {
    let (history, applied) = lag.target.0.split_once(':').unwrap();
    let stands = if field(info, "role") == "slave" { "slave_repl_offset" } else { "master_repl_offset" };
    let now: u64 = field(info, stands).parse().unwrap();
    field(info, "run_id") != run
        || field(info, "loading") == "1"
        || field(info, "master_sync_in_progress") == "1"
        || (field(info, "master_link_status") == "down"
            && field(info, "master_replid") == history
            && now < applied.parse().unwrap())
}

#[derive(Debug, Default)]
struct Tally {
    samples: u64,
    zeros: u64,
    stopped: u64,
    unchecked: u64,
    unmeasured: u64,
    wrong: Vec<String>,
}

struct World {
    source: Redis,
    target: Redis,
}

impl World {
    /// Disturbs until then; how often, by kind.
    fn disturb(mut self, until: Instant, mut dice: Dice) -> (World, [u32; KINDS]) {
        let (mut done, mut round) = ([0; KINDS], Vec::new());
        while Instant::now() < until {
            sleep(Duration::from_millis(300 + dice.below(600)));
            // Each kind once in every round, in the order of the seed.
            if round.is_empty() {
                round = (0..KINDS).collect();
            }
            let at = usize::try_from(dice.below(round.len() as u64)).unwrap();
            let which = round.swap_remove(at);
            let pause = Duration::from_millis(100 + dice.below(700));
            let World { source, target } = &mut self;
            match which {
                0 => {
                    target.run(&["REPLICAOF", "NO", "ONE"]);
                    sleep(pause);
                    target.follow(source);
                }
                1 => drop(source.run(&["CLIENT", "KILL", "TYPE", "replica"])),
                2 => {
                    target.signal(Signal::STOP);
                    sleep(pause);
                    target.signal(Signal::CONT);
                }
                3 => {
                    source.signal(Signal::STOP);
                    sleep(pause);
                    source.signal(Signal::CONT);
                }
                // From an older file, or from nothing.
                4 => {
                    target.kill();
                    target.up();
                    target.follow(source);
                }
                // Goes on from where it was.
                5 => {
                    target.shut_down("SAVE");
                    target.up();
                    target.follow(source);
                }
                // Another history, which goes on from the one before.
                6 => {
                    source.shut_down("SAVE");
                    source.up();
                }
                // Another history, and a copy of everything.
                7 => {
                    source.run(&["DEBUG", "CHANGE-REPL-ID"]);
                    source.run(&["CLIENT", "KILL", "TYPE", "replica"]);
                }
                8 => drop(target.run(&["DEBUG", "SLEEP", &pause.as_secs_f32().to_string()])),
                // Receives and does not apply.
                9 => {
                    let pause = pause * 3;
                    target.run(&["CLIENT", "PAUSE", &pause.as_millis().to_string(), "WRITE"]);
                    sleep(pause);
                }
                _ => {
                    let slow = "for i = 1, 300000 do redis.call('SET', 'slow', i) end return 1";
                    source.run(&["EVAL", slow, "0"]);
                }
            }
            done[which] += 1;
        }
        (self, done)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_zero_is_false() {
    let long = std::env::var_os("CUTOVER_LONG").is_some();
    let seed = std::env::var("CUTOVER_SEED").map_or(7, |seed| seed.parse().unwrap());
    let source = Redis::start(&["--appendonly", "no", "--repl-backlog-size", "64mb"]);
    let slowly = ["--key-load-delay", "20", "--loading-process-events-interval-bytes", "1024"];
    let target = Redis::start(&[&["--appendonly", "no"][..], &slowly].concat());
    target.follow(&source);
    target.flows();
    let (from, to) = (source.port, target.port);
    let link = link("redis", Ends::new(source.database("source"), target.database("target"))).unwrap();

    let acknowledged: Arc<[AtomicU64; WRITERS]> = Arc::default();
    let end = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (acknowledged, end) = (Arc::clone(&acknowledged), Arc::clone(&end));
            let dice = Dice(seed * 31 + writer as u64);
            spawn(move || write(writer, from, &acknowledged[writer], &end, dice))
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(if long { 300 } else { 30 });
    let trouble = spawn(move || World { source, target }.disturb(until, Dice(seed * 31 + 9)));

    let (mut tally, mut dice) = (Tally::default(), Dice(seed * 31 + 11));
    while Instant::now() < until {
        let run = there(to, &["none".to_owned()]).map(|(_, info)| field(&info, "run_id").to_owned());
        let before: Vec<u64> = acknowledged.iter().map(|last| last.load(Ordering::SeqCst)).collect();
        let looked = link.lag().await;
        tally.samples += 1;
        match (&looked, run) {
            (Ok(lag), Some(run)) if lag.behind == 0 => {
                tally.zeros += 1;
                tally.stopped += u64::from(lag.stopped.is_some());
                let last = before.iter().enumerate().filter(|(_, n)| **n > 0);
                let keys: Vec<String> = last
                    .flat_map(|(w, n)| [format!("w{w}:{n}"), format!("w{w}:{}", 1 + dice.below(*n))])
                    .collect();
                match there(to, &keys).filter(|_| !keys.is_empty()) {
                    Some((true, _)) => {}
                    Some((false, info)) if !begun_anew(&info, &run, lag) => {
                        tally.wrong.push(format!("{keys:?} {lag:?}\n{info}"));
                    }
                    Some((false, _)) | None => tally.unchecked += 1,
                }
            }
            (Ok(_), _) => {}
            (Err(_), _) => tally.unmeasured += 1,
        }
        tokio::time::sleep(Duration::from_millis(dice.below(20))).await;
    }
    let (World { source, target }, disturbed) = trouble.join().unwrap();
    end.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }
    let written: u64 = acknowledged.iter().map(|last| last.load(Ordering::SeqCst)).sum();
    let Tally { samples, zeros, stopped, unchecked, unmeasured, wrong } = &tally;
    eprintln!(
        "seed {seed}: {disturbed:?} disturbances, {written} keys; {samples} samples: {zeros} zeros ({stopped} of them stopped, \
         {unchecked} unchecked), {unmeasured} unmeasured, {} false",
        wrong.len()
    );
    assert!(wrong.is_empty(), "false zeros: {wrong:#?}");
    // The trial is worth something when it has seen both.
    let others = samples - zeros - unmeasured;
    assert!(zeros * 20 >= *samples && others * 20 >= *samples, "too little of one or the other: {tally:?}");
    assert!(unchecked * 20 <= *zeros, "nearly every zero is checked: {tally:?}");
    assert!(disturbed.iter().all(|&n| n > 0) && written > 1_000, "{disturbed:?}, {written} keys");

    // Everything is mended: it comes to zero by itself, and everything is there.
    let began = Instant::now();
    while !link.lag().await.is_ok_and(|lag| lag.behind == 0 && lag.stopped.is_none()) {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", link.lag().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(source.run(&["DEBUG", "DIGEST"]), target.run(&["DEBUG", "DIGEST"]));
}
