//! Single values that are more than one text or number: references where they may not stand, JSON, statuses.

use super::super::diagnostic::Diagnostic;
use super::super::grammar::Kind;
use super::super::tree::{Node, Value};
use super::Shape;
use crate::plan::model::Status;

impl Shape<'_> {
    /// Whether a text holds what may not stand there; reported if so.
    pub(super) fn is_refused(&mut self, node: &Node, key: &str, kind: Kind) -> bool {
        let Value::Tainted(template) = &node.value else { return false };
        if !matches!(kind, Kind::Secret | Kind::Body) {
            let help = match kind {
                Kind::Argv | Kind::ArgvOr(_) => {
                    "put it in `env = { NAME = \"…\" }`: arguments are visible to everybody on the host"
                }
                _ if template.kept().next().is_some() => {
                    "what a request kept stands only in urls, headers and bodies of later requests of its flow"
                }
                _ => {
                    "values from the environment or a file stand only in urls, headers, bodies, paths and `env`"
                }
            };
            self.findings.push(
                Diagnostic::error("secret-in-the-open", node.at, format!("`{key}` may not hold {template}"))
                    .label("would be shown, hashed and recorded")
                    .help(help),
            );
            return true;
        }
        let in_a_flow = self.path.iter().any(|key| key == "flow");
        if let Some(name) = template.kept().next().filter(|_| !in_a_flow) {
            self.findings.push(
                Diagnostic::error(
                    "not-kept",
                    node.at,
                    format!("nothing is kept as `{name}` here: no request comes before"),
                )
                .label("outside of a `flow`")
                .help("write the requests one after the other, as http = { flow = [{ … }, { … }] }, or take it out"),
            );
            return true;
        }
        false
    }

    pub(super) fn json(&mut self, node: &Node, key: &str, kind: Kind) {
        match &node.value {
            Value::Text(_) | Value::Whole(_) | Value::Flag(_) => {}
            // References that may not stand here were refused before.
            Value::Tainted(_) if matches!(kind, Kind::Body) => {}
            Value::Real(n) if n.is_finite() => {}
            Value::List(list) => list.iter().for_each(|n| self.value(n, key, kind)),
            Value::Table(table) => table.entries.iter().for_each(|e| self.value(&e.node, key, kind)),
            Value::Tainted(_) | Value::Real(_) | Value::Time(_) => self.wrong(node, key, kind),
        }
    }

    /// `200`, `"2xx"`, or a list of such.
    pub(super) fn status(&mut self, node: &Node, key: &str) {
        match &node.value {
            Value::List(list) if !list.is_empty() => {
                for item in list {
                    match &item.value {
                        Value::List(_) => self.wrong(item, key, Kind::Status),
                        _ => self.status(item, key),
                    }
                }
            }
            Value::Whole(n) if Status::code(*n).is_some() => {}
            Value::Text(text) if Status::class(text).is_some() => {}
            Value::Whole(_) | Value::Text(_) => {
                let written = match &node.value {
                    Value::Whole(n) => n.to_string(),
                    _ => format!("`{}`", node.text().unwrap_or_default()),
                };
                self.findings.push(
                    Diagnostic::error("wrong-value", node.at, format!("`{key}` cannot be {written}"))
                        .label("no status of HTTP")
                        .help("write a number from 100 to 599, or \"2xx\" for a class of them"),
                );
            }
            _ => self.wrong(node, key, Kind::Status),
        }
    }
}
