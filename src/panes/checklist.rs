//! Where we are: the phase that runs, whole, then the next phases folded to what there is room for.

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::theme::Role;

use super::figures::{Part, Slots};
use super::row::{Words, words};
use super::scene::Scene;
use super::step;
use super::view::Selection;

/// Which part is shown whole, and where its window is.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The first step of it that is seen.
    top: usize,
    /// The step that a person has selected; without one the view goes with the run.
    pub(super) chosen: Option<usize>,
}

impl View {
    /// The part that is shown whole, and the place in it that has to be seen.
    pub(super) fn shown(&self, scene: &Scene<'_>) -> (usize, usize) {
        let figures = scene.figures;
        let of = |slot: usize| {
            figures.parts.iter().enumerate().rev().find_map(|(i, part)| Some((i, part.slots.place(slot)?)))
        };
        self.chosen.and_then(of).unwrap_or_else(|| {
            let place = figures.front.and_then(|slot| figures.parts.get(figures.current)?.slots.place(slot));
            (figures.current, place.unwrap_or(0))
        })
    }
}

/// How much of a part is done: `2 of 10 steps`.
pub(super) fn note(part: &Part) -> Words<'static> {
    words(Role::Dim, format::of_counted(part.done, part.slots.len(), "step", "steps"))
}

/// Draws the part that runs and what comes after it; returns the row below the last.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    scene: &Scene<'_>,
    area: Rect,
    view: &mut View,
    selection: Selection<'_>,
) -> u16 {
    let (shown, place) = view.shown(scene);
    let Some(part) = scene.figures.parts.get(shown) else { return area.y };
    canvas.head(area, &part.title, &note(part).0, selection.focused);
    let columns = step::Columns::new(area);
    let room = area.height.saturating_sub(1);
    let mut y = area.y + 1;
    let bottom = area.bottom();
    let len = part.slots.len();
    let mut seen = window(scene, part, columns, &mut view.top, place, room);
    let all = seen == (0..len);
    if !all {
        // The last row says what is left out.
        seen = window(scene, part, columns, &mut view.top, place, room.saturating_sub(1));
    }
    let end = if all { bottom } else { bottom.saturating_sub(1) };
    for at in seen.clone() {
        let Some(slot) = part.slots.get(at) else { break };
        for row in step::rows(scene, slot, columns) {
            if y >= end {
                break;
            }
            selection.draw(canvas, area, y, &row);
            y += 1;
        }
    }
    if !all {
        let text = match (seen.start, len - seen.end) {
            (0, after) => format!("{after} more"),
            (before, 0) => format!("{before} before these"),
            (before, after) => format!("{before} before these, {after} more"),
        };
        left_out(canvas, area, y, &text);
        y += 1;
    }
    for (at, next) in scene.figures.parts.iter().enumerate().skip(shown + 1) {
        let left = bottom.saturating_sub(y);
        if left < 2 {
            if left > 0 {
                let phases = (scene.figures.parts.len() - at) as u64;
                left_out(canvas, area, y, &format::counted(phases, "more phase", "more phases"));
                y += 1;
            }
            break;
        }
        y += 1;
        let head = Rect { y, height: 1, ..area };
        canvas.head(head, &next.title, &note(next).0, false);
        y += 1;
        let room = usize::from(bottom.saturating_sub(y));
        let all = next.slots.len() <= room;
        let slots = folded(scene, next, if all { room } else { room.saturating_sub(1) });
        let hidden = next.slots.len().saturating_sub(slots.len());
        for slot in slots {
            for row in step::rows(scene, slot, columns).into_iter().take(1) {
                selection.draw(canvas, area, y, &row);
                y += 1;
            }
        }
        if hidden > 0 && y < bottom {
            left_out(canvas, area, y, &format!("{hidden} more"));
            y += 1;
        }
    }
    y
}

/// Says that there is more than there is room for.
fn left_out(canvas: &mut Canvas<'_>, area: Rect, y: u16, what: &str) {
    let text = format!("{} {what}", canvas.glyphs().ellipsis);
    canvas.text(area.x + 4, y, area.width.saturating_sub(4), text, Role::Dim);
}

/// The places of a part that are seen. `top` moves no further than what is looked at takes it; a few steps stay
/// in view on both sides of that. What steps say below their titles takes rows too, and there are a hundred
/// thousand steps in some plans: only those near the window are asked.
fn window(
    scene: &Scene<'_>,
    part: &Part,
    columns: step::Columns,
    top: &mut usize,
    place: usize,
    room: u16,
) -> std::ops::Range<usize> {
    let (room, len) = (usize::from(room), part.slots.len());
    let rows = |at: usize| match part.slots.get(at) {
        Some(slot) if scene.figures.telling.binary_search(&slot).is_ok() => {
            step::rows(scene, slot, columns).len()
        }
        Some(_) => 1,
        None => 0,
    };
    let context = (room / 5).min(4);
    let last = (place + context).min(len.saturating_sub(1));
    *top = (*top).clamp(last.saturating_sub(room), place.saturating_sub(context));
    let mut used: usize = (*top..=last).map(rows).sum();
    while used > room && *top < place {
        used -= rows(*top);
        *top += 1;
    }
    let mut end = last + 1;
    while end < len && used < room {
        used += rows(end);
        end += 1;
    }
    // What is free below is used above.
    while *top > 0 && used + rows(*top - 1) <= room {
        *top -= 1;
        used += rows(*top);
    }
    *top..end
}

/// Which steps of a part that is folded take its few rows: gates first, then from its beginning.
fn folded(scene: &Scene<'_>, part: &Part, rows: usize) -> Vec<usize> {
    let Slots::Range(from, to) = part.slots else { return Vec::new() };
    let mut chosen: Vec<usize> = (from..to)
        .take(1_000)
        .filter(|&slot| scene.plan.at_slot(slot).is_some_and(|s| s.gate().is_some() || s.point_of_no_return))
        .take(rows)
        .collect();
    let mut rest =
        (from..to).filter(|slot| !chosen.contains(slot)).take(rows - chosen.len().min(rows)).collect();
    chosen.append(&mut rest);
    chosen.sort_unstable();
    chosen
}
