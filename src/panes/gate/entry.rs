//! The field in which GO is said: what was typed, by whom as far as timing tells, and what it adds up to.
//!
//! A hand types one key after the other. What comes as a paste, as a burst, or from a key that is held down
//! clears the field; it is never a refusal, since slow links bundle honest keys.

use std::time::{Duration, Instant};

use crate::engine::rules::gates;
use crate::ui::input::KeyPress;
use crate::ui::key::Key;
use crate::ui::widgets::Field;

/// The same key again within this time was not pressed again, but held.
const HELD: Duration = Duration::from_millis(120);
/// So many of the same in a row are a key that is held down.
const HELD_KEYS: u32 = 3;

/// The field and how it is being typed into.
#[derive(Debug, Default)]
pub(in crate::panes) struct Entry {
    field: Field,
    last: Option<(Key, Instant, u32)>,
}

/// Why the field was cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::panes) enum Fault {
    /// It came faster than anybody types, or the terminal called it a paste.
    Pasted,
    /// A key is held down.
    Held,
}

impl Fault {
    /// What the person is told.
    pub(in crate::panes) fn words(self) -> &'static str {
        match self {
            Fault::Pasted => "a paste says nothing here: type it",
            Fault::Held => "a key was held down: type it again",
        }
    }
}

/// What was typed, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) word: Option<String>,
    pub(super) waived: Option<u32>,
    pub(super) code: String,
}

impl Entry {
    /// Takes a key that is text or editing.
    pub(in crate::panes) fn press(&mut self, press: KeyPress) -> Result<(), Fault> {
        // Whoever takes back what was typed types nothing, however fast.
        if press.key.text().is_none() {
            self.last = None;
            self.field.press(press.key);
            return Ok(());
        }
        if press.burst {
            self.clear();
            return Err(Fault::Pasted);
        }
        let again = self.last.filter(|(key, at, _)| *key == press.key && press.at.duration_since(*at) < HELD);
        let count = again.map_or(1, |(_, _, count)| count + 1);
        self.last = Some((press.key, press.at, count));
        if press.repeat || count >= HELD_KEYS {
            self.field.clear();
            return Err(Fault::Held);
        }
        self.field.press(press.key);
        Ok(())
    }

    /// Forgets what was typed.
    pub(in crate::panes) fn clear(&mut self) {
        self.field.clear();
        self.last = None;
    }

    /// What was typed.
    pub(super) fn field(&self) -> &Field {
        &self.field
    }

    /// What was typed, in the parts that this gate wants; else what it wants, in words.
    pub(super) fn parts(&self, wants: gates::Entry, waivers: u32) -> Result<Typed, &'static str> {
        let text = self.field.text();
        let parts: Vec<&str> = text.split_whitespace().collect();
        let typed = |word: Option<&str>, waived, code: &str| {
            Ok(Typed { word: word.map(str::to_owned), waived, code: code.to_owned() })
        };
        match (wants, parts.as_slice()) {
            (_, []) => Err("nothing was typed"),
            (gates::Entry::Code, [code]) => typed(None, None, code),
            (gates::Entry::Code, _) => Err("only the code is wanted"),
            (gates::Entry::WordAndCode, [word, code]) if waivers == 0 => typed(Some(word), None, code),
            (gates::Entry::WordAndCode, [word, number, code]) if waivers > 0 => match number.parse() {
                Ok(number) => typed(Some(word), Some(number), code),
                Err(_) => Err("between the word and the code stands how many are waived"),
            },
            (gates::Entry::WordAndCode, _) if waivers > 0 => {
                Err("three things are wanted: the target's word, how many are waived, the code")
            }
            (gates::Entry::WordAndCode, _) => Err("two things are wanted: the target's word and the code"),
        }
    }
}
