//! What the terminal sends, as keys: bytes in, [`Decoded`] out.
//!
//! Owns the byte sequences that terminals speak towards a program. Written here, and not taken from
//! crossterm, because that one reads the terminal itself, and its reader never returns once the
//! terminal has hung up. Refuses to know time and descriptors: `input` reads, and says when a
//! sequence has had its time. A sequence that is not understood, or never ends, is dropped whole: its
//! tail must not be taken for keys.

use super::key::{Code, Key};

/// A paste above this many bytes is cut; what it pasted is in no field that long.
const PASTE_MAX: usize = 64 * 1024;

/// No sequence that we know comes near; more is not one, and is dropped.
const SEQUENCE_MAX: usize = 256;

const PASTE_END: &[u8] = b"\x1b[201~";

/// One thing the terminal said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A key was pressed, or (where the terminal tells) goes on being held.
    Key {
        /// Which.
        key: Key,
        /// The terminal says that the key is held down.
        repeat: bool,
    },
    /// A paste that the terminal marked as one.
    Paste(String),
    /// The terminal's window got (true) or lost the keyboard.
    Focus(bool),
    /// A mouse button or wheel; only while the mouse is switched on.
    Mouse(Mouse),
    /// An answer to something that the program asked.
    Reply(Reply),
}

/// A mouse action at a cell, counted from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What happened.
    pub action: MouseAction,
    /// Column, from 0.
    pub x: u16,
    /// Row, from 0.
    pub y: u16,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseAction {
    /// The first button went down.
    Press,
    /// The wheel went up.
    WheelUp,
    /// The wheel went down.
    WheelDown,
}

/// Answers of terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It has processed everything that was written before the question.
    Alive,
    /// It speaks the keyboard protocol that tells a repeated key from a pressed one.
    Keyboard,
    /// Its background colour.
    Background(u8, u8, u8),
}

/// What an unfinished sequence is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A lone escape: the key, or the beginning of a sequence.
    Escape,
    /// The rest of a sequence or of a character.
    Sequence,
    /// The end of a paste.
    Paste,
}

/// The decoder with what it has not understood to the end yet.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    held: Vec<u8>,
    paste: Option<Vec<u8>>,
}

impl Decoder {
    /// Takes bytes as they came and appends what they mean.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut rest = held.as_slice();
        loop {
            rest = if let Some(paste) = &mut self.paste {
                let (taken, ended) = paste_bytes(rest, paste);
                if ended {
                    out.push(pasted(self.paste.take()));
                }
                taken
            } else {
                rest
            };
            if rest.is_empty() || self.paste.is_some() {
                break;
            }
            match step(rest) {
                Step::Said(length, said) => {
                    out.extend(said);
                    rest = rest.get(length..).unwrap_or_default();
                }
                Step::PasteBegins(length) => {
                    self.paste = Some(Vec::new());
                    rest = rest.get(length..).unwrap_or_default();
                }
                Step::More if rest.len() > SEQUENCE_MAX => rest = &[],
                Step::More => break,
            }
        }
        self.held = rest.to_vec();
    }

    /// What is unfinished, if anything.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        match (&self.paste, self.held.as_slice()) {
            (Some(_), _) => Some(Waiting::Paste),
            (None, []) => None,
            (None, [0x1b]) => Some(Waiting::Escape),
            (None, _) => Some(Waiting::Sequence),
        }
    }

    /// Nothing more came in time: a lone escape was the key, half a sequence is dropped, and a paste
    /// without an end is over, lest it swallow every key from here on.
    pub(super) fn give_up(&mut self, out: &mut Vec<Decoded>) {
        match self.waiting() {
            Some(Waiting::Escape) => out.push(key(Key::plain(Code::Esc))),
            Some(Waiting::Paste) => out.push(pasted(self.paste.take())),
            Some(Waiting::Sequence) | None => {}
        }
        self.held.clear();
    }

    /// Forgets what is unfinished.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.paste = None;
    }
}

/// Moves bytes into a paste until its end; returns what follows, or the bytes that may begin the end.
fn paste_bytes<'a>(bytes: &'a [u8], paste: &mut Vec<u8>) -> (&'a [u8], bool) {
    let end = bytes.windows(PASTE_END.len()).position(|w| w == PASTE_END);
    let begun = |n: &usize| PASTE_END.get(..*n).is_some_and(|beginning| bytes.ends_with(beginning));
    let (body, rest) = end.map_or_else(
        || {
            let body = bytes.len() - (1..PASTE_END.len()).rev().find(begun).unwrap_or(0);
            (body, body)
        },
        |body| (body, body + PASTE_END.len()),
    );
    let room = PASTE_MAX.saturating_sub(paste.len());
    paste.extend(bytes.iter().take(body.min(room)));
    (bytes.get(rest..).unwrap_or_default(), end.is_some())
}

