//! The rows that differ, fetched from both sides and compared value by value.

use std::collections::{BTreeMap, BTreeSet};

use super::look::{Both, Look};
use super::{Difference, DifferenceKind};
use crate::databases::digest::RowHash;
use crate::databases::snapshot::{Row, Selection, Within};
use crate::databases::{Error, Value};

/// Names the differences under these keys.
pub(super) async fn name(
    look: &mut Look,
    of: &Both,
    within: &Within,
    keys: &BTreeSet<RowHash>,
) -> Result<Vec<Difference>, Error> {
    let (source, target) = look.rows(of, within, keys).await?;
    // People know the columns by the source's names.
    let (of, keyed) = (&of.source, of.keyed);
    let mut by_key: BTreeMap<RowHash, (Vec<Row>, Vec<Row>)> = BTreeMap::new();
    for row in source {
        by_key.entry(row.hashes.key).or_default().0.push(row);
    }
    for row in target {
        by_key.entry(row.hashes.key).or_default().1.push(row);
    }
    let mut named = Vec::new();
    for (mut source, mut target) in by_key.into_values() {
        take_common(&mut source, &mut target);
        let pairs = if keyed { source.len().min(target.len()) } else { 0 };
        let (missing, extra) = (source.split_off(pairs), target.split_off(pairs));
        for (a, b) in source.into_iter().zip(target) {
            named.push(difference(of, Some(a), Some(b)));
        }
        named.extend(missing.into_iter().map(|row| difference(of, Some(row), None)));
        named.extend(extra.into_iter().map(|row| difference(of, None, Some(row))));
    }
    Ok(named)
}

/// Leaves on each side what the other does not have, as often as it does not have it.
fn take_common(source: &mut Vec<Row>, target: &mut Vec<Row>) {
    source.sort_by(|a, b| a.values.cmp(&b.values));
    target.sort_by(|a, b| a.values.cmp(&b.values));
    let mut theirs = std::mem::take(target).into_iter().peekable();
    source.retain(|row| {
        while let Some(smaller) = theirs.next_if(|other| other.values < row.values) {
            target.push(smaller);
        }
        theirs.next_if(|other| other.values == row.values).is_none()
    });
    target.extend(theirs);
}

fn difference(of: &Selection, source: Option<Row>, target: Option<Row>) -> Difference {
    let named = |row: Row| of.columns.iter().cloned().zip(row.values).collect::<Vec<(String, Value)>>();
    let (source, target) = (source.map(named), target.map(named));
    let kind = match (&source, &target) {
        (Some(a), Some(b)) => {
            let differ = a.iter().zip(b).filter(|(x, y)| x != y).map(|((name, _), _)| name.clone());
            DifferenceKind::Changed { columns: differ.collect() }
        }
        (Some(_), None) => DifferenceKind::Missing,
        (None, _) => DifferenceKind::Extra,
    };
    let row = source.as_ref().or(target.as_ref());
    let key = row.into_iter().flatten().filter(|(name, _)| of.key.contains(name)).cloned();
    Difference { kind, key: key.collect(), source, target }
}
