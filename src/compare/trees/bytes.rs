//! Two folders of this host, byte by byte: cheaper than two digests, and it says where they part.

use std::fmt;

use super::local::{Local, Reader, chunks, unchanged};
use super::place::{Ask, Meter, Unread};

/// How the contents of two files compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    Same,
    /// They part at this byte, counted from 0.
    PartAt(u64),
}

/// Why a file was not read, and which of the two.
pub(super) type Unreadable = (Side, Unread);

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "the source",
            Side::Target => "the target",
        })
    }
}

/// Compares files or pieces of equal length, each with the one at the same place of the other list.
pub(super) fn compare(
    sides: (&Local, &Local),
    asks: (&[Ask<'_>], &[Ask<'_>]),
    meter: &Meter,
) -> Vec<Result<Bytes, Unreadable>> {
    let mut readers = (Reader::new(sides.0), Reader::new(sides.1));
    let pairs = asks.0.iter().zip(asks.1);
    pairs.map(|(source, target)| pair(&mut readers, source, target, meter)).collect()
}

fn pair(
    (of_source, of_target): &mut (Reader<'_>, Reader<'_>),
    source: &Ask<'_>,
    target: &Ask<'_>,
    meter: &Meter,
) -> Result<Bytes, Unreadable> {
    let at = |side: Side| move |why: Unread| (side, why);
    let source_file = of_source.open(source).map_err(at(Side::Source))?;
    let target_file = of_target.open(target).map_err(at(Side::Target))?;
    let mut found = Bytes::Same;
    for (from, len) in chunks(source) {
        let one = of_source.read(&source_file, from, len).map_err(at(Side::Source))?;
        let other = of_target.read(&target_file, from, len).map_err(at(Side::Target))?;
        meter.read(2 * len as u64).map_err(at(Side::Source))?;
        if one != other {
            let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
            found = Bytes::PartAt(from + same as u64);
            break;
        }
    }
    // Also where they differ: one that is just being written is no proof of anything.
    unchanged(&source_file, source).map_err(at(Side::Source))?;
    unchanged(&target_file, target).map_err(at(Side::Target))?;
    Ok(found)
}