fn pasted(bytes: Option<Vec<u8>>) -> Decoded {
    Decoded::Paste(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
}

fn key(key: Key) -> Decoded {
    Decoded::Key { key, repeat: false }
}

enum Step {
    /// So many bytes meant this, or nothing we know.
    Said(usize, Option<Decoded>),
    PasteBegins(usize),
    More,
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [0x1b] | [0x1b, b'O'] => Step::More,
        [0x1b, b'[', rest @ ..] => csi(rest),
        [0x1b, b'O', last, ..] => Step::Said(3, ss3(*last).map(|code| key(Key::plain(code)))),
        [0x1b, b']', rest @ ..] => osc(rest),
        [0x1b, b'P' | b'_' | b'^' | b'X', rest @ ..] => string(rest),
        [0x1b, 0x1b, ..] => Step::Said(1, Some(key(Key::plain(Code::Esc)))),
        [0x1b, rest @ ..] => match character(rest) {
            Step::Said(length, Some(Decoded::Key { key, repeat })) => {
                Step::Said(length + 1, Some(Decoded::Key { key: Key { alt: true, ..key }, repeat }))
            }
            other => other,
        },
        _ => character(bytes),
    }
}

/// A character or a control byte.
fn character(bytes: &[u8]) -> Step {
    let Some(&first) = bytes.first() else { return Step::More };
    let code = match first {
        b'\r' => Key::plain(Code::Enter),
        b'\t' => Key::plain(Code::Tab),
        // Which of the two the key sends is the terminal's choice.
        0x7f | 0x08 => Key::plain(Code::Backspace),
        0x00 => Key::ctrl(' '),
        0x01..=0x1a => Key::ctrl(char::from(first - 1 + b'a')),
        0x1b..=0x1f => Key::ctrl(char::from(first - 0x1b + b'3')),
        b' '..=b'~' => Key::char(char::from(first)),
        _ => return utf8(bytes),
    };
    Step::Said(1, Some(key(code)))
}

fn utf8(bytes: &[u8]) -> Step {
    let window = bytes.get(..4).unwrap_or(bytes);
    let (valid, broken) = match std::str::from_utf8(window) {
        Ok(text) => (text, None),
        Err(e) => {
            let valid = window.get(..e.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(valid).unwrap_or_default(), Some(e.error_len()))
        }
    };
    match (valid.chars().next(), broken) {
        (Some(c), _) => Step::Said(c.len_utf8(), Some(key(Key::char(c)))),
        (None, Some(Some(length))) => Step::Said(length, Some(key(Key::char(char::REPLACEMENT_CHARACTER)))),
        (None, _) => Step::More,
    }
}

fn ss3(last: u8) -> Option<Code> {
    Some(match last {
        b'P'..=b'S' => Code::F(last - b'P' + 1),
        b'M' => Code::Enter,
        _ => return letter(last),
    })
}

fn letter(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        _ => return None,
    })
}

fn tilde(number: u16) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => f(number - 10),
        17..=21 => f(number - 11),
        23..=26 => f(number - 12),
        28 | 29 => f(number - 13),
        31..=34 => f(number - 14),
        _ => return None,
    })
}

fn f(number: u16) -> Code {
    Code::F(u8::try_from(number).unwrap_or(0))
}

/// After `ESC [`: parameters, then one final byte.
fn csi(bytes: &[u8]) -> Step {
    // The Linux console's f1 to f5 are the one form with a second bracket.
    if let [b'[', rest @ ..] = bytes {
        return match rest {
            [] => Step::More,
            [last @ b'A'..=b'E', ..] => Step::Said(4, Some(key(Key::plain(Code::F(last - b'A' + 1))))),
            _ => Step::Said(4, None),
        };
    }
    let Some(end) = bytes.iter().position(|b| !matches!(b, 0x20..=0x3f)) else { return Step::More };
    let length = end + 3;
    let (body, last) = match (bytes.get(..end), bytes.get(end)) {
        (Some(body), Some(last @ 0x40..=0x7e)) => (body, *last),
        // A control byte inside: the sequence was cut, what follows stands for itself.
        _ => return Step::Said(length - 1, None),
    };
    if (body, last) == (b"200", b'~') {
        return Step::PasteBegins(length);
    }
    Step::Said(length, sequence(body, last))
}

