//! Replication: how far behind each link is, which way that goes, and how long it has been at zero.
//!
//! A gauge shows value, trend, an estimate and its age; what was not measured is a dash with the reason,
//! never a number.

use std::time::Duration;

use crate::engine::reading::{Lag, LagUnit, Verdict};
use crate::engine::readings::{Left, Track, Trend};
use crate::plan::model::{ProbeKind, Section};
use crate::ui::format;
use crate::ui::layout::{self, Column};
use crate::ui::theme::Role;

use super::item::Item;
use super::row::{Row, Words, slot, words};
use super::scene::{Columns, Scene};
use super::section::{self, Gathered, Line};
use super::standing::{Call, Seen, Standing, is_waited_for};

/// Columns of the trend beside a value.
const TREND: u16 = 12;
/// … where there is little room.
const TREND_NARROW: u16 = 7;
/// Columns of a value with its unit.
const VALUE: u16 = 11;

pub(super) fn gather<'a>(scene: &Scene<'a>) -> Gathered<'a> {
    let seen = scene.section(Section::Replication);
    let behind = |seen: &&Seen<'_>| lag(scene, **seen).map_or(0, |lag| lag.behind);
    let links = seen.iter().filter(|seen| matches!(seen.probe.kind, ProbeKind::Link(_)));
    let well = match links.max_by_key(behind) {
        _ if scene.state.is_over() => note(scene, &seen),
        Some(worst) => brief(scene, *worst),
        None => note(scene, &seen),
    };
    Gathered { note: note(scene, &seen), well, lines: seen.into_iter().map(Line::Probe).collect() }
}

/// By what the gauges know: markers that travelled, or positions alone.
fn note(scene: &Scene<'_>, seen: &[Seen<'_>]) -> Words<'static> {
    if seen.is_empty() {
        let any = scene.plan.probes.iter().any(|probe| probe.section == Section::Replication);
        return words(Role::Dim, if any { "no link counts now" } else { "none in this plan" });
    }
    if let Some(said) = scene.as_of() {
        return said;
    }
    let marker = seen.iter().any(|s| scene.readings.lag(&s.probe.id).is_some_and(|lag| lag.marker.is_some()));
    words(Role::Dim, if marker { "by marker" } else { "by position" })
}

pub(super) fn row<'a>(scene: &Scene<'a>, seen: Seen<'a>, columns: Columns) -> Row<'a> {
    let call = call(scene, seen);
    let name = call.role(seen.role());
    let mut row = section::probe_row(scene, seen, columns, name);
    if call > Call::None && seen.standing.sign(scene.glyphs).is_none() {
        row = row.left(columns.sign, words(name, scene.glyphs.alarm));
    }
    let row = row.right(columns.age, scene.age(seen)).of(Item::Probe(seen.probe.id.clone()));
    if !matches!(seen.probe.kind, ProbeKind::Link(_)) {
        return row.left(columns.text, section::text_of(seen, name));
    }
    let trend_columns = if columns.text.width > 44 { TREND } else { TREND_NARROW };
    let [value_at, trend_at, text_at] = layout::columns(
        columns.text.x,
        columns.text.width,
        [Column::fixed(VALUE).gap(0), Column::fixed(trend_columns).gap(1).optional(), Column::rest(17)],
    );
    let row = row.right(value_at, value(scene, seen, call));
    if lag(scene, seen).is_none_or(|lag| lag.stopped.is_some()) {
        // Why there is no value, or why nothing comes, takes the place of its course.
        let from = value_at.right() + 1;
        return row.left(slot(from, text_at.right().saturating_sub(from)), trend(scene, seen, call));
    }
    let track = scene.readings.track(&seen.probe.id);
    let course = track.map_or_else(Vec::new, |track| course(track, trend_at.width.into()));
    row.trend(trend_at, course, call.role(Role::Gauge)).left(text_at, trend(scene, seen, call))
}

/// The link in one line, for a screen without room for more.
pub(super) fn brief<'a>(scene: &Scene<'a>, seen: Seen<'a>) -> Words<'a> {
    let call = call(scene, seen);
    let role = call.role(Role::Normal);
    let mut all = words(role, format!("{} ", seen.probe.title));
    all = all.also(value(scene, seen, call));
    let trend = trend(scene, seen, call);
    if !trend.is_empty() {
        all.push(role, ", ");
        all = all.also(trend);
    }
    all
}

/// How much a link calls: by its verdict, and by growing while somebody waits for it.
pub(super) fn call(scene: &Scene<'_>, seen: Seen<'_>) -> Call {
    let growing =
        scene.readings.track(&seen.probe.id).is_some_and(|track| matches!(track.trend(), Trend::Growing(_)));
    let waited = growing && is_waited_for(scene.plan, scene.state, &seen.probe.id);
    match seen.standing {
        Standing::Well if waited => Call::Caution,
        standing => standing.call(),
    }
}

