//! What people do at the terminal, as events in the order in which it arrived.
//!
//! Owns the thread that reads: it waits for bytes and for the terminal's end itself, and tells when bytes
//! came. What they are, and which of them no hand types, is `reader`'s part; what a key does, `keymap`'s.
//!
//! Keys that were typed before something was shown must not act on it: [`Input::flush_typed_ahead`].

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::decode::Mouse;
use super::key::Key;
use super::reader::Reader;
use super::tty::{News, Tty};

/// One thing that happened at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key.
    Key(KeyPress),
    /// A paste that the terminal marked as one. Never confirms anything.
    Paste(String),
    /// The mouse, while it is switched on.
    Mouse(Mouse),
    /// The window got (true) or lost the keyboard.
    Focus(bool),
    /// The terminal has another size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The program was stopped and goes on: whatever was armed is not armed any more. The screen is
    /// drawn anew by the next draw.
    Resumed,
    /// The terminal has caught up; a frame that was held back may be drawn.
    Ready,
    /// The terminal has told its background colour.
    Background {
        /// Dark text is readable on it.
        light: bool,
    },
    /// The terminal is lost to us; the last event.
    Lost(Lost),
}

/// Why the terminal is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It has hung up: the link fell, the window was closed.
    HungUp,
    /// A thread of ours panicked, and the terminal was given back.
    Panicked,
}

/// A key and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// Which key.
    pub key: Key,
    /// When it was read; only good for comparing and for time passed.
    pub at: Instant,
    /// The terminal says that the key is held down. Few terminals can: false is no proof.
    pub repeat: bool,
    /// One of at least four keys that came with less than 8 ms between them.
    pub burst: bool,
}

/// The reader's other end.
#[derive(Clone)]
pub struct Input(Arc<Shared>);

struct Shared {
    tty: Arc<Tty>,
    reader: Mutex<Reader>,
}

impl Input {
    /// Starts to read. `sink` gets every event on a thread of its own, may block (a bounded channel),
    /// and says false when nobody listens any more.
    pub(super) fn start(tty: Arc<Tty>, sink: impl FnMut(Event) -> bool + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { tty, reader: Mutex::default() });
        let reading = Arc::clone(&shared);
        let thread = thread::Builder::new().name("input".into()).stack_size(256 * 1024);
        thread.spawn(move || reading.run(sink))?;
        Ok(Self(shared))
    }

    /// Drops what was typed and not read yet, and gives the moment up to which keys that were read
    /// are void: a key whose `at` is not later was typed before. Keys that are still travelling over
    /// a slow link are not reached.
    pub fn flush_typed_ahead(&self) -> io::Result<Instant> {
        let mut reader = self.0.reader.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.tty.drop_unread()?;
        reader.clear();
        Ok(Instant::now())
    }
}

impl Shared {
    fn run(&self, mut sink: impl FnMut(Event) -> bool) {
        let end = self.read_until_lost(&mut sink);
        if let Some(lost) = end {
            sink(Event::Lost(lost));
        }
    }

    /// `None` when nobody listens any more.
    fn read_until_lost(&self, sink: &mut impl FnMut(Event) -> bool) -> Option<Lost> {
        let mut buffer = [0_u8; 4096];
        loop {
            let Ok(ready) = self.tty.wait(self.patience()) else { return Some(Lost::HungUp) };
            if ready.news {
                let news = self.tty.take_news();
                if news(News::Panicked) {
                    return Some(Lost::Panicked);
                }
                if news(News::Closed) {
                    return None;
                }
                if news(News::Resized) {
                    let (width, height) = self.tty.size();
                    sink(Event::Resize { width, height }).then_some(())?;
                }
                if news(News::Resumed) {
                    sink(Event::Resumed).then_some(())?;
                }
            }
            // What was typed just before the end is not acted on: nobody sees what comes of it.
            if ready.gone {
                return Some(Lost::HungUp);
            }
            let Ok(events) = self.read(ready.bytes, !ready.news, &mut buffer) else {
                return Some(Lost::HungUp);
            };
            for event in events {
                sink(event).then_some(())?;
            }
        }
    }

    fn patience(&self) -> Option<Duration> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).patience()
    }

    /// Reads and stamps in one critical section, so that a flush finds each key either unread or
    /// stamped before it.
    fn read(&self, bytes: bool, timed_out: bool, buffer: &mut [u8]) -> io::Result<Vec<Event>> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let events = if bytes {
            let read = self.tty.read(buffer)?;
            reader.feed(read, Instant::now())
        } else if timed_out {
            reader.give_up(Instant::now())
        } else {
            Vec::new()
        };
        if reader.take_keyboard() {
            // An error here comes again at the next wait, which reports it.
            let _ = self.tty.use_keyboard_protocol();
        }
        if events.contains(&Event::Ready) {
            self.tty.set_answered();
        }
        Ok(events)
    }
}
