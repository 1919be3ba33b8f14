//! What a probe is worth by itself, whoever asks: its verdict, its bound, its position, and exactly what is wrong.
//!
//! [`of_probe`] is the one judgement that steps, gates and panes share; [`last_look`] is only what was seen. Refuses
//! to know what rests on it: see `evidence` for gates, `sensed` for steps.

use std::time::Duration;

use super::evidence::{Evidence, finding};
use super::expiry::expiry;
use super::validation;
use crate::clock::{Boot, Now};
use crate::engine::State;
use crate::engine::reading::{Facts, FenceFacts, Still, Verdict};
use crate::engine::readings::Readings;
use crate::engine::state::Side;
use crate::plan::Plan;
use crate::plan::model::{Probe, ProbeKind, Schedule, Section};

/// What a probe is worth now: what its last look said, as long as the ground under it has not moved since. What was
/// compared before somebody wrote is stale, however lately that was and whoever looks again by itself.
pub fn of_probe(plan: &Plan, state: &State, readings: &Readings, probe: &Probe, now: Now) -> Evidence {
    let mut line = last_look(state, readings, probe, now.boot);
    if line.verdict == Verdict::Pass
        && let Err(why) = validation::still_holds(plan, state, readings, probe)
    {
        line.verdict = Verdict::Stale;
        line.finding = Some(finding(&line.id, &why));
        line.text = why;
    }
    if line.verdict == Verdict::Pass
        && let Some(expiry) = expiry(plan, state, probe, now)
    {
        let until = expiry.at.hour_minute(plan.offset);
        if expiry.left.is_some() {
            line.text = format!("{}, until {until}", line.text);
        } else {
            line.verdict = Verdict::Stale;
            line.finding = Some(finding(&line.id, "lifts itself"));
            line.text = format!("was to lift itself at {until}: enforce it again");
        }
    }
    line
}

/// What the last look of a probe said, and whether it is too old; whether it still holds is [`of_probe`]'s part.
pub fn last_look(state: &State, readings: &Readings, probe: &Probe, now: Boot) -> Evidence {
    let track = readings.track(&probe.id);
    let verdict = readings.verdict(probe, now);
    let last = track.and_then(|t| t.last.as_ref());
    let text = match last.map(|r| &r.result) {
        None => "not measured yet".to_owned(),
        Some(Ok(measure)) => measure.text.clone(),
        Some(Err(why)) => why.to_string(),
    };
    let wrong = (verdict != Verdict::Pass).then(|| {
        let what = match last.map(|r| &r.result) {
            Some(Ok(m)) if verdict == Verdict::Fail => what_is_wrong(&m.facts, &m.text),
            Some(Ok(_) | Err(_)) | None => verdict.word().to_owned(),
        };
        finding(probe.id.as_str(), &what)
    });
    let position = match last.map(|r| &r.result) {
        Some(Ok(m)) => match &m.facts {
            Facts::Fence(_) => fence_position(state, probe),
            // What is compared again and again holds at another position each time, and that is no news.
            Facts::Compared(c) => {
                (probe.schedule == Schedule::OnDemand && !c.trees).then(|| c.positions.0.clone())
            }
            Facts::Still(Still { baseline, .. }) => Some(baseline.chars().take(12).collect()),
            Facts::Identity { system, .. } => Some(system.clone()),
            Facts::Plain | Facts::Number { .. } | Facts::Lag(_) | Facts::Traps { .. } => None,
        },
        Some(Err(_)) | None => None,
    };
    Evidence {
        id: probe.id.to_string(),
        title: probe.title.clone(),
        verdict,
        bound: bound(probe),
        position,
        text,
        age: track.and_then(|t| t.age(now)),
        finding: wrong,
        waived: None,
    }
}

/// What speaks against a probe. What has grown old says that it has, and not what it said when it was young.
pub(crate) fn against(probe: &Probe, seen: &Evidence) -> String {
    match too_old(probe, seen) {
        Some(_) => format!("{}: no look for too long", probe.title),
        None => format!("{}: {}", probe.title, seen.text),
    }
}

