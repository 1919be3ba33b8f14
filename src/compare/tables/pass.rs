//! Reading tables whole, piece by piece.
//!
//! A piece is a range of keys of both sides, or a stretch of storage of each, of about so many rows (see `Load`) that no
//! statement runs for minutes, the load can be changed between two, and what is done is known when it stops in the middle. As
//! many workers take pieces as the load allows, each with its own connections, all within one moment.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::load::Load;
use super::locate::{self, Found, by_hashes, by_keys};
use super::look::{Both, Look};
use super::spans::{next_span, part, without};
use super::{Board, Sides};
use crate::databases::Error;
use crate::databases::digest::SetDigest;
use crate::databases::snapshot::{Buckets, Outline, Part};

/// How often it is looked whether there is more to do.
const AGAIN: Duration = Duration::from_millis(20);

/// A table that is to be read.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Its place in the outcome.
    pub(super) at: usize,
    pub(super) both: Both,
    /// Its key is one whole number on both sides.
    pub(super) integer_key: bool,
    pub(super) outlines: (Outline, Outline),
    /// Ranges of keys that need not be read again.
    pub(super) done: Vec<RangeInclusive<i64>>,
}

impl Wanted {
    /// How a range of keys is read on both sides.
    fn range(&self) -> Part {
        let (source, target) = &self.outlines;
        if source.in_order && target.in_order { Part::InOrder } else { Part::Whole }
    }
}

/// What reading a piece, or the last of a table, came to.
#[derive(Debug)]
pub(super) struct Piece {
    /// The table's place in the outcome.
    pub(super) at: usize,
    /// The range of keys that is done with it; `None` for a table that is not read by ranges.
    pub(super) keys: Option<RangeInclusive<i64>>,
    pub(super) rows: (u64, u64),
    pub(super) found: Found,
    /// The table is done with it, and this is how long it took.
    pub(super) last: Option<Duration>,
}

/// Reads tables until all are done, or the time has come to begin no more pieces.
///
/// Each piece is told as soon as it is done; when telling fails, that is what this fails with.
pub(super) async fn read(
    look: Look,
    wanted: Vec<Wanted>,
    (sides, load, board): (&Sides, &Load, &Board),
    until: Option<Instant>,
    tell: &mut (dyn FnMut(Piece) -> Result<(), Error> + Send),
) -> Result<Look, Error> {
    let large = wanted.iter().any(|table| rows(&table.outlines) > load.rows());
    let desk = Desk {
        state: Mutex::new(State {
            waiting: wanted.into(),
            open: Vec::new(),
            at_work: 0,
            spare: Vec::new(),
            told: VecDeque::new(),
        }),
        sides,
        load,
        board,
        until,
        large,
    };
    let mut workers = FuturesUnordered::new();
    workers.push(desk.work(0, look));
    let mut number = 1;
    let mut main = None;
    loop {
        let ended = tokio::time::timeout(AGAIN, workers.next()).await;
        let (spare, told) = desk.outcome();
        for piece in told {
            tell(piece)?;
        }
        for look in spare {
            workers.push(desk.work(number, look));
            number += 1;
        }
        match ended {
            Ok(Some(Ok((0, look)))) => main = Some(look),
            Ok(Some(Ok((_, look)))) => look.end().await,
            Err(_) => {}
            Ok(Some(Err(why))) => return Err(why),
            Ok(None) => match main {
                Some(look) => return Ok(look),
                // The first worker ends well, or with the error above.
                None => return Err(Error::broken("the comparison", "it lost its look", "report it")),
            },
        }
    }
}

struct Desk<'a> {
    state: Mutex<State>,
    sides: &'a Sides,
    load: &'a Load,
    board: &'a Board,
    until: Option<Instant>,
    /// There is enough to do for more than one.
    large: bool,
}

struct State {
    waiting: VecDeque<Wanted>,
    open: Vec<Table>,
    at_work: usize,
    /// Looks that nobody works with yet.
    spare: Vec<Look>,
    told: VecDeque<Piece>,
}

/// A table that is being read.
struct Table {
    wanted: Wanted,
    begun: Instant,
    /// Pieces that somebody has taken.
    taken: usize,
    rest: Rest,
}

