//! The fence: `default_transaction_read_only` for every session that begins, then triggers that refuse.
//!
//! *Fenced* is a default, which reaches nobody who is connected already and which a session may turn off; so it is
//! *sealed* when nobody older is left: a trigger on each table refuses every statement that writes, whoever makes it,
//! superusers too. Replication passes both: it applies with `session_replication_role = replica`, for which neither
//! holds.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::asking::Asking as _;
use super::connection::{Problem, known, writing};
use super::convention::{PREFIX, SYSTEM};
use super::sql::{EVERY_TABLE, literal, quoted, quoted_table};
use super::{census, wal, writes};
use crate::clock::Timestamp;
use crate::databases::{Fence, FenceSpec, FenceState, Position, Seal};

/// The setting that is the fence.
const READ_ONLY: &str = "default_transaction_read_only";
/// How long a table is waited for before it is sealed at the next look; more than the second after which an automatic
/// vacuum gives way.
const PATIENCE: &str = "2500ms";

/// The fence as it stands: by the database's own setting and triggers, not only by what was written down.
///
/// A standby takes writes from nobody, and what stands in it is its source's: it is sealed whatever that is.
pub(super) async fn state(client: &Client) -> Result<FenceState, Problem> {
    let sql = format!(
        "select f.state, case when isfinite(f.since) then (extract(epoch from f.since) * 1000)::bigint end,
           f.at::text,
           exists (select from pg_db_role_setting s, unnest(s.setconfig) c where s.setdatabase = d.oid and s.setrole = 0
                     and c ~* '^{READ_ONLY}=(on|true|yes|t|y|1)$'),
           not exists (select from {EVERY_TABLE} and not exists (select from pg_trigger t
                         where t.tgrelid = c.oid and t.tgname = '{PREFIX}refuse' and t.tgenabled in ('O', 'A'))),
           pg_is_in_recovery()
         from pg_database d left join cutover.fence f on f.system = {SYSTEM} where d.datname = current_database()"
    );
    let row = client.row(&sql, &[]).await.map_err(known)?;
    let (word, since, at): (Option<String>, Option<i64>, Option<String>) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (closed, refusing, standby): (bool, bool, bool) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let ours = word.as_deref().is_some_and(|word| word != "open");
    if standby {
        let since = since.map(Timestamp).filter(|_| ours);
        let at = Some(wal::end(client).await?.position());
        return Ok(FenceState { fence: Fence::Sealed, since, at });
    }
    let fence = match word.as_deref() {
        Some("sealed") if closed && refusing => Fence::Sealed,
        _ if closed => Fence::Fenced,
        _ => Fence::Open,
    };
    Ok(FenceState {
        since: since.map(Timestamp).filter(|_| ours == (fence != Fence::Open)),
        at: at.map(Position).filter(|_| ours && fence != Fence::Open),
        fence,
    })
}

/// Shuts sessions that begin from now on out of writing.
pub(super) async fn set(client: &mut Client) -> Result<FenceState, Problem> {
    let stands = state(client).await?;
    if stands.fence != Fence::Open && stands.since.is_some() {
        return Ok(stands);
    }
    let mut tx = writing(client).await?;
    // Until the setting is there for everybody, every session counts as older than the fence.
    let sql = format!(
        "insert into cutover.fence as f (system, state, since, at, before, counters)
         select {SYSTEM}, 'fenced', 'infinity', null,
           coalesce((select jsonb_object_agg(coalesce(r.rolname, ''), split_part(c, '=', 2))
             from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
               cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole
             where d.datname = current_database() and c like '{READ_ONLY}=%'), '{{}}'),
           {COUNTERS}
         on conflict (system) do update set state = 'fenced', since = 'infinity', at = null,
           before = case when f.state = 'open' then excluded.before else f.before end,
           counters = case when f.state = 'open' then excluded.counters else f.counters end",
        COUNTERS = writes::COUNTERS,
    );
    tx.execute(&sql, &[]).await.map_err(known)?;
    let database = quoted(&current(&tx).await?);
    tx.batch_execute(&format!("alter database {database} set {READ_ONLY} = on")).await?;
    // An account's own setting is stronger than the database's; the account's in this database is stronger than both.
    // Of whom we may not set it, the sessions pass the fence until it is sealed: the census names them.
    let own = format!(
        "select distinct r.rolname::text from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
           cross join unnest(s.setconfig) c left join pg_database d on d.oid = s.setdatabase
         where c like '{READ_ONLY}=%' and (s.setdatabase = 0 or d.datname = current_database())"
    );
    for row in tx.rows(&own, &[]).await? {
        let role: String = row.try_get(0)?;
        let one = tx.savepoint("role").await?;
        let set = format!("alter role {} in database {database} set {READ_ONLY} = on", quoted(&role));
        match one.batch_execute(&set).await {
            Ok(()) => one.commit().await?,
            Err(why) if why.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => one.rollback().await?,
            Err(why) => return Err(why.into()),
        }
    }
    tx.commit().await?;
    let end = wal::end(client).await?.position();
    let sql = format!(
        "update cutover.fence set since = clock_timestamp(), at = $1::text::pg_lsn where system = {SYSTEM}"
    );
    let tx = writing(client).await?;
    tx.execute(&sql, &[&end.0]).await?;
    tx.commit().await?;
    // Who writes on is then known by name; a table that somebody holds is noted at a later look.
    writes::note_what_is_free(client).await?;
    state(client).await
}

