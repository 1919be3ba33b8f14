//! A question that wants a line of text: a reason, a note, a name that must be typed.
//!
//! Owns what is asked, what counts as an answer, and what the answer asks of the engine. What ends something
//! for good wants a name typed, and takes no paste.

use ratatui::layout::Rect;

use crate::engine::event::Decision;
use crate::engine::input::{GateAnswer, Intent};
use crate::engine::rules::called;
use crate::plan::{EndpointId, Plan, StepId};
use crate::ui::canvas::{Canvas, piece};
use crate::ui::input::KeyPress;
use crate::ui::theme::Role;
use crate::ui::widgets::Field;

use super::request::Request;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Why NO-GO: everything of the answer but the reason.
    NoGo(Box<GateAnswer>),
    /// Why to go on in spite of a finding.
    Waive { gate: StepId, evidence: String, finding: String, title: String },
    /// What was done; may be empty.
    Confirm(StepId),
    /// Why it could not be done.
    Fail(StepId),
    /// Why to leave it out.
    Skip(StepId),
    /// Whether it happened, or with `undo` whether it was taken back; then, how one knows.
    Settle { step: StepId, undo: bool, happened: Option<bool> },
    /// The step's id, to stop it.
    Stop(StepId),
    /// Why to go back.
    Rollback,
    /// Why to give up.
    Abort,
    /// Anything.
    Note,
    /// The name of whoever drives.
    TakeHelm(String),
    /// The application's name, to end its session.
    EndSession { endpoint: EndpointId, session: String, application: String },
}

/// A question and what was typed so far.
#[derive(Debug)]
pub(super) struct Prompt {
    ask: Ask,
    field: Field,
    /// What is wrong with what was typed.
    wrong: Option<&'static str>,
}

impl Prompt {
    pub(super) fn new(ask: Ask) -> Prompt {
        Prompt { ask, field: Field::default(), wrong: None }
    }

    /// A key that is text or editing.
    pub(super) fn press(&mut self, press: KeyPress) {
        self.wrong = None;
        if self.is_typed() && press.burst && press.key.text().is_some() {
            self.field.clear();
            self.wrong = Some("a paste confirms nothing: type it");
            return;
        }
        self.field.press(press.key);
    }

    /// A paste: fine for a reason, never for a name that has to be typed.
    pub(super) fn paste(&mut self, text: &str) {
        self.wrong = None;
        if self.is_typed() {
            self.wrong = Some("a paste confirms nothing: type it");
        } else {
            self.field.paste(text);
        }
    }

    /// Whether a given text has to be typed.
    fn is_typed(&self) -> bool {
        self.expected().is_some()
    }

    fn expected(&self) -> Option<&str> {
        match &self.ask {
            Ask::Stop(step) => Some(step.as_str()),
            Ask::TakeHelm(name) => Some(name),
            Ask::EndSession { application, .. } => Some(application),
            _ => None,
        }
    }

    /// What the answer asks for; nothing while it is none.
    pub(super) fn submit(&mut self) -> Option<Request> {
        let text = self.field.text().trim().to_owned();
        if let Some(expected) = self.expected() {
            if text != expected {
                self.wrong = Some("that is not what stands there");
                return None;
            }
        } else if text.is_empty() && !matches!(self.ask, Ask::Confirm(_)) {
            self.wrong = Some("it goes on the record: write a few words");
            return None;
        }
        Some(match self.ask.clone() {
            Ask::NoGo(answer) => Request::Intent(Intent::DecideGate(GateAnswer {
                reason: text,
                decision: Decision::NoGo,
                ..*answer
            })),
            Ask::Waive { gate, evidence, finding, .. } => {
                Request::Intent(Intent::Waive { gate, evidence, finding, reason: text })
            }
            Ask::Confirm(step) => Request::Intent(Intent::ConfirmStep { step, note: text }),
            Ask::Fail(step) => Request::Intent(Intent::FailStep { step, reason: text }),
            Ask::Skip(step) => Request::Intent(Intent::SkipStep { step, reason: text }),
            Ask::Settle { step, happened: Some(happened), .. } => {
                Request::Intent(Intent::SettleStep { step, happened, reason: text })
            }
            Ask::Settle { step, undo, happened: None } => {
                let happened = match text.as_str() {
                    "yes" => true,
                    "no" => false,
                    _ => {
                        self.wrong = Some("type yes or no");
                        return None;
                    }
                };
                *self = Prompt::new(Ask::Settle { step, undo, happened: Some(happened) });
                return None;
            }
            Ask::Stop(step) => Request::Intent(Intent::StopStep { step }),
            Ask::Rollback => Request::Intent(Intent::AskRollback { reason: text }),
            Ask::Abort => Request::Intent(Intent::Abort { reason: text }),
            Ask::Note => Request::Intent(Intent::Note { text }),
            Ask::TakeHelm(_) => Request::TakeHelm,
            Ask::EndSession { endpoint, session, application } => {
                Request::Intent(Intent::EndSession { endpoint, session, application })
            }
        })
    }

