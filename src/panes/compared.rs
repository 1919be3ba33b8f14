//! Comparisons table by table and row by row: what view 5 shows below its probes, and the details that open from there.

use std::collections::HashMap;

use ratatui::layout::Rect;

use crate::engine::course::{Course, Doing, Proved, Standing, TableSeen, TablesSeen, What};
use crate::engine::event::LoadChange;
use crate::engine::reading::{Compared, DifferenceSeen, Facts};
use crate::plan::ProbeId;
use crate::plan::model::{Probe, ProbeKind};
use crate::ui::actions::Action;
use crate::ui::format;
use crate::ui::layout::{self, Column};
use crate::ui::theme::Role;

use super::detail::Doc;
use super::differing;
use super::document::{gone, output};
use super::item::Item;
use super::request::{Output, Source};
use super::row::{Row, Words, heading, words};
use super::scene::Scene;

/// What was told of a look longer ago than this is of one that nobody makes any more.
const HEARD: std::time::Duration = std::time::Duration::from_secs(15);
/// A look that takes no longer is not worth a word.
const SHORT: u64 = 1_500;

/// A row of the page that is no probe's: drawn for a place.
pub(super) type More<'a> = Box<dyn Fn(Rect) -> Row<'a> + 'a>;

/// How far a look is that is under way, where it takes long enough to be waited for.
pub(super) fn under_way<'a>(scene: &Scene<'a>, probe: &ProbeId) -> Option<&'a Standing> {
    let course = scene.readings.course(probe)?;
    let heard = scene.now.boot.since(course.told) <= HEARD && !scene.state.is_over();
    course
        .now
        .as_ref()
        .filter(|now| heard && scene.now.wall.0.saturating_sub(now.since.0) >= SHORT.cast_signed())
}

/// What an action makes of a comparison: of the one that is selected, else of the only one that is under way or held.
pub(super) fn change(
    scene: &Scene<'_>,
    selected: Option<&Item>,
    action: Action,
) -> Option<(ProbeId, LoadChange)> {
    let held = |probe: &Probe| scene.state.loads.get(&probe.id).is_some_and(|load| load.held);
    // Files are read as they come: there is nothing to hold.
    let reads_rows = |probe: &Probe| under_way(scene, &probe.id).is_some_and(|now| now.what == What::Rows);
    let goes = |probe: &&Probe| held(probe) || reads_rows(probe);
    let meant = match selected {
        Some(Item::Probe(id) | Item::Table(id, _) | Item::Difference(id, _)) => {
            scene.plan.probe(id).filter(|probe| differing::compares(probe))
        }
        _ => None,
    };
    let mut all = scene.plan.probes.iter().filter(goes);
    let only = all.next().filter(|_| all.next().is_none());
    let probe = meant.or(only).filter(goes)?;
    let connections = |wanted: fn(u64) -> u64| {
        let now = under_way(scene, &probe.id)?.connections;
        let change = LoadChange::Connections(wanted(now)).within_bounds();
        Some(change).filter(|change| *change != LoadChange::Connections(now))
    };
    let change = match action {
        Action::HoldComparison if held(probe) => Some(LoadChange::GoOn),
        Action::HoldComparison => Some(LoadChange::Hold),
        Action::CompareFaster => connections(|now| now * 2),
        Action::CompareSlower => connections(|now| now / 2),
        _ => None,
    };
    Some((probe.id.clone(), change?))
}

/// How far it is, as short as a row of a pane needs it.
pub(super) fn brief(now: &Standing) -> String {
    let percent = now.percent().map(|percent| format!("{percent} %"));
    let mut parts = match (&now.waits, now.doing) {
        _ if now.held => vec!["held by hand".to_owned()],
        (Some(why), _) => vec![format!("waits: {why}")],
        (None, Doing::Connecting) => vec!["connecting to compare".to_owned()],
        (None, Doing::Listing) => {
            vec![format!("listing files, {}", format::counted(now.rows, "entry", "entries"))]
        }
        (None, Doing::LookingAgain) if now.suspects > 0 => {
            let rows = format::counted(now.suspects, "row", "rows");
            vec![format!("looking again at {rows} that may be on their way")]
        }
        (None, Doing::LookingAgain) if now.what == What::Bytes => {
            vec!["looking again at files that were changed meanwhile".to_owned()]
        }
        (None, Doing::LookingAgain) => vec!["looking again at what was written".to_owned()],
        (None, Doing::Reading) => vec!["reading".to_owned()],
    };
    if now.doing == Doing::Reading {
        parts.extend(percent);
        let left = now.left().filter(|left| !left.is_zero() && !now.held && now.waits.is_none());
        parts.extend(left.map(|left| format!("about {} left", format::span(left))));
    }
    parts.join(", ")
}

