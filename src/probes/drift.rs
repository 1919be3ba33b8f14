//! What a plan of terraform says, without its values.
//!
//! Owns the reading of `terraform show -json`: what has drifted, what is not as configured, and the state after the
//! refresh as objects of a baseline. Refuses to know how the plan was made: that is `terraform`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::baseline::{Baseline, Object, finding, listed, salted, short};
use crate::compare::tables::matches;
use crate::engine::reading::Finding;

/// A plan, read.
pub(super) struct Read {
    /// Every resource as it is now.
    pub(super) now: Baseline,
    /// What is wrong whatever was before, by address.
    wrong: BTreeMap<String, String>,
    /// Whether something was left out because the plan says so.
    spared: bool,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    resource_drift: Vec<Resource>,
    #[serde(default)]
    resource_changes: Vec<Resource>,
    #[serde(default)]
    output_changes: BTreeMap<String, Change>,
    prior_state: Option<State>,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
}

#[derive(Deserialize)]
struct State {
    values: Option<Values>,
}

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    root_module: Module,
}

#[derive(Default, Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Held>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Held {
    address: String,
    mode: String,
    #[serde(default)]
    values: Value,
}

/// Reads a plan; `except` are patterns of addresses that are left out.
///
/// # Errors
/// It is none that this program knows.
pub(super) fn read(json: &[u8], except: &[String], salt: &str) -> Result<Read, String> {
    let shown: Shown = serde_json::from_slice(json).map_err(|why| {
        format!("what `terraform show -json` gave is no plan that is known here ({why}): is its version too old or too new?")
    })?;
    let spares = |address: &str| except.iter().any(|pattern| matches(pattern, address));
    let mut spared = false;
    let mut wrong = BTreeMap::new();
    // What somebody did by hand says more than that terraform would undo it: it is said first, and once.
    let by_hand = shown.resource_drift.iter().map(|r| (r.address.clone(), drifted(&r.change, salt)));
    let to_do = shown.resource_changes.iter().map(|r| (r.address.clone(), planned(&r.change, salt)));
    let outputs =
        shown.output_changes.iter().map(|(name, change)| (format!("output {name}"), planned(change, salt)));
    for (address, words) in by_hand.chain(to_do).chain(outputs) {
        let Some(words) = words else { continue };
        if spares(&address) {
            spared = true;
        } else {
            wrong.entry(address).or_insert(words);
        }
    }
    let mut objects = BTreeMap::new();
    if let Some(values) = shown.prior_state.and_then(|state| state.values) {
        hold(values.root_module, &spares, salt, &mut objects);
    }
    let now = Baseline { objects, salt: Some(salt.to_owned()), ..Baseline::default() };
    Ok(Read { now, wrong, spared })
}

impl Read {
    /// Everything that is not as it should be or was. `differs` is terraform's own word that the plan is not empty.
    pub(super) fn findings(&self, baseline: &Baseline, differs: bool) -> Vec<Finding> {
        let mut all: Vec<Finding> = self.wrong.iter().map(|(what, words)| finding(what, words)).collect();
        if all.is_empty() && differs && !self.spared {
            all.push(finding("the plan", "is not empty, by terraform's own word"));
        }
        // What was changed and applied: as configured, and not as it was.
        let moved =
            baseline.changes(&self.now).into_iter().filter(|(name, _)| !self.wrong.contains_key(*name));
        all.extend(moved.map(|(name, change)| finding(name, change.words())));
        all
    }
}

fn hold(module: Module, spares: &dyn Fn(&str) -> bool, salt: &str, objects: &mut BTreeMap<String, Object>) {
    // What a data source reads is not ours to hold still; what depends on it is.
    for held in module.resources.into_iter().filter(|r| r.mode == "managed" && !spares(&r.address)) {
        let parts = match &held.values {
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), digest(value, salt))).collect()
            }
            _ => BTreeMap::new(),
        };
        let object = Object { digest: digest(&held.values, salt), parts, ..Object::default() };
        objects.insert(held.address, object);
    }
    for child in module.child_modules {
        hold(child, spares, salt, objects);
    }
}

/// What was done to it outside of terraform; `None` where nothing was (it only has another address now).
fn drifted(change: &Change, salt: &str) -> Option<String> {
    let actions: Vec<&str> = change.actions.iter().map(String::as_str).collect();
    match actions.as_slice() {
        ["no-op" | "read"] | [] => None,
        ["delete"] => Some(format!("deleted outside of terraform, was {}", digest8(&change.before, salt))),
        _ => Some(format!("drifted {}", moved(change, salt))),
    }
}

/// How it differs from its configuration; `None` where it does not.
fn planned(change: &Change, salt: &str) -> Option<String> {
    let actions: Vec<&str> = change.actions.iter().map(String::as_str).collect();
    match actions.as_slice() {
        ["no-op" | "read"] | [] => None,
        ["create"] => Some("is configured and not there".to_owned()),
        ["delete"] => Some(format!("is not configured, is {}", digest8(&change.before, salt))),
        ["update"] => Some(format!("is not as configured, {}", moved(change, salt))),
        ["delete", "create"] | ["create", "delete"] => {
            Some(format!("is to be replaced, {}", moved(change, salt)))
        }
        other => Some(format!("is not as configured ({}), {}", other.join(", "), moved(change, salt))),
    }
}

/// `1a2b3c4d to 5e6f7a8b: size, tags`.
fn moved(change: &Change, salt: &str) -> String {
    let names = attributes(change);
    let named = if names.is_empty() { String::new() } else { format!(": {}", listed(names)) };
    format!("{} to {}{named}", digest8(&change.before, salt), digest8(&change.after, salt))
}

/// The attributes that differ. What is known only after it was done differs too.
fn attributes(change: &Change) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for map in [&change.before, &change.after, &change.after_unknown].into_iter().filter_map(Value::as_object)
    {
        for name in map.keys() {
            let unknown = change.after_unknown.get(name).is_some_and(holds_true);
            if unknown || change.before.get(name) != change.after.get(name) {
                names.insert(name.as_str());
            }
        }
    }
    names
}

fn holds_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Array(items) => items.iter().any(holds_true),
        Value::Object(fields) => fields.values().any(holds_true),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

fn digest(value: &Value, salt: &str) -> String {
    salted(salt, value.to_string().as_bytes())
}

fn digest8(value: &Value, salt: &str) -> String {
    short(&digest(value, salt)).to_owned()
}
