//! Who holds the lock of an attempt: the shim, its command, and what they started.
//!
//! A process is known by the descriptor that it inherited, not by a number somebody wrote down. It is
//! pinned by a pidfd first and looked at then, so that the one that is signalled is the one that was
//! looked at.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::LOCK;
use crate::process::group::processes;

/// Which of the holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// The shim, which has the lock as its standard input.
    Shim,
    /// Every one.
    Any,
}

/// The holders of an attempt's lock, other than this process, each pinned.
pub(super) fn of(dir: &Path, which: Holder) -> impl Iterator<Item = OwnedFd> {
    // Descriptors are listed by whole path. If that cannot be found, nothing is open on it either.
    let lock = dir.join(LOCK).canonicalize().ok();
    let ours = rustix::process::getpid();
    processes().filter(move |pid| *pid != ours).filter_map(move |pid| {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        holds(pid, which, lock.as_deref()?).then_some(pidfd)
    })
}

/// Signals them, and says how many there were.
pub(super) fn signal(dir: &Path, which: Holder, signal: Signal) -> usize {
    of(dir, which).filter(|holder| pidfd_send_signal(holder, signal).is_ok()).count()
}

fn holds(pid: Pid, which: Holder, lock: &Path) -> bool {
    let fds = PathBuf::from(format!("/proc/{}/fd", pid.as_raw_nonzero()));
    match which {
        Holder::Shim => is(&fds.join("0"), lock),
        Holder::Any => {
            let open = fs::read_dir(fds).into_iter().flatten().flatten();
            open.into_iter().any(|entry| is(&entry.path(), lock))
        }
    }
}

/// Whether a descriptor is open on this file. By name first: it costs little and asks no file system.
fn is(fd: &Path, file: &Path) -> bool {
    let same_file = || {
        let (a, b) = (fs::metadata(fd).ok()?, fs::metadata(file).ok()?);
        Some((a.dev(), a.ino()) == (b.dev(), b.ino()))
    };
    fs::read_link(fd).is_ok_and(|target| target == file) && same_file().unwrap_or(false)
}
