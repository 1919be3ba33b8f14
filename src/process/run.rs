//! Running a short command to its end, with what it prints kept within bounds.

use std::fs::File;
use std::io::{self, PipeReader, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::bounded::Bounded;
use super::group::{Cause, Group};
use super::spec::{NotStarted, Spec};
use super::{LEAK_WAIT, signal};

/// How a command came to its end.
#[derive(Debug)]
pub enum Ended {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its time was up, and it was ended.
    TimedOut,
    /// It was never started.
    NotStarted(NotStarted),
    /// It was started, then the system refused to say more: what it did is not known.
    Lost(io::Error),
}

impl Ended {
    /// Whether it did what it was to do, by its own account.
    pub fn is_success(&self) -> bool {
        matches!(self, Ended::Code(0))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "ended with code {code}"),
            Ended::Signal(number) => write!(f, "was ended by {}", signal::name(*number)),
            Ended::TimedOut => f.write_str("took too long and was ended"),
            Ended::NotStarted(reason) => reason.fmt(f),
            Ended::Lost(error) => write!(f, "was started and could not be followed to its end: {error}"),
        }
    }
}

/// How much of a command's output is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes a stream, half from its beginning and half from its end.
    pub capture: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { capture: 1024 * 1024 }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub ended: Ended,
    /// What it printed.
    pub stdout: Bounded,
    /// What it printed as errors.
    pub stderr: Bounded,
    /// From start to end.
    pub took: Duration,
    /// A child of it was left behind and held on to the output; its group was killed.
    pub leaked: bool,
}

/// Runs a command to its end. Dropping the future ends the command and its group, KILL after the grace.
pub async fn run(spec: &Spec, limits: Limits) -> Finished {
    run_with(spec, limits, &[]).await
}

/// As [`run`], with an input: for this program's own helpers only, since a command of a plan has none.
///
/// The input is whole before the command starts, in a memory file, so that nobody has to feed it.
pub async fn run_with(spec: &Spec, limits: Limits, input: &[u8]) -> Finished {
    let mut finished = Finished {
        ended: Ended::TimedOut,
        stdout: Bounded::new(limits.capture),
        stderr: Bounded::new(limits.capture),
        took: Duration::ZERO,
        leaked: false,
    };
    let began = Instant::now();
    finished.ended = run_into(spec, input, &mut finished).await.unwrap_or_else(|ended| ended);
    finished.took = began.elapsed();
    finished
}

async fn run_into(spec: &Spec, input: &[u8], finished: &mut Finished) -> Result<Ended, Ended> {
    let mut command = spec.command().map_err(Ended::NotStarted)?;
    let no_pipe = |error| Ended::NotStarted(NotStarted::System { doing: "make a pipe".to_owned(), error });
    let (stdout, out) = io::pipe().map_err(no_pipe)?;
    let (stderr, err) = io::pipe().map_err(no_pipe)?;
    command.stdout(out).stderr(err);
    if !input.is_empty() {
        let doing = "keep the input".to_owned();
        let input = kept(input).map_err(|error| Ended::NotStarted(NotStarted::System { doing, error }))?;
        command.stdin(input);
    }
    let mut group =
        Group::spawn(&mut command, spec.grace).map_err(|error| Ended::NotStarted(spec.explain(error)))?;
    drop(command); // It holds our copies of the pipes' other ends.

    let watch = group.watch(spec.timeout, std::future::pending());
    let drain = async {
        let out = drain(stdout, |chunk| finished.stdout.push(chunk));
        let err = drain(stderr, |chunk| finished.stderr.push(chunk));
        tokio::try_join!(out, err).map(drop)
    };
    // A command that not even KILL ends must not hold up whoever asked.
    let most = spec.timeout.saturating_add(spec.grace).saturating_add(2 * LEAK_WAIT);
    let (cause, drained) = timeout(most, beside(watch, drain))
        .await
        .map_err(|_| Ended::Lost(io::Error::other("it cannot be ended; it may run under another account")))?;
    let cause = cause.map_err(Ended::Lost)?;
    if let Some(drained) = drained {
        drained.map_err(Ended::Lost)?;
    } else {
        finished.leaked = true;
        group.kill();
    }
    let (status, _) = group.reap().map_err(Ended::Lost)?;
    Ok(match cause {
        Cause::TimedOut => Ended::TimedOut,
        Cause::Ended | Cause::Stopped => how(status),
    })
}

/// A memory file to be read from its beginning.
fn kept(input: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(input)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, number) => Ended::Signal(number.unwrap_or(0)),
    }
}

/// Runs `watch` to its end with `drain` beside it, and gives `drain` a little longer.
///
/// `None` in the second place: output was still held by somebody when that time was up.
pub(super) async fn beside<W, D>(
    watch: impl Future<Output = W>,
    drain: impl Future<Output = D>,
) -> (W, Option<D>) {
    let (mut watch, mut drain) = (pin!(watch), pin!(drain));
    let mut drained = None;
    let watched = loop {
        tokio::select! {
            watched = &mut watch => break watched,
            done = &mut drain, if drained.is_none() => drained = Some(done),
        }
    };
    if drained.is_none() {
        drained = timeout(LEAK_WAIT, drain).await.ok();
    }
    (watched, drained)
}

/// Hands on what comes out of a pipe until nobody holds its other end.
pub(super) async fn drain(from: PipeReader, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let from = pipe::Receiver::from_owned_fd(OwnedFd::from(from))?;
    let mut chunk = vec![0; 64 * 1024];
    loop {
        from.readable().await?;
        match from.try_read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => each(chunk.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
