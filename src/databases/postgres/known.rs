//! What is known of tables when rows are read out of the log: the log itself does not say which columns are a key.
//!
//! Source: `pg_class.relreplident` for what the log has of a row's old key.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::asking::Asking as _;
use super::connection::Problem;

/// What has to be known of a table to read its keys out of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The table that it is compared as: itself, or what it is a partition of.
    pub(super) of: String,
    pub(super) key: Vec<String>,
    /// The log has a row's old key when that changes.
    pub(super) by_key: bool,
}

/// Every table, partitions too, by the name that the slot has for it.
pub(super) async fn tables(client: &Client) -> Result<HashMap<String, Known>, Problem> {
    let sql = "select format('%I.%I', n.nspname, c.relname), format('%s.%s', rn.nspname, r.relname),
          array(select a.attname::text from pg_index i, unnest(i.indkey) with ordinality k(attnum, at)
                  join pg_attribute a on a.attnum = k.attnum
                  where i.indrelid = r.oid and a.attrelid = r.oid and i.indisprimary order by k.at),
          c.relreplident = 'f' or (c.relreplident = 'd'
            and exists (select 1 from pg_index i where i.indrelid = c.oid and i.indisprimary))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
          join pg_class r on r.oid = case when c.relispartition then pg_partition_root(c.oid) else c.oid end
          join pg_namespace rn on rn.oid = r.relnamespace
        where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'cutover')";
    let mut all = HashMap::new();
    for row in client.rows(sql, &[]).await? {
        let known = Known { of: row.try_get(1)?, key: row.try_get(2)?, by_key: row.try_get(3)? };
        all.insert(row.try_get(0)?, known);
    }
    Ok(all)
}

/// Tables whose rows do not stand in the log; of a partitioned one, a part is enough.
pub(super) async fn unlogged(client: &Client) -> Result<Vec<String>, Problem> {
    let sql = "select distinct format('%s.%s', n.nspname, r.relname) from pg_class c
        join pg_class r on r.oid = case when c.relispartition then pg_partition_root(c.oid) else c.oid end
        join pg_namespace n on n.oid = r.relnamespace
        where c.relkind = 'r' and c.relpersistence = 'u'
          and n.nspname not in ('pg_catalog', 'information_schema', 'cutover')";
    client.rows(sql, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