/// What is left of a table.
enum Rest {
    /// Ranges of keys, in order, and how many keys the next piece has.
    Keys(VecDeque<RangeInclusive<i64>>, u64),
    /// Stretches of storage, by number; what was read of them until now.
    Parts(Parts),
}

struct Parts {
    by: Buckets,
    /// How many there are on each side, and how many were taken.
    source: usize,
    target: usize,
    next: usize,
    digests: (BTreeMap<i64, SetDigest>, BTreeMap<i64, SetDigest>),
}

/// What a worker does next.
enum Task {
    Open(Wanted),
    Keys {
        at: usize,
        both: Both,
        keys: RangeInclusive<i64>,
        part: Part,
    },
    Part {
        at: usize,
        both: Both,
        by: Buckets,
        parts: (Option<Part>, Option<Part>),
    },
    /// Somebody else may find more to do.
    Wait,
    End,
}

impl Desk<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; a half-made change would be of a comparison that has failed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self) -> (Vec<Look>, VecDeque<Piece>) {
        let mut state = self.state();
        (std::mem::take(&mut state.spare), std::mem::take(&mut state.told))
    }

    async fn work(&self, number: usize, mut look: Look) -> Result<(usize, Look), Error> {
        let mut siblings = 0;
        loop {
            self.load.turn(number, self.sides).await?;
            if number == 0 && self.large && siblings + 1 < self.load.connections() {
                siblings += 1;
                match look.sibling().await? {
                    Some(sibling) => self.state().spare.push(sibling),
                    // There will be none later either.
                    None => siblings = Load::MOST,
                }
            }
            match self.task() {
                Task::End => return Ok((number, look)),
                Task::Wait => tokio::time::sleep(AGAIN).await,
                Task::Open(wanted) => self.open(&mut look, wanted).await?,
                Task::Keys { at, both, keys, part } => self.keys(&mut look, at, &both, (keys, part)).await?,
                Task::Part { at, both, by, parts } => {
                    let (source, target) = (parts.0.as_ref(), parts.1.as_ref());
                    let digests = look.digests(&both, &by, (source, target), &self.board.meter).await?;
                    self.part(&mut look, at, &both, &by, digests).await?;
                }
            }
        }
    }

    fn task(&self) -> Task {
        let mut state = self.state();
        let late = self.until.is_some_and(|until| Instant::now() >= until);
        if !late {
            let next = state.open.iter_mut().find_map(Table::task);
            if let Some(task) = next {
                state.at_work += 1;
                return task;
            }
            if let Some(wanted) = state.waiting.pop_front() {
                state.at_work += 1;
                return Task::Open(wanted);
            }
        } else if let Some(task) =
            state.open.iter_mut().filter(|t| matches!(t.rest, Rest::Parts(_))).find_map(Table::task)
        {
            // What is read by storage cannot be taken up again by another look.
            state.at_work += 1;
            return task;
        }
        if state.at_work == 0 { Task::End } else { Task::Wait }
    }

    async fn open(&self, look: &mut Look, wanted: Wanted) -> Result<(), Error> {
        let rows = rows(&wanted.outlines);
        let by_key = wanted.outlines.0.by_key && wanted.outlines.1.by_key;
        let begun = Instant::now();
        self.board.update(|progress, outcome| {
            progress.table = outcome.tables.get(wanted.at).map(|table| table.name.clone());
        });
        let span = if wanted.integer_key { look.span(&wanted.both).await? } else { None };
        let rest = match span {
            None if wanted.integer_key => None,
            Some(span) if by_key || rows <= self.load.rows() => {
                let left = without(span, &wanted.done);
                (!left.is_empty()).then(|| Rest::Keys(left, self.load.rows()))
            }
            span => {
                let by = match span {
                    Some(keys) => by_keys(keys, rows),
                    None => by_hashes(rows),
                };
                let parts = |outline: Outline| match outline.blocks {
                    Some(blocks) => outline.rows.div_ceil(self.load.rows()).clamp(1, blocks.max(1)),
                    None => 1,
                };
                let count = |outline| usize::try_from(parts(outline)).unwrap_or(1);
                let (source, target) = (count(wanted.outlines.0), count(wanted.outlines.1));
                Some(Rest::Parts(Parts { by, source, target, next: 0, digests: Default::default() }))
            }
        };
        let mut state = self.state();
        state.at_work -= 1;
        match rest {
            Some(rest) => state.open.push(Table { wanted, begun, taken: 0, rest }),
            None => state.told.push_back(Piece {
                at: wanted.at,
                keys: None,
                rows: (0, 0),
                found: Found::default(),
                last: Some(begun.elapsed()),
            }),
        }
        Ok(())
    }

    async fn keys(
        &self,
        look: &mut Look,
        at: usize,
        both: &Both,
        (keys, part): (RangeInclusive<i64>, Part),
    ) -> Result<(), Error> {
        let (found, rows) =
            locate::in_keys(look, both, (keys.clone(), &part), self.load.rows(), &self.board.meter).await?;
        let mut state = self.state();
        state.at_work -= 1;
        let mut last = None;
        if let Some(table) = state.open.iter_mut().find(|table| table.wanted.at == at) {
            table.taken -= 1;
            if let Rest::Keys(left, span) = &mut table.rest {
                *span = next_span(&keys, rows.0.max(rows.1), self.load.rows());
                last = (left.is_empty() && table.taken == 0).then(|| table.begun.elapsed());
            }
        }
        if last.is_some() {
            state.open.retain(|table| table.wanted.at != at);
        }
        state.told.push_back(Piece { at, keys: Some(keys), rows, found, last });
        Ok(())
    }

    async fn part(
        &self,
        look: &mut Look,
        at: usize,
        both: &Both,
        by: &Buckets,
        digests: (BTreeMap<i64, SetDigest>, BTreeMap<i64, SetDigest>),
    ) -> Result<(), Error> {
        let whole = {
            let mut state = self.state();
            let Some(place) = state.open.iter().position(|table| table.wanted.at == at) else {
                return Ok(());
            };
            let Some(table) = state.open.get_mut(place) else { return Ok(()) };
            table.taken -= 1;
            let Rest::Parts(parts) = &mut table.rest else { return Ok(()) };
            merge(&mut parts.digests.0, digests.0);
            merge(&mut parts.digests.1, digests.1);
            let done = table.taken == 0 && parts.next >= parts.source.max(parts.target);
            if !done {
                state.at_work -= 1;
                return Ok(());
            }
            state.open.swap_remove(place)
        };
        let Rest::Parts(parts) = whole.rest else { return Ok(()) };
        let sum = |map: &BTreeMap<i64, SetDigest>| map.values().map(|digest| digest.rows).sum();
        let rows = (sum(&parts.digests.0), sum(&parts.digests.1));
        let found = locate::in_buckets(look, both, by, parts.digests).await?;
        let mut state = self.state();
        state.at_work -= 1;
        state.told.push_back(Piece { at, keys: None, rows, found, last: Some(whole.begun.elapsed()) });
        Ok(())
    }
}

