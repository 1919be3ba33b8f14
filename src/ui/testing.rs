//! For tests: draw on a screen in memory and read its rows.

use proptest::test_runner::Config;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::{Canvas, Look};
use super::colour::Depth;
use super::glyphs::UNICODE;
use super::mode::Mode;
use super::theme::Theme;

/// The dark theme in all its colours.
pub(crate) fn look(mode: Mode) -> Look {
    Look { theme: Theme::built_in("dark", Depth::True), glyphs: &UNICODE, mode, old: false }
}

/// The cells of a screen after a drawing, and where it put the caret.
pub(crate) fn cells(
    width: u16,
    height: u16,
    look: &Look,
    paint: impl FnOnce(&mut Canvas<'_>),
) -> (Buffer, Option<(u16, u16)>) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let mut canvas = Canvas::new(&mut buffer, look);
    paint(&mut canvas);
    let caret = canvas.caret();
    (buffer, caret)
}

/// The rows of a screen after a drawing, without the blanks at their ends.
pub(crate) fn rows(width: u16, height: u16, look: &Look, paint: impl FnOnce(&mut Canvas<'_>)) -> Vec<String> {
    let (buffer, _) = cells(width, height, look, paint);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

/// Properties whose failures are printed and not kept in files beside the sources.
pub(crate) fn properties() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
