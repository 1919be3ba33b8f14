//! The last line: only the keys that work here and now, and the journal's end with a dot that beats.

use ratatui::layout::Rect;

use crate::ui::actions::{Action, Context};
use crate::ui::canvas::Canvas;
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
    let mut x = area.x + 1;
    for (key, label) in scene.keys.footer(context, usable) {
        let words = words(Role::KeyName, key).and(Role::KeyLabel, " ").and(Role::KeyLabel, label);
        if x + words.width() > area.x + room {
            break;
        }
        x += canvas.line(x, area.y, words.width(), &words.0) + 2;
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
