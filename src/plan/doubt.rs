//! What an error leaves in doubt, so that nothing is said beside it that only follows from it.
//!
//! A plan with errors is linted too, as far as it could be put together: what is mended anyway should be mended
//! in one round. Owns which of the lint's findings may be said then. A finding that is about a broken thing
//! itself waits, and so does one that rests on a part of the plan in which something has lost its meaning (a step
//! of which nobody knows what it does may be the very gate that seems to be missing). The rules about gates, fences
//! and the way back ask step by step: they wait only where what is broken could be the answer.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Diagnostic, Findings, Level};
use super::grammar;
use super::names;
use super::source::Place;
use super::tree::{Node, Table, Value};

/// Codes of errors by which a thing itself is not what was meant, so that lesser findings about it wait.
const BREAKS: &[&str] =
    &["unknown-key", "wrong-type", "wrong-value", "bad-reference", "secret-in-the-open", "unknown-variable"];

/// Keys of a step behind which it names what it asks for.
const ASKS: &[&str] = &["check", "wait", "proof", "preflight"];

/// What is in doubt.
pub(super) struct Doubt<'t> {
    things: Things<'t>,
    broken: HashSet<usize>,
    /// Things of which something has lost its meaning: behind these keys, or wherever, where the key is empty.
    unclear: HashMap<usize, Vec<&'t str>>,
    /// Tables of the file in which something has lost its meaning.
    tables: HashSet<&'t str>,
    /// What steps ask for that is not there.
    asked: Vec<&'t str>,
    /// Something has lost its meaning of which nobody knows where it belongs.
    all: bool,
    /// The first error that leaves a step in doubt, else the first that leaves anything so.
    first: Option<(bool, Place)>,
}

/// A step, a probe, a person, … and every place that belongs to it.
#[derive(Default)]
struct Things<'t> {
    /// Of each the table of the file that it stands in.
    tables: Vec<&'t str>,
    /// Sorted by where they begin once all are there.
    places: Vec<Part<'t>>,
}

/// A place of a thing.
#[derive(Clone, Copy)]
struct Part<'t> {
    at: Place,
    thing: usize,
    /// The key of the thing behind which it stands; empty for what belongs to the whole thing.
    key: &'t str,
    /// What is written there, if it is a text.
    text: Option<&'t str>,
}

impl<'t> Doubt<'t> {
    /// What these errors leave in doubt.
    pub(super) fn of(root: &'t Table, findings: &Findings) -> Doubt<'t> {
        let mut doubt = Doubt {
            things: Things::of(root),
            broken: HashSet::new(),
            unclear: HashMap::new(),
            tables: HashSet::new(),
            asked: Vec::new(),
            all: false,
            first: None,
        };
        for error in findings.errors() {
            let part = doubt.things.at(error.place);
            if error.unclear || BREAKS.contains(&error.code) {
                doubt.broken.extend(part.map(|part| part.thing));
            }
            if error.unclear {
                let table = part.and_then(|part| doubt.things.tables.get(part.thing)).copied();
                let elsewhere = !matches!(table, Some("phase" | "rollback"));
                doubt.first = doubt.first.into_iter().chain([(elsewhere, error.place)]).min();
                match part {
                    Some(part) => doubt.blur(part),
                    None => doubt.all = true,
                }
            }
        }
        doubt
    }

    fn blur(&mut self, part: Part<'t>) {
        self.unclear.entry(part.thing).or_default().push(part.key);
        if ASKS.contains(&part.key) {
            self.asked.extend(part.text);
        }
        let table = self.things.tables.get(part.thing).copied().unwrap_or_default();
        if grammar::PLAN.key(table).is_some() {
            self.tables.insert(table);
        } else {
            // What this table was meant for is missing.
            match names::nearest(table, grammar::PLAN.keys.iter().map(|k| k.name)) {
                Some(meant) => drop(self.tables.insert(meant)),
                None => self.all = true,
            }
        }
    }

    /// Whether a finding of the lint stands in spite of the errors.
    pub(super) fn allows(&self, found: &Diagnostic) -> bool {
        let lesser = found.level != Level::Error;
        if lesser && self.is_broken(found.place) {
            return false;
        }
        !rests_on(found.code).iter().any(|table| self.is_unclear(table))
    }

    /// Whether anything in a table of the file has lost its meaning.
    pub(super) fn is_unclear(&self, table: &str) -> bool {
        self.all || self.tables.contains(table)
    }

    /// Whether the thing at a place is itself not what was meant.
    pub(super) fn is_broken(&self, place: Place) -> bool {
        !self.broken.is_empty() && self.things.at(place).is_some_and(|part| self.broken.contains(&part.thing))
    }

    /// Whether nobody knows what stands behind one of these keys of the thing at a place.
    pub(super) fn blurs(&self, place: Place, keys: &[&str]) -> bool {
        if self.all {
            return true;
        }
        if self.unclear.is_empty() {
            return false;
        }
        let unclear = self.things.at(place).and_then(|part| self.unclear.get(&part.thing));
        unclear.is_some_and(|at| at.iter().any(|key| key.is_empty() || keys.contains(key)))
    }

    /// Whether something behind this very key of the thing at a place leads nowhere.
    pub(super) fn blurs_only(&self, place: Place, key: &str) -> bool {
        let unclear = self.things.at(place).and_then(|part| self.unclear.get(&part.thing));
        unclear.is_some_and(|at| at.contains(&key))
    }

    /// Whether a step that asks for something that is not there may have meant this.
    pub(super) fn may_ask_for(&self, id: &str, all: &[&str]) -> bool {
        self.asked.iter().any(|name| names::nearest(name, all.iter().copied()).is_none_or(|near| near == id))
    }

    /// Said once where a rule about the whole plan had to wait.
    pub(super) fn note(&self) -> Option<Diagnostic> {
        self.first.map(|(_, place)| unchecked(place))
    }
}

/// What is not looked at before the errors are mended, said at one of them.
pub(super) fn unchecked(place: Place) -> Diagnostic {
    Diagnostic::note(
        "not-checked-yet",
        place,
        "whether gates, fences and the way back are right cannot be told before the errors above are mended",
    )
    .label("what is meant here may decide it")
    .help("mend the errors above, then check again")
}

/// The tables of the file that a finding of the lint rests on beside the thing that it is about.
fn rests_on(code: &str) -> &'static [&'static str] {
    match code {
        "plain-secret" | "agent" | "no-such-program" | "same-system" | "no-timeout" | "unproved-switch"
        | "no-owner" | "no-contact" | "unproved-fence"
        // These have asked about each step already.
        | "no-gate" | "two-writers" | "source-not-last" | "no-rollback" | "never-asked" => &[],
        "nobody-may-return" => &["people"],
        "no-rollback-estimate"
        | "over-budget"
        | "window-too-short"
        | "no-outage-budget"
        | "no-estimate"
        | "no-t0" => &["plan", "phase", "rollback"],
        "compares-identity" | "carries-identity" => &["endpoints"],
        _ => &["plan", "endpoints", "replication", "freeze", "validation", "probe", "phase", "rollback"],
    }
}

