//! What a detail says of something measured: what it is worth, what was seen, how it is looked at.

use std::collections::HashMap;
use std::time::Duration;

use crate::engine::reading::{Compared, Facts, FenceFacts, FenceState, SessionSeen};
use crate::engine::state::Recorded;
use crate::plan::ProbeId;
use crate::plan::model::{Probe, ProbeKind, Schedule};
use crate::ui::actions::Action;
use crate::ui::format;
use crate::ui::theme::Role;

use super::compared;
use super::detail::{Doc, DocLine};
use super::differing;
use super::document::{gone, named, output};
use super::plain;
use super::replication;
use super::request::{Output, Source};
use super::row::words;
use super::scene::Scene;
use super::standing::Standing;
use super::words as say;

pub(super) fn probe(scene: &Scene<'_>, id: &ProbeId, outputs: &HashMap<Source, Output>) -> Doc {
    let Some(probe) = scene.plan.probe(id) else { return gone(id.as_str()) };
    let mut doc = Doc::new(named(probe.id.as_str(), &probe.title));
    measured(scene, probe, &mut doc);
    facts(scene, probe, &mut doc);
    doc.head("How it is looked at");
    for (label, text) in plain::probe(&probe.kind) {
        doc.plain(&label, text);
    }
    let every = match probe.schedule {
        Schedule::Every(every) => format!("every {}", format::span(every)),
        Schedule::OnDemand => "when a step asks".to_owned(),
    };
    doc.plain("when", every);
    doc.plain("from", probe.from.as_ref().map_or_else(String::new, |host| host.0.clone()));
    let timeout = format::span(probe.timeout);
    let stale = match probe.max_age {
        Duration::MAX => String::new(),
        age => format!("; stale after {}", format::span(age)),
    };
    let took = scene.readings.track(id).and_then(|t| t.last.as_ref()).map(|last| last.took_ms);
    let took = took.map_or_else(String::new, |ms| {
        format!("the last took {}, ", format::span(Duration::from_millis(ms)))
    });
    doc.plain("budget", format!("{took}{timeout} at most{stale}"));
    if let Some(since) = &probe.since {
        doc.plain("counts", format!("since {since} has finished"));
    }
    if let Some(until) = &probe.until {
        doc.plain("counts", format!("until {until} has finished"));
    }
    output(&mut doc, outputs.get(&Source::Probe(id.clone())), "Last answer");
    doc
}

/// Verdict, words, bound and age of something measured.
pub(super) fn measured(scene: &Scene<'_>, probe: &Probe, doc: &mut Doc) {
    let Some(seen) = scene.seen(&probe.id) else { return };
    let role = seen.standing.call().role(Role::Normal);
    let word = match seen.standing {
        Standing::Well => "good",
        Standing::Past => "was good when it was asked for",
        Standing::NotYet => "not due yet",
        Standing::Out => scene.not_watched(probe),
        Standing::Waived => "waived",
        Standing::Wrong(_) => "not as it must be",
        Standing::Unknown => seen.evidence.verdict.word(),
        Standing::Over => "not looked at any more: the run is over",
    };
    doc.fact("is", words(role, word));
    if seen.standing != Standing::Out {
        doc.fact("says", words(role, seen.evidence.text.clone()));
    }
    if let Some(now) = compared::under_way(scene, &probe.id) {
        doc.fact("under way", words(Role::Gauge, compared::at_length(now)));
    }
    doc.plain("must be", seen.evidence.bound.clone());
    doc.plain("at", seen.evidence.position.clone().unwrap_or_default());
    if let Some(last) = scene.readings.track(&probe.id).and_then(|t| t.last.as_ref()) {
        let age = format::span(scene.now.boot.since(last.boot));
        doc.fact(
            "looked at",
            words(Role::Figure, scene.time(last.at)).and(Role::Dim, format!(", {age} ago")),
        );
    }
    let same = |recorded: &&Recorded| recorded.verdict == seen.evidence.verdict;
    if let Some(recorded) = scene.state.verdicts.get(&probe.id).filter(same) {
        doc.plain("so since", scene.time(recorded.since));
    }
}

