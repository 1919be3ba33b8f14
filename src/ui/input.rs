//! What people do at the terminal, as events in the order in which it arrived.
//!
//! Owns the thread that reads: it waits for bytes and for the terminal's end itself, gives every key
//! the time at which it was read, and marks what no hand types: bursts, and keys held down where the
//! terminal tells. Refuses to know what a key does (`keymap`) and what a gate makes of a mark.
//!
//! Keys that were typed before something was shown must not act on it: [`Input::flush_typed_ahead`].

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::decode::{Decoded, Decoder, Mouse, Reply, Waiting};
use super::key::Key;
use super::tty::{News, Tty};

/// Keys closer together than this were not typed one by one.
const BURST_GAP: Duration = Duration::from_millis(8);
/// So many of them are a burst: a paste without brackets, or keys that a slow link sent together.
const BURST_KEYS: usize = 4;

/// How long the rest of an escape sequence may take. Over a slow link the bytes of one key can come
/// in two packets; taking the escape for the key too soon would make the rest into other keys.
const ESCAPE_WAIT: Duration = Duration::from_millis(30);
const SEQUENCE_WAIT: Duration = Duration::from_millis(200);
const PASTE_WAIT: Duration = Duration::from_secs(1);

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
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    decoder: Decoder,
    bursts: Bursts,
}

impl Input {
    /// Starts to read. `sink` gets every event on a thread of its own, may block (a bounded channel),
    /// and says false when nobody listens any more.
    pub(super) fn start(tty: Arc<Tty>, sink: impl FnMut(Event) -> bool + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { tty, reading: Mutex::default() });
        let reader = Arc::clone(&shared);
        let thread = thread::Builder::new().name("input".into()).stack_size(256 * 1024);
        thread.spawn(move || reader.run(sink))?;
        Ok(Self(shared))
    }

    /// Drops what was typed and not read yet, and gives the moment up to which keys that were read
    /// are void: a key whose `at` is not later was typed before. Keys that are still travelling over
    /// a slow link are not reached.
    pub fn flush_typed_ahead(&self) -> io::Result<Instant> {
        let mut reading = self.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.tty.drop_unread()?;
        reading.decoder.clear();
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
        let mut said = Vec::new();
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
            let Ok(events) = self.read(ready.bytes, !ready.news, &mut buffer, &mut said) else {
                return Some(Lost::HungUp);
            };
            for event in events {
                sink(event).then_some(())?;
            }
        }
    }

    fn patience(&self) -> Option<Duration> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.decoder.waiting().map(|waiting| match waiting {
            Waiting::Escape => ESCAPE_WAIT,
            Waiting::Sequence => SEQUENCE_WAIT,
            Waiting::Paste => PASTE_WAIT,
        })
    }

    /// Reads and stamps in one critical section, so that a flush finds each key either unread or
    /// stamped before it.
    fn read(
        &self,
        bytes: bool,
        timed_out: bool,
        buffer: &mut [u8],
        said: &mut Vec<Decoded>,
    ) -> io::Result<Vec<Event>> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes {
            reading.decoder.feed(self.tty.read(buffer)?, said);
        } else if timed_out {
            reading.decoder.give_up(said);
        }
        let at = Instant::now();
        let keys = said.iter().filter(|d| matches!(d, Decoded::Key { .. })).count();
        let burst = reading.bursts.count(keys, at);
        Ok(said.drain(..).filter_map(|decoded| self.event(decoded, at, burst)).collect())
    }

    fn event(&self, decoded: Decoded, at: Instant, burst: bool) -> Option<Event> {
        Some(match decoded {
            Decoded::Key { key, repeat } => Event::Key(KeyPress { key, at, repeat, burst }),
            Decoded::Paste(text) => Event::Paste(text),
            Decoded::Mouse(mouse) => Event::Mouse(mouse),
            Decoded::Focus(here) => Event::Focus(here),
            Decoded::Reply(Reply::Alive) => {
                self.tty.set_answered();
                Event::Ready
            }
            Decoded::Reply(Reply::Keyboard) => {
                // An error here comes again at the next wait, which reports it.
                let _ = self.tty.use_keyboard_protocol();
                return None;
            }
            Decoded::Reply(Reply::Background(r, g, b)) => {
                let brightness = 2 * u32::from(r) + 5 * u32::from(g) + u32::from(b);
                Event::Background { light: brightness > 8 * 128 }
            }
        })
    }
}

/// Tells typing from bursts.
#[derive(Debug, Default)]
struct Bursts {
    last: Option<Instant>,
    run: usize,
}

impl Bursts {
    /// Whether `keys` keys that were read together at `at` belong to a burst.
    fn count(&mut self, keys: usize, at: Instant) -> bool {
        if keys == 0 {
            return false;
        }
        let goes_on = self.last.is_some_and(|last| at.duration_since(last) < BURST_GAP);
        self.run = if goes_on { self.run + keys } else { keys };
        self.last = Some(at);
        self.run >= BURST_KEYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_is_no_burst_and_a_paste_is() {
        let mut bursts = Bursts::default();
        let mut at = Instant::now();
        for _ in 0..100 {
            at += Duration::from_millis(30);
            assert!(!bursts.count(1, at), "a key held down at 33 a second");
        }
        assert!(!bursts.count(3, at + Duration::from_millis(50)), "an arrow key's worth, sent together");
        assert!(bursts.count(1, at + Duration::from_millis(52)), "the fourth in a row");
        assert!(bursts.count(9, at + Duration::from_secs(1)), "many in one read");
        assert!(!bursts.count(1, at + Duration::from_secs(2)), "and then it is over");
    }

    #[test]
    fn answers_between_keys_are_not_counted() {
        let mut bursts = Bursts::default();
        let at = Instant::now();
        for _ in 0..10 {
            assert!(!bursts.count(0, at));
        }
        assert!(!bursts.count(3, at));
    }
}