impl<'t> Things<'t> {
    fn of(root: &'t Table) -> Things<'t> {
        let mut things = Things::default();
        for entry in &root.entries {
            let thing = things.thing(&entry.key);
            things.put(entry.key_at, thing, "", None);
            things.parts(&entry.key, &entry.node, (thing, ""), 0);
        }
        things.places.sort_unstable_by_key(|part| (part.at.file, part.at.start));
        things
    }

    fn thing(&mut self, table: &'t str) -> usize {
        self.tables.push(table);
        self.tables.len() - 1
    }

    fn put(&mut self, at: Place, thing: usize, key: &'t str, text: Option<&'t str>) {
        self.places.push(Part { at, thing, key, text });
    }

    /// Enters a value and all that is in it. Tables of a list near the top of the file are things of their own
    /// (probes, phases, steps, controls), and so are people and endpoints.
    fn parts(&mut self, table: &'t str, node: &'t Node, of: (usize, &'t str), depth: usize) {
        let (thing, key) = of;
        match &node.value {
            Value::List(list) if depth < 2 && list.iter().any(|item| item.table().is_some()) => {
                for item in list {
                    let own = self.thing(table);
                    self.parts(table, item, (own, ""), depth + 1);
                }
            }
            Value::List(list) => {
                self.put(node.at, thing, key, None);
                for item in list {
                    self.parts(table, item, of, depth + 1);
                }
            }
            Value::Table(inner) => {
                self.put(node.at, thing, key, None);
                for entry in &inner.entries {
                    let named = depth == 0 && ["people", "endpoints"].contains(&table);
                    let thing = if named { self.thing(table) } else { thing };
                    self.put(entry.key_at, thing, key, None);
                    // An id stands for the whole; what stands deeper belongs to the key of the thing itself.
                    let whole = named || entry.key == "id";
                    let key = if key.is_empty() && !whole { entry.key.as_str() } else { key };
                    // A table below a table of the file is no deeper than the lists that may stand in it.
                    let list = matches!(entry.node.value, Value::List(_));
                    self.parts(table, &entry.node, (thing, key), if list { depth } else { depth + 1 });
                }
            }
            Value::Text(_)
            | Value::Tainted(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_) => self.put(node.at, thing, key, node.text()),
        }
    }

    /// What a place belongs to.
    fn at(&self, place: Place) -> Option<Part<'t>> {
        if place.start == place.end {
            // The file's start, where nothing stands that could be pointed at.
            return None;
        }
        let key = (place.file, place.start);
        let after = self.places.partition_point(|part| (part.at.file, part.at.start) <= key);
        let nearest = self.places.get(after.checked_sub(1)?)?;
        // Values stand in each other only within one thing.
        let same = |part: &&Part<'_>| part.at.file == nearest.at.file && part.at.start == nearest.at.start;
        let before = self.places.get(..after)?.iter().rev().take_while(same);
        before.copied().find(|part| part.at.file == place.file && place.end <= part.at.end)
    }
}
