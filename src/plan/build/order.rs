//! What follows what.
//!
//! A step follows the step before it unless it says otherwise; the first step of a phase follows every step of
//! the phase before that nothing there follows. Owns the round that leads back to itself, and the longest way
//! through a list of steps.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::super::diagnostic::{Diagnostic, Findings};
use super::View;
use crate::plan::ids::StepId;
use crate::plan::model::{Phase, Step};

/// Rounds are named up to this many.
const MOST_ROUNDS: usize = 20;

/// Fills in what the plan leaves unsaid about `after`, and reports rounds.
pub(super) fn follow(
    phases: &[Phase],
    steps: &mut [Step],
    tables: &HashMap<StepId, View<'_>>,
    findings: &mut Findings,
) {
    let mut before: Vec<StepId> = Vec::new();
    for phase in phases {
        let Some(own) = steps.get_mut(phase.first..phase.first + phase.count) else { continue };
        let mut last = None;
        for step in own.iter_mut() {
            if !says(step, tables) {
                step.after = last.map_or_else(|| before.clone(), |id| vec![id]);
            }
            last = Some(step.id.clone());
        }
        let followed: HashSet<&StepId> = own.iter().flat_map(|s| &s.after).collect();
        let ends: Vec<StepId> =
            own.iter().map(|s| &s.id).filter(|id| !followed.contains(id)).cloned().collect();
        if !ends.is_empty() {
            before = ends;
        }
    }
    rounds(steps, tables, findings);
}

/// Whether the plan itself says what a step comes after.
fn says(step: &Step, tables: &HashMap<StepId, View<'_>>) -> bool {
    tables.get(&step.id).is_some_and(|v| v.has("after"))
}

/// Positions of the steps that each step comes directly after.
pub(in crate::plan) fn links(steps: &[Step]) -> Vec<Vec<usize>> {
    let at: HashMap<&StepId, usize> = steps.iter().enumerate().map(|(i, s)| (&s.id, i)).collect();
    steps.iter().map(|s| s.after.iter().filter_map(|id| at.get(id).copied()).collect()).collect()
}

/// Everything that a step comes after, directly or not, itself left out.
pub(in crate::plan) fn ancestors(links: &[Vec<usize>], of: usize) -> HashSet<usize> {
    let mut seen = HashSet::new();
    let mut open: Vec<usize> = links.get(of).cloned().unwrap_or_default();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(links.get(next).into_iter().flatten());
        }
    }
    seen
}

/// Positions in an order in which each comes after what it follows; those of a round are left out.
pub(in crate::plan) fn sorted(links: &[Vec<usize>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = links.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); links.len()];
    for (i, before) in links.iter().enumerate() {
        for &b in before {
            if let Some(list) = followers.get_mut(b) {
                list.push(i);
            }
        }
    }
    let mut order: Vec<usize> = (0..links.len()).filter(|&i| waiting.get(i) == Some(&0)).collect();
    let mut done = 0;
    while let Some(&next) = order.get(done) {
        done += 1;
        for &f in followers.get(next).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(f) {
                *left -= 1;
                if *left == 0 {
                    order.push(f);
                }
            }
        }
    }
    order
}

/// The longest way through a list of steps, by their estimates; what has none counts as nothing.
pub(in crate::plan) fn longest(steps: &[Step]) -> Duration {
    ends(steps).into_iter().max().unwrap_or_default()
}

/// When each step would be done if all began together, by estimates.
pub(in crate::plan) fn ends(steps: &[Step]) -> Vec<Duration> {
    let links = links(steps);
    let mut ends = vec![Duration::ZERO; steps.len()];
    for i in sorted(&links) {
        let begins = links
            .get(i)
            .into_iter()
            .flatten()
            .filter_map(|&b| ends.get(b).copied())
            .max()
            .unwrap_or_default();
        let takes = steps.get(i).and_then(|s| s.estimate).unwrap_or_default();
        if let Some(end) = ends.get_mut(i) {
            *end = begins.saturating_add(takes);
        }
    }
    ends
}

fn rounds(steps: &[Step], tables: &HashMap<StepId, View<'_>>, findings: &mut Findings) {
    let mut links = links(steps);
    for _ in 0..MOST_ROUNDS {
        let sorted: HashSet<usize> = sorted(&links).into_iter().collect();
        let Some(start) = (0..links.len()).find(|i| !sorted.contains(i)) else { return };
        let round = round(&links, &sorted, start);
        report(&round, steps, tables, findings);
        for i in round {
            if let Some(list) = links.get_mut(i) {
                list.clear();
            }
        }
    }
}

/// From a step that never comes up, back to where the way meets itself.
fn round(links: &[Vec<usize>], sorted: &HashSet<usize>, start: usize) -> Vec<usize> {
    let mut way = vec![start];
    let mut seen: HashMap<usize, usize> = HashMap::from([(start, 0)]);
    loop {
        let here = way.last().copied().unwrap_or(start);
        let Some(&next) = links.get(here).into_iter().flatten().find(|b| !sorted.contains(b)) else {
            return way;
        };
        if let Some(&from) = seen.get(&next) {
            return way.split_off(from);
        }
        seen.insert(next, way.len());
        way.push(next);
    }
}

fn report(round: &[usize], steps: &[Step], tables: &HashMap<StepId, View<'_>>, findings: &mut Findings) {
    // Walked against the order of time, so told the other way round.
    let mut ids: Vec<&StepId> = round.iter().rev().filter_map(|&i| steps.get(i)).map(|s| &s.id).collect();
    let least = ids.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(i, _)| i);
    ids.rotate_left(least);
    let named: Vec<&str> = ids.iter().chain(ids.first()).map(|id| id.as_str()).collect();
    // Only what the plan says can lead forward, so that one of the round names a later one in its own `after`.
    // Without that it follows the step before it, and the round is broken.
    let at = |i: usize| steps.get(i).map(|s| &s.id);
    let speaker = round.iter().zip(round.iter().cycle().skip(1)).find(|&(step, waits_for)| waits_for >= step);
    let Some((&speaker, &waits_for)) = speaker else { return };
    let (Some(speaker), Some(waits_for)) = (at(speaker), at(waits_for)) else { return };
    let Some(view) = tables.get(speaker).filter(|view| view.has("after")) else { return };
    let help = match (waits_for == speaker, view.texts("after").len()) {
        (true, _) => "a step cannot wait for itself: take it out".to_owned(),
        (false, 0 | 1) => {
            let first = steps.first().is_some_and(|first| first.id == *speaker);
            let then = if first { "it comes first" } else { "it follows the step before it" };
            format!("take after = [\"{waits_for}\"] out of `{speaker}`: then {then}")
        }
        (false, _) => format!("take `{waits_for}` out of the `after` of `{speaker}`"),
    };
    let shown = if named.len() > 12 {
        format!("{} → …", named.iter().take(12).copied().collect::<Vec<_>>().join(" → "))
    } else {
        named.join(" → ")
    };
    let mut diagnostic =
        Diagnostic::error("cycle", view.at("after"), format!("steps wait for each other: {shown}"))
            .label("leads back to itself")
            .help(help)
            .unclear(true);
    for other in round.iter().filter_map(|&i| steps.get(i)).filter_map(|s| tables.get(&s.id)).take(4) {
        if other.at != view.at {
            diagnostic = diagnostic.related(other.at("id"), "in the round");
        }
    }
    findings.push(diagnostic);
}
