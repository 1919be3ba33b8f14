//! A subscription: how far its target is, and what it does not carry.
//!
//! Three places tell how far the target is. What the subscriber has confirmed ([`Source`]) is certain and comes late:
//! on a quiet server only every `wal_receiver_status_interval`. The origin of the replication ([`Target`]) is exact as
//! soon as a transaction is applied, and is moved a moment before that can be seen; so it counts only when the worker
//! that applies is between two transactions, and none that was prepared waits for its end. The marker that was sent before the look makes it move.
//!
//! Source of the queries: PostgreSQL's documentation, "Monitoring" and "System Catalogs" (`pg_replication_slots`,
//! `pg_subscription`, `pg_subscription_rel`, `pg_stat_subscription`, `pg_replication_origin_status`).

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::Postgres;
use super::asking::Asking as _;
use super::carried::{published, subscribed};
use super::connection::Problem;
use super::patience::{Gauge, patiently};
use super::traps::{self, Between};
use super::wal::{self, Lsn, lsn};
use crate::counts::counted;
use crate::databases::link::LinkKind;
use crate::databases::{Answer, Asked, Error, Found, Lag, Link, Position, Unit};
use crate::plan::model::Trap;

/// The line in the table of links.
pub(in crate::databases) const LINK: LinkKind = LinkKind {
    kind: "postgres_logical",
    join: |ends| {
        let name = ends.name.clone();
        let (from, to) = ends.of::<Postgres>("postgres_logical")?;
        let slot = name.ok_or_else(|| {
            Error::broken(&*to.server.name, "a subscription is known by its slot", "write slot = \"…\"")
        })?;
        Ok(Arc::new(Subscription { from, to, slot }))
    },
};

/// A worker that is younger than this and has failed before is one that fails and starts again.
const YOUNG: &str = "15 seconds";

#[derive(Debug)]
struct Subscription {
    from: Arc<Postgres>,
    to: Arc<Postgres>,
    slot: String,
}

/// What the source knows.
struct Source {
    end: Lsn,
    /// The slot, if it is there.
    slot: Option<Slot>,
    /// How long changes take to be applied, where the server knows.
    late_ms: Option<u64>,
}

struct Slot {
    /// Somebody reads from it.
    active: bool,
    /// What the subscriber has confirmed.
    confirmed: Option<Lsn>,
    /// The log that it needs is gone.
    lost: bool,
}

/// What the target knows.
struct Target {
    /// The subscription's name.
    name: String,
    /// What has been applied, and can be seen.
    applied: Option<Lsn>,
    /// Why nothing is applied.
    stopped: Option<String>,
    /// A table is still being copied: the position passes over what belongs into it.
    copying: bool,
    /// What its worker has received, while there is one.
    received: Option<Lsn>,
    /// There is a worker.
    works: bool,
}

impl Target {
    /// What it has confirmed of the slot. A worker confirms nothing that it has not received: what is further on was
    /// confirmed since the target was looked at, or by somebody else.
    fn confirmed(&self, slot: Option<&Slot>) -> Option<Lsn> {
        let confirmed = slot?.confirmed?;
        (!self.works || self.received.is_some_and(|received| confirmed <= received)).then_some(confirmed)
    }
}

impl Subscription {
    async fn target(&self) -> Result<Target, Error> {
        self.to.ask("reading the subscription", async |client| target(client, &self.slot).await).await
    }

    async fn source(&self, subscription: &str) -> Result<Source, Error> {
        self.from.ask("reading the slot", async |client| source(client, &self.slot, subscription).await).await
    }
}

impl Gauge for Subscription {
    fn limit(&self) -> Duration {
        self.to.timeout
    }

