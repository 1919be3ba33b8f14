//! The box: what is true after this, how the way back looks then, the evidence, what is missing, the entry.

use ratatui::layout::Rect;

use crate::engine::reading::Verdict;
use crate::engine::rules::evidence::Evidence;
use crate::engine::rules::gates::{self, Entry as Wants};
use crate::engine::rules::span;
use crate::engine::rules::wayback::Cost;
use crate::engine::state::ROLLBACK_GATE;
use crate::plan::StepId;
use crate::plan::model::{Probe, ProbeKind};
use crate::ui::actions::Action;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::layout::SMALLEST;
use crate::ui::theme::Role;

use super::{Asked, Desk, missing, sheet};
use crate::panes::row::{Words, words, wrap};
use crate::panes::scene::Scene;
use crate::panes::words::grouped;

/// The smallest screen on which a GO can be said: what it rests on must be readable.
pub(in crate::panes) const GO_NEEDS: (u16, u16) = (80, 24);

/// So many rows of evidence stay on the screen, however much is missing.
const SEEN: u16 = 3;
/// Columns of a label before its text.
const LABEL: u16 = 12;
/// What is missing takes at most so many rows; the detail of any evidence has all of it.
const LINES: usize = 6;

/// Draws the gate that is open.
pub(in crate::panes) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, desk: &mut Desk) {
    let Desk { asked: Some(asked), list, unfolded, entry, notice, .. } = desk else { return };
    let screen = canvas.area();
    let size = (screen.width, screen.height);
    let (width, gap) = (area.width.saturating_sub(4), u16::from(area.height >= 21));
    let evidence = &scene.figures.evidence;
    let facts: Vec<(&str, Vec<Words<'_>>)> = facts(scene, &asked.gate)
        .into_iter()
        .map(|(label, text)| (label, wrap(&text.0, width.saturating_sub(LABEL), 2)))
        .collect();
    let rows = sheet::rows(scene, evidence, unfolded);
    asked.ready = missing::is_ready(scene, &asked.gate, evidence);
    if asked.code.is_some() && asked.ready {
        asked.code_since.get_or_insert(scene.now.real);
    }
    // Beside the gauges the box is as high as what is in it; across the screen there is nothing beside it.
    let across = area.width == screen.width;
    let facts_height: usize = facts.iter().map(|(_, lines)| lines.len()).sum();
    let facts_height = u16::try_from(facts_height).unwrap_or(u16::MAX);
    let rows_height = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let least = facts_height.saturating_add(2 * gap + 2 + rows_height.min(SEEN) + 2);
    let room = area.height.saturating_sub(least);
    let below = below(scene, asked, evidence, entry.as_ref(), notice.as_deref(), size, width, room);
    let below_height = u16::try_from(below.len()).unwrap_or(3) + 1;
    let needs = facts_height.saturating_add(rows_height).saturating_add(2 * gap + 1 + below_height + 3);
    let area = if across { area } else { Rect { height: area.height.min(needs), ..area } };
    let inner = canvas.frame(area, &title(scene, &asked.gate));
    let mut y = inner.y + gap;
    for (label, lines) in facts {
        canvas.text(inner.x, y, LABEL, label, Role::Dim);
        for line in lines {
            canvas.line(inner.x + LABEL, y, inner.width.saturating_sub(LABEL), &line.0);
            y += 1;
        }
    }
    y += gap;
    let head = Rect { x: inner.x - 1, y, width: inner.width + 1, height: 1 };
    let room = (inner.y + inner.height).saturating_sub(y + 1 + below_height);
    let window = list.window(rows.len(), room.into());
    let position = list.position(rows.len());
    let note = words(Role::Dim, position.map_or_else(String::new, |p| format!("{p}   ")))
        .and(Role::Dim, format!("sheet {}{}  {}", asked.sheet, better(scene, asked), grouped(&asked.digest)));
    canvas.text(inner.x, head.y, 10, "Evidence", Role::Bright);
    canvas.line_right(inner.x + inner.width, head.y, inner.width.saturating_sub(10), &note.0);
    y += 1;

    let columns = sheet::Columns::new(Rect { y, ..inner });
    let selected = list.selected(rows.len());
    let seen_last = window.end >= rows.len();
    for at in window {
        let Some(row) = rows.get(at) else { break };
        let drawn = sheet::draw_row(scene, row, columns, |id| asked.was.get(id).copied());
        drawn.draw(canvas, y);
        if selected == Some(at) && scene.drives {
            canvas.tint(
                Rect { x: inner.x.saturating_sub(1), y, width: inner.width + 2, height: 1 },
                Role::Selection,
            );
        }
        y += 1;
    }
    asked.last_row_drawn |= seen_last && room > 0 && is_large_enough(&asked.gate, size);

    let mut y = (inner.y + inner.height).saturating_sub(below_height - 1).min(y + 1).max(y);
    for line in &below {
        canvas.line(inner.x, y, inner.width, &line.0);
        y += 1;
    }
    if let Some(entry) = entry {
        let at = Rect { x: inner.x + 4, y: y - 1, width: inner.width.saturating_sub(4), height: 1 };
        entry.field().draw(canvas, at, "");
    }
}

/// A sheet that got better keeps its number and has another digest.
fn better(scene: &Scene<'_>, asked: &Asked) -> &'static str {
    let gate = scene.state.gates.get(&asked.gate);
    let was_worse = gate.and_then(|gate| gate.sheet.as_ref()).is_some_and(|sheet| !sheet.earlier.is_empty());
    if was_worse { ", better now" } else { "" }
}

/// Whether all that a GO rests on can be read on a screen of this size. The way back rests on little, and whoever
/// has only a small screen left must be able to order it.
pub(in crate::panes) fn is_large_enough(gate: &StepId, (width, height): (u16, u16)) -> bool {
    let (least_width, least_height) = if gate.as_str() == ROLLBACK_GATE { SMALLEST } else { GO_NEEDS };
    width >= least_width && height >= least_height
}

fn title(scene: &Scene<'_>, gate: &StepId) -> String {
    if gate.as_str() == ROLLBACK_GATE {
        return "GO / NO-GO   Roll back".to_owned();
    }
    format!("GO / NO-GO   {}", scene.plan.step(gate).map_or(gate.as_str(), |step| &step.title))
}

/// What is true after a GO, and how the way back looks then.
fn facts<'a>(scene: &Scene<'a>, gate: &StepId) -> Vec<(&'static str, Words<'a>)> {
    let plan = scene.plan;
    let way = &scene.figures.way_back;
    let takes = |line: Words<'a>, takes: Option<std::time::Duration>| match takes {
        Some(takes) => line.and(Role::Normal, ", about ").and(Role::Figure, format::span(takes)),
        None => line,
    };
    if gate.as_str() == ROLLBACK_GATE {
        let steps = format::counted(way.steps as u64, "step", "steps");
        let how =
            if scene.state.switched.is_some() { "by the rollback phase" } else { "by undoing, last first" };
        let after = words(Role::Bright, format!("users are on {}, and it takes writes", plan.source));
        let line = takes(words(Role::Normal, format!("{steps} {how}")), way.takes);
        return vec![("After this", after), ("How", line), ("Costs", costs(scene, &way.cost))];
    }
    let Some(asked) = plan.step(gate).and_then(|step| step.gate()) else { return Vec::new() };
    let after = match &asked.after {
        Some(after) => words(Role::Bright, after.as_str()),
        None => words(Role::Dim, "the plan does not say"),
    };
    let back = if asked.guards_no_return {
        words(Role::Caution, format!("{} closed: this passes the point of no return", scene.glyphs.no_return))
    } else if asked.guards_switch {
        let reverse = plan.probes.iter().find(|p| matches!(&p.kind, ProbeKind::Link(link) if link.reverse));
        match (&plan.rollback, reverse) {
            (Some(rollback), Some(link)) => takes(by_link(scene, link), Some(rollback.estimate)),
            (Some(rollback), None) => takes(
                words(Role::Caution, "costs what the target takes: no link carries it back"),
                Some(rollback.estimate),
            ),
            (None, _) => words(Role::Caution, "closed: the plan has no rollback phase"),
        }
    } else {
        takes(costs(scene, &way.cost), way.takes)
    };
    vec![("After this", after), ("Way back", back)]
}

