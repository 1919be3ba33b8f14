//! The difference between two screens, in as few bytes as terminals understand.
//!
//! Owns the sequences that move, colour and erase. Refuses to know where the bytes go: `screen` keeps
//! the two buffers, `tty` writes. Where terminals may disagree about the width of what was just
//! written, the next position is given absolutely, so that an odd character costs its own cell and
//! not the row.

use std::io::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

/// So many blanks in a row are cheaper erased than written.
const ERASE: u16 = 8;

/// Bytes for the terminal, and where they leave it.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    out: Vec<u8>,
    /// Where the cursor stands, if that is certain.
    at: Option<(u16, u16)>,
    /// What is written with, if that is certain.
    pen: Option<Pen>,
    caret: Option<(u16, u16)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

/// Looks that a blank shows too.
const SEEN_ON_BLANKS: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

/// Each modifier with the code that sets it and the code that takes it away.
const MODIFIERS: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

impl Encoder {
    /// The terminal was cleared and nothing is known about it; the next frame says everything.
    pub(super) fn start_over(&mut self) {
        self.at = None;
        self.pen = None;
        self.caret = None;
        self.out.clear();
    }

    /// Erases the whole screen.
    pub(super) fn clear(&mut self) {
        self.draw_with(PLAIN);
        self.out.extend(b"\x1b[2J");
    }

    /// Appends what makes `prev` into `next`, a screen of the same size, then shows the caret where it
    /// belongs.
    pub(super) fn frame(&mut self, prev: &Buffer, next: &Buffer, caret: Option<(u16, u16)>) {
        let width = next.area().width;
        let rows = |buffer: &'_ Buffer| usize::from(buffer.area().width.max(1));
        let rows = prev.content().chunks(rows(prev)).zip(next.content().chunks(rows(next)));
        let mut blanks = Blanks::default();
        for (y, (before, now)) in (0..).zip(rows) {
            for (x, cell) in changes(before, now) {
                if !blanks.add(x, y, cell) {
                    self.erase(blanks.take(), width);
                    if !blanks.add(x, y, cell) {
                        self.cell(x, y, cell);
                    }
                }
            }
        }
        self.erase(blanks.take(), width);
        self.show_caret(caret);
    }

    /// The bytes so far; the next frame begins with none.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn cell(&mut self, x: u16, y: u16, cell: &Cell) {
        self.go(x, y);
        let symbol = cell.symbol();
        self.draw_with(wanted(cell, self.pen));
        self.out.extend(symbol.as_bytes());
        // Of anything but one narrow character, terminals may think otherwise than we.
        let certain = columns(cell) == 1 && symbol.chars().nth(1).is_none();
        self.at = if certain { Some((x + 1, y)) } else { None };
    }

    fn erase(&mut self, blanks: Option<Run>, width: u16) {
        let Some(Run { x, y, length }) = blanks else { return };
        self.go(x, y);
        self.draw_with(match self.pen {
            Some(pen) if !pen.modifier.intersects(SEEN_ON_BLANKS) => Pen { bg: Color::Reset, ..pen },
            _ => PLAIN,
        });
        if x + length == width && length > 3 {
            self.out.extend(b"\x1b[K");
        } else if length > ERASE {
            self.push(format_args!("\x1b[{length}X"));
        } else {
            self.out.extend(std::iter::repeat_n(b' ', length.into()));
            self.at = Some((x + length, y));
        }
    }

    fn go(&mut self, x: u16, y: u16) {
        match self.at {
            Some(at) if at == (x, y) => {}
            Some((from, row)) if row == y && from < x => match x - from {
                1 => self.out.extend(b"\x1b[C"),
                right => self.push(format_args!("\x1b[{right}C")),
            },
            _ => match (x, y) {
                (0, 0) => self.out.extend(b"\x1b[H"),
                (0, _) => self.push(format_args!("\x1b[{}H", y + 1)),
                _ => self.push(format_args!("\x1b[{};{}H", y + 1, x + 1)),
            },
        }
        self.at = Some((x, y));
    }

    fn draw_with(&mut self, pen: Pen) {
        if self.pen == Some(pen) {
            return;
        }
        let anew = codes(PLAIN, pen);
        let anew = if anew.is_empty() { String::new() } else { format!("0;{anew}") };
        let onward = self.pen.map(|from| codes(from, pen));
        let codes = match onward {
            Some(onward) if onward.len() <= anew.len() => onward,
            _ => anew,
        };
        self.push(format_args!("\x1b[{codes}m"));
        self.pen = Some(pen);
    }

    fn show_caret(&mut self, caret: Option<(u16, u16)>) {
        match (caret, self.caret) {
            (None, None) => {}
            (None, Some(_)) => self.out.extend(b"\x1b[?25l"),
            (Some((x, y)), before) => {
                if before != caret || !self.out.is_empty() {
                    self.go(x, y);
                }
                if before.is_none() {
                    self.out.extend(b"\x1b[?25h");
                }
            }
        }
        self.caret = caret;
    }

    fn push(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing into a Vec cannot fail.
        let _ = self.out.write_fmt(what);
    }
}

