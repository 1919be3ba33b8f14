//! Comparing two trees of files, on this host or elsewhere, every byte of them.
//!
//! In this order, so that what is cheap is known first: both trees are walked side by side (`walk`), which finds
//! what is missing, extra, of another kind, size, mode or time (`judge`); then the files of equal size are read
//! (`content`), byte by byte where both are here (`bytes`), else by digests (`digest`) made where the files are or
//! published there; at last, what was changed meanwhile is looked at once more (`settle`).
//!
//! A place that holds a tree is one file and one line of `place::KINDS`. Writes nothing. Never says *same* of what
//! it did not look at: what cannot be read or does not stand still is *not proved*, with the reason.

mod azure;
mod bytes;
mod candidates;
mod content;
mod digest;
mod far;
mod filter;
mod flat;
mod judge;
mod listed;
mod local;
mod manifest;
mod outcome;
mod place;
mod s3;
mod settle;
mod ssh;
mod store;
mod walk;
mod wire;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use filter::Filter;
use judge::Judge;
use place::{Meter, Opening, Place};

pub use digest::{Algorithm, Digest};
pub use far::serve;
pub use listed::{Listed, list};
pub use outcome::{Aspect, Aspects, Difference, Held, Outcome, Ways};
pub use place::{Attributes, Error, Kind, Moment, is_address};

/// How often whoever watches is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What is compared with what, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is right by definition.
    pub source: String,
    /// What has to be the same.
    pub target: String,
    /// Patterns of paths (`*`, which stands for slashes too, and `?`); empty means everything.
    pub only: Vec<String>,
    /// Patterns of paths that are left out.
    pub except: Vec<String>,
    /// Another modification time of a file is a difference.
    pub times: bool,
    /// Other permissions are a difference.
    pub modes: bool,
    /// Another account or group is a difference.
    pub owners: bool,
    /// Reads files even where a digest of them is published.
    pub full: bool,
    /// Compares names, sizes and attributes alone.
    pub quick: bool,
    /// How many entries are named of each aspect in which they differ. All are counted.
    pub listed: usize,
    /// How ssh is called.
    pub ssh: Vec<String>,
}

impl Request {
    /// To compare everything of two places.
    pub fn new(source: impl Into<String>, target: impl Into<String>) -> Request {
        Request {
            source: source.into(),
            target: target.into(),
            only: Vec::new(),
            except: Vec::new(),
            times: true,
            modes: true,
            owners: false,
            full: false,
            quick: false,
            listed: 1_000,
            ssh: vec!["ssh".to_owned()],
        }
    }
}

/// What it is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Listing both trees.
    #[default]
    Walking,
    /// Reading files.
    Reading,
    /// Looking again at files that were changed meanwhile.
    LookingAgain,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub stage: Stage,
    /// Entries listed so far, of both sides together.
    pub entries: u64,
    /// Files whose contents have to be compared, once both trees are listed.
    pub files: u64,
    /// … and so many are done.
    pub files_done: u64,
    /// Bytes to be read for it, of both sides together.
    pub bytes: u64,
    /// … and so many are read.
    pub bytes_done: u64,
    /// Entries found to differ so far.
    pub differing: u64,
}

