//! The contents of files that may be the same: which way each is compared, on all cores.
//!
//! Small files go many at a time, folder by folder; large ones first and in pieces, so that no core waits for
//! the last of them alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Board;
use super::bytes::{self, Bytes, Side};
use super::candidates::{Candidate, Candidates};
use super::digest::{Algorithm, Digest};
use super::outcome::{Aspect, Ways};
use super::place::{Answer, Ask, Can, Place, Unread, join};

/// Larger files are read in pieces of this size.
const PIECE: u64 = 32 << 20;
/// So many files at most are asked for at once, of so many bytes together.
const BATCH: (usize, u64) = (128, 8 << 20);

/// How two files are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Both are read here, byte by byte.
    Bytes,
    /// Both are digested where they are.
    Read,
    /// One side is read and held against what the other publishes.
    Published(Side, Algorithm),
    /// Both publish a digest of one kind.
    BothPublished,
    /// Neither can be read, and what they publish is of two kinds.
    None,
}

/// How the contents of a file were compared in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Bytes,
    Read,
    Published,
}

/// What was found of a file, or of a piece of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Same(How),
    Differs {
        how: How,
        parts_at: Option<u64>,
        digests: Option<(Digest, Digest)>,
    },
    /// It has to be looked at again: it was changed, or went away.
    Unsettled(Unsettled),
    Failed(Side, String),
}

/// Why a file has to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// It was changed while it was read.
    Changed(Side),
    /// It was not there any more.
    Gone(Side),
}

impl How {
    fn count(self, ways: &mut Ways) {
        *match self {
            How::Bytes => &mut ways.bytes,
            How::Read => &mut ways.read,
            How::Published => &mut ways.published,
        } += 1;
    }
}

impl Found {
    /// The smaller, the more it decides about a file of which it is a piece.
    fn rank(&self) -> (u8, u64) {
        match self {
            Found::Unsettled(_) => (0, 0),
            Found::Failed(..) => (1, 0),
            Found::Differs { parts_at, .. } => (2, parts_at.unwrap_or(0)),
            Found::Same(_) => (3, 0),
        }
    }
}

fn unread(side: Side, why: Unread) -> Found {
    match why {
        Unread::Changed => Found::Unsettled(Unsettled::Changed(side)),
        Unread::Gone => Found::Unsettled(Unsettled::Gone(side)),
        Unread::Failed(why) => Found::Failed(side, why),
    }
}

/// Files, or one piece of one, that go the same way.
struct Job {
    way: Way,
    files: Vec<u32>,
    piece: Option<(u64, u64)>,
}

/// What is left to do.
struct Jobs<'c> {
    work: &'c Work<'c>,
    /// Large files and where the next piece of the last of them begins.
    large: Vec<u32>,
    from: u64,
    small: u32,
}

/// A large file of which pieces are out.
struct Pieces {
    left: u64,
    /// The worst of what was found in the others.
    worst: Option<Found>,
}

struct Work<'c> {
    places: (&'c dyn Place, &'c dyn Place),
    can: (Can, Can),
    /// Reads even where a digest is published.
    full: bool,
    candidates: &'c Candidates,
    board: &'c Board,
    pieces: Mutex<HashMap<u32, Pieces>>,
    again: Mutex<Vec<(u32, Unsettled)>>,
}

