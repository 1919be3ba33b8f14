//! What the cockpit wants and cannot do itself.

use std::time::{Duration, Instant};

use super::host::Host;
use super::line::Line;
use super::{Wake, found};
use crate::cli::exit::{Exit, Failure};
use crate::engine::input::Intent;
use crate::panes::{Reply, Request};
use crate::session::protocol::Ask;

/// Leaving waits so long for the engine to say that the run is held.
const HELD_WITHIN: Duration = Duration::from_secs(3);

impl Host {
    pub(super) fn do_it(&mut self, request: Request) -> Result<(), Failure> {
        let lost = |error: &dyn std::fmt::Display| Failure::new(Exit::NotProved, error.to_string());
        match request {
            Request::Intent(intent) => {
                self.intend(intent);
            }
            Request::ShowGate { gate, revision, sheet, digest } => {
                if let Some(client) = self.line.as_ref().and_then(Line::client)
                    && let Err(error) = client.ask(Ask::ShowGate { gate, revision, sheet, digest })
                {
                    self.cockpit.say(error.to_string());
                }
            }
            Request::Start { .. } => self.launch(),
            Request::Resume => {
                self.cockpit.say("the engine is being started again");
                self.launch();
            }
            // Whoever only watches has no line to the engine, and gets none: watching cannot turn into driving.
            Request::TakeHelm => match &mut self.line {
                Some(line) => line.connect(true),
                None => self.cockpit.say("this is for watching: `cutover run --resume RUN` takes part"),
            },
            Request::Quit { held } => self.quit(held),
            Request::Copy(text) => match self.screen.terminal.copy(&text) {
                Ok(Ok(())) => self.cockpit.say("copied, where the terminal allows it"),
                Ok(Err(error)) => self.cockpit.say(error.to_string()),
                Err(error) => return Err(lost(&error)),
            },
            Request::Suspend => match self.screen.terminal.suspend() {
                Ok(true) => {}
                Ok(false) => self.cockpit.say("there is no shell to go back to"),
                Err(error) => self.cockpit.say(error.to_string()),
            },
            Request::Repaint => self.screen.terminal.repaint(),
            Request::Mouse(on) => {
                if let Err(error) = self.screen.terminal.set_mouse(on) {
                    self.cockpit.say(error.to_string());
                }
            }
            Request::Theme(name) => {
                if let Err(error) = self.screen.set_theme(&name) {
                    self.cockpit.say(error);
                }
            }
            Request::Look(source) => {
                if let Some(run) = self.run.clone() {
                    self.aside(move || {
                        let output = found::find(&run, &source);
                        Wake::Found(source, output)
                    });
                }
            }
            Request::Extra(id) => {
                if let Some(act) = self.act.clone() {
                    self.aside(move || Wake::Told(act(&id)));
                }
            }
        }
        Ok(())
    }

    /// Asks the engine for something; gives the number of its answer.
    fn intend(&mut self, intent: Intent) -> Option<u64> {
        let asked = match self.line.as_ref().and_then(Line::client) {
            Some(client) => client.intend(intent).map_err(|error| error.to_string()),
            None => Err("there is no line to the engine just now: nothing was asked for".to_owned()),
        };
        asked.map_err(|why| self.cockpit.on_reply(Reply::Refused(why))).ok()
    }

    fn quit(&mut self, held: bool) {
        let connected =
            held && !self.is_over() && self.line.as_ref().is_some_and(|line| line.client().is_some());
        let intent = Intent::Hold { reason: "the operator left".to_owned() };
        match connected.then(|| self.intend(intent)).flatten() {
            Some(id) => self.leaving = Some((id, Instant::now() + HELD_WITHIN)),
            None => self.left = Some(self.exit()),
        }
    }
}
