//! A place that holds a tree: what it says of its entries, and how they are read.
//!
//! One file a kind of place and one line of [`KINDS`]. Refuses to know what a tree is compared with.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::digest::{Algorithm, Digest};
use super::filter::{Filter, Walked};
use super::local::{self, Local};
use super::{azure, manifest, s3, ssh};

/// Every kind of place: whether an address means it, and how it is opened. The first that says yes is taken.
static KINDS: [(Means, Open); 5] = [
    (ssh::is_address, ssh::open),
    (s3::is_address, s3::open),
    (azure::is_address, azure::open),
    (local::is_address, local::open),
    (manifest::is_address, manifest::open),
];

/// Whether an address, relative to a folder, means such a place.
type Means = fn(&str, &Path) -> bool;
/// How a place is opened.
type Open = fn(&str, &Opening<'_>) -> Result<Box<dyn Place>, Error>;

/// What opening a place may need beside its address.
#[derive(Clone, Debug)]
pub(super) struct Opening<'o> {
    /// The folder that addresses are relative to.
    pub(super) root: &'o Path,
    /// How ssh is called: the program and what goes before its own options.
    pub(super) ssh: &'o [String],
    /// Says when nobody waits for the answer any more.
    pub(super) meter: &'o Arc<Meter>,
}

/// Opens what an address means.
///
/// # Errors
/// What cannot be opened, or an address that means nothing.
pub(super) fn open(address: &str, opening: &Opening<'_>) -> Result<Box<dyn Place>, Error> {
    if let Some((_, open)) = KINDS.iter().find(|(means, _)| means(address, opening.root)) {
        return open(address, opening);
    }
    let mend = "give a folder, a manifest (sha256sum, md5sum), ssh://, s3:// or az://";
    Err(Error::new(address, "is no tree of files", mend))
}

/// Whether an address means a place that holds a tree.
pub fn is_address(address: &str, root: &Path) -> bool {
    KINDS.iter().any(|(means, _)| means(address, root))
}

/// Why a place cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Which.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub mend: String,
}

impl Error {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>, mend: impl Into<String>) -> Error {
        Error { place: place.into(), why: why.into(), mend: mend.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.why)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, ": {}", self.mend) }
    }
}

/// What a place can say of its entries. What either side cannot say is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Can {
    /// It has folders of their own, also empty ones, and symbolic links.
    pub(super) folders: bool,
    /// It knows sizes.
    pub(super) sizes: bool,
    /// It keeps modification times, modes and owners of files.
    pub(super) attributes: bool,
    /// What it holds can be read.
    pub(super) contents: bool,
    /// So many may read from it at once.
    pub(super) readers: usize,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with contents.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, never opened.
    Pipe,
    /// A socket, never opened.
    Socket,
    /// A block device by its number, never opened.
    Block(u64),
    /// A character device by its number, never opened.
    Character(u64),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::File => "a file",
            Kind::Folder => "a folder",
            Kind::Link => "a symbolic link",
            Kind::Pipe => "a pipe",
            Kind::Socket => "a socket",
            Kind::Block(_) => "a block device",
            Kind::Character(_) => "a character device",
        })
    }
}

/// A point in time as file systems keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970.
    pub secs: i64,
    /// Nanoseconds on top, below a billion.
    pub nanos: u32,
}

impl Moment {
    /// The same moment, as far as the coarser of the two can tell: some file systems and archives keep whole
    /// seconds only, others microseconds or steps of 100 ns.
    pub(super) fn is(self, other: Moment) -> bool {
        let step = self.step().max(other.step());
        self.secs == other.secs && self.nanos / step == other.nanos / step
    }

    fn step(self) -> u32 {
        [1_000_000_000, 1_000, 100].into_iter().find(|step| self.nanos.is_multiple_of(*step)).unwrap_or(1)
    }
}

/// What a place says of an entry without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// What it is.
    pub kind: Kind,
    /// Bytes in it, of a file whose size the place knows.
    pub size: Option<u64>,
    /// When it was last modified.
    pub modified: Option<Moment>,
    /// Permissions: the twelve lowest bits.
    pub mode: Option<u32>,
    /// Account and group, as numbers.
    pub owner: Option<(u32, u32)>,
    /// Where a symbolic link leads.
    pub link: Option<Box<[u8]>>,
    /// Of a file: the digest that the place publishes, or one that was made where it was read.
    pub digest: Option<Box<Digest>>,
    /// Stands for this state of a file: another one after reading, and it was changed meanwhile. Where a file
    /// system keeps the time of a change, it goes in: nobody can set that one.
    pub(super) stamp: u64,
}

impl Attributes {
    /// A file of which no more is known than its size, if that.
    pub(super) fn file(size: Option<u64>) -> Attributes {
        let kind = Kind::File;
        Attributes { kind, size, modified: None, mode: None, owner: None, link: None, digest: None, stamp: 0 }
    }
}

/// An entry of a folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where its name stands in the folder's `names`.
    pub(super) name: (u32, u32),
    pub(super) is: Attributes,
}

