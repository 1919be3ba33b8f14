//! What a database is made of, so that a change of it can be named.
//!
//! Two views: [`Schema`] digests every object's definition (a freeze's monitor asks *what changed
//! here?*), [`Table`] lists columns and keys (a comparison asks *are these two alike?*).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Position;
use super::value::hex;
use crate::clock::Timestamp;

/// An object of a database: its kind (`table`, `index`, `view`, `trigger`, …) and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectName {
    /// The engine's word for what it is.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Every object of a database with a digest of its definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// By object, a SHA-256 in hex.
    pub objects: BTreeMap<ObjectName, String>,
}

/// How one object differs from a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaChange {
    /// It was not there.
    Added(ObjectName),
    /// It is gone.
    Removed(ObjectName),
    /// It is defined differently.
    Altered(ObjectName),
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaChange::Added(object) => write!(f, "{object} was added"),
            SchemaChange::Removed(object) => write!(f, "{object} was removed"),
            SchemaChange::Altered(object) => write!(f, "{object} was altered"),
        }
    }
}

impl Schema {
    /// Enters an object by its definition.
    pub fn define(&mut self, kind: String, name: String, definition: &str) {
        let digest = hex(&Sha256::digest(definition.as_bytes()));
        self.objects.insert(ObjectName { kind, name }, digest);
    }

    /// One digest over all objects.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for (object, digest) in &self.objects {
            for part in [&object.kind, &object.name, digest] {
                all.update((part.len() as u64).to_le_bytes());
                all.update(part.as_bytes());
            }
        }
        hex(&all.finalize())
    }

    /// What is different in `later`, each object once.
    pub fn changes_to(&self, later: &Schema) -> Vec<SchemaChange> {
        let mut changes = Vec::new();
        for (object, digest) in &self.objects {
            match later.objects.get(object) {
                None => changes.push(SchemaChange::Removed(object.clone())),
                Some(now) if now != digest => changes.push(SchemaChange::Altered(object.clone())),
                Some(_) => {}
            }
        }
        let added = later.objects.keys().filter(|object| !self.objects.contains_key(object));
        changes.extend(added.cloned().map(SchemaChange::Added));
        changes
    }
}

/// What an engine has noted of definitions that were changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redefined {
    /// The end of the log at the moment of looking: where to look from the next time. `None` where nothing is noted.
    pub until: Option<Position>,
    /// What was changed since, the newest first.
    pub changes: Vec<Redefinition>,
}

/// One command that changed a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redefinition {
    /// What it was about, as the engine calls it: `public.orders`, `audit on public.orders`.
    pub object: String,
    /// What was done: `ALTER TABLE`.
    pub command: String,
    /// When.
    pub at: Timestamp,
    /// Who did it: the account, the program, the host.
    pub by: String,
}

impl Redefined {
    /// The newest command that was about an object, or about what it is a part of. Where none names it, it was one of
    /// those that name only its kind, as a GRANT does; else it was one of them all. Whoever ran all of these ran that.
    pub fn of(&self, object: &str) -> Option<&Redefinition> {
        let wanted: BTreeSet<String> = words(object).collect();
        let names = |change: &&Redefinition| words(&change.object).any(|word| wanted.contains(&word));
        let changes = || self.changes.iter();
        changes()
            .find(names)
            .or_else(|| newest_of_one(changes().filter(|change| is_kind(&change.object, object))))
            .or_else(|| newest_of_one(changes()))
    }
}

/// The first of them, where all are by one person.
fn newest_of_one<'a>(mut changes: impl Iterator<Item = &'a Redefinition>) -> Option<&'a Redefinition> {
    let newest = changes.next()?;
    changes.all(|change| change.by == newest.by).then_some(newest)
}

/// Whether a note says no more than the kind of an object.
///
/// Source: PostgreSQL's documentation, "GRANT": what it calls a table, a type or a routine may be several of our kinds.
fn is_kind(noted: &str, object: &str) -> bool {
    let noted = noted.to_lowercase();
    let kinds: &[&str] = match noted.as_str() {
        "table" => &["table", "view", "materialized view", "foreign table", "sequence"],
        "domain" => &["type"],
        "procedure" | "routine" => &["function"],
        other => &[other],
    };
    kinds.iter().any(|kind| object.strip_prefix(kind).is_some_and(|name| name.starts_with(' ')))
}

