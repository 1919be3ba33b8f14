//! What is wrong with a plan, where, and how to mend it.
//!
//! Owns [`Diagnostic`] and the set of them that reading a plan gives: everything at once, in the order of the
//! file. Refuses to know what is checked (see `shape`, `build`, `lint`); `render` draws them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::source::{FileId, Place, Sources};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The plan is refused.
    Error,
    /// The plan runs, and somebody will regret it.
    Warning,
    /// Worth knowing.
    Note,
}

/// One finding: what, where, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// A stable word for scripts: `unknown-key`, `no-gate`, …
    pub code: &'static str,
    /// What is wrong, to what.
    pub message: String,
    /// Where; something that is missing stands at the header of its table.
    pub place: Place,
    /// What is said beside the caret.
    pub label: String,
    /// Other places that belong to it, each with what is said there.
    pub related: Vec<(Place, String)>,
    /// The mend.
    pub help: String,
    /// What could be read in spite of it may mean another thing than was meant (see `doubt`).
    pub(super) unclear: bool,
}

/// Findings, with the texts that they point into.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// The worst first, then in the order of the files.
    pub list: Vec<Diagnostic>,
    /// What the places are places in.
    pub sources: Sources,
}

/// Findings while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Diagnostic>,
}

impl Level {
    /// `error`, `warning` or `note`.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

impl Diagnostic {
    fn new(level: Level, code: &'static str, place: Place, message: String) -> Diagnostic {
        Diagnostic {
            level,
            code,
            message,
            place,
            label: String::new(),
            related: Vec::new(),
            help: String::new(),
            unclear: false,
        }
    }

    pub(super) fn error(code: &'static str, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Level::Error, code, place, message.into())
    }

    pub(super) fn warning(code: &'static str, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Level::Warning, code, place, message.into())
    }

    pub(super) fn note(code: &'static str, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Level::Note, code, place, message.into())
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    pub(super) fn related(mut self, place: Place, label: impl Into<String>) -> Diagnostic {
        self.related.push((place, label.into()));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = help.into();
        self
    }

    /// Marks it as one after which the rest of the plan may mean another thing.
    pub(super) fn unclear(mut self, unclear: bool) -> Diagnostic {
        self.unclear = unclear;
        self
    }

    /// As it stands in `--json`.
    pub fn to_json(&self, sources: &Sources) -> Value {
        let at = |place: Place| {
            let from = sources.line_column(place);
            let to = sources.line_column(Place { start: place.end, ..place });
            json!({
                "file": sources.get(place.file).map(|f| f.name.as_str()),
                "line": from.line,
                "column": from.column,
                "end_line": to.line,
                "end_column": to.column,
            })
        };
        let related: Vec<Value> =
            self.related.iter().map(|(place, label)| json!({ "at": at(*place), "label": label })).collect();
        json!({
            "severity": self.level.word(),
            "code": self.code,
            "message": self.message,
            "at": at(self.place),
            "label": self.label,
            "related": related,
            "help": self.help,
        })
    }
}

impl Diagnostics {
    /// How many there are of a level.
    pub fn count(&self, level: Level) -> usize {
        self.list.iter().filter(|d| d.level == level).count()
    }

    /// As they stand in `--json`.
    pub fn to_json(&self) -> Value {
        self.list.iter().map(|d| d.to_json(&self.sources)).collect()
    }
}

impl Findings {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.level == Level::Error)
    }

    /// The errors so far.
    pub(super) fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|d| d.level == Level::Error)
    }

    /// Whether there are more findings than that.
    pub(super) fn is_crowded(&self, limit: usize) -> bool {
        self.list.len() > limit
    }

    /// The lines at which something was found.
    pub(super) fn lines(&self, sources: &Sources) -> HashSet<(FileId, usize)> {
        self.list.iter().map(|d| (d.place.file, sources.line(d.place))).collect()
    }

    pub(super) fn extend(&mut self, more: Option<Diagnostic>) {
        self.list.extend(more);
    }

    pub(super) fn append(&mut self, more: Findings) {
        self.list.extend(more.list);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// Everything found, the worst first and then in the order of the files, nothing twice.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| (a.level, a.place, &a.message).cmp(&(b.level, b.place, &b.message)));
        self.list.dedup();
        self.list
    }
}
