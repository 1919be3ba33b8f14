//! A command that is talked with: bytes go to it and come from it for as long as both sides want.
//!
//! For this program's own helpers only, as a far half of it behind ssh; a command of a plan has no input.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::LEAK_WAIT;
use super::bounded::Bounded;
use super::run::Ended;
use super::spec::{NotStarted, Spec};

/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// So much of what it says as errors is kept.
const SAID: usize = 16 << 10;

/// A command that is talked with. Dropping it ends the command and its group at once.
#[derive(Debug)]
pub struct Talk {
    /// `None` once it is reaped.
    child: Option<Child>,
    said: Arc<Mutex<Bounded>>,
    /// Ends when nobody can say any more.
    drain: Option<JoinHandle<()>>,
}

/// Starts a command to talk with; the time of its [`Spec`] does not count, since only the talk says how long it is.
///
/// # Errors
/// As [`Spec`] has them.
pub fn talk(spec: &Spec) -> Result<(Talk, ChildStdin, ChildStdout), NotStarted> {
    let mut command = spec.command()?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| spec.explain(error))?;
    let ends = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let said = Arc::new(Mutex::new(Bounded::new(SAID)));
    let mut talk = Talk { child: Some(child), said: Arc::clone(&said), drain: None };
    let (Some(to), Some(from), Some(errors)) = ends else {
        let error = io::Error::other("a pipe is missing");
        return Err(NotStarted::System { doing: "talk with it".to_owned(), error });
    };
    talk.drain = Some(thread::spawn(move || drain(errors, &said)));
    Ok((talk, to, from))
}

fn drain(mut from: ChildStderr, said: &Mutex<Bounded>) {
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        said.lock().unwrap_or_else(PoisonError::into_inner).push(chunk.get(..n).unwrap_or_default());
    }
}

impl Talk {
    /// Waits a little for its end, then ends it, and gives what it said as errors. Close its input first.
    pub fn end(mut self) -> (Ended, String) {
        let told = Instant::now();
        let ended = loop {
            let ended = self.child.as_mut().map(Child::try_wait);
            if matches!(ended, Some(Ok(None))) && told.elapsed() < LEAK_WAIT {
                thread::sleep(LOOK);
                continue;
            }
            break ended;
        };
        let ended = match ended {
            Some(Ok(None)) => Ended::TimedOut,
            Some(Ok(Some(status))) => match (status.code(), status.signal()) {
                (Some(code), _) => Ended::Code(code),
                (None, number) => Ended::Signal(number.unwrap_or(0)),
            },
            Some(Err(error)) => Ended::Lost(error),
            None => Ended::Lost(io::Error::other("it was reaped already")),
        };
        if matches!(ended, Ended::TimedOut) {
            self.kill();
        }
        self.child = None;
        // A process that it left behind, as ssh does for a shared connection, may hold on to the pipe.
        while self.drain.as_ref().is_some_and(|drain| !drain.is_finished()) && told.elapsed() < 2 * LEAK_WAIT
        {
            thread::sleep(LOOK);
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).text();
        (ended, said)
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Not reaped yet, so the number is still its own.
            let _gone = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _reaped = child.wait();
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn start(script: &str) -> (Talk, ChildStdin, ChildStdout) {
        talk(&Spec::new(["sh", "-c", script], "/", Duration::ZERO).unwrap()).unwrap()
    }

    #[test]
    fn what_goes_in_comes_back_and_its_end_is_told() {
        let (talk, mut to, mut from) = start("cat; echo bad >&2; exit 3");
        to.write_all(b"hello").unwrap();
        drop(to);
        let mut back = String::new();
        from.read_to_string(&mut back).unwrap();
        let (ended, said) = talk.end();
        assert_eq!((back.as_str(), said.as_str()), ("hello", "bad\n"));
        assert!(matches!(ended, Ended::Code(3)), "{ended}");
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let (talk, to, _from) = start("sleep 1000");
        drop(to);
        assert!(matches!(talk.end().0, Ended::TimedOut));
    }

    #[test]
    fn it_ends_with_whoever_talks_to_it() {
        let (talk, _to, mut from) = start("sleep 1000 & wait");
        drop(talk);
        // All that held the pipe are gone.
        assert_eq!(from.read_to_string(&mut String::new()).unwrap(), 0);
    }
}
