//! A rehearsal that nobody watches: drives a run over the same control socket as a person would, and prints one
//! line an event.
//!
//! It answers gates with the code that it was issued, as it must, and only ever in a rehearsal.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::cockpit::Launched;
use super::exit::{Exit, Failure};
use super::{print, who};
use crate::engine::event::{AlarmId, Decision, Ending, HoldCause};
use crate::engine::input::{GateAnswer, Intent};
use crate::engine::reading::Verdict;
use crate::engine::rules::gates::{Entry, entry};
use crate::engine::rules::steps;
use crate::engine::state::{Alarm, Sheet, Stage, Status, StepState, UndoStatus};
use crate::panes::words;
use crate::plan::model::{Severity, Start, StepKind, Undo};
use crate::plan::{Plan, StepId};
use crate::process::Detached;
use crate::session::client::{Client, FromEngine, Hello, NotSent};
use crate::session::feed::{Feed, FeedError, Following, Snapshot};
use crate::session::protocol::{Answer, Ask};

/// How often it is looked at what is to be done when nothing wakes us.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An engine that gives out no code by then has another sheet.
const CODE_WITHIN: Duration = Duration::from_secs(5);
/// A gate that lacks something for so much real time will not get it.
const MISSING_FOR: Duration = Duration::from_secs(30);

/// How gates are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Answers {
    /// GO at every gate.
    Go,
    /// NO-GO at the first, then the run is given up.
    NoGo,
}

/// What wakes the driver.
enum Woken {
    Feed(Option<FeedError>),
    Engine(FromEngine),
}

/// What has been asked of the engine and may be asked again when it says no.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Gate(StepId, u32),
    Step(StepId, u32),
    Alarm(AlarmId, u64),
    Other(&'static str),
}

struct Driver {
    client: Client,
    answers: Answers,
    asked: HashSet<Asked>,
    waiting: HashMap<u64, Asked>,
    /// An answer to a gate, and when its code is valid.
    due: Option<(Instant, GateAnswer)>,
    missing_since: Option<Instant>,
    printed: u64,
}

/// Drives a rehearsal to its end.
pub(super) fn drive(launched: Launched, name: &str, answers: Answers) -> Result<Exit, Failure> {
    let (run, Some(mut engine)) = (launched.run, launched.engine) else {
        return Err(Failure::new(Exit::Held, "another engine runs it already"));
    };
    let run = run.as_path();
    let (wake, woken) = sync_channel(256);
    let hello = Hello { name: name.to_owned(), account: who::account(), take: false };
    let from_engine = wake.clone();
    let client = Client::connect(run, hello, move |what| {
        // The driver reads until it ends; then nobody wants to know.
        let _ended = from_engine.send(Woken::Engine(what));
    })?;
    let feed = Following::begin(run.to_owned(), move |told| {
        // A full queue wakes the driver as well.
        let _full = wake.try_send(Woken::Feed(told.err()));
    })
    .map_err(|error| Failure::new(Exit::NotProved, format!("no thread to follow the run: {error}")))?;
    print::out(&format!("run {}", run.display()))?;
    let mut driver = Driver {
        client,
        answers,
        asked: HashSet::new(),
        waiting: HashMap::new(),
        due: None,
        missing_since: None,
        printed: 0,
    };
    let exit = driver.follow(run, &feed, &woken, &mut engine)?;
    if exit == Exit::LeftHeld {
        engine.terminate().map_err(|error| {
            Failure::new(Exit::NotProved, format!("the engine cannot be stopped: {error}"))
        })?;
    }
    Ok(exit)
}

