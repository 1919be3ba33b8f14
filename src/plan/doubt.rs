//! What an error leaves in doubt, so that nothing is said beside it that only follows from it.
//!
//! A plan with errors is linted too, as far as it could be put together: what is mended anyway should be mended
//! in one round. Owns which of the lint's findings may be said then. A finding that is about a broken thing
//! itself waits, and so does one that rests on a part of the plan in which something has lost its meaning (a step
//! of which nobody knows what it does may be the very gate that seems to be missing).

use std::collections::HashSet;

use super::diagnostic::{Diagnostic, Findings, Level};
use super::source::Place;
use super::tree::{Node, Table, Value};

/// Codes of errors by which a thing itself is not what was meant, so that lesser findings about it wait.
const BREAKS: &[&str] =
    &["unknown-key", "wrong-type", "wrong-value", "bad-reference", "secret-in-the-open", "unknown-variable"];

/// What is in doubt.
pub(super) struct Doubt {
    things: Things,
    broken: HashSet<usize>,
    /// Tables of the file in which something has lost its meaning.
    unclear: HashSet<String>,
    /// Something has lost its meaning of which nobody knows where it belongs.
    all: bool,
}

/// A step, a probe, a person, … and every place that belongs to it.
#[derive(Default)]
struct Things {
    /// Of each the table of the file that it stands in.
    tables: Vec<String>,
    /// Sorted by where they begin once all are there.
    places: Vec<(Place, usize)>,
}

impl Doubt {
    /// What these errors leave in doubt.
    pub(super) fn of(root: &Table, findings: &Findings) -> Doubt {
        let things = Things::of(root);
        let mut doubt = Doubt { things, broken: HashSet::new(), unclear: HashSet::new(), all: false };
        for error in findings.errors() {
            let thing = doubt.things.at(error.place);
            if error.unclear || BREAKS.contains(&error.code) {
                doubt.broken.extend(thing);
            }
            if error.unclear {
                match thing.and_then(|thing| doubt.things.tables.get(thing)) {
                    Some(table) => drop(doubt.unclear.insert(table.clone())),
                    None => doubt.all = true,
                }
            }
        }
        doubt
    }

    /// Whether a finding of the lint stands in spite of the errors.
    pub(super) fn allows(&self, found: &Diagnostic) -> bool {
        let lesser = found.level != Level::Error;
        if lesser && self.things.at(found.place).is_some_and(|thing| self.broken.contains(&thing)) {
            return false;
        }
        let rests_on = rests_on(found.code);
        let doubted = |table: &&str| self.all || self.unclear.contains(*table);
        !rests_on.iter().any(doubted)
    }
}

/// The tables of the file that a finding of the lint rests on beside the thing that it is about.
fn rests_on(code: &str) -> &'static [&'static str] {
    match code {
        "plain-secret" | "agent" | "no-such-program" | "same-system" | "no-timeout" | "unproved-switch"
        | "no-owner" | "no-contact" | "unproved-fence" => &[],
        "nobody-may-return" => &["people"],
        "no-gate"
        | "two-writers"
        | "source-not-last"
        | "no-rollback"
        | "no-rollback-estimate"
        | "over-budget"
        | "window-too-short"
        | "no-outage-budget"
        | "no-estimate"
        | "no-t0" => &["plan", "phase", "rollback"],
        "compares-identity" | "carries-identity" => &["endpoints"],
        _ => &["plan", "endpoints", "replication", "freeze", "validation", "probe", "phase", "rollback"],
    }
}

impl Things {
    fn of(root: &Table) -> Things {
        let mut things = Things::default();
        for entry in &root.entries {
            let table = things.thing(&entry.key);
            things.places.push((entry.key_at, table));
            things.parts(&entry.key, &entry.node, table, 0);
        }
        things.places.sort_unstable_by_key(|(place, _)| (place.file, place.start));
        things
    }

    fn thing(&mut self, table: &str) -> usize {
        self.tables.push(table.to_owned());
        self.tables.len() - 1
    }

    /// Enters a value and all that is in it. Tables of a list near the top of the file are things of their own
    /// (probes, phases, steps, controls), and so are people and endpoints.
    fn parts(&mut self, table: &str, node: &Node, thing: usize, depth: usize) {
        match &node.value {
            Value::List(list) if depth < 2 && list.iter().any(|item| item.table().is_some()) => {
                for item in list {
                    let own = self.thing(table);
                    self.parts(table, item, own, depth + 1);
                }
            }
            Value::List(list) => {
                self.places.push((node.at, thing));
                for item in list {
                    self.parts(table, item, thing, depth + 1);
                }
            }
            Value::Table(inner) => {
                self.places.push((node.at, thing));
                for entry in &inner.entries {
                    let named = depth == 0 && ["people", "endpoints"].contains(&table);
                    let thing = if named { self.thing(table) } else { thing };
                    self.places.push((entry.key_at, thing));
                    // A table below a table of the file is no deeper than the lists that may stand in it.
                    let list = matches!(entry.node.value, Value::List(_));
                    self.parts(table, &entry.node, thing, if list { depth } else { depth + 1 });
                }
            }
            Value::Text(_)
            | Value::Tainted(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_) => self.places.push((node.at, thing)),
        }
    }

    /// What a place belongs to.
    fn at(&self, place: Place) -> Option<usize> {
        if place.start == place.end {
            // The file's start, where nothing stands that could be pointed at.
            return None;
        }
        let key = (place.file, place.start);
        let after = self.places.partition_point(|(p, _)| (p.file, p.start) <= key);
        let (nearest, thing) = self.places.get(after.checked_sub(1)?)?;
        // Values stand in each other only within one thing.
        let same = |p: &&(Place, usize)| p.0.file == nearest.file && p.0.start == nearest.start;
        let before = self.places.get(..after)?.iter().rev().take_while(same);
        let holds = before.map(|(p, _)| p).any(|p| p.file == place.file && place.end <= p.end);
        holds.then_some(*thing)
    }
}
