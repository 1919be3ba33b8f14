//! The main screen: where we are at the left, why we may or may not go on at the right, what happened below.

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::layout::{self, Body, Want};
use crate::ui::theme::Role;

use super::item::Item;
use super::row::Words;
use super::scene::Scene;
use super::section::{Gathered, PANES, PaneId, brief_line};
use super::view::Main;
use super::{checklist, journal, timeline, views, wayback};

/// Rows of *way back* with the free row above it.
const WAY_BACK: u16 = 4;

/// Draws the body of the main screen. `gate` covers the left column, which is then left out.
pub(super) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, body: Body, view: &mut Main, covered: bool) {
    view.focus.forget_rows();
    match body {
        Body::One { summary, left } => {
            if covered {
                return;
            }
            briefs(canvas, scene, summary, view);
            checklist::draw(
                canvas,
                scene,
                left,
                &mut view.checklist,
                view.focus.selection(PaneId::Checklist),
            );
        }
        Body::Two { left, right, journal: below } => {
            if !covered {
                left_column(canvas, scene, left, view);
            }
            right_column(canvas, scene, right, view);
            last_lines(canvas, scene, below, view);
        }
        Body::Three { left, right, charts, timeline, journal: below } => {
            if !covered {
                left_column(canvas, scene, left, view);
            }
            right_column(canvas, scene, right, view);
            courses(canvas, scene, charts);
            timeline::draw(canvas, scene, timeline);
            last_lines(canvas, scene, below, view);
        }
    }
}

fn left_column(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, view: &mut Main) {
    let steps = Rect { height: area.height.saturating_sub(WAY_BACK), ..area };
    let selection = view.focus.selection(PaneId::Checklist);
    let used = checklist::draw(canvas, scene, steps, &mut view.checklist, selection);
    // It stands below what it is the way back from.
    let y = used + 1;
    canvas.head(Rect { y, height: 1, ..area }, "Way back", &wayback::note(scene).0, false);
    for (y, row) in (y + 1..area.bottom()).zip(wayback::rows(scene, area)) {
        row.draw(canvas, y);
    }
}

fn right_column(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, view: &Main) {
    let gathered: Vec<Gathered<'_>> = PANES.iter().map(|pane| pane.gather(scene)).collect();
    let mut wants: Vec<Want> = gathered.iter().map(|g| g.wants(scene)).collect();
    // None of them ever has to go: with one line each still says its worst.
    let gaps = u16::try_from(wants.len().saturating_sub(1)).unwrap_or(0);
    while wants.iter().map(|want| want.least).sum::<u16>() + gaps > area.height {
        match wants.iter_mut().max_by_key(|want| want.least).filter(|want| want.least > 2) {
            Some(largest) => largest.least -= 1,
            None => break,
        }
    }
    for ((pane, g), place) in PANES.iter().zip(&gathered).zip(layout::stack(area, &wants)) {
        pane.draw(canvas, scene, g, place, view.focus.selection(pane.id));
    }
}

/// The course of every link that counts, as high as there is room.
fn courses(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect) {
    let links: Vec<Item> = PANES
        .iter()
        .filter(|pane| pane.id == PaneId::Replication)
        .flat_map(|pane| pane.gather(scene).lines)
        .map(|line| line.item())
        .collect();
    let wants = vec![Want { least: 3, all: 9 }; links.len()];
    for (link, place) in links.iter().zip(layout::stack(area, &wants)) {
        views::course(canvas, scene, place, Some(link));
    }
}

/// One line a pane; what is well may go where there are fewer rows than panes.
fn briefs(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, view: &Main) {
    let mut y = area.y;
    // While Environment has a line, the free row below gives way.
    let bottom = area.bottom() + u16::from(environment_calls(scene));
    for pane in &PANES {
        let g = pane.gather(scene);
        // Environment has a line only while something in it calls.
        if pane.id == PaneId::Environment && g.lines.is_empty() {
            continue;
        }
        if y >= bottom {
            return;
        }
        pane.draw_brief(canvas, scene, &g, Rect { y, height: 1, ..area }, view.focus.selection(pane.id));
        y += 1;
    }
    if y < bottom {
        let (call, text) = wayback::brief(scene);
        let sign = if call > super::standing::Call::None { scene.glyphs.unknown } else { "" };
        brief_line(canvas, Rect { y, height: 1, ..area }, "Way back", (sign, call), &text, &Words::none());
    }
}

fn environment_calls(scene: &Scene<'_>) -> bool {
    PANES.iter().any(|pane| pane.id == PaneId::Environment && !pane.gather(scene).lines.is_empty())
}

fn last_lines(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, view: &Main) {
    let selection = view.focus.selection(PaneId::Journal);
    canvas.head(area, "Journal", &journal::note(scene).0, selection.focused);
    let room = usize::from(area.height.saturating_sub(1));
    let rows = journal::last(scene, area, room);
    if rows.is_empty() {
        canvas.text(area.x + 2, area.y + 1, area.width - 2, "nothing has happened yet", Role::Dim);
    }
    for (y, row) in (area.y + 1..area.bottom()).zip(&rows) {
        selection.draw(canvas, area, y, row);
    }
}
