//! The process that people look at: it joins the terminal, what is drawn, and the line to the engine.
//!
//! Owns one loop: take in everything that has happened (keys, the run's feed, the engine's answers), then draw once
//! if something changed. What is shown and what a key means is `panes`' part, the terminal `ui`'s, the engine's
//! files and socket `session`'s. Nothing in the loop waits for an engine, a disk or a database: what may is done on
//! a thread beside it and comes back as a [`Wake`].

mod found;
mod heard;
mod host;
mod identities;
mod line;
mod requests;
mod screen;
mod shown;

use std::path::PathBuf;
use std::sync::Arc;

use super::exit::Failure;
use crate::panes::{Extra, Output, Seat, Source, StartPage};
use crate::plan::EndpointId;
use crate::process::Detached;
use crate::session::client::{Client, ConnectError, FromEngine};
use crate::session::feed::FeedError;
use crate::ui::input::Event;

pub(super) use screen::Screen;

/// What wakes the loop.
enum Wake {
    /// Something happened at the terminal.
    Terminal(Event),
    /// The run has something new, or cannot be followed.
    Feed(Option<FeedError>),
    /// A try to get the keys has an end.
    Connected(u64, Result<Client, ConnectError>),
    /// The engine said something, over the connection of that number.
    Engine(u64, FromEngine),
    /// A system said what it is.
    Identity(EndpointId, Result<String, String>),
    /// The run is there and its engine is up, or not.
    Launched(Result<Launched, Failure>),
    /// What stands in no journal has been looked up.
    Found(Source, Output),
    /// An action that was added to the palette has an end.
    Told(Result<String, String>),
    /// What the last screen shows beside the run's own figures.
    Ending(Vec<(String, String)>),
}

/// A run with an engine.
pub(super) struct Launched {
    /// Its folder.
    pub(super) run: PathBuf,
    /// The engine, where it is a child of this process.
    pub(super) engine: Option<Detached>,
}

/// An action that the palette has beside its own: told its id, it says what it did.
pub(super) type Act = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;
/// What the last screen shows beside the run's own figures.
pub(super) type Measured = Arc<dyn Fn() -> Vec<(String, String)> + Send + Sync>;
/// Makes the run and starts its engine, or brings up the engine of a run that is there. May take seconds.
pub(super) type Make = Arc<dyn Fn() -> Result<Launched, Failure> + Send + Sync>;

/// What the cockpit opens on.
pub(super) enum Begin {
    /// The page on which a live run is started.
    Start(Box<StartPage>, Make),
    /// A run that begins, or goes on, at once.
    Drive(Make),
    /// A run to be looked at.
    Watch(PathBuf),
}

/// A cockpit that is to be opened.
pub(super) struct Opening {
    /// Whose eyes, and whether they want the keys.
    pub(super) seat: Seat,
    /// On what.
    pub(super) begin: Begin,
    /// Actions beside its own, and what does them.
    pub(super) extras: Vec<Extra>,
    /// … by their ids.
    pub(super) act: Option<Act>,
    /// What the last screen shows beside the run's own figures.
    pub(super) measured: Option<Measured>,
    /// The command that goes on with a run that is left held, where it is not the usual one.
    pub(super) again: Option<String>,
}

impl Opening {
    /// A cockpit with nothing beside its own.
    pub(super) fn on(seat: Seat, begin: Begin) -> Opening {
        Opening { seat, begin, extras: Vec::new(), act: None, measured: None, again: None }
    }
}
