//! A folder of this host.
//!
//! Everything is opened relative to an open folder and never through a symbolic link; nothing but files and
//! folders is ever opened, so that no pipe can hang it. A file's state is what the file system said of it when it
//! was listed, its change time and inode too; it is asked once more when the file has been read.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;
use rustix::path::Arg;
use xxhash_rust::xxh3::xxh3_64;

use super::digest::{Algorithm, Hasher};
use super::filter::{Filter, Walked};
use super::place::{
    Answer, Ask, Attributes, Can, Error, Folder, Kind, Meter, Moment, Opening, Place, Unread, join,
};

/// So much is read at once: two of these stay in a core's own cache.
pub(super) const CHUNK: usize = 128 << 10;

/// Whether an address is a folder that is there.
pub(super) fn is_address(address: &str, root: &Path) -> bool {
    root.join(address).is_dir()
}

pub(super) fn open(address: &str, opening: &Opening<'_>) -> Result<Box<dyn Place>, Error> {
    Ok(Box::new(Local::open(address, &opening.root.join(address))?))
}

/// A folder of this host.
#[derive(Debug)]
pub(super) struct Local {
    name: String,
    path: PathBuf,
    top: OwnedFd,
}

impl Local {
    pub(super) fn open(name: &str, path: &Path) -> Result<Local, Error> {
        let options = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::open(path, options, Mode::empty()).map_err(|why| {
            let mend = if why == Errno::ACCESS { "compare as an account that may read it" } else { "" };
            Error::new(name, format!("cannot be opened: {}", words(why)), mend)
        })?;
        Ok(Local { name: name.to_owned(), path: path.to_owned(), top })
    }

    /// The device and inode of the top: two places with the same are one.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        rustix::fs::fstat(&self.top).ok().map(|stat| (stat.st_dev, stat.st_ino))
    }

    /// The path from here to a file that lies in this folder, however either is written.
    pub(super) fn below(&self, file: &Path) -> Option<Vec<u8>> {
        let file = file.canonicalize().ok()?;
        let below = file.strip_prefix(self.path.canonicalize().ok()?).ok()?;
        Some(below.as_os_str().as_bytes().to_vec())
    }

    fn folder(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b".".as_slice() } else { path };
        let options = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.top, path, options, Mode::empty())
    }

    fn list(&self, into: &mut Folder, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        let dir = self.folder(&into.path)?;
        let mut entries = RawDir::new(dir.as_fd(), buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            match attributes(dir.as_fd(), name) {
                Ok(is) => into.push(name.to_bytes(), is),
                Err(Errno::NOENT) => {}
                Err(why) => return Err(why),
            }
        }
        into.sort();
        Ok(())
    }
}

impl Place for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn can(&self) -> Can {
        let readers = std::thread::available_parallelism().map_or(1, usize::from);
        Can { folders: true, sizes: true, attributes: true, contents: true, readers }
    }

    fn walk(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(Folder) -> ControlFlow<()>,
    ) -> Result<Walked, Error> {
        let mut walked = Walked::default();
        let mut buffer = Vec::with_capacity(64 << 10);
        let mut paths = vec![Vec::new()];
        while let Some(path) = paths.pop() {
            let mut folder = Folder::at(path);
            if let Err(why) = self.list(&mut folder, &mut buffer) {
                if folder.path.is_empty() {
                    return Err(Error::new(&self.name, format!("cannot be listed: {}", words(why)), ""));
                }
                folder = Folder { unreadable: Some(words(why)), ..Folder::at(folder.path) };
            }
            let below = filter.sift(&mut folder, &mut walked);
            paths.extend(below.iter().rev().map(|name| join(&folder.path, name)));
            if each(folder).is_break() {
                break;
            }
        }
        walked.hits = filter.hits();
        Ok(walked)
    }

    fn look(&self, folder: &[u8], name: &[u8]) -> Result<Option<Attributes>, String> {
        let there = self.folder(folder).and_then(|dir| attributes(dir.as_fd(), name));
        match there {
            Ok(is) => Ok(Some(is)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(why) => Err(words(why)),
        }
    }

    fn digest(&self, asks: &[Ask<'_>], algorithm: Algorithm, meter: &Meter) -> Vec<Answer> {
        let mut reader = Reader::new(self);
        asks.iter()
            .map(|ask| {
                let file = reader.open(ask)?;
                let mut hasher = Hasher::new(algorithm);
                for (from, len) in chunks(ask) {
                    hasher.update(reader.read(&file, from, len)?);
                    meter.read(len as u64)?;
                }
                unchanged(&file, ask)?;
                Ok(hasher.finish())
            })
            .collect()
    }

    fn local(&self) -> Option<&Local> {
        Some(self)
    }
}

/// Reads files of one place, one after the other; a folder stays open while files of it are asked for.
pub(super) struct Reader<'l> {
    place: &'l Local,
    folder: Option<(Vec<u8>, OwnedFd)>,
    chunk: Vec<u8>,
}