fn sequence(body: &[u8], last: u8) -> Option<Decoded> {
    match (body, last) {
        (b"", b'I') => return Some(Decoded::Focus(true)),
        (b"", b'O') => return Some(Decoded::Focus(false)),
        (b"", b'Z') => return Some(key(Key { shift: true, ..Key::plain(Code::Tab) })),
        (b"0", b'n') => return Some(Decoded::Reply(Reply::Alive)),
        ([b'?', ..], b'u') => return Some(Decoded::Reply(Reply::Keyboard)),
        ([b'<', rest @ ..], b'M') => return mouse(rest).map(Decoded::Mouse),
        _ => {}
    }
    let mut fields = body.split(|b| *b == b';').map(|field| {
        let mut numbers = field.split(|b| *b == b':').map(number);
        (numbers.next().flatten(), numbers.next().flatten())
    });
    let (first, _) = fields.next()?;
    let (modifiers, event) = fields.next().unwrap_or((None, None));
    let code = match last {
        b'~' => tilde(first?)?,
        b'u' => unicode_key(first?)?,
        b'P' | b'Q' | b'S' => ss3(last)?,
        _ => letter(last)?,
    };
    let repeat = match event {
        None | Some(1) => false,
        Some(2) => true,
        _ => return None, // released
    };
    let held = modifiers.unwrap_or(1).saturating_sub(1);
    let found = Key { code, shift: held & 1 != 0, alt: held & 2 != 0, ctrl: held & 4 != 0 };
    Some(Decoded::Key { key: found.normal(), repeat })
}

fn unicode_key(number: u16) -> Option<Code> {
    Some(match number {
        9 => Code::Tab,
        13 => Code::Enter,
        27 => Code::Esc,
        127 => Code::Backspace,
        // The protocol's own numbers: modifier and media keys, which mean nothing here.
        0xE000..=0xF8FF => return None,
        _ => Code::Char(char::from_u32(u32::from(number)).filter(|c| !c.is_control())?),
    })
}

fn mouse(body: &[u8]) -> Option<Mouse> {
    let mut numbers = body.split(|b| *b == b';').map(number);
    let (button, x, y) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let action = match button {
        0 => MouseAction::Press,
        64 => MouseAction::WheelUp,
        65 => MouseAction::WheelDown,
        _ => return None,
    };
    Some(Mouse { action, x: x.checked_sub(1)?, y: y.checked_sub(1)? })
}

fn number(digits: &[u8]) -> Option<u16> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// After `ESC ]`: text up to BEL or `ESC \`.
fn osc(bytes: &[u8]) -> Step {
    let Some(end) = bytes.iter().position(|b| matches!(b, 0x07 | 0x1b)) else { return Step::More };
    let said = bytes.get(..end).and_then(|text| background(text.strip_prefix(b"11;")?));
    match (bytes.get(end), bytes.get(end + 1)) {
        (Some(0x07), _) => Step::Said(end + 3, said),
        (_, Some(b'\\')) => Step::Said(end + 4, said),
        (_, Some(_)) => Step::Said(end + 2, None),
        _ => Step::More,
    }
}

/// `rgb:RRRR/GGGG/BBBB`, one to four digits each.
fn background(text: &[u8]) -> Option<Decoded> {
    let text = std::str::from_utf8(text).ok()?.strip_prefix("rgb:")?;
    let mut parts = text.split('/').map(|part| {
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)?.checked_sub(1)?;
        let value = u32::from_str_radix(part, 16).ok()?;
        u8::try_from((value * 255).checked_div(most)?).ok()
    });
    let (r, g, b) = (parts.next()??, parts.next()??, parts.next()??);
    Some(Decoded::Reply(Reply::Background(r, g, b)))
}

