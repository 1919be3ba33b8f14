//! The evidence sheet as rows: what is wrong each by itself, what is well folded into few lines, and so are the traps that
//! nobody could look for.

use std::time::Duration;

use crate::engine::reading::Verdict;
use crate::engine::rules::evidence::Evidence;
use crate::plan::ProbeId;
use crate::plan::model::{ProbeKind, Section};
use crate::ui::format;
use crate::ui::layout::{self, Column, Slot};
use crate::ui::theme::Role;

use super::Was;
use crate::panes::row::{Row, Words, words};
use crate::panes::scene::Scene;
use ratatui::layout::Rect;

/// Evidence that stands in one line until somebody opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Links,
    Freeze,
    Environment,
    Traps,
    /// Not well: one server that is gone keeps all of them from being looked for, and would fill the sheet.
    Unseen,
}

/// One row of the sheet: one evidence, or several that are well.
pub(super) struct SheetRow<'e> {
    pub(super) members: Vec<&'e Evidence>,
    /// The group that is folded into it.
    pub(super) folded: Option<Group>,
}

/// The rows, worst first as the evidence is; groups stand where their first member would.
pub(super) fn rows<'e>(scene: &Scene<'_>, evidence: &'e [Evidence], unfolded: &[Group]) -> Vec<SheetRow<'e>> {
    let mut rows: Vec<SheetRow<'e>> = Vec::new();
    for line in evidence {
        let group = group_of(scene, line).filter(|group| {
            !unfolded.contains(group)
                && evidence.iter().filter(|e| group_of(scene, e) == Some(*group)).count() > 1
        });
        match group.and_then(|group| rows.iter_mut().find(|row| row.folded == Some(group))) {
            Some(row) => row.members.push(line),
            None => rows.push(SheetRow { members: vec![line], folded: group }),
        }
    }
    rows
}

pub(super) fn group_of(scene: &Scene<'_>, line: &Evidence) -> Option<Group> {
    let probe = scene.plan.probe(&ProbeId::from(line.id.as_str()))?;
    if line.verdict != Verdict::Pass {
        let unseen = matches!(probe.kind, ProbeKind::Ready(_))
            && line.verdict != Verdict::Fail
            && line.waived.is_none();
        return unseen.then_some(Group::Unseen);
    }
    if matches!(probe.kind, ProbeKind::Ready(_)) {
        return Some(Group::Traps);
    }
    match probe.section {
        Section::Replication => matches!(probe.kind, ProbeKind::Link(_)).then_some(Group::Links),
        Section::Freeze => Some(Group::Freeze),
        Section::Environment => Some(Group::Environment),
        Section::Validation => None,
    }
}

/// Where the cells of a row stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    sign: Slot,
    name: Slot,
    text: Slot,
    age: Slot,
    /// Name and text together.
    both: Slot,
}

impl Columns {
    pub(super) fn new(area: Rect) -> Columns {
        let [sign, name, text, age] = layout::columns(
            area.x,
            area.width,
            [Column::fixed(1).gap(0), Column::fixed(12), Column::rest(12), Column::fixed(5)],
        );
        let both = Slot { x: name.x, width: text.right().saturating_sub(name.x) };
        Columns { sign, name, text, age, both }
    }
}

/// A row as it is drawn. `was` says what a line was worth before the sheet became this one.
pub(super) fn draw_row<'e>(
    scene: &Scene<'_>,
    row: &SheetRow<'e>,
    columns: Columns,
    was: impl Fn(&str) -> Option<Was>,
) -> Row<'e> {
    match (row.folded, row.members.as_slice()) {
        (Some(group), members) => folded(scene, group, members, columns),
        (None, [line, ..]) => single(scene, line, columns, was(&line.id)),
        (None, []) => Row::new(),
    }
}

fn single<'e>(scene: &Scene<'_>, line: &'e Evidence, columns: Columns, was: Option<Was>) -> Row<'e> {
    let glyphs = scene.glyphs;
    let (sign, role) = match (line.verdict, &line.waived) {
        (Verdict::Pass, _) => (glyphs.proved, Role::Normal),
        (_, Some(_)) => (glyphs.waived, Role::Caution),
        (Verdict::Fail, None) => (glyphs.alarm, Role::Warning),
        (Verdict::Stale | Verdict::Unknown, None) => (glyphs.unknown, Role::Caution),
    };
    let sign_role = if line.verdict == Verdict::Pass { Role::Proved } else { role };
    let mut text = match was {
        Some(Was::Worth(verdict)) => words(Role::Bright, format!("was {}: ", verdict.word())),
        Some(Was::Absent) => words(Role::Bright, "new: "),
        None => Words::none(),
    };
    if let Some((by, why)) = &line.waived {
        text = text.and(role, format!("waived by {by}: ")).and(role, why.as_str());
    } else {
        text.push(role, line.text.as_str());
        if let Some(position) =
            line.position.as_ref().filter(|at| line.verdict == Verdict::Pass && !at.is_empty())
        {
            text = text.and(Role::Dim, " at ").and(Role::Dim, position.as_str());
        }
    }
    let age = match line.verdict {
        Verdict::Stale => words(Role::Caution, "stale"),
        Verdict::Pass | Verdict::Fail | Verdict::Unknown => {
            line.age.map_or_else(Words::none, |age| words(Role::Dim, format::age(age)))
        }
    };
    Row::new()
        .left(columns.sign, words(sign_role, sign))
        .left(columns.name, words(role, line.title.as_str()))
        .left(columns.text, text)
        .right(columns.age, age)
}

fn folded<'e>(scene: &Scene<'_>, group: Group, members: &[&'e Evidence], columns: Columns) -> Row<'e> {
    let names = members.iter().map(|m| m.title.as_str()).collect::<Vec<_>>().join(", ");
    let oldest = members.iter().filter_map(|m| m.age).max().unwrap_or(Duration::ZERO);
    let (sign, sign_role) = match group {
        Group::Unseen => (scene.glyphs.unknown, Role::Caution),
        Group::Links | Group::Freeze | Group::Environment | Group::Traps => {
            (scene.glyphs.proved, Role::Proved)
        }
    };
    let row = Row::new()
        .left(columns.sign, words(sign_role, sign))
        .right(columns.age, words(Role::Dim, format::age(oldest)));
    match group {
        Group::Unseen => row
            .left(columns.name, words(Role::Caution, format!("{} traps", members.len())))
            .left(columns.text, words(Role::Caution, members.first().map_or("", |m| m.text.as_str()))),
        Group::Links => {
            let bound = members.first().map_or("", |m| m.bound.as_str());
            let all_same = members.iter().all(|m| m.bound == bound);
            let what = if all_same { bound.to_owned() } else { names };
            row.left(columns.name, words(Role::Normal, format!("{} links", members.len())))
                .left(columns.text, words(Role::Normal, what))
        }
        Group::Traps => row
            .left(columns.name, words(Role::Normal, format!("{} traps", members.len())))
            .left(columns.text, words(Role::Normal, "looked for, none found")),
        Group::Freeze | Group::Environment => row.left(columns.both, words(Role::Normal, names)),
    }
}
