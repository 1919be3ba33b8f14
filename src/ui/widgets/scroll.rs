//! A window over lines of which none is selected: a text that is read.
//!
//! Owns where the window is. A cursor that nobody sees would make the first keys seem dead.

use std::ops::Range;

use super::Move;
use crate::ui::format::count;

/// Where the window is, over how many lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    top: usize,
    height: usize,
    len: usize,
}

impl Scroll {
    /// Moves the window as far as there are lines.
    pub fn go(&mut self, step: Move) {
        let last = self.len.saturating_sub(self.height);
        let page = self.height.saturating_sub(1).max(1);
        let to = match step {
            Move::Up => self.top.saturating_sub(1),
            Move::Down => self.top + 1,
            Move::PageUp => self.top.saturating_sub(page),
            Move::PageDown => self.top + page,
            Move::Top => 0,
            Move::Bottom => last,
        };
        self.top = to.min(last);
    }

    /// Brings a line into view.
    pub fn show(&mut self, line: usize) {
        self.top = line.saturating_sub(self.height / 3);
    }

    /// The first line that is seen.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Which of `len` lines are in a window of `height`.
    pub fn window(&mut self, len: usize, height: usize) -> Range<usize> {
        (self.len, self.height) = (len, height);
        self.top = self.top.min(len.saturating_sub(height));
        self.top..len.min(self.top + height)
    }

    /// Where the window is, when not all lines are seen: `1-18 of 42`.
    pub fn position(&self) -> Option<String> {
        let number = |n: usize| count(u64::try_from(n).unwrap_or(u64::MAX));
        let last = self.len.min(self.top + self.height);
        (self.len > self.height)
            .then(|| format!("{}-{} of {}", number(self.top + 1), number(last), number(self.len)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_moves_the_window_until_the_last_line_is_seen() {
        let mut scroll = Scroll::default();
        assert_eq!(scroll.window(42, 18), 0..18);
        assert_eq!(scroll.position().unwrap(), "1-18 of 42");
        scroll.go(Move::PageDown);
        assert_eq!(scroll.window(42, 18), 17..35);
        scroll.go(Move::PageDown);
        scroll.go(Move::PageDown);
        assert_eq!(scroll.window(42, 18), 24..42);
        assert_eq!(scroll.position().unwrap(), "25-42 of 42");
        assert_eq!(scroll.window(10, 18), 0..10, "fewer lines than there is room for");
        assert_eq!(scroll.position(), None);
        scroll.go(Move::Down);
        assert_eq!(scroll.top(), 0);
    }
}
