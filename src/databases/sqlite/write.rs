//! The few writes that cutover makes itself: markers, a plan's statements, and the one that is rolled back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::census;
use super::convention::{self, FENCED, MARKERS, NOW_MS};
use super::{Error, ProbeWrite, Problem};
use crate::clock::Timestamp;
use crate::databases::{Done, Sequence};

pub(super) const PROBE: &str = "a write that is rolled back";

pub(super) fn marker(conn: &mut Connection, id: &str) -> Result<Timestamp, Problem> {
    let sql = format!(
        "insert into {MARKERS} (id, made_ms) values (?1, {NOW_MS})
         on conflict (id) do update set made_ms = excluded.made_ms returning made_ms"
    );
    Ok(Timestamp(conn.query_row(&sql, [id], |row| row.get(0))?))
}

/// Tries one statement in a session like any application's, and rolls back statement and session.
///
/// Session and statement share one transaction: nothing is left in the list when cutover dies meanwhile.
pub(super) fn probe(
    conn: &mut Connection,
    name: &str,
    timeout: Duration,
    sql: &str,
    account: &str,
) -> Result<ProbeWrite, Problem> {
    conn.execute_batch("begin immediate")?;
    let (_, read_only) = convention::enter(conn, "cutover probe", "cutover", account)?;
    conn.pragma_update(None, "query_only", read_only)?;
    let outcome = within_transaction(conn, |conn| {
        let mut statement = conn.prepare(sql)?;
        if statement.readonly() {
            return Err(Problem::Said(Error::broken(
                name,
                "the probe's statement writes nothing, so it proves nothing",
                "give it an insert, update or delete of a table that the application writes",
            )));
        }
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    })?;
    conn.execute_batch("rollback")?;
    match outcome.map_err(|problem| problem.explained(name, PROBE, timeout)) {
        Ok(()) => Ok(ProbeWrite::Succeeded),
        Err(Error::Refused { code, message, .. }) => {
            let by_fence = message == FENCED || (read_only && code == "SQLITE_READONLY");
            Ok(ProbeWrite::Refused { code, message, by_fence })
        }
        Err(e) => Err(Problem::Said(e)),
    }
}

/// Runs statements in one transaction. A fence holds for them too; it cannot be set in the middle, since
/// that needs the lock that this transaction has.
pub(super) fn statement(conn: &mut Connection, name: &str, sql: &str) -> Result<Done, Problem> {
    conn.execute_batch("begin immediate")?;
    if census::stands(conn)? {
        return Err(Problem::Said(Error::Refused {
            what: name.to_owned(),
            doing: "a statement".to_owned(),
            code: "SQLITE_READONLY".to_owned(),
            message: FENCED.to_owned(),
        }));
    }
    let before = conn.total_changes();
    within_transaction(conn, |conn| Ok(conn.execute_batch(sql)?))??;
    let rows = conn.total_changes() - before;
    conn.execute_batch("commit")?;
    Ok(Done { rows })
}

/// Moves the last keys of tables on.
pub(super) fn move_on(
    conn: &mut Connection,
    name: &str,
    beyond: &[Sequence],
    margin: u64,
) -> Result<u64, Problem> {
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut moved = 0;
    for sequence in beyond {
        let Some(last) = sequence.last else { continue };
        let there =
            "select 1 from sqlite_schema where type = 'table' and name = ?1 and sql like '%autoincrement%'";
        if !tx.prepare(there)?.exists([&sequence.name])? {
            return Err(Problem::Said(Error::broken(
                name,
                format!("it has no sequence {}", sequence.name),
                "make its table as it is on the other side",
            )));
        }
        let wanted = last.saturating_add(i64::try_from(margin).unwrap_or(i64::MAX));
        let updated = tx.execute(
            "update sqlite_sequence set seq = ?2 where name = ?1 and seq < ?2",
            rusqlite::params![sequence.name, wanted],
        )?;
        let added = tx.execute(
            "insert into sqlite_sequence (name, seq) select ?1, ?2
             where not exists (select 1 from sqlite_sequence where name = ?1)",
            rusqlite::params![sequence.name, wanted],
        )?;
        moved += (updated + added) as u64;
    }
    tx.commit()?;
    Ok(moved)
}

/// Runs a plan's SQL so that it cannot leave the transaction it is in: it may not commit, attach another
/// file, or change a setting. The outer error is a failure to set that up.
fn within_transaction<T>(
    conn: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, Problem>,
) -> Result<Result<T, Problem>, Problem> {
    let escaped = Arc::new(AtomicBool::new(false));
    let noticed = Arc::clone(&escaped);
    conn.authorizer(Some(move |context: AuthContext<'_>| match context.action {
        AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Pragma { .. } => {
            noticed.store(true, Ordering::Relaxed);
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }))?;
    let outcome = work(conn);
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    if outcome.is_err() && escaped.load(Ordering::Relaxed) {
        return Err(Problem::Said(Error::broken(
            conn.path().unwrap_or_default(),
            "the statement begins or ends a transaction, attaches a file or sets a pragma",
            "leave that out: it runs in one transaction of its own",
        )));
    }
    Ok(outcome)
}