/// Compares; always comes to an outcome, whatever goes wrong on the way. `root` is the folder that addresses are
/// relative to. Blocks: a caller with an async runtime keeps it on a thread of its own.
///
/// `tell` is called about ten times a second. When it breaks, the work stops; what was proved until then stands in
/// the outcome.
pub fn compare(
    request: &Request,
    root: &Path,
    tell: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Outcome {
    let begun = Instant::now();
    let board = Board::new(request);
    let done = thread::scope(|scope| {
        let (finished, wait) = sync_channel::<()>(1);
        let work = scope.spawn({
            let board = &board;
            move || {
                let done = run(request, root, board);
                drop(finished);
                done
            }
        });
        while wait.recv_timeout(TELL_EVERY) == Err(RecvTimeoutError::Timeout) {
            if tell(&board.progress()).is_break() {
                board.meter.call_off();
            }
        }
        work.join()
            .unwrap_or_else(|_| Err(Error::new("the comparison", "broke off", "report it as a defect")))
    });
    let mut outcome = board.outcome();
    outcome.unfinished = done.err().map(|why| why.to_string());
    outcome.took = begun.elapsed();
    outcome.differences.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    outcome
}

/// What is known so far, kept where it survives when the work is stopped in the middle.
#[derive(Debug)]
struct Board {
    meter: Arc<Meter>,
    known: Mutex<(Progress, Outcome)>,
}

impl Board {
    fn new(request: &Request) -> Board {
        let outcome = Outcome::naming(request.listed);
        Board { meter: Arc::default(), known: Mutex::new((Progress::default(), outcome)) }
    }

    fn update<T>(&self, change: impl FnOnce(&mut Progress, &mut Outcome) -> T) -> T {
        // Nothing can panic while it is held, and a half-made change would be one number at most.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (progress, outcome) = &mut *known;
        change(progress, outcome)
    }

    fn progress(&self) -> Progress {
        self.update(|progress, outcome| Progress {
            bytes_done: self.meter.bytes(),
            differing: outcome.different(),
            ..*progress
        })
    }

    /// Nothing is known after all.
    fn forget(&self) {
        self.update(|_, outcome| *outcome = outcome.forgotten());
    }

    fn outcome(&self) -> Outcome {
        self.update(|_, outcome| std::mem::take(outcome))
    }
}

fn stopped() -> Error {
    Error::new("the comparison", "was stopped before it was done", "")
}

fn run(request: &Request, root: &Path, board: &Board) -> Result<(), Error> {
    let opening = Opening { root, ssh: &request.ssh, meter: &board.meter };
    let source = place::open(&request.source, &opening)?;
    let target = place::open(&request.target, &opening)?;
    if let (Some(one), Some(other)) = (source.local(), target.local())
        && one.identity() == other.identity()
    {
        let mend = "a comparison with itself proves nothing";
        return Err(Error::new(target.name(), "is one and the same folder as the source", mend));
    }
    work((source.as_ref(), target.as_ref()), request, board)
}

fn work(places: (&dyn Place, &dyn Place), request: &Request, board: &Board) -> Result<(), Error> {
    let judge = Judge::new(request, places.0.can(), places.1.can());
    board.update(|_, outcome| outcome.not_looked_at = not_looked_at(places, judge));
    let mut filter = Filter::new(&request.only, &request.except);
    // A manifest is not part of the tree that it lists.
    for (manifest, tree) in [(places.0, places.1), (places.1, places.0)] {
        let own = manifest.file().zip(tree.local()).and_then(|(file, tree)| tree.below(file));
        if own.is_some() {
            filter.hide(own);
        }
    }
    let candidates = walk::walk(places, &filter, judge, board)?;
    board.update(|progress, _| progress.stage = Stage::Reading);
    let again = content::compare(places, request.full, &candidates, board);
    if !again.is_empty() {
        board.update(|progress, _| progress.stage = Stage::LookingAgain);
        settle::settle(places, request.full, judge, (&candidates, again), board);
    }
    if board.meter.is_off() { Err(stopped()) } else { Ok(()) }
}

/// What stays out of the comparison, since a side cannot say it or nobody asked.
fn not_looked_at((source, target): (&dyn Place, &dyn Place), judge: Judge) -> Vec<String> {
    let mut all = Vec::new();
    for place in [source, target] {
        let (can, name) = (place.can(), place.name());
        let lacks = [
            (!can.folders).then_some("folders and links of their own"),
            (!can.attributes).then_some("times, modes and owners"),
        ];
        all.extend(lacks.into_iter().flatten().map(|what| format!("{what}: {name} has none")));
    }
    if source.can().attributes && target.can().attributes {
        let asked = [(judge.times, "times"), (judge.modes, "modes"), (judge.owners, "owners")];
        all.extend(asked.into_iter().filter(|(on, _)| !on).map(|(_, what)| format!("{what}: not asked for")));
    }
    all
}

#[cfg(test)]
mod tests;
