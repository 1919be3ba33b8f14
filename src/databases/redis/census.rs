//! Who is connected: `CLIENT LIST`, replicas and ourselves left out.
//!
//! Nobody is *older* than a fence here: it refuses the next write of every session, however long it is open.

use std::collections::HashMap;

use super::connection::{Conn, Problem, whole, word};
use super::fence;
use crate::clock::Timestamp;
use crate::databases::{Census, FenceSpec, SessionId, SessionInfo};

/// One look.
pub(super) async fn take(conn: &mut Conn, spec: &FenceSpec) -> Result<Census, Problem> {
    let state = fence::state(conn).await?;
    let now = fence::now(conn).await?;
    let listed = word(conn.ask(&["CLIENT", "LIST"]).await?).unwrap_or_default();
    let ours = conn.id.to_string();
    let mut sessions: Vec<SessionInfo> = listed
        .lines()
        .map(fields)
        .filter(|client| client.get("id") != Some(&ours.as_str()) && !replicates(client))
        .map(|client| session(&client, spec, now))
        .collect();
    sessions.sort_by_key(|s| s.since);
    Ok(Census { state, sessions })
}

fn fields(line: &str) -> HashMap<&str, &str> {
    line.split_whitespace().filter_map(|pair| pair.split_once('=')).collect()
}

/// A replica of this server, or the server that it follows.
fn replicates(client: &HashMap<&str, &str>) -> bool {
    client.get("flags").is_some_and(|flags| flags.contains(['S', 'M']))
}

fn session(client: &HashMap<&str, &str>, spec: &FenceSpec, now: Timestamp) -> SessionInfo {
    let text = |key: &str| client.get(key).copied().unwrap_or_default().to_owned();
    let (name, account) = (text("name"), text("user"));
    let age = text("age").parse::<i64>().unwrap_or(0).saturating_mul(1_000);
    let called = spec.spare.contains(&name) || spec.spare.contains(&account);
    let library = text("lib-name");
    let application = [&name, &library, &account].into_iter().find(|n| !n.is_empty()).cloned();
    SessionInfo {
        id: SessionId(text("id")),
        spared: called,
        application: application.unwrap_or_default(),
        name,
        account,
        client: Some(text("addr")).filter(|from| !from.is_empty()),
        passes: None,
        since: Timestamp(now.0.saturating_sub(age)),
        last_write: None,
        last_statement: Some(text("cmd").replace('|', " ")).filter(|cmd| !cmd.is_empty() && cmd != "NULL"),
        writes: 0,
        older: false,
        // Closed as soon as what is on its way has been sent: `A` at once, `c` after its answer.
        ending: text("flags").contains(['A', 'c']),
    }
}

/// Ends a session: `CLIENT KILL ID`.
pub(super) async fn end(conn: &mut Conn, id: &SessionId) -> Result<bool, Problem> {
    // A number of another database's making is a session that is not here.
    if id.0.parse::<u64>().is_err() {
        return Ok(false);
    }
    Ok(whole(&conn.ask(&["CLIENT", "KILL", "ID", &id.0]).await?).is_some_and(|ended| ended > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_is_a_session() {
        let line = "id=7 addr=10.0.0.1:5 laddr=a name=web age=3 idle=1 flags=N db=0 cmd=client|list user=app lib-name=";
        let spec = FenceSpec { spare: vec!["app".to_owned()] };
        let seen = session(&fields(line), &spec, Timestamp(10_000));
        assert_eq!(
            (seen.id.0.as_str(), seen.application.as_str(), seen.account.as_str()),
            ("7", "web", "app")
        );
        assert_eq!((seen.since, seen.last_statement.as_deref()), (Timestamp(7_000), Some("client list")));
        assert!(seen.spared && !seen.older && !seen.ending);
        assert!(replicates(&fields("id=1 flags=S")) && replicates(&fields("id=1 flags=M")));
    }
}
