//! The last screen: how it ended, and what was measured on the way.

use std::time::Duration;

use ratatui::layout::Rect;

use crate::engine::event::{Decision, Ending, Event};
use crate::engine::reading::FenceState;
use crate::engine::state::Stage;
use crate::ui::actions::Action;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::theme::Role;
use crate::ui::widgets::Scroll;

use super::figures::Part;
use super::row::{Words, hang, words};
use super::scene::Scene;
use super::timeline;
use super::words::ending_in_words;

/// Columns of a label before its figure.
const LABEL: u16 = 23;

/// The last screen: what the caller knows beside the record, and how far it is scrolled.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) extra: Vec<(String, String)>,
    pub(super) scroll: Scroll,
}

/// A line of the last screen.
enum Line<'a> {
    Words(Words<'a>),
    Head(&'static str),
    Phase(&'a Part),
}

impl Ended {
    /// Draws what was measured.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect) {
        let ending = match scene.state.stage {
            Stage::Over(ending) => ending_in_words(ending),
            Stage::Forward | Stage::Back(_) | Stage::Aborting => "not over yet",
        };
        let width = area.width.saturating_sub(3);
        let lines = lines(scene, &self.extra, width);
        let place = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
        let seen = self.scroll.window(lines.len(), place.height.into());
        let began = scene.state.started.map_or_else(String::new, |at| scene.hour_minute(at));
        let times = format!("{began} to {}", scene.hour_minute(scene.end()));
        // Whoever does not see the end of it is told that there is more.
        let note = match self.scroll.position() {
            Some(position) => {
                words(Role::Dim, format!("{times}   {position}, ")).also(scene.key_in_view(Action::PageDown))
            }
            None => words(Role::Dim, times),
        };
        canvas.head(area, &format!("The run is {ending}"), &note.0, true);
        let longest = timeline::longest(scene);
        for (y, line) in (place.y..place.bottom()).zip(lines.iter().skip(seen.start)) {
            let row = Rect { y, height: 1, ..area };
            match line {
                Line::Words(line) => {
                    canvas.line(area.x + 2, y, width, &line.0);
                }
                Line::Head(title) => canvas.head(row, title, &[], false),
                Line::Phase(part) => {
                    timeline::phase_row(scene, part, row, longest.phase).draw(canvas, y);
                }
            }
        }
    }
}

fn lines<'a>(scene: &Scene<'a>, extra: &'a [(String, String)], width: u16) -> Vec<Line<'a>> {
    let extra = extra.iter().map(|(label, text)| (label.as_str(), words(Role::Bright, text.as_str())));
    let figures = measured(scene).into_iter().chain(extra);
    let mut lines: Vec<Line<'a>> =
        figures.flat_map(|(label, text)| hang(label, LABEL, &text, width, 2)).map(Line::Words).collect();
    lines.push(Line::Words(Words::none()));
    lines.push(Line::Head("Planned and actual"));
    lines.extend(scene.figures.parts.iter().filter(|part| part.started.is_some()).map(Line::Phase));
    lines
}

fn measured<'a>(scene: &Scene<'a>) -> Vec<(&'static str, Words<'a>)> {
    let mut lines = Vec::new();
    let totals = scene.state.outages.iter().fold((Duration::ZERO, Duration::ZERO), |(all, human), outage| {
        (all + outage.to.unwrap_or(scene.end()).since(outage.from), human + outage.human)
    });
    let (all, human) = totals;
    if scene.state.outages.is_empty() {
        lines.push(("users read-only", words(Role::Bright, "never")));
    } else {
        let late = scene.figures.clocks.budget.is_some_and(|budget| all > budget);
        let role = if late { Role::Caution } else { Role::Bright };
        let mut line = words(role, format::span(all));
        if let Some(budget) = scene.figures.clocks.budget {
            line.push(Role::Dim, format!(" of {}", format::clock(budget)));
        }
        lines.push(("users read-only", line));
        let machine = all.saturating_sub(human);
        lines.push(("  by machines", words(Role::Figure, format::span(machine))));
        lines.push(("  by people", words(Role::Figure, format::span(human))));
    }
    let mut counts = Counts::default();
    for event in scene.journal.iter().flat_map(|record| &record.events) {
        counts.take(event);
    }
    lines.push(("decisions", words(Role::Figure, format!("{} GO, {} NO-GO", counts.go, counts.no_go))));
    lines.push(("waived", words(Role::Figure, format::counted(counts.waived, "finding", "findings"))));
    lines.push(("alarms", words(Role::Figure, counts.alarms.to_string())));
    lines.push(("held", words(Role::Figure, format::counted(counts.holds, "time", "times"))));
    lines.push(("from here on", users(scene)));
    lines.extend(sides(scene).map(|side| ("", side)));
    lines
}

/// Where users are now, and whether there is a way back. The plan's own words about falling back were about a run
/// that went on.
pub(super) fn users<'a>(scene: &Scene<'a>) -> Words<'a> {
    let (source, target) = (&scene.plan.source, &scene.plan.target);
    let text = match scene.state.stage {
        Stage::Over(Ending::Done) if scene.state.switched.is_some() => {
            format!("users are on {target}; the way back of this run is closed")
        }
        Stage::Over(Ending::Done) => "users are where they were: no step of this plan moves them".to_owned(),
        Stage::Over(Ending::RolledBack) => format!("users are on {source}; what was done is taken back"),
        Stage::Over(Ending::Aborted) => {
            format!(
                "users are on {source}; what was fenced or frozen is lifted, and nothing else is taken back"
            )
        }
        Stage::Forward | Stage::Back(_) | Stage::Aborting => return Words::none(),
    };
    words(Role::Normal, text)
}

/// What each side takes now, where the run has ever changed that.
fn sides<'a>(scene: &Scene<'a>) -> impl Iterator<Item = Words<'a>> {
    scene.state.sides.iter().map(|(id, side)| {
        let what = match side.state {
            FenceState::Open => "takes writes",
            FenceState::Fenced => "is fenced: new sessions cannot write",
            FenceState::Sealed => "is sealed: nobody can write",
        };
        words(Role::Normal, format!("{id} {what}, since {}", scene.hour_minute(side.since)))
    })
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
