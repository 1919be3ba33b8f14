//! Starting a long-lived process of our own: the engine, the demo's world.

use std::ffi::OsStr;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal};

/// A process that goes on without its starter.
#[derive(Debug)]
pub struct Detached(Child);

impl Detached {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end, unless it has.
    pub fn terminate(&mut self) -> io::Result<()> {
        // Not reaped yet, so the number is still its own.
        if self.ended()?.is_none() {
            rustix::process::kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        }
        Ok(())
    }

    /// How it ended, if it has: for a starter that waits for it to come up.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

/// Why a process could not be detached.
#[derive(Debug)]
pub struct DetachError {
    doing: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for DetachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {} {}: {}", self.doing, self.path.display(), self.error)
    }
}

impl std::error::Error for DetachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Starts `exe`, without input, with what it prints appended to `log` (a private file) or dropped.
///
/// The other half is the started program's: it calls [`own_session`] first, so that neither a terminal
/// that hangs up nor a key reaches it. It is named `cutover` in the process list.
pub fn detach(
    exe: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    log: Option<&Path>,
) -> Result<Detached, DetachError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |error| DetachError { doing, path, error }
    };
    let (out, err) = match log {
        Some(path) => {
            let mut options = OpenOptions::new();
            let file =
                options.append(true).create(true).mode(0o600).open(path).map_err(failed("open", path))?;
            let copy = file.try_clone().map_err(failed("open", path))?;
            (Stdio::from(file), Stdio::from(copy))
        }
        None => (Stdio::null(), Stdio::null()),
    };
    let mut command = Command::new(exe);
    command.arg0("cutover").args(args).stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().map(Detached).map_err(failed("start", exe))
}

/// Leaves the starter's session and terminal. The first thing that a detached program does.
pub fn own_session() -> io::Result<()> {
    Ok(rustix::process::setsid().map(drop)?)
}
