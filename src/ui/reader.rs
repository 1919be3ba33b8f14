//! What the terminal's bytes are, as events: what was pressed, when, and whether a hand can have typed it.
//!
//! Owns the marks that a gate goes by: the time at which a key was read, bursts, and how long the rest of a
//! sequence may take. Refuses to know devices and threads (`input` reads the terminal and tells the time) and
//! what a gate makes of a mark.

use std::time::{Duration, Instant};

use super::decode::{Decoded, Decoder, Reply, Waiting};
use super::input::{Event, KeyPress};

/// Keys closer together than this were not typed one by one.
const BURST_GAP: Duration = Duration::from_millis(8);
/// So many of them are a burst: a paste without brackets, or keys that a slow link sent together.
const BURST_KEYS: usize = 4;

/// How long the rest of an escape sequence may take. Over a slow link the bytes of one key can come
/// in two packets; taking the escape for the key too soon would make the rest into other keys.
const ESCAPE_WAIT: Duration = Duration::from_millis(30);
const SEQUENCE_WAIT: Duration = Duration::from_millis(200);
const PASTE_WAIT: Duration = Duration::from_secs(1);

/// Bytes in, events out, with what has not come to its end yet.
#[derive(Debug, Default)]
pub struct Reader {
    decoder: Decoder,
    bursts: Bursts,
    said: Vec<Decoded>,
    keyboard: bool,
}

impl Reader {
    /// Takes bytes that were read at `at`.
    pub fn feed(&mut self, bytes: &[u8], at: Instant) -> Vec<Event> {
        self.decoder.feed(bytes, &mut self.said);
        self.events(at)
    }

    /// How long to wait for more before [`Reader::give_up`]; `None` while nothing is unfinished.
    pub fn patience(&self) -> Option<Duration> {
        self.decoder.waiting().map(|waiting| match waiting {
            Waiting::Escape => ESCAPE_WAIT,
            Waiting::Sequence => SEQUENCE_WAIT,
            Waiting::Paste => PASTE_WAIT,
        })
    }

    /// Nothing more came in time: what was unfinished is taken for what it is, or dropped.
    pub fn give_up(&mut self, at: Instant) -> Vec<Event> {
        self.decoder.give_up(&mut self.said);
        self.events(at)
    }

    /// Forgets what is unfinished.
    pub fn clear(&mut self) {
        self.decoder.clear();
    }

    /// Whether the terminal has just said that it can tell held keys from pressed ones.
    pub(super) fn take_keyboard(&mut self) -> bool {
        std::mem::take(&mut self.keyboard)
    }

    fn events(&mut self, at: Instant) -> Vec<Event> {
        let keys = self.said.iter().filter(|said| matches!(said, Decoded::Key { .. })).count();
        let burst = self.bursts.count(keys, at);
        let mut events = Vec::with_capacity(self.said.len());
        for said in self.said.drain(..) {
            events.push(match said {
                Decoded::Key { key, repeat } => Event::Key(KeyPress { key, at, repeat, burst }),
                Decoded::Paste(text) => Event::Paste(text),
                Decoded::Mouse(mouse) => Event::Mouse(mouse),
                Decoded::Focus(here) => Event::Focus(here),
                Decoded::Reply(Reply::Alive) => Event::Ready,
                Decoded::Reply(Reply::Keyboard) => {
                    self.keyboard = true;
                    continue;
                }
                Decoded::Reply(Reply::Background(r, g, b)) => {
                    let brightness = 2 * u32::from(r) + 5 * u32::from(g) + u32::from(b);
                    Event::Background { light: brightness > 8 * 128 }
                }
            });
        }
        events
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

    #[test]
    fn a_key_has_the_time_of_its_read_and_the_mark_of_its_burst() {
        let mut reader = Reader::default();
        let at = Instant::now();
        assert!(
            matches!(reader.feed(b"g", at)[..], [Event::Key(press)] if press.at == at && !press.burst && !press.repeat)
        );
        let later = at + Duration::from_secs(1);
        let burst = reader.feed(b"\x1b[200~x\x1b[201~abcd\r", later);
        assert_eq!(burst.len(), 6);
        assert_eq!(burst[0], Event::Paste("x".into()));
        assert!(
            burst[1..].iter().all(|e| matches!(e, Event::Key(press) if press.burst && press.at == later))
        );
    }

    #[test]
    fn a_lone_escape_is_the_key_once_its_time_is_over() {
        let mut reader = Reader::default();
        let at = Instant::now();
        assert_eq!(reader.feed(b"\x1b", at), []);
        assert_eq!(reader.patience(), Some(ESCAPE_WAIT));
        assert!(matches!(reader.give_up(at + ESCAPE_WAIT)[..], [Event::Key(_)]));
        assert_eq!(reader.patience(), None);
        reader.feed(b"\x1b[200~abc", at);
        reader.clear();
        assert_eq!((reader.patience(), reader.give_up(at)), (None, Vec::new()));
    }

    #[test]
    fn an_answer_of_the_terminal_is_no_key_and_is_told_once() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(b"\x1b[?0u\x1b[0n", Instant::now()), [Event::Ready]);
        assert!(reader.take_keyboard());
        assert!(!reader.take_keyboard());
    }
}
