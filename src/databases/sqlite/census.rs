//! The fence of an SQLite database, and who stands on which side of it.
//!
//! The database knows nothing of fences: `cutover_state` says how it stands, the client library
//! ([`super::convention::open_session`]) keeps to it, and the triggers of the convention enforce the seal.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::Problem;
use super::convention::{self, NOW_MS};
use crate::clock::Timestamp;
use crate::databases::{Census, Error, Fence, FenceSpec, FenceState, Seal, SessionId, SessionInfo};

pub(super) fn state(conn: &Connection) -> rusqlite::Result<FenceState> {
    conn.query_row("select fence, since_ms, fence_seq from cutover_state", [], |row| {
        let fence = match row.get_ref(0)?.as_str()? {
            "open" => Fence::Open,
            "fenced" => Fence::Fenced,
            // The column's check leaves nothing else.
            _ => Fence::Sealed,
        };
        let since: i64 = row.get(1)?;
        let at = convention::at(row.get(2)?);
        Ok(FenceState {
            fence,
            since: (since > 0).then_some(Timestamp(since)),
            at: (fence != Fence::Open).then_some(at),
        })
    })
}

/// One consistent look: the state and the sessions of one moment.
pub(super) fn take(conn: &mut Connection, spec: &FenceSpec) -> Result<Census, Problem> {
    let tx = conn.transaction()?;
    Ok(Census { state: state(&tx)?, sessions: sessions(&tx, spec)? })
}

fn sessions(conn: &Connection, spec: &FenceSpec) -> rusqlite::Result<Vec<SessionInfo>> {
    let sql = "select s.id, s.name, s.application, s.account, s.opened_ms, s.last_write_ms,
                 s.last_statement, s.writes, s.end_requested, st.fence <> 'open' and s.epoch < st.epoch
               from cutover_session s, cutover_state st where s.ended_ms is null order by s.id";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let (name, account): (String, String) = (row.get(1)?, row.get(3)?);
        Ok(SessionInfo {
            id: SessionId(row.get::<_, i64>(0)?.to_string()),
            spared: spec.spare.contains(&name) || spec.spare.contains(&account),
            name,
            application: row.get(2)?,
            account,
            client: None,
            passes: None,
            since: Timestamp(row.get(4)?),
            last_write: row.get::<_, Option<i64>>(5)?.map(Timestamp),
            last_statement: row.get(6)?,
            writes: row.get(7)?,
            ending: row.get(8)?,
            older: row.get(9)?,
        })
    })?;
    rows.collect()
}

pub(super) fn end(conn: &mut Connection, id: &SessionId) -> Result<bool, Problem> {
    // A number of another database's making is a session that is not here.
    let Ok(number) = id.0.parse::<i64>() else {
        return Ok(false);
    };
    let sql = "update cutover_session set end_requested = 1 where id = ?1 and ended_ms is null";
    Ok(conn.execute(sql, [number])? > 0)
}

pub(super) fn fence(conn: &mut Connection) -> Result<FenceState, Problem> {
    let sql = format!(
        "update cutover_state set fence = 'fenced', epoch = epoch + 1, since_ms = {NOW_MS},
           fence_seq = (select coalesce(max(seq), 0) from cutover_change)
         where fence = 'open'"
    );
    change_state(conn, &sql)
}

pub(super) fn lift(conn: &mut Connection) -> Result<FenceState, Problem> {
    let sql = format!("update cutover_state set fence = 'open', since_ms = {NOW_MS} where fence <> 'open'");
    change_state(conn, &sql)
}

fn change_state(conn: &mut Connection, sql: &str) -> Result<FenceState, Problem> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute(sql, [])?;
    let state = state(&tx)?;
    tx.commit()?;
    Ok(state)
}

/// One transaction: no session can come or write between the look and the seal.
pub(super) fn seal_if_quiet(conn: &mut Connection, spec: &FenceSpec) -> Result<Seal, Problem> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = state(&tx)?;
    if before.fence == Fence::Open {
        return Err(Problem::Said(Error::Refused {
            what: name(&tx),
            doing: "sealing".to_owned(),
            code: "OPEN".to_owned(),
            message: "it is open for writes: fence it first".to_owned(),
        }));
    }
    let mut left = sessions(&tx, spec)?;
    left.retain(|session| session.older);
    if !left.is_empty() {
        return Ok(Seal::NotYet(left));
    }
    tx.execute("update cutover_state set fence = 'sealed'", [])?;
    tx.commit()?;
    Ok(Seal::Sealed(FenceState { fence: Fence::Sealed, ..before }))
}

fn name(conn: &Connection) -> String {
    super::name_of(std::path::Path::new(conn.path().unwrap_or_default()))
}

/// Whether a fence stands, for a transaction that may have to stay outside.
pub(super) fn stands(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "select 1 from sqlite_schema where name = 'cutover_state'";
    if conn.query_row(sql, [], |_| Ok(())).optional()?.is_none() {
        return Ok(false);
    }
    conn.query_row("select fence <> 'open' from cutover_state", [], |row| row.get(0))
}
