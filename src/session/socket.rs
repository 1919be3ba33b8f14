//! Where the control socket is, and that nobody else can have put it there.
//!
//! It stands in the run's folder, which is private, and not below `$XDG_RUNTIME_DIR`: the login manager removes
//! that folder when the last session of an account ends, which is just when an operator whose link has
//! fallen needs the way back in. A socket's address may be 107 bytes long and a folder's path is often longer, so
//! it is reached through the folder's own descriptor.

use std::fmt;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::journal::{FolderError, RunFolder};

const NAME: &str = "control";

/// Why the control socket cannot be used.
#[derive(Debug)]
pub enum SocketError {
    /// The run's folder is not ours, or open to others.
    Folder(FolderError),
    /// What stands in its place is no socket of ours.
    NotOurs {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// At the other end is another account.
    Peer {
        /// Its user id.
        uid: u32,
    },
    /// Nobody listens: no engine is alive.
    NoEngine,
    /// The system refused.
    Io {
        /// Where.
        path: PathBuf,
        /// With what answer.
        error: io::Error,
    },
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketError::Folder(error) => error.fmt(f),
            SocketError::NotOurs { path, why } => write!(
                f,
                "{} cannot be trusted: {why}. Find out who put it there, then remove it",
                path.display()
            ),
            SocketError::Peer { uid } => {
                write!(
                    f,
                    "the other end belongs to user {uid}: only the account that runs the engine has its keys"
                )
            }
            SocketError::NoEngine => {
                f.write_str("no engine runs it now: `cutover run --resume RUN` goes on with it")
            }
            SocketError::Io { path, error } => write!(f, "could not use {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SocketError {}

/// Where a run's control socket is.
pub fn path(run: &Path) -> PathBuf {
    run.join(NAME)
}

/// Listens. Whoever holds the run's lock may: what another engine left there is removed.
pub fn listen(run: &Path) -> Result<UnixListener, SocketError> {
    RunFolder::open(run).map_err(SocketError::Folder)?;
    let full = path(run);
    let failed = |error| SocketError::Io { path: full.clone(), error };
    match std::fs::symlink_metadata(&full) {
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(&full).map_err(failed)?,
        Ok(_) => {
            return Err(SocketError::NotOurs { path: full, why: "it is no socket".to_owned() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let dir = File::open(run).map_err(failed)?;
    let listener = UnixListener::bind(short(&dir)).map_err(failed)?;
    std::fs::set_permissions(&full, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Whether the socket still stands where others look for it.
pub fn stands(run: &Path) -> bool {
    std::fs::symlink_metadata(path(run)).is_ok_and(|there| there.file_type().is_socket())
}

/// Connects to a run's engine.
pub fn connect(run: &Path) -> Result<UnixStream, SocketError> {
    RunFolder::open(run).map_err(SocketError::Folder)?;
    let full = path(run);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => SocketError::NoEngine,
        _ => SocketError::Io { path: full.clone(), error },
    };
    let there = std::fs::symlink_metadata(&full).map_err(failed)?;
    let not_ours = |why: String| SocketError::NotOurs { path: full.clone(), why };
    if !there.file_type().is_socket() {
        return Err(not_ours("it is no socket".to_owned()));
    }
    if there.uid() != our_uid() {
        return Err(not_ours(format!("it belongs to user {}", there.uid())));
    }
    if there.mode() & 0o077 != 0 {
        return Err(not_ours(format!("others may use it (mode {:04o})", there.mode() & 0o7777)));
    }
    let dir = File::open(run).map_err(failed)?;
    let stream = UnixStream::connect(short(&dir)).map_err(failed)?;
    check_peer(&stream)?;
    Ok(stream)
}

/// Refuses an other end that is not of this account.
pub fn check_peer(stream: &UnixStream) -> Result<(), SocketError> {
    let peer = rustix::net::sockopt::socket_peercred(stream)
        .map_err(|error| SocketError::Io { path: PathBuf::from(NAME), error: error.into() })?;
    let uid = peer.uid.as_raw();
    if uid == our_uid() { Ok(()) } else { Err(SocketError::Peer { uid }) }
}

fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A path that is short however long the folder's is.
fn short(dir: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> (tempfile::TempDir, PathBuf) {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("r".repeat(120));
        RunFolder::create(&path).unwrap();
        (tmp, path)
    }

    #[test]
    fn a_socket_is_private_and_reached_however_long_its_path_is() {
        let (_tmp, run) = run();
        assert!(matches!(connect(&run), Err(SocketError::NoEngine)));
        let listener = listen(&run).unwrap();
        assert_eq!(path(&run).metadata().unwrap().mode() & 0o777, 0o600);
        let near = connect(&run).unwrap();
        let (far, _) = listener.accept().unwrap();
        assert!(check_peer(&far).is_ok() && check_peer(&near).is_ok());
        drop(listener);
        assert!(matches!(connect(&run), Err(SocketError::NoEngine)), "a socket that nobody serves");
        assert!(listen(&run).is_ok(), "the next engine takes the place");
    }

    #[test]
    fn what_others_could_have_put_there_is_refused() {
        let (_tmp, run) = run();
        let _listener = listen(&run).unwrap();
        std::fs::set_permissions(path(&run), Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(connect(&run), Err(SocketError::NotOurs { .. })));
        std::fs::set_permissions(path(&run), Permissions::from_mode(0o600)).unwrap();
        std::fs::set_permissions(&run, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(connect(&run), Err(SocketError::Folder(_))));
        std::fs::set_permissions(&run, Permissions::from_mode(0o700)).unwrap();
        std::fs::remove_file(path(&run)).unwrap();
        std::fs::write(path(&run), "").unwrap();
        assert!(matches!(connect(&run), Err(SocketError::NotOurs { .. })));
        assert!(matches!(listen(&run), Err(SocketError::NotOurs { .. })), "nothing but a socket is removed");
    }
}
