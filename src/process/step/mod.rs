//! A step's command, run so that its true outcome can be learned even when the engine dies.
//!
//! Owns the folder of one attempt and both sides of it: what the engine does ([`claim`], launch, wait,
//! [`stop`], [`find`]) and the [`shim`] that stands between engine and command. Refuses to know what a
//! step is; an attempt is a folder.
//!
//! | file | what it says |
//! |---|---|
//! | `lock` | locked (`flock`) by the engine before it records its intent, then by the shim and by every descendant of the command, since they inherit the descriptor: while it is held, something of the step runs |
//! | `started` | written by the shim before the command is started: without it nothing of the command has run |
//! | `output` | what the command printed: see [`output`] |
//! | `exit` | how it ended, renamed into place whole: an [`Exit`] |
//!
//! The shim is this program again, `cutover __step FOLDER`, with the lock as its standard input and what
//! to run, secrets included, in a nameless memory file as its standard output. So neither an argument
//! list nor a file nor another child of the engine ever sees a secret, and the command is known whole
//! to the shim even if the engine dies in the middle of starting it. Nothing here is synced: an
//! attempt's files must outlive processes, and after a reboot the step is unknown anyway.
//!
//! Programs may close descriptors they did not open, so a free lock proves nothing once `started` is
//! there; a held one always proves that something runs.

mod exit;
mod holders;
pub mod output;
pub mod shim;
mod wire;

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::{Pid, Signal};

pub use exit::{Exit, Outcome};

use super::group::Children;
use super::spec::Spec;
use holders::Holder;

const LOCK: &str = "lock";
const STARTED: &str = "started";
const EXIT: &str = "exit";
/// How often an attempt is looked at by an engine that did not start it.
const LOOK: Duration = Duration::from_millis(100);
/// What a child may take from its birth to its own program, in looks and the pause between two.
const BETWEEN_LOOKS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(2);
/// How much longer than its grace a shim may take to end its command.
const SLACK: Duration = Duration::from_secs(5);

/// What became of an attempt, in the order in which it is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It ended like this.
    Exited(Exit),
    /// It was launched before the machine was started anew: what it did is unknown.
    OtherBoot,
    /// The shim, the command or a descendant of it runs.
    Running,
    /// Nothing of the command has run, and nothing will.
    NeverLaunched,
    /// It was started and has left no outcome.
    Unknown,
}

/// What could not be done with an attempt's folder or its processes.
#[derive(Debug)]
pub enum StepError {
    /// The attempt was made already.
    Taken(PathBuf),
    /// The system refused.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Its answer.
        error: io::Error,
    },
}

impl StepError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StepError {
        move |error| StepError::Io { doing, path: path.to_owned(), error }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepError::Taken(path) => {
                write!(f, "{} is there already: an attempt is made once, begin the next one", path.display())
            }
            StepError::Io { doing, path, error } => {
                write!(f, "could not {doing} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StepError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StepError::Taken(_) => None,
            StepError::Io { error, .. } => Some(error),
        }
    }
}

/// An attempt that is about to be made: its folder and its lock, taken before the intent is recorded.
///
/// Dropped without a launch it leaves an attempt that was never launched.
#[derive(Debug)]
pub struct Claim {
    dir: PathBuf,
    lock: File,
}

/// An attempt that this process launched. Dropped without [`Launched::wait`] it goes on all the same.
#[derive(Debug)]
pub struct Launched {
    dir: PathBuf,
    boot_id: String,
    shim: Child,
    children: Children,
}

/// Makes the folder of a new attempt and takes its lock.
pub fn claim(dir: &Path) -> Result<Claim, StepError> {
    DirBuilder::new().mode(0o700).create(dir).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StepError::Taken(dir.to_owned()),
        _ => StepError::io("create", dir)(error),
    })?;
    // The whole path: the shim is to find it from wherever it runs.
    let dir = std::path::absolute(dir).map_err(StepError::io("find", dir))?;
    let lock = private(&dir.join(LOCK))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| StepError::io("lock", &dir.join(LOCK))(error.into()))?;
    Ok(Claim { dir, lock })
}

/// Creates a file that nobody else may read.
fn private(path: &Path) -> Result<File, StepError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path).map_err(StepError::io("create", path))
}

