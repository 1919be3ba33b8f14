//! Signals and panics, seen from the terminal: whatever ends or stops this process, the terminal is
//! given back first.
//!
//! Owns one thread for the life of the process (a handler cannot be put back to its default without
//! unsafe code) and the panic hook. Refuses to clean up anything else: the engine is another process,
//! and learns from the closed socket.
//!
//! - TERM, HUP, INT, QUIT: modes off, then the signal's own end, so that the parent sees the cause.
//!   A HUP that was ignored when we started (`nohup`) stays ignored.
//! - TSTP (ctrl-z): modes off, a line for the shell, then stopped. CONT: modes on, everything drawn
//!   again, and the program is told, since what stood on the screen may have changed unseen.
//! - WINCH: the program is told.

use std::io;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, raise};

use super::tty::{News, Tty};

static ACTIVE: Mutex<Option<Active>> = Mutex::new(None);
static STARTED: Once = Once::new();

struct Active {
    tty: Weak<Tty>,
    parting: String,
}

/// From here on, signals and panics give `tty` back; `parting` is the line left to the shell while
/// the program is stopped.
pub(super) fn guard(tty: &Arc<Tty>, parting: &str) -> io::Result<()> {
    *ACTIVE.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(Active { tty: Arc::downgrade(tty), parting: parting.to_owned() });
    let mut started = Ok(());
    STARTED.call_once(|| {
        hook_panics();
        started = watch();
    });
    started
}

/// Signals and panics have their plain meaning again.
pub(super) fn unguard() {
    *ACTIVE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Stops the whole job, as ctrl-z in a shell does. Says false, and does nothing, when no shell is
/// there to continue it.
pub(super) fn stop_job() -> io::Result<bool> {
    if !has_a_shell() {
        return Ok(false);
    }
    rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
    Ok(true)
}

fn active() -> Option<(Arc<Tty>, String)> {
    let active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner);
    active.as_ref().and_then(|a| Some((a.tty.upgrade()?, a.parting.clone())))
}

fn hook_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Some((tty, _)) = active() {
            tty.leave_broken();
        }
        report(info);
    }));
}

fn watch() -> io::Result<()> {
    let mut wanted = vec![SIGTERM, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH];
    if !hup_is_ignored() {
        wanted.push(SIGHUP);
    }
    let mut signals = Signals::new(wanted)?;
    thread::Builder::new().name("signals".into()).stack_size(128 * 1024).spawn(move || {
        for signal in signals.forever() {
            act_on(signal);
        }
    })?;
    Ok(())
}

fn act_on(signal: i32) {
    let active = active();
    match (signal, &active) {
        (SIGWINCH | SIGCONT, None) => {}
        (SIGWINCH, Some((tty, _))) => tty.tell(News::Resized),
        (SIGCONT, Some((tty, _))) => {
            // If the terminal is gone, the reader says so.
            let _ = tty.enter();
            tty.tell(News::Resumed);
        }
        (SIGTSTP, _) => {
            if !has_a_shell() {
                return;
            }
            if let Some((tty, parting)) = &active {
                tty.leave();
                if !parting.is_empty() {
                    tty.say(parting);
                }
            }
            // Fails only for signals that do not exist.
            let _ = raise(SIGSTOP);
        }
        (ends, _) => {
            if let Some((tty, _)) = &active {
                tty.leave();
            }
            let _ = emulate_default_handler(ends);
        }
    }
}

/// A process group that no shell watches is never continued: the kernel ignores TSTP there, and so
/// do we. It is watched if, going up from us, the first process outside our group is in our session.
fn has_a_shell() -> bool {
    let (Some(us), session) = (stat(None), rustix::process::getsid(None)) else { return false };
    let mut parent = us.parent;
    // A loop in this chain cannot be, but a race with a pid used again can.
    for _ in 0..64 {
        match stat(Some(parent)) {
            Some(up) if up.group == us.group => parent = up.parent,
            Some(up) => return session.is_ok_and(|s| s.as_raw_nonzero().get() == up.session),
            None => return false,
        }
    }
    false
}

struct Stat {
    parent: i32,
    group: i32,
    session: i32,
}

fn stat(pid: Option<i32>) -> Option<Stat> {
    let path = pid.map_or_else(|| "/proc/self/stat".to_owned(), |pid| format!("/proc/{pid}/stat"));
    let text = std::fs::read_to_string(path).ok()?;
    // pid (name, which may hold anything) state parent group session …
    let (_, fields) = text.rsplit_once(')')?;
    let mut numbers = fields.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok());
    Some(Stat { parent: numbers.next()?, group: numbers.next()?, session: numbers.next()? })
}

fn hup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|ignored| ignored >> (SIGHUP - 1) & 1 == 1)
}
