//! The screen before anything is known: its bones.
//!
//! Owns the first frame, which is on the screen before any file has been read, so that nobody waits
//! in front of nothing. It claims nothing: no value, no state, no `✓`. The panes take over from it in
//! the same places.

use ratatui::layout::Rect;

use super::canvas::{Canvas, piece};
use super::layout::{self, Body};
use super::theme::Role;

/// Draws mode, plan and the heads of the panes; `doing` says what is waited for.
pub fn draw(canvas: &mut Canvas<'_>, plan: &str, doing: &str) {
    let Some(regions) = layout::regions(canvas.area()) else { return layout::too_small(canvas) };
    let (first, second) = (regions.first, regions.second);
    let mode = canvas.mode();
    let word = canvas.text(first.x, first.y, first.width, format!(" {} ", mode.word()), mode.word_role());
    canvas.text(first.x + word + 2, first.y, first.width - word - 3, plan, Role::Bright);
    canvas.text(second.x + 1, second.y, second.width - 2, doing, Role::Dim);
    let empty = |canvas: &mut Canvas<'_>, area: Rect, title: &str| canvas.head(area, title, &[], false);
    match regions.body {
        Body::One { summary, left } => {
            for (y, title) in
                (summary.top()..).zip(["Replication", "Freeze", "Validation", "Alarms", "Way back"])
            {
                canvas.line(summary.x + 2, y, summary.width - 2, &[piece(title, Role::Title)]);
            }
            empty(canvas, left, "Steps");
        }
        Body::Two { left, right, journal } | Body::Three { left, right, journal, .. } => {
            empty(canvas, left, "Steps");
            let wants = [layout::Want { least: 1, all: 5 }; 4];
            for (area, title) in layout::stack(right, &wants).into_iter().zip([
                "Replication",
                "Freeze",
                "Validation",
                "Alarms",
            ]) {
                empty(canvas, area, title);
            }
            empty(canvas, journal, "Journal");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::canvas::Look;
    use crate::ui::glyphs::{ASCII, UNICODE};
    use crate::ui::mode::Mode;
    use crate::ui::testing::{look, rows};

    #[test]
    fn the_bones_fit_every_size_and_claim_nothing() {
        for glyphs in [&UNICODE, &ASCII] {
            for mode in [Mode::Live, Mode::Rehearsal, Mode::Watch, Mode::Replay] {
                let look = Look { glyphs, ..look(mode) };
                for (width, height) in [(1, 1), (20, 5), (60, 16), (80, 24), (120, 36), (200, 50)] {
                    let text = rows(width, height, &look, |canvas| {
                        draw(canvas, "Orders to Azure", "reading the plan");
                    })
                    .concat();
                    assert!(!text.contains('✓') && !text.contains(char::is_numeric) || width < 60, "{text}");
                    if width >= 60 {
                        assert!(text.contains(mode.word()) && text.contains("Replication"), "{text}");
                    }
                }
            }
        }
    }
}
