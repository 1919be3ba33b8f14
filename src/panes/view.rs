//! What a person looks at: which page, which pane has the keys, what is selected. It lives here and never in
//! the engine's state.

use std::cell::RefCell;

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::theme::Role;

use super::checklist;
use super::item::Item;
use super::row::Row;
use super::section::PaneId;

/// Whether a pane has the keys, and what is selected in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'a> {
    pane: PaneId,
    pub(super) focused: bool,
    pub(super) item: Option<&'a Item>,
    hits: &'a RefCell<Vec<Hit>>,
}

/// A row that was drawn, for the mouse.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    area: Rect,
    pane: PaneId,
    item: Item,
}

impl Selection<'_> {
    /// Whether a row is the selected one.
    pub(super) fn is(&self, row: &Row<'_>) -> bool {
        self.focused && self.item.is_some() && self.item == row.item.as_ref()
    }

    /// Draws a row, selected or not.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, y: u16, row: &Row<'_>) {
        row.draw(canvas, y);
        let area = Rect { y, height: 1, ..area };
        if self.is(row) {
            canvas.tint(area, Role::Selection);
        }
        if let Some(item) = row.item.clone() {
            self.hits.borrow_mut().push(Hit { area, pane: self.pane, item });
        }
    }
}

/// The main screen as it is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Main {
    /// Where the keys go.
    pub(super) focus: Focus,
    /// The window over the checklist.
    pub(super) checklist: checklist::View,
}

/// Where the keys go.
#[derive(Clone, Debug)]
pub(super) struct Focus {
    /// Which pane has them.
    pub(super) pane: PaneId,
    /// What is selected in it; nothing until somebody moves.
    pub(super) chosen: Option<Item>,
    /// Which rows stood where in the last frame.
    hits: RefCell<Vec<Hit>>,
}

impl Default for Focus {
    fn default() -> Focus {
        Focus { pane: PaneId::Checklist, chosen: None, hits: RefCell::default() }
    }
}

impl Focus {
    /// Whether a pane has the keys, and what is selected in it.
    pub(super) fn selection(&self, pane: PaneId) -> Selection<'_> {
        let focused = self.pane == pane;
        Selection { pane, focused, item: self.chosen.as_ref().filter(|_| focused), hits: &self.hits }
    }

    /// A new frame is drawn.
    pub(super) fn forget_rows(&mut self) {
        self.hits.get_mut().clear();
    }

    /// What stood at a place of the last frame, and in which pane.
    pub(super) fn at(&self, x: u16, y: u16) -> Option<(PaneId, Item)> {
        let hits = self.hits.borrow();
        let hit = hits.iter().find(|hit| hit.area.contains((x, y).into()))?;
        Some((hit.pane, hit.item.clone()))
    }
}
