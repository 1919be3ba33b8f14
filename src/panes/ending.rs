//! The last screen: how it ended, and what was measured on the way.

use std::time::Duration;

use ratatui::layout::Rect;

use crate::engine::event::{Decision, Event};
use crate::engine::state::Stage;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::theme::Role;

use super::gate::wrap;
use super::row::{Words, words};
use super::scene::Scene;
use super::timeline;
use super::words::ending_in_words;

/// Columns of a label before its figure.
const LABEL: usize = 22;

/// Draws what was measured; `extra` is what the caller knows beside it.
pub(super) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, extra: &[(String, String)]) {
    let ending = match scene.state.stage {
        Stage::Over(ending) => ending_in_words(ending),
        Stage::Forward | Stage::Back(_) | Stage::Aborting => "not over yet",
    };
    let began = scene.state.started.map_or_else(String::new, |at| scene.hour_minute(at));
    let note = words(Role::Dim, format!("{began} to {}", scene.hour_minute(scene.end())));
    canvas.head(area, &format!("The run is {ending}"), &note.0, true);
    let mut y = area.y + 2;
    let width = area.width.saturating_sub(3);
    let mut put = |canvas: &mut Canvas<'_>, line: &Words<'_>| {
        for part in wrap(&line.0, width, 2) {
            if y < area.bottom() {
                canvas.line(area.x + 2, y, width, &part.0);
            }
            y += 1;
        }
    };
    for line in measured(scene) {
        put(canvas, &line);
    }
    for (label, text) in extra {
        put(canvas, &words(Role::Normal, format!("{label:<LABEL$}")).and(Role::Bright, text.as_str()));
    }
    if y + 3 < area.bottom() {
        y += 1;
        canvas.head(Rect { y, height: 1, ..area }, "Planned and actual", &[], false);
        let longest = timeline::longest(scene);
        for part in scene.figures.parts.iter().filter(|part| part.started.is_some()) {
            y += 1;
            if y < area.bottom() {
                timeline::phase_row(scene, part, Rect { y, height: 1, ..area }, longest.phase)
                    .draw(canvas, y);
            }
        }
    }
}

fn measured<'a>(scene: &Scene<'a>) -> Vec<Words<'a>> {
    let label = |label: &str| words(Role::Normal, format!("{label:<LABEL$}"));
    let mut lines = Vec::new();
    let totals = scene.state.outages.iter().fold((Duration::ZERO, Duration::ZERO), |(all, human), outage| {
        (all + outage.to.unwrap_or(scene.end()).since(outage.from), human + outage.human)
    });
    let (all, human) = totals;
    if scene.state.outages.is_empty() {
        lines.push(label("users read-only").and(Role::Bright, "never"));
    } else {
        let late = scene.figures.clocks.budget.is_some_and(|budget| all > budget);
        let role = if late { Role::Caution } else { Role::Bright };
        let mut line = label("users read-only").and(role, format::span(all));
        if let Some(budget) = scene.figures.clocks.budget {
            line.push(Role::Dim, format!(" of {}", format::clock(budget)));
        }
        lines.push(line);
        let machine = all.saturating_sub(human);
        lines.push(label("  by machines").and(Role::Figure, format::span(machine)));
        lines.push(label("  by people").and(Role::Figure, format::span(human)));
    }
    let mut counts = Counts::default();
    for event in scene.journal.iter().flat_map(|record| &record.events) {
        counts.take(event);
    }
    lines.push(label("decisions").and(Role::Figure, format!("{} GO, {} NO-GO", counts.go, counts.no_go)));
    lines.push(label("waived").and(Role::Figure, format::counted(counts.waived, "finding", "findings")));
    lines.push(label("alarms").and(Role::Figure, counts.alarms.to_string()));
    lines.push(label("held").and(Role::Figure, format::counted(counts.holds, "time", "times")));
    if let Some(fallback) = &scene.plan.fallback {
        lines.push(label("from here on").and(Role::Normal, fallback.as_str()));
    }
    lines
}

#[derive(Default)]
struct Counts {
    go: u64,
    no_go: u64,
    waived: u64,
    alarms: u64,
    holds: u64,
}

impl Counts {
    fn take(&mut self, event: &Event) {
        match event {
            Event::GateDecided { decision: Decision::Go, .. } => self.go += 1,
            Event::GateDecided { decision: Decision::NoGo, .. } => self.no_go += 1,
            Event::Waived { .. } => self.waived += 1,
            Event::AlarmRaised { .. } => self.alarms += 1,
            Event::Held { .. } => self.holds += 1,
            _ => {}
        }
    }
}
