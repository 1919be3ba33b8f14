//! Signals: their names, and the one that a process must not die of.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The name of a signal, as people know it.
pub fn name(number: i32) -> String {
    let name = match number {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        5 => "TRAP",
        6 => "ABRT",
        7 => "BUS",
        8 => "FPE",
        9 => "KILL",
        10 => "USR1",
        11 => "SEGV",
        12 => "USR2",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        24 => "XCPU",
        25 => "XFSZ",
        31 => "SYS",
        _ => return format!("signal {number}"),
    };
    format!("SIG{name}")
}

/// Makes a write beyond the file size limit an error instead of the end of this process, for as long as
/// the process lives. Call it inside the runtime; whoever appends to a journal needs it.
pub fn survive_file_size_limit() -> io::Result<()> {
    // Once tokio handles a signal it stays handled, whatever becomes of what is returned.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// A request to end: TERM or INT.
pub(super) struct Requests {
    terminate: Signal,
    interrupt: Signal,
}

impl Requests {
    pub(super) fn listen() -> io::Result<Requests> {
        Ok(Requests {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_usual_ones() {
        assert_eq!(name(rustix::process::Signal::KILL.as_raw()), "SIGKILL");
        assert_eq!(name(rustix::process::Signal::XFSZ.as_raw()), "SIGXFSZ");
        assert_eq!(name(64), "signal 64");
    }
}
