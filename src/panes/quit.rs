//! What is to become of the run when its operator leaves.

use ratatui::layout::Rect;

use crate::plan::StepId;
use crate::plan::model::StepKind;
use crate::ui::canvas::{Canvas, piece};
use crate::ui::format;
use crate::ui::theme::Role;

use super::row::{Words, words};
use super::scene::Scene;

/// Draws the question and what goes on meanwhile.
pub(super) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect) {
    canvas.clear(Rect { width: area.width + 1, ..area });
    canvas.head(area, "Leave?", &[piece("a run goes on only with an operator", Role::Dim)], true);
    for (y, line) in (area.y + 2..area.bottom()).zip(lines(scene)) {
        canvas.line(area.x + 2, y, area.width.saturating_sub(3), &line.0);
    }
}

fn lines<'a>(scene: &Scene<'a>) -> Vec<Words<'a>> {
    // A gate and a question to a person are open, and run nothing.
    let works = |id: &StepId| {
        let step = scene.plan.step(id);
        step.is_some_and(|step| step.gate().is_none() && !matches!(step.kind, StepKind::Manual { .. }))
    };
    let running = scene.state.running(scene.plan).filter(|(id, _, _)| works(id)).count() as u64;
    let mut lines = vec![words(Role::Title, "Meanwhile")];
    lines.push(match running {
        0 => words(Role::Normal, "nothing new starts"),
        n => words(
            Role::Normal,
            format!("nothing new starts; {} to the end", format::counted(n, "step runs", "steps run")),
        ),
    });
    lines.push(words(Role::Normal, "everything goes on being measured and recorded"));
    if let Some(outage) = scene.figures.clocks.outage {
        lines.push(
            words(Role::Caution, "users stay read-only: ").and(Role::Caution, format::clock(outage)).and(
                Role::Caution,
                scene.figures.clocks.budget.map_or_else(String::new, |b| format!(" of {}", format::clock(b))),
            ),
        );
    }
    if scene.state.open_gate().is_some() {
        lines.push(words(Role::Normal, "the gate stays open; nobody is GO by silence"));
    }
    lines.push(words(Role::Normal, "the T-clock stops, the clock of users does not"));
    lines.push(Words::none());
    lines.push(words(Role::Title, "Coming back"));
    let run = scene.state.run.as_ref().map_or("RUN", |run| run.run.as_str());
    lines.push(words(Role::Normal, "cutover run --resume ").and(Role::Bright, run));
    lines
}
