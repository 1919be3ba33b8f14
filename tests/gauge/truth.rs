//! No zero is false: what was committed before a look that finds zero is on the other side when the look is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::{Gauge, lag, said};

/// A connection to a database of one engine, with the table `numbered`: rows by writer.
pub(crate) trait Line: Sized + Send + Sync + 'static {
    /// Connects; `None` where nobody answers now.
    fn connect(address: &str) -> impl Future<Output = Option<Self>> + Send;

    /// Whether it is still there.
    fn alive(&mut self) -> impl Future<Output = bool> + Send;

    /// Commits rows of these numbers in one transaction. `false`: it was not acknowledged.
    fn commit(&mut self, writer: usize, first: i64, last: i64) -> impl Future<Output = bool> + Send;

    /// Whether a row is there; `None` where nobody answers.
    fn has(&mut self, writer: usize, number: i64) -> impl Future<Output = Option<bool>> + Send;
}

/// A source and a target that follows it.
pub(crate) trait Pair: Sized + Send + 'static {
    type Line: Line;

    fn gauge(&self) -> Gauge;

    /// Where the two are written and read: source and target.
    fn addresses(&self) -> [String; 2];

    /// Disturbs in one way or another, for a while.
    fn disturb(&mut self, dice: &mut Dice);

    /// Leaves everything running, as a person would have it.
    fn mend(&mut self);

    /// What is to be equal in the end: source and target.
    fn contents(&self) -> [String; 2];
}

/// Marsaglia's xorshift with 64 bits ("Xorshift RNGs", 2003): the same disturbances from the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    pub(crate) fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

fn seed() -> u64 {
    std::env::var("CUTOVER_SEED").map_or(20_261, |seed| seed.parse().expect("CUTOVER_SEED is a number"))
}

fn long() -> bool {
    std::env::var_os("CUTOVER_LONG").is_some()
}

/// What the writers have had acknowledged: one number each.
type Committed = Arc<[AtomicI64; 2]>;

