//! Alarms: what asks for an action, loudest first; answered and cleared ones stay dim for a while.
//!
//! The same cause is one line with a count; hundreds of causes are the loudest few and a sum.

use crate::engine::event::AlarmId;
use crate::engine::state::Alarm;
use crate::plan::model::Severity;
use crate::ui::actions::Action;
use crate::ui::format;
use crate::ui::layout::{self, Column};
use crate::ui::theme::Role;

use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::{Columns, Scene};
use super::section::{Gathered, Line};
use super::standing::Call;

pub(super) fn gather<'a>(scene: &Scene<'a>) -> Gathered<'a> {
    let seen = seen(scene);
    let note = note(scene, &seen);
    let lines = seen.into_iter().map(|(id, alarm)| Line::Alarm(id, alarm)).collect();
    Gathered { well: note.clone(), note, lines }
}

/// Those to answer first, raised before clear; then what is answered or clear.
pub(super) fn seen<'a>(scene: &Scene<'a>) -> Vec<(&'a AlarmId, &'a Alarm)> {
    let mut all: Vec<_> = scene.state.alarms.iter().collect();
    all.sort_by_key(|(_, alarm)| {
        (
            !wants_answer(scene, alarm),
            alarm.cleared.is_some(),
            std::cmp::Reverse(alarm.severity),
            std::cmp::Reverse(alarm.raised),
        )
    });
    all
}

/// Those that are answered together: the first of them, or, once what is left has gone by itself, all of it.
pub(super) fn next<'a>(scene: &Scene<'a>) -> Vec<(&'a AlarmId, &'a Alarm)> {
    let mut open = seen(scene).into_iter().filter(|(_, alarm)| wants_answer(scene, alarm));
    let Some(first) = open.next() else { return Vec::new() };
    let gone = first.1.cleared.is_some();
    std::iter::once(first).chain(open.filter(|_| gone)).collect()
}

/// Whether somebody has to answer it, while the run goes on: a warning even when it went by itself, since gates wait for it.
pub(super) fn wants_answer(scene: &Scene<'_>, alarm: &Alarm) -> bool {
    !scene.state.is_over()
        && alarm.acknowledged.is_none()
        && (alarm.cleared.is_none() || alarm.severity == Severity::Warning)
}

fn note(scene: &Scene<'_>, seen: &[(&AlarmId, &Alarm)]) -> Words<'static> {
    let open: Vec<Severity> = seen
        .iter()
        .filter(|(_, alarm)| wants_answer(scene, alarm))
        .map(|(_, alarm)| alarm.severity)
        .collect();
    let raised = seen.iter().filter(|(_, alarm)| alarm.cleared.is_none()).count();
    match (open.iter().max(), raised) {
        (Some(loudest), _) => words(
            Call::from(*loudest).role(Role::Normal),
            format!("{} to answer", format::count(open.len() as u64)),
        ),
        (None, 0) => words(Role::Dim, "none"),
        (None, raised) if scene.state.is_over() => {
            words(Role::Dim, format!("{} open at the end", format::count(raised as u64)))
        }
        (None, raised) => words(Role::Normal, format!("{} answered", format::count(raised as u64))),
    }
}

/// `first`: the key answers this one.
pub(super) fn row<'a>(
    scene: &Scene<'a>,
    id: &'a AlarmId,
    alarm: &'a Alarm,
    columns: Columns,
    first: bool,
) -> Row<'a> {
    let role = role(scene, alarm);
    let mut text = words(role, format!("{} ", scene.time(alarm.raised)));
    text.push(role, alarm.text.as_str());
    if alarm.count > 1 {
        text.push(role, format!(", {} times", format::count(alarm.count.into())));
    }
    if let Some(cleared) = alarm.cleared {
        text.push(role, format!(", until {}", scene.hour_minute(cleared)));
    }
    let right = match &alarm.acknowledged {
        Some((by, at)) => words(Role::Dim, format!("{by} ")).and(Role::Dim, scene.hour_minute(*at)),
        None if wants_answer(scene, alarm) && scene.drives && first => {
            let together = if alarm.cleared.is_some() { next(scene).len() } else { 1 };
            let all = if together > 1 { format!(" answer all {together}") } else { " answer".to_owned() };
            scene.key(Action::Answer).and(Role::KeyLabel, all)
        }
        None => Words::none(),
    };
    let [text_at, right_at] = layout::columns(
        columns.all.x,
        columns.all.width,
        [Column::rest(20).gap(0), Column::fixed(right.width().min(20))],
    );
    let mut row = Row::new();
    if wants_answer(scene, alarm) {
        row = row.left(columns.sign, words(role, scene.glyphs.alarm));
    }
    row.left(text_at, text).right(right_at, right).of(Item::Alarm(id.clone()))
}

fn role(scene: &Scene<'_>, alarm: &Alarm) -> Role {
    if wants_answer(scene, alarm) {
        Call::from(alarm.severity).role(Role::Normal)
    } else if alarm.cleared.is_some() || scene.state.is_over() {
        Role::Dim
    } else {
        Role::Normal
    }
}

/// What hundreds of them add up to: `3 warnings, 12 cautions`.
pub(super) fn sum(rest: &[(&AlarmId, &Alarm)]) -> String {
    let count = |severity| {
        rest.iter().filter(|(_, alarm)| alarm.cleared.is_none() && alarm.severity == severity).count() as u64
    };
    let mut parts = Vec::new();
    for (severity, one, many) in [
        (Severity::Warning, "warning", "warnings"),
        (Severity::Caution, "caution", "cautions"),
        (Severity::Advisory, "advisory", "advisories"),
    ] {
        let n = count(severity);
        if n > 0 {
            parts.push(format::counted(n, one, many));
        }
    }
    let clear = rest.iter().filter(|(_, alarm)| alarm.cleared.is_some()).count() as u64;
    if clear > 0 {
        parts.push(format!("{} clear", format::count(clear)));
    }
    parts.join(", ")
}
