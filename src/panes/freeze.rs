//! Freeze: the fences, the controls and the monitors; what is locked, what stands still, what does not.

use std::sync::Arc;

use crate::engine::event::Event;
use crate::engine::reading::{Facts, FenceState, SessionSeen};
use crate::plan::EndpointId;
use crate::plan::model::{ProbeKind, Section};
use crate::ui::theme::Role;

use super::feed::Recorded;
use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::{Columns, Scene};
use super::section::{self, Gathered, Line};
use super::standing::{Seen, Standing};

pub(super) fn gather<'a>(scene: &Scene<'a>) -> Gathered<'a> {
    let seen = scene.section(Section::Freeze);
    let note = note(scene);
    Gathered { well: note.clone(), note, lines: seen.into_iter().map(Line::Probe).collect() }
}

/// Which sides are fenced, and since when where that is one.
fn note(scene: &Scene<'_>) -> Words<'static> {
    let fenced = scene.state.sides.iter().filter(|(_, side)| side.state != FenceState::Open);
    let mut fenced: Vec<_> = fenced.map(|(id, side)| (side.since, id.as_str())).collect();
    fenced.sort_unstable();
    match fenced.as_slice() {
        [] => words(Role::Dim, "writes are open"),
        [(since, id)] => words(Role::Dim, format!("{id} fenced since {}", scene.hour_minute(*since))),
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, id)| *id).collect();
            words(Role::Dim, format!("{} fenced", ids.join(" and ")))
        }
    }
}

pub(super) fn row<'a>(scene: &Scene<'a>, seen: Seen<'a>, columns: Columns) -> Row<'a> {
    let role = seen.role();
    section::probe_row(scene, seen, columns, role)
        .left(columns.text, text(scene, seen))
        .right(columns.age, scene.age(seen))
        .of(Item::Probe(seen.probe.id.clone()))
}

/// What stands beside the name.
pub(super) fn text<'a>(scene: &Scene<'a>, seen: Seen<'a>) -> Words<'a> {
    let role = seen.role();
    match (&seen.probe.kind, seen.standing) {
        (ProbeKind::Fence(_), Standing::NotYet) => words(Role::Dim, "takes writes"),
        (ProbeKind::Control(_), Standing::NotYet) => words(Role::Dim, "not locked yet"),
        (_, Standing::Out) => words(Role::Dim, scene.not_watched(seen.probe)),
        (_, Standing::NotYet) => words(Role::Dim, "not looked at yet"),
        (_, Standing::Waived) => section::waived_text(scene, seen),
        _ => section::text_of(seen, role),
    }
}

/// That a session was told to end and has not, by the records after one.
pub(super) fn goes_on(journal: &[Arc<Recorded>], after: u64) -> Option<String> {
    let new = journal.iter().filter(|record| record.seq > after).flat_map(|record| &record.events);
    new.rev().find_map(|event| match event {
        Event::SessionEnded { session, failed: Some(why), .. } => {
            let asked =
                journal.iter().flat_map(|record| &record.events).rev().find_map(|event| match event {
                    Event::SessionEndAsked { session: of, application, .. } if of == session => {
                        Some(application)
                    }
                    _ => None,
                });
            Some(format!("{} goes on: {why}", asked.unwrap_or(session)))
        }
        _ => None,
    })
}

/// The census: sessions older than a fence that are still there, with their side.
pub(super) fn sessions<'a>(scene: &Scene<'a>) -> Vec<(&'a EndpointId, &'a SessionSeen)> {
    let fences = scene.plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Fence(target) => Some((&target.endpoint, scene.readings.measure(&probe.id)?)),
        _ => None,
    });
    fences
        .filter_map(|(endpoint, measure)| match &measure.facts {
            Facts::Fence(fence) => Some(fence.older.iter().map(move |session| (endpoint, session))),
            _ => None,
        })
        .flatten()
        .collect()
}