/// Control strings that we never ask for: skipped to their end.
fn string(bytes: &[u8]) -> Step {
    match bytes.windows(2).position(|w| w == b"\x1b\\") {
        Some(end) => Step::Said(end + 4, None),
        None => Step::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Vec<Decoded> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        decoder.feed(bytes, &mut out);
        out
    }

    fn keys(bytes: &[u8]) -> String {
        let names: Vec<String> = decode(bytes)
            .into_iter()
            .map(|said| match said {
                Decoded::Key { key, repeat } => format!("{key}{}", if repeat { "(held)" } else { "" }),
                other => format!("{other:?}"),
            })
            .collect();
        names.join(" ")
    }

    #[test]
    fn keys_of_the_usual_terminals() {
        assert_eq!(
            keys(b"aG \r\t\x7f\x08\x1a\x0a\x00"),
            "a G space enter tab backspace backspace ctrl-z ctrl-j ctrl-space"
        );
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[1;5C\x1b[H\x1b[4~\x1b[5~\x1b[Z"),
            "up down ctrl-right home end pgup shift-tab"
        );
        assert_eq!(keys(b"\x1bOP\x1b[[B\x1b[19~\x1b[20~\x1b[24;2~\x1b[34~"), "F1 F2 F8 F9 shift-F12 F20");
        assert_eq!(keys(b"\x1bx\x1b\x1b[A"), "alt-x esc up");
        assert_eq!(keys("é本\u{1f600}".as_bytes()), "é 本 😀");
    }

    #[test]
    fn the_keyboard_protocol_tells_held_keys_and_releases_are_nothing() {
        assert_eq!(keys(b"\x1b[27u\x1b[122;5u\x1b[103;2u"), "esc ctrl-z G");
        assert_eq!(keys(b"\x1b[106;1:2u\x1b[106;1:3u\x1b[1;1:2B"), "j(held) down(held)");
        assert_eq!(keys(b"\x1b[57441;2u"), "", "a modifier by itself is no key");
    }

    #[test]
    fn answers_are_not_keys() {
        assert_eq!(
            decode(b"\x1b[?0u\x1b[0n"),
            [Decoded::Reply(Reply::Keyboard), Decoded::Reply(Reply::Alive)]
        );
        let white = [Decoded::Reply(Reply::Background(255, 255, 255))];
        assert_eq!(decode(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"), white);
        assert_eq!(decode(b"\x1b]11;rgb:ff/ff/ff\x07"), white);
        assert_eq!(keys(b"\x1b[?62;22c\x1bP>|term 1\x1b\\\x1b]4;1;rgb:1/2/3\x07q"), "q");
        assert_eq!(decode(b"\x1b[I\x1b[O"), [Decoded::Focus(true), Decoded::Focus(false)]);
    }

    #[test]
    fn the_mouse_counts_from_one_and_we_from_zero() {
        let press = Mouse { action: MouseAction::Press, x: 9, y: 0 };
        assert_eq!(decode(b"\x1b[<0;10;1M\x1b[<0;10;1m\x1b[<35;3;3M"), [Decoded::Mouse(press)]);
    }

    #[test]
    fn a_paste_is_one_thing_whatever_is_in_it() {
        assert_eq!(
            decode(b"\x1b[200~yes\r\x1b[A\x1b[201~q").first(),
            Some(&Decoded::Paste("yes\r\x1b[A".into()))
        );
        assert_eq!(keys(b"\x1b[200~x\x1b[201~q"), "Paste(\"x\") q");
        let flood = [b"\x1b[200~".as_slice(), &vec![b'x'; 1_000_000], b"\x1b[201~"].concat();
        assert!(matches!(decode(&flood).as_slice(), [Decoded::Paste(text)] if text.len() == PASTE_MAX));
    }

    #[test]
    fn half_a_sequence_is_dropped_and_a_lone_escape_is_the_key() {
        let mut out = Vec::new();
        let mut decoder = Decoder::default();
        decoder.feed(b"\x1b[1;", &mut out);
        assert_eq!(decoder.waiting(), Some(Waiting::Sequence));
        decoder.give_up(&mut out);
        decoder.feed(b"\x1b", &mut out);
        assert_eq!(decoder.waiting(), Some(Waiting::Escape));
        decoder.give_up(&mut out);
        assert_eq!(out, [key(Key::plain(Code::Esc))]);
        assert_eq!(decoder.waiting(), None);
    }

    #[test]
    fn a_paste_that_never_ends_gives_the_keys_back() {
        let mut out = Vec::new();
        let mut decoder = Decoder::default();
        decoder.feed(b"\x1b[200~abc", &mut out);
        assert_eq!((decoder.waiting(), out.len()), (Some(Waiting::Paste), 0));
        decoder.give_up(&mut out);
        decoder.feed(b"n", &mut out);
        assert_eq!(out, [Decoded::Paste("abc".into()), key(Key::char('n'))]);
    }

    proptest! {
        #![proptest_config(crate::ui::testing::properties())]

        #[test]
        fn where_the_line_splits_makes_no_difference(
            pieces in proptest::collection::vec(prop_oneof![
                Just(b"\x1b[A".to_vec()), Just(b"\x1b[200~pa\x1b[20ste\x1b[201~".to_vec()), Just("é".into()),
                Just(b"\x1b]11;rgb:f/f/f\x07".to_vec()), Just(b"\x1bOP".to_vec()), Just(b"q\r".to_vec()),
                proptest::collection::vec(any::<u8>(), 1..6),
            ], 1..12),
            cuts in proptest::collection::vec(1usize..9, 1..60),
        ) {
            let bytes = pieces.concat();
            let mut decoder = Decoder::default();
            let (mut whole, mut split) = (Vec::new(), Vec::new());
            decoder.feed(&bytes, &mut whole);
            let mut decoder = Decoder::default();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle().copied() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at(cut.min(rest.len()));
                decoder.feed(now, &mut split);
                rest = later;
            }
            prop_assert_eq!(whole, split);
        }

        #[test]
        fn any_bytes_leave_a_bounded_remainder(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            decoder.feed(&bytes, &mut out);
            prop_assert!(decoder.held.len() <= SEQUENCE_MAX);
        }
    }
}
