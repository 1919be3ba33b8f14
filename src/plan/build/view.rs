//! A table as `build` reads it: typed values by key.
//!
//! `shape` has looked at everything before and reported what is wrong; a value that is missing or of another
//! type is simply absent here, so that one error is said once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::secret::Template;
use super::super::source::Place;
use super::super::tree::{Node, Table, Value};
use super::super::units;
use crate::clock::Timestamp;
use crate::plan::model::{CommandLine, Json, Status};

/// A table and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct View<'t> {
    pub(in crate::plan) table: &'t Table,
    /// Its header, or the whole of it where it stands in a line.
    pub(in crate::plan) at: Place,
}

impl<'t> View<'t> {
    pub(in crate::plan) fn of(node: &'t Node) -> Option<View<'t>> {
        Some(View { table: node.table()?, at: node.at })
    }

    pub(in crate::plan) fn get(self, key: &str) -> Option<&'t Node> {
        self.table.get(key)
    }

    pub(in crate::plan) fn has(self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Where a value stands; the table's own place where it has none.
    pub(in crate::plan) fn at(self, key: &str) -> Place {
        self.get(key).map_or(self.at, |n| n.at)
    }

    /// Where a key stands; the table's own place where it has none.
    pub(in crate::plan) fn key_at(self, key: &str) -> Place {
        self.table.entry(key).map_or(self.at, |e| e.key_at)
    }

    pub(in crate::plan) fn text(self, key: &str) -> Option<String> {
        self.get(key)?.text().map(str::to_owned)
    }

    /// A text that had to be there; empty where its absence has been reported.
    pub(in crate::plan) fn must(self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    pub(in crate::plan) fn secret(self, key: &str) -> Option<Template> {
        template(self.get(key)?)
    }

    pub(in crate::plan) fn duration(self, key: &str) -> Option<Duration> {
        units::duration(self.get(key)?.text()?).ok()
    }

    pub(in crate::plan) fn count(self, key: &str) -> Option<u64> {
        match &self.get(key)?.value {
            Value::Whole(n) => u64::try_from(*n).ok(),
            Value::Text(text) => units::count(text).ok(),
            Value::Tainted(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Table(_) => None,
        }
    }

    pub(in crate::plan) fn time(self, key: &str) -> Option<(Timestamp, i32)> {
        if let Value::Time(time) = &self.get(key)?.value { units::time(time).ok() } else { None }
    }

    /// A flag; false where it is not given.
    pub(in crate::plan) fn flag(self, key: &str) -> bool {
        self.maybe_flag(key).unwrap_or(false)
    }

    pub(in crate::plan) fn maybe_flag(self, key: &str) -> Option<bool> {
        if let Value::Flag(flag) = self.get(key)?.value { Some(flag) } else { None }
    }

    pub(in crate::plan) fn whole<N: TryFrom<i64>>(self, key: &str) -> Option<N> {
        if let Value::Whole(n) = self.get(key)?.value { N::try_from(n).ok() } else { None }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a limit beyond 2^53 is no limit that anybody means exactly"
    )]
    pub(in crate::plan) fn number(self, key: &str) -> Option<f64> {
        match self.get(key)?.value {
            Value::Whole(n) => Some(n as f64),
            Value::Real(n) => Some(n),
            Value::Text(_)
            | Value::Tainted(_)
            | Value::Flag(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Table(_) => None,
        }
    }

    /// The texts of a text or a list, each with its place.
    pub(in crate::plan) fn texts(self, key: &str) -> Vec<(&'t str, Place)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        match &node.value {
            Value::Text(text) => vec![(text.as_str(), node.at)],
            Value::List(list) => list.iter().filter_map(|n| Some((n.text()?, n.at))).collect(),
            Value::Tainted(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_)
            | Value::Table(_) => Vec::new(),
        }
    }

    /// The same without places.
    pub(in crate::plan) fn strings(self, key: &str) -> Vec<String> {
        self.texts(key).into_iter().map(|(text, _)| text.to_owned()).collect()
    }

    pub(in crate::plan) fn view(self, key: &str) -> Option<View<'t>> {
        View::of(self.get(key)?)
    }

    pub(in crate::plan) fn views(self, key: &str) -> Vec<View<'t>> {
        self.get(key).and_then(Node::list).unwrap_or_default().iter().filter_map(View::of).collect()
    }

