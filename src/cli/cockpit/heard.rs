//! What comes over the line to the engine, and what an action of the palette has to tell.

use std::time::{Duration, Instant};

use super::host::Host;
use super::line::Line;
use crate::engine::input::Intent;
use crate::panes::{Code, Reply, Seat};
use crate::session::client::{ConnectError, FromEngine};
use crate::session::protocol::Answer;

impl Host {
    /// The engine has said something.
    pub(super) fn heard(&mut self, told: FromEngine) {
        let answered = |host: &mut Host, id: u64| {
            if host.leaving.is_some_and(|(asked, _)| asked == id) {
                host.left = Some(host.exit());
            }
        };
        match told {
            FromEngine::Answer(Answer::Accepted { id, .. }) => {
                self.cockpit.on_reply(Reply::Accepted);
                answered(self, id);
            }
            FromEngine::Answer(Answer::Refused { id, text }) => {
                self.cockpit.on_reply(Reply::Refused(text));
                answered(self, id);
            }
            FromEngine::Answer(Answer::Code { gate, revision, sheet, code, arms_in_ms }) => {
                self.cockpit.on_code(Code {
                    gate,
                    revision,
                    sheet,
                    text: code,
                    at: Instant::now(),
                    arms_in: Duration::from_millis(arms_in_ms),
                });
            }
            FromEngine::Closed { why, taken } => {
                if taken {
                    self.cockpit.set_seat(Seat::Watcher);
                }
                if let Some(why) = why.filter(|_| !self.is_over()) {
                    self.cockpit.say_of_line(why);
                }
            }
            FromEngine::Answer(Answer::Welcome { .. } | Answer::RefusedHello { .. } | Answer::Bye { .. }) => {
            }
        }
        if let Some(following) = &self.following {
            following.nudge();
        }
    }

    pub(super) fn not_connected(&mut self, error: &ConnectError) {
        match error {
            ConnectError::Held { who, since } => {
                self.cockpit.set_seat(Seat::Watcher);
                let offset = self.seen.as_ref().map_or(0, |seen| seen.plan.offset);
                let since = since.hour_minute(offset);
                self.cockpit
                    .say(format!("{who} has had the keys since {since}: watch, or take the helm (:)"));
            }
            ConnectError::Socket(_) | ConnectError::Refused(_) | ConnectError::Io(_) if self.is_over() => {}
            ConnectError::Socket(_) | ConnectError::Refused(_) | ConnectError::Io(_) => {
                self.cockpit.say_of_line(error.to_string());
            }
        }
    }

    pub(super) fn told(&mut self, told: Result<String, String>) {
        match told {
            Ok(text) => {
                // It goes on the record: whoever reads it later must know that this was no accident.
                if let Some(client) = self.line.as_ref().and_then(Line::client) {
                    let _unheard = client.intend(Intent::Note { text: text.clone() });
                }
                self.cockpit.say(text);
            }
            Err(text) => self.cockpit.say(text),
        }
    }
}