/// The cells of a row that have to be written. Where half of a wide character was overwritten, the
/// terminal has made something of the other half, so that one is written too.
fn changes<'n>(before: &'n [Cell], now: &'n [Cell]) -> impl Iterator<Item = (u16, &'n Cell)> {
    let (mut hidden, mut spoilt) = (0, 0);
    (0_u16..).zip(before.iter().zip(now)).filter_map(move |(x, (old, new))| {
        if x < hidden {
            // It lies under the second half of a wide character that was written or was there.
            spoilt = spoilt.max(x + columns(old));
            return None;
        }
        hidden = x + columns(new);
        if old == new && x >= spoilt {
            return None;
        }
        spoilt = spoilt.max(x + columns(old));
        Some((x, new))
    })
}

/// How many columns a cell's text takes.
fn columns(cell: &Cell) -> u16 {
    match cell.symbol() {
        narrow if narrow.len() == 1 => 1,
        other => u16::try_from(other.width()).unwrap_or(1).max(1),
    }
}

/// What a cell is drawn with. On a blank, what cannot be seen may stay as it is.
fn wanted(cell: &Cell, pen: Option<Pen>) -> Pen {
    let pen = match (cell.symbol(), pen) {
        (" ", Some(pen)) if !(cell.modifier | pen.modifier).intersects(SEEN_ON_BLANKS) => pen,
        _ => return Pen { fg: cell.fg, bg: cell.bg, modifier: cell.modifier },
    };
    Pen { bg: cell.bg, ..pen }
}

/// The parameters that make one pen into another.
fn codes(from: Pen, to: Pen) -> String {
    use std::fmt::Write as _;
    let mut codes = String::new();
    let mut push = |code: std::fmt::Arguments<'_>| {
        if !codes.is_empty() {
            codes.push(';');
        }
        let _ = codes.write_fmt(code);
    };
    let gone = from.modifier - to.modifier;
    let mut kept = from.modifier - gone;
    let mut last = 0;
    for (modifier, _, off) in MODIFIERS {
        if gone.contains(modifier) && off != last {
            push(format_args!("{off}"));
            last = off;
            // One code takes bold and dim away together.
            for (other, _, same) in MODIFIERS {
                if same == off {
                    kept -= other;
                }
            }
        }
    }
    for (modifier, on, _) in MODIFIERS {
        if (to.modifier - kept).contains(modifier) {
            push(format_args!("{on}"));
        }
    }
    for (base, was, is) in [(30, from.fg, to.fg), (40, from.bg, to.bg)] {
        if was != is {
            colour(base, is, &mut push);
        }
    }
    codes
}

