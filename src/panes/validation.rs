//! Validation: what was compared or tried, and whether that still holds.

use crate::engine::course;
use crate::engine::reading::Verdict;
use crate::plan::model::{Schedule, Section};
use crate::ui::theme::Role;

use super::compared;
use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::{Columns, Scene};
use super::section::{self, Gathered, Line};
use super::standing::{Seen, Standing, on_record};

pub(super) fn gather<'a>(scene: &Scene<'a>) -> Gathered<'a> {
    let seen = scene.section(Section::Validation);
    let note = note(scene, &seen);
    Gathered { well: note.clone(), note, lines: seen.into_iter().map(Line::Probe).collect() }
}

/// How many of those that count now hold.
fn note(scene: &Scene<'_>, seen: &[Seen<'_>]) -> Words<'static> {
    if seen.is_empty() {
        return words(Role::Dim, "none in this plan");
    }
    if let Some(said) = scene.as_of() {
        return said;
    }
    let count = |wanted: Standing| seen.iter().filter(|s| s.standing == wanted).count();
    let (hold, to_come, past) = (count(Standing::Well), count(Standing::NotYet), count(Standing::Past));
    let due = seen.len() - to_come - past;
    // Each row with a tick is in one of the counts.
    let counts = [
        (due, format!("{hold} of {due} hold")),
        (past, format!("{past} held before")),
        (to_come, format!("{to_come} to come")),
    ];
    let said: Vec<String> = counts.into_iter().filter(|(n, _)| *n > 0).map(|(_, text)| text).collect();
    words(Role::Dim, if said.is_empty() { "none is due".to_owned() } else { said.join(", ") })
}

pub(super) fn row<'a>(scene: &Scene<'a>, seen: Seen<'a>, columns: Columns) -> Row<'a> {
    let role = seen.role();
    let row = match seen.standing {
        Standing::Well => section::probe_row(scene, seen, columns, role)
            .left(columns.sign, words(Role::Proved, scene.glyphs.proved)),
        Standing::NotYet => section::probe_row(scene, seen, columns, role)
            .left(columns.sign, words(Role::Dim, scene.glyphs.to_come)),
        Standing::Over if seen.evidence.verdict != Verdict::Pass => {
            section::probe_row(scene, seen, columns, Role::Dim)
        }
        Standing::Past | Standing::Over => section::probe_row(scene, seen, columns, Role::Dim)
            .left(columns.sign, words(Role::Dim, scene.glyphs.proved)),
        Standing::Out | Standing::Waived | Standing::Wrong(_) | Standing::Unknown => {
            section::probe_row(scene, seen, columns, role)
        }
    };
    row.left(columns.text, text(scene, seen))
        .right(columns.age, when(scene, seen))
        .of(Item::Probe(seen.probe.id.clone()))
}

/// What stands beside the name.
pub(super) fn text<'a>(scene: &Scene<'a>, seen: Seen<'a>) -> Words<'a> {
    // What is known already is worth nothing that anybody waits for: until then how far it is says more.
    let waits = matches!(seen.standing, Standing::Out | Standing::NotYet | Standing::Unknown);
    if let Some(now) = compared::under_way(scene, &seen.probe.id).filter(|_| waits) {
        return words(Role::Normal, compared::brief(now));
    }
    let early = matches!(seen.standing, Standing::Out | Standing::NotYet);
    if let Some(known) = compared::known(scene, &seen.probe.id).filter(|_| early) {
        return words(Role::Dim, known);
    }
    match seen.standing {
        Standing::Out => words(Role::Dim, scene.not_watched(seen.probe)),
        Standing::NotYet => words(Role::Dim, "not looked at yet"),
        Standing::Waived => section::waived_text(scene, seen),
        Standing::Past | Standing::Over => section::text_of(seen, Role::Dim),
        standing => section::text_of(seen, standing.call().role(Role::Normal)),
    }
}

/// What holds since a moment shows the moment, what is looked at all the time its age.
fn when(scene: &Scene<'_>, seen: Seen<'_>) -> Words<'static> {
    let last = scene.readings.track(&seen.probe.id).and_then(|track| track.last.as_ref());
    let percent = compared::under_way(scene, &seen.probe.id).and_then(course::Standing::percent);
    if let Some(percent) = percent {
        return words(Role::Gauge, format!("{percent} %"));
    }
    match (seen.probe.schedule, seen.standing, last) {
        (Schedule::OnDemand, Standing::Unknown, _) if seen.evidence.verdict == Verdict::Stale => {
            words(Role::Caution, "stale")
        }
        (Schedule::OnDemand, standing, Some(last)) if standing != Standing::Out => {
            words(Role::Dim, scene.hour_minute(last.at))
        }
        (Schedule::OnDemand, Standing::Past, None) => {
            let ended = on_record(scene.plan, scene.state, seen.probe).and_then(|at| at.ended);
            words(Role::Dim, ended.map_or_else(String::new, |at| scene.hour_minute(at.wall)))
        }
        _ => scene.age(seen),
    }
}
