//! Journal: what happened, one line an event, as the record says it.

use ratatui::layout::Rect;

use crate::ui::format;
use crate::ui::layout::{self, Column, Slot};
use crate::ui::theme::Role;

use super::feed::Recorded;
use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::Scene;
use super::words::{self as say, Weight};

/// Where the cells of a line stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    time: Slot,
    subject: Slot,
    what: Slot,
    detail: Slot,
}

impl Columns {
    pub(super) fn new(area: Rect) -> Columns {
        let [time, subject, what, detail] = layout::columns(
            area.x,
            area.width,
            [
                Column::fixed(8).gap(2),
                Column::fixed(if area.width < 100 { 12 } else { 14 }).gap(2),
                Column::fixed(if area.width < 100 { 26 } else { 32 }),
                Column::rest(8).gap(2).optional(),
            ],
        );
        Columns { time, subject, what, detail }
    }
}

/// How many records there are, and that the chain is whole.
pub(super) fn note(scene: &Scene<'_>) -> Words<'static> {
    if let Some(damage) = &scene.feed.contact.damaged {
        return words(Role::Warning, damage.clone());
    }
    let mut records = format::counted(scene.feed.records, "record", "records");
    // A decision is one record, and often more than one line.
    if scene.feed.records == scene.journal.len() as u64 {
        let lines = scene.figures.lines.len() as u64;
        records = format!("{} in {records}", format::counted(lines, "entry", "entries"));
    }
    words(Role::Dim, format!("{records}, chain whole"))
}

/// The last lines, newest first, at most so many.
pub(super) fn last<'a>(scene: &Scene<'a>, area: Rect, most: usize) -> Vec<Row<'a>> {
    let columns = Columns::new(area);
    let newest = scene.journal.iter().rev();
    newest
        .flat_map(|record| (0..record.events.len()).rev().map(move |n| (record, n)))
        .filter(|(record, n)| says(scene, record, *n))
        .take(most)
        .filter_map(|(record, n)| row(scene, record, n, columns))
        .collect()
}

/// The few lines of the main screen leave out what only goes by. What turned well again does not: whoever read that
/// it was not is told.
fn says(scene: &Scene<'_>, record: &Recorded, n: usize) -> bool {
    let weighs = |event| say::of(scene.plan, event).weight > Weight::Quiet;
    scene.figures.mended.contains(&(record.seq, n)) || record.events.get(n).is_some_and(weighs)
}

/// One event as a line.
pub(super) fn row<'a>(
    scene: &Scene<'a>,
    record: &'a Recorded,
    n: usize,
    columns: Columns,
) -> Option<Row<'a>> {
    let event = record.events.get(n)?;
    let mut line = say::of(scene.plan, event);
    if scene.figures.mended.contains(&(record.seq, n)) {
        (line.what, line.weight) = ("well again".into(), Weight::Normal);
    }
    let role = match line.weight {
        Weight::Quiet => Role::Dim,
        Weight::Normal | Weight::Caution => Role::Normal,
        Weight::Warning => Role::Bright,
    };
    let detail = if record.unacknowledged {
        words(Role::Caution, "not acknowledged  ").and(Role::Dim, line.detail.into_owned())
    } else {
        words(Role::Dim, line.detail.into_owned())
    };
    Some(
        Row::new()
            .left(columns.time, words(Role::Dim, scene.time(record.at)))
            .left(columns.subject, words(role, line.subject.into_owned()))
            .left(columns.what, words(role, line.what.into_owned()))
            .left(columns.detail, detail)
            .of(Item::Record(record.seq, n)),
    )
}
