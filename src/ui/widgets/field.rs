//! One line that is typed into: a code, a reason, a search.
//!
//! Owns the text and its caret. Refuses to know what the text means, to confirm anything (`enter` is
//! the keymap's) and to remember: there is no history, so that a code can't be called back.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar;

use crate::ui::canvas::Canvas;
use crate::ui::key::{Code, Key};
use crate::ui::safe;
use crate::ui::theme::Role;

/// Longer than any reason that somebody reads.
const MOST: usize = 500;

/// The text and where the caret is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    before: Vec<char>,
    /// Backwards, so that the next one is at the end.
    after: Vec<char>,
}

impl Field {
    /// What has been typed.
    pub fn text(&self) -> String {
        self.before.iter().chain(self.after.iter().rev()).collect()
    }

    /// Nothing has been typed.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Forgets what was typed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes a key that means something in a field: text, and the editing keys that shells have. Says
    /// false for any other.
    pub fn press(&mut self, key: Key) -> bool {
        if let Some(c) = key.text() {
            return self.insert(c);
        }
        match (key.ctrl, key.code) {
            (false, Code::Backspace) => drop(self.before.pop()),
            (false, Code::Delete) | (true, Code::Char('d')) => drop(self.after.pop()),
            (false, Code::Left) | (true, Code::Char('b')) => self.after.extend(self.before.pop()),
            (false, Code::Right) | (true, Code::Char('f')) => self.before.extend(self.after.pop()),
            (false, Code::Home) | (true, Code::Char('a')) => {
                self.after.extend(self.before.drain(..).rev());
            }
            (false, Code::End) | (true, Code::Char('e')) => {
                self.before.extend(self.after.drain(..).rev());
            }
            (true, Code::Char('u')) => self.before.clear(),
            (true, Code::Char('k')) => self.after.clear(),
            (true, Code::Char('w')) => self.rub_word(),
            _ => return false,
        }
        true
    }

    /// Takes a paste: what can be typed of it. For searches and reasons; a gate's entry refuses
    /// pastes before they get here.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars() {
            self.insert(if c.is_whitespace() { ' ' } else { c });
        }
    }

    /// Draws the text in `area`'s first row with the terminal's cursor in it; of a text that is too
    /// long the part around the caret. `hint` stands there while nothing is typed.
    pub fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, hint: &str) {
        let Rect { x, y, width, .. } = area;
        if self.is_empty() {
            canvas.text(x, y, width, hint, Role::Dim);
            canvas.set_caret(x, y);
            return;
        }
        // What is left of the caret has the room, but for the caret's own column.
        let room = usize::from(width.saturating_sub(1));
        let mut used = 0;
        let mut seen: Vec<char> = self
            .before
            .iter()
            .rev()
            .copied()
            .take_while(|c| {
                used += columns(*c);
                used <= room
            })
            .collect();
        seen.reverse();
        let left: String = seen.into_iter().collect();
        let at = canvas.text(x, y, width, left, Role::Field);
        let mut used = usize::from(at);
        let right: String = self
            .after
            .iter()
            .rev()
            .copied()
            .take_while(|c| {
                used += columns(*c);
                used <= usize::from(width)
            })
            .collect();
        canvas.text(x + at, y, width - at, right, Role::Field);
        canvas.set_caret(x + at, y);
    }

    fn insert(&mut self, c: char) -> bool {
        let mut buffer = [0; 4];
        let as_text = c.encode_utf8(&mut buffer);
        let typed = self.before.len() + self.after.len() < MOST
            && columns(c) > 0
            && *safe::line(as_text) == *as_text
            && c != char::REPLACEMENT_CHARACTER;
        if typed {
            self.before.push(c);
        }
        typed
    }

    fn rub_word(&mut self) {
        while self.before.last().is_some_and(|c| c.is_whitespace()) {
            self.before.pop();
        }
        while self.before.last().is_some_and(|c| !c.is_whitespace()) {
            self.before.pop();
        }
    }
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::mode::Mode;
    use crate::ui::testing::{cells, look};

    fn typed(text: &str) -> Field {
        let mut field = Field::default();
        field.paste(text);
        field
    }

    fn press(field: &mut Field, keys: &str) -> Vec<bool> {
        keys.split(' ').map(|name| field.press(name.parse().unwrap())).collect()
    }

    #[test]
    fn letters_are_text_and_keys_with_meaning_are_not() {
        let mut field = Field::default();
        assert_eq!(press(&mut field, "a z u r e - 7 ?"), [true; 8]);
        assert_eq!(field.text(), "azure-7?");
        assert_eq!(press(&mut field, "enter esc F8 F9 ctrl-c alt-x tab up"), [false; 8]);
        assert_eq!(field.text(), "azure-7?");
    }

    #[test]
    fn it_is_edited_as_in_a_shell() {
        let mut field = typed("log level only");
        press(&mut field, "ctrl-w");
        assert_eq!(field.text(), "log level ");
        press(&mut field, "ctrl-w ctrl-a X del right backspace");
        assert_eq!(field.text(), "Xg ");
        press(&mut field, "end left ctrl-u");
        assert_eq!(field.text(), " ");
        press(&mut field, "ctrl-k backspace backspace");
        assert!(field.is_empty());
    }

    #[test]
    fn nothing_gets_in_that_could_not_be_shown() {
        let mut field = typed("a\x1b[31m\u{202e}\u{200b}b\nc\u{301}");
        assert_eq!(field.text(), "a[31mb c");
        assert!(!field.press(Key::char('\u{fffd}')));
        field.clear();
        field.paste(&"x".repeat(10_000));
        assert_eq!(field.text().len(), MOST);
    }

    fn drawn(field: &Field, width: u16) -> (String, Option<(u16, u16)>) {
        let paint = |canvas: &mut Canvas<'_>| field.draw(canvas, canvas.area(), "a reason");
        let (buffer, caret) = cells(width, 1, &look(Mode::Live), paint);
        (buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect(), caret)
    }

    #[test]
    fn the_caret_stays_in_view() {
        assert_eq!(drawn(&Field::default(), 10), ("a reason  ".into(), Some((0, 0))));
        let mut field = typed("0123456789");
        assert_eq!(drawn(&field, 6), ("56789 ".into(), Some((5, 0))));
        press(&mut field, "home");
        assert_eq!(drawn(&field, 6), ("012345".into(), Some((0, 0))));
        assert_eq!(drawn(&typed("本番"), 6).1, Some((4, 0)));
    }
}