/// What was seen, beyond the words.
pub(super) fn facts(scene: &Scene<'_>, probe: &Probe, doc: &mut Doc) {
    let Some(track) = scene.readings.track(&probe.id) else { return };
    if matches!(probe.kind, ProbeKind::Link(_)) {
        let call = scene.seen(&probe.id).map(|seen| replication::call(scene, seen));
        let role = call.map_or(Role::Gauge, |call| call.role(Role::Gauge));
        doc.lines.push(DocLine::Course(replication::course(track, 120), role));
    }
    match scene.readings.measure(&probe.id).map(|m| &m.facts) {
        Some(Facts::Lag(lag)) => {
            doc.fact("behind", words(Role::Figure, replication::amount(lag.behind, lag.unit)));
            doc.plain("source at", lag.source.clone());
            doc.plain("target at", lag.target.clone());
            if let Some(marker) = &lag.marker {
                let took = marker.took_ms.map_or_else(
                    || "under way".to_owned(),
                    |ms| format!("came through in {}", format::span(Duration::from_millis(ms))),
                );
                doc.plain("marker", format!("{}, sent {}, {took}", marker.id, scene.time(marker.sent)));
            }
        }
        Some(Facts::Fence(fence)) => fence_facts(scene, fence, doc),
        Some(Facts::Compared(compared)) => {
            compared_facts(scene, compared, doc);
            if compared.differences > 0 {
                doc.fact("way on", differing::way_on(scene, probe, true));
            }
        }
        Some(Facts::Still(still)) => {
            doc.plain("baseline", say::short(&still.baseline));
            doc.fact("covers", words(Role::Figure, format::counted(still.objects, "object", "objects")));
            if scene.seen(&probe.id).is_some_and(|seen| seen.needs_waiver()) {
                let waive = scene.key_at_gate(Action::Waive).plain();
                doc.fact(
                    "way on",
                    words(
                        Role::Bright,
                        "a write that was found stays found: only a waiver at the gate goes on",
                    )
                    .and(Role::Normal, format!(" ({waive} there)")),
                );
            }
            for finding in &still.findings {
                let when = finding.when.map_or_else(String::new, |at| format!(" at {}", scene.moment(at)));
                let who = finding.who.as_ref().map_or_else(String::new, |who| format!(" by {who}"));
                doc.fact(
                    "breach",
                    words(Role::Caution, format!("{} {}{when}{who}", finding.what, finding.change)),
                );
            }
        }
        Some(Facts::Identity { system, row }) => {
            doc.plain("system", system.clone());
            doc.plain("row", row.clone().unwrap_or_default());
        }
        Some(Facts::Traps { found }) => {
            for trap in found {
                doc.fact("trap", words(Role::Caution, format!("{} {}", trap.object, trap.harm)));
                doc.plain("mend", trap.mend.clone());
            }
        }
        Some(Facts::Number { value }) => doc.fact("value", words(Role::Figure, value.to_string())),
        Some(Facts::Plain) | None => {}
    }
}

fn fence_facts(scene: &Scene<'_>, fence: &FenceFacts, doc: &mut Doc) {
    let stands = match fence.state {
        FenceState::Open => "open: it takes writes",
        FenceState::Fenced => {
            "fenced: new sessions are refused, older ones may still write until they are gone"
        }
        FenceState::Sealed => "sealed: nobody older is left, and every write is refused",
    };
    doc.plain("stands", stands);
    let at = fence.position.as_ref().filter(|at| !at.is_empty());
    doc.plain("set when", at.map_or_else(String::new, |at| format!("the log stood at {at}")));
    match &fence.refused {
        Some(code) => doc.plain("probe write", format!("refused ({code})")),
        None => doc.plain("probe write", "not refused, or not tried"),
    }
    doc.plain("moved since", format::counted(fence.moved, "row", "rows"));
    for row in &fence.moved_named {
        doc.fact("", words(Role::Caution, row.clone()));
    }
    for session in &fence.older {
        doc.fact("older session", words(Role::Caution, session_line(scene, session)));
    }
}

fn session_line(scene: &Scene<'_>, session: &SessionSeen) -> String {
    let from = session.client.as_ref().map_or_else(String::new, |host| format!(" from {host}"));
    let passes = session.passes.as_ref().map_or_else(String::new, |why| format!("; {why}"));
    let (application, account, id) = (&session.application, &session.account, &session.id);
    format!("{application} ({account}{from}), {id} since {}{passes}", scene.moment(session.since))
}

fn compared_facts(scene: &Scene<'_>, compared: &Compared, doc: &mut Doc) {
    let (wholes, parts) = if compared.trees { ("entries", "files") } else { ("tables", "rows") };
    doc.fact(wholes, words(Role::Figure, format!("{} of {} the same", compared.same, compared.tables)));
    // They were counted when they were read, and rows that are looked at again are not counted anew.
    let then = if compared.before.is_some() { " when they were read whole" } else { "" };
    doc.fact(parts, words(Role::Figure, format!("{}{then}", format::count(compared.rows))));
    doc.plain("equality", compared.equality.clone());
    if !compared.positions.0.is_empty() || !compared.positions.1.is_empty() {
        doc.plain("read at", format!("{} and {}", compared.positions.0, compared.positions.1));
    }
    if let Some(before) = &compared.before {
        let read = format!(
            "{} read whole at {}",
            format::counted(before.tables, "table", "tables"),
            scene.moment(before.at)
        );
        doc.plain("builds on", read);
        let again = format::counted(before.again, "row", "rows");
        doc.fact("since then", words(Role::Figure, format!("{again} written and looked at again")));
    }
    if compared.in_flight {
        doc.fact("", words(Role::Caution, "rows were written while they were read: a moment, no proof"));
    }
    if compared.differences > 0 {
        let (one, many) = if compared.trees { ("entry", "entries") } else { ("row", "rows") };
        doc.fact("differ", words(Role::Warning, format::counted(compared.differences, one, many)));
    }
    for row in &compared.named {
        let columns =
            if row.columns.is_empty() { String::new() } else { format!(": {}", row.columns.join(", ")) };
        doc.fact("", words(Role::Warning, format!("{} {} {}{columns}", row.table, row.key, row.kind)));
    }
}
