//! Who is connected, and who of them could still write.

use tokio_postgres::Client;

use super::APPLICATION;
use super::asking::Asking as _;
use super::connection::{Problem, known};
use super::convention::SYSTEM;
use super::fence;
use crate::clock::Timestamp;
use crate::databases::{Census, FenceSpec, SessionId, SessionInfo};

/// What stands before the name of a prepared transaction where a session's id stands.
const PREPARED: &str = "prepared:";
/// So many words of a statement are shown.
const STATEMENT: usize = 80;

/// Sessions of people and programs in this database, the oldest first, prepared transactions with them. What the server
/// does for itself (replication, vacuum) is none of them.
///
/// Older than the fence is who began before it, whose account's own setting is stronger than it, and who has written
/// something in the transaction that is under way.
pub(super) async fn take(client: &Client, spec: &FenceSpec) -> Result<Census, Problem> {
    let state = fence::state(client).await?;
    let sql = format!(
        "with f as (select state, since from cutover.fence where system = {SYSTEM} and state <> 'open'),
           own as (
             select r.oid, (array_agg(c order by s.setdatabase desc))[1] ~* '=(off|false|no|f|n|0)$' as writes
             from pg_db_role_setting s join pg_roles r on r.oid = s.setrole cross join unnest(s.setconfig) c
               left join pg_database d on d.oid = s.setdatabase
             where c like 'default_transaction_read_only=%'
               and (s.setdatabase = 0 or d.datname = current_database()) group by r.oid)
         select format('%s@%s', a.pid, (extract(epoch from a.backend_start) * 1000000)::bigint),
           coalesce(a.application_name, ''), coalesce(a.usename, '')::text,
           coalesce(host(a.client_addr), a.client_hostname),
           (extract(epoch from a.backend_start) * 1000)::bigint,
           case when a.backend_xid is not null then (extract(epoch from clock_timestamp()) * 1000)::bigint
                else (select (extract(epoch from max(c.at)) * 1000)::bigint from cutover.change c
                      where c.system = {SYSTEM} and c.pid = a.pid and c.at >= a.backend_start) end,
           nullif(concat_ws(': ', case when a.state <> 'active' then a.state end, a.query), ''),
           f.state is not null and (a.backend_start <= f.since or coalesce(own.writes, false)
             or a.backend_xid is not null),
           coalesce(own.writes, false),
           coalesce((select rolsuper from pg_roles where oid = a.usesysid), false)
             and not (select rolsuper from pg_roles where rolname = current_user)
         from pg_stat_activity a left join f on true left join own on own.oid = a.usesysid
         where a.datname = current_database() and a.backend_type = 'client backend'
           and not (a.application_name = '{APPLICATION}' and a.usename = current_user)
         union all
         select '{PREPARED}' || p.gid, 'prepared transaction', p.owner::text, null,
           (extract(epoch from p.prepared) * 1000)::bigint, (extract(epoch from p.prepared) * 1000)::bigint,
           p.gid, f.state is not null, false, false
         from pg_prepared_xacts p left join f on true where p.database = current_database()
         order by 5, 1"
    );
    let rows = client.rows(&sql, &[]).await.map_err(known)?;
    let mut sessions = Vec::new();
    for row in rows {
        let (application, account): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let passes = match (row.try_get(8)?, row.try_get(9)?) {
            (true, _) => Some("account has a setting of its own"),
            (false, true) => Some("superuser: only one can end it"),
            (false, false) => None,
        };
        let last_statement: Option<String> = row.try_get(6)?;
        sessions.push(SessionInfo {
            id: SessionId(row.try_get(0)?),
            spared: spec.spare.contains(&application) || spec.spare.contains(&account),
            name: if application.is_empty() { account.clone() } else { application.clone() },
            application,
            client: row.try_get(3)?,
            since: Timestamp(row.try_get(4)?),
            last_write: row.try_get::<_, Option<i64>>(5)?.map(Timestamp),
            last_statement: last_statement.map(|sql| without_values(&sql)),
            writes: 0,
            older: row.try_get(7)?,
            ending: false,
            passes: passes.map(str::to_owned),
            account,
        });
    }
    Ok(Census { state, sessions })
}

/// Asks for a session's end. A prepared transaction belongs to whoever prepared it.
pub(super) async fn end(client: &Client, id: &SessionId) -> Result<bool, Problem> {
    if let Some(gid) = id.0.strip_prefix(PREPARED) {
        let there = client.row_if_any("select 1 from pg_prepared_xacts where gid = $1", &[&gid]).await?;
        return match there {
            None => Ok(false),
            Some(_) => Err(Problem::broken(
                format!("the transaction {gid} is prepared and waits for its coordinator"),
                "let that finish it, or run `commit prepared` or `rollback prepared` there by hand",
            )),
        };
    }
    let sql = "select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity
               where format('%s@%s', pid, (extract(epoch from backend_start) * 1000000)::bigint) = $1";
    Ok(client.row(sql, &[&id.0]).await?.try_get(0)?)
}

/// Ends every session but ours. Whether one came up read-only cannot be seen from outside, nor by when it began: a server
/// may have been a standby meanwhile, and have had the fence of another.
pub(super) async fn end_all(client: &Client) -> Result<(), Problem> {
    let sql = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend'
           and not (application_name = '{APPLICATION}' and usename = current_user)"
    );
    client.row(&sql, &[]).await?;
    Ok(())
}

/// A statement as far as it says what is done: texts and numbers are left out, they are people's data.
fn without_values(sql: &str) -> String {
    let mut out = String::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        let kept = match c {
            '\'' => {
                while rest.next_if(|c| *c != '\'').is_some() {}
                rest.next();
                '?'
            }
            c if c.is_ascii_digit()
                && !out.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') =>
            {
                while rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '.').is_some() {}
                '?'
            }
            c if c.is_whitespace() => {
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                ' '
            }
            c => c,
        };
        out.push(kept);
        if out.chars().count() >= STATEMENT {
            out.push('…');
            break;
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn a_statement_is_shown_without_its_values() {
        assert_eq!(
            without_values("insert into  t1 values (42, 'it''s', $1)\n where a = 1.5e3"),
            "insert into t1 values (?, ??, $1) where a = ?"
        );
        assert_eq!(without_values("select 'open"), "select ?");
        assert!(without_values(&"x ".repeat(200)).ends_with('…'));
    }
}