impl Driver {
    fn follow(
        &mut self,
        run: &Path,
        feed: &Following,
        woken: &Receiver<Woken>,
        engine: &mut Detached,
    ) -> Result<Exit, Failure> {
        loop {
            let nap = self
                .due
                .as_ref()
                .map_or(LOOK_EVERY, |(at, _)| at.saturating_duration_since(Instant::now()).min(LOOK_EVERY));
            match woken.recv_timeout(nap) {
                Ok(Woken::Feed(Some(error))) => return Err(error.into()),
                Ok(Woken::Feed(None)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Woken::Engine(FromEngine::Answer(answer))) => {
                    self.heard(answer);
                    feed.nudge();
                }
                Ok(Woken::Engine(FromEngine::Closed { why, .. })) => {
                    return self.parted(run, engine, why.as_deref().unwrap_or("the engine is gone"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return self.parted(run, engine, "the engine is gone");
                }
            }
            if let Some(seen) = feed.take() {
                if let Some(exit) = self.see(&seen)? {
                    return Ok(exit);
                }
                if let Some(why) = stuck(&seen).or_else(|| self.waits_in_vain(&seen)) {
                    print::out(&format!("left as it is: {why}"))?;
                    return Ok(Exit::LeftHeld);
                }
                self.act(&seen)?;
            }
            if let Some((_, answer)) = self.due.take_if(|(at, _)| *at <= Instant::now()) {
                let key = Asked::Gate(answer.gate.clone(), answer.revision);
                self.intend(key, Intent::DecideGate(answer))?;
            }
        }
    }

    /// The engine has closed the connection. What it wrote is on disk by then.
    fn parted(&mut self, run: &Path, engine: &mut Detached, why: &str) -> Result<Exit, Failure> {
        let mut feed = Feed::open(run)?;
        feed.poll();
        if let Some(exit) = self.see(&feed.snapshot())? {
            return Ok(exit);
        }
        let ended = engine.ended().ok().flatten().and_then(|status| status.code());
        let exit = ended.and_then(Exit::of_code).filter(|exit| *exit != Exit::Done);
        Err(Failure::new(exit.unwrap_or(Exit::LeftHeld), why))
    }

    /// Prints what is new; says how the program ends when the run is over.
    fn see(&mut self, seen: &Snapshot) -> Result<Option<Exit>, Failure> {
        self.print(seen)?;
        if let Some(damage) = &seen.damage {
            return Err(Failure::new(Exit::Journal, damage.clone()));
        }
        Ok(match seen.state.stage {
            Stage::Over(ending) => Some(ending.into()),
            Stage::Forward | Stage::Back(_) | Stage::Aborting => None,
        })
    }

    fn print(&mut self, seen: &Snapshot) -> Result<(), Failure> {
        let before = self.printed;
        for record in seen.entries.iter().filter(|record| record.at.seq > before) {
            let time = record.at.wall.clock_time(seen.plan.offset);
            for event in &record.events {
                let words::Line { subject, what, detail, .. } = words::of(&seen.plan, event);
                let text = format!("{time}  #{:<4} {subject:16} {what}  {detail}", record.at.seq);
                print::out(text.trim_end())?;
            }
            self.printed = record.at.seq;
        }
        Ok(())
    }

    fn heard(&mut self, answer: Answer) {
        match answer {
            Answer::Accepted { id, .. } => {
                self.waiting.remove(&id);
            }
            Answer::Refused { id, text } => {
                tracing::debug!(text, "refused");
                // Something came in between; what is asked next follows from what is true by then.
                if let Some(asked) = self.waiting.remove(&id) {
                    self.asked.remove(&asked);
                }
            }
            Answer::Code { gate, code, arms_in_ms, .. } => {
                if let Some((at, due)) = &mut self.due
                    && due.gate == gate
                {
                    *at = Instant::now() + Duration::from_millis(arms_in_ms);
                    due.code = code;
                }
            }
            Answer::Welcome { .. } | Answer::RefusedHello { .. } | Answer::Bye { .. } => {}
        }
    }

    /// Does what a person would be asked for now.
    fn act(&mut self, seen: &Snapshot) -> Result<(), Failure> {
        let (plan, state) = (&seen.plan, &seen.state);
        if let Some(hold) = &state.hold {
            match (self.answers, hold.cause) {
                (Answers::NoGo, HoldCause::NoGo) => {
                    let reason = "NO-GO in a rehearsal".to_owned();
                    return self.intend(Asked::Other("abort"), Intent::Abort { reason });
                }
                (_, HoldCause::NoOperator | HoldCause::Resumed) => {
                    return self.intend(Asked::Other("release"), Intent::Release);
                }
                _ => {}
            }
        } else {
            self.asked.remove(&Asked::Other("release"));
        }
        let unanswered = |alarm: &Alarm| alarm.severity == Severity::Warning && alarm.acknowledged.is_none();
        if self.answers == Answers::Go
            && let Some((id, _)) = state.alarms.iter().find(|(_, alarm)| unanswered(alarm))
        {
            self.intend(
                Asked::Alarm(id.clone(), state.seq),
                Intent::AcknowledgeAlarm { alarm: Some(id.clone()) },
            )?;
        }
        if let Some((id, gate)) = state.open_gate()
            && let Some(sheet) = &gate.sheet
        {
            self.answer(plan, id, gate.revision, sheet)?;
        }
        for (slot, at) in state.steps.iter().enumerate() {
            let Some(step) = plan.at_slot(slot) else { continue };
            let manual = at.status == Status::Running && matches!(step.kind, StepKind::Manual { .. });
            let undo = at.undo == UndoStatus::Running && matches!(step.undo, Some(Undo::Manual { .. }));
            let ready = |id: &StepId| state.step(plan, id).is_some_and(StepState::is_settled);
            let key = at.status == Status::Pending
                && step.start == Start::Key
                && step.gate().is_none()
                && step.after.iter().all(ready);
            let intent = if manual || undo {
                Intent::ConfirmStep { step: step.id.clone(), note: "rehearsed".to_owned() }
            } else if key {
                Intent::StartStep { step: step.id.clone() }
            } else {
                continue;
            };
            self.intend(Asked::Step(step.id.clone(), at.attempts), intent)?;
        }
        Ok(())
    }

    fn answer(&mut self, plan: &Plan, gate: &StepId, revision: u32, sheet: &Sheet) -> Result<(), Failure> {
        let go = self.answers == Answers::Go;
        let waived = sheet.lines.iter().filter(|line| line.waived.is_some()).count();
        let good = sheet.lines.iter().all(|line| line.verdict == Verdict::Pass || line.waived.is_some());
        if go && !good {
            return Ok(());
        }
        let word = go && entry(plan, gate) == Entry::WordAndCode;
        let answer = GateAnswer {
            gate: gate.clone(),
            revision,
            sheet: sheet.number,
            digest: sheet.digest.clone(),
            decision: if go { Decision::Go } else { Decision::NoGo },
            reason: if go { String::new() } else { "NO-GO in a rehearsal".to_owned() },
            code: String::new(),
            word: word.then(|| plan.target.clone()),
            waived: word.then(|| u32::try_from(waived).unwrap_or(u32::MAX)),
        };
        let key = Asked::Gate(gate.clone(), revision);
        if !go {
            return self.intend(key, Intent::DecideGate(answer));
        }
        let same = |(_, due): &(Instant, GateAnswer)| due.gate == *gate && due.sheet == sheet.number;
        if self.asked.contains(&key) || self.due.as_ref().is_some_and(same) {
            return Ok(());
        }
        // Without its code it is not given: the engine's answer sets the time.
        self.due = Some((Instant::now() + CODE_WITHIN, answer));
        let (sheet, digest) = (sheet.number, sheet.digest.clone());
        sent(self.client.ask(Ask::ShowGate { gate: gate.clone(), revision, sheet, digest }))
    }

    /// What a gate asks for and has not got in all this time.
    fn waits_in_vain(&mut self, seen: &Snapshot) -> Option<String> {
        let open = seen.state.open_gate().and_then(|(id, gate)| Some((id, gate.sheet.as_ref()?)));
        let missing = open.and_then(|(id, sheet)| {
            let line =
                sheet.lines.iter().find(|line| line.verdict != Verdict::Pass && line.waived.is_none())?;
            Some(format!("{id} asks for {}, which is {}", line.id, line.verdict.word()))
        });
        let Some(missing) = missing else {
            self.missing_since = None;
            return None;
        };
        let since = *self.missing_since.get_or_insert_with(Instant::now);
        (since.elapsed() > MISSING_FOR).then_some(missing)
    }

    /// Asks for something, once until it is refused.
    fn intend(&mut self, asked: Asked, intent: Intent) -> Result<(), Failure> {
        if self.asked.insert(asked.clone()) {
            let id = self.client.intend(intent);
            if let Ok(id) = id {
                self.waiting.insert(id, asked);
            }
            return sent(id.map(drop));
        }
        Ok(())
    }
}

fn sent(sent: Result<(), NotSent>) -> Result<(), Failure> {
    sent.map_err(|error| Failure::new(Exit::NotProved, error.to_string()))
}

/// Why only a person could go on.
fn stuck(seen: &Snapshot) -> Option<String> {
    seen.state.steps.iter().enumerate().find_map(|(slot, at)| {
        let forward = matches!(at.status, Status::Failed | Status::Unknown);
        let back = matches!(at.undo, UndoStatus::Stuck | UndoStatus::Unknown);
        let step = seen.plan.at_slot(slot)?;
        (forward || back).then(|| format!("{} is {}: {}", step.id, steps::word(at), at.detail))
    })
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Exit {
        match ending {
            Ending::Done => Exit::Done,
            Ending::RolledBack => Exit::Different,
            Ending::Aborted => Exit::Aborted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_with_the_number_of_its_ending() {
        let numbers = [(Ending::Done, 0), (Ending::RolledBack, 1), (Ending::Aborted, 7)];
        for (ending, number) in numbers {
            assert_eq!(Exit::from(ending).code(), number);
        }
    }
}
