//! Overlays: the same plan with other values.
//!
//! An overlay changes values of what is there; lists of things with ids are matched by id. It adds or removes
//! no step, gate or evidence, so that what was rehearsed with it is what runs without it. Refuses to know
//! what keys mean: a few that say what is done and what is looked at are fixed by name.

use super::diagnostic::{Diagnostic, Findings};
use super::names;
use super::source::Place;
use super::tree::{Entry, Node, Table, Value};

/// Keys that say what is done, in which order, and what a decision rests on: each with the table it stands
/// in, any table where that is empty.
const FIXED: &[(&str, &str)] = &[
    ("", "id"),
    ("", "since"),
    ("", "until"),
    ("", "alarm"),
    ("", "flow"),
    ("step", "after"),
    ("step", "start"),
    ("step", "check"),
    ("step", "wait"),
    ("step", "gate"),
    ("step", "switch"),
    ("step", "point_of_no_return"),
    ("step", "holds_until"),
    ("replication", "marker"),
    ("replication", "reverse"),
    ("proof", "probe"),
    ("proof", "marker"),
    ("fence", "open"),
    ("fence", "spare"),
    ("freeze", "enforce"),
    ("freeze", "lift"),
];

/// Tables that are one value: an overlay gives them whole.
const WHOLE: &[&str] = &["window", "retries"];

/// Lays one tree over another.
pub(super) fn lay(base: &mut Table, over: Table, findings: &mut Findings) {
    lay_table("", base, over, findings);
}

/// `parent` is the key that the table stands behind.
fn lay_table(parent: &str, base: &mut Table, over: Table, findings: &mut Findings) {
    for entry in over.entries {
        let Some(below) = base.entry_mut(&entry.key) else {
            if matches!(entry.node.value, Value::Table(_) | Value::List(_))
                && !WHOLE.contains(&entry.key.as_str())
            {
                added(&entry.key, entry.key_at, base.entries.iter().map(|e| e.key.as_str()), findings);
            } else if !fixed(parent, &entry, findings) {
                base.entries.push(entry);
            }
            continue;
        };
        lay_entry(parent, below, entry, findings);
    }
}

fn lay_entry(parent: &str, below: &mut Entry, entry: Entry, findings: &mut Findings) {
    if same(&below.node, &entry.node) || fixed(parent, &entry, findings) {
        return;
    }
    let at = entry.node.at;
    match (&mut below.node.value, entry.node.value) {
        (Value::Table(base), Value::Table(over)) if !WHOLE.contains(&entry.key.as_str()) => {
            lay_table(&entry.key, base, over, findings);
        }
        (Value::List(base), Value::List(over)) if has_tables(base) || has_tables(&over) => {
            for item in over {
                lay_item(&entry.key, base, item, findings);
            }
        }
        (_, value) => below.node = Node { value, at },
    }
}

fn lay_item(key: &str, base: &mut [Node], item: Node, findings: &mut Findings) {
    let Value::Table(over) = item.value else { return };
    let Some(id) = over.get("id").and_then(Node::text).map(str::to_owned) else {
        findings.push(
            Diagnostic::error("overlay", item.at, format!("an overlay finds each `{key}` by its id"))
                .label("no id")
                .help("add the `id` of the one that it changes"),
        );
        return;
    };
    let found = base.iter_mut().find_map(|n| match &mut n.value {
        Value::Table(table) if table.get("id").and_then(Node::text) == Some(id.as_str()) => Some(table),
        _ => None,
    });
    if let Some(table) = found {
        lay_table(key, table, over, findings);
    } else {
        let at = over.entry("id").map_or(item.at, |e| e.node.at);
        let ids: Vec<&str> =
            base.iter().filter_map(|n| n.table().and_then(|t| t.get("id")).and_then(Node::text)).collect();
        added(&id, at, ids, findings);
    }
}

