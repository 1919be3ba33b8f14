//! One step as rows: its title with who, how long and how long it took; below it what it waits for and what
//! would end that, where there is something to say.

use std::borrow::Cow;
use std::time::Duration;

use ratatui::layout::Rect;

use crate::engine::refusal::Refusal;
use crate::engine::rules::{people, steps};
use crate::engine::state::{Stage, Status, StepState, UndoStatus};
use crate::plan::model::{Start, Step, StepKind, Undo};
use crate::ui::actions::Action;
use crate::ui::format;
use crate::ui::layout::{self, Column, Slot};
use crate::ui::theme::Role;

use super::differing;
use super::item::Item;
use super::row::{Row, Words, slot, words, wrap};
use super::scene::Scene;
use super::waiting;

/// What a step says below its title takes at most so many rows each.
const LINES: usize = 3;

/// Where the cells of a step stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    sign: Slot,
    title: Slot,
    owner: Slot,
    estimate: Slot,
    took: Slot,
    below: Slot,
}

impl Columns {
    pub(super) fn new(area: Rect) -> Columns {
        let [sign, title, owner, estimate, took] = layout::columns(
            area.x,
            area.width,
            [
                Column::fixed(1).gap(2),
                Column::rest(20),
                Column::fixed(7).optional(),
                Column::fixed(5).optional(),
                Column::fixed(7).optional(),
            ],
        );
        let below = slot(title.x, (area.x + area.width).saturating_sub(title.x + 1));
        Columns { sign, title, owner, estimate, took, below }
    }
}

/// A step's title line, then what it has to say.
pub(super) fn rows<'a>(scene: &Scene<'a>, slot: usize, columns: Columns) -> Vec<Row<'a>> {
    let Some((step, at)) = scene.plan.at_slot(slot).zip(scene.state.at_slot(slot)) else {
        return Vec::new();
    };
    let mut rows = vec![title_row(scene, step, at, columns)];
    for said in below(scene, step, at, slot) {
        for line in wrap(&said.0, columns.below.width, LINES) {
            rows.push(Row::new().left(columns.below, line).of(Item::Step(step.id.clone())));
        }
    }
    rows
}

fn title_row<'a>(scene: &Scene<'a>, step: &'a Step, at: &'a StepState, columns: Columns) -> Row<'a> {
    let look = look(scene, step, at);
    let title = match &step.kind {
        StepKind::Gate(_) => words(look.title, "GO / NO-GO  ").and(look.title, step.title.as_str()),
        _ => words(look.title, step.title.as_str()),
    };
    // A gate has no owner and no estimate: its title may stand in their place.
    let free = step.gate().is_some() && step.owner.is_none() && step.estimate.is_none();
    let end =
        if free && columns.estimate.width > 0 { columns.estimate.right() } else { columns.title.right() };
    let title_at = slot(columns.title.x, end - columns.title.x);
    Row::new()
        .left(columns.sign, words(look.sign_role, look.sign))
        .left(title_at, title)
        .left(columns.owner, words(Role::Dim, owner(step)))
        .right(columns.estimate, words(Role::Dim, step.estimate.map_or_else(String::new, format::span)))
        .right(columns.took, took(scene, step, at))
        .of(Item::Step(step.id.clone()))
}

/// Who answers for it.
pub(super) fn owner(step: &Step) -> &str {
    match (&step.owner, &step.kind) {
        (Some(owner), _) => owner,
        (None, StepKind::Manual { .. } | StepKind::Gate(_)) => "",
        (None, _) => "auto",
    }
}

struct Look {
    sign: &'static str,
    sign_role: Role,
    title: Role,
}