/// Compares the contents of all candidates; gives back those to look at again.
pub(super) fn compare(
    places: (&dyn Place, &dyn Place),
    full: bool,
    candidates: &Candidates,
    board: &Board,
) -> Vec<(u32, Unsettled)> {
    let can = (places.0.can(), places.1.can());
    let (pieces, again) = (Mutex::default(), Mutex::default());
    let work = Work { places, can, full, candidates, board, pieces, again };
    let jobs = Mutex::new(Jobs::new(&work));
    let workers = can.0.readers.max(can.1.readers);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while !board.meter.is_off() {
                    let Some(job) = locked(&jobs).next() else { return };
                    work.run(&job);
                }
            });
        }
    });
    drop(jobs);
    let mut again = std::mem::take(&mut *locked(&work.again));
    again.sort_unstable_by_key(|(at, _)| *at);
    again
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'c> Jobs<'c> {
    fn new(work: &'c Work<'c>) -> Jobs<'c> {
        let candidates = work.candidates;
        let size = |at: u32| candidates.get(at).and_then(|c| c.size).unwrap_or(0);
        let mut large: Vec<u32> = (0..candidates.len()).filter(|at| size(*at) > PIECE).collect();
        large.sort_by_key(|at| size(*at));
        let to_read = (0..candidates.len()).filter_map(|at| candidates.get(at)).map(|candidate| {
            let sides = match work.way(candidate) {
                Way::Bytes | Way::Read => 2,
                Way::Published(..) => 1,
                Way::BothPublished | Way::None => 0,
            };
            sides * candidate.size.unwrap_or(0)
        });
        let to_read: u64 = to_read.sum();
        work.board.update(|progress, _| progress.bytes += to_read);
        Jobs { work, large, from: 0, small: 0 }
    }

    fn next(&mut self) -> Option<Job> {
        self.next_large().or_else(|| self.next_small())
    }

    fn next_large(&mut self) -> Option<Job> {
        let at = *self.large.last()?;
        let candidate = self.work.candidates.get(at)?;
        let (way, size) = (self.work.way(candidate), candidate.size.unwrap_or(0));
        if !matches!(way, Way::Bytes | Way::Read) {
            self.large.pop();
            return Some(Job { way, files: vec![at], piece: None });
        }
        if self.from == 0 {
            let pieces = Pieces { left: size.div_ceil(PIECE), worst: None };
            locked(&self.work.pieces).insert(at, pieces);
        }
        let piece = (self.from, (size - self.from).min(PIECE));
        self.from += PIECE;
        if self.from >= size {
            self.large.pop();
            self.from = 0;
        }
        Some(Job { way, files: vec![at], piece: Some(piece) })
    }

    fn next_small(&mut self) -> Option<Job> {
        let mut job: Option<Job> = None;
        let mut bytes = 0;
        while let Some(candidate) = self.work.candidates.get(self.small) {
            let size = candidate.size.unwrap_or(0);
            if size <= PIECE {
                let way = self.work.way(candidate);
                let job = job.get_or_insert_with(|| Job { way, files: Vec::new(), piece: None });
                let full = job.files.len() == BATCH.0 || bytes + size > BATCH.1 && bytes > 0;
                if job.way != way || full {
                    break;
                }
                job.files.push(self.small);
                bytes += size;
            }
            self.small += 1;
        }
        job
    }
}

