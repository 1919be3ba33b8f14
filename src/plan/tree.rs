//! The TOML of a plan as a tree in which every key and value knows its place.
//!
//! Owns the step from text to tree, with every syntax error of the text at once. Refuses to know which keys
//! a plan has: that is `grammar`'s table, held against the tree by `shape`.

use std::ops::Range;

use toml::de::{DeInteger, DeTable, DeValue};
use toml::value::Datetime;

use super::diagnostic::{Diagnostic, Findings};
use super::secret::Template;
use super::source::{FileId, Place, Sources};
use super::syntax::{self, Mended, PutIn};

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
    if errors.is_empty() {
        return Reader { file, put_in: &PutIn::default(), findings }.table(document.into_inner());
    }
    let Mended { text, put_in } = syntax::mend(file, text, errors, findings);
    let document = DeTable::parse_recoverable(&text).0;
    Reader { file, put_in: &put_in, findings }.table(document.into_inner())
}

struct Reader<'r> {
    file: FileId,
    put_in: &'r PutIn,
    findings: &'r mut Findings,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.file, self.put_in.span(span))
    }

    fn table(&mut self, from: DeTable<'_>) -> Table {
        let mut entries: Vec<Entry> = from
            .into_iter()
            .map(|(key, value)| Entry {
                key_at: self.place(key.span()),
                key: key.into_inner().into_owned(),
                node: self.node(value),
            })
            .collect();
        entries.sort_by_key(|e| e.key_at);
        Table { entries }
    }

    fn node(&mut self, from: toml::Spanned<DeValue<'_>>) -> Node {
        let at = self.place(from.span());
        let value = match from.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => Value::Whole(self.whole(&number, at)),
            DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Datetime(time) => Value::Time(time),
            DeValue::Array(list) => Value::List(list.into_iter().map(|n| self.node(n)).collect()),
            DeValue::Table(inner) => Value::Table(self.table(inner)),
        };
        Node { value, at }
    }

    fn whole(&mut self, number: &DeInteger<'_>, at: Place) -> i64 {
        i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
            self.findings.push(
                Diagnostic::error("wrong-value", at, format!("{number} is too large a number"))
                    .label("beyond 64 bits")
                    .help("no key of a plan needs so large a number"),
            );
            0
        })
    }
}
