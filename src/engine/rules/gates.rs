//! Go/no-go gates. Decisions are taken on a numbered sheet; only what worsens, comes or goes voids it. A GO is
//! accepted when it answers the sheet that counts, with everything on it good or waived, with the code that was
//! given out for it, not too early, and with what has to be typed typed.

use super::evidence::{Evidence, digest, lines};
use super::{called, people, steps, worth};
use crate::clock::Now;
use crate::engine::State;
use crate::engine::event::{Decision, Event, HoldCause, SheetLine};
use crate::engine::input::{GateAnswer, Issued};
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::engine::state::{GateState, ROLLBACK_GATE, Sheet};
use crate::plan::{Plan, ProbeId, StepId};

/// How long after its drawing a gate's code becomes valid, in milliseconds of real time.
pub const ARMS_AFTER_MS: u64 = 1_500;

/// New sheets, and sheets that got better, for the gates that are open.
pub(crate) fn sheets(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Event> {
    state
        .gates
        .iter()
        .filter(|(_, gate)| gate.open)
        .filter_map(|(id, gate)| {
            let fresh: Vec<SheetLine> =
                lines(plan, state, readings, id, now).iter().map(Evidence::line).collect();
            let fresh_digest = digest(plan, id, gate.revision, &fresh);
            match &gate.sheet {
                Some(sheet) if sheet.digest == fresh_digest => None,
                Some(sheet) if what_worsened(plan, &sheet.lines, &fresh).is_none() => {
                    Some(Event::SheetImproved {
                        gate: id.clone(),
                        sheet: sheet.number,
                        digest: fresh_digest,
                        lines: fresh,
                    })
                }
                sheet => Some(Event::SheetDrawn {
                    gate: id.clone(),
                    sheet: sheet.as_ref().map_or(0, |s| s.number) + 1,
                    digest: fresh_digest,
                    lines: fresh,
                }),
            }
        })
        .collect()
}

/// What makes a new sheet necessary, in words; `None` where the new one is the same or better.
fn what_worsened(plan: &Plan, before: &[SheetLine], after: &[SheetLine]) -> Option<String> {
    if let Some(gone) = before.iter().find(|b| !after.iter().any(|a| a.id == b.id)) {
        return Some(format!("{} is not asked any more", called::evidence(plan, &gone.id)));
    }
    for line in after {
        let Some(was) = before.iter().find(|b| b.id == line.id) else {
            return Some(format!("{} is asked now", called::evidence(plan, &line.id)));
        };
        if rank(line) > rank(was) || (rank(line) == 2 && line.verdict != was.verdict) {
            return Some(format!("{} is {} now", called::evidence(plan, &line.id), line.verdict.word()));
        }
        let holds_elsewhere = was.position.is_some() && line.position != was.position;
        if rank(line) == 0 && rank(was) == 0 && (line.bound != was.bound || holds_elsewhere) {
            return Some(format!("{} holds at another position now", called::evidence(plan, &line.id)));
        }
    }
    None
}

fn rank(line: &SheetLine) -> u8 {
    match (line.verdict, &line.waived) {
        (Verdict::Pass, _) => 0,
        (Verdict::Fail | Verdict::Stale | Verdict::Unknown, Some(_)) => 1,
        (Verdict::Fail | Verdict::Stale | Verdict::Unknown, None) => 2,
    }
}

/// What has to be typed at a gate, beside its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The code.
    Code,
    /// The target's word, the number of waivers if there are any, and the code.
    WordAndCode,
}

/// What has to be typed at a gate.
pub fn entry(plan: &Plan, gate: &StepId) -> Entry {
    match plan.step(gate).and_then(crate::plan::model::Step::gate) {
        Some(g) if g.guards_switch || g.guards_no_return => Entry::WordAndCode,
        Some(_) | None => Entry::Code,
    }
}

/// Whether a code may be given out for a drawing: the gate is open, and this is the sheet that counts.
pub fn may_issue(
    state: &State,
    gate: &StepId,
    revision: u32,
    sheet: u32,
    digest: &str,
) -> Result<(), Refusal> {
    let (asked, current) = current(state, gate)?;
    if asked.revision != revision || current.number != sheet || !was_shown(current, digest) {
        return Err(void(sheet, current.number, "look at it again"));
    }
    Ok(())
}

/// Somebody decides.
pub(crate) fn answer(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    answer: &GateAnswer,
    by: &str,
    issued: Option<&Issued>,
    now: Now,
) -> Result<Vec<Event>, Refusal> {
    let (gate, sheet) = current(state, &answer.gate)?;
    let fresh = lines(plan, state, readings, &answer.gate, now);
    if answer.decision == Decision::Go {
        may_go(plan, state, gate, sheet, &fresh, answer, by, issued, now)?;
    } else {
        steps::wanted(&answer.reason)?;
    }
    let mut events = vec![Event::GateDecided {
        gate: answer.gate.clone(),
        revision: gate.revision,
        sheet: sheet.number,
        digest: sheet.digest.clone(),
        decision: answer.decision,
        by: by.to_owned(),
        reason: answer.reason.clone(),
        frozen: fresh.iter().map(Evidence::frozen).collect(),
    }];
    let way_back = answer.gate.as_str() == ROLLBACK_GATE;
    match (answer.decision, way_back) {
        (Decision::Go, false) => {}
        (Decision::Go, true) => events.extend(super::back::started(plan, state, by)),
        (Decision::NoGo, true) => events.push(Event::RollbackDropped { by: by.to_owned() }),
        (Decision::NoGo, false) => {
            let reason = format!("NO-GO at {}: {}", called::step(plan, &answer.gate), answer.reason);
            events.extend(people::hold(state, HoldCause::NoGo, Some(by), &reason));
        }
    }
    Ok(events)
}

