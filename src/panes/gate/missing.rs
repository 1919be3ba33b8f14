//! What keeps a gate from being passed, in words, worst first, with the keys that lead on.

use crate::engine::reading::Verdict;
use crate::engine::rules::evidence::{Evidence, WINDOW};
use crate::engine::state::ROLLBACK_GATE;
use crate::plan::{ProbeId, StepId};
use crate::ui::actions::Action;
use crate::ui::format;
use crate::ui::theme::Role;

use super::sheet;
use crate::panes::differing;
use crate::panes::feed::Pulse;
use crate::panes::row::{Words, words, wrap};
use crate::panes::scene::Scene;
use crate::panes::standing::never_mends;

/// So many columns of a row of the sheet are sign, name, what it was before, and age.
const BESIDE: u16 = 34;

/// Whether a GO could be said now: all of it holds, the run is not held, and the engine is there to hear it.
pub(super) fn is_ready(scene: &Scene<'_>, gate: &StepId, evidence: &[Evidence]) -> bool {
    let held = scene.state.hold.is_some() && gate.as_str() != ROLLBACK_GATE;
    !held && no_contact(scene).is_none() && evidence.iter().all(Evidence::passes)
}

/// That nobody is there to hear a decision, and in a line of its own what to do about it.
pub(in crate::panes) fn no_contact(scene: &Scene<'_>) -> Option<[Words<'static>; 2]> {
    let Pulse::None(since) = scene.feed.contact.pulse(scene.now) else { return None };
    let since = format::span(std::time::Duration::from_secs(since.as_secs()));
    let lost = format!("No contact with the engine for {since}: nothing is decided.");
    let next = if scene.drives {
        scene.key_at_gate(Action::Resume).and(Role::KeyLabel, " takes the run up again")
    } else {
        words(Role::Dim, "whoever drives takes the run up again")
    };
    Some([words(Role::Lost, lost), next])
}

/// What is missing, in at most so many lines: what has no room is counted.
pub(super) fn lines<'a>(
    scene: &Scene<'_>,
    gate: &StepId,
    evidence: &[Evidence],
    width: u16,
    most: usize,
) -> Vec<Words<'a>> {
    let what = missing(scene, gate, evidence);
    if what.is_empty() {
        let waived = evidence.iter().filter(|e| e.waived.is_some()).count();
        return vec![if waived == 0 {
            words(Role::Proved, "All of it holds.")
        } else {
            words(Role::Proved, "All the rest holds.").and(Role::Caution, format!(" {waived} waived."))
        }];
    }
    let why = worst_in_full(evidence, width).filter(|why| why.len() < most).unwrap_or_default();
    let most = most - why.len();
    let open = scene.key_at_gate(Action::Open).plain();
    let some = |n: usize| {
        let mut text = what.iter().take(n).cloned().collect::<Vec<_>>().join(", ");
        if n < what.len() {
            text = format!("{text}, and {} more ({open} has all)", what.len() - n);
        }
        words(Role::Caution, format!("Not yet: {text}"))
    };
    let fits = (1..=what.len()).rev().map(some).find(|text| wrap(&text.0, width, usize::MAX).len() <= most);
    let mut lines = wrap(&fits.unwrap_or_else(|| some(1)).0, width, most);
    lines.extend(why);
    lines
}

/// What is worst, where its row has no room for all of it.
fn worst_in_full(evidence: &[Evidence], width: u16) -> Option<Vec<Words<'static>>> {
    let says_more =
        |e: &&Evidence| !e.id.starts_with("step:") && !e.id.starts_with("alarm:") && e.id != WINDOW;
    let worst = evidence.iter().filter(|e| !e.passes()).find(says_more)?;
    let row = words(Role::Caution, worst.text.as_str());
    let is_cut = row.width() > width.saturating_sub(BESIDE);
    is_cut
        .then(|| wrap(&words(Role::Normal, format!("{}: {}", worst.title, worst.text)).0, width, usize::MAX))
}

/// What is missing, one after the other.
pub(in crate::panes) fn missing(scene: &Scene<'_>, gate: &StepId, evidence: &[Evidence]) -> Vec<String> {
    let (alarms, rest): (Vec<&Evidence>, Vec<&Evidence>) =
        evidence.iter().filter(|e| !e.passes()).partition(|e| e.id.starts_with("alarm:"));
    // Those that stand in one row are one thing here too.
    let unseen = rest.iter().filter(|e| sheet::group_of(scene, e) == Some(sheet::Group::Unseen)).count();
    let mut told = false;
    let mut what: Vec<String> = rest
        .iter()
        .filter_map(|e| {
            if unseen > 1 && sheet::group_of(scene, e) == Some(sheet::Group::Unseen) {
                return (!std::mem::replace(&mut told, true)).then(|| format!("{unseen} traps are unknown"));
            }
            Some(missing_one(scene, e))
        })
        .collect();
    let by_key = |action: Action, does: &str| {
        let key = scene.key_at_gate(action).plain();
        if scene.drives && !key.is_empty() { format!(" ({key} {does})") } else { String::new() }
    };
    // Only warnings are asked for here: the alarms pane counts the others beside them.
    match alarms.len() as u64 {
        0 => {}
        n => what.push(format!(
            "{} not answered{}",
            format::counted(n, "warning is", "warnings are"),
            by_key(Action::Answer, "answer")
        )),
    }
    // The way back may be ordered while the run is held.
    if let Some(hold) = scene.state.hold.as_ref().filter(|_| gate.as_str() != ROLLBACK_GATE) {
        let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        what.push(format!("the run is held{by}{}", by_key(Action::Resume, "go on")));
    }
    what
}

fn missing_one(scene: &Scene<'_>, line: &Evidence) -> String {
    let is =
        if line.id.starts_with("step:") || line.id == WINDOW { &line.text } else { state_of(line.verdict) };
    format!("{} is {is}{}", line.title, way_on(scene, line))
}

/// The key that leads on, where waiting does not.
fn way_on(scene: &Scene<'_>, line: &Evidence) -> String {
    let waive = || format!(" ({} waive)", scene.key_at_gate(Action::Waive).plain());
    if scene.drives && line.id == WINDOW {
        return waive();
    }
    let Some(probe) = scene.plan.probe(&ProbeId::from(line.id.as_str())) else { return String::new() };
    if scene.drives && never_mends(probe, line) {
        return waive();
    }
    if line.verdict == Verdict::Fail && differing::of(scene, probe).is_some() {
        return format!(" ({} the rows)", scene.key_at_gate(Action::ViewValidation).plain());
    }
    String::new()
}

fn state_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail => "not well",
        Verdict::Stale => "stale",
        Verdict::Unknown => "unknown",
    }
}
