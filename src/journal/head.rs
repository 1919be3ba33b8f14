//! The file `head`: how far the journal is acknowledged, and the beat that shows that its writer lives.
//!
//! It stands outside the journal because a chain that lost its tail is still a valid chain. One line of
//! fixed width, overwritten in place with its own hash at the end, so that a reader that meets a write
//! knows it and reads again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;
use std::{io, thread};

use rustix::fs::OFlags;

use super::chain::{Chain, Hash};
use super::folder::{FolderError, RunFolder};
use crate::clock::{Boot, Now, Timestamp};

pub(super) const HEAD: &str = "head";
pub(super) const NEW_HEAD: &str = "head.new";
const MAGIC: &str = "cutover-head/1";
/// The length of the line; a head of any other length is not good.
const WIDTH: usize = 287;
/// How often a reader looks again when it may have met a write, a millisecond apart.
const READS: u32 = 20;

/// The content of `head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last acknowledged record; 0 when there is none.
    pub seq: u64,
    /// The journal's length in bytes up to the end of that record.
    pub offset: u64,
    /// That record's hash.
    pub hash: Hash,
    /// The last sign of life.
    pub beat: Beat,
}

/// A sign of life of the journal's writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// How many there were.
    pub count: u64,
    /// When, in real time since boot.
    pub real: Boot,
    /// When, on the wall.
    pub wall: Timestamp,
    /// Which boot `real` counts from.
    pub boot_id: String,
}

impl Head {
    fn encode(&self) -> String {
        let Head { seq, offset, hash, beat } = self;
        let wall = beat.wall.0.max(0);
        let body = format!(
            "{MAGIC} {seq:020} {offset:020} {hash} {:020} {:020} {wall:020} {:-<36.36} ",
            beat.count, beat.real.0, beat.boot_id
        );
        format!("{body}{}\n", Hash::of(body.as_bytes()))
    }

    fn decode(bytes: &[u8]) -> Option<Head> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() == WIDTH)?;
        let (body, check) = text.strip_suffix('\n')?.split_at_checked(WIDTH - 65)?;
        if check.parse() != Ok(Hash::of(body.as_bytes())) {
            return None;
        }
        let mut words = body.split(' ');
        let mut word = || words.next();
        if word()? != MAGIC {
            return None;
        }
        let seq = word()?.parse().ok()?;
        let offset = word()?.parse().ok()?;
        let hash = word()?.parse().ok()?;
        let count = word()?.parse().ok()?;
        let real = Boot(word()?.parse().ok()?);
        let wall = Timestamp(word()?.parse().ok()?);
        let boot_id = word()?.to_owned();
        Some(Head { seq, offset, hash, beat: Beat { count, real, wall, boot_id } })
    }

    /// Reads a run's head. `None`: it is absent or damaged.
    pub fn read(folder: &RunFolder) -> Option<Head> {
        let file = folder.read_file(HEAD).ok()?;
        read_from(&file)
    }
}

/// Reads a head that somebody may be writing.
pub(super) fn read_from(file: &File) -> Option<Head> {
    // One byte more, so that a longer file is seen to be one.
    let mut bytes = [0; WIDTH + 1];
    for attempt in 0..READS {
        if attempt > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let head = read_up_to(file, &mut bytes).ok().and_then(Head::decode);
        if head.is_some() {
            return head;
        }
    }
    None
}

fn read_up_to<'a>(file: &File, bytes: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(bytes.get(..filled).unwrap_or_default())
}

/// The writing side of `head`.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
    beats: u64,
    boot_id: String,
}

impl HeadFile {
    /// Creates the head of a new journal, under its name only once it is whole and synced.
    pub(super) fn create(folder: &RunFolder, chain: &Chain, now: Now) -> Result<HeadFile, FolderError> {
        let file = folder.create_file(NEW_HEAD, OFlags::RDWR)?;
        let mut head = HeadFile { file, beats: 0, boot_id: boot_id(folder)? };
        let io = |doing, error| FolderError::io(doing, &folder.join(NEW_HEAD), error);
        head.write(chain, now).map_err(|error| io("write", error))?;
        head.file.sync_all().map_err(|error| io("sync", error))?;
        folder.rename(NEW_HEAD, HEAD)?;
        Ok(head)
    }

    /// Takes over the head of a journal that is resumed.
    pub(super) fn open(folder: &RunFolder, last: &Head) -> Result<HeadFile, FolderError> {
        let file = folder.open_ours(HEAD, OFlags::RDWR)?;
        Ok(HeadFile { file, beats: last.beat.count, boot_id: boot_id(folder)? })
    }

    /// Acknowledges what the chain has come to. Not synced: the journal is, and an older head after a
    /// power cut only means that more than it says is there.
    pub(super) fn write(&mut self, chain: &Chain, now: Now) -> io::Result<()> {
        self.beats += 1;
        let beat = Beat { count: self.beats, real: now.real, wall: now.wall, boot_id: self.boot_id.clone() };
        let head = Head { seq: chain.seq, offset: chain.offset, hash: chain.hash, beat };
        self.file.write_all_at(head.encode().as_bytes(), 0)
    }
}

fn boot_id(folder: &RunFolder) -> Result<String, FolderError> {
    crate::clock::boot_id().map_err(|error| FolderError::io("read the boot id for", folder.path(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head {
            seq: 7,
            offset: 4_096,
            hash: Hash::of(b"7"),
            beat: Beat {
                count: 3,
                real: Boot(123_456),
                wall: Timestamp(1_764_975_791_000),
                boot_id: "0c6ee0b4-6d0b-4bb1-8b3d-0a4f0a3d2a55".to_owned(),
            },
        }
    }

    #[test]
    fn a_head_has_its_width_and_is_read_back() {
        let line = head().encode();
        assert_eq!(line.len(), WIDTH);
        assert_eq!(Head::decode(line.as_bytes()), Some(head()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_head_is_seen() {
        let line = head().encode().into_bytes();
        for byte in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.clone();
                flipped[byte] ^= 1 << bit;
                assert_eq!(Head::decode(&flipped), None, "byte {byte} bit {bit}");
            }
            assert_eq!(Head::decode(&line[..byte]), None);
        }
    }

    #[test]
    fn a_reader_beside_a_writer_never_sees_a_torn_head() {
        let file = tempfile::tempfile().unwrap();
        let heads: Vec<String> = (0..2).map(|seq| Head { seq, ..head() }.encode()).collect();
        file.write_all_at(heads[0].as_bytes(), 0).unwrap();
        let writer = file.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                for n in 0..20_000 {
                    writer.write_all_at(heads[n % 2].as_bytes(), 0).unwrap();
                }
            });
            for _ in 0..5_000 {
                let seen = read_from(&file).unwrap();
                assert!(seen.seq < 2);
            }
        });
    }
}
