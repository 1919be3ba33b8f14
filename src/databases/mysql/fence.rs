//! The fence of a server: `read_only`, and a row of ours that says when it was set and where the log stood.
//!
//! The server refuses the next write of everybody but accounts that may pass, and the commit of whatever they had begun.
//! Replication goes on, and so do our markers, whose account has to be one that may pass. The fence is the whole server's,
//! whatever database an address names.
//!
//! *Sealed* on MySQL is `super_read_only`: nobody passes but replication, our markers neither. MariaDB has nothing like it. Triggers
//! that refuse would be DDL on people's tables in the night, waiting behind their locks, and a privileged account can take them
//! away as it can `read_only`. So MariaDB sealed means: read-only, and at the moment of sealing nobody was there who may
//! pass, no event of such an account, no prepared transaction, no procedure by which others pass. Whoever comes later
//! with such an account shows in the census, and what they write in `writes_since`.
//!
//! The row is never replicated (`sql_log_bin = 0`): the other side's fence is its own. The setting is what counts: a row
//! of a server that takes writes says nothing, such as after a restart.

use std::time::Duration;

use super::connection::Problem;
use super::look;
use super::session::{Session, on, value};
use super::sql::{OURS, literal};
use super::{census, write};
use crate::clock::Timestamp;
use crate::databases::{Fence, FenceSpec, FenceState, Position, Seal, SessionInfo};

/// How much of a question's time is kept for undoing a fence that could not be set.
const RESERVE: Duration = Duration::from_secs(1);

/// The fence as it stands.
pub(super) async fn state(session: &mut Session) -> Result<FenceState, Problem> {
    let shut = "select @@global.read_only";
    let noted = format!("select fence, since_ms, at_position from {OURS}.fence where id = 1");
    let (shut, row) = match session.several([shut, &noted]).await {
        Ok([shut, mut noted]) => (on(value(shut).as_deref()), noted.pop()),
        Err(why) if look::is_missing(&why) => (on(session.value(shut).await?.as_deref()), None),
        Err(why) => return Err(why),
    };
    let word = row.as_ref().map(|row| row.text("fence"));
    let since = row.as_ref().and_then(|row| row.get("since_ms")?.parse().ok()).map(Timestamp);
    if !shut {
        // What a row says that is not true any more is not when it was opened.
        let since = since.filter(|_| word.as_deref() == Some("open"));
        return Ok(FenceState { fence: Fence::Open, since, at: None });
    }
    if word.as_deref().is_none_or(|word| word == "open") {
        return Ok(FenceState { fence: Fence::Fenced, since: None, at: None });
    }
    let sealed = word.as_deref() == Some("sealed")
        && (session.hello.mariadb || session.is_on("@@global.super_read_only").await?);
    let at = row.and_then(|row| row.get("at_position").map(|at| Position(at.to_owned())));
    Ok(FenceState { fence: if sealed { Fence::Sealed } else { Fence::Fenced }, since, at })
}

/// Sets it. Waits for the locks of tables at most for the question's time but a second, so that it can be undone: meanwhile
/// the server holds up everybody's new writes.
///
/// # Errors
/// A server where nobody may pass (`super_read_only`) and that has no row of ours is left as it is.
pub(super) async fn set(session: &mut Session, limit: Duration) -> Result<FenceState, Problem> {
    let before = state(session).await?;
    if before.fence != Fence::Open && before.since.is_some() {
        return Ok(before);
    }
    if !session.hello.mariadb && session.is_on("@@global.super_read_only").await? {
        return Ok(before);
    }
    apart(session).await?;
    let patience = limit.saturating_sub(RESERVE).as_secs().max(1);
    session.run(&format!("set session lock_wait_timeout = {patience}")).await?;
    let set = session.run("set global read_only = on").await;
    let noted = match set {
        Ok(()) => note(session, "fenced").await,
        Err(why) => Err(why),
    };
    if let Err(why) = noted {
        if before.fence == Fence::Open {
            session.run("set global read_only = off").await?;
        }
        return Err(why);
    }
    state(session).await
}

async fn note(session: &mut Session, word: &str) -> Result<(), Problem> {
    let at = look::position(session).await?;
    put(session, word, Some(&at)).await
}

/// Nothing that this session writes goes into the log.
pub(super) async fn apart(session: &mut Session) -> Result<(), Problem> {
    session.run("set session sql_log_bin = 0").await
}

async fn put(session: &mut Session, word: &str, at: Option<&Position>) -> Result<(), Problem> {
    if !look::has(session, "fence").await? {
        session.run(&format!("create database if not exists {OURS}")).await?;
        session
            .run(&format!(
                "create table if not exists {OURS}.fence (id tinyint primary key, fence varchar(8) not null,
                   since_ms bigint not null, at_position longtext) engine = InnoDB"
            ))
            .await?;
    }
    let now = write::now(session).await?;
    let at = at.map_or_else(|| "null".to_owned(), |at| literal(&at.0));
    session.run(&format!("replace into {OURS}.fence values (1, '{word}', {}, {at})", now.0)).await
}

/// Seals it when nobody is left who may pass.
pub(super) async fn seal_if_quiet(
    session: &mut Session,
    spec: &FenceSpec,
    ours: &std::collections::BTreeSet<u32>,
) -> Result<Seal, Problem> {
    let seen = census::take(session, spec, ours).await?;
    match seen.state.fence {
        Fence::Open => {
            return Err(Problem::Refused("OPEN", "it is open for writes: fence it first".to_owned()));
        }
        Fence::Sealed => return Ok(Seal::Sealed(seen.state)),
        Fence::Fenced => {}
    }
    let left: Vec<SessionInfo> = seen.sessions.into_iter().filter(|s| s.older).collect();
    if !left.is_empty() {
        return Ok(Seal::NotYet(left));
    }
    let mysql = !session.hello.mariadb;
    if mysql && session.is_on("@@global.super_read_only").await? {
        return Ok(Seal::Sealed(FenceState { fence: Fence::Sealed, ..seen.state }));
    }
    apart(session).await?;
    if look::has(session, "fence").await? {
        session
            .run(&format!("update {OURS}.fence set fence = 'sealed' where id = 1 and fence = 'fenced'"))
            .await?;
    }
    if mysql {
        // A row that says so before it is true is judged by the setting.
        session.run("set global super_read_only = on").await?;
    }
    let now = state(session).await?;
    Ok(Seal::Sealed(FenceState { fence: Fence::Sealed, ..now }))
}

/// Lifts it.
pub(super) async fn lift(session: &mut Session) -> Result<FenceState, Problem> {
    let before = state(session).await?;
    if before.fence == Fence::Open {
        return Ok(before);
    }
    apart(session).await?;
    // On MySQL this takes `super_read_only` away, too.
    session.run("set global read_only = off").await?;
    put(session, "open", None).await?;
    state(session).await
}
