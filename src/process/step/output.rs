//! The file `output`: what a step's command printed, standard output and errors as they came.
//!
//! The raw bytes, whatever they are: nothing is escaped or dropped here, so show them only through
//! `SafeText`. The first 64 MiB are written as they come and can be read meanwhile. Of what comes
//! after them the last MiB is added at the end, behind a line that says how much is left out between.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{StepError, private};
use crate::process::bounded::{Ring, cut_line};

const OUTPUT: &str = "output";
/// So much is written as it comes.
const HEAD: u64 = 64 * 1024 * 1024;
/// So much is kept of the end.
const TAIL: usize = 1024 * 1024;

/// The last bytes of an attempt's output, at most `most`, and how many the file has. Nothing printed
/// yet is no error.
pub fn tail(dir: &Path, most: u64) -> Result<(Vec<u8>, u64), StepError> {
    let path = dir.join(OUTPUT);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(StepError::io("open", &path)(error)),
    };
    let mut bytes = Vec::new();
    let read = file.metadata().and_then(|facts| {
        let length = facts.len();
        file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
        file.take(most).read_to_end(&mut bytes)?;
        Ok(length)
    });
    let length = read.map_err(StepError::io("read", &path))?;
    Ok((bytes, length))
}

/// The writing side: takes everything, keeps what fits, never fails the command.
pub(super) struct Output {
    file: File,
    written: u64,
    tail: Ring,
    hash: Sha256,
    /// The first failure to write: from then on bytes are only counted and hashed.
    failed: Option<io::Error>,
}

/// What an output came to.
pub(super) struct Total {
    pub(super) bytes: u64,
    pub(super) cut: u64,
    pub(super) sha256: String,
    pub(super) error: Option<String>,
}

impl Output {
    pub(super) fn create(dir: &Path) -> Result<Output, StepError> {
        let file = private(&dir.join(OUTPUT))?;
        Ok(Output { file, written: 0, tail: Ring::new(TAIL), hash: Sha256::new(), failed: None })
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.hash.update(chunk);
        let room = usize::try_from(HEAD - self.written).unwrap_or(usize::MAX);
        let (head, tail) = chunk.split_at(room.min(chunk.len()));
        self.write(head);
        self.written += head.len() as u64;
        self.tail.push(tail);
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.file.write_all(bytes).err();
        }
    }

    pub(super) fn finish(mut self) -> Total {
        let cut = self.tail.cut();
        if cut > 0 {
            self.write(cut_line(cut).as_bytes());
        }
        let tail = self.tail.pieces().concat();
        self.write(&tail);
        let mut sha256 = String::with_capacity(64);
        for byte in self.hash.finalize() {
            let _infallible = write!(sha256, "{byte:02x}");
        }
        Total {
            bytes: self.written + self.tail.total(),
            cut,
            sha256,
            error: self.failed.map(|error| error.to_string()),
        }
    }
}
