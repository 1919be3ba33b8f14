//! What was written, and by whom: triggers that enter each row into `cutover.change`, and the server's own counters
//! where there is no trigger yet.
//!
//! A trigger says what no log does, the account and the host; and replication does not pass it, which applies with
//! `session_replication_role = replica`. It costs nothing while nobody writes, which is what is watched.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::asking::Asking as _;
use super::connection::{Problem, known, writing};
use super::convention::{PREFIX, SYSTEM};
use super::sql::{USER_TABLES, literal, quoted_table};
use super::wal::{self, Lsn};
use crate::clock::Timestamp;
use crate::databases::{Change, Op, Position, Writes};

/// Tuples written so far, by table (`pg_stat_user_tables`): as JSON.
pub(super) const COUNTERS: &str =
    "coalesce((select jsonb_object_agg(format('%s.%s', schemaname, relname), n_tup_ins + n_tup_upd + n_tup_del)
       from pg_stat_user_tables), '{}')";
/// How long a table is waited for where writes must be noted …
const PATIENCE: &str = "2500ms";
/// … and where it would be good if they were.
const FREE: &str = "100ms";

/// Sees to it that every write is noted from now on.
pub(super) async fn note(client: &mut Client) -> Result<(), Problem> {
    if standby(client).await? {
        return Ok(());
    }
    for table in unnoted(client).await? {
        table.note(client, PATIENCE).await?;
    }
    Ok(())
}

/// The same, for tables that nobody holds at the moment.
pub(super) async fn note_what_is_free(client: &mut Client) -> Result<(), Problem> {
    for table in unnoted(client).await? {
        match table.note(client, FREE).await {
            Err(Problem::Server(why)) if why.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
            other => other?,
        }
    }
    Ok(())
}

/// A table whose writes are not noted.
struct Unnoted {
    /// As the catalogue has it.
    name: String,
    /// As it stands in SQL.
    quoted: String,
    key: Vec<String>,
}

impl Unnoted {
    async fn note(&self, client: &mut Client, patience: &str) -> Result<(), Problem> {
        let arguments: Vec<String> =
            std::iter::once(&self.name).chain(&self.key).map(|text| literal(text)).collect();
        let (table, arguments) = (&self.quoted, arguments.join(", "));
        let tx = writing(client).await?;
        tx.batch_execute(&format!(
            "set local lock_timeout = '{patience}';
             drop trigger if exists {PREFIX}note on {table};
             drop trigger if exists {PREFIX}note_all on {table};
             create trigger {PREFIX}note after insert or update or delete on {table}
               for each row execute function cutover.note({arguments});
             create trigger {PREFIX}note_all after truncate on {table}
               for each statement execute function cutover.note({arguments})"
        ))
        .await
        .map_err(known)?;
        Ok(tx.commit().await?)
    }
}

async fn unnoted(client: &Client) -> Result<Vec<Unnoted>, Problem> {
    let sql = format!(
        "select n.nspname::text, c.relname::text, format('%s.%s', n.nspname, c.relname),
           array(select a.attname::text from pg_index i, unnest(i.indkey) with ordinality k(attnum, at)
                   join pg_attribute a on a.attnum = k.attnum
                   where i.indrelid = c.oid and a.attrelid = c.oid and i.indisprimary order by k.at)
         from {USER_TABLES} and not exists (select from pg_trigger t where t.tgrelid = c.oid
           and t.tgname = '{PREFIX}note' and t.tgenabled in ('O', 'A')) order by 3"
    );
    let rows = client.rows(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let quoted = quoted_table(row.try_get(0)?, row.try_get(1)?);
            Ok(Unnoted { quoted, name: row.try_get(2)?, key: row.try_get(3)? })
        })
        .collect()
}

/// A standby takes no writes from anybody.
async fn standby(client: &Client) -> Result<bool, Problem> {
    Ok(client.row("select pg_is_in_recovery()", &[]).await?.try_get(0)?)
}

/// What was written since a position by anybody but replication.
pub(super) async fn since(client: &Client, position: &Position) -> Result<Writes, Problem> {
    let after = Lsn::of(position)?;
    let until = wal::end(client).await?;
    if standby(client).await? {
        return Ok(Writes {
            total: 0,
            tables: Vec::new(),
            first: Vec::new(),
            last_at: None,
            until: until.position(),
        });
    }
    if after > until {
        return Err(Problem::broken(
            format!("its log ends at {}, before {position}", until.position()),
            "it is another server than the one that this position is of, or it was set back",
        ));
    }
    let noted = format!("from cutover.change where system = {SYSTEM} and lsn > $1::text::pg_lsn");
    let count = format!("select tbl, count(*) {noted} group by tbl order by tbl");
    let mut tables = Vec::new();
    for row in client.rows(&count, &[&position.0]).await.map_err(known)? {
        let rows: i64 = row.try_get(1)?;
        tables.push((row.try_get::<_, String>(0)?, u64::try_from(rows).unwrap_or_default()));
    }
    let list = format!(
        "select tbl, key::text, op, (extract(epoch from at) * 1000)::bigint, lsn::text,
           concat_ws(' ', account, nullif(application, ''), 'from ' || client) {noted} order by seq limit {}",
        Writes::LISTED
    );
    let mut first = Vec::new();
    for row in client.rows(&list, &[&position.0]).await? {
        let op: String = row.try_get(2)?;
        first.push(Change {
            table: row.try_get(0)?,
            key: row.try_get(1)?,
            op: match op.as_str() {
                "insert" => Op::Insert,
                "update" => Op::Update,
                // Of a table that was emptied the key is `[]`.
                _ => Op::Delete,
            },
            at: Timestamp(row.try_get(3)?),
            position: Position(row.try_get(4)?),
            by: row.try_get(5)?,
        });
    }
    let newest = format!("select (extract(epoch from max(at)) * 1000)::bigint {noted}");
    let last_at: Option<i64> = client.row(&newest, &[&position.0]).await?.try_get(0)?;
    count_what_is_not_noted(client, &mut tables).await?;
    Ok(Writes {
        total: tables.iter().map(|(_, rows)| rows).sum(),
        tables,
        first,
        last_at: last_at.map(Timestamp),
        until: until.position(),
    })
}

/// Tables without a trigger, by how far their counters have moved since the fence.
async fn count_what_is_not_noted(client: &Client, tables: &mut Vec<(String, u64)>) -> Result<(), Problem> {
    let unnoted = unnoted(client).await?;
    if unnoted.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "select s.name, s.now::bigint - (f.counters ->> s.name)::bigint
         from cutover.fence f, jsonb_each_text({COUNTERS}) s(name, now)
         where f.system = {SYSTEM} and f.state <> 'open' and s.name = any($1)"
    );
    let names: Vec<&str> = unnoted.iter().map(|table| table.name.as_str()).collect();
    let rows = client.rows(&sql, &[&names]).await?;
    for name in names {
        let moved = rows.iter().find(|row| row.try_get::<_, &str>(0).is_ok_and(|found| found == name));
        let moved: Option<i64> = moved.map(|row| row.try_get(1)).transpose()?.flatten();
        match moved {
            Some(0) => {}
            Some(moved) if moved > 0 => tables.push((name.to_owned(), moved.unsigned_abs())),
            Some(_) | None => {
                return Err(Problem::broken(
                    format!("nobody notes what is written to {name}"),
                    "end what holds the table, or look whether the account may make triggers on it",
                ));
            }
        }
    }
    Ok(())
}