fn colour(base: u8, colour: Color, push: &mut impl FnMut(std::fmt::Arguments<'_>)) {
    let named = match colour {
        Color::Reset => 9,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        Color::Indexed(n) => return push(format_args!("{};5;{n}", base + 8)),
        Color::Rgb(r, g, b) => return push(format_args!("{};2;{r};{g};{b}", base + 8)),
    };
    push(format_args!("{}", base + named));
}

/// Blanks that stand next to each other, to be erased in one go.
#[derive(Debug, Default)]
struct Blanks(Option<Run>);

#[derive(Clone, Copy, Debug)]
struct Run {
    x: u16,
    y: u16,
    length: u16,
}

impl Blanks {
    /// Takes the cell if it is blank and continues the run, or begins one.
    fn add(&mut self, x: u16, y: u16, cell: &Cell) -> bool {
        // Erasing colours the cells on some terminals and not on others: only without a colour.
        if cell.symbol() != " " || cell.bg != Color::Reset || cell.modifier.intersects(SEEN_ON_BLANKS) {
            return false;
        }
        match &mut self.0 {
            None => self.0 = Some(Run { x, y, length: 1 }),
            Some(run) if run.y == y && run.x + run.length == x => run.length += 1,
            Some(_) => return false,
        }
        true
    }

    fn take(&mut self) -> Option<Run> {
        self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use std::num::NonZeroU16;

    const SIZE: Rect = Rect { x: 0, y: 0, width: 24, height: 4 };

    struct Shown(vt100::Parser);

    impl Shown {
        fn new() -> Self {
            let n = |n| NonZeroU16::new(n).unwrap();
            Self(vt100::Parser::new(n(SIZE.height), n(SIZE.width), 0))
        }

        fn check(&self, wanted: &Buffer) {
            for y in 0..SIZE.height {
                for x in 0..SIZE.width {
                    let (is, should) = (self.0.screen().cell(y, x).unwrap(), wanted.cell((x, y)).unwrap());
                    if is.is_wide_continuation() {
                        continue;
                    }
                    let text = if is.contents().is_empty() { " " } else { is.contents() };
                    assert_eq!(text, should.symbol(), "at {x},{y}");
                    assert_eq!(is.bgcolor(), vt(should.bg), "background at {x},{y}");
                    assert_eq!(is.inverse(), should.modifier.contains(Modifier::REVERSED), "at {x},{y}");
                    if text != " " {
                        assert_eq!(is.fgcolor(), vt(should.fg), "colour at {x},{y}");
                        assert_eq!(is.bold(), should.modifier.contains(Modifier::BOLD), "bold at {x},{y}");
                        assert_eq!(is.dim(), should.modifier.contains(Modifier::DIM), "dim at {x},{y}");
                    }
                }
            }
        }
    }

    fn vt(colour: Color) -> vt100::Color {
        match colour {
            Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
            Color::Indexed(n) => vt100::Color::Idx(n),
            Color::Yellow => vt100::Color::Idx(3),
            Color::LightRed => vt100::Color::Idx(9),
            _ => vt100::Color::Default,
        }
    }

    fn screen(words: &[(u16, u16, String, Style)]) -> Buffer {
        let mut buffer = Buffer::empty(SIZE);
        for (x, y, text, style) in words {
            buffer.set_string(*x, *y, text, Style::reset().patch(*style));
        }
        buffer
    }

    fn words() -> impl Strategy<Value = Vec<(u16, u16, String, Style)>> {
        let text = prop_oneof!["[a-z ]{1,24}", " {1,24}", "[本a✓ é]{1,9}"];
        let colour = prop_oneof![
            Just(Color::Reset),
            Just(Color::Yellow),
            Just(Color::LightRed),
            Just(Color::Indexed(99)),
            Just(Color::Rgb(1, 2, 3)),
        ];
        // Bold and dim together are one of the two, and which depends on the terminal.
        let weight = prop_oneof![Just(Modifier::empty()), Just(Modifier::BOLD), Just(Modifier::DIM)];
        let modifier = (weight, any::<bool>())
            .prop_map(|(weight, reversed)| if reversed { weight | Modifier::REVERSED } else { weight });
        let style = (colour.clone(), colour, modifier)
            .prop_map(|(fg, bg, modifier)| Style::new().fg(fg).bg(bg).add_modifier(modifier));
        proptest::collection::vec((0..SIZE.width, 0..SIZE.height, text, style), 0..12)
    }

    proptest! {
        #![proptest_config(crate::ui::testing::properties())]

        #[test]
        fn a_terminal_shows_what_was_drawn(frames in proptest::collection::vec(words(), 1..6)) {
            let (mut encoder, mut shown) = (Encoder::default(), Shown::new());
            let mut before = Buffer::empty(SIZE);
            for words in frames {
                let next = screen(&words);
                encoder.frame(&before, &next, None);
                shown.0.process(&encoder.take());
                shown.check(&next);
                before = next;
            }
        }
    }

    #[test]
    fn nothing_changed_is_no_byte() {
        let same = screen(&[(0, 0, "x".into(), Style::new())]);
        let mut encoder = Encoder::default();
        encoder.frame(&same, &same, None);
        assert!(encoder.take().is_empty());
    }

    #[test]
    fn a_clock_tick_is_a_move_and_a_digit() {
        let style = Style::new().fg(Color::Rgb(238, 241, 244)).add_modifier(Modifier::BOLD);
        let [a, b, c] = ["00:43:11", "00:43:12", "00:43:13"].map(|t| screen(&[(9, 0, t.into(), style)]));
        let mut encoder = Encoder::default();
        encoder.frame(&a, &b, None);
        encoder.take();
        encoder.frame(&b, &c, None);
        assert_eq!(encoder.take(), b"\x1b[1;17H3", "the pen is still the right one");
    }

    #[test]
    fn a_row_that_empties_is_erased_not_written() {
        let full = screen(&[(2, 1, "a".repeat(22), Style::new())]);
        let mut encoder = Encoder::default();
        encoder.frame(&full, &Buffer::empty(SIZE), None);
        assert_eq!(encoder.take(), b"\x1b[2;3H\x1b[m\x1b[K");
    }

    #[test]
    fn the_caret_is_shown_where_it_is_and_hidden_again() {
        let blank = Buffer::empty(SIZE);
        let mut encoder = Encoder::default();
        encoder.frame(&blank, &blank, Some((3, 2)));
        assert_eq!(encoder.take(), b"\x1b[3;4H\x1b[?25h");
        encoder.frame(&blank, &blank, Some((3, 2)));
        assert!(encoder.take().is_empty(), "it stays there by itself");
        encoder.frame(&blank, &blank, None);
        assert_eq!(encoder.take(), b"\x1b[?25l");
    }
}
