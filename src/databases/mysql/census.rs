//! Who is connected, and who of them may write.
//!
//! Owns what *older* means here. A read-only server refuses the next statement of every session, however long it is open, unless its
//! account may pass ([`super::privileges`]): those are the ones the fence has not reached, whenever they came. Three more can write
//! and are no sessions: prepared XA transactions, which whoever coordinates them may still commit, events whose definer may
//! pass, and procedures of such a definer's that others may call. They are in the census under ids of their own, and cannot be
//! ended from here.
//!
//! Source: `information_schema.processlist`, `.innodb_trx`, `.events`, `.routines`, `XA RECOVER`,
//! `performance_schema.session_connect_attrs` where it is on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::connection::Problem;
use super::fence;
use super::privileges::{self, Passing};
use super::session::{Named, Session, on, value};
use super::sql::without_values;
use super::write;
use crate::clock::Timestamp;
use crate::databases::{Census, Fence, FenceSpec, FenceState, SessionId, SessionInfo};

/// What replication and the server itself are shown as.
const SERVER: [&str; 3] = ["system user", "event_scheduler", "unauthenticated user"];

/// Now as `innodb_trx` writes it: by the server's own clock on the wall, whatever the session's time zone is.
pub(super) const LOCAL_NOW: &str = "convert_tz(utc_timestamp(), '+00:00', 'SYSTEM')";

/// One look. `ours` are connections of our own, which are left out.
///
/// # Errors
/// The account may not see everybody (PROCESS): a census of oneself would be taken for silence.
pub(super) async fn take(
    session: &mut Session,
    spec: &FenceSpec,
    ours: &BTreeSet<u32>,
) -> Result<Census, Problem> {
    let state = fence::state(session).await?;
    behind(session, state, spec, ours).await
}

/// … by a fence that has been looked at.
pub(super) async fn behind(
    session: &mut Session,
    state: FenceState,
    spec: &FenceSpec,
    ours: &BTreeSet<u32>,
) -> Result<Census, Problem> {
    let fenced = state.fence != Fence::Open;
    let nobody_passes = !session.hello.mariadb && session.is_on("@@global.super_read_only").await?;
    let passing = Passing::read(session).await?;
    let transactions = format!(
        "select trx_mysql_thread_id as id, timestampdiff(second, trx_started, {LOCAL_NOW}) as seconds,
           trx_rows_modified as changed from information_schema.innodb_trx"
    );
    // Transactions first: without PROCESS they are an error, where the list of sessions would only be shorter.
    let asked = [
        write::NOW,
        &transactions,
        "select id, user, host, db, command, time, state, info from information_schema.processlist order by id",
        "xa recover",
        "select @@global.performance_schema",
        "select @@global.event_scheduler",
        ENABLED,
    ];
    let [now, transactions, listed, prepared, kept, scheduler, enabled] = session.several(asked).await?;
    let now = write::time(value(now))?.0;
    let open: BTreeMap<u64, &Named> = transactions.iter().map(|row| (row.number("id"), row)).collect();
    let programs = if on(value(kept).as_deref()) { programs(session).await? } else { BTreeMap::default() };
    let mut sessions = Vec::new();
    for row in &listed {
        let (id, user, command) = (row.number("id"), row.text("user"), row.text("command"));
        if SERVER.contains(&user.as_str()) || u32::try_from(id).is_ok_and(|id| ours.contains(&id)) {
            continue;
        }
        let sends_log = command.starts_with("Binlog Dump");
        let transaction = open.get(&id);
        let quiet = row.number("time").saturating_mul(1_000);
        let program = programs.get(&id).cloned().unwrap_or_default();
        sessions.push(SessionInfo {
            id: SessionId(id.to_string()),
            name: row.get("db").map_or_else(|| user.clone(), |db| format!("{user} in {db}")),
            spared: spec.spare.contains(&user) || spec.spare.contains(&program),
            application: if program.is_empty() { user.clone() } else { program },
            client: row.get("host").filter(|host| !host.is_empty()).map(str::to_owned),
            since: Timestamp(now.saturating_sub(i64::try_from(quiet).unwrap_or(0))),
            passes: passing.may(&user).then(|| "its account may write to a read-only server".to_owned()),
            last_write: None,
            last_statement: Some(doing(row, transaction.copied())),
            writes: transaction.map_or(0, |t| t.number("changed")),
            older: fenced && !nobody_passes && !sends_log && passing.may(&user),
            ending: command == "Killed",
            account: user,
        });
    }
    sessions.extend(prepared.iter().map(|row| waiting(row, now)));
    if !nobody_passes {
        if on(value(scheduler).as_deref().filter(|v| *v != "DISABLED")) {
            sessions.extend(events(&enabled, &passing, spec, fenced, now));
        }
        sessions.extend(procedures(session, &passing, spec, fenced, now).await?);
    }
    sessions.sort_by_key(|s| s.since);
    Ok(Census { state, sessions })
}

