//! Transactions that stand in the way of a freeze: open for long, or prepared.
//!
//! Source: PostgreSQL's documentation, `pg_stat_activity` (which shows what others do to members of `pg_read_all_stats`
//! only), `pg_prepared_xacts`.

use super::{Pair, Side};
use crate::databases::postgres::APPLICATION;
use crate::databases::postgres::sql::literal;
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let mut found = of(pair, pair.from).await?;
    // What is open on a standby reads only, and what is prepared there is its primary's.
    if !pair.is_standby() {
        found.extend(of(pair, pair.to).await?);
    }
    Ok(found)
}

async fn of(pair: Pair<'_>, side: Side<'_>) -> Result<Vec<Found>, Error> {
    side.sees_others("how long others' transactions are open").await?;
    let age =
        |since: &str| format!("justify_interval(date_trunc('second', clock_timestamp() - {since}))::text");
    let sql = format!(
        "select 'session', a.pid::text, coalesce(a.usename, '')::text,
           coalesce(nullif(a.application_name, ''), 'no name'), {}, coalesce(a.state, '')
         from pg_stat_activity a
         where a.datname = current_database() and a.backend_type = 'client backend'
           and a.xact_start < clock_timestamp() - make_interval(secs => $1)
           and not (a.application_name = '{APPLICATION}' and a.usename = current_user)
         union all
         select 'prepared', p.gid, p.owner::text, '', {}, '' from pg_prepared_xacts p
         where p.database = current_database() and p.prepared < clock_timestamp() - make_interval(secs => $1)
         order by 1 desc, 2",
        age("a.xact_start"),
        age("p.prepared"),
    );
    let long = pair.asked.long.as_secs_f64();
    let at = side.name();
    let rows = side.texts::<6>(&sql, &[&long]).await?;
    Ok(rows
        .into_iter()
        .map(|[kind, id, account, application, age, state]| {
            if kind == "session" {
                Found::new(
                    format!("session {id} of {account} ({application}) at {at}"),
                    format!("has a transaction open for {age} ({state}): it outlives a fence and holds back the log"),
                    format!("let it finish, or select pg_terminate_backend({id})"),
                )
            } else {
                Found::new(
                    format!("prepared transaction {id} of {account} at {at}"),
                    format!("waits for its coordinator since {age}: it keeps its locks through a freeze"),
                    format!("commit prepared {id}, or rollback prepared {id}", id = literal(&id)),
                )
            }
        })
        .collect())
}