#[expect(clippy::too_many_arguments, reason = "everything that a GO is bound to")]
fn may_go(
    plan: &Plan,
    state: &State,
    gate: &GateState,
    sheet: &Sheet,
    fresh: &[Evidence],
    answer: &GateAnswer,
    by: &str,
    issued: Option<&Issued>,
    now: Now,
) -> Result<(), Refusal> {
    let way_back = answer.gate.as_str() == ROLLBACK_GATE;
    if way_back {
        super::back::authorized(plan, by)?;
    } else {
        people::may_start(state)?;
    }
    if answer.revision != gate.revision || answer.sheet != sheet.number || !was_shown(sheet, &answer.digest) {
        return Err(void(answer.sheet, sheet.number, "something changed since it was drawn"));
    }
    // What is true at this very moment, not what was true at the last tick.
    let fresh_lines: Vec<SheetLine> = fresh.iter().map(Evidence::line).collect();
    if let Some(what) = what_worsened(plan, &sheet.lines, &fresh_lines) {
        return Err(void(answer.sheet, sheet.number + 1, &what));
    }
    let missing: Vec<String> = fresh
        .iter()
        .filter(|e| !e.passes())
        .map(|e| {
            let Some(probe) = plan.probe(&ProbeId::from(e.id.as_str())) else {
                return format!("{} is {}", e.title, e.text);
            };
            let said = format!("{} is {}", e.title, e.verdict.word());
            // Of what is merely old the last words are not true any more; of what has lost its ground they say why.
            let old = worth::too_old(probe, e).is_some();
            if e.verdict == Verdict::Stale && !old { format!("{said} ({})", e.text) } else { said }
        })
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::EvidenceMissing(missing));
    }
    let issued = issued
        .filter(|i| i.gate == answer.gate && i.revision == gate.revision && i.sheet == sheet.number)
        .ok_or(Refusal::NoCode)?;
    if now.real < issued.armed_at {
        let wait = issued.armed_at.since(now.real).as_millis();
        return Err(Refusal::TooEarly { wait_ms: u64::try_from(wait).unwrap_or(u64::MAX) });
    }
    if answer.code != issued.code {
        return Err(Refusal::WrongCode);
    }
    if entry(plan, &answer.gate) == Entry::WordAndCode {
        if answer.word.as_deref() != Some(plan.target.as_str()) {
            return Err(Refusal::WrongWord);
        }
        let waived = fresh.iter().filter(|e| e.waived.is_some()).count();
        let are = u32::try_from(waived).unwrap_or(u32::MAX);
        if are > 0 && answer.waived != Some(are) {
            return Err(Refusal::WrongWaiverCount { are });
        }
    }
    Ok(())
}

/// Somebody goes on at a gate in spite of one exact finding.
#[expect(clippy::too_many_arguments, reason = "a waiver and what it is bound to")]
pub(crate) fn waive(
    plan: &Plan,
    state: &State,
    readings: &Readings,
    gate: &StepId,
    evidence: &str,
    finding: &str,
    by: &str,
    reason: &str,
    now: Now,
) -> Result<Vec<Event>, Refusal> {
    steps::wanted(reason)?;
    current(state, gate)?;
    let all = lines(plan, state, readings, gate, now);
    let covered = all.iter().find(|e| e.id == evidence && e.finding.as_deref() == Some(finding));
    if covered.is_none() {
        return Err(Refusal::NothingToWaive(evidence.to_owned()));
    }
    Ok(vec![Event::Waived {
        gate: gate.clone(),
        evidence: evidence.to_owned(),
        finding: finding.to_owned(),
        by: by.to_owned(),
        reason: reason.to_owned(),
    }])
}

fn current<'a>(state: &'a State, gate: &StepId) -> Result<(&'a GateState, &'a Sheet), Refusal> {
    state
        .gates
        .get(gate)
        .filter(|g| g.open)
        .and_then(|g| Some((g, g.sheet.as_ref()?)))
        .ok_or_else(|| Refusal::GateNotOpen(gate.clone()))
}

fn was_shown(sheet: &Sheet, digest: &str) -> bool {
    sheet.digest == digest || sheet.earlier.iter().any(|e| e == digest)
}

fn void(answered: u32, now: u32, what: &str) -> Refusal {
    Refusal::SheetChanged { answered, now, what: what.to_owned() }
}
