//! What is read of a server: who it is, where its log stands, what it is made of.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::asking::Asking as _;
use super::connection::{Problem, known};
use super::sql::{OBJECTS, USER_TABLES, quoted_name};
use crate::clock::Timestamp;
use crate::databases::{Column, Identity, Rows, Schema, Sequence, Table, Value};

/// The process that runs, and the database in it.
pub(super) const PLACE: &str =
    "select s.system_identifier || '/' || extract(epoch from pg_postmaster_start_time()) || '/' || d.oid
     from pg_control_system() s, pg_database d where d.datname = current_database()";

/// Which system this is.
///
/// A copy of a server shares its system identifier, and so does every database of a server: the place is the process that runs, and
/// the database in it.
pub(super) async fn identity(client: &Client, row: Option<&str>) -> Result<Identity, Problem> {
    let sql = format!(
        "select (select system_identifier::text from pg_control_system()), ({PLACE}), current_setting('server_version')"
    );
    let about = client.row(&sql, &[]).await?;
    let row = match row {
        None => None,
        Some(sql) => Some(single(&query(client, sql).await?)?),
    };
    Ok(Identity {
        system: about.try_get(0)?,
        place: Some(about.try_get(1)?),
        version: about.try_get(2)?,
        row,
    })
}

fn single(rows: &Rows) -> Result<Value, Problem> {
    rows.single().cloned().ok_or_else(|| {
        Problem::broken(
            format!("the identity's query gave {} rows of {} columns", rows.rows.len(), rows.columns.len()),
            "write one that gives one row of one column",
        )
    })
}

/// The time that a marker carries.
pub(super) async fn marker(client: &Client, id: &str) -> Result<Option<Timestamp>, Problem> {
    let sql = "select (extract(epoch from made) * 1000)::bigint from cutover.marker where id = $1";
    let found = client.row_if_any(sql, &[&id]).await.map_err(known)?;
    Ok(found.map(|row| row.try_get(0)).transpose()?.map(Timestamp))
}

/// The tables with people's data: a partitioned one stands for its partitions.
pub(super) async fn tables(client: &Client) -> Result<Vec<Table>, Problem> {
    let sql = format!(
        "select format('%s.%s', n.nspname, c.relname),
           array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
                   and not a.attisdropped order by a.attnum),
           array(select format_type(a.atttypid, a.atttypmod) from pg_attribute a where a.attrelid = c.oid
                   and a.attnum > 0 and not a.attisdropped order by a.attnum),
           array(select a.attname::text from pg_index i, unnest(i.indkey) with ordinality k(attnum, at)
                   join pg_attribute a on a.attnum = k.attnum
                   where i.indrelid = c.oid and a.attrelid = c.oid and i.indisprimary order by k.at),
           coalesce((select i.indnatts = 1 and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
                   from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                   where i.indrelid = c.oid and i.indisprimary), false),
           concat_ws(',', c.oid, c.relfilenode,
             (select string_agg(concat(p.oid, '/', p.relfilenode), ',' order by p.oid)
              from pg_partition_tree(c.oid) t join pg_class p on p.oid = t.relid))
         from {USER_TABLES} order by 1"
    );
    let rows = client.rows(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let (names, types): (Vec<String>, Vec<String>) = (row.try_get(1)?, row.try_get(2)?);
            let columns =
                names.into_iter().zip(types).map(|(name, type_name)| Column { name, type_name }).collect();
            Ok(Table {
                name: row.try_get(0)?,
                columns,
                key: row.try_get(3)?,
                integer_key: row.try_get(4)?,
                made: row.try_get(5)?,
            })
        })
        .collect()
}

/// Where each sequence stands (`pg_sequences`).
pub(super) async fn sequences(client: &Client) -> Result<Vec<Sequence>, Problem> {
    let sql = "select format('%s.%s', schemaname, sequencename), last_value, increment_by from pg_sequences
               where schemaname <> 'cutover' order by 1";
    let rows = client.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(Sequence { name: row.try_get(0)?, last: row.try_get(1)?, step: row.try_get(2)? }))
        .collect()
}

/// How many rows a table has.
pub(super) async fn count(client: &Client, table: &str) -> Result<u64, Problem> {
    let counted: i64 =
        client.row(&format!("select count(*) from {}", quoted_name(table)), &[]).await?.try_get(0)?;
    Ok(u64::try_from(counted).unwrap_or_default())
}

/// One query that can change nothing, and cannot leave its transaction: more than one statement is refused by
/// the server's own protocol for prepared ones.
pub(super) async fn query(client: &Client, sql: &str) -> Result<Rows, Problem> {
    client.batch_execute("begin read only").await?;
    let answer = prepared(client, sql).await;
    client.batch_execute("rollback").await?;
    answer
}

async fn prepared(client: &Client, sql: &str) -> Result<Rows, Problem> {
    // Prepared for its columns and for being one statement; asked as text, since a person's query may give any type.
    let columns =
        client.prepare(sql).await?.columns().iter().map(|c| c.name().to_owned()).collect::<Vec<_>>();
    let mut rows = Rows { columns, rows: Vec::new(), more: false };
    for message in client.simple_query(sql).await? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        if rows.rows.len() == Rows::MOST {
            rows.more = true;
            break;
        }
        let values = (0..row.len()).map(|i| row.try_get(i).map(|text| text.map_or(Value::Null, Value::text)));
        rows.rows.push(values.collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

/// Every object that people make, by what defines it. Ours are left out.
pub(super) async fn schema(client: &mut Client) -> Result<Schema, Problem> {
    // Definitions are written without the schemas that are in the path: with none of people's in it, they are written
    // in full, whatever the account's own path is.
    let tx = client.transaction().await?;
    tx.batch_execute("set local search_path = pg_catalog").await?;
    let mut schema = Schema::default();
    for row in tx.rows(OBJECTS, &[]).await? {
        schema.define(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    }
    tx.commit().await?;
    Ok(schema)
}
