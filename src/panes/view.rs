//! What a person looks at: which page, which pane has the keys, what is selected. It lives here and never in
//! the engine's state.

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::theme::Role;

use super::item::Item;
use super::row::Row;

/// Whether a pane has the keys, and what is selected in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    pub(super) focused: bool,
    pub(super) item: Option<&'a Item>,
}

impl Selection<'_> {
    /// A pane without the keys.
    pub(super) const NONE: Selection<'static> = Selection { focused: false, item: None };

    /// Whether a row is the selected one.
    pub(super) fn is(&self, row: &Row<'_>) -> bool {
        self.focused && self.item.is_some() && self.item == row.item.as_ref()
    }

    /// Draws a row, selected or not.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, y: u16, row: &Row<'_>) {
        row.draw(canvas, y);
        if self.is(row) {
            canvas.tint(Rect { y, height: 1, ..area }, Role::Selection);
        }
    }
}
