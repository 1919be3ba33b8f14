//! What a cockpit and the engine say to each other over the control socket: one JSON object a line.
//!
//! Owns the messages and the longest line that either side reads. Nothing in here decides anything; a watcher
//! speaks none of it, since watching is reading files.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::input::Intent;
use crate::plan::StepId;

/// The longest line, in bytes, its line end included. A longer one ends the connection.
pub const MAX_LINE: usize = 64 * 1024;

/// From the cockpit to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Ask {
    /// The first line: who wants the keys.
    Hello {
        /// As they say.
        name: String,
        /// As the machine says.
        account: String,
        /// They typed that they take the keys from whoever has them.
        take: bool,
    },
    /// Somebody wants something; answered by `accepted` or `refused` with the same id.
    Intent {
        /// Chosen by the cockpit.
        id: u64,
        /// What.
        intent: Intent,
    },
    /// The last row of a gate's evidence has been shown; answered by `code`, or not at all when the sheet is no
    /// longer the one that counts (the feed shows which is).
    ShowGate {
        /// Which gate.
        gate: StepId,
        /// On which asking.
        revision: u32,
        /// Which sheet.
        sheet: u32,
        /// … and its digest.
        digest: String,
    },
    /// Somebody is still there. Once a second, whatever the terminal does.
    Beat,
}

/// From the engine to the cockpit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum Answer {
    /// The keys are yours.
    Welcome {
        /// The run's id.
        run: String,
        /// The last record.
        seq: u64,
    },
    /// Somebody else has the keys.
    RefusedHello {
        /// Who.
        who: String,
        /// Since when.
        since: Timestamp,
    },
    /// It is on the record.
    Accepted {
        /// Which intent.
        id: u64,
        /// The record's number.
        seq: u64,
    },
    /// It is not.
    Refused {
        /// Which intent.
        id: u64,
        /// Why, and what to do instead.
        text: String,
    },
    /// The code that stands on the gate now.
    Code {
        /// Which gate.
        gate: StepId,
        /// On which asking.
        revision: u32,
        /// Which sheet.
        sheet: u32,
        /// Four letters.
        code: String,
        /// Not valid for so many milliseconds of real time.
        arms_in_ms: u64,
    },
    /// The engine ends the connection.
    Bye {
        /// Why.
        why: String,
        /// Somebody else has the keys now: asking for them again would be taking them.
        taken: bool,
    },
}

/// The line of a message, line end included.
pub fn line(message: &impl Serialize) -> Vec<u8> {
    // Every message is a struct of texts and numbers, which always has a JSON form.
    let mut bytes = serde_json::to_vec(message).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Reads one message. `None` at the end of the connection.
pub fn read<T: for<'de> Deserialize<'de>>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    parse(&line).map(Some)
}

/// The message of a line. A line that was cut off or is no message is an error.
pub fn parse<T: for<'de> Deserialize<'de>>(line: &[u8]) -> io::Result<T> {
    let whole = line.strip_suffix(b"\n").ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "a line without an end after {}",
                crate::counts::counted(line.len() as u64, "byte", "bytes")
            ),
        )
    })?;
    serde_json::from_slice(whole).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_read_back() {
        let asks = [
            Ask::Hello { name: "maria\n".into(), account: "ops".into(), take: true },
            Ask::Intent { id: 4, intent: Intent::Hold { reason: "\u{1b}[2J".into() } },
            Ask::ShowGate { gate: "go".into(), revision: 1, sheet: 2, digest: "ab".into() },
            Ask::Beat,
        ];
        let bytes: Vec<u8> = asks.iter().flat_map(line).collect();
        assert_eq!(bytes.split_inclusive(|b| *b == b'\n').count(), asks.len());
        let mut from = &bytes[..];
        for ask in asks {
            assert_eq!(read::<Ask>(&mut from).unwrap(), Some(ask));
        }
        assert_eq!(read::<Ask>(&mut from).unwrap(), None);
    }

    #[test]
    fn junk_an_endless_line_and_a_cut_one_are_errors() {
        let endless = vec![b'x'; MAX_LINE * 2];
        for bytes in [&b"{\"say\":\"dance\"}\n"[..], b"\n", b"\xff\xfe\n", b"{\"say\":\"beat\"}", &endless] {
            assert!(read::<Ask>(&mut &bytes[..]).is_err());
        }
    }
}
