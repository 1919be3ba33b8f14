//! The schema, key by key: each changes the plan, or is refused in words. None is accepted and ignored.

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

/// Other values in place of one; `texts` are all that the plan has, ids among them.
fn others(value: &Value, texts: &BTreeSet<String>) -> Vec<Value> {
    let list = |list: &[Value], text: &str| Value::Array([list, &[Value::String(text.to_owned())]].concat());
    match value {
        Value::String(text) => {
            let own = [
                format!("{text}x"),
                "7m".to_owned(),
                "10.9.9.9:99".to_owned(),
                "near-zero-downtime".to_owned(),
                "AAAA".to_owned(),
            ];
            own.into_iter().chain(texts.iter().cloned()).map(Value::String).collect()
        }
        Value::Integer(n) => vec![Value::Integer(n + 1)],
        Value::Float(n) => vec![Value::Float(n + 1.0)],
        Value::Boolean(flag) => vec![Value::Boolean(!flag)],
        Value::Datetime(_) => vec![Value::Datetime("2026-12-05T23:30:00+01:00".parse().unwrap())],
        Value::Array(old) if old.iter().any(Value::is_table) => Vec::new(),
        Value::Array(old) => {
            let own = ["x".to_owned()];
            own.iter().chain(texts).map(|text| list(old, text)).collect()
        }
        Value::Table(_) => Vec::new(),
    }
}

fn texts(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(all.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|v| texts(v, all)),
        Value::Table(table) => {
            all.extend(table.keys().cloned());
            table.values().for_each(|v| texts(v, all));
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
fn matters(plans: &[(Value, String, Seen)], key: &SchemaKey) -> bool {
    plans.iter().any(|(plan, before, seen)| {
        let mut all = BTreeSet::new();
        texts(plan, &mut all);
        seen.present.get(key).into_iter().flatten().any(|path| {
            let (Some(Hop::Key(last)), parent) = (path.last(), &path[..path.len() - 1]) else { return false };
            let other_plan = |changed: &Value| load(changed).is_ok_and(|plan| picture(&plan) != *before);
            let mut without = plan.clone();
            let value = table_at(&mut without, parent).remove(last).unwrap();
            if other_plan(&without) || (has_keys(&value) && load(&without).is_err()) {
                return true;
            }
            others(&value, &all).into_iter().any(|other| {
                let mut changed = plan.clone();
                table_at(&mut changed, parent).insert(last.clone(), other);
                other_plan(&changed)
            })
        })
    })
}

#[test]
fn every_key_of_the_schema_changes_the_plan_or_is_refused_in_words() {
    let schema: Json = serde_json::from_str(&plan::schema::text()).unwrap();
    let mut keys = BTreeMap::new();
    all_keys(&schema, &mut keys);
    let plans: Vec<(Value, String, Seen)> = right()
        .iter()
        .map(|text| {
            let table = Value::Table(toml::from_str(text).unwrap());
            let before = load(&table).unwrap_or_else(|d| panic!("{}", d.render(plan::Style::default())));
            let mut seen = Seen::default();
            walk(&schema, &table, &mut Vec::new(), &mut seen);
            (table, picture(&before), seen)
        })
        .collect();

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
        let place = plans.iter().find_map(|(plan, _, seen)| Some((plan, seen.tables.get(table)?.first()?)));
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
