//! The people of a night: a client that orders all the while through the front door and keeps a log of what was
//! acknowledged, two bystanders that try to write to each side directly, all the time, and the hand that drives the plan.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::pty::Terminal;
use crate::servers::wait;

/// A connection to a database of one engine.
pub(crate) trait Line: Sized {
    /// Connects; `None` where nobody answers now.
    fn connect(address: &str) -> impl Future<Output = Option<Self>>;

    /// Runs statements.
    fn run(&mut self, sql: &str) -> impl Future<Output = Result<(), Refused>>;

    /// The statements that place an order of this number, in one transaction.
    fn order(id: u64) -> String;
}

/// Why statements were not run.
pub(crate) struct Refused {
    /// A number was there already.
    pub(crate) twice: bool,
    /// In the server's words.
    pub(crate) why: String,
}

/// Orders through the front door until it is stopped.
pub(crate) struct Orders {
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Log>>,
    thread: Option<JoinHandle<()>>,
}

/// What the client has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Orders that were acknowledged, in their order.
    pub(crate) acknowledged: Vec<u64>,
    /// When each was, after the beginning.
    pub(crate) at: Vec<Duration>,
    /// What no outage explains: a number that was given twice.
    pub(crate) wrong: Vec<String>,
}

impl Log {
    /// The longest time between two acknowledgements.
    pub(crate) fn outage(&self) -> Duration {
        self.at.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default()
    }
}

