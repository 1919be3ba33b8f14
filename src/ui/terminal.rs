//! The screen of the cockpit and its life: entered, drawn to, stopped and continued, left as found.
//!
//! Owns the guard that gives the terminal back however the program ends (dropped, panic, signal,
//! hang-up), and the two buffers whose difference is all that is sent: a frame is one write, nothing
//! changed is no byte, and a terminal that is behind gets the newest frame and not those between.
//! Only the thread that draws ever waits for the terminal.
//!
//! Refuses to know what is drawn and what keys mean. Its parts: `tty` (modes and bytes), `signals`,
//! `input`, `encode`, `flow`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::{Canvas, Look};
use super::clipboard::{self, TooLarge};
use super::encode::Encoder;
use super::flow::{Flow, QUESTION};
use super::input::{Event, Input, Lost};
use super::signals;
use super::tty::{News, Tty, Wrote};

/// Below this many bytes a frame arrives whole by itself; above, the terminal is told to show it at
/// once when it is complete.
const SYNC_ABOVE: usize = 256;
const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";

/// How long leaving waits for an answer that is on its way, so that it does not end up as input of
/// the shell.
const ANSWER_WAIT: Duration = Duration::from_millis(100);

/// What kept the terminal from being used.
#[derive(Debug)]
pub enum TerminalError {
    /// The process belongs to no terminal.
    None(io::Error),
    /// It was there and is no longer.
    Lost(Lost),
    /// It refused.
    Io(io::Error),
}

impl fmt::Display for TerminalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(e) => write!(
                f,
                "the cockpit needs a terminal, and this process has none ({e}); scripts use \
                 `cutover status`, and ssh gives a terminal with `-t`"
            ),
            Self::Lost(Lost::HungUp) => f.write_str("the terminal has hung up"),
            Self::Lost(Lost::Panicked) => f.write_str("the terminal was given back after a panic"),
            Self::Io(e) => write!(f, "the terminal refused: {e}"),
        }
    }
}

impl std::error::Error for TerminalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::None(e) | Self::Io(e) => Some(e),
            Self::Lost(_) => None,
        }
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// So many bytes were written; none when nothing had changed.
    Bytes(usize),
    /// The terminal is behind: nothing was drawn, and [`Event::Ready`] comes when it has caught up.
    /// After two seconds a draw goes through all the same.
    Behind,
    /// The program is stopped or in the background; [`Event::Resumed`] comes first.
    Away,
}

/// The terminal, entered. Dropping it leaves the terminal as it was found.
pub struct Terminal {
    tty: Arc<Tty>,
    input: Input,
    prev: Buffer,
    next: Buffer,
    encoder: Encoder,
    flow: Flow,
    /// What `prev` was drawn for; another one, and the terminal shows nothing of it.
    epoch: u64,
}

impl Terminal {
    /// Enters: alternate screen, raw mode, pastes and focus reported. Reads no file but `/proc`.
    ///
    /// `sink` gets every [`Event`] on a thread of its own; it may block, and says false when nobody
    /// listens any more. `parting` is the line that the shell shows while the program is stopped.
    pub fn enter(
        parting: &str,
        sink: impl FnMut(Event) -> bool + Send + 'static,
    ) -> Result<Self, TerminalError> {
        let tty = Arc::new(Tty::open().map_err(TerminalError::None)?);
        signals::guard(&tty, parting).map_err(TerminalError::Io)?;
        // From here on dropping gives it back, whatever fails.
        let mut terminal = Self {
            input: Input::start(Arc::clone(&tty), sink).map_err(TerminalError::Io)?,
            tty,
            prev: Buffer::default(),
            next: Buffer::default(),
            encoder: Encoder::default(),
            flow: Flow::default(),
            epoch: 0,
        };
        terminal.tty.enter().map_err(TerminalError::Io)?;
        terminal.start_over();
        Ok(terminal)
    }