/// How far it is, in one long line.
pub(super) fn at_length(now: &Standing) -> String {
    let mut parts = vec![brief(now)];
    let table = now.table.as_deref().filter(|_| now.doing != Doing::Connecting);
    parts.extend(table.map(|table| format!("at {table}")));
    let (one, many) = match now.what {
        What::Rows => ("table", "tables"),
        What::Bytes => ("file", "files"),
    };
    parts.extend(
        now.tables
            .map(|(done, of)| format!("{} of {} done", format::count(done), format::counted(of, one, many))),
    );
    let rate = now.rate.filter(|_| now.doing == Doing::Reading);
    parts.extend(rate.map(|rate| match now.what {
        What::Rows => format!("{} rows/s of both sides", format::count(rate)),
        What::Bytes => format!("{}/s of both sides", format::bytes(rate)),
    }));
    if now.connections > 1 {
        parts.push(format!("{} connections a side", now.connections));
    }
    if now.suspects > 0 && now.doing != Doing::LookingAgain {
        let rows = format::counted(now.suspects, "row", "rows");
        parts.push(format!("{rows} may be on their way"));
    }
    parts.join(", ")
}

/// What was known of the tables at the last look, in words: also of one that nobody has asked for yet.
pub(super) fn known(scene: &Scene<'_>, probe: &ProbeId) -> Option<String> {
    let tables = scene.readings.course(probe)?.tables.as_ref()?;
    Some(format!("{}, read {}", how_many(tables), scene.hour_minute(tables.at)))
}

fn how_many(tables: &TablesSeen) -> String {
    let of = format::counted(tables.of, "table", "tables");
    format!("{} of {of} the same", format::count(tables.same))
}

/// The comparisons, each with its rows that differ and its tables: first those that have found something.
pub(super) fn rows<'a>(scene: Scene<'a>) -> Vec<More<'a>> {
    let mut rows: Vec<More<'a>> = Vec::new();
    let mut probes: Vec<&Probe> = scene.plan.probes.iter().filter(|p| differing::compares(p)).collect();
    probes.sort_by_key(|probe| differing::of(&scene, probe).is_none());
    for probe in probes {
        let compared = differing::of(&scene, probe);
        // What is known of files stands with the probe: beside it there is only how far a look is.
        let course = scene
            .readings
            .course(&probe.id)
            .filter(|_| matches!(probe.kind, ProbeKind::Tables(_)) || under_way(&scene, &probe.id).is_some());
        if !rows.is_empty() && (compared.is_some() || course.is_some()) {
            rows.push(Box::new(|_| Row::new()));
        }
        if let Some(compared) = compared {
            differences(scene, probe, compared, &mut rows);
        }
        if let Some(course) = course {
            if compared.is_some() {
                rows.push(Box::new(|_| Row::new()));
            }
            tables(scene, probe, course, &mut rows);
        }
    }
    rows
}

/// A heading of this part of the page.
fn say(text: Words<'_>) -> More<'_> {
    Box::new(move |place| heading(place, text.clone()))
}

/// The rows that differ, by name.
fn differences<'a>(scene: Scene<'a>, probe: &'a Probe, compared: &'a Compared, rows: &mut Vec<More<'a>>) {
    let named = compared.named.len() as u64;
    let of = if named < compared.differences {
        format!(", {} of them named", format::count(named))
    } else {
        String::new()
    };
    rows.push(say(words(Role::Title, format!("{}: {}{of}", probe.title, differing::differ(compared)))));
    rows.push(say(differing::way_on(&scene, probe, true)));
    for (n, row) in compared.named.iter().enumerate() {
        rows.push(Box::new(move |place| {
            let [sign, table, key, kind, columns] = layout::columns(
                place.x,
                place.width,
                [
                    Column::fixed(1).gap(0),
                    Column::fixed(20),
                    Column::fixed(24),
                    Column::fixed(10),
                    Column::rest(10).optional(),
                ],
            );
            Row::new()
                .left(sign, words(Role::Warning, scene.glyphs.alarm))
                .left(table, words(Role::Normal, row.table.as_str()))
                .left(key, words(Role::Figure, row.key.as_str()))
                .left(kind, words(Role::Warning, row.kind.as_str()))
                .left(columns, words(Role::Normal, row.columns.join(", ")))
                .of(Item::Difference(probe.id.clone(), n))
        }));
    }
}

