//! What the server knows of a table without reading it.

use tokio_postgres::Client;

use super::asking::Asking as _;
use super::connection::Problem;
use super::look;
use super::sql::quoted_name;
use crate::databases::snapshot::{Outline, Selection};

/// From this correlation on (of values with their order in storage, 1 or -1 where it is perfect) a range of keys is read
/// through the index about as cheaply as it lies there.
const IN_ORDER: f32 = 0.9;

/// Rows as the planner reckons them: the density at the last `ANALYZE`, by the size now (`estimate_rel_size` in PostgreSQL's
/// `plancat.c`). Partitions are added up. Ranges of tids are scanned by themselves since PostgreSQL 14.
const SQL: &str = "with recursive parts as (
      select c.oid, c.relkind, c.reltuples::float8 as tuples, c.relpages as pages from pg_class c where c.oid = $1::text::regclass
      union all
      select c.oid, c.relkind, c.reltuples, c.relpages from parts p join pg_inherits i on i.inhparent = p.oid
        join pg_class c on c.oid = i.inhrelid where c.relispartition),
    sized as (select *, pg_relation_size(oid) / current_setting('block_size')::bigint as blocks from parts where relkind <> 'p')
    select bool_or(blocks > 0 and (tuples < 0 or pages = 0)),
      coalesce(sum(case when pages > 0 and tuples >= 0 then tuples / pages * blocks end), 0)::bigint,
      coalesce(max(blocks), 0)::bigint,
      current_setting('server_version_num')::int >= 140000,
      count(*) = 1,
      (select max(abs(s.correlation)) from pg_stats s, pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.oid = $1::text::regclass and s.schemaname = n.nspname and s.tablename = c.relname and s.attname = $2)
    from sized";

/// Reads it; counts the rows of a table that has never been analyzed.
pub(super) async fn read(client: &Client, of: &Selection) -> Result<Outline, Problem> {
    let key = of.key.first().map_or("", String::as_str);
    let row = client.row(SQL, &[&quoted_name(&of.table), &key]).await?;
    let (unknown, rows, blocks): (Option<bool>, i64, i64) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (by_blocks, in_one, correlation): (bool, bool, Option<f32>) =
        (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let rows = match unknown {
        Some(true) => look::count(client, &of.table).await?,
        Some(false) | None => rows.unsigned_abs(),
    };
    // Most numbers of rows are given out in the order in which rows are stored.
    let by_key = correlation.is_none_or(|it| it.abs() >= IN_ORDER);
    Ok(Outline {
        rows,
        by_key,
        // Each partition has an index of its own, and every one would be asked for each bucket.
        in_order: by_key && in_one,
        blocks: by_blocks.then_some(blocks.unsigned_abs()),
    })
}
