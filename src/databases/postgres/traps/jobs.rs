//! Jobs of `pg_cron` that are on at the target before it is opened: what they write there no replication knows of, and after
//! the switch they run on both sides.
//!
//! Source: `pg_cron`'s README and `pg_cron--1.0.sql` (`cron.job`), `pg_cron.c` (its process and that one's database).

use super::{Pair, Side, in_sql};
use crate::databases::postgres::sql::literal;
use crate::databases::{Error, Found};

pub(super) async fn look(pair: Pair<'_>) -> Result<Vec<Found>, Error> {
    let side = pair.to;
    side.sees_others("what runs in the background").await?;
    // Its one process is where its jobs are kept, for whatever database they are.
    let launcher = "select datname::text, current_database()::text from pg_stat_activity
                    where backend_type = 'pg_cron launcher' and datname is not null";
    let Some([kept, here]) = side.texts(launcher, &[]).await?.pop() else { return Ok(Vec::new()) };
    let there = side.db.in_database(&kept);
    let there = Side { db: &there, ..side };
    // Row security shows an account its own jobs only.
    let rights = "select s.nspname::text, has_schema_privilege(s.oid, 'usage')::text, current_user::text,
                    exists (select from pg_roles r where r.rolname = current_user and (r.rolsuper or r.rolbypassrls))::text
                  from pg_namespace s join pg_class c on c.relnamespace = s.oid
                  where s.nspname = 'cron' and c.relname = 'job'";
    let Some([schema, enters, account, sees]) = there.texts(rights, &[]).await?.pop() else {
        return Ok(Vec::new());
    };
    if enters != "true" || sees != "true" {
        let account = in_sql(&account);
        let why = format!("{account} may not see others' jobs of pg_cron in database {kept}");
        let next =
            format!("grant usage on schema {schema} to {account} there; alter role {account} bypassrls");
        return Err(there.broken(why, next));
    }
    let jobs = "select jobid::text, coalesce(jobname, ''), schedule, username::text from cron.job
                where active and database = $1 order by jobid";
    let at = side.name();
    let found = |[id, name, schedule, account]: [String; 4]| {
        let named = if name.is_empty() { String::new() } else { format!(" ({name})") };
        Found::new(
            format!("job {id}{named} of {account} at {at}"),
            format!(
                "runs by pg_cron ({schedule}): it writes beside replication, and on both sides after the switch"
            ),
            format!("in database {}: select cron.alter_job({}, active := false)", literal(&kept), id),
        )
    };
    Ok(there.texts(jobs, &[&here]).await?.into_iter().map(found).collect())
}
