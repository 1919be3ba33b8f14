//! A run's folder, held open: every file in it is opened relative to that handle and never through a
//! symbolic link, and whoever is going to write first proves that folder and file are its own.
//!
//! Refuses to know what the files hold.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};

/// Rights that neither the folder nor a file in it may give: writing by the group, anything by others.
const FORBIDDEN: u32 = 0o027;
const PRIVATE_FILE: Mode = Mode::from_raw_mode(0o600);
const PRIVATE_FOLDER: Mode = Mode::from_raw_mode(0o700);

/// An open run folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    dir: File,
}

/// Why a folder or a file in it is not used.
#[derive(Debug)]
pub enum FolderError {
    /// Something is there already; it is left as it is.
    Exists(PathBuf),
    /// A symbolic link stands in its place.
    Link(PathBuf),
    /// It is of another kind than it must be.
    Kind {
        /// Which one.
        path: PathBuf,
        /// `a folder` or `a regular file`.
        wanted: &'static str,
    },
    /// It belongs to another account.
    Owner {
        /// Which one.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// This process's.
        ours: u32,
    },
    /// Others could change or read it.
    Mode {
        /// Which one.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused.
    Io {
        /// What was tried: `open`, `create`, `sync` …
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// With what answer.
        error: io::Error,
    },
}

impl FolderError {
    pub(super) fn io(doing: &'static str, path: &Path, error: impl Into<io::Error>) -> FolderError {
        FolderError::Io { doing, path: path.to_owned(), error: error.into() }
    }

    /// Whether the file or folder simply is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, FolderError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderError::Exists(path) => {
                write!(f, "{} is there already: resume that run or choose another folder", path.display())
            }
            FolderError::Link(path) => write!(
                f,
                "{} is a symbolic link, which could lead anywhere: put the real one in its place",
                path.display()
            ),
            FolderError::Kind { path, wanted } => {
                write!(f, "{} is not {wanted}: move it out of the way", path.display())
            }
            FolderError::Owner { path, owner, ours } => {
                write!(f, "{} belongs to user {owner}, this is user {ours}: run as its owner", path.display())
            }
            FolderError::Mode { path, mode } => write!(
                f,
                "{} has mode {mode:04o}, so others could change or read it: find out who opened it up, then `chmod g-w,o-rwx` it",
                path.display()
            ),
            FolderError::Io { doing, path, error } => {
                write!(f, "could not {doing} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for FolderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FolderError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Why what is synced to a folder may still be lost or be locked twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Kept in memory: gone with a reboot.
    Memory,
    /// On another machine: syncs and locks are only as good as the server and the mount.
    Network,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weakness::Memory => {
                "it is kept in memory and lost with a reboot: put the run's folder on a disk"
            }
            Weakness::Network => {
                "it is on a network file system, where a sync or a lock may not hold: put the run's folder on a local disk"
            }
        })
    }
}

impl RunFolder {
    /// Makes a new private folder and syncs its entry in the parent.
    pub fn create(path: &Path) -> Result<RunFolder, FolderError> {
        fs::mkdir(path, PRIVATE_FOLDER).map_err(|error| match error {
            rustix::io::Errno::EXIST => FolderError::Exists(path.to_owned()),
            error => FolderError::io("create", path, error),
        })?;
        let folder = RunFolder::open(path)?;
        // `..` rather than the path's parent: the path may have changed its meaning meanwhile.
        let parent = fs::openat(&folder.dir, "..", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| FolderError::io("open the parent of", path, error))?;
        fs::fsync(parent).map_err(|error| FolderError::io("sync the parent of", path, error))?;
        Ok(folder)
    }

    /// Opens a folder to write in: it must be ours and closed to others.
    pub fn open(path: &Path) -> Result<RunFolder, FolderError> {
        let folder = RunFolder::look(path)?;
        check_ours(&folder.dir, path)?;
        Ok(folder)
    }