/// Commits numbered rows in bursts.
async fn write<L: Line>(
    writer: usize,
    address: String,
    committed: Committed,
    end: Arc<AtomicBool>,
    mut dice: Dice,
) {
    let mut number = 0;
    let mut line: Option<L> = None;
    while !end.load(Ordering::Relaxed) {
        let Some(open) = &mut line else {
            line = L::connect(&address).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        for _ in 0..=dice.below(15) {
            let rows = if dice.below(20) == 0 { 3_000 } else { 1 + dice.below(5) };
            // The number that is told is the last of its transaction.
            let (first, last) = (number + 1, number + i64::try_from(rows).unwrap());
            number = last;
            let done = tokio::time::timeout(Duration::from_secs(5), open.commit(writer, first, last)).await;
            if done != Ok(true) {
                line = None;
                break;
            }
            committed[writer].store(last, Ordering::SeqCst);
        }
        tokio::time::sleep(dice.ms(20, 900)).await;
    }
}

#[derive(Debug, Default)]
struct Tally {
    samples: u32,
    zeros: u32,
    good: u32,
    others: u32,
    unmeasured: u32,
    /// Zeros that nobody could check: the target was taken down at once.
    unchecked: u32,
    wrong: Vec<String>,
}

async fn has<L: Line>(line: &mut L, writer: usize, number: i64) -> Option<bool> {
    tokio::time::timeout(Duration::from_secs(10), line.has(writer, number)).await.ok()?
}

async fn sample<L: Line>(
    gauge: &Gauge,
    [source, target]: [String; 2],
    committed: Committed,
    until: Instant,
    mut dice: Dice,
) -> Tally {
    let mut tally = Tally::default();
    let mut there: Option<L> = None;
    while Instant::now() < until {
        // Before the look: a target that falls after it loses what it had not on disk, and gets it again.
        let alive = match &mut there {
            Some(line) => tokio::time::timeout(Duration::from_secs(2), line.alive()).await == Ok(true),
            None => false,
        };
        if !alive {
            there = L::connect(&target).await;
        }
        let before: Vec<i64> = committed.iter().map(|last| last.load(Ordering::SeqCst)).collect();
        let seen = gauge.look().await;
        tally.samples += 1;
        match &seen {
            Err(_) => tally.unmeasured += 1,
            Ok(measure) if lag(measure).behind > 0 => tally.others += 1,
            Ok(measure) => {
                tally.zeros += 1;
                tally.good += u32::from(measure.pass);
                for (writer, &number) in before.iter().enumerate().filter(|&(_, &number)| number > 0) {
                    let found = match &mut there {
                        Some(line) => has(line, writer, number).await,
                        None => None,
                    };
                    match found {
                        Some(true) => {}
                        None => tally.unchecked += 1,
                        // What its own server has lost (it did not wait for the disk) was not to arrive.
                        Some(false) => {
                            let own = match L::connect(&source).await {
                                Some(mut line) => has(&mut line, writer, number).await,
                                None => None,
                            };
                            if own == Some(false) {
                                tally.unchecked += 1;
                            } else {
                                tally.wrong.push(format!(
                                    "sample {}: row {number} of writer {writer}: {} {:?}",
                                    tally.samples,
                                    said(&seen),
                                    lag(measure)
                                ));
                            }
                        }
                    }
                }
            }
        }
        tokio::time::sleep(dice.ms(5, 120)).await;
    }
    tally
}

/// Writes, disturbs and looks until the time is over; then everything is mended.
pub(crate) async fn no_zero_is_false<P: Pair>(name: &str, mut pair: P) {
    let seed = seed();
    eprintln!("{name}: seed {seed}");
    let gauge = pair.gauge();
    gauge.passes("at the beginning").await;
    let addresses = pair.addresses();
    let committed = Committed::default();
    let end = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|w| {
            let (source, committed) = (addresses[0].clone(), Arc::clone(&committed));
            let dice = Dice(seed * 31 + 1 + w as u64);
            tokio::spawn(write::<P::Line>(w, source, committed, Arc::clone(&end), dice))
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(if long() { 15 * 60 } else { 40 });
    let trouble = tokio::task::spawn_blocking(move || {
        let (mut dice, mut done) = (Dice(seed * 31 + 3), 0);
        while Instant::now() < until {
            std::thread::sleep(dice.ms(1_000, 4_000));
            pair.disturb(&mut dice);
            done += 1;
        }
        pair.mend();
        (pair, done)
    });
    let dice = Dice(seed * 31 + 4);
    let tally = sample::<P::Line>(&gauge, addresses, Arc::clone(&committed), until, dice).await;
    let (pair, disturbed) = trouble.await.unwrap();
    end.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let Tally { samples, zeros, good, others, unmeasured, unchecked, wrong } = &tally;
    let rows: i64 = committed.iter().map(|last| last.load(Ordering::SeqCst)).sum();
    eprintln!(
        "{name}: seed {seed}, {disturbed} disturbances, {rows} rows; {samples} samples: {zeros} zeros ({good} good, \
         {unchecked} unchecked), {others} not zero, {unmeasured} unmeasured, {} false",
        wrong.len()
    );
    assert!(wrong.is_empty(), "false zeros: {wrong:#?}");
    // The trial is worth something when it has seen both, whatever the machine is like; the long one is held to a fifth.
    let part = if long() { 5 } else { 20 };
    assert!(zeros * part >= *samples, "too little of it at zero: {tally:?}");
    assert!(others * part >= *samples, "too little of it not at zero: {tally:?}");
    assert!(unchecked * 20 <= *zeros, "nearly every zero is checked: {tally:?}");
    assert!(disturbed >= 5 && rows > 1_000, "{disturbed} disturbances, {rows} rows");
    // It comes to zero by itself, and everything is there.
    gauge.passes("at the end").await;
    let [source, target] = pair.contents();
    assert_eq!(source, target);
}
