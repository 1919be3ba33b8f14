//! The schema, key by key: each changes the plan, or is refused in words. None is accepted and ignored.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test cannot go on without ends it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cutover::plan::{self, Diagnostics, Environment, Overrides, Plan};
use serde_json::Value as Json;
use toml::{Table, Value};

/// A key of a table of the schema: the table as it is written there, and the key.
type SchemaKey = (String, String);

/// Where a key stands in one of the plans.
#[derive(Clone, Debug)]
enum Hop {
    Key(String),
    At(usize),
}

/// A key of the schema, and the places in a plan at which it stands, or at which its table does.
#[derive(Default)]
struct Seen {
    present: BTreeMap<SchemaKey, Vec<Vec<Hop>>>,
    tables: BTreeMap<String, Vec<Vec<Hop>>>,
}

fn right() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/right");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect()
}

fn load(plan: &Value) -> Result<Plan, Diagnostics> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    std::fs::write(&path, toml::to_string(plan).unwrap()).unwrap();
    plan::load(&path, &Overrides::default(), &Environment::default()).map(|l| l.plan)
}

/// Everything that a plan says, its hashes left aside.
fn picture(plan: &Plan) -> String {
    let Plan { name, strategy, source, target, window, outage_budget, impact, contacts, .. } = plan;
    let Plan { fallback, offset, people, endpoints, probes, controls, phases, steps, .. } = plan;
    let Plan { rollback, alarm_notify, .. } = plan;
    format!("{:?}", (name, strategy, source, target, window, outage_budget, impact, contacts))
        + &format!("{:?}", (fallback, offset, people, endpoints, probes, controls, phases, steps))
        + &format!("{:?}", (rollback, alarm_notify))
}

/// Every table that a schema describes at this place; more than one where it may be this or that.
fn tables(schema: &Json) -> Vec<&Json> {
    let own = schema.get("properties").map(|_| schema);
    let any = schema["anyOf"].as_array().into_iter().flatten().flat_map(tables);
    own.into_iter().chain(any).collect()
}

/// The schema of the items of a list.
fn items(schema: &Json) -> Vec<&Json> {
    let any = schema["anyOf"].as_array().into_iter().flatten().flat_map(items);
    schema.get("items").into_iter().chain(any).collect()
}

fn walk(schema: &Json, value: &Value, at: &mut Vec<Hop>, seen: &mut Seen) {
    match value {
        Value::Table(table) => {
            for spec in tables(schema) {
                let name = spec.to_string();
                seen.tables.entry(name.clone()).or_default().push(at.clone());
                for (key, inner) in spec["properties"].as_object().unwrap() {
                    let Some(value) = table.get(key) else { continue };
                    at.push(Hop::Key(key.clone()));
                    seen.present.entry((name.clone(), key.clone())).or_default().push(at.clone());
                    walk(inner, value, at, seen);
                    at.pop();
                }
            }
            if let Some(inner) = schema.get("additionalProperties").filter(|s| s.is_object()) {
                for (key, value) in table {
                    at.push(Hop::Key(key.clone()));
                    walk(inner, value, at, seen);
                    at.pop();
                }
            }
        }
        Value::Array(list) => {
            for inner in items(schema) {
                for (i, value) in list.iter().enumerate() {
                    at.push(Hop::At(i));
                    walk(inner, value, at, seen);
                    at.pop();
                }
            }
        }
        _ => {}
    }
}

/// All keys of a schema, with whether each is refused by its nature.
fn all_keys(schema: &Json, keys: &mut BTreeMap<SchemaKey, bool>) {
    for spec in tables(schema) {
        for (key, inner) in spec["properties"].as_object().unwrap() {
            keys.insert((spec.to_string(), key.clone()), inner.get("not").is_some());
            all_keys(inner, keys);
        }
    }
    for inner in items(schema) {
        all_keys(inner, keys);
    }
    if let Some(inner) = schema.get("additionalProperties").filter(|s| s.is_object()) {
        all_keys(inner, keys);
    }
}

fn table_at<'t>(root: &'t mut Value, path: &[Hop]) -> &'t mut Table {
    let mut here = root;
    for hop in path {
        here = match hop {
            Hop::Key(key) => here.get_mut(key.as_str()).unwrap(),
            Hop::At(i) => here.get_mut(*i).unwrap(),
        };
    }
    here.as_table_mut().unwrap()
}

/// Other values in place of one.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => {
            let own = [&format!("{text}x"), "7m", "10.9.9.9:99", "near-zero-downtime", "AAAA"];
            own.into_iter().map(|text| Value::String(text.to_owned())).collect()
        }
        Value::Integer(n) => vec![Value::Integer(n + 1)],
        Value::Float(n) => vec![Value::Float(n + 1.0)],
        Value::Boolean(flag) => vec![Value::Boolean(!flag)],
        Value::Datetime(_) => vec![Value::Datetime("2026-12-05T23:30:00+01:00".parse().unwrap())],
        Value::Array(_) => references(value, &BTreeSet::from(["x".to_owned()])),
        Value::Table(_) => Vec::new(),
    }
}