impl Orders {
    pub(crate) fn begin<L: Line>(address: &str) -> Orders {
        let (stop, log) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Log::default())));
        let thread = {
            let (stop, log, address) = (Arc::clone(&stop), Arc::clone(&log), address.to_owned());
            std::thread::spawn(move || runtime().block_on(order::<L>(&address, &stop, &log)))
        };
        Orders { stop, log, thread: Some(thread) }
    }

    /// How many are acknowledged so far.
    pub(crate) fn count(&self) -> usize {
        self.log.lock().unwrap().acknowledged.len()
    }

    /// Stops, and gives the log.
    pub(crate) fn end(mut self) -> Log {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn order<L: Line>(address: &str, stop: &AtomicBool, log: &Mutex<Log>) {
    let began = Instant::now();
    let mut id = 0;
    while !stop.load(Ordering::Relaxed) {
        let Some(mut line) = L::connect(address).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            // A new number for each try: what became of one that was not acknowledged nobody has to know.
            id += 1;
            let done = tokio::time::timeout(Duration::from_secs(5), line.run(&L::order(id))).await;
            match done {
                Ok(Ok(())) => {
                    let mut log = log.lock().unwrap();
                    log.acknowledged.push(id);
                    log.at.push(began.elapsed());
                }
                Ok(Err(why)) => {
                    if why.twice {
                        log.lock().unwrap().wrong.push(why.why);
                    }
                    // A transaction that failed is still open.
                    if line.run("rollback").await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(_) => break,
            }
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    }
}

/// Tries to write to one side directly, again and again, and rolls it back.
pub(crate) struct Prober {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<(Instant, Instant)>>>,
}

impl Prober {
    pub(crate) fn begin<L: Line>(address: &str) -> Prober {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (stop, address) = (Arc::clone(&stop), address.to_owned());
            std::thread::spawn(move || runtime().block_on(probe::<L>(&address, &stop)))
        };
        Prober { stop, thread: Some(thread) }
    }

    /// Stops, and gives the spans of the writes that were taken.
    pub(crate) fn end(mut self) -> Vec<(Instant, Instant)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn probe<L: Line>(address: &str, stop: &AtomicBool) -> Vec<(Instant, Instant)> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Some(mut line) = L::connect(address).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let tried = line.run("begin; insert into probe values (2)").await.is_ok();
            if tried {
                taken.push((began, Instant::now()));
            }
            if line.run("rollback").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
    taken
}

/// For a thread, or a test, of its own.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The orders of one side, as its rows say.
fn missing_and_twice(log: &Log, rows: &str) -> (Vec<u64>, usize) {
    let all: Vec<u64> = rows.lines().filter_map(|line| line.parse().ok()).collect();
    let there: HashSet<u64> = all.iter().copied().collect();
    let missing = log.acknowledged.iter().copied().filter(|id| !there.contains(id)).collect();
    (missing, all.len() - there.len())
}

/// What users and bystanders did all night.
pub(crate) struct Night {
    orders: Orders,
    on_source: Prober,
    on_target: Prober,
}

impl Night {
    /// Of a client at the front door, and bystanders at each side.
    pub(crate) fn begin<L: Line>(door: &str, [source, target]: [&str; 2]) -> Night {
        Night {
            orders: Orders::begin::<L>(door),
            on_source: Prober::begin::<L>(source),
            on_target: Prober::begin::<L>(target),
        }
    }

    /// Lets users order for a while.
    pub(crate) fn goes_on(&self) {
        let now = self.orders.count();
        wait("users order", || (self.orders.count() > now + 50).then_some(()));
    }

    /// Ends it, and holds what was seen against what `rows` says then: the numbers of the orders on the final side, a line
    /// each. The sides took writes in so many turns.
    pub(crate) fn ends(self, rows: impl FnOnce() -> String, turns: usize) {
        let log = self.orders.end();
        let (source, target) = (self.on_source.end(), self.on_target.end());
        let (missing, twice) = missing_and_twice(&log, &rows());
        assert_eq!((missing.as_slice(), twice), ([].as_slice(), 0), "orders missing, and twice");
        assert!(log.wrong.is_empty(), "{:?}", log.wrong);
        assert!(log.acknowledged.len() > 100, "{} orders were acknowledged", log.acknowledged.len());
        // No two spans of different sides touch: never did both take writes.
        let mut all: Vec<(Instant, Instant, &str)> = source
            .iter()
            .map(|&(from, to)| (from, to, "source"))
            .chain(target.iter().map(|&(from, to)| (from, to, "target")))
            .collect();
        all.sort();
        let mut seen = vec![all[0].2];
        for pair in all.windows(2) {
            if pair[0].2 != pair[1].2 {
                assert!(pair[0].1 < pair[1].0, "both sides took writes at the same time");
                seen.push(pair[1].2);
            }
        }
        assert_eq!(seen.len(), turns, "{seen:?}");
        println!(
            "{} orders acknowledged, none missing, none twice; the client was without writes for {:.1} s",
            log.acknowledged.len(),
            log.outage().as_secs_f64()
        );
    }
}

/// The start page, until the run has begun.
pub(crate) fn starts(t: &mut Terminal) {
    t.shows("Type cloud to start");
    t.shows("is dc1");
    t.shows("is cloud");
    t.shows("takes the probe write");
    t.until_typed("cloud");
}

/// From the start page to the gate that moves users.
pub(crate) fn until_the_switch(t: &mut Terminal) {
    starts(t);
    t.shows("GO / NO-GO   Stop writes");
    t.shows("looked for, none found");
    t.answers_alarms();
    t.go();
    t.shows("GO / NO-GO   Send users to the cloud");
    t.answers_alarms();
}

/// Leaves a run that is over.
pub(crate) fn leaves(t: &mut Terminal, exit: u32) {
    t.pump(Duration::from_secs(1));
    println!("{}", t.screen());
    t.text("q");
    assert_eq!(t.exit(), exit);
}

/// From the gate that moves users to the end of the run.
pub(crate) fn to_the_end(t: &mut Terminal, night: &Night) {
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.answers_alarms();
    t.go();
    t.shows("Planned and actual");
    leaves(t, 0);
}

/// From the gate that moves users to the other side, and all the way back from there.
pub(crate) fn there_and_back(t: &mut Terminal, night: &Night) {
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.turn_back();
    t.shows("Planned and actual");
    night.goes_on();
    leaves(t, 1);
}
