//! The TOML of a plan as a tree in which every key and value knows its place.
//!
//! Owns the step from text to tree, with every syntax error of the text at once. Refuses to know which keys
//! a plan has: that is `grammar`'s table, held against the tree by `shape`.

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::diagnostic::{Diagnostic, Findings};
use super::secret::Template;
use super::source::{FileId, Place, Sources};

/// A value and where it stands; the header line for a table that has one.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// Text that holds something of the environment or a file. Only `variables` makes it.
    Tainted(Template),
    Whole(i64),
    Real(f64),
    Flag(bool),
    Time(Datetime),
    List(Vec<Node>),
    Table(Table),
}

/// Keys in the order of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Place,
    pub(super) node: Node,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.node)
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    pub(super) fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.key == key)
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Tainted(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Table(_) => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Node]> {
        if let Value::List(list) = &self.value { Some(list) } else { None }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// What kind of value it is, as people say it.
    pub(super) fn what(&self) -> &'static str {
        match &self.value {
            Value::Text(_) | Value::Tainted(_) => "a text",
            Value::Whole(_) | Value::Real(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::Time(_) => "a time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Parses a text. With syntax errors the tree holds what could be made out, and `findings` the errors.
pub(super) fn parse(file: FileId, sources: &Sources, findings: &mut Findings) -> Table {
    let text = sources.get(file).map_or("", |f| f.text.as_str());
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        findings.push(syntax_error(file, text, &error));
    }
    table(file, document.into_inner(), findings)
}

fn syntax_error(file: FileId, text: &str, error: &toml::de::Error) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let message = error.message();
    let help = match message {
        m if m.contains("duplicate key") => "a key stands once in a table: take one of the two out",
        m if m.contains("recursion limit") => "nothing in a plan is nested deeper than six levels",
        m if m.contains("string") || m.contains("quote") => {
            "texts stand in double quotes; a quote inside is written \\\""
        }
        m if m.contains("array") => "a list stands in brackets, its values divided by commas: [\"a\", \"b\"]",
        m if m.contains("inline table") => "an inline table is { key = \"value\", other = 1 }",
        _ => "a line is `key = value`, `[table]` or `[[list.of.tables]]`; texts stand in double quotes",
    };
    // A caret needs something to stand under: what is missing is missed after the last thing there is.
    let end = span.end.max(span.start + 1).min(text.len());
    let start = span.start.min(end.saturating_sub(1));
    Diagnostic::error("syntax", Place::new(file, start..end), message.to_owned()).label("here").help(help)
}

fn table(file: FileId, from: DeTable<'_>, findings: &mut Findings) -> Table {
    let mut entries: Vec<Entry> = from
        .into_iter()
        .map(|(key, value)| Entry {
            key_at: Place::new(file, key.span()),
            key: key.into_inner().into_owned(),
            node: node(file, value, findings),
        })
        .collect();
    entries.sort_by_key(|e| e.key_at);
    Table { entries }
}

fn node(file: FileId, from: toml::Spanned<DeValue<'_>>, findings: &mut Findings) -> Node {
    let at = Place::new(file, from.span());
    let value = match from.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            Value::Whole(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
                findings.push(
                    Diagnostic::error("wrong-type", at, format!("{number} is too large a number"))
                        .label("beyond 64 bits")
                        .help("no key of a plan needs so large a number"),
                );
                0
            }))
        }
        DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(time) => Value::Time(time),
        DeValue::Array(list) => Value::List(list.into_iter().map(|n| node(file, n, findings)).collect()),
        DeValue::Table(inner) => Value::Table(table(file, inner, findings)),
    };
    Node { value, at }
}