    /// Opens a folder to read in, whoever owns it.
    pub fn look(path: &Path) -> Result<RunFolder, FolderError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = fs::open(path, flags, Mode::empty()).map_err(|error| {
            let link = fs::lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink());
            match error {
                _ if link => FolderError::Link(path.to_owned()),
                rustix::io::Errno::NOTDIR => FolderError::Kind { path: path.to_owned(), wanted: "a folder" },
                error => FolderError::io("open", path, error),
            }
        })?;
        Ok(RunFolder { path: path.to_owned(), dir: dir.into() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that this account can still write to its file system.
    pub fn free_bytes(&self) -> Result<u64, FolderError> {
        let stat = fs::fstatvfs(&self.dir)
            .map_err(|error| FolderError::io("measure the free space of", &self.path, error))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Whether its file system keeps what is synced to it; `None` when nothing speaks against it.
    pub fn weakness(&self) -> Result<Option<Weakness>, FolderError> {
        let stat = fs::fstatfs(&self.dir)
            .map_err(|error| FolderError::io("read the file system of", &self.path, error))?;
        // From linux/magic.h, which no crate of ours names: tmpfs, ramfs; NFS, SMB, CIFS, SMB2, Ceph, 9p, AFS.
        Ok(match u32::try_from(stat.f_type & 0xffff_ffff).unwrap_or(0) {
            0x0102_1994 | 0x8584_58f6 => Some(Weakness::Memory),
            0x6969 | 0x517b | 0xff53_4d42 | 0xfe53_4d42 | 0x00c3_6400 | 0x0102_1997 | 0x5346_414f => {
                Some(Weakness::Network)
            }
            _ => None,
        })
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> Result<(), FolderError> {
        fs::fsync(&self.dir).map_err(|error| FolderError::io("sync", &self.path, error))
    }

    /// Creates a private file; `flags` are added to the safe ones.
    pub(super) fn create_file(&self, name: &str, flags: OFlags) -> Result<File, FolderError> {
        self.open_with(name, "create", flags | OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a file that is about to be written: it must be ours and closed to others.
    pub(super) fn open_ours(&self, name: &str, flags: OFlags) -> Result<File, FolderError> {
        let file = self.open_with(name, "open", flags)?;
        check_ours(&file, &self.join(name))?;
        Ok(file)
    }

    /// Opens a file to read it, whoever owns it.
    pub(super) fn read_file(&self, name: &str) -> Result<File, FolderError> {
        self.open_with(name, "open", OFlags::RDONLY)
    }

    fn open_with(&self, name: &str, doing: &'static str, flags: OFlags) -> Result<File, FolderError> {
        let path = self.join(name);
        // Not blocking: opening a planted pipe must fail, not wait for a writer.
        let safe = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = fs::openat(&self.dir, name, flags | safe, PRIVATE_FILE).map_err(|error| match error {
            rustix::io::Errno::LOOP => FolderError::Link(path.clone()),
            rustix::io::Errno::EXIST => FolderError::Exists(path.clone()),
            error => FolderError::io(doing, &path, error),
        })?;
        let stat = fs::fstat(&file).map_err(|error| FolderError::io("look at", &path, error))?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(FolderError::Kind { path, wanted: "a regular file" });
        }
        Ok(file.into())
    }

    /// Gives a file another name, in place of what has that name.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        fs::renameat(&self.dir, from, &self.dir, to)
            .map_err(|error| FolderError::io("rename", &self.join(from), error))
    }

    /// Removes a file; its absence is no error.
    pub(super) fn remove(&self, name: &str) -> Result<(), FolderError> {
        match fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(FolderError::io("remove", &self.join(name), error)),
        }
    }

    /// Whether `name` still is this open file, not another one put in its place.
    pub(super) fn still_names(&self, name: &str, file: &File) -> Result<bool, FolderError> {
        let path = self.join(name);
        let open = fs::fstat(file).map_err(|error| FolderError::io("look at", &path, error))?;
        match fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(FolderError::io("look at", &path, error)),
        }
    }
}

fn check_ours(file: &File, path: &Path) -> Result<(), FolderError> {
    let stat = fs::fstat(file).map_err(|error| FolderError::io("look at", path, error))?;
    let ours = rustix::process::geteuid().as_raw();
    let mode = stat.st_mode & 0o7777;
    if stat.st_uid != ours {
        return Err(FolderError::Owner { path: path.to_owned(), owner: stat.st_uid, ours });
    }
    if mode & FORBIDDEN != 0 {
        return Err(FolderError::Mode { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let tmp = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&tmp.path().join("run")).unwrap();
        (tmp, folder)
    }

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_private_and_made_once() {
        let (_tmp, folder) = folder();
        let mode = folder.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        assert!(matches!(RunFolder::create(folder.path()), Err(FolderError::Exists(_))));
    }

    #[test]
    fn a_link_in_place_of_folder_or_file_is_refused() {
        let (tmp, folder) = folder();
        let link = tmp.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(matches!(RunFolder::look(&link), Err(FolderError::Link(_))));
        symlink("/etc/passwd", folder.join("journal")).unwrap();
        assert!(matches!(folder.read_file("journal"), Err(FolderError::Link(_))));
        assert!(matches!(folder.create_file("journal", OFlags::RDWR), Err(FolderError::Exists(_))));
    }

    #[test]
    fn what_others_could_change_is_refused_for_writing_and_may_be_read() {
        let (_tmp, folder) = folder();
        folder.create_file("journal", OFlags::RDWR).unwrap();
        for (mode, good) in [(0o600, true), (0o640, true), (0o660, false), (0o604, false), (0o666, false)] {
            chmod(&folder.join("journal"), mode);
            let opened = folder.open_ours("journal", OFlags::RDWR);
            assert_eq!(opened.is_ok(), good, "{mode:o}");
            assert!(folder.read_file("journal").is_ok());
        }
        chmod(folder.path(), 0o770);
        assert!(matches!(RunFolder::open(folder.path()), Err(FolderError::Mode { mode: 0o770, .. })));
        assert!(RunFolder::look(folder.path()).is_ok());
    }

    #[test]
    fn what_belongs_to_another_account_is_refused_for_writing() {
        let (_tmp, folder) = folder();
        folder.create_file("journal", OFlags::RDWR).unwrap();
        if chown(folder.join("journal"), Some(12_345), None).is_err() {
            return; // Only root can give a file away; what an ordinary account meets is the same check.
        }
        let error = folder.open_ours("journal", OFlags::RDWR).unwrap_err();
        assert!(matches!(error, FolderError::Owner { owner: 12_345, .. }), "{error}");
    }

    #[test]
    fn a_pipe_in_place_of_a_file_is_refused_without_waiting() {
        let (_tmp, folder) = folder();
        fs::mknodat(&folder.dir, "journal", FileType::Fifo, PRIVATE_FILE, 0).unwrap();
        assert!(matches!(folder.read_file("journal"), Err(FolderError::Kind { .. })));
    }

    #[test]
    fn a_folder_in_memory_is_named_weak() {
        let shm = RunFolder::look(Path::new("/dev/shm")).unwrap();
        assert_eq!(shm.weakness().unwrap(), Some(Weakness::Memory));
        assert!(shm.free_bytes().unwrap() > 0);
    }
}