    /// Draws a frame: `paint` fills an empty canvas, and what differs from the frame before is
    /// written, waiting for the terminal if it must. Take in everything that has happened before
    /// drawing: a frame for each event of a burst would only be thrown away by who looks.
    pub fn draw(&mut self, look: &Look, paint: impl FnOnce(&mut Canvas<'_>)) -> Result<Drawn, TerminalError> {
        if self.tty.is_broken() {
            return Err(TerminalError::Lost(Lost::Panicked));
        }
        let Some(epoch) = self.tty.epoch() else { return Ok(Drawn::Away) };
        if epoch != self.epoch {
            self.epoch = epoch;
            self.flow.reset();
            self.start_over();
        }
        if self.tty.take_answered() {
            self.flow.answered();
        }
        let now = Instant::now();
        if !self.flow.open(now) {
            return Ok(Drawn::Behind);
        }
        self.fit();
        self.next.reset();
        let caret = {
            let mut canvas = Canvas::new(&mut self.next, look);
            paint(&mut canvas);
            canvas.caret()
        };
        self.encoder.frame(&self.prev, &self.next, caret);
        let frame = self.wrap(now);
        if frame.is_empty() {
            return Ok(Drawn::Bytes(0));
        }
        match self.tty.write(epoch, &frame).map_err(|_| TerminalError::Lost(Lost::HungUp))? {
            Wrote::All => {
                std::mem::swap(&mut self.prev, &mut self.next);
                Ok(Drawn::Bytes(frame.len()))
            }
            Wrote::Nothing => Ok(Drawn::Away),
        }
    }

    /// Draws everything anew at the next draw: somebody else may have written on the screen.
    pub fn repaint(&mut self) {
        self.start_over();
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        self.tty.size()
    }

    /// The reader, to drop what was typed ahead.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Switches mouse reports on or off. While they are on, the terminal selects text only with
    /// shift held.
    pub fn set_mouse(&self, on: bool) -> Result<(), TerminalError> {
        self.tty.set_mouse(on).map_err(TerminalError::Io)
    }

    /// Puts text on the clipboard of the terminal at the far end of the link. Not every terminal
    /// allows it, and none says so.
    pub fn copy(&self, text: &str) -> Result<Result<(), TooLarge>, TerminalError> {
        let bytes = match clipboard::osc52(text, clipboard::Wrap::from_env()) {
            Ok(bytes) => bytes,
            Err(too_large) => return Ok(Err(too_large)),
        };
        self.tty.write(self.epoch, &bytes).map_err(|_| TerminalError::Lost(Lost::HungUp))?;
        Ok(Ok(()))
    }

    /// Stops the program as ctrl-z does in a shell; comes back after `fg`, with [`Event::Resumed`].
    /// Says false when there is no shell to come back from.
    pub fn suspend(&self) -> Result<bool, TerminalError> {
        signals::stop_job().map_err(TerminalError::Io)
    }

    fn start_over(&mut self) {
        self.prev.reset();
        self.encoder.start_over();
        self.encoder.clear();
    }

    /// Gives the buffers the terminal's size. Terminals rearrange text when they are resized, so that
    /// everything is drawn anew.
    fn fit(&mut self) {
        let (width, height) = self.tty.size();
        let area = Rect { x: 0, y: 0, width, height };
        if *self.next.area() != area {
            self.next.resize(area);
            self.prev.resize(area);
            self.start_over();
        }
    }

    fn wrap(&mut self, now: Instant) -> Vec<u8> {
        let body = self.encoder.take();
        if body.is_empty() {
            return body;
        }
        let mut frame = if body.len() > SYNC_ABOVE { [SYNC_BEGIN, &body, SYNC_END].concat() } else { body };
        if self.flow.ask(frame.len(), now) {
            frame.extend(QUESTION);
        }
        frame
    }

    /// Waits a moment for the answer to the last question.
    fn await_answer(&self) {
        let begun = Instant::now();
        while self.flow.expects_an_answer() && !self.tty.take_answered() && begun.elapsed() < ANSWER_WAIT {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.await_answer();
        }
        self.tty.leave();
        self.tty.tell(News::Closed);
        signals::unguard();
    }
}
