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
    let is_spared = |address: &str| except.iter().any(|pattern| matches(pattern, address));
    let mut spared = false;
    let mut wrong = BTreeMap::new();
    // What somebody did by hand says more than that terraform would undo it: it is said first, and once.
    let by_hand = shown.resource_drift.iter().map(|r| (r.address.clone(), drifted(&r.change, salt)));
    let to_do = shown.resource_changes.iter().map(|r| (r.address.clone(), planned(&r.change, salt)));
    let outputs =
        shown.output_changes.iter().map(|(name, change)| (format!("output {name}"), planned(change, salt)));
    for (address, words) in by_hand.chain(to_do).chain(outputs) {
        let Some(words) = words else { continue };
        if is_spared(&address) {
            spared = true;
        } else {
            wrong.entry(address).or_insert(words);
        }
    }
    let mut objects = BTreeMap::new();
    if let Some(values) = shown.prior_state.and_then(|state| state.values) {
        hold(values.root_module, &is_spared, salt, &mut objects);
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
    let differ = attributes(change);
    let listed = if differ.is_empty() { String::new() } else { format!(": {}", listed(differ)) };
    format!("{} to {}{listed}", digest8(&change.before, salt), digest8(&change.after, salt))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As terraform writes it for a bucket whose tags somebody changed by hand, one that somebody deleted, and one that
    /// only has another address now.
    const PLAN: &str = r#"{
        "format_version": "1.2",
        "resource_drift": [
            {"address": "aws_s3_bucket.logs", "mode": "managed", "change": {"actions": ["update"],
                "before": {"arn": "a", "tags": {"owner": "ada"}, "secret": "tulip"},
                "after": {"arn": "a", "tags": {"owner": "ben"}, "secret": "rose"}, "after_unknown": {}}},
            {"address": "aws_s3_bucket.old", "mode": "managed", "change": {"actions": ["delete"],
                "before": {"arn": "o"}, "after": null, "after_unknown": {}}},
            {"address": "aws_s3_bucket.moved", "previous_address": "aws_s3_bucket.here", "mode": "managed",
                "change": {"actions": ["no-op"], "before": {}, "after": {}, "after_unknown": {}}}],
        "resource_changes": [
            {"address": "aws_s3_bucket.logs", "mode": "managed", "change": {"actions": ["update"],
                "before": {"tags": {"owner": "ben"}}, "after": {"tags": {"owner": "ada"}}, "after_unknown": {}}},
            {"address": "aws_instance.web", "mode": "managed", "change": {"actions": ["delete", "create"],
                "before": {"ami": "1", "ip": "x"}, "after": {"ami": "2"}, "after_unknown": {"ip": true, "disks": [{}]}}},
            {"address": "data.aws_ami.base", "mode": "data", "change": {"actions": ["read"],
                "before": null, "after": {}, "after_unknown": {}}}],
        "prior_state": {"format_version": "1.0", "values": {"root_module": {
            "resources": [{"address": "aws_s3_bucket.logs", "mode": "managed", "values": {"arn": "a"}},
                {"address": "data.aws_ami.base", "mode": "data", "values": {"id": "1"}}],
            "child_modules": [{"address": "module.m", "resources": [
                {"address": "module.m.aws_sqs_queue.q", "mode": "managed", "values": {"arn": "q"}}]}]}}}
    }"#;

    fn said(read: &Read, baseline: &Baseline) -> Vec<String> {
        read.findings(baseline, true).iter().map(|f| format!("{} {}", f.what, f.change)).collect()
    }

    #[test]
    fn what_was_done_by_hand_is_said_first_and_once_without_a_value() {
        let read = read(PLAN.as_bytes(), &[], "salt").unwrap();
        let all = said(&read, &read.now);
        let [web, logs, old] = all.as_slice() else { panic!("{all:?}") };
        assert!(
            web.starts_with("aws_instance.web is to be replaced, ") && web.ends_with(": ami, ip"),
            "{web}"
        );
        assert!(
            logs.starts_with("aws_s3_bucket.logs drifted ") && logs.ends_with(": secret, tags"),
            "{logs}"
        );
        assert!(old.starts_with("aws_s3_bucket.old deleted outside of terraform, was "), "{old}");
        assert!(["tulip", "rose", "ada", "ben"].iter().all(|value| !all.concat().contains(value)));
        let held: Vec<&String> = read.now.objects.keys().collect();
        assert_eq!(held, ["aws_s3_bucket.logs", "module.m.aws_sqs_queue.q"], "data is not ours");
    }

    #[test]
    fn what_the_plan_spares_is_no_finding_and_not_held() {
        let spare = ["aws_s3_bucket.*", "aws_instance.web"].map(str::to_owned);
        let read = read(PLAN.as_bytes(), &spare, "salt").unwrap();
        assert_eq!(said(&read, &read.now), Vec::<String>::new());
        assert_eq!(read.now.objects.len(), 1);
    }

    #[test]
    fn a_plan_that_differs_is_never_quiet() {
        let read = read(br#"{"format_version": "1.2"}"#, &[], "salt").unwrap();
        assert!(read.findings(&read.now, false).is_empty());
        assert_eq!(said(&read, &read.now), ["the plan is not empty, by terraform's own word"]);
    }

    #[test]
    fn what_is_no_plan_is_no_measure() {
        for junk in ["", "[]", "<html>", r#"{"resource_drift": [{"address": 1}]}"#] {
            assert!(super::read(junk.as_bytes(), &[], "salt").is_err(), "{junk}");
        }
    }
}
