//! Alarms: what asks for an action, the worst first; those that are over stay dim, and say that they are over first.
//!
//! The same cause is one line with a count; hundreds of causes are the loudest few and a sum.

use std::cmp::Reverse;

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

/// The worst first: what burns before what is over, then the louder, then what wants an answer, then the newer.
pub(super) fn seen<'a>(scene: &Scene<'a>) -> Vec<(&'a AlarmId, &'a Alarm)> {
    let mut all: Vec<_> = scene.state.alarms.iter().collect();
    all.sort_by_key(|(_, alarm)| {
        (alarm.cleared.is_some(), Reverse(alarm.severity), !wants_answer(scene, alarm), Reverse(alarm.raised))
    });
    all
}

/// Those that the key answers: the chosen one; where that one wants no answer, the worst that does, or, once what is
/// left has gone by itself, all of it.
pub(super) fn meant<'a>(scene: &Scene<'a>, chosen: Option<&Item>) -> Vec<(&'a AlarmId, &'a Alarm)> {
    let mut open: Vec<_> = to_answer(scene).collect();
    if let Some(Item::Alarm(id)) = chosen
        && let Some(at) = open.iter().position(|(other, _)| *other == id)
    {
        return vec![open.swap_remove(at)];
    }
    let gone = open.first().is_some_and(|(_, alarm)| alarm.cleared.is_some());
    open.truncate(if gone { usize::MAX } else { 1 });
    open
}

/// Those that somebody has to answer, worst first: whoever counts them counts these.
fn to_answer<'a>(scene: &Scene<'a>) -> impl Iterator<Item = (&'a AlarmId, &'a Alarm)> {
    let wants = |alarm: &Alarm| wants_answer(scene, alarm);
    seen(scene).into_iter().filter(move |(_, alarm)| wants(alarm))
}

/// Whether somebody has to answer it, while the run goes on.
pub(super) fn wants_answer(scene: &Scene<'_>, alarm: &Alarm) -> bool {
    !scene.state.is_over() && alarm.wants_answer()
}

/// How much an alarm calls: as loud as it is while it burns; once it is over, only for its answer.
pub(super) fn call(scene: &Scene<'_>, alarm: &Alarm) -> Call {
    match (wants_answer(scene, alarm), alarm.cleared) {
        (false, _) => Call::None,
        (true, None) => alarm.severity.into(),
        (true, Some(_)) => Call::Advisory,
    }
}

fn note(scene: &Scene<'_>, seen: &[(&AlarmId, &Alarm)]) -> Words<'static> {
    let open: Vec<_> = to_answer(scene).collect();
    let loudest = open.iter().map(|(_, alarm)| call(scene, alarm)).max();
    let raised = seen.iter().filter(|(_, alarm)| alarm.cleared.is_none()).count();
    match (loudest, raised) {
        (Some(loudest), _) => words(loudest.role(Role::Normal), format!("{} to answer", kinds(&open))),
        (None, 0) => words(Role::Dim, "none"),
        (None, raised) if scene.state.is_over() => {
            words(Role::Dim, format!("{} open at the end", format::count(raised as u64)))
        }
        (None, raised) => words(Role::Normal, format!("{} answered", format::count(raised as u64))),
    }
}

/// `meant`: those that the key answers.
pub(super) fn row<'a>(
    scene: &Scene<'a>,
    id: &'a AlarmId,
    alarm: &'a Alarm,
    columns: Columns,
    meant: &[(&AlarmId, &Alarm)],
) -> Row<'a> {
    let wants = wants_answer(scene, alarm);
    let mut text = said(scene, alarm);
    if alarm.count > 1 {
        text.push(role(scene, alarm), format!(", {} times", format::count(alarm.count.into())));
    }
    let right = match &alarm.acknowledged {
        Some((by, at)) => words(Role::Dim, format!("{by} ")).and(Role::Dim, scene.hour_minute(*at)),
        None if wants && scene.drives && meant.first().is_some_and(|(first, _)| *first == id) => {
            let all = match meant.len() {
                0 | 1 => " answer".to_owned(),
                together => format!(" answer all {together}"),
            };
            scene.key(Action::Answer).and(Role::KeyLabel, all)
        }
        // One that burns says by its colour that it wants an answer.
        None if wants && alarm.cleared.is_some() => words(Role::Normal, "to answer"),
        None => Words::none(),
    };
    let [text_at, right_at] = layout::columns(
        columns.all.x,
        columns.all.width,
        [Column::rest(20).gap(0), Column::fixed(right.width().min(20))],
    );
    let mut row = Row::new();
    if alarm.cleared.is_some() {
        row = row.left(columns.sign, words(Role::Dim, scene.glyphs.proved));
    } else if wants {
        row = row.left(columns.sign, words(role(scene, alarm), scene.glyphs.alarm));
    }
    row.left(text_at, text).right(right_at, right).of(Item::Alarm(id.clone()))
}

/// When, and what: that it is over comes first, where no cut takes it.
pub(super) fn said<'a>(scene: &Scene<'_>, alarm: &'a Alarm) -> Words<'a> {
    let role = role(scene, alarm);
    let when = match alarm.cleared {
        Some(cleared) => words(Role::Dim, format!("over {}  ", scene.hour_minute(cleared))),
        None => words(role, format!("{} ", scene.time(alarm.raised))),
    };
    when.and(role, alarm.text.as_str())
}

fn role(scene: &Scene<'_>, alarm: &Alarm) -> Role {
    let calm = alarm.cleared.is_some() || scene.state.is_over();
    call(scene, alarm).role(if calm { Role::Dim } else { Role::Normal })
}

/// How many of each kind: `2 warnings, 1 caution`.
fn kinds(alarms: &[(&AlarmId, &Alarm)]) -> String {
    let kinds = [
        (Severity::Warning, "warning", "warnings"),
        (Severity::Caution, "caution", "cautions"),
        (Severity::Advisory, "advisory", "advisories"),
    ];
    let counted = kinds.into_iter().filter_map(|(severity, one, many)| {
        let n = alarms.iter().filter(|(_, alarm)| alarm.severity == severity).count() as u64;
        (n > 0).then(|| format::counted(n, one, many))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// What hundreds of them add up to: `3 warnings, 12 cautions, 2 over`.
pub(super) fn sum(rest: &[(&AlarmId, &Alarm)]) -> String {
    let (burning, over): (Vec<_>, Vec<_>) = rest.iter().partition(|(_, alarm)| alarm.cleared.is_none());
    let over = (!over.is_empty()).then(|| format!("{} over", format::count(over.len() as u64)));
    let parts = [kinds(&burning)].into_iter().filter(|text| !text.is_empty()).chain(over);
    parts.collect::<Vec<_>>().join(", ")
}
