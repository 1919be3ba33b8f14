//! Watching a journal grow, up to what is acknowledged and no further.
//!
//! Owns the position of one reader and its judgement on the writer's beat. Writes nothing, so any
//! number of watchers costs the writer nothing. What looks wrong is judged by [`verify`] over the
//! whole file, with the head that this watcher remembers: a journal that was cut or rewritten while it
//! was watched is found even if its own head was cut with it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::chain::{Chain, Record, RunId, read_header};
use super::folder::RunFolder;
use super::head::{Beat, Head};
use super::verify::{Class, Expected, JOURNAL, KeptHead, Next, Verdict, next_line, unreadable, verify};
use crate::clock::{Boot, Now};

/// A beat older than this is stale.
const STALE: Duration = Duration::from_secs(3);
/// A beat older than this is no contact.
const NO_CONTACT: Duration = Duration::from_secs(10);

/// Whether the writer lives, by its beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It beat within the last three seconds.
    Fresh,
    /// Its last beat is so old: three seconds or more.
    Stale(Duration),
    /// Its last beat is so old: ten seconds or more. `None`: of another boot or machine, and it has
    /// not moved while we looked.
    NoContact(Option<Duration>),
}

/// What one look at a journal found.
#[derive(Clone, Debug)]
pub struct Look {
    /// How far it is acknowledged.
    pub head: Head,
    /// Whether its writer lives.
    pub contact: Contact,
    /// How many records are new since the last look.
    pub new: u64,
}

/// One reader's place in a journal.
#[derive(Debug)]
pub struct Follower {
    folder: RunFolder,
    journal: File,
    run: RunId,
    chain: Chain,
    line: Vec<u8>,
    seen: Option<Seen>,
}

/// The last beat met, and when it was met first.
#[derive(Debug)]
struct Seen {
    count: u64,
    /// `None` for the first beat: it may be as old as it likes.
    moved: Option<Boot>,
}

impl Follower {
    /// Begins before the first record.
    pub fn open(path: &Path) -> Result<Follower, Verdict> {
        let (folder, journal) = RunFolder::look(path)
            .and_then(|folder| folder.read_file(JOURNAL).map(|journal| (folder, journal)))
            .map_err(|error| unreadable(&error))?;
        let mut line = Vec::new();
        let read = next_line(&mut BufReader::new(&journal), &mut line);
        let known = match read {
            Ok(Next::Line) => read_header(&line).filter(|(version, _)| *version == super::chain::VERSION),
            Ok(Next::End { .. } | Next::Overlong) | Err(_) => None,
        };
        // The verdict on the whole file words what is wrong with its first line.
        let Some((_, run)) = known else { return Err(verify(path, &Expected::default())) };
        let chain = Chain::new(&run, line.len());
        Ok(Follower { folder, journal, run, chain, line, seen: None })
    }

    /// The run that is followed.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The last record handed out: the head that this watcher keeps. 0 and zeros before the first.
    pub fn kept(&self) -> KeptHead {
        KeptHead { seq: self.chain.seq, hash: self.chain.hash }
    }

    /// Hands out what was acknowledged since the last look.
    ///
    /// An error is final: what was handed out until then stands, nothing later can be trusted.
    pub fn poll(&mut self, now: Now, mut each: impl FnMut(Record<'_>)) -> Result<Look, Verdict> {
        let before = self.chain.seq;
        let head = match Head::read(&self.folder) {
            Some(head) if self.advance(&head, &mut each) => head,
            _ => self.judge()?,
        };
        let contact = self.contact(&head.beat, now);
        Ok(Look { head, contact, new: self.chain.seq - before })
    }

    /// Hands out whole records beyond the head, without going on behind them, and counts them: what an
    /// engine that died had written and told nobody. Show them as *not acknowledged*.
    pub fn unacknowledged(&self, mut each: impl FnMut(Record<'_>)) -> std::io::Result<u64> {
        let mut chain = self.chain.clone();
        let mut journal = &self.journal;
        journal.seek(SeekFrom::Start(chain.offset))?;
        let mut from = BufReader::new(journal);
        let mut line = Vec::new();
        while matches!(next_line(&mut from, &mut line)?, Next::Line) {
            match chain.accept(&line) {
                Ok(record) => each(record),
                Err(_) => break, // Not whole, so not handed out; `verify` is who judges it.
            }
        }
        Ok(chain.seq - self.chain.seq)
    }

    /// Goes on to the head; false when something on the way is not as it must be.
    fn advance(&mut self, head: &Head, each: &mut impl FnMut(Record<'_>)) -> bool {
        if !self.folder.still_names(JOURNAL, &self.journal).unwrap_or(false) {
            return false;
        }
        let mut journal = &self.journal;
        if journal.seek(SeekFrom::Start(self.chain.offset)).is_err() {
            return false;
        }
        let new = head.offset.saturating_sub(self.chain.offset);
        let mut from = BufReader::with_capacity(64 * 1024, journal).take(new);
        while self.chain.seq < head.seq {
            match next_line(&mut from, &mut self.line) {
                Ok(Next::Line) => {}
                Ok(Next::End { .. } | Next::Overlong) | Err(_) => return false,
            }
            match self.chain.accept(&self.line) {
                Ok(record) => each(record),
                Err(_) => return false,
            }
        }
        (self.chain.seq, self.chain.offset, self.chain.hash) == (head.seq, head.offset, head.hash)
    }

    /// Judges the whole file. Not damaged after all (a copy put in its place, a head set back by a
    /// power cut): goes on from the same record in the file that is there now.
    fn judge(&mut self) -> Result<Head, Verdict> {
        let expected = Expected { run: Some(self.run.clone()), heads: vec![self.kept()] };
        let verdict = verify(self.folder.path(), &expected);
        if verdict.is_damaged() {
            return Err(verdict);
        }
        let folder = RunFolder::look(self.folder.path()).map_err(|error| unreadable(&error))?;
        let journal = folder.read_file(JOURNAL).map_err(|error| unreadable(&error))?;
        let head = Head::read(&folder).ok_or(Verdict { class: Class::Headless, ..verdict })?;
        (self.folder, self.journal) = (folder, journal);
        Ok(head)
    }

    fn contact(&mut self, beat: &Beat, now: Now) -> Contact {
        let moved = match &self.seen {
            Some(seen) if seen.count == beat.count => seen.moved,
            Some(_) => Some(now.real),
            None => None,
        };
        self.seen = Some(Seen { count: beat.count, moved });
        let same_boot = crate::clock::boot_id().is_ok_and(|id| id == beat.boot_id);
        // Another machine's boot time says nothing here: then count from when the beat was seen to move.
        let last = if same_boot { Some(beat.real) } else { moved };
        match last.map(|last| now.real.since(last)) {
            Some(age) if age < STALE => Contact::Fresh,
            Some(age) if age < NO_CONTACT => Contact::Stale(age),
            age => Contact::NoContact(age),
        }
    }
}