fn look(scene: &Scene<'_>, step: &Step, at: &StepState) -> Look {
    let glyphs = scene.glyphs;
    let all_in = |sign, role| Look { sign, sign_role: role, title: role };
    let is = |sign, sign_role, title| Look { sign, sign_role, title };
    let gate = step.gate().is_some();
    match (at.undo, at.status) {
        (UndoStatus::Done, _) => is(glyphs.proved, Role::Dim, Role::StepDone),
        (UndoStatus::Stuck, _) | (UndoStatus::None, Status::Failed) => all_in(glyphs.alarm, Role::Warning),
        (UndoStatus::Unknown, _) | (UndoStatus::None, Status::Unknown) => {
            all_in(glyphs.unknown, Role::Warning)
        }
        (UndoStatus::None, Status::Done) if scene.is_undoing() => all_in(glyphs.to_come, Role::StepToCome),
        (UndoStatus::None, Status::Done) => is(glyphs.proved, Role::Proved, Role::StepDone),
        (UndoStatus::None, Status::Skipped) => is(glyphs.waived, Role::Dim, Role::StepDone),
        (UndoStatus::None, Status::Proving) if at.reopened.is_some() => all_in(glyphs.alarm, Role::Warning),
        (UndoStatus::None, Status::Running | Status::Pending) if gate => all_in(glyphs.gate, Role::StepGate),
        (UndoStatus::Running, _) | (UndoStatus::None, Status::Running | Status::Proving) => {
            all_in(glyphs.running, Role::StepRunning)
        }
        (UndoStatus::None, Status::RetryAt(_)) => is(glyphs.alarm, Role::Caution, Role::StepRunning),
        (UndoStatus::None, Status::Pending) if step.point_of_no_return => {
            is(glyphs.no_return, Role::Normal, Role::StepToCome)
        }
        (UndoStatus::None, Status::Pending) => is(glyphs.to_come, Role::Dim, Role::StepToCome),
    }
}

fn took(scene: &Scene<'_>, step: &Step, at: &StepState) -> Words<'static> {
    let plain = |role, text: &'static str| words(role, text);
    match (at.undo, at.status) {
        (UndoStatus::Done, _) => plain(Role::Dim, "undone"),
        (_, Status::Skipped) => plain(Role::Dim, "skipped"),
        (_, Status::Pending) => Words::none(),
        (UndoStatus::Running, _) | (_, Status::Running | Status::Proving) => {
            let role = if late(scene, step, at).is_some() { Role::Caution } else { Role::Bright };
            at.took(scene.now).map_or_else(Words::none, |t| words(role, format::span(whole(t))))
        }
        _ => at.took(scene.now).map_or_else(Words::none, |t| words(Role::Dim, format::span(t))),
    }
}

/// A clock that runs shows whole seconds.
pub(super) fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// By how much a running step has overrun its estimate; a person who thinks is not late.
pub(super) fn late(scene: &Scene<'_>, step: &Step, at: &StepState) -> Option<Duration> {
    let runs = matches!(at.status, Status::Running | Status::Proving) && at.reopened.is_none();
    if step.gate().is_some() || !runs {
        return None;
    }
    let took = at.took(scene.now)?;
    took.checked_sub(step.estimate?).filter(|over| over.as_secs() > 0)
}

/// What a step has to say below its title.
fn below<'a>(scene: &Scene<'a>, step: &'a Step, at: &'a StepState, slot: usize) -> Vec<Words<'a>> {
    if scene.state.is_over() {
        return Vec::new();
    }
    let mut lines: Vec<Words<'a>> = Vec::new();
    match at.undo {
        UndoStatus::Running => {
            match &step.undo {
                Some(Undo::Manual { ask }) => lines.push(question(scene, step, ask)),
                _ => lines.push(words(Role::Normal, "is being taken back")),
            }
            return lines;
        }
        UndoStatus::Stuck => {
            lines.push(
                words(Role::Warning, "could not be taken back: ").and(Role::Warning, at.detail.as_str()),
            );
            lines.push(hint(scene, Action::Retry, "try again, or settle it from the palette"));
            return lines;
        }
        UndoStatus::Unknown => {
            lines.push(
                words(Role::Warning, "nobody knows whether it was taken back: ")
                    .and(Role::Warning, at.detail.as_str()),
            );
            lines.push(hint(scene, Action::Command, "settle it, once somebody has looked"));
            return lines;
        }
        UndoStatus::Done => return lines,
        UndoStatus::None => {}
    }
    match at.status {
        Status::Running => running(scene, step, at, &mut lines),
        Status::Proving => waiting::proving(scene, step, at, &mut lines),
        Status::Failed => {
            lines.push(words(Role::Warning, "failed: ").and(Role::Warning, at.detail.as_str()));
            match differing::of_step(scene, step) {
                Some(probe) => lines.push(differing::way_on(scene, probe, false)),
                None => lines.push(hint(scene, Action::Retry, "try again")),
            }
        }
        Status::Unknown => {
            lines.push(
                words(Role::Warning, "nobody knows whether it happened: ")
                    .and(Role::Warning, at.detail.as_str()),
            );
            lines.push(hint(scene, Action::Command, "settle it, once somebody has looked"));
        }
        Status::RetryAt(when) => {
            let wait = format::span(whole(when.since(scene.now.boot)));
            lines.push(
                words(Role::Caution, "failed: ")
                    .and(Role::Caution, at.detail.as_str())
                    .and(Role::Caution, format!(", tried again in {wait}")),
            );
        }
        Status::Pending if step.start == Start::Key => {
            let ready = people::may_start(scene.state).is_ok()
                && steps::may_begin(scene.plan, scene.state, scene.readings, step, slot, scene.now).is_ok();
            if ready {
                lines.push(words(Role::Bright, "waits for a key: ").also(hint(
                    scene,
                    Action::Confirm,
                    "start it",
                )));
            }
            lines.extend(waits_to_begin(scene, step, slot));
        }
        Status::Pending => lines.extend(waits_to_begin(scene, step, slot)),
        Status::Done | Status::Skipped => {}
    }
    lines
}

