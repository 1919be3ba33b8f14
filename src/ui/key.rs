//! A key as the keymap writes it and the terminal sends it: `enter`, `ctrl-z`, `shift-tab`, `G`, `F8`.
//!
//! Owns the names of keys. Refuses to know what a key does: `keymap` does. Bytes become keys in
//! `decode`.

use std::fmt;
use std::str::FromStr;

/// A key without its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "all but the first two are named on the keyboard")]
pub enum Code {
    /// A character; an upper-case letter is one by itself, without `shift`.
    Char(char),
    /// `F1` to `F24`.
    F(u8),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// The keys that have a name, as it stands in configuration and on screen.
const NAMES: [(&str, Code); 14] = [
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("del", Code::Delete),
    ("ins", Code::Insert),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("pgup", Code::PageUp),
    ("pgdn", Code::PageDown),
];

/// A key and the modifiers held with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which key.
    pub code: Code,
    /// With ctrl.
    pub ctrl: bool,
    /// With alt.
    pub alt: bool,
    /// With shift; never for characters, where it is in the character.
    pub shift: bool,
}

impl Key {
    /// The key by itself.
    pub const fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// A character typed without ctrl or alt.
    pub const fn char(c: char) -> Self {
        Self::plain(Code::Char(c))
    }

    /// Ctrl and a letter.
    pub const fn ctrl(c: char) -> Self {
        Self { ctrl: true, ..Self::char(c) }
    }

    /// The character that this key types into a field, if it types one.
    pub fn text(self) -> Option<char> {
        match self {
            Self { code: Code::Char(c), ctrl: false, alt: false, .. } => Some(c),
            _ => None,
        }
    }

    /// One form for one key: terminals that report modifiers say `shift-g` or `ctrl-Z` where others
    /// say `G` and `ctrl-z`.
    #[must_use]
    pub(super) fn normal(mut self) -> Self {
        if let Code::Char(c) = self.code {
            let cased = match (self.ctrl, self.shift) {
                (true, _) => one(c.to_lowercase()),
                (false, true) => one(c.to_uppercase()),
                (false, false) => None,
            };
            self.code = Code::Char(cased.unwrap_or(c));
            self.shift = false;
        }
        self
    }
}

/// The only one of some characters.
fn one(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match self.code {
            Code::Char(' ') => f.write_str("space"),
            Code::Char(c) => write!(f, "{c}"),
            Code::F(n) => write!(f, "F{n}"),
            named => f.write_str(NAMES.iter().find(|(_, code)| *code == named).map_or("", |(name, _)| name)),
        }
    }
}

/// A key's name that nothing is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey(pub String);

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no key is called {:?}: write a character, space, F1 to F24 or one of ",
            super::safe::line(&self.0)
        )?;
        for (at, (name, _)) in NAMES.iter().enumerate() {
            write!(f, "{}{name}", if at > 0 { ", " } else { "" })?;
        }
        f.write_str("; ctrl-, alt- and shift- go before it")
    }
}

impl std::error::Error for UnknownKey {}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(name: &str) -> Result<Self, UnknownKey> {
        let unknown = || UnknownKey(name.to_owned());
        let mut key = Self::char(' ');
        let mut rest = name;
        loop {
            let held = match rest.split_once('-') {
                Some(("ctrl", _)) => &mut key.ctrl,
                Some(("alt", _)) => &mut key.alt,
                Some(("shift", _)) => &mut key.shift,
                _ => break,
            };
            if std::mem::replace(held, true) {
                return Err(unknown());
            }
            rest = rest.split_once('-').map_or("", |(_, rest)| rest);
        }
        let mut chars = rest.chars();
        key.code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => Code::Char(c),
            _ if rest == "space" => Code::Char(' '),
            _ => match rest.strip_prefix(['f', 'F']).and_then(|n| n.parse().ok()) {
                Some(n @ 1..=24) => Code::F(n),
                _ => NAMES.iter().find(|(name, _)| *name == rest).ok_or_else(unknown)?.1,
            },
        };
        Ok(key.normal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_the_same_key() {
        let written = "enter esc tab shift-tab backspace del ins up down left right home end pgup pgdn \
                       F1 F24 space a G ? : / - ctrl-z alt-x ctrl-alt-del ctrl-- ctrl-space";
        for name in written.split_whitespace() {
            let key: Key = name.parse().unwrap();
            assert_eq!(key.to_string(), name);
        }
    }

    #[test]
    fn two_ways_to_report_a_key_are_one_key() {
        assert_eq!("shift-g".parse(), Ok(Key::char('G')));
        assert_eq!("ctrl-Z".parse(), Ok(Key::ctrl('z')));
        assert_eq!("shift-?".parse(), Ok(Key::char('?')));
        assert_eq!("f8".parse(), Ok(Key::plain(Code::F(8))));
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_those_there_are() {
        for name in ["", "f25", "f0", "escape", "ctrl-", "ctrl-ctrl-a", "meta-x", "ab", "\u{1b}"] {
            assert!(name.parse::<Key>().is_err(), "{name}");
        }
        let says = "pagedown".parse::<Key>().unwrap_err().to_string();
        assert!(says.contains("pagedown") && says.contains("pgdn"), "{says}");
        assert!(!"\u{1b}[0m".parse::<Key>().unwrap_err().to_string().contains('\u{1b}'));
    }

    #[test]
    fn only_bare_characters_are_text() {
        assert_eq!(Key::char('x').text(), Some('x'));
        assert_eq!(Key::ctrl('x').text(), None);
        assert_eq!(Key::plain(Code::Enter).text(), None);
    }
}
