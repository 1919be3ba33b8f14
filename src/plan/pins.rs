//! What this very plan is, by hash: the file, what it resolves to, each step, every script it names.
//!
//! References to secrets are hashed as references, never their values.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::build::Atlas;
use super::model::{CommandLine, NotifyBy, Pins, Plan, ProbeKind, StepKind, Undo};
use super::tree::{Entry, Node, Table, Value};
use super::written;

/// Arguments that are files are hashed up to this size; what is larger is data.
const LARGEST_ARGUMENT: u64 = 16 * 1024 * 1024;

/// Hashes a plan. `root` is where its relative paths start.
pub(super) fn pins(plan: &Plan, atlas: &Atlas<'_>, base: &str, resolved: &str, root: &Path) -> Pins {
    let rollback = plan.rollback_steps();
    let steps = plan.steps.iter().chain(rollback).map(|step| {
        let mut text = String::new();
        if let Some(view) = atlas.steps.get(&step.id) {
            table(&mut text, view.table);
        }
        (step.id.clone(), hex(&Sha256::digest(text)))
    });
    Pins {
        base: hex(&Sha256::digest(base)),
        resolved: hex(&Sha256::digest(resolved)),
        steps: steps.collect(),
        scripts: scripts(plan, root),
    }
}

/// A table with its keys in order, so that moving a key changes nothing. References stay references.
fn table(out: &mut String, table: &Table) {
    let mut entries: Vec<&Entry> = table.entries.iter().collect();
    entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    out.push('{');
    for entry in entries {
        written::key(out, &entry.key);
        out.push('=');
        node(out, &entry.node);
        out.push(',');
    }
    out.push('}');
}

fn node(out: &mut String, from: &Node) {
    match &from.value {
        Value::Table(inner) => table(out, inner),
        Value::List(list) => {
            out.push('[');
            for item in list {
                node(out, item);
                out.push(',');
            }
            out.push(']');
        }
        Value::Text(_)
        | Value::Tainted(_)
        | Value::Whole(_)
        | Value::Real(_)
        | Value::Flag(_)
        | Value::Time(_) => {
            written::value(out, from);
        }
    }
}

/// Every command of a plan, with the `env` left aside.
pub(super) fn commands(plan: &Plan) -> Vec<&CommandLine> {
    let mut out: Vec<&CommandLine> = Vec::new();
    for step in plan.steps.iter().chain(plan.rollback_steps()) {
        match &step.kind {
            StepKind::Command(command) => out.push(command),
            StepKind::Notify(notify) => out.extend(told_by(&notify.by)),
            StepKind::Manual { .. }
            | StepKind::Sql { .. }
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Gate(_)
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Freeze(_) => {}
        }
        if let Some(Undo::Command(command)) = &step.undo {
            out.push(command);
        }
    }
    for control in &plan.controls {
        out.extend([&control.enforce, &control.lift]);
    }
    for probe in &plan.probes {
        match &probe.kind {
            // A command on another host is that host's, not ours.
            _ if probe.from.is_some() => {}
            ProbeKind::Command(probe) => out.push(&probe.command),
            ProbeKind::Unchanged(command) | ProbeKind::Control(command) => out.push(command),
            _ => {}
        }
    }
    out.extend(plan.alarm_notify.as_ref().and_then(|n| told_by(&n.by)));
    out
}

fn told_by(by: &NotifyBy) -> Option<&CommandLine> {
    match by {
        NotifyBy::Command(command) => Some(command),
        NotifyBy::Webhook(_) => None,
    }
}

/// Programs that are named by a path, and arguments that are files beside the plan.
fn scripts(plan: &Plan, root: &Path) -> Vec<(String, String)> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    // A plan says the same words thousands of times: each is looked for once.
    let mut looked: HashSet<(bool, &str)> = HashSet::new();
    for command in commands(plan) {
        for (i, argument) in command.argv.iter().enumerate() {
            let program = i == 0;
            if !looked.insert((program, argument))
                || argument.is_empty()
                || (program && !argument.contains('/'))
            {
                continue;
            }
            let limit = if program { u64::MAX } else { LARGEST_ARGUMENT };
            if let Some(hash) = file_hash(&root.join(argument), limit) {
                found.insert(argument.clone(), hash);
            }
        }
    }
    found.into_iter().collect()
}

/// Which file of a command is not what it was when its plan was pinned, in words. Reads the files.
pub fn changed(pins: &Pins, root: &Path, argv: &[String]) -> Option<String> {
    argv.iter().enumerate().find_map(|(i, argument)| {
        let program = i == 0 && argument.contains('/');
        let pinned = pins.scripts.iter().find(|(name, _)| name == argument).map(|(_, hash)| hash);
        if pinned.is_none() && !program {
            return None;
        }
        let now = file_hash(&root.join(argument), u64::MAX);
        let what = match (pinned, &now) {
            (Some(then), Some(now)) if then == now => return None,
            (Some(_), Some(_)) => {
                "has been changed since the run began: put it back as it was, or begin another run"
            }
            (Some(_), None) => "is gone: put it back as it was",
            (None, Some(_)) => "was not there when the run began: begin another run, which will pin it",
            // That it cannot be found is said by whoever starts it.
            (None, None) => return None,
        };
        Some(format!("{argument} {what}"))
    })
}

/// The hash of a regular file, `None` where there is none, or none that can be read, or one beyond the limit.
fn file_hash(path: &Path, limit: u64) -> Option<String> {
    let about = path.metadata().ok()?;
    if !about.is_file() || about.len() > limit {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = file.read(&mut buffer).ok()?;
        if n == 0 {
            return Some(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..n)?);
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or('?');
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_what_it_was_is_named() {
        let root = tempfile::tempdir().unwrap();
        let script = root.path().join("go");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        let argv = ["./go".to_owned(), "north".to_owned()];
        let hash = file_hash(&script, u64::MAX).unwrap();
        let pins = Pins { scripts: vec![("./go".to_owned(), hash)], ..Pins::default() };
        assert_eq!(changed(&pins, root.path(), &argv), None);
        assert!(changed(&Pins::default(), root.path(), &argv).unwrap().contains("was not there"));
        assert_eq!(changed(&pins, root.path(), &["true".to_owned()]), None, "found by PATH: not ours to pin");
        std::fs::write(&script, "#!/bin/sh\nrm -rf /\n").unwrap();
        assert!(changed(&pins, root.path(), &argv).unwrap().contains("changed"));
        std::fs::remove_file(&script).unwrap();
        assert!(changed(&pins, root.path(), &argv).unwrap().contains("gone"));
    }
}