/// What is known of each table.
fn tables<'a>(scene: Scene<'a>, probe: &'a Probe, course: &'a Course, rows: &mut Vec<More<'a>>) {
    let title = words(Role::Title, probe.title.as_str());
    let title = match &course.tables {
        Some(tables) => title
            .and(Role::Title, format!(": {}", how_many(tables)))
            .and(Role::Dim, format!(", looked at {}", scene.time(tables.at))),
        None if matches!(probe.kind, ProbeKind::Trees(_)) => title,
        None => title.and(Role::Title, ": nothing read yet"),
    };
    rows.push(say(title));
    if let Some(now) = under_way(&scene, &probe.id) {
        rows.push(say(words(Role::Gauge, at_length(now))));
    }
    let Some(tables) = &course.tables else { return };
    for seen in &tables.worst {
        rows.push(Box::new(move |place| table_row(&scene, probe, seen, place)));
    }
    let rest = tables.of.saturating_sub(tables.worst.len() as u64);
    if rest > 0 {
        rows.push(say(words(Role::Dim, format!("and {} more, none of them worse", format::count(rest)))));
    }
}

fn table_row<'a>(scene: &Scene<'a>, probe: &Probe, seen: &'a TableSeen, place: Rect) -> Row<'a> {
    let name = (place.width / 4).clamp(16, 32);
    let [sign, table, proved, rows, since] = layout::columns(
        place.x,
        place.width,
        [
            Column::fixed(1).gap(0),
            Column::fixed(name),
            Column::rest(16),
            Column::fixed(18),
            Column::fixed(26).optional(),
        ],
    );
    let (glyph, role, text) = told(scene, seen);
    Row::new()
        .left(sign, words(role, glyph))
        .left(table, words(Role::Normal, seen.table.as_str()))
        .left(proved, words(role, text))
        .right(rows, words(Role::Figure, counted(seen)))
        .left(since, words(Role::Dim, since_when(scene, seen)))
        .of(Item::Table(probe.id.clone(), seen.table.clone()))
}

/// Sign, meaning and words of what is proved of a table.
fn told(scene: &Scene<'_>, seen: &TableSeen) -> (&'static str, Role, String) {
    let glyphs = scene.glyphs;
    match &seen.proved {
        Proved::Same => (glyphs.proved, Role::Proved, "the same".to_owned()),
        Proved::ToCome => (glyphs.to_come, Role::Dim, "to come".to_owned()),
        Proved::Reading => {
            let percent = seen.percent().map_or_else(String::new, |percent| format!(", {percent} %"));
            (glyphs.running, Role::Gauge, format!("reading{percent}"))
        }
        Proved::Not(why) => (glyphs.unknown, Role::Caution, format!("not proved: {why}")),
        Proved::Different(what) => (glyphs.alarm, Role::Warning, what.clone()),
    }
}

/// How many rows a table has: once, where both sides have as many, or what one lacked when they were counted has arrived.
fn counted(seen: &TableSeen) -> String {
    let one = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), format::count);
    match seen.rows {
        (None, None) => String::new(),
        (Some(a), Some(b)) if a == b || seen.proved == Proved::Same => format::counted(a, "row", "rows"),
        (a, b) => format!("{} / {}", one(a), one(b)),
    }
}

fn since_when(scene: &Scene<'_>, seen: &TableSeen) -> String {
    let Some(at) = seen.whole else { return String::new() };
    match seen.again {
        0 => format!("read {}", scene.hour_minute(at)),
        again => format!("read {}, {} again", scene.hour_minute(at), format::count(again)),
    }
}

