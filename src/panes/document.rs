//! What a detail says: of steps, of what is measured, of alarms, records, sessions, rows, people.

use std::collections::HashMap;
use std::time::Duration;

use crate::engine::event::AlarmId;
use crate::engine::rules::evidence::Evidence;
use crate::engine::rules::{steps, wayback};
use crate::engine::state::{Alarm, StepState};
use crate::plan::model::{Severity, Step, StepKind};
use crate::plan::{EndpointId, PersonId, ProbeId, StepId};
use crate::ui::format;
use crate::ui::safe::SafeText;
use crate::ui::theme::Role;

use super::compared;
use super::detail::Doc;
use super::item::Item;
use super::looks::{facts, measured, probe};
use super::plain;
use super::request::{Output, Source};
use super::row::{Words, words};
use super::scene::Scene;
use super::words as say;

/// At most so many lines of output are shown.
const OUTPUT_LINES: usize = 2_000;

/// Everything about an item, as it is now.
pub(super) fn of(scene: &Scene<'_>, item: &Item, outputs: &HashMap<Source, Output>) -> Doc {
    match item {
        Item::Step(id) => step(scene, id, outputs),
        Item::Probe(id) => probe(scene, id, outputs),
        Item::Alarm(id) => alarm(scene, id, outputs),
        Item::Record(seq, n) => record(scene, *seq, *n),
        Item::Session(endpoint, id) => session(scene, endpoint, id),
        Item::Table(id, table) => compared::table(scene, id, table, outputs),
        Item::Difference(id, n) => compared::difference(scene, id, *n, outputs),
        Item::Evidence(ids) => evidence(scene, ids, outputs),
        Item::Person(id) => person(scene, id),
        Item::WayBack => way_back(scene),
    }
}

/// Where more about an item stands that is in no journal.
pub(super) fn source(scene: &Scene<'_>, item: &Item) -> Option<Source> {
    match item {
        Item::Step(id) => {
            let attempts = scene.state.step(scene.plan, id)?.attempts;
            (attempts > 0 && scene.plan.step(id).is_some_and(Step::has_effect))
                .then(|| Source::Step(id.clone(), attempts))
        }
        Item::Probe(id) | Item::Alarm(AlarmId::Probe(id)) => Some(Source::Probe(id.clone())),
        Item::Evidence(ids) => {
            let id = ProbeId::from(ids.first()?.as_str());
            scene.plan.probe(&id).map(|probe| Source::Probe(probe.id.clone()))
        }
        Item::Table(id, table) => Some(Source::Table(id.clone(), table.clone())),
        Item::Difference(id, n) => compared::of_difference(scene, id, *n),
        Item::Alarm(_) | Item::Record(..) | Item::Session(..) | Item::Person(_) | Item::WayBack => None,
    }
}

/// Id and title, once where they are the same.
pub(super) fn named(id: &str, title: &str) -> String {
    if id == title { id.to_owned() } else { format!("{id}  {title}") }
}

pub(super) fn gone(what: &str) -> Doc {
    let mut doc = Doc::new(what);
    doc.say(words(Role::Dim, "it is not there any more"));
    doc
}

