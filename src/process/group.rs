//! One running command with everything in its process group.
//!
//! The command's end is noticed without reaping it; that is done last. Until then its process id, which
//! is the group's too, cannot be given to anybody else, so a signal to the group never meets a stranger.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};
use tokio::signal::unix::{self, SignalKind, signal};

use crate::clock::Clock;

/// How often a group that was told to end is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Why the watch over a command ended. The command itself has ended in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself.
    Ended,
    /// Its time was up.
    TimedOut,
    /// Somebody asked for it.
    Stopped,
}

/// Notices that children of this process end.
#[derive(Debug)]
pub(super) struct Children(unix::Signal);

impl Children {
    /// Listens from here on. Call it inside the runtime, before the child is started.
    pub(super) fn listen() -> io::Result<Children> {
        signal(SignalKind::child()).map(Children)
    }

    /// Waits for the end of a child and leaves it to be reaped.
    pub(super) async fn ended(&mut self, child: Pid) -> io::Result<()> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while waitid(WaitId::Pid(child), options)?.is_none() {
            self.0.recv().await;
        }
        Ok(())
    }
}

/// A running command that leads a process group.
pub(super) struct Group {
    /// `None` once it is reaped or left to the thread that ends it.
    child: Option<Child>,
    pid: Pid,
    children: Children,
    grace: Duration,
}

impl Group {
    /// Starts a command, which must be set to lead a group. An error: nothing was started.
    pub(super) fn spawn(command: &mut Command, grace: Duration) -> io::Result<Group> {
        let children = Children::listen()?;
        let child = command.spawn()?;
        Ok(Group { pid: Pid::from_child(&child), child: Some(child), children, grace })
    }

    /// Waits until the command ends, or ends it when its time is up or `stop` comes. What cannot be
    /// ended, since it changed its account or hangs in the system, is waited for all the same.
    pub(super) async fn watch(
        &mut self,
        timeout: Duration,
        stop: impl Future<Output = ()>,
    ) -> io::Result<Cause> {
        let cause = tokio::select! {
            ended = self.children.ended(self.pid) => return ended.map(|()| Cause::Ended),
            () = boot_sleep(timeout) => Cause::TimedOut,
            () = stop => Cause::Stopped,
        };
        self.signal(Signal::TERM);
        let told = Instant::now();
        while told.elapsed() < self.grace && !members(self.pid).is_empty() {
            tokio::time::sleep(LOOK.min(self.grace)).await;
        }
        self.signal(Signal::KILL);
        self.children.ended(self.pid).await.map(|()| cause)
    }

    /// Ends at once whatever is left of the group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            // It can only fail when nobody is left to signal, or for one that changed its account.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Takes the exit status of a command that has ended, and says whether others of its group go on.
    pub(super) fn reap(mut self) -> io::Result<(ExitStatus, bool)> {
        let Some(mut child) = self.child.take() else {
            return Err(io::Error::other("the command was reaped already"));
        };
        let status = child.wait()?;
        // The cheap question first: as a rule the group is gone with its leader.
        let others = test_kill_process_group(self.pid).is_ok() && !members(self.pid).is_empty();
        Ok((status, others))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            end_on_a_thread(child, self.pid, self.grace);
        }
    }
}

/// TERM, grace, KILL for a command that nobody waits for any more.
fn end_on_a_thread(mut child: Child, pid: Pid, grace: Duration) {
    let _ = kill_process_group(pid, Signal::TERM);
    let told = Instant::now();
    thread::spawn(move || {
        while told.elapsed() < grace && !members(pid).is_empty() {
            thread::sleep(LOOK);
        }
        let _ = kill_process_group(pid, Signal::KILL);
        child.wait()
    });
}

/// The living processes of a group; dead ones that wait to be reaped do not count.
fn members(group: Pid) -> Vec<Pid> {
    processes()
        .filter(|pid| {
            state_and_group(*pid).is_some_and(|(state, of)| of == group && state != 'Z' && state != 'X')
        })
        .collect()
}

/// All processes that are to be seen.
pub(super) fn processes() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| pid(entry.ok()?.file_name().to_str()?))
}

fn state_and_group(pid: Pid) -> Option<(char, Pid)> {
    in_stat(&std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// The state and the group in a line of `/proc/PID/stat`, see `proc_pid_stat(5)`.
fn in_stat(stat: &str) -> Option<(char, Pid)> {
    // The name in parentheses may hold anything, parentheses too.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, pid(fields.nth(1)?)?))
}

/// A process id out of `/proc`, where one that is just being reaped has the group -1: no id at all.
fn pid(text: &str) -> Option<Pid> {
    let raw = text.parse().ok().filter(|raw: &i32| raw.is_positive())?;
    Pid::from_raw(raw)
}

/// Sleeps for a span of boot time: a machine that was suspended finds its deadlines past.
async fn boot_sleep(span: Duration) {
    let clock = Clock::system();
    let began = clock.now().real;
    while let Some(left) = span.checked_sub(clock.now().real.since(began)).filter(|left| !left.is_zero()) {
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_being_reaped_is_in_no_group() {
        let told = |stat| in_stat(stat).map(|(state, group)| (state, group.as_raw_nonzero().get()));
        assert_eq!(told("7 (a) b) ) S 1 5 7 0 -1 4194560"), Some(('S', 5)));
        assert_eq!(told("7 (sleep) X 0 -1 -1 0 -1 4194560"), None);
        assert_eq!(told("7 (kthreadd) S 0 0 0 0 -1 2129984"), None);
        assert_eq!(told("7 (sl"), None);
    }
}