    /// What is asked, in a sentence, and what stands in the empty field.
    fn question(&self, called: impl Fn(&StepId) -> String) -> (String, &'static str) {
        match &self.ask {
            Ask::NoGo(answer) => {
                (format!("NO-GO at {}: why?", called(&answer.gate)), "goes on the record; the run is held")
            }
            Ask::Waive { title, .. } => {
                (format!("Go on in spite of {title}: why?"), "counts for exactly this finding, at this gate")
            }
            Ask::Confirm(step) => (format!("Step \"{}\" is done. A note?", called(step)), "may stay empty"),
            Ask::Fail(step) => {
                (format!("Step \"{}\" could not be done: why?", called(step)), "goes on the record")
            }
            Ask::Skip(step) => (format!("Skip {}: why?", called(step)), "goes on the record"),
            Ask::Settle { step, undo, happened } => {
                let step = called(step);
                let sentence = match (undo, happened) {
                    (false, None) => format!("Did {step} happen? yes or no"),
                    (false, Some(true)) => format!("{step} happened: how do you know?"),
                    (false, Some(false)) => format!("{step} did not happen: how do you know?"),
                    (true, None) => format!("Was {step} taken back, or never there? yes or no"),
                    (true, Some(true)) => format!("{step} is taken back: how do you know?"),
                    (true, Some(false)) => format!("{step} is still in force: how do you know?"),
                };
                let hint =
                    if happened.is_none() { "look first; nobody else knows" } else { "goes on the record" };
                (sentence, hint)
            }
            Ask::Stop(step) => {
                (format!("Type {step} to stop {}", called(step)), "what it has changed stays changed")
            }
            Ask::Rollback => ("Go back: why?".to_owned(), "its own gate opens; nothing is done before GO"),
            Ask::Abort => (
                "Abort the run: why?".to_owned(),
                "what runs is stopped, fences open, what is frozen is lifted; nothing else is undone",
            ),
            Ask::Note => ("A note for the journal".to_owned(), "goes on the record"),
            Ask::TakeHelm(name) => {
                (format!("Type {name} to take the helm from them"), "they are disconnected, the run is held")
            }
            Ask::EndSession { application, session, .. } => (
                format!("Type {application} to end its session {session}"),
                "it is told to end, and looked at again",
            ),
        }
    }

    /// Draws the question and the field over the rows above `last`.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, plan: &Plan, last: Rect) {
        let area = Rect { y: last.y.saturating_sub(3), height: 3, ..last };
        canvas.clear(area);
        let (question, hint) = self.question(|step| called::step(plan, step).to_owned());
        let note = match self.wrong {
            Some(wrong) => piece(wrong, Role::Caution),
            None => piece("", Role::Dim),
        };
        canvas.head(Rect { width: area.width.saturating_sub(1), ..area }, &question, &[note], true);
        self.field.draw(
            canvas,
            Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: 1 },
            hint,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_settled_by_whether_it_happened_and_its_undo_by_whether_it_is_taken_back() {
        let asks = |undo, happened| {
            let ask = Ask::Settle { step: "fence".into(), undo, happened };
            Prompt::new(ask).question(ToString::to_string).0
        };
        assert_eq!(asks(false, None), "Did fence happen? yes or no");
        assert_eq!(asks(true, None), "Was fence taken back, or never there? yes or no");
        assert_eq!(asks(true, Some(true)), "fence is taken back: how do you know?");
        assert_eq!(asks(true, Some(false)), "fence is still in force: how do you know?");
    }
}
