//! The grammar as JSON Schema (draft 2020-12), for completion and checks in editors.
//!
//! Derived from the one table of keys, so that an editor and `check` never disagree about a key. What a schema
//! cannot say (references, times, the trade) is left to `check`.

use serde_json::{Map, Value, json};

use super::grammar::{Kind, Named, PLAN, Spec};

/// The name of the file beside a plan.
pub const FILE: &str = "plan.schema.json";

/// The schema, for a file of its own.
pub fn text() -> String {
    let mut schema = table(&PLAN);
    if let Some(map) = schema.as_object_mut() {
        map.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), json!("A plan for cutover"));
    }
    format!("{schema:#}\n")
}

fn table(spec: &Spec) -> Value {
    let mut properties = Map::new();
    let mut needs = Map::new();
    for key in spec.keys {
        let mut value = kind(key.kind);
        if let (Some(map), None) = (value.as_object_mut(), value_doc(key.kind)) {
            map.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), value);
        if !key.beside.is_empty() {
            needs.insert(key.name.to_owned(), json!({ "anyOf": requires(key.beside) }));
        }
    }
    let required: Vec<&str> = spec.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    let mut out = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let Some(map) = out.as_object_mut() {
        if !required.is_empty() {
            map.insert("required".to_owned(), json!(required));
        }
        if !spec.one_of.is_empty() {
            map.insert("oneOf".to_owned(), Value::Array(requires(spec.one_of)));
        }
        if !needs.is_empty() {
            map.insert("dependentSchemas".to_owned(), Value::Object(needs));
        }
    }
    out
}

fn requires(keys: &[&str]) -> Vec<Value> {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

/// A description that the kind itself gives, in place of the key's.
fn value_doc(kind: Kind) -> Option<String> {
    match kind {
        Kind::Needs(what, instead) => Some(format!("Not in this version: needs {what}. Instead: {instead}.")),
        _ => None,
    }
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Secret => json!({ "type": "string" }),
        Kind::Word => pattern("[a-z0-9-]{3,16}"),
        Kind::Id => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" }),
        Kind::Ref(named) => reference(named),
        Kind::Refs(named) => one_or_many(&reference(named), 1),
        Kind::RefsOrNone(named) => one_or_many(&reference(named), 0),
        Kind::Texts => one_or_many(&json!({ "type": "string", "minLength": 1 }), 1),
        Kind::Argv => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        Kind::Duration => pattern("([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"),
        Kind::Count => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            pattern("[0-9][0-9_]*( ?([KMGT]iB|kB|[MGT]B|B))?"),
        ] }),
        Kind::Offset => pattern("[+-][0-9]{2}:[0-9]{2}"),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::TimeOrStart => {
            json!({ "anyOf": [{ "const": "start" }, { "type": "string", "format": "date-time" }] })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Kind::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Json | Kind::Body => json!({}),
        Kind::Status => {
            let code = json!({ "type": "integer", "minimum": 100, "maximum": 599 });
            one_or_many(&json!({ "anyOf": [code, pattern("[1-5]xx")] }), 1)
        }
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Address => pattern("(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}"),
        Kind::SshHost => pattern("([A-Za-z0-9._][A-Za-z0-9._-]*@)?[A-Za-z0-9._][A-Za-z0-9._-]*"),
        Kind::Table(spec) => table(spec),
        Kind::Tables(spec) => json!({ "type": "array", "items": table(spec), "minItems": 1 }),
        Kind::Map(inner, names) => json!({
            "type": "object",
            "additionalProperties": self::kind(*inner),
            "propertyNames": { "pattern": names.pattern() },
        }),
        Kind::ArgvOr(spec) => json!({ "anyOf": [self::kind(Kind::Argv), table(spec)] }),
        Kind::Needs(..) => json!({ "not": {}, "description": value_doc(kind) }),
    }
}

/// A text of a form, or one that holds a variable.
fn pattern(form: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "pattern": format!("^({form})$|\\$\\{{") })
}

fn reference(named: Named) -> Value {
    json!({ "type": "string", "minLength": 1, "description": format!("The id of a {}.", named.word()) })
}

fn one_or_many(one: &Value, least: usize) -> Value {
    let many = json!({ "type": "array", "items": one, "minItems": least });
    json!({ "anyOf": [one, many] })
}
