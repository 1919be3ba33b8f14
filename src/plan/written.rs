//! A tree as TOML again: the resolved plan, as a run keeps it and hashes it.
//!
//! Owns one promise: what is written here reads back as the same tree, references left as references.

use std::fmt::Write as _;

use super::secret::{Part, Template};
use super::tree::{Entry, Node, Table, Value};

/// The whole file.
pub(super) fn toml(root: &Table) -> String {
    let mut out = String::new();
    block(&mut out, root, "", 0);
    out
}

/// A table whose keys stand on lines of their own.
fn block(out: &mut String, table: &Table, path: &str, depth: usize) {
    let own_header = |e: &&Entry| match &e.node.value {
        Value::Table(_) => depth == 0,
        Value::List(list) => depth < 2 && tables(list),
        Value::Text(_)
        | Value::Tainted(_)
        | Value::Whole(_)
        | Value::Real(_)
        | Value::Flag(_)
        | Value::Time(_) => false,
    };
    for entry in table.entries.iter().filter(|e| !own_header(e)) {
        key(out, &entry.key);
        out.push_str(" = ");
        value(out, &entry.node);
        out.push('\n');
    }
    for entry in table.entries.iter().filter(own_header) {
        let mut name = path.to_owned();
        if !name.is_empty() {
            name.push('.');
        }
        key(&mut name, &entry.key);
        match &entry.node.value {
            Value::Table(inner) => {
                let _ = writeln!(out, "\n[{name}]");
                block(out, inner, &name, depth + 1);
            }
            Value::List(list) => {
                for inner in list.iter().filter_map(Node::table) {
                    let _ = writeln!(out, "\n[[{name}]]");
                    block(out, inner, &name, depth + 1);
                }
            }
            Value::Text(_)
            | Value::Tainted(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_) => {}
        }
    }
}

fn tables(list: &[Node]) -> bool {
    !list.is_empty() && list.iter().all(|n| n.table().is_some())
}

pub(super) fn value(out: &mut String, node: &Node) {
    match &node.value {
        Value::Text(plain) => quoted(out, &escaped(plain)),
        Value::Tainted(template) => quoted(out, &template_text(template)),
        Value::Whole(n) => {
            let _ = write!(out, "{n}");
        }
        Value::Real(n) if n.is_nan() => out.push_str("nan"),
        Value::Real(n) => {
            let _ = write!(out, "{n:?}");
        }
        Value::Flag(flag) => {
            let _ = write!(out, "{flag}");
        }
        Value::Time(time) => {
            let _ = write!(out, "{time}");
        }
        Value::List(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                value(out, item);
            }
            out.push(']');
        }
        Value::Table(table) => {
            out.push_str("{ ");
            for (i, entry) in table.entries.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                key(out, &entry.key);
                out.push_str(" = ");
                value(out, &entry.node);
            }
            out.push_str(" }");
        }
    }
}

pub(super) fn key(out: &mut String, key: &str) {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { out.push_str(key) } else { quoted(out, key) }
}

/// A text whose `${` are no references.
fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

fn template_text(template: &Template) -> String {
    let parts = template.parts().iter().map(|part| match part {
        Part::Text(text) => escaped(text),
        Part::Env(name) => format!("${{env:{name}}}"),
        Part::File(path) => format!("${{file:{}}}", path.display()),
        Part::Kept(name) => format!("${{kept:{name}}}"),
    });
    parts.collect()
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