/// How old the look is, where that is what makes it stale.
pub fn too_old(probe: &Probe, evidence: &Evidence) -> Option<Duration> {
    evidence.age.filter(|age| evidence.verdict == Verdict::Stale && *age > probe.max_age)
}

fn fence_position(state: &State, probe: &Probe) -> Option<String> {
    let ProbeKind::Fence(target) = &probe.kind else { return None };
    state.sides.get(&target.endpoint).and_then(|side: &Side| side.position.clone())
}

/// What exactly is wrong: what a waiver covers. Figures that go on moving are left out where the kind of wrong
/// is the same; what names new objects is a new finding.
fn what_is_wrong(facts: &Facts, text: &str) -> String {
    match facts {
        Facts::Still(still) => {
            let mut all: Vec<String> =
                still.findings.iter().map(|f| format!("{}\u{1f}{}", f.what, f.change)).collect();
            all.sort();
            all.join("\u{1e}")
        }
        Facts::Fence(FenceFacts { state, older, moved: rows, refused, .. }) => {
            let sessions: Vec<&str> = older.iter().map(|s| s.id.as_str()).collect();
            format!("{state:?} {sessions:?} {} {refused:?}", *rows > 0)
        }
        Facts::Compared(c) => {
            let rows: Vec<String> =
                c.named.iter().map(|d| format!("{} {} {}", d.table, d.key, d.kind)).collect();
            format!("{} {rows:?}", c.differences)
        }
        Facts::Identity { system, row } => format!("{system} {row:?}"),
        Facts::Traps { found } => {
            let mut all: Vec<&str> = found.iter().map(|f| f.object.as_str()).collect();
            all.sort_unstable();
            all.join("\u{1e}")
        }
        Facts::Lag(_) | Facts::Number { .. } => "over its bound".to_owned(),
        Facts::Plain => text.to_owned(),
    }
}

fn bound(probe: &Probe) -> String {
    match &probe.kind {
        ProbeKind::Link(link) => format!("behind by at most {}", link.warn),
        ProbeKind::Fence(_) => "no write gets through".to_owned(),
        ProbeKind::Tables(_) => "every row the same".to_owned(),
        ProbeKind::Trees(_) => "every file the same".to_owned(),
        ProbeKind::Ready(it) => it.trap.none().to_owned(),
        ProbeKind::Schema { .. }
        | ProbeKind::Writes { .. }
        | ProbeKind::Tree { .. }
        | ProbeKind::Git { .. }
        | ProbeKind::Unchanged(_)
        | ProbeKind::Version(_)
        | ProbeKind::Rows(_)
        | ProbeKind::Terraform(_) => "unchanged".to_owned(),
        ProbeKind::Control(_) => "refuses".to_owned(),
        ProbeKind::Identity { .. } => "is what it should be".to_owned(),
        ProbeKind::Marker { .. } => "arrives".to_owned(),
        ProbeKind::Command(_)
        | ProbeKind::Http(_)
        | ProbeKind::Tcp { .. }
        | ProbeKind::Tls(_)
        | ProbeKind::Dns(_)
        | ProbeKind::Sql { .. }
        | ProbeKind::Files(_) => match probe.section {
            Section::Validation => "as expected".to_owned(),
            Section::Replication | Section::Freeze | Section::Environment => "well".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reading::TrapSeen;

    #[test]
    fn a_waived_trap_stays_waived_while_its_figures_move_and_no_other_joins_it() {
        let slot = |name: &str, held: &str| TrapSeen {
            object: format!("slot {name}"),
            harm: format!("holds {held} of log"),
            mend: "drop it".to_owned(),
        };
        let wrong = |found: Vec<TrapSeen>| what_is_wrong(&Facts::Traps { found }, "whatever is said of it");
        let waived = wrong(vec![slot("a", "1 MB")]);
        assert_eq!(waived, wrong(vec![slot("a", "2 GB")]));
        assert_ne!(waived, wrong(vec![slot("a", "1 MB"), slot("b", "1 MB")]));
    }
}
