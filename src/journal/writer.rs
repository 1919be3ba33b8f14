//! The appending side: durable first, then acknowledged, and never a second try on a file that failed.
//!
//! Owns creation, resuming (with the mending of a torn tail) and the batch append. Blocking: the engine
//! gives it a thread of its own. Refuses to know what the records mean; the caller words them,
//! the one about a mended tail and the last one of a halted run too.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, OFlags, fallocate};

use super::chain::{Chain, Record, RunId, header};
use super::failure::{AppendError, Failure, HaltError, LEAST_FREE, StartError};
use super::folder::{FolderError, RunFolder};
use super::head::{HEAD, Head, HeadFile, NEW_HEAD};
use super::lock::Lock;
use super::verify::{Class, Expected, JOURNAL, Scan, scan, unreadable, verify};
use crate::clock::Now;

/// The name of a journal that is being begun.
const NEW_JOURNAL: &str = "journal.new";
/// Space is taken in steps of this size, so that a full disk is met between records, not in one.
const ALLOCATE: u64 = 16 * 1024 * 1024;
/// Kept back for the last record of a run that met a full disk.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: u64 = 1024 * 1024;

/// Appends to one journal.
#[derive(Debug)]
pub struct Writer {
    folder: RunFolder,
    _lock: Lock,
    file: File,
    head: HeadFile,
    chain: Chain,
    allocated: u64,
    buffer: Vec<u8>,
    failed: Option<Failure>,
}

/// A torn tail that was taken off when the journal was resumed. Record it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The number of the record that was incomplete; nobody was told of it.
    pub seq: u64,
    /// Where it began, in bytes.
    pub offset: u64,
    /// How many bytes were taken off.
    pub bytes: u64,
    /// The file that keeps them (zeros at their end left off).
    pub kept: PathBuf,
}

/// What an append has made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The numbers of the records.
    pub seqs: Range<u64>,
    /// How long the write and the sync took.
    pub took: Duration,
}

impl Writer {
    /// Begins the journal of a new run in a folder that holds none.
    ///
    /// It gets its name last, when it and its head are whole: whoever dies before that has begun nothing, and
    /// the run can still be begun.
    pub fn create(folder: RunFolder, lock: Lock, run: &RunId, now: Now) -> Result<Writer, StartError> {
        check_space(&folder)?;
        match folder.read_file(JOURNAL) {
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(FolderError::Exists(folder.join(JOURNAL)).into()),
        }
        if Head::read(&folder).is_some_and(|head| head.seq > 0) {
            // Records were acknowledged here, and they are gone.
            return Err(StartError::Damaged(verify(folder.path(), &Expected::default())));
        }
        for left in [NEW_JOURNAL, NEW_HEAD] {
            folder.remove(left)?;
        }
        let mut file = folder.create_file(NEW_JOURNAL, OFlags::RDWR | OFlags::APPEND)?;
        let path = folder.join(NEW_JOURNAL);
        let header = header(run);
        file.write_all(header.as_bytes()).map_err(|error| FolderError::io("write", &path, error))?;
        file.sync_all().map_err(|error| FolderError::io("sync", &path, error))?;
        let chain = Chain::new(run, header.len());
        let head = HeadFile::create(&folder, &chain, now)?;
        folder.rename(NEW_JOURNAL, JOURNAL)?;
        let writer = Writer::begin(folder, lock, file, head, chain)?;
        writer.folder.sync()?;
        Ok(writer)
    }

