//! A row of a pane before it is drawn: cells in their columns, each a few words with their meaning.
//!
//! Owns how a row is put together and laid on the canvas. Rows are built for what can be seen, and thrown
//! away with the frame. Refuses to know what they say: the panes do.

use ratatui::layout::Rect;

use crate::ui::canvas::{Canvas, Piece, piece};
use crate::ui::layout::Slot;
use crate::ui::safe::SafeText;
use crate::ui::theme::Role;
use crate::ui::widgets::spark;

use super::item::Item;

/// Words that stand side by side, each with its meaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words<'a>(pub(crate) Vec<Piece<'a>>);

/// Words in one meaning.
pub(crate) fn words<'a>(role: Role, text: impl Into<SafeText<'a>>) -> Words<'a> {
    Words(vec![piece(text, role)])
}

impl<'a> Words<'a> {
    /// Nothing.
    pub(crate) fn none() -> Words<'a> {
        Words(Vec::new())
    }

    /// With more words.
    #[must_use]
    pub(crate) fn and(mut self, role: Role, text: impl Into<SafeText<'a>>) -> Words<'a> {
        self.push(role, text);
        self
    }

    /// With other words.
    #[must_use]
    pub(crate) fn also(mut self, other: Words<'a>) -> Words<'a> {
        self.0.extend(other.0);
        self
    }

    /// Appends words.
    pub(crate) fn push(&mut self, role: Role, text: impl Into<SafeText<'a>>) {
        self.0.push(piece(text, role));
    }

    /// Columns they take.
    pub(crate) fn width(&self) -> u16 {
        let width: usize = self.0.iter().map(|piece| piece.text.width()).sum();
        u16::try_from(width).unwrap_or(u16::MAX)
    }

    /// Whether there is nothing in them.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|piece| piece.text.as_str().is_empty())
    }

    /// The text without its meaning.
    pub(crate) fn plain(&self) -> String {
        self.0.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// Free of what they were made from.
    pub(crate) fn into_owned(self) -> Words<'static> {
        let own = |p: Piece<'a>| Piece { text: p.text.into_owned(), role: p.role };
        Words(self.0.into_iter().map(own).collect())
    }
}

/// A row of words alone, from the second column of a place on.
pub(super) fn heading(place: Rect, words: Words<'_>) -> Row<'_> {
    Row::new().left(slot(place.x + 1, place.width.saturating_sub(1)), words)
}

/// What stands in a cell.
#[derive(Clone, Debug)]
enum Content<'a> {
    Left(Words<'a>),
    Right(Words<'a>),
    Trend(Vec<Option<f64>>, Role),
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row<'a> {
    cells: Vec<(Slot, Content<'a>)>,
    /// What `enter` opens here.
    pub(crate) item: Option<Item>,
}

impl<'a> Row<'a> {
    /// An empty row.
    pub(crate) fn new() -> Row<'a> {
        Row::default()
    }

    /// Puts words at the left of a column.
    #[must_use]
    pub(crate) fn left(mut self, slot: Slot, words: Words<'a>) -> Row<'a> {
        self.cells.push((slot, Content::Left(words)));
        self
    }

    /// Puts words at the right of a column.
    #[must_use]
    pub(crate) fn right(mut self, slot: Slot, words: Words<'a>) -> Row<'a> {
        self.cells.push((slot, Content::Right(words)));
        self
    }

    /// Puts the course of a value into a column.
    #[must_use]
    pub(crate) fn trend(mut self, slot: Slot, values: Vec<Option<f64>>, role: Role) -> Row<'a> {
        self.cells.push((slot, Content::Trend(values, role)));
        self
    }

    /// Makes it stand for something.
    #[must_use]
    pub(crate) fn of(mut self, item: Item) -> Row<'a> {
        self.item = Some(item);
        self
    }

    /// Lays it on the canvas; columns that had to go take nothing.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, y: u16) {
        for (slot, content) in self.cells.iter().filter(|(slot, _)| slot.width > 0) {
            match content {
                Content::Left(words) => {
                    canvas.line(slot.x, y, slot.width, &words.0);
                }
                Content::Right(words) => {
                    canvas.line_right(slot.right(), y, slot.width, &words.0);
                }
                Content::Trend(values, role) => {
                    spark(canvas, Rect::new(slot.x, y, slot.width, 1), values, 0.0, *role);
                }
            }
        }
    }

    /// The text of its cells, as it is copied and searched.
    pub(crate) fn plain(&self) -> String {
        let texts = self.cells.iter().filter_map(|(_, content)| match content {
            Content::Left(words) | Content::Right(words) => Some(words.plain()),
            Content::Trend(..) => None,
        });
        texts.filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join("  ")
    }
}

/// A column that is `width` wide from `x` on.
pub(crate) const fn slot(x: u16, width: u16) -> Slot {
    Slot { x, width }
}

/// Breaks words into at most so many lines; what is left over is cut in the last one where it is drawn.
pub(crate) fn wrap<'a>(pieces: &[Piece<'a>], width: u16, most: usize) -> Vec<Words<'a>> {
    let width = usize::from(width.max(1));
    let mut lines: Vec<Words<'a>> = vec![Words::none()];
    let mut used = 0;
    for part in pieces {
        for word in part.text.as_str().split_inclusive(' ') {
            let columns = SafeText::from(word.trim_end()).width();
            let breaks = used > 0 && used + columns > width && lines.len() < most;
            if breaks {
                lines.push(Words::none());
                used = 0;
            }
            let text = if used == 0 { word.trim_start().to_owned() } else { word.to_owned() };
            used += SafeText::from(&text).width();
            if let Some(line) = lines.last_mut() {
                line.push(part.role, text);
            }
        }
    }
    for line in &mut lines {
        // The space at which a line was broken takes no column.
        if let Some(last) = line.0.last_mut() {
            let trimmed = last.text.as_str().trim_end().to_owned();
            *last = piece(trimmed, last.role);
        }
    }
    lines
}

/// A label, and what is behind it broken into at most so many lines that hang below each other.
pub(crate) fn hang<'a>(
    label: &str,
    columns: u16,
    text: &Words<'a>,
    width: u16,
    most: usize,
) -> Vec<Words<'a>> {
    let mut label = format!("{label:<0$}", usize::from(columns));
    let mut lines = Vec::new();
    for line in wrap(&text.0, width.saturating_sub(columns), most) {
        lines.push(words(Role::Dim, std::mem::take(&mut label)).also(line));
        label = " ".repeat(usize::from(columns));
    }
    lines
}
