//! The users of the night: a client that orders all the while through the front door and keeps a log of what was
//! acknowledged, and two that try to write to each side directly, all the time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};

/// A number that is there already.
const DUPLICATE: u16 = 1062;

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
    pub(crate) fn begin(address: &str) -> Orders {
        let (stop, log) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Log::default())));
        let thread = {
            let (stop, log, address) = (Arc::clone(&stop), Arc::clone(&log), address.to_owned());
            std::thread::spawn(move || runtime().block_on(order(&address, &stop, &log)))
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

async fn order(address: &str, stop: &AtomicBool, log: &Mutex<Log>) {
    let began = Instant::now();
    let mut id = 0;
    while !stop.load(Ordering::Relaxed) {
        let Some(mut client) = connect(address).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            // A new number for each try: what became of one that was not acknowledged nobody has to know.
            id += 1;
            let sql = format!(
                "begin; insert into orders (id, customer, cents) values (md5('{id}'), {id}, {});
                 insert into tickets (of_order) values ({id}); commit",
                id % 997
            );
            let done = tokio::time::timeout(Duration::from_secs(5), client.query_drop(sql)).await;
            match done {
                Ok(Ok(())) => {
                    let mut log = log.lock().unwrap();
                    log.acknowledged.push(id);
                    log.at.push(began.elapsed());
                }
                Ok(Err(why)) => {
                    if matches!(&why, Error::Server(said) if said.code == DUPLICATE) {
                        log.lock().unwrap().wrong.push(why.to_string());
                    }
                    // A transaction that failed is still open.
                    if client.query_drop("rollback").await.is_err() {
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
    pub(crate) fn begin(address: &str) -> Prober {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (stop, address) = (Arc::clone(&stop), address.to_owned());
            std::thread::spawn(move || runtime().block_on(probe(&address, &stop)))
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

async fn probe(address: &str, stop: &AtomicBool) -> Vec<(Instant, Instant)> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Some(mut client) = connect(address).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let tried = client.query_drop("begin; insert into probe values (2)").await.is_ok();
            if tried {
                taken.push((began, Instant::now()));
            }
            if client.query_drop("rollback").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
    taken
}

async fn connect(address: &str) -> Option<Conn> {
    // Or it would leave the front door for the socket that the server names.
    let options = OptsBuilder::from_opts(Opts::from_url(address).unwrap()).prefer_socket(false);
    let connecting = Conn::new(options);
    tokio::time::timeout(Duration::from_secs(3), connecting).await.ok()?.ok()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One write, outside of everything else.
pub(crate) fn write_once(address: &str, sql: &str) -> Result<(), String> {
    runtime().block_on(async {
        let mut client = connect(address).await.ok_or("it cannot be reached")?;
        client.query_drop(sql).await.map_err(|why| why.to_string())
    })
}

/// The orders of one side, as its rows say.
pub(crate) fn missing_and_twice(log: &Log, rows: &str) -> (Vec<u64>, usize) {
    let all: Vec<u64> = rows.lines().filter_map(|line| line.parse().ok()).collect();
    let there: HashSet<u64> = all.iter().copied().collect();
    let missing = log.acknowledged.iter().copied().filter(|id| !there.contains(id)).collect();
    (missing, all.len() - there.len())
}