    /// Goes on with a journal that an engine left, and hands out every record in it.
    ///
    /// A torn tail is taken off and kept aside. Records that are whole but were never acknowledged
    /// (the engine died between its sync and its head) are kept: they are acknowledged now.
    pub fn resume(
        folder: RunFolder,
        lock: Lock,
        expected: &Expected,
        now: Now,
        each: impl FnMut(Record<'_>),
    ) -> Result<(Writer, Option<Mended>), StartError> {
        check_space(&folder)?;
        let file = folder.open_ours(JOURNAL, OFlags::RDWR | OFlags::APPEND).map_err(|error| {
            if error.is_absent() { StartError::Damaged(unreadable(&error)) } else { error.into() }
        })?;
        let last = Head::read(&folder);
        let Scan { verdict, chain } = scan(&file, last.as_ref(), expected, each);
        let (Some(last), Some(chain), false) = (last, chain, verdict.is_damaged()) else {
            return Err(StartError::Damaged(verdict));
        };
        let mended = match verdict.class {
            Class::Torn { bytes } => Some(take_off_tail(&folder, &file, &chain, bytes)?),
            _ => None,
        };
        file.sync_all().map_err(|error| FolderError::io("sync", &folder.join(JOURNAL), error))?;
        let mut head = HeadFile::open(&folder, &last)?;
        head.write(&chain, now).map_err(|error| FolderError::io("write", &folder.join(HEAD), error))?;
        Ok((Writer::begin(folder, lock, file, head, chain)?, mended))
    }

    fn begin(
        folder: RunFolder,
        lock: Lock,
        file: File,
        head: HeadFile,
        chain: Chain,
    ) -> Result<Writer, FolderError> {
        keep_reserve(&folder)?;
        let buffer = Vec::new();
        let mut writer =
            Writer { folder, _lock: lock, file, head, chain, allocated: 0, buffer, failed: None };
        writer.allocate(0);
        Ok(writer)
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The number that the next record must state.
    pub fn next_seq(&self) -> u64 {
        self.chain.seq + 1
    }

    /// Appends records with one write and one sync, then acknowledges them.
    ///
    /// Any failure seals the journal: whether a failed sync has lost pages is not to be found out by
    /// trying again. Resume the run to go on.
    pub fn append_batch<P: AsRef<[u8]>>(
        &mut self,
        payloads: &[P],
        now: Now,
    ) -> Result<Appended, AppendError> {
        if let Some(failure) = &self.failed {
            return Err(AppendError::Refused(failure.clone()));
        }
        let mut chain = self.chain.clone();
        self.buffer.clear();
        for payload in payloads {
            chain.seal(payload.as_ref(), &mut self.buffer).map_err(AppendError::Payload)?;
        }
        let seqs = self.next_seq()..chain.seq + 1;
        if seqs.is_empty() {
            return Ok(Appended { seqs, took: Duration::ZERO });
        }
        let began = Instant::now();
        self.write_down(chain, now).map_err(|failure| {
            self.failed = Some(failure.clone());
            AppendError::Failed(failure)
        })?;
        Ok(Appended { seqs, took: began.elapsed() })
    }

    /// Shows that the writer lives. Call it once a second; it syncs nothing.
    pub fn beat(&mut self, now: Now) -> Result<(), AppendError> {
        if let Some(failure) = &self.failed {
            return Err(AppendError::Refused(failure.clone()));
        }
        self.head.write(&self.chain, now).map_err(|error| {
            let failure = Failure::io("acknowledge", &error);
            self.failed = Some(failure.clone());
            AppendError::Failed(failure)
        })
    }

    /// Closes the journal of a run that is over, and gives back the space that was held for more of it.
    pub fn finish(mut self, now: Now) -> Result<(), AppendError> {
        self.beat(now)?;
        // What is held ahead of the end goes with a file's length, even where that stays the same. A disk that
        // keeps it all the same has lost nothing that is on record.
        let _kept = self.file.set_len(self.chain.offset);
        let _kept = self.folder.remove(RESERVE);
        Ok(())
    }

    /// Writes the last record of a run that cannot go on, and closes the journal.
    ///
    /// On a full disk the reserve makes room, and what the failed write left half is taken back first.
    /// After any other failure the file is not touched again.
    pub fn halt(mut self, payload: &[u8], now: Now) -> Result<Appended, HaltError> {
        if let Some(failure) = self.failed.take() {
            if !failure.full {
                return Err(HaltError::Sealed(failure));
            }
            self.folder.remove(RESERVE).map_err(HaltError::Folder)?;
            self.file.set_len(self.chain.offset).map_err(|error| {
                HaltError::Folder(FolderError::io("shorten", &self.folder.join(JOURNAL), error))
            })?;
        }
        self.append_batch(&[payload], now).map_err(HaltError::Append)
    }

    /// Puts the buffer, which ends in the state `chain`, on disk and acknowledges it.
    fn write_down(&mut self, chain: Chain, now: Now) -> Result<(), Failure> {
        self.check_undisturbed()?;
        self.allocate(chain.offset);
        let wanted = self.buffer.len();
        let wrote = self.file.write(&self.buffer).map_err(|error| Failure::io("write", &error))?;
        if wrote < wanted {
            let reason =
                format!("only {wrote} of {wanted} bytes were taken; the disk is full or a limit is met");
            return Err(Failure { doing: "write", reason, full: true });
        }
        self.file.sync_data().map_err(|error| Failure { full: false, ..Failure::io("sync", &error) })?;
        self.head
            .write(&chain, now)
            .map_err(|error| Failure { full: false, ..Failure::io("acknowledge", &error) })?;
        self.chain = chain;
        Ok(())
    }

    /// Somebody who moves the file away or writes into it must not get our records chained to that.
    fn check_undisturbed(&self) -> Result<(), Failure> {
        let disturbed = |reason: String| Failure { doing: "trust", reason, full: false };
        let length = self.file.metadata().map_err(|error| Failure::io("look at", &error))?.len();
        if length != self.chain.offset {
            let ours = self.chain.offset;
            return Err(disturbed(format!("it has {length} bytes, {ours} of them are ours")));
        }
        match self.folder.still_names(JOURNAL, &self.file) {
            Ok(true) => Ok(()),
            Ok(false) => Err(disturbed("the file was removed or replaced".to_owned())),
            Err(error) => Err(disturbed(error.to_string())),
        }
    }

    /// Takes space ahead of `upto`. Where that is not possible the write itself will find out.
    fn allocate(&mut self, upto: u64) {
        if upto >= self.allocated {
            let from = self.chain.offset;
            let _best_effort = fallocate(&self.file, FallocateFlags::KEEP_SIZE, from, ALLOCATE);
            self.allocated = from + ALLOCATE;
        }
    }
}

fn check_space(folder: &RunFolder) -> Result<(), StartError> {
    let free = folder.free_bytes()?;
    if free < LEAST_FREE {
        return Err(StartError::Space { path: folder.path().to_owned(), free });
    }
    Ok(())
}

fn keep_reserve(folder: &RunFolder) -> Result<(), FolderError> {
    let file = match folder.create_file(RESERVE, OFlags::RDWR) {
        Err(FolderError::Exists(_)) => return Ok(()),
        created => created?,
    };
    match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
        // A file system without allocation: real bytes hold the place as well.
        Err(rustix::io::Errno::OPNOTSUPP) => io::copy(&mut io::repeat(0).take(RESERVE_BYTES), &mut &file)
            .map(drop)
            .map_err(|error| FolderError::io("fill", &folder.join(RESERVE), error)),
        other => other.map_err(|error| FolderError::io("allocate", &folder.join(RESERVE), error)),
    }
}

/// Copies a torn tail to a file of its own, then cuts it off. A crash in between only leaves a copy.
fn take_off_tail(
    folder: &RunFolder,
    journal: &File,
    chain: &Chain,
    bytes: u64,
) -> Result<Mended, FolderError> {
    let path = folder.join(JOURNAL);
    let mut tail = Vec::new();
    let mut source: &File = journal;
    source
        .seek(SeekFrom::Start(chain.offset))
        .and_then(|_| source.take(super::chain::MAX_LINE as u64).read_to_end(&mut tail))
        .map_err(|error| FolderError::io("read", &path, error))?;
    while tail.pop_if(|byte| *byte == 0).is_some() {}

    let (name, mut kept) = create_numbered(folder)?;
    let kept_path = folder.join(&name);
    kept.write_all(&tail).map_err(|error| FolderError::io("write", &kept_path, error))?;
    kept.sync_all().map_err(|error| FolderError::io("sync", &kept_path, error))?;
    folder.sync()?;
    journal.set_len(chain.offset).map_err(|error| FolderError::io("shorten", &path, error))?;
    Ok(Mended { seq: chain.seq + 1, offset: chain.offset, bytes, kept: kept_path })
}

fn create_numbered(folder: &RunFolder) -> Result<(String, File), FolderError> {
    let mut number = 1u32;
    loop {
        let name = format!("{JOURNAL}.torn-{number}");
        match folder.create_file(&name, OFlags::RDWR) {
            Err(FolderError::Exists(_)) => number += 1,
            created => return Ok((name, created?)),
        }
    }
}
