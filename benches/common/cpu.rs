//! What a command costs in processor time: its own, and that of everything it waited for.

use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What one tick in `/proc` stands for, in milliseconds: a hundred a second, whatever the kernel's own clock does.
const TICK: f64 = 10.0;

/// Processor time, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// The process's own.
    pub own: f64,
    /// Of the processes that it started and waited for, and those that they did.
    pub children: f64,
}

impl Cpu {
    pub fn all(self) -> f64 {
        self.own + self.children
    }
}

/// Runs a command to its end.
pub fn of(command: &mut Command) -> Cpu {
    let name = command.get_program().display().to_string();
    let child = command.spawn().unwrap_or_else(|why| panic!("{name} cannot be started ({why}): install it"));
    until_end(child)
}

/// Waits for the end of a process. It is looked at when it has ended and before it is reaped.
pub fn until_end(mut child: Child) -> Cpu {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&child)), options).unwrap();
    let cpu = so_far(child.id());
    let status = child.wait().unwrap();
    assert!(status.success(), "process {} ended with {status}", child.id());
    cpu
}

/// What a process has cost until now.
pub fn so_far(pid: u32) -> Cpu {
    of_running(pid).unwrap_or_else(|| panic!("there is no process {pid}"))
}

/// What a server has cost until now, its processes that ended and those that run: milliseconds.
pub fn of_server(pid: u32) -> f64 {
    loop {
        let all = children(pid);
        let running: Option<f64> = all.iter().map(|child| Some(of_running(*child)?.all())).sum();
        let own = so_far(pid).all();
        // One that ended in between is counted twice or not at all.
        if let Some(running) = running.filter(|_| children(pid) == all) {
            return own + running;
        }
    }
}

/// The processes that a process has started, and not yet seen end.
pub fn children(pid: u32) -> Vec<u32> {
    let all = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    all.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn of_running(pid: u32) -> Option<Cpu> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name, which may hold anything) state, then numbers; the 14th to 17th field are times.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: Vec<f64> =
        fields.split_ascii_whitespace().skip(11).take(4).map(|n| n.parse().unwrap()).collect();
    match ticks[..] {
        [user, system, of_children, of_children_system] => {
            Some(Cpu { own: (user + system) * TICK, children: (of_children + of_children_system) * TICK })
        }
        _ => panic!("/proc/{pid}/stat is not as it must be: {stat}"),
    }
}

/// What this process has used until now.
pub fn ours() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
}

/// A figure of a process's `/proc/…/status`, in KiB; `None` once it has ended.
pub fn kib(pid: u32, name: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
