//! The engine's dealings with people: who is connected, who has the keys, what they ask, what they are told.
//!
//! Turns what is said on the control socket into inputs of the engine, and what the engine says into answers. An
//! answer waits until what it speaks of is on disk ([`Desk::deliver`]). Decides nothing itself but who of
//! several connections is heard.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::codes::{ARMING, Codes};
use super::control::Message;
use super::core::{Core, Fatal, Stop};
use super::helm::{ConnectionId, Helm};
use super::protocol::{Answer, Ask};
use crate::clock::Boot;
use crate::engine::input::{Input, Intent};
use crate::engine::refusal::Refusal;
use crate::plan::StepId;

/// The longest name that somebody may go by, in characters.
const LONGEST_NAME: usize = 64;

/// Who is connected and what they are still to be told.
pub struct Desk {
    helm: Helm,
    codes: Codes,
    connections: HashMap<ConnectionId, mpsc::Sender<Answer>>,
    answers: Vec<(ConnectionId, Answer)>,
    leaving: Vec<ConnectionId>,
}

impl Desk {
    /// Nobody is connected yet.
    pub fn new(real: Boot) -> Desk {
        Desk {
            helm: Helm::new(real),
            codes: Codes::default(),
            connections: HashMap::new(),
            answers: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Takes in what happened on the socket.
    pub fn take(&mut self, core: &mut Core, message: Message) -> Result<(), Fatal> {
        match message {
            Message::Opened(id, answers) => {
                self.connections.insert(id, answers);
            }
            Message::Closed(id) => {
                self.connections.remove(&id);
                if self.helm.active() == Some(id) {
                    self.codes.forget();
                }
                self.helm.closed(id);
            }
            Message::Said(id, ask) => {
                self.helm.heard(id, core.clock().now().real);
                self.said(core, id, ask)?;
            }
        }
        Ok(())
    }

    fn said(&mut self, core: &mut Core, id: ConnectionId, ask: Ask) -> Result<(), Fatal> {
        let has_keys = self.helm.active() == Some(id);
        match ask {
            Ask::Hello { name, account, take } => self.hello(core, id, name, account, take),
            Ask::Intent { id: which, intent } if has_keys => {
                let answer = match self.intend(core, intent) {
                    Ok(seq) => Answer::Accepted { id: which, seq },
                    Err(Stop::Refused(refusal)) => {
                        Answer::Refused { id: which, text: refusal.said(core.plan()) }
                    }
                    Err(Stop::Fatal(fatal)) => return Err(fatal),
                };
                self.answers.push((id, answer));
                Ok(())
            }
            Ask::Intent { id: which, .. } => {
                let text = "the keys are not yours any more: take the helm, or watch".to_owned();
                self.answers.push((id, Answer::Refused { id: which, text }));
                Ok(())
            }
            Ask::ShowGate { gate, revision, sheet, digest } => {
                if has_keys {
                    self.show(core, id, &gate, revision, sheet, &digest);
                }
                Ok(())
            }
            Ask::Beat => Ok(()),
        }
    }

    fn hello(
        &mut self,
        core: &mut Core,
        id: ConnectionId,
        name: String,
        account: String,
        take: bool,
    ) -> Result<(), Fatal> {
        let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= LONGEST_NAME;
        if !fits(&name) || !fits(&account) {
            let why = format!("a name has 1 to {LONGEST_NAME} characters");
            self.send_away(id, Answer::Bye { why, taken: false });
            return Ok(());
        }
        // The same name again is another person's hands as long as the first are there.
        if let Some(other) = self.helm.active().filter(|active| *active != id && !take)
            && let Some(here) = &core.state().operator
        {
            tracing::info!(connection = id.0, other = other.0, "the keys are taken");
            let answer = Answer::RefusedHello { who: here.name.clone(), since: here.since };
            self.send_away(id, answer);
            return Ok(());
        }
        let taker = name.clone();
        match core.decide(Input::OperatorArrived { name, account, take }) {
            Ok(seq) => {
                if let Some(before) = self.helm.give(id, core.clock().now().real) {
                    self.send_away(
                        before,
                        Answer::Bye { why: format!("{taker} took the helm"), taken: true },
                    );
                }
                self.codes.forget();
                let run = core.state().run.as_ref().map_or_else(String::new, |r| r.run.clone());
                self.answers.push((id, Answer::Welcome { run, seq }));
                Ok(())
            }
            Err(Stop::Refused(Refusal::HelmTaken { name, since })) => {
                self.send_away(id, Answer::RefusedHello { who: name, since });
                Ok(())
            }
            Err(Stop::Refused(other)) => {
                self.send_away(id, Answer::Bye { why: other.to_string(), taken: false });
                Ok(())
            }
            Err(Stop::Fatal(fatal)) => Err(fatal),
        }
    }

    fn intend(&mut self, core: &mut Core, intent: Intent) -> Result<u64, Stop> {
        let issued = match &intent {
            Intent::DecideGate(answer) => self.codes.for_gate(&answer.gate),
            _ => None,
        };
        let Some(by) = core.state().operator.as_ref().map(|o| o.name.clone()) else {
            return Err(Stop::Refused(Refusal::Held("nobody has the keys".to_owned())));
        };
        core.decide(Input::Intent { by, intent, issued })
    }

    fn show(
        &mut self,
        core: &Core,
        id: ConnectionId,
        gate: &StepId,
        revision: u32,
        sheet: u32,
        digest: &str,
    ) {
        let real = core.clock().now().real;
        match self.codes.issue(core.state(), gate, revision, sheet, digest, real) {
            Ok(Some(issued)) => {
                let answer = Answer::Code {
                    gate: gate.clone(),
                    revision,
                    sheet,
                    code: issued.code.clone(),
                    arms_in_ms: u64::try_from(ARMING.as_millis()).unwrap_or(u64::MAX),
                };
                self.answers.push((id, answer));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "no code can be given out: the kernel gives no randomness"),
        }
    }

    /// Looks whether whoever has the keys is still there, and whether the code still stands. Call it in every
    /// round, after everything that was said has been taken.
    pub fn look(&mut self, core: &mut Core) -> Result<(), Fatal> {
        self.codes.follow(core.state());
        if self.helm.is_lost(core.clock().now().real) && core.state().operator.is_some() {
            if let Some(silent) = self.helm.active() {
                let why = "nothing was heard from here for three seconds: the run is held".to_owned();
                self.send_away(silent, Answer::Bye { why, taken: false });
                self.helm.closed(silent);
            }
            self.codes.forget();
            match core.decide(Input::OperatorLost) {
                Ok(_) => {}
                Err(Stop::Refused(refusal)) => tracing::warn!(%refusal, "a lost operator"),
                Err(Stop::Fatal(fatal)) => return Err(fatal),
            }
        }
        Ok(())
    }

    /// Tells everybody what they wait for. Call it once everything that was decided is on disk.
    pub fn deliver(&mut self) {
        for (id, answer) in self.answers.drain(..) {
            let Some(to) = self.connections.get(&id) else { continue };
            if to.try_send(answer).is_err() {
                tracing::warn!(connection = id.0, "does not read what it is told: closed");
                self.leaving.push(id);
            }
        }
        for id in self.leaving.drain(..) {
            self.connections.remove(&id);
            self.helm.closed(id);
        }
    }

    /// Tells everybody that the engine goes, and closes all connections.
    pub fn farewell(&mut self, why: &str) {
        // What was decided and did not get on disk has not happened.
        self.answers.clear();
        for to in self.connections.values() {
            // Whoever cannot be told sees the connection close.
            let _full = to.try_send(Answer::Bye { why: why.to_owned(), taken: false });
        }
        self.connections.clear();
    }

    fn send_away(&mut self, id: ConnectionId, with: Answer) {
        self.answers.push((id, with));
        self.leaving.push(id);
    }
}
