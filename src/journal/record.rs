//! The typed record: what was decided at one moment, as the JSON that a record of the journal holds.
//!
//! ```text
//! {"seq":7,"at":1764975791000,"boot":123456,"events":[…]}
//! ```
//!
//! `at` is wall time and `boot` boot time, in milliseconds; both are the run's own, so faster than the wall's in a
//! rehearsal. All events of a record happened together: a torn write takes all of them or none. What would be
//! longer than a record may be stands in a file of its own, which the record names by its SHA-256:
//!
//! ```text
//! {"seq":7,"at":1764975791000,"boot":123456,"aside":"<64 hex digits>"}     large/<64 hex digits>.json = […]
//! ```
//!
//! Refuses to know how records are chained and synced (the module above) and what events mean (`engine`).

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Hash, MAX_PAYLOAD, Record};
use crate::clock::{Boot, Now, Timestamp};
use crate::engine::event::Event;
use crate::engine::state::At;

/// Where events stand that are too long for a record, below the run's folder.
const LARGE: &str = "large";
/// What is read of such a file at most, in bytes: more than any plan can make us write.
const MOST: u64 = 256 * 1024 * 1024;

/// What was decided at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When, and as which record.
    pub at: At,
    /// That record's hash.
    pub hash: Hash,
    /// What has happened.
    pub events: Vec<Event>,
}

/// Why a record could not be written down or understood.
#[derive(Debug)]
pub enum RecordError {
    /// The JSON is not of this version's events.
    Form {
        /// Which record.
        seq: u64,
        /// What the parser says.
        why: String,
    },
    /// A file that holds events could not be written or read.
    Aside {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that holds events is not the one that the record names.
    Changed {
        /// Which record.
        seq: u64,
        /// Which file.
        path: PathBuf,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Form { seq, why } => write!(
                f,
                "record {seq} holds what this version does not know ({why}): read the run with the version that wrote it"
            ),
            RecordError::Aside { path, error } => {
                write!(f, "the events in {} cannot be reached: {error}", path.display())
            }
            RecordError::Changed { seq, path } => write!(
                f,
                "{} is not what record {seq} names by its hash: put the right file back from a copy of the run",
                path.display()
            ),
        }
    }
}

impl std::error::Error for RecordError {}

#[derive(Serialize)]
struct Out<'a> {
    seq: u64,
    at: Timestamp,
    boot: Boot,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'a [Event]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<Hash>,
}

#[derive(Deserialize)]
struct In {
    seq: u64,
    at: Timestamp,
    boot: Boot,
    events: Option<Vec<Event>>,
    aside: Option<Hash>,
}

/// The payload of record `seq`. Events that are too long for it are put in a synced file below `run` first.
pub fn encode(run: &Path, seq: u64, now: Now, events: &[Event]) -> Result<Vec<u8>, RecordError> {
    let form = |why: serde_json::Error| RecordError::Form { seq, why: why.to_string() };
    let out = Out { seq, at: now.wall, boot: now.boot, events: Some(events), aside: None };
    let whole = serde_json::to_vec(&out).map_err(form)?;
    if whole.len() <= MAX_PAYLOAD {
        return Ok(whole);
    }
    let bytes = serde_json::to_vec(events).map_err(form)?;
    let hash = Hash::of(&bytes);
    let path = aside_path(run, hash);
    write_aside(&path, &bytes).map_err(|error| RecordError::Aside { path, error })?;
    serde_json::to_vec(&Out { events: None, aside: Some(hash), ..out }).map_err(form)
}

/// What a record of the run in `run` says.
pub fn decode(run: &Path, record: &Record<'_>) -> Result<Entry, RecordError> {
    let form = |why: String| RecordError::Form { seq: record.seq, why };
    let it: In = serde_json::from_slice(record.payload).map_err(|e| form(e.to_string()))?;
    let events = match (it.events, it.aside) {
        (Some(events), None) => events,
        (None, Some(hash)) => {
            let bytes = read_aside(run, record.seq, hash)?;
            serde_json::from_slice(&bytes).map_err(|e| form(e.to_string()))?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(form("it needs either `events` or `aside`".to_owned()));
        }
    };
    Ok(Entry { at: At { seq: it.seq, wall: it.at, boot: it.boot }, hash: record.hash, events })
}

fn aside_path(run: &Path, hash: Hash) -> PathBuf {
    run.join(LARGE).join(format!("{hash}.json"))
}

/// The name says what is in it, so a file that is there already was begun by us and is written again.
fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    if !folder.is_dir() {
        std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        folder.parent().map_or(Ok(()), |run| File::open(run)?.sync_all())?;
    }
    let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

fn read_aside(run: &Path, seq: u64, hash: Hash) -> Result<Vec<u8>, RecordError> {
    let path = aside_path(run, hash);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)) {
        Ok(_) if Hash::of(&bytes) == hash => Ok(bytes),
        Ok(_) => Err(RecordError::Changed { seq, path }),
        Err(error) => Err(RecordError::Aside { path, error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn note(text: String) -> Event {
        Event::Noted { by: "maria".to_owned(), text }
    }

    fn record(seq: u64, payload: &[u8]) -> Record<'_> {
        Record { seq, offset: 0, hash: Hash::of(payload), payload }
    }

    #[test]
    fn a_record_begins_with_its_number_and_is_read_back() {
        let now = Clock::manual(Timestamp(5)).now();
        let events = vec![note("one\nline".to_owned()), Event::Released { by: "maria".to_owned() }];
        let payload = encode(Path::new("/nowhere"), 7, now, &events).unwrap();
        assert!(payload.starts_with(b"{\"seq\":7,"));
        assert!(!payload.contains(&b'\n'));
        let entry = decode(Path::new("/nowhere"), &record(7, &payload)).unwrap();
        assert_eq!(entry.events, events);
        assert_eq!(entry.at, At { seq: 7, wall: now.wall, boot: now.boot });
    }

    #[test]
    fn what_is_too_long_for_a_record_stands_in_a_private_file_named_by_its_hash() {
        let run = tempfile::tempdir().unwrap();
        let now = Clock::manual(Timestamp(5)).now();
        let events: Vec<Event> = (0..3).map(|n| note(format!("{n}").repeat(MAX_PAYLOAD))).collect();
        let payload = encode(run.path(), 1, now, &events).unwrap();
        assert!(payload.len() < 200, "{}", payload.len());
        assert_eq!(decode(run.path(), &record(1, &payload)).unwrap().events, events);

        let file = std::fs::read_dir(run.path().join(LARGE)).unwrap().next().unwrap().unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(file.path(), "[]").unwrap();
        assert!(matches!(decode(run.path(), &record(1, &payload)), Err(RecordError::Changed { seq: 1, .. })));
        std::fs::remove_file(file.path()).unwrap();
        assert!(matches!(decode(run.path(), &record(1, &payload)), Err(RecordError::Aside { .. })));
    }

    #[test]
    fn an_event_of_a_later_version_is_named_not_skipped() {
        let payload = br#"{"seq":3,"at":1,"boot":1,"events":[{"event":"teleported"}]}"#;
        let error = decode(Path::new("/nowhere"), &record(3, payload)).unwrap_err();
        assert!(error.to_string().contains("record 3"), "{error}");
        assert!(error.to_string().contains("teleported"), "{error}");
    }
}