fn added<'a>(name: &str, at: Place, there: impl IntoIterator<Item = &'a str>, findings: &mut Findings) {
    let help = names::nearest(name, there).map_or_else(
        || "an overlay changes values of what the plan has: put it into the plan itself".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    findings.push(
        Diagnostic::error("overlay", at, format!("the plan has no `{name}`, and an overlay adds nothing"))
            .label("not in the plan")
            .help(help),
    );
}

/// Whether a key is one that no overlay changes; reported if so.
fn fixed(parent: &str, entry: &Entry, findings: &mut Findings) -> bool {
    let fixed = FIXED.iter().any(|&(table, key)| key == entry.key && (table.is_empty() || table == parent));
    if fixed {
        findings.push(
            Diagnostic::error("overlay", entry.key_at, format!("an overlay may not change `{}`", entry.key))
                .label("part of what is rehearsed")
                .help("steps, gates and evidence are the plan's: change it there"),
        );
    }
    fixed
}

fn has_tables(list: &[Node]) -> bool {
    list.iter().any(|n| matches!(n.value, Value::Table(_)))
}

fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Flag(a), Value::Flag(b)) => a == b,
        (Value::Whole(a), Value::Whole(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Sources;
    use super::super::tree;
    use super::*;

    fn laid(base: &str, over: &str) -> Result<Table, Vec<String>> {
        let mut sources = Sources::default();
        let mut findings = Findings::default();
        let one = sources.add("plan.toml", None, base.to_owned());
        let two = sources.add("staging.toml", None, over.to_owned());
        let mut base = tree::parse(one, &sources, &mut findings);
        let over = tree::parse(two, &sources, &mut findings);
        lay(&mut base, over, &mut findings);
        let found = findings.finish();
        if found.is_empty() { Ok(base) } else { Err(found.into_iter().map(|d| d.message).collect()) }
    }

    const BASE: &str = "[plan]\nname = 'a'\nwindow = { opens = 1, closes = 2 }\n[[phase]]\nid = 'p'\n[[phase.step]]\nid = 's'\ncommand = ['x']\nenv = { A = '1' }\n";

    #[test]
    fn values_of_what_is_there_change() {
        let over = "[plan]\nname = 'b'\nwindow = { opens = 'start', length = '1h' }\n[[phase]]\nid = 'p'\n[[phase.step]]\nid = 's'\ncommand = ['y']\ntimeout = '1m'\nenv = { B = '2' }\n";
        let root = laid(BASE, over).unwrap();
        let plan = root.get("plan").and_then(Node::table).unwrap();
        assert_eq!(plan.get("name").and_then(Node::text), Some("b"));
        let window = plan.get("window").and_then(Node::table).unwrap();
        assert!(window.get("closes").is_none() && window.get("length").is_some());
        let phase = root.get("phase").and_then(Node::list).unwrap()[0].table().unwrap();
        let step = phase.get("step").and_then(Node::list).unwrap()[0].table().unwrap();
        assert_eq!(step.get("command").and_then(Node::list).unwrap()[0].text(), Some("y"));
        assert_eq!(step.get("timeout").and_then(Node::text), Some("1m"));
        assert_eq!(step.get("env").and_then(Node::table).unwrap().entries.len(), 2);
    }

    #[test]
    fn nothing_is_added_and_what_is_rehearsed_stays() {
        let wrong = |over: &str| laid(BASE, over).unwrap_err().join("; ");
        assert!(wrong("[[phase]]\nid = 'q'\n").contains("no `q`"));
        assert!(wrong("[[phase]]\nid = 'p'\n[[phase.step]]\nid = 't'\n").contains("no `t`"));
        assert!(wrong("[[phase]]\ntitle = 't'\n").contains("by its id"));
        assert!(wrong("[[probe]]\nid = 'x'\n").contains("no `probe`"));
        let flow = |url: &str| format!("[[probe]]\nid = 'p'\nhttp = {{ flow = [{{ get = '{url}' }}] }}\n");
        let why = laid(&flow("a"), &flow("b")).unwrap_err().join("; ");
        assert!(why.contains("may not change `flow`"), "{why}");
        assert!(
            wrong("[[phase]]\nid = 'p'\n[[phase.step]]\nid = 's'\nproof = { probe = 'x' }\n")
                .contains("no `proof`")
        );
        assert!(
            wrong("[[phase]]\nid = 'p'\n[[phase.step]]\nid = 's'\nafter = 'x'\n")
                .contains("may not change `after`")
        );
    }
}