/// A folder with its entries in the order of their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// From the top of the tree, without a slash at either end; empty for the top.
    pub(super) path: Vec<u8>,
    pub(super) names: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// Why its entries are not known.
    pub(super) unreadable: Option<String>,
}

impl Folder {
    pub(super) fn at(path: Vec<u8>) -> Folder {
        Folder { path, ..Folder::default() }
    }

    pub(super) fn push(&mut self, name: &[u8], is: Attributes) {
        let from = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.extend_from_slice(name);
        self.entries.push(Entry { name: (from, u32::try_from(name.len()).unwrap_or(0)), is });
    }

    pub(super) fn name(&self, of: &Entry) -> &[u8] {
        let from = of.name.0 as usize;
        self.names.get(from..from + of.name.1 as usize).unwrap_or_default()
    }

    pub(super) fn sort(&mut self) {
        let names = std::mem::take(&mut self.names);
        let name = |e: &Entry| names.get(e.name.0 as usize..(e.name.0 + e.name.1) as usize);
        self.entries.sort_unstable_by(|a, b| name(a).cmp(&name(b)));
        self.names = names;
    }
}

/// A path below a folder.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// A file to read, or a piece of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) folder: &'a [u8],
    pub(super) name: &'a [u8],
    /// How large it was when it was listed; the place's own word, or 0 where that has none.
    pub(super) size: u64,
    /// First byte and how many; the whole file where `None`.
    pub(super) piece: Option<(u64, u64)>,
    /// The state that it was in when it was listed.
    pub(super) stamp: u64,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is no longer in the state in which it was listed, or was changed while it was read.
    Changed,
    /// It is not there any more.
    Gone,
    /// For another reason.
    Failed(String),
}

/// What was read of a file.
pub(super) type Answer = Result<Digest, Unread>;

/// How far the reading is, and whether anybody still waits for it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: AtomicU64,
    off: AtomicBool,
}

impl Meter {
    /// Counts what was read; fails when nobody waits for more.
    pub(super) fn read(&self, bytes: u64) -> Result<(), Unread> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.is_off() { Err(Unread::Failed("it was stopped".to_owned())) } else { Ok(()) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn call_off(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }
}

/// A place that holds a tree. All of it may be asked from several threads at once.
pub(super) trait Place: Send + Sync {
    /// As people call it, without secrets.
    fn name(&self) -> &str;

    /// What it can say.
    fn can(&self) -> Can;

    /// Hands on folder after folder, each before those in it and those in the order of their names; stops when
    /// `each` breaks. Only what the filter wants is handed on.
    ///
    /// # Errors
    /// When the tree as a whole cannot be listed. A folder that cannot be is handed on with the reason.
    fn walk(&self, filter: &Filter, each: &mut dyn FnMut(Folder) -> ControlFlow<()>)
    -> Result<Walked, Error>;

    /// What is at a path now; `None` when nothing is.
    ///
    /// # Errors
    /// In words, when it cannot be told.
    fn look(&self, folder: &[u8], name: &[u8]) -> Result<Option<Attributes>, String>;

    /// Reads files and gives an answer for each, in their order. Asks of one folder stand together.
    fn digest(&self, asks: &[Ask<'_>], algorithm: Algorithm, meter: &Meter) -> Vec<Answer>;

    /// The file that it is read from, where it is one.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// The same as a folder of this host, where it is one: two of those are compared without a digest.
    fn local(&self) -> Option<&Local> {
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file as a place without attributes tells it.
    pub(in super::super) fn file(size: u64) -> Attributes {
        Attributes::file(Some(size))
    }

    pub(in super::super) fn folder() -> Attributes {
        Attributes { kind: Kind::Folder, size: None, ..file(0) }
    }

    #[test]
    fn times_are_the_same_as_far_as_the_coarser_side_can_tell() {
        let at = |secs, nanos| Moment { secs, nanos };
        for (one, other, same) in [
            (at(5, 123_456_789), at(5, 123_456_789), true),
            (at(5, 123_456_789), at(5, 123_456_788), false),
            (at(5, 123_456_789), at(5, 0), true),
            (at(5, 123_456_789), at(5, 123_456_700), true),
            (at(5, 123_456_789), at(5, 123_456_000), true),
            (at(5, 123_456_789), at(5, 123_457_000), false),
            (at(5, 0), at(6, 0), false),
        ] {
            assert_eq!((one.is(other), other.is(one)), (same, same), "{one:?} {other:?}");
        }
    }

    #[test]
    fn names_are_sorted_by_their_bytes() {
        let mut folder = Folder::at(b"a".to_vec());
        for name in ["b".as_bytes(), b"\xff", b"a\nb", b"B", b"a"] {
            folder.push(name, file(0));
        }
        folder.sort();
        let names: Vec<&[u8]> = folder.entries.iter().map(|e| folder.name(e)).collect();
        assert_eq!(names, [b"B".as_slice(), b"a", b"a\nb", b"b", b"\xff"]);
        assert_eq!(join(b"", b"x"), b"x");
        assert_eq!(join(b"a/b", b"x"), b"a/b/x");
    }
}
