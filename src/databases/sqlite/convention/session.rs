//! A client's session: entered in the database's own list, read-only when it is opened behind a fence,
//! and ended when somebody asks for it.
//!
//! This is the client library of the convention. A program that opens the file without it has no
//! session; only the seal stops that one.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{NOW_MS, what_of};
use crate::databases::Error;
use crate::databases::problem::Explain as _;
use crate::databases::sqlite::connection::{BUSY, open};

/// A session's number in its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

/// An open session. Dropping it without [`Session::close`] leaves it in the list, as a client that was
/// killed would; [`forget_sessions`] is for the program that knows that its own are gone.
#[derive(Debug)]
pub struct Session {
    conn: Connection,
    id: SessionId,
    read_only: bool,
}

/// Opens a session and enters it in the list with the current epoch.
///
/// # Errors
/// [`Error::NotReachable`] without the file, [`Error::Broken`] without the convention, else as SQLite says.
pub fn open_session(path: &Path, name: &str, application: &str, account: &str) -> Result<Session, Error> {
    let mut conn = open(path)?;
    let what = what_of(&conn);
    let failed = |e: rusqlite::Error| e.explain(&what, "opening a session", BUSY);
    super::required(&conn)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let (id, read_only) = enter(&tx, name, application, account).map_err(failed)?;
    tx.commit().map_err(failed)?;
    conn.pragma_update(None, "query_only", read_only).map_err(failed)?;
    Ok(Session { conn, id, read_only })
}

/// Enters a session in the list; returns its number, and whether it has to come up read-only.
pub(in crate::databases::sqlite) fn enter(
    conn: &Connection,
    name: &str,
    application: &str,
    account: &str,
) -> rusqlite::Result<(SessionId, bool)> {
    let read_only = conn.query_row("select fence <> 'open' from cutover_state", [], |row| row.get(0))?;
    let entry = format!(
        "insert into cutover_session (name, application, account, opened_ms, epoch)
         select ?1, ?2, ?3, {NOW_MS}, epoch from cutover_state"
    );
    conn.execute(&entry, [name, application, account])?;
    Ok((SessionId(conn.last_insert_rowid()), read_only))
}

impl Session {
    /// Its number in the database's list.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whether it came up read-only. Stays so when the fence is lifted: open another.
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// The connection, for reading and for settings. Writes go through [`Session::write`], which records them.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Runs one transaction of writes and records it (`last_write_ms`, `last_statement`, `writes`) with it.
    ///
    /// `statement` says what is done in a few words without values: it stands in the list of sessions.
    ///
    /// # Errors
    /// [`Error::Refused`] when the session is read-only (`SQLITE_READONLY`), was ended (`ENDED`), or the
    /// database is sealed (`SQLITE_CONSTRAINT_TRIGGER`, [`super::FENCED`]). Nothing is written then.
    pub fn write<T>(
        &mut self,
        statement: &str,
        body: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let what = what_of(&self.conn);
        let failed = |e: rusqlite::Error| e.explain(&what, statement, BUSY);
        // A read-only session may not take the write lock: its statements are to fail by themselves.
        let behavior =
            if self.read_only { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
        let tx = self.conn.transaction_with_behavior(behavior).map_err(failed)?;
        if ended(&tx, self.id).map_err(failed)? {
            return Err(Error::Refused {
                what,
                doing: statement.to_owned(),
                code: "ENDED".to_owned(),
                message: "this session was ended".to_owned(),
            });
        }
        let value = body(&tx).map_err(failed)?;
        if !self.read_only {
            let record = format!(
                "update cutover_session set last_write_ms = {NOW_MS}, last_statement = ?2, writes = writes + 1
                 where id = ?1"
            );
            tx.execute(&record, rusqlite::params![self.id.0, statement]).map_err(failed)?;
        }
        tx.commit().map_err(failed)?;
        Ok(value)
    }

    /// Whether somebody asked for its end. Its owner looks every 100 ms or so and then closes it.
    ///
    /// # Errors
    /// As every question to a database: see [`Error`].
    pub fn end_requested(&self) -> Result<bool, Error> {
        ended(&self.conn, self.id)
            .map_err(|e| e.explain(&what_of(&self.conn), "looking for the session's end", BUSY))
    }

    /// Takes it off the list of open sessions and closes the connection.
    ///
    /// # Errors
    /// [`Error`] when the list could not be written; the connection is closed all the same.
    pub fn close(self) -> Result<(), Error> {
        let what = what_of(&self.conn);
        let failed = |e: rusqlite::Error| e.explain(&what, "closing the session", BUSY);
        // Its own entry is the one thing that a read-only session still writes.
        self.conn.pragma_update(None, "query_only", false).map_err(failed)?;
        let entry = format!("update cutover_session set ended_ms = {NOW_MS} where id = ?1");
        self.conn.execute(&entry, [self.id.0]).map_err(failed)?;
        self.conn.close().map_err(|(_, e)| failed(e))
    }
}

/// Also true when the entry is gone: then nobody can see the session, and it may not write unseen.
fn ended(conn: &Connection, id: SessionId) -> rusqlite::Result<bool> {
    let sql = "select not exists (select 1 from cutover_session
               where id = ?1 and end_requested = 0 and ended_ms is null)";
    conn.query_row(sql, [id.0], |row| row.get(0))
}

/// Marks every session as ended, for a program that starts again after it was killed and knows that
/// nobody else has any. Returns how many there were.
///
/// # Errors
/// As every question to a database: see [`Error`].
pub fn forget_sessions(conn: &Connection) -> Result<usize, Error> {
    let sql = format!("update cutover_session set ended_ms = {NOW_MS} where ended_ms is null");
    conn.execute(&sql, []).map_err(|e| e.explain(&what_of(conn), "forgetting old sessions", BUSY))
}