/// Seals when nobody is left who was there before.
pub(super) async fn seal_if_quiet(client: &mut Client, spec: &FenceSpec) -> Result<Seal, Problem> {
    let stands = state(client).await?;
    if stands.fence == Fence::Open {
        return Err(Problem::broken("it is not fenced, so it cannot be sealed", "fence it first"));
    }
    let left: Vec<_> = census::take(client, spec).await?.sessions.into_iter().filter(|s| s.older).collect();
    if !left.is_empty() {
        writes::note_what_is_free(client).await?;
        return Ok(Seal::NotYet(left));
    }
    if stands.fence == Fence::Sealed {
        return Ok(Seal::Sealed(stands));
    }
    let tables = unsealed(client).await?;
    let tx = writing(client).await?;
    tx.batch_execute(&format!("set local lock_timeout = '{PATIENCE}'")).await?;
    for table in tables {
        tx.batch_execute(&format!(
            "drop trigger if exists {PREFIX}refuse on {table};
             create trigger {PREFIX}refuse before insert or update or delete or truncate on {table}
               for each statement execute function cutover.refuse()"
        ))
        .await?;
    }
    let sql = format!("update cutover.fence set state = 'sealed' where system = {SYSTEM}");
    tx.execute(&sql, &[]).await?;
    tx.commit().await?;
    Ok(Seal::Sealed(state(client).await?))
}

/// Lifts the fence, and ends the sessions that are there, of which any may have come up read-only: a pooler would hand them
/// out for hours.
pub(super) async fn lift(client: &mut Client) -> Result<FenceState, Problem> {
    if client.row("select pg_is_in_recovery()", &[]).await?.try_get(0)? {
        return Err(Problem::broken(
            "it is a standby, which takes no writes",
            "promote it first: select pg_promote()",
        ));
    }
    let stood = state(client).await?.fence != Fence::Open;
    let before = format!(
        "select coalesce(f.before, '{{}}')::text
         from (select) one left join cutover.fence f on f.system = {SYSTEM} and f.state <> 'open'"
    );
    let before: String = client.row(&before, &[]).await.map_err(known)?.try_get(0)?;
    let before: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&before).map_err(|why| {
            Problem::broken(format!("what was set before the fence cannot be read: {why}"), "set it by hand")
        })?;
    let ours = triggers(client).await?;
    let tx = writing(client).await?;
    tx.batch_execute(&format!("set local lock_timeout = '{PATIENCE}'")).await?;
    for (table, trigger) in ours {
        tx.batch_execute(&format!("drop trigger if exists {} on {table}", quoted(&trigger))).await?;
    }
    let database = quoted(&current(&tx).await?);
    let sql = format!(
        "select coalesce(r.rolname::text, ''), split_part(c, '=', 2)
         from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
           cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole
         where d.datname = current_database() and c like '{READ_ONLY}=%'"
    );
    for row in tx.rows(&sql, &[]).await? {
        let (role, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        // What stands otherwise at an account by now, somebody else has set, and we may not be allowed to.
        let stood = before.get(&role).and_then(|value| value.as_str());
        if !role.is_empty() && (value != "on" || stood == Some("on")) {
            continue;
        }
        let whose = match role.as_str() {
            "" => format!("alter database {database}"),
            role => format!("alter role {} in database {database}", quoted(role)),
        };
        let back = match stood {
            Some(value) => format!("set {READ_ONLY} = {}", literal(value)),
            None => format!("reset {READ_ONLY}"),
        };
        tx.batch_execute(&format!("{whose} {back}")).await?;
    }
    let sql = format!(
        "update cutover.fence set state = 'open', since = clock_timestamp(), at = null, before = '{{}}', counters = '{{}}'
         where system = {SYSTEM}"
    );
    tx.execute(&sql, &[]).await?;
    tx.commit().await?;
    if stood {
        census::end_all(client).await?;
    }
    state(client).await
}

/// The name of this database.
async fn current(client: &tokio_postgres::Transaction<'_>) -> Result<String, Problem> {
    Ok(client.row("select current_database()::text", &[]).await?.try_get(0)?)
}

/// The tables that do not refuse yet, as they stand in SQL.
async fn unsealed(client: &Client) -> Result<Vec<String>, Problem> {
    let sql = format!(
        "select n.nspname::text, c.relname::text from {EVERY_TABLE} and not exists (select from pg_trigger t
           where t.tgrelid = c.oid and t.tgname = '{PREFIX}refuse' and t.tgenabled in ('O', 'A')) order by 1, 2"
    );
    names(client, &sql).await
}

async fn names(client: &Client, sql: &str) -> Result<Vec<String>, Problem> {
    let rows = client.rows(sql, &[]).await?;
    rows.iter().map(|row| Ok(quoted_table(row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Our triggers: the table as it stands in SQL, and the name. Those of partitions go with their table's.
async fn triggers(client: &Client) -> Result<Vec<(String, String)>, Problem> {
    let sql = format!(
        "select n.nspname::text, c.relname::text, t.tgname::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
           join pg_namespace n on n.oid = c.relnamespace
         where t.tgname like '{PREFIX}%' and not t.tgisinternal and t.tgparentid = 0 order by 1, 2, 3"
    );
    let rows = client.rows(&sql, &[]).await?;
    rows.iter().map(|row| Ok((quoted_table(row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
}
