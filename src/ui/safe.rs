//! The only way in which text from outside reaches a terminal.
//!
//! Step output, database names, HTTP bodies, plan titles, error messages: all of it may hold bytes
//! that move a cursor, set a title, or turn reading order round. Nothing is dropped here, since what
//! is hidden deceives too: controls become their pictures (`␛`, `␊`), what has no picture or no width
//! becomes its code point (`<U+202E>`), and bytes that are not UTF-8 their value (`<FF>`). Cleaning
//! clean text changes nothing.
//!
//! Owns what counts as harmless. Refuses to know colours and places: `canvas` draws [`SafeText`], and
//! the command line prints [`line()`].

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many combining marks may follow one character before they are shown as code points: honest
/// text needs one or two, and a pile of them covers the lines above.
const MARKS: usize = 2;

/// Text that cannot act on a terminal: no controls, nothing invisible, nothing that turns direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SafeText<'a>(Cow<'a, str>);

impl<'a> SafeText<'a> {
    /// Cleans bytes that need not be UTF-8.
    pub fn from_bytes(raw: &'a [u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(raw) {
            return text.into();
        }
        let mut clean = String::with_capacity(raw.len());
        for chunk in raw.utf8_chunks() {
            push(&mut clean, chunk.valid());
            for byte in chunk.invalid() {
                write_to(&mut clean, format_args!("<{byte:02X}>"));
            }
        }
        Self(clean.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Columns it takes on a screen.
    pub fn width(&self) -> usize {
        self.0.width()
    }

    /// At most `width` columns of it; what had to go is marked by `ellipsis` at the end, unless even
    /// that is too wide.
    #[must_use]
    pub fn cut(&self, width: usize, ellipsis: &str) -> SafeText<'_> {
        if self.width() <= width {
            return SafeText(Cow::Borrowed(&self.0));
        }
        let (room, mark) = match width.checked_sub(ellipsis.width()) {
            Some(room) => (room, ellipsis),
            None => (width, ""),
        };
        let mut kept = String::with_capacity(room + mark.len());
        let mut used = 0;
        for grapheme in Span::raw(self.as_str()).styled_graphemes(Style::new()) {
            used += grapheme.symbol.width();
            if used > room {
                break;
            }
            kept.push_str(grapheme.symbol);
        }
        kept.push_str(mark);
        SafeText(kept.into())
    }

    /// The same in 7-bit ASCII, for terminals whose character set is not UTF-8: there, the second
    /// byte of a harmless `é` can be a control.
    #[must_use]
    pub fn ascii(&self) -> SafeText<'_> {
        if self.0.is_ascii() {
            return SafeText(Cow::Borrowed(&self.0));
        }
        let mut plain = String::with_capacity(self.0.len());
        for c in self.0.chars() {
            match u32::from(c) {
                picture @ 0x2400..=0x241F => {
                    plain.push('^');
                    plain.push(char::from_u32(picture - 0x2400 + 0x40).unwrap_or('?'));
                }
                0x2421 => plain.push_str("^?"),
                0..=0x7F => plain.push(c),
                code => write_to(&mut plain, format_args!("<U+{code:04X}>")),
            }
        }
        SafeText(plain.into())
    }

    /// The text, free of the borrow.
    pub fn into_owned(self) -> SafeText<'static> {
        SafeText(Cow::Owned(self.0.into_owned()))
    }
}

impl<'a> From<&'a str> for SafeText<'a> {
    fn from(text: &'a str) -> Self {
        Self(line(text))
    }
}

impl<'a> From<&'a String> for SafeText<'a> {
    fn from(text: &'a String) -> Self {
        Self(line(text))
    }
}

impl From<String> for SafeText<'_> {
    fn from(text: String) -> Self {
        if is_clean(&text) { Self(Cow::Owned(text)) } else { Self(Cow::Owned(line(&text).into_owned())) }
    }
}

impl<'a> From<&'a SafeText<'_>> for SafeText<'a> {
    fn from(text: &'a SafeText<'_>) -> Self {
        Self(Cow::Borrowed(&text.0))
    }
}

impl fmt::Display for SafeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One line that is safe to print: everything that could act on a terminal made visible, line breaks
/// included.
pub fn line(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    push(&mut clean, text);
    Cow::Owned(clean)
}

/// Several lines that are safe to print: as [`line()`], but line breaks and tabs stay what they are.
pub fn lines(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| matches!(c, '\n' | '\t');
    if text.split(harmless).all(is_clean) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for piece in text.split_inclusive(harmless) {
        let body = piece.trim_end_matches(harmless);
        push(&mut clean, body);
        clean.extend(piece.chars().skip(body.chars().count()));
    }
    Cow::Owned(clean)
}

fn is_clean(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~')) || {
        let mut marks = MARKS;
        text.chars().all(|c| shown(c, &mut marks) == Shown::AsItIs)
    }
}

fn push(clean: &mut String, text: &str) {
    // Without a character before them, marks would sit on whatever stands to the left.
    let mut marks = MARKS;
    for c in text.chars() {
        match shown(c, &mut marks) {
            Shown::AsItIs => clean.push(c),
            Shown::Picture(picture) => clean.push(picture),
            Shown::Code => write_to(clean, format_args!("<U+{:04X}>", u32::from(c))),
        }
    }
}

/// Writing into a `String` cannot fail.
fn write_to(out: &mut String, what: fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    AsItIs,
    Picture(char),
    Code,
}