/// What the way back by a reverse link will be worth once users have moved: no more than the link is now.
fn by_link<'a>(scene: &Scene<'_>, link: &Probe) -> Words<'a> {
    let verdict = scene.readings.verdict(link, scene.now.boot);
    match verdict {
        Verdict::Stale | Verdict::Unknown if span::in_span(scene.plan, scene.state, link) => {
            words(Role::Caution, format!("unknown: {} is {}", link.title, verdict.word()))
        }
        Verdict::Fail => words(Role::Caution, format!("not lossless now: {} is not well", link.title)),
        Verdict::Pass | Verdict::Stale | Verdict::Unknown => {
            words(Role::Normal, "lossless by the reverse link")
        }
    }
}

fn costs<'a>(scene: &Scene<'_>, cost: &Cost) -> Words<'a> {
    match cost {
        Cost::Free => words(Role::Normal, "free: nothing has moved"),
        Cost::Lossless { .. } => words(Role::Normal, "lossless: every row is carried back"),
        Cost::Rows { behind, .. } => {
            words(Role::Caution, format!("{} are not on the source", format::counted(*behind, "row", "rows")))
        }
        Cost::Everything { since } => words(
            Role::Caution,
            format!(
                "every row that the target took since {}: no link carries it back",
                scene.hour_minute(*since)
            ),
        ),
        Cost::Unknown { because } => words(Role::Caution, format!("unknown: {because}")),
        Cost::Closed { because } => words(Role::Caution, format!("closed: {because}")),
    }
}

