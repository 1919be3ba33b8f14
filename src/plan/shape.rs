//! Holds a tree against the table of keys: unknown keys, wrong types, missing keys, all of them at once.
//!
//! What passes here has the shape that `build` reads without looking twice. Refuses to know what values mean
//! together.

mod values;

use std::cell::OnceCell;

use toml::value::Datetime;

use super::diagnostic::{Diagnostic, Findings};
use super::examples;
use super::grammar::{Key, Kind, Names, Spec};
use super::mends::{self, called, either, list};
use super::names;
use super::source::Place;
use super::tree::{Node, Table, Value};
use super::units::{self, Wrong};

/// How much is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rigour {
    /// Everything.
    Whole,
    /// Only what is there and wrong: the text has syntax errors, so that what is missing may be in them.
    Present,
}

struct Shape<'f> {
    rigour: Rigour,
    /// The keys that lead to the table that is looked at.
    path: Vec<String>,
    /// When the window opens that is looked at.
    opens: Option<Datetime>,
    findings: &'f mut Findings,
}

/// Checks a whole file. `at` is where something is missed that no table could hold.
pub(super) fn check(root: &Table, at: Place, spec: &'static Spec, rigour: Rigour, findings: &mut Findings) {
    Shape { rigour, path: Vec::new(), opens: None, findings }.table(root, at, spec);
}

