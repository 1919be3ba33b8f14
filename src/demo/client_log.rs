//! `client.log`: what the client was told about each order. The oracle of everything that is claimed
//! about lost and doubled orders, so it knows nothing of databases.
//!
//! One line an attempt, six words: when it was sent, when it was answered (both in milliseconds since
//! the epoch), `order` (through the front door) or `direct` (to one side's application), the order's id,
//! the side that answered or `-`, and the HTTP status, or 0 when there was no answer and the outcome is
//! not known.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Side, WorldError};
use crate::clock::Timestamp;

/// How often the log is forced to disk.
const SYNC: Duration = Duration::from_secs(1);
/// How many lines wait for the writer before clients wait too.
const QUEUE: usize = 4096;

/// By which way an order was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the front door, as users do.
    Door,
    /// Straight at one side's application: the look-out for two sides that take writes at once.
    Direct,
}

/// One attempt to place an order, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) sent: Timestamp,
    pub(super) answered: Timestamp,
    pub(super) way: Way,
    pub(super) id: String,
    /// The side that answered; `None` when none did.
    pub(super) side: Option<Side>,
    /// The HTTP status; 0 when the outcome is not known.
    pub(super) status: u16,
}

impl Line {
    /// Whether the client was told that the order stands.
    pub(super) fn accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the client does not know what became of the order: no answer, or the word of somebody who
    /// does not know either. 503 is a plain no.
    pub(super) fn unclear(&self) -> bool {
        self.status == 0 || (self.status >= 500 && self.status != 503)
    }

    fn text(&self) -> String {
        let way = match self.way {
            Way::Door => "order",
            Way::Direct => "direct",
        };
        let side = self.side.map_or("-", Side::name);
        format!("{} {} {way} {} {side} {}\n", self.sent.0, self.answered.0, self.id, self.status)
    }

    /// The line that this text says, `None` when it is none of ours.
    pub(super) fn parse(text: &str) -> Option<Line> {
        let mut words = text.split(' ');
        let mut next = || words.next();
        let line = Line {
            sent: Timestamp(next()?.parse().ok()?),
            answered: Timestamp(next()?.parse().ok()?),
            way: match next()? {
                "order" => Way::Door,
                "direct" => Way::Direct,
                _ => return None,
            },
            id: next()?.to_owned(),
            side: match next()? {
                "-" => None,
                name => Some(Side::parse(name)?),
            },
            status: next()?.parse().ok()?,
        };
        next().is_none().then_some(line)
    }
}

/// Opens the log for appending. A line that was cut off by a kill was never acknowledged to anybody, and
/// is taken away.
pub(super) fn open(path: &Path) -> Result<File, WorldError> {
    let opening = || -> std::io::Result<File> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        // No line is nearly as long.
        let tail_from = length.saturating_sub(4096);
        file.seek(SeekFrom::Start(tail_from))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(tail_from + whole as u64)?;
        Ok(file)
    };
    opening().map_err(WorldError::file("open", path))
}

/// The way to the log's writer; when the last clone is gone, the writer ends.
pub(super) fn channel() -> (mpsc::Sender<Line>, mpsc::Receiver<Line>) {
    mpsc::channel(QUEUE)
}

/// Writes lines as they come, and forces them to disk once a second.
pub(super) async fn write(mut file: File, mut lines: mpsc::Receiver<Line>) -> std::io::Result<()> {
    let mut batch = Vec::new();
    let mut sync = tokio::time::interval(SYNC);
    loop {
        tokio::select! {
            received = lines.recv_many(&mut batch, QUEUE) => {
                if received == 0 {
                    return file.sync_data();
                }
                let text: String = batch.drain(..).map(|line| line.text()).collect();
                file.write_all(text.as_bytes())?;
            }
            _ = sync.tick() => {
                let file = file.try_clone()?;
                tokio::task::spawn_blocking(move || file.sync_data()).await??;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, status: u16) -> Line {
        Line {
            sent: Timestamp(1_000),
            answered: Timestamp(1_004),
            way: Way::Door,
            id: id.to_owned(),
            side: Some(Side::Source),
            status,
        }
    }

    #[test]
    fn a_line_says_the_same_when_it_is_read_again() {
        for line in [line("o-1", 201), Line { way: Way::Direct, side: None, status: 0, ..line("d-2", 0) }] {
            assert_eq!(Line::parse(line.text().trim_end()), Some(line));
        }
    }

    #[test]
    fn what_is_no_line_is_not_read_as_one() {
        for text in [
            "",
            "1 2 order",
            "1 2 other o-1 source 201",
            "1 2 order o-1 middle 201",
            "1 2 order o-1 source 201 more",
        ] {
            assert_eq!(Line::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_a_kill_cut_off_is_taken_away_before_more_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.log");
        let whole = line("o-1", 201).text();
        std::fs::write(&path, format!("{whole}1001 10")).unwrap();
        drop(open(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        drop(open(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    }

    #[test]
    fn a_plain_no_is_not_an_unclear_outcome() {
        assert!(line("o-1", 201).accepted());
        assert!(!line("o-1", 503).unclear());
        for unclear in [0, 500, 502] {
            assert!(line("o-1", unclear).unclear(), "{unclear}");
        }
    }
}
