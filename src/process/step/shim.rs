//! The process between engine and command: `cutover __step FOLDER`.
//!
//! It makes a session of its own, so that no terminal and no key reaches the command; lets the command
//! inherit the lock; keeps the time; and writes down how it ended. It takes TERM for *end your
//! command*. If it cannot do its part before the command is started, nothing is started and the exit
//! says why; if it cannot afterwards, there is no exit, and the step is rightly unknown.

use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use serde::{Deserialize, Serialize};

use super::exit::{Exit, Outcome, Pending};
use super::output::{Output, Total};
use super::{LOCK, STARTED, StepError, private, read, wire};
use crate::clock::{Clock, Now};
use crate::process::group::{Cause, Group};
use crate::process::run::{beside, drain};
use crate::process::signal::Requests;
use crate::process::spec::Spec;
use crate::process::{GRACE, detach};

/// The lock is inherited under a number from here on: scripts use the low ones as they please.
const LOCK_FD: i32 = 100;

/// What `started` says.
#[derive(Serialize, Deserialize)]
struct Started {
    /// The shim's process id, for people.
    shim: u32,
    boot_id: String,
    at: Now,
    /// How long the command may take to end when it is told to.
    grace_ms: u64,
}

/// The grace that a running attempt was given.
pub(super) fn grace(dir: &Path) -> Duration {
    let bytes = read(&dir.join(STARTED)).ok().flatten();
    let started = bytes.and_then(|bytes| serde_json::from_slice::<Started>(&bytes).ok());
    started.map_or(GRACE, |started| Duration::from_millis(started.grace_ms))
}

/// Runs the shim for the attempt in `dir`, what follows `__step`. Success: the exit is written.
///
/// Call it before there is any other thread or runtime.
pub fn main(dir: Option<&OsString>) -> ExitCode {
    let Some(dir) = dir.map(PathBuf::from) else { return ExitCode::from(2) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done =
        runtime.map_err(StepError::io("begin in", &dir)).and_then(|runtime| runtime.block_on(shim(&dir)));
    // There is nobody to tell: the missing exit does.
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn shim(dir: &Path) -> Result<(), StepError> {
    // From here on TERM is a request; before that, it is met by starting nothing.
    let requests = Requests::listen().map_err(StepError::io("listen in", dir))?;
    check_lock(dir)?;
    let pending = Pending::keep(dir)?;
    let boot_id = crate::clock::boot_id().map_err(StepError::io("read the boot id for", dir))?;
    let clock = Clock::system();
    let began = clock.now();
    let ran = match start(dir, &boot_id, began) {
        Ok(running) => running.follow(requests).await.map_err(StepError::io("follow the command of", dir))?,
        Err(reason) => Ran::not_started(reason),
    };
    pending.settle(Exit {
        outcome: ran.outcome,
        bytes: ran.total.bytes,
        cut: ran.total.cut,
        sha256: ran.total.sha256,
        output_error: ran.total.error,
        left_children: ran.left_children,
        boot_id,
        began,
        ended: clock.now(),
    })
}

/// Our standard input must be the lock, or somebody runs this by hand.
fn check_lock(dir: &Path) -> Result<(), StepError> {
    let path = dir.join(LOCK);
    let lock = std::fs::metadata(&path).map_err(StepError::io("look at", &path))?;
    let input =
        rustix::fs::fstat(io::stdin()).map_err(|error| StepError::io("look at", &path)(error.into()))?;
    if (lock.dev(), lock.ino()) != (input.st_dev, input.st_ino) {
        let error = io::Error::other("it is not the standard input: only the engine starts a step");
        return Err(StepError::io("use", &path)(error));
    }
    Ok(())
}

/// Starts the command. Every failure lies before its start and proves that nothing of it has run.
fn start(dir: &Path, boot_id: &str, began: Now) -> Result<Running, String> {
    let failed = |doing: &str| {
        let doing = doing.to_owned();
        move |error: io::Error| format!("could not {doing}: {error}")
    };
    detach::own_session().map_err(failed("make a session for the command"))?;
    let spec = wire::read(io::stdout()).map_err(failed("read the command"))?;
    let output = Output::create(dir).map_err(|error| error.to_string())?;
    let mut command = spec.command().map_err(|reason| reason.to_string())?;
    let (from, to) = io::pipe().map_err(failed("make a pipe"))?;
    let errors = to.try_clone().map_err(failed("make a pipe"))?;
    command.stdout(to).stderr(errors);
    let lock = inheritable_lock().map_err(failed("hand on the lock"))?;
    write_started(dir, &spec, boot_id, began).map_err(|error| error.to_string())?;
    let group = Group::spawn(&mut command, spec.grace).map_err(|error| spec.explain(error).to_string())?;
    Ok(Running { group, output, from, timeout: spec.timeout, _lock: lock })
}

/// The lock once more, not closed on exec: so the command and its descendants come to hold it.
fn inheritable_lock() -> io::Result<OwnedFd> {
    let lock = fcntl_dupfd_cloexec(io::stdin(), LOCK_FD)?;
    fcntl_setfd(&lock, FdFlags::empty())?;
    Ok(lock)
}

/// The command while it runs.
struct Running {
    group: Group,
    output: Output,
    from: PipeReader,
    timeout: Duration,
    _lock: OwnedFd,
}

impl Running {
    async fn follow(mut self, mut requests: Requests) -> io::Result<Ran> {
        let watch = self.group.watch(self.timeout, requests.next());
        let drain = drain(self.from, |chunk| self.output.push(chunk));
        let (cause, drained) = beside(watch, drain).await;
        let cause = cause?;
        let (status, others) = self.group.reap()?;
        let left_children = others || drained.is_none();
        let mut total = self.output.finish();
        if let Some(Err(error)) = drained {
            total.error.get_or_insert(error.to_string());
        }
        let outcome = match (cause, status.code()) {
            (Cause::TimedOut, _) => Outcome::TimedOut,
            (Cause::Stopped, _) => Outcome::Stopped,
            (Cause::Ended, Some(code)) => Outcome::Code(code),
            (Cause::Ended, None) => Outcome::Signal(status.signal().unwrap_or(0)),
        };
        Ok(Ran { outcome, total, left_children })
    }
}

/// What is to be said of a command.
struct Ran {
    outcome: Outcome,
    total: Total,
    left_children: bool,
}

impl Ran {
    fn not_started(reason: String) -> Ran {
        let total = Total { bytes: 0, cut: 0, sha256: String::new(), error: None };
        Ran { outcome: Outcome::NotStarted(reason), total, left_children: false }
    }
}

fn write_started(dir: &Path, spec: &Spec, boot_id: &str, at: Now) -> Result<(), StepError> {
    let grace_ms = u64::try_from(spec.grace.as_millis()).unwrap_or(u64::MAX);
    let started = Started { shim: std::process::id(), boot_id: boot_id.to_owned(), at, grace_ms };
    let path = dir.join(STARTED);
    let file = private(&path)?;
    serde_json::to_writer(file, &started).map_err(|error| StepError::io("write", &path)(error.into()))
}
