//! The keys of the very screen that was open, from the one table.

use ratatui::layout::Rect;

use crate::ui::actions::Context;
use crate::ui::canvas::Canvas;
use crate::ui::keymap::Keymap;
use crate::ui::theme::Role;
use crate::ui::widgets::Scroll;

use super::row::{Words, words, wrap};
use super::usable::is_for_the_driver;

/// Columns before what a key or a sign means.
const LABEL: u16 = 18;
/// A sentence is broken into at most so many lines.
const LINES: usize = 4;

/// The help while it is open.
#[derive(Debug)]
pub(super) struct Help {
    /// Whose keys are shown.
    of: Context,
    pub(super) scroll: Scroll,
}

impl Help {
    pub(super) fn new(of: Context) -> Help {
        Help { of, scroll: Scroll::default() }
    }

    /// Draws the keys, then the signs. Whoever only watches is not told of keys that mean nothing to them.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, keys: &Keymap, drives: bool) {
        canvas.clear(Rect { width: area.width + 1, ..area });
        let room = area.width.saturating_sub(LABEL + 2);
        let mut lines: Vec<(String, Role, Words<'static>)> = Vec::new();
        let mut add = |label: &str, role: Role, what: &'static str| {
            let mut label = label.to_owned();
            for line in wrap(&words(Role::Normal, what).0, room, LINES) {
                lines.push((std::mem::take(&mut label), role, line));
            }
        };
        for (key, what) in keys.help(self.of, |action| drives || !is_for_the_driver(action)) {
            add(&key, Role::KeyName, what);
        }
        add("", Role::Normal, "");
        add("Signs", Role::Title, "");
        for (sign, role, what) in &SIGNS {
            add(sign(canvas.glyphs()), *role, what);
        }
        let seen = self.scroll.window(lines.len(), area.height.saturating_sub(1).into());
        let mut note = words(Role::Dim, self.of.name());
        if let Some(position) = self.scroll.position() {
            note.push(Role::Dim, format!("   {position}"));
        }
        canvas.head(area, "Help", &note.0, true);
        for (y, (label, role, what)) in (area.y + 1..area.bottom()).zip(lines.iter().skip(seen.start)) {
            if *role == Role::Title {
                canvas.text(area.x + 2, y, room, label.as_str(), *role);
            } else {
                canvas.text_right(area.x + LABEL - 2, y, LABEL - 4, label.as_str(), *role);
            }
            canvas.line(area.x + LABEL, y, room, &what.0);
        }
    }
}

type Sign = (fn(&crate::ui::glyphs::Glyphs) -> &'static str, Role, &'static str);

/// What the signs in the first column mean.
const SIGNS: [Sign; 8] = [
    (|g| g.alarm, Role::Warning, "Wrong: an alarm, a breach, a step that failed or is no longer true."),
    (|g| g.unknown, Role::Caution, "Unknown or stale: nobody has measured it, or too long ago."),
    (|g| g.waived, Role::Caution, "Waived: somebody goes on in spite of exactly this."),
    (|g| g.proved, Role::Proved, "Good: done, or proved; beside an alarm, that it is over."),
    (|g| g.running, Role::StepRunning, "Runs."),
    (|g| g.to_come, Role::Dim, "To come."),
    (|g| g.gate, Role::StepGate, "A gate: a person decides."),
    (|g| g.no_return, Role::Normal, "The point of no return."),
];
