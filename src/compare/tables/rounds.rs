//! A comparison, round by round.
//!
//! Each round has a look of its own. Without a book there is one. With one, and trails on both sides, rounds are short, so that no
//! server has to keep an old moment for hours: each looks at the rows that were written since the one before, goes on with what was
//! never read, and keeps what it has proved. The last one finds nothing left to read, and settles what differs.

use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;

use super::ledger::{Book, Ledger, Marks};
use super::load::Load;
use super::look::Look;
use super::pairing::{self, Pair};
use super::work::Work;
use super::{Board, Remarks, Request, Sides, Stage, pass, settle};
use crate::clock::Timestamp;
use crate::databases::trail::Stretch;
use crate::databases::{Asked, Error, Trail};

/// A round begins no more pieces after this.
const ROUND: Duration = Duration::from_secs(120);
/// The ledger is kept this often while a round reads.
const KEEP_EVERY: Duration = Duration::from_secs(1);
pub(super) async fn run(
    sides: &Sides,
    request: &Request,
    load: &Load,
    board: &Board,
    mut book: Option<&mut Book<'_>>,
) -> Result<(), Error> {
    let (source, target) = tokio::try_join!(sides.source.identity(None), sides.target.identity(None))?;
    if source.same_system(&target) {
        let why = format!("{} is one and the same database", sides.source.name());
        return Err(Error::broken(sides.target.name(), why, "a comparison with itself proves nothing"));
    }
    let mut trails = match book.as_deref_mut() {
        Some(book) => Trails::take_up(sides, book).await?,
        None => None,
    };
    if let Some(book) = book.as_deref_mut() {
        book.ledger.tables.retain(|_, entry| entry.too_many.is_none());
    }
    let mut broken = false;
    loop {
        match round((sides, request, load), board, book.as_deref_mut(), trails.as_mut()).await? {
            Next::Done => return Ok(()),
            Next::Round => {}
            // Nobody knows any more what was written: everything is read again, once.
            Next::Broken(why) if broken => return Err(why),
            Next::Broken(_) => {
                broken = true;
                if let Some(book) = book.as_deref_mut() {
                    book.ledger = Ledger::default();
                    tokio::try_join!(
                        sides.source.let_trail_go(book.name),
                        sides.target.let_trail_go(book.name)
                    )?;
                    trails = Trails::take_up(sides, book).await?;
                }
            }
        }
    }
}

/// What follows a round.
enum Next {
    /// Another: there is more to read.
    Round,
    /// Everything has been read, and settled as far as it can be.
    Done,
    /// A trail is broken.
    Broken(Error),
}

/// One round.
async fn round(
    (sides, request, load): (&Sides, &Request, &Load),
    board: &Board,
    mut book: Option<&mut Book<'_>>,
    trails: Option<&mut Trails>,
) -> Result<Next, Error> {
    let begun = Instant::now();
    board.update(|progress, _| progress.stage = Stage::Schema);
    let mut look = Look::begin(sides).await?;
    let hashing = look.source.hashing();
    if hashing != look.target.hashing() {
        let why = format!("its hashes ({}) cannot be compared with {hashing}", look.target.hashing());
        return Err(Error::broken(sides.target.name(), why, "compare databases of one kind"));
    }
    let (ours, theirs) = tokio::try_join!(look.source.self_test(), look.target.self_test())?;
    if ours != theirs {
        let why = format!("it hashes the same row otherwise than {}", sides.source.name());
        let next = "their versions or settings differ too much: compare servers of nearer versions";
        return Err(Error::broken(sides.target.name(), why, next));
    }
    let (on_source, on_target) = tokio::try_join!(look.source.tables(), look.target.tables())?;
    let paired = pairing::pair(&on_source, &on_target, request)?;
    let pairs = paired.pairs;
    let left_out: Vec<String> = paired.left_out.iter().map(|(table, _)| table.clone()).collect();
    let mut trails = trails;
    // After the look has begun: whatever it sees, the trails tell as well.
    let told = match trails.as_deref_mut() {
        Some(trails) => match trails.read(&mut look).await {
            Ok(told) => Some(told),
            Err(why @ Error::Broken { .. }) => return Ok(Next::Broken(why)),
            Err(why) => return Err(why),
        },
        None => None,
    };

    let (ledger, now) = match &book {
        Some(book) => (book.ledger.clone(), (book.now)()),
        None => (Ledger::default(), Timestamp(0)),
    };
    board.update(|progress, outcome| {
        progress.tables = Some(pairs.len());
        progress.tables_done = 0;
        outcome.source = look.source_stamp.clone();
        outcome.target = look.target_stamp.clone();
        outcome.hashing = hashing;
        outcome.left_out = paired.left_out;
        outcome.looks += 1;
        outcome.without.clone_from(&ledger.without);
        outcome.tables = pairs.iter().map(Pair::outcome).collect();
    });
    let mut work = Work::of(&pairs, ledger, told.as_ref(), now);
    work.look_again(&mut look, board).await?;
    let wanted = work.wanted(&mut look, board).await?;
    // The window does not pay for them again: what changes around the tables meanwhile is for the probes of readiness.
    let reads = told.is_none() || !wanted.is_empty();
    let until = told.as_ref().map(|_| begun + ROUND);
    let mut kept: Option<Instant> = None;
    let mut tell = |piece| {
        work.take(piece, board);
        match book.as_deref_mut() {
            Some(book) if kept.is_none_or(|at| at.elapsed() >= KEEP_EVERY) => {
                kept = Some(Instant::now());
                work.keep(book)
            }
            _ => Ok(()),
        }
    };
    let (look, remarked) = tokio::join!(
        pass::read(look, wanted, (sides, load, board), until, &mut tell),
        OptionFuture::from(reads.then(|| remarks(sides, request, &left_out)))
    );
    let look = look?;
    if let Some(remarked) = remarked {
        work.ledger.remarks = remarked;
    }
    board.update(|_, outcome| outcome.remarks.clone_from(&work.ledger.remarks));

    let more = told.as_ref().is_some_and(|(source, target)| source.more || target.more);
    let last = !more && work.is_whole();
    if last {
        settle::settle(sides, request, look, &mut work.open, board).await?;
    } else {
        look.end().await;
    }
    // To whoever looks at an earlier moment a table that was written anew meanwhile lies empty (PostgreSQL's documentation,
    // "MVCC Caveats"): on both sides, it would be the same.
    let (source_now, target_now) = tokio::try_join!(sides.source.tables(), sides.target.tables())?;
    work.take_back(("source", |both| &both.source), &on_source.tables, &source_now, board);
    work.take_back(("target", |both| &both.target), &on_target.tables, &target_now, board);
    if let Some(book) = book {
        work.close();
        if let (Some((source, target)), Some(marks)) = (&told, &mut work.ledger.marks) {
            marks.source = source.until.clone();
            marks.target = target.until.clone();
        }
        work.keep(book)?;
    }
    if last {
        // That they may forget what was told costs them once more what telling it did: no verdict waits for it.
        return Ok(Next::Done);
    }
    if let (Some(trails), Some((source, target))) = (trails, &told) {
        tokio::try_join!(trails.source.confirm(&source.until), trails.target.confirm(&target.until))?;
    }
    Ok(Next::Round)
}