fn doing(row: &Named, transaction: Option<&Named>) -> String {
    let mut said = match row.get("info") {
        Some(sql) => without_values(sql),
        None => row.text("command").to_lowercase(),
    };
    if let Some(transaction) = transaction {
        // Writing to a String cannot fail.
        let _ = write!(
            said,
            " (in a transaction for {} s, {} rows changed)",
            transaction.text("seconds"),
            transaction.text("changed")
        );
    }
    said
}

/// What sessions call themselves, on a server that keeps it.
async fn programs(session: &mut Session) -> Result<BTreeMap<u64, String>, Problem> {
    let rows = session
        .rows(
            "select processlist_id as id, attr_value as v from performance_schema.session_connect_attrs
             where attr_name = 'program_name'",
        )
        .await?;
    Ok(rows.iter().map(|row| (row.number("id"), row.text("v"))).collect())
}

/// A prepared XA transaction, behind which no session stands.
fn waiting(row: &Named, now: i64) -> SessionInfo {
    SessionInfo {
        id: SessionId(format!("xa:{}", row.text("data"))),
        name: format!("prepared transaction {}", row.text("data")),
        application: "XA".to_owned(),
        account: String::new(),
        client: None,
        passes: None,
        since: Timestamp(now),
        last_write: None,
        last_statement: Some("xa prepare".to_owned()),
        writes: 0,
        older: true,
        spared: false,
        ending: false,
    }
}

/// What is asked for the events that run.
const ENABLED: &str = "select event_schema as d, event_name as n, definer, event_definition as body,
    cast(unix_timestamp(last_executed) * 1000 as signed) as last
  from information_schema.events where status = 'ENABLED'";

/// Those whose definer may pass.
fn events(
    enabled: &[Named],
    passing: &Passing,
    spec: &FenceSpec,
    fenced: bool,
    now: i64,
) -> Vec<SessionInfo> {
    let of = |row: &Named| privileges::user(&row.text("definer")).to_owned();
    let runs = enabled.iter().filter(|row| passing.may(&of(row)));
    runs.map(|row| {
        let name = format!("{}.{}", row.text("d"), row.text("n"));
        let last = row.get("last").and_then(|ms| ms.parse().ok()).map(Timestamp);
        SessionInfo {
            id: SessionId(format!("event:{name}")),
            spared: spec.spare.contains(&of(row)) || spec.spare.contains(&name),
            name: format!("event {name}"),
            application: "event scheduler".to_owned(),
            account: of(row),
            client: None,
            passes: Some("its definer may write to a read-only server".to_owned()),
            since: last.unwrap_or(Timestamp(now)),
            last_write: last,
            last_statement: Some(without_values(&row.text("body"))),
            writes: 0,
            older: fenced,
            ending: false,
        }
    })
    .collect()
}

/// Procedures by which accounts write that may not do so themselves.
async fn procedures(
    session: &mut Session,
    passing: &Passing,
    spec: &FenceSpec,
    fenced: bool,
    now: i64,
) -> Result<Vec<SessionInfo>, Problem> {
    let found = privileges::procedures(session, passing).await?;
    Ok(found
        .into_iter()
        .map(|one| SessionInfo {
            id: SessionId(format!("procedure:{}", one.name)),
            spared: spec.spare.contains(&one.name) || spec.spare.contains(&one.definer),
            name: format!("{} {}", one.kind, one.name),
            application: "stored procedures".to_owned(),
            passes: Some(format!("it {}", one.harm())),
            account: one.definer,
            client: None,
            since: Timestamp(now),
            last_write: None,
            last_statement: None,
            writes: 0,
            older: fenced,
            ending: false,
        })
        .collect())
}

/// Ends a session: `KILL CONNECTION`.
///
/// # Errors
/// A prepared transaction, an event and a procedure are nobody's to end from here.
pub(super) async fn end(session: &mut Session, id: &SessionId) -> Result<bool, Problem> {
    if id.0.starts_with("xa:") {
        let next = "a prepared transaction is its coordinator's to end: XA COMMIT or XA ROLLBACK it";
        return Err(Problem::Refused("XA", next.to_owned()));
    }
    if let Some(name) = id.0.strip_prefix("event:") {
        return Err(Problem::Refused(
            "EVENT",
            format!("an event is no session: ALTER EVENT {name} DISABLE ends it"),
        ));
    }
    if let Some(name) = id.0.strip_prefix("procedure:") {
        return Err(Problem::Refused(
            "PROCEDURE",
            format!("a procedure is no session: ALTER PROCEDURE {name} SQL SECURITY INVOKER shuts it"),
        ));
    }
    // A number of another database's making is a session that is not here.
    match id.0.parse() {
        Ok(number) => session.kill(number).await,
        Err(_) => Ok(false),
    }
}
