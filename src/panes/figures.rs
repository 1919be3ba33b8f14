//! What is derived once and drawn in several places, so that figures on one screen agree.
//!
//! Everything here is asked of the engine's rules or counted from the state; nothing is decided. It is
//! gathered when the run or the second changes, never for a key: its cost grows with the plan.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, Timestamp};
use crate::engine::State;
use crate::engine::event::{Event, Way};
use crate::engine::reading::Verdict;
use crate::engine::readings::Readings;
use crate::engine::rules::countdown::{self, Clocks};
use crate::engine::rules::evidence::{self, Evidence};
use crate::engine::rules::forecast::{self, Forecast};
use crate::engine::rules::wayback::{self, WayBack};
use crate::engine::state::{Stage, Status, StepState, UndoStatus};
use crate::plan::{Plan, ProbeId};

use super::feed::{Feed, Recorded};
use super::standing::{self, Call, Kept};

/// Part of the checklist: a phase, the rollback phase, or the undo of what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// What people read.
    pub(crate) title: String,
    /// Its steps, as slots, in the order in which they are worked on.
    pub(crate) slots: Slots,
    /// How many of them are settled.
    pub(crate) done: usize,
    /// How long it should take: the estimates of its steps.
    pub(crate) planned: Duration,
    /// When its first step began, and when its last was settled.
    pub(crate) started: Option<Timestamp>,
    pub(crate) finished: Option<Timestamp>,
    /// The phase in the plan; `None` for the way back.
    pub(crate) phase: Option<usize>,
}

/// The steps of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slots {
    /// A range of the plan.
    Range(usize, usize),
    /// In an order of their own: last finished, first undone.
    List(Vec<usize>),
}

impl Slots {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Slots::Range(from, to) => to - from,
            Slots::List(list) => list.len(),
        }
    }

    /// The slot at a place.
    pub(crate) fn get(&self, at: usize) -> Option<usize> {
        match self {
            Slots::Range(from, to) => (from + at < *to).then_some(from + at),
            Slots::List(list) => list.get(at).copied(),
        }
    }

    /// The place of a slot.
    pub(crate) fn place(&self, slot: usize) -> Option<usize> {
        match self {
            Slots::Range(from, to) => (*from..*to).contains(&slot).then(|| slot - from),
            Slots::List(list) => list.iter().position(|s| *s == slot),
        }
    }
}

/// What is derived from plan, state, readings and time.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) clocks: Clocks,
    pub(crate) forecast: Forecast,
    pub(crate) outage_left: Option<Duration>,
    pub(crate) way_back: WayBack,
    /// The checklist in the order in which it is worked on: the way back stands after the phases.
    pub(crate) parts: Vec<Part>,
    /// The part that is worked on; the last one when all are done.
    pub(crate) current: usize,
    /// The step at which the current part stands: the first that is not settled.
    pub(crate) front: Option<usize>,
    /// What the gate that is open rests on, worst first.
    pub(crate) evidence: Vec<Evidence>,
    /// What the last look of every probe means, in the plan's order.
    pub(crate) probes: Vec<Kept>,
    /// Every line of the journal: the record's place, and which of its events.
    pub(crate) lines: Vec<(usize, usize)>,
    /// The readings that turned well after they were not: the record's number, and which of its events.
    pub(crate) mended: HashSet<(u64, usize)>,
    /// Slots with more to say than their title: running, failed, unknown, no longer true.
    pub(crate) telling: Vec<usize>,
}

impl Figures {
    pub(crate) fn new(feed: &Feed, now: Now) -> Figures {
        let (plan, state, readings) = (&*feed.plan, &*feed.state, &*feed.readings);
        let parts = parts(plan, state);
        let current = current(state, &parts);
        let front = parts.get(current).and_then(|part| front(state, part));
        Figures {
            clocks: countdown::clocks(plan, state, now),
            forecast: forecast::forecast(plan, state, readings, now),
            outage_left: forecast::outage_left(plan, state, readings, now),
            way_back: wayback::way_back(plan, state, readings, now),
            parts,
            current,
            front,
            evidence: sheet(plan, state, readings, now),
            probes: standing::all(plan, state, readings, now),
            lines: lines(&feed.journal),
            mended: mended(&feed.journal),
            telling: (0..state.steps.len())
                .filter(|&slot| state.at_slot(slot).is_some_and(|at| tells(at, state.stage)))
                .collect(),
        }
    }

    /// How much the clock that users feel calls.
    pub(crate) fn outage_call(&self) -> Call {
        match (self.clocks.outage, self.clocks.budget) {
            (Some(outage), Some(budget)) if outage > budget => Call::Warning,
            (Some(outage), Some(budget)) if self.outage_left.is_some_and(|left| outage + left > budget) => {
                Call::Caution
            }
            _ => Call::None,
        }
    }
}

fn sheet(plan: &Plan, state: &State, readings: &Readings, now: Now) -> Vec<Evidence> {
    let Some((gate, _)) = state.open_gate() else { return Vec::new() };
    let mut lines = evidence::lines(plan, state, readings, gate, now);
    for line in &mut lines {
        if let Some(probe) = plan.probe(&ProbeId::from(line.id.as_str())) {
            standing::never_its_last_value(probe, line);
            standing::in_words(probe, line);
        }
    }
    lines
}

