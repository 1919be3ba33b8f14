//! The keys of the very screen that was open, from the one table.

use ratatui::layout::Rect;

use crate::ui::actions::Context;
use crate::ui::canvas::{Canvas, piece};
use crate::ui::keymap::Keymap;
use crate::ui::theme::Role;
use crate::ui::widgets::List;

/// The help while it is open.
#[derive(Debug)]
pub(super) struct Help {
    /// Whose keys are shown.
    pub(super) of: Context,
    pub(super) list: List,
}

impl Help {
    pub(super) fn new(of: Context) -> Help {
        Help { of, list: List::default() }
    }

    /// How many rows there are.
    pub(super) fn len(&self, keys: &Keymap) -> usize {
        keys.help(self.of).len() + SIGNS.len() + 2
    }

    /// Draws the keys, then the signs.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, keys: &Keymap) {
        canvas.clear(Rect { width: area.width + 1, ..area });
        canvas.head(area, "Help", &[piece(self.of.name(), Role::Dim)], true);
        let rows = keys.help(self.of);
        let len = self.len(keys);
        let place = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let glyphs = canvas.glyphs();
        self.list.draw(canvas, place, len, |canvas, at, place, _| {
            if let Some((key, what)) = rows.get(at) {
                canvas.text_right(place.x + 16, place.y, 14, key.as_str(), Role::KeyName);
                canvas.text(place.x + 18, place.y, place.width.saturating_sub(20), *what, Role::Normal);
            } else if at == rows.len() + 1 {
                canvas.text(place.x + 2, place.y, place.width, "Signs", Role::Title);
            } else if let Some((sign, role, what)) =
                at.checked_sub(rows.len() + 2).and_then(|at| SIGNS.get(at))
            {
                canvas.text_right(place.x + 16, place.y, 1, sign(glyphs), *role);
                canvas.text(place.x + 18, place.y, place.width.saturating_sub(20), *what, Role::Normal);
            }
        });
    }
}

type Sign = (fn(&crate::ui::glyphs::Glyphs) -> &'static str, Role, &'static str);

/// What the signs in the first column mean.
const SIGNS: [Sign; 8] = [
    (|g| g.alarm, Role::Warning, "Wrong: an alarm, a breach, a step that failed or is no longer true."),
    (|g| g.unknown, Role::Caution, "Unknown or stale: nobody has measured it, or too long ago."),
    (|g| g.waived, Role::Caution, "Waived: somebody goes on in spite of exactly this."),
    (|g| g.proved, Role::Proved, "Good: done, or proved."),
    (|g| g.running, Role::StepRunning, "Runs."),
    (|g| g.to_come, Role::Dim, "To come."),
    (|g| g.gate, Role::StepGate, "A gate: a person decides."),
    (|g| g.no_return, Role::Normal, "The point of no return."),
];