/// What is missing, what the gate has to say, and the entry, in so many rows.
#[expect(clippy::too_many_arguments, reason = "everything that stands there")]
fn below<'a>(
    scene: &Scene<'a>,
    asked: &Asked,
    evidence: &[Evidence],
    entry: Option<&super::Entry>,
    notice: Option<&str>,
    screen: (u16, u16),
    width: u16,
    room: u16,
) -> Vec<Words<'a>> {
    let mut said = Vec::new();
    if let Some(notice) = notice {
        said.extend(wrap(&words(Role::Caution, notice.to_owned()).0, width, 2));
    }
    if let Some(lost) = missing::no_contact(scene) {
        return lost.iter().flat_map(|line| wrap(&line.0, width, 2)).collect();
    }
    if scene.drives {
        said.push(call_for(scene, asked, evidence, screen, entry.is_some()));
        if entry.is_some() {
            said.push(words(Role::Go, "GO"));
        }
    } else {
        let who = scene.state.operator.as_ref().map_or("nobody drives", |o| o.name.as_str());
        said.push(words(Role::Dim, format!("{who}: the decision is at their keys")));
    }
    let left = usize::from(room).saturating_sub(said.len()).clamp(1, LINES);
    let mut lines = missing::lines(scene, &asked.gate, evidence, width, left);
    lines.extend(said);
    lines
}

/// What a GO would be, and what keeps it from being said.
fn call_for<'a>(
    scene: &Scene<'_>,
    asked: &Asked,
    evidence: &[Evidence],
    screen: (u16, u16),
    field_open: bool,
) -> Words<'a> {
    let go = || words(Role::Dim, "GO  ");
    if !is_large_enough(&asked.gate, screen) {
        let (width, height) = GO_NEEDS;
        return go().and(
            Role::Caution,
            format!("needs a screen of {width}x{height}, this one is {}x{}", screen.0, screen.1),
        );
    }
    if asked.said {
        return go().and(Role::Bright, "said; the engine is asked");
    }
    if !asked.ready {
        return go().and(Role::Dim, "its code comes when everything holds");
    }
    let Some(code) = &asked.code else {
        let what = if asked.requested {
            "the code is on its way"
        } else {
            "its code comes when the last row has been seen"
        };
        return go().and(Role::Dim, what);
    };
    let (role, plain) = (Role::GateCode, Role::Normal);
    let mut line =
        if field_open { words(plain, "type ") } else { scene.key_at_gate(Action::Go).and(plain, " then ") };
    if gates::entry(scene.plan, &asked.gate) == Wants::WordAndCode {
        line = line.and(role, scene.plan.target.clone()).and(plain, " ");
        let waived = waivers(evidence);
        if waived > 0 {
            line = line.and(role, waived.to_string()).and(plain, " ");
        }
    }
    line = line.and(role, code.text.clone());
    let arms = code.arms_in.saturating_sub(scene.now.real.since(asked.code_since.unwrap_or(scene.now.real)));
    if arms.is_zero() {
        line.and(Role::Dim, if field_open { "  then enter" } else { "  to say GO" })
    } else {
        line.and(Role::Dim, format!("  arms in {}", format::span(arms)))
    }
}

/// How many findings are waived on the sheet.
pub(in crate::panes) fn waivers(evidence: &[Evidence]) -> u32 {
    u32::try_from(evidence.iter().filter(|e| e.waived.is_some()).count()).unwrap_or(u32::MAX)
}
