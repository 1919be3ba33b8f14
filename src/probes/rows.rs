//! Configuration in tables: any row that was added, removed or altered is a breach, by name.
//!
//! Values are on the screen only. What is kept of them and said in the record are digests, mixed with a salt that
//! stays in the run folder: a setting is often one of few words, and a bare digest of it would tell which.

use std::collections::BTreeMap;

use super::baseline::{Baseline, Object, finding, salted, short, still};
use super::endpoint::{Lane, unmeasured};
use super::look::Look;
use super::sql::table;
use super::words::{count, line};
use crate::databases::{Rows, Value};
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::RowsProbe;

/// Runs the query and compares every row with the baseline.
pub(super) async fn look(look: &mut Look<'_>, probe: &RowsProbe) -> Result<Measure, Unmeasured> {
    look.ask(format!("{}: {}", probe.endpoint, probe.query));
    let salt = look.salt()?;
    let database = look.database(&probe.endpoint)?;
    let _turn = look.turn(Lane::Queries, &probe.endpoint).await;
    let rows = database.query(&probe.query).await.map_err(unmeasured)?;
    look.keep(&table(&rows));
    let objects = objects(&rows, probe.key, &salt).map_err(Unmeasured::Failed)?;
    let seen = Baseline { objects, salt: Some(salt), ..Baseline::default() };
    let baseline = look.against(&seen);
    let findings: Vec<_> =
        baseline.changes(&seen).into_iter().map(|(name, change)| finding(name, change.words())).collect();
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "row", findings))
}

fn objects(rows: &Rows, key: usize, salt: &str) -> Result<BTreeMap<String, Object>, String> {
    if rows.more {
        let most = count(Rows::MOST as u64);
        return Err(format!("the query gives more than {most} rows: ask for fewer, or for a digest of them"));
    }
    if rows.columns.len() < key {
        return Err(format!("{key} columns name a row, and the query gives {}", rows.columns.len()));
    }
    let mut all = BTreeMap::new();
    for row in &rows.rows {
        let (named, rest) = row.split_at(key.min(row.len()));
        let words: Vec<String> = named.iter().map(|value| word(value, salt)).collect();
        let name = format!("row {}", words.join(", "));
        let mut whole = Vec::new();
        for value in row {
            value.encode(&mut whole);
        }
        let columns = rows.columns.iter().skip(key);
        let parts = columns.zip(rest).map(|(column, value)| {
            let mut bytes = Vec::new();
            value.encode(&mut bytes);
            (column.clone(), salted(salt, &bytes))
        });
        let object = Object { digest: salted(salt, &whole), parts: parts.collect(), ..Object::default() };
        if all.insert(name.clone(), object).is_some() {
            return Err(format!(
                "{name} is there more than once: order the columns so that the first name a row, or say how many do with `key`"
            ));
        }
    }
    Ok(all)
}

/// A value of a name. One that is no short line is told from others like it by its digest.
fn word(value: &Value, salt: &str) -> String {
    let Some(text) = value.plain() else { return "NULL".to_owned() };
    let shown = line(&text, 60);
    if shown == text { shown } else { format!("{shown} ({})", short(&salted(salt, text.as_bytes()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(more: bool, rows: &[[&str; 3]]) -> Rows {
        let rows = rows.iter().map(|r| r.iter().map(|v| Value::text(v)).collect()).collect();
        Rows { columns: ["app", "name", "value"].map(str::to_owned).into(), rows, more }
    }

    #[test]
    fn rows_are_named_by_their_first_columns_and_only_once() {
        let all = rows(false, &[["web", "a", "1"], ["web", "b", "1"]]);
        let names: Vec<String> = objects(&all, 2, "s").unwrap().into_keys().collect();
        assert_eq!(names, ["row web, a", "row web, b"]);
        let why = objects(&all, 1, "s").unwrap_err();
        assert!(why.starts_with("row web is there more than once"), "{why}");
        assert!(objects(&all, 4, "s").is_err());
        assert!(objects(&rows(true, &[["web", "a", "1"]]), 2, "s").is_err(), "not all of it is known");
    }

    #[test]
    fn a_digest_tells_nothing_without_its_salt() {
        let all = rows(false, &[["web", "a", "on"]]);
        let of = |salt: &str| objects(&all, 2, salt).unwrap().into_values().next().unwrap();
        assert_ne!(of("1").digest, of("2").digest);
        assert_ne!(of("1").parts["value"], of("2").parts["value"]);
        assert_eq!(of("1"), of("1"));
    }
}
