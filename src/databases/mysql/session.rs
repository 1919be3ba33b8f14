//! One session on a server: what it is, and asking it in SQL.
//!
//! Owns the settings of our sessions and reading answers by the names of their columns, since those of `show` come in another
//! order with every version.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row, Value as Sent};

use super::connection::{Leash, Problem};
use super::grants::Own;

/// No such thread: a session that is gone.
const NO_SUCH_THREAD: u16 = 1094;

/// What a server is asked about itself. Its start is where and how long the statement of one moment says both, so that their
/// difference never wavers.
///
/// Where the figure stands depends on which server it is, and the comments that only one of them reads spare asking that
/// first: MariaDB skips versions from 5.7 on, MySQL skips what has an M (MariaDB's "Comment Syntax").
const ABOUT: &str = "select version(), @@global.server_id, connection_id(),
    cast(unix_timestamp() as signed) - cast(variable_value as signed)
  from /*!50700 performance_schema */ /*M! information_schema */ .global_status where variable_name = 'Uptime'";

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) hello: Hello,
    pub(super) leash: Leash,
    /// The time limit that is set in it.
    pub(super) limit: Duration,
    /// Whose it is and what that account may, with when it was asked for.
    pub(super) own: Option<(Arc<Own>, Instant)>,
}

/// What a server says of itself at the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// The server's number of the connection.
    pub(super) id: u32,
    /// When it started, in seconds since 1970 by its own clock.
    pub(super) started: i64,
    /// It is MariaDB; MySQL otherwise.
    pub(super) mariadb: bool,
    /// Its version in numbers.
    pub(super) version: (u16, u16, u16),
    /// Its version as it writes it.
    pub(super) text: String,
    /// Its number in replication.
    pub(super) server: u32,
}

impl Hello {
    /// Asks, and makes the session one of ours: UTC, autocommit, quotes as [`super::sql::literal`] writes them, and this limit for
    /// each question (see [`Session::limit`]).
    pub(super) async fn read(mut conn: Conn, limit: Duration) -> Result<(Conn, Hello), Problem> {
        let setting = format!(
            "set session time_zone = '+00:00', sql_mode = '', autocommit = 1, group_concat_max_len = 1000000, {}",
            limits(limit)
        );
        let mut answers = conn.query_iter(format!("{setting}; {ABOUT}")).await?;
        answers.for_each(drop).await?;
        let about: Vec<(String, u32, u32, i64)> = answers.collect_and_drop().await?;
        let (text, server, id, started) = about.into_iter().next().ok_or_else(|| {
            Problem::broken(
                "it says not what it is and how long it runs",
                "check that this is MySQL or MariaDB",
            )
        })?;
        let mariadb = text.to_ascii_lowercase().contains("mariadb");
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
        let mut number = || numbers.next().unwrap_or(0);
        let version = (number(), number(), number());
        Ok((conn, Hello { id, started, mariadb, version, text, server }))
    }

    /// `replica` or `slave`: the word for it changed.
    pub(super) fn says_replica(&self) -> bool {
        !self.mariadb && self.version >= (8, 0, 22)
    }
}

impl Session {
    /// Runs a statement without an answer.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Problem> {
        Ok(self.conn.query_drop(sql).await?)
    }

    /// Every row of an answer.
    pub(super) async fn rows(&mut self, sql: &str) -> Result<Vec<Named>, Problem> {
        let rows: Vec<Row> = self.conn.query(sql).await?;
        Ok(rows.into_iter().map(Named::of).collect())
    }

    /// The answers to several questions, asked at once and answered one after the other, in one wait for the server.
    pub(super) async fn several<const N: usize>(
        &mut self,
        asked: [&str; N],
    ) -> Result<[Vec<Named>; N], Problem> {
        let mut answers = self.conn.query_iter(asked.join("; ")).await?;
        let mut all = [const { Vec::new() }; N];
        for into in &mut all {
            let rows: Vec<Row> = answers.collect().await?;
            *into = rows.into_iter().map(Named::of).collect();
        }
        answers.drop_result().await?;
        Ok(all)
    }

    /// The one row of an answer.
    pub(super) async fn row(&mut self, sql: &str) -> Result<Named, Problem> {
        only(self.rows(sql).await?)
    }

    /// The first value of the first row.
    pub(super) async fn value(&mut self, sql: &str) -> Result<Option<String>, Problem> {
        Ok(value(self.rows(sql).await?))
    }

    /// Bounds what the server does for one question: statements, and waiting for the locks of rows and tables, in whole seconds.
    ///
    /// MySQL bounds only what reads; what writes is bounded by its locks, and ended by [`super::connection::Server::ask`].
    pub(super) async fn limit(&mut self, limit: Duration) -> Result<(), Problem> {
        if self.limit == limit {
            return Ok(());
        }
        self.run(&format!("set session {}", limits(limit))).await?;
        self.limit = limit;
        Ok(())
    }

    /// Ends a connection. `false` when it is not there.
    pub(super) async fn kill(&mut self, id: u32) -> Result<bool, Problem> {
        match self.run(&format!("kill connection {id}")).await {
            Ok(()) => Ok(true),
            Err(why) if why.number() == Some(NO_SUCH_THREAD) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// Whether a setting is on.
    pub(super) async fn is_on(&mut self, variable: &str) -> Result<bool, Problem> {
        Ok(on(self.value(&format!("select {variable}")).await?.as_deref()))
    }
}

/// The settings of a limit. The comments are for one server each, as in [`ABOUT`].
fn limits(limit: Duration) -> String {
    let (seconds, waits) = (limit.as_secs_f64(), limit.as_secs().max(1));
    format!(
        "/*M! max_statement_time = {seconds:.3}, */ /*!50700 max_execution_time = {}, */
         lock_wait_timeout = {waits}, innodb_lock_wait_timeout = {waits}",
        limit.as_millis()
    )
}

/// The one row of an answer.
pub(super) fn only(rows: Vec<Named>) -> Result<Named, Problem> {
    rows.into_iter().next().ok_or_else(|| {
        Problem::broken("a question about the server has no answer", "check that this is MySQL or MariaDB")
    })
}

/// The first value of the first row.
pub(super) fn value(rows: Vec<Named>) -> Option<String> {
    rows.into_iter().next().and_then(Named::first)
}

/// Whether the value of a setting means that it is on.
pub(super) fn on(value: Option<&str>) -> bool {
    !matches!(value, None | Some("0" | "OFF" | ""))
}

/// A row by the names of its columns, in lower case, since their case differs between versions, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named(pub(super) Vec<(String, Option<String>)>);

impl Named {
    fn of(row: Row) -> Named {
        let names: Vec<String> = row.columns_ref().iter().map(|c| c.name_str().to_lowercase()).collect();
        Named(names.into_iter().zip(row.unwrap().into_iter().map(text)).collect())
    }

    fn first(self) -> Option<String> {
        self.0.into_iter().next().and_then(|(_, value)| value)
    }

    /// The value of a column; `None` for NULL, and where there is no such column.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref())
    }

    /// The value of a column that may go by other names, in the order of asking.
    pub(super) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The value of a column, empty for NULL.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// The value of a column as a number, zero for what is none.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

fn text(value: Sent) -> Option<String> {
    match value {
        Sent::NULL => None,
        Sent::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Sent::Int(n) => Some(n.to_string()),
        Sent::UInt(n) => Some(n.to_string()),
        // Only prepared statements send these, and those are read elsewhere.
        other => Some(other.as_sql(true)),
    }
}
