//! A standby: how far it has replayed, and what does not reach it.
//!
//! Source of the queries: PostgreSQL's documentation, "Recovery Information Functions", `pg_stat_wal_receiver`.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::Postgres;
use super::asking::Asking as _;
use super::connection::Problem;
use super::patience::{Gauge, patiently};
use super::sql::EVERY_TABLE;
use super::traps::{self, Between};
use super::wal::{self, Lsn, lsn};
use crate::databases::link::LinkKind;
use crate::databases::{Answer, Asked, Error, Found, Lag, Link, Position, Unit};
use crate::plan::model::Trap;

/// The line in the table of links.
pub(in crate::databases) const LINK: LinkKind = LinkKind {
    kind: "postgres_streaming",
    join: |ends| {
        let (from, to) = ends.of::<Postgres>("postgres_streaming")?;
        Ok(Arc::new(Standby { from, to }))
    },
};

#[derive(Debug)]
struct Standby {
    from: Arc<Postgres>,
    to: Arc<Postgres>,
}

/// What the standby says of itself.
struct Replay {
    system: String,
    replayed: Option<Lsn>,
    stopped: Option<String>,
    late_ms: Option<u64>,
    /// The timeline that it receives, while it receives.
    timeline: Option<u32>,
}

/// What the source says of itself.
struct Log {
    system: String,
    end: Lsn,
    standby: bool,
    /// The timeline that it writes; none while it is a standby.
    timeline: Option<u32>,
}

impl Standby {
    async fn replay(&self) -> Result<Replay, Error> {
        self.to.ask("reading what is replayed", async |client| replay(client).await).await
    }
}

impl Gauge for Standby {
    fn limit(&self) -> Duration {
        self.to.timeout
    }

    async fn look(&self) -> Result<Lag, Error> {
        // The standby first: what happens between the two looks may only make the lag look larger.
        let replay = self.replay().await?;
        let log = self.from.ask("reading the end of the log", async |client| log(client).await).await?;
        let (name, source) = (&self.to.server.name, &self.from.server.name);
        if log.system != replay.system {
            let why = format!("it is no copy of {source}: their systems differ");
            return Err(Error::broken(&**name, why, "check that these two are the ends of one link"));
        }
        // After a promotion there are two logs of one system, and places in the one say nothing about the other.
        if let (Some(received), Some(written)) = (replay.timeline, log.timeline)
            && received != written
        {
            let why = format!("it follows timeline {received}, and {source} writes timeline {written}");
            return Err(Error::broken(
                &**name,
                why,
                "look which server was promoted, and whom this one follows",
            ));
        }
        let Some(replayed) = replay.replayed else {
            return Err(Error::broken(
                &**name,
                "it has replayed nothing",
                "let it begin to follow its source",
            ));
        };
        if replayed.is_past(log.end) {
            let (replayed, end) = (replayed.position(), log.end.position());
            let why = format!("it has replayed up to {replayed}, and the log of {source} ends at {end}");
            return Err(Error::broken(&**name, why, "it follows another server, or that one was set back"));
        }
        Ok(Lag {
            behind: log.end.ahead_of(replayed),
            unit: Unit::Bytes,
            source: log.end.position(),
            target: replayed.position(),
            stopped: replay.stopped.or_else(|| {
                log.standby.then(|| format!("{source} is a standby itself, and takes no writes"))
            }),
            late_ms: replay.late_ms,
        })
    }
}

impl Link for Standby {
    fn lag(&self) -> Answer<'_, Lag> {
        Box::pin(patiently(self))
    }

    fn reached(&self, position: &Position) -> Answer<'_, bool> {
        let wanted = self.to.place_of(position);
        Box::pin(async move {
            let wanted = wanted?;
            Ok(self.replay().await?.replayed.is_some_and(|replayed| replayed >= wanted))
        })
    }

    fn gaps<'a>(&'a self, except: &'a [String]) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let sql = format!(
                "select format('%s.%s', n.nspname, c.relname) from {EVERY_TABLE} and c.relpersistence = 'u' order by 1"
            );
            let unlogged = self
                .from
                .ask("looking for what is not logged", async |client| {
                    let rows = client.rows(&sql, &[]).await?;
                    rows.iter()
                        .map(|row| Ok(row.try_get::<_, String>(0)?))
                        .collect::<Result<Vec<_>, Problem>>()
                })
                .await?;
            let travels = |name: &&String| !except.iter().any(|e| e == *name);
            Ok(unlogged
                .iter()
                .filter(travels)
                .map(|table| format!("table {table} is unlogged: its rows do not reach the standby"))
                .collect())
        })
    }

    fn trap<'a>(&'a self, trap: Trap, asked: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(traps::look((&self.from, &self.to), Between::Standby, trap, asked))
    }
}

async fn log(client: &Client) -> Result<Log, Problem> {
    // A file of the log is called after its timeline first. A checkpoint would say it later.
    let sql = "select system_identifier::text, pg_is_in_recovery(),
                 case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) end
               from pg_control_system()";
    let row = client.row(sql, &[]).await?;
    let timeline: Option<&str> = row.try_get(2)?;
    let timeline = timeline.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let (system, standby) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Log { system, end: wal::end(client).await?, standby, timeline })
}

async fn replay(client: &Client) -> Result<Replay, Problem> {
    let sql = "select s.system_identifier::text, pg_is_in_recovery(), pg_last_wal_replay_lsn()::text,
                 case when pg_is_in_recovery() then pg_is_wal_replay_paused() end,
                 w.pid is not null,
                 case when pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() then
                   (extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint end,
                 w.received_tli
               from pg_control_system() s left join pg_stat_wal_receiver w on true";
    let row = client.row(sql, &[]).await?;
    let (standby, text): (bool, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
    let (paused, receives): (Option<bool>, bool) = (row.try_get(3)?, row.try_get(4)?);
    // The time of the last transaction says nothing while nothing comes: it is told only while something is on its way.
    let late: Option<i64> = row.try_get(5)?;
    let stopped = if !standby {
        Some("it is no standby any more: it was promoted, or never was one")
    } else if paused == Some(true) {
        Some("its replay is paused: select pg_wal_replay_resume()")
    } else if !receives {
        Some("it receives nothing: no WAL receiver is running")
    } else {
        None
    };
    let timeline: Option<i32> = row.try_get(6)?;
    if receives && timeline.is_none() {
        return Err(Problem::broken(
            "the account may not see which timeline it receives, and the other's positions may look alike",
            "grant pg_read_all_stats to it",
        ));
    }
    Ok(Replay {
        system: row.try_get(0)?,
        replayed: text.as_deref().map(lsn).transpose()?,
        stopped: stopped.map(str::to_owned),
        late_ms: late.and_then(|ms| u64::try_from(ms).ok()),
        timeline: timeline.and_then(|n| u32::try_from(n).ok()),
    })
}
