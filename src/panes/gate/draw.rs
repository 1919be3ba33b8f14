//! The box: what is true after this, how the way back looks then, the evidence, what is missing, the entry.

use ratatui::layout::Rect;

use crate::engine::reading::Verdict;
use crate::engine::rules::evidence::Evidence;
use crate::engine::rules::gates::{self, Entry as Wants};
use crate::engine::rules::span;
use crate::engine::rules::wayback::Cost;
use crate::engine::state::ROLLBACK_GATE;
use crate::plan::model::{Probe, ProbeKind};
use crate::plan::{ProbeId, StepId};
use crate::ui::actions::Action;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::layout::SMALLEST;
use crate::ui::theme::Role;

use super::{Asked, Desk, sheet};
use crate::panes::row::{Words, words, wrap};
use crate::panes::scene::Scene;
use crate::panes::standing::never_mends;
use crate::panes::words::grouped;

/// The smallest screen on which a GO can be said: what it rests on must be readable.
pub(in crate::panes) const GO_NEEDS: (u16, u16) = (80, 24);

/// Columns of a label before its text.
const LABEL: u16 = 12;

/// Draws the gate that is open.
pub(in crate::panes) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, desk: &mut Desk) {
    let Desk { asked: Some(asked), list, unfolded, entry, notice, .. } = desk else { return };
    if asked.code.is_some() {
        asked.code_since.get_or_insert(scene.now.real);
    }
    let screen = canvas.area();
    let size = (screen.width, screen.height);
    let (width, gap) = (area.width.saturating_sub(4), u16::from(area.height >= 21));
    let evidence = &scene.figures.evidence;
    let facts: Vec<(&str, Vec<Words<'_>>)> = facts(scene, &asked.gate)
        .into_iter()
        .map(|(label, text)| (label, wrap(&text.0, width.saturating_sub(LABEL), 2)))
        .collect();
    let below = below(scene, asked, evidence, entry.as_ref(), notice.as_deref(), size, width);
    let below_height = u16::try_from(below.len()).unwrap_or(3) + 1;
    let rows = sheet::rows(scene, evidence, unfolded);
    // Beside the gauges the box is as high as what is in it; across the screen there is nothing beside it.
    let across = area.width == screen.width;
    let facts_height: usize = facts.iter().map(|(_, lines)| lines.len()).sum();
    let needs = u16::try_from(facts_height + rows.len()).unwrap_or(u16::MAX);
    let needs = needs.saturating_add(2 * gap + 1 + below_height + 3);
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

/// What is missing, what the gate has to say, and the entry.
fn below<'a>(
    scene: &Scene<'a>,
    asked: &Asked,
    evidence: &[Evidence],
    entry: Option<&super::Entry>,
    notice: Option<&str>,
    screen: (u16, u16),
    width: u16,
) -> Vec<Words<'a>> {
    let mut lines = wrap(&missing(scene, &asked.gate, evidence).0, width, 3);
    if let Some(notice) = notice {
        lines.extend(wrap(&words(Role::Caution, notice.to_owned()).0, width, 2));
    }
    if !scene.drives {
        let who = scene.state.operator.as_ref().map_or("nobody drives", |o| o.name.as_str());
        lines.push(words(Role::Dim, format!("{who}: the decision is at their keys")));
        return lines;
    }
    lines.push(call_for(scene, asked, evidence, screen, entry.is_some()));
    if entry.is_some() {
        lines.push(words(Role::Go, "GO"));
    }
    lines
}

fn missing<'a>(scene: &Scene<'_>, gate: &StepId, evidence: &[Evidence]) -> Words<'a> {
    let (alarms, rest): (Vec<&Evidence>, Vec<&Evidence>) =
        evidence.iter().filter(|e| !e.passes()).partition(|e| e.id.starts_with("alarm:"));
    let mut what: Vec<String> = rest
        .iter()
        .map(|e| {
            if e.id.starts_with("step:") {
                return format!("{} is {}", e.title, e.text);
            }
            let probe = scene.plan.probe(&ProbeId::from(e.id.as_str()));
            let stays = scene.drives && probe.is_some_and(|probe| never_mends(probe, e));
            let waive = scene.key_at_gate(Action::Waive).plain();
            let way_on = if stays { format!(" ({waive} waive)") } else { String::new() };
            format!("{} is {}{way_on}", e.title, state_of(e.verdict))
        })
        .collect();
    let answer = scene.key_at_gate(Action::Answer).plain();
    let answer =
        if scene.drives && !answer.is_empty() { format!(" ({answer} answer)") } else { String::new() };
    match alarms.len() {
        0 => {}
        1 => what.push(format!("an alarm is not answered{answer}")),
        many => what.push(format!("{many} alarms are not answered{answer}")),
    }
    // The way back may be ordered while the run is held.
    if let Some(hold) = scene.state.hold.as_ref().filter(|_| gate.as_str() != ROLLBACK_GATE) {
        let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let on = scene.key_at_gate(Action::Resume).plain();
        let on = if scene.drives && !on.is_empty() { format!(" ({on} go on)") } else { String::new() };
        what.push(format!("the run is held{by}{on}"));
    }
    if what.is_empty() {
        let waived = evidence.iter().filter(|e| e.waived.is_some()).count();
        return if waived == 0 {
            words(Role::Proved, "All of it holds.")
        } else {
            words(Role::Proved, "All the rest holds.").and(Role::Caution, format!(" {waived} waived."))
        };
    }
    words(Role::Caution, "Not yet: ").and(Role::Caution, what.join(", "))
}

fn state_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail => "not well",
        Verdict::Stale => "stale",
        Verdict::Unknown => "unknown",
    }
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
    let Some(code) = &asked.code else {
        let what = if asked.requested {
            "the code is on its way"
        } else {
            "its code comes when the last row has been seen"
        };
        return go().and(Role::Dim, what);
    };
    let held = scene.state.hold.is_some() && asked.gate.as_str() != ROLLBACK_GATE;
    let ready = evidence.iter().all(Evidence::passes) && !held;
    // Nothing that stands out invites to type what cannot be said yet.
    let (role, plain) = if ready { (Role::GateCode, Role::Normal) } else { (Role::Dim, Role::Dim) };
    let mut line = match (ready, field_open) {
        (true, true) => words(plain, "type "),
        (true, false) => scene.key_at_gate(Action::Go).and(plain, " then "),
        (false, true) => words(plain, "shut; type "),
        (false, false) => words(plain, format!("shut; {} then ", scene.key_at_gate(Action::Go).plain())),
    };
    if gates::entry(scene.plan, &asked.gate) == Wants::WordAndCode {
        line = line.and(role, scene.plan.target.clone()).and(plain, " ");
        let waived = waivers(evidence);
        if waived > 0 {
            line = line.and(role, waived.to_string()).and(plain, " ");
        }
    }
    line = line.and(role, code.text.clone());
    let arms = code.arms_in.saturating_sub(scene.now.real.since(asked.code_since.unwrap_or(scene.now.real)));
    match (ready, arms.is_zero()) {
        (false, _) => line.and(Role::Dim, ": opens when all is ready"),
        (true, false) => line.and(Role::Dim, format!("  arms in {}", format::span(arms))),
        (true, true) => line.and(Role::Dim, if field_open { "  then enter" } else { "  to say GO" }),
    }
}

/// How many findings are waived on the sheet.
pub(in crate::panes) fn waivers(evidence: &[Evidence]) -> u32 {
    u32::try_from(evidence.iter().filter(|e| e.waived.is_some()).count()).unwrap_or(u32::MAX)
}
