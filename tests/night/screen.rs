//! A screen without a terminal: what the cockpit draws, as text with its looks, and as a picture to look at.

use std::fmt::Write as _;

use cutover::ui::canvas::{Canvas, Look};
use cutover::ui::colour::Depth;
use cutover::ui::glyphs::UNICODE;
use cutover::ui::mode::Mode;
use cutover::ui::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// A look in one of the built-in themes.
pub fn look(theme: &str, mode: Mode) -> Look {
    Look { theme: Theme::built_in(theme, Depth::True), glyphs: &UNICODE, mode, old: false }
}

/// Draws on a screen of this size.
pub fn drawn(width: u16, height: u16, look: &Look, paint: impl FnOnce(&mut Canvas<'_>)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    paint(&mut Canvas::new(&mut buffer, look));
    buffer
}

fn row(buffer: &Buffer, y: u16) -> impl Iterator<Item = &Cell> {
    (0..buffer.area().width).filter_map(move |x| buffer.cell((x, y)))
}

/// The text alone, one line a row.
pub fn text(buffer: &Buffer) -> String {
    let mut all = String::new();
    for y in 0..buffer.area().height {
        let line: String = row(buffer, y).map(Cell::symbol).collect();
        let _ = writeln!(all, "{}", line.trim_end());
    }
    all
}

/// The screen as bytes that a terminal shows: `cat` them.
pub fn ansi(buffer: &Buffer) -> String {
    let mut all = String::from("\x1b[2J\x1b[H\x1b[?25l");
    for y in 0..buffer.area().height {
        let _ = write!(all, "\x1b[{};1H", y + 1);
        let mut skip = 0;
        for cell in row(buffer, y) {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
            all.push_str(&sgr(cell.style()));
            all.push_str(cell.symbol());
        }
    }
    all.push_str("\x1b[m");
    all
}

fn sgr(style: Style) -> String {
    let mut codes = vec!["0".to_owned()];
    for (modifier, code) in [
        (Modifier::BOLD, "1"),
        (Modifier::DIM, "2"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
        (Modifier::REVERSED, "7"),
    ] {
        if style.add_modifier.contains(modifier) {
            codes.push(code.to_owned());
        }
    }
    for (colour, base) in [(style.fg, 38), (style.bg, 48)] {
        match colour {
            Some(Color::Rgb(r, g, b)) => codes.push(format!("{base};2;{r};{g};{b}")),
            Some(Color::Indexed(n)) => codes.push(format!("{base};5;{n}")),
            _ => {}
        }
    }
    format!("\x1b[{}m", codes.join(";"))
}

/// A screen as text, then its looks in several themes: which columns of which row look how. The same screen
/// drawn in each theme goes in; what looks alike in all of them has one letter.
pub fn with_looks(screens: &[(&str, Buffer)]) -> String {
    let (_, first) = &screens[0];
    let mut all = text(first);
    all.push_str("\nlooks\n");
    let mut legend: Vec<Vec<String>> = Vec::new();
    for y in 0..first.area().height {
        let mut runs: Vec<(usize, u16, u16)> = Vec::new();
        for x in 0..first.area().width {
            let looks: Vec<String> = screens.iter().map(|(_, b)| style(b[(x, y)].style())).collect();
            if looks.iter().all(String::is_empty) {
                continue;
            }
            let letter = legend.iter().position(|l| *l == looks).unwrap_or_else(|| {
                legend.push(looks);
                legend.len() - 1
            });
            match runs.last_mut() {
                Some((last, _, end)) if *last == letter && *end + 1 == x => *end = x,
                _ => runs.push((letter, x, x)),
            }
        }
        if !runs.is_empty() {
            let runs = runs.into_iter().map(|(l, from, to)| format!("{}{from}-{to}", name(l)));
            let _ = writeln!(all, "{y:>2} {}", runs.collect::<Vec<_>>().join(" "));
        }
    }
    all.push('\n');
    for (at, looks) in legend.iter().enumerate() {
        let looks = screens.iter().zip(looks).map(|((theme, _), look)| format!("{theme}: {look}"));
        let _ = writeln!(all, "{} {}", name(at), looks.collect::<Vec<_>>().join("   "));
    }
    all
}

fn name(at: usize) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[at])
}

fn style(style: Style) -> String {
    let mut words = Vec::new();
    for (colour, what) in [(style.fg, ""), (style.bg, "on ")] {
        match colour {
            Some(Color::Rgb(r, g, b)) => words.push(format!("{what}#{r:02x}{g:02x}{b:02x}")),
            None | Some(Color::Reset) => {}
            Some(other) => words.push(format!("{what}{other}")),
        }
    }
    for (modifier, word) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ] {
        if style.add_modifier.contains(modifier) {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}
