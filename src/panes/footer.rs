//! The last line: only the keys that work here and now, and the journal's end with a dot that beats.

use ratatui::layout::Rect;

use crate::ui::actions::{Action, Context};
use crate::ui::canvas::Canvas;
use crate::ui::keymap::Hint;
use crate::ui::theme::Role;

use super::feed::Pulse;
use super::row::{Words, words};
use super::scene::Scene;
use super::words::short;

/// Draws keys and beat.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    scene: &Scene<'_>,
    area: Rect,
    context: Context,
    usable: impl Fn(Action) -> bool,
) {
    let beat = beat(scene);
    let end = area.x + area.width.saturating_sub(1);
    canvas.line_right(end, area.y, beat.width(), &beat.0);
    let room = end.saturating_sub(beat.width() + 3 + area.x);
    keys(canvas, scene.keys.footer(context, usable), Rect { width: room, ..area });
}

/// What gives way first where there is no room for all keys; the help, which lists them, goes last.
const FIRST_TO_GO: [Action; 5] =
    [Action::Find, Action::Open, Action::ViewCockpit, Action::Command, Action::Gate];

/// Draws keys and their words, as many as there is room for.
pub(super) fn keys(canvas: &mut Canvas<'_>, mut hints: Vec<Hint>, area: Rect) {
    let piece = |hint: &Hint| {
        words(Role::KeyName, hint.key.clone()).and(Role::KeyLabel, " ").and(Role::KeyLabel, hint.label)
    };
    let fits =
        |hints: &[Hint]| hints.iter().map(|hint| piece(hint).width() + 2).sum::<u16>() <= area.width + 1;
    while !fits(&hints) {
        let spare = FIRST_TO_GO.iter().find_map(|a| hints.iter().position(|hint| hint.action == *a));
        let last = || hints.iter().rposition(|hint| !matches!(hint.action, Action::Help | Action::Back));
        match spare.or_else(last) {
            Some(at) => hints.remove(at),
            None => break,
        };
    }
    let mut x = area.x + 1;
    for hint in &hints {
        x += canvas.line(x, area.y, area.right().saturating_sub(x), &piece(hint).0) + 2;
    }
}

/// `#1842 9f3ac1 ●`: the run is alive and recorded.
fn beat(scene: &Scene<'_>) -> Words<'static> {
    if scene.state.seq == 0 {
        return Words::none();
    }
    let hash: String = short(&scene.feed.hash).chars().take(6).collect();
    let line = words(Role::Dim, format!("#{} {hash} ", scene.state.seq));
    if scene.state.is_over() {
        return line.and(Role::Dim, scene.glyphs.beat);
    }
    match scene.feed.contact.pulse(scene.now) {
        Pulse::Fresh => line.and(Role::Beat, scene.glyphs.beat),
        Pulse::Stale(_) | Pulse::None(_) => line.and(Role::Warning, scene.glyphs.unknown),
    }
}