    async fn look(&self) -> Result<Lag, Error> {
        // The target first: what happens between the two looks may only make the lag look larger.
        let target = self.target().await?;
        let source = self.source(&target.name).await?;
        let confirmed = target.confirmed(source.slot.as_ref());
        let stopped = match &source.slot {
            None => Some(format!(
                "slot {} is gone at {}: what was written since cannot be followed any more",
                self.slot, self.from.server.name
            )),
            Some(Slot { lost: true, .. }) => Some(format!(
                "slot {} has lost the log that it needs: the copy has to be made anew",
                self.slot
            )),
            Some(slot) => target
                .stopped
                .or_else(|| (!slot.active).then(|| format!("nobody reads from slot {}", self.slot))),
        };
        // Of another server's log nothing can be said, whatever it is that has arrived.
        if let Some(beyond) = target.applied.max(target.received).filter(|place| place.is_past(source.end)) {
            let why = format!(
                "it has come to {}, and the log of {} ends at {}",
                beyond.position(),
                self.from.server.name,
                source.end.position()
            );
            let next = "it follows another server, or that one was set back: look where the subscription connects to";
            return Err(Error::broken(&*self.to.server.name, why, next));
        }
        let Some(applied) = target.applied.max(confirmed) else {
            let why = stopped.unwrap_or_else(|| "nothing is confirmed yet".to_owned());
            return Err(Error::broken(&*self.to.server.name, why, "look at the subscription there"));
        };
        // Zero would be false while a table is being copied, however far the position is.
        let behind = source.end.ahead_of(applied).max(u64::from(target.copying));
        Ok(Lag {
            behind,
            unit: Unit::Bytes,
            source: source.end.position(),
            target: applied.position(),
            stopped,
            late_ms: source.late_ms,
        })
    }
}

impl Link for Subscription {
    fn lag(&self) -> Answer<'_, Lag> {
        Box::pin(patiently(self))
    }

    fn reached(&self, position: &Position) -> Answer<'_, bool> {
        let wanted = self.to.place_of(position);
        Box::pin(async move {
            let wanted = wanted?;
            let target = self.target().await?;
            if target.copying {
                return Ok(false);
            }
            if target.applied.is_some_and(|applied| applied >= wanted) {
                return Ok(true);
            }
            let source = self.source(&target.name).await?;
            let confirmed = target.confirmed(source.slot.as_ref());
            Ok(confirmed.is_some_and(|confirmed| confirmed >= wanted))
        })
    }

    fn gaps<'a>(&'a self, except: &'a [String]) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let (mut gaps, arriving) = self
                .to
                .ask("reading what is subscribed", async |client| subscribed(client, &self.slot).await)
                .await?;
            let publications = arriving.publications.clone();
            let published = self
                .from
                .ask("reading what is published", async |client| published(client, &publications).await)
                .await?;
            let travels = |name: &str| !except.iter().any(|e| e == name);
            gaps.extend(published.gaps.iter().map(|gap| format!("{} {}", gap.object, gap.harm)));
            for table in published.not.iter().filter(|name| travels(name)) {
                gaps.push(format!("table {table} is not published"));
            }
            for table in published.tables.iter().filter(|name| travels(name)) {
                if !arriving.tables.contains(table) {
                    let refresh = format!("alter subscription {} refresh publication", arriving.name);
                    gaps.push(format!("table {table} is published and not subscribed: {refresh}"));
                }
            }
            Ok(gaps)
        })
    }

    fn trap<'a>(&'a self, trap: Trap, asked: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(traps::look((&self.from, &self.to), Between::Subscription(&self.slot), trap, asked))
    }
}

