//! Whether a journal is whole: the rules of the format, from the first byte to the last.
//!
//! Streams, so that a journal of any length is judged in little memory; hands out each record as it is
//! proved. Writes nothing. See the module above for the rules in words, `tests/verify_journal.py` for
//! the same in another language.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::chain::{Chain, Fault, Hash, MAX_LINE, Record, RunId, VERSION, read_header};
use super::folder::{FolderError, RunFolder};
use super::head::Head;

pub(super) const JOURNAL: &str = "journal";

/// What a journal is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing is wrong.
    Whole,
    /// The last record is incomplete and nobody was told of it: mended by itself on resume.
    Torn {
        /// How many bytes there are behind the last whole record.
        bytes: u64,
    },
    /// Acknowledged records are not there any more.
    Truncated {
        /// The number that the journal reached, as far as is known.
        reached: u64,
    },
    /// Bytes were changed.
    Corrupt,
    /// A later record stands where this one belongs.
    Missing {
        /// The number of the record that stands there.
        found: u64,
    },
    /// An earlier record stands here again.
    Replayed {
        /// The number of the record that stands there.
        found: u64,
    },
    /// The record is another one than was acknowledged.
    Rewritten,
    /// The file `head` is absent or damaged: nobody can tell whether records were cut off.
    Headless,
    /// A later version of the program wrote it.
    Newer {
        /// The version of its format.
        version: u64,
    },
    /// It is the journal of another run.
    Foreign {
        /// The run that it names.
        run: RunId,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl Class {
    /// The one word that both verifiers print.
    pub fn word(&self) -> &'static str {
        match self {
            Class::Whole => "whole",
            Class::Torn { .. } => "torn",
            Class::Truncated { .. } => "truncated",
            Class::Corrupt => "corrupt",
            Class::Missing { .. } => "missing",
            Class::Replayed { .. } => "replayed",
            Class::Rewritten => "rewritten",
            Class::Headless => "headless",
            Class::Newer { .. } => "newer",
            Class::Foreign { .. } => "foreign",
            Class::Unreadable { .. } => "unreadable",
        }
    }
}

/// The judgement on a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub class: Class,
    /// The number of the record concerned (0: the header); of the last record when it is whole.
    pub seq: u64,
    /// The byte at which that record's line begins, or should; the file's end when it is whole.
    pub offset: u64,
    /// How many records were proved before.
    pub proved: u64,
    /// How many of them are acknowledged by `head`, `None` when there is no good one.
    pub acknowledged: Option<u64>,
    /// The run that the journal names, if its header is good.
    pub run: Option<RunId>,
}

