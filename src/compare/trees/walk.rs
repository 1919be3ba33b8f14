//! Both trees side by side: what differs before a byte is read, and which files have to be.
//!
//! Each side is walked on a thread of its own and handed over folder by folder in one order, so that neither is
//! ever held whole.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::Board;
use super::bytes::Side;
use super::candidates::Candidates;
use super::filter::{Filter, Walked};
use super::judge::{Judge, Judged};
use super::outcome::{Aspect, Difference, Outcome};
use super::place::{Can, Entry, Error, Folder, Kind, Place, join};

/// So many folders may wait for the other side.
const AHEAD: usize = 64;

/// What a walking side hands over.
enum Step {
    Folder(Folder),
    Done(Walked),
    Broken(Error),
}

/// One side's folders, in their order.
struct Feed {
    steps: Receiver<Step>,
    next: Option<Folder>,
    walked: Option<Walked>,
}

impl Feed {
    fn start<'s>(scope: &'s thread::Scope<'s, '_>, place: &'s dyn Place, filter: &'s Filter) -> Feed {
        let (to, steps) = sync_channel(AHEAD);
        scope.spawn(move || walk_one(place, filter, &to));
        Feed { steps, next: None, walked: None }
    }

    /// Makes the next folder, if there is one, stand in `next`.
    fn fill(&mut self) -> Result<(), Error> {
        if self.next.is_some() || self.walked.is_some() {
            return Ok(());
        }
        match self.steps.recv() {
            Ok(Step::Folder(folder)) => self.next = Some(folder),
            Ok(Step::Done(walked)) => self.walked = Some(walked),
            Ok(Step::Broken(why)) => return Err(why),
            Err(_) => return Err(Error::new("the walk", "broke off", "")),
        }
        Ok(())
    }
}

fn walk_one(place: &dyn Place, filter: &Filter, to: &SyncSender<Step>) {
    let mut each = |folder| match to.send(Step::Folder(folder)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let last = match place.walk(filter, &mut each) {
        Ok(walked) => Step::Done(walked),
        Err(why) => Step::Broken(why),
    };
    // Nobody listens any more when the other side has failed.
    let _ended = to.send(last);
}

/// Walks both.
pub(super) fn walk(
    (source, target): (&dyn Place, &dyn Place),
    filter: &Filter,
    judge: Judge,
    board: &Board,
) -> Result<Candidates, Error> {
    let can = (source.can(), target.can());
    let mut merge = Merge { can, judge, board, candidates: Candidates::default(), unknown: Vec::new() };
    let (one, other) = thread::scope(|scope| {
        let mut feeds = (Feed::start(scope, source, filter), Feed::start(scope, target, filter));
        merge.run(&mut feeds)
    })?;
    // A slip of the pen is no comparison: what it made of the trees is not told.
    filter.check(&one, &other).inspect_err(|_| board.forget())?;
    board.update(|_, outcome| outcome.left_out = one.left_out.max(other.left_out));
    Ok(merge.candidates)
}

struct Merge<'b> {
    can: (Can, Can),
    judge: Judge,
    board: &'b Board,
    candidates: Candidates,
    /// Folders that one side could not list: what the other has there is neither missing nor extra.
    unknown: Vec<Vec<u8>>,
}