async fn target(client: &Client, slot: &str) -> Result<Target, Problem> {
    // Workers that apply a part for another one (servers from 16 on) come and go with the transactions.
    let sql = format!(
        "select s.oid, s.subname::text, s.subenabled, w.pid,
           coalesce(a.backend_start > clock_timestamp() - interval '{YOUNG}', false),
           pg_has_role(current_user, 'pg_read_all_stats', 'usage')
             and has_table_privilege('pg_catalog.pg_replication_origin_status', 'select')
             and has_function_privilege('pg_catalog.pg_show_replication_origin_status()', 'execute'),
           exists (select from pg_subscription_rel r where r.srsubid = s.oid and r.srsubstate <> 'r'),
           w.received_lsn::text
         from pg_subscription s left join pg_stat_subscription w on w.subid = s.oid and w.relid is null
             and to_jsonb(w) ->> 'leader_pid' is null
           left join pg_stat_activity a on a.pid = w.pid
         where s.subslotname = $1 and s.subdbid = (select oid from pg_database where datname = current_database())
         order by s.subname, w.pid"
    );
    let rows = client.rows(&sql, &[&slot]).await?;
    let Some(row) = rows.first() else {
        return Err(Problem::broken(
            format!("it has no subscription with the slot {slot}"),
            "look whether it was dropped, or another slot was set",
        ));
    };
    // A slot's name is one server's own. Nothing that anybody may read says which of them follows this source.
    for other in &rows {
        let (first, other): (&str, &str) = (row.try_get(1)?, other.try_get(1)?);
        if first != other {
            return Err(Problem::broken(
                format!("its subscriptions {first} and {other} both have a slot {slot}"),
                "give the slot of this link a name of its own",
            ));
        }
    }
    let (oid, name, enabled, pid): (u32, String, bool, Option<i32>) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let (young, may, copying): (bool, bool, bool) = (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
    let errors = errors(client, oid).await?;
    let stopped = if !enabled {
        Some(format!("subscription {name} is disabled"))
    } else if pid.is_none() {
        Some(match errors {
            0 => format!("no worker applies subscription {name}"),
            n => format!(
                "the worker of subscription {name} has failed {}: its server's log says why",
                counted(n.unsigned_abs(), "time", "times")
            ),
        })
    } else if young && errors > 0 {
        Some(format!(
            "the worker of subscription {name} fails and starts again ({}): its server's log says why",
            counted(errors.unsigned_abs(), "time", "times")
        ))
    } else {
        None
    };
    let applied = if may { applied(client, oid).await? } else { None };
    let received: Option<String> = row.try_get(7)?;
    let received = received.as_deref().map(lsn).transpose()?;
    Ok(Target { name, applied, stopped, copying, received, works: pid.is_some() })
}

/// How often applying has failed; servers before 15 do not count that.
pub(super) async fn errors(client: &Client, subscription: u32) -> Result<i64, Problem> {
    let there = "select to_regclass('pg_catalog.pg_stat_subscription_stats') is not null";
    if !client.row(there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let sql =
        "select coalesce(sum(apply_error_count), 0)::bigint from pg_stat_subscription_stats where subid = $1";
    Ok(client.row(sql, &[&subscription]).await?.try_get(0)?)
}

/// What has been applied, unless a transaction is just being applied: the origin moves before it can be seen.
async fn applied(client: &Client, subscription: u32) -> Result<Option<Lsn>, Problem> {
    let origin =
        "select remote_lsn::text from pg_replication_origin_status where external_id = 'pg_' || $1::oid";
    // What was prepared is committed by a worker that has no transaction of its own then; it is named after its subscription.
    let busy = "select coalesce(bool_or(a.backend_xid is not null), false)
                  or exists (select from pg_prepared_xacts where starts_with(gid, 'pg_gid_' || $1::oid || '_'))
                from pg_stat_subscription w join pg_stat_activity a on a.pid = w.pid where w.subid = $1";
    // The server takes one after the other, and nobody waits between the two.
    let (origin, busy) = tokio::try_join!(biased;
        async { client.row_if_any(origin, &[&subscription]).await },
        async { client.row(busy, &[&subscription]).await }
    )?;
    let Some(row) = origin else { return Ok(None) };
    if busy.try_get(0)? {
        return Ok(None);
    }
    let text: Option<String> = row.try_get(0)?;
    text.as_deref().map(lsn).transpose()
}

async fn source(client: &Client, slot: &str, subscription: &str) -> Result<Source, Problem> {
    let sql = "select active, confirmed_flush_lsn::text, coalesce(wal_status = 'lost', false)
               from pg_replication_slots where slot_name = $1 and database = current_database()";
    let late = "select (extract(epoch from max(replay_lag)) * 1000)::bigint from pg_stat_replication
                where application_name = $1";
    // One upon the other, without a wait between. The end comes last: what is confirmed lies before it.
    let (found, late, end) = tokio::try_join!(biased;
        async { Ok(client.row_if_any(sql, &[&slot]).await?) },
        async { Ok(client.row(late, &[&subscription]).await?) },
        wal::end(client)
    )?;
    let late: Option<i64> = late.try_get(0)?;
    let slot = found
        .map(|row| {
            let confirmed: Option<String> = row.try_get(1)?;
            Ok::<_, Problem>(Slot {
                active: row.try_get(0)?,
                confirmed: confirmed.as_deref().map(lsn).transpose()?,
                lost: row.try_get(2)?,
            })
        })
        .transpose()?;
    Ok(Source { end, slot, late_ms: late.and_then(|ms| u64::try_from(ms).ok()) })
}
