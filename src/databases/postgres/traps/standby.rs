//! A standby: what makes it stop, lose its place, or break off what reads from it.
//!
//! Source: PostgreSQL's documentation, "Hot Standby", "Administrator's Overview" (which settings must not be smaller than
//! the primary's), "Standby Servers", "Replication Slots", "Handling Query Conflicts".

use super::{Pair, by_name, number};
use crate::databases::postgres::sql::literal;
use crate::databases::{Error, Found};

/// A standby with less of one of these stops replaying.
const NOT_SMALLER: &[&str] = &[
    "max_connections",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_wal_senders",
    "max_worker_processes",
];

pub(super) async fn settings(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = "select name, setting from pg_settings where name = any($1) order by 1";
    let (here, there) = pair.both::<2>(sql, &[&NOT_SMALLER]).await?;
    let there = by_name(there);
    let (source, target) = (pair.from.name(), pair.to.name());
    let mut found = Vec::new();
    for [name, own] in here {
        let Some([_, theirs]) = there.get(&name) else { continue };
        if number(theirs) < number(&own) {
            found.push(Found::new(
                format!("setting {name} on {target}"),
                format!("is {theirs}, smaller than {own} at {source}: the standby stops replaying"),
                format!("set {name} = {own} on the standby, and restart it"),
            ));
        }
    }
    Ok(found)
}

/// Without a slot the primary removes log at the next checkpoint, whether its standby has it or not. The slot must be
/// the one that this standby names.
pub(super) async fn slot(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (source, target) = (pair.from.name(), pair.to.name());
    let [name] = pair.to.one("select current_setting('primary_slot_name')", &[]).await?;
    if name.is_empty() {
        return Ok(vec![Found::new(
            format!("standby {target}"),
            format!("has no slot at {source}: log that it has not read yet may be removed there"),
            "select pg_create_physical_replication_slot('…') at the primary, set primary_slot_name on the standby",
        )]);
    }
    // One that is there and not in use is told among the slots without a consumer.
    let sql =
        "select slot_name::text from pg_replication_slots where slot_name = $1 and slot_type = 'physical'";
    if !pair.from.texts::<1>(sql, &[&name]).await?.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Found::new(
        format!("slot {name}"),
        format!("is named by {target} and does not exist at {source}: log may be removed there"),
        format!("select pg_create_physical_replication_slot({}) at {source}", literal(&name)),
    )])
}

/// Every comparison of rows reads long. Where the primary does not know of it, the rows that it reads are cleaned away
/// there, and the standby breaks it off.
pub(super) async fn conflicts(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let sql = "select current_setting('hot_standby_feedback'),
                 (select setting from pg_settings where name = 'max_standby_streaming_delay')";
    let [feedback, delay] = pair.to.one(sql, &[]).await?;
    if feedback == "on" || number(&delay) < 0 {
        return Ok(Vec::new());
    }
    Ok(vec![Found::new(
        format!("hot_standby_feedback on {}", pair.to.name()),
        format!(
            "is off: what reads for longer than {} s may be broken off, a comparison of rows too",
            number(&delay) / 1000
        ),
        "alter system set hot_standby_feedback = on there, then select pg_reload_conf()",
    )])
}
