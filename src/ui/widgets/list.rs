//! A cursor in a list of any length, of which only what is seen is built.
//!
//! Owns where the cursor and the window are. Refuses to know the rows: a pane draws the one that is
//! asked for, so that a hundred thousand cost what forty do.

use std::ops::Range;

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::format::count;
use crate::ui::theme::Role;

/// A step of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// One row.
    Up,
    /// One row.
    Down,
    /// A window.
    PageUp,
    /// A window.
    PageDown,
    /// To the first row.
    Top,
    /// To the last row, and with it as rows are added.
    Bottom,
}

/// The cursor and the window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    cursor: usize,
    top: usize,
    height: usize,
    /// The cursor stays on the last row as rows are added.
    follows: bool,
}

impl List {
    /// A list whose cursor stays on the last row as rows are added, until it is moved away.
    pub fn following() -> Self {
        Self { follows: true, ..Self::default() }
    }

    /// The row that is selected, of `len` rows; `None` when there are none.
    pub fn selected(&self, len: usize) -> Option<usize> {
        let last = len.checked_sub(1)?;
        Some(if self.follows { last } else { self.cursor.min(last) })
    }

    /// Selects a row.
    pub fn select(&mut self, row: usize) {
        self.cursor = row;
        self.follows = false;
    }

    /// Has the window begin with the first row, as far as the cursor lets it.
    pub fn scroll_to_top(&mut self) {
        self.top = 0;
    }

    /// Moves the cursor among `len` rows.
    pub fn go(&mut self, step: Move, len: usize) {
        let (Some(at), Some(last)) = (self.selected(len), len.checked_sub(1)) else { return };
        let page = self.height.saturating_sub(1).max(1);
        let to = match step {
            Move::Up => at.saturating_sub(1),
            Move::Down => at + 1,
            Move::PageUp => at.saturating_sub(page),
            Move::PageDown => at + page,
            Move::Top => 0,
            Move::Bottom => last,
        };
        let followed = self.follows;
        self.select(to.min(last));
        self.follows = step == Move::Bottom || (followed && matches!(step, Move::Down | Move::PageDown));
    }

    /// Draws the rows that are seen, from `area`'s top on. `row` draws one: its index, its place, and
    /// whether it is selected; the selection is laid over it afterwards.
    pub fn draw(
        &mut self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        len: usize,
        mut row: impl FnMut(&mut Canvas<'_>, usize, Rect, bool),
    ) {
        let selected = self.selected(len);
        for (y, index) in (area.top()..).zip(self.window(len, area.height.into())) {
            let place = Rect { y, height: 1, ..area };
            let is_selected = selected == Some(index);
            row(canvas, index, place, is_selected);
            if is_selected {
                canvas.tint(place, Role::Selection);
            }
        }
    }

    /// Which of `len` rows are in a window of `height`, for a pane that draws by itself; the window
    /// moves no further than the cursor takes it.
    pub fn window(&mut self, len: usize, height: usize) -> Range<usize> {
        self.height = height;
        let Some(cursor) = self.selected(len) else {
            self.top = 0;
            return 0..0;
        };
        let highest = cursor.min(len.saturating_sub(height));
        let lowest = (cursor + 1).saturating_sub(height);
        self.top = self.top.clamp(lowest.min(highest), highest);
        self.top..len.min(self.top + height)
    }

    /// Where the window is, when not all rows are seen: `41–60 of 5 000`.
    pub fn position(&self, len: usize) -> Option<String> {
        if len <= self.height {
            return None;
        }
        let (first, last) = (self.top + 1, len.min(self.top + self.height));
        let number = |n: usize| count(u64::try_from(n).unwrap_or(u64::MAX));
        Some(format!("{}-{} of {}", number(first), number(last), number(len)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::mode::Mode;
    use crate::ui::testing::{look, rows};
    use proptest::prelude::*;

    #[test]
    fn the_window_goes_with_the_cursor_and_no_further() {
        let mut list = List::default();
        assert_eq!(list.window(100, 10), 0..10);
        for _ in 0..9 {
            list.go(Move::Down, 100);
        }
        assert_eq!(list.window(100, 10), 0..10);
        list.go(Move::Down, 100);
        assert_eq!(list.window(100, 10), 1..11);
        list.go(Move::Up, 100);
        assert_eq!(list.window(100, 10), 1..11, "going back moves the cursor, not the window");
        list.go(Move::PageDown, 100);
        assert_eq!((list.selected(100), list.window(100, 10)), (Some(18), 9..19));
        list.go(Move::Top, 100);
        assert_eq!(list.window(100, 10), 0..10);
    }

    #[test]
    fn the_end_is_followed_until_the_cursor_leaves_it() {
        let mut list = List::following();
        assert_eq!(list.window(5, 3), 2..5);
        assert_eq!((list.selected(9), list.window(9, 3)), (Some(8), 6..9));
        list.go(Move::Up, 9);
        assert_eq!((list.selected(20), list.window(20, 3)), (Some(7), 6..9));
        list.go(Move::Bottom, 20);
        assert_eq!(list.selected(21), Some(20));
    }

    #[test]
    fn a_list_that_shrinks_keeps_the_cursor_inside() {
        let mut list = List::default();
        list.select(40);
        list.window(50, 10);
        assert_eq!((list.selected(3), list.window(3, 10)), (Some(2), 0..3));
        assert_eq!((list.selected(0), list.window(0, 10)), (None, 0..0));
        list.go(Move::Down, 0);
    }

    #[test]
    fn only_seen_rows_are_built() {
        let (mut built, mut list) = (Vec::new(), List::default());
        list.select(70_000);
        rows(20, 10, &look(Mode::Live), |canvas| {
            list.draw(canvas, Rect::new(0, 2, 20, 5), 100_000, |_, index, place, selected| {
                built.push((index, place.y, selected));
            });
        });
        assert_eq!(
            built,
            [
                (69_996, 2, false),
                (69_997, 3, false),
                (69_998, 4, false),
                (69_999, 5, false),
                (70_000, 6, true)
            ]
        );
        assert_eq!(list.position(100_000).unwrap(), "69 997-70 001 of 100 000");
        assert_eq!(list.position(5), None);
    }

    proptest! {
        #![proptest_config(crate::ui::testing::properties())]

        #[test]
        fn the_cursor_is_always_seen(
            steps in proptest::collection::vec((0usize..6, 0usize..60, 1usize..20), 1..60),
            follows: bool,
        ) {
            let mut list = if follows { List::following() } else { List::default() };
            let moves = [Move::Up, Move::Down, Move::PageUp, Move::PageDown, Move::Top, Move::Bottom];
            for (step, len, height) in steps {
                list.go(moves[step], len);
                let window = list.window(len, height);
                prop_assert!(window.end <= len && window.len() == len.min(height));
                if let Some(selected) = list.selected(len) {
                    prop_assert!(window.contains(&selected));
                }
            }
        }
    }
}
