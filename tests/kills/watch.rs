//! A watcher that follows a run over all its engines and keeps what it was ever shown.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use cutover::clock::Clock;
use cutover::journal::{Follower, KeptHead};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(3);

/// Every record that a client was ever shown, by number and hash.
pub(super) struct Watcher {
    seen: Arc<Mutex<Vec<KeptHead>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn begin(run: &Path) -> Watcher {
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (run, shown, stopped) = (run.to_owned(), seen.clone(), stop.clone());
        let thread = std::thread::spawn(move || watch(&run, &shown, &stopped));
        Watcher { seen, stop, thread: Some(thread) }
    }

    /// What it was shown until now.
    pub(super) fn seen(&self) -> Vec<KeptHead> {
        self.seen.lock().unwrap().clone()
    }

    /// Looks no more, and says what it was shown. Fails when the record ever looked damaged.
    pub(super) fn end(mut self) -> Vec<KeptHead> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok(), "what was shown does not stand");
        self.seen()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn watch(run: &Path, shown: &Mutex<Vec<KeptHead>>, stop: &AtomicBool) {
    // It may not have begun: there is a record when there is a head.
    let mut follower = None;
    // One look more after the end.
    let mut last = false;
    while !last {
        last = stop.load(Ordering::Relaxed);
        if follower.is_none() && run.join("head").exists() {
            follower = Follower::open(run).ok();
        }
        if let Some(follower) = &mut follower {
            let mut new = Vec::new();
            let looked = follower.poll(Clock::system().now(), |record| {
                new.push(KeptHead { seq: record.seq, hash: record.hash });
            });
            shown.lock().unwrap().extend(new);
            if let Err(verdict) = looked {
                panic!("{}: {verdict}", run.display());
            }
        }
        std::thread::sleep(LOOK);
    }
}
