//! Which rows somebody says differ, in one form for all, and whether that is the truth.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// How a row differs at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Changed,
    Missing,
    Extra,
}

/// The rows by their key.
pub type Findings = BTreeMap<i64, Kind>;

/// What `cutover compare --json` says.
pub fn of_ours(said: &str) -> Findings {
    let document: Json = serde_json::from_str(said).unwrap();
    let differences = document["differences"].as_array().unwrap();
    let found: Findings = differences
        .iter()
        .map(|difference| {
            let kind = match difference["kind"].as_str().unwrap() {
                "changed" => Kind::Changed,
                "missing" => Kind::Missing,
                "extra" => Kind::Extra,
                other => panic!("{other:?} is no kind"),
            };
            (number(&difference["key"]["id"]), kind)
        })
        .collect();
    assert_eq!(found.len(), differences.len(), "a row is named twice");
    found
}

/// What `reladiff --json` says: a line for either side of a row, its key first.
pub fn of_reladiff(said: &str) -> Findings {
    let lines = said.lines().map(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        (number(&line[1][0]), line[0] == "-")
    });
    of_sides(lines)
}

/// What `data-validation --format json` says: an object with one for each row that fails, its key as JSON in a string.
pub fn of_validator(said: &str) -> Findings {
    let document: Json = serde_json::from_str(said).unwrap();
    let finding = |row: &Json| {
        let key: Json = serde_json::from_str(row["group_by_columns"].as_str().unwrap()).unwrap();
        let kind = match (row["source_agg_value"].is_null(), row["target_agg_value"].is_null()) {
            (true, _) => Kind::Extra,
            (_, true) => Kind::Missing,
            _ => Kind::Changed,
        };
        (number(&key["id"]), kind)
    };
    document.as_object().unwrap().values().map(finding).collect()
}

/// What `pt-table-sync --print` says: a statement for each row of the target that is to be mended.
pub fn of_table_sync(said: &str) -> Findings {
    let finding = |line: &str| {
        let (kind, before) = match line.split_ascii_whitespace().next().unwrap() {
            "DELETE" => (Kind::Extra, "`id`="),
            "INSERT" => (Kind::Missing, "VALUES ("),
            "UPDATE" => (Kind::Changed, "`id`="),
            other => panic!("{other:?} is no statement"),
        };
        let (_, key) = line.split_once(before).unwrap();
        let digits = key.trim_start_matches('\'').split(|c: char| !c.is_ascii_digit()).next().unwrap();
        (digits.parse().unwrap(), kind)
    };
    said.lines().map(finding).collect()
}

/// Rows of which one side, or the other, has something of its own: the key, and whether it is the source.
pub fn of_sides(rows: impl Iterator<Item = (i64, bool)>) -> Findings {
    let mut found = Findings::new();
    for (key, of_source) in rows {
        let one = if of_source { Kind::Missing } else { Kind::Extra };
        found
            .entry(key)
            .and_modify(|kind| *kind = if *kind == one { one } else { Kind::Changed })
            .or_insert(one);
    }
    found
}

fn number(of: &Json) -> i64 {
    of.as_i64().or_else(|| of.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{of} is no key"))
}

/// How far somebody is from the truth, in words.
pub fn against(found: &Findings, truth: &Findings) -> String {
    let right = found.iter().filter(|(key, kind)| truth.get(key) == Some(kind)).count();
    let named = found.keys().filter(|key| truth.contains_key(key)).count();
    let missed = truth.len() - named;
    let (amiss, alarms) = (named - right, found.len() - named);
    format!("{right} of {}, {missed} missed, {amiss} of another kind, {alarms} false alarms", truth.len())
}