/// What is otherwise around the tables. That it is not known stops no comparison of rows.
async fn remarks(sides: &Sides, request: &Request, left_out: &[String]) -> Remarks {
    let asked = Asked { except: left_out.to_vec(), carried: !request.sequences, ..Asked::default() };
    match sides.source.remarks(&sides.target, &asked).await {
        Ok(found) => Remarks { found, unknown: None },
        Err(why) => Remarks { found: Vec::new(), unknown: Some(why.to_string()) },
    }
}

/// Both sides' trails.
struct Trails {
    source: Box<dyn Trail>,
    target: Box<dyn Trail>,
}

impl Trails {
    /// Takes both up where the ledger says. Where one cannot be kept there is none; where one is broken, what the ledger
    /// says is void and they begin anew.
    async fn take_up(sides: &Sides, book: &mut Book<'_>) -> Result<Option<Trails>, Error> {
        let marks = book.ledger.marks.take();
        let taken = Trails::both(sides, book.name, marks.as_ref()).await;
        let taken = match (taken, &marks) {
            (Err(Error::Broken { .. }), Some(_)) => {
                tokio::try_join!(sides.source.let_trail_go(book.name), sides.target.let_trail_go(book.name))?;
                book.ledger = Ledger::default();
                Trails::both(sides, book.name, None).await
            }
            (taken, _) => taken,
        };
        match taken {
            Ok(trails) => {
                let how = match (trails.source.how(), trails.target.how()) {
                    (one, other) if one == other => one.to_owned(),
                    (source, target) => format!("{source} and {target}"),
                };
                if marks.is_none() {
                    // Rows that were proved without a trail may have been written since.
                    book.ledger.tables.clear();
                }
                book.ledger.without = None;
                book.ledger.marks =
                    Some(Marks { source: trails.source.mark(), target: trails.target.mark(), how });
                Ok(Some(trails))
            }
            Err(Error::Broken { .. } | Error::Refused { .. }) if marks.is_none() => {
                let why = taken.err().map(|why| why.to_string());
                // One that was begun is not to keep a server's log for nobody.
                tokio::try_join!(sides.source.let_trail_go(book.name), sides.target.let_trail_go(book.name))?;
                book.ledger = Ledger { without: why, ..Ledger::default() };
                Ok(None)
            }
            Err(why) => {
                book.ledger.marks = marks;
                Err(why)
            }
        }
    }

    async fn both(sides: &Sides, name: &str, marks: Option<&Marks>) -> Result<Trails, Error> {
        let (source, target) = tokio::try_join!(
            sides.source.trail(name, marks.map(|marks| &marks.source)),
            sides.target.trail(name, marks.map(|marks| &marks.target))
        )?;
        Ok(Trails { source, target })
    }

    /// What was written, and how far the look has seen it.
    async fn read(&mut self, look: &mut Look) -> Result<(Stretch, Stretch), Error> {
        let (source, target) = tokio::try_join!(look.source.seen(), look.target.seen())?;
        tokio::try_join!(self.source.read(&source), self.target.read(&target))
    }
}
