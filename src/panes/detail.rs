//! One thing with all its detail: what it is, what was measured or done, and what stands in no journal.
//!
//! A document is a list of lines that is built anew for each frame, so that it goes on being true while it is
//! read. `document` writes them; this file owns scrolling and drawing.

use ratatui::layout::Rect;

use crate::clock::Boot;
use crate::ui::canvas::{Canvas, piece};
use crate::ui::theme::Role;
use crate::ui::widgets::{Move, Scroll, spark};

use super::item::Item;
use super::row::{Words, words, wrap};

/// Columns of a label before its text.
const LABEL: usize = 14;

/// A line of a document is broken into at most so many on the screen.
const LINES: usize = 24;

/// A line of a document.
#[derive(Clone, Debug)]
pub(super) enum DocLine {
    Text(Words<'static>),
    /// The course of a value, as wide as there is room.
    Course(Vec<Option<f64>>, Role),
}

/// Everything about one thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Doc {
    pub(super) title: String,
    pub(super) note: Words<'static>,
    pub(super) lines: Vec<DocLine>,
}

impl Doc {
    pub(super) fn new(title: impl Into<String>) -> Doc {
        Doc { title: title.into(), ..Doc::default() }
    }

    /// A line of words.
    pub(super) fn say(&mut self, words: Words<'_>) {
        self.lines.push(DocLine::Text(words.into_owned()));
    }

    /// A label and what is behind it; nothing where that is empty.
    pub(super) fn fact(&mut self, label: &str, text: Words<'_>) {
        if !text.is_empty() {
            self.say(words(Role::Dim, format!("{label:<LABEL$}")).also(text.into_owned()));
        }
    }

    /// The same in normal words.
    pub(super) fn plain(&mut self, label: &str, text: impl Into<String>) {
        self.fact(label, words(Role::Normal, text.into()));
    }

    /// A free line and a heading.
    pub(super) fn head(&mut self, title: &str) {
        if !self.lines.is_empty() {
            self.say(Words::none());
        }
        self.say(words(Role::Title, title.to_owned()));
    }

    /// As it is copied.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for line in &self.lines {
            if let DocLine::Text(words) = line {
                text.push_str(words.plain().trim_end());
                text.push('\n');
            }
        }
        text
    }
}

/// A detail that is open: of what, and how far it is scrolled.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) item: Item,
    scroll: Scroll,
    width: u16,
    /// The look whose answer was asked for.
    pub(super) of: Option<Boot>,
}

impl Detail {
    pub(super) fn new(item: Item, of: Option<Boot>) -> Detail {
        Detail { item, scroll: Scroll::default(), width: u16::MAX, of }
    }

    /// A document with what is too long for the screen broken into lines that hang below each other: a detail is
    /// where one goes to read the end of what was cut elsewhere.
    pub(super) fn lay(&self, mut doc: Doc) -> Doc {
        doc.lines = doc.lines.into_iter().flat_map(|line| broken(line, self.width)).collect();
        doc
    }

    /// Scrolls.
    pub(super) fn go(&mut self, step: Move) {
        self.scroll.go(step);
    }

    /// Brings a line into view.
    pub(super) fn show(&mut self, line: usize) {
        self.scroll.show(line);
    }

    /// The first line that is seen.
    pub(super) fn top(&self) -> usize {
        self.scroll.top()
    }

    /// Draws the lines that are seen.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, doc: Doc) {
        canvas.clear(Rect { width: area.width + 1, ..area });
        self.width = area.width.saturating_sub(3);
        let doc = &self.lay(doc);
        let seen = self.scroll.window(doc.lines.len(), area.height.saturating_sub(1).into());
        let mut note = doc.note.clone();
        if let Some(position) = self.scroll.position() {
            note.push(Role::Dim, format!("   {position}"));
        }
        canvas.head(area, &doc.title, &note.0, true);
        let width = area.width.saturating_sub(3);
        for (y, line) in (area.y + 1..area.bottom()).zip(doc.lines.iter().skip(seen.start)) {
            match line {
                DocLine::Text(words) => {
                    canvas.line(area.x + 2, y, width, &words.0);
                }
                DocLine::Course(values, role) => {
                    let x = area.x + 2 + u16::try_from(LABEL).unwrap_or(0);
                    canvas.line(area.x + 2, y, width, &[piece("course", Role::Dim)]);
                    let columns = u16::try_from(values.len()).unwrap_or(u16::MAX);
                    let room = columns.min(area.right().saturating_sub(x + 1));
                    spark(canvas, Rect { x, y, width: room, height: 1 }, values, 0.0, *role);
                }
            }
        }
    }
}

/// A line in as many as it needs. What is indented stands as it came, and is cut.
fn broken(line: DocLine, width: u16) -> Vec<DocLine> {
    let DocLine::Text(text) = line else { return vec![line] };
    let indented = text
        .0
        .first()
        .is_some_and(|piece| piece.text.as_str().starts_with(' ') && piece.text.width() != LABEL);
    if text.width() <= width || indented {
        return vec![DocLine::Text(text)];
    }
    let labelled = text.0.first().is_some_and(|piece| piece.text.width() == LABEL);
    let (label, rest) = if labelled { text.0.split_at(1) } else { text.0.split_at(0) };
    let hang = if labelled { LABEL } else { 2 };
    let room = width.saturating_sub(u16::try_from(hang).unwrap_or(0));
    let mut before = Words(label.to_vec());
    let mut lines = Vec::new();
    for part in wrap(rest, room, LINES) {
        lines.push(DocLine::Text(std::mem::take(&mut before).also(part.into_owned())));
        before = words(Role::Dim, " ".repeat(hang));
    }
    lines
}