impl<'l> Reader<'l> {
    pub(super) fn new(place: &'l Local) -> Reader<'l> {
        Reader { place, folder: None, chunk: vec![0; CHUNK] }
    }

    /// Opens the file that is asked for.
    pub(super) fn open(&mut self, ask: &Ask<'_>) -> Result<OwnedFd, Unread> {
        let open = match self.folder.take().filter(|(path, _)| path == ask.folder) {
            Some(open) => open,
            None => (ask.folder.to_vec(), self.place.folder(ask.folder).map_err(unread)?),
        };
        let (_, dir) = self.folder.insert(open);
        // A pipe that took its place meanwhile does not hang, a link that did is not followed.
        let options = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::openat(&*dir, ask.name, options, Mode::empty()).map_err(unread)
    }

    /// So many bytes from a place of the file, at most [`CHUNK`]. What the file system calls a hole is read too:
    /// some have called holes what was only not written yet.
    pub(super) fn read(&mut self, file: &OwnedFd, from: u64, len: usize) -> Result<&[u8], Unread> {
        let chunk = self.chunk.get_mut(..len).unwrap_or_default();
        let mut filled = 0;
        while filled < len {
            let rest = chunk.get_mut(filled..).unwrap_or_default();
            match rustix::io::pread(file, rest, from + filled as u64) {
                // Shorter than it was.
                Ok(0) => return Err(Unread::Changed),
                Ok(n) => filled += n,
                Err(Errno::INTR) => {}
                Err(why) => return Err(unread(why)),
            }
        }
        Ok(chunk)
    }
}

/// Fails unless a file is still in the state in which it was listed.
pub(super) fn unchanged(file: &OwnedFd, ask: &Ask<'_>) -> Result<(), Unread> {
    match rustix::fs::fstat(file) {
        Ok(stat) if stamp(&stat) == ask.stamp => Ok(()),
        Ok(_) => Err(Unread::Changed),
        Err(why) => Err(unread(why)),
    }
}

/// The chunks of a file or piece: where each begins, and how long it is.
pub(super) fn chunks(ask: &Ask<'_>) -> impl Iterator<Item = (u64, usize)> {
    let (from, len) = ask.piece.unwrap_or((0, ask.size));
    let to = from.saturating_add(len);
    (from..to)
        .step_by(CHUNK)
        .map(move |at| (at, usize::try_from(to - at).map_or(CHUNK, |left| left.min(CHUNK))))
}

fn attributes(dir: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<Attributes, Errno> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Pipe,
        FileType::BlockDevice => Kind::Block(stat.st_rdev),
        FileType::CharacterDevice => Kind::Character(stat.st_rdev),
        FileType::Socket | FileType::Unknown => Kind::Socket,
    };
    let link = match kind {
        Kind::Link => Some(rustix::fs::readlinkat(dir, name, Vec::new())?.into_bytes().into_boxed_slice()),
        _ => None,
    };
    Ok(Attributes {
        kind,
        size: (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0)),
        modified: Some(modified(&stat)),
        mode: Some(stat.st_mode & 0o7777),
        owner: Some((stat.st_uid, stat.st_gid)),
        link,
        digest: None,
        stamp: stamp(&stat),
    })
}

fn modified(stat: &Stat) -> Moment {
    Moment { secs: stat.st_mtime, nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}

/// Stands for the state of a file: which it is, how large, when written, when changed in any way.
fn stamp(stat: &Stat) -> u64 {
    let mut bytes = [0; 56];
    let fields = [
        stat.st_dev.to_le_bytes(),
        stat.st_ino.to_le_bytes(),
        stat.st_size.to_le_bytes(),
        stat.st_mtime.to_le_bytes(),
        stat.st_mtime_nsec.to_le_bytes(),
        stat.st_ctime.to_le_bytes(),
        stat.st_ctime_nsec.to_le_bytes(),
    ];
    for (into, field) in bytes.chunks_exact_mut(8).zip(fields) {
        into.copy_from_slice(&field);
    }
    xxh3_64(&bytes)
}

fn unread(why: Errno) -> Unread {
    match why {
        Errno::NOENT | Errno::NOTDIR => Unread::Gone,
        // A link, a socket or a device took its place.
        Errno::LOOP | Errno::NXIO => Unread::Changed,
        why => Unread::Failed(words(why)),
    }
}

/// What a system's refusal means.
pub(super) fn words(why: Errno) -> String {
    match why {
        Errno::ACCESS | Errno::PERM => "it may not be read by this account".to_owned(),
        Errno::NOENT => "it is not there any more".to_owned(),
        Errno::NOTDIR | Errno::LOOP => "it is no folder any more".to_owned(),
        Errno::IO => "the disk fails to read it".to_owned(),
        why => format!("it cannot be read: {}", std::io::Error::from(why)),
    }
}
