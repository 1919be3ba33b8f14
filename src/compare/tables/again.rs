//! Rows that are looked at another time: by the values of their keys where that can be, since no index knows a hash.

use std::collections::BTreeSet;

use super::locate::{Found, Suspect, inspect, suspects};
use super::look::{Both, Look};
use crate::databases::digest::RowHash;
use crate::databases::snapshot::{Buckets, Meter, Part, Row, Selection, Within};
use crate::databases::{Error, Value};

/// How many rows at a time are asked for by the values of their keys.
const NAMED_AT_MOST: usize = 1_000;

/// Looks at rows again that were found to differ, or were written since. Those that are asked for by their keys add up to the
/// same nearly always, which takes one hash a row to see in place of four.
pub(super) async fn look_again(
    look: &mut Look,
    of: &Both,
    within: Within,
    found: &mut Found,
) -> Result<(), Error> {
    if let Within::Rows(names) = &within {
        let (all, part) = (Buckets::Hashes { bits: 0 }, Part::Rows(names.clone()));
        let (a, b) = look.digests(of, &all, (Some(&part), Some(&part)), &Meter::default()).await?;
        if a == b {
            return Ok(());
        }
    }
    inspect(look, of, within, found).await
}

/// Where suspects are found by the values of their keys and no other rows with them. `None` where that cannot be said, or not
/// the same rows are found so, or the ranges of keys within which they are do as well.
pub(super) async fn by_name(
    look: &mut Look,
    of: &Both,
    within: &Within,
    all: &[Suspect],
) -> Result<Option<Within>, Error> {
    // A bucket of hashes reads the whole table anyway, for which two hashes of its key are too many.
    let within = match within {
        Within::Keys(_) => return Ok(None),
        Within::Hashes { .. } => &Within::everything(),
        Within::Rows(_) => within,
    };
    if !of.has_names() || all.is_empty() || all.len() > NAMED_AT_MOST {
        return Ok(None);
    }
    let keys: BTreeSet<RowHash> = all.iter().map(|suspect| suspect.key).collect();
    let (source, target) = look.rows(of, within, &keys).await?;
    let names: BTreeSet<Vec<Value>> = source
        .iter()
        .map(|row| name(&of.source, row))
        .chain(target.iter().map(|row| name(&of.target, row)))
        .collect();
    let said = |value: &Value| !matches!(value, Value::Text(bytes) if std::str::from_utf8(bytes).is_err());
    if !names.iter().flatten().all(said) {
        return Ok(None);
    }
    let within = Within::Rows(names.into_iter().collect());
    Ok((suspects(look, of, &within).await? == all).then_some(within))
}

/// The values of a row's key, in the key's order.
fn name(of: &Selection, row: &Row) -> Vec<Value> {
    let value =
        |key: &String| of.columns.iter().position(|column| column == key).and_then(|at| row.values.get(at));
    of.key.iter().filter_map(value).cloned().collect()
}
