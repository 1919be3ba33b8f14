//! Rows that are looked at another time: by the values of their keys where that can be, since no index knows a hash.

use std::collections::{BTreeMap, BTreeSet};

use super::locate::{Found, Suspect, inspect, suspects};
use super::look::{Both, Look};
use crate::databases::digest::RowHash;
use crate::databases::snapshot::{Buckets, Meter, Part, Row, Selection, Within};
use crate::databases::{Error, Value};

/// How many rows at a time are asked for by the values of their keys.
const NAMED_AT_MOST: usize = 1_000;

/// Looks at rows again that were found to differ, or were written since. Those with a name add up to the same nearly always,
/// which takes one hash a row to see in place of four.
pub(super) async fn look_again(
    look: &mut Look,
    of: &Both,
    within: Within,
    found: &mut Found,
) -> Result<(), Error> {
    let Within::Rows(names) = &within else { return inspect(look, of, within, found).await };
    let (all, part) = (Buckets::Hashes { bits: 0 }, Part::Rows(names.clone()));
    let (a, b) = look.digests(of, &all, (Some(&part), Some(&part)), &Meter::default()).await?;
    if a == b {
        return Ok(());
    }
    let suspects = suspects(look, of, &within).await?;
    let within = by_name(look, of, &within, &suspects).await?.unwrap_or(within);
    found.add(within, suspects);
    Ok(())
}

/// The rows of suspects by the values of their keys. No index knows the hash of a key, so that by it every further look would
/// read the whole table. `None` where there are too many, or one that cannot be said, or not the same rows are found so.
pub(super) async fn by_name(
    look: &mut Look,
    of: &Both,
    within: &Within,
    all: &[Suspect],
) -> Result<Option<Within>, Error> {
    if all.is_empty() || all.len() > NAMED_AT_MOST {
        return Ok(None);
    }
    let keys: BTreeSet<RowHash> = all.iter().map(|suspect| suspect.key).collect();
    let (source, target) = look.rows(of, within, &keys).await?;
    let name = |of: &Selection, row: Row| -> Vec<Value> {
        let named = of.columns.iter().zip(row.values).filter(|(name, _)| of.key.contains(name));
        let by_name: BTreeMap<&String, Value> = named.collect();
        of.key.iter().filter_map(|name| by_name.get(name).cloned()).collect()
    };
    let source = source.into_iter().map(|row| name(&of.source, row));
    let names: BTreeSet<Vec<Value>> =
        source.chain(target.into_iter().map(|row| name(&of.target, row))).collect();
    let said = |value: &Value| !matches!(value, Value::Text(bytes) if std::str::from_utf8(bytes).is_err());
    if !names.iter().flatten().all(said) {
        return Ok(None);
    }
    let within = Within::Rows(names.into_iter().collect());
    Ok((suspects(look, of, &within).await? == all).then_some(within))
}
