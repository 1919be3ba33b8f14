//! The few writes that cutover makes itself: markers, a plan's statements, and the one that is rolled back.

use mysql_async::prelude::Queryable as _;

use super::connection::Problem;
use super::privileges::Passing;
use super::session::Session;
use super::sql::{OURS, first_words, literal};
use super::{grants, look};
use crate::clock::Timestamp;
use crate::databases::{Done, ProbeWrite, Sequence};

/// The server runs with an option that forbids the statement: here only `--read-only` and `--super-read-only` matter.
const FORBIDDEN_BY_OPTION: u16 = 1290;
/// Something that has no transactions was changed and stays so.
const NOT_ROLLED_BACK: u64 = 1196;

/// The server's own time.
pub(super) async fn now(session: &mut Session) -> Result<Timestamp, Problem> {
    time(session.value(NOW).await?)
}

/// What is asked for it.
pub(super) const NOW: &str = "select cast(unix_timestamp(now(3)) * 1000 as signed)";

/// … and what it says.
pub(super) fn time(said: Option<String>) -> Result<Timestamp, Problem> {
    said.and_then(|ms| ms.parse().ok())
        .map(Timestamp)
        .ok_or_else(|| Problem::broken("it says no time", "check what it is"))
}

/// Writes a marker into `cutover.marker`, which is replicated like any other table.
///
/// Each is a row of its own, and none is ever changed or taken away: the log would say so by the row that was there, and a replica
/// that lacks it, since replication began after it was written, would stop (1032).
///
/// Behind `read_only` it goes through where our account may pass. Behind MySQL's `super_read_only` nobody does: there it is
/// refused (1290), and what proves that all has arrived is the position alone.
pub(super) async fn marker(session: &mut Session, id: &str) -> Result<Timestamp, Problem> {
    let made = now(session).await?;
    // Two in one millisecond are one.
    let sql = format!("insert ignore into {OURS}.marker values ({}, {})", literal(id), made.0);
    match session.run(&sql).await {
        Err(why) if look::is_missing(&why) => {}
        other => return other.map(|()| made),
    }
    // Both, since our database may have come into being here without a word of it in the log.
    session.run(&format!("create database if not exists {OURS}")).await?;
    session
        .run(&format!(
            "create table if not exists {OURS}.marker (id varchar(190) not null, made_ms bigint not null,
               primary key (id, made_ms)) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin"
        ))
        .await?;
    session.run(&sql).await?;
    Ok(made)
}

/// Moves `auto_increment` of tables on. Not a word of it goes into the log: the other side is where it should be.
pub(super) async fn move_on(
    session: &mut Session,
    of: Option<&str>,
    beyond: &[Sequence],
    margin: u64,
) -> Result<u64, Problem> {
    let own = look::sequences(session, of).await?;
    let mut wanted = Vec::new();
    for given in beyond {
        let Some(last) = given.last else { continue };
        let Some(here) = own.iter().find(|own| own.name == given.name) else {
            return Err(Problem::broken(
                format!("its table {} has no auto_increment, or is not there", given.name),
                "make it as it is on the other side",
            ));
        };
        let last = last.saturating_add(i64::try_from(margin).unwrap_or(i64::MAX));
        if !here.is_beyond(&Sequence { last: Some(last), ..given.clone() }) {
            wanted.push((&given.name, last.saturating_add(1)));
        }
    }
    super::fence::apart(session).await?;
    for (table, next) in &wanted {
        let table = look::quoted_table(table, of);
        session.run(&format!("alter table {table} auto_increment = {next}")).await?;
    }
    Ok(wanted.len() as u64)
}

/// Tries one statement in a session like any application's, with its settings as the server gives them, and rolls it back.
///
/// # Errors
/// It is more than one, or none that changes rows; our account may pass the fence, so that the try would prove nothing;
/// or the table has no transactions and keeps what was tried.
pub(super) async fn probe(session: &mut Session, sql: &str) -> Result<ProbeWrite, Problem> {
    let words = first_words(sql);
    let changes = ["insert", "update", "delete", "replace"];
    if words.len() != 1 || !words.iter().all(|w| changes.contains(&w.as_str())) {
        return Err(Problem::broken(
            "the probe's statement is not one insert, update, delete or replace, so it proves nothing",
            "give it one that changes a table which the application writes",
        ));
    }
    let like_others = "set session sql_mode = default, time_zone = default";
    let [grants, _, _] = session.several([grants::OWN, like_others, "start transaction"]).await?;
    if Passing::ours(session, &grants) {
        return Err(Problem::broken(
            "the account of this address may write to a read-only server, so its own write proves nothing",
            "try the probe `through` an endpoint whose address has the application's account",
        ));
    }
    let tried = match session.conn.prep(sql).await {
        Ok(statement) => session.conn.exec_drop(&statement, ()).await,
        Err(why) => Err(why),
    };
    match tried {
        Ok(()) => {
            let [_, warnings] = session.several(["rollback", "show warnings"]).await?;
            if warnings.iter().any(|w| w.number("code") == NOT_ROLLED_BACK) {
                return Err(Problem::broken(
                    "the probe wrote to a table without transactions, where it is still there",
                    "take that row away, and probe a table of InnoDB",
                ));
            }
            Ok(ProbeWrite::Succeeded)
        }
        Err(mysql_async::Error::Server(said))
            if !matches!(said.code, 1205 | 1969 | 3024 | 1053 | 1317 | 1927) =>
        {
            let by_fence = said.code == FORBIDDEN_BY_OPTION && said.message.contains("read-only");
            Ok(ProbeWrite::Refused { code: said.code.to_string(), message: said.message, by_fence })
        }
        Err(why) => Err(why.into()),
    }
}

/// Runs statements in one transaction.
///
/// A fence holds for them although our account may pass it: it is looked for at the beginning and before the end; one that is
/// set between that and the commit lets them through. What the server commits by itself (DDL: `create`, `alter`, `truncate`,
/// `grant` …) is done when it returns, and what came before it with it.
pub(super) async fn statement(session: &mut Session, sql: &str) -> Result<Done, Problem> {
    let leaves = ["begin", "start", "commit", "rollback", "savepoint", "lock", "unlock", "xa", "set", "/*!"];
    if let Some(word) = first_words(sql).into_iter().find(|word| leaves.contains(&word.as_str())) {
        return Err(Problem::broken(
            format!("the statement begins or ends a transaction, locks, or sets something (`{word}`)"),
            "leave that out: it runs in one transaction of its own",
        ));
    }
    refuse_behind_fence(session).await?;
    session.run("start transaction").await?;
    let mut rows = 0;
    let mut result = session.conn.query_iter(sql).await?;
    loop {
        if result.columns_ref().is_empty() {
            rows += result.affected_rows();
        }
        if result.is_empty() {
            break;
        }
        // Reads the rest of one answer, up to the next statement's.
        result.for_each(drop).await?;
    }
    result.drop_result().await?;
    refuse_behind_fence(session).await?;
    session.run("commit").await?;
    Ok(Done { rows })
}

async fn refuse_behind_fence(session: &mut Session) -> Result<(), Problem> {
    if session.is_on("@@global.read_only").await? {
        return Err(Problem::Refused("1290", "the server is read-only".to_owned()));
    }
    Ok(())
}
