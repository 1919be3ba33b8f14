//! Transactions that stand in the way of a freeze: open for long, or prepared.
//!
//! Source: `information_schema.innodb_trx`, `.processlist` (PROCESS), `XA RECOVER` (MySQL 8: `XA_RECOVER_ADMIN`). The last says not
//! since when: one that is still there a moment later is one that its coordinator does not commit at once.

use std::time::Duration;

use super::{Pair, Right, Side, number};
use crate::databases::mysql::census::LOCAL_NOW;
use crate::databases::{Error, Found};

/// So long after the first look is the second.
const MOMENT: Duration = Duration::from_secs(1);

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let (mut found, there) = tokio::try_join!(of(pair, pair.from), of(pair, pair.to))?;
    found.extend(there);
    Ok(found)
}

async fn of(pair: Pair<'_>, side: Side<'_>) -> Result<Vec<Found>, Error> {
    let hello = side.hello().await?;
    let mut rights = vec![Right::Server("PROCESS")];
    if !hello.mariadb && hello.version >= (8, 0, 0) {
        rights.push(Right::Server("XA_RECOVER_ADMIN"));
    }
    side.needs("how long others' transactions are open", &rights).await?;
    let ours = side.db.server.ours(hello.started);
    // What replication applies is nobody's transaction here.
    let sql = format!(
        "select p.id, p.user, ifnull(p.db, ''), p.command, timestampdiff(second, t.trx_started, {LOCAL_NOW})
         from information_schema.innodb_trx t join information_schema.processlist p on p.id = t.trx_mysql_thread_id
         where p.user <> 'system user' order by t.trx_started"
    );
    let at = side.name();
    let long = i64::try_from(pair.asked.long.as_secs()).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for [id, user, database, command, seconds] in side.texts::<5>(&sql).await? {
        let own = id.parse().is_ok_and(|id| ours.contains(&id));
        if own || number(&seconds) < long {
            continue;
        }
        let place = if database.is_empty() { String::new() } else { format!(" in {database}") };
        found.push(Found::new(
            format!("session {id} of {user}{place} at {at}"),
            format!(
                "has a transaction open for {seconds} s ({}): a freeze waits for its locks, or breaks it off",
                command.to_lowercase()
            ),
            format!("let it finish, or kill connection {id}"),
        ));
    }
    let first = prepared(side).await?;
    if first.is_empty() {
        return Ok(found);
    }
    tokio::time::sleep(MOMENT).await;
    let second = prepared(side).await?;
    for id in first.into_iter().filter(|id| second.contains(id)) {
        found.push(Found::new(
            format!("prepared transaction {id} at {at}"),
            "waits for its coordinator: it keeps its locks through a freeze, and may commit after it",
            format!("have its coordinator end it, or xa commit {id}, or xa rollback {id}"),
        ));
    }
    Ok(found)
}

/// Every prepared transaction, as it is named in SQL.
async fn prepared(side: Side<'_>) -> Result<Vec<String>, Error> {
    let rows = side
        .db
        .aside(&side.doing(), |s| Box::pin(async move { s.rows("xa recover convert xid").await }))
        .await;
    let rows = match rows {
        // MariaDB writes the names in another way.
        Err(Error::Refused { code, .. }) if code == "1064" => {
            side.db
                .aside(&side.doing(), |s| Box::pin(async move { s.rows("xa recover format = 'sql'").await }))
                .await?
        }
        rows => rows?,
    };
    Ok(rows
        .iter()
        .map(|row| xid(&row.text("data"), row.number("formatid"), row.number("gtrid_length")))
        .collect())
}

/// MariaDB gives it as SQL; MySQL as `0x` with both parts in one.
fn xid(data: &str, format: u64, first: u64) -> String {
    let Some(digits) = data.strip_prefix("0x") else { return data.to_owned() };
    let at = usize::try_from(first).unwrap_or_default().saturating_mul(2);
    match digits.split_at_checked(at) {
        Some((one, other)) => format!("X'{one}',X'{other}',{format}"),
        None => data.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_transaction_is_named_as_sql_takes_it() {
        assert_eq!(xid("'order-7'", 1, 7), "'order-7'");
        assert_eq!(xid("0x6f7264", 1, 2), "X'6f72',X'64',1");
    }
}
