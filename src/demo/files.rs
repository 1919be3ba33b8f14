//! The world's files: private, replaced whole, and the two locks that say who runs it and who wants it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::{Dir, WorldError};

/// Makes a folder that only its owner can enter; one that is there is left as it is.
pub(super) fn private_folder(path: &Path) -> Result<(), WorldError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(WorldError::file("make the folder", path))
}

/// Makes an empty file that only its owner can read. It must not be there yet.
pub(super) fn private_file(path: &Path) -> Result<File, WorldError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(WorldError::file("make the file", path))
}

/// Puts `content` at `path` so that a reader sees the old file or the new one, never half of one.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), WorldError> {
    let fresh = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(content)?;
        file.sync_data()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(WorldError::file("write", path))
}

/// The file's text, or `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, WorldError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(WorldError::file("read", path)(e)),
    }
}

/// 128 random bits in hexadecimal: a password, or the id of a sign-in.
pub(super) fn random_word() -> Result<String, WorldError> {
    let path = Path::new("/dev/urandom");
    let mut bits = [0_u8; 16];
    File::open(path).and_then(|mut f| f.read_exact(&mut bits)).map_err(WorldError::file("read", path))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bits)))
}

fn lock_file(path: &Path) -> Result<File, WorldError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(WorldError::file("open", path))
}

/// Keeps a world alive for as long as it lives: dropping it (or dying) lets go.
#[derive(Debug)]
pub struct Hold {
    _locked: File,
}

/// Says that the world of this folder is wanted. Any number of processes may hold it; ten minutes
/// after the last let go, the world ends by itself.
pub fn hold(dir: &Path) -> Result<Hold, WorldError> {
    let path = Dir::new(dir).hold();
    let file = lock_file(&path)?;
    // Shared, and waiting: the world looks by taking the lock alone for an instant.
    flock(&file, FlockOperation::LockShared)
        .map_err(|e| WorldError::file("lock", &path)(io::Error::from(e)))?;
    Ok(Hold { _locked: file })
}

/// Whether any process holds the world now.
pub(super) fn is_held(dir: &Dir) -> Result<bool, WorldError> {
    Ok(try_alone(&dir.hold())?.is_none())
}

/// The lock of the one process that runs the world, `None` when another has it.
pub(super) fn take_world(dir: &Dir) -> Result<Option<File>, WorldError> {
    try_alone(&dir.lock())
}

fn try_alone(path: &Path) -> Result<Option<File>, WorldError> {
    let file = lock_file(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(WorldError::file("lock", path)(io::Error::from(e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_held_by_whoever_locks_it_and_free_when_the_last_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::new(folder.path());
        assert!(!is_held(&dir).unwrap());
        let one = hold(folder.path()).unwrap();
        let two = hold(folder.path()).unwrap();
        assert!(is_held(&dir).unwrap());
        drop(one);
        assert!(is_held(&dir).unwrap());
        drop(two);
        assert!(!is_held(&dir).unwrap());
    }

    #[test]
    fn only_one_world_runs_on_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::new(folder.path());
        let first = take_world(&dir).unwrap();
        assert!(first.is_some());
        assert!(take_world(&dir).unwrap().is_none());
        drop(first);
        assert!(take_world(&dir).unwrap().is_some());
    }

    #[test]
    fn a_replaced_file_is_private_and_whole() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("door.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&folder.path().join("none")).unwrap(), None);
    }
}