/// A text, or a list with one more, for each name of the plan: one of them may be what a reference can name.
fn references(value: &Value, names: &BTreeSet<String>) -> Vec<Value> {
    let names = names.iter().cloned().map(Value::String);
    match value {
        Value::String(_) => names.collect(),
        Value::Array(old) if !old.iter().any(Value::is_table) => {
            names.map(|name| Value::Array([old.as_slice(), &[name]].concat())).collect()
        }
        _ => Vec::new(),
    }
}

/// The names that a plan gives: ids, people, endpoints.
fn given(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| given(v, all)),
        Value::Table(table) => {
            for (key, value) in table {
                match (key.as_str(), value) {
                    ("id", Value::String(id)) => drop(all.insert(id.clone())),
                    ("people" | "endpoints", Value::Table(named)) => all.extend(named.keys().cloned()),
                    (_, value) => given(value, all),
                }
            }
        }
        _ => {}
    }
}

/// Whether a table stands behind a key, whose own keys are walked too.
fn has_keys(value: &Value) -> bool {
    value.is_table() || value.as_array().is_some_and(|list| list.iter().any(Value::is_table))
}

/// Whether one of the plans becomes another plan when this key is taken out or changed. A key that must be
/// there and holds a table is as good as its own keys.
fn matters(plans: &[Sample], key: &SchemaKey) -> bool {
    let all = || {
        plans.iter().flat_map(|s| s.seen.present.get(key).into_iter().flatten().map(move |path| (s, path)))
    };
    let becomes = |sample: &Sample, path: &[Hop], values: Vec<Value>| {
        values.into_iter().any(|value| sample.becomes_another(path, Some(value)))
    };
    all().any(|(sample, path)| {
        let value = sample.value(path);
        sample.becomes_another(path, None) || (has_keys(&value) && sample.with(path, None).is_none())
    }) || all().any(|(sample, path)| becomes(sample, path, others(&sample.value(path))))
        || all().any(|(sample, path)| becomes(sample, path, references(&sample.value(path), &sample.names)))
}

/// A plan whose keys are changed one by one.
struct Sample {
    plan: Value,
    picture: String,
    names: BTreeSet<String>,
    seen: Seen,
}

impl Sample {
    fn of(text: &str, schema: &Json) -> Sample {
        let plan = Value::Table(toml::from_str(text).unwrap());
        let loaded = load(&plan).unwrap_or_else(|d| panic!("{}", d.render(plan::Style::default())));
        let mut names = BTreeSet::new();
        given(&plan, &mut names);
        let mut seen = Seen::default();
        walk(schema, &plan, &mut Vec::new(), &mut seen);
        Sample { picture: picture(&loaded), plan, names, seen }
    }

    fn value(&self, path: &[Hop]) -> Value {
        let mut here = &self.plan;
        for hop in path {
            here = match hop {
                Hop::Key(key) => &here[key.as_str()],
                Hop::At(i) => &here[*i],
            };
        }
        here.clone()
    }

    /// The plan with another value at a key, or with none; `None` where that is refused.
    fn with(&self, path: &[Hop], value: Option<Value>) -> Option<Plan> {
        let Some((Hop::Key(key), parent)) = path.split_last() else { panic!("{path:?} is no key") };
        let mut changed = self.plan.clone();
        let table = table_at(&mut changed, parent);
        match value {
            Some(value) => table.insert(key.clone(), value),
            None => table.remove(key),
        };
        load(&changed).ok()
    }

    fn becomes_another(&self, path: &[Hop], value: Option<Value>) -> bool {
        self.with(path, value).is_some_and(|plan| picture(&plan) != self.picture)
    }
}

#[test]
fn every_key_of_the_schema_changes_the_plan_or_is_refused_in_words() {
    let schema: Json = serde_json::from_str(&plan::schema::text()).unwrap();
    let mut keys = BTreeMap::new();
    all_keys(&schema, &mut keys);
    let plans: Vec<Sample> = right().iter().map(|text| Sample::of(text, &schema)).collect();

    let mut wrong = BTreeSet::new();
    for (key, refused) in &keys {
        let (table, name) = key;
        let table_keys: Vec<String> = serde_json::from_str::<Json>(table).unwrap()["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        if !refused {
            if !matters(&plans, key) {
                wrong.insert(format!("`{name}` changes nothing, beside {table_keys:?}"));
            }
            continue;
        }
        let place = plans.iter().find_map(|s| Some((&s.plan, s.seen.tables.get(table)?.first()?)));
        let Some((plan, path)) = place else {
            wrong.insert(format!("no plan has the table of `{name}`, beside {table_keys:?}"));
            continue;
        };
        let mut with = plan.clone();
        table_at(&mut with, path).insert(name.clone(), Value::Boolean(true));
        let said = load(&with).err().is_some_and(|d| {
            d.list
                .iter()
                .any(|d| d.code == "not-in-this-version" && d.message.contains(&format!("`{name}` needs")))
        });
        if !said {
            wrong.insert(format!("`{name}` is not refused in words, beside {table_keys:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(keys.len() > 150, "the walk has found {} keys", keys.len());
}

#[test]
fn the_schema_itself_is_kept() {
    insta::assert_snapshot!(plan::schema::text());
}
