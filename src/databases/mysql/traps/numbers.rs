//! Numbers that a server gives: `auto_increment`, and MariaDB's sequences.
//!
//! Rows that replication brings move `auto_increment` on at the target, so between two looks it may stand behind; it is a trap where
//! it stands still there, and at the source too.
//!
//! Source: `information_schema.tables`, `.columns`; MariaDB's "`AUTO_INCREMENT`", MySQL's "`auto_increment_increment`".

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Pair, Right, Side};
use crate::databases::{Database as _, Error, Found, Sequence};

/// So long after the first look is the second.
const MOMENT: Duration = Duration::from_secs(1);

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    pair.need("every table", &[Right::Data("SELECT")]).await?;
    let (source, target) = pair.names();
    let mut found = Vec::new();
    let sql = |side: Side<'_>| {
        format!(
            "select {} from information_schema.tables where table_type = 'SEQUENCE' and {} order by 1",
            side.shown("table_schema", "table_name"),
            side.scope("table_schema")
        )
    };
    let (sequences, arrived) = pair.both::<1>(sql).await?;
    for [name] in sequences.iter().filter(|one| !arrived.contains(one)) {
        found.push(Found::new(
            format!("sequence {name}"),
            format!("does not exist at {target}"),
            format!("make it there as show create sequence {} has it", pair.from.in_sql(name)),
        ));
    }
    let step = "auto_increment_increment";
    let names = [step];
    let (here, there) = tokio::try_join!(pair.from.settings(&names), pair.to.settings(&names))?;
    if let (Some(own), Some(other)) = (here.get(step), there.get(step))
        && own != other
    {
        found.push(Found::new(
            format!("setting {step}"),
            format!("is {own} at {source} and {other} at {target}: numbers go by other steps there"),
            format!("set global {step} = {own} there, in its configuration too"),
        ));
    }
    full(pair, &mut found).await?;
    if !pair.asked.carried {
        behind(pair, &mut found).await?;
    }
    Ok(found)
}

/// Counters that are about to reach the end of their type.
async fn full(pair: Pair<'_>, found: &mut Vec<Found>) -> Result<(), Error> {
    let side = pair.from;
    let sql = format!(
        "select {}, column_name, column_type from information_schema.columns where extra like '%auto_increment%' and {}",
        side.shown("table_schema", "table_name"),
        side.scope("table_schema")
    );
    let counters: BTreeMap<String, Sequence> =
        side.db.sequences().await?.into_iter().map(|one| (one.name.clone(), one)).collect();
    for [table, column, kind] in side.texts::<3>(&sql).await? {
        let Some(last) = counters.get(&table).and_then(|one| one.last) else { continue };
        let Some(most) = most(&kind) else { continue };
        if u128::from(last.unsigned_abs()) * 10 >= most * 9 {
            found.push(Found::new(
                format!("auto_increment of {table}"),
                format!(
                    "has given more than nine tenths of what {column} ({kind}) can hold: inserts will fail"
                ),
                format!("alter table {} modify {column} bigint …, on both sides", side.in_sql(&table)),
            ));
        }
    }
    Ok(())
}

/// The largest number that a whole type holds.
fn most(kind: &str) -> Option<u128> {
    let bits: u32 = match kind.split(['(', ' ']).next()? {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let bits = if kind.contains("unsigned") { bits } else { bits.checked_sub(1)? };
    1_u128.checked_shl(bits)?.checked_sub(1)
}

async fn behind(pair: Pair<'_>, found: &mut Vec<Found>) -> Result<(), Error> {
    let first = standing(pair).await?;
    if first.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(MOMENT).await;
    let second = standing(pair).await?;
    let (source, target) = pair.names();
    for (table, stands) in first.iter().filter(|(table, stands)| second.get(*table) == Some(stands)) {
        let (own, theirs) = stands;
        found.push(Found::new(
            format!("auto_increment of {table}"),
            format!("stands at {own} at {source} and {theirs} at {target}: numbers of rows that are gone come again"),
            "write a step into the plan: carry = { sequences = { from, to, margin = 1000 } }",
        ));
    }
    Ok(())
}

/// Where the target's counters are behind: the source's and the target's last number.
async fn standing(pair: Pair<'_>) -> Result<BTreeMap<String, (i64, i64)>, Error> {
    // The source first: what its rows have moved on there can only have arrived since.
    let here = pair.from.db.sequences().await?;
    let there: BTreeMap<String, Sequence> =
        pair.to.db.sequences().await?.into_iter().map(|one| (one.name.clone(), one)).collect();
    let behind = here.into_iter().filter(|one| pair.travels(&one.name)).filter_map(|one| {
        let theirs = there.get(&one.name)?.last.unwrap_or_default();
        let own = one.last.unwrap_or_default();
        (theirs < own).then_some((one.name, (own, theirs)))
    });
    Ok(behind.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_so_much() {
        assert_eq!(most("tinyint(4)"), Some(127));
        assert_eq!(most("int unsigned"), Some(4_294_967_295));
        assert_eq!(most("bigint(20)"), Some(9_223_372_036_854_775_807));
        assert_eq!(most("double"), None);
    }
}