/// How a character is shown; `marks` counts the combining marks since the last character with width.
fn shown(c: char, marks: &mut usize) -> Shown {
    if matches!(c, ' '..='~') {
        *marks = 0;
        return Shown::AsItIs;
    }
    let verdict = match u32::from(c) {
        code @ 0..=0x1F => char::from_u32(0x2400 + code).map_or(Shown::Code, Shown::Picture),
        0x7F => Shown::Picture('␡'),
        code if acts_or_hides(code) => Shown::Code,
        _ if c.width() == Some(0) => {
            *marks += 1;
            return if *marks > MARKS { Shown::Code } else { Shown::AsItIs };
        }
        _ => Shown::AsItIs,
    };
    *marks = 0;
    verdict
}

/// Code points that act on a terminal, cannot be seen, turn the direction of what follows, or join
/// with their neighbours into something whose width terminals disagree about.
fn acts_or_hides(code: u32) -> bool {
    matches!(code,
        0x80..=0x9F                         // C1 controls
        | 0x00AD | 0x034F                   // soft hyphen, grapheme joiner
        | 0x061C | 0x200E..=0x200F          // direction marks
        | 0x202A..=0x202E | 0x2066..=0x2069 // direction embeddings, overrides, isolates
        | 0x200B..=0x200D | 0x2060..=0x2065 | 0x206A..=0x206F | 0xFEFF // zero width, joiners
        | 0x2028 | 0x2029                   // line and paragraph separators
        | 0x115F | 0x1160 | 0x3164 | 0xFFA0 // fillers
        | 0x17B4 | 0x17B5 | 0x180B..=0x180F
        | 0xFE00..=0xFE0F | 0xE0000..=0xE0FFF // variation selectors, tags
        | 0xFFF0..=0xFFFB                   // annotation controls
        | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
        | 0x1F1E6..=0x1F1FF | 0x1F3FB..=0x1F3FF // flag letters, skin tones
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(text: &str) -> String {
        line(text).into_owned()
    }

    #[test]
    fn escapes_are_seen_and_not_obeyed() {
        assert_eq!(clean("a\x1b[31mred"), "a␛[31mred");
        assert_eq!(clean("\x1b]0;title\x07"), "␛]0;title␇");
        assert_eq!(clean("over\rwritten\n"), "over␍written␊");
        assert_eq!(clean("\u{9b}31m\u{7f}\0"), "<U+009B>31m␡␀");
    }

    #[test]
    fn what_hides_or_turns_text_is_named() {
        assert_eq!(clean("user\u{202e}nimda"), "user<U+202E>nimda");
        assert_eq!(clean("ze\u{200b}ro"), "ze<U+200B>ro");
        assert_eq!(clean("\u{feff}x\u{e0041}"), "<U+FEFF>x<U+E0041>");
    }

    #[test]
    fn honest_text_stays_and_is_not_copied() {
        for text in ["plain", "Übergabe nach München", "e\u{301}", "本番環境", "αβγ — ½"] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn marks_cannot_pile_up_or_sit_on_the_neighbour() {
        assert_eq!(clean("a\u{301}\u{302}\u{303}"), "a\u{301}\u{302}<U+0303>");
        assert_eq!(clean("\u{301}a"), "<U+0301>a");
        assert_eq!(clean("\x1b\u{301}"), "␛\u{301}");
    }

    #[test]
    fn bytes_that_are_not_text_show_their_value() {
        assert_eq!(SafeText::from_bytes(b"a\xff\x1bb\xc3").as_str(), "a<FF>␛b<C3>");
    }

    #[test]
    fn cutting_counts_columns_not_bytes() {
        let text = SafeText::from("本番環境");
        assert_eq!(text.cut(8, "…").as_str(), "本番環境");
        assert_eq!(text.cut(7, "…").as_str(), "本番環…");
        assert_eq!(text.cut(6, "…").as_str(), "本番…");
        assert_eq!(SafeText::from("orders").cut(0, "…").as_str(), "");
        assert_eq!(SafeText::from("orders").cut(2, "...").as_str(), "or");
    }

    #[test]
    fn seven_bits_hold_nothing_that_a_latin_terminal_obeys() {
        let text = SafeText::from("é\x1b\u{7f}x");
        assert_eq!(text.ascii().as_str(), "<U+00E9>^[^?x");
    }

    #[test]
    fn lines_keep_their_breaks() {
        assert_eq!(lines("one\n\ttwo\x1b\n"), "one\n\ttwo␛\n");
        assert!(matches!(lines("one\ntwo\n"), Cow::Borrowed(_)));
    }

    proptest! {
        #![proptest_config(crate::ui::testing::properties())]

        #[test]
        fn nothing_that_acts_gets_through(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = SafeText::from_bytes(&raw);
            prop_assert!(text.as_str().chars().all(|c| !c.is_control() && !acts_or_hides(u32::from(c))));
            prop_assert!(text.ascii().as_str().bytes().all(|b| matches!(b, b' '..=b'~')));
        }

        #[test]
        fn cleaning_twice_is_cleaning_once(text in "\\PC{0,40}|.{0,40}|(\u{301}|a|\u{202e}){0,8}") {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }

        #[test]
        fn a_cut_is_never_wider_than_asked(text in ".{0,40}", width in 0usize..50) {
            prop_assert!(SafeText::from(text).cut(width, "…").width() <= width);
        }
    }
}