/// The names in the name of an object, without schemas and quotes: of `trigger audit on public.orders`, `audit` and
/// `orders`.
fn words(object: &str) -> impl Iterator<Item = String> {
    let name = object.split('(').next().unwrap_or(object);
    name.split(" on ").map(|part| {
        let last = part.rsplit(['.', ' ']).next().unwrap_or(part);
        last.trim_matches('"').to_lowercase()
    })
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its declared type, as the engine writes it.
    pub type_name: String,
}

/// A table that people's data is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name; with its schema where the engine has schemas.
    pub name: String,
    /// Its columns in their order.
    pub columns: Vec<Column>,
    /// The columns of its primary key in the key's order; empty when it has none.
    pub key: Vec<String>,
    /// The key is one column in which the engine lets nothing but whole numbers be.
    pub integer_key: bool,
    /// What tells it from one that is made anew under the same name, or whose rows were all written anew by an alteration, in
    /// the engine's own words; empty where nothing does.
    pub made: String,
}

impl Table {
    /// Whether it is the same table of the same form. Types are not looked at: a type that makes other rows of them has them
    /// written anew.
    pub fn is_still(&self, before: &Table) -> bool {
        let names =
            |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        names(self) == names(before) && self.key == before.key && self.made == before.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(objects: &[(&str, &str, &str)]) -> Schema {
        let mut schema = Schema::default();
        for (kind, name, definition) in objects {
            schema.define((*kind).to_owned(), (*name).to_owned(), definition);
        }
        schema
    }

    #[test]
    fn a_change_is_named() {
        let before = schema(&[("table", "a", "1"), ("table", "b", "1"), ("index", "b", "1")]);
        let after = schema(&[("table", "a", "2"), ("index", "b", "1"), ("view", "c", "1")]);
        let named: Vec<String> = before.changes_to(&after).iter().map(ToString::to_string).collect();
        assert_eq!(named, ["table a was altered", "table b was removed", "view c was added"]);
        assert_ne!(before.digest(), after.digest());
        assert_eq!(before.changes_to(&before.clone()), []);
    }

    #[test]
    fn who_changed_an_object_is_whoever_named_it_or_its_kind_or_changed_everything() {
        let change = |object: &str, by: &str| Redefinition {
            object: object.to_owned(),
            command: "ALTER TABLE".to_owned(),
            at: Timestamp(0),
            by: by.to_owned(),
        };
        let by = |changes: &[(&str, &str)], object: &str| {
            let changes = changes.iter().map(|(object, by)| change(object, by)).collect();
            Redefined { until: None, changes }.of(object).map(|found| found.by.clone())
        };
        let two = [("audit on public.orders", "ann"), ("public.\"Odd\"", "ben")];
        for (object, who) in [
            ("table public.orders", Some("ann")),
            ("trigger audit on orders", Some("ann")),
            ("constraint positive on orders", Some("ann")),
            ("table public.Odd", Some("ben")),
            ("index public.by_customer", None),
        ] {
            assert_eq!(by(&two, object).as_deref(), who, "{object}");
        }
        assert_eq!(by(&two[..1], "index public.by_customer").as_deref(), Some("ann"));
        assert_eq!(
            by(&[("public.stamp()", "ann"), ("public.x", "ben")], "function stamp()").as_deref(),
            Some("ann")
        );
        assert_eq!(by(&[], "table public.orders"), None);

        // A GRANT says only of what kind its objects are.
        let grants = [("TABLE", "cleo"), ("FUNCTION", "dan"), ("public.orders", "ann"), ("ROUTINE", "eve")];
        for (object, who) in [
            ("table public.orders", Some("ann")),
            ("table public.customers", Some("cleo")),
            ("view public.totals", Some("cleo")),
            ("materialized view public.daily", Some("cleo")),
            ("function stamp()", None),
            ("tablespace fast", None),
            ("index public.by_customer", None),
        ] {
            assert_eq!(by(&grants, object).as_deref(), who, "{object}");
        }
        let either = [("TABLE", "cleo"), ("TABLE", "dan")];
        assert_eq!(by(&either, "table public.orders"), None, "it may have been either");
        assert_eq!(by(&[either[0], either[0], grants[1]], "view totals").as_deref(), Some("cleo"));
    }

    #[test]
    fn names_that_run_together_do_not_share_a_digest() {
        assert_ne!(schema(&[("table", "ab", "1")]).digest(), schema(&[("tablea", "b", "1")]).digest());
    }
}
