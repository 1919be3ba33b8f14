//! Says how far a comparison is, beside its answer.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::ui::safe;

/// How often a line says it, where that is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A line that is drawn over on a terminal, else a new one now and then.
pub(super) struct Teller {
    terminal: bool,
    begun: Instant,
    told: Instant,
}

impl Teller {
    pub(super) fn new() -> Teller {
        let now = Instant::now();
        Teller { terminal: std::io::stderr().is_terminal(), begun: now, told: now }
    }

    /// Tells what `line` makes of the time since which it runs, when it is time to.
    pub(super) fn tell(&mut self, line: impl FnOnce(Instant) -> String) {
        if !self.terminal && self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        let line = line(self.begun);
        let line = safe::line(&line);
        let mut err = std::io::stderr().lock();
        // Nobody is there to tell when it fails; the answer comes all the same.
        let _closed = if self.terminal { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") };
        let _flushed = err.flush();
    }

    pub(super) fn end(&self) {
        if self.terminal {
            let _closed = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}