impl Shape<'_> {
    fn table(&mut self, table: &Table, at: Place, spec: &'static Spec) {
        let mut unused = None;
        let mut meant = Vec::new();
        if let Some(Value::Time(opens)) = table.get("opens").map(|node| &node.value) {
            self.opens = Some(*opens);
        }
        let name = OnceCell::new();
        let name = || name.get_or_init(|| called(spec, table)).as_str();
        for entry in &table.entries {
            match spec.key(&entry.key) {
                None => {
                    let unused = unused.get_or_insert_with(|| mends::unused(&self.path, table, spec));
                    meant.extend(self.unknown(&entry.key, entry.key_at, name(), spec, unused));
                }
                Some(Key { kind: Kind::Needs(what, instead), name, .. }) => self.findings.push(
                    Diagnostic::error(
                        "not-in-this-version",
                        entry.key_at,
                        format!("`{name}` needs {what}, which this version does not have"),
                    )
                    .label("not in this version")
                    .help(mends::instead(&self.path, instead))
                    .unclear(true),
                ),
                // What has to go needs no mending first.
                Some(key) if self.is_misplaced(key, entry.key_at, table, spec) => {}
                Some(key) => self.value(&entry.node, key.name, key.kind),
            }
        }
        if self.rigour == Rigour::Whole {
            // What is there under another name is not missing.
            let is_missing = |k: &&Key| k.required && table.get(k.name).is_none() && !meant.contains(&k.name);
            for key in spec.keys.iter().filter(is_missing) {
                self.findings.push(
                    Diagnostic::error(
                        "missing-key",
                        at,
                        format!("{} needs `{}`", called(spec, table), key.name),
                    )
                    .label(format!("`{}` is missing", key.name))
                    .help(mends::missing(&self.path, key, table, spec))
                    .unclear(key.kind.is_structure()),
                );
            }
        }
        self.one_of(table, at, spec);
    }

    /// Reports an unknown key. Gives the one that was meant.
    fn unknown(
        &mut self,
        key: &str,
        at: Place,
        of: &str,
        spec: &Spec,
        unused: &[&'static str],
    ) -> Option<&'static str> {
        let meant = mends::meant(key, unused);
        let again = mends::again(key, meant, spec, unused);
        let structure = |meant: &str| spec.key(meant).is_some_and(|k| k.kind.is_structure());
        self.findings.push(
            Diagnostic::error("unknown-key", at, format!("`{key}` is not a key of {of}"))
                .label("unknown key")
                .help(again.unwrap_or_else(|| mends::unknown(key, meant, spec, unused)))
                .unclear(self.path.is_empty() || meant.is_some_and(structure)),
        );
        meant
    }

    /// Whether a key stands where it means nothing; reported if so.
    fn is_misplaced(&mut self, key: &Key, at: Place, table: &Table, spec: &Spec) -> bool {
        if key.beside.is_empty() || key.beside.iter().any(|k| table.get(k).is_some()) {
            return false;
        }
        let other = spec.one_of.iter().find(|k| table.get(k).is_some());
        if other.is_none() && !spec.one_of.is_empty() {
            // What it should stand beside is what is missing, and that is said.
            return false;
        }
        let with = other.map_or_else(String::new, |k| format!(" beside `{k}`"));
        self.findings.push(
            Diagnostic::error("misplaced-key", at, format!("`{}` means nothing{with}", key.name))
                .label("nothing to go with")
                .help(format!("it goes with {}: take it out", either(key.beside))),
        );
        true
    }

    fn one_of(&mut self, table: &Table, at: Place, spec: &Spec) {
        let there: Vec<_> = spec.one_of.iter().filter_map(|k| table.entry(k)).collect();
        // A key that is refused with words of its own would have been the one.
        let refused =
            |e: &super::tree::Entry| spec.key(&e.key).is_none_or(|k| matches!(k.kind, Kind::Needs(..)));
        match there.as_slice() {
            [_] => {}
            [] if spec.one_of.is_empty() || self.rigour == Rigour::Present => {}
            [] if table.entries.iter().any(refused) => {}
            [] => self.findings.push(
                Diagnostic::error(
                    "missing-kind",
                    at,
                    format!("{} does not say what it is", called(spec, table)),
                )
                .label(format!("needs {}", either(&mends::kinds(&self.path, spec))))
                .help(mends::kind(&self.path, table, spec))
                .unclear(true),
            ),
            [first, more @ ..] => {
                for second in more {
                    self.findings.push(
                        Diagnostic::error(
                            "two-kinds",
                            second.key_at,
                            format!("{} cannot be two things at once", called(spec, table)),
                        )
                        .label(format!("`{}` too", second.key))
                        .related(first.key_at, format!("`{}` already", first.key))
                        .help(mends::two_kinds(table, spec))
                        .unclear(true),
                    );
                }
            }
        }
    }

    /// Looks at what stands behind a key.
    fn inside(&mut self, key: &str, look: impl FnOnce(&mut Self)) {
        self.path.push(key.to_owned());
        look(self);
        self.path.pop();
    }

    fn value(&mut self, node: &Node, key: &str, kind: Kind) {
        self.unfilled(node, key);
        if self.is_refused(node, key, kind) {
            return;
        }
        match (kind, &node.value) {
            (Kind::Table(spec) | Kind::ArgvOr(spec), Value::Table(table)) => {
                self.inside(key, |shape| shape.table(table, node.at, spec));
            }
            (Kind::Tables(spec), Value::List(list)) => {
                if list.is_empty() {
                    self.wrong(node, key, kind);
                }
                for item in list {
                    match &item.value {
                        Value::Table(table) => self.inside(key, |shape| shape.table(table, item.at, spec)),
                        Value::Text(_)
                        | Value::Tainted(_)
                        | Value::Whole(_)
                        | Value::Real(_)
                        | Value::Flag(_)
                        | Value::Time(_)
                        | Value::List(_) => self.wrong(item, key, kind),
                    }
                }
            }
            (Kind::Map(inner, names), Value::Table(table)) => {
                self.inside(key, |shape| shape.map(table, key, *inner, names));
            }
            (Kind::Argv | Kind::ArgvOr(_), Value::List(list)) => {
                self.texts(list, key);
                match list.first() {
                    None => self.wrong(node, key, kind),
                    Some(first) if first.text() == Some("") => self.wrong(first, key, kind),
                    Some(_) => {}
                }
            }
            (Kind::Texts | Kind::Refs(_), Value::List(list)) => {
                self.texts(list, key);
                if list.is_empty() {
                    self.wrong(node, key, kind);
                }
            }
            (Kind::RefsOrNone(_), Value::List(list)) => self.texts(list, key),
            (Kind::Json | Kind::Body, _) => self.json(node, key, kind),
            (Kind::Status, _) => self.status(node, key),
            (Kind::Secret, Value::Tainted(_) | Value::Text(_))
            | (Kind::Flag, Value::Flag(_))
            | (Kind::Number, Value::Whole(_) | Value::Real(_)) => {}
            (Kind::Whole(least, most), Value::Whole(n)) => {
                if !(least..=most).contains(n) {
                    self.findings.push(
                        Diagnostic::error("wrong-value", node.at, format!("`{key}` cannot be {n}"))
                            .label("out of bounds")
                            .help(if most == i64::MAX {
                                format!("write at least {least}")
                            } else {
                                format!("write a number from {least} to {most}")
                            }),
                    );
                }
            }
            (Kind::Count, Value::Whole(n)) if *n >= 0 => {}
            (Kind::Count, Value::Whole(n)) => self.findings.push(
                Diagnostic::error("wrong-value", node.at, format!("`{key}` cannot be {n}"))
                    .label("out of bounds")
                    .help("write 0 or more"),
            ),
            (Kind::Time | Kind::TimeOrStart, Value::Time(time)) => {
                let opens = self.opens.as_ref().filter(|_| matches!(kind, Kind::Time));
                let right = units::time(time).map(|_| ()).map_err(|wrong| match (time.date, time.time) {
                    (Some(_), None) => Wrong { mend: format!("write {}", mends::day(time, opens)), ..wrong },
                    _ => wrong,
                });
                self.wrong_value(node, key, right);
            }
            (kind, Value::Text(text)) => self.text(node, key, kind, text),
            _ => self.wrong(node, key, kind),
        }
    }

    fn text(&mut self, node: &Node, key: &str, kind: Kind, text: &str) {
        match kind {
            Kind::Text | Kind::Ref(_) | Kind::Refs(_) | Kind::RefsOrNone(_) | Kind::Texts => {
                if text.trim().is_empty() {
                    self.findings.push(
                        Diagnostic::error("wrong-value", node.at, format!("`{key}` is empty"))
                            .label("nothing in it")
                            .help("write what it is, or take the key out"),
                    );
                }
            }
            Kind::Word => self.wrong_value(node, key, units::word(text)),
            Kind::Id => self.wrong_value(node, key, units::id(text)),
            Kind::Duration => self.wrong_value(node, key, units::duration(text).map(|_| ())),
            Kind::Count => self.wrong_value(node, key, units::count(text).map(|_| ())),
            Kind::Offset => self.wrong_value(node, key, units::offset(text).map(|_| ())),
            Kind::Address => self.wrong_value(node, key, units::address(text)),
            Kind::SshHost => self.wrong_value(node, key, units::ssh_host(text)),
            Kind::TimeOrStart if text == "start" => {}
            Kind::Choice(words) if words.contains(&text) => {}
            Kind::Choice(words) => self.findings.push(
                Diagnostic::error("wrong-value", node.at, format!("`{key}` cannot be `{text}`"))
                    .label("not one of its words")
                    .help(names::nearest(text, words.iter().copied()).map_or_else(
                        || format!("write one of {}", list(words)),
                        |near| format!("did you mean `{near}`?"),
                    ))
                    .unclear(true),
            ),
            _ => self.wrong(node, key, kind),
        }
    }

    /// What was copied from a help as it stood there. Texts that people read may end in such a sign.
    fn unfilled(&mut self, node: &Node, key: &str) {
        let told = ["title", "manual", "text", "because", "impact", "fallback", "name"].contains(&key);
        if node.text().is_some_and(|text| text == "…" || (!told && text.ends_with('…'))) {
            self.findings.push(
                Diagnostic::warning("placeholder", node.at, "`…` is still to be filled in")
                    .label("copied as it was shown")
                    .help("write in its place what it is here"),
            );
        }
    }

    fn texts(&mut self, list: &[Node], key: &str) {
        for item in list {
            match &item.value {
                Value::Text(_) => self.unfilled(item, key),
                Value::Tainted(_) => self.value(item, key, Kind::Argv),
                Value::Whole(_)
                | Value::Real(_)
                | Value::Flag(_)
                | Value::Time(_)
                | Value::List(_)
                | Value::Table(_) => self.wrong_item(item, key),
            }
        }
    }

    fn map(&mut self, table: &Table, key: &str, inner: Kind, names: Names) {
        for entry in &table.entries {
            if !names.fits(&entry.key) {
                self.findings.push(
                    Diagnostic::error(
                        "wrong-value",
                        entry.key_at,
                        format!("`{}` is no name for {key}", entry.key),
                    )
                    .label("not a name")
                    .help(format!("give it another: a name is made of {}", names.rule())),
                );
            }
            self.value(&entry.node, &entry.key, inner);
        }
    }

    fn wrong_value(&mut self, node: &Node, key: &str, result: Result<(), Wrong>) {
        if let Err(wrong) = result {
            self.findings.push(
                Diagnostic::error("wrong-value", node.at, wrong.why)
                    .label(format!("not right for `{key}`"))
                    .help(wrong.mend),
            );
        }
    }

    fn wrong_item(&mut self, node: &Node, key: &str) {
        self.findings.push(
            Diagnostic::error(
                "wrong-type",
                node.at,
                format!("`{key}` is a list of texts, and this is {}", node.what()),
            )
            .label("expected a text")
            .help("put it in double quotes")
            .unclear(true),
        );
    }

    fn wrong(&mut self, node: &Node, key: &str, kind: Kind) {
        let noun = examples::noun(kind);
        let which = match kind {
            Kind::Ref(named) | Kind::Refs(named) | Kind::RefsOrNone(named) => {
                let (word, which) = (named.word(), if key == "after" { " before it" } else { "" });
                format!(" with the id of a {word}{which}")
            }
            _ => String::new(),
        };
        let empty = node.list().is_some_and(<[Node]>::is_empty);
        let here = if empty { "an empty list" } else { node.what() };
        self.findings.push(
            Diagnostic::error("wrong-type", node.at, format!("`{key}` is {noun}, not {here}"))
                .label(format!("expected {noun}"))
                .help(format!("write {}{which}", examples::line(&self.path, key, kind)))
                .unclear(kind.is_structure()),
        );
    }
}