/// Everything about one table of a comparison.
pub(super) fn table(scene: &Scene<'_>, id: &ProbeId, name: &str, outputs: &HashMap<Source, Output>) -> Doc {
    let course = scene.readings.course(id);
    let tables = course.and_then(|course| course.tables.as_ref());
    let seen = tables.and_then(|tables| tables.worst.iter().find(|seen| seen.table == name));
    let (Some(probe), Some(tables), Some(seen)) = (scene.plan.probe(id), tables, seen) else {
        return gone("table");
    };
    let mut doc = Doc::new(format!("{name}  of {}", probe.title));
    let (_, role, text) = told(scene, seen);
    doc.fact("is", words(role, text));
    doc.plain("looked at", scene.moment(tables.at));
    let side = |n: Option<u64>| n.map_or_else(|| "not counted".to_owned(), format::count);
    let moved = seen.proved == Proved::Same && seen.rows.0 != seen.rows.1;
    let then = if moved { " when they were counted: the others were on their way" } else { "" };
    let rows = format!("{} and {}", side(seen.rows.0), side(seen.rows.1));
    doc.fact("rows", words(Role::Figure, rows).and(Role::Dim, then));
    if let Some(percent) = seen.percent().filter(|&percent| percent < 100) {
        let read =
            format!("{} of about {}, {percent} %", format::count(seen.read.0), format::count(seen.read.1));
        doc.fact("read", words(Role::Figure, read).and(Role::Dim, " of both sides"));
    }
    if let Some(at) = seen.whole {
        doc.plain("read whole", scene.moment(at));
        let again = format::counted(seen.again, "row", "rows");
        doc.fact("since then", words(Role::Figure, format!("{again} written and looked at again")));
    }
    doc.plain("equality", seen.equality.clone());
    if let ProbeKind::Tables(sides) = &probe.kind {
        doc.plain("sides", format!("{} and {}", sides.from, sides.to));
    }
    output(&mut doc, outputs.get(&Source::Table(id.clone(), name.to_owned())), "Last answer");
    doc
}

/// A row that differs, with both values beside each other.
pub(super) fn difference(
    scene: &Scene<'_>,
    id: &ProbeId,
    n: usize,
    outputs: &HashMap<Source, Output>,
) -> Doc {
    let Some(row) = named(scene, id, n) else { return gone("row") };
    let mut doc = Doc::new(format!("{}  {}", row.table, row.key));
    doc.fact("is", words(Role::Warning, row.kind.clone()));
    let trees = scene.plan.probe(id).is_some_and(|probe| matches!(probe.kind, ProbeKind::Trees(_)));
    doc.plain(if trees { "in its" } else { "columns" }, row.columns.join(", "));
    doc.plain("seen from", "the side that is held to be right");
    if let Some(probe) = scene.plan.probe(id) {
        doc.fact("way on", differing::way_on(scene, probe, true));
    }
    doc.plain(
        "values",
        if trees {
            "stay where they are: no file's content is ever recorded"
        } else {
            "never recorded: they stand in the last answer of this comparison, on this host alone"
        },
    );
    if let Some(source) = of_difference(scene, id, n) {
        output(&mut doc, outputs.get(&source), "Both sides");
    }
    doc
}

/// Where the values of a row that differs stand: those of a file stand nowhere.
pub(super) fn of_difference(scene: &Scene<'_>, id: &ProbeId, n: usize) -> Option<Source> {
    let row = named(scene, id, n)?;
    let Facts::Compared(compared) = &scene.readings.measure(id)?.facts else { return None };
    let alike = |other: &&DifferenceSeen| {
        (&other.table, &other.key, &other.kind) == (&row.table, &row.key, &row.kind)
    };
    let nth = compared.named.iter().take(n).filter(alike).count();
    (!compared.trees).then(|| Source::Row {
        probe: id.clone(),
        table: row.table.clone(),
        key: row.key.clone(),
        kind: row.kind.clone(),
        nth,
    })
}

fn named<'a>(scene: &Scene<'a>, id: &ProbeId, n: usize) -> Option<&'a DifferenceSeen> {
    match &scene.readings.measure(id)?.facts {
        Facts::Compared(compared) => compared.named.get(n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn files_are_told_by_entries_and_bytes() {
        let listing = Standing {
            since: Timestamp(0),
            doing: Doing::Listing,
            table: None,
            what: What::Bytes,
            tables: None,
            rows: 1_200,
            of: None,
            rate: None,
            connections: 0,
            suspects: 0,
            held: false,
            waits: None,
        };
        assert_eq!(at_length(&listing), "listing files, 1 200 entries");
        let reading = Standing {
            doing: Doing::Reading,
            tables: Some((1, 100_003)),
            rows: 700_000_000,
            of: Some(4_200_000_000),
            rate: Some(350_000_000),
            ..listing.clone()
        };
        assert_eq!(
            at_length(&reading),
            "reading, 16 %, about 10s left, 1 of 100 003 files done, 334 MiB/s of both sides"
        );
        let again = Standing { doing: Doing::LookingAgain, ..listing };
        assert_eq!(brief(&again), "looking again at files that were changed meanwhile");
    }
}