fn lines(journal: &[Arc<Recorded>]) -> Vec<(usize, usize)> {
    journal
        .iter()
        .enumerate()
        .flat_map(|(at, record)| (0..record.events.len()).map(move |n| (at, n)))
        .collect()
}

fn mended(journal: &[Arc<Recorded>]) -> HashSet<(u64, usize)> {
    let mut last: HashMap<&ProbeId, Verdict> = HashMap::new();
    let mut mended = HashSet::new();
    for record in journal {
        for (n, event) in record.events.iter().enumerate() {
            let Event::VerdictChanged { probe, verdict, .. } = event else { continue };
            let was = last.insert(probe, *verdict);
            if *verdict == Verdict::Pass && was.is_some_and(|was| was != Verdict::Pass) {
                mended.insert((record.seq, n));
            }
        }
    }
    mended
}

fn parts(plan: &Plan, state: &State) -> Vec<Part> {
    let mut parts: Vec<Part> = plan
        .phases
        .iter()
        .enumerate()
        .map(|(i, phase)| {
            let times = state.phases.get(i).copied().unwrap_or_default();
            let (from, to) = (phase.first, phase.first + phase.count);
            Part {
                title: phase.title.clone(),
                slots: Slots::Range(from, to),
                done: settled(state, from..to),
                planned: planned(plan, from..to),
                started: times.started,
                finished: times.finished,
                phase: Some(i),
            }
        })
        .collect();
    parts.extend(way_back(plan, state));
    parts
}

/// The way back, from the moment it is gone: the plan's own phase, or the undo of what was done. After the end it is told
/// like any other part.
fn way_back(plan: &Plan, state: &State) -> Option<Part> {
    let phase = plan.steps.len()..state.steps.len();
    let began = |slot: &usize| state.at_slot(*slot).is_some_and(|at| at.started.is_some());
    let undo = |slot: &usize| state.at_slot(*slot).map_or(UndoStatus::None, |at| at.undo);
    let through_phase = match state.stage {
        Stage::Forward => return None,
        Stage::Back(Way::Phase) => true,
        Stage::Back(Way::Undo) | Stage::Aborting => false,
        Stage::Over(_) => phase.clone().any(|slot| began(&slot)),
    };
    let (slots, done, gone): (Slots, usize, Vec<usize>) = if through_phase {
        let gone = phase.clone().filter(began).collect();
        (Slots::Range(phase.start, phase.end), settled(state, phase.clone()), gone)
    } else {
        let mut slots: Vec<usize> =
            (0..plan.steps.len()).filter(|slot| undo(slot) == UndoStatus::Done).collect();
        slots.sort_by_key(|slot| state.at_slot(*slot).and_then(|at| at.ended).map_or(0, |at| at.seq));
        let done = slots.len();
        if !matches!(state.stage, Stage::Over(_)) {
            slots.extend(wayback::to_undo(plan, state).filter_map(|step| plan.slot(&step.id)));
        } else if slots.is_empty() {
            return None;
        }
        let gone = slots.iter().copied().filter(|slot| undo(slot) != UndoStatus::None).collect();
        (Slots::List(slots), done, gone)
    };
    let times = || gone.iter().filter_map(|slot| state.at_slot(*slot));
    let ended = || times().filter_map(|at| at.ended).map(|at| at.wall).max();
    Some(Part {
        title: "Way back".to_owned(),
        planned: (0..slots.len()).filter_map(|at| plan.at_slot(slots.get(at)?)?.estimate).sum(),
        slots,
        done,
        started: times().filter_map(|at| at.started).map(|at| at.wall).min(),
        finished: if state.is_over() { ended() } else { None },
        phase: None,
    })
}

fn planned(plan: &Plan, slots: std::ops::Range<usize>) -> Duration {
    slots.filter_map(|slot| plan.at_slot(slot)?.estimate).sum()
}

fn settled(state: &State, slots: std::ops::Range<usize>) -> usize {
    slots.filter(|&slot| state.at_slot(slot).is_some_and(StepState::is_settled)).count()
}

fn current(state: &State, parts: &[Part]) -> usize {
    let last = parts.len().saturating_sub(1);
    match state.stage {
        Stage::Forward => parts.iter().position(|part| part.done < part.slots.len()).unwrap_or(last),
        Stage::Over(_) if parts.last().is_some_and(|part| part.phase.is_some()) => {
            parts.iter().position(|part| part.done < part.slots.len()).unwrap_or(last)
        }
        Stage::Over(_) | Stage::Back(_) | Stage::Aborting => last,
    }
}

fn front(state: &State, part: &Part) -> Option<usize> {
    let open = |slot: usize| match part.slots {
        Slots::Range(..) => !state.at_slot(slot).is_some_and(StepState::is_settled),
        Slots::List(_) => !state.at_slot(slot).is_some_and(|at| at.undo == UndoStatus::Done),
    };
    (0..part.slots.len()).filter_map(|at| part.slots.get(at)).find(|&slot| open(slot))
}

fn tells(at: &StepState, stage: Stage) -> bool {
    let forward = match at.status {
        Status::Running | Status::Proving | Status::Failed | Status::RetryAt(_) | Status::Unknown => {
            !matches!(stage, Stage::Over(_))
        }
        Status::Pending | Status::Done | Status::Skipped => false,
    };
    let back = match at.undo {
        UndoStatus::Running | UndoStatus::Stuck | UndoStatus::Unknown => true,
        UndoStatus::None | UndoStatus::Done => false,
    };
    forward || back
}