/// What keeps a step from beginning whose turn it is: a system that has not proved what it is.
fn waits_to_begin(scene: &Scene<'_>, step: &Step, slot: usize) -> Option<Words<'static>> {
    people::may_start(scene.state).ok()?;
    match steps::may_begin(scene.plan, scene.state, scene.readings, step, slot, scene.now) {
        Err(Refusal::IdentityNotProved(which)) => {
            Some(words(Role::Normal, "waits: ").and(Role::Warning, format!("{which} is not proved")))
        }
        Ok(()) | Err(_) => None,
    }
}

fn running<'a>(scene: &Scene<'a>, step: &'a Step, at: &'a StepState, lines: &mut Vec<Words<'a>>) {
    if at.stopping {
        lines.push(words(Role::Caution, "is being stopped"));
        return;
    }
    match &step.kind {
        StepKind::Manual { ask } => lines.push(question(scene, step, ask)),
        StepKind::Gate(_) => {
            let decided =
                scene.state.gates.get(&step.id).filter(|g| !g.open).and_then(|g| g.decided.as_ref());
            lines.push(match decided {
                Some(decided) => words(Role::Caution, format!("NO-GO by {}: ", decided.by))
                    .and(Role::Caution, decided.reason.as_str()),
                None => words(Role::Bright, "asks for GO or NO-GO"),
            });
            // Whoever said NO-GO may want to go back, and no key of its own leads there.
            if decided.is_some() && scene.drives && scene.state.stage == Stage::Forward {
                let again = hint(scene, Action::Resume, "asks again, ");
                lines.push(
                    again
                        .also(scene.key(Action::Command))
                        .and(Role::KeyName, " rollback")
                        .and(Role::KeyLabel, " goes back"),
                );
            }
        }
        StepKind::Command(_)
        | StepKind::Sql { .. }
        | StepKind::Wait(_)
        | StepKind::Check(_)
        | StepKind::Fence(_)
        | StepKind::Open { .. }
        | StepKind::Carry(_)
        | StepKind::Freeze(_)
        | StepKind::Notify(_) => {}
    }
    if let Some(over) = late(scene, step, at) {
        lines.push(words(Role::Caution, format!("late by {}", format::span(whole(over)))));
    }
}

/// What a step has to say, for whoever reads it where no key of it works.
pub(super) fn says<'a>(scene: &Scene<'a>, step: &'a Step, at: &'a StepState, slot: usize) -> Vec<Words<'a>> {
    below(&Scene { drives: false, ..*scene }, step, at, slot)
}

/// What only a person can know is a question to that person.
fn question<'a>(scene: &Scene<'a>, step: &'a Step, ask: &'a str) -> Words<'a> {
    let who: Cow<'a, str> = match &step.owner {
        Some(owner) => format!("{owner}: ").into(),
        None => "".into(),
    };
    words(Role::Bright, who.into_owned()).and(Role::Bright, ask).and(Role::Dim, "  ").also(hint(
        scene,
        Action::Confirm,
        "done",
    ))
}

/// A key and what it does, for whoever has the keys.
fn hint(scene: &Scene<'_>, action: Action, label: &'static str) -> Words<'static> {
    if scene.drives {
        scene.key(action).and(Role::KeyLabel, " ").and(Role::KeyLabel, label)
    } else {
        Words::none()
    }
}

impl Scene<'_> {
    /// What was done is being taken back.
    fn is_undoing(&self) -> bool {
        matches!(self.state.stage, Stage::Back(crate::engine::event::Way::Undo) | Stage::Aborting)
    }
}