/// How far behind it is, if anybody knows that now.
fn lag<'a>(scene: &Scene<'a>, seen: Seen<'_>) -> Option<&'a Lag> {
    let fresh = !matches!(seen.evidence.verdict, Verdict::Stale | Verdict::Unknown);
    scene.readings.lag(&seen.probe.id).filter(|_| fresh && seen.standing != Standing::Out)
}

fn value(scene: &Scene<'_>, seen: Seen<'_>, call: Call) -> Words<'static> {
    match lag(scene, seen) {
        Some(lag) => {
            let role = if seen.standing == Standing::Over { Role::Dim } else { Role::Figure };
            words(call.role(role), amount(lag.behind, lag.unit))
        }
        None => words(call.role(Role::Dim), scene.glyphs.none),
    }
}

/// So many units of a log in a second: rows need no name beside a value that has one.
fn rate_of(rate: u64, unit: LagUnit) -> String {
    match unit {
        LagUnit::Bytes => format!("{}/s", format::bytes(rate)),
        LagUnit::Changes | LagUnit::Transactions => format!("{}/s", format::count(rate)),
    }
}

/// So many units of a log.
pub(super) fn amount(behind: u64, unit: LagUnit) -> String {
    match unit {
        LagUnit::Bytes => format::bytes(behind),
        LagUnit::Changes => format::counted(behind, "row", "rows"),
        LagUnit::Transactions => format!("{} tx", format::count(behind)),
    }
}

/// Why a look is not as it must be. How far behind the link is stands beside it already.
fn what_is_wrong(seen: Seen<'_>) -> &str {
    let text = seen.evidence.text.as_str();
    text.split_once(" behind, ").map_or(text, |(_, why)| why.strip_prefix("yet ").unwrap_or(why))
}

fn trend<'a>(scene: &Scene<'a>, seen: Seen<'a>, call: Call) -> Words<'a> {
    let over = seen.standing == Standing::Over;
    let role = call.role(if over { Role::Dim } else { Role::Normal });
    let bright = call.role(if over { Role::Dim } else { Role::Figure });
    if seen.standing == Standing::Out {
        return words(Role::Dim, scene.not_watched(seen.probe));
    }
    let (Some(track), Some(lag)) = (scene.readings.track(&seen.probe.id), lag(scene, seen)) else {
        return words(call.role(Role::Dim), seen.evidence.text.clone());
    };
    // However it goes on, waiting mends nothing.
    if let Some(why) = &lag.stopped {
        return words(role, why.as_str());
    }
    match (track.trend(), seen.standing) {
        // What is wrong with it, and not what is well in spite of that.
        (Trend::Zero | Trend::Steady | Trend::Unclear, Standing::Wrong(_) | Standing::Waived) => {
            words(role, what_is_wrong(seen))
        }
        (Trend::Zero, _) => match track.zero_since {
            Some(since) => {
                let held = track.last.as_ref().map_or(since, |last| last.boot).since(since);
                words(role, "zero for ").and(bright, format::span(held))
            }
            None => words(role, "at zero"),
        },
        (Trend::Draining(left), _) => words(role, "zero in ").and(bright, within(left)),
        (Trend::Growing(rate), _) => {
            // A rate is positive and far below what a count holds.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
            let rate = rate.clamp(1.0, 1e15) as u64;
            words(role, "growing ").and(bright, rate_of(rate, lag.unit)).and(role, late(lag))
        }
        (Trend::Steady, _) => words(role, "steady").and(role, late(lag)),
        (Trend::Unclear, _) => words(call.role(Role::Dim), "no trend yet"),
    }
}

/// `about 20s`, `15s-30s`: no more certain than it is.
fn within(left: Left) -> String {
    let soonest = format::span(left.soonest);
    match left.latest.map(format::span) {
        Some(latest) if latest == soonest => format!("about {soonest}"),
        Some(latest) => format!("{soonest}-{latest}"),
        None => format!("{soonest} or more"),
    }
}

/// The server's own figure of time, beside the position and never in its place.
fn late(lag: &Lag) -> String {
    let late = Duration::from_millis(lag.late_ms.unwrap_or(0));
    if late.as_secs() == 0 { String::new() } else { format!(", {} late", format::span(late)) }
}

/// So many of the last looks, oldest first; a look that failed is a gap.
pub(super) fn course(track: &Track, looks: usize) -> Vec<Option<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "a column is eight steps high")]
    let height = |behind: u64| behind as f64;
    let skip = track.trend.len().saturating_sub(looks);
    track.trend.iter().skip(skip).map(|(_, behind)| behind.map(height)).collect()
}
