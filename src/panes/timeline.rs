//! Planned, forecast and actual: how long things should take, and how long they took.
//!
//! A bar is what it took; a line goes on to what was planned; what goes past the plan is amber.

use std::time::Duration;

use ratatui::layout::Rect;

use crate::engine::rules::forecast::Forecast;
use crate::engine::state::StepState;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::layout::{self, Column};
use crate::ui::theme::Role;

use super::figures::Part;
use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::Scene;
use super::words::unknown_because;

/// The longest phase and step, planned or actual: what a full bar is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Longest {
    pub(super) phase: Duration,
    pub(super) step: Duration,
}

pub(super) fn longest(scene: &Scene<'_>) -> Longest {
    let phases =
        scene.figures.parts.iter().map(|part| part.planned.max(took(scene, part).unwrap_or_default()));
    let steps = scene.plan.steps.iter().chain(scene.plan.rollback_steps()).zip(&scene.state.steps);
    let steps =
        steps.map(|(step, at)| step.estimate.unwrap_or_default().max(at.took(scene.now).unwrap_or_default()));
    Longest { phase: phases.max().unwrap_or_default(), step: steps.max().unwrap_or_default() }
}

/// Until when, by what is left.
pub(super) fn note(scene: &Scene<'_>) -> Words<'static> {
    match &scene.figures.forecast {
        Forecast::Finish { at, through } => {
            let via = through.as_ref().map_or_else(String::new, |id| format!(", through {id}"));
            words(Role::Dim, "done about ").and(Role::Figure, scene.hour_minute(*at)).and(Role::Dim, via)
        }
        Forecast::Unknown { because } => {
            words(Role::Caution, format!("finish unknown: {}", unknown_because(scene, because)))
        }
        Forecast::Over => words(Role::Dim, "over"),
    }
}

/// How long a phase has taken, or took.
pub(super) fn took(scene: &Scene<'_>, part: &Part) -> Option<Duration> {
    Some(part.finished.unwrap_or(scene.end()).since(part.started?))
}

/// A phase: when it began, planned, actual, and both as a bar.
pub(super) fn phase_row<'a>(scene: &Scene<'a>, part: &'a Part, place: Rect, longest: Duration) -> Row<'a> {
    let began = part.started.map_or_else(Words::none, |at| words(Role::Dim, scene.time(at)));
    row(
        place,
        1,
        words(Role::Title, part.title.as_str()),
        began,
        part.planned,
        took(scene, part),
        part.finished.is_some(),
        longest,
        scene,
    )
}

/// A step likewise.
pub(super) fn step_row<'a>(scene: &Scene<'a>, slot: usize, place: Rect, longest: Duration) -> Row<'a> {
    let Some((step, at)) = scene.plan.at_slot(slot).zip(scene.state.at_slot(slot)) else { return Row::new() };
    let role = if at.is_settled() { Role::StepDone } else { Role::StepToCome };
    let began = at.started.map_or_else(Words::none, |at| words(Role::Dim, scene.time(at.wall)));
    let over = at.ended.is_some() && at.is_settled();
    row(
        place,
        3,
        words(role, step.title.as_str()),
        began,
        step.estimate.unwrap_or_default(),
        at.took(scene.now).filter(|_| StepState::took(at, scene.now).is_some()),
        over,
        longest,
        scene,
    )
    .of(Item::Step(step.id.clone()))
}

#[expect(clippy::too_many_arguments, reason = "the cells of one row")]
fn row<'a>(
    place: Rect,
    indent: u16,
    title: Words<'a>,
    began: Words<'a>,
    planned: Duration,
    took: Option<Duration>,
    over: bool,
    longest: Duration,
    scene: &Scene<'_>,
) -> Row<'a> {
    let [name, began_at, planned_at, took_at, bar_at] = layout::columns(
        place.x + indent,
        place.width.saturating_sub(indent),
        [
            Column::fixed(if place.width < 100 { 26 } else { 36 } - indent).gap(0),
            Column::fixed(8).optional(),
            Column::fixed(7),
            Column::fixed(7),
            Column::rest(10).gap(2).optional(),
        ],
    );
    let late = took.is_some_and(|took| !planned.is_zero() && took > planned);
    let took_role = match (late, over) {
        (true, false) => Role::Caution,
        (_, true) => Role::Normal,
        (false, false) => Role::Figure,
    };
    let planned_text = if planned.is_zero() { String::new() } else { format::span(planned) };
    Row::new()
        .left(name, title)
        .left(began_at, began)
        .right(planned_at, words(Role::Dim, planned_text))
        .right(took_at, took.map_or_else(Words::none, |took| words(took_role, format::span(took))))
        .left(bar_at, bar(scene, planned, took.unwrap_or_default(), longest, bar_at.width))
}

fn bar(
    scene: &Scene<'_>,
    planned: Duration,
    took: Duration,
    longest: Duration,
    width: u16,
) -> Words<'static> {
    let columns = |time: Duration| {
        if longest.is_zero() || time.is_zero() {
            return 0;
        }
        let columns = time.as_millis() * u128::from(width) / longest.as_millis().max(1);
        usize::try_from(columns).unwrap_or(0).max(1).min(usize::from(width))
    };
    let (planned, took) = (columns(planned), columns(took));
    let full = scene.glyphs.spark.get(3).copied().unwrap_or("#");
    let within = took.min(planned.max(usize::from(planned == 0) * took));
    words(Role::Gauge, full.repeat(within))
        .and(Role::Caution, full.repeat(took - within))
        .and(scene.mode.hairline(), scene.glyphs.hairline.repeat(planned.saturating_sub(took)))
}

/// Draws the phases beside each other's plan, for the corner of a large screen.
pub(super) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect) {
    canvas.head(area, "Timeline", &note(scene).0, false);
    let longest = longest(scene);
    let parts = &scene.figures.parts;
    let room = usize::from(area.height.saturating_sub(1));
    let first = scene.figures.current.saturating_sub(room / 2).min(parts.len().saturating_sub(room));
    for (y, part) in (area.y + 1..area.bottom()).zip(parts.iter().skip(first)) {
        phase_row(scene, part, Rect { y, height: 1, ..area }, longest.phase).draw(canvas, y);
    }
}