impl Work<'_> {
    fn way(&self, candidate: &Candidate) -> Way {
        let usable = |side: Side, can: Can| {
            candidate.published(side).filter(|_| !(self.full && can.contents)).map(|d| d.algorithm())
        };
        let (source, target) = (usable(Side::Source, self.can.0), usable(Side::Target, self.can.1));
        match (source, target) {
            (Some(one), Some(other)) if one == other => Way::BothPublished,
            (Some(algorithm), _) if self.can.1.contents => Way::Published(Side::Target, algorithm),
            (_, Some(algorithm)) if self.can.0.contents => Way::Published(Side::Source, algorithm),
            (None, None) if self.places.0.local().is_some() && self.places.1.local().is_some() => Way::Bytes,
            (None, None) if self.can.0.contents && self.can.1.contents => Way::Read,
            _ => Way::None,
        }
    }

    fn run(&self, job: &Job) {
        let files: Vec<(u32, &Candidate)> =
            job.files.iter().filter_map(|at| Some((*at, self.candidates.get(*at)?))).collect();
        let found: Vec<Found> = match job.way {
            Way::Bytes => self.bytes(&files, job.piece),
            Way::Read => self.read(&files, job.piece),
            Way::Published(side, algorithm) => self.published(&files, side, algorithm),
            Way::BothPublished => files.iter().map(|(_, c)| self.both_published(c)).collect(),
            Way::None => {
                let why = "the two sides publish digests of different kinds, and neither can be read";
                files.iter().map(|_| Found::Failed(Side::Target, why.to_owned())).collect()
            }
        };
        if job.piece.is_some() {
            let found = files.iter().zip(found).filter_map(|((at, _), found)| self.whole(*at, found));
            let found = found.collect::<Vec<_>>();
            if !found.is_empty() {
                self.settle(&files, found);
            }
        } else {
            self.settle(&files, found);
        }
    }

    fn asks(&self, files: &[(u32, &Candidate)], side: Side, piece: Option<(u64, u64)>) -> Vec<Ask<'_>> {
        files.iter().map(|(_, candidate)| self.candidates.ask(candidate, side, piece)).collect()
    }

    fn bytes(&self, files: &[(u32, &Candidate)], piece: Option<(u64, u64)>) -> Vec<Found> {
        let (Some(source), Some(target)) = (self.places.0.local(), self.places.1.local()) else {
            return Vec::new();
        };
        let asks = (self.asks(files, Side::Source, piece), self.asks(files, Side::Target, piece));
        let found = bytes::compare((source, target), (&asks.0, &asks.1), &self.board.meter);
        let each = |found| match found {
            Ok(Bytes::Same) => Found::Same(How::Bytes),
            Ok(Bytes::PartAt(at)) => Found::Differs { how: How::Bytes, parts_at: Some(at), digests: None },
            Err((side, why)) => unread(side, why),
        };
        found.into_iter().map(each).collect()
    }

    fn read(&self, files: &[(u32, &Candidate)], piece: Option<(u64, u64)>) -> Vec<Found> {
        let meter = &self.board.meter;
        let source = self.places.0.digest(&self.asks(files, Side::Source, piece), Algorithm::Xxh3, meter);
        let target = self.places.1.digest(&self.asks(files, Side::Target, piece), Algorithm::Xxh3, meter);
        let each = |(one, other)| match (one, other) {
            (Ok(one), Ok(other)) if one == other => Found::Same(How::Read),
            (Ok(one), Ok(other)) => {
                // A digest of a piece is none of the file.
                let digests = piece.is_none().then_some((one, other));
                Found::Differs { how: How::Read, parts_at: None, digests }
            }
            (Err(why), _) => unread(Side::Source, why),
            (_, Err(why)) => unread(Side::Target, why),
        };
        source.into_iter().zip(target).map(each).collect()
    }

    fn published(&self, files: &[(u32, &Candidate)], side: Side, algorithm: Algorithm) -> Vec<Found> {
        let (place, other) = match side {
            Side::Source => (self.places.0, Side::Target),
            Side::Target => (self.places.1, Side::Source),
        };
        let answers = place.digest(&self.asks(files, side, None), algorithm, &self.board.meter);
        let each = |((_, candidate), answer): (&(u32, &Candidate), Answer)| match answer {
            Err(why) => unread(side, why),
            Ok(made) => {
                let published = candidate.published(other);
                if published == Some(made) {
                    return Found::Same(How::Published);
                }
                let digests = published.map(|published| match side {
                    Side::Source => (made, published),
                    Side::Target => (published, made),
                });
                self.doubt(candidate, digests)
            }
        };
        files.iter().zip(answers).map(each).collect()
    }

    fn both_published(&self, candidate: &Candidate) -> Found {
        match (candidate.published(Side::Source), candidate.published(Side::Target)) {
            (one, other) if one == other => Found::Same(How::Published),
            (one, other) => self.doubt(candidate, one.zip(other)),
        }
    }

    /// A published digest that does not fit is no proof: an ETag may be none, another may be out of date. Where
    /// both sides can be read, they are.
    fn doubt(&self, candidate: &Candidate, digests: Option<(Digest, Digest)>) -> Found {
        let readable = self.can.0.contents && self.can.1.contents;
        let read = if readable { self.read(&[(0, candidate)], None).pop() } else { None };
        read.unwrap_or(Found::Differs { how: How::Published, parts_at: None, digests })
    }

    /// Adds a piece to what is known of its file, which is given back with the last of them.
    fn whole(&self, at: u32, found: Found) -> Option<Found> {
        let mut pieces = locked(&self.pieces);
        let known = pieces.get_mut(&at)?;
        known.left -= 1;
        known.worst = Some(match known.worst.take() {
            Some(before) if before.rank() <= found.rank() => before,
            _ => found,
        });
        if known.left > 0 { None } else { pieces.remove(&at)?.worst }
    }

    fn settle(&self, files: &[(u32, &Candidate)], found: Vec<Found>) {
        self.board.update(|progress, outcome| {
            for ((at, candidate), found) in files.iter().zip(found) {
                progress.files_done += 1;
                let aspects = candidate.aspects;
                match found {
                    Found::Same(how) => {
                        how.count(&mut outcome.ways);
                        if !aspects.is_empty() {
                            self.candidates.difference(*at, aspects).into_iter().for_each(|d| outcome.add(d));
                        }
                    }
                    Found::Differs { how, parts_at, digests } => {
                        how.count(&mut outcome.ways);
                        let difference = self.candidates.difference(*at, aspects.with(Aspect::Content));
                        if let Some(mut difference) = difference {
                            difference.parts_at = parts_at;
                            if let Some((one, other)) = digests {
                                difference
                                    .source
                                    .iter_mut()
                                    .for_each(|seen| seen.digest = Some(Box::new(one)));
                                difference
                                    .target
                                    .iter_mut()
                                    .for_each(|seen| seen.digest = Some(Box::new(other)));
                            }
                            outcome.add(difference);
                        }
                    }
                    Found::Unsettled(why) => locked(&self.again).push((*at, why)),
                    Found::Failed(side, why) => {
                        let (folder, name) = self.candidates.place(candidate);
                        outcome.not_proved(join(folder, name), format!("at {side}: {why}"));
                    }
                }
            }
        });
    }
}
