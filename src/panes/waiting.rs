//! What a step waits for that has to be proved, what would end that, and what somebody could do about it.

use std::time::Duration;

use crate::engine::reading::Verdict;
use crate::engine::readings::{Track, Trend};
use crate::engine::rules::replication::{self, Missing};
use crate::engine::rules::sensed::{self, Proof};
use crate::engine::state::StepState;
use crate::plan::ProbeId;
use crate::plan::model::{ProbeKind, Step, StepKind, WaitFor};
use crate::ui::actions::{Action, Context};
use crate::ui::format;
use crate::ui::theme::Role;

use super::row::{Words, words};
use super::scene::Scene;
use super::standing::Call;
use super::step::{late, whole};
use super::{differing, freeze};

/// Why a step is not proved yet, or no more, and what is left to do.
pub(super) fn proving<'a>(scene: &Scene<'a>, step: &'a Step, at: &'a StepState, said: &mut Vec<Words<'a>>) {
    if let Some(why) = &at.reopened {
        said.push(words(Role::Warning, "no longer true: ").and(Role::Warning, why.as_str()));
    }
    let mut waits = match &step.kind {
        StepKind::Wait(WaitFor::CaughtUp(all)) => zero_wait(scene, all),
        _ => match sensed::proof(scene.plan, scene.state, scene.readings, step, at, scene.now) {
            Proof::NotYet(why) | Proof::Fails(why) if at.reopened.is_none() => {
                let call = proof_probes(step).map(|id| probe_call(scene, id)).max().unwrap_or(Call::None);
                words(Role::Normal, "waits: ").and(call.role(Role::Normal), why)
            }
            Proof::NotYet(_) | Proof::Fails(_) | Proof::Holds(_) => Words::none(),
        },
    };
    if let Some(over) = late(scene, step, at) {
        let comma = if waits.is_empty() { "" } else { ", " };
        waits.push(Role::Caution, format!("{comma}late by {}", format::span(whole(over))));
    }
    if !waits.is_empty() {
        said.push(waits);
    }
    if at.reopened.is_some()
        && let Some(probe) = differing::of_step(scene, step)
    {
        said.push(differing::way_on(scene, probe, false));
    }
    let next = ends_sessions(scene, step);
    if !next.is_empty() {
        said.push(next);
    }
}

/// What is left to do where sessions from before a fence keep it from being proved.
fn ends_sessions(scene: &Scene<'_>, step: &Step) -> Words<'static> {
    let StepKind::Fence(fence) = &step.kind else { return Words::none() };
    let sessions = freeze::sessions(scene);
    let left = sessions.iter().filter(|(endpoint, _)| **endpoint == fence.target.endpoint).count();
    let (show, end) = match left {
        0 => return Words::none(),
        1 => (" its session, ", " ends it"),
        _ => (" the sessions, ", " ends one"),
    };
    let Some(end_key) = scene.keys.key_for(Context::View, Action::EndSession) else { return Words::none() };
    scene
        .key(Action::ViewFreeze)
        .and(Role::KeyLabel, show)
        .and(Role::KeyName, end_key.to_string())
        .and(Role::KeyLabel, end)
}

/// The probes that prove a step.
fn proof_probes(step: &Step) -> impl Iterator<Item = &ProbeId> {
    let listed: &[ProbeId] = match &step.kind {
        StepKind::Wait(WaitFor::Good { probes, .. }) | StepKind::Check(probes) => probes,
        StepKind::Fence(fence) => std::slice::from_ref(&fence.probe),
        _ => &[],
    };
    listed.iter().chain(&step.proof)
}

fn probe_call(scene: &Scene<'_>, id: &ProbeId) -> Call {
    scene.seen(id).map_or(Call::None, |seen| seen.standing.call())
}

/// `waits for 30s of zero on billing, audit, about 48s`: which links are not there yet, and when they are.
fn zero_wait<'a>(scene: &Scene<'a>, links: &'a [ProbeId]) -> Words<'a> {
    let mut said = Words::none();
    let mut left = Some(Duration::ZERO);
    let mut other = None;
    for id in links {
        let Some(probe) = scene.plan.probe(id) else { continue };
        let ProbeKind::Link(link) = &probe.kind else { continue };
        let Err(why) =
            replication::caught_up(scene.plan, scene.state, scene.readings, probe, link, scene.now)
        else {
            continue;
        };
        let Some(seen) = scene.seen(id) else { continue };
        let trend = scene.readings.track(id).map_or(Trend::Unclear, Track::trend);
        let needs = match why {
            _ if matches!(seen.evidence.verdict, Verdict::Stale | Verdict::Unknown) => None,
            Missing::Time { held, wanted } => Some(wanted.saturating_sub(held)),
            Missing::Behind(_) | Missing::Zero | Missing::Reading => match trend {
                Trend::Zero => Some(link.zero_for),
                Trend::Draining(drains) => Some(drains.likely.saturating_add(link.zero_for)),
                Trend::Growing(_) | Trend::Steady | Trend::Unclear => None,
            },
            Missing::Fence(_) | Missing::Looks(_) | Missing::Marker(_) => {
                // Time alone does not bring it, and only words tell what is missing.
                let why = match seen.evidence.verdict {
                    Verdict::Fail => seen.evidence.text.clone(),
                    Verdict::Pass | Verdict::Stale | Verdict::Unknown => why.to_string(),
                };
                other = Some((seen.standing.call(), format!("{}: {why}", probe.title)));
                None
            }
        };
        left = left.zip(needs).map(|(a, b)| a.max(b));
        let role = super::replication::call(scene, seen).role(Role::Normal);
        if said.is_empty() {
            said.push(Role::Normal, "waits for ");
            said.push(Role::Figure, format::span(link.zero_for));
            said.push(Role::Normal, " of zero on ");
        } else {
            said.push(Role::Normal, ", ");
        }
        said.push(role, probe.title.as_str());
    }
    if let Some((call, why)) = other {
        return words(Role::Normal, "waits: ").and(call.role(Role::Normal), why);
    }
    if let Some(left) = left.filter(|_| !said.is_empty()) {
        said.push(Role::Normal, ", about ");
        said.push(Role::Figure, format::span(whole(left)));
    }
    said
}