fn step(scene: &Scene<'_>, id: &StepId, outputs: &HashMap<Source, Output>) -> Doc {
    let Some((step, at)) = scene.plan.step(id).zip(scene.state.step(scene.plan, id)) else {
        return gone(id.as_str());
    };
    let mut doc = Doc::new(named(step.id.as_str(), &step.title));
    doc.note = words(Role::Bright, steps::word(at));
    progress(scene, step, at, &mut doc);
    doc.head("What it does");
    for (label, text) in plain::step(step) {
        doc.plain(&label, text);
    }
    doc.plain("owner", super::step::owner(step));
    doc.plain("after", step.after.iter().map(StepId::as_str).collect::<Vec<_>>().join(", "));
    doc.fact("estimate", figure(step.estimate));
    doc.fact("timeout", figure(step.timeout));
    if step.retries.times > 0 {
        let after = format::span(step.retries.backoff);
        doc.plain(
            "retries",
            format!("{}, first after {after}", format::counted(step.retries.times.into(), "time", "times")),
        );
    }
    if let Some(until) = &step.holds_until {
        doc.plain("holds until", format!("{until} has finished"));
    }
    let may = [
        (step.idempotent, "may run twice"),
        (step.skippable, "may be skipped"),
        (step.switch, "moves users"),
    ];
    let may: Vec<&str> = may.into_iter().filter(|(yes, _)| *yes).map(|(_, what)| what).collect();
    doc.plain("it", may.join(", "));
    if step.point_of_no_return {
        doc.fact("it", words(Role::Caution, "is the point of no return"));
    }
    let fence = match &step.kind {
        StepKind::Fence(fence) => Some(&fence.probe),
        _ => None,
    };
    let proofs = [("Proof", fence), ("Proof", step.proof.as_ref()), ("Preflight", step.preflight.as_ref())];
    for (label, id) in proofs {
        if let Some(probe) = id.and_then(|id| scene.plan.probe(id)) {
            doc.head(label);
            measured(scene, probe, &mut doc);
            facts(scene, probe, &mut doc);
        }
    }
    if at.attempts > 0 {
        output(&mut doc, outputs.get(&Source::Step(id.clone(), at.attempts)), "Output");
    }
    doc
}

fn progress(scene: &Scene<'_>, step: &Step, at: &StepState, doc: &mut Doc) {
    if let Some(started) = at.started {
        doc.fact("began", words(Role::Figure, scene.time(started.wall)));
    }
    if let Some(ended) = at.ended.filter(|_| !at.is_proving()) {
        doc.fact("ended", words(Role::Figure, scene.time(ended.wall)));
    }
    if let Some(took) = at.took(scene.now) {
        let late = step.estimate.and_then(|e| took.checked_sub(e)).filter(|over| over.as_secs() > 0);
        let mut line = words(Role::Figure, format::span(took));
        if let Some(over) = late {
            line.push(Role::Caution, format!(", {} more than estimated", format::span(over)));
        }
        doc.fact("took", line);
    }
    if at.attempts > 1 {
        doc.fact("tries", words(Role::Figure, at.attempts.to_string()));
    }
    doc.plain("by", at.by.clone().unwrap_or_default());
    doc.plain("said", at.detail.clone());
    let slot = scene.plan.slot(&step.id);
    let says = slot.map_or_else(Vec::new, |slot| super::step::says(scene, step, at, slot));
    match &at.reopened {
        Some(why) if says.is_empty() => doc.fact("reopened", words(Role::Warning, why.clone())),
        Some(_) | None => {}
    }
    for (n, line) in says.into_iter().enumerate() {
        doc.fact(if n == 0 { "now" } else { "" }, line);
    }
    if let Some(out) = &at.output {
        doc.plain("output", format!("{}, sha256 {}", format::bytes(out.bytes), say::short(&out.sha256)));
    }
}

fn alarm(scene: &Scene<'_>, id: &AlarmId, outputs: &HashMap<Source, Output>) -> Doc {
    let Some(alarm) = scene.state.alarms.get(id) else { return gone("alarm") };
    let mut doc = match id {
        AlarmId::Probe(of) => probe(scene, of, outputs),
        AlarmId::Step(of) => step(scene, of, outputs),
        AlarmId::OutageBudget | AlarmId::Window | AlarmId::NoOperator => Doc::default(),
    };
    let about = std::mem::take(&mut doc.lines);
    doc.title.clone_from(&alarm.text);
    alarm_facts(scene, alarm, &mut doc);
    if !about.is_empty() {
        doc.head("What it is about");
        doc.lines.extend(about);
    }
    doc
}

