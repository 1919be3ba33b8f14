//! Gates: what was asked, on which evidence, and what was said.

use crate::clock::Timestamp;
use crate::engine::event::{Decision, SheetLine};

/// A gate that has been asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateState {
    /// Counts the times it was asked.
    pub revision: u32,
    /// An answer is wanted now.
    pub open: bool,
    /// Since when.
    pub opened: Option<Timestamp>,
    /// What the answer rests on.
    pub sheet: Option<Sheet>,
    /// The last answer.
    pub decided: Option<Decided>,
    /// Findings that somebody goes on in spite of.
    pub waivers: Vec<Waiver>,
}

/// A numbered evidence sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its number within the revision.
    pub number: u32,
    /// Its digest now.
    pub digest: String,
    /// Digests under which it was shown before it got better.
    pub earlier: Vec<String>,
    /// Its lines.
    pub lines: Vec<SheetLine>,
}

/// An answer at a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, for a NO-GO.
    pub reason: String,
    /// On which sheet, with which digest.
    pub sheet: (u32, String),
}

/// A finding that somebody goes on in spite of, at one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Which evidence.
    pub evidence: String,
    /// Digest of exactly what is wrong.
    pub finding: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}
