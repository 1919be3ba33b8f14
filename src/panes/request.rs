//! What the cockpit wants of whoever holds its terminal and its line to the engine.

use std::time::{Duration, Instant};

use crate::engine::input::Intent;
use crate::plan::{ProbeId, StepId};

/// Something that the cockpit cannot do itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Ask the engine for something.
    Intent(Intent),
    /// The last row of a sheet has been shown: ask the engine for the code of this drawing.
    ShowGate {
        /// Which gate.
        gate: StepId,
        /// On which asking.
        revision: u32,
        /// Which sheet.
        sheet: u32,
        /// … with which digest.
        digest: String,
    },
    /// Start the run: the target's word was typed.
    Start {
        /// As it was typed.
        typed: String,
    },
    /// Take the helm from whoever has it; their name was typed.
    TakeHelm,
    /// Take up a run whose engine is gone.
    Resume,
    /// Leave. With `held`, hold the run first.
    Quit {
        /// The run is left held, to be come back to.
        held: bool,
    },
    /// Put text on the clipboard.
    Copy(String),
    /// Back to the shell for a while.
    Suspend,
    /// Draw everything anew.
    Repaint,
    /// Switch the mouse on or off.
    Mouse(bool),
    /// Look up what stands in no journal, and answer with [`super::Cockpit::on_output`].
    Look(Source),
    /// Change the theme.
    Theme(String),
    /// An action that the caller added to the palette.
    Extra(String),
}

/// Where something stands that is in no journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// What a probe asked last, and all that it was answered.
    Probe(ProbeId),
    /// What of that is about one table.
    Table(ProbeId, String),
    /// … and about one of its rows that differ.
    Row {
        /// Of which comparison.
        probe: ProbeId,
        /// Which table.
        table: String,
        /// Which row, as it is named.
        key: String,
        /// `changed`, `missing` or `extra`.
        kind: String,
        /// How many of its table come before it that are named alike.
        nth: usize,
    },
    /// What a step printed, of one try.
    Step(StepId, u32),
}

/// What was found there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What was asked: the command, the query, the address.
    pub asked: Option<String>,
    /// The last bytes that came.
    pub tail: Vec<u8>,
    /// Bytes before those, which are not shown.
    pub cut: u64,
    /// Why there is nothing, where there should be something.
    pub missing: Option<String>,
}

/// An action that the caller adds to the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Comes back in [`Request::Extra`].
    pub id: String,
    /// What people read.
    pub title: String,
    /// What it does, in a sentence.
    pub help: String,
}

/// The engine's answer to an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is on the record.
    Accepted,
    /// It is not, because.
    Refused(String),
}

/// A code that the engine gave out for one drawing of one sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// For which gate.
    pub gate: StepId,
    /// For which asking.
    pub revision: u32,
    /// For which sheet.
    pub sheet: u32,
    /// Four characters.
    pub text: String,
    /// When it came.
    pub at: Instant,
    /// It counts only after this much more.
    pub arms_in: Duration,
}