fn alarm_facts(scene: &Scene<'_>, alarm: &Alarm, doc: &mut Doc) {
    let loud = match alarm.severity {
        Severity::Advisory => "advisory: worth knowing",
        Severity::Caution => "caution: wants attention soon",
        Severity::Warning => "warning: wants an answer, and blocks gates until it has one",
    };
    doc.fact("is", words(super::standing::Call::from(alarm.severity).role(Role::Normal), loud));
    doc.fact("raised", words(Role::Figure, scene.time(alarm.raised)));
    if alarm.count > 1 {
        doc.fact("how often", words(Role::Figure, alarm.count.to_string()));
    }
    match &alarm.acknowledged {
        Some((by, at)) => doc.plain("answered", format!("by {by} at {}", scene.time(*at))),
        None => doc.fact("answered", words(Role::Caution, "not yet")),
    }
    match alarm.cleared {
        Some(at) => doc.plain("over", format!("since {}", scene.time(at))),
        None => doc.plain("over", "no: its cause is still there"),
    }
}

fn record(scene: &Scene<'_>, seq: u64, n: usize) -> Doc {
    let Some(record) = scene.journal.iter().rev().find(|record| record.seq == seq) else {
        return gone("record");
    };
    let mut doc = Doc::new(format!("Record {}", format::count(seq)));
    doc.note = words(Role::Dim, scene.time(record.at));
    doc.plain("written", record.at.rfc3339());
    doc.plain("hash", record.hash.clone());
    if record.unacknowledged {
        doc.fact("", words(Role::Caution, "not acknowledged: it lies beyond the head"));
    }
    for (i, event) in record.events.iter().enumerate() {
        let line = say::of(scene.plan, event);
        doc.head(&format!("{}: {}", line.subject, line.what));
        if !line.detail.is_empty() {
            doc.say(words(if i == n { Role::Bright } else { Role::Normal }, line.detail.into_owned()));
        }
        let json = serde_json::to_string_pretty(event).unwrap_or_else(|e| e.to_string());
        for line in json.lines() {
            doc.say(words(Role::Dim, line.to_owned()));
        }
    }
    doc
}

fn session(scene: &Scene<'_>, endpoint: &EndpointId, id: &str) -> Doc {
    let found = super::freeze::sessions(scene).into_iter().find(|(e, s)| *e == endpoint && s.id == id);
    let Some((_, session)) = found else { return gone("session") };
    let mut doc = Doc::new(format!("{}  session {} on {endpoint}", session.application, session.id));
    doc.plain("account", session.account.clone());
    if let Some(host) = &session.client {
        doc.plain("from", host.clone());
    }
    if let Some(why) = &session.passes {
        doc.fact("passes", words(Role::Caution, why.clone()));
    }
    doc.plain("since", scene.moment(session.since));
    doc.plain("last write", session.last_write.map_or_else(|| "not known".to_owned(), |at| scene.moment(at)));
    doc.plain("ran last", session.statement.clone().unwrap_or_default());
    doc.plain("spared", session.spared.clone().unwrap_or_else(|| "no".to_owned()));
    doc
}

fn evidence(scene: &Scene<'_>, ids: &[String], outputs: &HashMap<Source, Output>) -> Doc {
    let lines: Vec<&Evidence> = scene.figures.evidence.iter().filter(|e| ids.contains(&e.id)).collect();
    let [first, ..] = lines.as_slice() else { return gone("evidence") };
    let mut doc = Doc::new(if lines.len() == 1 {
        first.title.clone()
    } else {
        format!("{} lines of evidence", lines.len())
    });
    for line in &lines {
        if lines.len() > 1 {
            doc.head(&line.title);
        }
        doc.plain("on the sheet", line.verdict.word());
        doc.plain("must be", line.bound.clone());
        doc.plain("says", line.text.clone());
        doc.plain("at", line.position.clone().unwrap_or_default());
        doc.plain("finding", line.finding.clone().unwrap_or_default());
        if let Some((by, why)) = &line.waived {
            doc.fact("waived", words(Role::Caution, format!("by {by}: {why}")));
        }
    }
    if let Some((gate, _)) = scene.state.open_gate() {
        let missing = super::gate::missing(scene, gate, &scene.figures.evidence);
        if !missing.is_empty() {
            doc.head("What is missing at the gate");
        }
        for what in missing {
            doc.say(words(Role::Caution, what));
        }
    }
    if let Some(about) = scene.plan.probe(&ProbeId::from(first.id.as_str())).filter(|_| lines.len() == 1) {
        doc.head("What was looked at");
        doc.lines.extend(probe(scene, &about.id, outputs).lines);
    }
    doc
}