impl Merge<'_> {
    fn run(&mut self, (source, target): &mut (Feed, Feed)) -> Result<(Walked, Walked), Error> {
        loop {
            source.fill()?;
            target.fill()?;
            if self.board.meter.is_off() {
                return Err(super::stopped());
            }
            let order = match (&source.next, &target.next) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => in_order(&one.path, &other.path),
            };
            let one = if order.is_le() { source.next.take() } else { None };
            let other = if order.is_ge() { target.next.take() } else { None };
            self.folder(one.as_ref(), other.as_ref());
        }
        Ok((source.walked.take().unwrap_or_default(), target.walked.take().unwrap_or_default()))
    }

    fn folder(&mut self, source: Option<&Folder>, target: Option<&Folder>) {
        let board = self.board;
        board.update(|progress, outcome| {
            for (folder, at) in [(source, Side::Source), (target, Side::Target)] {
                let Some(folder) = folder else { continue };
                let held = match at {
                    Side::Source => &mut outcome.source,
                    Side::Target => &mut outcome.target,
                };
                folder.entries.iter().for_each(|entry| held.add(&entry.is));
                if let Some(why) = &folder.unreadable {
                    outcome.not_proved(folder.path.clone(), format!("{at}'s folder cannot be listed: {why}"));
                    self.unknown.push(folder.path.clone());
                }
            }
            match (source, target) {
                (Some(one), Some(other)) if one.unreadable.is_none() && other.unreadable.is_none() => {
                    self.pair(one, other, outcome);
                }
                (Some(one), None) => self.alone(one, Side::Source, outcome),
                (None, Some(other)) => self.alone(other, Side::Target, outcome),
                _ => {}
            }
            progress.entries = outcome.source.entries() + outcome.target.entries();
            progress.files = u64::from(self.candidates.len());
        });
    }

    /// A folder that both have.
    fn pair(&mut self, source: &Folder, target: &Folder, outcome: &mut Outcome) {
        self.candidates.enter(&source.path);
        let mut ones = source.entries.iter().peekable();
        let mut others = target.entries.iter().peekable();
        let mut lonely: Vec<(&Entry, Side)> = Vec::new();
        loop {
            let order = match (ones.peek(), others.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => source.name(one).cmp(target.name(other)),
            };
            match order {
                Ordering::Less => lonely.extend(ones.next().map(|one| (one, Side::Source))),
                Ordering::Greater => lonely.extend(others.next().map(|other| (other, Side::Target))),
                Ordering::Equal => {
                    if let (Some(one), Some(other)) = (ones.next(), others.next()) {
                        self.entries(source, one, other, outcome);
                    }
                }
            }
        }
        if lonely.is_empty() {
            return;
        }
        let (of_source, of_target) = (folded(source), folded(target));
        for (entry, side) in lonely {
            let (folder, twins) = match side {
                Side::Source => (source, &of_target),
                Side::Target => (target, &of_source),
            };
            let name = folder.name(entry);
            let twin = twins.get(&fold(name)).map(|twin| join(&folder.path, twin));
            self.lonely(folder, entry, side, twin, outcome);
        }
    }

    /// An entry that both have.
    fn entries(&mut self, folder: &Folder, source: &Entry, target: &Entry, outcome: &mut Outcome) {
        let name = folder.name(source);
        let (one, other) = (&source.is, &target.is);
        let known = |aspects| {
            let mut difference = Difference::new(join(&folder.path, name), aspects);
            (difference.source, difference.target) = (Some(one.clone()), Some(other.clone()));
            difference
        };
        match self.judge.pair(one, other) {
            Judged::Known(aspects) if aspects.is_empty() => {}
            Judged::Known(aspects) => outcome.add(known(aspects)),
            Judged::Empty(aspects) => {
                outcome.ways.empty += 1;
                if !aspects.is_empty() {
                    outcome.add(known(aspects));
                }
            }
            Judged::Open(aspects) if self.judge.contents => {
                let named = outcome.names(aspects);
                self.candidates.add(name, (one, other), aspects, named);
            }
            Judged::Open(aspects) => {
                outcome.unread += 1;
                if !aspects.is_empty() {
                    outcome.add(known(aspects));
                }
            }
        }
    }

    /// A folder that only one side has: its entry is named where the folder above is.
    fn alone(&self, folder: &Folder, side: Side, outcome: &mut Outcome) {
        if folder.unreadable.is_some() || self.unknown.iter().any(|above| is_below(&folder.path, above)) {
            return;
        }
        for entry in &folder.entries {
            self.lonely(folder, entry, side, None, outcome);
        }
    }

    fn lonely(
        &self,
        folder: &Folder,
        entry: &Entry,
        side: Side,
        twin: Option<Vec<u8>>,
        outcome: &mut Outcome,
    ) {
        let (aspect, other) = match side {
            Side::Source => (Aspect::Missing, self.can.1),
            Side::Target => (Aspect::Extra, self.can.0),
        };
        // What a side has no form for is not looked at, and that is said.
        if matches!(entry.is.kind, Kind::Folder | Kind::Link) && !other.folders {
            return;
        }
        if !outcome.names(aspect.into()) {
            outcome.add(Difference::new(Vec::new(), aspect));
            return;
        }
        let mut difference = Difference::new(join(&folder.path, folder.name(entry)), aspect);
        let seen = Some(entry.is.clone());
        match side {
            Side::Source => difference.source = seen,
            Side::Target => difference.target = seen,
        }
        difference.twin = twin;
        outcome.add(difference);
    }
}

/// Names without their case, each with the first that has it.
fn folded(folder: &Folder) -> HashMap<String, &[u8]> {
    let mut all = HashMap::with_capacity(folder.entries.len());
    for entry in &folder.entries {
        let name = folder.name(entry);
        all.entry(fold(name)).or_insert(name);
    }
    all
}

fn fold(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_lowercase()
}

/// The order in which folders come: by the names on the way, not by the bytes of the path (`a/b` before `a-b`).
pub(super) fn in_order(one: &[u8], other: &[u8]) -> Ordering {
    one.split(|b| *b == b'/').cmp(other.split(|b| *b == b'/'))
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}