impl Verdict {
    /// Whether nothing may be appended any more. A torn journal is mended, not damaged.
    pub fn is_damaged(&self) -> bool {
        !matches!(self.class, Class::Whole | Class::Torn { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { class, seq, offset, proved, .. } = self;
        match class {
            Class::Whole => return write!(f, "whole: {seq} records, {offset} bytes, every hash is right"),
            Class::Torn { bytes } => {
                return write!(
                    f,
                    "torn: {bytes} bytes of record {seq} at byte {offset} were never acknowledged; resuming the run keeps them aside and goes on"
                );
            }
            Class::Truncated { reached } => write!(
                f,
                "truncated: the journal ends before record {seq} at byte {offset}, but it had reached record {reached}"
            )?,
            Class::Corrupt if *seq == 0 => {
                f.write_str("corrupt: the first line is damaged, or this is no journal")?;
            }
            Class::Corrupt => write!(f, "corrupt: record {seq} at byte {offset} was changed")?,
            Class::Missing { found } => write!(
                f,
                "missing: record {seq} is not at byte {offset} where it belongs, record {found} is"
            )?,
            Class::Replayed { found } => write!(
                f,
                "replayed: at byte {offset}, where record {seq} belongs, stands record {found} again"
            )?,
            Class::Rewritten => {
                write!(f, "rewritten: record {seq} at byte {offset} is not the one that was acknowledged")?;
            }
            Class::Headless => write!(
                f,
                "headless: the file `head` is absent or damaged, so nobody can tell whether record {seq} and later ones were cut off"
            )?,
            Class::Newer { version } => {
                return write!(
                    f,
                    "newer: the journal has format {version}, this program knows {VERSION}; read it with the version that wrote it"
                );
            }
            Class::Foreign { run } => {
                return write!(f, "foreign: this is the journal of run {run}; put the right one back");
            }
            Class::Unreadable { reason } => {
                return write!(f, "unreadable: {reason}; nothing can be said about the run");
            }
        }
        write!(
            f,
            "; the {proved} records before it are proved, nothing will be appended: keep the folder as it is, and compare it with a copy or a watcher's"
        )
    }
}

/// A head that somebody else kept: a watcher, a signature, a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptHead {
    /// The number of a record that was acknowledged.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// What is known about a journal from outside its folder.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The run that it must be of.
    pub run: Option<RunId>,
    /// Heads that others kept.
    pub heads: Vec<KeptHead>,
}

/// Judges the journal in a run's folder.
pub fn verify(path: &Path, expected: &Expected) -> Verdict {
    replay(path, expected, |_| {})
}

/// Judges the journal in a run's folder and hands out each record once it is proved.
///
/// What is handed out before damage is found is right as far as it goes.
pub fn replay(path: &Path, expected: &Expected, each: impl FnMut(Record<'_>)) -> Verdict {
    let opened = RunFolder::look(path).and_then(|folder| {
        let head = Head::read(&folder);
        Ok((head, folder.read_file(JOURNAL)?))
    });
    match opened {
        Ok((head, file)) => scan(&file, head.as_ref(), expected, each).verdict,
        Err(error) => unreadable(&error),
    }
}

pub(super) fn unreadable(error: &FolderError) -> Verdict {
    let class = Class::Unreadable { reason: error.to_string() };
    Verdict { class, seq: 0, offset: 0, proved: 0, acknowledged: None, run: None }
}

/// A verdict together with the state in which an appender would go on.
pub(super) struct Scan {
    pub(super) verdict: Verdict,
    /// Behind the last proved record; `None` when not even the header is good.
    pub(super) chain: Option<Chain>,
}

/// Reads `journal` from its beginning to its end.
pub(super) fn scan(
    journal: &File,
    head: Option<&Head>,
    expected: &Expected,
    each: impl FnMut(Record<'_>),
) -> Scan {
    let mut pass = Pass { head, expected, chain: None, run: None };
    let verdict = pass.judge(BufReader::with_capacity(256 * 1024, journal), each);
    Scan { verdict, chain: pass.chain }
}

struct Pass<'a> {
    head: Option<&'a Head>,
    expected: &'a Expected,
    chain: Option<Chain>,
    run: Option<RunId>,
}

/// What a look for the next line found.
pub(super) enum Next {
    /// A complete line, newline included, stands in the buffer.
    Line,
    /// The file ends here, behind so many bytes that make no line.
    End { tail: u64, mendable: bool },
    /// A line longer than any record.
    Overlong,
}

impl Pass<'_> {
    fn judge(&mut self, mut from: impl BufRead, mut each: impl FnMut(Record<'_>)) -> Verdict {
        let mut line = Vec::with_capacity(4096);
        let next = next_line(&mut from, &mut line);
        let mut chain = match next.map(|next| self.open(&next, &line)) {
            Ok(Ok(chain)) => chain,
            Ok(Err(class)) => return self.verdict(class, 0, 0),
            Err(error) => return self.unreadable(&error, 0, 0),
        };
        loop {
            let (next, offset) = (chain.seq + 1, chain.offset);
            let found = match next_line(&mut from, &mut line) {
                Ok(found) => found,
                Err(error) => return self.unreadable(&error, next, offset),
            };
            let class = match found {
                Next::Line => match chain.accept(&line) {
                    Ok(record) if self.is_rewritten(&record, line.len()) => Class::Rewritten,
                    Ok(record) => {
                        each(record);
                        self.chain = Some(chain.clone());
                        continue;
                    }
                    Err(Fault::Corrupt) => Class::Corrupt,
                    Err(Fault::Missing { found }) => Class::Missing { found },
                    Err(Fault::Replayed { found }) => Class::Replayed { found },
                },
                Next::Overlong => Class::Corrupt,
                Next::End { tail, mendable } => match self.at_end(&chain, tail, mendable) {
                    Class::Whole => return self.verdict(Class::Whole, chain.seq, offset),
                    class => class,
                },
            };
            return self.verdict(class, next, offset);
        }
    }

    /// Judges the header and begins the chain behind it.
    fn open(&mut self, next: &Next, line: &[u8]) -> Result<Chain, Class> {
        if let Next::End { tail, .. } = next {
            let cut = self.head.filter(|head| *tail < head.offset);
            return Err(cut.map_or(Class::Corrupt, |head| Class::Truncated { reached: head.seq }));
        }
        let (version, run) = read_header(line).ok_or(Class::Corrupt)?;
        if version > VERSION {
            return Err(Class::Newer { version });
        }
        if self.expected.run.as_ref().is_some_and(|expected| *expected != run) {
            return Err(Class::Foreign { run });
        }
        let chain = Chain::new(&run, line.len());
        self.run = Some(run);
        if self.head.is_some_and(|head| head.seq == 0 && head.offset != chain.offset) {
            return Err(Class::Rewritten);
        }
        self.chain = Some(chain.clone());
        Ok(chain)
    }

    fn is_rewritten(&self, record: &Record<'_>, line: usize) -> bool {
        let end = record.offset + line as u64;
        self.head
            .is_some_and(|head| head.seq == record.seq && (head.hash != record.hash || head.offset != end))
            || self.expected.heads.iter().any(|kept| kept.seq == record.seq && kept.hash != record.hash)
    }

    fn at_end(&self, chain: &Chain, tail: u64, mendable: bool) -> Class {
        let Some(head) = self.head else { return Class::Headless };
        if head.seq > chain.seq {
            return if tail == 0 || chain.offset + tail < head.offset {
                Class::Truncated { reached: head.seq }
            } else {
                Class::Corrupt
            };
        }
        let kept = self.expected.heads.iter().map(|kept| kept.seq).max().unwrap_or(0);
        if kept > chain.seq {
            Class::Truncated { reached: kept }
        } else if tail == 0 {
            Class::Whole
        } else if mendable {
            Class::Torn { bytes: tail }
        } else {
            Class::Corrupt
        }
    }

    fn unreadable(&self, error: &io::Error, seq: u64, offset: u64) -> Verdict {
        self.verdict(Class::Unreadable { reason: error.to_string() }, seq, offset)
    }

    fn verdict(&self, class: Class, seq: u64, offset: u64) -> Verdict {
        let proved = self.chain.as_ref().map_or(0, |chain| chain.seq);
        let acknowledged = self.head.map(|head| head.seq.min(proved));
        Verdict { class, seq, offset, proved, acknowledged, run: self.run.clone() }
    }
}

/// Fills `line` with the next line, or says how the file ends.
pub(super) fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    from.by_ref().take(MAX_LINE as u64).read_until(b'\n', line)?;
    if line.ends_with(b"\n") {
        return Ok(Next::Line);
    }
    if line.len() < MAX_LINE {
        return Ok(Next::End { tail: line.len() as u64, mendable: true });
    }
    // No record is this long. Zeros to the end may be what a power cut left of a file that had grown.
    let mut tail = line.len() as u64;
    let mut zeros = line.ends_with(&[0]);
    loop {
        let chunk = from.fill_buf()?;
        if chunk.is_empty() {
            return Ok(Next::End { tail, mendable: zeros });
        }
        if chunk.contains(&b'\n') {
            return Ok(Next::Overlong);
        }
        zeros &= chunk.iter().all(|b| *b == 0);
        let len = chunk.len();
        tail += len as u64;
        from.consume(len);
    }
}