fn person(scene: &Scene<'_>, id: &PersonId) -> Doc {
    let Some(person) = scene.plan.people.iter().find(|p| p.id == *id) else { return gone(id.as_str()) };
    let mut doc = Doc::new(person.id.to_string());
    doc.plain("answers for", person.role.clone());
    doc.plain("reached at", person.contact.clone().unwrap_or_else(|| "the plan does not say".to_owned()));
    doc.plain("stands in", person.backup.as_ref().map_or_else(String::new, ToString::to_string));
    if person.rollback {
        doc.plain("may", "order the way back alone");
    }
    doc.head("Steps");
    for step in scene.plan.steps.iter().chain(scene.plan.rollback_steps()) {
        let theirs = step.owner.as_deref().is_some_and(|o| o == person.id.as_str() || o == person.role);
        if let Some(at) = scene.state.step(scene.plan, &step.id).filter(|_| theirs) {
            doc.plain(step.id.as_str(), format!("{}, {}", step.title, steps::word(at)));
        }
    }
    doc
}

fn way_back(scene: &Scene<'_>) -> Doc {
    let mut doc = Doc::new("Way back");
    doc.note = super::wayback::note(scene);
    let takes = scene.figures.way_back.takes;
    doc.fact("takes", figure(takes));
    if let Some(at) = scene.figures.way_back.last_safe {
        doc.fact("last safe", words(Role::Figure, scene.time(at)));
    }
    doc.plain("asked for by", "`:rollback`; it has a gate of its own");
    doc.head("In this order");
    let list: Vec<&Step> = if scene.state.switched.is_some() {
        scene.plan.rollback_steps().iter().collect()
    } else {
        wayback::to_undo(scene.plan, scene.state).collect()
    };
    for step in list {
        let what = if scene.state.switched.is_some() {
            plain::step(step)
        } else {
            step.undo.as_ref().map(plain::undo).unwrap_or_default()
        };
        let text =
            what.into_iter().map(|(label, text)| format!("{label} {text}")).collect::<Vec<_>>().join(", ");
        doc.plain(step.id.as_str(), format!("{}: {text}", step.title));
    }
    doc
}

fn figure(time: Option<Duration>) -> Words<'static> {
    time.map_or_else(Words::none, |time| words(Role::Figure, format::span(time)))
}

/// What stands in no journal: the end of an output.
pub(super) fn output(doc: &mut Doc, output: Option<&Output>, title: &str) {
    let Some(output) = output else { return };
    doc.head(title);
    doc.plain("asked", output.asked.clone().unwrap_or_default());
    if let Some(why) = &output.missing {
        doc.say(words(Role::Dim, why.clone()));
        return;
    }
    if output.cut > 0 {
        doc.say(words(Role::Dim, format!("{} before this are not shown", format::bytes(output.cut))));
    }
    let lines: Vec<&[u8]> = output.tail.split(|b| *b == b'\n').collect();
    for line in lines.iter().skip(lines.len().saturating_sub(OUTPUT_LINES)) {
        let text = SafeText::from_bytes(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        doc.say(words(Role::Normal, text));
    }
}
