//! The log and who reads it: slots without a consumer, and room for one more.
//!
//! Source: PostgreSQL's documentation, `pg_replication_slots`, "Logical Replication", "Configuration Settings".

use super::{Pair, Side, in_sql, number};
use crate::databases::postgres::sql::literal;
use crate::databases::{Error, Found};

/// A server of this version can have a slot on its standby too.
const FAILOVER: i64 = 170_000;

const SLOTS: &str = "
select slot_name::text, slot_type, active::text, coalesce(wal_status, ''),
  coalesce(pg_size_pretty(pg_wal_lsn_diff(
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end, restart_lsn)), '')
from pg_replication_slots
where not temporary and not (plugin is not distinct from 'test_decoding' and slot_name ~ '^cutover_') order by 1";

pub(super) async fn slots(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (here, there) = pair.both::<5>(SLOTS, &[]).await?;
    let mut found = of(pair.from.name(), &here);
    // The way back waits for its consumer until the switch.
    let waits = |name: &str| pair.asked.back.as_deref() == Some(name);
    let there: Vec<[String; 5]> = there.into_iter().filter(|[name, ..]| !waits(name)).collect();
    found.extend(of(pair.to.name(), &there));
    if !pair.is_standby() {
        return Ok(found);
    }
    let [version] = pair.from.one("select current_setting('server_version_num')", &[]).await?;
    for [name, kind, ..] in here {
        if kind == "logical" && !there.iter().any(|[slot, ..]| *slot == name) {
            let mend = if number(&version) >= FAILOVER {
                "make it with failover = true, and set sync_replication_slots there"
            } else {
                "make it there once it is promoted, before its first write"
            };
            found.push(Found::new(
                format!("slot {name}"),
                format!("does not exist on {}: its consumer loses its place in the log", pair.to.name()),
                mend,
            ));
        }
    }
    Ok(found)
}

fn of(at: &str, slots: &[[String; 5]]) -> Vec<Found> {
    let mut found = Vec::new();
    for [name, _, active, status, held] in slots {
        let object = format!("slot {name} at {at}");
        let drop = format!("select pg_drop_replication_slot({})", literal(name));
        if status == "lost" {
            found.push(Found::new(
                object,
                "has lost the log that it needs: its consumer cannot go on",
                format!("{drop}, and make its copy anew"),
            ));
        } else if status == "unreserved" {
            found.push(Found::new(
                object,
                "is about to lose the log that it needs",
                "let its consumer catch up now, and raise max_slot_wal_keep_size",
            ));
        } else if active == "false" && !held.is_empty() {
            found.push(Found::new(
                object,
                format!("has no consumer and holds {held} of log: it can fill the disk"),
                format!("start what reads from it, or {drop}"),
            ));
        }
    }
    found
}

/// What a side has, and what of it is taken: as whoever sends, and as whoever applies.
const ROOM: &str = "
select current_setting('wal_level'),
  current_setting('max_replication_slots'), (select count(*)::text from pg_replication_slots),
  current_setting('max_wal_senders'), (select count(*)::text from pg_stat_replication),
  current_setting('max_logical_replication_workers'), (select count(*)::text from pg_stat_subscription where pid is not null),
  coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots')),
  (select count(*)::text from pg_replication_origin)";

pub(super) async fn capacity(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let mut found = sender(pair.from).await?;
    found.extend(applier(pair.to).await?);
    if pair.asked.back.is_some() {
        found.extend(sender(pair.to).await?);
        found.extend(applier(pair.from).await?);
    }
    Ok(found)
}

async fn sender(side: Side<'_>) -> Result<Vec<Found>, Error> {
    let [level, slots, slots_used, senders, senders_used, ..] = side.one::<9>(ROOM, &[]).await?;
    let mut found = Vec::new();
    if level != "logical" {
        found.push(Found::new(
            format!("wal_level at {}", side.name()),
            format!("is {level}: its log cannot be followed by a subscription"),
            "alter system set wal_level = logical, and restart",
        ));
    }
    found.extend(full(side, "max_replication_slots", "slot", &slots, &slots_used));
    found.extend(full(side, "max_wal_senders", "sender", &senders, &senders_used));
    Ok(found)
}

async fn applier(side: Side<'_>) -> Result<Vec<Found>, Error> {
    let [_, _, _, _, _, workers, workers_used, origins, origins_used] = side.one::<9>(ROOM, &[]).await?;
    let mut found = Vec::new();
    found.extend(full(side, "max_logical_replication_workers", "worker", &workers, &workers_used));
    found.extend(full(side, "max_replication_slots", "origin", &origins, &origins_used));
    Ok(found)
}

fn full(side: Side<'_>, setting: &str, what: &str, all: &str, used: &str) -> Option<Found> {
    (number(used) >= number(all)).then(|| {
        Found::new(
            format!("{setting} at {}", side.name()),
            format!("is {all}, and {used} are used: there is no {what} left for a link to come back by"),
            format!("alter system set {} = {}, and restart", in_sql(setting), number(all).saturating_add(4)),
        )
    })
}