    /// The tables of a table, by name.
    pub(in crate::plan) fn named(self, key: &str) -> Vec<(&'t str, Place, View<'t>)> {
        let Some(view) = self.view(key) else { return Vec::new() };
        let entries = view.table.entries.iter();
        entries.filter_map(|e| Some((e.key.as_str(), e.key_at, View::of(&e.node)?))).collect()
    }

    /// The texts of a table, by name.
    pub(in crate::plan) fn text_map(self, key: &str) -> BTreeMap<String, String> {
        let Some(view) = self.view(key) else { return BTreeMap::new() };
        let entries = view.table.entries.iter();
        entries.filter_map(|e| Some((e.key.clone(), e.node.text()?.to_owned()))).collect()
    }

    /// The texts of a table, by name, which may hold references.
    pub(in crate::plan) fn secrets(self, key: &str) -> Vec<(String, Template)> {
        let Some(view) = self.view(key) else { return Vec::new() };
        let entries = view.table.entries.iter();
        entries.filter_map(|e| Some((e.key.clone(), template(&e.node)?))).collect()
    }

    /// The values of a table, by name, as JSON.
    pub(in crate::plan) fn json(self, key: &str) -> Vec<(String, serde_json::Value)> {
        let Some(view) = self.view(key) else { return Vec::new() };
        view.table.entries.iter().map(|e| (e.key.clone(), json(&e.node))).collect()
    }

    /// A value as a document whose texts may hold references.
    pub(in crate::plan) fn document(self, key: &str) -> Option<Json> {
        self.get(key).map(document)
    }

    /// The statuses of one, or of a list.
    pub(in crate::plan) fn statuses(self, key: &str) -> Vec<Status> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let one = |node: &Node| match &node.value {
            Value::Whole(n) => Status::code(*n),
            _ => node.text().and_then(Status::class),
        };
        node.list().map_or_else(|| one(node).into_iter().collect(), |l| l.iter().filter_map(one).collect())
    }

    /// A command with the `env` beside it.
    pub(in crate::plan) fn command(self, key: &str) -> Option<CommandLine> {
        let argv: Vec<String> =
            self.get(key)?.list()?.iter().filter_map(|n| n.text().map(str::to_owned)).collect();
        (!argv.is_empty()).then(|| CommandLine { argv, env: self.secrets("env") })
    }
}

fn template(node: &Node) -> Option<Template> {
    match &node.value {
        Value::Text(text) => Some(Template::plain(text.clone())),
        Value::Tainted(template) => Some(template.clone()),
        Value::Whole(_)
        | Value::Real(_)
        | Value::Flag(_)
        | Value::Time(_)
        | Value::List(_)
        | Value::Table(_) => None,
    }
}

fn document(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) => Json::Text(Template::plain(text.clone())),
        Value::Tainted(template) => Json::Text(template.clone()),
        Value::List(list) => Json::List(list.iter().map(document).collect()),
        Value::Table(table) => {
            Json::Table(table.entries.iter().map(|e| (e.key.clone(), document(&e.node))).collect())
        }
        Value::Whole(_) | Value::Real(_) | Value::Flag(_) | Value::Time(_) => Json::Plain(json(node)),
    }
}

/// A value as JSON, references as they are written.
fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Text(text) => Json::String(text.clone()),
        Value::Tainted(template) => Json::String(template.to_string()),
        Value::Whole(n) => Json::from(*n),
        Value::Real(n) => Json::from(*n),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Time(time) => Json::String(time.to_string()),
        Value::List(list) => list.iter().map(json).collect(),
        Value::Table(table) => table.entries.iter().map(|e| (e.key.clone(), json(&e.node))).collect(),
    }
}