impl Claim {
    /// Starts the shim; `exe` is this program (`/proc/self/exe`). The intent must be on record by now.
    ///
    /// The shim is nobody's: it goes on when this process is killed, and ends the command by itself
    /// when its time is up. Call it inside the runtime.
    pub fn launch(self, exe: &Path, spec: &Spec) -> Result<Launched, StepError> {
        let boot_id = crate::clock::boot_id().map_err(StepError::io("read the boot id for", &self.dir))?;
        let children = Children::listen().map_err(StepError::io("listen for the shim of", &self.dir))?;
        let message = wire::write(spec).map_err(StepError::io("hand over the command of", &self.dir))?;
        let shim = Command::new(exe)
            .arg0("cutover")
            .arg("__step")
            .arg(&self.dir)
            .stdin(Stdio::from(self.lock))
            .stdout(Stdio::from(message))
            .stderr(Stdio::null())
            .spawn()
            .map_err(StepError::io("start the shim of", &self.dir))?;
        Ok(Launched { dir: self.dir, boot_id, shim, children })
    }
}

impl Launched {
    /// Waits for the end. Never [`Found::Running`].
    pub async fn wait(mut self) -> Result<Found, StepError> {
        let gone = || StepError::io("wait for the shim of", &self.dir);
        self.children.ended(Pid::from_child(&self.shim)).await.map_err(gone())?;
        self.shim.wait().map_err(gone())?;
        // Another child that is just being started has every descriptor of ours until its program begins, so a lock
        // may be held for a moment by nobody who came from this attempt.
        for _ in 0..BETWEEN_LOOKS {
            if !is_held(&self.dir)? {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        // As a rule the exit is there now. If the shim was killed, its command may still run.
        wait(&self.dir, &self.boot_id).await
    }
}

/// Waits for the end of an attempt that another engine may have launched. Never [`Found::Running`].
pub async fn wait(dir: &Path, launched_in: &str) -> Result<Found, StepError> {
    loop {
        match find(dir, launched_in)? {
            Found::Running => tokio::time::sleep(LOOK).await,
            found => return Ok(found),
        }
    }
}

/// What became of an attempt that was launched in the boot with this id.
pub fn find(dir: &Path, launched_in: &str) -> Result<Found, StepError> {
    if let Some(exit) = exited(dir)? {
        return Ok(exit);
    }
    let boot_id = crate::clock::boot_id().map_err(StepError::io("read the boot id for", dir))?;
    if boot_id != launched_in {
        return Ok(Found::OtherBoot);
    }
    if is_held(dir)? {
        return Ok(Found::Running);
    }
    // It may have ended between the first look and the lock.
    if let Some(exit) = exited(dir)? {
        return Ok(exit);
    }
    let attempted = dir.join(LOCK).try_exists().map_err(StepError::io("look at", dir))?;
    let started = dir.join(STARTED).try_exists().map_err(StepError::io("look at", dir))?;
    Ok(if attempted && !started { Found::NeverLaunched } else { Found::Unknown })
}

fn exited(dir: &Path) -> Result<Option<Found>, StepError> {
    let Some(mut exit) = Exit::read(dir)? else { return Ok(None) };
    if is_held(dir)? {
        // The shim itself lives for a moment more: then it is too early to speak of children.
        if holders::of(dir, Holder::Shim).next().is_some() {
            return Ok(Some(Found::Running));
        }
        exit.left_children = true;
    }
    Ok(Some(Found::Exited(exit)))
}

/// Whether anything that came from an attempt holds its lock. After the exit: *left children*.
pub fn is_held(dir: &Path) -> Result<bool, StepError> {
    let path = dir.join(LOCK);
    let mut options = OpenOptions::new();
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let file = match options.read(true).custom_flags(nofollow).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StepError::io("open", &path)(error)),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(StepError::io("lock", &path)(error.into())),
    }
}

/// Ends an attempt, whoever launched it, and says what became of it.
///
/// The shim is asked first: it gives the command TERM, its grace, then KILL, and writes the outcome. If
/// there is no shim any more, whatever holds the lock gets the same from here, and the outcome stays
/// unknown. [`Found::Running`]: something holds the lock that this account may not signal.
pub async fn stop(dir: &Path, launched_in: &str) -> Result<Found, StepError> {
    let grace = shim::grace(dir);
    let rounds = [
        (Holder::Shim, Signal::TERM, grace.saturating_add(SLACK)),
        (Holder::Any, Signal::TERM, grace),
        (Holder::Any, Signal::KILL, SLACK),
    ];
    for (which, signal, time) in rounds {
        match find(dir, launched_in)? {
            Found::Running => {}
            found => return Ok(found),
        }
        if holders::signal(dir, which, signal) > 0 {
            settle(dir, launched_in, which, time).await?;
        }
    }
    find(dir, launched_in)
}

/// Waits until nothing of an attempt runs, or none of these holders, but no longer than `time`.
async fn settle(dir: &Path, launched_in: &str, which: Holder, time: Duration) -> Result<(), StepError> {
    let began = Instant::now();
    while began.elapsed() < time
        && find(dir, launched_in)? == Found::Running
        && holders::of(dir, which).next().is_some()
    {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Reads a file of an attempt; `None` when it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StepError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StepError::io("read", path)(error)),
    }
}