impl Table {
    fn task(&mut self) -> Option<Task> {
        let (at, both) = (self.wanted.at, &self.wanted.both);
        let task = match &mut self.rest {
            Rest::Keys(left, span) => {
                let range = left.pop_front()?;
                let keys = match range.start().checked_add_unsigned(span.saturating_sub(1)) {
                    Some(end) if end < *range.end() => {
                        left.push_front(end + 1..=*range.end());
                        *range.start()..=end
                    }
                    _ => range,
                };
                Task::Keys { at, both: both.clone(), keys, part: self.wanted.range() }
            }
            Rest::Parts(parts) => {
                let (n, outlines) = (parts.next, &self.wanted.outlines);
                if n >= parts.source.max(parts.target) {
                    return None;
                }
                parts.next += 1;
                let parts = (part(outlines.0, n, parts.source), part(outlines.1, n, parts.target));
                let Rest::Parts(rest) = &self.rest else { return None };
                Task::Part { at, both: both.clone(), by: rest.by.clone(), parts }
            }
        };
        self.taken += 1;
        Some(task)
    }
}

fn merge(into: &mut BTreeMap<i64, SetDigest>, part: BTreeMap<i64, SetDigest>) {
    if into.is_empty() {
        *into = part;
        return;
    }
    for (bucket, digest) in part {
        into.entry(bucket).or_default().merge(digest);
    }
}

fn rows(outlines: &(Outline, Outline)) -> u64 {
    outlines.0.rows.max(outlines.1.rows)
}
